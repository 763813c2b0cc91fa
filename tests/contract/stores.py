"""The stores that the contract suites run on: the memory twins, and a real DynamoDB."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import pytest

from shared.clock import FixedClock, SystemClock
from shared.settings import Settings
from shared.store.access import Access, resolve_access
from shared.store.dynamo import DynamoTable
from shared.store.dynamo_streams import DynamoStream
from shared.store.provision import provision
from shared.store.streams import Stream
from shared.store.table import Absent, Key, Put, Table, TableName
from shared.store.wire import Wire
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable

NAMES = itertools.count()
STORES = ("memory", pytest.param("dynamodb", marks=pytest.mark.engines))


@dataclass(frozen=True, slots=True)
class Store:
    """A table, its stream, and what was counted of the table's calls."""

    table: Table
    stream: Stream
    metrics: CountingMetrics


def memory_store() -> Store:
    metrics = CountingMetrics()
    table = MemoryTable(clock=FixedClock(), metrics=metrics)
    return Store(table, table.stream, metrics)


@dataclass(frozen=True, slots=True)
class Engine:
    """A DynamoDB with fresh tables, and how it is reached."""

    settings: Settings
    access: Access
    stream_access: Access


def provisioned(endpoint: str, prefix: str) -> Engine:
    """Creates the tables."""
    settings = Settings(dynamodb_endpoint=endpoint, table_prefix=prefix)

    async def prepare() -> Engine:
        await provision(settings)
        return Engine(
            settings,
            await resolve_access(settings),
            await resolve_access(settings, "dynamodbstreams"),
        )

    return asyncio.run(prepare())


@asynccontextmanager
async def dynamodb_store(engine: Engine) -> AsyncIterator[Store]:
    metrics = CountingMetrics()
    clock, rng, prefix = SystemClock(), Random(1), engine.settings.table_prefix
    wire = Wire(engine.access, "dynamodb", clock=clock, rng=rng, metrics=metrics)
    stream_wire = Wire(engine.stream_access, "dynamodbstreams", clock=clock, rng=rng)
    yield Store(
        DynamoTable(wire, prefix=prefix, rng=rng),
        DynamoStream(stream_wire, wire, prefix=prefix),
        metrics,
    )
    await stream_wire.close()
    await wire.close()


def fresh(kind: str = "X") -> str:
    """A partition key that no other test has."""
    return f"{kind}#{next(NAMES)}"


def ledger_key(pk: str, sk: str = ".") -> Key:
    return Key(TableName.LEDGER, pk, sk)


def balance_key(pk: str, sk: str = ".") -> Key:
    return Key(TableName.BALANCES, pk, sk)


def insert(pk: str, **attributes: str | int | bytes) -> Put:
    """A Put into `ledger`, guarded absent."""
    return Put(TableName.LEDGER, {"pk": pk, "sk": ".", **attributes}, (Absent(),))


def token() -> str:
    """A token that no other batch has."""
    return f"token-{next(NAMES)}"
