"""Of an entry that is sent twice the second sending isn't refused on what the first has moved."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from shared.clock import FixedClock
from shared.ledger.entries import Bounds
from shared.store.items import strong_balance
from shared.store.table import Cancelled, Cause, Put, Reason, Table, Transacted, Write
from shared.testing.memory import MemoryTable
from tests.builders_write import A, member, nothing_known, planned
from tests.write_rig import write_services
from write_service.packing import balance_item_key, pack_batch
from write_service.plans import Committed, Member, Outcome, Rejected
from write_service.posting import WriteServices, commit_member

AT_LEAST_0 = Bounds(gte=0)


@dataclass
class Interloper:
    """The table, and another process that commits `its` members before our batch number `at`.
    What our batch is then told of its entries is `told`, if given: a transaction may still hold
    them."""

    inner: MemoryTable
    its: Sequence[Member] = ()
    at: int = 1
    told: Cause | None = None
    batches: int = 0

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        self.batches += 1
        if self.batches != self.at:
            return await self.inner.transact(writes, token)
        for number, each in enumerate(self.its):
            batch, _ = pack_batch([each], f"its {number}", is_known=nothing_known)
            assert await self.inner.transact(batch.writes, batch.token) == Transacted()
        answer = await self.inner.transact(writes, token)
        if self.told is None:
            return answer
        assert isinstance(answer, Cancelled)
        reasons = zip(writes, answer.reasons, strict=True)
        return Cancelled(
            tuple([Reason(self.told) if isinstance(w, Put) else each for w, each in reasons])
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def rig(its: Sequence[Member], at: int, told: Cause | None = None) -> WriteServices:
    """A process whose account A holds 30."""
    clock = FixedClock()
    table = Interloper(MemoryTable(clock=clock))
    services = write_services(table, clock, count(1))  # type: ignore[arg-type]
    assert isinstance(await commit_member(services, member(planned("0", {A: 30}))), Committed)
    table.its, table.at, table.told = its, table.batches + at, told
    return services


def withdrawal(ik: str, amount: int) -> Member:
    return member(planned(ik, {A: -amount}, [(A, False, AT_LEAST_0)]))


async def balance(table: Table) -> int:
    return strong_balance(await table.get(balance_item_key(A)))


def is_replay(outcome: Outcome) -> bool:
    return isinstance(outcome, Committed) and outcome.entries[0][1]


async def test_an_entry_whose_item_is_held_is_not_refused_on_the_balance_it_left() -> None:
    for told in (Cause.CONFLICT, Cause.NONE):  # or whose item nothing was said of
        twice = withdrawal("1", 30)
        services = await rig([twice], 1, told)
        assert is_replay(await commit_member(services, twice))
        assert await balance(services.table) == 0


async def test_an_entry_refused_behind_another_is_looked_for_before_it_is_told() -> None:
    """The second of two is refused behind the first, while another process commits it."""
    first, second = withdrawal("1", 30), withdrawal("2", 20)
    services = await rig([second], 2)
    one, other = await asyncio.gather(
        commit_member(services, first), commit_member(services, second)
    )
    assert isinstance(one, Rejected)
    assert is_replay(other)
    assert await balance(services.table) == 10


async def test_a_balance_that_came_back_to_what_it_was_hides_no_entry() -> None:
    """As before, but the pinned balance is found again: the first of the two is committed."""
    first, second = withdrawal("1", 30), withdrawal("2", 20)
    services = await rig([second, member(planned("3", {A: 20}))], 2)
    one, other = await asyncio.gather(
        commit_member(services, first), commit_member(services, second)
    )
    assert isinstance(one, Committed)
    assert is_replay(other)
    assert await balance(services.table) == 0


async def test_an_atomic_batch_whose_entries_stand_in_part_posts_the_rest() -> None:
    taken = planned("1", {A: -30}, [(A, False, AT_LEAST_0)])
    services = await rig([member(taken)], 1, Cause.CONFLICT)
    outcome = await commit_member(services, member(taken, planned("2", {A: 4})))
    assert isinstance(outcome, Committed)
    assert [is_replay for _, is_replay in outcome.entries] == [True, False]
    assert await balance(services.table) == 4
