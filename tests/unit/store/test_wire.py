"""What can fail before a call of DynamoDB is sent."""

from contextlib import asynccontextmanager
from random import Random

import pytest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

from shared.clock import FixedClock
from shared.errors import StoreTimeout, StoreUnavailable
from shared.limits import STORE_ATTEMPTS_MAX
from shared.store import wire
from shared.store.access import LOCAL_CREDENTIALS, Access
from shared.store.wire import Repeat, Wire

EXPIRED = CredentialRetrievalError(provider="custom-process", error_msg="away")
FAILURES = [
    EXPIRED,
    NoCredentialsError(),
    ClientError({"Error": {"Code": "ExpiredTokenException"}}, "AssumeRole"),
    RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
    OSError("the metadata service is away"),
]


class Provider:
    """Credentials whose refresh fails some times."""

    def __init__(self, error: Exception, times: int) -> None:
        self._error = error
        self._times = times
        self.asked_count = 0

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        self.asked_count += 1
        if self.asked_count <= self._times:
            raise self._error
        return LOCAL_CREDENTIALS


class Answer:
    """What DynamoDB answers."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status = 200

    async def read(self) -> bytes:
        return b'{"Item":{}}'


class Connections:
    """Connections on which everything is answered."""

    def __init__(self) -> None:
        self.sent_count = 0

    @asynccontextmanager
    async def post(self, *_, **__):
        self.sent_count += 1
        yield Answer()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(wire, "STORE_BACKOFF_MS", 1)
    monkeypatch.setattr(wire, "STORE_BACKOFF_MS_MAX", 1)


async def bench(provider: Provider) -> tuple[Wire, Connections]:
    access = Access("http://127.0.0.1:1", "us-east-1", provider)
    made = Wire(access, "dynamodb", clock=FixedClock(), rng=Random(1))
    await made.close()
    made._session = connections = Connections()  # type: ignore[assignment]
    return made, connections


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("repeat", Repeat)
async def test_credentials_that_cannot_be_refreshed_for_a_moment_are_asked_for_again(error, repeat):
    provider = Provider(error, times=3)
    calls, connections = await bench(provider)
    assert await calls.call("GetItem", {}, repeat) == {"Item": {}}
    assert (provider.asked_count, connections.sent_count) == (4, 1)


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_without_credentials_nothing_was_sent_and_the_store_is_unavailable(error):
    provider = Provider(error, times=1_000)
    calls, connections = await bench(provider)
    with pytest.raises(StoreUnavailable, match=type(error).__name__) as caught:
        await calls.call("PutItem", {}, Repeat.NEVER)
    assert not isinstance(caught.value, StoreTimeout)
    assert (provider.asked_count, connections.sent_count) == (STORE_ATTEMPTS_MAX, 0)
