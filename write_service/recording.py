"""What the committer tells about itself, as the process's metrics. Labels are bound once."""

from collections.abc import Callable

from shared.errors import StoreError
from shared.observe import Metrics
from write_service.plans import Committed, Conflicted, Moved, Outcome, Rejected, Unknown


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
        outcomes = metrics.commit_outcomes.labels
        self._replayed = outcomes("replayed").inc
        self._failed = outcomes("failed").inc
        self._ended: dict[type[Outcome | StoreError], Callable[[], None]] = {
            Committed: outcomes("committed").inc,
            Rejected: outcomes("rejected").inc,
            Conflicted: outcomes("conflicted").inc,
            Unknown: outcomes("unknown").inc,
            Moved: outcomes("moved").inc,
        }

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

    def member_ended(self, outcome: Outcome | StoreError) -> None:
        """How one member ended: `replayed` when all its entries stood before, `failed` when
        DynamoDB couldn't be asked."""
        if isinstance(outcome, Committed) and outcome.entries[0][1] and _all_stood(outcome):
            self._replayed()
        else:
            self._ended.get(type(outcome), self._failed)()


def _all_stood(outcome: Committed) -> bool:
    return all(is_replay for _, is_replay in outcome.entries)
