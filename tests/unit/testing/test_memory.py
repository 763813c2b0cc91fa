"""What only the twin can show: forgotten tokens, stale reads, small pages, copies."""

from shared.clock import FixedClock
from shared.limits import BATCH_TOKEN_LIFE_MS
from shared.store.table import (
    Absent,
    Cancelled,
    Cause,
    Key,
    Put,
    Reason,
    TableName,
    Transacted,
    Update,
)
from shared.testing.memory import MemoryTable

KEY = Key(TableName.BALANCES, "B#1", "S#USD")


async def test_a_token_is_forgotten_after_ten_minutes() -> None:
    clock = FixedClock()
    table = MemoryTable(clock=clock)
    writes = [Update(KEY, add={"v": 1}, guards=(Absent(),))]
    assert await table.transact(writes, "token") == Transacted()
    clock.advance(BATCH_TOKEN_LIFE_MS)
    assert await table.transact(writes, "token") == Transacted()
    clock.advance(1)
    old = {"pk": "B#1", "sk": "S#USD", "v": 1}
    assert await table.transact(writes, "token") == Cancelled((Reason(Cause.GUARD, old),))


async def test_a_stale_read_shows_the_item_before_its_last_write() -> None:
    table = MemoryTable(clock=FixedClock(), stale=lambda key: True)
    for _ in range(2):
        await table.write(Update(KEY, add={"v": 1}))
    before, now = await table.get(KEY), await table.get(KEY, consistent=True)
    assert before == {"pk": "B#1", "sk": "S#USD", "v": 1}
    assert now == {"pk": "B#1", "sk": "S#USD", "v": 2}


async def test_pages_end_at_the_size_that_was_asked() -> None:
    table = MemoryTable(clock=FixedClock(), page_bytes_max=100)
    for number in range(5):
        await table.write(Put(TableName.BALANCES, {"pk": "P", "sk": str(number), "b": "x" * 60}))
    page = await table.query(TableName.BALANCES, "P")
    assert [item["sk"] for item in page.items] == ["0", "1"]
    assert page.next_key == ("P", "1")
    assert len((await table.scan(TableName.BALANCES)).items) == 2


async def test_what_a_caller_changes_stays_the_callers() -> None:
    table = MemoryTable(clock=FixedClock())
    item = {"pk": "B#1", "sk": "S#USD", "v": 1}
    await table.write(Put(TableName.BALANCES, dict(item)))
    read = await table.get(KEY)
    assert read is not None
    read["v"] = 2
    assert await table.get(KEY) == item
    assert table.dump(TableName.BALANCES) == [item]
