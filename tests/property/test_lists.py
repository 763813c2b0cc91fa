"""Laws of lists: cursors round trip, walks are complete, projecting twice is projecting once."""

import asyncio
from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from read_service.connections import (
    PageArguments,
    PageInfo,
    list_digest,
    page_arguments,
    page_info,
)
from read_service.filters import (
    ListFilter,
    accounts_filter,
    entries_filter,
    ledger_lines_filter,
)
from shared.errors import SearchUnavailable
from shared.ledger.accounts import LedgerAccount
from shared.ledger.chart import PathPattern, parse_path_pattern
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import entry_id
from shared.ledger.ledgers import Ledger
from shared.ledger.positions import POSTED_MS_MAX, position_ms, position_of
from shared.ledger.rejections import Rejection
from shared.limits import GROUP_KEY_CHARS_MAX, PAGE_SIZE_MAX
from shared.search.clauses import (
    AllOf,
    AnyOf,
    Clause,
    Contains,
    Not,
    Range,
    Term,
    Terms,
    matches,
)
from shared.search.documents import account_documents, entry_documents, group_documents
from shared.search.index import (
    ENTRIES_NEWEST,
    Document,
    Hit,
    ItemStatus,
    Kind,
    Operation,
    SearchRequest,
    StoredDocument,
)
from shared.search.queries import BACKWARD_WINDOWS, page_of, search_body
from shared.testing.faulty_index import FaultyIndex, IndexFaults
from shared.testing.memory_index import MemoryIndex

ReadFilter = Callable[[dict[str, object], Ledger], ListFilter | Rejection]
LEDGER = Ledger("1" * 32, "w", "ik", "Main", 0, 0, "s", 1)
MOMENTS = st.integers(-62_135_596_800_000, POSTED_MS_MAX)
TEXTS = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]),
    max_size=GROUP_KEY_CHARS_MAX,
)


def make_entry(number: int, posted_ms: int, revision: int = 1, type_: str = "t") -> LedgerEntry:
    return LedgerEntry(
        id=entry_id(LEDGER.id, f"ik-{number}", 1),
        ledger_id=LEDGER.id,
        workspace_id="w",
        ik=f"ik-{number}",
        position=1,
        posted_ms=posted_ms,
        created_ms=abs(posted_ms) % 1_000,
        lines=(LedgerLine(0, "a", "asset", revision, "USD"),),
        type=type_,
        type_version=1,
        groups=(("g", str(number % 3)),),
        revision=revision,
    )


# --- Positions and cursors ------------------------------------------------------------------------
@given(MOMENTS, MOMENTS)
def test_positions_sort_newest_first_and_keep_their_time(one: int, other: int) -> None:
    positions = position_of(one, "x"), position_of(other, "x")
    assert (positions[0] < positions[1]) == (one > other)
    assert [position_ms(each) for each in positions] == [one, other]


@given(
    st.tuples(TEXTS, TEXTS),
    st.integers(1, PAGE_SIZE_MAX),
    st.tuples(TEXTS, TEXTS) | st.tuples(MOMENTS, MOMENTS),
)
def test_cursors_round_trip(
    owner: tuple[str, str], size: int, ends: tuple[str, str] | tuple[int, int]
) -> None:
    digest = list_digest(*owner)
    first, last = (each if isinstance(each, str) else position_of(each, "x") for each in ends)
    info = page_info(digest, PageArguments(size, after="z"), first, last, more=True)

    after = page_arguments(digest, None, None, info.end_cursor, None)
    before = page_arguments(digest, size, None, None, info.start_cursor)

    assert isinstance(after, PageArguments)
    assert isinstance(before, PageArguments)
    assert (after.size, after.after, after.before) == (size, last, None)
    assert (before.size, before.after, before.before) == (size, None, first)
    assert after.span_ms == before.span_ms


