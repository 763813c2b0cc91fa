"""What a mutation of a whole batch or of a ledger can be asked in bad faith, and by whom."""

from typing import Any

from tests.hostile.cases import (
    ABSENT,
    BAD_INPUT,
    INVALID,
    LEDGER,
    Case,
    batch_case,
    entry,
    graphql_case,
    own_ik,
    runtime_line,
)
from tests.hostile.deletion_cases import DELETION_CASES

UNBALANCED = [runtime_line("assets/bank", "5")]


# --- Batches --------------------------------------------------------------------------------------
def member(ik: Any, **changes: Any) -> dict[str, Any]:
    return {"ik": ik, "entry": entry(**changes)}


BATCH_FAILED = "ledger_entry_batch_operation_failed"
BATCH_CASES = [
    batch_case("batch empty", "bad_request", []),
    batch_case("batch null", BAD_INPUT, None),
    batch_case("batch of null", BAD_INPUT, [None]),
    batch_case("batch of 101", "too_many_items", [member(f"b{i}") for i in range(101)]),
    batch_case("batch of 3000", "too_many_items", [member(f"b{i}") for i in range(3_000)]),
    batch_case(
        "batch with one ik twice", "ledger_entry_batch_duplicate_ik", [member("b1"), member("b1")]
    ),
    batch_case(
        "batch with one ik 100 times", "ledger_entry_batch_duplicate_ik", [member("b1")] * 100
    ),
    batch_case(
        "batch with one ik twice, by two matches",
        "ledger_entry_batch_duplicate_ik",
        [member("b1"), member("b1", ledger={"id": "{{ledger_id}}"})],
    ),
    batch_case(
        "batch with a bad entry", BATCH_FAILED, [member("b1"), member("b2", type="nothing")]
    ),
    batch_case(
        "batch with a bad entry: its own code",
        "ledger_entry_type_not_found",
        [member("b1"), member("b2", type="nothing")],
    ),
    batch_case(
        "batch with an unbalanced entry",
        "invalid_entry_balance",
        [
            member("b1"),
            member("b2", type="manual", parameters=ABSENT, lines=UNBALANCED),
        ],
    ),
    batch_case(
        "batch with an overdraft",
        "conditional_request_failed",
        [
            member("b1", parameters={"user": "cy", "amount": "1"}),
            member("b2", type="withdraw", parameters={"user": "cy", "amount": "2"}),
        ],
    ),
    batch_case(
        "batch with another workspace's ledger",
        "ledger_not_found",
        [
            member("b1"),
            member("b2", ledger={"id": "{{foreign_ledger_id}}"}),
        ],
    ),
    batch_case("batch with a bad ik", BAD_INPUT, [member("b1"), member("a/b")]),
    batch_case("batch without an entry", BAD_INPUT, [{"ik": "b1"}]),
    batch_case(
        "batch that writes 201 items",
        "ledger_entry_batch_too_large",
        [member(f"b{i}", parameters={"user": f"v{i}", "amount": "1"}) for i in range(67)],
    ),
]

# --- Other mutations ------------------------------------------------------------------------------
CREATE = """mutation create(
  $ik: SafeString!, $ledger: CreateLedgerInput!, $schema: SchemaMatchInput
) {
  createLedger(ik: $ik, ledger: $ledger, schema: $schema) {
    __typename ... on CreateLedgerResult { isIkReplay } ... on Error { code message retryable }
  }
}"""
UPDATE = """mutation update($ledger: LedgerMatchInput!, $update: UpdateLedgerInput!) {
  updateLedger(ledger: $ledger, update: $update) {
    __typename ... on Error { code message retryable }
  }
}"""
INSTANTIATE = """mutation make(
  $ledger: LedgerMatchInput!, $path: String!, $parameters: Parameters
) {
  instantiateLedgerAccount(ledger: $ledger, path: $path, parameters: $parameters) {
    __typename ... on Error { code message retryable }
  }
}"""


def create_case(
    what: str, code: str, *, ik: Any = ABSENT, schema: Any = ABSENT, **ledger: Any
) -> Case:
    given = own_ik(what) if ik is ABSENT else ik
    variables = {"ik": given, "ledger": {"name": "Made", **ledger}}
    if schema is not ABSENT:
        variables["schema"] = schema
    return graphql_case(f"createLedger with {what}", CREATE, variables, code)


def update_case(what: str, code: str, ledger: Any, **update: Any) -> Case:
    return graphql_case(f"updateLedger {what}", UPDATE, {"ledger": ledger, "update": update}, code)


def instantiate_case(
    name: str, code: str, path: Any, parameters: Any = None, ledger: Any = LEDGER
) -> Case:
    variables = {"ledger": ledger, "path": path, "parameters": parameters}
    return graphql_case(f"instantiateLedgerAccount {name}", INSTANTIATE, variables, code)


