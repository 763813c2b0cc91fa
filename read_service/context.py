"""What the resolvers of one request share: who asks, the engines, and the request's loaders.

    resolver ──► RequestContext ─┬─ items(consistent)  one tick's keys = one BatchGetItem
                                 ├─ searches           one tick's lists = one _msearch
                                 ├─ partition          a Query, whoever asks for it
                                 └─ catalog            ledgers, Schemas, accounts: the process's

Both tiers use it as GraphQL's context value; the write tier's mutations prime it with what they
have just written, so that their own selections read their write; before each further mutation of a
request all of it is forgotten. One loop, one request: no locks.
"""

from asyncio import Future, ensure_future, shield
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import quote

from read_service.searches import SearchLoader
from shared.auth import Principal
from shared.clock import Clock
from shared.errors import RejectionError
from shared.ledger.accounts import LedgerAccount
from shared.ledger.currencies import CustomCurrency, currency_from_key
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger, SchemaHead, SchemaVersion
from shared.ledger.rejections import reject
from shared.ledger.schemas import Schema
from shared.limits import CURRENCIES_PER_ACCOUNT_MAX, NODES_PER_REQUEST_MAX
from shared.search.index import Index
from shared.settings import Settings
from shared.store.catalog import Catalog
from shared.store.items import account_from_item, custom_currency_from_item, entry_from_item
from shared.store.keys import account as account_key
from shared.store.keys import custom_currency as custom_currency_key
from shared.store.keys import entry as entry_key
from shared.store.loaders import KeyLoader
from shared.store.table import Item, Table, TableName

T = TypeVar("T")


