"""Ledgers follow their Schema behind storeSchema's answer: statuses, pages, failures, takeovers."""

import asyncio
from typing import Any

import pytest

from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import MigrationRecord
from shared.limits import MIGRATION_PAGE_LEDGERS, WORK_LEASE_MS
from shared.store import keys
from shared.store.items import migration_item, schema_head_from_item
from shared.store.table import Delete, Put, TableName
from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.api.test_write_schemas_and_ledgers import ACCOUNT, quickstart, with_account
from tests.migrating import migrate
from tests.read_rig import OTHER_WORKSPACE
from tests.write_api_rig import STORE, WriteRig
from tests.write_rig import LEDGER_IK, SCHEMA_KEY, WORKSPACE
from write_service import migrations
from write_service.work import Worker

STATUSES = """query statuses($version: Int) {
  schema(schema: {key: "quickstart-schema"}) {
    version(version: $version) {
      migrations {
        nodes { status ledger { ik name } schemaVersion { version } }
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      }
    }
  }
}"""
OF_LEDGER = """query mine(
  $ik: SafeString!, $first: Int, $last: Int, $after: String, $before: String
) {
  ledger(ledger: {ik: $ik}) {
    migrations(first: $first, last: $last, after: $after, before: $before) {
      nodes { status schemaVersion { version json } ledger { ik } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}"""


def grown(count: int) -> dict[str, Any]:
    """The quickstart Schema with `count` accounts more."""
    schema = quickstart()
    for at in range(count):
        schema = with_account(schema, f"reserve{at}")
    return schema


async def store(writer: WriteRig, schema: dict[str, Any]) -> int:
    """Stores a version and moves no ledger; gives its number."""
    result = (await writer.ask(STORE, schema=schema)).data["storeSchema"]
    assert result["__typename"] == "StoreSchemaResult", result
    return int(result["schema"]["version"]["version"])


async def statuses(writer: WriteRig, version: int | None = None) -> dict[str, str]:
    """Status of each ledger's migration to a version, by ik."""
    data = (await writer.ask(STATUSES, version=version)).data
    nodes = data["schema"]["version"]["migrations"]["nodes"]
    if version is not None:
        assert {node["schemaVersion"]["version"] for node in nodes} <= {version}
    return {node["ledger"]["ik"]: node["status"] for node in nodes}


async def mine(writer: WriteRig, ik: str = LEDGER_IK, **page: Any) -> dict[str, Any]:
    data = (await writer.ask(OF_LEDGER, ik=ik, **page)).data
    return dict(data["ledger"]["migrations"])


def versions(page: dict[str, Any]) -> list[tuple[int, str]]:
    return [(node["schemaVersion"]["version"], node["status"]) for node in page["nodes"]]


async def test_a_migration_is_queued_with_the_answer_and_completed_by_the_worker(writer: WriteRig):
    assert await statuses(writer) == {}
    assert await store(writer, grown(1)) == 2
    assert await statuses(writer) == {LEDGER_IK: "queued"}
    assert (await writer.ask(ACCOUNT, path="assets/reserve0")).data["ledgerAccount"] is None
    await migrate(writer.services)
    assert await statuses(writer) == {LEDGER_IK: "completed"}
    assert versions(await mine(writer)) == [(2, "completed")]
    found = (await writer.ask(ACCOUNT, path="assets/reserve0")).data["ledgerAccount"]
    assert found["path"] == "assets/reserve0"


async def test_the_version_and_its_work_are_stored_in_one_transaction(writer: WriteRig):
    await store(writer, grown(1))
    work = await writer.table.get(keys.schema_work(WORKSPACE, SCHEMA_KEY))
    assert work is not None
    assert (work["v"], work["o"], work["c"]) == (2, "", "")
    await migrate(writer.services)
    assert await writer.table.get(keys.schema_work(WORKSPACE, SCHEMA_KEY)) is None


async def test_a_version_that_was_passed_by_is_skipped(writer: WriteRig):
    for count in (1, 2, 3):
        await store(writer, grown(count))
    assert versions(await mine(writer)) == [(4, "queued"), (3, "queued"), (2, "queued")]
    await migrate(writer.services)
    assert versions(await mine(writer)) == [(4, "completed"), (3, "skipped"), (2, "skipped")]
    assert await statuses(writer, 3) == {LEDGER_IK: "skipped"}


