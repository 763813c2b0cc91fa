"""The Index port: everything that Twofold asks of Elasticsearch, and what comes back.

    indexer       bulk(operations) -> one result an operation
    read_service  search(requests) -> one page a request, all requests of a call in one round trip
    rebuild       create_index, bulk(into=...), finish_index, swap_aliases, delete_index
    verify        scan, count

Lists are ordered by one keyword, the sort key: the scope (ledger, or ledger and account), then a
*position* inside it. A position is all that a cursor has to keep, and it reads the same in
DynamoDB's strong lists: `<inverted time>#<id>` (`<key>...` for groups).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from shared.search.clauses import Clause


class Kind(StrEnum):
    """One Elasticsearch index (behind its alias) each."""

    ENTRIES = "entries"
    LINES = "lines"
    ACCOUNTS = "accounts"
    GROUPS = "groups"
    TXS = "txs"


LEDGER_KINDS = (Kind.ENTRIES, Kind.LINES, Kind.ACCOUNTS, Kind.GROUPS)
OWNER_FIELDS: dict[Kind, str] = {  # keyword that holds what a kind's documents are routed by
    **dict.fromkeys(LEDGER_KINDS, "ledger"),
    Kind.TXS: "external_account",
}


# --- Operations: what goes into an index ----------------------------------------------------------
class Document(NamedTuple):
    """What stands in an index under `id`: what is searched in `source`, the whole in `record`.

    `record` is JSON; it is stored as the source's member `record` and never searched. Of two
    documents with one id the higher `version` stays, whatever order they come in.
    """

    kind: Kind
    id: str
    routing: str  # id of the owner, a ledger or External Account: its documents share a shard
    version: int
    source: dict[str, Any]
    record: bytes


class Deletion(NamedTuple):
    """Removes what stands under `id`, unless its version is `version` or higher."""

    kind: Kind
    id: str
    routing: str
    version: int


Operation = Document | Deletion


class ItemStatus(StrEnum):
    """What became of one operation of a bulk."""

    APPLIED = "applied"
    STALE = "stale"  # this version, or a higher one, stands already: nothing to do
    REFUSED = "refused"  # the index can't take it, now or later: put it aside
    OVERLOADED = "overloaded"  # not now: send it again


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One operation's result; `reason` says why when it was refused or the index overloaded."""

    status: ItemStatus
    reason: str = ""


# --- Searches: what comes out ---------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Order:
    """An order in which documents of a kind can be listed."""

    kind: Kind
    field: str  # keyword that holds the sort key
    scope_field: str  # keyword that holds the last part of the scope
    time_field: (
        str | None
    )  # number whose inverse begins every position; None: positions carry no time
    is_routed: bool = True  # whether the scope's first part is the owner, whose shard has it all


ENTRIES_NEWEST = Order(Kind.ENTRIES, "sort_key", "ledger", "posted")
LINES_OF_ACCOUNT = Order(Kind.LINES, "by_account", "account", "posted")  # the index's own order
LINES_OF_LEDGER = Order(Kind.LINES, "by_ledger", "ledger", "posted")
ACCOUNTS_NEWEST = Order(Kind.ACCOUNTS, "sort_key", "ledger", "created")
GROUPS_BY_KEY = Order(Kind.GROUPS, "sort_key", "ledger", None)
ACCOUNTS_OF_EXTERNAL = Order(
    Kind.ACCOUNTS, "by_external", "external_account", "created", is_routed=False
)
TXS_NEWEST = Order(Kind.TXS, "sort_key", "external_account", "posted")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One page of one list.

    Without a position: the first page, or the last one (`from_end`). `after`: the page that
    begins right after that position; `before`: the page that ends right before it. At most one of
    the two is given. `span_ms` is what time one page of this list covers, as far as known: it
    makes `before` cheap.
    """

    order: Order
    scope: tuple[str, ...]  # (owner's id,), for an account's lines (ledger id, account id)
    clauses: tuple[Clause, ...]
    size: int
    after: str | None = None
    before: str | None = None
    from_end: bool = False
    span_ms: int | None = None

    def __post_init__(self) -> None:
        assert self.scope
        assert self.size >= 1
        assert (self.after is not None) + (self.before is not None) + self.from_end <= 1

    @property
    def prefix(self) -> str:
        """What the sort keys of the whole list begin with."""
        return scope_prefix(self.scope)

    @property
    def routing(self) -> str | None:
        """Whose shard has the whole list; None when it is spread over all of them."""
        return self.scope[0] if self.order.is_routed else None

    @property
    def backward(self) -> bool:
        """Whether the page is taken from its end."""
        return self.before is not None or self.from_end


@dataclass(frozen=True, slots=True)
class Hit:
    """A document on a page, and its position in the list."""

    position: str
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """At most `size` hits, in the list's order. `more`: others follow, the way that was asked."""

    hits: tuple[Hit, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it stands in an index; `source` holds its `record` too."""

    id: str
    version: int
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """One Elasticsearch index of a kind; `live`: the alias points at it."""

    name: str
    kind: Kind
    mapping_version: int
    live: bool


def scope_prefix(scope: tuple[str, ...]) -> str:
    """What stands before the position in a sort key."""
    return "#".join(scope) + "#"


class Index(Protocol):
    """Every kind's index behind one port.

    Raises SearchUnavailable (unreachable, overloaded, it lets nobody in, or the answer was lost:
    everything here may be sent again, because versions make a repeated operation harmless) and
    SearchRefused (our mistake: only then can what was sent be to blame).
    """

    async def bulk(
        self, operations: Sequence[Operation], *, into: Mapping[Kind, str] | None = None
    ) -> list[ItemResult]:
        """One `_bulk`: a result for each operation, in order.

        `into` names the index for a kind instead of its alias: how a rebuild fills a fresh one.
        """
        ...

    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        """One `_search`, or one `_msearch` for several: a page for each request, in order."""
        ...

    async def count(
        self, kind: Kind, owner_id: str | None = None, clauses: Sequence[Clause] = ()
    ) -> int:
        """Documents that match, of one ledger (of Txs: External Account) or of all."""
        ...

    def scan(
        self, kind: Kind, owner_id: str, *, index: str | None = None
    ) -> AsyncIterator[StoredDocument]:
        """Every document of a ledger (of Txs: of an External Account), in the kind's first order,
        page by page.
        """
        ...

    async def refresh(
        self, kinds: Sequence[Kind] = tuple(Kind), *, into: Mapping[Kind, str] | None = None
    ) -> None:
        """Makes everything that was answered as applied visible to searches.

        `into` names the index for a kind instead of its alias, as for `bulk`.
        """
        ...

    async def indices(self) -> list[IndexInfo]:
        """Every index of ours, live or beside a live one."""
        ...

    async def create_index(self, kind: Kind) -> str:
        """A fresh empty index of today's mapping beside the live one; gives its name."""
        ...

    async def finish_index(self, name: str) -> None:
        """Ends a load: merges to few segments, refreshes, and switches periodic refresh on."""
        ...

    async def swap_aliases(self, targets: Mapping[Kind, str]) -> list[str]:
        """Points the kinds' aliases at the named indices, in one call; gives the former ones."""
        ...

    async def delete_index(self, name: str) -> None:
        """Removes an index that no alias points at; nothing happens when it is gone already."""
        ...

    async def ready(self) -> bool:
        """Whether every kind's alias answers. Never raises."""
        ...

    async def close(self) -> None:
        """Gives connections back."""
        ...
