"""What the indexer counts and tells: labels bound once, events as constants."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.observe import Metrics

SHARD_FOLLOWED: Final = "shard_followed"
SHARD_LEFT: Final = "shard_left"
SHARD_FINISHED: Final = "shard_finished"
LEASE_LOST: Final = "lease_lost"
FOLLOWING_ENDED: Final = "following_ended"
FOLLOW_FAILED: Final = "follow_failed"
ROSTER_FAILED: Final = "roster_failed"
RECORDS_PUT_ASIDE: Final = "records_put_aside"
STREAM_TRIMMED: Final = "stream_trimmed"
CLEARING_FAILED: Final = "clearing_failed"
HEAL_STARTED: Final = "heal_started"
HEAL_DONE: Final = "heal_done"
HEAL_FAILED: Final = "heal_failed"


class IndexerFamilies:
    """Families that only the indexer has; make one for a registry."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        registry = metrics.registry
        self.follow_failures = Counter(
            "twofold_follow_failures",
            "Reads that could not be applied and are tried again, by why",
            ("projector", "reason"),
            registry=registry,
        )
        self.stream_trimmed = Counter(
            "twofold_stream_trimmed",
            "Times that the stream had forgotten what a projector needed",
            ("projector",),
            registry=registry,
        )
        self.shards_followed = Gauge(
            "twofold_shards_followed", "Shards followed now", ("projector",), registry=registry
        )
        self.rollup_items = Counter(
            "twofold_rollup_items", "Balance history items written", registry=registry
        )
        self.rollup_batches = Counter(
            "twofold_rollup_batches", "Batches of balance history items", registry=registry
        )
        self.bulk_operations = Counter(
            "twofold_bulk_operations", "Index operations by result", ("result",), registry=registry
        )


class ProjectorMeters:
    """One projector's metrics."""

    def __init__(self, families: IndexerFamilies, projector: str) -> None:
        metrics = families.metrics
        self.lag_records = metrics.index_lag_records.labels(projector)
        self.lag_seconds = metrics.index_lag_seconds.labels(projector)
        self.applied = metrics.records_applied.labels(projector)
        self.quarantined = metrics.records_quarantined.labels(projector)
        self.checkpoints = metrics.checkpoints.labels(projector)
        self.trimmed = families.stream_trimmed.labels(projector)
        self.followed = families.shards_followed.labels(projector)
        self._failures = families.follow_failures
        self._projector = projector

    def failed(self, error: BaseException) -> None:
        """Counts a read that could not be applied."""
        self._failures.labels(self._projector, type(error).__name__).inc()
