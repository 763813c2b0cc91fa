"""What is sent at once: keys make one thing, conditions hold, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.client import Client
from fragment.sdk.input_types import (
    CreateLedgerInput,
    LedgerEntryGroupInput,
    LedgerEntryTagInput,
    LedgerMatchInput,
    SchemaInput,
    UpdateLedgerEntryInput,
)

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.remaining import document, kind, line, moves, opened, own, post, posted
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

CASH = "assets/cash"
KEPT = {"account": {"path": CASH}, "postcondition": {"ownBalance": {"gte": "0"}}}
UNTOUCHED = {"account": {"path": CASH}, "precondition": {"ownBalance": {"eq": "{{was}}"}}}
FEE = moves("fee", "{{amount}}")
SPEND = kind(
    "spend",
    line("out", CASH, "-{{amount}}"),
    line("cost", "costs", "{{amount}}"),
    conditions=[KEPT],
)
CLAIM = moves("claim", "{{amount}}", conditions=[UNTOUCHED])
OPEN = kind("open", line("a", "assets/bank", "1"), line("b", "debts/users:{{user}}", "1"))


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


async def codes(client: Any, ledger: str, name: str, *parameters: dict[str, str]) -> list[Any]:
    """Posts entries of one type at once; the code of each, None where it is posted."""
    answers = await asyncio.gather(
        *[
            post(client, ledger, f"{name}-{at}", type=name, parameters=each)
            for at, each in enumerate(parameters)
        ]
    )
    return [answer.get("code") for answer in answers]


@rule("guide K.d", "However many are sent at once, as many are posted as a condition lets fit")
async def test_conditions_hold_under_load(client: Any) -> None:
    ledger = await opened(client, document(FEE, SPEND))
    await posted(client, ledger, "f", type="fee", parameters={"amount": "100"})
    found = await codes(client, ledger, "spend", *[{"amount": "10"}] * 25)
    assert found.count(None) == 10
    assert set(found) == {None, "conditional_request_failed"}
    assert await own(client, ledger, CASH) == 0
    assert await own(client, ledger, "costs") == 100


@rule("guide K.d", "A precondition lets one of those pass who read the same balance")
async def test_one_claim_of_many_passes(client: Any) -> None:
    ledger = await opened(client, document(CLAIM))
    for was in (0, 1, 2):
        claims = [{"amount": "1", "was": str(was)}] * 8
        answers = await asyncio.gather(
            *[
                post(client, ledger, f"c{was}-{at}", type="claim", parameters=each)
                for at, each in enumerate(claims)
            ]
        )
        found = [answer.get("code") for answer in answers]
        assert sorted(map(str, found)) == ["None", *["conditional_request_failed"] * 7]
        assert await own(client, ledger, CASH) == was + 1


@rule("reference 5 Idempotency", "A Ledger, an instance and a currency are made once, at once too")
async def test_keys_that_come_at_once_make_one_thing(client: Any) -> None:
    schema = document(OPEN)
    ledger = await opened(client, schema)
    ik = f"ledger-{uuid4().hex[:12]}"
    of = CreateLedgerInput(name="Once")
    made = await asyncio.gather(*[client.create_ledger(ik, of, schema["key"]) for _ in range(6)])
    results = [each.create_ledger for each in made]
    assert sorted(each.is_ik_replay for each in results) == [False, *[True] * 5]
    assert len({each.ledger.id for each in results}) == 1
    match = LedgerMatchInput(ik=ledger)
    told = (match, "debts/users:u1", {"user_name": "Ann"})
    instances = await asyncio.gather(
        *[client.instantiate_ledger_account(*told) for _ in range(6)],
        *[
            post(client, ledger, f"o{at}", type="open", parameters={"user": "u1", "user_name": "A"})
            for at in range(6)
        ],
    )
    ids = {each.instantiate_ledger_account.ledger_account.id for each in instances[:6]}
    assert len(ids) == 1
    assert [each.get("code") for each in instances[6:]] == [None] * 6
    assert await own(client, ledger, "debts/users:u1") == 6
    custom_id = f"gems-{uuid4().hex[:8]}"
    gems = await asyncio.gather(
        *[client.create_custom_currency(custom_id, "Gems", 0, "GEM") for _ in range(6)]
    )
    kinds = {each.create_custom_currency.typename__ for each in gems}
    assert kinds == {"CreateCustomCurrencyResult"}
    query = """query all($ik: SafeString!) { ledger(ledger: {ik: $ik}) {
      ledgerAccounts(filter: {path: {equalTo: "debts/users:u1"}}) { nodes { path } }
    } }"""

    async def listed() -> list[Any]:
        return list((await ask(client, query, ik=ledger))["ledger"]["ledgerAccounts"]["nodes"])

    await eventually(listed, [{"path": "debts/users:u1"}])


@rule("reference 6 Versions", "Schemas that are stored at once get versions one after the other")
async def test_versions_that_come_at_once_stand_in_a_row(client: Any) -> None:
    schema = document(FEE)
    await opened(client, schema)
    names = [f"Name {at}" for at in range(5)]
    stored = await asyncio.gather(
        *[
            client.store_schema(SchemaInput.model_validate({**schema, "name": name}))
            for name in names
        ]
    )
    results = [each.store_schema for each in stored]
    assert {each.typename__ for each in results} == {"StoreSchemaResult"}
    versions = {each.schema_.version.version: each.schema_.name for each in results}
    assert sorted(versions) == [2, 3, 4, 5, 6]
    for version, name in versions.items():
        found = (await client.get_schema(schema["key"], version)).schema_
        assert found.version.json_["name"] == name


@rule("reference 8 Ledger Entries", "Updates that come at once are all kept, and ten at most")
async def test_updates_that_come_at_once_are_all_kept(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    await posted(client, ledger, "e", type="fee", parameters={"amount": "1"})

    def change(at: int) -> UpdateLedgerEntryInput:
        if at % 2:
            return UpdateLedgerEntryInput(groups=[LedgerEntryGroupInput(key=f"k{at}", value="v")])
        return UpdateLedgerEntryInput(tags=[LedgerEntryTagInput(key=f"k{at}", value="v")])

    answers = await asyncio.gather(
        *[client.update_ledger_entry("e", ledger, change(at)) for at in range(14)]
    )
    kinds = [each.update_ledger_entry.typename__ for each in answers]
    assert sorted(kinds) == ["BadRequestError"] * 4 + ["UpdateLedgerEntryResult"] * 10
    refused = [each.update_ledger_entry for each in answers if kinds[answers.index(each)][0] == "B"]
    assert {each.code for each in refused} == {"ledger_entry_too_many_updates"}
    query = """query e($ik: SafeString!) {
      ledgerEntry(ledgerEntry: {ik: "e", ledger: {ik: $ik}}) { tags { key } groups { key } }
    }"""
    entry = (await ask(client, query, ik=ledger))["ledgerEntry"]
    kept = {each["key"] for each in (*entry["tags"], *entry["groups"])}
    assert kept == {f"k{at}" for at, each in enumerate(kinds) if each[0] == "U"}
