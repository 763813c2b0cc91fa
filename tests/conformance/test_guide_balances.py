"""The guide's documents of sections H, K and L: balances, consistency, currencies."""

from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.common.api import Refused
from loadtests.common.system import System
from tests.conformance.guide_documents import Guide, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

LEDGER = "quickstart-ledger"
USER = "liabilities/users:user-1/available"
SALE = """query sale($ledger: SafeString!) {
  ledgerAccount(ledgerAccount: {path: "cash/till", ledger: {ik: $ledger}}) {
    ownBalance(consistencyMode: strong) lines { nodes { amount } }
  }
}"""


def fund(guide: Guide, ledger: str, ik: str, amount: int, posted: str, **more: str) -> None:
    parameters = {"user_id": "user-1", "funding_amount": str(amount), **more}
    guide.post(ledger, ik, "user_funds_account", posted, parameters)


@pytest.fixture(scope="module")
def guide(system: System) -> Iterator[Guide]:
    """Section H: a Ledger of the years 1968 and 1969, and one in two currencies."""
    guide = Guide(system.connection, "h")
    with guide.api:
        guide.make_ledger(LEDGER)
        fund(guide, LEDGER, "first", 1, "1968-09-30T23:59:59.999Z")
        fund(guide, LEDGER, "quarter", 20, "1968-10-01")
        fund(guide, LEDGER, "christmas", 300, "1968-12-25T08:00:00.000Z")
        fund(guide, LEDGER, "last", 4_000, "1968-12-31T23:59:59.999Z")
        fund(guide, LEDGER, "new", 50_000, "1969-01-01T00:00:00.000Z")
        fund(guide, LEDGER, "step", 600_000, "1969-07-21T02:56:15.000Z")
        fund(guide, LEDGER, "hour", 7_000_000, "1969-07-21T03:00:00.000Z")
        fund(guide, LEDGER, "day", 80_000_000, "1969-07-22")
        fund(guide, LEDGER, "month", 900_000_000, "1969-08-01")
        fund(guide, LEDGER, "year", 2_000_000_000, "1970-01-01")
        hold = {"user_id": "user-1", "amount": "5"}
        guide.post(LEDGER, "hold", "hold", "1969-12-31", hold)
        guide.make_ledger("ledger-ik", "multi")
        fund(guide, "ledger-ik", "usd", 100, "1969-01-01", currency="USD")
        fund(guide, "ledger-ik", "gbp", 20, "1969-01-01", currency="GBP")
        fund(guide, "ledger-ik", "more", 3, "1970-01-01", currency="GBP")
        yield guide


@rule("guide H.a", "balance is the sum of all lines of an account and of those below it")
def test_latest_balance(guide: Guide) -> None:
    wanted = {"ledgerAccount": {"balance": "2987654321"}}
    eventually(lambda: guide.run("a_get_balance", "printed"), wanted)


@rule("guide H.b", "childBalance is the sum of the lines below, balance adds the account's own")
def test_aggregated_balances(guide: Guide) -> None:
    name = "b_get_aggregated_balances"
    assert guide.refusal(name, "printed") == "ledger_required"
    template = {"path": "liabilities/users", "ledger": {"ik": LEDGER}}
    assert guide.run(name, "printed", ledgerAccount=template) == {"ledgerAccount": None}
    instance = {**template, "path": "liabilities/users:user-1"}
    wanted = {"childBalance": "2987654321", "balance": "2987654321"}
    eventually(
        lambda: guide.run(name, "printed", ledgerAccount=instance), {"ledgerAccount": wanted}
    )


@rule("guide H.c", "A strong ownBalance is there as soon as the entry is answered")
def test_strong_balance(guide: Guide) -> None:
    assert guide.run("c_get_strongly_consistent_balance", "printed") == {
        "ledgerAccount": {"ownBalance": "2987654316"}
    }


@rule("guide H.d", "at gives the balance at the end of a year, month, day or hour")
def test_balances_at_a_moment(guide: Guide) -> None:
    wanted = {
        "end_of_year": "987654316",
        "end_of_month": "87654321",
        "end_of_day": "7654321",
        "end_of_hour": "654321",
    }
    eventually(lambda: guide.run("d_get_historical_balances", "user"), {"ledgerAccount": wanted})


@rule("guide H.e", "A change over a year, quarter, month, day or hour is the sum of its lines")
def test_balance_changes(guide: Guide) -> None:
    wanted = {
        "ownBalanceChange": "987649995",
        "childBalanceChange": "0",
        "balanceChange": "987649995",
        "currentYear": "987649995",
        "lastYear": "4321",
        "lastYearQ4": "4320",
        "lastYearDecember": "4300",
        "lastYearChristmas": "300",
        "lastYearLastHour": "4000",
    }
    eventually(lambda: guide.run("e_get_balance_changes", "printed"), {"ledgerAccount": wanted})


