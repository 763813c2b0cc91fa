"""What Linked Ledger Accounts, their External Accounts and Txs show of each other, on the twins.

All but the last of them are entries that are written as reconcileTx writes them, so that a test of
reading fails for reading alone.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import account_id, entry_id, external_account_id, link_id
from shared.ledger.ledgers import Ledger
from shared.store import items, keys
from shared.store.items import claim_attribute
from shared.store.table import Put, Update
from tests.api.test_write_accounts import CREATE_ALL, open_plain
from tests.linking import GET_TX, LinkRig, tx
from tests.read_rig import OTHER_WORKSPACE, WORKSPACE
from tests.reconciling import LEDGER, ReconcileRig

BANK, SAVINGS, CASH = "assets/bank", "assets/savings", "assets/cash"
LINK_ID = link_id(WORKSPACE, "bank")
CHECKING = external_account_id(LINK_ID, "checking")
PAGE_INFO = "pageInfo { hasNextPage endCursor hasPreviousPage startCursor }"
PAGES = "$first: Int, $after: String, $last: Int, $before: String"
PAGE = "first: $first, after: $after, last: $last, before: $before"

ACCOUNT = """query account($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    path linkedAccount { id externalId name } link { __typename id name }
  }
}"""
ACCOUNTS = """query accounts($ik: SafeString!, $filter: LedgerAccountsFilterSet) {
  ledger(ledger: {ik: $ik}) {
    ledgerAccounts(filter: $filter, first: 50) {
      nodes { path linkedAccount { externalId name link { name } } link { name } }
    }
  }
}"""
LINKED = f"""query linked($match: ExternalAccountMatchInput!, {PAGES}) {{
  externalAccount(externalAccount: $match) {{
    ledgerAccounts({PAGE}) {{
      nodes {{ path name type ledger {{ ik }} linkedAccount {{ externalId }} }} {PAGE_INFO}
    }}
  }}
}}"""
UNRECONCILED = f"""query txs(
  $ik: SafeString!, $path: String!, $filter: LedgerAccountUnreconciledTxsFilterSet, {PAGES}
) {{
  ledgerAccount(ledgerAccount: {{ledger: {{ik: $ik}}, path: $path}}) {{
    unreconciledTxs(filter: $filter, {PAGE}) {{
      nodes {{
        id externalId amount currency {{ code }} link {{ name }} externalAccount {{ name }}
        ledgerEntryIds ledgerLineIds
      }}
      {PAGE_INFO}
    }}
  }}
}}"""
ENTRIES = """query tx($tx: TxMatchInput!) {
  tx(tx: $tx) {
    ledgerEntryIds ledgerLineIds
    ledgerEntries { nodes { id ik ledger { ik } } pageInfo { hasNextPage endCursor } }
    ledgerLines { nodes { id amount account { path } tx { id } } pageInfo { hasNextPage } }
  }
}"""
LIST_ENTRIES = """query txs($match: ExternalAccountMatchInput!) {
  externalAccount(externalAccount: $match) {
    txs { nodes {
      externalId ledgerEntryIds ledgerLineIds
      ledgerEntries { nodes { ik ledger { ik } } } ledgerLines { nodes { amount } }
    } }
  }
}"""
LINES = """query lines($ik: SafeString!, $path: String!, $filter: LedgerLinesFilterSet) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    lines(filter: $filter) { nodes {
      amount txId externalTxId tx { id externalId externalAccount { name } link { name } }
      externalTransferId externalTransferType otherTxId otherTxExternalId
      otherTxExternalAccountId otherTxExternalAccountExternalId
    } }
  }
}"""
EMPTY = {"hasNextPage": False, "endCursor": None, "hasPreviousPage": False, "startCursor": None}


@pytest.fixture
async def rig() -> AsyncIterator[ReconcileRig]:
    rig = ReconcileRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


def chart(*more: dict[str, Any]) -> dict[str, Any]:
    """Two linked accounts, one by its Link's id and one by its ik, and cash."""
    by_ik = {"linkIk": "bank", "linkType": "CustomLink", "externalId": "savings"}
    children = [
        {"key": "bank", "linkedAccount": {"linkId": LINK_ID, "externalId": "checking"}},
        {"key": "savings", "linkedAccount": by_ik},
        {"key": "cash"},
        *more,
    ]
    return {
        "key": "linked",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [{"key": "assets", "type": "asset", "children": children}],
        },
        "ledgerEntries": {"types": []},
    }


