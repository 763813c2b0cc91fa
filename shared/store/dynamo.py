"""DynamoDB behind the Table port, through the thin client of wire.py.

Write -> expressions.py -> TransactItems -> Wire.call -> Transacted | Cancelled(reasons)
Key   -> BatchGetItem (100 keys each, UnprocessedKeys again) -> decode_item -> Item | None
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from shared.clock import Clock
from shared.errors import StoreRefused, StoreTimeout, StoreUnavailable
from shared.limits import (
    BATCH_GET_KEYS_MAX,
    BATCH_GET_ROUNDS_MAX,
    BATCH_TOKEN_CHARS_MAX,
    TRANSACT_ITEMS_MAX,
)
from shared.settings import Settings
from shared.store import units
from shared.store.access import resolve_access
from shared.store.definition import TABLES
from shared.store.expressions import (
    decode_item,
    delete_body,
    encode_key,
    put_body,
    transact_item,
    update_body,
)
from shared.store.table import (
    Cancelled,
    Cause,
    Check,
    Delete,
    GuardFailed,
    Item,
    Key,
    Put,
    QueryPage,
    Reason,
    TableName,
    Transacted,
    Update,
    Write,
    Written,
)
from shared.store.wire import Declined, Document, Repeat, StoreMetrics, Wire, backoff_ms

# Codes of CancellationReasons. One that isn't documented is taken as passing: nothing was written.
CAUSES: dict[str, Cause] = {
    "None": Cause.NONE,
    "ConditionalCheckFailed": Cause.GUARD,
    "TransactionConflict": Cause.CONFLICT,
    "ProvisionedThroughputExceeded": Cause.THROTTLED,
    "ThrottlingError": Cause.THROTTLED,
    "ItemCollectionSizeLimitExceeded": Cause.OVERFLOW,
    "ValidationError": Cause.OVERFLOW,
}
# A ValidationError that isn't an overflow: an ADD to what is no number, a SET of a key.
MISTAKES = ("incorrect data type", "type mismatch", "Cannot update attribute")
# DynamoDB Local refuses the whole batch for a number that grows past 38 digits, without reasons.
OVERFLOW_REFUSAL = "only supports precision up to 38 digits"

TRANSACTED = Transacted()
WRITTEN = Written()


# --- Answers --------------------------------------------------------------------------------------
def reasons_of(raw: Sequence[Document]) -> tuple[Reason, ...]:
    """CancellationReasons as values. Raises StoreRefused if one of them is our mistake."""
    reasons = []
    for one in raw:
        cause = CAUSES.get(one.get("Code", "None"), Cause.THROTTLED)
        if cause is Cause.OVERFLOW:
            message = one.get("Message") or ""
            if any(mistake in message for mistake in MISTAKES):
                raise StoreRefused(f"TransactWriteItems: {message}")
        old = one.get("Item")
        reasons.append(Reason(cause, decode_item(old) if old else None))
    return tuple(reasons)


def _overflow_reasons(writes: Iterable[Write]) -> tuple[Reason, ...]:
    """Which write overflowed isn't known: every one that adds may have."""
    adds = (isinstance(write, Update) and bool(write.add) for write in writes)
    return tuple(Reason(Cause.OVERFLOW if each else Cause.NONE) for each in adds)


def stands(write: Write, old: Item | None) -> bool:
    """Whether the item is as `write` leaves it: then an earlier sending of the write did it."""
    if isinstance(write, Put):
        return old == write.item
    if isinstance(write, Delete):
        return old is None
    if isinstance(write, Check) or old is None or write.add:
        return False
    wanted = {**write.set_if_absent, **write.set}
    return all(old.get(name) == value for name, value in wanted.items())


def _consumed(answer: Document) -> float | None:
    """Units that DynamoDB says it took; None if it wasn't asked."""
    reported = answer.get("ConsumedCapacity")
    if reported is None:
        return None
    if isinstance(reported, dict):
        reported = [reported]
    total: float = sum(one["CapacityUnits"] for one in reported)
    return total


# --- Queries --------------------------------------------------------------------------------------
def _key_condition(
    pk: str, prefix: str, low: str | None, high: str | None
) -> tuple[str, dict[str, dict[str, str]]]:
    values = {":p": {"S": pk}}
    if prefix:
        values[":s"] = {"S": prefix}
        return "pk = :p AND begins_with(sk, :s)", values
    if low is not None:
        values[":l"] = {"S": low}
    if high is not None:
        values[":h"] = {"S": high}
    if low is not None and high is not None:
        return "pk = :p AND sk BETWEEN :l AND :h", values
    if low is not None:
        return "pk = :p AND sk >= :l", values
    if high is not None:
        return "pk = :p AND sk <= :h", values
    return "pk = :p", values


