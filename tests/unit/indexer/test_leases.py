"""Leases: one owner at a time, fenced by the epoch, taken over from the dead."""

import pytest

from indexer.leases import Checkpoint, LeaseBook, LeaseSeen, is_unheard, shards_to_take
from shared.clock import FixedClock
from shared.errors import LeaseLost, StoreTimeout
from shared.limits import LEASE_MS, STREAM_UNHEARD_MS_MAX
from shared.store.streams import Shard
from shared.store.table import GuardFailed
from shared.testing.memory import MemoryTable


class Books:
    """Several processes' books on one table, with one clock."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.table = MemoryTable(clock=self.clock)

    def book(self, owner: str) -> LeaseBook:
        return LeaseBook(self.table, "search", owner, self.clock)


@pytest.fixture
def books() -> Books:
    return Books()


async def taken(book: LeaseBook, shard: str = "s1"):
    await book.begin([shard])
    lease = await book.take((await book.listed())[shard])
    assert lease is not None
    return lease


async def test_a_new_lease_is_free_and_begins_at_the_oldest_record(books):
    books_now_ms = books.clock.now_ms()
    book = books.book("a")
    await book.begin(["s1", "s2"])
    seen = await book.listed()
    assert sorted(seen) == ["s1", "s2"]
    assert seen["s1"] == LeaseSeen("s1", "", 0, 0, Checkpoint(), books_now_ms)
    assert book.is_free(seen["s1"])


async def test_beginning_again_leaves_a_lease_as_it_is(books):
    book = books.book("a")
    lease = await taken(book)
    await book.advance(lease, Checkpoint("17"))
    await book.begin(["s1"])
    seen = (await book.listed())["s1"]
    assert (seen.owner, seen.checkpoint) == ("a", Checkpoint("17"))


async def test_only_one_of_two_contenders_gets_a_shard(books):
    one, two = books.book("a"), books.book("b")
    await one.begin(["s1"])
    seen = (await one.listed())["s1"]
    assert await one.take(seen) is not None
    assert await two.take(seen) is None


async def test_a_living_owner_keeps_its_shard(books):
    one, two = books.book("a"), books.book("b")
    lease = await taken(one)
    for _ in range(5):
        assert not two.is_free((await two.listed())["s1"])
        books.clock.advance(LEASE_MS - 1)
        await one.renew(lease)


async def test_a_silent_owner_loses_its_shard_after_the_lease_time(books):
    one, two = books.book("a"), books.book("b")
    lease = await taken(one)
    await one.advance(lease, Checkpoint("17"))
    assert not two.is_free((await two.listed())["s1"])
    books.clock.advance(LEASE_MS)
    seen = (await two.listed())["s1"]
    assert two.is_free(seen)
    taken_over = await two.take(seen)
    assert taken_over is not None
    assert taken_over.checkpoint == Checkpoint("17")
    with pytest.raises(LeaseLost):
        await one.advance(lease, Checkpoint("18"))
    assert lease.lost
    assert (await two.listed())["s1"].checkpoint == Checkpoint("17")


async def test_who_starts_again_under_its_old_name_takes_its_shards_at_once(books):
    await taken(books.book("a"))
    again = books.book("a")
    assert again.is_free((await again.listed())["s1"])


async def test_a_released_shard_is_free_at_once(books):
    one, two = books.book("a"), books.book("b")
    lease = await taken(one)
    await one.release(lease)
    assert two.is_free((await two.listed())["s1"])


async def test_renewing_a_lost_lease_says_so(books):
    one, two = books.book("a"), books.book("b")
    lease = await taken(one)
    assert await two.take((await two.listed())["s1"]) is not None
    with pytest.raises(LeaseLost):
        await one.renew(lease)


async def test_the_checkpoint_moves_only_from_where_it_stands(books):
    book = books.book("a")
    lease = await taken(book)
    stale = await book.take((await book.listed())["s1"])
    assert stale is not None
    await book.advance(stale, Checkpoint("5"))
    stale.checkpoint = Checkpoint("4")
    with pytest.raises(StoreTimeout):
        await book.advance(stale, Checkpoint("6"))
    assert (await book.listed())["s1"].checkpoint == Checkpoint("5")
    assert lease.epoch < stale.epoch


async def test_a_checkpoint_keeps_all_its_parts(books):
    book = books.book("a")
    lease = await taken(book)
    await book.advance(lease, Checkpoint("5", "9", "B#x\tH#USD"))
    assert (await book.listed())["s1"].checkpoint == Checkpoint("5", "9", "B#x\tH#USD")


async def test_only_a_finished_shard_is_forgotten(books):
    book = books.book("a")
    lease = await taken(book)
    await book.forget("s1")
    assert "s1" in await book.listed()
    await book.finish(lease)
    await book.forget("s1")
    assert await book.listed() == {}


async def test_a_lost_answer_is_looked_up(books):
    class Losing:
        def __init__(self, table):
            self.table, self.lose = table, False

        async def write(self, write):
            answer = await self.table.write(write)
            assert not isinstance(answer, GuardFailed)
            if self.lose:
                raise StoreTimeout("no answer")
            return answer

        def __getattr__(self, name):
            return getattr(self.table, name)

    table = Losing(books.table)
    book = LeaseBook(table, "search", "a", books.clock)
    lease = await taken(book)
    table.lose = True
    await book.advance(lease, Checkpoint("7"))
    assert lease.checkpoint == Checkpoint("7")


def seen(shard: str, owner: str) -> LeaseSeen:
    return LeaseSeen(shard, owner, 1, 1, Checkpoint())


@pytest.mark.parametrize(
    "owners, free, takes",
    [
        ({"1": "", "2": "", "3": ""}, "123", ["1", "2", "3"]),  # alone: everything
        ({"1": "b", "2": "", "3": ""}, "23", ["2", "3"]),  # two processes, three shards: up to two
        ({"1": "b", "2": "b", "3": ""}, "3", ["3"]),
        ({"1": "b", "2": "b", "3": "b"}, "", ["1"]),  # none free: one from who has most
        ({"1": "b", "2": "b", "3": "a"}, "", []),  # as fair as it gets
        ({"1": "b"}, "", []),
        ({"1": "b", "2": "c"}, "", []),
        ({"1": "a", "2": "b", "3": "", "4": ""}, "34", ["3"]),
        ({}, "", []),
    ],
)
def test_shards_are_shared_fairly(owners, free, takes):
    leases = {shard: seen(shard, owner) for shard, owner in owners.items()}
    assert shards_to_take(owners, leases, frozenset(free), "a") == takes


async def test_a_lease_keeps_when_the_stream_was_last_heard_whoever_takes_it(books):
    one, two = books.book("a"), books.book("b")
    began_ms = books.clock.now_ms()
    lease = await taken(one)
    books.clock.advance(5_000)
    await one.renew(lease)
    await one.release(lease)
    heir = await two.take((await two.listed())["s1"])
    assert heir.heard_ms == began_ms
    heir.heard_ms = books.clock.now_ms()
    await two.renew(heir)
    assert (await one.listed())["s1"].heard_ms == began_ms + 5_000


async def test_a_shard_begins_as_heard_as_its_parent_was(books):
    book = books.book("a")
    began_ms = books.clock.now_ms()
    await book.begin(["s1"])
    books.clock.advance(9_000)
    shards = [Shard("s2", "s1", False), Shard("s3", None, False)]
    await book.begin_after(shards, await book.listed())
    seen = await book.listed()
    assert (seen["s2"].heard_ms, seen["s3"].heard_ms) == (began_ms, began_ms + 9_000)


@pytest.mark.parametrize(
    ("checkpoint", "heard_ms", "unheard"),
    [
        (Checkpoint(), 0, True),
        (Checkpoint("", "7", "k"), 0, True),
        (Checkpoint(), 1, False),
        (Checkpoint(), None, False),  # of an older version: nobody knows
        (Checkpoint("7"), 0, False),  # the stream itself says what is gone
        (Checkpoint(finished=True), 0, False),
    ],
)
def test_only_a_lease_without_a_checkpoint_can_be_unheard(checkpoint, heard_ms, unheard):
    assert is_unheard(checkpoint, heard_ms, STREAM_UNHEARD_MS_MAX + 1) is unheard
