"""The index that fails on purpose: each fault is what it says, and a seed repeats itself."""

from collections import Counter

import pytest

from shared.errors import SearchUnavailable
from shared.search.index import Document, ItemStatus, Kind
from shared.testing.faulty_index import FaultyIndex, IndexFaults
from shared.testing.memory_index import MemoryIndex

LEDGER = "1" * 32


def document(number: int) -> Document:
    source = {"ledger": LEDGER, "id": str(number), "sort_key": f"{LEDGER}#{number:03}"}
    return Document(Kind.ENTRIES, str(number), LEDGER, 1, source, b"{}")


TEN = [document(number) for number in range(10)]


async def test_an_unavailable_index_applied_nothing() -> None:
    inner = MemoryIndex()
    index = FaultyIndex(inner, 1, IndexFaults(unavailable=1_000))
    with pytest.raises(SearchUnavailable):
        await index.bulk(TEN)
    with pytest.raises(SearchUnavailable):
        await index.search([])
    assert not await index.ready()
    assert await inner.count(Kind.ENTRIES) == 0
    assert index.reached == Counter(unavailable=3)


async def test_an_index_that_lets_nobody_in_applied_nothing() -> None:
    inner = MemoryIndex()
    index = FaultyIndex(inner, 1, IndexFaults(shut_out=1_000))
    with pytest.raises(SearchUnavailable, match="401"):
        await index.bulk(TEN)
    assert await inner.count(Kind.ENTRIES) == 0
    assert index.reached == Counter(shut_out=1)


async def test_a_lost_answer_was_applied() -> None:
    inner = MemoryIndex()
    index = FaultyIndex(inner, 1, IndexFaults(lost_answer=1_000))
    with pytest.raises(SearchUnavailable):
        await index.bulk(TEN)
    assert await inner.count(Kind.ENTRIES) == 10
    index.calm()
    assert {result.status for result in await index.bulk(TEN)} == {ItemStatus.STALE}


@pytest.mark.parametrize(
    ("faults", "status", "standing"),
    [
        (IndexFaults(overloaded=1_000), ItemStatus.OVERLOADED, 0),
        (IndexFaults(refused=1_000), ItemStatus.REFUSED, 0),
        (IndexFaults(conflict=1_000), ItemStatus.STALE, 10),
    ],
)
async def test_faults_of_single_operations(
    faults: IndexFaults, status: ItemStatus, standing: int
) -> None:
    inner = MemoryIndex()
    results = await FaultyIndex(inner, 1, faults).bulk(TEN)
    assert [result.status for result in results] == [status] * 10
    assert await inner.count(Kind.ENTRIES) == standing


async def test_results_stay_beside_their_operations() -> None:
    inner = MemoryIndex()
    results = await FaultyIndex(inner, 3, IndexFaults(overloaded=500)).bulk(TEN)
    applied = {each.id async for each in inner.scan(Kind.ENTRIES, LEDGER)}
    expected = {
        operation.id
        for operation, result in zip(TEN, results, strict=True)
        if result.status is ItemStatus.APPLIED
    }
    assert applied == expected
    assert 0 < len(applied) < 10


async def test_a_seed_repeats_itself() -> None:
    faults = IndexFaults(unavailable=300, lost_answer=300, overloaded=300, conflict=300)

    async def run(seed: int) -> list[object]:
        index = FaultyIndex(MemoryIndex(), seed, faults)
        trace: list[object] = []
        for _ in range(20):
            try:
                trace.append(await index.bulk(TEN))
            except SearchUnavailable as error:
                trace.append(str(error))
        return [*trace, index.reached]

    assert await run(1) == await run(1)
    assert await run(1) != await run(2)
