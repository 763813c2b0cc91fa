"""Links, External Accounts and Txs. A source is a Link, an ExternalAccount or a Tx."""

from collections.abc import Awaitable, Callable
from typing import Any

from read_service import links, lists
from read_service.context import RequestContext
from read_service.links import Match
from read_service.types.fields import Fields, Info, Resolver
from shared.ledger.entries import PlacedLine
from shared.ledger.links import ExternalAccount, Link, Tx
from shared.ledger.periods import day_of, format_datetime


async def resolve_link(_: object, info: Info, link: Match) -> Link:
    """Query.link."""
    return await links.find_link(info.context, link)


async def resolve_links(_: object, info: Info) -> lists.Page:
    """Query.links."""
    return await links.all_links(info.context)


# The argument's name is the API's.
async def resolve_external_account(
    _: object,
    info: Info,
    externalAccount: Match,  # noqa: N803
) -> ExternalAccount | None:
    """Query.externalAccount."""
    return await links.find_external_account(info.context, externalAccount)


async def resolve_tx(_: object, info: Info, tx: Match) -> Tx | None:
    """Query.tx."""
    return await links.find_tx(info.context, tx)


def link_type_name(link: Link, _info: object, _type: object) -> str:
    """Which of the interface's types a Link is."""
    return link.type


# --- Links ----------------------------------------------------------------------------------------
def _dashboard_url(link: Link, info: Info) -> str:
    url: str = info.context.dashboard_url("links", link.id)
    return url


async def _external_accounts(link: Link, info: Info) -> lists.Page:
    return await links.link_accounts(info.context, link)


# --- External Accounts and Txs --------------------------------------------------------------------
async def _link(source: ExternalAccount | Tx, info: Info) -> Link:
    return await links.link_of(info.context, source.link_id)


async def _txs(account: ExternalAccount, info: Info, **arguments: Any) -> lists.Page:
    return await links.account_txs(info.context, account, arguments)


async def _ledger_accounts(account: ExternalAccount, info: Info, **arguments: Any) -> lists.Page:
    return await links.linked_accounts(info.context, account, arguments)


async def _external_account(tx: Tx, info: Info) -> ExternalAccount:
    context: RequestContext = info.context
    account = await links.external_account(context, tx.account_id)
    assert account is not None, "an External Account goes on existing"
    return account


# --- What accounts for a Tx -----------------------------------------------------------------------
def _of_entries(read: Callable[[RequestContext, Tx], Awaitable[Any]], none: Any) -> Resolver:
    """A field of the entries that account for a Tx: nothing is read where there are none."""

    def resolve(tx: Tx, info: Info) -> Any:
        return read(info.context, tx) if tx.reconciled else none

    return resolve


async def _entries(context: RequestContext, tx: Tx) -> lists.Page:
    entries = await links.entries_of_tx(context, tx)
    context.count_nodes(len(entries))
    return lists.whole(entries)


async def _entry_ids(context: RequestContext, tx: Tx) -> list[str]:
    return [entry.id for entry in await links.entries_of_tx(context, tx)]


async def _lines(context: RequestContext, tx: Tx) -> lists.Page:
    lines = await _lines_of(context, tx)
    context.count_nodes(len(lines))
    return lists.whole(lines)


async def _line_ids(context: RequestContext, tx: Tx) -> list[str]:
    return [line.id for line in await _lines_of(context, tx)]


async def _lines_of(context: RequestContext, tx: Tx) -> list[PlacedLine]:
    return [
        PlacedLine(entry, line)
        for entry in await links.entries_of_tx(context, tx)
        for line in entry.lines
        if line.tx_id == tx.id
    ]


LINK_FIELDS = {
    "created": lambda link, _: format_datetime(link.created_ms),
    "dashboardUrl": _dashboard_url,
    "externalAccounts": _external_accounts,
}

FIELDS: Fields = {
    "Query": {
        "externalAccount": resolve_external_account,
        "link": resolve_link,
        "links": resolve_links,
        "tx": resolve_tx,
    },
    "CustomLink": LINK_FIELDS,
    "IncreaseLink": {**LINK_FIELDS, "increaseEnv": lambda link, _: link.env},
    "StripeLink": {**LINK_FIELDS, "stripeEnv": lambda link, _: link.env},
    "UnitLink": {**LINK_FIELDS, "unitEnv": lambda link, _: link.env},
    "ExternalAccount": {
        "ledgerAccounts": _ledger_accounts,
        "link": _link,
        "txs": _txs,
    },
    "Tx": {
        "date": lambda tx, _: day_of(tx.posted_ms),
        "deletedAt": lambda tx, _: tx.deleted_at_ms,
        "externalAccount": _external_account,
        "externalAccountId": lambda tx, _: tx.account_external_id,
        "ledgerEntries": _of_entries(_entries, lists.whole(())),
        "ledgerEntryIds": _of_entries(_entry_ids, ()),
        "ledgerLineIds": _of_entries(_line_ids, ()),
        "ledgerLines": _of_entries(_lines, lists.whole(())),
        "link": _link,
    },
}
