"""Links, External Accounts and Txs: match inputs -> things, and their lists.

    LinkMatchInput             id · ik
    ExternalAccountMatchInput  id · linkId with externalId
    TxMatchInput               id · externalId with accountId · externalId with externalAccountId
                               and linkId: the newest of the sequence that isn't deleted

    list                            read from      newest by  a page costs
    links                           DynamoDB       created    a Query; it has no pages
    Link.externalAccounts           DynamoDB       created    a Query; it has no pages
    ExternalAccount.txs             Elasticsearch  posted     one search on one shard
    LedgerAccount.unreconciledTxs   Elasticsearch  posted     one search on one shard
    ExternalAccount.ledgerAccounts  Elasticsearch  created    one search, and its ledgers' heads
    Tx.ledgerEntries, ledgerLines   DynamoDB       posted     its entries; they have no pages

Ids are derived from what they name, so a lookup is one read. An input that names a thing twice
finds it only when both agree; one that names nothing is refused. What is another workspace's is not
found.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from read_service.connections import PageInfo
from read_service.context import RequestContext
from read_service.filters import unreconciled_filter
from read_service.lists import (
    Arguments,
    ListQuery,
    ListResource,
    Page,
    read_page,
    search_list,
    whole,
)
from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.ledger.links import ExternalAccount, Link, Tx
from shared.ledger.rejections import reject
from shared.ledger.strings import safe_string_problem
from shared.limits import IK_CHARS_MAX, LINKS_SHOWN_MAX
from shared.search.clauses import Clause, Not, Term
from shared.search.documents import DELETED, account_from_source, linked_term, tx_from_source
from shared.search.index import ACCOUNTS_OF_EXTERNAL, TXS_NEWEST, Hit
from shared.store import keys
from shared.store.items import (
    external_account_from_item,
    link_from_item,
    newest_sequence,
    tx_from_item,
)
from shared.store.table import Item, TableName

Match = Mapping[str, Any]
NOT_DELETED: Clause = Not(Term("flags", DELETED))


# --- Links ----------------------------------------------------------------------------------------
async def find_link(context: RequestContext, match: Match) -> Link:
    """The Link that a LinkMatchInput names. Raises RejectionError when there is none."""
    link_id, ik = match.get("id"), match.get("ik")
    if link_id is None and ik is None:
        raise RejectionError(reject("invalid_match", where="link", rule="a Link by id or ik"))
    derived = link_id
    if ik is not None:
        known = len(ik) <= IK_CHARS_MAX
        derived = identifiers.link_id(context.workspace_id, ik) if known else None
    link = None
    if derived is not None and identifiers.is_id(derived) and link_id in (None, derived):
        link = await _link(context, derived)
    if link is None:
        parts = (("id", link_id), ("ik", ik))
        what = " and ".join(
            f"the {name} {value[:80]}" for name, value in parts if value is not None
        )
        raise RejectionError(reject("link_not_found", what=what))
    return link


async def _link(context: RequestContext, link_id: str) -> Link | None:
    """The workspace's Link of this id; no read if the process has seen it."""
    held = context.catalog.known_link(context.workspace_id, link_id)
    if held is not None:
        return held
    item = await context.items.load(keys.link(context.workspace_id, link_id))
    if item is None:
        return None
    link = link_from_item(item)
    context.catalog.learn_link(link)
    return link


async def link_of(context: RequestContext, link_id: str) -> Link:
    """The Link that something found belongs to."""
    link = await _link(context, link_id)
    assert link is not None, "a Link goes on existing"
    return link


async def all_links(context: RequestContext) -> Page:
    """Query.links, the newest first."""
    pk = keys.links(context.workspace_id)
    return await _whole_partition(context, pk, link_from_item)


# --- External Accounts ----------------------------------------------------------------------------
async def find_external_account(
    context: RequestContext, match: Match, where: str = "externalAccount"
) -> ExternalAccount | None:
    """The account that an ExternalAccountMatchInput names."""
    account_id, link_id = match.get("id"), match.get("linkId")
    external_id = match.get("externalId")
    if account_id is None and (link_id is None or external_id is None):
        rule = "an External Account by id, or by linkId and externalId"
        raise RejectionError(reject("invalid_match", where=where, rule=rule))
    derived = account_id
    if derived is None:
        derived = _derived_account_id(link_id, external_id)
    if derived is None or identifiers.parse_external_account_id(derived) is None:
        return None
    account = await external_account(context, derived)
    if account is None or external_id not in (None, account.external_id):
        return None
    return account if link_id in (None, account.link_id) else None


