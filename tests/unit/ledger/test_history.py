"""Balance history items: what lines add, what readers get, and folding in between."""

import pytest

from shared.ledger.amounts import INT96_MAX
from shared.ledger.balances import HistoryDelta
from shared.ledger.history import (
    HEAD_HOURS_MAX,
    LIMB,
    Sums,
    balance_at,
    change_in,
    fold,
    head_adds,
    hours_by_month,
    is_torn,
    latest,
    month_item_needed,
    months_of_head,
    rebuilt,
)
from shared.ledger.periods import parse_last_moment, parse_period


def added(item, adds):
    """What Update.add does."""
    new = dict(item)
    for name, amount in adds.items():
        new[name] = new.get(name, 0) + amount
    return new


def head_of(*moves):
    """A head after (month, hour, own, child) moves."""
    head = {"pk": "B#x", "sk": "H#USD"}
    for month, hour, own, child in moves:
        at = (month, hour)
        head = added(head, head_adds(HistoryDelta(own, child, {at: own}, {at: child})))
    return head


HEAD = head_of((202311, 5, 10, 1), (202312, 0, 20, 2), (202312, 743, 40, 4), (202401, 30, 80, 8))


def test_a_delta_names_its_months_and_hours():
    delta = HistoryDelta(7, 0, {(202401, 3): 9, (202312, 743): -2}, {})
    assert head_adds(delta) == {
        "r": 1,
        "o": 7,
        "m202401": 9,
        "h202401.3": 9,
        "m202312": -2,
        "h202312.743": -2,
    }


def test_a_delta_of_nothing_still_counts_as_a_change():
    assert head_adds(HistoryDelta(0, 0, {(202401, 3): 0}, {})) == {"r": 1, "o": 0}


def test_without_items_everything_is_zero():
    assert latest(None) == Sums(0, 0)
    assert balance_at(None, None, parse_last_moment("2024")) == Sums(0, 0)
    assert change_in(None, None, parse_period("2024-Q1")) == Sums(0, 0)


@pytest.mark.parametrize(
    "moment, own, child",
    [
        ("2022", 0, 0),
        ("2023", 70, 7),
        ("2023-11", 10, 1),
        ("2023-11-01T04", 0, 0),
        ("2023-11-01T05", 10, 1),
        ("2023-12-01", 30, 3),
        ("2023-12-01T00", 30, 3),
        ("2023-12-31T22", 30, 3),
        ("2023-12-31T23", 70, 7),
        ("2024-01-02T05", 70, 7),
        ("2024-01-02T06", 150, 15),
        ("2024", 150, 15),
        ("9999", 150, 15),
    ],
)
@pytest.mark.parametrize("folded", [False, True])
def test_a_balance_counts_every_hour_up_to_its_moment(moment, own, child, folded):
    head, months = (HEAD, {}) if not folded else split(HEAD)
    at = parse_last_moment(moment)
    month = month_item_needed(at)
    item = None if month is None else months.get(month)
    assert month is None or not is_torn(head, item, month)
    assert balance_at(head, item, at) == Sums(own, child)
    assert latest(head) == Sums(150, 15)


@pytest.mark.parametrize(
    "period, own, child",
    [
        ("2023", 70, 7),
        ("2023-Q4", 70, 7),
        ("2023-Q3", 0, 0),
        ("2023-12", 60, 6),
        ("2023-12-01", 20, 2),
        ("2023-12-31", 40, 4),
        ("2023-12-31T23", 40, 4),
        ("2023-12-31T22", 0, 0),
        ("2024-01-02", 80, 8),
    ],
)
@pytest.mark.parametrize("folded", [False, True])
def test_a_change_counts_the_hours_of_its_period(period, own, child, folded):
    head, months = (HEAD, {}) if not folded else split(HEAD)
    over = parse_period(period)
    month = month_item_needed(over)
    item = None if month is None else months.get(month)
    assert change_in(head, item, over) == Sums(own, child)


def split(head):
    """The head folded as far as it goes, and its months' items."""
    folded = fold(head, hours_max=0)
    months = {month: dict(adds) for month, adds in folded.month_adds.items()}
    return folded.head, months


def test_only_days_and_hours_need_a_month_item():
    assert month_item_needed(None) is None
    assert month_item_needed(parse_last_moment("2023")) is None
    assert month_item_needed(parse_last_moment("2023-02")) is None
    assert month_item_needed(parse_last_moment("2023-02-03")) == 202302
    assert month_item_needed(parse_period("2023-Q1")) is None
    assert month_item_needed(parse_period("2023-02-03T04")) == 202302


def test_a_fold_keeps_the_newest_hour_and_moves_the_others():
    head, months = split(HEAD)
    assert sorted(name for name in head if name[0] in "hj") == ["h202401.30", "j202401.30"]
    assert months[202312] == {"f": 1, "h0": 20, "j0": 2, "h743": 40, "j743": 4}
    assert months[202311] == {"f": 1, "h5": 10, "j5": 1}
    assert (head["o"], head["c"], head["r"]) == (150, 15, HEAD["r"] + 1)
    assert hours_by_month(head, months) == hours_by_month(HEAD, {})
    assert months_of_head(head) == months_of_head(HEAD)


