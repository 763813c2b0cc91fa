"""The rebuild command: what is derived is made anew from the entries, beside the live, under load.

    python -m indexer.rebuild [--search] [--balances] [--ledger ID] [--parts N]

Both projections unless one is named. How it is done: reindex.py and recount.py. With `--ledger` (an
id) only that ledger is brought up to date, in place. `--parts` recounts the balances in so many
scans, each of which holds the sums of that part of the accounts in memory. Exits 1 when something
could not be rebuilt.
"""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack

from indexer.fence import sole_rebuilder
from indexer.meters import IndexerFamilies
from indexer.projectors import Engines, recount_parts, search_parts
from indexer.quarantine import BALANCES, SEARCH
from indexer.recount import recount_balances
from indexer.reindex import rebuild_search, reload_ledger
from shared.clock import SystemClock
from shared.errors import TwofoldError
from shared.observe import Metrics
from shared.search.elastic import ElasticIndex
from shared.settings import Settings, load_settings
from shared.store.dynamo import open_table
from shared.store.dynamo_streams import open_stream


def say(text: str) -> None:
    """Tells how far it is."""
    print(text, file=sys.stderr, flush=True)


async def open_engines(stack: AsyncExitStack, settings: Settings) -> Engines:
    """The engines that the settings name, until the stack is closed."""
    clock = SystemClock()
    table = await stack.enter_async_context(open_table(settings, clock=clock))
    stream = await stack.enter_async_context(open_stream(settings, clock=clock))
    index = ElasticIndex(settings)
    stack.push_async_callback(index.close)
    return Engines(table, stream, index, clock)


async def rebuild_search_now(engines: Engines, owner: str, ledger_id: str | None) -> None:
    """All indices anew, or one ledger's documents."""
    parts = search_parts(engines, owner, say)
    async with sole_rebuilder(engines.table, SEARCH, owner, engines.clock):
        if ledger_id is None:
            await rebuild_search(parts)
        else:
            await reload_ledger(parts, ledger_id)


async def rebuild_balances_now(
    engines: Engines, owner: str, ledger_id: str | None, of_parts: int
) -> None:
    """All balance histories and groups' balances, or one ledger's."""
    parts = recount_parts(engines, owner, IndexerFamilies(Metrics()), say)
    async with sole_rebuilder(engines.table, BALANCES, owner, engines.clock):
        for part in range(of_parts):
            done = await recount_balances(parts, ledger_id=ledger_id, part=part, of_parts=of_parts)
            for finding in done.repaired:
                say(f"put right: {finding}")
            compared = f"{done.histories_count} histories and {done.groups_count} groups' balances"
            say(f"{compared} compared, {len(done.repaired)} differences")


async def _rebuild(arguments: argparse.Namespace) -> None:
    both = not arguments.search and not arguments.balances
    owner = f"rebuild-{os.getpid()}"
    async with AsyncExitStack() as stack:
        engines = await open_engines(stack, load_settings())
        if arguments.search or both:
            await rebuild_search_now(engines, owner, arguments.ledger)
        if arguments.balances or both:
            await rebuild_balances_now(engines, owner, arguments.ledger, arguments.parts)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m indexer.rebuild")
    parser.add_argument("--search", action="store_true", help="only the search indices")
    parser.add_argument("--balances", action="store_true", help="only the balance histories")
    parser.add_argument("--ledger", metavar="ID", help="only this ledger, in place")
    parser.add_argument("--parts", type=int, default=1, help="scans for the balances (default 1)")
    arguments = parser.parse_args()
    if arguments.parts < 1:
        parser.error("--parts must be at least 1")
    try:
        asyncio.run(_rebuild(arguments))
    except TwofoldError as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
