"""Every reason for which a request is refused: one table, in order of precedence.

A request that breaks several rules is refused for the one that stands first here. Each code has one
meaning, one message form and one `retryable`; the docs' table is generated from `CODES`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table: `name` is what clients branch on."""

    name: str
    form: str  # how the message reads, with {placeholders}
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal: the code's row and the message for this request."""

    code: str
    message: str
    retryable: bool = False


_ROWS = (
    # Shape of the request
    Code("bad_request", "{detail}"),
    Code("invalid_string", "{where} must be {rule}, not {value}."),
    Code("invalid_timestamp", "{where} must be {rule}, not {value}."),
    Code("invalid_amount", "{where} must be {rule}, not {value}."),
    Code("invalid_match", "{where} must name {rule}."),
    Code("too_many_items", "{where} holds {count}; at most {max} are allowed."),
    # Who may do what
    Code("forbidden", "The API client has the role {role}; {operation} needs the role admin."),
    # What is named does not exist
    Code("schema_not_found", "There is no Schema with {what}."),
    Code("schema_version_not_found", "The Schema {key} has no version {version}."),
    Code("ledger_not_found", "There is no Ledger with {what}."),
    Code("ledger_account_not_found", "The Ledger {ledger} has no Ledger Account {what}."),
    Code("ledger_entry_not_found", "There is no Ledger Entry with {what}."),
    Code("ledger_line_not_found", "There is no Ledger Line with {what}."),
    Code("ledger_entry_type_not_found", "The Schema has no entry type {type}, version {version}."),
    Code("ledger_line_not_in_entry", "The Ledger Entry {entry} has no Ledger Line {line}."),
    Code("link_not_found", "There is no Link with {what}."),
    Code("external_account_not_found", "There is no External Account with {what}."),
    Code("tx_not_found", "There is no Tx with {what}."),
    Code("custom_currency_not_found", "There is no custom currency {id}."),
    # Schemas
    Code("invalid_schema", "The Schema is not valid: {violations}"),
    Code("schema_too_large", "The Schema takes {bytes} bytes; at most {max} are allowed."),
    Code(
        "schema_not_backwards_compatible",
        "The Schema can't replace version {version}: {violations}",
    ),
    Code("schema_in_use", "The Schema {key} is used by {count} Ledger(s)."),
    # Idempotency
    Code("ik_conflict", "The ik {ik} was used for something else: {detail}"),
    Code(
        "custom_currency_conflict",
        "The custom currency {id} exists already, with {difference}: it can't be changed.",
    ),
    # Links
    Code("external_account_conflict", "No account was synced: {conflicts}."),
    Code("tx_conflict", "No Tx was synced: {conflicts}."),
    Code("tx_reconciled", "The Tx {id} is reconciled; reverse its Ledger Entry first."),
    # Posting
    Code("ledger_required", "{where} must name the Ledger, by id or ik."),
    Code("ledger_without_schema", "The Ledger {ledger} has no Schema, so {detail}."),
    Code("ledger_has_schema", "The Ledger {ledger} has a Schema, so {detail}."),
    Code("entry_type_disabled", "The entry type {type}, version {version}, is {status}."),
    Code("ledger_account_disabled", "The Ledger Account {path} is {status}."),
    Code("lines_not_allowed", "The entry type {type} defines its lines; none may be given."),
    Code("lines_required", "{where} must give lines: {detail}."),
    Code("missing_parameter", "The parameter {name} is missing; {where} needs it."),
    Code("unknown_parameter", "The parameter {name} is not known to the entry type {type}."),
    Code("invalid_parameter", "The parameter {name} must be {rule}, not {value}."),
    Code("invalid_account_path", "{path} is not the path of a Ledger Account: {detail}."),
    Code(
        "linked_account_needs_reconcile_tx", "{path} is a Linked Ledger Account: use reconcileTx."
    ),
    Code(
        "entry_needs_add_ledger_entry",
        "No line of the entry goes to a Linked Ledger Account: use addLedgerEntry.",
    ),
    Code("tx_required", "The line on {path}, a Linked Ledger Account, must name its Tx."),
    Code("tx_not_allowed", "{line} names a Tx, but {path} is no Linked Ledger Account."),
    Code("tx_duplicate", "The Tx {tx} is named by two lines on {path}."),
    Code("tx_deleted", "The Tx {tx} was deleted."),
    Code(
        "tx_already_reconciled", "The Tx {tx} is reconciled on {path} by the Ledger Entry {entry}."
    ),
    Code("tx_mismatch", "The line on {path} doesn't match the Tx {tx}: {detail}."),
    Code("txs_not_together", "The Txs can't be reconciled by one entry: {detail}."),
    Code(
        "linked_account_conflict",
        "{path} stands already, linked to another External Account or with another currency.",
    ),
    Code("ledger_entry_too_many_lines", "The entry has {count} lines; at most {max} are allowed."),
    Code("ledger_entry_too_many_tags", "The entry has {count} tags; at most {max} are allowed."),
    Code(
        "ledger_entry_too_many_groups", "The entry has {count} groups; at most {max} are allowed."
    ),
    Code("tag_conflict", "The tag {key} has the value {one} in the Schema and {other} at runtime."),
    Code("group_conflict", "The group {key} is given the values {one} and {other}."),
    Code("duplicate_tag", "The tag {key} is given the values {one} and {other}."),
    Code("duplicate_line_key", "The line key {key} is used twice."),
    Code("missing_amount", "The line {line} has no amount."),
    Code("missing_currency", "{where} is multi-currency: a currency must be given."),
    Code("invalid_currency", "{where}: {detail}"),
    Code("amount_overflow", "{where} leaves the range of Int96."),
    Code("invalid_entry_balance", "The entry does not balance: {detail}"),
    Code("invalid_condition", "The condition on {path} can't be used: {detail}."),
    Code("entry_too_large", "The entry takes {bytes} bytes; at most {max} are allowed."),
    Code(
        "ledger_entry_batch_too_large",
        "The entries write {count} items at once; at most {max} fit.",
    ),
    Code("ledger_entry_batch_duplicate_ik", "The ik {ik} is given twice for one Ledger."),
    Code(
        "ledger_entry_batch_operation_failed",
        "{count} of {total} entries were refused; none was posted.",
    ),
    # Changing what was posted
    Code("ledger_entry_reversed", "The Ledger Entry {id} {what}; it can't be {change}."),
    Code(
        "ledger_entry_too_many_updates",
        "The Ledger Entry {id} was updated {max} times; more are not allowed.",
    ),
    # Judged when writing
    Code("conditional_request_failed", "{path}: {condition} is not met: the balance {balance}."),
    Code("balance_overflow", "The balance of {path} would leave the range of Int96."),
    # Reading
    Code("invalid_cursor", "{where} is not a cursor of this list: {detail}."),
    Code("invalid_page_size", "{where} must be between 1 and {max}, not {value}."),
    Code("invalid_filter", "{where}: {detail}."),
    Code("ledger_account_not_linked", "{path} is no Linked Ledger Account: it has no Txs."),
    Code("invalid_consistency_mode", "{detail}"),
    # Ours
    Code("not_implemented", "{what} is not implemented."),
    Code("overloaded", "The service is at its limit; try again.", retryable=True),
    Code("unavailable", "{what} can't be reached; try again.", retryable=True),
    Code("internal_error", "Something went wrong on our side.", retryable=True),
)

CODES: dict[str, Code] = {row.name: row for row in _ROWS}
PRECEDENCE: dict[str, int] = {row.name: place for place, row in enumerate(_ROWS)}
assert len(CODES) == len(_ROWS), "a code is listed twice"


def reject(code: str, **values: object) -> Rejection:
    """Builds the refusal `code` with its message form filled in from `values`."""
    row = CODES[code]
    return Rejection(code, row.form.format(**values), row.retryable)


def first_by_precedence(rejections: list[Rejection]) -> Rejection:
    """The refusal that is told when a request breaks several rules (`rejections` not empty)."""
    assert rejections
    return min(rejections, key=lambda rejection: PRECEDENCE[rejection.code])
