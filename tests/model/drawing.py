"""What the ledger's model tests draw: entries as (kind, arguments), a function of `ledger_schema`
and what it is called with.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.model.ledger_schema import wallet
from tests.model.oracle import INT96, Condition

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USER_NAMES = ("ann", "bob", "cid")
ORDER_NAMES = ("o-1", "o-2")
CODES = {  # the API's, by the oracle's words
    "unbalanced": "invalid_entry_balance",
    "condition": "conditional_request_failed",
    "overflow": "balance_overflow",
    "archived": "entry_type_disabled",
    "unknown": "ledger_entry_type_not_found",
    "hidden": "ledger_entry_reversed",
    "group": "group_conflict",
    "limit": "ledger_entry_too_many_updates",
}

IKS = st.integers(0, 12).map(lambda at: f"ik-{at}")
USERS = st.sampled_from(USER_NAMES)
ORDERS = st.sampled_from(ORDER_NAMES)
AMOUNTS = st.integers(2, 50) | st.sampled_from([INT96, INT96 - 1])
MOMENTS = st.sampled_from(
    [
        "1600-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "2023-12-31T23:59:59.999Z",
        "2024-01-01T00:00:00.000Z",
        "2024-02-29T12:29:59.999Z",
        "2024-02-29T12:30:00.000Z",
        "2024-02-29T18:29:59.999Z",
        "2024-03-31T23:59:59.999Z",
        "2400-06-15T08:00:00.000Z",
    ]
).map(lambda text: round((datetime.fromisoformat(text) - EPOCH) / timedelta(milliseconds=1)))
TAGS = st.dictionaries(
    st.sampled_from(["user", "memo", "cause"]), st.sampled_from("ab"), max_size=2
)
GROUPS = st.dictionaries(st.sampled_from(["order", "batch"]), ORDERS, max_size=2)

_BOUNDS = st.sampled_from([0, 2, 50, INT96])
_CONDITIONS = st.lists(  # of the payer's and the payee's wallets
    st.tuples(
        st.booleans(),
        st.booleans(),
        st.one_of(
            st.fixed_dictionaries({"eq": _BOUNDS}),
            st.fixed_dictionaries({"gte": _BOUNDS}, optional={"lte": _BOUNDS}),
            st.fixed_dictionaries({"lte": _BOUNDS}),
        ),
    ),
    min_size=1,
    max_size=2,
)


def _pay(
    ik: str, moment: int, user: str, payee: str, amount: int, groups: Any, conditions: Any
) -> tuple[str, tuple[Any, ...]]:
    made = tuple(
        Condition(wallet(payee if of_payee else user), is_pre, **bounds)
        for of_payee, is_pre, bounds in conditions
    )
    return "pay", (ik, moment, user, payee, amount, groups, made)


_CONDITIONED = st.one_of(st.just([]), st.just([]), _CONDITIONS)
FUNDS = st.builds(
    lambda *args: ("fund", args), IKS, MOMENTS, USERS, ORDERS, AMOUNTS, st.sampled_from([1, 2])
)
PAYMENTS = st.builds(_pay, IKS, MOMENTS, USERS, USERS, AMOUNTS, GROUPS, _CONDITIONED)
SWAPS = st.builds(
    lambda *args: ("swap", args),
    IKS,
    MOMENTS,
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([True, True, True, False]),
)
EXTRAS = st.builds(
    lambda *args: ("extra", args), IKS, MOMENTS, st.integers(1, 3), st.integers(1, 9)
)
