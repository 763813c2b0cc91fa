"""Posting: command -> prefetch -> plan -> commit; one atomic batch is one member."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from shared.clock import Clock
from shared.errors import RejectionError
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.ledger.rejections import Rejection, reject
from shared.limits import (
    BATCH_GET_KEYS_MAX,
    CHAIN_LOOKS_MAX,
    COMMIT_BATCH_BYTES_MAX,
    TRANSACT_ITEMS_MAX,
)
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import entry_from_item, strong_balance
from shared.store.table import Table
from write_service.chains import chain_end
from write_service.commands import AddLedgerEntry
from write_service.committer import Committer
from write_service.outcomes import committed, is_replay, judge, with_replays
from write_service.packing import (
    REVERSING_ITEMS_MAX,
    UPDATE_BYTES,
    account_bytes,
    balance_item_key,
    is_contradictory,
    is_misfit,
    items_needed,
    items_to_reverse,
)
from write_service.planning.entries import plan_entry
from write_service.planning.view import LedgerView
from write_service.plans import (
    FIRST,
    ChainPlace,
    Committed,
    Conflicted,
    EntryPlan,
    Member,
    Moved,
    Outcome,
    Rejected,
)
from write_service.prefetch import Prefetcher

Planned = TypeVar("Planned")  # an EntryPlan, or what stands in its place


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


async def planned_on_view(
    services: WriteServices,
    command: AddLedgerEntry,
    plan_on: Callable[[LedgerView], Awaitable[Planned | Rejection]],
    since_ms: int | None = None,
) -> Planned | Rejection:
    """What `plan_on` makes of the command on its ledger as this process knows it, after the reads
    that lines and conditions given at runtime need (none when warm).

    What is refused is planned again if the ledger has come to another Schema version since the
    request began, at the monotonic moment `since_ms` (now when None).
    """
    prefetcher = services.prefetcher
    started_ms = int(services.clock.monotonic_ms()) if since_ms is None else since_ms
    try:
        ledger = await prefetcher.ledger(command.workspace_id, command.ledger, "entry.ledger")
        view = await prefetcher.view(ledger)
        if command.lines or command.conditions:
            await prefetcher.learn(command, view)
        planned = await plan_on(view)
        if isinstance(planned, Rejection):
            newer = await prefetcher.newer_view(view, started_ms)
            if newer is not None:
                await prefetcher.learn(command, newer)
                planned = await plan_on(newer)
        if isinstance(planned, EntryPlan):
            custom = planned.custom_currencies()
            if custom:
                await prefetcher.check_currencies(command.workspace_id, custom)
        return planned
    except RejectionError as error:
        return error.rejection


def plan(
    services: WriteServices,
    command: AddLedgerEntry,
    place: ChainPlace = FIRST,
    since_ms: int | None = None,
) -> Awaitable[EntryPlan | Rejection]:
    """The plan of one entry; see `planned_on_view`."""

    async def plan_on(view: LedgerView) -> EntryPlan | Rejection:
        return plan_entry(command, view, services.clock.now_ms(), place)

    return planned_on_view(services, command, plan_on, since_ms)


async def post_entry(services: WriteServices, command: AddLedgerEntry) -> Outcome:
    """Posts one entry: an answer comes only after DynamoDB has it.

    It is put where no entry of its ik stands. Only when that one turns out to be reversed is the
    ik's chain read, and gone on with.
    """
    place = FIRST
    for _ in range(CHAIN_LOOKS_MAX):
        planned = await plan(services, command, place)
        refused: Rejection | None
        if isinstance(planned, EntryPlan):
            plans = await fitted(services, (planned,))
            refused = plans if isinstance(plans, Rejection) else None
            if not isinstance(plans, Rejection):
                outcome = await commit_member(services, Member(plans))
                if not isinstance(outcome, Moved):
                    return outcome
        else:
            refused = planned
        end = await _end_of(services, command)
        if end is not None and not end.is_reversal:
            return Committed(((end, True),))
        if refused is not None:
            return Rejected(((0, refused),))
        place = FIRST if end is None else place_after(end)
    return Conflicted()


def place_after(end: LedgerEntry) -> ChainPlace:
    """The place behind the reversing entry that ends a chain."""
    assert end.is_reversal
    return ChainPlace(end.position + 1, end.position)


async def post_batch(
    services: WriteServices, commands: Sequence[AddLedgerEntry | Rejection]
) -> Outcome | Rejection:
    """Posts all entries or none, in one transaction; each refused entry is told.

    An entry that could not be read stands as its rejection. Entries that stand already are replays
    and don't count for or against the rest. A Rejection is of the batch, not of any entry.
    """
    ends: dict[int, LedgerEntry] = {}  # of the chains that were read, by place
    for _ in range(CHAIN_LOOKS_MAX):
        outcome = await _post_batch(services, commands, ends)
        if not isinstance(outcome, Moved):
            return outcome
        for place, command in enumerate(commands):
            assert not isinstance(command, Rejection), "what is refused isn't committed"
            end = await _end_of(services, command)
            if end is not None:
                ends[place] = end
    return Conflicted()


async def _post_batch(
    services: WriteServices,
    commands: Sequence[AddLedgerEntry | Rejection],
    ends: Mapping[int, LedgerEntry],
) -> Outcome | Rejection:
    plans: list[EntryPlan] = []
    replays: list[tuple[int, LedgerEntry]] = []
    rejections: list[tuple[int, Rejection]] = []
    seen: set[str] = set()
    started_ms = int(services.clock.monotonic_ms())
    await services.prefetcher.learn_all(
        [command for command in commands if isinstance(command, AddLedgerEntry)]
    )
    for place, command in enumerate(commands):
        if isinstance(command, Rejection):
            rejections.append((place, command))
            continue
        end = ends.get(place)
        if end is not None and not end.is_reversal:
            replays.append((place, end))
            continue
        to = FIRST if end is None else place_after(end)
        planned = await plan(services, command, to, started_ms)
        if isinstance(planned, EntryPlan):
            if planned.entry.id in seen:
                duplicate = reject("ledger_entry_batch_duplicate_ik", ik=command.ik)
                rejections.append((place, duplicate))
            seen.add(planned.entry.id)
            plans.append(planned)
            continue
        standing = await _end_of(services, command)
        if standing is None or standing.is_reversal:
            rejections.append((place, planned))
        else:
            replays.append((place, standing))
    if rejections:
        return Rejected(tuple(rejections))
    if not plans:
        return Committed(tuple([(entry, True) for _, entry in replays]))
    fitting = await fitted(services, tuple(plans))
    if isinstance(fitting, Rejection):
        return fitting
    return await commit_member(services, Member(fitting, tuple(replays)))


async def commit_member(services: WriteServices, member: Member) -> Outcome:
    """Commits the member; one that no balances could satisfy is judged at once, not queued.

    A refusal is told only when none of its entries stands afterwards: of two sendings the first may
    have moved what the second is refused on. Entries are never removed, so one that doesn't stand
    after the balances were read didn't stand then.
    """
    if not member.plans:
        return committed(member)
    if is_contradictory(member):
        outcome: Outcome = await _judge_contradiction(services, member)
    else:
        outcome = await services.committer.commit(member)
    if not isinstance(outcome, Rejected) or member.plans[0].replaces is not None:
        return outcome
    wanted = [keys.entry(plan.entry.id) for plan in member.plans]
    items = await services.table.get_many(wanted, consistent=True)
    standing = {
        place: entry_from_item(item) for place, item in enumerate(items) if item is not None
    }
    if not standing:
        return outcome
    if not all(is_replay(member.plans[place], entry) for place, entry in standing.items()):
        return Moved()
    return await commit_member(services, with_replays(member, standing))


async def _judge_contradiction(services: WriteServices, member: Member) -> Rejected:
    asked = sorted(member.keys())
    wanted = [balance_item_key(key) for key in asked]
    items = await services.table.get_many(wanted, consistent=True)
    found = dict(zip(asked, map(strong_balance, items), strict=True))
    outcome = judge([member], found, set()).outcomes[0]
    assert isinstance(outcome, Rejected), "a contradiction fails on every balance"
    return outcome


def transaction_too_large(plans: Sequence[EntryPlan]) -> Rejection | None:
    """What can't be one transaction, or reversed in one, is refused before it is queued."""
    count = items_needed(plans)
    if count > TRANSACT_ITEMS_MAX - REVERSING_ITEMS_MAX:
        count = max([count, *map(items_to_reverse, plans)])
    size = sum(plan.item_bytes for plan in plans)
    new = {account.id: account for plan in plans for account in plan.accounts}
    if new:
        size += sum(map(account_bytes, new.values()))
    if count > TRANSACT_ITEMS_MAX:
        return reject("ledger_entry_batch_too_large", count=count, max=TRANSACT_ITEMS_MAX)
    if size + count * UPDATE_BYTES * 2 > COMMIT_BATCH_BYTES_MAX:
        return reject("entry_too_large", bytes=size, max=COMMIT_BATCH_BYTES_MAX)
    return None


