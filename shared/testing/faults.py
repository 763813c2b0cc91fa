"""Faults by seed, around any Table and around a MemoryStream.

    caller -> FaultyTable -> Table          rates are chances in a thousand calls
    caller -> FaultyStream -> MemoryStream  `counts` says which fault was reached, how often

The same seed and the same calls give the same faults. Delays are on the loop's clock, virtual or
not. `calm()` ends the faults for the final read phase.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from random import Random

from shared.errors import StoreError, StoreTimeout, StoreUnavailable, StreamExpired
from shared.store.streams import Shard, StreamBatch, StreamRecord
from shared.store.table import (
    Cancelled,
    Cause,
    GuardFailed,
    Item,
    Key,
    QueryPage,
    Reason,
    Table,
    TableName,
    Transacted,
    Write,
    Written,
)
from shared.testing.memory_stream import MemoryStream

PER = 1_000
OPEN_SHARDS_MAX = 24  # a stream that splits without end is read by nobody to its end


@dataclass(frozen=True, slots=True)
class TableFaults:
    """Chances in a thousand calls. `conflict` and `cancelled` befall batches alone, `stale` reads.

    `timeout_after` writes and loses the answer; `timeout_late` loses the answer and writes
    afterwards, as a request that is still under way does. `cancelled` blames with any mixture of
    reasons.
    """

    throttled: int = 0
    conflict: int = 0
    cancelled: int = 0
    timeout_before: int = 0
    timeout_after: int = 0
    timeout_late: int = 0
    slow: int = 0
    partial: int = 0
    stale: int = 0
    slow_ms_max: int = 500

    def __post_init__(self) -> None:
        assert all(0 <= getattr(self, each) <= PER for each in TABLE_FAULTS)


TABLE_FAULTS = tuple(each.name for each in fields(TableFaults) if each.name != "slow_ms_max")


@dataclass(frozen=True, slots=True)
class StreamFaults:
    """Chances in a thousand calls."""

    unavailable: int = 0
    duplicated: int = 0
    expired: int = 0
    empty: int = 0
    split: int = 0
    child_first: int = 0
    trimmed: int = 0
    slow: int = 0
    slow_ms_max: int = 500

    def __post_init__(self) -> None:
        assert all(0 <= getattr(self, each) <= PER for each in STREAM_FAULTS)


STREAM_FAULTS = tuple(each.name for each in fields(StreamFaults) if each.name != "slow_ms_max")
# What loses records for good: only runs that rebuild afterwards ask for it.
LOSSY_FAULTS = frozenset(("trimmed",))


def swarm_table(rng: Random, *, rate_max: int = 200) -> TableFaults:
    """A random half of the table's faults, each at a random rate."""
    return TableFaults(**_swarm(rng, TABLE_FAULTS, rate_max))


def swarm_stream(rng: Random, *, rate_max: int = 200) -> StreamFaults:
    """A random half of the stream's faults that lose nothing, each at a random rate."""
    names = tuple(each for each in STREAM_FAULTS if each not in LOSSY_FAULTS)
    return StreamFaults(**_swarm(rng, names, rate_max))


def _swarm(rng: Random, names: Sequence[str], rate_max: int) -> dict[str, int]:
    return {name: rng.randint(1, rate_max) for name in names if rng.random() < 0.5}


