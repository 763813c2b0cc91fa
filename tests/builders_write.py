"""Plans for tests of packing, settling and committing: small, with the strong balances they are
told."""

from shared.ledger.balances import BalanceKey
from shared.ledger.entries import Bounds, LedgerEntry, LedgerLine
from shared.ledger.identifiers import entry_id
from shared.store.items import entry_item, item_bytes
from write_service.plans import (
    EntryPlan,
    Member,
    PlannedCondition,
    PlannedDelta,
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
        deltas=tuple([PlannedDelta(key, amount, "path", 0) for key, amount in deltas.items()]),
        conditions=tuple(
            [
                PlannedCondition(key, is_pre, *condition_range(bounds), "path", bounds)
                for key, is_pre, bounds in conditions or []
            ]
        ),
        accounts=(),
        listed=(),
    )


def member(*plans: EntryPlan) -> Member:
    """What is committed as a whole."""
    return Member(plans)


def nothing_known(_: str) -> bool:
    """No account is known to stand."""
    return False
