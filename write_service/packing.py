"""Members -> one batch: at most 100 writes and 3.5 MB, no item twice, balances merged and guarded.

    member  entry X: account A -30, must stay >= 0     ┐
    member  entry Y: account A +50                     ├─► put X, put Y, A: add 20 if 30 <= A
    (order kept)                                       ┘

A Tx is written by one member of a batch alone: what that changes of it is one update, guarded by
what accounted for the Tx when the member was planned.

All deltas of one strong balance become one update: their sum, guarded by the tightest condition
that the entries need in their order. With P the sum before an entry and d its own delta, a
precondition low <= b + P is a bound low - P on the balance b that the batch finds, a postcondition
one of low - P - d, and every intermediate balance is kept within Int96 the same way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.ledger.accounts import LedgerAccount
from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.entries import LedgerEntry
from shared.limits import COMMIT_BATCH_BYTES_MAX, TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.items import (
    NO_ENTRY,
    account_attributes,
    claim_attribute,
    marked,
    strong_adds,
)
from shared.store.table import (
    Absent,
    Guard,
    Is,
    IsOrAbsent,
    Item,
    Key,
    Present,
    Put,
    TableName,
    Update,
    Value,
    Within,
    Write,
)
from write_service.plans import ChainStep, EntryPlan, Member

_ABSENT = (Absent(),)
REVERSING_ITEMS_MAX = 2  # beside what the entry itself wrote: its next revision, its chain's head
CLAIM_BYTES = 150  # what a claim on a Tx counts for: it is named twice, with an entry each time
CHAR_BYTES_MAX = 4  # of a character in an item: in UTF-8, or escaped
UPDATE_BYTES = 300  # what an update or a check counts for: key, numbers and expressions


@dataclass(slots=True)
class _Running:
    """One strong balance within a batch: its sum so far and what the balance found must lie in."""

    sum: int
    child: int | None  # the part of `sum` on lines below the account, if any are
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """One TransactWriteItems; `entries` to `balances` tell writes by place."""

    token: str
    members: tuple[Member, ...]
    writes: tuple[Write, ...]
    entries: Mapping[int, tuple[int, int]]  # write -> (member, plan)
    chains: Mapping[int, int]  # write to the rest of an ik's chain, or to a Tx -> member
    accounts: Mapping[int, str]  # write -> account id
    balances: Mapping[int, BalanceKey]  # write -> strong balance


@dataclass(slots=True)
class Packing:
    """A batch in the making."""

    is_known: Callable[[str], bool]
    exact: Mapping[BalanceKey, int]
    members: list[Member]
    accounts: dict[str, LedgerAccount]
    running: dict[BalanceKey, _Running]
    txs: set[str]
    entries: int
    listed: int  # items of strong lists and of the rest of chains
    bytes: int

    def admits(self, member: Member) -> bool:
        """Takes the member in if it fits beside the others; leaves everything as it was if not."""
        new_accounts: dict[str, LedgerAccount] = {}
        txs: set[str] = set()
        size = 0
        listed = 0
        for plan in member.plans:
            size += plan.item_bytes + UPDATE_BYTES * len(plan.listed)
            for claim in plan.claims:
                size += CLAIM_BYTES
                txs.add(claim.tx_id)
            listed += len(plan.listed)
            if plan.chain is not None:
                listed += len(plan.chain.entry_ids())
            for account in plan.accounts:
                if self.is_known(account.id):
                    continue
                other = self.accounts.get(account.id)
                if other is None:
                    if account.id not in new_accounts:
                        size += account_bytes(account)
                    new_accounts[account.id] = account
                elif is_misfit(other, account):
                    return False
        moved = self._moved(member)
        if moved is None or not self.txs.isdisjoint(txs):
            return False
        entries = self.entries + len(member.plans)
        listed += self.listed
        new_balances = sum(1 for key in moved if key not in self.running)
        items = entries + listed + len(self.accounts) + len(new_accounts)
        items += len(self.running) + new_balances + len(self.txs) + len(txs)
        size += self.bytes + UPDATE_BYTES * (2 * len(new_accounts) + new_balances + len(txs))
        if items > TRANSACT_ITEMS_MAX or size > COMMIT_BATCH_BYTES_MAX:
            return False
        self.members.append(member)
        self.accounts.update(new_accounts)
        self.running.update(moved)
        self.txs |= txs
        self.entries, self.listed, self.bytes = entries, listed, size
        return True

    def _moved(self, member: Member) -> dict[BalanceKey, _Running] | None:
        """The member's balances after it; None if no balance found could satisfy all so far."""
        moved: dict[BalanceKey, _Running] = {}
        self._walk(member, moved)
        if any(running.low > running.high for running in moved.values()):
            return None
        return moved

    def _walk(self, member: Member, moved: dict[BalanceKey, _Running]) -> None:
        """Takes the member's deltas and conditions into `moved`, in their order."""
        for plan in member.plans:
            for delta in plan.deltas:
                key = delta.key
                if key not in moved:
                    held = self.running.get(key)
                    if held is not None:
                        moved[key] = _Running(held.sum, held.child, held.low, held.high)
                    else:
                        exact = self.exact.get(key)
                        bounds = (INT96_MIN, INT96_MAX) if exact is None else (exact, exact)
                        moved[key] = _Running(0, None, *bounds)
            for condition in plan.conditions:
                if condition.is_pre:
                    _narrow(moved[condition.key], condition.low, condition.high)
            for delta in plan.deltas:
                running = moved[delta.key]
                running.sum += delta.amount
                if delta.child is not None:
                    running.child = (running.child or 0) + delta.child
                _narrow(running, INT96_MIN, INT96_MAX)
            for condition in plan.conditions:
                if not condition.is_pre:
                    _narrow(moved[condition.key], condition.low, condition.high)


