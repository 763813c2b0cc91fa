"""What is changed after posting: updates, reversals, migrations; guide G and M, reference 8."""

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any

import pytest
from fragment.sdk.client import Client
from fragment.sdk.input_types import (
    AddLedgerEntryInput,
    LedgerEntryGroupInput,
    LedgerEntryInput,
    LedgerEntryTagInput,
    LedgerLineMatchInput,
    LedgerLineTagInput,
    LedgerMatchInput,
    UpdateLedgerEntryInput,
    UpdateLedgerLineInput,
)

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.remaining import (
    document,
    given,
    kind,
    line,
    moves,
    opened,
    own,
    posted,
    store,
    unposted,
)
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

CASH = "assets/cash"
GROUPED = [{"key": "invoice", "value": "{{invoice}}"}]
KEPT = {"account": {"path": CASH}, "postcondition": {"ownBalance": {"gte": "0"}}}
FEE = moves("fee", "{{amount}}", groups=GROUPED, description="Fee of {{amount}}.")
SPEND = kind(
    "spend",
    line("out", CASH, "-{{amount}}"),
    line("cost", "costs", "{{amount}}"),
    conditions=[KEPT],
)
BY_HAND = kind("by_hand")


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


def tags(*pairs: tuple[str, str]) -> list[LedgerEntryTagInput]:
    return [LedgerEntryTagInput(key=key, value=value) for key, value in pairs]


async def update(client: Any, ledger: str, ik: str, **change: Any) -> Any:
    answer = await client.update_ledger_entry(ik, ledger, UpdateLedgerEntryInput(**change))
    return answer.update_ledger_entry


async def fee(client: Any, ledger: str, ik: str, amount: int, **more: Any) -> str:
    """Posts a fee; gives the entry's id."""
    told = {"amount": str(amount), "invoice": "i1"}
    answer = await posted(client, ledger, ik, type="fee", parameters=told, **more)
    entry_id: str = answer["entry"]["id"]
    return entry_id


async def reverse(client: Any, entry_id: str) -> Any:
    result = (await client.reverse_ledger_entry(entry_id)).reverse_ledger_entry
    assert result.typename__ == "ReverseLedgerEntryResult", result
    return result


async def chain(client: Any, ledger: str, ik: str) -> list[tuple[int, str | None, bool]]:
    """Position, type and whether it is hidden, of every entry of an ik, newest first."""
    query = """query chain($ik: SafeString!, $ledger: SafeString!) {
      ledgerEntryHistory(ledgerEntry: {ik: $ik, ledger: {ik: $ledger}}) {
        nodes { reversalPosition type hidden }
      }
    }"""
    nodes = (await ask(client, query, ik=ik, ledger=ledger))["ledgerEntryHistory"]["nodes"]
    return [(each["reversalPosition"], each["type"], each["hidden"]) for each in nodes]


