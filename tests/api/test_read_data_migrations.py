"""Data migrations of archived types and accounts, and the counts of entries, through the API."""

from copy import deepcopy
from typing import Any

from shared.ledger.ledgers import Ledger
from shared.store import keys
from shared.store.table import Update
from tests.builders_schema import quickstart
from tests.read_rig import NOW_MS, ReadRig

CASH = "assets/banks/user-cash"
ANN = "liabilities/users:ann/available"
BOB = "liabilities/users:bob/available"
TEMPLATE = "liabilities/users:*/available"
PAGE = "pageInfo { hasNextPage endCursor hasPreviousPage startCursor }"
MIGRATION = f"""status currentMigration {{ schemaVersion status }}
  history {{ nodes {{ schemaVersion status }} {PAGE} }}
  ledgerEntries(first: 2) {{ nodes {{ ik }} {PAGE} }}"""
ENTRY_TYPES = f"""query m(
  $filter: LedgerEntryDataMigrationsFilterSet, $first: Int, $after: String
) {{
  ledger(ledger: {{ik: "main"}}) {{
    ledgerEntryDataMigrations(filter: $filter, first: $first, after: $after) {{
      nodes {{ entryType typeVersion {MIGRATION} }} {PAGE}
    }}
  }}
}}"""
ACCOUNTS = f"""query m($filter: LedgerAccountDataMigrationsFilterSet) {{
  ledger(ledger: {{ik: "main"}}) {{
    ledgerAccountDataMigrations(filter: $filter) {{ nodes {{ accountPath {MIGRATION} }} }}
  }}
}}"""
STATS = f"""query s($first: Int, $after: String) {{
  ledger(ledger: {{ik: "main"}}) {{
    entryStats(first: $first, after: $after) {{
      nodes {{ type typeVersion count reversalsCount netCount ledgerId schemaKey }} {PAGE}
    }}
  }}
}}"""


def with_statuses(types: dict[str, str], accounts: dict[str, str]) -> dict[str, Any]:
    """The quickstart Schema with these statuses of entry types and accounts (by key)."""
    schema = deepcopy(quickstart())

    def walk(nodes: list[dict[str, Any]]) -> None:
        for node in nodes:
            if node["key"] in accounts:
                node["status"] = accounts[node["key"]]
            walk(node.get("children", []))

    walk(schema["chartOfAccounts"]["accounts"])
    for each in schema["ledgerEntries"]["types"]:
        if each["type"] in types:
            each["status"] = types[each["type"]]
    return schema


async def three_versions(reader: ReadRig) -> Ledger:
    """Version 2 archives funding and the wallets; version 3 transfers, and funding no longer."""
    await reader.schema(quickstart())
    await reader.schema(
        with_statuses({"user_funds_account": "archived"}, {"available": "archived"})
    )
    last = with_statuses({"p2p_transfer": "archived"}, {"available": "archived"})
    return await reader.ledger("main", last)


async def migrations(reader: ReadRig, query: str, **variables: Any) -> list[dict[str, Any]]:
    found = (await reader.ask(query, **variables)).data["ledger"]
    return list(next(iter(found.values()))["nodes"])


async def test_archived_types_have_active_migrations_and_a_history(reader: ReadRig) -> None:
    await three_versions(reader)
    found = await migrations(reader, ENTRY_TYPES)
    assert [(each["entryType"], each["typeVersion"], each["status"]) for each in found] == [
        ("p2p_transfer", 1, "active"),
        ("user_funds_account", 1, "inactive"),
    ]
    assert found[0]["currentMigration"] == {"schemaVersion": 3, "status": "active"}
    assert found[1]["currentMigration"] is None
    assert found[1]["history"]["nodes"] == [
        {"schemaVersion": 3, "status": "inactive"},
        {"schemaVersion": 2, "status": "active"},
    ]


async def test_migrations_are_filtered_and_paged(reader: ReadRig) -> None:
    await three_versions(reader)
    for filter_set, wanted in (
        ({"status": "inactive"}, ["user_funds_account"]),
        ({"entryType": {"equalTo": "p2p_transfer"}}, ["p2p_transfer"]),
        ({"entryType": {"notIn": ["p2p_transfer", "x"]}}, ["user_funds_account"]),
        ({"typeVersion": {"in": ["1", "2"]}}, ["p2p_transfer", "user_funds_account"]),
        ({"typeVersion": {"notEqualTo": "1"}}, []),
        ({"entryType": {"equalTo": "p2p_transfer"}, "status": "inactive"}, []),
    ):
        found = await migrations(reader, ENTRY_TYPES, filter=filter_set)
        assert [each["entryType"] for each in found] == wanted
    first = (await reader.ask(ENTRY_TYPES, first=1)).data["ledger"]["ledgerEntryDataMigrations"]
    cursor = first["pageInfo"]["endCursor"]
    assert first["pageInfo"]["hasNextPage"]
    (second,) = await migrations(reader, ENTRY_TYPES, after=cursor)
    assert second["entryType"] == "user_funds_account"
    many = {"entryType": {"in": [str(number) for number in range(101)]}}
    refusals = (await reader.ask(ENTRY_TYPES, filter=many)).refusals
    assert [code for code, _ in refusals] == ["too_many_items"]


