"""The official client changes what was posted: updates, reversals, reposts, migrations."""

from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    CreateLedgerInput,
    LedgerEntriesFilterSet,
    LedgerEntryGroupInput,
    LedgerEntryInput,
    LedgerEntryTagInput,
    LedgerLineMatchInput,
    LedgerLinesFilterSet,
    LedgerLineTagInput,
    SchemaInput,
    UpdateLedgerEntryInput,
    UpdateLedgerLineInput,
)

from tests.conformance.asking import ask, eventually, posted
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

ANN = "liabilities/users:ann/available"
BOB = "liabilities/users:bob/available"
BANK = "assets/bank"
CHAIN = """query chain($ik: SafeString!, $ledger: SafeString!) {
  ledgerEntryHistory(ledgerEntry: {ik: $ik, ledger: {ik: $ledger}}) {
    nodes {
      id type posted created hidden isReversal isReversed reversalPosition reversedAt
      tags { key value } groups { key value }
      reverses { id } reversedBy { id } reversalHistory { nodes { id } }
      lines { nodes { amount hidden isReversal isReversed reverses { id } reversedBy { id } } }
    }
  }
}"""
STATS = """query stats($ledger: SafeString!) {
  ledger(ledger: {ik: $ledger}) {
    entryStats { nodes { type typeVersion count reversalsCount netCount } }
  }
}"""


def tags(**values: str) -> list[LedgerEntryTagInput]:
    return [LedgerEntryTagInput(key=key, value=value) for key, value in values.items()]


def groups(**values: str) -> list[LedgerEntryGroupInput]:
    return [LedgerEntryGroupInput(key=key, value=value) for key, value in values.items()]


def shown(pairs: Any) -> list[tuple[str, str]]:
    return [(each.key, each.value) for each in pairs]


async def deposit(client: Any, ledger: str, ik: str, amount: int = 100, **more: Any) -> Any:
    parameters = {"user": "ann", "amount": str(amount), "fee": "0"}
    return posted(await client.add_ledger_entry(ik, ledger, "deposit", parameters, **more))


async def reverse(client: Any, entry_id: str) -> Any:
    result = (await client.reverse_ledger_entry(entry_id)).reverse_ledger_entry
    assert result.typename__ == "ReverseLedgerEntryResult", result
    return result


async def chain(client: Any, ledger: str, ik: str) -> list[dict[str, Any]]:
    found = await ask(client, CHAIN, ik=ik, ledger=ledger)
    return list(found["ledgerEntryHistory"]["nodes"])


async def strong(client: Any, ledger: str, path: str) -> str:
    query = """query strong($ik: SafeString!, $path: String!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
        ownBalance(consistencyMode: strong)
      }
    }"""
    return str((await ask(client, query, ik=ledger, path=path))["ledgerAccount"]["ownBalance"])


async def update(client: Any, ledger: str, ik: str, **change: Any) -> Any:
    answer = await client.update_ledger_entry(ik, ledger, UpdateLedgerEntryInput(**change))
    return answer.update_ledger_entry


# --- Updates --------------------------------------------------------------------------------------
@rule("guide G", "updateLedgerEntry adds tags and overwrites those that have the same key")
async def test_tags_are_added_and_overwritten(client: Any, ledger: str) -> None:
    await deposit(client, ledger, "d1", tags=tags(channel="web"))
    result = await update(client, ledger, "d1", tags=tags(channel="app", note="late"))
    wanted = [("user", "ann"), ("channel", "app"), ("note", "late")]
    assert shown(result.entry.tags) == wanted
    removed = await update(client, ledger, "d1", tags_to_remove=tags(note="late"))
    assert shown(removed.entry.tags) == wanted[:2]


@rule("guide G", "An updated tag is what lists of entries filter by")
async def test_lists_follow_an_update(client: Any, ledger: str) -> None:
    await deposit(client, ledger, "d1", tags=tags(channel="web"))
    await deposit(client, ledger, "d2", tags=tags(channel="web"))
    await update(client, ledger, "d1", tags=tags(channel="app"))

    async def listed() -> list[str]:
        only = LedgerEntriesFilterSet.model_validate(
            {"tag": {"equalTo": {"key": "channel", "value": "app"}}}
        )
        found = await client.list_ledger_entries(ledger, filter_=only)
        return [each.ik for each in found.ledger.ledger_entries.nodes]

    await eventually(listed, ["d1"])