# --- Updates --------------------------------------------------------------------------------------
@rule("reference 8 Ledger Entries", "An update that changes nothing is answered and doesn't count")
@rule("reference 8 Ledger Entries", "tagsToRemove takes tags off that match in key and value")
async def test_updates_that_change_nothing_do_not_count(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    await fee(client, ledger, "e", 5, tags=[{"key": "a", "value": "1"}])

    async def shown(**change: Any) -> list[tuple[str, str]]:
        result = await update(client, ledger, "e", **change)
        assert result.typename__ == "UpdateLedgerEntryResult", result
        return [(tag.key, tag.value) for tag in result.entry.tags]

    group = [LedgerEntryGroupInput(key="invoice", value="i1")]
    for _ in range(12):
        assert await shown(tags=tags(("a", "1")), groups=group) == [("a", "1")]
        assert await shown(tags_to_remove=tags(("a", "2"), ("b", "1"))) == [("a", "1")]
    assert await shown(tags=tags(("a", "2"), ("b", "1"))) == [("a", "2"), ("b", "1")]
    assert await shown(tags_to_remove=tags(("a", "2"))) == [("b", "1")]
    both = {"tags": tags(("b", "2")), "tags_to_remove": tags(("b", "1"))}
    assert await shown(**both) == [("b", "2")]
    twice = await update(client, ledger, "e", tags=tags(("c", "1"), ("c", "2")))
    assert (twice.typename__, twice.code) == ("BadRequestError", "duplicate_tag")


@rule("reference 8 Ledger Entries", "Tags of a line are added, overwritten and taken off")
@rule("reference 4", "An updated entry still has at most 10 tags and 10 groups")
async def test_updates_keep_to_the_limits(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    await fee(client, ledger, "e", 5)
    line_id = (await client.get_ledger_entry("e", ledger)).ledger_entry.lines.nodes[0].id

    def pairs(*given: tuple[str, str]) -> list[LedgerLineTagInput]:
        return [LedgerLineTagInput(key=key, value=value) for key, value in given]

    async def of_line(**change: Any) -> list[tuple[str, str]]:
        match = LedgerLineMatchInput(id=line_id)
        lines = [UpdateLedgerLineInput(ledger_line=match, **change)]
        result = await update(client, ledger, "e", ledger_lines=lines)
        assert result.typename__ == "UpdateLedgerEntryResult", result
        query = "query l($id: ID!) { ledgerLine(ledgerLine: {id: $id}) { tags { key value } } }"
        found = (await ask(client, query, id=line_id))["ledgerLine"]["tags"]
        return [(each["key"], each["value"]) for each in found]

    assert await of_line(tags=pairs(("a", "1"), ("b", "1"))) == [("a", "1"), ("b", "1")]
    assert await of_line(tags=pairs(("a", "2"))) == [("a", "2"), ("b", "1")]
    assert await of_line(tags_to_remove=pairs(("b", "1"))) == [("a", "2")]
    many = [(f"k{at}", "v") for at in range(11)]
    over = await update(client, ledger, "e", tags=tags(*many))
    assert over.code == "ledger_entry_too_many_tags"
    groups = [LedgerEntryGroupInput(key=key, value=value) for key, value in many[:10]]
    over = await update(client, ledger, "e", groups=groups)
    assert over.code == "ledger_entry_too_many_groups"  # it has one of its type
    query = """query e($ik: SafeString!) {
      ledgerEntry(ledgerEntry: {ik: "e", ledger: {ik: $ik}}) { tags { key } groups { key } }
    }"""
    kept = (await ask(client, query, ik=ledger))["ledgerEntry"]
    assert kept == {"tags": [], "groups": [{"key": "invoice"}]}


# --- Reversals ------------------------------------------------------------------------------------
@rule("reference 8 Reversal", "A reversal asks no conditions and needs no open type or account")
@rule("reference 8 Reversal", "The reversing entry has its own created and says what it reverses")
async def test_a_mistake_can_always_be_taken_back(client: Any) -> None:
    schema = document(FEE, SPEND)
    ledger = await opened(client, schema)
    first = await fee(client, ledger, "e", 100, posted="2024-03-05")
    spent = {"amount": "100"}
    await posted(client, ledger, "s", type="spend", parameters=spent)
    closed = deepcopy(schema)
    closed["ledgerEntries"]["types"][0]["status"] = "disabled"
    closed["chartOfAccounts"]["accounts"][0]["children"][1]["status"] = "archived"
    await store(client, closed)

    async def refused() -> str:
        return await unposted(client, ledger, type="spend", parameters={"amount": "0"})

    async def is_closed() -> str | None:
        lines = [{"account": {"path": CASH}, "amount": "0"}]
        answer = await client.execute(
            query="""mutation p($ik: SafeString!, $entry: LedgerEntryInput!) {
              addLedgerEntry(ik: $ik, entry: $entry) { ... on Error { code } }
            }""",
            variables={"ik": f"z{len(seen)}", "entry": {"ledger": {"ik": ledger}, "lines": lines}},
        )
        seen.append(1)
        found: str | None = client.get_data(answer)["addLedgerEntry"].get("code")
        return found

    seen: list[int] = []
    await eventually(is_closed, "ledger_account_disabled")
    assert await refused() == "ledger_account_disabled"
    result = await reverse(client, first)
    assert result.is_ik_replay is False
    assert await own(client, ledger, CASH) == -100
    query = """query both($ik: SafeString!, $id: ID!) {
      ledgerEntry(ledgerEntry: {id: $id}) {
        reversedBy { description posted isReversal isReversed conditions { currency { code } }
          type parameters lines { nodes { amount currency { code } key } } }
        reversalHistory { nodes { created } }
      }
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/cash"}) { ownBalance }
    }"""
    found = (await ask(client, query, ik=ledger, id=first))["ledgerEntry"]
    usd = {"code": "USD"}
    assert found["reversedBy"] == {
        "description": "Reversal of: Fee of 100.",
        "posted": "2024-03-05T00:00:00.000Z",
        "isReversal": True,
        "isReversed": False,
        "conditions": [],
        "type": "fee",
        "parameters": {"amount": "100", "invoice": "i1"},
        "lines": {
            "nodes": [
                {"amount": "-100", "currency": usd, "key": "in"},
                {"amount": "-100", "currency": usd, "key": "fee"},
            ]
        },
    }
    newest, oldest = [each["created"] for each in found["reversalHistory"]["nodes"]]
    assert newest > oldest


@rule("reference 8 Reversal", "An entry that is reversed many times at once is reversed once")
@rule("reference 8 Reversal", "A reversed ik may be posted again in a batch, and be reversed again")
async def test_a_chain_goes_on_whoever_comes_at_once(client: Any) -> None:
    ledger = await opened(client, document(FEE, BY_HAND))
    first = await fee(client, ledger, "e", 100)
    results = await asyncio.gather(*(reverse(client, first) for _ in range(8)))
    assert sorted(each.is_ik_replay for each in results) == [False, *[True] * 7]
    assert len({each.reversing_ledger_entry.id for each in results}) == 1
    assert await own(client, ledger, CASH) == 0

    def entry(ik: str, amount: int) -> AddLedgerEntryInput:
        told = {"amount": str(amount), "invoice": "i2"}
        of = LedgerEntryInput(ledger=LedgerMatchInput(ik=ledger), type="fee", parameters=told)
        return AddLedgerEntryInput(ik=ik, entry=of)

    batch = [entry("e", 7), entry("other", 1)]
    answers = await asyncio.gather(*(client.add_ledger_entries(batch) for _ in range(4)))
    flags = [
        [each.is_ik_replay for each in answer.add_ledger_entries.results] for answer in answers
    ]
    assert sorted(flags) == [[False, False], [True, True], [True, True], [True, True]]
    assert await own(client, ledger, CASH) == 8
    newest = (await client.get_ledger_entry("e", ledger)).ledger_entry
    assert await chain(client, ledger, "e") == [
        (3, "fee", False), (2, "fee", True), (1, "fee", True)
    ]  # fmt: skip
    await reverse(client, newest.id)
    lines = given(assets__cash=2, income__fees=2)
    await posted(client, ledger, "e", type="by_hand", lines=lines)
    assert [each[0] for each in await chain(client, ledger, "e")] == [5, 4, 3, 2, 1]
    assert (await chain(client, ledger, "e"))[0] == (5, "by_hand", False)
    assert await own(client, ledger, CASH) == 3


@rule("reference 8 Reversal", "A reversed entry leaves its group's list and nets out its balances")
@rule("guide M", "A group tracks the net change to each balance that its entries move")
async def test_a_reversal_nets_out_in_its_group(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    gone = await fee(client, ledger, "gone", 100)
    await fee(client, ledger, "kept", 5)
    await reverse(client, gone)
    query = """query group($ik: SafeString!) { ledger(ledger: {ik: $ik}) {
      ledgerEntryGroup(ledgerEntryGroup: {key: "invoice", value: "i1"}) {
        ledgerEntries { nodes { ik } } balances { nodes { account { path } ownBalance } }
      }
    } }"""

    async def read() -> tuple[list[str], dict[str, str]]:
        found = (await ask(client, query, ik=ledger))["ledger"]["ledgerEntryGroup"]
        iks = [each["ik"] for each in found["ledgerEntries"]["nodes"]]
        nodes = found["balances"]["nodes"]
        return iks, {each["account"]["path"]: each["ownBalance"] for each in nodes}

    await eventually(read, (["kept"], {CASH: "5", "income/fees": "5"}))


# --- Migrations of entries ------------------------------------------------------------------------
async def migrate(client: Any, entry_id: str, **entry: Any) -> Any:
    answer = await client.migrate_ledger_entry(entry_id, LedgerEntryInput(**entry))
    return answer.migrate_ledger_entry


@rule("reference 8 Migration of entries", "The new entry keeps the moment unless one is given")
@rule("reference 8 Migration of entries", "An entry that is only reversed can't be migrated")
@rule("reference 8 Migration of entries", "Migrating what was posted again is a replay")
@rule("reference 8 Migration of entries", "A new entry that is refused leaves the old one standing")
async def test_what_is_migrated_and_what_is_not(client: Any) -> None:
    new = moves("fee", "{{amount}}", typeVersion=2)
    ledger = await opened(client, document(FEE, SPEND, new))
    told = {"type": "fee", "type_version": 2, "parameters": {"amount": "7"}}
    first = await fee(client, ledger, "one", 5, posted="2024-03-05")
    result = await migrate(client, first, **told)
    assert result.typename__ == "MigrateLedgerEntryResult", result
    assert result.new_ledger_entry.posted == "2024-03-05T00:00:00.000Z"
    moved = await migrate(client, result.new_ledger_entry.id, **told, posted="2024-04-01")
    assert moved.new_ledger_entry.posted == "2024-04-01T00:00:00.000Z"
    assert await own(client, ledger, CASH) == 7
    assert [each[0] for each in await chain(client, ledger, "one")] == [5, 4, 3, 2, 1]

    for bad, code in (
        ({"type": "fee", "type_version": 3}, "ledger_entry_type_not_found"),
        ({"type": "fee", "type_version": 2}, "missing_parameter"),
        ({"type": "spend", "parameters": {"amount": "999"}}, "conditional_request_failed"),
    ):
        refused = await migrate(client, moved.new_ledger_entry.id, **bad)
        assert (refused.typename__, refused.code) == ("BadRequestError", code)
    assert await own(client, ledger, CASH) == 7

    gone = await fee(client, ledger, "two", 5)
    back = (await reverse(client, gone)).reversing_ledger_entry.id
    for entry_id in (gone, back):
        refused = await migrate(client, entry_id, **told)
        assert refused.code == "ledger_entry_reversed"
    again = await fee(client, ledger, "two", 6)
    replay = await migrate(client, gone, **told)
    assert (replay.is_ik_replay, replay.new_ledger_entry.id) == (True, again)
    assert await own(client, ledger, CASH) == 13


@rule(
    "reference 8 Migration of entries", "A data migration is active while the Schema says archived"
)
@rule("reference 8 Migration of entries", "Its history says which Schema version did what")
@rule(
    "reference 8 Migration of entries", "Its list holds the entries that stand; typeVersion is text"
)
async def test_a_data_migration_has_a_history(client: Any) -> None:
    schema = document(FEE, moves("fee", "{{amount}}", typeVersion=2), BY_HAND)
    ledger = await opened(client, schema)
    first = await fee(client, ledger, "one", 5)
    await fee(client, ledger, "two", 5)
    types = schema["ledgerEntries"]["types"]
    bank = schema["chartOfAccounts"]["accounts"][0]["children"][1]
    query = """query m($ik: SafeString!, $filter: LedgerEntryDataMigrationsFilterSet) {
      ledger(ledger: {ik: $ik}) {
        ledgerEntryDataMigrations(filter: $filter) { nodes {
          entryType typeVersion status currentMigration { schemaVersion status }
          history { nodes { schemaVersion status } } ledgerEntries { nodes { ik } }
        } }
        ledgerAccountDataMigrations { nodes {
          accountPath status currentMigration { schemaVersion status }
          history { nodes { schemaVersion status } }
        } }
      }
    }"""

    async def read(**filter_set: Any) -> tuple[Any, ...]:
        found = (await ask(client, query, ik=ledger, filter=filter_set or None))["ledger"]
        nodes = found["ledgerEntryDataMigrations"]["nodes"]
        for each in nodes:
            each["history"] = [(s["schemaVersion"], s["status"]) for s in each["history"]["nodes"]]
            each["ledgerEntries"] = [one["ik"] for one in each["ledgerEntries"]["nodes"]]
        accounts = found["ledgerAccountDataMigrations"]["nodes"]
        return nodes, [(each["accountPath"], each["status"]) for each in accounts]

    assert await read() == ([], [])
    types[0]["status"] = bank["status"] = "archived"
    await store(client, schema)
    active = {"schemaVersion": 2, "status": "active"}
    shown = {"entryType": "fee", "typeVersion": 1, "status": "active", "currentMigration": active,
             "history": [(2, "active")], "ledgerEntries": ["two", "one"]}  # fmt: skip
    await eventually(read, ([shown], [(CASH, "active")]))
    for only, wanted in (
        ({"typeVersion": {"equalTo": "1"}}, [shown]),
        ({"typeVersion": {"equalTo": "2"}}, []),
        ({"status": "inactive"}, []),
    ):
        assert (await read(**only))[0] == wanted
    lines = given(assets__bank=5, income__fees=5)
    new = LedgerEntryInput.model_validate({"type": "by_hand", "lines": lines})
    answer = (await client.migrate_ledger_entry(first, new)).migrate_ledger_entry
    assert answer.typename__ == "MigrateLedgerEntryResult", answer
    shown["ledgerEntries"] = ["two"]
    await eventually(read, ([shown], [(CASH, "active")]))
    types[0]["status"], bank["status"] = "active", "active"
    await store(client, schema)
    shown |= {"status": "inactive", "currentMigration": None}
    shown["history"] = [(3, "inactive"), (2, "active")]

    async def ended() -> tuple[Any, ...]:
        nodes, accounts = await read()
        return [{**each, "ledgerEntries": ["two"]} for each in nodes], accounts

    await eventually(ended, ([shown], [(CASH, "inactive")]))
