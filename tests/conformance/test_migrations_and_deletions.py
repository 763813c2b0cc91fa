"""The official client stores versions, watches Ledgers follow, and deletes Ledgers and Schemas."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    CreateLedgerInput,
    LedgerMatchInput,
    SchemaInput,
    SchemaMatchInput,
)

from tests.conformance.asking import ask, eventually
from tests.conformance.rules import rule
from tests.migrating import await_migrated

pytestmark = pytest.mark.engines

# The guide's own query.
STATUS = """query GetLedgerMigrationStatus($schema: SchemaMatchInput!) {
  schema(schema: $schema) {
    key
    name
    latestVersion: version { migrations { nodes { ledger { ik name } status } } }
  }
}"""
MINE = """query mine($ik: SafeString!, $first: Int, $after: String) {
  ledger(ledger: {ik: $ik}) {
    migrations(first: $first, after: $after) {
      nodes { status schemaVersion { version } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
ACCOUNT = """query account($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) { path }
}"""


def named(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:12]}"


def grown(schema: dict[str, Any], count: int) -> dict[str, Any]:
    """The Schema with `count` root accounts more."""
    more = [{"key": f"equity{at}", "type": "liability"} for at in range(count)]
    accounts = [*schema["chartOfAccounts"]["accounts"], *more]
    return {**schema, "chartOfAccounts": {**schema["chartOfAccounts"], "accounts": accounts}}


async def store(client: Any, schema: dict[str, Any]) -> int:
    stored = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert stored.typename__ == "StoreSchemaResult", getattr(stored, "message", "")
    return int(stored.schema_.version.version)


async def create(client: Any, schema: dict[str, Any], ik: str = "") -> str:
    ik = ik or named("ledger")
    made = (await client.create_ledger(ik, CreateLedgerInput(name=ik), schema["key"])).create_ledger
    assert made.typename__ == "CreateLedgerResult", getattr(made, "message", "")
    return ik


@rule("guide B", "Updating a Schema migrates every Ledger of it")
@rule("guide I.j", "version.migrations tells each Ledger's migration status")
@rule("reference 6 Schemas", "storeSchema adds a version and migrates its Ledgers asynchronously")
async def test_every_ledger_of_a_schema_follows_to_its_next_version(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = named("schema")
    assert await store(client, schema) == 1
    ledgers = [await create(client, schema) for _ in range(3)]
    assert await store(client, grown(schema, 1)) == 2
    statuses = await await_migrated(client, schema["key"])
    assert statuses == dict.fromkeys(ledgers, "completed")
    found = (await ask(client, STATUS, schema={"key": schema["key"]}))["schema"]
    nodes = found["latestVersion"]["migrations"]["nodes"]
    assert [node["ledger"]["ik"] for node in nodes] == ledgers[::-1]
    for ik in ledgers:
        account = (await ask(client, ACCOUNT, ik=ik, path="equity0"))["ledgerAccount"]
        assert account == {"path": "equity0"}


@rule("reference 6 Schemas", "A version that a newer one overtook is skipped")
@rule("reference 10 Lists", "Ledger.migrations is paged, the newest version first")
async def test_each_version_since_a_ledger_was_made_is_completed_or_skipped(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = named("schema")
    await store(client, schema)
    ik = await create(client, schema)
    for count in range(1, 6):
        assert await store(client, grown(schema, count)) == count + 1
    await await_migrated(client, schema["key"])
    seen: list[tuple[int, str]] = []
    after = None
    for _ in range(3):
        page = (await ask(client, MINE, ik=ik, first=2, after=after))["ledger"]["migrations"]
        seen += [(node["schemaVersion"]["version"], node["status"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert after is None
    assert [version for version, _ in seen] == [6, 5, 4, 3, 2]
    assert seen[0] == (6, "completed")
    assert {status for _, status in seen} <= {"completed", "skipped"}


@rule("reference 6 Schemas", "Posting goes on while Ledgers are migrated")
async def test_posts_are_accepted_during_a_migration(client: Any, schema: dict[str, Any]) -> None:
    schema["key"] = named("schema")
    await store(client, schema)
    ik = await create(client, schema)
    parameters = {"user": "ann", "amount": "10", "fee": "1"}
    for number in range(10):
        if number == 3:
            await store(client, grown(schema, 120))
        answer = await client.add_ledger_entry(f"post-{number}", ik, "deposit", parameters)
        assert answer.add_ledger_entry.typename__ == "AddLedgerEntryResult"
    assert await await_migrated(client, schema["key"]) == {ik: "completed"}


@rule("reference 6 Schemas", "What was deployed is not removed: refused with path and reason")
async def test_refused_changes_are_named_with_path_and_reason(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = named("schema")
    await store(client, schema)
    schema["chartOfAccounts"]["accounts"][3]["type"] = "asset"
    schema["ledgerEntries"]["types"][0]["description"] = "Another."
    refused = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert refused.typename__ == "BadRequestError"
    assert refused.code == "schema_not_backwards_compatible"
    assert "chartOfAccounts expense: must keep its type" in refused.message
    assert "ledgerEntries deposit, version 1: must stay as it is" in refused.message


@rule("reference 7 Ledgers", "A deleted Ledger is gone and its ik may be used again")
async def test_a_deleted_ledger_is_gone_and_its_ik_makes_another(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = named("schema")
    await store(client, schema)
    ik = await create(client, schema)
    parameters = {"user": "ann", "amount": "10", "fee": "1"}
    first = (await client.add_ledger_entry("one", ik, "deposit", parameters)).add_ledger_entry
    old_id = (await client.get_ledger(ik)).ledger.id
    deleted = (await client.delete_ledger(LedgerMatchInput(ik=ik))).delete_ledger
    assert (deleted.typename__, deleted.success) == ("DeleteLedgerResult", True)

    async def gone() -> Any:  # a ledger's head may be a second old
        return (await client.get_ledger(ik)).ledger

    await eventually(gone, None)

    async def refused() -> str:
        answer = await client.add_ledger_entry(named("late"), ik, "deposit", parameters)
        return str(getattr(answer.add_ledger_entry, "code", "posted"))

    await eventually(refused, "ledger_not_found")
    again = (await client.delete_ledger(LedgerMatchInput(ik=ik))).delete_ledger
    assert (again.typename__, again.code) == ("BadRequestError", "ledger_not_found")
    assert (await client.get_ledger_entry("one", ik)).ledger_entry is None

    await create(client, schema, ik)

    async def id_now() -> bool:
        found = (await client.get_ledger(ik)).ledger
        return found is not None and found.id != old_id

    await eventually(id_now, True)
    second = (await client.add_ledger_entry("one", ik, "deposit", parameters)).add_ledger_entry
    assert second.is_ik_replay is False
    assert second.entry.id != first.entry.id

    async def listed() -> list[str]:
        entries = (await client.list_ledger_entries(ik)).ledger.ledger_entries
        return [node.posted for node in entries.nodes]

    await eventually(listed, [second.entry.posted])


@rule("reference 6 Schemas", "deleteSchema is refused while a Ledger uses the Schema")
@rule("reference 6 Schemas", "A deleted Schema is gone; its key begins again with version 1")
async def test_a_schema_is_deleted_once_no_ledger_uses_it(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = named("schema")
    await store(client, schema)
    assert await store(client, grown(schema, 1)) == 2
    ik = await create(client, schema)
    match = SchemaMatchInput(key=schema["key"])
    refused = (await client.delete_schema(match)).delete_schema
    assert (refused.typename__, refused.code) == ("BadRequestError", "schema_in_use")
    await client.delete_ledger(LedgerMatchInput(ik=ik))
    deleted = (await client.delete_schema(match)).delete_schema
    assert (deleted.typename__, deleted.success) == ("DeleteSchemaResult", True)
    assert (await client.get_schema(schema["key"])).schema_ is None
    gone = (await client.delete_schema(match)).delete_schema
    assert gone.code == "schema_not_found"
    made = await client.create_ledger(named("late"), CreateLedgerInput(name="x"), schema["key"])
    assert made.create_ledger.code == "schema_not_found"
    schema["name"] = "Anew"
    assert await store(client, schema) == 1
    found = (await client.get_schema(schema["key"])).schema_
    assert (found.version.version, found.version.json_) == (1, schema)


@rule("reference 6 Schemas", "A Ledger created beside a new version is on the newest")
async def test_ledgers_created_while_a_version_is_stored_end_on_it(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = named("schema")
    await store(client, schema)
    *iks, version = await asyncio.gather(
        *[create(client, schema) for _ in range(4)], store(client, grown(schema, 1))
    )
    assert version == 2
    statuses = await await_migrated(client, schema["key"])
    assert set(statuses.values()) <= {"completed"}
    for ik in iks:
        account = (await ask(client, ACCOUNT, ik=ik, path="equity0"))["ledgerAccount"]
        assert account == {"path": "equity0"}
