"""A small blocking client, for what prepares and audits a load; the load itself doesn't use it."""

import time
from types import TracebackType
from typing import Any

import httpx

from loadtests.common.connection import Connection

TIMEOUT_S = 60.0
TOKEN_MARGIN_S = 120.0


class Refused(Exception):
    """An answer that is not the result that was asked for."""


class Api:
    """One caller of a running Twofold. A context manager: leaving it closes its connections."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._http = httpx.Client(timeout=TIMEOUT_S)
        self._token = ""
        self._token_ends_s = 0.0

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def token(self) -> str:
        """A token that is good for two more minutes at least."""
        if time.monotonic() > self._token_ends_s:
            answer = self._http.post(
                self.connection.auth_url,
                data={"grant_type": "client_credentials", "scope": self.connection.scope},
                auth=(self.connection.client_id, self.connection.client_secret),
            )
            if answer.status_code != httpx.codes.OK:
                raise Refused(f"no token: HTTP {answer.status_code}: {answer.text}")
            token = answer.json()
            self._token = token["access_token"]
            self._token_ends_s = time.monotonic() + token["expires_in"] - TOKEN_MARGIN_S
        return self._token

    def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The `data` of the answer; Refused when there are errors."""
        answer = self._http.post(
            self.connection.api_url,
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {self.token()}"},
        )
        if answer.status_code != httpx.codes.OK:
            raise Refused(f"HTTP {answer.status_code}: {answer.text[:500]}")
        body = answer.json()
        if body.get("errors"):
            raise Refused(str(body["errors"])[:500])
        data: dict[str, Any] = body["data"]
        return data

    def mutate(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The result of a mutation with one root field; Refused when it is an error member."""
        (result,) = self.execute(document, variables).values()
        if "code" in result:
            raise Refused(
                f"{result['code']}: {result['message']} {result.get('errors', '')}"[:1000]
            )
        assert isinstance(result, dict)
        return result
