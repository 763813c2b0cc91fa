"""Recounts from the entries, beside the live ones, the balance histories, the balances of groups,
and how many entries of each type there are; puts right what differs.

    note checkpoints P0 ─► scan all entries into sums ─► fence: the projector stands still at P
         └── meanwhile the stream after P0 tells which entries are new ──┘
    sums of what is applied at P ─► compare every history item ─► replace what differs ─► let go

The histories stay readable and go on being followed during the scan, which takes long; only for the
comparison, which doesn't, they stand still. On a sound ledger nothing is written at all.
Posted windows of clearing accounts are compared too: they cover what is applied at P, and nothing
that was never told, for the projector widens them before it applies.

Which entries are applied at P: counting.py.

Safe at any moment: a replaced item is right at P, and the checkpoint doesn't move, so a recount
that dies half-way leaves a mixture of put-right and untouched items, all of which are followed on
from P. Items are replaced under the guard of their revision; the fence keeps everybody else away.

When the stream no longer keeps what follows a checkpoint, P is the tip of what it keeps, and the
checkpoint moves there once everything is put right; until then the shard isn't followed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from indexer.catchup import CatchUp
from indexer.counting import Count, Recounted, RecountParts, inserted_ids
from indexer.fence import fence
from indexer.follower import read_in_progress
from indexer.leases import Checkpoint, Lease
from indexer.quarantine import BALANCES, Aside, Quarantine
from indexer.reads import StreamReads
from indexer.tablescan import PAGES_MAX, partitions
from indexer.windows import mark_puts, window_put
from shared.errors import LeaseLost, StoreUnavailable, StreamTrimmed
from shared.ledger.audits import (
    Expected,
    ExpectedGroup,
    Tally,
    WindowTally,
    audit_count,
    audit_group,
    audit_history,
    audit_window,
)
from shared.ledger.clearing import PostedWindow
from shared.ledger.entry_counts import (
    CountKey,
    EntryCount,
    count_adds,
    count_of,
    type_of_position,
)
from shared.ledger.history import rebuilt, sum_adds
from shared.limits import FOLLOW_IDLE_MS, STORE_BACKOFF_MS, TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.items import posted_window_from_item
from shared.store.table import (
    Absent,
    Delete,
    Guard,
    Is,
    Item,
    Key,
    Put,
    TableName,
    Transacted,
    Write,
)

REPAIR_ATTEMPTS_MAX = 10
READ_ROUNDS_MAX = 100
MONTHS_AT_ONCE = 50
ASIDES_AT_ONCE = 40

assert 2 + MONTHS_AT_ONCE + ASIDES_AT_ONCE <= TRANSACT_ITEMS_MAX


async def recount_balances(
    parts: RecountParts, *, ledger_id: str | None = None, part: int = 0, of_parts: int = 1
) -> Recounted:
    """Recounts every history, or one ledger's; of all accounts the `part`-th of `of_parts` parts.

    Memory is taken by sums, one for each account, currency and hour: more parts take less and scan
    again. Raises StoreUnavailable when the fence can't be had.
    """
    started_ms = parts.clock.now_ms()
    noted = await parts.book.listed()
    catch_up = CatchUp(parts.stream, parts.clock, noted, keep=True)
    await catch_up.read_to_tip()
    windows = (WindowTally(part, of_parts), WindowTally(part, of_parts))
    count = Count(parts, ledger_id, Tally(part, of_parts), windows)
    await count.scan(inserted_ids(catch_up))
    await asyncio.sleep(parts.settle_ms / 1_000)
    async with fence(parts.stream, parts.book) as leases:
        await catch_up.read_to_tip()  # a shard that has begun meanwhile is known from now on
        await _finish_reads(parts, leases, catch_up)
        await _read_through(catch_up, leases)
        places = _places(leases, catch_up)
        await count.settle(catch_up, places)
        parts.say(f"{count.done.entries_count} entries counted; comparing the histories")
        await _Repair(parts, count, leases).run()
        await _move_lost(parts, catch_up, leases, places, started_ms)
    return count.done


async def _finish_reads(
    parts: RecountParts, leases: Mapping[str, Lease], catch_up: CatchUp
) -> None:
    """Applies the rest of reads that were applied in part, so that each checkpoint is one
    sequence.
    """
    reads = StreamReads(parts.stream, parts.clock)
    for lease in leases.values():
        caught = catch_up.shards.get(lease.shard_id)
        if not lease.checkpoint.in_progress or caught is None or caught.trimmed:
            continue
        try:
            changes = await read_in_progress(reads.of_shard(lease.shard_id), lease)
        except StreamTrimmed:
            caught.trimmed = True
            continue
        await parts.applier.apply(lease, changes)


async def _read_through(catch_up: CatchUp, leases: Mapping[str, Lease]) -> None:
    """Reads until the stream has told everything that is applied: empty reads don't say that."""
    for _ in range(READ_ROUNDS_MAX):
        await catch_up.read_to_tip()
        if all(catch_up.has_told(shard, lease.checkpoint) for shard, lease in leases.items()):
            return
        await asyncio.sleep(FOLLOW_IDLE_MS / 1_000)
    raise StoreUnavailable("the stream does not tell what is applied")


