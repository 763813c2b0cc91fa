"""Documents of accounts as they stand, with what moves with the postings of a clearing account.

An account that has a posted window shows it, and whether a balance is left, in its document. The
document's version is the sum of the revisions of all that was read for it: of the account, of its
window and of the heads of its histories. None of them ever falls, and each counts every change of
its item. So of two readers the one who saw the later state in full has the higher version, and a
mixture of states that was read meanwhile stands below it.
"""

from collections.abc import Sequence

from shared.ledger.accounts import LedgerAccount
from shared.ledger.clearing import ClearingState, PostedWindow, is_outstanding
from shared.limits import CURRENCIES_PER_ACCOUNT_MAX
from shared.search.documents import account_deletions, account_documents
from shared.search.index import Deletion, Operation
from shared.store import keys
from shared.store.items import posted_window_from_item
from shared.store.table import Item, Table, TableName

_HEADS = "H#"
_PAGES_MAX = 100


async def account_operations(table: Table, accounts: Sequence[LedgerAccount]) -> list[Operation]:
    """The documents of `accounts`: one BatchGetItem for a hundred, one Query for each window."""
    operations: list[Operation] = []
    for account, held in zip(accounts, await _windows(table, accounts), strict=True):
        if held is None:
            operations += account_documents(account)
            continue
        window, revision = held
        heads = await _heads(table, account.id)
        state = ClearingState(window, is_outstanding(heads))
        version = account.revision + revision + _revisions(heads)
        operations += account_documents(account, state, version)
    return operations


async def removal_operations(table: Table, accounts: Sequence[LedgerAccount]) -> list[Operation]:
    """Removes the documents of `accounts`, given as they last stood, whatever they show."""
    operations: list[Operation] = []
    for account, held in zip(accounts, await _windows(table, accounts), strict=True):
        for deletion in account_deletions(account):
            if held is not None:
                counted = held[1] + _revisions(await _heads(table, account.id))
                deletion = Deletion(*deletion[:3], deletion.version + counted)
            operations.append(deletion)
    return operations


async def _windows(
    table: Table, accounts: Sequence[LedgerAccount]
) -> list[tuple[PostedWindow, int] | None]:
    ids = list(dict.fromkeys([account.id for account in accounts]))
    wanted = [keys.posted_window(each) for each in ids]
    items = dict(zip(ids, await table.get_many(wanted, consistent=True), strict=True))
    found = [items[account.id] for account in accounts]
    return [None if item is None else posted_window_from_item(item) for item in found]


async def _heads(table: Table, account_id: str) -> list[Item]:
    """The heads of all of the account's histories."""
    heads: list[Item] = []
    after: str | None = None
    for _ in range(_PAGES_MAX):
        page = await table.query(
            TableName.BALANCES,
            keys.balances_of(account_id),
            prefix=_HEADS,
            after=after,
            limit=CURRENCIES_PER_ACCOUNT_MAX,
            consistent=True,
        )
        heads += page.items
        if page.next_key is None:
            return heads
        after = page.next_key[1]
    raise AssertionError("an account with more currencies than there can be")


def _revisions(heads: Sequence[Item]) -> int:
    total = 0
    for head in heads:
        revision = head["r"]
        assert isinstance(revision, int)
        total += revision
    return total