@rule("guide H.f", "currency selects one of a multi-currency account's balances")
def test_balances_by_currency(guide: Guide) -> None:
    account = {"path": USER, "ledger": {"ik": "ledger-ik"}}
    wanted = {
        "latestUSDBalance": "100",
        "latestGBPBalance": "23",
        "USDBalanceChange": "100",
        "GBPBalanceChange": "20",
    }

    def read() -> Any:
        return guide.run("f_get_multi_currency_balances", "printed", ledgerAccount=account)

    eventually(read, {"ledgerAccount": wanted})


@pytest.fixture(scope="module")
def consistency(system: System) -> Iterator[Guide]:
    """Section K: strong balances, a strong list of entries, a strong group key."""
    guide = Guide(system.connection, "k")
    with guide.api:
        guide.make_ledger(LEDGER)
        yield guide


ENTRIES = """query entries($ledger: SafeString!) {
  ledger(ledger: {ik: $ledger}) { ledgerEntries(first: 1) { nodes { ik } } }
}"""


@rule("guide K.a", "entries: strong shows an entry in its list as soon as it is answered")
def test_strong_list_of_entries_is_never_behind(consistency: Guide) -> None:
    for number in range(5):
        ik = f"seen-{number}"
        of = {"user_id": "user-4", "amount": "1"}
        consistency.post(LEDGER, ik, "pay", f"2999-01-0{number + 1}", of)
        found = consistency.api.execute(ENTRIES, consistency.own({"ledger": LEDGER}))
        assert found == {"ledger": {"ledgerEntries": {"nodes": [{"ik": ik}]}}}


@rule("guide K.b", "An account has the consistency of the one above unless it says otherwise")
@rule("guide K.b", "defaultConsistencyConfig makes every account strong")
def test_default_consistency_reaches_every_account(consistency: Guide) -> None:
    consistency.make_ledger("ledger-ik", "default")
    consistency.post("ledger-ik", "s1", "sale", "1969-01-01", {"amount": "7"})
    variables = consistency.own({"ledger": "ledger-ik"})
    assert consistency.api.execute(SALE, variables) == {
        "ledgerAccount": {"ownBalance": "7", "lines": {"nodes": [{"amount": "7"}]}}
    }


@rule("guide K.c", "ownBalance and ownBalances are read strongly by consistencyMode")
@rule("guide K.c", "A strong read of an eventual account is a GraphQL error")
def test_strong_balances(consistency: Guide) -> None:
    consistency.post(LEDGER, "p1", "pay", "1969-01-01", {"user_id": "user-1", "amount": "70"})
    assert consistency.run("c_get_own_balances", "user") == {
        "ledgerAccount": {
            "ownBalance": "70",
            "ownBalances": {"nodes": [{"amount": "70", "currency": {"code": "USD"}}]},
        }
    }
    refused = consistency.refusal("c_get_own_balances", "eventual")
    assert refused == "invalid_consistency_mode"


@rule("guide K.d", "A precondition refuses an entry when the balance is another than was read")
@rule("guide K.d", "A postcondition refuses an entry that would take the balance below its bound")
def test_conditions(consistency: Guide) -> None:
    user = {"user_id": "user-2"}

    def pay(ik: str, kind: str, **more: str) -> None:
        consistency.post(LEDGER, ik, kind, "1969-01-01", {**user, **more})

    pay("c1", "pay", amount="10")
    with pytest.raises(Refused, match="conditional_request_failed"):
        pay("c2", "pay-if", amount="5", current_balance="9")
    pay("c3", "pay-if", amount="5", current_balance="10")
    with pytest.raises(Refused, match="conditional_request_failed"):
        pay("c4", "take", amount="16")
    pay("c5", "take", amount="15")


@rule("guide K.f", "A group's balances are read strongly where its key is configured so")
def test_strong_group_balances(consistency: Guide) -> None:
    name = "f_list_ledger_entry_group_balances"
    bill = {"user_id": "user-3", "amount": "40", "invoice": "inv-1"}
    consistency.post(LEDGER, "i1", "invoice", "1969-01-01", bill)

    def read() -> Any:
        found = consistency.run(name, "as configured")["ledgerEntryGroup"]["balances"]["nodes"]
        return {node["account"]["path"]: node["ownBalance"] for node in found}

    assert read()["user-balance:user-3"] == "40"
    eventually(read, {"user-balance:user-3": "40", "bank": "40"})
    variables = consistency.variables(name, "not configured")
    assert consistency.body(name, variables)["errors"]


