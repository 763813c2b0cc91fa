"""The Stream port: the change stream of the `ledger` table, as the indexer reads it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from shared.store.table import Item


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard; read after its parent. `closed`: no record will be added."""

    id: str
    parent_id: str | None
    closed: bool


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One change: old and new images (None when absent). `sequence` orders a shard's records."""

    sequence: str
    kind: Literal["insert", "modify", "remove"]
    approximate_created_ms: int  # the stream's own time, coarse
    pk: str
    sk: str
    old: Item | None
    new: Item | None


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Records in order; `iterator` reads on, None when a closed shard is read to its end."""

    records: list[StreamRecord]
    iterator: str | None


class Stream(Protocol):
    """Raises StreamTrimmed, StreamExpired, StoreUnavailable."""

    async def shards(self) -> list[Shard]:
        """All shards that the stream still knows."""
        ...

    async def iterator(self, shard_id: str, *, after: str | None) -> str:
        """An iterator right after sequence `after`, or at the oldest record (TRIM_HORIZON) for
        None."""
        ...

    async def read(self, iterator: str, *, limit: int) -> StreamBatch:
        """Up to `limit` records (1,000 at most) from `iterator`; may be empty."""
        ...
