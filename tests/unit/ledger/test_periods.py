"""Moments and periods at their edges: the first and last ms of years, months and offsets."""

import pytest

from shared.ledger.periods import (
    INSTANT_MAX_MS,
    INSTANT_MIN_MS,
    Bucket,
    BucketRange,
    day_of,
    days_in_month,
    expand_during,
    format_date,
    format_datetime,
    format_first_moment,
    format_last_moment,
    format_period,
    format_utc_offset,
    local_bucket,
    parse_date,
    parse_datetime,
    parse_first_moment,
    parse_last_moment,
    parse_period,
    parse_period_filter,
    parse_utc_offset,
)


def ms(text: str) -> int:
    parsed = parse_datetime(text)
    assert parsed is not None, text
    return parsed


# --- Instants and days ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("1970-01-01", "1970-01-01T00:00:00.000Z"),
        ("1969-07-16T13:32:00.000Z", "1969-07-16T13:32:00.000Z"),
        ("1234-01-01T01:01:01", "1234-01-01T01:01:01.000Z"),
        ("1968-01-01T16:45:00Z", "1968-01-01T16:45:00.000Z"),
        ("1968-01-01t16:45z", "1968-01-01T16:45:00.000Z"),
        ("1968-01-01 16:45", "1968-01-01T16:45:00.000Z"),
        ("2021-01-01T00:00:00+14:00", "2020-12-31T10:00:00.000Z"),
        ("2021-01-01T00:00:00-0800", "2021-01-01T08:00:00.000Z"),
        ("2021-01-01T00:00:00+05", "2020-12-31T19:00:00.000Z"),
        ("2021-01-01T00:00:00.1Z", "2021-01-01T00:00:00.100Z"),
        ("2021-01-01T00:00:00.123999999Z", "2021-01-01T00:00:00.123Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999Z"),
        ("2000-02-29", "2000-02-29T00:00:00.000Z"),
    ],
)
def test_instants_are_read_and_printed_in_utc(text: str, canonical: str):
    assert format_datetime(ms(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1969",
        "1969-07",
        "1969-7-1",
        "21-01-01",
        "0000-01-01",
        "10000-01-01",
        "2021-00-01",
        "2021-13-01",
        "2021-02-29",
        "1900-02-29",
        "2021-04-31",
        "2021-01-00",
        "2021-01-01T",
        "2021-01-01T04",
        "2021-01-01T24:00:00",
        "2021-01-01T23:60:00",
        "2016-12-31T23:59:60Z",
        "2021-01-01T00:00:00.Z",
        "2021-01-01T00:00:00,5Z",
        "2021-01-01T00:00:00+24:00",
        "2021-01-01T00:00:00+00:60",
        "2021-01-01T00:00:00 Z",
        "2021-01-01Z",
        " 2021-01-01",
        "2021-01-01\n",
        "２０２１-01-01",
        "2021-W01-1",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2021-01-01T00:00:00." + "1" * 100_000,
    ],
)
def test_what_is_no_instant_is_refused(text: str):
    assert parse_datetime(text) is None


def test_instants_span_the_years_one_to_9999():
    assert format_datetime(INSTANT_MIN_MS) == "0001-01-01T00:00:00.000Z"
    assert format_datetime(INSTANT_MAX_MS) == "9999-12-31T23:59:59.999Z"
    with pytest.raises(AssertionError):
        format_datetime(INSTANT_MAX_MS + 1)


def test_dates_are_days_since_the_epoch():
    assert parse_date("1970-01-01") == 0
    assert parse_date("1969-12-31") == -1
    assert parse_date("1969-02-29") is None
    assert parse_date("1969-07-21T00:00:00Z") is None
    assert format_date(day_of(-1)) == "1969-12-31"
    assert format_date(day_of(ms("1969-07-21T23:59:59.999Z"))) == "1969-07-21"


def test_leap_years_follow_the_gregorian_rule():
    assert [days_in_month(year, 2) for year in (1900, 2000, 2023, 2024)] == [28, 29, 28, 29]


@pytest.mark.parametrize(
    "text, minutes",
    [
        ("+00:00", 0),
        ("-08:00", -480),
        ("+05:45", 345),
        ("-03:30", -210),
        ("-12:00", -720),
        ("+14:00", 840),
    ],
)
def test_offsets_are_read_and_printed(text: str, minutes: int):
    assert parse_utc_offset(text) == minutes
    assert format_utc_offset(minutes) == text


