"""Posted windows of clearing accounts, and the marks that have their documents refreshed.

The projector widens the windows of a read before it adds the read's sums: a window only grows, so
one that a dead process has widened too early, or that is widened twice, is right all the same. The
marks are written with the sums, behind them in the order of a read: a mark tells of nothing that
isn't there yet.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from shared.errors import StoreTimeout, StoreUnavailable
from shared.ledger.clearing import PostedWindow, posted_windows, touched_paths
from shared.ledger.entries import LedgerEntry
from shared.limits import STORE_BACKOFF_MS, WINDOWS_AT_ONCE, WINDOWS_CACHED_MAX
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import posted_window_from_item, posted_window_item
from shared.store.table import Absent, GuardFailed, Is, Item, Put, Table, TableName

WIDEN_ATTEMPTS_MAX = 20

Held = tuple[PostedWindow, int] | None  # a window and its item's revision; None: there is none


class WindowBook:
    """Widens windows; remembers those that it has seen, so that most cost nothing or one write."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: dict[str, tuple[PostedWindow, int]] = {}
        self._epochs: dict[str, int] = {}

    def follow(self, shard_id: str, epoch: int) -> None:
        """Forgets everything when a shard was in other hands: a recount may have narrowed one."""
        if self._epochs.get(shard_id) != epoch:
            self._epochs[shard_id] = epoch
            self._known.clear()

    async def widen(self, windows: Mapping[str, PostedWindow]) -> None:
        """Makes the stored windows cover `windows` (by account id). May be repeated.

        Raises StoreUnavailable or StoreTimeout.
        """
        due = [each for each in windows.items() if not self._covers(*each)]
        for at in range(0, len(due), WINDOWS_AT_ONCE):
            some = due[at : at + WINDOWS_AT_ONCE]
            widening = [self._widen(account, window) for account, window in some]
            for answer in await asyncio.gather(*widening, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer

    def _covers(self, account: str, window: PostedWindow) -> bool:
        known = self._known.get(account)
        return known is not None and known[0].covers(window)

    async def _widen(self, account: str, window: PostedWindow) -> None:
        held: Held = self._known.get(account)
        for attempt in range(WIDEN_ATTEMPTS_MAX):
            if attempt > 1:
                await asyncio.sleep(STORE_BACKOFF_MS * attempt / 1_000)
            if held is not None and held[0].covers(window):
                self._remember(account, held)
                return
            try:
                held = await self._try(account, held, window)
            except StoreTimeout:
                key = keys.posted_window(account)
                held = _held(await self._table.get(key, consistent=True))
        raise StoreUnavailable(f"the posted window of {account} changes all the time")

    async def _try(self, account: str, held: Held, window: PostedWindow) -> Held:
        """Widens the window if it stands as `held`; gives what stands then."""
        if held is None:
            new = (window, 1)
            answer = await self._table.write(window_put(account, None, window))
        else:
            wider = held[0].including(window)
            new = (wider, held[1] + 1)
            answer = await self._table.write(window_put(account, held, wider))
        return _held(answer.old) if isinstance(answer, GuardFailed) else new

    def _remember(self, account: str, held: tuple[PostedWindow, int]) -> None:
        self._known.pop(account, None)
        if len(self._known) >= WINDOWS_CACHED_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[account] = held


async def posted_windows_of(
    entries: Sequence[LedgerEntry], catalog: Catalog
) -> dict[str, PostedWindow]:
    """The windows of `entries` alone, by id of the clearing accounts that they touch."""
    clearing = {
        ledger_id: await catalog.clearing_among(ledger_id, paths)
        for ledger_id, paths in touched_paths(entries).items()
    }
    return posted_windows(entries, clearing)


def _held(item: Item | None) -> Held:
    return None if item is None else posted_window_from_item(item)


def window_put(account: str, held: Held, window: PostedWindow) -> Put:
    """The write that replaces `held`, if that still stands, by `window`."""
    if held is None:
        return Put(TableName.BALANCES, posted_window_item(account, window, 1), (Absent(),))
    item = posted_window_item(account, window, held[1] + 1)
    return Put(TableName.BALANCES, item, (Is("r", held[1]),))


def mark_puts(accounts: Iterable[str], cause: str) -> list[Put]:
    """Marks for the documents of `accounts`, by their order.

    `cause` never comes twice for an account: whoever refreshes removes the mark that he has seen,
    not one that was set again meanwhile.
    """
    puts = []
    for account in sorted(set(accounts)):
        key = keys.clearing_mark(account)
        puts.append(Put(TableName.BALANCES, {"pk": key.pk, "sk": key.sk, "v": cause}))
    return puts


async def put_marks(table: Table, accounts: Iterable[str], cause: str) -> None:
    """Marks `accounts` outside of a transaction. May be repeated."""
    puts = mark_puts(accounts, cause)
    for at in range(0, len(puts), WINDOWS_AT_ONCE):
        writing = [table.write(put) for put in puts[at : at + WINDOWS_AT_ONCE]]
        for answer in await asyncio.gather(*writing, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer


async def with_windows(table: Table, accounts: Iterable[str]) -> list[str]:
    """Those of `accounts` that have a window: whose documents show what moves with postings."""
    ids = sorted(set(accounts))
    found = await table.get_many([keys.posted_window(each) for each in ids], consistent=True)
    return [each for each, item in zip(ids, found, strict=True) if item is not None]
