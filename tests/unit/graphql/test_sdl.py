"""The SDL is the published API, with words of our own."""

from hashlib import sha256

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_specified_scalar_type,
    validate_schema,
)

from shared.graphql.sdl import load_sdl, make_schema

# Of the API as it was published; changes when a type, field, argument, nullability or member does.
STRUCTURE_DIGEST = "7316d3867934b6fec7ab1a1e040faf7ca96964e78af4174f4bdfbec9e9d627fd"


def structure(schema: GraphQLSchema) -> str:
    """Everything of a schema but its words and its order."""
    rows = []
    for name, type_ in sorted(schema.type_map.items()):
        if name.startswith("__"):
            continue
        rows.append(f"{type(type_).__name__} {name}")
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            rows += [f" implements {each}" for each in sorted(i.name for i in type_.interfaces)]
            for field_name, field in sorted(type_.fields.items()):
                rows.append(f" {field_name}: {field.type} {bool(field.deprecation_reason)}")
                rows += [
                    f"  {argument_name}: {argument.type} = {argument.default_value}"
                    for argument_name, argument in sorted(field.args.items())
                ]
        elif isinstance(type_, GraphQLInputObjectType):
            rows += [
                f" {field_name}: {field.type} = {field.default_value} "
                f"{bool(field.deprecation_reason)}"
                for field_name, field in sorted(type_.fields.items())
            ]
        elif isinstance(type_, GraphQLEnumType):
            rows += [f" {value}" for value in sorted(type_.values)]
        elif isinstance(type_, GraphQLUnionType):
            rows += [f" {member}" for member in sorted(each.name for each in type_.types)]
    return "\n".join(rows)


def test_structure_is_that_of_the_published_api() -> None:
    schema = build_schema(load_sdl())
    assert validate_schema(schema) == []
    assert sha256(structure(schema).encode()).hexdigest() == STRUCTURE_DIGEST


def test_every_type_says_what_it_is() -> None:
    schema = build_schema(load_sdl())
    silent = [
        name
        for name, type_ in schema.type_map.items()
        if not name.startswith("__")
        and not is_specified_scalar_type(type_)
        and not type_.description
    ]
    assert silent == []


def test_every_root_field_says_what_it_does() -> None:
    schema = build_schema(load_sdl())
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    for root in (schema.query_type, schema.mutation_type):
        assert [name for name, field in root.fields.items() if not field.description] == []


def test_two_schemas_share_no_type_that_resolvers_are_bound_to() -> None:
    one, other = make_schema(), make_schema()
    assert all(
        name.startswith("__") or is_specified_scalar_type(type_)
        for name, type_ in one.type_map.items()
        if type_ is other.type_map[name]
    )
    assert structure(one) == structure(other)
