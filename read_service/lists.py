"""Every list: where it is read, in which order, what may be asked of it.

    list                                        read from      newest by  a page costs
    Ledger.ledgerEntries, groups', accounts'    Elasticsearch  posted     one search on one shard
    Ledger.lines, LedgerAccount.lines           Elasticsearch  posted     one search on one shard
    Ledger.ledgerAccounts, childLedgerAccounts  Elasticsearch  created    one search on one shard
    entries, lines where the Schema says so     DynamoDB       posted     a Query, and its entries
    ledgers, schemas, Schema.ledgers            DynamoDB       created    a Query, and its ledgers
    customCurrencies                            DynamoDB       created    a Query, and what is asked
    Schema.versions                             DynamoDB       version    a Query
    ExternalAccount.txs (links.py)              Elasticsearch  posted     one search on one shard
    migrations                                  DynamoDB       version or ledger, newest first

A list is never half of one engine and half of the other. Search hits carry whole values, so a page
of entries with lines, accounts and tags reads nothing else. Filters of strong lists are judged by
the same clauses on the same document as in the search index.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from read_service.connections import PageArguments, PageInfo, list_digest, page_arguments, page_info
from read_service.context import RequestContext
from read_service.filters import (
    ListFilter,
    account_lines_filter,
    accounts_filter,
    children_of,
    clearing_only,
    entries_filter,
    in_group,
    ledger_lines_filter,
    touching_account,
)
from read_service.lookups import (
    Account,
    SchemaChoice,
    account_by_id,
    consistency_of,
    known_account,
    whole_account,
)
from read_service.walks import Hydrate, Partition, T, Walked, walk
from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.entries import LedgerEntry, PlacedLine
from shared.ledger.ledgers import Ledger, SchemaHead, SchemaVersion
from shared.ledger.rejections import Rejection, reject
from shared.search.clauses import Clause, Not, Range, Term, matches
from shared.search.documents import (
    HIDDEN,
    account_from_source,
    entries_of_lines,
    entry_documents,
    entry_from_source,
)
from shared.search.index import (
    ACCOUNTS_NEWEST,
    ENTRIES_NEWEST,
    LINES_OF_ACCOUNT,
    LINES_OF_LEDGER,
    Hit,
    Order,
    SearchRequest,
)
from shared.store import keys
from shared.store.items import ledger_from_item, schema_version_from_item
from shared.store.table import Item, TableName

Arguments = Mapping[str, Any]  # a list field's: first, last, after, before, filter

NOT_HIDDEN = Not(Term("flags", HIDDEN))


@dataclass(frozen=True, slots=True)
class Page:
    """A connection: nodes, and what GraphQL's PageInfo says of their neighbours."""

    nodes: Sequence[Any]
    page_info: PageInfo


WHOLE = PageInfo(has_next_page=False, end_cursor=None, has_previous_page=False, start_cursor=None)


def whole(nodes: Sequence[Any]) -> Page:
    """A connection that is one page."""
    return Page(nodes, WHOLE)


# --- Resources ------------------------------------------------------------------------------------
Nodes = Callable[[RequestContext, Sequence[Hit]], Awaitable[Sequence[Any]]]
ReadFilter = Callable[[Mapping[str, Any] | None, Ledger], ListFilter | Rejection]


@dataclass(frozen=True, slots=True)
class ListResource:
    """A list field that the search index serves: its order, its filters, what a hit becomes."""

    field: str
    order: Order
    read_filter: ReadFilter
    nodes: Nodes


async def _entry_nodes(_: RequestContext, hits: Sequence[Hit]) -> list[LedgerEntry]:
    return [entry_from_source(hit.source) for hit in hits]


async def _account_nodes(_: RequestContext, hits: Sequence[Hit]) -> list[LedgerAccount]:
    return [account_from_source(hit.source) for hit in hits]


