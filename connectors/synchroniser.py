"""Rounds: a native Link's transactions become Txs, page by page, through the write tier's own sync.

    look ─► due and free? ─► take ─► page ─► Txs written ─► noted ─► page … ─► released
                              ▲                                          │
                              └── another process, when one died ◄───────┘

Txs are written before the page is noted. Whoever dies in between leaves a page that is read again:
its Txs stand already, so nothing is written twice. What a process has written it remembers, so a
round that finds nothing new costs no request but its own notes. A transaction that the ledger
refuses is put aside and told; the others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple, TypeVar

from connectors.book import LinkBook, NativeLink
from connectors.meters import LinkMeters
from connectors.progress import (
    Progress,
    backoff_ms,
    begun,
    failed,
    finished,
    from_the_top,
    rested,
    stopped,
    with_page,
)
from connectors.sealing import SealBroken
from connectors.sources import CursorLost, Refusal, Source, SourcePage, SourceTransaction
from shared.errors import (
    LeaseLost,
    RejectionError,
    SourceRefused,
    TwofoldError,
)
from shared.ledger.identifiers import external_account_id
from shared.ledger.links import Tx
from shared.ledger.rejections import Rejection
from shared.limits import (
    LINK_LOOK_MS,
    LINK_SEEN_MAX,
    LINK_TROUBLE_CHARS_MAX,
    LINKS_AT_ONCE_MAX,
    TXS_PER_SYNC_MAX,
)
from shared.looking import let_end, look_until_stopped
from shared.observe import EventLog
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.links import sync_accounts, sync_txs
from write_service.planning.links import WantedAccount
from write_service.posting import WriteServices

LOG = EventLog("connect")
ROUND_BEGAN = "link_round_began"
ROUND_GOES_ON = "link_round_goes_on"
ROUND_DONE = "link_round_done"
ROUND_LOST = "link_round_lost"
ROUND_FAILED = "link_round_failed"
ROUND_BROKEN = "link_round_broken"
LINK_STOPPED = "link_stopped"
TRANSACTION_REFUSED = "link_transaction_refused"
LOOK_FAILED = "link_look_failed"
PAGES_PER_LINE = 20  # of a long round's log
STOP_S_MAX = 5
DRAIN_ROUNDS_MAX = 10_000

T = TypeVar("T")

# Opens the system behind a Link. Raises SealBroken, SourceRefused.
OpenSource = Callable[[NativeLink], Awaitable[Source]]


class Written(NamedTuple):
    """What became of a page: how many of its transactions are new, and what was refused."""

    new: int
    refusals: tuple[Refusal, ...]


def _tell_failed_look(error: Exception) -> None:
    if isinstance(error, TwofoldError):
        LOG.warning(LOOK_FAILED, trouble=str(error))
    else:
        LOG.error(LOOK_FAILED, error=error)


class Synchroniser:
    """One for each process."""

    def __init__(
        self,
        services: WriteServices,
        book: LinkBook,
        open_source: OpenSource,
        *,
        poll_s: int,
        jitter: Callable[[], float],
        meters: LinkMeters,
    ) -> None:
        self._services = services
        self._book = book
        self._open = open_source
        self._poll_ms = poll_s * 1000
        self._jitter = jitter
        self._rounds = meters.rounds
        self._transactions = meters.transactions
        self._seen: dict[tuple[str, str], bytes] = {}  # (Link, id) -> digest of what was written
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by sort key
        self._stop = asyncio.Event()
        self._woken = asyncio.Event()

    # --- Looking for work -------------------------------------------------------------------------
    async def run(self) -> None:
        """Syncs until `stop`. An engine or a system that is away only delays it."""
        await look_until_stopped(
            self.look,
            stopped=self._stop,
            woken=self._woken,
            every_ms=LINK_LOOK_MS,
            failures=(Exception,),  # our own mistake too: the process goes on looking
            tell=_tell_failed_look,
        )
        await let_end(self._tasks.values(), STOP_S_MAX)

    def wake(self) -> None:
        """Looks at once: a webhook came here."""
        self._woken.set()

    def stop(self) -> None:
        """Ends `run`: rounds end after the page they are at, and are given back."""
        self._stop.set()
        self._woken.set()

    async def look(self) -> int:
        """Begins what is due and free; gives how many rounds are under way here."""
        now_ms = self._services.clock.now_ms()
        states = await self._book.listed()
        for state in sorted(states, key=lambda each: each.due_ms):  # who waits longest first
            sort = state.key.sk
            if sort in self._tasks or not state.is_due(now_ms) or not self._book.is_free(state):
                continue
            if len(self._tasks) >= LINKS_AT_ONCE_MAX or self._stop.is_set():
                break
            held = await self._book.take(state, begun(state.progress))
            if held is not None:
                self._start(held)
        return len(self._tasks)

    async def drain(self) -> None:
        """Syncs until nothing is due: for tests, and commands that end."""
        for _ in range(DRAIN_ROUNDS_MAX):
            if not await self.look():
                return
            await asyncio.wait(list(self._tasks.values()))

    def _start(self, held: NativeLink) -> None:
        sort = held.key.sk
        task = asyncio.get_running_loop().create_task(self._sync(held))
        self._tasks[sort] = task

        def ended(_: "asyncio.Task[None]") -> None:
            del self._tasks[sort]
            self._woken.set()

        task.add_done_callback(ended)

    # --- One round --------------------------------------------------------------------------------
    async def _sync(self, held: NativeLink) -> None:
        """The round to its end, or until something fails; never raises."""
        try:
            await self._round(held)
        except LeaseLost:
            LOG.info(ROUND_LOST, link=held.link_id)
        except TwofoldError as error:  # of the release: the item stands still from now on
            LOG.warning(ROUND_FAILED, link=held.link_id, trouble=str(error))
        except Exception as error:  # our own mistake: the next look tries it again
            LOG.error(ROUND_BROKEN, link=held.link_id, error=error)

    async def _round(self, held: NativeLink) -> None:
        LOG.info(ROUND_BEGAN, link=held.link_id, since=_since(held.progress))
        try:
            source = await self._open(held)
        except (SealBroken, SourceRefused) as error:
            await self._end_stopped(held, str(error))
            return
        except TwofoldError as error:
            await self._end_failed(held, str(error))
            return
        try:
            held = await self._pages(held, source)
        except _Ended as end:
            held = end.held
            if isinstance(end.why, SourceRefused):
                await self._end_stopped(held, str(end.why))
            else:
                await self._end_failed(held, _trouble(held, end.why))
            return
        finally:
            await source.close()
        now_ms = self._services.clock.now_ms()
        if held.progress.round is None:
            self._rounds.labels(held.type, "done").inc()
            await self._book.release(held, held.progress, now_ms + self._poll_ms)
            _tell(ROUND_DONE, held)
        else:
            await self._book.release(held, held.progress, now_ms)  # another process goes on

    async def _pages(self, held: NativeLink, source: Source) -> NativeLink:
        """Page by page; the Link as noted behind the last one. Raises _Ended with it."""
        pages = 0
        try:
            while not self._stop.is_set():
                under_way = held.progress.round
                assert under_way is not None
                try:
                    page = await source.page(under_way.since_s, under_way.after)
                except CursorLost:
                    held = await self._book.note(held, from_the_top(held.progress))
                    continue
                written = await self._write(held, page)
                progress = with_page(held.progress, page, *written)
                self._transactions.labels(held.type).inc(written.new)
                if page.after is None:
                    progress = finished(progress, self._services.clock.now_ms())
                else:
                    progress = rested(progress)
                if progress.round is None:
                    return replace(held, progress=progress)  # noted as it is released
                held = await self._book.note(held, progress)
                pages += 1
                if pages % PAGES_PER_LINE == 0:
                    _tell(ROUND_GOES_ON, held)
        except LeaseLost:
            raise
        except Exception as error:  # told in full by who ends the round
            raise _Ended(held, error) from error
        return held

    async def _end_failed(self, held: NativeLink, trouble: str) -> None:
        progress = failed(held.progress, trouble)
        pause_ms = backoff_ms(progress, self._jitter())
        LOG.warning(ROUND_FAILED, link=held.link_id, trouble=trouble, again_in_ms=pause_ms)
        self._rounds.labels(held.type, "failed").inc()
        await self._book.release(held, progress, self._services.clock.now_ms() + pause_ms)

    async def _end_stopped(self, held: NativeLink, trouble: str) -> None:
        LOG.error(LINK_STOPPED, link=held.link_id, trouble=trouble)
        self._rounds.labels(held.type, "stopped").inc()
        await self._book.release(held, stopped(held.progress, trouble), 0)

    # --- Writing ----------------------------------------------------------------------------------
    async def _write(self, held: NativeLink, page: SourcePage) -> Written:
        """Writes the page's Txs, in transactions of whole groups."""
        wanted = [
            each
            for each in page.transactions
            if self._seen.get((held.link_id, each.id)) != _digest(each)
        ]
        count = 0
        refusals = list(page.unreadable)
        for chunk in _chunks(wanted):
            written = await self._write_chunk(held, chunk)
            count += written.new
            refusals += written.refusals
        told = {each.id for each in held.progress.refusals}  # it comes with every look
        for each in refusals:
            if each.id not in told:
                LOG.error(
                    TRANSACTION_REFUSED, link=held.link_id, transaction=each.id, reason=each.reason
                )
        return Written(count, tuple(refusals))

    async def _write_chunk(self, held: NativeLink, chunk: Sequence[SourceTransaction]) -> Written:
        """All of it, or, where that is refused, each transaction by itself."""
        began_ms = self._services.clock.now_ms()
        try:
            txs = await self._sync_txs(held, chunk)
        except RejectionError as error:
            if error.retryable:
                raise
            if len(chunk) == 1:
                reason = error.rejection.message[:LINK_TROUBLE_CHARS_MAX]
                return Written(0, (Refusal(chunk[0].id, reason),))
            parts = [await self._write_chunk(held, [each]) for each in chunk]
            refusals = tuple(refusal for part in parts for refusal in part.refusals)
            return Written(sum(part.new for part in parts), refusals)
        for each in chunk:
            self._remember(held.link_id, each)
        new = {tx.external_id for tx in txs if tx.revision == 1 and tx.created_ms >= began_ms}
        return Written(sum(any(tx.external_id in new for tx in each.txs) for each in chunk), ())

    async def _sync_txs(self, held: NativeLink, chunk: Sequence[SourceTransaction]) -> Sequence[Tx]:
        """The write tier's sync, as it is for Custom Links. Raises RejectionError."""
        services = self._services
        link = LinkMatch(held.link_id)
        accounts = {tx.account.external_id: tx.account for each in chunk for tx in each.txs}
        missing = [
            WantedAccount(account.external_id, account.name, "single", account.currency)
            for account in accounts.values()
            if services.catalog.known_external_account(
                external_account_id(held.link_id, account.external_id)
            )
            is None
        ]
        if missing:
            _accepted(await sync_accounts(services, held.workspace_id, link, missing, held.type))
        txs = [
            SyncedTx(
                account=ExternalAccountMatch(None, tx.account.external_id, None),
                external_id=tx.external_id,
                amount=tx.amount,
                currency=tx.account.currency,
                description=tx.description,
                posted_ms=tx.posted_ms,
            )
            for each in chunk
            for tx in each.txs
        ]
        command = SyncTxs(held.workspace_id, link, tuple(txs), held.type)
        return _accepted(await sync_txs(services, command))

    def _remember(self, link_id: str, transaction: SourceTransaction) -> None:
        if len(self._seen) >= LINK_SEEN_MAX:
            self._seen.pop(next(iter(self._seen)))
        self._seen[(link_id, transaction.id)] = _digest(transaction)


