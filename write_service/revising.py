"""Changing what was posted: update, reverse, migrate. Each reads the entry, plans, and commits one
member; when the entry has moved meanwhile it is read and planned again.

    update    entry n at its next revision
    reverse   entry n at its next revision, n+1 reverses it
    migrate   entry n at its next revision, n+1 reverses it, n+2 takes its place, and may take
              over the Txs that entry n accounted for

All of a change is one transaction, batched with posts to the same strong balances.
"""

from dataclasses import dataclass, replace

from shared.ledger import identifiers
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import Rejection
from shared.limits import CHAIN_LOOKS_MAX
from write_service.chains import StandingEntry, entry_by_id, entry_of_match, read_entry
from write_service.commands import AddLedgerEntry, UpdateLedgerEntry
from write_service.planning.reversals import plan_reversal
from write_service.planning.updates import plan_update, refuse_hidden
from write_service.planning.view import LedgerView
from write_service.plans import (
    ChainPlace,
    Committed,
    Conflicted,
    EntryPlan,
    Member,
    Moved,
    Rejected,
    Unknown,
)
from write_service.posting import WriteServices, commit_member, fitted, plan, transaction_too_large
from write_service.reconciling import plan_in_place

Refused = Rejected | Conflicted | Unknown


@dataclass(frozen=True, slots=True)
class Reversed:
    """The entry that was reversed, at its new revision, and the one that reverses it."""

    reversed: LedgerEntry
    reversing: LedgerEntry
    is_replay: bool


@dataclass(frozen=True, slots=True)
class Migrated:
    """A reversal, and the entry posted in the place of the reversed one."""

    reversal: Reversed
    new: LedgerEntry


def _refused(rejection: Rejection) -> Rejected:
    return Rejected(((0, rejection),))


async def _view(services: WriteServices, ledger: Ledger, entry: LedgerEntry) -> LedgerView:
    """What planning sees of the ledger, with the accounts of the entry's lines: another process
    may have posted it on a Schema version that is new here."""
    view = await services.prefetcher.view(ledger)
    if any(isinstance(view.resolve(line.account_path), str) for line in entry.lines):
        now_ms = int(services.clock.monotonic_ms())
        view = await services.prefetcher.newer_view(view, now_ms) or view
    if ledger.schema_key is None:
        paths = {line.account_path: None for line in entry.lines}
        await services.prefetcher.learn_standing(paths, view)
    return view


# --- Update ---------------------------------------------------------------------------------------
async def update_entry(
    services: WriteServices, command: UpdateLedgerEntry
) -> LedgerEntry | Refused:
    """The entry as it is afterwards. Raises RejectionError when there is none."""
    for _ in range(CHAIN_LOOKS_MAX):
        ledger, standing = await entry_of_match(
            services.table, services.prefetcher, command.workspace_id, command.entry
        )
        view = await _view(services, ledger, standing.entry)
        planned = plan_update(command, standing.entry, standing.item, view)
        if planned is None:
            return standing.entry
        refused = planned if isinstance(planned, Rejection) else _irreversible(planned, view)
        if refused is not None:
            return _refused(refused)
        assert isinstance(planned, EntryPlan)
        outcome = await commit_member(services, Member((planned,)))
        if isinstance(outcome, Committed):
            return planned.entry
        if not isinstance(outcome, Moved):
            return outcome
    return Conflicted()


def _irreversible(planned: EntryPlan, view: LedgerView) -> Rejection | None:
    """Refuses to join strong groups that one transaction couldn't take the entry out of again: it
    writes more than the one that joins them."""
    if not planned.deltas:
        return None
    reversal = plan_reversal(planned.entry, planned.item, view, planned.entry.created_ms)
    return reversal if isinstance(reversal, Rejection) else transaction_too_large((reversal,))


