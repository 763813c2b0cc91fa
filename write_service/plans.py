"""What planning hands to committing: entries to write, and strong balances they move."""

from dataclasses import dataclass
from typing import NamedTuple

from shared.ledger.accounts import LedgerAccount
from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.entries import Bounds, LedgerEntry
from shared.ledger.rejections import Rejection, reject
from shared.store.table import Item


@dataclass(frozen=True, slots=True)
class PlannedCondition:
    """Bounds on one strong balance before (pre) or after (post) the entry's own deltas."""

    key: BalanceKey
    is_pre: bool
    low: int
    high: int
    account_path: str
    bounds: Bounds


class PlannedDelta(NamedTuple):
    """What the entry adds to one strong balance, all its lines together; minor units."""

    key: BalanceKey
    amount: int
    account_path: str
    child: int | None  # the part of `amount` on lines below the account; None: there are none


@dataclass(frozen=True, slots=True)
class Replacement:
    """A standing entry's next revision, written in the place of `old` if that still stands."""

    old: LedgerEntry
    entry: LedgerEntry
    item: Item  # of `entry`, without the mark of the batch that writes it


@dataclass(frozen=True, slots=True)
class ChainStep:
    """What is written to the rest of the ik's reversal chain beside a new entry: its head, which
    stands on the entry at position 1, and the entry that the new one reverses."""

    first_id: str
    head_before: int
    head: int
    reversed: Replacement | None = None

    def entry_ids(self) -> list[str]:
        """Ids of the entries whose items are written; none of them is the new one."""
        ids = [self.first_id]
        if self.reversed is not None and self.reversed.entry.id != self.first_id:
            ids.append(self.reversed.entry.id)
        return ids


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """Where in its ik's chain a new entry goes. `head_before` is the head that it moves on; None
    when there is none yet, or when another plan of the member moves it."""

    position: int = 1
    head_before: int | None = None

    def step(self, first_id: str) -> ChainStep | None:
        """What the new entry writes to the rest of the chain."""
        if self.head_before is None:
            return None
        return ChainStep(first_id, self.head_before, self.position)


FIRST = ChainPlace()


@dataclass(frozen=True, slots=True)
class TxClaim:
    """What accounts for a Tx in one Ledger Account: the entry `before`, and then `after`. Empty
    means none.
    """

    tx_id: str
    account_id: str
    before: str
    after: str


class EntryPlan(NamedTuple):
    """One entry and everything that is written with it if nothing moved meanwhile.

    A new entry is put where none stands; with `replaces`, `entry` is the next revision of that one.
    """

    entry: LedgerEntry
    item: Item  # the entry's item, without the attempt's mark
    item_bytes: int  # with the items of `chain`
    deltas: tuple[PlannedDelta, ...]  # no key twice
    conditions: tuple[PlannedCondition, ...]
    accounts: tuple[LedgerAccount, ...]  # template instances that have to exist
    listed: tuple[Item, ...]  # strong lists' items, table `balances`
    replaces: LedgerEntry | None = None
    chain: ChainStep | None = None
    claims: tuple[TxClaim, ...] = ()  # no Tx and account twice

    @property
    def replays_by_ik(self) -> bool:
        """Whether it opens its ik's chain, so that a standing entry makes it a replay. An entry
        that reconciles isn't known by its ik, but by what accounts for its Txs.
        """
        return self.replaces is None and self.entry.position == 1 and not self.claims

    def custom_currencies(self) -> list[str]:
        """Keys of the custom currencies that it names: they have to exist."""
        named = [line.currency for line in self.entry.lines]
        if self.accounts:
            named += [account.currency or "" for account in self.accounts]
        return [each for each in named if each.startswith(CUSTOM_PREFIX)]


@dataclass(frozen=True, slots=True)
class Member:
    """What is committed as a whole: one entry, or the entries of one atomic batch.

    `replays` holds, by place, the entries that turned out to stand already.
    """

    plans: tuple[EntryPlan, ...]
    replays: tuple[tuple[int, LedgerEntry], ...] = ()

    def keys(self) -> set[BalanceKey]:
        """Strong balances that the member moves or asks about."""
        return {delta.key for plan in self.plans for delta in plan.deltas}

    def tx_ids(self) -> set[str]:
        """Ids of the Txs whose items the plans write."""
        return {claim.tx_id for plan in self.plans for claim in plan.claims}

    def holds(self) -> set[BalanceKey | str]:
        """What no other batch may write while this member is in one: strong balances, Txs."""
        held: set[BalanceKey | str] = {d.key for plan in self.plans for d in plan.deltas}
        for plan in self.plans:
            for claim in plan.claims:
                held.add(claim.tx_id)
        return held

    def entry_ids(self) -> list[str]:
        """Ids of the entries whose items the plans write."""
        plans = self.plans
        if len(plans) == 1 and plans[0].chain is None:
            return [plans[0].entry.id]
        ids = [plan.entry.id for plan in plans]
        for plan in plans:
            if plan.chain is not None:
                ids += plan.chain.entry_ids()
        return ids


def account_misfit(account: LedgerAccount) -> Rejection:
    """The instance stands already, with another currency or link."""
    path = account.path
    if account.linked is not None:
        return reject("linked_account_conflict", path=path)
    detail = "the account stands already with another currency"
    return reject("invalid_currency", where=path, detail=detail)


def condition_range(bounds: Bounds) -> tuple[int, int]:
    """The closed range that `bounds` allows, within Int96."""
    if bounds.eq is not None:
        return bounds.eq, bounds.eq
    low = INT96_MIN if bounds.gte is None else bounds.gte
    high = INT96_MAX if bounds.lte is None else bounds.lte
    return low, high


# --- Outcomes -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Committed:
    """Every entry of the member stands; `is_ik_replay` tells which stood before."""

    entries: tuple[tuple[LedgerEntry, bool], ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was written; the entries to blame, by place."""

    rejections: tuple[tuple[int, Rejection], ...]


@dataclass(frozen=True, slots=True)
class Conflicted:
    """Nothing was written: others kept winning. The caller may send it again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer came after all sendings; the ik tells on the next try."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Nothing was written: an entry that a plan was made on has changed since. Read it again."""


Outcome = Committed | Rejected | Conflicted | Unknown | Moved
