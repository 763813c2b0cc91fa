"""Pydantic mirrors of the inputs that create accounts, and their way into commands.

As in inputs.py: GraphQL has coerced the scalars, what its types can't say is checked here.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from shared.ledger.accounts import AccountType, CurrencyMode
from shared.ledger.identifiers import (
    external_account_id,
    is_id,
    parse_external_account_id,
)
from shared.ledger.strings import safe_string_problem
from shared.limits import (
    ACCOUNT_PATH_CHARS_MAX,
    ACCOUNTS_PER_CREATION_MAX,
    FILTER_LIST_MAX,
    GROUP_KEY_CHARS_MAX,
    NAME_CHARS_MAX,
)
from write_service.commands import AccountMatch, NewAccount, StatedConsistency
from write_service.inputs import (
    CurrencyMatchInput,
    Input,
    LedgerAccountMatchInput,
    check_chars,
    check_count,
    check_ik,
    currency_key,
    ledger_match,
    refuse,
)
from write_service.planning.parameters import shown

Mode = Literal["eventual", "strong"]


class GroupConsistencyInput(Input):
    key: str
    ownBalanceUpdates: Mode  # noqa: N815


class ConsistencyInput(Input):
    groups: list[GroupConsistencyInput] = Field(default_factory=list)
    lines: Mode | None = None
    ownBalanceUpdates: Mode | None = None  # noqa: N815
    totalBalanceUpdates: Mode | None = None  # noqa: N815


class ExternalAccountMatchInput(Input):
    externalId: str | None = None  # noqa: N815
    id: str | None = None
    linkId: str | None = None  # noqa: N815


class NewAccountInput(Input):
    childLedgerAccounts: list["NewAccountInput"] = Field(default_factory=list)  # noqa: N815
    consistencyConfig: ConsistencyInput | None = None  # noqa: N815
    currency: CurrencyMatchInput | None = None
    currencyMode: CurrencyMode | None = None  # noqa: N815
    ik: str
    linkedAccount: ExternalAccountMatchInput | None = None  # noqa: N815
    name: str
    parent: LedgerAccountMatchInput | None = None
    type: AccountType | None = None


def account_match(where: str, match: LedgerAccountMatchInput) -> AccountMatch:
    """Refuses an empty match, and paths that can't be one."""
    if match.id is None and match.path is None:
        raise refuse("invalid_match", where=where, rule="a Ledger Account, by id, or by path")
    check_chars(f"{where}.path", match.path, ACCOUNT_PATH_CHARS_MAX)
    return AccountMatch(match.id, match.path, ledger_match(f"{where}.ledger", match.ledger))


def new_accounts(where: str, inputs: Sequence[NewAccountInput]) -> tuple[NewAccount, ...]:
    """The trees of one call. Raises RejectionError."""
    if not inputs:
        raise refuse("bad_request", detail=f"{where} must hold at least one account")
    count = sum(map(_count, inputs))
    check_count(where, count, ACCOUNTS_PER_CREATION_MAX)
    return tuple([new_account(f"{where}[{at}]", each) for at, each in enumerate(inputs)])


def _count(account: NewAccountInput) -> int:
    return 1 + sum(map(_count, account.childLedgerAccounts))


def new_account(where: str, account: NewAccountInput, *, is_top: bool = True) -> NewAccount:
    """One account with everything below it. Raises RejectionError."""
    check_ik(f"{where}.ik", account.ik)
    check_chars(f"{where}.name", account.name, NAME_CHARS_MAX)
    if account.linkedAccount is not None and account.childLedgerAccounts:
        detail = f"{where}.linkedAccount: only an account without children can be linked"
        raise refuse("bad_request", detail=detail)
    if account.parent is not None and not is_top:
        detail = f"{where}.parent: an account below another one is given no parent"
        raise refuse("bad_request", detail=detail)
    children = enumerate(account.childLedgerAccounts)
    return NewAccount(
        where=where,
        ik=account.ik,
        name=account.name,
        type=account.type,
        currency_mode=account.currencyMode,
        currency=currency_key(account.currency),
        consistency=_consistency(f"{where}.consistencyConfig", account.consistencyConfig),
        parent=None if account.parent is None else account_match(f"{where}.parent", account.parent),
        children=tuple(
            [
                new_account(f"{where}.childLedgerAccounts[{at}]", child, is_top=False)
                for at, child in children
            ]
        ),
        linked=None
        if account.linkedAccount is None
        else _linked(f"{where}.linkedAccount", account.linkedAccount),
    )


def _linked(where: str, match: ExternalAccountMatchInput) -> tuple[str | None, str]:
    """What an ExternalAccountMatchInput names: by id, or by Link and external id. It may not exist
    yet, but it must be a name that one can have.
    """
    account_id, external_id, link = match.id, match.externalId, match.linkId
    if link is not None and external_id is not None:
        derived = external_account_id(link, external_id)
        is_name = is_id(link) and safe_string_problem(external_id) is None
        if not is_name or account_id not in (None, derived):
            what = f"the externalId {shown(external_id)} in the Link {shown(link)} ({where})"
            raise refuse("external_account_not_found", what=what)
        return (link, external_id)
    if account_id is None:
        rule = "an External Account, by id, or by externalId and linkId"
        raise refuse("invalid_match", where=where, rule=rule)
    parsed = parse_external_account_id(account_id)
    if parsed is None or link not in (None, parsed[0]):
        what = f"the id {shown(account_id)} ({where})"
        raise refuse("external_account_not_found", what=what)
    if external_id is not None:
        if external_account_id(parsed[0], external_id) != account_id:
            what = f"the id {shown(account_id)} and externalId {shown(external_id)} ({where})"
            raise refuse("external_account_not_found", what=what)
        return (parsed[0], external_id)
    return (None, account_id)


def _consistency(where: str, stated: ConsistencyInput | None) -> StatedConsistency:
    if stated is None:
        return StatedConsistency()
    check_count(f"{where}.groups", len(stated.groups), FILTER_LIST_MAX)
    groups: dict[str, bool] = {}
    for place, group in enumerate(stated.groups):
        check_chars(f"{where}.groups[{place}].key", group.key, GROUP_KEY_CHARS_MAX)
        if group.key in groups:
            detail = f"{where}.groups: {group.key} is configured twice"
            raise refuse("bad_request", detail=detail)
        groups[group.key] = group.ownBalanceUpdates == "strong"
    return StatedConsistency(
        lines=_is_strong(stated.lines),
        own_balance=_is_strong(stated.ownBalanceUpdates),
        total_balance=_is_strong(stated.totalBalanceUpdates),
        groups=tuple(groups.items()),
    )


def _is_strong(mode: Mode | None) -> bool | None:
    return None if mode is None else mode == "strong"