async def test_only_entries_that_stand_are_still_to_be_migrated(reader: ReadRig) -> None:
    ledger = await three_versions(reader)
    kind = {"type": "p2p_transfer", "type_version": 1}
    for at in range(3):
        await reader.post(ledger, f"p{at}", NOW_MS - at, (ANN, -1), (BOB, 1), **kind)
    await reader.post(ledger, "f", NOW_MS, (CASH, 1), (ANN, 1), type="user_funds_account",
                      type_version=1)  # fmt: skip
    await reader.post(ledger, "v2", NOW_MS, (ANN, 0), type="p2p_transfer", type_version=2)
    await reader.post(ledger, "gone", NOW_MS, (ANN, 0), **kind, reversed_by="0" * 32)
    found = await migrations(reader, ENTRY_TYPES, filter={"status": "active"})
    entries = found[0]["ledgerEntries"]
    assert [each["ik"] for each in entries["nodes"]] == ["p0", "p1"]
    assert entries["pageInfo"]["hasNextPage"]


async def test_an_archived_template_account_lists_the_entries_of_all_its_instances(
    reader: ReadRig,
) -> None:
    ledger = await three_versions(reader)
    await reader.post(ledger, "ann", NOW_MS, (CASH, 1), (ANN, 1))
    await reader.post(ledger, "bob", NOW_MS - 1, (CASH, 1), (BOB, 1))
    pending = ANN.replace("available", "pending")
    await reader.post(ledger, "other", NOW_MS, (CASH, 1), (pending, 1))
    (found,) = await migrations(reader, ACCOUNTS)
    assert (found["accountPath"], found["status"]) == (TEMPLATE, "active")
    assert found["currentMigration"] == {"schemaVersion": 2, "status": "active"}
    assert [each["ik"] for each in found["ledgerEntries"]["nodes"]] == ["ann", "bob"]
    by_path = {"accountPath": {"equalTo": TEMPLATE}}
    assert len(await migrations(reader, ACCOUNTS, filter=by_path)) == 1
    assert await migrations(reader, ACCOUNTS, filter={"status": "inactive"}) == []


async def test_an_archived_account_lists_the_entries_with_lines_on_it(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", with_statuses({}, {"user-cash": "archived"}))
    await reader.post(ledger, "on", NOW_MS, (CASH, 1), (ANN, 1))
    await reader.post(ledger, "off", NOW_MS, (ANN, -1), (BOB, 1))
    (found,) = await migrations(reader, ACCOUNTS)
    assert found["accountPath"] == CASH
    assert [each["ik"] for each in found["ledgerEntries"]["nodes"]] == ["on"]


async def test_nothing_archived_is_no_migration(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    assert await migrations(reader, ENTRY_TYPES) == []
    assert await migrations(reader, ACCOUNTS) == []


async def test_counts_are_listed_by_type_and_version(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    for name, version, posted, reversing in (
        ("b", 1, 3, 1),
        ("a", 10, 2**60, 0),
        ("a", 2, 1, 1),
        ("none", 1, 0, 0),
    ):
        key = keys.entry_count(ledger.id, name, version)
        await reader.table.write(Update(key, add={"n": posted, "x": reversing}))
    found = await migrations(reader, STATS)
    shown = [
        (each["type"], each["typeVersion"], each["count"], each["reversalsCount"], each["netCount"])
        for each in found
    ]
    assert shown == [
        ("a", 2, "1", "1", "0"),
        ("a", 10, str(2**60), "0", str(2**60)),
        ("b", 1, "3", "1", "2"),
    ]
    assert (found[0]["ledgerId"], found[0]["schemaKey"]) == (ledger.id, "quickstart-schema")
    assert reader.calls["Query"] == 1
    first = (await reader.ask(STATS, first=1)).data["ledger"]["entryStats"]
    rest = await migrations(reader, STATS, after=first["pageInfo"]["endCursor"])
    assert [each["typeVersion"] for each in rest] == [10]
