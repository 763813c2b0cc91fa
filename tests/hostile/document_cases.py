"""Documents that are no GraphQL, not of this API, or too much of it."""

from typing import Any

from shared.limits import (
    DOCUMENT_CHARS_MAX,
    DOCUMENT_TOKENS_MAX,
    JSON_DEPTH_MAX,
    QUERY_ALIASES_MAX,
    QUERY_ROOT_FIELDS_MAX,
)
from tests.hostile.cases import BAD_INPUT, INVALID, POST, SYNTAX, Case, entry, graphql_case

NOT_FOUND = "operation_not_found"

SYNTAX_CASES = [
    graphql_case(f"document {name}", document, code=SYNTAX)
    for name, document in {
        "empty": "",
        "blank": " \n\t ",
        "a comment": "# nothing",
        "unclosed": "{ workspace { id }",
        "closed twice": "{ workspace { id } } }",
        "with an empty selection": "{ }",
        "with empty braces below": "{ workspace { } }",
        "a word": "workspace",
        "with a stray character": "{ workspace { id } } ?",
        "with a control character": "{ workspace \x07 { id } }",
        "with a NUL": "{ workspace \x00 { id } }",
        "with an open string": '{ ledger(ledger: {ik: "a) { id } }',
        "with an open block string": '{ ledger(ledger: {ik: """a}) { id } }',
        "with a bad escape": '{ ledger(ledger: {ik: "\\q"}) { id } }',
        "with a bad unicode escape": '{ ledger(ledger: {ik: "\\u00"}) { id } }',
        "with an escaped lone surrogate": '{ ledger(ledger: {ik: "\\ud800"}) { id } }',
        "with a number like 1.": "{ ledgers(first: 1.) { nodes { id } } }",
        "with a number like 01": "{ ledgers(first: 01) { nodes { id } } }",
        "with a number like 0x1": "{ ledgers(first: 0x1) { nodes { id } } }",
        "with arguments in brackets": "{ ledgers[first: 1] { nodes { id } } }",
        "with an empty argument list": "{ ledgers() { nodes { id } } }",
        "with a name of other letters": "{ wörkspace { id } }",
        "in SQL": "SELECT * FROM ledgers; DROP TABLE ledgers",
        "in JSON": '{"workspace": {"id": true}}',
        "in HTML": "<script>alert(1)</script>",
        "of braces": "{" * 5_000,
    }.items()
]