@rule("guide M", "updateLedgerEntry adds groups; a group's value is not changed")
async def test_groups_are_only_added(client: Any, ledger: str) -> None:
    await deposit(client, ledger, "d1")
    result = await update(client, ledger, "d1", groups=groups(batch="b1"))
    assert shown(result.entry.groups) == [("statement", "ann"), ("batch", "b1")]
    refused = await update(client, ledger, "d1", groups=groups(batch="b2"))
    assert (refused.typename__, refused.code) == ("BadRequestError", "group_conflict")
    query = """query members($ledger: SafeString!) {
      ledgerEntryGroup(ledgerEntryGroup: {key: "batch", value: "b1", ledger: {ik: $ledger}}) {
        ledgerEntries { nodes { ik } }
      }
    }"""

    async def members() -> list[str]:
        found = await ask(client, query, ledger=ledger)
        return [each["ik"] for each in found["ledgerEntryGroup"]["ledgerEntries"]["nodes"]]

    await eventually(members, ["d1"])


@rule("reference 8 Ledger Entries", "An update tags lines of its entry, and of no other")
async def test_lines_are_tagged(client: Any, ledger: str) -> None:
    mine = await deposit(client, ledger, "d1")
    other = await deposit(client, ledger, "d2")

    def line(line_id: str) -> list[UpdateLedgerLineInput]:
        match = LedgerLineMatchInput(id=line_id)
        wanted = [LedgerLineTagInput(key="a", value="1")]
        return [UpdateLedgerLineInput(ledger_line=match, tags=wanted)]

    result = await update(client, ledger, "d1", ledger_lines=line(mine.lines[0].id))
    assert result.typename__ == "UpdateLedgerEntryResult"
    query = "query l($id: ID!) { ledgerLine(ledgerLine: {id: $id}) { tags { key value } } }"
    found = await ask(client, query, id=mine.lines[0].id)
    assert found["ledgerLine"]["tags"] == [{"key": "a", "value": "1"}]
    refused = await update(client, ledger, "d1", ledger_lines=line(other.lines[0].id))
    assert refused.code == "ledger_line_not_in_entry"


@rule("guide G", "An entry is updated at most 10 times")
async def test_an_eleventh_update_is_refused(client: Any, ledger: str) -> None:
    await deposit(client, ledger, "d1")
    for number in range(10):
        await update(client, ledger, "d1", tags=tags(number=str(number)))
    refused = await update(client, ledger, "d1", tags=tags(number="10"))
    assert refused.code == "ledger_entry_too_many_updates"


# --- Reversals ------------------------------------------------------------------------------------
@rule("reference 8 Reversal", "A reversing entry has opposite amounts and the same posted")
@rule("reference 8 Reversal", "Reversed and reversing entries name each other and share their ik")
async def test_a_reversal_takes_an_entry_back(client: Any, ledger: str) -> None:
    result = await deposit(client, ledger, "d1", posted="2024-03-05T07:00:00Z")
    answer = await reverse(client, result.entry.id)
    assert answer.is_ik_replay is False
    assert (answer.reversed_ledger_entry.id, answer.reversed_ledger_entry.ik) == (
        result.entry.id,
        "d1",
    )
    assert [each.amount for each in answer.reversing_ledger_entry.lines.nodes] == [
        "-100",
        "-100",
        "0",
    ]
    back, first = await chain(client, ledger, "d1")
    assert (first["reversalPosition"], back["reversalPosition"]) == (1, 2)
    assert first["posted"] == back["posted"] == "2024-03-05T07:00:00.000Z"
    assert first["reversedAt"] == back["created"]
    assert (first["reversedBy"], back["reverses"]) == ({"id": back["id"]}, {"id": first["id"]})
    assert (first["tags"], first["groups"]) == (back["tags"], back["groups"])
    assert [first["hidden"], back["hidden"]] == [True, True]
    line, back_line = first["lines"]["nodes"][0], back["lines"]["nodes"][0]
    assert line["reversedBy"]["id"].startswith(back["id"])
    assert back_line["reverses"]["id"].startswith(first["id"])
    assert await strong(client, ledger, ANN) == "0"


