"""Schema documents for tests: the guide's, with what it leaves out written in, and small ones."""

import copy
import re
from typing import Any

from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema, Violation

Json = dict[str, Any]

USER_CASH = {"account": {"path": "assets/banks/user-cash"}, "key": "funds_arrive_in_bank"}
AVAILABLE = {
    "account": {"path": "liabilities/users:{{user_id}}/available"},
    "key": "increase_user_balance",
}


def compiled(document: Json) -> Schema:
    """The Schema that a valid document compiles to."""
    schema = parse_schema(document)
    assert isinstance(schema, Schema), [str(violation) for violation in schema]
    return schema


def violations(document: Json) -> list[Violation]:
    """The violations of an invalid document."""
    found = parse_schema(document)
    assert isinstance(found, list), "the document is valid"
    return found


def edited(document: Json, edits: dict[str, Any]) -> Json:
    """A copy with members set by path, like `ledgerEntries.types[0].type`; `...` removes one."""
    result = copy.deepcopy(document)
    for path, value in edits.items():
        steps = [
            int(index) if index else name
            for name, index in re.findall(r"([$\w-]+)|\[(\d+)\]", path)
        ]
        place: Any = result
        for step in steps[:-1]:
            place = place[step]
        if value is ...:
            del place[steps[-1]]
        elif isinstance(place, list) and steps[-1] == len(place):
            place.append(value)
        else:
            place[steps[-1]] = value
    return result


def quickstart() -> Json:
    """The quickstart Schema of the guide's section C."""
    available = "liabilities/users:{{from_user_id}}/available"
    return {
        "key": "quickstart-schema",
        "name": "Quickstart Schema",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [
                {
                    "key": "assets",
                    "type": "asset",
                    "children": [{"key": "banks", "children": [{"key": "user-cash"}]}],
                },
                {
                    "key": "liabilities",
                    "type": "liability",
                    "children": [
                        {
                            "key": "users",
                            "template": True,
                            "consistencyConfig": {"ownBalanceUpdates": "strong"},
                            "children": [{"key": "available"}, {"key": "pending"}],
                        }
                    ],
                },
                {"key": "income", "type": "income"},
                {"key": "expense", "type": "expense", "children": []},
            ],
        },
        "ledgerEntries": {
            "types": [
                {
                    "type": "user_funds_account",
                    "description": "Funding {{user_id}} for {{funding_amount}}.",
                    "lines": [
                        {**USER_CASH, "amount": "{{funding_amount}}"},
                        {**AVAILABLE, "amount": "{{funding_amount}}"},
                    ],
                },
                {
                    "type": "p2p_transfer",
                    "description": "P2P of {{transfer_amount}} from {{from_user_id}}"
                    " to {{to_user_id}}.",
                    "lines": [
                        {
                            "account": {"path": available},
                            "key": "decrease_from_user",
                            "amount": "-{{transfer_amount}}",
                        },
                        {
                            "account": {"path": "liabilities/users:{{to_user_id}}/available"},
                            "key": "increase_to_user",
                            "amount": "{{transfer_amount}}",
                        },
                    ],
                    "conditions": [
                        {
                            "account": {"path": available},
                            "postcondition": {"ownBalance": {"gte": "0"}},
                        }
                    ],
                },
            ]
        },
    }


def with_types(*types: Json, chart: Json | None = None) -> Json:
    """The quickstart document, or one with another chart, with these entry types alone."""
    document = quickstart()
    document["ledgerEntries"] = {"types": list(types)}
    if chart is not None:
        document["chartOfAccounts"] = chart
    return document


def with_accounts(*accounts: Json, **chart: Any) -> Json:
    """A document of these root accounts alone, in USD unless `chart` says otherwise."""
    default = {"defaultCurrency": {"code": "USD"}} if not chart else {}
    return {"key": "k", "chartOfAccounts": {"accounts": list(accounts), **default, **chart}}


def line(key: str, path: str, amount: str | None = None, **members: Any) -> Json:
    """One line of an entry type."""
    stated = {} if amount is None else {"amount": amount}
    return {"key": key, "account": {"path": path}, **stated, **members}


