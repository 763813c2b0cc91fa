"""Reads every entry, recomputes everything that is derived from it, and prints what differs:
nothing.

    python -m indexer.verify [--ledger IK] [--workspace W] [--wait SECONDS]

Held against the entries: each entry itself (balance, id, chain), strong balances, balance histories
with their months and hours, strong lists, accounts, and every document of the search indices; and,
unless ledgers are named, what belongs to Links: External Accounts, the Txs' sequences, and that
each Tx is accounted for by exactly the entries whose lines name it. Exits 1 on any difference. It
reads without a lock: while entries are being posted, what is under way shows as a difference, so
let the load end first; `--wait` gives the indexer that long to catch up, and differences to vanish.
"""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from indexer.leases import LeaseBook
from indexer.projectors import Engines
from indexer.quarantine import PROJECTORS
from indexer.rebuild import open_engines, say
from indexer.tablescan import pages, partitions
from shared.audit import Auditor
from shared.errors import StreamExpired, TwofoldError
from shared.ledger.audits import Finding
from shared.ledger.ledgers import Ledger
from shared.ledger.schemas import Schema
from shared.search.index import LEDGER_KINDS, Kind
from shared.settings import load_settings
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import ledger_from_item
from shared.store.table import Item, TableName

FINDINGS_SHOWN_MAX = 200
TELL_EVERY_ENTRIES = 20_000
SETTLE_POLL_MS = 250
WAIT_S_DEFAULT = 0


class Verification:
    """One run over everything, or over some ledgers."""

    def __init__(
        self, engines: Engines, only: frozenset[str] | None, tell: Callable[[str], None] = say
    ) -> None:
        self.entries_count = 0
        self.notes: list[str] = []
        self._engines = engines
        self._catalog = Catalog(engines.table, engines.clock)
        self._only = only
        self._tell = tell
        self._ledgers: dict[str, Ledger] = {}
        self._schemas: dict[str, Schema] = {}

    async def run(self) -> list[Finding]:
        """All findings; documents are named one by one where a first look showed a difference."""
        await self._engines.index.refresh()
        auditor = await self._audit(self._only, detailed=False)
        self.entries_count = auditor.entries_count
        differing = auditor.differing()
        if not differing:
            findings = auditor.close()
            self.notes = auditor.notes
            return findings
        self._tell(f"{len(differing)} sets differ; naming their members")
        in_detail = await self._audit(self._only, detailed=True)
        findings = in_detail.close()
        self.notes = in_detail.notes
        return findings

    async def _audit(self, only: frozenset[str] | None, *, detailed: bool) -> Auditor:
        auditor = Auditor(self._ledgers, self._schemas, only=only, detailed=detailed)
        told = 0
        async for page in pages(self._engines.table, TableName.LEDGER):
            await self._learn_ledgers(page)
            auditor.take_ledger_items(page)
            if auditor.entries_count - told >= TELL_EVERY_ENTRIES:
                told = auditor.entries_count
                self._tell(f"{told} entries read")
        self._tell(f"{auditor.entries_count} entries read; reading the balances")
        async for pk, items in partitions(self._engines.table, TableName.BALANCES):
            auditor.take_balances_partition(pk, items)
        self._tell("balances read; reading the documents")
        auditor.close_groups()
        ledger_ids = sorted(self._ledgers if only is None else only)
        for ledger_id in ledger_ids:
            for kind in LEDGER_KINDS:
                async for stored in self._engines.index.scan(kind, ledger_id):
                    auditor.take_document(kind, ledger_id, stored)
        for account_id in auditor.external_accounts:
            async for stored in self._engines.index.scan(Kind.TXS, account_id):
                auditor.take_document(Kind.TXS, account_id, stored)
        if only is None:
            for kind in Kind:
                auditor.take_count(kind, await self._engines.index.count(kind))
        return auditor

    async def _learn_ledgers(self, items: list[Item]) -> None:
        """Reads the ledgers and Schemas of what is on a page, those not known yet."""
        for item in items:
            if str(item["pk"])[:2] == "L#":
                await self._learn(ledger_from_item(item))
        for item in items:
            if str(item["pk"])[:2] in ("E#", "A#"):
                ledger_id = _ledger_of(item)
                if ledger_id is not None and ledger_id not in self._ledgers:
                    found = await self._engines.table.get(keys.ledger(ledger_id), consistent=True)
                    if found is not None:
                        await self._learn(ledger_from_item(found))

    async def _learn(self, ledger: Ledger) -> None:
        self._ledgers[ledger.id] = ledger
        if ledger.schema_key is not None and ledger.schema_version is not None:
            self._schemas[ledger.id] = await self._catalog.schema(
                ledger.workspace_id,
                ledger.schema_key,
                ledger.schema_generation,
                ledger.schema_version,
            )


