"""Both Txs of a Stripe balance transaction are reconciled by one entry, in a single call."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ledger.links import STRIPE_LINK
from tests.read_rig import WORKSPACE
from tests.reconciling import LEDGER, ReconcileRig, line
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.links import create_link, new_link, sync_accounts, sync_txs
from write_service.planning.links import WantedAccount

ACCOUNT = "acct_1_usd"
POSTED_MS = 1_700_000_000_000


def schema(link_id: str) -> dict[str, Any]:
    """A charge pays a user in full and costs Stripe's fee."""
    stripe = {"linkId": link_id, "externalId": ACCOUNT}
    accounts = [
        {
            "key": "assets",
            "type": "asset",
            "children": [{"key": "stripe", "linkedAccount": stripe}],
        },
        {"key": "users", "type": "liability", "template": True},
        {"key": "fees", "type": "expense"},
    ]
    charge = {
        "type": "charge",
        "lines": [
            line("gross", "assets/stripe", tx="{{txn}}_gross"),
            line("fee", "assets/stripe", tx="{{txn}}_fee"),
            line("user", "users:{{user}}", "{{amount}}"),
            line("cost", "fees"),
        ],
    }
    return {
        "key": "stripe-schema",
        "chartOfAccounts": {
            "defaultCurrencyMode": "single",
            "defaultCurrency": {"code": "USD"},
            "defaultConsistencyConfig": {"ownBalanceUpdates": "strong"},
            "accounts": accounts,
        },
        "ledgerEntries": {"types": [charge]},
    }


@pytest.fixture
async def rig() -> AsyncIterator[ReconcileRig]:
    rig = ReconcileRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


async def charged(rig: ReconcileRig, name: str, gross: int, fee: int, word: str = "Charge") -> None:
    """What a connector writes of one balance transaction."""
    services = rig.services
    link, _ = await create_link(
        services, new_link(services, WORKSPACE, STRIPE_LINK, "stripe", "Stripe", "testmode")
    )
    match = LinkMatch(link.id)
    wanted = [WantedAccount(ACCOUNT, "Stripe USD", "single", "USD")]
    await sync_accounts(services, WORKSPACE, match, wanted, STRIPE_LINK)
    account = ExternalAccountMatch(None, ACCOUNT, None)
    txs = tuple(
        SyncedTx(account, f"{name}_{part}", amount, "USD", f"{word} {part}", POSTED_MS)
        for part, amount in (("gross", gross), ("fee", -fee))
    )
    synced = await sync_txs(services, SyncTxs(WORKSPACE, match, txs, STRIPE_LINK))
    assert not hasattr(synced, "code"), synced
    if name == "txn_1":
        await rig.store(schema(link.id))
        await rig.create(LEDGER["ik"], "stripe-schema")


@pytest.mark.parametrize("fee", [320, 0])
async def test_gross_and_fee_are_accounted_for_by_one_entry(rig: ReconcileRig, fee: int) -> None:
    await charged(rig, "txn_1", 10_000, fee)
    made = await rig.reconciled("charge", txn="txn_1", user="ann", amount="10000")
    assert made["isIkReplay"] is False
    assert made["entry"]["posted"] == "2023-11-14T22:13:20.000Z"
    amounts = {each["key"]: int(each["amount"]) for each in made["lines"]}
    assert amounts == {"gross": 10_000, "fee": -fee, "user": 10_000, "cost": fee}
    again = await rig.reconciled("charge", txn="txn_1", user="ann", amount="10000")
    assert again["isIkReplay"] is True
    assert again["entry"]["id"] == made["entry"]["id"]
    assert await rig.strong("assets/stripe", LEDGER["ik"]) == 10_000 - fee
    assert await rig.strong("fees", LEDGER["ik"]) == fee


async def test_a_tx_that_changed_its_description_since_is_reconciled_all_the_same(
    rig: ReconcileRig,
) -> None:
    await charged(rig, "txn_1", 10_000, 320)
    await rig.reconciled("charge", txn="txn_1", user="ann", amount="10000")
    await charged(rig, "txn_2", 500, 5)
    await charged(rig, "txn_2", 500, 5, "Another")
    await rig.reconciled("charge", txn="txn_2", user="ann", amount="500")
    assert await rig.strong("assets/stripe", LEDGER["ik"]) == 10_000 - 320 + 500 - 5
