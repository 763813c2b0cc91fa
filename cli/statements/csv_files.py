"""Statements as CSV: a header, then a row for each transaction. Which column holds what, and how it
is written, is told by flags.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO

from cli.failures import CommandFailure
from cli.statements.figures import DecimalMark, Figure, parse_figure
from cli.statements.statements import Problems, Statement, StatementRow, check_row_count, described
from shared.ledger.periods import INSTANT_MAX_MS, INSTANT_MIN_MS, parse_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a CSV is to be read. A column is named by its header, or by its number from 1."""

    date: str = "date"
    amount: str | None = "amount"
    debit: str | None = None  # both or none of debit and credit, instead of the amount
    credit: str | None = None
    direction: str | None = None  # which way an amount without a sign goes …
    outgoing: str | None = None  # … and the word there for money going out, beside the usual ones
    incoming: str | None = None
    descriptions: tuple[str, ...] = ("description",)
    id: str | None = None
    currency: str | None = None
    date_format: str | None = None  # of strptime; ISO 8601 when None
    mark: DecimalMark = "."
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    skip_lines: int = 0  # before the header
    skip_last: int = 0  # rows at the end: sums


# What banks write for money going out and coming in.
_OUTGOING = frozenset({"d", "db", "dr", "dbit", "debit", "out", "-"})
_INCOMING = frozenset({"c", "cr", "crdt", "credit", "in", "+"})

Cells = tuple[str, list[str]]  # where the row is, what it holds


def read_csv(file: str, data: bytes, form: CsvForm) -> list[Statement]:
    """The one statement of the file. Raises CommandFailure."""
    rows = _rows(file, _decoded(file, data, form.encoding), form)
    header = next(rows, None)
    if header is None:
        raise CommandFailure(f"{file} has no header")
    columns = _Columns(file, header[1], form)
    listed = list(rows)
    if form.skip_last:
        listed = listed[: -form.skip_last]
    problems = Problems(file)
    made = [columns.row(where, cells, problems) for where, cells in listed]
    columns.check_debits(problems)
    problems.raise_any()
    return [Statement(None, None, tuple([each for each in made if each is not None]))]


def _decoded(file: str, data: bytes, encoding: str) -> str:
    try:
        if not codecs.lookup(encoding)._is_text_encoding:
            raise LookupError(encoding)
        return data.decode(encoding)
    except LookupError as error:
        raise CommandFailure(f"there is no text encoding {encoding}") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        hint = "say which one with --encoding, such as cp1252"
        raise CommandFailure(f"{file}: line {line} is not {encoding}: {hint}") from error
    except UnicodeError as error:  # UTF-16 without a byte order mark
        raise CommandFailure(f"{file} is not {encoding}: {error}") from error


def _rows(file: str, text: str, form: CsvForm) -> Iterator[Cells]:
    """Every row that isn't empty, one more than are allowed at most. Raises CommandFailure."""
    stream = StringIO(text, newline="")
    for _ in range(form.skip_lines):
        stream.readline()
    reader = csv.reader(stream, delimiter=form.delimiter, strict=True)
    count = -1  # the header
    first = form.skip_lines + 1
    try:
        for cells in reader:
            if any(each.strip() for each in cells):
                count += 1
                check_row_count(file, count)
                yield f"line {first}", cells
            first = form.skip_lines + reader.line_num + 1
    except csv.Error as error:
        where = form.skip_lines + reader.line_num
        raise CommandFailure(f"{file}: line {where}: {error}") from error


