"""One run of the whole system in one loop: writers, indexers and clients on the in-memory engines.

    clients ─► 2 write processes ─► FaultyTable ──────────────┐
                                                              ├─► MemoryTable, -Stream, -Index
               2 indexers ─► FaultyTable, -Stream, -Index ────┘   (the servers)
    chaos    ─► kills a process at any await and starts another; moves time

Every choice comes from the seed. When the clients are done the faults stop, clients send again what
they don't know the fate of (the final read phase), the indexers catch up, and the auditors read
everything.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any, TypeVar

from indexer.fence import sole_rebuilder
from indexer.meters import IndexerFamilies
from indexer.projectors import Engines, Projectors, recount_parts, search_parts
from indexer.quarantine import BALANCES, SEARCH
from indexer.recount import recount_balances
from indexer.reindex import rebuild_search
from shared.errors import Overloaded, StoreError, TwofoldError
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import Rejection
from shared.observe import Metrics
from shared.store import keys
from shared.store.items import account_attributes, account_from_item, entry_from_item
from shared.store.table import TableName, Update
from shared.testing.faults import FaultyStream, FaultyTable, swarm_stream, swarm_table
from shared.testing.faulty_index import FaultyIndex, IndexFaults
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex
from shared.testing.memory_stream import MemoryStream
from shared.testing.simulator import VirtualClock
from tests.clearing_schema import with_clearing
from tests.linked_books import open_linked
from tests.simulation import plain
from tests.simulation.changes import Change, ask_change, make_change
from tests.simulation.reconciling import Reconciliation
from tests.write_rig import LEDGER_IK, WORKSPACE, open_quickstart, write_services
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.plans import Committed, Outcome, Rejected
from write_service.posting import WriteServices, post_batch, post_entry
from write_service.work import Worker

CLIENTS = 6
POSTS_PER_CLIENT = 12
RIVALS_SHARE = 0.4  # of the changes that another client makes at the same time
CHANGES_SHARE = 0.35  # of what clients ask, once there is something to change
USERS = ("ann", "bob", "cid", "dan")
TRIES_MAX = 4
CALM_TRIES_MAX = 20
FAULT_RATE_MAX = 120  # of a thousand calls

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Post:
    """What one client asked for: entries of one request, and what it knows of their fate."""

    iks: list[str]
    bodies: list[dict[str, Any]]
    fate: str = "unknown"  # acknowledged, refused, unknown
    answers: list[LedgerEntry] = field(default_factory=list)


def _quiet(_: str) -> None:
    """Tells nobody how far a rebuild is."""


def _number(task: "asyncio.Task[None]") -> int:
    """Tasks in the order of their making: a set of them has none that a seed could repeat."""
    return int(task.get_name().rpartition("-")[2])


@dataclass(slots=True)
class WriteProcess:
    """One write process; a killed one answers nobody."""

    services: WriteServices
    worker: Worker
    working: "asyncio.Task[None]"
    calls: dict["asyncio.Task[Any]", None] = field(default_factory=dict)  # in their order

    async def call(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        task = asyncio.ensure_future(coroutine)
        self.calls[task] = None
        try:
            return await task
        finally:
            del self.calls[task]

    def kill(self) -> None:
        """Nothing that it does goes on; what it sent may still arrive."""
        batches = sorted(self.services.committer._batches, key=_number)
        for task in [*self.calls, *batches, self.working]:
            task.cancel()
        self.worker.kill()


class World:
    """The servers, the processes and the clients of one seed."""

    def __init__(self, seed: int, *, is_faulty: bool = True) -> None:
        self.rng = Random(seed)
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.stream = MemoryStream(clock=self.clock, shards_count=self.rng.choice([1, 1, 3]))
        self.memory = MemoryTable(clock=self.clock, stream=self.stream)
        self.index = MemoryIndex()
        self.tokens = count(1)
        self.faults = Counter[str]()
        self.posts: list[Post] = []
        self.creations: list[plain.Creation] = []
        self.changes: list[Change] = []
        self.reconciliations: list[Reconciliation] = []
        self.wrong: list[str] = []  # what clients were told and can't be right
        self.table = FaultyTable(
            self.memory, self._rng(), swarm_table(self._rng(), rate_max=FAULT_RATE_MAX)
        )
        self.index_table = FaultyTable(
            self.memory, self._rng(), swarm_table(self._rng(), rate_max=FAULT_RATE_MAX)
        )
        self.index_stream = FaultyStream(
            self.stream, self._rng(), swarm_stream(self._rng(), rate_max=FAULT_RATE_MAX)
        )
        rates = {
            name: self.rng.randrange(FAULT_RATE_MAX) for name in ("unavailable", "lost_answer")
        }
        rates |= {"overloaded": self.rng.randrange(FAULT_RATE_MAX)}
        self.faulty_index = FaultyIndex(self.index, self.rng.getrandbits(32), IndexFaults(**rates))
        self.writers: list[WriteProcess] = []
        self.indexers: list[tuple[Projectors, asyncio.Task[None]]] = []
        self.rebuilds: list[asyncio.Task[None]] = []
        self.processes = count(1)
        self.is_calm = False
        self.ledger: Ledger
        if not is_faulty:
            self.calm()

    def _rng(self) -> Random:
        return Random(self.rng.getrandbits(64))

    # --- Processes --------------------------------------------------------------------------------
    def start_writer(self) -> WriteProcess:
        name = f"w{next(self.processes)}"
        services = write_services(
            self.table,
            self.clock,
            self.tokens,
            jitter=self._rng().random,
            process=name,
        )
        worker = Worker(services, name)
        return WriteProcess(services, worker, asyncio.ensure_future(worker.run()))

    def start_indexer(self, name: str) -> tuple[Projectors, "asyncio.Task[None]"]:
        engines = Engines(self.index_table, self.index_stream, self.faulty_index, self.clock)
        projectors = Projectors(engines, Metrics(), name)
        return projectors, asyncio.ensure_future(projectors.run())

    async def open(self) -> None:
        calm = write_services(self.memory, self.clock, self.tokens, process="open")
        self.ledger = await open_quickstart(
            calm,
            utc_offset_minutes=self.rng.choice([0, -480, 330, 765]),
            strong_groups=("order",),
            document=with_clearing(),
        )
        await plain.open_plain(calm)
        await open_linked(calm)
        self.writers = [self.start_writer() for _ in range(2)]
        self.indexers = [self.start_indexer(f"i{at}") for at in range(2)]

    async def chaos(self) -> None:
        """Kills and restarts processes until the clients are done."""
        while not self.is_calm:
            await asyncio.sleep(self.rng.random() * 4)
            what = self.rng.randrange(4)
            if what == 0:
                at = self.rng.randrange(len(self.writers))
                self.writers[at].kill()
                self.writers[at] = self.start_writer()
                self.faults["writer killed"] += 1
            elif what == 1:
                at = self.rng.randrange(len(self.indexers))
                self.indexers[at][1].cancel()
                await asyncio.gather(self.indexers[at][1], return_exceptions=True)
                self.indexers[at] = self.start_indexer(f"i{next(self.processes)}")
                self.faults["indexer killed"] += 1

            elif what == 2:
                self.rebuilds.append(asyncio.ensure_future(self.rebuild()))
            else:
                await self.rename()

    async def rebuild(self) -> None:
        """Rebuilds one projection, beside the processes; is killed now and then."""
        engines = Engines(self.index_table, self.index_stream, self.faulty_index, self.clock)
        projector = self.rng.choice([SEARCH, BALANCES])
        owner = f"rebuild{next(self.processes)}"

        async def work() -> None:
            async with sole_rebuilder(self.index_table, projector, owner, self.clock):
                if projector == SEARCH:
                    await rebuild_search(search_parts(engines, owner, _quiet))
                else:
                    families = IndexerFamilies(Metrics())
                    await recount_balances(recount_parts(engines, owner, families, _quiet))

        try:
            await asyncio.wait_for(work(), self.rng.random() * 15)
            self.faults["rebuild done"] += 1
        except TimeoutError:
            self.faults["rebuild killed"] += 1
        except TwofoldError:
            self.faults["rebuild failed"] += 1

    async def rename(self) -> None:
        """Gives one account another name."""
        items = [i for i in self.memory.dump(TableName.LEDGER) if str(i["pk"]).startswith("A#")]
        account = account_from_item(self.rng.choice(items))
        renamed = replace(account, name=str(self.rng.random()), revision=account.revision + 1)
        await self.memory.write(Update(keys.account(account.id), set=account_attributes(renamed)))
        self.faults["account renamed"] += 1

    def calm(self) -> None:
        """No more faults: the final phase."""
        self.is_calm = True
        self.table.calm()
        self.index_table.calm()
        self.index_stream.calm()
        self.faulty_index.calm()

    # --- Clients ----------------------------------------------------------------------------------
    def _body(self) -> dict[str, Any]:
        # A moment within two years around now, often the very same: hours and months with company.
        posted = self.clock.now_ms() + self.rng.choice([0, -1, 3_600_000, -(10**10), 10**10])
        if self.rng.random() < 0.3:
            return plain.body(self.rng, posted)
        body: dict[str, Any] = {"ledger": {"ik": LEDGER_IK}, "posted": posted}
        body["groups"] = [
            {"key": key, "value": str(self.rng.randrange(3))}
            for key in ("order", "batch")
            if self.rng.random() < 0.4
        ]
        if self.rng.random() < 0.3:  # money on its way: legs are cleared as often as not
            parameters = {"leg": self.rng.choice(USERS), "amount": "10"}
            return {**body, "type": self.rng.choice(["send", "arrive"]), "parameters": parameters}
        amount = str(self.rng.randrange(1, 60))
        one, other = self.rng.sample(USERS, 2)
        if self.rng.random() < 0.4:
            parameters = {"user_id": one, "funding_amount": amount}
            return {**body, "type": "user_funds_account", "parameters": parameters}
        parameters = {"from_user_id": one, "to_user_id": other, "transfer_amount": amount}
        return {**body, "type": "p2p_transfer", "parameters": parameters}

    def _post(self, client: int, number: int) -> Post:
        if self.posts and self.rng.random() < 0.15:
            again = self.rng.choice(self.posts)  # a replay, or a race with another client
            return Post(list(again.iks), list(again.bodies))
        size = self.rng.choice([1, 1, 1, 1, 2, 5])
        iks = [f"{client}-{number}-{at}" for at in range(size)]
        return Post(iks, [self._body() for _ in range(size)])

    def _next(self, number: int, turn: int) -> Post | Change:
        known = self.told()
        if known and self.rng.random() < CHANGES_SHARE:
            change = make_change(self.rng, known, f"{number}-{turn}", self._body())
            self.changes.append(change)
            return change
        post = self._post(number, turn)
        self.posts.append(post)
        return post

    async def _race(self, change: Change) -> None:
        """The change at once with another one of the same entry, through every process."""
        rival = make_change(self.rng, self.told(), f"{change.label}-rival", self._body())
        rival.entry_id = change.entry_id
        self.changes.append(rival)
        await asyncio.gather(*[self.send(each) for each in (change, rival, change, rival)])

    def told(self) -> list[LedgerEntry]:
        """Every entry that a client was told of, at the revision that it was told at."""
        asked = (*self.posts, *self.changes, *self.reconciliations)
        return [entry for each in asked for entry in each.answers]

    async def client(self, number: int) -> None:
        for turn in range(POSTS_PER_CLIENT):
            if self.rng.random() < 0.25:
                creation = plain.Creation(self.rng.choice(plain.OWNERS))
                self.creations.append(creation)
                await self.ask(creation.ask)
                await self.ask(lambda at: plain.rename(at, self.rng.choice(plain.OWNERS), "New"))
            asked = self._next(number, turn)
            if isinstance(asked, Change) and self.rng.random() < RIVALS_SHARE:
                await self._race(asked)
            for _ in range(self.rng.randrange(1, TRIES_MAX)):
                if asked.fate != "unknown":
                    break
                await self.send(asked)
                await asyncio.sleep(self.rng.random() / 2)
            await asyncio.sleep(self.rng.random() / 5)

    async def send(self, asked: Post | Change) -> None:
        """One sending: a lost connection and an answer that may be retried leave the fate
        unknown."""
        process = self.rng.choice(self.writers)
        try:
            if isinstance(asked, Change):
                await process.call(ask_change(process.services, asked))
            else:
                await self._send_post(process, asked)
        except (asyncio.CancelledError, StoreError, Overloaded):
            return

    async def _send_post(self, process: WriteProcess, post: Post) -> None:
        commands = [
            add_ledger_entry(WORKSPACE, ik, LedgerEntryInput.model_validate(body))
            for ik, body in zip(post.iks, post.bodies, strict=True)
        ]
        services = process.services
        stood = self._standing_iks()
        asked = (
            post_entry(services, commands[0])
            if len(commands) == 1
            else post_batch(services, commands)
        )
        outcome: Outcome | Rejection = await process.call(asked)
        if isinstance(outcome, Committed):
            post.fate = "acknowledged"
            post.answers = [entry for entry, _ in outcome.entries]
        elif isinstance(outcome, Rejected | Rejection):
            post.fate = "refused"
            if stood & self._standing_iks() >= set(post.iks):
                self.wrong.append(f"{post.iks} were refused and stood before: {outcome}")

    def _standing_iks(self) -> set[str]:
        """The iks that were acknowledged, and whose entries nobody has asked to take back."""
        taken_back = {change.entry_id for change in self.changes if change.kind != "update"}
        answers = [each for post in self.posts for each in post.answers]
        return {each.ik for each in answers if each.id not in taken_back}

    async def ask(self, what: Callable[[WriteServices], Coroutine[Any, Any, None]]) -> None:
        """One sending whose answer may be lost."""
        process = self.rng.choice(self.writers)
        with suppress(asyncio.CancelledError, StoreError, Overloaded):
            await process.call(what(process.services))

    async def resolve(self) -> None:
        """Jepsen's final phase: every unknown fate is asked for until it is known."""
        for creation in self.creations:
            for _ in range(CALM_TRIES_MAX):
                if creation.made is not None:
                    break
                await self.ask(creation.ask)
            assert creation.made is not None, "accounts can't be created without faults"
        for reconciliation in self.reconciliations:
            for _ in range(CALM_TRIES_MAX):
                if reconciliation.fate != "unknown":
                    break
                await self.ask(reconciliation.ask)
            assert reconciliation.fate != "unknown", f"{reconciliation} can't be resolved"
        for asked in (*self.posts, *self.changes):
            for _ in range(CALM_TRIES_MAX):
                if asked.fate != "unknown":
                    break
                await self.send(asked)
            assert asked.fate != "unknown", f"{asked} can't be resolved without faults"

    # --- What stands ------------------------------------------------------------------------------
    def entries(self) -> dict[str, LedgerEntry]:
        """Entries by id, as the table holds them."""
        found = {}
        for item in self.memory.dump(TableName.LEDGER):
            if str(item["pk"]).startswith("E#"):
                entry = entry_from_item(item)
                found[entry.id] = entry
        return found

    def accounts(self) -> dict[str, LedgerAccount]:
        """Accounts of the ledger without a Schema, by path."""
        found = {}
        for item in self.memory.dump(TableName.LEDGER):
            if str(item["pk"]).startswith("A#"):
                account = account_from_item(item)
                if account.consistency is not None:
                    found[account.path] = account
        return found

    async def catch_up(self, is_done: Callable[[], Awaitable[bool]]) -> None:
        """Waits until `is_done`; at most ten minutes of virtual time."""
        for _ in range(600):
            await asyncio.sleep(1)
            if await is_done():
                return
        raise AssertionError("the indexers did not catch up in ten minutes without faults")

    async def stop(self) -> None:
        for writer in self.writers:
            writer.worker.stop()
        await asyncio.gather(*[writer.working for writer in self.writers])
        for projectors, _ in self.indexers:
            projectors.stop()
        await asyncio.gather(*[task for _, task in self.indexers], return_exceptions=True)
