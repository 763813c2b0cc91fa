"""From what a caller sent to the arguments that a resolver gets: types and literals compiled once.

    variables ──coerce_variables──► coerced variables ──ArgumentsPlan.build──► keyword arguments
                                                               ▲
    literals of the document ──compiled with the operation─────┘

Explicit null means absent, here and nowhere else: a variable or an input field that is null and may
be is left out (so an operation's default holds), a null literal is left out. Nulls inside JSON
stay.

The way of a value that fits takes no path, no message and no closure per call. One that doesn't fit
is judged again by graphql-core, slowly, which finds the words and the place. Values of literals
without variables are built once and shared between requests: a resolver must not change its
arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import get_variable_values
from graphql.language import (
    FieldNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)

from shared.limits import INPUT_ERRORS_MAX

Coerce = Callable[[Any], Any]
Build = Callable[[dict[str, Any]], Any]


class _Unfit(Exception):
    """A value doesn't fit its type; where and why is found on the slow way."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A compiled literal: a value (Undefined: absent), or `build`, which makes one of variables."""

    value: Any = Undefined
    build: Build | None = None


# --- Values ---------------------------------------------------------------------------------------
class Coercers:
    """One coercer for each input type of a schema, made when first needed."""

    def __init__(self) -> None:
        self._objects: dict[str, Coerce] = {}

    def of(self, type_: GraphQLInputType) -> Coerce:
        """Coerces a value that is not None; raises _Unfit, or what a scalar raises."""
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(type_, GraphQLList):
            return _list_coercer(self.of(type_.of_type), is_non_null_type(type_.of_type))
        if isinstance(type_, GraphQLInputObjectType):
            return self._objects.get(type_.name) or self._object_coercer(type_)
        if isinstance(type_, GraphQLEnumType):
            return _enum_coercer(type_)
        assert isinstance(type_, GraphQLScalarType)
        return type_.parse_value

    def _object_coercer(self, type_: GraphQLInputObjectType) -> Coerce:
        members: dict[str, tuple[str, Coerce, bool]] = {}
        required: list[str] = []
        defaults: dict[str, Any] = {}

        def coerce(value: Any) -> dict[str, Any]:
            if value.__class__ is not dict:
                raise _Unfit
            coerced = defaults.copy()
            for name, given in value.items():
                member = members.get(name)
                if member is None:
                    raise _Unfit
                if given is not None:
                    coerced[member[0]] = member[1](given)
            for name in required:
                if name not in coerced:
                    raise _Unfit
            return coerced

        self._objects[type_.name] = coerce  # before its fields: a type may hold itself
        for name, field in type_.fields.items():
            out_name = field.out_name or name
            is_required = is_non_null_type(field.type)
            members[name] = (out_name, self.of(field.type), is_required)
            if field.default_value is not Undefined:
                defaults[out_name] = field.default_value
            elif is_required:
                required.append(out_name)
        return coerce


def _list_coercer(coerce_item: Coerce, is_required: bool) -> Coerce:
    def coerce(value: Any) -> list[Any]:
        if value.__class__ is not list:
            return [coerce_item(value)]
        coerced = []
        for item in value:
            if item is not None:
                coerced.append(coerce_item(item))
            elif is_required:
                raise _Unfit
            else:
                coerced.append(None)
        return coerced

    return coerce


def _enum_coercer(type_: GraphQLEnumType) -> Coerce:
    values = {name: value.value for name, value in type_.values.items()}

    def coerce(value: Any) -> Any:
        if value.__class__ is not str or value not in values:
            raise _Unfit
        return values[value]

    return coerce


# --- Variables ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class VariablesPlan:
    """How the variables of one operation are coerced."""

    schema: GraphQLSchema
    definitions: tuple[VariableDefinitionNode, ...]
    rows: tuple[tuple[str, Coerce, bool, Any], ...]  # name, coerce, required, default or Undefined


def plan_variables(
    schema: GraphQLSchema, coercers: Coercers, definitions: Sequence[VariableDefinitionNode]
) -> VariablesPlan:
    """Compiles the variable definitions of a validated operation."""
    rows = []
    for definition in definitions:
        type_ = cast("GraphQLInputType | None", type_from_ast(schema, definition.type))
        assert type_ is not None, "a validated operation names known types"
        default: Any = Undefined
        if definition.default_value is not None:
            default = compile_literal(definition.default_value, type_).value
        name = definition.variable.name.value
        rows.append((name, coercers.of(type_), is_non_null_type(type_), default))
    return VariablesPlan(schema, tuple(definitions), tuple(rows))


