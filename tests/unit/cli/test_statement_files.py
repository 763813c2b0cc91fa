"""Statements read from the banks' files: what is taken, and what is refused with its row."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cli.failures import CommandFailure
from cli.statements import statements as bounds
from cli.statements.camt_files import read_camt
from cli.statements.csv_files import CsvForm, read_csv, read_posted
from cli.statements.figures import Figure
from cli.statements.ofx_files import read_moment, read_ofx
from cli.statements.statements import Statement, choose_statements, described
from shared.ledger.periods import format_datetime
from shared.limits import DESCRIPTION_CHARS_MAX, STATEMENT_DEPTH_MAX, STATEMENT_ROWS_MAX

FILES = Path(__file__).parents[2] / "statements"
GERMAN = CsvForm(
    date="Buchungstag",
    amount=None,
    debit="Soll",
    credit="Haben",
    descriptions=("Empfänger", "Verwendungszweck"),
    date_format="%d.%m.%Y",
    mark=",",
    delimiter=";",
    encoding="cp1252",
    skip_lines=2,
    skip_last=1,
)
Told = tuple[str, str, Figure, str | None, str, str | None]


def file(name: str) -> bytes:
    return (FILES / name).read_bytes()


def told(statement: Statement) -> list[Told]:
    return [
        (
            row.where,
            format_datetime(row.posted_ms),
            row.figure,
            row.currency,
            row.description,
            row.bank_id,
        )
        for row in statement.rows
    ]


def refused(read: Callable[[], object]) -> list[str]:
    with pytest.raises(CommandFailure) as caught:
        read()
    return str(caught.value).splitlines()


# --- CSV -----------------------------------------------------------------------------------------
def test_a_csv_has_a_row_for_each_transaction_named_by_its_line() -> None:
    (statement,) = read_csv("f", file("plain.csv"), CsvForm(id="Reference"))
    assert told(statement) == [
        ("line 2", "2024-03-01T00:00:00.000Z", Figure(125000, 2), None, "Invoice 17", "B-1"),
        ("line 3", "2024-03-01T09:30:00.000Z", Figure(-35, 1), None, "Coffee, two", "B-2"),
        (
            "line 4",
            "2024-03-02T00:00:00.000Z",
            Figure(-350, 2),
            None,
            "Line one and line two",
            "B-3",
        ),
        ("line 6", "2024-03-04T00:00:00.000Z", Figure(1, 2), None, "Interest", None),
    ]


def test_a_csv_is_read_as_its_flags_say() -> None:
    (statement,) = read_csv("f", file("german.csv"), GERMAN)
    day = "2024-03-05T00:00:00.000Z"
    coffee = (Figure(-350, 2), None, "Café Zoë; Kaffee", None)
    assert told(statement) == [
        ("line 4", day, Figure(-123456, 2), None, "Müller GmbH; Miete März", None),
        ("line 5", day, *coffee),
        ("line 6", day, *coffee),
        (
            "line 7",
            "2024-03-06T00:00:00.000Z",
            Figure(1200000, 2),
            None,
            "Firma & Söhne; Gehalt",
            None,
        ),
    ]


def test_columns_are_named_by_header_or_number() -> None:
    data = b"when;what;EUR\n01.02.24 10:00 +0100;x;-1,00\n"
    form = CsvForm(
        date="1",
        amount="eur",
        descriptions=("What", "when"),
        date_format="%d.%m.%y %H:%M %z",
        mark=",",
        delimiter=";",
    )
    (row,) = read_csv("f", data, form)[0].rows
    assert format_datetime(row.posted_ms) == "2024-02-01T09:00:00.000Z"
    assert row.description == "x; 01.02.24 10:00 +0100"
    assert refused(lambda: read_csv("f", data, replace(form, date="date"))) == [
        "f has no column 'date'; it has 'when', 'what', 'EUR'"
    ]
    twice = data.replace(b"what", b"when")
    assert refused(lambda: read_csv("f", twice, replace(form, date="when"))) == [
        "f has 2 columns 'when': give its number"
    ]


@pytest.mark.parametrize(
    "row, problem",
    [
        ("2024-03-01,1.00", "line 2: has 2 columns where the header has 3"),
        ("2024-03-01,1.00,a,b", "line 2: has 4 columns where the header has 3"),
        ("1.3.2024,1.00,a", "line 2: '1.3.2024' is not a date as 2024-07-21"),
        ("2024-02-30,1.00,a", "line 2: '2024-02-30' is not a date as 2024-07-21"),
        ("2024-03-01,,a", "line 2: '' is not an amount with the decimal mark '.'"),
        ("2024-03-01,1e5,a", "line 2: '1e5' is not an amount with the decimal mark '.'"),
        ("2024-03-01,٣,a", "line 2: '٣' is not an amount with the decimal mark '.'"),
        ('2024-03-01,"12,34",a', "line 2: '12,34' is not an amount with the decimal mark '.'"),
    ],
)
def test_a_row_of_a_csv_that_says_nothing_certain_is_refused(row: str, problem: str) -> None:
    data = f"date,amount,description\n{row}\n".encode()
    assert refused(lambda: read_csv("f", data, CsvForm())) == ["f can't be taken", problem]


def test_every_bad_row_is_told_up_to_ten() -> None:
    rows = "x,1,a\n" * 13
    lines = refused(lambda: read_csv("f", f"date,amount,description\n{rows}".encode(), CsvForm()))
    assert lines[1] == "line 2: 'x' is not a date as 2024-07-21"
    assert len(lines) == 12
    assert lines[-1] == "and 3 more"


def test_debits_are_money_going_out_with_the_sign_or_without() -> None:
    form = CsvForm(amount=None, debit="d", credit="c")

    def amounts(*rows: str) -> list[int]:
        lines = [f"2024-03-01,x,{row}" for row in rows]
        data = "\n".join(["date,description,d,c", *lines]).encode()
        return [row.figure.digits for row in read_csv("f", data, form)[0].rows]

    assert amounts("5,", ",7", "0,7", ",-2") == [-5, 7, 7, -2]
    assert amounts("-5,", "-6,0") == [-5, -6]
    assert refused(lambda: amounts("5,", "-6,"))[1:] == [
        "line 3: is a debit below zero, and line 2 is one above"
    ]
    assert refused(lambda: amounts("5,6"))[1:] == ["line 2: has both a debit and a credit"]
    assert refused(lambda: amounts(","))[1:] == ["line 2: has neither a debit nor a credit"]


def test_a_direction_gives_an_amount_its_sign() -> None:
    form = CsvForm(direction="way", outgoing="Af")

    def amounts(*rows: str, form: CsvForm = form) -> list[int]:
        lines = [f"2024-03-01,x,{row}" for row in rows]
        data = "\n".join(["date,description,amount,way", *lines]).encode()
        return [row.figure.digits for row in read_csv("f", data, form)[0].rows]

    assert amounts("5,af", "6,D", "7,CRDT", "0,dr") == [-5, -6, 7, 0]
    assert amounts("5,Bij", form=replace(form, incoming="bij")) == [5]
    assert refused(lambda: amounts("5,Bij", "-6,D"))[1:] == [
        "line 2: 'Bij' says neither out nor in: give --outgoing or --incoming",
        "line 3: has a sign beside its direction",
    ]


def test_a_delimiter_behind_the_last_column_is_none() -> None:
    data = b"date,amount,description\n2024-03-01,1,x,\n2024-03-01,1,y,,\n"
    rows = read_csv("f", data, CsvForm())[0].rows
    assert [row.description for row in rows] == ["x", "y"]


@pytest.mark.parametrize(
    "data, form, problem",
    [
        (b"", CsvForm(), "f has no header"),
        (b"\n \n", CsvForm(), "f has no header"),
        (
            b"date,amount,description\n2024-01-01,1,\xe9\n",
            CsvForm(),
            "f: line 2 is not utf-8-sig: say which one with --encoding, such as cp1252",
        ),
        (b"date", CsvForm(encoding="nope"), "there is no text encoding nope"),
        (b"date", CsvForm(encoding="base64"), "there is no text encoding base64"),
        (
            b'date,amount,description\n2024-01-01,1,"a\n',
            CsvForm(),
            "f: line 2: unexpected end of data",
        ),
        (
            b'date,amount,description\n2024-01-01,1,"a"b\n',
            CsvForm(),
            "f: line 2: ',' expected after '\"'",
        ),
        (
            b"date,amount,description\n2024-01-01,1," + b"x" * 200_000,
            CsvForm(),
            "f: line 2: field larger than field limit (131072)",
        ),
    ],
)
def test_a_csv_that_is_cut_off_or_in_another_encoding_is_refused(
    data: bytes, form: CsvForm, problem: str
) -> None:
    assert refused(lambda: read_csv("f", data, form)) == [problem]


def test_a_csv_of_a_million_rows_is_refused_before_it_is_all_read() -> None:
    data = b"date,amount,description\n" + b"2024-01-01,1,a\n" * 1_000_000
    problem = f"f has more than {STATEMENT_ROWS_MAX} rows: split it"
    assert refused(lambda: read_csv("f", data, CsvForm())) == [problem]


@pytest.mark.parametrize(
    "text, form, problem",
    [
        ("01.01.2024", "%d.%d.%Y", "'01.01.2024' is not a date as %d.%d.%Y"),
        (
            "9999-12-31 23:00 -0500",
            "%Y-%m-%d %H:%M %z",
            "'9999-12-31 23:00 -0500' is after the year 9999",
        ),
        (
            "0001-01-01 01:00 +0500",
            "%Y-%m-%d %H:%M %z",
            "'0001-01-01 01:00 +0500' is before the year 0001",
        ),
    ],
)
def test_a_date_that_can_t_be_is_told(text: str, form: str, problem: str) -> None:
    assert read_posted(text, form) == problem


# --- OFX -----------------------------------------------------------------------------------------
def test_an_ofx_file_of_tags_is_read() -> None:
    (statement,), notes = read_ofx("f", file("checking.ofx"))
    assert (statement.bank_account, statement.currency) == ("000123456789", "USD")
    assert (statement.opening, statement.closing) == (None, Figure(130845, 2))
    names = [f"2024/03/0{day}-1" for day in (1, 2, 3)]
    assert told(statement) == [
        (
            f"transaction 1 ({names[0]})",
            "2024-03-01T17:00:00.000Z",
            Figure(125000, 2),
            None,
            "ACME & SONS; Invoice 17",
            names[0],
        ),
        (
            f"transaction 2 ({names[1]})",
            "2024-03-02T00:00:00.000Z",
            Figure(-4005, 2),
            None,
            "Café; 1042",
            names[1],
        ),
        (
            f"transaction 3 ({names[2]})",
            "2024-03-03T08:30:00.250Z",
            Figure(-15, 1),
            None,
            "Fee",
            names[2],
        ),
    ]
    assert [note.partition(":")[0] for note in notes] == ["ENCODING"]


def test_an_ofx_file_of_xml_may_have_several_accounts_of_which_one_is_taken() -> None:
    both, notes = read_ofx("f", file("accounts.ofx"))
    assert notes == []
    assert refused(lambda: choose_statements("f", both, None)) == [
        "f has statements of 2 accounts: say which with --bank-account: 4111, GIRO 1"
    ]
    (card,) = choose_statements("f", both, "41 11")
    assert [row.description for row in card.rows] == ["Thank you", "Books & More"]
    assert format_datetime(card.rows[1].posted_ms) == "2024-03-05T20:30:00.000Z"
    assert [(row.description, row.reason) for row in card.skipped] == [("Hotel", "pending")]
    (giro,) = choose_statements("f", both, "giro1")
    assert [row.description for row in giro.rows] == ["Zoë; Card"]
    assert refused(lambda: choose_statements("f", both, "5")) == [
        "f has no statement of 5: it is of 4111, GIRO 1"
    ]


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("</OFX>", "", "f isn't a whole OFX file: </OFX> isn't its end"),
        ("STMTRS>", "INVSTMTRS>", "f has no statement of a bank or card account"),
        ("<TRNAMT>-1.5", "", "transaction 3 (2024/03/03-1): has 0 TRNAMT"),
        ("<TRNAMT>-1.5", "<TRNAMT>1<TRNAMT>2", "transaction 3 (2024/03/03-1): has 2 TRNAMT"),
        (
            "<TRNAMT>-1.5",
            "<TRNAMT>1.500,00",
            "transaction 3 (2024/03/03-1): '1.500,00' has two decimal marks",
        ),
        (
            "<TRNAMT>-1.5",
            "<TRNAMT>1 500",
            "transaction 3 (2024/03/03-1): '1 500' is not an amount",
        ),
        (
            "20240303083000.250",
            "20240230",
            "transaction 3 (2024/03/03-1): '20240230' is not a moment that there is",
        ),
        (
            "20240303083000.250",
            "March",
            "transaction 3 (2024/03/03-1): 'March' is not a moment as 20240131120000[-5:EST]",
        ),
        (
            "<NAME>Fee",
            "<CORRECTFITID>77<CORRECTACTION>UNDO",
            "transaction 3 (2024/03/03-1): corrects 77 by UNDO, not REPLACE or DELETE",
        ),
        (
            "<BALAMT>1308.45",
            "<BALAMT>much",
            "statement 1: the ledger balance: 'much' is not an amount with the decimal mark '.'",
        ),
    ],
)
def test_an_ofx_file_that_is_cut_off_or_unclear_is_refused(
    old: str, new: str, problem: str
) -> None:
    text = file("checking.ofx").decode("cp1252")
    assert old in text
    lines = refused(lambda: read_ofx("f", text.replace(old, new).encode("cp1252")))
    assert lines[-1] == problem


def test_an_ofx_statement_inside_another_is_refused() -> None:
    text = file("checking.ofx").decode("cp1252")
    start, end = text.index("<STMTRS>"), text.index("</STMTRS>")
    inner = text[start : end + len("</STMTRS>")]
    twice = text[:start] + inner.removesuffix("</STMTRS>") + inner + text[end:]
    assert refused(lambda: read_ofx("f", twice.encode("cp1252"))) == [
        "a <STMTRS> isn't closed before the next statement"
    ]


@pytest.mark.parametrize(
    "text, posted",
    [
        ("20240131", "2024-01-31T00:00:00.000Z"),
        ("202401311201", "2024-01-31T12:01:00.000Z"),
        ("20240131120000.5", "2024-01-31T12:00:00.500Z"),
        ("20240131120000[0:GMT]", "2024-01-31T12:00:00.000Z"),
        ("20240131120000[-3.30:NST]", "2024-01-31T15:30:00.000Z"),
        ("20240131120000[+5.5]", "2024-01-31T06:30:00.000Z"),
    ],
)
def test_an_ofx_moment_is_in_its_zone_else_in_utc(text: str, posted: str) -> None:
    read = read_moment(text)
    assert isinstance(read, int)
    assert format_datetime(read) == posted


@pytest.mark.parametrize("text", ["", "2024-01-31", "20241301", "20240131[-5.17]", "2024013112000"])
def test_another_ofx_moment_is_refused(text: str) -> None:
    assert isinstance(read_moment(text), str)


# --- camt.053 ------------------------------------------------------------------------------------
def test_a_camt_statement_has_its_booked_entries_and_balances() -> None:
    (statement,) = read_camt("f", file("day.camt.xml"))
    assert (statement.bank_account, statement.currency) == ("DE02120300000000202051", "EUR")
    assert (statement.opening, statement.closing) == (Figure(100000, 2), Figure(110450, 2))
    day = "2024-03-05T00:00:00.000Z"
    assert told(statement) == [
        (
            "entry 1 (line 11)",
            day,
            Figure(250, 0),
            "EUR",
            "Zoë Müller; Invoice; 17",
            "2024-03-05/0001",
        ),
        (
            "entry 2 (line 21)",
            "2024-03-05T22:30:00.000Z",
            Figure(-15000, 2),
            "EUR",
            "Salaries",
            "0002",
        ),
        ("entry 3 (line 33)", day, Figure(450, 2), "EUR", "Fee taken back", None),
    ]
    (skipped,) = statement.skipped
    assert (skipped.where, skipped.description, skipped.reason) == (
        "entry 4 (line 38)",
        "Card",
        "pending",
    )


def test_a_batch_is_split_into_its_transactions_on_request() -> None:
    (statement,) = read_camt("f", file("day.camt.xml"), split_batches=True)
    assert [(row.where, row.figure, row.description, row.bank_id) for row in statement.rows] == [
        ("entry 1 (line 11)", Figure(250, 0), "Zoë Müller; Invoice; 17", "2024-03-05/0001"),
        ("entry 2 (line 21), transaction 1", Figure(-10000, 2), "Ann", "0002-1"),
        ("entry 2 (line 21), transaction 2", Figure(-5000, 2), "Ben", "0002-2"),
        ("entry 3 (line 33)", Figure(450, 2), "Fee taken back", None),
    ]
    wrong = file("day.camt.xml").replace(b">50.00<", b">50.01<")
    assert refused(lambda: read_camt("f", wrong, split_batches=True))[1:] == [
        "entry 2 (line 21): the transactions of the batch don't add up to the entry"
    ]
    assert len(read_camt("f", wrong)[0].rows) == 3


def test_every_version_of_the_message_is_read() -> None:
    text = file("day.camt.xml").decode()
    older = text.replace("001.08", "001.02").replace("<Cd>BOOK</Cd>", "BOOK")
    older = older.replace("<Cd>PDNG</Cd>", "PDNG").replace("<Pty>", "").replace("</Pty>", "")
    assert read_camt("f", older.encode()) == read_camt("f", text.encode())
    dated = text.replace("<Dt>2024-03-05</Dt></BookgDt>", "<Dt>2024-03-05+01:00</Dt></BookgDt>")
    (statement,) = read_camt("f", dated.encode())
    assert format_datetime(statement.rows[0].posted_ms) == "2024-03-05T00:00:00.000Z"
    assert format_datetime(statement.rows[0].earlier_ms or 0) == "2024-03-04T23:00:00.000Z"


def test_a_camt_entry_has_the_lowest_certain_id_of_the_bank() -> None:
    text = file("day.camt.xml").decode()
    without = text.replace("<AcctSvcrRef>2024-03-05/0001</AcctSvcrRef>", "")
    assert read_camt("f", without.encode())[0].rows[0].bank_id == "tx-9"
    without = without.replace("<TxId>tx-9</TxId>", "")
    (row, *_) = read_camt("f", without.encode())[0].rows
    assert (row.bank_id, row.earlier_id) == ("2024-03-05\x1f1", "1")
    (row, *_) = read_camt("f", without.replace("<Id>2024-03-05</Id>", "").encode())[0].rows
    assert (row.bank_id, row.earlier_id) == (None, "1")


@pytest.mark.parametrize(
    "old, new, problem",
    [
        (">250<", ">-250<", "entry 1 (line 11): '-250' is not an amount"),
        (">250<", ">2,50<", "entry 1 (line 11): '2,50' is not an amount"),
        (
            '<Amt Ccy="EUR">250</Amt>',
            "",
            "entry 1 (line 11): has no amount",
        ),
        (
            "250</Amt><CdtDbtInd>CRDT",
            "250</Amt><CdtDbtInd>CR",
            "entry 1 (line 11): the CdtDbtInd is CR, not CRDT or DBIT",
        ),
        (
            "CRDT</CdtDbtInd><Sts><Cd>BOOK",
            "CRDT</CdtDbtInd><Sts><Cd>OTHR",
            "entry 1 (line 11): has the status OTHR, which is neither booked nor not",
        ),
        (
            "<DtTm>2024-03-05T23:30:00+01:00</DtTm>",
            "<Dt>5.3.2024</Dt>",
            "entry 2 (line 21): '5.3.2024' is not a date",
        ),
        (
            "<BookgDt><DtTm>2024-03-05T23:30:00+01:00</DtTm></BookgDt>",
            "",
            "entry 2 (line 21): has neither a booking date nor a value date",
        ),
        ("1104.50", "a lot", "statement (line 5): the balance CLBD: 'a lot' is not an amount"),
    ],
)
def test_an_unclear_camt_entry_is_refused_with_its_line(old: str, new: str, problem: str) -> None:
    text = file("day.camt.xml").decode()
    assert old in text
    lines = refused(lambda: read_camt("f", text.replace(old, new, 1).encode()))
    assert lines == ["f can't be taken", problem]


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Document><BkToCstmrStmt><Stmt><Id>&b;</Id></Stmt></BkToCstmrStmt></Document>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><Document/>"""
REPORT = "<Document><BkToCstmrAcctRpt><Rpt/></BkToCstmrAcctRpt></Document>"


