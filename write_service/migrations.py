"""Moves the ledgers of a Schema to a version: behind storeSchema's answer, one page at a time.

    each ledger   no record ─► started ─► accounts ─► head and `completed`, in one transaction
                  queued         │                    (versions passed by become `skipped` before)
                                 └─► failed, with the reason

A ledger's new accounts are written before the head that shows them, so it is never half on two
versions; posting goes on meanwhile, on the version that the head shows. Every step may be done
twice, and by two processes at once: the head moves under a guard of its revision, a record ends
under a guard of its own, and an account is renamed while both are as they were read. A version that
was passed by after it was begun may have named accounts: those names are replaced like the ones of
the version that the ledger is on.

A ledger that is being created is listed before its creator reads the Schema's newest version. So it
is either on that version, or found here; then its listing is removed, which makes the creator read
again.
"""

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from shared.errors import Overloaded, RejectionError, TwofoldError
from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount
from shared.ledger.chart import AccountNode
from shared.ledger.ledgers import Ledger, MigrationRecord
from shared.limits import (
    MIGRATION_PAGE_LEDGERS,
    MIGRATION_REASON_CHARS_MAX,
    MIGRATIONS_AT_ONCE_MAX,
    STORE_ATTEMPTS_MAX,
    TRANSACT_ITEMS_MAX,
)
from shared.observe import EventLog
from shared.store import keys
from shared.store.items import (
    account_attributes,
    account_from_item,
    ledger_from_item,
    ledger_item,
    migration_from_item,
    migration_item,
)
from shared.store.table import (
    Absent,
    Cause,
    Check,
    Delete,
    Guard,
    Is,
    Item,
    Key,
    Put,
    TableName,
    Transacted,
    Write,
    Written,
)
from write_service.ledgers import IS_BEING_CREATED, static_accounts, write_accounts
from write_service.planning.view import LedgerView
from write_service.posting import WriteServices

