"""What is reconciled and what isn't, read back: Linked Ledger Accounts, their External Accounts and
Txs, entries and lines. All through the official client.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CustomAccountInput,
    CustomTxInput,
    ExternalAccountMatchInput,
    LedgerAccountMatchInput,
    LedgerLineInput,
    SchemaInput,
    TxMatchInput,
)

from tests.conformance.asking import ask, eventually
from tests.conformance.books import iso
from tests.conformance.reading import refusal
from tests.conformance.rules import rule
from tests.conformance.statements import Statements

pytestmark = pytest.mark.engines

BANK, SAVINGS, FEES = "assets/bank", "assets/savings", "income/fees"
START = datetime(1968, 1, 1, 16, 45, tzinfo=UTC)
OF = "ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path})"
PAGE_INFO = "pageInfo { hasNextPage endCursor hasPreviousPage startCursor }"
UNRECONCILED = f"""query txs(
  $ik: SafeString!, $path: String!, $first: Int, $after: String, $last: Int, $before: String
  $filter: LedgerAccountUnreconciledTxsFilterSet
) {{
  {OF} {{
    unreconciledTxs(
      first: $first, after: $after, last: $last, before: $before, filter: $filter
    ) {{
      nodes {{ externalId amount link {{ id }} externalAccount {{ externalId }} }} {PAGE_INFO}
    }}
  }}
}}"""
TX = """query tx($id: ID!) {
  tx(tx: {id: $id}) {
    ledgerEntryIds ledgerLineIds
    ledgerEntries { nodes { id ik ledger { ik } } }
    ledgerLines { nodes { id amount account { path } ledger { ik } tx { id } } }
  }
}"""
LINES = f"""query lines($ik: SafeString!, $path: String!, $filter: LedgerLinesFilterSet) {{
  {OF} {{ lines(filter: $filter) {{ nodes {{
    amount txId externalTxId tx {{ id externalId amount posted externalAccount {{ externalId }} }}
  }} }} }}
}}"""
LINKED = f"""query linked($ik: SafeString!, $path: String!) {{
  {OF} {{ linkedAccount {{ id externalId name linkId }} link {{ __typename id name }} }}
}}"""
ACCOUNTS = """query accounts($ik: SafeString!, $filter: LedgerAccountsFilterSet) {
  ledger(ledger: {ik: $ik}) { ledgerAccounts(filter: $filter) { nodes { path } } }
}"""
LEDGER_ACCOUNTS = f"""query accounts(
  $match: ExternalAccountMatchInput!, $first: Int, $after: String, $before: String
) {{
  externalAccount(externalAccount: $match) {{
    ledgerAccounts(first: $first, after: $after, before: $before) {{
      nodes {{ path created ledger {{ ik }} }} {PAGE_INFO}
    }}
  }}
}}"""
RECONCILE = """mutation reconcile($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) {
    __typename
    ... on ReconcileTxResult { isIkReplay entry { id } }
    ... on Error { code message }
  }
}"""
OWN = f"query own($ik: SafeString!, $path: String!) {{ {OF} {{ ownBalance }} }}"


def schema(link: str, ik: str) -> dict[str, Any]:
    """A bank by its Link's id, savings by the Link's ik; types that reconcile one Tx or two."""
    tx = {"externalId": "{{tx}}"}
    bank = {"key": "bank", "account": {"path": BANK}, "tx": tx}
    user = {"key": "user", "account": {"path": "debts/users:{{user}}"}}
    by_ik = {"linkIk": ik, "linkType": "CustomLink", "externalId": "savings"}
    assets = [
        {"key": "bank", "linkedAccount": {"linkId": link, "externalId": "checking"}},
        {"key": "savings", "linkedAccount": by_ik},
        {"key": "cash"},
        {
            "key": "other",
            "template": True,
            "linkedAccount": {"linkId": "{{link}}", "externalId": "{{account}}"},
        },
    ]
    parts = [
        {**bank, "key": part, "tx": {"externalId": f"{{{{txn}}}}_{part}"}}
        for part in ("gross", "fee")
    ]
    second = {"key": "second", "tx": {"externalId": "{{second}}"}}
    elsewhere = {**second, "account": {"path": "assets/other:{{account}}"}}
    return {
        "key": f"reading-links-{uuid4().hex[:12]}",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [
                {"key": "assets", "type": "asset", "children": assets},
                {"key": "debts", "type": "liability",
                 "children": [{"key": "users", "template": True}]},
                {"key": "income", "type": "income", "children": [{"key": "fees"}]},
            ],
        },
        "ledgerEntries": {
            "types": [
                {"type": "receipt", "description": "From {{user}}", "lines": [bank, user]},
                {"type": "charge", "lines": [*parts, user]},
                {"type": "two", "lines": [bank, {**second, "account": {"path": BANK}}, user]},
                {"type": "two_banks", "lines": [bank, elsewhere, user]},
                {"type": "by_hand"},
            ]
        },
    }  # fmt: skip


# What is read twice, by either client, is written once: these wait for the index several times.
BY_ONE_CLIENT = pytest.mark.parametrize("client", ["sync"], indirect=True)


def tx(name: str, amount: int, posted: datetime, account: str = "checking") -> CustomTxInput:
    return CustomTxInput(
        account=ExternalAccountMatchInput(externalId=account),
        externalId=name,
        amount=str(amount),
        description=f"Tx {name}",
        posted=iso(posted),
    )


class Desk:
    """One Link with two accounts, its Schema, and what is asked of them through the client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.ik = f"link-{uuid4().hex[:12]}"

    async def open(self) -> "Desk":
        """Makes them, and itself ready."""
        client = self.client
        self.link = (await client.create_custom_link("Bank", self.ik)).create_custom_link.link.id
        given = [CustomAccountInput(externalId=name, name=name) for name in ("checking", "savings")]
        await client.sync_custom_accounts_by_link_ik(self.ik, given)
        self.schema = schema(self.link, self.ik)
        stored = (await client.store_schema(SchemaInput.model_validate(self.schema))).store_schema
        assert stored.typename__ == "StoreSchemaResult", stored
        return self

    async def ledger(self) -> str:
        """The ik of a fresh Ledger of the Schema."""
        ik = f"ledger-{uuid4().hex[:12]}"
        given = CreateLedgerInput(name="Reading")
        made = (await self.client.create_ledger(ik, given, self.schema["key"])).create_ledger
        assert made.typename__ == "CreateLedgerResult", made
        return ik

    async def sync(
        self, *given: tuple[str, int], account: str = "checking", start: datetime = START
    ) -> list[str]:
        """Syncs external ids and amounts, posted an hour after each other; their ids."""
        posted = [start + timedelta(hours=at) for at in range(len(given))]
        return await self.sync_txs(
            *[tx(*each, at, account) for each, at in zip(given, posted, strict=True)]
        )

    async def sync_txs(self, *txs: CustomTxInput) -> list[str]:
        result = (await self.client.sync_custom_txs_by_link_ik(self.ik, list(txs))).sync_custom_txs
        assert result.typename__ == "SyncCustomTxsResult", getattr(result, "message", result)
        return [each.id for each in result.txs]

    async def receive(self, ledger: str, name: str, user: str = "ann") -> Any:
        """Reconciles a Tx of checking with what a user paid in."""
        parameters = {"tx": name, "user": user}
        answer = await self.client.reconcile_tx(ledger, "receipt", parameters)
        result = answer.reconcile_tx
        assert result.typename__ == "ReconcileTxResult", getattr(result, "message", result)
        return result

    async def unreconciled(self, ledger: str, path: str = BANK, **asked: Any) -> list[str]:
        found = await ask(self.client, UNRECONCILED, ik=ledger, path=path, **asked)
        nodes = found["ledgerAccount"]["unreconciledTxs"]["nodes"]
        return [node["externalId"] for node in nodes]

    async def comes_to(self, ledger: str, wanted: list[str], path: str = BANK) -> None:
        await eventually(lambda: self.unreconciled(ledger, path), wanted)


