"""Moments, periods and buckets agree with each other and with the standard library's calendar."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.periods import (
    INSTANT_MAX_MS,
    INSTANT_MIN_MS,
    YEAR_MAX,
    Bucket,
    LastMoment,
    Period,
    civil_from_day,
    day_from_civil,
    days_in_month,
    expand_during,
    format_datetime,
    format_first_moment,
    format_period,
    format_utc_offset,
    local_bucket,
    parse_datetime,
    parse_first_moment,
    parse_last_moment,
    parse_period,
    parse_utc_offset,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.one_of(
    st.integers(INSTANT_MIN_MS, INSTANT_MAX_MS),
    st.sampled_from([INSTANT_MIN_MS, INSTANT_MAX_MS, -1, 0]),
)
offsets = st.integers(-48, 56).map(lambda quarters: quarters * 15)


@st.composite
def periods(draw) -> Period:
    year = draw(st.integers(1, YEAR_MAX))
    unit = draw(st.sampled_from(["year", "quarter", "month", "day", "hour"]))
    if unit == "year":
        return Period("year", year)
    if unit == "quarter":
        return Period("quarter", year, draw(st.sampled_from([1, 4, 7, 10])))
    month = draw(st.integers(1, 12))
    if unit == "month":
        return Period("month", year, month)
    day = draw(st.integers(1, days_in_month(year, month)))
    if unit == "day":
        return Period("day", year, month, day)
    return Period("hour", year, month, day, draw(st.integers(0, 23)))


@given(instants)
def test_an_instant_survives_its_text(ms: int):
    assert parse_datetime(format_datetime(ms)) == ms


@given(instants)
def test_instants_are_printed_as_the_standard_library_does(ms: int):
    expected = EPOCH + timedelta(milliseconds=ms)
    text = expected.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    assert format_datetime(ms) == text


@given(instants, instants)
def test_printed_instants_sort_as_instants_do(a: int, b: int):
    assert (format_datetime(a) < format_datetime(b)) is (a < b)


@given(instants, offsets)
def test_an_offset_in_the_text_moves_the_instant(ms: int, offset: int):
    local = ms + offset * 60_000
    if INSTANT_MIN_MS <= local <= INSTANT_MAX_MS:
        text = format_datetime(local).removesuffix("Z") + format_utc_offset(offset)
        assert parse_datetime(text) == ms


@given(st.integers(-800_000, 3_000_000))
def test_days_and_dates_are_inverse(day: int):
    year, month, of_month = civil_from_day(day)
    assert 1 <= of_month <= days_in_month(year, month)
    assert day_from_civil(year, month, of_month) == day


@given(instants, offsets)
def test_a_bucket_is_the_local_month_and_hour(ms: int, offset: int):
    bucket = local_bucket(ms, offset)
    local_days, rest = divmod(ms + offset * 60_000, 86_400_000)
    year, month, day = civil_from_day(local_days)
    assert bucket == Bucket(year * 100 + month, (day - 1) * 24 + rest // 3_600_000)


@given(instants, instants, offsets)
def test_buckets_sort_as_instants_do(a: int, b: int, offset: int):
    if a <= b:
        assert local_bucket(a, offset) <= local_bucket(b, offset)


@given(offsets)
def test_an_offset_survives_its_text(offset: int):
    assert parse_utc_offset(format_utc_offset(offset)) == offset


@given(periods())
def test_a_period_survives_its_text(period: Period):
    assert parse_period(format_period(period)) == period


@given(periods(), offsets)
def test_a_period_holds_exactly_the_buckets_of_its_instants(period: Period, offset: int):
    first_ms, last_ms = period.instants(offset)
    buckets = period.buckets()
    first = Bucket(buckets.first_month, buckets.first_hour or 0)
    last = local_bucket(last_ms, offset)
    assert local_bucket(first_ms, offset) == first
    assert last.month == buckets.last_month
    assert buckets.last_hour is None or last.hour == buckets.last_hour
    assert local_bucket(first_ms - 1, offset) < first
    assert local_bucket(last_ms + 1, offset) > last


@given(periods(), offsets, st.data())
def test_an_instant_is_in_a_period_exactly_when_its_bucket_is(period: Period, offset: int, data):
    first_ms, last_ms = period.instants(offset)
    around = st.integers(first_ms - 10**8, last_ms + 10**8)
    ms = data.draw(
        st.one_of(around, st.sampled_from([first_ms - 1, first_ms, last_ms, last_ms + 1]))
    )
    bucket = local_bucket(ms, offset)
    buckets = period.buckets()
    in_months = buckets.first_month <= bucket.month <= buckets.last_month
    in_hours = buckets.first_hour is None or buckets.first_hour <= bucket.hour <= buckets.last_hour
    assert (in_months and in_hours) is (first_ms <= ms <= last_ms)


@given(periods().filter(lambda period: period.unit != "quarter"), offsets, st.data())
def test_a_last_moment_counts_exactly_what_is_posted_until_it(period: Period, offset: int, data):
    moment = LastMoment(period)
    last_ms = moment.instant_ms(offset)
    ms = data.draw(st.one_of(instants, st.sampled_from([last_ms, last_ms + 1])))
    month, through_hour = moment.bucket()
    bucket = local_bucket(ms, offset)
    counts = bucket.month < month or (
        bucket.month == month and (through_hour is None or bucket.hour <= through_hour)
    )
    assert counts is (ms <= last_ms)


@given(
    periods(),
    st.integers(-40, 40).filter(bool),
    st.sampled_from(["hourly", "daily", "monthly"]),
    offsets,
)
def test_granules_follow_each_other_without_a_gap(start, duration, granularity, offset):
    moment = parse_first_moment(format_period(start))
    if moment is None:
        return
    during = expand_during(moment, duration, granularity, 40)
    if isinstance(during, str):
        return
    assert len(during.granules) == abs(duration)
    bounds = [granule.instants(offset) for granule in during.granules]
    assert all(one[1] + 1 == following[0] for one, following in pairwise(bounds))
    anchor = moment.instant_ms(offset)
    assert bounds[0][0] == anchor if duration > 0 else bounds[-1][1] + 1 == anchor
    assert (during.start.instant_ms(offset), during.end.instant_ms(offset)) == (
        bounds[0][0],
        bounds[-1][1],
    )
    assert parse_first_moment(format_first_moment(during.start)) == during.start


@given(st.text(alphabet="0123456789-TQ:Z+ ."))
def test_any_text_is_a_period_or_none(text: str):
    for parse in (parse_period, parse_last_moment, parse_first_moment, parse_datetime):
        parse(text)
