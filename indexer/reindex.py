"""Rebuilds the search indices from the entries, beside the live ones, under load.

    note checkpoints F ─► fresh indices ─► load every entry and account ─► follow from F
      ─► merge segments ─► follow again ─► fence at L, follow up to L ─► swap all aliases at once
    each time after following: sweep what was loaded of ledgers that were deleted meanwhile

Lists are served from the live indices all the while. Versions make it harmless that the load and
the stream bring the same thing twice. The fence holds the projector for the moment in which the
aliases change, so each record is either in the fresh indices before they go live or followed into
them afterwards: a deletion, too, is swept before the swap, or by the projector after it. Documents
of clearing accounts also change behind the stream: under the fence all of them are marked, and
refreshed once it is gone (clearing.py). Dying anywhere leaves the live indices as they were (or the
fresh ones, complete); the next run clears away what was begun.

One ledger alone is brought up to date in place. The command is rebuild.py; balance histories:
recount.py.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from indexer.accounts import account_operations, removal_operations
from indexer.bulk import BulkWriter
from indexer.catchup import CatchUp
from indexer.fence import fence, fence_of
from indexer.leases import Checkpoint, Lease, LeaseBook, LeaseSeen
from indexer.projections.search import project_documents, thing_operations
from indexer.quarantine import Aside, Quarantine, document_aside
from indexer.records import UNREADABLE, Change, Searched, searched_of
from indexer.sweeps import GoneLedgers, deleted_ledgers, owner_of, sweep
from indexer.tablescan import pages
from indexer.windows import put_marks
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.links import Tx
from shared.limits import FOLLOW_IDLE_MS
from shared.search.index import (
    LEDGER_KINDS,
    Deletion,
    Index,
    Kind,
    Operation,
    StoredDocument,
)
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.streams import Stream
from shared.store.table import Item, Key, Table, TableName

Say = Callable[[str], None]
LOAD_OPERATIONS = 4_000  # handed to the BulkWriter at once
TELL_EVERY_OPERATIONS = 100_000
FOLLOW_ROUNDS_MAX = 1_000
REWIND_ATTEMPTS_MAX = 100
CLOSE_CHANGES = 500  # so few that the rest can be followed while the projector stands still


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
def things_of(items: Sequence[Item], ledger_id: str | None) -> list[Searched]:
    """What among `items` has documents, of one ledger or of all. What can't be read is left out."""
    things: list[Searched] = []
    for item in items:
        try:
            thing = searched_of(item)
        except UNREADABLE:
            continue
        if thing is not None and ledger_id in (None, _ledger_of(thing)):
            things.append(thing)
    return things


def _ledger_of(thing: Searched) -> str | None:
    """The ledger that a thing is of; a Tx is of none."""
    return None if isinstance(thing, Tx) else thing.ledger_id


def _key_of(thing: Searched) -> Key:
    if isinstance(thing, Tx):
        return keys.tx(thing.id)
    return keys.entry(thing.id) if isinstance(thing, LedgerEntry) else keys.account(thing.id)


