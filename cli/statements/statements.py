"""A bank's statements as their files hold them, whatever the form.

file ─► csv_files | ofx_files | camt_files ─► Statement ─► wanted (currency known) ─► comparing
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cli.failures import CommandFailure
from cli.statements.figures import Figure
from shared.limits import CLI_ERRORS_SHOWN_MAX, DESCRIPTION_CHARS_MAX, STATEMENT_ROWS_MAX

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One booked transaction. `where` names it to people: `line 12`, `entry 3 (line 40)`."""

    where: str
    posted_ms: int
    figure: Figure  # positive is money coming in
    currency: str | None  # a currency's code, where the file says one
    description: str
    bank_id: str | None  # the bank's own id of the transaction
    earlier_id: str | None = None  # under which earlier versions synced it; others may have it too
    earlier_ms: int | None = None  # when earlier versions took it to be posted, where not then
    # What --split-batches, or leaving it out, makes of it: a batch's parts, or a part's batch.
    instead: tuple["StatementRow", ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """One that isn't booked."""

    where: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What the bank takes back: the transaction of `bank_id`, by a row that says so."""

    row: StatementRow
    bank_id: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's transactions over some time, in the order of the file."""

    bank_account: str | None
    currency: str | None
    rows: tuple[StatementRow, ...]
    skipped: tuple[SkippedRow, ...] = ()
    opening: Figure | None = None
    closing: Figure | None = None
    corrections: tuple[Correction, ...] = ()


class Problems:
    """What is wrong with a file, row by row; a file with any problem is not taken at all."""

    def __init__(self, file: str) -> None:
        """`file`: how it is told to people."""
        self._file = file
        self._shown: list[str] = []
        self._count = 0

    def add(self, where: str, text: str) -> None:
        """Another one."""
        self._count += 1
        if len(self._shown) < CLI_ERRORS_SHOWN_MAX:
            self._shown.append(f"{where}: {text}")

    def raise_any(self) -> None:
        """Raises CommandFailure if there are any."""
        if self._count:
            more = self._count - len(self._shown)
            tail = [f"and {more} more"] if more else []
            raise CommandFailure("\n".join([f"{self._file} can't be taken", *self._shown, *tail]))


def check_row_count(file: str, count: int) -> None:
    """Raises CommandFailure for a file of too many rows."""
    if count > STATEMENT_ROWS_MAX:
        raise CommandFailure(f"{file} has more than {STATEMENT_ROWS_MAX} rows: split it")


def described(parts: Iterable[str | None]) -> str:
    """The parts that say something, each once, on one line; cut where it gets too long."""
    kept: list[str] = []
    for part in parts:
        text = " ".join(_CONTROLS.sub(" ", part or "").split())
        if text and text not in kept:
            kept.append(text)
    whole = "; ".join(kept)
    if len(whole) <= DESCRIPTION_CHARS_MAX:
        return whole
    return whole[: DESCRIPTION_CHARS_MAX - 1] + "…"


def choose_statements(
    file: str, statements: list[Statement], bank_account: str | None
) -> list[Statement]:
    """Those of one bank account. Raises CommandFailure when there is none, or no telling which."""
    numbers = sorted({each.bank_account for each in statements if each.bank_account is not None})
    if bank_account is None:
        if len(numbers) > 1:
            raise CommandFailure(
                f"{file} has statements of {len(numbers)} accounts: "
                f"say which with --bank-account: {', '.join(numbers)}"
            )
        return statements
    wanted = _compact(bank_account)
    found = [each for each in statements if _compact(each.bank_account or "") == wanted]
    if not found:
        held = f"it is of {', '.join(numbers)}" if numbers else "it names no account"
        raise CommandFailure(f"{file} has no statement of {bank_account}: {held}")
    return found


def _compact(number: str) -> str:
    """An account's number without the spaces that people write."""
    return "".join(number.split()).upper()
