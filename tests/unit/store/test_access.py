"""Endpoint, region and credentials are what botocore finds."""

from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.store.access import LOCAL_CREDENTIALS, FixedCredentials, resolve_access

LOCAL = Settings(dynamodb_endpoint="http://127.0.0.1:8123", aws_region="eu-west-1")


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own credentials is found."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


async def test_an_endpoint_without_credentials_gets_made_up_ones() -> None:
    access = await resolve_access(LOCAL)
    assert (access.endpoint_url, access.region) == ("http://127.0.0.1:8123", "eu-west-1")
    assert isinstance(access.credentials, FixedCredentials)
    assert await access.credentials.get_frozen_credentials() == LOCAL_CREDENTIALS


@pytest.mark.parametrize(
    "service, endpoint",
    [
        ("dynamodb", "https://dynamodb.eu-west-1.amazonaws.com"),
        ("dynamodbstreams", "https://streams.dynamodb.eu-west-1.amazonaws.com"),
    ],
)
async def test_without_an_endpoint_it_is_the_regions_own(
    service: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    access = await resolve_access(Settings(aws_region="eu-west-1"), service)
    assert access.endpoint_url == endpoint
    assert tuple(await access.credentials.get_frozen_credentials())[:3] == ("id", "secret", "token")


async def test_neither_endpoint_nor_credentials_is_told_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match="no AWS credentials were found"):
        await resolve_access(Settings())
