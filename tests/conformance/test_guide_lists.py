"""The guide's documents of section I: lookups, lists, filters, pages, Schemas."""

from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.common.system import System
from tests.conformance.guide_documents import STORE, Guide, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

LEDGER = "quickstart-ledger"
CASH = "assets/banks/user-cash"
OLD_CASH = "assets/bank/user-cash"
LAST = {"hasNextPage": False, "endCursor": None, "hasPreviousPage": False, "startCursor": None}
STATIC = {
    ("assets", "asset"),
    ("banks", "asset"),
    ("user-cash", "asset"),
    ("bank", "asset"),
    ("User cash", "asset"),
    ("liabilities", "liability"),
    ("income-root", "income"),
    ("income-revenue-root", "income"),
    ("expense", "expense"),
    ("liability-root", "liability"),
}
INSTANCES = {(name, "liability") for name in ("users", "available", "user", "pending")}
INSTANTIATE = """mutation instance($ledger: LedgerMatchInput!, $path: String!, $of: Parameters) {
  instantiateLedgerAccount(ledger: $ledger, path: $path, parameters: $of) {
    ... on InstantiateLedgerAccountResult { ledgerAccount { path } }
    ... on Error { code message }
  }
}"""


def accounts(data: dict[str, Any]) -> set[tuple[str, str]]:
    nodes = data["ledger"]["ledgerAccounts"]["nodes"]
    return {(node["name"], node["type"]) for node in nodes}


def entries(data: dict[str, Any]) -> list[str]:
    return [node["ik"] for node in data["ledger"]["ledgerEntries"]["nodes"]]


@pytest.fixture(scope="module")
def guide(system: System) -> Iterator[Guide]:
    """A Ledger with two funded users, a payment between them, withdrawals and a group."""
    guide = Guide(system.connection, "i")
    with guide.api:
        guide.make_ledger(LEDGER, balanceUTCOffset="-08:00")
        for user, amount, day in (("1", 100, "1968-12-31"), ("2", 20, "1969-07-15")):
            of = {"user_id": f"user-{user}", "funding_amount": str(amount)}
            guide.post(LEDGER, f"fund-user-{user}-account", "user_funds_account", day, of)
        move = {"from_user_id": "user-1", "to_user_id": "user-2", "transfer_amount": "3"}
        guide.post(LEDGER, "move", "p2p_transfer", "1969-08-01", move)
        take = {"user_id": "user-1", "amount": "5"}
        guide.post(LEDGER, "take", "withdrawal", "1969-07-31T00:00:00.000Z", take)
        guide.post(LEDGER, "old", "old_cash", "1968-06-01", {"amount": "9"})
        group = {"user_id": "user-id", "amount": "50000", "withdrawal_id": "12345"}
        started, settled = "1969-06-16T13:32:00.000Z", "1969-06-21T02:56:05.000Z"
        guide.post(LEDGER, "ledger-entry-1", "withdrawal_started", started, group)
        guide.post(LEDGER, "ledger-entry-2", "withdrawal_settled", settled, group)
        other = {**group, "withdrawal_id": "54321"}
        guide.post(LEDGER, "other", "withdrawal_started", settled, other)
        every = ["move", "take", "fund-user-2-account", "other", "ledger-entry-2"]
        every += ["ledger-entry-1", "fund-user-1-account", "old"]

        def read() -> list[str]:
            known = {"posted": {"after": "1900-01-01"}}
            return sorted(
                entries(guide.run("e_filter_ledger_entries", "by posted", entriesFilter=known))
            )

        eventually(read, sorted(every))
        yield guide


@rule("guide I.a", "A list is nodes and a pageInfo whose cursors are null where no page is")
@rule("guide I.c", "ledger.ledgerAccounts lists every account of the Ledger")
@pytest.mark.parametrize(
    "name, named",
    [
        ("a_list_ledger_accounts", "all"),
        ("c_list_ledger_accounts", "in"),
        ("c_list_ledger_accounts_2", "printed"),
    ],
)
def test_all_accounts_are_listed(guide: Guide, name: str, named: str) -> None:
    eventually(lambda: accounts(guide.run(name, named)), STATIC | INSTANCES)
    assert guide.run(name, named)["ledger"]["ledgerAccounts"]["pageInfo"] == LAST


