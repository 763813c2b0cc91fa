"""What every Stream does, real or in memory: it shows the changes of `ledger`, and only those."""

from collections.abc import AsyncIterator

import pytest

from shared.errors import StoreError, StreamError
from shared.store.streams import Shard, Stream, StreamRecord
from shared.store.table import Delete, Is, Present, Put, TableName, Update
from tests.contract.stores import (
    STORES,
    Engine,
    Store,
    balance_key,
    dynamodb_store,
    fresh,
    insert,
    ledger_key,
    memory_store,
    provisioned,
    token,
)


@pytest.fixture(scope="module", params=STORES)
def engine(request: pytest.FixtureRequest) -> Engine | None:
    """A DynamoDB with fresh tables; None for the twin."""
    if request.param == "memory":
        return None
    return provisioned(request.getfixturevalue("module_dynamodb_endpoint"), "stream-")


@pytest.fixture
async def store(engine: Engine | None) -> AsyncIterator[Store]:
    if engine is None:
        yield memory_store()
        return
    async with dynamodb_store(engine) as store:
        yield store


async def follow(stream: Stream, iterator: str, *, limit: int = 1_000) -> list[StreamRecord]:
    """Everything from `iterator` to the first empty batch."""
    records: list[StreamRecord] = []
    reads: str | None = iterator
    for _ in range(10_000):
        if reads is None:
            break
        batch = await stream.read(reads, limit=limit)
        assert len(batch.records) <= limit
        records += batch.records
        reads = batch.iterator
        if not batch.records:
            break
    return records


async def open_shard(stream: Stream) -> Shard:
    (shard,) = [each for each in await stream.shards() if not each.closed]
    return shard


async def records_of(store: Store, *pks: str) -> list[StreamRecord]:
    """The records of some partitions, in order, from the oldest."""
    shard = await open_shard(store.stream)
    everything = await follow(store.stream, await store.stream.iterator(shard.id, after=None))
    return [record for record in everything if record.pk in pks]


async def test_an_insert_a_change_and_a_removal_show_their_images(store: Store) -> None:
    pk = fresh()
    key = ledger_key(pk)
    await store.table.write(insert(pk, b='{"x":1}', r=1))
    await store.table.write(Update(key, add={"r": 1}, set={"v": -(2**95)}))
    await store.table.write(Delete(key))
    first = {"pk": pk, "sk": ".", "b": '{"x":1}', "r": 1}
    second = {**first, "r": 2, "v": -(2**95)}
    records = await records_of(store, pk)
    assert [(each.kind, each.old, each.new) for each in records] == [
        ("insert", None, first),
        ("modify", first, second),
        ("remove", second, None),
    ]
    assert {(each.pk, each.sk) for each in records} == {(pk, ".")}
    sequences = [int(each.sequence) for each in records]
    assert sequences == sorted(set(sequences))
    assert all(each.approximate_created_ms > 1_600_000_000_000 for each in records)


async def test_writes_of_a_batch_are_a_record_each_of_ledger_alone(store: Store) -> None:
    first, second = fresh(), fresh()
    await store.table.transact(
        [
            insert(first, a="1"),
            Update(balance_key(first), add={"v": 1}),
            insert(second, a="2"),
            Put(TableName.BALANCES, {"pk": second, "sk": "."}),
        ],
        token(),
    )
    records = await records_of(store, first, second)
    assert {(each.kind, each.pk) for each in records} == {("insert", first), ("insert", second)}
    assert len(records) == 2


async def test_what_changes_nothing_leaves_no_record(store: Store) -> None:
    pk, absent = fresh(), fresh()
    key = ledger_key(pk)
    await store.table.write(insert(pk, b="x"))
    await store.table.write(Update(key, set={"b": "x"}))
    await store.table.write(Put(TableName.LEDGER, {"pk": pk, "sk": ".", "b": "x"}))
    await store.table.write(Update(key, set={"b": "y"}, guards=(Is("b", "z"),)))
    await store.table.write(Delete(ledger_key(absent)))
    await store.table.transact([insert(absent), Delete(key, (Is("b", "z"),))], token())
    assert [each.kind for each in await records_of(store, pk, absent)] == ["insert"]


async def test_a_batch_sent_twice_with_its_token_is_recorded_once(store: Store) -> None:
    pk = fresh()
    once = token()
    writes = [Update(ledger_key(pk), add={"v": 1})]
    await store.table.transact(writes, once)
    await store.table.transact(writes, once)
    assert [each.new for each in await records_of(store, pk)] == [{"pk": pk, "sk": ".", "v": 1}]


async def test_reading_goes_on_after_a_sequence(store: Store) -> None:
    pks = [fresh() for _ in range(5)]
    for pk in pks:
        await store.table.write(insert(pk))
    records = await records_of(store, *pks)
    assert [each.pk for each in records] == pks
    shard = await open_shard(store.stream)
    iterator = await store.stream.iterator(shard.id, after=records[2].sequence)
    assert await follow(store.stream, iterator) == records[3:]
    end = await store.stream.iterator(shard.id, after=records[4].sequence)
    assert await follow(store.stream, end) == []


@pytest.mark.parametrize("limit", [1, 3, 1_000])
async def test_batches_hold_no_more_than_asked_and_miss_nothing(store: Store, limit: int) -> None:
    pks = [fresh() for _ in range(7)]
    await store.table.write(insert(pks[0]))
    before = (await records_of(store, pks[0]))[0].sequence
    for pk in pks[1:]:
        await store.table.write(insert(pk))
    shard = await open_shard(store.stream)
    iterator = await store.stream.iterator(shard.id, after=before)
    assert [each.pk for each in await follow(store.stream, iterator, limit=limit)] == pks[1:]


async def test_an_iterator_that_found_nothing_finds_what_comes_later(store: Store) -> None:
    pk = fresh()
    await store.table.write(insert(pk))
    shard = await open_shard(store.stream)
    last = (await records_of(store, pk))[0].sequence
    iterator: str | None = await store.stream.iterator(shard.id, after=last)
    assert iterator is not None
    for _ in range(3):
        batch = await store.stream.read(iterator, limit=10)
        assert batch.records == []
        assert batch.iterator is not None
        iterator = batch.iterator
    await store.table.write(Delete(ledger_key(pk), (Present(),)))
    batch = await store.stream.read(iterator, limit=10)
    assert [each.kind for each in batch.records] == ["remove"]


async def test_the_same_iterator_reads_the_same_records_again(store: Store) -> None:
    pk = fresh()
    await store.table.write(insert(pk))
    shard = await open_shard(store.stream)
    iterator = await store.stream.iterator(shard.id, after=None)
    first = await store.stream.read(iterator, limit=5)
    assert first.records
    assert (await store.stream.read(iterator, limit=5)).records == first.records


async def test_a_shard_or_iterator_that_is_unknown_is_an_error(store: Store) -> None:
    with pytest.raises((StoreError, StreamError)):
        await store.stream.iterator("shardId-00000000000000000000-00000000", after=None)
    with pytest.raises((StoreError, StreamError)):
        await store.stream.read("nonsense", limit=1)
