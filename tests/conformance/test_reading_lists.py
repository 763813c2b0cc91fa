"""The official client queries data: guide I, K.a and K.b, reference 10."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.client import Client
from fragment.sdk.input_types import SchemaInput

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.books import hour, iso
from tests.conformance.reading import (
    ACCOUNT,
    PAGE_INFO,
    open_ledger,
    pages,
    post,
    reading_schema,
    refusal,
)
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

BANK = "assets/bank"
ANN = "liabilities/users:ann/available"
ANN_PENDING = "liabilities/users:ann/pending"
BOB = "liabilities/users:bob/available"
START = hour("2024-03-10T12")
DAY = timedelta(days=1)
ENTRIES = f"""query entries($ik: SafeString!, $filter: LedgerEntriesFilterSet, $first: Int,
  $last: Int, $after: String, $before: String) {{
  ledger(ledger: {{ik: $ik}}) {{
    list: ledgerEntries(
      filter: $filter, first: $first, last: $last, after: $after, before: $before
    ) {{ nodes {{ ik }} {PAGE_INFO} }} }} }}"""
ACCOUNTS = f"""query accounts($ik: SafeString!, $filter: LedgerAccountsFilterSet, $first: Int,
  $last: Int, $after: String, $before: String) {{
  ledger(ledger: {{ik: $ik}}) {{
    list: ledgerAccounts(
      filter: $filter, first: $first, last: $last, after: $after, before: $before
    ) {{ nodes {{ path created type }} {PAGE_INFO} }} }} }}"""
LEDGER_LINES = """query lines($ik: SafeString!, $filter: LedgerLinesFilterSet!) {
  ledger(ledger: {ik: $ik}) { list: lines(filter: $filter) {
    nodes { amount account { path } } } } }"""
ACCOUNT_LINES = f"""query lines($ik: SafeString!, $path: String!, $filter: LedgerLinesFilterSet) {{
  {ACCOUNT} {{ list: lines(filter: $filter) {{ nodes {{ amount }} }} }} }}"""
NO_PAGE = {"hasNextPage": False, "endCursor": None, "hasPreviousPage": False, "startCursor": None}


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


async def iks(client: Any, ik: str, filter_set: Any = None) -> list[str]:
    found = await ask(client, ENTRIES, ik=ik, filter=filter_set)
    return [node["ik"] for node in found["ledger"]["list"]["nodes"]]


async def paths(client: Any, ik: str, filter_set: Any = None) -> list[str]:
    found = await ask(client, ACCOUNTS, ik=ik, filter=filter_set, first=200)
    return sorted(node["path"] for node in found["ledger"]["list"]["nodes"])


async def post_six(client: Any) -> str:
    """A ledger at +05:30 with six entries, a day apart, that differ in everything."""
    ik = await open_ledger(client, reading_schema(), "+05:30")
    at = [START + number * DAY for number in range(6)]
    await post(client, ik, "e0", at[0], (BANK, 1), (ANN, 1), tags={"t": "ab", "u": "x"})
    await post(client, ik, "e1", at[1], (BANK, 2), (ANN, 2), tags={"t": "bc"}, groups={"g": "1"})
    await post(client, ik, "e2", at[2], (BANK, 3), (BOB, 3), type_version=2, groups={"g": "2"})
    await post(client, ik, "e3", at[3], (BANK, 4), (ANN_PENDING, 4), type_="opening",
               tags={"u": "x"}, groups={"g": "1", "h": "1"})  # fmt: skip
    await client.add_ledger_entry("e4", ik, "fund", {"amount": "5", "user": "bob"},
                                  posted=iso(at[4]))  # fmt: skip
    await post(client, ik, "e5", at[5], (BANK, 6), (ANN, 6), tags={"t": "ab"})
    await eventually(lambda: iks(client, ik), ["e5", "e4", "e3", "e2", "e1", "e0"])
    return ik


def pair(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


AB, BC, X = pair("t", "ab"), pair("t", "bc"), pair("u", "x")
ENTRY_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"tag": {"equalTo": AB}}, "50"),
    ({"tag": {"in": [BC, X]}}, "310"),
    ({"tag": {"all": [AB, X]}}, "0"),
    ({"tag": {"contains": pair("t", "b")}}, "510"),
    ({"tag": {"contains": pair("u", "b")}}, ""),
    ({"tag": {"keyEqualTo": "u"}}, "30"),
    ({"tag": {"keyIn": ["u", "v"]}}, "30"),
    ({"tag": {"notEqualTo": AB}}, "4321"),
    ({"tag": {"notIn": [AB, X]}}, "421"),
    ({"tag": {"notKeyEqualTo": "t"}}, "432"),
    ({"tag": {"notKeyIn": ["t", "u"]}}, "42"),
    ({"tag": {"keyEqualTo": "t", "notEqualTo": AB}}, "1"),
    ({"group": {"equalTo": pair("g", "1")}}, "31"),
    ({"group": {"in": [pair("g", "2"), pair("h", "1")]}}, "32"),
    ({"group": {"all": [pair("g", "1"), pair("h", "1")]}}, "3"),
    ({"group": {"keyEqualTo": "h"}}, "3"),
    ({"group": {"notKeyEqualTo": "g"}}, "540"),
    ({"group": {"not": {"keyIn": ["g"]}}}, "540"),
    ({"group": {"notIn": [pair("g", "1")]}}, "5420"),
    ({"type": {"equalTo": "opening"}}, "3"),
    ({"type": {"in": ["opening", "fund"]}}, "43"),
    ({"type": {"notEqualTo": "correction"}}, "43"),
    ({"type": {"notIn": ["correction", "fund"]}}, "3"),
    ({"type": {"equalTo": "correction"}, "typeVersion": {"equalTo": "1"}}, "510"),
    ({"typeVersion": {"in": ["2", "3"]}}, "2"),
    ({"typeVersion": {"notEqualTo": "1"}}, "2"),
    ({"posted": {"after": iso(START + DAY), "before": iso(START + 3 * DAY)}}, "321"),
    ({"posted": {"before": "2024-03-10T11:59:59.999Z"}}, ""),
    ({"posted": {"after": "2024-03-15"}}, "5"),
    ({"date": {"equalTo": "2024-03-12"}}, "2"),
    ({"date": {"in": ["2024-03-12", "2024-03-15", "2023-01-01"]}}, "52"),
    ({"date": {"within": "2024-03"}}, "543210"),
    ({"date": {"within": "2023"}}, ""),
    ({"ledgerEntry": {"equalTo": {"ik": "e4"}}}, "4"),
    ({"ledgerEntry": {"in": [{"ik": "e1"}, {"ik": "e3"}, {"ik": "none"}]}}, "31"),
    ({"showHidden": True}, "543210"),
    ({"isReversal": True}, ""),
    ({"isReversed": True}, ""),
    ({"isReversal": False, "isReversed": False}, "543210"),
    ({"type": {"equalTo": "correction"}, "tag": {"equalTo": AB}, "date": {"within": "2024"},
      "posted": {"before": iso(START)}}, "0"),
]  # fmt: skip


@rule("guide I.e", "Entries are filtered by posted (inclusive), date, type and tag, each with `in`")
@rule("guide I.e", "Several entries are looked up with ledgerEntry.in")
@rule("guide I.a", "Members of a filter are ANDed")
@rule(
    "reference 10",
    "TagFilter: equalTo, in, all, contains (key exact, part of the value), key…, "
    "not…; GroupFilter the same and not.keyIn",
)
@rule("reference 8 Entries", "typeVersion filters are texts")
async def test_entries_by_every_filter(client: Any) -> None:
    ik = await post_six(client)
    for given, numbers in ENTRY_FILTERS:
        assert await iks(client, ik, given) == [f"e{number}" for number in numbers], given


@rule("reference 10", "DateFilter: within is UTC's, withinBalanceUTCOffset the Ledger's own")
@rule("reference 3 PeriodFilter", "Only a year or a month")
async def test_dates_within_a_period(client: Any) -> None:
    ik = await open_ledger(client, reading_schema(), "+05:30")
    local_march = hour("2024-02-29T18") + timedelta(minutes=30)  # midnight over there
    await post(client, ik, "feb", local_march - timedelta(milliseconds=1), (BANK, 1), (ANN, 1))
    await post(client, ik, "mar", local_march, (BANK, 2), (ANN, 2))
    await eventually(lambda: iks(client, ik), ["mar", "feb"])
    for within, utc, local in (
        ("2024-02", ["mar", "feb"], ["feb"]), ("2024-03", [], ["mar"]),
        ("2024", ["mar", "feb"], ["mar", "feb"]),
    ):  # fmt: skip
        assert await iks(client, ik, {"date": {"within": within}}) == utc
        assert await iks(client, ik, {"date": {"withinBalanceUTCOffset": within}}) == local
    both = {"date": {"within": "2024", "withinBalanceUTCOffset": "2024"}}
    assert await refusal(client, ENTRIES, ik=ik, filter=both) == "invalid_filter"
    for period in ("2024-Q1", "2024-01-01"):
        given = {"date": {"within": period}}
        assert await refusal(client, ENTRIES, ik=ik, filter=given) == "bad_user_input"


@rule("reference 4", "Lists in filters hold at most 100, `all` at most 10")
async def test_lists_in_filters_are_bounded(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    many = [str(number) for number in range(101)]
    pairs = [pair("t", text) for text in many]
    for given in (
        {"type": {"in": many}}, {"type": {"notIn": many}}, {"typeVersion": {"in": many}},
        {"tag": {"in": pairs}}, {"tag": {"keyIn": many}}, {"tag": {"notIn": pairs}},
        {"tag": {"all": pairs[:11]}}, {"group": {"all": pairs[:11]}}, {"group": {"in": pairs}},
        {"ledgerEntry": {"in": [{"ik": text} for text in many]}},
    ):  # fmt: skip
        assert await refusal(client, ENTRIES, ik=ik, filter=given) == "too_many_items", given
    for path in ({"in": many}, {"matchesAny": [f"assets/{text}" for text in many]}):
        assert await refusal(client, LEDGER_LINES, ik=ik, filter={"path": path}) == "too_many_items"
    full = {"type": {"in": many[:100]}, "tag": {"all": pairs[:10]}}
    assert await iks(client, ik, full) == []


# --- Pages ----------------------------------------------------------------------------------------
@rule(
    "guide I.a",
    "A connection has nodes and pageInfo; startCursor is null on the first page, "
    "endCursor on the last",
)
@rule(
    "guide I.a",
    "The next and the previous page follow from the cursors alone: the page size "
    "of the first request is kept",
)
@rule("reference 10", "Entries are newest posted first; ties stand by id, in one order always")
async def test_entries_are_paged_both_ways(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    ids = {}
    for number in range(9):
        result = await post(
            client, ik, f"e{number}", START + number // 4 * DAY, (BANK, 1), (ANN, 1)
        )
        ids[f"e{number}"] = result.entry.id
    in_order = sorted(ids, key=lambda each: (-(int(each[1:]) // 4), ids[each]))
    await eventually(lambda: iks(client, ik), in_order)

    async def read(**more: Any) -> Any:
        return (await ask(client, ENTRIES, ik=ik, **more))["ledger"]["list"]

    forward = [page async for page in pages(read, 4)]
    shown = [[node["ik"] for node in page["nodes"]] for page in forward]
    assert shown == [in_order[:4], in_order[4:8], in_order[8:]]
    edges = [(page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["startCursor"] is None,
              page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"] is None)
             for page in forward]  # fmt: skip
    assert edges == [
        (False, True, True, False), (True, False, True, False), (True, False, False, True)
    ]  # fmt: skip
    assert (await read(before=forward[1]["pageInfo"]["startCursor"]))["nodes"] == (
        forward[0]["nodes"]
    )
    backward = [page async for page in pages(read, 4, backward=True)]
    shown = [[node["ik"] for node in page["nodes"]] for page in backward]
    assert shown == [in_order[5:], in_order[1:5], in_order[:1]]
    assert (await read())["pageInfo"] == NO_PAGE


@rule("guide I.a", "A page holds 20 unless asked otherwise, 200 at most")
@rule("guide I.a", "Later requests have to use the same page size")
@rule("reference 10", "A cursor of another list or filter is refused")
async def test_page_sizes_and_foreign_cursors(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    for number in range(22):
        await post(client, ik, f"e{number}", START + number * DAY, (BANK, 1), (ANN, 1))
    await eventually(lambda: iks(client, ik), [f"e{number}" for number in range(21, 1, -1)])
    found = (await ask(client, ENTRIES, ik=ik))["ledger"]["list"]
    assert len(found["nodes"]) == 20
    after = found["pageInfo"]["endCursor"]
    rest = (await ask(client, ENTRIES, ik=ik, after=after))["ledger"]["list"]
    assert [node["ik"] for node in rest["nodes"]] == ["e1", "e0"]
    assert len((await ask(client, ENTRIES, ik=ik, first=200))["ledger"]["list"]["nodes"]) == 22
    for size in (0, -1, 201):
        assert await refusal(client, ENTRIES, ik=ik, first=size) == "invalid_page_size"
        assert await refusal(client, ENTRIES, ik=ik, last=size) == "invalid_page_size"
    other = await open_ledger(client, reading_schema())
    for more in (
        {"first": 5}, {"filter": {"type": {"equalTo": "correction"}}}, {"ik": other},
    ):  # fmt: skip
        variables = {"ik": ik, "after": after, **more}
        assert await refusal(client, ENTRIES, **variables) == "invalid_cursor", more
    assert await refusal(client, ACCOUNTS, ik=ik, after=after) == "invalid_cursor"
    assert await refusal(client, ENTRIES, ik=ik, after="nonsense") == "invalid_cursor"


# --- Ledgers and Schemas --------------------------------------------------------------------------
@rule("guide I.b", "A Ledger is looked up by its ik, with its accounts and Schema")
@rule("guide I.b", "ledgers lists the workspace's Ledgers")
@rule("reference 10", "Ledgers are newest created first")
@rule("guide I.j", "A Schema is looked up by key, its versions by number, newest by default")
async def test_ledgers_and_schemas(client: Any) -> None:
    document = {**reading_schema(), "key": f"schema-{uuid4().hex[:8]}"}
    made = [await open_ledger(client, document, "-08:00", f"L{number}") for number in range(3)]
    one = """query one($ik: SafeString!) { ledger(ledger: {ik: $ik}) {
      id ik name balanceUTCOffset type schema { key } ledgerAccounts { nodes { path } } } }"""

    async def accounts() -> int:
        found = (await ask(client, one, ik=made[0]))["ledger"]
        shown = [found[name] for name in ("ik", "name", "balanceUTCOffset", "schema")]
        assert shown == [made[0], "L0", "-08:00", {"key": document["key"]}]
        return len(found["ledgerAccounts"]["nodes"])

    await eventually(accounts, 10)
    listing = f"""query ledgers($after: String, $before: String, $first: Int, $last: Int,
      $filter: LedgersFilterSet) {{
      ledgers(after: $after, before: $before, first: $first, last: $last, filter: $filter) {{
        nodes {{ ik created }} {PAGE_INFO} }} }}"""

    async def read(**more: Any) -> Any:
        return (await ask(client, listing, **more))["ledgers"]

    everything = [node async for page in pages(read, 200) for node in page["nodes"]]
    created = [node["created"] for node in everything]
    assert created == sorted(created, reverse=True)
    mine = [node["ik"] for node in everything if node["ik"] in made]
    assert mine == made[::-1]
    for given, is_there in (
        ({"hasSchema": True}, True), ({"hasSchema": False}, False),
        ({"type": {"equalTo": "double"}}, True), ({"type": {"in": []}}, False),
        ({"type": {"in": ["double"]}, "hasSchema": True}, True),
    ):  # fmt: skip
        nodes = (await read(first=200, filter=given))["nodes"]
        assert (made[2] in [node["ik"] for node in nodes]) is is_there, given
    changed = {**document, "name": "Second"}
    await client.store_schema(SchemaInput.model_validate(changed))
    schema = """query schema($key: SafeString!) { schema(schema: {key: $key}) {
      key name version { version json } first: version(version: 1) { version json }
      ledgers { nodes { ik } }
      versions { nodes { version } } } }"""
    found = (await ask(client, schema, key=document["key"]))["schema"]
    assert (found["version"]["version"], found["name"]) == (2, "Second")
    assert found["first"] == {"version": 1, "json": document}
    assert found["version"]["json"] == changed
    assert found["versions"]["nodes"] == [{"version": 2}, {"version": 1}]
    assert [node["ik"] for node in found["ledgers"]["nodes"]] == made[::-1]
    schemas = "query { schemas(first: 200) { nodes { key } } }"
    keys = [node["key"] for node in (await ask(client, schemas))["schemas"]["nodes"]]
    assert document["key"] in keys


# --- Accounts -------------------------------------------------------------------------------------
STATIC = ["assets", BANK, "trade", "trade/euros", "trade/fx", "income", "income/fees",
          "liabilities", "debts", "debts/fx"]  # fmt: skip
INSTANCES = ["liabilities/users:ann", ANN, ANN_PENDING, "liabilities/users:bob", BOB]


@rule("guide I.c", "A Ledger Account is looked up by its path and the Ledger's ik, or by its id")
@rule("guide I.c", "Several are looked up with ledgerAccount.in")
@rule(
    "guide I.c",
    "Accounts are filtered by type, path with wildcards, and whether they have a parent",
)
@rule("reference 7 Accounts", "path.matches: `*` only for a template value; descendants match too")
@rule("reference 7 Accounts", "path.contains finds a part of the path, as it is written")
@rule("reference 10", "Accounts are newest created first")
async def test_accounts_by_every_filter(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    await post(client, ik, "1", START, (BANK, 3), (ANN, 1), (ANN_PENDING, 1), (BOB, 1))
    await eventually(lambda: paths(client, ik), sorted([*STATIC, *INSTANCES]))
    nodes = (await ask(client, ACCOUNTS, ik=ik))["ledger"]["list"]["nodes"]
    created = [node["created"] for node in nodes]
    assert created == sorted(created, reverse=True)
    one = f"query one($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{ id path }} }}"
    bank = (await ask(client, one, ik=ik, path=BANK))["ledgerAccount"]
    by_id = "query one($id: ID!) { ledgerAccount(ledgerAccount: {id: $id}) { id path } }"
    assert (await ask(client, by_id, id=bank["id"]))["ledgerAccount"] == bank
    users = ["liabilities/users:ann", "liabilities/users:bob"]
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"type": {"equalTo": "asset"}}, STATIC[:5]),
        ({"type": {"in": ["asset", "income"]}}, STATIC[:7]),
        ({"hasParentLedgerAccount": False}, ["assets", "trade", "income", "liabilities",
         "debts"]),
        ({"hasParentLedgerAccount": True, "type": {"equalTo": "income"}}, ["income/fees"]),
        ({"isLinkedAccount": True}, []),
        ({"isLinkedAccount": False, "type": {"equalTo": "income"}}, ["income", "income/fees"]),
        ({"ledgerAccount": {"equalTo": {"path": BANK}}}, [BANK]),
        ({"ledgerAccount": {"in": [{"path": BANK}, {"path": "income"}, {"path": "no"}]}},
         [BANK, "income"]),
        ({"ledgerAccount": {"equalTo": {"id": bank["id"]}}}, [BANK]),
        ({"parentLedgerAccount": {"equalTo": {"path": "trade"}}}, STATIC[3:5]),
        ({"parentLedgerAccount": {"in": [{"path": each} for each in users]}},
         [ANN, ANN_PENDING, BOB]),
        ({"path": {"equalTo": ANN}}, [ANN]),
        ({"path": {"in": [ANN, "income"]}}, [ANN, "income"]),
        ({"path": {"contains": "s:ann/p"}}, [ANN_PENDING]),
        ({"path": {"contains": "*"}}, []),
        ({"path": {"matches": "liabilities/users:*"}}, INSTANCES),
        ({"path": {"matches": "liabilities/users:*/pending"}}, [ANN_PENDING]),
        ({"path": {"matches": "liabilities/users:bob"}}, INSTANCES[3:]),
        ({"path": {"matchesAny": ["income", "liabilities/users:*/pending"]}},
         ["income", "income/fees", ANN_PENDING]),
        ({"path": {"matches": "liabilities/users:*"}, "type": {"equalTo": "asset"}}, []),
    ]  # fmt: skip
    for given, expected in cases:
        assert await paths(client, ik, given) == sorted(expected), given
    for pattern in ("*", "liab*", "liabilities/*", "liabilities/users:a*", "liabilities/**", ""):
        given = {"path": {"matches": pattern}}
        assert await refusal(client, ACCOUNTS, ik=ik, filter=given) == "invalid_filter", pattern
    two = {"path": {"matches": "income", "matchesAny": ["income"]}}
    assert await refusal(client, ACCOUNTS, ik=ik, filter=two) == "invalid_filter"

    async def read(**more: Any) -> Any:
        return (await ask(client, ACCOUNTS, ik=ik, **more))["ledger"]["list"]

    forward = [page["nodes"] async for page in pages(read, 5)]
    assert [len(page) for page in forward] == [5, 5, 5]
    backward = [page["nodes"] async for page in pages(read, 5, backward=True)]
    assert [node for page in forward for node in page] == [
        node for page in reversed(backward) for node in page
    ]


# --- Lines ----------------------------------------------------------------------------------------
@rule("reference 10", "Ledger.lines needs ledgerAccount or path, and not both")
@rule(
    "reference 10",
    "path.matches on lines: `*` for template values, or a trailing /* for all "
    "descendants without the parent itself, never both; matchesAny ORs",
)
@rule(
    "reference 10",
    "LedgerAccount.lines takes neither ledgerAccount nor path; externalTxIds "
    "works on linked accounts only",
)
async def test_lines_of_a_ledger_by_account(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    await post(client, ik, "1", START, (BANK, 10), (ANN, 1), (ANN_PENDING, 2), (BOB, 3),
               ("liabilities/users:ann", 4))  # fmt: skip
    await post(client, ik, "2", START, ("assets", 5), ("income/fees", 5))

    async def amounts(filter_set: Any) -> list[str]:
        found = await ask(client, LEDGER_LINES, ik=ik, filter=filter_set)
        return sorted(node["amount"] for node in found["ledger"]["list"]["nodes"])

    await eventually(lambda: amounts({"path": {"contains": ""}}),
                     sorted(["10", "1", "2", "3", "4", "5", "5"]))  # fmt: skip
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"ledgerAccount": {"equalTo": {"path": BANK}}}, ["10"]),
        ({"ledgerAccount": {"in": [{"path": BANK}, {"path": BOB}]}}, ["10", "3"]),
        ({"path": {"equalTo": ANN}}, ["1"]),
        ({"path": {"in": [ANN, BOB]}}, ["1", "3"]),
        ({"path": {"contains": "ann"}}, ["1", "2", "4"]),
        ({"path": {"matches": "liabilities/users:*/available"}}, ["1", "3"]),
        ({"path": {"matches": "liabilities/users:*"}}, ["4"]),
        ({"path": {"matches": "liabilities/*"}}, ["1", "2", "3", "4"]),
        ({"path": {"matches": "liabilities/users:ann/*"}}, ["1", "2"]),
        ({"path": {"matches": "assets/*"}}, ["10"]),
        ({"path": {"matchesAny": ["assets/*", "income/*"]}}, ["10", "5"]),
        ({"path": {"matchesAny": ["liabilities/users:*/pending", "assets"]}}, ["2", "5"]),
        ({"path": {"matches": "liabilities/*"}, "type": {"equalTo": "debit"}}, []),
    ]  # fmt: skip
    for given, expected in cases:
        assert await amounts(given) == sorted(expected), given
    for wrong in (
        {}, {"type": {"equalTo": "debit"}}, {"path": {}},
        {"path": {"equalTo": BANK}, "ledgerAccount": {"equalTo": {"path": BANK}}},
        {"path": {"matches": "liabilities/users:*/*"}}, {"path": {"matches": "liabilities/us*"}},
        {"path": {"matchesAny": ["assets/*", "liabilities/users:*"]}},
        {"path": {"matches": BANK, "matchesAny": [BANK]}},
        {"path": {"equalTo": BANK}, "externalTxIds": ["a"]},
    ):  # fmt: skip
        assert await refusal(client, LEDGER_LINES, ik=ik, filter=wrong) == "invalid_filter", wrong
    for wrong in (
        {"path": {"equalTo": BANK}}, {"ledgerAccount": {"equalTo": {"path": BANK}}},
        {"externalTxIds": ["a"]},
    ):  # fmt: skip
        code = await refusal(client, ACCOUNT_LINES, ik=ik, path=BANK, filter=wrong)
        assert code == "invalid_filter", wrong


@rule("guide I.d", "A line is looked up by its id")
@rule("guide I.d", "An account's lines are filtered by posted (inclusive) and by key")
@rule("reference 10", "Lines are newest posted first")
async def test_lines_of_an_account_by_every_filter(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    for number in range(1, 5):
        await client.add_ledger_entry(f"f{number}", ik, "fund",
                                      {"amount": str(number), "user": "ann"},
                                      posted=iso(START + number * DAY))  # fmt: skip
    await post(client, ik, "out", START, (BANK, -9), (ANN, -9))

    for path in (BANK, ANN):  # eventual and strong

        async def amounts(filter_set: Any = None, path: str = path) -> list[str]:
            found = await ask(client, ACCOUNT_LINES, ik=ik, path=path, filter=filter_set)
            return [node["amount"] for node in found["ledgerAccount"]["list"]["nodes"]]

        await eventually(amounts, ["4", "3", "2", "1", "-9"])
        key = "in" if path == BANK else "out"
        side = "debit" if path == BANK else "credit"
        between = {"after": iso(START + 2 * DAY), "before": iso(START + 3 * DAY)}
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"posted": between}, ["3", "2"]),
            ({"key": {"equalTo": key}}, ["4", "3", "2", "1"]),
            ({"key": {"notEqualTo": key}}, ["-9"]),
            ({"key": {"in": [key, "x"]}, "posted": between}, ["3", "2"]),
            ({"type": {"equalTo": side}}, ["4", "3", "2", "1"]),
            ({"type": {"in": ["debit", "credit"]}}, ["4", "3", "2", "1", "-9"]),
            ({"date": {"equalTo": "2024-03-12"}}, ["2"]),
            ({"date": {"within": "2024-03"}, "key": {"equalTo": key}}, ["4", "3", "2", "1"]),
            ({"currency": {"equalTo": {"code": "USD"}}}, ["4", "3", "2", "1", "-9"]),
            ({"currency": {"in": [{"code": "EUR"}]}}, []),
            ({"created": {"before": "2000-01-01"}}, []),
            ({"created": {"after": "2000-01-01"}}, ["4", "3", "2", "1", "-9"]),
            ({"tag": {"keyEqualTo": "t"}}, []),
            ({"isReversal": True}, []),
            ({"showHidden": True}, ["4", "3", "2", "1", "-9"]),
        ]  # fmt: skip
        for given, expected in cases:
            assert await amounts(given) == expected, given
    lines = f"""query l($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      lines {{ nodes {{ id amount account {{ path }} }} }} }} }}"""
    first = (await ask(client, lines, ik=ik, path=BANK))["ledgerAccount"]["lines"]["nodes"][0]
    one = """query one($id: ID!) { ledgerLine(ledgerLine: {id: $id}) {
      id amount account { path } } }"""
    assert (await ask(client, one, id=first["id"]))["ledgerLine"] == first


# --- Entries, expansions, strong lists ------------------------------------------------------------
@rule("guide I.a", "One query reaches from a Ledger to its entries, their lines and accounts")
@rule("guide I.e", "An entry is looked up by its ik and Ledger, or by its id, with its lines")
@rule("guide I.e", "A group's entries are listed by the expansion ledgerEntryGroup.ledgerEntries")
async def test_entries_are_reached_from_everywhere(client: Any) -> None:
    ik = await post_six(client)
    fields = "id ik posted lines { nodes { amount account { path } } }"
    by_ik = f"""query one($ik: SafeString!, $entry: SafeString!) {{
      ledgerEntry(ledgerEntry: {{ik: $entry, ledger: {{ik: $ik}}}}) {{ {fields} }} }}"""
    found = (await ask(client, by_ik, ik=ik, entry="e1"))["ledgerEntry"]
    lines = [(line["amount"], line["account"]["path"]) for line in found["lines"]["nodes"]]
    assert lines == [("2", BANK), ("2", ANN)]
    by_id = f"query one($id: ID!) {{ ledgerEntry(ledgerEntry: {{id: $id}}) {{ {fields} }} }}"
    assert (await ask(client, by_id, id=found["id"]))["ledgerEntry"] == found
    group = f"""query g($ik: SafeString!, $filter: LedgerEntriesFilterSet) {{
      ledger(ledger: {{ik: $ik}}) {{ ledgerEntryGroup(ledgerEntryGroup: {{key: "g", value: "1"}}) {{
        ledgerEntries(filter: $filter) {{ nodes {{ {fields} }} {PAGE_INFO} }} }} }} }}"""
    listed = (await ask(client, group, ik=ik))["ledger"]["ledgerEntryGroup"]["ledgerEntries"]
    assert [node["ik"] for node in listed["nodes"]] == ["e3", "e1"]
    assert (listed["nodes"][1], listed["pageInfo"]) == (found, NO_PAGE)
    given = {"type": {"equalTo": "opening"}}
    listed = (await ask(client, group, ik=ik, filter=given))["ledger"]["ledgerEntryGroup"]
    assert [node["ik"] for node in listed["ledgerEntries"]["nodes"]] == ["e3"]
    account = f"""query a($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      ledgerEntries {{ nodes {{ ik }} }} }} }}"""
    listed = (await ask(client, account, ik=ik, path=BOB))["ledgerAccount"]["ledgerEntries"]
    assert [node["ik"] for node in listed["nodes"]] == ["e4", "e2"]


@rule("guide K.a", "With consistencyConfig.entries strong the list of entries shows a post at once")
@rule("guide K.b", "With lines strong an account's lines show a post at once")
async def test_strong_lists_show_a_post_at_once(client: Any) -> None:
    strong = {"key": "reading-entries", "consistencyConfig": {"entries": "strong"}}
    ik = await open_ledger(client, {**reading_schema(), **strong})
    lines = f"""query l($ik: SafeString!, $path: String!, $first: Int, $after: String) {{
      {ACCOUNT} {{ lines(first: $first, after: $after) {{
        nodes {{ amount }} {PAGE_INFO} }} }} }}"""
    for number in range(1, 6):
        at = START + number * DAY
        await post(client, ik, f"e{number}", at, (BANK, number), (ANN, number), tags={"n": "1"})
        newest = [f"e{each}" for each in range(number, 0, -1)]
        assert await iks(client, ik) == newest
        assert await iks(client, ik, {"tag": {"equalTo": pair("n", "1")}}) == newest
        assert await iks(client, ik, {"posted": {"after": iso(at)}}) == newest[:1]
        found = (await ask(client, lines, ik=ik, path=ANN))["ledgerAccount"]["lines"]
        assert [node["amount"] for node in found["nodes"]] == [ik[1:] for ik in newest]

    async def read(**more: Any) -> Any:
        return (await ask(client, ENTRIES, ik=ik, **more))["ledger"]["list"]

    forward = [[node["ik"] for node in page["nodes"]] async for page in pages(read, 2)]
    assert forward == [["e5", "e4"], ["e3", "e2"], ["e1"]]
    backward = [[n["ik"] for n in page["nodes"]] async for page in pages(read, 2, backward=True)]
    assert backward == [["e2", "e1"], ["e4", "e3"], ["e5"]]
