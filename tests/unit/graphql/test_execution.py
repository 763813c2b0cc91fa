"""Execution: null spreads, errors have paths, mutations answer with their unions' members."""

import asyncio
from typing import Any

import pytest

from shared.errors import (
    Overloaded,
    RejectionError,
    SearchUnavailable,
    StoreTimeout,
    StoreUnavailable,
)
from shared.ledger.rejections import Rejection, reject
from tests.graphql_rig import run, schema_with

MUTATION = """mutation { deleteLedger(ledger: {ik: "a"}) {
  __typename
  ... on DeleteLedgerResult { success }
  ... on Error { code message retryable }
} }"""
LEDGER = '{ ledger(ledger: {ik: "a"}) { id name } }'


def giving(value: Any) -> Any:
    """A resolver that answers `value`, or raises it."""

    def resolve(_source: object, _info: object, **_arguments: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return resolve


def giving_later(value: Any) -> Any:
    """The same, asynchronously."""

    async def resolve(_source: object, _info: object, **_arguments: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    return resolve


async def deleted(resolver: Any, refusal: Rejection | None = None) -> dict[str, Any]:
    schema = schema_with({"Mutation": {"deleteLedger": resolver}})
    answer = await run(schema, MUTATION, refusal=refusal)
    assert "errors" not in answer
    result: dict[str, Any] = answer["data"]["deleteLedger"]
    return result


@pytest.mark.parametrize("given", [giving, giving_later])
async def test_a_mutation_without_refusal_answers_its_result(given: Any) -> None:
    expected = {"__typename": "DeleteLedgerResult", "success": True}
    assert await deleted(given({"success": True})) == expected


REFUSED = reject("ledger_not_found", what="the ik a")


@pytest.mark.parametrize("given", [giving, giving_later])
@pytest.mark.parametrize("refused", [REFUSED, RejectionError(REFUSED)])
async def test_a_refusal_is_the_unions_bad_request(given: Any, refused: Any) -> None:
    assert await deleted(given(refused)) == {
        "__typename": "BadRequestError",
        "code": "ledger_not_found",
        "message": "There is no Ledger with the ik a.",
        "retryable": False,
    }


@pytest.mark.parametrize(
    "raised, code",
    [
        (StoreUnavailable("x"), "unavailable"),
        (StoreTimeout("x"), "unavailable"),
        (SearchUnavailable("x"), "unavailable"),
        (Overloaded("x"), "overloaded"),
        (ValueError("a secret"), "internal_error"),
        (AssertionError("a secret"), "internal_error"),
    ],
)
@pytest.mark.parametrize("given", [giving, giving_later])
async def test_a_fault_is_the_unions_internal_error(
    given: Any, raised: Exception, code: str
) -> None:
    result = await deleted(given(raised))
    assert result["__typename"] == "InternalError"
    assert (result["code"], result["retryable"]) == (code, True)
    assert "secret" not in result["message"]


async def test_an_unforeseen_fault_names_the_request() -> None:
    result = await deleted(giving(ValueError()))
    assert result["message"].endswith("The request's id is the-request.")


async def test_a_mutation_that_may_not_run_is_refused_without_running() -> None:
    ran: list[str] = []

    def resolve(_source: object, _info: object, ledger: object) -> dict[str, bool]:
        ran.append("ran")
        return {"success": True}

    refusal = reject("forbidden", role="reader", operation="deleteLedger")
    result = await deleted(resolve, refusal)
    assert (result["__typename"], result["code"]) == ("BadRequestError", "forbidden")
    assert ran == []


async def test_mutations_run_one_after_the_other() -> None:
    steps: list[str] = []

    async def resolve(_source: object, _info: object, ledger: dict[str, str]) -> dict[str, bool]:
        steps.append(f"{ledger['ik']} begins")
        await asyncio.sleep(0)
        steps.append(f"{ledger['ik']} ends")
        return {"success": True}

    schema = schema_with({"Mutation": {"deleteLedger": resolve}})
    field = '{}: deleteLedger(ledger: {{ik: "{}"}}) {{ __typename }}'
    answer = await run(schema, f"mutation {{ {field.format('a', 'a')} {field.format('b', 'b')} }}")
    assert list(answer["data"]) == ["a", "b"]
    assert steps == ["a begins", "a ends", "b begins", "b ends"]


async def test_reads_are_forgotten_between_mutations_and_nowhere_else() -> None:
    steps: list[str] = []

    class Context:
        def forget_reads(self) -> None:
            steps.append("forgotten")

    async def resolve(_source: object, _info: object, ledger: dict[str, str]) -> dict[str, bool]:
        steps.append(ledger["ik"])
        return {"success": True}

    schema = schema_with({"Mutation": {"deleteLedger": resolve}})
    field = '{0}: deleteLedger(ledger: {{ik: "{0}"}}) {{ __typename }}'
    for names in (["a"], ["a", "b", "c"]):
        several = " __typename ".join(field.format(name) for name in names)
        answer = await run(schema, f"mutation {{ __typename {several} }}", context=Context())
        assert "errors" not in answer
        steps.append("answered")
    assert steps == ["a", "answered", "a", "forgotten", "b", "forgotten", "c", "answered"]


@pytest.mark.parametrize("given", [giving, giving_later])
@pytest.mark.parametrize("refused", [REFUSED, RejectionError(REFUSED)])
async def test_a_refusal_in_a_query_is_an_error_with_its_code(given: Any, refused: Any) -> None:
    answer = await run(schema_with({"Query": {"ledger": given(refused)}}), LEDGER)
    assert answer == {
        "data": {"ledger": None},
        "errors": [
            {
                "message": "There is no Ledger with the ik a.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["ledger"],
                "extensions": {"code": "ledger_not_found", "retryable": False},
            }
        ],
    }


async def test_what_an_exception_says_never_leaves() -> None:
    answer = await run(schema_with({"Query": {"ledger": giving(ValueError("secret"))}}), LEDGER)
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "internal_error", "retryable": True}
    assert "secret" not in str(answer)
    assert error["message"].endswith("The request's id is the-request.")


async def test_null_spreads_to_the_nearest_field_that_may_be_null() -> None:
    ledger = {"id": "a", "name": None}
    answer = await run(schema_with({"Query": {"ledger": giving(ledger)}}), LEDGER)
    assert answer["data"] == {"ledger": None}
    assert [error["path"] for error in answer["errors"]] == [["ledger", "name"]]
    assert answer["errors"][0]["extensions"]["code"] == "internal_error"


async def test_null_spreads_through_lists() -> None:
    page = {"nodes": [{"id": "a"}, {"id": None}]}
    answer = await run(
        schema_with({"Query": {"ledgers": giving(page)}}), "{ ledgers { nodes { id } } }"
    )
    assert answer["data"] is None
    assert [error["path"] for error in answer["errors"]] == [["ledgers", "nodes", 1, "id"]]


async def test_siblings_of_a_failed_field_end_before_the_answer() -> None:
    ended: list[str] = []

    async def slow(_source: object, _info: object) -> str:
        await asyncio.sleep(0.01)
        ended.append("slow")
        return "x"

    async def failing(_source: object, _info: object) -> str:
        raise RejectionError(REFUSED)

    schema = schema_with(
        {
            "Query": {"ledger": giving({"ik": None})},
            "Ledger": {"name": slow, "id": failing, "dashboardUrl": slow},
        }
    )
    answer = await run(schema, '{ ledger(ledger: {ik: "a"}) { dashboardUrl id name } }')
    assert answer["data"] == {"ledger": None}
    assert ended == ["slow", "slow"]
    ended.clear()
    answer = await run(schema, '{ ledger(ledger: {ik: "a"}) { name ik } }')
    assert answer["data"] == {"ledger": None}
    assert ended == ["slow"]


async def test_fields_of_one_selection_are_awaited_together() -> None:
    begun: list[str] = []
    both = asyncio.Event()

    async def resolve(_source: object, _info: Any) -> str:
        begun.append("x")
        if len(begun) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 5)
        return "x"

    schema = schema_with(
        {"Query": {"ledger": giving({})}, "Ledger": {"id": resolve, "name": resolve}}
    )
    assert await run(schema, LEDGER) == {"data": {"ledger": {"id": "x", "name": "x"}}}


async def test_skip_and_include_are_judged_for_each_request() -> None:
    schema = schema_with({"Query": {"ledger": giving({"id": "a", "name": "n"})}})
    document = """query($no: Boolean!, $yes: Boolean!) { ledger(ledger: {ik: "a"}) {
      id @skip(if: $no) name @include(if: $yes) ...f @include(if: $yes) } }
      fragment f on Ledger { other: id }"""
    for no, yes, fields in (
        (True, True, {"name": "n", "other": "a"}),
        (False, False, {"id": "a"}),
        (True, True, {"name": "n", "other": "a"}),
    ):
        answer = await run(schema, document, {"no": no, "yes": yes})
        assert answer == {"data": {"ledger": fields}}


async def test_resolvers_get_the_context() -> None:
    seen: list[Any] = []

    def resolve(_source: object, info: Any) -> str:
        seen.append(info.context)
        return "x"

    schema = schema_with({"Query": {"ledger": giving({"id": "a"})}, "Ledger": {"name": resolve}})
    document = '{ it: ledger(ledger: {ik: "a"}) { called: name } }'
    await run(schema, document, context="the context")
    assert seen == ["the context"]
