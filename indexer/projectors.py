"""Both projectors over given engines: what a process of the indexer runs, and what tests run in one
loop.

stream ─► StreamReads ─┬─► Roster(search)   ─► ShardFollower ─► SearchApplier   ─► indices
                       └─► Roster(balances) ─► ShardFollower ─► BalancesApplier ─► table `balances`
                                                marks ─► ClearingRefresher ─► index of accounts
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from indexer.appliers import BalancesApplier, SearchApplier
from indexer.bulk import BulkWriter
from indexer.clearing import ClearingRefresher
from indexer.counting import SETTLE_MS, RecountParts
from indexer.fence import sole_rebuilder
from indexer.folds import Folder
from indexer.leases import FENCE_MARK, LeaseBook
from indexer.meters import HEAL_DONE, HEAL_STARTED, IndexerFamilies, ProjectorMeters
from indexer.quarantine import BALANCES, SEARCH, Quarantine
from indexer.reads import StreamReads
from indexer.recount import recount_balances
from indexer.reindex import SearchParts, heal_search
from indexer.rollups import RollupWriter
from indexer.roster import STOP_MS_MAX, Roster
from indexer.windows import WindowBook
from shared.clock import Clock
from shared.observe import EventLog, Metrics
from shared.search.index import Index
from shared.store.catalog import Catalog
from shared.store.streams import Stream
from shared.store.table import Table

LOG = EventLog("indexer")


@dataclass(frozen=True, slots=True)
class Engines:
    """What the projectors work on."""

    table: Table
    stream: Stream
    index: Index
    clock: Clock


def balances_applier(
    engines: Engines,
    book: LeaseBook,
    families: IndexerFamilies,
    on_marks: Callable[[], None] = lambda: None,
) -> BalancesApplier:
    """The balances projector's applier, under the name that `book` has.

    `on_marks` is told when it has marked clearing accounts.
    """
    table, clock = engines.table, engines.clock
    return BalancesApplier(
        RollupWriter(table, book, clock),
        book,
        Catalog(table, clock),
        Folder(table),
        WindowBook(table),
        clock,
        families,
        on_marks,
    )


def search_parts(engines: Engines, owner: str, say: Callable[[str], None]) -> SearchParts:
    """What a rebuild of the indices by `owner` works with."""
    table, clock = engines.table, engines.clock
    book = LeaseBook(table, SEARCH, owner + FENCE_MARK, clock)
    quarantine = Quarantine(table)
    return SearchParts(table, engines.stream, engines.index, book, quarantine, clock, say)


def recount_parts(
    engines: Engines,
    owner: str,
    families: IndexerFamilies,
    say: Callable[[str], None],
    settle_ms: int = SETTLE_MS,
) -> RecountParts:
    """What a recount of the histories by `owner` works with."""
    table, clock = engines.table, engines.clock
    applier = balances_applier(
        engines, LeaseBook(table, BALANCES, owner + FENCE_MARK, clock), families
    )
    catalog = Catalog(table, clock)
    return RecountParts(table, engines.stream, catalog, clock, applier, say, settle_ms)


class Projectors:
    """One process's share of both projections. `owner` names the process among all of them."""

    def __init__(self, engines: Engines, metrics: Metrics, owner: str) -> None:
        self._engines = engines
        self._families = IndexerFamilies(metrics)
        self._owner = owner
        table, clock = engines.table, engines.clock
        reads = StreamReads(engines.stream, clock)
        search_book = LeaseBook(table, SEARCH, owner, clock)
        writer, quarantine = BulkWriter(engines.index), Quarantine(table)
        search = SearchApplier(
            table, engines.index, writer, search_book, quarantine, clock, self._families
        )
        self.clearing = ClearingRefresher(
            table, writer, LeaseBook(table, SEARCH, owner, clock), quarantine, clock
        )
        balances = balances_applier(
            engines,
            LeaseBook(table, BALANCES, owner, clock),
            self._families,
            self.clearing.wake,
        )
        self.rosters = [
            Roster(
                engines.stream,
                reads,
                applier,
                heal,
                clock=clock,
                meters=ProjectorMeters(self._families, applier.projector),
                owner=owner,
            )
            for applier, heal in ((search, self._heal_search), (balances, self._heal_balances))
        ]

    async def run(self) -> None:
        """Follows until `stop`, then lets go: within about two seconds."""
        loop = asyncio.get_running_loop()
        refreshing = loop.create_task(self.clearing.run())
        following = [loop.create_task(roster.run()) for roster in self.rosters]
        try:
            await asyncio.gather(*following)
            self.clearing.stop()
            await asyncio.wait([refreshing], timeout=STOP_MS_MAX / 1_000)
        except Exception:  # one has ended: the other doesn't go on alone, unseen
            self.stop()
            await asyncio.gather(*following, return_exceptions=True)
            raise
        finally:
            refreshing.cancel()  # what it had under way stays marked
            await asyncio.gather(refreshing, return_exceptions=True)

    def stop(self) -> None:
        """Ends `run`."""
        self.clearing.stop()
        for roster in self.rosters:
            roster.stop()

    def measure(self) -> None:
        """Brings the lag metrics up to date."""
        for roster in self.rosters:
            roster.measure()

    async def _heal_search(self, lost: list[str]) -> None:
        parts = search_parts(self._engines, self._owner, _say(SEARCH))
        async with self._sole(SEARCH):
            await heal_search(parts, lost)
        LOG.info(HEAL_DONE, projector=SEARCH)

    async def _heal_balances(self, lost: list[str]) -> None:
        parts = recount_parts(self._engines, self._owner, self._families, _say(BALANCES))
        async with self._sole(BALANCES):
            done = await recount_balances(parts)
        LOG.info(HEAL_DONE, projector=BALANCES, repaired=len(done.repaired), lost=lost)

    def _sole(self, projector: str) -> AbstractAsyncContextManager[None]:
        LOG.warning(HEAL_STARTED, projector=projector)
        engines = self._engines
        return sole_rebuilder(engines.table, projector, self._owner, engines.clock)


def _say(projector: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        LOG.info(text, projector=projector)

    return say
