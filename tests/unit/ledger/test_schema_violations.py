"""Invalid documents: every broken rule is told, with its path and what would be right."""

from typing import Any

import pytest

from shared.ledger.schemas import Violation
from shared.limits import (
    CHART_ACCOUNTS_MAX,
    JSON_DEPTH_MAX,
    LINES_PER_ENTRY_MAX,
    PARAMETERS_PER_ENTRY_MAX,
)
from tests.builders_schema import (
    edited,
    guide_types,
    line,
    multi_currency,
    posting_chart,
    quickstart,
    violations,
    with_accounts,
    with_types,
)

FUND = "ledgerEntries.types[0]"
TRANSFER = "ledgerEntries.types[1]"
CONDITION = f"{TRANSFER}.conditions[0]"
USERS = "chartOfAccounts.accounts[1].children[0]"
INCOME = "chartOfAccounts.accounts[2]"
STRONG = {"ownBalanceUpdates": "strong"}

# What is set in the quickstart document (`...`: removed), and all that is told; `@` is its path.
FAULTS: list[tuple[str, Any, list[str]]] = [
    ("key", ..., ["@ is required"]),
    ("key", "", ["@ must be a string of 1 to 128 characters, not ''"]),
    ("key", "a/b", ["@ must be a string without / # : and {{…}}, not 'a/b'"]),
    ("key", 5, ["@ must be a string, not 5"]),
    ("name", "", ["@ must be a string of 1 to 256 characters, not ''"]),
    ("consistencyConfig", [], ["@ must be an object, not []"]),
    (
        "consistencyConfig",
        {"entries": "weak"},
        ["@.entries must be one of eventual, strong, not 'weak'"],
    ),
    ("groups", {}, ["@ must be a list, not {}"]),
    ("ledgerEntries", {}, ["@.types is required"]),
    (
        "$schema",
        "https",
        [
            (
                "@ is unknown; known are chartOfAccounts, consistencyConfig, groups, key, "
                "ledgerEntries, name, payments, scenes"
            )
        ],
    ),
    ("chartOfAccounts", ..., ["@ is required"]),
    ("chartOfAccounts.accounts", ..., ["@ is required"]),
    ("chartOfAccounts.accounts", {}, ["@ must be a list, not {}"]),
    ("chartOfAccounts.defaultCurrency", ..., ["@ is required with defaultCurrencyMode single"]),
    (
        "chartOfAccounts.defaultCurrencyMode",
        "multi",
        [("chartOfAccounts.defaultCurrency must be left out with defaultCurrencyMode multi")],
    ),
    (
        "chartOfAccounts.defaultCurrencyMode",
        "double",
        ["@ must be one of single, multi, not 'double'"],
    ),
    (
        "chartOfAccounts.defaultCurrency.code",
        "XXX",
        [("chartOfAccounts.defaultCurrency is not a currency: 'XXX' is not a currency code")],
    ),
    (
        "chartOfAccounts.defaultCurrency.code",
        "{{code}}",
        ["chartOfAccounts.defaultCurrency takes no parameters"],
    ),
    ("chartOfAccounts.defaultCurrency.code", ..., ["@ is required"]),
    (
        "chartOfAccounts.accounts[3].key",
        "income",
        ["@ income is used twice among accounts with one parent"],
    ),
    ("chartOfAccounts.accounts[3].key", ..., ["@ is required"]),
    (
        "chartOfAccounts.accounts[3].type",
        ...,
        ["@ is required at the root: asset, liability, income or expense"],
    ),
    (
        "chartOfAccounts.accounts[3].type",
        "equity",
        ["@ must be one of asset, liability, income, expense, not 'equity'"],
    ),
    ("chartOfAccounts.accounts[3]", 7, ["@ must be an object, not 7"]),
    (f"{USERS}.type", "asset", ["@ must be liability, as at the root, not asset"]),
    (f"{USERS}.children[1].key", "a:b", ["@ must be a string without / # : and {{…}}, not 'a:b'"]),
    (f"{USERS}.children[1].template", "yes", ["@ must be true or false, not 'yes'"]),
    (f"{USERS}.children[1].clearing", 1, ["@ must be true or false, not 1"]),
    (f"{USERS}.children[1].payment", {}, ["@.enabled is required"]),
    (
        f"{USERS}.children[1].status",
        "off",
        ["@ must be one of active, disabled, archived, not 'off'"],
    ),
    (
        f"{USERS}.children",
        "x",
        [
            "@ must be a list, not 'x'",
            (
                "ledgerEntries.types[0].lines[1].account.path is not the path of a Ledger "
                "Account: liabilities/users:{{user_id}} has no account 'available'"
            ),
            (
                "ledgerEntries.types[1].lines[0].account.path is not the path of a Ledger "
                "Account: liabilities/users:{{from_user_id}} has no account 'available'"
            ),
            (
                "ledgerEntries.types[1].lines[1].account.path is not the path of a Ledger "
                "Account: liabilities/users:{{to_user_id}} has no account 'available'"
            ),
            (
                "ledgerEntries.types[1].conditions[0].account.path is not the path of a Ledger "
                "Account: liabilities/users:{{from_user_id}} has no account 'available'"
            ),
        ],
    ),
    (
        f"{USERS}.children[1].currency",
        {"code": "CUSTOM"},
        ["@ is not a currency: the currency code CUSTOM needs a customCurrencyId"],
    ),
    (f"{USERS}.children[1].currencyMode", "none", ["@ must be one of single, multi, not 'none'"]),
    (f"{USERS}.consistencyConfig.groups", [{"key": "a"}], ["@[0].ownBalanceUpdates is required"]),
    (
        f"{USERS}.consistencyConfig.groups",
        [{"key": "a", "ownBalanceUpdates": "strong"}, {"key": "a", "ownBalanceUpdates": "strong"}],
        ["@[1].key a is configured twice"],
    ),
    (
        f"{USERS}.consistencyConfig.totalBalanceUpdates",
        "strong",
        [
            (
                "@ can't be combined with ownBalanceUpdates at "
                "chartOfAccounts.accounts[1].children[0].consistencyConfig.ownBalanceUpdates: "
                "use own balances or total balances, not both"
            )
        ],
    ),
    (
        f"{INCOME}.name",
        "Income of {{user}}",
        ["@ holds parameters, but only a template account or one below it is given any"],
    ),
    (
        f"{INCOME}.currency",
        {"code": "{{currency}}"},
        ["@ holds parameters, but only a template account or one below it is given any"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"id": "{{id}}"},
        ["@ holds parameters, but only a template account or one below it is given any"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"externalId": "e"},
        ["@ must give id, or externalId with linkId or linkIk"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"linkId": "l"},
        ["@ must give id, or externalId with linkId or linkIk"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"id": "i", "linkId": "l"},
        ["@ must give id alone, or externalId with a link, not ['id', 'linkId']"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"externalId": "e", "linkIk": "l"},
        ["@.linkType must be CustomLink with linkIk"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"externalId": "e", "linkIk": "l", "linkType": "StripeLink"},
        ["@.linkType must be CustomLink with linkIk"],
    ),
    (
        f"{INCOME}.linkedAccount",
        {"externalId": "e", "linkIk": "l", "linkType": "BankLink"},
        [
            (
                "@.linkType must be one of CustomLink, IncreaseLink, StripeLink, UnitLink, not "
                "'BankLink'"
            )
        ],
    ),
    (f"{FUND}.type", ..., ["@ is required"]),
    (f"{FUND}.typeVersion", 0, ["@ must be an integer from 1 to 2147483647, not 0"]),
    (f"{FUND}.typeVersion", True, ["@ must be an integer from 1 to 2147483647, not True"]),
    (f"{FUND}.typeVersion", "1", ["@ must be an integer from 1 to 2147483647, not '1'"]),
    (
        f"{FUND}.type",
        "p2p_transfer",
        ["ledgerEntries.types[1].type p2p_transfer, version 1, is defined twice"],
    ),
    (
        f"{FUND}.postLinesAs",
        "lines",
        ["@ must be one of raw_lines, net_amounts, skip_zero_lines, not 'lines'"],
    ),
    (f"{FUND}.status", "on", ["@ must be one of active, disabled, archived, not 'on'"]),
    (
        f"{FUND}.description",
        "{{a",
        [
            (
                "@ is malformed: at character 1: {{ must be followed by a parameter's name "
                "(letters, digits, _ and -) and }}"
            )
        ],
    ),
    (f"{FUND}.lines", [], ["@ must hold at least 1 elements, not 0"]),
    (f"{FUND}.lines[1]", 7, ["@ must be an object, not 7"]),
    (
        f"{FUND}.lines[1].key",
        "funds_arrive_in_bank",
        ["@ funds_arrive_in_bank is used twice in the entry type"],
    ),
    (f"{FUND}.lines[1].key", ..., ["@ is required"]),
    (f"{FUND}.lines[1].account", ..., ["@ is required"]),
    (f"{FUND}.lines[1].account", {}, ["@.path is required"]),
    (f"{FUND}.lines[1].account.id", "x", ["@ is unknown; known are path"]),
    (
        f"{FUND}.lines[1].account.path",
        "liabilities/users",
        [
            (
                "@ is not the path of a Ledger Account: users is a template: it takes a value, "
                "as in users:value"
            )
        ],
    ),
    (
        f"{FUND}.lines[1].account.path",
        "{{path}}",
        [
            (
                "@ is not the path of a Ledger Account: a parameter may stand only for a "
                "template account's value, as in users:{{id}}"
            )
        ],
    ),
    (
        f"{FUND}.lines[1].amount",
        "{{x}} * 2",
        [
            (
                "@ is not a sum of integers and {{parameters}}: at character 7: expected + or "
                "-, not '* 2'"
            )
        ],
    ),
    (f"{FUND}.lines[1].amount", 100, ["@ must be a string, not 100"]),
    (f"{FUND}.lines[1].amount", ..., ["@ is required"]),
    (
        f"{FUND}.lines[1].currency",
        {"code": "EUR"},
        ["@ must be USD, the currency of the account, or left out"],
    ),
    (
        f"{FUND}.lines[1].currency",
        {"code": "USD", "customCurrencyId": "{{x}}"},
        ["@.customCurrencyId goes with the code CUSTOM, not with USD"],
    ),
    (
        f"{FUND}.lines[1].tx",
        {"id": "x"},
        ["@ must be left out: liabilities/users:*/available is no Linked Ledger Account"],
    ),
    (f"{FUND}.lines[1].tags", [{"key": "a"}], ["@[0].value is required"]),
    (
        f"{FUND}.lines[1].amount",
        "{{funding_amount}} - 5",
        [
            (
                "ledgerEntries.types[0].lines do not balance in USD: assets - liabilities - "
                "income + expenses leaves 5, and must leave 0"
            )
        ],
    ),
    (
        f"{FUND}.lines[1].amount",
        "2 + {{other}}",
        [
            (
                "ledgerEntries.types[0].lines do not balance in USD: assets - liabilities - "
                "income + expenses leaves {{funding_amount}} - {{other}} - 2, and must leave 0"
            )
        ],
    ),
    (
        f"{FUND}.lines[1].amount",
        "{{items.amount}}",
        ["@ only a line or condition with repeated.key items may use {{items.amount}}"],
    ),
    (
        f"{FUND}.lines[1].repeated",
        {"key": "a b"},
        [
            (
                "@.key must be a parameter's name: letters, digits, _ and -, not starting with "
                "a digit or -, not 'a b'"
            )
        ],
    ),
    (
        f"{FUND}.lines[1].repeated",
        {"key": "user_id"},
        [
            (
                "ledgerEntries.types[0].description uses {{user_id}}, an array parameter: name "
                "a field, {{user_id.field}}"
            )
        ],
    ),
    (f"{FUND}.parameters", {"nope": "1"}, ["@.nope is not a parameter that the entry type uses"]),
    (
        f"{FUND}.parameters",
        {"funding_amount": "x"},
        ["@.funding_amount must be an integer within ±(2^120 - 1), not 'x'"],
    ),
    (
        f"{FUND}.parameters",
        {"user_id": "a/b"},
        ["@.user_id must be a string without / # : and {{…}}, not 'a/b'"],
    ),
    (
        f"{FUND}.parameters",
        {"funding_amount": 1.5},
        ["@.funding_amount must be a string or an integer, not 1.5"],
    ),
    (
        f"{FUND}.parameters",
        {"funding_amount": True},
        ["@.funding_amount must be a string or an integer, not True"],
    ),
    (
        f"{FUND}.parameters",
        {"funding_amount": 10**50},
        [
            (
                "@.funding_amount must be a string or an integer, not "
                "100000000000000000000000000000000000000000000000000"
            )
        ],
    ),
    (f"{FUND}.parameters", "x", ["@ must be an object, not 'x'"]),
    (
        f"{FUND}.tags",
        [{"key": "a", "value": "x/{{user_id}}"}],
        ["@[0].value must be without / # : around its parameters, not 'x/{{user_id}}'"],
    ),
    (
        f"{FUND}.tags",
        [{"key": "a", "value": "x:y"}],
        ["@[0].value must be a string without / # : and {{…}}, not 'x:y'"],
    ),
    (
        f"{FUND}.tags",
        [{"key": "a", "value": "x"}, {"key": "a", "value": "x"}],
        ["@[1].key a is used twice"],
    ),
    (
        f"{FUND}.tags",
        [{"key": f"k{n}", "value": "v"} for n in range(11)],
        ["@ must hold at most 10 elements, not 11"],
    ),
    (
        f"{FUND}.groups",
        [{"key": f"k{n}", "value": "v"} for n in range(11)],
        ["@ must hold at most 10 elements, not 11"],
    ),
    (
        f"{FUND}.groups",
        [{"key": "{{k}}", "value": "v"}],
        ["@[0].key must be a string without / # : and {{…}}, not '{{k}}'"],
    ),
    (
        f"{FUND}.groups",
        [{"key": "k", "value": "v" * 129}],
        [
            (
                "@[0].value must be a string of 1 to 128 characters, not "
                "'vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv…"
            )
        ],
    ),
    (
        f"{CONDITION}.postcondition",
        ...,
        [
            (
                "ledgerEntries.types[1].conditions[0] must give a precondition, a postcondition"
                " or both"
            )
        ],
    ),
    (f"{CONDITION}.postcondition", {}, ["@ must bound ownBalance or totalBalance"]),
    (f"{CONDITION}.postcondition.ownBalance", {}, ["@ must give eq, gte or lte"]),
    (
        f"{CONDITION}.postcondition.ownBalance.eq",
        "5",
        ["@ can't be given together with gte or lte"],
    ),
    (
        f"{CONDITION}.postcondition.ownBalance.lte",
        "-1",
        [
            (
                "ledgerEntries.types[1].conditions[0].postcondition.ownBalance.gte must not be "
                "greater than lte, -1"
            )
        ],
    ),
    (
        f"{CONDITION}.account.path",
        "liabilities/users:{{from_user_id}}/pending",
        [
            (
                "ledgerEntries.types[1].conditions[0].postcondition.ownBalance is on "
                "liabilities/users:{{from_user_id}}/pending, but no line of the entry type goes"
                " to the account"
            )
        ],
    ),
    (
        f"{CONDITION}.postcondition.totalBalance",
        {"gte": "0"},
        [
            (
                "@ needs consistencyConfig.totalBalanceUpdates strong on "
                "liabilities/users:*/available"
            ),
            (
                "@ can't be combined with ownBalanceUpdates at "
                "chartOfAccounts.accounts[1].children[0].consistencyConfig.ownBalanceUpdates: "
                "use own balances or total balances, not both"
            ),
        ],
    ),
    (
        f"{CONDITION}.currency",
        {"code": "EUR"},
        ["@ must be USD, the currency of the account, or left out"],
    ),
    (
        f"{USERS}.consistencyConfig",
        ...,
        [
            (
                "ledgerEntries.types[1].conditions[0].postcondition.ownBalance needs "
                "consistencyConfig.ownBalanceUpdates strong on liabilities/users:*/available"
            )
        ],
    ),
    ("groups", [{"key": "a"}, {"key": "a"}], ["@[1].key a is defined twice"]),
    (
        "groups",
        [{"key": "a", "reconciliation": {"clearingAccountPath": {"path": "nope"}}}],
        [
            (
                "@[0].reconciliation.clearingAccountPath.path is not the path of a Ledger "
                "Account: the chart of accounts has no root account 'nope'"
            )
        ],
    ),
    (
        "groups",
        [{"key": "a", "reconciliation": {}}],
        ["@[0].reconciliation.clearingAccountPath is required"],
    ),
    ("payments", {}, ["@.types is required"]),
    (
        "payments",
        {"types": [{}]},
        [
            "@.types[0].type is required",
            "@.types[0].typeVersion is required",
            "@.types[0].status is required",
            "@.types[0].payment is required",
            "@.types[0].accounting is required",
        ],
    ),
    ("scenes", [{"name": "s"}], ["@[0].events is required"]),
    (
        "scenes",
        [{"name": "s", "events": [{"eventType": "entry"}]}],
        ["@[0].events[0].entry is required"],
    ),
    (
        "scenes",
        [{"name": "s", "events": [{"eventType": "entry", "entry": {"type": "nope"}}]}],
        ["@[0].events[0].entry.type nope, version 1, is no entry type of the Schema"],
    ),
    (
        "scenes",
        [
            {
                "name": "s",
                "events": [
                    {
                        "eventType": "payment",
                        "entry": {"type": "p2p_transfer"},
                        "payment": {"ik": "x", "event": "later"},
                    }
                ],
            }
        ],
        [
            "@[0].events[0].entry must be left out of an event of type payment",
            (
                "@[0].events[0].payment.event must be one of initiated, settled, "
                "refund_initiated, refund_failed, not 'later'"
            ),
            "@[0].events[0].payment.ik x is no payment of the scene",
        ],
    ),
    (
        "scenes",
        [
            {
                "name": "s",
                "events": [
                    {
                        "eventType": "entry",
                        "entry": {"type": "p2p_transfer", "parameters": {"a": 1.5, "b": ["x"]}},
                    }
                ],
            }
        ],
        [
            (
                "@[0].events[0].entry.parameters.a must be a string, an integer or a list of "
                "objects of those, not 1.5"
            ),
            (
                "@[0].events[0].entry.parameters.b must be a string, an integer or a list of "
                "objects of those, not ['x']"
            ),
        ],
    ),
]


