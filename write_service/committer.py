"""The group commit: a batching dataloader whose batches are DynamoDB transactions.

    load(member) ──► queue ──► flush when a slot is free ──► accounts known? ──► pack ──► transact
                       ▲                                                           │          │
                       │                                                           │          ▼
                       └──────────── left over, to be tried again ─────────────────┴────── settle

aiodataloader batches what is asked in one tick; requests on a server seldom share a tick. So only
its queue and futures are used, and the dispatch is replaced: members that arrive while earlier
batches are in flight form the next one. Two batches in flight never touch the same strong balance
or Tx, so a hot account's limit is batches a second, not entries, and the process never conflicts
with itself.

A batch is shielded from its callers: a caller that goes away doesn't undo what others wait for.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from aiodataloader import DataLoader

from shared.clock import Clock
from shared.errors import Overloaded, StoreError, StoreTimeout
from shared.ledger.accounts import LedgerAccount
from shared.ledger.balances import BalanceKey
from shared.ledger.rejections import Rejection
from shared.limits import (
    COMMIT_QUEUE_MAX,
    REPLANS_MAX,
    STORE_BACKOFF_MS,
    STORE_BACKOFF_MS_MAX,
    TRANSACT_ITEMS_MAX,
)
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import account_from_item
from shared.store.table import Table
from write_service.outcomes import committed, judge, places, settle
from write_service.packing import CommitBatch, is_misfit, pack_batch
from write_service.plans import (
    Committed,
    Conflicted,
    Member,
    Moved,
    Outcome,
    Rejected,
    Unknown,
    account_misfit,
)


class CommitRecorder(Protocol):
    """What the committer tells about itself; durations in milliseconds."""

    def batch_committed(self, members: int, items: int, ms: float) -> None: ...

    def batch_retried(self, contended: bool) -> None: ...

    def queue_depth(self, members: int) -> None: ...

    def member_ended(self, outcome: Outcome | StoreError) -> None: ...


class _Waiting:
    """A member with the future that its caller waits for."""

    __slots__ = ("future", "keys", "member")

    def __init__(self, member: Member, future: "asyncio.Future[Outcome]") -> None:
        self.member = member
        self.future = future
        self.keys: set[BalanceKey | str] = member.holds()


def _in_order(taken: list[_Waiting], mine: set[_Waiting]) -> list[_Waiting]:
    """Those of `taken` that are still `mine`: a set has no order that a seed could repeat."""
    return [waiting for waiting in taken if waiting in mine]


class Committer(DataLoader[Member, Outcome]):
    """One for each process; build it inside the running loop.

    `new_token()` gives a fresh ClientRequestToken (unique among all processes, at most 36
    characters); `jitter()` a number in [0, 1) that spreads retries.
    """

    cache = False

    def __init__(
        self,
        table: Table,
        catalog: Catalog,
        clock: Clock,
        recorder: CommitRecorder,
        *,
        new_token: Callable[[], str],
        jitter: Callable[[], float],
        in_flight_max: int,
        wait_ms: int = 0,
    ) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._table = table
        self._catalog = catalog
        self._clock = clock
        self._recorder = recorder
        self._new_token = new_token
        self._jitter = jitter
        self._slots = in_flight_max
        self._wait_ms = wait_ms
        self._waiting: list[_Waiting] = []
        self._busy: set[BalanceKey | str] = set()  # what the batches in flight hold
        self._pending: dict[
            str, asyncio.Future[Outcome]
        ] = {}  # entry id -> the member that writes it
        self._batches: set[asyncio.Task[None]] = (
            set()
        )  # strong references: a task that nobody holds can vanish
        self._flush_planned = False

    async def batch_load_fn(self, keys: list[Member]) -> list[Outcome]:
        """Never called: the dispatch below takes its place."""
        raise AssertionError("the committer dispatches by itself")

    async def commit(self, member: Member) -> Outcome:
        """Commits one member; the same entry sent twice at once is one member and a replay.

        Raises Overloaded when the queue is full.
        """
        while True:
            pending = self._pending_of(member)
            if pending is None:
                return await asyncio.shield(self.load(member))
            outcome = await asyncio.shield(pending)
            if not isinstance(outcome, Committed):
                continue
            if not all(plan.replays_by_ik for plan in member.plans):
                moved = Moved()  # it was planned on what the other one has replaced
                self._recorder.member_ended(moved)
                return moved
            if len(member.plans) == 1 and not member.replays:
                wanted = member.plans[0].entry.id
                for entry, _ in outcome.entries:
                    if entry.id == wanted:
                        replayed = Committed(((entry, True),))
                        self._recorder.member_ended(replayed)
                        return replayed

    def _pending_of(self, member: Member) -> "asyncio.Future[Outcome] | None":
        for entry_id in member.entry_ids():
            pending = self._pending.get(entry_id)
            if pending is not None:
                return pending
        return None

    def do_resolve_reject(self, key: Member, future: "asyncio.Future[Outcome]") -> None:
        """aiodataloader's enqueueing, with a bound, and flushed by slots instead of ticks."""
        if len(self._waiting) >= COMMIT_QUEUE_MAX:
            raise Overloaded("the commit queue is full")
        self._waiting.append(_Waiting(key, future))
        for entry_id in key.entry_ids():
            self._pending[entry_id] = future
        self._plan_flush()

    def _plan_flush(self) -> None:
        if self._flush_planned or not self._waiting or len(self._batches) >= self._slots:
            return
        self._flush_planned = True
        if self._wait_ms and len(self._waiting) < TRANSACT_ITEMS_MAX:
            self.loop.call_later(self._wait_ms / 1000, self._flush)
        else:
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Starts batches of members that touch nothing busy, while slots are free."""
        self._flush_planned = False
        self._recorder.queue_depth(len(self._waiting))
        while self._waiting and len(self._batches) < self._slots:
            taken = self._take()
            if not taken:
                return
            for waiting in taken:
                self._busy |= waiting.keys
            task = self.loop.create_task(self._run(taken))
            self._batches.add(task)
            task.add_done_callback(self._batch_done)

    def _batch_done(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._plan_flush()

    def _take(self) -> list[_Waiting]:
        """Members for one batch, in order; one that holds what a skipped one holds waits."""
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        blocked = set(self._busy)
        entries = 0
        for place, waiting in enumerate(self._waiting):
            count = len(waiting.member.plans)
            if entries and entries + count > TRANSACT_ITEMS_MAX:
                left.extend(self._waiting[place:])
                break
            if blocked.isdisjoint(waiting.keys):
                taken.append(waiting)
                entries += count
            else:
                left.append(waiting)
                blocked |= waiting.keys
        self._waiting = left
        return taken

    # --- One batch --------------------------------------------------------------------------------
    async def _run(self, taken: list[_Waiting]) -> None:
        held = set().union(*[waiting.keys for waiting in taken])
        mine = set(taken)  # shrinks when members are answered or handed back to the queue
        outcome: Outcome = Conflicted()
        try:
            await self._commit_all(taken, mine)
        except (StoreTimeout, asyncio.CancelledError):
            outcome = Unknown()
        except StoreError as error:
            for waiting in _in_order(taken, mine):
                self._forget(waiting)
                self._recorder.member_ended(error)
                waiting.future.set_exception(error)
            mine.clear()
        finally:
            for waiting in _in_order(taken, mine):
                self._answer(waiting, outcome, mine)
            self._busy -= held

    async def _commit_all(self, taken: list[_Waiting], mine: set[_Waiting]) -> None:
        """Batches until every member is answered or handed back, or REPLANS_MAX is reached."""
        await self._look_for_accounts(taken)
        known: dict[BalanceKey, int] = {}
        misfits: set[str] = set()
        for attempt in range(REPLANS_MAX):
            self._refuse_misfits(taken, mine)
            going = _in_order(taken, mine)
            contingent: dict[_Waiting, Rejected] = {}
            exact: Mapping[BalanceKey, int] = {}
            if attempt:
                judgement = judge([waiting.member for waiting in going], known, misfits)
                for place, outcome in judgement.outcomes.items():
                    self._answer(going[place], outcome, mine)
                contingent = {going[at]: told for at, told in judgement.contingent.items()}
                exact = judgement.exact
                going = [going[place] for place in judgement.going]
            if not going:
                return
            in_batch, batch = self._pack(going, list(contingent), exact, mine)
            started = self._clock.monotonic_ms()
            settlement = settle(batch, await self._table.transact(batch.writes, batch.token))
            if settlement.committed:
                ms = self._clock.monotonic_ms() - started
                self._recorder.batch_committed(len(batch.members), len(batch.writes), ms)
                self._learn(batch.members)
                for waiting in in_batch:
                    self._answer(waiting, committed(waiting.member), mine)
                for waiting, refusal in contingent.items():
                    if waiting in mine:
                        self._answer(waiting, refusal, mine)
                return
            self._recorder.batch_retried(settlement.contended)
            for at, member in enumerate(settlement.members):
                in_batch[at].member = member
                if at in settlement.moved:
                    self._answer(in_batch[at], Moved(), mine)
            known.update(settlement.found)
            misfits |= settlement.misfits
            if settlement.contended:
                await self.pause(attempt)

    def _pack(
        self,
        going: list[_Waiting],
        contingent: list[_Waiting],
        exact: Mapping[BalanceKey, int],
        mine: set[_Waiting],
    ) -> tuple[list[_Waiting], CommitBatch]:
        """The next batch with its members' callers. What doesn't fit goes first in the queue, and
        with it the contingent ones, which may hang on it."""
        by_member = {id(waiting.member): waiting for waiting in going}
        batch, left = pack_batch(
            [waiting.member for waiting in going],
            self._new_token(),
            is_known=self._is_known,
            exact=exact,
        )
        assert batch.members, "a member that fits no empty batch is refused when it is planned"
        if left:
            back = [by_member[id(member)] for member in left] + contingent
            mine.difference_update(back)
            self._waiting[:0] = back
        return [by_member[id(member)] for member in batch.members], batch

    async def pause(self, attempt: int) -> None:
        ceiling = min(STORE_BACKOFF_MS * 2**attempt, STORE_BACKOFF_MS_MAX)
        await asyncio.sleep(self._jitter() * ceiling / 1000)

    def _answer(self, waiting: _Waiting, outcome: Outcome, mine: set[_Waiting]) -> None:
        mine.discard(waiting)
        self._forget(waiting)
        if not waiting.future.done():
            self._recorder.member_ended(outcome)
            waiting.future.set_result(outcome)

    def _forget(self, waiting: _Waiting) -> None:
        for entry_id in waiting.member.entry_ids():
            if self._pending.get(entry_id) is waiting.future:
                del self._pending[entry_id]
        for _, entry in waiting.member.replays:
            if self._pending.get(entry.id) is waiting.future:
                del self._pending[entry.id]

    # --- Accounts ---------------------------------------------------------------------------------
    def _is_known(self, account_id: str) -> bool:
        return self._catalog.known_account(account_id) is not None

    async def _look_for_accounts(self, taken: list[_Waiting]) -> None:
        """One read for the accounts that are new here: those that stand are known then."""
        unknown: dict[str, LedgerAccount] = {}
        for waiting in taken:
            for plan in waiting.member.plans:
                for account in plan.accounts:
                    if not self._is_known(account.id):
                        unknown[account.id] = account
        if unknown:
            wanted = [keys.account(account_id) for account_id in unknown]
            for item in await self._table.get_many(wanted, consistent=True):
                if item is not None:
                    self._catalog.learn_account(account_from_item(item))

    def _refuse_misfits(self, taken: list[_Waiting], mine: set[_Waiting]) -> None:
        """Refuses members that don't fit the accounts that are known. Asked right before each
        batch: one that has become known since the last isn't written, so no guard would tell.
        """
        for waiting in _in_order(taken, mine):
            misfits = self._misfits(waiting.member)
            if misfits:
                self._answer(waiting, Rejected(tuple(misfits)), mine)

    def _misfits(self, member: Member) -> list[tuple[int, Rejection]]:
        asked = places(member)
        misfits: list[tuple[int, Rejection]] = []
        new: dict[str, LedgerAccount] = {}
        for place, plan in enumerate(member.plans):
            for account in plan.accounts:
                known = self._catalog.known_account(account.id)
                if is_misfit(known or new.setdefault(account.id, account), account):
                    misfits.append((asked[place], account_misfit(account)))
                    break
        return misfits

    def _learn(self, members: Iterable[Member]) -> None:
        for member in members:
            for plan in member.plans:
                for account in plan.accounts:
                    if not self._is_known(account.id):
                        self._catalog.learn_account(account)

    # --- The end ----------------------------------------------------------------------------------
    async def close(self) -> None:
        """Commits what is waiting, then stops: for a clean shutdown."""
        while self._waiting or self._batches:
            self._plan_flush()
            if self._batches:
                await asyncio.wait(self._batches)
            else:
                await asyncio.sleep(0)
