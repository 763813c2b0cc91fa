"""The official client, unmodified, async and sync; and a ledger of its own for each test.

When all have run, everything that they posted and changed is recomputed from the entries.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.client import Client as AsyncClient
from fragment.sdk.input_types import CreateLedgerInput, SchemaInput
from fragment.sync_sdk.client import Client as SyncClient

from loadtests.common.system import System
from tests.conformance.asking import arguments

VERIFY_WAIT_S = 60
SCHEMA_FILE = Path(__file__).with_name("schema.json")


class Awaited:
    """The sync client behind the async one's manners, so that both run the same tests."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client
        self.get_data = client.get_data

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._client, name)

        async def call(*values: Any, **named: Any) -> Any:
            return method(*values, **named)

        return call


@pytest.fixture(scope="session")
def system(system: System) -> Iterator[System]:
    """The session's Twofold, in which nothing differs from the entries in the end."""
    yield system
    said = system.run_module("indexer.verify", "--wait", str(VERIFY_WAIT_S))
    assert said.strip().splitlines()[-1].endswith(" 0 differences"), said


@pytest.fixture(params=["async", "sync"])
async def client(request: pytest.FixtureRequest, system: System) -> AsyncIterator[Any]:
    """The official client: every test runs with both."""
    told = arguments(system.connection)
    if request.param == "async":
        async with AsyncClient(**told) as async_client:
            yield async_client
    else:
        with SyncClient(**told) as sync_client:
            yield Awaited(sync_client)


@pytest.fixture
def schema() -> dict[str, Any]:
    """The tests' Schema document, a fresh copy."""
    document: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return document


@pytest.fixture
async def stored_schema(client: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """That document, stored."""
    stored = await client.store_schema(SchemaInput.model_validate(schema))
    assert stored.store_schema.typename__ == "StoreSchemaResult"
    return schema


@pytest.fixture
async def ledger(client: Any, stored_schema: dict[str, Any]) -> str:
    """The ik of a fresh ledger of that Schema."""
    ik = f"ledger-{uuid4().hex[:12]}"
    made = await client.create_ledger(ik, CreateLedgerInput(name="Tests"), stored_schema["key"])
    assert made.create_ledger.typename__ == "CreateLedgerResult"
    return ik
