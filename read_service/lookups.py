"""Match inputs -> keys -> loaders -> the thing, or None when this workspace has no such thing.

    LedgerMatchInput         id · ik
    LedgerAccountMatchInput  id · path with ledger
    LedgerEntryMatchInput    id · ik with ledger: the newest entry of the ik's reversal chain
    LedgerLineMatchInput     id
    SchemaMatchInput         key · key with version

An input that names nothing is refused. One that names a thing twice (by id and by ik) finds it only
when both agree. What belongs to another workspace, or to a deleted Ledger, is not found.
"""

from collections.abc import Mapping
from typing import Any

from read_service.context import RequestContext
from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.accounts import ConsistencyConfig, LedgerAccount
from shared.ledger.chart import AccountNode
from shared.ledger.entries import LedgerEntry, PlacedLine
from shared.ledger.ledgers import Ledger, SchemaHead, SchemaVersion
from shared.ledger.rejections import reject
from shared.limits import ACCOUNT_PATH_CHARS_MAX, IK_CHARS_MAX
from shared.store import keys
from shared.store.items import (
    chain_head,
    entry_from_item,
    schema_head_from_item,
    schema_version_from_item,
)

Match = Mapping[str, Any]


class AccountStub:
    """An account by what a line, or its path, says of it; what else is asked is read then.

    `type` is None where it isn't known without a read.
    """

    __slots__ = ("_id", "ledger_id", "path", "type", "workspace_id")

    def __init__(
        self, workspace_id: str, ledger_id: str, path: str, account_type: str | None
    ) -> None:
        self.workspace_id = workspace_id
        self.ledger_id = ledger_id
        self.path = path
        self.type = account_type
        self._id: str | None = None

    @property
    def id(self) -> str:
        """Derived when it is asked for: a digest a line is what a list page would feel."""
        if self._id is None:
            self._id = identifiers.account_id(self.ledger_id, self.path)
        return self._id


Account = LedgerAccount | AccountStub


class SchemaChoice:
    """A Schema as it was asked for: `version` is the one that `Schema.version` gives by default."""

    __slots__ = ("key", "version", "workspace_id")

    def __init__(self, workspace_id: str, key: str, version: int | None = None) -> None:
        self.workspace_id = workspace_id
        self.key = key
        self.version = version


# --- Ledgers --------------------------------------------------------------------------------------
async def find_ledger(
    context: RequestContext, match: Match, where: str = "ledger"
) -> Ledger | None:
    """The live ledger that a LedgerMatchInput names."""
    ledger_id, ik = match.get("id"), match.get("ik")
    if ledger_id is None and ik is None:
        raise RejectionError(reject("invalid_match", where=where, rule="a Ledger by id or ik"))
    catalog, workspace_id = context.catalog, context.workspace_id
    if ledger_id is None:
        assert ik is not None
        if len(ik) > IK_CHARS_MAX:
            return None
        return await catalog.ledger_by_ik(workspace_id, ik)
    if not identifiers.is_id(ledger_id):
        return None
    ledger = await catalog.ledger_by_id(workspace_id, ledger_id)
    return ledger if ledger is not None and (ik is None or ledger.ik == ik) else None


async def ledger_of(context: RequestContext, ledger_id: str) -> Ledger:
    """The ledger that something found belongs to. Refused when it was deleted meanwhile."""
    ledger = await context.catalog.ledger_by_id(context.workspace_id, ledger_id)
    if ledger is None:
        raise RejectionError(reject("ledger_not_found", what=f"the id {ledger_id}"))
    return ledger


def _owner_match(match: Match, thing: str) -> Match:
    """The `ledger` member that a path or ik needs beside it."""
    owner = match.get("ledger")
    if owner is None:
        raise RejectionError(reject("ledger_required", where=f"{thing}.ledger"))
    return owner  # type: ignore[no-any-return]


