"""The quickstart Schema with clearing accounts: money on its way between two banks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import SchemaVersion
from shared.ledger.schemas import Schema
from shared.store.items import schema_version_item
from shared.store.table import Put, TableName
from tests.builders import NOW_MS, WORKSPACE, account, entry, stand
from tests.builders_schema import compiled
from tests.indexer_rig import World

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart_schema.json"
LEGS = "assets/transit"  # a clearing account above template ones: assets/transit/leg:<id>


def with_clearing() -> dict[str, Any]:
    """`send` puts an amount on its way, `arrive` takes it off again."""
    document: dict[str, Any] = json.loads(QUICKSTART.read_text())
    assets = document["chartOfAccounts"]["accounts"][0]
    leg = {"key": "leg", "template": True, "clearing": True}
    assets["children"].append({"key": "transit", "clearing": True, "children": [leg]})
    document["ledgerEntries"]["types"] += [_moving("send", ""), _moving("arrive", "-")]
    return document


def _moving(name: str, sign: str) -> dict[str, Any]:
    other = "" if sign else "-"
    return {
        "type": name,
        "lines": [
            {
                "key": "leg",
                "account": {"path": "assets/transit/leg:{{leg}}"},
                "amount": f"{sign}{{{{amount}}}}",
            },
            {
                "key": "bank",
                "account": {"path": "assets/banks/user-cash"},
                "amount": f"{other}{{{{amount}}}}",
            },
        ],
    }


async def open_clearing(world: World) -> None:
    """Puts `world` on the Schema, with its static accounts and those of the legs a, b and c."""
    schema = compiled(with_clearing())
    await store_version(world, schema, 1)
    on_it = replace(world.ledger, schema_key=schema.key, schema_version=1)
    world.ledger = on_it
    paths = [path for path, _ in schema.chart.static_accounts()]
    paths += [leg(name) for name in "abc"]
    any_currency = {"currency_mode": "multi", "currency": None}
    accounts = [replace(account(on_it, path), **any_currency) for path in paths]
    await stand(world.table, on_it, *accounts)


async def store_version(world: World, schema: Schema, number: int) -> None:
    """Stores the Schema as version `number`; the ledger stays where it is."""
    version = SchemaVersion(WORKSPACE, schema.key, number, NOW_MS, schema.json)
    item = schema_version_item(version)
    await world.table.write(Put(TableName.LEDGER, item))


def leg(name: str) -> str:
    """Path of a template clearing account."""
    return f"{LEGS}/leg:{name}"


def moved(
    world: World, ik: str, name: str, amount: int, posted_ms: int = NOW_MS, currency: str = "USD"
) -> LedgerEntry:
    """An entry that puts `amount` on a leg's way, or takes it off."""
    lines = ((leg(name), amount, currency), ("assets/banks/user-cash", -amount, currency))
    return entry(world.ledger, ik, *lines, posted_ms=posted_ms)