async def reconcile(
    rig: LinkRig, ledger: Ledger, tx: dict[str, Any], path: str = BANK
) -> LedgerEntry:
    """The entry that accounts for a synced Tx in an account of `ledger`, against cash."""
    amount, own = int(tx["amount"]), account_id(ledger.id, path)
    line = LedgerLine(
        0, path, "asset", amount, "USD", tx_id=tx["id"], tx_external_id=tx["externalId"]
    )
    ik = tx["externalId"]
    found = await rig.table.get(keys.tx(tx["id"]))
    assert found is not None
    posted_ms = items.tx_from_item(found).posted_ms
    entry = LedgerEntry(
        id=entry_id(ledger.id, ik, 1),
        ledger_id=ledger.id,
        workspace_id=ledger.workspace_id,
        ik=ik,
        position=1,
        posted_ms=posted_ms,
        created_ms=rig.clock.now_ms(),
        lines=(line, LedgerLine(1, CASH, "asset", -amount, "USD")),
    )
    await rig.put_entry(entry)
    claim = Update(keys.tx(tx["id"]), set={claim_attribute(own): entry.id}, add={"n": 1, "r": 1})
    await rig.table.write(claim)
    await rig.index_txs()
    return entry


async def end(rig: LinkRig, ledger: Ledger) -> None:
    """Deletes the ledger, whose documents stay for a moment."""
    item = await rig.table.get(keys.ledger(ledger.id))
    assert item is not None
    head = items.ledger_from_item(item)
    deleted = items.ledger_item(type(head)(**{**_fields(head), "state": "deleted"}))
    await rig.table.write(Put(keys.LEDGER, deleted))
    rig.restart()
    await rig.ask("{ __typename }")


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def external_ids(nodes: Sequence[dict[str, Any]]) -> list[str]:
    return [node["externalId"] for node in nodes]


# --- Linked Ledger Accounts -----------------------------------------------------------------------
async def test_a_linked_account_shows_its_external_account_and_link(rig: LinkRig) -> None:
    await rig.bank("checking", "savings")
    whole = {"key": "whole", "linkedAccount": {"id": CHECKING}}
    await rig.ledger("main", chart(whole))
    link = {"__typename": "CustomLink", "id": LINK_ID, "name": "Link bank"}
    for path, name in ((BANK, "checking"), (SAVINGS, "savings"), ("assets/whole", "checking")):
        shown = {"id": external_account_id(LINK_ID, name), "externalId": name,
                 "name": f"Account {name}"}  # fmt: skip
        found = (await rig.ask(ACCOUNT, ik="main", path=path)).data["ledgerAccount"]
        assert found == {"path": path, "linkedAccount": shown, "link": link}
    for path in ("assets", CASH):
        found = (await rig.ask(ACCOUNT, ik="main", path=path)).data["ledgerAccount"]
        assert found == {"path": path, "linkedAccount": None, "link": None}


async def test_an_account_may_be_linked_before_there_is_anything_to_link_to(rig: LinkRig) -> None:
    none = {"path": BANK, "linkedAccount": None, "link": None}
    await rig.ledger("main", chart())
    assert (await rig.ask(ACCOUNT, ik="main", path=BANK)).data["ledgerAccount"] == none
    await rig.link()
    link = {"__typename": "CustomLink", "id": LINK_ID, "name": "Link bank"}
    found = (await rig.ask(ACCOUNT, ik="main", path=BANK)).data["ledgerAccount"]
    assert found == {**none, "link": link}
    await rig.sync_accounts({"externalId": "checking", "name": "Late"})
    shown = {"id": CHECKING, "externalId": "checking", "name": "Late"}
    found = (await rig.ask(ACCOUNT, ik="main", path=BANK)).data["ledgerAccount"]
    assert found == {"path": BANK, "link": link, "linkedAccount": shown}
    await rig.sync_accounts({"externalId": "checking", "name": "Renamed"})
    found = (await rig.ask(ACCOUNT, ik="main", path=BANK)).data["ledgerAccount"]
    assert found["linkedAccount"] == {**shown, "name": "Renamed"}


