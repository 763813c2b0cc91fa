"""PURE: a change -> what has to be written to the search indices.

Documents carry their thing's revision as version, so a change that is projected twice, or after a
later one, changes nothing.
"""

from indexer.records import Change, ChangeKind, Searched
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.links import Tx
from shared.search.documents import (
    account_deletions,
    account_documents,
    entry_deletions,
    entry_documents,
    group_documents,
    tx_documents,
)
from shared.search.index import Operation


def project_documents(change: Change) -> list[Operation]:
    """Operations on the indices; none for a ledger, or when the thing itself didn't change."""
    if not change.moved:
        return []
    if change.kind == "entry":
        return _entry_operations(change)
    if change.kind == "account":
        return _account_operations(change)
    if change.kind == "tx" and isinstance(change.new, Tx):  # none is ever removed
        return [*tx_documents(change.new)]
    return []


def _entry_operations(change: Change) -> list[Operation]:
    entry = change.new
    if entry is None:
        assert isinstance(change.old, LedgerEntry)
        return [*entry_deletions(change.old)]
    assert isinstance(entry, LedgerEntry)
    if not entry.groups:
        return [*entry_documents(entry)]
    return [*entry_documents(entry), *group_documents(entry)]


def _account_operations(change: Change) -> list[Operation]:
    account = change.new
    if account is None:
        assert isinstance(change.old, LedgerAccount)
        return [*account_deletions(change.old)]
    assert isinstance(account, LedgerAccount)
    return [*account_documents(account)]


def thing_operations(thing: Searched) -> list[Operation]:
    """All operations that bring the indices to `thing` as it stands now: for a load from the
    table.
    """
    kind: ChangeKind = "tx"
    if not isinstance(thing, Tx):
        kind = "entry" if isinstance(thing, LedgerEntry) else "account"
    return project_documents(Change(kind, "", 0, None, thing, inserted=True))
