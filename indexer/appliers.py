"""What a follower does with the changes that it read: one applier a projector.

search     documents by version, what is refused put aside, then the checkpoint: twice is as good
           as once
balances   windows of clearing accounts widened; then sums, marks, what can't be added put aside,
           and the checkpoint, in the same batches: exactly once
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from indexer.accounts import account_operations, removal_operations
from indexer.bulk import BulkReport, BulkWriter
from indexer.folds import Folder
from indexer.leases import Checkpoint, Lease, LeaseBook
from indexer.meters import RECORDS_PUT_ASIDE, IndexerFamilies, ProjectorMeters
from indexer.projections.balances import Counted, counted, project_rollups
from indexer.projections.search import project_documents
from indexer.quarantine import (
    BALANCES,
    SEARCH,
    Aside,
    Quarantine,
    document_aside,
    unreadable_aside,
)
from indexer.records import UNREADABLE, Change, StreamChange, Unreadable
from indexer.rollups import RollupWriter
from indexer.sweeps import GoneLedgers, deleted_ledgers, owner_of, sweep
from indexer.windows import WindowBook, mark_puts, posted_windows_of
from shared.clock import Clock
from shared.ledger.accounts import LedgerAccount
from shared.ledger.clearing import PostedWindow
from shared.ledger.entries import LedgerEntry
from shared.observe import EventLog
from shared.search.index import Index, Kind, Operation
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.table import Table, Update

LOG = EventLog("indexer")
LEDGER_SWEPT = "ledger_swept"
FOLDS_AT_ONCE = 10
FOLDS_UNDER_LOAD = 1


class Applier(Protocol):
    """Applies changes and moves the checkpoint. Raises LeaseLost, or what the engines raise."""

    projector: str
    book: LeaseBook

    async def apply(self, lease: Lease, changes: Sequence[StreamChange]) -> None:
        """Applies all of `changes`, which follow the lease's checkpoint, and moves it to the last
        one.
        """
        ...

    async def idle(self) -> None:
        """Nothing is waiting: time for housekeeping."""
        ...


def _tell_aside(projector: str, meters: ProjectorMeters, asides: Sequence[Aside]) -> None:
    if asides:
        meters.quarantined.inc(len(asides))
        first = asides[0]
        LOG.error(
            RECORDS_PUT_ASIDE,
            projector=projector,
            count=len(asides),
            sequence=first.sequence,
            reason=first.reason,
        )


class SearchApplier:
    """Documents of the search indices."""

    projector = SEARCH

    def __init__(
        self,
        table: Table,
        index: Index,
        writer: BulkWriter,
        book: LeaseBook,
        quarantine: Quarantine,
        clock: Clock,
        families: IndexerFamilies,
    ) -> None:
        self.book = book
        self._table = table
        self._index = index
        self._writer = writer
        self._gone = GoneLedgers()
        self._quarantine = quarantine
        self._clock = clock
        self._meters = ProjectorMeters(families, SEARCH)
        results = families.bulk_operations
        self._applied = results.labels("applied")
        self._stale = results.labels("stale")
        self._overloaded = results.labels("overloaded")
        self._refused = results.labels("refused")

    async def apply(self, lease: Lease, changes: Sequence[StreamChange]) -> None:
        """See Applier."""
        deleted = deleted_ledgers(changes)
        for ledger_id in deleted:
            self._gone.add(ledger_id)
        operations, asides = self._project(changes)
        moved = await self._moved_accounts(changes)
        operations += [operation for operation, _ in moved]
        if operations:
            report = await self._writer.apply(operations)
            self._count(report)
            for operation, reason in report.refused:
                asides.append(self._refusal(changes, moved, operation, reason))
        if asides:
            await self._quarantine.keep(asides)
            _tell_aside(SEARCH, self._meters, asides)
        for ledger_id in deleted:
            LOG.info(LEDGER_SWEPT, ledger=ledger_id, documents=await self._sweep(ledger_id))
        await self.book.advance(lease, Checkpoint(changes[-1].sequence))

    async def _sweep(self, ledger_id: str) -> int:
        return await sweep(self._index, self._writer, ledger_id)

    async def idle(self) -> None:
        """See Applier."""

    def _project(self, changes: Sequence[StreamChange]) -> tuple[list[Operation], list[Aside]]:
        operations: list[Operation] = []
        asides: list[Aside] = []
        for change in changes:
            if isinstance(change, Change):
                if _is_moved_account(change) or owner_of(change) in self._gone:
                    continue  # read as it stands; or its documents are removed
                try:
                    operations += project_documents(change)
                except UNREADABLE as error:
                    record = unprojectable(change, error)
                    asides.append(unreadable_aside(SEARCH, record, self._clock.now_ms()))
            elif isinstance(change, Unreadable) and change.pk[:2] != "L#":
                asides.append(unreadable_aside(SEARCH, change, self._clock.now_ms()))
        return operations, asides

    async def _moved_accounts(
        self, changes: Sequence[StreamChange]
    ) -> list[tuple[Operation, Change]]:
        """Accounts that were changed or removed: as they stand, since a clearing account's document
        shows more than the account.
        """
        moved = [
            each
            for each in changes
            if isinstance(each, Change)
            and _is_moved_account(each)
            and owner_of(each) not in self._gone
        ]
        operations: list[Operation] = []
        for change in moved:
            account = change.new or change.old
            assert isinstance(account, LedgerAccount)
            make = removal_operations if change.new is None else account_operations
            operations += await make(self._table, [account])
        return list(zip(operations, moved, strict=True))

    def _refusal(
        self,
        changes: Sequence[StreamChange],
        moved: Sequence[tuple[Operation, Change]],
        operation: Operation,
        reason: str,
    ) -> Aside:
        """A refused operation together with the change that it came from."""
        for each, moved_change in moved:
            if each is operation:
                return document_aside(
                    moved_change.sequence, operation, reason, self._clock.now_ms(), moved_change.pk
                )
        name = (operation.kind, operation.id, operation.version)
        for change in changes:
            if isinstance(change, Change) and name in _operation_names(change):
                return document_aside(
                    change.sequence, operation, reason, self._clock.now_ms(), change.pk
                )
        raise AssertionError("every operation comes from a change of the read")

    def _count(self, report: BulkReport) -> None:
        self._applied.inc(report.applied_count)
        self._stale.inc(report.stale_count)
        self._overloaded.inc(report.overloaded_count)
        self._refused.inc(len(report.refused))


def _is_moved_account(change: Change) -> bool:
    """Whether an account was changed or removed: a new one has no document that shows more."""
    return change.kind == "account" and change.moved and not change.inserted


@dataclass(frozen=True, slots=True)
class Projected:
    """What changes come to: sums, posted windows by account, records that can't be counted."""

    updates: list[Update]
    windows: dict[str, PostedWindow]
    asides: list[Aside]


