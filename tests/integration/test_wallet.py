"""The wallet of the examples, on the engines: safe when retried, at once, and reconciled."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from fragment.sdk.client import Client

from examples.wallet.ledger import Refused
from examples.wallet.setup import open_wallet, sync_charge
from examples.wallet.wallet import WalletService
from loadtests.common.system import System
from tests.conformance.asking import arguments, eventually

pytestmark = pytest.mark.engines

POSTED = "2024-06-01T10:00:00.000Z"
LINES_PER_METHOD_MAX = 6


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with Client(**arguments(system.connection)) as client:
        yield client


@pytest.fixture
async def wallet(client: Client) -> WalletService:
    return WalletService(await open_wallet(client, f"wallet-{uuid4().hex[:12]}"))


def new_id(kind: str) -> str:
    return f"{kind}_{uuid4().hex[:12]}"


async def charges(wallet: WalletService) -> tuple[int, int]:
    """What is at the processor, and what is still to come."""
    ledger = wallet.ledger
    return await ledger.balance("asset/stripe"), await ledger.balance("asset/cash")


def test_a_method_of_the_wallet_is_a_few_lines() -> None:
    for name in ("deposit", "transfer", "reconcile_charge", "history", "balance"):
        lines, _ = inspect.getsourcelines(getattr(WalletService, name))
        code = [line for line in lines if '"""' not in line]
        assert len(code) <= LINES_PER_METHOD_MAX, name


async def test_a_deposit_that_is_sent_again_counts_once(wallet: WalletService) -> None:
    sent = [wallet.deposit("bob", 10_00, "tx-1") for _ in range(5)]
    results = await asyncio.gather(*sent)
    assert len({result.entry.id for result in results}) == 1
    assert sorted(result.is_ik_replay for result in results) == [False, True, True, True, True]
    assert (await wallet.deposit("bob", 10_00, "tx-1")).is_ik_replay
    assert await wallet.balance("bob") == 10_00
    assert len(await wallet.history("bob")) == 1
    changed = await wallet.deposit("bob", 20_00, "tx-1")
    assert (changed.is_ik_replay, changed.entry.id) == (True, results[0].entry.id)
    assert await wallet.balance("bob") == 10_00


async def test_transfers_at_once_never_overdraw_a_wallet(wallet: WalletService) -> None:
    await wallet.deposit("bob", 10_00, "d")
    sent = [wallet.transfer("bob", f"friend-{n}", 3_00, f"t{n}") for n in range(8)]
    outcomes = await asyncio.gather(*sent, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert len(refused) == 5
    assert {each.code for each in refused} == {"conditional_request_failed"}
    assert await wallet.balance("bob") == 1_00
    received = [await wallet.balance(f"friend-{n}") for n in range(8)]
    assert sorted(received) == [0] * 5 + [3_00] * 3
    again = [wallet.transfer("bob", f"friend-{n}", 3_00, f"t{n}") for n in range(8)]
    outcomes = await asyncio.gather(*again, return_exceptions=True)
    assert sum(isinstance(each, Refused) for each in outcomes) == 5
    assert await wallet.balance("bob") == 1_00


async def test_a_charge_is_synced_and_reconciled_once(
    client: Client, wallet: WalletService
) -> None:
    await wallet.deposit("bob", 10_00, "d")
    charge = new_id("ch")
    with pytest.raises(Refused) as refused:
        await wallet.reconcile_charge(charge, "bob")
    assert refused.value.code == "tx_not_found"
    for _ in range(2):
        synced = await sync_charge(client, charge, 10_00, POSTED)
        assert [tx.external_id for tx in synced.txs] == [charge]
    sent = [wallet.reconcile_charge(charge, "bob") for _ in range(5)]
    results = await asyncio.gather(*sent)
    assert len({result.entry.id for result in results}) == 1
    assert {(result.entry.ik, result.entry.posted) for result in results} == {(charge, POSTED)}
    assert await wallet.balance("bob") == 10_00

    async def read() -> tuple[int, int]:
        return await charges(wallet)

    await eventually(read, (10_00, 0))


async def test_a_history_says_what_moved_a_wallet_newest_first(wallet: WalletService) -> None:
    await wallet.deposit("bob", 10_00, "d")
    await wallet.transfer("bob", "alice", 2_50, "t1")
    await wallet.transfer("alice", "bob", 1_00, "t2")
    history = await wallet.history("bob")
    assert [(line.description, line.cents) for line in history] == [
        ("Received from alice", 1_00),
        ("Transfer to alice", -2_50),
        ("Deposit", 10_00),
    ]
    assert [line.posted for line in history] == sorted(
        [line.posted for line in history], reverse=True
    )
    assert await wallet.history("nobody") == []
    assert await wallet.balance("nobody") == 0
