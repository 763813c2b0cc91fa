"""The Table port: everything that Twofold asks of DynamoDB, and what comes back.

Items are flat dicts of attribute name to str, int or bytes; what is nested travels as one JSON
string. Writes are values, guards are values: the driver (`dynamo.py`) turns them into expressions,
the in-memory twin (`shared/testing/memory.py`) evaluates them, one contract suite holds both equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

Value = str | int | bytes
Item = dict[str, Value]


class TableName(StrEnum):
    """The two tables: what is true (streamed), and running sums and what is derived."""

    LEDGER = "ledger"
    BALANCES = "balances"


class Key(NamedTuple):
    """Primary key of an item."""

    table: TableName
    pk: str
    sk: str


# --- Guards: what must hold of the old item; a write's guards are ANDed --------------------------
@dataclass(frozen=True, slots=True)
class Absent:
    """No item stands at the key."""


@dataclass(frozen=True, slots=True)
class Present:
    """An item stands at the key."""


@dataclass(frozen=True, slots=True)
class Is:
    """`attribute` has `value`; a missing attribute fails."""

    attribute: str
    value: Value


@dataclass(frozen=True, slots=True)
class IsOrAbsent:
    """`attribute` has `value` or is missing (as it is on a missing item)."""

    attribute: str
    value: Value


@dataclass(frozen=True, slots=True)
class Within:
    """low <= `attribute` <= high; a missing attribute counts as 0."""

    attribute: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class BelowOrAbsent:
    """`attribute` < `value`, or it is missing."""

    attribute: str
    value: int


Guard = Absent | Present | Is | IsOrAbsent | Within | BelowOrAbsent


# --- Writes ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Put:
    """Writes the whole `item` (its `pk` and `sk` are among the attributes)."""

    table: TableName
    item: Item
    guards: tuple[Guard, ...] = ()

    @property
    def key(self) -> Key:
        pk, sk = self.item["pk"], self.item["sk"]
        assert isinstance(pk, str)
        assert isinstance(sk, str)
        return Key(self.table, pk, sk)


@dataclass(frozen=True, slots=True)
class Update:
    """Changes single attributes, creating the item if there is none.

    `add` adds to numbers (missing counts as 0), `set` overwrites, `set_if_absent` keeps what
    stands.
    """

    key: Key
    add: Mapping[str, int] = field(default_factory=dict)
    set: Mapping[str, Value] = field(default_factory=dict)
    set_if_absent: Mapping[str, Value] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes the item, if there is one."""

    key: Key
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Only judges the guards."""

    key: Key
    guards: tuple[Guard, ...]


Write = Put | Update | Delete | Check


# --- Answers --------------------------------------------------------------------------------------
class Cause(StrEnum):
    """Why one write of a cancelled batch was, or wasn't, to blame."""

    NONE = "none"
    GUARD = "guard"  # a guard failed; the old item comes along
    CONFLICT = "conflict"  # another transaction held the item
    THROTTLED = "throttled"
    OVERFLOW = "overflow"  # a number left what DynamoDB can hold, or an item grew over 400 KB


@dataclass(frozen=True, slots=True)
class Reason:
    """What DynamoDB says about one write of a cancelled batch."""

    cause: Cause
    old: Item | None = None


@dataclass(frozen=True, slots=True)
class Transacted:
    """The whole batch was written."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nothing was written; one reason for each write, in order."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A single write was done."""


@dataclass(frozen=True, slots=True)
class GuardFailed:
    """A single write's guard failed; the item that stands there."""

    old: Item | None


@dataclass(frozen=True, slots=True)
class QueryPage:
    """Items in the order of their sort keys; `next_key` continues, None at the end."""

    items: list[Item]
    next_key: tuple[str, str] | None  # (pk, sk)


class Table(Protocol):
    """Both tables behind one port.

    Raises StoreUnavailable (nothing written), StoreTimeout (a write whose fate is unknown after
    bounded sendings with the same token) and StoreRefused (our mistake).
    """

    async def get_many(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item | None]:
        """Items in the order of `keys` (no key twice): one BatchGetItem for every 100 keys."""
        ...

    async def get(self, key: Key, *, consistent: bool = False) -> Item | None:
        """One item: one GetItem."""
        ...

    async def query(
        self,
        table: TableName,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        low: str | None = None,
        high: str | None = None,
        limit: int = 100,
        forward: bool = True,
        consistent: bool = False,
    ) -> QueryPage:
        """One Query on a partition: sort keys that begin with `prefix`, or lie in [low, high], past
        `after`.

        At most one of `prefix` and `low`/`high` is given. `after` is a sort key, exclusive.
        """
        ...

    async def scan(
        self,
        table: TableName,
        *,
        after: tuple[str, str] | None = None,
        segment: int = 0,
        segments: int = 1,
        limit: int = 1_000,
    ) -> QueryPage:
        """One Scan page of a segment, in no order that means anything; strongly consistent.

        What was written before the page was asked for is on it: a rebuild rests on that.
        """
        ...

    async def write(self, write: Write) -> Written | GuardFailed:
        """One PutItem, UpdateItem or DeleteItem."""
        ...

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        """One TransactWriteItems: all or nothing, at most 100 writes, no key twice.

        `token` (at most 36 characters) makes sending again safe for ten minutes. A lost answer is
        resolved by sending again, inside.
        """
        ...
