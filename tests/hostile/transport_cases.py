"""What goes wrong before GraphQL is asked: methods, content types, bodies, tokens, paths."""

import json
from base64 import b64encode

from tests.hostile.cases import (
    MALFORMED,
    TOKEN_PATH,
    Case,
    Request,
    World,
    body_case,
    headers,
)

GOOD = '{"query": "{ workspace { id } }"}'
FORM = "application/x-www-form-urlencoded"


# --- Methods, paths, content types ----------------------------------------------------------------
def request_case(
    name: str,
    code: str,
    status: int,
    method: str = "POST",
    path: str = "/graphql",
    body: str = GOOD,
) -> Case:
    """An ordinary request but for its method or path."""

    def build(world: World) -> Request:
        return Request(method, path, headers(world.token), body.encode())

    return Case(name, build, code, status)


METHODS = [
    request_case(f"method {method}", "method_not_allowed", 405, method)
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
] + [
    request_case("method HEAD", "", 405, "HEAD"),
    request_case("method FOO", "", 400, "FOO"),
]

PATHS = [
    request_case(f"path {path}", "not_found", 404, path=path)
    for path in (
        "/",
        "/graphql/",
        "/graphql/../metrics2",
        "//graphql",
        "/GRAPHQL",
        "/graphql%00",
        "/.env",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/graphql;a=b",
        "/oauth2",
        "/admin",
        "/graphql/" + "a" * 5_000,
    )
] + [
    request_case("POST to the SDL", "method_not_allowed", 405, path="/schema.graphql"),
    request_case("POST to a probe", "method_not_allowed", 405, path="/healthz"),
]

CONTENT_TYPES = [
    body_case(f"content type {kind}", GOOD, "unsupported_media_type", status=415, content_type=kind)
    for kind in (
        "text/plain",
        "application/graphql",
        FORM,
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin-1",
        "application/jsonp",
        "*/*",
        "a" * 3_000,
    )
]


# --- Bodies ---------------------------------------------------------------------------------------
def nested(depth: int) -> str:
    """JSON arrays, one inside the other."""
    return "[" * depth + "]" * depth


POST_ONE = """mutation post($v: JSON) {
  addLedgerEntry(ik: "nested", entry: {ledger: {ik: "none"}, type: "none", parameters: $v}) {
    __typename
  }
}"""


def variables(raw: str, document: str = POST_ONE) -> str:
    """A body whose variable `v` is written as `raw`."""
    return f'{{"query": {json.dumps(document)}, "variables": {{"v": {raw}}}}}'


BODIES = [
    body_case(f"body {name}", body, MALFORMED, status=400)
    for name, body in {
        "empty": "",
        "blank": "   ",
        "null": "null",
        "a string": '"query"',
        "a number": "1",
        "a list": "[]",
        "a batch of operations": f"[{GOOD}]",
        "an empty object": "{}",
        "cut": GOOD[:-3],
        "two values": GOOD + GOOD,
        "with a trailing comma": '{"query": "{ workspace { id } }",}',
        "with a comment": '/* hi */ {"query": "{ workspace { id } }"}',
        "in single quotes": "{'query': '{ workspace { id } }'}",
        "with an unquoted key": '{query: "{ workspace { id } }"}',
        "with a NUL": GOOD + "\x00",
        "with a raw line end in a string": '{"query": "{ workspace\n { id } }"}',
        "with NaN": variables("NaN"),
        "with Infinity": variables("-Infinity"),
        "with 1e400": variables("1e400"),
        "with a leading zero": variables("01"),
        "with a hexadecimal number": variables("0x10"),
        "with a lone surrogate": variables('"\\ud800"'),
        "with half a surrogate pair": variables('"\\ud83d\\u0041"'),
        "with a bad escape": variables('"\\x41"'),
        "nested 100000 deep": variables(nested(100_000)),
        "query null": '{"query": null}',
        "query a number": '{"query": 1}',
        "query an object": '{"query": {}}',
        "query a list": '{"query": ["{ workspace { id } }"]}',
        "query given twice, the last one bad": '{"query": "{ workspace { id } }", "query": 1}',
        "variables a list": '{"query": "{ workspace { id } }", "variables": []}',
        "variables a string": '{"query": "{ workspace { id } }", "variables": "{}"}',
        "operationName a number": '{"query": "{ workspace { id } }", "operationName": 1}',
        "operationName a list": '{"query": "{ workspace { id } }", "operationName": ["a"]}',
    }.items()
] + [
    body_case("body in UTF-16", GOOD.encode("utf-16"), MALFORMED, status=400),
    body_case(
        "body with a byte order mark", b"\xef\xbb\xbf" + GOOD.encode(), MALFORMED, status=400
    ),
    body_case("body not UTF-8", b'{"query": "\xff\xfe"}', MALFORMED, status=400),
    body_case("body with overlong UTF-8", b'{"query": "\xc0\xaf"}', MALFORMED, status=400),
    body_case("body compressed without saying so", b"\x1f\x8b\x08\x00abc", MALFORMED, status=400),
    body_case("body of 2 MB and a byte", b" " * 2_000_001, "body_too_large", status=413),
    body_case("body of 5 MB", b"x" * 5_000_000, "body_too_large", status=413),
    body_case("variable nested 51 deep", variables(nested(51)), "json_too_deep"),
    body_case("variable nested 1000 deep", variables(nested(1_000)), "json_too_deep"),
]


