"""The API's SDL and the schema that it makes with resolvers bound."""

from functools import cache
from importlib.resources import files

from ariadne import SchemaBindable, make_executable_schema
from graphql import GraphQLEnumType, GraphQLSchema

from shared.graphql.results import UnboundFields
from shared.graphql.scalars import SCALARS


@cache
def load_sdl() -> str:
    """The text of `api.graphql`, as it is served at /schema.graphql."""
    return files("shared.graphql").joinpath("api.graphql").read_text(encoding="utf-8")


def make_schema(*bindables: SchemaBindable) -> GraphQLSchema:
    """The whole API with the scalars and `bindables` bound; the rest answers `not_implemented`.

    Resolvers are called as `resolve(source, info, **arguments)` with the SDL's own argument names;
    input objects are dicts with the SDL's names. Absent and null arguments are left out.
    """
    schema = make_executable_schema(load_sdl(), *SCALARS, *bindables, UnboundFields())
    _unpatch_enums(schema)
    return schema


def _unpatch_enums(schema: GraphQLSchema) -> None:
    """Takes back ariadne's `parse_value` of every enum: it lets Python enums pass, which no member
    of the API has as its value, and doesn't take the second argument that graphql-core gives."""
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLEnumType):
            values = type_.values
            assert name.startswith("__") or all(values[each].value == each for each in values)
            vars(type_).pop("parse_value", None)
