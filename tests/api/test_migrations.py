"""Ledgers follow their Schema behind storeSchema's answer: statuses, pages, failures, takeovers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import MigrationRecord
from shared.limits import MIGRATION_PAGE_LEDGERS, WORK_LEASE_MS
from shared.store import keys
from shared.store.items import migration_item, schema_head_from_item
from shared.store.table import Cancelled, Delete, Item, Key, Put, TableName, Transacted, Write
from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.api.test_write_accounts import UPDATE
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


# --- Names that versions give accounts ------------------------------------------------------------
class Interrupted:
    """A worker's table: before it moves the head of a ledger, or behind its first look at an
    account, something happens."""

    def __init__(self, inner: Any, at: str, happens: Callable[[], Awaitable[None]]) -> None:
        self.inner, self.at, self.happens = inner, at, happens
        self.is_over = False

    async def _meet(self, wanted: list[Key]) -> None:
        if not self.is_over and any(key.pk.startswith(self.at) for key in wanted):
            self.is_over = True
            await self.happens()

    async def get(self, key: Key, *, consistent: bool = False) -> Item | None:
        found: Item | None = await self.inner.get(key, consistent=consistent)
        if self.at == "A#":
            await self._meet([key])
        return found

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        if self.at == "L#":
            await self._meet([write.key for write in writes if isinstance(write, Put)])
        answer: Transacted | Cancelled = await self.inner.transact(writes, token)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Died(Exception):
    """The worker is no more."""


async def die() -> None:
    raise Died


def naming(name: str) -> dict[str, Any]:
    """The quickstart Schema, with a name for one account and for one that version 1 lacks."""
    schema = with_account(quickstart(), "reserve")
    schema["chartOfAccounts"]["accounts"][0]["children"][-1]["name"] = f"{name} reserve"
    schema["chartOfAccounts"]["accounts"][2]["name"] = name
    return schema


async def name_of(writer: WriteRig, path: str) -> str:
    return str((await writer.ask(ACCOUNT, path=path)).data["ledgerAccount"]["name"])


async def move(writer: WriteRig, version: int, at: str, happens: Any) -> None:
    """A worker's first page of the migration to `version`, interrupted."""
    table = Interrupted(writer.services.table, at, happens)
    services = replace(writer.services, table=table)  # type: ignore[arg-type]
    migration = migrations.SchemaMigration(WORKSPACE, SCHEMA_KEY, 1, version)
    await migrations.migrate_page(services, migration, None)


@pytest.mark.parametrize("third", ["C", "income"])
async def test_names_of_a_version_whose_worker_died_give_way_to_those_of_the_next(
    writer: WriteRig, third: str
):
    await store(writer, naming("B"))
    with pytest.raises(Died):
        await move(writer, 2, "L#", die)
    assert await name_of(writer, "income") == "B"
    await store(writer, naming(third))
    await migrate(writer.services)
    assert versions(await mine(writer)) == [(3, "completed"), (2, "skipped")]
    assert await name_of(writer, "income") == third
    assert await name_of(writer, "assets/reserve") == f"{third} reserve"


async def test_a_name_given_by_hand_outlives_a_version_that_was_passed_by(writer: WriteRig):
    await store(writer, naming("B"))
    with pytest.raises(Died):
        await move(writer, 2, "L#", die)
    match = {"path": "income", "ledger": {"ik": LEDGER_IK}}
    await writer.ask(UPDATE, account=match, update={"name": "Ours"})
    await store(writer, naming("C"))
    await migrate(writer.services)
    assert await name_of(writer, "income") == "Ours"


async def test_a_name_given_by_hand_that_only_a_version_never_begun_gives_stays(writer: WriteRig):
    match = {"path": "income", "ledger": {"ik": LEDGER_IK}}
    await writer.ask(UPDATE, account=match, update={"name": "B"})
    await store(writer, naming("B"))
    await store(writer, naming("C"))
    await migrate(writer.services)
    assert await name_of(writer, "income") == "B"


@pytest.mark.parametrize("third", ["C", "income"])
async def test_a_slow_worker_of_a_version_that_was_passed_by_names_nothing(
    writer: WriteRig, third: str
):
    """It has looked at an account when the next version's migration runs to its end."""

    async def pass_by() -> None:
        await store(writer, naming(third))
        await migrate(writer.services)

    await store(writer, naming("B"))
    await move(writer, 2, "A#", pass_by)
    assert versions(await mine(writer)) == [(3, "completed"), (2, "skipped")]
    assert await name_of(writer, "income") == third
    assert await name_of(writer, "assets/reserve") == f"{third} reserve"


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
