"""The API's scalars: text and JSON on the wire, the ledger's own values inside.

    on the wire                       inside
    SafeString … AlphaNumericString   str
    Int96, Int64                      int (text out; text or an integer in, never with a point)
    DateTime                          int: ms since the epoch, UTC
    Date                              int: days since the epoch
    LastMoment, FirstMoment           shared.ledger.periods.LastMoment, FirstMoment
    Period, PeriodFilter              shared.ledger.periods.Period
    UTCOffset                         int: minutes east of UTC
    JSON                              any JSON value
    Parameters, JSONObject            dict

A value that doesn't fit is a GraphQLError whose message says what would be right; the executor adds
where it stood. A literal and a variable are judged alike.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ariadne import ScalarType
from graphql import GraphQLError, Undefined
from graphql.language import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from shared.errors import RejectionError
from shared.ledger.amounts import INT96_MAX, INT96_MIN, parse_int96
from shared.ledger.periods import (
    format_date,
    format_datetime,
    format_first_moment,
    format_last_moment,
    format_period,
    format_utc_offset,
    parse_date,
    parse_datetime,
    parse_first_moment,
    parse_last_moment,
    parse_period,
    parse_period_filter,
    parse_utc_offset,
)
from shared.ledger.rejections import reject
from shared.ledger.strings import (
    alphanumeric_string_problem,
    parameterized_string_problem,
    safe_string_problem,
)
from shared.limits import (
    AMOUNT_EXPRESSION_CHARS_MAX,
    DESCRIPTION_CHARS_MAX,
    IK_CHARS_MAX,
    SAFE_STRING_CHARS_MAX,
    TAG_VALUE_CHARS_MAX,
)

INT64_MAX = 2**63 - 1

# A scalar can't know its field, so it lets through what the most generous field takes.
SCALAR_SAFE_STRING_CHARS_MAX = max(SAFE_STRING_CHARS_MAX, IK_CHARS_MAX, TAG_VALUE_CHARS_MAX)
SCALAR_PARAMETERIZED_CHARS_MAX = max(AMOUNT_EXPRESSION_CHARS_MAX, DESCRIPTION_CHARS_MAX)

Variables = Mapping[str, Any] | None
Problem = Callable[[str], str | None]
Parse = Callable[[str], Any]
Format = Callable[[Any], str]


def shown(value: object) -> str:
    """`value` as an error message shows it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _bad(name: str, rule: str, value: object) -> GraphQLError:
    return GraphQLError(f"{name} must be {rule}, not {shown(value)}.")


def _literal_text(name: str, rule: str, node: ValueNode) -> str:
    if node.__class__ is not StringValueNode:
        raise _bad(name, rule, literal_value(node))
    assert isinstance(node, StringValueNode)
    return node.value


def _string_scalar(name: str, problem: Problem) -> ScalarType:
    """A scalar that is text inside and out; `problem` says what is wrong with one."""

    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise _bad(name, "a string", value)
        rule = problem(value)
        if rule is not None:
            raise _bad(name, rule, value)
        return value

    def parse_literal(node: ValueNode, _variables: Variables = None) -> str:
        return parse(_literal_text(name, "a string", node))

    return ScalarType(name, serializer=_text, value_parser=parse, literal_parser=parse_literal)


def _text(value: Any) -> str:
    assert isinstance(value, str), "a text scalar is served from a str"
    return value


def _parsed_scalar(name: str, rule: str, parse_text: Parse, format_value: Format) -> ScalarType:
    """A scalar that is text on the wire alone; `parse_text` gives None for bad text."""

    def parse(value: Any) -> Any:
        parsed = parse_text(value) if isinstance(value, str) else None
        if parsed is None:
            raise _bad(name, rule, value)
        return parsed

    def parse_literal(node: ValueNode, _variables: Variables = None) -> Any:
        return parse(_literal_text(name, rule, node))

    return ScalarType(
        name, serializer=format_value, value_parser=parse, literal_parser=parse_literal
    )


def _integer_scalar(name: str, limit: int, parse_text: Parse, format_value: Format) -> ScalarType:
    """An integer within ±`limit`; text on the wire, as not every JSON reader could hold it."""
    rule = f"a whole number as a string, from {-limit} to {limit}"

    def parse(value: Any) -> int:
        if value.__class__ is str:
            number = parse_text(value)
            if number is not None:
                assert isinstance(number, int)
                return number
        elif value.__class__ is int and -limit <= value <= limit:
            return int(value)
        raise _bad(name, rule, value)

    def parse_literal(node: ValueNode, _variables: Variables = None) -> int:
        if isinstance(node, IntValueNode | StringValueNode):
            return parse(node.value)
        raise _bad(name, rule, literal_value(node))

    return ScalarType(
        name, serializer=format_value, value_parser=parse, literal_parser=parse_literal
    )


