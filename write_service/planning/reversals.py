"""plan_reversal: an entry -> the one that undoes it, with everything that is written beside it.
Pure.

    position n    the entry, as it stands        ─► its next revision: reversedBy, reversedAt
    position n+1  the reversing entry, opposite lines, the same moment, tags and groups
    Txs           what the entry accounted for is free again
    position 1    the chain's head: n+1, or further when more is posted in the same transaction

Conditions are about what may be posted; taking something back is not asked for them. What would
carry a strong balance out of Int96 is refused all the same.
"""

from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import account_id
from shared.ledger.rejections import Rejection
from shared.store.items import NO_ENTRY, entry_item, item_bytes, revised_item
from shared.store.table import Item
from write_service.planning.entries import (
    ATTEMPT_BYTES,
    group_deltas,
    strong_deltas,
    strong_list_items,
)
from write_service.planning.lines import DraftLine, resolve_account
from write_service.planning.view import LedgerView
from write_service.plans import ChainStep, EntryPlan, Replacement, TxClaim

_NO_DESCRIPTION = "Reversal"


def plan_reversal(
    entry: LedgerEntry, standing: Item, view: LedgerView, now_ms: int, *, head: int | None = None
) -> EntryPlan | Rejection:
    """What reversing `entry`, whose item is `standing`, would write at `now_ms`.

    The entry is the newest of its chain and neither reversed nor reversing. `head` is where the
    chain ends after the transaction: at the reversing entry when None.
    """
    assert not entry.hidden
    reversing = _reversing(entry, now_ms)
    try:
        drafts = _opposite(view, reversing)
        deltas = strong_deltas(drafts)
        if reversing.groups:
            deltas += group_deltas(view, reversing, reversing.groups)
    except RejectionError as error:
        return error.rejection
    reversed_ = entry._replace(
        reversed_by=reversing.id, reversed_at_ms=now_ms, revision=entry.revision + 1
    )
    replacement = Replacement(entry, reversed_, revised_item(reversed_, standing))
    item = entry_item(reversing, "")
    return EntryPlan(
        entry=reversing,
        item=item,
        item_bytes=item_bytes(item) + item_bytes(replacement.item) + 2 * ATTEMPT_BYTES,
        deltas=deltas,
        conditions=(),
        accounts=(),
        listed=strong_list_items(view, reversing, drafts),
        chain=ChainStep(
            first_id=identifiers.entry_id(entry.ledger_id, entry.ik, 1),
            head_before=entry.position,
            head=reversing.position if head is None else head,
            reversed=replacement,
        ),
        claims=_releases(entry),
    )


def _reversing(entry: LedgerEntry, now_ms: int) -> LedgerEntry:
    position = entry.position + 1
    text = entry.description
    return entry._replace(
        id=identifiers.entry_id(entry.ledger_id, entry.ik, position),
        position=position,
        created_ms=now_ms,
        lines=tuple([_opposite_line(line) for line in entry.lines]),
        description=f"{_NO_DESCRIPTION} of: {text}" if text else _NO_DESCRIPTION,
        conditions=(),
        reverses=entry.id,
        updates=0,
        revision=1,
    )


def _opposite_line(line: LedgerLine) -> LedgerLine:
    """It accounts for no Tx: that of the line is free again."""
    return line._replace(amount=-line.amount, tx_id=None, tx_external_id=None)


def _releases(entry: LedgerEntry) -> tuple[TxClaim, ...]:
    """Gives back the Txs that the entry accounts for."""
    return tuple(
        [
            TxClaim(line.tx_id, account_id(entry.ledger_id, line.account_path), entry.id, NO_ENTRY)
            for line in entry.lines
            if line.tx_id is not None
        ]
    )


def _opposite(view: LedgerView, reversing: LedgerEntry) -> list[DraftLine]:
    """The reversing entry's lines on the chart as it is now: an account may be disabled by now."""
    return [
        DraftLine(
            account=resolve_account(view, line.account_path),
            amount=line.amount,
            currency=line.currency,
            key=line.key,
            description=line.description,
            tags=line.tags,
        )
        for line in reversing.lines
    ]