class Loader:
    """Brings things into indices, and puts aside what these refuse."""

    def __init__(self, parts: SearchParts, into: Mapping[Kind, str] | None) -> None:
        self._parts = parts
        self._into = into
        self._writer = BulkWriter(parts.index, into=into)
        self._catalog = Catalog(parts.table, parts.clock)
        self.gone = GoneLedgers()
        self._unswept: dict[str, None] = {}  # ledgers whose deletion was told, maybe after the load
        self.count = 0
        self.clearing: set[str] = set()  # ids of the clearing accounts among what was loaded

    async def load(self, things: Sequence[Searched]) -> None:
        """Applies the documents of `things`; those of deleted ledgers are left out."""
        ledgers = {thing.ledger_id for thing in things if not isinstance(thing, Tx)}
        await self.gone.look_up(self._catalog, ledgers)
        things = [thing for thing in things if _ledger_of(thing) not in self.gone]
        operations: list[Operation] = []
        owners: dict[tuple[Kind, str], str] = {}
        accounts = [thing for thing in things if isinstance(thing, LedgerAccount)]
        for operation in await self._of_accounts(accounts):
            operations.append(operation)
            owners[(operation.kind, operation.id)] = keys.account(operation.id).pk
        for thing in things:
            if not isinstance(thing, LedgerAccount):
                for operation in thing_operations(thing):
                    operations.append(operation)
                    owners[(operation.kind, operation.id)] = _key_of(thing).pk
            if len(operations) >= LOAD_OPERATIONS:
                await self._apply(operations, owners)
                operations = []
        await self._apply(operations, owners)

    async def _of_accounts(self, accounts: Sequence[LedgerAccount]) -> list[Operation]:
        for account in accounts:
            path = account.path
            if await self._catalog.clearing_among(account.ledger_id, [path]):
                self.clearing.add(account.id)
        return await account_operations(self._parts.table, accounts)

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
        """Applies what the stream has told since the last call; gives how many changes that
        were. `sweep` removes what was loaded of ledgers that were deleted meanwhile.
        """
        count = 0
        async for changes in catch_up.to_tip():
            count += len(changes)
            for ledger_id in deleted_ledgers(changes):
                self.gone.add(ledger_id)
                self._unswept[ledger_id] = None
            operations: list[Operation] = []
            owners: dict[tuple[Kind, str], str] = {}
            standing: list[LedgerAccount] = []
            removed: list[LedgerAccount] = []
            for change in changes:
                if not isinstance(change, Change) or owner_of(change) in self.gone:
                    continue
                if isinstance(change.new, LedgerAccount):
                    standing.append(change.new)
                elif isinstance(change.old, LedgerAccount):
                    removed.append(change.old)
                else:
                    for operation in project_documents(change):
                        operations.append(operation)
                        owners[(operation.kind, operation.id)] = change.pk
            of_accounts = await self._of_accounts(standing)
            of_accounts += await removal_operations(self._parts.table, removed)
            for operation in of_accounts:
                operations.append(operation)
                owners[(operation.kind, operation.id)] = keys.account(operation.id).pk
            await self._apply(operations, owners)
        return count

    async def sweep(self) -> None:
        """Removes what stands of the ledgers whose deletion was followed since the last call."""
        for ledger_id in list(self._unswept):
            count = await sweep(self._parts.index, self._writer, ledger_id, into=self._into)
            del self._unswept[ledger_id]
            if count:
                self._parts.say(f"{count} documents of the deleted ledger {ledger_id} removed")


# --- Fresh indices --------------------------------------------------------------------------------
async def rebuild_search(parts: SearchParts) -> dict[Kind, str]:
    """Fills fresh indices of every kind and swaps them in; gives their names."""
    index, say = parts.index, parts.say
    for info in await index.indices():
        if not info.live:
            say(f"clearing away {info.name}, of an earlier rebuild")
            await index.delete_index(info.name)
    catch_up = CatchUp(parts.stream, parts.clock, await parts.book.listed(), keep=False)
    fresh = {kind: await index.create_index(kind) for kind in Kind}
    loader = Loader(parts, fresh)
    await loader.load_table()
    say(f"{loader.count} documents loaded; following the stream")
    await _follow_closely(loader, catch_up)
    await loader.sweep()
    for name in fresh.values():
        say(f"merging {name}")
        await index.finish_index(name)
    await _follow_closely(loader, catch_up)
    await loader.sweep()  # so that little is left for the fence
    async with fence(parts.stream, parts.book) as leases:
        await _follow_through(loader, catch_up, leases)
        await loader.sweep()
        await put_marks(parts.table, loader.clearing, f"rebuild {parts.clock.now_ms()}")
        old = await index.swap_aliases(fresh)
        lost = await parts.book.lost(leases.values())
        for seen in lost:
            await _rewind(parts, seen, catch_up)
        if lost:
            await put_marks(parts.table, loader.clearing, f"rewind {parts.clock.now_ms()}")
    await index.refresh()
    say("the fresh indices are live")
    for name in old:
        await index.delete_index(name)
    return fresh


