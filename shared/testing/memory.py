"""In-memory twins of the store's ports: MemoryTable behind Table, MemoryStream behind Stream.

One contract suite holds them equal to DynamoDB. They stand for the *servers*: a process that dies
and starts again in a simulation finds its data here. Every call yields to the loop once before it
acts, as a request would; what it does after that, it does at once.

    MemoryTable.transact -> judge all guards -> apply all -> MemoryStream.append (table `ledger`)
    MemoryStream         -> shards by hash range of pk, split into children, trimmed after a day
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from zlib import crc32

from shared.clock import Clock
from shared.errors import StoreRefused
from shared.limits import (
    BATCH_GET_KEYS_MAX,
    BATCH_TOKEN_CHARS_MAX,
    BATCH_TOKEN_LIFE_MS,
    ITEM_BYTES_MAX,
    NUMBER_DIGITS_MAX,
    TRANSACT_BYTES_MAX,
    TRANSACT_ITEMS_MAX,
)
from shared.store import units
from shared.store.items import item_bytes
from shared.store.table import (
    Absent,
    BelowOrAbsent,
    Cancelled,
    Cause,
    Check,
    Delete,
    Guard,
    GuardFailed,
    Is,
    IsOrAbsent,
    Item,
    Key,
    Present,
    Put,
    QueryPage,
    Reason,
    TableName,
    Transacted,
    Update,
    Within,
    Write,
    Written,
)
from shared.store.wire import StoreMetrics
from shared.testing.memory_stream import MemoryStream

PAGE_BYTES_MAX = 1_000_000
NUMBER_BOUND = 10**NUMBER_DIGITS_MAX
KEY_ATTRIBUTES = frozenset(("pk", "sk"))

NOT_TO_BLAME = Reason(Cause.NONE)
OVERFLOWED = Reason(Cause.OVERFLOW)
TRANSACTED = Transacted()
WRITTEN = Written()

Address = tuple[str, str]  # (pk, sk)


# --- Judging and applying -------------------------------------------------------------------------
def guard_holds(guard: Guard, old: Item | None) -> bool:
    """Whether one guard holds of the item that stands there."""
    if isinstance(guard, Absent):
        return old is None
    if isinstance(guard, Present):
        return old is not None
    value = None if old is None else old.get(guard.attribute)
    if isinstance(guard, Within):
        number = 0 if value is None else value
        return isinstance(number, int) and guard.low <= number <= guard.high
    if isinstance(guard, BelowOrAbsent):
        return value is None or (isinstance(value, int) and value < guard.value)
    if value is None:
        return isinstance(guard, IsOrAbsent)
    assert isinstance(guard, Is | IsOrAbsent)
    return value == guard.value


def _fits(number: int) -> bool:
    """Whether DynamoDB can hold the number: it counts the digits before the zeros at the end."""
    if -NUMBER_BOUND < number < NUMBER_BOUND:
        return True
    return len(str(abs(number)).rstrip("0")) <= NUMBER_DIGITS_MAX


def _guards_hold(guards: Iterable[Guard], old: Item | None) -> bool:
    return all(guard_holds(guard, old) for guard in guards)


def _updated(write: Update, old: Item | None) -> Item | None:
    """The item after an Update; None if a number or the item outgrows DynamoDB."""
    new: Item = {"pk": write.key.pk, "sk": write.key.sk} if old is None else old.copy()
    for name, amount in write.add.items():
        before = new.get(name, 0)
        if not isinstance(before, int):
            raise StoreRefused(f"ADD to {name}, which holds no number")
        total = before + amount
        if not _fits(total):
            return None
        new[name] = total
    for name, value in write.set.items():
        new[name] = value
    for name, value in write.set_if_absent.items():
        new.setdefault(name, value)
    return new if item_bytes(new) <= ITEM_BYTES_MAX else None


def _check_numbers(write: Write) -> None:
    values = (
        write.item.values()
        if isinstance(write, Put)
        else (*write.add.values(), *write.set.values(), *write.set_if_absent.values())
        if isinstance(write, Update)
        else ()
    )
    for value in values:
        if isinstance(value, int) and not _fits(value):
            raise StoreRefused("a number has more than 38 digits")


def check_write(write: Write) -> int:
    """Raises StoreRefused for what DynamoDB calls invalid; returns the write's size in bytes."""
    key = write.key
    if not key.pk or not key.sk:
        raise StoreRefused("a key attribute is empty")
    if isinstance(write, Update):
        names = [*write.add, *write.set, *write.set_if_absent]
        if not names or len(set(names)) != len(names) or not KEY_ATTRIBUTES.isdisjoint(names):
            raise StoreRefused("an Update needs attributes, each once, none of the key")
    if isinstance(write, Check) and not write.guards:
        raise StoreRefused("a Check needs guards")
    _check_numbers(write)
    size = units.write_bytes(write)
    if size > ITEM_BYTES_MAX:
        raise StoreRefused("an item is larger than 400 KB")
    return size