async def _line_nodes(context: RequestContext, hits: Sequence[Hit]) -> list[PlacedLine]:
    """Lines with their entries; an entry is built once, however many of its lines are here."""
    entries: dict[str, LedgerEntry] = {}
    large = entries_of_lines([hit.source for hit in hits])
    for each in await context.entries(large) if large else ():
        assert each is not None, "an indexed line's entry stands"
        entries[each.id] = each
    lines = []
    for hit in hits:
        source = hit.source
        entry = entries.get(source["entry"])
        if entry is None:
            entry = entries[source["entry"]] = entry_from_source(source)
        parsed = identifiers.parse_line_id(source["id"])
        assert parsed is not None
        lines.append(PlacedLine(entry, entry.lines[parsed[1]]))
    return lines


LEDGER_ENTRIES = ListResource("Ledger.ledgerEntries", ENTRIES_NEWEST, entries_filter, _entry_nodes)
GROUP_ENTRIES = ListResource(
    "LedgerEntryGroup.ledgerEntries", ENTRIES_NEWEST, entries_filter, _entry_nodes
)
ACCOUNT_ENTRIES = ListResource(
    "LedgerAccount.ledgerEntries", ENTRIES_NEWEST, entries_filter, _entry_nodes
)
LEDGER_LINES = ListResource("Ledger.lines", LINES_OF_LEDGER, ledger_lines_filter, _line_nodes)
ACCOUNT_LINES = ListResource(
    "LedgerAccount.lines", LINES_OF_ACCOUNT, account_lines_filter, _line_nodes
)
LEDGER_ACCOUNTS = ListResource(
    "Ledger.ledgerAccounts", ACCOUNTS_NEWEST, accounts_filter, _account_nodes
)
CHILD_ACCOUNTS = ListResource(
    "LedgerAccount.childLedgerAccounts", ACCOUNTS_NEWEST, accounts_filter, _account_nodes
)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One page that is asked of one list: checked arguments, ready to be read."""

    digest: bytes
    page: PageArguments
    clauses: tuple[Clause, ...]
    account_id: str | None = None  # the one account that a filter narrows a ledger's lines to


def read_query(
    context: RequestContext,
    resource: ListResource,
    ledger: Ledger,
    owner: str,
    arguments: Arguments,
) -> ListQuery:
    """Checks a list field's arguments. `owner` is the id of what the list hangs on."""
    filter_set = arguments.get("filter")
    found = resource.read_filter(filter_set, ledger)
    if isinstance(found, Rejection):
        raise RejectionError(found)
    digest, page = read_page(context, resource.field, owner, arguments)
    return ListQuery(digest, page, found.clauses, found.account_id)


def read_page(
    context: RequestContext, field: str, owner: str, arguments: Arguments
) -> tuple[bytes, PageArguments]:
    """The list's digest, and which page of it is asked; the page counts as full."""
    digest = list_digest(field, owner, arguments.get("filter"))
    get = arguments.get
    page = page_arguments(digest, get("first"), get("last"), get("after"), get("before"))
    if isinstance(page, Rejection):
        raise RejectionError(page)
    context.count_nodes(page.size)
    return digest, page


# --- From Elasticsearch ---------------------------------------------------------------------------
async def search_list(
    context: RequestContext,
    resource: ListResource,
    query: ListQuery,
    scope: tuple[str, ...],
    order: Order | None = None,
) -> Page:
    """One page of hits of one list: one search on the ledger's shard."""
    page = query.page
    request = SearchRequest(
        order or resource.order,
        scope,
        query.clauses,
        page.size,
        after=page.after or None,
        before=page.before,
        from_end=page.from_end,
        span_ms=page.span_ms,
    )
    found = await context.searches.load(request)
    hits = found.hits
    first, last = (hits[0].position, hits[-1].position) if hits else (None, None)
    nodes = await resource.nodes(context, hits)
    return Page(nodes, page_info(query.digest, page, first, last, found.more))


async def ledger_entries(context: RequestContext, ledger: Ledger, arguments: Arguments) -> Page:
    """Ledger.ledgerEntries."""
    query = read_query(context, LEDGER_ENTRIES, ledger, ledger.id, arguments)
    schema = await context.schema_of(ledger)
    if schema is not None and schema.entries_strong:
        return await _strong_entries(context, ledger, query)
    return await search_list(context, LEDGER_ENTRIES, query, (ledger.id,))


