"""The official client updates, reverses, migrates and deletes; groups' balances; currencies."""

from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode, ReadBalanceConsistencyMode
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CurrencyMatchInput,
    LedgerAccountMatchInput,
    LedgerEntryGroupInput,
    LedgerEntryInput,
    LedgerEntryTagInput,
    LedgerLineInput,
    LedgerMatchInput,
    SchemaInput,
    SchemaMatchInput,
    UpdateLedgerEntryInput,
)

from tests.conformance.asking import deposit, eventually, hold, posted
from tests.conformance.books import Books, hour

pytestmark = pytest.mark.engines

AT = hour("2024-03-05T07")
ANN = "liabilities/users:ann/available"
ANN_PENDING = "liabilities/users:ann/pending"


def shown(lines: Any) -> list[tuple[str, str]]:
    return [(line.account.path, line.amount) for line in lines]


async def own_schema(client: Any, schema: dict[str, Any]) -> str:
    """Stores the Schema under a key of its own; the ik of a ledger of it."""
    schema["key"] = f"schema-{uuid4().hex[:12]}"
    await client.store_schema(SchemaInput.model_validate(schema))
    ik = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ik, CreateLedgerInput(name="Own"), schema["key"])
    return ik


async def test_update_answers_with_the_entry_s_new_tags_and_groups(
    client: Any, ledger: str
) -> None:
    first = await deposit(client, ledger, Books(), "d1", "ann", 100, 5, AT)
    update = UpdateLedgerEntryInput(
        tags=[LedgerEntryTagInput(key="seen", value="yes")],
        groups=[LedgerEntryGroupInput(key="batch", value="b1")],
    )
    result = (await client.update_ledger_entry("d1", ledger, update)).update_ledger_entry
    assert result.typename__ == "UpdateLedgerEntryResult"
    assert (result.entry.id, result.entry.posted) == (first.entry.id, first.entry.posted)
    assert [(tag.key, tag.value) for tag in result.entry.tags] == [("user", "ann"), ("seen", "yes")]
    assert [(group.key, group.value) for group in result.entry.groups] == [
        ("statement", "ann"),
        ("batch", "b1"),
    ]
    assert shown(result.entry.lines.nodes) == shown(first.lines)


async def test_reversal_posts_the_opposite_once(client: Any, ledger: str) -> None:
    books = Books()
    await deposit(client, ledger, books, "d1", "ann", 100, 5, AT)
    held = await hold(client, ledger, books, "h1", "ann", 40, AT)
    first = (await client.reverse_ledger_entry(held.entry.id)).reverse_ledger_entry
    assert first.typename__ == "ReverseLedgerEntryResult"
    assert first.is_ik_replay is False
    assert first.reversed_ledger_entry.id == held.entry.id
    assert shown(first.reversing_ledger_entry.lines.nodes) == [(ANN, "40"), (ANN_PENDING, "-40")]
    again = (await client.reverse_ledger_entry(held.entry.id)).reverse_ledger_entry
    assert again.is_ik_replay is True
    assert again.reversing_ledger_entry.id == first.reversing_ledger_entry.id
    answer = await client.get_ledger_account_balance(ANN, ledger)
    assert answer.ledger_account is not None

    async def total() -> str:
        found = await client.get_ledger_account_balance(ANN, ledger)
        balance: str = found.ledger_account.balance
        return balance

    await eventually(total, str(books.own(ANN) + 40))


async def test_migration_reverses_an_entry_and_posts_the_new_one(client: Any, ledger: str) -> None:
    old = await deposit(client, ledger, Books(), "d1", "ann", 100, 5, AT)
    new = LedgerEntryInput(
        ledger=LedgerMatchInput(ik=ledger),
        type="deposit",
        typeVersion=2,
        parameters={"user": "ann", "amount": "100"},
    )
    result = (await client.migrate_ledger_entry(old.entry.id, new)).migrate_ledger_entry
    assert result.typename__ == "MigrateLedgerEntryResult"
    assert result.is_ik_replay is False
    assert result.reversed_ledger_entry.id == old.entry.id
    assert result.new_ledger_entry.ik == "d1"
    assert shown(result.new_ledger_entry.lines.nodes) == [("assets/bank", "100"), (ANN, "100")]


async def test_balances_of_a_group_are_the_sums_of_its_entries(client: Any, ledger: str) -> None:
    await deposit(client, ledger, Books(), "d1", "ann", 100, 5, AT)
    await deposit(client, ledger, Books(), "d2", "ann", 10, 0, AT)
    await deposit(client, ledger, Books(), "d3", "bob", 1, 0, AT)

    async def read() -> dict[str, str]:
        eventual = ReadBalanceConsistencyMode.eventual
        found = await client.list_ledger_entry_group_balances(ledger, "statement", "ann", eventual)
        nodes = found.ledger_entry_group.balances.nodes
        return {node.account.path: node.own_balance for node in nodes}

    await eventually(read, {"assets/bank": "110", ANN: "105", "income/fees": "5"})


