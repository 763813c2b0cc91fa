"""pack_batch: what one TransactWriteItems carries, and how balances are guarded."""

from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.entries import Bounds
from shared.store.items import strong_balance, strong_child
from shared.store.table import Absent, Put, Update, Within
from tests.builders_write import A, B, member, nothing_known, planned
from write_service.packing import pack_batch


def balance_updates(writes):
    return {write.key.pk: write for write in writes if isinstance(write, Update)}


def test_entries_on_one_account_become_one_update_of_their_sum():
    members = [member(planned(f"{at:x}", {A: 10, B: -10})) for at in range(8)]
    batch, left = pack_batch(members, "t", is_known=nothing_known)
    assert left == []
    assert len(batch.writes) == 8 + 2
    updates = balance_updates(batch.writes)
    assert updates[f"B#{A.account_id}"].add == {"v": 80}
    assert updates[f"B#{B.account_id}"].add == {"v": -80}


def test_a_total_balance_keeps_what_lies_below_the_account():
    total = BalanceKey("a" * 32, "USD", "total")
    huge = 3 * 10**36
    plans = [planned(str(at), {total: huge * sign}) for at, sign in enumerate((1, -1, 1))]
    below = [7, huge, 2]
    members = [
        member(plan._replace(deltas=(plan.deltas[0]._replace(amount=1, child=child),)))
        for plan, child in zip(plans, below, strict=True)
    ]
    batch, _ = pack_batch(members, "t", is_known=nothing_known)
    update = balance_updates(batch.writes)[f"B#{total.account_id}"]
    assert update.add == {"v": 3, "c": 9, "C": 3_000_000}
    item = {"pk": update.key.pk, "sk": update.key.sk, **update.add}
    assert (strong_balance(item), strong_child(item)) == (3, huge + 9)


def test_every_entry_is_guarded_absent_and_carries_the_batch_s_mark():
    batch, _ = pack_batch([member(planned("1", {A: 1}))], "token-1", is_known=nothing_known)
    put = batch.writes[0]
    assert isinstance(put, Put)
    assert put.guards == (Absent(),)
    assert put.item["a"] == "token-1"


def test_the_guard_is_the_tightest_condition_in_the_entries_order():
    at_least_0 = Bounds(gte=0)
    first = planned("1", {A: -30}, [(A, False, at_least_0)])
    second = planned("2", {A: 50})
    third = planned("3", {A: -40}, [(A, False, at_least_0)])
    batch, left = pack_batch(
        [member(first), member(second), member(third)], "t", is_known=nothing_known
    )
    update = balance_updates(batch.writes)[f"B#{A.account_id}"]
    assert left == []
    assert update.add == {"v": -20}
    assert update.guards == (Within("v", 30, INT96_MAX - 20),)


def test_a_precondition_is_judged_before_the_entry_s_own_delta():
    only = planned("1", {A: -5}, [(A, True, Bounds(eq=7))])
    batch, _ = pack_batch([member(only)], "t", is_known=nothing_known)
    assert balance_updates(batch.writes)[f"B#{A.account_id}"].guards == (Within("v", 7, 7),)


def test_every_balance_on_the_way_stays_within_int96():
    up = planned("1", {A: INT96_MAX})
    down = planned("2", {A: -INT96_MAX})
    batch, _ = pack_batch([member(up), member(down)], "t", is_known=nothing_known)
    update = balance_updates(batch.writes)[f"B#{A.account_id}"]
    assert update.add == {"v": 0}
    assert update.guards == (Within("v", INT96_MIN, 0),)


def test_a_member_that_contradicts_an_earlier_one_is_left_over_with_those_behind_it():
    first = member(planned("1", {A: 1}, [(A, True, Bounds(eq=0))]))
    contradicting = member(planned("2", {A: 1}, [(A, True, Bounds(eq=0))]))
    behind = member(planned("3", {A: 1}))
    beside = member(planned("4", {B: 1}))
    batch, left = pack_batch([first, contradicting, behind, beside], "t", is_known=nothing_known)
    assert batch.members == (first, beside)
    assert left == [contradicting, behind]


def test_an_atomic_member_is_packed_whole_or_not_at_all():
    singles = [member(planned(f"{at:02x}"[-1] + "0", {})) for at in range(3)]
    atomic = member(*[planned(chr(ord("g") + at), {A: 1}) for at in range(98)])
    batch, left = pack_batch([*singles, atomic], "t", is_known=nothing_known)
    assert batch.members == tuple(singles)
    assert left == [atomic]
    alone, left = pack_batch([atomic], "t", is_known=nothing_known)
    assert (len(alone.writes), left) == (99, [])


def test_a_pinned_balance_must_be_found_as_it_was():
    batch, _ = pack_batch(
        [member(planned("1", {A: 5}))], "t", is_known=nothing_known, exact={A: 40}
    )
    assert balance_updates(batch.writes)[f"B#{A.account_id}"].guards == (Within("v", 40, 40),)
