"""What every Index does, real or in memory."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from secrets import token_hex

import orjson
import pytest

from shared.errors import SearchUnavailable
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import account_id, entry_id
from shared.ledger.positions import position_of
from shared.search.clauses import (
    NOTHING,
    AllOf,
    AnyOf,
    Clause,
    Contains,
    Not,
    Range,
    Term,
    Terms,
    matches,
    pair_term,
)
from shared.search.documents import (
    account_documents,
    account_from_source,
    entry_deletions,
    entry_documents,
    entry_from_source,
    group_documents,
    placed_line_from_source,
)
from shared.search.elastic import ElasticIndex
from shared.search.index import (
    ACCOUNTS_NEWEST,
    ENTRIES_NEWEST,
    GROUPS_BY_KEY,
    LINES_OF_ACCOUNT,
    LINES_OF_LEDGER,
    Document,
    Index,
    ItemResult,
    ItemStatus,
    Kind,
    Operation,
    Order,
    SearchPage,
    SearchRequest,
)
from shared.search.provision import provision_indices
from shared.settings import Settings
from shared.testing.memory_index import MemoryIndex
from tests.contract.search import delete_indices, with_index

INDICES = ("memory", pytest.param("elasticsearch", marks=pytest.mark.engines))
NAMES = itertools.count()
T0 = 1_700_000_000_000
CASH = "assets/cash"


def fresh_ledger() -> str:
    """A ledger's id that no other test has."""
    return f"{next(NAMES):032x}"


@pytest.fixture(scope="module", params=INDICES)
def settings(request: pytest.FixtureRequest) -> Iterator[Settings | None]:
    """Of an Elasticsearch with fresh indices; None for the twin."""
    if request.param == "memory":
        yield None
        return
    url, prefix = request.getfixturevalue("elasticsearch_url"), f"contract-{token_hex(4)}-"
    made = Settings(elasticsearch_url=url, index_prefix=prefix)
    asyncio.run(with_index(made, provision_indices))
    yield made
    asyncio.run(with_index(made, delete_indices))


@pytest.fixture
async def index(settings: Settings | None) -> AsyncIterator[Index]:
    if settings is None:
        yield MemoryIndex(auto_refresh=False)
        return
    elastic = ElasticIndex(settings)
    try:
        yield elastic
    finally:
        await elastic.close()


def make_entry(ledger: str, number: int, **changes: object) -> LedgerEntry:
    """An entry between cash and a user, `number` seconds after T0 unless changed."""
    ik = f"ik-{number}"
    user = f"liabilities/users:u{number % 3}/available"
    at = T0 + number * 1_000
    entry = LedgerEntry(
        id=entry_id(ledger, ik, 1),
        ledger_id=ledger,
        workspace_id="w",
        ik=ik,
        position=1,
        posted_ms=at,
        created_ms=at,
        lines=(
            LedgerLine(0, CASH, "asset", number, "USD", "in"),
            LedgerLine(1, user, "liability", number, "USD", "out", tags=(("side", "b"),)),
        ),
        type="fund" if number % 2 else "draw",
        type_version=1 + number % 2,
        tags=(("user", f"u{number % 3}"), ("n", f"a*{number}?\\")),
        groups=(("order", f"o{number // 2}"),),
    )
    return entry._replace(**changes)  # type: ignore[arg-type]


def make_account(ledger: str, path: str, number: int, **changes: object) -> LedgerAccount:
    head, _, _ = path.rpartition("/")
    account = LedgerAccount(
        id=account_id(ledger, path),
        ledger_id=ledger,
        workspace_id="w",
        path=path,
        ik=path,
        name=None,
        type="liability",
        currency_mode="single",
        currency="USD",
        parent_id=account_id(ledger, head) if head else None,
        parent_path=head or None,
        created_ms=T0 + number,
        linked=None,
    )
    return replace(account, **changes)  # type: ignore[arg-type]


async def write(index: Index, operations: Sequence[Operation]) -> list[ItemStatus]:
    results = await index.bulk(operations)
    await index.refresh()
    return [result.status for result in results]


