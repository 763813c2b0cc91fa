"""An index that fails as Elasticsearch does, by a seed: the same seed gives the same faults.

    unavailable   the call fails and nothing happened
    shut_out      the call is answered 401, as by expired credentials, and nothing happened
    lost_answer   everything was applied, and the caller is told that it failed
    overloaded    single operations are answered "not now", and weren't applied
    conflict      single operations are answered "stands already": another indexer was faster
    refused       single documents can't be indexed, now or later

What was reached is counted in `reached`, so that a run of seeds can show that every fault was.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from shared.errors import SearchUnavailable
from shared.search.clauses import Clause
from shared.search.elastic import status_error
from shared.search.index import (
    Index,
    IndexInfo,
    ItemResult,
    ItemStatus,
    Kind,
    Operation,
    SearchPage,
    SearchRequest,
    StoredDocument,
)


@dataclass(frozen=True, slots=True)
class IndexFaults:
    """How often each fault happens, in parts of 1,000: of calls, or of a call's operations."""

    unavailable: int = 0
    shut_out: int = 0
    lost_answer: int = 0
    overloaded: int = 0
    conflict: int = 0
    refused: int = 0


class FaultyIndex:
    """Another Index with faults in front. `calm` ends them, for the reads that judge a run."""

    def __init__(self, index: Index, seed: int, faults: IndexFaults) -> None:
        self._index = index
        self._random = Random(seed)
        self._faults = faults
        self.reached: Counter[str] = Counter()

    def calm(self) -> None:
        """From here on nothing fails."""
        self._faults = IndexFaults()

    def _happens(self, fault: str) -> bool:
        rate: int = getattr(self._faults, fault)
        if rate == 0 or self._random.randrange(1_000) >= rate:
            return False
        self.reached[fault] += 1
        return True

    def _may_be_unavailable(self) -> None:
        if self._happens("unavailable"):
            raise SearchUnavailable("fault: unavailable")
        if self._happens("shut_out"):
            raise status_error(401, "fault: shut out")

    async def bulk(
        self, operations: Sequence[Operation], *, into: Mapping[Kind, str] | None = None
    ) -> list[ItemResult]:
        self._may_be_unavailable()
        results: dict[int, ItemResult] = {}
        conflicts = set()
        for place in range(len(operations)):
            if self._happens("overloaded"):
                results[place] = ItemResult(ItemStatus.OVERLOADED, "fault: overloaded")
            elif self._happens("refused"):
                results[place] = ItemResult(ItemStatus.REFUSED, "fault: refused")
            elif self._happens("conflict"):
                conflicts.add(place)
        sent = [place for place in range(len(operations)) if place not in results]
        answers = await self._index.bulk([operations[place] for place in sent], into=into)
        for place, answer in zip(sent, answers, strict=True):
            applied = answer.status is ItemStatus.APPLIED
            faster = applied and place in conflicts
            results[place] = ItemResult(ItemStatus.STALE) if faster else answer
        if self._happens("lost_answer"):
            raise SearchUnavailable("fault: lost answer")
        return [results[place] for place in range(len(operations))]

    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        self._may_be_unavailable()
        return await self._index.search(requests)

    async def count(
        self, kind: Kind, ledger_id: str | None = None, clauses: Sequence[Clause] = ()
    ) -> int:
        self._may_be_unavailable()
        return await self._index.count(kind, ledger_id, clauses)

    async def scan(
        self, kind: Kind, ledger_id: str, *, index: str | None = None
    ) -> AsyncIterator[StoredDocument]:
        self._may_be_unavailable()
        async for document in self._index.scan(kind, ledger_id, index=index):
            yield document

    async def refresh(
        self, kinds: Sequence[Kind] = tuple(Kind), *, into: Mapping[Kind, str] | None = None
    ) -> None:
        self._may_be_unavailable()
        await self._index.refresh(kinds, into=into)

    async def indices(self) -> list[IndexInfo]:
        self._may_be_unavailable()
        return await self._index.indices()

    async def create_index(self, kind: Kind) -> str:
        self._may_be_unavailable()
        return await self._index.create_index(kind)

    async def finish_index(self, name: str) -> None:
        self._may_be_unavailable()
        await self._index.finish_index(name)

    async def swap_aliases(self, targets: Mapping[Kind, str]) -> list[str]:
        self._may_be_unavailable()
        former = await self._index.swap_aliases(targets)
        if self._happens("lost_answer"):
            raise SearchUnavailable("fault: lost answer")
        return former

    async def delete_index(self, name: str) -> None:
        self._may_be_unavailable()
        await self._index.delete_index(name)

    async def ready(self) -> bool:
        return not self._happens("unavailable") and await self._index.ready()

    async def close(self) -> None:
        await self._index.close()
