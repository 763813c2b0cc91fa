"""Moments, periods and buckets. Instants are integer milliseconds since the Unix epoch, UTC.

    DateTime     an instant            1969-07-16T13:32:00.000Z
    Date         a UTC day             1969-07-21                  (`day`: days since the epoch)
    LastMoment   the last ms of        1969 · 1969-07 · 1969-07-21 · 1969-07-21T02
    FirstMoment  the first ms of       the same forms
    Period       all of                the same forms, and 1969-Q1
    UTCOffset    a ledger's            -08:00                      (minutes)

Moments and periods are ledger-local: an offset says where they lie in UTC. Every day has 24 hours.
Balance history is kept by ledger-local month (yyyymm as an integer) and hour of that month (0 to
743). Instants lie in the years 0001 to 9999 UTC; an offset can move one into a local month of the
year 0 or 10000, whose yyyymm (12 and 1000001) still sort where they belong.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

Unit = Literal["year", "quarter", "month", "day", "hour"]
Granularity = Literal["hourly", "daily", "monthly"]

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
YEAR_MIN = 1
YEAR_MAX = 9999
UTC_OFFSET_MINUTES_MIN = -12 * 60
UTC_OFFSET_MINUTES_MAX = 14 * 60

_EPOCH_SHIFT = 719_468  # days from 0000-03-01 to 1970-01-01
_ERA_DAYS = 146_097  # days of 400 years
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DATETIME_CHARS_MAX = 64

_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?)?",
    re.ASCII,
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_UTC_OFFSET = re.compile(r"([+-])(\d\d):(00|15|30|45)", re.ASCII)
_MOMENT = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2}))?)?)?", re.ASCII)
_QUARTER = re.compile(r"(\d{4})-Q([1-4])", re.ASCII)


# --- The proleptic Gregorian calendar in integers ------------------------------------------------


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _MONTH_DAYS[month - 1]


def day_from_civil(year: int, month: int, day: int) -> int:
    """Days since the epoch. Years are counted from March, so that a leap day ends one."""
    if month <= 2:
        year -= 1
        month += 12
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _ERA_DAYS + day_of_era - _EPOCH_SHIFT


def civil_from_day(day: int) -> tuple[int, int, int]:
    """(year, month, day of the month) of a day since the epoch."""
    era, day_of_era = divmod(day + _EPOCH_SHIFT, _ERA_DAYS)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


INSTANT_MIN_MS = day_from_civil(YEAR_MIN, 1, 1) * DAY_MS
INSTANT_MAX_MS = day_from_civil(YEAR_MAX, 12, 31) * DAY_MS + DAY_MS - 1


# --- Instants and days ---------------------------------------------------------------------------


def _checked_day(year: str, month: str, day: str) -> int | None:
    """The day since the epoch, or None when there is no such date."""
    y, m, d = int(year), int(month), int(day)
    if y < YEAR_MIN or not 1 <= m <= 12 or not 1 <= d <= days_in_month(y, m):
        return None
    return day_from_civil(y, m, d)


def parse_datetime(text: str) -> int | None:
    """The instant in ms, or None. A plain date is its first ms; without a zone it is UTC.

    Digits finer than ms are cut off. No leap seconds, no 24:00; the instant must lie in 0001 to
    9999 UTC.
    """
    found = _DATETIME.fullmatch(text) if len(text) <= _DATETIME_CHARS_MAX else None
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    date = _checked_day(year, month, day)
    if date is None:
        return None
    ms = date * DAY_MS
    if hour is not None:
        if hour > "23" or minute > "59" or (second or "") > "59":
            return None
        ms += int(hour) * HOUR_MS + int(minute) * MINUTE_MS + int(second or 0) * 1000
    if fraction is not None:
        ms += int(fraction[:3].ljust(3, "0"))
    if sign is not None:
        if zone_hour > "23" or (zone_minute or "") > "59":
            return None
        zone = (int(zone_hour) * 60 + int(zone_minute or 0)) * MINUTE_MS
        ms += -zone if sign == "+" else zone
    return ms if INSTANT_MIN_MS <= ms <= INSTANT_MAX_MS else None


@lru_cache(maxsize=4096)
def format_date(day: int) -> str:
    """`1969-07-21` for a day since the epoch."""
    year, month, day_of_month = civil_from_day(day)
    return f"{year:04d}-{month:02d}-{day_of_month:02d}"


def parse_date(text: str) -> int | None:
    """The day since the epoch, or None."""
    found = _DATE.fullmatch(text)
    return None if found is None else _checked_day(*found.groups())


def day_of(ms: int) -> int:
    """The UTC day since the epoch that an instant lies in."""
    return ms // DAY_MS


def format_datetime(ms: int) -> str:
    """`1969-07-16T13:32:00.000Z`."""
    assert INSTANT_MIN_MS <= ms <= INSTANT_MAX_MS, "an instant out of range was let through"
    day, rest = divmod(ms, DAY_MS)
    seconds, rest = divmod(rest, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{format_date(day)}T{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{rest:03d}Z"


def parse_utc_offset(text: str) -> int | None:
    """Minutes east of UTC, -12:00 to +14:00, by the quarter hour; None for anything else."""
    found = _UTC_OFFSET.fullmatch(text)
    if found is None:
        return None
    minutes = int(found.group(2)) * 60 + int(found.group(3))
    if found.group(1) == "-":
        minutes = -minutes
    return minutes if UTC_OFFSET_MINUTES_MIN <= minutes <= UTC_OFFSET_MINUTES_MAX else None


def format_utc_offset(offset_minutes: int) -> str:
    """`-08:00`, `+05:45`, `+00:00`."""
    assert UTC_OFFSET_MINUTES_MIN <= offset_minutes <= UTC_OFFSET_MINUTES_MAX
    hours, minutes = divmod(abs(offset_minutes), 60)
    return f"{'-' if offset_minutes < 0 else '+'}{hours:02d}:{minutes:02d}"


# --- Buckets -------------------------------------------------------------------------------------


class Bucket(NamedTuple):
    """Where a line counts in a balance history."""

    month: int  # yyyymm
    hour: int  # of the month, from 0


@lru_cache(maxsize=8192)
def _bucket_of_hour(hour: int) -> Bucket:
    """The bucket of an hour since the epoch, ledger-local. Entries come in runs of few hours."""
    day, hour_of_day = divmod(hour, 24)
    year, month, day_of_month = civil_from_day(day)
    return Bucket(year * 100 + month, (day_of_month - 1) * 24 + hour_of_day)


def local_bucket(posted_ms: int, offset_minutes: int) -> Bucket:
    """The ledger-local month and hour of the month that `posted_ms` lies in."""
    return _bucket_of_hour((posted_ms + offset_minutes * MINUTE_MS) // HOUR_MS)


@dataclass(frozen=True, slots=True)
class BucketRange:
    """What a period is made of: whole months, or (first_month == last_month) some hours of one."""

    first_month: int  # yyyymm
    last_month: int
    first_hour: int | None = None  # None: whole months
    last_hour: int | None = None


# --- Periods and moments -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """A year, quarter, month, day or hour; what is finer than the unit stands at its first."""

    unit: Unit
    year: int
    month: int = 1  # a quarter's first
    day: int = 1
    hour: int = 0

    def last_month(self) -> int:
        """The number of the month that the period ends in."""
        if self.unit == "year":
            return 12
        return self.month + 2 if self.unit == "quarter" else self.month

    def buckets(self) -> BucketRange:
        """The months, or the hours of one month, that the period is made of."""
        first = self.year * 100 + self.month
        if self.unit == "day" or self.unit == "hour":
            hour = (self.day - 1) * 24 + self.hour
            return BucketRange(first, first, hour, hour + 23 if self.unit == "day" else hour)
        return BucketRange(first, self.year * 100 + self.last_month())

    def instants(self, offset_minutes: int) -> tuple[int, int]:
        """First and last ms of the period in UTC, for a ledger with this offset."""
        shift = offset_minutes * MINUTE_MS
        first_ms = day_from_civil(self.year, self.month, self.day) * DAY_MS + self.hour * HOUR_MS
        if self.unit == "hour":
            end_ms = first_ms + HOUR_MS
        elif self.unit == "day":
            end_ms = first_ms + DAY_MS
        else:
            month = self.last_month()
            last_day = day_from_civil(self.year, month, days_in_month(self.year, month))
            end_ms = (last_day + 1) * DAY_MS
        return first_ms - shift, end_ms - 1 - shift


@dataclass(frozen=True, slots=True)
class LastMoment:
    """The last ms of a year, month, day or hour."""

    period: Period

    def bucket(self) -> tuple[int, int | None]:
        """(month, through_hour): all months before count, and this one through that hour.

        None as the hour: the whole month.
        """
        buckets = self.period.buckets()
        return buckets.last_month, buckets.last_hour

    def instant_ms(self, offset_minutes: int) -> int:
        """The moment in UTC, for a ledger with this offset."""
        return self.period.instants(offset_minutes)[1]


@dataclass(frozen=True, slots=True)
class FirstMoment:
    """The first ms of a year, month, day or hour."""

    period: Period

    def instant_ms(self, offset_minutes: int) -> int:
        """The moment in UTC, for a ledger with this offset."""
        return self.period.instants(offset_minutes)[0]


def _parse_moment(text: str) -> Period | None:
    """A year, month, day or hour; months, days and hours may be unpadded."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour = (None if part is None else int(part) for part in found.groups())
    if year is None or year < YEAR_MIN:
        return None
    if month is None:
        return Period("year", year)
    if not 1 <= month <= 12:
        return None
    if day is None:
        return Period("month", year, month)
    if not 1 <= day <= days_in_month(year, month):
        return None
    if hour is None:
        return Period("day", year, month, day)
    return Period("hour", year, month, day, hour) if hour <= 23 else None


