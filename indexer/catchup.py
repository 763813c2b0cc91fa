"""What the stream has told since a rebuild began: read aside from the followers, shard by shard.

A scan of the table sees an entry or doesn't, depending on when it passes. The stream since a noted position
says which entries the scan may have seen too early or missed.
"""

from dataclasses import dataclass, field

from indexer.leases import Checkpoint, LeaseSeen
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
        """`keep`: every change stays in its shard's `changes`."""
        self._keep = keep
        self._stream = stream
        self._clock = clock
        self.noted = {shard_id: seen.checkpoint for shard_id, seen in noted.items()}
        self.shards: dict[str, ShardCatchUp] = {}
        self.gone: set[str] = set()  # shards with a checkpoint that the stream has forgotten unread

    async def read_to_tip(self) -> list[StreamChange]:
        """Reads every shard until nothing follows; gives what is new since the last call."""
        fresh: list[StreamChange] = []
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
            fresh += await self._read_shard(caught)
        return fresh

    def _begin(self, shard: Shard) -> ShardCatchUp:
        start = self.noted.get(shard.id, Checkpoint()).sequence
        reads = ShardReads(self._stream, shard.id, self._clock)
        return ShardCatchUp(shard.id, start, reads, start)

    async def _read_shard(self, caught: ShardCatchUp) -> list[StreamChange]:
        fresh: list[StreamChange] = []
        empty = 0
        for _ in range(READS_MAX):
            if caught.ended or empty >= EMPTY_READS_AT_TIP:
                break
            try:
                read = await caught.reads.read_now(caught.position)
            except StreamExpired:
                continue
            except StreamTrimmed:
                if caught.start == "":
                    raise
                caught.trimmed, caught.start, caught.position = True, "", ""
                caught.changes.clear()
                fresh.clear()
                continue
            if read.changes:
                fresh += read.changes
                caught.position = read.changes[-1].sequence
                empty = 0
            elif read.ended:
                caught.ended = True
            else:
                empty += 1
        if self._keep:
            caught.changes += fresh
        return fresh
