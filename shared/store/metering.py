"""Counts what DynamoDB is asked: the process's Metrics as the store's StoreMetrics."""

from collections.abc import Callable

from shared.observe import Metrics

_READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems", "GetRecords"})


class StoreMeter:
    """StoreMetrics over Prometheus. Labels are bound once, so that counting looks up none."""

    def __init__(self, metrics: Metrics, *, wants_capacity: bool = False) -> None:
        self.wants_capacity = wants_capacity
        self._metrics = metrics
        self._calls: dict[tuple[str, str], Callable[[], None]] = {}
        self._seconds: dict[str, Callable[[float], None]] = {}
        self._retries: dict[str, Callable[[float], None]] = {}
        self._units: dict[str, Callable[[float], None]] = {}

    def called(self, call: str, outcome: str, retries: int, ms: float) -> None:
        """See StoreMetrics."""
        assert retries >= 0
        count = self._calls.get((call, outcome))
        if count is None:
            count = self._metrics.store_requests.labels(call, outcome).inc
            self._calls[(call, outcome)] = count
            self._seconds[call] = self._metrics.store_seconds.labels(call).observe
            self._retries[call] = self._metrics.store_retries.labels(call).inc
        count()
        self._seconds[call](ms / 1000)
        if retries:
            self._retries[call](retries)

    def consumed(self, call: str, units: float) -> None:
        """See StoreMetrics."""
        add = self._units.get(call)
        if add is None:
            metrics = self._metrics
            family = metrics.store_read_units if call in _READS else metrics.store_write_units
            add = self._units[call] = family.labels(call).inc
        add(units)
