"""Ledger Accounts: looked up, listed, related to each other; what of them costs a read."""

from dataclasses import replace
from typing import Any

from shared.ledger.ledgers import Ledger
from tests.builders_schema import multi_currency, quickstart
from tests.read_rig import NOW_MS, OTHER_WORKSPACE, ReadRig

ACCOUNT = """
query account($account: LedgerAccountMatchInput!) {
  ledgerAccount(ledgerAccount: $account) {
    id ik path name type created currencyMode currency { code } ledgerId dashboardUrl workspaceId
    parentLedgerAccountId parentLedgerAccount { path type } ledger { ik }
    consistencyConfig { lines ownBalanceUpdates totalBalanceUpdates }
    clearingStatus postedWindow { earliest } link { id } linkedAccount { id }
  }
}
"""
ACCOUNTS = """
query accounts($filter: LedgerAccountsFilterSet, $first: Int, $after: String, $before: String) {
  ledger(ledger: {ik: "main"}) {
    ledgerAccounts(filter: $filter, first: $first, after: $after, before: $before) {
      nodes { path name type created }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}
"""
PATH_AND_NAME = """
query ($path: String!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) { path name }
}
"""
AVAILABLE = "liabilities/users:u1/available"


async def open_ledger(reader: ReadRig) -> Ledger:
    ledger = await reader.ledger("main", quickstart())
    reader.clock.advance(5)
    await reader.account(ledger, AVAILABLE)
    return ledger


def paths(answer: Any) -> list[str]:
    return [node["path"] for node in answer.data["ledger"]["ledgerAccounts"]["nodes"]]