async def page(
    index: Index, order: Order, scope: tuple[str, ...], *clauses: Clause, size: int = 200
) -> SearchPage:
    (found,) = await index.search([SearchRequest(order, scope, clauses, size)])
    return found


async def iks(index: Index, ledger: str, *clauses: Clause) -> list[str]:
    found = await page(index, ENTRIES_NEWEST, (ledger,), *clauses)
    return [hit.source["ik"] for hit in found.hits]


@dataclass(frozen=True, slots=True)
class Ledgerful:
    """Twelve entries of one ledger and two of another, both indexed."""

    ledger: str
    entries: list[LedgerEntry]


@pytest.fixture
async def twelve(index: Index) -> Ledgerful:
    ledger, other = fresh_ledger(), fresh_ledger()
    entries = [make_entry(ledger, number) for number in range(12)]
    strangers = [make_entry(other, number) for number in range(2)]
    await write(index, [d for entry in entries + strangers for d in entry_documents(entry)])
    return Ledgerful(ledger, entries)


# --- Writing --------------------------------------------------------------------------------------
async def test_an_entry_comes_back_whole_from_its_document_and_from_its_lines(
    index: Index,
) -> None:
    ledger = fresh_ledger()
    entry = make_entry(ledger, 7, description="Überweisung ✓", parameters={"a": [1, {"b": None}]})
    await write(index, entry_documents(entry))

    entries = await page(index, ENTRIES_NEWEST, (ledger,))
    lines = await page(index, LINES_OF_LEDGER, (ledger,))

    assert [entry_from_source(hit.source) for hit in entries.hits] == [entry]
    placed = [placed_line_from_source(hit.source) for hit in lines.hits]
    assert [each.entry for each in placed] == [entry, entry]
    assert [each.line for each in placed] == list(entry.lines)
    assert [each.id for each in placed] == entry.line_ids()


async def test_an_account_comes_back_whole(index: Index) -> None:
    ledger = fresh_ledger()
    account = make_account(ledger, "liabilities/users:1", 1, linked=("link", "external"))
    await write(index, account_documents(account))

    found = await page(index, ACCOUNTS_NEWEST, (ledger,))

    assert [account_from_source(hit.source) for hit in found.hits] == [account]


async def test_a_repeated_bulk_is_stale_and_changes_nothing(index: Index) -> None:
    ledger = fresh_ledger()
    documents = entry_documents(make_entry(ledger, 1))

    assert await write(index, documents) == [ItemStatus.APPLIED] * 3
    before = [each async for each in index.scan(Kind.ENTRIES, ledger)]
    assert await write(index, documents) == [ItemStatus.STALE] * 3

    assert [each async for each in index.scan(Kind.ENTRIES, ledger)] == before


async def test_the_higher_revision_stays_whatever_the_order(index: Index) -> None:
    ledger = fresh_ledger()
    first = make_entry(ledger, 1)
    second = first._replace(revision=2, tags=(("late", "yes"),))

    await write(index, entry_documents(second))
    assert await write(index, entry_documents(first)) == [ItemStatus.STALE] * 3

    found = await page(index, ENTRIES_NEWEST, (ledger,))
    assert [entry_from_source(hit.source) for hit in found.hits] == [second]


async def test_a_deletion_removes_and_an_older_revision_does_not_come_back(index: Index) -> None:
    ledger = fresh_ledger()
    entry = make_entry(ledger, 1)
    await write(index, entry_documents(entry))

    assert await write(index, entry_deletions(entry)) == [ItemStatus.APPLIED] * 3
    assert await write(index, entry_documents(entry)) == [ItemStatus.STALE] * 3

    assert await index.count(Kind.ENTRIES, ledger) == 0
    assert await index.count(Kind.LINES, ledger) == 0


async def test_deleting_what_was_never_there_is_applied(index: Index) -> None:
    entry = make_entry(fresh_ledger(), 1)
    assert await write(index, entry_deletions(entry)) == [ItemStatus.APPLIED] * 3


