"""reconcileTx on the in-memory twins: one entry for a Tx, whatever is retried or sent at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ledger.identifiers import link_id
from shared.store import keys
from shared.store.items import reconciled_count, tx_from_item
from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.linking import BANK, tx
from tests.read_rig import OTHER_WORKSPACE, WORKSPACE
from tests.reconciling import (
    INSTANTIATE,
    LEDGER,
    MIGRATE,
    POSTED,
    SCHEMA_KEY,
    ReconcileRig,
    schema,
)


@pytest.fixture
async def rig() -> AsyncIterator[ReconcileRig]:
    rig = ReconcileRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


async def forget(rig: ReconcileRig) -> None:
    """Another process goes on, which knows the API client alone."""
    rig.restart()
    await rig.ask("{ __typename }")


async def claims(rig: ReconcileRig, tx_id: str) -> dict[str, str]:
    """What accounts for the Tx, by Ledger Account."""
    item = await rig.table.get(keys.tx(tx_id), consistent=True)
    assert item is not None
    assert reconciled_count(item) == len(tx_from_item(item).reconciled)
    return dict(tx_from_item(item).reconciled)


def amounts(result: Any) -> dict[str, int]:
    return {each["account"]["path"]: int(each["amount"]) for each in result["lines"]}


# --- One Tx ---------------------------------------------------------------------------------------
async def test_a_tx_gives_the_entry_its_amount_its_moment_and_its_ik(rig: ReconcileRig) -> None:
    await rig.books()
    (synced,) = await rig.synced(tx("t1", 250))
    result = await rig.reconciled("fund", tx="t1", user="ann")
    entry = result["entry"]
    assert (entry["ik"], entry["posted"], entry["description"]) == ("t1", POSTED, "Funding ann")
    assert result["isIkReplay"] is False
    assert amounts(result) == {"assets/checking": 250, "users:ann": 250}
    assert [each["txId"] for each in result["lines"]] == [synced["id"], None]
    assert list((await claims(rig, synced["id"])).values()) == [entry["id"]]
    assert await rig.users("ann") == [250]


async def test_a_warm_reconcile_is_one_transaction_and_no_read(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1"), tx("t2"))
    await rig.reconciled("fund", tx="t1", user="ann")
    rig.metrics.clear()
    await rig.reconciled("fund", tx="t2", user="ann")
    assert rig.metrics.calls == {"TransactWriteItems": 1}


async def test_a_cold_reconcile_reads_its_tx_once(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1"), tx("t2"), tx("t3"))
    await forget(rig)
    await rig.reconciled("fund", tx="t1", user="ann")
    rig.metrics.clear()
    await rig.reconciled("fund", tx="t2", user="ann")
    assert rig.metrics.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}


async def test_the_same_again_is_a_replay_whatever_else_it_says(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 5))
    first = await rig.reconciled("fund", tx="t1", user="ann")
    before = rig.stored()
    for _ in range(2):
        for again in (
            await rig.reconciled("fund", tx="t1", user="ann"),
            await rig.reconciled("fund", tx="t1", user="bob"),
            await rig.reconciled("fund_fixed", tx="t1", user="ann", amount="6"),
        ):
            assert again == {**first, "isIkReplay": True}
        await forget(rig)
    assert rig.stored() == before


async def test_reconciling_at_once_makes_one_entry(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 5))
    asked = [rig.reconciled("fund", tx="t1", user=user) for user in ("ann", "bob", "cy", "ann")]
    results = await asyncio.gather(*asked)
    assert len({result["entry"]["id"] for result in results}) == 1
    assert sorted(result["isIkReplay"] for result in results) == [False, True, True, True]
    users = await rig.users("ann", "bob", "cy")
    assert sorted(users) == [0, 0, 5]


async def test_the_amount_of_a_line_is_the_txs_or_refused(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", -40))
    before = rig.stored()
    for amount in ("40", "-41", "0"):
        refused = await rig.reconcile("fund_fixed", tx="t1", user="ann", amount=amount)
        assert refused["code"] == "tx_mismatch"
        assert f"its amount is {amount}, the Tx's -40" in refused["message"]
    assert rig.stored() == before
    result = await rig.reconciled("fund_fixed", tx="t1", user="ann", amount="-40")
    assert amounts(result) == {"assets/checking": -40, "users:ann": -40}


async def test_a_tx_of_nothing_is_reconciled(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t0", 0))
    assert amounts(await rig.reconciled("fund", tx="t0", user="ann")) == {
        "assets/checking": 0, "users:ann": 0,
    }  # fmt: skip


async def test_a_tx_is_named_by_its_id(rig: ReconcileRig) -> None:
    await rig.books()
    one, other = await rig.synced(tx("t1", 7), tx("t1", 8, "savings"))
    result = await rig.reconciled("by_id", tx=one["id"], user="ann")
    assert result["entry"]["ik"] == "t1"
    assert (await rig.reconciled("fund", tx="t1", user="ann"))["isIkReplay"] is True
    refused = await rig.reconcile("by_id", tx=other["id"], user="ann")
    assert refused["code"] == "tx_mismatch"
    assert "isn't linked" in refused["message"]


# --- What is refused ------------------------------------------------------------------------------
async def test_what_is_not_there_is_refused_by_name(rig: ReconcileRig) -> None:
    await rig.store(schema())
    await rig.create("books", SCHEMA_KEY)
    refused = await rig.reconcile("fund", tx="t1", user="ann")
    assert refused["code"] == "external_account_not_found"
    place = f"the externalId 'checking' in the Link {link_id(WORKSPACE, 'bank')}"
    assert refused["message"] == (
        f"There is no External Account with {place}, to which assets/checking is linked."
    )
    await rig.bank("checking", "savings")
    for _ in range(2):
        refused = await rig.reconcile("fund", tx="t1", user="ann")
        assert (refused["code"], refused["retryable"]) == ("tx_not_found", False)
        assert "'t1'" in refused["message"]
    assert (await rig.reconcile("fund", tx="a/b", user="ann"))["code"] == "tx_not_found"
    assert (await rig.reconcile("fund", tx="", user="ann"))["code"] == "tx_not_found"
    for no_id in ("t1", "0" * 32, "x" * 400):
        assert (await rig.reconcile("by_id", tx=no_id, user="ann"))["code"] == "tx_not_found"
    await rig.synced(tx("t1"))
    assert (await rig.reconciled("fund", tx="t1", user="ann"))["isIkReplay"] is False


async def test_posted_is_the_txs_alone(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1"))
    lines = [runtime("assets/checking", tx={"externalId": "t1"}), runtime("users:ann", "100")]
    refused = await rig.reconcile(lines=lines, posted="2024-01-01")
    assert refused["code"] == "bad_request"
    assert "posted" in refused["message"]


async def test_what_reconciles_nothing_is_for_add_ledger_entry(rig: ReconcileRig) -> None:
    await rig.books()
    refused = await rig.reconcile("gift", user="ann", amount="5")
    assert refused["code"] == "entry_needs_add_ledger_entry"
    assert "addLedgerEntry" in refused["message"]
    refused = await rig.add("g", type="fund", parameters={"tx": "t", "user": "a"}, ledger=LEDGER)
    assert refused["code"] == "linked_account_needs_reconcile_tx"
    lines = [runtime("assets/checking", "5", tx={"externalId": "t"}), runtime("users:a", "5")]
    refused = await rig.add("g", lines=lines, ledger=LEDGER)
    assert refused["code"] == "linked_account_needs_reconcile_tx"


async def test_a_deleted_tx_is_refused_and_the_next_of_its_name_reconciled(
    rig: ReconcileRig,
) -> None:
    await rig.books()
    (gone,) = await rig.synced(tx("t1", 5))
    await rig.delete(gone["id"])
    for refused in (
        await rig.reconcile("fund", tx="t1", user="ann"),
        await rig.reconcile("by_id", tx=gone["id"], user="ann"),
    ):
        assert refused["code"] == "tx_deleted"
    (again,) = await rig.synced(tx("t1", 6))
    await forget(rig)
    result = await rig.reconciled("fund", tx="t1", user="ann")
    assert result["lines"][0]["txId"] == again["id"]
    assert (await rig.delete(again["id"]))["code"] == "tx_reconciled"


async def test_what_was_deleted_elsewhere_is_not_reconciled_from_memory(rig: ReconcileRig) -> None:
    await rig.books()
    (gone,) = await rig.synced(tx("t1", 5))
    here, service, http = rig.services, rig.service, rig._http
    await forget(rig)
    await rig.delete(gone["id"])
    there = rig.services
    rig.services, rig.service, rig._http = here, service, http
    assert (await rig.reconcile("fund", tx="t1", user="ann"))["code"] == "tx_deleted"
    assert here.catalog.known_tx(gone["id"]) is None
    await there.committer.close()


async def test_another_workspaces_txs_are_not_found(rig: ReconcileRig) -> None:
    await rig.link("bank", OTHER_WORKSPACE)
    accounts = [{"externalId": "checking", "name": "Theirs"}]
    sync = "mutation s($link: LinkMatchInput!, $accounts: [CustomAccountInput!]!) { "
    sync += "syncCustomAccounts(link: $link, accounts: $accounts) { __typename } }"
    await rig.mutate(sync, OTHER_WORKSPACE, link=BANK, accounts=accounts)
    theirs = (await rig.sync(tx("t1", 5), as_workspace=OTHER_WORKSPACE))["txs"][0]
    await rig.books()
    assert (await rig.reconcile("fund", tx="t1", user="ann"))["code"] == "tx_not_found"
    refused = await rig.reconcile("by_id", tx=theirs["id"], user="ann")
    assert refused["code"] == "tx_not_found"


async def test_what_was_posted_before_its_type_was_disabled_is_a_replay(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1"), tx("t2"))
    first = await rig.reconciled("fund", tx="t1", user="ann")
    document = schema()
    document["ledgerEntries"]["types"][0]["status"] = "disabled"
    await rig.store(document)
    await forget(rig)
    assert await rig.reconciled("fund", tx="t1", user="ann") == {**first, "isIkReplay": True}
    assert (await rig.reconcile("fund", tx="t2", user="ann"))["code"] == "entry_type_disabled"


# --- Several Txs ----------------------------------------------------------------------------------
async def test_two_txs_of_one_moment_are_one_entry(rig: ReconcileRig) -> None:
    await rig.books()
    one, other = await rig.synced(tx("t1", 30, "savings"), tx("t1", -30))
    result = await rig.reconciled("book_transfer", tx="t1")
    assert [each["txId"] for each in result["lines"]] == [one["id"], other["id"]]
    assert result["entry"]["ik"] == "t1"
    again = await rig.reconciled("book_transfer", tx="t1")
    assert again == {**result, "isIkReplay": True}
    assert (await rig.reconciled("fund", tx="t1", user="ann"))["entry"] == result["entry"]


async def test_txs_of_two_moments_or_links_are_not_one_entry(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 30, "savings"), tx("t1", -30, posted="2024-03-05T07:00:01Z"))
    refused = await rig.reconcile("book_transfer", tx="t1")
    assert refused["code"] == "txs_not_together"
    assert "07:00:01.000Z" in refused["message"]
    other = await rig.link("other")
    await rig.sync_accounts({"externalId": "card", "name": "Card"}, link={"ik": "other"})
    assert (await rig.sync(tx("t9", 5, "card"), link={"ik": "other"}))["txs"]
    await rig.synced(tx("t9", -5))
    cards = {"account": "card", "link": other["id"]}
    made = await rig.mutate(INSTANTIATE, ledger=LEDGER, path="assets/cards:c", parameters=cards)
    assert made["__typename"] == "InstantiateLedgerAccountResult", made
    lines = [
        runtime("assets/checking", tx={"externalId": "t9"}),
        runtime("assets/cards:c", tx={"externalId": "t9"}),
    ]
    refused = await rig.reconcile(lines=lines)
    assert refused["code"] == "txs_not_together"
    assert "different Links" in refused["message"]


async def test_a_tx_is_named_once_on_an_account(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 5))
    twice = [{"id": "t1"}, {"id": "t1"}]
    refused = await rig.reconcile("fund_many", txs=twice, user="ann")
    assert refused["code"] == "tx_duplicate"
    assert (await rig.reconcile("fund_many", txs=[], user="ann"))["code"] in (
        "entry_needs_add_ledger_entry",
    )


async def test_repeated_lines_have_a_tx_each(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(*[tx(f"t{at}", at) for at in range(1, 21)])
    rig.metrics.clear()
    result = await rig.reconciled(
        "fund_many", txs=[{"id": f"t{at}"} for at in range(1, 21)], user="a"
    )
    assert rig.metrics.calls["TransactWriteItems"] == 1
    assert [int(each["amount"]) for each in result["lines"]] == [*range(1, 21), 210]
    assert result["entry"]["ik"] == "t1"


async def test_txs_that_others_account_for_are_refused_by_name(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 1), tx("t2", 2), tx("t3", 3))
    first = await rig.reconciled("fund", tx="t1", user="ann")
    await rig.reconciled("fund", tx="t2", user="ann")
    before = rig.stored()
    for names in ("t1 t3", "t3 t1", "t1 t2"):
        txs = [{"id": name} for name in names.split()]
        refused = await rig.reconcile("fund_many", txs=txs, user="ann")
        assert refused["code"] == "tx_already_reconciled"
        assert first["entry"]["id"] in refused["message"]
        assert "assets/checking" in refused["message"]
    assert rig.stored() == before


async def test_the_ik_is_the_txs_id_where_another_entry_has_its_external_id(
    rig: ReconcileRig,
) -> None:
    await rig.books()
    _, other = await rig.synced(tx("t1", 30), tx("t1", 40, "savings"))
    first = await rig.reconciled("fund", tx="t1", user="ann")
    lines = [runtime("assets/savings", tx={"externalId": "t1"}), runtime("users:ann", "40")]
    second = await rig.reconciled(lines=lines)
    assert (first["entry"]["ik"], second["entry"]["ik"]) == ("t1", other["id"])
    assert (await rig.reconciled(lines=lines))["isIkReplay"] is True
    assert (await rig.reconciled("fund", tx="t1", user="ann"))["entry"] == first["entry"]
    added = await rig.add("t2", type="gift", parameters={"user": "a", "amount": "1"}, ledger=LEDGER)
    (third,) = await rig.synced(tx("t2", 5))
    assert added["entry"]["ik"] == "t2"
    assert (await rig.reconciled("fund", tx="t2", user="ann"))["entry"]["ik"] == third["id"]


# --- Lines given at runtime -----------------------------------------------------------------------
def runtime(path: str, amount: str | None = None, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"account": {"path": path}, **more}
    return given if amount is None else {**given, "amount": amount}


async def test_lines_may_be_given_at_runtime(rig: ReconcileRig) -> None:
    link = await rig.books()
    (synced,) = await rig.synced(tx("t1", 12))
    account = synced["accountId"]
    for named in (
        {"externalId": "t1"},
        {"id": synced["id"]},
        {"externalId": "t1", "accountId": account, "linkId": link["id"]},
        {"externalId": "t1", "externalAccountId": "checking", "id": synced["id"]},
    ):
        lines = [runtime("assets/checking", tx=named), runtime("users:ann", "12")]
        result = await rig.reconciled(lines=lines)
        assert amounts(result) == {"assets/checking": 12, "users:ann": 12}
        assert result["entry"]["type"] is None
    typed = await rig.reconciled("free", lines=lines)
    assert typed["isIkReplay"] is True


async def test_runtime_lines_that_do_not_fit_are_refused(rig: ReconcileRig) -> None:
    await rig.books()
    (synced, other) = await rig.synced(tx("t1", 12), tx("t1", 12, "savings"))
    bank, user = "assets/checking", runtime("users:ann", "12")
    cases = [
        ([runtime(bank, "12"), user], "tx_required"),
        ([runtime(bank), user], "tx_required"),
        ([runtime(bank, tx={}), user], "invalid_match"),
        ([runtime(bank, tx={"externalId": "t1"}), {**user, "tx": {"id": "a"}}], "tx_not_allowed"),
        ([runtime(bank, "11", tx={"externalId": "t1"}), user], "tx_mismatch"),
        ([runtime(bank, tx={"id": other["id"]}), user], "tx_mismatch"),
        ([runtime(bank, tx={"id": synced["id"], "externalId": "t2"}), user], "tx_mismatch"),
        (
            [runtime(bank, tx={"externalId": "t1", "accountId": other["accountId"]}), user],
            "tx_mismatch",
        ),
        (
            [runtime(bank, tx={"externalId": "t1", "externalAccountId": "savings"}), user],
            "tx_mismatch",
        ),
        ([runtime(bank, tx={"externalId": "t1", "linkId": "no link"}), user], "tx_mismatch"),
        ([runtime(bank, tx={"externalId": "t1"}), runtime("users:ann", "11")],
         "invalid_entry_balance"),
        ([runtime(bank, tx={"externalId": "t1"}), runtime("users:ann")], "missing_amount"),
    ]  # fmt: skip
    before = rig.stored()
    for lines, code in cases:
        assert (await rig.reconcile(lines=lines))["code"] == code, lines
    condition = {
        "account": {"path": bank},
        "precondition": {"ownBalance": {"gte": "0"}},
    }
    refused = await rig.reconcile(
        lines=[runtime(bank, tx={"externalId": "t1"}), user], conditions=[condition]
    )
    assert refused["code"] == "invalid_condition"
    assert rig.stored() == before
    held = {"account": {"path": "users:ann"}, "postcondition": {"ownBalance": {"gte": "13"}}}
    lines = [runtime(bank, tx={"externalId": "t1"}), user]
    refused = await rig.reconcile(lines=lines, conditions=[held])
    assert refused["code"] == "conditional_request_failed"
    assert await claims(rig, synced["id"]) == {}
    await rig.reconciled(lines=lines)


# --- Template accounts ----------------------------------------------------------------------------
async def test_an_instance_that_stands_linked_elsewhere_is_not_given_as_what_was_asked(
    rig: ReconcileRig,
) -> None:
    link = await rig.books()
    asked = {"ledger": LEDGER, "path": "assets/cards:c"}
    told = {"account": "checking", "link": link["id"]}
    made = await rig.mutate(INSTANTIATE, **asked, parameters=told)
    before = rig.stored()
    for given in (told, {}):
        assert await rig.mutate(INSTANTIATE, **asked, parameters=given) == made
    refused = await rig.mutate(INSTANTIATE, **asked, parameters={**told, "account": "savings"})
    assert refused["code"] == "linked_account_conflict"
    assert rig.stored() == before


async def test_a_linked_template_is_instantiated_when_it_is_first_reconciled(
    rig: ReconcileRig,
) -> None:
    link = await rig.books()
    await rig.synced(tx("t1", 5), tx("t2", 6), tx("t1", 7, "savings"))
    card = {"card": "c1", "user": "ann", "account": "checking", "link": link["id"]}
    first = await rig.reconciled("card", tx="t1", **card)
    assert amounts(first) == {"assets/cards:c1": 5, "users:ann": 5}
    # The same Tx, once for each account that is linked to its External Account.
    assert (await rig.reconciled("fund", tx="t1", user="bob"))["isIkReplay"] is False
    await forget(rig)
    assert amounts(await rig.reconciled("card", tx="t2", **card))["assets/cards:c1"] == 6
    for _ in range(2):
        refused = await rig.reconcile("card", tx="t1", **{**card, "account": "savings"})
        assert refused["code"] == "linked_account_conflict"
        await forget(rig)
    refused = await rig.reconcile("card", tx="t1", **{**card, "card": "c2", "link": "none"})
    assert refused["code"] == "external_account_not_found"
    refused = await rig.reconcile("card", tx="t1", **{**card, "card": "c2", "link": "a/b"})
    assert refused["code"] == "invalid_parameter"


async def test_two_links_of_one_new_instance_are_one_of_them(rig: ReconcileRig) -> None:
    link = await rig.books()
    await rig.synced(tx("t1", 5), tx("t2", 7, "savings"))
    asked = {"card": "c1", "user": "ann", "link": link["id"]}
    results = await asyncio.gather(
        rig.reconcile("card", tx="t1", account="checking", **asked),
        rig.reconcile("card", tx="t2", account="savings", **asked),
    )
    assert sorted(each.get("code", "") for each in results) == ["", "linked_account_conflict"]


# --- Reversal -------------------------------------------------------------------------------------
async def test_a_reversal_frees_the_tx_and_a_repost_goes_on_with_its_ik(rig: ReconcileRig) -> None:
    await rig.books()
    (synced,) = await rig.synced(tx("t1", 5))
    first = (await rig.reconciled("fund", tx="t1", user="ann"))["entry"]
    rig.metrics.clear()
    reversal = await rig.reverse(first["id"])
    assert rig.metrics.calls["TransactWriteItems"] == 1
    lines = reversal["reversingLedgerEntry"]["lines"]["nodes"]
    assert lines == [{"amount": "-5", "txId": None}, {"amount": "-5", "txId": None}]
    assert await claims(rig, synced["id"]) == {}
    assert await rig.users("ann") == [0]
    again = await rig.reconciled("fund", tx="t1", user="bob")
    assert (again["isIkReplay"], again["entry"]["ik"]) == (False, "t1")
    assert again["entry"]["reversalPosition"] == 3
    assert list((await claims(rig, synced["id"])).values()) == [again["entry"]["id"]]
    assert (await rig.reconciled("fund", tx="t1", user="ann"))["entry"] == again["entry"]
    await rig.reverse(first["id"])  # a replay, which frees nothing
    assert list((await claims(rig, synced["id"])).values()) == [again["entry"]["id"]]
    await rig.reverse(again["entry"]["id"])
    assert (await rig.delete(synced["id"]))["__typename"] == "DeleteCustomTxsResult"


async def test_an_account_accounts_for_a_tx_beside_another(rig: ReconcileRig) -> None:
    link = await rig.books()
    (synced,) = await rig.synced(tx("t1", 5))
    card = {"card": "c1", "user": "ann", "account": "checking", "link": link["id"]}
    one = (await rig.reconciled("fund", tx="t1", user="ann"))["entry"]
    two = (await rig.reconciled("card", tx="t1", **card))["entry"]
    assert (one["ik"], two["ik"]) == ("t1", synced["id"])
    await rig.reverse(one["id"])
    assert list((await claims(rig, synced["id"])).values()) == [two["id"]]
    assert (await rig.delete(synced["id"]))["code"] == "tx_reconciled"


async def test_one_entry_accounts_for_a_tx_on_two_accounts(rig: ReconcileRig) -> None:
    link = await rig.books()
    (synced,) = await rig.synced(tx("t1", 5))
    parameters = {"account": "checking", "link": link["id"]}
    await rig.mutate(INSTANTIATE, ledger=LEDGER, path="assets/cards:c1", parameters=parameters)
    lines = [
        runtime("assets/checking", tx={"externalId": "t1"}),
        runtime("assets/cards:c1", tx={"externalId": "t1"}),
        runtime("users:ann", "10"),
    ]
    entry = (await rig.reconciled(lines=lines))["entry"]
    assert set((await claims(rig, synced["id"])).values()) == {entry["id"]}
    assert len(await claims(rig, synced["id"])) == 2
    await rig.reverse(entry["id"])
    assert await claims(rig, synced["id"]) == {}


async def test_reversing_and_reconciling_at_once_leaves_one_claim_or_none(
    rig: ReconcileRig,
) -> None:
    await rig.books()
    (synced,) = await rig.synced(tx("t1", 5))
    entry = (await rig.reconciled("fund", tx="t1", user="ann"))["entry"]
    await asyncio.gather(
        rig.reverse(entry["id"]),
        rig.reconciled("fund", tx="t1", user="bob"),
        rig.reverse(entry["id"]),
        rig.reconciled("fund", tx="t1", user="cy"),
    )
    held = await claims(rig, synced["id"])
    assert len(held) <= 1
    assert entry["id"] not in held.values()
    balances = await rig.users("ann", "bob", "cy")
    assert sorted(balances) == ([0, 0, 5] if held else [0, 0, 0])


async def test_deleting_and_reconciling_at_once_is_one_of_them(rig: ReconcileRig) -> None:
    await rig.books()
    synced = await rig.synced(*[tx(f"t{at}", 5) for at in range(6)])
    asked: list[Any] = []
    for at, each in enumerate(synced):
        both = [rig.delete(each["id"]), rig.reconcile("fund", tx=f"t{at}", user="ann")]
        asked += both if at % 2 else both[::-1]
    await asyncio.gather(*asked)
    for each in synced:
        item = await rig.table.get(keys.tx(each["id"]), consistent=True)
        assert item is not None
        tx_now = tx_from_item(item)
        assert tx_now.is_deleted != bool(tx_now.reconciled)


# --- Migration ------------------------------------------------------------------------------------
async def migrate(rig: ReconcileRig, entry_id: str, type: str, **entry: Any) -> Any:
    parts = {name: entry.pop(name) for name in ("posted",) if name in entry}
    new = {"type": type, "parameters": entry, **parts}
    return await rig.mutate(MIGRATE, input={"id": entry_id, "newLedgerEntry": new})


async def test_a_migration_takes_the_tx_over_in_one_transaction(rig: ReconcileRig) -> None:
    await rig.books()
    (synced,) = await rig.synced(tx("t1", 5))
    first = (await rig.reconciled("fund", tx="t1", user="ann"))["entry"]
    rig.metrics.clear()
    result = await migrate(rig, first["id"], "fund_fixed", tx="t1", user="bob", amount="5")
    assert result["__typename"] == "MigrateLedgerEntryResult", result
    assert rig.metrics.calls["TransactWriteItems"] == 1
    new = result["newLedgerEntry"]
    assert (new["ik"], new["type"], new["posted"]) == ("t1", "fund_fixed", POSTED)
    assert [each["txId"] for each in new["lines"]["nodes"]] == [synced["id"], None]
    assert list((await claims(rig, synced["id"])).values()) == [new["id"]]
    assert await rig.users("ann", "bob") == [0, 5]
    again = await migrate(rig, first["id"], "fund_fixed", tx="t1", user="bob", amount="5")
    assert (again["isIkReplay"], again["newLedgerEntry"]) == (True, new)


async def test_a_migration_may_leave_the_tx_or_take_another(rig: ReconcileRig) -> None:
    await rig.books()
    one, two, three = await rig.synced(tx("t1", 5), tx("t2", 6, posted="2024-04-01"), tx("t3", 7))
    first = (await rig.reconciled("fund", tx="t1", user="ann"))["entry"]
    taken = (await rig.reconciled("fund", tx="t3", user="ann"))["entry"]
    refused = await migrate(rig, first["id"], "fund", tx="t3", user="ann")
    assert refused["code"] == "tx_already_reconciled"
    assert taken["id"] in refused["message"]
    refused = await migrate(rig, first["id"], "fund", tx="t1", user="ann", posted="2024-01-01")
    assert refused["code"] == "bad_request"
    assert list((await claims(rig, one["id"])).values()) == [first["id"]]
    moved = (await migrate(rig, first["id"], "fund", tx="t2", user="ann"))["newLedgerEntry"]
    assert (moved["ik"], moved["posted"]) == ("t1", "2024-04-01T00:00:00.000Z")
    assert await claims(rig, one["id"]) == {}
    assert list((await claims(rig, two["id"])).values()) == [moved["id"]]
    # The external id of the first is the ik of an entry that doesn't account for it any more.
    assert (await rig.reconciled("fund", tx="t1", user="bob"))["entry"]["ik"] == one["id"]
    left = await migrate(rig, moved["id"], "gift", user="ann", amount="9")
    assert left["__typename"] == "MigrateLedgerEntryResult", left
    assert await claims(rig, two["id"]) == {}
    assert list((await claims(rig, three["id"])).values()) == [taken["id"]]


# --- Deleted ledgers ------------------------------------------------------------------------------
async def test_a_deleted_ledgers_entries_hold_no_tx(rig: ReconcileRig) -> None:
    await rig.books()
    one, two = await rig.synced(tx("t1", 5), tx("t2", 6))
    await rig.reconciled("fund", tx="t1", user="ann")
    await rig.reconciled("fund", tx="t2", user="ann")
    assert (await rig.delete(one["id"]))["code"] == "tx_reconciled"
    deletion = "mutation d($l: LedgerMatchInput!) { deleteLedger(ledger: $l) { __typename } }"
    assert (await rig.mutate(deletion, l=LEDGER))["__typename"] == "DeleteLedgerResult"
    await rig.create("books", SCHEMA_KEY)
    again = await rig.reconciled("fund", tx="t1", user="bob")
    assert (again["isIkReplay"], again["entry"]["ik"]) == (False, "t1")
    assert len(await claims(rig, one["id"])) == 2
    assert (await rig.delete(one["id"], two["id"]))["code"] == "tx_reconciled"
    deleted = await rig.delete(two["id"])
    assert [each["tx"]["isDeleted"] for each in deleted["txs"]] == [True]
    await rig.reverse(again["entry"]["id"])
    assert (await rig.delete(one["id"]))["__typename"] == "DeleteCustomTxsResult"
    memory = rig.table._table
    assert isinstance(memory, MemoryTable)
    assert [str(each) for each in audit_strong(await collect(memory))] == []


async def test_lines_with_a_tx_are_neither_netted_nor_left_out(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 5), tx("t2", -5), tx("t3", 0))
    result = await rig.reconciled("netted", one="t1", two="t2", user="ann", amount="9")
    assert [(each["key"], each["amount"]) for each in result["lines"]] == [
        ("one", "5"), ("two", "-5"),
    ]  # fmt: skip
    assert (await rig.reconciled("fund", tx="t3", user="ann"))["isIkReplay"] is False


async def test_an_instance_of_a_fixed_link_is_reconciled_at_runtime(rig: ReconcileRig) -> None:
    await rig.books()
    await rig.synced(tx("t1", 5, "savings"), tx("t2", 6, "savings"))
    vault = "assets/vaults:v"
    made = await rig.mutate(INSTANTIATE, ledger=LEDGER, path=vault, parameters={"title": "V"})
    assert made["__typename"] == "InstantiateLedgerAccountResult", made
    for name, amount in (("t1", "5"), ("t2", "6")):
        lines = [runtime(vault, tx={"externalId": name}), runtime("users:ann", amount)]
        assert (await rig.reconciled(lines=lines))["isIkReplay"] is False
        await forget(rig)
    lines = [runtime("assets/vaults:w", tx={"externalId": "t1"}), runtime("users:ann", "5")]
    assert (await rig.reconcile(lines=lines))["code"] == "missing_parameter"


async def test_lines_at_runtime_go_to_an_instance_that_another_process_made(
    rig: ReconcileRig,
) -> None:
    """What fills in its name is not asked for again."""
    document = schema()
    named = {"key": "named", "type": "liability", "template": True, "name": "{{title}}"}
    document["chartOfAccounts"]["accounts"].append(named)
    await rig.store(document)
    await rig.create("books", SCHEMA_KEY)
    await rig.mutate(INSTANTIATE, ledger=LEDGER, path="named:a", parameters={"title": "A"})
    await forget(rig)
    lines = [runtime("assets/transit", "5"), runtime("named:a", "5")]
    added = await rig.add("x", lines=lines, ledger=LEDGER)
    assert added["__typename"] == "AddLedgerEntryResult", added