@pytest.fixture(scope="module")
def currencies(system: System) -> Iterator[Guide]:
    """Section L: dollars, euros and yen on the same accounts."""
    guide = Guide(system.connection, "l")
    with guide.api:
        ledger = "multi-currency-ledger"
        guide.make_ledger(ledger)
        fund(guide, ledger, "hour", 1, "1968-12-24T23:00:00.000Z", currency="USD")
        fund(guide, ledger, "day", 20, "1968-12-25T12:00:00.000Z", currency="USD")
        fund(guide, ledger, "euro", 300, "1968-12-25T12:00:00.000Z", currency="EUR")
        fund(guide, ledger, "year", 4_000, "1969-07-01", currency="USD")
        fund(guide, ledger, "after", 50_000, "1970-01-01", currency="USD")
        yield guide


def amounts(connection: dict[str, Any]) -> dict[str, str]:
    return {node["currency"]["code"]: node["amount"] for node in connection["nodes"]}


def flat(account: dict[str, Any]) -> dict[str, Any]:
    return {
        name: amounts(value) if isinstance(value, dict) else value
        for name, value in account.items()
    }


@rule("guide L.d", "The singular balance takes a currency, the plural lists them all")
@pytest.mark.parametrize(
    "name, named, wanted",
    [
        ("d_get_usd_balance", "printed", {"ownBalance": "54021"}),
        ("d_get_all_balances", "cash", {"ownBalances": {"USD": "54021", "EUR": "300"}}),
        (
            "d_get_balances",
            "assets",
            {
                "childBalance": "54021",
                "childBalances": {"USD": "54021", "EUR": "300"},
                "balance": "54021",
                "balances": {"USD": "54021", "EUR": "300"},
            },
        ),
        (
            "d_get_own_balances",
            "cash",
            {"ownBalance": "54021", "ownBalances": {"USD": "54021", "EUR": "300"}},
        ),
        (
            "d_get_old_balances",
            "cash",
            {"ownBalance": "4021", "ownBalances": {"USD": "4021", "EUR": "300"}},
        ),
    ],
)
def test_balances_in_currencies(
    currencies: Guide, name: str, named: str, wanted: dict[str, Any]
) -> None:
    eventually(lambda: flat(currencies.run(name, named)["ledgerAccount"]), wanted)


@rule("guide L.d", "Changes of balances are read by currency and in all currencies")
def test_balance_changes_in_currencies(currencies: Guide) -> None:
    def read() -> Any:
        found = flat(currencies.run("d_get_balance_changes", "cash")["ledgerAccount"])
        return {
            name: {code: amount for code, amount in value.items() if amount != "0"}
            if isinstance(value, dict)
            else value
            for name, value in found.items()
        }

    wanted = {
        "ownBalanceChange": "4000",
        "ownBalanceChanges": {"USD": "4000"},
        "childBalanceChange": "0",
        "childBalanceChanges": {},
        "balanceChange": "20",
        "balanceChanges": {"USD": "20", "EUR": "300"},
    }
    eventually(read, wanted)


@rule("guide L.c", "A template's instance has the currency that its entry names")
@rule("guide L.c", "A condition on a multi-currency account judges the currency that it names")
def test_currency_is_a_parameter_of_types_and_templates(currencies: Guide) -> None:
    ledger = "multi-currency-ledger"
    bank = {"user_id": "user-9", "currency": "JPY", "amount": "700"}
    currencies.post(ledger, "b1", "bank_funds", "1969-01-01", bank)
    move = {"from_user_id": "user-9", "to_user_id": "user-8"}
    euros = {**move, "currency": "EUR", "amount": "1"}
    with pytest.raises(Refused, match="conditional_request_failed"):
        currencies.post(ledger, "m1", "p2p_transfer", "1969-01-01", euros)
    yen = {**move, "currency": "JPY", "amount": "700"}
    currencies.post(ledger, "m2", "p2p_transfer", "1969-01-01", yen)


@rule("guide L.e", "A custom currency is made, and used by accounts and lines")
def test_custom_currency(currencies: Guide) -> None:
    variables = currencies.variables("e_create_custom_currency", "printed")
    made = currencies.body("e_create_custom_currency", variables)["data"]["createCustomCurrency"]
    assert made == {"customCurrency": {"code": "CUSTOM", **variables["customCurrency"]}}
    currencies.make_ledger("ledger-ik", "gems")
    posted = currencies.post("ledger-ik", "g1", "issue-blue-gems", "1969-01-01", {"amount": "3"})
    assert posted["ik"] == "g1"
