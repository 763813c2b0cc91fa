"""Custom Links, External Accounts and Txs: synced, changed, deleted and read by the official
client.
"""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode, CurrencyMode
from fragment.sdk.input_types import (
    CurrencyMatchInput,
    CustomAccountInput,
    CustomTxInput,
    ExternalAccountMatchInput,
)

from tests.conformance.asking import ask, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

TX = """query tx($tx: TxMatchInput!) {
  tx(tx: $tx) {
    id description amount currency { code } externalId posted date sequence isDeleted deletedAt
    link { id } externalAccount { id externalId }
  }
}"""
ACCOUNT = """query account($match: ExternalAccountMatchInput!) {
  externalAccount(externalAccount: $match) {
    id externalId linkId name currencyMode currency { code } link { __typename id name }
  }
}"""
TXS = """query txs(
  $match: ExternalAccountMatchInput!, $after: String, $first: Int, $before: String
) {
  externalAccount(externalAccount: $match) {
    externalId link { __typename id name }
    txs(after: $after, first: $first, before: $before) {
      nodes { externalId }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}"""
LINK = """query link($link: LinkMatchInput!) {
  link(link: $link) { __typename id name externalAccounts { nodes { externalId name } } }
}"""


def an_ik() -> str:
    return f"link-{uuid4().hex[:12]}"


async def made(client: Any, ik: str, name: str = "Bank") -> Any:
    result = (await client.create_custom_link(name, ik)).create_custom_link
    assert result.typename__ == "CreateCustomLinkResult", getattr(result, "message", result)
    return result


async def bank(client: Any, *accounts: str) -> str:
    """The id of a Link with these accounts in USD."""
    link = (await made(client, an_ik())).link.id
    given = [CustomAccountInput(externalId=each, name=f"Account {each}") for each in accounts]
    result = (await client.sync_custom_accounts(link, given)).sync_custom_accounts
    assert result.typename__ == "SyncCustomAccountsResult", getattr(result, "message", result)
    assert [each.external_id for each in result.accounts] == list(accounts)
    return str(link)


def tx(external_id: str, amount: int = 100, account: str = "one", **more: Any) -> CustomTxInput:
    given = {"posted": "1968-01-01", "description": f"Tx {external_id}", **more}
    match = ExternalAccountMatchInput(externalId=account)
    return CustomTxInput(account=match, externalId=external_id, amount=str(amount), **given)


async def sync(client: Any, link: str, *txs: CustomTxInput) -> Any:
    return (await client.sync_custom_txs(link, list(txs))).sync_custom_txs


async def synced(client: Any, link: str, *txs: CustomTxInput) -> list[Any]:
    result = await sync(client, link, *txs)
    assert result.typename__ == "SyncCustomTxsResult", getattr(result, "message", result)
    return list(result.txs)


async def found(client: Any, **match: str) -> Any:
    return (await ask(client, TX, tx=match))["tx"]


@rule("reference 5 Idempotency", "createCustomLink answers a used ik with the first Link")
@rule("reference 9 Links", "A Link is found by its id and by its ik")
async def test_an_ik_makes_one_custom_link(client: Any) -> None:
    ik = an_ik()
    first, again = await made(client, ik), await made(client, ik, "Another")
    assert (first.is_ik_replay, again.is_ik_replay) == (False, True)
    assert (first.link.id, first.link.name) == (again.link.id, again.link.name)
    assert again.link.name == "Bank"
    for match in ({"id": first.link.id}, {"ik": ik}):
        link = (await ask(client, LINK, link=match))["link"]
        assert (link["__typename"], link["id"], link["name"]) == (
            "CustomLink", first.link.id, "Bank",
        )  # fmt: skip


@rule("reference 5 Idempotency", "syncCustomAccounts creates or renames by externalId in the Link")
@rule("reference 9 Links", "An account's currency is USD unless one, or the mode multi, is given")
@rule("reference 9 Links", "A currency doesn't go with the currency mode multi")
async def test_accounts_are_synced_by_link_id_and_by_link_ik(client: Any) -> None:
    ik = an_ik()
    link = (await made(client, ik)).link.id
    euro = CurrencyMatchInput(code=CurrencyCode.EUR)
    multi = CustomAccountInput(externalId="m", name="M", currencyMode=CurrencyMode.multi)
    one = [CustomAccountInput(externalId="e", name="E", currency=euro), multi]
    first = (await client.sync_custom_accounts(link, one)).sync_custom_accounts
    again = (
        await client.sync_custom_accounts_by_link_ik(
            ik,
            [
                CustomAccountInput(externalId="e", name="Euro"),
                CustomAccountInput(externalId="u", name="U"),
            ],
        )
    ).sync_custom_accounts
    assert again.accounts[0].id == first.accounts[0].id
    currencies = [
        each.currency and each.currency.code for each in (*first.accounts, *again.accounts)
    ]
    assert currencies == [CurrencyCode.EUR, None, CurrencyCode.EUR, CurrencyCode.USD]
    listed = (await ask(client, LINK, link={"ik": ik}))["link"]["externalAccounts"]["nodes"]
    assert {each["externalId"]: each["name"] for each in listed} == {
        "e": "Euro", "m": "M", "u": "U",
    }  # fmt: skip
    for wrong in (
        CustomAccountInput(externalId="e", name="X", currency=CurrencyMatchInput(code="USD")),
        CustomAccountInput(externalId="m", name="X", currencyMode=CurrencyMode.single),
    ):
        refused = (await client.sync_custom_accounts(link, [wrong])).sync_custom_accounts
        assert (refused.typename__, refused.code) == (
            "BadRequestError",
            "external_account_conflict",
        )
    both = CustomAccountInput(
        externalId="x", name="X", currency=euro, currencyMode=CurrencyMode.multi
    )
    refused = (await client.sync_custom_accounts(link, [both])).sync_custom_accounts
    assert refused.code == "invalid_currency"


