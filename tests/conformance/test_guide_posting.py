"""The guide's documents of sections C, E and G: deploying, posting, tags."""

from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.common.system import System
from tests.conformance.guide_documents import Guide
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

BANK = "assets/banks/user-cash"
USER = "liabilities/users:testing-user/available"


def _opened(system: System, section: str) -> Iterator[Guide]:
    guide = Guide(system.connection, section)
    with guide.api:
        yield guide


@pytest.fixture
def deploying(system: System) -> Iterator[Guide]:
    yield from _opened(system, "c")


@pytest.fixture
def posting(system: System) -> Iterator[Guide]:
    for guide in _opened(system, "e"):
        guide.make_ledger("ledger-ik")
        yield guide


@pytest.fixture
def tagging(system: System) -> Iterator[Guide]:
    for guide in _opened(system, "g"):
        guide.make_ledger("ledger-ik")
        yield guide


@rule("guide C.b", "storeSchema answers with the Schema's key, name and first version, as stored")
@rule("guide C.b", "createLedger makes a Ledger of the stored Schema under its ik")
def test_schema_is_stored_and_a_ledger_made_of_it(deploying: Guide) -> None:
    document = deploying.schema()
    body = deploying.body("b_quickstart_store_schema", {"schema": document})
    stored = body["data"]["storeSchema"]["schema"]
    created = stored["version"].pop("created")
    assert created.endswith("Z")
    assert body == {
        "data": {
            "storeSchema": {
                "schema": {
                    "key": "quickstart-schema",
                    "name": "Quickstart Schema",
                    "version": {"version": 1, "json": document},
                }
            }
        }
    }
    made = deploying.run("b_quickstart_create_ledger", "printed")
    assert made["createLedger"]["ledger"].pop("created") >= created
    assert made == {
        "createLedger": {
            "ledger": {
                "ik": "quickstart-ledger",
                "name": "Quickstart Ledger",
                "schema": {"key": "quickstart-schema"},
            }
        }
    }


