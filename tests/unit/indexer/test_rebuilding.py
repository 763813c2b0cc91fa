"""Rebuilds beside the live projections, under load, after damage, and after the stream forgot."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from indexer import leases, reindex, rollups
from indexer.fence import fence
from indexer.leases import LeaseBook
from indexer.meters import IndexerFamilies
from indexer.projectors import Engines, recount_parts, search_parts
from indexer.quarantine import BALANCES
from indexer.recount import recount_balances
from indexer.reindex import rebuild_search, reload_ledger
from indexer.roster import HEAL_BACKOFF_MS_MAX
from indexer.verify import is_caught_up, verify
from indexer.windows import put_marks
from shared.errors import SearchUnavailable
from shared.ledger.identifiers import account_id
from shared.observe import Metrics
from shared.search.index import Deletion, Document, Kind
from shared.store import keys
from shared.store.streams import StreamBatch
from shared.store.table import Delete, TableName, Update
from shared.testing.invariants import audit, collect
from tests.builders import account, entry, ledger, stand
from tests.indexer_rig import Process, World, simulated, some_entries


def quiet(_: str) -> None:
    """Tells nobody."""


class SlowScan:
    """A table whose scans take their time, as those of large ones do."""

    def __init__(self, table) -> None:
        self._table = table

    async def scan(self, name, *, after=None, segment=0, segments=1, limit=1_000):
        await asyncio.sleep(0.1)
        return await self._table.scan(
            name, after=after, segment=segment, segments=segments, limit=min(limit, 10)
        )

    def __getattr__(self, name):
        return getattr(self._table, name)


class SlowWrites:
    """A table whose batches take their time."""

    def __init__(self, table) -> None:
        self._table = table

    async def transact(self, writes, token):
        await asyncio.sleep(0.005)
        return await self._table.transact(writes, token)

    def __getattr__(self, name):
        return getattr(self._table, name)


def slowly(world: World) -> Engines:
    return Engines(SlowScan(world.table), world.stream, world.index, world.clock)


async def recount(world: World, engines: Engines | None = None, **options):
    parts = recount_parts(
        engines or world.bare, "recount", IndexerFamilies(Metrics()), quiet, settle_ms=100
    )
    return await recount_balances(parts, **options)


async def posting(world: World, seconds: int, first: int) -> int:
    """Posts an entry every 20 ms of virtual time."""
    for at in range(seconds * 50):
        await stand(world.table, *some_entries(world.ledger, 1, seed=at, first=first + at))
        await asyncio.sleep(0.02)
    return seconds * 50


async def harm(world: World) -> None:
    """Falsifies a head, a month and an hour, removes a head, invents one."""
    head = keys.history_head(account_id(world.ledger.id, "assets"), "USD")
    adds = {"c": 5, "n202311": 3, "j202311.5": 9, "r": 1}
    await world.table.write(Update(head, add=adds))
    gone = keys.history_head(account_id(world.ledger.id, "assets/banks/b1"), "USD")
    await world.table.write(Delete(gone))
    invented = keys.history_head("f" * 32, "USD")
    await world.table.write(Update(invented, add={"o": 7, "m202311": 7, "h202311.1": 7, "r": 1}))
    month = keys.history_month(account_id(world.ledger.id, "liabilities"), "USD", 202311)
    await world.table.write(Update(month, add={"h3": 4, "f": 1}))


# --- Balance histories
# ------------------------------------------------------------------------------
def test_a_recount_of_sound_histories_writes_nothing():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 60))
        await world.drain()
        await asyncio.sleep(10)  # heads that are due have been folded
        before = [item for item in world.table.dump(TableName.BALANCES) if item["pk"][0] == "B"]
        done = await recount(world)
        assert (done.entries_count, done.repaired) == (60, [])
        after = [item for item in world.table.dump(TableName.BALANCES) if item["pk"][0] == "B"]
        assert after == before
        await process.stop()

    simulated(main)


@pytest.mark.parametrize("of_parts", [1, 3])
def test_a_recount_puts_right_what_differs(of_parts):
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 60))
        await world.drain()
        await harm(world)
        assert await world.judge() != []
        for part in range(of_parts):
            await recount(world, part=part, of_parts=of_parts)
        assert await world.judge() == []
        await process.stop()

    simulated(main)


@pytest.mark.parametrize("seed", range(6))
def test_a_recount_under_load_counts_each_entry_once(seed):
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 100))
        await world.drain()
        await harm(world)
        load = asyncio.create_task(posting(world, 8, first=1_000))
        await asyncio.sleep(0.3 * seed)
        done = await recount(world, slowly(world))
        assert done.entries_count > 150  # entries were posted during the scan
        await load
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main, seed=seed, shards_count=1 + seed % 3)


class Mute:
    """A stream whose reads come back empty for a while, though it has records."""

    def __init__(self, stream, mute_reads: range) -> None:
        self._stream = stream
        self._mute_reads = mute_reads
        self._reads = 0

    async def read(self, iterator, *, limit):
        self._reads += 1
        if self._reads in self._mute_reads:
            return StreamBatch([], iterator)
        return await self._stream.read(iterator, limit=limit)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def test_a_recount_waits_for_the_stream_to_tell_what_is_applied():
    """Entries that are posted behind its scan, and of which the first reads tell nothing."""

    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 30))
        await world.drain()
        load = asyncio.create_task(posting(world, 4, first=1_000))
        mute = Mute(world.stream, range(4, 40))
        engines = replace(slowly(world), stream=mute)
        done = await recount(world, engines)
        assert mute._reads > 40
        assert done.repaired == []
        await load
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_recount_finishes_the_read_of_a_shard_that_began_behind_its_first_look(monkeypatch):
    """The shard splits during the scan, and its child's follower dies between two batches."""
    monkeypatch.setattr(rollups, "ROLLUP_ITEMS_MAX", 2)

    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 30))
        await world.drain()
        book = LeaseBook(world.table, BALANCES, "judge", world.clock)

        async def split_and_die() -> None:
            await asyncio.sleep(0.05)
            children = world.stream.split((await world.stream.shards())[-1].id)
            await stand(world.table, *some_entries(world.ledger, 30, first=100))
            for _ in range(10_000):
                leases = await book.listed()
                if any(at in leases and leases[at].checkpoint.in_progress for at in children):
                    return await process.kill()
                await asyncio.sleep(0.001)
            raise AssertionError("no read of a child was ever in progress")

        dying = asyncio.create_task(split_and_die())
        done = await recount(world, slowly(world))
        await dying
        assert done.entries_count > 30
        heir = world.start("heir")
        await world.drain()
        assert await world.judge() == []
        await heir.stop()

    simulated(main, table=SlowWrites)


