"""reconcileTx by the official client: what was synced from a bank becomes entries, once each."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode
from fragment.sdk.input_types import (
    CurrencyMatchInput,
    CustomAccountInput,
    LedgerAccountMatchInput,
    LedgerEntryInput,
    LedgerLineInput,
    TxMatchInput,
)

from tests.conformance.asking import ask
from tests.conformance.remaining import document, kind, line, opened, own, unposted
from tests.conformance.rules import rule
from tests.conformance.test_links import bank, made, sync, synced, tx

# What both clients do alike is shown by test_links.py: here one of them is enough.
pytestmark = [pytest.mark.engines, pytest.mark.parametrize("client", ["async"], indirect=True)]

ASK = """mutation reconcile($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) {
    __typename
    ... on ReconcileTxResult {
      isIkReplay entry { id ik posted type } lines { amount txId account { path } }
    }
    ... on Error { code message }
  }
}"""
CREATE_PLAIN = """mutation plain($ik: SafeString!) {
  createLedger(ik: $ik, ledger: {name: "Plain"}) { __typename ... on Error { code message } }
}"""
CREATE_ACCOUNTS = """mutation all($ledger: LedgerMatchInput!, $link: ID!) {
  createLedgerAccounts(ledger: $ledger, ledgerAccounts: [
    {ik: "bank", name: "Bank", type: asset, linkedAccount: {linkId: $link, externalId: "one"}}
    {ik: "users", name: "Users", type: liability}
  ]) { __typename ... on Error { code message } }
}"""
USER = "debts/users:{{user}}"
HOUR = "1968-01-01T16:45:00.000Z"


def linked_line(key: str, path: str, **tx: str) -> dict[str, Any]:
    return line(key, path, None, tx=tx or {"externalId": "{{tx}}"})


def user_line(amount: str | None = None) -> dict[str, Any]:
    return line("user", USER, amount)


TYPES = (
    kind("fund", linked_line("in", "assets/one"), user_line()),
    kind(
        "fund_amount",
        {**linked_line("in", "assets/one"), "amount": "{{amount}}"},
        user_line("{{amount}}"),
    ),
    kind("by_id", linked_line("in", "assets/one", id="{{tx}}"), user_line()),
    kind("book_transfer", linked_line("in", "assets/one"), linked_line("out", "assets/two")),
    kind(
        "many",
        {**linked_line("in", "assets/one", externalId="{{txs.id}}"), "repeated": {"key": "txs"}},
        user_line(),
    ),
    kind("card", linked_line("in", "assets/cards:{{card}}"), user_line()),
    kind("by_hand"),
)


def linked_schema(link: str, **linked: str) -> dict[str, Any]:
    """`assets/one` and `assets/two` are linked to the bank's accounts, cards as they are told."""
    schema = document(*TYPES)
    children = schema["chartOfAccounts"]["accounts"][0]["children"]
    named = linked or {"linkId": link}
    for each in ("one", "two"):
        children.append({"key": each, "linkedAccount": {"externalId": each, **named}})
    card = {"linkId": "{{LINK_ID}}", "externalId": "{{CARD_ACCOUNT}}"}
    children.append({"key": "cards", "template": True, "linkedAccount": card})
    users = schema["chartOfAccounts"]["accounts"][1]["children"][0]
    del users["name"]
    return schema


class Books:
    """A ledger linked to a bank with two accounts, asked by the official client."""

    def __init__(self, client: Any, link: str, ledger: str) -> None:
        self.client, self.link, self.ledger = client, link, ledger

    async def txs(self, *txs: Any) -> list[Any]:
        return await synced(self.client, self.link, *txs)

    async def ask(self, type: str, **parameters: Any) -> Any:
        answer = await self.client.reconcile_tx(self.ledger, type, parameters)
        return answer.reconcile_tx

    async def reconciled(self, type: str, **parameters: Any) -> Any:
        result = await self.ask(type, **parameters)
        assert result.typename__ == "ReconcileTxResult", getattr(result, "message", result)
        return result

    async def refused(self, type: str, **parameters: Any) -> str:
        result = await self.ask(type, **parameters)
        assert result.typename__ == "BadRequestError", result
        return str(result.code)

    async def raw(self, **entry: Any) -> Any:
        body = {"ledger": {"ik": self.ledger}, **entry}
        return (await ask(self.client, ASK, entry=body))["reconcileTx"]

    async def balance(self, user: str) -> int:
        return await own(self.client, self.ledger, f"debts/users:{user}")


