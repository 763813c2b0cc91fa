"""Rebuilds what is derived from the entries, beside the live ones, under load.

    python -m indexer.rebuild [--search] [--balances] [--ledger ID] [--parts N]

Search indices:

    note the checkpoints F ─► fresh indices ─► load every entry and account ─► follow the stream from F
      ─► merge segments ─► follow again ─► fence at L, follow up to L ─► swap all aliases in one call ─► let go

Lists are served from the live indices all the while. Versions make it harmless that the load and the stream
bring the same thing twice. The fence holds the projector for the moment in which the aliases change, so each
record is either in the fresh indices before they go live or followed into them afterwards. Dying anywhere
leaves the live indices as they were (or the fresh ones, complete); the next run clears away what was begun.

Balance histories: recount.py. With --ledger only one ledger is brought up to date, in place.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.bulk import BulkWriter
from indexer.catchup import CatchUp
from indexer.fence import fence, sole_rebuilder
from indexer.leases import Checkpoint, LeaseBook
from indexer.projections.search import project_documents, thing_operations
from indexer.quarantine import SEARCH, Aside, Quarantine, document_aside
from indexer.reads import place_of
from indexer.records import UNREADABLE, Change
from indexer.recount import Recounted, RecountParts, Say, recount_balances
from indexer.tablescan import pages
from shared.clock import Clock
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.search.index import Deletion, Index, Kind, Operation
from shared.store import keys
from shared.store.items import account_from_item, entry_from_item
from shared.store.streams import Stream
from shared.store.table import Item, Table, TableName

LOAD_OPERATIONS = 4_000  # handed to the BulkWriter at once
TELL_EVERY_OPERATIONS = 100_000
FOLLOW_ROUNDS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class SearchParts:
    """What a rebuild of the search indices works with."""

    table: Table
    stream: Stream
    index: Index
    book: LeaseBook  # with an owner's name of its own
    quarantine: Quarantine
    clock: Clock
    say: Say


# --- Loading --------------------------------------------------------------------------------------
def things_of(items: Sequence[Item], ledger_id: str | None) -> list[LedgerEntry | LedgerAccount]:
    """The entries and accounts among `items`, of one ledger or of all. What can't be read is left out."""
    things: list[LedgerEntry | LedgerAccount] = []
    for item in items:
        kind = str(item["pk"])[:2]
        try:
            if kind == "E#":
                things.append(entry_from_item(item))
            elif kind == "A#":
                things.append(account_from_item(item))
        except UNREADABLE:
            continue
    return [thing for thing in things if ledger_id in (None, thing.ledger_id)]


class Loader:
    """Brings things into indices, and puts aside what these refuse."""

    def __init__(self, parts: SearchParts, into: Mapping[Kind, str] | None) -> None:
        self._parts = parts
        self._writer = BulkWriter(parts.index, into=into)
        self.count = 0

    async def load(self, things: Sequence[LedgerEntry | LedgerAccount]) -> None:
        """Applies the documents of `things`."""
        operations: list[Operation] = []
        owners: dict[tuple[Kind, str], str] = {}
        for thing in things:
            make = keys.entry if isinstance(thing, LedgerEntry) else keys.account
            for operation in thing_operations(thing):
                operations.append(operation)
                owners[(operation.kind, operation.id)] = make(thing.id).pk
            if len(operations) >= LOAD_OPERATIONS:
                await self._apply(operations, owners)
                operations = []
        await self._apply(operations, owners)

    async def _apply(
        self, operations: list[Operation], owners: Mapping[tuple[Kind, str], str]
    ) -> None:
        report = await self._writer.apply(operations)
        now_ms = self._parts.clock.now_ms()
        asides: list[Aside] = []
        for refused, reason in report.refused:
            pk = owners[(refused.kind, refused.id)]
            asides.append(document_aside("rebuild", refused, reason, now_ms, pk))
        await self._parts.quarantine.keep(asides)
        before = self.count
        self.count += len(operations)
        if self.count // TELL_EVERY_OPERATIONS > before // TELL_EVERY_OPERATIONS:
            self._parts.say(f"{self.count} documents loaded")

    async def load_table(self, ledger_id: str | None = None) -> None:
        """Loads everything that stands in the table."""
        async for page in pages(self._parts.table, TableName.LEDGER):
            await self.load(things_of(page, ledger_id))

    async def follow(self, catch_up: CatchUp) -> int:
        """Applies what the stream has told since the last call; gives how many changes that were."""
        changes = await catch_up.read_to_tip()
        operations: list[Operation] = []
        owners: dict[tuple[Kind, str], str] = {}
        for change in changes:
            if not isinstance(change, Change):
                continue
            thing = change.new if change.new is not None else change.old
            assert thing is not None
            make = keys.entry if change.kind == "entry" else keys.account
            for operation in project_documents(change):
                operations.append(operation)
                owners[(operation.kind, operation.id)] = make(thing.id).pk
        await self._apply(operations, owners)
        return len(changes)


# --- Fresh indices --------------------------------------------------------------------------------
async def rebuild_search(parts: SearchParts) -> dict[Kind, str]:
    """Fills fresh indices of every kind and swaps them in; gives their names."""
    for info in await parts.index.indices():
        if not info.live:
            parts.say(f"clearing away {info.name}, of an earlier rebuild")
            await parts.index.delete_index(info.name)
    catch_up = CatchUp(parts.stream, parts.clock, await parts.book.listed(), keep=False)
    fresh = {kind: await parts.index.create_index(kind) for kind in Kind}
    loader = Loader(parts, fresh)
    await catch_up.read_to_tip()  # opens the iterators: from here on nothing is missed
    await loader.load_table()
    parts.say(f"{loader.count} documents loaded; following the stream")
    await _follow_closely(loader, catch_up)
    for name in fresh.values():
        parts.say(f"merging {name}")
        await parts.index.finish_index(name)
    await _follow_closely(loader, catch_up)
    async with fence(parts.stream, parts.book) as leases:
        await _follow_through(
            loader, catch_up, {shard: lease.checkpoint for shard, lease in leases.items()}
        )
        await parts.index.refresh_indices(list(fresh.values()))
        old = await parts.index.swap_aliases(fresh)
    parts.say("the fresh indices are live")
    for name in old:
        await parts.index.delete_index(name)
    return fresh
