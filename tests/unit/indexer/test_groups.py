"""Balances of groups: followed, recounted, verified, and what can't be counted put aside."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from indexer.quarantine import Quarantine
from indexer.verify import verify
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id, group_id
from shared.ledger.ledgers import Ledger
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.table import Delete, Put, TableName, Update
from tests.builders import entry, ledger, stand
from tests.indexer_rig import World, simulated, some_entries
from tests.unit.indexer.test_quarantine import kept, mend, retry_all, spoil
from tests.unit.indexer.test_rebuilding import posting, quiet, recount, slowly

BANK = "assets/bank"
FEES = "income/fees"
ORDER = ("order", "1")


def joined(one, *groups, times: int = 1):
    """The entry after an update in which it joined `groups`."""
    updates = one.updates + times
    return one._replace(
        groups=(*one.groups, *groups), updates=updates, revision=one.revision + times
    )


def fee(of, ik: str, amount: int, **more):
    return entry(of, ik, (BANK, amount), (FEES, amount), **more)


async def sums(world: World, key: str, value: str) -> dict[str, int]:
    """What stands of a group, by path."""
    partition = keys.group_balances(group_id(world.ledger.id, key, value))
    page = await world.table.query(TableName.BALANCES, partition, consistent=True)
    return {str(item["p"]): int(item["o"]) for item in page.items}


async def post(world: World, *things: Ledger | LedgerEntry) -> None:
    """Puts them into the table and waits until they are followed."""
    await stand(world.table, *things)
    await world.drain()


async def write_unreadable(world: World, one: LedgerEntry) -> None:
    """Writes an entry in a way that is followed as unreadable, then puts it right."""
    await spoil(world, one)
    await world.drain()
    await mend(world, one)
    await world.drain()


def bank_key(world: World, key: str, value: str):
    group = group_id(world.ledger.id, key, value)
    return keys.group_eventual(group, BANK, account_id(world.ledger.id, BANK), "USD")


def followed(main: Callable[[World], Coroutine[Any, Any, None]], *, seed: int = 1) -> None:
    """Runs `main` where a process follows; at its end nothing is found wrong."""

    async def run(world: World) -> None:
        process = world.start()
        await main(world)
        assert await world.judge() == []
        await process.stop()

    simulated(run, seed=seed)


def test_entries_of_a_group_are_summed_and_one_that_joins_later_counts_from_then_on():
    async def main(world: World):
        one = fee(world.ledger, "one", 5, groups=[ORDER])
        two = fee(world.ledger, "two", 7)
        back = fee(world.ledger, "back", -5, groups=[ORDER])
        await post(world, one, two)
        assert await sums(world, "order", "1") == {BANK: 5, FEES: 5}
        await post(world, joined(two, ORDER, ("batch", "9")))
        assert await sums(world, "order", "1") == {BANK: 12, FEES: 12}
        assert await sums(world, "batch", "9") == {BANK: 7, FEES: 7}
        await post(world, joined(one, ("batch", "9")), back)
        assert await sums(world, "order", "1") == {BANK: 7, FEES: 7}
        assert await sums(world, "batch", "9") == {BANK: 12, FEES: 12}

    followed(main)


def test_a_sum_that_comes_to_zero_stays():
    async def main(world: World):
        await post(
            world,
            fee(world.ledger, "a", 5, groups=[ORDER]),
            fee(world.ledger, "b", -5, groups=[ORDER]),
        )
        assert await sums(world, "order", "1") == {BANK: 0, FEES: 0}

    followed(main)


def test_the_same_group_of_two_ledgers_is_two_groups():
    async def main(world: World):
        other = ledger("other")
        await post(
            world,
            other,
            fee(world.ledger, "a", 5, groups=[ORDER]),
            fee(other, "a", 7, groups=[ORDER]),
        )
        assert await sums(world, "order", "1") == {BANK: 5, FEES: 5}

    followed(main)


# --- Verify and recount ---------------------------------------------------------------------------
async def harm(world: World) -> None:
    """One sum is wrong, one is gone, one belongs to nothing, one names another path."""
    table = world.table
    await table.write(Update(bank_key(world, "order", "1"), add={"o": 1, "r": 1}))
    await table.write(Delete(bank_key(world, "order", "2")))
    ghost = {"pk": keys.group_balances("f" * 32), "sk": bank_key(world, "order", "1").sk}
    await table.write(Put(TableName.BALANCES, {**ghost, "o": 0, "r": 1, "p": BANK}))
    await table.write(Update(bank_key(world, "order", "3"), set={"p": "assets/other"}))


async def three_orders(world: World) -> None:
    made = [fee(world.ledger, f"{at}", at, groups=[("order", str(at))]) for at in (1, 2, 3)]
    await post(world, *made)


@pytest.mark.parametrize("of_parts", [1, 3])
def test_every_harm_is_named_by_verify_and_put_right_by_a_recount(of_parts):
    async def main(world: World):
        await three_orders(world)
        await harm(world)
        _, findings = await verify(world.bare, tell=quiet)
        account = account_id(world.ledger.id, BANK)
        ghost = f"balance of group {'f' * 32} on account {account} in USD"
        assert sorted(map(str, findings)) == sorted(
            [
                f"I4/I5 balance of group order: 1 on {BANK} ({account}) in USD: is 2; should be 1",
                f"I4/I5 balance of group order: 2 on {BANK} ({account}) in USD: "
                "is missing; should be 2",
                f"I4/I5 balance of group order: 3 on {BANK} ({account}) in USD: "
                "stands under the path 'assets/other'",
                f"I4/I5 {ghost}: is 0; should be missing",
            ]
        )
        repaired = 0
        for part in range(of_parts):
            repaired += len((await recount(world, part=part, of_parts=of_parts)).repaired)
        assert repaired == 4
        assert await world.judge() == []
        assert (await verify(world.bare, tell=quiet))[1] == []
        # Put right is followed on from.
        await post(world, fee(world.ledger, "more", 10, groups=[("order", "2")]))
        assert await sums(world, "order", "2") == {BANK: 12, FEES: 12}

    followed(main)


def test_a_recount_of_one_ledger_leaves_other_groups():
    async def main(world: World):
        process = world.start()
        await three_orders(world)
        await harm(world)
        other = ledger("other")
        await post(world, other, fee(other, "a", 7, groups=[ORDER]))
        done = await recount(world, ledger_id=other.id)
        assert (done.groups_count, done.repaired) == (2, [])
        assert await sums(world, "order", "1") == {BANK: 2, FEES: 1}
        await process.stop()

    simulated(main)


@pytest.mark.parametrize("seed", range(3))
def test_a_recount_under_load_counts_each_join_once(seed):
    """Entries join groups before, while and after they are scanned, applied or not."""

    async def main(world: World):
        old = [
            fee(world.ledger, f"old-{at}", at, groups=[("g", "1")][: at % 2]) for at in range(60)
        ]
        await post(world, *old)
        await world.table.write(Update(bank_key(world, "g", "1"), add={"o": 9, "r": 1}))

        async def join_some() -> None:
            for at, one in enumerate(old):
                await stand(world.table, joined(one, ("h", str(at % 3))))
                await asyncio.sleep(0.02)

        joining = asyncio.ensure_future(join_some())
        loading = asyncio.ensure_future(posting(world, 2, first=1_000))
        done = await recount(world, slowly(world))
        await asyncio.gather(joining, loading)
        assert len(done.repaired) >= 1
        await world.drain()

    followed(main, seed=seed)


# --- Put aside ------------------------------------------------------------------------------------
def test_a_new_entry_that_was_unreadable_brings_its_groups_when_it_is_retried():
    async def main(world: World):
        one = fee(world.ledger, "one", 5, groups=[ORDER])
        await write_unreadable(world, one)
        assert len(await kept(world, "balances")) == 1
        assert await retry_all(world, "balances") == [None]
        assert await retry_all(world, "search") == [None]
        assert await sums(world, "order", "1") == {BANK: 5, FEES: 5}

    followed(main)


def test_an_update_that_was_unreadable_waits_aside_until_a_recount():
    """Whether it joined a group can't be told from the entry as it stands later."""

    async def main(world: World):
        one = fee(world.ledger, "one", 5, groups=[ORDER])
        await post(world, one)
        after = joined(one, ("batch", "9"))
        await write_unreadable(world, after)
        asides = await kept(world, "balances")
        assert [each.body["joined"] for each in asides] == [True, True]
        why = "may have joined groups by an update: recount it with `python -m indexer.rebuild`"
        assert await retry_all(world, "balances") == [why, why]
        assert await sums(world, "batch", "9") == {}
        done = await recount(world)
        assert [each.invariant for each in done.repaired] == ["I4/I5", "I4/I5"]
        assert await kept(world, "balances") == []
        assert await retry_all(world, "search") == [None]
        assert await sums(world, "order", "1") == {BANK: 5, FEES: 5}
        assert await sums(world, "batch", "9") == {BANK: 5, FEES: 5}

    followed(main)


