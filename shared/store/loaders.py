"""Read dataloaders: every key asked in one tick goes out in one BatchGetItem, each key once.

A loader lives as long as one request. It keeps aiodataloader's interface and cache (load, load_many,
prime, clear) and replaces only its dispatch, which would lose its tasks to the garbage collector, leave
the futures of a cancelled batch pending for ever, and costs two tasks a batch.
"""

from asyncio import CancelledError, Future, Task, get_running_loop

from aiodataloader import DataLoader

from shared.errors import TwofoldError
from shared.store.table import Item, Key, Table

Waiting = list[tuple[Key, "Future[Item | None]"]]


class KeyLoader(DataLoader[Key, Item | None]):
    """Loads items by key. Built inside the running loop, for one request.

    `consistent`: read what was written last, at twice the price. A store error reaches everybody who
    waits for the batch and is not kept: a later load asks again.
    """

    def __init__(self, table: Table, *, consistent: bool = False) -> None:
        super().__init__(loop=get_running_loop())
        self._table = table
        self._consistent = consistent
        self._waiting: Waiting = []
        self._tasks: set[Task[None]] = set()

    async def batch_load_fn(  # type: ignore[override]
        self, keys: list[Key]
    ) -> list[Item | None | Exception]:
        """One value for each key; a failure is returned for every key, never raised."""
        try:
            return list(await self._table.get_many(keys, consistent=self._consistent))
        except TwofoldError as error:
            return [error] * len(keys)

    def do_resolve_reject(self, key: Key, future: "Future[Item | None]") -> None:
        """Queues one key; the first of a queue schedules its dispatch, two ticks on as aiodataloader does."""
        self._waiting.append((key, future))
        if len(self._waiting) == 1:
            self.loop.call_soon(self.loop.call_soon, self._dispatch)

    def _dispatch(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = self.loop.create_task(self._load(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, waiting: Waiting) -> None:
        try:
            values = await self.batch_load_fn([key for key, _ in waiting])
        except CancelledError:
            for key, future in waiting:
                self.clear(key)
                future.cancel()
            raise
        except Exception as error:  # a mistake of ours: those who wait must hear of it
            values = [error] * len(waiting)
        assert len(values) == len(waiting)
        for (key, future), value in zip(waiting, values, strict=True):
            if isinstance(value, Exception):
                self.clear(key)
            if future.done():  # who waited was cancelled
                continue
            if isinstance(value, Exception):
                future.set_exception(value)
            else:
                future.set_result(value)
