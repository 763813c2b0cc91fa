"""What could not be applied: kept with its reason, counted, listed and retried by a command. Never
dropped.

    python -m indexer.quarantine list  [--projector search|balances]
    python -m indexer.quarantine retry [--projector …] [--sequence …]

Three things are put aside, each as one item under Q#<projector>:

    record     a record whose image can't be read; retried by reading the item as it stands now
    document   an operation that the index refuses for good; retried by projecting its thing anew
    deltas     sums that a history item can't take; retried by adding them, in the batch that
               removes the item

A `record` of the balances projector that has become readable turns into `deltas` first: its sums
may need more items than one batch holds, and each batch takes its part out of what is left.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import orjson

from indexer.accounts import account_operations
from indexer.projections.balances import Counted, project_rollups
from indexer.projections.search import thing_operations
from indexer.records import UNREADABLE, Searched, Unreadable, searched_of
from indexer.windows import WindowBook, mark_puts, posted_windows_of, with_windows
from shared.clock import SystemClock
from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry
from shared.limits import ROLLUP_ITEMS_MAX, TRANSACT_ITEMS_MAX
from shared.search.elastic import ElasticIndex
from shared.search.index import Index, ItemStatus, Operation
from shared.settings import load_settings
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.dynamo import open_table
from shared.store.table import (
    Cancelled,
    Delete,
    GuardFailed,
    Is,
    Item,
    Key,
    Put,
    Table,
    TableName,
    Update,
)

SEARCH = "search"
BALANCES = "balances"
PROJECTORS = (SEARCH, BALANCES)
REASON_CHARS_MAX = 500
DELTAS_AT_ONCE = ROLLUP_ITEMS_MAX - 1  # with a mark each, and the item of what is left

assert 2 * DELTAS_AT_ONCE < TRANSACT_ITEMS_MAX

PAGES_MAX = 1_000_000
_RECOUNT_IT = "may have joined groups by an update: recount it with `python -m indexer.rebuild`"


@dataclass(frozen=True, slots=True)
class Aside:
    """One thing put aside. `body` depends on `kind`."""

    projector: str
    sequence: str  # of the stream, and what tells apart several of one record
    kind: str
    reason: str
    at_ms: int
    body: dict[str, Any]

    @property
    def key(self) -> Key:
        return keys.quarantined(self.projector, self.sequence)

    def put(self) -> Put:
        """The write that keeps it. Writing it twice leaves one."""
        content = {"k": self.kind, "e": self.reason, "t": self.at_ms, "d": self.body}
        item: Item = {
            "pk": self.key.pk,
            "sk": self.key.sk,
            "b": orjson.dumps(content).decode(),
        }
        return Put(TableName.BALANCES, item)


def aside_from_item(projector: str, item: Item) -> Aside:
    """The thing that an item of Q#<projector> keeps."""
    body, sequence = item["b"], item["sk"]
    assert isinstance(body, str)
    assert isinstance(sequence, str)
    content = orjson.loads(body)
    return Aside(projector, sequence, content["k"], content["e"], content["t"], content["d"])


def unreadable_aside(projector: str, record: Unreadable, now_ms: int) -> Aside:
    """A stream record that can't be read."""
    body: dict[str, Any] = {"pk": record.pk, "sk": record.sk}
    if projector == BALANCES and not record.inserted:
        body["joined"] = True
    return Aside(
        projector, record.sequence, "record", record.reason[:REASON_CHARS_MAX], now_ms, body
    )


def document_aside(sequence: str, operation: Operation, reason: str, now_ms: int, pk: str) -> Aside:
    """An operation that the index refuses; `pk` is its thing's partition in `ledger`."""
    body = {"pk": pk, "sk": keys.ONLY, "kind": operation.kind.value, "id": operation.id}
    name = f"{sequence}#{operation.kind.value}#{operation.id}"
    return Aside(SEARCH, name, "document", reason[:REASON_CHARS_MAX], now_ms, body)


