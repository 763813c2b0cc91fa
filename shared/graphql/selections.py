"""What a document asks of each type, planned once: its fields, and where their values come from.

    Selection   the fields asked of one object type, in order
    Field       one of them: an attribute of its parent, or a resolver with its arguments
    Output      how a value of the field's type becomes JSON: leaf, object, union or interface, list

Plans live as long as their document is cached and are shared by all requests for it: they hold no
value of a request.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    SelectionSetNode,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.execute import get_field_def

from shared.graphql.inputs import ArgumentsPlan, Coercers, plan_arguments
from shared.graphql.results import AttributeResolver

Serialize = Callable[[Any], Any]
Fragments = dict[str, FragmentDefinitionNode]
Variables = dict[str, Any]


# --- Outputs --------------------------------------------------------------------------------------
class Leaf:
    """A scalar or an enum."""

    __slots__ = ("serialize",)

    def __init__(self, type_: GraphQLScalarType | GraphQLEnumType) -> None:
        self.serialize = _leaf_serializer(type_)


class Object:
    """An object type."""

    __slots__ = ("type",)

    def __init__(self, type_: GraphQLObjectType) -> None:
        self.type = type_


class Abstract:
    """A union or an interface: `possible` maps names to the object types that it may be."""

    __slots__ = ("possible", "takes_rejection", "type")

    def __init__(
        self, type_: GraphQLUnionType | GraphQLInterfaceType, schema: GraphQLSchema
    ) -> None:
        self.type = type_
        self.possible = {member.name: member for member in schema.get_possible_types(type_)}
        self.takes_rejection = "BadRequestError" in self.possible


class List:
    """A list; `is_required` says whether null may stand among its items."""

    __slots__ = ("is_required", "item")

    def __init__(self, item: "Output", is_required: bool) -> None:
        self.item = item
        self.is_required = is_required


Output = Leaf | Object | Abstract | List


def takes_rejection(output: Output) -> bool:
    """Whether a Rejection can stand where `output` is wanted: as its error member."""
    return isinstance(output, Abstract) and output.takes_rejection


def _leaf_serializer(type_: GraphQLScalarType | GraphQLEnumType) -> Serialize:
    """The type's own serializer, with a short way for what most values are."""
    serialize = type_.serialize
    if type_.name in ("String", "ID"):

        def serialize_text(value: Any) -> Any:
            return value if value.__class__ is str else serialize(value)

        return serialize_text
    if type_.name == "Boolean":

        def serialize_boolean(value: Any) -> Any:
            return value if value.__class__ is bool else serialize(value)

        return serialize_boolean
    if isinstance(type_, GraphQLEnumType):
        names = {value.value: name for name, value in type_.values.items()}

        def serialize_enum(value: Any) -> Any:
            return names[value] if value.__class__ is str and value in names else serialize(value)

        return serialize_enum
    return serialize


# --- Fields ---------------------------------------------------------------------------------------
class Field:
    """One field of a selection, planned."""

    __slots__ = (
        "arguments",
        "attribute",
        "definition",
        "is_required",
        "name",
        "nodes",
        "output",
        "parent",
        "resolve",
        "response_name",
        "selections",
        "serialize",
        "source",
        "typename",
    )

    def __init__(
        self,
        parent: GraphQLObjectType,
        response_name: str,
        nodes: list[FieldNode],
        definition: GraphQLField,
        output: Output,
    ) -> None:
        self.parent = parent
        self.response_name = response_name
        self.nodes = nodes
        self.name = nodes[0].name.value
        self.definition = definition
        self.is_required = isinstance(definition.type, GraphQLNonNull)
        self.output = output
        self.typename = parent.name if self.name == "__typename" else None
        resolve = definition.resolve
        assert resolve is not None, "a schema has a resolver, if only of attributes, everywhere"
        # Set when the value is an attribute of the parent; None when a resolver has to be called.
        self.source = resolve if isinstance(resolve, AttributeResolver) else None
        self.attribute = "" if self.source is None else self.source.attribute
        self.resolve = resolve
        self.serialize = output.serialize if isinstance(output, Leaf) else None
        self.arguments: ArgumentsPlan | None = None
        if definition.args:
            plan = plan_arguments(definition, nodes[0])
            self.arguments = plan if plan.fixed or plan.moving else None
        self.selections: dict[str, Selection] = {}  # by name of object type


Selection = tuple[Field, ...]


class Planner:
    """Plans selections of one schema; keeps what depends on the schema alone."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.coercers = Coercers()
        self._outputs: dict[str, Output] = {}

    def root(
        self,
        type_: GraphQLObjectType,
        selection_set: SelectionSetNode,
        fragments: Fragments,
        variables: Variables,
    ) -> Selection:
        """The selection of an operation's root type."""
        collected = collect_fields(self.schema, fragments, variables, type_, selection_set)
        return self._plan(type_, collected)

    def below(
        self,
        type_: GraphQLObjectType,
        nodes: list[FieldNode],
        fragments: Fragments,
        variables: Variables,
    ) -> Selection:
        """What a field's nodes ask of an object of `type_`."""
        collected = collect_sub_fields(self.schema, fragments, variables, type_, nodes)
        return self._plan(type_, collected)

    def _plan(
        self, type_: GraphQLObjectType, collected: Mapping[str, Sequence[FieldNode]]
    ) -> Selection:
        fields = []
        for response_name, nodes in collected.items():
            definition = get_field_def(self.schema, type_, nodes[0])
            assert definition is not None, "a validated document asks for known fields"
            output = self._output(definition.type)
            fields.append(Field(type_, response_name, list(nodes), definition, output))
        return tuple(fields)

    def _output(self, type_: GraphQLOutputType) -> Output:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        name = str(type_)
        output = self._outputs.get(name)
        if output is None:
            output = self._outputs[name] = self._make_output(type_)
        return output

    def _make_output(self, type_: GraphQLOutputType) -> Output:
        if isinstance(type_, GraphQLList):
            return List(self._output(type_.of_type), isinstance(type_.of_type, GraphQLNonNull))
        if isinstance(type_, GraphQLObjectType):
            return Object(type_)
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            return Abstract(type_, self.schema)
        assert isinstance(type_, GraphQLScalarType | GraphQLEnumType)
        return Leaf(type_)
