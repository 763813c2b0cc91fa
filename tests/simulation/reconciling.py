"""The part of the simulation that reconciles: several clients account for the same Txs at once,
through every process, while others sync and delete them and entries are reversed and migrated.
And what must hold of what they were told.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.errors import Overloaded, StoreError
from shared.ledger.entries import LedgerEntry
from tests.linked_books import TYPES, command_of, reconcile_body
from write_service.plans import Committed, Rejected
from write_service.posting import WriteServices
from write_service.reconciling import reconcile

if TYPE_CHECKING:
    from tests.simulation.world import World

RECONCILERS = 4
TURNS = 10
NUMBERS = 12  # of the Txs that are reconciled: few, so that clients meet
LOST = (asyncio.CancelledError, StoreError, Overloaded)
REFUSALS = frozenset(
    {"external_account_not_found", "tx_not_found", "tx_deleted", "tx_already_reconciled"}
)


@dataclass(slots=True)
class Reconciliation:
    """What one client asked for, and what it knows of its fate."""

    body: dict[str, Any]
    fate: str = "unknown"  # acknowledged, refused, unknown
    answers: list[LedgerEntry] = field(default_factory=list)
    is_replay: bool = False

    async def ask(self, services: WriteServices) -> None:
        """Sends it once."""
        outcome = await reconcile(services, command_of(self.body))
        if isinstance(outcome, Committed):
            ((entry, self.is_replay),) = outcome.entries
            self.fate, self.answers = "acknowledged", [entry]
        elif isinstance(outcome, Rejected):
            ((_, refusal),) = outcome.rejections
            assert refusal.code in REFUSALS, refusal
            self.fate = "refused"


class Reconcilers:
    """Clients that reconcile, and remember what they were answered."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rng = world._rng()

    async def run(self) -> None:
        await asyncio.gather(*[self._client() for _ in range(RECONCILERS)])

    async def _client(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(self.rng.random())
            asked = self._next()
            if self.rng.random() < 0.5:
                # Sent again it may come behind a reversal: another entry, with a fate of its own.
                again = self._note(asked.body)
                rivals = (asked, self._next(asked), again)
                await asyncio.gather(*[self._send(each) for each in rivals])
            else:
                await self._send(asked)

    def _next(self, rival_of: Reconciliation | None = None) -> Reconciliation:
        rng = self.rng
        number = rng.randrange(NUMBERS)
        if rival_of is not None:
            number = int(rival_of.body["parameters"]["tx"][1:])
        return self._note(reconcile_body(rng.choice(TYPES), number, rng.choice("xyz")))

    def _note(self, body: dict[str, Any]) -> Reconciliation:
        made = Reconciliation(body)
        self.world.reconciliations.append(made)
        return made

    async def _send(self, asked: Reconciliation) -> None:
        process = self.rng.choice(self.world.writers)
        try:
            await process.call(asked.ask(process.services))
        except LOST:
            self.world.faults["reconcile lost"] += 1


def audit_reconciliations(world: "World") -> list[str]:
    """Every answered entry stands; each was told to be new once. That each Tx is accounted for by
    exactly its entries is the auditors' to judge.
    """
    wrong: list[str] = []
    standing = world.entries()
    new = Counter[str]()
    for asked in world.reconciliations:
        for entry in asked.answers:
            new[entry.id] += not asked.is_replay
            found = standing.get(entry.id)
            if found is None or found.lines != entry.lines:
                wrong.append(f"{entry.ik} was answered as {entry.id} and stands otherwise")
    wrong += [
        f"{each} was told to be new {times} times" for each, times in new.items() if times > 1
    ]
    return wrong
