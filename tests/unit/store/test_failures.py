"""Nothing that DynamoDB or the HTTP client can answer is missing from the mapping tables."""

import aiohttp
import botocore.session
import pytest

from shared.errors import StoreRefused, StoreTimeout, StoreUnavailable
from shared.store.dynamo import CAUSES, reasons_of
from shared.store.failures import ANSWERS, BY_NAME, failure_named, failure_of
from shared.store.table import Cause, Reason

CALLED = {
    "dynamodb": (
        "TransactWriteItems",
        "BatchGetItem",
        "GetItem",
        "Query",
        "Scan",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "DescribeTable",
    ),
    "dynamodbstreams": ("DescribeStream", "GetShardIterator", "GetRecords"),
}


def test_every_error_that_botocore_models_is_mapped() -> None:
    session = botocore.session.get_session()
    modelled = {
        shape.name
        for service, operations in CALLED.items()
        for operation in operations
        for shape in session.get_service_model(service).operation_model(operation).error_shapes
    }
    assert len(modelled) >= 14
    assert modelled - set(BY_NAME) == ANSWERS


def test_answers_are_no_failures() -> None:
    assert ANSWERS.isdisjoint(BY_NAME)


def subclasses(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(each for child in kind.__subclasses__() for each in subclasses(child))]


@pytest.mark.parametrize("kind", [*subclasses(aiohttp.ClientError), TimeoutError, OSError])
def test_every_exception_of_the_http_client_is_mapped(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    assert failure_of(error) in (StoreUnavailable, StoreTimeout, StoreRefused)


def test_a_broken_connection_leaves_the_fate_open_and_a_missing_one_does_not() -> None:
    assert failure_of(aiohttp.ServerDisconnectedError()) is StoreTimeout
    assert failure_of(aiohttp.ClientConnectorError.__new__(aiohttp.ClientConnectorError)) is (
        StoreUnavailable
    )
    assert failure_of(aiohttp.ConnectionTimeoutError()) is StoreUnavailable
    assert failure_of(aiohttp.SocketTimeoutError()) is StoreTimeout


@pytest.mark.parametrize(
    "name, status, failure",
    [
        ("ThrottlingException", 400, StoreUnavailable),
        ("TransactionInProgressException", 400, StoreTimeout),
        ("InternalServerError", 500, StoreTimeout),
        ("IdempotentParameterMismatchException", 400, StoreRefused),
        ("NobodyKnows", 400, StoreRefused),
        ("NobodyKnows", 500, StoreTimeout),
        ("", 502, StoreTimeout),
        ("", 429, StoreUnavailable),
        ("", 302, StoreRefused),
    ],
)
def test_an_error_is_judged_by_name_then_by_status(
    name: str, status: int, failure: type[Exception]
) -> None:
    assert failure_named(name, status) is failure


def test_every_code_of_a_cancellation_has_a_cause() -> None:
    reasons = reasons_of([{"Code": code} for code in CAUSES])
    assert [each.cause for each in reasons] == list(CAUSES.values())
    assert set(CAUSES.values()) == set(Cause)
    assert reasons_of([{"Code": "SomethingNew"}]) == (Reason(Cause.THROTTLED),)


def test_a_cancellation_for_our_mistake_is_refused() -> None:
    message = "An operand in the update expression has an incorrect data type"
    with pytest.raises(StoreRefused, match="incorrect data type"):
        reasons_of([{"Code": "None"}, {"Code": "ValidationError", "Message": message}])
