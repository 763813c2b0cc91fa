"""Schemas and their versions."""

from tests.builders_schema import edited, quickstart
from tests.read_rig import OTHER_WORKSPACE, ReadRig

SCHEMA = """
query schema($schema: SchemaMatchInput!, $version: Int) {
  schema(schema: $schema) { key name version(version: $version) { created version json } }
}
"""
VERSIONS = """
query versions($after: String, $before: String, $first: Int) {
  schema(schema: {key: "quickstart-schema"}) {
    versions(after: $after, before: $before, first: $first) {
      nodes { version }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}
"""


async def store_versions(reader: ReadRig, count: int) -> None:
    for number in range(1, count + 1):
        await reader.schema(edited(quickstart(), {"name": f"Name {number}"}))
        reader.clock.advance(1_000)


async def test_a_schema_gives_its_newest_version_or_the_one_asked_for(reader: ReadRig) -> None:
    await store_versions(reader, 3)
    cases = {(None, None): 3, (0, None): 3, (2, None): 2, (2, 1): 1, (None, 2): 2, (None, 0): 3}
    for (in_match, in_field), number in cases.items():
        match = {"key": "quickstart-schema", "version": in_match}
        answer = await reader.ask(SCHEMA, schema=match, version=in_field)
        schema = answer.data["schema"]
        assert (schema["key"], schema["name"]) == ("quickstart-schema", "Name 3")
        assert schema["version"] == {
            "created": f"2023-11-14T22:13:{19 + number}.000Z",
            "version": number,
            "json": edited(quickstart(), {"name": f"Name {number}"}),
        }


async def test_a_schema_or_version_that_is_not_there_is_null(reader: ReadRig) -> None:
    await store_versions(reader, 2)
    for match in ({"key": "other"}, {"key": "quickstart-schema", "version": 3}):
        assert (await reader.ask(SCHEMA, schema=match)).data == {"schema": None}
    for version in (3, -1):
        match = {"key": "quickstart-schema", "version": version}
        assert (await reader.ask(SCHEMA, schema=match)).data == {"schema": None}
    key = {"key": "quickstart-schema"}
    answer = await reader.ask(SCHEMA, as_workspace=OTHER_WORKSPACE, schema=key)
    assert answer.data == {"schema": None}


async def test_a_version_field_that_asks_for_too_much_is_refused(reader: ReadRig) -> None:
    await store_versions(reader, 2)
    for version in (3, -1):
        answer = await reader.ask(SCHEMA, schema={"key": "quickstart-schema"}, version=version)
        message = f"The Schema quickstart-schema has no version {version}."
        assert answer.refusals == [("schema_version_not_found", message)]


async def test_versions_are_listed_newest_first_and_walked_both_ways(reader: ReadRig) -> None:
    await store_versions(reader, 5)
    first = (await reader.ask(VERSIONS, first=2)).data["schema"]["versions"]
    assert first["nodes"] == [{"version": 5}, {"version": 4}]
    assert first["pageInfo"]["hasPreviousPage"] is False
    after = first["pageInfo"]["endCursor"]
    second = (await reader.ask(VERSIONS, after=after)).data["schema"]["versions"]
    assert second["nodes"] == [{"version": 3}, {"version": 2}]
    after = second["pageInfo"]["endCursor"]
    third = (await reader.ask(VERSIONS, after=after)).data["schema"]["versions"]
    assert third["nodes"] == [{"version": 1}]
    assert third["pageInfo"]["hasNextPage"] is False
    before = third["pageInfo"]["startCursor"]
    assert (await reader.ask(VERSIONS, before=before)).data["schema"]["versions"] == second


async def test_schemas_are_listed_newest_first(reader: ReadRig) -> None:
    for key in ("one", "two", "three"):
        await reader.schema(edited(quickstart(), {"key": key, "name": key.title()}))
        reader.clock.advance(10)
    answer = await reader.ask("{ schemas { nodes { key name version { version } } } }")
    assert answer.data["schemas"]["nodes"] == [
        {"key": key, "name": key.title(), "version": {"version": 1}}
        for key in ("three", "two", "one")
    ]
    assert reader.calls == {"Query": 1, "BatchGetItem": 2}
    answer = await reader.ask("{ schemas { nodes { key } } }", as_workspace=OTHER_WORKSPACE)
    assert answer.data == {"schemas": {"nodes": []}}


async def test_a_schemas_ledgers_are_listed_newest_first(reader: ReadRig) -> None:
    for ik in ("a", "b"):
        await reader.ledger(ik, quickstart())
        reader.clock.advance(10)
    await reader.ledger("other", edited(quickstart(), {"key": "other"}))
    query = '{ schema(schema: {key: "quickstart-schema"}) { ledgers { nodes { ik } } } }'
    answer = await reader.ask(query)
    assert answer.data["schema"]["ledgers"]["nodes"] == [{"ik": "b"}, {"ik": "a"}]


async def test_migrations_cost_a_query_and_one_read_of_heads_and_records(reader: ReadRig) -> None:
    for ik in ("a", "b"):
        await reader.ledger(ik, quickstart())
    query = """{ schema(schema: {key: "quickstart-schema"}) {
        version { migrations { nodes { status ledger { ik } } } } } }"""
    answer = await reader.ask(query)
    nodes = answer.data["schema"]["version"]["migrations"]["nodes"]
    assert nodes == [{"status": "queued", "ledger": {"ik": "a"}}]
    assert reader.calls == {"Query": 1, "BatchGetItem": 3}
    assert reader.read_keys == 2 + 2 * 2
