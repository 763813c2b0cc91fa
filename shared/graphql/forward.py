"""Queries that reach the write tier, answered by the read tier.

One public URL serves both tiers, because the clients know one. Body, token and request id go
through; the answer's bytes come back as they are.
"""

import aiohttp
import orjson

from shared.graphql.http import FAILED, OK, Answer
from shared.ledger.rejections import reject
from shared.limits import FORWARD_CONNECT_MS, FORWARD_CONNECTIONS_MAX, REQUEST_TIMEOUT_MS
from shared.observe import FORWARD_FAILED, EventLog

_PASSED_ON = ("retry-after", "www-authenticate")
_LOG = EventLog("forward")


class QueryForwarder:
    """Sends queries to `read_url` (scheme, host and port). Open it inside the running loop."""

    def __init__(self, read_url: str) -> None:
        self._url = f"{read_url.rstrip('/')}/graphql"
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_open(self) -> bool:
        """Whether queries can be sent."""
        return self._session is not None

    async def open(self) -> None:
        """Makes the pool of connections."""
        assert self._session is None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=FORWARD_CONNECTIONS_MAX),
            timeout=aiohttp.ClientTimeout(
                total=REQUEST_TIMEOUT_MS / 1000, sock_connect=FORWARD_CONNECT_MS / 1000
            ),
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def forward(
        self, body: bytes, authorization: bytes, request_id: str, operation: str
    ) -> Answer:
        """The read tier's answer; when it gives none, a retryable GraphQL error that says so."""
        assert self._session is not None, "open the forwarder first"
        headers = {
            "authorization": authorization.decode("latin-1"),
            "content-type": "application/json",
            "accept-encoding": "identity",
            "x-request-id": request_id,
        }
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                answer = await response.read()
                passed_on = tuple(
                    (name.encode(), response.headers[name].encode("latin-1"))
                    for name in _PASSED_ON
                    if name in response.headers
                )
                outcome = OK if response.status == 200 else FAILED
                return Answer(answer, response.status, operation, outcome, passed_on)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            _LOG.warning(FORWARD_FAILED, operation=operation, reason=type(error).__name__)
            return _away(operation)


def _away(operation: str) -> Answer:
    rejection = reject("unavailable", what="The read tier")
    extensions = {"code": rejection.code, "retryable": rejection.retryable}
    body = orjson.dumps({"errors": [{"message": rejection.message, "extensions": extensions}]})
    return Answer(body, operation=operation, outcome=FAILED)
