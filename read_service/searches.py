"""Lists that are asked at the same time go to Elasticsearch together.

LedgerAccount.lines ─┐
LedgerAccount.lines ─┼─ one tick ─► Index.search([...]) ─► one _msearch ─► a page each
Ledger.ledgerEntries ┘
"""

import asyncio
from collections.abc import Sequence

from shared.limits import SEARCHES_PER_CALL_MAX
from shared.search.index import Index, SearchPage, SearchRequest


class SearchLoader:
    """Collects the searches of one request; those of one tick of the event loop are one call."""

    __slots__ = ("_index", "_tasks", "_waiting")

    def __init__(self, index: Index) -> None:
        self._index = index
        self._waiting: list[tuple[SearchRequest, asyncio.Future[SearchPage]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, request: SearchRequest) -> "asyncio.Future[SearchPage]":
        """The page of `request`. Raises SearchUnavailable, SearchRefused."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # One hop more than the resolvers that were started together need.
            loop.call_soon(loop.call_soon, self._dispatch)
        found: asyncio.Future[SearchPage] = loop.create_future()
        self._waiting.append((request, found))
        return found

    def _dispatch(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), SEARCHES_PER_CALL_MAX):
            task = asyncio.ensure_future(
                self._search(waiting[start : start + SEARCHES_PER_CALL_MAX])
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _search(
        self, waiting: Sequence[tuple[SearchRequest, "asyncio.Future[SearchPage]"]]
    ) -> None:
        try:
            pages = await self._index.search([request for request, _ in waiting])
            assert len(pages) == len(waiting)
            for (_, found), page in zip(waiting, pages, strict=True):
                if not found.done():
                    found.set_result(page)
        except Exception as error:
            for _, found in waiting:
                if not found.done():
                    found.set_exception(error)
        finally:
            for _, found in waiting:
                if not found.done():  # cancelled: nobody may wait for ever
                    found.cancel()
