"""The official code generator reads the served SDL and a Schema's operations; what it makes posts.

`twofold gen-graphql` writes the operations of the stored Schema, `/schema.graphql` is the SDL, and
the generated package is used as its own users would.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CustomAccountInput,
    CustomTxInput,
    ExternalAccountMatchInput,
    LedgerEntryTagInput,
    SchemaInput,
)

from loadtests.common.system import System
from tests.conformance.asking import arguments
from tests.conformance.command_line import generated_client, twofold
from tests.conformance.conftest import Awaited
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines


LINKED = {"linkIk": "generated-bank", "linkType": "CustomLink", "externalId": "one"}
TX = {"externalId": "{{tx_id}}"}
ARRIVES = {
    "type": "bank-arrives",
    "lines": [
        {"key": "bank", "account": {"path": "bank"}, "tx": TX},
        {"key": "income", "account": {"path": "income"}, "description": "For {{what}}"},
    ],
}


@pytest.fixture
async def bank(client: Any) -> str:
    """The key of a Schema whose type reconciles, and the ik of its fresh ledger."""
    document = {
        "key": f"generated-{uuid4().hex[:12]}",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [
                {"key": "bank", "type": "asset", "linkedAccount": LINKED},
                {"key": "income", "type": "income"},
            ],
        },
        "ledgerEntries": {"types": [ARRIVES]},
    }
    key = str(document["key"])
    await client.create_custom_link("Bank", LINKED["linkIk"])
    account = CustomAccountInput(externalId="one", name="One")
    await client.sync_custom_accounts_by_link_ik(LINKED["linkIk"], [account])
    stored = await client.store_schema(SchemaInput.model_validate(document))
    assert stored.store_schema.typename__ == "StoreSchemaResult"
    await client.create_ledger(key, CreateLedgerInput(name="Bank"), key)
    return key


@pytest.fixture
def generated(
    client: Any,
    ledger: str,
    bank: str,
    schema: dict[str, Any],
    system: System,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """The generated package, async or sync as the test's client is."""
    queries = tmp_path / "queries"
    queries.mkdir()
    written = ("gen-graphql", "--include-runtime-args", "--output")
    twofold(system.connection, *written, queries / "posts.graphql", "--key", schema["key"])
    twofold(system.connection, *written, queries / "reconciles.graphql", "--key", bank)
    mode = request.node.callspec.params["client"]
    name, is_sync = f"generated_{mode}_client", mode == "sync"
    return generated_client(
        system.connection, queries, tmp_path, name, monkeypatch, is_sync=is_sync
    )


@rule("guide D.c", "The Python code generator runs on the generated queries; its client posts")
@rule("guide D.c", "It reconciles by the operation of a type whose lines carry a Tx")
async def test_a_generated_client_posts(
    generated: ModuleType, ledger: str, bank: str, system: System, request: pytest.FixtureRequest
) -> None:
    made = importlib.import_module(f"{generated.__name__}.client").Client
    told = arguments(system.connection)
    if request.node.callspec.params["client"] == "async":
        async with made(**told) as async_client:
            await check_posting(generated.__name__, async_client, ledger)
            await check_reconciling(async_client, bank)
    else:
        with made(**told) as sync_client:
            await check_posting(generated.__name__, Awaited(sync_client), ledger)
            await check_reconciling(Awaited(sync_client), bank)


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


async def check_reconciling(client: Any, ledger: str) -> None:
    """Reconciles by a generated method; the name tells it from what another test's client did."""
    name = f"tx-{uuid4().hex[:8]}"
    match = ExternalAccountMatchInput(externalId="one")
    tx = CustomTxInput(
        account=match, externalId=name, amount="40", posted="1968-01-01", description="In"
    )
    await client.sync_custom_txs_by_link_ik(LINKED["linkIk"], [tx])
    tags = [LedgerEntryTagInput(key="channel", value="web")]
    answer = await client.reconcile_bank_arrives(
        ledger_ik=ledger, tx_id=name, what="tea", tags=tags
    )
    result = answer.reconcile_tx
    assert result.typename__ == "ReconcileTxResult", result
    assert (result.entry.ik, result.entry.posted) == (name, "1968-01-01T00:00:00.000Z")
    assert [(each.key, each.value) for each in result.entry.tags] == [("channel", "web")]
    assert [(line.account.path, line.amount) for line in result.lines] == [
        ("bank", "40"),
        ("income", "40"),
    ]
