"""Balance history: the attribute names of its items, how lines move them, how they are read.

One account in one currency has a *head* item and, once it has been active for long, *month* items.
Months and hours are the ledger's own (periods.local_bucket). `own` counts the account's lines,
`child` those of all its descendants.

    head    o own total     m<yyyymm> own, month     h<yyyymm>.<hour> own, hour     f<yyyymm> folds
            c child total   n<yyyymm> child, month   j<yyyymm>.<hour> child, hour   r revision
    month                                            h<hour>, j<hour>               f folds

A line touches the head alone: one item to write for each account that an entry moves, where a head
and a month item would be two. Hours are *folded* into their month's item now and then, so the head
stays small (one write unit) however long the history. An hour is what head and month item hold
together, and what is latest, or ends with a month, needs the head alone: any moment takes at most
two items.

A fold moves hours between two items that a reader fetches one after the other. Both count their
folds, so a pair that was read from both sides of one shows it (`is_torn`) and is read again.

Numbers of DynamoDB have 38 digits. An Int96 has up to 37, so a hundred of them could leave that:
what is beyond 10^30 goes to an attribute with the upper-case name (`O`, `M202501`, …) that counts
in 10^30s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.ledger.balances import HistoryDelta
from shared.ledger.periods import BucketRange, LastMoment, Period

Attributes = Mapping[str, str | int | bytes]
LIMB = 10**30
HEAD_HOURS_MAX = 24  # a head with more hours than this is worth a fold
FOLD_MONTHS_MAX = 50  # months that one fold moves hours to

_MONTH_LETTERS = frozenset("mnMN")
_HOUR_LETTERS = frozenset("hjHJ")
_NONE: Attributes = {}


class Sums(NamedTuple):
    """What a history holds for some span of time, in minor units."""

    own: int
    child: int

    @property
    def total(self) -> int:
        return self.own + self.child


# --- Reading --------------------------------------------------------------------------------------
def month_item_needed(span: LastMoment | Period | None) -> int | None:
    """The month (yyyymm) whose item has to be read beside the head; None: the head is enough."""
    if span is None:
        return None
    if isinstance(span, LastMoment):
        month, through_hour = span.bucket()
        return None if through_hour is None else month
    buckets = span.buckets()
    return None if buckets.first_hour is None else buckets.first_month


def is_torn(head: Attributes | None, month_item: Attributes | None, month: int) -> bool:
    """Whether a fold came between the reads of the two items: read both again."""
    return _number(head or _NONE, f"f{month:06d}") != _number(month_item or _NONE, "f")


def latest(head: Attributes | None) -> Sums:
    """The balance of all lines counted so far."""
    if head is None:
        return Sums(0, 0)
    return Sums(_amount(head, "o"), _amount(head, "c"))


def balance_at(
    head: Attributes | None, month_item: Attributes | None, moment: LastMoment | None
) -> Sums:
    """The balance of all lines up to the end of `moment`; None: the latest.

    `month_item` is the one of `month_item_needed(moment)`, not torn; None when it isn't needed or
    absent.
    """
    if head is None or moment is None:
        return latest(head)
    month, through_hour = moment.bucket()
    if through_hour is None:
        return _months(head, 0, month)
    before = _months(head, 0, month - 1)  # yyyy00 is no month: it bounds the year before as well
    within = _hours(head, month_item, month, 0, through_hour)
    return Sums(before.own + within.own, before.child + within.child)


def change_in(
    head: Attributes | None, month_item: Attributes | None, period: Period | BucketRange
) -> Sums:
    """The sum of all lines in `period`. `month_item` as in `balance_at`."""
    if head is None:
        return Sums(0, 0)
    buckets = period.buckets() if isinstance(period, Period) else period
    if buckets.first_hour is None:
        return _months(head, buckets.first_month, buckets.last_month)
    assert buckets.first_month == buckets.last_month
    assert buckets.last_hour is not None
    return _hours(head, month_item, buckets.first_month, buckets.first_hour, buckets.last_hour)


def changes_in_each(
    head: Attributes | None,
    month_items: Mapping[int, Attributes],
    granules: Sequence[Period],
) -> list[Sums]:
    """The sum of all lines in each granule: months, or days, or hours, one unit throughout.

    `month_items` holds the items that `month_item_needed` names for the granules, those that
    stand. Hours are sorted out once, not once a granule.
    """
    if head is None or granules[0].unit == "month":
        return [change_in(head, None, granule) for granule in granules]
    hours = hours_by_month(head, month_items)
    changes = []
    for granule in granules:
        buckets = granule.buckets()
        assert buckets.first_hour is not None
        assert buckets.last_hour is not None
        own = child = 0
        for hour in range(buckets.first_hour, buckets.last_hour + 1):
            held = hours.get((buckets.first_month, hour))
            if held is not None:
                own, child = own + held.own, child + held.child
        changes.append(Sums(own, child))
    return changes


def _number(item: Attributes, name: str) -> int:
    value = item.get(name, 0)
    assert isinstance(value, int)
    return value


def _amount(item: Attributes, name: str) -> int:
    high = item.get(name.upper())
    low = _number(item, name)
    if high is None:
        return low
    assert isinstance(high, int)
    return high * LIMB + low


def _months(head: Attributes, first: int, last: int) -> Sums:
    """Sum of the months from `first` to `last`, both included."""
    own = child = 0
    for name, value in head.items():
        letter = name[0]
        if letter not in _MONTH_LETTERS or not first <= int(name[1:]) <= last:
            continue
        assert isinstance(value, int)
        if letter == "m":
            own += value
        elif letter == "n":
            child += value
        elif letter == "M":
            own += value * LIMB
        else:
            child += value * LIMB
    return Sums(own, child)


def _hours(
    head: Attributes, month_item: Attributes | None, month: int, first: int, last: int
) -> Sums:
    """Sum of the hours from `first` to `last` of one month, both included."""
    own = child = 0
    prefix = f"{month:06d}"
    for name, value in head.items():
        if name[0] in _HOUR_LETTERS:
            of_month, _, hour = name[1:].partition(".")
            if of_month == prefix and first <= int(hour) <= last:
                more = _of_letter(name[0], value)
                own, child = own + more.own, child + more.child
    for name, value in (month_item or _NONE).items():
        if name[0] in _HOUR_LETTERS and first <= int(name[1:]) <= last:
            more = _of_letter(name[0], value)
            own, child = own + more.own, child + more.child
    return Sums(own, child)


def _of_letter(letter: str, value: str | int | bytes) -> Sums:
    assert isinstance(value, int)
    amount = value if letter in "hj" else value * LIMB
    return Sums(amount, 0) if letter in "hH" else Sums(0, amount)


def hours_by_month(
    head: Attributes | None, month_items: Mapping[int, Attributes]
) -> dict[tuple[int, int], Sums]:
    """Every hour that isn't zero, by (month, hour)."""
    hours: dict[tuple[int, int], Sums] = {}

    def count(month: int, hour: int, more: Sums) -> None:
        held = hours.get((month, hour), Sums(0, 0))
        hours[(month, hour)] = Sums(held.own + more.own, held.child + more.child)

    for name, value in (head or _NONE).items():
        if name[0] in _HOUR_LETTERS:
            count(*hour_of(name), _of_letter(name[0], value))
    for month, item in month_items.items():
        for name, value in item.items():
            if name[0] in _HOUR_LETTERS:
                count(month, int(name[1:]), _of_letter(name[0], value))
    return {at: sums for at, sums in hours.items() if sums != (0, 0)}


