"""Reconciling: an entry whose lines on Linked Ledger Accounts account for Txs. Pure.

    draft_entry ─► wanted_txs ─► (they are read) ─► standing_entries ─► plan_reconciliation
                   which Tx of which            who accounts for        amounts, posted and ik
                   External Account             them already            from the Txs; claims

Each line accounts for exactly one Tx: of the External Account that its account is linked to, of the
same amount and currency. A Tx may be accounted for once in each Ledger Account.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.errors import RejectionError
from shared.ledger.accounts import external_account_of
from shared.ledger.identifiers import parse_external_account_id
from shared.ledger.links import Tx
from shared.ledger.periods import format_datetime
from shared.ledger.rejections import Rejection, reject
from shared.store.items import NO_ENTRY
from write_service.commands import AddLedgerEntry, TxMatch
from write_service.planning.entries import (
    DraftEntry,
    draft_entry,
    linked_to,
    plan_draft,
    refuse_misfit,
)
from write_service.planning.lines import DraftLine, reconcilable, refused, resolve_account
from write_service.planning.parameters import shown
from write_service.planning.view import LedgerView, ResolvedAccount
from write_service.plans import ChainPlace, EntryPlan, TxClaim


@dataclass(frozen=True, slots=True)
class WantedTx:
    """The Tx that one line accounts for: what was asked, and where it has to be."""

    account: ResolvedAccount
    external_account_id: str
    linked: tuple[str | None, str | None]  # a Link and an external id; or none, and its own id
    match: TxMatch

    def place(self) -> str:
        """The External Account, as it reads in a message."""
        link, name = self.linked
        what = f"the id {shown(name)}"
        if link is not None:
            what = f"the externalId {shown(name)} in the Link {link}"
        return f"{what}, to which {self.account.path} is linked"

    def named(self) -> str:
        """What was asked, as it reads in a message."""
        match = self.match
        parts = [f"the id {shown(match.id)}" if match.id is not None else ""]
        if match.external_id is not None:
            parts.append(f"the externalId {shown(match.external_id)}")
        return f"{' and '.join(filter(None, parts))} for {self.account.path}"


def draft_reconciliation(
    command: AddLedgerEntry, view: LedgerView, *, is_disabled_fine: bool = False
) -> DraftEntry:
    """The entry before its Txs are known. `is_disabled_fine`: to find what it may replay. Raises
    RejectionError."""
    account_at = resolve_account if is_disabled_fine else reconcilable
    draft = draft_entry(command, view, account_at, is_disabled_fine=is_disabled_fine)
    if not reconciles(draft):
        raise refused("entry_needs_add_ledger_entry")
    return draft


def reconciles(draft: DraftEntry) -> bool:
    """Whether any line goes to a Linked Ledger Account."""
    return any(line.account.node.linked_account is not None for line in draft.lines)


def wanted_txs(view: LedgerView, draft: DraftEntry) -> list[WantedTx]:
    """The Txs of the lines on linked accounts, in their order. Raises RejectionError."""
    wanted = []
    for line in _linked_lines(draft):
        if line.tx is None:
            raise refused("tx_required", path=line.account.path)
        wanted.append(_wanted_tx(view, line.account, draft.values.texts, line.tx))
    return wanted


def _linked_lines(draft: DraftEntry) -> list[DraftLine]:
    return [line for line in draft.lines if line.account.node.linked_account is not None]


def _wanted_tx(
    view: LedgerView, account: ResolvedAccount, texts: dict[str, str], match: TxMatch
) -> WantedTx:
    """Of the External Account that the account is linked to: it stands so, or will be made so."""
    known = view.known_account(account.id)
    if known is None:
        linked = linked_to(view, account, texts)
        assert linked is not None
        found = external_account_of(view.ledger.workspace_id, linked)
    else:
        refuse_misfit(view, account, texts)
        linked, found = known.linked, known.external_account_id
    if found is None or parse_external_account_id(found) is None:
        what = f"what {account.path} is linked to"
        raise refused("external_account_not_found", what=what)
    assert linked is not None
    return WantedTx(account, found, linked, match)


# --- Who accounts for them already ----------------------------------------------------------------
def standing_entry(wanted: Sequence[WantedTx], txs: Sequence[Tx]) -> str | None:
    """Id of the one entry that accounts for all of the Txs where they are wanted: what the request
    replays. None when nothing accounts for any. Raises RejectionError for everything between.
    """
    entries = [tx.entry_of(each.account.id) for each, tx in zip(wanted, txs, strict=True)]
    if len(set(entries)) == 1:
        return entries[0]
    refuse_claimed(wanted, txs)
    raise AssertionError("of several different ones at most one is none")


def refuse_claimed(
    wanted: Sequence[WantedTx], txs: Sequence[Tx], released: str | None = None
) -> None:
    """Raises RejectionError when an entry other than `released` accounts for one of the Txs."""
    for each, tx in zip(wanted, txs, strict=True):
        entry = tx.entry_of(each.account.id)
        if entry not in (None, released):
            raise refused(
                "tx_already_reconciled", tx=_shown_tx(tx), path=each.account.path, entry=entry
            )


def _shown_tx(tx: Tx) -> str:
    return f"{tx.external_id} ({tx.id})"


# --- The plan -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class EntryPlace:
    """The ik that the entry gets, and its place in that ik's chain."""

    ik: str
    place: ChainPlace


