"""Logs are lines of JSON without secrets; metrics are counted by who was given them."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from shared.observe import REQUEST_ID, EventLog, JsonLines, Metrics, RequestMetrics

LOG = EventLog("test")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the test's logs write."""
    logger = logging.getLogger("twofold.test")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in written.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_fields(written: io.StringIO) -> None:
    LOG.info("something_happened", count=3, text="two\nlines")
    LOG.debug("too_small")
    [line] = lines(written)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "twofold.test",
        "event": "something_happened",
        "count": 3,
        "text": "two\nlines",
    }


def test_the_request_that_caused_an_event_is_named(written: io.StringIO) -> None:
    token = REQUEST_ID.set("the-request")
    LOG.warning("something_happened")
    REQUEST_ID.reset(token)
    assert lines(written)[0]["request_id"] == "the-request"


@pytest.mark.parametrize(
    "name", ["client_secret", "token", "access_token", "Authorization", "password", "api_key"]
)
def test_a_field_that_sounds_like_a_secret_is_not_written(written: io.StringIO, name: str) -> None:
    LOG.error("something_happened", **{name: "abc123"})
    assert "abc123" not in written.getvalue()
    assert lines(written)[0][name] == "[hidden]"


def test_an_exception_is_written_with_its_traceback(written: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        LOG.error("something_failed", exception=error)
    assert "ValueError: broken" in lines(written)[0]["exception"]
    assert "test_observe.py" in lines(written)[0]["exception"]


def test_a_value_that_is_not_json_is_written_as_text(written: io.StringIO) -> None:
    LOG.error("something_failed", value={1: object})
    assert lines(written)[0]["value"] == {"1": "<class 'object'>"}


def test_requests_are_counted_by_operation_and_outcome() -> None:
    metrics = Metrics()
    requests = RequestMetrics(metrics)
    requests.done("addLedgerEntry", "ok", 12.5)
    requests.done("addLedgerEntry", "ok", 500)
    requests.done("addLedgerEntry", "failed", 1)
    sample = metrics.registry.get_sample_value
    labels = {"operation": "addLedgerEntry"}
    assert sample("twofold_requests_total", labels | {"outcome": "ok"}) == 2
    assert sample("twofold_requests_total", labels | {"outcome": "failed"}) == 1
    assert sample("twofold_request_seconds_count", labels) == 3
    assert sample("twofold_request_seconds_bucket", labels | {"le": "0.025"}) == 2
