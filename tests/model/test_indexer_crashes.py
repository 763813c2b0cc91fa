"""The indexer against death: at every call of an engine, and by seeds, all at once."""

import asyncio
from random import Random

import pytest

from indexer.appliers import Applier
from indexer.follower import ShardFollower
from indexer.leases import LeaseBook
from indexer.meters import ProjectorMeters
from indexer.projectors import Engines, Projectors, recount_parts, search_parts
from indexer.reads import ShardReads
from indexer.recount import recount_balances
from indexer.reindex import rebuild_search
from shared.errors import TwofoldError
from shared.observe import Metrics
from shared.testing.faults import FaultyStream, FaultyTable, swarm_stream, swarm_table
from shared.testing.faulty_index import FaultyIndex, IndexFaults
from tests.builders import stand
from tests.indexer_rig import Process, World, simulated, some_entries

STREAM_CALLS = ("shards", "iterator", "read")
TABLE_CALLS = ("get_many", "get", "query", "write", "transact")
INDEX_CALLS = ("bulk",)


class Mortal:
    """An engine whose caller dies at its n-th call: before it arrives, or with its answer."""

    def __init__(self, engine: object, calls: tuple[str, ...], life: "Life") -> None:
        self._engine = engine
        self._calls = calls
        self._life = life

    def __getattr__(self, name):
        call = getattr(self._engine, name)
        if name not in self._calls:
            return call

        async def mortal(*arguments, **options):
            self._life.live(0)
            answer = await call(*arguments, **options)
            self._life.live(1)
            return answer

        return mortal


class Life:
    """Counts the moments at which a process can die."""

    def __init__(self, moments: int) -> None:
        self.left = moments

    def live(self, _: int) -> None:
        if self.left == 0:
            raise asyncio.CancelledError
        self.left -= 1


async def follow_until_death(world: World, projector: int, life: Life, owner: str) -> bool:
    """Follows the shard with one projector until it is read or life ends; True if it died."""
    engines = Engines(
        Mortal(world.table, TABLE_CALLS, life),
        Mortal(world.stream, STREAM_CALLS, life),
        Mortal(world.index, INDEX_CALLS, life),
        world.clock,
    )
    projectors = Projectors(engines, Metrics(), owner)
    applier: Applier = projectors.rosters[projector]._applier
    stop = asyncio.Event()

    async def process() -> None:
        book: LeaseBook = applier.book
        shard = world.stream.open_shards()[0]
        await book.begin([shard])
        lease = await book.take((await book.listed())[shard], from_living=True)
        assert lease is not None
        follower = ShardFollower(
            lease,
            ShardReads(engines.stream, shard, world.clock),
            applier,
            clock=world.clock,
            meters=ProjectorMeters(projectors._families, applier.projector),
            stop=stop,
        )
        await follower.run()

    task = asyncio.create_task(process())
    await asyncio.wait([task], timeout=5)
    died = task.done()
    stop.set()
    await asyncio.gather(task, return_exceptions=True)
    return died


@pytest.mark.parametrize("projector", [0, 1], ids=["search", "balances"])
def test_death_at_any_call_loses_nothing_and_doubles_nothing(projector):
    """70 users make a read of more items than one batch holds."""

    async def one(world: World, moments: int) -> bool:
        first = some_entries(world.ledger, 70, users=70)
        await stand(world.table, *first)
        died = await follow_until_death(world, projector, Life(moments), "mortal")
        await stand(world.table, *some_entries(world.ledger, 5, first=100))
        await stand(world.table, first[0]._replace(tags=(("k", "v"),), revision=2))
        heir = world.start("heir")
        await world.drain()
        assert await world.judge() == []
        await heir.stop()
        return died

    moments = 0
    while simulated(lambda world, moments=moments: one(world, moments)):
        moments += 1
    assert moments > 15


@pytest.mark.parametrize("seed", range(6))
def test_death_again_and_again_still_converges(seed):
    async def main(world: World):
        random = Random(seed)
        for turn in range(25):
            batch = some_entries(world.ledger, 8, seed=turn, users=40, first=turn * 10)
            await stand(world.table, *batch)
            life = Life(random.randrange(30))
            await follow_until_death(world, turn % 2, life, f"mortal-{turn}")
        heir = world.start("heir")
        await world.drain()
        assert await world.judge() == []
        await heir.stop()

    simulated(main, seed=seed)


