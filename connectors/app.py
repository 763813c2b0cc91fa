"""The connectors' composition root: one process that syncs native Links and takes their webhooks.

    settings ─► DynamoTable ─► WriteServices (the write tier's sync) ─┐
                LinkBook, Sealer ─► open_stripe ──────────────────────┼─► Synchroniser
                                    WebhookEndpoint ─► create_app ────┴─► uvicorn

python -m connectors                              syncs until it is told to stop
POST /webhooks/stripe/<Link id>, GET /healthz /readyz /metrics on TWOFOLD_CONNECT_HOST and _PORT

Any number may run: they share the Links by conditional writes (book.py).
"""

import asyncio
import secrets
from random import Random

from fastapi import FastAPI

from connectors.book import LinkBook, NativeLink
from connectors.meters import LinkMeters
from connectors.sealing import Sealer
from connectors.sources import Source
from connectors.stripe_source import StripeSource
from connectors.synchroniser import OpenSource, Synchroniser
from connectors.webhooks import WebhookEndpoint
from read_service.app import run_tier, serve_until_stopped
from shared.clock import Clock, SystemClock
from shared.errors import SourceRefused
from shared.ledger.links import STRIPE_LINK
from shared.observe import Metrics
from shared.probes import probe_routes
from shared.settings import Settings
from shared.store import keys
from shared.store.dynamo import open_table
from shared.store.items import link_from_item
from shared.store.metering import StoreMeter
from shared.store.table import Table
from write_service.app import make_write_services
from write_service.posting import WriteServices


def opener(
    settings: Settings, services: WriteServices, book: LinkBook, sealer: Sealer
) -> OpenSource:
    """Opens the system of a Link by the key that is kept for it."""

    async def open_source(state: NativeLink) -> Source:
        link = services.catalog.known_link(state.workspace_id, state.link_id)
        if link is None:
            key = keys.link(state.workspace_id, state.link_id)
            item = await services.table.get(key, consistent=True)
            assert item is not None, "a Link goes on existing"
            link = link_from_item(item)
            services.catalog.learn_link(link)
        kept = await book.secrets(state.link_id, sealer)
        if kept is None:
            raise SourceRefused("no key is kept for the Link: set-key gives it one")
        assert link.type == STRIPE_LINK, "no other native Link can be created"
        return StripeSource(kept.api_key, state.account_id, link.name, settings.stripe_url)

    return open_source


def create_app(
    *,
    table: Table,
    book: LinkBook,
    sealer: Sealer,
    clock: Clock,
    synchroniser: Synchroniser,
    metrics: Metrics,
    meters: LinkMeters,
) -> FastAPI:
    """What is answered from outside."""

    async def dynamodb() -> None:
        await table.get(keys.workspace("readiness"))

    endpoint = WebhookEndpoint(book, sealer, clock, synchroniser, meters)
    return FastAPI(
        title="Twofold connectors",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=[*probe_routes({"dynamodb": dynamodb}, metrics), endpoint.route()],
    )


async def serve(settings: Settings) -> None:
    """Syncs and answers until a signal; pages under way are finished and noted."""
    clock, metrics = SystemClock(), Metrics()
    meters = LinkMeters(metrics)
    sealer = Sealer(settings.link_secret)
    async with open_table(settings, clock=clock, metrics=StoreMeter(metrics)) as table:
        process_id = secrets.token_hex(8)
        rng = Random(secrets.randbits(64))
        services = make_write_services(
            settings, clock=clock, table=table, metrics=metrics, process_id=process_id, rng=rng
        )
        book = LinkBook(table, clock, process_id)
        synchroniser = Synchroniser(
            services,
            book,
            opener(settings, services, book, sealer),
            poll_s=settings.link_poll_s,
            jitter=rng.random,
            meters=meters,
        )
        app = create_app(
            table=table,
            book=book,
            sealer=sealer,
            clock=clock,
            synchroniser=synchroniser,
            metrics=metrics,
            meters=meters,
        )
        syncing = asyncio.create_task(synchroniser.run())
        try:
            await serve_until_stopped(app, settings.connect_host, settings.connect_port)
        finally:
            synchroniser.stop()
            await syncing
            await services.committer.close()


def main() -> None:
    """Entry point; ends with 2 when the settings can't work, with 1 when the port is taken."""
    run_tier(serve)
