"""The connectors in this process: on an in-memory table, against the tests' Stripe."""

import asyncio
from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

from connectors.app import create_app, opener
from connectors.book import LinkBook, NativeLink
from connectors.links import LinkAdmin, parser, run
from connectors.meters import LinkMeters
from connectors.sealing import Sealer
from connectors.synchroniser import OpenSource, Synchroniser
from shared.clock import FixedClock
from shared.ledger.ledgers import Workspace
from shared.ledger.links import Tx
from shared.observe import Metrics
from shared.settings import Settings
from shared.store.clients import StoredClients
from shared.store.items import tx_from_item
from shared.store.table import Table, TableName
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from tests.stripe_server import KEY, StripeServer
from tests.write_rig import WORKSPACE, write_services

SECRET = "a secret of at least thirty-two bytes"
IK = "stripe"
NAME = "Stripe"


class TickingClock(FixedClock):
    """Each look is a millisecond later, so that before and after differ."""

    def now_ms(self) -> int:
        self.advance(1)
        return super().now_ms()


class ConnectRig:
    """One process at a time; `restart` begins another on the same table."""

    def __init__(self, server: StripeServer, table: Any = None, poll_s: int = 60) -> None:
        self.server = server
        self.clock = TickingClock()
        self.counted = CountingMetrics()
        self.memory = MemoryTable(clock=self.clock, metrics=self.counted)
        self.settings = Settings(link_secret=SECRET, stripe_url=server.url, link_poll_s=poll_s)
        self._numbers = count(1)
        self._tokens = count(1)
        self.sealer = Sealer(SECRET)
        self.restart(table)

    def restart(self, table: Any = None) -> None:
        self.table = cast(Table, table or self.memory)
        name = f"process-{next(self._numbers)}"
        self.services = write_services(self.table, self.clock, self._tokens, process=name)
        self.book = LinkBook(self.table, self.clock, name)
        self.metrics = Metrics()
        self.meters = LinkMeters(self.metrics)
        self.open: OpenSource = opener(self.settings, self.services, self.book, self.sealer)
        self.synchroniser = self.make_synchroniser(self.open)
        self.admin = LinkAdmin(self.services, self.book, self.sealer, self.settings.stripe_url)
        self.app = create_app(
            table=self.table,
            book=self.book,
            sealer=self.sealer,
            clock=self.clock,
            synchroniser=self.synchroniser,
            metrics=self.metrics,
            meters=self.meters,
        )

    def make_synchroniser(self, open_source: OpenSource) -> Synchroniser:
        return Synchroniser(
            self.services,
            self.book,
            open_source,
            poll_s=self.settings.link_poll_s,
            jitter=lambda: 0.5,
            meters=self.meters,
        )

    async def command(self, *words: str, secret: str = KEY) -> str:
        """What a command prints."""
        return await run(parser().parse_args(list(words)), self.admin, lambda _what, _name: secret)

    async def create(self, **more: str) -> str:
        """A Stripe Link in a workspace of its own; its id."""
        await StoredClients(self.memory).add_workspace(Workspace(WORKSPACE, WORKSPACE))
        options = [word for name, value in more.items() for word in (f"--{name}", value)]
        await self.command(
            "create-stripe", "--workspace", WORKSPACE, "--ik", IK, "--name", NAME, *options
        )
        return (await self.state()).link_id

    async def state(self) -> NativeLink:
        (state,) = await self.book.listed(WORKSPACE)
        return state

    async def sync(self) -> NativeLink:
        """Rounds until nothing is due."""
        await self.synchroniser.drain()
        return await self.state()

    async def later(self, ms: int = 61_000) -> NativeLink:
        """The same after a while."""
        self.clock.advance(ms)
        return await self.sync()

    def txs(self) -> list[Tx]:
        """All Txs, by external id."""
        items = self.memory.dump(TableName.LEDGER)
        found = [tx_from_item(item) for item in items if str(item["pk"])[:2] == "T#"]
        return sorted(found, key=lambda tx: tx.external_id)

    def expected(self) -> list[tuple[str, int]]:
        """External id and amount of every Tx that Stripe's list means."""
        pairs = [
            pair
            for each in self.server.held
            for pair in (
                (f"{each['id']}_fee", -each["fee"]),
                (f"{each['id']}_gross", each["amount"]),
            )
        ]
        return sorted(pairs)

    def told(self) -> list[tuple[str, int]]:
        return [(tx.external_id, tx.amount) for tx in self.txs()]

    def judge(self) -> None:
        """Every balance transaction is exactly two Txs, as they were first told."""
        assert self.told() == self.expected()
        assert {tx.revision for tx in self.txs()} <= {1}
        assert {tx.sequence for tx in self.txs()} <= {1}


class Killed(asyncio.CancelledError):
    """The death of the process, as a task sees it."""


class KillTable:
    """A table at whose `at`-th call the process dies, before the call or after it."""

    def __init__(self, table: MemoryTable, at: int, after: bool) -> None:
        self._table = table
        self._left = at
        self._after = after
        self.died = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._table, name)

        async def call(*values: Any, **named: Any) -> Any:
            self._left -= 1
            if self.died or (self._left < 0 and not self._after):
                self.died = True
                raise Killed
            answer = await method(*values, **named)
            if self._left < 0:
                self.died = True
                raise Killed
            return answer

        return call


def words(values: Sequence[Any]) -> SimpleNamespace:
    """What a list of pages asked for, for short assertions."""
    return SimpleNamespace(
        since=[each.get("created[gte]") for each in values],
        after=[each.get("starting_after") for each in values],
    )
