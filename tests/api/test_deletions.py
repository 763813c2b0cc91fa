"""deleteLedger and deleteSchema: what goes, what is free again, and who wins a race."""

import asyncio
from typing import Any

import pytest

from shared.ledger.ledgers import Ledger
from shared.limits import LEDGER_IK_RESTS_FOR_MS, SWEEP_DELAY_MS
from shared.store import keys
from shared.store.items import ledger_from_item
from tests.api.test_write_schemas_and_ledgers import (
    ACCOUNT,
    CURRENCIES,
    INSTANTIATE,
    UPDATE,
    quickstart,
    with_account,
)
from tests.migrating import migrate
from tests.read_rig import OTHER_WORKSPACE
from tests.write_api_rig import CREATE, STORE, WriteRig
from tests.write_rig import LEDGER_IK, SCHEMA_KEY, WORKSPACE
from write_service import ledgers

DELETE = """mutation delete($ledger: LedgerMatchInput!) {
  deleteLedger(ledger: $ledger) {
    __typename
    ... on DeleteLedgerResult { success }
    ... on Error { code message retryable }
  }
}"""
DELETE_SCHEMA = """mutation delete($schema: SchemaMatchInput!) {
  deleteSchema(schema: $schema) {
    __typename
    ... on DeleteSchemaResult { success }
    ... on Error { code message retryable }
  }
}"""
EVERYWHERE = """query everywhere(
  $id: ID!, $ik: SafeString!, $entry: ID!, $line: ID!, $account: ID!
) {
  byId: ledger(ledger: {id: $id}) { ik }
  byIk: ledger(ledger: {ik: $ik}) { ik }
  entry: ledgerEntry(ledgerEntry: {id: $entry}) { ik }
  entryByIk: ledgerEntry(ledgerEntry: {ik: "one", ledger: {ik: $ik}}) { ik }
  line: ledgerLine(ledgerLine: {id: $line}) { id }
  account: ledgerAccount(ledgerAccount: {id: $account}) { path }
  accountByPath: ledgerAccount(ledgerAccount: {path: "assets", ledger: {ik: $ik}}) { path }
  ledgers { nodes { ik } }
  schema(schema: {key: "quickstart-schema"}) {
    ledgers { nodes { ik } }
    version { migrations { nodes { status } } }
  }
}"""
ID = """query id($ik: SafeString!) { ledger(ledger: {ik: $ik}) { id } }"""
SUCCESS = {"__typename": "DeleteLedgerResult", "success": True}


async def delete(writer: WriteRig, ik: str = LEDGER_IK) -> dict[str, Any]:
    return dict((await writer.ask(DELETE, ledger={"ik": ik})).data["deleteLedger"])


async def delete_schema(writer: WriteRig, key: str = SCHEMA_KEY) -> dict[str, Any]:
    return dict((await writer.ask(DELETE_SCHEMA, schema={"key": key})).data["deleteSchema"])


