"""createLedger, updateLedger, deleteLedger, instantiateLedgerAccount.

A ledger's static accounts are written before (or with) the head that shows them, so a ledger is
never seen on a version whose accounts don't stand yet.

    of an ik   absent or free ─► reserved for a Schema version ─► held by a ledger ─► free ─► …
                      └─────── few accounts: at once ──────────────────┘

Accounts that don't fit into the head's transaction are written under an id that is reserved, on the
item of the ik, for the Schema version they are of. Creators of the same join each other. One who
wants another version gives them time, then reserves the next id: whatever they left is nobody's.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import Overloaded, RejectionError
from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount
from shared.ledger.ledgers import Ledger, SchemaHead
from shared.ledger.rejections import Rejection, reject
from shared.limits import (
    LEDGER_IK_REST_MS,
    LEDGER_IK_RESTS_FOR_MS,
    STORE_ATTEMPTS_MAX,
    SWEEP_DELAY_MS,
    TRANSACT_ITEMS_MAX,
)
from shared.store import keys
from shared.store.items import (
    account_from_item,
    ledger_from_item,
    ledger_ik_item,
    ledger_item,
    schema_head_from_item,
    schema_head_item,
    sweep_work_item,
)
from shared.store.table import (
    Absent,
    Cause,
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
from write_service.commands import LedgerMatch
from write_service.packing import account_write
from write_service.planning.entries import build_account, instance_accounts, refuse_misfit
from write_service.planning.lines import resolve_account
from write_service.planning.parameters import parameter_text, shown
from write_service.planning.view import LedgerView
from write_service.plans import account_misfit
from write_service.posting import WriteServices
from write_service.prefetch import described

IS_BEING_CREATED = "i"  # `s` of a listed ledger that doesn't stand yet
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
    created_ms = services.clock.now_ms()
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(ik_key, consistent=True)
        if item is not None and item["l"]:
            standing = await services.table.get(keys.ledger(str(item["l"])), consistent=True)
            if standing is not None:
                return ledger_from_item(standing), True
        if item is not None and created_ms - _freed_ms(item) < LEDGER_IK_RESTS_FOR_MS:
            await asyncio.sleep(LEDGER_IK_REST_MS / 1_000)
        generation = _generation(item)
        ledger: Ledger | Rejection = Ledger(
            id=identifiers.ledger_id(command.workspace_id, command.ik, generation),
            workspace_id=command.workspace_id,
            ik=command.ik,
            name=command.name,
            utc_offset_minutes=command.utc_offset_minutes,
            created_ms=created_ms,
            schema_key=command.schema_key,
            schema_version=None,
        )
        assert isinstance(ledger, Ledger)
        if command.schema_key is not None:
            ledger = await _on_schema(services, ledger, command.schema_version)
            if isinstance(ledger, Rejection):
                return ledger
        if item is not None and _reserved_for(item) not in (None, _purpose(ledger)):
            await _call_off(services, ledger)
            await asyncio.sleep(LEDGER_IK_REST_MS / 1_000)
            await services.table.write(_reservation(ledger, generation + 1, item))
            continue
        if await _open_ledger(services, ledger, generation, item):
            services.catalog.forget_ledger(ledger.id)
            return ledger, False
        await _call_off(services, ledger)
    raise Overloaded(f"others keep creating the Ledger {command.ik}")


def _freed_ms(of_ik: Item) -> int:
    """When the ledger of the ik was deleted."""
    freed_ms = of_ik.get("t", 0)
    assert isinstance(freed_ms, int)
    return freed_ms


# --- The ik ---------------------------------------------------------------------------------------
def _reserved_for(of_ik: Item) -> str | None:
    """The purpose of the creation that the ik is reserved for."""
    purpose = of_ik.get("f")
    return None if purpose is None else str(purpose)


def _purpose(ledger: Ledger) -> str:
    """What makes the ledger's accounts: creations of the same write the same ones."""
    return f"{ledger.schema_key} {ledger.schema_generation} {ledger.schema_version}"


def _generation(of_ik: Item | None) -> int:
    """The generation that is reserved, or the next."""
    if of_ik is None:
        return 1
    taken = of_ik["g"]
    assert isinstance(taken, int)
    return taken if _reserved_for(of_ik) is not None else taken + 1