async def group_entries(
    context: RequestContext, ledger: Ledger, key: str, value: str, arguments: Arguments
) -> Page:
    """LedgerEntryGroup.ledgerEntries."""
    owner = f"{ledger.id}#{key}#{value}"
    query = read_query(context, GROUP_ENTRIES, ledger, owner, arguments)
    narrowed = _narrowed(query, in_group(key, value))
    return await search_list(context, GROUP_ENTRIES, narrowed, (ledger.id,))


async def account_entries(
    context: RequestContext, ledger: Ledger, account_id: str, arguments: Arguments
) -> Page:
    """LedgerAccount.ledgerEntries: eventual, whatever the Schema says of Ledger.ledgerEntries."""
    query = _narrowed(
        read_query(context, ACCOUNT_ENTRIES, ledger, account_id, arguments),
        touching_account(account_id),
    )
    return await search_list(context, ACCOUNT_ENTRIES, query, (ledger.id,))


async def ledger_lines(context: RequestContext, ledger: Ledger, arguments: Arguments) -> Page:
    """Ledger.lines; narrowed to one account of the ledger it is read as that account's own list."""
    query = read_query(context, LEDGER_LINES, ledger, ledger.id, arguments)
    account_id = query.account_id
    if account_id is None:
        return await search_list(context, LEDGER_LINES, query, (ledger.id,))
    account = await account_by_id(context, account_id)
    if account is None or account.ledger_id != ledger.id:
        return Page((), page_info(query.digest, query.page, None, None, more=False))
    if await _keeps_strong_lines(context, account):
        return await _strong_lines(context, account_id, query)
    return await search_list(
        context, LEDGER_LINES, query, (ledger.id, account_id), LINES_OF_ACCOUNT
    )


async def account_lines(
    context: RequestContext, ledger: Ledger, account: Account, arguments: Arguments
) -> Page:
    """LedgerAccount.lines."""
    account_id = account.id
    query = read_query(context, ACCOUNT_LINES, ledger, account_id, arguments)
    if (arguments.get("filter") or {}).get("externalTxIds") is not None:
        known = known_account(context, account) or await whole_account(context, account)
        if known.linked is None:
            detail = "it works on Linked Ledger Accounts only"
            where = "filter.externalTxIds"
            raise RejectionError(reject("invalid_filter", where=where, detail=detail))
    if await _keeps_strong_lines(context, account):
        return await _strong_lines(context, account_id, query)
    return await search_list(context, ACCOUNT_LINES, query, (ledger.id, account_id))


async def _keeps_strong_lines(context: RequestContext, account: Account) -> bool:
    return (await consistency_of(context, account)).lines


async def ledger_accounts(context: RequestContext, ledger: Ledger, arguments: Arguments) -> Page:
    """Ledger.ledgerAccounts. Which accounts are clearing accounts is the Schema's to say."""
    query = read_query(context, LEDGER_ACCOUNTS, ledger, ledger.id, arguments)
    status = (arguments.get("filter") or {}).get("clearingStatus") or {}
    if status.get("equalTo") is not None:
        schema = await context.schema_of(ledger)
        patterns = () if schema is None else schema.chart.clearing_patterns()
        query = _narrowed(query, clearing_only(patterns))
    return await search_list(context, LEDGER_ACCOUNTS, query, (ledger.id,))


async def child_accounts(
    context: RequestContext, ledger: Ledger, account_id: str, arguments: Arguments
) -> Page:
    """LedgerAccount.childLedgerAccounts: those right below."""
    query = _narrowed(
        read_query(context, CHILD_ACCOUNTS, ledger, account_id, arguments), children_of(account_id)
    )
    return await search_list(context, CHILD_ACCOUNTS, query, (ledger.id,))


def _narrowed(query: ListQuery, clause: Clause) -> ListQuery:
    return ListQuery(query.digest, query.page, (clause, *query.clauses))


