"""Balances: which items say them, and what may be asked of which account.

    eventual, latest            history head                     one item
    eventual, at a month/year   history head                     one item
    eventual, at a day/hour     history head, the month's hours  two items, whatever the history
    change in a period          the same                         one or two items
    strong                      own or total running sum (the    one item
                                child's is beside the total's)
    plural forms                the same for each currency       where the Schema says which; else
                                                                 one Query, and the months' hours

Everything that is asked of any account in one tick goes out in one BatchGetItem. Own counts the
account's lines, child those of its descendants, total both. Amounts are minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from read_service.connections import PageInfo
from read_service.context import RequestContext
from read_service.lists import WHOLE, Arguments, Page, page_of_all, read_page, whole
from read_service.lookups import (
    Account,
    chart_node,
    consistency_of,
    known_account,
    whole_account,
)
from shared.errors import RejectionError, StoreUnavailable
from shared.ledger import history
from shared.ledger.accounts import LedgerAccount
from shared.ledger.chart import AccountNode
from shared.ledger.clearing import is_outstanding
from shared.ledger.currencies import currency_from_key, make_currency
from shared.ledger.periods import (
    FirstMoment,
    Granularity,
    LastMoment,
    Period,
    expand_during,
)
from shared.ledger.rejections import reject
from shared.limits import (
    DURING_GRANULES_MAX,
    TORN_READS_MAX,
)
from shared.store import keys
from shared.store.items import strong_balance, strong_child
from shared.store.table import Item, Key

Scope = Literal["own", "child", "total"]
Mode = Literal["strong", "eventual", "use_account"]
Span = LastMoment | Period | None

_SETTING = {
    "own": "ownBalanceUpdates",
    "child": "totalBalanceUpdates",
    "total": "totalBalanceUpdates",
}
_HEADS = "H#"
_STRONG_PREFIX = {"own": "S#", "child": "T#", "total": "T#"}


@dataclass(frozen=True, slots=True)
class CurrencyAmount:
    """An amount with its currency's key."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Granule:
    """One node of a …During field: `amount` changed in `period`, or stood at its end (`at`)."""

    amount: CurrencyAmount
    period: Period
    at: LastMoment


@dataclass(frozen=True, slots=True)
class DuringPage:
    """A …During connection."""

    nodes: Sequence[Granule]
    start_time: FirstMoment
    end_time: LastMoment
    granularity: Granularity
    page_info: PageInfo = WHOLE


@lru_cache(maxsize=10_000)
def descendant_currencies(node: AccountNode) -> frozenset[str] | None:
    """Keys of the currencies that accounts below `node` can hold; None when that is open."""
    found: set[str] = set()
    for child in node.children.values():
        if child.currency is None or child.currency.constant is None:
            return None
        below = descendant_currencies(child)
        if below is None:
            return None
        found.add(child.currency.constant.key)
        found |= below
    return frozenset(found)


