"""How DynamoDB is reached: endpoint, region, credentials. Resolved by botocore, used by the thin
client.

    settings -> aioboto3 session -> Access -> wire.py (hot calls)
                               └─> boto_client (tables and everything cold)
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import aioboto3
from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from shared.errors import ConfigurationError
from shared.limits import STORE_COLD_ATTEMPTS_MAX
from shared.settings import Settings

Service = Literal["dynamodb", "dynamodbstreams"]

# What stands in when an endpoint is set and no credentials are found: DynamoDB Local wants some,
# any.
LOCAL_CREDENTIALS = ReadOnlyCredentials("twofold", "twofold", None)


class Credentials(Protocol):
    """Credentials that may have to be refreshed: asked before every sending."""

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The credentials as they are valid now."""
        ...


class FixedCredentials:
    """Credentials that never change."""

    __slots__ = ("_frozen",)

    def __init__(self, frozen: ReadOnlyCredentials = LOCAL_CREDENTIALS) -> None:
        self._frozen = frozen

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self._frozen


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom one service is called."""

    endpoint_url: str
    region: str
    credentials: Credentials
    ca_bundle: str | None = None


def _session(settings: Settings) -> AioSession:
    session = AioSession()
    session.set_config_variable("region", settings.aws_region)
    if settings.dynamodb_endpoint.startswith("http:"):
        # Never AWS: waiting for an instance's metadata service would only slow the start.
        providers = session.get_component("credential_provider")
        for name in ("container-role", "iam-role"):
            providers.remove(name)
    return session


async def _credentials(session: AioSession, settings: Settings) -> Credentials | None:
    found: Credentials | None = await session.get_credentials()
    if found is None and settings.dynamodb_endpoint:
        return FixedCredentials()
    return found


def _client(
    session: AioSession, settings: Settings, service: Service, local: bool
) -> AbstractAsyncContextManager[Any]:
    secrets = (
        (LOCAL_CREDENTIALS.access_key, LOCAL_CREDENTIALS.secret_key) if local else (None, None)
    )
    client: AbstractAsyncContextManager[Any] = aioboto3.Session(botocore_session=session).client(
        service,
        endpoint_url=settings.dynamodb_endpoint or None,
        aws_access_key_id=secrets[0],
        aws_secret_access_key=secrets[1],
        config=Config(retries={"total_max_attempts": STORE_COLD_ATTEMPTS_MAX, "mode": "standard"}),
    )
    return client


async def boto_client(
    settings: Settings, service: Service = "dynamodb"
) -> AbstractAsyncContextManager[Any]:
    """An aioboto3 client, to be entered, for what is called seldom."""
    session = _session(settings)
    local = isinstance(await _credentials(session, settings), FixedCredentials)
    return _client(session, settings, service, local)


async def resolve_access(settings: Settings, service: Service = "dynamodb") -> Access:
    """Endpoint, region and credentials as botocore finds them.

    Raises ConfigurationError when there are no credentials and no endpoint is set.
    """
    session = _session(settings)
    credentials = await _credentials(session, settings)
    if credentials is None:
        raise ConfigurationError(
            "no AWS credentials were found and TWOFOLD_DYNAMODB_ENDPOINT is empty"
        )
    async with _client(session, settings, service, True) as client:
        return Access(
            endpoint_url=client.meta.endpoint_url,
            region=client.meta.region_name,
            credentials=credentials,
            ca_bundle=session.get_config_variable("ca_bundle"),
        )
