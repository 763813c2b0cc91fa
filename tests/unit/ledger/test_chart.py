"""The chart of accounts: what is inherited, which paths lead where, which patterns match what."""

import pytest

from shared.ledger.chart import (
    ConsistencyConfig,
    PathPattern,
    ResolvedPath,
    parse_path_pattern,
    pattern_of,
)
from shared.ledger.currencies import Currency
from shared.ledger.templates import Template, parse_template
from tests.builders_schema import (
    compiled,
    edited,
    multi_currency,
    posting_chart,
    quickstart,
    with_accounts,
    with_types,
)

AVAILABLE = "liabilities/users:*/available"
STRONG = {"ownBalanceUpdates": "strong"}


def chart():
    return compiled(quickstart()).chart


def template(text: str) -> Template:
    parsed = parse_template(text)
    assert isinstance(parsed, Template)
    return parsed


# --- Inheritance ---------------------------------------------------------------------------------


def test_nodes_are_listed_by_pattern_parents_first():
    assert list(chart().nodes) == [
        "assets",
        "assets/banks",
        "assets/banks/user-cash",
        "liabilities",
        "liabilities/users:*",
        "liabilities/users:*/available",
        "liabilities/users:*/pending",
        "income",
        "expense",
    ]


def test_type_currency_and_consistency_come_from_above():
    node = chart().nodes[AVAILABLE]
    assert node.type == "liability"
    assert (node.currency_mode, node.currency and node.currency.constant) == (
        "single",
        Currency("USD"),
    )
    assert node.consistency == ConsistencyConfig(own_balance=True)
    assert (node.depth, node.is_template, node.is_under_template) == (3, False, True)


def test_members_of_a_consistency_config_are_inherited_one_by_one():
    document = with_accounts(
        {
            "key": "a",
            "type": "asset",
            "consistencyConfig": {
                "lines": "strong",
                "groups": [
                    {"key": "invoice", "ownBalanceUpdates": "strong"},
                    {"key": "order", "ownBalanceUpdates": "strong"},
                ],
            },
            "children": [
                {
                    "key": "b",
                    "consistencyConfig": {
                        "ownBalanceUpdates": "eventual",
                        "groups": [{"key": "order", "ownBalanceUpdates": "eventual"}],
                    },
                }
            ],
        },
        defaultCurrencyMode="multi",
        defaultConsistencyConfig=STRONG,
    )
    nodes = compiled(document).chart.nodes
    assert nodes["a"].consistency == ConsistencyConfig(
        lines=True, own_balance=True, groups=frozenset({"invoice", "order"})
    )
    assert nodes["a/b"].consistency == ConsistencyConfig(lines=True, groups=frozenset({"invoice"}))


def test_without_a_mode_a_currency_means_single():
    document = with_accounts(
        {
            "key": "a",
            "type": "asset",
            "children": [{"key": "eur", "currency": {"code": "EUR"}, "children": [{"key": "c"}]}],
        },
        defaultCurrencyMode="multi",
    )
    nodes = compiled(document).chart.nodes
    assert (nodes["a"].currency_mode, nodes["a"].currency) == ("multi", None)
    currency = nodes["a/eur/c"].currency
    assert currency is not None
    assert currency.constant == Currency("EUR")


def test_a_multi_currency_child_drops_the_inherited_currency():
    document = with_accounts(
        {"key": "a", "type": "asset", "children": [{"key": "b", "currencyMode": "multi"}]}
    )
    node = compiled(document).chart.nodes["a/b"]
    assert (node.currency_mode, node.currency) == ("multi", None)


def test_status_clearing_payment_and_template_are_an_accounts_own():
    document = with_accounts(
        {
            "key": "a",
            "type": "asset",
            "status": "archived",
            "clearing": True,
            "payment": {"enabled": True},
            "children": [{"key": "b"}],
        }
    )
    nodes = compiled(document).chart.nodes
    above, below = nodes["a"], nodes["a/b"]
    assert (above.status, above.clearing, above.payment_enabled) == ("archived", True, True)
    assert (below.status, below.clearing, below.payment_enabled) == ("active", False, False)