def test_a_recount_leaves_what_the_indexer_has_yet_to_apply():
    """Entries of long ago that wait in the stream count when they are applied, not before."""

    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 20))
        await world.drain()
        await process.stop()
        day_ms = 86_400_000
        for one in some_entries(world.ledger, 20, first=100):
            await stand(world.table, one._replace(created_ms=one.created_ms - day_ms))
        assert (await recount(world)).entries_count == 20
        again = world.start()
        await world.drain()
        assert await world.judge() == []
        await again.stop()

    simulated(main)


def test_a_recount_of_one_ledger_leaves_the_others():
    async def main(world: World):
        process = world.start()
        other = ledger("other")
        await stand(world.table, other, *some_entries(other, 20), *some_entries(world.ledger, 20))
        await world.drain()
        head = keys.history_head(account_id(other.id, "assets"), "USD")
        await world.table.write(Update(head, add={"c": 5, "r": 1}))
        assert (await recount(world, ledger_id=world.ledger.id)).repaired == []
        assert await world.judge() != []
        done = await recount(world, ledger_id=other.id)
        assert len(done.repaired) == 1
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_recount_that_dies_half_way_leaves_nothing_wrong_that_was_right():
    """At every batch it writes: die there, go on following, recount again."""

    class Dying:
        def __init__(self, table):
            self.table, self.left = table, 10**9

        async def transact(self, writes, token):
            self.left -= 1
            if self.left < 0:
                raise asyncio.CancelledError
            return await self.table.transact(writes, token)

        def __getattr__(self, name):
            return getattr(self.table, name)

    async def one(world: World, batches: int) -> bool:
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 40))
        await world.drain()
        await harm(world)
        dying = Dying(world.table)
        engines = Engines(dying, world.stream, world.index, world.clock)
        parts = recount_parts(engines, "recount", IndexerFamilies(Metrics()), quiet, settle_ms=1)
        dying.left = batches
        task = asyncio.create_task(recount_balances(parts))
        await asyncio.gather(task, return_exceptions=True)
        await stand(world.table, *some_entries(world.ledger, 20, first=100))
        await world.drain()
        wrong = await world.judge()
        await recount(world)
        assert await world.judge() == []
        await process.stop()
        assert wrong or not task.cancelled()
        return task.cancelled()

    died = [simulated(lambda world, at=at: one(world, at)) for at in range(6)]
    assert died[:3] == [True, True, True]
    assert not died[-1]


