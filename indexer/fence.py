"""Fence: all of a projector's leases in one hand for a moment, so that its projection stands still.

Whoever followed a shard notices at its next write, which fails; nothing it had under way can land
any more. While the fence is held no shard is followed and no new one begins: a shard begins when
its parent is finished, and that is for the holder to say. Letting go lets the followers take their
shards back at once. If the holder dies instead, the leases run out as those of any dead process do.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from indexer.leases import Lease, LeaseBook
from indexer.shards import ShardGraph
from shared.clock import Clock
from shared.errors import LeaseLost, StoreUnavailable, TwofoldError
from shared.limits import LEASE_MS, LEASE_RENEW_MS
from shared.store.streams import Stream
from shared.store.table import Table

FENCE_ROUNDS_MAX = 200
FENCE_ROUND_MS = 50
SOLE_ROUND_MS = 500
SOLE_ROUNDS_MAX = LEASE_MS // SOLE_ROUND_MS + 2
SOLE = "sole"  # the one lease that says who rebuilds


@asynccontextmanager
async def fence(stream: Stream, book: LeaseBook) -> AsyncIterator[dict[str, Lease]]:
    """Holds every lease of the projector for the block's duration; gives them by shard.

    Raises StoreUnavailable when others keep taking them back.
    """
    held: dict[str, Lease] = {}
    try:
        await _take_all(stream, book, held)
        async with _kept_alive(book, held):
            yield held
    finally:
        for lease in held.values():
            await _release(book, lease)


@asynccontextmanager
async def fence_of(
    stream: Stream, book: LeaseBook, shard_ids: Sequence[str]
) -> AsyncIterator[dict[str, Lease]]:
    """As `fence`, for some shards only. Shards that never had a lease get one."""
    held: dict[str, Lease] = {}
    try:
        await book.begin(shard_ids)
        await _take_all(stream, book, held, frozenset(shard_ids))
        async with _kept_alive(book, held):
            yield held
    finally:
        for lease in held.values():
            await _release(book, lease)


async def _take_all(
    stream: Stream, book: LeaseBook, held: dict[str, Lease], only: frozenset[str] | None = None
) -> None:
    for _ in range(FENCE_ROUNDS_MAX):
        leases = await book.listed()
        if only is None:
            graph = ShardGraph(await stream.shards())
            finished = {each.shard_id: each.checkpoint.finished for each in leases.values()}
            new = [shard for shard in graph.ready(finished) if shard.id not in leases]
            if new:
                await book.begin_after(new, leases)
                continue
        missing = [
            seen
            for seen in leases.values()
            if (only is None or seen.shard_id in only)
            and (seen.shard_id not in held or held[seen.shard_id].epoch != seen.epoch)
        ]
        if not missing:
            return
        for seen in missing:
            lease = await book.take(seen, from_living=True)
            if lease is not None:
                held[seen.shard_id] = lease
        await asyncio.sleep(FENCE_ROUND_MS / 1_000)
    raise StoreUnavailable("the leases can't be had: others keep taking them")


@asynccontextmanager
async def _kept_alive(book: LeaseBook, held: dict[str, Lease]) -> AsyncIterator[None]:
    """Shows signs of life for the block's duration."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(LEASE_RENEW_MS / 1_000)
            for lease in held.values():
                if not lease.lost:
                    try:
                        await book.renew(lease)
                    except LeaseLost:
                        continue  # the block's own writes fail from now on
                    except TwofoldError:
                        break

    task = asyncio.get_running_loop().create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _release(book: LeaseBook, lease: Lease) -> None:
    if not lease.lost:
        try:
            await book.release(lease)
        except TwofoldError:
            return  # it runs out by itself


@asynccontextmanager
async def sole_rebuilder(
    table: Table, projector: str, owner: str, clock: Clock
) -> AsyncIterator[None]:
    """For one process at a time: the one that may rebuild this projection now.

    Raises StoreUnavailable when another one does.
    """
    book = LeaseBook(table, f"{projector}.rebuild", owner, clock)
    await book.begin([SOLE])
    lease = None
    for _ in range(SOLE_ROUNDS_MAX):  # long enough to see that one who died is dead
        seen = (await book.listed())[SOLE]
        lease = await book.take(seen) if book.is_free(seen) else None
        if lease is not None:
            break
        await asyncio.sleep(SOLE_ROUND_MS / 1_000)
    if lease is None:
        raise StoreUnavailable(f"{projector} is being rebuilt by another process")
    try:
        async with _kept_alive(book, {SOLE: lease}):
            yield
    finally:
        await _release(book, lease)