class _Columns:
    """Where in a row each thing is."""

    def __init__(self, file: str, header: Sequence[str], form: CsvForm) -> None:
        """Raises CommandFailure for a column that isn't there."""
        self._names = [each.strip() for each in header]
        self._file = file
        self._form = form
        self._date = self._place(form.date)
        self._amount = None if form.amount is None else self._place(form.amount)
        self._debit = None if form.debit is None else self._place(form.debit)
        self._credit = None if form.credit is None else self._place(form.credit)
        self._direction = None if form.direction is None else self._place(form.direction)
        self._directions = {
            **dict.fromkeys(_OUTGOING, True),
            **dict.fromkeys(_INCOMING, False),
            **({} if form.outgoing is None else {form.outgoing.strip().casefold(): True}),
            **({} if form.incoming is None else {form.incoming.strip().casefold(): False}),
        }
        self._descriptions = [self._place(each) for each in form.descriptions]
        self._id = None if form.id is None else self._place(form.id)
        self._currency = None if form.currency is None else self._place(form.currency)
        self._debits: dict[bool, str] = {}  # by whether below zero: where the first one is

    def _place(self, name: str) -> int:
        folded = [each.casefold() for each in self._names]
        count = folded.count(name.strip().casefold())
        if count == 1:
            return folded.index(name.strip().casefold())
        if count > 1:
            raise CommandFailure(f"{self._file} has {count} columns {name!r}: give its number")
        if name.isdecimal() and 1 <= int(name) <= len(folded):
            return int(name) - 1
        there = ", ".join(map(repr, self._names))
        raise CommandFailure(f"{self._file} has no column {name!r}; it has {there}")

    def row(self, where: str, cells: list[str], problems: Problems) -> StatementRow | None:
        """The row; None behind a problem. A delimiter at the end of a row alone is no column."""
        while len(cells) > len(self._names) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(self._names):
            told = f"has {len(cells)} columns where the header has {len(self._names)}"
            problems.add(where, told)
            return None
        posted_ms = read_posted(cells[self._date], self._form.date_format)
        if isinstance(posted_ms, str):
            problems.add(where, posted_ms)
        figure = self._figure(where, cells)
        if isinstance(figure, str):
            problems.add(where, figure)
        if isinstance(posted_ms, str) or isinstance(figure, str):
            return None
        currency = None if self._currency is None else cells[self._currency].strip().upper()
        return StatementRow(
            where,
            posted_ms,
            figure,
            currency or None,
            described([cells[each] for each in self._descriptions]),
            None if self._id is None else cells[self._id].strip() or None,
        )

    def _figure(self, where: str, cells: list[str]) -> Figure | str:
        """What the row moves, or what is wrong with it."""
        mark = self._form.mark
        if self._amount is not None:
            figure = parse_figure(cells[self._amount], mark)
            return figure if isinstance(figure, str) else self._directed(figure, cells)
        assert self._debit is not None
        assert self._credit is not None
        sides = []
        for place in (self._credit, self._debit):
            text = cells[place].strip()
            side = parse_figure(text, mark) if text else Figure(0, 0)
            if isinstance(side, str):
                return side
            sides.append(side)
        credit, debit = sides
        if credit.digits and debit.digits:
            return "has both a debit and a credit"
        if not cells[self._credit].strip() and not cells[self._debit].strip():
            return "has neither a debit nor a credit"
        if not debit.digits:
            return credit
        self._debits.setdefault(debit.digits < 0, where)
        return Figure(-abs(debit.digits), debit.places)

    def _directed(self, figure: Figure, cells: list[str]) -> Figure | str:
        """The amount with the sign that its row says."""
        if self._direction is None:
            return figure
        word = cells[self._direction].strip()
        is_outgoing = self._directions.get(word.casefold())
        if is_outgoing is None:
            return f"{word[:40]!r} says neither out nor in: give --outgoing or --incoming"
        if figure.digits < 0:
            return "has a sign beside its direction"
        return figure.negated() if is_outgoing else figure

    def check_debits(self, problems: Problems) -> None:
        """A bank writes its debits with the sign or without: where one does both, which of them
        took money away can't be told.
        """
        if len(self._debits) > 1:
            told = f"is a debit below zero, and {self._debits[False]} is one above"
            problems.add(self._debits[True], told)


def read_posted(text: str, date_format: str | None) -> int | str:
    """The instant, UTC unless the text has a zone, or what is wrong with it."""
    text = text.strip()
    if date_format is None:
        found = parse_datetime(text)
        return f"{text[:40]!r} is not a date as 2024-07-21" if found is None else found
    try:
        moment = datetime.strptime(text, date_format)  # noqa: DTZ007 - a zone may follow
    except (ValueError, re.error):  # re's, of a directive that is given twice
        return f"{text[:40]!r} is not a date as {date_format}"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    posted_ms = (moment - _EPOCH) // _MS
    if posted_ms < INSTANT_MIN_MS:
        return f"{text[:40]!r} is before the year 0001"
    return posted_ms if posted_ms <= INSTANT_MAX_MS else f"{text[:40]!r} is after the year 9999"