@pytest.fixture
async def books(client: Any) -> Books:
    link = await bank(client, "one", "two")
    return Books(client, link, await opened(client, linked_schema(link)))


@rule("guide E.c", "An entry to a Linked Ledger Account is posted by reconcileTx")
@rule("guide F.g", "ik and posted of the entry are those of the Tx")
@rule("guide F.g", "A line without an amount has that of its Tx")
@rule("reference 5 Idempotency", "reconcileTx replays by its Tx, whose externalId is the ik")
async def test_a_tx_becomes_an_entry_once(books: Books) -> None:
    (synced_tx,) = await books.txs(tx("t", 250, posted=HOUR))
    result = await books.reconciled("fund", tx="t", user="ann")
    assert (result.entry.ik, result.entry.posted) == ("t", HOUR)
    shown = [(each.account.path, each.amount, each.external_tx_id) for each in result.lines]
    assert shown == [("assets/one", "250", "t"), ("debts/users:ann", "250", None)]
    again = await books.reconciled("fund", tx="t", user="bob")
    assert again == result
    entry = {"type": "fund", "parameters": {"tx": "t", "user": "ann"}}
    assert (await books.raw(**entry))["isIkReplay"] is True
    assert (await books.raw(**entry))["lines"][0]["txId"] == synced_tx.id
    assert await books.balance("ann") == 250


@rule("guide F.g", "A line on a Linked Ledger Account must match its Tx 1:1 in amount")
@rule("reference 9 Links", "A reconciled Tx can't be deleted, and a deleted one not reconciled")
async def test_a_line_matches_its_tx(books: Books) -> None:
    one, gone = await books.txs(tx("t", -40), tx("gone", 1))
    assert await books.refused("fund_amount", tx="t", user="ann", amount="40") == "tx_mismatch"
    await books.reconciled("fund_amount", tx="t", user="ann", amount="-40")
    assert await books.balance("ann") == -40
    assert await books.refused("fund", tx="none", user="ann") == "tx_not_found"
    deleted = (await books.client.delete_custom_txs([gone.id])).delete_custom_txs
    assert deleted.typename__ == "DeleteCustomTxsResult"
    assert await books.refused("fund", tx="gone", user="ann") == "tx_deleted"
    kept = (await books.client.delete_custom_txs([one.id])).delete_custom_txs
    assert kept.code == "tx_reconciled"


@rule("guide F.g", "Several Txs are reconciled by one entry if they have the same posted")
@rule("guide F.g", "Several Txs are reconciled by one entry only within one Link")
@rule("reference 8 Posting", "reconcileTx refuses posted")
async def test_several_txs_are_one_entry(books: Books) -> None:
    later = "1968-01-01T16:45:01.000Z"
    one, two, _, _ = await books.txs(
        tx("t", 30, posted=HOUR), tx("t", -30, "two", posted=HOUR),
        tx("u", 5, posted=HOUR), tx("u", -5, "two", posted=later),
    )  # fmt: skip
    result = await books.reconciled("book_transfer", tx="t")
    assert [(each.amount, each.external_tx_id) for each in result.lines] == [
        ("30", "t"), ("-30", "t"),
    ]  # fmt: skip
    entry = {"type": "book_transfer", "parameters": {"tx": "t"}}
    assert [each["txId"] for each in (await books.raw(**entry))["lines"]] == [one.id, two.id]
    assert (await books.raw(**entry, posted=HOUR))["code"] == "bad_request"
    assert await books.refused("book_transfer", tx="u") == "txs_not_together"
    other = (await made(books.client, f"link-{uuid4().hex[:12]}")).link.id
    given = [CustomAccountInput(externalId="card", name="Card")]
    await books.client.sync_custom_accounts(other, given)
    await synced(books.client, other, tx("u", -5, "card", posted=HOUR))
    card = {"LINK_ID": other, "CARD_ACCOUNT": "card"}
    assert (await books.raw(
        type="card", parameters={"card": "c", "tx": "u", "user": "ann", **card}
    ))["__typename"] == "ReconcileTxResult"  # fmt: skip
    await synced(books.client, other, tx("v", -5, "card", posted=HOUR))
    await books.txs(tx("v", 5, posted=HOUR))
    lines = [
        {"account": {"path": path}, "tx": {"externalId": "v"}}
        for path in ("assets/one", "assets/cards:c")
    ]
    assert (await books.raw(lines=lines))["code"] == "txs_not_together"


