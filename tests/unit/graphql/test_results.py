"""What a schema does where no resolver was bound."""

from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLObjectType

from shared.graphql.results import failure, snake_case
from shared.ledger.rejections import CODES, reject
from tests.graphql_rig import run, schema_with


@dataclass(frozen=True, slots=True)
class CustomLink:
    """Called as the API's type is: that is what tells an interface which type it is."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    is_reversal: bool
    posted_ms: int
    reversed_at_ms: int | None = None


@pytest.mark.parametrize(
    "name, attribute",
    [
        ("id", "id"),
        ("isIkReplay", "is_ik_replay"),
        ("balanceUTCOffset", "balance_utc_offset"),
        ("last4", "last4"),
        ("dashboardUrl", "dashboard_url"),
    ],
)
def test_fields_are_found_by_their_snake_case_names(name: str, attribute: str) -> None:
    assert snake_case(name) == attribute


async def test_attributes_and_dict_members_answer_fields() -> None:
    sources: list[Any] = [
        Entry("a", False, 1000),
        {"id": "a", "isReversal": False, "posted": 1000, "reversedAt": None},
        {"id": "a", "is_reversal": False, "posted_ms": 1000, "reversed_at_ms": None},
    ]
    document = """{ ledgerEntry(ledgerEntry: {id: "a"}) {
      __typename id other: isReversal posted reversedAt } }"""
    for source in sources:
        schema = schema_with({"Query": {"ledgerEntry": lambda *_, source=source, **__: source}})
        answer = await run(schema, document)
        assert answer == {
            "data": {
                "ledgerEntry": {
                    "__typename": "LedgerEntry",
                    "id": "a",
                    "other": False,
                    "posted": "1970-01-01T00:00:01.000Z",
                    "reversedAt": None,
                }
            }
        }


async def test_what_nobody_built_says_so_and_is_never_null() -> None:
    schema = schema_with({"Query": {"ledgerEntry": lambda *_, **__: Entry("a", False, 0)}})
    document = '{ ledgerEntry(ledgerEntry: {id: "a"}) { id description } }'
    answer = await run(schema, document)
    assert answer["data"] == {"ledgerEntry": {"id": "a", "description": None}}
    [error] = answer["errors"]
    assert error["message"] == "LedgerEntry.description is not implemented."
    assert error["path"] == ["ledgerEntry", "description"]
    assert error["extensions"] == {"code": "not_implemented", "retryable": False}


async def test_every_root_field_that_nobody_built_says_so() -> None:
    schema = schema_with()
    for root in (schema.query_type, schema.mutation_type):
        assert isinstance(root, GraphQLObjectType)
        for name, field in root.fields.items():
            if name == "_empty":
                continue
            assert field.resolve is not None
            with pytest.raises(Exception, match=f"{root.name}.{name} is not implemented"):
                field.resolve(None, None)


async def test_a_mutation_that_nobody_built_is_a_graphql_error() -> None:
    answer = await run(schema_with(), "mutation { deleteCustomTxs(txs: []) { __typename } }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "not_implemented"


async def test_the_empty_fields_are_null() -> None:
    assert await run(schema_with(), "{ _empty }") == {"data": {"_empty": None}}
    assert await run(schema_with(), "mutation { _empty }") == {"data": {"_empty": None}}


async def test_an_interface_is_known_by_the_class_or_the_typename_of_its_value() -> None:
    document = '{ link(link: {id: "a"}) { __typename id ... on CustomLink { name } } }'
    for source in (
        CustomLink("a", "n"),
        {"__typename": "CustomLink", "id": "a", "name": "n"},
    ):
        schema = schema_with({"Query": {"link": lambda *_, source=source, **__: source}})
        link = {"__typename": "CustomLink", "id": "a", "name": "n"}
        assert await run(schema, document) == {"data": {"link": link}}


async def test_a_value_that_is_no_member_of_its_interface_is_our_own_mistake() -> None:
    schema = schema_with({"Query": {"link": lambda *_, **__: {"id": "a"}}})
    answer = await run(schema, '{ link(link: {id: "a"}) { id } }')
    assert answer["errors"][0]["extensions"]["code"] == "internal_error"


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_is_an_internal_error_only_when_it_is_our_fault(code: str) -> None:
    values = dict.fromkeys(("detail", "what", "where", "rule", "value", "count", "max"), "x")
    values |= dict.fromkeys(("key", "version", "ledger", "type", "status", "name", "path"), "x")
    values |= dict.fromkeys(("id", "ik", "bytes", "violations", "role", "operation"), "x")
    values |= dict.fromkeys(("one", "other", "line", "total", "condition", "balance"), "x")
    values |= dict.fromkeys(("entry", "tx", "change", "difference", "conflicts"), "x")
    rejection = reject(code, **values)
    is_ours = code in ("internal_error", "unavailable", "overloaded")
    assert failure(rejection) == {
        "__typename": "InternalError" if is_ours else "BadRequestError",
        "code": code,
        "message": rejection.message,
        "retryable": is_ours,
    }