async def test_entries_of_an_archived_version_are_listed_for_migration(
    client: Any, schema: dict[str, Any]
) -> None:
    ledger = await own_schema(client, schema)
    await deposit(client, ledger, Books(), "d1", "ann", 100, 5, AT)
    schema["ledgerEntries"]["types"][0]["status"] = "archived"
    await client.store_schema(SchemaInput.model_validate(schema))

    async def migrations() -> list[tuple[str, str]]:
        found = await client.get_entry_data_migrations(ledger)
        nodes = found.ledger.ledger_entry_data_migrations.nodes
        return [(node.entry_type, str(node.status.value)) for node in nodes]

    await eventually(migrations, [("deposit", "active")])

    async def entries() -> list[list[str]]:
        found = await client.get_entries_to_migrate_for_ledger_entry_data_migration(
            ledger, "deposit", "1"
        )
        nodes = found.ledger.ledger_entry_data_migrations.nodes
        return [[entry.ik for entry in node.ledger_entries.nodes] for node in nodes]

    await eventually(entries, [["d1"]])


async def test_entries_of_an_archived_account_are_listed_for_migration(
    client: Any, schema: dict[str, Any]
) -> None:
    ledger = await own_schema(client, schema)
    assets = schema["chartOfAccounts"]["accounts"][0]["children"]
    lines = [
        LedgerLineInput(account=LedgerAccountMatchInput(path=path), amount="5")
        for path in ("assets/cash", "income/fees")
    ]
    await client.add_ledger_entry_runtime("c1", "correction", ledger, lines)
    assert assets[1]["key"] == "cash"
    assets[1]["status"] = "archived"
    await client.store_schema(SchemaInput.model_validate(schema))

    async def migrations() -> list[tuple[str, str]]:
        found = await client.get_account_data_migrations(ledger)
        nodes = found.ledger.ledger_account_data_migrations.nodes
        return [(node.account_path, str(node.status.value)) for node in nodes]

    await eventually(migrations, [("assets/cash", "active")])

    async def entries() -> list[list[str]]:
        found = await client.get_entries_to_migrate_for_ledger_account_data_migration(
            ledger, "assets/cash"
        )
        nodes = found.ledger.ledger_account_data_migrations.nodes
        return [[entry.ik for entry in node.ledger_entries.nodes] for node in nodes]

    await eventually(entries, [["c1"]])


async def test_custom_currency_is_posted_as_any_other(client: Any, ledger: str) -> None:
    points = f"points-{uuid4().hex[:8]}"
    made = (await client.create_custom_currency(points, "Points", 2, "PTS")).create_custom_currency
    assert made.typename__ == "CreateCustomCurrencyResult"
    currency = made.custom_currency
    assert (currency.custom_currency_id, currency.code) == (points, CurrencyCode.CUSTOM)
    assert (currency.name, currency.precision, currency.custom_code) == ("Points", 2, "PTS")
    of = CurrencyMatchInput(code=CurrencyCode.CUSTOM, customCurrencyId=points)
    lines = [
        LedgerLineInput(account=LedgerAccountMatchInput(path=path), amount="5", currency=of)
        for path in ("assets/fx", "liabilities/fx")
    ]
    result = posted(await client.add_ledger_entry_runtime("c1", "correction", ledger, lines))
    assert shown(result.lines) == [("assets/fx", "5"), ("liabilities/fx", "5")]


async def test_deleted_ledger_is_not_there(client: Any, schema: dict[str, Any]) -> None:
    ledger = await own_schema(client, schema)
    result = (await client.delete_ledger(LedgerMatchInput(ik=ledger))).delete_ledger
    assert result.typename__ == "DeleteLedgerResult"
    assert result.success is True

    async def read() -> Any:
        return (await client.get_ledger(ledger)).ledger

    await eventually(read, None)


async def test_deleted_schema_is_not_there(client: Any, schema: dict[str, Any]) -> None:
    schema["key"] = f"schema-{uuid4().hex[:12]}"
    await client.store_schema(SchemaInput.model_validate(schema))
    match = SchemaMatchInput(key=schema["key"])
    result = (await client.delete_schema(match)).delete_schema
    assert result.typename__ == "DeleteSchemaResult"
    assert result.success is True

    async def read() -> Any:
        return (await client.get_schema(schema["key"])).schema_

    await eventually(read, None)
