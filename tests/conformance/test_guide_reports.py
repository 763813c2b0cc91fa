"""The guide's documents of sections J and M: reports and groups."""

from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.common.system import System
from tests.conformance.guide_documents import Guide, eventually
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

LEDGER = "ik-used-to-create-ledger"
CUSTOMER = "liabilities/customer-deposits/customer:123"


@pytest.fixture(scope="module")
def reports(system: System) -> Iterator[Guide]:
    """Section J: deposits and a cost over 1968 and 1969."""
    guide = Guide(system.connection, "j")
    with guide.api:
        guide.make_ledger(LEDGER)
        for ik, day, amount, fee in (
            ("d1", "1968-12-31T23:59:59.999Z", 1_000, 10),
            ("d2", "1969-01-01T00:00:00.000Z", 2_000, 20),
            ("d3", "1969-07-01T00:00:00.000Z", 3_000, 30),
            ("d4", "1969-07-30T23:59:59.999Z", 4_000, 40),
            ("d5", "1970-01-01T00:00:00.000Z", 5_000, 50),
        ):
            of = {"amount": str(amount), "fee": str(fee), "customer": "123"}
            guide.post(LEDGER, ik, "deposit", day, of)
        guide.post(LEDGER, "c1", "cost", "1969-03-31T23:59:59.999Z", {"amount": "7"})
        yield guide


def accounts(data: dict[str, Any]) -> dict[str, tuple[str, str]]:
    nodes = data["ledger"]["ledgerAccounts"]["nodes"]
    figure = "balance" if nodes and "balance" in nodes[0] else "balanceChange"
    return {node["name"]: (node["type"], node[figure]) for node in nodes}


@rule("guide J.a", "A balance sheet is the balances of assets and liabilities at a moment")
def test_balance_sheet(reports: Guide) -> None:
    wanted = {
        "assets": ("asset", "9993"),
        "Bank": ("asset", "9993"),
        "liabilities": ("liability", "9900"),
        "customer-deposits": ("liability", "9900"),
        "Customer 123": ("liability", "9900"),
    }
    eventually(lambda: accounts(reports.run("a_get_balance_sheet", "printed")), wanted)


@rule("guide J.b", "An income statement is the changes of income and expenses over a period")
def test_income_statement(reports: Guide) -> None:
    wanted = {"Fees": ("income", "90"), "Costs": ("expense", "7")}
    eventually(lambda: accounts(reports.run("b_get_income_statement", "printed")), wanted)


@rule("guide J.c", "An account statement is two balances and the lines between them, both ends in")
def test_account_statement(reports: Guide) -> None:
    def read() -> Any:
        found = reports.run("c_get_account_statement", "printed")["ledgerAccount"]
        for node in found["lines"]["nodes"]:
            assert node.pop("id") != node.pop("ledgerEntryId")
        return found

    wanted = {
        "path": CUSTOMER,
        "name": "Customer 123",
        "type": "liability",
        "startingBalance": "2970",
        "endingBalance": "9900",
        "lines": {
            "nodes": [
                {
                    "key": "customer",
                    "posted": posted,
                    "description": f"Deposit of {amount}.",
                    "amount": net,
                }
                for posted, amount, net in (
                    ("1969-07-30T23:59:59.999Z", "4000", "3960"),
                    ("1969-07-01T00:00:00.000Z", "3000", "2970"),
                )
            ]
        },
    }
    eventually(read, wanted)


@rule("guide J.d", "A journal is the entries of a period with their lines, page after page")
def test_journal(reports: Guide) -> None:
    name = "d_get_journal_export"
    assert reports.refusal(name, "printed") == "invalid_cursor"

    def read() -> Any:
        found = reports.run(name, "printed", entriesCursor=None)["ledger"]["ledgerEntries"]
        for node in found["nodes"]:
            ids = {node.pop("id"), *(line.pop("id") for line in node["lines"]["nodes"])}
            assert len(ids) == 1 + len(node["lines"]["nodes"])
        return found

    bank = {"name": "Bank", "path": "assets/bank", "type": "asset"}
    customer = {"name": "Customer 123", "path": CUSTOMER, "type": "liability"}
    fees = {"name": "Fees", "path": "income", "type": "income"}
    costs = {"name": "Costs", "path": "expense", "type": "expense"}

    def lines(description: str, *of: tuple[dict[str, str], str]) -> dict[str, Any]:
        return {
            "nodes": [
                {
                    "description": "Fee." if account is fees else description,
                    "account": account,
                    "amount": amount,
                }
                for account, amount in of
            ]
        }

    wanted = {
        "nodes": [
            {
                "type": "cost",
                "posted": "1969-03-31T23:59:59.999Z",
                "description": "Cost of 7.",
                "lines": lines("Cost of 7.", (bank, "-7"), (costs, "7")),
            },
            {
                "type": "deposit",
                "posted": "1969-01-01T00:00:00.000Z",
                "description": "Deposit of 2000.",
                "lines": lines(
                    "Deposit of 2000.", (bank, "2000"), (customer, "1980"), (fees, "20")
                ),
            },
        ],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }
    eventually(read, wanted)


