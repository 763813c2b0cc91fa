"""What a sync does, decided on what stands; and that it is what syncing one by one does."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.identifiers import external_account_id, link_id, parse_external_account_id
from shared.ledger.links import ExternalAccount, Link, Tx, derived_tx_id, tx_from_record, tx_record
from shared.ledger.rejections import Rejection
from write_service.planning.links import (
    AccountsPlan,
    TxsPlan,
    WantedAccount,
    WantedTx,
    plan_accounts,
    plan_deletion,
    plan_txs,
)

LINK = Link(link_id("w", "bank"), "w", "CustomLink", "bank", "Bank", 1)
ACCOUNT = ExternalAccount(
    id=external_account_id(LINK.id, "checking"),
    workspace_id="w",
    link_id=LINK.id,
    external_id="checking",
    name="Checking",
    currency_mode="single",
    currency="USD",
    created_ms=1,
)


def wanted(external_id: str = "a", **changes: Any) -> WantedTx:
    plain = WantedTx(ACCOUNT, external_id, 100, "USD", "Tx", 1_000)
    return replace(plain, **changes)


def planned(txs: list[WantedTx], standing: dict[tuple[str, str], Tx], now_ms: int = 5) -> TxsPlan:
    plan = plan_txs(txs, standing, now_ms)
    assert isinstance(plan, TxsPlan), plan
    return plan


def after(standing: dict[tuple[str, str], Tx], plan: TxsPlan) -> dict[tuple[str, str], Tx]:
    return standing | {(tx.account_id, tx.external_id): tx for tx in plan.changed}


def test_a_new_tx_has_the_id_of_its_place_and_an_unchanged_one_is_left():
    plan = planned([wanted()], {})
    (tx,) = plan.txs
    assert plan.changed == (tx,)
    assert tx.id == derived_tx_id(tx)
    assert (tx.sequence, tx.revision, tx.created_ms) == (1, 1, 5)
    assert tx_from_record(tx_record(tx)) == tx
    again = planned([wanted()], after({}, plan), now_ms=9)
    assert (again.txs, again.changed) == ((tx,), ())


def test_a_deleted_tx_is_followed_by_another():
    (tx,) = planned([wanted()], {}).txs
    gone = plan_deletion(tx, 7)
    assert (gone.deleted_at_ms, gone.revision) == (7, 2)
    assert plan_deletion(gone, 8) == gone
    assert tx_from_record(tx_record(gone)) == gone
    (next_one,) = planned([wanted(amount=5)], {wanted().name: gone}).changed
    assert (next_one.sequence, next_one.revision, next_one.amount) == (2, 1, 5)
    assert next_one.id == derived_tx_id(next_one) != tx.id


@pytest.mark.parametrize("changes", [{"amount": 1}, {"posted_ms": 1}, {"currency": "EUR"}])
def test_what_never_changes_is_refused_by_name(changes: dict[str, Any]):
    plan = planned([wanted()], {})
    refused = plan_txs([wanted("b"), wanted(**changes)], after({}, plan), 9)
    assert isinstance(refused, Rejection)
    assert refused.code == "tx_conflict"
    assert refused.message.startswith("No Tx was synced: txs[1] (a) ")


def test_five_conflicts_are_told_and_the_rest_counted():
    txs = [wanted(f"t{at}") for at in range(9)]
    plan = planned(txs, {})
    refused = plan_txs([replace(tx, amount=0) for tx in txs], after({}, plan), 9)
    assert isinstance(refused, Rejection)
    assert refused.message.count("which can't become") == 5
    assert refused.message.endswith("; and 4 more.")


_TXS = st.builds(wanted, st.sampled_from("abc"), description=st.sampled_from(["x", "y", "z"]))


@given(st.lists(_TXS, max_size=12), st.lists(_TXS, max_size=12))
def test_a_sync_leaves_what_syncing_one_by_one_leaves(first: list[WantedTx], then: list[WantedTx]):
    standing = after({}, planned(first, {}))
    together = planned(then, standing)
    whole = after(standing, together)
    alone = standing
    for each in then:
        alone = after(alone, planned([each], alone))
    assert {name: tx.description for name, tx in whole.items()} == {
        name: tx.description for name, tx in alone.items()
    }
    assert [tx.id for tx in together.txs] == [alone[each.name].id for each in then]
    assert list(together.txs) == [whole[each.name] for each in then]
    assert len({tx.id for tx in together.changed}) == len(together.changed)
    for tx in together.changed:
        before = standing.get((tx.account_id, tx.external_id))
        assert tx.revision == (1 if before is None else before.revision + 1)


def account(name: str = "Checking", mode: Any = None, currency: str | None = None) -> WantedAccount:
    return WantedAccount("checking", name, mode, currency)


def test_an_account_is_renamed_once_however_often_it_is_named():
    standing = {ACCOUNT.id: ACCOUNT}
    plan = plan_accounts(LINK, [account("A"), account("B")], standing, 9)
    renamed = replace(ACCOUNT, name="B", revision=2)
    assert plan == AccountsPlan((renamed, renamed), (renamed,))
    back = plan_accounts(LINK, [account("A"), account()], standing, 9)
    assert back == AccountsPlan((ACCOUNT, ACCOUNT), ())


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        (account(mode="multi"), "has the currency mode single, which can't become multi"),
        (account(currency="EUR"), "has the currency USD, which can't become EUR"),
    ],
)
def test_an_account_s_currency_is_for_ever(asked: WantedAccount, detail: str):
    refused = plan_accounts(LINK, [asked], {ACCOUNT.id: ACCOUNT}, 9)
    assert isinstance(refused, Rejection)
    assert refused.message == f"No account was synced: accounts[0] (checking) {detail}."
    fits = plan_accounts(LINK, [account("N", "single", "USD")], {ACCOUNT.id: ACCOUNT}, 9)
    assert isinstance(fits, AccountsPlan)


def test_an_external_account_s_id_says_its_link():
    parsed = parse_external_account_id(ACCOUNT.id)
    assert parsed is not None
    assert parsed[0] == LINK.id
    for text in ("", LINK.id, f"{LINK.id}-", f"{LINK.id}-0", f"-{LINK.id}"):
        assert parse_external_account_id(text) is None
