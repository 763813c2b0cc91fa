"""The read tier on the in-memory twins; ledgers and entries are put where other tiers put them.

Nothing of the write tier or the indexer takes part: what they would have written is written here,
so that a test of reading fails for reading alone.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import httpx

from read_service.app import compose
from shared.auth import ApiClient, Role, TokenSigner, secret_digest
from shared.clock import Clock, FixedClock, SystemClock
from shared.ledger import history
from shared.ledger.accounts import LedgerAccount, parent_path
from shared.ledger.balances import group_sums, history_deltas
from shared.ledger.chart import AccountNode, pattern_of
from shared.ledger.clearing import (
    ClearingState,
    is_outstanding,
    posted_windows,
    touched_paths,
)
from shared.ledger.entries import EntryCondition, LedgerEntry, LedgerLine
from shared.ledger.identifiers import account_id, entry_id, group_id, ledger_id
from shared.ledger.ledgers import Ledger, SchemaHead, SchemaVersion, Workspace
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema
from shared.observe import Metrics
from shared.search.documents import account_documents, entry_documents, group_documents
from shared.search.index import Index, SearchPage, SearchRequest
from shared.settings import Settings
from shared.store import items, keys
from shared.store.clients import StoredClients
from shared.store.table import Item, Key, Put, Table, Update
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex

WORKSPACE = "workspace"
OTHER_WORKSPACE = "another-workspace"
NOW_MS = 1_700_000_000_000

Line = tuple[str, int] | tuple[str, int, str]  # path, amount, currency key


class CountedIndex:
    """An index, remembering what was searched: one element for each call."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.calls: list[Sequence[SearchRequest]] = []

    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        self.calls.append(requests)
        return await self._index.search(requests)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


class CountedTable:
    """A table, counting the keys that are read by BatchGetItem."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.keys_read = 0

    async def get_many(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item | None]:
        self.keys_read += len(keys)
        return await self._table.get_many(keys, consistent=consistent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


class Engines(NamedTuple):
    """What a rig reads from; `metrics` counts the table's calls."""

    table: Table
    index: Index
    metrics: CountingMetrics


