"""RollupWriter: sums and checkpoint in the same batches, exactly once."""

import pytest

from indexer import rollups
from indexer.leases import Checkpoint, LeaseBook
from indexer.quarantine import Quarantine
from indexer.rollups import RollupWriter
from indexer.windows import mark_puts
from shared.clock import FixedClock
from shared.errors import LeaseLost, StoreRefused, StoreTimeout, StoreUnavailable
from shared.limits import ROLLUP_ITEMS_MAX
from shared.store import keys
from shared.store.table import (
    Cancelled,
    Cause,
    Reason,
    TableName,
    Transacted,
    Update,
)
from shared.testing.memory import MemoryTable


class Steps:
    """A table whose batches go through a script: `None` writes, `lost` writes and loses the
    answer.
    """

    def __init__(self, table: MemoryTable) -> None:
        self.table = table
        self.script: list[object] = []
        self.sizes: list[int] = []

    async def transact(self, writes, token):
        self.sizes.append(len(writes))
        turn = self.script.pop(0) if self.script else None
        if isinstance(turn, Exception):
            raise turn
        if isinstance(turn, Cancelled):
            return turn
        answer = await self.table.transact(writes, token)
        if turn == "lost":
            raise StoreTimeout("no answer")
        return answer

    def __getattr__(self, name):
        return getattr(self.table, name)


