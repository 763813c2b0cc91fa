"""Counts the entries that are applied at one moment P, under load: the sums of a recount.

Exact under load: an entry counts if it is applied at P. One that the stream tells after P0 is
judged by its place there. One that it doesn't tell was applied before P0, unless it is so new that
the stream is still to tell it: new ones are remembered until the stream was read once more, well
after the scan.

An entry may join groups by an update. Which groups it was in at P is what the last of its changes
that is applied there says; where the stream tells none, what was scanned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from indexer.appliers import BalancesApplier
from indexer.catchup import CatchUp
from indexer.leases import Checkpoint, LeaseBook
from indexer.projections.balances import Counted, counted
from indexer.tablescan import scanned_entries
from shared.clock import Clock
from shared.ledger.audits import Finding, Tally, WindowTally
from shared.ledger.clearing import touched_paths
from shared.ledger.entries import Group, LedgerEntry
from shared.store.catalog import Catalog
from shared.store.streams import Stream
from shared.store.table import Table

# No entry is written longer than this after its `created`: DynamoDB refuses the signature of a
# process whose clock is that far behind.
YOUNG_MS = 900_000
SETTLE_MS = 2_000  # the stream tells a write within this

Say = Callable[[str], None]


@dataclass(slots=True)
class Recounted:
    """What a recount found and did."""

    entries_count: int = 0
    histories_count: int = 0
    groups_count: int = 0  # balances of groups
    repaired: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RecountParts:
    """What a recount works with."""

    table: Table
    stream: Stream
    catalog: Catalog
    clock: Clock
    applier: BalancesApplier  # whose book has an owner's name of its own
    say: Say
    settle_ms: int = SETTLE_MS

    @property
    def book(self) -> LeaseBook:
        return self.applier.book


def inserted_ids(catch_up: CatchUp) -> set[str]:
    """Ids of the new entries that the stream has told so far."""
    return {
        found.entry.id
        for shard in catch_up.shards.values()
        for change in shard.changes
        if (found := counted(change)) is not None and found.is_new
    }


class _Told(NamedTuple):
    """A change that the stream told, and whether it is applied at P."""

    found: Counted
    is_applied: bool


class Count:
    """The sums of all entries that are applied."""

    def __init__(
        self,
        parts: RecountParts,
        ledger_id: str | None,
        tally: Tally,
        windows: tuple[WindowTally, WindowTally],
    ) -> None:
        self.tally = tally
        self.windows, self.applied_windows = windows  # of all entries, and of those applied
        self.ledger_id = ledger_id
        self.done = Recounted()
        self._parts = parts
        self._young: set[str] = set()  # ids of entries that the stream may still be to tell
        self._grouped: dict[str, tuple[Group, ...]] = {}  # of updated entries: counted for these
        self._young_clearing: dict[str, tuple[LedgerEntry, frozenset[str]]] = {}

    async def scan(self, inserted: set[str]) -> None:
        """Counts the entries that the stream has nothing to tell about; remembers the new ones."""
        young_ms = self._parts.clock.now_ms() - YOUNG_MS
        async for entries in scanned_entries(self._parts.table, self._parts.say):
            for entry in entries:
                clearing = await self._note_window(entry)
                if entry.id not in inserted:
                    await self._count(entry, 1)
                    await self._count_groups(entry, entry.groups, 1)
                    if entry.groups and entry.revision > 1:
                        self._grouped[entry.id] = entry.groups
                    if entry.created_ms >= young_ms:
                        self._young.add(entry.id)
                        if clearing:
                            self._young_clearing[entry.id] = (entry, clearing)
                    elif clearing:
                        self.applied_windows.add(entry, clearing)

    async def settle(self, catch_up: CatchUp, places: Mapping[str, Checkpoint]) -> None:
        """Judges what the stream told: each entry counts if it is applied, scanned or not."""
        told: dict[str, list[_Told]] = {}
        for shard_id, caught in catch_up.shards.items():
            place = places.get(shard_id)
            if place is None:  # not begun yet, or finished and forgotten meanwhile
                place = Checkpoint(finished=shard_id in catch_up.noted)
            for change in caught.changes:
                found = counted(change)
                assert found is not None
                is_applied = caught.applied_at(change, place)
                if found.is_new:
                    await self._settle_new(found.entry, is_applied)
                if found.groups:
                    told.setdefault(found.entry.id, []).append(_Told(found, is_applied))
        for changes in told.values():
            await self._settle_groups(sorted(changes, key=lambda each: each.found.entry.revision))
        for entry, clearing in self._young_clearing.values():
            self.applied_windows.add(entry, clearing)

    async def _settle_new(self, entry: LedgerEntry, is_applied: bool) -> None:
        """Judges an entry whose insertion the stream told."""
        clearing = await self._note_window(entry)
        if is_applied != (entry.id in self._young):
            await self._count(entry, 1 if is_applied else -1)
        self._young_clearing.pop(entry.id, None)
        if is_applied and clearing:
            self.applied_windows.add(entry, clearing)

    async def _note_window(self, entry: LedgerEntry) -> frozenset[str]:
        """Adds the entry to the windows, applied or not; gives the clearing accounts it touches."""
        if self.ledger_id not in (None, entry.ledger_id):
            return frozenset()
        paths = touched_paths([entry])[entry.ledger_id]
        clearing = await self._parts.catalog.clearing_among(entry.ledger_id, paths)
        if clearing:
            self.windows.add(entry, clearing)
        return clearing

    async def _settle_groups(self, changes: Sequence["_Told"]) -> None:
        """Judges one entry's changes, in their order: the groups that it has joined at P count."""
        entry, is_new = changes[0].found.entry, changes[0].found.is_new
        joined = changes[0].found.groups
        before = () if is_new else tuple([each for each in entry.groups if each not in joined])
        due = before
        for each in changes:
            if each.is_applied:
                due = each.found.entry.groups
        if is_new and entry.id not in self._young:
            scanned: tuple[Group, ...] = ()
        else:  # what was not updated when it was scanned had the groups that it was born with
            scanned = self._grouped.get(entry.id, entry.groups if is_new else before)
        await self._count_groups(entry, [each for each in due if each not in scanned], 1)
        await self._count_groups(entry, [each for each in scanned if each not in due], -1)

    async def _count_groups(self, entry: LedgerEntry, groups: Sequence[Group], times: int) -> None:
        if not groups or self.ledger_id not in (None, entry.ledger_id):
            return
        if await self._parts.catalog.utc_offset_minutes(entry.ledger_id) is not None:
            self.tally.add_groups(entry, groups, times)

    async def _count(self, entry: LedgerEntry, times: int) -> None:
        if self.ledger_id not in (None, entry.ledger_id):
            return
        offset = await self._parts.catalog.utc_offset_minutes(entry.ledger_id)
        if offset is not None:
            self.done.entries_count += times
            self.tally.add(entry, offset, times)