def months_of_head(head: Attributes | None) -> dict[int, Sums]:
    """Every month that isn't zero: for audits."""
    months = {int(name[1:]) for name in head or _NONE if name[0] in _MONTH_LETTERS}
    sums = {month: _months(head or _NONE, month, month) for month in months}
    return {month: held for month, held in sums.items() if held != (0, 0)}


# --- Writing --------------------------------------------------------------------------------------
def head_adds(delta: HistoryDelta) -> dict[str, int]:
    """What `delta` adds to the attributes of a head. Never empty: the revision counts every
    change.
    """
    adds: dict[str, int] = {"r": 1}
    _add(adds, "o", delta.own)
    _add(adds, "c", delta.child)
    for by_hour, month_letter, hour_letter in (
        (delta.own_by_hour, "m", "h"),
        (delta.child_by_hour, "n", "j"),
    ):
        for (month, hour), amount in by_hour.items():
            _add(adds, f"{month_letter}{month:06d}", amount)
            _add(adds, f"{hour_letter}{month:06d}.{hour}", amount)
    return adds


def sum_adds(amount: int) -> dict[str, int]:
    """What `amount` adds to an item that is a sum alone: a group's balance."""
    adds = {"r": 1, "o": 0}
    _add(adds, "o", amount)
    return adds


def sum_of(item: Attributes) -> int:
    """What an item that is a sum alone holds."""
    return _amount(item, "o")


