"""PURE: changes -> what they add to the balance histories and to the counts of entries.

An entry counts once, when it is inserted. Its lines never change afterwards: an update of tags or
groups moves nothing, and a reversal is an entry of its own with the opposite lines. Entries are
never removed.
"""

from collections.abc import Iterable, Mapping

from indexer.records import Change, StreamChange
from shared.ledger.balances import history_deltas
from shared.ledger.entries import LedgerEntry
from shared.ledger.entry_counts import count_adds, count_deltas
from shared.ledger.history import head_adds
from shared.ledger.identifiers import account_id
from shared.store import keys
from shared.store.table import Update


def counted_entry(change: StreamChange) -> LedgerEntry | None:
    """The entry whose lines this change brings into the histories, or None."""
    if isinstance(change, Change) and change.inserted and isinstance(change.new, LedgerEntry):
        return change.new
    return None


def project_rollups(entries: Iterable[LedgerEntry], utc_offsets: Mapping[str, int]) -> list[Update]:
    """One update for each history that the lines of `entries` touch, and for each count of their
    types, in the order of their keys.

    `utc_offsets` holds the minutes of every entry's ledger, by its id. The sums of all entries go
    into one update, so an account that many of them touch costs no more than one that a single
    entry does.
    """
    by_ledger: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        held = by_ledger.get(entry.ledger_id)
        if held is None:
            by_ledger[entry.ledger_id] = [entry]
        else:
            held.append(entry)
    updates: list[Update] = []
    for ledger_id, of_ledger in by_ledger.items():
        deltas = history_deltas(of_ledger, utc_offsets[ledger_id])
        ids: dict[str, str] = {}
        for (path, currency), delta in deltas.items():
            account = ids.get(path)
            if account is None:
                account = ids[path] = account_id(ledger_id, path)
            updates.append(Update(keys.history_head(account, currency), add=head_adds(delta)))
        for counted, count in count_deltas(of_ledger).items():
            updates.append(Update(keys.entry_count(*counted), add=count_adds(count)))
    updates.sort(key=lambda update: update.key)
    return updates
