"""Leases and checkpoints: which process follows which shard for a projector, and how far it has
come.

One item a shard, under K#<projector>, changed by conditional writes alone:

    o owner, empty when free           s sequence: every record up to it, and it, is applied
    n epoch: counts changes of owner   u, k a read in progress: records up to `u` are being applied,
    c counts every sign of life             in the order of their items' keys, up to `k` so far
    t when the stream last said that       d 1 when the shard is read to its end
      nothing follows the checkpoint

A write guarded by the epoch fails as soon as another process has taken the shard: a process that
slept through its own funeral (stopped, swapped out, cut off) can move no checkpoint and add no sum.

A stream says that records after a checkpoint are gone, but not whether any stood before the oldest
that it keeps. So a lease without a checkpoint whose `t` is about a day old counts as trimmed.

A lease has no time of expiry, so clocks need not agree: a contender takes a shard when it has seen
the same `n` and `c` for LEASE_MS on its own clock, or at once when the owner gave it back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from shared.clock import Clock
from shared.errors import LeaseLost, StoreTimeout
from shared.limits import LEASE_MS, STREAM_UNHEARD_MS_MAX
from shared.store import keys
from shared.store.streams import Shard
from shared.store.table import (
    Delete,
    GuardFailed,
    Is,
    Item,
    Key,
    Table,
    TableName,
    Update,
    Value,
)

SHARDS_LISTED_MAX = 10_000
FENCE_MARK = "/fence"  # ends the names of owners that hold leases to keep followers away
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a projector has applied a shard. Empty strings stand for "nothing yet"."""

    sequence: str = ""
    upto: str = ""  # the last sequence of a read that is being applied in several batches
    after_key: str = ""  # how far that one has come
    finished: bool = False

    @property
    def in_progress(self) -> bool:
        """Whether a read was applied in part: exactly its records have to be read again."""
        return self.upto != ""


@dataclass(frozen=True, slots=True)
class LeaseSeen:
    """A lease as it stands in the table."""

    shard_id: str
    owner: str
    epoch: int
    beats: int
    checkpoint: Checkpoint
    heard_ms: int | None = None  # None in leases of older versions


@dataclass(slots=True)
class Lease:
    """A lease that this process holds, as far as it knows. The checkpoint moves with the work."""

    projector: str
    shard_id: str
    owner: str
    epoch: int
    beats: int
    checkpoint: Checkpoint
    heard_ms: int  # when the stream last said that nothing follows the checkpoint
    lost: bool = False

    @property
    def key(self) -> Key:
        return keys.checkpoint(self.projector, self.shard_id)

    def next_beat(self) -> int:
        """A number that shows a sign of life. Set, not added, so that a write may be sent again."""
        self.beats += 1
        return self.beats

    def moved_to(self, checkpoint: Checkpoint) -> Update:
        """The write that moves the checkpoint, from exactly where it stands, if we still hold the
        lease.
        """
        now = self.checkpoint
        return Update(
            self.key,
            set={
                "c": self.next_beat(),
                "t": self.heard_ms,
                "s": checkpoint.sequence,
                "u": checkpoint.upto,
                "k": checkpoint.after_key,
                "d": int(checkpoint.finished),
            },
            guards=(
                Is("n", self.epoch),
                Is("s", now.sequence),
                Is("u", now.upto),
                Is("k", now.after_key),
            ),
        )


def seen_of(item: Item) -> LeaseSeen:
    """The lease that an item holds."""
    shard_id, owner = item["sk"], item["o"]
    epoch, beats = item["n"], item["c"]
    sequence, upto, after_key = item["s"], item["u"], item["k"]
    assert isinstance(shard_id, str)
    assert isinstance(owner, str)
    assert isinstance(epoch, int)
    assert isinstance(beats, int)
    assert isinstance(sequence, str)
    assert isinstance(upto, str)
    assert isinstance(after_key, str)
    assert (upto == "") == (after_key == "")
    checkpoint = Checkpoint(sequence, upto, after_key, item["d"] == 1)
    heard_ms = item.get("t")
    assert heard_ms is None or isinstance(heard_ms, int)
    return LeaseSeen(shard_id, owner, epoch, beats, checkpoint, heard_ms)


def is_unheard(checkpoint: Checkpoint, heard_ms: int | None, now_ms: int) -> bool:
    """Whether records before the first one that the stream keeps may have gone by unread."""
    if checkpoint.sequence or checkpoint.finished or heard_ms is None:
        return False
    return now_ms - heard_ms > STREAM_UNHEARD_MS_MAX