VALIDATION_CASES = [
    graphql_case(f"document {name}", document, code=INVALID)
    for name, document in {
        "with an unknown field": "{ nothing }",
        "with an unknown field below": "{ workspace { secret } }",
        "with a field of another type": "{ workspace { balance } }",
        "without a selection": "{ workspace }",
        "with a selection of a scalar": "{ workspace { id { x } } }",
        "with an unknown argument": "{ workspace(id: 1) { id } }",
        "without an argument": "{ ledger { id } }",
        "with an argument twice": '{ ledger(ledger: {ik: "a"}, ledger: {ik: "b"}) { id } }',
        "with an unknown input field": '{ ledger(ledger: {ik: "a", admin: true}) { id } }',
        "with an input field twice": '{ ledger(ledger: {ik: "a", ik: "b"}) { id } }',
        "with a string for an object": '{ ledger(ledger: "a") { id } }',
        "with a list for an object": '{ ledger(ledger: [[{ik: "a"}]]) { id } }',
        "with a number for a SafeString": "{ ledger(ledger: {ik: 1}) { id } }",
        "with a bad SafeString": '{ ledger(ledger: {ik: "a/b"}) { id } }',
        "with a float for an Int": "{ ledgers(first: 1.5) { nodes { id } } }",
        "with an Int of 33 bits": "{ ledgers(first: 4294967296) { nodes { id } } }",
        "with an Int of 400 digits": "{ ledgers(first: 1" + "0" * 400 + ") { nodes { id } } }",
        "with a boolean for an Int": "{ ledgers(first: true) { nodes { id } } }",
        "with an unknown enum value": (
            "{ ledgers(filter: {type: {equalTo: triple}}) { nodes { id } } }"
        ),
        "with a string for an enum": (
            '{ ledgers(filter: {type: {equalTo: "double"}}) { nodes { id } } }'
        ),
        "with an unknown variable": "{ ledgers(first: $n) { nodes { id } } }",
        "with an unused variable": "query q($n: Int) { workspace { id } }",
        "with a variable twice": (
            "query q($n: Int, $n: Int) { ledgers(first: $n) { nodes { id } } }"
        ),
        "with a variable of an unknown type": (
            "query q($n: Nat) { ledgers(first: $n) { nodes { id } } }"
        ),
        "with a variable of an output type": (
            "query q($n: Ledger) { ledgers(first: $n) { nodes { id } } }"
        ),
        "with a variable of the wrong type": (
            "query q($n: String) { ledgers(first: $n) { nodes { id } } }"
        ),
        "with a default of the wrong type": (
            'query q($n: Int = "1") { ledgers(first: $n) { nodes { id } } }'
        ),
        "with an unknown fragment": "{ workspace { ...nothing } }",
        "with an unused fragment": "{ workspace { id } } fragment f on Workspace { id }",
        "with a fragment on an unknown type": "{ workspace { ... on Nothing { id } } }",
        "with a fragment on another type": "{ workspace { ... on Ledger { id } } }",
        "with a fragment on a scalar": "{ workspace { ...f } } fragment f on String { id }",
        "with a fragment twice": (
            "{ workspace { ...f } } fragment f on Workspace { id } fragment f on Workspace { id }"
        ),
        "with a fragment twice, the second in itself": (
            '{ ledgerEntry(ledgerEntry: {id: "a"}) { ...f } } fragment f on LedgerEntry { id }'
            " fragment f on LedgerEntry { reversedBy { reverses { ...f } } }"
        ),
        "with a fragment twice, the second in a circle": (
            "{ workspace { ...g } } fragment f on Workspace { id }"
            " fragment g on Workspace { ...f } fragment f on Workspace { ...g }"
        ),
        "with a fragment in itself": "{ workspace { ...f } } fragment f on Workspace { id ...f }",
        "with fragments in a circle": (
            "{ workspace { ...f } } fragment f on Workspace { ...g }"
            " fragment g on Workspace { ...f }"
        ),
        "with an unknown directive": "{ workspace @admin { id } }",
        "with a directive without its argument": "{ workspace @skip { id } }",
        "with a directive twice": "{ workspace @skip(if: false) @skip(if: false) { id } }",
        "with a misplaced directive": "query q @skip(if: true) { workspace { id } }",
        "with one name for two fields": "{ workspace { a: id a: name } }",
        "with one operation name twice": (
            "query q { workspace { id } } query q { workspace { name } }"
        ),
        "with two operations, one without a name": (
            "{ workspace { id } } query q { workspace { id } }"
        ),
        "with a subscription": "subscription { ledgers { nodes { id } } }",
        "with a mutation field in a query": '{ addLedgerEntry(ik: "a", entry: {}) { __typename } }',
        "with a query field in a mutation": "mutation { workspace { id } }",
        "with a type definition": "type Query { hacked: String } { workspace { id } }",
        "with a schema extension": "extend type Query { hacked: String }",
        "of a fragment alone": "fragment f on Workspace { id }",
        "with an unknown introspection": "{ __schema { secrets } }",
        "with @defer": "{ workspace { ... @defer { id } } }",
    }.items()
]


def nested_fields(depth: int) -> str:
    """A selection that goes from ledger to entries and back."""
    opened = 'ledger(ledger: {ik: "a"}) { ' + "ledgerEntries { nodes { ledger { " * depth
    return "{ " + opened + "id" + " }" * (3 * depth) + " } }"


def bomb(levels: int, width: int) -> str:
    """Fragments that multiply: width ** levels fields from a few lines."""
    lines = ["{ workspace { ...f0 } }"]
    for level in range(levels):
        spreads = " ".join(f"a{i}: id ...f{level + 1}" for i in range(width))
        lines.append(f"fragment f{level} on Workspace {{ {spreads} }}")
    lines.append(f"fragment f{levels} on Workspace {{ id }}")
    return " ".join(lines)


def inline_nest(depth: int) -> str:
    return "{ workspace { " + "... on Workspace { " * depth + "id" + " }" * depth + " } }"


def repeated_aliases(count: int) -> str:
    return "{ workspace { " + " ".join(f"a{i}: id" for i in range(count)) + " } }"


def root_fields(count: int) -> str:
    return "{ " + " ".join(f"a{i}: workspace {{ id }}" for i in range(count)) + " }"