@rule("reference 5", "Reversing a reversed entry, or a reversing one, answers isIkReplay true")
async def test_reversing_again_is_a_replay(client: Any, ledger: str) -> None:
    result = await deposit(client, ledger, "d1")
    first = await reverse(client, result.entry.id)
    for entry_id in (first.reversed_ledger_entry.id, first.reversing_ledger_entry.id):
        again = await reverse(client, entry_id)
        assert again.is_ik_replay is True
        assert again.reversing_ledger_entry.id == first.reversing_ledger_entry.id
        assert again.reversed_ledger_entry.id == first.reversed_ledger_entry.id
    assert await strong(client, ledger, ANN) == "0"


@rule("reference 8 Reversal", "Lists leave both sides out unless showHidden or a filter asks")
async def test_both_sides_are_hidden(client: Any, ledger: str) -> None:
    await deposit(client, ledger, "kept")
    gone = await deposit(client, ledger, "gone")
    await reverse(client, gone.entry.id)

    async def entries(**members: bool) -> list[str]:
        only = LedgerEntriesFilterSet.model_validate(members) if members else None
        found = await client.list_ledger_entries(ledger, filter_=only)
        return sorted([each.ik for each in found.ledger.ledger_entries.nodes])

    async def lines(path: str, **members: bool) -> list[str]:
        only = LedgerLinesFilterSet.model_validate(members) if members else None
        found = await client.get_ledger_account_lines(path, ledger, filter_=only)
        return sorted([each.amount for each in found.ledger_account.lines.nodes])

    await eventually(lambda: entries(showHidden=True), ["gone", "gone", "kept"])
    await eventually(entries, ["kept"])
    await eventually(lambda: entries(isReversal=True), ["gone"])
    await eventually(lambda: entries(isReversed=True), ["gone"])
    for path in (BANK, ANN):  # an eventual list, and a strong one
        await eventually(lambda path=path: lines(path), ["100"])
        await eventually(lambda path=path: lines(path, showHidden=True), ["-100", "100", "100"])
        await eventually(lambda path=path: lines(path, isReversal=True), ["-100"])


@rule("reference 8 Reversal", "Neither side of a reversal can be updated")
async def test_reversed_entries_are_immutable(client: Any, ledger: str) -> None:
    result = await deposit(client, ledger, "d1")
    await reverse(client, result.entry.id)
    refused = await update(client, ledger, "d1", tags=tags(a="1"))
    assert refused.code == "ledger_entry_reversed"


@rule("reference 8 Reversal", "A reversed ik may be posted again, and the chain goes on")
@rule("reference 8 Reversal", "ledgerEntry by ik gives the newest entry of the chain")
async def test_a_reversed_ik_is_free_again(client: Any, ledger: str) -> None:
    result = await deposit(client, ledger, "d1")
    await reverse(client, result.entry.id)
    await deposit(client, ledger, "funds", 50)
    parameters = {"user": "ann", "amount": "30"}
    again = posted(await client.add_ledger_entry("d1", ledger, "hold", parameters))
    assert again.is_ik_replay is False
    replay = posted(await client.add_ledger_entry("d1", ledger, "hold", parameters))
    assert (replay.is_ik_replay, replay.entry.id) == (True, again.entry.id)
    newest = (await client.get_ledger_entry("d1", ledger)).ledger_entry
    assert newest.id == again.entry.id
    found = await chain(client, ledger, "d1")
    assert [each["reversalPosition"] for each in found] == [3, 2, 1]
    assert [each["type"] for each in found] == ["hold", "deposit", "deposit"]
    assert [len(each["reversalHistory"]["nodes"]) for each in found] == [3, 3, 3]
    assert await strong(client, ledger, ANN) == "20"


