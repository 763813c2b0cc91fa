"""What two Txs a balance transaction becomes, in every currency."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources import Refusal, SourcePage
from connectors.stripe_txs import currency_of, read_page
from shared.ledger.strings import text_problem
from shared.limits import DESCRIPTION_CHARS_MAX
from tests.stripe_server import ACCOUNT, transaction


def read(*listed: dict[str, Any], has_more: bool = False) -> SourcePage:
    return read_page(ACCOUNT, "Stripe", listed, has_more)


def only(given: dict[str, Any]) -> tuple[int, int]:
    """Gross and fee of one that can be read."""
    (one,) = read(given).transactions
    gross, fee = one.txs
    assert (gross.external_id, fee.external_id) == (f"{one.id}_gross", f"{one.id}_fee")
    assert gross.account == fee.account
    assert gross.posted_ms == fee.posted_ms == one.created_s * 1000
    return gross.amount, fee.amount


@given(amount=st.integers(-(2**53), 2**53), fee=st.integers(-(2**40), 2**40))
def test_gross_and_fee_come_to_the_net(amount: int, fee: int) -> None:
    gross, fees = only(transaction(1, amount, fee))
    assert gross + fees == transaction(1, amount, fee)["net"]


@pytest.mark.parametrize(
    "currency, amount, expected",
    [
        ("usd", 1234, 1234),
        ("jpy", 500, 500),
        ("kwd", 1230, 1230),
        ("isk", 500, 5),  # Stripe counts hundredths of a króna, which has none
        ("ugx", 1200, 12),
        ("mga", 7, 700),  # Stripe counts whole ariary, which have hundredths
    ],
)
def test_amounts_are_told_in_the_currency_s_own_unit(
    currency: str, amount: int, expected: int
) -> None:
    assert only(transaction(1, amount, -amount, currency=currency)) == (expected, expected)


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"currency": "isk", "amount": 550}, "its amount 550 can't be told in ISK"),
        ({"currency": "nix"}, "its currency nix is not known"),
        ({"currency": "usdc"}, "its currency usdc is not known"),
        ({"currency": None}, "its currency None is not known"),
        ({"amount": 1.5}, "its amount is not a whole number"),
        ({"fee": True}, "its fee is not a whole number"),
        ({"created": "now"}, "its created is not a whole number"),
        ({"created": -1}, "its created -1 is no time"),
        ({"created": 10**12}, "its created 1000000000000 is no time"),
        ({"amount": 2**120}, f"its amount {2**120} can't be told in USD"),
    ],
)
def test_one_that_can_not_be_read_is_told_and_the_others_are_read(
    changes: dict[str, Any], reason: str
) -> None:
    page = read({**transaction(2), **changes}, transaction(1))
    assert page.unreadable == (Refusal("txn_000002", reason),)
    assert [each.id for each in page.transactions] == ["txn_000001"]


@pytest.mark.parametrize("name", ["a#b", "", "x" * 128, None, 7])
def test_an_id_that_can_not_be_part_of_an_external_id_is_refused(name: object) -> None:
    (refusal,) = read({**transaction(1), "id": name}).unreadable
    assert refusal == Refusal(str(name)[:80], "its id can't be part of an external id")


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, "Charge: Order 1"),
        ({"description": None}, "Charge ch_000001"),
        ({"description": "", "source": None, "type": "payout_failure"}, "Payout failure"),
        ({"description": "a\nb\x00c"}, "Charge: a b c"),
        ({"type": None, "description": "x"}, "Transaction: x"),
    ],
)
def test_a_description_says_what_it_is(changes: dict[str, Any], expected: str) -> None:
    (one,) = read({**transaction(1), **changes}).transactions
    assert [tx.description for tx in one.txs] == [expected, f"Fee: {expected}"]


@given(st.text(max_size=2_000))
def test_any_description_is_one_that_a_tx_may_have(said: str) -> None:
    (one,) = read(transaction(1, description=said)).transactions
    for tx in one.txs:
        assert text_problem(tx.description, DESCRIPTION_CHARS_MAX) is None


def test_a_page_goes_on_behind_its_last_one_also_when_that_can_not_be_read() -> None:
    bad = {**transaction(1), "currency": "nix"}
    assert read(transaction(2), bad, has_more=True).after == "txn_000001"
    assert read(transaction(2), bad).after is None
    assert read(has_more=True).after is None


@pytest.mark.parametrize("text", ["custom", "usdc", 7, None, "US", "zzz"])
def test_what_is_no_currency_of_stripe_s_has_no_code(text: object) -> None:
    assert currency_of(text) is None
