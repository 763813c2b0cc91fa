"""Ledger Entries and their lines: immutable values, as stored and as listed.

What is made by the thousand is a tuple: a frozen dataclass takes several times as long to make.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shared.ledger.identifiers import line_id

Tag = tuple[str, str]  # key, value
Group = tuple[str, str]  # key, value


class LedgerLine(NamedTuple):
    """One posting: `amount` minor units on one account; positive raises its balance."""

    place: int  # among the lines of its entry, from 0
    account_path: str
    account_type: str
    amount: int
    currency: str  # currency key
    key: str | None = None
    description: str | None = None
    tags: tuple[Tag, ...] = ()
    tx_id: str | None = None
    tx_external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """A condition on one balance: eq excludes the others; None means unbounded."""

    eq: int | None = None
    gte: int | None = None
    lte: int | None = None

    def holds(self, balance: int) -> bool:
        """Whether `balance` is within the bounds."""
        if self.eq is not None and balance != self.eq:
            return False
        if self.gte is not None and balance < self.gte:
            return False
        return self.lte is None or balance <= self.lte


@dataclass(frozen=True, slots=True)
class EntryCondition:
    """What must hold of one account's latest balance before (pre) or after (post) the entry."""

    account_path: str
    currency: str
    when: Literal["pre", "post"]
    scope: Literal["own", "total"]
    bounds: Bounds


class LedgerEntry(NamedTuple):
    """One entry, whole. `revision` counts its versions: 1 when posted, +1 for each update."""

    id: str
    ledger_id: str
    workspace_id: str
    ik: str
    position: int  # in the ik's reversal chain, from 1
    posted_ms: int
    created_ms: int
    lines: tuple[LedgerLine, ...]
    type: str | None = None
    type_version: int | None = None
    description: str | None = None
    tags: tuple[Tag, ...] = ()
    groups: tuple[Group, ...] = ()
    conditions: tuple[EntryCondition, ...] = ()
    parameters: dict[str, Any] | None = None
    reverses: str | None = None  # id of the entry that this one reverses
    reversed_by: str | None = None
    reversed_at_ms: int | None = None
    updates: int = 0
    revision: int = 1

    @property
    def is_reversal(self) -> bool:
        return self.reverses is not None

    @property
    def is_reversed(self) -> bool:
        return self.reversed_by is not None

    @property
    def hidden(self) -> bool:
        """Reversed and reversing entries are left out of lists unless asked for."""
        return self.reverses is not None or self.reversed_by is not None

    def line_ids(self) -> list[str]:
        """Ids of the lines, in order."""
        return [line_id(self.id, line.place) for line in self.lines]


class PlacedLine(NamedTuple):
    """A line together with its entry: what line lists and lookups give."""

    entry: LedgerEntry
    line: LedgerLine

    @property
    def id(self) -> str:
        return line_id(self.entry.id, self.line.place)