async def test_another_workspace_s_external_account_is_out_of_reach(rig: LinkRig) -> None:
    await rig.bank()
    (synced,) = await rig.synced(tx("a"))
    await rig.index_txs()
    await rig.ledger("thief", chart(), workspace_id=OTHER_WORKSPACE)
    for restarted in (False, True):
        if restarted:
            rig.restart()
            await rig.ask("{ __typename }", OTHER_WORKSPACE)
        seen = await rig.ask(ACCOUNT, OTHER_WORKSPACE, ik="thief", path=BANK)
        assert seen.data["ledgerAccount"] == {"path": BANK, "linkedAccount": None, "link": None}
        listed = await rig.ask(UNRECONCILED, OTHER_WORKSPACE, ik="thief", path=BANK)
        assert listed.data["ledgerAccount"]["unreconciledTxs"] == {"nodes": [], "pageInfo": EMPTY}
    linked = await rig.ask(LINKED, match={"id": CHECKING})
    assert linked.data["externalAccount"]["ledgerAccounts"] == {"nodes": [], "pageInfo": EMPTY}
    assert (await rig.ask(GET_TX, OTHER_WORKSPACE, tx={"id": synced["id"]})).data["tx"] is None


async def test_a_list_reads_its_external_accounts_and_links_together(rig: LinkRig) -> None:
    names = [f"account-{at}" for at in range(10)]
    await rig.bank("checking", *names)
    more = [
        {"key": name, "linkedAccount": {"linkId": LINK_ID, "externalId": name}} for name in names
    ]
    await rig.ledger("main", chart(*more))
    nodes = (await rig.ask(ACCOUNTS, ik="main")).data["ledger"]["ledgerAccounts"]["nodes"]
    shown = {node["path"]: node["linkedAccount"] for node in nodes}
    assert shown == {
        "assets": None, CASH: None, SAVINGS: None,
        **{f"assets/{name}": {"externalId": external, "name": f"Account {external}",
                              "link": {"name": "Link bank"}}
           for name, external in (("bank", "checking"), *[(name, name) for name in names])},
    }  # fmt: skip
    await rig.ask(ACCOUNTS, ik="main")
    assert (rig.calls, rig.read_keys, rig.searches) == ({"BatchGetItem": 1}, 12, [1])


async def test_accounts_are_listed_by_what_they_are_linked_to(rig: LinkRig) -> None:
    await rig.bank("checking", "savings")
    await rig.ledger("main", chart())
    checking = {"externalId": "checking", "linkId": LINK_ID}
    savings = external_account_id(LINK_ID, "savings")
    for given, expected in (
        ({"isLinkedAccount": True}, {BANK, SAVINGS}),
        ({"isLinkedAccount": False}, {"assets", CASH}),
        ({"linkedAccount": {"equalTo": checking}}, {BANK}),
        ({"linkedAccount": {"equalTo": {"id": savings}}}, {SAVINGS}),
        ({"linkedAccount": {"equalTo": {**checking, "id": CHECKING}}}, {BANK}),
        ({"linkedAccount": {"equalTo": {**checking, "id": savings}}}, set()),
        ({"linkedAccount": {"in": [{"id": savings}, checking, {"id": "none"}]}}, {BANK, SAVINGS}),
        ({"linkedAccount": {"in": []}}, set()),
    ):
        answer = await rig.ask(ACCOUNTS, ik="main", filter=given)
        nodes = answer.data["ledger"]["ledgerAccounts"]["nodes"]
        assert {node["path"] for node in nodes} == expected, given
    for match in ({"externalId": "checking"}, {"linkId": LINK_ID}, {}):
        given = {"linkedAccount": {"equalTo": match}}
        answer = await rig.ask(ACCOUNTS, ik="main", filter=given)
        assert [code for code, _ in answer.refusals] == ["invalid_filter"]


