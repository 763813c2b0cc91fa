"""Bulks are bounded, judged one operation at a time, and nothing is dropped."""

from collections.abc import Callable

import pytest

from indexer import bulk
from indexer.bulk import BulkWriter, bulks_of, newest
from shared.errors import SearchRefused, SearchUnavailable
from shared.limits import BULK_ATTEMPTS_MAX, BULK_BYTES_MAX, BULK_DOCUMENTS_MAX
from shared.search.elastic import status_error
from shared.search.index import Document, ItemResult, ItemStatus, Kind, Operation

APPLIED = ItemResult(ItemStatus.APPLIED)
OVERLOADED = ItemResult(ItemStatus.OVERLOADED, "busy")
REFUSED = ItemResult(ItemStatus.REFUSED, "poison")


def document(name: str, version: int = 1, size: int = 2) -> Document:
    return Document(Kind.ENTRIES, name, "ledger", version, {}, b"x" * size)


class ScriptedIndex:
    """Answers each operation by a rule, and remembers the bulks."""

    def __init__(self, rule: Callable[[Operation, int], ItemResult]) -> None:
        self.bulks: list[list[str]] = []
        self._rule = rule

    async def bulk(self, operations, *, into=None):
        self.bulks.append([each.id for each in operations])
        return [self._rule(each, len(self.bulks)) for each in operations]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(bulk, "BULK_BACKOFF_MS", 0)


def writer(rule) -> tuple[BulkWriter, ScriptedIndex]:
    index = ScriptedIndex(rule)
    return BulkWriter(index), index


def test_of_several_versions_of_a_document_the_highest_is_sent():
    operations = [document("a", 1), document("b", 5), document("a", 3), document("b", 4)]
    assert [(each.id, each.version) for each in newest(operations)] == [("a", 3), ("b", 5)]


@pytest.mark.parametrize(
    "sizes, bulks",
    [
        ([], []),
        ([10], [1]),
        ([1] * BULK_DOCUMENTS_MAX, [BULK_DOCUMENTS_MAX]),
        ([1] * (BULK_DOCUMENTS_MAX + 1), [BULK_DOCUMENTS_MAX, 1]),
        ([BULK_BYTES_MAX // 2] * 3, [1, 1, 1]),
        ([BULK_BYTES_MAX // 3] * 4, [2, 2]),
        ([2 * BULK_BYTES_MAX, 1], [1, 1]),  # one that is too large alone still goes, alone
    ],
)
def test_bulks_are_bounded_by_count_and_bytes(sizes, bulks):
    operations = [document(f"d{at}", size=size) for at, size in enumerate(sizes)]
    cut = bulks_of(operations)
    assert [len(each) for each in cut] == bulks
    assert [each for one in cut for each in one] == operations


async def test_what_is_overloaded_is_sent_again_alone():
    def rule(operation, turn):
        return OVERLOADED if operation.id in ("b", "d") and turn < 3 else APPLIED

    bulk_writer, index = writer(rule)
    report = await bulk_writer.apply([document(name) for name in "abcd"])
    assert index.bulks == [["a", "b", "c", "d"], ["b", "d"], ["b", "d"]]
    assert (report.applied_count, report.overloaded_count, report.refused) == (4, 4, [])


async def test_what_stays_overloaded_raises_after_a_bound():
    bulk_writer, index = writer(lambda *_: OVERLOADED)
    with pytest.raises(SearchUnavailable, match="busy"):
        await bulk_writer.apply([document("a")])
    assert len(index.bulks) == BULK_ATTEMPTS_MAX


async def test_a_refused_document_is_told_and_its_neighbours_are_applied():
    bulk_writer, _ = writer(lambda each, _: REFUSED if each.id == "b" else APPLIED)
    poison = document("b")
    report = await bulk_writer.apply([document("a"), poison, document("c")])
    assert report.applied_count == 2
    assert report.refused == [(poison, "poison")]


async def test_stale_counts_as_done():
    bulk_writer, index = writer(lambda *_: ItemResult(ItemStatus.STALE))
    report = await bulk_writer.apply([document("a"), document("b")])
    assert (report.stale_count, len(index.bulks)) == (2, 1)


async def test_when_everything_is_refused_the_index_is_to_blame():
    bulk_writer, _ = writer(lambda *_: REFUSED)
    with pytest.raises(SearchUnavailable, match="refuses every document: poison"):
        await bulk_writer.apply([document(f"d{at}") for at in range(bulk.ALL_REFUSED_MIN)])


async def test_a_bulk_that_is_refused_as_a_whole_is_halved_until_the_culprit_stands_alone():
    class Picky(ScriptedIndex):
        async def bulk(self, operations, *, into=None):
            if any(each.id == "d5" for each in operations):
                self.bulks.append([each.id for each in operations])
                raise SearchRefused("too long a key")
            return await super().bulk(operations, into=into)

    index = Picky(lambda *_: APPLIED)
    report = await BulkWriter(index).apply([document(f"d{at}") for at in range(8)])
    assert report.applied_count == 7
    assert [(each.id, why) for each, why in report.refused] == [("d5", "too long a key")]


async def test_when_every_bulk_is_refused_down_to_single_documents_the_index_is_to_blame():
    class Closed(ScriptedIndex):
        async def bulk(self, operations, *, into=None):
            raise SearchRefused("nothing is right")

    index = Closed(lambda *_: APPLIED)
    with pytest.raises(SearchUnavailable, match="refuses every document: nothing is right"):
        await BulkWriter(index).apply([document(f"d{at}") for at in range(bulk.ALL_REFUSED_MIN)])


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("count", [1, 8])
async def test_an_index_that_lets_nobody_in_has_no_culprit_among_the_documents(status, count):
    class ShutOut(ScriptedIndex):
        async def bulk(self, operations, *, into=None):
            self.bulks.append([])
            raise status_error(status, "security_exception: token expired")

    index = ShutOut(lambda *_: APPLIED)
    with pytest.raises(SearchUnavailable, match=f"answered {status}"):
        await BulkWriter(index).apply([document(f"d{at}") for at in range(count)])
    assert len(index.bulks) == 1


async def test_an_index_that_is_away_raises_at_once():
    class Away(ScriptedIndex):
        async def bulk(self, operations, *, into=None):
            self.bulks.append([])
            raise SearchUnavailable("away")

    index = Away(lambda *_: APPLIED)
    with pytest.raises(SearchUnavailable, match="away"):
        await BulkWriter(index).apply([document("a")])
    assert len(index.bulks) == 1