def told(document: dict[str, Any]) -> list[str]:
    return [str(violation) for violation in violations(document)]


@pytest.mark.parametrize("path, value, expected", FAULTS)
def test_a_fault_is_told_with_its_path_and_nothing_else_is(
    path: str, value: Any, expected: list[str]
):
    document = edited(quickstart(), {path: value})
    assert told(document) == [sentence.replace("@", path) for sentence in expected]


def test_a_violation_reads_as_a_sentence():
    assert str(Violation("key", "is required")) == "key is required"
    assert str(Violation("", "must be an object, not 5")) == "The document must be an object, not 5"


@pytest.mark.parametrize("document", [None, 5, "x", [], ["key"]])
def test_a_document_that_is_no_object_is_refused(document: Any):
    assert told(document) == [f"The document must be an object, not {document!r}"]


def test_a_document_that_nests_too_deep_is_not_walked():
    value: Any = {}
    for _ in range(100_000):
        value = [value]
    document = {**quickstart(), "scenes": value}
    assert told(document) == [f"The document nests deeper than {JSON_DEPTH_MAX} levels"]


def test_all_faults_of_a_document_are_told_at_once():
    document = edited(
        quickstart(),
        {
            "key": "a/b",
            "chartOfAccounts.accounts[3].type": "equity",
            f"{FUND}.lines[0].amount": "{{a}} *",
            f"{FUND}.lines[1].account.path": "nope",
            f"{CONDITION}.postcondition.ownBalance.gte": "zero",
            f"{TRANSFER}.extra": 1,
        },
    )
    assert sorted(violation.path for violation in violations(document)) == [
        "chartOfAccounts.accounts[3].type",
        "key",
        f"{FUND}.lines[0].amount",
        f"{FUND}.lines[1].account.path",
        f"{CONDITION}.postcondition.ownBalance.gte",
        f"{TRANSFER}.extra",
    ]


