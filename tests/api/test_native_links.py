"""Native Links over the API: read like any other, changed by their own system alone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ledger.identifiers import external_account_id
from shared.ledger.links import INCREASE_LINK, STRIPE_LINK, UNIT_LINK
from tests.linking import DELETE_TXS, LinkRig, tx
from tests.read_rig import WORKSPACE
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.links import create_link, new_link, sync_accounts, sync_txs
from write_service.planning.links import WantedAccount

LINK = """query q($link: LinkMatchInput!) { link(link: $link) {
  __typename id name created dashboardUrl externalAccounts { nodes { externalId } }
  ... on StripeLink { stripeEnv } ... on IncreaseLink { increaseEnv } ... on UnitLink { unitEnv }
} }"""


@pytest.fixture
async def rig() -> AsyncIterator[LinkRig]:
    rig = LinkRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


async def native(rig: LinkRig, link_type: str, env: str, ik: str = "native") -> str:
    """A Link of that type with an account, as a connector makes it; its id."""
    services = rig.services
    link, stood = await create_link(
        services, new_link(services, WORKSPACE, link_type, ik, "Native", env)
    )
    assert not stood
    wanted = [WantedAccount("acct_1_usd", "Native USD", "single", "USD")]
    await sync_accounts(services, WORKSPACE, LinkMatch(link.id), wanted, link_type)
    return link.id


async def synced(rig: LinkRig, link_id: str) -> list[Any]:
    account = ExternalAccountMatch(None, "acct_1_usd", None)
    txs = tuple(
        SyncedTx(account, name, amount, "USD", name, 1_000)
        for name, amount in (("txn_1_gross", 100), ("txn_1_fee", -3))
    )
    answer = await sync_txs(rig.services, SyncTxs(WORKSPACE, LinkMatch(link_id), txs, STRIPE_LINK))
    assert not hasattr(answer, "code"), answer
    return list(answer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "link_type, field, env",
    [
        (STRIPE_LINK, "stripeEnv", "livemode"),
        (STRIPE_LINK, "stripeEnv", "testmode"),
        (INCREASE_LINK, "increaseEnv", "sandbox"),
        (UNIT_LINK, "unitEnv", "production"),
    ],
)
async def test_a_native_link_is_read_with_its_side_of_the_system(
    rig: LinkRig, link_type: str, field: str, env: str
) -> None:
    link_id = await native(rig, link_type, env)
    rig.restart()
    for match in ({"id": link_id}, {"ik": "native"}):
        found = (await rig.ask(LINK, link=match)).data["link"]
        assert found.pop("dashboardUrl").endswith(f"/links/{link_id}")
        assert found == {
            "__typename": link_type,
            "id": link_id,
            "name": "Native",
            "created": "2023-11-14T22:13:20.000Z",
            "externalAccounts": {"nodes": [{"externalId": "acct_1_usd"}]},
            field: env,
        }
    listed = await rig.ask("{ links { nodes { __typename name } } }")
    assert listed.data["links"]["nodes"] == [{"__typename": link_type, "name": "Native"}]


async def test_custom_mutations_on_a_native_link_are_refused_and_change_nothing(
    rig: LinkRig,
) -> None:
    link_id = await native(rig, STRIPE_LINK, "testmode")
    txs = await synced(rig, link_id)
    stored = rig.stored()
    for warm in (True, False):
        if not warm:
            rig.restart()
        link = {"id": link_id}
        detail = "The Link is a StripeLink: its accounts and Txs come from its own system."
        for result in (
            await rig.sync_accounts({"externalId": "acct_1_usd", "name": "Mine"}, link=link),
            await rig.sync_accounts({"externalId": "new", "name": "New"}, link=link),
            await rig.sync(tx("txn_9_gross", 5, "acct_1_usd"), link=link),
            await rig.sync(tx("txn_1_gross", 100, "acct_1_usd"), link=link),
        ):
            assert (result["code"], result["message"]) == ("bad_request", detail)
        refused = await rig.mutate(DELETE_TXS, txs=[txs[0].id])
        assert refused["code"] == "bad_request"
        assert "The Txs of a StripeLink come from its own system" in refused["message"]
        assert rig.stored() == stored


async def test_an_ik_of_a_native_link_makes_no_custom_one(rig: LinkRig) -> None:
    link_id = await native(rig, STRIPE_LINK, "testmode", ik="bank")
    document = """mutation m { createCustomLink(ik: "bank", name: "Bank") {
      __typename ... on CreateCustomLinkResult { isIkReplay link { id } }
      ... on Error { code message }
    } }"""
    result = await rig.mutate(document)
    assert result["code"] == "ik_conflict"
    assert link_id not in result["message"]
    found = (await rig.ask(LINK, link={"ik": "bank"})).data["link"]
    assert found["__typename"] == STRIPE_LINK


async def test_a_native_link_s_txs_are_read_as_any(rig: LinkRig) -> None:
    link_id = await native(rig, STRIPE_LINK, "testmode")
    gross, fee = await synced(rig, link_id)
    account = external_account_id(link_id, "acct_1_usd")
    query = """query q($tx: TxMatchInput!) { tx(tx: $tx) {
      id amount currency { code } externalAccountId link { __typename id }
    } }"""
    for made, amount in ((gross, "100"), (fee, "-3")):
        found = await rig.ask(query, tx={"externalId": made.external_id, "accountId": account})
        assert found.data["tx"] == {
            "id": made.id,
            "amount": amount,
            "currency": {"code": "USD"},
            "externalAccountId": "acct_1_usd",
            "link": {"__typename": STRIPE_LINK, "id": link_id},
        }