@rule("reference 8 Migration of entries", "entryStats counts entries, reversals and what stands")
async def test_entries_are_counted_by_type(client: Any, ledger: str) -> None:
    for number in range(3):
        result = await deposit(client, ledger, f"d{number}")
    await reverse(client, result.entry.id)
    parameters = {"user": "ann", "amount": "30"}
    posted(await client.add_ledger_entry("h", ledger, "hold", parameters))

    async def stats() -> list[tuple[str, ...]]:
        nodes = (await ask(client, STATS, ledger=ledger))["ledger"]["entryStats"]["nodes"]
        return [(each["type"], *list(each.values())[2:]) for each in nodes]

    await eventually(stats, [("deposit", "3", "1", "2"), ("hold", "1", "0", "1")])


# --- Migrations -----------------------------------------------------------------------------------
def entry_input(amount: int, version: int) -> LedgerEntryInput:
    parameters = {"user": "bob", "amount": str(amount)}
    if version == 1:
        parameters["fee"] = "0"
    return LedgerEntryInput(type="deposit", type_version=version, parameters=parameters)


@rule("reference 8 Migration of entries", "migrateLedgerEntry reverses and posts under the same ik")
@rule("reference 5", "Migrating an entry again answers isIkReplay true with the same entries")
async def test_a_migration_replaces_an_entry(client: Any, ledger: str) -> None:
    result = await deposit(client, ledger, "d1", posted="2024-03-05T07:00:00Z")
    answers = [
        (
            await client.migrate_ledger_entry(result.entry.id, entry_input(70, 2))
        ).migrate_ledger_entry
        for _ in range(2)
    ]
    assert [each.is_ik_replay for each in answers] == [False, True]
    assert len({each.new_ledger_entry.id for each in answers}) == 1
    new = answers[0].new_ledger_entry
    assert (new.ik, new.posted, new.hidden) == ("d1", "2024-03-05T07:00:00.000Z", False)
    assert answers[0].reversed_ledger_entry.hidden
    assert answers[0].reversing_ledger_entry.hidden
    assert [await strong(client, ledger, path) for path in (ANN, BOB)] == ["0", "70"]
    assert [each["reversalPosition"] for each in await chain(client, ledger, "d1")] == [3, 2, 1]


@rule("reference 6", "Archived types take no new postings and offer their entries for migration")
async def test_archived_types_are_migrated_away_from(client: Any, schema: dict[str, Any]) -> None:
    schema = deepcopy(schema)
    schema["key"] = f"archive-{uuid4().hex[:12]}"
    await client.store_schema(SchemaInput.model_validate(schema))
    ledger = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ledger, CreateLedgerInput(name="Tests"), schema["key"])
    result = await deposit(client, ledger, "d1")
    schema["ledgerEntries"]["types"][0]["status"] = "archived"
    schema["chartOfAccounts"]["accounts"][0]["children"][0]["status"] = "archived"
    await client.store_schema(SchemaInput.model_validate(schema))

    async def to_migrate() -> list[list[Any]]:
        found = await client.get_entry_data_migrations(ledger)
        by_type = [
            (each.entry_type, each.type_version, each.status.value, len(each.ledger_entries.nodes))
            for each in found.ledger.ledger_entry_data_migrations.nodes
        ]
        found = await client.get_account_data_migrations(ledger)
        by_account = [
            (each.account_path, each.status.value, len(each.ledger_entries.nodes))
            for each in found.ledger.ledger_account_data_migrations.nodes
        ]
        return [by_type, by_account]

    await eventually(to_migrate, [[("deposit", 1, "active", 1)], [(BANK, "active", 1)]])
    parameters = {"user": "ann", "amount": "5", "fee": "0"}
    refused = await client.add_ledger_entry("d2", ledger, "deposit", parameters)
    assert refused.add_ledger_entry.code == "entry_type_disabled"
    parameters = {"user": "ann", "amount": "5"}
    new = LedgerEntryInput(type="hold", parameters=parameters)
    kept = (await client.migrate_ledger_entry(result.entry.id, new)).migrate_ledger_entry
    assert kept.code == "conditional_request_failed"  # the deposit that it replaces is gone
    await reverse(client, result.entry.id)
    await eventually(to_migrate, [[("deposit", 1, "active", 0)], [(BANK, "active", 0)]])
