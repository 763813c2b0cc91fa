"""createCustomLink, syncCustomAccounts, syncCustomTxs, deleteCustomTxs; native Links write their
accounts and Txs by the same functions (connectors/).

    match ─► derived ids ─► one read of all of it ─► plan (pure) ─► one transaction, or two
              └────────── again, when another was faster ◄────────────────┘

Every id follows from what was asked, so a sync reads what stands in one go. Each write is guarded
by what was read: one that lost a race, or whose answer was lost, is planned again on what stands
now, and finds its work done. A sync is one transaction unless it needs more writes than one holds;
that takes Txs which come again after they were deleted, which are two writes each.
"""

from collections.abc import Iterable, Sequence

from shared.errors import Overloaded, RejectionError
from shared.ledger.identifiers import (
    external_account_id,
    is_id,
    link_id,
    parse_external_account_id,
    tx_id,
)
from shared.ledger.links import CUSTOM_LINK, ExternalAccount, Link, Tx
from shared.ledger.rejections import Rejection, reject
from shared.ledger.strings import safe_string_problem
from shared.limits import IK_CHARS_MAX, STORE_ATTEMPTS_MAX, TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.items import (
    external_account_from_item,
    external_account_item,
    link_from_item,
    link_item,
    new_tx_item,
    newest_sequence,
    reconciled_count,
    tx_attributes,
    tx_from_item,
)
from shared.store.table import (
    Absent,
    Guard,
    Is,
    Item,
    Key,
    Put,
    TableName,
    Transacted,
    Update,
    Within,
    Write,
)
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.planning.links import (
    TxName,
    WantedAccount,
    WantedTx,
    plan_accounts,
    plan_deletion,
    plan_txs,
)
from write_service.planning.parameters import shown
from write_service.posting import WriteServices


# --- Links ----------------------------------------------------------------------------------------
async def create_custom_link(
    services: WriteServices, workspace_id: str, ik: str, name: str
) -> tuple[Link, bool]:
    """The Link of the ik, and whether it stood before. Raises Overloaded when others keep
    winning.
    """
    return await create_link(services, new_link(services, workspace_id, CUSTOM_LINK, ik, name))


def new_link(
    services: WriteServices,
    workspace_id: str,
    link_type: str,
    ik: str,
    name: str,
    env: str | None = None,
) -> Link:
    """A Link as it is created now."""
    return Link(
        id=link_id(workspace_id, ik),
        workspace_id=workspace_id,
        type=link_type,
        ik=ik,
        name=name,
        created_ms=services.clock.now_ms(),
        env=env,
    )


async def create_link(services: WriteServices, wanted: Link) -> tuple[Link, bool]:
    """The Link that stands under the id of `wanted`, and whether it stood before. Raises
    Overloaded.
    """
    for attempt in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(keys.link(wanted.workspace_id, wanted.id), consistent=True)
        if item is not None:
            return link_from_item(item), True
        put = Put(TableName.LEDGER, link_item(wanted), (Absent(),))
        if isinstance(await services.table.transact([put], services.new_token()), Transacted):
            return wanted, False
        await services.committer.pause(attempt)
    raise Overloaded(f"others keep creating the Link {wanted.ik}")


def _link_key(workspace_id: str, match: LinkMatch) -> Key:
    """Where the Link that `match` names must stand. Raises RejectionError."""
    derived = match.id
    if match.ik is not None:
        derived = link_id(workspace_id, match.ik) if len(match.ik) <= IK_CHARS_MAX else None
    if derived is None or not is_id(derived) or match.id not in (None, derived):
        raise _no_link(match)
    return keys.link(workspace_id, derived)


def _no_link(match: LinkMatch) -> RejectionError:
    parts = [f"the id {shown(match.id)}" if match.id is not None else ""]
    parts.append(f"the ik {shown(match.ik)}" if match.ik is not None else "")
    return RejectionError(reject("link_not_found", what=" and ".join(filter(None, parts))))


