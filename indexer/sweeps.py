"""Removes what the search indices hold of a deleted ledger.

    deletion's record ─► sweep now          what was indexed
    second record     ─► sweep once more    what a post that raced the deletion has left

Nobody can see those documents: every list asks for a ledger, and a deleted one is not found. They
only take room, so a sweep that is lost to a crash matters little; a rebuild leaves them out, and
sweeps those of ledgers that are deleted while it runs from its fresh indices.
"""

from collections.abc import Mapping, Sequence

from indexer.bulk import BulkWriter
from indexer.records import Change, StreamChange
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.limits import BULK_DOCUMENTS_MAX, LEDGERS_CACHED_MAX
from shared.search.index import LEDGER_KINDS, Deletion, Index, Kind, Operation
from shared.store.catalog import Catalog


def deleted_ledgers(changes: Sequence[StreamChange]) -> list[str]:
    """Ids of the ledgers whose deletion is told, each once."""
    found: dict[str, None] = {}
    for change in changes:
        ledger = change.new if isinstance(change, Change) and change.moved else None
        if isinstance(ledger, Ledger) and ledger.state == "deleted":
            found[ledger.id] = None
    return list(found)


def owner_of(change: Change) -> str | None:
    """The ledger that an entry or account is of."""
    thing = change.old if change.new is None else change.new
    return thing.ledger_id if isinstance(thing, LedgerEntry | LedgerAccount) else None


async def sweep(
    index: Index, writer: BulkWriter, ledger_id: str, *, into: Mapping[Kind, str] | None = None
) -> int:
    """Removes every document of the ledger; gives their number. Once more changes nothing.

    `into`: from these indices, which `writer` writes to, instead of the live ones.
    """
    await index.refresh(into=into)
    count = 0
    for kind in LEDGER_KINDS:
        batch: list[Operation] = []
        name = None if into is None else into[kind]
        async for stored in index.scan(kind, ledger_id, index=name):
            batch.append(Deletion(kind, stored.id, ledger_id, stored.version + 1))
            if len(batch) >= BULK_DOCUMENTS_MAX:
                await writer.apply(batch)
                count += len(batch)
                batch = []
        await writer.apply(batch)
        count += len(batch)
    return count


class GoneLedgers:
    """Ledgers that this process knows to be deleted: their documents need not be written."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def add(self, ledger_id: str) -> None:
        if len(self._ids) >= LEDGERS_CACHED_MAX:
            self._ids.pop(next(iter(self._ids)))
        self._ids[ledger_id] = None

    def __contains__(self, ledger_id: object) -> bool:
        return ledger_id in self._ids

    async def look_up(self, catalog: Catalog, ledger_ids: set[str]) -> None:
        """Finds out about ledgers: for a load from the table, which meets no deletion's record."""
        for ledger_id in sorted(ledger_ids):
            ledger: Ledger | None = await catalog.head(ledger_id)
            if ledger is not None and ledger.state == "deleted":
                self.add(ledger_id)
