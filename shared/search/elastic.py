"""Elasticsearch behind the Index port.

The calls of every request (`_bulk`, `_search`, `_msearch`) go straight through aiohttp and
orjson, which costs the process less than the official client; everything rare (aliases, indices,
counts) goes through the official client. Failures of both become `shared.errors` in one
place, `search_error`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import elastic_transport
import orjson
from elasticsearch import AsyncElasticsearch, exceptions
from yarl import URL

from shared.clock import Clock, SystemClock
from shared.errors import SearchError, SearchRefused, SearchUnavailable
from shared.limits import (
    BULK_TIMEOUT_MS,
    INDEX_GENERATIONS_MAX,
    MERGE_TIMEOUT_MS,
    SCAN_PAGE_DOCUMENTS,
    SEARCH_ATTEMPTS_MAX,
    SEARCH_BACKOFF_MS,
    SEARCH_CONNECTIONS_MAX,
    SEARCH_TIMEOUT_MS,
)
from shared.search import indices as names
from shared.search.clauses import Clause, Term
from shared.search.index import (
    OWNER_FIELDS,
    Document,
    IndexInfo,
    ItemResult,
    ItemStatus,
    Kind,
    Operation,
    SearchPage,
    SearchRequest,
    StoredDocument,
)
from shared.search.queries import BACKWARD_WINDOWS, filters, page_of, search_body
from shared.settings import Settings

_PRODUCT_HEADER = "X-Elastic-Product"
_SEARCH_QUERY = f"allow_partial_search_results=false&timeout={SEARCH_TIMEOUT_MS}ms"
# Of a bulk's answer only this is read; 1,000 items without it take 2 ms more to receive and parse.
_BULK_FIELDS = "filter_path=errors,items.*.status,items.*.error"
_MISSING_INDEX = "index_not_found_exception"
_CLOSED_INDEX = "index_closed_exception"
_APPLIED = ItemResult(ItemStatus.APPLIED)
_STALE = ItemResult(ItemStatus.STALE)

# The only answers that can be for the sake of what was sent: it is malformed, or too large. Every
# other one (no entry, a block, nothing there, overloaded) is for the index's: later.
_REFUSED_STATUSES = frozenset({400, 413})
_TOO_LARGE = 413  # also said by what stands before Elasticsearch

# Exceptions of the two clients. Whatever they tell of (the way there, certificates, a server that
# is none of Elasticsearch), nothing that was sent is to blame. Statuses: `status_error`.
_FAILURES: tuple[type[BaseException], ...] = (
    elastic_transport.TransportError,
    exceptions.UnsupportedProductError,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
)


def search_error(error: BaseException) -> SearchError | None:
    """What an exception of a driver means to us; None for one that no driver raises."""
    if isinstance(error, _FAILURES):
        return SearchUnavailable(f"Elasticsearch: {type(error).__name__}: {error}"[:500])
    if isinstance(error, elastic_transport.ApiError):
        return status_error(error.meta.status, str(error)[:500])
    return None


def status_error(status: int, text: str) -> SearchError:
    """What an HTTP status other than 2xx means to us."""
    if status in _REFUSED_STATUSES and _CLOSED_INDEX not in text:
        return SearchRefused(f"Elasticsearch answered {status}: {text}")
    return SearchUnavailable(f"Elasticsearch answered {status}: {text}")


def whole_answer(url: str, status: int, is_elastic: bool, content: bytes) -> Any:
    """What an answer over HTTP holds. `is_elastic`: it has Elasticsearch's own header."""
    text = content[:500].decode(errors="replace")
    if not is_elastic and status != _TOO_LARGE:
        raise SearchUnavailable(f"what answers {status} at {url} is not Elasticsearch: {text}")
    if status >= 300:
        raise status_error(status, text)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise SearchUnavailable(f"Elasticsearch: an answer that is not JSON: {text}") from error


def bulk_body(operations: Sequence[Operation], targets: Mapping[Kind, str]) -> bytes:
    """The lines of one `_bulk`. Each operation carries its version: repeating it is harmless."""
    lines: list[bytes] = []
    for operation in operations:
        head = {
            "_index": targets[operation.kind],
            "_id": operation.id,
            "routing": operation.routing,
            "version": operation.version,
            "version_type": "external",
        }
        if isinstance(operation, Document):
            lines.append(orjson.dumps({"index": head}))
            fields = orjson.dumps(operation.source)
            lines.append(fields[:-1] + b',"record":' + operation.record + b"}")
        else:
            lines.append(orjson.dumps({"delete": head}))
    lines.append(b"")
    return b"\n".join(lines)


