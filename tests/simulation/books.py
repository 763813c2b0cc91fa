"""Whoever changes the books themselves during a run: stores versions, creates and deletes ledgers
and Schemas, while processes die and the clients post. And what must hold of it afterwards.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from shared.errors import Overloaded, StoreError
from shared.ledger.ledgers import Ledger, SchemaHead
from shared.ledger.rejections import Rejection
from shared.store import keys
from shared.store.items import ledger_from_item, migration_from_item, schema_head_from_item
from shared.store.table import TableName
from tests.clearing_schema import with_clearing
from tests.write_rig import SCHEMA_KEY, WORKSPACE
from write_service.commands import LedgerMatch
from write_service.ledgers import CreateLedger, create_ledger, delete_ledger
from write_service.schemas import delete_schema, store_schema

if TYPE_CHECKING:
    from tests.simulation.world import World

TURNS = 14
IKS = ("a", "b", "c")
SIDE_KEY = "side"
TRIES_MAX = 30
LOST = (asyncio.CancelledError, StoreError, Overloaded)


def version(number: int, key: str = SCHEMA_KEY) -> dict[str, Any]:
    """The Schema of the clients' ledger with `number` accounts more."""
    document = with_clearing()
    document["key"] = key
    children = document["chartOfAccounts"]["accounts"][0]["children"]
    children += [{"key": f"reserve{at}"} for at in range(number)]
    return document


class Bookkeeper:
    """One client that stores, creates and deletes; it remembers what it was answered."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rng = world._rng()
        self.reserves = 0
        self.acknowledged: dict[str, str] = {}  # ik -> id of the ledger that was answered last
        self.deleted: set[str] = set()  # ids

    async def run(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(self.rng.random())
            act = self.rng.choice([self.store, self.create, self.create, self.delete, self.side])
            try:
                await act()
            except LOST:
                self.world.faults["bookkeeping lost"] += 1

    async def store(self) -> None:
        """Another version of the Schema that the clients' ledger is on."""
        self.reserves += 1
        stored = await self._call(store_schema, WORKSPACE, version(self.reserves))
        assert isinstance(stored, SchemaHead), stored
        self.world.faults["version stored"] += 1

    async def create(self) -> None:
        ik = self.rng.choice(IKS)
        key = self.rng.choice([SCHEMA_KEY, SCHEMA_KEY, SIDE_KEY])
        self.acknowledged.pop(ik, None)
        made = await self._call(create_ledger, CreateLedger(WORKSPACE, ik, ik, 0, key, None))
        if isinstance(made, Rejection):
            assert made.code == "schema_not_found"
            return
        ledger, _ = made
        assert ledger.id not in self.deleted, "a deleted ledger was given again"
        self.acknowledged[ik] = ledger.id

    async def delete(self) -> None:
        ik = self.rng.choice(IKS)
        held = self.acknowledged.pop(ik, None)
        gone = await self._call(delete_ledger, WORKSPACE, LedgerMatch(None, ik))
        if isinstance(gone, Ledger):
            self.deleted.add(gone.id)
            self.world.faults["ledger deleted"] += 1
            assert held in (None, gone.id)

    async def side(self) -> None:
        """Stores a Schema that nothing needs, or deletes it: which is refused while it is used."""
        if self.rng.random() < 0.5:
            await self._call(store_schema, WORKSPACE, version(self.rng.randrange(3, 6), SIDE_KEY))
            return
        refused = await self._call(delete_schema, WORKSPACE, SIDE_KEY)
        if refused is None:
            self.world.faults["schema deleted"] += 1
        else:
            assert refused.code in ("schema_not_found", "schema_in_use")

    async def _call(self, act: Any, *arguments: Any) -> Any:
        process = self.rng.choice(self.world.writers)
        return await process.call(act(process.services, *arguments))

    async def settle(self) -> None:
        """Without faults: one version more, and every ledger comes to stand on it."""
        for _ in range(TRIES_MAX):
            try:
                await self.store()
                break
            except LOST:
                continue
        for _ in range(TRIES_MAX * 10):
            if not audit_books(self.world):
                return
            await asyncio.sleep(1)


def audit_books(world: "World") -> list[str]:
    """Every live ledger is on its Schema's newest version; every migration has ended; no queue."""
    wrong: list[str] = []
    items = world.memory.dump(TableName.LEDGER)
    heads = [schema_head_from_item(item) for item in items if item["sk"] == "head"]
    by_key = {head.key: head for head in heads if head.state != "deleted"}
    ledgers = [ledger_from_item(item) for item in items if str(item["pk"])[:2] == "L#"]
    live = {ledger.id: ledger for ledger in ledgers if ledger.state == "live" and ledger.schema_key}
    for ledger in live.values():
        assert ledger.schema_key is not None
        head = by_key.get(ledger.schema_key)
        if head is None:
            wrong.append(f"the Schema of {ledger.ik} is gone")
        elif (ledger.schema_generation, ledger.schema_version) != (head.generation, head.version):
            wrong.append(f"{ledger.ik} is on {ledger.schema_version}, not {head.version}")
        key = keys.schema_ledger_listed(WORKSPACE, ledger.schema_key, ledger.created_ms, ledger.id)
        listed = [item for item in items if (item["pk"], item["sk"]) == (key.pk, key.sk)]
        if not listed or "s" in listed[0]:
            wrong.append(f"{ledger.ik} is not listed as its Schema's")
    records: dict[str, dict[int, str]] = {}
    for item in world.memory.dump(TableName.BALANCES):
        if str(item["pk"])[:3] == "LM#":
            record = migration_from_item(item)
            records.setdefault(record.ledger_id, {})[record.version] = record.status
        elif item["pk"] == keys.WORK_QUEUE and str(item["sk"])[:2] == "M#":
            wrong.append(f"{item['sk']} is still queued")
    for ledger_id, ledger in live.items():
        told = records.get(ledger_id, {})
        due = range(ledger.migrated_from + 1, (ledger.schema_version or 0) + 1)
        if sorted(told) != list(due) or not set(told.values()) <= {"completed", "skipped"}:
            wrong.append(f"{ledger.ik} has the migrations {told}, due are {list(due)}")
        if due and told.get(due[-1]) != "completed":
            wrong.append(f"{ledger.ik} came to {due[-1]} without completing it")
    return wrong
