"""Positions: where a thing stands in a list that shows the newest first.

A position is `<inverted time>#<id>`, plain text that sorts as the list does. DynamoDB's lists
have it as their sort key, the search documents at the end of theirs, cursors carry it: so a list
reads the same from both.
"""

POSTED_MS_MAX = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_DIGITS = 15


def inverted_ms(instant_ms: int) -> str:
    """15 digits that sort newest first; `instant_ms` lies in the years 1 to 9999."""
    inverted = POSTED_MS_MAX - instant_ms
    assert 0 <= inverted <= 999_999_999_999_999
    return f"{inverted:015d}"


def position_of(instant_ms: int, item_id: str) -> str:
    """Where the thing of this id and time stands."""
    return f"{inverted_ms(instant_ms)}#{item_id}"


def position_ms(position: str) -> int | None:
    """The time that a position begins with; None when it holds none (lists in another order)."""
    digits = position[:_DIGITS]
    if len(digits) < _DIGITS or not digits.isascii() or not digits.isdigit():
        return None
    return POSTED_MS_MAX - int(digits)
