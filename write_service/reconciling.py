"""reconcileTx: command -> draft -> its Txs -> plan -> commit. An answer comes only after DynamoDB
has the entry and, in the same transaction, who accounts for its Txs.

    nothing accounts for the Txs          the entry is put, each Tx claimed for it under a guard
    one entry accounts for all of them    that is the answer: a replay
    anything else                         refused

Txs that this process has synced or seen are planned on as they were then, so a warm reconcile reads
nothing. Whatever is refused or fails on what is remembered is read and planned again. The same Txs
reconciled at once, anywhere, are one entry: the guards let one of them through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from shared.errors import RejectionError
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import is_id, tx_id
from shared.ledger.ledgers import Ledger
from shared.ledger.links import Tx
from shared.ledger.rejections import Rejection, reject
from shared.ledger.strings import safe_string_problem
from shared.limits import CHAIN_LOOKS_MAX
from shared.store import keys
from shared.store.items import external_account_from_item, newest_sequence, tx_from_item
from write_service.chains import chain_end, read_entry
from write_service.commands import AddLedgerEntry
from write_service.planning.entries import DraftEntry
from write_service.planning.reconciling import (
    EntryPlace,
    WantedTx,
    draft_reconciliation,
    match_problem,
    plan_reconciliation,
    refuse_claimed,
    standing_entry,
    wanted_txs,
)
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
from write_service.posting import (
    WriteServices,
    commit_member,
    fitted,
    place_after,
    planned_on_view,
)

_MAY_BE_REPLAYED = frozenset({"entry_type_disabled", "ledger_account_disabled"})

Planned = EntryPlan | Committed | Moved | Rejection


async def reconcile(services: WriteServices, command: AddLedgerEntry) -> Outcome:
    """Posts the entry that the command's Txs give, once: the same again is a replay."""
    is_moved = False
    for _ in range(CHAIN_LOOKS_MAX):
        plan_on = partial(_plan_on, services, command, is_moved)
        planned = await planned_on_view(services, command, plan_on)
        if isinstance(planned, Rejection):
            return Rejected(((0, planned),))
        if isinstance(planned, Committed):
            return planned
        if isinstance(planned, EntryPlan):
            plans = await fitted(services, (planned,))
            if isinstance(plans, Rejection):
                return Rejected(((0, plans),))
            member = Member(plans)
            outcome = await commit_member(services, member)
            for claimed in member.tx_ids():
                services.catalog.forget_tx(claimed)
            if not isinstance(outcome, Moved):
                return outcome
        is_moved = True
    return Conflicted()


async def _plan_on(
    services: WriteServices, command: AddLedgerEntry, is_moved: bool, view: LedgerView
) -> Planned:
    try:
        draft = draft_reconciliation(command, view)
    except RejectionError as error:
        return await _replay_of(services, command, view, error.rejection)
    try:
        wanted = wanted_txs(view, draft)
        found = await find_txs(services, command.workspace_id, wanted, is_fresh=is_moved)
        planned = await _decide(services, command, view, draft, wanted, found, is_moved)
        if isinstance(planned, EntryPlan) or not found.is_remembered:
            return planned
        draft = draft_reconciliation(command, view)
        found = await find_txs(services, command.workspace_id, wanted, is_fresh=True)
        return await _decide(services, command, view, draft, wanted, found, is_moved)
    except RejectionError as error:
        return error.rejection


async def _decide(
    services: WriteServices,
    command: AddLedgerEntry,
    view: LedgerView,
    draft: DraftEntry,
    wanted: Sequence[WantedTx],
    found: "FoundTxs",
    is_moved: bool,
) -> Planned:
    """What becomes of the request, now that its Txs are known."""
    try:
        standing = standing_entry(wanted, found.txs)
        if standing is not None:
            return await _replayed(services, standing)
        first = found.txs[0]
        to = EntryPlace(first.external_id, FIRST)
        if is_moved:
            to = await _place(services, view.ledger, first, wanted[0].account.id)
        now_ms = services.clock.now_ms()
        return plan_reconciliation(command, view, draft, found.txs, now_ms, to)
    except RejectionError as error:
        return error.rejection


async def _replayed(services: WriteServices, entry_id: str) -> Committed | Moved:
    standing = await read_entry(services.table, entry_id)
    assert standing is not None, "entries are never removed"
    if standing.entry.hidden:
        return Moved()  # it was reversed since its Txs were read
    return Committed(((standing.entry, True),))


async def _replay_of(
    services: WriteServices, command: AddLedgerEntry, view: LedgerView, refused: Rejection
) -> Planned:
    """What was posted before its type or account was disabled is still a replay."""
    if refused.code not in _MAY_BE_REPLAYED:
        return refused
    try:
        draft = draft_reconciliation(command, view, is_disabled_fine=True)
        wanted = wanted_txs(view, draft)
        found = await find_txs(services, command.workspace_id, wanted, is_fresh=True)
        standing = standing_entry(wanted, found.txs)
    except RejectionError:
        return refused
    return refused if standing is None else await _replayed(services, standing)


async def _place(services: WriteServices, ledger: Ledger, first: Tx, account_id: str) -> EntryPlace:
    """The first of its possible iks that no other entry of the ledger stands with. Raises
    RejectionError when all are taken.
    """
    for ik in _iks(first, account_id):
        end = await chain_end(services.table, ledger.id, ik)
        if end is None:
            return EntryPlace(ik, FIRST)
        if end.entry.is_reversal:
            return EntryPlace(ik, place_after(end.entry))
    detail = "another Ledger Entry, as were all iks that the entry could have instead"
    raise RejectionError(reject("ik_conflict", ik=first.external_id, detail=detail))