LOG = EventLog("write")
MIGRATION_FAILED = "migration_failed"
_DONE = ("completed", "skipped")
# What an item that is written wrong, or a mistake of ours, can raise.
BROKEN = (AssertionError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class SchemaMigration:
    """The version that a Schema's ledgers are to reach."""

    workspace_id: str
    key: str
    generation: int
    version: int


@dataclass(frozen=True, slots=True)
class MigratedPage:
    """Where to go on, None at the end; how many ledgers of the page failed."""

    cursor: str | None
    failed_count: int


async def migrate_page(
    services: WriteServices, migration: SchemaMigration, after: str | None
) -> MigratedPage:
    """Moves the Schema's next ledgers. Raises StoreError and Overloaded: then nothing is lost."""
    partition = keys.schema_ledgers(migration.workspace_id, migration.key)
    page = await services.table.query(
        TableName.LEDGER, partition, after=after, limit=MIGRATION_PAGE_LEDGERS, consistent=True
    )
    places = asyncio.Semaphore(MIGRATIONS_AT_ONCE_MAX)

    async def move(listed: Item) -> bool | TwofoldError:
        async with places:
            try:
                return await migrate_ledger(services, migration, listed)
            except TwofoldError as error:
                return error  # an engine's failure must not end the page's other ledgers
            except BROKEN as error:  # its head or its record can't be read
                LOG.error(MIGRATION_FAILED, ledger=str(listed["sk"]), error=error)
                return False

    ends = await asyncio.gather(*[move(item) for item in page.items])
    for end in ends:
        if isinstance(end, TwofoldError):
            raise end
    cursor = None if page.next_key is None else page.next_key[1]
    return MigratedPage(cursor, sum(end is False for end in ends))


async def migrate_ledger(services: WriteServices, migration: SchemaMigration, listed: Item) -> bool:
    """Moves one listed ledger unless it is there, gone or too new. False when it failed.

    Raises Overloaded when others keep changing it.
    """
    ledger_id, version = str(listed["l"]), migration.version
    if listed.get("s") == IS_BEING_CREATED and await _call_off_creation(services, listed):
        return True
    for _ in range(STORE_ATTEMPTS_MAX):
        head, item = await services.table.get_many(
            [keys.ledger(ledger_id), keys.ledger_migration(ledger_id, version)], consistent=True
        )
        if head is None:
            return True
        ledger = ledger_from_item(head)
        if ledger.state != "live" or (ledger.schema_key, ledger.schema_generation) != (
            migration.key,
            migration.generation,
        ):
            return True
        if max(ledger.schema_version or 0, ledger.migrated_from) >= version:
            return True
        record = None if item is None else migration_from_item(item)
        if record is not None and record.status in _DONE:
            return True  # a newer version's migration has passed this one by
        started = await _start(services, ledger, version, record)
        if started is None:
            continue
        begun = await _skip_older(services, ledger, version)
        if begun is None:
            continue
        try:
            moved = await _move(services, ledger, started, begun)
        except (*BROKEN, RejectionError) as error:
            await _fail(services, started, error)
            return False
        if moved:
            return True
    raise Overloaded(f"others keep changing the Ledger {ledger_id}")


async def _call_off_creation(services: WriteServices, listed: Item) -> bool:
    """Removes the listing of a creation that is under way, or was given up; False when the ledger
    has come to stand meanwhile.
    """
    key = Key(TableName.LEDGER, str(listed["pk"]), str(listed["sk"]))
    answer = await services.table.write(Delete(key, (Is("s", IS_BEING_CREATED),)))
    return isinstance(answer, Written) or answer.old is None


async def _start(
    services: WriteServices, ledger: Ledger, version: int, record: MigrationRecord | None
) -> MigrationRecord | None:
    """The record as `started`; None when another process has changed it."""
    if record is not None and record.status == "started":
        return record
    guard: Guard = Absent() if record is None else Is("r", record.revision)
    revision = 1 if record is None else record.revision + 1
    started = MigrationRecord(ledger.id, version, "started", revision)
    put = Put(TableName.BALANCES, migration_item(started), (guard,))
    answer = await services.table.write(put)
    if isinstance(answer, Written) or answer.old == put.item:
        return started
    return None


async def _skip_older(
    services: WriteServices, ledger: Ledger, version: int
) -> Sequence[int] | None:
    """Marks the versions between the ledger's and this one as passed by, and gives those that were
    begun before; None when one of them was changed meanwhile.
    """
    first = max(ledger.schema_version or 0, ledger.migrated_from) + 1
    begun: list[int] = []
    page_versions = TRANSACT_ITEMS_MAX
    for low in range(first, version, page_versions):
        versions = range(low, min(low + page_versions, version))
        wanted = [keys.ledger_migration(ledger.id, each) for each in versions]
        items = await services.table.get_many(wanted, consistent=True)
        writes: list[Write] = []
        for each, item in zip(versions, items, strict=True):
            record = None if item is None else migration_from_item(item)
            if record is not None and (record.status, record.revision) != ("skipped", 1):
                begun.append(each)
            if record is not None and record.status in ("completed", "skipped", "failed"):
                continue
            guard: Guard = Absent() if record is None else Is("r", record.revision)
            revision = 1 if record is None else record.revision + 1
            skipped = MigrationRecord(ledger.id, each, "skipped", revision)
            writes.append(Put(TableName.BALANCES, migration_item(skipped), (guard,)))
        if writes:
            answer = await services.table.transact(writes, services.new_token())
            if not isinstance(answer, Transacted):
                return None
    return begun


async def _move(
    services: WriteServices, ledger: Ledger, started: MigrationRecord, begun: Sequence[int]
) -> bool:
    """Accounts first, then the head and the record at once; False when either has changed."""
    moved = replace(ledger, schema_version=started.version, revision=ledger.revision + 1)
    old = await services.prefetcher.view(ledger)
    new = await services.prefetcher.view(moved)
    await write_accounts(services, _new_accounts(services, old, new), 0)
    names = await _earlier_names(services, old, begun)
    if not await _rename_accounts(services, ledger, started, names, new):
        return False
    done = replace(started, status="completed", revision=started.revision + 1)
    writes: list[Write] = [
        Put(TableName.LEDGER, ledger_item(moved), (Is("r", ledger.revision),)),
        Put(TableName.BALANCES, migration_item(done), (Is("r", started.revision),)),
    ]
    answer = await services.table.transact(writes, services.new_token())
    services.catalog.forget_ledger(ledger.id)
    return isinstance(answer, Transacted)


def _new_accounts(
    services: WriteServices, old: LedgerView, new: LedgerView
) -> Sequence[LedgerAccount]:
    """The accounts that the new version adds: those of the one before stand already."""
    standing = {path for path, _ in old.schema.chart.static_accounts()}
    accounts = static_accounts(new, services.clock.now_ms())
    return [account for account in accounts if account.path not in standing]


async def _earlier_names(
    services: WriteServices, old: LedgerView, begun: Sequence[int]
) -> dict[str, set[str]]:
    """By path, the names that accounts have by the ledger's version or by one that was begun."""
    schemas = [old.schema]
    ledger = old.ledger
    assert ledger.schema_key is not None
    for version in begun:
        at = (ledger.workspace_id, ledger.schema_key, ledger.schema_generation, version)
        try:
            schemas.append(await services.catalog.schema(*at))
        except BROKEN:
            continue  # who began it couldn't read it either
    names: dict[str, set[str]] = {}
    for schema in schemas:
        for path, node in schema.chart.static_accounts():
            names.setdefault(path, set()).add(account_name(node))
    return names


async def _rename_accounts(
    services: WriteServices,
    ledger: Ledger,
    started: MigrationRecord,
    names: Mapping[str, Set[str]],
    new: LedgerView,
) -> bool:
    """Gives accounts the name that the new version gives them, unless they were renamed otherwise.
    False when the head or the record has changed: others have moved the ledger.

    Instances of templates keep the name that they were created with.
    """
    at = keys.ledger_migration(ledger.id, started.version)
    unmoved = (
        Check(keys.ledger(ledger.id), (Is("r", ledger.revision),)),
        Check(at, (Is("r", started.revision),)),
    )
    for path, node in new.schema.chart.static_accounts():
        after = account_name(node)
        replaced = names.get(path, set()) - {after}
        if not replaced:
            continue
        key = keys.account(identifiers.account_id(ledger.id, path))
        for _ in range(STORE_ATTEMPTS_MAX):
            item = await services.table.get(key, consistent=True)
            assert item is not None, "the version's accounts stand"
            account = account_from_item(item)
            if account.name not in replaced:
                break
            renamed = replace(account, name=after, revision=account.revision + 1)
            wanted = {**item, **account_attributes(renamed)}
            put = Put(TableName.LEDGER, wanted, (Is("r", account.revision),))
            answer = await services.table.transact([put, *unmoved], services.new_token())
            if isinstance(answer, Transacted):
                break
            if any(reason.cause is Cause.GUARD for reason in answer.reasons[1:]):
                return False
        else:
            raise Overloaded(f"others keep changing the account {path} of the Ledger {ledger.id}")
    return True


def account_name(node: AccountNode) -> str:
    """The name of an account that always exists: it holds no parameters."""
    return node.key if node.name is None else node.name.text


async def _fail(services: WriteServices, started: MigrationRecord, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"[:MIGRATION_REASON_CHARS_MAX]
    LOG.error(MIGRATION_FAILED, ledger=started.ledger_id, version=started.version, error=error)
    failed = replace(started, status="failed", revision=started.revision + 1, reason=reason)
    guard = Is("r", started.revision)
    await services.table.write(Put(TableName.BALANCES, migration_item(failed), (guard,)))
