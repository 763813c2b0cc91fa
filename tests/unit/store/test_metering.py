"""What DynamoDB is asked shows in the process's metrics."""

from shared.observe import Metrics
from shared.store.metering import StoreMeter


def test_calls_are_counted_by_outcome_and_units_by_direction() -> None:
    metrics = Metrics()
    meter = StoreMeter(metrics)
    meter.called("GetItem", "ok", 0, 2.0)
    meter.called("GetItem", "ok", 3, 3.0)
    meter.called("TransactWriteItems", "timeout", 0, 5_000.0)
    meter.consumed("GetItem", 0.5)
    meter.consumed("GetItem", 1)
    meter.consumed("TransactWriteItems", 8)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"twofold_{name}", labels)

    assert value("store_requests_total", call="GetItem", outcome="ok") == 2
    assert value("store_requests_total", call="TransactWriteItems", outcome="timeout") == 1
    assert value("store_retries_total", call="GetItem") == 3
    assert value("store_retries_total", call="TransactWriteItems") == 0
    assert value("store_seconds_sum", call="GetItem") == 0.005
    assert value("store_read_units_total", call="GetItem") == 1.5
    assert value("store_write_units_total", call="TransactWriteItems") == 8
    assert value("store_read_units_total", call="TransactWriteItems") is None
