"""Who calls: API clients, their access tokens, and what a token's bearer may do.

    POST /oauth2/token ──► TokenSigner.sign ──► token (HS256, one hour)
    Authorization: Bearer ──► TokenAuthenticator ──► Principal, or Denied

A token is verified once and then found by its header until it expires. Whether its client still may
call is asked of the store at most every CLIENT_REFRESH_MS, in the background, and at the latest
after CLIENT_AGE_MS_MAX before anything else is done: so a revoked client's tokens stop working
within a minute, and a request that finds its client warm reads nothing. Time is the clock's:
PyJWT's own checks of time are off.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Literal, Protocol

import jwt
from jwt.types import Options

from shared.clock import Clock
from shared.errors import ConfigurationError
from shared.limits import (
    CLIENT_AGE_MS_MAX,
    CLIENT_REFRESH_MS,
    CLIENTS_HELD_MAX,
    TOKEN_CHARS_MAX,
    TOKEN_GRACE_S,
    TOKEN_LIFE_S,
    TOKEN_SECRET_BYTES_MIN,
    TOKENS_CACHED_MAX,
)

Role = Literal["admin", "reader"]
ROLES: tuple[Role, ...] = ("admin", "reader")

_ALGORITHM = "HS256"
_ISSUER = "twofold"
_UNCHECKED: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The API client on whose behalf a request runs."""

    workspace_id: str
    client_id: str
    role: Role


@dataclass(frozen=True, slots=True)
class Denied:
    """Nobody may call with this: `message` says why."""

    message: str


@dataclass(frozen=True, slots=True)
class ApiClient:
    """One API client, as stored. `generation` counts its secrets; older ones' tokens are void."""

    id: str
    workspace_id: str
    name: str
    role: Role
    secret_digest: str
    created_ms: int
    generation: int = 1
    revoked_ms: int | None = None
    revision: int = 1


class ClientDirectory(Protocol):
    """Where API clients are found."""

    async def find(self, client_id: str) -> ApiClient | None:
        """The client, revoked or not; raises StoreError."""
        ...


# --- Secrets --------------------------------------------------------------------------------------
def secret_digest(secret: str) -> str:
    """What is stored of a secret.

    Plain SHA-256, because secrets are 256 random bits that we drew: a slow hash protects passwords
    that people chose, which can be guessed; these can't, and a slow hash would only be a way to
    keep our CPU busy.
    """
    return sha256(secret.encode()).hexdigest()


_NO_DIGEST = secret_digest("")


def secret_fits(client: ApiClient | None, secret: str) -> bool:
    """Whether `secret` is the client's, in a time that doesn't tell how much of it was right."""
    known = _NO_DIGEST if client is None else client.secret_digest
    return compare_digest(known, secret_digest(secret)) and client is not None


# --- Tokens ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says; `expires_s` in seconds since the epoch."""

    client_id: str
    workspace_id: str
    role: str
    scope: str
    generation: int
    expires_s: int


