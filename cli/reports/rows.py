"""Rows of a report, and the two forms in which they are written as they come.

    csv    RFC 4180: commas, CRLF, quotes where needed; UTF-8 without a mark. Amounts are whole
           minor units beside their currency's precision. Text that a spreadsheet would run as a
           formula gets an apostrophe in front.
    table  for people: amounts with their decimal places, columns as wide as the first rows need.
           Control characters are shown as escapes, so that no text can steer a terminal.

A writer holds at most REPORT_WIDTH_ROWS rows.
"""

import csv
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import BinaryIO, Protocol

from cli.reports.amounts import Money
from shared.limits import REPORT_WIDTH_ROWS

Cell = str | int | Money | None

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, in either width.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `title` heads it in the table, `name` in the CSV; None: it isn't there."""

    name: str | None
    title: str | None
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A cell for each column; totals stand below a rule."""

    cells: tuple[Cell, ...]
    is_total: bool = False


class Writer(Protocol):
    """Where a report goes."""

    def add(self, row: Row) -> None:
        """Writes a row."""
        ...

    def note(self, text: str) -> None:
        """Writes a line below the rows, for people."""
        ...

    def finish(self) -> None:
        """Writes what is still held. The stream stays open."""
        ...


class CsvWriter:
    """The form for programs."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column]) -> None:
        """Writes the header row."""
        self._columns = columns
        self._text = TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._writer.writerow([column.name for column in columns if column.name is not None])

    def add(self, row: Row) -> None:
        """Writes a row."""
        assert len(row.cells) == len(self._columns)
        self._writer.writerow(
            [
                csv_cell(cell)
                for column, cell in zip(self._columns, row.cells, strict=True)
                if column.name is not None
            ]
        )

    def note(self, text: str) -> None:
        """Writes nothing: a CSV is rows alone."""

    def finish(self) -> None:
        """Writes what is still held."""
        self._text.flush()
        self._text.detach()


def csv_cell(cell: Cell) -> str | int:
    """What stands in the CSV for a cell."""
    if cell is None:
        return ""
    if isinstance(cell, Money):
        return cell.amount
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell


class TableWriter:
    """The form for people."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column], heading: str) -> None:
        """Nothing is written before the widths are known."""
        self._stream = stream
        self._columns = columns
        self._heading = heading
        self._held: list[Row] | None = []
        self._widths: list[int] = []
        self._is_ruled = False

    def add(self, row: Row) -> None:
        """Writes a row, or holds it until enough have come to know the widths."""
        assert len(row.cells) == len(self._columns)
        if self._held is None:
            self._write(row)
            return
        self._held.append(row)
        if len(self._held) >= REPORT_WIDTH_ROWS:
            self._begin()

    def note(self, text: str) -> None:
        """Writes a line below the rows."""
        self._begin()
        self._line(shown_text(text))

    def finish(self) -> None:
        """Writes what is still held."""
        self._begin()

    def _begin(self) -> None:
        """Heading, titles and the rows that were held."""
        held, self._held = self._held, None
        if held is None:
            return
        texts = [self._texts(row) for row in held]
        titles = [column.title for column in self._columns if column.title is not None]
        columns = zip(titles, *texts, strict=True)
        self._widths = [max(map(display_width, column)) for column in columns]
        self._line(shown_text(self._heading))
        self._line("")
        self._line(self._laid_out(titles))
        self._rule()
        for row in held:
            self._write(row)

    def _write(self, row: Row) -> None:
        if row.is_total and not self._is_ruled:
            self._is_ruled = True
            self._rule()
        self._line(self._laid_out(self._texts(row)))

    def _texts(self, row: Row) -> list[str]:
        return [
            "" if cell is None else shown_text(str(cell))
            for column, cell in zip(self._columns, row.cells, strict=True)
            if column.title is not None
        ]

    def _laid_out(self, texts: list[str]) -> str:
        shown = [column for column in self._columns if column.title is not None]
        parts = []
        for column, text, width in zip(shown, texts, self._widths, strict=True):
            space = " " * max(0, width - display_width(text))
            parts.append(space + text if column.is_right else text + space)
        return _GAP.join(parts).rstrip()

    def _rule(self) -> None:
        self._line("-" * (sum(self._widths) + len(_GAP) * (len(self._widths) - 1)))

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n".encode())


def shown_text(text: str) -> str:
    """The text with control and format characters, line ends and lone surrogates as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        [
            each
            if unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
            else each.encode("unicode_escape").decode()
            for each in text
        ]
    )


def display_width(text: str) -> int:
    """Columns of a terminal that the text takes."""
    if text.isascii():
        return len(text)
    width = 0
    for each in text:
        if not unicodedata.combining(each):
            width += 2 if unicodedata.east_asian_width(each) in "WF" else 1
    return width
