"""Metrics that only count: what tests assert about requests and units."""

from collections import Counter


class CountingMetrics:
    """StoreMetrics for tests: requests by call, outcomes, retries, units."""

    def __init__(self, *, wants_capacity: bool = False) -> None:
        self.wants_capacity = wants_capacity
        self.calls: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[str] = Counter()
        self.units: dict[str, float] = {}

    def called(self, call: str, outcome: str, retries: int, ms: float) -> None:
        """See StoreMetrics."""
        assert retries >= 0
        assert ms >= 0
        self.calls[call] += 1
        self.outcomes[call, outcome] += 1
        self.retries[call] += retries

    def consumed(self, call: str, units: float) -> None:
        """See StoreMetrics."""
        self.units[call] = self.units.get(call, 0) + units

    def clear(self) -> None:
        """Forgets everything."""
        self.calls.clear()
        self.outcomes.clear()
        self.retries.clear()
        self.units.clear()
