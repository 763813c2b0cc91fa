"""Reconciling below HTTP: batches with others, lost answers, other processes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id
from shared.ledger.rejections import reject
from shared.store import keys
from shared.store.items import tx_from_item
from shared.store.table import Cancelled, Item, Key, TableName, Transacted, Write
from shared.testing.counting import CountingMetrics
from shared.testing.faults import FaultyTable, TableFaults
from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.linked_books import (
    command_of,
    open_bank,
    open_linked,
    reconcile_body,
    sync,
)
from tests.write_rig import WORKSPACE, write_services
from write_service.chains import read_entry
from write_service.links import delete_txs
from write_service.plans import Committed, Outcome, Rejected, Unknown
from write_service.posting import WriteServices
from write_service.reconciling import reconcile
from write_service.revising import Migrated, migrate_entry, reverse_entry


class Rig:
    """A bank with 20 Txs in each account, and processes on one table."""

    def __init__(self) -> None:
        self.clock = FixedClock(1_700_000_000_000)
        self.metrics = CountingMetrics()
        self.memory = MemoryTable(clock=self.clock, metrics=self.metrics)
        self.table = FaultyTable(self.memory, Random(1), TableFaults())
        self.tokens = count()
        self.sent: list[Sequence[Write]] = []

    def process(self) -> WriteServices:
        return write_services(self.table, self.clock, self.tokens)

    async def open(self) -> WriteServices:
        services = self.process()
        await open_linked(services)
        await open_bank(services)
        self.txs = await sync(services, *range(20))
        self.txs += await sync(services, *range(20), account="savings")
        return services

    async def claims(self, place: int) -> list[str]:
        item = await self.memory.get(keys.tx(self.txs[place].id))
        assert item is not None
        return [entry for _, entry in tx_from_item(item).reconciled]


@pytest.fixture
async def rig() -> Rig:
    return Rig()


async def ask(services: WriteServices, type: str, number: int, user: str = "ann") -> Outcome:
    return await reconcile(services, command_of(reconcile_body(type, number, user)))


def entry_of(outcome: Outcome) -> LedgerEntry:
    assert isinstance(outcome, Committed), outcome
    return outcome.entries[0][0]


async def test_reconciles_that_arrive_together_are_one_transaction(rig: Rig) -> None:
    services = await rig.open()
    await ask(services, "checking", 0)
    rig.metrics.clear()
    await asyncio.gather(*[ask(services, "checking", at) for at in range(1, 15)])
    assert rig.metrics.calls == {"TransactWriteItems": 1}
    assert await audit_strong_of(rig) == []


async def audit_strong_of(rig: Rig) -> list[str]:
    return [str(each) for each in audit_strong(await collect(rig.memory))]


async def test_members_that_write_one_tx_go_in_batches_of_their_own(rig: Rig) -> None:
    """The same Tx on three accounts at once: each is accounted for, none is lost."""
    services = await rig.open()
    outcomes = await asyncio.gather(
        ask(services, "checking", 1),
        ask(services, "card", 1),
        ask(services, "card", 1, "bob"),
        ask(services, "card", 2),
        ask(services, "checking", 2),
    )
    ids = [entry_of(each).id for each in outcomes]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 4
    assert sorted(await rig.claims(1)) == sorted(ids[:2])
    assert sorted(await rig.claims(2)) == sorted(ids[3:])
    assert await audit_strong_of(rig) == []


async def test_a_tx_on_many_accounts_of_a_ledger_has_an_ik_for_each(rig: Rig) -> None:
    services = await rig.open()
    tx = rig.txs[4]
    types = ["checking", "card", "card"]
    bodies = [reconcile_body(each, 4, "ann") for each in types]
    bodies[2]["parameters"]["card"] = "third"
    entries = [entry_of(await reconcile(services, command_of(each))) for each in bodies]
    account = next(each for each, entry in tx_now(await item(rig, 4)) if entry == entries[2].id)
    assert [entry.ik for entry in entries] == ["t4", tx.id, f"{tx.id}-{account}"]


async def item(rig: Rig, place: int) -> dict[str, object]:
    found = await rig.memory.get(keys.tx(rig.txs[place].id))
    assert found is not None
    return dict(found)


def tx_now(found: dict[str, object]) -> tuple[tuple[str, str], ...]:
    return tx_from_item(found).reconciled  # type: ignore[arg-type]


async def test_a_lost_answer_is_unknown_and_the_next_try_is_a_replay(rig: Rig) -> None:
    services = await rig.open()
    await ask(services, "checking", 0)
    rig.table.faults = TableFaults(timeout_after=1000)
    assert await ask(services, "checking", 1) == Unknown()
    rig.table.calm()
    outcome = await ask(services, "checking", 1)
    assert isinstance(outcome, Committed)
    assert outcome.entries[0][1] is True
    assert await rig.claims(1) == [entry_of(outcome).id]


class Forgetful:
    """A store that forgot the token: a second sending is refused, and shows the first's mark."""

    def __init__(self, inner: FaultyTable) -> None:
        self.inner = inner

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        assert isinstance(await self.inner.transact(writes, token), Transacted)
        answer = await self.inner.transact(writes, f"{token}-again")
        assert isinstance(answer, Cancelled)
        return answer