def parse_last_moment(text: str) -> LastMoment | None:
    """`1969`, `1969-07`, `1969-07-21`, `1969-07-21T02`; None for anything else."""
    period = _parse_moment(text)
    return None if period is None else LastMoment(period)


def parse_first_moment(text: str) -> FirstMoment | None:
    """The forms of a LastMoment; None for anything else."""
    period = _parse_moment(text)
    return None if period is None else FirstMoment(period)


def parse_period(text: str) -> Period | None:
    """The forms of a LastMoment, or a quarter, `1969-Q1`; None for anything else."""
    found = _QUARTER.fullmatch(text)
    if found is None:
        return _parse_moment(text)
    year = int(found.group(1))
    return Period("quarter", year, int(found.group(2)) * 3 - 2) if year >= YEAR_MIN else None


def parse_period_filter(text: str) -> Period | None:
    """A year or a month; None for anything else."""
    period = _parse_moment(text)
    return period if period is not None and period.unit in ("year", "month") else None


def format_period(period: Period) -> str:
    """`1969`, `1969-Q3`, `1969-07`, `1969-07-21` or `1969-07-21T02`, by the period's unit."""
    if period.unit == "year":
        return f"{period.year:04d}"
    if period.unit == "quarter":
        return f"{period.year:04d}-Q{(period.month + 2) // 3}"
    text = f"{period.year:04d}-{period.month:02d}"
    if period.unit == "month":
        return text
    text += f"-{period.day:02d}"
    return text if period.unit == "day" else f"{text}T{period.hour:02d}"


