"""The read tier's composition root: settings, engines and resolvers become one HTTP service.

    settings ─► DynamoTable, ElasticIndex ─► Catalog ─┐
                StoredClients ─► TokenAuthenticator ──┼─► create_service ─► uvicorn on uvloop
                bind_read_types ─► GraphQL schema ────┘

Nothing is kept that another process would need: any number of these may run side by side.
"""

import asyncio
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import cache

import uvicorn
import uvloop
from fastapi import FastAPI
from graphql import GraphQLSchema

from read_service.bindings import bind_read_types
from read_service.context import RequestContext
from shared.auth import Principal, TokenAuthenticator, TokenSigner
from shared.clock import Clock, SystemClock
from shared.errors import ConfigurationError, SearchUnavailable
from shared.graphql.sdl import make_schema
from shared.graphql.service import Service, create_service
from shared.limits import SHUTDOWN_GRACE_S
from shared.observe import (
    SERVICE_STARTED,
    SERVICE_STOPPED,
    EventLog,
    Metrics,
    configure_logging,
)
from shared.probes import ReadinessCheck
from shared.search.elastic import ElasticIndex
from shared.search.index import Index
from shared.search.metering import SearchMeter
from shared.settings import Settings, load_settings
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.clients import StoredClients
from shared.store.dynamo import open_table
from shared.store.metering import StoreMeter
from shared.store.table import Table

_LOG = EventLog("read_service")


@cache
def read_schema() -> GraphQLSchema:
    """The API with the read graph bound; it holds nothing of a process."""
    return make_schema(*bind_read_types())


def compose(
    settings: Settings,
    *,
    clock: Clock,
    table: Table,
    index: Index,
    metrics: Metrics,
    request_id_prefix: str,
) -> Service:
    """The service on engines that are open. Raises ConfigurationError."""
    catalog = Catalog(table, clock)

    def new_context(principal: Principal, request_id: str) -> RequestContext:
        return RequestContext(
            principal=principal,
            request_id=request_id,
            clock=clock,
            table=table,
            index=index,
            catalog=catalog,
            settings=settings,
        )

    return create_service(
        settings,
        read_schema(),
        context_factory=new_context,
        authenticator=TokenAuthenticator(
            TokenSigner(settings.token_secret), StoredClients(table), clock
        ),
        readiness=readiness_checks(table, index),
        metrics=metrics,
        clock=clock,
        request_id_prefix=request_id_prefix,
    )


def readiness_checks(table: Table, index: Index) -> Mapping[str, ReadinessCheck]:
    """What /readyz asks: both tables and every index answer."""

    async def dynamodb() -> None:
        nobody = "readiness"
        await table.get_many([keys.workspace(nobody), keys.strong_own(nobody, nobody)])

    async def elasticsearch() -> None:
        if not await index.ready():
            raise SearchUnavailable("an index is missing, or Elasticsearch doesn't answer")

    return {"dynamodb": dynamodb, "elasticsearch": elasticsearch}


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then answers what is being answered and closes."""
    clock, metrics = SystemClock(), Metrics()
    async with open_table(settings, clock=clock, metrics=StoreMeter(metrics)) as table:
        index = ElasticIndex(settings, clock=clock, metrics=SearchMeter(metrics))
        try:
            service = compose(
                settings,
                clock=clock,
                table=table,
                index=index,
                metrics=metrics,
                request_id_prefix=secrets.token_hex(4),
            )
            await serve_until_stopped(service, settings.read_host, settings.read_port)
        finally:
            await index.close()


async def serve_until_stopped(service: FastAPI, host: str, port: int) -> None:
    """Answers on `host`:`port` until a signal; what is being answered then may end."""
    config = uvicorn.Config(
        service,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
    _LOG.info(SERVICE_STARTED, host=host, port=port)
    await uvicorn.Server(config).serve()
    _LOG.info(SERVICE_STOPPED)


def main() -> None:
    """Entry point; ends with 2 when the settings can't work, with 1 when the port is taken."""
    run_tier(serve)


def run_tier(serve: Callable[[Settings], Coroutine[None, None, None]]) -> None:
    """Runs one tier's `serve` on uvloop, with settings from the environment."""
    if not __debug__:
        sys.exit("twofold: assertions are switched off (python -O): they guard the ledger")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_handled)
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except ConfigurationError as error:
        print(f"twofold: {error}", file=sys.stderr)
        sys.exit(2)


def _already_handled(_number: int, _frame: object) -> None:
    """uvicorn ends on a signal by itself and raises it again afterwards, when we are closing."""