def _as_read(of_ik: Item | None) -> tuple[Guard, ...]:
    """The ik's item hasn't changed: once a ledger holds the ik, it is reserved for nothing."""
    if of_ik is None:
        return (Absent(),)
    guards: tuple[Guard, ...] = (Is("g", of_ik["g"]),)
    purpose = _reserved_for(of_ik)
    return guards if purpose is None else (*guards, Is("f", purpose))


def _reservation(ledger: Ledger, generation: int, of_ik: Item | None) -> Put:
    """Reserves the generation of the ik, if it is as it was read."""
    free = ledger_ik_item(ledger.workspace_id, ledger.ik, "", generation)
    wanted = {**(of_ik or {}), **free, "f": _purpose(ledger)}
    return Put(TableName.LEDGER, wanted, _as_read(of_ik))


# --- Creating on a Schema -------------------------------------------------------------------------
async def _on_schema(
    services: WriteServices, ledger: Ledger, asked_version: int | None
) -> Ledger | Rejection:
    """The ledger on the version asked for, or the newest.

    It is listed as one of the Schema's before the newest version is read. So whoever stores a
    version, or deletes the Schema, either finds it, or is found by it.
    """
    assert ledger.schema_key is not None
    head = await _schema_head(services, ledger)
    if isinstance(head, Rejection):
        return head
    if (asked_version or 0) > head.version:
        return reject("schema_version_not_found", key=ledger.schema_key, version=asked_version)
    await _list_creation(services, ledger)
    head = await _schema_head(services, ledger)
    if isinstance(head, SchemaHead):
        version = asked_version or head.version
        if version <= head.version:
            return replace(
                ledger,
                schema_version=version,
                schema_since=head.version,
                schema_generation=head.generation,
            )
        head = reject("schema_version_not_found", key=ledger.schema_key, version=version)
    await _call_off(services, ledger)
    return head


async def _schema_head(services: WriteServices, ledger: Ledger) -> SchemaHead | Rejection:
    """The live head; a deletion of the Schema that is under way is called off."""
    assert ledger.schema_key is not None
    key = keys.schema_head(ledger.workspace_id, ledger.schema_key)
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(key, consistent=True)
        head = None if item is None else schema_head_from_item(item)
        if head is None or head.state == "deleted":
            return reject("schema_not_found", what=f"the key {ledger.schema_key}")
        if head.state == "live":
            return head
        kept = replace(head, state="live", revision=head.revision + 1)
        guard = Is("r", head.revision)
        await services.table.write(Put(TableName.LEDGER, schema_head_item(kept), (guard,)))
    raise Overloaded(f"others keep changing the Schema {ledger.schema_key}")


def _of_schema(ledger: Ledger) -> Item:
    """The ledger's item in the list of its Schema's ledgers."""
    assert ledger.schema_key is not None
    key = keys.schema_ledger_listed(
        ledger.workspace_id, ledger.schema_key, ledger.created_ms, ledger.id
    )
    return {"pk": key.pk, "sk": key.sk, "l": ledger.id}


async def _list_creation(services: WriteServices, ledger: Ledger) -> None:
    listed: Item = {**_of_schema(ledger), "s": IS_BEING_CREATED}
    await services.table.write(Put(TableName.LEDGER, listed, (Absent(),)))


async def _call_off(services: WriteServices, ledger: Ledger) -> None:
    """Removes the listing of a creation that came to nothing."""
    if ledger.schema_key is not None:
        listed = _of_schema(ledger)
        key = Key(TableName.LEDGER, str(listed["pk"]), str(listed["sk"]))
        await services.table.write(Delete(key, (Is("s", IS_BEING_CREATED),)))


