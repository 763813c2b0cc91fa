"""Work behind an answer: a queue in DynamoDB, and the worker of every write process.

    storeSchema   ─► M#… migrate the ledgers of a Schema   (migrations.py)
    deleteLedger  ─► S#… touch the deleted ledger once no post can be under way any more

An item is written in the transaction of what makes the work necessary. The worker of that process
is woken at once; all others ask once a second, so a death at any moment is taken over. Who works
holds a lease: conditional writes count the item's revision up, and an item that stands still for
WORK_LEASE_MS on one's own clock is free again. Work is made of steps that may be done twice, so a
worker that is slower than its lease harms nobody.

    o owner, empty when free   r revision   w workspace   k Schema key   g generation   v version
    c how far the migration has come: a sort key of the Schema's ledgers   f ledgers that failed
"""

import asyncio
from dataclasses import dataclass, replace

from shared.errors import Overloaded, StoreError
from shared.limits import (
    WORK_LEASE_MS,
    WORK_POLL_MS,
    WORK_POLLED_MAX,
    WORKS_AT_ONCE_MAX,
)
from shared.looking import let_end, look_until_stopped
from shared.observe import EventLog
from shared.store import keys
from shared.store.items import ledger_from_item, ledger_item
from shared.store.table import (
    Delete,
    Guard,
    Is,
    Item,
    Key,
    Put,
    TableName,
    Transacted,
    Value,
    Write,
    Written,
)
from write_service.migrations import BROKEN, SchemaMigration, migrate_page
from write_service.posting import WriteServices

LOG = EventLog("write")
WORK_TAKEN = "work_taken"
WORK_DONE = "work_done"
WORK_LOST = "work_lost"
WORK_FAILED = "work_failed"
STOP_S_MAX = 5
DRAIN_ROUNDS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Lease:
    """An item of the queue as this process last saw or wrote it."""

    item: Item

    @property
    def key(self) -> Key:
        return Key(TableName.BALANCES, str(self.item["pk"]), str(self.item["sk"]))

    @property
    def kind(self) -> str:
        return self.key.sk[:1]

    @property
    def revision(self) -> int:
        revision = self.item["r"]
        assert isinstance(revision, int)
        return revision

    @property
    def guard(self) -> Guard:
        return Is("r", self.revision)

    def changed(self, **attributes: Value) -> "Lease":
        """The same work with other attributes, one revision on."""
        return Lease({**self.item, **attributes, "r": self.revision + 1})