def _narrow(running: _Running, low: int, high: int) -> None:
    """The balance after `sum` must lie in [low, high]: a bound on the balance found."""
    running.low = max(running.low, low - running.sum)
    running.high = min(running.high, high - running.sum)


def is_misfit(standing: LedgerAccount, planned: LedgerAccount) -> bool:
    """Whether what stands, or will, has another currency than was planned, or another link."""
    if standing is planned:
        return False
    return (standing.currency, standing.external_account_id) != (
        planned.currency,
        planned.external_account_id,
    )


def _empty(is_known: Callable[[str], bool], exact: Mapping[BalanceKey, int]) -> Packing:
    return Packing(is_known, exact, [], {}, {}, set(), 0, 0, 0)


def is_contradictory(member: Member) -> bool:
    """Whether no balances could satisfy the member; such a one is never queued."""
    if len(member.plans) == 1 and not member.plans[0].conditions:
        return False
    return _empty(lambda _: True, {})._moved(member) is None


def pack_batch(
    members: Iterable[Member],
    token: str,
    *,
    is_known: Callable[[str], bool],
    exact: Mapping[BalanceKey, int] | None = None,
) -> tuple[CommitBatch, list[Member]]:
    """One batch of as many members as fit, in order, and those that are left over, in order.

    `is_known(account id)` tells accounts that need not be created. `exact` pins balances to a value
    that the batch must find. A member is left over too when it shares a balance or a Tx with one
    left over before it, or a Tx with an earlier member, or when its conditions, or what a new
    account is to be, contradict those of one.
    """
    packing = _empty(is_known, exact or {})
    left: list[Member] = []
    blocked: set[BalanceKey | str] = set()
    for member in members:
        touched = member.holds()
        if not blocked.isdisjoint(touched) or not packing.admits(member):
            left.append(member)
            blocked |= touched
    return _batch(packing, token), left


def _batch(packing: Packing, token: str) -> CommitBatch:
    writes: list[Write] = []
    entries: dict[int, tuple[int, int]] = {}
    chains: dict[int, int] = {}
    accounts: dict[int, str] = {}
    balances: dict[int, BalanceKey] = {}
    for member_at, member in enumerate(packing.members):
        reconciles = False
        for plan_at, plan in enumerate(member.plans):
            reconciles = reconciles or bool(plan.claims)
            entries[len(writes)] = (member_at, plan_at)
            if plan.replaces is None:
                item = plan.item.copy()
                item["a"] = token
                writes.append(Put(TableName.LEDGER, item, _ABSENT))
            else:
                writes.append(_replacing(plan.replaces, plan.item, token))
            if plan.chain is not None:
                for write in _chain_writes(plan.chain, token):
                    chains[len(writes)] = member_at
                    writes.append(write)
            for listed in plan.listed:
                writes.append(Put(TableName.BALANCES, listed))
        if reconciles:
            for write in tx_writes(member.plans):
                chains[len(writes)] = member_at
                writes.append(write)
    for account in packing.accounts.values():
        accounts[len(writes)] = account.id
        writes.append(account_write(account))
    for key, running in packing.running.items():
        balances[len(writes)] = key
        guards = (Within("v", running.low, running.high),)
        writes.append(balance_write(key, running.sum, guards, running.child))
    assert len(writes) <= TRANSACT_ITEMS_MAX
    return CommitBatch(
        token, tuple(packing.members), tuple(writes), entries, chains, accounts, balances
    )


def _replacing(old: LedgerEntry, item: Item, token: str) -> Put:
    """Puts an entry's next revision where `old` stands. The mark of this batch joins the others:
    a lost answer can still be told after further revisions."""
    return Put(TableName.LEDGER, marked(item, token), (Is("r", old.revision),))


