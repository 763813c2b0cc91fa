"""Limits: the last that is taken and the first that is not."""

from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    AddLedgerEntryInput,
    LedgerAccountMatchInput,
    LedgerEntriesFilterSet,
    LedgerEntryGroupInput,
    LedgerEntryInput,
    LedgerEntryTagInput,
    LedgerLineInput,
    LedgerMatchInput,
    SchemaInput,
    StringFilter,
    TagFilter,
)

from tests.conformance.asking import ask, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

PATHS = ("assets/cash", "income/fees")
DEPOSIT = {"user": "ann", "amount": "5", "fee": "0"}


def lines(count: int) -> list[LedgerLineInput]:
    """That many lines that balance."""
    amounts = ["1"] * (count // 2 * 2) + ["0"] * (count % 2)
    return [
        LedgerLineInput(account=LedgerAccountMatchInput(path=PATHS[index % 2]), amount=amount)
        for index, amount in enumerate(amounts)
    ]


def tag(key: str, value: str = "v") -> LedgerEntryTagInput:
    return LedgerEntryTagInput(key=key, value=value)


def group(key: str, value: str = "v") -> LedgerEntryGroupInput:
    return LedgerEntryGroupInput(key=key, value=value)


async def code_of(call: Any) -> str:
    """The code that a mutation or a query is refused with."""
    try:
        answer = await call
    except Exception as error:
        (told,) = error.errors  # type: ignore[attr-defined]
        extensions: dict[str, str] = told.extensions
        return extensions["code"]
    (result,) = [getattr(answer, name) for name in type(answer).model_fields]
    assert result.typename__ == "BadRequestError", result
    code: str = result.code
    return code


async def is_absent(client: Any, ledger: str, ik: str) -> bool:
    return (await client.get_ledger_entry(ik, ledger)).ledger_entry is None


@rule("reference 4 Limits", "An entry has at most 30 lines, alone and in a batch")
async def test_thirty_lines_are_posted_and_one_more_is_not(client: Any, ledger: str) -> None:
    most = await client.add_ledger_entry_runtime("most", "correction", ledger, lines(30))
    assert len(most.add_ledger_entry.lines) == 30
    over = client.add_ledger_entry_runtime("over", "correction", ledger, lines(31))
    assert await code_of(over) == "ledger_entry_too_many_lines"
    assert await is_absent(client, ledger, "over")
    match = LedgerMatchInput(ik=ledger)
    batch = [
        AddLedgerEntryInput(
            ik=ik, entry=LedgerEntryInput(ledger=match, type="correction", lines=lines(count))
        )
        for ik, count in (("fits", 30), ("over", 31))
    ]
    refused = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert refused.code == "ledger_entry_batch_operation_failed"
    assert [(one.ik, one.code) for one in refused.errors] == [
        ("over", "ledger_entry_too_many_lines")
    ]
    assert await is_absent(client, ledger, "fits")


@rule("reference 4 Limits", "An entry has at most 10 tags, its type's and its own together")
@rule("guide G", "An entry has at most 10 tags")
async def test_ten_tags_are_kept_and_one_more_is_not(client: Any, ledger: str) -> None:
    own = [tag(f"k{number}") for number in range(10)]
    over = client.add_ledger_entry("over", ledger, "deposit", DEPOSIT, tags=own)
    assert await code_of(over) == "ledger_entry_too_many_tags"
    assert await is_absent(client, ledger, "over")
    await client.add_ledger_entry("most", ledger, "deposit", DEPOSIT, tags=own[:9])
    query = """query tags($ik: SafeString!) {
      ledgerEntry(ledgerEntry: {ik: "most", ledger: {ik: $ik}}) { tags { key } }
    }"""
    found = (await ask(client, query, ik=ledger))["ledgerEntry"]["tags"]
    assert [one["key"] for one in found] == ["user", *(f"k{number}" for number in range(9))]


@rule("reference 4 Limits", "An entry is in at most 10 groups")
async def test_ten_groups_are_joined_and_one_more_is_not(client: Any, ledger: str) -> None:
    own = [group(f"k{number}") for number in range(10)]
    over = client.add_ledger_entry("over", ledger, "deposit", DEPOSIT, groups=own)
    assert await code_of(over) == "ledger_entry_too_many_groups"
    assert await is_absent(client, ledger, "over")
    await client.add_ledger_entry("most", ledger, "deposit", DEPOSIT, groups=own[:9])
    assert not await is_absent(client, ledger, "most")


@rule("reference 4 Limits", "A tag's key has at most 128 characters, its value 256")
@rule("reference 4 Limits", "A group's key and its value have at most 128 characters")
async def test_tags_and_groups_have_bounded_texts(client: Any, ledger: str) -> None:
    most = {"tags": [tag("k" * 128, "v" * 256)], "groups": [group("k" * 128, "v" * 128)]}
    await client.add_ledger_entry("most", ledger, "deposit", DEPOSIT, **most)
    assert not await is_absent(client, ledger, "most")
    for over in (
        {"tags": [tag("k" * 129)]},
        {"tags": [tag("k", "v" * 257)]},
        {"groups": [group("k" * 129)]},
        {"groups": [group("k", "v" * 129)]},
    ):
        call = client.add_ledger_entry("over", ledger, "deposit", DEPOSIT, **over)
        assert await code_of(call) in ("invalid_string", "bad_user_input")
        assert await is_absent(client, ledger, "over")


@rule("reference 4 Limits", "A page has 20 nodes unless told otherwise, and at most 200")
@rule("guide I.a", "A page has 20 nodes unless first says otherwise, at most 200")
async def test_pages_are_bounded(client: Any, ledger: str) -> None:
    match = LedgerMatchInput(ik=ledger)
    entry = LedgerEntryInput(ledger=match, type="correction", lines=lines(2))
    iks = [f"e{number}" for number in range(21)]
    await client.add_ledger_entries([AddLedgerEntryInput(ik=ik, entry=entry) for ik in iks])

    async def pages() -> list[int]:
        found = [await client.list_ledger_entries(ledger, first=one) for one in (None, 200, 1)]
        return [len(page.ledger.ledger_entries.nodes) for page in found]

    await eventually(pages, [20, 21, 1])
    for bad in (0, -1, 201):
        call = client.list_ledger_entries(ledger, first=bad)
        assert await code_of(call) == "invalid_page_size"


@rule("reference 4 Limits", "in takes at most 100 values, all at most 10")
async def test_filters_take_bounded_lists(client: Any, ledger: str) -> None:
    def types(count: int) -> LedgerEntriesFilterSet:
        return LedgerEntriesFilterSet(type=StringFilter(in_=[f"t{one}" for one in range(count)]))

    def every(count: int) -> LedgerEntriesFilterSet:
        tags = [{"key": f"k{one}", "value": "v"} for one in range(count)]
        return LedgerEntriesFilterSet(tag=TagFilter.model_validate({"all": tags}))

    for fits in (types(100), every(10)):
        found = await client.list_ledger_entries(ledger, filter_=fits)
        assert found.ledger.ledger_entries.nodes == []
    for over in (types(101), every(11)):
        call = client.list_ledger_entries(ledger, filter_=over)
        assert await code_of(call) in ("invalid_filter", "too_many_items")


@rule("reference 4 Limits", "A chart of accounts is at most 10 deep")
@rule("guide B.a", "The tree of accounts is at most 10 deep")
async def test_chart_of_ten_levels_is_stored_and_one_more_is_not(
    client: Any, schema: dict[str, Any]
) -> None:
    def chart(depth: int) -> SchemaInput:
        account: dict[str, Any] = {"key": f"level-{depth}"}
        for level in range(depth - 1, 0, -1):
            account = {"key": f"level-{level}", "children": [account]}
        document = {**schema, "key": key, "ledgerEntries": {"types": []}}
        accounts = [{**account, "type": "asset"}]
        document["chartOfAccounts"] = {**schema["chartOfAccounts"], "accounts": accounts}
        return SchemaInput.model_validate(document)

    key = f"schema-{uuid4().hex[:12]}"
    assert await code_of(client.store_schema(chart(11))) == "invalid_schema"
    assert (await client.get_schema(key)).schema_ is None
    stored = (await client.store_schema(chart(10))).store_schema
    assert stored.typename__ == "StoreSchemaResult"


@rule("reference 4 Limits", "A batch has at most 100 entries; more are refused as a whole")
async def test_batch_is_bounded(client: Any, ledger: str) -> None:
    entry = LedgerEntryInput(ledger=LedgerMatchInput(ik=ledger), type="correction", lines=lines(2))
    batch = [AddLedgerEntryInput(ik=f"b{one}", entry=entry) for one in range(101)]
    refused = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert refused.typename__ != "AddLedgerEntriesResult"
    assert refused.code == "too_many_items"
    assert await is_absent(client, ledger, "b0")
    result = (await client.add_ledger_entries(batch[:90])).add_ledger_entries
    assert len(result.results) == 90


@rule("reference 4 Limits", "An ik has at most 256 characters, a description 1024")
async def test_texts_of_an_entry_are_bounded(client: Any, ledger: str) -> None:
    query = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
      addLedgerEntry(ik: $ik, entry: $entry) {
        ... on AddLedgerEntryResult { entry { description } } ... on Error { code }
      }
    }"""
    entry = {"ledger": {"ik": ledger}, "type": "deposit", "parameters": DEPOSIT}
    most = {**entry, "description": "d" * 1_024}
    found = await ask(client, query, ik="k" * 256, entry=most)
    assert found["addLedgerEntry"] == {"entry": {"description": "d" * 1_024}}
    over = {**entry, "description": "d" * 1_025}
    found = await ask(client, query, ik="over", entry=over)
    assert found["addLedgerEntry"] == {"code": "invalid_string"}
    assert await is_absent(client, ledger, "over")
    with pytest.raises(Exception, match="SafeString"):
        await ask(client, query, ik="k" * 257, entry=entry)
