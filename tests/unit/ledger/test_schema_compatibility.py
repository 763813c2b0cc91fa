"""New versions of a Schema: what they may change, and what they may not."""

from typing import Any

import pytest

from shared.ledger.schema_compatibility import breaking_changes
from tests.builders_schema import (
    compiled,
    edited,
    line,
    multi_currency,
    posting_chart,
    quickstart,
    with_types,
)

FUND = "ledgerEntries.types[0]"
USERS = "chartOfAccounts.accounts[1].children[0]"


def told(old: dict[str, Any], edits: dict[str, Any]) -> list[str]:
    changes = breaking_changes(compiled(old), compiled(edited(old, edits)))
    return [str(change) for change in changes]


@pytest.mark.parametrize(
    "edits",
    [
        {},
        {"name": "Other name"},
        {"chartOfAccounts.accounts[0].name": "Assets"},
        {"chartOfAccounts.accounts[0].status": "archived"},
        {f"{USERS}.children[1].consistencyConfig": {"ownBalanceUpdates": "eventual"}},
        {f"{USERS}.children[2]": {"key": "blocked"}},
        {"chartOfAccounts.accounts[4]": {"key": "more", "type": "asset"}},
        {"chartOfAccounts.accounts[0].type": "asset"},
        {f"{USERS}.children[0].currency": {"code": "USD"}},
        {f"{FUND}.status": "archived"},
        {f"{FUND}.typeVersion": 1},
        {f"{FUND}.postLinesAs": "raw_lines"},
        {f"{FUND}.tags": []},
        {f"{FUND}.description": None, f"{FUND}.tags": None}
        | {f"{FUND}.description": "Funding {{user_id}} for {{funding_amount}}."},
        {"ledgerEntries.types[2]": {"type": "new"}},
        {"ledgerEntries.types[2]": {"type": "user_funds_account", "typeVersion": 2}},
    ],
)
def test_what_a_new_version_may_change(edits: dict[str, Any]):
    assert told(quickstart(), edits) == []


def test_an_account_may_end_being_a_clearing_account_and_a_new_one_may_be_one():
    old = edited(quickstart(), {"chartOfAccounts.accounts[3].clearing": True})
    assert told(old, {"chartOfAccounts.accounts[3].clearing": False}) == []
    new = {"key": "transit", "type": "asset", "clearing": True}
    assert told(old, {"chartOfAccounts.accounts[4]": new}) == []


def test_the_order_of_accounts_and_types_may_change():
    old = quickstart()
    new = quickstart()
    new["chartOfAccounts"]["accounts"].reverse()
    new["ledgerEntries"]["types"].reverse()
    assert breaking_changes(compiled(old), compiled(new)) == []


CHANGED = (
    "ledgerEntries user_funds_account, version 1"
    " must stay as it is: a change takes a new typeVersion"
)
EVENTUAL = "must stay eventual: it can't be made strong once deployed"
REMOVED = "must stay: set its status to disabled or archived instead of removing it"


@pytest.mark.parametrize(
    "edits, expected",
    [
        (
            {"consistencyConfig": {"entries": "strong"}},
            [f"consistencyConfig.entries {EVENTUAL}"],
        ),
        (
            {"chartOfAccounts.accounts[3].consistencyConfig": {"lines": "strong"}},
            [f"chartOfAccounts expense consistencyConfig.lines {EVENTUAL}"],
        ),
        (
            {"chartOfAccounts.accounts[3].consistencyConfig": {"ownBalanceUpdates": "strong"}},
            [f"chartOfAccounts expense consistencyConfig.ownBalanceUpdates {EVENTUAL}"],
        ),
        (
            {"chartOfAccounts.accounts[3].clearing": True},
            [
                "chartOfAccounts expense clearing must stay as it is:"
                " an account can't be made a clearing account once deployed"
            ],
        ),
        (
            {"chartOfAccounts.accounts[3]": ...},
            ["chartOfAccounts expense must stay: an account can't be removed"],
        ),
        (
            {"chartOfAccounts.accounts[3].key": "expenses"},
            ["chartOfAccounts expense must stay: an account can't be removed"],
        ),
        (
            {"chartOfAccounts.accounts[3].type": "asset"},
            ["chartOfAccounts expense must keep its type"],
        ),
        (
            {"chartOfAccounts.accounts[3].template": True},
            ["chartOfAccounts expense must keep its template"],
        ),
        (
            {"chartOfAccounts.accounts[3].currencyMode": "multi"},
            [
                "chartOfAccounts expense must keep its currencyMode",
                "chartOfAccounts expense must keep its currency",
            ],
        ),
        (
            {"chartOfAccounts.accounts[3].currency": {"code": "EUR"}},
            ["chartOfAccounts expense must keep its currency"],
        ),
        (
            {"chartOfAccounts.accounts[3].linkedAccount": {"id": "x"}},
            ["chartOfAccounts expense must keep its linkedAccount"],
        ),
        (
            {f"{USERS}.children[1]": ...},
            ["chartOfAccounts liabilities/users:*/pending must stay: an account can't be removed"],
        ),
        ({f"{FUND}.description": "Funding"}, [CHANGED]),
        ({f"{FUND}.lines[0].key": "other"}, [CHANGED]),
        ({f"{FUND}.postLinesAs": "net_amounts"}, [CHANGED]),
        ({f"{FUND}.tags": [{"key": "a", "value": "b"}]}, [CHANGED]),
        ({f"{FUND}.lines": ...}, [CHANGED]),
        (
            {f"{FUND}.typeVersion": 2},
            [f"ledgerEntries user_funds_account, version 1 {REMOVED}"],
        ),
        (
            {"ledgerEntries": ...},
            [
                f"ledgerEntries user_funds_account, version 1 {REMOVED}",
                f"ledgerEntries p2p_transfer, version 1 {REMOVED}",
            ],
        ),
    ],
)
def test_what_a_new_version_may_not_change(edits: dict[str, Any], expected: list[str]):
    assert told(quickstart(), edits) == expected