class _Reads:
    """What of a Link is read together: what this process knows isn't read again."""

    def __init__(
        self, services: WriteServices, workspace_id: str, match: LinkMatch, link_type: str
    ) -> None:
        self.key = _link_key(workspace_id, match)
        self.link_id = self.key.sk
        self._services = services
        self._workspace_id = workspace_id
        self._match = match
        self._link_type = link_type

    async def read(
        self, account_ids: Sequence[str], others: Sequence[Key]
    ) -> tuple[Link, list[Item | None]]:
        """The Link, and the items at `others`; learns the accounts of these ids that exist. One
        read. Raises RejectionError when there is no such Link.
        """
        catalog = self._services.catalog
        link = catalog.known_link(self._workspace_id, self.link_id)
        wanted = [] if link is not None else [self.key]
        unknown = [each for each in account_ids if catalog.known_external_account(each) is None]
        wanted += [keys.external_account(each) for each in unknown]
        items = await self._services.table.get_many([*wanted, *others], consistent=True)
        found = items[: len(wanted)]
        if link is None:
            item = found.pop(0)
            if item is None:
                raise _no_link(self._match)
            link = link_from_item(item)
            catalog.learn_link(link)
        for item in found:
            if item is not None:
                catalog.learn_external_account(external_account_from_item(item))
        if link.type != self._link_type:
            detail = f"The Link is a {link.type}: its accounts and Txs come from its own system."
            raise RejectionError(reject("bad_request", detail=detail))
        return link, items[len(wanted) :]


# --- External Accounts ----------------------------------------------------------------------------
async def sync_accounts(
    services: WriteServices,
    workspace_id: str,
    match: LinkMatch,
    wanted: Sequence[WantedAccount],
    link_type: str = CUSTOM_LINK,
) -> Sequence[ExternalAccount] | Rejection:
    """The accounts as they are now: all of them were written, or none. Raises RejectionError, and
    Overloaded when others keep winning.
    """
    reads = _Reads(services, workspace_id, match, link_type)
    ids = list(dict.fromkeys(external_account_id(reads.link_id, w.external_id) for w in wanted))
    for attempt in range(STORE_ATTEMPTS_MAX):
        link, items = await reads.read((), [keys.external_account(each) for each in ids])
        found = [external_account_from_item(item) for item in items if item is not None]
        standing = {account.id: account for account in found}
        planned = plan_accounts(link, wanted, standing, services.clock.now_ms())
        if isinstance(planned, Rejection):
            return planned
        new = [account.currency for account in planned.changed if account.revision == 1]
        await services.prefetcher.check_currencies(workspace_id, new)
        if await _transact(services, [_account_write(account) for account in planned.changed]):
            for account in planned.accounts:
                services.catalog.learn_external_account(account)
            return planned.accounts
        await services.committer.pause(attempt)
    raise Overloaded("others keep changing the accounts")


def _account_write(account: ExternalAccount) -> Write:
    guard = Absent() if account.revision == 1 else Is("r", account.revision - 1)
    return Put(TableName.LEDGER, external_account_item(account), (guard,))


async def _transact(services: WriteServices, writes: Sequence[Write]) -> bool:
    """Whether all of it was written, in one transaction; nothing takes none."""
    if not writes:
        return True
    return isinstance(await services.table.transact(writes, services.new_token()), Transacted)


