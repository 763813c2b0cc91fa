"""GraphQL over HTTP: status codes, tokens, limits, and what never leaves."""

import asyncio
from typing import Any

import orjson
import pytest

from shared.errors import StoreUnavailable
from shared.graphql.http import HttpLimits
from shared.limits import ANSWER_KEPT_BYTES_MAX
from tests.graphql_rig import READER, HttpRig, wire_headers

WORKSPACE = "{ workspace { id name } }"
DELETE = 'mutation { deleteLedger(ledger: {ik: "a"}) { __typename ... on Error { code } } }'


def workspace(_source: object, _info: object) -> dict[str, str]:
    return {"id": "w", "name": "W"}


def rig(**options: Any) -> HttpRig:
    """A service whose workspace can be asked for."""
    return HttpRig({"Query": {"workspace": workspace}}, **options)


async def send(service: HttpRig, body: bytes, **headers: str) -> Any:
    """A POST with this body; header names are written with underscores."""
    named = {"content_type": "application/json", "authorization": f"Bearer {service.token()}"}
    return await service.http.post("/graphql", content=body, headers=wire_headers(named | headers))


async def test_an_answer_is_json_with_status_200() -> None:
    service = rig()
    response = await service.post(WORKSPACE)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"data": {"workspace": {"id": "w", "name": "W"}}}
    assert service.counted("workspace", "ok") == 1


async def test_everything_that_graphql_can_say_has_status_200() -> None:
    service = rig()
    for document, code in (
        ("{", "syntax_error"),
        ("{ nobody }", "validation_failed"),
        ("{ links { nodes { id } } }", "not_implemented"),
        ('{ ledger(ledger: {ik: "a/b"}) { id } }', "validation_failed"),
    ):
        response = await service.post(document)
        assert response.status_code == 200
        assert response.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"query"',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": "{ workspace { id } }", "variables": []}',
        b'{"query": "{ workspace { id } }", "variables": "{}"}',
        b'{"query": "{ workspace { id } }", "operationName": 1}',
        b'[{"query": "{ workspace { id } }"}]',
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b"[" * 5000,
        b'{"a":' * 5000,
    ],
)
async def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    response = await send(rig(), body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "malformed_request"


@pytest.mark.parametrize(
    "content_type, status",
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json;charset=UTF-8", 200),
        ('Application/JSON; charset="utf-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/graphql", 415),
        ("", 415),
    ],
)
async def test_the_content_type_must_be_json(content_type: str, status: int) -> None:
    response = await send(rig(), b'{"query": "{ _empty }"}', content_type=content_type)
    assert response.status_code == status


async def test_null_name_and_variables_are_absent() -> None:
    body = {"query": WORKSPACE, "operationName": None, "variables": None, "extensions": {}}
    response = await send(rig(), orjson.dumps(body))
    assert response.json()["data"] == {"workspace": {"id": "w", "name": "W"}}


async def test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not() -> None:
    service = rig(limits=HttpLimits(body_bytes_max=100))
    fits = b'{"query": "{ _empty }"}'.ljust(100)
    assert (await send(service, fits)).status_code == 200
    response = await send(service, fits + b" ")
    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"]["code"] == "body_too_large"

    async def parts() -> Any:
        yield fits
        yield b" "

    response = await send(service, parts())  # type: ignore[arg-type]
    assert response.status_code == 413


async def test_a_body_may_come_in_parts() -> None:
    async def parts() -> Any:
        yield b'{"query": "{ wor'
        yield b'kspace { id } }"}'

    response = await send(rig(), parts())  # type: ignore[arg-type]
    assert response.json() == {"data": {"workspace": {"id": "w"}}}


async def test_variables_may_not_be_nested_without_end() -> None:
    document = 'mutation($p: Parameters) { instantiateLedgerAccount(ledger: {}, path: "a", '
    document += "parameters: $p) { __typename } }"
    for depth, code in ((48, "not_implemented"), (60, "json_too_deep")):
        nested: Any = 1
        for _ in range(depth):
            nested = [nested]
        response = await rig().post(document, {"p": {"a": nested}})
        assert response.status_code == 200
        assert response.json()["errors"][0]["extensions"]["code"] == code


# --- Who may call ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer é", "x" * 10_000],
)
async def test_without_a_good_token_there_is_401(authorization: str) -> None:
    service = rig()
    response = await send(service, b'{"query": "{ _empty }"}', authorization=authorization)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="twofold"'
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert response.json()["errors"][0]["message"]
    assert service.counted("none", "unauthenticated") == 1


async def test_who_calls_is_asked_before_the_body_is_read() -> None:
    response = await send(rig(), b"{", authorization="")
    assert response.status_code == 401


async def test_a_reader_may_ask_but_not_change() -> None:
    ran: list[str] = []
    service = HttpRig(
        {
            "Query": {"workspace": workspace},
            "Mutation": {"deleteLedger": lambda *_, **__: ran.append("ran")},
        }
    )
    assert "data" in (await service.post(WORKSPACE, client=READER)).json()
    response = await service.post(DELETE, client=READER)
    assert response.json() == {
        "data": {"deleteLedger": {"__typename": "BadRequestError", "code": "forbidden"}}
    }
    assert ran == []
    assert service.counted("deleteLedger", "rejected") == 1


async def test_when_nobody_can_say_who_calls_there_is_503() -> None:
    service = rig()
    service.clients.failure = StoreUnavailable("no store")
    response = await service.post(WORKSPACE)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["errors"][0]["extensions"] == {
        "code": "service_unavailable",
        "retryable": True,
    }


