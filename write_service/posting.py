"""Posting: command -> prefetch -> plan -> commit; one atomic batch is one member."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.clock import Clock
from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.entries import LedgerEntry
from shared.ledger.rejections import Rejection, reject
from shared.limits import COMMIT_BATCH_BYTES_MAX, TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import entry_from_item, strong_balance
from shared.store.table import Table
from write_service.commands import AddLedgerEntry
from write_service.committer import Committer
from write_service.outcomes import committed, judge, with_replays
from write_service.packing import (
    UPDATE_BYTES,
    balance_item_key,
    is_contradictory,
    items_needed,
)
from write_service.planning.entries import plan_entry
from write_service.plans import Committed, EntryPlan, Member, Outcome, Rejected
from write_service.prefetch import Prefetcher


@dataclass(frozen=True, slots=True)
class WriteServices:
    """What mutations work with; made once by the composition root."""

    table: Table
    catalog: Catalog
    clock: Clock
    prefetcher: Prefetcher
    committer: Committer
    new_token: Callable[[], str]  # fresh ClientRequestTokens, unique among all processes
    work_arrived: asyncio.Event = field(
        default_factory=asyncio.Event
    )  # wakes this process's worker


async def plan(services: WriteServices, command: AddLedgerEntry) -> EntryPlan | Rejection:
    """The plan of one entry, after the reads that it needs (none when warm)."""
    prefetcher = services.prefetcher
    try:
        ledger = await prefetcher.ledger(command.workspace_id, command.ledger, "entry.ledger")
        view = await prefetcher.view(ledger)
        await prefetcher.learn(command, view)
        planned = plan_entry(command, view, services.clock.now_ms())
        if isinstance(planned, EntryPlan):
            custom = planned.custom_currencies()
            if custom:
                await prefetcher.check_currencies(command.workspace_id, custom)
        return planned
    except RejectionError as error:
        return error.rejection


async def post_entry(services: WriteServices, command: AddLedgerEntry) -> Outcome:
    """Posts one entry: an answer comes only after DynamoDB has it."""
    planned = await plan(services, command)
    if isinstance(planned, EntryPlan):
        member = Member((planned,))
        too_large = _too_large(member.plans)
        if too_large is None:
            return await _commit(services, member)
        planned = too_large
    standing = await _standing(services, command)
    if standing is not None:
        return Committed(((standing, True),))
    return Rejected(((0, planned),))


async def post_batch(services: WriteServices, commands: list[AddLedgerEntry]) -> Outcome:
    """Posts all entries or none, in one transaction; each refused entry is told.

    Entries that stand already are replays and don't count for or against the rest.
    """
    plans: list[EntryPlan] = []
    replays: list[tuple[int, LedgerEntry]] = []
    rejections: list[tuple[int, Rejection]] = []
    seen: set[str] = set()
    for place, command in enumerate(commands):
        planned = await plan(services, command)
        if isinstance(planned, EntryPlan):
            if planned.entry.id in seen:
                duplicate = reject("ledger_entry_batch_duplicate_ik", ik=command.ik)
                rejections.append((place, duplicate))
            seen.add(planned.entry.id)
            plans.append(planned)
            continue
        standing = await _standing(services, command)
        if standing is None:
            rejections.append((place, planned))
        else:
            replays.append((place, standing))
    if rejections:
        return Rejected(tuple(rejections))
    if not plans:
        return Committed(tuple([(entry, True) for _, entry in replays]))
    too_large = _too_large(plans)
    if too_large is not None:
        return Rejected(((0, too_large),))
    member = Member(tuple(plans), tuple(replays))
    return await _commit(services, member)


async def _commit(services: WriteServices, member: Member) -> Outcome:
    """Commits the member; one that no balances could satisfy is judged at once, not queued."""
    if not member.plans:
        return committed(member)
    if not is_contradictory(member):
        return await services.committer.commit(member)
    asked = sorted(member.keys())
    wanted = [keys.entry(plan.entry.id) for plan in member.plans]
    wanted += [balance_item_key(key) for key in asked]
    items = await services.table.get_many(wanted, consistent=True)
    count = len(member.plans)
    standing = {
        place: entry_from_item(item) for place, item in enumerate(items[:count]) if item is not None
    }
    if standing:
        return await _commit(services, with_replays(member, standing))
    found = dict(zip(asked, map(strong_balance, items[count:]), strict=True))
    outcome = judge([member], found, set()).outcomes[0]
    assert isinstance(outcome, Rejected), "a contradiction fails on every balance"
    return outcome


def _too_large(plans: Sequence[EntryPlan]) -> Rejection | None:
    """What can't be one transaction is refused before it is queued."""
    count = items_needed(plans)
    size = sum(plan.item_bytes for plan in plans)
    if count > TRANSACT_ITEMS_MAX:
        return reject("ledger_entry_batch_too_large", count=count, max=TRANSACT_ITEMS_MAX)
    if size + count * UPDATE_BYTES * 2 > COMMIT_BATCH_BYTES_MAX:
        return reject("entry_too_large", bytes=size, max=COMMIT_BATCH_BYTES_MAX)
    return None


async def _standing(services: WriteServices, command: AddLedgerEntry) -> LedgerEntry | None:
    """The entry posted with this ik before: a replay is answered whatever the body says."""
    try:
        ledger = await services.prefetcher.ledger(
            command.workspace_id, command.ledger, "entry.ledger"
        )
    except RejectionError:
        return None
    key = keys.entry(identifiers.entry_id(ledger.id, command.ik, 1))
    item = await services.table.get(key, consistent=True)
    return None if item is None else entry_from_item(item)