# --- Syncing Txs ----------------------------------------------------------------------------------
async def sync_txs(services: WriteServices, command: SyncTxs) -> Sequence[Tx] | Rejection:
    """The Txs as they are now, in the order of the command. Raises RejectionError, and Overloaded
    when others keep winning.
    """
    reads = _Reads(services, command.workspace_id, command.link, command.link_type)
    accounts = [
        _account_id(reads.link_id, each.account, f"txs[{place}].account")
        for place, each in enumerate(command.txs)
    ]
    names = [
        (account, each.external_id) for account, each in zip(accounts, command.txs, strict=True)
    ]
    firsts = {name: tx_id(*name, 1) for name in names}
    for attempt in range(STORE_ATTEMPTS_MAX):
        wanted_keys = [keys.tx(first) for first in firsts.values()]
        _, items = await reads.read(list(dict.fromkeys(accounts)), wanted_keys)
        wanted = await _wanted(services, command, accounts)
        standing = await _newest(services, dict(zip(firsts, items, strict=True)))
        planned = plan_txs(wanted, standing, services.clock.now_ms())
        if isinstance(planned, Rejection):
            return planned
        if await _write_txs(services, planned.changed, firsts):
            for tx in planned.txs:
                services.catalog.learn_tx(tx)
            return planned.txs
        await services.committer.pause(attempt)
    raise Overloaded("others keep changing the Txs")


def _account_id(link: str, match: ExternalAccountMatch, where: str) -> str:
    """The id of the account that `match` names. Raises RejectionError when it can't be one of the
    Link's.
    """
    if match.link_id not in (None, link):
        detail = f"{where}.linkId is not the Link that is synced: a call's Txs are of one Link."
        raise RejectionError(reject("bad_request", detail=detail))
    derived = match.id
    if match.external_id is not None and safe_string_problem(match.external_id) is None:
        derived = external_account_id(link, match.external_id)
    parsed = None if derived is None else parse_external_account_id(derived)
    if derived is None or parsed is None or parsed[0] != link or match.id not in (None, derived):
        raise _no_account(match, where)
    return derived


def _no_account(match: ExternalAccountMatch, where: str) -> RejectionError:
    parts = [f"the id {shown(match.id)}" if match.id is not None else ""]
    if match.external_id is not None:
        parts.append(f"the externalId {shown(match.external_id)}")
    what = f"{' and '.join(filter(None, parts))} in the Link ({where})"
    return RejectionError(reject("external_account_not_found", what=what))


async def _wanted(
    services: WriteServices, command: SyncTxs, accounts: Sequence[str]
) -> list[WantedTx]:
    """The command's Txs with their accounts, which have to exist, and their currencies."""
    wanted = []
    for place, (account_id, each) in enumerate(zip(accounts, command.txs, strict=True)):
        account = services.catalog.known_external_account(account_id)
        if account is None:
            raise _no_account(each.account, f"txs[{place}].account")
        currency = _currency(account, each, f"txs[{place}]")
        wanted.append(
            WantedTx(
                account, each.external_id, each.amount, currency, each.description, each.posted_ms
            )
        )
    await services.prefetcher.check_currencies(
        command.workspace_id, dict.fromkeys(each.currency for each in wanted)
    )
    return wanted


def _currency(account: ExternalAccount, tx: SyncedTx, where: str) -> str:
    """The Tx's currency: that of its account, unless that has many."""
    if account.currency is None:
        if tx.currency is None:
            what = f"{where} ({tx.external_id}): the account {account.external_id}"
            raise RejectionError(reject("missing_currency", where=what))
        return tx.currency
    if tx.currency not in (None, account.currency):
        detail = f"the account {account.external_id} holds {account.currency}, not {tx.currency}"
        what = f"{where} ({tx.external_id})"
        raise RejectionError(reject("invalid_currency", where=what, detail=detail))
    return account.currency


async def _newest(services: WriteServices, firsts: dict[TxName, Item | None]) -> dict[TxName, Tx]:
    """The newest Tx of each sequence that has any; a second read only where one was deleted and
    synced again.
    """
    newest = {name: tx_from_item(item) for name, item in firsts.items() if item is not None}
    later = {
        name: keys.tx(tx_id(*name, newest_sequence(item)))
        for name, item in firsts.items()
        if item is not None and newest_sequence(item) > 1
    }
    items = await services.table.get_many(list(later.values()), consistent=True) if later else []
    for name, item in zip(later, items, strict=True):
        assert item is not None, "a sequence has no gaps"
        newest[name] = tx_from_item(item)
    return newest