async def _follow_closely(loader: Loader, catch_up: CatchUp) -> None:
    """Follows until one round brings little."""
    for _ in range(FOLLOW_ROUNDS_MAX):
        if await loader.follow(catch_up) < CLOSE_CHANGES:
            return


async def _follow_through(loader: Loader, catch_up: CatchUp, leases: Mapping[str, Lease]) -> None:
    """Follows until everything is in the fresh indices that is in the live ones."""
    for _ in range(FOLLOW_ROUNDS_MAX):
        await loader.follow(catch_up)
        if all(catch_up.has_reached(shard, lease.checkpoint) for shard, lease in leases.items()):
            return
        await asyncio.sleep(FOLLOW_IDLE_MS / 1_000)
    raise StoreUnavailable("the stream does not give what the live indices have")


async def _rewind(parts: SearchParts, seen: LeaseSeen, catch_up: CatchUp) -> None:
    """The fence did not hold for a shard: what its follower has brought to the old indices comes
    again.
    """
    caught = catch_up.shards.get(seen.shard_id)
    place = Checkpoint("" if caught is None else caught.position)
    for _ in range(REWIND_ATTEMPTS_MAX):
        if await parts.book.put_at(seen, place):
            return
        seen = (await parts.book.listed())[seen.shard_id]
    raise StoreUnavailable(f"{seen.shard_id} can't be followed again from {place.sequence}")


# --- In place -------------------------------------------------------------------------------------
async def reload_ledger(parts: SearchParts, ledger_id: str) -> None:
    """Brings one ledger's documents up to date in the live indices, and removes those of
    nothing.
    """
    loader = Loader(parts, None)
    standing: set[tuple[Kind, str]] = set()
    async for page in pages(parts.table, TableName.LEDGER):
        things = things_of(page, ledger_id)
        await loader.load(things)
        for thing in things:
            if _ledger_of(thing) in loader.gone:
                continue
            standing |= {(each.kind, each.id) for each in thing_operations(thing)}
    await parts.index.refresh()
    surplus: list[Operation] = []
    for kind in LEDGER_KINDS:
        async for stored in parts.index.scan(kind, ledger_id):
            if (kind, stored.id) not in standing and not await _stands(parts, kind, stored):
                surplus.append(Deletion(kind, stored.id, ledger_id, stored.version + 1))
    await BulkWriter(parts.index).apply(surplus)
    await parts.index.refresh()
    parts.say(f"{loader.count} documents loaded, {len(surplus)} removed")


async def _stands(parts: SearchParts, kind: Kind, stored: StoredDocument) -> bool:
    """Whether what a document is about has come to stand since the table was read."""
    source = stored.source
    if kind is Kind.ACCOUNTS:
        return await parts.table.get(keys.account(source["id"]), consistent=True) is not None
    if kind in (Kind.ENTRIES, Kind.LINES):
        entry_id = source["id"] if kind is Kind.ENTRIES else source["entry"]
        return await parts.table.get(keys.entry(entry_id), consistent=True) is not None
    return True  # a group is whatever entries say


async def heal_search(parts: SearchParts, lost: Sequence[str]) -> None:
    """Brings the live indices up to date after the stream forgot records that were never applied.

    Whatever was lost stands in the table; so everything is loaded again, and the shards are
    followed from the oldest record that the stream still keeps. The checkpoints move only when the
    load is done.
    """
    started_ms = parts.clock.now_ms()
    async with fence_of(parts.stream, parts.book, lost) as leases:
        listed = {shard.id for shard in await parts.stream.shards()}
        loader = Loader(parts, None)
        await loader.load_table()
        for shard_id, lease in leases.items():
            place = Checkpoint() if shard_id in listed else Checkpoint(finished=True)
            lease.heard_ms = started_ms
            await parts.book.advance(lease, place)
            parts.say(f"{shard_id} is followed on from what the stream still keeps")
