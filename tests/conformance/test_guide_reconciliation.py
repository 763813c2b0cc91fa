"""The guide's documents that reconcile Txs, or read what is reconciled and what isn't."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from loadtests.common.api import Api
from loadtests.common.connection import Connection
from loadtests.common.system import System
from tests.conformance.command_line import twofold
from tests.conformance.guide_documents import CREATE as CREATE_LEDGER
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
TXS = """mutation sync($link: LinkMatchInput!, $txs: [CustomTxInput!]!) {
  syncCustomTxs(link: $link, txs: $txs) {
    ... on SyncCustomTxsResult { txs { id } } ... on Error { code message }
  }
}"""
LINKED = """query linked($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    name linkedAccount { externalId } link { id }
  }
}"""
OPERATING = "assets/operating"
CASH = "assets/bank/user-cash"
POSTED = "1968-01-01T16:45:00.000Z"
PAGE_INFO = {"hasNextPage": False, "endCursor": None, "hasPreviousPage": False, "startCursor": None}


class Bank(NamedTuple):
    """A Link with the guide's two bank accounts."""

    connection: Connection
    api: Api
    link: str
    accounts: list[str]

    def sync(self, external_id: str, amount: int, account: int = 1) -> str:
        """The id of a Tx in one of the accounts."""
        tx = {
            "account": {"externalId": f"bank-account-{account}"},
            "externalId": external_id,
            "description": f"Tx {external_id}",
            "amount": str(amount),
            "posted": POSTED,
        }
        result = self.api.mutate(TXS, {"link": {"id": self.link}, "txs": [tx]})
        found: str = result["txs"][0]["id"]
        return found


@pytest.fixture
def bank(system: System) -> Iterator[Bank]:
    guide = Guide(system.connection, "f")
    with guide.api as api:
        link = api.mutate(CREATE, {"ik": guide.own("ledger-ik")})["link"]["id"]
        given = [{"externalId": f"bank-account-{at}", "name": f"Bank {at}"} for at in (1, 2)]
        synced = api.mutate(ACCOUNTS, {"link": {"id": link}, "accounts": given})
        yield Bank(system.connection, api, link, [each["id"] for each in synced["accounts"]])


def opened(bank: Bank, section: str, ledger: str, schema: str = "schema") -> Guide:
    """A section with a ledger of its Schema, linked to the bank."""
    guide = Guide(bank.connection, section)
    guide.api = bank.api
    guide.call("some-link-id", bank.link)
    guide.make_ledger(ledger, schema)
    return guide


def reconciled(guide: Guide, name: str, named: str = "printed", **entry: Any) -> Any:
    """The result of a document that reconciles; `entry` changes the printed entry."""
    printed = guide.variables(name, named).get("entry", {})
    return guide.run(name, named, entry={**printed, **entry})["reconcileTx"]


# --- Linked Ledger Accounts -----------------------------------------------------------------------
@rule("guide F.d", "A Linked Ledger Account is linked by the ids that stand in its Schema")
@rule("guide F.d", "A Linked Ledger Account maps 1:1 to an account at the external system")
def test_an_account_is_linked_by_fixed_ids(bank: Bank) -> None:
    guide = opened(bank, "f", "ledger-ik", "d_hardcoded")
    asked = {"ik": guide.own("ledger-ik"), "path": "assets-root/operating"}
    assert bank.api.execute(LINKED, asked)["ledgerAccount"] == {
        "name": "Operating Bank",
        "linkedAccount": {"externalId": "bank-account-1"},
        "link": {"id": bank.link},
    }


@rule("guide F.d", "store-schema replaces ${ENV_VAR} in linkedAccount, so that each environment "
      "has its own External Accounts")  # fmt: skip
def test_an_account_is_linked_by_the_environment(bank: Bank, tmp_path: Path) -> None:
    guide = Guide(bank.connection, "f")
    document = guide.own(guide.schema("d_environment"))
    file = tmp_path / "fragment.jsonc"
    file.write_text(json.dumps(document), encoding="utf-8")
    ids = {"BANK_LINK_ID": bank.link, "BANK_ACCOUNT_ID": "bank-account-2"}
    twofold(bank.connection, "store-schema", "--path", file, **ids)
    ik = guide.own("ledger-ik")
    made = {"ik": ik, "ledger": {"name": "Guide"}, "key": document["key"]}
    bank.api.mutate(CREATE_LEDGER, made)
    found = bank.api.execute(LINKED, {"ik": ik, "path": "assets-root/operating"})["ledgerAccount"]
    assert (found["linkedAccount"], found["link"]) == (
        {"externalId": "bank-account-2"},
        {"id": bank.link},
    )