def deltas_aside(sequence: str, updates: Sequence[Update], reason: str, now_ms: int) -> Aside:
    """Sums that could not be added. `sequence` names the read that they belong to."""
    digest = blake2b(digest_size=8)
    for update in updates:
        digest.update(f"{update.key.pk}\0{update.key.sk}\0".encode())
    deltas: list[list[Any]] = []
    for update in updates:
        adds = {name: str(amount) for name, amount in update.add.items()}
        sets = [dict(update.set_if_absent)] if update.set_if_absent else []
        deltas.append([update.key.pk, update.key.sk, adds, *sets])
    name = f"{sequence}#{digest.hexdigest()}"
    return Aside(BALANCES, name, "deltas", reason[:REASON_CHARS_MAX], now_ms, {"deltas": deltas})


def _updates_of(aside: Aside) -> list[Update]:
    return [
        Update(
            Key(TableName.BALANCES, pk, sk),
            add={n: int(v) for n, v in adds.items()},
            set_if_absent=sets[0] if sets else {},
        )
        for pk, sk, adds, *sets in aside.body["deltas"]
    ]


class Quarantine:
    """Everything that was put aside, for both projectors."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(self, asides: Sequence[Aside]) -> None:
        """Keeps each by a write of its own: for effects that may be applied twice."""
        for aside in asides:
            await self._table.write(aside.put())

    async def kept(self, projector: str) -> AsyncIterator[Aside]:
        """Everything put aside by `projector`, in the order of the stream."""
        after: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._table.query(
                TableName.BALANCES, keys.quarantine(projector), after=after, consistent=True
            )
            for item in page.items:
                yield aside_from_item(projector, item)
            if page.next_key is None:
                return
            after = page.next_key[1]

    async def count(self, projector: str) -> int:
        """How many things are put aside."""
        return sum([1 async for _ in self.kept(projector)])

    # --- Retrying ---------------------------------------------------------------------------------
    async def retry(self, aside: Aside, index: Index | None, catalog: Catalog) -> str | None:
        """Applies it after all and removes it. None when that worked, otherwise why it stays."""
        if aside.projector == BALANCES:
            deltas = await self.as_deltas(aside, catalog)
            return deltas if isinstance(deltas, str) else await self._retry_deltas(deltas)
        assert index is not None
        item = await self._table.get(
            Key(TableName.LEDGER, aside.body["pk"], aside.body["sk"]), consistent=True
        )
        try:
            thing = None if item is None else searched_of(item)
        except UNREADABLE as error:
            return f"still can't be read: {type(error).__name__}: {error}"
        return await self._retry_documents(aside, thing, index)

    async def _retry_documents(
        self, aside: Aside, thing: Searched | None, index: Index
    ) -> str | None:
        if thing is not None:
            if isinstance(thing, LedgerAccount):
                operations = await account_operations(self._table, [thing])
            else:
                operations = thing_operations(thing)
            for result in await index.bulk(operations):
                if result.status in (ItemStatus.REFUSED, ItemStatus.OVERLOADED):
                    return result.reason
        await self._table.write(Delete(aside.key))
        return None

    async def as_deltas(
        self, aside: Aside, catalog: Catalog, *, is_recounted: bool = False
    ) -> Aside | str:
        """The sums that a thing of the balances projector stands for; a record is turned into them
        for good. A text says why they can't be told.

        Which groups an entry was in at an update of it is past finding out, so what is missing then
        takes a recount. `is_recounted` is for that one, which counts everything anew and only asks
        where sums were missing.
        """
        if aside.kind == "deltas":
            return _RECOUNT_IT if "unknown" in aside.body and not is_recounted else aside
        item = await self._table.get(
            Key(TableName.LEDGER, aside.body["pk"], aside.body["sk"]), consistent=True
        )
        try:
            thing = None if item is None else searched_of(item)
        except UNREADABLE:
            return "still can't be counted"
        if not isinstance(thing, LedgerEntry):
            return "still can't be counted"
        offset = await catalog.utc_offset_minutes(thing.ledger_id)
        if offset is None:
            return "still can't be counted"
        joined = bool(aside.body.get("joined"))
        is_unknown = bool(thing.groups and thing.updates)
        if is_unknown and not is_recounted:
            return _RECOUNT_IT
        found = Counted(thing, not joined, thing.groups if is_unknown or not joined else ())
        await WindowBook(self._table).widen(await posted_windows_of([thing], catalog))
        updates = project_rollups([found], {thing.ledger_id: offset})
        deltas = deltas_aside(aside.sequence, updates, aside.reason, aside.at_ms)
        body = {**deltas.body, "unknown": True} if is_unknown else deltas.body
        turned = replace(deltas, sequence=aside.sequence, body=body)
        guards = (Is("b", aside.put().item["b"]),)
        answer = await self._table.write(replace(turned.put(), guards=guards))
        return "was changed meanwhile" if isinstance(answer, GuardFailed) else turned

    async def _retry_deltas(self, aside: Aside) -> str | None:
        """Adds what one batch can take, in the batch that leaves the rest; and again until nothing
        is left. Clearing accounts among them are marked.
        """
        left = aside
        for _ in range(max(1, len(aside.body["deltas"]))):
            updates = _updates_of(left)
            now, later = updates[:DELTAS_AT_ONCE], updates[DELTAS_AT_ONCE:]
            owners = [update.key.pk.partition("#") for update in now]
            touched = [owner for kind, _, owner in owners if kind == "B"]
            guard = (Is("b", left.put().item["b"]),)
            rest = deltas_aside(left.sequence, later, left.reason, left.at_ms)
            rest = replace(rest, sequence=left.sequence)
            keep = replace(rest.put(), guards=guard) if later else Delete(left.key, guards=guard)
            name = f"{left.sequence} {left.put().item['b']!r}"
            token = blake2b(name.encode(), digest_size=16).hexdigest()
            marked = await with_windows(self._table, touched)
            marks = mark_puts(marked, f"retry {token}")
            answer = await self._table.transact([keep, *now, *marks], token)
            if isinstance(answer, Cancelled):
                causes = sorted({reason.cause.value for reason in answer.reasons} - {"none"})
                return "could not be added: " + ", ".join(causes)
            if not later:
                return None
            left = rest
        return None


# --- The command ----------------------------------------------------------------------------------
def _line(aside: Aside) -> str:
    about: Mapping[str, Any] = aside.body
    what = about.get("pk") or f"{len(about['deltas'])} history items"
    return f"{aside.projector} {aside.sequence} {aside.kind} {what}: {aside.reason}"


async def _command(arguments: argparse.Namespace) -> int:
    settings, clock = load_settings(), SystemClock()
    projectors = [arguments.projector] if arguments.projector else list(PROJECTORS)
    stays = 0
    async with open_table(settings, clock=clock) as table:
        quarantine, catalog = Quarantine(table), Catalog(table, clock)
        index = ElasticIndex(settings) if arguments.action == "retry" else None
        try:
            for projector in projectors:
                async for aside in quarantine.kept(projector):
                    if arguments.sequence not in (None, aside.sequence):
                        continue
                    if index is None:
                        print(_line(aside))
                        stays += 1
                        continue
                    why = await quarantine.retry(aside, index, catalog)
                    stays += why is not None
                    print(f"{_line(aside)} -> {'applied' if why is None else why}")
        finally:
            if index is not None:
                await index.close()
    print(f"{stays} put aside")
    return 1 if stays else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m indexer.quarantine")
    parser.add_argument("action", choices=("list", "retry"))
    parser.add_argument("--projector", choices=PROJECTORS)
    parser.add_argument("--sequence", help="only this one")
    return asyncio.run(_command(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