# --- Strong lists, from DynamoDB ------------------------------------------------------------------
async def _strong_entries(context: RequestContext, ledger: Ledger, query: ListQuery) -> Page:
    keep = _entry_judge(query.clauses)

    async def hydrate(references: Sequence[Item]) -> list[LedgerEntry | None]:
        entries = await context.entries([_listed_id(reference) for reference in references])
        return [entry if entry is not None and keep(entry) else None for entry in entries]

    return await _walk_by_posted(context, keys.strong_entries(ledger.id), query, hydrate)


async def _strong_lines(context: RequestContext, account_id: str, query: ListQuery) -> Page:
    keep = _line_judge(query.clauses)

    async def hydrate(references: Sequence[Item]) -> list[PlacedLine | None]:
        parsed = [identifiers.parse_line_id(_listed_id(reference)) for reference in references]
        places = [place for place in parsed if place is not None]
        assert len(places) == len(references)
        entries = await context.entries([entry_id for entry_id, _ in places])
        lines: list[PlacedLine | None] = []
        for entry, (_, index) in zip(entries, places, strict=True):
            line = None if entry is None else PlacedLine(entry, entry.lines[index])
            lines.append(line if line is not None and keep(line) else None)
        return lines

    return await _walk_by_posted(context, keys.strong_lines(account_id), query, hydrate)


def _listed_id(reference: Item) -> str:
    """What stands behind the time in a directory's sort key."""
    return str(reference["sk"]).partition("#")[2]


def _entry_judge(clauses: tuple[Clause, ...]) -> Callable[[LedgerEntry], bool]:
    if clauses == (NOT_HIDDEN,):
        return lambda entry: not entry.hidden
    return lambda entry: matches(clauses, entry_documents(entry)[0].source)


def _line_judge(clauses: tuple[Clause, ...]) -> Callable[[PlacedLine], bool]:
    if clauses == (NOT_HIDDEN,):
        return lambda line: not line.entry.hidden
    return lambda line: matches(clauses, entry_documents(line.entry)[line.line.place + 1].source)


async def _walk_by_posted(
    context: RequestContext, pk: str, query: ListQuery, hydrate: Hydrate[T]
) -> Page:
    """A strong list; a filter by posted becomes a range of its sort keys."""
    low = high = None
    for clause in query.clauses:
        if isinstance(clause, Range) and clause.field == "posted":
            if clause.lte is not None:
                newest = keys.inverted_ms(min(clause.lte, keys.POSTED_MS_MAX))
                low = newest if low is None else max(low, newest)
            if clause.gte is not None:
                oldest = (
                    keys.inverted_ms(min(clause.gte, keys.POSTED_MS_MAX)) + "$"
                )  # `$` follows `#`
                high = oldest if high is None else min(high, oldest)
    partition = Partition(TableName.BALANCES, pk, low=low, high=high)
    filtered = query.clauses != (NOT_HIDDEN,)
    walked = await walk(context.table, partition, query.page, hydrate, filtered=filtered)
    return page_of_walk(query.digest, query.page, walked)


def page_of_walk(digest: bytes, page: PageArguments, walked: Walked[Any]) -> Page:
    return Page(walked.nodes, page_info(digest, page, walked.first, walked.last, walked.more))


def page_of_all(digest: bytes, page: PageArguments, placed: Sequence[tuple[str, Any]]) -> Page:
    """One page of a list that is short enough to be read whole: nodes with positions, in order."""
    chosen = [
        (position, node)
        for position, node in placed
        if (not page.after or position > page.after)
        and (page.before is None or position < page.before)
    ]
    more = len(chosen) > page.size
    chosen = chosen[-page.size :] if page.backward else chosen[: page.size]
    first, last = (chosen[0][0], chosen[-1][0]) if chosen else (None, None)
    return Page([node for _, node in chosen], page_info(digest, page, first, last, more))


# --- Directories ----------------------------------------------------------------------------------
async def ledgers(context: RequestContext, arguments: Arguments) -> Page:
    """Query.ledgers: the workspace's live ledgers."""
    keep = _ledger_judge(arguments.get("filter") or {})
    pk = keys.ledger_directory(context.workspace_id)
    return await _ledgers_of(context, "ledgers", pk, arguments, keep)


