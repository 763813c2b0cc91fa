"""Heads that have gathered many hours are folded, without any sum changing."""

from indexer.folds import FOLD_EVERY_HOURS, Folder, is_due
from shared.clock import FixedClock
from shared.ledger.balances import HistoryDelta
from shared.ledger.history import HEAD_HOURS_MAX, head_adds, hours_by_month
from shared.store import keys
from shared.store.table import TableName, Update
from shared.testing.memory import MemoryTable

ACCOUNT = "0" * 31 + "5"
KEY = keys.history_head(ACCOUNT, "USD")


async def full_head(table: MemoryTable, months=(202311, 202312), hours=HEAD_HOURS_MAX):
    for month in months:
        for hour in range(hours):
            adds = head_adds(HistoryDelta(1, 2, {(month, hour): 1}, {(month, hour): 2}))
            await table.write(Update(KEY, add=adds))


def due_update() -> Update:
    hour = next(hour for hour in range(24) if is_due(KEY, hour))
    return Update(KEY, add=head_adds(HistoryDelta(1, 0, {(202311, hour): 1}, {})))


def stored(table):
    items = {(item["pk"], item["sk"]): item for item in table.dump(TableName.BALANCES)}
    head = items[(KEY.pk, KEY.sk)]
    months = {
        month: items[(key.pk, key.sk)]
        for month in (202311, 202312)
        if (key := keys.history_month(ACCOUNT, "USD", month))[1:] in items
    }
    return head, months


def test_each_account_has_one_hour_in_seventeen_also_when_it_moves_once_a_day():
    for rhythm in (1, 24):
        hours = [rhythm * at + 7 for at in range(FOLD_EVERY_HOURS)]
        assert [is_due(KEY, hour) for hour in hours].count(True) == 1


async def test_a_full_head_is_folded_once():
    table = MemoryTable(clock=FixedClock())
    await full_head(table)
    before = hours_by_month(*stored(table))
    folder = Folder(table)
    folder.note([due_update(), due_update()])
    assert folder.waiting_count == 1
    await folder.fold_some(5)
    assert (folder.waiting_count, folder.folds_count) == (0, 1)
    head, months = stored(table)
    assert sorted(months) == [202311, 202312]
    assert len([name for name in head if name[0] in "hj"]) == 2
    assert hours_by_month(head, months) == before
    folder.note([due_update()])
    assert folder.waiting_count == 0  # looked at in this hour already


async def test_a_small_head_and_a_missing_one_are_left_alone():
    table = MemoryTable(clock=FixedClock())
    folder = Folder(table)
    folder.note([due_update()])
    await folder.fold_some(5)
    await full_head(table, months=(202311,))
    before = table.dump(TableName.BALANCES)
    again = Folder(table)
    again.note([due_update()])
    await again.fold_some(5)
    assert (folder.folds_count, again.folds_count) == (0, 0)
    assert table.dump(TableName.BALANCES) == before


async def test_an_update_between_reading_and_folding_wins():
    table = MemoryTable(clock=FixedClock())
    await full_head(table)

    class Racing:
        async def transact(self, writes, token):
            await table.write(Update(KEY, add={"o": 1, "r": 1}))
            return await table.transact(writes, token)

        def __getattr__(self, name):
            return getattr(table, name)

    folder = Folder(Racing())
    folder.note([due_update()])
    await folder.fold_some(5)
    assert folder.folds_count == 0
    head, months = stored(table)
    assert (head["o"], months) == (2 * HEAD_HOURS_MAX + 1, {})