class BalancesApplier:
    """Sums of the balance histories and of groups, and windows of clearing accounts."""

    projector = BALANCES

    def __init__(
        self,
        writer: RollupWriter,
        book: LeaseBook,
        catalog: Catalog,
        folder: Folder,
        windows: WindowBook,
        clock: Clock,
        families: IndexerFamilies,
        on_marks: Callable[[], None],
    ) -> None:
        self.book = book
        self._writer = writer
        self._catalog = catalog
        self._windows = windows
        self._on_marks = on_marks
        self._folder = folder
        self._clock = clock
        self._meters = ProjectorMeters(families, BALANCES)
        self._items = families.rollup_items
        self._batches = families.rollup_batches

    async def apply(self, lease: Lease, changes: Sequence[StreamChange]) -> None:
        """See Applier."""
        projected = await self.project(changes)
        updates, asides, upto = projected.updates, projected.asides, changes[-1].sequence
        if projected.windows:
            self._windows.follow(lease.shard_id, lease.epoch)
            await self._windows.widen(projected.windows)
        marks = mark_puts(projected.windows, f"{lease.shard_id} {upto}")
        writer = self._writer
        before = writer.items_count, writer.batches_count, writer.put_aside_count
        await writer.apply(lease, upto, updates, asides, marks)
        if marks:
            self._on_marks()
        self._items.inc(writer.items_count - before[0])
        self._batches.inc(writer.batches_count - before[1])
        self._meters.quarantined.inc(writer.put_aside_count - before[2])
        _tell_aside(BALANCES, self._meters, asides)
        self._folder.note(updates)
        await self._folder.fold_some(FOLDS_UNDER_LOAD)

    async def idle(self) -> None:
        """See Applier."""
        await self._folder.fold_some(FOLDS_AT_ONCE)

    async def project(self, changes: Sequence[StreamChange]) -> Projected:
        """What the changes add, and the records of entries that can't be counted."""
        found: list[tuple[StreamChange, Counted]] = []
        unreadable: list[Unreadable] = []
        offsets: dict[str, int] = {}
        for change in changes:
            each = counted(change)
            if each is None:
                unknown = _uncounted(change)
                if unknown is not None:
                    unreadable.append(unknown)
                continue
            ledger_id = each.entry.ledger_id
            if ledger_id not in offsets:
                offset = await self._catalog.utc_offset_minutes(ledger_id)
                if offset is None:
                    why = KeyError(f"the ledger {ledger_id} is not there")
                    unreadable.append(unprojectable(change, why))
                    continue
                offsets[ledger_id] = offset
            found.append((change, each))
        try:
            updates = project_rollups([each for _, each in found], offsets)
        except UNREADABLE:
            found, failed = _one_by_one(found, offsets)
            updates = project_rollups([each for _, each in found], offsets)
            unreadable += failed
        new = [each.entry for _, each in found if each.is_new]
        windows = await posted_windows_of(new, self._catalog)
        now_ms = self._clock.now_ms()
        asides = [unreadable_aside(BALANCES, each, now_ms) for each in unreadable]
        return Projected(updates, windows, asides)


