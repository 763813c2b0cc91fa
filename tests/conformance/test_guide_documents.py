"""Every document of the guide is run by a test."""

import ast
from pathlib import Path

import pytest

from shared.graphql.documents import Documents, Operation
from shared.graphql.sdl import make_schema
from tests.conformance.guide_documents import FOLDER

DOCUMENTS = sorted(FOLDER.glob("*/*.graphql"))
UNUSED_VARIABLE = "i/a_filter_ledger_accounts"
TESTS = sorted(Path(__file__).parent.glob("test_guide_*.py"))
GUIDE_COUNT = 72
API_PAGE_COUNT = 1


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def strings() -> set[str]:
    """Every string and formatted string's constant part in the tests of the guide."""
    return {
        node.value
        for test in TESTS
        for node in ast.walk(ast.parse(test.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_all_documents_are_here() -> None:
    assert len(DOCUMENTS) == GUIDE_COUNT + API_PAGE_COUNT


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_the_document_is_named_by_a_test(path: Path) -> None:
    stem, _, number = path.stem.rpartition("_")
    found = strings()
    assert path.stem in found or (number.isdigit() and stem in found and f"_{number}" in found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_the_document_is_valid_but_for_one(path: Path) -> None:
    documents = Documents(make_schema())
    operation = documents.operation(path.read_text(encoding="utf-8"), None)
    assert isinstance(operation, Operation) == (named(path) != UNUSED_VARIABLE), operation
