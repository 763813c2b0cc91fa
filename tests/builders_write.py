"""Plans for tests of packing, settling and committing: small, with the strong balances they are
told."""

from shared.ledger.balances import BalanceKey
from shared.ledger.entries import Bounds, LedgerEntry, LedgerLine
from shared.ledger.identifiers import entry_id
from shared.store.items import entry_item, item_bytes, revised_item
from shared.store.table import Item
from write_service.plans import (
    ChainStep,
    EntryPlan,
    Member,
    PlannedCondition,
    PlannedDelta,
    Replacement,
    condition_range,
)

A = BalanceKey("a" * 32, "USD", "own")
B = BalanceKey("b" * 32, "USD", "own")
C = BalanceKey("c" * 32, "USD", "total")

Asked = tuple[BalanceKey, bool, Bounds]  # balance, is it a precondition, bounds


def planned(
    ik: str, deltas: dict[BalanceKey, int], conditions: list[Asked] | None = None
) -> EntryPlan:
    """One entry of one line that moves the strong balances as told."""
    line = LedgerLine(0, "assets/bank", "asset", 1, "USD")
    ledger = "1" * 32
    entry = LedgerEntry(entry_id(ledger, ik, 1), ledger, "w", ik, 1, 0, 0, (line,))
    item = entry_item(entry, "")
    return EntryPlan(
        entry=entry,
        item=item,
        item_bytes=item_bytes(item),
        deltas=tuple([PlannedDelta(key, amount, "path", None) for key, amount in deltas.items()]),
        conditions=tuple(
            [
                PlannedCondition(key, is_pre, *condition_range(bounds), "path", bounds)
                for key, is_pre, bounds in conditions or []
            ]
        ),
        accounts=(),
        listed=(),
    )


def updating(entry: LedgerEntry, standing: Item, value: str) -> EntryPlan:
    """The next revision of a standing entry, with one more tag."""
    newer = entry._replace(tags=(*entry.tags, ("k", value)), revision=entry.revision + 1)
    item = revised_item(newer, standing)
    return EntryPlan(newer, item, item_bytes(item), (), (), (), (), replaces=entry)


def reversing(
    entry: LedgerEntry, standing: Item, deltas: dict[BalanceKey, int] | None = None
) -> EntryPlan:
    """The reversal of a standing entry that moves the strong balances as told."""
    position = entry.position + 1
    made_id = entry_id(entry.ledger_id, entry.ik, position)
    made = entry._replace(id=made_id, position=position, reverses=entry.id, revision=1)
    before = entry._replace(reversed_by=made_id, reversed_at_ms=0, revision=entry.revision + 1)
    item = entry_item(made, "")
    return EntryPlan(
        made,
        item,
        2 * item_bytes(item),
        tuple([PlannedDelta(key, amount, "path", None) for key, amount in (deltas or {}).items()]),
        (),
        (),
        (),
        chain=ChainStep(
            entry_id(entry.ledger_id, entry.ik, 1),
            entry.position,
            position,
            Replacement(entry, before, revised_item(before, standing)),
        ),
    )


def member(*plans: EntryPlan) -> Member:
    """What is committed as a whole."""
    return Member(plans)


def nothing_known(_: str) -> bool:
    """No account is known to stand."""
    return False
