"""What the Locust users share: the run's ledger, the token, sending a request and judging its
answer.
"""

from itertools import count
from random import Random
from typing import Any
from uuid import uuid4

from locust import FastHttpUser

from loadtests.common.ack_log import AckWriter, ack_files
from loadtests.common.api import Api
from loadtests.common.connection import Connection, load_folder, read_connection
from loadtests.common.documents import document
from loadtests.common.ledgers import create_ledger, open_users
from loadtests.common.requests import LoadRequest

ACCOUNTS = 100


class LoadRun:
    """One run of Locust: a fresh ledger with opened accounts, and what was acknowledged in it."""

    def __init__(self) -> None:
        self.connection: Connection = read_connection()
        self.ledger_ik = f"load-{uuid4().hex[:8]}"
        self.api = Api(self.connection)
        self.acks = AckWriter(ack_files(load_folder(), self.ledger_ik))
        create_ledger(self.api, self.ledger_ik)
        open_users(self.api, self.ledger_ik, ACCOUNTS)

    def finish(self) -> None:
        """Closes what the run has open."""
        self.acks.close()


_current: list[LoadRun] = []


def begin_run() -> LoadRun:
    """Makes the run that the users of this process take part in."""
    _current[:] = [LoadRun()]
    return _current[0]


def current_run() -> LoadRun:
    """The run that `begin_run` made."""
    assert _current, "the run begins before its users"
    return _current[0]


class LedgerUser(FastHttpUser):
    """A user who sends one request after the other."""

    abstract = True
    _numbers = count()

    def on_start(self) -> None:
        """Takes part in the run, with iks and a chance of its own."""
        self.load_run = current_run()
        self.number = next(self._numbers)
        self.rng = Random(self.number)
        self._sent = count()

    def new_ik(self) -> str:
        """An ik that nobody else uses in this ledger."""
        return f"{self.number}-{next(self._sent)}"

    def send(self, name: str, request: LoadRequest) -> dict[str, Any] | None:
        """The answer's data, or None; the statistics list the request under `name`."""
        body = {"query": document(request.document), "variables": request.variables}
        headers = {"Authorization": f"Bearer {self.load_run.api.token()}"}
        url = self.load_run.connection.api_url
        with self.client.post(
            url, json=body, headers=headers, name=name, catch_response=True
        ) as answer:
            said = answer.json() if answer.status_code == 200 else None
            kind, is_unknown = judge(answer.status_code, said)
            iks = list(request.iks)
            if not kind:
                answer.success()
                self.load_run.acks.acknowledge(iks)
                return dict(said["data"]) if said else None
            answer.failure(kind)
            if is_unknown:
                self.load_run.acks.doubt(iks)
        return None


def judge(status: int, said: Any) -> tuple[str, bool]:
    """What an answer refuses ("" if nothing), and whether its entries may have been posted."""
    if status != 200:
        return f"http {status}", status == 0 or status >= 500
    if not isinstance(said, dict):
        return "not JSON", True
    if said.get("errors"):
        error = said["errors"][0]
        return f"graphql {error.get('extensions', {}).get('code')}: {error['message']}", True
    for member in said["data"].values():
        if isinstance(member, dict) and "code" in member:
            return str(member["code"]), bool(member.get("retryable"))
    return "", False
