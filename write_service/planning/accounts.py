"""Accounts of a ledger without a Schema: trees of new accounts -> accounts, everything inherited
resolved. Pure; raises RejectionError.

    inherited   type (fixed by the root); unless stated currencyMode, currency and
                consistencyConfig (member by member, groups key by key)
    a root      states its type; its currency is the workspace's default unless it is stated or the
                account is multi-currency

These are the rules of a Schema's chart, on accounts that are created one after the other.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.ledger import identifiers
from shared.ledger.accounts import AccountType, ConsistencyConfig, CurrencyMode, LedgerAccount
from shared.ledger.currencies import DEFAULT_CURRENCY
from shared.ledger.ledgers import Ledger
from shared.limits import ACCOUNT_PATH_CHARS_MAX, CHART_DEPTH_MAX
from write_service.commands import NewAccount, StatedConsistency
from write_service.planning.lines import refused


class PlacedAccount(NamedTuple):
    """A new account at the path that it will have: iks from the root down."""

    account: NewAccount
    path: str
    parent_path: str | None


def place_accounts(
    accounts: Sequence[NewAccount], parents: Mapping[str, str]
) -> list[PlacedAccount]:
    """All accounts of the trees, parents first, in the order they are given.

    `parents` holds the path of each top account's parent, by the account's ik.
    """
    placed: list[PlacedAccount] = []
    seen: dict[str, str] = {}

    def place(account: NewAccount, parent_path: str | None) -> None:
        if account.ik in seen:
            detail = f"{account.where}.ik: {account.ik} is given to {seen[account.ik]} too"
            raise refused("bad_request", detail=detail)
        seen[account.ik] = account.where
        path = account.ik if parent_path is None else f"{parent_path}/{account.ik}"
        if path.count("/") >= CHART_DEPTH_MAX:
            detail = f"{account.where} lies deeper than {CHART_DEPTH_MAX} levels"
            raise refused("bad_request", detail=detail)
        if len(path) > ACCOUNT_PATH_CHARS_MAX:
            rule = f"{account.where}: the iks on its way, joined by /,"
            detail = f"{rule} take more than {ACCOUNT_PATH_CHARS_MAX} characters"
            raise refused("bad_request", detail=detail)
        placed.append(PlacedAccount(account, path, parent_path))
        for child in account.children:
            place(child, path)

    for account in accounts:
        place(account, parents.get(account.ik))
    return placed


def plan_account(
    ledger: Ledger, placed: PlacedAccount, parent: LedgerAccount | None, now_ms: int
) -> LedgerAccount:
    """The account as it is created below `parent`, which may itself be planned only."""
    account, path, parent_path = placed
    if parent is not None and parent.linked is not None:
        detail = f"{account.where}: {parent.path} is a Linked Ledger Account, which has none below"
        raise refused("bad_request", detail=detail)
    mode, currency = _currency(account, parent)
    inherited = ConsistencyConfig() if parent is None else parent.consistency
    assert inherited is not None, "accounts of a ledger without a Schema keep their own"
    return LedgerAccount(
        id=identifiers.account_id(ledger.id, path),
        ledger_id=ledger.id,
        workspace_id=ledger.workspace_id,
        path=path,
        ik=account.ik,
        name=account.name,
        type=_type(account, parent),
        currency_mode=mode,
        currency=currency,
        parent_id=None if parent is None else parent.id,
        parent_path=parent_path,
        created_ms=now_ms,
        linked=account.linked,
        consistency=_consistency(account, inherited),
    )


def _type(account: NewAccount, parent: LedgerAccount | None) -> AccountType:
    if parent is None:
        if account.type is None:
            detail = f"{account.where}.type is required at the root"
            raise refused("bad_request", detail=detail)
        return account.type
    if account.type is not None and account.type != parent.type:
        detail = f"{account.where}.type must be {parent.type}, as its parent's, or absent"
        raise refused("bad_request", detail=detail)
    return parent.type


def _currency(account: NewAccount, parent: LedgerAccount | None) -> tuple[CurrencyMode, str | None]:
    """Mode and currency. A currency without a mode means single."""
    if account.currency_mode == "multi":
        if account.currency is not None:
            detail = "a multi-currency account is given no currency"
            raise refused("invalid_currency", where=account.where, detail=detail)
        return "multi", None
    if account.currency is not None:
        return "single", account.currency
    if parent is None:
        return "single", DEFAULT_CURRENCY
    if account.currency_mode == "single" and parent.currency is None:
        detail = "the account is single-currency and inherits none: it must be given one"
        raise refused("invalid_currency", where=account.where, detail=detail)
    return parent.currency_mode, parent.currency


def _consistency(account: NewAccount, inherited: ConsistencyConfig) -> ConsistencyConfig:
    """What the account states, over what it inherits."""
    stated: StatedConsistency = account.consistency
    groups = {**dict.fromkeys(inherited.groups, True), **dict(stated.groups)}
    config = ConsistencyConfig(
        lines=_either(stated.lines, inherited.lines),
        own_balance=_either(stated.own_balance, inherited.own_balance),
        total_balance=_either(stated.total_balance, inherited.total_balance),
        groups=frozenset([key for key, is_strong in groups.items() if is_strong]),
    )
    if config.own_balance and config.total_balance:
        rule = "ownBalanceUpdates and totalBalanceUpdates can't both be strong"
        raise refused("bad_request", detail=f"{account.where}.consistencyConfig: {rule}")
    return config


def _either(stated: bool | None, inherited: bool) -> bool:
    return inherited if stated is None else stated
