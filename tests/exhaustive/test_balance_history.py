"""Two million balances and changes, each held against the plain sum of its lines.

    random lines, random offset ──► history items, some of them folded ──► what the API would read
                                └─► a list of (instant, amount)        ──► added up one by one

The plain side shares no code with the histories: it has its own calendar (the standard library's
ordinals), its own forms of moments and periods, and no buckets.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

import pytest

from shared.ledger import history
from shared.ledger.balances import history_deltas
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.history import Attributes, Sums
from shared.ledger.periods import (
    expand_during,
    parse_first_moment,
    parse_last_moment,
    parse_period,
)

CHECKS_MIN = 2_000_000
PARTS = 8
EPOCH = date(1970, 1, 1).toordinal()
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
OWN, PARENT = "a/b", "a"
Posting = tuple[int, int, bool]  # local ms, amount, whether on the account below
UNITS = ("year", "quarter", "month", "day", "hour")


# --- The plain side -------------------------------------------------------------------------------
def at(year: int, month: int = 1, day: int = 1) -> int:
    """Local ms of a day's begin; month 13 is the next year's first, and the year 10000 is there."""
    if month > 12:
        year, month = year + 1, month - 12
    if year == 10_000:
        return (date(9999, 12, 31).toordinal() + 1 - EPOCH) * DAY
    return (date(year, month, day).toordinal() - EPOCH) * DAY


def span_of(local_ms: int, unit: str) -> tuple[str, int, int]:
    """The unit's period around a local moment: how it is written, its first ms, the one after."""
    days, rest = divmod(local_ms, DAY)
    day = date.fromordinal(days + EPOCH)
    year, month = day.year, day.month
    match unit:
        case "year":
            return f"{year:04d}", at(year), at(year + 1)
        case "quarter":
            number = (month + 2) // 3
            return f"{year:04d}-Q{number}", at(year, 3 * number - 2), at(year, 3 * number + 1)
        case "month":
            return f"{year:04d}-{month:02d}", at(year, month), at(year, month + 1)
        case "day":
            first = days * DAY
            return day.isoformat(), first, first + DAY
    first = local_ms // HOUR * HOUR
    return f"{day.isoformat()}T{rest // HOUR:02d}", first, first + HOUR


def plain_sum(postings: list[Posting], first: int | None, end: int) -> tuple[int, int]:
    """On the account itself, and below it."""
    own = child = 0
    for when, amount, is_below in postings:
        if when < end and (first is None or when >= first):
            if is_below:
                child += amount
            else:
                own += amount
    return own, child


# --- The histories --------------------------------------------------------------------------------
def made(postings: list[Posting], offset_minutes: int, rng: Random) -> tuple[Attributes, dict]:
    """Head and months' items of the account, folded now and then as the indexer folds them."""
    head: dict = {}
    months: dict[int, dict] = {}
    hours_max = rng.choice((0, 3, 24, 1_000))
    for at_once in chunks(postings, rng.choice((1, 5, 50))):
        entries = [entry_of(each, offset_minutes) for each in at_once]
        for key, delta in history_deltas(entries, offset_minutes).items():
            if key.account_path != PARENT:
                continue
            for name, amount in history.head_adds(delta).items():
                head[name] = head.get(name, 0) + amount
        folded = history.fold(head, hours_max)
        if folded is not None:
            head = folded.head
            for month, adds in folded.month_adds.items():
                item = months.setdefault(month, {})
                for name, amount in adds.items():
                    item[name] = item.get(name, 0) + amount
    return head, months


def chunks(postings: list[Posting], size: int) -> Iterator[list[Posting]]:
    for first in range(0, len(postings), size):
        yield postings[first : first + size]


def entry_of(posting: Posting, offset_minutes: int) -> LedgerEntry:
    when, amount, is_below = posting
    line = LedgerLine(0, OWN if is_below else PARENT, "asset", amount, "USD")
    posted_ms = when - offset_minutes * MINUTE
    return LedgerEntry("e", "l", "w", "ik", 1, posted_ms, posted_ms, (line,))


