"""PURE: changes -> what they add to the balance histories, to the balances of groups and to the
counts of entries.

An entry's lines count once for the histories, when it is inserted. They never change afterwards: an
update of tags moves nothing, and a reversal is an entry of its own with the opposite lines. Entries
are never removed.

For a group's balances the lines count once too: with the change that brings the entry into the
group, which is its insertion or a later update. No entry leaves a group.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from indexer.records import Change, StreamChange
from shared.ledger.balances import GroupKey, group_sums, history_deltas
from shared.ledger.entries import Group, LedgerEntry
from shared.ledger.entry_counts import count_adds, count_deltas
from shared.ledger.history import head_adds, sum_adds
from shared.ledger.identifiers import account_id
from shared.store import keys
from shared.store.table import Update


@dataclass(frozen=True, slots=True)
class Counted:
    """An entry whose lines are new to the histories (`is_new`), and to the balances of `groups`."""

    entry: LedgerEntry
    is_new: bool
    groups: tuple[Group, ...]


def counted(change: StreamChange) -> Counted | None:
    """What of this change is to be counted, or None."""
    if not isinstance(change, Change) or not isinstance(change.new, LedgerEntry):
        return None
    if change.inserted:
        return Counted(change.new, True, change.new.groups)
    if not change.new.groups or not isinstance(change.old, LedgerEntry):
        return None
    joined = tuple([group for group in change.new.groups if group not in change.old.groups])
    return Counted(change.new, False, joined) if joined else None


def whole(entry: LedgerEntry) -> Counted:
    """The entry as if it had been inserted as it stands now."""
    return Counted(entry, True, entry.groups)


def project_rollups(found: Iterable[Counted], utc_offsets: Mapping[str, int]) -> list[Update]:
    """One update for each history and group's balance that the lines touch, and for each count of
    the entries' types, in the order of their keys.

    `utc_offsets` holds the minutes of every entry's ledger, by its id. The sums of all entries go
    into one update, so an account that many of them touch costs no more than one that a single
    entry does.
    """
    by_ledger: dict[str, tuple[list[LedgerEntry], list[Counted]]] = {}
    for each in found:
        ledger_id = each.entry.ledger_id
        held = by_ledger.get(ledger_id)
        if held is None:
            held = by_ledger[ledger_id] = ([], [])
        if each.is_new:
            held[0].append(each.entry)
        if each.groups:
            held[1].append(each)
    updates: list[Update] = []
    for ledger_id, (entries, grouped) in by_ledger.items():
        ids: dict[str, str] = {}
        for (path, currency), delta in history_deltas(entries, utc_offsets[ledger_id]).items():
            account = _id_of(ledger_id, path, ids)
            updates.append(Update(keys.history_head(account, currency), add=head_adds(delta)))
        if grouped:
            updates += _group_updates(ledger_id, grouped, ids)
        for of_type, count in count_deltas(entries).items():
            updates.append(Update(keys.entry_count(*of_type), add=count_adds(count)))
    updates.sort(key=lambda update: update.key)
    return updates


def _id_of(ledger_id: str, path: str, ids: dict[str, str]) -> str:
    account = ids.get(path)
    if account is None:
        account = ids[path] = account_id(ledger_id, path)
    return account


def _group_updates(ledger_id: str, grouped: Iterable[Counted], ids: dict[str, str]) -> list[Update]:
    sums: dict[GroupKey, int] = {}
    for each in grouped:
        for at, amount in group_sums(each.entry, each.groups).items():
            sums[at] = sums.get(at, 0) + amount
    return [
        Update(
            keys.group_eventual(group, path, _id_of(ledger_id, path, ids), currency),
            add=sum_adds(amount),
            set_if_absent={"p": path},
        )
        for (group, path, currency), amount in sums.items()
    ]
