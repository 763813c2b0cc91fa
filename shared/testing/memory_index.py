"""The Index port in memory: what the contract suite holds equal to Elasticsearch.

It keeps what Elasticsearch keeps (versions of documents, also of deleted ones, strict mappings,
aliases, refreshes) and evaluates the same clauses. All owners share one shard, so a search that
relies on its routing to tell them apart fails. Nothing here waits, so it runs in virtual time.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from shared.errors import SearchUnavailable
from shared.search import indices as names
from shared.search.clauses import Clause, Term, matches
from shared.search.index import (
    Document,
    Hit,
    IndexInfo,
    ItemResult,
    ItemStatus,
    Kind,
    Operation,
    SearchPage,
    SearchRequest,
    StoredDocument,
)

_TERM_BYTES_MAX = 32_766  # of an indexed keyword, as in Lucene


class _Standing(NamedTuple):
    """What stands under an id; `source` is None once deleted."""

    version: int
    routing: str
    source: dict[str, Any] | None


@dataclass(slots=True)
class _Store:
    """One index: what was written, and what searches see of it."""

    kind: Kind
    mapping_version: int = names.MAPPING_VERSION
    written: dict[str, _Standing] = field(default_factory=dict)
    visible: dict[str, _Standing] = field(default_factory=dict)

    def refresh(self) -> None:
        if self.visible is not self.written:
            self.visible = dict(self.written)


class MemoryIndex:
    """All kinds, provisioned. With `auto_refresh` a search sees every write at once.

    Without it a search sees what `refresh` was called after, as in Elasticsearch between two
    refreshes.
    """

    def __init__(self, *, prefix: str = "twofold-", auto_refresh: bool = True) -> None:
        self._prefix = prefix
        self._auto_refresh = auto_refresh
        self._stores: dict[str, _Store] = {}
        self._live: dict[Kind, str] = {}
        for kind in Kind:
            name = names.index_name(prefix, kind, 1)
            self._stores[name] = self._new_store(kind)
            self._live[kind] = name

    def _new_store(self, kind: Kind) -> _Store:
        store = _Store(kind)
        if self._auto_refresh:
            store.visible = store.written
        return store

    async def close(self) -> None:
        return None

    async def ready(self) -> bool:
        return len(self._live) == len(Kind)

    # --- Writing ----------------------------------------------------------------------------------
    async def bulk(
        self, operations: Sequence[Operation], *, into: Mapping[Kind, str] | None = None
    ) -> list[ItemResult]:
        targets = self._live if into is None else into
        stores = {kind: self._store(name) for kind, name in targets.items()}
        return [self._apply(stores[each.kind], each) for each in operations]

    def _apply(self, store: _Store, operation: Operation) -> ItemResult:
        source = None
        if isinstance(operation, Document):
            record = orjson.loads(operation.record)
            source = {**orjson.loads(orjson.dumps(operation.source)), "record": record}
            problem = _mapping_problem(store.kind, source)
            if problem is not None:
                return ItemResult(ItemStatus.REFUSED, problem)
        standing = store.written.get(operation.id)
        if standing is not None and standing.version >= operation.version:
            return ItemResult(ItemStatus.STALE)
        store.written[operation.id] = _Standing(operation.version, operation.routing, source)
        return ItemResult(ItemStatus.APPLIED)

    async def refresh(
        self, kinds: Sequence[Kind] = tuple(Kind), *, into: Mapping[Kind, str] | None = None
    ) -> None:
        targets = self._live if into is None else into
        for kind in kinds:
            self._store(targets[kind]).refresh()

    # --- Reading ----------------------------------------------------------------------------------
    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        return [self._page(request) for request in requests]

    def _page(self, request: SearchRequest) -> SearchPage:
        order, prefix = request.order, request.prefix
        clauses = (Term(order.scope_field, request.scope[-1]), *request.clauses)
        found = []
        for standing in self._store(self._live[order.kind]).visible.values():
            source = standing.source
            if source is None or not matches(clauses, source):
                continue
            sort_key: str = source[order.field]
            assert sort_key.startswith(prefix), "a hit of another list"
            assert request.routing in (None, standing.routing), "another shard has it"
            found.append(Hit(sort_key[len(prefix) :], source))
        # Elasticsearch compares keywords by their bytes.
        found.sort(key=lambda hit: hit.position.encode(), reverse=request.backward)
        if request.after is not None:
            after = request.after.encode()
            found = [hit for hit in found if hit.position.encode() > after]
        elif request.before is not None:
            before = request.before.encode()
            found = [hit for hit in found if hit.position.encode() < before]
        hits = found[: request.size]
        if request.backward:
            hits.reverse()
        return SearchPage(tuple(hits), len(found) > request.size)

    def _sources(
        self, kind: Kind, routing: str | None, clauses: Sequence[Clause]
    ) -> list[dict[str, Any]]:
        """Sources of the kind's documents that searches see and that match."""
        return [
            standing.source
            for standing in self._store(self._live[kind]).visible.values()
            if standing.source is not None
            and (routing is None or standing.routing == routing)
            and matches(clauses, standing.source)
        ]

    async def count(
        self, kind: Kind, owner_id: str | None = None, clauses: Sequence[Clause] = ()
    ) -> int:
        return len(self._sources(kind, owner_id, clauses))

    async def scan(
        self, kind: Kind, owner_id: str, *, index: str | None = None
    ) -> AsyncIterator[StoredDocument]:
        store = self._store(index or self._live[kind])
        found = [
            StoredDocument(document_id, standing.version, standing.source)
            for document_id, standing in store.visible.items()
            if standing.source is not None and standing.routing == owner_id
        ]
        found.sort(key=lambda document: document.source[names.SORT_FIELDS[kind]].encode())
        for document in found:
            yield document

    # --- Rebuild ----------------------------------------------------------------------------------
    async def indices(self) -> list[IndexInfo]:
        return [
            IndexInfo(name, store.kind, store.mapping_version, self._live.get(store.kind) == name)
            for name, store in sorted(self._stores.items())
        ]

    async def create_index(self, kind: Kind) -> str:
        generation = 1
        while names.index_name(self._prefix, kind, generation) in self._stores:
            generation += 1
        name = names.index_name(self._prefix, kind, generation)
        self._stores[name] = self._new_store(kind)
        return name

    async def finish_index(self, name: str) -> None:
        self._store(name).refresh()

    async def swap_aliases(self, targets: Mapping[Kind, str]) -> list[str]:
        for name in targets.values():
            self._store(name)
        former = [self._live[kind] for kind, name in targets.items() if self._live[kind] != name]
        self._live.update(targets)
        return sorted(former)

    async def delete_index(self, name: str) -> None:
        assert name not in self._live.values(), "an index that serves is never deleted"
        self._stores.pop(name, None)

    def _store(self, name: str) -> _Store:
        store = self._stores.get(name)
        if store is None:
            raise SearchUnavailable(f"there is no index {name}")
        return store


def _mapping_problem(kind: Kind, source: dict[str, Any]) -> str | None:
    """Why Elasticsearch's mapping would refuse the document, or None."""
    fields = names.mapping(kind)["properties"]
    for name, value in source.items():
        mapped = fields.get(name)
        if mapped is None:
            return f"strict_dynamic_mapping_exception: {name} isn't mapped"
        for each in value if isinstance(value, list) else [value]:
            if mapped["type"] == "long" and not isinstance(each, int):
                return f"document_parsing_exception: {name} must be a number"
            if mapped["type"] != "keyword" or not isinstance(each, str):
                continue
            if mapped.get("index", True) and len(each.encode()) > _TERM_BYTES_MAX:
                return f"document_parsing_exception: {name} is too long a term"
    return None
