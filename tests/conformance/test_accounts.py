"""The official client works on a ledger without a Schema: its accounts, entries and balances."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import SchemaInput

from tests.conformance.asking import ask, eventually
from tests.conformance.books import Books, hour, iso
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

OPEN = """mutation open($ik: SafeString!) {
  createLedger(ik: $ik, ledger: {name: "Plain"}) {
    __typename ... on CreateLedgerResult { ledger { schema { key } } }
  }
}"""
CREATE = """mutation create($ik: SafeString!, $accounts: [CreateLedgerAccountsInput!]!) {
  createLedgerAccounts(ledger: {ik: $ik}, ledgerAccounts: $accounts) {
    __typename
    ... on CreateLedgerAccountsResult {
      ikReplays { ik isIkReplay }
      ledgerAccounts { id path ik name type currency { code } parentLedgerAccount { path } }
    }
    ... on Error { code message }
  }
}"""
CREATE_ONE = """mutation one(
  $ik: SafeString!, $ledger: SafeString!, $account: CreateLedgerAccountInput!
) {
  createLedgerAccount(ik: $ik, ledger: {ik: $ledger}, ledgerAccount: $account) {
    __typename
    ... on CreateLedgerAccountResult {
      isIkReplay
      ledgerAccount {
        path name type
        consistencyConfig { lines ownBalanceUpdates totalBalanceUpdates }
      }
    }
    ... on Error { code message }
  }
}"""
UPDATE = """mutation update($ik: SafeString!, $path: String!, $update: UpdateLedgerAccountInput!) {
  updateLedgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}, update: $update) {
    __typename
    ... on UpdateLedgerAccountResult {
      ledgerAccount { name consistencyConfig { ownBalanceUpdates } }
    }
    ... on Error { code message }
  }
}"""
POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    __typename
    ... on AddLedgerEntryResult { isIkReplay lines { id account { path name } } }
    ... on Error { code message }
  }
}"""
BALANCES = """query balances($ik: SafeString!, $path: String!, $at: LastMoment) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalance(at: $at) childBalance(at: $at) balance(at: $at)
  }
}"""
STRONG = """query strong($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    own: ownBalance(consistencyMode: use_account)
    total: balance(consistencyMode: use_account)
    lines { nodes { amount } }
  }
}"""
LISTED = """query listed($ik: SafeString!, $filter: LedgerAccountsFilterSet) {
  ledger(ledger: {ik: $ik}) {
    ledgerAccounts(first: 50, filter: $filter) { nodes { path name } }
    ledgerEntries { nodes { ik type } }
  }
}"""
FIND = """query find($account: LedgerAccountMatchInput!) {
  ledgerAccount(ledgerAccount: $account) {
    id path ik ledger { ik } parentLedgerAccount { path }
    childLedgerAccounts { nodes { path } }
  }
}"""
BANK, ANN, BOB = "assets/bank", "users/ann", "users/bob"
PATHS = ("assets", BANK, "users", ANN, f"{ANN}/held", BOB)
TREE = [
    {"ik": "assets", "name": "Assets", "type": "asset",
     "childLedgerAccounts": [{"ik": "bank", "name": "Bank"}]},
    {"ik": "users", "name": "Users", "type": "liability",
     "consistencyConfig": {"ownBalanceUpdates": "strong", "lines": "strong"},
     "childLedgerAccounts": [
         {"ik": "ann", "name": "Ann", "childLedgerAccounts": [{"ik": "held", "name": "Held"}]},
         {"ik": "bob", "name": "Bob"}]},
]  # fmt: skip


async def open_ledger(client: Any) -> str:
    ik = f"plain-{uuid4().hex[:12]}"
    made = (await ask(client, OPEN, ik=ik))["createLedger"]
    assert made == {"__typename": "CreateLedgerResult", "ledger": {"schema": None}}
    return ik


async def create(client: Any, ledger: str, accounts: Any = None) -> Any:
    given = TREE if accounts is None else accounts
    return (await ask(client, CREATE, ik=ledger, accounts=given))["createLedgerAccounts"]


async def create_one(client: Any, ledger: str, ik: str, **account: Any) -> Any:
    given = {"name": ik, **account}
    found = await ask(client, CREATE_ONE, ik=ik, ledger=ledger, account=given)
    return found["createLedgerAccount"]


