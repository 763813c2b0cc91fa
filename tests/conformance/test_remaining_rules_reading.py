"""Forms of dates, defaults and orders of lists, and the command line that stores Schemas."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.client import Client

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.books import hour
from tests.conformance.command_line import ran
from tests.conformance.reading import refusal
from tests.conformance.remaining import document, kind, moves, opened, post, posted, store
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

FEE = moves("fee", "1")


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


@rule("reference 3 Date", "A Date is a year, a month and a day, padded, and nothing else")
async def test_dates_are_days(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    await posted(client, ledger, "e", type="fee", posted="1969-07-01T23:59:59.999Z")
    query = """query on($ik: SafeString!, $day: Date!) { ledger(ledger: {ik: $ik}) {
      ledgerEntries(filter: {date: {equalTo: $day}}) { nodes { ik date } }
    } }"""

    async def read(day: str) -> list[Any]:
        found = await ask(client, query, ik=ledger, day=day)
        return list(found["ledger"]["ledgerEntries"]["nodes"])

    await eventually(lambda: read("1969-07-01"), [{"ik": "e", "date": "1969-07-01"}])
    assert await read("1969-07-02") == []
    for wrong in ("1969-7-1", "07-01-1969", "1969-07-01T00", "1969-07", "1969-02-29", ""):
        assert await refusal(client, query, ik=ledger, day=wrong) == "bad_user_input", wrong


@rule("reference 3 FirstMoment", "FirstMoment is a year, month, day or hour; padding is optional")
async def test_first_moments_may_be_unpadded(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    await posted(client, ledger, "e", type="fee", posted="1969-01-01T00:30:00.000Z")
    query = """query during($ik: SafeString!, $from: FirstMoment!, $by: Granularity!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/cash"}) {
        balanceChangesDuring(startTime: $from, duration: 1, granularity: $by) {
          startTime nodes { amount { amount } }
        }
      }
    }"""

    async def read(start: str, by: str) -> Any:
        found = await ask(client, query, ik=ledger, **{"from": start, "by": by})
        return found["ledgerAccount"]["balanceChangesDuring"]

    one = [{"amount": {"amount": "1"}}]
    for start, by, told in (
        ("1969-1-1T0", "hourly", "1969-01-01T00"),
        ("1969-01-01T00", "hourly", "1969-01-01T00"),
        ("1969-1-1", "daily", "1969-01-01"),
        ("1969-1", "monthly", "1969-01"),
        ("1969", "monthly", "1969-01"),
        ("1969", "hourly", "1969-01-01T00"),
    ):
        await eventually(lambda start=start, by=by: read(start, by),
                         {"startTime": told, "nodes": one})  # fmt: skip
    for wrong in ("1969-13", "1969-Q1", "1969-1-32", "1969-1-1T24", "1969-1-1T00:00", "69", ""):
        variables = {"ik": ledger, "from": wrong, "by": "hourly"}
        assert await refusal(client, query, **variables) == "bad_user_input", wrong


@rule("reference 3 ParameterizedString", "It has one character at least; {{name}} is a parameter")
async def test_templates_name_their_parameters(client: Any) -> None:
    ledger = await opened(client, document(moves("fee", "1", description="{{ a }} and {{a}}, {b}")))
    answer = await posted(client, ledger, "e", type="fee", parameters={"a": "{{x}}"})
    assert answer["entry"]["description"] == "{{x}} and {{x}}, {b}"
    for wrong in ("", "{{}}", "{{a b}}", "{{1}}", "{{a"):
        query = """mutation s($schema: SchemaInput!) { storeSchema(schema: $schema) {
          ... on StoreSchemaResult { schema { key } } ... on Error { code } } }"""
        schema = document(moves("fee", "1", description=wrong))
        answer = (await client.execute(query=query, variables={"schema": schema})).json()
        if "errors" in answer:
            assert answer["errors"][0]["extensions"]["code"] == "bad_user_input", wrong
        else:
            assert answer["data"]["storeSchema"] == {"code": "invalid_schema"}, wrong
        assert (await client.get_schema(schema["key"])).schema_ is None


@rule("guide H.c", "consistencyMode eventual reads eventually, and goes with at")
async def test_an_eventual_read_is_the_default(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    await posted(client, ledger, "e", type="fee", posted="1969-07-21")
    query = """query b($ik: SafeString!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/cash"}) {
        plain: ownBalance asked: ownBalance(consistencyMode: eventual)
        then: ownBalance(consistencyMode: eventual, at: "1969-07-20")
        later: ownBalance(consistencyMode: eventual, at: "1969-07-21T00")
      }
    }"""

    async def read() -> Any:
        return (await ask(client, query, ik=ledger))["ledgerAccount"]

    await eventually(read, {"plain": "1", "asked": "1", "then": "0", "later": "1"})


@rule("reference 10 Order", "Schemas and custom currencies are listed newest created first")
async def test_other_things_are_newest_first(client: Any) -> None:
    older, newer = document(FEE), document(FEE)
    await store(client, older)
    await store(client, newer)
    keys = [newer["key"], older["key"]]
    ids = [f"gems-{uuid4().hex[:8]}" for _ in keys]
    for custom_id in reversed(ids):
        made = (
            await client.create_custom_currency(custom_id, "Gems", 0, "G")
        ).create_custom_currency
        assert made.typename__ == "CreateCustomCurrencyResult"
    query = """{ schemas(first: 2) { nodes { key } }
      customCurrencies(first: 2) { nodes { customCurrencyId } } }"""

    async def read() -> tuple[list[str], list[str]]:
        found = await ask(client, query)
        listed = [each["customCurrencyId"] for each in found["customCurrencies"]["nodes"]]
        return [each["key"] for each in found["schemas"]["nodes"]], listed

    await eventually(read, (keys, ids))


@rule("reference 10", "Lines of one moment stand in one order always, however they are paged")
async def test_ties_are_in_one_order(client: Any) -> None:
    by_hand = kind("by_hand")
    ledger = await opened(client, document(by_hand))
    at = hour("2024-03-05T07").isoformat()
    for number in range(5):
        paths = ("assets/cash", "income/fees") * 2
        lines = [{"account": {"path": path}, "amount": str(number)} for path in paths]
        await post(client, ledger, f"e{number}", type="by_hand", lines=lines, posted=at)
    query = """query lines($ik: SafeString!, $first: Int, $after: String) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/cash"}) {
        lines(first: $first, after: $after) { nodes { id } pageInfo { endCursor } }
      }
    }"""

    async def walk(size: int) -> list[str]:
        ids: list[str] = []
        cursor = None
        while True:
            found = await ask(client, query, ik=ledger, first=size, after=cursor)
            page = found["ledgerAccount"]["lines"]
            ids += [each["id"] for each in page["nodes"]]
            cursor = page["pageInfo"]["endCursor"]
            if cursor is None:
                return ids

    async def count() -> int:
        return len(await walk(200))

    await eventually(count, 10)
    whole = await walk(200)
    assert len(set(whole)) == 10
    for size in (1, 3, 4):
        assert await walk(size) == whole


@rule("reference 10", "before goes with first too, and gives the page before")
async def test_the_page_before_is_asked_for_with_either_size(client: Any) -> None:
    ledger = await opened(client, document(FEE))
    iks = [f"e{number}" for number in range(6)]
    for number, ik in enumerate(iks):
        await posted(client, ledger, ik, type="fee", posted=f"2024-03-0{9 - number}")

    async def page(**place: Any) -> tuple[list[str], Any]:
        found = (await client.list_ledger_entries(ledger, **place)).ledger.ledger_entries
        return [each.ik for each in found.nodes], found.page_info

    async def first() -> list[str]:
        return (await page(first=2))[0]

    await eventually(first, iks[:2])

    async def whole() -> list[str]:
        return (await page())[0]

    await eventually(whole, iks)
    _, info = await page(first=2)
    second, info = await page(first=2, after=info.end_cursor)
    assert (second, info.has_previous_page, info.has_next_page) == (iks[2:4], True, True)
    for size in ({"first": 2}, {}):
        back, edge = await page(before=info.start_cursor, **size)
        assert (back, edge.has_previous_page, edge.start_cursor) == (iks[:2], False, None)
        assert edge.end_cursor is not None
    last, _ = await page(first=2, after=info.end_cursor)
    assert last == iks[4:]


@rule("reference 6", "A version that a Schema doesn't have is told, not guessed")
async def test_a_version_that_is_not_there_is_an_error(client: Any) -> None:
    schema = document(FEE)
    await store(client, schema)
    query = """query v($key: SafeString!, $version: Int) {
      schema(schema: {key: $key}) { key version(version: $version) { version } }
    }"""
    for version in (2, -1):
        code = await refusal(client, query, key=schema["key"], version=version)
        assert code == "schema_version_not_found", version
    for version in (0, 1, None):
        answer = await ask(client, query, key=schema["key"], version=version)
        assert answer["schema"]["version"] == {"version": 1}


@rule("guide C.c", "The command line stores a Schema file, comments and ${VARIABLES} and all")
async def test_the_command_line_stores_a_schema(
    client: Any, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = document(FEE, name="${SCHEMA_NAME} of ${SCHEMA_PLACE}")
    file = tmp_path / "my-schema.jsonc"
    file.write_text(f"// The Schema of a test.\n{json.dumps(schema)}\n", encoding="utf-8")
    monkeypatch.setenv("SCHEMA_NAME", "Books")
    monkeypatch.setenv("SCHEMA_PLACE", "the test")
    stored = ran(
        sys.executable, "-m", "cli", "store-schema", "--path", file, connection=system.connection
    )
    assert schema["key"] in stored
    found = (await client.get_schema(schema["key"])).schema_
    assert (found.name, found.version.version) == ("Books of the test", 1)
    assert found.version.json_ == {**schema, "name": "Books of the test"}