@rule("guide F.d", "A template's linkedAccount is parameterized; posting to it takes them")
def test_an_account_is_linked_by_parameters(bank: Bank) -> None:
    guide = opened(bank, "f", "ledger-ik", "d_parameters")
    bank.sync("tx-p", 70, account=2)
    ids = {"BANK_LINK_ID": bank.link, "BANK_ACCOUNT_ID": "bank-account-2"}
    parameters = {"customer": "ann", "bank_transaction_id": "tx-p"}
    entry = {"type": "customer-bank", "ledger": {"ik": "ledger-ik"}}
    lacking = reconciled(guide, "g_reconcile_tx", **entry, parameters=parameters)
    assert lacking["code"] == "missing_parameter"
    found = reconciled(guide, "g_reconcile_tx", **entry, parameters={**parameters, **ids})
    path = "assets-root/operating:ann"
    assert [(each["account"]["path"], each["amount"]) for each in found["lines"]] == [
        (path, "70"), ("income", "70"),
    ]  # fmt: skip
    asked = {"ik": guide.own("ledger-ik"), "path": path}
    shown = bank.api.execute(LINKED, asked)["ledgerAccount"]
    assert (shown["linkedAccount"], shown["link"]) == (
        {"externalId": "bank-account-2"},
        {"id": bank.link},
    )


# --- Reconciling ----------------------------------------------------------------------------------
@rule("guide E.c", "The example of reconcileTx answers with the Tx's ik and posted")
def test_the_guide_s_linked_entry_is_reconciled(bank: Bank) -> None:
    guide = opened(bank, "e", "ledger-ik", "linked")
    bank.sync("tx_1234", 500)
    name, parameters = "c_reconcile_tx", {"bank_transaction_id": "tx_1234"}
    assert reconciled(guide, name)["code"] == "missing_parameter"  # some_amount
    found = reconciled(guide, name, parameters={**parameters, "some_amount": "500"})
    assert found["entry"].pop("created") > POSTED
    lines = [{"amount": "500", "currency": {"code": "USD"}}] * 2
    first = {"__typename": "ReconcileTxResult", "isIkReplay": False, "lines": lines,
             "entry": {"ik": "tx_1234", "posted": POSTED}}  # fmt: skip
    assert found == first
    again = reconciled(guide, name, parameters={**parameters, "some_amount": "500"})
    assert again["entry"].pop("created")
    assert again == {**first, "isIkReplay": True}


@rule("guide F.g", "The example of reconcileTx posts the type's entry for the Tx")
def test_the_guide_s_tx_is_reconciled(bank: Bank) -> None:
    guide = opened(bank, "f", "ledger-ik")
    bank.sync("tx_12345", 900)
    name = "g_reconcile_tx"
    assert reconciled(guide, name)["code"] == "ledger_entry_type_not_found"
    parameters = {"user_id": "customer-1", "funding_amount": "900"}
    found = reconciled(
        guide,
        name,
        type="user_funds_account_via_link",
        parameters={**parameters, "bank_transaction_id": "tx_12345"},
    )
    described = {"description": "Funding customer-1 for 900", "amount": "900"}
    assert found["entry"].pop("created")
    assert found == {
        "entry": {"type": "user_funds_account_via_link", "posted": POSTED},
        "lines": [
            {**described, "key": "funds_arrive_in_bank", "account": {"path": OPERATING}},
            {**described, "key": "increase_user_balance",
             "account": {"path": "liabilities/users:customer-1/available"}},
        ],
    }  # fmt: skip


@rule("guide F.g", "The example with several Txs reconciles both ends of a book transfer")
def test_the_guide_s_book_transfer_is_reconciled(bank: Bank) -> None:
    guide = opened(bank, "f", "ledger-ik", "several_txs")
    ids = [bank.sync("tx-book", 250, 1), bank.sync("tx-book", -250, 2)]
    parameters = {"user_id": "u", "funding_amount": "250", "bank_transaction_id": "tx-book"}
    found = reconciled(
        guide, "g_reconcile_tx", type="user_funds_account_via_link", parameters=parameters
    )
    assert [(each["account"]["path"], each["amount"]) for each in found["lines"]] == [
        ("assets/operating-bank-account", "250"),
        ("assets/holding-bank-account", "-250"),
    ]
    query = """query tx($id: ID!) { tx(tx: {id: $id}) { ledgerLines {
      nodes { amount account { path } } } } }"""
    shown = [bank.api.execute(query, {"id": each})["tx"]["ledgerLines"]["nodes"] for each in ids]
    assert shown == [
        [{"amount": "250", "account": {"path": "assets/operating-bank-account"}}],
        [{"amount": "-250", "account": {"path": "assets/holding-bank-account"}}],
    ]