async def post(client: Any, ledger: str, *lines: tuple[str, int], ik: str = "", **more: Any) -> Any:
    entry = {
        "ledger": {"ik": ledger},
        "lines": [{"account": {"path": path}, "amount": str(amount)} for path, amount in lines],
        **more,
    }
    return (await ask(client, POST, ik=ik or uuid4().hex, entry=entry))["addLedgerEntry"]


async def fund(
    client: Any, ledger: str, books: Books, path: str, amount: int, at: datetime
) -> None:
    answer = await post(client, ledger, (BANK, amount), (path, amount), posted=iso(at))
    assert answer["__typename"] == "AddLedgerEntryResult", answer
    books.post(at, (BANK, amount, "USD"), (path, amount, "USD"))


@rule("reference 7", "createLedgerAccounts makes a tree whose paths are made of iks")
@rule("reference 5", "createLedgerAccounts tells of each account whether it stood before")
async def test_a_tree_of_accounts_is_created_and_found(client: Any) -> None:
    ledger = await open_ledger(client)
    made = await create(client, ledger)
    assert [each["path"] for each in made["ledgerAccounts"]] == [
        "assets", BANK, "users", ANN, f"{ANN}/held", BOB
    ]  # fmt: skip
    assert [each["ik"] for each in made["ikReplays"]] == [
        "assets", "bank", "users", "ann", "held", "bob"
    ]  # fmt: skip
    assert {each["isIkReplay"] for each in made["ikReplays"]} == {False}
    held = made["ledgerAccounts"][4]
    assert (held["type"], held["currency"]["code"]) == ("liability", "USD")
    assert held["parentLedgerAccount"] == {"path": ANN}
    for match in ({"id": held["id"]}, {"path": f"{ANN}/held", "ledger": {"ik": ledger}}):
        found = (await ask(client, FIND, account=match))["ledgerAccount"]
        assert (found["id"], found["path"], found["ik"]) == (held["id"], f"{ANN}/held", "held")
        assert found["ledger"] == {"ik": ledger}
    more = [*TREE, {"ik": "fees", "name": "Fees", "type": "income"}]
    again = await create(client, ledger, more)
    assert again["ledgerAccounts"][:6] == made["ledgerAccounts"]
    told = {each["ik"]: each["isIkReplay"] for each in again["ikReplays"]}
    assert told == {**dict.fromkeys(["assets", "bank", "users", "ann", "held", "bob"], True),
                    "fees": False}  # fmt: skip


@rule("reference 5", "createLedgerAccount answers a used ik with the first account")
@rule("reference 5", "One ik of a Ledger makes one account: elsewhere it is refused")
@rule("reference 7", "A new account inherits type, currency and consistency from its parent")
async def test_an_account_is_created_below_another(client: Any) -> None:
    ledger = await open_ledger(client)
    await create(client, ledger)
    made = await create_one(client, ledger, "cid", parent={"path": "users"})
    assert made["isIkReplay"] is False
    assert made["ledgerAccount"] == {
        "path": "users/cid",
        "name": "cid",
        "type": "liability",
        "consistencyConfig": {
            "lines": "strong",
            "ownBalanceUpdates": "strong",
            "totalBalanceUpdates": "eventual",
        },
    }
    again = await create_one(client, ledger, "cid", parent={"path": "users"}, type="liability")
    assert (again["isIkReplay"], again["ledgerAccount"]) == (True, made["ledgerAccount"])
    refused = await create_one(client, ledger, "cid", parent={"path": "assets"})
    assert refused["code"] == "ik_conflict"


