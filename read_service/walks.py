"""Pages of what DynamoDB keeps in order: one partition, read from a position on, in chunks.

    strong lists of entries and lines   LE#…, LL#…   references, newest first
    directories of ledgers, Schemas     LD#…, SD#…, SL#…   references, newest first
    directory of custom currencies      UD#…               references, newest first
    versions of a Schema                S#…  v…      newest last, so listed against the keys' order
    currencies of an account            B#…  H#…, S#…, T#…
    balances of a group                 G#…  by path

A position is a sort key, so cursors read as those of the search index do. A filter that keeps
little makes a page read more than it shows; what one page may read is bounded.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from read_service.connections import PageArguments
from shared.errors import RejectionError
from shared.ledger.rejections import reject
from shared.limits import LIST_WALK_CHUNK_ITEMS, LIST_WALK_ITEMS_MAX, SORT_KEY_BYTES_MAX
from shared.store.table import Item, Table, TableName

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Partition:
    """What to walk: a partition, or its keys that begin with `prefix` or lie in [low, high]."""

    table: TableName
    pk: str
    prefix: str = ""
    low: str | None = None
    high: str | None = None
    descending: bool = False  # the list begins at the partition's end
    consistent: bool = True
    items_per_node: int = 1  # that may stand for one node: the others are left out
    narrow_by: str = "posted"  # what a filter that keeps too little can be narrowed by


@dataclass(frozen=True, slots=True)
class Walked(Generic[T]):
    """A page in the list's order, with its nodes' positions. `more`: others follow that way."""

    nodes: list[T]
    positions: list[str]
    more: bool

    @property
    def first(self) -> str | None:
        return self.positions[0] if self.positions else None

    @property
    def last(self) -> str | None:
        return self.positions[-1] if self.positions else None


Hydrate = Callable[[Sequence[Item]], Awaitable[Sequence[T | None]]]


async def walk(
    table: Table, partition: Partition, page: PageArguments, hydrate: Hydrate[T], *, filtered: bool
) -> Walked[T]:
    """Reads the page: `hydrate` turns a chunk of items into nodes, None for those to be left out.

    `filtered` says that these may be many, which makes the chunks larger. Raises RejectionError
    when LIST_WALK_ITEMS_MAX items don't fill the page, or its position can be no sort key.
    """
    forward = page.backward == partition.descending
    after = page.before if page.backward else page.after
    if after is not None and len(after.encode()) > SORT_KEY_BYTES_MAX:
        where, detail = "before" if page.backward else "after", "it was not given by this list"
        raise RejectionError(reject("invalid_cursor", where=where, detail=detail))
    wanted = page.size + 1
    limit = wanted * partition.items_per_node
    limit = max(limit, LIST_WALK_CHUNK_ITEMS) if filtered else limit
    nodes: list[T] = []
    positions: list[str] = []
    walked = 0
    while True:
        chunk = await table.query(
            partition.table,
            partition.pk,
            prefix=partition.prefix,
            low=partition.low,
            high=partition.high,
            after=after or None,
            limit=limit,
            forward=forward,
            consistent=partition.consistent,
        )
        for item, node in zip(chunk.items, await hydrate(chunk.items), strict=True):
            if node is not None:
                nodes.append(node)
                positions.append(str(item["sk"]))
        if len(nodes) >= wanted or chunk.next_key is None:
            break
        walked += len(chunk.items)
        if walked >= LIST_WALK_ITEMS_MAX:
            narrow_by = partition.narrow_by
            detail = f"fewer than a page of the next {walked} match; narrow the list by {narrow_by}"
            raise RejectionError(reject("invalid_filter", where="filter", detail=detail))
        after = chunk.next_key[1]
    more = len(nodes) > page.size
    del nodes[page.size :], positions[page.size :]
    if page.backward:
        nodes.reverse()
        positions.reverse()
    return Walked(nodes, positions, more)
