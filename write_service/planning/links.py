"""What a sync does, decided on what stands. Pure.

    wanted, standing ──► plan_accounts, plan_txs ──► each thing that changes, once | Rejection

A sync is taken item by item, as if each were sent alone after the one before; a thing that is named
twice changes once. What can't be as wanted is told of every item, and then nothing is changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.ledger.accounts import CurrencyMode
from shared.ledger.currencies import DEFAULT_CURRENCY
from shared.ledger.identifiers import external_account_id, tx_id
from shared.ledger.links import ExternalAccount, Link, Tx
from shared.ledger.periods import format_datetime
from shared.ledger.rejections import Rejection, reject
from shared.limits import TX_CONFLICTS_SHOWN_MAX

TxName = tuple[str, str]  # id of the External Account, external id


# --- External Accounts ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class WantedAccount:
    """One element of `syncCustomAccounts`; what isn't given is None."""

    external_id: str
    name: str
    currency_mode: CurrencyMode | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class AccountsPlan:
    """The accounts in the order in which they were given, and those of them that change, once."""

    accounts: tuple[ExternalAccount, ...]
    changed: tuple[ExternalAccount, ...]


def plan_accounts(
    link: Link,
    wanted: Sequence[WantedAccount],
    standing: Mapping[str, ExternalAccount],
    now_ms: int,
) -> AccountsPlan | Rejection:
    """What becomes of each account; `standing` by id. Currency and mode never change."""
    after: dict[str, ExternalAccount] = {}
    order: list[str] = []
    conflicts: list[str] = []
    for place, each in enumerate(wanted):
        account_id = external_account_id(link.id, each.external_id)
        order.append(account_id)
        account = after.get(account_id) or standing.get(account_id)
        if account is None:
            after[account_id] = _new_account(link, account_id, each, now_ms)
            continue
        problem = _account_problem(account, each)
        if problem is not None:
            conflicts.append(f"accounts[{place}] ({each.external_id}) {problem}")
        elif account.name != each.name:
            after[account_id] = replace(account, name=each.name)
    if conflicts:
        return reject("external_account_conflict", conflicts=_told(conflicts))
    changed = []
    for account_id, account in after.items():
        before = standing.get(account_id)
        if before is not None:
            account = replace(account, revision=before.revision + 1)
        if before is None or before.name != account.name:
            after[account_id] = account
            changed.append(account)
    accounts = [after.get(each) or standing[each] for each in order]
    return AccountsPlan(tuple(accounts), tuple(changed))


def _new_account(
    link: Link, account_id: str, wanted: WantedAccount, now_ms: int
) -> ExternalAccount:
    mode: CurrencyMode = wanted.currency_mode or "single"
    return ExternalAccount(
        id=account_id,
        workspace_id=link.workspace_id,
        link_id=link.id,
        external_id=wanted.external_id,
        name=wanted.name,
        currency_mode=mode,
        currency=None if mode == "multi" else wanted.currency or DEFAULT_CURRENCY,
        created_ms=now_ms,
    )


def _account_problem(account: ExternalAccount, wanted: WantedAccount) -> str | None:
    """What of a standing account `wanted` would change and mustn't."""
    mode = wanted.currency_mode or account.currency_mode
    if wanted.currency is not None and wanted.currency_mode is None:
        mode = "single"
    if mode != account.currency_mode:
        return f"has the currency mode {account.currency_mode}, which can't become {mode}"
    if wanted.currency is not None and wanted.currency != account.currency:
        return f"has the currency {account.currency}, which can't become {wanted.currency}"
    return None


# --- Txs ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class WantedTx:
    """One element of `syncCustomTxs`, its account found."""

    account: ExternalAccount
    external_id: str
    amount: int
    currency: str
    description: str
    posted_ms: int

    @property
    def name(self) -> TxName:
        return (self.account.id, self.external_id)


@dataclass(frozen=True, slots=True)
class TxsPlan:
    """The Txs in the order in which they were given, and those of them that change, once.

    A changed one of revision 1 is new, and at a place past 1 it follows a deleted one.
    """

    txs: tuple[Tx, ...]
    changed: tuple[Tx, ...]


def plan_txs(
    wanted: Sequence[WantedTx], standing: Mapping[TxName, Tx], now_ms: int
) -> TxsPlan | Rejection:
    """What becomes of each Tx; `standing` holds the newest of each sequence, deleted or not.

    Amount, currency and posted never change.
    """
    after: dict[TxName, Tx] = {}
    conflicts: list[str] = []
    for place, each in enumerate(wanted):
        tx = after.get(each.name) or standing.get(each.name)
        if tx is None or tx.is_deleted:
            after[each.name] = _new_tx(each, 1 if tx is None else tx.sequence + 1, now_ms)
            continue
        problem = _tx_problem(tx, each)
        if problem is not None:
            conflicts.append(f"txs[{place}] ({each.external_id}) {problem}")
        elif tx.description != each.description:
            after[each.name] = replace(tx, description=each.description)
    if conflicts:
        return reject("tx_conflict", conflicts=_told(conflicts))
    changed = []
    for name, tx in after.items():
        before = standing.get(name)
        if before is not None and before.id == tx.id:
            tx = replace(tx, revision=before.revision + 1)
        if before is None or before.id != tx.id or before.description != tx.description:
            after[name] = tx
            changed.append(tx)
    txs = [after.get(each.name) or standing[each.name] for each in wanted]
    return TxsPlan(tuple(txs), tuple(changed))


def _new_tx(wanted: WantedTx, sequence: int, now_ms: int) -> Tx:
    account = wanted.account
    return Tx(
        id=tx_id(account.id, wanted.external_id, sequence),
        workspace_id=account.workspace_id,
        link_id=account.link_id,
        account_id=account.id,
        account_external_id=account.external_id,
        external_id=wanted.external_id,
        sequence=sequence,
        amount=wanted.amount,
        currency=wanted.currency,
        description=wanted.description,
        posted_ms=wanted.posted_ms,
        created_ms=now_ms,
    )


def _tx_problem(tx: Tx, wanted: WantedTx) -> str | None:
    """What of a standing Tx `wanted` would change and mustn't."""
    if tx.amount != wanted.amount:
        return f"has the amount {tx.amount}, which can't become {wanted.amount}"
    if tx.posted_ms != wanted.posted_ms:
        was, now = format_datetime(tx.posted_ms), format_datetime(wanted.posted_ms)
        return f"was posted at {was}, which can't become {now}"
    if tx.currency != wanted.currency:
        return f"has the currency {tx.currency}, which can't become {wanted.currency}"
    return None


def plan_deletion(tx: Tx, now_ms: int) -> Tx:
    """The Tx as it is once deleted; one that is deleted already stays as it is."""
    if tx.is_deleted:
        return tx
    return replace(tx, deleted_at_ms=now_ms, revision=tx.revision + 1)


def _told(conflicts: Sequence[str]) -> str:
    """The first conflicts, and how many more there are."""
    shown = "; ".join(conflicts[:TX_CONFLICTS_SHOWN_MAX])
    more = len(conflicts) - TX_CONFLICTS_SHOWN_MAX
    return f"{shown}; and {more} more" if more > 0 else shown
