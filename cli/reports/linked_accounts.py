"""Linked Ledger Accounts and the Txs of their External Accounts -> rows.

    unreconciled    Txs that no entry accounts for, how old they are, and their sums by age
    reconciliation  accounts whose own balance isn't the sum of the Txs, and the Txs that explain it

All are per account and currency: amounts of different currencies are never added up.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.reports.amounts import Amounts, Money, Unit, add_amount, in_order, read_unit
from cli.reports.rows import Column, Row
from shared.ledger.periods import DAY_MS, parse_datetime

AGES_DEFAULT = (7, 30, 90)


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """A Linked Ledger Account. `external_id` None: its External Account isn't there yet."""

    id: str
    path: str
    unit: Unit | None
    own: Amounts
    external_account_id: str | None
    external_id: str | None


@dataclass(frozen=True, slots=True)
class ReportTx:
    """A Tx of an External Account."""

    id: str
    external_id: str
    posted: str
    posted_ms: int
    description: str
    amount: int
    unit: Unit


def read_tx(node: Mapping[str, Any]) -> ReportTx:
    """A Tx `{ id externalId posted description amount currency { … } }`."""
    posted_ms = parse_datetime(node["posted"])
    assert posted_ms is not None, "the API writes moments"
    return ReportTx(
        node["id"],
        node["externalId"],
        node["posted"],
        posted_ms,
        node["description"],
        int(node["amount"]),
        read_unit(node["currency"]),
    )


# --- Unreconciled Txs ----------------------------------------------------------------------------
UNRECONCILED_COLUMNS = (
    Column("row", None),
    Column("path", "Account"),
    Column("external_account_id", "External account"),
    Column("age", "Age"),
    Column("days", "Days", True),
    Column("posted", "Posted"),
    Column("tx_id", None),
    Column("external_id", "External id"),
    Column("description", "Description"),
    Column("currency", "Currency"),
    Column("precision", None),
    Column("count", "Count", True),
    Column("amount", "Amount", True),
)
_TXS = (None,) * 6  # the cells of one Tx, in a row about several


@dataclass(slots=True)
class _Sums:
    """How many Txs, and what they come to."""

    counts: dict[Unit, int] = field(default_factory=dict)
    amounts: Amounts = field(default_factory=dict)

    def add(self, tx: ReportTx) -> None:
        add_amount(self.counts, tx.unit, 1)
        add_amount(self.amounts, tx.unit, tx.amount)

    def cells(self) -> Iterator[tuple[str, int, int, Money]]:
        """Currency, precision, count and amount, by currency."""
        for unit, amount in in_order(self.amounts):
            yield unit.key, unit.precision, self.counts[unit], Money(amount, unit.precision)


class Unreconciled:
    """The Txs of one account after the other, oldest first; nothing is kept but sums."""

    def __init__(self, now_ms: int, ages: Sequence[int] = AGES_DEFAULT) -> None:
        """`ages`: the last day of each age but the oldest, rising."""
        self._now_ms = now_ms
        self._ages = tuple(ages)
        self._by_age: dict[tuple[str, str | None, int], _Sums] = {}
        self._total = _Sums()

    def tx_row(self, account: LinkedAccount, tx: ReportTx) -> Row:
        """A Tx; whole days since it was posted, none if that is still to come."""
        days = max(0, (self._now_ms - tx.posted_ms) // DAY_MS)
        age = sum(days > last for last in self._ages)
        self._by_age.setdefault((account.path, account.external_id, age), _Sums()).add(tx)
        self._total.add(tx)
        told = (tx.posted, tx.id, tx.external_id, tx.description, tx.unit.key, tx.unit.precision)
        named = ("tx", account.path, account.external_id, self._age(age), days)
        return Row((*named, *told, None, Money(tx.amount, tx.unit.precision)))

    def sum_rows(self) -> Iterator[Row]:
        """Each account's ages, the oldest first; then everything."""
        order = sorted(self._by_age, key=lambda key: (key[0].split("/"), -key[2]))
        for path, external_id, age in order:
            for cells in self._by_age[path, external_id, age].cells():
                unit, amounts = cells[:2], cells[2:]
                named = ("age", path, external_id, self._age(age))
                yield Row((*named, *_TXS[:5], *unit, *amounts), is_total=True)
        for cells in self._total.cells():
            yield Row(("total", "Total", None, None, *_TXS[:5], *cells), is_total=True)

    def _age(self, place: int) -> str:
        if not self._ages:
            return "any age"
        if place == len(self._ages):
            return f"over {self._ages[-1]} days"
        first = 0 if place == 0 else self._ages[place - 1] + 1
        return f"{first} to {self._ages[place]} days"


# --- Balances and Txs ----------------------------------------------------------------------------
RECONCILIATION_COLUMNS = (
    Column("row", None),
    Column("path", "Account"),
    Column("external_account_id", "External account"),
    Column("currency", "Currency"),
    Column("precision", None),
    Column("ledger_balance", "Ledger", True),
    Column("txs_sum", "Txs", True),
    Column("difference", "Difference", True),
    Column("unreconciled_sum", "Unreconciled", True),
    Column("unexplained", "Unexplained", True),
    Column("posted", "Posted"),
    Column("tx_id", None),
    Column("external_id", "External id"),
    Column("description", "Description"),
    Column("amount", "Amount", True),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One account beside its Txs."""

    account: LinkedAccount
    txs: Amounts
    unreconciled: Sequence[ReportTx]  # oldest first

    def rows(self, with_equal: bool) -> Iterator[Row]:
        """For each currency the amounts, then the Txs that explain how they differ."""
        for unit, (ledger, txs, unreconciled) in sorted(
            self._sums().items(), key=lambda pair: pair[0].key
        ):
            difference = txs - ledger
            own = [each for each in self.unreconciled if each.unit == unit]
            if not (with_equal or difference or own):
                continue
            amounts = (ledger, txs, difference, unreconciled, difference - unreconciled)
            shown = [Money(each, unit.precision) for each in amounts]
            named = (self.account.path, self.account.external_id, unit.key, unit.precision)
            yield Row(("account", *named, *shown, *(None,) * 5))
            for tx in own:
                told = (tx.posted, tx.id, tx.external_id, tx.description)
                money = Money(tx.amount, unit.precision)
                yield Row(("tx", *named, *(None,) * 5, *told, money))

    def problems(self) -> list[str]:
        """The currencies in which the unreconciled Txs don't explain the difference."""
        found = []
        for unit, (ledger, txs, unreconciled) in self._sums().items():
            if txs - ledger != unreconciled:
                shown = [Money(each, unit.precision) for each in (ledger, txs, unreconciled)]
                found.append(
                    f"{self.account.path}, {unit.key}: the balance is {shown[0]}, the Txs come to "
                    f"{shown[1]}, {shown[2]} of it unreconciled"
                )
        return found

    def _sums(self) -> dict[Unit, tuple[int, int, int]]:
        """By currency: own balance, Txs, unreconciled Txs."""
        left = sums_of(self.unreconciled)
        units = self.account.own.keys() | self.txs.keys() | left.keys()
        if not units and self.account.unit is not None:
            units = {self.account.unit}
        return {
            unit: (self.account.own.get(unit, 0), self.txs.get(unit, 0), left.get(unit, 0))
            for unit in units
        }


def sums_of(txs: Iterable[ReportTx]) -> Amounts:
    """What they come to, by currency."""
    sums: Amounts = {}
    for tx in txs:
        add_amount(sums, tx.unit, tx.amount)
    return sums
