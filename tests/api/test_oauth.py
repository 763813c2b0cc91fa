"""POST /oauth2/token: OAuth's words and statuses, whatever the clients' habits."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fragment.client.oauth import fetch_token_async

from shared.auth import TokenSigner
from shared.errors import StoreUnavailable
from tests.graphql_rig import ADMIN, SECRET, TOKEN_SECRET, HeldClients, HttpRig
from write_service.oauth import TokenEndpoint

GRANT = {"grant_type": "client_credentials"}
FORM = "application/x-www-form-urlencoded"


class OAuthRig(HttpRig):
    """A service with the token endpoint."""

    def __init__(self) -> None:
        self.clients = HeldClients()
        super().__init__({"Query": {"workspace": lambda *_: {"id": "w"}}})
        endpoint = TokenEndpoint(self.clients, TokenSigner(TOKEN_SECRET), self.clock, "twofold")
        self.service.router.routes.append(endpoint.route())

    async def ask(self, form: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(form, dict):
            return await self.http.post("/oauth2/token", data=form, headers=named)
        return await self.http.post("/oauth2/token", content=form, headers=named)


def basic(client_id: str = "admin", secret: str = SECRET) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


@pytest.fixture
def rig() -> OAuthRig:
    return OAuthRig()


@pytest.mark.parametrize(
    "form, authorization",
    [
        (GRANT, basic()),
        (GRANT | {"scope": "twofold"}, basic()),
        (GRANT | {"scope": "twofold", "client_id": "admin"}, basic()),
        (GRANT | {"scope": "", "client_id": ""}, basic()),
        (GRANT | {"client_id": "admin", "client_secret": SECRET}, ""),
        (GRANT, basic().replace("Basic", "basic")),
        (GRANT, basic(secret="the+client%27s+secret")),
    ],
)
async def test_credentials_give_a_token_that_opens_the_api(
    rig: OAuthRig, form: dict[str, str], authorization: str
) -> None:
    headers = {"authorization": authorization} if authorization else {}
    response = await rig.ask(form, **headers)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert answer == {
        "access_token": answer["access_token"],
        "expires_in": 3600,
        "token_type": "Bearer",
        "scope": "twofold",
    }
    asked = await rig.http.post(
        "/graphql",
        json={"query": "{ workspace { id } }"},
        headers={"authorization": f"Bearer {answer['access_token']}"},
    )
    assert asked.json() == {"data": {"workspace": {"id": "w"}}}


@pytest.mark.parametrize(
    "content_type", [FORM, f"{FORM};charset=UTF-8", f"{FORM}; charset=utf-8", FORM.title()]
)
async def test_the_forms_content_type_may_name_a_charset(rig: OAuthRig, content_type: str) -> None:
    body = "grant_type=client_credentials&scope=twofold"
    response = await rig.ask(body, content_type=content_type, authorization=basic())
    assert response.status_code == 200


async def test_a_form_without_content_type_is_a_form(rig: OAuthRig) -> None:
    response = await rig.ask(b"grant_type=client_credentials", authorization=basic())
    assert response.status_code == 200


@pytest.mark.parametrize(
    "form, authorization, status, error",
    [
        (GRANT, "", 401, "invalid_client"),
        (GRANT, basic(secret="wrong"), 401, "invalid_client"),
        (GRANT, basic(secret=""), 401, "invalid_client"),
        (GRANT, basic("nobody"), 401, "invalid_client"),
        (GRANT, basic("nobody", ""), 401, "invalid_client"),
        (GRANT, "Basic", 401, "invalid_client"),
        (GRANT, "Basic ???", 401, "invalid_client"),
        (GRANT, "Basic " + b64encode(b"\xff\xfe").decode(), 401, "invalid_client"),
        (GRANT, "Basic " + b64encode(b"admin").decode(), 401, "invalid_client"),
        (GRANT, "Bearer x", 401, "invalid_client"),
        (GRANT | {"client_id": "admin"}, "", 401, "invalid_client"),
        (GRANT | {"client_id": "other"}, basic(), 400, "invalid_request"),
        (GRANT | {"client_secret": "other"}, basic(), 400, "invalid_request"),
        ({}, basic(), 400, "invalid_request"),
        ({"grant_type": ""}, basic(), 400, "invalid_request"),
        ({"grant_type": "password"}, basic(), 400, "unsupported_grant_type"),
        (GRANT | {"scope": "everything"}, basic(), 400, "invalid_scope"),
        (GRANT | {"scope": "twofold everything"}, basic(), 400, "invalid_scope"),
    ],
)
async def test_refusals_are_oauths(
    rig: OAuthRig, form: dict[str, str], authorization: str, status: int, error: str
) -> None:
    headers = {"authorization": authorization} if authorization else {}
    response = await rig.ask(form, **headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"error", "error_description"}
    assert answer["error"] == error
    assert ("www-authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize(
    "body, content_type",
    [
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials&grant_type=client_credentials", FORM),
        (b"\xff\xfe=1", FORM),
        (b"&".join(b"a%d=1" % i for i in range(100)), FORM),
        (b"grant_type=client_credentials&x=" + b"a" * 10_000, FORM),
    ],
)
async def test_what_is_no_form_is_an_invalid_request(
    rig: OAuthRig, body: bytes, content_type: str
) -> None:
    response = await rig.ask(body, content_type=content_type, authorization=basic())
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_a_revoked_client_gets_no_token(rig: OAuthRig) -> None:
    rig.clients.clients["admin"] = replace(ADMIN, revoked_ms=1)
    response = await rig.ask(GRANT, authorization=basic())
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_a_store_that_is_away_is_told_in_oauths_form(rig: OAuthRig) -> None:
    rig.clients.failure = StoreUnavailable("away")
    response = await rig.ask(GRANT, authorization=basic())
    assert response.status_code == 503
    assert response.json()["error"] == "temporarily_unavailable"


async def test_only_post_gives_tokens(rig: OAuthRig) -> None:
    response = await rig.http.get("/oauth2/token")
    assert response.status_code == 405


async def test_several_tokens_are_good_at_once(rig: OAuthRig) -> None:
    tokens = []
    for _ in range(2):
        tokens.append((await rig.ask(GRANT, authorization=basic())).json()["access_token"])
        rig.clock.advance(1000)
    assert len(set(tokens)) == 2
    for token in tokens:
        answer = await rig.http.post(
            "/graphql",
            json={"query": "{ workspace { id } }"},
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200


async def test_the_official_client_gets_its_token(
    rig: OAuthRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fragment.client.oauth.httpx.AsyncClient", lambda: rig.http)
    token = await fetch_token_async("http://twofold/oauth2/token", "admin", SECRET, "twofold")
    assert token["expires_in"] == 3600