async def _write_txs(
    services: WriteServices, changed: Sequence[Tx], firsts: dict[TxName, str]
) -> bool:
    """Whether all changes were written, in as few transactions as they fit."""
    batch: list[Write] = []
    for tx in changed:
        writes = _tx_writes(tx, firsts[(tx.account_id, tx.external_id)])
        if len(batch) + len(writes) > TRANSACT_ITEMS_MAX:
            if not await _transact(services, batch):
                return False
            batch = []
        batch += writes
    return await _transact(services, batch)


def _tx_writes(tx: Tx, first_id: str) -> list[Write]:
    """A new Tx is put; one that follows a deleted one also moves the sequence on."""
    if tx.revision > 1:
        return [_revision(tx)]
    put = Put(TableName.LEDGER, new_tx_item(tx), (Absent(),))
    if tx.sequence == 1:
        return [put]
    guard = Is("h", tx.sequence - 1)
    return [put, Update(keys.tx(first_id), set={"h": tx.sequence}, guards=(guard,))]


def _revision(tx: Tx, *more: Within) -> Update:
    """The next revision of a Tx in the place of the one that was read; `more` are guards too."""
    guards: tuple[Guard, ...] = (Is("r", tx.revision - 1), *more)
    return Update(keys.tx(tx.id), set=tx_attributes(tx), guards=guards)


# --- Deleting Txs ---------------------------------------------------------------------------------
async def delete_txs(
    services: WriteServices, workspace_id: str, ids: Sequence[str]
) -> Sequence[Tx] | Rejection:
    """The Txs, deleted, in the order of `ids`: all of them or none. Raises Overloaded when others
    keep winning.

    One that is deleted already stays as it is. One that an entry accounts for is refused, and the
    guard on `n` refuses it also when it is being reconciled right now.
    """
    wanted = list(dict.fromkeys(ids))
    for each in wanted:
        if not is_id(each):
            return reject("tx_not_found", what=f"the id {shown(each)}")
    for attempt in range(STORE_ATTEMPTS_MAX):
        items = await services.table.get_many([keys.tx(each) for each in wanted], consistent=True)
        now_ms = services.clock.now_ms()
        after: dict[str, Tx] = {}
        writes: list[Write] = []
        for name, item in zip(wanted, items, strict=True):
            tx = None if item is None else tx_from_item(item)
            if item is None or tx is None or tx.workspace_id != workspace_id:
                return reject("tx_not_found", what=f"the id {shown(name)}")
            if reconciled_count(item):
                return reject("tx_reconciled", id=name)
            after[name] = plan_deletion(tx, now_ms)
            if not tx.is_deleted:
                writes.append(_revision(after[name], Within("n", 0, 0)))
        native = await _native_link(services, workspace_id, after.values())
        if native is not None:
            detail = f"The Txs of a {native.type} come from its own system: they can't be deleted."
            return reject("bad_request", detail=detail)
        if await _transact(services, writes):
            for each in wanted:
                services.catalog.forget_tx(each)
            return [after[each] for each in ids]
        await services.committer.pause(attempt)
    raise Overloaded("others keep changing the Txs")


async def _native_link(
    services: WriteServices, workspace_id: str, txs: Iterable[Tx]
) -> Link | None:
    """One of the Txs' Links that isn't a Custom one; one read when this process doesn't know
    them.
    """
    catalog = services.catalog
    ids = dict.fromkeys(tx.link_id for tx in txs)
    unknown = [each for each in ids if catalog.known_link(workspace_id, each) is None]
    if unknown:
        wanted = [keys.link(workspace_id, each) for each in unknown]
        for item in await services.table.get_many(wanted, consistent=True):
            assert item is not None, "a Link goes on existing"
            catalog.learn_link(link_from_item(item))
    links = [catalog.known_link(workspace_id, each) for each in ids]
    return next((link for link in links if link and link.type != CUSTOM_LINK), None)