async def test_a_document_with_an_unmapped_field_is_refused_and_its_neighbours_are_not(
    index: Index,
) -> None:
    ledger = fresh_ledger()
    good = entry_documents(make_entry(ledger, 1))[0]
    bad = entry_documents(make_entry(ledger, 2))[0]
    bad = bad._replace(source={**bad.source, "surprise": 1})

    results = await index.bulk([good, bad])

    assert [result.status for result in results] == [ItemStatus.APPLIED, ItemStatus.REFUSED]
    assert results[0] == ItemResult(ItemStatus.APPLIED)
    assert "strict_dynamic_mapping_exception" in results[1].reason


@pytest.mark.parametrize(
    ("field", "value"), [("posted", "yesterday"), ("type", "t" * 40_000)], ids=["number", "length"]
)
async def test_a_value_that_the_mapping_cannot_hold_is_refused(
    index: Index, field: str, value: str
) -> None:
    document = entry_documents(make_entry(fresh_ledger(), 1))[0]
    document = document._replace(source={**document.source, field: value})

    (result,) = await index.bulk([document])

    assert result.status is ItemStatus.REFUSED
    assert "document_parsing_exception" in result.reason


async def test_an_empty_bulk_has_no_results(index: Index) -> None:
    assert await index.bulk([]) == []


async def test_a_group_keeps_its_first_entry_whatever_the_order(index: Index) -> None:
    ledger = fresh_ledger()
    early, late = make_entry(ledger, 2), make_entry(ledger, 3)
    assert early.groups == late.groups

    await write(index, group_documents(late))
    await write(index, group_documents(early))
    await write(index, group_documents(late))

    found = await page(index, GROUPS_BY_KEY, (ledger,))
    assert [hit.source["record"] for hit in found.hits] == [
        {"key": "order", "value": "o1", "created": early.created_ms}
    ]


async def test_a_search_sees_a_write_after_a_refresh_at_the_latest(index: Index) -> None:
    ledger = fresh_ledger()
    await index.bulk(entry_documents(make_entry(ledger, 1)))
    await index.refresh()
    assert await iks(index, ledger) == ["ik-1"]


# --- Clauses --------------------------------------------------------------------------------------
CLAUSES: dict[str, tuple[Clause, ...]] = {
    "nothing asked": (),
    "term": (Term("type", "fund"),),
    "term on a number": (Term("type_version", 2),),
    "terms": (Terms("ik", ("ik-1", "ik-2", "no")),),
    "no terms": (Terms("ik", ()),),
    "id": (Term("id", entry_id(f"{0:032x}", "ik-1", 1)),),
    "absent field": (Term("flags", "hidden"),),
    "not absent field": (Not(Term("flags", "hidden")),),
    "not": (Not(Term("type", "fund")), Not(Terms("ik", ("ik-0", "ik-2")))),
    "range": (Range("posted", T0 + 2_000, T0 + 5_000),),
    "range from": (Range("posted", gte=T0 + 10_000),),
    "range to": (Range("posted", lte=T0 - 1),),
    "range upside down": (Range("posted", T0 + 5_000, T0),),
    "pair": (Term("tags", pair_term("user", "u1")),),
    "key of a pair": (Term("tags", "user"),),
    "value is no key": (Term("tags", "u1"),),
    "contains": (Contains("tags", pair_term("user", ""), "u"),),
    "contains in the middle": (Contains("tags", pair_term("n", ""), "*1"),),
    "contains star": (Contains("tags", pair_term("n", ""), "a*"),),
    "contains no wildcard": (Contains("tags", pair_term("n", ""), "*?"),),
    "contains backslash": (Contains("tags", pair_term("n", ""), "?\\"),),
    "contains empty": (Contains("tags", pair_term("n", ""), ""),),
    "contains across the key": (Contains("tags", pair_term("user", ""), "user"),),
    "any": (AnyOf((Term("ik", "ik-3"), Term("type_version", 1))),),
    "any of none": (NOTHING,),
    "all": (AllOf((Term("type", "fund"), Term("groups", pair_term("order", "o1")))),),
    "nested": (
        AnyOf((AllOf((Term("type", "fund"), Not(Term("ik", "ik-1")))), Terms("ik", ("ik-4",)))),
        Not(AnyOf((Term("ik", "ik-3"), Range("posted", gte=T0 + 9_000)))),
    ),
}


