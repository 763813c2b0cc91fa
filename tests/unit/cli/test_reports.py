"""The reports' rows and totals, computed from accounts and lines."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.failures import CommandFailure
from cli.reports.amounts import Unit
from cli.reports.balances import (
    BALANCE_SHEET,
    INCOME_STATEMENT,
    TRIAL_BALANCE_COLUMNS,
    Account,
    prove,
    trial_balance,
)
from cli.reports.ledger_lines import JOURNAL_COLUMNS, STATEMENT_COLUMNS, Journal, Statement
from cli.reports.moments import (
    ending_moment,
    posted_filter,
    read_moment,
    read_period,
    starting_moment,
)
from cli.reports.rows import Row

USD = Unit("USD", 2)
JPY = Unit("JPY", 0)
GEMS = Unit("CUSTOM/gems", 1)


def account(path: str, kind: str, *amounts: tuple[Unit, int], unit: Unit | None = USD) -> Account:
    return Account(path, None, kind, unit, dict(amounts))


def cells(rows: list[Row]) -> list[tuple[str, ...]]:
    """Every cell as a table shows it; None as nothing."""
    return [tuple("" if each is None else str(each) for each in row.cells) for row in rows]


SHEET = [
    account("assets", "asset", (USD, 700), (JPY, 9), unit=None),
    account("assets/bank", "asset", (USD, 700)),
    account("assets/bank-2", "asset"),
    account("assets/bank/till", "asset", (USD, 200)),
    account("assets/fx", "asset", (JPY, 9), unit=None),
    account("debts", "liability", (USD, 1200)),
    account("empty", "asset", unit=None),
]


def test_a_balance_sheet_is_a_tree_with_totals_per_currency() -> None:
    assert len(BALANCE_SHEET.columns) == 8
    assert cells(list(BALANCE_SHEET.rows(reversed(SHEET)))) == [
        ("account", "asset", "assets", "assets", "", "JPY", "0", "9"),
        ("account", "asset", "assets", "assets", "", "USD", "2", "7.00"),
        ("account", "asset", "assets/bank", "  bank", "", "USD", "2", "7.00"),
        ("account", "asset", "assets/bank/till", "    till", "", "USD", "2", "2.00"),
        ("account", "asset", "assets/bank-2", "  bank-2", "", "USD", "2", "0.00"),
        ("account", "asset", "assets/fx", "  fx", "", "JPY", "0", "9"),
        ("account", "liability", "debts", "debts", "", "USD", "2", "12.00"),
        ("total assets", "", "", "Total assets", "", "JPY", "0", "9"),
        ("total assets", "", "", "Total assets", "", "USD", "2", "7.00"),
        ("total liabilities", "", "", "Total liabilities", "", "JPY", "0", "0"),
        ("total liabilities", "", "", "Total liabilities", "", "USD", "2", "12.00"),
        ("net assets", "", "", "Net assets", "", "JPY", "0", "9"),
        ("net assets", "", "", "Net assets", "", "USD", "2", "-5.00"),
    ]


def test_totals_count_what_depth_and_zeros_leave_out() -> None:
    rows = cells(list(BALANCE_SHEET.rows(SHEET, depth=1, with_zeros=False)))
    assert [row[2] for row in rows if row[0] == "account"] == ["assets", "assets", "debts"]
    assert rows[-1] == ("net assets", "", "", "Net assets", "", "USD", "2", "-5.00")


def test_an_income_statement_ends_with_the_net_income() -> None:
    accounts = [
        account("fees", "income", (USD, 250), (GEMS, 15), unit=None),
        account("costs", "expense", (USD, 300)),
    ]
    rows = cells(list(INCOME_STATEMENT.rows(accounts)))
    assert rows[-2:] == [
        ("net income", "", "", "Net income", "", "CUSTOM/gems", "1", "1.5"),
        ("net income", "", "", "Net income", "", "USD", "2", "-0.50"),
    ]


TRIAL = [
    account("bank", "asset", (USD, 500), (JPY, -3), unit=None),
    account("debts", "liability", (USD, 450), (JPY, -3), unit=None),
    account("fees", "income", (USD, 60)),
    account("costs", "expense", (USD, 10)),
    account("later", "expense"),
]


def test_a_trial_balance_has_every_own_balance_on_its_side() -> None:
    assert len(TRIAL_BALANCE_COLUMNS) == 8
    rows = cells(trial_balance(TRIAL))
    assert rows == [
        ("account", "asset", "bank", "", "JPY", "0", "", "3"),
        ("account", "asset", "bank", "", "USD", "2", "5.00", ""),
        ("account", "liability", "debts", "", "JPY", "0", "3", ""),
        ("account", "liability", "debts", "", "USD", "2", "", "4.50"),
        ("account", "income", "fees", "", "USD", "2", "", "0.60"),
        ("account", "expense", "costs", "", "USD", "2", "0.10", ""),
        ("account", "expense", "later", "", "USD", "2", "0.00", ""),
        ("total", "", "", "", "JPY", "0", "3", "3"),
        ("total", "", "", "", "USD", "2", "5.10", "5.10"),
    ]
    assert cells(trial_balance(TRIAL, with_zeros=False)) == rows[:6] + rows[7:]


def test_a_trial_balance_proves_the_equation_of_each_currency() -> None:
    jpy, usd = prove(TRIAL)
    assert str(jpy) == "JPY: assets -3 - liabilities -3 = 0 = 0 = income 0 - expenses 0"
    assert (
        str(usd)
        == "USD: assets 5.00 - liabilities 4.50 = 0.50 = 0.50 = income 0.60 - expenses 0.10"
    )
    assert jpy.holds
    assert usd.holds
    _, broken = prove([*TRIAL, account("more", "expense", (USD, -1))])
    assert not broken.holds
    assert " = 0.50 ≠ 0.51 = " in str(broken)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["asset", "liability", "income", "expense"]),
            st.integers(-(2**120) + 1, 2**120 - 1),
        ),
        max_size=8,
    )
)
def test_the_proof_holds_exactly_when_both_sides_are_equal(
    balances: list[tuple[str, int]],
) -> None:
    accounts = [account(f"a{n}", kind, (USD, of)) for n, (kind, of) in enumerate(balances)]
    totals = [row.cells for row in trial_balance(accounts) if row.is_total]
    proofs = prove(accounts)
    assert len(proofs) == len(totals)
    assert [proof.holds for proof in proofs] == [each[-2] == each[-1] for each in totals]


def line(amount: str, code: str = "USD", precision: int = 2, **more: Any) -> dict[str, Any]:
    currency = {"code": code, "customCurrencyId": None, "precision": precision}
    known = {"id": "l1", "key": "k", "description": None, "posted": "then", "ledgerEntryId": "e1"}
    return {**known, "amount": amount, "currency": currency, **more}


def test_a_statement_runs_from_its_starting_to_its_ending_balance() -> None:
    assert len(STATEMENT_COLUMNS) == 10
    statement = Statement({USD: 100})
    rows = list(statement.starting_rows())
    rows += [statement.line_row(each) for each in (line("-250"), line("7", "JPY", 0))]
    rows += statement.ending_rows()
    assert cells(rows) == [
        ("starting balance", "", "", "", "", "Starting balance", "USD", "2", "", "1.00"),
        ("line", "then", "e1", "l1", "k", "", "USD", "2", "-2.50", "-1.50"),
        ("line", "then", "e1", "l1", "k", "", "JPY", "0", "7", "7"),
        ("ending balance", "", "", "", "", "Ending balance", "JPY", "0", "", "7"),
        ("ending balance", "", "", "", "", "Ending balance", "USD", "2", "", "-1.50"),
    ]
    assert statement.problems({USD: -150, JPY: 7}) == []
    assert statement.problems({USD: -149, GEMS: 1, JPY: 7}) == [
        "CUSTOM/gems: the lines lead to 0.0, the balance is 0.1",
        "USD: the lines lead to -1.50, the balance is -1.49",
    ]


def test_a_journal_has_every_line_on_its_side() -> None:
    def posted(path: str, kind: str, amount: str) -> dict[str, Any]:
        return line(amount, account={"path": path, "name": path.title(), "type": kind})

    lines = [posted("bank", "asset", "-5"), posted("debts", "liability", "-5")]
    entry = {"id": "e1", "ik": "i1", "type": "pay", "posted": "then", "description": "Paid."}
    journal = Journal()
    rows = list(journal.entry_rows({**entry, "lines": {"nodes": lines}}))
    rows += journal.total_rows()
    assert len(JOURNAL_COLUMNS) == 15
    known = ("line", "then", "e1", "i1", "pay", "Paid.", "l1", "")
    assert cells(rows) == [
        (*known, "bank", "Bank", "asset", "USD", "2", "", "0.05"),
        (*known, "debts", "Debts", "liability", "USD", "2", "0.05", ""),
        ("total", *("",) * 10, "USD", "2", "0.05", "0.05"),
    ]
    assert journal.problems() == []
    list(journal.entry_rows({**entry, "lines": {"nodes": lines[:1]}}))
    assert journal.problems() == ["USD: debits are 0.05, credits are 0.10"]


@pytest.mark.parametrize(
    "period, starts_after, ends_with",
    [
        ("2024", "2023", "2024"),
        ("2024-Q1", "2023-12", "2024-03"),
        ("2024-Q4", "2024-09", "2024-12"),
        ("2024-3", "2024-02", "2024-03"),
        ("2024-03-01", "2024-02-29", "2024-03-01"),
        ("2024-01-01T00", "2023-12-31T23", "2024-01-01T00"),
        ("2024-01-01T13", "2024-01-01T12", "2024-01-01T13"),
    ],
)
def test_a_period_lies_between_two_moments(period: str, starts_after: str, ends_with: str) -> None:
    read = read_period(period)
    assert (starting_moment(read), ending_moment(read)) == (starts_after, ends_with)


def test_a_period_s_instants_are_the_ledger_s() -> None:
    assert posted_filter(read_period("2024-Q1"), 0) == {
        "after": "2024-01-01T00:00:00.000Z",
        "before": "2024-03-31T23:59:59.999Z",
    }
    assert posted_filter(read_period("2024-07"), -480) == {
        "after": "2024-07-01T08:00:00.000Z",
        "before": "2024-08-01T07:59:59.999Z",
    }
    assert posted_filter(read_period("9999"), -480)["before"] == "9999-12-31T23:59:59.999Z"
    assert posted_filter(read_period("0001"), 480)["after"] == "0001-01-01T00:00:00.000Z"


@pytest.mark.parametrize("text", ["", "2024-13", "July", "2024-Q5", "2024-02-30"])
def test_what_is_no_period_or_moment_is_refused(text: str) -> None:
    with pytest.raises(CommandFailure, match="--period is 2024"):
        read_period(text)
    with pytest.raises(CommandFailure, match="--at is 2024"):
        read_moment(text)


def test_nothing_comes_before_the_first_year() -> None:
    with pytest.raises(CommandFailure, match="0001"):
        starting_moment(read_period("0001"))
