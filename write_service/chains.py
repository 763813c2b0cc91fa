"""Entries as they stand, read before they are changed: by id, by match, or at the end of an ik's
reversal chain."""

from dataclasses import dataclass

from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import reject
from shared.limits import CHAIN_LOOKS_MAX
from shared.store import keys
from shared.store.items import chain_head, entry_from_item
from shared.store.table import Item, Table
from write_service.commands import EntryMatch, LedgerMatch
from write_service.prefetch import Prefetcher

_SHOWN_CHARS_MAX = 60  # of an id, in a message


@dataclass(frozen=True, slots=True)
class StandingEntry:
    """An entry with its item, as read with strong consistency."""

    entry: LedgerEntry
    item: Item


def _not_found(what: str) -> RejectionError:
    return RejectionError(reject("ledger_entry_not_found", what=what))


async def read_entry(table: Table, entry_id: str) -> StandingEntry | None:
    """The entry with this id, of whatever workspace: one GetItem."""
    item = await table.get(keys.entry(entry_id), consistent=True)
    return None if item is None else StandingEntry(entry_from_item(item), item)


async def chain_end(table: Table, ledger_id: str, ik: str) -> StandingEntry | None:
    """The newest entry of the chain of `ik`: one GetItem, two once it was reversed.

    An entry that was reversed between the two reads is looked up again.
    """
    first_id = identifiers.entry_id(ledger_id, ik, 1)
    end = first = await read_entry(table, first_id)
    for _ in range(CHAIN_LOOKS_MAX):
        if end is None or not end.entry.is_reversed:
            break
        if end is not first:
            first = await read_entry(table, first_id)
        assert first is not None, "a chain keeps its first entry"
        newest = identifiers.entry_id(ledger_id, ik, chain_head(first.item))
        end = await read_entry(table, newest)
    return end


async def entry_by_id(
    table: Table, prefetcher: Prefetcher, workspace_id: str, entry_id: str
) -> tuple[Ledger, StandingEntry]:
    """The entry of a live ledger of the workspace. Raises RejectionError."""
    what = f"the id {entry_id[:_SHOWN_CHARS_MAX]}"
    found = await read_entry(table, entry_id) if identifiers.is_id(entry_id) else None
    if found is None or found.entry.workspace_id != workspace_id:
        raise _not_found(what)
    try:
        match = LedgerMatch(id=found.entry.ledger_id)
        return await prefetcher.ledger(workspace_id, match, "ledgerEntry.ledger"), found
    except RejectionError:
        raise _not_found(what) from None


async def entry_of_match(
    table: Table, prefetcher: Prefetcher, workspace_id: str, match: EntryMatch
) -> tuple[Ledger, StandingEntry]:
    """The entry that `match` names, with its ledger; by ik the newest of its chain. Raises
    RejectionError."""
    ledger = None
    if match.id is None or match.ledger is not None:
        ledger = await prefetcher.ledger(workspace_id, match.ledger, "ledgerEntry.ledger")
    if match.id is not None:
        owner, found = await entry_by_id(table, prefetcher, workspace_id, match.id)
        if ledger is not None and ledger.id != owner.id:
            raise _not_found(f"the id {match.id} in the Ledger {ledger.ik}")
        if match.ik not in (None, found.entry.ik):
            raise _not_found(f"the id {match.id} and the ik {match.ik}")
        return owner, found
    assert ledger is not None
    assert match.ik is not None
    end = await chain_end(table, ledger.id, match.ik)
    if end is None:
        raise _not_found(f"the ik {match.ik} in the Ledger {ledger.ik}")
    return ledger, end
