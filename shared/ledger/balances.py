"""Balances as running sums: keys, deltas, and how one entry's lines touch them.

strong   own or total balance of (account, currency), and own balance of (account, currency) within
         a group of entries, moved in the entry's own transaction
history  own and child sums of (account, currency), by ledger-local month and hour; the indexer
         moves them
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from shared.ledger.accounts import ancestor_paths
from shared.ledger.entries import Group, LedgerEntry
from shared.ledger.identifiers import group_id
from shared.ledger.periods import local_bucket

Scope = Literal["own", "total", "group"]


class GroupPlace(NamedTuple):
    """Where a group's balance stands: under its group, by its account's path."""

    group_id: str
    account_path: str


class BalanceKey(NamedTuple):
    """A strong balance: the running sum of one account, in one currency.

    `group` is there exactly when the scope is `group`: what the entries of a group bring to the
    account.
    """

    account_id: str
    currency: str
    scope: Scope
    group: GroupPlace | None = None


class GroupKey(NamedTuple):
    """A group's balance: one group of entries, one account by path, one currency."""

    group_id: str
    account_path: str
    currency: str


class HistoryKey(NamedTuple):
    """A balance history: one account by path, one currency."""

    account_path: str
    currency: str


@dataclass(slots=True)
class HistoryDelta:
    """What lines add to one history: sums by month (yyyymm) and by (month, hour of it)."""

    own: int
    child: int
    own_by_hour: dict[tuple[int, int], int]
    child_by_hour: dict[tuple[int, int], int]


def history_deltas(
    entries: Iterable[LedgerEntry], utc_offset_minutes: int
) -> dict[HistoryKey, HistoryDelta]:
    """Sums the lines of `entries` (of one ledger) into the histories of their accounts and
    ancestors.

    A line counts as `own` for its account and as `child` for each ancestor.
    """
    sums: dict[tuple[str, str, tuple[int, int]], int] = {}  # many lines are few accounts and hours
    for entry in entries:
        bucket = local_bucket(entry.posted_ms, utc_offset_minutes)
        at = (bucket.month, bucket.hour)
        for line in entry.lines:
            each = (line.account_path, line.currency, at)
            sums[each] = sums.get(each, 0) + line.amount
    deltas: dict[HistoryKey, HistoryDelta] = {}
    for (path, currency, at), amount in sums.items():
        delta = _delta_of(deltas, path, currency)
        delta.own += amount
        delta.own_by_hour[at] = amount
        for ancestor in ancestor_paths(path):
            delta = _delta_of(deltas, ancestor, currency)
            delta.child += amount
            delta.child_by_hour[at] = delta.child_by_hour.get(at, 0) + amount
    return deltas


def _delta_of(deltas: dict[HistoryKey, HistoryDelta], path: str, currency: str) -> HistoryDelta:
    key = HistoryKey(path, currency)
    delta = deltas.get(key)
    if delta is None:
        delta = deltas[key] = HistoryDelta(0, 0, {}, {})
    return delta


def group_sums(entry: LedgerEntry, groups: Iterable[Group]) -> dict[GroupKey, int]:
    """What the lines of `entry` add to the balances of `groups`, which it is in; zeros too."""
    sums: dict[GroupKey, int] = {}
    for key, value in groups:
        identity = group_id(entry.ledger_id, key, value)
        for line in entry.lines:
            at = GroupKey(identity, line.account_path, line.currency)
            sums[at] = sums.get(at, 0) + line.amount
    return sums
