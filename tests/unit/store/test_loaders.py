"""Keys asked in one tick are one request, each key once; a failure reaches all who wait."""

import asyncio
from random import Random

import pytest

from shared.clock import FixedClock
from shared.errors import StoreUnavailable
from shared.store.loaders import KeyLoader
from shared.store.table import Item, Key, Put, TableName
from shared.testing.counting import CountingMetrics
from shared.testing.faults import FaultyTable, TableFaults
from shared.testing.memory import MemoryTable


def key_of(number: int) -> Key:
    return Key(TableName.BALANCES, f"B#{number}", "S#USD")


def item_of(number: int) -> Item:
    return {"pk": f"B#{number}", "sk": "S#USD", "v": number}


@pytest.fixture
def metrics() -> CountingMetrics:
    return CountingMetrics()


@pytest.fixture
async def table(metrics: CountingMetrics) -> MemoryTable:
    table = MemoryTable(clock=FixedClock(), metrics=metrics)
    for number in range(0, 300, 2):
        await table.write(Put(TableName.BALANCES, item_of(number)))
    metrics.clear()
    return table


async def test_twenty_keys_of_one_tick_are_one_request(
    table: MemoryTable, metrics: CountingMetrics
) -> None:
    loader = KeyLoader(table)
    loaded = await asyncio.gather(*(loader.load(key_of(number)) for number in range(20)))
    assert loaded == [None if number % 2 else item_of(number) for number in range(20)]
    assert metrics.calls == {"BatchGetItem": 1}


async def test_a_key_is_asked_once_and_kept(table: MemoryTable, metrics: CountingMetrics) -> None:
    loader = KeyLoader(table, consistent=True)
    loaded = await asyncio.gather(*(loader.load(key_of(2)) for _ in range(5)))
    assert loaded == [item_of(2)] * 5
    assert await loader.load(key_of(2)) == item_of(2)
    assert metrics.calls == {"BatchGetItem": 1}
    assert metrics.units == {"BatchGetItem": 1}


async def test_keys_of_the_next_tick_join_the_batch_that_has_not_left(
    table: MemoryTable, metrics: CountingMetrics
) -> None:
    loader = KeyLoader(table)

    async def later(number: int) -> Item | None:
        return await loader.load(key_of(number))

    await asyncio.gather(loader.load(key_of(0)), later(1), later(2))
    assert metrics.calls == {"BatchGetItem": 1}


async def test_more_than_a_hundred_keys_are_a_request_for_each_hundred(
    table: MemoryTable, metrics: CountingMetrics
) -> None:
    loader = KeyLoader(table)
    loaded = await loader.load_many([key_of(number) for number in range(250)])
    assert loaded[::2] == [item_of(number) for number in range(0, 250, 2)]
    assert metrics.calls == {"BatchGetItem": 3}


async def test_a_failure_reaches_everybody_who_waits_and_is_not_kept(table: MemoryTable) -> None:
    faulty = FaultyTable(table, Random(1), TableFaults(throttled=1_000))
    loader = KeyLoader(faulty)
    waiting = [loader.load(key_of(0)), loader.load(key_of(1))]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
    faulty.calm()
    assert await loader.load(key_of(0)) == item_of(0)


@pytest.mark.parametrize("started", [0, 1])
async def test_a_cancelled_batch_leaves_nobody_waiting(table: MemoryTable, started: int) -> None:
    loader = KeyLoader(table)
    waiting = loader.load(key_of(0))
    for _ in range(5):
        if loader._tasks:
            break
        await asyncio.sleep(0)
    assert len(loader._tasks) == 1
    for _ in range(started):
        await asyncio.sleep(0)
    for task in loader._tasks:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await loader.load(key_of(0)) == item_of(0)


async def test_one_who_stops_waiting_does_not_disturb_the_others(table: MemoryTable) -> None:
    loader = KeyLoader(table)
    impatient, patient = loader.load(key_of(0)), loader.load(key_of(2))
    impatient.cancel()
    assert await patient == item_of(2)


async def test_what_is_primed_is_not_read(table: MemoryTable, metrics: CountingMetrics) -> None:
    loader = KeyLoader(table)
    loader.prime(key_of(7), item_of(7))
    assert await loader.load(key_of(7)) == item_of(7)
    assert not metrics.calls
