"""Groups: what must find nothing, or be told that it can't be asked."""

from typing import Any

from tests.hostile.cases import BAD_INPUT, Case, graphql_case
from tests.hostile.reading_cases import FOREIGN, QUERY_STRINGS

GROUP_QUERY = """query q($key: SafeString!, $value: SafeString!, $first: Int, $last: Int,
  $after: String, $before: String, $filter: LedgerEntryGroupBalanceFilterSet,
  $mode: ReadBalanceConsistencyMode) {
  ledger(ledger: {ik: "{{ledger_ik}}"}) {
    ledgerEntryGroup(ledgerEntryGroup: {key: $key, value: $value}) {
      balances(first: $first, last: $last, after: $after, before: $before, filter: $filter) {
        nodes { ownBalance(consistencyMode: $mode) }
      }
    }
  }
}"""
CREATED_QUERY = """query q($m: LedgerEntryGroupMatchInput!) {
  ledgerEntryGroup(ledgerEntryGroup: $m) {
    created balances { nodes { ownBalance } } ledgerEntries { nodes { ik } }
  }
}"""
GROUPS_QUERY = """query q($first: Int, $after: String, $filter: LedgerEntryGroupsFilterSet) {
  ledger(ledger: {ik: "{{ledger_ik}}"}) {
    ledgerEntryGroups(first: $first, after: $after, filter: $filter) { nodes { key value } }
  }
}"""
EMPTY: Any = {"ledger": {"ledgerEntryGroup": {"balances": {"nodes": []}}}}
NO_GROUPS: Any = {"ledger": {"ledgerEntryGroups": {"nodes": []}}}
FILTER = "invalid_filter"
CURSOR = "invalid_cursor"


def balances_case(
    name: str, code: str, *, key: Any = "day", value: Any = "one", data: Any = None, **more: Any
) -> Case:
    """LedgerEntryGroup.balances of a group that stands, unless another is named."""
    variables = {"key": key, "value": value, **more}
    return graphql_case(f"group {name}", GROUP_QUERY, variables, code, data=data)


def account_case(name: str, code: str, data: Any = None, **account: Any) -> Case:
    return balances_case(f"balances {name}", code, data=data, filter={"account": account})


def own_case(name: str, code: str, data: Any = None, **own: Any) -> Case:
    return balances_case(f"balances of {name}", code, data=data, filter={"ownBalance": own})


def groups_case(name: str, code: str, data: Any = None, **filter_set: Any) -> Case:
    variables = {"filter": filter_set}
    return graphql_case(f"groups with {name}", GROUPS_QUERY, variables, code, data=data)


