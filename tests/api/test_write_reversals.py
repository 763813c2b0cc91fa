"""reverseLedgerEntry, reposting and migrateLedgerEntry through the API, on the in-memory twins."""

import asyncio
import json
from typing import Any

from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.revision_asking import HISTORY, MIGRATE, REVERSE, STRONG_LISTS
from tests.write_api_rig import ADD_ALL, WriteRig
from tests.write_rig import LEDGER_IK, QUICKSTART

ANN = "liabilities/users:ann/available"
BANK = "assets/banks/user-cash"
INT96_MAX = 2**120 - 1


async def reverse(writer: WriteRig, entry_id: str) -> dict[str, Any]:
    return dict((await writer.ask(REVERSE, id=entry_id)).data["reverseLedgerEntry"])


async def migrate(writer: WriteRig, entry_id: str, **entry: Any) -> dict[str, Any]:
    return dict((await writer.ask(MIGRATE, id=entry_id, entry=entry)).data["migrateLedgerEntry"])


async def history(writer: WriteRig, ik: str) -> list[tuple[int, bool]]:
    match = {"ik": ik, "ledger": {"ik": LEDGER_IK}}
    nodes = (await writer.ask(HISTORY, entry=match)).data["ledgerEntryHistory"]["nodes"]
    return [(node["reversalPosition"], node["hidden"]) for node in nodes]


async def sound(writer: WriteRig) -> bool:
    memory = writer.table._table
    assert isinstance(memory, MemoryTable)
    return audit_strong(await collect(memory)) == []


async def test_a_reversal_posts_the_opposite_entry_and_marks_both(writer: WriteRig):
    posted = await writer.fund(
        "one",
        "ann",
        "200",
        posted="2020-01-02",
        tags=[{"key": "t", "value": "1"}],
        groups=[{"key": "g", "value": "2"}],
    )
    writer.clock.advance(5_000)
    answer = await reverse(writer, posted["entry"]["id"])
    before, after = answer["reversedLedgerEntry"], answer["reversingLedgerEntry"]
    assert answer["isIkReplay"] is False
    assert [each["ik"] for each in (before, after)] == ["one", "one"]
    assert [each["reversalPosition"] for each in (before, after)] == [1, 2]
    assert [each["hidden"] for each in (before, after)] == [True, True]
    assert (before["isReversed"], before["isReversal"]) == (True, False)
    assert (after["isReversed"], after["isReversal"]) == (False, True)
    assert before["reversedBy"] == {"id": after["id"]}
    assert after["reverses"] == {"id": before["id"]}
    assert before["reversedAt"] == after["created"] != before["created"]
    assert after["posted"] == before["posted"] == "2020-01-02T00:00:00.000Z"
    for same in ("type", "typeVersion", "tags", "groups"):
        assert after[same] == before[same]
    assert after["description"] == "Reversal of: Funding ann for 200."
    lines = [(each["key"], each["amount"]) for each in after["lines"]["nodes"]]
    assert lines == [("funds_arrive_in_bank", "-200"), ("increase_user_balance", "-200")]
    assert all(each["isReversed"] for each in before["lines"]["nodes"])
    assert [each["id"] for each in before["reversalHistory"]["nodes"]] == [
        after["id"],
        before["id"],
    ]
    assert await writer.strong(ANN) == 0
    assert await sound(writer)