class _Ended(Exception):
    """A round that failed, with the Link as it was last noted."""

    def __init__(self, held: NativeLink, why: Exception) -> None:
        super().__init__(str(why))
        self.held = held
        self.why = why


def _digest(transaction: SourceTransaction) -> bytes:
    return sha256(repr(transaction).encode()).digest()[:16]


def _chunks(transactions: Sequence[SourceTransaction]) -> list[list[SourceTransaction]]:
    """Runs of transactions whose Txs fit one call; a transaction's stay together."""
    chunks: list[list[SourceTransaction]] = []
    room = 0
    for each in transactions:
        assert len(each.txs) <= TXS_PER_SYNC_MAX
        if len(each.txs) > room:
            chunks.append([])
            room = TXS_PER_SYNC_MAX
        chunks[-1].append(each)
        room -= len(each.txs)
    return chunks


def _trouble(held: NativeLink, why: Exception) -> str:
    """What is shown of a failure; one that is our own mistake is logged in full."""
    if isinstance(why, TwofoldError):
        return str(why) or type(why).__name__
    LOG.error(ROUND_BROKEN, link=held.link_id, error=why)
    return f"an error of Twofold's own: {type(why).__name__}"


def _accepted(answer: Sequence[T] | Rejection) -> Sequence[T]:
    if isinstance(answer, Rejection):
        raise RejectionError(answer)
    return answer


def _since(progress: Progress) -> int | None:
    return None if progress.round is None else progress.round.since_s


def _tell(event: str, held: NativeLink) -> None:
    progress = held.progress
    LOG.info(
        event,
        link=held.link_id,
        synced=progress.synced,
        refused=progress.refused,
        up_to=progress.high_s,
        back_to=None if progress.round is None else progress.round.oldest_s,
    )
