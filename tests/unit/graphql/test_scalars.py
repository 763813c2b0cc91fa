"""Scalars: what goes in, what comes out, and what a value that doesn't fit is told."""

from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, parse_value

from shared.ledger.amounts import INT96_MAX
from shared.ledger.periods import FirstMoment, LastMoment, Period
from tests.graphql_rig import schema_with

SCHEMA = schema_with()


def scalar(name: str) -> GraphQLScalarType:
    type_ = SCHEMA.type_map[name]
    assert isinstance(type_, GraphQLScalarType)
    return type_


def both_ways(name: str, value: Any, literal: str) -> list[Any]:
    """What a variable and a literal become."""
    return [scalar(name).parse_value(value), scalar(name).parse_literal(parse_value(literal))]


@pytest.mark.parametrize(
    "name, wire, inside",
    [
        ("SafeString", "some ik", "some ik"),
        ("ParameterizedString", "{{user_id}} / x", "{{user_id}} / x"),
        ("AlphaNumericString", "a1", "a1"),
        ("Int96", str(INT96_MAX), INT96_MAX),
        ("Int96", f"-{INT96_MAX}", -INT96_MAX),
        ("Int64", "9223372036854775807", 2**63 - 1),
        ("Date", "1970-01-02", 1),
        ("DateTime", "1970-01-01T00:00:01.000Z", 1000),
        ("LastMoment", "1969-07", LastMoment(Period("month", 1969, 7))),
        ("FirstMoment", "1969-07-21T02", FirstMoment(Period("hour", 1969, 7, 21, 2))),
        ("Period", "1969-Q3", Period("quarter", 1969, 7)),
        ("PeriodFilter", "1969-07", Period("month", 1969, 7)),
        ("UTCOffset", "-08:00", -480),
    ],
)
def test_text_becomes_a_value_and_text_again(name: str, wire: str, inside: Any) -> None:
    assert both_ways(name, wire, f'"{wire}"') == [inside, inside]
    assert scalar(name).serialize(inside) == wire


@pytest.mark.parametrize(
    "name, value",
    [
        ("SafeString", ""),
        ("SafeString", "a/b"),
        ("SafeString", "a#b"),
        ("SafeString", "a:b"),
        ("SafeString", "{{a}}"),
        ("SafeString", "a\u0000b"),
        ("SafeString", "x" * 257),
        ("SafeString", 1),
        ("ParameterizedString", ""),
        ("AlphaNumericString", "a-b"),
        ("Int96", str(INT96_MAX + 1)),
        ("Int96", "1.0"),
        ("Int96", "1e3"),
        ("Int96", " 1"),
        ("Int96", ""),
        ("Int96", "9" * 5000),
        ("Int96", 1.0),
        ("Int96", True),
        ("Int96", INT96_MAX + 1),
        ("Int64", str(2**63)),
        ("Date", "1969-13-01"),
        ("DateTime", "yesterday"),
        ("DateTime", 0),
        ("LastMoment", "1969-Q3"),
        ("FirstMoment", "69"),
        ("Period", "1969-Q5"),
        ("PeriodFilter", "1969-07-21"),
        ("UTCOffset", "8"),
        ("Parameters", [1]),
        ("JSONObject", "text"),
    ],
)
def test_a_value_that_does_not_fit_is_told_what_would(name: str, value: Any) -> None:
    with pytest.raises(GraphQLError) as refused:
        scalar(name).parse_value(value)
    assert refused.value.message.startswith(f"{name} must be ")
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    "name, literal",
    [
        ("SafeString", "1"),
        ("SafeString", '"a/b"'),
        ("Int96", "1.5"),
        ("Int96", "true"),
        ("DateTime", "2024"),
        ("Parameters", "[1]"),
    ],
)
def test_a_literal_is_judged_as_a_variable_is(name: str, literal: str) -> None:
    with pytest.raises(GraphQLError) as refused:
        scalar(name).parse_literal(parse_value(literal))
    assert refused.value.message.startswith(f"{name} must be ")


def test_int96_takes_a_json_integer_but_no_number_with_a_point() -> None:
    assert both_ways("Int96", 250, "250") == [250, 250]
    with pytest.raises(GraphQLError):
        scalar("Int96").parse_value(250.0)
    with pytest.raises(GraphQLError):
        scalar("Int96").parse_literal(parse_value("250.0"))


def test_an_int96_literal_has_the_whole_range() -> None:
    assert scalar("Int96").parse_literal(parse_value(str(INT96_MAX))) == INT96_MAX
    assert scalar("Int96").parse_literal(parse_value(str(-INT96_MAX))) == -INT96_MAX


def test_json_literals_resolve_variables_and_leave_absent_ones_out() -> None:
    literal = parse_value(
        "{a: $given, b: $absent, c: [1, $given, $absent], d: {e: $given, f: null}}"
    )
    assert scalar("JSON").parse_literal(literal, {"given": "x"}) == {
        "a": "x",
        "c": [1, "x", None],
        "d": {"e": "x", "f": None},
    }


def test_json_literals_keep_the_digits_of_long_integers() -> None:
    assert scalar("JSON").parse_literal(parse_value("{a: 12345678901234567890123}")) == {
        "a": "12345678901234567890123"
    }


def test_nulls_inside_json_stay() -> None:
    value = {"a": None, "b": [None]}
    assert scalar("JSON").parse_value(value) == value
    assert scalar("Parameters").parse_value(value) == value


def test_a_moment_out_of_range_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        scalar("DateTime").serialize(10**15)
