"""The routes beside GraphQL: a page for people, the SDL, probes."""

import asyncio
import re

import pytest
from graphql import build_schema

from shared.errors import StoreUnavailable
from tests.graphql_rig import HttpRig


async def test_a_browser_gets_a_page_that_loads_nothing_from_elsewhere() -> None:
    response = await HttpRig().http.get("/graphql", headers={"accept": "text/html,*/*"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert re.findall(r"(?:src|href)=\"(?!/schema\.graphql)[^\"]*\"|https?://", response.text) == []
    assert "access token" in response.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_graphql_takes_post_only(method: str) -> None:
    response = await HttpRig().http.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        assert response.json()["errors"][0]["extensions"]["code"] == "method_not_allowed"


async def test_the_sdl_is_text_for_everybody() -> None:
    response = await HttpRig().http.get("/schema.graphql")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "LedgerEntry" in build_schema(response.text).type_map


async def test_an_unknown_path_is_told_in_json() -> None:
    for path in ("/", "/nowhere", "/graphql/", "/docs", "/openapi.json"):
        response = await HttpRig().http.get(path)
        assert response.status_code == 404
        assert response.json()["errors"][0]["extensions"]["code"] == "not_found"


async def test_a_wrong_method_elsewhere_is_told_in_json() -> None:
    response = await HttpRig().http.post("/healthz")
    assert response.status_code == 405
    assert response.json()["errors"][0]["extensions"]["code"] == "method_not_allowed"


async def test_a_living_process_is_healthy() -> None:
    response = await HttpRig().http.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_readiness_names_each_engine_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.probes.READINESS_CHECK_MS", 10)

    async def good() -> None:
        return None

    async def away() -> None:
        raise StoreUnavailable("DynamoDB can't be reached")

    async def odd() -> None:
        raise ValueError("a secret")

    async def silent() -> None:
        await asyncio.sleep(60)

    service = HttpRig(readiness={"dynamodb": good})
    response = await service.http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "missing": [], "checks": {"dynamodb": "ok"}}
    engines = {"dynamodb": away, "elasticsearch": odd, "other": silent, "good": good}
    response = await HttpRig(readiness=engines).http.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "missing": ["dynamodb", "elasticsearch", "other"],
        "checks": {
            "dynamodb": "DynamoDB can't be reached",
            "elasticsearch": "ValueError",
            "other": "no answer within 10 ms",
            "good": "ok",
        },
    }


async def test_metrics_are_prometheus_text() -> None:
    service = HttpRig({"Query": {"workspace": lambda *_: {"id": "w"}}})
    await service.post("query MyOwnName { workspace { id } }")
    response = await service.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    assert 'twofold_requests_total{operation="workspace",outcome="ok"} 1.0' in response.text
    assert 'twofold_request_seconds_count{operation="workspace"} 1.0' in response.text
    assert "MyOwnName" not in response.text


async def test_two_processes_count_apart() -> None:
    first, second = HttpRig(), HttpRig()
    await first.post("{ _empty }")
    assert (first.counted("_empty", "ok"), second.counted("_empty", "ok")) == (1, 0)