def coerce_variables(
    plan: VariablesPlan, given: dict[str, Any]
) -> dict[str, Any] | list[GraphQLError]:
    """The coerced variables (absent ones left out), or what is wrong with them."""
    coerced: dict[str, Any] = {}
    try:
        for name, coerce, is_required, default in plan.rows:
            value = given.get(name)
            if value is not None:
                coerced[name] = coerce(value)
            elif default is not Undefined:
                coerced[name] = default
            elif is_required:
                raise _Unfit
    except (_Unfit, GraphQLError):
        errors = get_variable_values(
            plan.schema, plan.definitions, given, max_errors=INPUT_ERRORS_MAX
        )
        assert isinstance(errors, list), "both ways judge a variable alike"
        return errors
    return coerced


# --- Literals and arguments -----------------------------------------------------------------------
def compile_literal(node: ValueNode, type_: GraphQLInputType) -> Literal:
    """Compiles a literal of a validated document."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return Literal(build=lambda variables: variables.get(name, Undefined))
    if isinstance(node, NullValueNode):
        return Literal()
    if isinstance(type_, GraphQLNonNull):
        return compile_literal(node, type_.of_type)
    if isinstance(type_, GraphQLList):
        return _compile_list(node, type_.of_type)
    if isinstance(type_, GraphQLInputObjectType):
        assert isinstance(node, ObjectValueNode), "a validated literal fits its type"
        return _compile_object(node, type_)
    assert isinstance(type_, GraphQLScalarType | GraphQLEnumType)
    parse_literal = type_.parse_literal
    if _holds_variable(node):
        return Literal(build=lambda variables: parse_literal(node, variables))
    return Literal(parse_literal(node, None))


def _holds_variable(node: ValueNode) -> bool:
    if isinstance(node, ObjectValueNode):
        return any(_holds_variable(field.value) for field in node.fields)
    if isinstance(node, ListValueNode):
        return any(_holds_variable(item) for item in node.values)
    return isinstance(node, VariableNode)


def _compile_list(node: ValueNode, item_type: GraphQLInputType) -> Literal:
    nodes = node.values if isinstance(node, ListValueNode) else (node,)
    items = [compile_literal(item, item_type) for item in nodes]
    is_required = is_non_null_type(item_type)
    if all(item.build is None for item in items):
        return Literal([None if item.value is Undefined else item.value for item in items])

    def build(variables: dict[str, Any]) -> list[Any]:
        built = []
        for item in items:
            value = item.value if item.build is None else item.build(variables)
            if value is Undefined:
                if is_required:
                    raise GraphQLError("A list holds a variable that was not given.", node)
                value = None
            built.append(value)
        return built

    return Literal(build=build)


def _compile_object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Literal:
    fixed: dict[str, Any] = {
        field.out_name or name: field.default_value
        for name, field in type_.fields.items()
        if field.default_value is not Undefined
    }
    moving: list[tuple[str, Build, bool]] = []
    for field_node in node.fields:
        name = field_node.name.value
        field = type_.fields[name]
        literal = compile_literal(field_node.value, field.type)
        out_name = field.out_name or name
        if literal.build is not None:
            is_required = is_non_null_type(field.type) and out_name not in fixed
            moving.append((out_name, literal.build, is_required))
        elif literal.value is not Undefined:
            fixed[out_name] = literal.value
    if not moving:
        return Literal(fixed)

    def build(variables: dict[str, Any]) -> dict[str, Any]:
        built = fixed.copy()
        for name, build_value, is_required in moving:
            value = build_value(variables)
            if value is not Undefined:
                built[name] = value
            elif is_required:
                raise GraphQLError(f"The field '{name}' of '{type_.name}' was not given.", node)
        return built

    return Literal(build=build)


@dataclass(frozen=True, slots=True)
class ArgumentsPlan:
    """How one field's keyword arguments are made."""

    fixed: Mapping[str, Any]
    moving: tuple[tuple[str, Build, str | None], ...]  # name, build, type if it is required

    def build(self, variables: dict[str, Any], node: FieldNode) -> dict[str, Any]:
        """Arguments by name; absent ones are left out."""
        built = dict(self.fixed)
        for name, build_value, required in self.moving:
            value = build_value(variables)
            if value is not Undefined:
                built[name] = value
            elif required is not None:
                raise GraphQLError(
                    f"The argument '{name}' of type '{required}' was not given.", node
                )
        return built


def plan_arguments(definition: GraphQLField, node: FieldNode) -> ArgumentsPlan:
    """Compiles the arguments of a field of a validated document."""
    fixed: dict[str, Any] = {
        argument.out_name or name: argument.default_value
        for name, argument in definition.args.items()
        if argument.default_value is not Undefined
    }
    moving: list[tuple[str, Build, str | None]] = []
    for argument_node in node.arguments:
        name = argument_node.name.value
        argument: GraphQLArgument = definition.args[name]
        literal = compile_literal(argument_node.value, argument.type)
        out_name = argument.out_name or name
        if literal.build is not None:
            is_required = is_non_null_type(argument.type) and out_name not in fixed
            moving.append((out_name, literal.build, str(argument.type) if is_required else None))
        elif literal.value is not Undefined:
            fixed[out_name] = literal.value
    return ArgumentsPlan(fixed, tuple(moving))
