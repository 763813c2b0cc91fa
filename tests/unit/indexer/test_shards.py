"""Which shards may be followed: parents before children, and what went by unread is noticed."""

import pytest

from indexer.shards import ShardGraph
from shared.store.streams import Shard


def shard(name: str, parent: str | None = None, *, closed: bool = False) -> Shard:
    return Shard(name, parent, closed)


SPLIT = [
    shard("a", closed=True),
    shard("b", "a", closed=True),
    shard("c", "b"),
    shard("d", "b"),
    shard("e"),
]


@pytest.mark.parametrize(
    "finished, ready",
    [
        ({}, ["a", "e"]),
        ({"a": False}, ["a", "e"]),
        ({"a": True}, ["b", "e"]),
        ({"a": True, "b": False, "e": True}, ["b"]),
        ({"a": True, "b": True}, ["c", "d", "e"]),
        ({"a": True, "b": True, "c": True, "d": True, "e": True}, []),
        ({"b": True}, ["a", "c", "d", "e"]),
    ],
)
def test_a_child_is_ready_once_its_parent_is_finished(finished, ready):
    assert [each.id for each in ShardGraph(SPLIT).ready(finished)] == ready


def test_order_of_listing_does_not_matter():
    listed = ShardGraph(reversed(SPLIT)).ready({"a": True})
    assert sorted(each.id for each in listed) == ["b", "e"]


def test_a_shard_whose_parent_is_no_longer_listed_is_ready():
    graph = ShardGraph([shard("c", "b"), shard("d", "c")])
    assert [each.id for each in graph.ready({})] == ["c"]
    assert [each.id for each in graph.roots()] == ["c"]


@pytest.mark.parametrize(
    "finished, lost",
    [
        ({}, []),  # a projector that begins has lost nothing
        ({"b": True}, []),
        ({"b": False}, ["b"]),
        ({"b": True, "c": False}, []),
        ({"a": True}, ["b"]),  # b came and went between a and c
        ({"c": True}, []),
    ],
)
def test_what_the_stream_forgot_unread_is_lost(finished, lost):
    assert ShardGraph([shard("c", "b"), shard("d", "c")]).lost(finished) == lost


@pytest.mark.parametrize(
    "finished, forgettable",
    [
        ({"a": True, "b": True}, ["a"]),  # b is still named by c, which has no checkpoint yet
        ({"a": True, "b": True, "c": False}, ["a", "b"]),
        ({"a": False, "b": True, "c": False}, ["b"]),
        ({"c": True, "d": True}, []),
    ],
)
def test_a_checkpoint_is_forgotten_once_no_child_needs_it(finished, forgettable):
    graph = ShardGraph([shard("c", "b"), shard("d", "c")])
    assert graph.forgettable(finished) == forgettable
