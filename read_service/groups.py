"""Ledger Entry Groups, their lists and their balances.

    field                    read from                          a page costs
    Ledger.ledgerEntryGroups Elasticsearch, by key              one search on one shard
      … filtered by balance  and the groups' balances           a Query for each group looked at
    LedgerEntryGroup.created Elasticsearch                      one search; none for a listed group
    LedgerEntryGroup.balances DynamoDB, by path                 one Query
      … without a Schema      and accounts not seen before      one BatchGetItem more for them all

A group is whatever entries say: one that no entry has is empty, and was never created. Its balances
are kept by the indexer, and by the entries' own transactions too where an account is to be strong
for the group's key: then that sum is the balance, in every mode. Which accounts are is the Schema's
to say, or, without one, their own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from read_service.connections import PageArguments, page_info
from read_service.context import RequestContext
from read_service.filters import BalanceFilter, ListFilter
from read_service.group_filters import balance_source, group_balances_filter, groups_filter
from read_service.lists import (
    Arguments,
    ListQuery,
    ListResource,
    Page,
    page_of_walk,
    read_page,
    read_query,
    search_list,
)
from read_service.lookups import AccountStub, own_consistency
from read_service.walks import Partition, Walked, walk
from shared.errors import RejectionError
from shared.ledger.chart import ChartOfAccounts
from shared.ledger.history import sum_of
from shared.ledger.identifiers import group_id
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import Rejection, reject
from shared.ledger.schemas import Schema
from shared.limits import GROUPS_SEARCHED_MAX, LIST_WALK_CHUNK_ITEMS
from shared.search.clauses import Term, matches
from shared.search.index import GROUPS_BY_KEY, Hit, SearchRequest
from shared.store import keys
from shared.store.items import strong_balance
from shared.store.table import Item, TableName


class EntryGroup:
    """A group of one ledger. `created_ms` is None until it was read, or when there is none."""

    __slots__ = ("created_ms", "key", "ledger_id", "value", "workspace_id")

    def __init__(
        self, workspace_id: str, ledger_id: str, key: str, value: str, created_ms: int | None = None
    ) -> None:
        self.workspace_id = workspace_id
        self.ledger_id = ledger_id
        self.key = key
        self.value = value
        self.created_ms = created_ms

    @property
    def id(self) -> str:
        """What its balances stand under; never shown."""
        return group_id(self.ledger_id, self.key, self.value)


@dataclass(frozen=True, slots=True)
class GroupBalance:
    """What a group's entries bring to one account, in one currency; minor units."""

    account: AccountStub
    currency: str
    own: int
    is_strong: bool


async def created_of(context: RequestContext, group: EntryGroup) -> int | None:
    """When the group's first entry was created; None while the index knows no entry of it."""
    clauses = (Term("key", group.key), Term("value", group.value))
    request = SearchRequest(GROUPS_BY_KEY, (group.ledger_id,), clauses, 1)
    hits = (await context.searches.load(request)).hits
    return hits[0].source["created"] if hits else None


# --- Balances -------------------------------------------------------------------------------------
async def group_balances(
    context: RequestContext, ledger: Ledger, group: EntryGroup, arguments: Arguments
) -> Page:
    """LedgerEntryGroup.balances, by account path; zeros too. Raises RejectionError."""
    found = group_balances_filter(arguments.get("filter"), ledger)
    if isinstance(found, Rejection):
        raise RejectionError(found)
    assert found.balance is not None
    field = "LedgerEntryGroup.balances"
    digest, page = read_page(context, field, group.id, arguments)
    schema = await context.schema_of(ledger)
    walked = await _walked(context, schema, group, found.balance, page)
    return page_of_walk(digest, page, walked)


def own_balance(balance: GroupBalance, mode: str | None) -> int:
    """LedgerEntryGroupBalance.ownBalance. Raises RejectionError on a strong read of what is not."""
    if mode == "strong" and not balance.is_strong:
        detail = (
            f"The Ledger Account {balance.account.path} has no strong balance in this group: its "
            "consistencyConfig.groups doesn't make the group's key strong."
        )
        raise RejectionError(reject("invalid_consistency_mode", detail=detail))
    return balance.own


async def _walked(
    context: RequestContext,
    schema: Schema | None,
    group: EntryGroup,
    wanted: BalanceFilter,
    page: PageArguments,
) -> Walked[GroupBalance]:
    """A page of the group's balances that are wanted. A strong account's stands twice: as the
    entries' transactions know it, and as the indexer does; the first is taken."""
    chart = None if schema is None else schema.chart
    has_strong = chart is None or _is_strong_somewhere(chart, group.key)

    async def hydrate(items: Sequence[Item]) -> list[GroupBalance | None]:
        accounts = {
            path: AccountStub(group.workspace_id, group.ledger_id, path, None)
            for path in {str(item["p"]) for item in items}
        }
        strong: Set[str] = frozenset()
        if has_strong:
            strong = await _strong_paths(context, chart, group.key, accounts)
        return [_balance_of(accounts[str(item["p"])], item, strong, wanted) for item in items]

    low = high = None
    if wanted.path is not None:
        shown = keys.group_path(wanted.path)
        low, high = f"{shown}#", f"{shown}$"  # `$` follows `#`
    partition = Partition(
        TableName.BALANCES,
        keys.group_balances(group.id),
        low=low,
        high=high,
        consistent=has_strong,
        items_per_node=2 if has_strong else 1,
        narrow_by="account.path.equalTo",
    )
    filtered = has_strong or bool(wanted.clauses)
    return await walk(context.table, partition, page, hydrate, filtered=filtered)


