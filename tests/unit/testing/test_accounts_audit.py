"""The auditor names every harm to accounts without a Schema and to custom currencies."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import Ledger
from shared.store import keys
from shared.store.items import account_attributes, account_from_item
from shared.store.table import Delete, Key, Put, Table, TableName, Update
from shared.testing.invariants import audit, collect
from shared.testing.memory import MemoryTable
from tests.simulation import plain
from tests.write_rig import WORKSPACE, write_services
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.plans import Committed
from write_service.posting import WriteServices, post_entry


async def open_world() -> tuple[MemoryTable, WriteServices, Ledger]:
    """A ledger without a Schema, accounts of two owners, an entry in each currency."""
    clock = FixedClock(1_700_000_000_000)
    table = MemoryTable(clock=clock)
    services = write_services(table, clock, count())
    ledger = await plain.open_plain(services)
    for owner in ("eve", "flo"):
        await plain.Creation(owner).ask(services)
    for ik, path, currency in (
        ("one", "wallets/eve", {"code": "USD"}),
        ("two", "wallets/flo/gems-flo", plain.GEMS),
    ):
        lines = [
            {"account": {"path": each}, "amount": 5, "currency": currency}
            for each in ("vault", path)
        ]
        body = LedgerEntryInput.model_validate({"ledger": {"ik": plain.PLAIN_IK}, "lines": lines})
        outcome = await post_entry(services, add_ledger_entry(WORKSPACE, ik, body))
        assert isinstance(outcome, Committed), outcome
    return table, services, ledger


async def findings(table: MemoryTable) -> set[str]:
    found = audit(await collect(table))
    # No indexer takes part, so no history is there.
    return {str(each) for each in found if not each.subject.startswith("history of")}


async def test_a_sound_ledger_has_no_findings():
    table, _, _ = await open_world()
    assert await findings(table) == set()


def of(ledger: Ledger, path: str) -> str:
    return account_id(ledger.id, path)


HARMS: dict[str, Any] = {
    "is not there": lambda ledger: Delete(keys.account(of(ledger, "wallets/eve"))),
    "lies below it": lambda ledger: Delete(keys.account(of(ledger, "wallets"))),
    "U#workspace#gems is not there": lambda _: Delete(keys.custom_currency(WORKSPACE, "gems")),
    "iks of accounts": lambda ledger: Delete(keys.account_ik(ledger.id, "eve")),
    "strong own balance": lambda ledger: Update(
        keys.strong_own(of(ledger, "wallets/eve"), "USD"), add={"v": 1}
    ),
    "list of lines": lambda ledger: Put(
        TableName.BALANCES,
        {"pk": keys.strong_lines(of(ledger, "wallets/eve")), "sk": "0000#none"},
    ),
}


@pytest.mark.parametrize("told", HARMS)
async def test_every_harm_is_named(told: str):
    table, _, ledger = await open_world()
    await table.write(HARMS[told](ledger))
    found = await findings(table)
    assert [each for each in found if told in each]


@pytest.mark.parametrize(
    "change, told",
    [
        ({"currency": "EUR"}, "wallets/eve holds EUR and has lines in USD"),
        ({"type": "asset"}, "wallets/eve is asset and its lines liability"),
    ],
)
async def test_an_account_is_what_its_lines_say(change: dict[str, Any], told: str):
    table, _, ledger = await open_world()
    key = keys.account(of(ledger, "wallets/eve"))
    item = await table.get(key, consistent=True)
    assert item is not None
    changed = replace(account_from_item(item), **change)
    await table.write(Update(key, set=account_attributes(changed)))
    assert any(told in each for each in await findings(table))


class TornReads:
    """The first BatchGetItem reads items of one transaction from both of its sides."""

    def __init__(self, table: Table, torn: Key) -> None:
        self._table = table
        self._torn: Key | None = torn

    async def get_many(self, wanted: Any, *, consistent: bool = False) -> Any:
        items = await self._table.get_many(wanted, consistent=consistent)
        if self._torn in wanted:
            items[list(wanted).index(self._torn)] = None
            self._torn = None
        return items

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


async def test_an_account_seen_half_written_is_a_replay_and_no_conflict():
    table, _, ledger = await open_world()
    torn = TornReads(table, keys.account(of(ledger, "wallets/eve")))
    clock = FixedClock(1_700_000_000_000)
    services = write_services(torn, clock, count(), process="other")  # type: ignore[arg-type]
    creation = plain.Creation("eve")
    await creation.ask(services)
    assert creation.new == []