def _derived_account_id(link_id: str | None, external_id: str | None) -> str | None:
    """The id of a Link's account, if both can name one."""
    if link_id is None or external_id is None or not identifiers.is_id(link_id):
        return None
    if safe_string_problem(external_id) is not None:
        return None
    return identifiers.external_account_id(link_id, external_id)


async def external_account(context: RequestContext, account_id: str) -> ExternalAccount | None:
    """The workspace's account of this id (which has the form of one), as it is now."""
    item = await context.items.load(keys.external_account(account_id))
    account = None if item is None else external_account_from_item(item)
    return account if account and account.workspace_id == context.workspace_id else None


async def link_of_account(context: RequestContext, account_id: str) -> Link | None:
    """The workspace's Link that an External Account's id names; the account need not exist."""
    parsed = identifiers.parse_external_account_id(account_id)
    assert parsed is not None
    return await _link(context, parsed[0])


async def _is_ours(context: RequestContext, account_id: str) -> bool:
    """Whether the workspace has this External Account; no read if the process has seen it."""
    known = context.catalog.known_external_account(account_id)
    if known is None:
        known = await external_account(context, account_id)
        if known is None:
            return False
        context.catalog.learn_external_account(known)
    return known.workspace_id == context.workspace_id


async def link_accounts(context: RequestContext, link: Link) -> Page:
    """Link.externalAccounts, the newest first."""
    pk = keys.external_accounts(link.id)
    return await _whole_partition(context, pk, external_account_from_item)


T = TypeVar("T", Link, ExternalAccount)


async def _whole_partition(context: RequestContext, pk: str, value_of: Callable[[Item], T]) -> Page:
    """A list whose field takes no page arguments: all of it. Beyond LINKS_SHOWN_MAX it is cut, and
    `hasNextPage` says so.
    """
    items: list[Item] = []
    after: str | None = None
    while len(items) <= LINKS_SHOWN_MAX:
        page = await context.table.query(
            TableName.LEDGER, pk, after=after, limit=LINKS_SHOWN_MAX + 1, consistent=True
        )
        items += page.items
        if page.next_key is None:
            break
        after = page.next_key[1]
    more = len(items) > LINKS_SHOWN_MAX
    context.count_nodes(len(items))
    nodes = sorted(map(value_of, items), key=lambda node: (-node.created_ms, node.id))
    return Page(nodes[:LINKS_SHOWN_MAX], PageInfo(more, None, False, None))


# --- Txs ------------------------------------------------------------------------------------------
async def find_tx(context: RequestContext, match: Match) -> Tx | None:
    """The Tx that a TxMatchInput names; a deleted one is found by its id alone."""
    get = match.get
    tx_id, external_id = get("id"), get("externalId")
    account_id, link_id = get("accountId"), get("linkId")
    account_external_id = get("externalAccountId")
    by_account = account_id is not None or (account_external_id is not None and link_id is not None)
    if tx_id is None and (external_id is None or not by_account):
        rule = "a Tx by id, or by externalId with accountId or with externalAccountId and linkId"
        raise RejectionError(reject("invalid_match", where="tx", rule=rule))
    if tx_id is not None:
        tx = await tx_by_id(context, tx_id)
    else:
        derived = account_id or _derived_account_id(link_id, account_external_id)
        tx = await _newest_tx(context, derived, external_id)
    if tx is None:
        return None
    given = (external_id, account_id, link_id, account_external_id)
    found = (tx.external_id, tx.account_id, tx.link_id, tx.account_external_id)
    agree = all(one in (None, other) for one, other in zip(given, found, strict=True))
    return tx if agree else None


async def tx_by_id(context: RequestContext, tx_id: str) -> Tx | None:
    """The workspace's Tx of this id, deleted or not, as it is now."""
    if not identifiers.is_id(tx_id):
        return None
    item = await context.items.load(keys.tx(tx_id))
    tx = None if item is None else tx_from_item(item)
    return tx if tx is not None and tx.workspace_id == context.workspace_id else None


