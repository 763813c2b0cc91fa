"""Schemas: any document compiles or is told why not; what compiles balances and survives."""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ledger.accounts import EQUATION_SIGN
from shared.ledger.chart import PathPattern, ResolvedPath, parse_path_pattern, pattern_of
from shared.ledger.schema_compatibility import breaking_changes
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema, canonical_json
from shared.ledger.strings import safe_string_problem
from tests.builders_schema import (
    compiled,
    guide_types,
    line,
    multi_currency,
    posting_chart,
    quickstart,
    with_types,
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["{{a}}", "{{a", "a/b", "a:b", "\ud800", "\x00", "strong", "USD", "0", ""]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["key", "type", "path", "code", "value", "x", "eq", "lines"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
documents = st.sampled_from(
    [
        quickstart(),
        multi_currency(),
        with_types(*guide_types().values(), chart=posting_chart()),
    ]
)
safe_values = st.text(min_size=1, max_size=20).filter(lambda text: not safe_string_problem(text))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside a JSON value."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return [path]
    found = [path] if path else []
    for step, item in items:
        found.extend(places(item, (*path, step)))
    return found


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(document)
    target = result
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return result


@given(documents, json_values, st.data())
@settings(max_examples=300)
def test_a_document_with_anything_anywhere_compiles_or_is_told_why_not(document, value, data):
    mutated = replaced(document, data.draw(st.sampled_from(places(document))), value)
    result = parse_schema(mutated)
    if isinstance(result, Schema):
        assert parse_schema(result.json) is not None
        assert breaking_changes(result, result) == []
    else:
        assert result
        assert all(str(violation).encode() for violation in result)


@given(json_values)
def test_any_json_is_told_why_it_is_no_schema(value: Any):
    result = parse_schema(value)
    assert isinstance(result, list)
    assert result


@given(documents)
def test_the_canonical_form_is_one(document: Any):
    schema = compiled(document)
    again = compiled(json.loads(canonical_json(schema.json)))
    assert canonical_json(again.json) == canonical_json(document)
    assert breaking_changes(schema, again) == []


@given(st.lists(safe_values, min_size=2, max_size=2))
def test_an_instantiated_path_resolves_to_the_node_of_its_template(values: list[str]):
    schema = compiled(quickstart())
    entry_type = schema.entry_types["p2p_transfer", 1]
    parameters = {"from_user_id": values[0], "to_user_id": values[1]}
    for template in entry_type.lines or ():
        path = template.path.render(parameters)
        resolved = schema.chart.resolve(path)
        assert isinstance(resolved, ResolvedPath)
        assert resolved.node is template.node
        assert resolved.steps[-1].path == path
        assert pattern_of(path) == template.node.pattern
        pattern = parse_path_pattern(template.node.pattern)
        assert isinstance(pattern, PathPattern)
        assert pattern.matches(path)


@given(st.text(alphabet="liabtesur/:*{}#\ud800 "))
def test_any_path_resolves_or_is_told_why_not(path: str):
    resolved = compiled(quickstart()).chart.resolve(path)
    assert isinstance(resolved, ResolvedPath) or resolved.encode()


ACCOUNTS = {
    "assets/banks/user-cash": "asset",
    "liabilities/users:u/pending": "liability",
    "income": "income",
    "expense": "expense",
}
terms = st.lists(
    st.tuples(st.sampled_from("+-"), st.sampled_from(["{{a}}", "{{b}}", "1", "7"])),
    min_size=1,
    max_size=3,
)
drawn_lines = st.lists(st.tuples(st.sampled_from(sorted(ACCOUNTS)), terms), min_size=1, max_size=4)


@given(drawn_lines, st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_type_is_accepted_exactly_when_it_balances_for_all_values(drawn, a: int, b: int):
    def left(a: int, b: int) -> int:
        """What the lines leave of the accounting equation for these values."""
        operands = {"{{a}}": a, "{{b}}": b, "1": 1, "7": 7}
        total = 0
        for path, parts in drawn:
            for sign, operand in parts:
                amount = operands[operand] if sign == "+" else -operands[operand]
                total += EQUATION_SIGN[ACCOUNTS[path]] * amount
        return total

    lines = [
        line(f"k{place}", path, "".join(sign + operand for sign, operand in parts))
        for place, (path, parts) in enumerate(drawn)
    ]
    result = parse_schema(with_types({"type": "t", "lines": lines}))
    # A linear form in two variables is zero exactly when it is at these three points.
    balances = not any(left(*point) for point in [(0, 0), (1, 0), (0, 1)])
    assert isinstance(result, Schema) is balances
    if balances:
        assert left(a, b) == 0
