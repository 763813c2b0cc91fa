"""The official code generator reads the served SDL and a Schema's operations; what it makes posts.

`twofold gen-graphql` writes the operations of the stored Schema, `/schema.graphql` is the SDL, and
the generated package is used as its own users would.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loadtests.common.system import System
from tests.conformance.asking import arguments
from tests.conformance.command_line import generated_client, twofold
from tests.conformance.conftest import Awaited
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines


@pytest.fixture
def generated(
    client: Any,
    ledger: str,
    schema: dict[str, Any],
    system: System,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """The generated package, async or sync as the test's client is."""
    queries = tmp_path / "queries"
    queries.mkdir()
    twofold(
        system.connection,
        *("gen-graphql", "--key", schema["key"], "--include-runtime-args"),
        *("--output", queries / "queries.graphql"),
    )
    mode = request.node.callspec.params["client"]
    name, is_sync = f"generated_{mode}_client", mode == "sync"
    return generated_client(
        system.connection, queries, tmp_path, name, monkeypatch, is_sync=is_sync
    )


@rule("guide D.c", "The Python code generator runs on the generated queries; its client posts")
async def test_a_generated_client_posts(
    generated: ModuleType, ledger: str, system: System, request: pytest.FixtureRequest
) -> None:
    made = importlib.import_module(f"{generated.__name__}.client").Client
    told = arguments(system.connection)
    if request.node.callspec.params["client"] == "async":
        async with made(**told) as async_client:
            await check_posting(generated.__name__, async_client, ledger)
    else:
        with made(**told) as sync_client:
            await check_posting(generated.__name__, Awaited(sync_client), ledger)


async def check_posting(package: str, client: Any, ledger: str) -> None:
    """Posts by generated methods and typed entries of `package`."""
    inputs = importlib.import_module(f"{package}.input_types")
    typed = importlib.import_module(f"{package}.typed_entries")

    tag = inputs.LedgerEntryTagInput(key="channel", value="web")
    answer = await client.post_deposit(
        ik="d1",
        ledger_ik=ledger,
        posted="2024-03-05T07:00:00Z",
        tags=[tag],
        user="ann",
        amount="1000",
        fee="25",
    )
    result = answer.add_ledger_entry
    assert result.typename__ == "AddLedgerEntryResult", result
    assert (result.is_ik_replay, result.entry.ik, result.entry.type_) == (False, "d1", "deposit")
    assert result.entry.ledger.ik == ledger
    assert result.entry.posted == "2024-03-05T07:00:00.000Z"
    assert [(each.key, each.value) for each in result.entry.tags] == [
        ("user", "ann"),
        ("channel", "web"),
    ]
    assert [(line.key, line.account.path, line.amount) for line in result.lines] == [
        ("bank", "assets/bank", "1000"),
        ("user", "liabilities/users:ann/available", "975"),
        ("fee", "income/fees", "25"),
    ]

    second = await client.post_deposit_v_2(ik="d2", ledger_ik=ledger, user="ann", amount="500")
    assert [line.amount for line in second.add_ledger_entry.lines] == ["500", "500"]

    batch = [
        typed.DepositV2(ik="d3", ledger_ik=ledger, user="bob", amount="300"),
        typed.HoldV1(ik="h1", ledger_ik=ledger, user="bob", amount="200"),
    ]
    posted = (await client.add_ledger_entries(entries=batch)).add_ledger_entries
    assert [[line.amount for line in each.lines] for each in posted.results] == [
        ["300", "300"],
        ["-200", "200"],
    ]

    refused = await client.post_hold(ik="h2", ledger_ik=ledger, user="bob", amount="101")
    assert refused.add_ledger_entry.typename__ == "BadRequestError"
    assert refused.add_ledger_entry.code == "conditional_request_failed"
    found = await client.get_ledger_entry(ik="h2", ledger_ik=ledger)
    assert found.ledger_entry is None
