"""What the stream has told since a rebuild began: read aside from the followers, shard by shard.

A scan of the table sees an entry or doesn't, depending on when it passes. The stream since a noted
position says which entries the scan may have seen too early or missed.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from indexer.leases import Checkpoint, LeaseSeen, is_unheard
from indexer.projections.balances import counted
from indexer.reads import ShardReads, place_of
from indexer.records import StreamChange
from shared.clock import Clock
from shared.errors import StreamExpired, StreamTrimmed
from shared.store.streams import Shard, Stream

READS_MAX = 1_000_000
EMPTY_READS_AT_TIP = 2  # in a row, to call it the tip


@dataclass(slots=True)
class ShardCatchUp:
    """One shard: what it told after `start`, and how far it was read."""

    shard_id: str
    start: str
    reads: ShardReads
    position: str
    ended: bool = False
    trimmed: bool = False  # records between the checkpoint and `start` are gone for good
    changes: list[StreamChange] = field(default_factory=list)

    def applied_at(self, change: StreamChange, checkpoint: Checkpoint) -> bool:
        """Whether a projector at `checkpoint` of this shard has applied `change`."""
        return checkpoint.finished or place_of(change.sequence) <= place_of(checkpoint.sequence)


class CatchUp:
    """All shards since the checkpoints that were noted when it was made."""

    def __init__(
        self, stream: Stream, clock: Clock, noted: dict[str, LeaseSeen], *, keep: bool
    ) -> None:
        """`keep`: what is counted of an entry stays in its shard's `changes`."""
        self._keep = keep
        self._stream = stream
        self._clock = clock
        self.noted = {shard_id: seen.checkpoint for shard_id, seen in noted.items()}
        now_ms = clock.now_ms()
        self._unheard = {
            shard_id
            for shard_id, seen in noted.items()
            if is_unheard(seen.checkpoint, seen.heard_ms, now_ms)
        }
        self.shards: dict[str, ShardCatchUp] = {}
        self.gone: set[str] = set()  # shards with a checkpoint that the stream has forgotten unread

    async def to_tip(self) -> AsyncIterator[list[StreamChange]]:
        """Reads every shard until nothing follows; gives what wasn't given before, a read at a
        time.
        """
        listed = await self._stream.shards()
        ids = {shard.id for shard in listed}
        for shard_id, checkpoint in self.noted.items():
            if shard_id not in ids and not checkpoint.finished:
                self.gone.add(shard_id)
        for shard in listed:
            caught = self.shards.get(shard.id)
            if caught is None:
                if self.noted.get(shard.id, Checkpoint()).finished:
                    continue
                caught = self.shards[shard.id] = self._begin(shard)
            async for changes in self._read_shard(caught):
                yield changes

    async def read_to_tip(self) -> int:
        """As `to_tip`, for who keeps the changes or needs none of them; gives their number."""
        return sum([len(changes) async for changes in self.to_tip()])

    def _begin(self, shard: Shard) -> ShardCatchUp:
        start = self.noted.get(shard.id, Checkpoint()).sequence
        reads = ShardReads(self._stream, shard.id, self._clock)
        return ShardCatchUp(shard.id, start, reads, start, trimmed=shard.id in self._unheard)

    async def _read_shard(self, caught: ShardCatchUp) -> AsyncIterator[list[StreamChange]]:
        empty = 0
        for _ in range(READS_MAX):
            if caught.ended or empty >= EMPTY_READS_AT_TIP:
                return
            try:
                read = await caught.reads.read_now(caught.position)
            except StreamExpired:
                continue
            except StreamTrimmed:
                if caught.start == "":
                    raise
                caught.trimmed, caught.start, caught.position = True, "", ""
                caught.changes.clear()
                continue
            if read.changes:
                caught.position = read.changes[-1].sequence
                empty = 0
                if self._keep:
                    caught.changes += [each for each in read.changes if counted(each)]
                yield read.changes
            elif read.ended:
                caught.ended = True
            else:
                empty += 1

    def has_told(self, shard_id: str, checkpoint: Checkpoint) -> bool:
        """As `has_reached`, and true of what the stream no longer keeps."""
        caught = self.shards.get(shard_id)
        is_lost = shard_id in self.gone or (caught is not None and caught.trimmed)
        return is_lost or self.has_reached(shard_id, checkpoint)

    def has_reached(self, shard_id: str, checkpoint: Checkpoint) -> bool:
        """Whether everything that a projector at `checkpoint` has applied was read here, or
        before.
        """
        caught = self.shards.get(shard_id)
        if caught is None:
            return self.noted.get(shard_id, Checkpoint()).finished or checkpoint == Checkpoint()
        if checkpoint.finished:
            return caught.ended
        return place_of(caught.position) >= place_of(checkpoint.sequence)