@rule("guide I.c", "Several accounts are looked up by an in filter, within their list's Ledger")
def test_accounts_are_looked_up_together(guide: Guide) -> None:
    variables = guide.variables("c_list_ledger_accounts", "in")

    def read() -> Any:
        return accounts(guide.body("c_filter_ledger_accounts", variables)["data"])

    eventually(read, {("user-cash", "asset"), ("income-revenue-root", "income")})


@rule("guide I.a", "Parts of a filter are ANDed")
def test_filter_that_is_not_used_is_refused(guide: Guide) -> None:
    assert guide.refusal("a_filter_ledger_accounts", "by type") == "validation_failed"
    printed = guide.variables("a_filter_ledger_accounts", "by two")
    refused = guide.body("c_filter_ledger_accounts", printed)
    assert refused["errors"][0]["extensions"]["code"] == "bad_user_input"
    both = {"type": {"equalTo": "asset"}, "hasParentLedgerAccount": True}
    wanted = {pair for pair in STATIC if pair[1] == "asset"} - {("assets", "asset")}
    right = {**printed, "filter": both}
    eventually(lambda: accounts(guide.body("c_filter_ledger_accounts", right)["data"]), wanted)


@rule("guide I.c", "Accounts are filtered by type, by one of several types, by path, by parent")
@pytest.mark.parametrize(
    "name, named, wanted",
    [
        ("", "by type", {pair for pair in STATIC if pair[1] == "asset"}),
        ("", "types", {pair for pair in STATIC | INSTANCES if pair[1] in ("asset", "liability")}),
        ("_2", "by path", {("pending", "liability")}),
        (
            "_3",
            "by parent",
            {
                ("assets", "asset"),
                ("liabilities", "liability"),
                ("income-root", "income"),
                ("expense", "expense"),
                ("liability-root", "liability"),
            },
        ),
    ],
)
def test_accounts_are_filtered(
    guide: Guide, name: str, named: str, wanted: set[tuple[str, str]]
) -> None:
    document = f"c_filter_ledger_accounts{name}"
    eventually(lambda: accounts(guide.run(document, named)), wanted)
    assert guide.run(document, named)["ledger"]["ledgerAccounts"]["pageInfo"] == LAST


@rule("guide I.a", "Pages follow endCursor and startCursor and keep the first request's size")
def test_accounts_are_paged(guide: Guide) -> None:
    guide.make_ledger("ik-used-to-create-ledger", "paging")
    for number in (4, 3, 2, 1):  # newest first
        path = f"assets/test-assets/test:{number}"
        variables = {"path": path, "of": {"number": str(number)}}
        ledger = guide.own({"ledger": {"ik": "ik-used-to-create-ledger"}})
        guide.api.mutate(INSTANTIATE, {**ledger, **variables})
    name = "a_get_ledger_accounts"

    def page(named: str, **more: Any) -> Any:
        return guide.run(name, named, **more)["ledger"]["ledgerAccounts"]

    def nodes(*numbers: int) -> list[dict[str, str]]:
        return [
            {"path": f"assets/test-assets/test:{one}", "name": f"Test {one}", "type": "asset"}
            for one in numbers
        ]

    eventually(lambda: page("first page")["nodes"], nodes(1, 2))
    first = page("first page")
    end = first["pageInfo"].pop("endCursor")
    assert isinstance(end, str)
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
    }
    second = page("next page", after=end)
    assert second["nodes"] == nodes(3, 4)
    assert second["pageInfo"]["hasPreviousPage"] is True
    back = page("previous page", before=second["pageInfo"]["startCursor"])
    assert back["nodes"] == nodes(1, 2)
    assert back["pageInfo"]["startCursor"] is None
    third = page("next page", after=second["pageInfo"]["endCursor"])
    assert {node["path"] for node in third["nodes"]} == {"assets/test-assets", "assets"}
    assert third["pageInfo"]["hasNextPage"] is False
    assert third["pageInfo"]["endCursor"] is None
    assert isinstance(third["pageInfo"]["startCursor"], str)


