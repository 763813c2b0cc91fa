"""The HTTP service that both tiers are: GraphQL, the SDL as text, probes, and a tier's own routes.

    POST, GET /graphql      http.py       GET /healthz /readyz /metrics   probes.py
    GET /schema.graphql     the SDL       extra_routes                    POST /oauth2/token, …

/graphql is answered before FastAPI's routing: its middleware and its router cost as much as the
rest of a cheap request together. It stands among the routes all the same, so that it is listed.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from graphql import GraphQLSchema
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from shared.clock import Clock
from shared.graphql import codes
from shared.graphql.forward import QueryForwarder
from shared.graphql.http import (
    Authenticator,
    ContextFactory,
    GraphqlApp,
    HttpLimits,
    Receive,
    Scope,
    Send,
)
from shared.graphql.sdl import load_sdl
from shared.ledger.rejections import reject
from shared.observe import REQUEST_FAILED, EventLog, Metrics
from shared.probes import ReadinessCheck, probe_routes
from shared.settings import Settings

GRAPHQL_PATH = "/graphql"

# Opens what the service needs; its block is the service's life.
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_LOG = EventLog("service")


class Service(FastAPI):
    """A FastAPI application whose hot path goes around FastAPI."""

    graphql: GraphqlApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] == GRAPHQL_PATH:
            await self.graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_service(
    settings: Settings,
    schema: GraphQLSchema,
    *,
    context_factory: ContextFactory,
    authenticator: Authenticator,
    readiness: Mapping[str, ReadinessCheck],
    metrics: Metrics,
    clock: Clock,
    request_id_prefix: str,
    lifespan: Lifespan | None = None,
    extra_routes: Sequence[BaseRoute] = (),
    forwarder: QueryForwarder | None = None,
    limits: HttpLimits | None = None,
) -> Service:
    """The service of one tier.

    `context_factory(principal, request_id)` makes `info.context`. `readiness` names the engines
    that /readyz asks. `lifespan` opens and closes what these use; `forwarder` is opened and closed
    here. `request_id_prefix` tells this process from others: draw it once, in the composition root.
    """
    graphql = GraphqlApp(
        schema,
        context_factory=context_factory,
        authenticator=authenticator,
        metrics=metrics,
        clock=clock,
        request_id_prefix=request_id_prefix,
        forwarder=forwarder,
        access_log=settings.access_log,
        limits=limits,
    )
    service = Service(
        title="Twofold",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_with_forwarder(lifespan, forwarder),
        routes=[
            Route(GRAPHQL_PATH, graphql),
            Route("/schema.graphql", _sdl, methods=["GET"]),
            *probe_routes(readiness, metrics),
            *extra_routes,
        ],
        exception_handlers={HTTPException: _refused, Exception: _broken},
    )
    service.graphql = graphql
    return service


def _with_forwarder(lifespan: Lifespan | None, forwarder: QueryForwarder | None) -> Lifespan:
    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        if forwarder is not None:
            await forwarder.open()
        try:
            if lifespan is None:
                yield
            else:
                async with lifespan(app):
                    yield
        finally:
            if forwarder is not None:
                await forwarder.close()

    return opened


async def _sdl(_request: Request) -> Response:
    return Response(load_sdl(), media_type="text/plain; charset=utf-8")


async def _refused(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in the form of all others."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = headers.get("Allow", "another method")
        body = codes.error_body(
            codes.METHOD_NOT_ALLOWED, path=path, methods=methods, method=request.method
        )
    elif error.status_code == 404:
        body = codes.error_body(codes.NOT_FOUND, path=path)
    else:
        body = codes.error_body(codes.MALFORMED_REQUEST, detail=str(error.detail))
    return _json(body, error.status_code, headers)


async def _broken(_request: Request, error: Exception) -> Response:
    _LOG.error(REQUEST_FAILED, exception=error)
    rejection = reject("internal_error")
    extensions = {"code": rejection.code, "retryable": rejection.retryable}
    body = {"errors": [{"message": rejection.message, "extensions": extensions}]}
    return _json(body, 500, {})


def _json(body: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(
        orjson.dumps(body), status, media_type="application/json", headers=dict(headers)
    )
