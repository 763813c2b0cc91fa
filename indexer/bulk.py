"""BulkWriter: operations on the search indices, in bulks bounded by count and bytes, judged one by
one.

    applied, stale   done: with external versions a repeated or late operation changes nothing
    overloaded       that operation alone is sent again, a little later
    refused          that operation alone is put aside with its reason

A bulk that is refused as a whole is halved until the culprit stands alone. Nothing is dropped: when
an operation is neither done nor put aside, the whole call raises, the checkpoint stays, and
everything is sent again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import SearchRefused, SearchUnavailable
from shared.limits import BULK_ATTEMPTS_MAX, BULK_BYTES_MAX, BULK_DOCUMENTS_MAX
from shared.search.index import Document, Index, ItemStatus, Kind, Operation

BULK_BACKOFF_MS = 50
BULK_BACKOFF_MS_MAX = 2_000
OPERATION_OVERHEAD_BYTES = 500  # of the action line and the searchable fields
# A bulk of at least this many operations that are all refused tells of the index, not of the
# documents.
ALL_REFUSED_MIN = 50


@dataclass(slots=True)
class BulkReport:
    """What became of the operations of one call."""

    applied_count: int = 0
    stale_count: int = 0
    overloaded_count: int = 0  # answers, not operations: one may be overloaded several times
    bulks_count: int = 0
    refused: list[tuple[Operation, str]] = field(default_factory=list)


def newest(operations: Sequence[Operation]) -> list[Operation]:
    """Of several operations on one document, the one with the highest version; order kept."""
    best: dict[tuple[Kind, str], Operation] = {}
    for operation in operations:
        key = (operation.kind, operation.id)
        held = best.get(key)
        if held is None or operation.version > held.version:
            best[key] = operation
    return list(best.values()) if len(best) < len(operations) else list(operations)


def operation_bytes(operation: Operation) -> int:
    """About how much an operation adds to a bulk."""
    if isinstance(operation, Document):
        return OPERATION_OVERHEAD_BYTES + len(operation.record)
    return OPERATION_OVERHEAD_BYTES


def bulks_of(operations: Sequence[Operation]) -> list[list[Operation]]:
    """Cuts operations into bulks of at most BULK_DOCUMENTS_MAX and about BULK_BYTES_MAX; none is
    empty.
    """
    bulks: list[list[Operation]] = []
    current: list[Operation] = []
    size = 0
    for operation in operations:
        more = operation_bytes(operation)
        if current and (len(current) >= BULK_DOCUMENTS_MAX or size + more > BULK_BYTES_MAX):
            bulks.append(current)
            current, size = [], 0
        current.append(operation)
        size += more
    if current:
        bulks.append(current)
    return bulks


class BulkWriter:
    """Applies operations to the live indices, or to those named by `into` (a rebuild)."""

    def __init__(self, index: Index, *, into: Mapping[Kind, str] | None = None) -> None:
        self._index = index
        self._into = into

    async def apply(self, operations: Sequence[Operation]) -> BulkReport:
        """Applies every operation, or says which ones the index refuses for good.

        Raises SearchUnavailable when some were neither applied nor refused after BULK_ATTEMPTS_MAX
        bulks, or when the index refuses everything.
        """
        report = BulkReport()
        for bulk in bulks_of(newest(operations)):
            before = len(report.refused)
            await self._apply_bulk(bulk, report)
            if len(report.refused) - before == len(bulk) >= ALL_REFUSED_MIN:
                raise SearchUnavailable(
                    f"the index refuses every document: {report.refused[before][1]}"
                )
        return report

    async def _apply_bulk(self, bulk: list[Operation], report: BulkReport) -> None:
        left = bulk
        why = ""
        for attempt in range(BULK_ATTEMPTS_MAX):
            if attempt:
                backoff_ms = min(BULK_BACKOFF_MS * 2 ** (attempt - 1), BULK_BACKOFF_MS_MAX)
                await asyncio.sleep(backoff_ms / 1_000)
            try:
                left, why = await self._send(left, report)
            except SearchRefused as refused:
                if len(left) == 1:
                    report.refused.append((left[0], str(refused)))
                    return
                middle = len(left) // 2  # find out for whose sake
                await self._apply_bulk(left[:middle], report)
                await self._apply_bulk(left[middle:], report)
                return
            if not left:
                return
        raise SearchUnavailable(f"{len(left)} operations stay overloaded: {why}")

    async def _send(
        self, operations: list[Operation], report: BulkReport
    ) -> tuple[list[Operation], str]:
        """One bulk: the operations that have to be sent again, and why."""
        results = await self._index.bulk(operations, into=self._into)
        assert len(results) == len(operations)
        report.bulks_count += 1
        again: list[Operation] = []
        why = ""
        for operation, result in zip(operations, results, strict=True):
            if result.status is ItemStatus.APPLIED:
                report.applied_count += 1
            elif result.status is ItemStatus.STALE:
                report.stale_count += 1
            elif result.status is ItemStatus.OVERLOADED:
                report.overloaded_count += 1
                again.append(operation)
                why = result.reason
            else:
                report.refused.append((operation, result.reason))
        return again, why