async def fitted(
    services: WriteServices, plans: tuple[EntryPlan, ...]
) -> tuple[EntryPlan, ...] | Rejection:
    """The plans as they can be one transaction, or why they can't.

    Accounts that are new to this process may stand all the same. So before plans are refused for
    the accounts that they would make these are looked for, until more are missing than fit; those
    that stand as planned are left out. One that stands otherwise stays, for the committer to tell.
    """
    refused = transaction_too_large(plans)
    if refused is None:
        return plans
    known = services.catalog.known_account
    wanted = list({account.id: None for plan in plans for account in plan.accounts})
    count = items_needed([plan._replace(accounts=()) for plan in plans])
    for start in range(0, len(wanted), BATCH_GET_KEYS_MAX):
        if count > TRANSACT_ITEMS_MAX:
            return refused
        asked = wanted[start : start + BATCH_GET_KEYS_MAX]
        await services.prefetcher.learn_accounts(asked)
        count += sum(1 for each in asked if known(each) is None)
    new = [[each for each in plan.accounts if known(each.id) is None] for plan in plans]
    refused = transaction_too_large(
        [plan._replace(accounts=tuple(left)) for plan, left in zip(plans, new, strict=True)]
    )
    return tuple([_without_standing(plan, known) for plan in plans]) if refused is None else refused


def _without_standing(plan: EntryPlan, known: Callable[[str], LedgerAccount | None]) -> EntryPlan:
    """The plan without the accounts that stand as it would make them."""
    left = [
        account
        for account in plan.accounts
        if (standing := known(account.id)) is None or is_misfit(standing, account)
    ]
    return plan._replace(accounts=tuple(left))


async def _end_of(services: WriteServices, command: AddLedgerEntry) -> LedgerEntry | None:
    """The newest entry of the command's ik: what it replays, whatever the body says, unless that
    is a reversal."""
    try:
        ledger = await services.prefetcher.ledger(
            command.workspace_id, command.ledger, "entry.ledger"
        )
    except RejectionError:
        return None
    end = await chain_end(services.table, ledger.id, command.ik)
    return None if end is None else end.entry
