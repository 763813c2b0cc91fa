"""A stream record -> the change of an entry, an account, a ledger or a Tx; everything else is of no
interest here.

A record that can't be read becomes an `Unreadable`: it is put aside by whoever needed it, never
dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.ledger.links import Tx
from shared.store.items import (
    account_from_item,
    entry_from_item,
    ledger_from_item,
    tx_from_item,
)
from shared.store.streams import StreamRecord
from shared.store.table import Item

Thing = LedgerEntry | LedgerAccount | Ledger | Tx
Searched = LedgerEntry | LedgerAccount | Tx  # what has documents
ChangeKind = Literal["entry", "account", "ledger", "tx"]

# What parsing an item that we didn't write, or wrote wrong, can raise.
UNREADABLE = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing before and after one write. `written_ms` is when it was made.

    `old` is None when there was none (then it is `inserted`), or when it can't be read.
    """

    kind: ChangeKind
    sequence: str
    written_ms: int
    old: Thing | None
    new: Thing | None
    inserted: bool

    @property
    def pk(self) -> str:
        """Partition key of the thing's item."""
        thing = self.new if self.new is not None else self.old
        assert thing is not None
        return f"{_LETTERS[self.kind]}#{thing.id}"

    @property
    def moved(self) -> bool:
        """Whether the thing itself changed: a write to the item's other attributes keeps its
        revision.
        """
        return self.old is None or self.new is None or self.old.revision != self.new.revision


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record of a kind that we follow, whose image can't be read."""

    sequence: str
    written_ms: int
    pk: str
    sk: str
    reason: str
    inserted: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record of a kind that nothing is projected from. Its place in the stream still counts."""

    sequence: str
    written_ms: int


StreamChange = Change | Unreadable | Ignored

_KINDS: dict[str, ChangeKind] = {"E#": "entry", "A#": "account", "L#": "ledger", "T#": "tx"}
_LETTERS = {kind: prefix[0] for prefix, kind in _KINDS.items()}
_READERS: dict[ChangeKind, Callable[[Item], Thing]] = {
    "entry": entry_from_item,
    "account": account_from_item,
    "ledger": ledger_from_item,
    "tx": tx_from_item,
}


def searched_of(item: Item) -> Searched | None:
    """What an item of table `ledger` brings to the search indices; None for other kinds.

    Raises one of UNREADABLE.
    """
    kind = _KINDS.get(str(item["pk"])[:2])
    if kind is None or kind == "ledger":
        return None
    thing = _READERS[kind](item)
    assert not isinstance(thing, Ledger)
    return thing


def change_of(record: StreamRecord) -> StreamChange:
    """What `record` says. An insert is as old as the thing's own `created`; the stream's time is
    coarse.
    """
    kind = _KINDS.get(record.pk[:2])
    if kind is None:
        return Ignored(record.sequence, record.approximate_created_ms)
    read = _READERS[kind]
    inserted = record.old is None
    try:
        new = None if record.new is None else read(record.new)
    except UNREADABLE as error:
        reason = f"{type(error).__name__}: {error}"
        return Unreadable(
            record.sequence, record.approximate_created_ms, record.pk, record.sk, reason, inserted
        )
    written_ms = record.approximate_created_ms
    if inserted and new is not None:
        written_ms = new.created_ms
    old = None if record.old is None else _old(read, record.old)
    if old is None and new is None:
        reason = "what was removed can't be read"
        return Unreadable(record.sequence, written_ms, record.pk, record.sk, reason, inserted)
    return Change(kind, record.sequence, written_ms, old, new, inserted)


def _old(read: Callable[[Item], Thing], image: Item) -> Thing | None:
    try:
        return read(image)
    except UNREADABLE:
        return None  # it was put aside when it was written; only what replaces it matters now