# --- Tokens ---------------------------------------------------------------------------------------
def token_case(name: str, *authorization: str) -> Case:
    """`{{token}}` and other names of the world are filled in; names of forged tokens too."""

    def build(world: World) -> Request:
        found = [("Content-Type", "application/json")]
        for value in authorization:
            for forged, token in world.forged.items():
                value = value.replace("{{" + forged + "}}", token)
            found.append(("Authorization", world.fill(value)))
        return Request(headers=tuple(found), body=GOOD.encode())

    return Case(f"token {name}", build, "UNAUTHENTICATED", 401)


TOKENS = [
    token_case("absent"),
    token_case("header empty", ""),
    token_case("scheme alone", "Bearer"),
    token_case("of blanks", "Bearer    "),
    token_case("without a scheme", "{{token}}"),
    token_case("as Basic", "Basic {{token}}"),
    token_case("with an unknown scheme", "Token {{token}}"),
    token_case("twice in one header", "Bearer {{token}} {{token}}"),
    token_case("followed by a comma and another", "Bearer {{token}}, Bearer {{token}}"),
    token_case("in quotes", 'Bearer "{{token}}"'),
    token_case("garbage", "Bearer abc.def.ghi"),
    token_case("of dots", "Bearer .."),
    token_case("null", "Bearer null"),
    token_case("very long", "Bearer " + "a" * 20_000),
    token_case("in Latin-1", "Bearer töken"),
    token_case("that is the client's secret", "Bearer {{client_secret}}"),
    token_case("cut at its end", "Bearer {{cut}}"),
    token_case("without its signature", "Bearer {{unsigned}}"),
    token_case("with alg none", "Bearer {{alg_none}}"),
    token_case("with alg NONE and a signature", "Bearer {{alg_none_signed}}"),
    token_case("with another key", "Bearer {{wrong_key}}"),
    token_case("with an empty key", "Bearer {{empty_key}}"),
    token_case("with HS512", "Bearer {{hs512}}"),
    token_case("with a changed workspace", "Bearer {{changed_workspace}}"),
    token_case("with a changed role", "Bearer {{changed_role}}"),
    token_case("expired", "Bearer {{expired}}"),
    token_case("of another issuer", "Bearer {{other_issuer}}"),
    token_case("of no client", "Bearer {{no_client}}"),
    token_case("of a client of another workspace", "Bearer {{moved_client}}"),
    token_case("with claims missing", "Bearer {{few_claims}}"),
    token_case("with claims of wrong types", "Bearer {{odd_claims}}"),
    token_case("whose claims are a list", "Bearer {{list_claims}}"),
]


# --- The token endpoint ---------------------------------------------------------------------------
def grant_case(
    name: str,
    error: str,
    form: str,
    *,
    status: int = 400,
    basic: str | None = "{{client_id}}:{{client_secret}}",
    kind: str = FORM,
    method: str = "POST",
) -> Case:
    """A token request; its refusal has OAuth's form."""

    def build(world: World) -> Request:
        found = list(headers(content_type=kind))
        if basic is not None:
            encoded = b64encode(world.fill(basic).encode()).decode()
            found.append(("Authorization", f"Basic {encoded}"))
        return Request(method, TOKEN_PATH, tuple(found), world.fill(form).encode())

    raw = f'"error":"{error}"'.encode() if error else b""
    return Case(f"grant {name}", build, "", status, raw=raw)


GRANT = "grant_type=client_credentials&scope={{scope}}"
GRANTS = [
    grant_case("with a wrong secret", "invalid_client", GRANT, status=401, basic="{{client_id}}:x"),
    grant_case("of no client", "invalid_client", GRANT, status=401, basic="nobody:x"),
    grant_case("without credentials", "invalid_client", GRANT, status=401, basic=None),
    grant_case("without a colon", "invalid_client", GRANT, status=401, basic="{{client_id}}"),
    grant_case("with an empty secret", "invalid_client", GRANT, status=401, basic="{{client_id}}:"),
    grant_case(
        "with a client id of a key's form",
        "invalid_client",
        GRANT,
        status=401,
        basic="C#{{client_id}}:x",
    ),
    grant_case(
        "with a client id of 5000 characters",
        "invalid_client",
        GRANT,
        status=401,
        basic="a" * 3_000 + ":x",
    ),
    grant_case("with a NUL", "invalid_client", GRANT, status=401, basic="a\x00b:x"),
    grant_case("with an emoji", "invalid_client", GRANT, status=401, basic="💥:💥"),
    grant_case("of another type", "unsupported_grant_type", "grant_type=password&username=a"),
    grant_case("without a type", "invalid_request", "scope={{scope}}"),
    grant_case("with an empty body", "invalid_request", ""),
    grant_case("with another scope", "invalid_scope", "grant_type=client_credentials&scope=root"),
    grant_case("with one scope too many", "invalid_scope", GRANT + "+root"),
    grant_case("with a type given twice", "invalid_request", GRANT + "&grant_type=password"),
    grant_case(
        "in JSON", "invalid_request", '{"grant_type":"client_credentials"}', kind="application/json"
    ),
    grant_case("of 100 KB", "invalid_request", GRANT + "&x=" + "a" * 100_000),
    grant_case("of 1000 fields", "invalid_request", GRANT + "&a=b" * 1_000),
    grant_case(
        "contradicting its header", "invalid_request", GRANT + "&client_id=other&client_secret=x"
    ),
    grant_case("by GET", "", GRANT, status=405, method="GET"),
]

TRANSPORT_CASES: list[Case] = [
    *METHODS,
    *PATHS,
    *CONTENT_TYPES,
    *BODIES,
    *TOKENS,
    *GRANTS,
]
