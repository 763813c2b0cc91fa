"""Linked Ledger Accounts of a ledger without a Schema: created, and reconciled at runtime."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ledger.identifiers import external_account_id
from tests.api.test_write_accounts import CREATE_ALL, open_plain
from tests.linking import tx
from tests.reconciling import ReconcileRig

PLAIN = {"ik": "plain"}


@pytest.fixture
async def rig() -> AsyncIterator[ReconcileRig]:
    rig = ReconcileRig()
    await rig.open()
    await open_plain(rig)
    yield rig
    await rig.services.committer.close()
    await rig.close()


async def create(rig: ReconcileRig, *accounts: dict[str, Any]) -> Any:
    return await rig.mutate(CREATE_ALL, ledger=PLAIN, accounts=list(accounts))


def assets(linked: dict[str, str], **more: Any) -> dict[str, Any]:
    child = {"ik": "bank", "name": "Bank", "linkedAccount": linked, **more}
    return {"ik": "assets", "name": "A", "type": "asset", "childLedgerAccounts": [child]}


USERS = {"ik": "users", "name": "Users", "type": "liability"}


@pytest.mark.parametrize("by_id", [True, False])
async def test_txs_are_reconciled_to_a_linked_account(rig: ReconcileRig, by_id: bool) -> None:
    link = await rig.bank()
    linked = {"linkId": link["id"], "externalId": "checking"}
    if by_id:
        linked = {"id": external_account_id(link["id"], "checking")}
    made = await create(rig, assets(linked), USERS)
    assert made["__typename"] == "CreateLedgerAccountsResult", made
    await rig.synced(tx("t1", 5), tx("t2", 6))
    lines = [
        {"account": {"path": "assets/bank"}, "tx": {"externalId": "t1"}},
        {"account": {"path": "users"}, "amount": "5"},
    ]
    result = await rig.reconciled(lines=lines, ledger=PLAIN)
    assert [each["amount"] for each in result["lines"]] == ["5", "5"]
    assert (await rig.reconciled(lines=lines, ledger=PLAIN))["isIkReplay"] is True
    rig.restart()
    again = await rig.reconciled(lines=lines, ledger=PLAIN)
    assert (again["isIkReplay"], again["entry"]) == (True, result["entry"])
    added = await rig.add("x", ledger=PLAIN, lines=[{**lines[0], "amount": "6"}, lines[1]])
    assert added["code"] == "linked_account_needs_reconcile_tx"
    child = {"ik": "c", "name": "C", "parent": {"path": "assets/bank"}}
    refused = await create(rig, child)
    assert refused["code"] == "bad_request"
    assert "Linked Ledger Account" in refused["message"]
    reversal = await rig.reverse(result["entry"]["id"])
    assert reversal["isIkReplay"] is False


async def test_an_external_account_may_come_later(rig: ReconcileRig) -> None:
    link = await rig.link()
    await create(rig, assets({"linkId": link["id"], "externalId": "checking"}), USERS)
    lines = [
        {"account": {"path": "assets/bank"}, "tx": {"externalId": "t1"}},
        {"account": {"path": "users"}, "amount": "5"},
    ]
    refused = await rig.reconcile(lines=lines, ledger=PLAIN)
    assert refused["code"] == "external_account_not_found"
    await rig.sync_accounts({"externalId": "checking", "name": "C", "currency": {"code": "EUR"}})
    await rig.synced(tx("t1", 5))
    refused = await rig.reconcile(lines=lines, ledger=PLAIN)
    assert refused["code"] == "tx_mismatch"
    assert "it is in USD, the Tx in EUR" in refused["message"]


async def test_links_that_cannot_be_are_refused(rig: ReconcileRig) -> None:
    link = (await rig.bank())["id"]
    checking = external_account_id(link, "checking")
    cases: list[tuple[dict[str, Any], str]] = [
        (assets({}), "invalid_match"),
        (assets({"externalId": "checking"}), "invalid_match"),
        (assets({"linkId": link}), "invalid_match"),
        (assets({"id": "checking"}), "external_account_not_found"),
        (assets({"linkId": "bank", "externalId": "checking"}), "external_account_not_found"),
        (assets({"linkId": link, "externalId": "a/b"}), "external_account_not_found"),
        (assets({"id": checking, "linkId": "0" * 32}), "external_account_not_found"),
        (assets({"id": checking, "externalId": "savings"}), "external_account_not_found"),
        (
            assets({"id": checking, "externalId": "savings", "linkId": link}),
            "external_account_not_found",
        ),
        (assets({"id": checking}, currency={"code": "EUR"}), "invalid_currency"),
        (
            assets({"id": checking}, childLedgerAccounts=[{"ik": "c", "name": "C"}]),
            "bad_request",
        ),
    ]
    before = rig.stored()
    for account, code in cases:
        assert (await create(rig, account))["code"] == code, account
    assert rig.stored() == before
    made = await create(rig, assets({"id": checking}, currencyMode="multi"))
    assert made["__typename"] == "CreateLedgerAccountsResult"
