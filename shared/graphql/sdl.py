"""The API's SDL and the schema that it makes with resolvers bound."""

from functools import cache
from importlib.resources import files

from ariadne import SchemaBindable
from graphql import DocumentNode, GraphQLSchema, assert_valid_schema, build_ast_schema, parse
from graphql.validation.validate import assert_valid_sdl

from shared.graphql.results import UnboundFields
from shared.graphql.scalars import SCALARS


@cache
def load_sdl() -> str:
    """The text of `api.graphql`, as it is served at /schema.graphql."""
    return files("shared.graphql").joinpath("api.graphql").read_text(encoding="utf-8")


@cache
def _document() -> DocumentNode:
    """The SDL, parsed and found valid: most of the work of making a schema."""
    document = parse(load_sdl())
    assert_valid_sdl(document)
    return document


def make_schema(*bindables: SchemaBindable) -> GraphQLSchema:
    """The whole API with the scalars and `bindables` bound; the rest answers `not_implemented`.

    Resolvers are called as `resolve(source, info, **arguments)` with the SDL's own argument names;
    input objects are dicts with the SDL's names. Absent and null arguments are left out.

    Not by ariadne's `make_executable_schema`: it reads the SDL anew for each schema, and makes
    every enum take what is no member of it.
    """
    schema = build_ast_schema(_document(), assume_valid_sdl=True)
    for bindable in (*SCALARS, *bindables, UnboundFields()):
        bindable.bind_to_schema(schema)
    assert_valid_schema(schema)
    return schema