@rule("guide I.b", "A Ledger is looked up by the ik that made it")
def test_ledger_is_looked_up(guide: Guide) -> None:
    def read() -> Any:
        found = guide.run("b_get_ledger", "printed")["ledger"]
        assert found.pop("created") > "2024"
        found["ledgerAccounts"] = accounts({"ledger": found})
        return found

    wanted = {
        "name": "Guide",
        "balanceUTCOffset": "-08:00",
        "ledgerAccounts": STATIC | INSTANCES,
        "schema": {"key": "quickstart-schema"},
    }
    eventually(read, wanted)


@rule("guide I.b", "ledgers lists the workspace's Ledgers, newest first")
def test_ledgers_are_listed(guide: Guide) -> None:
    def read() -> Any:
        found = guide.run("b_list_ledgers", "none")["ledgers"]
        created = [node["created"] for node in found["nodes"]]
        assert created == sorted(created, reverse=True)
        assert found["pageInfo"]["hasPreviousPage"] is False
        assert found["pageInfo"]["startCursor"] is None
        return [
            (node["name"], node["balanceUTCOffset"])
            for node in found["nodes"]
            if node["schema"] == {"key": "quickstart-schema"}
        ]

    eventually(read, [("Guide", "-08:00")])


@rule("guide I.c", "An account is looked up by its path and its Ledger, its lines with it")
def test_account_is_looked_up(guide: Guide) -> None:
    wanted = {
        "path": OLD_CASH,
        "name": "User cash",
        "balance": "9",
        "type": "asset",
        "lines": {"nodes": [{"amount": "9", "posted": "1968-06-01T00:00:00.000Z"}]},
    }
    eventually(lambda: guide.run("c_get_ledger_account", "printed"), {"ledgerAccount": wanted})


@rule("guide I.c", "Balances and their changes are listed in all currencies")
def test_balances_of_an_account_are_listed(guide: Guide) -> None:
    nine = {"nodes": [{"amount": "9", "currency": {"code": "USD", "customCurrencyId": None}}]}
    wanted = {
        "path": OLD_CASH,
        "name": "User cash",
        "balances": nine,
        "end_of_year_balances": nine,
        "last_year": nine,
    }
    eventually(
        lambda: guide.run("c_get_ledger_account_balances", "printed"), {"ledgerAccount": wanted}
    )


@rule("guide I.d", "A line is looked up by its id")
def test_line_is_looked_up(guide: Guide) -> None:
    of = {"user_id": "user-2", "funding_amount": "20"}
    kind, day = "user_funds_account", "1969-07-15"
    replay = guide.post(LEDGER, "fund-user-2-account", kind, day, of)
    found = guide.run("d_get_ledger_line", "printed", ledgerLine={"id": replay["lines"][1]})
    assert found == {
        "ledgerLine": {
            "amount": "20",
            "currency": {"code": "USD", "customCurrencyId": None},
            "account": {"name": "available", "type": "liability"},
        }
    }


@rule("guide I.d", "An account's lines are listed, and filtered by when they are posted and by key")
def test_lines_are_listed_and_filtered(guide: Guide) -> None:
    usd = {"code": "USD", "customCurrencyId": None}
    wanted = {"path": OLD_CASH, "name": "User cash"}
    found = {"ledgerAccount": {**wanted, "lines": {"nodes": [{"amount": "9", "currency": usd}]}}}
    eventually(lambda: guide.run("d_get_ledger_account_lines", "printed"), found)

    def amounts(name: str, named: str, **more: Any) -> list[str]:
        account = guide.run(name, named, **more)["ledgerAccount"]
        assert (account["path"], account["name"]) == (CASH, "user-cash")
        assert all(node["currency"] == usd and node["id"] for node in account["lines"]["nodes"])
        return [node["amount"] for node in account["lines"]["nodes"]]

    eventually(lambda: amounts("d_get_ledger_account_lines_2", "by posted"), ["20"])
    by_key = "d_get_ledger_account_lines_3"
    assert guide.refusal(by_key, "by key") == "bad_user_input"
    printed = guide.variables(by_key, "by key")["linesFilter"]
    assert amounts(by_key, "by key", filter=printed) == []
    cash = {"key": {"equalTo": "cash"}}
    eventually(lambda: amounts(by_key, "by key", filter=cash), ["-5", "-50000"])