def _iks(tx: Tx, account_id: str) -> Iterator[str]:
    """The Tx's external id; where another entry has that, the Tx's own id; where that accounts for
    the Tx in another Ledger Account, both ids. An entry that was migrated away from its Tx keeps
    its ik: then a number follows.
    """
    yield tx.external_id
    yield tx.id
    yield f"{tx.id}-{account_id}"
    for number in range(2, CHAIN_LOOKS_MAX):
        yield f"{tx.id}-{account_id}-{number}"


# --- In the place of another entry ----------------------------------------------------------------
async def plan_in_place(
    services: WriteServices, command: AddLedgerEntry, replaced: LedgerEntry, place: ChainPlace
) -> EntryPlan | Rejection:
    """The plan of an entry that reconciles and comes in the place of `replaced`, which is reversed
    in the same transaction: the Txs that it accounts for may be the new one's. It keeps the ik.
    """
    if command.posted_ms is not None:
        detail = "newLedgerEntry.posted can't be given where it reconciles Txs: it is theirs"
        return reject("bad_request", detail=detail)
    to = EntryPlace(replaced.ik, place)
    plan_on = partial(_plan_in_place, services, command, replaced, to)
    return await planned_on_view(services, command, plan_on)


async def _plan_in_place(
    services: WriteServices,
    command: AddLedgerEntry,
    replaced: LedgerEntry,
    to: EntryPlace,
    view: LedgerView,
) -> EntryPlan | Rejection:
    try:
        draft = draft_reconciliation(command, view)
        wanted = wanted_txs(view, draft)
        found = await find_txs(services, command.workspace_id, wanted, is_fresh=True)
        refuse_claimed(wanted, found.txs, replaced.id)
        return plan_reconciliation(command, view, draft, found.txs, services.clock.now_ms(), to)
    except RejectionError as error:
        return error.rejection


# --- Finding Txs ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FoundTxs:
    """The Txs in the order in which they were wanted; whether any is as it was seen before."""

    txs: tuple[Tx, ...]
    is_remembered: bool


async def find_txs(
    services: WriteServices, workspace_id: str, wanted: Sequence[WantedTx], *, is_fresh: bool
) -> FoundTxs:
    """The Txs that are wanted, as remembered unless `is_fresh`. One BatchGetItem for those that
    aren't, two where any was deleted and synced again. Raises RejectionError when one isn't there,
    was deleted, or isn't what was asked for.
    """
    known = [None if is_fresh else _known(services, each) for each in wanted]
    unknown = [each for each, tx in zip(wanted, known, strict=True) if tx is None]
    read = await _read_txs(services, unknown) if unknown else {}
    txs: list[Tx] = []
    for each, held in zip(wanted, known, strict=True):
        tx = read.get(_name(each)) if held is None else held
        if tx is None or tx.workspace_id != workspace_id:
            raise await _not_found(services, workspace_id, each)
        problem = match_problem(each, tx)
        if problem is not None:
            raise RejectionError(problem)
        txs.append(tx)
    return FoundTxs(tuple(txs), len(unknown) < len(wanted))


Name = tuple[str, str]  # External Account and external id; or "" and an id


def _name(wanted: WantedTx) -> Name:
    match = wanted.match
    if match.id is not None:
        return ("", match.id)
    assert match.external_id is not None
    return (wanted.external_account_id, match.external_id)


def _known(services: WriteServices, wanted: WantedTx) -> Tx | None:
    account, name = _name(wanted)
    if not account:
        return services.catalog.known_tx(name)
    return services.catalog.known_tx_named(account, name)


async def _read_txs(services: WriteServices, wanted: Sequence[WantedTx]) -> dict[Name, Tx]:
    """The Txs by what they are asked by; by external id the newest."""
    ids: dict[Name, str] = {}
    for name in map(_name, wanted):
        account, text = name
        if not account and is_id(text):
            ids[name] = text
        elif account and safe_string_problem(text) is None:
            ids[name] = tx_id(account, text, 1)
    found: dict[Name, Tx] = {}
    later: dict[Name, str] = {}
    distinct = list(dict.fromkeys(ids.values()))
    read = await services.table.get_many([keys.tx(each) for each in distinct], consistent=True)
    items = dict(zip(distinct, read, strict=True))
    for name, first in ids.items():
        item = items[first]
        if item is None:
            continue
        if name[0] and newest_sequence(item) > 1:
            later[name] = tx_id(*name, newest_sequence(item))
        else:
            found[name] = tx_from_item(item)
    if later:
        at = [keys.tx(each) for each in later.values()]
        for name, item in zip(
            later, await services.table.get_many(at, consistent=True), strict=True
        ):
            assert item is not None, "a sequence has no gaps"
            found[name] = tx_from_item(item)
    for name, tx in found.items():
        services.catalog.forget_tx(tx.id)
        if name[0] and not tx.is_deleted:  # by its id it may not be the newest
            services.catalog.learn_tx(tx)
    return found


async def _not_found(
    services: WriteServices, workspace_id: str, wanted: WantedTx
) -> RejectionError:
    """There is no such Tx; or not even the External Account that it should be of."""
    item = await services.table.get(
        keys.external_account(wanted.external_account_id), consistent=True
    )
    account = None if item is None else external_account_from_item(item)
    if account is None or account.workspace_id != workspace_id:
        return RejectionError(reject("external_account_not_found", what=wanted.place()))
    return RejectionError(reject("tx_not_found", what=wanted.named()))
