"""Pages of lists: opaque cursors, page arguments, PageInfo. Pure.

    first, last, after, before ──page_arguments──► PageArguments ──► a search or a table's query
    positions of the first and last node ──page_info──► PageInfo, cursors of the neighbouring pages

A cursor is one version digit, the page size, the time that the page covered and a position, behind
a digest of these and of the list (its name, its owner, its filter): a cursor of another list, of
another filter, or changed on its way is refused. The digest is no secret, so what a cursor says is
held to the bounds of what was given out. A forged one can only name a position in a list that its
bearer may read anyway: whose list it is never comes from the cursor.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from shared.ledger.positions import position_ms
from shared.ledger.rejections import Rejection, reject
from shared.limits import CURSOR_CHARS_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

_FORM = "1"  # version of what a cursor holds
_DIGEST_BYTES = 8
_SPAN_DIGITS_MAX = 15  # of milliseconds from the year 1 to 9999
_READ_CHARS_MAX = CURSOR_CHARS_MAX - 4  # an emptied page gives the cursor back with a blank more


@dataclass(frozen=True, slots=True)
class PageArguments:
    """Which page: past `after`, up to `before`, the last one (`from_end`), or else the first."""

    size: int
    after: str | None = None  # a position
    before: str | None = None  # a position
    from_end: bool = False
    span_ms: int | None = None  # what time the neighbouring page covered, where the list has times

    @property
    def backward(self) -> bool:
        """Whether the page is taken from its end: `more` then means nodes before it."""
        return self.before is not None or self.from_end


@dataclass(frozen=True, slots=True)
class PageInfo:
    """GraphQL's PageInfo. A cursor is None exactly when there is no page on its side."""

    has_next_page: bool
    end_cursor: str | None
    has_previous_page: bool
    start_cursor: str | None


def list_digest(name: str, owner: str, filter_set: Mapping[str, Any] | None = None) -> bytes:
    """What tells one list from another: the field, whose it is (an id), and its filter.

    Members that are null count as absent, so spelling a filter out with nulls keeps its cursors.
    """
    canonical = json.dumps(
        [name, owner, _without_nulls(filter_set)],
        sort_keys=True,
        separators=(",", ":"),
        default=repr,
    )
    return blake2b(canonical.encode(), digest_size=16, person=b"list").digest()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        members = {name: _without_nulls(each) for name, each in value.items()}
        return {name: each for name, each in members.items() if each is not None} or None
    if isinstance(value, (list, tuple)):
        return [_without_nulls(each) for each in value]
    return value


def page_arguments(
    digest: bytes,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> PageArguments | Rejection:
    """Reads a list field's four arguments; None is absent.

    A cursor says which way: `after` the next page, `before` the previous one, whether `first`,
    `last` or neither stands beside it. It also brings the page size: another one is refused, none
    keeps it. Without a cursor `first` begins at the list's start and `last` ends at its end.
    """
    if first is not None and last is not None:
        return reject("bad_request", detail="Give first or last, not both.")
    if after is not None and before is not None:
        return reject("bad_request", detail="Give after or before, not both.")
    size_name = "last" if first is None and last is not None else "first"
    size = last if first is None else first
    if size is not None and not 1 <= size <= PAGE_SIZE_MAX:
        return reject("invalid_page_size", where=size_name, max=PAGE_SIZE_MAX, value=size)
    cursor = before if after is None else after
    if cursor is None:
        return PageArguments(size or PAGE_SIZE_DEFAULT, from_end=last is not None)
    where = "before" if after is None else "after"
    read = _read_cursor(digest, cursor, where)
    if isinstance(read, Rejection):
        return read
    if size is not None and size != read.size:
        detail = f"its pages hold {read.size}, so {size_name} must be {read.size} or absent"
        return reject("invalid_cursor", where=where, detail=detail)
    if after is None:
        return PageArguments(read.size, before=read.position, span_ms=read.span_ms)
    return PageArguments(read.size, after=read.position, span_ms=read.span_ms)


def page_info(
    digest: bytes,
    page: PageArguments,
    first_position: str | None,
    last_position: str | None,
    more: bool,
) -> PageInfo:
    """PageInfo of a page that was read with `page`; the positions are None when it holds no node.

    `more` says whether nodes follow in the direction of reading. On the side that a cursor came
    from there is a page: the one with the cursor's own node.
    """
    assert (first_position is None) == (last_position is None)
    assert first_position is not None or not more
    if page.backward:
        has_next, has_previous = page.before is not None, more
    else:
        has_next, has_previous = more, page.after is not None
    if last_position is None or first_position is None:
        # Nothing here any more: after the start is the page with `before`'s node, and a blank
        # follows `after`'s node before any other.
        first_position = (page.after or "") + " "
        last_position = ""
        span_ms = page.span_ms
    else:
        span_ms = _span_ms(first_position, last_position)
    return PageInfo(
        has_next_page=has_next,
        end_cursor=_cursor(digest, page.size, span_ms, last_position) if has_next else None,
        has_previous_page=has_previous,
        start_cursor=_cursor(digest, page.size, span_ms, first_position) if has_previous else None,
    )


def _span_ms(first_position: str, last_position: str) -> int | None:
    newest, oldest = position_ms(first_position), position_ms(last_position)
    return None if newest is None or oldest is None else max(0, newest - oldest)


# --- Cursors --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Cursor:
    size: int
    span_ms: int | None
    position: str


def _seal(digest: bytes, content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST_BYTES, key=digest).digest()


def _cursor(digest: bytes, size: int, span_ms: int | None, position: str) -> str:
    span = "" if span_ms is None else str(span_ms)
    content = f"{_FORM},{size},{span},{position}".encode()
    text = urlsafe_b64encode(_seal(digest, content) + content).decode().rstrip("=")
    assert len(text) <= CURSOR_CHARS_MAX
    return text


def _read_cursor(digest: bytes, text: str, where: str) -> _Cursor | Rejection:
    """What `_cursor` was given, or invalid_cursor."""
    detail = "it was not given by this list"
    if not text or len(text) > _READ_CHARS_MAX or not text.isascii():
        return reject("invalid_cursor", where=where, detail=detail)
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        return reject("invalid_cursor", where=where, detail=detail)
    seal, content = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
    if seal != _seal(digest, content):
        detail = "it belongs to another list or filter, or was changed"
        return reject("invalid_cursor", where=where, detail=detail)
    if not content.startswith(f"{_FORM},".encode()):
        return reject("invalid_cursor", where=where, detail="it is from another version")
    try:
        return _parse_content(content.decode())
    except ValueError:
        return reject("invalid_cursor", where=where, detail=detail)


def _parse_content(content: str) -> _Cursor:
    """The parts of what a seal covers. Raises ValueError for what `_cursor` never writes."""
    _, size_digits, span_digits, position = content.split(",", 3)
    size = int(size_digits)
    if not 1 <= size <= PAGE_SIZE_MAX:
        raise ValueError(size_digits)
    if not span_digits:
        return _Cursor(size, None, position)
    span_ms = int(span_digits)
    if span_ms < 0 or len(span_digits) > _SPAN_DIGITS_MAX:
        raise ValueError(span_digits)
    return _Cursor(size, span_ms, position)
