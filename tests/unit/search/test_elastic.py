"""What answers and failures of Elasticsearch mean to us."""

from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import elastic_transport
import elasticsearch
import orjson
import pytest

from shared.clock import FixedClock
from shared.errors import SearchError, SearchRefused, SearchUnavailable
from shared.limits import SEARCH_ATTEMPTS_MAX
from shared.observe import Metrics
from shared.search.clauses import Term
from shared.search.elastic import (
    ElasticIndex,
    bulk_body,
    item_result,
    search_error,
    whole_answer,
)
from shared.search.index import (
    ENTRIES_NEWEST,
    Deletion,
    Document,
    ItemStatus,
    Kind,
    SearchRequest,
)
from shared.search.metering import SearchMeter
from shared.settings import Settings


def descendants(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


@pytest.mark.parametrize("root", [elastic_transport.TransportError, aiohttp.ClientError])
def test_no_exception_of_the_clients_blames_what_was_sent(root: type[BaseException]) -> None:
    for kind in set(descendants(root)):
        nameless = type("Nameless", (kind,), {"__str__": lambda _: "of no arguments"})
        error = nameless.__new__(nameless)
        assert type(search_error(error)) is SearchUnavailable, kind


META = elastic_transport.ApiResponseMeta(
    status=200,
    http_version="1.1",
    headers=elastic_transport.HttpHeaders(),
    duration=0,
    node=elastic_transport.NodeConfig("http", "127.0.0.1", 9200),
)


def api_error(status: int, message: str = "failed") -> elastic_transport.ApiError:
    meta = replace(META, status=status)
    return elasticsearch.ApiError(message, meta=meta, body=None)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (TimeoutError(), SearchUnavailable),
        (ConnectionResetError(), SearchUnavailable),
        (aiohttp.ServerDisconnectedError(), SearchUnavailable),
        (aiohttp.ClientPayloadError("cut"), SearchUnavailable),
        (aiohttp.InvalidURL("x"), SearchUnavailable),
        (elastic_transport.ConnectionTimeout("late"), SearchUnavailable),
        (elastic_transport.TlsError("who?"), SearchUnavailable),
        (elasticsearch.UnsupportedProductError("no", meta=META, body=None), SearchUnavailable),
        (api_error(429), SearchUnavailable),
        (api_error(503), SearchUnavailable),
        (api_error(500), SearchUnavailable),
        (api_error(400), SearchRefused),
        (api_error(400, "index_closed_exception"), SearchUnavailable),
        (api_error(413), SearchRefused),
        (api_error(401), SearchUnavailable),
        (api_error(403), SearchUnavailable),
        (api_error(404, "index_not_found_exception"), SearchUnavailable),
        (api_error(404), SearchUnavailable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_failures_have_one_meaning(error: BaseException, meaning: type[SearchError]) -> None:
    assert type(search_error(error)) is meaning


@pytest.mark.parametrize(
    ("status", "is_elastic", "meaning"),
    [
        (400, True, SearchRefused),
        (400, False, SearchUnavailable),  # "plain HTTP was sent to an HTTPS port"
        (413, True, SearchRefused),
        (413, False, SearchRefused),  # a proxy's limit is the documents' limit too
        (401, True, SearchUnavailable),
        (403, True, SearchUnavailable),
        (404, True, SearchUnavailable),
        (404, False, SearchUnavailable),
        (200, False, SearchUnavailable),
        (200, True, SearchUnavailable),  # what it holds is cut off
    ],
)
def test_only_what_elasticsearch_calls_malformed_or_too_large_is_refused(
    status: int, is_elastic: bool, meaning: type[SearchError]
) -> None:
    with pytest.raises(meaning):
        whole_answer("http://x", status, is_elastic, b'{"items":[')


def test_a_whole_answer_is_what_it_holds() -> None:
    assert whole_answer("http://x", 200, True, b'{"items":[]}') == {"items": []}


def test_what_is_no_failure_of_a_client_has_no_meaning() -> None:
    assert search_error(KeyError("x")) is None


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"index": {"status": 201}}, ItemStatus.APPLIED),
        ({"index": {"status": 200}}, ItemStatus.APPLIED),
        ({"delete": {"status": 404}}, ItemStatus.APPLIED),
        (
            {"index": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}},
            ItemStatus.STALE,
        ),
        (
            {"index": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}},
            ItemStatus.OVERLOADED,
        ),
        (
            {"index": {"status": 503, "error": {"type": "unavailable_shards_exception"}}},
            ItemStatus.OVERLOADED,
        ),
        (
            {"index": {"status": 403, "error": {"type": "cluster_block_exception"}}},
            ItemStatus.OVERLOADED,
        ),
        (
            {"index": {"status": 403, "error": {"type": "security_exception"}}},
            ItemStatus.OVERLOADED,
        ),
        (
            {"index": {"status": 400, "error": {"type": "index_closed_exception"}}},
            ItemStatus.OVERLOADED,
        ),
        (
            {"index": {"status": 400, "error": {"type": "document_parsing_exception"}}},
            ItemStatus.REFUSED,
        ),
    ],
    ids=lambda value: value.value if isinstance(value, ItemStatus) else "",
)
def test_items_of_a_bulk_are_judged_one_by_one(
    answer: dict[str, dict[str, object]], status: ItemStatus
) -> None:
    assert item_result(answer).status is status


