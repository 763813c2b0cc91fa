"""What the simulation's clients change of what they know: updates, reversals, migrations."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from shared.errors import RejectionError
from shared.ledger.entries import Group, LedgerEntry
from tests.linked_books import TYPES, reconcile_body
from tests.write_rig import WORKSPACE
from write_service.chains import entry_by_id
from write_service.commands import EntryMatch, LedgerMatch, UpdateLedgerEntry
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.plans import Rejected
from write_service.posting import WriteServices
from write_service.revising import (
    Migrated,
    Refused,
    Reversed,
    migrate_entry,
    reverse_entry,
    update_entry,
)

KINDS = ("update", "update", "reverse", "reverse", "migrate")
NEWEST = 8  # entries that changes mostly go to, so that they meet


@dataclass(slots=True)
class Change:
    """What one client asked to be changed, and what it knows of its fate."""

    kind: str  # update, reverse, migrate
    entry_id: str
    label: str  # the tag that an update puts on the entry
    body: dict[str, Any]  # of the entry that a migration posts
    groups: tuple[Group, ...]  # that an update has the entry join
    fate: str = "unknown"  # acknowledged, refused, unknown
    answers: list[LedgerEntry] = field(default_factory=list)

    @property
    def takes_over(self) -> bool:
        """Whether it is a migration whose new entry accounts for a Tx of the old one."""
        if self.kind != "migrate" or len(self.answers) < 3:
            return False
        old, _, new = self.answers
        return not set(_txs(old)).isdisjoint(_txs(new))


def _txs(entry: LedgerEntry) -> list[str]:
    return [line.tx_external_id for line in entry.lines if line.tx_external_id is not None]


def make_change(rng: Random, known: list[LedgerEntry], label: str, body: dict[str, Any]) -> Change:
    """A change of one of the entries that clients know of."""
    entry = rng.choice(known[-NEWEST:] if rng.random() < 0.7 else known)
    group = (rng.choice(["order", "batch", "later"]), str(rng.randrange(3)))
    groups = (group,) if rng.random() < 0.5 else ()
    txs = _txs(entry)
    if txs and rng.random() < 0.8:  # a migration may take its Txs over
        number = int(rng.choice(txs)[1:])
        body = reconcile_body(rng.choice(TYPES), number, rng.choice("xyz"))
    return Change(rng.choice(KINDS), entry.id, label, body, groups)


async def ask_change(services: WriteServices, change: Change) -> None:
    """Asks for the change, and notes what is known of it then."""
    outcome: LedgerEntry | Reversed | Migrated | Refused
    try:
        outcome = await _outcome(services, change)
    except RejectionError:
        outcome = Rejected(())
    if isinstance(outcome, LedgerEntry):
        change.answers = [outcome]
    elif isinstance(outcome, Reversed):
        change.answers = [outcome.reversed, outcome.reversing]
    elif isinstance(outcome, Migrated):
        change.answers = [outcome.reversal.reversed, outcome.reversal.reversing, outcome.new]
    elif isinstance(outcome, Rejected) and not change.answers:
        change.fate = "refused"
    if change.answers:
        change.fate = "acknowledged"


async def _outcome(
    services: WriteServices, change: Change
) -> LedgerEntry | Reversed | Migrated | Refused:
    if change.kind == "update":
        match = EntryMatch(change.entry_id, None, None)
        tags = ((change.label, "1"),)
        command = UpdateLedgerEntry(WORKSPACE, match, tags, (), change.groups, ())
        return await update_entry(services, command)
    if change.kind == "reverse":
        return await reverse_entry(services, WORKSPACE, change.entry_id)
    _, standing = await entry_by_id(services.table, services.prefetcher, WORKSPACE, change.entry_id)
    entry = LedgerEntryInput.model_validate(change.body)
    asked = add_ledger_entry(WORKSPACE, standing.entry.ik, entry)
    own = LedgerMatch(id=standing.entry.ledger_id)
    return await migrate_entry(services, standing, replace(asked, ledger=own))
