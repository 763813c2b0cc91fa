"""The workspace of the API client that asks."""

from read_service.context import RequestContext
from read_service.types.fields import Fields, Info
from shared.ledger.ledgers import Workspace
from shared.store import keys
from shared.store.items import workspace_from_item


async def resolve_workspace(_: object, info: Info) -> Workspace:
    """Query.workspace."""
    context: RequestContext = info.context
    item = await context.items.load(keys.workspace(context.workspace_id))
    assert item is not None, "an API client belongs to a workspace that was stored before it"
    return workspace_from_item(item)


FIELDS: Fields = {"Query": {"workspace": resolve_workspace}}