# --- ExternalAccount.ledgerAccounts ---------------------------------------------------------------
async def test_the_accounts_of_all_ledgers_that_are_linked_to_one_are_listed(rig: LinkRig) -> None:
    await rig.bank("checking", "savings")
    twice = {"key": "twice", "linkedAccount": {"id": CHECKING}}
    ledgers = []
    for number in range(4):
        ledgers.append(await rig.ledger(f"l{number}", chart(*[twice][: number % 2])))
        rig.clock.advance(1_000)
    await end(rig, ledgers[2])
    match = {"linkId": LINK_ID, "externalId": "checking"}

    async def page(**asked: Any) -> tuple[list[tuple[str, str]], Any]:
        answer = await rig.ask(LINKED, match=match, **asked)
        assert rig.searches == [1]
        found = answer.data["externalAccount"]["ledgerAccounts"]
        assert {node["linkedAccount"]["externalId"] for node in found["nodes"]} <= {"checking"}
        return [(node["ledger"]["ik"], node["path"]) for node in found["nodes"]], found["pageInfo"]

    everything, info = await page()
    assert info == EMPTY
    assert [ik for ik, _ in everything] == ["l3", "l3", "l1", "l1", "l0"]
    assert {path for _, path in everything[:2]} == {BANK, "assets/twice"}
    first, info = await page(first=2)
    assert first == everything[:2]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    second, info = await page(after=info["endCursor"])
    assert second == everything[2:3]  # beside one of the deleted ledger
    third, last = await page(after=info["endCursor"])
    assert third == everything[3:]
    assert last["endCursor"] is None
    assert (await page(before=last["startCursor"]))[0] == second
    other = await rig.ask(LINKED, match={**match, "externalId": "savings"}, after=info["endCursor"])
    assert [code for code, _ in other.refusals] == ["invalid_cursor"]
    savings = await rig.ask(LINKED, match={**match, "externalId": "savings"})
    nodes = savings.data["externalAccount"]["ledgerAccounts"]["nodes"]
    assert [(node["ledger"]["ik"], node["path"]) for node in nodes] == [
        (ik, SAVINGS) for ik in ("l3", "l1", "l0")
    ]


async def test_a_page_of_linked_accounts_is_one_search_and_one_read_of_heads(rig: LinkRig) -> None:
    await rig.bank()
    for number in range(5):
        await rig.ledger(f"l{number}", chart())
    answer = await rig.ask(LINKED, match={"id": CHECKING})
    assert len(answer.data["externalAccount"]["ledgerAccounts"]["nodes"]) == 5
    assert (rig.calls, rig.read_keys, rig.searches) == ({"BatchGetItem": 2}, 6, [1])


# --- LedgerAccount.unreconciledTxs ----------------------------------------------------------------
async def test_unreconciled_txs_are_those_that_no_entry_of_the_account_accounts_for(
    rig: LinkRig,
) -> None:
    await rig.bank("checking", "savings")
    main, other = [await rig.ledger(ik, chart()) for ik in ("main", "other")]
    txs = await rig.synced(
        *[tx(f"t{at}", at, posted=f"2024-03-{at:02d}") for at in range(1, 6)],
        tx("s1", 9, "savings"),
    )
    await rig.delete(txs[3]["id"])
    await rig.index_txs()

    async def listed(ik: str, path: str = BANK) -> list[str]:
        answer = await rig.ask(UNRECONCILED, ik=ik, path=path)
        return external_ids(answer.data["ledgerAccount"]["unreconciledTxs"]["nodes"])

    assert await listed("main") == ["t5", "t3", "t2", "t1"]
    entry = await reconcile(rig, main, txs[1])
    assert await listed("main") == ["t5", "t3", "t1"]
    assert await listed("other") == ["t5", "t3", "t2", "t1"]
    answer = await rig.ask(UNRECONCILED, ik="other", path=BANK, filter={
        "posted": {"after": "2024-03-02", "before": "2024-03-02T00:00:00.001Z"}})  # fmt: skip
    (node,) = answer.data["ledgerAccount"]["unreconciledTxs"]["nodes"]
    assert node == {
        "id": txs[1]["id"], "externalId": "t2", "amount": "2", "currency": {"code": "USD"},
        "link": {"name": "Link bank"}, "externalAccount": {"name": "Account checking"},
        "ledgerEntryIds": [entry.id], "ledgerLineIds": [f"{entry.id}-0"],
    }  # fmt: skip
    await reconcile(rig, other, txs[1])
    assert await listed("other") == ["t5", "t3", "t1"]
    assert await listed("main", SAVINGS) == ["s1"]
    own = account_id(main.id, BANK)
    freed = Update(
        keys.tx(txs[1]["id"]), set={claim_attribute(own): items.NO_ENTRY}, add={"n": -1, "r": 1}
    )
    await rig.table.write(freed)
    await rig.index_txs()
    assert await listed("main") == ["t5", "t3", "t2", "t1"]
    assert await listed("other") == ["t5", "t3", "t1"]


