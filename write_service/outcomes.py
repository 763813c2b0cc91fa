"""Answer of a batch -> what is known now, and what becomes of each member. Pure.

DynamoDB cancels a batch as a whole and says of each write whether it was to blame. `settle` reads
that:

    the batch's own mark stands on an entry   an earlier sending was committed, its answer was lost
    an entry stands with another mark         that plan is a replay, unless it was reversed
    a chain, a revision or what accounts      the member moved: it has to be planned again
    for a Tx is another one
    a balance's guard failed                  the balance is known now
    another transaction held an item          contended: all go again, after a pause

`judge` then takes the members in order on the balances that are known. A refusal that was judged
behind an earlier member which moves the same balance holds only if that member is then committed on
exactly the balance found: it is contingent on the next batch, which pins that balance. Each round
adds a balance to what is known, so the rounds end as soon as nobody else moves them.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.entries import LedgerEntry
from shared.ledger.rejections import Rejection, reject
from shared.store.items import entry_from_item, has_mark, strong_balance
from shared.store.table import Cancelled, Cause, Transacted
from write_service.packing import CommitBatch
from write_service.plans import (
    Committed,
    EntryPlan,
    Member,
    Outcome,
    PlannedCondition,
    Rejected,
    account_misfit,
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the answer says. `members` are the batch's, in order, without plans that are replays."""

    committed: bool
    members: tuple[Member, ...]
    found: Mapping[BalanceKey, int]
    misfits: frozenset[str]  # accounts that stand otherwise than a plan has them
    contended: bool = False
    moved: frozenset[int] = frozenset()  # members, by place, whose entries have changed


@dataclass(frozen=True, slots=True)
class Judgement:
    """A fate for each member, by place: an outcome, going on, or refused if those going on succeed.

    The next batch must find the balances in `exact` for the contingent refusals to hold.
    """

    outcomes: Mapping[int, Outcome]
    going: tuple[int, ...]
    contingent: Mapping[int, Rejected]
    exact: Mapping[BalanceKey, int]


def settle(batch: CommitBatch, answer: Transacted | Cancelled) -> Settlement:
    """Reads the store's answer to a batch."""
    if isinstance(answer, Transacted):
        return Settlement(True, batch.members, {}, frozenset())
    assert len(answer.reasons) == len(batch.writes)
    standing: list[dict[int, LedgerEntry]] = [{} for _ in batch.members]
    found: dict[BalanceKey, int] = {}
    misfits: set[str] = set()
    moved: set[int] = set()
    contended = False
    for place, reason in enumerate(answer.reasons):
        if reason.cause is Cause.NONE:
            continue
        if reason.cause is not Cause.GUARD:
            contended = True
        elif place in batch.entries:
            at, plan_at = batch.entries[place]
            if reason.old is None:  # what was to be replaced is gone
                moved.add(at)
                continue
            if has_mark(reason.old, batch.token):
                return Settlement(True, batch.members, {}, frozenset())
            entry = entry_from_item(reason.old)
            if is_replay(batch.members[at].plans[plan_at], entry):
                standing[at][plan_at] = entry
            else:
                moved.add(at)
        elif place in batch.chains:
            moved.add(batch.chains[place])
        elif place in batch.accounts:
            misfits.add(batch.accounts[place])
        else:
            found[batch.balances[place]] = strong_balance(reason.old)
    members = tuple([with_replays(each, standing[at]) for at, each in enumerate(batch.members)])
    return Settlement(False, members, found, frozenset(misfits), contended, frozenset(moved))


def is_replay(plan: EntryPlan, standing: LedgerEntry) -> bool:
    """Whether `standing`, found in the place of the plan's entry, is what its ik replays. Once it
    was reversed the ik's newest entry has to be looked up."""
    return plan.replays_by_ik and not standing.is_reversed


def committed(member: Member) -> Committed:
    """All entries of a member that stands, in the order they were given."""
    replays = dict(member.replays)
    plans = iter(member.plans)
    entries: list[tuple[LedgerEntry, bool]] = []
    for place in range(len(member.plans) + len(replays)):
        standing = replays.get(place)
        entries.append((next(plans).entry, False) if standing is None else (standing, True))
    return Committed(tuple(entries))


def places(member: Member) -> list[int]:
    """For each plan that is left, the place of its entry in the request."""
    replayed = {place for place, _ in member.replays}
    total = len(member.plans) + len(replayed)
    return [place for place in range(total) if place not in replayed]


