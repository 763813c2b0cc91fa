"""Ledgers and entries for tests, put into the table without the write tier."""

from collections.abc import Iterable, Sequence
from itertools import count

from shared.ledger.accounts import LedgerAccount, parent_path
from shared.ledger.entries import Group, LedgerEntry, LedgerLine, Tag
from shared.ledger.identifiers import account_id, entry_id, ledger_id
from shared.ledger.ledgers import Ledger
from shared.limits import TRANSACT_ITEMS_MAX
from shared.store import keys
from shared.store.items import account_attributes, entry_item, ledger_item, put
from shared.store.table import Table, Transacted, Update, Write

WORKSPACE = "workspace"
NOW_MS = 1_700_000_000_000  # 2023-11-14T22:13:20Z
TYPES = {
    "assets": "asset",
    "liabilities": "liability",
    "income": "income",
    "expense": "expense",
    "expenses": "expense",
}

_tokens = count()


def ledger(ik: str = "ledger", *, utc_offset_minutes: int = 0) -> Ledger:
    """A ledger without a Schema."""
    return Ledger(
        id=ledger_id(WORKSPACE, ik, 1),
        workspace_id=WORKSPACE,
        ik=ik,
        name=ik,
        utc_offset_minutes=utc_offset_minutes,
        created_ms=NOW_MS,
        schema_key=None,
        schema_version=None,
    )


def entry(
    of: Ledger,
    ik: str,
    *lines: tuple[str, int] | tuple[str, int, str],
    posted_ms: int = NOW_MS,
    created_ms: int = NOW_MS,
    tags: Sequence[Tag] = (),
    groups: Sequence[Group] = (),
) -> LedgerEntry:
    """An entry whose lines are (path, amount) or (path, amount, currency); the type is the
    root's."""
    made = tuple(
        LedgerLine(at, line[0], TYPES[line[0].split("/")[0]], line[1], (*line, "USD")[2])
        for at, line in enumerate(lines)
    )
    return LedgerEntry(
        id=entry_id(of.id, ik, 1),
        ledger_id=of.id,
        workspace_id=of.workspace_id,
        ik=ik,
        position=1,
        posted_ms=posted_ms,
        created_ms=created_ms,
        lines=made,
        tags=tuple(tags),
        groups=tuple(groups),
    )


def account(of: Ledger, path: str) -> LedgerAccount:
    """The account at `path`, of one currency."""
    parent = parent_path(path)
    return LedgerAccount(
        id=account_id(of.id, path),
        ledger_id=of.id,
        workspace_id=of.workspace_id,
        path=path,
        ik=path,
        name=None,
        type=TYPES[path.split("/")[0]],  # type: ignore[arg-type]
        currency_mode="single",
        currency="USD",
        parent_id=None if parent is None else account_id(of.id, parent),
        parent_path=parent,
        created_ms=NOW_MS,
        linked=None,
    )


async def stand(table: Table, *things: Ledger | LedgerEntry | LedgerAccount) -> None:
    """Puts them into the `ledger` table as they are, in batches; entries replace older
    revisions."""
    writes = [_write(thing) for thing in things]
    for at in range(0, len(writes), TRANSACT_ITEMS_MAX):
        batch = writes[at : at + TRANSACT_ITEMS_MAX]
        answer = await table.transact(batch, f"stand-{next(_tokens)}")
        assert isinstance(answer, Transacted)


def _write(thing: Ledger | LedgerEntry | LedgerAccount) -> Write:
    if isinstance(thing, Ledger):
        return put(keys.ledger(thing.id), ledger_item(thing))
    if isinstance(thing, LedgerEntry):
        return put(keys.entry(thing.id), entry_item(thing, "attempt"))
    return Update(keys.account(thing.id), set=account_attributes(thing))


def paths_of(entries: Iterable[LedgerEntry]) -> set[str]:
    """Every account path that has a line."""
    return {line.account_path for each in entries for line in each.lines}