async def _open_ledger(
    services: WriteServices, ledger: Ledger, generation: int, of_ik: Item | None
) -> bool:
    """Writes the accounts, with the last the ledger itself; False when another was first. The
    generation is reserved before any account is written ahead.
    """
    accounts: list[LedgerAccount] = []
    if ledger.schema_key is not None:
        accounts = static_accounts(await services.prefetcher.view(ledger), ledger.created_ms)
    is_ahead = len(accounts) > TRANSACT_ITEMS_MAX - _HEAD_WRITES
    if is_ahead and (of_ik is None or _reserved_for(of_ik) is None):
        reservation = _reservation(ledger, generation, of_ik)
        answer = await services.table.write(reservation)
        if not isinstance(answer, Written) and answer.old != reservation.item:
            return False
        of_ik = reservation.item
    listed = keys.ledger_listed(ledger.workspace_id, ledger.created_ms, ledger.id)
    writes: list[Write] = [
        Put(TableName.LEDGER, ledger_item(ledger), (Absent(),)),
        Put(
            TableName.LEDGER,
            ledger_ik_item(ledger.workspace_id, ledger.ik, ledger.id, generation),
            _as_read(of_ik),
        ),
        Put(TableName.LEDGER, {"pk": listed.pk, "sk": listed.sk, "l": ledger.id}),
    ]
    if ledger.schema_key is not None:
        writes.append(Put(TableName.LEDGER, _of_schema(ledger), (Is("s", IS_BEING_CREATED),)))
    assert len(writes) <= _HEAD_WRITES
    rest = await write_accounts(services, accounts, TRANSACT_ITEMS_MAX - len(writes))
    writes.extend(account_write(account) for account in rest)
    opened = await services.table.transact(writes, services.new_token())
    if not isinstance(opened, Transacted):
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
            for account, reason in zip(now, answer.reasons, strict=True):
                if reason.cause is Cause.GUARD:
                    raise RejectionError(account_misfit(account))
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
        if standing.state != "live":
            services.catalog.forget_ledger(ledger.id)
            return reject("ledger_not_found", what=described(match))
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


# --- Deleting -------------------------------------------------------------------------------------
async def delete_ledger(
    services: WriteServices, workspace_id: str, match: LedgerMatch
) -> Ledger | Rejection:
    """Makes the ledger invisible, with all that is in it; its ik is free for another ledger.

    A post that runs at the same time is refused, or lands where nobody sees it. Raises Overloaded
    when others keep changing the ledger.
    """
    try:
        ledger = await services.prefetcher.ledger(workspace_id, match, "ledger")
    except RejectionError as error:
        return error.rejection
    ik_key = keys.ledger_ik(workspace_id, ledger.ik)
    for _ in range(STORE_ATTEMPTS_MAX):
        item, of_ik = await services.table.get_many(
            [keys.ledger(ledger.id), ik_key], consistent=True
        )
        assert item is not None, "a ledger's head is never removed"
        assert of_ik is not None, "an ik's item is never removed"
        standing = ledger_from_item(item)
        if standing.state != "live":
            services.catalog.forget_ledger(ledger.id)
            return reject("ledger_not_found", what=described(match))
        deleted = replace(standing, state="deleted", revision=standing.revision + 1)
        answer = await services.table.transact(
            _deletion(deleted, of_ik, services.clock.now_ms()), services.new_token()
        )
        services.catalog.forget_ledger(ledger.id)
        if isinstance(answer, Transacted):
            return deleted
    raise Overloaded(f"others keep changing the Ledger {ledger.ik}")


def _deletion(deleted: Ledger, of_ik: Item, now_ms: int) -> list[Write]:
    """Head, ik, both lists, and a second look once no post is under way."""
    workspace_id, ledger_id, created_ms = deleted.workspace_id, deleted.id, deleted.created_ms
    sweep = sweep_work_item(ledger_id, now_ms + SWEEP_DELAY_MS)
    writes: list[Write] = [
        Put(TableName.LEDGER, ledger_item(deleted), (Is("r", deleted.revision - 1),)),
        Put(TableName.LEDGER, {**of_ik, "l": "", "t": now_ms}, (Is("l", ledger_id),)),
        Delete(keys.ledger_listed(workspace_id, created_ms, ledger_id)),
        Put(TableName.BALANCES, sweep),
    ]
    if deleted.schema_key is not None:
        listed = keys.schema_ledger_listed(workspace_id, deleted.schema_key, created_ms, ledger_id)
        writes.append(Delete(listed))
    return writes


# --- Template instances ---------------------------------------------------------------------------
async def instantiate_account(
    services: WriteServices,
    workspace_id: str,
    match: LedgerMatch,
    path: str,
    parameters: dict[str, Any],
) -> LedgerAccount | Rejection:
    """The template instance at `path`, with its templated ancestors; made unless it stands. One
    that stands with another currency or link than the parameters say is refused.
    """
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
        needed = account.node.path_parameters
        if standing is None or needed <= parameters.keys():
            texts = _instance_parameters(needed, parameters)
            for each in (*account.parameterized, path):
                refuse_misfit(view, resolve_account(view, each), texts)
            new = instance_accounts(view, account, texts, services.clock.now_ms())
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
    return {name: parameter_text(name, value) for name, value in given.items()}
