"""What a hostile case is: a request that must be refused, and how.

A case is made of values, so that a failure prints what was sent. What differs between runs (ids,
tokens,
cursors) is filled in from the world at the last moment: `{{ledger_id}}` in a request is the world's
`ledger_id`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

GRAPHQL_PATH = "/graphql"
TOKEN_PATH = "/oauth2/token"
JSON_TYPE = "application/json"

# Codes of the API's table (shared.ledger.rejections) and of the layers before it
# (shared.graphql.codes).
BAD_INPUT = "bad_user_input"
SYNTAX = "syntax_error"
INVALID = "validation_failed"
MALFORMED = "malformed_request"


@dataclass(frozen=True, slots=True)
class World:
    """What hostile requests refer to: two workspaces, with things in both."""

    token: str
    reader_token: str
    foreign_token: str
    client_id: str
    client_secret: str
    scope: str
    token_secret: str
    ledger_ik: str
    plain_ik: str  # a ledger without a Schema: an asset `vault`, multi; a strong liability `wallet`
    ledger_id: str
    account_id: str
    entry_id: str
    line_id: str
    cursor: str  # of the ledger's entries, two a page
    line_cursor: str  # of an account's lines, two a page
    filtered_cursor: str  # of the ledger's entries of type deposit, two a page
    foreign_ledger_ik: str
    foreign_ledger_id: str
    foreign_account_id: str
    foreign_entry_id: str
    foreign_line_id: str
    foreign_cursor: str
    foreign_schema_key: str
    forged: dict[str, str] = field(default_factory=dict)  # tokens, by what is wrong with them

    def fill(self, text: str) -> str:
        """`text` with every `{{name}}` of a field of this world replaced."""
        for name in WORLD_NAMES:
            mark = "{{" + name + "}}"
            if mark in text:
                text = text.replace(mark, getattr(self, name))
        return text


WORLD_NAMES = tuple(name for name in World.__annotations__ if name != "forged")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, byte for byte."""

    method: str = "POST"
    path: str = GRAPHQL_PATH
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Case:
    """A request and the refusal that it must get.

    `code` is looked for in `errors[].extensions.code` and in the union members of `data`; empty:
    none is
    documented. `data`: what the answer's data must be instead of an error (a lookup that finds
    nothing).
    """

    name: str
    build: Callable[[World], Request]
    code: str = ""
    status: int = 200
    data: Any = None
    raw: bytes = b""  # what the answer's body must hold


def headers(token: str = "", content_type: str | None = JSON_TYPE) -> tuple[tuple[str, str], ...]:
    """The headers of an ordinary client."""
    found: list[tuple[str, str]] = []
    if content_type is not None:
        found.append(("Content-Type", content_type))
    if token:
        found.append(("Authorization", f"Bearer {token}"))
    return tuple(found)


def body_case(
    name: str, body: bytes | str, code: str, *, status: int = 200, content_type: str = JSON_TYPE
) -> Case:
    """A body as it stands, sent by an ordinary client."""

    def build(world: World) -> Request:
        sent = body.encode() if isinstance(body, str) else body
        return Request(headers=headers(world.token, content_type), body=sent)

    return Case(name, build, code, status)


def graphql_case(
    name: str,
    document: str,
    variables: dict[str, Any] | None = None,
    code: str = "",
    *,
    data: Any = None,
    token: str = "token",
    operation: str | None = None,
) -> Case:
    """A document with variables, sent by an ordinary client as `application/json`."""

    def build(world: World) -> Request:
        sent: dict[str, Any] = {"query": document}
        if variables is not None:
            sent["variables"] = variables
        if operation is not None:
            sent["operationName"] = operation
        text = world.fill(json.dumps(sent))  # escapes: a lone surrogate goes out as \ud800
        return Request(headers=headers(getattr(world, token)), body=text.encode())

    return Case(name, build, code, data=data)


# --- Posting
# ------------------------------------------------------------------------------------------
POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    __typename
    ... on AddLedgerEntryResult { isIkReplay entry { id } }
    ... on Error { code message retryable }
  }
}"""
POST_BATCH = """mutation postBatch($entries: [AddLedgerEntryInput!]!) {
  addLedgerEntries(entries: $entries) {
    __typename
    ... on AddLedgerEntriesResult { results { isIkReplay } }
    ... on AddLedgerEntriesError { errors { ik code message retryable } }
    ... on Error { code message retryable }
  }
}"""
LEDGER = {"ik": "{{ledger_ik}}"}
PARAMETERS = {"user": "ann", "amount": "100"}
ABSENT: Any = object()


def entry(**changes: Any) -> dict[str, Any]:
    """An entry that would be posted, with `changes`; ABSENT takes a member away."""
    whole = {"ledger": LEDGER, "type": "deposit", "parameters": PARAMETERS, **changes}
    return {name: value for name, value in whole.items() if value is not ABSENT}


def own_ik(name: str) -> str:
    """An ik that no other case has: one that is posted by mistake must not make others replays."""
    return blake2b(name.encode(), digest_size=8).hexdigest()


def post_case(name: str, code: str, *, ik: Any = ABSENT, **changes: Any) -> Case:
    """addLedgerEntry of an otherwise good entry."""
    given = own_ik(name) if ik is ABSENT else ik
    return graphql_case(name, POST, {"ik": given, "entry": entry(**changes)}, code)


def parameter_case(name: str, code: str, **parameters: Any) -> Case:
    """addLedgerEntry with other parameters."""
    given = {**PARAMETERS, **parameters}
    given = {key: value for key, value in given.items() if value is not ABSENT}
    return post_case(name, code, parameters=given)


def runtime_line(path: str, amount: Any, **more: Any) -> dict[str, Any]:
    """A line as a LedgerLineInput."""
    return {"account": {"path": path}, "amount": amount, **more}


def lines_case(name: str, code: str, lines: Any, **changes: Any) -> Case:
    """addLedgerEntry of a type whose lines come with the request."""
    members = {"type": "manual", "parameters": ABSENT, "lines": lines, **changes}
    return post_case(name, code, **members)


def batch_case(name: str, code: str, entries: Any) -> Case:
    """addLedgerEntries."""
    return graphql_case(name, POST_BATCH, {"entries": entries}, code)
