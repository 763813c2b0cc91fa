"""What `--at` and `--period` mean to the API."""

from cli.failures import CommandFailure
from shared.ledger.periods import (
    DAY_MS,
    HOUR_MS,
    INSTANT_MAX_MS,
    INSTANT_MIN_MS,
    LastMoment,
    Period,
    civil_from_day,
    format_datetime,
    format_last_moment,
    format_period,
    parse_last_moment,
    parse_period,
)


def read_moment(text: str) -> str:
    """`--at`: the end of a year, month, day or hour. Raises CommandFailure."""
    moment = parse_last_moment(text)
    if moment is None:
        raise CommandFailure(f"--at is 2024, 2024-07, 2024-07-21 or 2024-07-21T02, not {text!r}")
    return format_last_moment(moment)


def read_period(text: str) -> Period:
    """`--period`: a year, quarter, month, day or hour. Raises CommandFailure."""
    period = parse_period(text)
    if period is None:
        forms = "2024, 2024-Q3, 2024-07, 2024-07-21 or 2024-07-21T02"
        raise CommandFailure(f"--period is {forms}, not {text!r}")
    return period


def ending_moment(period: Period) -> str:
    """The LastMoment that a period ends with: its own, for a quarter its last month's."""
    if period.unit == "quarter":
        return format_last_moment(LastMoment(Period("month", period.year, period.last_month())))
    return format_period(period)


def starting_moment(period: Period) -> str:
    """The LastMoment just before a period. Raises CommandFailure for the year 0001."""
    before_ms = period.instants(0)[0] - 1
    if before_ms < INSTANT_MIN_MS:
        raise CommandFailure("nothing comes before the year 0001: take a later --period")
    year, month, day = civil_from_day(before_ms // DAY_MS)
    if period.unit == "year":
        before = Period("year", year)
    elif period.unit in ("quarter", "month"):
        before = Period("month", year, month)
    elif period.unit == "day":
        before = Period("day", year, month, day)
    else:
        before = Period("hour", year, month, day, before_ms % DAY_MS // HOUR_MS)
    return format_last_moment(LastMoment(before))


def posted_filter(period: Period, offset_minutes: int) -> dict[str, str]:
    """A DateTimeFilter of the instants of a period in a ledger with this offset, inclusive."""
    first_ms, last_ms = period.instants(offset_minutes)
    return {
        "after": format_datetime(max(first_ms, INSTANT_MIN_MS)),
        "before": format_datetime(min(last_ms, INSTANT_MAX_MS)),
    }
