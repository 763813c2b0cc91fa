"""Links, External Accounts and Txs on the in-memory twins: synced, changed, deleted, read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from read_service import links
from shared.ledger.amounts import INT96_MAX
from shared.limits import TXS_PER_SYNC_MAX
from shared.store import keys
from shared.store.table import Update
from tests.linking import (
    BANK,
    CREATE_LINK,
    GET_ACCOUNT,
    GET_TX,
    LIST_TXS,
    LinkRig,
    tx,
)
from tests.read_rig import OTHER_WORKSPACE

USD = {"code": "USD", "customCurrencyId": None}


@pytest.fixture
async def rig() -> AsyncIterator[LinkRig]:
    rig = LinkRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


async def forget(rig: LinkRig) -> None:
    """Another process goes on, which knows the API client alone."""
    rig.restart()
    await rig.ask("{ __typename }")


# --- Links ----------------------------------------------------------------------------------------
async def test_an_ik_makes_one_link(rig: LinkRig) -> None:
    first = await rig.mutate(CREATE_LINK, ik="bank", name="First Bank")
    again = await rig.mutate(CREATE_LINK, ik="bank", name="Another")
    assert first["__typename"] == "CreateCustomLinkResult"
    assert (first["isIkReplay"], again["isIkReplay"]) == (False, True)
    assert again["link"] == first["link"]
    assert first["link"]["__typename"] == "CustomLink"
    assert first["link"]["name"] == "First Bank"
    assert first["link"]["created"] == "2023-11-14T22:13:20.000Z"
    assert first["link"]["dashboardUrl"].endswith(f"/links/{first['link']['id']}")


async def test_two_creations_at_once_make_one_link(rig: LinkRig) -> None:
    answers = await asyncio.gather(*[rig.mutate(CREATE_LINK, ik="b", name=n) for n in "xyz"])
    assert len({answer["link"]["id"] for answer in answers}) == 1
    assert sorted(answer["isIkReplay"] for answer in answers) == [False, True, True]


async def test_a_link_is_found_by_id_and_by_ik_and_refused_where_there_is_none(
    rig: LinkRig,
) -> None:
    made = await rig.link()
    query = "query q($link: LinkMatchInput!) { link(link: $link) { __typename id name } }"
    shown = {"__typename": "CustomLink", "id": made["id"], "name": "Link bank"}
    for match in ({"id": made["id"]}, BANK, {"id": made["id"], "ik": "bank"}):
        assert (await rig.ask(query, link=match)).data == {"link": shown}
    for match in ({"ik": "none"}, {"id": "none"}, {"id": made["id"], "ik": "none"}):
        answer = await rig.ask(query, link=match)
        assert [code for code, _ in answer.refusals] == ["link_not_found"]
    assert [code for code, _ in (await rig.ask(query, link={})).refusals] == ["invalid_match"]


async def test_links_are_listed_the_newest_first(rig: LinkRig) -> None:
    for ik in "abc":
        await rig.link(ik)
        rig.clock.advance(5)
    await rig.link("elsewhere", OTHER_WORKSPACE)
    answer = await rig.ask("{ links { nodes { name } pageInfo { hasNextPage startCursor } } }")
    assert [node["name"] for node in answer.data["links"]["nodes"]] == [
        "Link c",
        "Link b",
        "Link a",
    ]
    assert answer.data["links"]["pageInfo"] == {"hasNextPage": False, "startCursor": None}
    assert rig.calls == {"Query": 1}


async def test_a_list_without_pages_says_that_it_is_cut(
    rig: LinkRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "LINKS_SHOWN_MAX", 3)
    for ik, count, more in (("a", 1, False), ("b", 2, False), ("c", 3, False), ("d", 3, True)):
        await rig.link(ik)
        listed = (await rig.ask("{ links { nodes { id } pageInfo { hasNextPage } } }")).data[
            "links"
        ]
        assert (len(listed["nodes"]), listed["pageInfo"]["hasNextPage"]) == (count, more)


# --- External Accounts ----------------------------------------------------------------------------
async def test_accounts_are_created_and_renamed_by_external_id(rig: LinkRig) -> None:
    link = await rig.link()
    one = {"externalId": "one", "name": "One"}
    euro = {"externalId": "euro", "name": "Euro", "currency": {"code": "EUR"}}
    many = {"externalId": "many", "name": "Many", "currencyMode": "multi"}
    synced = (await rig.sync_accounts(one, euro, many))["accounts"]
    assert [each["externalId"] for each in synced] == ["one", "euro", "many"]
    assert [each["currencyMode"] for each in synced] == ["single", "single", "multi"]
    assert [each["currency"] and each["currency"]["code"] for each in synced] == [
        "USD",
        "EUR",
        None,
    ]
    assert {each["linkId"] for each in synced} == {link["id"]}
    again = await rig.sync_accounts({**euro, "name": "Renamed"}, link={"id": link["id"]})
    assert again["accounts"] == [{**synced[1], "name": "Renamed"}]
    unsaid = await rig.sync_accounts({"externalId": "euro", "name": "Again"})
    assert unsaid["accounts"] == [{**synced[1], "name": "Again"}]


async def test_what_an_account_holds_never_changes(rig: LinkRig) -> None:
    await rig.link()
    await rig.sync_accounts(
        {"externalId": "euro", "name": "Euro", "currency": {"code": "EUR"}},
        {"externalId": "many", "name": "Many", "currencyMode": "multi"},
    )
    stored = rig.stored()
    refused = await rig.sync_accounts(
        {"externalId": "new", "name": "New"},
        {"externalId": "euro", "name": "X", "currency": {"code": "USD"}},
        {"externalId": "many", "name": "X", "currency": {"code": "USD"}},
    )
    assert refused["code"] == "external_account_conflict"
    assert "accounts[1] (euro) has the currency EUR, which can't become USD" in refused["message"]
    assert "accounts[2] (many) has the currency mode multi" in refused["message"]
    assert rig.stored() == stored
    found = await rig.ask("{ links { nodes { externalAccounts { nodes { name } } } } }")
    names = [node["name"] for node in found.data["links"]["nodes"][0]["externalAccounts"]["nodes"]]
    assert sorted(names) == ["Euro", "Many"]


async def test_accounts_that_can_t_be_are_refused(rig: LinkRig) -> None:
    await rig.link()
    stored = rig.stored()
    gems = {"code": "CUSTOM", "customCurrencyId": "gems"}
    named = {"externalId": "a", "name": "A"}
    for given, code in (
        ({**named, "currency": gems}, "custom_currency_not_found"),
        ({**named, "currency": {"code": "USD"}, "currencyMode": "multi"}, "invalid_currency"),
        ({**named, "currency": {"code": "CUSTOM"}}, "invalid_currency"),
        ({**named, "name": ""}, "invalid_string"),
        ({**named, "name": "x" * 257}, "invalid_string"),
        ({**named, "externalId": "x" * 129}, "invalid_string"),
    ):
        assert (await rig.sync_accounts(given))["code"] == code
    many = [{"externalId": str(at), "name": "A"} for at in range(101)]
    assert (await rig.sync_accounts(*many))["code"] == "too_many_items"
    assert (await rig.sync_accounts(named, link={"ik": "none"}))["code"] == "link_not_found"
    assert (await rig.sync_accounts(named, link={}))["code"] == "invalid_match"
    assert rig.stored() == stored


async def test_a_hundred_accounts_are_one_transaction(rig: LinkRig) -> None:
    await rig.link()
    given = [{"externalId": f"a{at}", "name": f"A {at}"} for at in range(100)]
    assert len((await rig.sync_accounts(*given))["accounts"]) == 100
    assert rig.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    listed = await rig.ask("{ links { nodes { externalAccounts { nodes { id } } } } }")
    assert len(listed.data["links"]["nodes"][0]["externalAccounts"]["nodes"]) == 100


async def test_an_external_account_is_found_by_id_and_by_link_and_external_id(rig: LinkRig) -> None:
    link = await rig.bank("one")
    found = await rig.ask(GET_ACCOUNT, match={"linkId": link["id"], "externalId": "one"})
    account = found.data["externalAccount"]
    shown = {"__typename": "CustomLink", "id": link["id"], "name": "Link bank"}
    assert account == {
        "id": account["id"], "externalId": "one", "linkId": link["id"], "name": "Account one",
        "currencyMode": "single", "currency": USD, "link": shown,
    }  # fmt: skip
    for match in ({"id": account["id"]}, {"id": account["id"], "externalId": "one"}):
        assert (await rig.ask(GET_ACCOUNT, match=match)).data["externalAccount"] == account
    absent: list[dict[str, str]] = [
        {"linkId": link["id"], "externalId": "two"},
        {"linkId": "none", "externalId": "one"},
        {"linkId": link["id"], "externalId": "a#b\x00c"},
        {"id": account["id"], "externalId": "two"},
        {"id": link["id"]},
        {"id": f"{link['id']}-{link['id']}"},
    ]
    for match in absent:
        assert (await rig.ask(GET_ACCOUNT, match=match)).data["externalAccount"] is None
    for match in ({}, {"externalId": "one"}, {"linkId": link["id"]}):
        answer = await rig.ask(GET_ACCOUNT, match=match)
        assert [code for code, _ in answer.refusals] == ["invalid_match"]
    elsewhere = await rig.ask(GET_ACCOUNT, OTHER_WORKSPACE, match={"id": account["id"]})
    assert elsewhere.data["externalAccount"] is None


# --- Syncing Txs ----------------------------------------------------------------------------------
async def test_txs_of_several_accounts_are_synced_in_their_order(rig: LinkRig) -> None:
    link = await rig.bank("one", "two")
    one, two = await rig.synced(tx("a", -250, "one"), tx("a", INT96_MAX, "two"))
    assert one["id"] != two["id"]
    assert one == {
        "id": one["id"], "externalId": "a", "accountId": one["accountId"],
        "externalAccountId": "one", "linkId": link["id"], "amount": "-250", "currency": USD,
        "description": "Tx a", "posted": "2024-03-05T07:00:00.000Z", "date": "2024-03-05",
        "sequence": 1, "isDeleted": False, "deletedAt": None,
        "ledgerEntryIds": [], "ledgerLineIds": [],
    }  # fmt: skip
    assert (two["externalAccountId"], two["amount"]) == ("two", str(INT96_MAX))
    assert (await rig.ask(GET_TX, tx={"id": two["id"]})).data["tx"] == two


async def test_a_tx_is_synced_once_and_its_description_follows(rig: LinkRig) -> None:
    await rig.bank()
    (first,) = await rig.synced(tx("a"))
    stored = rig.stored()
    assert await rig.synced(tx("a")) == [first]
    assert rig.calls == {"BatchGetItem": 1}
    (changed,) = await rig.synced(tx("a", description="Settled"))
    assert changed == {**first, "description": "Settled"}
    assert rig.stored() == stored
    assert await rig.synced(tx("a", description="1"), tx("a", description="2")) == [
        {**first, "description": "2"}, {**first, "description": "2"}
    ]  # fmt: skip


async def test_amount_and_posted_never_change_and_nothing_of_the_call_is_written(
    rig: LinkRig,
) -> None:
    await rig.bank()
    (first, _) = await rig.synced(tx("a"), tx("b"))
    stored = rig.stored()
    refused = await rig.sync(
        tx("new"),
        tx("a", 200, description="X"),
        tx("b", posted="2024-03-06"),
        tx("b", description="Y"),
    )
    assert refused["code"] == "tx_conflict"
    assert refused["retryable"] is False
    assert refused["message"] == (
        "No Tx was synced: txs[1] (a) has the amount 100, which can't become 200; txs[2] (b) was "
        "posted at 2024-03-05T07:00:00.000Z, which can't become 2024-03-06T00:00:00.000Z."
    )
    assert rig.stored() == stored
    assert (await rig.ask(GET_TX, tx={"id": first["id"]})).data["tx"] == first


async def test_currencies_fit_the_account(rig: LinkRig) -> None:
    await rig.link()
    await rig.sync_accounts(
        {"externalId": "one", "name": "One", "currency": {"code": "EUR"}},
        {"externalId": "many", "name": "Many", "currencyMode": "multi"},
    )
    stored = rig.stored()
    usd = {"code": "USD"}
    gems = {"code": "CUSTOM", "customCurrencyId": "gems"}
    assert (await rig.sync(tx("a", account="one", currency=usd)))["code"] == "invalid_currency"
    assert (await rig.sync(tx("a", account="many")))["code"] == "missing_currency"
    unknown = await rig.sync(tx("a", account="many", currency=gems))
    assert unknown["code"] == "custom_currency_not_found"
    assert rig.stored() == stored
    synced = await rig.synced(
        tx("a", account="one"), tx("b", account="one", currency={"code": "EUR"}),
        tx("a", account="many", currency=usd),
    )  # fmt: skip
    assert [each["currency"]["code"] for each in synced] == ["EUR", "EUR", "USD"]
    other = await rig.sync(tx("a", account="many", currency={"code": "EUR"}))
    assert "has the currency USD, which can't become EUR" in other["message"]


async def test_a_tx_s_account_is_one_of_the_link(rig: LinkRig) -> None:
    link = await rig.bank()
    other = await rig.link("other")
    stored = rig.stored()
    (made,) = (await rig.sync_accounts({"externalId": "x", "name": "X"}, link={"ik": "other"}))[
        "accounts"
    ]
    for account, code in (
        ({"externalId": "none"}, "external_account_not_found"),
        ({"externalId": "x"}, "external_account_not_found"),
        ({"id": made["id"]}, "external_account_not_found"),
        ({"id": "none"}, "external_account_not_found"),
        ({"externalId": "checking", "id": made["id"]}, "external_account_not_found"),
        ({"externalId": "checking", "linkId": other["id"]}, "bad_request"),
        ({"externalId": "a/b"}, "external_account_not_found"),
        ({}, "invalid_match"),
        ({"linkId": link["id"]}, "invalid_match"),
    ):
        refused = await rig.sync(tx("good"), {**tx("a"), "account": account})
        assert refused["code"] == code, account
        assert "txs[1]" in refused["message"]
    assert rig.stored() == stored + 1
    found = {"externalId": "checking", "linkId": link["id"]}
    assert (await rig.sync({**tx("a"), "account": found}))["__typename"] == "SyncCustomTxsResult"


async def test_an_external_id_is_as_long_as_it_can_be_found_by(rig: LinkRig) -> None:
    await rig.bank()
    stored = rig.stored()
    refused = await rig.sync(tx("good"), tx("x" * 129))
    assert refused["message"] == (
        "txs[1].externalId must be a string of 1 to 128 characters, not 129 characters."
    )
    assert rig.stored() == stored
    (made,) = await rig.synced(tx("x" * 128))
    match = {"externalId": "x" * 128, "accountId": made["accountId"]}
    assert (await rig.ask(GET_TX, tx=match)).data["tx"] == made


async def test_a_sync_of_a_hundred_txs_is_one_read_and_one_transaction(rig: LinkRig) -> None:
    await rig.bank("one", "two")
    await forget(rig)
    given = [tx(f"t{at}", at, "one" if at % 2 else "two") for at in range(TXS_PER_SYNC_MAX)]
    assert len(await rig.synced(*given)) == 100
    # Link and accounts come with the first read: beyond 100 keys it is two requests, at once.
    assert rig.calls == {"BatchGetItem": 2, "TransactWriteItems": 1}
    changed = [{**each, "description": "Settled"} for each in given]
    await rig.synced(*changed)
    assert rig.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    ids = [each["id"] for each in await rig.synced(*changed)]
    await rig.delete(*ids)
    assert rig.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    await forget(rig)
    again = await rig.synced(*given)
    assert {each["sequence"] for each in again} == {2}
    assert rig.calls == {"BatchGetItem": 2, "TransactWriteItems": 2}
    await rig.delete(*[each["id"] for each in again])
    await forget(rig)
    third = await rig.synced(*given)
    assert {each["sequence"] for each in third} == {3}
    assert rig.calls == {"BatchGetItem": 3, "TransactWriteItems": 2}
    assert (await rig.sync(*given, tx("more")))["code"] == "too_many_items"


async def test_an_empty_sync_changes_nothing(rig: LinkRig) -> None:
    await rig.bank()
    assert await rig.synced() == []
    assert (await rig.delete()) == {"__typename": "DeleteCustomTxsResult", "txs": []}


async def test_syncs_at_once_make_each_tx_once(rig: LinkRig) -> None:
    await rig.bank()
    given = [[tx(f"t{at}") for at in range(start, start + 20)] for start in (0, 5, 10, 0)]
    answers = await asyncio.gather(*[rig.sync(*each) for each in given])
    assert {answer["__typename"] for answer in answers} == {"SyncCustomTxsResult"}
    ids = {each["externalId"]: set[str]() for answer in answers for each in answer["txs"]}
    for answer in answers:
        for each in answer["txs"]:
            ids[each["externalId"]].add(each["id"])
    assert len(ids) == 30
    assert all(len(found) == 1 for found in ids.values())


# --- Deleting -------------------------------------------------------------------------------------
async def test_a_deleted_tx_is_found_by_id_alone_and_may_come_again(rig: LinkRig) -> None:
    link = await rig.bank()
    (first, other) = await rig.synced(tx("a"), tx("b"))
    by_external = {"externalId": "a", "externalAccountId": "checking", "linkId": link["id"]}
    rig.clock.advance(1_000)
    deleted = (await rig.delete(first["id"]))["txs"]
    gone = {**first, "isDeleted": True, "deletedAt": "2023-11-14T22:13:21.000Z"}
    assert deleted == [{"tx": gone}]
    rig.clock.advance(1_000)
    assert (await rig.delete(first["id"], first["id"]))["txs"] == [{"tx": gone}, {"tx": gone}]
    assert (await rig.ask(GET_TX, tx={"id": first["id"]})).data["tx"] == gone
    assert (await rig.ask(GET_TX, tx=by_external)).data["tx"] is None
    (again,) = await rig.synced(tx("a", 700, posted="2024-04-01"))
    assert again["id"] != first["id"]
    assert (again["sequence"], again["amount"], again["isDeleted"]) == (2, "700", False)
    assert (await rig.ask(GET_TX, tx=by_external)).data["tx"] == again
    assert (await rig.ask(GET_TX, tx={"id": first["id"]})).data["tx"] == gone
    assert await rig.synced(tx("a", 700, posted="2024-04-01")) == [again]
    assert (await rig.ask(GET_TX, tx={"id": other["id"]})).data["tx"] == other


async def test_txs_are_deleted_all_or_none(rig: LinkRig) -> None:
    await rig.bank()
    (first, kept) = await rig.synced(tx("a"), tx("b"))
    for unknown in ("none", "0" * 32, first["accountId"]):
        refused = await rig.delete(first["id"], unknown)
        assert refused["code"] == "tx_not_found"
    await rig.table.write(Update(keys.tx(kept["id"]), add={"n": 1}))  # an entry accounts for it
    refused = await rig.delete(first["id"], kept["id"])
    assert refused["code"] == "tx_reconciled"
    assert kept["id"] in refused["message"]
    assert (await rig.delete(*[first["id"]] * 101))["code"] == "too_many_items"
    assert (await rig.ask(GET_TX, tx={"id": first["id"]})).data["tx"] == first
    foreign = await rig.delete(first["id"], as_workspace=OTHER_WORKSPACE)
    assert foreign["code"] == "tx_not_found"


async def test_deleting_and_syncing_at_once_leaves_one_live_tx_or_none(rig: LinkRig) -> None:
    link = await rig.bank()
    (first,) = await rig.synced(tx("a"))
    await asyncio.gather(
        rig.delete(first["id"]), rig.sync(tx("a", description="X")), rig.delete(first["id"])
    )
    found = {"externalId": "a", "externalAccountId": "checking", "linkId": link["id"]}
    live = (await rig.ask(GET_TX, tx=found)).data["tx"]
    assert live is None or live["sequence"] == 2
    assert (await rig.ask(GET_TX, tx={"id": first["id"]})).data["tx"]["isDeleted"]


# --- Reading Txs ----------------------------------------------------------------------------------
async def test_a_tx_is_found_by_every_key(rig: LinkRig) -> None:
    link = await rig.bank()
    (made,) = await rig.synced(tx("a"))
    outside = {"externalId": "a", "externalAccountId": "checking", "linkId": link["id"]}
    for match in (
        {"id": made["id"]},
        {"externalId": "a", "accountId": made["accountId"]},
        outside,
        {**outside, "id": made["id"], "accountId": made["accountId"]},
    ):
        assert (await rig.ask(GET_TX, tx=match)).data["tx"] == made
    absent: list[dict[str, Any]] = [
        {"id": "none"},
        {"id": made["id"], "externalId": "b"},
        {"externalId": "b", "accountId": made["accountId"]},
        {"externalId": "a#", "accountId": made["accountId"]},
        {"externalId": "a", "accountId": "none"},
        {**outside, "linkId": "none"},
        {**outside, "externalAccountId": "savings"},
        {**outside, "accountId": f"{link['id']}-{'0' * 32}"},
    ]
    for match in absent:
        assert (await rig.ask(GET_TX, tx=match)).data["tx"] is None
    for match in ({}, {"externalId": "a"}, {"externalId": "a", "linkId": link["id"]}):
        answer = await rig.ask(GET_TX, tx=match)
        assert [code for code, _ in answer.refusals] == ["invalid_match"]
    assert (await rig.ask(GET_TX, OTHER_WORKSPACE, tx=outside)).data["tx"] is None
    assert (await rig.ask(GET_TX, OTHER_WORKSPACE, tx={"id": made["id"]})).data["tx"] is None


async def test_an_account_s_txs_are_listed_newest_posted_first_page_by_page(rig: LinkRig) -> None:
    link = await rig.bank("one", "two")
    given = [tx(f"t{at}", at, "one", posted=f"2024-03-{at:02d}") for at in range(1, 8)]
    ids = {each["externalId"]: each["id"] for each in await rig.synced(*given)}
    await rig.synced(tx("elsewhere", 1, "two"))
    await rig.delete(ids["t4"])
    await rig.index_txs()
    match = {"linkId": link["id"], "externalId": "one"}

    async def page(**asked: Any) -> tuple[list[str], Any]:
        found = await rig.ask(LIST_TXS, match=match, **asked)
        assert rig.searches == [1]
        listed = found.data["externalAccount"]["txs"]
        for node in listed["nodes"]:
            assert node["externalAccount"] == {"name": "Account one"}
            assert node["link"] == {"name": "Link bank"}
        return [node["externalId"] for node in listed["nodes"]], listed["pageInfo"]

    first, info = await page(first=2)
    assert first == ["t7", "t6"]
    assert (info["hasNextPage"], info["hasPreviousPage"], info["startCursor"]) == (
        True,
        False,
        None,
    )
    second, info = await page(first=2, after=info["endCursor"])
    assert second == ["t5", "t3"]
    last, end = await page(after=info["endCursor"])
    assert last == ["t2", "t1"]
    assert end["endCursor"] is None
    assert (await page(before=end["startCursor"]))[0] == second
    assert (await page(last=3))[0] == ["t3", "t2", "t1"]
    other = await rig.ask(LIST_TXS, match={**match, "externalId": "two"}, after=info["endCursor"])
    assert [code for code, _ in other.refusals] == ["invalid_cursor"]
    assert (await rig.ask(LIST_TXS, match=match, first=201)).refusals[0][0] == "invalid_page_size"


async def test_a_tx_that_nothing_accounts_for_has_no_entries(rig: LinkRig) -> None:
    await rig.bank()
    (made,) = await rig.synced(tx("a"))
    query = """query q($id: ID!) { tx(tx: {id: $id}) {
      workspaceId ledgerEntries { nodes { id } } ledgerLines { nodes { id } }
    } }"""
    assert (await rig.ask(query, id=made["id"])).data["tx"] == {
        "workspaceId": "workspace", "ledgerEntries": {"nodes": []}, "ledgerLines": {"nodes": []},
    }  # fmt: skip


async def test_a_reader_changes_nothing(rig: LinkRig) -> None:
    rig.role = "reader"
    reader = LinkRig()
    reader.role = "reader"
    await reader.open()
    stored = reader.stored()
    for result in (
        await reader.mutate(CREATE_LINK, ik="a", name="A"),
        await reader.sync_accounts(),
        await reader.sync(),
        await reader.delete(),
    ):
        assert result["code"] == "forbidden"
    assert reader.stored() == stored
    await reader.close()