async def test_a_batch_whose_own_mark_stands_was_committed(rig: Rig) -> None:
    services = await rig.open()
    await ask(services, "checking", 0)
    services.committer._table = Forgetful(rig.table)  # type: ignore[assignment]
    outcomes = await asyncio.gather(
        ask(services, "both", 1), ask(services, "checking", 2), ask(services, "savings", 3)
    )
    assert [entry[1] for each in outcomes for entry in getattr(each, "entries", ())] == [False] * 3
    assert await audit_strong_of(rig) == []


async def test_what_is_remembered_is_read_again_when_another_process_was_faster(rig: Rig) -> None:
    here, there = await rig.open(), rig.process()
    await sync(there, *range(20))
    mine = entry_of(await ask(here, "checking", 1))
    outcome = await ask(there, "checking", 1, "bob")  # it remembers the Tx as free
    assert outcome == Committed(((mine, True),))
    await reverse_entry(there, WORKSPACE, mine.id)
    again = await ask(here, "checking", 1, "cy")
    assert isinstance(again, Committed)
    assert (again.entries[0][1], entry_of(again).position) == (False, 3)


class Late:
    """A store whose reads of Txs are slow: meanwhile something happens."""

    def __init__(self, inner: FaultyTable, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.inner = inner
        self.meanwhile = meanwhile

    async def get_many(self, keys: Sequence[Key], *, consistent: bool) -> list[Item | None]:
        if keys[0].pk[:2] == "T#":
            await self.meanwhile()
        return await self.inner.get_many(keys, consistent=consistent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def test_an_instance_that_comes_to_stand_while_txs_are_read_keeps_its_link(rig: Rig) -> None:
    here, there = await rig.open(), rig.process()
    wanted = reconcile_body("card", 2, "ann")
    wanted["parameters"] |= {"external": "savings"}

    async def other_instance() -> None:
        """Another entry makes the instance first, linked to the checking account."""
        made = entry_of(await ask(here, "card", 4))
        path = made.lines[0].account_path
        await there.prefetcher.learn_accounts([account_id(made.ledger_id, path)])

    late = replace(there, table=Late(rig.table, other_instance))  # type: ignore[arg-type]
    outcome = await reconcile(late, command_of(wanted))
    path = "assets/cards:c0"
    assert outcome == Rejected(((0, reject("linked_account_conflict", path=path)),))
    assert await rig.claims(22) == []


async def test_a_migration_that_is_sent_twice_is_not_refused_on_what_the_first_has_claimed(
    rig: Rig,
) -> None:
    here, there = await rig.open(), rig.process()
    entry = entry_of(await ask(here, "checking", 1))
    wanted = command_of(reconcile_body("checking", 1, "bob"))
    standing = await read_entry(rig.table, entry.id)
    assert standing is not None
    sent: list[object] = []

    async def first_sending() -> None:
        sent.append(await migrate_entry(here, standing, wanted))

    late = replace(there, table=Late(rig.table, first_sending))  # type: ignore[arg-type]
    again = await migrate_entry(late, standing, wanted)
    first = sent[0]
    assert isinstance(first, Migrated)
    assert isinstance(again, Migrated)
    assert (again.new, again.reversal.is_replay) == (first.new, True)
    assert again.reversal.reversing == first.reversal.reversing
    assert await rig.claims(1) == [first.new.id]
    assert await audit_strong_of(rig) == []


async def test_a_migration_onto_what_another_entry_accounts_for_is_refused(rig: Rig) -> None:
    services = await rig.open()
    entry = entry_of(await ask(services, "checking", 1))
    other = entry_of(await ask(services, "checking", 2))
    standing = await read_entry(rig.table, entry.id)
    assert standing is not None
    written = rig.memory.dump(TableName.LEDGER)
    wanted = command_of(reconcile_body("checking", 2, "bob"))
    refused = await migrate_entry(services, standing, wanted)
    assert isinstance(refused, Rejected)
    assert [each.code for _, each in refused.rejections] == ["tx_already_reconciled"]
    assert await rig.claims(2) == [other.id]
    assert rig.memory.dump(TableName.LEDGER) == written


async def test_processes_race_for_the_same_txs(rig: Rig) -> None:
    """Whatever is asked at once, of each Tx at most one entry accounts on an account."""
    services = await rig.open()
    processes = [services, rig.process(), rig.process()]
    rng = Random(5)
    entries: list[LedgerEntry] = []
    for _ in range(12):
        asked = []
        for _ in range(8):
            process, number = rng.choice(processes), rng.randrange(4)
            if entries and rng.random() < 0.3:
                asked.append(reverse_entry(process, WORKSPACE, rng.choice(entries).id))
            elif rng.random() < 0.15:
                asked.append(delete_txs(process, WORKSPACE, [rig.txs[number].id]))
            else:
                kind = rng.choice(["checking", "savings", "both", "card", "card_too"])
                asked.append(ask(process, kind, number, rng.choice("abc")))  # type: ignore[arg-type]
        for outcome in await asyncio.gather(*asked):
            if isinstance(outcome, Committed):
                entries.append(entry_of(outcome))
    assert len({entry.id for entry in entries}) > 10
    assert await audit_strong_of(rig) == []
