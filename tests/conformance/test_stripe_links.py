"""A Stripe Link on the real engines: synced from the tests' Stripe, read by the official client."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import CreateLedgerInput, SchemaInput

from connectors.app import opener
from connectors.book import LinkBook
from connectors.links import LinkAdmin, parser, run
from connectors.meters import LinkMeters
from connectors.sealing import Sealer
from connectors.synchroniser import Synchroniser
from loadtests.common.system import System
from shared.clock import SystemClock
from shared.observe import Metrics
from shared.settings import load_settings
from shared.store.dynamo import open_table
from tests.conformance.asking import ask
from tests.conformance.rules import rule
from tests.stripe_server import ACCOUNT, KEY, StripeServer, transaction
from write_service.app import make_write_services

pytestmark = pytest.mark.engines

LINK = """query link($link: LinkMatchInput!) {
  link(link: $link) {
    __typename id name ... on StripeLink { stripeEnv }
    externalAccounts { nodes { externalId name currency { code } } }
  }
}"""
TXS = """query txs($one: TxMatchInput!, $two: TxMatchInput!, $three: TxMatchInput!) {
  gross: tx(tx: $one) { amount posted currency { code } link { __typename id } }
  fee: tx(tx: $two) { amount posted currency { code } link { __typename id } }
  none: tx(tx: $three) { amount }
}"""
SYNC = """mutation sync($link: LinkMatchInput!, $txs: [CustomTxInput!]!) {
  syncCustomTxs(link: $link, txs: $txs) { __typename ... on Error { code message } }
}"""


@asynccontextmanager
async def connecting(system: System, url: str) -> AsyncIterator[tuple[LinkAdmin, Synchroniser]]:
    """The connectors on the system's tables, against Stripe at `url`."""
    more = {"TWOFOLD_STRIPE_URL": url, "TWOFOLD_LINK_SECRET": secrets.token_hex(32)}
    settings = load_settings({**system.environment, **more})
    clock, metrics = SystemClock(), Metrics()
    async with open_table(settings, clock=clock) as table:
        name = secrets.token_hex(8)
        services = make_write_services(
            settings, clock=clock, table=table, metrics=metrics, process_id=name, rng=Random(1)
        )
        book, sealer = LinkBook(table, clock, name), Sealer(settings.link_secret)
        synchroniser = Synchroniser(
            services,
            book,
            opener(settings, services, book, sealer),
            poll_s=settings.link_poll_s,
            jitter=lambda: 0.5,
            meters=LinkMeters(metrics),
        )
        try:
            yield LinkAdmin(services, book, sealer, settings.stripe_url), synchroniser
        finally:
            await services.committer.close()


@rule("guide F.f", "A Native Link's transactions are synced without a call of the API")
@rule("guide F.i", "A balance transaction is two Txs: <id>_gross and <id>_fee")
@rule("guide F.i", "The gross amount and the fee are accounted for independently")
@rule("guide F.i", "Both Txs of a balance transaction are reconciled in one reconcileTx call")
@rule("reference 9 Links", "A Stripe Link says whether it is in livemode or testmode")
@rule("reference 9 Links", "A Custom sync to a native Link is refused")
@pytest.mark.parametrize("client", ["async"], indirect=True)
async def test_stripe_s_balance_transactions_become_two_txs_each(
    client: Any, system: System
) -> None:
    workspace = (await client.get_workspace()).workspace.id
    ik = f"stripe-{uuid4().hex[:8]}"
    given = ["create-stripe", "--workspace", workspace, "--ik", ik, "--name", "Stripe"]
    async with (
        StripeServer().running() as server,
        connecting(system, server.url) as (admin, synchroniser),
    ):
        server.add(transaction(123, 10_000, 320), transaction(124, -5_000, 0, type="payout"))
        await run(parser().parse_args(given), admin, lambda _what, _name: KEY)
        await synchroniser.drain()
        (status,) = [each for each in await admin.status(workspace) if each["ik"] == ik]
    assert (status["status"], status["transactions"]) == ("idle", 2)
    link = (await ask(client, LINK, link={"ik": ik}))["link"]
    external_id = f"{ACCOUNT}_usd"
    assert link == {
        "__typename": "StripeLink",
        "id": link["id"],
        "name": "Stripe",
        "stripeEnv": "testmode",
        "externalAccounts": {
            "nodes": [
                {"externalId": external_id, "name": "Stripe USD", "currency": {"code": "USD"}}
            ]
        },
    }

    account = {"linkId": link["id"], "externalAccountId": external_id}
    names = ("txn_000123_gross", "txn_000123_fee", "txn_000124_fee")
    matches = [{**account, "externalId": each} for each in names]
    found = await ask(client, TXS, **dict(zip(("one", "two", "three"), matches, strict=True)))
    same = {
        "posted": "2023-11-14T22:15:23.000Z",
        "currency": {"code": "USD"},
        "link": {"__typename": "StripeLink", "id": link["id"]},
    }
    assert found == {
        "gross": {"amount": "10000", **same},
        "fee": {"amount": "-320", **same},
        "none": {"amount": "0"},
    }
    mine = {
        "account": {"externalId": external_id},
        "externalId": "txn_000125_gross",
        "amount": "1",
        "posted": "2023-11-14T22:13:20Z",
        "description": "",
    }
    refused = (await ask(client, SYNC, link={"ik": ik}, txs=[mine]))["syncCustomTxs"]
    assert refused["code"] == "bad_request"
    assert "its accounts and Txs come from its own system" in refused["message"]
    await both_are_reconciled_in_one_call(client, ik, link["id"], external_id)


async def both_are_reconciled_in_one_call(
    client: Any, name: str, link_id: str, external_id: str
) -> None:
    """One entry accounts for the gross amount and the fee."""
    document = charge_schema(name, link_id, external_id)
    stored = await client.store_schema(SchemaInput.model_validate(document))
    assert stored.store_schema.typename__ == "StoreSchemaResult", stored.store_schema
    made = await client.create_ledger(name, CreateLedgerInput(name="Stripe"), name)
    assert made.create_ledger.typename__ == "CreateLedgerResult"
    parameters = {"txn": "txn_000123", "user": "ann"}
    result = (await client.reconcile_tx(name, "charge", parameters)).reconcile_tx
    assert result.typename__ == "ReconcileTxResult", result
    assert sorted(line.amount for line in result.lines) == ["-320", "10000", "9680"]
    assert result.entry.posted == "2023-11-14T22:15:23.000Z"
    again = (await client.reconcile_tx(name, "charge", parameters)).reconcile_tx
    assert again.entry.id == result.entry.id


def charge_schema(key: str, link_id: str, external_id: str) -> dict[str, Any]:
    """A user is paid what is left of a charge."""
    linked = {"linkId": link_id, "externalId": external_id}
    return {
        "key": key,
        "chartOfAccounts": {
            "defaultCurrencyMode": "single",
            "defaultCurrency": {"code": "USD"},
            "accounts": [
                {
                    "key": "assets",
                    "type": "asset",
                    "children": [{"key": "stripe", "linkedAccount": linked}],
                },
                {"key": "users", "type": "liability", "template": True},
            ],
        },
        "ledgerEntries": {
            "types": [
                {
                    "type": "charge",
                    "lines": [
                        {
                            "key": part,
                            "account": {"path": "assets/stripe"},
                            "tx": {"externalId": f"{{{{txn}}}}_{part}"},
                        }
                        for part in ("gross", "fee")
                    ]
                    + [{"key": "user", "account": {"path": "users:{{user}}"}}],
                }
            ]
        },
    }
