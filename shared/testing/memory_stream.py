"""MemoryStream: the change stream in memory, with several shards, splits and trimming.

A shard holds a range of hashes of partition keys. Splitting closes it and gives its range to two
children: a child's records are newer than its parent's for every key. Sequences grow over the
whole stream.
"""

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field
from zlib import crc32

from shared.clock import Clock
from shared.errors import StoreRefused, StreamExpired, StreamTrimmed
from shared.limits import STREAM_ITERATOR_LIFE_MS, STREAM_RECORD_LIFE_MS, STREAM_RECORDS_MAX
from shared.store.streams import Shard, StreamBatch, StreamRecord
from shared.store.table import Item

HASHES = 1 << 32
FIRST_SEQUENCE = 10**20  # every sequence has as many digits: they sort as text, too


@dataclass(slots=True)
class _Shard:
    """A shard and what it still keeps; `gone` records were trimmed before `records[0]`."""

    id: str
    parent_id: str | None
    low: int
    high: int  # hashes in [low, high)
    closed: bool = False
    gone: int = 0
    last_gone: int = 0  # the newest trimmed sequence
    records: list[StreamRecord] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)

    def trim(self, count: int) -> None:
        """Forgets the oldest `count` records."""
        if count:
            self.last_gone = self.sequences[count - 1]
            self.gone += count
            del self.records[:count]
            del self.sequences[:count]


class MemoryStream:
    """Stream in memory, filled by MemoryTable; `shards_count` shards share the hashes at first."""

    def __init__(self, *, clock: Clock, shards_count: int = 1) -> None:
        assert 1 <= shards_count <= 100
        self._clock = clock
        self._sequence = FIRST_SEQUENCE
        self._shards: dict[str, _Shard] = {}
        self._open: list[_Shard] = []
        self._named = 0
        for number in range(shards_count):
            low, high = number * HASHES // shards_count, (number + 1) * HASHES // shards_count
            self._add_shard(None, low, high)

    def _add_shard(self, parent_id: str | None, low: int, high: int) -> _Shard:
        self._named += 1
        shard = _Shard(f"shardId-{self._named:020d}", parent_id, low, high)
        self._shards[shard.id] = shard
        self._open.append(shard)
        return shard

    # --- What the server does ---------------------------------------------------------------------
    def append(self, pk: str, sk: str, old: Item | None, new: Item | None) -> None:
        """Records one change. Images are kept, not copied: no table changes an item in place."""
        assert old is not None or new is not None
        shard = self._open[0]
        if len(self._open) > 1:
            spot = crc32(pk.encode())
            shard = next(each for each in self._open if each.low <= spot < each.high)
        self._sequence += 1
        shard.sequences.append(self._sequence)
        shard.records.append(
            StreamRecord(
                sequence=str(self._sequence),
                kind="insert" if old is None else "remove" if new is None else "modify",
                approximate_created_ms=self._clock.now_ms() // 1_000 * 1_000,
                pk=pk,
                sk=sk,
                old=old,
                new=new,
            )
        )

    def split(self, shard_id: str) -> tuple[str, str]:
        """Closes an open shard and gives its hashes to two children; returns their ids."""
        shard = self._shards[shard_id]
        assert not shard.closed
        assert shard.high - shard.low >= 2
        shard.closed = True
        self._open.remove(shard)
        middle = (shard.low + shard.high) // 2
        left = self._add_shard(shard_id, shard.low, middle)
        right = self._add_shard(shard_id, middle, shard.high)
        return left.id, right.id

    def roll(self, shard_id: str) -> str:
        """Closes an open shard and goes on in one child, as DynamoDB does every few hours."""
        shard = self._shards[shard_id]
        assert not shard.closed
        shard.closed = True
        self._open.remove(shard)
        return self._add_shard(shard_id, shard.low, shard.high).id

    def trim(self, shard_id: str, *, keep: int = 0) -> int:
        """Forgets all but the newest `keep` records of a shard; returns how many are gone."""
        shard = self._shards[shard_id]
        count = max(0, len(shard.records) - keep)
        shard.trim(count)
        return count

    def open_shards(self) -> list[str]:
        """Ids of the shards that still grow."""
        return [shard.id for shard in self._open]

    def records(self) -> list[StreamRecord]:
        """For auditors: every record that is kept, of all shards, as they were committed."""
        kept = [record for shard in self._shards.values() for record in shard.records]
        return sorted(kept, key=lambda record: record.sequence)

    def record_count(self) -> int:
        """Records that the stream still keeps."""
        return sum(len(shard.records) for shard in self._shards.values())

    def _expire(self) -> None:
        """What is older than a day goes; a closed shard goes with its last record."""
        oldest_ms = self._clock.now_ms() - STREAM_RECORD_LIFE_MS
        for shard in list(self._shards.values()):
            count = 0
            for record in shard.records:
                if record.approximate_created_ms >= oldest_ms:
                    break
                count += 1
            shard.trim(count)
            if shard.closed and shard.gone and not shard.records:
                del self._shards[shard.id]

    # --- The port ---------------------------------------------------------------------------------
    async def shards(self) -> list[Shard]:
        """See Stream."""
        await asyncio.sleep(0)
        self._expire()
        return [Shard(each.id, each.parent_id, each.closed) for each in self._shards.values()]

    async def iterator(self, shard_id: str, *, after: str | None) -> str:
        """See Stream."""
        await asyncio.sleep(0)
        self._expire()
        shard = self._shards.get(shard_id)
        if shard is None:
            raise StreamTrimmed(f"{shard_id} is gone")
        if after is None:
            return self._iterator(shard, shard.gone)
        sequence = int(after)
        if sequence <= shard.last_gone:
            raise StreamTrimmed(f"{after} is older than what {shard_id} keeps")
        return self._iterator(shard, shard.gone + bisect_right(shard.sequences, sequence))

    def _iterator(self, shard: _Shard, position: int) -> str:
        return f"{shard.id}|{position}|{self._clock.now_ms() + STREAM_ITERATOR_LIFE_MS}"

    async def read(self, iterator: str, *, limit: int) -> StreamBatch:
        """See Stream."""
        assert 1 <= limit <= STREAM_RECORDS_MAX
        await asyncio.sleep(0)
        self._expire()
        try:
            shard_id, position_text, expires_text = iterator.split("|")
            position, expires_ms = int(position_text), int(expires_text)
        except ValueError:
            raise StoreRefused("no iterator") from None
        if self._clock.now_ms() >= expires_ms:
            raise StreamExpired(f"the iterator of {shard_id} is too old")
        shard = self._shards.get(shard_id)
        if shard is None or position < shard.gone:
            raise StreamTrimmed(f"{shard_id} no longer keeps what the iterator asks for")
        first = position - shard.gone
        records = shard.records[first : first + limit]
        ended = shard.closed and first + len(records) == len(shard.records)
        following = self._iterator(shard, position + len(records))
        return StreamBatch(records, None if ended else following)