# --- Search indices
# ---------------------------------------------------------------------------------
async def rebuild(world: World, engines: Engines | None = None):
    return await rebuild_search(search_parts(engines or world.bare, "rebuild", quiet))


@pytest.mark.parametrize("seed", range(6))
def test_a_rebuild_under_load_loses_nothing(seed):
    async def main(world: World):
        process = world.start()
        await stand(world.table, account(world.ledger, "assets"))
        await stand(world.table, *some_entries(world.ledger, 100))
        await world.drain()
        load = asyncio.create_task(posting(world, 8, first=1_000))
        await asyncio.sleep(0.3 * seed)
        fresh = await rebuild(world, slowly(world))
        await load
        await world.drain()
        assert await world.judge() == []
        live = [info.name for info in await world.index.indices()]
        assert live == sorted(fresh.values())
        await process.stop()

    simulated(main, seed=seed, shards_count=1 + seed % 3)


def test_what_is_applied_just_before_the_swap_is_in_the_fresh_indices(monkeypatch):
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 30))
        await world.drain()

        @asynccontextmanager
        async def late_fence(stream, book):
            await stand(world.table, *some_entries(world.ledger, 30, first=100))
            await world.drain()
            async with fence(stream, book) as leases:
                yield leases

        monkeypatch.setattr(reindex, "fence", late_fence)
        await rebuild(world)
        assert await world.judge() == []
        await process.stop()

    simulated(main)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("moment", ["load", "merge", "fence", "held", "swap"])
def test_a_ledger_deleted_during_a_rebuild_does_not_come_back_with_the_swap(
    monkeypatch, moment, applied
):
    """`applied`: the projector has swept the old indices before the rebuild goes on."""

    async def main(world: World):
        process = world.start()
        other = ledger("other-ledger")
        await stand(world.table, other, *some_entries(other, 3))
        await stand(world.table, *some_entries(world.ledger, 30), account(world.ledger, "assets"))
        await world.drain()
        deletions = []

        async def delete() -> None:
            if deletions:
                return
            deletions.append(replace(world.ledger, state="deleted", revision=2))
            await stand(world.table, deletions[0], *some_entries(world.ledger, 2, first=100))
            if applied and moment not in ("held", "swap"):
                await world.drain()

        class Deleting:
            def __init__(self, index) -> None:
                self._index = index

            async def bulk(self, operations, *, into=None):
                answer = await self._index.bulk(operations, into=into)
                if moment == "load":
                    await delete()
                return answer

            async def finish_index(self, name):
                if moment == "merge":
                    await delete()
                await self._index.finish_index(name)

            def __getattr__(self, name):
                return getattr(self._index, name)

        @asynccontextmanager
        async def late_fence(stream, book):
            if moment == "fence":
                await delete()
            async with fence(stream, book) as leases:
                if moment == "held":
                    await delete()
                yield leases

        async def late_marks(table, accounts, value):
            if moment == "swap":  # everything is followed that will be
                await delete()
            await put_marks(table, accounts, value)

        monkeypatch.setattr(reindex, "fence", late_fence)
        monkeypatch.setattr(reindex, "put_marks", late_marks)
        engines = Engines(world.table, world.stream, Deleting(world.index), world.clock)
        await rebuild(world, engines)
        await world.drain()
        for kind in Kind:
            assert await world.index.count(kind, world.ledger.id) == 0
        assert await world.index.count(Kind.ENTRIES) == 3
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_rebuild_brings_back_what_was_lost_and_drops_what_belongs_to_nothing():
    async def main(world: World):
        process = world.start()
        entries = some_entries(world.ledger, 30)
        await stand(world.table, *entries)
        await world.drain()
        await world.index.bulk([Deletion(Kind.ENTRIES, entries[3].id, world.ledger.id, 9)])
        strange = {"ledger": world.ledger.id, "sort_key": f"{world.ledger.id}#x", "id": "x",
                   "ik": "x", "posted": 1, "accounts": []}  # fmt: skip
        await world.index.bulk([Document(Kind.ENTRIES, "x", world.ledger.id, 1, strange, b"{}")])
        assert len(await world.judge()) == 2
        await rebuild(world)
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_rebuild_clears_away_what_an_earlier_one_began():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 10))
        await world.drain()
        begun = await world.index.create_index(Kind.LINES)
        fresh = await rebuild(world)
        assert begun not in [info.name for info in await world.index.indices() if not info.live]
        assert len(await world.index.indices()) == len(fresh)
        await process.stop()

    simulated(main)


