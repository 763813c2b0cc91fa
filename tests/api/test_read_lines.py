"""Ledger Lines: looked up, listed by account and by ledger, eventual and strong."""

from typing import Any

import pytest

from shared.ledger.identifiers import account_id, entry_id
from shared.ledger.ledgers import Ledger
from tests.builders_schema import edited, quickstart
from tests.read_rig import NOW_MS, OTHER_WORKSPACE, WORKSPACE, ReadRig

LINE = """
query line($line: LedgerLineMatchInput!) {
  ledgerLine(ledgerLine: $line) {
    id amount magnitude: amount(absolute: true) type key description currency { code precision }
    posted created date hidden isReversal isReversed reversedAt reverses { id } reversedBy { id }
    account { id path type name } accountId ledger { ik } ledgerId ledgerEntry { ik } ledgerEntryId
    tags { key value } tx { id } txId externalTxId workspaceId
  }
}
"""
LINES = """
query lines(
  $path: String!, $filter: LedgerLinesFilterSet, $first: Int, $after: String, $before: String
) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
    id path
    lines(filter: $filter, first: $first, after: $after, before: $before) {
      nodes { id posted created amount description currency { code } account { path } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}
"""
LEDGER_LINES = """
query lines($filter: LedgerLinesFilterSet!) {
  ledger(ledger: {ik: "main"}) { lines(filter: $filter) { nodes { amount account { path } } } }
}
"""
CASH = "assets/banks/user-cash"
AVAILABLE = "liabilities/users:u1/available"
STRONG_LINES = {"chartOfAccounts.defaultConsistencyConfig": {"lines": "strong"}}
HOUR_MS = 3_600_000


def amounts(answer: Any) -> list[str]:
    return [node["amount"] for node in answer.data["ledgerAccount"]["lines"]["nodes"]]


async def post_hours(
    reader: ReadRig, count: int, edits: dict[str, Any] | None = None, **fields: Any
) -> Ledger:
    """`count` entries of 1, 2, 3, … an hour apart, the oldest first."""
    ledger = await reader.ledger("main", edited(quickstart(), edits or {}))
    for number in range(1, count + 1):
        posted_ms = NOW_MS + number * HOUR_MS
        lines = ((CASH, number), (AVAILABLE, number))
        await reader.post(ledger, f"e{number}", posted_ms, *lines, **fields)
    return ledger


