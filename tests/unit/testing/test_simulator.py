"""The virtual-time loop: no waiting, and the same order for the same seed."""

import asyncio
from random import Random

import pytest

from shared.clock import SystemClock
from shared.testing.simulator import Deadlock, VirtualClock, run_simulated


async def _race(order):
    async def runner(name):
        for _ in range(5):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*[runner(name) for name in "abcd"])


def trace(seed):
    order = []
    run_simulated(_race(order), seed)
    return "".join(order)


def test_the_same_seed_gives_the_same_order_and_others_differ():
    assert trace(7) == trace(7)
    assert len({trace(seed) for seed in range(20)}) > 10


def test_an_hour_of_sleep_takes_no_time_and_moves_the_clock():
    async def main():
        clock = VirtualClock(asyncio.get_running_loop())
        before = clock.now_ms()
        await asyncio.sleep(3_600)
        return clock.now_ms() - before

    real = SystemClock()
    started = real.monotonic_ms()
    assert run_simulated(main(), 1) == 3_600_000
    assert real.monotonic_ms() - started < 60_000


def test_a_deadlock_is_told_instead_of_waited_for():
    async def main():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run_simulated(main(), 1)


def test_timers_fire_in_the_order_of_their_times():
    async def main():
        fired = []
        rng = Random(3)
        delays = [rng.random() for _ in range(50)]

        async def after(delay):
            await asyncio.sleep(delay)
            fired.append(delay)

        await asyncio.gather(*[after(delay) for delay in delays])
        return fired == sorted(delays)

    assert run_simulated(main(), 5)
