"""Clearing accounts: what they show, which lists they are in, and what that reads."""

from typing import Any

from shared.ledger.ledgers import Ledger
from tests.builders_schema import edited
from tests.clearing_schema import LEGS, leg, with_clearing
from tests.read_rig import NOW_MS, ReadRig

CLEARING = """
query ($path: String!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
    clearingStatus postedWindow { earliest latest }
  }
}
"""
LIST = """
query ($filter: LedgerAccountsFilterSet, $first: Int, $after: String) {
  ledger(ledger: {ik: "main"}) {
    ledgerAccounts(filter: $filter, first: $first, after: $after) {
      nodes { path clearingStatus postedWindow { earliest latest } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
NOW = "2023-11-14T22:13:20.000Z"
HOUR_MS = 3_600_000
LATER = "2023-11-14T23:13:20.000Z"
MULTI: dict[str, Any] = {
    "chartOfAccounts.accounts[0].children[0].currencyMode": "multi",
    "chartOfAccounts.accounts[0].children[1].children[0].currencyMode": "multi",
    "ledgerEntries": ...,
}


async def open_ledger(reader: ReadRig, **edits: Any) -> Ledger:
    ledger = await reader.ledger("main", edited(with_clearing(), edits))
    for name in ("a", "b", "c"):
        reader.clock.advance(1)
        await reader.account(ledger, leg(name))
    return ledger


async def move(reader: ReadRig, ledger: Ledger, ik: str, name: str, amount: int, ms: int) -> None:
    lines = ((leg(name), amount), ("assets/banks/user-cash", -amount))
    await reader.post(ledger, ik, ms, *lines)


async def shown(reader: ReadRig, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await reader.ask(CLEARING, path=path)).data["ledgerAccount"]
    return answer


async def listed(reader: ReadRig, **filter_set: Any) -> list[str]:
    answer = await reader.ask(LIST, filter=filter_set)
    return [node["path"] for node in answer.data["ledger"]["ledgerAccounts"]["nodes"]]


async def test_status_and_window_of_a_clearing_account(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    assert await shown(reader, leg("a")) == {"clearingStatus": "cleared", "postedWindow": None}
    await move(reader, ledger, "1", "a", 10, NOW_MS)
    assert await shown(reader, leg("a")) == {
        "clearingStatus": "pending",
        "postedWindow": {"earliest": NOW, "latest": NOW},
    }
    await move(reader, ledger, "2", "a", -10, NOW_MS + HOUR_MS)
    cleared = {
        "clearingStatus": "cleared",
        "postedWindow": {"earliest": NOW, "latest": LATER},
    }
    assert await shown(reader, leg("a")) == cleared
    assert await shown(reader, LEGS) == cleared


async def test_an_account_that_is_no_clearing_account_shows_null(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    await move(reader, ledger, "1", "a", 10, NOW_MS)
    for path in ("assets", "assets/banks/user-cash", "income"):
        assert await shown(reader, path) == {"clearingStatus": None, "postedWindow": None}


async def test_a_balance_below_counts(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    await move(reader, ledger, "1", "a", 10, NOW_MS)
    await move(reader, ledger, "2", "b", -4, NOW_MS)
    assert (await shown(reader, LEGS))["clearingStatus"] == "pending"
    await move(reader, ledger, "3", "b", -6, NOW_MS)
    assert (await shown(reader, LEGS))["clearingStatus"] == "cleared"
    assert (await shown(reader, leg("b")))["clearingStatus"] == "pending"


async def test_any_currency_leaves_an_account_pending(reader: ReadRig) -> None:
    ledger = await open_ledger(reader, **MULTI)
    path, bank = leg("a"), "assets/banks"
    await reader.post(ledger, "1", NOW_MS, (path, 5, "USD"), (bank, -5, "USD"))
    await reader.post(ledger, "2", NOW_MS, (path, -5, "USD"), (bank, 5, "USD"))
    assert (await shown(reader, path))["clearingStatus"] == "cleared"
    await reader.post(ledger, "3", NOW_MS + HOUR_MS, (path, 5, "EUR"), (bank, -5, "EUR"))
    assert await shown(reader, path) == {
        "clearingStatus": "pending",
        "postedWindow": {"earliest": NOW, "latest": LATER},
    }


async def test_accounts_are_listed_by_status_and_window(reader: ReadRig) -> None:
    ledger = await open_ledger(reader)
    await move(reader, ledger, "1", "a", 10, NOW_MS)
    await move(reader, ledger, "2", "b", 7, NOW_MS + HOUR_MS)
    await move(reader, ledger, "3", "b", -7, NOW_MS + HOUR_MS)
    pending, cleared = {"equalTo": "pending"}, {"equalTo": "cleared"}
    assert await listed(reader, clearingStatus=pending) == [leg("a"), LEGS]
    assert await listed(reader, clearingStatus=cleared) == [leg("c"), leg("b")]
    since = {"after": LATER}
    assert await listed(reader, clearingStatus=pending, latestPosted=since) == [LEGS]
    assert await listed(reader, clearingStatus=pending, latestPostedTimestamp=since) == [LEGS]
    assert await listed(reader, clearingStatus=pending, earliestPosted=since) == []
    assert await listed(reader, clearingStatus=cleared, earliestPosted=since) == [leg("b")]
    until = {"before": NOW}
    assert await listed(reader, clearingStatus=pending, latestPosted=until) == [leg("a")]
    path = {"matches": "assets/transit/leg:*"}
    assert await listed(reader, clearingStatus=pending, path=path) == [leg("a")]


async def test_without_a_clearing_account_in_the_schema_none_is_listed(reader: ReadRig) -> None:
    document = edited(
        with_clearing(),
        {
            "chartOfAccounts.accounts[0].children[1].clearing": False,
            "chartOfAccounts.accounts[0].children[1].children[0].clearing": False,
        },
    )
    await reader.ledger("main", document)
    assert await listed(reader, clearingStatus={"equalTo": "cleared"}) == []
    assert await listed(reader, clearingStatus={"equalTo": "pending"}) == []


async def test_a_window_is_filtered_only_together_with_a_status(reader: ReadRig) -> None:
    await open_ledger(reader)
    for name in ("earliestPosted", "earliestPostedTimestamp", "latestPosted"):
        answer = await reader.ask(LIST, filter={name: {"after": NOW}, "clearingStatus": None})
        assert answer.refusals == [
            ("invalid_filter", f"filter.{name}: it needs clearingStatus in the same filter.")
        ]
        assert reader.searches == []


async def test_a_page_of_clearing_accounts_costs_one_search_and_one_batch_of_keys(
    reader: ReadRig,
) -> None:
    ledger = await open_ledger(reader)
    for at in range(30):
        await move(reader, ledger, f"{at}", f"x{at}", 1, NOW_MS)
    await reader.ask(LIST, filter={"clearingStatus": {"equalTo": "pending"}}, first=20)
    answer = await reader.ask(LIST, filter={"clearingStatus": {"equalTo": "pending"}}, first=20)
    page = answer.data["ledger"]["ledgerAccounts"]
    assert len(page["nodes"]) == 20
    assert {node["clearingStatus"] for node in page["nodes"]} == {"pending"}
    assert page["pageInfo"]["hasNextPage"] is True
    assert reader.searches == [1]
    assert reader.calls.get("Query", 0) == 0
    assert reader.calls["BatchGetItem"] <= 2
    assert reader.read_keys <= 20 * 2 + 2