ODD_TEXTS = {name: text for name, text in QUERY_STRINGS.items() if name != "10000 characters"}
NAME_CASES = [
    balances_case("by an empty key", BAD_INPUT, key=""),
    balances_case("by an empty value", BAD_INPUT, value=""),
    balances_case("by a key with a hash", BAD_INPUT, key="day#one"),
    balances_case("by a value with a NUL", BAD_INPUT, value="one\x00"),
    balances_case("by a value of 5000 characters", BAD_INPUT, value="v" * 5_000),
    balances_case("by a value null", BAD_INPUT, value=None),
    balances_case("by a number", BAD_INPUT, value=1),
    balances_case("by its key and value swapped", "", key="one", value="day", data=EMPTY),
    balances_case("by an emoji", "", value="💥", data=EMPTY),
    balances_case("by a wildcard", "", value="*", data=EMPTY),
    graphql_case(
        "group of another workspace's ledger",
        CREATED_QUERY,
        {"m": {"key": "day", "value": "one", "ledger": FOREIGN}},
        data={"ledgerEntryGroup": None},
    ),
    graphql_case(
        "group of a ledger by nothing",
        CREATED_QUERY,
        {"m": {"key": "day", "value": "one", "ledger": {}}},
        "invalid_match",
    ),
    graphql_case(
        "group without a ledger", CREATED_QUERY, {"m": {"key": "day", "value": "one"}}, BAD_INPUT
    ),
]
BALANCES_CASES = [
    balances_case("strong without being configured", "invalid_consistency_mode", mode="strong"),
    balances_case("in an unknown mode", BAD_INPUT, mode="exact"),
    balances_case("page of 0", "invalid_page_size", first=0),
    balances_case("page of 201", "invalid_page_size", last=201),
    balances_case("first and last", "bad_request", first=1, last=1),
    balances_case("page after a cursor of entries", CURSOR, after="{{cursor}}"),
    balances_case("page before a cursor of lines", CURSOR, before="{{line_cursor}}"),
    balances_case("page after a word", CURSOR, after="one"),
    account_case("under a wildcard for a key", FILTER, path={"matches": "*"}),
    account_case("under a wildcard in a key", FILTER, path={"matches": "assets/b*"}),
    account_case("below an account", FILTER, path={"matches": "assets/*"}),
    account_case("under a wildcard in a value", FILTER, path={"matches": "a/users:b*/c"}),
    account_case("under a pattern of brackets", FILTER, path={"matches": "[" * 2_000}),
    account_case("under an empty pattern", FILTER, path={"matches": ""}),
    account_case(
        "under patterns of two kinds", FILTER, path={"matches": "assets", "matchesAny": ["assets"]}
    ),
    account_case("under 101 patterns", "too_many_items", path={"matchesAny": ["assets"] * 101}),
    account_case("of 101 paths", "too_many_items", path={"in": ["assets"] * 101}),
    account_case("of a path with a NUL", FILTER, path={"contains": "\x00"}),
    account_case("of 101 ids", "too_many_items", id={"in": ["a"] * 101}),
    account_case("of an id with a NUL", FILTER, id={"equalTo": "\x00"}),
    account_case("of another workspace", "", EMPTY, id={"equalTo": "{{foreign_account_id}}"}),
    account_case("of no ids", "", EMPTY, id={"in": []}),
    *[
        account_case(f"of a path of {name}", "", EMPTY, path={"equalTo": text})
        for name, text in QUERY_STRINGS.items()
    ],
    own_case("a word", BAD_INPUT, eq="much"),
    own_case("a fraction", BAD_INPUT, gte="1.5"),
    own_case("more than Int96", BAD_INPUT, lte=str(2**120)),
    own_case("an unknown test", BAD_INPUT, gt="1"),
    own_case("an empty range", "", EMPTY, gte="2", lte="1"),
    balances_case(
        "balances in a custom currency without its id",
        FILTER,
        filter={"currency": {"equalTo": {"code": "CUSTOM"}}},
    ),
    balances_case(
        "balances in 101 currencies",
        "too_many_items",
        filter={"currency": {"in": [{"code": "USD"}] * 101}},
    ),
    balances_case("balances by an unknown member", BAD_INPUT, filter={"script": "1"}),
]
LIST_CASES = [
    *[
        groups_case(f"a key of {name}", "", NO_GROUPS, key={"equalTo": text})
        for name, text in QUERY_STRINGS.items()
    ],
    *[
        groups_case(f"a value of {name}", "", NO_GROUPS, value={"equalTo": text})
        for name, text in ODD_TEXTS.items()
    ],
    groups_case("a key with a NUL", FILTER, key={"equalTo": "day\x00one"}),
    groups_case("101 keys", "too_many_items", key={"in": ["day"] * 101}),
    groups_case("101 values not", "too_many_items", value={"notIn": ["one"] * 101}),
    groups_case("created in words", BAD_INPUT, created={"after": "today"}),
    groups_case("a balance of no account", BAD_INPUT, balance={"ownBalance": {"eq": "1"}}),
    groups_case(
        "a balance under a wildcard", FILTER, balance={"account": {"path": {"matches": "*"}}}
    ),
    groups_case(
        "a balance of another workspace's account",
        "",
        NO_GROUPS,
        balance={"account": {"id": {"equalTo": "{{foreign_account_id}}"}}},
    ),
    groups_case(
        "a balance that none has",
        "",
        NO_GROUPS,
        balance={"account": {}, "ownBalance": {"eq": "123456789"}},
    ),
    graphql_case("groups after a cursor of entries", GROUPS_QUERY, {"after": "{{cursor}}"}, CURSOR),
    graphql_case("groups of a page of 0", GROUPS_QUERY, {"first": 0}, "invalid_page_size"),
]

GROUP_CASES: list[Case] = [*NAME_CASES, *BALANCES_CASES, *LIST_CASES]
