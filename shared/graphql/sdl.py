"""The API's SDL and the schema that it makes with resolvers bound."""

from functools import cache
from importlib.resources import files

from ariadne import SchemaBindable, make_executable_schema
from graphql import GraphQLSchema

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
    return make_executable_schema(load_sdl(), *SCALARS, *bindables, UnboundFields())