async def test_a_ledger_has_no_migrations_to_versions_before_it(writer: WriteRig):
    await writer.store(grown(1))
    await writer.create("late", SCHEMA_KEY)
    assert await statuses(writer) == {LEDGER_IK: "completed"}
    assert versions(await mine(writer, "late")) == []
    await writer.store(grown(2))
    assert await statuses(writer) == {LEDGER_IK: "completed", "late": "completed"}
    assert versions(await mine(writer, "late")) == [(3, "completed")]


async def test_a_ledger_created_while_others_wait_is_on_the_newest_version(writer: WriteRig):
    await store(writer, grown(1))
    await writer.create("meanwhile", SCHEMA_KEY)
    path = {"account": {"path": "assets/reserve0"}, "amount": "1"}
    against = {"account": {"path": "assets/banks/user-cash"}, "amount": "-1"}
    added = await writer.add("one", ledger={"ik": "meanwhile"}, lines=[path, against])
    assert added["__typename"] == "AddLedgerEntryResult"
    assert await statuses(writer) == {LEDGER_IK: "queued"}


async def test_posting_goes_on_before_during_and_after_a_migration(writer: WriteRig):
    assert (await writer.fund("before", "ann", "5"))["__typename"] == "AddLedgerEntryResult"
    await store(writer, grown(150))
    worker = asyncio.create_task(migrate(writer.services))
    for number in range(20):
        answer = await writer.fund(f"during-{number}", "ann", "5")
        assert answer["__typename"] == "AddLedgerEntryResult"
    await worker
    assert (await writer.fund("after", "ann", "5"))["__typename"] == "AddLedgerEntryResult"
    assert await writer.strong("liabilities/users:ann/available") == 110


async def test_a_ledgers_migrations_are_paged_both_ways(writer: WriteRig):
    for count in range(1, 6):
        await writer.store(grown(count))
    first = await mine(writer, first=2)
    assert versions(first) == [(6, "completed"), (5, "completed")]
    assert first["pageInfo"]["hasPreviousPage"] is False
    second = await mine(writer, after=first["pageInfo"]["endCursor"])
    assert versions(second) == [(4, "completed"), (3, "completed")]
    third = await mine(writer, after=second["pageInfo"]["endCursor"])
    assert versions(third) == [(2, "completed")]
    assert third["pageInfo"]["endCursor"] is None
    back = await mine(writer, before=third["pageInfo"]["startCursor"])
    assert versions(back) == versions(second)
    assert versions(await mine(writer, last=2)) == [(3, "completed"), (2, "completed")]
    assert (await mine(writer, first=2))["nodes"][0]["schemaVersion"]["json"]["key"] == SCHEMA_KEY


async def test_more_ledgers_than_a_page_all_reach_the_version(writer: WriteRig):
    count = 2 * MIGRATION_PAGE_LEDGERS + 3
    for number in range(count):
        await writer.create(f"many-{number}", SCHEMA_KEY)
    await writer.store(grown(1))
    found = await statuses(writer)
    assert len(found) == count + 1
    assert set(found.values()) == {"completed"}


async def test_a_ledger_that_cannot_be_moved_fails_with_the_reason_and_is_tried_again(
    writer: WriteRig, monkeypatch: pytest.MonkeyPatch
):
    await writer.create("other", SCHEMA_KEY)
    build = migrations.static_accounts

    def broken(view: Any, now_ms: int) -> Any:
        if view.ledger.ik == "other":
            raise ValueError("no such thing")
        return build(view, now_ms)

    monkeypatch.setattr(migrations, "static_accounts", broken)
    await writer.store(grown(1))
    assert await statuses(writer) == {LEDGER_IK: "completed", "other": "failed"}
    other = (await writer.ask('{ ledger(ledger: {ik: "other"}) { id } }')).data["ledger"]["id"]
    record = await writer.table.get(keys.ledger_migration(other, 2))
    assert record is not None
    assert record["e"] == "ValueError: no such thing"
    monkeypatch.undo()
    await migrate(writer.services)
    assert (await statuses(writer))["other"] == "failed", "it waits for the Schema to be stored"
    await writer.store(grown(1))
    assert await statuses(writer) == {LEDGER_IK: "completed", "other": "completed"}


