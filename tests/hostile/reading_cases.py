"""Queries that must find nothing, or be told that they can't be asked."""

from typing import Any

from tests.hostile.cases import BAD_INPUT, LEDGER, Case, graphql_case

# --- What belongs to others, and what isn't there -------------------------------------------------
LEDGER_QUERY = "query q($m: LedgerMatchInput!) { ledger(ledger: $m) { id name } }"
ACCOUNT_QUERY = (
    "query q($m: LedgerAccountMatchInput!) { ledgerAccount(ledgerAccount: $m) { id ownBalance } }"
)
ENTRY_QUERY = "query q($m: LedgerEntryMatchInput!) { ledgerEntry(ledgerEntry: $m) { id ik } }"
LINE_QUERY = "query q($m: LedgerLineMatchInput!) { ledgerLine(ledgerLine: $m) { id amount } }"
SCHEMA_QUERY = "query q($m: SchemaMatchInput!) { schema(schema: $m) { key version { json } } }"
FOREIGN = {"ik": "{{foreign_ledger_ik}}"}


def nothing(name: str, document: str, match: Any, field: str) -> Case:
    """A lookup that finds nothing, whether the thing exists elsewhere or not."""
    return graphql_case(f"lookup of {name}", document, {"m": match}, data={field: None})


def odd_ids(kind: str, document: str, field: str) -> list[Case]:
    """IDs that are none."""
    ids = {
        "empty": "",
        "a NUL": "\x00",
        "5000 characters": "a" * 5_000,
        "a path": "../../etc/passwd",
        "a key": "L#{{ledger_id}}",
        "an emoji": "💥",
        "a query": "' OR 1=1 --",
        "a number": 12,
    }
    return [
        nothing(f"a {kind} by {name}", document, {"id": value}, field)
        for name, value in ids.items()
    ]


LOOKUP_CASES = [
    nothing(
        "another workspace's ledger by id", LEDGER_QUERY, {"id": "{{foreign_ledger_id}}"}, "ledger"
    ),
    nothing("another workspace's ledger by ik", LEDGER_QUERY, FOREIGN, "ledger"),
    nothing(
        "a ledger by matches that differ",
        LEDGER_QUERY,
        {"id": "{{ledger_id}}", "ik": "other"},
        "ledger",
    ),
    nothing(
        "another workspace's account by id",
        ACCOUNT_QUERY,
        {"id": "{{foreign_account_id}}"},
        "ledgerAccount",
    ),
    nothing(
        "another workspace's account by path",
        ACCOUNT_QUERY,
        {"path": "assets/bank", "ledger": FOREIGN},
        "ledgerAccount",
    ),
    nothing(
        "another workspace's account in one's own ledger",
        ACCOUNT_QUERY,
        {"id": "{{foreign_account_id}}", "ledger": LEDGER},
        "ledgerAccount",
    ),
    nothing(
        "an account by a path that goes up",
        ACCOUNT_QUERY,
        {"path": "assets/../assets/bank", "ledger": LEDGER},
        "ledgerAccount",
    ),
    nothing(
        "an account by a path with a NUL",
        ACCOUNT_QUERY,
        {"path": "assets/bank\x00", "ledger": LEDGER},
        "ledgerAccount",
    ),
    nothing(
        "an account by a path of 5000 characters",
        ACCOUNT_QUERY,
        {"path": "a" * 5_000, "ledger": LEDGER},
        "ledgerAccount",
    ),
    nothing(
        "an account by an empty path",
        ACCOUNT_QUERY,
        {"path": "", "ledger": LEDGER},
        "ledgerAccount",
    ),
    nothing(
        "an account by a wildcard",
        ACCOUNT_QUERY,
        {"path": "liabilities/users:*", "ledger": LEDGER},
        "ledgerAccount",
    ),
    nothing(
        "another workspace's entry by id",
        ENTRY_QUERY,
        {"id": "{{foreign_entry_id}}"},
        "ledgerEntry",
    ),
    nothing(
        "another workspace's entry by ik",
        ENTRY_QUERY,
        {"ik": "one", "ledger": FOREIGN},
        "ledgerEntry",
    ),
    nothing(
        "an entry by matches that differ",
        ENTRY_QUERY,
        {"id": "{{entry_id}}", "ik": "other"},
        "ledgerEntry",
    ),
    nothing("another workspace's line", LINE_QUERY, {"id": "{{foreign_line_id}}"}, "ledgerLine"),
    nothing(
        "a line that its entry doesn't have", LINE_QUERY, {"id": "{{entry_id}}-7"}, "ledgerLine"
    ),
    nothing("a line with a place like 00", LINE_QUERY, {"id": "{{entry_id}}-00"}, "ledgerLine"),
    nothing("a line with a place below 0", LINE_QUERY, {"id": "{{entry_id}}--1"}, "ledgerLine"),
    nothing(
        "another workspace's Schema", SCHEMA_QUERY, {"key": "{{foreign_schema_key}}"}, "schema"
    ),
    nothing("a Schema's version 99", SCHEMA_QUERY, {"key": "hostile", "version": 99}, "schema"),
    nothing("a Schema's version -1", SCHEMA_QUERY, {"key": "hostile", "version": -1}, "schema"),
    nothing(
        "a Schema's version 2147483647",
        SCHEMA_QUERY,
        {"key": "hostile", "version": 2**31 - 1},
        "schema",
    ),
    *odd_ids("ledger", LEDGER_QUERY, "ledger"),
    *odd_ids("entry", ENTRY_QUERY, "ledgerEntry"),
    *odd_ids("account", ACCOUNT_QUERY, "ledgerAccount"),
    *odd_ids("line", LINE_QUERY, "ledgerLine"),
    graphql_case("lookup of a ledger by nothing", LEDGER_QUERY, {"m": {}}, "invalid_match"),
    graphql_case("lookup of an account by nothing", ACCOUNT_QUERY, {"m": {}}, "invalid_match"),
    graphql_case("lookup of an entry by nothing", ENTRY_QUERY, {"m": {}}, "invalid_match"),
    graphql_case(
        "lookup of an entry by ik alone", ENTRY_QUERY, {"m": {"ik": "one"}}, "ledger_required"
    ),
    graphql_case(
        "lookup of an account by path alone",
        ACCOUNT_QUERY,
        {"m": {"path": "assets"}},
        "ledger_required",
    ),
    graphql_case(
        "lookup of an entry in a ledger by nothing",
        ENTRY_QUERY,
        {"m": {"ik": "one", "ledger": {}}},
        "invalid_match",
    ),
]

