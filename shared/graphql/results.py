"""What a schema does where no resolver was bound: attributes, type names, "not implemented".

Values are frozen dataclasses with snake_case attributes, or dicts whose keys are the API's names
(or the attributes'). A field takes the attribute of its name; a DateTime field takes `<name>_ms`
first. A parent without such an attribute means that nobody built the field: that is told, never
answered with null.

Unions and interfaces are resolved by a dict's `__typename`, else by the value's class name. A
Rejection is `InternalError` or `BadRequestError` by its code. Whatever else comes out of a mutation
is its result member.
"""

import re
from typing import Any

from ariadne import SchemaBindable
from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from shared.errors import RejectionError
from shared.ledger.rejections import Rejection, reject

MISSING: Any = object()

INTERNAL_CODES = frozenset({"internal_error", "unavailable", "overloaded"})
BAD_REQUEST = "BadRequestError"
INTERNAL = "InternalError"

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """`isIkReplay` -> `is_ik_replay`, `balanceUTCOffset` -> `balance_utc_offset`."""
    return _WORD.sub("_", name).lower()


class AttributeResolver:
    """Takes a field's value from its parent; raises RejectionError when there is none."""

    __slots__ = ("attribute", "name", "other", "what")

    def __init__(self, type_name: str, name: str, field: GraphQLField) -> None:
        self.name = name
        self.what = f"{type_name}.{name}"
        self.attribute = self.other = snake_case(name)
        if get_named_type(field.type).name == "DateTime":
            self.attribute = f"{self.attribute}_ms"

    def __call__(self, source: Any, _info: object, **_arguments: Any) -> Any:
        value = MISSING
        if source.__class__ is dict:
            value = source.get(self.name, MISSING)
            if value is MISSING:
                value = source.get(self.attribute, MISSING)
            if value is MISSING:
                value = source.get(self.other, MISSING)
        else:
            value = getattr(source, self.attribute, MISSING)
            if value is MISSING:
                value = getattr(source, self.other, MISSING)
        if value is MISSING:
            raise RejectionError(reject("not_implemented", what=self.what))
        return value


class TypeNamer:
    """Names the object type of a union's or interface's value."""

    __slots__ = ("_default", "_known")

    def __init__(self, names: list[str]) -> None:
        self._known = frozenset(names)
        results = [name for name in names if not name.endswith("Error")]
        self._default = results[0] if len(results) == 1 and len(names) > 1 else None

    def __call__(self, value: Any, _info: object, _type: object) -> str | None:
        kind = value.__class__
        if kind is Rejection:
            return rejection_typename(value)
        if kind is dict:
            name = value.get("__typename")
            if name is not None:
                assert isinstance(name, str)
                return name
        elif kind.__name__ in self._known:
            name = kind.__name__
            assert isinstance(name, str)
            return name
        return self._default


def rejection_typename(rejection: Rejection) -> str:
    """The error member that a rejection answers with."""
    return INTERNAL if rejection.code in INTERNAL_CODES else BAD_REQUEST


def failure(rejection: Rejection) -> dict[str, Any]:
    """A rejection as the value of a union's error member: a dict of `__typename` and its fields."""
    return {
        "__typename": rejection_typename(rejection),
        "code": rejection.code,
        "message": rejection.message,
        "retryable": rejection.retryable,
    }


def _nothing(_source: object, _info: object) -> None:
    """`_empty` fields exist for the sake of the SDL alone."""


class UnboundFields(SchemaBindable):
    """Binds what nothing else has bound; the last of a schema's bindables."""

    def bind_to_schema(self, schema: GraphQLSchema) -> None:
        """Gives every field and every abstract type a resolver."""
        for name, type_ in schema.type_map.items():
            if name.startswith("__"):
                continue
            if isinstance(type_, GraphQLObjectType):
                self._bind_fields(type_)
            elif isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
                self._bind_type(type_, schema)

    @staticmethod
    def _bind_fields(type_: GraphQLObjectType) -> None:
        for name, field in type_.fields.items():
            if field.resolve is not None:
                continue
            if name == "_empty":
                field.resolve = _nothing
            else:
                field.resolve = AttributeResolver(type_.name, name, field)

    @staticmethod
    def _bind_type(type_: GraphQLAbstractType, schema: GraphQLSchema) -> None:
        if type_.resolve_type is None:
            names = [member.name for member in schema.get_possible_types(type_)]
            type_.resolve_type = TypeNamer(names)
