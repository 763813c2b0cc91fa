"""The Committer on the in-memory table: batches, replays, conditions, bounds, lost answers."""

import asyncio
from dataclasses import replace
from itertools import count
from random import Random

import pytest

from shared.clock import FixedClock
from shared.errors import Overloaded, StoreUnavailable
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import Bounds
from shared.ledger.rejections import reject
from shared.limits import COMMIT_QUEUE_MAX
from shared.observe import Metrics
from shared.store.catalog import Catalog
from shared.store.items import strong_balance
from shared.store.table import Cancelled, Cause, Reason, TableName
from shared.testing.counting import CountingMetrics
from shared.testing.faults import FaultyTable, TableFaults
from shared.testing.memory import MemoryTable
from tests.builders_write import A, B, member, planned
from write_service.committer import Committer
from write_service.packing import balance_item_key
from write_service.plans import Committed, Conflicted, Rejected, Unknown
from write_service.recording import MeteredCommits

AT_LEAST_0 = Bounds(gte=0)


class Recorder:
    def __init__(self):
        self.batches = []
        self.retries = 0

    def batch_committed(self, members, items, ms):
        self.batches.append((members, items))

    def batch_retried(self, contended):
        self.retries += 1

    def queue_depth(self, members):
        pass

    def member_ended(self, outcome):
        pass


class Rig:
    """A committer on a table of its own; requests are counted."""

    def __init__(self, faults=None, seed=1, in_flight_max=2, recorder=None):
        self.metrics = CountingMetrics()
        self.clock = FixedClock()
        self.memory = MemoryTable(clock=self.clock, metrics=self.metrics)
        self.table = FaultyTable(self.memory, Random(seed), faults or TableFaults())
        self.recorder = recorder or Recorder()
        tokens = count(1)
        self.committer = Committer(
            self.table,
            Catalog(self.table, self.clock),
            self.clock,
            self.recorder,
            new_token=lambda: f"token-{next(tokens)}",
            jitter=lambda: 0.0,
            in_flight_max=in_flight_max,
        )

    async def balance(self, key):
        return strong_balance(await self.memory.get(balance_item_key(key)))

    async def entries(self):
        page = await self.memory.scan(TableName.LEDGER)
        return len([item for item in page.items if str(item["pk"]).startswith("E#")])


@pytest.fixture
async def rig():
    return Rig()


async def test_what_arrives_together_is_one_transaction(rig):
    members = [member(planned(str(at), {A: 1, B: -1})) for at in range(40)]
    outcomes = await asyncio.gather(*[rig.committer.commit(each) for each in members])
    assert [type(outcome) for outcome in outcomes] == [Committed] * 40
    assert rig.recorder.batches == [(40, 42)]
    assert rig.metrics.calls["TransactWriteItems"] == 1
    assert (await rig.balance(A), await rig.balance(B)) == (40, -40)


async def test_what_arrives_in_flight_forms_the_next_batch(rig):
    first = asyncio.ensure_future(rig.committer.commit(member(planned("0", {A: 1}))))
    await asyncio.sleep(0)
    rest = [rig.committer.commit(member(planned(str(at), {A: 1}))) for at in range(1, 20)]
    await asyncio.gather(first, *rest)
    assert [batch[0] for batch in rig.recorder.batches] == [1, 19]


async def test_the_same_entry_sent_twice_at_once_is_one_and_a_replay(rig):
    plans = [planned("same", {A: 5}), planned("same", {A: 5}), planned("same", {A: 7})]
    outcomes = await asyncio.gather(*[rig.committer.commit(member(each)) for each in plans])
    assert [outcome.entries[0][1] for outcome in outcomes] == [False, True, True]
    assert {outcome.entries[0][0].id for outcome in outcomes} == {plans[0].entry.id}
    assert await rig.balance(A) == 5