@pytest.mark.parametrize("clauses", CLAUSES.values(), ids=CLAUSES.keys())
async def test_clauses_mean_what_matches_says(
    index: Index, twelve: Ledgerful, clauses: tuple[Clause, ...]
) -> None:
    entries = reversed(twelve.entries)
    expected = [e.ik for e in entries if matches(clauses, entry_documents(e)[0].source)]

    assert await iks(index, twelve.ledger, *clauses) == expected
    assert await index.count(Kind.ENTRIES, twelve.ledger, clauses) == len(expected)


async def test_ids_are_searchable(index: Index, twelve: Ledgerful) -> None:
    ids = tuple(entry.id for entry in twelve.entries[2:4])
    assert await iks(index, twelve.ledger, Terms("id", (*ids, "none"))) == ["ik-3", "ik-2"]
    assert await iks(index, twelve.ledger, Term("id", ids[0])) == ["ik-2"]
    assert "ik-2" not in await iks(index, twelve.ledger, Not(Term("id", ids[0])))


async def test_a_ledger_sees_nothing_of_another(index: Index, twelve: Ledgerful) -> None:
    found = await page(index, ENTRIES_NEWEST, (twelve.ledger,))
    assert {hit.source["ledger"] for hit in found.hits} == {twelve.ledger}
    assert await iks(index, fresh_ledger()) == []


# --- Pages ----------------------------------------------------------------------------------------
async def walk_forward(
    index: Index, order: Order, scope: tuple[str, ...], size: int
) -> list[list[str]]:
    """Positions, page by page, from the first to the last."""
    pages: list[list[str]] = []
    after = None
    for _ in range(100):
        (found,) = await index.search([SearchRequest(order, scope, (), size, after=after)])
        pages.append([hit.position for hit in found.hits])
        if not found.more:
            return pages
        after = pages[-1][-1]
    raise AssertionError("the walk doesn't end")


async def walk_backward(
    index: Index, order: Order, scope: tuple[str, ...], size: int, span_ms: int | None
) -> list[list[str]]:
    """Positions, page by page, from the last to the first."""
    pages: list[list[str]] = []
    request = SearchRequest(order, scope, (), size, from_end=True)
    for _ in range(100):
        (found,) = await index.search([request])
        pages.append([hit.position for hit in found.hits])
        if not found.more:
            return pages
        before = pages[-1][0]
        request = SearchRequest(order, scope, (), size, before=before, span_ms=span_ms)
    raise AssertionError("the walk doesn't end")


@pytest.mark.parametrize("size", [1, 3, 5, 12, 13])
@pytest.mark.parametrize("span_ms", [None, 0, 2_000, 10**9])
async def test_walks_visit_each_document_once_and_in_order(
    index: Index, twelve: Ledgerful, size: int, span_ms: int | None
) -> None:
    expected = [position_of(each.posted_ms, each.id) for each in reversed(twelve.entries)]
    scope = (twelve.ledger,)

    forward = await walk_forward(index, ENTRIES_NEWEST, scope, size)
    backward = await walk_backward(index, ENTRIES_NEWEST, scope, size, span_ms)

    assert [position for each in forward for position in each] == expected
    assert [position for each in reversed(backward) for position in each] == expected
    assert all(len(each) == size for each in forward[:-1])
    assert all(len(each) == size for each in backward[:-1])


async def test_entries_of_one_moment_are_listed_once_each_in_the_order_of_their_ids(
    index: Index,
) -> None:
    ledger = fresh_ledger()
    entries = [make_entry(ledger, number, posted_ms=T0) for number in range(9)]
    await write(index, [document for entry in entries for document in entry_documents(entry)])
    expected = sorted(position_of(T0, entry.id) for entry in entries)

    for size in (1, 2, 4):
        forward = await walk_forward(index, ENTRIES_NEWEST, (ledger,), size)
        backward = await walk_backward(index, ENTRIES_NEWEST, (ledger,), size, 0)
        assert [position for each in forward for position in each] == expected
        assert [position for each in reversed(backward) for position in each] == expected