def test_an_instance_takes_the_parameters_of_every_account_on_its_path():
    nodes = compiled(multi_currency()).chart.nodes
    assert nodes["bank-accounts:*"].parameters == {"currency"}
    document = with_accounts(
        {
            "key": "a",
            "type": "asset",
            "template": True,
            "name": "{{name}}",
            "children": [{"key": "b", "currency": {"code": "{{code}}"}}],
        },
        defaultCurrencyMode="multi",
    )
    below = compiled(document).chart.nodes["a:*/b"]
    assert (below.parameters, below.path_parameters) == ({"code"}, {"code", "name"})


def test_linked_accounts_keep_their_templates():
    schema = compiled(with_types(chart=posting_chart()))
    linked = schema.chart.nodes["assets/customer-banks:*"].linked_account
    assert linked is not None
    assert linked.parameters == ("BANK_ACCOUNT_ID", "BANK_LINK_ID")
    assert linked.link_id is not None
    assert linked.link_id.render({"BANK_LINK_ID": "L"}) == "L"


def test_a_parameterized_currency_is_filled_in_or_told_wrong():
    currency = compiled(multi_currency()).chart.nodes["bank-accounts:*"].currency
    assert currency is not None
    assert currency.render({"currency": "EUR"}) == Currency("EUR")
    assert currency.render({"currency": "XXX"}) == "'XXX' is not a currency code"
    assert currency.render({"currency": "CUSTOM"}) == (
        "the currency code CUSTOM needs a customCurrencyId"
    )


def test_static_accounts_exist_without_being_instantiated():
    assert [path for path, _ in chart().static_accounts()] == [
        "assets",
        "assets/banks",
        "assets/banks/user-cash",
        "liabilities",
        "income",
        "expense",
    ]


# --- Paths ---------------------------------------------------------------------------------------


def test_a_path_resolves_to_every_account_from_the_root_down():
    resolved = chart().resolve("liabilities/users:u1/available")
    assert isinstance(resolved, ResolvedPath)
    assert resolved.path == "liabilities/users:u1/available"
    assert resolved.node.pattern == AVAILABLE
    assert [(step.node.pattern, step.path, step.value) for step in resolved.steps] == [
        ("liabilities", "liabilities", None),
        ("liabilities/users:*", "liabilities/users:u1", "u1"),
        (AVAILABLE, "liabilities/users:u1/available", None),
    ]


VALUE = "the value of users must be a string"


