"""Laws of statements: whatever is written into a CSV comes out of it, and ids are stable."""

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from cli.reports.amounts import Money, Unit
from cli.statements.csv_files import CsvForm, read_csv
from cli.statements.external_ids import DerivedIds, safe_external_id
from cli.statements.figures import DecimalMark, Figure, minor_units, parse_figure
from cli.statements.statements import Statement, StatementRow, described
from cli.statements.wanted import Rules, take
from shared.ledger.amounts import INT96_MAX
from shared.ledger.periods import DAY_MS, format_datetime
from shared.ledger.strings import safe_string_problem

amounts = st.integers(-INT96_MAX, INT96_MAX)
precisions = st.integers(0, 8)
texts = st.text(max_size=40)
moments = st.integers(-60_000 * DAY_MS, 2_000_000 * DAY_MS)
rows = st.lists(st.tuples(moments, amounts, texts), max_size=12)


def grouped(money: Money, group: str, mark: DecimalMark) -> str:
    whole, point, fraction = str(money).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return sign + f"{int(whole.lstrip('-')):,}".replace(",", group) + point.replace(".", mark) + (
        fraction
    )  # fmt: skip


@given(amounts, precisions, st.sampled_from(["", " ", "'", "\u00a0"]), st.booleans())
def test_an_amount_survives_being_written(
    amount: int, precision: int, group: str, has_comma: bool
) -> None:
    mark: DecimalMark = "," if has_comma else "."
    figure = parse_figure(grouped(Money(amount, precision), group, mark), mark)
    assert isinstance(figure, Figure)
    assert minor_units(figure, precision) == amount


@given(rows, st.sampled_from(",;\t|"), st.sampled_from(["utf-8-sig", "utf-16", "utf-8"]))
def test_a_csv_gives_back_what_was_written(
    written: list[tuple[int, int, str]], delimiter: str, encoding: str
) -> None:
    stream = StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(["date", "amount", "description"])
    for posted_ms, amount, text in written:
        writer.writerow([format_datetime(posted_ms), str(Money(amount, 2)), text])
    data = stream.getvalue().encode(encoding, "replace")
    form = CsvForm(delimiter=delimiter, encoding=encoding)
    taken = take("f", read_csv("f", data, form), Rules(Unit("USD", 2)))
    assert [(tx.posted_ms, tx.amount, tx.description) for tx in taken.txs] == [
        (posted_ms, amount, described([text.encode(encoding, "replace").decode(encoding)]))
        for posted_ms, amount, text in written
    ]
    assert len({tx.external_id for tx in taken.txs}) == len(written)


@given(texts, texts)
def test_two_ids_of_a_bank_are_two_external_ids(one: str, other: str) -> None:
    made = [safe_external_id(each) for each in (one, other)]
    assert (made[0] == made[1]) == (one == other)
    for given_id, each in zip((one, other), made, strict=True):
        assert not given_id or safe_string_problem(each) is None


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 2), st.sampled_from("ab")), max_size=30),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_files_that_overlap_by_whole_days_agree_on_their_ids(
    all_rows: list[tuple[int, int, str]], first_end: int, second_start: int
) -> None:
    ordered = sorted(all_rows, key=lambda each: each[0])

    def ids(days: range) -> dict[int, str]:
        derived = DerivedIds()
        return {
            place: derived.next(day * DAY_MS, amount, "USD", text)
            for place, (day, amount, text) in enumerate(ordered)
            if day in days
        }

    first, second = ids(range(first_end + 1)), ids(range(second_start, 6))
    assert all(first[place] == second[place] for place in first.keys() & second.keys())
    merged = first | second
    assert len(set(merged.values())) == len(merged)


@given(st.lists(amounts, max_size=8), amounts)
def test_balances_hold_exactly_when_the_closing_one_is_the_sum(
    moved: list[int], opening: int
) -> None:
    total = opening + sum(moved)
    made = [
        StatementRow(f"row {place}", 0, Figure(amount, 2), None, "x", str(place))
        for place, amount in enumerate(moved)
    ]
    statement = Statement(None, None, tuple(made), (), Figure(opening, 2), Figure(total, 2))
    rules = Rules(Unit("USD", 2), ignore_balances=True)
    taken = take("f", [statement], rules)
    assert (taken.notes == ()) == (abs(total) <= INT96_MAX)
    off = Statement(None, None, tuple(made), (), Figure(opening, 2), Figure(total + 1, 2))
    assert len(take("f", [off], rules).notes) == 1