async def test_unreconciled_txs_are_read_page_by_page_each_one_search(rig: LinkRig) -> None:
    await rig.bank()
    main = await rig.ledger("main", chart())
    given = [tx(f"t{at}", at, posted=f"2024-03-{at:02d}") for at in range(1, 10)]
    txs = {each["externalId"]: each for each in await rig.synced(*given)}
    for name in ("t4", "t7"):
        await reconcile(rig, main, txs[name])
    await rig.index_txs()

    async def page(**asked: Any) -> tuple[list[str], Any]:
        answer = await rig.ask(UNRECONCILED, ik="main", path=BANK, **asked)
        found = answer.data["ledgerAccount"]["unreconciledTxs"]
        # The External Accounts of a page, each once; the Link and whose account it is are known.
        calls = {"BatchGetItem": 1} if found["nodes"] else {}
        assert (rig.calls, rig.searches) == (calls, [1])
        return external_ids(found["nodes"]), found["pageInfo"]

    await rig.ask(UNRECONCILED, ik="main", path=BANK)
    assert (await page())[0] == ["t9", "t8", "t6", "t5", "t3", "t2", "t1"]
    first, info = await page(first=3)
    assert first == ["t9", "t8", "t6"]
    assert (info["hasNextPage"], info["hasPreviousPage"], info["startCursor"]) == (
        True, False, None,
    )  # fmt: skip
    second, info = await page(after=info["endCursor"], first=3)
    assert second == ["t5", "t3", "t2"]
    third, end = await page(after=info["endCursor"])
    assert (third, end["endCursor"], end["hasNextPage"]) == (["t1"], None, False)
    assert (await page(before=end["startCursor"]))[0] == second
    assert (await page(last=2))[0] == ["t2", "t1"]
    narrowed = {"posted": {"after": "2024-03-03", "before": "2024-03-08"}}
    assert (await page(filter=narrowed))[0] == ["t8", "t6", "t5", "t3"]
    assert (await page(filter={"posted": {"before": "2024-03-02"}}))[0] == ["t2", "t1"]
    assert (await page(filter={"posted": {"after": "2024-03-09T00:00:00.001Z"}}))[0] == []
    assert (await page(filter={"posted": {}}))[0] == (await page())[0]
    refused = await rig.ask(
        UNRECONCILED, ik="main", path=BANK, after=info["endCursor"], filter=narrowed
    )
    assert [code for code, _ in refused.refusals] == ["invalid_cursor"]


async def test_unreconciled_txs_of_a_list_of_accounts_are_searched_together(rig: LinkRig) -> None:
    await rig.bank("checking", "savings")
    for ik in ("main", "other"):
        await rig.ledger(ik, chart())
    await rig.synced(tx("t1"), tx("s1", account="savings"))
    await rig.index_txs()
    query = """query all($ik: SafeString!) { ledger(ledger: {ik: $ik}) {
      ledgerAccounts(filter: {isLinkedAccount: true}) {
        nodes { path unreconciledTxs { nodes { externalId } } } } } }"""
    for ik in ("main", "main", "other"):
        nodes = (await rig.ask(query, ik=ik)).data["ledger"]["ledgerAccounts"]["nodes"]
        found = {node["path"]: external_ids(node["unreconciledTxs"]["nodes"]) for node in nodes}
        assert found == {BANK: ["t1"], SAVINGS: ["s1"]}
        assert rig.searches == [1, 2]


