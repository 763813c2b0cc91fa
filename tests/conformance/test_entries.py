"""The official client posts: typed, by hand, in batches; replays, refusals, lookups."""

from typing import Any

import pytest
from fragment.sdk.enums import CurrencyCode
from fragment.sdk.input_types import (
    AddLedgerEntryInput,
    CurrencyMatchInput,
    LedgerAccountMatchInput,
    LedgerEntryGroupInput,
    LedgerEntryInput,
    LedgerEntryTagInput,
    LedgerLineInput,
    LedgerMatchInput,
)
from fragment.sdk.typed_entries import TypedLedgerEntry

from tests.conformance.asking import ask, deposit, eventually, hold, posted
from tests.conformance.books import Books, hour
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

BANK = "assets/bank"
ANN = "liabilities/users:ann/available"
ANN_PENDING = "liabilities/users:ann/pending"
WHOLE_ENTRY = """query whole($ik: SafeString!, $ledger: SafeString!) {
  ledgerEntry(ledgerEntry: {ik: $ik, ledger: {ik: $ledger}}) {
    id ik type typeVersion description posted date parameters
    tags { key value } groups { key value }
    lines { nodes { id key amount type description account { path } currency { code } } }
    conditions {
      account { path } currency { code }
      postcondition { ownBalance { eq gte lte } } precondition { ownBalance { gte } }
    }
  }
}"""


class Deposit(TypedLedgerEntry):
    """What the official code generator writes for an entry type."""

    ENTRY_TYPE = "deposit"
    PARAMETER_FIELDS = {"user": "user", "amount": "amount", "fee": "fee"}  # noqa: RUF012
    user: str
    amount: str
    fee: str


def line(path: str, amount: int, currency: str | None = None, **more: Any) -> LedgerLineInput:
    of = None if currency is None else CurrencyMatchInput(code=CurrencyCode(currency))
    account = LedgerAccountMatchInput(path=path)
    return LedgerLineInput(account=account, amount=str(amount), currency=of, **more)


def raw(ledger: str, ik: str, user: str, amount: int) -> AddLedgerEntryInput:
    parameters = {"user": user, "amount": str(amount)}
    match = LedgerMatchInput(ik=ledger)
    entry = LedgerEntryInput(ledger=match, type="hold", parameters=parameters)
    return AddLedgerEntryInput(ik=ik, entry=entry)


async def strong_balance(client: Any, ledger: str, path: str) -> str:
    query = """query strong($ik: SafeString!, $path: String!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
        ownBalance(consistencyMode: strong)
      }
    }"""
    found = await ask(client, query, ik=ledger, path=path)
    balance: str = found["ledgerAccount"]["ownBalance"]
    return balance


@rule("guide E.a", "A type's lines are filled in from the entry's parameters")
async def test_typed_entry_gets_its_lines_from_the_schema(client: Any, ledger: str) -> None:
    result = await deposit(client, ledger, Books(), "d1", "ann", 10_000, 150, hour("2024-03-05T07"))
    assert result.is_ik_replay is False
    assert (result.entry.type_, result.entry.ik) == ("deposit", "d1")
    assert result.entry.posted == "2024-03-05T07:00:00.000Z"
    assert [(line.account.path, line.amount) for line in result.lines] == [
        (BANK, "10000"),
        (ANN, "9850"),
        ("income/fees", "150"),
    ]
    found = (await client.get_ledger_entry("d1", ledger)).ledger_entry
    assert (found.id, found.ik, found.posted) == (result.entry.id, "d1", result.entry.posted)
    assert found.description == "Deposit of 10000 by ann."
    assert [(each.id, each.account.path, each.amount) for each in found.lines.nodes] == [
        (each.id, each.account.path, each.amount) for each in result.lines
    ]


@rule("guide I.e", "An entry is read with its type, times, tags, groups, lines and conditions")
@rule("guide E.f", "An entry is in its type's groups and in its own")
async def test_entry_is_read_whole(client: Any, ledger: str) -> None:
    tags = [LedgerEntryTagInput(key="channel", value="web")]
    groups = [LedgerEntryGroupInput(key="batch", value="b1")]
    at = hour("2024-03-05T07")
    result = await deposit(
        client, ledger, Books(), "d1", "ann", 500, 20, at, tags=tags, groups=groups
    )
    entry = (await ask(client, WHOLE_ENTRY, ik="d1", ledger=ledger))["ledgerEntry"]
    assert entry == {
        "id": result.entry.id,
        "ik": "d1",
        "type": "deposit",
        "typeVersion": 1,
        "description": "Deposit of 500 by ann.",
        "posted": "2024-03-05T07:00:00.000Z",
        "date": "2024-03-05",
        "parameters": {"user": "ann", "amount": "500", "fee": "20"},
        "tags": [{"key": "user", "value": "ann"}, {"key": "channel", "value": "web"}],
        "groups": [{"key": "statement", "value": "ann"}, {"key": "batch", "value": "b1"}],
        "lines": {
            "nodes": [
                _read_line(result.lines[0].id, "bank", BANK, "500", "debit", entry),
                _read_line(result.lines[1].id, "user", ANN, "480", "credit", entry),
                {
                    **_read_line(result.lines[2].id, "fee", "income/fees", "20", "credit", entry),
                    "description": "Fee.",
                },
            ]
        },
        "conditions": [],
    }


