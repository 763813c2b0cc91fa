"""A run of seeds, and that they reach every fault: a fault that no seed reaches proves nothing."""

from collections import Counter

import pytest

from tests.simulation.books import Bookkeeper
from tests.simulation.run import run_seed

SEEDS = 200
PART = 20

FAULTS = {
    *[f"table: {fault}" for fault in ("throttled", "conflict", "cancelled", "timeout_before")],
    *[f"table: {fault}" for fault in ("timeout_after", "timeout_late", "slow", "partial")],
    *[f"indexer's table: {fault}" for fault in ("throttled", "conflict", "timeout_after")],
    *[f"stream: {fault}" for fault in ("duplicated", "expired", "empty", "split", "child_first")],
    *[f"index: {fault}" for fault in ("unavailable", "lost_answer", "overloaded")],
    *["writer killed", "indexer killed", "account renamed", "clearing accounts refreshed"],
    *["rebuild done", "rebuild killed", "rebuild failed", "a group joined"],
    *["fate: acknowledged", "fate: refused"],
    *["synced", "synced again", "sync refused", "sync lost", "txs deleted"],
    *[f"reconcile: {fate}" for fate in ("acknowledged", "refused", "replayed")],
    *["reconcile lost", "deletion refused", "Txs taken over", "Txs freed"],
    *["version stored", "ledger deleted", "schema deleted", "bookkeeping lost"],
    *["update: acknowledged", "update: refused", "reverse: acknowledged"],
    *["migrate: acknowledged", "migrate: refused", "chain of 5"],
}

_reached: Counter[str] = Counter()


@pytest.mark.parametrize("first", range(1, SEEDS + 1, PART))
def test_every_seed_ends_in_a_sound_ledger(first: int):
    for seed in range(first, first + PART):
        _reached.update(run_seed(seed))


def test_the_same_seed_gives_the_same_run():
    assert run_seed(7) == run_seed(7)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("phase", ["run", "settle"])
def test_a_run_that_fails_says_so_and_ends(phase: str, monkeypatch: pytest.MonkeyPatch):
    async def fail(_: Bookkeeper) -> None:
        raise AssertionError("the books are lost")

    monkeypatch.setattr(Bookkeeper, phase, fail)
    for seed in range(3001, 3006):
        with pytest.raises(AssertionError, match="the books are lost"):
            run_seed(seed)


def test_one_part_of_the_seeds_reaches_every_fault():
    reached: Counter[str] = Counter()
    for seed in range(4001, 4001 + PART):
        reached.update(run_seed(seed))
    assert {fault for fault in FAULTS if not reached[fault]} == set()
