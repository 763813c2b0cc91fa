"""Every operation that the official Python client ships is valid against the SDL that we serve."""

from importlib.resources import files

import pytest
from graphql import OperationDefinitionNode, parse, print_ast

from shared.graphql.documents import Documents, Operation
from shared.graphql.sdl import make_schema

SHIPPED = files("fragment.std_queries").joinpath("queries.graphql").read_text(encoding="utf-8")
OPERATIONS = {
    definition.name.value: print_ast(definition)
    for definition in parse(SHIPPED).definitions
    if isinstance(definition, OperationDefinitionNode) and definition.name is not None
}


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(make_schema())


def test_the_client_ships_forty_six_operations() -> None:
    assert len(OPERATIONS) == 46


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_is_valid_and_within_the_limits(documents: Documents, name: str) -> None:
    operation = documents.operation(OPERATIONS[name], name)
    assert isinstance(operation, Operation), operation
    assert operation.label != "several"


def test_all_of_them_are_one_valid_document(documents: Documents) -> None:
    for name in OPERATIONS:
        assert isinstance(documents.operation(SHIPPED, name), Operation)
