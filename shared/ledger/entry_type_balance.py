"""Whether an entry type can balance at all: its amounts added up as symbols, per currency.

    assets - liabilities - income + expenses = 0

Amounts are linear in their parameters, so a type balances for every value exactly when each
currency's sum is zero as a form. Told as wrong is only what is certainly wrong:

    - a sum with an amount unknown until posting (from a Tx, or a balancing line) is left alone;
    - so is one in which repeated lines don't cancel out: how many copies there are is not known;
    - parameterized currencies may turn out to be the same one: where there are several, only the
      sum over all currencies must be zero.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.ledger.accounts import EQUATION_SIGN
from shared.ledger.amounts import parse_int96
from shared.ledger.chart import CurrencyTemplate
from shared.ledger.templates import AmountExpression

Form = dict[str, int]  # parameter -> coefficient; the constant under ""


class BalanceLine(NamedTuple):
    """What one line brings into the equation."""

    account_type: str
    amount: AmountExpression | None  # None: unknown until posting
    currency: CurrencyTemplate | None  # None: not known, because it could not be read
    repeated: str | None


class _Sum:
    """The lines of one currency, or of all."""

    __slots__ = ("forms", "is_unknown")

    def __init__(self) -> None:
        self.forms: dict[
            str | None, Form
        ] = {}  # by array parameter; None: lines that aren't repeated
        self.is_unknown = False

    def add(self, line: BalanceLine, fixed: Mapping[str, str]) -> None:
        """Counts one line with its account type's sign."""
        if line.amount is None:
            self.is_unknown = True
            return
        form = self.forms.setdefault(line.repeated, {})
        sign = EQUATION_SIGN[line.account_type]
        form[""] = form.get("", 0) + sign * line.amount.constant
        for name, coefficient in line.amount.terms:
            value = parse_int96(fixed[name]) if name in fixed else None
            if value is None:
                form[name] = form.get(name, 0) + sign * coefficient
            else:
                form[""] += sign * coefficient * value

    def is_certainly_unbalanced(self) -> bool:
        """Whether no posting could make this sum zero for every value of its parameters."""
        if self.is_unknown:
            return False
        repeated = [form for key, form in self.forms.items() if key is not None]
        if any(any(form.values()) for form in repeated):
            return False
        return any(self.forms.get(None, {}).values())

    def text(self) -> str:
        """What the lines that aren't repeated leave: `{{fee}} - 5`."""
        form = self.forms.get(None, {})
        named = [(f"{{{{{name}}}}}", times) for name, times in form.items() if name]
        parts: list[str] = []
        for name, times in [*named, ("", form.get("", 0))]:
            if times:
                magnitude = "" if name and abs(times) == 1 else str(abs(times))
                operand = f"{magnitude} × {name}" if name and magnitude else magnitude + name
                parts.append(f"{'-' if times < 0 else '+'} {operand}")
        return " ".join(parts).removeprefix("+ ")


def _identity(currency: CurrencyTemplate, fixed: Mapping[str, str]) -> tuple[str, bool]:
    """What tells a currency from others, and whether it is known before posting."""
    if all(name in fixed for name in currency.parameters):
        rendered = currency.render(fixed)
        if not isinstance(rendered, str):
            return rendered.key, True
    custom_id = "" if currency.custom_id is None else f"/{currency.custom_id.text}"
    return currency.code.text + custom_id, False


def balance_problems(lines: Sequence[BalanceLine], fixed: Mapping[str, str]) -> list[str]:
    """What is certainly unbalanced in a type's lines, one text a currency; mostly empty."""
    sums: dict[str, _Sum] = {}
    total = _Sum()
    all_known = True
    for line in lines:
        if line.currency is None:
            return []
        identity, is_known = _identity(line.currency, fixed)
        all_known = all_known and is_known
        sums.setdefault(identity, _Sum()).add(line, fixed)
        total.add(line, fixed)
    if all_known or len(sums) == 1:
        unbalanced = [(name, each) for name, each in sums.items() if each.is_certainly_unbalanced()]
    else:
        unbalanced = [("all currencies", total)] if total.is_certainly_unbalanced() else []
    return [
        f"do not balance in {name}: assets - liabilities - income + expenses leaves {each.text()},"
        " and must leave 0"
        for name, each in unbalanced
    ]
