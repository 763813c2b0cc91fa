"""POST /oauth2/token: a client's id and secret for an access token (RFC 6749, section 4.4).

The secret comes as HTTP Basic or in the form; every refusal is OAuth's JSON, never GraphQL's.

    invalid_client          401  no credentials, or wrong ones, or of a revoked client
    invalid_request         400  not a form; a parameter missing, twice or in contradiction
    unsupported_grant_type  400  anything but client_credentials
    invalid_scope           400  a scope that this deployment doesn't have
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from shared.auth import ApiClient, ClientDirectory, TokenSigner, secret_fits
from shared.clock import Clock
from shared.errors import StoreError
from shared.limits import FORM_BYTES_MAX, FORM_PARAMETERS_MAX, TOKEN_LIFE_S
from shared.observe import TOKEN_ISSUED, TOKEN_REFUSED, EventLog

TOKEN_PATH = "/oauth2/token"

_FORM_TYPE = "application/x-www-form-urlencoded"
_HEADERS = {"cache-control": "no-store", "pragma": "no-cache"}
_CHALLENGE = {"www-authenticate": 'Basic realm="twofold", charset="UTF-8"'}
_LOG = EventLog("oauth")


@dataclass(frozen=True, slots=True)
class OAuthError:
    """A refusal in OAuth's words."""

    error: str
    description: str
    status: int = 400


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller claims to be."""

    client_id: str
    secret: str


NO_CLIENT = OAuthError("invalid_client", "The client id or secret is wrong.", 401)
NO_CREDENTIALS = OAuthError(
    "invalid_client", "Give the client's id and secret as HTTP Basic or in the form.", 401
)


class TokenEndpoint:
    """Answers token requests."""

    def __init__(
        self, clients: ClientDirectory, signer: TokenSigner, clock: Clock, scope: str
    ) -> None:
        self._clients = clients
        self._signer = signer
        self._clock = clock
        self._scope = scope

    def route(self) -> Route:
        """The route of the endpoint."""
        return Route(TOKEN_PATH, self.answer, methods=["POST"])

    async def answer(self, request: Request) -> Response:
        """A token, or why there is none."""
        try:
            outcome = await self._grant(request)
        except StoreError:
            outcome = OAuthError("temporarily_unavailable", "Try again.", 503)
        except ClientDisconnect:
            return Response(status_code=400)
        if isinstance(outcome, OAuthError):
            _LOG.info(TOKEN_REFUSED, error=outcome.error)
            told = {"error": outcome.error, "error_description": outcome.description}
            headers = _HEADERS | (_CHALLENGE if outcome.status == 401 else {})
            return _json(told, outcome.status, headers)
        _LOG.info(TOKEN_ISSUED, client_id=outcome.id, workspace_id=outcome.workspace_id)
        body = {
            "access_token": self._signer.sign(outcome, self._scope, self._clock.now_ms()),
            "expires_in": TOKEN_LIFE_S,
            "token_type": "Bearer",
            "scope": self._scope,
        }
        return _json(body, 200, _HEADERS)

    async def _grant(self, request: Request) -> ApiClient | OAuthError:
        form = await _read_form(request)
        if isinstance(form, OAuthError):
            return form
        credentials = _credentials(request.headers.get("authorization"), form)
        if isinstance(credentials, OAuthError):
            return credentials
        grant_type = form.get("grant_type")
        if grant_type is None:
            return OAuthError("invalid_request", "grant_type is missing.")
        if grant_type != "client_credentials":
            return OAuthError("unsupported_grant_type", "grant_type must be client_credentials.")
        client = await self._clients.find(credentials.client_id)
        if not secret_fits(client, credentials.secret):
            return NO_CLIENT
        assert client is not None
        if client.revoked_ms is not None:
            return NO_CLIENT
        scopes = form.get("scope", "").split()
        if any(scope != self._scope for scope in scopes):
            return OAuthError("invalid_scope", f"The only scope is {self._scope}.")
        return client


async def _read_form(request: Request) -> dict[str, str] | OAuthError:
    """The form's parameters; none may stand twice, and an empty one counts as absent."""
    kind = request.headers.get("content-type", _FORM_TYPE).partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        return OAuthError("invalid_request", f"The content type must be {_FORM_TYPE}.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            return OAuthError("invalid_request", "The form is too large.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_PARAMETERS_MAX)
    except ValueError:
        return OAuthError("invalid_request", "The body is not a form.")
    form = dict(pairs)
    if len(form) != len(pairs):
        return OAuthError("invalid_request", "A parameter is given twice.")
    return {name: value for name, value in form.items() if value}


def _credentials(authorization: str | None, form: dict[str, str]) -> Credentials | OAuthError:
    """Id and secret, from HTTP Basic or the form; an id in both must be the same."""
    in_form = Credentials(form.get("client_id", ""), form.get("client_secret", ""))
    if authorization is None:
        if in_form.client_id and in_form.secret:
            return in_form
        return NO_CREDENTIALS
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return NO_CREDENTIALS
    try:
        decoded = b64decode(encoded.strip(), validate=True).decode()
    except (Base64Error, UnicodeDecodeError, ValueError):
        return NO_CREDENTIALS
    client_id, colon, secret = decoded.partition(":")
    # RFC 6749 has both form-encoded first; what we issue has nothing that this would change.
    basic = Credentials(unquote_plus(client_id), unquote_plus(secret))
    if not colon or not basic.client_id:
        return NO_CREDENTIALS
    if in_form.client_id not in ("", basic.client_id) or in_form.secret not in ("", basic.secret):
        return OAuthError("invalid_request", "The form contradicts the Authorization header.")
    return basic


def _json(body: Mapping[str, object], status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers=headers)
