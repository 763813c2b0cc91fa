"""Strong balances of groups: planned, packed into a batch's hundred items, and never in two batches
at once."""

import pytest

from shared.errors import RejectionError
from shared.ledger.amounts import INT96_MAX
from shared.ledger.balances import BalanceKey, GroupPlace
from shared.ledger.identifiers import account_id, group_id
from shared.ledger.ledgers import Ledger
from shared.store import keys
from shared.store.table import Update, Within
from tests.builders import entry, ledger
from tests.builders_schema import compiled, edited, quickstart
from tests.builders_write import A, member, nothing_known, planned
from write_service.packing import balance_item_key, items_needed, pack_batch
from write_service.planning.entries import group_deltas
from write_service.planning.view import LedgerView

ANN = "liabilities/users:ann/available"
BOB = "liabilities/users:bob/available"
CASH = "assets/banks/user-cash"
LEDGER: Ledger = ledger()


def view() -> LedgerView:
    """The quickstart ledger; users are strong in groups of `order`, pending ones in none."""
    users = "chartOfAccounts.accounts[1].children[0]"
    document = edited(
        quickstart(),
        {
            f"{users}.consistencyConfig.groups": [
                {"key": "order", "ownBalanceUpdates": "strong"},
                {"key": "invoice", "ownBalanceUpdates": "strong"},
            ],
            f"{users}.children[1].consistencyConfig": {
                "groups": [{"key": "order", "ownBalanceUpdates": "eventual"}]
            },
        },
    )
    return LedgerView(LEDGER, compiled(document), lambda _: None)


def key(group: str, value: str, path: str, currency: str = "USD") -> BalanceKey:
    place = GroupPlace(group_id(LEDGER.id, group, value), path)
    return BalanceKey(account_id(LEDGER.id, path), currency, "group", place)


def deltas(one, *groups) -> dict[BalanceKey, int]:
    return {delta.key: delta.amount for delta in group_deltas(view(), one, groups)}


PAYMENT = entry(LEDGER, "pay", (CASH, 7), (ANN, 5), (BOB, 4), (ANN, -2))


def test_each_strong_account_gets_the_sum_of_its_lines_in_each_group():
    assert deltas(PAYMENT, ("order", "1"), ("invoice", "x"), ("batch", "9")) == {
        key("order", "1", ANN): 3,
        key("order", "1", BOB): 4,
        key("invoice", "x", ANN): 3,
        key("invoice", "x", BOB): 4,
    }


def test_a_joined_group_gets_the_lines_and_those_held_before_get_nothing():
    after = PAYMENT._replace(groups=(("order", "1"), ("invoice", "x")))
    assert deltas(after, ("invoice", "x")) == {
        key("invoice", "x", ANN): 3,
        key("invoice", "x", BOB): 4,
    }


def test_what_a_child_overrides_is_not_strong_and_what_it_inherits_is():
    pending = "liabilities/users:ann/pending"
    one = entry(LEDGER, "hold", (ANN, -5), (pending, 5))
    assert deltas(one, ("order", "1"), ("invoice", "1")) == {
        key("order", "1", ANN): -5,
        key("invoice", "1", ANN): -5,
        key("invoice", "1", pending): 5,
    }


def test_no_strong_key_and_no_group_move_nothing():
    assert deltas(PAYMENT) == {}
    assert deltas(PAYMENT, ("batch", "1")) == {}
    assert deltas(entry(LEDGER, "x", (CASH, 7), ("income", 7)), ("order", "1")) == {}


def test_currencies_stay_apart_and_zeros_count():
    one = entry(LEDGER, "x", (ANN, 5), (ANN, -5), (ANN, 3, "EUR"))
    assert deltas(one, ("order", "1")) == {
        key("order", "1", ANN): 0,
        key("order", "1", ANN, "EUR"): 3,
    }


def test_a_sum_beyond_int96_is_refused():
    one = entry(LEDGER, "x", (ANN, INT96_MAX), (ANN, 1))
    with pytest.raises(RejectionError) as refused:
        group_deltas(view(), one, [("order", "1")])
    assert refused.value.rejection.code == "amount_overflow"


# --- Packing --------------------------------------------------------------------------------------
def test_entries_of_one_group_become_one_update_that_names_the_account():
    at = key("order", "1", ANN)
    members = [member(planned(f"{ik}", {A: 1, at: 2})) for ik in range(5)]
    batch, left = pack_batch(members, "t", is_known=nothing_known)
    assert (len(batch.writes), left) == (5 + 2, [])
    assert at.group is not None
    item = keys.group_strong(at.group.group_id, ANN, at.account_id, "USD")
    assert balance_item_key(at) == item
    (update,) = [w for w in batch.writes if isinstance(w, Update) and w.key == item]
    assert (update.add, update.set_if_absent) == ({"v": 10}, {"p": ANN})
    assert update.guards == (Within("v", -INT96_MAX, INT96_MAX - 10),)


def test_balances_of_groups_count_among_a_batchs_hundred_items():
    """Nine members of one entry and ten balances of groups each are 99 items."""
    members = [
        member(planned(f"{ik:x}", {key("order", f"{ik}-{at}", ANN): 1 for at in range(10)}))
        for ik in range(12)
    ]
    batch, left = pack_batch(members, "t", is_known=nothing_known)
    assert len(batch.writes) == 99
    assert left == members[9:]
    assert items_needed(members[0].plans) == 11


def test_two_members_of_one_strong_group_share_a_balance():
    """So two batches in flight never hold both: the committer keeps them apart by these keys."""
    one = member(planned("1", {key("order", "1", ANN): 1}))
    other = member(planned("2", {key("order", "1", ANN): 1}))
    third = member(planned("3", {key("order", "2", ANN): 1}))
    assert one.keys() & other.keys() == {key("order", "1", ANN)}
    assert one.keys().isdisjoint(third.keys())
