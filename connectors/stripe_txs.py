"""PURE: Stripe's balance transactions -> Txs, two for each.

    txn_1  amount 10_00  fee 59  ─►  txn_1_gross  +10_00      txn_1_fee  -59

Both stand in the External Account of the currency (`acct_1_usd`) and were posted when Stripe
created the balance transaction: that never changes, while the day on which its money becomes
available may lie ahead. A fee of zero is a Tx of zero, so every balance transaction is two Txs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sources import Refusal, SourceAccount, SourcePage, SourceTransaction, SourceTx
from shared.ledger.amounts import in_int96
from shared.ledger.currencies import currency_precision, make_currency
from shared.ledger.links import STRIPE_FEE, STRIPE_GROSS
from shared.ledger.positions import POSTED_MS_MAX
from shared.ledger.strings import safe_string_problem
from shared.limits import CUSTOM_CURRENCY_PRECISION_MAX, DESCRIPTION_CHARS_MAX

# Decimal places of Stripe's amounts. They aren't always the currency's own: Stripe counts ISK and
# UGX in hundredths that don't exist, and MGA in whole ariary.
_NO_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
_THREE_DECIMALS = frozenset("BHD JOD KWD OMR TND".split())
_TENS = tuple(10**each for each in range(CUSTOM_CURRENCY_PRECISION_MAX + 1))
_SHOWN_CHARS_MAX = 80

Given = Mapping[str, Any]


class _Unreadable(Exception):
    """What of a balance transaction isn't as it should be."""


def stripe_account(account_id: str, link_name: str, currency: str) -> SourceAccount:
    """The account that holds a Stripe account's balance in one currency."""
    external_id = f"{account_id}_{currency.lower()}"
    return SourceAccount(external_id, f"{link_name} {currency}", currency)


def currency_of(text: object) -> str | None:
    """The currency that Stripe calls `text` (`usd`), if it is one that amounts are known of."""
    if not isinstance(text, str) or len(text) != 3:
        return None
    code = text.upper()
    return None if isinstance(make_currency(code), str) else code


def read_page(
    account_id: str, link_name: str, listed: Sequence[Given], has_more: bool
) -> SourcePage:
    """A page of Stripe's list. What can't be read is told by its id and passed over."""
    transactions, unreadable = [], []
    for each in listed:
        try:
            transactions.append(_transaction(account_id, link_name, each))
        except _Unreadable as problem:
            name = str(each.get("id"))[:_SHOWN_CHARS_MAX]
            unreadable.append(Refusal(name, str(problem)))
    after = str(listed[-1].get("id")) if has_more and listed else None
    return SourcePage(tuple(transactions), tuple(unreadable), after)


def _transaction(account_id: str, link_name: str, given: Given) -> SourceTransaction:
    name = given.get("id")
    if (
        not isinstance(name, str)
        or not name
        or safe_string_problem(name + STRIPE_GROSS) is not None
    ):
        raise _Unreadable("its id can't be part of an external id")
    currency = currency_of(given.get("currency"))
    if currency is None:
        shown = str(given.get("currency"))[:_SHOWN_CHARS_MAX]
        raise _Unreadable(f"its currency {shown} is not known")
    created_s = _whole(given, "created")
    if not 0 <= created_s * 1000 <= POSTED_MS_MAX:
        raise _Unreadable(f"its created {created_s} is no time")
    account = stripe_account(account_id, link_name, currency)
    description = _description(given)
    gross = _amount(_whole(given, "amount"), currency)
    fee = _amount(_whole(given, "fee"), currency)
    posted_ms = created_s * 1000
    txs = (
        SourceTx(account, name + STRIPE_GROSS, gross, description, posted_ms),
        SourceTx(account, name + STRIPE_FEE, -fee, f"Fee: {description}", posted_ms),
    )
    return SourceTransaction(name, created_s, txs)


def _whole(given: Given, field: str) -> int:
    value = given.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unreadable(f"its {field} is not a whole number")
    return value


def _amount(amount: int, currency: str) -> int:
    """Stripe's amount in the currency's own smallest unit."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    more = currency_precision(currency) - decimals
    scaled, rest = amount, 0
    if more > 0:
        scaled = amount * _TENS[more]
    elif more < 0:
        scaled, rest = divmod(amount, _TENS[-more])
    if rest or not in_int96(scaled):
        raise _Unreadable(f"its amount {amount} can't be told in {currency}")
    return scaled


def _description(given: Given) -> str:
    """`Charge: Order 17`, `Payout po_1`: what it is, and what Stripe says of it."""
    kind = str(given.get("type") or "transaction").replace("_", " ").capitalize()
    said, source = given.get("description"), given.get("source")
    if said:
        text = f"{kind}: {said}"
    else:
        text = f"{kind} {source}" if isinstance(source, str) else kind
    printable = "".join(each if each.isprintable() else " " for each in text)
    return printable[: DESCRIPTION_CHARS_MAX - len("Fee: ")]
