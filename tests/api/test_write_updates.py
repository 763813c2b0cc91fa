"""updateLedgerEntry through the API, on the in-memory twins."""

import asyncio
from typing import Any

import pytest

from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.revision_asking import REVERSE, UPDATE
from tests.write_api_rig import WriteRig
from tests.write_rig import LEDGER_IK


def tag(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


async def update(writer: WriteRig, entry_id: str, **change: Any) -> dict[str, Any]:
    answer = await writer.ask(UPDATE, entry={"id": entry_id}, update=change)
    return dict(answer.data["updateLedgerEntry"])


async def fund(writer: WriteRig, ik: str = "one", **more: Any) -> str:
    return str((await writer.fund(ik, "ann", "200", **more))["entry"]["id"])


async def test_tags_are_added_overwritten_and_taken_off(writer: WriteRig):
    entry_id = await fund(writer, tags=[tag("a", "1"), tag("b", "1"), tag("c", "1")])
    answer = await update(
        writer,
        entry_id,
        tags=[tag("b", "2"), tag("d", "1")],
        tagsToRemove=[tag("a", "1"), tag("c", "another value"), tag("x", "unknown")],
    )
    assert answer["entry"]["tags"] == [tag("b", "2"), tag("c", "1"), tag("d", "1")]
    moved = await update(writer, entry_id, tags=[tag("c", "3")], tagsToRemove=[tag("c", "1")])
    assert moved["entry"]["tags"] == [tag("b", "2"), tag("d", "1"), tag("c", "3")]


async def test_groups_are_added_and_neither_changed_nor_left(writer: WriteRig):
    entry_id = await fund(writer, groups=[tag("g", "1")])
    answer = await update(writer, entry_id, groups=[tag("h", "2"), tag("g", "1")])
    assert answer["entry"]["groups"] == [tag("g", "1"), tag("h", "2")]
    refused = await update(writer, entry_id, groups=[tag("g", "other")])
    assert refused["code"] == "group_conflict"
    more = [tag(f"k{number}", "v") for number in range(9)]
    assert (await update(writer, entry_id, groups=more))["code"] == "ledger_entry_too_many_groups"


async def test_lines_of_the_entry_are_tagged(writer: WriteRig):
    entry_id, other_id = await fund(writer), await fund(writer, "two")

    def line(line_id: str, **change: Any) -> dict[str, Any]:
        return {"ledgerLine": {"id": line_id}, **change}

    changes = [line(f"{entry_id}-1", tags=[tag("a", "1"), tag("b", "1")])]
    answer = await update(writer, entry_id, ledgerLines=changes)
    tags = [each["tags"] for each in answer["entry"]["lines"]["nodes"]]
    assert tags == [[], [tag("a", "1"), tag("b", "1")]]
    changes = [line(f"{entry_id}-1", tagsToRemove=[tag("a", "1")])]
    answer = await update(writer, entry_id, ledgerLines=changes)
    assert answer["entry"]["lines"]["nodes"][1]["tags"] == [tag("b", "1")]
    for wrong in (f"{other_id}-0", f"{entry_id}-2", f"{entry_id}-01", entry_id, ""):
        answer = await update(writer, entry_id, ledgerLines=[line(wrong, tags=[tag("z", "1")])])
        assert answer["code"] == "ledger_line_not_in_entry"
    twice = [line(f"{entry_id}-0"), line(f"{entry_id}-0")]
    assert (await update(writer, entry_id, ledgerLines=twice))["code"] == "bad_request"
    many = [tag(f"k{number}", "v") for number in range(11)]
    answer = await update(writer, entry_id, ledgerLines=[line(f"{entry_id}-0", tags=many)])
    assert answer["code"] == "too_many_items"


async def test_an_update_leaves_everything_else_as_it_was(writer: WriteRig):
    entry_id = await fund(writer)
    before = (await update(writer, entry_id))["entry"]
    writer.clock.advance(1_000)
    after = (await update(writer, entry_id, tags=[tag("a", "1")]))["entry"]
    assert {**after, "tags": []} == before
    assert await writer.strong("liabilities/users:ann/available") == 200


async def test_the_newest_entry_of_an_ik_is_updated_by_it(writer: WriteRig):
    entry_id = await fund(writer)
    await writer.ask(REVERSE, id=entry_id)
    newest = await fund(writer)
    match = {"ik": "one", "ledger": {"ik": LEDGER_IK}}
    answer = await writer.ask(UPDATE, entry=match, update={"tags": [tag("a", "1")]})
    assert answer.data["updateLedgerEntry"]["entry"]["id"] == newest


async def test_a_warm_update_costs_one_read_and_one_transaction(writer: WriteRig):
    entry_id = await fund(writer)
    query = """mutation u($e: LedgerEntryMatchInput!, $u: UpdateLedgerEntryInput!) {
      updateLedgerEntry(ledgerEntry: $e, update: $u) { __typename } }"""
    await writer.ask(query, e={"id": entry_id}, u={"tags": [tag("a", "1")]})
    assert writer.calls == {"GetItem": 1, "TransactWriteItems": 1}


async def test_ten_updates_are_allowed_and_those_that_change_nothing_dont_count(writer: WriteRig):
    entry_id = await fund(writer)
    for number in range(10):
        for _ in range(2):
            answer = await update(writer, entry_id, tags=[tag("a", str(number))])
            assert answer["entry"]["tags"] == [tag("a", str(number))]
    stored = writer.stored()
    assert (await update(writer, entry_id, tags=[tag("a", "x")]))["code"] == (
        "ledger_entry_too_many_updates"
    )
    assert (await update(writer, entry_id, tags=[tag("a", "9")]))["entry"]["tags"] == [
        tag("a", "9")
    ]
    assert writer.stored() == stored


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tags": [tag("a", "1"), tag("a", "2")]}, "duplicate_tag"),
        ({"tags": [tag(f"k{number}", "v") for number in range(11)]}, "ledger_entry_too_many_tags"),
        ({"tags": [tag("k" * 129, "v")]}, "invalid_string"),
        ({"groups": [tag("k", "v" * 129)]}, "invalid_string"),
        ({"tagsToRemove": [tag("k", str(number)) for number in range(101)]}, "too_many_items"),
    ],
)
async def test_a_refused_update_leaves_no_trace(
    writer: WriteRig, change: dict[str, Any], code: str
):
    entry_id = await fund(writer)
    before = (await update(writer, entry_id))["entry"]
    assert (await update(writer, entry_id, **change))["code"] == code
    assert (await update(writer, entry_id))["entry"] == before