# --- Accounts -------------------------------------------------------------------------------------
async def find_account(
    context: RequestContext, match: Match, where: str = "ledgerAccount"
) -> Account | None:
    """The account that a LedgerAccountMatchInput names.

    An account that this process has seen before costs no read: it goes on existing.
    """
    account_id, path = match.get("id"), match.get("path")
    if account_id is None and path is None:
        rule = "a Ledger Account by id, or by path and ledger"
        raise RejectionError(reject("invalid_match", where=where, rule=rule))
    owner = match.get("ledger")
    if account_id is None:
        owner = _owner_match(match, where)
    ledger = None
    if owner is not None:
        ledger = await find_ledger(context, owner, f"{where}.ledger")
        if ledger is None:
            return None
    if account_id is None:
        assert ledger is not None
        assert path is not None
        return await account_at(context, ledger, path)
    if not identifiers.is_id(account_id):
        return None
    account = await account_by_id(context, account_id)
    if account is None or (path is not None and account.path != path):
        return None
    if ledger is None:
        ledger = await context.catalog.ledger_by_id(context.workspace_id, account.ledger_id)
    return account if ledger is not None and account.ledger_id == ledger.id else None


async def account_at(context: RequestContext, ledger: Ledger, path: str) -> Account | None:
    """The account at an instantiated path of `ledger`, if it exists."""
    if len(path) > ACCOUNT_PATH_CHARS_MAX or "\x00" in path:
        return None
    return await account_by_id(context, identifiers.account_id(ledger.id, path))


async def account_by_id(context: RequestContext, account_id: str) -> Account | None:
    """The account with this id; no read if the process has seen it."""
    held = context.held_account(account_id)
    if held is None:
        known = context.catalog.known_account(account_id)
        if known is None:
            return await context.account(account_id)
        if known.workspace_id != context.workspace_id:
            return None
        return AccountStub(known.workspace_id, known.ledger_id, known.path, known.type)
    return held if held.workspace_id == context.workspace_id else None


async def whole_account(context: RequestContext, account: Account) -> LedgerAccount:
    """Everything about an account, as it is now."""
    if isinstance(account, LedgerAccount):
        return account
    found = await context.account(account.id)
    assert found is not None, "an account that a line names exists"
    return found


def known_account(context: RequestContext, account: Account) -> LedgerAccount | None:
    """The account if the process has seen it: right in all but its name."""
    if isinstance(account, LedgerAccount):
        return account
    held = context.held_account(account.id)
    return context.catalog.known_account(account.id) if held is None else held


async def chart_node(context: RequestContext, account: Account) -> AccountNode | None:
    """The account in the chart of its ledger's Schema; None for a ledger without one."""
    ledger = await ledger_of(context, account.ledger_id)
    schema = await context.schema_of(ledger)
    if schema is None:
        return None
    resolved = schema.chart.resolve(account.path)
    return None if isinstance(resolved, str) else resolved.node


async def consistency_of(context: RequestContext, account: Account) -> ConsistencyConfig:
    """What is kept strong for the account: the Schema says it, or, without one, the account."""
    ledger = await ledger_of(context, account.ledger_id)
    if ledger.schema_key is not None:
        node = await chart_node(context, account)
        return ConsistencyConfig() if node is None else node.consistency
    return await own_consistency(context, account)


async def own_consistency(context: RequestContext, account: Account) -> ConsistencyConfig:
    """What an account of a ledger without a Schema keeps strong; no read if the process has seen
    it: that never changes.
    """
    known = known_account(context, account)
    whole = await whole_account(context, account) if known is None else known
    return whole.consistency or ConsistencyConfig()


# --- Entries and lines ----------------------------------------------------------------------------
async def find_entry(
    context: RequestContext, match: Match, where: str = "ledgerEntry"
) -> LedgerEntry | None:
    """The entry that a LedgerEntryMatchInput names; by ik, the newest of its reversal chain."""
    entry_id, ik = match.get("id"), match.get("ik")
    if entry_id is None and ik is None:
        rule = "a Ledger Entry by id, or by ik and ledger"
        raise RejectionError(reject("invalid_match", where=where, rule=rule))
    owner = match.get("ledger")
    if entry_id is None:
        owner = _owner_match(match, where)
    ledger = None
    if owner is not None:
        ledger = await find_ledger(context, owner, f"{where}.ledger")
        if ledger is None:
            return None
    if entry_id is None:
        assert ledger is not None
        assert ik is not None
        return await newest_entry(context, ledger, ik)
    entry = await _entry_by_id(context, entry_id)
    if entry is None or (ik is not None and entry.ik != ik):
        return None
    return entry if ledger is None or entry.ledger_id == ledger.id else None


