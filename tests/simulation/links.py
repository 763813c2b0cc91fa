"""The part of the simulation that has no ledger: Txs synced and deleted by clients at once while
processes die. And what must hold of what they were told.

A Tx's amount and posting date follow from its external id, so every sync of it agrees; now and then
a client brings another amount, which must be refused while the Tx stands.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.errors import Overloaded, StoreError
from shared.ledger.links import Tx
from shared.ledger.rejections import Rejection
from shared.store.items import tx_from_item
from shared.store.table import TableName
from tests.write_rig import WORKSPACE
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.links import create_custom_link, delete_txs, sync_accounts, sync_txs
from write_service.planning.links import WantedAccount

if TYPE_CHECKING:
    from tests.simulation.world import World

SYNCERS = 3
TURNS = 12
NAMES = 40  # of Txs in each account
ACCOUNTS = ("checking", "savings")
BANK = LinkMatch(ik="bank")
TRIES_MAX = 30
LOST = (asyncio.CancelledError, StoreError, Overloaded)


def synced_tx(account: str, number: int, *, wrong: bool = False, word: str = "") -> SyncedTx:
    """The Tx of this number in the account, or one that contradicts it."""
    return SyncedTx(
        account=ExternalAccountMatch(None, account, None),
        external_id=f"t{number}",
        amount=number * 7 - 100 + wrong,
        currency=None,
        description=f"Tx {number}{word}",
        posted_ms=1_700_000_000_000 + number * 60_000,
    )


class Syncers:
    """Clients that sync and delete, and remember what they were answered."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rng = world._rng()
        self.told: dict[str, Tx] = {}  # by id: the newest revision that anybody was told
        self.wrong: list[str] = []

    async def run(self) -> None:
        await asyncio.gather(*[self._client() for _ in range(SYNCERS)])

    async def _client(self) -> None:
        await self._until_done(self._open)
        for _ in range(TURNS):
            await asyncio.sleep(self.rng.random())
            act = self._delete if self.rng.random() < 0.35 else self._sync
            try:
                await act()
            except LOST:
                self.world.faults["sync lost"] += 1

    async def _until_done(self, act: Any) -> None:
        for _ in range(TRIES_MAX):
            try:
                await act()
            except LOST:
                await asyncio.sleep(self.rng.random())
            else:
                return
        raise AssertionError("a Link can't be made")

    async def _open(self) -> None:
        await self._call(create_custom_link, WORKSPACE, "bank", "Bank")
        wanted = [WantedAccount(each, f"Account {each}", None, None) for each in ACCOUNTS]
        synced = await self._call(sync_accounts, WORKSPACE, BANK, wanted)
        assert not isinstance(synced, Rejection), synced

    async def _sync(self) -> None:
        rng = self.rng
        count = rng.choice([1, 5, 20, 60])
        wrong = rng.random() < 0.15
        txs = [
            synced_tx(
                rng.choice(ACCOUNTS),
                rng.randrange(NAMES),
                word=rng.choice(["", "", " settled"]),
            )
            for _ in range(count)
        ]
        if wrong:
            txs.append(synced_tx("checking", 0, wrong=True))
            txs.append(synced_tx("checking", 0))
        answer = await self._call(sync_txs, SyncTxs(WORKSPACE, BANK, tuple(txs)))
        if isinstance(answer, Rejection):
            assert answer.code == "tx_conflict", answer
            assert wrong, answer
            self.world.faults["sync refused"] += 1
            return
        assert not wrong, "a contradiction was accepted"
        self.world.faults["synced"] += 1
        for asked, tx in zip(txs, answer, strict=True):
            due = (asked.account.external_id, asked.external_id, asked.amount, asked.posted_ms)
            found = (tx.account_external_id, tx.external_id, tx.amount, tx.posted_ms)
            if due != found or tx.is_deleted:
                self.wrong.append(f"{due} was answered with {tx}")
        self._tell(answer)

    async def _delete(self) -> None:
        if not self.told:
            return
        ids = self.rng.sample(sorted(self.told), min(len(self.told), self.rng.choice([1, 3, 10])))
        answer = await self._call(delete_txs, WORKSPACE, ids)
        if isinstance(answer, Rejection):
            assert answer.code == "tx_reconciled", answer
            self.world.faults["deletion refused"] += 1
            return
        self.world.faults["txs deleted"] += 1
        if [tx.id for tx in answer] != ids or not all(tx.is_deleted for tx in answer):
            self.wrong.append(f"{ids} were deleted as {answer}")
        self._tell(answer)

    def _tell(self, txs: Sequence[Tx]) -> None:
        for tx in txs:
            known = self.told.get(tx.id)
            if known is None or known.revision < tx.revision:
                self.told[tx.id] = tx
            if tx.sequence > 1:
                self.world.faults["synced again"] += 1

    async def _call(self, act: Any, *arguments: Any) -> Any:
        process = self.rng.choice(self.world.writers)
        return await process.call(act(process.services, *arguments))

    async def settle(self) -> None:
        """Without faults: everything is synced once more, so that every Tx stands."""
        for account in ACCOUNTS:
            txs = tuple(synced_tx(account, number) for number in range(NAMES))
            for _ in range(TRIES_MAX):
                try:
                    answer = await self._call(sync_txs, SyncTxs(WORKSPACE, BANK, txs))
                except LOST:
                    continue
                assert not isinstance(answer, Rejection), answer
                self._tell(answer)
                break


def audit_syncs(syncers: Syncers) -> list[str]:
    """Each Tx stands as it was told or at a later revision, one live for each name; sequences,
    ids and documents are the auditors' to judge.
    """
    wrong = list(syncers.wrong)
    items = syncers.world.memory.dump(TableName.LEDGER)
    txs = [tx_from_item(item) for item in items if str(item["pk"])[:2] == "T#"]
    standing = {tx.id: tx for tx in txs}
    live = [(tx.account_id, tx.external_id) for tx in standing.values() if not tx.is_deleted]
    if len(live) != len(set(live)) or len(live) != NAMES * len(ACCOUNTS):
        wrong.append(f"{len(live)} Txs stand for {len(set(live))} names")
    for told in syncers.told.values():
        found = standing.get(told.id)
        if found is None or found.revision < told.revision:
            wrong.append(f"{told} was told, {found} stands")
        elif told.is_deleted and found != told:
            wrong.append(f"{told} was deleted, {found} stands")
    return wrong
