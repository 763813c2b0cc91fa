"""Amounts as the API gives them: whole numbers of a currency's smallest unit, exact at any size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.ledger.currencies import Currency


@dataclass(frozen=True, slots=True)
class Unit:
    """A currency: its key, `USD` or `CUSTOM/blue-gems`, and its decimal places."""

    key: str
    precision: int


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units: 250 is 2.50 with two decimal places."""

    amount: int
    precision: int

    def __str__(self) -> str:
        """With the decimal places of its currency: `-0.05`."""
        sign = "-" if self.amount < 0 else ""
        digits = str(abs(self.amount)).rjust(self.precision + 1, "0")
        if self.precision == 0:
            return sign + digits
        return f"{sign}{digits[: -self.precision]}.{digits[-self.precision :]}"


def read_unit(currency: Mapping[str, Any]) -> Unit:
    """A `Currency { code customCurrencyId precision }`."""
    return Unit(Currency(currency["code"], currency["customCurrencyId"]).key, currency["precision"])


Amounts = dict[Unit, int]


def read_amounts(nodes: list[dict[str, Any]]) -> Amounts:
    """Nodes `{ amount currency { code customCurrencyId precision } }`."""
    return {read_unit(node["currency"]): int(node["amount"]) for node in nodes}


def add_amount(amounts: Amounts, unit: Unit, amount: int) -> None:
    """Adds to one currency's sum."""
    amounts[unit] = amounts.get(unit, 0) + amount


def in_order(amounts: Amounts) -> list[tuple[Unit, int]]:
    """By the currencies' keys."""
    return sorted(amounts.items(), key=lambda pair: pair[0].key)
