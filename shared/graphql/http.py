"""GraphQL over HTTP: one ASGI application, on the way of every request.

    POST: request id ─► room? ─► who? ─► body ─► operation ─┬─► variables ─► Execution ─► answer
                                                            └─► the read tier (queries, if told to)
    GET:  a page for people (explorer.html)

HTTP 200 for everything that GraphQL can express, refusals and faults included; another status only
for what isn't GraphQL's: bad JSON, no token, too large, too many. What is costly is done once:
tokens and documents are found by their text, labels of metrics are bound, and nothing is logged of
a request that went well unless asked for.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import orjson
from graphql import GraphQLError, GraphQLSchema

from shared.auth import Denied, Principal
from shared.clock import Clock
from shared.errors import StoreError
from shared.graphql import codes
from shared.graphql.bounds import json_deeper_than
from shared.graphql.documents import Documents, Operation
from shared.graphql.execution import Execution
from shared.graphql.explorer import Explorer
from shared.graphql.failures import Failures
from shared.graphql.inputs import coerce_variables
from shared.graphql.results import INTERNAL, INTERNAL_CODES
from shared.ledger.rejections import reject
from shared.limits import (
    JSON_DEPTH_MAX,
    REQUEST_BODY_BYTES_MAX,
    REQUEST_TIMEOUT_MS,
    REQUESTS_IN_FLIGHT_MAX,
)
from shared.observe import (
    REQUEST_DONE,
    REQUEST_FAILED,
    REQUEST_ID,
    REQUEST_TIMED_OUT,
    EventLog,
    Metrics,
    RequestMetrics,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = dict[bytes, bytes]

# What resolvers find in `info.context`, made for each request.
ContextFactory = Callable[[Principal, str], object]

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_JSON_TYPE = re.compile(rb'application/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?', re.IGNORECASE)
_NOT_GRAPHQL = "none"  # the operation that metrics name when there is none

OK = "ok"
REJECTED = "rejected"
FAILED = "failed"
REFUSED = "refused"

_LOG = EventLog("graphql")


class Authenticator(Protocol):
    """Who may call; see shared.auth.TokenAuthenticator."""

    def known(self, authorization: bytes) -> Principal | None:
        """The bearer, when that can be said at once."""
        ...

    async def authenticate(self, authorization: bytes) -> Principal | Denied:
        """The bearer, or why there is none. Raises StoreError when nobody can say."""
        ...


class Forwarder(Protocol):
    """Answers queries elsewhere; see shared.graphql.forward.QueryForwarder."""

    async def forward(
        self, body: bytes, authorization: bytes, request_id: str, operation: str
    ) -> "Answer":
        """The other tier's answer as it is, or one that says that the tier is away."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: `operation` and `outcome` are for the metrics."""

    body: bytes
    status: int = 200
    operation: str = _NOT_GRAPHQL
    outcome: str = REFUSED
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of the application; tests set smaller ones."""

    in_flight_max: int = REQUESTS_IN_FLIGHT_MAX
    timeout_ms: int = REQUEST_TIMEOUT_MS
    body_bytes_max: int = REQUEST_BODY_BYTES_MAX


def refused(code: str, *headers: tuple[bytes, bytes], **values: object) -> Answer:
    """An answer with an HTTP status of its own."""
    body = orjson.dumps(codes.error_body(code, **values))
    return Answer(body, codes.HTTP_STATUS[code], outcome=code.lower(), headers=headers)


class _Request:
    """One request on its way; `label` is what metrics call its operation, once that is known."""

    __slots__ = ("failures", "headers", "id", "label")

    def __init__(self, headers: Headers, request_id: str) -> None:
        self.headers = headers
        self.id = request_id
        self.failures = Failures(_LOG, request_id)
        self.label = _NOT_GRAPHQL


class GraphqlApp:
    """The ASGI application at /graphql."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        context_factory: ContextFactory,
        authenticator: Authenticator,
        metrics: Metrics,
        clock: Clock,
        request_id_prefix: str,
        forwarder: Forwarder | None = None,
        access_log: bool = False,
        limits: HttpLimits | None = None,
    ) -> None:
        """`request_id_prefix` tells this process from all others; ids count on from it."""
        self.documents = Documents(
            schema, count=lambda result: metrics.documents.labels(result).inc()
        )
        self._context_factory = context_factory
        self._authenticator = authenticator
        self._clock = clock
        self._forwarder = forwarder
        self._access_log = access_log
        self._limits = HttpLimits() if limits is None else limits
        self._timeout_s = self._limits.timeout_ms / 1000
        self._metrics = RequestMetrics(metrics)
        self._ids = count(1)
        self._id_prefix = request_id_prefix
        self._in_flight = 0
        self._explorer = Explorer()
        metrics.requests_in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        started_ms = self._clock.monotonic_ms()
        headers: Headers = dict(scope["headers"])
        request = _Request(headers, self._request_id(headers))
        REQUEST_ID.set(request.id)
        if scope["method"] != "POST":
            answer: Answer | None = self._page(scope["method"], headers)
        elif self._in_flight >= self._limits.in_flight_max:
            answer = refused(codes.TOO_MANY_REQUESTS, (b"retry-after", b"1"))
        else:
            self._in_flight += 1
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._answer(request, receive)
            except TimeoutError:
                answer = self._timed_out(request)
            except Exception as error:
                answer = _broken(request, error)
            finally:
                self._in_flight -= 1
        if answer is None:  # the client went away
            return
        await _send(send, answer, request.id, is_head=scope["method"] == "HEAD")
        spent_ms = self._clock.monotonic_ms() - started_ms
        self._metrics.done(answer.operation, answer.outcome, spent_ms)
        if self._access_log:
            _LOG.info(
                REQUEST_DONE,
                operation=answer.operation,
                outcome=answer.outcome,
                status=answer.status,
                ms=round(spent_ms, 1),
            )

    def _request_id(self, headers: Headers) -> str:
        """The client's own id if it is one that can stand in a log, else a new one."""
        given = headers.get(b"x-request-id")
        if given is not None and _SANE_ID.fullmatch(given):
            return given.decode()
        return f"{self._id_prefix}-{next(self._ids):x}"

    def _page(self, method: str, headers: Headers) -> Answer:
        if method in ("GET", "HEAD") and b"text/html" in headers.get(b"accept", b""):
            return Answer(self._explorer.page, outcome=OK, headers=self._explorer.headers)
        allow = (b"allow", b"POST")
        return refused(
            codes.METHOD_NOT_ALLOWED, allow, path="/graphql", methods="POST", method=method
        )

    def _timed_out(self, request: _Request) -> Answer:
        _LOG.warning(REQUEST_TIMED_OUT, operation=request.label)
        error = codes.refusal(codes.TIMED_OUT, max=self._limits.timeout_ms)
        body = orjson.dumps({"errors": [request.failures.formatted(error)]})
        return Answer(body, operation=request.label, outcome=FAILED)

    # --- One request ------------------------------------------------------------------------------
    async def _answer(self, request: _Request, receive: Receive) -> Answer | None:
        authorization = request.headers.get(b"authorization", b"")
        principal = self._authenticator.known(authorization)
        if principal is None:
            bearer = await self._authenticate(authorization)
            if isinstance(bearer, Answer):
                return bearer
            principal = bearer
        body = await self._body(request.headers, receive)
        if body.__class__ is not bytes:
            assert not isinstance(body, bytes)
            return body
        asked = _parse(body)
        if isinstance(asked, Answer):
            return asked
        text, name, variables = asked
        operation = self.documents.operation(text, name)
        if isinstance(operation, list):
            return _refusals(request, operation)
        request.label = operation.label
        if operation.answer is not None:
            return Answer(operation.answer, operation=operation.label, outcome=OK)
        # Each level of nesting has a bracket, so most bodies need not be walked.
        brackets = body.count(b"{") + body.count(b"[")
        if brackets > JSON_DEPTH_MAX and json_deeper_than(variables, JSON_DEPTH_MAX):
            error = codes.refusal(codes.JSON_TOO_DEEP, where="A variable", max=JSON_DEPTH_MAX)
            return _refusals(request, [error])
        if self._forwarder is not None and operation.is_forwardable:
            return await self._forwarder.forward(body, authorization, request.id, request.label)
        return await self._execute(request, operation, variables, principal)

    async def _authenticate(self, authorization: bytes) -> Principal | Answer:
        try:
            bearer = await self._authenticator.authenticate(authorization)
        except StoreError:
            return refused(codes.SERVICE_UNAVAILABLE, (b"retry-after", b"1"), what="The store")
        if isinstance(bearer, Denied):
            challenge = (b"www-authenticate", b'Bearer realm="twofold"')
            return refused(codes.UNAUTHENTICATED, challenge, detail=bearer.message)
        return bearer

    async def _body(self, headers: Headers, receive: Receive) -> bytes | Answer | None:
        """The request's body; None when the client went away before it was whole."""
        content_type = headers.get(b"content-type", b"")
        if content_type != b"application/json" and not _JSON_TYPE.fullmatch(content_type.strip()):
            value = content_type.decode("latin-1")[:60] or "absent"
            return refused(codes.UNSUPPORTED_MEDIA_TYPE, value=value)
        limit = self._limits.body_bytes_max
        length = headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            return refused(codes.BODY_TOO_LARGE, max=limit)
        message = await receive()
        if not message.get("more_body") and message["type"] == "http.request":
            body: bytes = message.get("body", b"")
            return body if len(body) <= limit else refused(codes.BODY_TOO_LARGE, max=limit)
        parts: list[bytes] = []
        size = 0
        while message["type"] == "http.request":
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                return refused(codes.BODY_TOO_LARGE, max=limit)
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()
        return None

    async def _execute(
        self,
        request: _Request,
        operation: Operation,
        given: dict[str, Any],
        principal: Principal,
    ) -> Answer:
        variables = coerce_variables(operation.variables, given)
        if variables.__class__ is list:
            assert isinstance(variables, list)
            return _refusals(request, variables)
        assert isinstance(variables, dict)
        refusal = None
        if operation.is_mutation and principal.role != "admin":
            refusal = reject("forbidden", role=principal.role, operation=operation.label)
        context = self._context_factory(principal, request.id)
        execution = Execution(operation, variables, context, request.failures, refusal)
        data = await execution.run()
        if not execution.errors:
            body = orjson.dumps({"data": data})
            if operation.is_constant:
                self.documents.keep_answer(operation, body)
            outcome = _outcome(execution.refused) if execution.refused else OK
            return Answer(body, operation=operation.label, outcome=outcome)
        errors = [request.failures.formatted(error) for error in execution.errors]
        body = orjson.dumps({"errors": errors, "data": data})
        outcome = _outcome(error["extensions"]["code"] for error in errors)
        return Answer(body, operation=operation.label, outcome=outcome)


