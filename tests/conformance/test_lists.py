"""The official client lists: pages both ways, filters, order."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fragment.sdk.enums import TxType
from fragment.sdk.input_types import (
    DateFilter,
    DateTimeFilter,
    LedgerEntriesFilterSet,
    LedgerLinesFilterSet,
    StringFilter,
    TagFilter,
    TagMatchInput,
    TxTypeFilter,
)

from tests.conformance.asking import ask, deposit, eventually, hold
from tests.conformance.books import Books, hour, iso
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

ANN = "liabilities/users:ann/available"
STATIC_PATHS = [
    "assets",
    "assets/bank",
    "assets/cash",
    "assets/fx",
    "expense",
    "income",
    "income/fees",
    "liabilities",
    "liabilities/fx",
]
START = hour("2024-01-10T00")


async def post_twelve(client: Any, ledger: str) -> list[tuple[str, datetime, str, str]]:
    """Twelve entries, some days apart: ik, posted, type, user; newest first."""
    made = []
    for number in range(12):
        user = ("ann", "bob", "cy")[number % 3]
        at = START + timedelta(days=5 * number, hours=number)
        kind = "deposit" if number < 6 else "hold"
        ik = f"{kind}-{number}"
        if kind == "deposit":
            await deposit(client, ledger, Books(), ik, user, 1_000, 10, at)
        else:
            await hold(client, ledger, Books(), ik, user, 10 + number, at)
        made.append((ik, at, kind, user))
    return made[::-1]


async def listed(client: Any, ledger: str, filter_set: Any = None) -> list[str]:
    found = await client.list_ledger_entries(ledger, filter_=filter_set)
    return [each.ik for each in found.ledger.ledger_entries.nodes]


async def walk(
    read: Callable[[str | None, str | None], Awaitable[Any]],
) -> tuple[list[list[str]], list[list[str]]]:
    """Pages from the first to the last, and from the last back to the first."""
    there: list[list[str]] = []
    after = before = None
    while True:
        page = await read(after, None)
        there.append([node.path if hasattr(node, "path") else node.ik for node in page.nodes])
        assert page.page_info.has_previous_page is (after is not None)
        if not page.page_info.has_next_page:
            assert page.page_info.end_cursor is None
            before = page.page_info.start_cursor
            break
        after = page.page_info.end_cursor
    back: list[list[str]] = []
    while before is not None:
        page = await read(None, before)
        back.insert(0, [node.path if hasattr(node, "path") else node.ik for node in page.nodes])
        assert page.page_info.has_next_page is True
        before = page.page_info.start_cursor
    return there, back


@rule("reference 10 Order", "Entries are listed newest posted first")
async def test_entries_are_listed_newest_posted_first(client: Any, ledger: str) -> None:
    made = await post_twelve(client, ledger)

    async def read() -> list[Any]:
        nodes = (await client.list_ledger_entries(ledger)).ledger.ledger_entries.nodes
        return [(node.ik, node.posted, node.type_) for node in nodes]

    await eventually(read, [(ik, iso(at), kind) for ik, at, kind, _ in made])


@rule(
    "reference 10 Pages",
    "Pages hold each entry once, forwards and backwards; null where no page is",
)
async def test_pages_hold_each_entry_once_both_ways(client: Any, ledger: str) -> None:
    iks = [ik for ik, *_ in await post_twelve(client, ledger)]
    await eventually(lambda: listed(client, ledger), iks)

    async def read(after: str | None, before: str | None) -> Any:
        found = await client.list_ledger_entries(ledger, after=after, before=before, first=5)
        return found.ledger.ledger_entries

    there, back = await walk(read)
    assert there == [iks[:5], iks[5:10], iks[10:]]
    assert back == [iks[:5], iks[5:10]]


@rule(
    "reference 10 Filters",
    "Entries are filtered by type, posted, date, tag and group, all parts ANDed",
)
async def test_entries_are_filtered(client: Any, ledger: str) -> None:
    made = await post_twelve(client, ledger)
    await eventually(lambda: listed(client, ledger), [ik for ik, *_ in made])

    def tag(user: str) -> TagMatchInput:
        return TagMatchInput(key="user", value=user)

    low, high = START + timedelta(days=10), START + timedelta(days=30, hours=6)
    day = (START + timedelta(days=20)).strftime("%Y-%m-%d")
    cases: list[tuple[Any, Callable[[str, datetime, str, str], bool]]] = [
        ({"type": StringFilter(equalTo="hold")}, lambda ik, at, kind, user: kind == "hold"),
        ({"type": StringFilter(notEqualTo="hold")}, lambda ik, at, kind, user: kind != "hold"),
        (
            {"type": StringFilter.model_validate({"in": ["hold", "deposit"]})},
            lambda ik, at, kind, user: True,
        ),
        (
            {"tag": TagFilter(equalTo=tag("ann"))},
            lambda ik, at, kind, user: kind == "deposit" and user == "ann",
        ),
        (
            {"tag": TagFilter.model_validate({"in": [tag("ann"), tag("cy")]})},
            lambda ik, at, kind, user: kind == "deposit" and user != "bob",
        ),
        ({"tag": TagFilter(keyEqualTo="user")}, lambda ik, at, kind, user: kind == "deposit"),
        (
            {"posted": DateTimeFilter(after=iso(low), before=iso(high))},
            lambda ik, at, kind, user: low <= at <= high,
        ),
        (
            {"date": DateFilter(equalTo=day)},
            lambda ik, at, kind, user: at.strftime("%Y-%m-%d") == day,
        ),
        (
            {"date": DateFilter(within="2024-02")},
            lambda ik, at, kind, user: at.strftime("%Y-%m") == "2024-02",
        ),
        (
            {
                "type": StringFilter(equalTo="deposit"),
                "posted": DateTimeFilter(after=iso(low)),
                "tag": TagFilter(equalTo=tag("cy")),
            },
            lambda ik, at, kind, user: kind == "deposit" and at >= low and user == "cy",
        ),
    ]
    for given, wanted in cases:
        expected = [row[0] for row in made if wanted(*row)]
        found = await listed(client, ledger, LedgerEntriesFilterSet(**given))
        assert found == expected, given
        assert expected, given


@rule("reference 10 Filters", "Entries are filtered by their iks")
async def test_entries_are_filtered_by_which_they_are(client: Any, ledger: str) -> None:
    made = await post_twelve(client, ledger)
    await eventually(lambda: listed(client, ledger), [ik for ik, *_ in made])
    query = """query these($ik: SafeString!, $iks: [LedgerEntryMatchInput!]) {
      ledger(ledger: {ik: $ik}) {
        ledgerEntries(filter: {ledgerEntry: {in: $iks}}) { nodes { ik } }
      }
    }"""
    wanted = [{"ik": ik, "ledger": {"ik": ledger}} for ik in ("hold-7", "deposit-2", "nobody")]
    found = await ask(client, query, ik=ledger, iks=wanted)
    assert [node["ik"] for node in found["ledger"]["ledgerEntries"]["nodes"]] == [
        "hold-7",
        "deposit-2",
    ]


@rule("reference 10 Order", "Accounts are listed newest created first")
async def test_all_accounts_are_listed_newest_first(client: Any, ledger: str) -> None:
    await deposit(client, ledger, Books(), "d1", "ann", 1_000, 10, START)
    paths = [*STATIC_PATHS, "liabilities/users:ann", ANN]

    async def read_all() -> list[str]:
        found = (await client.list_ledger_accounts(ledger)).ledger.ledger_accounts.nodes
        created = [node.created for node in found]
        assert created == sorted(created, reverse=True)
        return sorted(node.path for node in found)

    await eventually(read_all, sorted(paths))

    async def read(after: str | None, before: str | None) -> Any:
        found = await client.list_ledger_accounts(ledger, after=after, before=before, first=4)
        return found.ledger.ledger_accounts

    there, back = await walk(read)
    assert [len(page) for page in there] == [4, 4, 3]
    assert sorted(path for page in there for path in page) == sorted(paths)
    assert back == there[:2]


@rule("reference 7 Paths", "path.matches takes * for a template's value and finds what lies below")
async def test_accounts_are_filtered_by_path_and_type(client: Any, ledger: str) -> None:
    await deposit(client, ledger, Books(), "d1", "ann", 1_000, 10, START)
    await hold(client, ledger, Books(), "h1", "ann", 10, START)
    await deposit(client, ledger, Books(), "d2", "bob", 1_000, 10, START)
    query = """query some($ik: SafeString!, $filter: LedgerAccountsFilterSet) {
      ledger(ledger: {ik: $ik}) { ledgerAccounts(filter: $filter) { nodes { path } } }
    }"""

    async def paths(filter_set: dict[str, Any]) -> list[str]:
        found = await ask(client, query, ik=ledger, filter=filter_set)
        return sorted(node["path"] for node in found["ledger"]["ledgerAccounts"]["nodes"])

    users = ["liabilities/users:ann", ANN, "liabilities/users:ann/pending"]
    users += ["liabilities/users:bob", "liabilities/users:bob/available"]
    await eventually(lambda: paths({"path": {"matches": "liabilities/users:*"}}), sorted(users))
    assert await paths({"path": {"matches": "liabilities/users:*/available"}}) == [
        users[1],
        users[4],
    ]
    assert await paths({"type": {"equalTo": "income"}}) == ["income", "income/fees"]
    assert await paths({"path": {"equalTo": ANN}}) == [ANN]
    assert await paths({"path": {"in": [ANN, "expense"]}}) == ["expense", ANN]
    assert await paths({"path": {"contains": "ann/p"}}) == [users[2]]
    assert await paths({"hasParentLedgerAccount": False}) == [
        "assets",
        "expense",
        "income",
        "liabilities",
    ]


@rule("guide K.b", "A strong list of lines shows an entry as soon as it is answered")
async def test_lines_of_a_strong_list_are_there_at_once(client: Any, ledger: str) -> None:
    for number in range(5):
        at = START + timedelta(hours=number)
        await deposit(client, ledger, Books(), f"d{number}", "ann", 100 + number, 0, at)
        found = (await client.get_ledger_account_lines(ANN, ledger)).ledger_account.lines.nodes
        assert [each.amount for each in found] == [str(100 + one) for one in range(number, -1, -1)]
        assert found[0].posted == iso(at)
        assert found[0].description == f"Deposit of {100 + number} by ann."


@rule("guide I.d", "Lines are filtered by side, posted and key, and paged")
async def test_lines_are_paged_and_filtered(client: Any, ledger: str) -> None:
    for number in range(6):
        at = START + timedelta(hours=number)
        await deposit(client, ledger, Books(), f"d{number}", "ann", 100 + number, 0, at)
        await hold(client, ledger, Books(), f"h{number}", "ann", 10 + number, at)
    amounts = [str(sign) for one in range(5, -1, -1) for sign in (100 + one, -10 - one)]

    async def read(path: str, **more: Any) -> Any:
        found = await client.get_ledger_account_lines(path, ledger, **more)
        return found.ledger_account.lines

    async def bank() -> list[str]:
        return [node.amount for node in (await read("assets/bank")).nodes]

    await eventually(bank, [str(100 + one) for one in range(5, -1, -1)])
    first = await read(ANN, first=8)
    second = await read(ANN, first=8, after=first.page_info.end_cursor)
    found = [node.amount for node in (*first.nodes, *second.nodes)]
    assert sorted(found) == sorted(amounts)
    assert second.page_info.has_next_page is False
    assert (await read(ANN, first=8, before=second.page_info.start_cursor)).nodes == first.nodes

    debits = LedgerLinesFilterSet(type=TxTypeFilter(equalTo=TxType.debit))
    assert [node.amount for node in (await read(ANN, filter_=debits)).nodes] == [
        str(-10 - one) for one in range(5, -1, -1)
    ]
    late = LedgerLinesFilterSet(posted=DateTimeFilter(after=iso(START + timedelta(hours=4))))
    assert sorted(node.amount for node in (await read(ANN, filter_=late)).nodes) == sorted(
        ["104", "105", "-14", "-15"]
    )
    pair = LedgerLinesFilterSet(
        posted=DateTimeFilter(after=iso(START + timedelta(hours=4))),
        key=StringFilter(equalTo="bank"),
    )
    assert [node.amount for node in (await read("assets/bank", filter_=pair)).nodes] == [
        "105",
        "104",
    ]