def _uncounted(change: StreamChange) -> Unreadable | None:
    """The record, when what it should count can't be told: an unreadable entry may be new or have
    joined a group, and an updated one that was unreadable before may have joined any of its."""
    if isinstance(change, Unreadable):
        return change if change.pk[:2] == "E#" else None
    if not isinstance(change, Change) or not isinstance(change.new, LedgerEntry):
        return None
    if change.inserted or change.old is not None:
        return None
    if not change.new.groups or not change.new.updates:
        return None
    return unprojectable(change, ValueError("what it was before can't be read"))


def _operation_names(change: Change) -> list[tuple[Kind, str, int]]:
    """Kind, id and version of each operation that the change comes to; none when it can't be
    projected."""
    try:
        return [(each.kind, each.id, each.version) for each in project_documents(change)]
    except UNREADABLE:
        return []


def unprojectable(change: StreamChange, error: BaseException) -> Unreadable:
    """A record that can be read, but not projected."""
    assert isinstance(change, Change)
    reason = f"{type(error).__name__}: {error}"
    return Unreadable(
        change.sequence, change.written_ms, change.pk, keys.ONLY, reason, change.inserted
    )


def _one_by_one(
    found: Sequence[tuple[StreamChange, Counted]], offsets: dict[str, int]
) -> tuple[list[tuple[StreamChange, Counted]], list[Unreadable]]:
    """All that can be counted, and the records of what can't."""
    good: list[tuple[StreamChange, Counted]] = []
    failed: list[Unreadable] = []
    for change, each in found:
        try:
            project_rollups([each], offsets)
        except UNREADABLE as error:
            failed.append(unprojectable(change, error))
        else:
            good.append((change, each))
    return good, failed