def entry_of(data: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = data["addLedgerEntry"]
    assert result.pop("__typename", "AddLedgerEntryResult") == "AddLedgerEntryResult"
    return result


@rule("guide E.b", "A type and its parameters post the lines of the Schema, at a moment long past")
@rule("guide E.b", "A posted time without a zone is UTC, and is answered with milliseconds and Z")
def test_typed_entry_is_posted(posting: Guide) -> None:
    result = entry_of(posting.run("b_add_ledger_entry", "printed"))
    assert result["entry"].pop("created") > "2024"
    description = "testing-user pays in 200."
    assert result == {
        "entry": {"type": "user_funds_account", "posted": "1234-01-01T01:01:01.000Z"},
        "lines": [
            {
                "amount": "200",
                "key": "funds_arrive_in_bank",
                "description": description,
                "account": {"path": BANK},
            },
            {
                "amount": "200",
                "key": "increase_user_balance",
                "description": description,
                "account": {"path": USER},
            },
        ],
    }


@rule("guide E.a", "Amounts of lines are sums and differences of parameters")
@rule("guide E.e", "A condition that fails answers BadRequestError and posts nothing")
@rule("guide E.d", "A line may name its currency")
@rule("guide E.f", "A type puts its entries into groups")
def test_types_of_the_section_post_their_lines(posting: Guide) -> None:
    def amounts(named: str) -> list[tuple[str, str]]:
        result = entry_of(posting.run("b_add_ledger_entry", named))
        return [(line["account"]["path"], line["amount"]) for line in result["lines"]]

    fee = [(BANK, "200"), (USER, "185"), ("income/funding-fees", "15")]
    assert amounts("with fee") == fee
    assert amounts("printed") == [(BANK, "200"), (USER, "200")]
    assert amounts("withdraw") == [(BANK, "-385"), (USER, "-385")]
    refused = posting.run("b_add_ledger_entry", "withdraw too much")["addLedgerEntry"]
    assert refused["__typename"] == "BadRequestError"
    assert refused["code"] == "conditional_request_failed"
    assert refused["message"]
    assert amounts("in a currency") == [(BANK, "250"), (USER, "250")]
    assert amounts("in a group") == [
        (USER, "-50"),
        ("liabilities/users:testing-user/pending", "50"),
    ]


@rule("guide E.g", "A type without lines takes those that are given with the entry")
def test_entry_with_lines_of_its_own_needs_its_ledger(posting: Guide) -> None:
    name = "g_add_runtime_ledger_entry"
    refused = posting.run(name, "printed")["addLedgerEntry"]
    assert refused["code"] == "ledger_required"
    entry = posting.variables(name, "printed")["entry"]
    result = entry_of(posting.run(name, "printed", entry={**entry, "ledger": {"ik": "ledger-ik"}}))
    assert result["entry"]["type"] == "runtime_entry"
    assert result["entry"]["posted"] == result["entry"]["created"]
    assert [
        (line["account"]["path"], line["key"], line["amount"], line["description"])
        for line in result["lines"]
    ] == [
        (BANK, "funds_arrive_in_bank", "100", "Lines are given with the entry."),
        (
            "liabilities/users:test-user/available",
            "increase_user_balance",
            "100",
            "Lines are given with the entry.",
        ),
    ]


@rule("guide E.b", "A repeated ik answers with the first entry and isIkReplay true")
def test_entry_is_answered_with_its_ids_and_dates(posting: Guide) -> None:
    first = entry_of(posting.run("api_add_ledger_entry", "hand written"))
    again = entry_of(posting.run("api_add_ledger_entry", "hand written"))
    assert (first.pop("isIkReplay"), again.pop("isIkReplay")) == (False, True)
    assert again == first
    entry = first["entry"]
    assert (entry["posted"], entry["date"]) == ("1969-07-21T02:56:15.250Z", "1969-07-21")
    assert [(line["amount"], line["type"]) for line in first["lines"]] == [
        ("200", "debit"),
        ("200", "credit"),
    ]
    for line in first["lines"]:
        assert (line["posted"], line["date"]) == (entry["posted"], entry["date"])
        assert (line["ledgerEntryId"], line["created"]) == (entry["id"], entry["created"])
    assert len({line["id"] for line in first["lines"]}) == 2


@rule("guide G.a", "An entry has the tags of its type, their values from its parameters")
def test_entry_has_the_tags_of_its_type(tagging: Guide) -> None:
    result = entry_of(tagging.run("a_add_ledger_entry", "schema tags"))
    assert result["entry"] == {
        "type": "user_funds_account",
        "ik": "fund-abc",
        "tags": [
            {"key": "user", "value": "user-1"},
            {"key": "deposit_flow", "value": "deposit-123"},
            {"key": "deposit_flow_type", "value": "ach"},
        ],
    }
    assert [line["amount"] for line in result["lines"]] == ["200", "200"]


@rule("guide G.b", "Tags given with an entry join those of its type")
@rule("guide G.b", "A key may be given in both places only with the same value")
def test_tags_of_entry_and_type_are_one_set(tagging: Guide) -> None:
    variables = tagging.variables("a_add_ledger_entry", "runtime tags")
    other = [{"key": "deposit_flow_type", "value": "wire"}]
    refused = tagging.run(
        "a_add_ledger_entry", "runtime tags", entry={**variables["entry"], "tags": other}
    )["addLedgerEntry"]
    assert refused["__typename"] == "BadRequestError"
    result = entry_of(tagging.run("a_add_ledger_entry", "runtime tags"))
    assert result["entry"]["tags"] == [
        {"key": "user", "value": "testing-user"},
        {"key": "deposit_flow", "value": "abc"},
        {"key": "deposit_flow_type", "value": "ach"},
        {"key": "operator", "value": "alice"},
    ]


@rule("guide G.c", "An update overwrites and adds tags, and leaves the others as they are")
def test_tags_are_updated(tagging: Guide) -> None:
    tagging.run("a_add_ledger_entry", "runtime tags")
    updated = tagging.run("c_update_ledger_entry_tags", "printed")["updateLedgerEntry"]
    assert updated["__typename"] == "UpdateLedgerEntryResult"
    assert updated["entry"]["ik"] == "add-ledger-entry"
    wanted = {
        "user": "testing-user",
        "deposit_flow": "abc",
        "deposit_flow_type": "ach",
        "operator": "bob",
        "supervisor": "eve",
    }
    found = updated["entry"]["tags"]
    assert {tag["key"]: tag["value"] for tag in found} == wanted
    assert len(found) == len(wanted)
    assert [line["amount"] for line in updated["entry"]["lines"]["nodes"]] == ["200", "200"]
