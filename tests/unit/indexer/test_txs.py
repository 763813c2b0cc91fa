"""Txs come to their index as they are synced, changed and deleted; rebuilds restore it; audits see
what is wrong.
"""

import asyncio
from itertools import count

from indexer.projectors import search_parts
from indexer.quarantine import Quarantine
from indexer.reindex import rebuild_search
from indexer.verify import Verification
from shared.ledger.links import Tx
from shared.search.index import Deletion, Document, Kind
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import tx_from_item
from shared.store.table import Delete, Key, TableName, Update
from tests.indexer_rig import World, simulated
from tests.write_rig import WORKSPACE, write_services
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.links import create_custom_link, delete_txs, sync_accounts, sync_txs
from write_service.planning.links import WantedAccount

BANK = LinkMatch(ik="bank")


class Bank:
    """A Link with one account, whose Txs are synced on the world's table."""

    def __init__(self, world: World) -> None:
        self.services = write_services(world.table, world.clock, count(1))

    async def open(self) -> None:
        await create_custom_link(self.services, WORKSPACE, "bank", "Bank")
        wanted = [WantedAccount("checking", "Checking", None, None)]
        await sync_accounts(self.services, WORKSPACE, BANK, wanted)

    async def sync(self, *numbers: int, word: str = "") -> list[Tx]:
        checking = ExternalAccountMatch(None, "checking", None)
        txs = tuple(SyncedTx(checking, f"t{n}", n, None, f"Tx {n}{word}", n) for n in numbers)
        synced = await sync_txs(self.services, SyncTxs(WORKSPACE, BANK, txs))
        assert not hasattr(synced, "code"), synced
        return list(synced)  # type: ignore[arg-type]

    async def delete(self, *txs: Tx) -> None:
        await delete_txs(self.services, WORKSPACE, [tx.id for tx in txs])


async def opened(world: World) -> Bank:
    bank = Bank(world)
    await bank.open()
    return bank


async def standing(world: World) -> dict[str, tuple[int, list[str]]]:
    """Version and flags of the account's documents, by external id and place."""
    account = next(i for i in world.table.dump(TableName.LEDGER) if str(i["pk"])[:2] == "X#")
    owner = f"{str(account['pk'])[2:]}-{account['sk']}"
    found = {}
    async for stored in world.index.scan(Kind.TXS, owner):
        record = stored.source["record"]
        found[f"{record['x']}.{record['n']}"] = (stored.version, stored.source.get("flags", []))
    return found


def test_txs_are_indexed_as_they_stand():
    async def main(world: World):
        process = world.start()
        bank = await opened(world)
        first, second, _ = await bank.sync(1, 2, 3)
        await bank.sync(2, word=" settled")
        await bank.delete(first)
        await bank.sync(1)
        await world.drain()
        assert await standing(world) == {
            "t1.1": (2, ["deleted"]), "t1.2": (1, []), "t2.1": (2, []), "t3.1": (1, []),
        }  # fmt: skip
        assert second.revision == 1
        assert await world.judge() == []
        assert await Verification(world.bare, None, lambda _: None).run() == []
        await process.stop()

    simulated(main)


def test_a_rebuild_restores_the_txs_of_the_table():
    async def main(world: World):
        process = world.start()
        bank = await opened(world)
        one, two, three = await bank.sync(1, 2, 3)
        await bank.delete(three)
        await world.drain()
        strange = {"link": "x", "external_account": one.account_id, "id": "x",
                   "sort_key": f"{one.account_id}#x", "external_id": "x", "posted": 1}  # fmt: skip
        await world.index.bulk([
            Deletion(Kind.TXS, two.id, two.account_id, 9),
            Document(Kind.TXS, "x", one.account_id, 1, strange, b"{}"),
        ])  # fmt: skip
        assert len(await world.judge()) == 2
        assert len(await Verification(world.bare, None, lambda _: None).run()) == 2
        adding = asyncio.ensure_future(bank.sync(*range(4, 40)))
        await rebuild_search(search_parts(world.bare, "rebuild", lambda _: None))
        await adding
        await world.drain()
        assert await world.judge() == []
        assert len(await standing(world)) == 39
        await process.stop()

    simulated(main)


def test_a_tx_that_cannot_be_read_waits_aside_for_the_search_projector_alone():
    async def main(world: World):
        process = world.start()
        bank = await opened(world)
        one, _ = await bank.sync(1, 2)
        await world.drain()
        (good,) = await world.table.get_many([keys.tx(one.id)])
        assert good is not None
        await world.table.write(Update(keys.tx(one.id), set={"b": "{broken", "r": 2}))
        await world.drain()
        quarantine, catalog = Quarantine(world.table), Catalog(world.table, world.clock)
        assert [aside async for aside in quarantine.kept("balances")] == []
        (aside,) = [aside async for aside in quarantine.kept("search")]
        assert aside.body["pk"] == f"T#{one.id}"
        why = await quarantine.retry(aside, world.index, catalog)
        assert why is not None
        assert "can't be read" in why
        await world.table.write(Update(keys.tx(one.id), set={"b": good["b"], "r": 1}))
        assert await quarantine.retry(aside, world.index, catalog) is None
        assert await world.judge() == []
        await process.stop()

    simulated(main)


def test_the_audit_tells_what_links_and_txs_lack():
    async def main(world: World):
        process = world.start()
        bank = await opened(world)
        one, two = await bank.sync(1, 2)
        await bank.delete(one)
        await bank.sync(1)
        await world.drain()
        assert await world.judge() == []
        table = world.table
        await table.write(Update(keys.tx(one.id), set={"h": 3}))
        (finding,) = await world.judge()
        assert (finding.invariant, finding.detail) == (
            "I2", "the newest place is 3, there are [1, 2]",
        )  # fmt: skip
        await table.write(Update(keys.tx(one.id), set={"h": 2}, add={"n": 1}))
        assert [each.detail for each in await world.judge()] == [
            "counts 1 entries, 0 account for it",
            "is deleted and reconciled by 1 entries",
        ]
        await table.write(Update(keys.tx(one.id), add={"n": -1}))
        account = keys.external_account(two.account_id)
        item = await table.get(account)
        assert item is not None
        await table.write(Delete(account))
        assert {each.detail for each in await world.judge()} >= {"has Txs and is not there"}
        await table.write(Update(account, set={n: v for n, v in item.items() if n[0] in "br"}))
        await table.write(Delete(Key(TableName.LEDGER, keys.links(WORKSPACE), two.link_id)))
        assert [each.detail for each in await world.judge()] == [
            f"its Link {two.link_id} is not there"
        ]
        found = await table.get(keys.tx(two.id))
        assert found is not None
        assert tx_from_item(found) == two
        await process.stop()

    simulated(main)
