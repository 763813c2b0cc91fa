"""Queries that reach the write tier are answered by the read tier; nothing else is forwarded."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import uvicorn

from shared.graphql.forward import QueryForwarder
from tests.graphql_rig import HttpRig, new_schema

WORKSPACE = "query($yes: Boolean!) { workspace @include(if: $yes) { id } }"


class ReadTier:
    """A service of its own, on a port of its own; notes the ids of the requests that reached it."""

    def __init__(self) -> None:
        self.request_ids: list[str] = []
        self.rig = HttpRig(schema=new_schema({"Query": {"workspace": self._workspace}}))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self.rig.service, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    def _workspace(self, _source: object, info: Any) -> dict[str, str]:
        self.request_ids.append(info.context[1])
        return {"id": f"read by {info.context[0].client_id}"}

    async def start(self) -> None:
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        for _ in range(500):
            if self._server.started:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the read tier did not start")

    async def stop(self) -> None:
        self._server.should_exit = True
        assert self._serving is not None
        await self._serving


@pytest.fixture
async def read_tier() -> AsyncIterator[ReadTier]:
    tier = ReadTier()
    await tier.start()
    yield tier
    await tier.stop()


def write_tier(forwarder: QueryForwarder) -> HttpRig:
    return HttpRig(
        {
            "Query": {"workspace": lambda *_: {"id": "written"}},
            "Mutation": {"deleteLedger": lambda *_, **__: {"success": True}},
        },
        forwarder=forwarder,
    )


@pytest.fixture
async def forwarder(read_tier: ReadTier) -> AsyncIterator[QueryForwarder]:
    opened = QueryForwarder(read_tier.url + "/")
    await opened.open()
    yield opened
    await opened.close()


async def test_a_query_is_answered_by_the_read_tier(
    read_tier: ReadTier, forwarder: QueryForwarder
) -> None:
    service = write_tier(forwarder)
    response = await service.post(WORKSPACE, {"yes": True}, x_request_id="the-request")
    assert response.status_code == 200
    assert response.json() == {"data": {"workspace": {"id": "read by admin"}}}
    assert response.headers["x-request-id"] == "the-request"
    assert read_tier.request_ids == ["the-request"]
    assert service.counted("workspace", "ok") == 1


async def test_errors_of_the_read_tier_come_back_as_they_are(
    read_tier: ReadTier, forwarder: QueryForwarder
) -> None:
    service = write_tier(forwarder)
    response = await service.post(WORKSPACE, {"yes": "no"})
    direct = await read_tier.rig.post(WORKSPACE, {"yes": "no"})
    assert response.json() == direct.json()
    assert response.json()["errors"][0]["extensions"]["code"] == "bad_user_input"


async def test_mutations_and_introspection_stay_where_they_are(
    read_tier: ReadTier, forwarder: QueryForwarder
) -> None:
    service = write_tier(forwarder)
    deleted = await service.post('mutation { deleteLedger(ledger: {ik: "a"}) { __typename } }')
    assert deleted.json() == {"data": {"deleteLedger": {"__typename": "DeleteLedgerResult"}}}
    typename = await service.post("{ __typename }")
    assert typename.json() == {"data": {"__typename": "Query"}}
    assert read_tier.rig.counted("introspection", "ok") == 0


async def test_what_is_wrong_with_a_document_is_told_without_asking(
    read_tier: ReadTier, forwarder: QueryForwarder
) -> None:
    service = write_tier(forwarder)
    answer = await service.post("{ nobody }")
    assert answer.json()["errors"][0]["extensions"]["code"] == "validation_failed"
    assert read_tier.rig.counted("none", "rejected") == 0


async def test_a_read_tier_that_is_away_is_a_retryable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    forwarder = QueryForwarder(url)
    await forwarder.open()
    service = write_tier(forwarder)
    response = await service.post("{ workspace { id } }")
    await forwarder.close()
    assert response.status_code == 200
    assert orjson.loads(response.content) == {
        "errors": [
            {
                "message": "The read tier can't be reached; try again.",
                "extensions": {"code": "unavailable", "retryable": True},
            }
        ]
    }
    assert service.counted("workspace", "failed") == 1


async def test_a_refused_token_comes_back_with_its_status(
    read_tier: ReadTier, forwarder: QueryForwarder
) -> None:
    service = write_tier(forwarder)
    read_tier.rig.clients.clients.clear()
    response = await service.post("{ workspace { id } }")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="twofold"'


async def test_the_services_life_is_the_forwarders() -> None:
    forwarder = QueryForwarder("http://127.0.0.1:1")
    service = write_tier(forwarder).service
    async with service.router.lifespan_context(service):
        assert forwarder.is_open
    assert not forwarder.is_open
