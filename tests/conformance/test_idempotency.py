"""Idempotency keys: one thing for a key, whatever is sent again."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    AddLedgerEntryInput,
    CreateLedgerInput,
    LedgerEntryInput,
    LedgerMatchInput,
)

from tests.conformance.asking import ask, deposit, posted
from tests.conformance.books import Books, hour
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

ANN = "liabilities/users:ann/available"
AT = hour("2024-03-05T07")
OWN = """query own($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalance(consistencyMode: strong)
  }
}"""


def typed(ledger: str, ik: str, amount: str) -> AddLedgerEntryInput:
    parameters = {"user": "ann", "amount": amount, "fee": "0"}
    match = LedgerMatchInput(ik=ledger)
    entry = LedgerEntryInput(ledger=match, type="deposit", parameters=parameters)
    return AddLedgerEntryInput(ik=ik, entry=entry)


async def own(client: Any, ledger: str, path: str = ANN) -> str:
    found = await ask(client, OWN, ik=ledger, path=path)
    balance: str = found["ledgerAccount"]["ownBalance"]
    return balance


@rule("reference 5 Idempotency", "createLedger answers a used ik with the first Ledger")
async def test_ledger_s_ik_gives_the_first_ledger(
    client: Any, stored_schema: dict[str, Any]
) -> None:
    ik, key = f"ledger-{uuid4().hex[:12]}", stored_schema["key"]
    first = (
        await client.create_ledger(
            ik, CreateLedgerInput(name="First", balanceUTCOffset="-08:00"), key
        )
    ).create_ledger
    again = (await client.create_ledger(ik, CreateLedgerInput(name="Second"), key)).create_ledger
    assert (first.is_ik_replay, again.is_ik_replay) == (False, True)
    assert again.ledger == first.ledger
    assert (await client.get_ledger(ik)).ledger.balance_utc_offset == "-08:00"


@rule("reference 5 Idempotency", "addLedgerEntry answers a used ik with the first entry and lines")
@rule("reference 5 Idempotency", "The payload that comes with a used ik is not looked at")
async def test_used_ik_answers_with_the_first_entry_whatever_comes_with_it(
    client: Any, ledger: str
) -> None:
    first = await deposit(client, ledger, Books(), "d1", "ann", 100, 0, AT)
    for kind, parameters in (
        ("hold", {"user": "bob", "amount": "1"}),
        ("deposit", {"user": "ann", "amount": "7", "fee": "0"}),
    ):
        again = posted(await client.add_ledger_entry("d1", ledger, kind, parameters))
        assert again.is_ik_replay is True
        assert (again.entry, again.lines) == (first.entry, first.lines)
    assert await own(client, ledger) == "100"


@rule("reference 5 Idempotency", "An ik sent many times at once is one entry; one answer is first")
async def test_ik_sent_at_once_is_one_entry(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": "100", "fee": "0"}
    answers = await asyncio.gather(
        *(client.add_ledger_entry("d1", ledger, "deposit", parameters) for _ in range(10))
    )
    results = [posted(answer) for answer in answers]
    assert sorted(result.is_ik_replay for result in results) == [False, *[True] * 9]
    assert len({result.entry.id for result in results}) == 1
    assert await own(client, ledger) == "100"


@rule("reference 5 Idempotency", "Each entry of a batch has its own ik and its own isIkReplay")
async def test_batch_replays_entry_by_entry(client: Any, ledger: str) -> None:
    first = await deposit(client, ledger, Books(), "d1", "ann", 100, 0, AT)
    batch = [typed(ledger, "d2", "20"), typed(ledger, "d1", "999"), typed(ledger, "d3", "3")]
    result = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert [(one.entry.ik, one.is_ik_replay) for one in result.results] == [
        ("d2", False),
        ("d1", True),
        ("d3", False),
    ]
    assert result.results[1].entry.id == first.entry.id
    assert [line.amount for line in result.results[1].lines] == ["100", "100", "0"]
    assert await own(client, ledger) == "123"


@rule("reference 5 Idempotency", "An ik is an entry's within its Ledger alone")
async def test_ik_is_free_in_another_ledger(
    client: Any, ledger: str, schema: dict[str, Any]
) -> None:
    other = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(other, CreateLedgerInput(name="Other"), schema["key"])
    first = await deposit(client, ledger, Books(), "d1", "ann", 100, 0, AT)
    second = await deposit(client, other, Books(), "d1", "ann", 7, 0, AT)
    assert second.is_ik_replay is False
    assert second.entry.id != first.entry.id
    assert (await own(client, ledger), await own(client, other)) == ("100", "7")


@rule("reference 5 Idempotency", "The ik of a refused entry is free")
async def test_refused_ik_may_be_used(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": "100"}
    refused = (await client.add_ledger_entry("h1", ledger, "hold", parameters)).add_ledger_entry
    assert refused.code == "conditional_request_failed"
    await deposit(client, ledger, Books(), "d1", "ann", 100, 0, AT)
    result = posted(await client.add_ledger_entry("h1", ledger, "hold", parameters))
    assert result.is_ik_replay is False
    assert await own(client, ledger) == "0"


@rule("reference 5 Idempotency", "A replay is answered though its condition would fail by now")
async def test_replay_is_not_judged_again(client: Any, ledger: str) -> None:
    await deposit(client, ledger, Books(), "d1", "ann", 100, 0, AT)
    parameters = {"user": "ann", "amount": "100"}
    first = posted(await client.add_ledger_entry("h1", ledger, "hold", parameters))
    again = posted(await client.add_ledger_entry("h1", ledger, "hold", parameters))
    assert again.is_ik_replay is True
    assert again.entry == first.entry
    assert await own(client, ledger) == "0"
