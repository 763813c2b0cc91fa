"""Posted windows, and what counts as outstanding."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.audits import WindowTally
from shared.ledger.clearing import PostedWindow, is_outstanding, posted_windows, touched_paths
from shared.ledger.identifiers import account_id
from tests.builders import entry, ledger

LEDGER = ledger()
MOMENTS = st.integers(0, 5)
WINDOWS = st.tuples(MOMENTS, MOMENTS).map(lambda two: PostedWindow(min(two), max(two)))
PATHS = ["assets/a", "assets/a/b", "assets/a/b/c", "assets/d"]
POSTINGS = st.lists(st.tuples(st.sampled_from(PATHS), MOMENTS), max_size=8)


def entries_of(postings):
    return [
        entry(LEDGER, str(at), (path, 1), ("income/x", 1), posted_ms=posted_ms)
        for at, (path, posted_ms) in enumerate(postings)
    ]


@given(WINDOWS, WINDOWS)
def test_a_window_that_includes_another_covers_both_and_no_more(one, other):
    both = one.including(other)
    assert both.covers(one)
    assert both.covers(other)
    assert both.earliest_ms in (one.earliest_ms, other.earliest_ms)
    assert both.latest_ms in (one.latest_ms, other.latest_ms)
    assert both.including(one) == both


def test_a_window_covers_what_lies_within():
    window = PostedWindow(2, 4)
    assert window.covers(PostedWindow(2, 4))
    assert not window.covers(PostedWindow(1, 4))
    assert not window.covers(PostedWindow(2, 5))


def test_a_balance_in_any_currency_is_outstanding():
    assert not is_outstanding([])
    assert not is_outstanding([{"r": 3, "o": 0, "c": 0}])
    assert is_outstanding([{"r": 3, "o": 0, "c": 0}, {"r": 1, "o": -1}])
    assert is_outstanding([{"r": 1, "c": 7}])
    assert not is_outstanding([{"r": 2, "o": 5, "c": -5}])
    assert is_outstanding([{"r": 1, "O": 1, "o": 0}])


def test_an_entry_touches_its_accounts_and_those_above():
    made = entry(LEDGER, "ik", ("assets/a/b", 1), ("income/x", 1))
    assert touched_paths([made]) == {
        LEDGER.id: {"assets", "assets/a", "assets/a/b", "income", "income/x"}
    }
    assert touched_paths([]) == {}


@given(POSTINGS, POSTINGS)
def test_windows_of_entries_are_those_that_an_audit_counts_line_by_line(one, other):
    clearing = {"assets/a", "assets/a/b/c"}
    tally = WindowTally()
    for each in entries_of([*one, *other]):
        tally.add(each, clearing)
    first = posted_windows(entries_of(one), {LEDGER.id: clearing})
    second = posted_windows(entries_of(other), {LEDGER.id: clearing})
    merged = {
        account: first.get(account, window).including(second.get(account, window))
        for account, window in {**second, **first}.items()
    }
    assert merged == tally.windows
    assert set(merged) <= {account_id(LEDGER.id, path) for path in clearing}