# --- Pages ----------------------------------------------------------------------------------------
LIST_QUERY = """query q($ledger: LedgerMatchInput!, $first: Int, $last: Int, $after: String,
  $before: String, $filter: LedgerEntriesFilterSet) {
  ledger(ledger: $ledger) {
    ledgerEntries(first: $first, last: $last, after: $after, before: $before, filter: $filter) {
      nodes { id }
    }
  }
}"""
LINES_QUERY = """query q($first: Int, $after: String) {
  ledgerAccount(ledgerAccount: {id: "{{account_id}}"}) {
    lines(first: $first, after: $after) { nodes { id } }
  }
}"""


def page_case(name: str, code: str, **arguments: Any) -> Case:
    return graphql_case(f"page {name}", LIST_QUERY, {"ledger": LEDGER, **arguments}, code)


CURSOR = "invalid_cursor"
PAGE_CASES = [
    page_case("of 0", "invalid_page_size", first=0),
    page_case("of -1", "invalid_page_size", first=-1),
    page_case("of 201", "invalid_page_size", first=201),
    page_case("of 2^31 - 1", "invalid_page_size", first=2**31 - 1),
    page_case("of 2^31", BAD_INPUT, first=2**31),
    page_case("of the last 0", "invalid_page_size", last=0),
    page_case("first and last", "bad_request", first=2, last=2),
    page_case("after and before", "bad_request", first=2, after="{{cursor}}", before="{{cursor}}"),
    page_case("after nothing", CURSOR, after=""),
    page_case("after a word", CURSOR, after="first"),
    page_case("after an emoji", CURSOR, after="💥"),
    page_case("after a NUL", CURSOR, after="\x00"),
    page_case("after 3000 characters", CURSOR, after="A" * 3_000),
    page_case("after base64 of nothing", CURSOR, after="AAAA"),
    page_case("after base64 with blanks", CURSOR, after="AA AA=="),
    page_case("after base64 that is cut", CURSOR, after="AAAAA"),
    page_case("after a cursor with something behind it", CURSOR, after="{{cursor}}AAAA"),
    page_case("after a cursor with something before it", CURSOR, after="AAAA{{cursor}}"),
    page_case("after an id", CURSOR, after="{{entry_id}}"),
    page_case("after a cursor of another list", CURSOR, first=2, after="{{line_cursor}}"),
    page_case("after a cursor of another filter", CURSOR, first=2, after="{{filtered_cursor}}"),
    page_case(
        "after a cursor, with a filter of its own",
        CURSOR,
        first=2,
        after="{{cursor}}",
        filter={"type": {"equalTo": "deposit"}},
    ),
    page_case("after another workspace's cursor", CURSOR, first=2, after="{{foreign_cursor}}"),
    page_case("of another size after a cursor", CURSOR, first=3, after="{{cursor}}"),
    page_case("before another workspace's cursor", CURSOR, first=2, before="{{foreign_cursor}}"),
    graphql_case(
        "page of lines after a cursor of entries",
        LINES_QUERY,
        {"first": 2, "after": "{{cursor}}"},
        CURSOR,
    ),
    graphql_case(
        "page of another workspace's ledger",
        LIST_QUERY,
        {"ledger": FOREIGN, "after": "{{foreign_cursor}}"},
        data={"ledger": None},
    ),
]

