"""store-schema, verify-schema, get-schema."""

import json
from argparse import ArgumentParser
from typing import Any

from cli.client import GraphQL, mutate
from cli.context import Context
from cli.failures import CommandFailure
from cli.files import read_schema_file, write_text
from cli.parsers import Commands, reaches_the_api
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema
from shared.limits import PAGE_SIZE_MAX

SCHEMA_FILE = "fragment.jsonc"
SCHEMA_REFERENCE = "https://fragment.dev/api/json-schemas/fragment.json/1"

STORE = """
mutation StoreSchema($schema: SchemaInput!) {
  storeSchema(schema: $schema) {
    __typename
    ... on StoreSchemaResult { schema { key name version { version created } } }
    ... on Error { code message retryable }
  }
}
"""
GET = """
query GetSchema($key: SafeString!, $version: Int) {
  schema(schema: {key: $key, version: $version}) { key version { version json } }
}
"""
LIST = """
query ListSchemas($first: Int) {
  schemas(first: $first) { nodes { key } pageInfo { hasNextPage } }
}
"""


def add_commands(commands: Commands) -> None:
    """Adds the three commands."""
    store = commands.add_parser("store-schema", help="store a Schema file as the next version")
    add_schema_path(store)
    reaches_the_api(store, store_schema)
    verify = commands.add_parser("verify-schema", help="tell every rule that a Schema file breaks")
    add_schema_path(verify)
    verify.add_argument("-v", "--verbose", action="store_true", help="also tell what it holds")
    verify.set_defaults(run=verify_schema)
    get = commands.add_parser("get-schema", help="write a stored Schema to a file")
    get.add_argument("-k", "--key", help="which one; not needed when there is only one")
    get.add_argument("--version", type=int, help="which version; the latest when left out")
    get.add_argument("-o", "--output", help="the file; <key>.jsonc when left out")
    reaches_the_api(get, get_schema)


def add_schema_path(parser: ArgumentParser) -> None:
    """Adds the Schema file's flag."""
    parser.add_argument(
        "-p", "--path", default=SCHEMA_FILE, help=f"the Schema file; {SCHEMA_FILE} when left out"
    )


async def store_schema(context: Context) -> None:
    """Stores the file; a Schema without a name is named by its key."""
    document = read_schema_file(context.path(context.arguments.path), context.world.variables)
    if "key" in document:
        document["name"] = document.get("name") or document["key"]
    async with context.api() as api:
        result = await mutate(api, STORE, {"schema": document})
    context.say_json(result["schema"])


async def verify_schema(context: Context) -> None:
    """Checks the file as storing it would, without a service."""
    path = context.arguments.path
    document = read_schema_file(context.path(path), context.world.variables)
    schema = compiled(path, document)
    context.say(f"{path}: the Schema {schema.key} is valid")
    if context.arguments.verbose:
        context.say(f"{len(schema.chart.nodes)} Ledger Accounts and templates of them")
        context.say(f"{len(schema.entry_types)} versions of entry types")


def compiled(name: str, document: dict[str, Any]) -> Schema:
    """The compiled Schema; CommandFailure with all violations, a line each. `name`: whose."""
    schema = parse_schema(document)
    if isinstance(schema, Schema):
        return schema
    count = f"{len(schema)} violations" if len(schema) > 1 else "1 violation"
    raise CommandFailure("\n".join([f"{name}: {count}", *map(str, schema)]))


async def get_schema(context: Context) -> None:
    """Writes the Schema's document."""
    arguments = context.arguments
    async with context.api() as api:
        key = arguments.key or await _only_key(api)
        found = await fetch_document(api, key, arguments.version)
    document = {"$schema": SCHEMA_REFERENCE, **found}
    name = arguments.output or f"{key}.jsonc"
    write_text(context.path(name), json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    context.tell(f"{name}: the Schema {key}")


async def fetch_document(api: GraphQL, key: str, version: int | None = None) -> dict[str, Any]:
    """The document of a stored Schema. Raises CommandFailure when there is none."""
    found = (await api.execute(GET, {"key": key, "version": version}))["schema"]
    if found is None:
        raise CommandFailure(f"there is no Schema {key}")
    document = found["version"]["json"]
    if isinstance(document, str):
        document = json.loads(document)
    assert isinstance(document, dict)
    return document


async def _only_key(api: GraphQL) -> str:
    listed = (await api.execute(LIST, {"first": PAGE_SIZE_MAX}))["schemas"]
    keys = [schema["key"] for schema in listed["nodes"]]
    if not keys:
        raise CommandFailure("no Schema is stored")
    if len(keys) > 1:
        more = " …" if listed["pageInfo"]["hasNextPage"] else ""
        raise CommandFailure(f"say which Schema with --key: {', '.join(keys)}{more}")
    key: str = keys[0]
    return key