def usd(amount: str, **more: Any) -> dict[str, Any]:
    return {**more, "amount": amount, "currency": {"code": "USD", "customCurrencyId": None}}


@rule("guide I.e", "An entry is looked up by its ik and Ledger, or by its id; its lines with it")
def test_entry_is_looked_up(guide: Guide) -> None:
    name = "e_get_ledger_entry"
    assert guide.refusal(name, "by ik", ledgerEntry={"ik": "move"}) == "ledger_required"
    match = {"ik": "move", "ledger": {"ik": LEDGER}}
    found = guide.run(name, "by ik", ledgerEntry=match)
    entry = found["ledgerEntry"]
    assert entry.pop("ledger").pop("name") == "Guide"
    assert entry == {
        "id": entry["id"],
        "ik": "move",
        "lines": {"nodes": [usd("-3"), usd("3")]},
    }
    again = guide.run(name, "by id", ledgerEntry={"id": entry["id"]})["ledgerEntry"]
    assert (again["ik"], again["lines"]) == ("move", entry["lines"])
    lines = guide.run("e_get_ledger_entry_lines", "printed", ledgerEntry=match)["ledgerEntry"]
    assert lines == {
        "id": entry["id"],
        "ik": "move",
        "lines": {
            "nodes": [
                usd("-3", account={"path": "liabilities/users:user-1/available"}),
                usd("3", account={"path": "liabilities/users:user-2/available"}),
            ],
            "pageInfo": LAST,
        },
    }


@rule("guide I.e", "Several entries are looked up by an in filter, newest posted first")
def test_entries_are_looked_up_together(guide: Guide) -> None:
    found = guide.run("e_list_ledger_entries", "in")["ledger"]["ledgerEntries"]
    assert found["pageInfo"] == LAST
    assert found["nodes"] == [
        {
            "ik": f"fund-user-{user}-account",
            "type": "user_funds_account",
            "posted": f"{day}T00:00:00.000Z",
            "lines": {
                "nodes": [
                    {"amount": amount, "account": {"path": CASH}},
                    {
                        "amount": amount,
                        "account": {"path": f"liabilities/users:user-{user}/available"},
                    },
                ]
            },
        }
        for user, amount, day in (("2", "20", "1969-07-15"), ("1", "100", "1968-12-31"))
    ]


@rule("guide I.e", "A group's entries are listed, newest posted first")
def test_entries_of_a_group_are_listed(guide: Guide) -> None:
    name = "e_get_grouped_ledger_entries"
    assert guide.refusal(name, "printed") == "bad_user_input"
    group = {"key": "withdrawal", "value": "12345"}
    assert guide.run(name, "printed", entryGroup=group) == {
        "ledger": {
            "ledgerEntryGroup": {
                "ledgerEntries": {
                    "nodes": [
                        {
                            "ik": "ledger-entry-2",
                            "description": "user-id has got 50000.",
                            "posted": "1969-06-21T02:56:05.000Z",
                        },
                        {
                            "ik": "ledger-entry-1",
                            "description": "user-id asks for 50000.",
                            "posted": "1969-06-16T13:32:00.000Z",
                        },
                    ],
                    "pageInfo": LAST,
                }
            }
        }
    }


