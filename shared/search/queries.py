"""Clauses and requests -> Elasticsearch's query language, and its hits -> pages. Pure.

Everything is a filter: nothing is scored, nothing is counted. A page asks for one hit more than
it shows, which is how it knows that others follow.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.ledger.positions import position_ms
from shared.search.clauses import AllOf, AnyOf, Clause, Contains, Not, Range, Term, Terms
from shared.search.index import Hit, SearchPage, SearchRequest

Query = dict[str, Any]

# A page before a position is read against the index's order, so everything newer that matches
# would be looked at. How far to look at first, in multiples of the neighbouring page's time;
# None: no bound.
BACKWARD_WINDOWS: tuple[int | None, ...] = (8, None)
_SPAN_MS_MIN = 1_000


def filters(clauses: Iterable[Clause]) -> Query:
    """One query that every one of the clauses must satisfy."""
    wanted: list[Query] = []
    unwanted: list[Query] = []
    for clause in clauses:
        if isinstance(clause, Not):
            unwanted.append(_query(clause.clause))
        else:
            wanted.append(_query(clause))
    query: Query = {}
    if wanted:
        query["filter"] = wanted
    if unwanted:
        query["must_not"] = unwanted
    return {"bool": query}


def _query(clause: Clause) -> Query:
    match clause:
        case Term("id", value):
            return {"ids": {"values": [value]}}
        case Terms("id", values):
            return {"ids": {"values": list(values)}}
        case Term(field, value):
            return {"term": {field: value}}
        case Terms(field, values):
            return {"terms": {field: list(values)}}
        case Range(field, gte, lte):
            bounds = {"gte": gte, "lte": lte}
            return {"range": {field: {name: b for name, b in bounds.items() if b is not None}}}
        case Contains(field, prefix, fragment):
            pattern = f"{_literal(prefix)}*{_literal(fragment)}*"
            return {"wildcard": {field: {"value": pattern}}}
        case Not(inner):
            return {"bool": {"must_not": [_query(inner)]}}
        case AllOf(inners):
            return filters(inners)
        case AnyOf(()):
            return {"match_none": {}}
        case AnyOf(inners):
            return {"bool": {"should": [_query(each) for each in inners]}}


def _literal(text: str) -> str:
    """Text that stands for itself in a wildcard query."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def search_body(request: SearchRequest, attempt: int = 0) -> Query:
    """The search for a page. A backward one may need further attempts: see `page_of`."""
    order = request.order
    scope = Term(order.scope_field, request.scope[-1])
    clauses: list[Clause] = [scope, *request.clauses]
    position = request.before if request.after is None else request.after
    if position is not None and order.time_field is not None:
        at_ms = position_ms(position)
        if request.after is not None and at_ms is not None:
            clauses.append(Range(order.time_field, lte=at_ms))
        elif at_ms is not None:
            window_ms = _window_ms(request, attempt)
            until_ms = None if window_ms is None else at_ms + window_ms
            clauses.append(Range(order.time_field, gte=at_ms, lte=until_ms))
    body: Query = {
        "size": request.size + 1,
        "query": filters(clauses),
        "sort": [{order.field: "desc" if request.backward else "asc"}],
        "track_total_hits": False,
    }
    if position is not None:
        body["search_after"] = [request.prefix + position]
    return body


def _window_ms(request: SearchRequest, attempt: int) -> int | None:
    if request.span_ms is None:
        return None
    multiple = BACKWARD_WINDOWS[attempt]
    return None if multiple is None else multiple * max(request.span_ms, _SPAN_MS_MIN)


def page_of(
    request: SearchRequest, hits: Sequence[dict[str, Any]], attempt: int = 0
) -> SearchPage | None:
    """The page, or None when the attempt looked only so far and more may lie beyond."""
    more = len(hits) > request.size
    if request.before is not None and not more and _window_ms(request, attempt) is not None:
        return None
    start = len(request.prefix)
    found = []
    for hit in hits[: request.size]:
        sort_key: str = hit["sort"][0]
        assert sort_key.startswith(request.prefix), "a hit of another list"
        found.append(Hit(sort_key[start:], hit["_source"]))
    if request.backward:
        found.reverse()
    return SearchPage(tuple(found), more)
