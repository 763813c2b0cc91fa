"""The official client stores Schemas and makes Ledgers."""

from typing import Any
from uuid import uuid4

import pytest
from fragment.exceptions import TokenRequestException
from fragment.sdk.client import Client as AsyncClient
from fragment.sdk.input_types import (
    CreateLedgerInput,
    LedgerMatchInput,
    SchemaInput,
    UpdateLedgerInput,
)
from fragment.sync_sdk.client import Client as SyncClient

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

VERSIONS = """query versions($key: SafeString!) {
  schema(schema: {key: $key}) {
    key name version { version }
    first: version(version: 1) { version json }
    versions { nodes { version } pageInfo { hasNextPage } }
  }
}"""


@rule("reference 1 Transport", "A token leads to one workspace")
async def test_workspace_has_an_id_and_a_name(client: Any) -> None:
    workspace = (await client.get_workspace()).workspace
    assert workspace.id
    assert workspace.name


@rule("reference 1 Transport", "A wrong secret gets no token, and is told as OAuth tells it")
async def test_wrong_secret_is_told_as_a_token_error(system: System) -> None:
    told = {**arguments(system.connection), "client_secret": "wrong"}
    async with AsyncClient(**told) as async_client:
        with pytest.raises(TokenRequestException, match="invalid_client"):
            await async_client.get_workspace()
    with (
        SyncClient(**told) as sync_client,
        pytest.raises(TokenRequestException, match="invalid_client"),
    ):
        sync_client.get_workspace()


@rule(
    "reference 6 Versions",
    "An unchanged Schema makes no version; a changed one the next; each is kept",
)
async def test_unchanged_schema_makes_no_version_and_a_changed_one_the_next(
    client: Any, schema: dict[str, Any]
) -> None:
    key = schema["key"] = f"schema-{uuid4().hex[:12]}"
    for _ in range(2):
        stored = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
        assert stored.typename__ == "StoreSchemaResult"
        assert (stored.schema_.key, stored.schema_.name) == (key, "Conformance")
        assert stored.schema_.version.version == 1
    first = dict(schema)
    more = [*schema["chartOfAccounts"]["accounts"], {"key": "equity", "type": "liability"}]
    schema = {**schema, "chartOfAccounts": {**schema["chartOfAccounts"], "accounts": more}}
    stored = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert stored.schema_.version.version == 2

    newest = (await client.get_schema(key)).schema_
    assert newest.version.version == 2
    assert newest.version.json_ == schema
    oldest = (await client.get_schema(key, 1)).schema_
    assert oldest.version.version == 1
    assert oldest.version.json_ == first

    found = (await ask(client, VERSIONS, key=key))["schema"]
    assert found["version"]["version"] == 2
    assert found["first"] == {"version": 1, "json": first}
    assert sorted(node["version"] for node in found["versions"]["nodes"]) == [1, 2]


@rule("reference 2 Errors", "What a query looks up and isn't there is null")
async def test_schema_that_is_not_there_is_null(client: Any) -> None:
    assert (await client.get_schema("no-such-schema")).schema_ is None


@rule("reference 6 Validation", "A Schema is refused with all of its violations and where they are")
async def test_broken_schema_is_refused_with_every_violation_and_its_place(
    client: Any, schema: dict[str, Any]
) -> None:
    key = schema["key"] = f"schema-{uuid4().hex[:12]}"
    schema["chartOfAccounts"]["accounts"].append({"key": "untyped"})
    schema["ledgerEntries"]["types"][0]["lines"][0]["account"]["path"] = "assets/nowhere"
    refused = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert refused.typename__ == "BadRequestError"
    assert (refused.code, refused.retryable) == ("invalid_schema", False)
    assert "chartOfAccounts.accounts[4]" in refused.message
    assert "ledgerEntries.types[0].lines[0].account.path" in refused.message
    assert (await client.get_schema(key)).schema_ is None


@rule("reference 6 Versions", "A new version may not remove an account")
async def test_account_can_not_be_removed_from_a_schema(
    client: Any, schema: dict[str, Any]
) -> None:
    schema["key"] = f"schema-{uuid4().hex[:12]}"
    await client.store_schema(SchemaInput.model_validate(schema))
    schema["chartOfAccounts"]["accounts"].pop()
    refused = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert refused.typename__ == "BadRequestError"
    assert refused.code == "schema_not_backwards_compatible"


@rule("guide C.b", "One ik is one Ledger")
async def test_ledger_is_made_once_for_an_ik(client: Any, ledger: str) -> None:
    again = await client.create_ledger(ledger, CreateLedgerInput(name="Other"), "conformance")
    result = again.create_ledger
    assert result.typename__ == "CreateLedgerResult"
    assert result.is_ik_replay is True
    assert (result.ledger.ik, result.ledger.name) == (ledger, "Tests")
    assert result.ledger.schema_.key == "conformance"
    found = (await client.get_ledger(ledger)).ledger
    assert (found.id, found.ik, found.name) == (result.ledger.id, ledger, "Tests")
    assert found.balance_utc_offset == "+00:00"
    assert found.created == result.ledger.created