@rule("guide I.e", "Entries are filtered by posted, date, type and tag")
def test_entries_are_filtered(guide: Guide) -> None:
    name = "e_filter_ledger_entries"
    assert guide.refusal(name, "by posted") == "bad_user_input"
    assert guide.refusal(name, "by date") == "bad_user_input"
    year = {"posted": {"after": "1968-01-01", "before": "1969-01-01"}}
    assert entries(guide.run(name, "by posted", entriesFilter=year)) == [
        "fund-user-1-account",
        "old",
    ]
    day = {"date": {"equalTo": "1968-12-31"}}
    assert entries(guide.run(name, "by date", entriesFilter=day)) == ["fund-user-1-account"]
    assert entries(guide.run(f"{name}_2", "by type")) == ["move", "take"]
    found = guide.run(f"{name}_3", "by tag")["ledger"]["ledgerEntries"]["nodes"]
    assert found == [
        {
            "ik": ik,
            "type": kind,
            "posted": posted,
            "tags": [{"key": "user_id", "value": "user-1"}],
        }
        for ik, kind, posted in (
            ("take", "withdrawal", "1969-07-31T00:00:00.000Z"),
            ("fund-user-1-account", "user_funds_account", "1968-12-31T00:00:00.000Z"),
        )
    ]
    assert entries(guide.run(f"{name}_3", "any tag")) == [
        "take",
        "fund-user-2-account",
        "fund-user-1-account",
    ]


@rule("guide I.f", "A group is looked up by key and value; groups are listed and filtered")
def test_groups_are_looked_up_and_listed(guide: Guide) -> None:
    found = guide.run("f_get_ledger_entry_group", "printed")["ledger"]["ledgerEntryGroup"]
    created = found["created"]
    assert found == {"key": "withdrawal", "value": "12345", "created": created}
    listed = guide.run("f_list_ledger_entry_groups", "printed")["ledger"]["ledgerEntryGroups"]
    assert listed["pageInfo"] == LAST
    assert [(node["key"], node["value"]) for node in listed["nodes"]] == [
        ("withdrawal", "54321"),
        ("withdrawal", "12345"),
    ]
    assert listed["nodes"][1] == found
    name = "f_list_ledger_entry_groups_2"
    none = guide.run(name, "printed")["ledger"]["ledgerEntryGroups"]
    assert none == {"nodes": [], "pageInfo": LAST}  # these groups were made long after 1969
    until = {"key": {"equalTo": "withdrawal"}, "created": {"before": created}}
    some = guide.run(name, "printed", filter=until)["ledger"]["ledgerEntryGroups"]
    assert some == {"nodes": [found], "pageInfo": LAST}


@rule("guide I.j", "A Schema is read with its newest and any other version, and its JSON")
@rule("guide I.j", "A Schema's versions and Ledgers are listed")
def test_schema_is_read(guide: Guide) -> None:
    document = guide.schema()
    named = {"key": "quickstart-schema", "name": document["name"]}
    found = guide.run("j_get_schema", "printed")["schema"]
    created = found["latestVersion"]["created"]
    version = {"created": created, "version": 1}
    assert found == {**named, "latestVersion": version, "firstVersion": version}
    whole = {**version, "json": document}
    assert guide.run("j_get_latest_schema_json", "printed")["schema"] == {
        **named,
        "version": whole,
    }
    assert guide.run("j_list_schema_versions", "printed")["schema"] == {
        **named,
        "versions": {"nodes": [whole]},
    }

    def ledgers() -> Any:
        listed = guide.run("j_list_schema_ledgers", "printed")["schema"]
        for node in listed["ledgers"]["nodes"]:
            assert node.pop("created") >= created
        return listed

    ledger = {"ik": LEDGER, "name": "Guide", "balanceUTCOffset": "-08:00"}
    eventually(ledgers, {**named, "ledgers": {"nodes": [ledger]}})


@rule("guide I.j", "The state of each Ledger's migration is read from the Schema's version")
def test_migrations_are_listed(system: System) -> None:
    guide = Guide(system.connection, "i")
    with guide.api:
        guide.make_ledger(LEDGER)
        document = guide.own(guide.schema())
        document["chartOfAccounts"]["accounts"].append({"key": "equity", "type": "liability"})
        guide.api.mutate(STORE, {"schema": document})
        migration = {"ledger": {"ik": LEDGER, "name": "Guide"}, "status": "completed"}
        wanted = {
            "key": "quickstart-schema",
            "name": "Lists",
            "latestVersion": {"migrations": {"nodes": [migration]}},
        }
        eventually(lambda: guide.run("j_get_ledger_migration_status", "printed")["schema"], wanted)
