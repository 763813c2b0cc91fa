"""The write tier's composition root: settings, engines, committer and resolvers in one service.

    settings ─► DynamoTable ─► Catalog, Committer ─► WriteServices ─┐
                StoredClients ─► TokenAuthenticator, TokenEndpoint ─┼─► create_service ─► uvicorn
                bind_write_types ─► GraphQL schema ─────────────────┘
                read_url ─► QueryForwarder (queries go to the read tier)

Nothing is kept that another process would need: any number of these may run side by side.
"""

import asyncio
import secrets
from itertools import count
from random import Random

from read_service.app import readiness_checks, run_tier, serve_until_stopped
from read_service.context import RequestContext
from shared.auth import Principal, TokenAuthenticator, TokenSigner
from shared.clock import Clock, SystemClock
from shared.graphql.forward import QueryForwarder
from shared.graphql.sdl import make_schema
from shared.graphql.service import Service, create_service
from shared.observe import Metrics
from shared.search.elastic import ElasticIndex
from shared.search.index import Index
from shared.search.metering import SearchMeter
from shared.settings import Settings
from shared.store.catalog import Catalog
from shared.store.clients import StoredClients
from shared.store.dynamo import open_table
from shared.store.metering import StoreMeter
from shared.store.table import Table
from write_service.bindings import bind_write_types
from write_service.committer import Committer
from write_service.oauth import TokenEndpoint
from write_service.posting import WriteServices
from write_service.prefetch import Prefetcher
from write_service.recording import MeteredCommits
from write_service.work import Worker


def make_write_services(
    settings: Settings,
    *,
    clock: Clock,
    table: Table,
    metrics: Metrics,
    process_id: str,
    rng: Random,
) -> WriteServices:
    """For mutations; call it in the loop. `process_id` (at most 16 characters) is unique."""
    catalog = Catalog(table, clock)
    numbers = count(1)

    def new_token() -> str:
        return f"{process_id}-{next(numbers):x}"

    committer = Committer(
        table,
        catalog,
        clock,
        MeteredCommits(metrics),
        new_token=new_token,
        jitter=rng.random,
        in_flight_max=settings.commits_in_flight,
        wait_ms=settings.commit_wait_ms,
    )
    return WriteServices(table, catalog, clock, Prefetcher(table, catalog), committer, new_token)


def compose(
    settings: Settings,
    *,
    services: WriteServices,
    index: Index,
    metrics: Metrics,
    request_id_prefix: str,
) -> Service:
    """The service on engines that are open. Raises ConfigurationError."""
    clock, table = services.clock, services.table

    def new_context(principal: Principal, request_id: str) -> RequestContext:
        return RequestContext(
            principal=principal,
            request_id=request_id,
            clock=clock,
            table=table,
            index=index,
            catalog=services.catalog,
            settings=settings,
        )

    clients = StoredClients(table)
    signer = TokenSigner(settings.token_secret)
    return create_service(
        settings,
        make_schema(*bind_write_types(services)),
        context_factory=new_context,
        authenticator=TokenAuthenticator(signer, clients, clock),
        readiness=readiness_checks(table, index),
        metrics=metrics,
        clock=clock,
        request_id_prefix=request_id_prefix,
        extra_routes=[TokenEndpoint(clients, signer, clock, settings.scope).route()],
        forwarder=QueryForwarder(settings.read_url) if settings.read_url else None,
    )


async def serve(settings: Settings) -> None:
    """Serves until a signal; answers what is being answered, commits what waits, closes."""
    clock, metrics = SystemClock(), Metrics()
    async with open_table(settings, clock=clock, metrics=StoreMeter(metrics)) as table:
        index = ElasticIndex(settings, clock=clock, metrics=SearchMeter(metrics))
        process_id = secrets.token_hex(8)
        services = make_write_services(
            settings,
            clock=clock,
            table=table,
            metrics=metrics,
            process_id=process_id,
            rng=Random(secrets.randbits(64)),
        )
        try:
            service = compose(
                settings,
                services=services,
                index=index,
                metrics=metrics,
                request_id_prefix=secrets.token_hex(4),
            )
            worker = Worker(services, process_id)
            working = asyncio.create_task(worker.run())
            try:
                await serve_until_stopped(service, settings.write_host, settings.write_port)
            finally:
                worker.stop()
                await working
        finally:
            await services.committer.close()
            await index.close()


def main() -> None:
    """Entry point; ends with 2 when the settings can't work, with 1 when the port is taken."""
    run_tier(serve)
