"""The Schema of the ledger's model test, version by version, and what its entries look like to the
oracle.
"""

from typing import Any

from tests.model.oracle import Condition, Entry, Line

KEY = "model"
BANK = "assets/bank"
FEES = "income/fees"
EXPOSURE = "income/exposure"
STRONG_GROUP = "order"  # key of the groups whose balances are strong on the wallets


def wallet(user: str) -> str:
    return f"liabilities/users:{user}/available"


def is_strong(path: str) -> bool:
    """Whether the account's own balance is kept by the entries' own transactions."""
    return path.startswith("liabilities/users:")


def schema(extras: int) -> dict[str, Any]:
    """The document with `extras` accounts and entry types more than its first version has; from the
    first extra on, `fund` of version 1 is archived."""
    return {
        "key": KEY,
        "name": "Model",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "accounts": [
                {
                    "key": "assets",
                    "type": "asset",
                    "children": [
                        {"key": "bank"},
                        *[{"key": f"extra-{at}"} for at in range(1, extras + 1)],
                    ],
                },
                {
                    "key": "liabilities",
                    "type": "liability",
                    "children": [
                        {
                            "key": "users",
                            "template": True,
                            "consistencyConfig": {
                                "ownBalanceUpdates": "strong",
                                "groups": [{"key": STRONG_GROUP, "ownBalanceUpdates": "strong"}],
                            },
                            "children": [{"key": "available"}],
                        }
                    ],
                },
                {
                    "key": "income",
                    "type": "income",
                    "children": [{"key": "fees"}, {"key": "exposure", "currencyMode": "multi"}],
                },
            ],
        },
        "ledgerEntries": {"types": [*_types(extras), *[_extra(at + 1) for at in range(extras)]]},
    }


def _line(key: str, path: str, amount: str) -> dict[str, Any]:
    return {"key": key, "account": {"path": path}, "amount": amount}


def _types(extras: int) -> list[dict[str, Any]]:
    own = "liabilities/users:{{user}}/available"
    return [
        {
            "type": "fund",
            "status": "archived" if extras else "active",
            "lines": [_line("bank", BANK, "{{amount}}"), _line("user", own, "{{amount}}")],
            "tags": [{"key": "user", "value": "{{user}}"}],
            "groups": [{"key": "order", "value": "{{order}}"}],
        },
        {
            "type": "fund",
            "typeVersion": 2,
            "lines": [
                _line("bank", BANK, "{{amount}}"),
                _line("user", own, "{{amount}} - {{fee}}"),
                _line("fee", FEES, "{{fee}}"),
            ],
            "tags": [{"key": "user", "value": "{{user}}"}],
            "groups": [{"key": "order", "value": "{{order}}"}],
        },
        {
            "type": "pay",
            "lines": [
                _line("from", own, "-{{amount}}"),
                _line("to", "liabilities/users:{{payee}}/available", "{{amount}}"),
            ],
            "conditions": [
                {"account": {"path": own}, "postcondition": {"ownBalance": {"gte": "0"}}}
            ],
        },
        {"type": "by-hand"},
    ]


def _extra(at: int) -> dict[str, Any]:
    path = f"assets/extra-{at}"
    lines = [_line("in", path, "{{amount}}"), _line("out", BANK, "-{{amount}}")]
    return {"type": f"extra-{at}", "lines": lines}


# --- Entries, as the API and as the oracle take them ----------------------------------------------
Asked = tuple[dict[str, Any], Entry]


def fund(ik: str, posted_ms: int, user: str, order: str, amount: int, version: int) -> Asked:
    """Money comes in; version 2 takes a fee of 1."""
    parameters = {"user": user, "order": order, "amount": str(amount)}
    lines = [Line(BANK, "asset", amount)]
    if version == 2:
        parameters["fee"] = "1"
        lines += [Line(wallet(user), "liability", amount - 1), Line(FEES, "income", 1)]
    else:
        lines.append(Line(wallet(user), "liability", amount))
    body = {"type": "fund", "typeVersion": version, "parameters": parameters}
    entry = Entry(ik, posted_ms, tuple(lines), "fund", version, {"user": user}, {"order": order})
    return body, entry


def pay(
    ik: str,
    posted_ms: int,
    user: str,
    payee: str,
    amount: int,
    groups: dict[str, str],
    conditions: tuple[Condition, ...],
) -> Asked:
    """Money moves between two wallets, never below nothing; more conditions and groups are given at
    runtime."""
    lines = (
        Line(wallet(user), "liability", -amount),
        Line(wallet(payee), "liability", amount),
    )
    never_below = Condition(wallet(user), gte=0)
    entry = Entry(
        ik, posted_ms, lines, "pay", 1, groups=dict(groups), conditions=(never_below, *conditions)
    )
    body = {
        "type": "pay",
        "parameters": {"user": user, "payee": payee, "amount": str(amount)},
        "groups": [{"key": key, "value": value} for key, value in groups.items()],
        "conditions": [_asked_condition(each) for each in conditions],
    }
    return body, entry


def _asked_condition(condition: Condition) -> dict[str, Any]:
    bounds = {"eq": condition.eq, "gte": condition.gte, "lte": condition.lte}
    given = {name: str(bound) for name, bound in bounds.items() if bound is not None}
    side = "precondition" if condition.is_pre else "postcondition"
    return {"account": {"path": condition.path}, side: {"ownBalance": given}}


def swap(ik: str, posted_ms: int, usd: int, eur: int, is_balanced: bool) -> Asked:
    """Two currencies over one multi-currency account; lines given at runtime."""
    lines = (
        Line(BANK, "asset", usd),
        Line(EXPOSURE, "income", usd if is_balanced else usd + 1),
        Line(EXPOSURE, "income", eur, "EUR"),
        Line(EXPOSURE, "income", -eur, "EUR"),
    )
    given = [
        {
            "key": f"line-{at}",
            "account": {"path": line.path},
            "amount": str(line.amount),
            **({} if line.path == BANK else {"currency": {"code": line.currency}}),
        }
        for at, line in enumerate(lines)
    ]
    return {"type": "by-hand", "lines": given}, Entry(ik, posted_ms, lines, "by-hand", 1)


def extra(ik: str, posted_ms: int, at: int, amount: int) -> Asked:
    """To an account that came with a later version of the Schema."""
    lines = (Line(f"assets/extra-{at}", "asset", amount), Line(BANK, "asset", -amount))
    body = {"type": f"extra-{at}", "parameters": {"amount": str(amount)}}
    return body, Entry(ik, posted_ms, lines, f"extra-{at}", 1)