async def schema_ledgers(context: RequestContext, key: str, arguments: Arguments) -> Page:
    """Schema.ledgers: the live ledgers that are on the Schema."""
    pk = keys.schema_ledgers(context.workspace_id, key)
    return await _ledgers_of(
        context, "Schema.ledgers", pk, arguments, lambda ledger: ledger.schema_key == key
    )


def _ledger_judge(filter_set: Mapping[str, Any]) -> Callable[[Ledger], bool]:
    """A LedgersFilterSet. Every ledger is of the type `double`."""
    has_schema = filter_set.get("hasSchema")
    kind = filter_set.get("type") or {}
    wanted = {kind["equalTo"]} if kind.get("equalTo") else None
    if kind.get("in") is not None:
        within = set(kind["in"])
        wanted = within if wanted is None else wanted & within
    is_double = wanted is None or "double" in wanted
    return lambda ledger: is_double and has_schema in (None, ledger.schema_key is not None)


async def _ledgers_of(
    context: RequestContext,
    field: str,
    pk: str,
    arguments: Arguments,
    keep: Callable[[Ledger], bool],
) -> Page:
    digest, page = read_page(context, field, pk, arguments)

    async def hydrate(references: Sequence[Item]) -> list[Ledger | None]:
        loading = [
            context.items.load(keys.ledger(_listed_id(reference))) for reference in references
        ]
        found = [await each for each in loading]
        heads = [
            None if item is None or "s" in reference else ledger_from_item(item)
            for reference, item in zip(references, found, strict=True)
        ]  # `s`: a creation that is under way, or was given up
        return [
            head if head is not None and head.state == "live" and keep(head) else None
            for head in heads
        ]

    partition = Partition(TableName.LEDGER, pk)
    filtered = bool(arguments.get("filter"))
    return page_of_walk(
        digest, page, await walk(context.table, partition, page, hydrate, filtered=filtered)
    )


async def schemas(context: RequestContext, arguments: Arguments) -> Page:
    """Query.schemas: the workspace's Schemas."""
    workspace_id = context.workspace_id
    digest, page = read_page(context, "schemas", workspace_id, arguments)

    async def hydrate(references: Sequence[Item]) -> list[SchemaChoice | None]:
        return [SchemaChoice(workspace_id, _listed_id(reference)) for reference in references]

    partition = Partition(TableName.LEDGER, keys.schema_directory(workspace_id))
    walked = await walk(context.table, partition, page, hydrate, filtered=False)
    return page_of_walk(digest, page, walked)


async def custom_currencies(context: RequestContext, arguments: Arguments) -> Page:
    """Query.customCurrencies: the workspace's own currencies, by their keys."""
    workspace_id = context.workspace_id
    digest, page = read_page(context, "customCurrencies", workspace_id, arguments)

    async def hydrate(references: Sequence[Item]) -> list[str | None]:
        return [CUSTOM_PREFIX + _listed_id(reference) for reference in references]

    partition = Partition(TableName.LEDGER, keys.custom_currency_directory(workspace_id))
    walked = await walk(context.table, partition, page, hydrate, filtered=False)
    return page_of_walk(digest, page, walked)


async def schema_versions(context: RequestContext, head: SchemaHead, arguments: Arguments) -> Page:
    """Schema.versions, newest first."""
    workspace_id, key = context.workspace_id, head.key
    digest, page = read_page(context, "Schema.versions", f"{workspace_id}#{key}", arguments)

    async def hydrate(items: Sequence[Item]) -> list[SchemaVersion | None]:
        return [schema_version_from_item(item) for item in items]

    partition = Partition(
        TableName.LEDGER,
        keys.schema_partition(workspace_id, key),
        prefix=keys.schema_versions(head.generation),
        descending=True,
    )
    walked = await walk(context.table, partition, page, hydrate, filtered=False)
    return page_of_walk(digest, page, walked)