class Chaos:
    """Two processes on faulty engines, killed, stopped and started by a seed under load."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.processes: dict[str, Process] = {}
        self.entries: list = []
        self.count = 0

    async def step(self) -> None:
        """One thing happens."""
        await self.random.choice(
            [self.post, self.post, self.post, self.update, self.start, self.kill, self.stop,
             self.split, self.rest, self.rest]
        )()  # fmt: skip

    async def post(self) -> None:
        made = some_entries(
            self.world.ledger,
            self.random.randrange(1, 40),
            seed=self.count,
            users=self.random.choice([3, 60]),
            first=self.count,
        )
        self.count += len(made)
        self.entries += made
        await stand(self.world.table, *made)

    async def update(self) -> None:
        if self.entries:
            at = self.random.randrange(len(self.entries))
            before = self.entries[at]
            after = before._replace(
                tags=((f"k{self.count}", "v"),),
                groups=(*before.groups, (f"g{before.revision}", "v")),
                revision=before.revision + 1,
            )
            self.entries[at] = after
            await stand(self.world.table, after)

    async def start(self) -> None:
        owner = self.random.choice(["one", "two"])
        if owner not in self.processes:
            self.processes[owner] = self.world.start(owner)

    async def kill(self) -> None:
        if self.processes:
            await self.processes.pop(self.random.choice(sorted(self.processes))).kill()

    async def stop(self) -> None:
        if self.processes:
            await self.processes.pop(self.random.choice(sorted(self.processes))).stop()

    async def split(self) -> None:
        if len(self.world.stream.open_shards()) < 5:
            self.world.stream.split(self.random.choice(self.world.stream.open_shards()))

    async def rest(self) -> None:
        await asyncio.sleep(self.random.choice([0.05, 0.5, 5]))


@pytest.mark.parametrize("seed", range(12))
def test_under_faults_of_every_engine_everything_converges(seed):
    faults = Random(seed)

    async def main(world: World):
        chaos = Chaos(world, seed)
        await chaos.start()
        for _ in range(40):
            await chaos.step()
        table, stream, index = world.engines.table, world.engines.stream, world.engines.index
        table.calm()
        stream.calm()
        index.calm()
        await table.settle()
        heir = world.start("heir")
        await world.drain()
        assert await world.judge() == []
        for process in chaos.processes.values():
            await process.stop()
        await heir.stop()

    rates = {"unavailable": 50, "lost_answer": 50, "overloaded": 50}
    simulated(
        main,
        seed=seed,
        shards_count=1 + seed % 3,
        table=lambda each: FaultyTable(each, faults, swarm_table(faults)),
        stream=lambda each: FaultyStream(each, faults, swarm_stream(faults)),
        index=lambda each: FaultyIndex(each, seed, IndexFaults(**rates)),
    )


@pytest.mark.parametrize("seed", range(6))
def test_rebuilds_under_faults_and_deaths_converge(seed):
    faults = Random(seed)

    async def main(world: World):
        chaos = Chaos(world, seed)
        await chaos.start()
        told: list[str] = []
        for turn in range(6):
            for _ in range(6):
                await chaos.step()
            search = search_parts(world.engines, f"rebuild-{turn}", told.append)
            balances = recount_parts(
                world.engines,
                f"rebuild-{turn}",
                Projectors(world.engines, Metrics(), "x")._families,
                told.append,
                settle_ms=3_000,
            )
            task = asyncio.create_task(
                rebuild_search(search) if turn % 2 else recount_balances(balances)
            )
            await asyncio.wait([task], timeout=chaos.random.choice([0.5, 3, 60]))
            task.cancel()
            outcome = (await asyncio.gather(task, return_exceptions=True))[0]
            assert outcome is not AssertionError
            if isinstance(outcome, Exception):
                assert isinstance(outcome, TwofoldError), outcome
        world.engines.table.calm()
        await world.engines.table.settle()
        heir = world.start("heir")
        await world.drain()
        assert await world.judge() == []
        for process in chaos.processes.values():
            await process.stop()
        await heir.stop()

    simulated(
        main,
        seed=seed,
        shards_count=1 + seed % 2,
        table=lambda each: FaultyTable(each, faults, swarm_table(faults, rate_max=60)),
    )
