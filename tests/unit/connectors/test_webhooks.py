"""A signed event asks for a sync; anything else does nothing at all."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.errors import StoreUnavailable
from shared.limits import WEBHOOK_AGE_S_MAX, WEBHOOK_BODY_BYTES_MAX, WEBHOOK_SECRETS_AGE_MS
from shared.store.table import TableName
from tests.connecting import IK, ConnectRig
from tests.stripe_server import StripeServer, signed, transaction
from tests.write_rig import WORKSPACE

SECRET = "whsec_twofold0123456789"
EVENT = json.dumps({"id": "evt_1", "object": "event", "type": "charge.succeeded"})


class Hooks(ConnectRig):
    """A rig whose Link has an endpoint."""

    async def begin(self) -> None:
        self.link_id = await self.create()
        named = ("--workspace", WORKSPACE, "--ik", IK)
        await self.command("set-webhook-secret", *named, secret=SECRET)
        await self.sync()

    async def send(
        self, body: str | bytes = EVENT, signature: str | None = None, **more: Any
    ) -> int:
        """The status that an event is answered with."""
        if signature is None:
            signature = signed(EVENT, more.get("secret", SECRET), more.get("at_s"))
        headers = {"stripe-signature": signature.encode("latin-1")} if signature else {}
        path = f"/webhooks/stripe/{more.get('link_id', self.link_id)}"
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            answer = await http.post(path, content=body, headers=headers)
        assert SECRET not in answer.text
        return answer.status_code

    async def asked(self) -> int:
        return (await self.state()).asked


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    async with StripeServer().running() as server:
        rig = Hooks(server)
        await rig.begin()
        yield rig


async def test_a_signed_event_has_the_link_synced(hooks: Hooks) -> None:
    hooks.server.add(transaction(1))
    assert (await hooks.sync()).progress.rounds == 1
    assert await hooks.send() == 200
    assert await hooks.send() == 200
    state = await hooks.later(2_000)
    assert (state.progress.rounds, state.asked, state.taken) == (2, 2, 2)
    hooks.judge()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "t=1,v1=00",
        "t=,v1=",
        "t=x,v1=1",
        "v1=00",
        f"t={10**30},v1=00",
        "t=1",
        "t=1,v1=é",
    ],
)
async def test_a_bad_signature_is_refused_and_does_nothing(hooks: Hooks, signature: str) -> None:
    stood = hooks.memory.dump(TableName.BALANCES)
    assert await hooks.send(signature=signature) == 400
    assert hooks.memory.dump(TableName.BALANCES) == stood


async def test_another_secret_body_link_or_day_is_refused(hooks: Hooks) -> None:
    stood = hooks.memory.dump(TableName.BALANCES)
    long_ago = int(time.time()) - WEBHOOK_AGE_S_MAX - 10
    assert await hooks.send(secret="whsec_another") == 400
    assert await hooks.send(EVENT + " ") == 400
    assert await hooks.send(at_s=long_ago) == 400
    assert await hooks.send(link_id="0" * 32) == 400
    assert await hooks.send(link_id="nothing") == 400
    assert await hooks.send(b"\xff\xfe") == 400
    assert await hooks.send(b"") == 400
    assert hooks.memory.dump(TableName.BALANCES) == stood


async def test_a_link_without_an_endpoint_refuses_what_is_signed_with_nothing(hooks: Hooks) -> None:
    kept = await hooks.book.secrets(hooks.link_id, hooks.sealer)
    assert kept is not None
    rig = ConnectRig(hooks.server)
    link_id = await rig.create()
    bare = Hooks(hooks.server)
    bare.memory, bare.link_id = rig.memory, link_id
    bare.restart()
    assert await bare.send(signature=signed(EVENT, "x")) == 400
    assert await bare.asked() == 0


async def test_a_body_that_is_too_large_is_not_read(hooks: Hooks) -> None:
    body = b"x" * (WEBHOOK_BODY_BYTES_MAX + 1)
    assert await hooks.send(body) == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (WEBHOOK_BODY_BYTES_MAX // 2)

    assert await hooks.send(chunks()) == 413  # type: ignore[arg-type]
    assert await hooks.asked() == 0


async def test_stripe_is_told_to_send_again_while_the_table_is_away(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(hooks.memory, "write", away)
    assert await hooks.send() == 503
    monkeypatch.undo()
    assert await hooks.send() == 200


async def test_junk_costs_one_read_in_half_a_minute(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    secrets = hooks.book.secrets

    async def counted(link_id: str, sealer: Any) -> Any:
        reads.append(link_id)
        return await secrets(link_id, sealer)

    monkeypatch.setattr(hooks.book, "secrets", counted)
    for _ in range(3):
        assert await hooks.send(link_id="1" * 32) == 400
        assert await hooks.send(signature="junk") == 400
    assert sorted(reads) == sorted(["1" * 32, hooks.link_id])
    hooks.clock.advance(WEBHOOK_SECRETS_AGE_MS)
    assert await hooks.send(link_id="1" * 32) == 400
    assert len(reads) == 3


async def test_only_posts_are_taken_and_probes_answer(hooks: Hooks) -> None:
    transport = httpx.ASGITransport(hooks.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert (await http.get(f"/webhooks/stripe/{hooks.link_id}")).status_code == 405
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).json()["ready"] is True
        assert "twofold_webhooks" in (await http.get("/metrics")).text
        assert (await http.get("/docs")).status_code == 404
