"""Where a query starts: inside the range, and nothing is lost or repeated by it."""

from hypothesis import given
from hypothesis import strategies as st

from shared.store.dynamo import start_within

TEXTS = st.text("abc#", min_size=1, max_size=3)
BOUNDS = st.none() | TEXTS


@given(st.lists(TEXTS, unique=True), TEXTS, BOUNDS, BOUNDS, st.booleans())
def test_a_range_from_the_start_gives_what_lies_past_after(
    sorts: list[str], after: str, low: str | None, high: str | None, forward: bool
) -> None:
    inside = [sk for sk in sorts if (low or "") <= sk and (high is None or sk <= high)]
    check(inside, after, start_within(after, "", low, high, forward), forward)
    start, possible = start_within(after, "", low, high, forward)
    if start is not None:
        assert possible
        assert (low or "") <= start
        assert high is None or start <= high
        assert start not in ((high,) if forward else (low,))


@given(st.lists(TEXTS, unique=True), TEXTS, TEXTS, st.booleans())
def test_a_prefix_from_the_start_gives_what_lies_past_after(
    sorts: list[str], after: str, prefix: str, forward: bool
) -> None:
    inside = [sk for sk in sorts if sk.startswith(prefix)]
    start, possible = start_within(after, prefix, None, None, forward)
    check(inside, after, (start, possible), forward)
    assert start is None or start.startswith(prefix)


def check(inside: list[str], after: str, answer: tuple[str | None, bool], forward: bool) -> None:
    """What DynamoDB gives from that start is what was asked."""
    start, possible = answer
    wanted = [sk for sk in inside if (sk > after if forward else sk < after)]
    given_back: list[str] = []
    if possible:
        given_back = [
            sk for sk in inside if start is None or (sk > start if forward else sk < start)
        ]
    assert given_back == wanted