@rule("guide F.f", "Txs of several accounts of one Link are synced in one call")
@rule("guide F.f", "A Tx is synced once by its externalId in its account; its description follows")
@rule("reference 9 Links", "A Tx's account may be named by its externalId alone")
async def test_txs_are_synced_once_and_their_descriptions_follow(client: Any) -> None:
    link = await bank(client, "one", "two")
    at = "1968-01-01T16:45:00Z"
    first = await synced(
        client, link, tx("t", -100, "one"), tx("t", 100, "two", posted=at), tx("u", 7, "two")
    )
    assert len({each.id for each in first}) == 3
    assert [each.amount for each in first] == ["-100", "100", "7"]
    assert [each.external_account_id for each in first] == ["one", "two", "two"]
    again = await synced(client, link, tx("t", -100, "one", description="Processed ACH batch"))
    assert (again[0].id, again[0].description) == (first[0].id, "Processed ACH batch")
    shown = await found(client, id=first[1].id)
    assert (shown["posted"], shown["date"]) == ("1968-01-01T16:45:00.000Z", "1968-01-01")


@rule("guide F.f", "A Tx's amount and posted timestamp are immutable")
async def test_a_contradicting_sync_is_refused_and_changes_nothing(client: Any) -> None:
    link = await bank(client, "one")
    (first,) = await synced(client, link, tx("t"))
    for wrong, what in (
        (tx("t", 200), "has the amount 100, which can't become 200"),
        (tx("t", posted="1968-01-02"), "which can't become 1968-01-02T00:00:00.000Z"),
    ):
        refused = await sync(client, link, tx("new"), wrong)
        assert (refused.typename__, refused.code) == ("BadRequestError", "tx_conflict")
        assert "txs[1] (t)" in refused.message
        assert what in refused.message
    by = {"externalAccountId": "one", "linkId": link}
    assert await found(client, externalId="new", **by) is None
    assert (await found(client, externalId="t", **by))["id"] == first.id


@rule("guide F.f", "The Txs of one call belong to one Custom Link")
async def test_a_tx_of_another_link_is_refused(client: Any) -> None:
    link, other = await bank(client, "one"), await bank(client, "elsewhere")
    refused = await sync(client, link, tx("a"), tx("b", account="elsewhere"))
    assert refused.code == "external_account_not_found"
    named = tx("b", account="elsewhere")
    named.account = ExternalAccountMatchInput(externalId="elsewhere", linkId=other)
    assert (await sync(client, link, tx("a"), named)).code == "bad_request"
    by = {"externalAccountId": "one", "linkId": link}
    assert await found(client, externalId="a", **by) is None


@rule("reference 4 Limits", "syncCustomTxs and syncCustomAccounts take 100 items a call")
async def test_a_hundred_items_are_synced_in_one_call(client: Any) -> None:
    names = [f"a{at}" for at in range(100)]
    link = await bank(client, *names)
    txs = [tx(f"t{at}", at, name) for at, name in enumerate(names)]
    assert len(await synced(client, link, *txs)) == 100
    assert (await sync(client, link, *txs, tx("more", 1, "a0"))).code == "too_many_items"
    accounts = [CustomAccountInput(externalId=str(at), name="A") for at in range(101)]
    refused = (await client.sync_custom_accounts(link, accounts)).sync_custom_accounts
    assert refused.code == "too_many_items"