@pytest.mark.parametrize(
    "text, problem",
    [
        (BOMB, "f declares a document type or entities, which no statement needs"),
        (OUTSIDE, "f declares a document type or entities, which no statement needs"),
        ("", "f isn't well-formed XML: no element found: line 1, column 0"),
        ("<Document><BkToCstmrStmt>", "f isn't well-formed XML: no element found: line 1"),
        ('<?xml version="1.0" encoding="nope"?><a/>', "f can't be read as XML: unknown encoding"),
        ("<Document>&nothing;</Document>", "f isn't well-formed XML: undefined entity"),
        (REPORT, "f isn't a camt.053 statement: it holds Document, BkToCstmrAcctRpt"),
        (
            "<a>" * (STATEMENT_DEPTH_MAX + 1),
            f"f: elements deeper than {STATEMENT_DEPTH_MAX}",
        ),
    ],
)
def test_xml_that_is_hostile_or_something_else_is_refused(text: str, problem: str) -> None:
    (line,) = refused(lambda: read_camt("f", text.encode()))
    assert line.startswith(problem)


def test_a_camt_file_cut_anywhere_is_refused() -> None:
    data = file("day.camt.xml").rstrip()
    for length in range(0, len(data) - 1, 97):
        assert refused(lambda length=length: read_camt("f", data[:length]))


def test_a_camt_file_of_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STATEMENT_ROWS_MAX", 2)
    assert refused(lambda: read_camt("f", file("day.camt.xml"))) == [
        "f has more than 2 rows: split it"
    ]


# --- Descriptions --------------------------------------------------------------------------------
def test_a_description_is_one_line_of_what_is_said_once() -> None:
    assert described([None, " a\t\nb ", "", "a b", "c\x00\x85d"]) == "a b; c d"
    long = described(["x" * (DESCRIPTION_CHARS_MAX + 1)])
    assert (len(long), long[-1]) == (DESCRIPTION_CHARS_MAX, "…")
