"""Writes and items <-> DynamoDB's JSON. Pure, and on every write's way: built for speed.

    Item   <-> {"pk": {"S": "E#1"}, "v": {"N": "12"}}
    Write   -> {"Put": {"TableName": …, "Item": …, "ConditionExpression": …}}

An expression depends on a write's *shape* alone (which attributes, which kinds of guard), so that
each shape's text is built once and kept; the values of one write are then zipped to its
placeholders. Names of one letter are never reserved words and stand in the text as they are;
longer ones go through `#` names.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from shared.limits import EXPRESSION_SHAPES_CACHED_MAX, NUMBER_DIGITS_MAX
from shared.store.table import (
    Absent,
    BelowOrAbsent,
    Check,
    Delete,
    Guard,
    Is,
    Item,
    Key,
    Present,
    Put,
    TableName,
    Update,
    Value,
    Within,
    Write,
)

NUMBER_BOUND = 10**NUMBER_DIGITS_MAX  # the first magnitude that DynamoDB can't hold exactly
ABSENT_EXPRESSION = "attribute_not_exists(pk)"


# --- Items ----------------------------------------------------------------------------------------
def encode_value(value: Value) -> dict[str, str]:
    """One attribute in DynamoDB's typed form."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        assert -NUMBER_BOUND < value < NUMBER_BOUND
        return {"N": str(int(value))}
    assert isinstance(value, bytes)
    return {"B": b64encode(value).decode()}


def encode_item(item: Item) -> dict[str, dict[str, str]]:
    """A whole item in DynamoDB's typed form."""
    return {
        name: {"S": value} if isinstance(value, str) else encode_value(value)
        for name, value in item.items()
    }


def encode_key(key: Key) -> dict[str, dict[str, str]]:
    """A primary key in DynamoDB's typed form."""
    return {"pk": {"S": key[1]}, "sk": {"S": key[2]}}


def _decode_value(typed: dict[str, str]) -> Value:
    number = typed.get("N")
    if number is not None:
        return int(number)
    return b64decode(typed["B"])


def decode_item(raw: dict[str, dict[str, str]]) -> Item:
    """A whole item from DynamoDB's typed form; numbers stay exact."""
    return {
        name: typed["S"] if "S" in typed else _decode_value(typed) for name, typed in raw.items()
    }


# --- Shapes ---------------------------------------------------------------------------------------
class Expressions(NamedTuple):
    """The text of one shape. `values` are the placeholders, in the order of the values."""

    update: str | None
    condition: str | None
    names: dict[str, str] | None
    values: tuple[str, ...]


class _Text:
    """Collects the placeholders of one shape while its text is built."""

    __slots__ = ("names", "values")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: list[str] = []

    def name(self, attribute: str) -> str:
        if len(attribute) == 1 and attribute.isalpha():
            return attribute
        return self.names.setdefault(attribute, f"#{len(self.names)}")

    def value(self) -> str:
        placeholder = f":{len(self.values)}"
        self.values.append(placeholder)
        return placeholder


GuardShape = tuple[type[Guard], str, bool]  # kind, attribute, whether a missing attribute passes


def _guard_text(shape: GuardShape, text: _Text) -> str:
    kind, attribute, missing_passes = shape
    if kind is Absent:
        return ABSENT_EXPRESSION
    if kind is Present:
        return "attribute_exists(pk)"
    name = text.name(attribute)
    if kind is Within:
        test = f"{name} BETWEEN {text.value()} AND {text.value()}"
    elif kind is BelowOrAbsent:
        test = f"{name} < {text.value()}"
    else:
        test = f"{name} = {text.value()}"
    return f"(attribute_not_exists({name}) OR {test})" if missing_passes else test