async def test_a_warm_reversal_costs_one_read_and_one_transaction(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    await reverse_bare(writer, posted["entry"]["id"])
    assert writer.calls == {"GetItem": 1, "TransactWriteItems": 1}


async def reverse_bare(writer: WriteRig, entry_id: str) -> dict[str, Any]:
    """Selects nothing that has to be read."""
    query = """mutation r($id: ID!) { reverseLedgerEntry(id: $id) { __typename
      ... on ReverseLedgerEntryResult { isIkReplay reversingLedgerEntry { id } } } }"""
    return dict((await writer.ask(query, id=entry_id)).data["reverseLedgerEntry"])


async def test_reversing_either_side_of_a_reversal_again_is_a_replay(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    first = await reverse(writer, posted["entry"]["id"])
    stored = writer.stored()
    for side in ("reversedLedgerEntry", "reversingLedgerEntry"):
        again = await reverse(writer, first[side]["id"])
        assert again["isIkReplay"] is True
        for name in ("reversedLedgerEntry", "reversingLedgerEntry"):
            assert again[name] == first[name]
    assert writer.stored() == stored
    assert await writer.strong(ANN) == 0


async def test_an_unknown_entry_is_not_reversed(writer: WriteRig):
    for entry_id in ("0" * 32, "x", "", "0" * 31 + "-0"):
        answer = await reverse(writer, entry_id)
        assert (answer["__typename"], answer["code"]) == (
            "BadRequestError",
            "ledger_entry_not_found",
        )


async def test_conditions_are_not_asked_when_an_entry_is_reversed(writer: WriteRig):
    funded = await writer.fund("fund", "ann", "50")
    await writer.pay("pay", "ann", "bob", "50")
    answer = await reverse(writer, funded["entry"]["id"])
    assert answer["__typename"] == "ReverseLedgerEntryResult"
    assert await writer.strong(ANN) == -50


async def test_a_reversal_that_leaves_int96_is_refused_and_leaves_no_trace(writer: WriteRig):
    low = await writer.fund("low", "ann", str(-INT96_MAX))
    await writer.fund("lift", "ann", str(INT96_MAX))
    await writer.fund("high", "ann", str(INT96_MAX))
    stored = writer.stored()
    answer = await reverse(writer, low["entry"]["id"])
    assert answer["code"] == "balance_overflow"
    assert writer.stored() == stored
    assert await history(writer, "low") == [(1, False)]


async def test_a_reversed_ik_may_be_posted_again_with_any_type(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    await writer.fund("more", "bob", "10")
    reversal = await reverse(writer, posted["entry"]["id"])
    again = await writer.pay("one", "bob", "ann", "10")
    assert again["isIkReplay"] is False
    assert again["entry"]["id"] not in (
        posted["entry"]["id"],
        reversal["reversingLedgerEntry"]["id"],
    )
    assert again["entry"]["type"] == "p2p_transfer"
    assert await history(writer, "one") == [(3, False), (2, True), (1, True)]
    replay = await writer.fund("one", "ann", "1")
    assert (replay["isIkReplay"], replay["entry"]["id"]) == (True, again["entry"]["id"])
    assert await writer.strong(ANN) == 10
    assert await sound(writer)


async def test_a_chain_goes_on_as_long_as_it_is_reversed_and_posted_again(writer: WriteRig):
    for turn in range(4):
        posted = await writer.fund("one", "ann", str(turn + 1))
        assert posted["isIkReplay"] is False
        answer = await reverse(writer, posted["entry"]["id"])
        assert answer["reversingLedgerEntry"]["reversalPosition"] == 2 * turn + 2
    assert await history(writer, "one") == [(at, True) for at in range(8, 0, -1)]
    assert await writer.strong(ANN) == 0
    assert await sound(writer)


async def test_a_refused_repost_is_refused_and_not_a_replay(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    await reverse(writer, posted["entry"]["id"])
    stored = writer.stored()
    assert (await writer.pay("one", "ann", "bob", "1"))["code"] == "conditional_request_failed"
    unknown = await writer.add("one", type="no_such_type", parameters={})
    assert unknown["code"] == "ledger_entry_type_not_found"
    assert writer.stored() == stored


async def test_a_batch_may_repost_replay_and_post_at_once(writer: WriteRig):
    one = await writer.fund("one", "ann", "200")
    await writer.fund("two", "ann", "5")
    await reverse(writer, one["entry"]["id"])

    def body(ik: str) -> dict[str, Any]:
        parameters = {"user_id": "ann", "funding_amount": "7"}
        ledger = {"ik": LEDGER_IK}
        entry = {"type": "user_funds_account", "parameters": parameters, "ledger": ledger}
        return {"ik": ik, "entry": entry}

    answer = await writer.ask(ADD_ALL, entries=[body("one"), body("two"), body("three")])
    results = answer.data["addLedgerEntries"]["results"]
    assert [each["isIkReplay"] for each in results] == [False, True, False]
    assert await writer.strong(ANN) == 19
    assert await history(writer, "one") == [(3, False), (2, True), (1, True)]
    again = await writer.ask(ADD_ALL, entries=[body("one"), body("two"), body("three")])
    results = again.data["addLedgerEntries"]["results"]
    assert [each["isIkReplay"] for each in results] == [True, True, True]
    doubled = await writer.ask(ADD_ALL, entries=[body("four"), body("four")])
    errors = doubled.data["addLedgerEntries"]["errors"]
    assert [each["code"] for each in errors] == ["ledger_entry_batch_duplicate_ik"]
    assert await sound(writer)


async def test_reversals_and_reposts_at_once_end_as_one_after_another(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    entry_id = posted["entry"]["id"]
    answers = await asyncio.gather(*[reverse_bare(writer, entry_id) for _ in range(6)])
    assert sorted(each["isIkReplay"] for each in answers) == [False] + [True] * 5
    assert len({each["reversingLedgerEntry"]["id"] for each in answers}) == 1
    posts = await asyncio.gather(*[writer.fund("one", "ann", "7") for _ in range(6)])
    assert sorted(each["isIkReplay"] for each in posts) == [False] + [True] * 5
    assert await writer.strong(ANN) == 7
    assert await history(writer, "one") == [(3, False), (2, True), (1, True)]
    assert await sound(writer)


async def test_an_ik_gives_its_newest_entry(writer: WriteRig):
    query = """query q($e: LedgerEntryMatchInput!) {
      ledgerEntry(ledgerEntry: $e) { id reversalPosition } }"""
    match = {"ik": "one", "ledger": {"ik": LEDGER_IK}}
    posted = await writer.fund("one", "ann", "200")
    for position in (1, 2, 3):
        found = (await writer.ask(query, e=match)).data["ledgerEntry"]
        assert found["reversalPosition"] == position
        if position == 1:
            await reverse(writer, posted["entry"]["id"])
        else:
            await writer.fund("one", "ann", "3")


async def test_strong_lists_leave_both_sides_out_unless_asked(writer: WriteRig):
    schema = json.loads(QUICKSTART.read_text())
    schema["key"] = "strong"
    schema["consistencyConfig"] = {"entries": "strong"}
    users = schema["chartOfAccounts"]["accounts"][1]["children"][0]
    users["consistencyConfig"]["lines"] = "strong"
    await writer.store(schema)
    await writer.create("strong", "strong")
    ledger = {"ledger": {"ik": "strong"}}
    kept = (await writer.fund("kept", "ann", "1", **ledger))["entry"]["id"]
    gone = (await writer.fund("gone", "ann", "2", **ledger))["entry"]["id"]
    back = (await reverse(writer, gone))["reversingLedgerEntry"]["id"]

    async def listed(**filter_set: Any) -> tuple[set[str], set[str]]:
        variables = {"entries": filter_set or None, "lines": filter_set or None}
        data = (await writer.ask(STRONG_LISTS, ik="strong", path=ANN, **variables)).data
        entries = data["ledger"]["ledgerEntries"]["nodes"]
        lines = data["ledgerAccount"]["lines"]["nodes"]
        return {each["id"] for each in entries}, {each["ledgerEntryId"] for each in lines}

    assert await listed() == ({kept}, {kept})
    assert await listed(showHidden=True) == ({kept, gone, back}, {kept, gone, back})
    assert await listed(isReversal=True) == ({back}, {back})
    assert await listed(isReversed=True) == ({gone}, {gone})


# --- Migration ------------------------------------------------------------------------------------
async def test_a_migration_reverses_and_posts_anew_under_the_same_ik(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200", posted="2020-01-02")
    parameters = {"user_id": "bob", "funding_amount": "150"}
    entry = {"type": "user_funds_account", "parameters": parameters}
    answer = await migrate(writer, posted["entry"]["id"], **entry)
    new = answer["newLedgerEntry"]
    assert answer["isIkReplay"] is False
    assert answer["reversedLedgerEntry"]["id"] == posted["entry"]["id"]
    assert (
        answer["reversedLedgerEntry"]["reversedBy"]["id"] == (answer["reversingLedgerEntry"]["id"])
    )
    assert (new["ik"], new["reversalPosition"], new["hidden"]) == ("one", 3, False)
    assert new["posted"] == "2020-01-02T00:00:00.000Z"
    assert await writer.strong(ANN) == 0
    assert await writer.strong("liabilities/users:bob/available") == 150
    again = await migrate(writer, posted["entry"]["id"], **entry)
    assert again == {**answer, "isIkReplay": True}
    assert await history(writer, "one") == [(3, False), (2, True), (1, True)]
    assert await sound(writer)
    further = await migrate(writer, new["id"], **{**entry, "posted": "2021-01-01"})
    assert further["newLedgerEntry"]["reversalPosition"] == 5
    assert further["newLedgerEntry"]["posted"] == "2021-01-01T00:00:00.000Z"
    assert await sound(writer)


async def test_conditions_of_a_migration_are_judged_behind_its_reversal(writer: WriteRig):
    await writer.fund("fund", "ann", "50")
    paid = await writer.pay("pay", "ann", "bob", "50")

    def transfer(amount: str) -> dict[str, Any]:
        names = {"from_user_id": "ann", "to_user_id": "bob", "transfer_amount": amount}
        return {"type": "p2p_transfer", "parameters": names}

    stored = writer.stored()
    refused = await migrate(writer, paid["entry"]["id"], **transfer("51"))
    assert refused["code"] == "conditional_request_failed"
    assert writer.stored() == stored
    assert await history(writer, "pay") == [(1, False)]
    answer = await migrate(writer, paid["entry"]["id"], **transfer("50"))
    assert answer["__typename"] == "MigrateLedgerEntryResult"
    assert await writer.strong(ANN) == 0


async def test_what_is_reversed_without_a_successor_is_not_migrated(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    reversal = await reverse(writer, posted["entry"]["id"])
    parameters = {"user_id": "bob", "funding_amount": "150"}
    entry = {"type": "user_funds_account", "parameters": parameters}
    for side in ("reversedLedgerEntry", "reversingLedgerEntry"):
        answer = await migrate(writer, reversal[side]["id"], **entry)
        assert answer["code"] == "ledger_entry_reversed"
    other = {**entry, "ledger": {"ik": "no-such-ledger"}}
    assert (await migrate(writer, posted["entry"]["id"], **other))["code"] == "ledger_not_found"


async def test_archived_types_and_accounts_take_reversals_and_no_postings(writer: WriteRig):
    posted = await writer.fund("one", "ann", "200")
    schema = json.loads(QUICKSTART.read_text())
    types = schema["ledgerEntries"]["types"]
    types.append({**types[0], "typeVersion": 2})
    types[0]["status"] = "archived"
    await writer.store(schema)
    writer.clock.advance(2_000)
    assert (await writer.fund("two", "ann", "1"))["code"] == "entry_type_disabled"
    parameters = {"user_id": "ann", "funding_amount": "200"}
    entry = {"type": "user_funds_account", "parameters": parameters}
    old = await migrate(writer, posted["entry"]["id"], **entry)
    assert old["code"] == "entry_type_disabled"
    answer = await migrate(writer, posted["entry"]["id"], **{**entry, "typeVersion": 2})
    assert answer["newLedgerEntry"]["typeVersion"] == 2
    assert answer["reversingLedgerEntry"]["typeVersion"] == 1
    users = schema["chartOfAccounts"]["accounts"][1]["children"][0]
    users["children"][0]["status"] = "archived"
    await writer.store(schema)
    writer.clock.advance(2_000)
    refused = await writer.add("three", **{**entry, "typeVersion": 2})
    assert refused["code"] == "ledger_account_disabled"
    gone = await reverse(writer, answer["newLedgerEntry"]["id"])
    assert gone["__typename"] == "ReverseLedgerEntryResult"
    assert await writer.strong(ANN) == 0
    assert await sound(writer)
