"""The other ids under which a row may stand already, had it been read otherwise: with --derive-ids
and --split-batches or without. Whoever changes them for an account would book all of it again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from cli.statements.external_ids import DerivedIds, safe_external_id
from cli.statements.statements import Statement, StatementRow
from shared.ledger.periods import DAY_MS

Place = tuple[int, int]  # of a row: its statement, and where in that
Priced = Callable[[StatementRow, Statement], tuple[int, str] | None]  # minor units, currency


_EARLIER = "synced by its NtryRef alone, as earlier versions did: delete that Tx first"


@dataclass(frozen=True, slots=True)
class OtherId:
    """An id that a row has in another reading. `told`: in which, and what to do.

    `like`: when it was posted, amount and currency, where another row may have that id as well.
    """

    external_id: str
    told: str
    like: tuple[int, int, str] | None = None

    def is_meant(self, posted_ms: int, amount: int, currency: str) -> bool:
        """Whether the Tx that stands under the id is the row's."""
        if self.like is None:
            return True
        return abs(self.like[0] - posted_ms) < DAY_MS and self.like[1:] == (amount, currency)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a file, beside the one that is asked for."""

    derive_ids: bool
    is_split_otherwise: bool
    is_derived_otherwise: bool
    is_dated_otherwise: bool  # as earlier versions did

    def rows_of(self, row: StatementRow) -> Sequence[StatementRow]:
        """What it makes of the row."""
        rows = row.instead if self.is_split_otherwise and row.instead else (row,)
        if not self.is_dated_otherwise:
            return rows
        moments = [each.posted_ms if each.earlier_ms is None else each.earlier_ms for each in rows]
        return [replace(each, posted_ms=ms) for each, ms in zip(rows, moments, strict=True)]

    def told(self, row: StatementRow) -> str:
        """How it differs for the row."""
        if self.is_dated_otherwise and row.earlier_ms is not None:
            return "synced by its date's zone, as earlier versions did: delete that Tx first"
        flags = []
        if self.is_derived_otherwise:
            flags.append(f"{'with' if self.derive_ids else 'without'} --derive-ids")
        if self.is_split_otherwise and row.instead:
            # What is a batch now was in parts then: it has two at least.
            flags.append(f"{'with' if len(row.instead) > 1 else 'without'} --split-batches")
        how = " and ".join(flags) or "with other flags"
        return f"synced {how}: sync it so again, or delete that Tx first"


def other_ids(
    statements: Sequence[Statement], derive_ids: bool, priced: Priced
) -> Mapping[Place, Sequence[OtherId]]:
    """The ids of every row in all other readings, the least different reading first."""
    found: dict[Place, list[OtherId]] = defaultdict(list)
    rows = [row for each in statements for row in each.rows]
    is_zoned = any(row.earlier_ms is not None for row in rows)
    is_batched = any(row.instead for row in rows)
    ways = [(False, True) if differs else (False,) for differs in (is_zoned, is_batched, True)]
    for otherwise in product(*ways):
        if any(otherwise):
            is_dated, is_split, is_derived = otherwise
            reading = _Reading(derive_ids != is_derived, is_split, is_derived, is_dated)
            for place, other in _read(statements, reading, priced):
                found[place].append(other)
    for place, other in _earlier(statements, priced):
        found[place].append(other)
    return found


def _earlier(statements: Sequence[Statement], priced: Priced) -> Iterator[tuple[Place, OtherId]]:
    """The ids that earlier versions gave, of the rows and of the batches that they are parts of."""
    for outer, statement in enumerate(statements):
        for inner, row in enumerate(statement.rows):
            for each in (row, *row.instead):
                price = None if each.earlier_id is None else priced(each, statement)
                if each.earlier_id is not None and price is not None:
                    like = (each.posted_ms, *price)
                    yield (outer, inner), OtherId(safe_external_id(each.earlier_id), _EARLIER, like)


def _read(
    statements: Sequence[Statement], reading: _Reading, priced: Priced
) -> Iterator[tuple[Place, OtherId]]:
    derived = DerivedIds()
    for outer, statement in enumerate(statements):
        batches: dict[str, str] = {}  # the ids of batches, by where they are: once for all parts
        for inner, row in enumerate(statement.rows):
            for each in reading.rows_of(row):
                external_id = batches.get(each.where)
                if external_id is None:
                    external_id = _id(each, statement, reading, derived, priced)
                if external_id is None:
                    continue
                if row.instead:
                    batches[each.where] = external_id
                yield (outer, inner), OtherId(external_id, reading.told(row))


def _id(
    row: StatementRow,
    statement: Statement,
    reading: _Reading,
    derived: DerivedIds,
    priced: Priced,
) -> str | None:
    """None of a row that couldn't be taken."""
    if row.bank_id is not None and not reading.derive_ids:
        return safe_external_id(row.bank_id)
    price = priced(row, statement)
    return None if price is None else derived.next(row.posted_ms, *price, row.description)
