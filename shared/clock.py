"""Time, injected.

Instants are integers: milliseconds since the Unix epoch, UTC (`…_ms`). Durations measured for
metrics are differences of monotonic milliseconds. This module is the only caller of `time`.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What everything that needs the time is given."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...

    def monotonic_ms(self) -> float:
        """Milliseconds on a clock that never goes back; only differences mean something."""
        ...


# Where there is one, a clock that also counts while the machine is suspended: what was remembered
# before is old after it.
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.clock_gettime_ns(_BOOT_CLOCK) / 1_000_000


class FixedClock:
    """A clock that stands still until it is moved: for tests and simulation."""

    __slots__ = ("_back_ms", "_now_ms")

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._back_ms = 0  # by how much the wall clock was set back

    def now_ms(self) -> int:
        return self._now_ms - self._back_ms

    def monotonic_ms(self) -> float:
        return float(self._now_ms)

    def advance(self, ms: int) -> None:
        assert ms >= 0
        self._now_ms += ms

    def set_back(self, ms: int) -> None:
        """Sets the wall clock back, as an operator or NTP may; monotonic time doesn't notice."""
        assert ms >= 0
        self._back_ms += ms