@rule("reference 9 Links", "A deleted Tx leaves the lists and is found by its id")
@rule("reference 9 Links", "A deleted externalId that is synced again has a new id and sequence")
async def test_a_deleted_tx_may_come_again(client: Any) -> None:
    link = await bank(client, "one")
    first, kept = await synced(client, link, tx("t"), tx("kept", posted="1967-01-01"))
    result = (await client.delete_custom_txs([first.id])).delete_custom_txs
    assert result.typename__ == "DeleteCustomTxsResult"
    assert [each.tx.id for each in result.txs] == [first.id]
    assert result.txs[0].tx.deleted_at is not None
    gone = await found(client, id=first.id)
    assert (gone["isDeleted"], gone["sequence"]) == (True, 1)
    by = {"externalAccountId": "one", "linkId": link}
    assert await found(client, externalId="t", **by) is None
    await listed(client, link, "one", ["kept"])
    (again,) = await synced(client, link, tx("t", 900))
    assert again.id != first.id
    shown = await found(client, externalId="t", **by)
    assert (shown["id"], shown["sequence"], shown["amount"]) == (again.id, 2, "900")
    assert (await found(client, id=kept.id))["isDeleted"] is False
    await listed(client, link, "one", ["t", "kept"])


async def listed(client: Any, link: str, account: str, wanted: list[str]) -> None:
    async def read() -> list[str]:
        match = {"linkId": link, "externalId": account}
        found = (await ask(client, TXS, match=match))["externalAccount"]["txs"]
        return [node["externalId"] for node in found["nodes"]]

    await eventually(read, wanted)


@rule("guide I.h", "An External Account is found by its id, or by linkId and externalId")
@rule("guide I.i", "A Tx is found by its id, or by its ids at the external system")
async def test_accounts_and_txs_are_looked_up_by_every_key(client: Any) -> None:
    link = await bank(client, "one")
    (made_tx,) = await synced(client, link, tx("t"))
    outside = {"linkId": link, "externalId": "one"}
    account = (await ask(client, ACCOUNT, match=outside))["externalAccount"]
    assert account["link"] == {"__typename": "CustomLink", "id": link, "name": "Bank"}
    by_id = (await ask(client, ACCOUNT, match={"id": account["id"]}))["externalAccount"]
    assert by_id == account
    shown = await found(client, id=made_tx.id)
    assert shown["externalAccount"] == {"id": account["id"], "externalId": "one"}
    assert shown["link"] == {"id": link}
    by_account = {"externalId": "t", "accountId": account["id"]}
    by_link = {"externalId": "t", "externalAccountId": "one", "linkId": link}
    assert await found(client, **by_account) == await found(client, **by_link) == shown
    assert await found(client, **{**by_link, "externalId": "none"}) is None


@rule("guide I.h", "externalAccount.txs lists an account's Txs, page by page")
@rule("reference 10 Lists", "Txs are listed newest posted first")
async def test_an_account_s_txs_are_listed_page_by_page(client: Any) -> None:
    link = await bank(client, "one", "two")
    days = [tx(f"t{day}", day, "one", posted=f"1968-01-{day:02d}") for day in range(1, 6)]
    await synced(client, link, *days, tx("other", 1, "two"))
    await listed(client, link, "one", ["t5", "t4", "t3", "t2", "t1"])
    match = {"linkId": link, "externalId": "one"}

    async def page(**asked: Any) -> tuple[list[str], Any]:
        found = (await ask(client, TXS, match=match, **asked))["externalAccount"]
        assert found["link"]["id"] == link
        return [node["externalId"] for node in found["txs"]["nodes"]], found["txs"]["pageInfo"]

    first, info = await page(first=2)
    assert (first, info["startCursor"]) == (["t5", "t4"], None)
    second, info = await page(first=2, after=info["endCursor"])
    assert second == ["t3", "t2"]
    assert (await page(first=2, before=info["startCursor"]))[0] == first
    third, info = await page(first=2, after=info["endCursor"])
    assert (third, info["endCursor"], info["hasNextPage"]) == (["t1"], None, False)


@rule("reference 5 Idempotency", "Txs that are synced twice at once stand once")
async def test_syncs_at_once_agree(client: Any) -> None:
    link = await bank(client, "one")
    given = [tx(f"t{at}", at) for at in range(50)]
    answers = await asyncio.gather(*[synced(client, link, *given) for _ in range(3)])
    ids = [[each.id for each in answer] for answer in answers]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids[0])) == 50


@rule("guide F.f", "A sync may name the Link by its ik")
async def test_txs_are_synced_by_link_ik(client: Any) -> None:
    ik = an_ik()
    link = (await made(client, ik)).link.id
    await client.sync_custom_accounts(link, [CustomAccountInput(externalId="one", name="One")])
    result = (await client.sync_custom_txs_by_link_ik(ik, [tx("t")])).sync_custom_txs
    assert result.typename__ == "SyncCustomTxsResult", getattr(result, "message", result)
    assert (await synced(client, link, tx("t")))[0].id == result.txs[0].id
    none = (await client.sync_custom_txs_by_link_ik("none", [tx("t")])).sync_custom_txs
    assert none.code == "link_not_found"
