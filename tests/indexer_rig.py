"""The indexer over the in-memory twins, in virtual time: processes that start, stop, die and are
judged."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from indexer.leases import LeaseBook
from indexer.projectors import Engines, Projectors
from indexer.quarantine import PROJECTORS
from shared.clock import Clock
from shared.ledger.audits import Finding
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.observe import Metrics
from shared.search.index import Index
from shared.store.streams import Stream
from shared.store.table import Table
from shared.testing.invariants import audit, collect
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex
from shared.testing.memory_stream import MemoryStream
from shared.testing.simulator import VirtualClock, run_simulated
from tests.builders import NOW_MS, entry, ledger, stand

T = TypeVar("T")
DRAIN_S_MAX = 300


class Process:
    """One process of the indexer: its projectors, running."""

    def __init__(self, engines: Engines, owner: str) -> None:
        self.metrics = Metrics()
        self.projectors = Projectors(engines, self.metrics, owner)
        self._task = asyncio.get_running_loop().create_task(self.projectors.run())

    async def stop(self) -> None:
        """SIGTERM."""
        self.projectors.stop()
        await self._task

    async def kill(self) -> None:
        """kill -9: nothing is finished, nothing given back."""
        for roster in self.projectors.rosters:
            for _, task in roster._following.values():
                task.cancel()
            roster._following.clear()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def value(self, name: str, projector: str) -> float:
        """A metric of one projector."""
        self.projectors.measure()
        value = self.metrics.registry.get_sample_value(name, {"projector": projector})
        assert value is not None
        return value


class World:
    """The twins, a ledger in them, and as many processes as a test starts."""

    def __init__(
        self,
        clock: Clock,
        *,
        shards_count: int = 1,
        table: Callable[[MemoryTable], Table] | None = None,
        stream: Callable[[MemoryStream], Stream] | None = None,
        index: Callable[[MemoryIndex], Index] | None = None,
    ) -> None:
        self.clock = clock
        self.stream = MemoryStream(clock=clock, shards_count=shards_count)
        self.table = MemoryTable(clock=clock, stream=self.stream)
        self.index = MemoryIndex()
        self.engines = Engines(
            self.table if table is None else table(self.table),
            self.stream if stream is None else stream(self.stream),
            self.index if index is None else index(self.index),
            clock,
        )
        self.bare = Engines(self.table, self.stream, self.index, clock)
        self.ledger: Ledger = ledger()

    async def open(self) -> "World":
        """Puts the ledger there."""
        await stand(self.table, self.ledger)
        return self

    def start(self, owner: str = "one") -> Process:
        """Starts a process on the engines as they are for processes."""
        return Process(self.engines, owner)

    async def is_caught_up(self) -> bool:
        """Whether every shard is applied to its end by both projectors."""
        told = {
            shard.id: self.stream._shards[shard.id].sequences
            for shard in await self.stream.shards()
        }
        for projector in PROJECTORS:
            leases = await LeaseBook(self.table, projector, "judge", self.clock).listed()
            for shard_id, sequences in told.items():
                seen = leases.get(shard_id)
                if not sequences or (seen is not None and seen.checkpoint.finished):
                    continue
                if seen is None or seen.checkpoint.sequence != str(sequences[-1]):
                    return False
        return True

    async def drain(self) -> None:
        """Waits until everything is applied."""
        for _ in range(DRAIN_S_MAX * 10):
            if await self.is_caught_up():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the indexer does not catch up")

    async def judge(self) -> list[Finding]:
        """I1 to I7 of everything that stands."""
        return audit(await collect(self.table, self.index))


def simulated(main: Callable[[World], Coroutine[Any, Any, T]], *, seed: int = 1, **kind: Any) -> T:
    """Runs `main` with a world of its own, in virtual time."""

    async def run() -> T:
        world = World(VirtualClock(asyncio.get_running_loop()), **kind)
        return await main(await world.open())

    return run_simulated(run(), seed)


def some_entries(
    of: Ledger,
    count: int,
    seed: int = 1,
    *,
    users: int = 6,
    first: int = 0,
    created_ms: int = NOW_MS,
) -> list[LedgerEntry]:
    """Entries over a few users and banks, some with groups, posted over some months."""
    random = Random(seed)
    entries = []
    for at in range(first, first + count):
        user, bank = random.randrange(users), random.randrange(3)
        amount = random.choice([random.randrange(1, 1_000), 10 ** random.randrange(1, 36)])
        made = entry(
            of,
            f"ik-{at}",
            (f"liabilities/users:u{user}/available", amount),
            (f"assets/banks/b{bank}", amount),
            posted_ms=NOW_MS - random.randrange(0, 90 * 86_400_000),
            created_ms=created_ms + at,
            groups=[("batch", str(at % 4))] if at % 3 == 0 else [],
        )
        entries.append(made._replace(type=f"type-{at % 3}", type_version=1) if at % 2 else made)
    return entries