@pytest.mark.parametrize(
    "path, problem",
    [
        ("", "the chart of accounts has no root account ''"),
        ("nope", "the chart of accounts has no root account 'nope'"),
        ("assets/nope", "assets has no account 'nope'"),
        ("assets/", "assets has no account ''"),
        ("/assets", "the chart of accounts has no root account ''"),
        ("assets/banks/user-cash/x", "assets/banks/user-cash has no account 'x'"),
        ("liabilities/users", "users is a template: it takes a value, as in users:value"),
        ("liabilities/users:", "users is a template: it takes a value, as in users:value"),
        ("liabilities/users:a:b", f"{VALUE} without / # : and {{{{…}}}}"),
        ("liabilities/users:a#", f"{VALUE} without / # : and {{{{…}}}}"),
        ("liabilities/users:{{id}}", f"{VALUE} without / # : and {{{{…}}}}"),
        ("liabilities/users:" + "x" * 129, f"{VALUE} of 1 to 128 characters"),
        (
            "liabilities/users:\ud800",
            "the value of users must be free of control characters and lone surrogates",
        ),
        ("assets:1", "assets is not a template: it takes no value after a colon"),
        ("a" * 1025, "a path takes at most 1024 characters"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_why(path: str, problem: str):
    assert chart().resolve(path) == problem


@pytest.mark.parametrize(
    "path",
    [
        "liabilities/users:{{id}}/available",
        "liabilities/users:fixed/available",
        "liabilities/users:{{a}}-{{b}}/available",
        "liabilities/users:prefix-{{a}}/available",
    ],
)
def test_a_parameterized_path_leads_to_one_node(path: str):
    node = chart().resolve_template(template(path))
    assert not isinstance(node, str)
    assert node.pattern == AVAILABLE


@pytest.mark.parametrize(
    "path, problem",
    [
        (
            "{{path}}",
            "a parameter may stand only for a template account's value, as in users:{{id}}",
        ),
        (
            "assets/{{bank}}",
            "a parameter may stand only for a template account's value, as in users:{{id}}",
        ),
        ("assets:{{x}}", "assets is not a template: it takes no value after a colon"),
        ("liabilities/users", "users is a template: it takes a value, as in users:value"),
        ("liabilities/users:a:{{b}}", f"{VALUE} without / # : and {{{{…}}}}"),
        ("liabilities/users:{{a}}#", f"{VALUE} without / # : and {{{{…}}}}"),
        ("liabilities/users:{{a}}/nope", "liabilities/users:{{a}} has no account 'nope'"),
    ],
)
def test_a_parameterized_path_that_can_lead_nowhere_is_told_why(path: str, problem: str):
    assert chart().resolve_template(template(path)) == problem


def test_ten_levels_are_allowed():
    account = {"key": "k"}
    for _ in range(8):
        account = {"key": "k", "children": [account]}
    document = with_accounts({"key": "k", "type": "asset", "children": [account]})
    assert "/".join(["k"] * 10) in compiled(document).chart.nodes


def test_one_key_may_stand_under_several_parents():
    document = edited(quickstart(), {"chartOfAccounts.accounts[2].children": [{"key": "banks"}]})
    assert {"assets/banks", "income/banks"} <= set(compiled(document).chart.nodes)


# --- Patterns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, pattern",
    [
        ("assets/banks", "assets/banks"),
        ("liabilities/users:u1/available", AVAILABLE),
        ("a:1/b:2", "a:*/b:*"),
    ],
)
def test_the_pattern_of_a_path_has_a_star_for_each_value(path: str, pattern: str):
    assert pattern_of(path) == pattern


@pytest.mark.parametrize(
    "pattern, path, matches",
    [
        ("a/merchant:*", "a/merchant:1", True),
        ("a/merchant:*", "a/merchant:1/child", True),
        ("a/merchant:*", "a/merchant:1/child/x:2", True),
        ("a/merchant:*", "a/merchants:1", False),
        ("a/merchant:*", "a", False),
        ("a/merchant:*", "b/a/merchant:1", False),
        ("a/merchant:*/child", "a/merchant:1/child", True),
        ("a/merchant:*/child", "a/merchant:1/x/child", False),
        ("a/merchant:*/child", "a/merchant:1/children", False),
        ("a/merchant:1", "a/merchant:1/child", True),
        ("a/merchant:1", "a/merchant:10", False),
        ("a:*/b:*", "a:1/b:2", True),
        ("a.b", "a-b", False),
        ("a", "a", True),
    ],
)
def test_a_pattern_matches_its_accounts_and_what_is_below(pattern: str, path: str, matches: bool):
    parsed = parse_path_pattern(pattern)
    assert isinstance(parsed, PathPattern)
    assert parsed.matches(path) is matches
    assert not matches or path.startswith(parsed.prefix)


@pytest.mark.parametrize(
    "path, matches", [("a/b", False), ("a/b/c", True), ("a/b/c:1/d", True), ("a/bc", False)]
)
def test_a_trailing_star_matches_descendants_only(path: str, matches: bool):
    parsed = parse_path_pattern("a/b/*", descendants_allowed=True)
    assert isinstance(parsed, PathPattern)
    assert parsed.matches(path) is matches


@pytest.mark.parametrize(
    "pattern, descendants_allowed, problem",
    [
        ("*", True, "* may stand only for the whole value of a template account, as in users:*"),
        ("a/*", False, "* may stand only for the whole value of a template account, as in users:*"),
        (
            "a/*/b",
            True,
            "* may stand only for the whole value of a template account, as in users:*",
        ),
        ("a:1*", True, "* may stand only for the whole value of a template account, as in users:*"),
        ("a:*/*", True, "a pattern has * either for template values or as its end /*, not both"),
        (
            "a//b",
            True,
            "a pattern is keys joined by /, template accounts with a value or * after a colon",
        ),
        (
            "a:",
            True,
            "a pattern is keys joined by /, template accounts with a value or * after a colon",
        ),
        ("", True, "a pattern takes 1 to 1024 characters"),
    ],
)
def test_a_malformed_pattern_is_told_why(pattern: str, descendants_allowed: bool, problem: str):
    assert parse_path_pattern(pattern, descendants_allowed) == problem
