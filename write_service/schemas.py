"""storeSchema: validate, compare with the version before, store the next one with the work that
moves the ledgers to it. deleteSchema: once no ledger uses it.
"""

from dataclasses import replace
from hashlib import blake2b
from typing import Any

from shared.errors import Overloaded, RejectionError
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.ledgers import SchemaHead, SchemaVersion
from shared.ledger.rejections import Rejection, reject
from shared.ledger.schema_compatibility import breaking_changes
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema, Violation, canonical_json
from shared.limits import (
    SCHEMA_JSON_BYTES_MAX,
    SCHEMA_LEDGERS_COUNTED_MAX,
    STORE_ATTEMPTS_MAX,
    VIOLATIONS_SHOWN_MAX,
)
from shared.store import keys
from shared.store.items import (
    schema_head_from_item,
    schema_head_item,
    schema_version_item,
    schema_work_item,
)
from shared.store.table import (
    Absent,
    Delete,
    Guard,
    Is,
    Key,
    Present,
    Put,
    TableName,
    Transacted,
    Write,
    Written,
)
from write_service.ledgers import IS_BEING_CREATED
from write_service.posting import WriteServices


def violations_text(violations: list[Violation]) -> str:
    """Every violation with its path in the document, on one line each."""
    shown = [f"{each.path}: {each.message}" for each in violations[:VIOLATIONS_SHOWN_MAX]]
    if len(violations) > VIOLATIONS_SHOWN_MAX:
        shown.append(f"and {len(violations) - VIOLATIONS_SHOWN_MAX} more")
    return "; ".join(shown)


def check_schema(json: dict[str, Any]) -> tuple[Schema, bytes] | Rejection:
    """The compiled Schema and its canonical JSON, or every rule that it breaks."""
    parsed = parse_schema(json)
    if not isinstance(parsed, Schema):
        return reject("invalid_schema", violations=violations_text(parsed))
    canonical = canonical_json(json)
    if len(canonical) > SCHEMA_JSON_BYTES_MAX:
        return reject("schema_too_large", bytes=len(canonical), max=SCHEMA_JSON_BYTES_MAX)
    return parsed, canonical


async def store_schema(
    services: WriteServices, workspace_id: str, json: dict[str, Any]
) -> SchemaHead | Rejection:
    """Stores the Schema as its next version; an unchanged one makes none.

    Ledgers of the Schema are moved to the new version behind the answer; storing an unchanged one
    tries those again whose migration failed. Raises Overloaded when others keep storing the same
    Schema.
    """
    checked = check_schema(json)
    if isinstance(checked, Rejection):
        return checked
    schema, canonical = checked
    custom = [CUSTOM_PREFIX + each for each in sorted(schema.custom_currency_ids)]
    try:
        await services.prefetcher.check_currencies(workspace_id, custom)
    except RejectionError as error:
        return error.rejection
    digest = blake2b(canonical, digest_size=16).hexdigest()
    for _ in range(STORE_ATTEMPTS_MAX):
        head = await _head(services, workspace_id, schema.key)
        if head is not None and head.state != "deleted":
            if head.digest == digest:
                await _retry_failed(services, head)
                return head
            before = await services.catalog.schema(
                workspace_id, head.key, head.generation, head.version
            )
            broken = breaking_changes(before, schema)
            if broken:
                return reject(
                    "schema_not_backwards_compatible",
                    version=head.version,
                    violations=violations_text(broken),
                )
        stored = await _store(services, workspace_id, schema, digest, head)
        if stored is not None:
            services.work_arrived.set()
            return stored
    raise Overloaded(f"others keep storing the Schema {schema.key}")


async def _head(services: WriteServices, workspace_id: str, key: str) -> SchemaHead | None:
    """The head as it stands, that of a deleted Schema too."""
    item = await services.table.get(keys.schema_head(workspace_id, key), consistent=True)
    return None if item is None else schema_head_from_item(item)


def _next_head(
    workspace_id: str, schema: Schema, digest: str, before: SchemaHead | None, now_ms: int
) -> SchemaHead:
    """The head with one version more; a key that is free begins with version 1."""
    first = SchemaHead(workspace_id, schema.key, schema.name, 1, now_ms, digest)
    if before is None:
        return first
    if before.state == "deleted":
        return replace(first, revision=before.revision + 1, generation=before.generation + 1)
    return replace(
        before,
        name=schema.name,
        version=before.version + 1,
        digest=digest,
        revision=before.revision + 1,
        state="live",
    )