def test_a_missing_index_is_never_the_documents_fault() -> None:
    error = {"type": "index_not_found_exception", "reason": "no such index"}
    with pytest.raises(SearchUnavailable):
        item_result({"index": {"status": 404, "error": error}})


def test_a_bulk_names_version_and_routing_of_every_operation() -> None:
    operations = [
        Document(Kind.ENTRIES, "e1", "l1", 3, {"posted": 1}, b'{"i":"e1"}'),
        Deletion(Kind.LINES, "e1-0", "l1", 4),
    ]
    targets = {Kind.ENTRIES: "p-entries", Kind.LINES: "p-lines"}
    body = bulk_body(operations, targets)
    assert body.endswith(b"\n")
    common = {"routing": "l1", "version_type": "external"}
    assert [orjson.loads(line) for line in body.splitlines()] == [
        {"index": {"_index": "p-entries", "_id": "e1", "version": 3, **common}},
        {"posted": 1, "record": {"i": "e1"}},
        {"delete": {"_index": "p-lines", "_id": "e1-0", "version": 4, **common}},
    ]


async def test_an_elasticsearch_that_is_not_there_is_unavailable() -> None:
    index = ElasticIndex(Settings(elasticsearch_url="http://127.0.0.1:1"))
    request = SearchRequest(ENTRIES_NEWEST, ("l1",), (Term("type", "x"),), 1)
    try:
        with pytest.raises(SearchUnavailable):
            await index.search([request])
        with pytest.raises(SearchUnavailable):
            await index.bulk([Deletion(Kind.ENTRIES, "e1", "l1", 1)])
        with pytest.raises(SearchUnavailable):
            await index.count(Kind.ENTRIES)
        assert not await index.ready()
    finally:
        await index.close()


async def test_every_request_is_counted_by_call_and_outcome() -> None:
    metrics = Metrics()
    settings = Settings(elasticsearch_url="http://127.0.0.1:1")
    index = ElasticIndex(settings, clock=FixedClock(), metrics=SearchMeter(metrics))
    request = SearchRequest(ENTRIES_NEWEST, ("l1",), (Term("type", "x"),), 1)
    try:
        with pytest.raises(SearchUnavailable):
            await index.search([request])
        with pytest.raises(SearchUnavailable):
            await index.search([request, request])
        with pytest.raises(SearchUnavailable):
            await index.bulk([Deletion(Kind.ENTRIES, "e1", "l1", 1)])
        with pytest.raises(SearchUnavailable):
            await index.count(Kind.ENTRIES)
    finally:
        await index.close()
    sent = {"search": SEARCH_ATTEMPTS_MAX, "msearch": SEARCH_ATTEMPTS_MAX, "bulk": 1, "count": 1}
    for call, times in sent.items():
        labels = {"call": call, "outcome": "SearchUnavailable"}
        value = metrics.registry.get_sample_value
        assert value("twofold_search_requests_total", labels) == times
        assert value("twofold_search_seconds_count", {"call": call}) == times


def test_an_answered_request_is_counted_with_its_time() -> None:
    metrics = Metrics()
    meter = SearchMeter(metrics)
    meter.called("bulk", "ok", 2.0)
    meter.called("bulk", "ok", 3.0)
    value = metrics.registry.get_sample_value
    assert value("twofold_search_requests_total", {"call": "bulk", "outcome": "ok"}) == 2
    assert value("twofold_search_seconds_sum", {"call": "bulk"}) == 0.005
