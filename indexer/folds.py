"""Keeps the heads of balance histories small: their older hours are folded into months' items.

Which heads are due isn't looked up: each account has its hours of folding, one in FOLD_EVERY_HOURS,
by its id. A head that gets sums for such an hour is read, once, when the follower has nothing
better to do, and folded if it holds enough (see history.py). So nothing is remembered over a
restart, and heads that are never touched again are never read.
"""

from collections.abc import Iterable
from hashlib import blake2b

from shared.errors import StoreError
from shared.ledger.history import fold, hour_of, is_hour
from shared.store import keys
from shared.store.table import Is, Key, Put, Table, TableName, Transacted, Update

FOLD_EVERY_HOURS = 17  # has no factor in common with a day or a week
FOLDS_WAITING_MAX = 10_000
FOLDS_SEEN_MAX = 100_000


def is_due(key: Key, hour: int) -> bool:
    """Whether the head at `key` is looked at when it gets sums for this hour of a month."""
    return (int(key.pk[-4:], 16) + hour) % FOLD_EVERY_HOURS == 0


class Folder:
    """The heads of one process that are worth a look. Forgetting any of them is harmless."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._waiting: dict[Key, None] = {}
        self._seen: dict[tuple[Key, tuple[int, int]], None] = {}
        self.folds_count = 0

    @property
    def waiting_count(self) -> int:
        """Heads that are due."""
        return len(self._waiting)

    def note(self, updates: Iterable[Update]) -> None:
        """Remembers the heads among `updates` (of a read just applied) that are due."""
        for update in updates:
            for name in update.add:
                if is_hour(name) and is_due(update.key, hour_of(name)[1]):
                    self._remember(update.key, hour_of(name))

    def _remember(self, key: Key, hour: tuple[int, int]) -> None:
        seen = (key, hour)
        if seen in self._seen or len(self._waiting) >= FOLDS_WAITING_MAX:
            return
        if len(self._seen) >= FOLDS_SEEN_MAX:
            self._seen.pop(next(iter(self._seen)))
        self._seen[seen] = None
        self._waiting[key] = None

    async def fold_some(self, count: int) -> None:
        """Looks at up to `count` heads that are due. Failures are of no account: another hour
        comes.
        """
        for _ in range(min(count, len(self._waiting))):
            key = next(iter(self._waiting))
            del self._waiting[key]
            try:
                await self._fold(key)
            except StoreError:
                return

    async def _fold(self, key: Key) -> None:
        head = await self._table.get(key, consistent=True)
        folded = None if head is None else fold(head)
        if head is None or folded is None:
            return
        account, currency = key.pk.partition("#")[2], key.sk.partition("#")[2]
        revision = head["r"]
        assert isinstance(revision, int)
        writes: list[Put | Update] = [
            Put(TableName.BALANCES, folded.head, guards=(Is("r", revision),))
        ]
        for month, adds in folded.month_adds.items():
            writes.append(Update(keys.history_month(account, currency, month), add=adds))
        name = f"fold {key.pk} {key.sk} {revision}"
        token = blake2b(name.encode(), digest_size=16).hexdigest()
        if isinstance(await self._table.transact(writes, token), Transacted):
            self.folds_count += 1