# --- Filters --------------------------------------------------------------------------------------
EMPTY: Any = {"ledger": {"ledgerEntries": {"nodes": []}}}
DATE = {"within": "2024", "withinBalanceUTCOffset": "2024"}
TAG = {"key": "a", "value": "b"}


def filter_case(name: str, code: str, data: Any = None, **filter_set: Any) -> Case:
    variables = {"ledger": LEDGER, "filter": filter_set}
    return graphql_case(f"filter {name}", LIST_QUERY, variables, code, data=data)


QUERY_STRINGS = {
    "a wildcard": "*",
    "a query": "type:deposit OR *:*",
    "JSON": '{"match_all": {}}',
    "a regular expression": "/.*/",
    "SQL": "' OR 1=1 --",
    "an emoji": "💥",
    "an empty string": "",
    "10000 characters": "a" * 10_000,
    "right-to-left marks": "\u202etisoped",
}
FILTER_CASES = [
    *[
        filter_case(f"type of {name}", "", EMPTY, type={"equalTo": text})
        for name, text in QUERY_STRINGS.items()
    ],
    filter_case("type with a NUL", "invalid_filter", type={"equalTo": "deposit\x00"}),
    filter_case("type in 101", "too_many_items", type={"in": [f"t{i}" for i in range(101)]}),
    filter_case("type in nothing", "", EMPTY, type={"in": []}),
    filter_case("type in null", BAD_INPUT, type={"in": [None]}),
    filter_case("typeVersion in words", "invalid_filter", typeVersion={"equalTo": "one"}),
    filter_case("typeVersion of 400 digits", "invalid_filter", typeVersion={"equalTo": "1" * 400}),
    filter_case("11 tags at once", "too_many_items", tag={"all": [TAG] * 11}),
    filter_case("tags in 101", "too_many_items", tag={"in": [TAG] * 101}),
    filter_case("tag with a slash", BAD_INPUT, tag={"equalTo": {"key": "a/b", "value": "c"}}),
    filter_case("tag without a value", BAD_INPUT, tag={"equalTo": {"key": "a"}}),
    filter_case(
        "tag that contains a wildcard", "", EMPTY, tag={"contains": {"key": "kind", "value": "*"}}
    ),
    filter_case("group in 101", "too_many_items", group={"in": [TAG] * 101}),
    filter_case("date in words", BAD_INPUT, date={"equalTo": "today"}),
    filter_case("date within two periods", "invalid_filter", date=DATE),
    filter_case("date within a day", BAD_INPUT, date={"within": "2024-01-01"}),
    filter_case("date within a quarter", BAD_INPUT, date={"within": "2024-Q1"}),
    filter_case("posted after in words", BAD_INPUT, posted={"after": "now"}),
    filter_case("posted a number", BAD_INPUT, posted={"after": 0}),
    filter_case(
        "entry in 101", "too_many_items", ledgerEntry={"in": [{"id": "{{entry_id}}"}] * 101}
    ),
    filter_case("entry by nothing", "invalid_filter", ledgerEntry={"equalTo": {}}),
    filter_case(
        "entry of another workspace",
        "",
        EMPTY,
        ledgerEntry={"equalTo": {"id": "{{foreign_entry_id}}"}},
    ),
    filter_case("unknown member", BAD_INPUT, script={"source": "ctx"}),
]
ACCOUNTS_QUERY = """query q($filter: LedgerAccountsFilterSet) {
  ledger(ledger: {ik: "{{ledger_ik}}"}) { ledgerAccounts(filter: $filter) { nodes { path } } }
}"""
LEDGER_LINES_QUERY = """query q($filter: LedgerLinesFilterSet!) {
  ledger(ledger: {ik: "{{ledger_ik}}"}) { lines(filter: $filter) { nodes { id } } }
}"""


