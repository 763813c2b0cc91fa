"""What DynamoDB and the network can answer -> shared/errors.py. One table for each of the two.

The exception says what may be done: StoreUnavailable, nothing was written, sending again may help;
StoreTimeout, it may have been written, sending again is safe only for what can be repeated; the
others are final. A test walks botocore's model and aiohttp's tree: nothing may be missing here.
"""

import aiohttp

from shared.errors import (
    StoreError,
    StoreRefused,
    StoreTimeout,
    StoreUnavailable,
    StreamError,
    StreamExpired,
    StreamTrimmed,
)

Failure = type[StoreError] | type[StreamError]


class NoCredentials(Exception):
    """The provider of credentials failed, in whatever way: nothing was sent."""


CONDITION_FAILED = "ConditionalCheckFailedException"
BATCH_CANCELLED = "TransactionCanceledException"

# Not failures: the caller reads them as values.
ANSWERS = frozenset((CONDITION_FAILED, BATCH_CANCELLED))

BY_NAME: dict[str, Failure] = {
    # Throttled or turned away before anything was done.
    "ProvisionedThroughputExceededException": StoreUnavailable,
    "RequestLimitExceeded": StoreUnavailable,
    "ThrottlingException": StoreUnavailable,
    "Throttling": StoreUnavailable,
    "LimitExceededException": StoreUnavailable,
    "TransactionConflictException": StoreUnavailable,
    "ReplicatedWriteConflictException": StoreUnavailable,
    "ExpiredTokenException": StoreUnavailable,  # credentials are fetched anew for the next sending
    "ExpiredToken": StoreUnavailable,
    "RequestExpired": StoreUnavailable,
    "RequestTimeTooSkewed": StoreUnavailable,
    # Something went wrong on the way: it may have been written.
    "InternalServerError": StoreTimeout,
    "InternalServerErrorException": StoreTimeout,
    "InternalFailure": StoreTimeout,
    "ServiceUnavailable": StoreTimeout,
    "ServiceUnavailableException": StoreTimeout,
    "RequestTimeout": StoreTimeout,
    "TransactionInProgressException": StoreTimeout,
    # Invalid, or not allowed: sending again changes nothing.
    "ValidationException": StoreRefused,
    "ValidationError": StoreRefused,
    "SerializationException": StoreRefused,
    "IdempotentParameterMismatchException": StoreRefused,
    "ItemCollectionSizeLimitExceededException": StoreRefused,
    "ResourceNotFoundException": StoreRefused,
    "AccessDeniedException": StoreRefused,
    "AccessDenied": StoreRefused,
    "UnrecognizedClientException": StoreRefused,
    "IncompleteSignatureException": StoreRefused,
    "IncompleteSignature": StoreRefused,
    "InvalidSignatureException": StoreRefused,
    "MissingAuthenticationTokenException": StoreRefused,
    "MissingAuthenticationToken": StoreRefused,
    "NotAuthorized": StoreRefused,
    "OptInRequired": StoreRefused,
    "UnknownOperationException": StoreRefused,
    # The stream.
    "TrimmedDataAccessException": StreamTrimmed,
    "ExpiredIteratorException": StreamExpired,
}

# The first class that an exception belongs to decides.
BY_EXCEPTION: tuple[tuple[type[Exception], Failure], ...] = (
    (NoCredentials, StoreUnavailable),
    (aiohttp.ClientConnectorError, StoreUnavailable),  # no connection: nothing was sent
    (aiohttp.ConnectionTimeoutError, StoreUnavailable),
    (aiohttp.ServerFingerprintMismatch, StoreUnavailable),
    (aiohttp.InvalidURL, StoreRefused),
    (aiohttp.NonHttpUrlClientError, StoreRefused),
    (aiohttp.RedirectClientError, StoreRefused),
    (aiohttp.ClientError, StoreTimeout),
    (TimeoutError, StoreTimeout),
    (OSError, StoreTimeout),
)

EXCEPTIONS = tuple(kind for kind, _ in BY_EXCEPTION)


def failure_named(name: str, status: int) -> Failure:
    """What an error answer means; an unknown name is judged by its HTTP status."""
    known = BY_NAME.get(name)
    if known is not None:
        return known
    if status == 429:
        return StoreUnavailable
    return StoreTimeout if status >= 500 else StoreRefused


def failure_of(error: BaseException) -> Failure:
    """What an exception of one sending means."""
    for kind, failure in BY_EXCEPTION:
        if isinstance(error, kind):
            return failure
    raise AssertionError(f"unmapped exception {type(error).__name__}") from error
