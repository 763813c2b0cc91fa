"""Counts what Elasticsearch is asked: the process's Metrics as the index's SearchMetrics."""

from collections.abc import Callable

from shared.observe import Metrics


class SearchMeter:
    """SearchMetrics over Prometheus. Labels are bound once, so that counting looks up none."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._bound: dict[tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def called(self, call: str, outcome: str, ms: float) -> None:
        """See SearchMetrics."""
        bound = self._bound.get((call, outcome))
        if bound is None:
            count = self._metrics.search_requests.labels(call, outcome).inc
            observe = self._metrics.search_seconds.labels(call).observe
            bound = self._bound[(call, outcome)] = (count, observe)
        bound[0]()
        bound[1](ms / 1000)