# --- The guide's examples -----------------------------------------------------------------------


def _account(key: str, account_type: str | None = None, *children: Json, **members: Any) -> Json:
    account: Json = {"key": key, **members}
    if account_type is not None:
        account["type"] = account_type
    if children:
        account["children"] = list(children)
    return account


def posting_chart() -> Json:
    """A chart for the guide's sections E, F, G, K and M: banks (some linked), users, fees."""
    linked = {"linkId": "some-link-id", "externalId": "bank-account-1"}
    return {
        "defaultCurrency": {"code": "USD"},
        "accounts": [
            _account(
                "assets",
                "asset",
                _account("banks", None, _account("user-cash")),
                _account("operating", None, name="Operating Bank", linkedAccount=linked),
                _account("operating-bank-account", None, linkedAccount=linked),
                _account("holding-bank-account", None, linkedAccount=linked),
                _account(
                    "customer-banks",
                    None,
                    template=True,
                    linkedAccount={
                        "linkId": "{{BANK_LINK_ID}}",
                        "externalId": "{{BANK_ACCOUNT_ID}}",
                    },
                ),
            ),
            _account(
                "liabilities",
                "liability",
                _account(
                    "users",
                    None,
                    _account("available", consistencyConfig={"ownBalanceUpdates": "strong"}),
                    _account("pending"),
                    _account("blocked"),
                    template=True,
                ),
            ),
            _account("income", "income", _account("funding-fees")),
        ],
    }


def guide_types() -> dict[str, Json]:
    """Entry types of the guide by section, on `posting_chart`."""
    users = "liabilities/users:{{user_id}}"
    cash = "assets/banks/user-cash"
    tx = {"externalId": "{{bank_transaction_id}}"}
    return {
        "E.a fee": {
            "type": "user_funds_account_with_fee",
            "description": "Fund {{user_id}} for {{funding_amount}} with {{fee_amount}} fee",
            "lines": [
                line("funds_arrive_in_bank", cash, "{{funding_amount}}"),
                line("balance", f"{users}/available", "{{funding_amount}} - {{fee_amount}}"),
                line("take_fee", "income/funding-fees", "{{fee_amount}}"),
            ],
        },
        "E.c linked": {
            "type": "reconciliation-type",
            "lines": [
                line("bank", "assets/operating", "{{some_amount}}", tx=tx),
                line("other", f"{users}/available", "{{some_amount}}"),
            ],
        },
        "E.d currencies": {
            "type": "user_funds_account",
            "lines": [
                line("bank", cash, "{{amount}}", currency={"code": "USD"}),
                line("user", f"{users}/available", "{{amount}}", currency={"code": "USD"}),
            ],
        },
        "E.e conditions": {
            "type": "user_withdraws_funds",
            "description": "{{user_id}} withdraws for {{withdraw_amount}}",
            "lines": [
                line("funds_leave_bank", cash, "-{{withdraw_amount}}"),
                line("decrease_user_balance", f"{users}/available", "-{{withdraw_amount}}"),
            ],
            "conditions": [
                {
                    "account": {"path": f"{users}/available"},
                    "postcondition": {"ownBalance": {"gte": "0"}},
                }
            ],
        },
        "E.g runtime": {
            "type": "runtime_entry",
            "description": "Runtime-defined ledger entry",
        },
        "F.d linked template": {
            "type": "customer_bank",
            "lines": [
                line("bank", "assets/customer-banks:{{customer}}", "{{amount}}", tx=tx),
                line("user", "liabilities/users:{{customer}}/available", "{{amount}}"),
            ],
        },
        "F.g one Tx": {
            "type": "user_funds_account_via_link",
            "description": "Funding {{user_id}} for {{funding_amount}}",
            "lines": [
                line("funds_arrive_in_bank", "assets/operating", tx=tx),
                line("increase_user_balance", f"{users}/available"),
            ],
        },
        "F.g two Txs": {
            "type": "book_transfer",
            "lines": [
                line("arrive", "assets/operating-bank-account", tx=tx),
                line("leave", "assets/holding-bank-account", tx=tx),
            ],
        },
        "G tags": {
            "type": "user_funds_account_tagged",
            "description": "Fund {{user_id}}",
            "lines": [
                line("bank", cash, "{{funding_amount}}"),
                line("user", f"{users}/available", "{{funding_amount}}"),
            ],
            "tags": [
                {"key": "user", "value": "{{user_id}}"},
                {"key": "deposit_flow", "value": "{{deposit_flow_id}}"},
                {"key": "deposit_flow_type", "value": "ach"},
            ],
        },
        "K.d precondition": {
            "type": "pay-employee",
            "lines": [
                line("user", f"{users}/available", "-{{amount}}"),
                line("bank", cash, "-{{amount}}"),
            ],
            "conditions": [
                {
                    "account": {"path": f"{users}/available"},
                    "precondition": {"ownBalance": {"eq": "{{current_balance}}"}},
                }
            ],
        },
        "M groups": {
            "type": "user_initiates_withdrawal",
            "description": "{{user_id}} initiates withdrawal",
            "lines": [
                line("decrease", f"{users}/available", "-{{withdraw_amount}}"),
                line("pending", f"{users}/pending", "{{withdraw_amount}}"),
            ],
            "groups": [{"key": "withdrawal", "value": "{{withdrawal_id}}"}],
        },
    }


