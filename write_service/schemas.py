"""storeSchema: validate, compare with the version before, store the next one, move the ledgers to
it."""

from hashlib import blake2b
from typing import Any

from shared.errors import Overloaded, RejectionError
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.ledgers import SchemaHead, SchemaVersion
from shared.ledger.rejections import Rejection, reject
from shared.ledger.schema_compatibility import breaking_changes
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema, Violation, canonical_json
from shared.limits import SCHEMA_JSON_BYTES_MAX, STORE_ATTEMPTS_MAX, VIOLATIONS_SHOWN_MAX
from shared.store import keys
from shared.store.items import schema_head_from_item, schema_head_item, schema_version_item
from shared.store.table import Absent, Guard, Is, Put, TableName, Transacted, Write
from write_service.ledgers import move_ledgers
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

    Ledgers of the Schema are on the new version when this returns. Raises Overloaded when others
    keep storing the same Schema.
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
        item = await services.table.get(keys.schema_head(workspace_id, schema.key), consistent=True)
        head = None if item is None else schema_head_from_item(item)
        if head is not None:
            if head.digest == digest:
                await move_ledgers(services, workspace_id, head)
                return head
            before = await services.catalog.schema(workspace_id, head.key, head.version)
            broken = breaking_changes(before, schema)
            if broken:
                return reject(
                    "schema_not_backwards_compatible",
                    version=head.version,
                    violations=violations_text(broken),
                )
        stored = await _store(services, workspace_id, schema, digest, head)
        if stored is not None:
            await move_ledgers(services, workspace_id, stored)
            return stored
    raise Overloaded(f"others keep storing the Schema {schema.key}")


async def _store(
    services: WriteServices,
    workspace_id: str,
    schema: Schema,
    digest: str,
    before: SchemaHead | None,
) -> SchemaHead | None:
    """The new head, or None when another caller stored a version meanwhile."""
    now = services.clock.now_ms()
    created = now if before is None else before.created_ms
    version = 1 if before is None else before.version + 1
    head = SchemaHead(workspace_id, schema.key, schema.name, version, created, digest, version)
    guard: Guard = Absent() if before is None else Is("r", before.revision)
    stored = SchemaVersion(workspace_id, schema.key, version, now, schema.json)
    writes: list[Write] = [
        Put(TableName.LEDGER, schema_head_item(head), (guard,)),
        Put(TableName.LEDGER, schema_version_item(stored), (Absent(),)),
    ]
    if before is None:
        listed = keys.schema_listed(workspace_id, created, schema.key)
        writes.append(Put(TableName.LEDGER, {"pk": listed.pk, "sk": listed.sk, "k": schema.key}))
    answer = await services.table.transact(writes, services.new_token())
    return head if isinstance(answer, Transacted) else None
