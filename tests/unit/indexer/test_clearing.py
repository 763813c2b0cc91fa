"""Clearing accounts: their windows and documents, under load, deaths, renames and rebuilds."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from indexer.leases import FENCE_MARK, LeaseBook
from indexer.projectors import search_parts
from indexer.reindex import rebuild_search, reload_ledger
from indexer.verify import is_caught_up
from indexer.windows import WindowBook, put_marks
from shared.clock import FixedClock
from shared.errors import SearchUnavailable
from shared.ledger.clearing import PostedWindow
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id
from shared.search.index import Kind
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import posted_window_from_item, posted_window_item
from shared.store.table import Delete, Put, TableName, Update
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from tests.builders import NOW_MS, account, entry, stand
from tests.builders_schema import compiled, edited
from tests.clearing_schema import LEGS, leg, moved, open_clearing, store_version, with_clearing
from tests.indexer_rig import World, simulated
from tests.unit.indexer.test_quarantine import mend, retry_all, spoil
from tests.unit.indexer.test_rebuilding import quiet, recount, slowly


async def window(world: World, path: str) -> PostedWindow | None:
    key = keys.posted_window(account_id(world.ledger.id, path))
    item = await world.table.get(key, consistent=True)
    return None if item is None else posted_window_from_item(item)[0]


async def shown(world: World, path: str) -> tuple[int | None, int | None, bool, str | None]:
    """What the account's document shows: earliest, latest, whether it is pending, its name."""
    found = {doc.id: doc async for doc in world.index.scan(Kind.ACCOUNTS, world.ledger.id)}
    source = found[account_id(world.ledger.id, path)].source
    flags = source.get("flags", [])
    return (
        source.get("earliest"),
        source.get("latest"),
        "pending" in flags,
        source["record"]["name"],
    )


async def settle(world: World) -> None:
    """Waits until everything is applied and refreshed."""
    await world.drain()
    for _ in range(600):
        if await is_caught_up(world.bare):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("marks stay")


async def post(world: World, *entries: LedgerEntry) -> None:
    """Puts the entries into the table and waits until they show."""
    await stand(world.table, *entries)
    await settle(world)


async def rename(world: World, path: str, name: str, revision: int) -> None:
    renamed = replace(account(world.ledger, path), name=name, revision=revision)
    await stand(world.table, renamed)


