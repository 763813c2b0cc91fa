"""Account statement and journal: lines as they come, oldest first -> rows. Nothing is kept but
sums.
"""

from collections.abc import Iterator
from typing import Any

from cli.reports.amounts import Amounts, Money, Unit, add_amount, in_order, read_unit
from cli.reports.rows import Column, Row
from shared.ledger.accounts import line_side

STATEMENT_COLUMNS = (
    Column("row", None),
    Column("posted", "Posted"),
    Column("ledger_entry_id", None),
    Column("ledger_line_id", None),
    Column("key", "Key"),
    Column("description", "Description"),
    Column("currency", "Currency"),
    Column("precision", None),
    Column("amount", "Amount", True),
    Column("balance", "Balance", True),
)


class Statement:
    """One account's own balance over a period, line by line."""

    def __init__(self, starting: Amounts) -> None:
        """`starting`: the own balance at the end of the moment before the period."""
        self._running = dict(starting)

    def starting_rows(self) -> Iterator[Row]:
        """The balances that the period begins with."""
        yield from self._balance_rows("starting balance")

    def line_row(self, line: dict[str, Any]) -> Row:
        """A LedgerLine, with the balance after it."""
        unit = read_unit(line["currency"])
        amount = int(line["amount"])
        add_amount(self._running, unit, amount)
        return Row(
            (
                "line",
                line["posted"],
                line["ledgerEntryId"],
                line["id"],
                line["key"],
                line["description"],
                unit.key,
                unit.precision,
                Money(amount, unit.precision),
                Money(self._running[unit], unit.precision),
            )
        )

    def ending_rows(self) -> Iterator[Row]:
        """The balances that the period ends with."""
        yield from self._balance_rows("ending balance")

    def problems(self, ending: Amounts) -> list[str]:
        """Where the sums differ from the own balance at the end of the period."""
        found = []
        for unit in sorted(self._running.keys() | ending.keys(), key=lambda each: each.key):
            summed, told = self._running.get(unit, 0), ending.get(unit, 0)
            if summed != told:
                sums = [Money(amount, unit.precision) for amount in (summed, told)]
                found.append(f"{unit.key}: the lines lead to {sums[0]}, the balance is {sums[1]}")
        return found

    def _balance_rows(self, label: str) -> Iterator[Row]:
        is_total = label.startswith("ending")
        for unit, amount in in_order(self._running):
            cells = (label, None, None, None, None, label.capitalize(), unit.key, unit.precision)
            yield Row((*cells, None, Money(amount, unit.precision)), is_total)


JOURNAL_COLUMNS = (
    Column("row", None),
    Column("posted", "Posted"),
    Column("ledger_entry_id", None),
    Column("ik", "Entry"),
    Column("type", "Type"),
    Column("description", "Description"),
    Column("ledger_line_id", None),
    Column("line_description", None),
    Column("account_path", "Account"),
    Column("account_name", None),
    Column("account_type", None),
    Column("currency", "Currency"),
    Column("precision", None),
    Column("debit", "Debit", True),
    Column("credit", "Credit", True),
)


class Journal:
    """Every line of every entry on its debit or credit side, and the sums of both."""

    def __init__(self) -> None:
        """Sums of nothing."""
        self._debits: Amounts = {}
        self._credits: Amounts = {}

    def entry_rows(self, entry: dict[str, Any]) -> Iterator[Row]:
        """A row for each line of a LedgerEntry."""
        for line in entry["lines"]["nodes"]:
            account = line["account"]
            unit = read_unit(line["currency"])
            amount = int(line["amount"])
            is_debit = line_side(account["type"], amount) == "debit"
            add_amount(self._debits if is_debit else self._credits, unit, abs(amount))
            shown = Money(abs(amount), unit.precision)
            yield Row(
                (
                    "line",
                    entry["posted"],
                    entry["id"],
                    entry["ik"],
                    entry["type"],
                    entry["description"],
                    line["id"],
                    line["description"],
                    account["path"],
                    account["name"],
                    account["type"],
                    unit.key,
                    unit.precision,
                    shown if is_debit else None,
                    None if is_debit else shown,
                )
            )

    def total_rows(self) -> Iterator[Row]:
        """The sums of both sides."""
        for unit in self._units():
            sums = [Money(each.get(unit, 0), unit.precision) for each in self._sides()]
            cells = ("total", *(None,) * 10, unit.key, unit.precision)
            yield Row((*cells, *sums), is_total=True)

    def problems(self) -> list[str]:
        """The currencies whose sides differ."""
        found = []
        for unit in self._units():
            debit, credit = (Money(each.get(unit, 0), unit.precision) for each in self._sides())
            if debit != credit:
                found.append(f"{unit.key}: debits are {debit}, credits are {credit}")
        return found

    def _sides(self) -> tuple[Amounts, Amounts]:
        return self._debits, self._credits

    def _units(self) -> list[Unit]:
        return sorted(self._debits.keys() | self._credits.keys(), key=lambda each: each.key)