async def test_reversed_and_reversing_entries_are_not_updated(writer: WriteRig):
    entry_id = await fund(writer)
    answer = (await writer.ask(REVERSE, id=entry_id)).data["reverseLedgerEntry"]
    for side in ("reversedLedgerEntry", "reversingLedgerEntry"):
        refused = await update(writer, answer[side]["id"], tags=[tag("a", "1")])
        assert refused["code"] == "ledger_entry_reversed"


@pytest.mark.parametrize(
    ("match", "code"),
    [
        ({}, "invalid_match"),
        ({"ik": "one"}, "invalid_match"),
        ({"id": "0" * 32}, "ledger_entry_not_found"),
        ({"id": "x"}, "ledger_entry_not_found"),
        ({"ik": "unknown", "ledger": {"ik": LEDGER_IK}}, "ledger_entry_not_found"),
        ({"ik": "one", "ledger": {"ik": "unknown"}}, "ledger_not_found"),
        ({"ik": "one", "ledger": {}}, "invalid_match"),
    ],
)
async def test_what_names_no_entry_is_refused(writer: WriteRig, match: dict[str, Any], code: str):
    await fund(writer)
    answer = await writer.ask(UPDATE, entry=match, update={"tags": [tag("a", "1")]})
    assert answer.data["updateLedgerEntry"]["code"] == code


async def test_updates_at_once_all_count(writer: WriteRig):
    entry_id = await fund(writer)
    answers = await asyncio.gather(
        *[update(writer, entry_id, tags=[tag(f"k{number}", "v")]) for number in range(6)]
    )
    assert {each["__typename"] for each in answers} == {"UpdateLedgerEntryResult"}
    found = await update(writer, entry_id)
    assert {each["key"] for each in found["entry"]["tags"]} == {f"k{n}" for n in range(6)}


async def test_an_update_racing_a_reversal_is_before_it_or_refused(writer: WriteRig):
    for turn in range(6):
        entry_id = await fund(writer, f"ik{turn}")
        changes = [update(writer, entry_id, tags=[tag("k", "v")])]
        racing = [*changes, writer.ask(REVERSE, id=entry_id)]
        updated, reversed_ = await asyncio.gather(*(racing if turn % 2 else reversed(racing)))
        if not turn % 2:
            updated, reversed_ = reversed_, updated
        pair = reversed_.data["reverseLedgerEntry"]
        was_updated = updated["__typename"] == "UpdateLedgerEntryResult"
        assert was_updated or updated["code"] == "ledger_entry_reversed"
        for side in ("reversedLedgerEntry", "reversingLedgerEntry"):
            assert pair[side]["tags"] == ([tag("k", "v")] if was_updated else [])
    memory = writer.table._table
    assert isinstance(memory, MemoryTable)
    assert audit_strong(await collect(memory)) == []
