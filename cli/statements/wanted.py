"""A statement's rows as the Txs of an External Account: ids, minor units, currencies, balances.

A file is taken as a whole or not at all: whatever is wrong with any row is told, with the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cli.reports.amounts import Money, Unit
from cli.statements.external_ids import DerivedIds, safe_external_id
from cli.statements.figures import Figure, minor_units
from cli.statements.other_ids import OtherId, Place, other_ids
from cli.statements.statements import Problems, Statement, StatementRow
from shared.ledger.currencies import CUSTOM, currency_from_key, currency_precision, make_currency


@dataclass(frozen=True, slots=True)
class WantedTx:
    """A Tx as the statement has it. `where`: its row; `others`: ids it may stand under already."""

    where: str
    external_id: str
    posted_ms: int
    amount: int
    unit: Unit
    description: str
    others: tuple[OtherId, ...] = field(default=(), compare=False)

    def is_alike(self, other: "WantedTx") -> bool:
        """Whether both say the same."""
        return (self.posted_ms, self.amount, self.unit, self.description) == (
            other.posted_ms,
            other.amount,
            other.unit,
            other.description,
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file comes to. `notes`: what people should know of it, imbalances
    first; `corrected`: what the bank has
    taken back, each told by the row that does it. None of those may stand any more.
    """

    txs: tuple[WantedTx, ...]
    notes: tuple[str, ...]
    corrected: tuple[WantedTx, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """How rows become Txs."""

    unit: Unit | None  # the account's; None when it is multi-currency
    currency: str | None = None  # of rows that say none, in a multi-currency account
    derive_ids: bool = False  # also where the bank has ids
    opening: Figure | None = None  # given by hand
    closing: Figure | None = None
    ignore_balances: bool = False


def take(file: str, statements: Sequence[Statement], rules: Rules) -> Taken:
    """The Txs of the statements. Raises CommandFailure with everything that is wrong."""
    problems = Problems(file)
    notes: list[str] = []
    imbalances: list[str] = []
    derived = DerivedIds()
    by_id: dict[str, WantedTx] = {}
    places: dict[str, Place] = {}
    corrections = _Corrections(statements)
    for place, statement in enumerate(statements):
        own = []
        for number, row in enumerate(statement.rows):
            tx = _wanted(row, statement, rules, derived, problems)
            if tx is None or corrections.take_back(row, tx):
                continue
            first = by_id.setdefault(tx.external_id, tx)
            if first is tx:
                own.append(tx)
                places[tx.external_id] = (place, number)
            elif first.is_alike(tx):
                notes.append(f"{tx.where} is {first.where} again: it is taken once")
            else:
                told = f"has the id of {first.where} but isn't the same"
                problems.add(tx.where, f"{told}: --derive-ids does without the bank's ids")
        opening = rules.opening or statement.opening
        closing = rules.closing or statement.closing
        imbalance = _imbalance(own, opening, closing, rules.unit)
        if imbalance is not None:
            where = f"statement {place + 1}"
            if rules.ignore_balances:
                imbalances.append(f"{where}: {imbalance}")
            else:
                problems.add(where, f"{imbalance} (--ignore-balances takes it all the same)")
    problems.raise_any()
    corrected = corrections.as_txs(rules, problems, notes)
    problems.raise_any()
    txs = _with_others(statements, rules, by_id, places)
    return Taken(txs, (*imbalances, *notes), corrected)


class _Corrections:
    """What the bank takes back in the same file, or in an earlier one."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._all = [
            (each, statement) for statement in statements for each in statement.corrections
        ]
        self._by_bank_id = {each.bank_id: each.row.where for each, _ in self._all}
        self._left_out: dict[str, list[WantedTx]] = {}

    def take_back(self, row: StatementRow, tx: WantedTx) -> bool:
        """Whether the row is one of those: then it isn't booked."""
        if row.bank_id not in self._by_bank_id:
            return False
        assert row.bank_id is not None
        self._left_out.setdefault(row.bank_id, []).append(tx)
        return True

    def as_txs(self, rules: Rules, problems: Problems, notes: list[str]) -> tuple[WantedTx, ...]:
        """The ids under which what was taken back may stand."""
        txs: dict[str, WantedTx] = {}
        for each, statement in self._all:
            row, left_out = each.row, self._left_out.get(each.bank_id, [])
            notes += [f"{tx.where} is taken back by {row.where}: it is left out" for tx in left_out]
            ids = [tx.external_id for tx in left_out]
            if not ids and not rules.derive_ids:
                ids = [safe_external_id(each.bank_id)]
            if not ids:
                told = "which isn't in the file: delete its Tx if there is one"
                notes.append(f"{row.where} takes back {each.bank_id[:80]}, {told}")
            tx = _wanted(row, statement, rules, DerivedIds(), problems)
            if tx is not None:
                txs |= {name: replace(tx, external_id=name) for name in ids}
        return tuple(txs.values())


def _with_others(
    statements: Sequence[Statement],
    rules: Rules,
    by_id: Mapping[str, WantedTx],
    places: Mapping[str, Place],
) -> tuple[WantedTx, ...]:
    """The Txs, each with the ids of other readings that no Tx of this reading has."""

    def priced(row: StatementRow, statement: Statement) -> tuple[int, str] | None:
        unit = _unit(row.currency or statement.currency, rules)
        amount = None if isinstance(unit, str) else minor_units(row.figure, unit.precision)
        return (amount, unit.key) if isinstance(amount, int) and isinstance(unit, Unit) else None

    found = other_ids(statements, rules.derive_ids, priced)
    txs = []
    for tx in by_id.values():
        others: dict[str, OtherId] = {}
        for other in found.get(places[tx.external_id], ()):
            if other.external_id not in by_id:
                others.setdefault(other.external_id, other)
        txs.append(replace(tx, others=tuple(others.values())))
    return tuple(txs)


def unit_of(key: str) -> Unit | str:
    """A listed currency, or what is wrong with its code."""
    if key == CUSTOM or key.startswith(f"{CUSTOM}/"):
        return "a custom currency is known by its account alone"
    made = make_currency(key)
    return made if isinstance(made, str) else Unit(key, currency_precision(key))


def _wanted(
    row: StatementRow, statement: Statement, rules: Rules, derived: DerivedIds, problems: Problems
) -> WantedTx | None:
    """The row's Tx; None behind a problem."""
    unit = _unit(row.currency or statement.currency, rules)
    if isinstance(unit, str):
        problems.add(row.where, unit)
        return None
    amount = minor_units(row.figure, unit.precision)
    if isinstance(amount, str):
        problems.add(row.where, amount)
        return None
    if row.bank_id is None or rules.derive_ids:
        external_id = derived.next(row.posted_ms, amount, unit.key, row.description)
    else:
        external_id = safe_external_id(row.bank_id)
    return WantedTx(row.where, external_id, row.posted_ms, amount, unit, row.description)


def _unit(stated: str | None, rules: Rules) -> Unit | str:
    if rules.unit is None:
        key = stated or rules.currency
        return unit_of(key) if key else "no currency: the account has several, so give --currency"
    if stated is not None and stated != rules.unit.key:
        return f"is in {stated}, the account in {rules.unit.key}"
    return rules.unit


def _imbalance(
    txs: Sequence[WantedTx], opening: Figure | None, closing: Figure | None, unit: Unit | None
) -> str | None:
    """Why the transactions don't lead from the one balance to the other; None if they do, or if
    that can't be told.
    """
    units = {tx.unit for tx in txs} if unit is None else {unit}
    if opening is None or closing is None or len(units) != 1:
        return None
    (only,) = units
    amounts = [minor_units(each, only.precision) for each in (opening, closing)]
    for amount in amounts:
        if isinstance(amount, str):
            return f"of a balance, {amount}"
    start, end = [each for each in amounts if isinstance(each, int)]
    total = sum(tx.amount for tx in txs)
    if start + total == end:
        return None
    shown = [str(Money(each, only.precision)) for each in (start, total, start + total, end)]
    return (
        f"the opening balance {shown[0]} and the transactions {shown[1]} come to {shown[2]}, "
        f"the closing balance is {shown[3]}"
    )


def currency_input(unit: Unit) -> dict[str, str]:
    """A CurrencyMatchInput."""
    currency = currency_from_key(unit.key)
    if currency.custom_id is None:
        return {"code": currency.code}
    return {"code": currency.code, "customCurrencyId": currency.custom_id}