@rule("reference 4", "createLedgerAccounts takes at most 200 accounts and 10 levels")
@rule("reference 7", "A parent is named on the top of a payload only")
async def test_what_a_tree_may_not_be_is_refused(client: Any) -> None:
    ledger = await open_ledger(client)

    def chain(levels: int) -> dict[str, Any]:
        below = [chain(levels - 1)] if levels > 1 else []
        return {"ik": f"l{levels}", "name": "L", "childLedgerAccounts": below}

    many = [{"ik": f"a{at}", "name": "A", "type": "asset"} for at in range(201)]
    assert (await create(client, ledger, many))["code"] == "too_many_items"
    assert len((await create(client, ledger, many[:200]))["ledgerAccounts"]) == 200
    deep = [{**chain(11), "type": "asset"}]
    assert (await create(client, ledger, deep))["code"] == "bad_request"
    made = await create(client, ledger, [{**chain(10), "type": "asset"}])
    assert made["ledgerAccounts"][-1]["path"].count("/") == 9
    inner = {"ik": "in", "name": "In", "parent": {"path": "a1"}}
    nested = [{"ik": "out", "name": "O", "type": "asset", "childLedgerAccounts": [inner]}]
    assert (await create(client, ledger, nested))["code"] == "bad_request"


@rule(
    "reference 7", "createLedgerAccount and createLedgerAccounts are for Ledgers without a Schema"
)
async def test_a_ledger_with_a_schema_takes_no_created_accounts(client: Any, ledger: str) -> None:
    assert (await create(client, ledger))["code"] == "ledger_has_schema"
    assert (await create_one(client, ledger, "x", type="asset"))["code"] == "ledger_has_schema"


@rule("reference 8", "A Ledger without a Schema takes entries whose lines are given at runtime")
async def test_balances_and_lists_are_those_of_the_lines(client: Any) -> None:
    ledger = await open_ledger(client)
    await create(client, ledger)
    books = Books()
    for at, path, amount in (
        ("2023-05-01T10", ANN, 100),
        ("2024-01-01T00", f"{ANN}/held", 30),
        ("2024-02-29T23", BOB, 7),
        ("2024-03-01T00", ANN, -20),
    ):
        await fund(client, ledger, books, path, amount, hour(at))

    async def read(at: str | None = None) -> dict[str, tuple[str, str, str]]:
        told = {}
        for path in PATHS:
            found = (await ask(client, BALANCES, ik=ledger, path=path, at=at))["ledgerAccount"]
            told[path] = (found["ownBalance"], found["childBalance"], found["balance"])
        return told

    def due(before: datetime | None = None) -> dict[str, tuple[str, str, str]]:
        return {
            path: (
                str(books.own(path, before=before)),
                str(books.children(path, before=before)),
                str(books.total(path, before=before)),
            )
            for path in PATHS
        }

    await eventually(read, due())
    for at, end in (("2023", "2024-01-01T00"), ("2024-02", "2024-03-01T00")):
        assert await read(at) == due(hour(end))

    async def listed(**filter_set: Any) -> tuple[set[str], int]:
        found = (await ask(client, LISTED, ik=ledger, filter=filter_set or None))["ledger"]
        paths = {node["path"] for node in found["ledgerAccounts"]["nodes"]}
        assert all(node["type"] is None for node in found["ledgerEntries"]["nodes"])
        return paths, len(found["ledgerEntries"]["nodes"])

    await eventually(listed, (set(PATHS), 4))
    assert await listed(type={"equalTo": "liability"}) == ({"users", ANN, f"{ANN}/held", BOB}, 4)
    assert await listed(path={"matches": ANN}) == ({ANN, f"{ANN}/held"}, 4)
    assert await listed(hasParentLedgerAccount=False) == ({"assets", "users"}, 4)
    users = {"path": "users", "ledger": {"ik": ledger}}
    children = (await ask(client, FIND, account=users))["ledgerAccount"]["childLedgerAccounts"]
    assert {node["path"] for node in children["nodes"]} == {ANN, BOB}