# --- Random worlds --------------------------------------------------------------------------------
def random_postings(rng: Random) -> tuple[list[Posting], list[int]]:
    """Lines, and local moments to ask about: around the lines, at the edges of periods, far off."""
    first_year = rng.choice((1, 2, 999, 1_600, 1_969, 2_023, rng.randrange(3, 8_900)))
    years = rng.choice((0, 0, 1, 5, 1_000, 9_999))
    last_year = min(first_year + years, 9_998)
    low = max(at(first_year), at(1) + DAY)  # an offset must not move it out of year 1
    high = at(last_year + 1)
    count = rng.choice((1, 3, 8, 8, 12, 20)) if rng.random() < 0.997 else 300
    edges = []
    moments = []
    for _ in range(1 + count // 3):
        around = rng.randrange(low, high)
        _, first, end = span_of(around, rng.choice(UNITS))
        edges += [max(first, low), min(end, high) - 1, min(end, high - 1)]
        moments.append(around)
    postings = []
    for _ in range(count):
        when = rng.choice(edges) if rng.random() < 0.6 else rng.randrange(low, high)
        when = min(max(when + rng.choice((0, 0, -1, 1, HOUR, -DAY)), low), high - 1)
        amount = rng.choice((1, -1, 97, -(10**35), 2**120 - 1, rng.randrange(-(10**12), 10**12)))
        postings.append((when, amount, rng.random() < 0.5))
    moments += [when for when, _, _ in postings] + edges
    moments.append(at(9_999) + 5 * HOUR)
    moments.append(at(rng.randrange(1, 9_999), rng.randrange(1, 13)))
    return postings, moments


def checks_of_world(rng: Random) -> int:
    """Compares one random history with its lines; gives the number of comparisons."""
    offset_minutes = rng.choice((0, -480, 330, 345, -570, -720, 840, 15 * rng.randrange(-48, 57)))
    postings, moments = random_postings(rng)
    head, months = made(postings, offset_minutes, rng)
    done = 0
    if len(moments) > 40:
        moments = rng.sample(moments, 40)
    for moment in moments:
        for unit in UNITS:
            text, first, end = span_of(moment, unit)
            period = parse_period(text)
            month = history.month_item_needed(period)
            item = None if month is None else months.get(month)
            found = history.change_in(head, item, period)
            assert found == plain_sum(postings, first, end), (offset_minutes, text, postings)
            done += 1
            if unit != "quarter":
                last = parse_last_moment(text)
                assert history.month_item_needed(last) == month
                assert month is None or not history.is_torn(head, item, month)
                found = history.balance_at(head, item, last)
                assert found == plain_sum(postings, None, end), (offset_minutes, text, postings)
                done += 1
    return done + checks_of_series(rng, postings, moments, head, months)


def checks_of_series(
    rng: Random,
    postings: list[Posting],
    moments: list[int],
    head: Attributes,
    months: dict[int, Attributes],
) -> int:
    """Compares the steps of one …During field with the lines."""
    granularity, unit = rng.choice((("hourly", "hour"), ("daily", "day"), ("monthly", "month")))
    moment = rng.choice(moments)
    if not at(300) < moment < at(9_700):
        return 0
    text, first, _ = span_of(moment, unit)
    duration = rng.choice((1, -1, 24, -24, 40))
    expanded = expand_during(parse_first_moment(text), duration, granularity, 744)
    assert not isinstance(expanded, str)
    needed = {history.month_item_needed(granule) for granule in expanded.granules}
    items = {month: months[month] for month in needed if month in months}
    found = history.changes_in_each(head, items, expanded.granules)
    step = first
    due: list[Sums] = []
    for _ in range(abs(duration)):
        if duration > 0:
            _, begin, end = span_of(step, unit)
            due.append(Sums(*plain_sum(postings, begin, end)))
            step = end
        else:
            _, begin, end = span_of(step - 1, unit)
            due.insert(0, Sums(*plain_sum(postings, begin, end)))
            step = begin
    assert found == due, (text, duration, granularity, postings)
    return len(due)


@pytest.mark.parametrize("part", range(PARTS))
def test_two_million_random_balances_and_changes_are_the_sums_of_their_lines(part: int) -> None:
    rng = Random(f"balance histories {part}")
    checks = 0
    while checks < CHECKS_MIN // PARTS:
        checks += checks_of_world(rng)
    assert checks * PARTS >= CHECKS_MIN
    print(f"{checks} balances and changes compared")
