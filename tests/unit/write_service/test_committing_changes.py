"""The Committer with changes of standing entries: guards, marks, who has to plan again."""

import asyncio

import pytest

from shared.store import keys
from shared.store.items import chain_head, entry_from_item, has_mark
from shared.store.table import Is, Put, Update
from tests.builders_write import A, member, nothing_known, planned, reversing, updating
from tests.unit.write_service.test_committer import Rig
from write_service.packing import items_needed, pack_batch
from write_service.plans import Committed, Moved


@pytest.fixture
async def rig():
    return Rig()


async def post(rig, ik="x", amount=5):
    """A posted entry and its item."""
    plan = planned(ik, {A: amount})
    await rig.committer.commit(member(plan))
    return await read(rig, plan.entry.id)


async def read(rig, entry_id):
    item = await rig.memory.get(keys.entry(entry_id), consistent=True)
    return entry_from_item(item), item


def packed(*plans):
    batch, left = pack_batch([member(each) for each in plans], "t", is_known=nothing_known)
    assert left == []
    return batch


async def test_a_reversal_is_three_writes_and_a_balance_in_one_transaction(rig):
    entry, item = await post(rig)
    plan = reversing(entry, item, {A: -5})
    batch = packed(plan)
    assert len(batch.writes) == items_needed([plan]) == 3
    reversed_put = batch.writes[1]
    assert isinstance(reversed_put, Put)
    assert reversed_put.guards == (Is("r", 1),)
    assert (reversed_put.item["h"], reversed_put.item["a"], reversed_put.item["m"]) == (
        2,
        "token-1",
        "t",
    )
    assert isinstance(await rig.committer.commit(member(plan)), Committed)
    assert await rig.balance(A) == 0
    standing, item = await read(rig, entry.id)
    assert (standing.reversed_by, chain_head(item)) == (plan.entry.id, 2)


async def test_a_reversal_further_down_the_chain_moves_the_head_on_the_first_entry(rig):
    entry, item = await post(rig)
    later = entry._replace(position=3, id="3" * 32)
    plan = reversing(later, {**item, "pk": f"E#{later.id}"})
    batch = packed(plan)
    head = batch.writes[2]
    assert isinstance(head, Update)
    assert (head.key, head.set, head.guards) == (keys.entry(entry.id), {"h": 4}, (Is("h", 3),))
    assert items_needed([plan]) == 3


async def test_a_reversal_that_moves_a_balance_is_batched_with_posts_to_it(rig):
    entry, item = await post(rig)
    rig.recorder.batches.clear()
    outcomes = await asyncio.gather(
        rig.committer.commit(member(planned("y", {A: 7}))),
        rig.committer.commit(member(reversing(entry, item, {A: -5}))),
        rig.committer.commit(member(planned("z", {A: 9}))),
    )
    assert [type(each) for each in outcomes] == [Committed] * 3
    assert rig.recorder.batches == [(3, 5)]
    assert await rig.balance(A) == 16


async def test_a_change_planned_on_an_older_revision_moved_and_its_neighbours_go_on(rig):
    entry, item = await post(rig)
    await rig.committer.commit(member(updating(entry, item, "first")))
    stale, other = await asyncio.gather(
        rig.committer.commit(member(updating(entry, item, "second"))),
        rig.committer.commit(member(planned("y", {A: 1}))),
    )
    assert stale == Moved()
    assert isinstance(other, Committed)
    assert (await read(rig, entry.id))[0].tags == (("k", "first"),)


async def test_a_second_reversal_of_an_entry_moved(rig):
    entry, item = await post(rig)
    plan = reversing(entry, item, {A: -5})
    outcomes = await asyncio.gather(*[rig.committer.commit(member(plan)) for _ in range(3)])
    assert [type(each) for each in outcomes] == [Committed, Moved, Moved]
    assert await rig.committer.commit(member(plan)) == Moved()
    assert await rig.balance(A) == 0


async def test_a_post_onto_a_reversed_entry_moved_and_moves_nothing(rig):
    entry, item = await post(rig)
    await rig.committer.commit(member(reversing(entry, item, {A: -5})))
    assert await rig.committer.commit(member(planned("x", {A: 9}))) == Moved()
    batch = member(planned("new", {A: 1}), planned("x", {A: 9}))
    assert await rig.committer.commit(batch) == Moved()
    assert (await rig.balance(A), await rig.entries()) == (0, 2)


async def test_a_lost_answer_is_told_after_further_revisions(rig):
    """A store that forgot the token, while others have changed the entry again meanwhile."""
    entry, item = await post(rig)
    inner = rig.committer._table

    class Forgetful:
        first = True

        async def transact(self, writes, token):
            if self.first:
                self.first = False
                await inner.transact(writes, token)
                newer, standing = await read(rig, entry.id)
                later = packed(updating(newer, standing, "another's"))
                await inner.transact(later.writes, "another token")
            return await inner.transact(writes, f"{token} again")

        def __getattr__(self, name):
            return getattr(inner, name)

    rig.committer._table = Forgetful()
    outcome = await rig.committer.commit(member(updating(entry, item, "mine")))
    assert isinstance(outcome, Committed)
    standing, item = await read(rig, entry.id)
    assert [value for _, value in standing.tags] == ["mine", "another's"]
    assert standing.revision == 3
    assert has_mark(item, "token-1")
    assert has_mark(item, "token-2")
    assert not has_mark(item, "token")


async def test_a_change_of_an_entry_that_is_gone_moved(rig):
    entry, item = await post(rig)
    ghost = {**item, "pk": "E#" + "9" * 32}
    gone = entry._replace(id="9" * 32)
    assert await rig.committer.commit(member(updating(gone, ghost, "v"))) == Moved()