async def test_a_line_says_everything_of_itself_and_its_entry(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    entry = await reader.post(
        ledger, "one", 0, (CASH, -7), (AVAILABLE, -7), description="Payout",
        line_fields={"key": "k", "tags": (("flow", "ach"),)},
    )  # fmt: skip
    account = await reader.account(ledger, AVAILABLE)
    answer = await reader.ask(LINE, line={"id": f"{entry.id}-1"})
    assert answer.data["ledgerLine"] == {
        "id": f"{entry.id}-1",
        "amount": "-7",
        "magnitude": "7",
        "type": "debit",
        "key": "k",
        "description": "Payout",
        "currency": {"code": "USD", "precision": 2},
        "posted": "1970-01-01T00:00:00.000Z",
        "created": "2023-11-14T22:13:20.000Z",
        "date": "1970-01-01",
        "hidden": False,
        "isReversal": False,
        "isReversed": False,
        "reversedAt": None,
        "reverses": None,
        "reversedBy": None,
        "account": {
            "id": account.id,
            "path": AVAILABLE,
            "type": "liability",
            "name": f"Account {AVAILABLE}",
        },
        "accountId": account.id,
        "ledger": {"ik": "main"},
        "ledgerId": ledger.id,
        "ledgerEntry": {"ik": "one"},
        "ledgerEntryId": entry.id,
        "tags": [{"key": "flow", "value": "ach"}],
        "tx": None,
        "txId": None,
        "externalTxId": None,
        "workspaceId": "workspace",
    }


async def test_debit_and_credit_follow_the_accounts_type_and_the_sign(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    entry = await reader.post(
        ledger, "one", 0, (CASH, 5), (CASH, -5), (AVAILABLE, 5), (AVAILABLE, -5),
        ("income", 1), ("income", -1), ("expense", 1), ("expense", -1),
    )  # fmt: skip
    query = """query ($id: ID!) {
      ledgerEntry(ledgerEntry: {id: $id}) { lines { nodes { type } } } }"""
    answer = await reader.ask(query, id=entry.id)
    sides = [node["type"] for node in answer.data["ledgerEntry"]["lines"]["nodes"]]
    pairs = [("debit", "credit"), ("credit", "debit"), ("credit", "debit"), ("debit", "credit")]
    assert sides == [side for pair in pairs for side in pair]


async def test_a_line_that_is_not_there_is_null(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    entry = await reader.post(ledger, "one", 0, (CASH, 5), (AVAILABLE, 5))
    for line_id in (entry.id, f"{entry.id}-2", f"{entry.id}-00", f"{'0' * 32}-0", "x-1", ""):
        answer = await reader.ask(LINE, line={"id": line_id})
        assert answer.data == {"ledgerLine": None}, line_id
    answer = await reader.ask(LINE, as_workspace=OTHER_WORKSPACE, line={"id": f"{entry.id}-0"})
    assert answer.data == {"ledgerLine": None}


async def test_a_reversed_line_names_its_counterpart(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    ids = [entry_id(ledger.id, "one", position) for position in (1, 2)]
    await reader.post(ledger, "one", 0, (CASH, 5), (AVAILABLE, 5), reversed_by=ids[1],
                      reversed_at_ms=NOW_MS)  # fmt: skip
    await reader.post(ledger, "one", 0, (CASH, -5), (AVAILABLE, -5), position=2, reverses=ids[0])
    reversed_line = (await reader.ask(LINE, line={"id": f"{ids[0]}-1"})).data["ledgerLine"]
    assert reversed_line["reversedBy"] == {"id": f"{ids[1]}-1"}
    assert reversed_line["hidden"] is True
    reversing_line = (await reader.ask(LINE, line={"id": f"{ids[1]}-0"})).data["ledgerLine"]
    assert reversing_line["reverses"] == {"id": f"{ids[0]}-0"}


async def test_an_accounts_lines_are_newest_first_with_one_search(reader: ReadRig) -> None:
    await post_hours(reader, 7)
    await reader.ask(LINES, path=CASH, first=1)
    answer = await reader.ask(LINES, path=CASH, first=3)
    assert (reader.calls, reader.searches) == ({}, [1])
    assert amounts(answer) == ["7", "6", "5"]
    page = answer.data["ledgerAccount"]["lines"]["pageInfo"]
    second = await reader.ask(LINES, path=CASH, after=page["endCursor"])
    assert amounts(second) == ["4", "3", "2"]
    before = second.data["ledgerAccount"]["lines"]["pageInfo"]["startCursor"]
    assert (await reader.ask(LINES, path=CASH, before=before)).data == answer.data
    foreign = await reader.ask(LINES, path=AVAILABLE, after=page["endCursor"])
    assert [code for code, _ in foreign.refusals] == ["invalid_cursor"]


async def test_an_accounts_lines_are_filtered(reader: ReadRig) -> None:
    await post_hours(reader, 5, line_fields={"key": "k", "tags": (("a", "b"),)})
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"key": {"equalTo": "k"}}, ["5", "4", "3", "2", "1"]),
        ({"key": {"notEqualTo": "k"}}, []),
        ({"type": {"equalTo": "credit"}}, []),
        ({"tag": {"equalTo": {"key": "a", "value": "b"}}, "type": {"equalTo": "debit"}},
         ["5", "4", "3", "2", "1"]),
        ({"posted": {"after": "2023-11-15T00:13:20Z", "before": "2023-11-15T01:13:20Z"}},
         ["3", "2"]),
        ({"currency": {"equalTo": {"code": "EUR"}}}, []),
    ]  # fmt: skip
    for given, expected in cases:
        assert amounts(await reader.ask(LINES, path=CASH, filter=given)) == expected, given


async def test_lines_are_listed_by_their_txs_on_linked_accounts_only(reader: ReadRig) -> None:
    await post_hours(reader, 1)
    answer = await reader.ask(LINES, path=CASH, filter={"externalTxIds": ["bank-1"]})
    message = "filter.externalTxIds: it works on Linked Ledger Accounts only."
    assert answer.refusals == [("invalid_filter", message)]


async def test_lines_of_large_entries_are_loaded_together(reader: ReadRig) -> None:
    await post_hours(reader, 3, parameters={"long": "x" * 5_000})
    await reader.ask(LINES, path=CASH)
    answer = await reader.ask(LINES, path=CASH)
    assert (reader.calls, reader.searches) == ({"BatchGetItem": 1}, [1])
    assert amounts(answer) == ["3", "2", "1"]


async def test_strong_lines_show_what_is_not_indexed(reader: ReadRig) -> None:
    await post_hours(reader, 5, STRONG_LINES, indexed=False)
    await reader.ask(LINES, path=CASH)
    answer = await reader.ask(LINES, path=CASH, first=2)
    assert (reader.calls, reader.searches) == ({"Query": 1, "BatchGetItem": 1}, [])
    assert amounts(answer) == ["5", "4"]
    page = answer.data["ledgerAccount"]["lines"]["pageInfo"]
    second = await reader.ask(LINES, path=CASH, after=page["endCursor"])
    assert amounts(second) == ["3", "2"]
    narrow = {"posted": {"after": "2023-11-15T00:13:20Z", "before": "2023-11-15T01:13:20Z"}}
    assert amounts(await reader.ask(LINES, path=CASH, filter=narrow)) == ["3", "2"]
    assert amounts(await reader.ask(LINES, path=CASH, filter={"type": {"equalTo": "credit"}})) == []
    by_ledger = {"filter": {"path": {"equalTo": CASH}}}
    answer = await reader.ask(LEDGER_LINES, **by_ledger)
    nodes = answer.data["ledger"]["lines"]["nodes"]
    assert [node["amount"] for node in nodes] == ["5", "4", "3", "2", "1"]


async def test_a_ledgers_lines_are_those_of_the_accounts_that_the_filter_names(
    reader: ReadRig,
) -> None:
    ledger = await post_hours(reader, 2)
    other = "liabilities/users:u2/available"
    await reader.post(ledger, "other", NOW_MS, (CASH, 9), (other, 9))
    cases: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
        ({"path": {"matches": "liabilities/users:*/available"}},
         [("2", AVAILABLE), ("1", AVAILABLE), ("9", other)]),
        ({"path": {"equalTo": CASH}}, [("2", CASH), ("1", CASH), ("9", CASH)]),
        ({"ledgerAccount": {"equalTo": {"path": other}}}, [("9", other)]),
        ({"path": {"matches": "assets/*"}}, [("2", CASH), ("1", CASH), ("9", CASH)]),
    ]  # fmt: skip
    for given, expected in cases:
        answer = await reader.ask(LEDGER_LINES, filter=given)
        nodes = answer.data["ledger"]["lines"]["nodes"]
        found = [(node["amount"], node["account"]["path"]) for node in nodes]
        assert found == expected, given
        assert reader.searches == [1]
    answer = await reader.ask(LEDGER_LINES, filter={})
    message = "filter: Ledger.lines needs ledgerAccount or path, and not both."
    assert answer.refusals == [("invalid_filter", message)]


