"""Symbolic balance: what is certainly unbalanced is told, what may balance is not."""

import pytest

from tests.builders_schema import (
    Json,
    compiled,
    line,
    multi_currency,
    quickstart,
    violations,
    with_types,
)

CASH = "assets/banks/user-cash"
OWED = "liabilities/users:{{u}}/pending"
USD = {"code": "USD"}
EUR = {"code": "EUR"}
ONE = {"code": "{{one}}"}
OTHER = {"code": "{{other}}"}
LEAVES = "assets - liabilities - income + expenses leaves"


def told(*lines: Json, document: Json | None = None, **members: object) -> list[str]:
    """What is told of a type with these lines, on the quickstart's chart or another document's."""
    chart = (document or quickstart())["chartOfAccounts"]
    found = violations(with_types({"type": "t", "lines": [*lines], **members}, chart=chart))
    assert {violation.path for violation in found} == {"ledgerEntries.types[0].lines"}
    return [violation.message for violation in found]


def accept(*lines: Json, document: Json | None = None, **members: object) -> None:
    chart = (document or quickstart())["chartOfAccounts"]
    compiled(with_types({"type": "t", "lines": [*lines], **members}, chart=chart))


@pytest.mark.parametrize(
    "lines",
    [
        [line("a", CASH, "{{m}}"), line("b", OWED, "{{m}}")],
        [line("a", CASH, "{{m}}"), line("b", "income", "{{m}}")],
        [line("a", CASH, "-{{m}}"), line("b", "expense", "{{m}}")],
        [line("a", OWED, "{{m}}"), line("b", "expense", "{{m}}")],
        [line("a", OWED, "{{m}}"), line("b", "income", "-{{m}}")],
        [line("a", CASH, "{{m}}"), line("b", CASH, "-{{m}}")],
        [
            line("a", CASH, "{{m}} + 10"),
            line("b", OWED, "{{m}} - {{fee}}"),
            line("c", "income", "{{fee}} + 10"),
        ],
        [line("a", CASH, "0")],
    ],
)
def test_types_that_follow_the_accounting_equation_are_accepted(lines: list[Json]):
    accept(*lines)


@pytest.mark.parametrize(
    "lines, left",
    [
        ([line("a", CASH, "{{m}}"), line("b", OWED, "-{{m}}")], "2 × {{m}}"),
        ([line("a", CASH, "{{m}}"), line("b", "expense", "{{m}}")], "2 × {{m}}"),
        ([line("a", OWED, "{{m}}"), line("b", "income", "{{m}}")], "- 2 × {{m}}"),
        ([line("a", CASH, "{{m}}"), line("b", OWED, "{{n}} + 3")], "{{m}} - {{n}} - 3"),
        ([line("a", CASH, "5")], "5"),
        ([line("a", OWED, "5")], "- 5"),
    ],
)
def test_types_that_never_balance_are_told_what_is_left(lines: list[Json], left: str):
    assert told(*lines) == [f"do not balance in USD: {LEAVES} {left}, and must leave 0"]


def test_fixed_parameters_count_with_their_values():
    lines = [line("a", CASH, "{{m}} + 5"), line("b", OWED, "{{m}} + {{fee}}")]
    accept(*lines, parameters={"fee": "5"})
    assert told(*lines, parameters={"fee": "6"}) == [
        f"do not balance in USD: {LEAVES} - 1, and must leave 0"
    ]


def test_each_currency_balances_by_itself():
    multi = multi_currency()
    assert told(
        line("a", "bank-account", "{{m}}", currency=USD),
        line("b", "exposure", "{{m}}", currency=EUR),
        document=multi,
    ) == [
        f"do not balance in USD: {LEAVES} {{{{m}}}}, and must leave 0",
        f"do not balance in EUR: {LEAVES} - {{{{m}}}}, and must leave 0",
    ]


def test_one_parameterized_currency_is_one_currency():
    multi = multi_currency()
    accept(
        line("a", "bank-accounts:{{currency}}", "{{m}}"),
        line("b", "exposure", "{{m}}", currency={"code": "{{currency}}"}),
        document=multi,
    )
    assert told(
        line("a", "bank-account", "{{m}}", currency=ONE),
        line("b", "exposure", "{{n}}", currency=ONE),
        document=multi,
    ) == [f"do not balance in {{{{one}}}}: {LEAVES} {{{{m}}}} - {{{{n}}}}, and must leave 0"]


def test_currencies_that_may_turn_out_the_same_need_a_zero_sum_only():
    multi = multi_currency()
    accept(
        line("a", "bank-account", "{{m}}", currency=ONE),
        line("b", "exposure", "{{m}}", currency=OTHER),
        document=multi,
    )
    assert told(
        line("a", "bank-account", "{{m}}", currency=ONE),
        line("b", "exposure", "{{m}} - 1", currency=OTHER),
        document=multi,
    ) == [f"do not balance in all currencies: {LEAVES} 1, and must leave 0"]


def test_a_fixed_currency_is_a_known_one():
    lines = [
        line("a", "bank-account", "{{m}}", currency=ONE),
        line("b", "exposure", "{{m}}", currency=EUR),
    ]
    accept(*lines, document=multi_currency(), parameters={"one": "EUR"})
    assert told(*lines, document=multi_currency(), parameters={"one": "USD"}) == [
        f"do not balance in USD: {LEAVES} {{{{m}}}}, and must leave 0",
        f"do not balance in EUR: {LEAVES} - {{{{m}}}}, and must leave 0",
    ]


def test_repeated_lines_that_do_not_cancel_out_are_left_to_posting():
    each = {"key": "items"}
    accept(
        line("a", CASH, "{{total}}"),
        line("b", OWED, "{{items.amount}}", repeated=each),
    )


def test_repeated_lines_that_cancel_out_leave_the_rest_to_balance():
    each = {"key": "items"}
    pair = [
        line("a", CASH, "{{items.amount}} + {{m}}", repeated=each),
        line("b", OWED, "{{items.amount}} + {{m}}", repeated=each),
    ]
    accept(*pair)
    assert told(*pair, line("c", "income", "{{m}}")) == [
        f"do not balance in USD: {LEAVES} - {{{{m}}}}, and must leave 0"
    ]
