"""Roster: which shards this process follows for one projector, seen to every few seconds.

    look at the stream's shards and at all leases
      -> show signs of life for the ones held     -> take what is ready and free, up to a fair share
      -> start and forget followers               -> notice what the stream has lost: heal

Every process runs the same loop; conditional writes on the leases decide (see leases.py).
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from indexer.appliers import Applier
from indexer.follower import End, ShardFollower
from indexer.leases import Lease, LeaseSeen, shards_to_take
from indexer.meters import (
    HEAL_FAILED,
    LEASE_LOST,
    ROSTER_FAILED,
    SHARD_FINISHED,
    SHARD_FOLLOWED,
    SHARD_LEFT,
    STREAM_TRIMMED,
    ProjectorMeters,
)
from indexer.reads import StreamReads
from indexer.shards import ShardGraph
from shared.clock import Clock
from shared.errors import LeaseLost
from shared.limits import LEASE_RENEW_MS
from shared.observe import EventLog
from shared.store.streams import Stream

LOG = EventLog("indexer")
HEAL_BACKOFF_MS = LEASE_RENEW_MS
HEAL_BACKOFF_MS_MAX = 30_000
STOP_MS_MAX = 1_500  # what a follower may take to end the read that it is applying

Heal = Callable[
    [list[str]], Coroutine[Any, Any, None]
]  # brings the projection up to date without the lost records


class Roster:
    """One projector's followers in one process."""

    def __init__(
        self,
        stream: Stream,
        reads: StreamReads,
        applier: Applier,
        heal: Heal,
        *,
        clock: Clock,
        meters: ProjectorMeters,
        owner: str,
    ) -> None:
        self._stream = stream
        self._reads = reads
        self._applier = applier
        self._book = applier.book
        self._heal = heal
        self._clock = clock
        self._meters = meters
        self._owner = owner
        self._following: dict[str, tuple[ShardFollower, asyncio.Task[End]]] = {}
        self._trimmed: set[str] = set()
        self._healing: asyncio.Task[None] | None = None
        self._heal_failures = 0  # in a row
        self._heal_again_ms = 0.0
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()

    # --- Life
    # ---------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Follows until `stop`. Whatever fails is told and tried again at the next look."""
        try:
            while not self._stop.is_set():
                self._wake.clear()
                try:
                    await self.look()
                except Exception as error:  # whatever it is: it is told, and the next look comes
                    LOG.warning(ROSTER_FAILED, projector=self._applier.projector, error=error)
                await self._sleep(LEASE_RENEW_MS)
        finally:
            await self._let_go()

    def stop(self) -> None:
        """Ends `run`: followers finish the read they are applying, and give their shards back."""
        self._stop.set()
        self._wake.set()

    @property
    def followed(self) -> list[str]:
        """Shards that this process follows now."""
        return sorted(self._following)

    def measure(self) -> None:
        """Brings the lag metrics up to date; called when they are asked for."""
        followers = [follower for follower, _ in self._following.values()]
        self._meters.followed.set(len(followers))
        self._meters.lag_records.set(sum(each.lag_records for each in followers))
        lag_ms = max((each.lag_ms() for each in followers), default=0)
        self._meters.lag_seconds.set(lag_ms / 1_000)

    async def _sleep(self, wait_ms: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1_000):
                await self._wake.wait()

    async def _let_go(self) -> None:
        """Stops every follower, the slow ones by cancelling, and gives the leases back."""
        if self._healing is not None:
            self._healing.cancel()
            await asyncio.gather(self._healing, return_exceptions=True)
        following, self._following = self._following, {}
        tasks = [task for _, task in following.values()]
        self._stop.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_MS_MAX / 1_000)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for follower, _ in following.values():
            await self._release(follower.lease)

    async def _release(self, lease: Lease) -> None:
        if lease.lost:
            return
        try:
            await self._book.release(lease)
            LOG.info(SHARD_LEFT, projector=lease.projector, shard=lease.shard_id)
        except Exception as error:  # then it runs out by itself
            LOG.warning(ROSTER_FAILED, projector=lease.projector, error=error)

    # --- One look
    # -----------------------------------------------------------------------------------
    async def look(self) -> None:
        """One round: notice, renew, take, start."""
        windows = self._reads.shard_ids()  # before the stream is asked: the other roster opens some
        graph = ShardGraph(await self._stream.shards())
        for shard_id in windows:
            if shard_id not in graph:
                self._reads.forget(shard_id)
        leases = await self._book.listed()
        await self._gather_ended()
        await self._renew_all(leases)
        if not leases:
            await self._book.begin([shard.id for shard in graph.roots()])
            leases = await self._book.listed()
        finished = {each.shard_id: each.checkpoint.finished for each in leases.values()}
        lost = sorted({*graph.lost(finished), *self._trimmed})
        if self._is_healing(lost):
            return  # the leases belong to the healing until it is done
        ready = graph.ready(finished)
        new = [shard for shard in ready if shard.id not in leases]
        if new:
            await self._book.begin_after(new, leases)
            leases = await self._book.listed()
        await self._take([shard.id for shard in ready], leases)
        for shard_id in graph.forgettable(finished):
            await self._book.forget(shard_id)

    def _is_healing(self, lost: list[str]) -> bool:
        """Starts to heal when something is lost; once that has failed, a while later. True until it
        is done.
        """
        if self._healing is not None and self._healing.done():
            ended, self._healing = self._healing, None
            failed = asyncio.CancelledError() if ended.cancelled() else ended.exception()
            if failed is None:
                self._trimmed.clear()
                self._heal_failures = 0
                return False  # `lost` was found before it ended; the next look knows better
            backoff_ms = min(HEAL_BACKOFF_MS << min(self._heal_failures, 10), HEAL_BACKOFF_MS_MAX)
            self._heal_failures += 1
            self._heal_again_ms = self._clock.monotonic_ms() + backoff_ms
            LOG.error(HEAL_FAILED, projector=self._applier.projector, error=failed)
        if self._healing is not None:
            return True
        if not lost:
            self._heal_failures = 0
            return False
        if self._heal_failures == 0:
            self._meters.trimmed.inc()
            LOG.error(STREAM_TRIMMED, projector=self._applier.projector, shards=lost)
        elif self._clock.monotonic_ms() < self._heal_again_ms:
            return True
        self._healing = asyncio.get_running_loop().create_task(self._heal(lost))
        self._healing.add_done_callback(lambda _: self._wake.set())
        return True

    async def _gather_ended(self) -> None:
        """Takes note of the followers that ended by themselves."""
        for shard_id, (follower, task) in list(self._following.items()):
            if not task.done():
                continue
            del self._following[shard_id]
            if task.cancelled():
                continue  # the lease still has our name: it is taken anew
            end = task.result()
            if end is End.LOST:
                follower.lease.lost = True
                LOG.warning(LEASE_LOST, projector=self._applier.projector, shard=shard_id)
            elif end is End.TRIMMED:
                self._trimmed.add(shard_id)
                await self._release(follower.lease)
            elif end is End.FINISHED:
                LOG.info(SHARD_FINISHED, projector=self._applier.projector, shard=shard_id)
                await self._release(follower.lease)

    async def _renew_all(self, leases: dict[str, LeaseSeen]) -> None:
        for shard_id, (follower, task) in list(self._following.items()):
            seen = leases.get(shard_id)
            try:
                if seen is None or seen.epoch != follower.lease.epoch:
                    raise LeaseLost(shard_id)
                await self._book.renew(follower.lease)
            except LeaseLost:
                follower.lease.lost = True
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._following[shard_id]
                LOG.warning(LEASE_LOST, projector=self._applier.projector, shard=shard_id)

    async def _take(self, ready: list[str], leases: dict[str, LeaseSeen]) -> None:
        free = frozenset(
            shard_id
            for shard_id in ready
            if shard_id not in self._following and self._book.is_free(leases[shard_id])
        )
        for shard_id in shards_to_take(ready, leases, free, self._owner):
            living = shard_id not in free
            lease = await self._book.take(leases[shard_id], from_living=living)
            if lease is not None:
                self._follow(lease)

    def _follow(self, lease: Lease) -> None:
        follower = ShardFollower(
            lease,
            self._reads.of_shard(lease.shard_id),
            self._applier,
            clock=self._clock,
            meters=self._meters,
            stop=self._stop,
        )
        task = asyncio.get_running_loop().create_task(follower.run())
        task.add_done_callback(lambda _: self._wake.set())
        self._following[lease.shard_id] = (follower, task)
        LOG.info(
            SHARD_FOLLOWED,
            projector=lease.projector,
            shard=lease.shard_id,
            sequence=lease.checkpoint.sequence,
        )
