"""DynamoDB Streams behind the Stream port: the changes of the `ledger` table.

DescribeTable -> the stream's ARN, once
DescribeStream (pages of 100) -> shards    GetShardIterator -> iterator    GetRecords -> records
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Literal

from shared.clock import Clock
from shared.errors import StoreRefused, StreamTrimmed
from shared.limits import STREAM_RECORDS_MAX, STREAM_SHARD_PAGES_MAX
from shared.settings import Settings
from shared.store.access import resolve_access
from shared.store.definition import LEDGER
from shared.store.expressions import decode_item
from shared.store.streams import Shard, StreamBatch, StreamRecord
from shared.store.wire import Declined, Document, Repeat, StoreMetrics, Wire

KINDS: dict[str, Literal["insert", "modify", "remove"]] = {
    "INSERT": "insert",
    "MODIFY": "modify",
    "REMOVE": "remove",
}


def shard_of(raw: Document) -> Shard:
    """A shard of DescribeStream; it is closed once its sequences have an end."""
    return Shard(
        id=raw["ShardId"],
        parent_id=raw.get("ParentShardId"),
        closed="EndingSequenceNumber" in raw["SequenceNumberRange"],
    )


def record_of(raw: Document) -> StreamRecord:
    """A record of GetRecords."""
    change = raw["dynamodb"]
    old, new = change.get("OldImage"), change.get("NewImage")
    return StreamRecord(
        sequence=change["SequenceNumber"],
        kind=KINDS[raw["eventName"]],
        approximate_created_ms=int(change["ApproximateCreationDateTime"] * 1_000),
        pk=change["Keys"]["pk"]["S"],
        sk=change["Keys"]["sk"]["S"],
        old=None if old is None else decode_item(old),
        new=None if new is None else decode_item(new),
    )


class DynamoStream:
    """Stream on DynamoDB Streams. Both Wires are closed by whoever opened them."""

    __slots__ = ("_arn", "_table_name", "_table_wire", "_wire")

    def __init__(self, wire: Wire, table_wire: Wire, *, prefix: str) -> None:
        self._arn: str | None = None
        self._table_name = LEDGER.name(prefix)
        self._table_wire = table_wire
        self._wire = wire

    async def shards(self) -> list[Shard]:
        """See Stream."""
        body: Document = {"StreamArn": await self._stream_arn()}
        shards: list[Shard] = []
        for _ in range(STREAM_SHARD_PAGES_MAX):
            answer = await self._call("DescribeStream", body)
            description = answer["StreamDescription"]
            shards.extend(shard_of(raw) for raw in description["Shards"])
            last = description.get("LastEvaluatedShardId")
            if last is None:
                return shards
            body["ExclusiveStartShardId"] = last
        raise StoreRefused(f"DescribeStream: more than {STREAM_SHARD_PAGES_MAX} pages of shards")

    async def iterator(self, shard_id: str, *, after: str | None) -> str:
        """See Stream. A shard that is gone raises StreamTrimmed: all its records are too old."""
        body: Document = {"StreamArn": await self._stream_arn(), "ShardId": shard_id}
        if after is None:
            body["ShardIteratorType"] = "TRIM_HORIZON"
        else:
            body["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
            body["SequenceNumber"] = after
        answer = await self._call_shard("GetShardIterator", body)
        iterator: str = answer["ShardIterator"]
        return iterator

    async def read(self, iterator: str, *, limit: int) -> StreamBatch:
        """See Stream."""
        assert 1 <= limit <= STREAM_RECORDS_MAX
        answer = await self._call_shard("GetRecords", {"ShardIterator": iterator, "Limit": limit})
        return StreamBatch(
            records=[record_of(raw) for raw in answer["Records"]],
            iterator=answer.get("NextShardIterator"),
        )

    async def _call(self, operation: str, body: Document) -> Document:
        answer = await self._wire.call(operation, body, Repeat.READ)
        assert not isinstance(answer, Declined)
        return answer

    async def _call_shard(self, operation: str, body: Document) -> Document:
        try:
            return await self._call(operation, body)
        except StoreRefused as refused:
            if "ResourceNotFoundException" in str(refused):
                raise StreamTrimmed(str(refused)) from refused
            raise

    async def _stream_arn(self) -> str:
        if self._arn is None:
            body = {"TableName": self._table_name}
            answer = await self._table_wire.call("DescribeTable", body, Repeat.READ)
            assert not isinstance(answer, Declined)
            arn: str | None = answer["Table"].get("LatestStreamArn")
            if arn is None:
                raise StoreRefused(f"table {self._table_name} has no stream")
            self._arn = arn
        return self._arn


@asynccontextmanager
async def open_stream(
    settings: Settings,
    *,
    clock: Clock,
    metrics: StoreMetrics | None = None,
    rng: Random | None = None,
) -> AsyncIterator[DynamoStream]:
    """A DynamoStream for the block's duration."""
    jitter = Random() if rng is None else rng
    access = await resolve_access(settings, "dynamodbstreams")
    table_access = await resolve_access(settings, "dynamodb")
    wire = Wire(access, "dynamodbstreams", clock=clock, rng=jitter, metrics=metrics)
    table_wire = Wire(table_access, "dynamodb", clock=clock, rng=jitter, metrics=metrics)
    try:
        yield DynamoStream(wire, table_wire, prefix=settings.table_prefix)
    finally:
        await wire.close()
        await table_wire.close()
