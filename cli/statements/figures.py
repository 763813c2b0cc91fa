"""Amounts as a bank's file writes them -> whole numbers of a currency's smallest unit, exactly."""

import re
from dataclasses import dataclass
from typing import Literal

from shared.ledger.amounts import in_int96
from shared.limits import FIGURE_CHARS_MAX

DecimalMark = Literal[".", ","]

_GROUPED = {
    mark: re.compile(rf"[0-9]{{1,3}}(?P<group>[{other} '’\u00a0\u202f])[0-9]{{3}}"
                     rf"(?:(?P=group)[0-9]{{3}})*(?:{re.escape(mark)}[0-9]*)?")
    for mark, other in ((".", ","), (",", "."))
}  # fmt: skip
_PLAIN = {
    mark: re.compile(rf"[0-9]+(?:{re.escape(mark)}[0-9]*)?|{re.escape(mark)}[0-9]+")
    for mark in (".", ",")
}
_MINUS_SIGNS = "-−"  # the hyphen and the real minus sign


@dataclass(frozen=True, slots=True)
class Figure:
    """A decimal number: `digits` with the last `places` of them behind the mark."""

    digits: int
    places: int

    def negated(self) -> "Figure":
        """The same below zero."""
        return Figure(-self.digits, self.places)


def parse_figure(text: str, mark: DecimalMark = ".") -> Figure | str:
    """The number that `text` spells, or what is wrong with it.

    A sign may stand before or behind, or parentheses around a negative one. Thousands may be set
    apart by the other mark, a space or an apostrophe, if that is done throughout.
    """
    body = text.strip()
    problem = f"{text.strip()[:FIGURE_CHARS_MAX]!r} is not an amount with the decimal mark {mark!r}"
    if len(body) > FIGURE_CHARS_MAX:
        return problem
    is_negative = False
    if body.startswith("(") and body.endswith(")"):
        is_negative, body = True, body[1:-1].strip()
    elif body and body[0] in f"{_MINUS_SIGNS}+":
        is_negative, body = body[0] != "+", body[1:].strip()
    elif body and body[-1] in f"{_MINUS_SIGNS}+":
        is_negative, body = body[-1] != "+", body[:-1].strip()
    if not _PLAIN[mark].fullmatch(body) and not _GROUPED[mark].fullmatch(body):
        return problem
    whole, _, fraction = body.partition(mark)
    digits = int("".join([each for each in whole + fraction if each in "0123456789"]))
    return Figure(-digits if is_negative else digits, len(fraction))


def minor_units(figure: Figure, precision: int) -> int | str:
    """The amount in minor units, or what is wrong with it. Nothing is ever rounded."""
    if figure.places <= precision:
        amount = figure.digits * 10 ** (precision - figure.places)
    else:
        scale = 10 ** (figure.places - precision)
        whole, rest = divmod(abs(figure.digits), scale)
        if rest:
            return f"the amount has more than {precision} decimal places"
        amount = whole if figure.digits >= 0 else -whole
    return amount if in_int96(amount) else "the amount is too large"
