"""Ledger Entry Groups: a key and a value that entries share. A group that no entry has is empty."""

from typing import Any

from read_service import lists
from read_service.lookups import Match, find_ledger, ledger_of
from read_service.types.fields import Fields, Info
from shared.ledger.ledgers import Ledger


class EntryGroup:
    """A group of one ledger."""

    __slots__ = ("key", "ledger_id", "value", "workspace_id")

    def __init__(self, workspace_id: str, ledger_id: str, key: str, value: str) -> None:
        self.workspace_id = workspace_id
        self.ledger_id = ledger_id
        self.key = key
        self.value = value


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


async def _ledger(group: EntryGroup, info: Info) -> Ledger:
    return await ledger_of(info.context, group.ledger_id)


async def _ledger_entries(group: EntryGroup, info: Info, **arguments: Any) -> lists.Page:
    ledger = await ledger_of(info.context, group.ledger_id)
    return await lists.group_entries(info.context, ledger, group.key, group.value, arguments)


def _dashboard_url(group: EntryGroup, info: Info) -> str:
    parts = ("ledgers", group.ledger_id, "groups", group.key, group.value)
    url: str = info.context.dashboard_url(*parts)
    return url


FIELDS: Fields = {
    "Query": {"ledgerEntryGroup": resolve_ledger_entry_group},
    "LedgerEntryGroup": {
        "dashboardUrl": _dashboard_url,
        "ledger": _ledger,
        "ledgerEntries": _ledger_entries,
    },
}
