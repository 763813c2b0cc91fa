"""One seed, from start to verdict."""

import asyncio
from collections import Counter
from random import Random
from unittest.mock import patch

from indexer import rollups
from shared.testing.simulator import run_simulated
from tests.simulation.audit import (
    audit_changes,
    audit_conditions,
    audit_everything,
    audit_fates,
)
from tests.simulation.books import Bookkeeper, audit_books
from tests.simulation.links import Syncers, audit_syncs
from tests.simulation.plain import audit_creations
from tests.simulation.reconciling import Reconcilers, audit_reconciliations
from tests.simulation.world import CLIENTS, World


async def simulate(seed: int) -> Counter[str]:
    """Runs the seed; raises AssertionError with what is wrong; returns what was reached, how
    often."""
    world = World(seed)
    await world.open()
    syncers = Syncers(world)
    try:
        await _live(world, syncers)
    finally:
        await world.stop()
    wrong = [*world.wrong, *audit_fates(world), *audit_changes(world), *audit_conditions(world)]
    wrong += [*audit_syncs(syncers), *audit_reconciliations(world), *audit_books(world)]
    wrong += [*audit_creations(world.creations, world.accounts())]
    wrong += [str(finding) for finding in await audit_everything(world)]
    assert not wrong, f"seed {seed}: " + "; ".join(wrong[:20])
    return reached(world)


async def _live(world: World, syncers: Syncers) -> None:
    """Clients ask while processes die; then all is calm until everything is known and indexed."""
    chaos = asyncio.ensure_future(world.chaos())
    bookkeeper = Bookkeeper(world)
    clients = [world.client(number) for number in range(CLIENTS)]
    try:
        reconcilers = Reconcilers(world)
        await asyncio.gather(*clients, bookkeeper.run(), syncers.run(), reconcilers.run())
    finally:
        world.calm()
        await chaos
        await asyncio.gather(*world.rebuilds)
    await world.table.settle()
    await world.resolve()
    await bookkeeper.settle()
    await syncers.settle()

    async def is_done() -> bool:
        return not await audit_everything(world)

    await world.catch_up(is_done)


def reached(world: World) -> Counter[str]:
    """Faults and fates of the run, by name."""
    found = Counter(world.faults)
    for name, counts in (
        ("table", world.table.counts),
        ("indexer's table", world.index_table.counts),
        ("stream", world.index_stream.counts),
        ("index", world.faulty_index.reached),
    ):
        for fault, times in counts.items():
            found[f"{name}: {fault}"] += times
    found["clearing accounts refreshed"] = sum(
        projectors.clearing.refreshed_count for projectors, _ in world.indexers
    )
    for post in world.posts:
        found[f"fate: {post.fate}"] += 1
    for asked in world.reconciliations:
        found[f"reconcile: {asked.fate}"] += 1
        found["reconcile: replayed"] += asked.is_replay
    for change in world.changes:
        joined = change.kind == "update" and change.groups and change.fate == "acknowledged"
        found["a group joined"] += bool(joined)
        found[f"{change.kind}: {change.fate}"] += 1
        found["Txs taken over"] += change.takes_over
    found["Txs freed"] = sum(
        line.tx_id is not None
        for entry in world.entries().values()
        for line in (entry.lines if entry.is_reversed else ())
    )
    longest = max((entry.position for entry in world.entries().values()), default=0)
    found["chain of 5"] += longest >= 5
    return found


def run_seed(seed: int) -> Counter[str]:
    """`simulate` in a loop of its own; the same seed gives the same run.

    A read's sums go in batches of a few items in some seeds, so that processes die between them.
    """
    items_max = Random(seed).choice([2, 5, rollups.ROLLUP_ITEMS_MAX])
    with patch.object(rollups, "ROLLUP_ITEMS_MAX", items_max):
        return run_simulated(simulate(seed), seed)