def start_within(
    after: str | None, prefix: str, low: str | None, high: str | None, forward: bool
) -> tuple[str | None, bool]:
    """The start key to send, and whether anything can come.

    DynamoDB refuses a start outside the range, and at its far end.
    """
    if low is not None and high is not None and low > high:
        return None, False
    if after is None:
        return None, True
    if after < (prefix or low or ""):
        return None, forward
    if prefix and not after.startswith(prefix):
        return None, not forward
    if high is not None and after >= high and (forward or after > high):
        return None, not forward
    if after == low and not forward:
        return None, False
    return after, True


def _page(answer: Document) -> QueryPage:
    last = answer.get("LastEvaluatedKey")
    return QueryPage(
        [decode_item(raw) for raw in answer["Items"]],
        None if last is None else (last["pk"]["S"], last["sk"]["S"]),
    )


# --- The table ------------------------------------------------------------------------------------
class DynamoTable:
    """Table on DynamoDB. One for a process; its Wire is closed by whoever opened it."""

    __slots__ = ("_metrics", "_names", "_rng", "_tables", "_wire")

    def __init__(self, wire: Wire, *, prefix: str, rng: Random) -> None:
        self._names = {definition.table: definition.name(prefix) for definition in TABLES}
        self._tables = {name: table for table, name in self._names.items()}
        self._metrics = wire.metrics
        self._rng = rng
        self._wire = wire

    async def get_many(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item | None]:
        """See Table. Several hundred keys go out at once."""
        if not keys:
            return []
        found: dict[Key, Item | None] = dict.fromkeys(keys)
        assert len(found) == len(keys)
        if len(keys) <= BATCH_GET_KEYS_MAX:
            await self._get_batch(keys, consistent, found)
        else:
            parts = range(0, len(keys), BATCH_GET_KEYS_MAX)
            await asyncio.gather(
                *(
                    self._get_batch(keys[at : at + BATCH_GET_KEYS_MAX], consistent, found)
                    for at in parts
                )
            )
        return list(found.values())

    async def _get_batch(
        self, keys: Sequence[Key], consistent: bool, found: dict[Key, Item | None]
    ) -> None:
        """Fills `found` with the items of up to 100 keys."""
        wanted: dict[str, Any] = {}
        for key in keys:
            name = self._names[key[0]]
            if name not in wanted:
                wanted[name] = {"Keys": [], "ConsistentRead": consistent}
            wanted[name]["Keys"].append(encode_key(key))
        left, stalls = len(keys), 0
        for _ in range(BATCH_GET_ROUNDS_MAX):
            answer = await self._read("BatchGetItem", {"RequestItems": wanted})
            items: list[Item | None] = []
            for name, raws in answer["Responses"].items():
                table = self._tables[name]
                for raw in raws:
                    item = decode_item(raw)
                    found[Key(table, raw["pk"]["S"], raw["sk"]["S"])] = item
                    items.append(item)
            wanted = answer.get("UnprocessedKeys") or {}
            unprocessed = sum(len(one["Keys"]) for one in wanted.values())
            if self._metrics is not None:
                items += [None] * (left - unprocessed - len(items))
                computed = units.read_units(items, consistent=consistent)
                self._count("BatchGetItem", answer, computed)
            if not unprocessed:
                return
            stalls = stalls + 1 if unprocessed == left else 0
            left = unprocessed
            await asyncio.sleep(backoff_ms(stalls + 1, self._rng) / 1_000)
        raise StoreUnavailable(f"BatchGetItem: {left} keys stay unprocessed")

    async def get(self, key: Key, *, consistent: bool = False) -> Item | None:
        """See Table."""
        body = {
            "TableName": self._names[key[0]],
            "Key": encode_key(key),
            "ConsistentRead": consistent,
        }
        answer = await self._read("GetItem", body)
        raw = answer.get("Item")
        item = None if raw is None else decode_item(raw)
        if self._metrics is not None:
            self._count("GetItem", answer, units.read_units([item], consistent=consistent))
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
        start, possible = start_within(after, prefix, low, high, forward)
        if not possible:
            return QueryPage([], None)
        condition, values = _key_condition(pk, prefix, low, high)
        body: Document = {
            "TableName": self._names[table],
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "Limit": limit,
            "ScanIndexForward": forward,
            "ConsistentRead": consistent,
        }
        if start is not None:
            body["ExclusiveStartKey"] = {"pk": {"S": pk}, "sk": {"S": start}}
        answer = await self._read("Query", body)
        page = _page(answer)
        if self._metrics is not None:
            computed = units.page_read_units(page.items, consistent=consistent)
            self._count("Query", answer, computed)
        return page

    async def scan(
        self,
        table: TableName,
        *,
        after: tuple[str, str] | None = None,
        segment: int = 0,
        segments: int = 1,
        limit: int = 1_000,
    ) -> QueryPage:
        """See Table."""
        assert limit >= 1
        assert 0 <= segment < segments
        body: Document = {
            "TableName": self._names[table],
            "Segment": segment,
            "TotalSegments": segments,
            "Limit": limit,
            "ConsistentRead": True,
        }
        if after is not None:
            body["ExclusiveStartKey"] = {"pk": {"S": after[0]}, "sk": {"S": after[1]}}
        answer = await self._read("Scan", body)
        page = _page(answer)
        if self._metrics is not None:
            self._count("Scan", answer, units.page_read_units(page.items, consistent=True))
        return page

    async def write(self, write: Write) -> Written | GuardFailed:
        """See Table. A lost answer to an `add` is StoreTimeout at once: a second sending could add
        twice.

        Everything else is sent again. If a guard then fails, the item that stands tells whether
        the first sending wrote it; when it doesn't, StoreTimeout.
        """
        operation, body = self._single(write)
        adds = isinstance(write, Update) and bool(write.add)
        self._ask_capacity(body)
        answer = await self._wire.call(operation, body, Repeat.NEVER if adds else Repeat.SAFE)
        if isinstance(answer, Declined):
            if self._metrics is not None:
                self._metrics.consumed(operation, units.single_write_units(write))
            raw = answer.body.get("Item")
            old = decode_item(raw) if raw else None
            if not answer.uncertain:
                return GuardFailed(old)
            if stands(write, old):
                return WRITTEN
            raise StoreTimeout(f"{operation}: an earlier sending may have written")
        if self._metrics is not None:
            self._count(operation, answer, units.single_write_units(write))
        return WRITTEN

    def _single(self, write: Write) -> tuple[str, Document]:
        assert not isinstance(write, Check)
        if isinstance(write, Put):
            return "PutItem", put_body(write, self._names[write.table])
        name = self._names[write.key.table]
        if isinstance(write, Update):
            return "UpdateItem", update_body(write, name)
        return "DeleteItem", delete_body(write, name)

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        """See Table. Every sending carries `token`: a batch that was written answers so again."""
        assert 1 <= len(writes) <= TRANSACT_ITEMS_MAX
        assert 1 <= len(token) <= BATCH_TOKEN_CHARS_MAX
        names = self._names
        body: Document = {
            "TransactItems": [transact_item(write, names) for write in writes],
            "ClientRequestToken": token,
        }
        self._ask_capacity(body)
        try:
            answer = await self._wire.call("TransactWriteItems", body, Repeat.SAFE)
        except StoreRefused as refused:
            if OVERFLOW_REFUSAL not in str(refused):
                raise
            return Cancelled(_overflow_reasons(writes))
        if self._metrics is not None:
            known = answer.body if isinstance(answer, Declined) else answer
            self._count("TransactWriteItems", known, units.write_units(writes))
        if isinstance(answer, Declined):
            reasons = reasons_of(answer.body["CancellationReasons"])
            assert len(reasons) == len(writes)
            return Cancelled(reasons)
        return TRANSACTED

    async def _read(self, operation: str, body: Document) -> Document:
        self._ask_capacity(body)
        answer = await self._wire.call(operation, body, Repeat.READ)
        assert not isinstance(answer, Declined)
        return answer

    def _ask_capacity(self, body: Document) -> None:
        if self._metrics is not None and self._metrics.wants_capacity:
            body["ReturnConsumedCapacity"] = "TOTAL"

    def _count(self, operation: str, answer: Document, computed: float) -> None:
        """Tells the metrics the units that DynamoDB reported, else those that were computed."""
        assert self._metrics is not None
        reported = _consumed(answer)
        self._metrics.consumed(operation, computed if reported is None else reported)


@asynccontextmanager
async def open_table(
    settings: Settings,
    *,
    clock: Clock,
    metrics: StoreMetrics | None = None,
    rng: Random | None = None,
) -> AsyncIterator[DynamoTable]:
    """A DynamoTable for the block's duration. `rng` draws the jitter (default: a fresh one)."""
    jitter = Random() if rng is None else rng
    wire = Wire(
        await resolve_access(settings), "dynamodb", clock=clock, rng=jitter, metrics=metrics
    )
    try:
        yield DynamoTable(wire, prefix=settings.table_prefix, rng=jitter)
    finally:
        await wire.close()