class _Dice:
    """Draws faults and counts them."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.counts: Counter[str] = Counter()

    def hits(self, fault: str, rate: int) -> bool:
        """Whether the fault befalls this call. Draws nothing at a rate of 0."""
        if rate and self.rng.randrange(PER) < rate:
            self.counts[fault] += 1
            return True
        return False

    async def dawdle(self, rate: int, ms_max: int) -> None:
        """Waits, if the call is to be slow."""
        if self.hits("slow", rate):
            await asyncio.sleep(self.rng.randrange(ms_max + 1) / 1_000)


class FaultyTable:
    """A Table that fails as DynamoDB and the network do."""

    def __init__(self, table: Table, rng: Random, faults: TableFaults) -> None:
        self.faults = faults
        self._dice = _Dice(rng)
        self._late: set[asyncio.Task[None]] = set()
        self._table = table

    @property
    def counts(self) -> Counter[str]:
        """How often each fault was reached."""
        return self._dice.counts

    def calm(self) -> None:
        """No more faults."""
        self.faults = TableFaults()

    def is_stale(self, key: Key) -> bool:
        """For MemoryTable: `memory.stale = faulty.is_stale`."""
        return self._dice.hits("stale", self.faults.stale)

    async def settle(self) -> None:
        """Waits for the writes whose answers were lost and that are still under way."""
        while self._late:
            await asyncio.wait(set(self._late))

    # --- Reads ------------------------------------------------------------------------------------
    async def _before_read(self) -> None:
        await self._dice.dawdle(self.faults.slow, self.faults.slow_ms_max)
        if self._dice.hits("throttled", self.faults.throttled):
            raise StoreUnavailable("throttled")

    async def get_many(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item | None]:
        """See Table. A partial read gets its keys at two moments, as UnprocessedKeys do."""
        await self._before_read()
        if len(keys) < 2 or not self._dice.hits("partial", self.faults.partial):
            return await self._table.get_many(keys, consistent=consistent)
        cut = self._dice.rng.randrange(1, len(keys))
        first = await self._table.get_many(keys[:cut], consistent=consistent)
        await asyncio.sleep(self._dice.rng.randrange(self.faults.slow_ms_max + 1) / 1_000)
        return first + await self._table.get_many(keys[cut:], consistent=consistent)

    async def get(self, key: Key, *, consistent: bool = False) -> Item | None:
        """See Table."""
        await self._before_read()
        return await self._table.get(key, consistent=consistent)

    async def query(
        self,
        table: TableName,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        low: str | None = None,
        high: str | None = None,
        limit: int = 100,
        forward: bool = True,
        consistent: bool = False,
    ) -> QueryPage:
        """See Table. A partial page holds fewer items than asked, and continues."""
        await self._before_read()
        if self._dice.hits("partial", self.faults.partial):
            limit = self._dice.rng.randint(1, limit)
        return await self._table.query(
            table,
            pk,
            prefix=prefix,
            after=after,
            low=low,
            high=high,
            limit=limit,
            forward=forward,
            consistent=consistent,
        )

    async def scan(
        self,
        table: TableName,
        *,
        after: tuple[str, str] | None = None,
        segment: int = 0,
        segments: int = 1,
        limit: int = 1_000,
    ) -> QueryPage:
        """See Table."""
        await self._before_read()
        if self._dice.hits("partial", self.faults.partial):
            limit = self._dice.rng.randint(1, limit)
        return await self._table.scan(
            table, after=after, segment=segment, segments=segments, limit=limit
        )

    # --- Writes -----------------------------------------------------------------------------------
    async def write(self, write: Write) -> Written | GuardFailed:
        """See Table."""
        await self._before_write()
        if self._dice.hits("timeout_late", self.faults.timeout_late):
            self._write_late(write, "")
            raise StoreTimeout("no answer")
        answer = await self._table.write(write)
        await self._after_write()
        return answer

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        """See Table."""
        await self._before_write()
        faults, dice = self.faults, self._dice
        if dice.hits("conflict", faults.conflict):
            return Cancelled(self._blame(len(writes), (Cause.CONFLICT,)))
        if dice.hits("cancelled", faults.cancelled):
            return Cancelled(self._blame(len(writes), (Cause.CONFLICT, Cause.THROTTLED)))
        if dice.hits("timeout_late", faults.timeout_late):
            self._write_late(tuple(writes), token)
            raise StoreTimeout("no answer")
        answer = await self._table.transact(writes, token)
        if isinstance(answer, Cancelled) and dice.hits("mixed_reasons", faults.cancelled):
            answer = self._mixed(answer)
        await self._after_write()
        return answer

    async def _before_write(self) -> None:
        await self._before_read()
        if self._dice.hits("timeout_before", self.faults.timeout_before):
            await self._lose_answer()

    async def _after_write(self) -> None:
        await self._dice.dawdle(self.faults.slow, self.faults.slow_ms_max)
        if self._dice.hits("timeout_after", self.faults.timeout_after):
            await self._lose_answer()

    async def _lose_answer(self) -> None:
        await asyncio.sleep(self.faults.slow_ms_max / 1_000)
        raise StoreTimeout("no answer")

    def _write_late(self, writes: Write | tuple[Write, ...], token: str) -> None:
        delay_ms = self._dice.rng.randrange(2 * self.faults.slow_ms_max + 1)
        task = asyncio.get_running_loop().create_task(self._late_write(writes, token, delay_ms))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _late_write(
        self, writes: Write | tuple[Write, ...], token: str, delay_ms: int
    ) -> None:
        await asyncio.sleep(delay_ms / 1_000)
        try:
            if isinstance(writes, tuple):
                await self._table.transact(writes, token)
            else:
                await self._table.write(writes)
        except StoreError:
            self._dice.counts["late_refused"] += 1

    def _blame(self, count: int, causes: Sequence[Cause]) -> tuple[Reason, ...]:
        """Reasons of which at least one is to blame."""
        rng = self._dice.rng
        reasons = [Reason(rng.choice((Cause.NONE, *causes))) for _ in range(count)]
        reasons[rng.randrange(count)] = Reason(rng.choice(causes))
        return tuple(reasons)

    def _mixed(self, cancelled: Cancelled) -> Cancelled:
        """The same cancellation told otherwise: some blame hidden, some added, one reason kept."""
        rng = self._dice.rng
        blamed = [at for at, each in enumerate(cancelled.reasons) if each.cause is not Cause.NONE]
        kept = rng.choice(blamed)
        reasons = []
        for at, reason in enumerate(cancelled.reasons):
            told = reason
            if at != kept and rng.random() < 0.5:
                told = Reason(rng.choice((Cause.NONE, Cause.CONFLICT, Cause.THROTTLED)))
            reasons.append(told)
        return Cancelled(tuple(reasons))


class FaultyStream:
    """A Stream that repeats, expires, splits and forgets."""

    def __init__(self, stream: MemoryStream, rng: Random, faults: StreamFaults) -> None:
        self.faults = faults
        self._dice = _Dice(rng)
        self._read_before: dict[str, list[StreamRecord]] = {}  # by the iterator that reads on
        self._stream = stream

    @property
    def counts(self) -> Counter[str]:
        """How often each fault was reached."""
        return self._dice.counts

    def calm(self) -> None:
        """No more faults."""
        self.faults = StreamFaults()

    async def _before(self) -> None:
        faults, dice = self.faults, self._dice
        await dice.dawdle(faults.slow, faults.slow_ms_max)
        if dice.hits("unavailable", faults.unavailable):
            raise StoreUnavailable("the stream does not answer")
        open_shards = self._stream.open_shards()
        if len(open_shards) < OPEN_SHARDS_MAX and dice.hits("split", faults.split):
            self._stream.split(dice.rng.choice(open_shards))
        if dice.hits("trimmed", faults.trimmed):
            shard = dice.rng.choice(self._stream.open_shards())
            self._stream.trim(shard, keep=dice.rng.randrange(4))

    async def shards(self) -> list[Shard]:
        """See Stream. Children may be listed before their parents."""
        await self._before()
        shards = await self._stream.shards()
        if self._dice.hits("child_first", self.faults.child_first):
            shards.reverse()
        return shards

    async def iterator(self, shard_id: str, *, after: str | None) -> str:
        """See Stream."""
        await self._before()
        return await self._stream.iterator(shard_id, after=after)

    async def read(self, iterator: str, *, limit: int) -> StreamBatch:
        """See Stream. May be empty though there are records, or repeat what was read before."""
        await self._before()
        faults, dice = self.faults, self._dice
        if dice.hits("expired", faults.expired):
            raise StreamExpired("the iterator is too old")
        if dice.hits("empty", faults.empty):
            return StreamBatch([], iterator)
        before = self._read_before.get(iterator)
        if before and dice.hits("duplicated", faults.duplicated):
            return StreamBatch(before[-dice.rng.randint(1, min(limit, len(before))) :], iterator)
        batch = await self._stream.read(iterator, limit=limit)
        self._read_before.pop(iterator, None)
        if batch.iterator is not None and faults.duplicated and batch.records:
            self._read_before[batch.iterator] = batch.records
        return batch
