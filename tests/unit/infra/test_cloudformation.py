"""The template has the tables of the definition, and policies that allow what is asked for."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
import yaml

from infra.local.processes import ROOT
from shared.clock import FixedClock
from shared.settings import Settings
from shared.store.definition import BALANCES, LEDGER, TABLES, TableDefinition, create_arguments
from shared.store.table import Check, Delete, Key, Put, Table, TableName, Update, Write
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex
from tests.builders_schema import edited, quickstart
from tests.connecting import ConnectRig
from tests.indexer_rig import World, simulated, some_entries, stand
from tests.read_rig import Engines
from tests.stripe_server import StripeServer, transaction
from tests.write_api_rig import WriteRig
from tests.write_rig import LEDGER_IK, SCHEMA_KEY

Json = dict[str, Any]
Grants = dict[str, set[str]]  # actions by `LedgerTable.Arn` and the like

RESOURCES = {LEDGER: "LedgerTable", BALANCES: "BalancesTable"}
ARNS = {definition.table: f"{name}.Arn" for definition, name in RESOURCES.items()}
ACTIONS: dict[type[Write], str] = {
    Check: "ConditionCheckItem",
    Delete: "DeleteItem",
    Put: "PutItem",
    Update: "UpdateItem",
}

STRONG = {
    "consistencyConfig": {"entries": "strong"},
    "chartOfAccounts.defaultConsistencyConfig": {"lines": "strong", "ownBalanceUpdates": "strong"},
}
NAMED = {"chartOfAccounts.accounts[0].name": "All assets"}
DELETE = """mutation delete($ledger: LedgerMatchInput!) {
  deleteLedger(ledger: $ledger) { __typename }
}"""
READ_ALL = """query all($ledger: SafeString!) {
  ledgers { nodes { ik ledgerEntries { nodes { ik lines { nodes { amount } } } } } }
  ledgerAccount(ledgerAccount: {path: "assets/banks/user-cash", ledger: {ik: $ledger}}) {
    ownBalance(consistencyMode: strong)
    ownBalances(consistencyMode: strong) { nodes { amount } }
  }
}"""


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` becomes {"Ref": "x"}."""


def _function(loader: Template, name: str, node: yaml.ScalarNode) -> dict[str, str]:
    return {name: loader.construct_scalar(node)}


Template.add_multi_constructor("!", _function)


@pytest.fixture(scope="module")
def template() -> Json:
    text = (ROOT / "infra" / "cloudformation.yaml").read_text(encoding="utf-8")
    loaded: Json = yaml.load(text, Template)
    return loaded


def granted(template: Json, policy: str) -> Grants:
    """What a policy allows."""
    grants: Grants = {}
    for statement in template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]:
        assert statement.keys() == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            service, _, name = action.partition(":")
            assert service == "dynamodb"
            grants.setdefault(statement["Resource"]["GetAtt"], set()).add(name)
    return grants


class Permitted:
    """A table that does what a policy allows, and remembers what of it was asked for."""

    def __init__(self, table: MemoryTable, grants: Grants) -> None:
        self._table = table
        self.grants = grants
        self.asked: Grants = {}

    def ask(self, table: TableName, action: str) -> None:
        assert action in self.grants[ARNS[table]], (table, action)
        self.asked.setdefault(ARNS[table], set()).add(action)

    async def get(self, key: Key, **how: Any) -> Any:
        self.ask(key.table, "GetItem")
        return await self._table.get(key, **how)

    async def get_many(self, keys: Sequence[Key], **how: Any) -> Any:
        for key in keys:
            self.ask(key.table, "BatchGetItem")
        return await self._table.get_many(keys, **how)

    async def query(self, table: TableName, pk: str, **how: Any) -> Any:
        self.ask(table, "Query")
        return await self._table.query(table, pk, **how)

    async def scan(self, table: TableName, **how: Any) -> Any:
        self.ask(table, "Scan")
        return await self._table.scan(table, **how)

    async def write(self, write: Write) -> Any:
        self.ask(write.key.table, ACTIONS[type(write)])
        return await self._table.write(write)

    async def transact(self, writes: Sequence[Write], token: str) -> Any:
        for write in writes:
            self.ask(write.key.table, ACTIONS[type(write)])
        return await self._table.transact(writes, token)


