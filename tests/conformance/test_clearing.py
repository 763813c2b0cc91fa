"""The official client watches clearing accounts: status, window, lists by both."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import LedgerAccountClearingStatus
from fragment.sdk.input_types import (
    CreateLedgerInput,
    DateTimeFilter,
    LedgerAccountClearingStatusFilter,
    LedgerAccountsFilterSet,
    LedgerMatchInput,
    SchemaInput,
)

from tests.conformance.asking import ask, eventually, posted
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

SHOWN = """query shown($ledger: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ledger}}) {
    clearingStatus postedWindow { earliest latest }
  }
}"""
LISTED = """query listed($ledger: SafeString!, $filter: LedgerAccountsFilterSet, $after: String) {
  ledger(ledger: {ik: $ledger}) {
    ledgerAccounts(filter: $filter, first: 2, after: $after) {
      nodes { path }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
TRANSIT = "assets/transit"
MONDAY, TUESDAY = "2024-03-04T10:00:00.123Z", "2024-03-05T10:00:00.456Z"
NEVER = {"clearingStatus": "cleared", "postedWindow": None}


def document(key: str) -> dict[str, Any]:
    """A Schema with template clearing accounts under one that isn't."""
    leg = {"key": "transfer", "template": True, "clearing": True, "currencyMode": "multi"}
    other = {"key": "bank", "currencyMode": "multi"}
    lines = [
        {
            "key": "leg",
            "account": {"path": "assets/transit/transfer:{{id}}"},
            "amount": "{{amount}}",
            "currency": {"code": "{{currency}}"},
        },
        {
            "key": "bank",
            "account": {"path": "assets/bank"},
            "amount": "-{{amount}}",
            "currency": {"code": "{{currency}}"},
        },
    ]
    transit = {"key": "transit", "children": [leg]}
    return {
        "key": key,
        "name": "Clearing",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [{"key": "assets", "type": "asset", "children": [other, transit]}],
        },
        "ledgerEntries": {"types": [{"type": "move", "lines": lines}]},
    }


@pytest.fixture
async def clearing(client: Any) -> str:
    """The ik of a fresh ledger of that Schema."""
    key = "conformance-clearing"
    stored = await client.store_schema(SchemaInput.model_validate(document(key)))
    assert stored.store_schema.typename__ == "StoreSchemaResult"
    ik = f"ledger-{uuid4().hex[:12]}"
    made = await client.create_ledger(ik, CreateLedgerInput(name="Tests"), key)
    assert made.create_ledger.typename__ == "CreateLedgerResult"
    return ik


async def move(
    client: Any, ledger: str, leg: str, amount: int, at: str, currency: str = "USD"
) -> None:
    parameters = {"id": leg, "amount": str(amount), "currency": currency}
    ik = f"move-{uuid4().hex}"
    posted(await client.add_ledger_entry(ik, ledger, "move", parameters, posted=at))


async def instantiate(client: Any, ledger: str, name: str) -> None:
    answer = await client.instantiate_ledger_account(
        LedgerMatchInput(ik=ledger), leg(name), parameters={}
    )
    typename = answer.instantiate_ledger_account.typename__
    assert typename == "InstantiateLedgerAccountResult"


def showing(client: Any, ledger: str, path: str) -> Callable[[], Awaitable[Any]]:
    async def read() -> Any:
        return (await ask(client, SHOWN, ledger=ledger, path=path))["ledgerAccount"]

    return read


def leg(name: str) -> str:
    return f"{TRANSIT}/transfer:{name}"


def window(earliest: str, latest: str) -> dict[str, str]:
    return {"earliest": earliest, "latest": latest}


def listing(
    client: Any, ledger: str, status: str, **more: DateTimeFilter
) -> Callable[[], Awaitable[list[str]]]:
    """Reads all pages of a list by status."""
    equal_to = LedgerAccountClearingStatusFilter(equalTo=LedgerAccountClearingStatus(status))
    filter_set = LedgerAccountsFilterSet(clearingStatus=equal_to, **more)
    sent = filter_set.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def read() -> list[str]:
        paths: list[str] = []
        after = None
        while True:
            data = await ask(client, LISTED, ledger=ledger, filter=sent, after=after)
            page = data["ledger"]["ledgerAccounts"]
            paths += [node["path"] for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return sorted(paths)
            after = page["pageInfo"]["endCursor"]

    return read


@rule(
    "reference 7 Clearing accounts",
    "clearingStatus is pending while a balance is left in any currency, else cleared",
)
async def test_status_follows_the_balances_of_all_currencies(client: Any, clearing: str) -> None:
    await move(client, clearing, "one", 70, TUESDAY)
    read = showing(client, clearing, leg("one"))
    await eventually(read, {"clearingStatus": "pending", "postedWindow": window(TUESDAY, TUESDAY)})
    await move(client, clearing, "one", -70, TUESDAY)
    await eventually(read, {"clearingStatus": "cleared", "postedWindow": window(TUESDAY, TUESDAY)})
    await move(client, clearing, "one", 5, TUESDAY, "EUR")
    await eventually(read, {"clearingStatus": "pending", "postedWindow": window(TUESDAY, TUESDAY)})


@rule(
    "reference 7 Clearing accounts",
    "postedWindow has the earliest and the latest posted over all currencies, to the millisecond",
)
async def test_the_window_covers_every_posting(client: Any, clearing: str) -> None:
    await move(client, clearing, "one", 70, TUESDAY)
    await move(client, clearing, "one", 1, MONDAY, "EUR")
    read = showing(client, clearing, leg("one"))
    await eventually(read, {"clearingStatus": "pending", "postedWindow": window(MONDAY, TUESDAY)})


@rule(
    "reference 7 Clearing accounts",
    "clearingStatus and postedWindow are null for an account that is no clearing account",
)
async def test_other_accounts_show_nothing(client: Any, clearing: str) -> None:
    await move(client, clearing, "one", 70, TUESDAY)
    for path in ("assets/bank", TRANSIT):
        shown = await showing(client, clearing, path)()
        assert shown == {"clearingStatus": None, "postedWindow": None}


@rule(
    "reference 7 Clearing accounts",
    "A clearing account that was never posted to is cleared, and its postedWindow is null",
)
async def test_an_account_without_postings_is_cleared(client: Any, clearing: str) -> None:
    await instantiate(client, clearing, "new")
    assert await showing(client, clearing, leg("new"))() == NEVER
    await eventually(listing(client, clearing, "cleared"), [leg("new")])


@rule(
    "reference 7 Clearing accounts",
    "Ledger.ledgerAccounts filtered by clearingStatus lists exactly the clearing accounts with it",
)
async def test_accounts_are_listed_by_status(client: Any, clearing: str) -> None:
    for name in ("a", "b", "c"):
        await move(client, clearing, name, 70, MONDAY)
    await move(client, clearing, "b", -70, TUESDAY)
    await eventually(listing(client, clearing, "pending"), [leg("a"), leg("c")])
    await eventually(listing(client, clearing, "cleared"), [leg("b")])
    await move(client, clearing, "a", -70, TUESDAY)
    await move(client, clearing, "b", 1, TUESDAY)
    await eventually(listing(client, clearing, "pending"), [leg("b"), leg("c")])
    await eventually(listing(client, clearing, "cleared"), [leg("a")])


@rule(
    "reference 7 Clearing accounts",
    "earliestPosted and latestPosted narrow a list by clearingStatus; both bounds are inclusive",
)
async def test_accounts_are_listed_by_window(client: Any, clearing: str) -> None:
    await move(client, clearing, "a", 70, MONDAY)
    await move(client, clearing, "b", 70, MONDAY)
    await move(client, clearing, "b", 70, TUESDAY)
    await move(client, clearing, "c", 70, TUESDAY)

    def by(**more: DateTimeFilter) -> Callable[[], Awaitable[list[str]]]:
        return listing(client, clearing, "pending", **more)

    on_monday = DateTimeFilter(after=MONDAY, before=MONDAY)
    since_tuesday = DateTimeFilter(after=TUESDAY)
    until_monday = DateTimeFilter(before=MONDAY)
    await eventually(by(), [leg("a"), leg("b"), leg("c")])
    await eventually(by(earliestPosted=on_monday), [leg("a"), leg("b")])
    await eventually(by(latestPosted=since_tuesday), [leg("b"), leg("c")])
    both = by(earliestPosted=until_monday, latestPosted=since_tuesday)
    await eventually(both, [leg("b")])


@rule(
    "reference 7 Clearing accounts",
    "earliestPosted and latestPosted without clearingStatus are refused",
)
async def test_a_window_without_a_status_is_refused(client: Any, clearing: str) -> None:
    for name in ("earliestPosted", "latestPosted"):
        filter_set = {name: {"after": MONDAY}}
        with pytest.raises(Exception, match="needs clearingStatus") as caught:
            await ask(client, LISTED, ledger=clearing, filter=filter_set)
        assert type(caught.value).__name__ == "GraphQLClientGraphQLMultiError"


@rule(
    "reference 7 Clearing accounts",
    "The older spellings earliestPostedTimestamp and latestPostedTimestamp mean the same",
)
async def test_older_spellings_mean_the_same(client: Any, clearing: str) -> None:
    await move(client, clearing, "a", 70, MONDAY)
    await move(client, clearing, "b", 70, TUESDAY)
    for name in ("earliestPostedTimestamp", "latestPostedTimestamp"):
        filter_set = {"clearingStatus": {"equalTo": "pending"}, name: {"after": TUESDAY}}

        async def read(sent: dict[str, Any] = filter_set) -> list[str]:
            data = await ask(client, LISTED, ledger=clearing, filter=sent)
            return [node["path"] for node in data["ledger"]["ledgerAccounts"]["nodes"]]

        await eventually(read, [leg("b")])


@rule(
    "reference 6",
    "A new Schema version can't make a deployed account a clearing account",
)
async def test_a_deployed_account_becomes_no_clearing_account(client: Any, clearing: str) -> None:
    changed = document("conformance-clearing")
    changed["chartOfAccounts"]["accounts"][0]["children"][0]["clearing"] = True
    answer = await client.store_schema(SchemaInput.model_validate(changed))
    refused = answer.store_schema
    assert refused.typename__ == "BadRequestError"
    assert "can't be made a clearing account once deployed" in refused.message
    assert await showing(client, clearing, "assets/bank")() == {
        "clearingStatus": None,
        "postedWindow": None,
    }
