"""The indexer's process: composition root, probes, and an end in good order.

python -m indexer       follows the stream for both projectors
GET /healthz /readyz /metrics on TWOFOLD_INDEXER_HOST, TWOFOLD_INDEXER_PORT

Exits 1 when the following ends without having been told to: a process that follows nothing must not
look alive.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import Random

import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from indexer.meters import FOLLOWING_ENDED
from indexer.projectors import Engines, Projectors
from shared.clock import SystemClock
from shared.errors import ConfigurationError, SearchUnavailable, TwofoldError
from shared.observe import SERVICE_STARTED, SERVICE_STOPPED, EventLog, Metrics, configure_logging
from shared.probes import probe_routes
from shared.search.elastic import ElasticIndex
from shared.search.index import Index
from shared.search.metering import SearchMeter
from shared.settings import Settings, load_settings
from shared.store.dynamo import open_table
from shared.store.dynamo_streams import open_stream
from shared.store.metering import StoreMeter

LOG = EventLog("indexer")
GRACE_S = 2  # that requests of probes get when the process is told to stop


def process_name(settings: Settings) -> str:
    """Names this process among all indexers. The same after a restart, so that it takes its shards
    at once.
    """
    if settings.indexer_port:
        return f"{socket.gethostname()}:{settings.indexer_port}"
    return f"{socket.gethostname()}:{Random().getrandbits(64):016x}"


class Following:
    """The projectors at work in this process. When they end by themselves, so does the process."""

    def __init__(self) -> None:
        self.is_broken = False
        self.on_broken: Callable[[], None] = lambda: None
        self._is_stopping = False

    @asynccontextmanager
    async def of(self, projectors: Projectors) -> AsyncIterator[None]:
        """Follows for as long as the context lasts."""
        task = asyncio.get_running_loop().create_task(projectors.run())
        task.add_done_callback(self._ended)
        try:
            yield
        finally:
            self._is_stopping = True
            projectors.stop()
            await asyncio.gather(task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None and self._is_stopping:
            return
        LOG.error(FOLLOWING_ENDED, error=error)
        self.is_broken = True
        self.on_broken()

    async def check(self) -> None:
        """Raises when nothing is followed any more."""
        if self.is_broken:
            raise TwofoldError("the projectors have ended")


def create_app(settings: Settings) -> FastAPI:
    """The process as an ASGI application; it follows the stream for as long as it runs."""
    metrics = Metrics()
    app = FastAPI(title="Twofold indexer", lifespan=_lifespan, openapi_url=None)
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.projectors = None
    app.state.following = Following()

    async def show_metrics(_request: Request) -> Response:
        if app.state.projectors is not None:
            app.state.projectors.measure()
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.router.routes.append(Route("/metrics", show_metrics, methods=["GET"]))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        meter = StoreMeter(app.state.metrics)
        table = await stack.enter_async_context(open_table(settings, clock=clock, metrics=meter))
        stream = await stack.enter_async_context(open_stream(settings, clock=clock, metrics=meter))
        index = ElasticIndex(settings, clock=clock, metrics=SearchMeter(app.state.metrics))
        stack.push_async_callback(index.close)
        engines = Engines(table, stream, index, clock)
        following: Following = app.state.following
        readiness = {
            "dynamodb": stream.shards,
            "elasticsearch": lambda: _answers(index),
            "projectors": following.check,
        }
        app.router.routes.extend(probe_routes(readiness, app.state.metrics))
        projectors = Projectors(engines, app.state.metrics, process_name(settings))
        app.state.projectors = projectors
        LOG.info(SERVICE_STARTED, service="indexer", owner=process_name(settings))
        async with following.of(projectors):
            yield
        LOG.info(SERVICE_STOPPED, service="indexer")


async def _answers(index: Index) -> None:
    if not await index.ready():
        raise SearchUnavailable("an index or its alias is missing, or Elasticsearch is away")


def serve(settings: Settings) -> int:
    """Serves until a signal, or until nothing is followed any more; gives the exit status."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.indexer_host,
        port=settings.indexer_port,
        log_config=None,
        access_log=settings.access_log,
        timeout_graceful_shutdown=GRACE_S,
        loop="uvloop",
    )
    server = uvicorn.Server(config)

    def give_up() -> None:
        server.should_exit = True

    app.state.following.on_broken = give_up
    with suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started and not app.state.following.is_broken else 1


def main() -> None:
    """The process. Stops in good order on SIGTERM and SIGINT."""
    if not __debug__:
        raise ConfigurationError("Twofold does not run without its assertions (python -O)")
    settings = load_settings()
    configure_logging(settings.log_level)
    raise SystemExit(serve(settings))


if __name__ == "__main__":
    main()