class RequestContext:
    """GraphQL's context value. The write tier may derive from it to add what mutations need."""

    __slots__ = (
        "_accounts",
        "_consistent",
        "_entries",
        "_eventual",
        "_nodes",
        "_readings",
        "_schema_heads",
        "_schema_versions",
        "_searches",
        "catalog",
        "clock",
        "index",
        "principal",
        "request_id",
        "settings",
        "table",
        "workspace_id",
    )

    def __init__(
        self,
        *,
        principal: Principal,
        request_id: str,
        clock: Clock,
        table: Table,
        index: Index,
        catalog: Catalog,
        settings: Settings,
    ) -> None:
        self.principal = principal
        self.workspace_id = principal.workspace_id
        self.request_id = request_id
        self.clock = clock
        self.table = table
        self.index = index
        self.catalog = catalog
        self.settings = settings
        self._nodes = 0
        self.forget_reads()

    def forget_reads(self) -> None:
        """Nothing that was read or written so far answers what is asked from now on."""
        self._eventual: KeyLoader | None = None
        self._consistent: KeyLoader | None = None
        self._searches: SearchLoader | None = None
        self._readings: dict[Hashable, Future[Any]] = {}
        self._entries: dict[str, LedgerEntry] = {}
        self._accounts: dict[str, LedgerAccount] = {}
        self._schema_heads: dict[str, SchemaHead] = {}
        self._schema_versions: dict[tuple[str, int], SchemaVersion] = {}

    def count_nodes(self, count: int) -> None:
        """Counts nodes that a list of this request may give: lists inside lists multiply.

        Raises RejectionError when they are too many.
        """
        self._nodes += count
        if self._nodes > NODES_PER_REQUEST_MAX:
            limit = NODES_PER_REQUEST_MAX
            raise RejectionError(
                reject("too_many_items", where="A request", count="more list nodes", max=limit)
            )

    # --- Loaders ----------------------------------------------------------------------------------
    @property
    def items(self) -> KeyLoader:
        """Items as they are now: what a lookup finds the moment its write is answered."""
        if self._consistent is None:
            self._consistent = KeyLoader(self.table, consistent=True)
        return self._consistent

    @property
    def eventual_items(self) -> KeyLoader:
        """Items at half the read units, for what the indexer writes behind the entries anyway."""
        if self._eventual is None:
            self._eventual = KeyLoader(self.table, consistent=False)
        return self._eventual

    @property
    def searches(self) -> SearchLoader:
        """Pages of lists from Elasticsearch."""
        if self._searches is None:
            self._searches = SearchLoader(self.index)
        return self._searches

    # --- What a mutation has just written ---------------------------------------------------------
    def prime_entry(self, entry: LedgerEntry) -> None:
        """`entry` is found by its id, and its lines by theirs, without a read."""
        self._entries[entry.id] = entry

    def prime_account(self, account: LedgerAccount) -> None:
        """`account` is found by its id or path without a read."""
        self._accounts[account.id] = account
        self.catalog.learn_account(account)

    def prime_schema(self, head: SchemaHead, version: SchemaVersion | None = None) -> None:
        """The Schema, and one version of it, are found without a read."""
        self._schema_heads[head.key] = head
        if version is not None:
            self._schema_versions[(version.key, version.version)] = version

    def primed_schema(self, key: str) -> SchemaHead | None:
        return self._schema_heads.get(key)

    def primed_schema_version(self, key: str, version: int) -> SchemaVersion | None:
        return self._schema_versions.get((key, version))

    # --- One read for all who ask -----------------------------------------------------------------
    async def once(self, asked: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` gives: it runs once in this request, however many fields ask."""
        reading = self._readings.get(asked)
        if reading is None:
            reading = self._readings[asked] = ensure_future(read())
        return cast(T, await shield(reading))

    async def partition(self, pk: str, prefix: str, *, consistent: bool) -> list[Item]:
        """All items of `balances` under `pk` and `prefix`: one Query for all who ask."""
        return await self.once(
            (pk, prefix, consistent), lambda: self._read_partition(pk, prefix, consistent)
        )

    async def _read_partition(self, pk: str, prefix: str, consistent: bool) -> list[Item]:
        items: list[Item] = []
        after: str | None = None
        while len(items) <= CURRENCIES_PER_ACCOUNT_MAX:
            page = await self.table.query(
                TableName.BALANCES,
                pk,
                prefix=prefix,
                after=after,
                limit=CURRENCIES_PER_ACCOUNT_MAX + 1,
                consistent=consistent,
            )
            items += page.items
            if page.next_key is None:
                return items
            after = page.next_key[1]
        where, limit = "The Ledger Account", CURRENCIES_PER_ACCOUNT_MAX
        raise RejectionError(
            reject("too_many_items", where=where, count="more currencies", max=limit)
        )

    # --- Values by id -----------------------------------------------------------------------------
    async def entry(self, entry_id: str) -> LedgerEntry | None:
        """The entry with this id, of this workspace."""
        entry = self._entries.get(entry_id)
        if entry is None:
            item = await self.items.load(entry_key(entry_id))
            if item is None:
                return None
            entry = entry_from_item(item)
            self._entries[entry_id] = entry
        return entry if entry.workspace_id == self.workspace_id else None

    async def entries(self, entry_ids: Sequence[str]) -> list[LedgerEntry | None]:
        """The entries with these ids, in order: those not seen yet in one BatchGetItem."""
        loading = [
            None if entry_id in self._entries else self.items.load(entry_key(entry_id))
            for entry_id in entry_ids
        ]
        found: list[LedgerEntry | None] = []
        for entry_id, each in zip(entry_ids, loading, strict=True):
            entry = self._entries.get(entry_id)
            if entry is None and each is not None:
                item = await each
                if item is not None:
                    entry = self._entries[entry_id] = entry_from_item(item)
            is_ours = entry is not None and entry.workspace_id == self.workspace_id
            found.append(entry if is_ours else None)
        return found

    def held_account(self, account_id: str) -> LedgerAccount | None:
        """The account as this request has seen it."""
        return self._accounts.get(account_id)

    async def account(self, account_id: str) -> LedgerAccount | None:
        """The account with this id, of this workspace, as it is now."""
        account = self._accounts.get(account_id)
        if account is None:
            item = await self.items.load(account_key(account_id))
            if item is None:
                return None
            account = account_from_item(item)
            self.prime_account(account)
        return account if account.workspace_id == self.workspace_id else None

    async def custom_currency(self, key: str) -> CustomCurrency:
        """The workspace's custom currency `CUSTOM/…`; no read if the process has seen it.

        Raises RejectionError when there is none.
        """
        held = self.catalog.known_currency(self.workspace_id, key)
        if held is not None:
            return held
        custom_id = currency_from_key(key).custom_id
        assert custom_id is not None
        item = await self.items.load(custom_currency_key(self.workspace_id, custom_id))
        if item is None:
            raise RejectionError(reject("custom_currency_not_found", id=custom_id))
        currency = custom_currency_from_item(item)
        self.catalog.learn_currency(currency)
        return currency

    async def schema_of(self, ledger: Ledger) -> Schema | None:
        """The compiled Schema version that `ledger` is on; None for a ledger without one."""
        if ledger.schema_key is None:
            return None
        assert ledger.schema_version is not None
        held = self.catalog.held_schema(
            ledger.workspace_id, ledger.schema_key, ledger.schema_generation, ledger.schema_version
        )
        if held is not None:
            return held
        return await self.catalog.schema(
            ledger.workspace_id, ledger.schema_key, ledger.schema_generation, ledger.schema_version
        )

    # --- Links ------------------------------------------------------------------------------------
    def dashboard_url(self, *parts: str) -> str:
        """Where the dashboard shows a thing."""
        prefix = self.settings.dashboard_url or self.settings.public_url
        return "/".join([prefix.rstrip("/"), *[quote(part, safe="") for part in parts]])