async def _store(
    services: WriteServices,
    workspace_id: str,
    schema: Schema,
    digest: str,
    before: SchemaHead | None,
) -> SchemaHead | None:
    """The new head, or None when another caller stored a version meanwhile."""
    now_ms = services.clock.now_ms()
    head = _next_head(workspace_id, schema, digest, before, now_ms)
    guard: Guard = Absent() if before is None else Is("r", before.revision)
    stored = SchemaVersion(
        workspace_id, schema.key, head.version, now_ms, schema.json, head.generation
    )
    writes: list[Write] = [
        Put(TableName.LEDGER, schema_head_item(head), (guard,)),
        Put(TableName.LEDGER, schema_version_item(stored), (Absent(),)),
    ]
    if head.version == 1:
        listed = keys.schema_listed(workspace_id, head.created_ms, schema.key)
        writes.append(Put(TableName.LEDGER, {"pk": listed.pk, "sk": listed.sk, "k": schema.key}))
    else:
        writes.append(Put(TableName.BALANCES, schema_work_item(head)))
    answer = await services.table.transact(writes, services.new_token())
    return head if isinstance(answer, Transacted) else None


async def _retry_failed(services: WriteServices, head: SchemaHead) -> None:
    """Queues the work again that was parked because ledgers failed."""
    parked = keys.parked_schema_work(head.workspace_id, head.key)
    if await services.table.get(parked, consistent=True) is None:
        return
    writes: list[Write] = [
        Delete(parked, (Present(),)),
        Put(TableName.BALANCES, schema_work_item(head), (Absent(),)),
    ]
    if isinstance(await services.table.transact(writes, services.new_token()), Transacted):
        services.work_arrived.set()


# --- Deleting -------------------------------------------------------------------------------------
async def delete_schema(services: WriteServices, workspace_id: str, key: str) -> Rejection | None:
    """Removes a Schema that no ledger uses; None when that is done. Its key is free.

    First the head says `deleting`, then the list of its ledgers is read once more, then the head
    goes, unless it was changed meanwhile. Whoever creates a ledger is listed first and then sets
    such a head back: so one of the two sees the other. Raises Overloaded when others keep changing
    it.
    """
    for _ in range(STORE_ATTEMPTS_MAX):
        head = await _head(services, workspace_id, key)
        if head is None or head.state == "deleted":
            return reject("schema_not_found", what=f"the key {key}")
        count = await _count_ledgers(services, workspace_id, key, call_off=False)
        if count:
            return reject("schema_in_use", key=key, count=count)
        deleting = replace(head, state="deleting", revision=head.revision + 1)
        if not await _replace_head(services, head, deleting):
            continue
        count = await _count_ledgers(services, workspace_id, key, call_off=True)
        if count:  # one was created since the first look
            await _replace_head(
                services, deleting, replace(head, revision=deleting.revision + 1, state="live")
            )
            return reject("schema_in_use", key=key, count=count)
        deleted = replace(deleting, state="deleted", revision=deleting.revision + 1)
        writes: list[Write] = [
            Put(TableName.LEDGER, schema_head_item(deleted), (Is("r", deleting.revision),)),
            Delete(keys.schema_listed(workspace_id, head.created_ms, key)),
            Delete(keys.schema_work(workspace_id, key)),
            Delete(keys.parked_schema_work(workspace_id, key)),
        ]
        if isinstance(await services.table.transact(writes, services.new_token()), Transacted):
            return None
    raise Overloaded(f"others keep changing the Schema {key}")


async def _replace_head(services: WriteServices, before: SchemaHead, after: SchemaHead) -> bool:
    put = Put(TableName.LEDGER, schema_head_item(after), (Is("r", before.revision),))
    answer = await services.table.write(put)
    return isinstance(answer, Written) or answer.old == put.item


async def _count_ledgers(
    services: WriteServices, workspace_id: str, key: str, *, call_off: bool
) -> int:
    """Ledgers that use the Schema, counted up to a bound. Creations under way are called off, or
    passed over.
    """
    partition = keys.schema_ledgers(workspace_id, key)
    count = 0
    after: str | None = None
    while count < SCHEMA_LEDGERS_COUNTED_MAX:
        page = await services.table.query(TableName.LEDGER, partition, after=after, consistent=True)
        for item in page.items:
            if item.get("s") == IS_BEING_CREATED:
                if not call_off:
                    continue
                listed = Key(TableName.LEDGER, str(item["pk"]), str(item["sk"]))
                answer = await services.table.write(Delete(listed, (Is("s", IS_BEING_CREATED),)))
                if isinstance(answer, Written) or answer.old is None:
                    continue
            count += 1
        if page.next_key is None:
            break
        after = page.next_key[1]
    return min(count, SCHEMA_LEDGERS_COUNTED_MAX)
