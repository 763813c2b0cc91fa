"""Cursors, page arguments and PageInfo."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from read_service.connections import (
    PageArguments,
    PageInfo,
    _seal,
    list_digest,
    page_arguments,
    page_info,
)
from shared.ledger.periods import parse_period_filter
from shared.ledger.positions import position_of
from shared.ledger.rejections import Rejection
from shared.limits import CURSOR_CHARS_MAX

ENTRIES = list_digest("Ledger.ledgerEntries", "ledger-1", {"type": {"equalTo": "fund"}})
NEW, MIDDLE, OLD = (position_of(ms, "e" * 32) for ms in (9_000, 5_000, 1_000))


def read(
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> PageArguments:
    found = page_arguments(ENTRIES, first, last, after, before)
    assert isinstance(found, PageArguments), found
    return found


def refused(
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    digest: bytes = ENTRIES,
) -> Rejection:
    found = page_arguments(digest, first, last, after, before)
    assert isinstance(found, Rejection), found
    return found


def middle_page(size: int = 2) -> PageInfo:
    """PageInfo of a page that has neighbours on both sides."""
    return page_info(ENTRIES, PageArguments(size, after=NEW), MIDDLE, OLD, more=True)


# --- Arguments ------------------------------------------------------------------------------------
def test_a_page_has_20_nodes_unless_asked_otherwise() -> None:
    assert read() == PageArguments(20)
    assert read(first=3) == PageArguments(3)
    assert read(last=3) == PageArguments(3, from_end=True)
    assert read(first=200) == PageArguments(200)


@pytest.mark.parametrize("size", [0, -1, 201, 2**31 - 1])
@pytest.mark.parametrize("name", ["first", "last"])
def test_a_page_size_has_bounds(size: int, name: str) -> None:
    first, last = (size, None) if name == "first" else (None, size)
    found = refused(first, last)
    assert found.code == "invalid_page_size"
    assert found.message == f"{name} must be between 1 and 200, not {size}."


def test_only_one_of_first_and_last_and_one_of_after_and_before_is_taken() -> None:
    cursor = middle_page().end_cursor
    assert refused(first=1, last=1).code == "bad_request"
    assert refused(after=cursor, before=cursor).code == "bad_request"


def test_a_cursor_says_the_page_size_whichever_argument_stands_beside_it() -> None:
    info = middle_page(7)
    after, before = info.end_cursor, info.start_cursor
    forward = PageArguments(7, after=OLD, span_ms=4_000)
    backward = PageArguments(7, before=MIDDLE, span_ms=4_000)
    for first, last in ((None, None), (7, None), (None, 7)):
        assert read(first, last, after=after) == forward
        assert read(first, last, before=before) == backward


def test_another_page_size_than_the_cursors_is_refused() -> None:
    found = refused(first=8, after=middle_page(7).end_cursor)
    assert found.code == "invalid_cursor"
    assert found.message == (
        "after is not a cursor of this list: its pages hold 7, so first must be 7 or absent."
    )
    assert refused(last=8, before=middle_page(7).start_cursor).message.startswith("before")


# --- PageInfo -------------------------------------------------------------------------------------
def test_the_only_page_has_no_cursors() -> None:
    assert page_info(ENTRIES, PageArguments(2), NEW, OLD, more=False) == PageInfo(
        False, None, False, None
    )
    assert page_info(ENTRIES, PageArguments(2), None, None, more=False) == PageInfo(
        False, None, False, None
    )


def test_the_first_page_has_no_start_cursor_and_the_last_no_end_cursor() -> None:
    first = page_info(ENTRIES, PageArguments(2), NEW, MIDDLE, more=True)
    assert (first.has_previous_page, first.start_cursor) == (False, None)
    assert first.has_next_page
    assert read(after=first.end_cursor) == PageArguments(2, after=MIDDLE, span_ms=4_000)

    last = page_info(ENTRIES, PageArguments(2, after=MIDDLE), OLD, OLD, more=False)
    assert (last.has_next_page, last.end_cursor) == (False, None)
    assert last.has_previous_page
    assert read(before=last.start_cursor) == PageArguments(2, before=OLD, span_ms=0)


def test_a_page_read_backward_has_the_page_that_it_came_from_behind_it() -> None:
    page = PageArguments(2, before=OLD)
    first = page_info(ENTRIES, page, NEW, MIDDLE, more=False)
    assert (first.has_previous_page, first.start_cursor) == (False, None)
    assert read(after=first.end_cursor) == PageArguments(2, after=MIDDLE, span_ms=4_000)
    inner = page_info(ENTRIES, page, NEW, MIDDLE, more=True)
    assert read(before=inner.start_cursor) == PageArguments(2, before=NEW, span_ms=4_000)


def test_the_last_page_of_a_list_has_nothing_behind_it() -> None:
    info = page_info(ENTRIES, PageArguments(2, from_end=True), MIDDLE, OLD, more=True)
    assert (info.has_next_page, info.end_cursor) == (False, None)
    assert read(before=info.start_cursor) == PageArguments(2, before=MIDDLE, span_ms=4_000)


def test_from_an_emptied_page_the_way_leads_back_to_the_cursors_own_node() -> None:
    after = page_info(ENTRIES, PageArguments(2, after=MIDDLE), None, None, more=False)
    assert (after.has_next_page, after.end_cursor) == (False, None)
    back = read(before=after.start_cursor)
    assert back.before is not None
    assert MIDDLE < back.before < OLD

    before = page_info(ENTRIES, PageArguments(2, before=MIDDLE), None, None, more=False)
    assert (before.has_previous_page, before.start_cursor) == (False, None)
    assert read(after=before.end_cursor).after == ""


def test_lists_without_times_carry_no_span() -> None:
    info = page_info(ENTRIES, PageArguments(2), "key\x00a", "key\x00b", more=True)
    assert read(after=info.end_cursor) == PageArguments(2, after="key\x00b")


# --- Cursors --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "other",
    [
        list_digest("LedgerAccount.ledgerEntries", "ledger-1", {"type": {"equalTo": "fund"}}),
        list_digest("Ledger.ledgerEntries", "ledger-2", {"type": {"equalTo": "fund"}}),
        list_digest("Ledger.ledgerEntries", "ledger-1", {"type": {"equalTo": "draw"}}),
        list_digest("Ledger.ledgerEntries", "ledger-1", {"type": {"in": ["fund"]}}),
        list_digest("Ledger.ledgerEntries", "ledger-1"),
    ],
    ids=["field", "owner", "value", "operator", "no filter"],
)
def test_a_cursor_of_another_list_is_refused(other: bytes) -> None:
    found = refused(after=middle_page().end_cursor, digest=other)
    assert found.code == "invalid_cursor"
    assert "another list or filter" in found.message


@pytest.mark.parametrize(
    "same",
    [
        {"type": {"equalTo": "fund"}, "tag": None},
        {"type": {"in": None, "equalTo": "fund"}},
        {"showHidden": None, "type": {"equalTo": "fund"}, "group": {"equalTo": None}},
    ],
)
def test_nulls_spelled_out_keep_the_cursors(same: dict[str, object]) -> None:
    assert list_digest("Ledger.ledgerEntries", "ledger-1", same) == ENTRIES


def test_a_filter_by_period_has_cursors_of_its_own() -> None:
    digests = {
        list_digest("l", "o", {"date": {"within": parse_period_filter(text)}})
        for text in ("1969", "1969-07", "1970")
    }
    assert len(digests) == 3


def test_a_cursor_changed_in_any_byte_is_refused() -> None:
    cursor = middle_page().end_cursor
    assert cursor is not None
    sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        text = urlsafe_b64encode(bytes(changed)).decode().rstrip("=")
        assert refused(after=text).code == "invalid_cursor"
    for length in range(len(cursor)):
        assert refused(after=cursor[:length]).code == "invalid_cursor"


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "====", "not a cursor", "ü", "\x00", "A" * (CURSOR_CHARS_MAX + 1), "A" * 99],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    for found in (refused(after=text), refused(before=text)):
        assert found.code == "invalid_cursor"
        assert not found.retryable


def forged(content: bytes) -> str:
    """A cursor of ENTRIES as anybody could seal it."""
    return urlsafe_b64encode(_seal(ENTRIES, content) + content).decode().rstrip("=")


@pytest.mark.parametrize(
    "content",
    [
        b"1,-10000000,,p",
        b"1,0,,p",
        b"1,201,,p",
        b"1,1000000,,p",
        b"1,a,,p",
        b"1,,,p",
        b"1,1.5,,p",
        b"1," + b"9" * 1_000 + b",,p",
        b"1,20,-1,p",
        b"1,20,1000000000000000,p",
        b"1,20,soon,p",
        b"1,20,",
        b"1,20",
        b"1,",
        b"1",
        b"2,20,,p",
        b"",
        b"\xff",
        b"1,20,,\xff",
    ],
)
def test_a_forged_cursor_that_says_what_none_does_is_refused(content: bytes) -> None:
    for found in (refused(after=forged(content)), refused(before=forged(content))):
        assert found.code == "invalid_cursor"


def test_the_longest_cursor_that_is_read_can_be_given_back_by_an_emptied_page() -> None:
    lengths = []
    for length in range(1, CURSOR_CHARS_MAX):
        cursor = forged(b"1,20,," + b"p" * length)
        if isinstance(page_arguments(ENTRIES, None, None, cursor, None), PageArguments):
            lengths.append(length)
            longest = read(after=cursor)
    assert lengths == list(range(1, lengths[-1] + 1))
    info = page_info(ENTRIES, longest, None, None, more=False)
    assert info.start_cursor is not None
    assert len(info.start_cursor) <= CURSOR_CHARS_MAX
