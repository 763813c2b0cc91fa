"""What the committer tells about itself, as the process's metrics. Labels are bound once."""

from shared.observe import Metrics


class MeteredCommits:
    """CommitRecorder over Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self._entries = metrics.commit_batch_entries.observe
        self._items = metrics.commit_batch_items.observe
        self._seconds = metrics.commit_seconds.observe
        self._conflicts = metrics.commit_conflicts.inc
        self._contended = metrics.commit_retries.labels("contended").inc
        self._guarded = metrics.commit_retries.labels("guard").inc
        self._queue = metrics.commit_queue.set
        self._outcomes = metrics.commit_outcomes

    def batch_committed(self, members: int, items: int, ms: float) -> None:
        """A transaction was written."""
        self._entries(members)
        self._items(items)
        self._seconds(ms / 1000)

    def batch_retried(self, contended: bool) -> None:
        """A transaction was cancelled; its members go again or are refused."""
        if contended:
            self._conflicts()
            self._contended()
        else:
            self._guarded()

    def queue_depth(self, members: int) -> None:
        """Members that wait when a batch is formed."""
        self._queue(members)

    def outcome(self, name: str) -> None:
        """How one member ended."""
        self._outcomes.labels(name).inc()
