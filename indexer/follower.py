"""ShardFollower: one projector on one shard. Read, project, apply, move the checkpoint; again.

    ┌─► read after the checkpoint ─► apply (effect, then or with it the checkpoint) ─┐
    └────────────── pace: idle 100 ms, little 200 ms, full at once ◄─────────────────┘

Cancelling it anywhere, or killing the process, loses nothing: what was not checkpointed is read
again. A read that was applied in part goes first, and is cut exactly as it was (see rollups.py).
"""

import asyncio
from contextlib import suppress
from enum import StrEnum

from indexer.appliers import Applier
from indexer.leases import Lease, is_unheard
from indexer.meters import FOLLOW_FAILED, ProjectorMeters
from indexer.reads import Read, ShardReads, place_of
from indexer.records import StreamChange
from shared.clock import Clock
from shared.errors import LeaseLost, StoreUnavailable, StreamExpired, StreamTrimmed
from shared.limits import FOLLOW_IDLE_MS, STREAM_RECORDS_MAX
from shared.observe import EventLog

LOG = EventLog("indexer")

# A read of fewer changes than this is worth a wait: the next one then sums more of them per item.
FULL_READ_CHANGES = 200
PACE_MS = 200
BACKOFF_MS = 100
BACKOFF_MS_MAX = 5_000
FAILURES_TOLD_EVERY = 10
SILENT_MS_MAX = 2_000
EMPTY_READS_MAX = 50


class End(StrEnum):
    """Why a follower ended."""

    FINISHED = "finished"  # the shard is read to its end
    STOPPED = "stopped"  # it was told to
    LOST = "lost"  # another process follows the shard now
    TRIMMED = "trimmed"  # the stream no longer keeps what comes next


async def read_in_progress(reads: ShardReads, lease: Lease) -> list[StreamChange]:
    """Exactly the changes of the read that was applied in part: after the checkpoint, up to its
    `upto`.
    """
    last = place_of(lease.checkpoint.upto)
    after = lease.checkpoint.sequence
    changes: list[StreamChange] = []
    empty = 0
    while empty < EMPTY_READS_MAX:
        read = await reads.read(after)
        for change in read.changes:
            if place_of(change.sequence) > last:
                break
            changes.append(change)
            after = change.sequence
        if changes and place_of(after) == last:
            return changes
        if read.ended:
            break
        if not read.changes:
            empty += 1
            await asyncio.sleep(FOLLOW_IDLE_MS / 1_000)
    raise StoreUnavailable(f"{lease.shard_id} does not give {lease.checkpoint.upto} again")


class ShardFollower:
    """Follows one shard until it ends, the lease is lost, or `stop` is set."""

    def __init__(
        self,
        lease: Lease,
        reads: ShardReads,
        applier: Applier,
        *,
        clock: Clock,
        meters: ProjectorMeters,
        stop: asyncio.Event,
    ) -> None:
        self.lease = lease
        self._reads = reads
        self._applier = applier
        self._clock = clock
        self._meters = meters
        self._stop = stop
        self.lag_records = 0
        self._behind_since_ms: int | None = None  # when the oldest change not yet applied was made
        self._heard_ms = clock.now_ms()  # when the stream last said what there is

    def lag_ms(self) -> int:
        """Age of the oldest change that waits; 0 when none does. A silent stream counts as
        waiting.
        """
        now_ms = self._clock.now_ms()
        if self._behind_since_ms is not None:
            return max(0, now_ms - self._behind_since_ms)
        silent_ms = now_ms - self._heard_ms
        return silent_ms if silent_ms > SILENT_MS_MAX else 0

    async def run(self) -> End:
        """Follows. Returns why it ended; raises nothing but CancelledError."""
        failures = 0
        while not self._stop.is_set():
            if self.lease.lost:
                return End.LOST
            started_ms = self._clock.monotonic_ms()
            try:
                end, wait_ms = await self._once(started_ms)
            except LeaseLost:
                return End.LOST
            except StreamTrimmed as error:
                LOG.warning(
                    FOLLOW_FAILED,
                    projector=self.lease.projector,
                    shard=self.lease.shard_id,
                    failures=1,
                    sequence=self.lease.checkpoint.sequence,
                    error=error,
                )
                return End.TRIMMED
            except StreamExpired:
                continue  # the reads have dropped the iterator
            except Exception as error:  # whatever it is: the shard waits, and says so
                failures += 1
                self._tell(error, failures)
                await self._wait(min(BACKOFF_MS * 2 ** min(failures - 1, 10), BACKOFF_MS_MAX))
                continue
            failures = 0
            if end is not None:
                return end
            if wait_ms > 0:
                await self._wait(wait_ms)
        return End.STOPPED

    async def _once(self, started_ms: float) -> tuple[End | None, float]:
        """One read and its application; gives how long to wait before the next."""
        lease = self.lease
        if is_unheard(lease.checkpoint, lease.heard_ms, self._clock.now_ms()):
            raise StreamTrimmed(f"{lease.shard_id} was not heard since {lease.heard_ms}")
        if lease.checkpoint.in_progress:
            changes = await read_in_progress(self._reads, lease)
            await self._apply(changes)
            return None, 0
        read = await self._reads.read(lease.checkpoint.sequence, STREAM_RECORDS_MAX)
        self._heard_ms = self._clock.now_ms()
        if read.changes:
            await self._apply(read.changes)
            return None, self._pause_ms(read, started_ms)
        self._caught_up()
        if not read.more:
            lease.heard_ms = self._heard_ms
        if read.ended:
            await self._applier.book.finish(lease)
            return End.FINISHED, 0
        if read.more:
            return None, 0
        await self._applier.idle()
        return None, FOLLOW_IDLE_MS

    async def _apply(self, changes: list[StreamChange]) -> None:
        self._behind_since_ms = changes[0].written_ms
        self.lag_records = len(changes) + self._reads.known_after(changes[-1].sequence)
        await self._applier.apply(self.lease, changes)
        meters = self._meters
        meters.applied.inc(len(changes))
        meters.checkpoints.inc()
        self.lag_records = self._reads.known_after(changes[-1].sequence)
        self._behind_since_ms = changes[-1].written_ms if self.lag_records else None

    def _caught_up(self) -> None:
        self.lag_records = 0
        self._behind_since_ms = None

    def _pause_ms(self, read: Read, started_ms: float) -> float:
        if read.more or read.ended or len(read.changes) >= FULL_READ_CHANGES:
            return 0
        return PACE_MS - (self._clock.monotonic_ms() - started_ms)

    def _tell(self, error: Exception, failures: int) -> None:
        self._meters.failed(error)
        if failures == 1 or failures % FAILURES_TOLD_EVERY == 0:
            LOG.warning(
                FOLLOW_FAILED,
                projector=self.lease.projector,
                shard=self.lease.shard_id,
                failures=failures,
                sequence=self.lease.checkpoint.sequence,
                error=error,
            )

    async def _wait(self, wait_ms: float) -> None:
        """Waits, or until told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1_000):
                await self._stop.wait()
