"""A thin client for the handful of hot DynamoDB calls: aiohttp, orjson and a signer of its own.

    DynamoTable, DynamoStream -> Wire.call(operation, body)
                                   └─ up to STORE_ATTEMPTS_MAX sendings: sign -> POST -> parse
                                        a value          -> the answer, or Declined
                                        StoreUnavailable -> wait (full jitter), send again
                                        StoreTimeout     -> the same, if the call may be repeated
                                        anything else    -> raised at once

Credentials and endpoints stay botocore's (access.py); what an answer means stands in failures.py.
"""

import asyncio
import hashlib
import hmac
import io
import ssl
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from random import Random
from typing import Any, Protocol

import aiohttp
import orjson
from botocore.credentials import ReadOnlyCredentials
from yarl import URL

from shared.clock import Clock
from shared.errors import StoreTimeout, StoreUnavailable
from shared.limits import (
    STORE_ATTEMPTS_MAX,
    STORE_BACKOFF_MS,
    STORE_BACKOFF_MS_MAX,
    STORE_CALL_MS_MAX,
    STORE_CONNECT_MS,
    STORE_CONNECTIONS_MAX,
    STORE_KEEP_ALIVE_S,
    STORE_TIMEOUT_MS,
)
from shared.store.access import Access, Service
from shared.store.failures import (
    ANSWERS,
    EXCEPTIONS,
    Failure,
    NoCredentials,
    failure_named,
    failure_of,
)

CONTENT_TYPE = "application/x-amz-json-1.0"
SIGNING_NAME = "dynamodb"  # of the stream's service too
TARGET_PREFIXES: dict[Service, str] = {
    "dynamodb": "DynamoDB_20120810.",
    "dynamodbstreams": "DynamoDBStreams_20120810.",
}
RAW_BODY_BYTES_MAX = 1_000_000  # aiohttp wants larger bodies as a file

Document = dict[str, Any]


# --- Metrics --------------------------------------------------------------------------------------
class StoreMetrics(Protocol):
    """What the store tells about its calls. `wants_capacity`: ask DynamoDB for consumed units."""

    wants_capacity: bool

    def called(self, call: str, outcome: str, retries: int, ms: float) -> None:
        """One call ended: `ok`, the answer that declined it, or the exception that it raised."""
        ...

    def consumed(self, call: str, units: float) -> None:
        """Read or write units of one answered call."""
        ...


# --- Retries --------------------------------------------------------------------------------------
class Repeat(Enum):
    """What sending a call again may do."""

    READ = "read"  # nothing is written: an answer lost is an answer missing
    SAFE = "safe"  # a token or the write itself makes the second sending harmless
    NEVER = "never"  # the second sending could write twice


def backoff_ms(attempt: int, rng: Random) -> int:
    """Milliseconds to wait before sending `attempt` (from 1): full jitter, doubling bound."""
    assert attempt >= 1
    bound = min(STORE_BACKOFF_MS_MAX, STORE_BACKOFF_MS << (attempt - 1))
    return rng.randrange(bound + 1)


@dataclass(frozen=True, slots=True)
class Declined:
    """An answer that says no (a failed guard, a cancelled batch).

    `uncertain`: the fate of an earlier sending of this call isn't known, so the answer may be to
    our own write.
    """

    name: str
    body: Document
    uncertain: bool


# --- Signing --------------------------------------------------------------------------------------
class Signer:
    """AWS Signature Version 4 for POSTs to one endpoint's root. The day's signing key is kept."""

    __slots__ = ("_host", "_key", "_key_of", "_region", "_second", "_stamp")

    def __init__(self, host: str, region: str) -> None:
        self._host = host
        self._region = region
        self._key_of: tuple[str, str] | None = None
        self._key = b""
        self._second = -1
        self._stamp = ""

    def headers(
        self, target: str, body: bytes, credentials: ReadOnlyCredentials, now_ms: int
    ) -> dict[str, str]:
        """Every header that the request needs, `Authorization` among them."""
        stamp = self._stamp_of(now_ms // 1_000)
        day = stamp[:8]
        token = credentials.token
        token_line = f"x-amz-security-token:{token}\n" if token else ""
        signed = "content-type;host;x-amz-date;"
        signed += "x-amz-security-token;x-amz-target" if token else "x-amz-target"
        canonical = (
            f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{stamp}\n"
            f"{token_line}x-amz-target:{target}\n\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        )
        scope = f"{day}/{self._region}/{SIGNING_NAME}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        key = self._signing_key(credentials.secret_key, day)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers = {
            "Host": self._host,
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": target,
            "X-Amz-Date": stamp,
            "Authorization": (
                f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
                f"SignedHeaders={signed}, Signature={signature}"
            ),
        }
        if token:
            headers["X-Amz-Security-Token"] = token
        return headers

    def _stamp_of(self, second: int) -> str:
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
        return self._stamp

    def _signing_key(self, secret: str, day: str) -> bytes:
        if self._key_of != (secret, day):
            key = ("AWS4" + secret).encode()
            for part in (day, self._region, SIGNING_NAME, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = key
            self._key_of = (secret, day)
        return self._key


# --- Calling --------------------------------------------------------------------------------------
def _session(access: Access) -> aiohttp.ClientSession:
    verify: ssl.SSLContext | bool = True
    if access.ca_bundle is not None and access.endpoint_url.startswith("https:"):
        verify = ssl.create_default_context(cafile=access.ca_bundle)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=STORE_CONNECTIONS_MAX,
            keepalive_timeout=STORE_KEEP_ALIVE_S,
            ssl=verify,
        ),
        timeout=aiohttp.ClientTimeout(
            total=STORE_TIMEOUT_MS / 1_000, connect=STORE_CONNECT_MS / 1_000
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "twofold", "Accept": "*/*", "Accept-Encoding": "identity"},
        auto_decompress=False,
    )