# --- Walks ----------------------------------------------------------------------------------------
class Walker:
    """Reads a list as a client does: nothing but cursors between one page and the next."""

    def __init__(self, index: MemoryIndex, filter_set: dict[str, object] | None) -> None:
        self._index = index
        self._digest = list_digest("Ledger.ledgerEntries", LEDGER.id, filter_set)
        found = entries_filter(filter_set, LEDGER)
        assert isinstance(found, ListFilter)
        self._clauses = found.clauses

    async def page(self, **arguments: object) -> tuple[list[str], PageInfo]:
        given_arguments = [arguments.get(n) for n in ("first", "last", "after", "before")]
        page = page_arguments(self._digest, *given_arguments)  # type: ignore[arg-type]
        assert isinstance(page, PageArguments), page
        request = SearchRequest(
            ENTRIES_NEWEST,
            (LEDGER.id,),
            self._clauses,
            page.size,
            after=page.after,
            before=page.before,
            from_end=page.from_end,
            span_ms=page.span_ms,
        )
        (found,) = await self._index.search([request])
        ends = (found.hits[0].position, found.hits[-1].position) if found.hits else (None, None)
        info = page_info(self._digest, page, *ends, found.more)
        return [hit.source["ik"] for hit in found.hits], info


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["t", "u"])), max_size=25),
    st.integers(1, 8),
    st.booleans(),
)
def test_a_walk_forward_and_back_visits_every_entry_once_in_order_each_way(
    moments: list[tuple[int, str]], size: int, filtered: bool
) -> None:
    entries = [make_entry(n, at, type_=type_) for n, (at, type_) in enumerate(moments)]

    async def walk() -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
        index = MemoryIndex()
        await index.bulk([document for each in entries for document in entry_documents(each)])
        walker = Walker(index, {"type": {"equalTo": "t"}} if filtered else None)
        iks, info = await walker.page(first=size)
        assert (info.has_previous_page, info.start_cursor) == (False, None)
        forward = [iks]
        while info.has_next_page:
            iks, info = await walker.page(after=info.end_cursor)
            assert info.has_previous_page
            forward.append(iks)
        assert info.end_cursor is None
        back = [iks]
        while info.has_previous_page:
            iks, info = await walker.page(before=info.start_cursor, first=size)
            assert info.has_next_page
            back.append(iks)
        iks, info = await walker.page(last=size)
        from_end = [iks]
        while info.has_previous_page:
            iks, info = await walker.page(before=info.start_cursor, last=size)
            from_end.append(iks)
        return forward, back, from_end

    forward, back, from_end = asyncio.run(walk())
    wanted = [each for each in entries if not filtered or each.type == "t"]
    wanted.sort(key=lambda each: position_of(each.posted_ms, each.id))
    expected = [each.ik for each in wanted]
    assert [ik for iks in forward for ik in iks] == expected
    assert back[::-1] == forward
    assert [ik for iks in reversed(from_end) for ik in iks] == expected
    assert all(len(iks) == size for iks in [*forward[:-1], *from_end[:-1]])


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=40, unique=True),
    st.data(),
    st.integers(1, 5),
    st.none() | st.integers(0, 10**5),
)
def test_a_window_never_loses_a_node(
    moments: list[int], data: st.DataObject, size: int, span_ms: int | None
) -> None:
    """What Elasticsearch is asked for a page before a position, attempt by attempt."""
    positions = sorted(position_of(at, "e") for at in moments)
    before = data.draw(st.sampled_from(positions))
    request = SearchRequest(ENTRIES_NEWEST, (LEDGER.id,), (), size, before=before, span_ms=span_ms)
    expected = [each for each in positions if each < before]
    for attempt in range(len(BACKWARD_WINDOWS)):
        bounds = search_body(request, attempt)["query"]["bool"]["filter"][1]["range"]["posted"]
        seen = [
            each
            for each in expected
            if bounds["gte"] <= (position_ms(each) or 0) <= bounds.get("lte", POSTED_MS_MAX)
        ]
        hits = [{"sort": [request.prefix + p], "_source": {}} for p in seen[::-1][: size + 1]]
        page = page_of(request, hits, attempt)
        if page is not None:
            assert page.hits == tuple([Hit(each, {}) for each in expected[-size:]])
            assert page.more == (len(expected) > size)
            return
    raise AssertionError("the last attempt has no bound")


# --- Clauses --------------------------------------------------------------------------------------
FIELDS = st.sampled_from(["a", "b", "n"])
WORDS = st.sampled_from(["x", "xy", "k\x00v", "k\x00vw", ""])
LEAVES: st.SearchStrategy[Clause] = st.one_of(
    st.builds(Term, FIELDS, WORDS),
    st.builds(Terms, FIELDS, st.lists(WORDS, max_size=3).map(tuple)),
    st.builds(Range, st.just("n"), st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)),
    st.builds(Contains, st.sampled_from(["a", "b"]), st.sampled_from(["", "k\x00"]), WORDS),
)
CLAUSES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
SOURCES = st.fixed_dictionaries(
    {}, optional={"a": WORDS, "b": st.lists(WORDS, max_size=3), "n": st.integers(0, 3)}
)


