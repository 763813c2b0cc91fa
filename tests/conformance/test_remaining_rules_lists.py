"""Strong and eventual lists are one list: the same entries, order, filters and pages; and the ends
of time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fragment.sdk.client import Client
from fragment.sdk.input_types import LedgerEntryTagInput, UpdateLedgerEntryInput

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.reading import ACCOUNT, PAGE_INFO
from tests.conformance.remaining import document, given, kind, line, opened, posted
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

ENTRIES = f"""query entries($ik: SafeString!, $filter: LedgerEntriesFilterSet, $first: Int,
  $last: Int, $after: String, $before: String) {{ ledger(ledger: {{ik: $ik}}) {{
    ledgerEntries(filter: $filter, first: $first, last: $last, after: $after, before: $before) {{
      nodes {{ shown: ik isReversal posted tags {{ key value }} }} {PAGE_INFO} }} }} }}"""
LINES = f"""query lines($ik: SafeString!, $path: String!, $filter: LedgerLinesFilterSet,
  $first: Int, $last: Int, $after: String, $before: String) {{ {ACCOUNT} {{
    lines(filter: $filter, first: $first, last: $last, after: $after, before: $before) {{
      nodes {{ shown: amount isReversal posted key type }} {PAGE_INFO} }} }} }}"""
CASH = "assets/cash"
MOMENTS = [
    "0001-01-01T00:00:00.000Z",
    "0001-12-31T23:59:59.999Z",
    "1234-01-01T01:01:01.000Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.001Z",
    "2024-02-29T23:59:59.999Z",
    "2024-03-01T00:00:00.000Z",
    "9999-12-31T23:59:59.998Z",
    "9999-12-31T23:59:59.999Z",
]
ODD = ["a*b", "a?b", 'a"b', "a\\b", "A*B", "é💸", "a b", "a.b", "a|b", "%s"]


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


def schema(mode: str) -> dict[str, Any]:
    """Lists of entries and of lines are strong, or eventual."""
    fee = kind("fee", line("in", CASH, "{{a}}"), line("out", "income/fees", "{{a}}"))
    made = document(fee, kind("by_hand"), consistencyConfig={"entries": mode})
    made["chartOfAccounts"]["defaultConsistencyConfig"] = {"lines": mode}
    return made


async def fill(client: Any, ledger: str) -> None:
    """Posts at the ends of time, with odd tags; updates one entry, reverses some, posts one again.

    Every entry but the two sides of a reversal is at a moment of its own.
    """
    for number, moment in enumerate(MOMENTS):
        tags = [{"key": "odd", "value": ODD[number]}, {"key": f"k{number % 3}", "value": "v"}]
        entry: dict[str, Any] = {"type": "fee", "parameters": {"a": str(number + 1)}}
        if number % 2:
            lines = given(assets__cash=number + 1, income__fees=number + 1)
            entry = {"type": "by_hand", "lines": lines}
        answer = await posted(client, ledger, f"e{number}", **entry, posted=moment, tags=tags)
        if number in (1, 4):
            await client.reverse_ledger_entry(answer["entry"]["id"])
        if number == 4:
            await posted(client, ledger, "e4", **entry, posted="2024-02-29", tags=tags)
    change = UpdateLedgerEntryInput(tags=[LedgerEntryTagInput(key="k0", value="w")])
    await client.update_ledger_entry("e6", ledger, change)


async def walk(client: Any, query: str, size: int, *, back: bool, **told: Any) -> list[Any]:
    """Every node of a list, page by page, in the list's order; pages are full but the last."""
    nodes: list[Any] = []
    cursor = None
    while True:
        place = {"before" if back else "after": cursor} if cursor else {}
        asked = {**told, **place, "last" if back else "first": size}
        found = await ask(client, query, **asked)
        (owner,) = found.values()
        (page,) = owner.values()
        info = page["pageInfo"]
        assert info["hasNextPage"] == (info["endCursor"] is not None)
        assert info["hasPreviousPage"] == (info["startCursor"] is not None)
        nodes = [*page["nodes"], *nodes] if back else [*nodes, *page["nodes"]]
        cursor = info["startCursor"] if back else info["endCursor"]
        if cursor is None:
            return nodes
        assert len(page["nodes"]) == size


ENTRY_FILTERS: list[dict[str, Any]] = [
    {},
    {"showHidden": True},
    {"isReversal": True},
    {"isReversed": True},
    {"isReversal": False, "showHidden": True},
    {"type": {"equalTo": "fee"}},
    {"type": {"notIn": ["fee"]}, "showHidden": True},
    {"typeVersion": {"equalTo": "1"}},
    {"posted": {"after": MOMENTS[3], "before": MOMENTS[6]}},
    {"posted": {"after": "0001-01-01", "before": "0001-12-31T23:59:59.998Z"}},
    {"posted": {"before": "1969-12-31T23:59:59.999Z"}, "showHidden": True},
    {"posted": {"after": "9999-12-31T23:59:59.999Z"}},
    {"date": {"equalTo": "0001-01-01"}},
    {"date": {"equalTo": "9999-12-31"}},
    {"date": {"in": ["1970-01-01", "1234-01-01"]}},
    {"date": {"within": "9999"}},
    {"date": {"within": "0001-01"}},
    {"date": {"withinBalanceUTCOffset": "2024-02"}},
    {"date": {"withinBalanceUTCOffset": "1969"}},
    {"date": {"withinBalanceUTCOffset": "0001"}},
    {"date": {"withinBalanceUTCOffset": "9999-12"}},
    {"tag": {"keyEqualTo": "k0"}},
    {"tag": {"equalTo": {"key": "k0", "value": "w"}}},
    {"tag": {"equalTo": {"key": "k0", "value": "v"}}},
    {"tag": {"notKeyEqualTo": "k1"}},
    {"ledgerEntry": {"in": [{"ik": "e4"}, {"ik": "e9"}, {"ik": "e1"}]}},
    *[{"tag": {"contains": {"key": "odd", "value": text}}} for text in ("*", "?", "\\", '"')],
    *[{"tag": {"contains": {"key": "odd", "value": text}}} for text in ("a", "A", "💸", "|", "%")],
    *[{"tag": {"equalTo": {"key": "odd", "value": text}}} for text in ODD],
]