class BalanceReader:
    """Reads balances of accounts for one request."""

    __slots__ = ("_context",)

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    # --- One currency -----------------------------------------------------------------------------
    async def own(self, account: Account, arguments: Arguments) -> int:
        """LedgerAccount.ownBalance. Arguments as GraphQL's: at, consistencyMode, currency."""
        return await self.balance("own", account, arguments)

    async def child(self, account: Account, arguments: Arguments) -> int:
        """LedgerAccount.childBalance."""
        return await self.balance("child", account, arguments)

    async def total(self, account: Account, arguments: Arguments) -> int:
        """LedgerAccount.balance."""
        return await self.balance("total", account, arguments)

    async def balance(self, scope: Scope, account: Account, arguments: Arguments) -> int:
        """The balance of one currency, latest or at a moment. Raises RejectionError."""
        at: LastMoment | None = arguments.get("at")
        is_strong = await self._is_strong(scope, account, arguments.get("consistencyMode"), at)
        currency = await self._currency(scope, account, arguments.get("currency"))
        if is_strong:
            return await self._strong(scope, account.id, currency)
        head, month_item = await self._history(account.id, currency, at)
        return _of_scope(history.balance_at(head, month_item, at), scope)

    async def change(self, scope: Scope, account: Account, arguments: Arguments) -> int:
        """How much the balance of one currency changed in `period`. Raises RejectionError."""
        period: Period = arguments["period"]
        currency = await self._currency(scope, account, arguments.get("currency"))
        head, month_item = await self._history(account.id, currency, period)
        return _of_scope(history.change_in(head, month_item, period), scope)

    # --- All currencies ---------------------------------------------------------------------------
    async def balances(self, scope: Scope, account: Account, arguments: Arguments) -> Page:
        """The balances in all currencies that the account has seen. Raises RejectionError."""
        at: LastMoment | None = arguments.get("at")
        is_strong = await self._is_strong(scope, account, arguments.get("consistencyMode"), at)
        digest, page = read_page(
            self._context, f"LedgerAccount.{scope}Balances", account.id, arguments
        )
        if is_strong:
            found = await self._strong_items(scope, account)
            amounts = [
                CurrencyAmount(_of_strong(each, scope), _currency_of(each)) for each in found
            ]
        else:
            amounts = await self._amounts(scope, account, at)
        return page_of_all(digest, page, [(amount.currency, amount) for amount in amounts])

    async def is_outstanding(self, account: Account) -> bool:
        """Whether the account, with its descendants, has a balance left in any currency."""
        return is_outstanding(await self._heads("total", account))

    async def changes(self, scope: Scope, account: Account, arguments: Arguments) -> Page:
        """The changes in `period`, in all currencies that the account has seen."""
        return whole(await self._amounts(scope, account, arguments["period"]))

    async def _amounts(self, scope: Scope, account: Account, span: Span) -> list[CurrencyAmount]:
        """By currency; those in which the scope has no line are left out."""
        heads = await self._heads(scope, account)
        heads = [head for head in heads if _has_lines(scope, head)]
        month_items = await self._month_items(account.id, heads, span)
        amounts = []
        for head, month_item in zip(heads, month_items, strict=True):
            currency = _currency_of(head)
            pair: tuple[Item | None, Item | None] = (head, month_item)
            month = history.month_item_needed(span)
            if month is not None and history.is_torn(head, month_item, month):
                pair = await self._untorn(account.id, currency, month)
            if isinstance(span, Period):
                sums = history.change_in(*pair, span)
            else:
                sums = history.balance_at(*pair, span)
            amounts.append(CurrencyAmount(_of_scope(sums, scope), currency))
        return amounts

    async def _heads(self, scope: Scope, account: Account) -> list[Item]:
        """The account's history heads, by currency: fetched by key where the Schema says which."""
        context = self._context
        possible = await self._possible_currencies(scope, await self._known(account))
        if possible is None:
            return await context.partition(keys.balances_of(account.id), _HEADS, consistent=False)
        load = context.eventual_items.load
        loading = [load(keys.history_head(account.id, each)) for each in sorted(possible)]
        found = [await each for each in loading]
        return [head for head in found if head is not None]

    async def _strong_items(self, scope: Scope, account: Account) -> list[Item]:
        """The account's strong balances, by currency, where the scope has a line."""
        context = self._context
        possible = await self._possible_currencies(scope, await self._known(account))
        if possible is None:
            prefix = _STRONG_PREFIX[scope]
            pk = keys.balances_of(account.id)
            items = await context.partition(pk, prefix, consistent=True)
            return [item for item in items if _counts_in(scope, item)]
        key_of = keys.strong_own if scope == "own" else keys.strong_total
        loading = [context.items.load(key_of(account.id, each)) for each in sorted(possible)]
        found = [await each for each in loading]
        return [item for item in found if item is not None and _counts_in(scope, item)]

    async def _month_items(
        self, account_id: str, heads: Sequence[Item], span: Span
    ) -> Sequence[Item | None]:
        month = history.month_item_needed(span)
        if month is None:
            return [None] * len(heads)
        load = self._context.eventual_items.load
        loading = [load(keys.history_month(account_id, _currency_of(h), month)) for h in heads]
        return [await each for each in loading]

    # --- Over time --------------------------------------------------------------------------------
    async def during(
        self, scope: Scope, account: Account, arguments: Arguments, *, changes: bool
    ) -> DuringPage:
        """The changes in, or the balances at the end of, each of `duration` granules."""
        expanded = expand_during(
            arguments["startTime"],
            arguments["duration"],
            arguments["granularity"],
            DURING_GRANULES_MAX,
        )
        if isinstance(expanded, str):
            raise RejectionError(reject("bad_request", detail=f"{expanded}."))
        currency = await self._currency(scope, account, arguments.get("currency"))
        granules = expanded.granules
        self._context.count_nodes(len(granules))
        head, month_items = await self._histories(account.id, currency, granules)
        changed = history.changes_in_each(head, month_items, granules)
        amounts = [_of_scope(sums, scope) for sums in changed]
        if not changes:
            running = 0
            if head is not None:
                first = LastMoment(granules[0])
                month = history.month_item_needed(first)
                month_item = None if month is None else month_items.get(month)
                at_first = _of_scope(history.balance_at(head, month_item, first), scope)
                running = at_first - amounts[0]
            for place, amount in enumerate(amounts):
                running += amount
                amounts[place] = running
        nodes = [
            Granule(CurrencyAmount(amount, currency), period, LastMoment(period))
            for amount, period in zip(amounts, granules, strict=True)
        ]
        return DuringPage(nodes, expanded.start, expanded.end, expanded.granularity)

    async def _histories(
        self, account_id: str, currency: str, granules: Sequence[Period]
    ) -> tuple[Item | None, Mapping[int, Item]]:
        """The head, and the items of the months whose hours the granules need."""
        months = sorted({m for m in map(history.month_item_needed, granules) if m is not None})
        wanted = [keys.history_head(account_id, currency)]
        wanted += [keys.history_month(account_id, currency, month) for month in months]
        loading = [self._context.eventual_items.load(key) for key in wanted]
        found = [await each for each in loading]
        for _ in range(TORN_READS_MAX):
            head, items = found[0], found[1:]
            pairs = list(zip(months, items, strict=True))
            if not any(history.is_torn(head, item, month) for month, item in pairs):
                return head, {month: item for month, item in pairs if item is not None}
            found = await self._context.table.get_many(wanted, consistent=True)
        raise StoreUnavailable("a balance's history is being reorganized")

    # --- What may be asked ------------------------------------------------------------------------
    async def _is_strong(
        self, scope: Scope, account: Account, mode: Mode | None, at: LastMoment | None
    ) -> bool:
        """Whether the strong balance is to be read. Raises RejectionError on misuse."""
        if mode is None or mode == "eventual":
            return False
        is_kept = await self._keeps_strong(scope, account)
        if mode == "use_account" and not is_kept:
            return False
        if at is not None:
            detail = "at can't be combined with a strong read: strong balances are the latest only."
            raise RejectionError(reject("invalid_consistency_mode", detail=detail))
        if not is_kept:
            detail = (
                f"The Ledger Account {account.path} has no strong balance of this kind: its "
                f"consistencyConfig.{_SETTING[scope]} is eventual."
            )
            raise RejectionError(reject("invalid_consistency_mode", detail=detail))
        return True

    async def _keeps_strong(self, scope: Scope, account: Account) -> bool:
        consistency = await consistency_of(self._context, account)
        return consistency.own_balance if scope == "own" else consistency.total_balance

    async def _currency(
        self, scope: Scope, account: Account, match: Mapping[str, Any] | None
    ) -> str:
        """Key of the currency to read. Raises RejectionError when it is missing or doesn't fit."""
        known = await self._known(account)
        possible = await self._possible_currencies(scope, known)
        if match is None:
            if possible is not None and len(possible) == 1:
                return next(iter(possible))
            where = known.path if scope == "own" else f"{known.path} with its descendants"
            raise RejectionError(reject("missing_currency", where=where))
        given = make_currency(match["code"], match.get("customCurrencyId"))
        if isinstance(given, str):
            raise RejectionError(reject("invalid_currency", where="currency", detail=f"{given}."))
        if possible is not None and given.key not in possible:
            held = ", ".join(sorted(possible))
            detail = f"{known.path} holds {held}, not {given.key}."
            raise RejectionError(reject("invalid_currency", where="currency", detail=detail))
        if possible is None and given.custom_id is not None:
            await self._context.custom_currency(given.key)  # a misspelled id is told, not 0
        return given.key

    async def _known(self, account: Account) -> LedgerAccount:
        """The account, right in all but its name."""
        known = known_account(self._context, account)
        return await whole_account(self._context, account) if known is None else known

    async def _possible_currencies(
        self, scope: Scope, account: LedgerAccount
    ) -> frozenset[str] | None:
        """Keys of the currencies that can be asked of the account; None when any can."""
        if account.currency_mode == "multi":
            return None
        assert account.currency is not None
        own = frozenset((account.currency,))
        if scope == "own":
            return own
        node = await chart_node(self._context, account)
        if node is None:  # without a Schema, what was posted says it
            heads = await self._context.partition(
                keys.balances_of(account.id), _HEADS, consistent=False
            )
            below: frozenset[str] | None = frozenset(
                [_currency_of(head) for head in heads if _has_lines("child", head)]
            )
        else:
            below = descendant_currencies(node)
        return None if below is None else own | below

    # --- Items ------------------------------------------------------------------------------------
    async def _strong(self, scope: Scope, account_id: str, currency: str) -> int:
        key_of = keys.strong_own if scope == "own" else keys.strong_total
        return _of_strong(await self._context.items.load(key_of(account_id, currency)), scope)

    async def _history(
        self, account_id: str, currency: str, span: Span
    ) -> tuple[Item | None, Item | None]:
        """The history's head and, where `span` needs it, the item of its month."""
        load = self._context.eventual_items.load
        month = history.month_item_needed(span)
        if month is None:
            return await load(keys.history_head(account_id, currency)), None
        loading_head = load(keys.history_head(account_id, currency))
        loading_month = load(keys.history_month(account_id, currency, month))
        head, month_item = await loading_head, await loading_month
        if history.is_torn(head, month_item, month):
            return await self._untorn(account_id, currency, month)
        return head, month_item

    async def _untorn(
        self, account_id: str, currency: str, month: int
    ) -> tuple[Item | None, Item | None]:
        """Head and month item again, from one side of a fold: once for all fields that need it."""
        return await self._context.once(
            ("untorn", account_id, currency, month),
            lambda: self._read_untorn(account_id, currency, month),
        )

    async def _read_untorn(
        self, account_id: str, currency: str, month: int
    ) -> tuple[Item | None, Item | None]:
        pair: list[Key] = [
            keys.history_head(account_id, currency),
            keys.history_month(account_id, currency, month),
        ]
        for _ in range(TORN_READS_MAX):
            head, month_item = await self._context.table.get_many(pair, consistent=True)
            if not history.is_torn(head, month_item, month):
                return head, month_item
        raise StoreUnavailable("a balance's history is being reorganized")


def _of_scope(sums: history.Sums, scope: Scope) -> int:
    if scope == "own":
        return sums.own
    return sums.child if scope == "child" else sums.own + sums.child


def _of_strong(item: Item | None, scope: Scope) -> int:
    """An own or a total balance, or the part of a total that lies below the account: one item."""
    return strong_child(item) if scope == "child" else strong_balance(item)


def _counts_in(scope: Scope, item: Item) -> bool:
    """Whether any line of the scope was ever counted in a strong balance's item."""
    return scope != "child" or "c" in item


def _has_lines(scope: Scope, head: Item) -> bool:
    """Whether any line of the scope, in the head's currency, was ever counted."""
    own, child = history.has_lines(head)
    if scope == "total":
        return own or child
    return own if scope == "own" else child


def _currency_of(item: Item) -> str:
    """The currency of a balance item, behind its kind in the sort key."""
    currency = str(item["sk"]).partition("#")[2]
    assert currency_from_key(currency).key == currency
    return currency
