"""createLedgerAccounts for ledgers without a Schema, and updateLedgerAccount.

An ik makes one account of its ledger: an item for the ik is written with the account, both guarded
*absent*. Accounts go out parents first, in as few transactions as they fit, so what a crash leaves
is a tree without gaps, and the same call sent again makes the rest.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.errors import Overloaded, RejectionError
from shared.ledger.accounts import LedgerAccount
from shared.ledger.identifiers import account_id, is_id
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import Rejection, reject
from shared.limits import STORE_ATTEMPTS_MAX, TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.items import (
    account_attributes,
    account_from_item,
    account_ik_item,
    account_item,
    external_account_from_item,
)
from shared.store.table import Absent, Is, Put, TableName, Transacted, Update, Write
from write_service.commands import (
    AccountMatch,
    CreateLedgerAccounts,
    NewAccount,
    UpdateLedgerAccount,
)
from write_service.planning.accounts import PlacedAccount, place_accounts, plan_account
from write_service.planning.parameters import shown
from write_service.posting import WriteServices

_WRITES_PER_ACCOUNT = 2  # itself, and its ik

Made = list[tuple[LedgerAccount, bool]]


async def create_accounts(
    services: WriteServices, command: CreateLedgerAccounts
) -> Made | Rejection:
    """The accounts, parents first, and whether each stood before this call.

    Raises Overloaded when others keep winning.
    """
    try:
        return await _create(services, command)
    except RejectionError as error:
        return error.rejection


async def _create(services: WriteServices, command: CreateLedgerAccounts) -> Made:
    ledger = await services.prefetcher.ledger(command.workspace_id, command.ledger, "ledger")
    if ledger.schema_key is not None:
        detail = "its Ledger Accounts are those of the Schema"
        raise RejectionError(reject("ledger_has_schema", ledger=ledger.ik, detail=detail))
    parents = await _parents(services, ledger, command.accounts)
    placed = place_accounts(command.accounts, {ik: each.path for ik, each in parents.items()})
    above = {parent.path: parent for parent in parents.values()}
    mine: set[str] = set()
    for _ in range(STORE_ATTEMPTS_MAX):
        standing = await _standing(services, ledger, placed)
        planned = {**above, **standing}
        new: list[LedgerAccount] = []
        now_ms = services.clock.now_ms()
        for each in placed:
            if each.path not in planned:
                parent = None if each.parent_path is None else planned[each.parent_path]
                account = plan_account(ledger, each, parent, now_ms)
                planned[each.path] = account
                new.append(account)
        currencies = [account.currency for account in new]
        await services.prefetcher.check_currencies(ledger.workspace_id, currencies)
        await _check_links(services, new)
        written = await _write(services, new)
        mine.update([account.id for account in written])
        if len(written) == len(new):
            accounts = [planned[each.path] for each in placed]
            for account in accounts:
                services.catalog.learn_account(account)
            return [(account, account.id not in mine) for account in accounts]
    raise Overloaded(f"others keep creating accounts of the Ledger {ledger.ik}")


async def _check_links(services: WriteServices, accounts: Sequence[LedgerAccount]) -> None:
    """Refuses a link to an External Account that is known to be another workspace's, or to hold
    another currency. One that doesn't exist yet is judged when its Txs are reconciled.
    """
    ids = [account.external_account_id for account in accounts if account.linked is not None]
    wanted = list(dict.fromkeys([each for each in ids if each is not None]))
    if not wanted:
        return
    found = await services.table.get_many(
        [keys.external_account(each) for each in wanted], consistent=True
    )
    standing = {
        each: external_account_from_item(item)
        for each, item in zip(wanted, found, strict=True)
        if item is not None
    }
    for account in accounts:
        external = standing.get(account.external_account_id or "")
        if external is None:
            continue
        services.catalog.learn_external_account(external)
        if external.workspace_id != account.workspace_id:
            what = f"the id {external.id}"
            raise RejectionError(reject("external_account_not_found", what=what))
        if None not in (external.currency, account.currency) and (
            external.currency != account.currency
        ):
            detail = f"it is {account.currency}, the External Account holds {external.currency}"
            raise RejectionError(reject("invalid_currency", where=account.path, detail=detail))


async def _parents(
    services: WriteServices, ledger: Ledger, accounts: Sequence[NewAccount]
) -> dict[str, LedgerAccount]:
    """The parents that the top accounts name, by the account's ik."""
    named = {each.ik: each.parent for each in accounts if each.parent is not None}
    ids = {ik: await _account_id(services, ledger, match) for ik, match in named.items()}
    await services.prefetcher.learn_accounts(ids.values())
    found: dict[str, LedgerAccount] = {}
    for ik, match in named.items():
        parent = services.catalog.known_account(ids[ik])
        if parent is None or parent.ledger_id != ledger.id or match.path not in (None, parent.path):
            raise not_found(ledger.ik, match)
        found[ik] = parent
    return found


