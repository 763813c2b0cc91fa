"""The public API over HTTP: a token, then GraphQL.

execute ─► POST ─► 401          a new token, once
               ├─► 429, 5xx     again after a pause, a bounded number of times
               ├─► lost answer  the same: every mutation that is sent here may be sent twice
               └─► data, errors
"""

import asyncio
from base64 import b64encode
from types import TracebackType
from typing import Any, Protocol

import aiohttp
import orjson

from cli.connection import Connection
from cli.failures import ApiRefusal, CommandFailure
from shared.limits import CLI_ATTEMPTS_MAX, CLI_BACKOFF_MS, CLI_ERRORS_SHOWN_MAX, CLI_TIMEOUT_MS

UNAUTHORIZED = 401
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
OK = 200
_SHOWN_CHARS_MAX = 300


class GraphQL(Protocol):
    """What the commands need of the API."""

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """`data` of the answer. Raises CommandFailure when there are errors."""
        ...


async def mutate(api: GraphQL, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The result of a mutation with one root field; ApiRefusal when it answers an error."""
    ((_, result),) = (await api.execute(document, variables)).items()
    assert isinstance(result, dict)
    if "code" in result:
        raise ApiRefusal(
            result["__typename"], result["code"], result["message"], result["retryable"]
        )
    return result


class HttpClient:
    """One caller of a running Twofold; an async context manager."""

    def __init__(self, connection: Connection, backoff_ms: int = CLI_BACKOFF_MS) -> None:
        """Nothing is sent yet. `backoff_ms`: the first pause, doubled by each further one."""
        self._connection = connection
        self._backoff_ms = backoff_ms
        self._session: aiohttp.ClientSession | None = None
        self._token = ""

    async def __aenter__(self) -> "HttpClient":
        timeout = aiohttp.ClientTimeout(total=CLI_TIMEOUT_MS / 1000)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """`data` of the answer. Raises CommandFailure."""
        try:
            sent = orjson.dumps({"query": document, "variables": variables})
        except orjson.JSONEncodeError as error:  # half a surrogate pair, an integer beyond 64 bits
            raise CommandFailure(f"can't be sent as JSON: {error}") from error
        if not self._token:
            self._token = await self._new_token()
        status, body = await self._post_graphql(sent)
        if status == UNAUTHORIZED:
            self._token = await self._new_token()
            status, body = await self._post_graphql(sent)
        answer = _json_object(body)
        if answer is not None and answer.get("errors"):
            raise CommandFailure(_told(answer["errors"]))
        if status != OK or answer is None or not isinstance(answer.get("data"), dict):
            raise CommandFailure(f"{self._connection.api_url} answered {_shown(status, body)}")
        data: dict[str, Any] = answer["data"]
        return data

    async def _post_graphql(self, sent: bytes) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return await self._post(self._connection.api_url, data=sent, headers=headers)

    async def _new_token(self) -> str:
        known = self._connection
        named = f"{known.client_id}:{known.client_secret}".encode()
        status, body = await self._post(
            known.auth_url,
            data={"grant_type": "client_credentials", "scope": known.scope},
            headers={"Authorization": f"Basic {b64encode(named).decode()}"},
        )
        answer = _json_object(body) or {}
        token = answer.get("access_token")
        if status == OK and isinstance(token, str) and token:
            return token
        if "error" in answer:
            reason = answer.get("error_description") or answer["error"]
            raise CommandFailure(f"no token from {known.auth_url}: {reason}")
        raise CommandFailure(f"no token: {known.auth_url} answered {_shown(status, body)}")

    async def _post(self, url: str, **options: Any) -> tuple[int, bytes]:
        """Status and body; what may pass is tried again. Raises CommandFailure."""
        assert self._session is not None, "the client isn't open"
        problem = ""
        for attempt in range(CLI_ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(self._backoff_ms * 2 ** (attempt - 1) / 1000)
            try:
                async with self._session.post(url, **options) as response:
                    body = await response.read()
                    if response.status != TOO_MANY_REQUESTS and response.status < SERVER_ERROR:
                        return response.status, body
                    problem = f"answered {_shown(response.status, body)}"
            except TimeoutError:
                problem = f"gave no answer within {CLI_TIMEOUT_MS // 1000} s"
            except (aiohttp.ClientError, ValueError) as error:  # ValueError: no URL at all
                problem = f"can't be reached: {error or type(error).__name__}"
        raise CommandFailure(f"{url} {problem}")


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _shown(status: int, body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()[:_SHOWN_CHARS_MAX]
    return f"HTTP {status}: {text}" if text else f"HTTP {status}"


def _told(errors: Any) -> str:
    """The messages of GraphQL errors, the first of them."""
    listed = errors if isinstance(errors, list) else [errors]
    messages = []
    for error in listed[:CLI_ERRORS_SHOWN_MAX]:
        code = error.get("extensions", {}).get("code") if isinstance(error, dict) else None
        message = error.get("message") if isinstance(error, dict) else str(error)
        messages.append(f"{code}: {message}" if code else str(message))
    return "\n".join(messages)