def test_an_unreadable_write_of_an_entry_that_was_never_updated_brings_no_group():
    async def main(world: World):
        one = fee(world.ledger, "one", 5, groups=[ORDER])
        await stand(world.table, one)
        await write_unreadable(world, one)
        assert len(await kept(world, "balances")) == 1
        assert await retry_all(world, "balances") == [None]
        assert await kept(world, "balances") == []
        assert await retry_all(world, "search") == [None]

    followed(main)


def test_an_entry_that_was_new_and_unreadable_and_then_joined_waits_for_a_recount():
    async def main(world: World):
        one = fee(world.ledger, "one", 5, groups=[ORDER])
        await spoil(world, one)
        await world.drain()
        await mend(world, one)
        after = joined(one, ("batch", "9"))
        await post(world, after)
        assert await sums(world, "batch", "9") == {BANK: 5, FEES: 5}
        (why,) = await retry_all(world, "balances")
        assert "recount it" in str(why)
        await recount(world)
        assert await kept(world, "balances") == []
        assert await retry_all(world, "search") == [None]
        assert await sums(world, "order", "1") == {BANK: 5, FEES: 5}
        assert await sums(world, "batch", "9") == {BANK: 5, FEES: 5}

    followed(main)


def test_a_recount_that_is_not_finished_leaves_nothing_to_be_added_twice():
    """What it has turned into sums is still told as unknown."""

    async def main(world: World):
        one = joined(fee(world.ledger, "one", 5), ("batch", "9"))
        await write_unreadable(world, one)
        quarantine = Quarantine(world.table)
        for aside in await kept(world, "balances"):
            catalog = Catalog(world.table, world.clock)
            turned = await quarantine.as_deltas(aside, catalog, is_recounted=True)
            assert not isinstance(turned, str)
        assert {"recount it" in str(why) for why in await retry_all(world, "balances")} == {True}
        await recount(world)
        assert await kept(world, "balances") == []
        assert await sums(world, "batch", "9") == {BANK: 5, FEES: 5}
        await retry_all(world, "search")

    followed(main)


def test_sums_that_a_group_can_not_take_are_kept_with_their_path():
    async def main(world: World):
        key = bank_key(world, "order", "1")
        await world.table.write(Update(key, set={"o": 10**38 - 1, "r": 0, "p": BANK}))
        process = world.start()
        await post(world, fee(world.ledger, "one", 5, groups=[ORDER]))
        (aside,) = await kept(world, "balances")
        assert aside.body == {"deltas": [[key.pk, key.sk, {"r": "1", "o": "5"}, {"p": BANK}]]}
        await world.table.write(Delete(key))
        assert await retry_all(world, "balances") == [None]
        assert await sums(world, "order", "1") == {BANK: 5, FEES: 5}
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_many_entries_of_one_group_are_one_write_for_each_of_its_accounts():
    async def main(world: World):
        made = [fee(world.ledger, f"{at}", at, groups=[ORDER]) for at in range(40)]
        await stand(world.table, *made, *some_entries(world.ledger, 3))
        process = world.start()
        await world.drain()
        item = await world.table.get(bank_key(world, "order", "1"), consistent=True)
        assert item is not None
        assert (item["o"], item["r"]) == (sum(range(40)), 1)
        await process.stop()

    simulated(main)
