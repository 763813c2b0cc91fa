"""What is counted before a member is queued is what its batch writes, whatever it is made of."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.accounts import LedgerAccount
from shared.ledger.balances import BalanceKey, GroupPlace
from shared.limits import TRANSACT_ITEMS_MAX
from shared.store.items import entry_item
from tests.builders_write import nothing_known, planned, reversing, updating
from write_service.packing import items_needed, items_to_reverse, pack_batch
from write_service.plans import EntryPlan, Member, PlannedDelta, TxClaim
from write_service.posting import transaction_too_large


def balance_keys(number: int) -> BalanceKey:
    account = f"{number:032d}"
    kind = number % 3
    if kind == 2:
        return BalanceKey(account, "USD", "group", GroupPlace("9" * 32, f"path{number}"))
    return BalanceKey(account, "USD", ("own", "total")[kind])


def account(number: int) -> LedgerAccount:
    return LedgerAccount(
        f"{number:032d}", "1" * 32, "w", f"p:{number}", f"p:{number}", "n", "asset", "single",
        "USD", None, None, 0, None,
    )  # fmt: skip


NUMBERS = st.integers(0, 60)
TXS = st.sets(st.integers(0, 40).map(lambda number: f"tx{number}"), max_size=30)


@st.composite
def plans(draw: st.DrawFn, ik: str) -> EntryPlan:
    """A post, an update or a reversal (of a later entry of its chain, too); the first and the last
    may account for Txs, which others of the member may write too.
    """
    deltas = {balance_keys(each): 1 for each in draw(st.sets(NUMBERS, max_size=50))}
    plan = planned(ik, deltas)
    kind = draw(st.sampled_from(["post", "update", "reverse", "reverse later"]))
    if kind == "update":
        moved = tuple([PlannedDelta(key, 1, "path", None) for key in deltas])
        return updating(plan.entry, plan.item, "v")._replace(deltas=moved)
    listed = [
        {"pk": f"L{ik}", "sk": str(each)} for each in range(draw(st.sampled_from([0, 1, 31])))
    ]
    if kind == "post":
        new = tuple([account(each) for each in sorted(draw(st.sets(NUMBERS, max_size=40)))])
        claims = tuple([TxClaim(tx, f"account{ik}", "", plan.entry.id) for tx in draw(TXS)])
        return plan._replace(listed=tuple(listed), accounts=new, claims=claims)
    entry = plan.entry
    if kind == "reverse later":
        entry = entry._replace(id=f"3{entry.id[1:]}", position=3)
    made = reversing(entry, entry_item(entry, ""), deltas)
    claims = tuple([TxClaim(tx, f"account{ik}", entry.id, "") for tx in draw(TXS)])
    return made._replace(listed=tuple(listed), claims=claims)


@given(st.data())
def test_a_member_fits_an_empty_batch_exactly_if_its_items_do(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    member = Member(tuple([data.draw(plans(str(at))) for at in range(count)]))
    needed = items_needed(member.plans)
    batch, left = pack_batch([member], "t", is_known=nothing_known)
    assert bool(batch.members) == (needed <= TRANSACT_ITEMS_MAX)
    assert len(left) == 1 - len(batch.members)
    if batch.members:
        assert len(batch.writes) == needed
    known, _ = pack_batch([member], "t", is_known=lambda _: True)
    assert len(known.writes) <= needed


@given(plans("x"))
def test_what_is_let_in_can_be_reversed(plan: EntryPlan) -> None:
    if transaction_too_large([plan]) is None:
        assert items_needed([plan]) <= TRANSACT_ITEMS_MAX
        assert items_to_reverse(plan) <= TRANSACT_ITEMS_MAX
    elif items_needed([plan]) <= TRANSACT_ITEMS_MAX:
        assert items_to_reverse(plan) > TRANSACT_ITEMS_MAX
