"""Shards split, roll, trim and expire as DynamoDB's do."""

import pytest

from shared.clock import FixedClock
from shared.errors import StreamExpired, StreamTrimmed
from shared.limits import STREAM_ITERATOR_LIFE_MS, STREAM_RECORD_LIFE_MS
from shared.store.streams import Shard, StreamRecord
from shared.testing.memory_stream import MemoryStream


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def stream(clock: FixedClock) -> MemoryStream:
    return MemoryStream(clock=clock)


def append(stream: MemoryStream, *pks: str) -> None:
    for pk in pks:
        stream.append(pk, ".", None, {"pk": pk, "sk": "."})


async def read_all(stream: MemoryStream, shard_id: str) -> tuple[list[StreamRecord], bool]:
    """All records of a shard, and whether it came to an end."""
    iterator: str | None = await stream.iterator(shard_id, after=None)
    records: list[StreamRecord] = []
    while iterator is not None:
        batch = await stream.read(iterator, limit=3)
        records += batch.records
        iterator = batch.iterator
        if not batch.records:
            break
    return records, iterator is None


async def test_a_split_closes_the_parent_and_shares_its_keys(stream: MemoryStream) -> None:
    pks = [f"E#{number}" for number in range(40)]
    (parent,) = stream.open_shards()
    append(stream, *pks)
    left, right = stream.split(parent)
    append(stream, *pks)
    assert await stream.shards() == [
        Shard(parent, None, True),
        Shard(left, parent, False),
        Shard(right, parent, False),
    ]
    before, ended = await read_all(stream, parent)
    assert [each.pk for each in before] == pks
    assert ended
    lefts, rights = (await read_all(stream, left))[0], (await read_all(stream, right))[0]
    assert sorted(each.pk for each in lefts + rights) == sorted(pks)
    assert {each.pk for each in lefts}.isdisjoint(each.pk for each in rights)
    assert lefts
    assert rights
    newest = max(each.sequence for each in before)
    assert all(each.sequence > newest for each in lefts + rights)


async def test_a_rolled_shard_goes_on_in_one_child(stream: MemoryStream) -> None:
    (parent,) = stream.open_shards()
    append(stream, "E#1")
    child = stream.roll(parent)
    append(stream, "E#2")
    assert [each.pk for each in (await read_all(stream, parent))[0]] == ["E#1"]
    assert [each.pk for each in (await read_all(stream, child))[0]] == ["E#2"]
    assert stream.open_shards() == [child]


async def test_several_shards_share_the_keys_from_the_start(clock: FixedClock) -> None:
    stream = MemoryStream(clock=clock, shards_count=3)
    append(stream, *(f"E#{number}" for number in range(100)))
    counts = [len((await read_all(stream, each))[0]) for each in stream.open_shards()]
    assert sum(counts) == 100
    assert min(counts) > 20


async def test_what_is_trimmed_cannot_be_read_and_what_is_kept_can(stream: MemoryStream) -> None:
    (shard,) = stream.open_shards()
    append(stream, "E#1", "E#2", "E#3")
    records, _ = await read_all(stream, shard)
    oldest = await stream.iterator(shard, after=None)
    assert stream.trim(shard, keep=1) == 2
    with pytest.raises(StreamTrimmed):
        await stream.iterator(shard, after=records[0].sequence)
    with pytest.raises(StreamTrimmed):
        await stream.read(oldest, limit=10)
    assert (await read_all(stream, shard))[0] == records[2:]
    end = await stream.iterator(shard, after=records[2].sequence)
    assert (await stream.read(end, limit=10)).records == []


async def test_records_and_then_closed_shards_go_after_a_day(
    stream: MemoryStream, clock: FixedClock
) -> None:
    (parent,) = stream.open_shards()
    append(stream, "E#1")
    child = stream.roll(parent)
    append(stream, "E#2")
    clock.advance(STREAM_RECORD_LIFE_MS + 1_000)
    assert await stream.shards() == [Shard(child, parent, False)]
    assert (await read_all(stream, child))[0] == []
    with pytest.raises(StreamTrimmed):
        await stream.iterator(parent, after=None)


async def test_an_iterator_expires_after_a_quarter_of_an_hour(
    stream: MemoryStream, clock: FixedClock
) -> None:
    (shard,) = stream.open_shards()
    iterator = await stream.iterator(shard, after=None)
    clock.advance(STREAM_ITERATOR_LIFE_MS - 1)
    await stream.read(iterator, limit=1)
    clock.advance(1)
    with pytest.raises(StreamExpired):
        await stream.read(iterator, limit=1)
