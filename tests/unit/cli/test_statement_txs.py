"""Rows of a statement as Txs: amounts, ids, balances; and what syncing them would do."""

import pytest

from cli.failures import CommandFailure
from cli.reports.amounts import Unit
from cli.statements.comparing import Standing, compare, report_rows, to_send
from cli.statements.external_ids import DerivedIds, safe_external_id
from cli.statements.figures import Figure, minor_units, parse_figure
from cli.statements.statements import SkippedRow, Statement, StatementRow
from cli.statements.wanted import Rules, WantedTx, take
from shared.ledger.amounts import INT96_MAX
from shared.ledger.periods import DAY_MS
from shared.ledger.strings import safe_string_problem

USD = Unit("USD", 2)
JPY = Unit("JPY", 0)
DAY = 19_783 * DAY_MS  # 2024-03-01


# --- Amounts -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text, figure",
    [
        ("1", Figure(1, 0)),
        ("0012.50", Figure(1250, 2)),
        (".5", Figure(5, 1)),
        ("5.", Figure(5, 0)),
        ("-1", Figure(-1, 0)),
        ("−1", Figure(-1, 0)),
        ("+1", Figure(1, 0)),
        ("1-", Figure(-1, 0)),
        ("( 1.00 )", Figure(-100, 2)),
        ("1,234,567.8", Figure(12345678, 1)),
        ("1 234.00", Figure(123400, 2)),
        ("1\u202f234", Figure(1234, 0)),
        ("1'234.5", Figure(12345, 1)),
        (" - 3 ", Figure(-3, 0)),
    ],
)
def test_an_amount_is_exactly_what_is_written(text: str, figure: Figure) -> None:
    assert parse_figure(text) == figure


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "-", "--1", "()", "1e5", "0x1", "1_000", "NaN", "inf", "1,23", "1,2345",
        "1,234 567", "1.234.567", "1..2", "12,345,67",
        "$1", "1 USD", "1/2", "٣", "²", "1" * 61, "(-1)", "+-1",
    ],
)  # fmt: skip
def test_what_isn_t_certainly_an_amount_is_none(text: str) -> None:
    assert isinstance(parse_figure(text), str)


def test_the_decimal_comma_is_said_not_guessed() -> None:
    assert parse_figure("1.234,5", ",") == Figure(12345, 1)
    assert parse_figure("1.234", ",") == Figure(1234, 0)
    assert parse_figure("1.234", ".") == Figure(1234, 3)
    assert isinstance(parse_figure("1.23", ","), str)


def test_minor_units_are_exact_or_refused() -> None:
    assert minor_units(Figure(-5, 0), 2) == -500
    assert minor_units(Figure(12345, 2), 2) == 12345
    assert minor_units(Figure(-1200, 4), 2) == -12
    assert minor_units(Figure(-1201, 4), 2) == "the amount has more than 2 decimal places"
    assert minor_units(Figure(100, 2), 0) == 1
    assert minor_units(Figure(INT96_MAX, 2), 2) == INT96_MAX
    assert minor_units(Figure(INT96_MAX + 1, 2), 2) == "the amount is too large"


# --- Ids -----------------------------------------------------------------------------------------
def test_a_bank_s_id_is_kept_where_it_is_a_safe_string() -> None:
    assert safe_external_id("2024-03-05 A.1_ä") == "2024-03-05 A.1_ä"
    assert safe_external_id("a/b#c:d%{{e}}") == "a%2Fb%23c%3Ad%25%7B%7Be}}"
    assert safe_external_id("a\x00\x7f") == "a%00%7F"
    assert safe_external_id("a%2Fb") == "a%252Fb"
    assert safe_external_id("x" * 128) == "x" * 128
    assert safe_external_id("x" * 129).startswith("long-")
    for each in ("a/b#c:d%{{e}}", "x" * 129, "\ud800", "\u2028"):
        assert safe_string_problem(safe_external_id(each)) is None