def test_one_ledgers_documents_are_brought_up_to_date_in_place():
    async def main(world: World):
        process = world.start()
        entries = some_entries(world.ledger, 10)
        await stand(world.table, *entries)
        await world.drain()
        names = [info.name for info in await world.index.indices()]
        strange = {"ledger": world.ledger.id, "sort_key": f"{world.ledger.id}#x", "id": "e" * 32,
                   "ik": "x", "posted": 1, "accounts": []}  # fmt: skip
        await world.index.bulk(
            [Document(Kind.ENTRIES, "e" * 32, world.ledger.id, 1, strange, b"{}")]
        )
        await reload_ledger(search_parts(world.bare, "rebuild", quiet), world.ledger.id)
        assert await world.judge() == []
        assert [info.name for info in await world.index.indices()] == names
        await process.stop()

    simulated(main)


# --- What the stream forgot
# -------------------------------------------------------------------------
async def trimmed_world(world: World, *, gone: bool) -> Process:
    """Entries that were never applied, and that the stream no longer tells."""
    process = world.start()
    await stand(world.table, *some_entries(world.ledger, 20))
    await world.drain()
    await process.stop()
    await stand(world.table, *some_entries(world.ledger, 20, first=100))
    shard = world.stream.open_shards()[0]
    if gone:
        world.stream.roll(shard)
        del world.stream._shards[shard]
    else:
        world.stream.trim(shard, keep=2)
    await stand(world.table, *some_entries(world.ledger, 20, first=200))
    return world.start("two")


@pytest.mark.parametrize("gone", [False, True])
def test_what_the_stream_forgot_is_told_and_healed_from_the_table(gone):
    async def main(world: World):
        process = await trimmed_world(world, gone=gone)
        load = asyncio.create_task(posting(world, 5, first=1_000))
        await asyncio.sleep(20)
        await load
        await world.drain()
        assert await world.judge() == []
        assert process.value("twofold_stream_trimmed_total", "search") >= 1
        assert process.value("twofold_stream_trimmed_total", "balances") >= 1
        before = process.value("twofold_stream_trimmed_total", "balances")
        await stand(world.table, *some_entries(world.ledger, 20, first=2_000))
        await world.drain()
        await asyncio.sleep(10)
        assert await world.judge() == []
        assert process.value("twofold_stream_trimmed_total", "balances") == before
        await process.stop()

    simulated(main)


class Away:
    """An index whose bulks fail while it is away."""

    def __init__(self, index) -> None:
        self._index = index
        self.is_away = False
        self.bulks_count = 0

    async def bulk(self, operations, *, into=None):
        self.bulks_count += 1
        if self.is_away:
            raise SearchUnavailable("away")
        return await self._index.bulk(operations, into=into)

    def __getattr__(self, name):
        return getattr(self._index, name)


def test_a_heal_that_fails_is_tried_again_ever_more_seldom():
    async def main(world: World):
        process = await trimmed_world(world, gone=False)
        index = world.engines.index
        index.is_away, index.bulks_count = True, 0
        await asyncio.sleep(60)
        assert 3 <= index.bulks_count <= 6  # one for each heal
        assert process.value("twofold_stream_trimmed_total", "search") == 1
        index.is_away = False
        await asyncio.sleep(2 * HEAL_BACKOFF_MS_MAX / 1_000)
        await world.drain()
        assert await world.judge() == []
        assert process.value("twofold_stream_trimmed_total", "search") == 1
        await process.stop()

    simulated(main, index=Away)