PAY = {
    "type": "pay",
    "lines": [
        line("bank", "assets/banks/user-cash", "{{amount}}"),
        line("user", "liabilities/users:{{user}}/available", "{{amount}}"),
    ],
}
PAY_ALL = {
    "type": "pay_all",
    "lines": [
        line("bank", "assets/banks/user-cash", "0"),
        line("user", "liabilities/users:{{to.user}}/available", "0", repeated={"key": "to"}),
    ],
}


def refused(entry_type: str, parameter: str) -> str:
    return (
        f"ledgerEntries {entry_type}, version 1 must keep its parameters, and"
        f" {{{{{parameter}}}}} in the name of a template account changes them: set its status to"
        " disabled or archived and add a new typeVersion"
    )


@pytest.mark.parametrize(
    "before, after, parameter",
    [
        (None, "User {{nick}}", "nick"),
        ("User {{nick}}", "User", "nick"),
        ("User {{nick}}", "User {{alias}}", "alias"),
    ],
)
@pytest.mark.parametrize("entry_type", [PAY, PAY_ALL], ids=["plain", "repeated"])
def test_another_name_may_not_change_the_parameters_of_a_type(
    entry_type: dict[str, Any], before: str | None, after: str, parameter: str
):
    old = edited(with_types(entry_type), {f"{USERS}.name": before})
    edits: dict[str, Any] = {f"{USERS}.name": after}
    assert told(old, edits) == [refused(entry_type["type"], parameter)]
    for status in ("disabled", "archived"):
        edits[f"{FUND}.status"] = status
        edits["ledgerEntries.types[1]"] = {**entry_type, "typeVersion": 2}
        assert told(old, edits) == []


def test_another_name_with_the_parameters_that_a_type_has_is_no_change_of_it():
    old = edited(with_types(PAY), {f"{USERS}.name": "User"})
    assert told(old, {f"{USERS}.name": "User {{user}}"}) == []
    assert told(with_types(), {f"{USERS}.name": "User {{nick}}"}) == []


def test_a_removed_branch_is_told_once():
    old = with_types(chart=posting_chart())
    assert told(old, {"chartOfAccounts.accounts[1]": ...}) == [
        "chartOfAccounts liabilities must stay: an account can't be removed"
    ]


def test_a_parameterized_currency_keeps_its_parameter():
    old = multi_currency()
    old["ledgerEntries"] = {"types": []}
    edits = {"chartOfAccounts.accounts[2].currency.code": "{{code}}"}
    assert told(old, edits) == ["chartOfAccounts bank-accounts:* must keep its currency"]


def test_a_deployed_payment_type_stays_as_it_is():
    payment_type = {
        "type": "charge",
        "typeVersion": 1,
        "status": "active",
        "payment": {"amount": "{{amount}}", "direction": "payin"},
        "accounting": {"settled": {"lines": [line("l", "income", "0")]}},
    }
    old = {**quickstart(), "payments": {"types": [payment_type]}}
    assert told(old, {"payments.types[0].payment.direction": "payout"}) == [
        "payments charge, version 1 must stay as it is: a change takes a new typeVersion"
    ]
