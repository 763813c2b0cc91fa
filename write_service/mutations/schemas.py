"""storeSchema and deleteSchema: input -> validation -> store -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.rejections import Rejection, reject
from write_service.mutations.answers import Answer, mutation
from write_service.posting import WriteServices
from write_service.schemas import delete_schema, store_schema


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    @mutation("storeSchema")
    async def store(context: RequestContext, schema: dict[str, Any]) -> Answer | Rejection:
        head = await store_schema(services, context.workspace_id, schema)
        if isinstance(head, Rejection):
            return head
        context.prime_schema(head)
        return {"__typename": "StoreSchemaResult", "schema": head}

    @mutation("deleteSchema")
    async def delete(context: RequestContext, schema: dict[str, Any]) -> Answer | Rejection:
        if schema.get("version"):
            detail = "a Schema is deleted with all its versions: leave schema.version out"
            return reject("bad_request", detail=detail)
        refused = await delete_schema(services, context.workspace_id, schema["key"])
        if refused is not None:
            return refused
        return {"__typename": "DeleteSchemaResult", "success": True}

    return {"storeSchema": store, "deleteSchema": delete}