async def _account_id(services: WriteServices, ledger: Ledger, match: AccountMatch) -> str:
    """The id that a match within `ledger` must mean."""
    if match.ledger is not None:
        named = await services.prefetcher.ledger(ledger.workspace_id, match.ledger, "parent.ledger")
        if named.id != ledger.id:
            raise not_found(ledger.ik, match)
    if match.id is None:
        assert match.path is not None
        return account_id(ledger.id, match.path)
    if not is_id(match.id):
        raise not_found(ledger.ik, match)
    return match.id


def not_found(ledger: str, match: AccountMatch) -> RejectionError:
    """The refusal of a match that finds nothing."""
    what = f"at the path {shown(match.path)}" if match.id is None else f"of id {shown(match.id)}"
    return RejectionError(reject("ledger_account_not_found", ledger=ledger, what=what))


async def _standing(
    services: WriteServices, ledger: Ledger, placed: Sequence[PlacedAccount]
) -> dict[str, LedgerAccount]:
    """Those of the accounts that stand, by path. Refuses an ik that made another account.

    An account that is being written may show its ik alone: writing it again will tell.
    """
    wanted = [keys.account(account_id(ledger.id, each.path)) for each in placed]
    wanted += [keys.account_ik(ledger.id, each.account.ik) for each in placed]
    items = await services.table.get_many(wanted, consistent=True)
    standing: dict[str, LedgerAccount] = {}
    for each, item, of_ik in zip(placed, items[: len(placed)], items[len(placed) :], strict=True):
        if item is not None:
            standing[each.path] = account_from_item(item)
        elif of_ik is not None and of_ik["p"] != each.path:
            ik = each.account.ik
            detail = f"the Ledger Account at {of_ik['p']!s}"
            raise RejectionError(reject("ik_conflict", ik=ik, detail=detail))
    return standing


async def _write(
    services: WriteServices, accounts: Sequence[LedgerAccount]
) -> Sequence[LedgerAccount]:
    """Writes the accounts, in transactions; gives those that were written before one failed."""
    size = TRANSACT_ITEMS_MAX // _WRITES_PER_ACCOUNT
    for start in range(0, len(accounts), size):
        writes: list[Write] = []
        for account in accounts[start : start + size]:
            writes.append(Put(TableName.LEDGER, account_item(account), (Absent(),)))
            writes.append(Put(TableName.LEDGER, account_ik_item(account), (Absent(),)))
        answer = await services.table.transact(writes, services.new_token())
        if not isinstance(answer, Transacted):
            return accounts[:start]
    return accounts


# --- Renaming -------------------------------------------------------------------------------------
async def update_account(
    services: WriteServices, command: UpdateLedgerAccount
) -> LedgerAccount | Rejection:
    """Renames the account. Its document follows by its revision.

    Raises Overloaded when others keep winning.
    """
    try:
        wanted = await _named(services, command)
    except RejectionError as error:
        return error.rejection
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(keys.account(wanted.id), consistent=True)
        assert item is not None, "an account goes on existing"
        standing = account_from_item(item)
        if command.name is None or standing.name == command.name:
            return standing
        changed = replace(standing, name=command.name, revision=standing.revision + 1)
        attributes = account_attributes(changed)
        update = Update(
            keys.account(changed.id),
            set={"b": attributes["b"], "r": attributes["r"]},
            guards=(Is("r", standing.revision),),
        )
        answer = await services.table.transact([update], services.new_token())
        if isinstance(answer, Transacted):
            services.catalog.learn_account(changed)
            return changed
    raise Overloaded(f"others keep changing the Ledger Account {wanted.path}")


async def _named(services: WriteServices, command: UpdateLedgerAccount) -> LedgerAccount:
    """The account that the match names, in a live ledger of the workspace."""
    match, workspace_id = command.account, command.workspace_id
    prefetcher = services.prefetcher
    ledger: Ledger | None = None
    if match.ledger is not None or match.id is None:
        ledger = await prefetcher.ledger(workspace_id, match.ledger, "ledgerAccount.ledger")
        wanted = await _account_id(services, ledger, match)
    else:
        wanted = match.id
    account = None
    if is_id(wanted):
        await prefetcher.learn_accounts([wanted])
        account = services.catalog.known_account(wanted)
    if account is not None and ledger is None:
        ledger = await services.catalog.ledger_by_id(workspace_id, account.ledger_id)
    is_meant = account is not None and match.path in (None, account.path)
    if account is None or ledger is None or not is_meant or account.ledger_id != ledger.id:
        raise not_found("of this workspace" if ledger is None else ledger.ik, match)
    return account