def check_batch(writes: Sequence[Write], token: str) -> None:
    """Raises StoreRefused for a batch that DynamoDB calls invalid."""
    if not 1 <= len(writes) <= TRANSACT_ITEMS_MAX:
        raise StoreRefused(f"a batch holds 1 to {TRANSACT_ITEMS_MAX} writes, not {len(writes)}")
    if not 1 <= len(token) <= BATCH_TOKEN_CHARS_MAX:
        raise StoreRefused(f"a token has 1 to {BATCH_TOKEN_CHARS_MAX} characters")
    if sum(check_write(write) for write in writes) > TRANSACT_BYTES_MAX:
        raise StoreRefused("a batch is larger than 4 MB")
    if len({write.key for write in writes}) != len(writes):
        raise StoreRefused("a batch holds two writes of one item")


# --- One table's items ----------------------------------------------------------------------------
class _Items:
    """Items by address, and each partition's sort keys in order."""

    __slots__ = ("_hashed", "by_address", "sorts")

    def __init__(self) -> None:
        self.by_address: dict[Address, Item] = {}
        self.sorts: dict[str, list[str]] = {}
        self._hashed: list[tuple[int, str]] | None = None  # partitions in the order of scans

    def replace(self, address: Address, new: Item | None) -> None:
        """Puts `new` at the address, or nothing."""
        pk, sk = address
        if new is None:
            del self.by_address[address]
            sorts = self.sorts[pk]
            del sorts[bisect_left(sorts, sk)]
            if not sorts:
                del self.sorts[pk]
                self._hashed = None
            return
        if address not in self.by_address:
            known = self.sorts.get(pk)
            if known is None:
                self.sorts[pk] = [sk]
                self._hashed = None
            else:
                insort(known, sk)
        self.by_address[address] = new

    def hashed(self) -> list[tuple[int, str]]:
        """All partitions by hash."""
        if self._hashed is None:
            self._hashed = sorted((crc32(pk.encode()), pk) for pk in self.sorts)
        return self._hashed


