"""One shard is read once for all who follow it; who falls behind reads alone."""

import pytest

from indexer import reads as reads_module
from indexer.reads import ShardReads
from shared.clock import FixedClock
from shared.errors import StreamExpired, StreamTrimmed
from shared.limits import FOLLOW_IDLE_MS, STREAM_ITERATOR_LIFE_MS
from shared.testing.memory_stream import FIRST_SEQUENCE, MemoryStream


class CountedStream:
    """The twin, counting what is asked of it."""

    def __init__(self, stream: MemoryStream) -> None:
        self.stream = stream
        self.reads = 0
        self.iterators = 0

    async def shards(self):
        return await self.stream.shards()

    async def iterator(self, shard_id, *, after):
        self.iterators += 1
        return await self.stream.iterator(shard_id, after=after)

    async def read(self, iterator, *, limit):
        self.reads += 1
        return await self.stream.read(iterator, limit=limit)


class Shard:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.memory = MemoryStream(clock=self.clock)
        self.stream = CountedStream(self.memory)
        self.id = self.memory.open_shards()[0]
        self.reads = ShardReads(self.stream, self.id, self.clock)

    def tell(self, count: int) -> None:
        for at in range(count):
            self.memory.append(f"LI#{at}", ".", None, {"pk": f"LI#{at}", "sk": "."})


def at(number: int) -> str:
    return str(FIRST_SEQUENCE + number)


def sequences(read):
    return [int(each.sequence) - FIRST_SEQUENCE for each in read.changes]


@pytest.fixture
def shard() -> Shard:
    return Shard()


async def test_two_followers_cost_one_read(shard):
    shard.tell(5)
    first = await shard.reads.read("")
    second = await shard.reads.read("")
    assert sequences(first) == sequences(second) == [1, 2, 3, 4, 5]
    assert shard.stream.reads == 1
    assert second.changes[0] is first.changes[0]  # parsed once, too


async def test_a_follower_in_the_window_gets_what_follows_its_own_position(shard):
    shard.tell(5)
    await shard.reads.read("")
    read = await shard.reads.read(at(2))
    assert sequences(read) == [3, 4, 5]
    assert not read.more
    limited = await shard.reads.read(at(1), limit=2)
    assert (sequences(limited), limited.more) == ([2, 3], True)
    assert shard.reads.known_after(at(3)) == 2


async def test_an_empty_read_serves_both_followers_for_a_moment(shard):
    shard.tell(1)
    await shard.reads.read("")
    assert sequences(await shard.reads.read(at(1))) == []
    assert sequences(await shard.reads.read(at(1))) == []
    assert shard.stream.reads == 2
    shard.tell(1)
    shard.clock.advance(FOLLOW_IDLE_MS)
    assert sequences(await shard.reads.read(at(1))) == [2]


async def test_who_falls_behind_the_window_reads_alone_until_it_has_caught_up(shard, monkeypatch):
    monkeypatch.setattr(reads_module, "WINDOW_CHANGES_MAX", 4)
    shard.tell(6)
    await shard.reads.read("")
    behind = await shard.reads.read("", limit=2)
    assert sequences(behind) == [1, 2]
    assert sequences(await shard.reads.read(at(2))) == [3, 4, 5, 6]
    assert shard.stream.iterators == 2


async def test_a_checkpoint_beyond_the_window_moves_it(shard):
    shard.tell(6)
    await shard.reads.read("", limit=2)
    other = ShardReads(shard.stream, shard.id, shard.clock)
    assert sequences(await other.read(at(4))) == [5, 6]
    assert sequences(await other.read(at(1))) == [2, 3, 4, 5, 6]


async def test_what_is_delivered_twice_is_given_once(shard):
    class Repeating(CountedStream):
        async def read(self, iterator, *, limit):
            batch = await super().read(iterator, limit=limit)
            batch.records[:0] = repeated
            return batch

    repeated: list = []
    reads = ShardReads(Repeating(shard.memory), shard.id, shard.clock)
    shard.tell(3)
    first = await reads.read("")
    repeated += shard.memory._shards[shard.id].records[:3]
    shard.tell(2)
    assert sequences(first) == [1, 2, 3]
    assert sequences(await reads.read(at(3))) == [4, 5]
    assert sequences(await reads.read("")) == [1, 2, 3, 4, 5]
    assert reads.known_after(at(2)) == 3
    ahead = ShardReads(Repeating(shard.memory), shard.id, shard.clock)
    await ahead.read(at(4))
    assert sequences(await ahead.read(at(3))) == [4, 5]


async def test_an_expired_iterator_is_fetched_anew(shard):
    shard.tell(1)
    await shard.reads.read("")
    shard.clock.advance(STREAM_ITERATOR_LIFE_MS)
    with pytest.raises(StreamExpired):
        await shard.reads.read(at(1))
    shard.tell(1)
    assert sequences(await shard.reads.read(at(1))) == [2]


async def test_a_closed_shard_ends(shard):
    shard.tell(2)
    shard.memory.roll(shard.id)
    read = await shard.reads.read("")
    assert (sequences(read), read.ended) == ([1, 2], True)
    read = await shard.reads.read(at(2))
    assert (sequences(read), read.ended) == ([], True)


async def test_what_the_stream_forgot_is_told(shard):
    shard.tell(5)
    shard.memory.trim(shard.id, keep=1)
    with pytest.raises(StreamTrimmed):
        await shard.reads.read(at(2))
    assert sequences(await shard.reads.read("")) == [5]
