"""How many entries of each type there are: counted once, verified, put right by a recount."""

import pytest

from indexer.projections.balances import project_rollups, whole
from indexer.verify import verify
from shared.ledger.entry_counts import EntryCount, count_deltas, count_of, type_of_position
from shared.ledger.identifiers import entry_id
from shared.store import keys
from shared.store.table import Delete, Put, TableName, Update
from tests.builders import entry, ledger, stand
from tests.indexer_rig import World, simulated, some_entries
from tests.unit.indexer.test_quarantine import kept, mend, retry_all, spoil
from tests.unit.indexer.test_rebuilding import quiet, recount

LEDGER = ledger()
ONE = entry(LEDGER, "a", ("assets/x", 5), ("income/y", 5))._replace(type="t", type_version=2)
BACK = ONE._replace(id=entry_id(LEDGER.id, "a", 2), position=2, reverses=ONE.id)


def counts(world: World) -> dict[tuple[str, int], EntryCount]:
    return {
        type_of_position(str(item["sk"])): count_of(item)
        for item in world.table.dump(TableName.BALANCES)
        if str(item["pk"]) == keys.entry_counts(world.ledger.id)
    }


def test_entries_and_reversing_ones_are_counted_apart_and_untyped_ones_not_at_all():
    untyped = ONE._replace(type=None, type_version=None)
    deltas = count_deltas([ONE, BACK, ONE._replace(type_version=3), untyped, ONE])
    assert deltas == {
        (LEDGER.id, "t", 2): (2, 1),
        (LEDGER.id, "t", 3): (1, 0),
    }


def test_a_type_of_many_entries_is_one_item_a_read():
    updates = project_rollups(map(whole, [ONE, BACK, ONE]), {LEDGER.id: 0})
    counted = [update for update in updates if update.key.pk[:2] == "N#"]
    assert counted == [Update(keys.entry_count(LEDGER.id, "t", 2), add={"n": 2, "x": 1})]


def test_types_are_listed_by_their_names_and_then_by_their_versions():
    positions = [keys.entry_count("l", name, at).sk for name, at in (("a", 10), ("a", 9), ("b", 1))]
    assert sorted(positions) == [positions[1], positions[0], positions[2]]
    assert [type_of_position(each) for each in positions] == [("a", 10), ("a", 9), ("b", 1)]


@pytest.mark.parametrize("of_parts", [1, 3])
def test_a_recount_puts_counts_right(of_parts):
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 30))
        await world.drain()
        right = counts(world)
        assert sum(each.posted for each in right.values()) == 15
        key = keys.entry_count(world.ledger.id, "type-0", 1)
        await world.table.write(Update(key, add={"n": 1}))
        await world.table.write(Delete(keys.entry_count(world.ledger.id, "type-1", 1)))
        odd = keys.entry_count(world.ledger.id, "no such type", 1)
        await world.table.write(Put(odd.table, {"pk": odd.pk, "sk": odd.sk, "n": 1, "x": 2}))
        _, findings = await verify(world.bare, tell=quiet)
        assert len(findings) == 3
        assert all(str(each).startswith("I6 count of") for each in findings)
        for part in range(of_parts):
            await recount(world, part=part, of_parts=of_parts)
        assert await world.judge() == []
        assert {at: each for at, each in counts(world).items() if each != (0, 0)} == right
        await process.stop()

    simulated(main)


def test_an_entry_that_was_put_aside_is_counted_once_when_it_can_be_read():
    async def main(world: World):
        process = world.start()
        first, second = some_entries(world.ledger, 4)[1::2]
        await stand(world.table, first)
        await spoil(world, second)
        await world.drain()
        await mend(world, second)
        await world.drain()
        assert len(await kept(world, "balances")) == 1
        await recount(world)
        assert await kept(world, "balances") == []
        assert counts(world) == {("type-1", 1): (1, 0), ("type-0", 1): (1, 0)}
        assert await retry_all(world, "search") == [None]
        assert await world.judge() == []
        await process.stop()

    simulated(main)
