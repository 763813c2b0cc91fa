"""What can't be applied is kept with its reason, counted, and applied later; its neighbours never
wait.
"""

import asyncio

from indexer import appliers
from indexer.quarantine import Quarantine
from shared.ledger.identifiers import account_id
from shared.search.index import ItemResult, ItemStatus, Kind
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import entry_item, put
from shared.store.table import TableName, Update
from shared.testing.memory_index import MemoryIndex
from tests.builders import entry, ledger, stand
from tests.indexer_rig import World, simulated, some_entries
from tests.unit.indexer.test_rebuilding import recount


async def kept(world: World, projector: str):
    return [aside async for aside in Quarantine(world.table).kept(projector)]


async def retry_all(world: World, projector: str) -> list[str | None]:
    quarantine, catalog = Quarantine(world.table), Catalog(world.table, world.clock)
    return [
        await quarantine.retry(aside, world.index, catalog)
        for aside in await kept(world, projector)
    ]


async def spoil(world: World, one) -> None:
    """Writes an entry whose body can't be read."""
    item = {**entry_item(one, "attempt"), "b": "{broken"}
    await world.table.write(put(keys.entry(one.id), item))


async def mend(world: World, one) -> None:
    """Puts the entry right, as a repair by hand would."""
    await world.table.write(put(keys.entry(one.id), entry_item(one, "attempt")))


def test_a_record_that_cannot_be_read_is_put_aside_by_both_and_applied_when_it_can():
    async def main(world: World):
        process = world.start()
        entries = some_entries(world.ledger, 20)
        await stand(world.table, *entries[:10])
        await spoil(world, entries[10])
        await stand(world.table, *entries[11:])
        await world.drain()
        for projector in ("search", "balances"):
            assert process.value("twofold_records_quarantined_total", projector) == 1
            (aside,) = await kept(world, projector)
            assert (aside.kind, aside.body["pk"]) == ("record", f"E#{entries[10].id}")
            assert "JSONDecodeError" in aside.reason
        assert await retry_all(world, "balances") == ["still can't be counted"]
        assert (await retry_all(world, "search"))[0].startswith("still can't be read")
        await mend(world, entries[10])
        await world.drain()
        assert len(await kept(world, "balances")) == 1
        assert await retry_all(world, "balances") == [None]
        assert await retry_all(world, "search") == [None]
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_an_entry_of_a_ledger_that_is_not_there_waits_aside():
    async def main(world: World):
        process = world.start()
        orphan = ledger("orphan")
        entries = some_entries(world.ledger, 5)
        lost = entry(orphan, "x", ("assets/a", 1), ("income/b", 1))
        await stand(world.table, *entries, lost)
        await world.drain()
        (aside,) = await kept(world, "balances")
        assert "is not there" in aside.reason
        assert await kept(world, "search") == []
        await stand(world.table, orphan)
        assert await retry_all(world, "balances") == [None]
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_an_entry_too_large_for_one_batch_is_retried_in_parts():
    async def main(world: World):
        process = world.start()
        paths = [
            f"assets/g{at % 5}:x/{'/'.join(f'l{d}:{at}' for d in range(8))}" for at in range(30)
        ]
        large = entry(world.ledger, "large", *[(path, 1) for path in paths], ("income/i", 30))
        await spoil(world, large)
        await world.drain()
        await mend(world, large)
        await world.drain()
        assert await retry_all(world, "balances") == [None]
        assert await kept(world, "balances") == []
        assert await retry_all(world, "search") == [None]
        assert await world.judge() == []
        await process.stop()

    simulated(main)


class Picky:
    def __init__(self, index: MemoryIndex) -> None:
        self.index, self.picky = index, True

    async def bulk(self, operations, *, into=None):
        results = await self.index.bulk(
            [each for each in operations if not self._refuses(each)], into=into
        )
        left = iter(results)
        refused = ItemResult(ItemStatus.REFUSED, "mapper_parsing_exception: no")
        return [refused if self._refuses(each) else next(left) for each in operations]

    def _refuses(self, operation) -> bool:
        return self.picky and operation.kind is Kind.ENTRIES and operation.version == 1

    def __getattr__(self, name):
        return getattr(self.index, name)