async def test_an_entry_that_stands_is_answered_as_a_replay_and_moves_nothing(rig):
    await rig.committer.commit(member(planned("x", {A: 5})))
    again, other = await asyncio.gather(
        rig.committer.commit(member(planned("x", {A: 9}))),
        rig.committer.commit(member(planned("y", {A: 1}))),
    )
    assert [again.entries[0][1], other.entries[0][1]] == [True, False]
    assert await rig.balance(A) == 6


async def test_a_failed_condition_fails_its_entry_alone(rig):
    await rig.committer.commit(member(planned("fund", {A: 10})))
    spend = [
        member(planned(f"spend-{at}", {A: -4, B: 4}, [(A, False, AT_LEAST_0)])) for at in range(4)
    ]
    outcomes = await asyncio.gather(*[rig.committer.commit(each) for each in spend])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Committed, Committed, Rejected, Rejected]
    assert outcomes[2].rejections[0][1].code == "conditional_request_failed"
    assert (await rig.balance(A), await rig.balance(B)) == (2, 8)
    assert await rig.entries() == 3


async def test_an_entry_that_enables_a_later_one_in_the_batch_counts_for_it(rig):
    fund = member(planned("fund", {A: 10}))
    spend = member(planned("spend", {A: -10}, [(A, False, AT_LEAST_0)]))
    outcomes = await asyncio.gather(rig.committer.commit(fund), rig.committer.commit(spend))
    assert [type(outcome) for outcome in outcomes] == [Committed, Committed]
    assert rig.metrics.calls["TransactWriteItems"] == 1


async def test_an_atomic_member_is_posted_whole_or_not_at_all(rig):
    good = planned("good", {B: 1})
    bad = planned("bad", {A: -1}, [(A, False, AT_LEAST_0)])
    outcome = await rig.committer.commit(member(good, bad))
    assert isinstance(outcome, Rejected)
    assert [place for place, _ in outcome.rejections] == [1]
    assert await rig.entries() == 0


async def test_a_batch_of_which_one_entry_stands_posts_the_rest(rig):
    await rig.committer.commit(member(planned("1", {A: 1})))
    outcome = await rig.committer.commit(
        member(planned("0", {A: 1}), planned("1", {A: 1}), planned("2", {A: 1}))
    )
    assert [is_replay for _, is_replay in outcome.entries] == [False, True, False]
    assert [entry.ik for entry, _ in outcome.entries] == ["0", "1", "2"]
    assert await rig.balance(A) == 3


async def test_a_caller_that_goes_away_leaves_the_others_batch_alone(rig):
    doomed = asyncio.ensure_future(rig.committer.commit(member(planned("0", {A: 1}))))
    other = asyncio.ensure_future(rig.committer.commit(member(planned("1", {A: 1}))))
    await asyncio.sleep(0)
    doomed.cancel()
    assert isinstance(await other, Committed)
    assert await rig.balance(A) == 2


async def test_a_store_that_is_away_is_told_and_leaves_no_trace():
    rig = Rig(TableFaults(throttled=1000))
    with pytest.raises(StoreUnavailable):
        await rig.committer.commit(member(planned("0", {A: 1})))
    rig.table.calm()
    assert await rig.entries() == 0
    assert isinstance(await rig.committer.commit(member(planned("0", {A: 1}))), Committed)


async def test_a_lost_answer_is_unknown_and_the_next_try_tells():
    rig = Rig(TableFaults(timeout_after=1000))
    assert await rig.committer.commit(member(planned("0", {A: 1}))) == Unknown()
    rig.table.calm()
    outcome = await rig.committer.commit(member(planned("0", {A: 1})))
    assert outcome.entries[0][1] is True
    assert await rig.balance(A) == 1


async def test_endless_conflicts_end_as_conflicted():
    rig = Rig(TableFaults(conflict=1000))
    assert await rig.committer.commit(member(planned("0", {A: 1}))) == Conflicted()
    assert await rig.entries() == 0


