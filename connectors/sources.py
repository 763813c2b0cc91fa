"""PURE: what a native Link's system is asked for, whichever it is.

    Source.page ─► SourcePage: transactions, newest first ─► each with the Txs that it becomes

Pages go back in time from the newest transaction; `after` is where the next one begins. Stripe has
a source. Increase and Unit would be two more: their Links can be read, not created yet.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.ledger.links import INCREASE_LINK, UNIT_LINK

NOT_SUPPORTED = {INCREASE_LINK: "Increase", UNIT_LINK: "Unit"}


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """An account at the system, which becomes an External Account in one currency."""

    external_id: str
    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class SourceTx:
    """What becomes one Tx; `amount` in the smallest unit of the account's currency."""

    account: SourceAccount
    external_id: str
    amount: int
    description: str
    posted_ms: int


@dataclass(frozen=True, slots=True)
class SourceTransaction:
    """A transaction at the system; its Txs are written together or not at all."""

    id: str
    created_s: int
    txs: tuple[SourceTx, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A transaction that can't become Txs, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourcePage:
    """Neighbours in the system's list. `after` continues behind them, None at the end."""

    transactions: tuple[SourceTransaction, ...]
    unreadable: tuple[Refusal, ...] = ()
    after: str | None = None

    @property
    def newest_s(self) -> int | None:
        return max((each.created_s for each in self.transactions), default=None)

    @property
    def oldest_s(self) -> int | None:
        return min((each.created_s for each in self.transactions), default=None)


class CursorLost(Exception):
    """The system doesn't know the place any more from which it was to go on."""


class Source(Protocol):
    """One account's transactions, as one key shows them."""

    async def page(self, since_s: int | None, after: str | None) -> SourcePage:
        """One page of what was created at `since_s` or later, the newest first.

        Raises SourceUnavailable, SourceRefused, and CursorLost.
        """
        ...

    async def close(self) -> None:
        """Lets its connections go."""
        ...