def _balance_of(
    account: AccountStub, item: Item, strong: Set[str], wanted: BalanceFilter
) -> GroupBalance | None:
    """The balance of an item, unless it is the other one of its account or isn't wanted."""
    name = keys.parse_group_balance(str(item["sk"]))
    if name.is_strong != (account.path in strong):
        return None
    own = strong_balance(item) if name.is_strong else sum_of(item)
    if wanted.clauses:
        source = balance_source(name.account_id, account.path, name.currency, own)
        if not matches(wanted.clauses, source):
            return None
    return GroupBalance(account, name.currency, own, name.is_strong)


async def _strong_paths(
    context: RequestContext,
    chart: ChartOfAccounts | None,
    key: str,
    accounts: Mapping[str, AccountStub],
) -> set[str]:
    """Paths of the accounts, given by path, that keep strong balances for this key."""
    if chart is not None:
        return {path for path in accounts if _is_strong(chart, path, key)}
    kept = await asyncio.gather(*[own_consistency(context, each) for each in accounts.values()])
    return {path for path, each in zip(accounts, kept, strict=True) if key in each.groups}


def _is_strong(chart: ChartOfAccounts, path: str, key: str) -> bool:
    resolved = chart.resolve(path)
    return not isinstance(resolved, str) and key in resolved.node.consistency.groups


def _is_strong_somewhere(chart: ChartOfAccounts, key: str) -> bool:
    """Whether any account keeps strong balances for this key."""
    return any(key in node.consistency.groups for node in chart.nodes.values())


# --- The list of groups ---------------------------------------------------------------------------
async def _group_nodes(context: RequestContext, hits: Sequence[Hit]) -> list[EntryGroup]:
    return [_group_of(context, hit) for hit in hits]


def _group_of(context: RequestContext, hit: Hit) -> EntryGroup:
    source = hit.source
    return EntryGroup(
        context.workspace_id, source["ledger"], source["key"], source["value"], source["created"]
    )


LEDGER_GROUPS = ListResource("Ledger.ledgerEntryGroups", GROUPS_BY_KEY, groups_filter, _group_nodes)


async def ledger_groups(context: RequestContext, ledger: Ledger, arguments: Arguments) -> Page:
    """Ledger.ledgerEntryGroups, by key, then newest first."""
    query = read_query(context, LEDGER_GROUPS, ledger, ledger.id, arguments)
    found = groups_filter(arguments.get("filter"), ledger)
    assert isinstance(found, ListFilter)
    if found.balance is None:
        return await search_list(context, LEDGER_GROUPS, query, (ledger.id,))
    return await _groups_with_balance(context, ledger, query, found.balance)


async def _groups_with_balance(
    context: RequestContext, ledger: Ledger, query: ListQuery, wanted: BalanceFilter
) -> Page:
    """Groups that have a wanted balance: the list is read in chunks, each group's balances looked
    at. Raises RejectionError when GROUPS_SEARCHED_MAX groups don't fill the page."""
    schema = await context.schema_of(ledger)

    async def has_wanted(group: EntryGroup) -> bool:
        return bool((await _walked(context, schema, group, wanted, PageArguments(1))).nodes)

    chosen, more = await _chosen(context, ledger, query, has_wanted)
    first, last = (chosen[0].position, chosen[-1].position) if chosen else (None, None)
    nodes = [_group_of(context, hit) for hit in chosen]
    return Page(nodes, page_info(query.digest, query.page, first, last, more))


async def _chosen(
    context: RequestContext,
    ledger: Ledger,
    query: ListQuery,
    is_wanted: Callable[[EntryGroup], Awaitable[bool]],
) -> tuple[list[Hit], bool]:
    """The page's hits in the list's order, and whether others follow the way that was asked."""
    page = query.page
    backward = page.backward
    position = page.before if backward else page.after
    chosen: list[Hit] = []
    looked_at = 0
    while True:
        request = SearchRequest(
            GROUPS_BY_KEY,
            (ledger.id,),
            query.clauses,
            LIST_WALK_CHUNK_ITEMS,
            after=None if backward else position or None,
            before=position if backward else None,
            from_end=backward and position is None,
        )
        found = await context.searches.load(request)
        hits = list(reversed(found.hits)) if backward else list(found.hits)
        wanted = await asyncio.gather(*[is_wanted(_group_of(context, hit)) for hit in hits])
        chosen += [hit for hit, fits in zip(hits, wanted, strict=True) if fits]
        looked_at += len(hits)
        if len(chosen) > page.size or not found.more:
            break
        if looked_at >= GROUPS_SEARCHED_MAX:
            detail = f"fewer than a page of the next {looked_at} match; narrow the list by key"
            raise RejectionError(reject("invalid_filter", where="filter.balance", detail=detail))
        position = hits[-1].position
    more = len(chosen) > page.size
    del chosen[page.size :]
    return (chosen[::-1] if backward else chosen), more