def _error_name(document: Document) -> str:
    kind = document.get("__type", "")
    return kind.rpartition("#")[2] if isinstance(kind, str) else ""


class Wire:
    """Calls one service, `dynamodb` or `dynamodbstreams`. Built inside the running loop."""

    __slots__ = (
        "_access", "_clock", "_metrics", "_prefix", "_rng", "_session", "_signer", "_url",
    )  # fmt: skip

    def __init__(
        self,
        access: Access,
        service: Service,
        *,
        clock: Clock,
        rng: Random,
        metrics: StoreMetrics | None = None,
    ) -> None:
        url = URL(access.endpoint_url).with_path("/")
        host = url.host_port_subcomponent
        assert host is not None
        self._access = access
        self._clock = clock
        self._metrics = metrics
        self._prefix = TARGET_PREFIXES[service]
        self._rng = rng
        self._session = _session(access)
        self._signer = Signer(host, access.region)
        self._url = url

    @property
    def metrics(self) -> StoreMetrics | None:
        """Who is told about the calls."""
        return self._metrics

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def call(self, operation: str, body: Document, repeat: Repeat) -> Document | Declined:
        """One call, sent until it is answered or may not be sent again.

        Raises StoreUnavailable (nothing was written), StoreTimeout (unknown; never for a READ),
        StoreRefused, StreamTrimmed, StreamExpired.
        """
        started_ms = self._clock.monotonic_ms()
        raw = orjson.dumps(body)
        uncertain = False
        failure: Failure = StoreUnavailable
        detail = ""
        attempt = 0
        for attempt in range(STORE_ATTEMPTS_MAX):
            if attempt:
                if self._clock.monotonic_ms() - started_ms > STORE_CALL_MS_MAX:
                    break
                await asyncio.sleep(backoff_ms(attempt, self._rng) / 1_000)
            try:
                status, answer = await self._send(operation, raw)
            except EXCEPTIONS as error:
                failure, detail = failure_of(error), f"{type(error).__name__}: {error}"
            else:
                if status == 200:
                    self._told(operation, "ok", attempt, started_ms)
                    return answer
                name = _error_name(answer)
                if name in ANSWERS:
                    self._told(operation, name, attempt, started_ms)
                    return Declined(name, answer, uncertain)
                failure = failure_named(name, status)
                detail = f"{name or status}: {answer.get('message') or answer.get('Message') or ''}"
            uncertain = uncertain or failure is StoreTimeout
            if failure is StoreUnavailable:
                continue
            if failure is not StoreTimeout:
                if uncertain and repeat is not Repeat.READ:
                    break
                self._told(operation, failure.__name__, attempt, started_ms)
                raise failure(f"{operation}: {detail}")
            if repeat is Repeat.NEVER:
                break
        failure = StoreTimeout if uncertain and repeat is not Repeat.READ else StoreUnavailable
        self._told(operation, failure.__name__, attempt, started_ms)
        raise failure(f"{operation}: {detail}")

    def _told(self, operation: str, outcome: str, retries: int, started_ms: float) -> None:
        if self._metrics is not None:
            ms = self._clock.monotonic_ms() - started_ms
            self._metrics.called(operation, outcome, retries, ms)

    async def _send(self, operation: str, raw: bytes) -> tuple[int, Document]:
        """One sending: the status and the parsed answer. Raises what aiohttp raises, and
        NoCredentials.
        """
        try:
            credentials = await self._access.credentials.get_frozen_credentials()
        except Exception as error:  # botocore's, a RuntimeError, or what a provider let through
            raise NoCredentials(f"{type(error).__name__}: {error}"[:500]) from error
        target = self._prefix + operation
        headers = self._signer.headers(target, raw, credentials, self._clock.now_ms())
        data: bytes | io.BytesIO = raw if len(raw) <= RAW_BODY_BYTES_MAX else io.BytesIO(raw)
        async with self._session.post(
            self._url, data=data, headers=headers, allow_redirects=False
        ) as response:
            answer = await response.read()
            checksum = response.headers.get("x-amz-crc32")
            if checksum is not None and zlib.crc32(answer) != int(checksum):
                raise aiohttp.ClientPayloadError("the answer's checksum differs")
            status = response.status
        try:
            document = orjson.loads(answer)
        except orjson.JSONDecodeError:
            if status == 200:
                raise aiohttp.ClientPayloadError("the answer is not JSON") from None
            document = {}
        return status, document if isinstance(document, dict) else {}
