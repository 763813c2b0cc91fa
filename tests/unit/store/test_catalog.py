"""What a process remembers of ledgers, and for how long."""

from dataclasses import replace
from typing import Any

from shared.clock import FixedClock
from shared.ledger.ledgers import Ledger
from shared.limits import LEDGER_HEAD_AGE_MS_MAX
from shared.store.catalog import Catalog
from shared.store.items import ledger_ik_item, ledger_item
from shared.store.table import Item, Key, Put, TableName
from shared.testing.memory import MemoryTable

LEDGER = Ledger("1" * 32, "w", "ik", "Name", 0, 0, None, None)


class SlowTable:
    """Answers as long after it has read as told."""

    def __init__(self, clock: FixedClock, slow_ms: int) -> None:
        self.inner, self.clock, self.slow_ms = MemoryTable(clock=clock), clock, slow_ms
        self.reads = 0

    async def open(self) -> None:
        for item in (ledger_item(LEDGER), ledger_ik_item("w", "ik", LEDGER.id, 1)):
            await self.inner.write(Put(TableName.LEDGER, item))

    async def get(self, key: Key, *, consistent: bool = False) -> Item | None:
        self.reads += 1
        found = await self.inner.get(key, consistent=consistent)
        self.clock.advance(self.slow_ms)
        return found

    async def get_many(self, wanted: list[Key], *, consistent: bool = False) -> list[Any]:
        return [await self.get(key, consistent=consistent) for key in wanted]


async def reads_of_second_look(slow_ms: int) -> int:
    clock = FixedClock()
    table = SlowTable(clock, slow_ms)
    await table.open()
    catalog = Catalog(table, clock)  # type: ignore[arg-type]
    assert await catalog.ledger_by_ik("w", "ik") == LEDGER
    assert await catalog.ledger_by_id("w", LEDGER.id) == LEDGER
    before = table.reads
    assert await catalog.ledger_by_ik("w", "ik") == LEDGER
    return table.reads - before


async def test_a_head_is_as_old_as_the_asking_for_it_not_as_the_answer() -> None:
    """A ledger that is deleted while an answer is under way is not posted to for longer."""
    assert await reads_of_second_look(LEDGER_HEAD_AGE_MS_MAX // 10) == 0
    assert await reads_of_second_look(LEDGER_HEAD_AGE_MS_MAX) == 2


async def test_a_head_ages_while_the_wall_clock_is_set_back() -> None:
    """A ledger that was deleted long ago is not posted to."""
    clock = FixedClock()
    table = SlowTable(clock, 0)
    await table.open()
    catalog = Catalog(table, clock)  # type: ignore[arg-type]
    assert await catalog.ledger_by_ik("w", "ik") == LEDGER
    deleted = replace(LEDGER, state="deleted", revision=2)
    await table.inner.write(Put(TableName.LEDGER, ledger_item(deleted)))
    clock.set_back(60_000)
    clock.advance(LEDGER_HEAD_AGE_MS_MAX - 1)
    assert await catalog.ledger_by_ik("w", "ik") == LEDGER
    clock.advance(1)
    assert catalog.fresh_ledger("w", "ik") is None
    assert await catalog.ledger_by_ik("w", "ik") is None
    assert await catalog.ledger_by_id("w", LEDGER.id) is None
