"""The example's wallet on the in-memory twins: what it refuses itself, and which keys it takes."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from examples.wallet.ledger import WalletLedger
from examples.wallet.setup import LINK_IK, SCHEMA_FILE, STRIPE
from examples.wallet.wallet import WALLET, WalletService
from tests.linking import LinkRig

LEDGER = "wallets"
RECONCILE = """
mutation Reconcile($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) { ... on ReconcileTxResult { isIkReplay entry { id ik } } }
}
"""


class TwinLedger(WalletLedger):
    """The example's ledger without its client."""

    def __init__(self, rig: LinkRig) -> None:
        super().__init__(cast(Any, None), LEDGER)
        self.rig = rig

    async def post_entries(self, entry_type: str, idemp_key: str, **parameters: Any) -> Any:
        texts = {name: str(value) for name, value in parameters.items()}
        more = {"ledger": {"ik": LEDGER}, "type": entry_type, "parameters": texts}
        return await self.rig.add(idemp_key, **more)

    async def reconcile_tx(
        self, external_ref: str, entry_type: str = "ChargeEntry", **parameters: Any
    ) -> Any:
        texts = {"charge_id": external_ref, **parameters}
        entry = {"ledger": {"ik": LEDGER}, "type": entry_type, "parameters": texts}
        return await self.rig.mutate(RECONCILE, entry=entry)

    async def balance(self, path: str) -> int:
        return await self.rig.strong(path, LEDGER)


@pytest.fixture
async def rig() -> AsyncIterator[LinkRig]:
    rig = LinkRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


@pytest.fixture
async def wallet(rig: LinkRig) -> WalletService:
    await rig.link(LINK_IK)
    link = {"ik": LINK_IK}
    await rig.sync_accounts({"externalId": STRIPE, "name": "Balance"}, link=link)
    await rig.store(json.loads(SCHEMA_FILE.read_text()))
    await rig.create(LEDGER, "wallet")
    return WalletService(TwinLedger(rig))


async def test_an_amount_that_is_not_above_zero_is_refused(
    wallet: WalletService, rig: LinkRig
) -> None:
    await wallet.deposit("alice", 10_00, "d1")
    await wallet.deposit("mallory", 1_00, "d2")
    for cents in (-50_00, -1, 0):
        with pytest.raises(ValueError, match=f"1 or more cents, not {cents}"):
            await wallet.transfer("mallory", "alice", cents, "t1")
        with pytest.raises(ValueError, match=f"1 or more cents, not {cents}"):
            await wallet.deposit("mallory", cents, "d3")
    assert await wallet.balance("alice") == 10_00
    assert await wallet.balance("mallory") == 1_00


async def test_deposits_transfers_and_charges_of_one_id_are_three_entries(
    wallet: WalletService, rig: LinkRig
) -> None:
    charge = {"externalId": "ch_1", "amount": "500", "description": "Charge"}
    charge |= {"posted": "2024-06-01T10:00:00Z"}
    await rig.sync({"account": {"externalId": STRIPE}, **charge}, link={"ik": LINK_IK})
    for is_replay in (False, True):
        made = [
            await wallet.reconcile_charge("ch_1", "bob"),
            await wallet.deposit("bob", 5_00, "ch_1"),
            await wallet.transfer("bob", "alice", 2_00, "ch_1"),
        ]
        assert [each["isIkReplay"] for each in made] == [is_replay] * 3
        iks = [each["entry"]["ik"] for each in made]
        assert iks == ["ch_1", "deposit-ch_1", "transfer-ch_1"]
    assert await rig.strong(f"{WALLET}:bob", LEDGER) == 3_00
