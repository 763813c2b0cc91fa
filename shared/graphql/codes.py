"""Codes of what is refused before a resolver runs: by HTTP, by limits, by GraphQL's rules.

They stand in `errors[].extensions.code`, beside those of `shared.ledger.rejections.CODES`. The
message forms are filled in where the refusal is made; HTTP_STATUS says which of them is not an
answer of GraphQL's.
"""

from typing import Any

from graphql import GraphQLError

from shared.ledger.rejections import Code

# --- Answered with HTTP 200 -----------------------------------------------------------------------
BAD_USER_INPUT = "bad_user_input"
SYNTAX_ERROR = "syntax_error"
VALIDATION_FAILED = "validation_failed"
OPERATION_NOT_FOUND = "operation_not_found"
DOCUMENT_TOO_LONG = "document_too_long"
TOO_MANY_TOKENS = "too_many_tokens"
TOO_MANY_DEFINITIONS = "too_many_definitions"
QUERY_TOO_DEEP = "query_too_deep"
TOO_MANY_FIELDS = "too_many_fields"
TOO_MANY_REPEATED_FIELDS = "too_many_repeated_fields"
TOO_MANY_ALIASES = "too_many_aliases"
TOO_MANY_ROOT_FIELDS = "too_many_root_fields"
JSON_TOO_DEEP = "json_too_deep"
TIMED_OUT = "timed_out"

# --- Answered with another HTTP status ------------------------------------------------------------
MALFORMED_REQUEST = "malformed_request"
UNAUTHENTICATED = "UNAUTHENTICATED"
NOT_FOUND = "not_found"
METHOD_NOT_ALLOWED = "method_not_allowed"
BODY_TOO_LARGE = "body_too_large"
UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
TOO_MANY_REQUESTS = "too_many_requests"
SERVICE_UNAVAILABLE = "service_unavailable"

HTTP_STATUS: dict[str, int] = {
    MALFORMED_REQUEST: 400,
    UNAUTHENTICATED: 401,
    NOT_FOUND: 404,
    METHOD_NOT_ALLOWED: 405,
    BODY_TOO_LARGE: 413,
    UNSUPPORTED_MEDIA_TYPE: 415,
    TOO_MANY_REQUESTS: 429,
    SERVICE_UNAVAILABLE: 503,
}

_ROWS = (
    Code(MALFORMED_REQUEST, "{detail}"),
    Code(UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json, not {value}."),
    Code(BODY_TOO_LARGE, "The body may have at most {max} bytes."),
    Code(METHOD_NOT_ALLOWED, "{path} takes {methods}, not {method}."),
    Code(NOT_FOUND, "There is nothing at {path}."),
    Code(UNAUTHENTICATED, "{detail}"),
    Code(TOO_MANY_REQUESTS, "The service is at its limit; try again.", retryable=True),
    Code(SERVICE_UNAVAILABLE, "{what} can't be reached; try again.", retryable=True),
    Code(DOCUMENT_TOO_LONG, "The document has {count} characters; at most {max} are allowed."),
    Code(TOO_MANY_TOKENS, "The document has more than {max} tokens."),
    Code(SYNTAX_ERROR, "{detail}"),
    Code(
        TOO_MANY_DEFINITIONS,
        "The document has {count} operations and fragments; at most {max} are allowed.",
    ),
    Code(QUERY_TOO_DEEP, "{where} is {count} levels deep; at most {max} are allowed."),
    Code(
        TOO_MANY_FIELDS,
        "{where} asks for {count} fields, fragments expanded; at most {max} are allowed.",
    ),
    Code(
        TOO_MANY_REPEATED_FIELDS,
        "{where} asks for the same fields over and over: more than {max} pairs would merge.",
    ),
    Code(TOO_MANY_ALIASES, "{where} has {count} aliases; at most {max} are allowed."),
    Code(TOO_MANY_ROOT_FIELDS, "{where} has {count} root fields; at most {max} are allowed."),
    Code(JSON_TOO_DEEP, "{where} is nested more than {max} levels deep."),
    Code(VALIDATION_FAILED, "{detail}"),
    Code(OPERATION_NOT_FOUND, "{detail}"),
    Code(BAD_USER_INPUT, "{detail}"),
    Code(
        TIMED_OUT,
        "No answer within {max} ms. What was done is not known: send it again, with the same ik.",
        retryable=True,
    ),
)

SHELL_CODES: dict[str, Code] = {row.name: row for row in _ROWS}


def refusal(code: str, **values: object) -> GraphQLError:
    """The GraphQL error `code` with its message form filled in."""
    row = SHELL_CODES[code]
    return with_code(GraphQLError(row.form.format(**values)), code, row.retryable)


def with_code(error: GraphQLError, code: str, retryable: bool = False) -> GraphQLError:
    """`error`, with what clients branch on in its extensions."""
    error.extensions = {"code": code, "retryable": retryable}
    return error


def error_body(code: str, **values: Any) -> dict[str, Any]:
    """The JSON of an answer that GraphQL had no part in."""
    row = SHELL_CODES[code]
    extensions = {"code": code, "retryable": row.retryable}
    return {"errors": [{"message": row.form.format(**values), "extensions": extensions}]}