def test_a_derived_id_says_the_day_and_counts_rows_that_are_alike() -> None:
    ids = DerivedIds()
    first = ids.next(DAY, 100, "USD", "Coffee")
    assert first == "2024-03-01-afc8ceb57f930e71a4c4-1"
    assert ids.next(DAY, 100, "USD", "Coffee") == f"{first[:-1]}2"
    others = [(DAY + 1, 100, "USD", "Coffee"), (DAY, 101, "USD", "Coffee")]
    others += [(DAY, 100, "EUR", "Coffee"), (DAY, 100, "USD", "coffee")]
    made = {ids.next(*other) for other in others}
    assert len(made) == 4
    assert {each[-2:] for each in made} == {"-1"}
    assert DerivedIds().next(DAY, 100, "USD", "Coffee") == first


# --- Rows to Txs ---------------------------------------------------------------------------------
def row(
    place: int,
    amount: str,
    bank_id: str | None = None,
    text: str = "Coffee",
    currency: str | None = None,
) -> StatementRow:
    figure = parse_figure(amount)
    assert isinstance(figure, Figure)
    return StatementRow(f"line {place}", DAY, figure, currency, text, bank_id)


def statement(
    *rows: StatementRow, opening: str | None = None, closing: str | None = None
) -> Statement:
    balances = [None if each is None else parse_figure(each) for each in (opening, closing)]
    start, end = [each if isinstance(each, Figure) else None for each in balances]
    return Statement(None, None, rows, (), start, end)


def refused(*statements: Statement, rules: Rules | None = None) -> list[str]:
    with pytest.raises(CommandFailure) as caught:
        take("f", statements, rules or Rules(USD))
    first, *lines = str(caught.value).splitlines()
    assert first == "f can't be taken"
    return lines


def test_rows_become_txs_in_the_account_s_currency() -> None:
    taken = take("f", [statement(row(2, "1.5", "a/1"), row(3, "-2", currency="USD"))], Rules(USD))
    assert taken.notes == ()
    first, second = taken.txs
    assert first == WantedTx("line 2", "a%2F1", DAY, 150, USD, "Coffee")
    assert (second.amount, second.external_id[:11]) == (-200, "2024-03-01-")
    derived = take("f", [statement(row(2, "1.5", "a/1"))], Rules(USD, derive_ids=True))
    assert derived.txs[0].external_id[:11] == "2024-03-01-"


def test_what_a_currency_can_t_hold_is_refused_with_its_row() -> None:
    bad = statement(row(2, "1.005"), row(3, "1.00", currency="EUR"), row(4, "9" * 50))
    assert refused(bad) == [
        "line 2: the amount has more than 2 decimal places",
        "line 3: is in EUR, the account in USD",
        "line 4: the amount is too large",
    ]


def test_a_multi_currency_account_takes_each_row_s_own_currency() -> None:
    two = statement(row(2, "1", currency="JPY"), row(3, "1"))
    assert refused(two, rules=Rules(None)) == [
        "line 3: no currency: the account has several, so give --currency"
    ]
    taken = take("f", [two], Rules(None, "USD"))
    assert [(tx.amount, tx.unit) for tx in taken.txs] == [(1, JPY), (100, USD)]
    assert refused(statement(row(2, "1", currency="XXY")), rules=Rules(None)) == [
        "line 2: 'XXY' is not a currency code"
    ]
    custom = statement(row(2, "1", currency="CUSTOM/gems"))
    assert refused(custom, rules=Rules(None)) == [
        "line 2: a custom currency is known by its account alone"
    ]


def test_an_id_that_comes_twice_is_one_tx_or_a_refusal() -> None:
    twice = [statement(row(2, "1", "a")), statement(row(3, "1.00", "a"), row(4, "1"), row(5, "1"))]
    taken = take("f", twice, Rules(USD))
    assert [tx.where for tx in taken.txs] == ["line 2", "line 4", "line 5"]
    assert taken.notes == ("line 3 is line 2 again: it is taken once",)
    other = statement(row(2, "1", "a"), row(3, "2", "a"))
    assert refused(other) == [
        "line 3: has the id of line 2 but isn't the same: --derive-ids does without the bank's ids"
    ]
    assert len(take("f", [other], Rules(USD, derive_ids=True)).txs) == 2


