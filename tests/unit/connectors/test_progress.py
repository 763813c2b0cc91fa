"""A round goes back in time; the next one begins where it began, and a little before."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.progress import (
    Progress,
    Round,
    again,
    backoff_ms,
    begun,
    failed,
    finished,
    progress_from_record,
    progress_record,
    rested,
    resumed,
    stopped,
    with_page,
)
from connectors.sources import Refusal, SourcePage, SourceTransaction
from shared.limits import (
    LINK_BACKOFF_MS_MAX,
    LINK_OVERLAP_S,
    LINK_REFUSALS_KEPT_MAX,
    LINK_REST_PAGES,
    LINK_TROUBLE_CHARS_MAX,
)

SECONDS = st.none() | st.integers(0, 2**33)
ROUNDS = st.none() | st.builds(
    Round,
    SECONDS,
    SECONDS,
    SECONDS,
    st.none() | st.text(max_size=9),
    st.integers(0, 9),
    st.integers(0, 9),
)
REFUSALS = st.lists(st.builds(Refusal, st.text(max_size=5), st.text(max_size=5)), max_size=3)
PROGRESSES = st.builds(
    Progress,
    status=st.sampled_from(["new", "syncing", "idle", "waiting", "stopped"]),
    high_s=SECONDS,
    round=ROUNDS,
    resting=ROUNDS,
    synced=st.integers(0, 9),
    rounds=st.integers(0, 9),
    finished_ms=SECONDS,
    failures=st.integers(0, 99),
    trouble=st.text(max_size=9),
    refusals=REFUSALS.map(tuple),
    refused=st.integers(0, 9),
)


def page(*created_s: int, after: str | None = None) -> SourcePage:
    return SourcePage(tuple(SourceTransaction(f"t{n}", n, ()) for n in created_s), (), after)


@given(PROGRESSES)
def test_a_progress_survives_its_record(progress: Progress) -> None:
    assert progress_from_record(progress_record(progress)) == progress


def test_a_round_ends_at_the_newest_that_it_saw() -> None:
    progress = begun(Progress())
    assert progress.round == Round(None)
    progress = with_page(progress, page(90, 80, after="t80"), 2, ())
    progress = with_page(progress, page(95, 70), 1, ())  # one that was listed out of its order
    assert progress.round == Round(None, 95, 70, None, 4, 2)
    done = finished(progress, 1_000)
    assert (done.status, done.high_s, done.round, done.synced) == ("idle", 95, None, 3)
    assert begun(done).round == Round(95 - LINK_OVERLAP_S)


def test_a_round_that_found_nothing_leaves_the_mark_where_it_was() -> None:
    before = replace(Progress(), high_s=50)
    assert finished(with_page(begun(before), page(), 0, ()), 1).high_s == 50
    assert finished(with_page(begun(before), page(40), 0, ()), 1).high_s == 50


def test_a_round_that_was_left_goes_on() -> None:
    progress = with_page(begun(Progress()), page(9, after="t9"), 1, ())
    for change in (lambda p: failed(p, "x"), lambda p: stopped(p, "x"), resumed):
        assert begun(change(progress)).round == progress.round


def test_all_or_some_of_it_can_be_read_again() -> None:
    progress = stopped(replace(Progress(), high_s=50, rounds=2, refused=1), "x")
    anew = again(progress, -9_000)
    assert (anew.status, anew.round, anew.refused, anew.trouble) == ("idle", Round(-9_000), 0, "")
    assert finished(with_page(begun(anew), page(20), 0, ()), 1).high_s == 50
    assert begun(again(progress, None)).round == Round(None)


def test_reading_again_leaves_nothing_out_that_would_have_been_read() -> None:
    whole = begun(Progress())
    assert begun(again(whole, 10)).round == Round(None)  # its history isn't there yet
    behind = replace(Progress(), high_s=5_000, rounds=1)
    assert begun(again(behind, 9_000)).round == Round(5_000 - LINK_OVERLAP_S)


def test_a_long_round_rests_for_a_short_one_and_goes_on() -> None:
    progress = begun(Progress())
    for number in range(LINK_REST_PAGES):
        assert rested(progress) == progress
        progress = with_page(progress, page(5_000 - number, after=f"t{number}"), 1, ())
    long = progress.round
    progress = rested(progress)
    assert progress.round == Round(5_000 - LINK_OVERLAP_S)
    assert progress.resting == long
    progress = with_page(progress, page(5_010), 1, ())
    progress = finished(progress, 1)
    assert long is not None
    assert (progress.round, progress.resting) == (replace(long, newest_s=5_010), None)
    assert (progress.status, progress.high_s, progress.rounds) == ("syncing", None, 0)
    done = finished(with_page(progress, page(1), 1, ()), 2)
    assert (done.status, done.high_s, done.rounds) == ("idle", 5_010, 1)


@settings(max_examples=30)
@given(data=st.data())
def test_every_transaction_is_seen_whatever_comes_in_between(data: st.DataObject) -> None:
    """Pages of two, deaths before a page is noted, arrivals on top and late ones, all mixed."""
    now_s = 10_000
    listed = [(now_s - data.draw(st.integers(0, 3_000)), n) for n in range(12)]
    seen: set[tuple[int, int]] = set()
    progress = Progress()
    with pytest.MonkeyPatch.context() as short:
        short.setattr("connectors.progress.LINK_REST_PAGES", 2)
        for step in range(200):
            if step < 40:
                for _ in range(data.draw(st.integers(0, 1))):
                    now_s += data.draw(st.integers(0, 400))
                    late_s = data.draw(st.integers(0, LINK_OVERLAP_S - 1))
                    listed.append((now_s - late_s, len(listed)))
            progress = begun(progress)
            under_way = progress.round
            assert under_way is not None
            rest = sorted(listed, reverse=True)
            if under_way.after is not None:
                second, number = map(int, under_way.after.split("."))
                rest = [each for each in rest if each < (second, number)]
            rest = [each for each in rest if each[0] >= (under_way.since_s or 0)]
            shown = rest[:2]
            seen.update(shown)
            if step < 40 and data.draw(st.booleans()):
                continue  # it dies before it has noted the page
            after = f"{shown[-1][0]}.{shown[-1][1]}" if len(rest) > 2 else None
            told = tuple(SourceTransaction(str(n), s, ()) for s, n in shown)
            progress = with_page(progress, SourcePage(told, (), after), 0, ())
            progress = finished(progress, step) if after is None else rested(progress)
            if step > 40 and progress.status == "idle" and progress.rounds > 1:
                break
    progress = begun(progress)
    assert progress.round is not None
    since_s = progress.round.since_s or 0
    assert {each for each in listed if each[0] < since_s} <= seen


def test_a_transaction_is_refused_once_and_the_newest_refusals_are_kept() -> None:
    progress = begun(Progress())
    for number in range(LINK_REFUSALS_KEPT_MAX + 5):
        refusal = Refusal(f"t{number}", "no")
        progress = with_page(progress, page(), 0, (refusal,))
        progress = with_page(progress, page(), 0, (refusal,))
    assert progress.refused == LINK_REFUSALS_KEPT_MAX + 5
    assert len(progress.refusals) == LINK_REFUSALS_KEPT_MAX
    assert progress.refusals[-1].id == f"t{LINK_REFUSALS_KEPT_MAX + 4}"


def test_a_page_that_is_written_ends_what_failed() -> None:
    progress = with_page(failed(begun(Progress()), "x" * 999), page(1), 1, ())
    assert (progress.failures, progress.trouble) == (0, "")
    assert len(failed(progress, "x" * 999).trouble) == LINK_TROUBLE_CHARS_MAX


@pytest.mark.parametrize("failures, jitter, expected", [(1, 0, 500), (1, 1, 1_000), (2, 1, 2_000)])
def test_pauses_double(failures: int, jitter: float, expected: int) -> None:
    assert backoff_ms(replace(Progress(), failures=failures), jitter) == expected


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_pauses_are_bounded(failures: int, jitter: float) -> None:
    assert 500 <= backoff_ms(replace(Progress(), failures=failures), jitter) <= LINK_BACKOFF_MS_MAX
