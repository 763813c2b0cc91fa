"""A small server that speaks Stripe's list of balance transactions, and signs webhooks as Stripe
does; over real HTTP, so that the official library is what talks to it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import stripe
from aiohttp import web

KEY = "rk_test_51TwofoldTwofoldTwofold"
ACCOUNT = "acct_1Twofold"
CREATED_S = 1_700_000_000
PATH = "/v1/balance_transactions"

Given = dict[str, Any]


def transaction(number: int, amount: int = 1_000, fee: int = 59, **more: Any) -> Given:
    """A balance transaction as Stripe tells it; `number` orders them, by the second."""
    return {
        "id": f"txn_{number:06d}",
        "object": "balance_transaction",
        "amount": amount,
        "available_on": CREATED_S + number + 172_800,
        "created": CREATED_S + number,
        "currency": "usd",
        "description": f"Order {number}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [],
        "net": amount - fee,
        "source": f"ch_{number:06d}",
        "status": "pending",
        "type": "charge",
        **more,
    }


def signed(payload: str, secret: str, timestamp_s: int | None = None) -> str:
    """The Stripe-Signature header, by the official library."""
    header: str = stripe.WebhookSignature.generate_signature_header(payload, secret, timestamp_s)
    return header


class StripeServer:
    """One account. `faults` are taken one a request: a status, or `cut`. `on_list` is called
    before each page is made: what it adds arrives while others page.
    """

    def __init__(self) -> None:
        self.key = KEY
        self.account = ACCOUNT
        self.currency = "usd"
        self.may_ask_account = True
        self.held: list[Given] = []
        self.faults: list[int | str] = []
        self.on_list: Callable[[], None] = lambda: None
        self.calls: Counter[str] = Counter()
        self.queries: list[dict[str, str]] = []
        self.url = ""

    def add(self, *given: Given) -> None:
        self.held.extend(given)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StripeServer"]:
        app = web.Application()
        app.router.add_get(PATH, self._list)
        app.router.add_get("/v1/account", self._account)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _refused(self, request: web.Request) -> web.Response | None:
        self.calls[request.path] += 1
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
            return _error(401, f"Invalid API Key provided: {sent}", type="invalid_request_error")
        return None

    async def _list(self, request: web.Request) -> web.StreamResponse:
        refusal = self._refused(request)
        if refusal is not None:
            return refusal
        fault = self.faults.pop(0) if self.faults else None
        if fault == "cut":
            return await _cut(request)
        if isinstance(fault, int):
            return _error(fault, f"You did not do that with {self.key}", type="api_error")
        if fault == "nonsense":
            return web.json_response({"object": "list", "data": None, "has_more": True})
        self.on_list()
        query = request.query
        self.queries.append(dict(query))
        since_s = int(query.get("created[gte]", 0))
        listed = sorted(
            (each for each in self.held if each["created"] >= since_s),
            key=lambda each: (each["created"], each["id"]),
            reverse=True,
        )
        after = query.get("starting_after")
        if after is not None:
            places = [place for place, each in enumerate(listed) if each["id"] == after]
            if not places:
                said = f"No such balance transaction: '{after}'"
                return _error(400, said, code="resource_missing", param="starting_after")
            listed = listed[places[0] + 1 :]
        limit = int(query.get("limit", 10))
        assert 1 <= limit <= 100
        body = {
            "object": "list",
            "url": PATH,
            "has_more": len(listed) > limit,
            "data": listed[:limit],
        }
        return web.json_response(body)

    async def _account(self, request: web.Request) -> web.Response:
        refusal = self._refused(request)
        if refusal is not None:
            return refusal
        if not self.may_ask_account:
            said = f"The provided key '{self.key}' does not have the required permissions"
            return _error(403, said, type="invalid_request_error")
        told = {"id": self.account, "object": "account", "default_currency": self.currency}
        return web.json_response(told)


def _error(status: int, message: str, **more: str) -> web.Response:
    body = {"error": {"message": message, **more}}
    return web.json_response(body, status=status, headers={"Request-Id": "req_test"})


async def _cut(request: web.Request) -> web.StreamResponse:
    """Half an answer, then the connection is gone."""
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b'{"object": "list", ')
    assert request.transport is not None
    request.transport.close()
    return answer