async def test_only_linked_accounts_have_unreconciled_txs(rig: LinkRig) -> None:
    await rig.ledger("main", chart())
    for path in (CASH, "assets"):
        answer = await rig.ask(UNRECONCILED, ik="main", path=path)
        message = f"{path} is no Linked Ledger Account: it has no Txs."
        assert answer.refusals == [("ledger_account_not_linked", message)]
    nowhere = await rig.ask(UNRECONCILED, ik="main", path=BANK)
    assert nowhere.data["ledgerAccount"]["unreconciledTxs"] == {"nodes": [], "pageInfo": EMPTY}
    assert rig.searches == []


@pytest.mark.parametrize("before", ["2024-03-05", "2024-03-04"])
async def test_the_end_of_the_filter_is_later_than_its_start(rig: LinkRig, before: str) -> None:
    await rig.ledger("main", chart())
    given = {"posted": {"after": "2024-03-05", "before": before}}
    answer = await rig.ask(UNRECONCILED, ik="main", path=BANK, filter=given)
    message = "filter.posted: before must be later than after."
    assert answer.refusals == [("invalid_filter", message)]


# --- Entries and lines of Txs ---------------------------------------------------------------------
async def test_a_tx_shows_the_entries_and_lines_that_account_for_it(rig: LinkRig) -> None:
    await rig.bank()
    ledgers = []
    for ik in ("one", "two", "gone"):
        ledgers.append(await rig.ledger(ik, chart()))
    (synced,) = await rig.synced(tx("a", 700))
    entries = []
    for ledger in ledgers:
        entries.append(await reconcile(rig, ledger, synced))
        rig.clock.advance(1_000)
    await end(rig, ledgers[2])
    found = (await rig.ask(ENTRIES, tx={"id": synced["id"]})).data["tx"]
    two, one = [entry.id for entry in (entries[1], entries[0])]
    assert found == {
        "ledgerEntryIds": [two, one],
        "ledgerLineIds": [f"{two}-0", f"{one}-0"],
        "ledgerEntries": {
            "nodes": [{"id": two, "ik": "a", "ledger": {"ik": "two"}},
                      {"id": one, "ik": "a", "ledger": {"ik": "one"}}],
            "pageInfo": {"hasNextPage": False, "endCursor": None},
        },
        "ledgerLines": {
            "nodes": [{"id": f"{each}-0", "amount": "700", "account": {"path": BANK},
                       "tx": {"id": synced["id"]}} for each in (two, one)],
            "pageInfo": {"hasNextPage": False},
        },
    }  # fmt: skip


async def test_entries_of_a_list_of_txs_are_read_together(rig: LinkRig) -> None:
    await rig.bank()
    main = await rig.ledger("main", chart())
    txs = await rig.synced(*[tx(f"t{at}", at, posted=f"2024-03-{at:02d}") for at in range(1, 6)])
    for each in txs[:4]:
        await reconcile(rig, main, each)
    await rig.ask(LIST_ENTRIES, match={"id": CHECKING})
    found = (await rig.ask(LIST_ENTRIES, match={"id": CHECKING})).data["externalAccount"]["txs"]
    assert [(node["externalId"], node["ledgerEntries"]["nodes"], node["ledgerLines"]["nodes"])
            for node in found["nodes"]] == [
        ("t5", [], []),
        *[(f"t{at}", [{"ik": f"t{at}", "ledger": {"ik": "main"}}], [{"amount": str(at)}])
          for at in (4, 3, 2, 1)],
    ]  # fmt: skip
    # The External Account, and four entries; their ledger is known for a second.
    assert (rig.calls, rig.read_keys, rig.searches) == ({"BatchGetItem": 2}, 5, [1])
    rig.clock.advance(1_000)
    await rig.ask(LIST_ENTRIES, match={"id": CHECKING})
    assert (rig.calls, rig.read_keys, rig.searches) == ({"BatchGetItem": 3}, 6, [1])


