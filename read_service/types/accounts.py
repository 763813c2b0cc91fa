"""Ledger Accounts. A source is a LedgerAccount, or an AccountStub that knows path and type alone.

in a list of accounts     LedgerAccount                      nothing is read
of a line, by path        AccountStub ─► what never changes  as the process knows it, else read
                                      └► its name            read, all of a tick at once
"""

from collections.abc import Awaitable, Callable
from typing import Any

from read_service import links, lists
from read_service.balances import BalanceReader, DuringPage, Scope
from read_service.context import RequestContext
from read_service.lookups import (
    Account,
    Match,
    account_at,
    chart_node,
    consistency_of,
    find_account,
    known_account,
    ledger_of,
    whole_account,
)
from read_service.types.fields import Fields, Info, Resolver
from shared.ledger.accounts import ConsistencyConfig, LedgerAccount, parent_path
from shared.ledger.clearing import PostedWindow
from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import Ledger
from shared.store import keys
from shared.store.items import posted_window_from_item

Read = Callable[[LedgerAccount], Any]


# The argument's name is the API's.
async def resolve_ledger_account(
    _: object,
    info: Info,
    ledgerAccount: Match,  # noqa: N803
) -> Account | None:
    """Query.ledgerAccount."""
    return await find_account(info.context, ledgerAccount)


# --- What is stored -------------------------------------------------------------------------------
def _lasting(read: Read) -> Resolver:
    """A field that never changes."""

    def resolve(account: Account, info: Info) -> Any:
        known = known_account(info.context, account)
        return _read_later(read, account, info.context) if known is None else read(known)

    return resolve


def _current(read: Read) -> Resolver:
    """A field that may have changed since this process saw the account."""

    def resolve(account: Account, info: Info) -> Any:
        if account.__class__ is LedgerAccount:
            return read(account)
        return _read_later(read, account, info.context)

    return resolve


async def _read_later(read: Read, account: Account, context: RequestContext) -> Any:
    return read(await whole_account(context, account))


def _type(account: Account, info: Info) -> Any:
    """A stub's own where it has one."""
    return account.type or _TYPE(account, info)


_TYPE = _lasting(lambda account: account.type)


def _parent_id(account: Account, _: Info) -> str | None:
    path = parent_path(account.path)
    return None if path is None else account_id(account.ledger_id, path)


async def _parent(account: Account, info: Info) -> Account | None:
    path = parent_path(account.path)
    if path is None:
        return None
    context: RequestContext = info.context
    return await account_at(context, await ledger_of(context, account.ledger_id), path)


async def _ledger(account: Account, info: Info) -> Ledger:
    return await ledger_of(info.context, account.ledger_id)


def _dashboard_url(account: Account, info: Info) -> str:
    parts = ("ledgers", account.ledger_id, "accounts", account.id)
    url: str = info.context.dashboard_url(*parts)
    return url


# --- What it is linked to -------------------------------------------------------------------------
def _linked(read: Callable[[RequestContext, str], Awaitable[Any]]) -> Resolver:
    """A field about the External Account, by its id: null for an account that isn't linked."""

    def resolve(account: Account, info: Info) -> Any:
        known = known_account(info.context, account)
        if known is None:
            return _read_linked(read, account, info.context)
        external = known.external_account_id
        return None if external is None else read(info.context, external)

    return resolve


async def _read_linked(
    read: Callable[[RequestContext, str], Awaitable[Any]], account: Account, context: RequestContext
) -> Any:
    external = (await whole_account(context, account)).external_account_id
    return None if external is None else await read(context, external)


async def _unreconciled_txs(account: Account, info: Info, **arguments: Any) -> lists.Page:
    context: RequestContext = info.context
    known = known_account(context, account)
    whole = await whole_account(context, account) if known is None else known
    return await links.unreconciled_txs(context, whole, arguments)


# --- What the Schema says -------------------------------------------------------------------------
async def _consistency_config(account: Account, info: Info) -> ConsistencyConfig:
    return await consistency_of(info.context, account)


async def _clearing_status(account: Account, info: Info) -> str | None:
    """Null for an account that isn't a clearing account."""
    node = await chart_node(info.context, account)
    if node is None or not node.clearing:
        return None
    is_pending = await BalanceReader(info.context).is_outstanding(account)
    return "pending" if is_pending else "cleared"


