"""The worker of a write process: it ends when it is told to."""

import asyncio
from itertools import count

import pytest

from shared.clock import FixedClock
from shared.testing.memory import MemoryTable
from tests.write_rig import write_services
from write_service.work import Worker


@pytest.mark.timeout(30)
@pytest.mark.parametrize("ticks", range(6))
async def test_a_worker_that_is_cancelled_as_its_wait_ends_is_cancelled(ticks: int) -> None:
    clock = FixedClock()
    services = write_services(MemoryTable(clock=clock), clock, count(1))
    running = asyncio.create_task(Worker(services, "w").run())
    await asyncio.sleep(0.02)
    services.work_arrived.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=0.2)
    assert done
    assert running.cancelled()


async def test_a_worker_that_is_stopped_ends() -> None:
    clock = FixedClock()
    services = write_services(MemoryTable(clock=clock), clock, count(1))
    worker = Worker(services, "w")
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.02)
    worker.stop()
    await asyncio.wait_for(running, 1)