def test_minus_zero_is_printed_as_plus_zero():
    assert parse_utc_offset("-00:00") == 0


@pytest.mark.parametrize(
    "text", ["", "Z", "08:00", "+8:00", "+0800", "+08", "+08:10", "-12:15", "+14:15", "+08:00 "]
)
def test_what_is_no_offset_is_refused(text: str):
    assert parse_utc_offset(text) is None


# --- Buckets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "instant, offset, bucket",
    [
        ("1970-01-01T00:00:00.000Z", 0, Bucket(197001, 0)),
        ("1969-12-31T23:59:59.999Z", 0, Bucket(196912, 743)),
        ("2024-02-29T23:00:00Z", 0, Bucket(202402, 695)),
        ("2024-03-01T00:00:00Z", -1 * 60, Bucket(202402, 695)),
        ("1969-02-01T07:59:59.999Z", -8 * 60, Bucket(196901, 743)),
        ("1969-02-01T08:00:00.000Z", -8 * 60, Bucket(196902, 0)),
        ("2021-01-01T00:14:59.999Z", -15, Bucket(202012, 743)),
        ("2021-01-01T00:15:00.000Z", -15, Bucket(202101, 0)),
        ("2021-12-31T18:15:00Z", 345, Bucket(202201, 0)),
        ("0001-01-01T00:00:00Z", -60, Bucket(12, 743)),
        ("9999-12-31T23:59:59.999Z", 60, Bucket(1000001, 0)),
    ],
)
def test_a_line_counts_in_its_ledgers_month_and_hour(instant: str, offset: int, bucket: Bucket):
    assert local_bucket(ms(instant), offset) == bucket


# --- Periods and moments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, buckets, first, last",
    [
        (
            "1969",
            BucketRange(196901, 196912),
            "1969-01-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
        ),
        (
            "1968-Q4",
            BucketRange(196810, 196812),
            "1968-10-01T00:00:00.000Z",
            "1968-12-31T23:59:59.999Z",
        ),
        (
            "2021-Q1",
            BucketRange(202101, 202103),
            "2021-01-01T00:00:00.000Z",
            "2021-03-31T23:59:59.999Z",
        ),
        (
            "2024-02",
            BucketRange(202402, 202402),
            "2024-02-01T00:00:00.000Z",
            "2024-02-29T23:59:59.999Z",
        ),
        (
            "1968-12-25",
            BucketRange(196812, 196812, 576, 599),
            "1968-12-25T00:00:00.000Z",
            "1968-12-25T23:59:59.999Z",
        ),
        (
            "1968-12-31T23",
            BucketRange(196812, 196812, 743, 743),
            "1968-12-31T23:00:00.000Z",
            "1968-12-31T23:59:59.999Z",
        ),
        (
            "9999",
            BucketRange(999901, 999912),
            "9999-01-01T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z",
        ),
    ],
)
def test_periods_have_buckets_and_instants(text: str, buckets: BucketRange, first: str, last: str):
    period = parse_period(text)
    assert period is not None
    assert format_period(period) == text
    assert period.buckets() == buckets
    assert tuple(map(format_datetime, period.instants(0))) == (first, last)


def test_an_offset_moves_a_period_to_the_ledgers_midnights():
    year = parse_period("1969")
    assert year is not None
    first, last = year.instants(-8 * 60)
    assert format_datetime(first) == "1969-01-01T08:00:00.000Z"
    assert format_datetime(last) == "1970-01-01T07:59:59.999Z"


@pytest.mark.parametrize(
    "text, month, through_hour, last",
    [
        ("1969", 196912, None, "1969-12-31T23:59:59.999Z"),
        ("1969-07", 196907, None, "1969-07-31T23:59:59.999Z"),
        ("1969-07-21", 196907, 503, "1969-07-21T23:59:59.999Z"),
        ("1969-07-21T02", 196907, 482, "1969-07-21T02:59:59.999Z"),
    ],
)
def test_a_last_moment_includes_whole_months_and_hours(
    text: str, month: int, through_hour: int | None, last: str
):
    moment = parse_last_moment(text)
    assert moment is not None
    assert moment.bucket() == (month, through_hour)
    assert format_datetime(moment.instant_ms(0)) == last
    assert format_last_moment(moment) == text


