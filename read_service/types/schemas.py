"""Schemas and their versions. A source is a SchemaChoice, or a SchemaHead that was just stored."""

from typing import Any

from read_service import lists
from read_service.context import RequestContext
from read_service.lookups import Match, SchemaChoice, find_schema, schema_head, schema_version
from read_service.migrations import Migration, version_migrations
from read_service.types.fields import Fields, Info
from shared.errors import RejectionError
from shared.ledger.ledgers import SchemaHead, SchemaVersion
from shared.ledger.rejections import reject

SchemaSource = SchemaChoice | SchemaHead


async def resolve_schema(_: object, info: Info, schema: Match) -> SchemaChoice | None:
    """Query.schema."""
    return await find_schema(info.context, schema)


async def resolve_schemas(_: object, info: Info, **arguments: Any) -> lists.Page:
    """Query.schemas."""
    return await lists.schemas(info.context, arguments)


async def _head(context: RequestContext, source: SchemaSource) -> SchemaHead:
    if isinstance(source, SchemaHead):
        return source
    head = await schema_head(context, source.key)
    if head is None:
        raise RejectionError(reject("schema_not_found", what=f"the key {source.key}"))
    return head


async def _name(source: SchemaSource, info: Info) -> str:
    return (await _head(info.context, source)).name


async def _version(source: SchemaSource, info: Info, version: int | None = None) -> SchemaVersion:
    """The version asked for here, else where the Schema was asked for, else the newest."""
    context: RequestContext = info.context
    number = version or (source.version if isinstance(source, SchemaChoice) else None)
    if number is None:
        number = (await _head(context, source)).version
    found = await schema_version(context, source.key, number) if number >= 1 else None
    if found is None:
        raise RejectionError(reject("schema_version_not_found", key=source.key, version=number))
    return found


async def _versions(source: SchemaSource, info: Info, **arguments: Any) -> lists.Page:
    head = await _head(info.context, source)
    return await lists.schema_versions(info.context, head, arguments)


async def _ledgers(source: SchemaSource, info: Info, **arguments: Any) -> lists.Page:
    return await lists.schema_ledgers(info.context, source.key, arguments)


async def _migrations(source: SchemaVersion, info: Info) -> lists.Page:
    return await version_migrations(info.context, source)


async def _schema_version(source: Migration, info: Info) -> SchemaVersion:
    found = await schema_version(info.context, source.key, source.version)
    if found is None:
        what = f"the key {source.key}"
        raise RejectionError(reject("schema_not_found", what=what))
    return found


FIELDS: Fields = {
    "Query": {"schema": resolve_schema, "schemas": resolve_schemas},
    "Schema": {"name": _name, "version": _version, "versions": _versions, "ledgers": _ledgers},
    "SchemaVersion": {"migrations": _migrations},
    "LedgerMigration": {"schemaVersion": _schema_version},
}