def _places(leases: Mapping[str, Lease], catch_up: CatchUp) -> dict[str, Checkpoint]:
    """What counts as applied, by shard: the checkpoint, or the tip where that is lost."""
    places = {}
    for shard_id, lease in leases.items():
        caught = catch_up.shards.get(shard_id)
        if caught is not None and caught.trimmed:
            places[shard_id] = Checkpoint(caught.position)
        elif shard_id in catch_up.gone:
            places[shard_id] = Checkpoint(finished=True)
        elif lease.checkpoint.in_progress:
            raise StoreUnavailable(f"what {shard_id} is applying could not be finished")
        else:
            places[shard_id] = lease.checkpoint
    return places


async def _move_lost(
    parts: RecountParts,
    catch_up: CatchUp,
    leases: Mapping[str, Lease],
    places: Mapping[str, Checkpoint],
    heard_ms: int,
) -> None:
    """Moves the checkpoints that were lost to where the histories are right now."""
    for shard_id, place in places.items():
        lease, caught = leases[shard_id], catch_up.shards.get(shard_id)
        if place != lease.checkpoint or (caught is not None and caught.trimmed):
            lease.heard_ms = heard_ms
            await parts.book.advance(lease, place)
            parts.say(f"{shard_id} is followed on from {place.sequence or 'its end'}")