# --- Pieces ---------------------------------------------------------------------------------------
def _parse(body: bytes) -> tuple[str, str | None, dict[str, Any]] | Answer:
    """Document, operation name and variables of a body; null counts as absent."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return refused(codes.MALFORMED_REQUEST, detail=f"The body is not JSON: {error}.")
    if request.__class__ is not dict:
        return refused(codes.MALFORMED_REQUEST, detail="The body must be one JSON object.")
    text = request.get("query")
    if text.__class__ is not str:
        return refused(codes.MALFORMED_REQUEST, detail="The body must hold a string `query`.")
    name = request.get("operationName")
    if name is not None and name.__class__ is not str:
        return refused(codes.MALFORMED_REQUEST, detail="`operationName` must be a string.")
    variables = request.get("variables")
    if variables is None:
        variables = {}
    elif variables.__class__ is not dict:
        return refused(codes.MALFORMED_REQUEST, detail="`variables` must be an object.")
    return text, name or None, variables


def _outcome(names: Any) -> str:
    """FAILED when one of the codes or error members is our fault, else REJECTED."""
    return FAILED if any(name == INTERNAL or name in INTERNAL_CODES for name in names) else REJECTED


def _refusals(request: _Request, errors: list[GraphQLError]) -> Answer:
    """An answer without data."""
    formatted = [request.failures.formatted(error) for error in errors]
    body = orjson.dumps({"errors": formatted})
    return Answer(body, operation=request.label, outcome=REJECTED)


def _broken(request: _Request, error: Exception) -> Answer:
    """The answer to our own mistake: told in the log, not to the caller."""
    _LOG.error(REQUEST_FAILED, operation=request.label, exception=error)
    rejection = reject("internal_error")
    message = f"{rejection.message} The request's id is {request.id}."
    extensions = {"code": rejection.code, "retryable": rejection.retryable}
    body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
    return Answer(body, operation=request.label, outcome=FAILED)


_CONTENT_TYPE = (b"content-type", b"application/json")


async def _send(send: Send, answer: Answer, request_id: str, *, is_head: bool) -> None:
    headers = [
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", request_id.encode()),
        *answer.headers,
    ]
    if not any(name == b"content-type" for name, _ in answer.headers):
        headers.append(_CONTENT_TYPE)
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else answer.body})
    except OSError:  # the client went away: nobody is left to be told
        return
