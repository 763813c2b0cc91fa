"""What reconcileTx can be asked in bad faith. The world has no Linked Ledger Account: nothing that
is asked may be posted.
"""

from typing import Any

from tests.hostile.cases import BAD_INPUT, LEDGER, Case, graphql_case

RECONCILE = """mutation m($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) { __typename ... on Error { code message retryable } }
}"""
BANK = {"account": {"path": "assets/bank"}}
TX = {"id": "{{entry_id}}"}


def case(name: str, code: str, entry: Any, **more: Any) -> Case:
    return graphql_case(f"reconcile {name}", RECONCILE, {"entry": entry}, code, **more)


def lines(*lines: Any, **more: Any) -> dict[str, Any]:
    return {"ledger": LEDGER, "lines": list(lines), **more}


def line(**more: Any) -> dict[str, Any]:
    return {**BANK, **more}


RECONCILING_CASES = [
    case("nothing", BAD_INPUT, None),
    case("no Ledger", "ledger_required", {"lines": [line(tx=TX)]}),
    case("another workspace's Ledger", "ledger_not_found", {
        "ledger": {"id": "{{foreign_ledger_id}}"}, "lines": [line(tx=TX)],
    }),
    case("no lines", "lines_required", lines()),
    case("3000 lines", "ledger_entry_too_many_lines", lines(*[line(tx=TX)] * 3_000)),
    case("by a reader", "forbidden", lines(line(tx=TX)), token="reader_token"),
    case("posted", "bad_request", lines(line(tx=TX), posted="2024-01-01")),
    case("posted never", BAD_INPUT, lines(line(tx=TX), posted="2024-02-30")),
    case("an unknown type", "ledger_entry_type_not_found", {"ledger": LEDGER, "type": "none"}),
    case("a type that reconciles nothing", "entry_needs_add_ledger_entry", {
        "ledger": LEDGER, "type": "deposit", "parameters": {"user": "ann", "amount": "1"},
    }),
    case("lines that reconcile nothing", "entry_needs_add_ledger_entry", lines(
        line(amount="1"), {"account": {"path": "liabilities/users:ann/available"}, "amount": "1"},
    )),
    case("on an account that isn't linked", "tx_not_allowed", lines(line(tx=TX))),
    case("a Tx without a name", "invalid_match", lines(line(tx={}))),
    case("a Tx by its account alone", "invalid_match", lines(line(tx={"accountId": "a"}))),
    case("a Tx with a null", "invalid_match", lines(line(tx={"id": None, "externalId": None}))),
    case("a Tx that is a list", BAD_INPUT, lines(line(tx=[[TX]]))),
    case("a Tx with what no Tx has", BAD_INPUT, lines(line(tx={"ik": "a"}))),
    case("a Tx by a number too large", "tx_not_allowed", lines(line(tx={"id": 10**30}))),
    case("a Tx by a long id", "tx_not_allowed", lines(line(tx={"id": "0" * 100_000}))),
    case("an amount beyond Int96", BAD_INPUT, lines(line(amount=str(2**120), tx=TX))),
    case("an account that isn't there", "invalid_account_path", lines(
        {"account": {"path": "assets/none"}, "tx": TX},
    )),
    case("an account by a foreign id", "ledger_account_not_found", lines(
        {"account": {"id": "{{foreign_account_id}}"}, "tx": TX},
    )),
]  # fmt: skip