def item_result(item: Mapping[str, Any]) -> ItemResult:
    """One item of a `_bulk` answer."""
    (answer,) = item.values()
    status: int = answer["status"]
    error = answer.get("error")
    if error is None:
        return _APPLIED  # a deletion of what isn't there answers 404 and has its effect
    if status == 409:
        return _STALE
    reason = f"{error['type']}: {error.get('reason', '')}"[:500]
    if error["type"] == _MISSING_INDEX:
        raise SearchUnavailable(f"Elasticsearch: {reason}")
    if status in _REFUSED_STATUSES and error["type"] != _CLOSED_INDEX:
        return ItemResult(ItemStatus.REFUSED, reason)
    return ItemResult(ItemStatus.OVERLOADED, reason)


class SearchMetrics(Protocol):
    """What the index tells about its requests; one that is sent again is another one."""

    def called(self, call: str, outcome: str, ms: float) -> None:
        """One request ended: `ok` when it was answered, else the exception that it raised."""
        ...


class ElasticIndex:
    """The Index port on a running Elasticsearch. Build it inside the event loop and close it.

    `metrics` are told every request, timed by `clock`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        metrics: SearchMetrics | None = None,
    ) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._metrics = metrics
        base = settings.elasticsearch_url.rstrip("/")
        self._prefix = settings.index_prefix
        self._shards = settings.index_shards
        self._replicas = settings.index_replicas
        self._aliases = {kind: names.alias_name(self._prefix, kind) for kind in Kind}
        self.url = base
        self._bulk_url = URL(f"{base}/_bulk?require_alias=true&{_BULK_FIELDS}", encoded=True)
        self._load_url = URL(f"{base}/_bulk?{_BULK_FIELDS}", encoded=True)
        self._msearch_url = URL(f"{base}/_msearch", encoded=True)
        headers = {"Content-Type": "application/x-ndjson"}
        authorization = _authorization(settings)
        if authorization is not None:
            headers["Authorization"] = authorization
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=SEARCH_CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._search_timeout = aiohttp.ClientTimeout(total=SEARCH_TIMEOUT_MS / 1_000 + 1)
        self._bulk_timeout = aiohttp.ClientTimeout(total=BULK_TIMEOUT_MS / 1_000)
        self._client = _cold_client(settings, base)

    async def close(self) -> None:
        await self._session.close()
        await self._client.close()

    # --- Every request ----------------------------------------------------------------------------
    async def bulk(
        self, operations: Sequence[Operation], *, into: Mapping[Kind, str] | None = None
    ) -> list[ItemResult]:
        if not operations:
            return []
        body = bulk_body(operations, self._aliases if into is None else into)
        url = self._bulk_url if into is None else self._load_url
        answer = await self._post("bulk", url, body, self._bulk_timeout)
        items = answer["items"]
        assert len(items) == len(operations)
        if not answer["errors"]:
            return [_APPLIED] * len(items)
        return [item_result(item) for item in items]

    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        pages: list[SearchPage | None] = [None] * len(requests)
        waiting = list(range(len(requests)))
        for attempt in range(len(BACKWARD_WINDOWS)):
            if not waiting:
                break
            asked = [requests[place] for place in waiting]
            hits = await self._hits(asked, attempt)
            for place, found in zip(waiting, hits, strict=True):
                pages[place] = page_of(requests[place], found, attempt)
            waiting = [place for place in waiting if pages[place] is None]
        assert not waiting, "the last attempt has no window"
        return [page for page in pages if page is not None]

    async def _hits(
        self, requests: Sequence[SearchRequest], attempt: int
    ) -> list[list[dict[str, Any]]]:
        """Hits of each request: one round trip, whatever their number."""
        if len(requests) == 1:
            request = requests[0]
            alias, routing = self._aliases[request.order.kind], request.routing
            routed = "" if routing is None else f"routing={quote(routing, safe='')}&"
            url = f"{self.url}/{alias}/_search?{routed}{_SEARCH_QUERY}"
            body = orjson.dumps(search_body(request, attempt))
            answers = [await self._read("search", URL(url, encoded=True), body)]
        else:
            lines: list[bytes] = []
            for request in requests:
                head: dict[str, Any] = {
                    "index": self._aliases[request.order.kind],
                    "allow_partial_search_results": False,
                }
                if request.routing is not None:
                    head["routing"] = request.routing
                body_of = search_body(request, attempt)
                body_of["timeout"] = f"{SEARCH_TIMEOUT_MS}ms"
                lines += (orjson.dumps(head), orjson.dumps(body_of))
            lines.append(b"")
            answer = await self._read("msearch", self._msearch_url, b"\n".join(lines))
            answers = answer["responses"]
        return [_checked(each)["hits"]["hits"] for each in answers]

    async def _read(self, call: str, url: URL, body: bytes) -> Any:
        """A POST that only reads: sent again when its connection breaks."""
        for attempt in range(SEARCH_ATTEMPTS_MAX):
            try:
                return await self._post(call, url, body, self._search_timeout)
            except SearchUnavailable as error:
                last = attempt == SEARCH_ATTEMPTS_MAX - 1
                if last or not isinstance(error.__cause__, aiohttp.ClientConnectionError):
                    raise
            await asyncio.sleep(SEARCH_BACKOFF_MS * 2**attempt / 1_000)
        raise AssertionError("unreachable")

    async def _post(self, call: str, url: URL, body: bytes, limit: aiohttp.ClientTimeout) -> Any:
        with self._called(call):
            async with self._session.post(url, data=body, timeout=limit) as response:
                content = await response.read()
            is_elastic = _PRODUCT_HEADER in response.headers
            return whole_answer(self.url, response.status, is_elastic, content)

    def _called(self, call: str) -> "_Call":
        """Around one request: its failure becomes ours, and the metrics are told."""
        return _Call(call, self._clock, self._metrics)

    # --- Rebuild and verify -----------------------------------------------------------------------
    async def count(
        self, kind: Kind, owner_id: str | None = None, clauses: Sequence[Clause] = ()
    ) -> int:
        query = filters([*([Term(OWNER_FIELDS[kind], owner_id)] if owner_id else []), *clauses])
        with self._called("count"):
            answer = await self._client.count(
                index=self._aliases[kind], query=query, routing=owner_id
            )
        return int(answer["count"])

    async def scan(
        self, kind: Kind, owner_id: str, *, index: str | None = None
    ) -> AsyncIterator[StoredDocument]:
        after: list[Any] | None = None
        url = URL(
            f"{self.url}/{index or self._aliases[kind]}/_search"
            f"?routing={quote(owner_id, safe='')}&{_SEARCH_QUERY}",
            encoded=True,
        )
        while after is None or after:
            body = {
                "size": SCAN_PAGE_DOCUMENTS,
                "query": filters([Term(OWNER_FIELDS[kind], owner_id)]),
                "sort": [{names.SORT_FIELDS[kind]: "asc"}],
                "track_total_hits": False,
                "version": True,
            }
            if after is not None:
                body["search_after"] = after
            hits = _checked(await self._read("scan", url, orjson.dumps(body)))["hits"]["hits"]
            for hit in hits:
                yield StoredDocument(hit["_id"], hit["_version"], hit["_source"])
            after = hits[-1]["sort"] if len(hits) == SCAN_PAGE_DOCUMENTS else []

    async def refresh(
        self, kinds: Sequence[Kind] = tuple(Kind), *, into: Mapping[Kind, str] | None = None
    ) -> None:
        targets = self._aliases if into is None else into
        with self._called("refresh"):
            await self._client.indices.refresh(index=[targets[kind] for kind in kinds])

    async def indices(self) -> list[IndexInfo]:
        patterns = [f"{alias}-v*" for alias in self._aliases.values()]
        with self._called("indices"):
            answer = await self._client.indices.get(
                index=patterns, features=["aliases"], allow_no_indices=True
            )
        found = []
        for name, about in answer.items():
            parsed = names.parse_index_name(self._prefix, name)
            if parsed is not None:
                kind, version, _ = parsed
                found.append(
                    IndexInfo(name, kind, version, self._aliases[kind] in about["aliases"])
                )
        return sorted(found, key=lambda info: info.name)

    async def create_index(self, kind: Kind) -> str:
        taken = {info.name for info in await self.indices()}
        for generation in range(1, INDEX_GENERATIONS_MAX):
            name = names.index_name(self._prefix, kind, generation)
            if name not in taken:
                break
        settings = names.index_settings(kind, self._shards, replicas=0)
        settings["refresh_interval"] = names.NO_REFRESH
        with self._called("create_index"):
            await self._client.indices.create(
                index=name, settings=settings, mappings=names.mapping(kind)
            )
        return name

    async def create_live_index(self, kind: Kind) -> bool:
        """The kind's first index with its alias, in one call. False when it stands already."""
        try:
            with self._called("create_live_index"):
                await self._client.indices.create(
                    index=names.index_name(self._prefix, kind, 1),
                    settings=names.index_settings(kind, self._shards, self._replicas),
                    mappings=names.mapping(kind),
                    aliases={self._aliases[kind]: {}},
                )
        except SearchRefused as error:
            if "resource_already_exists_exception" not in str(error):
                raise
            return False
        return True

    async def finish_index(self, name: str) -> None:
        with self._called("finish_index"):
            await self._client.indices.refresh(index=name)
            patient = self._client.options(request_timeout=MERGE_TIMEOUT_MS / 1_000)
            await patient.indices.forcemerge(index=name, max_num_segments=1)
            await self._client.indices.put_settings(
                index=name,
                settings={
                    "refresh_interval": names.REFRESH_INTERVAL,
                    "number_of_replicas": self._replicas,
                },
            )
            await self._client.indices.refresh(index=name)

    async def swap_aliases(self, targets: Mapping[Kind, str]) -> list[str]:
        former = [
            info
            for info in await self.indices()
            if info.live and info.kind in targets and targets[info.kind] != info.name
        ]
        actions: list[dict[str, Any]] = [
            {"add": {"index": name, "alias": self._aliases[kind]}} for kind, name in targets.items()
        ]
        for info in former:
            actions.append({"remove": {"index": info.name, "alias": self._aliases[info.kind]}})
        with self._called("swap_aliases"):
            await self._client.indices.update_aliases(actions=actions)
        return [info.name for info in former]

    async def delete_index(self, name: str) -> None:
        live = {info.name for info in await self.indices() if info.live}
        assert name not in live, "an index that serves is never deleted"
        with self._called("delete_index"):
            await self._client.indices.delete(index=name, ignore_unavailable=True)

    async def ready(self) -> bool:
        try:
            answer = await self._client.cluster.health(
                index=list(self._aliases.values()), wait_for_status="yellow", timeout="1s"
            )
        except (elastic_transport.ApiError, elastic_transport.TransportError):
            return False
        return answer["status"] in ("yellow", "green")


