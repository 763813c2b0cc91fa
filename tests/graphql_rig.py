"""The GraphQL shell with resolvers that a test makes up, and none of the ledger behind it."""

from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import orjson
from ariadne import ObjectType
from graphql import GraphQLError, GraphQLField, GraphQLObjectType, GraphQLSchema

from shared.auth import ApiClient, TokenAuthenticator, TokenSigner, secret_digest
from shared.clock import FixedClock
from shared.graphql.documents import Documents, Operation
from shared.graphql.execution import Execution
from shared.graphql.failures import Failures
from shared.graphql.inputs import coerce_variables
from shared.graphql.sdl import make_schema
from shared.graphql.service import Service, create_service
from shared.ledger.rejections import Rejection
from shared.observe import EventLog, Metrics
from shared.settings import Settings

TOKEN_SECRET = "a secret of at least thirty-two bytes"
SECRET = "the client's secret"
WORKSPACE = "workspace"

Resolvers = dict[str, dict[str, Callable[..., Any]]]  # by type and field


def new_schema(resolvers: Resolvers | None = None) -> GraphQLSchema:
    """The whole API with these resolvers bound."""
    bindables = []
    for name, fields in (resolvers or {}).items():
        bindable = ObjectType(name)
        for field, resolver in fields.items():
            bindable.set_field(field, resolver)
        bindables.append(bindable)
    return make_schema(*bindables)


class _Rebound:
    """One schema for all tests: building it takes longer than most of them."""

    def __init__(self) -> None:
        self.schema = new_schema()
        self._changed: list[tuple[GraphQLField, Any]] = []

    def with_resolvers(self, resolvers: Resolvers) -> GraphQLSchema:
        for field, resolve in self._changed:
            field.resolve = resolve
        self._changed.clear()
        for name, fields in resolvers.items():
            type_ = self.schema.type_map[name]
            assert isinstance(type_, GraphQLObjectType)
            for field_name, resolver in fields.items():
                field = type_.fields[field_name]
                self._changed.append((field, field.resolve))
                field.resolve = resolver
        return self.schema


@cache
def _rebound() -> _Rebound:
    return _Rebound()


def schema_with(resolvers: Resolvers | None = None) -> GraphQLSchema:
    """The whole API with these resolvers bound, until the next call: it is the same schema."""
    return _rebound().with_resolvers(resolvers or {})


def operation_of(schema: GraphQLSchema, document: str, name: str | None = None) -> Operation:
    """The operation of a valid document."""
    operation = Documents(schema).operation(document, name)
    assert isinstance(operation, Operation), [error.message for error in operation]
    return operation


async def run(
    schema: GraphQLSchema,
    document: str,
    variables: dict[str, Any] | None = None,
    *,
    context: object = None,
    refusal: Rejection | None = None,
) -> dict[str, Any]:
    """The answer of one operation: `data`, and `errors` as they are sent."""
    operation = operation_of(schema, document)
    failures = Failures(EventLog("test"), "the-request")
    coerced = coerce_variables(operation.variables, variables or {})
    if isinstance(coerced, list):
        return {"errors": [failures.formatted(error) for error in coerced]}
    execution = Execution(operation, coerced, context, failures, refusal)
    answer: dict[str, Any] = {"data": await execution.run()}
    if execution.errors:
        answer["errors"] = [failures.formatted(error) for error in execution.errors]
    return orjson.loads(orjson.dumps(answer))  # what a client would read


def messages(errors: list[GraphQLError] | Operation) -> list[str]:
    """What a refused document's errors say."""
    assert isinstance(errors, list), "the document was accepted"
    return [error.message for error in errors]


def codes(errors: list[GraphQLError] | Operation) -> list[str]:
    """The codes of a refused document's errors."""
    assert isinstance(errors, list), "the document was accepted"
    return [(error.extensions or {})["code"] for error in errors]


def wire_headers(headers: dict[str, str]) -> dict[bytes, bytes]:
    """Headers whose names are written with underscores, as bytes: the values may hold any."""
    return {
        name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()
    }


class HeldClients:
    """API clients in a dict; counts how often one was looked up, and fails when told to."""

    def __init__(self, *clients: ApiClient) -> None:
        self.clients = {client.id: client for client in clients}
        self.found_count = 0
        self.failure: Exception | None = None

    async def find(self, client_id: str) -> ApiClient | None:
        self.found_count += 1
        if self.failure is not None:
            raise self.failure
        return self.clients.get(client_id)


ADMIN = ApiClient("admin", WORKSPACE, "", "admin", secret_digest(SECRET), 0)
READER = ApiClient("reader", WORKSPACE, "", "reader", secret_digest(SECRET), 0)


class HttpRig:
    """A service around stub resolvers, called through its ASGI interface."""

    def __init__(self, resolvers: Resolvers | None = None, **options: Any) -> None:
        self.clock = FixedClock()
        self.clients = HeldClients(ADMIN, READER)
        self.metrics = Metrics()
        self.signer = TokenSigner(TOKEN_SECRET)
        self.readiness: dict[str, Any] = options.pop("readiness", {})
        self.service: Service = create_service(
            Settings(token_secret=TOKEN_SECRET),
            options.pop("schema", None) or schema_with(resolvers),
            context_factory=lambda principal, request_id: (principal, request_id),
            authenticator=TokenAuthenticator(self.signer, self.clients, self.clock),
            readiness=self.readiness,
            metrics=self.metrics,
            clock=self.clock,
            request_id_prefix="test",
            **options,
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service), base_url="http://twofold"
        )

    def token(self, client: ApiClient = ADMIN) -> str:
        """A token that is good for an hour."""
        return self.signer.sign(client, "twofold", self.clock.now_ms())

    async def post(
        self, document: str, variables: Any = None, *, client: ApiClient = ADMIN, **headers: str
    ) -> httpx.Response:
        """One GraphQL request. Header names are written with underscores."""
        named = wire_headers(headers)
        return await self.http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={b"authorization": f"Bearer {self.token(client)}".encode()} | named,
        )

    def counted(self, operation: str, outcome: str) -> int:
        """How many requests the metrics tell of."""
        labels = {"operation": operation, "outcome": outcome}
        value = self.metrics.registry.get_sample_value("twofold_requests_total", labels)
        return int(value or 0)
