"""The API over HTTP: tokens, tries, and what is told when it fails."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cli.client import HttpClient
from cli.connection import Connection
from cli.failures import CommandFailure
from shared.limits import CLI_ATTEMPTS_MAX, CLI_ERRORS_SHOWN_MAX


class Service:
    """Answers as it is told, one answer a request; remembers what was asked."""

    def __init__(self, *answers: tuple[int, Any], tokens: int = 10) -> None:
        self.answers = list(answers)
        self.tokens = tokens
        self.token_requests: list[dict[str, str]] = []
        self.asked: list[tuple[str, Any]] = []

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.token_requests.append({**form, "auth": request.headers["Authorization"]})
        number = len(self.token_requests)
        if number > self.tokens:
            body = {"error": "invalid_client", "error_description": "no such client"}
            return web.json_response(body, status=401)
        return web.json_response({"access_token": f"t{number}", "expires_in": 60})

    async def graphql(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Authorization"], await request.json()))
        status, body = self.answers.pop(0)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[HttpClient]:
        application = web.Application()
        application.router.add_post("/oauth2/token", self.token)
        application.router.add_post("/graphql", self.graphql)
        async with TestServer(application) as server:
            urls = (str(server.make_url("/graphql")), str(server.make_url("/oauth2/token")))
            async with HttpClient(Connection(*urls, "me", "secret", "all"), 0) as client:
                yield client


DATA: tuple[int, Any] = (200, {"data": {"a": 1}})


async def test_a_token_is_asked_once_and_sent_with_every_request() -> None:
    service = Service(DATA, DATA)
    async with service.client() as client:
        assert await client.execute("query", {"x": "1"}) == {"a": 1}
        await client.execute("query", {})
    (token,) = service.token_requests
    assert token == {
        "grant_type": "client_credentials",
        "scope": "all",
        "auth": "Basic bWU6c2VjcmV0",
    }
    assert service.asked == [
        ("Bearer t1", {"query": "query", "variables": {"x": "1"}}),
        ("Bearer t1", {"query": "query", "variables": {}}),
    ]


async def test_a_token_that_ran_out_is_replaced_once() -> None:
    service = Service((401, ""), DATA)
    async with service.client() as client:
        assert await client.execute("query", {}) == {"a": 1}
    assert [token for token, _ in service.asked] == ["Bearer t1", "Bearer t2"]
    service = Service((401, ""), (401, {"errors": [{"message": "no", "extensions": {}}]}))
    async with service.client() as client:
        with pytest.raises(CommandFailure, match="^no$"):
            await client.execute("query", {})
    assert len(service.asked) == 2


async def test_what_may_pass_is_tried_again() -> None:
    service = Service((503, "busy"), (429, ""), DATA)
    async with service.client() as client:
        assert await client.execute("query", {}) == {"a": 1}
    assert len(service.asked) == 3


async def test_tries_are_bounded() -> None:
    service = Service(*[(503, "busy")] * 20)
    async with service.client() as client:
        with pytest.raises(CommandFailure, match=r"/graphql answered HTTP 503: busy$"):
            await client.execute("query", {})
    assert len(service.asked) == CLI_ATTEMPTS_MAX


@pytest.mark.parametrize(
    "answer, told",
    [
        ((400, "no"), lambda url: f"{url} answered HTTP 400: no"),
        ((200, "<html>"), lambda url: f"{url} answered HTTP 200: <html>"),
        ((200, [1]), lambda url: f"{url} answered HTTP 200: [1]"),
        ((200, {"data": None}), lambda url: f'{url} answered HTTP 200: {{"data": null}}'),
        (
            (
                200,
                {
                    "data": {"a": 1},
                    "errors": [
                        {"message": "first", "extensions": {"code": "ledger_not_found"}},
                        {"message": "second"},
                    ],
                },
            ),
            lambda _: "ledger_not_found: first\nsecond",
        ),
        (
            (400, {"errors": [{"message": str(number)} for number in range(50)]}),
            lambda _: "\n".join(str(number) for number in range(CLI_ERRORS_SHOWN_MAX)),
        ),
    ],
)
async def test_an_answer_that_is_no_data_is_told(
    answer: tuple[int, Any], told: Callable[[str], str]
) -> None:
    service = Service(answer)
    async with service.client() as client:
        with pytest.raises(CommandFailure) as caught:
            await client.execute("query", {})
        url = client._connection.api_url
    assert str(caught.value) == told(url)


async def test_a_refused_token_is_told_with_its_reason() -> None:
    service = Service(tokens=0)
    async with service.client() as client:
        with pytest.raises(CommandFailure, match=r"^no token from .*token: no such client$"):
            await client.execute("query", {})
    assert service.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/graphql", "nonsense"])
async def test_a_service_that_is_not_there_is_told(url: str) -> None:
    async with HttpClient(Connection(url, url, "me", "secret", "all"), 0) as client:
        with pytest.raises(CommandFailure, match=f"^{url} can't be reached: "):
            await client.execute("query", {})


@pytest.mark.parametrize("value", ["\ud800", 2**64])
async def test_what_json_cannot_carry_is_told_and_not_sent(value: Any) -> None:
    service = Service()
    async with service.client() as client:
        with pytest.raises(CommandFailure, match="^can't be sent as JSON: "):
            await client.execute("query", {"x": value})
    assert service.token_requests == []