def _add(adds: dict[str, int], name: str, amount: int) -> None:
    if not amount:
        return
    if -LIMB < amount < LIMB:
        adds[name] = adds.get(name, 0) + amount
        return
    high, low = divmod(amount, LIMB)
    adds[name.upper()] = adds.get(name.upper(), 0) + high
    adds[name] = adds.get(name, 0) + low


def is_hour(name: str) -> bool:
    """Whether an attribute of a head, or of what is added to it, is an hour's."""
    return name[0] in _HOUR_LETTERS


def hour_of(name: str) -> tuple[int, int]:
    """The month (yyyymm) and the hour that an hour's attribute of a head stands for."""
    month, _, hour = name[1:].partition(".")
    return int(month), int(hour)


@dataclass(frozen=True, slots=True)
class Fold:
    """A head without its older hours, and what its months' items get instead."""

    head: dict[str, str | int | bytes]
    month_adds: dict[int, dict[str, int]]  # by month (yyyymm)


def fold(head: Attributes, hours_max: int = HEAD_HOURS_MAX) -> Fold | None:
    """Moves all hours but the newest out of `head`; None when it holds too few to be worth it."""
    hours = sorted({hour_of(name) for name in head if is_hour(name)})
    if len(hours) <= hours_max:
        return None
    months = sorted({month for month, _ in hours[:-1]})[:FOLD_MONTHS_MAX]
    kept = dict(head)
    month_adds: dict[int, dict[str, int]] = {month: {"f": 1} for month in months}
    for name, value in head.items():
        if not is_hour(name):
            continue
        month, hour = hour_of(name)
        if month in month_adds and (month, hour) != hours[-1]:
            assert isinstance(value, int)
            del kept[name]
            month_adds[month][f"{name[0]}{hour}"] = value
    for month in months:
        kept[f"f{month:06d}"] = _number(head, f"f{month:06d}") + 1
    kept["r"] = _number(head, "r") + 1
    return Fold(kept, month_adds)


def rebuilt(
    hours: Mapping[tuple[int, int], Sums],
    head: Attributes | None,
    months: Mapping[int, Attributes],
    months_max: int,
) -> tuple[dict[str, str | int | bytes], dict[int, dict[str, str | int | bytes]], bool]:
    """Head and months' items, without their keys, that hold `hours`, in place of those that stand.

    Only months that differ are put right, at most `months_max` of them; True when others are left
    for another turn. Counts of folds and the revision go on, so a reader between two items sees
    them as torn.
    """
    old = head or _NONE
    held = hours_by_month(old, months)
    due = {at: sums for at, sums in hours.items() if sums != (0, 0)}
    differing = sorted({month for month, hour in {*held, *due} if _differs(held, due, month, hour)})
    turn = frozenset(differing[:months_max])
    adds: dict[str, int] = {"o": 0, "c": 0}
    for (month, _), sums in hours.items():
        _add_whole(adds, "o", sums.own)
        _add_whole(adds, "c", sums.child)
        _add_whole(adds, f"m{month:06d}", sums.own)
        _add_whole(adds, f"n{month:06d}", sums.child)
    new: dict[str, str | int | bytes] = {
        name: value for name, value in adds.items() if value or name in ("o", "c")
    }
    for name, value in old.items():
        if name[0] == "f" or (is_hour(name) and hour_of(name)[0] not in turn):
            new[name] = value
    new["r"] = _number(old, "r") + 1
    items: dict[int, dict[str, str | int | bytes]] = {}
    for month in turn:
        name = f"f{month:06d}"
        count = max(_number(old, name), _number(months.get(month, _NONE), "f")) + 1
        new[name] = count
        items[month] = {"f": count}
    for (month, hour), sums in due.items():
        if month in turn:
            of_month: dict[str, int] = {}
            _add(of_month, f"h{hour}", sums.own)
            _add(of_month, f"j{hour}", sums.child)
            items[month].update(of_month)
    return new, items, len(differing) > len(turn)


def _differs(
    held: Mapping[tuple[int, int], Sums],
    due: Mapping[tuple[int, int], Sums],
    month: int,
    hour: int,
) -> bool:
    return held.get((month, hour)) != due.get((month, hour))


def _add_whole(adds: dict[str, int], name: str, amount: int) -> None:
    """Adds to a sum that is kept in two limbs, normalized: the high one only when it is needed."""
    whole = adds.pop(name.upper(), 0) * LIMB + adds.pop(name, 0) + amount
    adds[name] = 0
    _add(adds, name, whole)
