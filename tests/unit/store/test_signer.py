"""The signer signs as botocore does, and keeps nothing that has become wrong."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

from shared.store.wire import CONTENT_TYPE, Signer


def signed_by_botocore(
    url: str, region: str, target: str, body: bytes, credentials: ReadOnlyCredentials
) -> AWSRequest:
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(Credentials(*credentials), "dynamodb", region).add_auth(request)
    return request


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize(
    "host, region",
    [("dynamodb.eu-west-1.amazonaws.com", "eu-west-1"), ("127.0.0.1:8123", "us-east-1")],
)
@pytest.mark.parametrize("body", [b"{}", b'{"x":"\xc3\xbc"}' * 10_000])
def test_the_signature_is_botocores(token: str | None, host: str, region: str, body: bytes) -> None:
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", token)
    target = "DynamoDB_20120810.TransactWriteItems"
    request = signed_by_botocore(f"https://{host}/", region, target, body, credentials)
    stamp = request.headers["X-Amz-Date"]
    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    now_ms = int(now.timestamp()) * 1_000 + 999
    headers = Signer(host, region).headers(target, body, credentials, now_ms)
    assert headers["X-Amz-Date"] == stamp
    assert headers["Authorization"] == request.headers["Authorization"]
    assert headers.get("X-Amz-Security-Token") == token
    assert headers["Host"] == host


def test_the_key_follows_the_day_and_the_secret() -> None:
    noon_ms = 1_700_000_000_000
    signer = Signer("host", "region")

    def authorization(secret: str, now_ms: int) -> str:
        credentials = ReadOnlyCredentials("id", secret, None)
        fresh = Signer("host", "region").headers("t", b"", credentials, now_ms)
        assert signer.headers("t", b"", credentials, now_ms) == fresh
        return fresh["Authorization"]

    times = (noon_ms, noon_ms + 1_000, noon_ms + 86_400_000)
    seen = {authorization(secret, at) for secret in ("one", "two") for at in times}
    assert len(seen) == 6