async def _newest_tx(
    context: RequestContext, account_id: str | None, external_id: str | None
) -> Tx | None:
    """The newest Tx of a sequence: one read, two once it was deleted and synced again."""
    if account_id is None or identifiers.parse_external_account_id(account_id) is None:
        return None
    if external_id is None or safe_string_problem(external_id) is not None:
        return None
    first = identifiers.tx_id(account_id, external_id, 1)
    item = await context.items.load(keys.tx(first))
    if item is None:
        return None
    newest = newest_sequence(item)
    wanted = first if newest == 1 else identifiers.tx_id(account_id, external_id, newest)
    tx = await tx_by_id(context, wanted)
    return None if tx is None or tx.is_deleted else tx


async def entries_of_tx(context: RequestContext, tx: Tx) -> list[LedgerEntry]:
    """The standing entries that account for the Tx, newest first; those of deleted ledgers are out
    of reach.
    """
    entry_ids = dict.fromkeys([entry_id for _, entry_id in tx.reconciled])
    entries = await context.entries(list(entry_ids))
    found = [entry for entry in entries if entry is not None]
    ledger_ids = {entry.ledger_id for entry in found}
    live = await context.catalog.live_ledgers(context.workspace_id, ledger_ids)
    standing = [entry for entry in found if entry.ledger_id in live]
    return sorted(standing, key=lambda entry: (-entry.posted_ms, -entry.created_ms, entry.id))


# --- Lists from Elasticsearch ---------------------------------------------------------------------
async def _tx_nodes(_: RequestContext, hits: Sequence[Hit]) -> list[Tx]:
    return [tx_from_source(hit.source) for hit in hits]


async def _account_nodes(context: RequestContext, hits: Sequence[Hit]) -> list[LedgerAccount]:
    """Accounts of many ledgers: those of a deleted one stay indexed for a moment."""
    accounts = [account_from_source(hit.source) for hit in hits]
    ledger_ids = {account.ledger_id for account in accounts}
    live = await context.catalog.live_ledgers(context.workspace_id, ledger_ids)
    return [account for account in accounts if account.ledger_id in live]


def _no_filter(_filter: Mapping[str, Any] | None, _ledger: Ledger) -> Any:
    raise AssertionError("the list has no filter")


ACCOUNT_TXS = ListResource("ExternalAccount.txs", TXS_NEWEST, _no_filter, _tx_nodes)
UNRECONCILED_TXS = ListResource("LedgerAccount.unreconciledTxs", TXS_NEWEST, _no_filter, _tx_nodes)
LINKED_ACCOUNTS = ListResource(
    "ExternalAccount.ledgerAccounts", ACCOUNTS_OF_EXTERNAL, _no_filter, _account_nodes
)


async def account_txs(
    context: RequestContext, account: ExternalAccount, arguments: Arguments
) -> Page:
    """ExternalAccount.txs: those that aren't deleted, newest posted first."""
    digest, page = read_page(context, ACCOUNT_TXS.field, account.id, arguments)
    query = ListQuery(digest, page, (NOT_DELETED,))
    return await search_list(context, ACCOUNT_TXS, query, (account.id,))


async def linked_accounts(
    context: RequestContext, account: ExternalAccount, arguments: Arguments
) -> Page:
    """ExternalAccount.ledgerAccounts: of all the workspace's ledgers, newest created first."""
    digest, page = read_page(context, LINKED_ACCOUNTS.field, account.id, arguments)
    scope = (linked_term(context.workspace_id, account.id),)
    return await search_list(context, LINKED_ACCOUNTS, ListQuery(digest, page, ()), scope)


async def unreconciled_txs(
    context: RequestContext, account: LedgerAccount, arguments: Arguments
) -> Page:
    """LedgerAccount.unreconciledTxs: Txs of its External Account, newest posted first, that no
    standing entry accounts for in this very account. None while the External Account isn't synced.

    Raises RejectionError for an account that isn't linked.
    """
    if account.linked is None:
        raise RejectionError(reject("ledger_account_not_linked", path=account.path))
    clauses = unreconciled_filter(arguments.get("filter"), account.id)
    digest, page = read_page(context, UNRECONCILED_TXS.field, account.id, arguments)
    external = account.external_account_id
    if external is None or not await _is_ours(context, external):
        return whole(())
    query = ListQuery(digest, page, (NOT_DELETED, *clauses))
    return await search_list(context, UNRECONCILED_TXS, query, (external,))