def multi_currency() -> Json:
    """The guide's section L: multi-currency accounts, parameterized and custom currencies."""
    gems = {"code": "CUSTOM", "customCurrencyId": "blue-gems"}
    parameter = {"code": "{{currency}}"}
    users = "liabilities/users:{{from_user_id}}"
    return {
        "key": "multi-currency",
        "chartOfAccounts": {
            "defaultCurrencyMode": "multi",
            "accounts": [
                _account("bank-account", "asset"),
                _account("usd-bank", "asset", currencyMode="single", currency={"code": "USD"}),
                _account(
                    "bank-accounts",
                    "asset",
                    template=True,
                    currencyMode="single",
                    currency=parameter,
                ),
                _account("gems-issued", "asset", currencyMode="single", currency=gems),
                _account("gems-held", "liability", currencyMode="single", currency=gems),
                _account(
                    "liabilities",
                    "liability",
                    _account(
                        "users", template=True, consistencyConfig={"ownBalanceUpdates": "strong"}
                    ),
                ),
                _account("exposure", "income"),
            ],
        },
        "ledgerEntries": {
            "types": [
                {
                    "type": "user_funds_account_usd",
                    "lines": [
                        line("bank", "bank-account", "{{amount}}", currency={"code": "USD"}),
                        line("user", "exposure", "{{amount}}", currency={"code": "USD"}),
                    ],
                },
                {
                    "type": "user_funds_account",
                    "description": "Fund {{funding_amount}} {{currency}}",
                    "lines": [
                        line("bank", "bank-accounts:{{currency}}", "{{funding_amount}}"),
                        line("user", users, "{{funding_amount}}", currency=parameter),
                    ],
                },
                {
                    "type": "p2p_transfer",
                    "lines": [
                        line("from", users, "-{{amount}}", currency=parameter),
                        line(
                            "to",
                            "liabilities/users:{{to_user_id}}",
                            "{{amount}}",
                            currency=parameter,
                        ),
                    ],
                    "conditions": [
                        {
                            "account": {"path": users},
                            "currency": parameter,
                            "postcondition": {"ownBalance": {"gte": "0"}},
                        }
                    ],
                },
                {
                    "type": "convert",
                    "lines": [
                        line("usd-in", "bank-account", "{{usd}}", currency={"code": "USD"}),
                        line("usd-exposed", "exposure", "{{usd}}", currency={"code": "USD"}),
                        line("eur-out", "bank-account", "-{{eur}}", currency={"code": "EUR"}),
                        line("eur-exposed", "exposure", "-{{eur}}", currency={"code": "EUR"}),
                    ],
                },
                {
                    "type": "issue-blue-gems",
                    "description": "Issue blue gems",
                    "lines": [
                        line("increase-pool", "gems-issued", "{{amount}}", currency=gems),
                        line("held", "gems-held", "{{amount}}", currency=gems),
                    ],
                },
            ]
        },
    }