# --- Reverse --------------------------------------------------------------------------------------
async def reverse_entry(
    services: WriteServices, workspace_id: str, entry_id: str
) -> Reversed | Refused:
    """Reverses the entry; of one that is reversed, or reverses another, it gives the pair again.

    Raises RejectionError when there is no such entry.
    """
    for _ in range(CHAIN_LOOKS_MAX):
        ledger, standing = await entry_by_id(
            services.table, services.prefetcher, workspace_id, entry_id
        )
        entry = standing.entry
        if entry.hidden:
            return await _standing_reversal(services, entry)
        view = await _view(services, ledger, entry)
        planned = plan_reversal(entry, standing.item, view, services.clock.now_ms())
        if isinstance(planned, Rejection):
            return _refused(planned)
        member = Member((planned,))
        too_large = transaction_too_large(member.plans)
        if too_large is not None:
            return _refused(too_large)
        outcome = await commit_member(services, member)
        if isinstance(outcome, Committed):
            return _done(planned)
        if not isinstance(outcome, Moved):
            return outcome
    return Conflicted()


def _done(planned: EntryPlan) -> Reversed:
    assert planned.chain is not None
    assert planned.chain.reversed is not None
    return Reversed(planned.chain.reversed.entry, planned.entry, is_replay=False)


async def _standing_reversal(services: WriteServices, entry: LedgerEntry) -> Reversed:
    """The reversal that `entry` is one side of."""
    other_id = entry.reversed_by or entry.reverses
    assert other_id is not None
    other = await read_entry(services.table, other_id)
    assert other is not None, "both sides of a reversal are written together"
    if entry.is_reversed:
        return Reversed(entry, other.entry, is_replay=True)
    return Reversed(other.entry, entry, is_replay=True)


# --- Migrate --------------------------------------------------------------------------------------
async def migrate_entry(
    services: WriteServices, standing: StandingEntry, command: AddLedgerEntry
) -> Migrated | Refused:
    """Reverses the entry and posts `command` in its place, under the same ik.

    An entry that was reversed and posted again before, in whatever way, gives those entries again.
    Raises RejectionError when it is reversed and nothing stands in its place, or reverses another.
    """
    for _ in range(CHAIN_LOOKS_MAX):
        entry = standing.entry
        if entry.hidden:
            return await _standing_migration(services, entry)
        outcome = await _migrate(services, standing, command)
        if not isinstance(outcome, Moved | Rejected):
            return outcome
        found = await read_entry(services.table, entry.id)
        assert found is not None, "entries are never removed"
        # Of two sendings the second may be refused on what the first has changed meanwhile.
        if isinstance(outcome, Rejected) and found.entry.revision == entry.revision:
            return outcome
        standing = found
    return Conflicted()


async def _migrate(
    services: WriteServices, standing: StandingEntry, command: AddLedgerEntry
) -> Migrated | Refused | Moved:
    entry = standing.entry
    place = ChainPlace(entry.position + 2)
    posted_ms = entry.posted_ms if command.posted_ms is None else command.posted_ms
    new = await plan(services, replace(command, posted_ms=posted_ms), place)
    if isinstance(new, Rejection) and new.code == "linked_account_needs_reconcile_tx":
        new = await plan_in_place(services, command, entry, place)
    if isinstance(new, Rejection):
        return _refused(new)
    ledger = await services.prefetcher.ledger(command.workspace_id, command.ledger, "ledger")
    view = await _view(services, ledger, entry)
    now_ms = new.entry.created_ms
    reversing = plan_reversal(entry, standing.item, view, now_ms, head=place.position)
    if isinstance(reversing, Rejection):
        return _refused(reversing)
    plans = await fitted(services, (reversing, new))
    if isinstance(plans, Rejection):
        return _refused(plans)
    outcome = await commit_member(services, Member(plans))
    if isinstance(outcome, Committed):
        return Migrated(_done(reversing), new.entry)
    return outcome


async def _standing_migration(services: WriteServices, entry: LedgerEntry) -> Migrated:
    new = None
    if entry.is_reversed:
        place = identifiers.entry_id(entry.ledger_id, entry.ik, entry.position + 2)
        new = await read_entry(services.table, place)
    if new is None:
        refuse_hidden(entry, "migrated")
        raise AssertionError("a hidden entry is reversed or reverses another")
    return Migrated(await _standing_reversal(services, entry), new.entry)