class _Repair:
    """Compares every history and every group's balance with the sums, every posted window with the
    entries, and replaces what differs.
    """

    def __init__(self, parts: RecountParts, count: Count, leases: Mapping[str, Lease]) -> None:
        self._leases = leases
        self._parts = parts
        self._tally = count.tally
        self._windows = count.windows.windows
        self._applied_windows = count.applied_windows.windows
        self._ledger_id = count.ledger_id
        self._done = count.done
        self._asides: dict[tuple[str, str], list[str]] = {}  # item's pk, sk -> asides with its sums
        self._seen_counts: set[CountKey] = set()
        self._kept: dict[str, Aside] = {}
        self._seen: set[tuple[str, str]] = set()
        self._seen_groups: set[tuple[str, str, str]] = set()

    async def run(self) -> None:
        """Everything that stands, then what is missing."""
        await self._note_asides()
        async for pk, items in partitions(self._parts.table, TableName.BALANCES):
            kind, _, owner = pk.partition("#")
            if kind == "B" and self._tally.is_mine(owner):
                for currency, (head, months) in _histories(items).items():
                    await self._judge(owner, currency, head, months)
            elif kind == "G":
                for item in items:
                    await self._judge_group_item(owner, item)
            elif kind == "N" and self._tally.is_mine(owner):
                await self._judge_counts(owner, items)
        for account, currency in self._tally.balances.keys() - self._seen:
            await self._judge(account, currency, None, {})
        for name in self._tally.groups.keys() - self._seen_groups:
            await self._judge_group(name, None)
        for account, window in self._windows.items():
            await self._judge_window(account, window)
        for key in self._tally.counts.keys() - self._seen_counts:
            await self._judge_count(key, None)

    async def _note_asides(self) -> None:
        """What was put aside is counted now: it must not be added again later."""
        quarantine = Quarantine(self._parts.table)
        async for aside in quarantine.kept(BALANCES):
            held = await quarantine.as_deltas(aside, self._parts.catalog, is_recounted=True)
            if isinstance(held, str):
                continue  # it still can't be read, so it isn't counted either
            if not held.body["deltas"]:
                await self._parts.table.write(Delete(held.key, (Is("b", held.put().item["b"]),)))
            self._kept[held.sequence] = held
            for pk, sk, *_ in held.body["deltas"]:
                self._asides.setdefault((pk, sk), []).append(held.sequence)

    async def _judge(
        self, account: str, currency: str, head: Item | None, months: dict[int, Item]
    ) -> None:
        history = (account, currency)
        self._seen.add(history)
        expected = self._tally.balances.get(history)
        if expected is None and self._ledger_id is not None:
            return  # another ledger's
        self._done.histories_count += 1
        if not audit_history(account, currency, expected, head, months) and (
            not self._asides_of(keys.history_head(account, currency))
        ):
            return
        await self._until_right(
            f"the history of {account} in {currency}",
            lambda: self._put_right(account, currency, expected),
        )

    async def _until_right(self, what: str, put_right: Callable[[], Awaitable[bool]]) -> None:
        for attempt in range(REPAIR_ATTEMPTS_MAX):
            if await put_right():
                return
            await asyncio.sleep(STORE_BACKOFF_MS * (attempt + 1) / 1_000)
        raise StoreUnavailable(f"{what} changes under the fence")

    def _asides_of(self, key: Key) -> list[str]:
        return self._asides.get((key.pk, key.sk), [])

    async def _judge_group_item(self, group_id: str, item: Item) -> None:
        name = keys.parse_group_balance(str(item["sk"]))
        if not name.is_strong and self._tally.is_mine(name.account_id):
            await self._judge_group((group_id, name.account_id, name.currency), item)

    async def _judge_group(self, name: tuple[str, str, str], item: Item | None) -> None:
        self._seen_groups.add(name)
        expected = self._tally.groups.get(name)
        if expected is None and self._ledger_id is not None:
            return  # another ledger's
        group_id, account, currency = name
        if item is not None:
            key = Key(TableName.BALANCES, str(item["pk"]), str(item["sk"]))
        else:
            assert expected is not None
            key = keys.group_eventual(group_id, expected.path, account, currency)
        self._done.groups_count += 1
        if audit_group(name, expected, item) or self._asides_of(key):
            what = f"the balance of group {group_id}"
            await self._until_right(what, lambda: self._put_group_right(name, key))

    async def _put_group_right(self, name: tuple[str, str, str], key: Key) -> bool:
        """As `_put_right`, of one sum; one that nothing comes to is removed."""
        item = await self._parts.table.get(key, consistent=True)
        if await self._parts.book.lost(self._leases.values()):
            raise LeaseLost("the fence did not hold")
        expected = self._tally.groups.get(name)
        findings = audit_group(name, expected, item)
        asides = self._asides_of(key)
        more = bool(findings or asides)
        while more:
            guard: Guard = Absent() if item is None else Is("r", item["r"])
            writes: list[Write] = [Delete(key, (guard,))]
            if expected is not None:
                item = _sum_item(key, expected, item)
                writes = [Put(TableName.BALANCES, item, (guard,))]
            else:
                item = None
            if not await self._write_with_asides(writes, asides, key):
                return False
            more = bool(asides)
        self._done.repaired += findings
        return True

    async def _write_with_asides(self, writes: list[Write], asides: list[str], key: Key) -> bool:
        """Writes, and takes the sums for the item at `key` out of some of `asides`, and these out
        of the list."""
        turn = asides[:ASIDES_AT_ONCE]
        shrunk = [self._without(each, key) for each in turn]
        writes += [write for _, write in shrunk]
        if not await self._write(writes):
            return False
        self._kept.update({left.sequence: left for left, _ in shrunk})
        del asides[:ASIDES_AT_ONCE]
        return True

    async def _judge_counts(self, ledger_id: str, items: Sequence[Item]) -> None:
        if self._ledger_id not in (None, ledger_id):
            return
        for item in items:
            key = CountKey(ledger_id, *type_of_position(str(item["sk"])))
            self._seen_counts.add(key)
            await self._judge_count(key, item)

    async def _judge_count(self, key: CountKey, item: Item | None) -> None:
        """Replaces a count that differs. Only the projector adds to it, and that stands still."""
        expected = self._tally.counts.get(key, EntryCount(0, 0))
        findings = audit_count(key, expected, None if item is None else count_of(item))
        at = keys.entry_count(*key)
        asides = self._asides_of(at)
        if not findings and not asides:
            return
        if await self._parts.book.lost(self._leases.values()):
            raise LeaseLost("the fence did not hold")
        guards: tuple[Guard, ...] = (Absent(),)
        if item is not None:
            guards = (Is("n", item["n"]), Is("x", item["x"]))
        more = True
        while more:
            right: Item = {"pk": at.pk, "sk": at.sk, **count_adds(expected)}
            if not await self._write_with_asides([Put(at.table, right, guards)], asides, at):
                raise StoreUnavailable(f"the count of {key.type} changes under the fence")
            guards = (Is("n", expected.posted), Is("x", expected.reversing))
            more = bool(asides)
        self._done.repaired += findings

    async def _put_right(self, account: str, currency: str, expected: Expected | None) -> bool:
        """Reads the history again, and writes it as it should be, with what was put aside of it.

        The scan may have shown it as it was a moment ago. False when it changed between the two: a
        fold that was under way may still land. That the fence still stood after the reading, and
        the guard of the head's revision, make sure that nothing is put back to where it was before
        other entries.
        """
        head, months = await self._read(account, currency)
        if await self._parts.book.lost(self._leases.values()):
            raise LeaseLost("the fence did not hold")
        findings = audit_history(account, currency, expected, head, months)
        key = keys.history_head(account, currency)
        asides = self._asides_of(key)
        hours = {} if expected is None else expected.hours
        lines = (False, False) if expected is None else expected.lines()
        more = bool(findings or asides)
        while more:
            new_head, new_months, more = rebuilt(hours, head, months, MONTHS_AT_ONCE, lines)
            writes = _history_writes(account, currency, head, new_head, new_months)
            if account in self._windows:
                writes += mark_puts([account], self._cause(f"{currency} {new_head['r']!r}"))
            if not await self._write_with_asides(writes, asides, key):
                return False
            head, months = new_head, {**months, **new_months}
            more = more or bool(asides)
        self._done.repaired += findings
        return True

    async def _judge_window(self, account: str, window: PostedWindow) -> None:
        """Puts a clearing account's window right when it is too narrow or too wide."""
        key = keys.posted_window(account)
        for attempt in range(REPAIR_ATTEMPTS_MAX):
            item = await self._parts.table.get(key, consistent=True)
            held = None if item is None else posted_window_from_item(item)
            stored = None if held is None else held[0]
            applied = self._applied_windows.get(account)
            if _is_sound(stored, applied, window):
                return
            findings = audit_window(account, window, stored)
            if await self._parts.book.lost(self._leases.values()):
                raise LeaseLost("the fence did not hold")
            put = window_put(account, held, window)
            if await self._write([put, *mark_puts([account], self._cause(f"window {attempt}"))]):
                self._done.repaired += findings
                return
            await asyncio.sleep(STORE_BACKOFF_MS * (attempt + 1) / 1_000)
        raise StoreUnavailable(f"the posted window of {account} changes under the fence")

    def _cause(self, what: str) -> str:
        """What a mark is for: another one for each recount."""
        return f"recount {self._parts.clock.now_ms()} {what}"

    async def _read(self, account: str, currency: str) -> tuple[Item | None, dict[int, Item]]:
        partition = keys.balances_of(account)
        items: list[Item] = []
        after: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._parts.table.query(
                TableName.BALANCES, partition, after=after, limit=1_000, consistent=True
            )
            items += page.items
            if page.next_key is None:
                break
            after = page.next_key[1]
        return _histories(items).get(currency, (None, {}))

    async def _write(self, writes: list[Write]) -> bool:
        assert len(writes) <= TRANSACT_ITEMS_MAX
        token = blake2b(repr(writes).encode(), digest_size=16).hexdigest()
        return isinstance(await self._parts.table.transact(writes, token), Transacted)

    def _without(self, sequence: str, key: Key) -> tuple[Aside, Write]:
        """What was put aside, less the sums for the history at `key`, and the write that leaves it
        so.
        """
        aside = self._kept[sequence]
        guards: tuple[Guard, ...] = (Is("b", aside.put().item["b"]),)
        left = [each for each in aside.body["deltas"] if (each[0], each[1]) != (key.pk, key.sk)]
        shrunk = replace(aside, body={**aside.body, "deltas": left})
        if not left:
            return shrunk, Delete(aside.key, guards=guards)
        return shrunk, replace(shrunk.put(), guards=guards)


