"""Amounts: signed integers in minor units, text at the edges.

FRAGMENT calls the scalar Int96 and documents the range ±(2^120 - 1); the printed number is what
counts. Text is decimal digits with an optional leading minus. Leading zeros are accepted (`007` is
7, `-0` is 0): a decimal number stays what it is. Whitespace, `+`, `_`, exponents and points are
not.
"""

INT96_MAX = 2**120 - 1
INT96_MIN = -INT96_MAX

_DIGITS_MAX = 40  # 37 hold INT96_MAX; the rest is room for leading zeros, not for big numbers
_SORTABLE_SHIFT = INT96_MAX + 1
_SORTABLE_DIGITS = len(str(INT96_MAX + _SORTABLE_SHIFT))

assert len(str(INT96_MAX)) <= _DIGITS_MAX


def parse_int96(text: str) -> int | None:
    """The number that `text` spells, or None when it spells none or one out of range."""
    digits = text[1:] if text[:1] == "-" else text
    if len(digits) > _DIGITS_MAX or not digits.isascii() or not digits.isdigit():
        return None
    number = int(text)
    return number if INT96_MIN <= number <= INT96_MAX else None


def in_int96(n: int) -> bool:
    """Whether `n` is within the range of an amount."""
    return INT96_MIN <= n <= INT96_MAX


def format_int96(n: int) -> str:
    """The decimal text of `n`."""
    assert INT96_MIN <= n <= INT96_MAX, "an amount out of range was let through"
    return str(n)


def sortable_int96(n: int) -> str:
    """Text of fixed width that sorts as the numbers do: for ranges over keywords."""
    assert INT96_MIN <= n <= INT96_MAX, "an amount out of range was let through"
    return f"{n + _SORTABLE_SHIFT:0{_SORTABLE_DIGITS}d}"