def format_last_moment(moment: LastMoment) -> str:
    """In the form of its unit: `1969-07` ends with July."""
    return format_period(moment.period)


def format_first_moment(moment: FirstMoment) -> str:
    """In the form of its unit: `1969-07` begins with July."""
    return format_period(moment.period)


# --- …During fields ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class During:
    """The granules of a …During field, in order of time, and the moments that enclose them."""

    granularity: Granularity
    granules: tuple[Period, ...]  # at least one
    start: FirstMoment
    end: LastMoment


def _granule(granularity: Granularity, index: int) -> Period:
    """The granule at `index`: months from the year 0, days or hours since the epoch."""
    if granularity == "monthly":
        return Period("month", index // 12, index % 12 + 1)
    if granularity == "daily":
        return Period("day", *civil_from_day(index))
    return Period("hour", *civil_from_day(index // 24), index % 24)


def _granule_index(granularity: Granularity, start: Period) -> int | None:
    """The index of the granule that begins at `start`; None when none begins there."""
    if granularity == "monthly":
        return start.year * 12 + start.month - 1 if start.day == 1 and start.hour == 0 else None
    day = day_from_civil(start.year, start.month, start.day)
    if granularity == "daily":
        return day if start.hour == 0 else None
    return day * 24 + start.hour


def expand_during(
    start: FirstMoment, duration: int, granularity: Granularity, granules_max: int
) -> During | str:
    """`duration` granules from `start` on, or, if negative, as many that end just before it.

    Gives a problem text when the duration is zero or too long, when no granule begins at `start`,
    or when they leave the years 0001 to 9999.
    """
    if duration == 0 or abs(duration) > granules_max:
        return f"duration must be 1 to {granules_max}, or -1 to -{granules_max}, not {duration}"
    index = _granule_index(granularity, start.period)
    if index is None:
        unit = "month" if granularity == "monthly" else "day"
        shown = format_first_moment(start)
        return f"startTime must be the start of a {unit} for {granularity} granularity, not {shown}"
    first = min(index, index + duration)
    granules = tuple([_granule(granularity, first + at) for at in range(abs(duration))])
    if granules[0].year < YEAR_MIN or granules[-1].year > YEAR_MAX:
        return "the years 0001 to 9999 must hold startTime and duration"
    return During(granularity, granules, FirstMoment(granules[0]), LastMoment(granules[-1]))
