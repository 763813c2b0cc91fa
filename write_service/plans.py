"""What planning hands to committing: entries to write, and strong balances they move."""

from dataclasses import dataclass

from shared.ledger.accounts import LedgerAccount
from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.entries import Bounds, LedgerEntry
from shared.ledger.rejections import Rejection
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


@dataclass(frozen=True, slots=True)
class PlannedDelta:
    """What the entry adds to one strong balance, all its lines together; minor units."""

    key: BalanceKey
    amount: int
    account_path: str
    child: int  # the part of `amount` on lines below the account; 0 for an own balance


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """One entry and everything that is written with it if nothing moved meanwhile."""

    entry: LedgerEntry
    item: Item  # the entry's item, without the attempt's mark
    item_bytes: int
    deltas: tuple[PlannedDelta, ...]  # no key twice
    conditions: tuple[PlannedCondition, ...]
    accounts: tuple[LedgerAccount, ...]  # template instances that have to exist
    listed: tuple[Item, ...]  # strong lists' items, table `balances`

    def custom_currencies(self) -> list[str]:
        """Keys of the custom currencies that it names: they have to exist."""
        named = [line.currency for line in self.entry.lines]
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


Outcome = Committed | Rejected | Conflicted | Unknown