class LeaseBook:
    """One projector's leases, for one process."""

    def __init__(self, table: Table, projector: str, owner: str, clock: Clock) -> None:
        assert owner
        self._table = table
        self._clock = clock
        self._projector = projector
        self._owner = owner
        self._still: dict[str, tuple[int, int, float]] = {}  # shard -> epoch, beats, since when

    async def listed(self) -> dict[str, LeaseSeen]:
        """Every lease of the projector, by shard. Also notes which ones show no sign of life."""
        seen: dict[str, LeaseSeen] = {}
        after: str | None = None
        partition = keys.checkpoints(self._projector)
        for _ in range(SHARDS_LISTED_MAX // _PAGE):
            page = await self._table.query(
                TableName.BALANCES, partition, after=after, limit=_PAGE, consistent=True
            )
            for item in page.items:
                lease = seen_of(item)
                seen[lease.shard_id] = lease
            if page.next_key is None:
                break
            after = page.next_key[1]
        self._note(seen)
        return seen

    def _note(self, seen: Mapping[str, LeaseSeen]) -> None:
        now_ms = self._clock.monotonic_ms()
        still: dict[str, tuple[int, int, float]] = {}
        for lease in seen.values():
            before = self._still.get(lease.shard_id)
            if before is not None and before[:2] == (lease.epoch, lease.beats):
                still[lease.shard_id] = before
            else:
                still[lease.shard_id] = (lease.epoch, lease.beats, now_ms)
        self._still = still

    def is_free(self, lease: LeaseSeen) -> bool:
        """Whether it was given back, is our own from before a restart, or shows no life for
        LEASE_MS.
        """
        if lease.owner in ("", self._owner):
            return True
        epoch, beats, since_ms = self._still[lease.shard_id]
        assert (epoch, beats) == (lease.epoch, lease.beats)
        return self._clock.monotonic_ms() - since_ms >= LEASE_MS

    async def begin(self, shard_ids: Iterable[str]) -> None:
        """Makes leases, free and at the shard's oldest record, where there are none yet."""
        now_ms = self._clock.now_ms()
        for shard_id in shard_ids:
            await self._begin(shard_id, now_ms)

    async def begin_after(self, shards: Iterable[Shard], leases: Mapping[str, LeaseSeen]) -> None:
        """As `begin`, for shards that were heard as long as their parents: they were unread while
        nobody followed these to their end.
        """
        now_ms = self._clock.now_ms()
        for shard in shards:
            parent = None if shard.parent_id is None else leases.get(shard.parent_id)
            heard_ms = None if parent is None else parent.heard_ms
            await self._begin(shard.id, now_ms if heard_ms is None else heard_ms)

    async def _begin(self, shard_id: str, heard_ms: int) -> None:
        fresh: dict[str, Value] = {"o": "", "n": 0, "c": 0, "s": "", "u": "", "k": "", "d": 0}
        await self._table.write(
            Update(
                keys.checkpoint(self._projector, shard_id),
                set_if_absent={**fresh, "t": heard_ms},
            )
        )

    async def take(self, seen: LeaseSeen, *, from_living: bool = False) -> Lease | None:
        """Makes the shard ours, if the lease still stands as `seen`; None when another was faster.

        `from_living`: whatever its owner has done since then; only a change of owner is too late.
        """
        epoch = seen.epoch + 1
        alive = () if from_living else (Is("c", seen.beats),)
        write = Update(
            keys.checkpoint(self._projector, seen.shard_id),
            set={"o": self._owner, "n": epoch, "c": seen.beats + 1},
            guards=(Is("n", seen.epoch), *alive),
        )
        try:
            answer = await self._table.write(write)
        except StoreTimeout:
            return None  # if it was done after all, the next look shows it as our own
        if isinstance(answer, GuardFailed):
            return None
        lease = Lease(
            self._projector,
            seen.shard_id,
            self._owner,
            epoch,
            seen.beats + 1,
            seen.checkpoint,
            self._clock.now_ms() if seen.heard_ms is None else seen.heard_ms,
        )
        if from_living:
            lease.checkpoint = await self.read_back(lease)
        return lease

    async def renew(self, lease: Lease) -> None:
        """Shows a sign of life. Raises LeaseLost when another process holds the shard."""
        changes: dict[str, Value] = {"c": lease.next_beat(), "t": lease.heard_ms}
        write = Update(lease.key, set=changes, guards=(Is("n", lease.epoch),))
        if isinstance(await self._table.write(write), GuardFailed):
            lease.lost = True
            raise LeaseLost(f"{lease.projector} {lease.shard_id}")

    async def release(self, lease: Lease) -> None:
        """Gives the shard back, so that another process can take it at once."""
        changes: dict[str, Value] = {"o": "", "c": lease.next_beat(), "t": lease.heard_ms}
        await self._table.write(Update(lease.key, set=changes, guards=(Is("n", lease.epoch),)))

    async def advance(self, lease: Lease, checkpoint: Checkpoint) -> None:
        """Moves the checkpoint by a write of its own: for effects that may be applied twice.

        Raises LeaseLost. A lost answer is looked up.
        """
        try:
            answer = await self._table.write(lease.moved_to(checkpoint))
            done = not isinstance(answer, GuardFailed)
        except StoreTimeout:
            done = False
        # What stands under our epoch is ours, be it an earlier write that arrived late: go on from
        # it.
        lease.checkpoint = checkpoint if done else await self.read_back(lease)
        if lease.checkpoint != checkpoint:
            raise StoreTimeout(f"checkpoint of {lease.projector} {lease.shard_id}")

    async def read_back(self, lease: Lease) -> Checkpoint:
        """The checkpoint as it stands. Raises LeaseLost when the lease isn't ours any more."""
        item = await self._table.get(lease.key, consistent=True)
        if item is None or seen_of(item).epoch != lease.epoch:
            lease.lost = True
            raise LeaseLost(f"{lease.projector} {lease.shard_id}")
        return seen_of(item).checkpoint

    async def finish(self, lease: Lease) -> None:
        """The shard is read to its end: its children may be followed."""
        assert not lease.checkpoint.in_progress
        await self.advance(lease, replace(lease.checkpoint, finished=True))

    async def lost(self, leases: Iterable[Lease]) -> list[LeaseSeen]:
        """Which of `leases` are no longer ours, as they stand now."""
        standing = await self.listed()
        return [
            standing[lease.shard_id]
            for lease in leases
            if lease.shard_id in standing and standing[lease.shard_id].epoch != lease.epoch
        ]

    async def put_at(self, seen: LeaseSeen, checkpoint: Checkpoint) -> bool:
        """Sets a checkpoint outright, to a place that a rebuild made true; fences off the owner.

        False when the lease moved since it was `seen`.
        """
        write = Update(
            keys.checkpoint(self._projector, seen.shard_id),
            set={
                "o": "",
                "n": seen.epoch + 1,
                "c": seen.beats + 1,
                "s": checkpoint.sequence,
                "u": checkpoint.upto,
                "k": checkpoint.after_key,
                "d": int(checkpoint.finished),
            },
            guards=(Is("n", seen.epoch), Is("c", seen.beats)),
        )
        return not isinstance(await self._table.write(write), GuardFailed)

    async def forget(self, shard_id: str) -> None:
        """Removes the checkpoint of a finished shard that the stream has forgotten too."""
        await self._table.write(
            Delete(keys.checkpoint(self._projector, shard_id), guards=(Is("d", 1),))
        )


def is_fence(owner: str) -> bool:
    """Whether an owner holds leases to keep followers away: nothing is taken from it while it
    lives.
    """
    return owner.endswith(FENCE_MARK)


def shards_to_take(
    ready: Iterable[str], leases: Mapping[str, LeaseSeen], free: frozenset[str], owner: str
) -> list[str]:
    """Which ready shards this process should take now, so that all processes carry alike.

    Takes free ones up to its fair share, or one from the process that holds most if nothing is free
    and that one holds more than its share. `leases` are those as seen, one for each ready shard.
    What a fence holds isn't there to be shared.
    """
    ready_ids = [each for each in sorted(ready) if each in free or not is_fence(leases[each].owner)]
    held: dict[str, list[str]] = {owner: []}
    available = []
    for shard_id in ready_ids:
        if shard_id in free:
            available.append(shard_id)
        else:
            held.setdefault(leases[shard_id].owner, []).append(shard_id)
    share = -(-len(ready_ids) // len(held))
    wanted = share - len(held[owner])
    if wanted <= 0:
        return []
    if available:
        return available[:wanted]
    richest = max(sorted(held), key=lambda name: len(held[name]))
    return held[richest][:1] if len(held[richest]) > share else []
