"""A network that misbehaves between us and a real DynamoDB: one mishap a request, in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum

import aiohttp
import orjson
from aiohttp import web


class Mishap(Enum):
    """What befalls one request."""

    NONE = "none"
    THROTTLED = "throttled"  # turned away before DynamoDB sees it
    DROPPED_BEFORE = "dropped_before"  # the connection breaks; DynamoDB never sees it
    DROPPED_AFTER = "dropped_after"  # DynamoDB does it; the connection breaks
    FAILED_AFTER = "failed_after"  # DynamoDB does it; the answer is HTTP 500
    GARBLED_AFTER = "garbled_after"  # DynamoDB does it; the answer's checksum is wrong
    REFUSED = "refused"  # turned away for good
    GATEWAY = "gateway"  # a 502 that is no JSON
    PARTIAL = "partial"  # of a BatchGetItem only the first key is processed


def _error(name: str, status: int) -> web.Response:
    body = orjson.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": "no"})
    return web.Response(status=status, body=body)


class FlakyNetwork:
    """Passes requests on; remembers what came in, with which tokens, signed by whom."""

    def __init__(self, endpoint: str, mishaps: Sequence[Mishap]) -> None:
        self.access_keys: list[str] = []
        self.targets: list[str] = []
        self.tokens: list[str] = []
        self.url = ""
        self._endpoint = endpoint
        self._mishaps = list(mishaps)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.targets.append(request.headers["X-Amz-Target"].partition(".")[2])
        credential = request.headers["Authorization"].partition("Credential=")[2]
        self.access_keys.append(credential.partition("/")[0])
        body = orjson.loads(raw)
        if "ClientRequestToken" in body:
            self.tokens.append(body["ClientRequestToken"])
        mishap = self._mishaps.pop(0) if self._mishaps else Mishap.NONE
        if mishap is Mishap.THROTTLED:
            return _error("ThrottlingException", 400)
        if mishap is Mishap.REFUSED:
            return _error("AccessDeniedException", 400)
        if mishap is Mishap.GATEWAY:
            return web.Response(status=502, text="<html>bad gateway</html>")
        if mishap is Mishap.DROPPED_BEFORE:
            return self._drop(request)
        left: dict[str, object] = {}
        if mishap is Mishap.PARTIAL:
            raw, left = _first_key(body)
        status, answer = await self._pass_on(request, raw)
        if mishap is Mishap.DROPPED_AFTER:
            return self._drop(request)
        if mishap is Mishap.FAILED_AFTER:
            return _error("InternalServerError", 500)
        if left:
            answer = orjson.dumps({**orjson.loads(answer), "UnprocessedKeys": left})
        headers = {"x-amz-crc32": "1"} if mishap is Mishap.GARBLED_AFTER else {}
        return web.Response(status=status, body=answer, headers=headers)

    async def _pass_on(self, request: web.Request, raw: bytes) -> tuple[int, bytes]:
        names = ("Content-Type", "X-Amz-Target", "X-Amz-Date", "Authorization")
        headers = {name: request.headers[name] for name in names}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._endpoint, data=raw, headers=headers) as response,
        ):
            return response.status, await response.read()

    def _drop(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


def _first_key(
    body: dict[str, dict[str, dict[str, list[object]]]],
) -> tuple[bytes, dict[str, object]]:
    """A BatchGetItem of one table cut down to its first key, and the keys that are left."""
    ((name, wanted),) = body["RequestItems"].items()
    keys = wanted["Keys"]
    first = orjson.dumps({"RequestItems": {name: {**wanted, "Keys": keys[:1]}}})
    return first, {name: {**wanted, "Keys": keys[1:]}} if keys[1:] else {}


@asynccontextmanager
async def flaky_network(endpoint: str, mishaps: Sequence[Mishap]) -> AsyncIterator[FlakyNetwork]:
    """Listens on a free port for the block's duration."""
    network = FlakyNetwork(endpoint, mishaps)
    application = web.Application(client_max_size=10_000_000)
    application.router.add_post("/", network._handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    network.url = f"http://{host}:{port}"
    try:
        yield network
    finally:
        await asyncio.sleep(0)
        await runner.cleanup()
