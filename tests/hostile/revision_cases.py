"""What changing, reversing and migrating entries can be asked in bad faith."""

from typing import Any

from tests.hostile.cases import ABSENT, BAD_INPUT, LEDGER, Case, entry, graphql_case
from tests.revision_asking import MIGRATE, REVERSE, UPDATE

OWN = {"id": "{{entry_id}}"}
TAG = {"key": "k", "value": "v"}
NOT_FOUND = "ledger_entry_not_found"
ODD_IDS = {
    "empty": "",
    "unknown": "0" * 32,
    "of a line": "{{line_id}}",
    "of a ledger": "{{ledger_id}}",
    "of another workspace": "{{foreign_entry_id}}",
    "in upper case": "ABCDEF" * 5 + "AB",
    "with NUL": "0" * 31 + "\x00",
    "long": "0" * 100_000,
    "like a key": "E#" + "0" * 30,
}


def update_case(name: str, code: str, update: Any, match: Any = OWN) -> Case:
    """updateLedgerEntry."""
    return graphql_case(f"update {name}", UPDATE, {"entry": match, "update": update}, code)


def line(line_id: Any, **change: Any) -> dict[str, Any]:
    return {"ledgerLines": [{"ledgerLine": {"id": line_id}, **change}]}


UPDATE_CASES = [
    *[
        update_case(f"by an id that is {name}", NOT_FOUND, {"tags": [TAG]}, {"id": each})
        for name, each in ODD_IDS.items()
        if each
    ],
    update_case("by nothing", "invalid_match", {"tags": [TAG]}, {}),
    update_case("by an ik without a ledger", "invalid_match", {"tags": [TAG]}, {"ik": "e0"}),
    update_case(
        "by an ik of another workspace's ledger",
        "ledger_not_found",
        {"tags": [TAG]},
        {"ik": "e0", "ledger": {"id": "{{foreign_ledger_id}}"}},
    ),
    update_case(
        "by an unknown ik", NOT_FOUND, {"tags": [TAG]}, {"ik": "no such ik", "ledger": LEDGER}
    ),
    update_case("by an id and another ik", NOT_FOUND, {"tags": [TAG]}, {**OWN, "ik": "no such ik"}),
    update_case("null", BAD_INPUT, None),
    update_case("of tags with a null", BAD_INPUT, {"tags": [None]}),
    update_case("of a tag without a value", BAD_INPUT, {"tags": [{"key": "k"}]}),
    update_case("of a tag with an unsafe key", BAD_INPUT, {"tags": [{**TAG, "key": "a#b"}]}),
    update_case("of a tag with an empty key", BAD_INPUT, {"tags": [{**TAG, "key": ""}]}),
    update_case("of a long tag key", "invalid_string", {"tags": [{**TAG, "key": "k" * 129}]}),
    update_case("of a long tag value", BAD_INPUT, {"tags": [{**TAG, "value": "v" * 257}]}),
    update_case(
        "of one tag to two values", "duplicate_tag", {"tags": [TAG, {**TAG, "value": "other"}]}
    ),
    update_case(
        "of 11 tags",
        "ledger_entry_too_many_tags",
        {"tags": [{"key": f"k{at}", "value": "v"} for at in range(11)]},
    ),
    update_case("of 3000 tags", "too_many_items", {"tags": [TAG] * 3_000}),
    update_case("that takes off 3000 tags", "too_many_items", {"tagsToRemove": [TAG] * 3_000}),
    update_case("of 3000 groups", "too_many_items", {"groups": [TAG] * 3_000}),
    update_case(
        "of one group to two values", "group_conflict", {"groups": [TAG, {**TAG, "value": "other"}]}
    ),
    update_case(
        "of 3000 lines", "too_many_items", {"ledgerLines": line("x")["ledgerLines"] * 3_000}
    ),
    update_case("of a line without an id", BAD_INPUT, {"ledgerLines": [{"ledgerLine": {}}]}),
    *[
        update_case(f"of a line with an id that is {name}", "ledger_line_not_in_entry", line(each))
        for name, each in {
            **{name: each for name, each in ODD_IDS.items() if name != "of a line"},
            "of another workspace's line": "{{foreign_line_id}}",
            "of a line beyond the last": "{{entry_id}}-30",
            "of a line before the first": "{{entry_id}}--1",
            "of a line, padded": "{{entry_id}}-00",
            "of a line, in other digits": "{{entry_id}}-\u0661",
        }.items()
    ],
    update_case(
        "of a line that is named twice",
        "bad_request",
        {"ledgerLines": line("{{line_id}}")["ledgerLines"] * 2},
    ),
    update_case(
        "of 11 tags of a line",
        "too_many_items",
        line("{{line_id}}", tags=[{"key": f"k{at}", "value": "v"} for at in range(11)]),
    ),
    update_case("of an amount", BAD_INPUT, {"amount": "1"}),
    graphql_case(
        "update by a reader",
        UPDATE,
        {"entry": OWN, "update": {"tags": [TAG]}},
        "forbidden",
        token="reader_token",
    ),
]

REVERSAL_CASES = [
    *[
        graphql_case(f"reversal by an id that is {name}", REVERSE, {"id": each}, NOT_FOUND)
        for name, each in ODD_IDS.items()
    ],
    graphql_case("reversal of null", REVERSE, {"id": None}, BAD_INPUT),
    graphql_case("reversal of a list", REVERSE, {"id": ["{{entry_id}}"]}, BAD_INPUT),
    graphql_case(
        "reversal by a reader", REVERSE, {"id": "{{entry_id}}"}, "forbidden", token="reader_token"
    ),
]


def migration_case(name: str, code: str, entry_id: Any = "{{entry_id}}", **changes: Any) -> Case:
    """migrateLedgerEntry to an otherwise good entry."""
    variables = {"id": entry_id, "entry": entry(**changes)}
    return graphql_case(f"migration {name}", MIGRATE, variables, code)


MIGRATION_CASES = [
    *[
        migration_case(f"of an id that is {name}", NOT_FOUND, each)
        for name, each in ODD_IDS.items()
    ],
    migration_case("to null", BAD_INPUT, None),
    migration_case(
        "to another workspace's ledger", "ledger_not_found", ledger={"id": "{{foreign_ledger_id}}"}
    ),
    migration_case("to a ledger that is named by nothing", "invalid_match", ledger={}),
    migration_case("to an unknown type", "ledger_entry_type_not_found", type="nothing"),
    migration_case("to an unknown version", "ledger_entry_type_not_found", typeVersion=99),
    migration_case("without parameters", "missing_parameter", parameters=ABSENT),
    migration_case(
        "with an unknown parameter",
        "unknown_parameter",
        parameters={"user": "ann", "amount": "1", "x": "y"},
    ),
    migration_case(
        "that doesn't balance",
        "invalid_entry_balance",
        type="manual",
        parameters=ABSENT,
        lines=[{"account": {"path": "assets/bank"}, "amount": "5"}],
    ),
    migration_case(
        "to an overdraft",
        "conditional_request_failed",
        type="withdraw",
        parameters={"user": "nobody", "amount": "2"},
    ),
]

REVISION_CASES = [*UPDATE_CASES, *REVERSAL_CASES, *MIGRATION_CASES]