def _successor(prefix: str) -> str:
    """The first string after all that begin with `prefix`."""
    assert prefix[-1] < "\U0010ffff"
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class MemoryTable:
    """Both tables in dicts. `stream` receives the changes of `ledger`.

    `stale`: asked at each read that isn't consistent; True shows the item as it was before its
    last write, as DynamoDB may. `page_bytes_max` bounds the pages of query and scan.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        stream: MemoryStream | None = None,
        metrics: StoreMetrics | None = None,
        stale: Callable[[Key], bool] | None = None,
        page_bytes_max: int = PAGE_BYTES_MAX,
    ) -> None:
        self.stream = MemoryStream(clock=clock) if stream is None else stream
        self._clock = clock
        self._metrics = metrics
        self.stale = stale
        self._page_bytes_max = page_bytes_max
        self._tables = {name: _Items() for name in TableName}
        self._previous: dict[Key, Item | None] = {}
        self._tokens: OrderedDict[str, tuple[int, Sequence[Write]]] = OrderedDict()

    def dump(self, table: TableName) -> list[Item]:
        """Every item of a table, by partition and sort key: what auditors read."""
        items = self._tables[table].by_address
        return [items[address].copy() for address in sorted(items)]

    # --- Reads ------------------------------------------------------------------------------------
    def _read(self, key: Key, consistent: bool) -> Item | None:
        if self.stale is not None and not consistent and self.stale(key):
            item = self._previous.get(key)
        else:
            item = self._tables[key.table].by_address.get((key.pk, key.sk))
        return None if item is None else item.copy()

    async def get_many(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item | None]:
        """See Table."""
        if not keys:
            return []
        assert len(set(keys)) == len(keys)
        await asyncio.sleep(0)
        items = [self._read(key, consistent) for key in keys]
        for at in range(0, len(keys), BATCH_GET_KEYS_MAX):
            part = items[at : at + BATCH_GET_KEYS_MAX]
            self._count_read("BatchGetItem", part, consistent)
        return items

    async def get(self, key: Key, *, consistent: bool = False) -> Item | None:
        """See Table."""
        await asyncio.sleep(0)
        item = self._read(key, consistent)
        self._count_read("GetItem", [item], consistent)
        return item

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
        """See Table."""
        assert limit >= 1
        assert not prefix or (low is None and high is None)
        await asyncio.sleep(0)
        sorts = self._tables[table].sorts.get(pk, [])
        begin, end = 0, len(sorts)
        if prefix:
            begin, end = bisect_left(sorts, prefix), bisect_left(sorts, _successor(prefix))
        if low is not None:
            begin = bisect_left(sorts, low)
        if high is not None:
            end = bisect_right(sorts, high)
        if after is not None and forward:
            begin = max(begin, bisect_right(sorts, after))
        elif after is not None:
            end = min(end, bisect_left(sorts, after))
        chosen = sorts[begin:end] if forward else sorts[begin:end][::-1]
        page = self._page(table, ((pk, sk) for sk in chosen), limit, consistent)
        if self._metrics is not None:
            self._metrics.called("Query", "ok", 0, 0)
            self._metrics.consumed(
                "Query", units.page_read_units(page.items, consistent=consistent)
            )
        return page

    async def scan(
        self,
        table: TableName,
        *,
        after: Address | None = None,
        segment: int = 0,
        segments: int = 1,
        limit: int = 1_000,
    ) -> QueryPage:
        """See Table."""
        assert limit >= 1
        assert 0 <= segment < segments
        await asyncio.sleep(0)
        page = self._page(table, self._segment(table, after, segment, segments), limit, True)
        if self._metrics is not None:
            self._metrics.called("Scan", "ok", 0, 0)
            self._metrics.consumed("Scan", units.page_read_units(page.items, consistent=True))
        return page

    def _segment(
        self, table: TableName, after: Address | None, segment: int, segments: int
    ) -> Iterable[Address]:
        """Addresses of one segment, a range of hashes, past `after`."""
        items = self._tables[table]
        hashed = items.hashed()
        begin = bisect_left(hashed, (-(-(segment << 32) // segments), ""))
        end = bisect_left(hashed, (-(-((segment + 1) << 32) // segments), ""))
        if after is not None:
            begin = max(begin, bisect_left(hashed, (crc32(after[0].encode()), after[0])))
        for _, pk in hashed[begin:end]:
            sorts = items.sorts[pk]
            first = bisect_right(sorts, after[1]) if after is not None and pk == after[0] else 0
            for sk in sorts[first:]:
                yield pk, sk

    def _page(
        self, table: TableName, addresses: Iterable[Address], limit: int, consistent: bool
    ) -> QueryPage:
        """Up to `limit` items and about 1 MB. A full page continues, even if nothing follows."""
        items: list[Item] = []
        size = 0
        for pk, sk in addresses:
            item = self._read(Key(table, pk, sk), consistent)
            if item is not None:
                items.append(item)
                size += item_bytes(item)
            if len(items) == limit or size > self._page_bytes_max:
                return QueryPage(items, (pk, sk))
        return QueryPage(items, None)

    # --- Writes -----------------------------------------------------------------------------------
    async def write(self, write: Write) -> Written | GuardFailed:
        """See Table."""
        assert not isinstance(write, Check)
        check_write(write)
        await asyncio.sleep(0)
        operation = f"{type(write).__name__}Item"
        key = write.key
        old = self._tables[key.table].by_address.get((key.pk, key.sk))
        holds = _guards_hold(write.guards, old)
        if holds:
            new = self._after(write, old)
            if new is OVERFLOWED:
                raise StoreRefused(f"{operation}: a number or the item outgrows DynamoDB")
            assert not isinstance(new, Reason)
            self._replace(key, old, new)
        if self._metrics is not None:
            self._metrics.called(
                operation, "ok" if holds else "ConditionalCheckFailedException", 0, 0
            )
            self._metrics.consumed(operation, units.single_write_units(write))
        if holds:
            return WRITTEN
        return GuardFailed(None if old is None else old.copy())

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        """See Table."""
        check_batch(writes, token)
        await asyncio.sleep(0)
        answer = self._transact(writes, token)
        if self._metrics is not None:
            outcome = "ok" if answer is TRANSACTED else "TransactionCanceledException"
            self._metrics.called("TransactWriteItems", outcome, 0, 0)
            self._metrics.consumed("TransactWriteItems", units.write_units(writes))
        return answer

    def _transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        """Judges every guard, then applies every write or none."""
        if self._answered_before(writes, token):
            return TRANSACTED
        reasons: list[Reason] = []
        changes: list[tuple[Key, Item | None, Item | None]] = []
        blamed = False
        for write in writes:
            key = write.key
            old = self._tables[key.table].by_address.get((key.pk, key.sk))
            if not _guards_hold(write.guards, old):
                reasons.append(Reason(Cause.GUARD, None if old is None else old.copy()))
                blamed = True
                continue
            new = self._after(write, old)
            if isinstance(new, Reason):
                reasons.append(new)
                blamed = True
                continue
            reasons.append(NOT_TO_BLAME)
            if not isinstance(write, Check):
                changes.append((key, old, new))
        if blamed:
            return Cancelled(tuple(reasons))
        for change in changes:
            self._replace(*change)
        self._tokens[token] = (self._clock.now_ms(), tuple(writes))
        return TRANSACTED

    def _answered_before(self, writes: Sequence[Write], token: str) -> bool:
        """Whether `token` wrote this batch in the last ten minutes. Raises for another batch."""
        forgotten_ms = self._clock.now_ms() - BATCH_TOKEN_LIFE_MS
        while self._tokens and next(iter(self._tokens.values()))[0] < forgotten_ms:
            self._tokens.popitem(last=False)
        answered = self._tokens.get(token)
        if answered is None:
            return False
        if answered[1] != tuple(writes):
            raise StoreRefused("the token was used for another batch")
        return True

    def _after(self, write: Write, old: Item | None) -> Item | Reason | None:
        """The item after `write`; None when none stands; a Reason when it can't be."""
        if isinstance(write, Put):
            return write.item.copy()
        if isinstance(write, Update):
            new = _updated(write, old)
            return OVERFLOWED if new is None else new
        return None if isinstance(write, Delete) else old

    def _replace(self, key: Key, old: Item | None, new: Item | None) -> None:
        if old == new:  # neither a change nor a stream record
            return
        self._tables[key.table].replace((key.pk, key.sk), new)
        if self.stale is not None:
            self._previous[key] = old
        if key.table is TableName.LEDGER:
            self.stream.append(key.pk, key.sk, old, new)

    def _count_read(self, call: str, items: Sequence[Item | None], consistent: bool) -> None:
        if self._metrics is not None:
            self._metrics.called(call, "ok", 0, 0)
            self._metrics.consumed(call, units.read_units(items, consistent=consistent))