async def test_an_account_is_found_by_path_by_id_and_by_both(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    account = await reader.account(ledger, AVAILABLE)
    expected = {
        "id": account.id,
        "ik": AVAILABLE,
        "path": AVAILABLE,
        "name": f"Account {AVAILABLE}",
        "type": "liability",
        "created": "2023-11-14T22:13:20.005Z",
        "currencyMode": "single",
        "currency": {"code": "USD"},
        "ledgerId": ledger.id,
        "dashboardUrl": f"http://127.0.0.1:8000/ledgers/{ledger.id}/accounts/{account.id}",
        "workspaceId": "workspace",
        "parentLedgerAccountId": account.parent_id,
        "parentLedgerAccount": {"path": "liabilities/users:u1", "type": "liability"},
        "ledger": {"ik": "main"},
        "consistencyConfig": {
            "lines": "eventual",
            "ownBalanceUpdates": "strong",
            "totalBalanceUpdates": "eventual",
        },
        "clearingStatus": None,
        "postedWindow": None,
        "link": None,
        "linkedAccount": None,
    }
    by_path = {"path": AVAILABLE, "ledger": {"ik": "main"}}
    for match in (by_path, {"id": account.id}, {"id": account.id, **by_path}):
        assert (await reader.ask(ACCOUNT, account=match)).data == {"ledgerAccount": expected}


async def test_a_root_account_has_no_parent(reader: ReadRig) -> None:
    await open_ledger(reader)
    answer = await reader.ask(ACCOUNT, account={"path": "income", "ledger": {"ik": "main"}})
    account = answer.data["ledgerAccount"]
    assert account["parentLedgerAccount"] is None
    assert account["parentLedgerAccountId"] is None


async def test_an_account_that_is_not_there_is_null(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    other = await reader.ledger("other", quickstart())
    account = await reader.account(ledger, AVAILABLE)
    matches: list[dict[str, Any]] = [
        {"path": "liabilities/users:nobody", "ledger": {"ik": "main"}},
        {"path": "", "ledger": {"ik": "main"}},
        {"path": "x" * 5_000, "ledger": {"ik": "main"}},
        {"path": "a\u0000b", "ledger": {"ik": "main"}},
        {"path": AVAILABLE, "ledger": {"ik": "nobody"}},
        {"path": AVAILABLE, "ledger": {"id": other.id}},
        {"id": "0" * 32},
        {"id": "x"},
        {"id": account.id, "path": "income"},
        {"id": account.id, "ledger": {"id": other.id}},
    ]
    for match in matches:
        assert (await reader.ask(ACCOUNT, account=match)).data == {"ledgerAccount": None}


async def test_accounts_of_another_workspace_or_a_deleted_ledger_are_not_found(
    reader: ReadRig,
) -> None:
    ledger = await open_ledger(reader)
    account = await reader.account(ledger, AVAILABLE)
    await reader.ask(ACCOUNT, account={"id": account.id})  # known to the process
    answer = await reader.ask(ACCOUNT, as_workspace=OTHER_WORKSPACE, account={"id": account.id})
    assert answer.data == {"ledgerAccount": None}
    await reader.ledger("main", quickstart(), state="deleted")
    reader.clock.advance(1_000)
    for match in ({"id": account.id}, {"path": AVAILABLE, "ledger": {"ik": "main"}}):
        assert (await reader.ask(ACCOUNT, account=match)).data == {"ledgerAccount": None}


async def test_a_match_that_names_nothing_is_refused(reader: ReadRig) -> None:
    await open_ledger(reader)
    rule = "ledgerAccount must name a Ledger Account by id, or by path and ledger."
    required = "ledgerAccount.ledger must name the Ledger, by id or ik."
    nothing = "ledgerAccount.ledger must name a Ledger by id or ik."
    cases: list[tuple[dict[str, Any], tuple[str, str]]] = [
        ({}, ("invalid_match", rule)),
        ({"ledger": {"ik": "main"}}, ("invalid_match", rule)),
        ({"path": "income"}, ("ledger_required", required)),
        ({"path": "income", "ledger": {}}, ("invalid_match", nothing)),
    ]
    for match, refusal in cases:
        assert (await reader.ask(ACCOUNT, account=match)).refusals == [refusal]


async def test_an_account_the_process_has_seen_costs_no_read_but_for_its_name(
    reader: ReadRig,
) -> None:
    ledger = await open_ledger(reader)
    await reader.ask(PATH_AND_NAME, path=AVAILABLE)
    assert reader.calls == {"GetItem": 2, "BatchGetItem": 1}
    query = """query ($one: String!, $other: String!) {
      one: ledgerAccount(ledgerAccount: {path: $one, ledger: {ik: "main"}}) { id }
      other: ledgerAccount(ledgerAccount: {path: $other, ledger: {ik: "main"}}) {
        id path type ik created currencyMode ledgerId } }"""
    await reader.ask(query, one="income", other=AVAILABLE)
    assert reader.calls == {"BatchGetItem": 1}
    await reader.ask(query, one="income", other=AVAILABLE)
    assert reader.calls == {}
    account = await reader.account(ledger, AVAILABLE)
    await reader.rename(replace(account, name="Renamed", revision=2))
    answer = await reader.ask(PATH_AND_NAME, path=AVAILABLE)
    assert answer.data == {"ledgerAccount": {"path": AVAILABLE, "name": "Renamed"}}
    assert reader.calls == {"BatchGetItem": 1}


async def test_accounts_are_listed_newest_first_with_one_search(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    for number in range(5):
        reader.clock.advance(10)
        await reader.account(ledger, f"liabilities/users:u{number}")
    await reader.ask(ACCOUNTS, first=1)
    answer = await reader.ask(ACCOUNTS, first=3)
    assert (reader.calls, reader.searches) == ({}, [1])
    assert paths(answer) == [f"liabilities/users:u{number}" for number in (4, 3, 2)]
    page = answer.data["ledger"]["ledgerAccounts"]
    assert page["nodes"][0] == {
        "path": "liabilities/users:u4",
        "name": "Account liabilities/users:u4",
        "type": "liability",
        "created": "2023-11-14T22:13:20.050Z",
    }
    after = page["pageInfo"]["endCursor"]
    second = await reader.ask(ACCOUNTS, after=after)
    assert paths(second)[:2] == ["liabilities/users:u1", "liabilities/users:u0"]
    before = second.data["ledger"]["ledgerAccounts"]["pageInfo"]["startCursor"]
    assert (await reader.ask(ACCOUNTS, before=before)).data == answer.data


async def test_accounts_are_filtered(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    await reader.account(ledger, "liabilities/users:u2/available")
    account = await reader.account(ledger, AVAILABLE)
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"type": {"equalTo": "income"}}, {"income"}),
        ({"type": {"in": ["income", "expense"]}}, {"income", "expense"}),
        ({"hasParentLedgerAccount": False}, {"assets", "liabilities", "income", "expense"}),
        ({"path": {"matches": "liabilities/users:*/available"}},
         {AVAILABLE, "liabilities/users:u2/available"}),
        ({"path": {"equalTo": AVAILABLE}}, {AVAILABLE}),
        ({"path": {"contains": "cash"}}, {"assets/banks/user-cash"}),
        ({"ledgerAccount": {"in": [{"path": "income"}, {"id": account.id}]}},
         {"income", AVAILABLE}),
        ({"parentLedgerAccount": {"equalTo": {"path": "assets"}}}, {"assets/banks"}),
        ({"type": {"equalTo": "asset"}, "hasParentLedgerAccount": False}, {"assets"}),
    ]  # fmt: skip
    for given, expected in cases:
        assert set(paths(await reader.ask(ACCOUNTS, filter=given))) == expected, given


async def test_children_are_those_right_below(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    await reader.account(ledger, "liabilities/users:u1/pending")
    query = """query ($path: String!) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
        childLedgerAccounts { nodes { path } } } }"""
    children = {
        "liabilities": {"liabilities/users:u1"},
        "liabilities/users:u1": {AVAILABLE, "liabilities/users:u1/pending"},
        AVAILABLE: set(),
    }
    for path, expected in children.items():
        answer = await reader.ask(query, path=path)
        nodes = answer.data["ledgerAccount"]["childLedgerAccounts"]["nodes"]
        assert {node["path"] for node in nodes} == expected


async def test_a_multi_currency_account_has_no_currency(reader: ReadRig) -> None:
    await reader.ledger("main", multi_currency())
    query = """{ ledgerAccount(ledgerAccount: {path: "exposure", ledger: {ik: "main"}}) {
        currencyMode currency { code } } }"""
    answer = await reader.ask(query)
    assert answer.data == {"ledgerAccount": {"currencyMode": "multi", "currency": None}}


async def test_an_accounts_entries_are_those_that_have_a_line_on_it(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    cash = "assets/banks/user-cash"
    for number in range(3):
        user = f"liabilities/users:u{number % 2}/available"
        await reader.post(ledger, f"e{number}", NOW_MS + number, (cash, 5), (user, 5))
    query = """query ($path: String!) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
        ledgerEntries { nodes { ik } } } }"""
    iks = {cash: ["e2", "e1", "e0"], "liabilities/users:u0/available": ["e2", "e0"], "income": []}
    for path, expected in iks.items():
        answer = await reader.ask(query, path=path)
        nodes = answer.data["ledgerAccount"]["ledgerEntries"]["nodes"]
        assert [node["ik"] for node in nodes] == expected