def accounts_case(name: str, code: str, **filter_set: Any) -> Case:
    return graphql_case(f"accounts with {name}", ACCOUNTS_QUERY, {"filter": filter_set}, code)


def lines_filter_case(name: str, code: str, **filter_set: Any) -> Case:
    return graphql_case(f"lines with {name}", LEDGER_LINES_QUERY, {"filter": filter_set}, code)


PATH_CASES = [
    accounts_case("a wildcard for a key", "invalid_filter", path={"matches": "*"}),
    accounts_case("a wildcard in a key", "invalid_filter", path={"matches": "assets/b*"}),
    accounts_case(
        "a wildcard in a value", "invalid_filter", path={"matches": "liabilities/users:a*"}
    ),
    accounts_case("two wildcards", "invalid_filter", path={"matches": "**"}),
    accounts_case("a pattern of brackets", "invalid_filter", path={"matches": "[" * 2_000}),
    accounts_case("an empty pattern", "invalid_filter", path={"matches": ""}),
    accounts_case(
        "a pattern of 2000 segments", "invalid_filter", path={"matches": "/".join(["a"] * 2_000)}
    ),
    accounts_case("paths in 101", "too_many_items", path={"in": ["a"] * 101}),
    accounts_case("a path that contains a NUL", "invalid_filter", path={"contains": "\x00"}),
    accounts_case("an account by nothing", "invalid_filter", ledgerAccount={"equalTo": {}}),
    accounts_case(
        "a window without a status", "invalid_filter", latestPosted={"after": "2024-01-01"}
    ),
    accounts_case(
        "a window and an empty status", "invalid_filter", earliestPosted={}, clearingStatus={}
    ),
    accounts_case("a status that is none", BAD_INPUT, clearingStatus={"equalTo": "open"}),
    accounts_case("a status as text", BAD_INPUT, clearingStatus="pending"),
    accounts_case(
        "a window of no date",
        BAD_INPUT,
        clearingStatus={"equalTo": "pending"},
        latestPosted={"after": "soon"},
    ),
    graphql_case(
        "accounts with a status in a ledger without clearing accounts",
        ACCOUNTS_QUERY,
        {"filter": {"clearingStatus": {"equalTo": "cleared"}}},
        data={"ledger": {"ledgerAccounts": {"nodes": []}}},
    ),
    lines_filter_case("no account", "invalid_filter"),
    lines_filter_case("a path of nothing", "invalid_filter", path={}),
    lines_filter_case("an account of nothing", "invalid_filter", ledgerAccount={"equalTo": None}),
    graphql_case(
        "lines of an account that isn't linked by ids of txs",
        """{ ledgerAccount(ledgerAccount: {id: "{{account_id}}"}) {
          lines(filter: {externalTxIds: ["a"]}) { nodes { id } } } }""",
        {},
        "invalid_filter",
    ),
    lines_filter_case(
        "account and path",
        "invalid_filter",
        path={"equalTo": "assets/bank"},
        ledgerAccount={"equalTo": {"id": "{{account_id}}"}},
    ),
    lines_filter_case(
        "patterns of two kinds", "invalid_filter", path={"matches": "liabilities/users:*/*"}
    ),
    lines_filter_case("101 patterns", "too_many_items", path={"matchesAny": ["assets/*"] * 101}),
    lines_filter_case(
        "ids of txs", "invalid_filter", path={"equalTo": "assets/bank"}, externalTxIds=["a"]
    ),
    lines_filter_case(
        "an unknown side", BAD_INPUT, path={"equalTo": "assets/bank"}, type={"equalTo": "left"}
    ),
    lines_filter_case(
        "a currency without its id",
        "invalid_filter",
        path={"equalTo": "assets/fx"},
        currency={"equalTo": {"code": "CUSTOM"}},
    ),
]

