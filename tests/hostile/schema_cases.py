"""Schemas that must not be stored."""

from copy import deepcopy
from typing import Any

from tests.hostile.cases import BAD_INPUT, Case, graphql_case

STORE = """mutation store($schema: SchemaInput!) {
  storeSchema(schema: $schema) { __typename ... on Error { code message retryable } }
}"""
GOOD: dict[str, Any] = {
    "key": "refused",
    "chartOfAccounts": {
        "defaultCurrency": {"code": "USD"},
        "defaultCurrencyMode": "single",
        "accounts": [
            {"key": "assets", "type": "asset", "children": [{"key": "bank"}]},
            {
                "key": "users",
                "type": "liability",
                "template": True,
                "consistencyConfig": {"ownBalanceUpdates": "strong"},
            },
            {"key": "income", "type": "income"},
        ],
    },
    "ledgerEntries": {
        "types": [
            {
                "type": "fund",
                "lines": [
                    {"key": "bank", "account": {"path": "assets/bank"}, "amount": "{{amount}}"},
                    {"key": "user", "account": {"path": "users:{{user}}"}, "amount": "{{amount}}"},
                ],
                "conditions": [
                    {
                        "account": {"path": "users:{{user}}"},
                        "postcondition": {"ownBalance": {"gte": "0"}},
                    }
                ],
            }
        ]
    },
}
REMOVED: Any = object()


def changed(place: str, value: Any) -> dict[str, Any]:
    """The good Schema with one member changed: `chartOfAccounts.accounts.0.key`."""
    document = deepcopy(GOOD)
    *way, last = place.split(".")
    at: Any = document
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    key: Any = int(last) if isinstance(at, list) else last
    if value is REMOVED:
        del at[key]
    else:
        at[key] = value
    return document


def schema_case(name: str, place: str, value: Any, code: str = "invalid_schema") -> Case:
    """A Schema with one thing wrong."""
    return graphql_case(f"Schema {name}", STORE, {"schema": changed(place, value)}, code)


ACCOUNTS = "chartOfAccounts.accounts"
TYPE = "ledgerEntries.types.0"
LINE = f"{TYPE}.lines.0"


def deep(levels: int) -> list[dict[str, Any]]:
    account: dict[str, Any] = {"key": "leaf"}
    for _ in range(levels - 1):
        account = {"key": "a", "children": [account]}
    return [{**account, "type": "asset"}]


def many_accounts(count: int) -> list[dict[str, Any]]:
    return [
        *GOOD["chartOfAccounts"]["accounts"],
        *[{"key": f"a{i}", "type": "asset"} for i in range(count)],
    ]


