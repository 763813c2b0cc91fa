"""A virtual-time event loop with a seeded order: the same seed gives the same run, in no time.

    sleep(30)           the loop has nothing else to do: its clock jumps, nobody waits
    ready callbacks     run in an order drawn from the seed: what works only in luck's order fails

No real socket may live in this loop. It overrides two private parts of asyncio's base loop
(`_run_once`, `_ready`); a test runs it on each supported Python.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH_MS = 1_700_000_000_000
STEPS_MAX = 5_000_000


class Deadlock(RuntimeError):
    """Every task waits for something that will never happen."""


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting, moves the loop's clock by the time that would have been waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise Deadlock("nothing is ready and nothing is timed")
            self.now_s += max(timeout, 0.0)
        return found


class SimulatedLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on virtual time."""

    def __init__(self, rng: Random) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._rng = rng
        self.steps = 0

    def time(self) -> float:
        return self._jumping.now_s

    def _run_once(self) -> None:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Deadlock(f"{STEPS_MAX} steps without an end")
        ready = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            shuffled = list(ready)
            self._rng.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]


class VirtualClock:
    """The Clock that reads the loop's virtual time."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_ms(self) -> int:
        return EPOCH_MS + round(self._loop.time() * 1000)

    def monotonic_ms(self) -> float:
        return self._loop.time() * 1000


def run_simulated(main: Coroutine[Any, Any, T], seed: int) -> T:
    """Runs `main` to its end in a loop of its own, then cancels what is left."""
    loop = SimulatedLoop(Random(seed))
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
