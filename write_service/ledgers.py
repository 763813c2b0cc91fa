"""createLedger, updateLedger, instantiateLedgerAccount, and the move of ledgers to a new Schema
version.

A ledger's static accounts are written before (or with) the head that shows them, so a ledger is
never seen on a version whose accounts don't stand yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import Overloaded, RejectionError
from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount
from shared.ledger.ledgers import Ledger, SchemaHead
from shared.ledger.rejections import Rejection, reject
from shared.limits import STORE_ATTEMPTS_MAX, TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.items import (
    account_from_item,
    ledger_from_item,
    ledger_ik_item,
    ledger_item,
    schema_head_from_item,
)
from shared.store.table import (
    Absent,
    Guard,
    Is,
    Put,
    TableName,
    Transacted,
    Write,
)
from write_service.commands import LedgerMatch
from write_service.packing import account_write
from write_service.planning.entries import build_account, instance_accounts
from write_service.planning.lines import resolve_account
from write_service.planning.parameters import shown
from write_service.planning.view import LedgerView
from write_service.posting import WriteServices

_HEAD_WRITES = 4  # head, ik, two directories: what goes with the last accounts


@dataclass(frozen=True, slots=True)
class CreateLedger:
    """Create one ledger; `schema_version` None means the newest."""

    workspace_id: str
    ik: str
    name: str
    utc_offset_minutes: int
    schema_key: str | None
    schema_version: int | None


async def create_ledger(
    services: WriteServices, command: CreateLedger
) -> tuple[Ledger, bool] | Rejection:
    """The ledger and whether it stood before. Raises Overloaded when others keep winning."""
    ik_key = keys.ledger_ik(command.workspace_id, command.ik)
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(ik_key, consistent=True)
        if item is not None and item.get("l"):
            standing = await services.table.get(keys.ledger(str(item["l"])), consistent=True)
            if standing is not None:
                return ledger_from_item(standing), True
        generation = 1 if item is None else int(item["g"]) + 1
        version: int | None = None
        if command.schema_key is not None:
            found = await _schema_version(services, command)
            if isinstance(found, Rejection):
                return found
            version = found
        ledger = Ledger(
            id=identifiers.ledger_id(command.workspace_id, command.ik, generation),
            workspace_id=command.workspace_id,
            ik=command.ik,
            name=command.name,
            utc_offset_minutes=command.utc_offset_minutes,
            created_ms=services.clock.now_ms(),
            schema_key=command.schema_key,
            schema_version=version,
        )
        guard: Guard = Absent() if item is None else Is("g", generation - 1)
        if await _open_ledger(services, ledger, generation, guard):
            services.catalog.forget_ledger(ledger.id)
            return ledger, False
    raise Overloaded(f"others keep creating the Ledger {command.ik}")


async def _schema_version(services: WriteServices, command: CreateLedger) -> int | Rejection:
    assert command.schema_key is not None
    key = keys.schema_head(command.workspace_id, command.schema_key)
    item = await services.table.get(key, consistent=True)
    if item is None:
        return reject("schema_not_found", what=f"the key {command.schema_key}")
    newest = schema_head_from_item(item).version
    version = command.schema_version or newest
    if version > newest:
        return reject("schema_version_not_found", key=command.schema_key, version=version)
    return version


async def _open_ledger(
    services: WriteServices, ledger: Ledger, generation: int, guard: Guard
) -> bool:
    """Writes the accounts, with the last the ledger itself; False when another was first."""
    accounts: list[LedgerAccount] = []
    if ledger.schema_key is not None:
        accounts = static_accounts(await services.prefetcher.view(ledger), ledger.created_ms)
    listed = keys.ledger_listed(ledger.workspace_id, ledger.created_ms, ledger.id)
    writes: list[Write] = [
        Put(TableName.LEDGER, ledger_item(ledger), (Absent(),)),
        Put(
            TableName.LEDGER,
            ledger_ik_item(ledger.workspace_id, ledger.ik, ledger.id, generation),
            (guard,),
        ),
        Put(TableName.LEDGER, {"pk": listed.pk, "sk": listed.sk, "l": ledger.id}),
    ]
    if ledger.schema_key is not None:
        of_schema = keys.schema_ledger_listed(
            ledger.workspace_id, ledger.schema_key, ledger.created_ms, ledger.id
        )
        writes.append(
            Put(TableName.LEDGER, {"pk": of_schema.pk, "sk": of_schema.sk, "l": ledger.id})
        )
    assert len(writes) <= _HEAD_WRITES
    rest = await write_accounts(services, accounts, TRANSACT_ITEMS_MAX - len(writes))
    writes.extend(account_write(account) for account in rest)
    answer = await services.table.transact(writes, services.new_token())
    if not isinstance(answer, Transacted):
        return False
    for account in accounts:
        services.catalog.learn_account(account)
    return True


def static_accounts(view: LedgerView, now_ms: int) -> list[LedgerAccount]:
    """The accounts that exist as soon as the Schema is applied, parents first."""
    return [
        build_account(view, resolve_account(view, path), {}, now_ms)
        for path, _ in view.schema.chart.static_accounts()
    ]


async def write_accounts(
    services: WriteServices, accounts: Sequence[LedgerAccount], leave: int
) -> Sequence[LedgerAccount]:
    """Writes accounts in transactions until at most `leave` are left, which are returned."""
    while len(accounts) > leave:
        now, accounts = accounts[:TRANSACT_ITEMS_MAX], accounts[TRANSACT_ITEMS_MAX:]
        answer = await services.table.transact(
            [account_write(account) for account in now], services.new_token()
        )
        if not isinstance(answer, Transacted):
            raise Overloaded("the ledger's accounts are being written by others")
    return accounts


async def update_ledger(
    services: WriteServices, workspace_id: str, match: LedgerMatch, name: str | None
) -> Ledger | Rejection:
    """Changes the ledger's name; None leaves it. Raises Overloaded when others keep winning."""
    try:
        ledger = await services.prefetcher.ledger(workspace_id, match, "ledger")
    except RejectionError as error:
        return error.rejection
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(keys.ledger(ledger.id), consistent=True)
        assert item is not None, "a ledger's head is never removed"
        standing = ledger_from_item(item)
        if name is None or standing.name == name:
            return standing
        changed = replace(standing, name=name, revision=standing.revision + 1)
        if await _replace_head(services, changed):
            return changed
    raise Overloaded(f"others keep changing the Ledger {ledger.ik}")