async def test_times_before_1970_and_up_to_the_year_9999_keep_their_order(index: Index) -> None:
    ledger = fresh_ledger()
    times = (-62_135_596_800_000, -1, 0, 1, T0, 253_402_300_799_999)
    entries = [make_entry(ledger, n, posted_ms=at) for n, at in enumerate(times)]
    Random(5).shuffle(entries)
    await write(index, [document for entry in entries for document in entry_documents(entry)])

    forward = await walk_forward(index, ENTRIES_NEWEST, (ledger,), 2)
    backward = await walk_backward(index, ENTRIES_NEWEST, (ledger,), 2, 1_000)

    in_order = sorted(entries, key=lambda entry: -entry.posted_ms)
    expected = [position_of(each.posted_ms, each.id) for each in in_order]
    assert [position for each in forward for position in each] == expected
    assert [position for each in reversed(backward) for position in each] == expected


async def test_a_position_between_two_documents_is_a_place_too(
    index: Index, twelve: Ledgerful
) -> None:
    fourth = position_of(twelve.entries[8].posted_ms, twelve.entries[8].id)
    scope = (twelve.ledger,)
    after, before, start = await index.search(
        [
            SearchRequest(ENTRIES_NEWEST, scope, (), 2, after=fourth + " "),
            SearchRequest(ENTRIES_NEWEST, scope, (), 2, before=fourth + " "),
            SearchRequest(ENTRIES_NEWEST, scope, (), 2, after=""),
        ]
    )
    assert [hit.source["ik"] for hit in after.hits] == ["ik-7", "ik-6"]
    assert [hit.source["ik"] for hit in before.hits] == ["ik-9", "ik-8"]
    assert [hit.source["ik"] for hit in start.hits] == ["ik-11", "ik-10"]


async def test_filtered_pages_know_whether_others_follow(index: Index, twelve: Ledgerful) -> None:
    funds = Term("type", "fund")  # six of the twelve
    exact = await page(index, ENTRIES_NEWEST, (twelve.ledger,), funds, size=6)
    fewer = await page(index, ENTRIES_NEWEST, (twelve.ledger,), funds, size=5)
    assert (len(exact.hits), exact.more) == (6, False)
    assert (len(fewer.hits), fewer.more) == (5, True)


async def test_an_accounts_lines_are_the_same_in_both_orders(
    index: Index, twelve: Ledgerful
) -> None:
    cash = account_id(twelve.ledger, CASH)
    own = await page(index, LINES_OF_ACCOUNT, (twelve.ledger, cash))
    narrowed = await page(index, LINES_OF_LEDGER, (twelve.ledger,), Term("account", cash))

    assert own == narrowed
    assert [hit.source["posted"] for hit in own.hits] == [
        entry.posted_ms for entry in reversed(twelve.entries)
    ]


async def test_the_lines_of_an_account_are_walked_both_ways(
    index: Index, twelve: Ledgerful
) -> None:
    scope = (twelve.ledger, account_id(twelve.ledger, CASH))
    expected = [
        position_of(entry.posted_ms, entry.line_ids()[0]) for entry in reversed(twelve.entries)
    ]
    forward = await walk_forward(index, LINES_OF_ACCOUNT, scope, 5)
    backward = await walk_backward(index, LINES_OF_ACCOUNT, scope, 5, 4_000)
    assert [position for each in forward for position in each] == expected
    assert [position for each in reversed(backward) for position in each] == expected


async def test_accounts_are_listed_newest_first(index: Index) -> None:
    ledger = fresh_ledger()
    accounts = [make_account(ledger, f"a/b{number}", number) for number in range(5)]
    await write(index, [document for each in accounts for document in account_documents(each)])

    found = await page(index, ACCOUNTS_NEWEST, (ledger,))

    assert [account_from_source(hit.source) for hit in found.hits] == accounts[::-1]


async def test_groups_are_listed_by_key_then_newest_first(index: Index) -> None:
    ledger = fresh_ledger()
    groups = [("b", "1"), ("a", "1"), ("ab", "1"), ("a", "2"), ("ä", "1")]
    entries = [make_entry(ledger, n, groups=(group,)) for n, group in enumerate(groups)]
    await write(index, [document for entry in entries for document in group_documents(entry)])

    pages = await walk_forward(index, GROUPS_BY_KEY, (ledger,), 2)
    backward = await walk_backward(index, GROUPS_BY_KEY, (ledger,), 2, None)
    found = await page(index, GROUPS_BY_KEY, (ledger,))

    listed = [(hit.source["key"], hit.source["value"]) for hit in found.hits]
    assert listed == [("a", "2"), ("a", "1"), ("ab", "1"), ("b", "1"), ("ä", "1")]
    positions = [hit.position for hit in found.hits]
    assert [position for each in pages for position in each] == positions
    assert [position for each in reversed(backward) for position in each] == positions