def _sum_item(key: Key, expected: ExpectedGroup, old: Item | None) -> Item:
    """A group's balance as it should be; its revision goes on."""
    item: Item = {"pk": key.pk, "sk": key.sk, **sum_adds(expected.own), "p": expected.path}
    if old is not None:
        revision = old["r"]
        assert isinstance(revision, int)
        item["r"] = revision + 1
    return item


def _is_sound(
    stored: PostedWindow | None, applied: PostedWindow | None, told: PostedWindow
) -> bool:
    """Whether a window covers the entries that are applied, and nothing beyond all that stand."""
    if stored is None:
        return applied is None
    return told.covers(stored) and (applied is None or stored.covers(applied))


def _histories(items: Sequence[Item]) -> dict[str, tuple[Item | None, dict[int, Item]]]:
    """Heads and months among the items of an account's partition, by currency."""
    histories: dict[str, tuple[Item | None, dict[int, Item]]] = {}
    for item in items:
        kind, _, rest = str(item["sk"]).partition("#")
        if kind == "H":
            _, months = histories.get(rest, (None, {}))
            histories[rest] = (item, months)
        elif kind == "M":
            currency, _, month = rest.rpartition("#")
            head, months = histories.get(currency, (None, {}))
            histories[currency] = (head, {**months, int(month): item})
    return histories


def _history_writes(
    account: str,
    currency: str,
    head: Item | None,
    new_head: Item,
    new_months: Mapping[int, Item],
) -> list[Write]:
    """Replaces the head, if it still stands as it was read, and months' items."""
    key = keys.history_head(account, currency)
    guard: Guard = Absent() if head is None else Is("r", head["r"])
    writes: list[Write] = [
        Put(TableName.BALANCES, {"pk": key.pk, "sk": key.sk, **new_head}, (guard,))
    ]
    for month, attributes in new_months.items():
        key = keys.history_month(account, currency, month)
        writes.append(Put(TableName.BALANCES, {"pk": key.pk, "sk": key.sk, **attributes}))
    return writes