def plan_reconciliation(
    command: AddLedgerEntry,
    view: LedgerView,
    draft: DraftEntry,
    txs: Sequence[Tx],
    now_ms: int,
    to: EntryPlace,
) -> EntryPlan | Rejection:
    """What the entry would write at `now_ms`: itself and, with it, that it accounts for `txs`,
    those of its lines on linked accounts in their order, which nothing accounts for there.

    The draft is used up. Conditions on linked accounts are refused, as everywhere.
    """
    try:
        _match(draft, txs)
        _refuse_misfits(view, draft)
        whole = replace(command, ik=to.ik, posted_ms=txs[0].posted_ms)
        plan = plan_draft(whole, view, draft, now_ms, to.place)
    except RejectionError as error:
        return error.rejection
    claims = [
        TxClaim(tx.id, line.account.id, NO_ENTRY, plan.entry.id)
        for line, tx in zip(_linked_lines(draft), txs, strict=True)
    ]
    return plan._replace(claims=tuple(claims))


def _match(draft: DraftEntry, txs: Sequence[Tx]) -> None:
    """Gives each line its Tx, and its amount if it has none. Raises RejectionError."""
    first = txs[0]
    seen: set[tuple[str, str]] = set()
    for line, tx in zip(_linked_lines(draft), txs, strict=True):
        path = line.account.path
        if (tx.id, line.account.id) in seen:
            raise refused("tx_duplicate", tx=_shown_tx(tx), path=path)
        seen.add((tx.id, line.account.id))
        if line.amount is None:
            line.amount = tx.amount
        line.matched = tx
        problem = _mismatch(line, tx)
        if problem is not None:
            raise refused("tx_mismatch", path=path, tx=_shown_tx(tx), detail=problem)
        if tx.link_id != first.link_id:
            detail = f"{_shown_tx(first)} and {_shown_tx(tx)} are of different Links"
            raise refused("txs_not_together", detail=detail)
        if tx.posted_ms != first.posted_ms:
            one, other = format_datetime(first.posted_ms), format_datetime(tx.posted_ms)
            detail = f"{_shown_tx(first)} was posted at {one}, {_shown_tx(tx)} at {other}"
            raise refused("txs_not_together", detail=detail)


def _refuse_misfits(view: LedgerView, draft: DraftEntry) -> None:
    """Refuses what an instance that has come to stand since the entry was drafted contradicts: it
    isn't created any more, so no guard would tell. Raises RejectionError.
    """
    for line in draft.lines:
        known = view.known_account(line.account.id)
        if known is None:
            continue
        path = line.account.path
        if line.matched is not None and line.matched.account_id != known.external_account_id:
            raise refused("linked_account_conflict", path=path)
        if known.currency not in (None, line.currency):
            detail = f"the account holds {known.currency}, the line is in {line.currency}"
            raise refused("invalid_currency", where=path, detail=detail)


def _mismatch(line: DraftLine, tx: Tx) -> str | None:
    if line.currency != tx.currency:
        return f"it is in {line.currency}, the Tx in {tx.currency}"
    if line.amount != tx.amount:
        return f"its amount is {line.amount}, the Tx's {tx.amount}"
    return None


def match_problem(wanted: WantedTx, tx: Tx) -> Rejection | None:
    """Why the Tx that was found isn't the one that was asked for."""
    match = wanted.match
    if tx.is_deleted:
        return reject("tx_deleted", tx=_shown_tx(tx))
    path = wanted.account.path
    named = (
        ("Tx", match.id, tx.id),
        ("Tx", match.external_id, tx.external_id),
        ("External Account", match.account_id, tx.account_id),
        ("External Account", match.account_external_id, tx.account_external_id),
        ("Link", match.link_id, tx.link_id),
    )
    if tx.account_id != wanted.external_account_id:
        detail = f"it is of the External Account {tx.account_id}, to which {path} isn't linked"
        return reject("tx_mismatch", path=path, tx=_shown_tx(tx), detail=detail)
    for what, asked, found in named:
        if asked not in (None, found):
            detail = f"beside it the line names another {what}"
            return reject("tx_mismatch", path=path, tx=_shown_tx(tx), detail=detail)
    return None
