"""ShardReads: one shard's records, read once for all projectors that follow it in this process.

    stream ──► [ window of the newest changes, parsed ] ──► balances at 120
                base 100 ──────────────── tip 140       └─► search at 131

Each projector has a position of its own. One that stands at the tip reads on from the stream, and
what it reads stays in the window for the others; so two projectors cost one GetRecords and one
parse. One that fell behind the window (its engine was away) reads for itself until it has caught
up.
"""

import asyncio
from bisect import bisect_right
from dataclasses import dataclass

from indexer.records import StreamChange, change_of
from shared.clock import Clock
from shared.errors import StreamExpired, StreamTrimmed
from shared.limits import FOLLOW_IDLE_MS, STREAM_RECORDS_MAX
from shared.store.streams import Stream

WINDOW_CHANGES_MAX = 4_000
EMPTY_PAGES_MAX = 20  # of a stream whose shard has gaps, in one call
START = -1  # the position before the oldest record


@dataclass(frozen=True, slots=True)
class Read:
    """Changes after a position, in order. `more`: others are known to follow. `ended`: none ever
    will.
    """

    changes: list[StreamChange]
    more: bool
    ended: bool


def place_of(sequence: str) -> int:
    """A sequence as a number, so that sequences of different lengths compare rightly."""
    return int(sequence) if sequence else START


class ShardReads:
    """The window on one shard. Any number of followers may read at once."""

    def __init__(self, stream: Stream, shard_id: str, clock: Clock) -> None:
        self._stream = stream
        self._shard_id = shard_id
        self._clock = clock
        self._reading = asyncio.Lock()
        self._begun = False
        self._base = START
        self._tip = START
        self._changes: list[StreamChange] = []
        self._places: list[int] = []
        self._iterator: str | None = None
        self._ended = False
        self._empty_until_ms = 0.0
        self._apart: dict[str, str] = {}  # position -> iterator, of followers behind the window

    async def read(self, after: str, limit: int = STREAM_RECORDS_MAX) -> Read:
        """Up to `limit` changes after sequence `after`; "" is the oldest record that the stream
        keeps.

        May be empty though records follow. Raises StreamTrimmed, StreamExpired (read again) and
        StoreUnavailable.
        """
        place = place_of(after)
        if self._begun and self._base <= place < self._tip:
            return self._slice(place, limit)
        if self._begun and place < self._base:
            return await self._read_apart(after, limit)
        async with self._reading:
            if not self._begun or place > self._tip:
                self._begin_at(place)
            if place < self._tip:
                return self._slice(place, limit)
            if not self._ended and self._clock.monotonic_ms() >= self._empty_until_ms:
                await self._read_on(after)
            return self._slice(place, limit)

    async def read_now(self, after: str, limit: int = STREAM_RECORDS_MAX) -> Read:
        """As `read`, and never content with what an earlier reader found a moment ago."""
        self._empty_until_ms = 0.0
        return await self.read(after, limit)

    def known_after(self, after: str) -> int:
        """How many changes after `after` are read already: they wait to be applied."""
        return len(self._places) - bisect_right(self._places, place_of(after))

    def _begin_at(self, place: int) -> None:
        self._begun = True
        self._base = self._tip = place
        self._changes, self._places = [], []
        self._iterator, self._ended = None, False
        self._empty_until_ms = 0.0

    def _slice(self, place: int, limit: int) -> Read:
        first = bisect_right(self._places, place)
        changes = self._changes[first : first + limit]
        more = first + len(changes) < len(self._changes)
        return Read(changes, more, self._ended and not more)

    async def _read_on(self, after: str) -> None:
        """Reads from the tip, and lets the oldest changes go when the window is full."""
        iterator = self._iterator
        if iterator is None:
            iterator = await self._stream.iterator(self._shard_id, after=after or None)
            self._iterator = iterator
        try:
            batch = await self._stream.read(iterator, limit=STREAM_RECORDS_MAX)
        except (StreamExpired, StreamTrimmed):
            self._iterator = None
            raise
        self._iterator = batch.iterator
        self._ended = batch.iterator is None
        for record in batch.records:
            place = int(record.sequence)
            if place <= self._tip:
                continue  # delivered before
            self._changes.append(change_of(record))
            self._places.append(place)
            self._tip = place
        if not batch.records:
            self._empty_until_ms = self._clock.monotonic_ms() + FOLLOW_IDLE_MS / 2
        surplus = len(self._changes) - WINDOW_CHANGES_MAX
        if surplus > 0:
            self._base = self._places[surplus - 1]
            del self._changes[:surplus]
            del self._places[:surplus]

    async def _read_apart(self, after: str, limit: int) -> Read:
        """Reads for a follower that is behind the window."""
        iterator = self._apart.pop(after, None)
        if iterator is None:
            iterator = await self._stream.iterator(self._shard_id, after=after or None)
        place = place_of(after)
        for _ in range(EMPTY_PAGES_MAX):
            batch = await self._stream.read(iterator, limit=limit)
            fresh = [record for record in batch.records if int(record.sequence) > place]
            if fresh:
                if batch.iterator is not None:
                    self._apart[fresh[-1].sequence] = batch.iterator
                changes = [change_of(record) for record in fresh]
                return Read(changes, batch.iterator is not None, batch.iterator is None)
            if batch.iterator is None:
                return Read([], more=False, ended=True)
            iterator = batch.iterator
        self._apart[after] = iterator
        return Read([], more=True, ended=False)


class StreamReads:
    """The windows of a process, by shard."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._shards: dict[str, ShardReads] = {}

    def of_shard(self, shard_id: str) -> ShardReads:
        """The one window on a shard."""
        reads = self._shards.get(shard_id)
        if reads is None:
            reads = self._shards[shard_id] = ShardReads(self._stream, shard_id, self._clock)
        return reads

    def shard_ids(self) -> list[str]:
        """Shards that have a window."""
        return list(self._shards)

    def forget(self, shard_id: str) -> None:
        """Lets the window of a shard go that the stream lists no more."""
        self._shards.pop(shard_id, None)