# --- Reconciled Txs -------------------------------------------------------------------------------
@rule("guide E.c", "reconcileTx posts to a Linked Ledger Account the Tx that its line names")
@rule("guide F.g", "The entry's ik is the Tx's externalId, its posted the Tx's")
@rule("guide I.e", "A reconciled entry is looked up by the Tx's externalId, its ik")
@rule("reference 9 Txs", "A Tx shows the entries and lines that account for it, a line its Tx")
async def test_a_reconciled_tx_is_read_from_all_sides(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    (tx,) = await desk.sync(("t1", 700))
    result = await desk.receive(ledger, "t1")
    entry = result.entry
    assert (entry.ik, entry.posted, entry.date) == ("t1", iso(START), "1968-01-01")
    assert entry.description == "From ann"
    assert [(line.account.path, line.amount, line.external_tx_id) for line in result.lines] == [
        (BANK, "700", "t1"),
        ("debts/users:ann", "700", None),
    ]
    found = (await client.get_ledger_entry("t1", ledger)).ledger_entry
    assert (found.id, found.posted) == (entry.id, iso(START))
    shown = (await ask(client, TX, id=tx))["tx"]
    line = result.lines[0].id
    assert shown == {
        "ledgerEntryIds": [entry.id],
        "ledgerLineIds": [line],
        "ledgerEntries": {"nodes": [{"id": entry.id, "ik": "t1", "ledger": {"ik": ledger}}]},
        "ledgerLines": {
            "nodes": [
                {"id": line, "amount": "700", "account": {"path": BANK}, "ledger": {"ik": ledger},
                 "tx": {"id": tx}}
            ]
        },
    }  # fmt: skip

    async def lines(path: str) -> Any:
        return (await ask(client, LINES, ik=ledger, path=path))["ledgerAccount"]["lines"]["nodes"]

    of_tx = {"id": tx, "externalId": "t1", "amount": "700", "posted": iso(START),
             "externalAccount": {"externalId": "checking"}}  # fmt: skip
    await eventually(
        lambda: lines(BANK), [{"amount": "700", "txId": tx, "externalTxId": "t1", "tx": of_tx}]
    )
    assert await lines("debts/users:ann") == [
        {"amount": "700", "txId": None, "externalTxId": None, "tx": None}
    ]


@rule("guide F.g", "Lines that are given with the request name their Txs by id or externalId")
async def test_txs_are_reconciled_with_lines_of_the_request(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    ids = await desk.sync(("t1", 40), ("t2", -15))
    for name, amount, tx in (
        ("t1", 40, TxMatchInput(externalId="t1")),
        ("t2", -15, TxMatchInput(id=ids[1])),
    ):
        lines = [
            LedgerLineInput(account=LedgerAccountMatchInput(path=BANK), amount=str(amount), tx=tx),
            LedgerLineInput(account=LedgerAccountMatchInput(path=FEES), amount=str(amount)),
        ]
        result = (await client.reconcile_tx_runtime(ledger, "by_hand", lines)).reconcile_tx
        assert result.typename__ == "ReconcileTxResult", getattr(result, "message", result)
        assert result.entry.ik == name
        assert [(each.amount, each.external_tx_id) for each in result.lines] == [
            (str(amount), name),
            (str(amount), None),
        ]

    async def balances() -> list[str]:
        found = [await ask(client, OWN, ik=ledger, path=path) for path in (BANK, FEES)]
        return [each["ledgerAccount"]["ownBalance"] for each in found]

    await eventually(balances, ["25", "25"])


@rule("guide F.i", "The gross and the fee Tx of one Stripe transaction are reconciled in one call")
@rule("reference 9 Links", "A Stripe transaction is two Txs, with _gross and _fee behind its id")
async def test_both_txs_of_a_charge_are_reconciled_in_one_call(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    gross = await desk.sync(("txn_123_gross", 1000))
    fee = await desk.sync(("txn_123_fee", -30))
    given = {"txn": "txn_123", "user": "ann"}
    result = (await client.reconcile_tx(ledger, "charge", given)).reconcile_tx
    assert result.typename__ == "ReconcileTxResult", getattr(result, "message", result)
    assert [(line.amount, line.external_tx_id) for line in result.lines] == [
        ("1000", "txn_123_gross"),
        ("-30", "txn_123_fee"),
        ("970", None),
    ]
    for at, tx in enumerate((*gross, *fee)):
        shown = (await ask(client, TX, id=tx))["tx"]
        assert shown["ledgerEntryIds"] == [result.entry.id]
        assert shown["ledgerLineIds"] == [result.lines[at].id]


@BY_ONE_CLIENT
@rule("reference 9 Txs", "A Tx is reconciled once in each Ledger Account that is linked to its "
      "External Account")  # fmt: skip
@rule("guide I.h", "externalAccount.ledgerAccounts lists the linked accounts of all Ledgers")
@rule("reference 10 Lists", "Linked Ledger Accounts are listed newest created first, in pages")
async def test_several_ledgers_are_linked_to_one_external_account(client: Any) -> None:
    desk = await Desk(client).open()
    ledgers = [await desk.ledger() for _ in range(3)]
    (tx,) = await desk.sync(("t1", 9))
    entries = {ik: (await desk.receive(ik, "t1")).entry.id for ik in ledgers[:2]}
    shown = (await ask(client, TX, id=tx))["tx"]
    assert {node["ledger"]["ik"]: node["id"] for node in shown["ledgerEntries"]["nodes"]} == entries
    assert {node["ledger"]["ik"] for node in shown["ledgerLines"]["nodes"]} == set(ledgers[:2])
    match = {"linkId": desk.link, "externalId": "checking"}

    async def page(**asked: Any) -> Any:
        found = await ask(client, LEDGER_ACCOUNTS, match=match, **asked)
        return found["externalAccount"]["ledgerAccounts"]

    async def listed() -> list[tuple[str, str]]:
        return [(node["ledger"]["ik"], node["path"]) for node in (await page())["nodes"]]

    await eventually(listed, [(ik, BANK) for ik in reversed(ledgers)])
    first = await page(first=2)
    assert [node["ledger"]["ik"] for node in first["nodes"]] == ledgers[:0:-1]
    second = await page(first=2, after=first["pageInfo"]["endCursor"])
    assert [node["ledger"]["ik"] for node in second["nodes"]] == ledgers[:1]
    assert second["pageInfo"]["endCursor"] is None
    back = await page(before=second["pageInfo"]["startCursor"])
    assert back["nodes"] == first["nodes"]
    await eventually(lambda: desk.unreconciled(ledgers[2]), ["t1"])
    await eventually(lambda: desk.unreconciled(ledgers[0]), [])


@BY_ONE_CLIENT
@rule("reference 8 Reversal", "Reversing an entry makes its Txs unreconciled again")
@rule("reference 9 Txs", "A reconciled Tx can't be deleted; a deleted one isn't unreconciled")
async def test_what_is_reversed_is_unreconciled_again(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    kept, gone = await desk.sync(("t1", 5), ("t2", 6))
    first = await desk.receive(ledger, "t1")
    refused = (await client.delete_custom_txs([kept])).delete_custom_txs
    assert (refused.typename__, refused.code) == ("BadRequestError", "tx_reconciled")
    await desk.comes_to(ledger, ["t2"])
    deleted = (await client.delete_custom_txs([gone])).delete_custom_txs
    assert deleted.typename__ == "DeleteCustomTxsResult"
    await desk.comes_to(ledger, [])
    reversed_ = (await client.reverse_ledger_entry(first.entry.id)).reverse_ledger_entry
    assert reversed_.typename__ == "ReverseLedgerEntryResult", reversed_
    shown = (await ask(client, TX, id=kept))["tx"]
    assert shown["ledgerEntryIds"] == shown["ledgerLineIds"] == []
    await desk.comes_to(ledger, ["t1"])
    again = await desk.receive(ledger, "t1", "bob")
    assert again.entry.ik == "t1"
    assert again.entry.id != first.entry.id
    assert (await ask(client, TX, id=kept))["tx"]["ledgerEntryIds"] == [again.entry.id]
    await desk.comes_to(ledger, [])


# --- Refused --------------------------------------------------------------------------------------
async def refused(desk: Desk, ledger: str, type_: str = "by_hand", **entry: Any) -> str:
    """The code of a reconcileTx that is refused."""
    given = {"ledger": {"ik": ledger}, "type": type_, **entry}
    result = (await ask(desk.client, RECONCILE, entry=given))["reconcileTx"]
    assert result["__typename"] == "BadRequestError", result
    return str(result["code"])


def on(path: str, amount: int, tx: dict[str, str] | None = None) -> dict[str, Any]:
    """A line that is given with a request."""
    line = {"account": {"path": path}, "amount": str(amount)}
    return line if tx is None else {**line, "tx": tx}


@BY_ONE_CLIENT
@rule("guide F.g", "A line on a Linked Ledger Account names its Tx, and matches it 1:1")
@rule("reference 9 Txs", "Line and Tx agree in account, amount and currency")
@rule("reference 8 Posting", "posted is not given to reconcileTx: the Tx supplies it")
@rule("reference 8 Conditions", "Linked Ledger Accounts take no conditions of a request either")
async def test_what_doesn_t_match_its_tx_is_refused_and_leaves_nothing(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    (tx,) = await desk.sync(("t1", 40))
    (elsewhere,) = await desk.sync(("s1", 40), account="savings")
    mine, fees = on(BANK, 40, {"externalId": "t1"}), on(FEES, 40)
    bound = {"account": {"path": BANK}, "postcondition": {"ownBalance": {"gte": "0"}}}
    for code, lines, more in (
        ("tx_required", [on(BANK, 40), fees], {}),
        ("tx_mismatch", [on(BANK, 41, {"externalId": "t1"}), on(FEES, 41)], {}),
        ("tx_mismatch", [on(BANK, 40, {"id": elsewhere}), fees], {}),
        ("tx_not_found", [on(BANK, 40, {"externalId": "s1"}), fees], {}),
        ("tx_not_allowed", [mine, on(FEES, 40, {"id": tx})], {}),
        ("entry_needs_add_ledger_entry", [on("assets/cash", 40), fees], {}),
        ("invalid_entry_balance", [mine, on(FEES, 39)], {}),
        ("bad_request", [mine, fees], {"posted": iso(START)}),
        ("invalid_condition", [mine, fees], {"conditions": [bound]}),
    ):
        assert await refused(desk, ledger, lines=lines, **more) == code
    assert (await ask(client, TX, id=tx))["tx"]["ledgerEntryIds"] == []
    assert (await client.get_ledger_entry("t1", ledger)).ledger_entry is None


@BY_ONE_CLIENT
@rule("guide F.g", "Several Txs are reconciled together only if their posted is the same")
@rule("guide F.g", "Several Txs are reconciled together only within one Link")
async def test_txs_that_don_t_belong_together_are_refused(client: Any) -> None:
    desk, other = await Desk(client).open(), await Desk(client).open()
    ledger = await desk.ledger()
    first, second = await desk.sync(("t1", 1), ("t2", 2))
    (third,) = await desk.sync(("t3", 3))
    (foreign,) = await other.sync(("f1", 9))
    named = {"tx": "t1", "user": "ann"}
    code = await refused(desk, ledger, "two", parameters={**named, "second": "t2"})
    assert code == "txs_not_together"
    given = {"second": "f1", "link": other.link, "account": "checking"}
    code = await refused(desk, ledger, "two_banks", parameters={**named, **given})
    assert code == "txs_not_together"
    for each in (first, second, foreign):
        assert (await ask(client, TX, id=each))["tx"]["ledgerEntryIds"] == []
    result = (await client.reconcile_tx(ledger, "two", {**named, "second": "t3"})).reconcile_tx
    assert result.typename__ == "ReconcileTxResult", getattr(result, "message", result)
    assert (result.entry.ik, [line.amount for line in result.lines]) == ("t1", ["1", "3", "4"])
    for each in (first, third):
        assert (await ask(client, TX, id=each))["tx"]["ledgerEntryIds"] == [result.entry.id]


# --- Unreconciled Txs -----------------------------------------------------------------------------
@BY_ONE_CLIENT
@rule("guide F.h", "Txs that were synced and not reconciled are listed by unreconciledTxs")
@rule("guide I.i", "Unreconciled Txs are listed page by page")
@rule("reference 9 Txs", "Unreconciled Txs are newest posted first")
@rule("reference 9 Txs", "The filter's posted bounds are inclusive; before is later than after")
async def test_unreconciled_txs_by_filters_and_pages(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    await desk.sync(*[(f"t{at}", at) for at in range(7)])
    await desk.sync(("other", 1), account="savings")
    await desk.receive(ledger, "t3")
    await desk.comes_to(ledger, ["t6", "t5", "t4", "t2", "t1", "t0"])
    await desk.comes_to(ledger, ["other"], SAVINGS)

    async def page(**asked: Any) -> tuple[list[str], Any]:
        found = await ask(client, UNRECONCILED, ik=ledger, path=BANK, **asked)
        listed = found["ledgerAccount"]["unreconciledTxs"]
        for node in listed["nodes"]:
            assert node["amount"] == node["externalId"][1:]
            assert node["link"] == {"id": desk.link}
            assert node["externalAccount"] == {"externalId": "checking"}
        return [node["externalId"] for node in listed["nodes"]], listed["pageInfo"]

    first, info = await page(first=4)
    assert (first, info["startCursor"]) == (["t6", "t5", "t4", "t2"], None)
    second, info = await page(first=4, after=info["endCursor"])
    assert (second, info["endCursor"]) == (["t1", "t0"], None)
    assert (await page(before=info["startCursor"], first=4))[0] == first
    assert (await page(last=2))[0] == ["t1", "t0"]
    moments = [iso(START + timedelta(hours=at)) for at in range(7)]
    for given, expected in (
        ({"after": moments[2], "before": moments[5]}, ["t5", "t4", "t2"]),
        ({"after": moments[5]}, ["t6", "t5"]),
        ({"before": moments[1]}, ["t1", "t0"]),
        ({"after": moments[3], "before": iso(START + timedelta(hours=3, seconds=1))}, []),
    ):
        assert (await page(filter={"posted": given}))[0] == expected
    asked = {"ik": ledger, "path": BANK}
    for before in (moments[2], moments[1]):
        given = {"posted": {"after": moments[2], "before": before}}
        assert await refusal(client, UNRECONCILED, **asked, filter=given) == "invalid_filter"


@rule("reference 9 Txs", "unreconciledTxs is for Linked Ledger Accounts only")
@rule("guide I.d", "externalTxIds works on the lines of a Linked Ledger Account only")
async def test_other_accounts_have_no_txs(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    for path in ("assets/cash", "assets"):
        code = await refusal(client, UNRECONCILED, ik=ledger, path=path)
        assert code == "ledger_account_not_linked"
        given = {"externalTxIds": ["t1"]}
        assert await refusal(client, LINES, ik=ledger, path=path, filter=given) == "invalid_filter"
    await desk.sync(("t1", 1), ("t2", 2), ("t3", 3))
    for name in ("t1", "t2", "t3"):
        await desk.receive(ledger, name)

    async def amounts(*names: str) -> list[str]:
        given = {"externalTxIds": list(names)}
        found = await ask(client, LINES, ik=ledger, path=BANK, filter=given)
        return [node["amount"] for node in found["ledgerAccount"]["lines"]["nodes"]]

    await eventually(lambda: amounts("t1", "t3", "none"), ["3", "1"])
    assert await amounts("t2") == ["2"]
    assert await amounts("none") == []


# --- Linked Ledger Accounts -----------------------------------------------------------------------
@rule("guide F.d", "A Linked Ledger Account shows its External Account and its Link")
@rule("guide I.c", "Accounts are filtered by whether, and to which account, they are linked")
@rule("reference 6 Charts", "linkedAccount names the Link by its id or, a Custom Link, by its ik")
async def test_linked_accounts_and_what_they_are_linked_to(client: Any) -> None:
    desk = await Desk(client).open()
    ledger = await desk.ledger()
    ids = {}
    for path, name in ((BANK, "checking"), (SAVINGS, "savings")):
        shown = (await ask(client, LINKED, ik=ledger, path=path))["ledgerAccount"]
        ids[path] = shown["linkedAccount"].pop("id")
        assert shown == {
            "linkedAccount": {"externalId": name, "name": name, "linkId": desk.link},
            "link": {"__typename": "CustomLink", "id": desk.link, "name": "Bank"},
        }
    none = {"linkedAccount": None, "link": None}
    assert (await ask(client, LINKED, ik=ledger, path=FEES))["ledgerAccount"] == none

    async def paths(**given: Any) -> list[str]:
        found = (await ask(client, ACCOUNTS, ik=ledger, filter=given))["ledger"]
        return sorted(node["path"] for node in found["ledgerAccounts"]["nodes"])

    await eventually(lambda: paths(isLinkedAccount=True), [BANK, SAVINGS])
    others = ["assets", "assets/cash", "debts", "income", FEES]
    await eventually(lambda: paths(isLinkedAccount=False), others)
    outside = {"linkId": desk.link, "externalId": "checking"}
    assert await paths(linkedAccount={"equalTo": outside}) == [BANK]
    assert await paths(linkedAccount={"equalTo": {"id": ids[SAVINGS]}}) == [SAVINGS]
    assert await paths(linkedAccount={"equalTo": {**outside, "id": ids[SAVINGS]}}) == []
    both = [outside, {"id": ids[SAVINGS]}, {"linkId": desk.link, "externalId": "none"}]
    assert await paths(linkedAccount={"in": both}) == [BANK, SAVINGS]
    for match in ({"externalId": "checking"}, {"linkId": desk.link}):
        given = {"linkedAccount": {"equalTo": match}}
        assert await refusal(client, ACCOUNTS, ik=ledger, filter=given) == "invalid_filter"


# --- Against a model ------------------------------------------------------------------------------
@BY_ONE_CLIENT
@rule("guide F", "What is transacted, synced and reconciled is in the Ledger what the bank says")
async def test_a_ledger_agrees_with_the_statements(client: Any) -> None:
    random, desk = Random(5), await Desk(client).open()
    books, entries = Statements(), {}
    ledgers = [await desk.ledger() for _ in range(2)]
    for ledger in ledgers:
        books.linked[ledger, BANK] = "checking"
    names = [f"t{at}" for at in range(20)]
    for at, name in enumerate(names):
        posted = START + timedelta(hours=random.randrange(9999), seconds=at)
        books.txs["checking", name] = (random.randint(-500, 500), posted)
    ids = await desk.sync_txs(*[tx(name, *books.txs["checking", name]) for name in names])
    for _ in range(45):
        ledger, name = random.choice(ledgers), random.choice(names)
        done = ((ledger, BANK), ("checking", name))
        if done in books.reconciled and random.random() < 0.6:
            await client.reverse_ledger_entry(entries[done])
            books.reconciled.remove(done)
            continue
        entry = (await desk.receive(ledger, name)).entry
        if done in books.reconciled:
            assert entry.id == entries[done]  # a replay
        books.reconciled.add(done)
        entries[done] = entry.id
    for ledger in ledgers:
        place = (ledger, BANK)

        async def read(ledger: str = ledger) -> tuple[list[str], int]:
            found = await ask(client, OWN, ik=ledger, path=BANK)
            listed = await desk.unreconciled(ledger, first=50)
            return listed, int(found["ledgerAccount"]["ownBalance"])

        await eventually(read, (books.unreconciled(place), books.balance(place)))
    for name, each in zip(names, ids, strict=True):
        shown = (await ask(client, TX, id=each))["tx"]
        lines = shown["ledgerLines"]["nodes"]
        places = sorted((line["ledger"]["ik"], line["account"]["path"]) for line in lines)
        assert places == books.places(("checking", name))
        assert {line["amount"] for line in lines} <= {str(books.txs["checking", name][0])}
