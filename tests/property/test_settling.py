"""Laws of packing and settling, for any members and any answer of the store."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.entries import Bounds
from shared.store.items import entry_item
from shared.store.table import Cancelled, Cause, Put, Reason, Transacted, Update, Within
from tests.builders_write import A, Asked, B, C, member, nothing_known, planned
from write_service.outcomes import judge, settle
from write_service.packing import CommitBatch, is_contradictory, pack_batch
from write_service.plans import Committed, Member, Rejected

AMOUNTS = st.integers(-50, 50)
KEYS = st.sampled_from([A, B, C])


@st.composite
def bounds(draw: st.DrawFn) -> Bounds:
    if draw(st.booleans()):
        return Bounds(eq=draw(AMOUNTS))
    return Bounds(gte=draw(st.none() | AMOUNTS), lte=draw(st.none() | st.integers(51, 90)))


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    found = []
    for at in range(draw(st.integers(1, 6))):
        plans = []
        for place in range(draw(st.integers(1, 3))):
            deltas = draw(st.dictionaries(KEYS, AMOUNTS, max_size=3))
            asked: list[Asked] = []
            for key in deltas:
                if draw(st.booleans()):
                    asked.append((key, draw(st.booleans()), draw(bounds())))
            plans.append(planned(f"{at}.{place}", deltas, asked))
        each = member(*plans)
        if not is_contradictory(each):
            found.append(each)
    return found


def apply_batch(batch: CommitBatch, balances: dict[BalanceKey, int]) -> Transacted | Cancelled:
    """A single-threaded store: judges the guards, then writes all or nothing."""
    reasons = []
    for place, write in enumerate(batch.writes):
        fine = Reason(Cause.NONE)
        if isinstance(write, Update):
            guard = write.guards[0]
            assert isinstance(guard, Within)
            balance = balances[batch.balances[place]]
            if not guard.low <= balance <= guard.high:
                fine = Reason(Cause.GUARD, {"v": balance})
        reasons.append(fine)
    if any(reason.cause is not Cause.NONE for reason in reasons):
        return Cancelled(tuple(reasons))
    for place, key in batch.balances.items():
        update = batch.writes[place]
        assert isinstance(update, Update)
        balances[key] += update.add["v"]
    return Transacted()


def judged_one_by_one(
    asked: list[Member], start: Mapping[BalanceKey, int]
) -> tuple[list[bool], dict[BalanceKey, int]]:
    """What a single thread that takes the members one after another would do."""
    balances = dict(start)
    accepted = []
    for each in asked:
        after = dict(balances)
        fits = True
        for plan in each.plans:
            before = dict(after)
            for delta in plan.deltas:
                after[delta.key] += delta.amount
                fits &= INT96_MIN <= after[delta.key] <= INT96_MAX
            for condition in plan.conditions:
                seen = before if condition.is_pre else after
                fits &= condition.bounds.holds(seen[condition.key])
        accepted.append(fits)
        if fits:
            balances = after
    return accepted, balances


@given(members(), st.dictionaries(KEYS, AMOUNTS, min_size=3, max_size=3))
def test_batches_accept_and_refuse_what_one_thread_would(asked, start):
    """Packing, settling and sending again ends where taking the members one by one ends."""
    balances = dict(start)
    verdict: dict[int, bool] = {}
    waiting = list(asked)
    rounds = 0
    while waiting:
        known: dict[BalanceKey, int] = {}
        going = waiting
        while going:
            rounds += 1
            assert rounds <= 5 * len(asked), "each batch decides a member or learns a balance"
            judgement = judge(going, known, set())
            for place, outcome in judgement.outcomes.items():
                verdict[asked.index(going[place])] = isinstance(outcome, Committed)
            contingent = [going[place] for place in judgement.contingent]
            going = [going[place] for place in judgement.going]
            if not going:
                assert not contingent
                waiting = []
                break
            batch, left = pack_batch(
                going, f"t{rounds}", is_known=nothing_known, exact=judgement.exact
            )
            back = [*left, *contingent] if left else []
            settlement = settle(batch, apply_batch(batch, balances))
            if settlement.committed:
                verdict.update({asked.index(each): True for each in batch.members})
                if not left:
                    verdict.update({asked.index(each): False for each in contingent})
                waiting = back
                break
            known.update(settlement.found)
            going = [each for each in asked if each in (*batch.members, *contingent, *left)]
    in_order = [verdict[place] for place in range(len(asked))]
    accepted, after = judged_one_by_one(asked, start)
    assert (in_order, balances) == (accepted, after)


@given(members(), st.data())
def test_settle_gives_each_member_one_fate_for_any_answer(asked, data):
    batch, _ = pack_batch(asked, "token", is_known=nothing_known)
    reasons = []
    for place, write in enumerate(batch.writes):
        cause = data.draw(st.sampled_from([Cause.NONE, Cause.NONE, Cause.GUARD, Cause.CONFLICT]))
        old = None
        if cause is Cause.GUARD:
            if isinstance(write, Put):
                at, of = batch.entries[place]
                mark = data.draw(st.sampled_from(["token", "another", "another"]))
                old = entry_item(batch.members[at].plans[of].entry, mark)
            else:
                old = {"v": data.draw(AMOUNTS)}
        reasons.append(Reason(cause, old))
    settlement = settle(batch, Cancelled(tuple(reasons)))
    assert len(settlement.members) == len(batch.members)
    judgement = judge(settlement.members, settlement.found, settlement.misfits)
    fates = [*judgement.outcomes, *judgement.going, *judgement.contingent]
    assert sorted(fates) == list(range(len(batch.members)))
    for outcome in judgement.outcomes.values():
        assert isinstance(outcome, Committed | Rejected)


@given(members())
def test_packing_keeps_every_member_once_and_in_the_order_of_each_balance(asked):
    batch, left = pack_batch(asked, "token", is_known=nothing_known)
    assert sorted(map(id, [*batch.members, *left])) == sorted(map(id, asked))
    addresses = [write.key if isinstance(write, Put | Update) else None for write in batch.writes]
    assert len(set(addresses)) == len(addresses) <= 100
    for key in (A, B, C):
        order = [asked.index(each) for each in batch.members if {key} <= each.keys()]
        over = [asked.index(each) for each in left if {key} <= each.keys()]
        assert order == sorted(order)
        assert not order or not over or max(order) < min(over)