def followed(main: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Runs `main` where a process follows a ledger with clearing accounts; at its end nothing is
    found wrong."""

    async def run(world: World) -> None:
        await open_clearing(world)
        process = world.start()
        await main(world)
        assert await world.judge() == []
        await process.stop()

    simulated(run)


def test_an_account_is_pending_while_a_balance_is_left_in_any_currency():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10, NOW_MS - 5))
        assert await shown(world, leg("a")) == (NOW_MS - 5, NOW_MS - 5, True, None)
        await post(world, moved(world, "2", "a", -10, NOW_MS + 7))
        assert await shown(world, leg("a")) == (NOW_MS - 5, NOW_MS + 7, False, None)
        await post(world, moved(world, "3", "a", 1, NOW_MS - 9, "EUR"))
        assert await shown(world, leg("a")) == (NOW_MS - 9, NOW_MS + 7, True, None)
        assert await shown(world, leg("b")) == (None, None, False, None)

    followed(main)


def test_a_clearing_account_shows_what_is_posted_below_it():
    async def main(world: World):
        await post(
            world, moved(world, "1", "a", 10, NOW_MS - 5), moved(world, "2", "b", -10, NOW_MS + 5)
        )
        assert await shown(world, LEGS) == (NOW_MS - 5, NOW_MS + 5, False, None)
        assert (await shown(world, leg("a")))[2]

    followed(main)


def test_an_account_that_is_no_clearing_account_has_no_window_and_no_mark():
    async def main(world: World):
        await open_clearing(world)
        process = world.start()
        lines = (("assets/banks/user-cash", 5), ("income", 5))
        await stand(world.table, entry(world.ledger, "1", *lines))
        await settle(world)
        assert await window(world, "assets/banks/user-cash") is None
        assert await window(world, "income") is None
        assert process.projectors.clearing.refreshed_count == 0
        await process.stop()

    simulated(main)


def test_a_rename_keeps_what_the_document_shows_of_clearing():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10))
        await rename(world, leg("a"), "Renamed", 2)
        await settle(world)
        assert await shown(world, leg("a")) == (NOW_MS, NOW_MS, True, "Renamed")
        await rename(world, leg("b"), "Never posted", 2)
        await settle(world)
        assert await shown(world, leg("b")) == (None, None, False, "Never posted")

    followed(main)


def test_an_account_that_is_removed_leaves_no_document():
    async def main(world: World):
        await open_clearing(world)
        process = world.start()
        await post(world, moved(world, "1", "a", 10), moved(world, "2", "a", -10))
        gone = account_id(world.ledger.id, leg("a"))
        await world.table.write(Delete(keys.account(gone)))
        await settle(world)
        ids = {doc.id async for doc in world.index.scan(Kind.ACCOUNTS, world.ledger.id)}
        assert gone not in ids
        await process.stop()

    simulated(main)


def test_a_ledger_on_a_newer_schema_than_the_process_knows_is_read_again():
    async def main(world: World):
        document = with_clearing()
        old = edited(document, {"chartOfAccounts.accounts[0].children[1]": ...})
        del old["ledgerEntries"]["types"][2:]
        await open_clearing(world)
        await store_version(world, compiled(old), 1)
        await store_version(world, compiled(document), 2)
        catalog = Catalog(world.table, world.clock)
        assert await catalog.clearing_among(world.ledger.id, ["income", LEGS]) == frozenset()
        world.ledger = replace(world.ledger, schema_version=2)
        await stand(world.table, world.ledger)
        assert await catalog.clearing_among(world.ledger.id, ["income"]) == frozenset()
        paths = ["income", LEGS, leg("new")]
        assert await catalog.clearing_among(world.ledger.id, paths) == {LEGS, leg("new")}

    simulated(main)


async def test_known_accounts_are_judged_without_a_read():
    metrics, clock = CountingMetrics(), FixedClock(NOW_MS)
    world = World(clock)
    world.table = MemoryTable(clock=clock, metrics=metrics)
    await open_clearing(world)
    catalog = Catalog(world.table, clock)
    await catalog.clearing_among(world.ledger.id, [LEGS])
    metrics.clear()
    assert await catalog.clearing_among(world.ledger.id, [leg("a"), "income"]) == {leg("a")}
    assert metrics.calls == {}


def test_windows_survive_a_death_between_widening_and_summing():
    async def main(world: World):
        await open_clearing(world)
        entry_1 = moved(world, "1", "a", 10, NOW_MS - 5)
        await stand(world.table, entry_1)
        await WindowBook(world.table).widen(
            {account_id(world.ledger.id, leg("a")): PostedWindow(NOW_MS - 5, NOW_MS - 5)}
        )
        process = world.start()
        await settle(world)
        assert await window(world, leg("a")) == (NOW_MS - 5, NOW_MS - 5)
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_two_processes_that_widen_one_window_at_once_lose_nothing():
    async def main(world: World):
        books = [WindowBook(world.table) for _ in range(8)]
        widening = [book.widen({"x": PostedWindow(-at, at * 2)}) for at, book in enumerate(books)]
        await asyncio.gather(*widening)
        item = await world.table.get(keys.posted_window("x"), consistent=True)
        assert item is not None
        assert posted_window_from_item(item)[0] == (-7, 14)

    simulated(main)


def test_a_window_that_is_known_to_cover_costs_nothing():
    async def main(world: World):
        metrics = CountingMetrics()
        table = MemoryTable(clock=world.clock, metrics=metrics)
        book = WindowBook(table)
        await book.widen({"x": PostedWindow(1, 5)})
        assert metrics.calls == {"PutItem": 1}
        await book.widen({"x": PostedWindow(2, 5)})
        assert metrics.calls == {"PutItem": 1}
        await book.widen({"x": PostedWindow(2, 6)})
        assert metrics.calls == {"PutItem": 2}

    simulated(main)


def test_a_mark_that_is_set_again_meanwhile_is_not_removed():
    async def main(world: World):
        await open_clearing(world)
        process = world.start()
        await post(world, moved(world, "1", "a", 10))
        await process.stop()
        refresher = process.projectors.clearing
        one = account_id(world.ledger.id, leg("a"))
        await put_marks(world.table, [one], "first")
        (seen,) = [i for i in world.table.dump(TableName.BALANCES) if i["pk"] == "CM#accounts"]
        await put_marks(world.table, [one], "second")
        await refresher._refresh([seen])
        (left,) = [i for i in world.table.dump(TableName.BALANCES) if i["pk"] == "CM#accounts"]
        assert left["v"] == "second"
        await refresher.refresh()
        assert await is_caught_up(world.bare)

    simulated(main)


def test_marks_stay_while_the_index_is_away():
    async def main(world: World):
        await open_clearing(world)
        away = True

        class Away:
            async def bulk(self, operations, *, into=None):
                if away and any(each.kind is Kind.ACCOUNTS for each in operations):
                    raise SearchUnavailable("away")
                return await world.index.bulk(operations, into=into)

            def __getattr__(self, name):
                return getattr(world.index, name)

        world.engines = replace(world.engines, index=Away())
        process = world.start()
        await stand(world.table, moved(world, "1", "a", 10))
        await asyncio.sleep(20)
        assert not await is_caught_up(world.bare)
        away = False
        await settle(world)
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_nothing_is_refreshed_under_a_fence():
    async def main(world: World):
        await open_clearing(world)
        process = world.start()
        await post(world, moved(world, "1", "a", 10))
        await process.stop()
        book = LeaseBook(world.table, "search", f"x{FENCE_MARK}", world.clock)
        for seen in (await book.listed()).values():
            assert await book.take(seen) is not None
        await put_marks(world.table, [account_id(world.ledger.id, leg("a"))], "again")
        before = process.projectors.clearing.refreshed_count
        await process.projectors.clearing.refresh()
        assert process.projectors.clearing.refreshed_count == before
        assert not await is_caught_up(world.bare)

    simulated(main)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_rebuild_under_load_loses_no_state_of_clearing(seed):
    async def main(world: World):
        await open_clearing(world)
        processes = [world.start("one"), world.start("two")]

        async def post() -> None:
            for at in range(150):
                sign = 1 if at % 3 else -1
                await stand(world.table, moved(world, f"{at}", "abc"[at % 3], sign, NOW_MS + at))
                if at % 40 == 7:
                    await rename(world, leg("c"), f"name {at}", at)
                await asyncio.sleep(0.05)

        posting = asyncio.ensure_future(post())
        await asyncio.sleep(1)
        await rebuild_search(search_parts(slowly(world), "rebuild", quiet))
        await posting
        await settle(world)
        assert await world.judge() == []
        for process in processes:
            await process.stop()

    simulated(main, seed=seed, shards_count=2)


def test_a_reload_in_place_brings_back_a_lost_document_whole():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10), moved(world, "2", "c", 3))
        store = world.index._stores[world.index._live[Kind.ACCOUNTS]]
        del store.written[account_id(world.ledger.id, leg("a"))]
        assert await world.judge() != []
        await reload_ledger(search_parts(world.bare, "reload", quiet), world.ledger.id)
        assert await shown(world, leg("a")) == (NOW_MS, NOW_MS, True, None)

    followed(main)


async def spoil_window(world: World, path: str, false: PostedWindow | None) -> None:
    """Replaces a window by a false one, or removes it."""
    one = account_id(world.ledger.id, path)
    if false is None:
        await world.table.write(Delete(keys.posted_window(one)))
    else:
        item = await world.table.get(keys.posted_window(one), consistent=True)
        assert item is not None
        revision = posted_window_from_item(item)[1] + 1
        await world.table.write(Put(TableName.BALANCES, posted_window_item(one, false, revision)))


@pytest.mark.parametrize("of_parts", [1, 3])
@pytest.mark.parametrize("false", [PostedWindow(NOW_MS, NOW_MS), PostedWindow(0, NOW_MS + 9), None])
def test_a_recount_puts_a_false_window_right_and_its_document(false, of_parts):
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10, NOW_MS - 5), moved(world, "2", "a", 5))
        await spoil_window(world, leg("a"), false)
        findings = [str(finding) for finding in await world.judge()]
        assert any("posted window" in finding for finding in findings)
        repaired = []
        for part in range(of_parts):
            repaired += (await recount(world, part=part, of_parts=of_parts)).repaired
        assert [finding.invariant for finding in repaired] == ["I6"]
        await settle(world)
        assert await shown(world, leg("a")) == (NOW_MS - 5, NOW_MS, True, None)
        await post(world, moved(world, "3", "a", 5, NOW_MS + 3))
        assert await window(world, leg("a")) == (NOW_MS - 5, NOW_MS + 3)

    followed(main)


def test_a_recount_of_sound_windows_finds_nothing_under_load():
    async def main(world: World):

        async def post() -> None:
            for at in range(200):
                await stand(world.table, moved(world, f"{at}", "a", 1, NOW_MS + at * 3))
                await asyncio.sleep(0.02)

        posting = asyncio.ensure_future(post())
        await asyncio.sleep(1)
        done = await recount(world, slowly(world))
        assert done.repaired == []
        await posting
        await settle(world)

    followed(main)


def test_a_balance_that_a_recount_puts_right_shows_in_the_document():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10), moved(world, "2", "a", -10))
        one = account_id(world.ledger.id, leg("a"))
        false = Update(keys.history_head(one, "USD"), add={"o": 5, "r": 1})
        await world.table.write(false)
        await put_marks(world.table, [one], "false")
        await settle(world)
        await asyncio.sleep(10)
        assert (await shown(world, leg("a")))[2]
        await recount(world)
        await asyncio.sleep(10)
        assert not (await shown(world, leg("a")))[2]

    followed(main)


def test_a_record_that_is_counted_late_shows_in_the_document():
    async def main(world: World):
        await stand(world.table, moved(world, "1", "a", 10))
        late = moved(world, "2", "a", -10, NOW_MS + 4)
        await spoil(world, late)
        await settle(world)
        assert await shown(world, leg("a")) == (NOW_MS, NOW_MS, True, None)
        await mend(world, late)
        await world.drain()
        assert await retry_all(world, "balances") == [None]
        assert await retry_all(world, "search") == [None]
        await settle(world)
        assert await shown(world, leg("a")) == (NOW_MS, NOW_MS + 4, False, None)

    followed(main)


def test_a_document_that_shows_another_state_is_told():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10))
        store = world.index._stores[world.index._live[Kind.ACCOUNTS]]
        one = account_id(world.ledger.id, leg("a"))
        standing = store.written[one]
        for change in ({"flags": ["child"]}, {"latest": 1}):
            store.written[one] = standing._replace(source={**standing.source, **change})
            assert [finding.invariant for finding in await world.judge()] == ["I7"]
        store.written[one] = standing

    followed(main)


def test_an_account_that_is_no_clearing_account_any_more_may_show_what_it_was():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10))
        document = edited(
            with_clearing(),
            {"chartOfAccounts.accounts[0].children[1].children[0].clearing": False},
        )
        await store_version(world, compiled(document), 2)
        world.ledger = replace(world.ledger, schema_version=2)
        await stand(world.table, world.ledger)
        await rename(world, leg("a"), "Renamed", 2)
        await settle(world)
        assert (await shown(world, leg("a")))[3] == "Renamed"

    followed(main)


def test_what_is_refreshed_while_fresh_indices_are_merged_comes_again():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10))

        class Merging:
            async def finish_index(self, name):
                if "accounts" in name:
                    await post(world, moved(world, "2", "a", -10, NOW_MS + 5))
                    assert await shown(world, leg("a")) == (NOW_MS, NOW_MS + 5, False, None)
                await world.index.finish_index(name)

            def __getattr__(self, name):
                return getattr(world.index, name)

        engines = replace(world.bare, index=Merging())
        await rebuild_search(search_parts(engines, "rebuild", quiet))
        await settle(world)
        assert await shown(world, leg("a")) == (NOW_MS, NOW_MS + 5, False, None)

    followed(main)


def test_a_process_that_knew_a_false_window_forgets_it_after_a_recount():
    async def main(world: World):
        await post(world, moved(world, "1", "a", 10))
        await spoil_window(world, leg("a"), PostedWindow(0, NOW_MS + 100))
        await post(world, moved(world, "2", "a", 10, NOW_MS + 1))
        await recount(world)
        assert await window(world, leg("a")) == (NOW_MS, NOW_MS + 1)
        await post(world, moved(world, "3", "a", 10, NOW_MS + 50))
        assert await window(world, leg("a")) == (NOW_MS, NOW_MS + 50)

    followed(main)


def test_a_process_stops_in_time_though_the_index_hangs():
    async def main(world: World):
        await open_clearing(world)
        calls = []

        class Hanging:
            async def bulk(self, operations, *, into=None):
                if calls and all(each.kind is Kind.ACCOUNTS for each in operations):
                    await asyncio.sleep(3_600)
                calls.append(operations)
                return await world.index.bulk(operations, into=into)

            def __getattr__(self, name):
                return getattr(world.index, name)

        world.engines = replace(world.engines, index=Hanging())
        process = world.start()
        await stand(world.table, moved(world, "1", "a", 10))
        await world.drain()
        await asyncio.sleep(1)
        before_ms = world.clock.monotonic_ms()
        await process.stop()
        assert world.clock.monotonic_ms() - before_ms < 5_000
        assert not await is_caught_up(world.bare)
        world.engines = world.bare
        process = world.start()
        await settle(world)
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_a_deleted_ledger_is_not_refreshed_and_keeps_no_marks():
    async def main(world: World):
        await open_clearing(world)
        process = world.start()
        await post(world, moved(world, "1", "a", 10))
        await process.kill()
        deleted = replace(world.ledger, state="deleted", revision=world.ledger.revision + 1)
        await stand(world.table, deleted)
        await put_marks(world.table, [account_id(world.ledger.id, leg("a"))], "late")
        process = world.start("after")
        await post(world, moved(world, "2", "a", 5), moved(world, "3", "b", 5))
        await world.index.refresh()
        assert await world.index.count(Kind.ACCOUNTS, world.ledger.id) == 0
        assert await world.judge() == []
        await process.stop()

    simulated(main)