async def test_work_of_a_dead_process_is_taken_over_once_its_lease_stands_still(writer: WriteRig):
    await store(writer, grown(1))
    dead = Worker(writer.services, "dead")
    await dead.look()
    dead.kill()
    await asyncio.sleep(0)
    assert await statuses(writer) == {LEDGER_IK: "queued"}
    other = Worker(writer.services, "other")
    await other.look()
    writer.clock.advance(WORK_LEASE_MS - 1)
    await other.look()
    assert await statuses(writer) == {LEDGER_IK: "queued"}
    writer.clock.advance(1)
    await other.drain()
    assert await statuses(writer) == {LEDGER_IK: "completed"}


async def test_a_worker_of_an_older_version_cannot_end_what_a_newer_one_has_passed(
    writer: WriteRig,
):
    await store(writer, grown(1))
    await store(writer, grown(2))
    ledger_id = (await writer.ask('{ ledger(ledger: {ik: "quickstart-ledger"}) { id } }')).data
    record = MigrationRecord(ledger_id["ledger"]["id"], 2, "started")
    await writer.table.write(Put(TableName.BALANCES, migration_item(record)))
    assert await statuses(writer, 2) == {LEDGER_IK: "started"}
    await migrate(writer.services)
    assert versions(await mine(writer)) == [(3, "completed"), (2, "skipped")]
    older = migrations.SchemaMigration(WORKSPACE, SCHEMA_KEY, 1, 2)
    await migrations.migrate_page(writer.services, older, None)
    assert versions(await mine(writer)) == [(3, "completed"), (2, "skipped")]


async def test_a_creation_that_the_migration_met_half_way_ends_on_the_newest_version(
    writer: WriteRig,
):
    answers = await asyncio.gather(
        *[writer.create(f"raced-{number}", SCHEMA_KEY) for number in range(8)],
        store(writer, grown(1)),
        migrate(writer.services),
    )
    assert answers[-2] == 2
    await migrate(writer.services)
    head = await writer.table.get(keys.schema_head(WORKSPACE, SCHEMA_KEY))
    assert head is not None
    assert schema_head_from_item(head).version == 2
    for number in range(8):
        account = """query account($ik: SafeString!) {
          ledgerAccount(ledgerAccount: {path: "assets/reserve0", ledger: {ik: $ik}}) { path }
        }"""
        found = (await writer.ask(account, ik=f"raced-{number}")).data["ledgerAccount"]
        assert found == {"path": "assets/reserve0"}


async def test_another_workspace_sees_no_migrations(writer: WriteRig):
    await writer.store(grown(1))
    other = await writer.ask(STATUSES, as_workspace=OTHER_WORKSPACE)
    assert other.data == {"schema": None}


async def test_verify_tells_a_ledger_that_nobody_will_move_and_one_that_lacks_an_account(
    writer: WriteRig,
):
    memory = writer.table._table
    assert isinstance(memory, MemoryTable)
    await store(writer, grown(1))
    assert audit_strong(await collect(memory)) == []
    work = keys.schema_work(WORKSPACE, SCHEMA_KEY)
    held = await writer.table.get(work)
    assert held is not None
    await writer.table.write(Delete(work))
    told = [str(finding) for finding in audit_strong(await collect(memory))]
    assert len(told) == 1
    assert "is on version 1 of 2, and none is queued" in told[0]
    await writer.table.write(Put(TableName.BALANCES, held))
    await migrate(writer.services)
    assert audit_strong(await collect(memory)) == []
    ledger_id = (await writer.ask('{ ledger(ledger: {ik: "quickstart-ledger"}) { id } }')).data
    lost = account_id(ledger_id["ledger"]["id"], "assets/reserve0")
    await writer.table.write(Delete(keys.account(lost)))
    told = [str(finding) for finding in audit_strong(await collect(memory))]
    assert len(told) == 1
    assert "is on version 2 and lacks assets/reserve0" in told[0]


async def test_a_ledger_that_cannot_be_read_holds_up_no_other(writer: WriteRig):
    await writer.create("broken", SCHEMA_KEY)
    found = (await writer.ask('{ ledger(ledger: {ik: "broken"}) { id } }')).data["ledger"]["id"]
    head = await writer.table.get(keys.ledger(found))
    assert head is not None
    await writer.table.write(Put(TableName.LEDGER, {**head, "b": "{"}))
    await store(writer, grown(1))
    await migrate(writer.services)
    await writer.table.write(Put(TableName.LEDGER, head))
    assert await statuses(writer) == {"broken": "queued", LEDGER_IK: "completed"}
    await writer.store(grown(1))
    assert await statuses(writer) == {"broken": "completed", LEDGER_IK: "completed"}