async def test_many_requests_are_answered_in_their_order(index: Index, twelve: Ledgerful) -> None:
    scope = (twelve.ledger,)
    cash = account_id(twelve.ledger, CASH)
    first = SearchRequest(ENTRIES_NEWEST, scope, (), 1)
    requests = [
        SearchRequest(ENTRIES_NEWEST, scope, (Term("type", "draw"),), 2),
        SearchRequest(LINES_OF_ACCOUNT, (twelve.ledger, cash), (), 3),
        replace(first, before=position_of(T0 + 3_000, twelve.entries[3].id), span_ms=1),
        SearchRequest(ENTRIES_NEWEST, scope, (NOTHING,), 1),
        replace(first, before=position_of(T0, twelve.entries[0].id)),
    ]
    together = await index.search(requests)
    alone = [(await index.search([request]))[0] for request in requests]

    assert together == alone
    assert [len(each.hits) for each in together] == [2, 3, 1, 0, 1]
    assert [hit.source["ik"] for hit in together[2].hits] == ["ik-4"]
    assert await index.search([]) == []


# --- Rebuild and verify ---------------------------------------------------------------------------
async def test_a_scan_gives_every_document_of_a_ledger_with_its_version(
    index: Index, twelve: Ledgerful
) -> None:
    scanned = [each async for each in index.scan(Kind.LINES, twelve.ledger)]

    expected: dict[str, Document] = {}
    for entry in twelve.entries:
        expected |= {each.id: each for each in entry_documents(entry) if each.kind is Kind.LINES}
    assert {each.id: each.version for each in scanned} == dict.fromkeys(expected, 1)
    for each in scanned:
        document = expected[each.id]
        assert each.source == {**document.source, "record": orjson.loads(document.record)}


async def test_a_rebuild_fills_a_fresh_index_and_takes_the_alias_in_one_call(
    index: Index,
) -> None:
    ledger = fresh_ledger()
    stale, kept = make_entry(ledger, 1), make_entry(ledger, 2)
    await write(index, [*entry_documents(stale)[:1], *entry_documents(kept)[:1]])
    live = {info.name for info in await index.indices() if info.kind is Kind.ENTRIES and info.live}

    name = await index.create_index(Kind.ENTRIES)
    results = await index.bulk(entry_documents(kept)[:1], into={Kind.ENTRIES: name})
    assert [result.status for result in results] == [ItemStatus.APPLIED]
    assert await iks(index, ledger) == ["ik-2", "ik-1"]
    await index.refresh([Kind.ENTRIES], into={Kind.ENTRIES: name})
    filled = [each.id async for each in index.scan(Kind.ENTRIES, ledger, index=name)]
    assert filled == [kept.id]
    await index.finish_index(name)
    former = await index.swap_aliases({Kind.ENTRIES: name})

    assert set(former) == live
    assert await iks(index, ledger) == ["ik-2"]
    for each in former:
        await index.delete_index(each)
        await index.delete_index(each)
    entries = [info for info in await index.indices() if info.kind is Kind.ENTRIES]
    assert [(info.name, info.live) for info in entries] == [(name, True)]
    assert await index.swap_aliases({Kind.ENTRIES: name}) == []


async def test_every_kind_is_live_once(index: Index) -> None:
    live = [info.kind for info in await index.indices() if info.live]
    assert sorted(live) == sorted(Kind)
    assert await index.ready()


async def test_writing_into_an_index_that_is_not_there_is_unavailable(index: Index) -> None:
    documents = entry_documents(make_entry(fresh_ledger(), 1))[:1]
    with pytest.raises(SearchUnavailable):
        await index.bulk(documents, into={Kind.ENTRIES: "contract-entries-v1-777"})