@pytest.mark.parametrize("definition", TABLES, ids=lambda each: each.table)
def test_a_table_is_the_one_that_the_definition_means(
    template: Json, definition: TableDefinition
) -> None:
    expected = create_arguments(definition, "${TablePrefix}")
    expected["TableName"] = {"Sub": expected["TableName"]}
    if definition.streamed:
        assert expected["StreamSpecification"].pop("StreamEnabled")  # CloudFormation implies it
    expected["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    expected["DeletionProtectionEnabled"] = True
    assert template["Resources"][RESOURCES[definition]] == {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": expected,
    }


def test_the_template_has_the_tables_and_a_policy_for_each_service(template: Json) -> None:
    assert template["Resources"].keys() == {
        *RESOURCES.values(),
        "WritePolicy",
        "ReadPolicy",
        "IndexerPolicy",
        "ConnectPolicy",
    }


def test_the_settings_of_the_services_name_what_is_made(template: Json) -> None:
    assert template["Parameters"]["TablePrefix"]["Default"] == Settings().table_prefix
    assert template["Outputs"]["Environment"]["Value"]["Sub"].split() == [
        "TWOFOLD_AWS_REGION=${AWS::Region}",
        "TWOFOLD_TABLE_PREFIX=${TablePrefix}",
        "TWOFOLD_ELASTICSEARCH_URL=${ElasticsearchUrl}",
    ]


async def test_the_write_and_read_tiers_may_do_what_they_do_and_nothing_else(
    template: Json,
) -> None:
    table = Permitted(MemoryTable(clock=FixedClock()), granted(template, "WritePolicy"))
    rig = WriteRig(Engines(cast(Table, table), MemoryIndex(), CountingMetrics()))
    await rig.open()
    await rig.store(edited(quickstart(), STRONG))
    await rig.create(LEDGER_IK, SCHEMA_KEY)
    for replayed in (False, True):
        assert (await rig.fund("1", "ann", "100"))["isIkReplay"] is replayed
    assert (await rig.pay("2", "ann", "bob", "30"))["__typename"] == "AddLedgerEntryResult"
    assert (await rig.ask(READ_ALL, ledger=LEDGER_IK)).data["ledgers"]["nodes"]
    await rig.store(edited(quickstart(), STRONG | NAMED))
    await rig.create("other", SCHEMA_KEY)
    deleted = (await rig.ask(DELETE, ledger={"ik": "other"})).data["deleteLedger"]
    assert deleted["__typename"] == "DeleteLedgerResult"
    assert table.asked == table.grants

    table.grants, table.asked = granted(template, "ReadPolicy"), {}
    rig.restart()
    await rig.ask("{ __typename }")
    assert (await rig.get("/readyz")).status_code == 200
    assert (await rig.ask(READ_ALL, ledger=LEDGER_IK)).data["ledgers"]["nodes"]
    assert table.asked == table.grants
    await rig.close()


def test_the_indexer_may_follow_apply_and_heal(template: Json) -> None:
    grants = granted(template, "IndexerPolicy")
    assert grants.pop("LedgerTable.StreamArn") == {
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
    }
    tables: list[Permitted] = []

    def permitted(table: MemoryTable) -> Table:
        tables.append(Permitted(table, grants))
        return cast(Table, tables[-1])

    async def main(world: World) -> None:
        process = world.start()
        await stand(world.table, *some_entries(world.ledger, 20))
        await world.drain()
        await process.stop()
        await stand(world.table, *some_entries(world.ledger, 20, first=100))
        world.stream.trim(world.stream.open_shards()[0], keep=2)
        process = world.start("heir")
        await asyncio.sleep(10)
        await world.drain()
        assert await world.judge() == []
        await process.stop()

    simulated(main, table=permitted)
    asked = tables[0].asked
    asked["LedgerTable.Arn"].add("DescribeTable")  # for its stream's ARN
    asked["BalancesTable.Arn"].add("DeleteItem")  # of leases of shards that are gone
    assert asked == grants


async def test_the_connectors_may_sync_native_links_and_nothing_else(template: Json) -> None:
    async with StripeServer().running() as server:
        rig = ConnectRig(server)
        table = Permitted(rig.memory, granted(template, "ConnectPolicy"))
        rig.restart(cast(Table, table))
        await rig.create()
        server.add(transaction(1))
        await rig.sync()
        server.held[0]["description"] = "Another"
        state = await rig.later()
        assert (state.progress.rounds, state.progress.trouble) == (2, "")
        assert {tx.revision for tx in rig.txs()} == {2}
    assert table.asked == table.grants