def test_values_that_cannot_be_printed_do_not_break_the_message():
    document = edited(
        quickstart(),
        {
            f"{FUND}.parameters": {"\ud800": 10**5000},
            "chartOfAccounts.accounts[3].key": "\ud800",
            "name": [10**5000],
        },
    )
    for violation in violations(document):
        assert str(violation).encode()


# --- Charts --------------------------------------------------------------------------------------


def test_an_account_needs_a_currency_from_somewhere():
    document = {
        "key": "k",
        "chartOfAccounts": {
            "accounts": [
                {
                    "key": "a",
                    "type": "asset",
                    "children": [{"key": "b"}, {"key": "c", "currencyMode": "single"}],
                }
            ]
        },
    }
    root = "chartOfAccounts.accounts[0]"
    assert told(document) == [
        f"{root}.currency is required, or currencyMode multi: nothing above the account gives one",
        f"{root}.children[1].currency is required:"
        " the account is single-currency, and inherits none",
    ]


def test_a_multi_currency_account_has_no_currency():
    account = {"key": "a", "type": "asset", "currencyMode": "multi", "currency": {"code": "USD"}}
    assert told(with_accounts(account)) == [
        "chartOfAccounts.accounts[0].currency must be left out of a multi-currency account"
    ]


def test_an_eleventh_level_is_refused():
    account: dict[str, Any] = {"key": "k"}
    for _ in range(9):
        account = {"key": "k", "children": [account]}
    document = with_accounts({"key": "k", "type": "asset", "children": [account]})
    path = "chartOfAccounts.accounts[0]" + ".children[0]" * 9
    assert told(document) == [f"{path}.children go deeper than 10 levels"]