async def id_of(writer: WriteRig, ik: str = LEDGER_IK) -> str:
    return str((await writer.ask(ID, ik=ik)).data["ledger"]["id"])


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A freed ik waits no real time: these tests have one process."""
    monkeypatch.setattr(ledgers, "LEDGER_IK_REST_MS", 0)


async def test_a_deleted_ledger_is_found_by_nothing(writer: WriteRig):
    await writer.store(with_account(quickstart(), "more"))
    added = await writer.fund("one", "ann", "5")
    ledger_id = await id_of(writer)
    asked = {
        "id": ledger_id,
        "ik": LEDGER_IK,
        "entry": added["entry"]["id"],
        "line": added["lines"][0]["id"],
        "account": (await writer.ask(ACCOUNT, path="assets")).data["ledgerAccount"]["id"],
    }
    before = (await writer.ask(EVERYWHERE, **asked)).data
    assert before["byId"] == before["byIk"] == {"ik": LEDGER_IK}
    assert before["entry"] == before["entryByIk"] == {"ik": "one"}
    assert before["account"] == before["accountByPath"] == {"path": "assets"}
    assert await delete(writer) == SUCCESS
    assert (await writer.ask(EVERYWHERE, **asked)).data == {
        "byId": None,
        "byIk": None,
        "entry": None,
        "entryByIk": None,
        "line": None,
        "account": None,
        "accountByPath": None,
        "ledgers": {"nodes": []},
        "schema": {
            "ledgers": {"nodes": []},
            "version": {"migrations": {"nodes": []}},
        },
    }


async def test_a_deleted_ledger_takes_no_writes(writer: WriteRig):
    assert await delete(writer) == SUCCESS
    before = writer.stored()
    assert (await writer.fund("one", "ann", "5"))["code"] == "ledger_not_found"
    assert (await delete(writer))["code"] == "ledger_not_found"
    match = {"ik": LEDGER_IK}
    renamed = (await writer.ask(UPDATE, ledger=match, update={"name": "x"})).data["updateLedger"]
    assert renamed["code"] == "ledger_not_found"
    opened = await writer.ask(INSTANTIATE, ledger=match, path="liabilities/users:ann/available")
    assert opened.data["instantiateLedgerAccount"]["code"] == "ledger_not_found"
    assert writer.stored() == before


async def test_a_ledger_is_deleted_by_its_id_and_never_from_another_workspace(writer: WriteRig):
    ledger_id = await id_of(writer)
    asked = await writer.ask(DELETE, as_workspace=OTHER_WORKSPACE, ledger={"id": ledger_id})
    assert asked.data["deleteLedger"]["code"] == "ledger_not_found"
    wrong = {"id": ledger_id, "ik": "another"}
    assert (await writer.ask(DELETE, ledger=wrong)).data["deleteLedger"]["code"] == (
        "ledger_not_found"
    )
    assert (await writer.ask(DELETE, ledger={"id": ledger_id})).data["deleteLedger"] == SUCCESS


@pytest.mark.usefixtures("no_rest")
async def test_a_freed_ik_makes_a_new_ledger_without_anything_of_the_old(writer: WriteRig):
    old_id = await id_of(writer)
    first = await writer.fund("one", "ann", "5")
    assert await delete(writer) == SUCCESS
    await writer.create(LEDGER_IK, SCHEMA_KEY)
    assert await id_of(writer) != old_id
    assert (await writer.ask("{ ledgers { nodes { ik } } }")).data["ledgers"]["nodes"] == [
        {"ik": LEDGER_IK}
    ]
    again = await writer.fund("one", "ann", "7")
    assert again["isIkReplay"] is False
    assert again["entry"]["id"] != first["entry"]["id"]
    assert await writer.strong("liabilities/users:ann/available") == 7


async def test_a_freed_ik_rests_until_no_process_holds_the_old_ledger(
    writer: WriteRig, monkeypatch: pytest.MonkeyPatch
):
    rests: list[float] = []

    class Recorded:
        @staticmethod
        async def sleep(seconds: float) -> None:
            rests.append(seconds)

    await delete(writer)
    monkeypatch.setattr(ledgers, "asyncio", Recorded)
    await writer.create(LEDGER_IK, SCHEMA_KEY)
    assert rests == [1.5]
    await delete(writer)
    writer.clock.advance(LEDGER_IK_RESTS_FOR_MS)
    await writer.create(LEDGER_IK, SCHEMA_KEY)
    assert rests == [1.5]


async def test_of_two_deletions_at_once_one_succeeds(writer: WriteRig):
    answers = await asyncio.gather(*[delete(writer) for _ in range(4)])
    told = sorted(answer.get("code", "success") for answer in answers)
    assert told == ["ledger_not_found"] * 3 + ["success"]


async def test_posts_that_race_a_deletion_land_or_are_refused_and_stay_invisible(
    writer: WriteRig,
):
    posts = [writer.fund(f"raced-{number}", "ann", "5") for number in range(10)]
    *answers, gone = await asyncio.gather(*posts, delete(writer))
    assert gone == SUCCESS
    for answer in answers:
        is_posted = answer["__typename"] == "AddLedgerEntryResult"
        assert is_posted or answer["code"] == "ledger_not_found"
    assert (await writer.ask("{ ledgers { nodes { ik } } }")).data["ledgers"]["nodes"] == []


async def test_a_deleted_ledger_is_touched_again_once_no_post_can_be_under_way(writer: WriteRig):
    ledger_id = await id_of(writer)
    await delete(writer)

    async def head() -> Ledger:
        item = await writer.table.get(keys.ledger(ledger_id))
        assert item is not None
        return ledger_from_item(item)

    deleted = await head()
    writer.clock.advance(SWEEP_DELAY_MS - 1)
    await migrate(writer.services)
    assert await head() == deleted
    writer.clock.advance(1)
    await migrate(writer.services)
    assert (await head()).revision == deleted.revision + 1
    page = await writer.table.query(keys.BALANCES, keys.WORK_QUEUE)
    assert page.items == []


# --- Schemas --------------------------------------------------------------------------------------
async def test_a_schema_that_a_ledger_uses_is_not_deleted(writer: WriteRig):
    await writer.create("second", SCHEMA_KEY)
    head = keys.schema_head(WORKSPACE, SCHEMA_KEY)
    before = writer.stored(), await writer.table.get(head)
    refused = await delete_schema(writer)
    assert refused["code"] == "schema_in_use"
    assert "2 Ledger(s)" in refused["message"]
    assert (writer.stored(), await writer.table.get(head)) == before
    assert (await writer.fund("one", "ann", "5"))["__typename"] == "AddLedgerEntryResult"
    assert (await writer.store(with_account(quickstart(), "more")))["version"] == {"version": 2}


async def test_a_deleted_schema_is_found_by_nothing_and_its_key_begins_anew(writer: WriteRig):
    await writer.store(CURRENCIES)
    await writer.store({**CURRENCIES, "name": "Two"})
    assert (await delete_schema(writer, "currencies")) == {
        "__typename": "DeleteSchemaResult",
        "success": True,
    }
    data = (
        await writer.ask(
            '{ schema(schema: {key: "currencies"}) { key } schemas { nodes { key } } }'
        )
    ).data
    assert data == {"schema": None, "schemas": {"nodes": [{"key": SCHEMA_KEY}]}}
    assert (await delete_schema(writer, "currencies"))["code"] == "schema_not_found"
    refused = (
        await writer.ask(CREATE, ik="fx", ledger={"name": "fx"}, schema={"key": "currencies"})
    ).data["createLedger"]
    assert refused["code"] == "schema_not_found"
    other = {**quickstart(), "key": "currencies"}
    assert (await writer.store(other))["version"] == {"version": 1}
    versions = """{ schema(schema: {key: "currencies"}) {
      name versions { nodes { version json } } } }"""
    shown = (await writer.ask(versions)).data["schema"]
    assert shown["name"] == other["name"]
    assert [node["version"] for node in shown["versions"]["nodes"]] == [1]
    assert shown["versions"]["nodes"][0]["json"]["name"] == other["name"]
    await writer.create("new", "currencies")
    parameters = {"user_id": "ann", "funding_amount": "5"}
    added = await writer.add(
        "one", ledger={"ik": "new"}, type="user_funds_account", parameters=parameters
    )
    assert added["__typename"] == "AddLedgerEntryResult", "the new Schema is used, not a cached one"


async def test_a_schema_is_free_once_its_last_ledger_is_deleted(writer: WriteRig):
    assert await delete(writer) == SUCCESS
    assert (await delete_schema(writer))["__typename"] == "DeleteSchemaResult"


async def test_a_schema_is_deleted_with_all_its_versions(writer: WriteRig):
    await writer.store(CURRENCIES)
    asked = {"key": "currencies", "version": 1}
    refused = (await writer.ask(DELETE_SCHEMA, schema=asked)).data["deleteSchema"]
    assert refused["code"] == "bad_request"
    asked = {"key": "currencies", "version": 0}
    deleted = (await writer.ask(DELETE_SCHEMA, schema=asked)).data["deleteSchema"]
    assert deleted["success"] is True


async def test_no_schema_is_deleted_from_another_workspace(writer: WriteRig):
    await writer.store(CURRENCIES)
    asked = await writer.ask(
        DELETE_SCHEMA, as_workspace=OTHER_WORKSPACE, schema={"key": "currencies"}
    )
    assert asked.data["deleteSchema"]["code"] == "schema_not_found"


async def test_a_deletion_and_creations_at_once_never_leave_a_ledger_without_its_schema(
    writer: WriteRig,
):
    for turn in range(10):
        key = f"turn-{turn}"
        await writer.store({**CURRENCIES, "key": key})
        asked = {"ledger": {"name": "raced"}, "schema": {"key": key}}
        *made, gone = await asyncio.gather(
            *[writer.ask(CREATE, ik=f"{key}-{number}", **asked) for number in range(turn % 4)],
            delete_schema(writer, key),
        )
        results = [answer.data["createLedger"] for answer in made]
        created = [each for each in results if each["__typename"] == "CreateLedgerResult"]
        refused = [each for each in results if each["__typename"] != "CreateLedgerResult"]
        if gone["__typename"] == "DeleteSchemaResult":
            assert created == []
        else:
            assert gone["code"] == "schema_in_use"
            assert created
        assert {each["code"] for each in refused} <= {"schema_not_found"}


async def test_a_deletion_that_died_half_way_hinders_nobody(writer: WriteRig):
    await writer.store(CURRENCIES)
    head = await writer.table.get(keys.schema_head(WORKSPACE, "currencies"))
    assert head is not None
    marked = {**head, "b": str(head["b"]).replace('"t":"live"', '"t":"deleting"')}
    assert marked != head
    await writer._put({**marked, "r": 2})
    shown = (await writer.ask('{ schema(schema: {key: "currencies"}) { name } }')).data
    assert shown["schema"] is not None
    await writer.create("fx", "currencies")
    assert (await delete_schema(writer, "currencies"))["code"] == "schema_in_use"
    result = (await writer.ask(STORE, schema={**CURRENCIES, "name": "Two"})).data["storeSchema"]
    assert result["schema"]["version"]["version"] == 2