@rule("guide I.e", "The example reads the ik of a reconciled entry: the Tx's externalId")
def test_the_guide_s_ik_of_a_reconciled_entry(bank: Bank) -> None:
    guide = opened(bank, "i", "quickstart-ledger", "linked")
    bank.sync("tx-1", 30)
    entry = {"type": "user_funding", "ledger": {"ik": "quickstart-ledger"}}
    parameters = {"txId": "tx-1", "customerId": "customer-1"}
    found = reconciled(guide, "e_reconcile_tx", **entry, parameters=parameters)
    assert found["entry"].pop("created")
    assert found == {
        "entry": {"ik": "tx-1", "type": "user_funding", "posted": POSTED},
        "lines": [
            {"amount": "30", "account": {"path": CASH}},
            {"amount": "30", "account": {"path": "liabilities/users:customer-1/available"}},
        ],
    }


# --- Reading --------------------------------------------------------------------------------------
@rule("guide F.h", "The example lists the unreconciled Txs of a Linked Ledger Account")
def test_the_guide_s_unreconciled_txs(bank: Bank) -> None:
    guide = opened(bank, "f", "ledger-ik")
    one, two = bank.sync("tx-1", 100), bank.sync("tx-2", 200)
    name = "h_get_unreconciled_txs"
    assert guide.refusal(name, "printed") == "invalid_match"  # the Ledger is left open
    asked = {"path": OPERATING, "ledger": {"ik": "ledger-ik"}}

    def read() -> Any:
        found = guide.run(name, "printed", ledgerAccount=asked)["ledgerAccount"]
        listed = found["unreconciledTxs"]
        return sorted(listed["nodes"], key=lambda node: str(node["externalId"])), listed["pageInfo"]

    nodes = [
        {"id": each, "externalId": external, "description": f"Tx {external}", "amount": amount,
         "externalAccountId": "bank-account-1"}
        for each, external, amount in ((one, "tx-1", "100"), (two, "tx-2", "200"))
    ]  # fmt: skip
    info = {"hasNextPage": False, "endCursor": None}
    eventually(read, (nodes, info))
    parameters = {"user_id": "u", "funding_amount": "", "bank_transaction_id": "tx-1"}
    reconciled(guide, "g_reconcile_tx", type="user_funds_account_via_link", parameters=parameters)
    eventually(read, (nodes[1:], info))


@rule("guide I.i", "The example lists the unreconciled Txs of a Linked Ledger Account in pages")
def test_the_guide_s_pages_of_unreconciled_txs(bank: Bank) -> None:
    guide = opened(bank, "i", "quickstart-ledger", "linked")
    tx = bank.sync("tx-1", 100)
    name = "i_get_unreconciled_txs"
    assert guide.refusal(name, "printed") == "bad_request"  # times where cursors are asked for

    def read() -> Any:
        return guide.run(name, "printed", after=None, before=None)["ledgerAccount"]

    node = {
        "id": tx, "description": "Tx tx-1", "amount": "100", "currency": {"code": "USD"},
        "externalId": "tx-1", "link": {"id": "some-link-id"},
        "externalAccount": {"id": bank.accounts[0], "externalId": "bank-account-1"},
    }  # fmt: skip
    eventually(read, {"path": CASH, "unreconciledTxs": {"nodes": [node], "pageInfo": PAGE_INFO}})


@rule("guide I.h", "The example lists the Ledger Accounts that are linked to an External Account")
def test_the_guide_s_linked_accounts(bank: Bank) -> None:
    guide = opened(bank, "i", "quickstart-ledger", "linked")
    asked = {"externalId": "bank-account-1", "linkId": "some-link-id"}

    def read() -> Any:
        name = "h_get_external_account_linked_accounts"
        return guide.run(name, "printed", externalAccount=asked)["externalAccount"]

    link = {"__typename": "CustomLink", "id": "some-link-id", "name": "Guide Bank"}
    nodes = [{"path": CASH, "name": "User cash", "type": "asset"}]
    eventually(
        read,
        {"externalId": "bank-account-1", "name": "Bank 1", "link": link,
         "ledgerAccounts": {"nodes": nodes, "pageInfo": PAGE_INFO}},
    )  # fmt: skip


def test_the_guide_s_placeholders_name_nothing(bank: Bank) -> None:
    guide = opened(bank, "i", "quickstart-ledger", "linked")
    name = "h_get_external_account_linked_accounts"
    assert guide.run(name, "printed") == {"externalAccount": None}