class Bench:
    """One shard's writer on one table."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.table = Steps(MemoryTable(clock=self.clock))
        self.book = LeaseBook(self.table, "balances", "a", self.clock)
        self.writer = RollupWriter(self.table, self.book, self.clock)

    async def lease(self):
        await self.book.begin(["s1"])
        lease = await self.book.take((await self.book.listed())["s1"])
        assert lease is not None
        return lease

    async def checkpoint(self) -> Checkpoint:
        return (await self.book.listed())["s1"].checkpoint

    def sums(self) -> list[int]:
        items = self.table.table.dump(TableName.BALANCES)
        return [item["o"] for item in items if str(item["pk"])[:2] == "B#"]

    def marked(self) -> list[str]:
        items = self.table.table.dump(TableName.BALANCES)
        return sorted(str(item["sk"]) for item in items if item["pk"] == keys.clearing_marks())


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(rollups, "STORE_BACKOFF_MS", 0)


def updates(count: int, amount: int = 1) -> list[Update]:
    made = [
        Update(keys.history_head(f"{at:032x}", "USD"), add={"o": amount, "r": 1})
        for at in range(count)
    ]
    return sorted(made, key=lambda update: update.key)


async def test_what_fits_goes_in_one_batch_with_the_checkpoint(bench):
    lease = await bench.lease()
    await bench.writer.apply(lease, "9", updates(ROLLUP_ITEMS_MAX), [])
    assert bench.table.sizes == [ROLLUP_ITEMS_MAX + 1]
    assert bench.sums() == [1] * ROLLUP_ITEMS_MAX
    assert await bench.checkpoint() == Checkpoint("9") == lease.checkpoint


async def test_a_read_that_adds_nothing_moves_the_checkpoint(bench):
    lease = await bench.lease()
    await bench.writer.apply(lease, "9", [], [])
    assert await bench.checkpoint() == Checkpoint("9")


async def test_more_goes_in_steps_and_writes_each_item_once(bench):
    lease = await bench.lease()
    await bench.writer.apply(lease, "9", updates(2 * ROLLUP_ITEMS_MAX + 7), [])
    assert bench.table.sizes == [ROLLUP_ITEMS_MAX + 1, ROLLUP_ITEMS_MAX + 1, 8]
    assert bench.sums() == [1] * (2 * ROLLUP_ITEMS_MAX + 7)
    assert await bench.checkpoint() == Checkpoint("9")


@pytest.mark.parametrize("died_after", [1, 2])
async def test_after_a_death_between_steps_the_next_owner_goes_on_where_it_stopped(
    bench, died_after
):
    lease = await bench.lease()
    bench.table.script = [None] * died_after + [StoreUnavailable("dead")]
    with pytest.raises(StoreUnavailable):
        await bench.writer.apply(lease, "9", updates(250), [])
    stands = await bench.checkpoint()
    assert (stands.sequence, stands.upto) == ("", "9")
    assert stands.in_progress
    assert sum(bench.sums()) == died_after * ROLLUP_ITEMS_MAX
    heir = await bench.lease()
    await bench.writer.apply(heir, "9", updates(250), [])
    assert bench.sums() == [1] * 250
    assert await bench.checkpoint() == Checkpoint("9")


@pytest.mark.parametrize("lost_at", [0, 1, 2])
async def test_a_lost_answer_adds_nothing_twice(bench, lost_at):
    lease = await bench.lease()
    bench.table.script = [None] * lost_at + ["lost"]
    await bench.writer.apply(lease, "9", updates(250), [])
    assert bench.sums() == [1] * 250
    assert await bench.checkpoint() == Checkpoint("9")


async def test_a_batch_that_never_arrived_is_sent_again(bench):
    lease = await bench.lease()
    bench.table.script = [StoreTimeout("no answer"), StoreTimeout("no answer")]
    await bench.writer.apply(lease, "9", updates(3), [])
    assert bench.sums() == [1, 1, 1]
    assert len(bench.table.sizes) == 3


async def test_conflicts_are_tried_again(bench):
    lease = await bench.lease()
    conflict = Cancelled((Reason(Cause.NONE), Reason(Cause.CONFLICT), Reason(Cause.NONE)))
    bench.table.script = [conflict, conflict]
    await bench.writer.apply(lease, "9", updates(2), [])
    assert bench.sums() == [1, 1]


async def test_who_lost_the_shard_adds_nothing(bench):
    lease = await bench.lease()
    heir = await bench.lease()
    with pytest.raises(LeaseLost):
        await bench.writer.apply(lease, "9", updates(3), [])
    assert bench.sums() == []
    await bench.writer.apply(heir, "9", updates(3), [])
    assert bench.sums() == [1, 1, 1]


@pytest.mark.parametrize("lost_at", [0, 1, 2, 3])
@pytest.mark.parametrize("lands_after", [0, 1])
async def test_a_batch_that_lands_late_lands_once(bench, lost_at, lands_after):
    """A batch is lost on the way, and lands before or after the one that is sent in its place."""
    lease = await bench.lease()
    calls = 0
    held: list = []

    async def late(writes, token):
        nonlocal calls
        calls += 1
        if calls == lost_at + 1:
            held.append((writes, token))
            raise StoreTimeout("no answer")
        if held and not lands_after:
            assert isinstance(await bench.table.table.transact(*held.pop()), Transacted)
        answer = await bench.table.table.transact(writes, token)
        if held:
            assert isinstance(await bench.table.table.transact(*held.pop()), Cancelled)
        return answer

    bench.table.transact = late
    await bench.writer.apply(lease, "9", updates(350), [])
    assert bench.sums() == [1] * 350
    assert await bench.checkpoint() == Checkpoint("9")


async def test_sums_that_an_item_cannot_take_are_put_aside_and_the_rest_is_added(bench):
    lease = await bench.lease()
    full = keys.history_head(f"{7:032x}", "USD")
    await bench.table.write(Update(full, set={"o": 10**38 - 1}))
    await bench.writer.apply(lease, "9", updates(120, amount=2), [])
    sums = bench.sums()
    assert sums.count(2) == 119
    assert sums.count(10**38 - 1) == 1
    assert await bench.checkpoint() == Checkpoint("9")
    kept = [aside async for aside in Quarantine(bench.table).kept("balances")]
    assert [each.kind for each in kept] == ["deltas"]
    assert kept[0].body == {"deltas": [[full.pk, full.sk, {"o": "2", "r": "1"}]]}
    assert bench.writer.put_aside_count == 1


async def test_a_batch_that_the_store_refuses_is_narrowed_down_to_the_culprit(bench):
    lease = await bench.lease()
    culprit = updates(50)[30].key

    async def refusing(writes, token):
        if any(isinstance(each, Update) and each.key == culprit for each in writes):
            raise StoreRefused("the item outgrows 400 KB")
        return await bench.table.table.transact(writes, token)

    bench.table.transact = refusing
    await bench.writer.apply(lease, "9", updates(50), [])
    assert bench.sums() == [1] * 49
    kept = [aside async for aside in Quarantine(bench.table).kept("balances")]
    assert [each.reason for each in kept] == ["the item outgrows 400 KB"]
    assert await bench.checkpoint() == Checkpoint("9")


async def test_a_store_that_never_takes_a_batch_is_unavailable(bench):
    lease = await bench.lease()
    bench.table.script = [Cancelled((Reason(Cause.THROTTLED),) * 2)] * 1_000
    with pytest.raises(StoreUnavailable):
        await bench.writer.apply(lease, "9", updates(1), [])
    assert bench.sums() == []
    assert await bench.checkpoint() == Checkpoint()


async def test_marks_stand_behind_all_sums_also_over_several_batches():
    bench = Bench()
    lease = await bench.lease()
    accounts = [f"{at:032x}" for at in range(ROLLUP_ITEMS_MAX)]
    updates = [Update(keys.history_head(each, "USD"), add={"o": 1, "r": 1}) for each in accounts]
    marks = mark_puts(reversed(accounts), "s1 9")
    bench.table.script = [None, StoreUnavailable("dies")]
    with pytest.raises(StoreUnavailable):
        await bench.writer.apply(lease, "9", updates, [], marks)
    assert len(bench.sums()) == ROLLUP_ITEMS_MAX
    assert bench.marked() == []
    await bench.writer.apply(lease, "9", updates, [], marks)
    assert bench.marked() == accounts
    assert bench.sums() == [1] * ROLLUP_ITEMS_MAX
    assert await bench.checkpoint() == Checkpoint("9")
