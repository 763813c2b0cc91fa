"""What has to be there once: the Schema, the Link to the processor, the ledger."""

import json
from pathlib import Path
from typing import Any

from fragment.sdk.client import Client
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CustomAccountInput,
    CustomTxInput,
    ExternalAccountMatchInput,
    SchemaInput,
)

from examples.wallet.ledger import WalletLedger, accepted

SCHEMA_FILE = Path(__file__).with_name("schema.json")
LINK_IK = "wallet-stripe"  # as the Schema names it
STRIPE = "stripe-balance"


async def open_wallet(client: Client, ledger_ik: str) -> WalletLedger:
    """The ledger of this ik, made if it isn't there. It may be called at every start."""
    await link_processor(client)
    document = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    schema = SchemaInput.model_validate(document)
    accepted((await client.store_schema(schema)).store_schema)
    wanted = CreateLedgerInput(name="Wallets")
    accepted((await client.create_ledger(ledger_ik, wanted, document["key"])).create_ledger)
    return WalletLedger(client, ledger_ik)


async def link_processor(client: Client) -> str:
    """The id of the Link to the processor, with its one account."""
    made = await client.create_custom_link("Stripe", LINK_IK)
    link_id: str = accepted(made.create_custom_link).link.id
    account = CustomAccountInput(externalId=STRIPE, name="Balance")
    accepted((await client.sync_custom_accounts(link_id, [account])).sync_custom_accounts)
    return link_id


async def sync_charge(client: Client, charge_id: str, cents: int, posted: str) -> Any:
    """Tells a charge, as a webhook of the processor would have it done."""
    charge = CustomTxInput(
        account=ExternalAccountMatchInput(externalId=STRIPE),
        externalId=charge_id,
        amount=str(cents),
        description=f"Charge {charge_id}",
        posted=posted,
    )
    link_id = await link_processor(client)
    return accepted((await client.sync_custom_txs(link_id, [charge])).sync_custom_txs)
