"""Units follow the sizes: two for each kilobyte of a batch, one alone, a read for each 4 KB."""

import pytest

from shared.store import units
from shared.store.table import Check, Delete, Item, Key, Present, Put, TableName, Update

KEY = Key(TableName.BALANCES, "B#1", "S#USD")


def item_of(size: int) -> Item:
    """An item of exactly `size` bytes."""
    item: Item = {"pk": "E#1", "sk": ".", "b": "x" * (size - 9)}
    return item


@pytest.mark.parametrize("size, single", [(700, 1), (1_024, 1), (1_025, 2), (3_000, 3)])
def test_a_put_costs_a_unit_for_each_started_kilobyte(size: int, single: int) -> None:
    put = Put(TableName.LEDGER, item_of(size))
    assert units.write_bytes(put) == size
    assert units.single_write_units(put) == single
    assert units.write_units([put]) == 2 * single


def test_a_batch_of_32_entries_and_two_balances_costs_68_units() -> None:
    entries = [Put(TableName.LEDGER, item_of(700))] * 32
    balances = [Update(KEY, add={"v": 1})] * 2
    assert units.write_units([*entries, *balances]) == 68


def test_updates_deletes_and_checks_cost_what_they_send() -> None:
    assert units.single_write_units(Update(KEY, set={"b": "x" * 2_000})) == 2
    assert units.single_write_units(Delete(KEY)) == 1
    assert units.single_write_units(Check(KEY, (Present(),))) == 1


def test_reads_round_each_item_and_cost_half_when_not_consistent() -> None:
    items = [None, item_of(4_096), item_of(4_097)]
    assert units.read_units(items, consistent=True) == 4
    assert units.read_units(items, consistent=False) == 2
    assert units.read_units([None], consistent=False) == 0.5


def test_a_page_rounds_its_sum_once() -> None:
    assert units.page_read_units([item_of(1_000)] * 4, consistent=True) == 1
    assert units.page_read_units([item_of(1_000)] * 5, consistent=True) == 2
    assert units.page_read_units([], consistent=False) == 0.5
