"""addLedgerEntry and addLedgerEntries through the API, on the in-memory twins."""

import asyncio

import pytest

from tests.write_api_rig import ADD_ALL, WriteRig
from tests.write_rig import LEDGER_IK

INT96_MAX = 2**120 - 1
ANN = "liabilities/users:ann/available"
BOB = "liabilities/users:bob/available"
BANK = "assets/banks/user-cash"


def refused(answer: dict, code: str) -> bool:
    return answer["__typename"] == "BadRequestError" and answer["code"] == code


async def test_a_typed_entry_is_answered_with_all_that_was_posted(writer: WriteRig):
    answer = await writer.fund("one", "ann", "200", posted="1234-01-01T01:01:01")
    entry = answer["entry"]
    assert answer["__typename"] == "AddLedgerEntryResult"
    assert answer["isIkReplay"] is False
    assert entry["posted"] == "1234-01-01T01:01:01.000Z"
    assert (entry["type"], entry["typeVersion"]) == ("user_funds_account", 1)
    assert entry["description"] == "Funding ann for 200."
    assert entry["parameters"] == {"user_id": "ann", "funding_amount": "200"}
    lines = [
        (line["key"], line["account"]["path"], line["amount"], line["type"])
        for line in answer["lines"]
    ]
    assert lines == [
        ("funds_arrive_in_bank", BANK, "200", "debit"),
        ("increase_user_balance", ANN, "200", "credit"),
    ]
    assert {line["description"] for line in answer["lines"]} == {"Funding ann for 200."}


async def test_a_warm_post_reads_nothing_before_it_writes(writer: WriteRig):
    await writer.fund("cold", "ann", "1")
    await writer.fund("warm", "ann", "1")
    assert writer.calls == {"TransactWriteItems": 1}


async def test_a_new_account_costs_one_read_and_no_further_transaction(writer: WriteRig):
    await writer.fund("cold", "ann", "1")
    await writer.fund("new", "bob", "1")
    assert writer.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}


async def test_a_replay_answers_the_first_entry_whatever_the_body_says(writer: WriteRig):
    first = await writer.fund("one", "ann", "200")
    again = await writer.fund("one", "ann", "200")
    other = await writer.fund("one", "bob", "7")
    unknown = await writer.add("one", type="no_such_type", parameters={})
    for answer in (again, other, unknown):
        assert answer["isIkReplay"] is True
        assert answer["entry"] == first["entry"]
        assert answer["lines"] == first["lines"]
    assert await writer.strong(ANN) == 200


async def test_a_failed_condition_is_told_and_leaves_no_trace(writer: WriteRig):
    await writer.fund("one", "ann", "50")
    await writer.fund("two", "bob", "1")
    before = writer.stored()
    answer = await writer.pay("three", "ann", "bob", "51")
    assert refused(answer, "conditional_request_failed")
    assert answer["retryable"] is False
    assert answer["message"] == (
        f"{ANN}: the postcondition on ownBalance, gte 0, is not met: the balance would be -1."
    )
    assert writer.stored() == before
    assert (await writer.strong(ANN), await writer.strong(BOB)) == (50, 1)


async def test_posts_of_a_hundred_callers_at_once_are_few_transactions(writer: WriteRig):
    await writer.fund("cold", "ann", "1")
    answers = await asyncio.gather(*[writer.fund(f"at-once-{at}", "ann", "1") for at in range(100)])
    assert {answer["__typename"] for answer in answers} == {"AddLedgerEntryResult"}
    assert await writer.strong(ANN) == 101


async def test_runtime_conditions_guard_what_was_read(writer: WriteRig):
    await writer.fund("one", "ann", "50")
    condition = {"account": {"path": ANN}, "precondition": {"ownBalance": {"eq": "50"}}}
    first = await writer.fund("two", "ann", "5", conditions=[condition])
    second = await writer.fund("three", "ann", "5", conditions=[condition])
    assert first["__typename"] == "AddLedgerEntryResult"
    assert refused(second, "conditional_request_failed")
    assert await writer.strong(ANN) == 55


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (
            {"account": {"path": BANK}, "precondition": {"ownBalance": {"eq": "0"}}},
            "invalid_condition",
        ),
        (
            {"account": {"path": BOB}, "precondition": {"ownBalance": {"eq": "0"}}},
            "invalid_condition",
        ),
        ({"account": {"path": ANN}}, "invalid_condition"),
        ({"account": {"path": ANN}, "precondition": {"ownBalance": {}}}, "invalid_condition"),
        (
            {"account": {"path": ANN}, "precondition": {"ownBalance": {"eq": "0", "gte": "0"}}},
            "invalid_condition",
        ),
        (
            {"account": {"path": "a/b"}, "precondition": {"ownBalance": {"eq": "0"}}},
            "invalid_account_path",
        ),
        (
            {
                "account": {"path": ANN},
                "currency": {"code": "EUR"},
                "precondition": {"ownBalance": {"eq": "0"}},
            },
            "invalid_currency",
        ),
    ],
)
async def test_a_condition_that_can_t_be_used_is_refused(
    writer: WriteRig, condition: dict, code: str
):
    before = writer.stored()
    answer = await writer.fund("one", "ann", "1", conditions=[condition])
    assert refused(answer, code), answer
    assert writer.stored() == before