def test_the_guides_offset_example_ends_at_8_utc():
    moment = parse_last_moment("1969-01-31")
    assert moment is not None
    assert moment.instant_ms(-8 * 60) == ms("1969-02-01T08:00:00Z") - 1


def test_a_line_is_within_a_last_moment_exactly_until_its_instant():
    moment = parse_last_moment("1969-07-21T02")
    assert moment is not None
    for offset in (-720, -15, 0, 345, 840):
        last = moment.instant_ms(offset)
        assert local_bucket(last, offset) == moment.bucket()
        assert local_bucket(last + 1, offset) == (196907, 483)


@pytest.mark.parametrize("text", ["1969-1-1T00", "1969-01-01T0", "1969-1-01T00"])
def test_months_days_and_hours_may_be_unpadded(text: str):
    moment = parse_first_moment(text)
    assert moment is not None
    assert format_first_moment(moment) == "1969-01-01T00"
    assert moment.instant_ms(0) == ms("1969-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "196",
        "0000",
        "1969-00",
        "1969-13",
        "1969-02-29",
        "1969-01-01T24",
        "1969-01-01T00:00",
        "1969-01-01T00Z",
        "1969-",
        "1969-001",
        "1969-07\n",
        "1969-Q0",
        "1969-Q5",
        "1969Q1",
        "0000-Q1",
        "latest",
    ],
)
def test_what_is_no_period_is_refused(text: str):
    assert parse_period(text) is None
    assert parse_last_moment(text) is None
    assert parse_first_moment(text) is None


def test_a_quarter_is_a_period_and_no_moment():
    assert parse_period("1969-Q1") is not None
    assert parse_last_moment("1969-Q1") is None
    assert parse_first_moment("1969-Q1") is None


@pytest.mark.parametrize(
    "text, accepted",
    [("1969", True), ("1969-07", True), ("1969-Q1", False), ("1969-07-21", False)],
)
def test_a_period_filter_is_a_year_or_a_month(text: str, accepted: bool):
    assert (parse_period_filter(text) is not None) is accepted


# --- …During -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start, duration, granularity, granules",
    [
        ("1969-07-21T23", 2, "hourly", ["1969-07-21T23", "1969-07-22T00"]),
        ("1969-07-21T00", -1, "hourly", ["1969-07-20T23"]),
        ("2024-02-28", 3, "daily", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("1969", -2, "daily", ["1968-12-30", "1968-12-31"]),
        ("1969-1-1T00", -2, "monthly", ["1968-11", "1968-12"]),
        ("1969-12", 2, "monthly", ["1969-12", "1970-01"]),
    ],
)
def test_durations_count_granules_both_ways(
    start: str, duration: int, granularity, granules: list[str]
):
    moment = parse_first_moment(start)
    assert moment is not None
    during = expand_during(moment, duration, granularity, 1000)
    assert not isinstance(during, str)
    assert [format_period(granule) for granule in during.granules] == granules
    assert format_first_moment(during.start) == granules[0]
    assert format_last_moment(during.end) == granules[-1]


@pytest.mark.parametrize(
    "start, duration, granularity, problem",
    [
        ("1969", 0, "daily", "duration must be 1 to 10, or -1 to -10, not 0"),
        ("1969", 11, "daily", "duration must be 1 to 10, or -1 to -10, not 11"),
        ("1969", -(2**31), "daily", "duration must be 1 to 10, or -1 to -10, not -2147483648"),
        (
            "1969-07-21",
            1,
            "monthly",
            "startTime must be the start of a month for monthly granularity, not 1969-07-21",
        ),
        (
            "1969-07-21T05",
            1,
            "daily",
            "startTime must be the start of a day for daily granularity, not 1969-07-21T05",
        ),
        ("0001", -1, "hourly", "the years 0001 to 9999 must hold startTime and duration"),
        ("9999-12-31", 2, "daily", "the years 0001 to 9999 must hold startTime and duration"),
        ("9999-12", 2, "monthly", "the years 0001 to 9999 must hold startTime and duration"),
    ],
)
def test_a_duration_that_makes_no_sense_is_told_why(
    start: str, duration: int, granularity, problem: str
):
    moment = parse_first_moment(start)
    assert moment is not None
    assert expand_during(moment, duration, granularity, 10) == problem