async def _entry_by_id(context: RequestContext, entry_id: str) -> LedgerEntry | None:
    """The entry of a live ledger."""
    if not identifiers.is_id(entry_id):
        return None
    entry = await context.entry(entry_id)
    if entry is None:
        return None
    ledger = await context.catalog.ledger_by_id(context.workspace_id, entry.ledger_id)
    return None if ledger is None else entry


async def _chain_length(
    context: RequestContext, ledger_id: str, ik: str
) -> tuple[int, LedgerEntry | None]:
    """How many entries the chain of `ik` has, and its first one."""
    if len(ik) > IK_CHARS_MAX or "\x00" in ik:
        return 0, None
    first_id = identifiers.entry_id(ledger_id, ik, 1)
    item = await context.items.load(keys.entry(first_id))
    return (0, None) if item is None else (chain_head(item), entry_from_item(item))


async def newest_entry(context: RequestContext, ledger: Ledger, ik: str) -> LedgerEntry | None:
    """The newest entry of the reversal chain of `ik`: one read, two once it was reversed."""
    length, first = await _chain_length(context, ledger.id, ik)
    if length <= 1:
        return first
    return await context.entry(identifiers.entry_id(ledger.id, ik, length))


async def chain_entries(
    context: RequestContext, ledger_id: str, ik: str, entries_max: int
) -> list[LedgerEntry]:
    """The entries of the chain of `ik`, newest first; at most the newest `entries_max`."""
    length, _ = await _chain_length(context, ledger_id, ik)
    oldest = max(1, length - entries_max + 1)
    positions = range(length, oldest - 1, -1)
    loading = [
        context.items.load(keys.entry(identifiers.entry_id(ledger_id, ik, position)))
        for position in positions
    ]
    entries = []
    for each in loading:
        item = await each
        assert item is not None, "a chain has no gaps"
        entries.append(entry_from_item(item))
    return entries


async def find_line(context: RequestContext, match: Match) -> PlacedLine | None:
    """The line that a LedgerLineMatchInput names, with its entry."""
    line_id = match.get("id")
    if line_id is None:
        raise RejectionError(
            reject("invalid_match", where="ledgerLine", rule="a Ledger Line by id")
        )
    parsed = identifiers.parse_line_id(line_id)
    if parsed is None:
        return None
    entry_id, index = parsed
    entry = await _entry_by_id(context, entry_id)
    if entry is None or index >= len(entry.lines):
        return None
    line = PlacedLine(entry, entry.lines[index])
    return line if line.id == line_id else None


# --- Schemas --------------------------------------------------------------------------------------
async def find_schema(context: RequestContext, match: Match) -> SchemaChoice | None:
    """The Schema that a SchemaMatchInput names; version 0 or none is the newest."""
    key, version = match.get("key"), match.get("version") or None
    if key is None:
        raise RejectionError(reject("invalid_match", where="schema", rule="a Schema by key"))
    head = await schema_head(context, key)
    if head is None or (version is not None and not 1 <= version <= head.version):
        return None
    return SchemaChoice(context.workspace_id, key, version)


async def schema_head(context: RequestContext, key: str) -> SchemaHead | None:
    """The Schema's name and newest version; None when it was deleted."""
    head = context.primed_schema(key)
    if head is not None:
        return head
    item = await context.items.load(keys.schema_head(context.workspace_id, key))
    head = None if item is None else schema_head_from_item(item)
    return None if head is None or head.state == "deleted" else head


async def schema_version(context: RequestContext, key: str, version: int) -> SchemaVersion | None:
    """One stored version."""
    held = context.primed_schema_version(key, version)
    if held is not None:
        return held
    head = await schema_head(context, key)
    if head is None:
        return None
    stored_at = keys.schema_version(context.workspace_id, key, head.generation, version)
    item = await context.items.load(stored_at)
    return None if item is None else schema_version_from_item(item)