@rule("reference 9 Links", "Repeated lines account for a Tx each")
@rule("reference 9 Links", "A Tx that another entry accounts for is refused by name")
async def test_repeated_lines_have_a_tx_each(books: Books) -> None:
    await books.txs(*[tx(f"t{at}", at) for at in range(1, 6)])
    result = await books.reconciled(
        "many", txs=[{"id": f"t{at}"} for at in range(1, 5)], user="ann"
    )
    assert [each.amount for each in result.lines] == ["1", "2", "3", "4", "10"]
    both = await books.ask("many", txs=[{"id": "t4"}, {"id": "t5"}], user="ann")
    assert both.code == "tx_already_reconciled"
    assert result.entry.id in both.message
    assert await books.refused("many", txs=[{"id": "t5"}] * 2, user="ann") == "tx_duplicate"
    assert await books.balance("ann") == 10


@rule("reference 8 Posting", "A line names its Tx by id, or by externalId in its linked account")
@rule("reference 8 Posting", "An entry that reconciles nothing is for addLedgerEntry")
async def test_lines_are_given_at_runtime(books: Books) -> None:
    one, two = await books.txs(tx("t", 12), tx("t", 12, "two"))

    async def ask_for(match: TxMatchInput | None, amount: str = "12") -> Any:
        lines = [
            LedgerLineInput(account=LedgerAccountMatchInput(path="assets/one"), tx=match),
            LedgerLineInput(account=LedgerAccountMatchInput(path="debts/users:ann"), amount=amount),
        ]
        answer = await books.client.reconcile_tx_runtime(books.ledger, "by_hand", lines)
        return answer.reconcile_tx

    assert (await ask_for(TxMatchInput(id=two.id))).code == "tx_mismatch"
    assert (await ask_for(TxMatchInput(externalId="t", linkId="x"))).code == "tx_mismatch"
    assert (await ask_for(None)).code == "tx_required"
    assert (await ask_for(TxMatchInput(id=one.id), "11")).code == "invalid_entry_balance"
    result = await ask_for(TxMatchInput(externalId="t", externalAccountId="one", linkId=books.link))
    assert [each.amount for each in result.lines] == ["12", "12"]
    assert (await ask_for(TxMatchInput(id=one.id))).entry == result.entry
    by_id = await books.reconciled("by_id", tx=one.id, user="ann")
    assert by_id.entry.id == result.entry.id
    only = {"account": {"path": "assets/cash"}, "amount": "1"}
    fee = {"account": {"path": "income/fees"}, "amount": "1"}
    assert (await books.raw(lines=[only, fee]))["code"] == "entry_needs_add_ledger_entry"
    parameters = {"tx": "t", "user": "ann"}
    code = await unposted(books.client, books.ledger, type="fund", parameters=parameters)
    assert code == "linked_account_needs_reconcile_tx"


@rule("guide F.d", "A template's linkedAccount is filled in when it is first reconciled")
@rule("reference 9 Links", "A Tx is reconciled once for each Ledger Account linked to its account")
async def test_a_template_is_linked_by_its_parameters(books: Books) -> None:
    await books.txs(tx("t", 9), tx("u", 1, "two"))
    linked = {"LINK_ID": books.link, "CARD_ACCOUNT": "one"}
    first = await books.reconciled("card", card="c", tx="t", user="ann", **linked)
    assert first.lines[0].account.path == "assets/cards:c"
    other = {**linked, "CARD_ACCOUNT": "two"}
    code = await books.refused("card", card="c", tx="u", user="ann", **other)
    assert code == "linked_account_conflict"
    assert await books.refused("card", card="c", tx="t", user="ann") == "missing_parameter"
    second = await books.reconciled("fund", tx="t", user="bob")
    assert second.entry.id != first.entry.id
    assert [await books.balance(each) for each in ("ann", "bob")] == [9, 9]