async def test_tags_and_groups_of_the_request_are_kept(writer: WriteRig):
    answer = await writer.fund(
        "one",
        "ann",
        "1",
        tags=[{"key": "operator", "value": "alice"}],
        groups=[{"key": "deposit", "value": "d1"}],
    )
    assert answer["entry"]["tags"] == [{"key": "operator", "value": "alice"}]
    assert answer["entry"]["groups"] == [{"key": "deposit", "value": "d1"}]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "user_funds_account", "parameters": {"user_id": "ann"}}, "missing_parameter"),
        (
            {
                "type": "user_funds_account",
                "parameters": {"user_id": "a", "funding_amount": "1", "x": "1"},
            },
            "unknown_parameter",
        ),
        (
            {"type": "user_funds_account", "parameters": {"user_id": "a/b", "funding_amount": "1"}},
            "invalid_parameter",
        ),
        (
            {"type": "user_funds_account", "parameters": {"user_id": "a", "funding_amount": "1.5"}},
            "invalid_parameter",
        ),
        (
            {
                "type": "user_funds_account",
                "parameters": {"user_id": "a", "funding_amount": str(INT96_MAX + 1)},
            },
            "invalid_parameter",
        ),
        ({"type": "nothing", "parameters": {}}, "ledger_entry_type_not_found"),
        ({"type": "user_funds_account", "typeVersion": 2}, "ledger_entry_type_not_found"),
        ({"typeVersion": 1, "lines": []}, "bad_request"),
        ({}, "lines_required"),
        (
            {
                "type": "user_funds_account",
                "parameters": {"user_id": "a", "funding_amount": "1"},
                "lines": [{"account": {"path": BANK}, "amount": "1"}],
            },
            "lines_not_allowed",
        ),
        ({"lines": [{"account": {"path": BANK}, "amount": "1"}]}, "invalid_entry_balance"),
        ({"lines": [{"account": {"path": BANK}}]}, "missing_amount"),
        ({"lines": [{"account": {"path": "nowhere"}, "amount": "0"}]}, "invalid_account_path"),
        ({"lines": [{"account": {}, "amount": "0"}]}, "invalid_match"),
        (
            {"lines": [{"account": {"path": BANK}, "amount": "0", "currency": {"code": "EUR"}}]},
            "invalid_currency",
        ),
        (
            {"lines": [{"account": {"path": BANK}, "amount": "0"}] * 31},
            "ledger_entry_too_many_lines",
        ),
        (
            {
                "lines": [{"account": {"path": BANK}, "amount": "0"}],
                "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
            },
            "tag_conflict",
        ),
        (
            {
                "lines": [{"account": {"path": BANK}, "amount": "0"}],
                "tags": [{"key": f"k{at}", "value": "1"} for at in range(11)],
            },
            "ledger_entry_too_many_tags",
        ),
        (
            {
                "lines": [{"account": {"path": BANK}, "amount": "0"}],
                "groups": [{"key": f"k{at}", "value": "1"} for at in range(11)],
            },
            "ledger_entry_too_many_groups",
        ),
        (
            {
                "lines": [
                    {"account": {"path": BANK}, "amount": "0", "key": "x"},
                    {"account": {"path": BANK}, "amount": "0", "key": "x"},
                ],
            },
            "duplicate_line_key",
        ),
    ],
)
async def test_a_bad_entry_is_refused_for_its_reason_and_leaves_no_trace(
    writer: WriteRig, body: dict, code: str
):
    before = writer.stored()
    answer = await writer.add("one", **body)
    assert refused(answer, code), answer
    assert writer.stored() == before


