"""storeSchema: input -> validation -> version -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.rejections import Rejection
from write_service.mutations.answers import Answer, mutation
from write_service.posting import WriteServices
from write_service.schemas import store_schema


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    @mutation("storeSchema")
    async def store(context: RequestContext, schema: dict[str, Any]) -> Answer | Rejection:
        head = await store_schema(services, context.workspace_id, schema)
        if isinstance(head, Rejection):
            return head
        context.prime_schema(head)
        return {"__typename": "StoreSchemaResult", "schema": head}

    return {"storeSchema": store}
