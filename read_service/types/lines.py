"""Ledger Lines. A source is a PlacedLine: the line with its entry, so almost nothing is read."""

from collections.abc import Awaitable

from read_service.context import RequestContext
from read_service.links import tx_by_id
from read_service.lookups import AccountStub, Match, find_line, ledger_of
from read_service.types.fields import Fields, Info
from shared.ledger.accounts import line_side
from shared.ledger.entries import LedgerEntry, PlacedLine
from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import Ledger
from shared.ledger.links import Tx
from shared.ledger.periods import day_of


# The argument's name is the API's.
async def resolve_ledger_line(
    _: object,
    info: Info,
    ledgerLine: Match,  # noqa: N803
) -> PlacedLine | None:
    """Query.ledgerLine."""
    return await find_line(info.context, ledgerLine)


def _account(placed: PlacedLine, _: Info) -> AccountStub:
    entry, line = placed.entry, placed.line
    return AccountStub(entry.workspace_id, entry.ledger_id, line.account_path, line.account_type)


def _account_id(placed: PlacedLine, _: Info) -> str:
    return account_id(placed.entry.ledger_id, placed.line.account_path)


def _amount(placed: PlacedLine, _: Info, absolute: bool = False) -> int:
    amount = placed.line.amount
    return abs(amount) if absolute else amount


def _description(placed: PlacedLine, _: Info) -> str | None:
    """The entry's description serves lines without one of their own."""
    own = placed.line.description
    return placed.entry.description if own is None else own


def _type(placed: PlacedLine, _: Info) -> str:
    return line_side(placed.line.account_type, placed.line.amount)


async def _ledger(placed: PlacedLine, info: Info) -> Ledger:
    return await ledger_of(info.context, placed.entry.ledger_id)


def _ledger_entry(placed: PlacedLine, _: Info) -> LedgerEntry:
    return placed.entry


def _date(placed: PlacedLine, _: Info) -> int:
    return day_of(placed.entry.posted_ms)


async def _counterpart(placed: PlacedLine, info: Info, entry_id: str | None) -> PlacedLine | None:
    """The line at the same place of the entry that reverses this one, or is reversed by it."""
    if entry_id is None:
        return None
    context: RequestContext = info.context
    entry = await context.entry(entry_id)
    assert entry is not None
    assert len(entry.lines) == len(placed.entry.lines)
    return PlacedLine(entry, entry.lines[placed.line.place])


async def _reverses(placed: PlacedLine, info: Info) -> PlacedLine | None:
    return await _counterpart(placed, info, placed.entry.reverses)


async def _reversed_by(placed: PlacedLine, info: Info) -> PlacedLine | None:
    return await _counterpart(placed, info, placed.entry.reversed_by)


def _tx(placed: PlacedLine, info: Info) -> Awaitable[Tx | None] | None:
    """The line's Tx as it is now: all of a tick are one read; null for a line without one."""
    tx_id = placed.line.tx_id
    return None if tx_id is None else tx_by_id(info.context, tx_id)


def _nothing(_placed: PlacedLine, _: Info) -> None:
    return None


# A payment that created the Tx, and the Tx at the other end of a transfer, are a bank's to know.
_TRANSFER_FIELDS = (
    "externalTransferId",
    "externalTransferType",
    "otherTxExternalAccountExternalId",
    "otherTxExternalAccountId",
    "otherTxExternalId",
    "otherTxId",
)

FIELDS: Fields = {
    "Query": {"ledgerLine": resolve_ledger_line},
    "LedgerLine": {
        **dict.fromkeys(_TRANSFER_FIELDS, _nothing),
        "account": _account,
        "accountId": _account_id,
        "amount": _amount,
        "created": lambda placed, _: placed.entry.created_ms,
        "currency": lambda placed, _: placed.line.currency,
        "date": _date,
        "description": _description,
        "externalTxId": lambda placed, _: placed.line.tx_external_id,
        "hidden": lambda placed, _: placed.entry.hidden,
        "isReversal": lambda placed, _: placed.entry.is_reversal,
        "isReversed": lambda placed, _: placed.entry.is_reversed,
        "key": lambda placed, _: placed.line.key,
        "ledger": _ledger,
        "ledgerEntry": _ledger_entry,
        "ledgerEntryId": lambda placed, _: placed.entry.id,
        "ledgerId": lambda placed, _: placed.entry.ledger_id,
        "posted": lambda placed, _: placed.entry.posted_ms,
        "reversedAt": lambda placed, _: placed.entry.reversed_at_ms,
        "reversedBy": _reversed_by,
        "reverses": _reverses,
        "tags": lambda placed, _: placed.line.tags,
        "tx": _tx,
        "txId": lambda placed, _: placed.line.tx_id,
        "type": _type,
        "workspaceId": lambda placed, _: placed.entry.workspace_id,
    },
}
