"""Faults: every one is reached, a seed gives the same ones, none lies about a write."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from shared.clock import FixedClock
from shared.errors import StoreError, StoreTimeout, StoreUnavailable, StreamError, StreamExpired
from shared.store.table import (
    Absent,
    Cancelled,
    Cause,
    Key,
    Put,
    Reason,
    TableName,
    Transacted,
    Update,
    Within,
)
from shared.testing.faults import (
    STREAM_FAULTS,
    TABLE_FAULTS,
    FaultyStream,
    FaultyTable,
    StreamFaults,
    TableFaults,
    swarm_stream,
    swarm_table,
)
from shared.testing.memory import MemoryTable
from shared.testing.memory_stream import MemoryStream

ALWAYS = 1_000
KEY = Key(TableName.BALANCES, "B#1", "S#USD")
OTHER = Key(TableName.BALANCES, "B#2", "S#USD")
QUICK = TableFaults(slow_ms_max=1)


def faulty(**rates: int) -> tuple[FaultyTable, MemoryTable]:
    table = MemoryTable(clock=FixedClock())
    return FaultyTable(table, Random(1), replace(QUICK, **rates)), table


async def balance(table: MemoryTable, key: Key = KEY) -> int:
    item = await table.get(key, consistent=True)
    return 0 if item is None else int(item["v"])


async def test_timeouts_look_alike_whether_it_was_written_or_not() -> None:
    fates = {"timeout_before": 0, "timeout_after": 1, "timeout_late": 0}
    seen = set()
    for fault, written in fates.items():
        wrapped, table = faulty(**{fault: ALWAYS})
        with pytest.raises(StoreTimeout) as caught:
            await wrapped.transact([Update(KEY, add={"v": 1})], "token")
        assert await balance(table) == written
        assert wrapped.counts[fault] == 1
        seen.add((type(caught.value), str(caught.value)))
    assert len(seen) == 1


async def test_a_late_write_arrives_after_its_timeout() -> None:
    wrapped, table = faulty(timeout_late=ALWAYS)
    with pytest.raises(StoreTimeout):
        await wrapped.transact([Update(KEY, add={"v": 1})], "token")
    with pytest.raises(StoreTimeout):
        await wrapped.write(Update(OTHER, add={"v": 1}))
    assert await balance(table) == 0
    await wrapped.settle()
    assert (await balance(table), await balance(table, OTHER)) == (1, 1)


@pytest.mark.parametrize(
    "fault, causes",
    [("conflict", {Cause.CONFLICT}), ("cancelled", {Cause.CONFLICT, Cause.THROTTLED})],
)
async def test_a_made_up_cancellation_blames_somebody_and_writes_nothing(
    fault: str, causes: set[Cause]
) -> None:
    wrapped, table = faulty(**{fault: ALWAYS})
    blamed = set()
    for number in range(50):
        answer = await wrapped.transact(
            [Update(KEY, add={"v": 1}), Update(OTHER, add={"v": 1})], f"token{number}"
        )
        assert isinstance(answer, Cancelled)
        told = {each.cause for each in answer.reasons} - {Cause.NONE}
        assert told
        blamed |= told
    assert blamed == causes
    assert await balance(table) == 0


async def test_a_true_cancellation_may_be_told_in_part_but_never_invents_a_failed_guard() -> None:
    wrapped, table = faulty(cancelled=300)
    await table.write(Update(KEY, add={"v": 5}))
    old = Reason(Cause.GUARD, {"pk": "B#1", "sk": "S#USD", "v": 5})
    writes = [
        Update(KEY, add={"v": 1}, guards=(Within("v", 0, 4),)),
        Update(OTHER, add={"v": 1}),
    ]
    seen = set()
    for number in range(200):
        answer = await wrapped.transact(writes, f"token{number}")
        assert isinstance(answer, Cancelled)
        first, second = answer.reasons
        assert first == old or first.old is None
        assert second.cause is not Cause.GUARD
        seen.add((first.cause, second.cause))
    assert (Cause.GUARD, Cause.NONE) in seen
    assert (Cause.GUARD, Cause.CONFLICT) in seen
    assert wrapped.counts["mixed_reasons"] > 10
    assert await balance(table, OTHER) == 0


async def test_throttling_writes_nothing() -> None:
    wrapped, table = faulty(throttled=ALWAYS)
    with pytest.raises(StoreUnavailable):
        await wrapped.transact([Update(KEY, add={"v": 1})], "token")
    with pytest.raises(StoreUnavailable):
        await wrapped.get(KEY)
    assert await balance(table) == 0


async def test_a_partial_read_is_whole_in_the_end() -> None:
    wrapped, table = faulty(partial=ALWAYS)
    keys = [Key(TableName.BALANCES, f"B#{number}", ".") for number in range(5)]
    for key in keys[1:]:
        await table.write(Put(key.table, {"pk": key.pk, "sk": key.sk}))
    items = await wrapped.get_many(keys)
    assert [None if item is None else item["pk"] for item in items] == [
        None, "B#1", "B#2", "B#3", "B#4",
    ]  # fmt: skip
    assert wrapped.counts["partial"] == 1


async def run_table(seed: int, faults: TableFaults) -> tuple[list[str], FaultyTable]:
    """Two hundred calls; what each gave."""
    table = MemoryTable(clock=FixedClock())
    wrapped = FaultyTable(table, Random(seed), faults)
    table.stale = wrapped.is_stale
    trace: list[str] = []
    for number in range(200):
        try:
            taken = Put(TableName.BALANCES, {"pk": "taken", "sk": "."}, (Absent(),))
            writes = [Update(KEY, add={"v": 1}), taken]
            answer: object = await wrapped.transact(writes[: 1 + number % 2], f"t{number}")
            await wrapped.get(KEY)
            await wrapped.get_many([KEY, OTHER])
        except StoreError as error:
            answer = error
        trace.append(f"{answer!r}")
    await wrapped.settle()
    return trace, wrapped


async def test_the_same_seed_gives_the_same_faults_and_every_fault_is_reached() -> None:
    every = replace(QUICK, **dict.fromkeys(TABLE_FAULTS, 100))
    first, wrapped = await run_table(5, every)
    again, _ = await run_table(5, every)
    other, _ = await run_table(6, every)
    assert first == again
    assert first != other
    assert all(wrapped.counts[fault] for fault in TABLE_FAULTS)
    assert wrapped.counts["mixed_reasons"]


async def test_calm_ends_the_faults() -> None:
    wrapped, _ = faulty(**dict.fromkeys(TABLE_FAULTS, ALWAYS))
    wrapped.calm()
    assert await wrapped.transact([Update(KEY, add={"v": 1})], "token") == Transacted()
    assert not wrapped.counts


async def test_swarms_differ_and_lose_no_records() -> None:
    tables = {swarm_table(Random(seed)) for seed in range(50)}
    streams = {swarm_stream(Random(seed)) for seed in range(50)}
    assert len(tables) > 45
    assert len(streams) > 45
    assert not any(each.trimmed for each in streams)


# --- The stream -----------------------------------------------------------------------------------
async def drain(stream: FaultyStream | MemoryStream) -> set[str]:
    """Follows every shard to its end or until it stays empty; the keys that were seen."""
    seen: set[str] = set()
    for shard in await stream.shards():
        iterator: str | None = await stream.iterator(shard.id, after=None)
        empty = 0
        while iterator is not None and empty < 20:
            try:
                batch = await stream.read(iterator, limit=3)
            except (StreamExpired, StoreUnavailable):
                continue
            seen |= {record.pk for record in batch.records}
            empty = 0 if batch.records else empty + 1
            iterator = batch.iterator
    return seen


async def test_a_faulty_stream_repeats_but_loses_nothing() -> None:
    faults = StreamFaults(
        unavailable=50, duplicated=300, expired=50, empty=200, slow=100, slow_ms_max=1
    )
    inner = MemoryStream(clock=FixedClock())
    stream = FaultyStream(inner, Random(3), faults)
    pks = {f"E#{number}" for number in range(100)}
    for pk in pks:
        inner.append(pk, ".", None, {"pk": pk, "sk": "."})
    stream.faults = replace(faults, unavailable=0)
    assert await drain(stream) == pks
    assert {"duplicated", "expired", "empty", "slow"} <= set(stream.counts)


async def test_repeated_records_come_in_order_and_fit_the_limit() -> None:
    inner = MemoryStream(clock=FixedClock())
    stream = FaultyStream(inner, Random(3), StreamFaults(duplicated=500))
    for number in range(10):
        inner.append(f"E#{number}", ".", None, {"pk": f"E#{number}", "sk": "."})
    (shard,) = inner.open_shards()
    iterator: str | None = await stream.iterator(shard, after=None)
    total = 0
    for _ in range(30):
        assert iterator is not None
        batch = await stream.read(iterator, limit=4)
        sequences = [each.sequence for each in batch.records]
        assert sequences == sorted(sequences)
        assert len(sequences) <= 4
        total += len(sequences)
        iterator = batch.iterator
    assert total > 10


async def test_every_stream_fault_is_reached() -> None:
    inner = MemoryStream(clock=FixedClock())
    rates = dict.fromkeys(STREAM_FAULTS, 100)
    stream = FaultyStream(inner, Random(3), replace(StreamFaults(slow_ms_max=1), **rates))
    stream.faults = replace(stream.faults, split=10)
    for number in range(300):
        inner.append(f"E#{number}", ".", None, {"pk": f"E#{number}", "sk": "."})
        try:
            shards = await stream.shards()
            shard = shards[number % len(shards)]
            iterator: str | None = await stream.iterator(shard.id, after=None)
            for _ in range(3):
                if iterator is not None:
                    iterator = (await stream.read(iterator, limit=5)).iterator
        except (StoreError, StreamError):
            pass
    assert all(stream.counts[fault] for fault in STREAM_FAULTS)


async def test_children_may_be_listed_first() -> None:
    inner = MemoryStream(clock=FixedClock())
    inner.split(inner.open_shards()[0])
    stream = FaultyStream(inner, Random(1), StreamFaults(child_first=ALWAYS))
    ids = [shard.id for shard in await stream.shards()]
    assert ids == [shard.id for shard in await inner.shards()][::-1]


async def test_a_late_write_survives_that_nobody_waits() -> None:
    wrapped, table = faulty(timeout_late=ALWAYS)
    with pytest.raises(StoreTimeout):
        await wrapped.transact([Update(KEY, add={"v": 1})], "token")
    for _ in range(100):
        if await balance(table):
            break
        await asyncio.sleep(0.001)
    assert await balance(table) == 1
