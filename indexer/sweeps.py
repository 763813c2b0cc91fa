"""Removes what the search indices hold of a deleted ledger.

    deletion's record ─► sweep now          what was indexed
    second record     ─► sweep once more    what a post that raced the deletion has left

Nobody can see those documents: every list asks for a ledger, and a deleted one is not found. They
only take room, so a sweep that is lost to a crash matters little; a rebuild leaves them out.
"""

from indexer.bulk import BulkWriter
from shared.ledger.ledgers import Ledger
from shared.limits import BULK_DOCUMENTS_MAX, LEDGERS_CACHED_MAX
from shared.search.index import LEDGER_KINDS, Deletion, Index, Operation
from shared.store.catalog import Catalog


async def sweep(index: Index, writer: BulkWriter, ledger_id: str) -> int:
    """Removes every document of the ledger; gives their number. Once more changes nothing."""
    await index.refresh()
    count = 0
    for kind in LEDGER_KINDS:
        batch: list[Operation] = []
        async for stored in index.scan(kind, ledger_id):
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
