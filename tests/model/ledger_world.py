"""The whole system on the twins, asked through GraphQL, one step at a time in virtual time."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from random import Random
from typing import Any, TypeVar

from shared.testing.counting import CountingMetrics
from shared.testing.invariants import audit, collect
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex
from shared.testing.memory_stream import MemoryStream
from shared.testing.simulator import SimulatedLoop, VirtualClock
from tests.indexer_rig import Process
from tests.indexer_rig import World as Indexing
from tests.migrating import migrate
from tests.read_rig import Engines
from tests.write_api_rig import WriteRig

T = TypeVar("T")
PAGE = 7  # nodes a page, so that lists have several
WALK_STEPS_MAX = 100
HEAD_SEEN_S = 1.1  # a process may hold a ledger's head for a second


class LedgerWorld:
    """One write tier, one indexer and the twins. Nothing moves between two calls of `run`."""

    def __init__(self) -> None:
        self.loop = SimulatedLoop(Random(1))
        self._owners = count(1)
        self.run(self._open())

    async def _open(self) -> None:
        clock = VirtualClock(self.loop)
        self.indexing = Indexing(clock)
        self.table: MemoryTable = self.indexing.table
        self.index: MemoryIndex = self.indexing.index
        self.stream: MemoryStream = self.indexing.stream
        self.rig = WriteRig(Engines(self.table, self.index, CountingMetrics()), clock=clock)
        await self.rig.open()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs one step to its end."""
        asyncio.set_event_loop(self.loop)
        return self.loop.run_until_complete(main)

    def restart(self) -> None:
        """A new write process knows nothing but the table."""

        async def main() -> None:
            self.rig.restart()

        self.run(main())

    def ask(self, query: str, **variables: Any) -> Any:
        """Data of an answer without errors."""
        return self.run(self.rig.ask(query, **variables)).data

    def refusals(self, query: str, **variables: Any) -> list[tuple[str, str]]:
        """Code and message of each error of an answer."""
        return self.run(self.rig.ask(query, **variables)).refusals

    def walk(self, query: str, connection: tuple[str, ...], **variables: Any) -> list[Any]:
        """All nodes of a connection, page by page; the query takes $first and $after."""
        nodes: list[Any] = []
        after = None
        for _ in range(WALK_STEPS_MAX):
            data = self.ask(query, first=PAGE, after=after, **variables)
            for name in connection:
                data = data[name]
            nodes += data["nodes"]
            after = data["pageInfo"]["endCursor"]
            assert data["pageInfo"]["hasNextPage"] == (after is not None)
            if after is None:
                return nodes
        raise AssertionError("the list doesn't end")

    def follow(self) -> None:
        """An indexer comes, applies everything that the stream tells, and goes."""

        async def main() -> None:
            process = Process(self.indexing.engines, f"indexer-{next(self._owners)}")
            await self.indexing.drain()
            await process.stop()

        self.run(main())

    def migrate(self) -> None:
        """Ledgers come to be on the newest versions of their Schemas, and every process sees it."""

        async def main() -> None:
            await migrate(self.rig.services)
            await asyncio.sleep(HEAD_SEEN_S)

        self.run(main())

    def findings(self) -> list[Any]:
        """What verify finds."""

        async def main() -> list[Any]:
            return audit(await collect(self.table, self.index))

        return self.run(main())

    def close(self) -> None:
        async def main() -> None:
            await self.rig.close()

        self.run(main())
        asyncio.set_event_loop(None)
        self.loop.close()
