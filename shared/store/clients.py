"""API clients in the table: found by id for every token, listed by workspace."""

from dataclasses import replace
from typing import Any

import orjson

from shared.auth import ApiClient
from shared.ledger.ledgers import Workspace
from shared.limits import CLIENT_ID_CHARS_MAX, CLIENTS_LISTED_MAX, CLIENTS_PER_PAGE
from shared.store import keys
from shared.store.items import put, workspace_from_item, workspace_item
from shared.store.table import Absent, Is, Item, Put, Table, TableName, Transacted, Written


def client_item(client: ApiClient) -> Item:
    """The item of a client; of its secret only the digest."""
    key = keys.client(client.id)
    body = {
        "i": client.id,
        "w": client.workspace_id,
        "n": client.name,
        "o": client.role,
        "s": client.secret_digest,
        "d": client.created_ms,
        "g": client.generation,
        "x": client.revoked_ms,
    }
    return {"pk": key.pk, "sk": key.sk, "b": orjson.dumps(body).decode(), "r": client.revision}


def client_from_item(item: Item) -> ApiClient:
    """The client of an item of kind `C`."""
    text, revision = item["b"], item["r"]
    assert isinstance(text, str)
    assert isinstance(revision, int)
    body: dict[str, Any] = orjson.loads(text)
    return ApiClient(
        id=body["i"],
        workspace_id=body["w"],
        name=body["n"],
        role=body["o"],
        secret_digest=body["s"],
        created_ms=body["d"],
        generation=body["g"],
        revoked_ms=body["x"],
        revision=revision,
    )


class StoredClients:
    """The ClientDirectory over a Table, and what the command line changes in it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def find(self, client_id: str) -> ApiClient | None:
        """The client, revoked or not."""
        if not 0 < len(client_id) <= CLIENT_ID_CHARS_MAX or not client_id.isascii():
            return None
        item = await self._table.get(keys.client(client_id), consistent=True)
        return None if item is None else client_from_item(item)

    async def workspace(self, workspace_id: str) -> Workspace | None:
        """The workspace, if there is one."""
        item = await self._table.get(keys.workspace(workspace_id), consistent=True)
        return None if item is None else workspace_from_item(item)

    async def add_workspace(self, workspace: Workspace) -> None:
        """Stores a workspace unless there is one with its id."""
        item = workspace_item(workspace)
        key = keys.workspace(workspace.id)
        await self._table.write(Put(key.table, put(key, item).item, (Absent(),)))

    async def add(self, client: ApiClient, token: str) -> None:
        """Stores a new client; `token` makes a repeated sending harmless."""
        item = client_item(client)
        listed = keys.client_listed(client.workspace_id, client.id)
        writes = (
            Put(TableName.LEDGER, item, (Absent(),)),
            Put(listed.table, {"pk": listed.pk, "sk": listed.sk}),
        )
        answer = await self._table.transact(writes, token)
        assert isinstance(answer, Transacted), "client ids are random"

    async def change(self, client: ApiClient) -> bool:
        """Stores a changed client; False when somebody else changed it since it was read."""
        changed = replace(client, revision=client.revision + 1)
        guards = (Is("r", client.revision),)
        answer = await self._table.write(Put(TableName.LEDGER, client_item(changed), guards))
        return isinstance(answer, Written)

    async def of_workspace(self, workspace_id: str) -> list[ApiClient]:
        """Every client of a workspace, by id; at most CLIENTS_LISTED_MAX."""
        clients: list[ApiClient] = []
        after: str | None = None
        while len(clients) < CLIENTS_LISTED_MAX:
            page = await self._table.query(
                TableName.LEDGER,
                keys.client_directory(workspace_id),
                after=after,
                limit=CLIENTS_PER_PAGE,
            )
            wanted = [keys.client(str(item["sk"])) for item in page.items]
            if wanted:
                items = await self._table.get_many(wanted, consistent=True)
                clients.extend(client_from_item(item) for item in items if item is not None)
            if page.next_key is None:
                break
            after = page.next_key[1]
        return clients
