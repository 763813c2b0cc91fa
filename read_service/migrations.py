"""Migrations of ledgers to new Schema versions, newest first: what was begun has a record, the rest
follows from where the ledger stands.

    Ledger.migrations         versions after the ledger's creation   one Query a page
    SchemaVersion.migrations  ledgers older than the version         a Query, heads and records
"""

from collections.abc import Sequence
from dataclasses import dataclass

from read_service.connections import PageInfo
from read_service.context import RequestContext
from read_service.lists import Arguments, Page, page_of_all, read_page
from read_service.lookups import schema_head
from shared.ledger.ledgers import (
    Ledger,
    MigrationRecord,
    MigrationStatus,
    SchemaVersion,
    migration_status,
)
from shared.limits import LIST_WALK_CHUNK_ITEMS, MIGRATIONS_SHOWN_MAX
from shared.store import keys
from shared.store.items import ledger_from_item, migration_from_item
from shared.store.table import Item, TableName

VERSION_MAX = 10**10 - 1


@dataclass(frozen=True, slots=True)
class Migration:
    """A LedgerMigration. `key` is the Schema's."""

    ledger: Ledger
    key: str
    version: int
    status: MigrationStatus


def _position(version: int) -> str:
    """Newest first."""
    return f"{VERSION_MAX - version:010d}"


async def ledger_migrations(context: RequestContext, ledger: Ledger, arguments: Arguments) -> Page:
    """Ledger.migrations: to each version that was stored since the ledger was created."""
    digest, page = read_page(context, "Ledger.migrations", ledger.id, arguments)
    key = ledger.schema_key
    head = None if key is None else await schema_head(context, key)
    if key is None or head is None:
        return page_of_all(digest, page, [])
    versions = range(head.version, ledger.migrated_from, -1)
    chosen = page_of_all(digest, page, [(_position(version), version) for version in versions])
    if not chosen.nodes:
        return chosen
    records = await _records_of(context, ledger, chosen.nodes[-1], chosen.nodes[0])
    nodes = [
        Migration(ledger, key, version, migration_status(ledger, version, records.get(version)))
        for version in chosen.nodes
    ]
    return Page(nodes, chosen.page_info)


async def _records_of(
    context: RequestContext, ledger: Ledger, first: int, last: int
) -> dict[int, MigrationRecord]:
    """The records of a ledger's migrations to the versions from `first` to `last`."""
    items = await context.table.query(
        TableName.BALANCES,
        keys.ledger_migrations(ledger.id),
        low=keys.ledger_migration(ledger.id, first).sk,
        high=keys.ledger_migration(ledger.id, last).sk,
        limit=last - first + 1,
        consistent=True,
    )
    records = [migration_from_item(item) for item in items.items]
    return {record.version: record for record in records}


async def version_migrations(context: RequestContext, version: SchemaVersion) -> Page:
    """SchemaVersion.migrations: of the ledgers that were created before the version was stored.

    The field takes no arguments, so it gives all at once, the newest ledgers first, and says with
    `hasNextPage` when there are more than MIGRATIONS_SHOWN_MAX.
    """
    partition = keys.schema_ledgers(context.workspace_id, version.key)
    nodes: list[Migration] = []
    after: str | None = None
    while len(nodes) <= MIGRATIONS_SHOWN_MAX:
        page = await context.table.query(
            TableName.LEDGER, partition, after=after, limit=LIST_WALK_CHUNK_ITEMS, consistent=True
        )
        nodes += await _migrations_to(context, version, page.items)
        if page.next_key is None:
            break
        after = page.next_key[1]
    context.count_nodes(len(nodes))
    more = len(nodes) > MIGRATIONS_SHOWN_MAX
    info = PageInfo(has_next_page=more, end_cursor=None, has_previous_page=False, start_cursor=None)
    return Page(nodes[:MIGRATIONS_SHOWN_MAX], info)


async def _migrations_to(
    context: RequestContext, version: SchemaVersion, listed: Sequence[Item]
) -> list[Migration]:
    """The migrations of a page of the Schema's ledgers: heads and records in one BatchGetItem."""
    ids = [str(item["sk"]).partition("#")[2] for item in listed if "s" not in item]
    loading = [
        (
            context.items.load(keys.ledger(ledger_id)),
            context.items.load(keys.ledger_migration(ledger_id, version.version)),
        )
        for ledger_id in ids
    ]
    found = []
    for head, record in loading:
        item, kept = await head, await record
        ledger = None if item is None else ledger_from_item(item)
        if ledger is None or ledger.state != "live" or ledger.migrated_from >= version.version:
            continue
        told = None if kept is None else migration_from_item(kept)
        status = migration_status(ledger, version.version, told)
        found.append(Migration(ledger, version.key, version.version, status))
    return found