@rule("reference 7", "A created account keeps its balances and lines as its consistencyConfig says")
@rule("reference 8", "Conditions hold on strong accounts of a Ledger without a Schema")
async def test_strong_accounts_show_a_post_at_once_and_hold_conditions(client: Any) -> None:
    ledger = await open_ledger(client)
    await create(client, ledger)
    roots = {"name": "R", "type": "asset", "consistencyConfig": {"totalBalanceUpdates": "strong"}}
    await create(client, ledger, [
        {"ik": "reserve", **roots, "childLedgerAccounts": [{"ik": "part", "name": "Part"}]}
    ])  # fmt: skip
    condition = {"account": {"path": ANN}, "postcondition": {"ownBalance": {"gte": "0"}}}
    balance = 0
    for amount in (5, 7, -12):
        answer = await post(client, ledger, (BANK, amount), (ANN, amount), conditions=[condition])
        assert answer["__typename"] == "AddLedgerEntryResult"
        balance += amount
        found = (await ask(client, STRONG, ik=ledger, path=ANN))["ledgerAccount"]
        assert found["own"] == str(balance)
        assert sum(int(node["amount"]) for node in found["lines"]["nodes"]) == balance
    refused = await post(client, ledger, (BANK, -1), (ANN, -1), conditions=[condition])
    assert refused["code"] == "conditional_request_failed"
    await post(client, ledger, ("reserve/part", 4), (BOB, 4))
    found = (await ask(client, STRONG, ik=ledger, path="reserve"))["ledgerAccount"]
    assert found["total"] == "4"


@rule("reference 5", "addLedgerEntry replays by ik in a Ledger without a Schema too")
@rule("reference 8", "A Ledger without a Schema has no entry types, and no accounts but its own")
async def test_replays_and_refusals_are_those_of_any_ledger(client: Any) -> None:
    ledger = await open_ledger(client)
    await create(client, ledger)
    first = await post(client, ledger, (BANK, 5), (ANN, 5), ik="one")
    assert first["isIkReplay"] is False
    again = await post(client, ledger, (BANK, 6), (ANN, 6), ik="one")
    assert (again["isIkReplay"], again["lines"]) == (True, first["lines"])
    assert (await post(client, ledger, (BANK, 5), (ANN, 4)))["code"] == "invalid_entry_balance"
    assert (await post(client, ledger, ("none", 0)))["code"] == "ledger_account_not_found"
    typed = await post(client, ledger, (BANK, 0), type="deposit")
    assert typed["code"] == "ledger_without_schema"


@rule("reference 7", "updateLedgerAccount changes the name, and nothing else that it is given")
async def test_a_new_name_reaches_lookups_and_lists(client: Any, ledger: str) -> None:
    plain = await open_ledger(client)
    await create(client, plain)
    for ik, path in ((plain, BANK), (ledger, "assets/bank")):
        update = {"name": "Till", "consistencyConfig": {"ownBalanceUpdates": "strong"}}
        changed = await ask(client, UPDATE, ik=ik, path=path, update=update)
        account = changed["updateLedgerAccount"]["ledgerAccount"]
        assert account == {"name": "Till", "consistencyConfig": {"ownBalanceUpdates": "eventual"}}

        async def listed(ik: str = ik, path: str = path) -> str | None:
            query = (await ask(client, LISTED, ik=ik, filter={"path": {"equalTo": path}}))["ledger"]
            return next((node["name"] for node in query["ledgerAccounts"]["nodes"]), None)

        await eventually(listed, "Till")
    answer = await post(client, plain, (BANK, 5), (ANN, 5))
    assert answer["lines"][0]["account"] == {"path": BANK, "name": "Till"}


@rule("reference 7", "A name given by updateLedgerAccount outlasts the Schema's later versions")
async def test_a_name_outlasts_later_versions(client: Any, schema: dict[str, Any]) -> None:
    schema["key"] = f"renamed-{uuid4().hex[:8]}"
    await client.store_schema(SchemaInput.model_validate(schema))
    ledger = f"ledger-{uuid4().hex[:12]}"
    created = """mutation created($ik: SafeString!, $key: SafeString!) {
      createLedger(ik: $ik, ledger: {name: "L"}, schema: {key: $key}) { __typename }
    }"""
    await ask(client, created, ik=ledger, key=schema["key"])
    await ask(client, UPDATE, ik=ledger, path="assets/bank", update={"name": "Till"})
    for root in schema["chartOfAccounts"]["accounts"]:
        for child in root.get("children", []):
            if child["key"] == "bank":
                child["name"] = "Later"
    stored = await client.store_schema(SchemaInput.model_validate(schema))
    assert stored.store_schema.schema_.version.version == 2
    query = """query name($ik: SafeString!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/bank"}) { name }
    }"""
    assert (await ask(client, query, ik=ledger))["ledgerAccount"] == {"name": "Till"}
