"""Ledgers. A source is a Ledger."""

from typing import Any

from read_service import lists
from read_service.groups import EntryGroup, ledger_groups
from read_service.lookups import Match, SchemaChoice, find_ledger
from read_service.migrations import ledger_migrations
from read_service.types.data_migrations import (
    account_data_migrations,
    entry_data_migrations,
    entry_stats,
)
from read_service.types.fields import Fields, Info
from shared.ledger.ledgers import Ledger


async def resolve_ledger(_: object, info: Info, ledger: Match) -> Ledger | None:
    """Query.ledger."""
    return await find_ledger(info.context, ledger)


async def resolve_ledgers(_: object, info: Info, **arguments: Any) -> lists.Page:
    """Query.ledgers."""
    return await lists.ledgers(info.context, arguments)


def _balance_utc_offset(ledger: Ledger, _: Info) -> int:
    return ledger.utc_offset_minutes


def _type(_ledger: Ledger, _: Info) -> str:
    return "double"


def _dashboard_url(ledger: Ledger, info: Info) -> str:
    url: str = info.context.dashboard_url("ledgers", ledger.id)
    return url


def _schema(ledger: Ledger, _: Info) -> SchemaChoice | None:
    key = ledger.schema_key
    return None if key is None else SchemaChoice(ledger.workspace_id, key)


async def _ledger_accounts(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    return await lists.ledger_accounts(info.context, ledger, arguments)


async def _ledger_entries(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    return await lists.ledger_entries(info.context, ledger, arguments)


async def _lines(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    return await lists.ledger_lines(info.context, ledger, arguments)


async def _migrations(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    return await ledger_migrations(info.context, ledger, arguments)


# The argument's name is the API's.
async def _ledger_entry_groups(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    return await ledger_groups(info.context, ledger, arguments)


def _ledger_entry_group(ledger: Ledger, _: Info, ledgerEntryGroup: Match) -> EntryGroup:  # noqa: N803
    match = ledgerEntryGroup
    return EntryGroup(ledger.workspace_id, ledger.id, match["key"], match["value"])


FIELDS: Fields = {
    "Query": {"ledger": resolve_ledger, "ledgers": resolve_ledgers},
    "Ledger": {
        "balanceUTCOffset": _balance_utc_offset,
        "dashboardUrl": _dashboard_url,
        "entryStats": entry_stats,
        "ledgerAccountDataMigrations": account_data_migrations,
        "ledgerAccounts": _ledger_accounts,
        "ledgerEntries": _ledger_entries,
        "ledgerEntryDataMigrations": entry_data_migrations,
        "ledgerEntryGroup": _ledger_entry_group,
        "ledgerEntryGroups": _ledger_entry_groups,
        "lines": _lines,
        "migrations": _migrations,
        "schema": _schema,
        "type": _type,
    },
}