class Seeds:
    """Writes what a read test reads, to the twins unless other engines are given."""

    def __init__(self, engines: Engines | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or FixedClock(NOW_MS)
        self.stale: set[Key] = set()  # the twin's eventual reads see these as they were before
        if engines is None:
            metrics = CountingMetrics()
            table = MemoryTable(
                clock=self.clock, metrics=metrics, stale=lambda key: key in self.stale
            )
            engines = Engines(table, MemoryIndex(), metrics)
        self.metrics = engines.metrics
        self.table = CountedTable(engines.table)
        self.index = CountedIndex(engines.index)
        self.schemas: dict[tuple[str, str], Schema] = {}
        self.folded = False  # fold histories whenever they may be

    async def workspace(self, workspace_id: str = WORKSPACE, name: str = "Acme") -> None:
        await self._put(items.workspace_item(Workspace(workspace_id, name)))

    async def schema(
        self, document: dict[str, Any], workspace_id: str = WORKSPACE
    ) -> tuple[Schema, int]:
        """Stores the document as the next version of its Schema; gives the version's number too."""
        schema = parse_schema(document)
        assert isinstance(schema, Schema), schema
        key = schema.key
        standing = await self.table.get(keys.schema_head(workspace_id, key))
        number = 1
        created_ms = self.clock.now_ms()
        if standing is not None:
            before = items.schema_head_from_item(standing)
            number, created_ms = before.version + 1, before.created_ms
        version = SchemaVersion(workspace_id, key, number, self.clock.now_ms(), schema.json)
        head = SchemaHead(workspace_id, key, schema.name, number, created_ms, "")
        await self._put(items.schema_version_item(version))
        await self._put(items.schema_head_item(head))
        await self._put(_bare(keys.schema_listed(workspace_id, created_ms, key)))
        self.schemas[(workspace_id, key)] = schema
        return schema, number

    async def ledger(
        self,
        ik: str,
        document: dict[str, Any] | None = None,
        *,
        utc_offset_minutes: int = 0,
        workspace_id: str = WORKSPACE,
        state: str = "live",
    ) -> Ledger:
        """Creates a ledger on the newest version of the Schema, with its static accounts."""
        schema, number = None, None
        if document is not None:
            schema, number = await self.schema(document, workspace_id)
        ledger = Ledger(
            id=ledger_id(workspace_id, ik, 1),
            workspace_id=workspace_id,
            ik=ik,
            name=f"Ledger {ik}",
            utc_offset_minutes=utc_offset_minutes,
            created_ms=self.clock.now_ms(),
            schema_key=None if schema is None else schema.key,
            schema_version=number,
            state=state,  # type: ignore[arg-type]
        )
        await self._put(items.ledger_item(ledger))
        await self._put(items.ledger_ik_item(workspace_id, ik, ledger.id, 1))
        await self._put(_bare(keys.ledger_listed(workspace_id, ledger.created_ms, ledger.id)))
        if schema is not None:
            listed = keys.schema_ledger_listed(
                workspace_id, schema.key, ledger.created_ms, ledger.id
            )
            await self._put(_bare(listed))
            for path, _ in schema.chart.static_accounts():
                await self.account(ledger, path)
        return ledger

    async def account(
        self, ledger: Ledger, path: str, *, name: str | None = None, currency: str | None = None
    ) -> LedgerAccount:
        """Creates the account at `path` and those above it, where they aren't there yet."""
        parent = parent_path(path)
        if parent is not None:
            await self.account(ledger, parent, currency=currency)
        standing = await self.table.get(keys.account(account_id(ledger.id, path)))
        if standing is not None:
            return items.account_from_item(standing)
        schema = self.schemas[(ledger.workspace_id, ledger.schema_key or "")]
        resolved = schema.chart.resolve(path)
        assert not isinstance(resolved, str), resolved
        node = resolved.node
        if node.currency is not None and node.currency.constant is not None:
            currency = node.currency.constant.key
        account = LedgerAccount(
            id=account_id(ledger.id, path),
            ledger_id=ledger.id,
            workspace_id=ledger.workspace_id,
            path=path,
            ik=path,
            name=name or f"Account {path}",
            type=node.type,
            currency_mode=node.currency_mode,
            currency=None if node.currency_mode == "multi" else currency,
            parent_id=None if parent is None else account_id(ledger.id, parent),
            parent_path=parent,
            created_ms=self.clock.now_ms(),
            linked=_linked(node),
        )
        await self.rename(account)
        return account

    async def rename(self, account: LedgerAccount) -> None:
        """Writes the account, and its document, as it is given."""
        key = keys.account(account.id)
        await self._put({"pk": key.pk, "sk": key.sk, **items.account_attributes(account)})
        await self.index.bulk(account_documents(account))

    async def post(
        self,
        ledger: Ledger,
        ik: str,
        posted_ms: int,
        *lines: Line,
        position: int = 1,
        indexed: bool = True,
        conditions: tuple[EntryCondition, ...] = (),
        line_fields: dict[str, Any] | None = None,
        **fields: Any,
    ) -> LedgerEntry:
        """Writes an entry with everything that follows from it: balances, lists, documents."""
        made = []
        for index, (path, amount, *rest) in enumerate(lines):
            currency = rest[0] if rest else None
            account = await self.account(ledger, path, currency=currency)
            key = currency or account.currency
            assert key is not None
            made.append(LedgerLine(index, path, account.type, amount, key, **(line_fields or {})))
        entry = LedgerEntry(
            id=entry_id(ledger.id, ik, position),
            ledger_id=ledger.id,
            workspace_id=ledger.workspace_id,
            ik=ik,
            position=position,
            posted_ms=posted_ms,
            created_ms=self.clock.now_ms(),
            lines=tuple(made),
            conditions=conditions,
            **fields,
        )
        await self.put_entry(entry, indexed=indexed)
        await self._strong(ledger, entry)
        if indexed:
            await self.put_histories(ledger, entry)
            await self._clearing(ledger, entry)
        return entry

    async def _clearing(self, ledger: Ledger, entry: LedgerEntry) -> None:
        """Windows and documents of the clearing accounts that the entry touches."""
        nodes = self.schemas[(ledger.workspace_id, ledger.schema_key or "")].chart.nodes
        touched = touched_paths([entry])[ledger.id]
        paths = {path for path in touched if nodes[pattern_of(path)].clearing}
        for path in sorted(paths):
            account = await self.account(ledger, path)
            window = posted_windows([entry], {ledger.id: paths})[account.id]
            standing = await self.table.get(keys.posted_window(account.id))
            revision = 1
            if standing is not None:
                before, revision = items.posted_window_from_item(standing)
                window, revision = before.including(window), revision + 1
            item = items.posted_window_item(account.id, window, revision)
            await self._put(item, keys.posted_window(account.id))
            page = await self.table.query(keys.BALANCES, keys.balances_of(account.id), prefix="H#")
            state = ClearingState(window, is_outstanding(page.items))
            await self.index.bulk(account_documents(account, state, account.revision + revision))

    async def put_entry(self, entry: LedgerEntry, *, indexed: bool = True, head: int = 1) -> None:
        """Writes the entry's own item, and its documents; `head` is its chain's newest position."""
        item = items.entry_item(entry, "attempt")
        if entry.position == 1:
            item["h"] = head
        await self._put(item)
        if indexed:
            await self.index.bulk([*entry_documents(entry), *group_documents(entry)])

    async def _strong(self, ledger: Ledger, entry: LedgerEntry) -> None:
        schema = self.schemas[(ledger.workspace_id, ledger.schema_key or "")]
        if schema.entries_strong:
            key = keys.strong_entry_listed(ledger.id, entry.posted_ms, entry.id)
            await self._put(_bare(key), key)
        for line, line_id in zip(entry.lines, entry.line_ids(), strict=True):
            resolved = schema.chart.resolve(line.account_path)
            assert not isinstance(resolved, str)
            own_id = account_id(ledger.id, line.account_path)
            consistency = resolved.node.consistency
            if consistency.lines:
                key = keys.strong_line_listed(own_id, entry.posted_ms, line_id)
                await self._put(_bare(key), key)
            moved = [keys.strong_own(own_id, line.currency)] if consistency.own_balance else []
            for step in resolved.steps:
                if step.node.consistency.total_balance:
                    at = account_id(ledger.id, step.path)
                    moved.append(keys.strong_total(at, line.currency))
            for key in moved:
                is_own = key.pk == keys.balances_of(own_id)
                adds = items.strong_adds(line.amount, None if is_own else line.amount)
                await self.table.write(Update(key, add=adds))
            for group, value in entry.groups:
                if group in consistency.groups:
                    path = line.account_path
                    key = keys.group_strong(
                        group_id(ledger.id, group, value), path, own_id, line.currency
                    )
                    named = {"p": path}
                    await self.table.write(Update(key, add={"v": line.amount}, set_if_absent=named))

    async def put_histories(self, ledger: Ledger, entry: LedgerEntry) -> None:
        """What the entry adds to balances and groups."""
        for key, delta in history_deltas([entry], ledger.utc_offset_minutes).items():
            own_id = account_id(ledger.id, key.account_path)
            head_key = keys.history_head(own_id, key.currency)
            await self.table.write(Update(head_key, add=history.head_adds(delta)))
            if self.folded:
                await self.fold(own_id, key.currency)
        for (group, path, currency), amount in group_sums(entry, entry.groups).items():
            at = keys.group_eventual(group, path, account_id(ledger.id, path), currency)
            adds = history.sum_adds(amount)
            await self.table.write(Update(at, add=adds, set_if_absent={"p": path}))

    async def fold(self, own_id: str, currency: str) -> bool:
        """Moves older hours to their months' items, as the indexer does now and then."""
        head = await self.table.get(keys.history_head(own_id, currency))
        folded = None if head is None else history.fold(head)
        if folded is None:
            return False
        await self.table.write(Put(keys.BALANCES, dict(folded.head)))
        for month, adds in folded.month_adds.items():
            await self.table.write(Update(keys.history_month(own_id, currency, month), add=adds))
        return True

    async def _put(self, item: Item, key: Key | None = None) -> None:
        table = keys.LEDGER if key is None else key.table
        await self.table.write(Put(table, item))

    def forget_counts(self) -> None:
        """Counts begin anew."""
        self.metrics.clear()
        self.table.keys_read = 0
        self.index.calls.clear()


def _linked(node: AccountNode) -> tuple[str | None, str | None] | None:
    template = node.linked_account
    if template is None:
        return None
    link, name = template.link_id or template.link_ik, template.external_id or template.id
    assert name is not None
    return None if link is None else link.render({}), name.render({})


def _bare(key: Key) -> Item:
    return {"pk": key.pk, "sk": key.sk}


class Answer:
    """What the API answered."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body

    @property
    def data(self) -> Any:
        """The data of an answer without errors."""
        assert self.status == 200, self.body
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def refusals(self) -> list[tuple[str, str]]:
        """Code and message of each error."""
        assert self.status == 200, self.body
        errors = self.body.get("errors", [])
        return [(error["extensions"]["code"], error["message"]) for error in errors]


class ReadRig(Seeds):
    """The read service in this process, asked over ASGI as a client would."""

    role: Role = "reader"

    def __init__(self, engines: Engines | None = None, clock: Clock | None = None) -> None:
        super().__init__(engines, clock)
        self.settings = Settings(token_secret="0123456789abcdef" * 4)
        self.restart()

    def restart(self) -> None:
        """A fresh process on the same engines."""
        self.service = compose(
            self.settings,
            clock=self.clock,
            table=cast(Table, self.table),
            index=cast(Index, self.index),
            metrics=Metrics(),
            request_id_prefix="test",
        )
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service), base_url="http://test"
        )

    async def open(self) -> None:
        """Two workspaces with a client each, whose tokens are warm."""
        self._tokens = {}
        signer = TokenSigner(self.settings.token_secret)
        clients = StoredClients(cast(Table, self.table))
        for workspace_id in (WORKSPACE, OTHER_WORKSPACE):
            await self.workspace(workspace_id, f"The {workspace_id}")
            client = ApiClient(
                id=f"client-of-{workspace_id}",
                workspace_id=workspace_id,
                name="test",
                role=self.role,
                secret_digest=secret_digest("secret"),
                created_ms=self.clock.now_ms(),
            )
            await clients.add(client, workspace_id)
            self._tokens[workspace_id] = signer.sign(client, "twofold", self.clock.now_ms())
            await self.ask("{ __typename }", as_workspace=workspace_id)
        self.forget_counts()

    async def ask(self, query: str, as_workspace: str = WORKSPACE, **variables: Any) -> Answer:
        """Runs one document; the counts are those of this request alone."""
        self.forget_counts()
        answer = await self._http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self._tokens[as_workspace]}"},
        )
        return Answer(answer.status_code, answer.json())

    async def get(self, path: str) -> httpx.Response:
        """A plain GET, without a token."""
        return await self._http.get(path)

    @property
    def calls(self) -> dict[str, int]:
        """DynamoDB calls of the last request, by name."""
        return dict(self.metrics.calls)

    @property
    def read_keys(self) -> int:
        """Keys that the last request read by BatchGetItem."""
        return self.table.keys_read

    @property
    def searches(self) -> list[int]:
        """Searches of the last request: their number, for each round trip."""
        return [len(requests) for requests in self.index.calls]

    def fresh_token(self, workspace_id: str) -> str:
        """A token that is good by the machine's own clock."""
        claims = ApiClient(
            id=f"client-of-{workspace_id}",
            workspace_id=workspace_id,
            name="test",
            role="reader",
            secret_digest="",
            created_ms=0,
        )
        signer = TokenSigner(self.settings.token_secret)
        return signer.sign(claims, "twofold", SystemClock().now_ms())

    async def close(self) -> None:
        await self._http.aclose()
