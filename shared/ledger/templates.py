"""Parameterized strings and amount expressions: compiled once, filled in cheaply.

    Template          Funding {{user_id}} for {{funding_amount}}.
    AmountExpression  {{funding_amount}} - {{fee_amount}} + 100

A parameter's name is letters, digits, `_` and `-`, not starting with a digit or `-`; inside a
`repeated` line or condition it may be dotted, `{{items.amount}}`: a field of the element. Spaces
within the braces don't count. What is filled in is never read as a template again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from shared.ledger.amounts import in_int96, parse_int96
from shared.limits import AMOUNT_EXPRESSION_CHARS_MAX, AMOUNT_TERMS_MAX

_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_PARAMETER = re.compile(rf"{_NAME}(?:\.{_NAME})?")
_PLAIN_PARAMETER = re.compile(_NAME)
_BRACES = re.compile(r"\{\{([^{}]*)\}\}")
_SIGN = re.compile(r" *([+-]) *")
_OPERAND = re.compile(r" *(?:([0-9]+)|\{\{([^{}]*)\}\}) *")
_SHOWN_CHARS_MAX = 40


def parameter_name_problem(text: str) -> str | None:
    """Why `text` is no parameter's name (dotted ones aren't), or None when it is."""
    if _PLAIN_PARAMETER.fullmatch(text) is not None:
        return None
    return "a parameter's name: letters, digits, _ and -, not starting with a digit or -"


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled ParameterizedString: fixed parts (`literals`) around placeholders, in order."""

    text: str  # without spaces within braces
    literals: tuple[str, ...] = field(compare=False)
    placeholders: tuple[str, ...] = field(compare=False)  # a name for each, repeats included
    parameters: tuple[str, ...] = field(compare=False)  # each once, in order of appearance
    _form: str = field(repr=False, compare=False)
    _values: Callable[[Any], Any] | None = field(repr=False, compare=False)

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to fill in."""
        return self._values is None

    def render(self, parameters: Mapping[str, str]) -> str:
        """The text with every parameter filled in. A missing one is our mistake: KeyError."""
        if self._values is None:
            return self.text
        rendered: str = self._form % self._values(parameters)
        return rendered


def _make_template(literals: list[str], placeholders: list[str]) -> Template:
    text = literals[0]
    form = literals[0].replace("%", "%%")
    for name, literal in zip(placeholders, literals[1:], strict=True):
        text += f"{{{{{name}}}}}{literal}"
        form += "%s" + literal.replace("%", "%%")
    values = itemgetter(*placeholders) if placeholders else None
    parameters = tuple(dict.fromkeys(placeholders))
    return Template(text, tuple(literals), tuple(placeholders), parameters, form, values)


def literal_template(text: str) -> Template:
    """The template that is `text` itself, whatever braces stand in it."""
    return _make_template([text], [])


def _placeholder_problem(at: int, inner: str | None) -> str:
    """What is wrong with braces that open at `at`; `inner` is what they hold, None if unclosed."""
    rule = "{{ must be followed by a parameter's name (letters, digits, _ and -) and }}"
    if inner is None:
        return f"at character {at + 1}: {rule}"
    return f"at character {at + 1}: {rule}, not {inner.strip(' ')[:_SHOWN_CHARS_MAX]!r}"


def parse_template(text: str) -> Template | str:
    """The template that `text` spells, or a problem text: where, and what would be right."""
    literals: list[str] = []
    placeholders: list[str] = []
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        found = _BRACES.match(text, opening)
        if found is None:
            return _placeholder_problem(opening, None)
        name = found.group(1).strip(" ")
        if _PARAMETER.fullmatch(name) is None:
            return _placeholder_problem(opening, name)
        literals.append(text[at:opening])
        placeholders.append(name)
        at = found.end()
    literals.append(text[at:])
    return _make_template(literals, placeholders)


@dataclass(frozen=True, slots=True)
class AmountExpression:
    """A sum of integers and parameters: `constant` + Σ coefficient × parameter."""

    text: str
    parameters: tuple[str, ...]  # each once, in order of appearance, also those that cancel out
    terms: tuple[tuple[str, int], ...]  # (parameter, coefficient), none of them zero
    constant: int

    def evaluate(self, parameters: Mapping[str, int]) -> int:
        """The amount, not yet checked against Int96. A missing parameter is our mistake."""
        amount = self.constant
        for name, coefficient in self.terms:
            amount += coefficient * parameters[name]
        return amount


def _operand_problem(text: str, at: int) -> str:
    shown = text[at : at + _SHOWN_CHARS_MAX].strip()
    where = f"at character {at + 1}" if shown else "at its end"
    found = f", not {shown!r}" if shown else ""
    return f"{where}: expected an integer or a {{{{parameter}}}}{found}"


def parse_amount(text: str) -> AmountExpression | str:
    """The expression that `text` spells, or a problem text: where, and what would be right.

    One sign or none before the first operand, exactly one between two. Coefficients are at most
    AMOUNT_TERMS_MAX, so an evaluated amount stays within a few digits of Int96.
    """
    if len(text) > AMOUNT_EXPRESSION_CHARS_MAX:
        return f"an amount may take at most {AMOUNT_EXPRESSION_CHARS_MAX} characters"
    coefficients: dict[str, int] = {}
    constant = 0
    at = 0
    count = 0
    while at < len(text) or count == 0:
        sign = 1
        signed = _SIGN.match(text, at)
        if signed is not None:
            sign = 1 if signed.group(1) == "+" else -1
            at = signed.end()
        elif count:
            return f"at character {at + 1}: expected + or -, not {text[at : at + 20].strip()!r}"
        operand = _OPERAND.match(text, at)
        if operand is None:
            return _operand_problem(text, at)
        if operand.group(1) is not None:
            number = parse_int96(operand.group(1))
            if number is None:
                return f"at character {at + 1}: the integer is out of the range ±(2^120 - 1)"
            constant += sign * number
        else:
            name = operand.group(2).strip(" ")
            if _PARAMETER.fullmatch(name) is None:
                return _placeholder_problem(at, name)
            coefficients[name] = coefficients.get(name, 0) + sign
        at = operand.end()
        count += 1
        if count > AMOUNT_TERMS_MAX:
            return f"an amount may have at most {AMOUNT_TERMS_MAX} terms"
    if not in_int96(constant):
        return "its integers leave the range ±(2^120 - 1)"
    terms = tuple([(name, times) for name, times in coefficients.items() if times])
    return AmountExpression(text, tuple(coefficients), terms, constant)