class _Call:
    """One request to Elasticsearch: turns the clients' exceptions into ours, tells the metrics."""

    __slots__ = ("_clock", "_metrics", "_name", "_started_ms")

    def __init__(self, name: str, clock: Clock, metrics: SearchMetrics | None) -> None:
        self._name = name
        self._clock = clock
        self._metrics = metrics
        self._started_ms = 0.0

    def __enter__(self) -> None:
        if self._metrics is not None:
            self._started_ms = self._clock.monotonic_ms()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        meaning = error
        if error is not None and not isinstance(error, SearchError):
            meaning = search_error(error) or error
        if self._metrics is not None:
            outcome = "ok" if meaning is None else type(meaning).__name__
            self._metrics.called(self._name, outcome, self._clock.monotonic_ms() - self._started_ms)
        if meaning is not None and meaning is not error:
            raise meaning from error


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """A search's answer that is whole: no error, no timeout, no shard left out."""
    error = answer.get("error")
    if error is not None:
        raise status_error(answer["status"], orjson.dumps(error)[:500].decode())
    if answer["timed_out"] or answer["_shards"]["failed"]:
        raise SearchUnavailable("Elasticsearch: a search was not finished in time")
    return answer


def _authorization(settings: Settings) -> str | None:
    if settings.elasticsearch_api_key:
        return f"ApiKey {settings.elasticsearch_api_key}"
    if settings.elasticsearch_username:
        login = aiohttp.BasicAuth(settings.elasticsearch_username, settings.elasticsearch_password)
        return login.encode()
    return None


def _cold_client(settings: Settings, base: str) -> AsyncElasticsearch:
    options: dict[str, Any] = {"request_timeout": SEARCH_TIMEOUT_MS / 1_000, "max_retries": 0}
    if settings.elasticsearch_api_key:
        options["api_key"] = settings.elasticsearch_api_key
    elif settings.elasticsearch_username:
        options["basic_auth"] = (settings.elasticsearch_username, settings.elasticsearch_password)
    return AsyncElasticsearch(base, **options)
