"""From settings to a table and its stream: created once, opened, metered."""

import pytest

from shared.clock import SystemClock
from shared.settings import Settings
from shared.store.dynamo import open_table
from shared.store.dynamo_streams import open_stream
from shared.store.provision import provision
from shared.store.table import Put, TableName, Transacted
from shared.testing.counting import CountingMetrics
from tests.contract.stores import fresh, insert, ledger_key, token

pytestmark = pytest.mark.engines


@pytest.fixture
async def settings(module_dynamodb_endpoint: str) -> Settings:
    settings = Settings(dynamodb_endpoint=module_dynamodb_endpoint, table_prefix="opening-")
    await provision(settings)
    return settings


async def test_tables_are_created_once(module_dynamodb_endpoint: str) -> None:
    settings = Settings(dynamodb_endpoint=module_dynamodb_endpoint, table_prefix="once-")
    assert await provision(settings) == ["once-ledger", "once-balances"]
    assert await provision(settings) == []


async def test_what_an_opened_table_writes_an_opened_stream_shows(settings: Settings) -> None:
    pk, clock, metrics = fresh(), SystemClock(), CountingMetrics()
    async with (
        open_table(settings, clock=clock) as table,
        open_stream(settings, clock=clock, metrics=metrics) as stream,
    ):
        assert await table.transact([insert(pk)], token()) == Transacted()
        (shard,) = await stream.shards()
        iterator = await stream.iterator(shard.id, after=None)
        batch = await stream.read(iterator, limit=1_000)
        assert pk in [record.pk for record in batch.records]
    assert metrics.calls == {
        "DescribeTable": 1,
        "DescribeStream": 1,
        "GetShardIterator": 1,
        "GetRecords": 1,
    }


async def test_units_that_dynamodb_reports_are_taken_when_they_are_wanted(
    settings: Settings,
) -> None:
    pk, metrics = fresh(), CountingMetrics(wants_capacity=True)
    async with open_table(settings, clock=SystemClock(), metrics=metrics) as table:
        await table.write(Put(TableName.LEDGER, {"pk": pk, "sk": ".", "b": "x" * 3_000}))
        await table.get(ledger_key(pk))
        await table.get_many([ledger_key(pk)], consistent=True)
        await table.query(TableName.LEDGER, pk)
    assert metrics.units == {"PutItem": 3, "GetItem": 0.5, "BatchGetItem": 1, "Query": 0.5}
