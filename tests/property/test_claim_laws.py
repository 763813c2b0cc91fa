"""Laws of claims on Txs: no batch writes one twice, a member changes one by one update."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.store.items import claim_attribute
from shared.store.table import Is, IsOrAbsent, Update
from tests.builders_write import member, nothing_known, planned
from write_service.packing import pack_batch, tx_writes
from write_service.plans import EntryPlan, Member, TxClaim

TXS = st.sets(st.sampled_from("uvwxyz"), max_size=3)


def claiming(ik: str, claims: list[TxClaim]) -> EntryPlan:
    plan = planned(ik, {})
    return EntryPlan(plan.entry, plan.item, plan.item_bytes, (), (), (), (), claims=tuple(claims))


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    found = []
    for at in range(draw(st.integers(1, 8))):
        claims = [TxClaim(each, "account", "", f"e{at}") for each in sorted(draw(TXS))]
        found.append(member(claiming(str(at), claims)))
    return found


@given(members())
def test_no_batch_writes_a_tx_twice_and_every_member_goes_once_in_order(
    asked: list[Member],
) -> None:
    left = asked
    gone: list[Member] = []
    while left:
        before = left
        batch, left = pack_batch(left, "t", is_known=nothing_known)
        assert batch.members
        written = [write.key for write in batch.writes]
        assert len(written) == len(set(written))
        assert [each for each in before if each not in left] == list(batch.members)
        gone += batch.members
        for place, at in batch.chains.items():
            tx_id = batch.writes[place].key.pk.partition("#")[2]
            assert tx_id in batch.members[at].tx_ids()
    assert sorted(map(id, gone)) == sorted(map(id, asked))
    for one, other in pairwise(asked):  # those that share a Tx keep their order
        if not one.tx_ids().isdisjoint(other.tx_ids()):
            assert gone.index(one) < gone.index(other)


# Of each Tx and account: who accounts for it before, and what the member's plans make of it.
STORIES = st.dictionaries(
    st.tuples(st.sampled_from("xyz"), st.sampled_from("abc")),
    st.tuples(
        st.sampled_from(["", "old"]), st.lists(st.sampled_from(["", "e1", "e2"]), min_size=1)
    ),
    min_size=1,
)


@given(STORIES)
def test_what_a_member_changes_of_a_tx_is_one_update(
    stories: dict[tuple[str, str], tuple[str, list[str]]],
) -> None:
    plans: list[EntryPlan] = []
    for (tx_id, account), (before, steps) in stories.items():
        at = before
        for place, after in enumerate(steps):
            claim = TxClaim(tx_id, account, at, after)
            plans.append(claiming(f"{tx_id}{account}{place}", [claim]))
            at = after
    writes = tx_writes(plans)
    assert {write.key.pk for write in writes} == {f"T#{tx_id}" for tx_id, _ in stories}
    for write in writes:
        assert isinstance(write, Update)
        tx_id = write.key.pk[2:]
        of_tx = {account: story for (tx, account), story in stories.items() if tx == tx_id}
        count = 0
        for account, (before, steps) in of_tx.items():
            name = claim_attribute(account)
            assert write.set[name] == steps[-1]
            guard = Is(name, before) if before else IsOrAbsent(name, "")
            assert guard in write.guards
            count += bool(steps[-1]) - bool(before)
        assert (write.add.get("n", 0), write.add["r"]) == (count, 1)
        assert len(write.guards) == len(of_tx) + 2
