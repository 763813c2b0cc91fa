"""The guide's documents of sections F and I about External Accounts and Txs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from loadtests.common.system import System
from tests.conformance.guide_documents import Guide, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

CREATE = """mutation create($ik: SafeString!) {
  createCustomLink(ik: $ik, name: "Guide Bank") {
    ... on CreateCustomLinkResult { link { id } } ... on Error { code message }
  }
}"""
ACCOUNTS = """mutation sync($link: LinkMatchInput!, $accounts: [CustomAccountInput!]!) {
  syncCustomAccounts(link: $link, accounts: $accounts) {
    ... on SyncCustomAccountsResult { accounts { id } } ... on Error { code message }
  }
}"""
ACCOUNT = "bank-account-1"


class Bank(NamedTuple):
    """A Link with the guide's two accounts and Txs, and the guide's documents about it."""

    link: str
    accounts: list[str]
    txs: list[dict[str, Any]]
    reading: Guide
    syncing: Guide


@pytest.fixture(scope="module")
def bank(system: System) -> Iterator[Bank]:
    reading, syncing = Guide(system.connection, "i"), Guide(system.connection, "f")
    with reading.api, syncing.api:
        link = reading.api.mutate(CREATE, {"ik": reading.own("ledger-ik")})["link"]["id"]
        given = [{"externalId": f"bank-account-{at}", "name": f"Bank {at}"} for at in (1, 2)]
        asked = {"link": {"id": link}, "accounts": given}
        accounts = [each["id"] for each in reading.api.mutate(ACCOUNTS, asked)["accounts"]]
        synced = syncing.run("f_sync_transactions", "printed", link={"id": link})["syncCustomTxs"]
        assert synced["__typename"] == "SyncCustomTxsResult"
        yield Bank(link, accounts, synced["txs"], reading, syncing)


@rule("guide F.f", "The example of syncCustomTxs answers with the Txs as they were given")
def test_the_guide_s_txs_are_synced(bank: Bank) -> None:
    assert [{name: tx[name] for name in tx if name != "id"} for tx in bank.txs] == [
        {"externalId": "tx-1", "amount": "-100", "date": "1968-01-01",
         "description": "Processed ACH batch"},
        {"externalId": "tx-2", "amount": "100", "date": "1968-01-01",
         "description": "Received RTP payment"},
    ]  # fmt: skip
    link = {"id": bank.link}
    again = bank.syncing.run("f_sync_transactions", "printed", link=link)["syncCustomTxs"]
    assert again["txs"] == bank.txs


@rule("guide I.h", "The examples look an External Account up by its ids outside and by its own")
def test_the_guide_s_account_is_found(bank: Bank) -> None:
    shown = {"__typename": "CustomLink", "id": bank.link, "name": "Guide Bank"}
    outside = {"externalId": ACCOUNT, "linkId": bank.link}
    found = bank.reading.run("h_get_external_account", "printed", **outside)
    assert found["externalAccount"] == {"name": "Bank 1", "link": shown}
    found = bank.reading.run("h_get_external_account_2", "printed", id=bank.accounts[0])
    assert found["externalAccount"] == {"name": "Bank 1", "link": shown, **outside}


@rule("guide I.h", "The example lists an account's Txs")
def test_the_guide_s_txs_are_listed(bank: Bank) -> None:
    name, match = "h_list_external_account_txs", {"externalId": ACCOUNT, "linkId": bank.link}
    assert bank.reading.refusal(name, "printed", externalAccount=match) == "bad_request"

    def read() -> Any:
        asked = {"externalAccount": match, "after": None, "before": None}
        return bank.reading.run(name, "printed", **asked)["externalAccount"]["txs"]

    info = {"hasNextPage": False, "endCursor": None, "hasPreviousPage": False, "startCursor": None}
    eventually(read, {"nodes": [{"externalId": "tx-1"}], "pageInfo": info})


@rule("guide I.i", "The examples look a Tx up by its ids outside and by its own")
def test_the_guide_s_tx_is_found(bank: Bank) -> None:
    outside = {"externalAccountId": ACCOUNT, "linkId": bank.link}
    assert bank.reading.refusal("i_get_tx", "printed", **outside) == "bad_user_input"
    found = bank.reading.run("i_get_tx", "printed", **outside, externalId="tx-1")["tx"]
    assert found == {
        "id": bank.txs[0]["id"], "description": "Processed ACH batch", "amount": "-100",
        "currency": {"code": "USD"}, "externalId": "tx-1", "link": {"id": bank.link},
        "externalAccount": {"id": bank.accounts[0], "externalId": ACCOUNT},
    }  # fmt: skip
    by_id = bank.reading.run("i_get_tx_2", "printed", id=bank.txs[0]["id"])["tx"]
    assert by_id == found