async def _replace_head(services: WriteServices, changed: Ledger) -> bool:
    guard = Is("r", changed.revision - 1)
    put = Put(TableName.LEDGER, ledger_item(changed), (guard,))
    answer = await services.table.transact([put], services.new_token())
    services.catalog.forget_ledger(changed.id)
    return isinstance(answer, Transacted)


# --- Moving to a new Schema version ---------------------------------------------------------------
async def move_ledgers(services: WriteServices, workspace_id: str, head: SchemaHead) -> None:
    """Moves every ledger of the Schema that is on an older version to `head.version`."""
    partition = keys.schema_ledgers(workspace_id, head.key)
    after: str | None = None
    while True:
        page = await services.table.query(TableName.LEDGER, partition, after=after, consistent=True)
        for item in page.items:
            await _move_ledger(services, str(item["l"]), head.version)
        if page.next_key is None:
            return
        after = page.next_key[1]


async def _move_ledger(services: WriteServices, ledger_id: str, version: int) -> None:
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(keys.ledger(ledger_id), consistent=True)
        if item is None:
            return
        ledger = ledger_from_item(item)
        if ledger.state != "live" or (ledger.schema_version or 0) >= version:
            return
        moved = replace(ledger, schema_version=version, revision=ledger.revision + 1)
        accounts = static_accounts(await services.prefetcher.view(moved), services.clock.now_ms())
        unknown = [each for each in accounts if services.catalog.known_account(each.id) is None]
        await write_accounts(services, unknown, 0)
        for account in unknown:
            services.catalog.learn_account(account)
        if await _replace_head(services, moved):
            return
    raise Overloaded(f"others keep changing the Ledger {ledger_id}")


# --- Template instances ---------------------------------------------------------------------------
async def instantiate_account(
    services: WriteServices,
    workspace_id: str,
    match: LedgerMatch,
    path: str,
    parameters: dict[str, Any],
) -> LedgerAccount | Rejection:
    """The template instance at `path`, with its templated ancestors; made unless it stands."""
    try:
        ledger = await services.prefetcher.ledger(workspace_id, match, "ledger")
        if ledger.schema_key is None:
            detail = "it has no templates to instantiate"
            return reject("ledger_without_schema", ledger=ledger.ik, detail=detail)
        view = await services.prefetcher.view(ledger)
        account = resolve_account(view, path)
        if not account.node.is_under_template:
            detail = "it has no template on its way, so it exists since the Schema was applied"
            return reject("invalid_account_path", path=shown(path), detail=detail)
        await services.prefetcher.learn_accounts([at for at, _ in account.instances])
        standing = services.catalog.known_account(account.id)
        if standing is None:
            texts = _instance_parameters(account.node.path_parameters, parameters)
            wanted = instance_accounts(view, account, texts, services.clock.now_ms())
            new = [each for each in wanted if services.catalog.known_account(each.id) is None]
            currencies = [each.currency for each in new]
            await services.prefetcher.check_currencies(workspace_id, currencies)
            await write_accounts(services, new, 0)
        item = await services.table.get(keys.account(account.id), consistent=True)
        assert item is not None, "the account was written just now"
        services.catalog.learn_account(account_from_item(item))
        return account_from_item(item)
    except RejectionError as error:
        return error.rejection


def _instance_parameters(needed: frozenset[str], given: dict[str, Any]) -> dict[str, str]:
    """Exactly the parameters of the names, currencies and links on the way, as texts."""
    for name in sorted(needed):
        if name not in given:
            raise RejectionError(reject("missing_parameter", name=name, where="the Ledger Account"))
    for name, value in given.items():
        if name not in needed:
            raise RejectionError(
                reject(
                    "bad_request", detail=f"The parameter {shown(name)} is not used by the account."
                )
            )
        if not isinstance(value, str) or not value:
            raise RejectionError(
                reject(
                    "invalid_parameter", name=name, rule="a non-empty string", value=shown(value)
                )
            )
    return given