def with_replays(member: Member, standing: Mapping[int, LedgerEntry]) -> Member:
    """The member without the plans (by place) whose entries stand already."""
    if not standing:
        return member
    asked = places(member)
    replays = [*member.replays, *[(asked[place], entry) for place, entry in standing.items()]]
    left = tuple([plan for place, plan in enumerate(member.plans) if place not in standing])
    return replace(member, plans=left, replays=tuple(sorted(replays, key=lambda hit: hit[0])))


def judge(
    members: Sequence[Member], known: Mapping[BalanceKey, int], misfits: Set[str]
) -> Judgement:
    """Takes the members in order, on the balances that are known; others are left to the guards."""
    outcomes: dict[int, Outcome] = {}
    going: list[int] = []
    contingent: dict[int, Rejected] = {}
    exact: dict[BalanceKey, int] = {}
    balances = dict(known)
    moved: set[BalanceKey] = set()  # balances that an earlier member, going on, moves
    for at, member in enumerate(members):
        if not member.plans:
            outcomes[at] = committed(member)
            continue
        blamed, failed_keys, after = judge_member(member, balances)
        blamed += _misfits(member, misfits)
        if not blamed:
            going.append(at)
            balances.update(after)
            moved |= member.keys()
            continue
        asked = places(member)
        first: dict[int, Rejection] = {}
        for place, rejection in blamed:
            first.setdefault(asked[place], rejection)
        rejected = Rejected(tuple(sorted(first.items(), key=lambda pair: pair[0])))
        behind = failed_keys & moved
        if behind:
            contingent[at] = rejected
            exact.update({key: known[key] for key in behind})
        else:
            outcomes[at] = rejected
    return Judgement(outcomes, tuple(going), contingent, exact)


def _misfits(member: Member, misfits: Set[str]) -> list[tuple[int, Rejection]]:
    return [
        (place, account_misfit(account))
        for place, plan in enumerate(member.plans)
        for account in plan.accounts
        if account.id in misfits
    ]


def judge_member(
    member: Member, balances: Mapping[BalanceKey, int]
) -> tuple[list[tuple[int, Rejection]], set[BalanceKey], dict[BalanceKey, int]]:
    """Judges the plans of a member, in order, on the balances that are known.

    Returns what fails (by place among the plans), the balances it failed on, and the known balances
    after the member. A balance that isn't in `balances` was not found wanting and is not judged.
    """
    blamed: list[tuple[int, Rejection]] = []
    failed_keys: set[BalanceKey] = set()
    moved_keys = member.keys()
    running = {key: balances[key] for key in moved_keys if key in balances}
    for place, plan in enumerate(member.plans):
        failure = _first_failure(plan, running)
        if failure is None:
            for delta in plan.deltas:
                if delta.key in running:
                    running[delta.key] += delta.amount
        else:
            key, rejection = failure
            blamed.append((place, rejection))
            failed_keys.add(key)
    return blamed, failed_keys, running


def _first_failure(
    plan: EntryPlan, running: Mapping[BalanceKey, int]
) -> tuple[BalanceKey, Rejection] | None:
    after = {
        delta.key: running[delta.key] + delta.amount
        for delta in plan.deltas
        if delta.key in running
    }
    for condition in plan.conditions:
        balance = (running if condition.is_pre else after).get(condition.key)
        if balance is not None and not condition.bounds.holds(balance):
            return condition.key, _unmet(condition, balance)
    for delta in plan.deltas:
        if not INT96_MIN <= after.get(delta.key, 0) <= INT96_MAX:
            return delta.key, reject("balance_overflow", path=delta.account_path)
    return None


def _unmet(condition: PlannedCondition, balance: int) -> Rejection:
    bounds = condition.bounds
    asked = " and ".join(
        f"{name} {bound}"
        for name, bound in (("eq", bounds.eq), ("gte", bounds.gte), ("lte", bounds.lte))
        if bound is not None
    )
    when = "precondition" if condition.is_pre else "postcondition"
    scope = "ownBalance" if condition.key.scope == "own" else "totalBalance"
    return reject(
        "conditional_request_failed",
        path=condition.account_path,
        condition=f"the {when} on {scope}, {asked},",
        balance=f"is {balance}" if condition.is_pre else f"would be {balance}",
    )