class Worker:
    """One for each write process. `name` is unique among all processes."""

    def __init__(self, services: WriteServices, name: str) -> None:
        self._services = services
        self._name = name
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by sort key
        self._seen: dict[str, tuple[int, float]] = {}  # sort key -> revision, since when

    async def run(self) -> None:
        """Works until `stop`. Engines that are away only delay it."""
        await look_until_stopped(
            self.look,
            stopped=self._stop,
            woken=self._services.work_arrived,
            every_ms=WORK_POLL_MS,
            failures=(StoreError, Overloaded, *BROKEN),
            tell=lambda error: LOG.warning(WORK_FAILED, error=error),
        )
        await let_end(self._tasks.values(), STOP_S_MAX)

    def stop(self) -> None:
        """Ends `run`: work ends after the page it is at, and is given back."""
        self._stop.set()
        self._services.work_arrived.set()

    def kill(self) -> None:
        """Ends all work between two statements, as the death of the process would."""
        self._stop.set()
        for task in self._tasks.values():
            task.cancel()

    async def drain(self) -> None:
        """Works until nothing is due: for tests, and commands that end."""
        for _ in range(DRAIN_ROUNDS_MAX):
            waiting = await self.look()
            if self._tasks:
                await asyncio.wait(list(self._tasks.values()))
            elif not waiting:
                return
        raise Overloaded("the work queue doesn't empty")

    # --- The queue --------------------------------------------------------------------------------
    async def look(self) -> int:
        """One look at the queue: starts what is free; gives how many items are due."""
        services = self._services
        due = f"S#{services.clock.now_ms():015d}~"
        page = await services.table.query(
            TableName.BALANCES,
            keys.WORK_QUEUE,
            low="M#",
            high=due,
            limit=WORK_POLLED_MAX,
            consistent=True,
        )
        now_ms = services.clock.monotonic_ms()
        leases = [Lease(item) for item in page.items]
        seen = {
            lease.key.sk: self._seen.get(lease.key.sk, (lease.revision, now_ms)) for lease in leases
        }
        for lease in leases:
            sort = lease.key.sk
            if seen[sort][0] != lease.revision:
                seen[sort] = (lease.revision, now_ms)
            stands_still = now_ms - seen[sort][1] >= WORK_LEASE_MS
            if sort in self._tasks or not (lease.item["o"] == "" or stands_still):
                continue
            if len(self._tasks) >= WORKS_AT_ONCE_MAX or self._stop.is_set():
                break
            taken = await self._write(lease, lease.changed(o=self._name))
            if taken is not None:
                self._start(taken)
        self._seen = seen
        return len(leases)

    async def _write(self, held: Lease, wanted: Lease) -> Lease | None:
        """Replaces the item; None when another has changed it. Our own write, whose answer was
        lost, counts."""
        put = Put(TableName.BALANCES, wanted.item, (held.guard,))
        answer = await self._services.table.write(put)
        if isinstance(answer, Written) or answer.old == wanted.item:
            return wanted
        return None

    def _start(self, lease: Lease) -> None:
        sort = lease.key.sk
        task = asyncio.get_running_loop().create_task(self._work(lease))
        self._tasks[sort] = task

        def ended(_: "asyncio.Task[None]") -> None:
            del self._tasks[sort]
            self._services.work_arrived.set()

        task.add_done_callback(ended)

    async def _work(self, lease: Lease) -> None:
        LOG.info(WORK_TAKEN, work=lease.key.sk)
        try:
            if lease.kind == "M":
                await self._migrate(lease)
            else:
                await self._sweep(lease)
        except (StoreError, Overloaded, *BROKEN) as error:
            # The item stands still from now on: whoever notices goes on from its last page.
            LOG.warning(WORK_FAILED, work=lease.key.sk, error=error)

    # --- Migrations -------------------------------------------------------------------------------
    async def _migrate(self, lease: Lease) -> None:
        """Page by page through the Schema's ledgers; the lease moves behind each page."""
        get = lease.item
        migration = SchemaMigration(
            str(get["w"]), str(get["k"]), _number(get["g"]), _number(get["v"])
        )
        held: Lease | None = lease
        while True:
            assert held is not None
            cursor = str(held.item["c"])
            page = await migrate_page(self._services, migration, cursor or None)
            failed = _number(held.item["f"]) + page.failed_count
            if page.cursor is None:
                await self._finish(held, failed)
                return
            owner = "" if self._stop.is_set() else self._name
            held = await self._write(held, held.changed(c=page.cursor, f=failed, o=owner))
            if held is None:
                LOG.info(WORK_LOST, work=lease.key.sk)
                return
            if owner == "":
                return

    async def _finish(self, held: Lease, failed: int) -> None:
        """Removes the work; with failures it is parked until the Schema is stored again."""
        writes: list[Write] = [Delete(held.key, (held.guard,))]
        if failed:
            at = keys.parked_schema_work(str(held.item["w"]), str(held.item["k"]))
            parked = {**held.item, "sk": at.sk, "o": "", "c": "", "f": failed}
            writes.append(Put(TableName.BALANCES, parked))
        answer = await self._services.table.transact(writes, self._services.new_token())
        done = isinstance(answer, Transacted)
        LOG.info(WORK_DONE if done else WORK_LOST, work=held.key.sk, failed=failed)

    # --- Deleted ledgers --------------------------------------------------------------------------
    async def _sweep(self, lease: Lease) -> None:
        """Touches the deleted ledger: its change in the stream makes the indexer remove whatever
        documents came to stand since it was deleted.
        """
        services = self._services
        ledger_id = str(lease.item["l"])
        writes: list[Write] = [Delete(lease.key, (lease.guard,))]
        item = await services.table.get(keys.ledger(ledger_id), consistent=True)
        if item is not None:
            ledger = ledger_from_item(item)
            assert ledger.state == "deleted", "only a deleted ledger is swept"
            touched = replace(ledger, revision=ledger.revision + 1)
            writes.append(Put(TableName.LEDGER, ledger_item(touched), (Is("r", ledger.revision),)))
        await services.table.transact(writes, services.new_token())


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value
