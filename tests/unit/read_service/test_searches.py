"""Searches of one tick go out together, and nobody waits for ever."""

import asyncio
from collections.abc import Sequence

import pytest

from read_service.searches import SearchLoader
from shared.errors import SearchUnavailable
from shared.limits import SEARCHES_PER_CALL_MAX
from shared.search.index import ENTRIES_NEWEST, SearchPage, SearchRequest
from shared.testing.memory_index import MemoryIndex


class Told(MemoryIndex):
    """The twin, told to fail or to never answer."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.error: Exception | None = None
        self.hangs = False
        self.asked = asyncio.Event()

    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        self.sizes.append(len(requests))
        self.asked.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return await super().search(requests)


def request(ledger: str) -> SearchRequest:
    return SearchRequest(ENTRIES_NEWEST, (ledger,), (), 10)


async def test_searches_of_one_tick_are_one_call_and_later_ones_another() -> None:
    index = Told()
    loader = SearchLoader(index)
    pages = await asyncio.gather(*[loader.load(request(ledger)) for ledger in "abc"])
    assert pages == [SearchPage((), False)] * 3
    await loader.load(request("d"))
    assert index.sizes == [3, 1]


async def test_a_call_holds_no_more_searches_than_it_may() -> None:
    index = Told()
    loader = SearchLoader(index)
    count = SEARCHES_PER_CALL_MAX + 3
    await asyncio.gather(*[loader.load(request("a")) for _ in range(count)])
    assert sorted(index.sizes) == [3, SEARCHES_PER_CALL_MAX]


async def test_a_failure_reaches_everyone_and_the_next_search_is_asked_again() -> None:
    index = Told()
    loader = SearchLoader(index)
    index.error = SearchUnavailable("gone")
    waiting = [loader.load(request(ledger)) for ledger in "ab"]
    for found in waiting:
        with pytest.raises(SearchUnavailable):
            await found
    index.error = None
    assert await loader.load(request("a")) == SearchPage((), False)


async def test_who_was_cancelled_does_not_disturb_the_others() -> None:
    loader = SearchLoader(Told())
    gone, kept = loader.load(request("a")), loader.load(request("b"))
    gone.cancel()
    assert await kept == SearchPage((), False)


async def test_a_cancelled_call_leaves_nobody_waiting() -> None:
    index = Told()
    index.hangs = True
    loader = SearchLoader(index)
    waiting = [loader.load(request(ledger)) for ledger in "ab"]
    await index.asked.wait()
    for task in list(loader._tasks):
        task.cancel()
    for found in waiting:
        with pytest.raises(asyncio.CancelledError):
            await found