@rule(
    "guide K.a", "A strong list of entries and an eventual one are the same list, once it follows"
)
@rule("reference 10", "Filters and pages are the same for strong and for eventual lists")
@pytest.mark.parametrize("offset", ["+12:00", "-11:00"])
async def test_strong_and_eventual_lists_are_one(client: Any, offset: str) -> None:
    ledgers = []
    for mode in ("strong", "eventual"):
        made = schema(mode)
        ledger = await opened(client, made, offset)
        await fill(client, ledger)
        ledgers.append(ledger)
    strong, eventual = ledgers

    async def count() -> int:
        told = {"ik": eventual, "filter": {"showHidden": True}}
        return len(await walk(client, ENTRIES, 200, back=False, **told))

    await eventually(count, 13)

    async def updated() -> int:
        told = {"ik": eventual, "filter": {"tag": {"equalTo": {"key": "k0", "value": "w"}}}}
        return len(await walk(client, ENTRIES, 200, back=False, **told))

    await eventually(updated, 1)
    for only in ENTRY_FILTERS:
        wanted = await walk(client, ENTRIES, 200, back=False, ik=strong, filter=only)
        moments = [each["posted"] for each in wanted]
        assert moments == sorted(moments, reverse=True), only
        by_sides = sorted(map(str, wanted))
        for ledger in ledgers:
            for size, back in ((200, False), (200, True), (3, False), (3, True), (1, False)):
                told = {"ik": ledger, "filter": only}
                found = await walk(client, ENTRIES, size, back=back, **told)
                assert [each["posted"] for each in found] == moments, (only, size, back)
                assert sorted(map(str, found)) == by_sides, (only, size, back)
    everything = await walk(client, ENTRIES, 200, back=False, ik=strong, filter=None)
    assert [each["shown"] for each in everything] == [
        "e9", "e8", "e7", "e6", "e4", "e5", "e3", "e2", "e0"
    ]  # fmt: skip
    for only in (
        {}, {"showHidden": True}, {"isReversed": True}, {"key": {"equalTo": "in"}},
        {"type": {"equalTo": "debit"}}, {"posted": {"after": "1970-01-01", "before": "9999-12-30"}},
        {"date": {"withinBalanceUTCOffset": "0001"}}, {"date": {"equalTo": "9999-12-31"}},
    ):  # fmt: skip
        told = {"path": CASH, "filter": only}
        wanted = await walk(client, LINES, 200, back=False, ik=strong, **told)
        for ledger in ledgers:
            for size, back in ((200, True), (3, False), (2, True)):
                found = await walk(client, LINES, size, back=back, ik=ledger, **told)
                assert sorted(map(str, found)) == sorted(map(str, wanted)), (only, size, back)
                moments = [each["posted"] for each in found]
                assert moments == sorted(moments, reverse=True), (only, size, back)


@rule("guide E.b", "Entries at the ends of time count in the balances of their own hour")
@pytest.mark.parametrize("offset", ["+12:00", "-11:00"])
async def test_balances_reach_the_ends_of_time(client: Any, offset: str) -> None:
    ledger = await opened(client, schema("eventual"), offset)
    amounts = {moment: 2**number for number, moment in enumerate(MOMENTS)}
    for moment, amount in amounts.items():
        lines = given(assets__cash=amount, income__fees=amount)
        await posted(client, ledger, f"e{amount}", type="by_hand", lines=lines, posted=moment)
    query = f"""query ends($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      latest: balance first: balance(at: "0001") hour: balance(at: "0001-01-01T12")
      last: balance(at: "9999") day: balance(at: "9999-12-31")
      began: balanceChange(period: "0001") ended: balanceChange(period: "9999")
      quarter: balanceChange(period: "9999-Q4") epoch: balanceChange(period: "1970-01")
      leap: balanceChange(period: "2024-02-29") march: balanceChange(period: "2024-03")
    }} }}"""
    hours = int(offset[:3])

    def before(*numbers: int) -> int:
        return sum(2**number for number in numbers)

    east = hours > 0
    everything = 2 ** len(MOMENTS) - 1
    wanted = {
        "latest": everything,
        "first": before(0) if east else before(0, 1),
        "hour": before(0),
        "last": everything - before(8, 9) if east else everything,
        "day": everything - before(8, 9) if east else everything,
        "began": before(0) if east else before(1),
        "ended": 0 if east else before(8, 9),
        "quarter": 0 if east else before(8, 9),
        "epoch": before(3, 4, 5) if east else 0,
        "leap": 0 if east else before(6, 7),
        "march": before(6, 7) if east else 0,
    }

    async def read() -> dict[str, int]:
        found = (await ask(client, query, ik=ledger, path="assets"))["ledgerAccount"]
        return {name: int(amount) for name, amount in found.items()}

    await eventually(read, wanted)