@rule("guide H.g", "A Ledger's balanceUTCOffset is given when it is made")
async def test_ledger_keeps_the_offset_that_it_was_made_with(client: Any, ledger: str) -> None:
    ik = f"ledger-{uuid4().hex[:12]}"
    wanted = CreateLedgerInput(name="Pacific", balanceUTCOffset="-08:00")
    made = (await client.create_ledger(ik, wanted, "conformance")).create_ledger
    assert made.is_ik_replay is False
    assert (await client.get_ledger(ik)).ledger.balance_utc_offset == "-08:00"


@rule("reference 7 Ledgers", "updateLedger changes the name alone")
async def test_only_the_name_of_a_ledger_changes(client: Any, ledger: str) -> None:
    before = (await client.get_ledger(ledger)).ledger
    changed = (await client.update_ledger(ledger, UpdateLedgerInput(name="New"))).update_ledger
    assert changed.typename__ == "UpdateLedgerResult"
    assert (changed.ledger.id, changed.ledger.ik, changed.ledger.name) == (before.id, ledger, "New")

    async def read() -> tuple[str, str, str]:  # a ledger's head may be a second old
        found = (await client.get_ledger(ledger)).ledger
        return found.name, found.id, found.created

    await eventually(read, ("New", before.id, before.created))


@rule("reference 2 Errors", "A mutation of what isn't there is a BadRequestError")
async def test_ledger_that_is_not_there_is_null_and_can_not_be_changed(client: Any) -> None:
    assert (await client.get_ledger("no-such-ledger")).ledger is None
    refused = await client.update_ledger("no-such-ledger", UpdateLedgerInput(name="New"))
    assert refused.update_ledger.typename__ == "BadRequestError"
    assert refused.update_ledger.code == "ledger_not_found"


@rule("reference 7 Ledgers", "A Ledger is made of a Schema that is stored")
async def test_ledger_of_an_unknown_schema_is_refused(client: Any) -> None:
    ik = f"ledger-{uuid4().hex[:12]}"
    refused = await client.create_ledger(ik, CreateLedgerInput(name="None"), "no-such-schema")
    assert refused.create_ledger.typename__ == "BadRequestError"
    assert refused.create_ledger.code == "schema_not_found"
    assert (await client.get_ledger(ik)).ledger is None


@rule("reference 10 Order", "Ledgers are listed newest created first")
async def test_ledgers_are_listed_newest_first(client: Any, ledger: str) -> None:
    query = """query newest { ledgers(first: 2) {
      nodes { ik name schema { key } } pageInfo { hasNextPage endCursor startCursor }
    } }"""
    newer = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(newer, CreateLedgerInput(name="Newer"), "conformance")

    async def read() -> list[str]:
        return [node["ik"] for node in (await ask(client, query))["ledgers"]["nodes"]]

    await eventually(read, [newer, ledger])


@rule("reference 7 Templates", "instantiateLedgerAccount makes an instance and its ancestors, once")
async def test_template_instance_is_made_with_its_ancestors_and_once(
    client: Any, ledger: str
) -> None:
    path = "liabilities/users:zoe/pending"
    match = LedgerMatchInput(ik=ledger)
    first = (
        await client.instantiate_ledger_account(match, path, {"user": "zoe"})
    ).instantiate_ledger_account
    assert first.typename__ == "InstantiateLedgerAccountResult"
    assert first.ledger_account.path == path
    assert first.ledger_account.type_ == "liability"
    again = (
        await client.instantiate_ledger_account(match, path, {"user": "zoe"})
    ).instantiate_ledger_account
    assert again.ledger_account == first.ledger_account
    query = """query parent($ik: SafeString!, $path: String!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) { name path balance }
    }"""
    parent = (await ask(client, query, ik=ledger, path="liabilities/users:zoe"))["ledgerAccount"]
    assert parent == {"name": "User zoe", "path": "liabilities/users:zoe", "balance": "0"}


@rule(
    "reference 7 Templates",
    "instantiateLedgerAccount needs the parameters of every name on the path",
)
async def test_template_instance_needs_the_parameters_of_its_names(
    client: Any, ledger: str
) -> None:
    refused = (
        await client.instantiate_ledger_account(
            LedgerMatchInput(ik=ledger), "liabilities/users:ann/pending"
        )
    ).instantiate_ledger_account
    assert refused.typename__ == "BadRequestError"
    assert refused.code == "missing_parameter"
    found = await client.get_ledger_account_balance("liabilities/users:ann/pending", ledger)
    assert found.ledger_account is None
