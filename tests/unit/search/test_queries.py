"""How a page is asked for: what makes it cheap at any depth."""

from dataclasses import replace

import pytest

from shared.ledger.positions import position_of
from shared.search.clauses import AnyOf, Contains, Not, Range, Term
from shared.search.index import ENTRIES_NEWEST, GROUPS_BY_KEY, SearchRequest
from shared.search.queries import BACKWARD_WINDOWS, filters, page_of, search_body

LEDGER = "0" * 32
FIRST = SearchRequest(ENTRIES_NEWEST, (LEDGER,), (), 20)
DEEP = position_of(5_000, "e")
OF_LEDGER = {"term": {"ledger": LEDGER}}


def test_a_page_asks_for_one_hit_more_and_counts_nothing() -> None:
    assert search_body(FIRST) == {
        "size": 21,
        "query": {"bool": {"filter": [OF_LEDGER]}},
        "sort": [{"sort_key": "asc"}],
        "track_total_hits": False,
    }


def test_a_deep_page_is_bounded_by_its_time() -> None:
    body = search_body(replace(FIRST, after=DEEP))
    assert body["search_after"] == [f"{LEDGER}#{DEEP}"]
    assert body["query"]["bool"]["filter"] == [OF_LEDGER, {"range": {"posted": {"lte": 5_000}}}]


def test_a_page_before_a_position_looks_a_little_back_first_and_then_all_the_way() -> None:
    request = replace(FIRST, before=DEEP, span_ms=2_000)
    bounds = [
        search_body(request, attempt)["query"]["bool"]["filter"][1]["range"]["posted"]
        for attempt in range(len(BACKWARD_WINDOWS))
    ]
    assert bounds == [{"gte": 5_000, "lte": 21_000}, {"gte": 5_000}]
    body = search_body(request)
    assert body["sort"] == [{"sort_key": "desc"}]
    assert body["search_after"] == [f"{LEDGER}#{DEEP}"]


def test_without_a_known_span_there_is_one_attempt() -> None:
    request = replace(FIRST, before=DEEP)
    bounds = search_body(request)["query"]["bool"]["filter"][1]
    assert bounds == {"range": {"posted": {"gte": 5_000}}}
    assert page_of(request, []) is not None
    assert page_of(replace(request, span_ms=1), []) is None
    assert page_of(replace(request, span_ms=1), [], attempt=1) is not None


def test_lists_without_times_are_continued_by_position_alone() -> None:
    groups = SearchRequest(GROUPS_BY_KEY, (LEDGER,), (), 2, after="key\x00253402300794999#g")
    assert search_body(groups)["query"] == {"bool": {"filter": [OF_LEDGER]}}


@pytest.mark.parametrize(
    ("text", "pattern"), [("a", "*a*"), ("*", "*\\**"), ("?", "*\\?*"), ("\\", "*\\\\*")]
)
def test_what_is_contained_stands_for_itself(text: str, pattern: str) -> None:
    query = filters([Contains("path", "", text)])
    assert query == {"bool": {"filter": [{"wildcard": {"path": {"value": pattern}}}]}}


def test_clauses_are_filters_and_never_scored() -> None:
    query = filters([Term("id", "e"), Not(Term("flags", "hidden")), AnyOf((Range("posted", 1),))])
    assert query == {
        "bool": {
            "filter": [
                {"ids": {"values": ["e"]}},
                {"bool": {"should": [{"range": {"posted": {"gte": 1}}}]}},
            ],
            "must_not": [{"term": {"flags": "hidden"}}],
        }
    }
