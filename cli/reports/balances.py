"""Balance sheet, income statement and trial balance: accounts with their amounts -> rows.

    balance sheet     assets and liabilities, total balances at a moment; net assets
    income statement  income and expenses, changes of total balances in a period; net income
    trial balance     every account's own balance at a moment, on its debit or credit side

All are per currency: amounts of different currencies are never added up.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cli.reports.amounts import Amounts, Money, Unit, add_amount, in_order
from cli.reports.rows import Column, Row
from shared.ledger.accounts import ACCOUNT_TYPES, AccountType, line_side

PLURALS: dict[str, str] = {
    "asset": "assets",
    "liability": "liabilities",
    "income": "income",
    "expense": "expenses",
}
assert tuple(PLURALS) == ACCOUNT_TYPES
_ORDER = {kind: place for place, kind in enumerate(PLURALS)}


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a report. `unit` None: it is multi-currency."""

    path: str
    name: str | None
    type: str
    unit: Unit | None
    amounts: Amounts

    def shown_amounts(self, with_zeros: bool) -> list[tuple[Unit, int]]:
        """Its rows. One that nothing was posted to has a zero in its own currency."""
        amounts = self.amounts
        if not amounts and self.unit is not None:
            amounts = {self.unit: 0}
        return [pair for pair in in_order(amounts) if with_zeros or pair[1]]


def sort_accounts(accounts: Iterable[Account]) -> list[Account]:
    """Type by type, as a tree: each account before those below it."""
    return sorted(accounts, key=lambda each: (_ORDER[each.type], each.path.split("/")))


# --- Trees with totals ---------------------------------------------------------------------------
TREE_COLUMNS = (
    Column("row", None),
    Column("type", None),
    Column("path", None),
    Column(None, "Account"),
    Column("name", "Name"),
    Column("currency", "Currency"),
    Column("precision", None),
)


@dataclass(frozen=True, slots=True)
class TreeReport:
    """What tells a balance sheet from an income statement."""

    title: str
    plus: AccountType
    minus: AccountType
    net: str
    amount: Column

    @property
    def columns(self) -> tuple[Column, ...]:
        """The rows' columns."""
        return (*TREE_COLUMNS, self.amount)

    def rows(
        self, accounts: Iterable[Account], depth: int | None = None, with_zeros: bool = True
    ) -> Iterator[Row]:
        """The tree, down to `depth` levels, then the totals. An account counts those below it."""
        ordered = sort_accounts(accounts)
        for account in ordered:
            level = account.path.count("/")
            if depth is not None and level >= depth:
                continue
            label = "  " * level + account.path.rpartition("/")[2]
            for unit, amount in account.shown_amounts(with_zeros):
                yield Row(
                    (
                        "account",
                        account.type,
                        account.path,
                        label,
                        account.name,
                        unit.key,
                        unit.precision,
                        Money(amount, unit.precision),
                    )
                )
        sums = _root_sums(ordered)
        net = _difference(sums[self.plus], sums[self.minus])
        yield from self._totals(f"total {PLURALS[self.plus]}", _padded(sums[self.plus], net))
        yield from self._totals(f"total {PLURALS[self.minus]}", _padded(sums[self.minus], net))
        yield from self._totals(self.net, net)

    def _totals(self, label: str, amounts: Amounts) -> Iterator[Row]:
        for unit, amount in in_order(amounts):
            money = Money(amount, unit.precision)
            cells = (label, None, None, label.capitalize(), None, unit.key, unit.precision, money)
            yield Row(cells, is_total=True)


BALANCE_SHEET = TreeReport(
    "Balance sheet", "asset", "liability", "net assets", Column("balance", "Balance", True)
)
INCOME_STATEMENT = TreeReport(
    "Income statement", "income", "expense", "net income", Column("change", "Change", True)
)


def _root_sums(accounts: list[Account]) -> dict[str, Amounts]:
    """By type, the sums of the accounts that no other one counts."""
    paths = {account.path for account in accounts}
    sums: dict[str, Amounts] = {kind: {} for kind in PLURALS}
    for account in accounts:
        if account.path.rpartition("/")[0] not in paths:
            for unit, amount in account.shown_amounts(with_zeros=True):
                add_amount(sums[account.type], unit, amount)
    return sums


def _difference(plus: Amounts, minus: Amounts) -> Amounts:
    return {unit: plus.get(unit, 0) - minus.get(unit, 0) for unit in plus.keys() | minus.keys()}


def _padded(amounts: Amounts, units: Mapping[Unit, int]) -> Amounts:
    return {unit: amounts.get(unit, 0) for unit in units}


# --- Trial balance -------------------------------------------------------------------------------
TRIAL_BALANCE_COLUMNS = (
    Column("row", None),
    Column("type", "Type"),
    Column("path", "Account"),
    Column("name", "Name"),
    Column("currency", "Currency"),
    Column("precision", None),
    Column("debit", "Debit", True),
    Column("credit", "Credit", True),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The accounting equation of one currency."""

    unit: Unit
    sums: Mapping[str, int]  # of own balances, by type

    @property
    def holds(self) -> bool:
        """Whether assets - liabilities = income - expenses."""
        return self._state == self._change

    @property
    def _state(self) -> int:
        return self.sums["asset"] - self.sums["liability"]

    @property
    def _change(self) -> int:
        return self.sums["income"] - self.sums["expense"]

    def __str__(self) -> str:
        """The equation with its numbers."""
        asset, liability, income, expense, state, change = (
            str(Money(amount, self.unit.precision))
            for amount in (*[self.sums[kind] for kind in PLURALS], self._state, self._change)
        )
        sign = "=" if self.holds else "≠"
        return (
            f"{self.unit.key}: assets {asset} - liabilities {liability} = {state} {sign} "
            f"{change} = income {income} - expenses {expense}"
        )


def trial_balance(accounts: Iterable[Account], with_zeros: bool = True) -> list[Row]:
    """A row for each account and currency, then the totals of both sides."""
    rows = []
    totals: dict[Unit, tuple[int, int]] = {}
    for account in sort_accounts(accounts):
        for unit, amount in account.shown_amounts(with_zeros=True):
            is_debit = line_side(account.type, amount) == "debit"
            debit, credit = (abs(amount), 0) if is_debit else (0, abs(amount))
            debit_sum, credit_sum = totals.get(unit, (0, 0))
            totals[unit] = (debit_sum + debit, credit_sum + credit)
            if amount or with_zeros:
                shown = Money(abs(amount), unit.precision)
                sides = (shown, None) if is_debit else (None, shown)
                kept = ("account", account.type, account.path, account.name)
                rows.append(Row((*kept, unit.key, unit.precision, *sides)))
    for unit, sides_sum in sorted(totals.items(), key=lambda pair: pair[0].key):
        sums = [Money(amount, unit.precision) for amount in sides_sum]
        label = ("total", None, None, None)
        rows.append(Row((*label, unit.key, unit.precision, *sums), is_total=True))
    return rows


def prove(accounts: Iterable[Account]) -> list[Proof]:
    """The accounting equation of each currency, by the own balances of all accounts."""
    sums: dict[Unit, dict[str, int]] = {}
    for account in accounts:
        for unit, amount in account.amounts.items():
            of_unit = sums.setdefault(unit, dict.fromkeys(PLURALS, 0))
            of_unit[account.type] += amount
    return [Proof(unit, of) for unit, of in sorted(sums.items(), key=lambda pair: pair[0].key)]
