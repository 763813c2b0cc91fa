"""Reports as CSV and as tables, to the last character."""

import csv
from io import BytesIO, StringIO

import pytest

from cli.reports.amounts import Money
from cli.reports.rows import Cell, Column, CsvWriter, Row, TableWriter, csv_cell, shown_text
from shared.limits import REPORT_WIDTH_ROWS

COLUMNS = (
    Column("path", None),
    Column(None, "Account"),
    Column("name", "Name"),
    Column("precision", None),
    Column("amount", "Amount", is_right=True),
)


def row(path: str, name: str | None, amount: Money | None, is_total: bool = False) -> Row:
    return Row((path, path.upper(), name, 2, amount), is_total)


def written_csv(*rows: Row) -> bytes:
    stream = BytesIO()
    writer = CsvWriter(stream, COLUMNS)
    for each in rows:
        writer.add(each)
    writer.note("not for programs")
    writer.finish()
    return stream.getvalue()


def written_table(*rows: Row) -> str:
    stream = BytesIO()
    writer = TableWriter(stream, COLUMNS, "A heading")
    for each in rows:
        writer.add(each)
    writer.note("A note")
    writer.finish()
    return stream.getvalue().decode()


@pytest.mark.parametrize(
    "amount, precision, text",
    [
        (0, 2, "0.00"),
        (5, 2, "0.05"),
        (-5, 2, "-0.05"),
        (-123456, 2, "-1234.56"),
        (7, 0, "7"),
        (-7, 0, "-7"),
        (1, 18, "0.000000000000000001"),
        (2**120 - 1, 18, "1329227995784915872.903807060280344575"),
        (-(2**120) + 1, 3, "-1329227995784915872903807060280344.575"),
    ],
)
def test_money_shows_every_digit(amount: int, precision: int, text: str) -> None:
    assert str(Money(amount, precision)) == text


def test_a_csv_is_rfc_4180_in_utf_8() -> None:
    assert (
        written_csv(
            row("a", 'says "hi", twice', Money(-105, 2)),
            row("b", "two\nlines", Money(2**120 - 1, 2)),
            row("ü", None, None, is_total=True),
        )
        == (
            "path,name,precision,amount\r\n"
            'a,"says ""hi"", twice",2,-105\r\n'
            'b,"two\nlines",2,1329227995784915872903807060280344575\r\n'
            "ü,,2,\r\n"
        ).encode()
    )


@pytest.mark.parametrize(
    "cell, written",
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("", ""),
        (None, ""),
        (-1, -1),
        (Money(-250, 2), -250),
    ],
)
def test_a_spreadsheet_runs_no_text_as_a_formula(cell: Cell, written: str | int) -> None:
    assert csv_cell(cell) == written


def test_a_csv_is_read_back_as_it_was() -> None:
    texts = ['a"b', "a,b", "a\r\nb", " a ", "", "ü€😀", "'"]
    read = list(
        csv.reader(StringIO(written_csv(*[row(t, t, None) for t in texts]).decode("utf-8")))
    )
    assert [each[:2] for each in read[1:]] == [[text, text] for text in texts]


def test_a_table_lines_up() -> None:
    assert written_table(
        row("cash", "Cash", Money(123456, 2)),
        row("cash/till", "金庫", Money(-5, 2)),
        row("total", None, Money(123451, 2), is_total=True),
        row("total", None, Money(0, 0), is_total=True),
    ) == (
        "A heading\n"
        "\n"
        "Account    Name   Amount\n"
        "------------------------\n"
        "CASH       Cash  1234.56\n"
        "CASH/TILL  金庫    -0.05\n"
        "------------------------\n"
        "TOTAL            1234.51\n"
        "TOTAL                  0\n"
        "A note\n"
    )


def test_an_empty_table_has_its_titles() -> None:
    assert written_table() == "A heading\n\nAccount  Name  Amount\n---------------------\nA note\n"


def test_no_text_steers_the_terminal() -> None:
    assert shown_text("a\x1b[2J\n\u202ebc\u2028") == "a\\x1b[2J\\n\\u202ebc\\u2028"
    assert shown_text("ums\udce4tze") == "ums\\udce4tze"
    assert "\x1b" not in written_table(row("\x1b]0;x\x07", "\x1b[31m", None))


def test_a_table_holds_no_more_rows_than_its_bound() -> None:
    stream = BytesIO()
    writer = TableWriter(stream, COLUMNS, "A heading")
    for _ in range(REPORT_WIDTH_ROWS - 1):
        writer.add(row("a", "b", Money(1, 2)))
    assert stream.getvalue() == b""
    writer.add(row("a", "b", Money(1, 2)))
    assert stream.getvalue().count(b"\n") == REPORT_WIDTH_ROWS + 4
    writer.add(row("a", "much longer than all before", Money(1, 2)))
    assert stream.getvalue().endswith(b"A        much longer than all before    0.01\n")