def test_balances_have_to_add_up_with_the_transactions() -> None:
    rows = (row(2, "1.50"), row(3, "-0.25"))
    assert len(take("f", [statement(*rows, opening="10", closing="11.25")], Rules(USD)).txs) == 2
    wrong = statement(*rows, opening="10", closing="11.26")
    told = (
        "the opening balance 10.00 and the transactions 1.25 come to 11.25, "
        "the closing balance is 11.26"
    )
    assert refused(wrong) == [f"statement 1: {told} (--ignore-balances takes it all the same)"]
    assert take("f", [wrong], Rules(USD, ignore_balances=True)).notes == (f"statement 1: {told}",)
    given = Rules(USD, opening=Figure(0, 0), closing=Figure(125, 2))
    assert len(take("f", [wrong], given).txs) == 2
    empty = statement(opening="1", closing="2")
    assert len(refused(empty)) == 1
    for partly in (statement(*rows, opening="10"), statement(*rows, closing="10")):
        assert len(take("f", [partly], Rules(USD)).txs) == 2


# --- Beside what stands --------------------------------------------------------------------------
def wanted(name: str, amount: int = 100, text: str = "x", unit: Unit = USD) -> WantedTx:
    return WantedTx(f"row {name}", name, DAY, amount, unit, text)


def test_txs_are_added_changed_unchanged_or_refused() -> None:
    txs = [wanted(name) for name in "abcdef"]
    standing = {
        "b": Standing(DAY, 100, USD, "y"),
        "c": Standing(DAY, 100, USD, "x"),
        "d": Standing(DAY, 99, USD, "y"),
        "e": Standing(DAY + 1, 99, USD, "x"),
        "f": Standing(DAY, 100, JPY, "x"),
    }
    compared = compare(txs, standing)
    assert [(each.status, each.reason) for each in compared] == [
        ("added", None),
        ("changed", "was 'y'"),
        ("unchanged", None),
        ("refused", "it stands with 0.99, which never changes"),
        (
            "refused",
            "it stands with 0.99, it stands as posted 2024-03-01T00:00:00.001Z, "
            "which never changes",
        ),
        ("refused", "it stands in JPY, which never changes"),
    ]
    assert to_send(compared) == txs[:2]


def test_a_report_ends_with_counts_and_sums_by_status_and_currency() -> None:
    txs = [wanted("a"), wanted("b", -30), wanted("c", 7, unit=JPY), wanted("d")]
    compared = compare(txs, {"d": Standing(DAY, 100, USD, "x")})
    skipped = [SkippedRow("row e", "Card", "pending")]

    def shown(with_unchanged: bool) -> list[tuple[str, ...]]:
        return [
            tuple("" if cell is None else str(cell) for cell in (*each.cells[:2], *each.cells[4:]))
            for each in report_rows(compared, skipped, with_unchanged)
        ]

    rows = shown(with_unchanged=True)
    assert rows == [
        ("tx", "added", "a", "x", "USD", "2", "", "1.00", ""),
        ("tx", "added", "b", "x", "USD", "2", "", "-0.30", ""),
        ("tx", "added", "c", "x", "JPY", "0", "", "7", ""),
        ("tx", "unchanged", "d", "x", "USD", "2", "", "1.00", ""),
        ("tx", "skipped", "", "Card", "", "", "", "", "pending"),
        ("total", "added", "", "", "JPY", "0", "1", "7", ""),
        ("total", "added", "", "", "USD", "2", "2", "0.70", ""),
        ("total", "unchanged", "", "", "USD", "2", "1", "1.00", ""),
        ("total", "skipped", "", "", "", "", "1", "", ""),
    ]
    assert shown(with_unchanged=False) == rows[:3] + rows[4:]
