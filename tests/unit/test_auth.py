"""Tokens: whose they are, how long they are good, and when their client was revoked."""

import asyncio
from dataclasses import replace

import jwt
import pytest

from shared.auth import (
    ApiClient,
    Denied,
    Principal,
    TokenAuthenticator,
    TokenSigner,
    secret_digest,
    secret_fits,
)
from shared.clock import FixedClock
from shared.errors import ConfigurationError, StoreUnavailable
from shared.limits import (
    CLIENT_AGE_MS_MAX,
    CLIENT_REFRESH_MS,
    TOKEN_GRACE_S,
    TOKEN_LIFE_S,
    TOKENS_CACHED_MAX,
)
from tests.graphql_rig import ADMIN, SECRET, TOKEN_SECRET, HeldClients

BEARER = Principal(ADMIN.workspace_id, ADMIN.id, "admin")


class Rig:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.clients = HeldClients(ADMIN)
        self.signer = TokenSigner(TOKEN_SECRET)
        self.authenticator = TokenAuthenticator(self.signer, self.clients, self.clock)
        self.header = self.new_header()

    def new_header(self, client: ApiClient = ADMIN) -> bytes:
        return b"Bearer " + self.signer.sign(client, "twofold", self.clock.now_ms()).encode()

    async def bearer(self, header: bytes | None = None) -> Principal | Denied:
        """Who the header's bearer is, asked as the service asks."""
        header = self.header if header is None else header
        known = self.authenticator.known(header)
        return known or await self.authenticator.authenticate(header)

    def change(self, client: ApiClient) -> None:
        self.clients.clients[client.id] = client

    async def settle(self) -> None:
        """Lets a refresh in the background end."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_token_is_its_clients_and_found_without_asking_again(rig: Rig) -> None:
    assert rig.authenticator.known(rig.header) is None
    assert await rig.bearer() == BEARER
    assert rig.authenticator.known(rig.header) == BEARER
    assert rig.clients.found_count == 1


async def test_a_second_token_of_a_known_client_asks_nothing(rig: Rig) -> None:
    await rig.bearer()
    rig.clock.advance(1000)
    assert await rig.bearer(rig.new_header()) == BEARER
    assert rig.clients.found_count == 1


async def test_a_token_is_good_for_an_hour_and_a_grace(rig: Rig) -> None:
    await rig.bearer()
    rig.clock.advance((TOKEN_LIFE_S + TOKEN_GRACE_S) * 1000 - 1000)
    assert await rig.bearer() == BEARER
    rig.clock.advance(1000)
    denied = await rig.bearer()
    assert isinstance(denied, Denied)
    assert "expired" in denied.message
    assert isinstance(await Rig().bearer(rig.header), Principal)  # where it is still the hour


async def test_an_expired_token_is_refused_by_who_never_saw_it(rig: Rig) -> None:
    rig.clock.advance((TOKEN_LIFE_S + TOKEN_GRACE_S) * 1000)
    denied = await rig.bearer()
    assert isinstance(denied, Denied)
    assert "expired" in denied.message


def forged(rig: Rig) -> dict[str, bytes]:
    """Headers that look like tokens."""
    token = rig.header.removeprefix(b"Bearer ").decode()
    head, body, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    other = "another secret of at least thirty-two bytes"
    missing = {name: value for name, value in claims.items() if name != "workspace"}
    return {
        name: b"Bearer " + text.encode()
        for name, text in {
            "cut": token[:-1],
            "without signature": f"{head}.{body}.",
            "other body": f"{head}.{body[:-4]}AAAA.{signature}",
            "other secret": jwt.encode(claims, other, algorithm="HS256"),
            "no algorithm": jwt.encode(claims, None, algorithm="none"),
            "other algorithm": jwt.encode(claims, TOKEN_SECRET * 2, algorithm="HS512"),
            "other issuer": jwt.encode(claims | {"iss": "x"}, TOKEN_SECRET, algorithm="HS256"),
            "no workspace": jwt.encode(missing, TOKEN_SECRET, algorithm="HS256"),
            "odd expiry": jwt.encode(claims | {"exp": "soon"}, TOKEN_SECRET, algorithm="HS256"),
            "long": token + "a" * 5000,
        }.items()
    }


@pytest.mark.parametrize("name", forged(Rig()))
async def test_forged_tokens_are_refused_and_not_remembered(rig: Rig, name: str) -> None:
    await rig.bearer()
    header = forged(rig)[name]
    for _ in range(2):
        assert rig.authenticator.known(header) is None
        denied = await rig.authenticator.authenticate(header)
        assert isinstance(denied, Denied)
        assert "not valid" in denied.message


async def test_a_revoked_clients_tokens_stop_working_within_a_minute(rig: Rig) -> None:
    await rig.bearer()
    rig.change(replace(ADMIN, revoked_ms=1))
    assert await rig.bearer() == BEARER
    rig.clock.advance(CLIENT_AGE_MS_MAX)
    denied = await rig.bearer()
    assert isinstance(denied, Denied)
    assert "revoked" in denied.message
    assert CLIENT_AGE_MS_MAX <= 60_000


async def test_a_due_client_is_read_in_the_background(rig: Rig) -> None:
    await rig.bearer()
    rig.change(replace(ADMIN, revoked_ms=1))
    rig.clock.advance(CLIENT_REFRESH_MS)
    assert await rig.bearer() == BEARER
    assert await rig.bearer() == BEARER
    await rig.settle()
    assert rig.clients.found_count == 2
    assert isinstance(await rig.bearer(), Denied)


async def test_a_rotated_secret_ends_the_tokens_of_the_old_one(rig: Rig) -> None:
    await rig.bearer()
    rotated = replace(ADMIN, generation=2)
    rig.change(rotated)
    rig.clock.advance(CLIENT_AGE_MS_MAX)
    new = rig.new_header(rotated)
    assert isinstance(await rig.bearer(), Denied)
    assert await rig.bearer(new) == BEARER


async def test_a_role_that_changed_holds_for_tokens_given_before(rig: Rig) -> None:
    await rig.bearer()
    rig.change(replace(ADMIN, role="reader"))
    rig.clock.advance(CLIENT_AGE_MS_MAX)
    assert await rig.bearer() == replace(BEARER, role="reader")


async def test_a_token_of_a_client_that_does_not_exist_is_refused(rig: Rig) -> None:
    stranger = rig.new_header(replace(ADMIN, id="stranger"))
    assert isinstance(await rig.bearer(stranger), Denied)


async def test_a_token_is_of_its_own_workspace_alone(rig: Rig) -> None:
    foreign = rig.new_header(replace(ADMIN, workspace_id="elsewhere"))
    assert isinstance(await rig.bearer(foreign), Denied)


async def test_a_store_that_is_away_matters_only_once_what_is_known_is_old(rig: Rig) -> None:
    await rig.bearer()
    rig.clients.failure = StoreUnavailable("away")
    rig.clock.advance(CLIENT_REFRESH_MS)
    assert await rig.bearer() == BEARER
    await rig.settle()
    rig.clock.advance(CLIENT_AGE_MS_MAX - CLIENT_REFRESH_MS)
    with pytest.raises(StoreUnavailable):
        await rig.bearer()
    rig.clients.failure = None
    assert await rig.bearer() == BEARER


async def test_requests_that_ask_at_once_make_one_look_up(rig: Rig) -> None:
    await asyncio.gather(*[rig.bearer() for _ in range(10)])
    assert rig.clients.found_count == 1


async def test_a_request_that_is_cancelled_leaves_the_look_up_to_the_others(rig: Rig) -> None:
    asking = [asyncio.create_task(rig.bearer()) for _ in range(2)]
    await asyncio.sleep(0)
    asking[0].cancel()
    assert await asking[1] == BEARER


async def test_what_is_remembered_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.auth.TOKENS_CACHED_MAX", 3)
    headers = []
    for _ in range(5):
        rig.clock.advance(1000)
        headers.append(rig.new_header())
        await rig.bearer(headers[-1])
    known = [rig.authenticator.known(header) is not None for header in headers]
    assert known == [False, False, True, True, True]
    assert TOKENS_CACHED_MAX > 3


def test_a_secret_too_short_to_sign_with_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="TWOFOLD_TOKEN_SECRET"):
        TokenSigner("x" * 31)


def test_a_secret_fits_only_the_client_that_it_was_made_for() -> None:
    assert secret_fits(ADMIN, SECRET)
    assert not secret_fits(ADMIN, SECRET + "x")
    assert not secret_fits(ADMIN, "")
    assert not secret_fits(None, "")
    assert not secret_fits(None, SECRET)
    assert SECRET not in secret_digest(SECRET)