def test_a_refused_document_is_put_aside_and_the_others_are_indexed():
    async def main(world: World):
        process = world.start()
        entries = some_entries(world.ledger, 3)
        await stand(world.table, *entries)
        await world.drain()
        asides = await kept(world, "search")
        assert sorted(each.body["id"] for each in asides) == sorted(each.id for each in entries)
        assert {each.reason for each in asides} == {"mapper_parsing_exception: no"}
        assert process.value("twofold_records_quarantined_total", "search") == 3
        await world.index.refresh()
        assert await world.index.count(Kind.LINES) == 6
        await stand(world.table, entries[0]._replace(tags=(("k", "v"),), revision=2))
        await world.drain()
        assert await retry_all(world, "search") == [None] * 3
        assert await world.judge() == []
        await process.stop()

    simulated(main, index=Picky)


def test_a_refusal_beside_a_thing_that_cannot_be_projected_is_put_aside_too(monkeypatch):
    """Looking for whose document was refused meets the other one again."""

    async def main(world: World):
        entries = some_entries(world.ledger, 3)
        project = appliers.project_documents

        def stumbling(change):
            if change.new.id == entries[0].id:
                raise ValueError("no such line")
            return project(change)

        monkeypatch.setattr(appliers, "project_documents", stumbling)
        process = world.start()
        await stand(world.table, *entries)
        await world.drain()
        kinds = sorted(each.kind for each in await kept(world, "search"))
        assert kinds == ["document", "document", "record"]
        await process.stop()

    simulated(main, index=Picky)


def test_sums_put_aside_are_counted_once_when_the_histories_are_recounted():
    """An item that is full: its sums go aside, a recount puts the history right and takes them
    back.
    """

    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 10))
        await world.drain()
        head = keys.history_head(account_id(world.ledger.id, "assets"), "USD")
        await world.table.write(Update(head, set={"c": 10**38 - 2}, add={"r": 1}))
        spoilt = some_entries(world.ledger, 1, first=500)[0]
        await spoil(world, spoilt)
        await stand(world.table, *some_entries(world.ledger, 10, first=100))
        await world.drain()
        await mend(world, spoilt)
        await world.drain()
        assert sorted(each.kind for each in await kept(world, "balances")) == ["deltas", "record"]
        assert process.value("twofold_records_quarantined_total", "balances") == 2
        await asyncio.sleep(5)
        await recount(world)
        assert await kept(world, "balances") == []
        assert await retry_all(world, "search") == [None]
        assert await world.judge() == []
        await stand(world.table, *some_entries(world.ledger, 10, first=200))
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_sums_put_aside_are_added_once_when_retried():
    async def main(world: World):
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 10))
        await world.drain()
        head = keys.history_head(account_id(world.ledger.id, "assets"), "USD")
        right = next(
            item for item in world.table.dump(TableName.BALANCES)
            if (item["pk"], item["sk"]) == (head.pk, head.sk)
        )  # fmt: skip
        await world.table.write(Update(head, set={"c": 10**38 - 2}))
        await stand(world.table, *some_entries(world.ledger, 10, first=100))
        await world.drain()
        assert (await retry_all(world, "balances"))[0].startswith("could not be added: overflow")
        await world.table.write(Update(head, set={"c": right["c"]}))
        quarantine, catalog = Quarantine(world.table), Catalog(world.table, world.clock)
        (aside,) = await kept(world, "balances")
        assert await quarantine.retry(aside, None, catalog) is None
        await quarantine.retry(aside, None, catalog)
        assert await world.judge() == []
        await process.stop()

    simulated(main)