def test_accounts_are_counted_over_the_whole_chart():
    children = [{"key": f"c{n}"} for n in range(CHART_ACCOUNTS_MAX // 2)]
    roots = [{"key": key, "type": "asset", "children": children} for key in "ab"]
    assert told(with_accounts(*roots)) == [
        f"chartOfAccounts.accounts must hold at most {CHART_ACCOUNTS_MAX} accounts in all,"
        f" not {CHART_ACCOUNTS_MAX + 2}"
    ]


def test_own_and_total_balances_are_not_mixed_in_one_schema():
    document = with_accounts(
        {"key": "a", "type": "asset", "consistencyConfig": STRONG},
        {
            "key": "b",
            "type": "liability",
            "consistencyConfig": {"totalBalanceUpdates": "strong"},
        },
    )
    assert told(document) == [
        "chartOfAccounts.accounts[1].consistencyConfig.totalBalanceUpdates"
        " can't be combined with ownBalanceUpdates at"
        " chartOfAccounts.accounts[0].consistencyConfig.ownBalanceUpdates:"
        " use own balances or total balances, not both"
    ]


def test_eventual_balances_mix_with_anything():
    document = with_accounts(
        {
            "key": "a",
            "type": "asset",
            "consistencyConfig": {"ownBalanceUpdates": "eventual", "totalBalanceUpdates": "strong"},
        },
    )
    with pytest.raises(AssertionError, match="the document is valid"):
        violations(document)


# --- Entry types ---------------------------------------------------------------------------------


def test_a_line_of_a_multi_currency_account_states_its_currency():
    document = edited(multi_currency(), {f"{FUND}.lines[0].currency": ...})
    assert told(document) == [
        f"{FUND}.lines[0].currency is required: bank-account is multi-currency"
    ]


def test_a_condition_on_a_multi_currency_account_states_its_currency():
    document = edited(multi_currency(), {"ledgerEntries.types[2].conditions[0].currency": ...})
    assert told(document) == [
        "ledgerEntries.types[2].conditions[0].currency is required:"
        " liabilities/users:* is multi-currency"
    ]


def test_a_line_on_a_linked_account_names_its_tx():
    linked = {**guide_types()["E.c linked"]}
    document = edited(with_types(linked, chart=posting_chart()), {f"{FUND}.lines[0].tx": ...})
    assert told(document) == [
        f"{FUND}.lines[0].tx is required: assets/operating is a Linked Ledger Account"
    ]


@pytest.mark.parametrize("tx", [{}, {"id": "a", "externalId": "b"}])
def test_a_tx_is_named_in_one_way(tx: dict[str, str]):
    document = with_types(guide_types()["E.c linked"], chart=posting_chart())
    assert told(edited(document, {f"{FUND}.lines[0].tx": tx})) == [
        f"{FUND}.lines[0].tx must give one of id and externalId"
    ]


def test_a_linked_account_supports_no_conditions():
    condition = {
        "account": {"path": "assets/operating"},
        "postcondition": {"ownBalance": {"gte": "0"}},
    }
    document = with_types(
        {**guide_types()["E.c linked"], "conditions": [condition]}, chart=posting_chart()
    )
    assert told(document) == [
        f"{FUND}.conditions[0].account.path is a Linked Ledger Account,"
        " which supports no conditions: assets/operating",
        f"{FUND}.conditions[0].postcondition.ownBalance needs"
        " consistencyConfig.ownBalanceUpdates strong on assets/operating",
    ]


def test_one_line_at_most_balances_what_txs_leave():
    entry_type = guide_types()["F.g one Tx"]
    entry_type["lines"].append(line("more", "income/funding-fees"))
    assert told(with_types(entry_type, chart=posting_chart())) == [
        f"{FUND}.lines[2].amount is required: one line already balances the rest"
    ]


def test_more_lines_than_an_entry_holds_are_refused():
    lines = [line(f"k{n}", "income", "0") for n in range(LINES_PER_ENTRY_MAX + 1)]
    assert told(with_types({"type": "t", "lines": lines})) == [
        f"{FUND}.lines must hold at most {LINES_PER_ENTRY_MAX} elements,"
        f" not {LINES_PER_ENTRY_MAX + 1}"
    ]


def test_more_parameters_than_an_entry_takes_are_refused():
    names = [f"{{{{p{n}}}}}" for n in range(PARAMETERS_PER_ENTRY_MAX + 1)]
    entry_type = {"type": "t", "description": "".join(names)}
    assert told(with_types(entry_type)) == [
        f"{FUND} uses {PARAMETERS_PER_ENTRY_MAX + 1} parameters;"
        f" at most {PARAMETERS_PER_ENTRY_MAX} are allowed"
    ]


def test_a_condition_on_another_fixed_instance_than_the_lines_is_refused():
    entry_type = {
        "type": "t",
        "lines": [
            line("a", "liabilities/users:alice/available", "{{m}}"),
            line("b", "assets/banks/user-cash", "{{m}}"),
        ],
        "conditions": [
            {
                "account": {"path": "liabilities/users:bob/available"},
                "postcondition": {"ownBalance": {"gte": "0"}},
            }
        ],
    }
    assert told(with_types(entry_type)) == [
        f"{FUND}.conditions[0].postcondition.ownBalance is on liabilities/users:bob/available,"
        " but no line of the entry type goes to the account"
    ]


def test_one_fault_in_the_chart_is_not_told_again_for_every_line():
    document = edited(multi_currency(), {"chartOfAccounts.defaultCurrencyMode": "both"})
    paths = {violation.path for violation in violations(document)}
    assert not [path for path in paths if path.startswith("ledgerEntries")]


# --- Payments ------------------------------------------------------------------------------------


def payment(**line_members: Any) -> dict[str, Any]:
    """A document with one payment type whose settled entry has one line."""
    settled = {"lines": [line("l", "income", "{{amount}}") | line_members]}
    payment_type = {
        "type": "charge",
        "typeVersion": 1,
        "status": "active",
        "payment": {"amount": "{{amount}}", "direction": "payin"},
        "accounting": {"settled": settled},
    }
    return {**quickstart(), "payments": {"types": [payment_type]}}


SETTLED = "payments.types[0].accounting.settled.lines"


def test_a_payments_entry_balances_too():
    assert told(payment()) == [
        f"{SETTLED} do not balance in USD: assets - liabilities - income + expenses"
        " leaves - {{amount}}, and must leave 0"
    ]


def test_system_lines_go_to_payment_accounts():
    assert told(payment(system="payment_fee_line")) == [
        f"{SETTLED}[0].account.path must be a Payment Account (payment.enabled)"
        " for payment_fee_line: income"
    ]


def test_an_unknown_kind_of_system_line_is_told():
    assert told(payment(system="tip", amount="0")) == [
        f"{SETTLED}[0].system must be one of payment_fee_line, payment_settlement_line,"
        " payment_refund_line, payment_refund_reversal_line, not 'tip'"
    ]


def test_payment_types_are_unique():
    document = payment(amount="0")
    document["payments"]["types"] *= 2
    assert told(document) == ["payments.types[1].type charge, version 1, is defined twice"]


def test_a_payment_always_has_a_settled_entry():
    document = edited(payment(amount="0"), {"payments.types[0].accounting.settled": ...})
    assert told(document) == ["payments.types[0].accounting.settled is required"]
