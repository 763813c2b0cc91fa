"""A checkpoint whose write arrives after it was given up: the shard goes on from where it
landed.
"""

import pytest

from indexer.leases import Checkpoint, LeaseBook
from indexer.quarantine import SEARCH
from shared.clock import FixedClock
from shared.errors import StoreTimeout
from shared.testing.memory import MemoryTable


class Losing:
    """Loses the first write's answer and the write itself, which `arrive` brings in later."""

    def __init__(self, table):
        self._table = table
        self.lost = None

    async def write(self, write):
        if self.lost is None:
            self.lost = write
            raise StoreTimeout("no answer")
        return await self._table.write(write)

    async def arrive(self):
        await self._table.write(self.lost)

    def __getattr__(self, name):
        return getattr(self._table, name)


async def test_a_write_that_arrives_late_is_taken_over_and_not_fought():
    clock = FixedClock()
    memory = MemoryTable(clock=clock)
    calm = LeaseBook(memory, SEARCH, "one", clock)
    await calm.begin(["shard"])
    lease = await calm.take((await calm.listed())["shard"])
    assert lease is not None
    table = Losing(memory)
    book = LeaseBook(table, SEARCH, "one", clock)
    with pytest.raises(StoreTimeout):
        await book.advance(lease, Checkpoint("10"))
    await table.arrive()
    with pytest.raises(StoreTimeout):
        await book.advance(lease, Checkpoint("20"))
    assert lease.checkpoint == Checkpoint("10")
    await book.advance(lease, Checkpoint("20"))
    assert (await book.read_back(lease)) == Checkpoint("20")
