"""The auditor names every harm to what accounts for a Tx."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id
from shared.store import keys
from shared.store.items import (
    account_attributes,
    account_from_item,
    claim_attribute,
    tx_attributes,
    tx_from_item,
)
from shared.store.table import Update
from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.linked_books import ask, open_bank, open_linked, reconcile_body, sync
from tests.write_rig import WORKSPACE, write_services
from write_service.posting import WriteServices
from write_service.revising import Reversed, reverse_entry


async def open_world() -> tuple[MemoryTable, WriteServices, LedgerEntry]:
    """Two Txs: one reconciled, reversed and reconciled again, one not reconciled."""
    clock = FixedClock(1_700_000_000_000)
    table = MemoryTable(clock=clock)
    services = write_services(table, clock, count())
    await open_linked(services)
    await open_bank(services)
    await sync(services, 1, 2)
    first = await ask(services, reconcile_body("checking", 1, "ann"))
    gone = await reverse_entry(services, WORKSPACE, first.id)
    assert isinstance(gone, Reversed)
    return table, services, await ask(services, reconcile_body("checking", 1, "bob"))


async def findings(table: MemoryTable) -> list[str]:
    return [str(each) for each in audit_strong(await collect(table))]


async def test_a_sound_ledger_has_no_findings():
    table, _, entry = await open_world()
    assert entry.position == 3
    assert await findings(table) == []


def harms(account: str, before: str) -> dict[str, Any]:
    name = claim_attribute(account)
    return {
        f"by {before} is missing": {"set": {name: "f" * 32}},
        "is missing": {"set": {name: ""}, "add": {"n": -1}},
        "should not be there": {"set": {claim_attribute("e" * 32): "f" * 32}, "add": {"n": 1}},
        "counts 2 entries, 1 account for it": {"add": {"n": 1}},
        "can't be read": {"set": {"d": 5}},
        "is deleted and reconciled by the entry": {"set": {"d": 5, "b": "deleted"}},
    }


@pytest.mark.parametrize("place", range(len(harms("", ""))))
async def test_a_harm_is_named(place: int):
    table, _, entry = await open_world()
    line = next(line for line in entry.lines if line.tx_id is not None)
    assert line.tx_id is not None
    account = account_id(entry.ledger_id, line.account_path)
    harm, change = list(harms(account, entry.id).items())[place]
    if change.get("set", {}).get("b") == "deleted":
        item = await table.get(keys.tx(line.tx_id))
        assert item is not None
        gone = tx_attributes(replace(tx_from_item(item), deleted_at_ms=5))
        change = {"set": {"d": 5, "b": gone["b"]}}
    await table.write(Update(keys.tx(line.tx_id), **change))
    found = await findings(table)
    assert any(harm in each for each in found), (harm, found)


async def test_an_account_that_accounts_for_txs_of_another_external_account_is_named() -> None:
    table, _, entry = await open_world()
    line = next(line for line in entry.lines if line.tx_id is not None)
    key = keys.account(account_id(entry.ledger_id, line.account_path))
    item = await table.get(key)
    assert item is not None
    standing = account_from_item(item)
    assert standing.linked is not None
    harmed = replace(standing, linked=(standing.linked[0], "savings"))
    await table.write(Update(key, set=account_attributes(harmed)))
    found = await findings(table)
    detail = f"accounts for Txs of {standing.external_account_id}, and is linked to "
    assert [each for each in found if "Txs" in each] == [
        f"I3 account {standing.id}: {detail}{harmed.external_account_id}"
    ]
