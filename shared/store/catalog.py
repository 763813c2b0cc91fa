"""What a process remembers about ledgers, Schemas and accounts, so that a warm post reads nothing.

    ledger head      changes (Schema version, state): read again at LEDGER_HEAD_AGE_MS_MAX, by a
                     clock that never goes back
    Schema version   immutable: compiled once, kept while there is room
    known accounts   an account that was seen to exist goes on existing: kept while there is room
    currencies       a custom currency never changes: kept while there is room
    Links, accounts  of Links nothing changes, of External Accounts only names: kept while there is
    of Links         room
    Txs              as they were seen: who reconciles one writes under guards, and reads it again
                     when it has changed; kept while there is room

Nothing here is true by itself: every process may forget it at any moment. Reads of one thing that
are asked at the same time are one read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar

from shared.clock import Clock
from shared.ledger.accounts import LedgerAccount
from shared.ledger.chart import pattern_of
from shared.ledger.currencies import CustomCurrency
from shared.ledger.ledgers import Ledger
from shared.ledger.links import ExternalAccount, Link, Tx
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema
from shared.limits import (
    ACCOUNTS_CACHED_MAX,
    CUSTOM_CURRENCIES_CACHED_MAX,
    EXTERNAL_ACCOUNTS_CACHED_MAX,
    LEDGER_HEAD_AGE_MS_MAX,
    LEDGERS_CACHED_MAX,
    LINKS_CACHED_MAX,
    SCHEMAS_CACHED_MAX,
    TXS_CACHED_MAX,
)
from shared.store import keys
from shared.store.items import ledger_from_item, schema_version_from_item
from shared.store.table import Table

T = TypeVar("T")


class Catalog:
    """Process-wide cache over the `ledger` table. Give one to every process."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._ledgers: dict[str, tuple[Ledger, float]] = {}  # id -> head, asked for when
        self._ids: dict[tuple[str, str], str] = {}  # (workspace, ik) -> ledger id
        self._schemas: dict[tuple[str, str, int, int], Schema] = {}
        self._accounts: dict[str, LedgerAccount] = {}
        self._currencies: dict[tuple[str, str], CustomCurrency] = {}  # (workspace, key)
        self._links: dict[tuple[str, str], Link] = {}  # (workspace, id)
        self._external: dict[str, ExternalAccount] = {}
        self._txs: dict[str, Tx] = {}  # by id
        self._tx_ids: dict[tuple[str, str], str] = {}  # (External Account, external id) -> newest
        self._reading: dict[Hashable, asyncio.Future[Any]] = {}

    # --- Ledgers ----------------------------------------------------------------------------------
    def fresh_ledger(self, workspace_id: str, ik: str) -> Ledger | None:
        """The ledger of `ik` if its head was read recently enough; None says nothing about it."""
        ledger_id = self._ids.get((workspace_id, ik))
        return None if ledger_id is None else self._fresh(ledger_id)

    def _fresh(self, ledger_id: str) -> Ledger | None:
        held = self._ledgers.get(ledger_id)
        if held is None or self._clock.monotonic_ms() - held[1] >= LEDGER_HEAD_AGE_MS_MAX:
            return None
        return _live(held[0])

    async def ledger_by_ik(self, workspace_id: str, ik: str) -> Ledger | None:
        """The live ledger of `ik`: no read while fresh, else one BatchGetItem (cold: two gets)."""
        ledger = self.fresh_ledger(workspace_id, ik)
        if ledger is not None:
            return ledger
        return await self._once(
            ("ik", workspace_id, ik), lambda: self._read_ledger_by_ik(workspace_id, ik)
        )

    async def ledger_by_id(self, workspace_id: str, ledger_id: str) -> Ledger | None:
        """The live ledger with this id, if it belongs to the workspace."""
        ledger = self._fresh(ledger_id)
        if ledger is None:
            ledger = await self._once(("id", ledger_id), lambda: self._read_ledger(ledger_id))
        return ledger if ledger is not None and ledger.workspace_id == workspace_id else None

    async def live_ledgers(
        self, workspace_id: str, ledger_ids: Collection[str]
    ) -> dict[str, Ledger]:
        """Those of the ledgers that are the workspace's and live, by id: one BatchGetItem for all
        whose heads were not read recently enough.
        """
        found = {each: self._fresh(each) for each in ledger_ids}
        stale = sorted([each for each, ledger in found.items() if ledger is None])
        if stale:
            found |= await self._once(("ids", *stale), lambda: self._read_ledgers(stale))
        return {
            each: ledger
            for each, ledger in found.items()
            if ledger is not None and ledger.workspace_id == workspace_id
        }

    async def utc_offset_minutes(self, ledger_id: str) -> int | None:
        """The ledger's offset, which never changes; of a deleted ledger, too."""
        head = await self.head(ledger_id)
        return None if head is None else head.utc_offset_minutes

    async def head(self, ledger_id: str) -> Ledger | None:
        """The head as this process has seen it, however long ago; of a deleted ledger, too."""
        held = self._ledgers.get(ledger_id)
        if held is not None:
            return held[0]
        asked_ms = self._clock.monotonic_ms()
        item = await self._table.get(keys.ledger(ledger_id), consistent=True)
        return None if item is None else self._hold(ledger_from_item(item), asked_ms)

    async def _read_ledger_by_ik(self, workspace_id: str, ik: str) -> Ledger | None:
        asked_ms = self._clock.monotonic_ms()
        ik_key = keys.ledger_ik(workspace_id, ik)
        known = self._ids.get((workspace_id, ik))
        if known is None:
            ik_item, item = await self._table.get(ik_key, consistent=True), None
        else:
            ik_item, item = await self._table.get_many(
                [ik_key, keys.ledger(known)], consistent=True
            )
        if ik_item is None or not ik_item.get("l"):
            self._ids.pop((workspace_id, ik), None)
            return None
        ledger_id = str(ik_item["l"])
        if ledger_id != known or item is None:
            item = await self._table.get(keys.ledger(ledger_id), consistent=True)
        if item is None:
            return None
        if len(self._ids) >= LEDGERS_CACHED_MAX:
            self._ids.pop(next(iter(self._ids)))
        self._ids[(workspace_id, ik)] = ledger_id
        return _live(self._hold(ledger_from_item(item), asked_ms))

    async def _read_ledger(self, ledger_id: str) -> Ledger | None:
        asked_ms = self._clock.monotonic_ms()
        item = await self._table.get(keys.ledger(ledger_id), consistent=True)
        return None if item is None else _live(self._hold(ledger_from_item(item), asked_ms))

    async def _read_ledgers(self, ledger_ids: Sequence[str]) -> dict[str, Ledger | None]:
        asked_ms = self._clock.monotonic_ms()
        items = await self._table.get_many(
            [keys.ledger(each) for each in ledger_ids], consistent=True
        )
        return {
            each: None if item is None else _live(self._hold(ledger_from_item(item), asked_ms))
            for each, item in zip(ledger_ids, items, strict=True)
        }

    def _hold(self, ledger: Ledger, asked_ms: float) -> Ledger:
        """Remembers the head as of the moment that it was asked for: an answer may be slow."""
        self._ledgers.pop(ledger.id, None)
        if len(self._ledgers) >= LEDGERS_CACHED_MAX:
            self._ledgers.pop(next(iter(self._ledgers)))
        self._ledgers[ledger.id] = (ledger, asked_ms)
        return ledger

    async def newer_ledger(self, seen: Ledger, since_ms: float) -> Ledger | None:
        """The live ledger if it is on another Schema version than `seen`: what was refused on that
        one may be right. Reads the head unless it was asked for at `since_ms`, a monotonic moment,
        or later.
        """
        held = self._ledgers.get(seen.id)
        if held is not None and held[1] >= since_ms:
            head: Ledger | None = _live(held[0])
        else:
            head = await self._read_ledger(seen.id)
        return None if head is None or head.schema_version == seen.schema_version else head

    def forget_ledger(self, ledger_id: str) -> None:
        """Forgets this ledger: the process has just changed it."""
        self._ledgers.pop(ledger_id, None)

    # --- Schemas ----------------------------------------------------------------------------------
    def held_schema(
        self, workspace_id: str, key: str, generation: int, version: int
    ) -> Schema | None:
        """The compiled version, if this process has it already."""
        return self._schemas.get((workspace_id, key, generation, version))

    async def schema(self, workspace_id: str, key: str, generation: int, version: int) -> Schema:
        """The compiled version, which must exist; one GetItem the first time.

        `generation` tells Schemas apart that were stored with one key, before and after a deletion.
        """
        held = self._schemas.get((workspace_id, key, generation, version))
        if held is not None:
            return held
        return await self._once(
            ("schema", workspace_id, key, generation, version),
            lambda: self._read_schema(workspace_id, key, generation, version),
        )

    async def _read_schema(
        self, workspace_id: str, key: str, generation: int, version: int
    ) -> Schema:
        stored_at = keys.schema_version(workspace_id, key, generation, version)
        item = await self._table.get(stored_at)
        if item is None:
            item = await self._table.get(stored_at, consistent=True)
        assert item is not None, "a ledger names a Schema version that was never stored"
        schema = parse_schema(schema_version_from_item(item).json)
        assert isinstance(schema, Schema), "a stored Schema is valid"
        if len(self._schemas) >= SCHEMAS_CACHED_MAX:
            self._schemas.pop(next(iter(self._schemas)))
        self._schemas[(workspace_id, key, generation, version)] = schema
        return schema

    async def clearing_among(self, ledger_id: str, paths: Collection[str]) -> frozenset[str]:
        """Those of `paths` that are clearing accounts. Reads nothing when all of them are known.

        No later version makes an account a clearing account that was none, so any version says it
        that knows the account: a path that isn't known has the ledger's head read again.
        """
        for is_fresh in (False, True):
            if is_fresh or ledger_id not in self._ledgers:
                asked_ms = self._clock.monotonic_ms()
                item = await self._table.get(keys.ledger(ledger_id), consistent=True)
                if item is None:
                    return frozenset()
                self._hold(ledger_from_item(item), asked_ms)
            ledger = self._ledgers[ledger_id][0]
            if ledger.schema_key is None or ledger.schema_version is None:
                return frozenset()
            schema = await self.schema(
                ledger.workspace_id,
                ledger.schema_key,
                ledger.schema_generation,
                ledger.schema_version,
            )
            nodes = [(path, schema.chart.nodes.get(pattern_of(path))) for path in paths]
            if is_fresh or all(node is not None for _, node in nodes):
                break
        return frozenset([path for path, node in nodes if node is not None and node.clearing])

    # --- Accounts ---------------------------------------------------------------------------------
    def known_account(self, account_id: str) -> LedgerAccount | None:
        """An account that this process has seen to exist (its name may have changed since)."""
        return self._accounts.get(account_id)

    def learn_account(self, account: LedgerAccount) -> None:
        """Remembers that the account exists."""
        if len(self._accounts) >= ACCOUNTS_CACHED_MAX:
            self._accounts.pop(next(iter(self._accounts)))
        self._accounts[account.id] = account

    # --- Custom currencies ------------------------------------------------------------------------
    def known_currency(self, workspace_id: str, key: str) -> CustomCurrency | None:
        """The workspace's custom currency `CUSTOM/…`, if this process has seen it."""
        return self._currencies.get((workspace_id, key))

    def learn_currency(self, currency: CustomCurrency) -> None:
        """Remembers that the currency exists."""
        if len(self._currencies) >= CUSTOM_CURRENCIES_CACHED_MAX:
            self._currencies.pop(next(iter(self._currencies)))
        self._currencies[(currency.workspace_id, currency.key)] = currency

    # --- Links ------------------------------------------------------------------------------------
    def known_link(self, workspace_id: str, link_id: str) -> Link | None:
        """The workspace's Link, if this process has seen it."""
        return self._links.get((workspace_id, link_id))

    def learn_link(self, link: Link) -> None:
        """Remembers the Link."""
        if len(self._links) >= LINKS_CACHED_MAX:
            self._links.pop(next(iter(self._links)))
        self._links[(link.workspace_id, link.id)] = link

    def known_external_account(self, account_id: str) -> ExternalAccount | None:
        """An External Account that this process has seen (its name may have changed since)."""
        return self._external.get(account_id)

    def learn_external_account(self, account: ExternalAccount) -> None:
        """Remembers that the External Account exists."""
        if len(self._external) >= EXTERNAL_ACCOUNTS_CACHED_MAX:
            self._external.pop(next(iter(self._external)))
        self._external[account.id] = account

    def known_tx(self, tx_id: str) -> Tx | None:
        """The Tx as this process saw it last."""
        return self._txs.get(tx_id)

    def known_tx_named(self, account_id: str, external_id: str) -> Tx | None:
        """The newest Tx of an external id in its External Account, as this process saw it last."""
        tx_id = self._tx_ids.get((account_id, external_id))
        return None if tx_id is None else self._txs.get(tx_id)

    def learn_tx(self, tx: Tx) -> None:
        """Remembers the Tx, the newest of its external id."""
        self.forget_tx(tx.id)
        if len(self._txs) >= TXS_CACHED_MAX:
            self.forget_tx(next(iter(self._txs)))
        self._txs[tx.id] = tx
        self._tx_ids[(tx.account_id, tx.external_id)] = tx.id

    def forget_tx(self, tx_id: str) -> None:
        """Forgets the Tx: the process has just changed it, or met another state of it."""
        tx = self._txs.pop(tx_id, None)
        if tx is not None and self._tx_ids.get((tx.account_id, tx.external_id)) == tx_id:
            del self._tx_ids[(tx.account_id, tx.external_id)]

    # --- One read for all who ask at once ---------------------------------------------------------
    async def _once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.ensure_future(read())
            self._reading[key] = reading
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(reading)


def _live(ledger: Ledger) -> Ledger | None:
    return ledger if ledger.state == "live" else None
