"""The stores that the contract suites run on: the memory twins always, a real DynamoDB where there is one."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import pytest

from shared.clock import FixedClock, SystemClock
from shared.settings import Settings
from shared.store.dynamo import open_table
from shared.store.dynamo_streams import open_stream
from shared.store.provision import provision
from shared.store.streams import Stream
from shared.store.table import Absent, Key, Put, Table, TableName
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


def dynamodb_settings(endpoint: str, prefix: str) -> Settings:
    """Settings of a DynamoDB with fresh tables."""
    settings = Settings(dynamodb_endpoint=endpoint, table_prefix=prefix)
    asyncio.run(provision(settings))
    return settings


@asynccontextmanager
async def dynamodb_store(settings: Settings) -> AsyncIterator[Store]:
    metrics = CountingMetrics()
    clock = SystemClock()
    async with (
        open_table(settings, clock=clock, metrics=metrics, rng=Random(1)) as table,
        open_stream(settings, clock=clock, rng=Random(1)) as stream,
    ):
        yield Store(table, stream, metrics)


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
