"""Data migrations of archived entry types and accounts, and the counts of entries by type.

A list of migrations is short: it is read whole, from the Schema's versions, which the process
remembers. What is still to be migrated is a list of the search index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from read_service import lists
from read_service.context import RequestContext
from read_service.data_migrations import (
    MigrationStep,
    account_steps,
    entry_type_steps,
    is_wanted,
    of_type,
    on_account,
)
from read_service.types.fields import Fields, Info
from read_service.walks import Partition, walk
from shared.ledger.entry_counts import count_of, type_of_position
from shared.ledger.ledgers import Ledger
from shared.ledger.schemas import Schema
from shared.limits import DATA_MIGRATION_VERSIONS_MAX
from shared.search.clauses import Clause
from shared.store import keys
from shared.store.table import Item, TableName

_POSITION_CHARS = 100  # of a path, in a cursor; a digest of the whole follows


@dataclass(frozen=True, slots=True)
class DataMigration:
    """What an archived entry type's or account's entries are to leave; `steps` oldest first."""

    ledger: Ledger
    steps: tuple[MigrationStep, ...]
    clause: Clause  # finds its entries
    position: str
    entry_type: str | None = None
    type_version: int | None = None
    account_path: str | None = None

    @property
    def status(self) -> str:
        return self.steps[-1].status

    @property
    def current_migration(self) -> MigrationStep | None:
        """The step that is under way; None when none is."""
        return self.steps[-1] if self.status == "active" else None


async def _versions(context: RequestContext, ledger: Ledger) -> list[tuple[int, Schema]]:
    """The Schema's versions up to the ledger's, oldest first; at most the newest so many."""
    key, newest = ledger.schema_key, ledger.schema_version
    if key is None or newest is None:
        return []
    generation = ledger.schema_generation
    oldest = max(1, newest - DATA_MIGRATION_VERSIONS_MAX + 1)
    return [
        (number, await context.catalog.schema(ledger.workspace_id, key, generation, number))
        for number in range(oldest, newest + 1)
    ]


def _page(
    info: Info,
    field: str,
    ledger: Ledger,
    arguments: lists.Arguments,
    migrations: Sequence[DataMigration],
) -> lists.Page:
    digest, page = lists.read_page(info.context, field, ledger.id, arguments)
    kept = [
        (each.position, each)
        for each in sorted(migrations, key=lambda migration: migration.position)
        if is_wanted(arguments.get("filter"), _values(each))
    ]
    return lists.page_of_all(digest, page, kept)


def _values(migration: DataMigration) -> dict[str, str]:
    """What the filters ask of."""
    return {
        "accountPath": migration.account_path or "",
        "entryType": migration.entry_type or "",
        "status": migration.status,
        "typeVersion": str(migration.type_version),
    }


async def entry_data_migrations(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    """Ledger.ledgerEntryDataMigrations, by type and version."""
    steps = entry_type_steps(await _versions(info.context, ledger))
    migrations = [
        DataMigration(
            ledger,
            tuple(each),
            of_type(name, version),
            f"{name}#{version:010d}",
            entry_type=name,
            type_version=version,
        )
        for (name, version), each in steps.items()
    ]
    field = "Ledger.ledgerEntryDataMigrations"
    return _page(info, field, ledger, arguments, migrations)


async def account_data_migrations(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    """Ledger.ledgerAccountDataMigrations, by path."""
    steps = account_steps(await _versions(info.context, ledger))
    migrations = [
        DataMigration(
            ledger, tuple(each), on_account(ledger.id, path), _position(path), account_path=path
        )
        for path, each in steps.items()
    ]
    field = "Ledger.ledgerAccountDataMigrations"
    return _page(info, field, ledger, arguments, migrations)


def _position(path: str) -> str:
    digest = blake2b(path.encode(), digest_size=8).hexdigest()
    return f"{path[:_POSITION_CHARS]}#{digest}"


async def _ledger_entries(migration: DataMigration, info: Info, **arguments: Any) -> lists.Page:
    """What is still to be migrated: entries that stand, not those that were reversed."""
    context: RequestContext = info.context
    ledger = migration.ledger
    owner = f"{ledger.id}#{migration.position}"
    digest, page = lists.read_page(context, "DataMigration.ledgerEntries", owner, arguments)
    query = lists.ListQuery(digest, page, (migration.clause, lists.NOT_HIDDEN))
    return await lists.search_list(context, lists.LEDGER_ENTRIES, query, (ledger.id,))


def _history(migration: DataMigration, info: Info, **arguments: Any) -> lists.Page:
    """Newest first."""
    owner = f"{migration.ledger.id}#{migration.position}"
    digest, page = lists.read_page(info.context, "DataMigration.history", owner, arguments)
    placed = [(keys.inverted_ms(step.schema_version), step) for step in reversed(migration.steps)]
    return lists.page_of_all(digest, page, placed)


# --- Counts ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class EntryStats:
    """How many entries of one type and version there are."""

    ledger_id: str
    schema_key: str
    type: str
    type_version: int
    count: int
    reversals_count: int

    @property
    def net_count(self) -> int:
        """Those that stand."""
        return self.count - self.reversals_count


async def entry_stats(ledger: Ledger, info: Info, **arguments: Any) -> lists.Page:
    """Ledger.entryStats, by type and version: a moment behind the posts."""
    context: RequestContext = info.context
    digest, page = lists.read_page(context, "Ledger.entryStats", ledger.id, arguments)

    async def hydrate(items: Sequence[Item]) -> list[EntryStats | None]:
        found: list[EntryStats | None] = []
        for item in items:
            count = count_of(item)
            named = type_of_position(str(item["sk"]))
            stats = EntryStats(ledger.id, ledger.schema_key or "", *named, *count)
            found.append(stats if any(count) else None)
        return found

    partition = Partition(TableName.BALANCES, keys.entry_counts(ledger.id), consistent=False)
    walked = await walk(context.table, partition, page, hydrate, filtered=False)
    return lists.page_of_walk(digest, page, walked)


_MIGRATION: dict[str, Any] = {"history": _history, "ledgerEntries": _ledger_entries}

FIELDS: Fields = {
    "LedgerEntryDataMigration": _MIGRATION,
    "LedgerAccountDataMigration": _MIGRATION,
}
