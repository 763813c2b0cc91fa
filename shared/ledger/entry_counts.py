"""How many entries a ledger has of each type and version: what one item counts, and how it is read.

    n  entries that reverse nothing, whether they were reversed since or not
    x  entries that reverse another one

Only entries with a type are counted. A reversing entry has the type of what it reverses, so
`n - x` is how many stand.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.ledger.entries import LedgerEntry

Attributes = Mapping[str, str | int | bytes]


class CountKey(NamedTuple):
    """What is counted apart."""

    ledger_id: str
    type: str
    version: int


class EntryCount(NamedTuple):
    """Entries of one type and version."""

    posted: int
    reversing: int


def count_deltas(entries: Iterable[LedgerEntry]) -> dict[CountKey, EntryCount]:
    """What new entries add to each count."""
    deltas: dict[CountKey, EntryCount] = {}
    for entry in entries:
        if entry.type is None or entry.type_version is None:
            continue
        key = CountKey(entry.ledger_id, entry.type, entry.type_version)
        held = deltas.get(key, EntryCount(0, 0))
        if entry.is_reversal:
            deltas[key] = EntryCount(held.posted, held.reversing + 1)
        else:
            deltas[key] = EntryCount(held.posted + 1, held.reversing)
    return deltas


def count_adds(count: EntryCount) -> dict[str, int]:
    """The attributes of a count's item; both are always there."""
    return {"n": count.posted, "x": count.reversing}


def count_of(attributes: Attributes) -> EntryCount:
    """The count that an item holds."""
    posted, reversing = attributes["n"], attributes["x"]
    assert isinstance(posted, int)
    assert isinstance(reversing, int)
    return EntryCount(posted, reversing)


def type_of_position(position: str) -> tuple[str, int]:
    """Type and version of a count's sort key."""
    entry_type, _, version = position.rpartition("#")
    return entry_type, int(version)