LEDGER_CASES = [
    create_case("an empty ik", BAD_INPUT, ik=""),
    create_case("a slash in the ik", BAD_INPUT, ik="a/b"),
    create_case("an empty name", "invalid_string", name=""),
    create_case("a name of 257 characters", "invalid_string", name="a" * 257),
    create_case("a NUL in the name", "invalid_string", name="a\x00b"),
    create_case("a null name", BAD_INPUT, name=None),
    create_case("an unknown type", BAD_INPUT, type="single"),
    create_case("an offset of 25 hours", BAD_INPUT, balanceUTCOffset="+25:00"),
    create_case("an offset in words", BAD_INPUT, balanceUTCOffset="PST"),
    create_case("an offset of 99 minutes", BAD_INPUT, balanceUTCOffset="+01:99"),
    create_case("an unknown Schema", "schema_not_found", schema={"key": "nothing"}),
    create_case(
        "another workspace's Schema", "schema_not_found", schema={"key": "{{foreign_schema_key}}"}
    ),
    create_case("a Schema without a key", BAD_INPUT, schema={}),
    create_case(
        "a Schema's version 99",
        "schema_version_not_found",
        schema={"key": "hostile", "version": 99},
    ),
    create_case("a Schema's version -1", "bad_request", schema={"key": "hostile", "version": -1}),
    update_case("of an unknown ledger", "ledger_not_found", {"ik": "nowhere"}, name="a"),
    update_case(
        "of another workspace by ik", "ledger_not_found", {"ik": "{{foreign_ledger_ik}}"}, name="a"
    ),
    update_case(
        "of another workspace by id", "ledger_not_found", {"id": "{{foreign_ledger_id}}"}, name="a"
    ),
    update_case("without a match", "invalid_match", {}, name="a"),
    update_case("with an empty name", "invalid_string", LEDGER, name=""),
    update_case("with a name of 257 characters", "invalid_string", LEDGER, name="a" * 257),
    update_case("with an escape in the name", "invalid_string", LEDGER, name="\x1b[31m"),
    update_case("with an unknown member", BAD_INPUT, LEDGER, balanceUTCOffset="+01:00"),
    instantiate_case("of an unknown account", "invalid_account_path", "nowhere"),
    instantiate_case("of a static account", "invalid_account_path", "assets/bank"),
    instantiate_case("of a template without a value", "invalid_account_path", "liabilities/users"),
    instantiate_case(
        "of a path that goes up", "invalid_account_path", "liabilities/users:a/../users:b"
    ),
    instantiate_case("of a placeholder", "invalid_account_path", "liabilities/users:{{user}}"),
    instantiate_case("of a value with a NUL", "invalid_string", "liabilities/users:a\x00"),
    instantiate_case("of an empty path", "invalid_string", ""),
    instantiate_case(
        "of a path of 5000 characters", "invalid_string", "liabilities/users:" + "a" * 5_000
    ),
    instantiate_case(
        "with an unknown parameter", "bad_request", "liabilities/users:zoe", {"admin": "1"}
    ),
    instantiate_case("with parameters in a list", BAD_INPUT, "liabilities/users:zoe", ["a"]),
    instantiate_case(
        "in another workspace",
        "ledger_not_found",
        "liabilities/users:zoe",
        None,
        {"id": "{{foreign_ledger_id}}"},
    ),
]

ROLE_CASES = [
    graphql_case(
        "reader posts",
        'mutation { addLedgerEntry(ik: "a", entry: {}) { __typename ... on Error { code } } }',
        code="forbidden",
        token="reader_token",
    ),
    graphql_case(
        "reader creates a ledger",
        """mutation {
          createLedger(ik: "a", ledger: {name: "a"}) { __typename ... on Error { code } }
        }""",
        code="forbidden",
        token="reader_token",
    ),
    graphql_case(
        "reader hides a mutation among several operations",
        'query q { workspace { id } } mutation m { updateLedger(ledger: {ik: "{{ledger_ik}}"}, '
        'update: {name: "x"}) { __typename ... on Error { code } } }',
        code="forbidden",
        token="reader_token",
        operation="m",
    ),
    graphql_case(
        "not built: a payment's retry",
        'mutation { retryPayment(attemptIk: "a", payment: {}) { __typename } }',
        code="not_implemented",
    ),
    graphql_case(
        "literal unsafe ik",
        'mutation { addLedgerEntry(ik: "a/b", entry: {}) { __typename } }',
        code=INVALID,
    ),
]

LEDGER_MUTATION_CASES: list[Case] = [
    *BATCH_CASES,
    *LEDGER_CASES,
    *DELETION_CASES,
    *ROLE_CASES,
]
