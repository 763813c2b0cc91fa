"""What can be asked to be deleted in bad faith, and by whom; and where migrations are listed."""

from typing import Any

from tests.hostile.cases import BAD_INPUT, INVALID, Case, graphql_case

DELETE_LEDGER = """mutation delete($ledger: LedgerMatchInput!) {
  deleteLedger(ledger: $ledger) { __typename ... on Error { code message retryable } }
}"""
DELETE_SCHEMA = """mutation delete($schema: SchemaMatchInput!) {
  deleteSchema(schema: $schema) { __typename ... on Error { code message retryable } }
}"""
MIGRATIONS = """query migrations($first: Int, $after: String) {
  ledger(ledger: {ik: "{{ledger_ik}}"}) {
    migrations(first: $first, after: $after) { nodes { status } }
  }
}"""


def ledger_case(what: str, code: str, ledger: Any, **more: Any) -> Case:
    return graphql_case(
        f"deleteLedger {what}", DELETE_LEDGER, {"ledger": ledger}, code=code, **more
    )


def schema_case(what: str, code: str, schema: Any, **more: Any) -> Case:
    return graphql_case(
        f"deleteSchema {what}", DELETE_SCHEMA, {"schema": schema}, code=code, **more
    )


def migrations_case(what: str, code: str, **page: Any) -> Case:
    return graphql_case(f"migrations {what}", MIGRATIONS, page, code=code)


DELETION_CASES = [
    ledger_case("of an unknown ik", "ledger_not_found", {"ik": "nowhere"}),
    ledger_case("of an unknown id", "ledger_not_found", {"id": "0" * 32}),
    ledger_case("of an id that is none", "ledger_not_found", {"id": "../../E#1"}),
    ledger_case("of another workspace by ik", "ledger_not_found", {"ik": "{{foreign_ledger_ik}}"}),
    ledger_case("of another workspace by id", "ledger_not_found", {"id": "{{foreign_ledger_id}}"}),
    ledger_case(
        "by an id and another ik",
        "ledger_not_found",
        {"id": "{{foreign_ledger_id}}", "ik": "{{ledger_ik}}"},
    ),
    ledger_case("without a match", "invalid_match", {}),
    ledger_case("of null", BAD_INPUT, None),
    ledger_case("of a list", BAD_INPUT, [{"ik": "a"}, {"ik": "b"}]),
    ledger_case("with an unsafe ik", BAD_INPUT, {"ik": "a/b"}),
    ledger_case("by a reader", "forbidden", {"ik": "{{ledger_ik}}"}, token="reader_token"),
    schema_case("of an unknown key", "schema_not_found", {"key": "nothing"}),
    schema_case("of another workspace", "schema_not_found", {"key": "{{foreign_schema_key}}"}),
    schema_case("in use", "schema_in_use", {"key": "hostile"}),
    schema_case("of one version", "bad_request", {"key": "hostile", "version": 1}),
    schema_case("of a version below 0", "bad_request", {"key": "hostile", "version": -1}),
    schema_case("without a key", BAD_INPUT, {}),
    schema_case("with an empty key", BAD_INPUT, {"key": ""}),
    schema_case("with a key like a partition's", BAD_INPUT, {"key": "hostile#head"}),
    schema_case("by a reader", "forbidden", {"key": "hostile"}, token="reader_token"),
    graphql_case(
        "deleteSchema literal unsafe key",
        'mutation { deleteSchema(schema: {key: "a:b"}) { __typename } }',
        code=INVALID,
    ),
    migrations_case("on a page of 0", "invalid_page_size", first=0),
    migrations_case("on a page of 201", "invalid_page_size", first=201),
    migrations_case("after nonsense", "invalid_cursor", after="nonsense"),
    migrations_case("after another list's cursor", "invalid_cursor", after="{{cursor}}"),
]
