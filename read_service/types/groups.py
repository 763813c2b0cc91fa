"""Ledger Entry Groups: a key and a value that entries share. A group that no entry has is empty."""

from typing import Any

from read_service import lists
from read_service.groups import (
    EntryGroup,
    GroupBalance,
    created_of,
    group_balances,
    own_balance,
)
from read_service.lookups import Match, find_ledger, ledger_of
from read_service.types.fields import Fields, Info
from shared.ledger.ledgers import Ledger


# The argument's name is the API's.
async def resolve_ledger_entry_group(
    _: object,
    info: Info,
    ledgerEntryGroup: Match,  # noqa: N803
) -> EntryGroup | None:
    """Query.ledgerEntryGroup; null when there is no such ledger."""
    match = ledgerEntryGroup
    ledger = await find_ledger(info.context, match["ledger"], "ledgerEntryGroup.ledger")
    if ledger is None:
        return None
    return EntryGroup(ledger.workspace_id, ledger.id, match["key"], match["value"])


def _created(group: EntryGroup, info: Info) -> Any:
    return created_of(info.context, group) if group.created_ms is None else group.created_ms


async def _ledger(group: EntryGroup, info: Info) -> Ledger:
    return await ledger_of(info.context, group.ledger_id)


async def _ledger_entries(group: EntryGroup, info: Info, **arguments: Any) -> lists.Page:
    ledger = await ledger_of(info.context, group.ledger_id)
    return await lists.group_entries(info.context, ledger, group.key, group.value, arguments)


async def _balances(group: EntryGroup, info: Info, **arguments: Any) -> lists.Page:
    ledger = await ledger_of(info.context, group.ledger_id)
    return await group_balances(info.context, ledger, group, arguments)


def _dashboard_url(group: EntryGroup, info: Info) -> str:
    parts = ("ledgers", group.ledger_id, "groups", group.key, group.value)
    url: str = info.context.dashboard_url(*parts)
    return url


# The argument's name is the API's.
def _own_balance(
    balance: GroupBalance,
    _: Info,
    consistencyMode: str | None = None,  # noqa: N803
) -> int:
    return own_balance(balance, consistencyMode)


FIELDS: Fields = {
    "Query": {"ledgerEntryGroup": resolve_ledger_entry_group},
    "LedgerEntryGroup": {
        "balances": _balances,
        "created": _created,
        "dashboardUrl": _dashboard_url,
        "ledger": _ledger,
        "ledgerEntries": _ledger_entries,
    },
    "LedgerEntryGroupBalance": {"ownBalance": _own_balance},
}