SCHEMA_CASES: list[Case] = [
    graphql_case("Schema null", STORE, {"schema": None}, BAD_INPUT),
    graphql_case("Schema a string", STORE, {"schema": "{}"}, BAD_INPUT),
    graphql_case("Schema empty", STORE, {"schema": {}}, BAD_INPUT),
    schema_case("without a chart", "chartOfAccounts", REMOVED, BAD_INPUT),
    schema_case("with an unknown member", "admin", True, BAD_INPUT),
    schema_case("with a bad key", "key", "a/b", BAD_INPUT),
    schema_case("with an empty key", "key", "", BAD_INPUT),
    schema_case("with a key of 257 characters", "key", "a" * 257, BAD_INPUT),
    schema_case("with a key of 129 characters", "key", "a" * 129),
    schema_case("with a NUL in its name", "name", "a\x00", BAD_INPUT),
    schema_case("with a name of 2000 characters", "name", "a" * 2_000, BAD_INPUT),
    schema_case("without accounts", ACCOUNTS, []),
    schema_case("with accounts null", ACCOUNTS, None, BAD_INPUT),
    schema_case("without a default currency", "chartOfAccounts.defaultCurrency", REMOVED),
    schema_case(
        "with a default currency for multi", "chartOfAccounts.defaultCurrencyMode", "multi"
    ),
    schema_case(
        "with an unknown currency mode", "chartOfAccounts.defaultCurrencyMode", "dual", BAD_INPUT
    ),
    schema_case(
        "with an unknown currency", "chartOfAccounts.defaultCurrency", {"code": "XXX"}, BAD_INPUT
    ),
    schema_case(
        "with a custom currency without an id",
        "chartOfAccounts.defaultCurrency",
        {"code": "CUSTOM"},
    ),
    schema_case("with a root without a type", f"{ACCOUNTS}.0.type", REMOVED),
    schema_case("with an unknown account type", f"{ACCOUNTS}.0.type", "equity", BAD_INPUT),
    schema_case("with another type below", f"{ACCOUNTS}.0.children.0.type", "income"),
    schema_case("with siblings alike", f"{ACCOUNTS}.1.key", "assets"),
    schema_case("with an account key with a slash", f"{ACCOUNTS}.0.key", "a/b", BAD_INPUT),
    schema_case("with an account key with a colon", f"{ACCOUNTS}.0.key", "a:b", BAD_INPUT),
    schema_case("with an account key that is a template", f"{ACCOUNTS}.0.key", "{{a}}", BAD_INPUT),
    schema_case("with an account without a key", f"{ACCOUNTS}.0.key", REMOVED, BAD_INPUT),
    schema_case("11 levels deep", ACCOUNTS, deep(11)),
    schema_case("40 levels deep", ACCOUNTS, deep(40), "json_too_deep"),
    schema_case("with 2001 accounts", ACCOUNTS, many_accounts(2_000)),
    schema_case("with a parameter in a static account's name", f"{ACCOUNTS}.0.name", "{{a}}"),
    schema_case("with an unclosed template", f"{ACCOUNTS}.1.name", "{{a"),
    schema_case("with an empty template", f"{ACCOUNTS}.1.name", "{{}}"),
    schema_case("with a template that calls", f"{ACCOUNTS}.1.name", "{{a()}}"),
    schema_case("with a template in a template", f"{ACCOUNTS}.1.name", "{{{{a}}}}"),
    schema_case("with a template of attributes", f"{ACCOUNTS}.1.name", "{{a.__class__.__mro__}}"),
    schema_case("with an unknown status", f"{ACCOUNTS}.0.status", "hidden", BAD_INPUT),
    schema_case(
        "with own and total balances",
        f"{ACCOUNTS}.2.consistencyConfig",
        {"totalBalanceUpdates": "strong"},
    ),
    schema_case("with an entry type without a type", f"{TYPE}.type", REMOVED, BAD_INPUT),
    schema_case(
        "with an entry type twice", "ledgerEntries.types", GOOD["ledgerEntries"]["types"] * 2
    ),
    schema_case("with a type version 0", f"{TYPE}.typeVersion", 0),
    schema_case("with a type version -1", f"{TYPE}.typeVersion", -1),
    schema_case("with a type version 2^40", f"{TYPE}.typeVersion", 2**40, BAD_INPUT),
    schema_case("with one line key twice", f"{LINE}.key", "user"),
    schema_case("with a line without an account", f"{LINE}.account", REMOVED, BAD_INPUT),
    schema_case("with a line on an unknown account", f"{LINE}.account.path", "assets/nowhere"),
    schema_case("with a line on an empty path", f"{LINE}.account.path", "", BAD_INPUT),
    schema_case("with a parameter for a key", f"{LINE}.account.path", "{{a}}/bank"),
    schema_case(
        "with a parameter for a static key's value", f"{LINE}.account.path", "assets/bank:{{a}}"
    ),
    schema_case("with a template account without a value", f"{LINE}.account.path", "users"),
    schema_case("with a path that goes up", f"{LINE}.account.path", "assets/../users:{{a}}"),
    schema_case("with an amount that multiplies", f"{LINE}.amount", "{{amount}} * 2"),
    schema_case("with an amount in brackets", f"{LINE}.amount", "({{amount}})"),
    schema_case("with an amount in words", f"{LINE}.amount", "all of it"),
    schema_case("with a decimal amount", f"{LINE}.amount", "1.5"),
    schema_case("with an amount that ends in a sign", f"{LINE}.amount", "{{amount}} -"),
    schema_case("with an amount of 33 terms", f"{LINE}.amount", " + ".join(["{{amount}}"] * 33)),
    schema_case("with an amount beyond Int96", f"{LINE}.amount", str(2**120)),
    schema_case("with an amount of 2000 characters", f"{LINE}.amount", "1" * 2_000, BAD_INPUT),
    schema_case("with lines that never balance", f"{LINE}.amount", "{{amount}} + 1"),
    schema_case(
        "with 31 lines",
        f"{TYPE}.lines",
        [{"key": f"k{i}", "account": {"path": "assets/bank"}, "amount": "0"} for i in range(31)],
    ),
    schema_case(
        "with 11 tags", f"{TYPE}.tags", [{"key": f"k{i}", "value": "v"} for i in range(11)]
    ),
    schema_case(
        "with one tag twice",
        f"{TYPE}.tags",
        [{"key": "k", "value": "a"}, {"key": "k", "value": "b"}],
    ),
    schema_case(
        "with 11 groups", f"{TYPE}.groups", [{"key": f"k{i}", "value": "v"} for i in range(11)]
    ),
    schema_case("with parameters in a list", f"{TYPE}.parameters", ["a"]),
    schema_case("with an unknown postLinesAs", f"{TYPE}.postLinesAs", "sorted", BAD_INPUT),
    schema_case(
        "with a condition on an eventual account",
        f"{TYPE}.conditions.0.account.path",
        "assets/bank",
    ),
    schema_case("with a condition without a side", f"{TYPE}.conditions.0.postcondition", REMOVED),
    schema_case(
        "with a condition without a bound", f"{TYPE}.conditions.0.postcondition.ownBalance", {}
    ),
    schema_case(
        "with a condition of eq and gte", f"{TYPE}.conditions.0.postcondition.ownBalance.eq", "1"
    ),
    schema_case(
        "with a condition on an amount in words",
        f"{TYPE}.conditions.0.postcondition.ownBalance.gte",
        "zero",
    ),
    schema_case("with a repeated line over nothing", f"{LINE}.repeated", {"key": ""}, BAD_INPUT),
    schema_case("with a field of no array", f"{LINE}.amount", "{{items.amount}}"),
    schema_case("with a schema group twice", "groups", [{"key": "a"}, {"key": "a"}]),
    schema_case(
        "with a scene of an unknown type",
        "scenes",
        [
            {"name": "s", "events": [{"eventType": "entry", "entry": {"type": "nothing"}}]},
        ],
    ),
    schema_case(
        "of 400 KB",
        "ledgerEntries.types",
        [
            {**GOOD["ledgerEntries"]["types"][0], "type": f"t{i}", "description": "d" * 1_000}
            for i in range(400)
        ],
        "schema_too_large",
    ),
    schema_case(
        "with 1001 types", "ledgerEntries.types", [{"type": f"t{i}"} for i in range(1_001)]
    ),
    graphql_case(
        "Schema that drops an account",
        STORE,
        {"schema": {**GOOD, "key": "hostile"}},
        "schema_not_backwards_compatible",
    ),
]