@pytest.fixture(scope="module")
def groups(system: System) -> Iterator[Guide]:
    """Section M: one withdrawal that is settled, one of two users that is under way."""
    guide = Guide(system.connection, "m")
    with guide.api:
        guide.make_ledger("quickstart-ledger")
        settled = {"user_id": "user-id", "amount": "50000", "withdrawal_id": "some-withdrawal-id"}
        both = {**settled, "withdrawal_id": "12345"}
        other = {**both, "user_id": "another-user-id", "amount": "2500"}
        for ik, kind, of in (
            ("e1", "withdrawal_started", settled),
            ("e2", "withdrawal_settled", settled),
            ("e3", "withdrawal_started", both),
            ("e4", "withdrawal_settled", both),
            ("e5", "withdrawal_started", other),
        ):
            guide.post("quickstart-ledger", ik, kind, "1969-06-16", of)
        yield guide


def group_balances(data: dict[str, Any]) -> dict[str, str]:
    nodes = data["ledger"]["ledgerEntryGroup"]["balances"]["nodes"]
    assert all(node.get("currency", {"code": "USD"}) == {"code": "USD"} for node in nodes)
    found = {node["account"]["path"]: node["ownBalance"] for node in nodes}
    assert len(found) == len(nodes)
    return found


@rule("guide M.b", "A group's balances are the net change of each account by its entries")
@rule("guide M.b", "A group's balances are filtered by account, currency and balance")
@rule("guide M.b", "A path filter takes * in place of a template's value")
@pytest.mark.parametrize(
    "name, wanted",
    [
        (
            "b_get_ledger_entry_group_balances",
            {
                "asset-root/bank": "-50000",
                "liability-root/user:user-id/available": "-50000",
                "liability-root/user:user-id/pending": "0",
            },
        ),
        ("b_query_ledger_entry_group_balances", {"liability-root/user:user-id/pending": "0"}),
        (
            "b_query_ledger_entry_group_balances_2",
            {
                "liability-root/user:user-id/pending": "0",
                "liability-root/user:another-user-id/pending": "2500",
            },
        ),
    ],
)
def test_balances_of_a_group(groups: Guide, name: str, wanted: dict[str, str]) -> None:
    eventually(lambda: group_balances(groups.run(name, "printed")), wanted)


@rule("guide M.c", "An update puts a posted entry into another group")
def test_entry_joins_a_group(groups: Guide) -> None:
    groups.make_ledger("ledger-ik")
    of = {"user_id": "u", "amount": "5", "withdrawal_id": "1"}
    lines = [
        {"key": "in", "account": {"path": "asset-root/bank"}, "amount": "5"},
        {"key": "to", "account": {"path": "liability-root/user:u/available"}, "amount": "5"},
    ]
    groups.post("ledger-ik", "add-ledger-entry", "correction", "1969-06-16", lines=lines)
    groups.post("ledger-ik", "other", "withdrawal_started", "1969-06-16", of)
    answer = groups.run("c_update_ledger_entry_groups", "printed")["updateLedgerEntry"]
    text = "Lines are given with the entry."
    assert answer == {
        "__typename": "UpdateLedgerEntryResult",
        "entry": {
            "type": "correction",
            "ik": "add-ledger-entry",
            "groups": [{"key": "withdrawal", "value": "12345"}],
            "lines": {
                "nodes": [
                    {"amount": "5", "description": text, "account": line["account"]}
                    for line in lines
                ]
            },
        },
    }