async def test_a_batch_whose_own_mark_stands_was_committed(rig):
    """A store that forgot the token refuses the second sending, and shows the first one's mark."""
    inner = rig.committer._table

    class Forgetful:
        async def transact(self, writes, token):
            await inner.transact(writes, token)
            reasons = [
                Reason(Cause.GUARD, write.item) if hasattr(write, "item") else Reason(Cause.NONE)
                for write in writes
            ]
            return Cancelled(tuple(reasons))

        def __getattr__(self, name):
            return getattr(inner, name)

    rig.committer._table = Forgetful()
    outcome = await rig.committer.commit(member(planned("0", {A: 1})))
    assert outcome.entries[0][1] is False
    assert await rig.balance(A) == 1


async def test_an_account_that_comes_to_stand_during_a_retry_is_held_against_the_plan(rig):
    """Another batch of this process creates it, linked elsewhere, while this one pauses."""
    inner, catalog = rig.committer._table, rig.committer._catalog
    card = LedgerAccount(
        id="a" * 32,
        ledger_id="1" * 32,
        workspace_id="w",
        path="assets/cards:1",
        ik="assets/cards:1",
        name="Card",
        type="asset",
        currency_mode="single",
        currency="USD",
        parent_id=None,
        parent_path="assets",
        created_ms=0,
        linked=("2" * 32, "checking"),
    )

    class Contended:
        async def transact(self, writes, token):
            catalog.learn_account(replace(card, linked=("2" * 32, "savings")))
            return Cancelled(tuple([Reason(Cause.CONFLICT) for _ in writes]))

        def __getattr__(self, name):
            return getattr(inner, name)

    rig.committer._table = Contended()
    plan = planned("0", {A: 1})._replace(accounts=(card,))
    outcome = await rig.committer.commit(member(plan))
    assert outcome == Rejected(((0, reject("linked_account_conflict", path="assets/cards:1")),))
    assert (await rig.entries(), rig.recorder.retries) == (0, 1)


async def test_every_member_is_counted_once_by_how_it_ended():
    metrics = Metrics()
    rig = Rig(recorder=MeteredCommits(metrics))

    async def commit(*members):
        asked = [rig.committer.commit(each) for each in members]
        await asyncio.gather(*asked, return_exceptions=True)

    def count_of(outcome):
        labels = {"outcome": outcome}
        return metrics.registry.get_sample_value("twofold_commit_outcomes_total", labels)

    await commit(*[member(planned(ik, {A: 1})) for ik in ("0", "1", "1")])
    await commit(member(planned("0", {A: 1})), member(planned("0", {A: 1}), planned("2", {A: 1})))
    await commit(member(planned("3", {A: -9}, [(A, False, AT_LEAST_0)])))
    rig.table.faults = TableFaults(conflict=1000)
    await commit(member(planned("4", {A: 1})))
    rig.table.faults = TableFaults(timeout_before=1000)
    await commit(member(planned("5", {A: 1})), member(planned("6", {A: 1})))
    rig.table.faults = TableFaults(throttled=1000)
    await commit(member(planned("7", {A: 1})))
    assert [count_of(each) for each in ("committed", "replayed", "rejected")] == [3, 2, 1]
    assert [count_of(each) for each in ("conflicted", "unknown", "failed")] == [1, 2, 1]


async def test_the_queue_is_bounded(rig):
    waiting = [
        asyncio.ensure_future(rig.committer.commit(member(planned(f"{at}", {})))) for at in range(3)
    ]
    rig.committer._waiting.extend([None] * COMMIT_QUEUE_MAX)
    with pytest.raises(Overloaded):
        await rig.committer.commit(member(planned("over", {})))
    del rig.committer._waiting[:]
    for each in waiting:
        each.cancel()


async def test_closing_commits_what_waits(rig):
    tasks = [
        asyncio.ensure_future(rig.committer.commit(member(planned(f"{at}", {A: 1}))))
        for at in range(5)
    ]
    await asyncio.sleep(0)
    await rig.committer.close()
    assert [type(await task) for task in tasks] == [Committed] * 5
