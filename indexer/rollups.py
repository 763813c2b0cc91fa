"""RollupWriter: what a read adds to the balance histories, each sum exactly once.

Sums can't be added twice, so they and the checkpoint that says "added" are written in one batch,
guarded by the checkpoint as it was. A read of many records rarely fits one batch (100 items), so it
is applied in steps:

    checkpoint   s=10                            nothing of (10, 20] is added
    step 1       s=10 u=20 k=<last key of 1>     items up to that key are added
    step 2       s=10 u=20 k=<last key of 2>
    last step    s=20                            all of them are

The first step thereby promises the range of records that is summed, and every later process keeps
it: after a crash the new owner reads exactly (s, u] again, gets the same sums, sorts them by key as
before, and goes on after `k`. Each item is written once a read, however many of its entries touch
it; splitting the read by records instead would write a shared ancestor once a step.

Why it is exact: a step is all or nothing; its guard lets it happen only from the state before it,
and only under our epoch; the sums are a pure function of the records, which don't change, and of
the ledgers' UTC offsets, which don't either. A step whose answer is lost is looked up in the
checkpoint.

What the histories can't take is put aside in the step's own batch (see quarantine.py), so the shard
goes on and nothing is lost. Numbers can't leave DynamoDB's 38 digits (see history.py). An eventual
balance that leaves Int96 can't be refused any more: it is stored exactly, and `verify` tells it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from indexer.leases import Checkpoint, Lease, LeaseBook
from indexer.quarantine import Aside, deltas_aside
from shared.clock import Clock
from shared.errors import LeaseLost, StoreRefused, StoreTimeout, StoreUnavailable
from shared.limits import ROLLUP_ITEMS_MAX, STORE_BACKOFF_MS
from shared.store.table import Cancelled, Cause, Put, Table, Transacted, Update, Write

Step = tuple[str, Write]  # the place in the order of keys, and what is written

STEP_ATTEMPTS_MAX = 20


def order_key(pk: str, sk: str) -> str:
    """Where an item stands in the order in which a read is applied."""
    return f"{pk}\t{sk}"  # any order will do that is the same in every process


def in_order(
    updates: Sequence[Update], asides: Sequence[Aside], marks: Sequence[Put] = ()
) -> list[Step]:
    """Everything that a read writes, by key: marks stand behind all sums."""
    steps: list[Step] = [(order_key(u.key.pk, u.key.sk), u) for u in updates]
    steps += [(order_key(mark.key.pk, mark.key.sk), mark) for mark in marks]
    steps += [(order_key(aside.key.pk, aside.key.sk), aside.put()) for aside in asides]
    steps.sort(key=lambda step: step[0])
    return steps


class RollupWriter:
    """Applies reads to the histories and moves the checkpoint of the shard they came from."""

    def __init__(self, table: Table, book: LeaseBook, clock: Clock) -> None:
        self._table = table
        self._book = book
        self._clock = clock
        self._batches = 0
        self.put_aside_count = 0
        self.items_count = 0
        self.batches_count = 0

    async def apply(
        self,
        lease: Lease,
        upto: str,
        updates: Sequence[Update],
        asides: Sequence[Aside],
        marks: Sequence[Put] = (),
    ) -> None:
        """Adds `updates`, sets `marks`, keeps `asides`, and moves the checkpoint to `upto`.

        These must be what all records after the checkpoint's sequence up to `upto` come to; if a
        read is in progress, `upto` must be its end. Raises LeaseLost, StoreUnavailable or
        StoreTimeout; applying the same again, by whoever holds the lease then, goes on where this
        stopped.
        """
        start = lease.checkpoint
        assert upto
        assert not start.finished
        assert not start.in_progress or start.upto == upto
        left = [step for step in in_order(updates, asides, marks) if step[0] > start.after_key]
        room = ROLLUP_ITEMS_MAX
        while lease.checkpoint.sequence != upto:
            steps = left[:room]
            last = len(steps) == len(left)
            target = Checkpoint(upto) if last else replace(start, upto=upto, after_key=steps[-1][0])
            overflowed = await self._step(lease, target, [write for _, write in steps])
            if not overflowed:
                left = left[len(steps) :]
                room = ROLLUP_ITEMS_MAX
            elif len(steps) > 1:
                room = (len(steps) + 1) // 2
            else:
                place, write = steps[0]
                assert isinstance(write, Update)
                left[0] = (place, self._aside(upto, write, overflowed))

    def _aside(self, upto: str, update: Update, reason: str) -> Put:
        self.put_aside_count += 1
        return deltas_aside(upto, [update], reason, self._clock.now_ms()).put()

    async def _step(self, lease: Lease, target: Checkpoint, writes: list[Write]) -> str:
        """One batch. Empty when it was written, otherwise why some of its items can't take their
        sums.
        """
        for attempt in range(STEP_ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(STORE_BACKOFF_MS * attempt / 1_000)
            try:
                answer = await self._table.transact(
                    [lease.moved_to(target), *writes], self._token(lease)
                )
            except StoreRefused as refused:
                if all(isinstance(write, Put) for write in writes):
                    raise  # the checkpoint or an aside is refused: our mistake, told and retried
                return str(refused)
            except StoreTimeout:
                answer = None
            if not isinstance(answer, Transacted):
                if answer is not None and (why := _overflow(answer)):
                    return why
                stands = await self._book.read_back(lease)
                if stands != target:
                    if stands != lease.checkpoint:
                        raise LeaseLost(f"the checkpoint of {lease.shard_id} moved")
                    continue  # a conflict, or a batch that never arrived
            lease.checkpoint = target
            self.items_count += len(writes)
            self.batches_count += 1
            return ""
        raise StoreUnavailable(f"no batch went through for {lease.shard_id}")

    def _token(self, lease: Lease) -> str:
        """New for every batch: the driver sends one batch again under the same token by itself."""
        self._batches += 1
        name = f"{lease.projector} {lease.shard_id} {lease.owner} {lease.epoch} {self._batches}"
        return blake2b(name.encode(), digest_size=16).hexdigest()


def _overflow(answer: Cancelled) -> str:
    """Why items are full, unless the batch failed for the checkpoint's guard."""
    if answer.reasons[0].cause is Cause.GUARD:
        return ""
    full = sum(reason.cause is Cause.OVERFLOW for reason in answer.reasons)
    return "the item can't hold more" if full else ""