# --- Faults ---------------------------------------------------------------------------------------
async def test_a_fault_leaves_as_an_error_without_its_text() -> None:
    def broken(_source: object, _info: object) -> None:
        raise ValueError("a secret")

    service = HttpRig({"Query": {"workspace": broken}})
    response = await service.post(WORKSPACE)
    assert response.status_code == 200
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "internal_error", "retryable": True}
    assert response.headers["x-request-id"] in error["message"]
    assert service.counted("workspace", "failed") == 1


async def test_a_value_that_is_not_json_is_a_fault() -> None:
    service = HttpRig({"Query": {"payment": lambda *_, **__: {"parameters": object()}}})
    response = await service.post('{ payment(payment: {id: "a"}) { parameters } }')
    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"]["code"] == "internal_error"


async def test_a_fault_of_the_context_is_told_like_any_other() -> None:
    service = rig()

    def no_context(_principal: object, _request_id: str) -> object:
        raise ValueError("a secret")

    service.service.graphql._context_factory = no_context
    response = await service.post(WORKSPACE)
    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"]["code"] == "internal_error"
    assert "secret" not in response.text


async def test_a_request_that_takes_too_long_is_answered_all_the_same() -> None:
    async def slow(_source: object, _info: object) -> None:
        await asyncio.sleep(60)

    service = HttpRig({"Query": {"workspace": slow}}, limits=HttpLimits(timeout_ms=20))
    response = await service.post(WORKSPACE)
    assert response.status_code == 200
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "timed_out", "retryable": True}
    assert service.counted("workspace", "failed") == 1


async def test_at_most_so_many_requests_are_answered_at_once() -> None:
    going_on, all_begun = asyncio.Event(), asyncio.Event()
    begun: list[int] = []

    async def waiting(_source: object, _info: object) -> dict[str, str]:
        begun.append(1)
        if len(begun) == 2:
            all_begun.set()
        await going_on.wait()
        return {"id": "w"}

    service = HttpRig({"Query": {"workspace": waiting}}, limits=HttpLimits(in_flight_max=2))
    first = [asyncio.create_task(service.post("{ workspace { id } }")) for _ in range(2)]
    await all_begun.wait()
    refused = await service.post("{ workspace { id } }")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["errors"][0]["extensions"] == {
        "code": "too_many_requests",
        "retryable": True,
    }
    gauge = service.metrics.registry.get_sample_value("twofold_requests_in_flight")
    assert gauge == 2
    going_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*first)] == [200, 200]
    assert (await service.post("{ workspace { id } }")).status_code == 200


async def test_a_client_that_goes_away_before_its_body_is_whole_gets_no_answer() -> None:
    service = rig()
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send_away(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"authorization", f"Bearer {service.token()}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    await service.service(scope, receive, send_away)
    assert sent == []
    assert service.metrics.registry.get_sample_value("twofold_requests_in_flight") == 0


async def test_a_client_that_goes_away_before_its_answer_is_nobodys_fault() -> None:
    service = rig()

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"query": "{ _empty }"}'}

    async def broken_pipe(_message: Any) -> None:
        raise BrokenPipeError

    headers = [
        (b"authorization", f"Bearer {service.token()}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    await service.service(scope, receive, broken_pipe)
    assert service.counted("_empty", "ok") == 1


# --- Request ids ----------------------------------------------------------------------------------
async def test_a_sane_request_id_is_kept_and_told_to_resolvers() -> None:
    seen: list[str] = []

    def resolve(_source: object, info: Any) -> dict[str, str]:
        seen.append(info.context[1])
        return {"id": "w"}

    service = HttpRig({"Query": {"workspace": resolve}})
    response = await service.post("{ workspace { id } }", x_request_id="abc-1.2_3:4")
    assert response.headers["x-request-id"] == "abc-1.2_3:4"
    assert seen == ["abc-1.2_3:4"]


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, 'a"b', "é"])
async def test_a_request_id_that_could_not_stand_in_a_log_is_replaced(given: str) -> None:
    response = await rig().post(WORKSPACE, x_request_id=given)
    assert response.headers["x-request-id"] == "test-1"


async def test_request_ids_differ() -> None:
    service = rig()
    ids = {(await service.post(WORKSPACE)).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


# --- Introspection --------------------------------------------------------------------------------
async def test_introspection_is_answered_and_kept() -> None:
    service = rig()
    document = "{ __schema { queryType { name } types { name } } }"
    first = (await service.post(document)).json()
    assert first["data"]["__schema"]["queryType"] == {"name": "Query"}
    assert (await service.post(document)).json() == first
    assert service.counted("introspection", "ok") == 2


async def test_an_introspection_of_many_aliases_is_answered_and_not_kept() -> None:
    service = rig()
    documents = service.service.graphql.documents
    small = await service.post("{ __schema { queryType { name } } }")
    assert documents.answers_bytes == len(small.content)
    types = "types { name description fields { name description args { name description } } }"
    many = " ".join(f"a{number}: {types}" for number in range(10))
    for _ in range(2):
        large = await service.post(f"{{ __schema {{ {many} }} }}")
        assert len(large.content) > ANSWER_KEPT_BYTES_MAX
        assert set(large.json()["data"]["__schema"]) == {f"a{number}" for number in range(10)}
    assert documents.answers_bytes == len(small.content)


async def test_introspection_with_variables_is_answered_for_each() -> None:
    service = rig()
    document = "query($name: String!) { __type(name: $name) { name kind } }"
    for name, kind in (("Ledger", "OBJECT"), ("Int96", "SCALAR")):
        answer = (await service.post(document, {"name": name})).json()
        assert answer == {"data": {"__type": {"name": name, "kind": kind}}}
