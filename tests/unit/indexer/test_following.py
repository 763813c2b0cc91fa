"""Processes that follow, share, die and take over: in virtual time, on the twins."""

import asyncio
from dataclasses import replace

import pytest

from indexer.follower import PACE_MS
from indexer.leases import Checkpoint, LeaseBook
from indexer.quarantine import SEARCH, Quarantine
from shared.errors import SearchUnavailable, StoreUnavailable
from shared.limits import FOLLOW_IDLE_MS, LEASE_MS, LEASE_RENEW_MS
from shared.search.index import Kind
from shared.testing.faulty_index import FaultyIndex, IndexFaults
from tests.builders import account, entry, ledger, stand
from tests.indexer_rig import World, simulated, some_entries


def test_entries_reach_the_indices_and_the_histories():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 40), account(world.ledger, "assets"))
        await world.drain()
        assert await world.judge() == []
        await world.index.refresh()
        assert await world.index.count(Kind.ENTRIES) == 40
        assert await world.index.count(Kind.ACCOUNTS) == 1
        assert await world.index.count(Kind.GROUPS) == 4
        assert process.value("twofold_records_applied_total", "search") == 42
        assert process.value("twofold_records_applied_total", "balances") == 42
        await process.stop()

    simulated(main)


def test_an_update_changes_the_documents_and_no_balance():
    async def main(world: World):
        process = world.start()
        first = some_entries(world.ledger, 1)[0]
        await stand(world.table, first)
        await world.drain()
        await stand(world.table, first._replace(tags=(("k", "v"),), updates=1, revision=2))
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_stopped_process_gives_its_shards_back_and_keeps_its_checkpoint():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 5))
        await world.drain()
        started_ms = world.clock.now_ms()
        await process.stop()
        assert world.clock.now_ms() - started_ms < 2_000
        for projector in ("search", "balances"):
            leases = await LeaseBook(world.table, projector, "x", world.clock).listed()
            assert [each.owner for each in leases.values()] == [""]
        again = world.start("two")
        await stand(world.table, *some_entries(world.ledger, 5, first=5))
        await world.drain()
        assert world.clock.now_ms() - started_ms < LEASE_MS
        assert again.value("twofold_records_applied_total", "balances") == 5
        assert await world.judge() == []
        await again.stop()

    simulated(main)


def test_the_shards_of_a_dead_process_are_taken_over_after_the_lease_time():
    async def main(world: World):
        one, two = world.start("one"), world.start("two")
        await stand(world.table, *some_entries(world.ledger, 5))
        await world.drain()
        holder, heir = (one, two) if one.projectors.rosters[0].followed else (two, one)
        await holder.kill()
        died_ms = world.clock.now_ms()
        await stand(world.table, *some_entries(world.ledger, 5, first=5))
        await world.drain()
        assert LEASE_MS - LEASE_RENEW_MS <= world.clock.now_ms() - died_ms < 2 * LEASE_MS
        assert await world.judge() == []
        await heir.stop()

    simulated(main)


def test_two_processes_share_the_shards():
    async def main(world: World):
        one, two = world.start("one"), world.start("two")
        await stand(world.table, *some_entries(world.ledger, 30))
        await asyncio.sleep(30)
        for roster in (*one.projectors.rosters, *two.projectors.rosters):
            assert len(roster.followed) == 2
        await stand(world.table, *some_entries(world.ledger, 30, first=30))
        await world.drain()
        assert await world.judge() == []
        await one.stop()
        await two.stop()

    simulated(main, shards_count=4)