class TokenSigner:
    """Signs and reads access tokens."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < TOKEN_SECRET_BYTES_MIN:
            raise ConfigurationError(
                f"TWOFOLD_TOKEN_SECRET must have at least {TOKEN_SECRET_BYTES_MIN} bytes"
            )
        self._secret = secret

    def sign(self, client: ApiClient, scope: str, now_ms: int) -> str:
        """A token of TOKEN_LIFE_S seconds."""
        now_s = now_ms // 1000
        claims = {
            "iss": _ISSUER,
            "sub": client.id,
            "workspace": client.workspace_id,
            "role": client.role,
            "scope": scope,
            "generation": client.generation,
            "iat": now_s,
            "exp": now_s + TOKEN_LIFE_S,
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> Claims | None:
        """The claims of a token that we signed, expired or not; None for any other text."""
        if len(token) > TOKEN_CHARS_MAX:
            return None
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, self._secret, algorithms=[_ALGORITHM], issuer=_ISSUER, options=_UNCHECKED
            )
            return Claims(
                client_id=str(claims["sub"]),
                workspace_id=str(claims["workspace"]),
                role=str(claims["role"]),
                scope=str(claims["scope"]),
                generation=int(claims["generation"]),
                expires_s=int(claims["exp"]),
            )
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
            return None


# --- Verification ---------------------------------------------------------------------------------
class _Client:
    """What is known of one client, and since when."""

    __slots__ = ("generation", "id", "principal", "read_ms", "reading")

    def __init__(self, client_id: str) -> None:
        self.id = client_id
        self.principal: Principal | None = None  # None: revoked, or there is none
        self.generation = 0
        self.read_ms = -CLIENT_AGE_MS_MAX  # long ago
        self.reading: asyncio.Future[None] | None = None

    def learn(self, client: ApiClient | None, now_ms: int) -> None:
        """Takes in what the store says."""
        self.read_ms = now_ms
        if client is None or client.revoked_ms is not None:
            self.principal = None
            return
        principal = Principal(client.workspace_id, client.id, client.role)
        if principal != self.principal:
            self.principal = principal
        self.generation = client.generation


class _Token:
    """A verified token and its client."""

    __slots__ = ("client", "expires_ms", "generation", "workspace_id")

    def __init__(self, client: _Client, claims: Claims) -> None:
        self.client = client
        self.workspace_id = claims.workspace_id
        self.generation = claims.generation
        self.expires_ms = (claims.expires_s + TOKEN_GRACE_S) * 1000

    def principal(self) -> Principal | None:
        """The bearer, if the client still stands behind this token."""
        principal = self.client.principal
        if principal is None or principal.workspace_id != self.workspace_id:
            return None
        return principal if self.generation == self.client.generation else None


_MALFORMED = Denied("Give an access token: Authorization: Bearer <token>.")
_INVALID = Denied("The access token is not valid.")
_EXPIRED = Denied("The access token has expired: get a new one.")
_REVOKED = Denied("The access token's API client was revoked, or its secret was rotated.")


class TokenAuthenticator:
    """From an Authorization header to its Principal."""

    def __init__(self, signer: TokenSigner, clients: ClientDirectory, clock: Clock) -> None:
        self._signer = signer
        self._directory = clients
        self._clock = clock
        self._tokens: dict[bytes, _Token] = {}
        self._clients: dict[str, _Client] = {}

    def known(self, authorization: bytes) -> Principal | None:
        """The bearer, when that can be said at once; None says nothing. Costs a look-up."""
        token = self._tokens.get(authorization)
        if token is None:
            return None
        now_ms = self._clock.now_ms()
        if now_ms >= token.expires_ms or now_ms - token.client.read_ms >= CLIENT_REFRESH_MS:
            return None
        return token.principal()

    async def authenticate(self, authorization: bytes) -> Principal | Denied:
        """The bearer, or why there is none. Raises StoreError when the client can't be read."""
        token = self._tokens.get(authorization)
        if token is None:
            verified = self._verify(authorization)
            if isinstance(verified, Denied):
                return verified
            token = verified
        now_ms = self._clock.now_ms()
        if now_ms >= token.expires_ms:
            self._tokens.pop(authorization, None)
            return _EXPIRED
        await self._refresh(token.client, now_ms)
        principal = token.principal()
        if principal is None:
            self._tokens.pop(authorization, None)
            return _REVOKED
        self._hold(authorization, token)
        return principal

    def _verify(self, authorization: bytes) -> _Token | Denied:
        scheme, _, text = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not text.isascii():
            return _MALFORMED
        claims = self._signer.read(text.strip().decode())
        if claims is None:
            return _INVALID
        if self._clock.now_ms() >= (claims.expires_s + TOKEN_GRACE_S) * 1000:
            return _EXPIRED
        return _Token(self._client(claims.client_id), claims)

    def _client(self, client_id: str) -> _Client:
        client = self._clients.get(client_id)
        if client is None:
            if len(self._clients) >= CLIENTS_HELD_MAX:
                self._clients.pop(next(iter(self._clients)))
            client = self._clients[client_id] = _Client(client_id)
        return client

    def _hold(self, authorization: bytes, token: _Token) -> None:
        if authorization not in self._tokens:
            if len(self._tokens) >= TOKENS_CACHED_MAX:
                self._tokens.pop(next(iter(self._tokens)))
            self._tokens[authorization] = token

    async def _refresh(self, client: _Client, now_ms: int) -> None:
        """Asks the store about a client that is due; waits only if what is held is too old.

        Requests that ask at the same time wait for one look-up, which none of them can cancel.
        """
        age_ms = now_ms - client.read_ms
        if age_ms < CLIENT_REFRESH_MS:
            return
        if client.reading is None:
            client.reading = asyncio.ensure_future(self._read(client))
            client.reading.add_done_callback(_observed)
        if age_ms >= CLIENT_AGE_MS_MAX:
            await asyncio.shield(client.reading)

    async def _read(self, client: _Client) -> None:
        asked_ms = self._clock.now_ms()
        try:
            client.learn(await self._directory.find(client.id), asked_ms)
        finally:
            client.reading = None


def _observed(reading: asyncio.Future[None]) -> None:
    """Takes note of a failure that nobody waited for: the next request asks again."""
    if not reading.cancelled():
        reading.exception()
