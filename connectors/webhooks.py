"""Stripe's webhooks: a signed event asks for a sync of its Link, and does nothing else.

POST /webhooks/stripe/<Link id>    200 asked · 400 not signed by the endpoint's secret
                                   413 too large · 503 DynamoDB is away (Stripe sends again)

What an event says is never used: all data comes from Stripe's list, by the Link's own key. A Link
that doesn't exist, has no endpoint or was deleted answers as a bad signature does.
"""

from dataclasses import replace
from typing import Protocol

import orjson
import stripe
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.book import LinkBook, LinkSecrets
from connectors.meters import LinkMeters
from connectors.sealing import SealBroken, Sealer
from shared.clock import Clock
from shared.errors import StoreError
from shared.ledger.identifiers import is_id
from shared.limits import (
    WEBHOOK_AGE_S_MAX,
    WEBHOOK_BODY_BYTES_MAX,
    WEBHOOK_SECRETS_AGE_MS,
    WEBHOOK_SECRETS_HELD_MAX,
)
from shared.observe import EventLog

LOG = EventLog("webhooks")
WEBHOOK_ASKED = "webhook_asked"
WEBHOOK_REFUSED = "webhook_refused"
WEBHOOK_FAILED = "webhook_failed"


class Wakes(Protocol):
    """Who syncs in this process."""

    def wake(self) -> None: ...


class WebhookEndpoint:
    """The endpoint of all Links of a deployment."""

    def __init__(
        self, book: LinkBook, sealer: Sealer, clock: Clock, wakes: Wakes, meters: LinkMeters
    ) -> None:
        self._book = book
        self._sealer = sealer
        self._clock = clock
        self._wakes = wakes
        self._count = meters.webhooks
        self._held: dict[str, tuple[LinkSecrets | None, int]] = {}  # by Link, when it was read

    def route(self) -> Route:
        """Where Stripe sends to."""
        return Route("/webhooks/stripe/{link_id}", self.receive, methods=["POST"])

    async def receive(self, request: Request) -> Response:
        """One event."""
        link_id = request.path_params["link_id"]
        try:
            body = await _bounded_body(request)
        except ClientDisconnect:
            return self._answer(400, "refused", "The body ended early.")
        if body is None:
            return self._answer(413, "refused", f"At most {WEBHOOK_BODY_BYTES_MAX} bytes.")
        try:
            secrets = await self._secrets(link_id) if is_id(link_id) else None
            signature = request.headers.get("stripe-signature", "")
            if secrets is None or not _is_signed(body, signature, secrets.webhook_secret):
                LOG.warning(WEBHOOK_REFUSED, link=link_id[:40])
                return self._answer(400, "refused", "The signature is not this endpoint's.")
            await self._book.ask(secrets.workspace_id, link_id)
        except StoreError as error:
            LOG.warning(WEBHOOK_FAILED, link=link_id, error=error)
            return self._answer(503, "failed", "Send it again later.")
        LOG.info(WEBHOOK_ASKED, link=link_id)
        self._wakes.wake()
        return self._answer(200, "asked", "")

    async def _secrets(self, link_id: str) -> LinkSecrets | None:
        """The Link's secrets, at most WEBHOOK_SECRETS_AGE_MS old, so that junk costs no reads."""
        now_ms = self._clock.now_ms()
        held = self._held.get(link_id)
        if held is not None and now_ms - held[1] < WEBHOOK_SECRETS_AGE_MS:
            return held[0]
        try:
            secrets = await self._book.secrets(link_id, self._sealer)
            if secrets is not None:
                secrets = replace(secrets, api_key="", sealed="")  # of no use here
        except SealBroken as error:
            LOG.error(WEBHOOK_FAILED, link=link_id, reason=str(error))
            secrets = None
        self._held.pop(link_id, None)
        if len(self._held) >= WEBHOOK_SECRETS_HELD_MAX:
            self._held.pop(next(iter(self._held)))
        self._held[link_id] = (secrets, now_ms)
        return secrets

    def _answer(self, status: int, outcome: str, message: str) -> Response:
        self._count.labels(outcome).inc()
        body = {"received": True} if status == 200 else {"error": {"message": message}}
        return Response(orjson.dumps(body), status, media_type="application/json")


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether Stripe's own check finds the body signed by `secret`, and lately."""
    if not secret:
        return False
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, WEBHOOK_AGE_S_MAX)
    except (stripe.SignatureVerificationError, ValueError, TypeError, OverflowError):
        return False
    return True


async def _bounded_body(request: Request) -> bytes | None:
    """The whole body, or None when it is too large."""
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told) > WEBHOOK_BODY_BYTES_MAX:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > WEBHOOK_BODY_BYTES_MAX:
            return None
    return bytes(body)