def test_children_are_followed_after_their_parents_across_splits():
    async def main(world: World):
        process = world.start()
        entries = some_entries(world.ledger, 60)
        for turn in range(4):
            await stand(world.table, *entries[turn * 15 : turn * 15 + 15])
            for shard in world.stream.open_shards()[:2]:
                world.stream.split(shard)
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_shards_that_the_stream_forgot_after_they_were_finished_leave_no_checkpoint():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 10))
        await world.drain()
        world.stream.roll(world.stream.open_shards()[0])
        await stand(world.table, *some_entries(world.ledger, 10, first=10))
        await world.drain()
        for shard in await world.stream.shards():
            if shard.closed:
                del world.stream._shards[shard.id]  # a day has passed
        await asyncio.sleep(2 * LEASE_RENEW_MS / 1_000)
        leases = await LeaseBook(world.table, "search", "x", world.clock).listed()
        assert sorted(leases) == world.stream.open_shards()
        assert process.value("twofold_stream_trimmed_total", "search") == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_no_process_keeps_windows_of_shards_that_the_stream_forgot():
    async def main(world: World):
        one, two = world.start("one"), world.start("two")
        await asyncio.sleep(20)
        await stand(world.table, *some_entries(world.ledger, 40))
        old = world.stream.open_shards()
        for shard in old:
            world.stream.roll(shard)
        await asyncio.sleep(LEASE_RENEW_MS / 1_000 * 4)
        windows = [each.projectors.rosters[0]._reads for each in (one, two)]
        assert all(set(each.shard_ids()) & set(old) for each in windows)
        for process in (one, two):  # one looks first, and removes the finished leases
            await asyncio.sleep(1)
            for roster in process.projectors.rosters:
                roster._wake.set()
        await asyncio.sleep(0.5)
        for shard in old:
            del world.stream._shards[shard]  # a day has passed
        await asyncio.sleep(LEASE_RENEW_MS / 1_000 * 2)
        listed = set(world.stream.open_shards())
        assert [set(each.shard_ids()) - listed for each in windows] == [set(), set()]
        await world.drain()
        assert await world.judge() == []
        await one.stop()
        await two.stop()

    simulated(main, shards_count=4)


def test_one_projector_goes_on_while_the_others_engine_is_away():
    class Away:
        def __init__(self, index):
            self.index, self.away = index, True

        async def bulk(self, operations, *, into=None):
            if self.away:
                raise SearchUnavailable("away")
            return await self.index.bulk(operations, into=into)

        def __getattr__(self, name):
            return getattr(self.index, name)

    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 50))
        await asyncio.sleep(60)
        assert process.value("twofold_records_applied_total", "balances") == 51
        assert process.value("twofold_index_lag_records", "balances") == 0
        assert process.value("twofold_index_lag_seconds", "balances") == 0
        assert process.value("twofold_index_lag_records", "search") >= 50
        assert process.value("twofold_index_lag_seconds", "search") >= 58
        world.engines.index.away = False
        await world.drain()
        await asyncio.sleep(1)
        assert process.value("twofold_index_lag_seconds", "search") == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main, index=Away)


def test_expired_credentials_of_the_index_put_nothing_aside_and_leave_the_checkpoint():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 40))
        await asyncio.sleep(60)
        leases = await LeaseBook(world.table, SEARCH, "x", world.clock).listed()
        assert [each.checkpoint for each in leases.values()] == [Checkpoint()]
        assert await Quarantine(world.table).count(SEARCH) == 0
        assert await world.index.count(Kind.ENTRIES) == 0
        assert process.value("twofold_index_lag_seconds", "search") >= 58
        failures = {"projector": "search", "reason": "SearchUnavailable"}
        registry = process.metrics.registry
        assert registry.get_sample_value("twofold_follow_failures_total", failures) >= 10
        world.engines.index.calm()
        await world.drain()
        assert await Quarantine(world.table).count(SEARCH) == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main, index=lambda each: FaultyIndex(each, 1, IndexFaults(shut_out=1_000)))


