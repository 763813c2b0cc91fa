"""Brings the documents of clearing accounts up to date: marks -> accounts as they stand -> index.

    balances projector   window, then sums, then the mark CM#accounts       (windows.py, rollups.py)
    refresher            reads a page of marks ─► reads accounts, windows, heads ─► one bulk
                         ─► removes each mark, if it is still the one that was read

A mark is written after everything it tells of, and whoever refreshes reads after the mark, so the
last mark's refresh shows the last state. Several refreshers, a repeated or a late one are harmless:
a document's version counts every change of all it shows (accounts.py), so the state that comes
last has the highest one.

A mark that is set again has another value, so it isn't removed by who has read the one before.
Of a deleted ledger nothing is refreshed, and its marks go.
While a rebuild holds the search projector's fence nothing is refreshed: under it the rebuild marks
every clearing account, and what was refreshed in the old index comes again in the fresh one.
"""

import asyncio
from collections.abc import Sequence

from indexer.accounts import account_operations
from indexer.bulk import BulkWriter
from indexer.leases import LeaseBook, is_fence
from indexer.meters import CLEARING_FAILED
from indexer.quarantine import Quarantine, document_aside
from indexer.records import UNREADABLE
from shared.clock import Clock
from shared.ledger.accounts import LedgerAccount
from shared.limits import (
    CLEARING_LOOK_MS,
    CLEARING_MARK_PAGES_MAX,
    CLEARING_MARKS_PER_PAGE,
    CLEARING_PACE_MS,
    WINDOWS_AT_ONCE,
)
from shared.observe import EventLog
from shared.store import keys
from shared.store.items import account_from_item, ledger_from_item
from shared.store.table import Delete, Is, Item, Table, TableName

LOG = EventLog("indexer")


class ClearingRefresher:
    """One process's share of the refreshing. Every process may take any mark."""

    def __init__(
        self,
        table: Table,
        writer: BulkWriter,
        search_book: LeaseBook,
        quarantine: Quarantine,
        clock: Clock,
    ) -> None:
        self._table = table
        self._writer = writer
        self._search_book = search_book
        self._quarantine = quarantine
        self._clock = clock
        self._wake = asyncio.Event()
        self._stopped = False
        self.refreshed_count = 0

    def wake(self) -> None:
        """This process has just written marks."""
        self._wake.set()

    def stop(self) -> None:
        """Ends `run`."""
        self._stopped = True
        self._wake.set()

    async def run(self) -> None:
        """Refreshes until `stop`. Whatever fails is told and tried again at the next look."""
        while not self._stopped:
            try:
                async with asyncio.timeout(CLEARING_LOOK_MS / 1_000):
                    await self._wake.wait()
            except TimeoutError:
                pass
            else:
                if not self._stopped:
                    await asyncio.sleep(CLEARING_PACE_MS / 1_000)
            self._wake.clear()
            try:
                await self.refresh()
            except Exception as error:  # whatever it is: the marks stay, and it is told
                LOG.warning(CLEARING_FAILED, error=error)

    async def refresh(self) -> None:
        """Refreshes what is marked; nothing while a rebuild swaps indices."""
        after: str | None = None
        for _ in range(CLEARING_MARK_PAGES_MAX):
            page = await self._table.query(
                TableName.BALANCES,
                keys.clearing_marks(),
                after=after,
                limit=CLEARING_MARKS_PER_PAGE,
                consistent=True,
            )
            if not page.items or await self._is_fenced():
                return
            await self._refresh(page.items)
            if page.next_key is None or self._stopped:
                return
            after = page.next_key[1]

    async def _is_fenced(self) -> bool:
        """Asked after the marks were read: those of a rebuild are written under its fence.

        Nobody takes a finished shard back from a rebuild that died.
        """
        leases = (await self._search_book.listed()).values()
        return any(is_fence(each.owner) and not each.checkpoint.finished for each in leases)

    async def _refresh(self, marks: Sequence[Item]) -> None:
        wanted = [keys.account(str(mark["sk"])) for mark in marks]
        items = await self._table.get_many(wanted, consistent=True)
        accounts: list[LedgerAccount] = []
        for item in items:
            try:
                if item is not None:
                    accounts.append(account_from_item(item))
            except UNREADABLE:
                continue  # the search projector has put it aside; a retry reads it whole
        accounts = await self._of_standing_ledgers(accounts)
        operations = await account_operations(self._table, accounts)
        report = await self._writer.apply(operations)
        now_ms = self._clock.now_ms()
        asides = [
            document_aside("clearing", refused, reason, now_ms, keys.account(refused.id).pk)
            for refused, reason in report.refused
        ]
        await self._quarantine.keep(asides)
        await self._unmark(marks)
        self.refreshed_count += report.applied_count

    async def _of_standing_ledgers(self, accounts: list[LedgerAccount]) -> list[LedgerAccount]:
        """Without those of deleted ledgers, whose documents are removed and not to come again."""
        ids = list(dict.fromkeys([account.ledger_id for account in accounts]))
        heads = await self._table.get_many([keys.ledger(each) for each in ids], consistent=True)
        gone = {
            each
            for each, head in zip(ids, heads, strict=True)
            if head is not None and ledger_from_item(head).state == "deleted"
        }
        return [account for account in accounts if account.ledger_id not in gone]

    async def _unmark(self, marks: Sequence[Item]) -> None:
        for at in range(0, len(marks), WINDOWS_AT_ONCE):
            removing = [
                self._table.write(
                    Delete(keys.clearing_mark(str(mark["sk"])), guards=(Is("v", mark["v"]),))
                )
                for mark in marks[at : at + WINDOWS_AT_ONCE]
            ]
            for answer in await asyncio.gather(*removing, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer  # what is left is refreshed once more