def test_a_small_head_is_left_alone():
    head = head_of(*[(202401, hour, 1, 0) for hour in range(HEAD_HOURS_MAX)])
    assert fold(head) is None
    more = added(head, head_adds(HistoryDelta(1, 0, {(202401, 700): 1}, {})))
    assert fold(more) is not None


def test_a_pair_read_from_both_sides_of_a_fold_is_torn():
    head, months = split(HEAD)
    assert not is_torn(HEAD, None, 202312)
    assert not is_torn(head, months[202312], 202312)
    assert is_torn(HEAD, months[202312], 202312)
    assert is_torn(head, None, 202312)
    assert not is_torn(None, None, 202312)


def test_a_late_line_goes_to_the_head_again_and_both_parts_count():
    head, months = split(HEAD)
    head = added(head, head_adds(HistoryDelta(1, 0, {(202312, 0): 1}, {})))
    at = parse_last_moment("2023-12-01T00")
    assert balance_at(head, months[202312], at) == Sums(31, 3)


def test_sums_beyond_38_digits_stay_exact():
    head = head_of(*[(202401, 1, INT96_MAX, -INT96_MAX) for _ in range(200)])
    assert all(abs(value) < 10**38 for value in head.values() if isinstance(value, int))
    assert latest(head) == Sums(200 * INT96_MAX, -200 * INT96_MAX)
    assert balance_at(head, None, parse_last_moment("2024")) == Sums(
        200 * INT96_MAX, -200 * INT96_MAX
    )
    assert change_in(head, None, parse_period("2024-01-01T01")).own == 200 * INT96_MAX
    folded, months = split(added(head, head_adds(HistoryDelta(1, 0, {(202402, 1): 1}, {}))))
    assert balance_at(folded, months[202401], parse_last_moment("2024-01-01T01")) == Sums(
        200 * INT96_MAX, -200 * INT96_MAX
    )


@pytest.mark.parametrize("amount", [LIMB - 1, LIMB, LIMB + 1, 1 - LIMB, -LIMB, -LIMB - 1])
def test_both_limbs_together_are_the_amount(amount):
    head = head_of((202401, 1, amount, 0), (202401, 1, 0, amount))
    assert latest(head) == Sums(amount, amount)


def test_months_outside_four_digit_years_keep_their_place():
    head = head_of((12, 700, 1, 0), (1000001, 3, 2, 0), (202401, 0, 4, 0))
    assert months_of_head(head) == {12: Sums(1, 0), 202401: Sums(4, 0), 1000001: Sums(2, 0)}
    assert balance_at(head, None, parse_last_moment("9999")) == Sums(5, 0)
    assert hours_by_month(head, {})[(1000001, 3)] == Sums(2, 0)
    assert hours_by_month(*split(head)) == hours_by_month(head, {})


HOURS = {(202311, 5): Sums(10, 1), (202312, 0): Sums(20, 2), (202401, 30): Sums(80, 8)}


@pytest.mark.parametrize("months_max", [1, 2, 50])
def test_a_rebuilt_history_holds_the_hours_whatever_stood_before(months_max):
    head, months = split(HEAD)
    head = added(head, {"o": 5, "m202312": 99, "h202312.0": 7, "r": 1})
    months[202401] = {"f": 4, "h30": 1}
    revision, more, rounds = head["r"], True, 0
    while more:
        folds = {month: (head.get(f"f{month}", 0), items["f"]) for month, items in months.items()}
        head, changed, more = rebuilt(HOURS, head, months, months_max)
        assert len(changed) <= months_max
        for month, item in changed.items():
            assert item["f"] > max(folds.get(month, (0, 0)))
            assert not is_torn(head, item, month)
        months.update(changed)
        rounds += 1
    assert rounds <= 3
    assert head["r"] > revision
    assert hours_by_month(head, months) == HOURS
    assert months_of_head(head) == {
        202311: Sums(10, 1),
        202312: Sums(20, 2),
        202401: Sums(80, 8),
    }
    assert latest(head) == Sums(110, 11)


def test_a_sound_history_is_rebuilt_without_touching_a_month():
    head, months = split(HEAD)
    hours = hours_by_month(head, months)
    again, changed, more = rebuilt(hours, head, months, 50)
    assert (changed, more) == ({}, False)
    assert hours_by_month(again, months) == hours
    assert months_of_head(again) == months_of_head(head)


def test_a_history_of_nothing_is_emptied():
    head, months = split(HEAD)
    again, changed, more = rebuilt({}, head, months, 50)
    assert not more
    assert latest(again) == Sums(0, 0)
    assert hours_by_month(again, {**months, **changed}) == {}
    assert months_of_head(again) == {}