async def _posted_window(account: Account, info: Info) -> PostedWindow | None:
    """Null for an account that isn't a clearing account, or was never posted to."""
    node = await chart_node(info.context, account)
    if node is None or not node.clearing:
        return None
    item = await info.context.eventual_items.load(keys.posted_window(account.id))
    return None if item is None else posted_window_from_item(item)[0]


def _mode(is_strong: bool) -> str:
    return "strong" if is_strong else "eventual"


# --- Lists ----------------------------------------------------------------------------------------
async def _lines(account: Account, info: Info, **arguments: Any) -> lists.Page:
    context: RequestContext = info.context
    ledger = await ledger_of(context, account.ledger_id)
    return await lists.account_lines(context, ledger, account, arguments)


async def _ledger_entries(account: Account, info: Info, **arguments: Any) -> lists.Page:
    context: RequestContext = info.context
    ledger = await ledger_of(context, account.ledger_id)
    return await lists.account_entries(context, ledger, account.id, arguments)


async def _children(account: Account, info: Info, **arguments: Any) -> lists.Page:
    context: RequestContext = info.context
    ledger = await ledger_of(context, account.ledger_id)
    return await lists.child_accounts(context, ledger, account.id, arguments)


# --- Balances -------------------------------------------------------------------------------------
def _balance_fields(scope: Scope, name: str) -> dict[str, Resolver]:
    """The six fields of a balance; `name` is `ownBalance`, `childBalance` or `balance`."""

    async def balance(account: Account, info: Info, **arguments: Any) -> int:
        return await BalanceReader(info.context).balance(scope, account, arguments)

    async def balances(account: Account, info: Info, **arguments: Any) -> lists.Page:
        return await BalanceReader(info.context).balances(scope, account, arguments)

    async def change(account: Account, info: Info, **arguments: Any) -> int:
        return await BalanceReader(info.context).change(scope, account, arguments)

    async def changes(account: Account, info: Info, **arguments: Any) -> lists.Page:
        return await BalanceReader(info.context).changes(scope, account, arguments)

    async def balances_during(account: Account, info: Info, **arguments: Any) -> DuringPage:
        reader = BalanceReader(info.context)
        return await reader.during(scope, account, arguments, changes=False)

    async def changes_during(account: Account, info: Info, **arguments: Any) -> DuringPage:
        reader = BalanceReader(info.context)
        return await reader.during(scope, account, arguments, changes=True)

    return {
        name: balance,
        f"{name}s": balances,
        f"{name}Change": change,
        f"{name}Changes": changes,
        f"{name}sDuring": balances_during,
        f"{name}ChangesDuring": changes_during,
    }


FIELDS: Fields = {
    "Query": {"ledgerAccount": resolve_ledger_account},
    "LedgerAccount": {
        **_balance_fields("own", "ownBalance"),
        **_balance_fields("child", "childBalance"),
        **_balance_fields("total", "balance"),
        "childLedgerAccounts": _children,
        "clearingStatus": _clearing_status,
        "consistencyConfig": _consistency_config,
        "created": _lasting(lambda account: account.created_ms),
        "currency": _lasting(lambda account: account.currency),
        "currencyMode": _lasting(lambda account: account.currency_mode),
        "dashboardUrl": _dashboard_url,
        "ik": _lasting(lambda account: account.ik),
        "ledger": _ledger,
        "ledgerEntries": _ledger_entries,
        "lines": _lines,
        "link": _linked(links.link_of_account),
        "linkedAccount": _linked(links.external_account),
        "name": _current(lambda account: account.name),
        "parentLedgerAccount": _parent,
        "parentLedgerAccountId": _parent_id,
        "postedWindow": _posted_window,
        "type": _type,
        "unreconciledTxs": _unreconciled_txs,
    },
    "PostedWindow": {
        "earliest": lambda window, _: window.earliest_ms,
        "latest": lambda window, _: window.latest_ms,
    },
    "LedgerAccountConsistencyConfig": {
        "lines": lambda config, _: _mode(config.lines),
        "ownBalanceUpdates": lambda config, _: _mode(config.own_balance),
        "totalBalanceUpdates": lambda config, _: _mode(config.total_balance),
    },
}