async def test_lines_show_their_txs_and_are_found_by_them(rig: LinkRig) -> None:
    await rig.bank()
    main = await rig.ledger("main", chart())
    txs = await rig.synced(*[tx(f"t{at}", at, posted=f"2024-03-{at:02d}") for at in range(1, 5)])
    for each in txs[:3]:
        await reconcile(rig, main, each)
    await rig.ask(LINES, ik="main", path=BANK)
    nodes = (await rig.ask(LINES, ik="main", path=BANK)).data["ledgerAccount"]["lines"]["nodes"]
    nothing = dict.fromkeys(
        ("externalTransferId", "externalTransferType", "otherTxId", "otherTxExternalId",
         "otherTxExternalAccountId", "otherTxExternalAccountExternalId")
    )  # fmt: skip
    assert nodes == [
        {
            "amount": each["amount"], "txId": each["id"], "externalTxId": each["externalId"],
            "tx": {"id": each["id"], "externalId": each["externalId"],
                   "link": {"name": "Link bank"}, "externalAccount": {"name": "Account checking"}},
            **nothing,
        }
        for each in (txs[2], txs[1], txs[0])
    ]  # fmt: skip
    assert (rig.calls, rig.read_keys, rig.searches) == ({"BatchGetItem": 2}, 4, [1])
    cash = (await rig.ask(LINES, ik="main", path=CASH)).data["ledgerAccount"]["lines"]["nodes"]
    bare = {"txId": None, "externalTxId": None, "tx": None, **nothing}
    assert cash == [{"amount": str(-at), **bare} for at in (3, 2, 1)]
    for given, expected in ((["t1", "t3", "none"], ["3", "1"]), (["t4"], []), ([], [])):
        answer = await rig.ask(LINES, ik="main", path=BANK, filter={"externalTxIds": given})
        nodes = answer.data["ledgerAccount"]["lines"]["nodes"]
        assert [node["amount"] for node in nodes] == expected
    refused = await rig.ask(LINES, ik="main", path=CASH, filter={"externalTxIds": ["t1"]})
    assert [code for code, _ in refused.refusals] == ["invalid_filter"]


async def test_an_answer_to_reconcile_tx_shows_what_it_has_made(rig: ReconcileRig) -> None:
    await rig.books()
    (synced,) = await rig.synced(tx("t1", 70))
    entry = {"ledger": LEDGER, "type": "fund", "parameters": {"tx": "t1", "user": "ann"}}
    document = """mutation reconcile($entry: LedgerEntryInput!) { reconcileTx(entry: $entry) {
      ... on ReconcileTxResult {
        entry { id }
        lines { externalTxId account { path linkedAccount { externalId } }
                tx { id ledgerEntryIds ledgerLines { nodes { amount } } } }
      } } }"""
    made = await rig.mutate(document, entry=entry)
    of_tx = {"id": synced["id"], "ledgerEntryIds": [made["entry"]["id"]],
             "ledgerLines": {"nodes": [{"amount": "70"}]}}  # fmt: skip
    linked = {"path": "assets/checking", "linkedAccount": {"externalId": "checking"}}
    bare = {"path": "users:ann", "linkedAccount": None}
    assert made["lines"] == [
        {"externalTxId": "t1", "account": linked, "tx": of_tx},
        {"externalTxId": None, "account": bare, "tx": None},
    ]


async def test_linked_accounts_without_a_schema_are_read_alike(rig: LinkRig) -> None:
    await rig.bank()
    await open_plain(rig)
    linked = {"linkId": LINK_ID, "externalId": "checking"}
    account = {"ik": "bank", "name": "Bank", "type": "asset", "linkedAccount": linked}
    made = await rig.mutate(CREATE_ALL, ledger={"ik": "plain"}, accounts=[account])
    assert made["__typename"] == "CreateLedgerAccountsResult", made
    await rig.synced(tx("t1"))
    await rig.index_txs()
    shown = (await rig.ask(ACCOUNT, ik="plain", path="bank")).data["ledgerAccount"]
    assert shown["linkedAccount"]["externalId"] == "checking"
    assert shown["link"]["name"] == "Link bank"
    found = (await rig.ask(UNRECONCILED, ik="plain", path="bank")).data["ledgerAccount"]
    assert external_ids(found["unreconciledTxs"]["nodes"]) == ["t1"]