def _read_line(
    line_id: str, key: str, path: str, amount: str, kind: str, entry: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": line_id,
        "key": key,
        "amount": amount,
        "type": kind,
        "description": entry["description"],
        "account": {"path": path},
        "currency": {"code": "USD"},
    }


@rule(
    "reference 6 Types",
    "A type's versions each have their lines; fixed parameters and postLinesAs apply",
)
async def test_version_of_a_type_has_lines_of_its_own(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": "700"}
    answer = await client.add_ledger_entry("v2", ledger, "deposit", parameters, type_version=2)
    result = posted(answer)
    assert [(line.account.path, line.amount) for line in result.lines] == [
        (BANK, "700"),
        (ANN, "700"),
    ]


@rule("guide E.b", "One ik is one entry, whatever comes with it")
async def test_same_ik_is_one_entry_whatever_comes_with_it(client: Any, ledger: str) -> None:
    books = Books()
    at = hour("2024-03-05T07")
    first = await deposit(client, ledger, books, "d1", "ann", 900, 0, at)
    again = posted(
        await client.add_ledger_entry(
            "d1", ledger, "deposit", {"user": "bob", "amount": "5", "fee": "1"}
        )
    )
    assert again.is_ik_replay is True
    assert again.entry == first.entry
    assert again.lines == first.lines
    assert await strong_balance(client, ledger, ANN) == "900" == str(books.own(ANN))


@rule("guide E.e", "An entry whose condition fails leaves no trace")
async def test_overdraft_is_refused_and_leaves_no_trace(client: Any, ledger: str) -> None:
    books = Books()
    at = hour("2024-03-05T07")
    await deposit(client, ledger, books, "d1", "ann", 1_000, 0, at)
    await hold(client, ledger, books, "h1", "ann", 600, at)
    refused = await client.add_ledger_entry("h2", ledger, "hold", {"user": "ann", "amount": "401"})
    assert refused.add_ledger_entry.typename__ == "BadRequestError"
    assert refused.add_ledger_entry.code == "conditional_request_failed"
    assert refused.add_ledger_entry.retryable is False
    assert (await client.get_ledger_entry("h2", ledger)).ledger_entry is None
    await hold(client, ledger, books, "h3", "ann", 400, at)
    assert await strong_balance(client, ledger, ANN) == "0" == str(books.own(ANN))
    assert await strong_balance(client, ledger, ANN_PENDING) == "1000"


@rule("reference 8 Conditions", "An entry's conditions are read with it")
async def test_conditions_are_read_with_their_entry(client: Any, ledger: str) -> None:
    at = hour("2024-03-05T07")
    await deposit(client, ledger, Books(), "d1", "ann", 1_000, 0, at)
    await hold(client, ledger, Books(), "h1", "ann", 600, at)
    entry = (await ask(client, WHOLE_ENTRY, ik="h1", ledger=ledger))["ledgerEntry"]
    assert entry["conditions"] == [
        {
            "account": {"path": ANN},
            "currency": {"code": "USD"},
            "postcondition": {"ownBalance": {"eq": None, "gte": "0", "lte": None}},
            "precondition": None,
        }
    ]


@rule(
    "guide E.g", "Lines that are given with the entry are posted as they are, in their currencies"
)
async def test_lines_by_hand_are_posted_as_they_are(client: Any, ledger: str) -> None:
    lines = [
        line("assets/fx", 500, "EUR", key="in", description="Euros."),
        line("liabilities/fx", 500, "EUR"),
        line("assets/fx", -7, "JPY"),
        line("liabilities/fx", -7, "JPY"),
    ]
    answer = await client.add_ledger_entry_runtime("c1", "correction", ledger, lines)
    result = answer.add_ledger_entry
    assert result.typename__ == "AddLedgerEntryResult"
    assert [(each.account.path, each.amount) for each in result.lines] == [
        ("assets/fx", "500"),
        ("liabilities/fx", "500"),
        ("assets/fx", "-7"),
        ("liabilities/fx", "-7"),
    ]
    entry = (await ask(client, WHOLE_ENTRY, ik="c1", ledger=ledger))["ledgerEntry"]
    assert entry["description"] == "By hand."
    assert [each["currency"]["code"] for each in entry["lines"]["nodes"]] == [
        "EUR",
        "EUR",
        "JPY",
        "JPY",
    ]
    assert entry["lines"]["nodes"][0]["description"] == "Euros."


@rule("guide L.c", "An entry balances in each of its currencies")
async def test_lines_that_do_not_balance_in_one_currency_are_refused(
    client: Any, ledger: str
) -> None:
    lines = [
        line("assets/fx", 500, "EUR"),
        line("liabilities/fx", 500, "EUR"),
        line("assets/fx", 7, "JPY"),
        line("liabilities/fx", 8, "JPY"),
    ]
    answer = await client.add_ledger_entry_runtime("c1", "correction", ledger, lines)
    assert answer.add_ledger_entry.typename__ == "BadRequestError"
    assert answer.add_ledger_entry.code == "invalid_entry_balance"
    assert "JPY" in answer.add_ledger_entry.message


@rule("reference 8 Batches", "A batch's results keep the order of its entries, typed and by hand")
async def test_batch_posts_all_entries_in_order(client: Any, ledger: str) -> None:
    batch = [
        Deposit(ik="b1", ledger_ik=ledger, user="ann", amount="300", fee="0"),
        raw(ledger, "b2", "ann", 100),
        raw(ledger, "b3", "ann", 200),
    ]
    result = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert result.typename__ == "AddLedgerEntriesResult"
    assert [(each.entry.ik, each.is_ik_replay) for each in result.results] == [
        ("b1", False),
        ("b2", False),
        ("b3", False),
    ]
    assert [[each.amount for each in one.lines] for one in result.results] == [
        ["300", "300", "0"],
        ["-100", "100"],
        ["-200", "200"],
    ]
    assert await strong_balance(client, ledger, ANN) == "0"
    assert await strong_balance(client, ledger, ANN_PENDING) == "300"

    again = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert [(each.entry.id, each.is_ik_replay) for each in again.results] == [
        (each.entry.id, True) for each in result.results
    ]
    assert await strong_balance(client, ledger, ANN_PENDING) == "300"


@rule(
    "reference 8 Batches", "One refused entry refuses its batch, and is told with its ik and code"
)
async def test_one_refused_entry_refuses_its_batch(client: Any, ledger: str) -> None:
    at = hour("2024-03-05T07")
    await deposit(client, ledger, Books(), "d1", "ann", 150, 0, at)
    batch = [raw(ledger, "b1", "ann", 100), raw(ledger, "b2", "ann", 100)]
    refused = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert refused.typename__ == "AddLedgerEntriesError"
    assert refused.code == "ledger_entry_batch_operation_failed"
    assert [(each.ik, each.code, each.retryable) for each in refused.errors] == [
        ("b2", "conditional_request_failed", False)
    ]
    for ik in ("b1", "b2"):
        assert (await client.get_ledger_entry(ik, ledger)).ledger_entry is None
    assert await strong_balance(client, ledger, ANN) == "150"


@rule("guide I.d", "Entries, lines and accounts are found by their ids, and lead to each other")
async def test_things_are_found_by_their_ids(client: Any, ledger: str) -> None:
    at = hour("2024-03-05T07")
    result = await deposit(client, ledger, Books(), "d1", "ann", 150, 0, at)
    query = """query byId($entry: ID!, $line: ID!, $ledger: SafeString!) {
      ledgerEntry(ledgerEntry: {id: $entry}) { ik ledger { ik } }
      ledgerLine(ledgerLine: {id: $line}) {
        amount account { id path } ledgerEntry { id ik } ledger { ik }
      }
      ledger(ledger: {ik: $ledger}) { id }
    }"""
    entry, first = result.entry, result.lines[1]
    found = await ask(client, query, entry=entry.id, line=first.id, ledger=ledger)
    assert found["ledgerEntry"] == {"ik": "d1", "ledger": {"ik": ledger}}
    assert found["ledgerLine"]["amount"] == "150"
    assert found["ledgerLine"]["account"]["path"] == ANN
    assert found["ledgerLine"]["ledgerEntry"] == {"id": entry.id, "ik": "d1"}
    assert found["ledgerLine"]["ledger"] == {"ik": ledger}
    by_id = """query account($id: ID!) {
      ledgerAccount(ledgerAccount: {id: $id}) { path parentLedgerAccount { path } }
    }"""
    account = await ask(client, by_id, id=found["ledgerLine"]["account"]["id"])
    assert account["ledgerAccount"] == {
        "path": ANN,
        "parentLedgerAccount": {"path": "liabilities/users:ann"},
    }


@rule("guide I.e", "A posted entry is in its Ledger's list")
async def test_entry_is_in_the_list_once_posted(client: Any, ledger: str) -> None:
    at = hour("2024-03-05T07")
    await deposit(client, ledger, Books(), "d1", "ann", 150, 0, at)

    async def read() -> list[Any]:
        found = (await client.list_ledger_entries(ledger)).ledger.ledger_entries.nodes
        return [
            (each.ik, each.type_, [(one.account.path, one.amount) for one in each.lines.nodes])
            for each in found
        ]

    lines = [(BANK, "150"), (ANN, "150"), ("income/fees", "0")]
    await eventually(read, [("d1", "deposit", lines)])


async def test_operation_that_is_not_built_says_so(client: Any, ledger: str) -> None:
    with pytest.raises(Exception, match="not implemented") as caught:
        await client.list_payments(ledger)
    assert type(caught.value).__name__ == "GraphQLClientGraphQLMultiError"