@lru_cache(maxsize=EXPRESSION_SHAPES_CACHED_MAX)
def expressions_of(
    add: tuple[str, ...],
    assign: tuple[str, ...],
    assign_if_absent: tuple[str, ...],
    guards: tuple[GuardShape, ...],
) -> Expressions:
    """The text of one shape; values are then given in the order add, set, set_if_absent, guards."""
    text = _Text()
    adds = [f"{text.name(name)} {text.value()}" for name in add]
    sets = [f"{text.name(name)} = {text.value()}" for name in assign]
    for attribute in assign_if_absent:
        name = text.name(attribute)
        sets.append(f"{name} = if_not_exists({name}, {text.value()})")
    clauses = []
    if sets:
        clauses.append("SET " + ", ".join(sets))
    if adds:
        clauses.append("ADD " + ", ".join(adds))
    conditions = [_guard_text(shape, text) for shape in guards]
    names = {placeholder: attribute for attribute, placeholder in text.names.items()}
    return Expressions(
        update=" ".join(clauses) or None,
        condition=" AND ".join(conditions) or None,
        names=names or None,
        values=tuple(text.values),
    )


def _guard_shapes(guards: Iterable[Guard], values: list[Value]) -> tuple[GuardShape, ...]:
    """The shapes of `guards`; appends their values to `values`, in the text's order."""
    shapes: list[GuardShape] = []
    for guard in guards:
        if isinstance(guard, Within):
            assert guard.low <= guard.high
            values += (guard.low, guard.high)
            shapes.append((Within, guard.attribute, guard.low <= 0 <= guard.high))
        elif isinstance(guard, Absent | Present):
            shapes.append((type(guard), "", False))
        else:
            values.append(guard.value)
            shapes.append((type(guard), guard.attribute, not isinstance(guard, Is)))
    return tuple(shapes)


# --- Writes ---------------------------------------------------------------------------------------
def _add_expressions(
    body: dict[str, Any], expressions: Expressions, values: Sequence[Value]
) -> None:
    if expressions.update is not None:
        body["UpdateExpression"] = expressions.update
    if expressions.condition is not None:
        body["ConditionExpression"] = expressions.condition
        body["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if expressions.names is not None:
        body["ExpressionAttributeNames"] = expressions.names
    if values:
        body["ExpressionAttributeValues"] = {
            placeholder: encode_value(value)
            for placeholder, value in zip(expressions.values, values, strict=True)
        }


def put_body(write: Put, name: str) -> dict[str, Any]:
    """The Put as PutItem and TransactWriteItems take it; `name` is the table's."""
    guards = write.guards
    body: dict[str, Any] = {"TableName": name, "Item": encode_item(write.item)}
    if len(guards) == 1 and isinstance(guards[0], Absent):  # an entry: nearly every Put
        body["ConditionExpression"] = ABSENT_EXPRESSION
        body["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    elif guards:
        values: list[Value] = []
        shapes = _guard_shapes(guards, values)
        _add_expressions(body, expressions_of((), (), (), shapes), values)
    return body


def update_body(write: Update, name: str) -> dict[str, Any]:
    """The Update as UpdateItem and TransactWriteItems take it."""
    add, assign, assign_if_absent = write.add, write.set, write.set_if_absent
    assert add or assign or assign_if_absent
    values = [*add.values(), *assign.values(), *assign_if_absent.values()]
    shapes = _guard_shapes(write.guards, values)
    body: dict[str, Any] = {"TableName": name, "Key": encode_key(write.key)}
    expressions = expressions_of(tuple(add), tuple(assign), tuple(assign_if_absent), shapes)
    _add_expressions(body, expressions, values)
    return body


def delete_body(write: Delete | Check, name: str) -> dict[str, Any]:
    """The Delete or Check as DeleteItem and TransactWriteItems take it."""
    values: list[Value] = []
    shapes = _guard_shapes(write.guards, values)
    body: dict[str, Any] = {"TableName": name, "Key": encode_key(write.key)}
    _add_expressions(body, expressions_of((), (), (), shapes), values)
    return body


def transact_item(write: Write, names: dict[TableName, str]) -> dict[str, Any]:
    """One member of TransactItems."""
    if isinstance(write, Put):
        return {"Put": put_body(write, names[write.table])}
    name = names[write.key[0]]
    if isinstance(write, Update):
        return {"Update": update_body(write, name)}
    if isinstance(write, Delete):
        return {"Delete": delete_body(write, name)}
    assert write.guards
    return {"ConditionCheck": delete_body(write, name)}