async def test_an_entry_of_lines_given_at_runtime_needs_no_type(writer: WriteRig):
    answer = await writer.add(
        "one",
        description="By hand",
        lines=[
            {
                "account": {"path": BANK},
                "amount": "5",
                "key": "bank",
                "tags": [{"key": "a", "value": "b"}],
            },
            {"account": {"path": ANN}, "amount": "5", "description": "Own words"},
        ],
    )
    assert answer["entry"]["type"] is None
    assert [line["description"] for line in answer["lines"]] == ["By hand", "Own words"]
    assert answer["lines"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert await writer.strong(ANN) == 5


async def test_a_strong_balance_never_leaves_int96(writer: WriteRig):
    assert (await writer.fund("one", "ann", str(INT96_MAX)))["__typename"] == "AddLedgerEntryResult"
    answer = await writer.fund("two", "ann", "1")
    assert refused(answer, "balance_overflow")
    assert await writer.strong(ANN) == INT96_MAX


async def test_a_ledger_that_isn_t_named_or_doesn_t_exist_is_told(writer: WriteRig):
    assert refused(await writer.add("one", ledger=None, lines=[]), "ledger_required")
    assert refused(await writer.add("one", ledger={"ik": "none"}), "ledger_not_found")
    assert refused(await writer.add("one", ledger={}), "invalid_match")


# --- Atomic batches -------------------------------------------------------------------------------
def funding(ik: str, user: str, amount: str) -> dict:
    parameters = {"user_id": user, "funding_amount": amount}
    body = {"ledger": {"ik": LEDGER_IK}, "type": "user_funds_account", "parameters": parameters}
    return {"ik": ik, "entry": body}


def payment(ik: str, source: str, to: str, amount: str) -> dict:
    parameters = {"from_user_id": source, "to_user_id": to, "transfer_amount": amount}
    body = {"ledger": {"ik": LEDGER_IK}, "type": "p2p_transfer", "parameters": parameters}
    return {"ik": ik, "entry": body}


async def add_all(writer: WriteRig, *entries: dict) -> dict:
    return (await writer.ask(ADD_ALL, entries=list(entries))).data["addLedgerEntries"]


async def test_a_batch_keeps_its_order_and_later_entries_see_earlier_ones(writer: WriteRig):
    answer = await add_all(writer, funding("a", "ann", "10"), payment("b", "ann", "bob", "10"))
    assert [each["entry"]["ik"] for each in answer["results"]] == ["a", "b"]
    assert [each["isIkReplay"] for each in answer["results"]] == [False, False]
    assert writer.calls["TransactWriteItems"] == 1
    assert (await writer.strong(ANN), await writer.strong(BOB)) == (0, 10)


async def test_one_bad_entry_fails_the_batch_and_only_it_is_listed(writer: WriteRig):
    before = writer.stored()
    answer = await add_all(
        writer,
        funding("a", "ann", "10"),
        payment("b", "ann", "bob", "11"),
        funding("c", "ann", "x"),
    )
    assert answer["__typename"] == "AddLedgerEntriesError"
    assert answer["code"] == "ledger_entry_batch_operation_failed"
    assert [(each["ik"], each["code"]) for each in answer["errors"]] == [("c", "invalid_parameter")]
    unreadable = {"ik": "d", "entry": {"ledger": {"ik": "main"}, "description": "d" * 1_025}}
    answer = await add_all(writer, unreadable, funding("a", "ann", "10"), funding("c", "ann", "x"))
    assert [(each["ik"], each["code"]) for each in answer["errors"]] == [
        ("d", "invalid_string"),
        ("c", "invalid_parameter"),
    ]
    answer = await add_all(writer, funding("a", "ann", "10"), payment("b", "ann", "bob", "11"))
    assert [(each["ik"], each["code"]) for each in answer["errors"]] == [
        ("b", "conditional_request_failed")
    ]
    assert writer.stored() == before


async def test_a_batch_with_a_replay_posts_the_rest(writer: WriteRig):
    first = await writer.fund("a", "ann", "10")
    answer = await add_all(writer, funding("b", "ann", "1"), funding("a", "ann", "99"))
    assert [each["isIkReplay"] for each in answer["results"]] == [False, True]
    assert answer["results"][1]["entry"]["id"] == first["entry"]["id"]
    assert await writer.strong(ANN) == 11


async def test_a_batch_names_an_ik_once_and_has_its_bounds(writer: WriteRig):
    twice = await add_all(writer, funding("a", "ann", "1"), funding("a", "ann", "1"))
    assert [(each["ik"], each["code"]) for each in twice["errors"]] == [
        ("a", "ledger_entry_batch_duplicate_ik")
    ]
    none = await add_all(writer)
    assert refused(none, "bad_request")
    many = await add_all(writer, *[funding(f"a{at}", "ann", "1") for at in range(101)])
    assert refused(many, "too_many_items")
    full = await add_all(writer, *[funding(f"a{at}", "ann", "1") for at in range(100)])
    assert refused(full, "ledger_entry_batch_too_large")
    assert (
        len(
            (await add_all(writer, *[funding(f"a{at}", "ann", "1") for at in range(97)]))["results"]
        )
        == 97
    )
