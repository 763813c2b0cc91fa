"""pack_batch: what one TransactWriteItems carries, and how balances are guarded."""

from shared.ledger.accounts import LedgerAccount
from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.balances import BalanceKey
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.entries import Bounds
from shared.ledger.identifiers import account_id
from shared.ledger.rejections import Rejection
from shared.limits import (
    ACCOUNT_PATH_CHARS_MAX,
    COMMIT_BATCH_BYTES_MAX,
    CUSTOM_CURRENCY_CHARS_MAX,
    ITEM_BYTES_MAX,
    NAME_CHARS_MAX,
    TRANSACT_BYTES_MAX,
)
from shared.store.items import account_item, item_bytes, strong_balance, strong_child
from shared.store.table import Absent, Put, Update, Within
from tests.builders_write import A, B, member, nothing_known, planned
from write_service.packing import UPDATE_BYTES, account_bytes, pack_batch
from write_service.posting import transaction_too_large


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


def largest_account(number: int) -> LedgerAccount:
    """An instance whose every text is as long as it can be."""
    path = f"{number:03}" + "😀" * (ACCOUNT_PATH_CHARS_MAX - 3)
    return LedgerAccount(
        id=account_id("l", path),
        ledger_id="l" * 32,
        workspace_id="w" * 32,
        path=path,
        ik=path,
        name="\n" * NAME_CHARS_MAX,
        type="liability",
        currency_mode="single",
        currency=CUSTOM_PREFIX + "😀" * CUSTOM_CURRENCY_CHARS_MAX,
        parent_id="p" * 32,
        parent_path="😀" * ACCOUNT_PATH_CHARS_MAX,
        created_ms=10**14,
        linked=("😀" * NAME_CHARS_MAX, "😀" * NAME_CHARS_MAX),
    )


def test_a_new_account_counts_for_what_it_takes():
    account = largest_account(1)
    counted = account_bytes(account) + 2 * UPDATE_BYTES
    assert counted * 0.9 < item_bytes(account_item(account)) <= counted


def test_new_accounts_and_large_entries_fit_into_one_transaction():
    plans = []
    for at in range(9):
        accounts = tuple([largest_account(10 * at + each) for each in range(10)])
        plans.append(planned(str(at), {})._replace(item_bytes=ITEM_BYTES_MAX, accounts=accounts))
    batch, left = pack_batch(
        [member(plan) for plan in [*plans[1:], plans[0]]], "t", is_known=nothing_known
    )
    assert left
    new = [plan for each in batch.members for plan in each.plans]
    size = sum(plan.item_bytes for plan in new)
    size += sum(item_bytes(account_item(account)) for plan in new for account in plan.accounts)
    assert COMMIT_BATCH_BYTES_MAX * 0.8 < size < TRANSACT_BYTES_MAX
    assert transaction_too_large(plans) == Rejection(
        "entry_too_large",
        f"The entry takes {9 * (ITEM_BYTES_MAX + 10 * account_bytes(largest_account(0)))} bytes; "
        f"at most {COMMIT_BATCH_BYTES_MAX} are allowed.",
        False,
    )
    assert transaction_too_large(plans[:1]) is None
    assert (
        transaction_too_large([each._replace(accounts=plans[0].accounts) for each in plans[:6]])
        is None
    )


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
