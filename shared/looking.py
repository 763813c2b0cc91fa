"""The loop of a process that looks for work: at once when it is woken, else after a while."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

Failures = tuple[type[Exception], ...]


async def look_until_stopped(
    look: Callable[[], Awaitable[object]],
    *,
    stopped: asyncio.Event,
    woken: asyncio.Event,
    every_ms: float,
    failures: Failures,
    tell: Callable[[Exception], None],
) -> None:
    """Looks until `stopped`: when `woken`, and after `every_ms` without that. What of `failures` a
    look raises is told, and the next look comes; anything else is raised.
    """
    while not stopped.is_set():
        woken.clear()
        try:
            await look()
        except failures as error:
            tell(error)
        # Not `wait_for`: it swallows a cancellation that comes as it ends.
        with suppress(TimeoutError):
            async with asyncio.timeout(every_ms / 1000):
                await woken.wait()


async def let_end(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    """Waits until the tasks have ended; those that haven't `within_s` are cancelled."""
    if not tasks:
        return
    every = list(tasks)
    _, late = await asyncio.wait(every, timeout=within_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*every, return_exceptions=True)