LIMIT_CASES = [
    graphql_case(
        "document with a character too many",
        "{ workspace { id } } #" + "x" * DOCUMENT_CHARS_MAX,
        code="document_too_long",
    ),
    graphql_case(
        "document with too many tokens",
        "{ workspace { id " + "id " * DOCUMENT_TOKENS_MAX + "} }",
        code="too_many_tokens",
    ),
    graphql_case("document 21 levels deep", nested_fields(7), code="query_too_deep"),
    graphql_case("document 3000 levels deep", nested_fields(1_000), code="query_too_deep"),
    graphql_case("inline fragments 200 deep", inline_nest(200), code="query_too_deep"),
    graphql_case(
        "document with an alias too many",
        repeated_aliases(QUERY_ALIASES_MAX + 1),
        code="too_many_aliases",
    ),
    graphql_case("document with 3000 aliases", repeated_aliases(3_000), code="too_many_fields"),
    graphql_case(
        "document with a root field too many",
        root_fields(QUERY_ROOT_FIELDS_MAX + 1),
        code="too_many_root_fields",
    ),
    graphql_case("fragments that multiply to 10^12", bomb(12, 10), code="too_many_fields"),
    graphql_case(
        "5000 brackets in a literal",
        "{ ledgers(first: " + "[" * 5_000 + ") { nodes { id } } }",
        code="query_too_deep",
    ),
    graphql_case("fragments that double 90 times", bomb(90, 2), code="too_many_fields"),
    graphql_case(
        "document with 101 definitions",
        "{ workspace { ...f0 } } "
        + " ".join(
            f"fragment f{i} on Workspace {{ {f'...f{i + 1}' if i < 100 else 'id'} }}"
            for i in range(101)
        ),
        code="too_many_definitions",
    ),
    graphql_case(
        "one field 500 times",
        "{ workspace { " + "id " * 500 + "} }",
        code="too_many_repeated_fields",
    ),
    graphql_case(
        "literal nested a level too deep",
        'mutation { addLedgerEntry(ik: "a", entry: {parameters: '
        + "[" * (JSON_DEPTH_MAX + 1)
        + "]" * (JSON_DEPTH_MAX + 1)
        + "}) { __typename } }",
        code="json_too_deep",
    ),
    graphql_case(
        "operation that isn't there", "query a { workspace { id } }", operation="b", code=NOT_FOUND
    ),
    graphql_case(
        "two operations, none chosen",
        "query a { workspace { id } } query b { workspace { id } }",
        code=NOT_FOUND,
    ),
    graphql_case(
        "operation named by a NUL", "query a { workspace { id } }", operation="\x00", code=NOT_FOUND
    ),
    graphql_case(
        "operation with a name of 100 KB",
        "query a { workspace { id } }",
        operation="b" * 100_000,
        code=NOT_FOUND,
    ),
]

QUERY = """query q($first: Int, $filter: LedgersFilterSet) {
  ledgers(first: $first, filter: $filter) { nodes { id } }
}"""
NEEDS = "query q($ledger: LedgerMatchInput!) { ledger(ledger: $ledger) { id } }"


def variable_case(name: str, document: str, variables: dict[str, Any]) -> Case:
    """A valid document with a variable that doesn't fit."""
    return graphql_case(f"variable {name}", document, variables, BAD_INPUT)


VARIABLE_CASES = [
    variable_case("a string for an Int", QUERY, {"first": "1"}),
    variable_case("a float for an Int", QUERY, {"first": 1.5}),
    variable_case("a boolean for an Int", QUERY, {"first": True}),
    variable_case("2^31 for an Int", QUERY, {"first": 2**31}),
    variable_case("a list for an Int", QUERY, {"first": [1]}),
    variable_case("an object for an Int", QUERY, {"first": {}}),
    variable_case("a string for an object", QUERY, {"filter": "hasSchema"}),
    variable_case("an unknown member", QUERY, {"filter": {"admin": True}}),
    variable_case("__proto__ as a member", QUERY, {"filter": {"__proto__": {}}}),
    variable_case("a number for a Boolean", QUERY, {"filter": {"hasSchema": 1}}),
    variable_case("a string for a Boolean", QUERY, {"filter": {"hasSchema": "true"}}),
    variable_case("an unknown enum value", QUERY, {"filter": {"type": {"equalTo": "triple"}}}),
    variable_case("a number for an enum", QUERY, {"filter": {"type": {"equalTo": 0}}}),
    variable_case("absent", NEEDS, {}),
    variable_case("null where it may not be", NEEDS, {"ledger": None}),
    variable_case("a list for one object", NEEDS, {"ledger": [{"ik": "a"}]}),
    variable_case("a number for an ID", NEEDS, {"ledger": {"id": 1.5}}),
    variable_case("a boolean for a SafeString", NEEDS, {"ledger": {"ik": True}}),
    variable_case("ik absent", POST, {"entry": entry()}),
    variable_case("ik null", POST, {"ik": None, "entry": entry()}),
    variable_case("entry absent", POST, {"ik": "a"}),
    variable_case("entry null", POST, {"ik": "a", "entry": None}),
    variable_case("entry a list", POST, {"ik": "a", "entry": [entry()]}),
    variable_case("entry with an unknown member", POST, {"ik": "a", "entry": entry(admin=True)}),
]

DOCUMENT_CASES: list[Case] = [*SYNTAX_CASES, *VALIDATION_CASES, *LIMIT_CASES, *VARIABLE_CASES]