def _format_sum(number: int) -> str:
    """An amount, or a sum of amounts: an eventual one is not kept from leaving Int96."""
    if INT96_MIN <= number <= INT96_MAX:
        return str(number)
    raise RejectionError(reject("amount_overflow", where=f"The sum, {number},"))


def _parse_int64(text: str) -> int | None:
    number = parse_int96(text)
    return number if number is not None and -INT64_MAX <= number <= INT64_MAX else None


def _format_int64(value: int) -> str:
    assert -INT64_MAX <= value <= INT64_MAX
    return str(value)


# --- JSON -----------------------------------------------------------------------------------------
def literal_value(node: ValueNode, variables: Variables = None) -> Any:
    """The JSON value that a literal spells, variables resolved; Undefined for an absent variable.

    An absent variable leaves its member out of an object, and stands for null in a list.
    """
    match node:
        case ObjectValueNode():
            members = {
                field.name.value: literal_value(field.value, variables) for field in node.fields
            }
            return {name: value for name, value in members.items() if value is not Undefined}
        case ListValueNode():
            items = [literal_value(item, variables) for item in node.values]
            return [None if item is Undefined else item for item in items]
        case VariableNode():
            return Undefined if variables is None else variables.get(node.name.value, Undefined)
        case StringValueNode() | EnumValueNode() | BooleanValueNode():
            return node.value
        case IntValueNode():
            return _json_integer(node.value)
        case FloatValueNode():
            return float(node.value)
        case NullValueNode():
            return None
    raise AssertionError(f"an unknown literal: {node.kind}")


def _json_integer(text: str) -> int | str:
    """A JSON number that 64 bits hold; a longer one stays the digits that were written."""
    return int(text) if len(text) <= 18 else text


def _any(value: Any) -> Any:
    return value


def _object_parser(name: str) -> Callable[[Any], dict[str, Any]]:
    def parse(value: Any) -> dict[str, Any]:
        if value.__class__ is not dict:
            raise _bad(name, "an object", value)
        assert isinstance(value, dict)
        return value

    return parse


def _json_scalar(name: str, parse: Callable[[Any], Any]) -> ScalarType:
    def parse_literal(node: ValueNode, variables: Variables = None) -> Any:
        return parse(literal_value(node, variables))

    return ScalarType(name, serializer=_any, value_parser=parse, literal_parser=parse_literal)


_MOMENT_RULE = "a year, month, day or hour, as 1969, 1969-07, 1969-07-21 or 1969-07-21T02"

SCALARS: list[ScalarType] = [
    _string_scalar(
        "SafeString", lambda text: safe_string_problem(text, SCALAR_SAFE_STRING_CHARS_MAX)
    ),
    _string_scalar(
        "ParameterizedString",
        lambda text: parameterized_string_problem(text, SCALAR_PARAMETERIZED_CHARS_MAX),
    ),
    _string_scalar("AlphaNumericString", alphanumeric_string_problem),
    _integer_scalar("Int96", INT96_MAX, parse_int96, _format_sum),
    _integer_scalar("Int64", INT64_MAX, _parse_int64, _format_int64),
    _parsed_scalar(
        "DateTime",
        "a moment as 1969-07-16T13:32:00.000Z or a date as 1969-07-16",
        parse_datetime,
        format_datetime,
    ),
    _parsed_scalar("Date", "a date as 1969-07-21", parse_date, format_date),
    _parsed_scalar("LastMoment", _MOMENT_RULE, parse_last_moment, format_last_moment),
    _parsed_scalar("FirstMoment", _MOMENT_RULE, parse_first_moment, format_first_moment),
    _parsed_scalar(
        "Period", f"{_MOMENT_RULE}, or a quarter as 1969-Q3", parse_period, format_period
    ),
    _parsed_scalar(
        "PeriodFilter", "a year or month, as 1969 or 1969-07", parse_period_filter, format_period
    ),
    _parsed_scalar(
        "UTCOffset", "an offset from UTC as -08:00 or +05:30", parse_utc_offset, format_utc_offset
    ),
    _json_scalar("JSON", _any),
    _json_scalar("JSONObject", _object_parser("JSONObject")),
    _json_scalar("Parameters", _object_parser("Parameters")),
]

assert INT64_MAX <= INT96_MAX