def _chain_writes(step: ChainStep, token: str) -> list[Write]:
    """The reversed entry's next revision and the chain's head; they may be one item."""
    writes: list[Write] = []
    reversed_ = step.reversed
    if reversed_ is not None:
        item = reversed_.item
        if reversed_.entry.id == step.first_id:
            return [_replacing(reversed_.old, {**item, "h": step.head}, token)]
        writes.append(_replacing(reversed_.old, item, token))
    guards = (Is("h", step.head_before),)
    writes.append(Update(keys.entry(step.first_id), set={"h": step.head}, guards=guards))
    return writes


def tx_writes(plans: Iterable[EntryPlan]) -> list[Update]:
    """One update for each Tx: what accounts for it now, if it is still what the plans were made on.

    A Tx that was deleted, or never stood, is accounted for by nothing.
    """
    changes: dict[str, dict[str, tuple[str, str]]] = {}  # Tx -> account -> before, after
    for plan in plans:
        for claim in plan.claims:
            of_tx = changes.setdefault(claim.tx_id, {})
            before, now = of_tx.get(claim.account_id, (claim.before, claim.before))
            assert now == claim.before
            of_tx[claim.account_id] = (before, claim.after)
    return [_tx_write(tx_id, of_tx) for tx_id, of_tx in changes.items()]


def _tx_write(tx_id: str, changes: Mapping[str, tuple[str, str]]) -> Update:
    guards: list[Guard] = [Present(), Within("d", 0, 0)]
    entries: dict[str, Value] = {}
    count = 0
    for account_id, (before, after) in changes.items():
        name = claim_attribute(account_id)
        guards.append(Is(name, before) if before else IsOrAbsent(name, NO_ENTRY))
        entries[name] = after
        count += (after != NO_ENTRY) - (before != NO_ENTRY)
    adds = {"n": count, "r": 1} if count else {"r": 1}
    return Update(keys.tx(tx_id), add=adds, set=entries, guards=tuple(guards))


def balance_item_key(key: BalanceKey) -> Key:
    """Where a strong balance stands."""
    if key.scope == "own":
        return keys.strong_own(key.account_id, key.currency)
    if key.group is not None:
        group_id, path = key.group
        return keys.group_strong(group_id, path, key.account_id, key.currency)
    return keys.strong_total(key.account_id, key.currency)


def balance_write(
    key: BalanceKey, amount: int, guards: tuple[Guard, ...], child: int | None = None
) -> Update:
    """Adds `amount` to a strong balance, `child` of it on lines below the account, if any are; a
    group's also says its account's path."""
    named = {} if key.group is None else {"p": key.group.account_path}
    adds = strong_adds(amount, child)
    return Update(balance_item_key(key), add=adds, set_if_absent=named, guards=guards)


def account_write(account: LedgerAccount) -> Update:
    """Creates the account unless it stands; one that stands must hold the same currency, and be
    linked to the same External Account.
    """
    attributes: Item = account_attributes(account)
    guards = tuple([IsOrAbsent(name, attributes[name]) for name in "cx" if name in attributes])
    return Update(keys.account(account.id), set_if_absent=attributes, guards=guards)


def account_bytes(account: LedgerAccount) -> int:
    """The most bytes that the texts of a new account take; the rest of it counts as two updates."""
    chars = 3 * len(account.path)  # its path, its ik, its parent's path
    for part in (account.name, account.currency, account.currency, *(account.linked or ())):
        chars += len(part or "")
    return chars * CHAR_BYTES_MAX


def items_needed(plans: Sequence[EntryPlan]) -> int:
    """The most items that an atomic member writes: entries, chains, lists, accounts, balances,
    Txs.
    """
    if len(plans) == 1 and plans[0].chain is None and not plans[0].claims:
        plan = plans[0]  # nothing of one plan comes twice
        return 1 + len(plan.listed) + len(plan.deltas) + len(plan.accounts)
    balances: set[BalanceKey] = set()
    accounts: set[str] = set()
    txs: set[str] = set()
    count = 0
    for plan in plans:
        count += 1 + len(plan.listed)
        if plan.chain is not None:
            count += len(plan.chain.entry_ids())
        balances.update(delta.key for delta in plan.deltas)
        accounts.update(account.id for account in plan.accounts)
        txs.update(claim.tx_id for claim in plan.claims)
    return count + len(balances) + len(accounts) + len(txs)


def items_to_reverse(plan: EntryPlan) -> int:
    """The most items that reversing the plan's entry writes; 0 where that can't be."""
    if plan.entry.is_reversal:
        return 0
    txs = {claim.tx_id for claim in plan.claims}
    return 1 + REVERSING_ITEMS_MAX + len(plan.listed) + len(plan.deltas) + len(txs)
