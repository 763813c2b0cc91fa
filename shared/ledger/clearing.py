"""Clearing accounts: those whose balance should return to zero, and what is shown of them.

    status   cleared when the balance (own and descendants') is zero in every currency, else pending
    window   earliest and latest `posted` of all lines on the account and its descendants, in all
             currencies, of reversed and reversing entries too

A window only ever grows, so widening it twice, or early, is harmless.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from shared.ledger.accounts import ancestor_paths
from shared.ledger.entries import LedgerEntry
from shared.ledger.history import Attributes, latest
from shared.ledger.identifiers import account_id


class PostedWindow(NamedTuple):
    """Earliest and latest moment that lines were posted at, in milliseconds."""

    earliest_ms: int
    latest_ms: int

    def covers(self, other: "PostedWindow") -> bool:
        """Whether `other` lies within."""
        return self.earliest_ms <= other.earliest_ms and other.latest_ms <= self.latest_ms

    def including(self, other: "PostedWindow") -> "PostedWindow":
        """The smallest window that covers both."""
        earliest_ms = min(self.earliest_ms, other.earliest_ms)
        return PostedWindow(earliest_ms, max(self.latest_ms, other.latest_ms))


@dataclass(frozen=True, slots=True)
class ClearingState:
    """What an account that was posted to shows of its clearing."""

    window: PostedWindow
    is_pending: bool


def is_outstanding(heads: Iterable[Attributes]) -> bool:
    """Whether a balance is left in any currency; `heads` are all of the account's histories'."""
    return any(latest(head).total != 0 for head in heads)


def touched_paths(entries: Iterable[LedgerEntry]) -> dict[str, set[str]]:
    """Accounts with lines, and their ancestors, by the entries' ledger."""
    touched: dict[str, set[str]] = {}
    for entry in entries:
        paths = touched.setdefault(entry.ledger_id, set())
        for line in entry.lines:
            path = line.account_path
            if path not in paths:
                paths.add(path)
                paths.update(ancestor_paths(path))
    return touched


def posted_windows(
    entries: Iterable[LedgerEntry], clearing: Mapping[str, Collection[str]]
) -> dict[str, PostedWindow]:
    """By account id, the windows of `entries` alone; `clearing` has the clearing accounts' paths
    by ledger.
    """
    windows: dict[tuple[str, str], PostedWindow] = {}
    for entry in entries:
        paths = clearing.get(entry.ledger_id)
        if not paths:
            continue
        window = PostedWindow(entry.posted_ms, entry.posted_ms)
        for line in entry.lines:
            for path in (line.account_path, *ancestor_paths(line.account_path)):
                if path in paths:
                    name = (entry.ledger_id, path)
                    held = windows.get(name)
                    windows[name] = window if held is None else held.including(window)
    return {account_id(*name): window for name, window in windows.items()}
