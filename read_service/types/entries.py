"""Ledger Entries. A source is a LedgerEntry, whole: lines, tags, groups, conditions are its own."""

from read_service import lists
from read_service.context import RequestContext
from read_service.groups import EntryGroup
from read_service.lookups import AccountStub, Match, chain_entries, find_entry, ledger_of
from read_service.types.fields import Fields, Info
from shared.errors import RejectionError
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import Bounds, EntryCondition, LedgerEntry, PlacedLine
from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import Ledger
from shared.ledger.periods import day_of
from shared.ledger.rejections import reject
from shared.limits import REVERSAL_HISTORY_ENTRIES_MAX


# The arguments' names are the API's.
async def resolve_ledger_entry(
    _: object,
    info: Info,
    ledgerEntry: Match,  # noqa: N803
) -> LedgerEntry | None:
    """Query.ledgerEntry."""
    return await find_entry(info.context, ledgerEntry)


async def resolve_ledger_entry_history(
    _: object,
    info: Info,
    ledgerEntry: Match,  # noqa: N803
) -> lists.Page:
    """Query.ledgerEntryHistory: every entry of the ik, newest first. An unknown one is refused."""
    entry = await find_entry(info.context, ledgerEntry)
    if entry is None:
        what = ", ".join(
            [f"the {name} {ledgerEntry[name]}" for name in ("id", "ik") if name in ledgerEntry]
        )
        raise RejectionError(reject("ledger_entry_not_found", what=what))
    return await _reversal_history(entry, info)


async def _reversal_history(entry: LedgerEntry, info: Info) -> lists.Page:
    context: RequestContext = info.context
    entries = await chain_entries(context, entry.ledger_id, entry.ik, REVERSAL_HISTORY_ENTRIES_MAX)
    context.count_nodes(len(entries))
    return lists.whole(entries)


def _lines(entry: LedgerEntry, info: Info) -> lists.Page:
    info.context.count_nodes(len(entry.lines))
    return lists.Page([PlacedLine(entry, line) for line in entry.lines], lists.WHOLE)


def _groups(entry: LedgerEntry, _: Info) -> list[EntryGroup]:
    return [EntryGroup(entry.workspace_id, entry.ledger_id, *group) for group in entry.groups]


def _date(entry: LedgerEntry, _: Info) -> int:
    return day_of(entry.posted_ms)


def _reversal_position(entry: LedgerEntry, _: Info) -> int:
    return entry.position


async def _ledger(entry: LedgerEntry, info: Info) -> Ledger:
    return await ledger_of(info.context, entry.ledger_id)


async def _reverses(entry: LedgerEntry, info: Info) -> LedgerEntry | None:
    if entry.reverses is None:
        return None
    context: RequestContext = info.context
    return await context.entry(entry.reverses)


async def _reversed_by(entry: LedgerEntry, info: Info) -> LedgerEntry | None:
    if entry.reversed_by is None:
        return None
    context: RequestContext = info.context
    return await context.entry(entry.reversed_by)


def _dashboard_url(entry: LedgerEntry, info: Info) -> str:
    url: str = info.context.dashboard_url("ledgers", entry.ledger_id, "entries", entry.id)
    return url


# --- Conditions -----------------------------------------------------------------------------------
class ConditionSource:
    """All that an entry asks of one account in one currency; what it doesn't ask is None."""

    __slots__ = ("currency", "entry", "path", "postcondition", "precondition")

    def __init__(self, entry: LedgerEntry, condition: EntryCondition) -> None:
        self.entry = entry
        self.path = condition.account_path
        self.currency = condition.currency
        self.precondition: dict[str, Bounds] | None = None
        self.postcondition: dict[str, Bounds] | None = None

    def take(self, condition: EntryCondition) -> bool:
        """Adds the condition where its place is free; says whether it was."""
        name = "precondition" if condition.when == "pre" else "postcondition"
        held: dict[str, Bounds] | None = getattr(self, name)
        scope = f"{condition.scope}Balance"
        if held is not None and scope in held:
            return False
        setattr(self, name, {"ownBalance": None, "totalBalance": None, **(held or {})})
        getattr(self, name)[scope] = condition.bounds
        return True


def _conditions(entry: LedgerEntry, _: Info) -> list[ConditionSource]:
    """The entry's conditions, those on one account and currency together."""
    sources: list[ConditionSource] = []
    for condition in entry.conditions:
        for source in sources:
            is_same = (source.path, source.currency) == (condition.account_path, condition.currency)
            if is_same and source.take(condition):
                break
        else:
            source = ConditionSource(entry, condition)
            source.take(condition)
            sources.append(source)
    return sources


async def _condition_account(source: ConditionSource, info: Info) -> AccountStub | LedgerAccount:
    """The account. An ancestor, whose total is judged, may have no line that says its type."""
    entry = source.entry
    for line in entry.lines:
        if line.account_path == source.path:
            workspace_id, ledger_id = entry.workspace_id, entry.ledger_id
            return AccountStub(workspace_id, ledger_id, source.path, line.account_type)
    context: RequestContext = info.context
    account = await context.account(account_id(entry.ledger_id, source.path))
    assert account is not None, "an account that a condition names exists"
    return account


# --- Tags: pairs of key and value -----------------------------------------------------------------
def tag_key(tag: tuple[str, str], _: Info) -> str:
    return tag[0]


def tag_value(tag: tuple[str, str], _: Info) -> str:
    return tag[1]


FIELDS: Fields = {
    "Query": {
        "ledgerEntry": resolve_ledger_entry,
        "ledgerEntryHistory": resolve_ledger_entry_history,
    },
    "LedgerEntry": {
        "conditions": _conditions,
        "dashboardUrl": _dashboard_url,
        "date": _date,
        "groups": _groups,
        "ledger": _ledger,
        "lines": _lines,
        "reversalHistory": _reversal_history,
        "reversalPosition": _reversal_position,
        "reversedBy": _reversed_by,
        "reverses": _reverses,
    },
    "LedgerEntryCondition": {"account": _condition_account},
    "LedgerEntryTag": {"key": tag_key, "value": tag_value},
    "LedgerLineTag": {"key": tag_key, "value": tag_value},
}