@given(CLAUSES, CLAUSES, SOURCES)
def test_clauses_obey_logic(one: Clause, other: Clause, source: dict[str, object]) -> None:
    holds = matches([one], source)
    also = matches([other], source)
    assert matches([Not(one)], source) is not holds
    assert matches([one, other], source) is (holds and also)
    assert matches([AllOf((one, other))], source) is (holds and also)
    assert matches([AnyOf((one, other))], source) is (holds or also)
    assert matches([Not(AnyOf((one, other)))], source) is matches([Not(one), Not(other)], source)


# --- Path patterns --------------------------------------------------------------------------------
PARTS = st.sampled_from(["a", "b", "a:1", "a:2", "b:1"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(PARTS | st.sampled_from(["a:*", "b:*"]), min_size=1, max_size=4).map("/".join)


def path_clauses(read: ReadFilter, pattern: str) -> tuple[Clause, ...]:
    found = read({"path": {"matches": pattern}}, LEDGER)
    assert isinstance(found, ListFilter), found
    return found.clauses


@given(PATTERNS, PATHS)
def test_a_pattern_lists_the_accounts_that_it_matches_in_the_chart(pattern: str, path: str) -> None:
    account = LedgerAccount(
        "1", LEDGER.id, "w", path, path, None, "asset", "multi", None, None, None, 0, None
    )
    meant = parse_path_pattern(pattern)
    assert isinstance(meant, PathPattern)
    (document,) = account_documents(account)
    assert matches(path_clauses(accounts_filter, pattern), document.source) is meant.matches(path)


@given(PATTERNS, PATHS, st.booleans())
def test_a_pattern_lists_lines_of_instances_or_of_all_below(
    pattern: str, path: str, below: bool
) -> None:
    if below:
        pattern = pattern.replace("*", "1") + "/*"
    entry = make_entry(1, 0)._replace(lines=(LedgerLine(0, path, "asset", 1, "USD"),))
    source = entry_documents(entry)[1].source
    meant = parse_path_pattern(pattern, descendants_allowed=True)
    assert isinstance(meant, PathPattern)
    same_depth = pattern.count("/") == path.count("/")
    expected = meant.matches(path) and (below or same_depth)
    clauses = path_clauses(ledger_lines_filter, pattern)
    assert matches(clauses[:-1], source) is expected


# --- Projections ----------------------------------------------------------------------------------
def operations_of(entry: LedgerEntry) -> list[Document]:
    return [*entry_documents(entry), *group_documents(entry)]


async def stored(index: MemoryIndex) -> dict[Kind, list[StoredDocument]]:
    """Everything, without the versions' way there."""
    return {kind: [each async for each in index.scan(kind, LEDGER.id)] for kind in Kind}


CHANGES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 99), st.integers(1, 4)), min_size=1, max_size=30
)


@given(CHANGES, st.randoms(use_true_random=False))
def test_documents_converge_whatever_the_order_and_however_often(
    changes: list[tuple[int, int, int]], random: Random
) -> None:
    # Of one entry at one revision there is one value.
    entries = {(n, revision): make_entry(n, at, revision) for n, at, revision in changes}
    operations = [o for entry in entries.values() for o in operations_of(entry)]
    disordered = [*operations, *random.choices(operations, k=len(operations))]
    random.shuffle(disordered)

    async def apply(some: list[Document]) -> dict[Kind, list[StoredDocument]]:
        index = MemoryIndex()
        for start in range(0, len(some), 7):
            await index.bulk(some[start : start + 7])
        return await stored(index)

    once, twice = asyncio.run(apply(operations)), asyncio.run(apply(disordered))
    # Groups of entries created in one moment have one version: either may stand, they say the same.
    assert once == twice


@given(CHANGES, st.integers(0, 2**32))
def test_documents_arrive_through_every_fault_but_a_refusal(
    changes: list[tuple[int, int, int]], seed: int
) -> None:
    entries = {(n, revision): make_entry(n, at, revision) for n, at, revision in changes}
    operations: list[Operation] = [o for e in entries.values() for o in operations_of(e)]
    faults = IndexFaults(unavailable=200, lost_answer=200, overloaded=200, conflict=200)

    async def apply() -> tuple[dict[Kind, list[StoredDocument]], dict[Kind, list[StoredDocument]]]:
        plain, behind = MemoryIndex(), MemoryIndex()
        await plain.bulk(operations)
        faulty = FaultyIndex(behind, seed, faults)
        left = operations
        for attempt in range(200):
            if attempt == 100:
                faulty.calm()
            try:
                results = await faulty.bulk(left)
            except SearchUnavailable:
                continue
            pairs = zip(left, results, strict=True)
            left = [o for o, result in pairs if result.status is ItemStatus.OVERLOADED]
            if not left:
                break
        return await stored(plain), await stored(behind)

    wanted, found = asyncio.run(apply())
    assert found == wanted