def _ledger_of(item: Item) -> str | None:
    """Id of the ledger of an entry's or account's item, without reading all of it; None when it
    can't be told.
    """
    body = item.get("b")
    if not isinstance(body, str):
        return None
    _, mark, rest = body.partition('"l":"')
    return rest[:32] if mark else None


async def is_caught_up(engines: Engines) -> bool:
    """Whether both projectors have applied everything that the stream tells, and every clearing
    account is refreshed.
    """
    for projector in PROJECTORS:
        leases = await LeaseBook(engines.table, projector, "verify", engines.clock).listed()
        for shard in await engines.stream.shards():
            seen = leases.get(shard.id)
            if seen is not None and seen.checkpoint.finished:
                continue
            if seen is None or seen.checkpoint.in_progress:
                return False
            after = seen.checkpoint.sequence or None
            try:
                iterator = await engines.stream.iterator(shard.id, after=after)
                if (await engines.stream.read(iterator, limit=1)).records:
                    return False
            except StreamExpired:
                return False
    marks = await engines.table.query(
        TableName.BALANCES, keys.clearing_marks(), limit=1, consistent=True
    )
    return not marks.items


async def verify(
    engines: Engines,
    *,
    only: frozenset[str] | None = None,
    wait_s: float = 0,
    tell: Callable[[str], None] = say,
) -> tuple[int, list[Finding]]:
    """Entries read, and findings. Waits up to `wait_s` for the indexer, and for findings to
    vanish.
    """
    until_ms = engines.clock.monotonic_ms() + wait_s * 1_000
    while engines.clock.monotonic_ms() < until_ms:
        if await is_caught_up(engines):
            break
        await asyncio.sleep(SETTLE_POLL_MS / 1_000)
    while True:
        run = Verification(engines, only, tell)
        findings = await run.run()
        if not findings or engines.clock.monotonic_ms() >= until_ms:
            for note in run.notes[:FINDINGS_SHOWN_MAX]:
                tell(f"note: {note}")
            return run.entries_count, findings
        await asyncio.sleep(SETTLE_POLL_MS / 1_000)


async def _ledgers_named(
    engines: Engines, ik: str | None, workspace_id: str | None
) -> frozenset[str] | None:
    """Ids of the ledgers that the command line names; None means all."""
    if ik is None and workspace_id is None:
        return None
    found = set()
    async for page in pages(engines.table, TableName.LEDGER):
        for item in page:
            if str(item["pk"])[:2] == "L#":
                ledger = ledger_from_item(item)
                if ik in (None, ledger.ik) and workspace_id in (None, ledger.workspace_id):
                    found.add(ledger.id)
    return frozenset(found)


async def _verify(arguments: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        engines = await open_engines(stack, load_settings())
        only = await _ledgers_named(engines, arguments.ledger, arguments.workspace)
        if only is not None and not only:
            say("error: no such ledger")
            return 1
        count, findings = await verify(engines, only=only, wait_s=arguments.wait)
    for finding in findings[:FINDINGS_SHOWN_MAX]:
        print(finding)
    if len(findings) > FINDINGS_SHOWN_MAX:
        print(f"... and {len(findings) - FINDINGS_SHOWN_MAX} more")
    print(f"{count} entries verified, {len(findings)} differences")
    return 1 if findings else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m indexer.verify")
    parser.add_argument("--ledger", metavar="IK", help="only the ledger with this ik")
    parser.add_argument("--workspace", metavar="W", help="only ledgers of this workspace")
    parser.add_argument("--wait", type=int, default=WAIT_S_DEFAULT, metavar="SECONDS")
    try:
        return asyncio.run(_verify(parser.parse_args()))
    except TwofoldError as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
