"""The standard operations are the official client's, and valid against the served SDL."""

from pathlib import Path
from typing import Any

import fragment
import pytest
from graphql import (
    DocumentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    parse,
    print_ast,
    validate,
)
from graphql.language import FieldNode, InlineFragmentNode

from cli.generation.standard import standard_operations

ROOT = Path(__file__).parents[3]
OFFICIAL = Path(fragment.__file__).parent / "std_queries" / "queries.graphql"
OURS = {operation.name: operation.text for operation in standard_operations()}


def selected(selection_set: SelectionSetNode | None) -> Any:
    """The selection as nested sets: order and layout don't count."""
    if selection_set is None:
        return None
    found = set()
    for node in selection_set.selections:
        if isinstance(node, FieldNode):
            arguments = frozenset(print_ast(argument) for argument in node.arguments)
            found.add((node.name.value, arguments, selected(node.selection_set)))
        else:
            assert isinstance(node, InlineFragmentNode)
            found.add((node.type_condition.name.value, selected(node.selection_set)))
    return frozenset(found)


def operations(document: DocumentNode) -> dict[str, OperationDefinitionNode]:
    return {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode) and node.name is not None
    }


THEIRS = operations(parse(OFFICIAL.read_text()))


def test_there_is_one_for_each_of_the_official_client_s() -> None:
    assert len(OURS) == len(THEIRS) == 46
    assert set(OURS) == {name[0].upper() + name[1:] for name in THEIRS}


@pytest.mark.parametrize("name", THEIRS)
def test_it_asks_what_the_official_one_asks(name: str) -> None:
    (ours,) = operations(parse(OURS[name[0].upper() + name[1:]])).values()
    theirs = THEIRS[name]
    assert ours.operation == theirs.operation
    assert [print_ast(variable) for variable in ours.variable_definitions] == [
        print_ast(variable) for variable in theirs.variable_definitions
    ]
    assert selected(ours.selection_set) == selected(theirs.selection_set)


def test_all_are_valid_against_the_served_sdl() -> None:
    sdl = build_schema((ROOT / "shared" / "graphql" / "api.graphql").read_text())
    assert validate(sdl, parse("\n".join(OURS.values()))) == []