# --- Balances -------------------------------------------------------------------------------------
BALANCE_QUERY = """query q($path: String!, $at: LastMoment, $mode: ReadBalanceConsistencyMode,
  $currency: CurrencyMatchInput) {
  ledgerAccount(ledgerAccount: {ledger: {ik: "{{ledger_ik}}"}, path: $path}) {
    ownBalance(at: $at, consistencyMode: $mode, currency: $currency)
  }
}"""
CHANGE_QUERY = """query q($period: Period!) {
  ledgerAccount(ledgerAccount: {id: "{{account_id}}"}) { balanceChange(period: $period) }
}"""
DURING_QUERY = """query q($start: FirstMoment!, $duration: Int!, $granularity: Granularity!) {
  ledgerAccount(ledgerAccount: {id: "{{account_id}}"}) {
    balancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {
      nodes { at }
    }
  }
}"""


def balance_case(name: str, code: str, path: str = "assets/bank", **arguments: Any) -> Case:
    return graphql_case(f"balance {name}", BALANCE_QUERY, {"path": path, **arguments}, code)


def change_case(name: str, period: Any) -> Case:
    return graphql_case(f"change over {name}", CHANGE_QUERY, {"period": period}, BAD_INPUT)


def during_case(
    name: str, code: str, start: Any = "2024-01-01", duration: Any = 1, granularity: Any = "hourly"
) -> Case:
    variables = {"start": start, "duration": duration, "granularity": granularity}
    return graphql_case(f"balances during {name}", DURING_QUERY, variables, code)


STRONG_PATH = "liabilities/users:ann/available"
BALANCE_CASES = [
    balance_case("at a word", BAD_INPUT, at="now"),
    balance_case("at a minute", BAD_INPUT, at="2024-01-01T00:00"),
    balance_case("at a quarter", BAD_INPUT, at="2024-Q1"),
    balance_case("at an hour 24", BAD_INPUT, at="2024-01-01T24"),
    balance_case("at a day 31 of April", BAD_INPUT, at="2024-04-31"),
    balance_case("at year 0", BAD_INPUT, at="0000"),
    balance_case("at a number", BAD_INPUT, at=2024),
    balance_case("strong of an eventual account", "invalid_consistency_mode", mode="strong"),
    balance_case(
        "strong at a moment", "invalid_consistency_mode", STRONG_PATH, mode="strong", at="2024"
    ),
    balance_case("in an unknown mode", BAD_INPUT, mode="exact"),
    balance_case("in another currency", "invalid_currency", currency={"code": "EUR"}),
    balance_case(
        "in a custom currency without an id", "invalid_currency", currency={"code": "CUSTOM"}
    ),
    balance_case("without a currency", "missing_currency", "assets/fx"),
    change_case("a word", "ever"),
    change_case("a quarter 5", "2024-Q5"),
    change_case("a month 0", "2024-00"),
    change_case("a week", "2024-W05"),
    change_case("a number", 2024),
    change_case("an empty period", ""),
    change_case("10000 characters", "2" * 10_000),
    during_case("0 hours", "bad_request", duration=0),
    during_case("745 hours", "bad_request", duration=745),
    during_case("-745 hours", "bad_request", duration=-745),
    during_case("2^31 - 1 months", "bad_request", duration=2**31 - 1, granularity="monthly"),
    during_case("a start in words", BAD_INPUT, start="begin"),
    during_case("minutes", BAD_INPUT, granularity="minutely"),
    during_case(
        "months before year 1", "bad_request", start="0001-01", duration=-5, granularity="monthly"
    ),
    during_case(
        "months after year 9999", "bad_request", start="9999-12", duration=5, granularity="monthly"
    ),
]

READING_CASES: list[Case] = [*LOOKUP_CASES, *PAGE_CASES, *FILTER_CASES, *PATH_CASES, *BALANCE_CASES]