def test_what_was_trimmed_before_the_first_read_of_a_shard_is_told_and_healed():
    async def main(world: World):
        process = world.start()
        await world.drain()
        for shard in world.stream.open_shards():
            world.stream.roll(shard)
        await asyncio.sleep(10)  # their children have leases, and nothing to tell
        await process.stop()
        now_ms = world.clock.now_ms()
        await stand(world.table, *some_entries(world.ledger, 5, created_ms=now_ms))
        await asyncio.sleep(2 * 3_600)
        now_ms = world.clock.now_ms()
        await stand(world.table, *some_entries(world.ledger, 5, first=50, created_ms=now_ms))
        await asyncio.sleep(23 * 3_600)  # the first five are older than a day
        process = world.start("two")
        await asyncio.sleep(60)
        await world.drain()
        assert await world.judge() == []
        assert await world.index.count(Kind.ENTRIES) == 10
        for projector in ("search", "balances"):
            told = process.value("twofold_stream_trimmed_total", projector)
            assert told >= 1
            await asyncio.sleep(60)
            assert process.value("twofold_stream_trimmed_total", projector) == told
        await process.stop()

    simulated(main)


def test_an_idle_shard_without_a_checkpoint_is_heard_for_as_long_as_it_is_followed(monkeypatch):
    monkeypatch.setattr(leases, "STREAM_UNHEARD_MS_MAX", 60_000)

    async def main(world: World):
        process = world.start()
        await world.drain()
        for shard in world.stream.open_shards():
            world.stream.roll(shard)
        await asyncio.sleep(200)
        await process.stop()
        process = world.start("two")
        await asyncio.sleep(10)
        await stand(world.table, *some_entries(world.ledger, 5))
        await world.drain()
        assert process.value("twofold_stream_trimmed_total", "search") == 0
        assert process.value("twofold_stream_trimmed_total", "balances") == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_first_start_on_a_stream_that_forgot_its_beginning_is_no_loss():
    async def main(world: World):
        shard = world.stream.open_shards()[0]
        world.stream.roll(shard)
        del world.stream._shards[shard]
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 5))
        await world.drain()
        assert process.value("twofold_stream_trimmed_total", "balances") == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main)


# --- Verify
# -----------------------------------------------------------------------------------------
def test_verify_finds_nothing_on_a_sound_ledger_and_names_every_harm():
    async def main(world: World):
        process = world.start()
        entries = some_entries(world.ledger, 30)
        await stand(world.table, *entries)
        assert await verify(world.bare, wait_s=60, tell=quiet) == (30, [])
        assert await is_caught_up(world.bare)
        await harm(world)
        await world.index.bulk([Deletion(Kind.LINES, f"{entries[3].id}-1", world.ledger.id, 9)])
        _, findings = await verify(world.bare, tell=quiet)
        told = "\n".join(str(each) for each in findings)
        for subject in ("assets (", "assets/banks/b1 (", "account ffff", "liabilities ("):
            assert subject in told
        assert f"{entries[3].id}-1 is missing" in told
        other = frozenset([ledger("other").id])
        assert await verify(world.bare, only=other, tell=quiet) == (0, [])
        await process.stop()

    simulated(main)


def test_verify_waits_for_the_indexer():
    async def main(world: World):
        await stand(world.table, *some_entries(world.ledger, 10))
        _, findings = await verify(world.bare, tell=quiet)
        assert findings
        assert not await is_caught_up(world.bare)
        process = world.start()
        assert await verify(world.bare, wait_s=30, tell=quiet) == (10, [])
        await process.stop()

    simulated(main)


def test_entries_that_break_the_rules_are_told():
    async def main(world: World):
        process = world.start()
        good = entry(world.ledger, "good", ("assets/x", 5), ("income/y", 5))
        unbalanced = entry(world.ledger, "bad", ("assets/x", 5), ("income/y", 6))
        await stand(world.table, good, unbalanced)
        await world.drain()
        findings = audit(await collect(world.table, world.index))
        assert [(each.invariant, each.subject) for each in findings] == [
            ("I1", f"entry {unbalanced.id}")
        ]
        await process.stop()

    simulated(main)


def test_the_same_process_name_never_holds_two_leases_of_a_shard():
    async def main(world: World):
        process = world.start("one")
        await world.drain()
        await asyncio.sleep(30)
        seen = (await LeaseBook(world.table, "search", "x", world.clock).listed()).values()
        assert [each.epoch for each in seen] == [1]
        await process.stop()

    simulated(main)