@rule("guide F.d", "linkedAccount names its Link by id or by ik")
@rule("reference 9 Links", "A Schema may name an External Account that is synced later")
@rule("reference 9 Links", "The line's currency must be that of its Tx")
async def test_a_link_is_named_by_its_ik(client: Any) -> None:
    ik = f"link-{uuid4().hex[:12]}"
    schema = linked_schema("", linkIk=ik, linkType="CustomLink")
    books = Books(client, "", await opened(client, schema))
    assert await books.refused("fund", tx="t", user="ann") == "external_account_not_found"
    books.link = (await made(client, ik)).link.id
    euro = CurrencyMatchInput(code=CurrencyCode.EUR)
    given = [
        CustomAccountInput(externalId="one", name="One"),
        CustomAccountInput(externalId="two", name="Two", currency=euro),
    ]
    await client.sync_custom_accounts(books.link, given)
    await books.txs(tx("t", 3), tx("t", -3, "two"))
    assert await books.refused("book_transfer", tx="t") == "tx_mismatch"
    result = await books.reconciled("fund", tx="t", user="ann")
    assert [each.amount for each in result.lines] == ["3", "3"]


@rule("reference 8 Reversal", "Reversing an entry frees its Txs; reposting goes on with its ik")
@rule("reference 8 Migration", "A migrated entry may take the Txs of the old one over")
async def test_a_reversal_frees_its_txs(books: Books) -> None:
    (one,) = await books.txs(tx("t", 6))
    first = (await books.reconciled("fund", tx="t", user="ann")).entry
    reversal = (await books.client.reverse_ledger_entry(first.id)).reverse_ledger_entry
    assert reversal.typename__ == "ReverseLedgerEntryResult"
    second = (await books.reconciled("fund", tx="t", user="bob")).entry
    assert (second.ik, second.id != first.id) == ("t", True)
    new = LedgerEntryInput(type="fund_amount", parameters={"tx": "t", "user": "cy", "amount": "6"})
    moved = (await books.client.migrate_ledger_entry(second.id, new)).migrate_ledger_entry
    assert moved.typename__ == "MigrateLedgerEntryResult", moved
    assert [await books.balance(each) for each in ("ann", "bob", "cy")] == [0, 0, 6]
    assert (
        await books.reconciled("fund", tx="t", user="ann")
    ).entry.id == moved.new_ledger_entry.id
    await books.client.reverse_ledger_entry(moved.new_ledger_entry.id)
    deleted = (await books.client.delete_custom_txs([one.id])).delete_custom_txs
    assert deleted.typename__ == "DeleteCustomTxsResult"


@rule("guide F.g", "Clients that reconcile a Tx at once make one entry")
async def test_reconciling_at_once_makes_one_entry(books: Books) -> None:
    await books.txs(*[tx(f"t{at}", 1) for at in range(8)])
    asked = [books.reconciled("fund", tx=f"t{at % 8}", user="ann") for at in range(32)]
    results = await asyncio.gather(*asked)
    for at in range(8):
        assert len({each.entry.id for each in results[at::8]}) == 1
    assert await books.balance("ann") == 8


@rule("reference 8 Conditions", "A condition on a Linked Ledger Account is refused")
async def test_linked_accounts_have_no_conditions(books: Books) -> None:
    await books.txs(tx("t", 5))
    parameters = {"tx": "t", "user": "ann"}
    for path, code in (("assets/one", "invalid_condition"), (
        "debts/users:ann", "conditional_request_failed",
    )):  # fmt: skip
        condition = {"account": {"path": path}, "postcondition": {"ownBalance": {"gte": "6"}}}
        answer = await books.raw(type="fund", parameters=parameters, conditions=[condition])
        assert answer["code"] == code
    await books.reconciled("fund", **parameters)


@rule("reference 9 Links", "An account of a Ledger without a Schema is linked when it is created")
async def test_a_ledger_without_a_schema_is_linked(client: Any) -> None:
    link = await bank(client, "one")
    ik = f"ledger-{uuid4().hex[:12]}"
    await ask(client, CREATE_PLAIN, ik=ik)
    made_ = await ask(client, CREATE_ACCOUNTS, ledger={"ik": ik}, link=link)
    assert made_["createLedgerAccounts"]["__typename"] == "CreateLedgerAccountsResult", made_
    assert (await sync(client, link, tx("t", 4))).typename__ == "SyncCustomTxsResult"
    books = Books(client, link, ik)
    lines = [
        {"account": {"path": "bank"}, "tx": {"externalId": "t"}},
        {"account": {"path": "users"}, "amount": "4"},
    ]
    assert (await books.raw(lines=lines))["isIkReplay"] is False
    assert (await books.raw(lines=lines))["isIkReplay"] is True
