"""What a process tells of itself: structured logs and metrics.

Logs are one JSON object a line: time, level, event, request id, fields. Events are constants of
this module, so that a log can be searched by them. A field whose name sounds like a secret is never
written.

Metrics are counted by a `Metrics` that the composition root makes; nothing is global. Families that
a hot path uses are bound to their labels once (`RequestMetrics`), so that counting costs no lookup
of labels.
"""

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any, Final

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# --- Events ---------------------------------------------------------------------------------------
SERVICE_STARTED: Final = "service_started"
SERVICE_STOPPED: Final = "service_stopped"
REQUEST_DONE: Final = "request_done"
REQUEST_REFUSED: Final = "request_refused"
REQUEST_TIMED_OUT: Final = "request_timed_out"
REQUEST_FAILED: Final = "request_failed"
RESOLVER_FAILED: Final = "resolver_failed"
STORE_FAILED: Final = "store_failed"
FORWARD_FAILED: Final = "forward_failed"
TOKEN_ISSUED: Final = "token_issued"
TOKEN_REFUSED: Final = "token_refused"
CLIENT_CHANGED: Final = "client_changed"
NOT_READY: Final = "not_ready"

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

_SECRETS = ("secret", "token", "password", "authorization", "api_key", "credential")
_HIDDEN = "[hidden]"
_TRACEBACK_CHARS_MAX = 8_000

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class EventLog:
    """Writes events of one part of the program. Fields are JSON values or exceptions."""

    __slots__ = ("_logger",)

    def __init__(self, part: str) -> None:
        self._logger = logging.getLogger(f"twofold.{part}")

    def debug(self, event: str, **fields: Any) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id:
            line["request_id"] = request_id
        for name, value in getattr(record, "fields", {}).items():
            if isinstance(value, BaseException):
                line[name] = _traceback(value)
            else:
                line[name] = _HIDDEN if _sounds_secret(name) else value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _traceback(record.exc_info[1])
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _sounds_secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _SECRETS)


def _traceback(error: BaseException) -> str:
    return "".join(format_exception(error))[-_TRACEBACK_CHARS_MAX:]


def configure_logging(level: str) -> None:
    """Sends every log of the process to standard error as JSON lines. Call it once, in `main`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("twofold").setLevel(_LEVELS[level])


# --- Metrics --------------------------------------------------------------------------------------
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCH_SIZES = (1, 2, 5, 10, 20, 40, 60, 80, 100)
_BATCH_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Every family that a Twofold process counts, in a registry of its own.

    A part that uses one of them often binds its labels once:
    `metrics.store_requests.labels("transact", "ok")`.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self.requests = self._counter(
            "requests", "GraphQL and HTTP requests", "operation", "outcome"
        )
        self.request_seconds = self._histogram(
            "request_seconds", "Time to answer a request", _REQUEST_SECONDS, "operation"
        )
        self.requests_in_flight = self._gauge("requests_in_flight", "Requests being answered")
        self.documents = self._counter(
            "documents", "GraphQL documents that were not cached: prepared or refused", "result"
        )
        # Group commit
        self.commit_batch_entries = self._histogram(
            "commit_batch_entries", "Entries in a commit batch", _BATCH_SIZES
        )
        self.commit_batch_items = self._histogram(
            "commit_batch_items", "Items in a commit batch", _BATCH_SIZES
        )
        self.commit_seconds = self._histogram(
            "commit_seconds", "Time of a commit batch", _BATCH_SECONDS
        )
        self.commit_outcomes = self._counter(
            "commit_outcomes", "Members of batches by how they ended", "outcome"
        )
        self.commit_conflicts = self._counter(
            "commit_conflicts", "Batches cancelled because another transaction held an item"
        )
        self.commit_retries = self._counter(
            "commit_retries", "Batches that were cancelled, by why", "reason"
        )
        self.commit_queue = self._gauge("commit_queue", "Commands that wait for a batch")
        # DynamoDB and Elasticsearch
        self.store_requests = self._counter(
            "store_requests", "DynamoDB requests by call and outcome", "call", "outcome"
        )
        self.store_seconds = self._histogram(
            "store_seconds", "Time of a DynamoDB request", _BATCH_SECONDS, "call"
        )
        self.store_retries = self._counter(
            "store_retries", "DynamoDB requests that were sent again, by call", "call"
        )
        self.store_read_units = self._counter(
            "store_read_units", "Read units consumed by call", "call"
        )
        self.store_write_units = self._counter(
            "store_write_units", "Write units consumed by call", "call"
        )
        self.search_requests = self._counter(
            "search_requests", "Elasticsearch requests by call and outcome", "call", "outcome"
        )
        self.search_seconds = self._histogram(
            "search_seconds", "Time of an Elasticsearch request", _BATCH_SECONDS, "call"
        )
        # Indexing
        self.index_lag_records = self._gauge(
            "index_lag_records", "Stream records read but not yet applied", "projector"
        )
        self.index_lag_seconds = self._gauge(
            "index_lag_seconds", "Age of the newest change that was applied", "projector"
        )
        self.records_applied = self._counter(
            "records_applied", "Stream records applied", "projector"
        )
        self.records_quarantined = self._counter(
            "records_quarantined",
            "Stream records put aside because they can't be applied",
            "projector",
        )
        self.checkpoints = self._counter("checkpoints", "Checkpoints written", "projector")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"twofold_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"twofold_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"twofold_{name}", text, labels, buckets=buckets, registry=self.registry)


class RequestMetrics:
    """Requests by operation and outcome. Operations are the API's root fields, so there are few."""

    __slots__ = ("_children", "_metrics")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._children: dict[
            tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]
        ] = {}

    def done(self, operation: str, outcome: str, milliseconds: float) -> None:
        """Counts one answered request."""
        bound = self._children.get((operation, outcome))
        if bound is None:
            counter = self._metrics.requests.labels(operation, outcome)
            histogram = self._metrics.request_seconds.labels(operation)
            bound = self._children[(operation, outcome)] = (counter.inc, histogram.observe)
        bound[0]()
        bound[1](milliseconds / 1000)
