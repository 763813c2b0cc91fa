"""Read dataloaders: every key asked in one tick goes out in one BatchGetItem, each key once.

A loader lives as long as one request. It keeps aiodataloader's interface and cache (load,
load_many, prime, clear) and replaces only its dispatch, which would lose its tasks to the garbage
collector, leave the futures of a cancelled batch pending for ever, and costs two tasks a batch.
"""

from asyncio import Future, Task, get_running_loop
from collections.abc import Sequence
from functools import partial

from aiodataloader import DataLoader

from shared.errors import TwofoldError
from shared.store.table import Item, Key, Table

Answer = Item | None | Exception
Waiting = list[tuple[Key, "Future[Item | None]"]]


class KeyLoader(DataLoader[Key, Item | None]):
    """Loads items by key. Built inside the running loop, for one request.

    `consistent`: read what was written last, at twice the price. A store error reaches everybody
    who waits for the batch and is not kept: a later load asks again.
    """

    def __init__(self, table: Table, *, consistent: bool = False) -> None:
        super().__init__(loop=get_running_loop())
        self._table = table
        self._consistent = consistent
        self._waiting: Waiting = []
        self._tasks: set[Task[list[Answer]]] = set()

    async def batch_load_fn(self, keys: list[Key]) -> list[Answer]:  # type: ignore[override]
        """One value for each key; a failure is returned for every key, never raised."""
        try:
            return list(await self._table.get_many(keys, consistent=self._consistent))
        except TwofoldError as error:
            return [error] * len(keys)

    def do_resolve_reject(self, key: Key, future: "Future[Item | None]") -> None:
        """Queues one key; the first schedules the dispatch, two ticks on as aiodataloader does."""
        self._waiting.append((key, future))
        if len(self._waiting) == 1:
            self.loop.call_soon(self.loop.call_soon, self._dispatch)

    def _dispatch(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = self.loop.create_task(self.batch_load_fn([key for key, _ in waiting]))
        self._tasks.add(task)
        task.add_done_callback(partial(self._settle, waiting))

    def _settle(self, waiting: Waiting, task: Task[list[Answer]]) -> None:
        """Answers all who wait, however the batch ended; a task may be cancelled unstarted."""
        self._tasks.discard(task)
        if task.cancelled():
            for key, future in waiting:
                self.clear(key)
                future.cancel()
            return
        error = task.exception()  # a mistake of ours: those who wait must hear of it
        answers: Sequence[Answer | BaseException]
        answers = task.result() if error is None else [error] * len(waiting)
        for (key, future), answer in zip(waiting, answers, strict=True):
            if isinstance(answer, BaseException):
                self.clear(key)
            if future.done():  # who waited was cancelled
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