def test_an_idle_shard_is_read_once_for_both_projectors():
    class Counting:
        def __init__(self, stream):
            self.stream, self.reads = stream, 0

        async def read(self, iterator, *, limit):
            self.reads += 1
            return await self.stream.read(iterator, limit=limit)

        def __getattr__(self, name):
            return getattr(self.stream, name)

    async def main(world: World):
        process = world.start()
        await world.drain()
        await asyncio.sleep(1)
        before = world.engines.stream.reads
        await asyncio.sleep(100 * FOLLOW_IDLE_MS / 1_000)
        assert world.engines.stream.reads - before <= 120
        await process.stop()

    simulated(main, stream=Counting)


def test_under_a_steady_trickle_reads_gather_what_comes():
    """Entries one by one cost a batch for each pace, not for each entry."""

    async def main(world: World):
        process = world.start()
        await world.drain()
        before = process.value("twofold_checkpoints_total", "balances")
        for one in some_entries(world.ledger, 200):
            await stand(world.table, one)
            await asyncio.sleep(0.01)
        await world.drain()
        batches = process.value("twofold_checkpoints_total", "balances") - before
        assert batches <= 2_000 / PACE_MS + 3
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_process_whose_lease_was_taken_writes_nothing_more_and_takes_others_in_time():
    async def main(world: World):
        process = world.start("one")
        await world.drain()
        thief = LeaseBook(world.table, "balances", "thief", world.clock)
        seen = next(iter((await thief.listed()).values()))
        assert await thief.take(seen, from_living=True) is not None
        await stand(world.table, *some_entries(world.ledger, 5))
        await asyncio.sleep(LEASE_RENEW_MS / 1_000 + 1)
        assert process.projectors.rosters[1].followed == []
        stands = next(iter((await thief.listed()).values()))
        assert (stands.owner, stands.checkpoint) == ("thief", seen.checkpoint)
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("unforeseen")])
def test_a_failing_look_is_told_and_tried_again(error):
    class Flaky:
        def __init__(self, stream):
            self.stream, self.fails = stream, 3

        async def shards(self):
            if self.fails:
                self.fails -= 1
                raise error
            return await self.stream.shards()

        def __getattr__(self, name):
            return getattr(self.stream, name)

    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 5))
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main, stream=Flaky)


def test_reversals_and_hidden_entries_count_like_any_other():
    async def main(world: World):
        process = world.start()
        first = entry(world.ledger, "a", ("assets/x", 5), ("income/y", 5))
        undo = entry(world.ledger, "a", ("assets/x", -5), ("income/y", -5))._replace(position=2)
        from shared.ledger.identifiers import entry_id

        undo = undo._replace(id=entry_id(world.ledger.id, "a", 2), reverses=first.id)
        done = first._replace(reversed_by=undo.id, reversed_at_ms=undo.created_ms, revision=2)
        await stand(world.table, first)
        await world.drain()
        await stand(world.table, undo, done)
        await world.table.write(_moved_head(first.id))
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def _moved_head(entry_id: str):
    from shared.store import keys
    from shared.store.table import Update

    return Update(keys.entry(entry_id), set={"h": 2})


def test_documents_of_a_deleted_ledger_go_and_those_of_late_posts_with_the_second_record():
    async def main(world: World):
        process = world.start()
        other = ledger("other-ledger")
        await stand(world.table, other, *some_entries(other, 3))
        await stand(world.table, *some_entries(world.ledger, 40), account(world.ledger, "assets"))
        await world.drain()
        deleted = replace(world.ledger, state="deleted", revision=2)
        await stand(world.table, deleted)
        await world.drain()
        await world.index.refresh()
        for kind in Kind:
            assert await world.index.count(kind, world.ledger.id) == 0
        assert await world.index.count(Kind.ENTRIES) == 3
        await process.kill()
        process = world.start("after")  # it has not seen the deletion
        await stand(world.table, *some_entries(world.ledger, 2, first=40))
        await world.drain()
        await stand(world.table, replace(deleted, revision=3))
        await world.drain()
        await world.index.refresh()
        assert await world.index.count(Kind.ENTRIES, world.ledger.id) == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main)