@pytest.mark.parametrize("edits", [STRONG_LINES, {}], ids=["strong", "eventual"])
@pytest.mark.parametrize("workspace", [WORKSPACE, OTHER_WORKSPACE])
async def test_a_ledgers_lines_of_another_ledgers_account_are_an_empty_page(
    reader: ReadRig, edits: dict[str, Any], workspace: str
) -> None:
    schema = edited(quickstart(), edits)
    main = await reader.ledger("main", schema)
    second = await reader.ledger("second", schema, workspace_id=workspace)
    await reader.post(main, "in", 1, (CASH, 7), (AVAILABLE, 7))
    await reader.post(second, "in", 1, (CASH, 500), (AVAILABLE, 500))
    query = """query lines($filter: LedgerLinesFilterSet!, $own: LedgerLinesFilterSet!) {
      ledger(ledger: {ik: "main"}) {
        lines(filter: $filter) { nodes { amount } pageInfo {
          hasNextPage endCursor hasPreviousPage startCursor } }
        own: lines(filter: $own) { nodes { amount } } ledgerEntries { nodes { ik } } } }"""
    own = {"ledgerAccount": {"equalTo": {"path": CASH}}}
    await reader.ask(query, filter=own, own=own)  # the process knows main's account
    for leaf in (CASH, AVAILABLE):
        match = {"id": account_id(second.id, leaf)}
        for operator in ({"equalTo": match}, {"in": [match]}):
            answer = await reader.ask(query, filter={"ledgerAccount": operator}, own=own)
            assert answer.data["ledger"] == {
                "lines": {
                    "nodes": [],
                    "pageInfo": {
                        "hasNextPage": False,
                        "endCursor": None,
                        "hasPreviousPage": False,
                        "startCursor": None,
                    },
                },
                "own": {"nodes": [{"amount": "7"}]},
                "ledgerEntries": {"nodes": [{"ik": "in"}]},
            }
