"""The indexer's process: ready while it follows, and gone when it follows no more."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from indexer import app
from indexer.app import Following, serve
from shared.errors import TwofoldError
from shared.settings import Settings


class Ending:
    """Projectors that end when they are told to, or by themselves after a moment."""

    def __init__(self, *, by_itself: bool, error: Exception | None = None) -> None:
        self._stopped = asyncio.Event()
        self._by_itself = by_itself
        self._error = error

    async def run(self) -> None:
        if not self._by_itself:
            await self._stopped.wait()
        await asyncio.sleep(0.001)
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._stopped.set()


@pytest.mark.parametrize("error", [None, RuntimeError("unforeseen")])
async def test_projectors_that_end_by_themselves_are_told_and_leave_the_process_not_ready(error):
    following = Following()
    told = asyncio.Event()
    following.on_broken = told.set
    async with following.of(Ending(by_itself=True, error=error)):
        await following.check()
        await asyncio.wait_for(told.wait(), 5)
        with pytest.raises(TwofoldError, match="have ended"):
            await following.check()
    assert following.is_broken


async def test_projectors_that_end_when_told_to_are_in_good_order():
    following = Following()
    async with following.of(Ending(by_itself=False)):
        await asyncio.sleep(0.01)
    assert not following.is_broken
    await following.check()


def test_a_process_whose_projectors_have_ended_exits_with_a_failure(monkeypatch):
    class Nothing:
        async def shards(self) -> list[object]:
            return []

        async def close(self) -> None:
            """Nothing is open."""

    @asynccontextmanager
    async def opened(*_, **__):
        yield Nothing()

    monkeypatch.setattr(app, "open_table", opened)
    monkeypatch.setattr(app, "open_stream", opened)
    monkeypatch.setattr(app, "ElasticIndex", lambda *_, **__: Nothing())
    unforeseen = RuntimeError("unforeseen")
    monkeypatch.setattr(app, "Projectors", lambda *_: Ending(by_itself=True, error=unforeseen))
    assert serve(Settings(indexer_port=0)) == 1
