"""What the conformance tests of reading share: Schemas, raw entries, refusals, pages."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from fragment.sdk.enums import CurrencyCode
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CurrencyMatchInput,
    LedgerAccountMatchInput,
    LedgerEntryGroupInput,
    LedgerEntryTagInput,
    LedgerLineInput,
    SchemaInput,
)

from tests.conformance.books import Books, iso

ACCOUNT = "ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path})"
PAGE_INFO = "pageInfo { hasNextPage endCursor hasPreviousPage startCursor }"
STRONG_OWN = {"ownBalanceUpdates": "strong"}


def reading_schema() -> dict[str, Any]:
    """Accounts of every kind of currency; own balances and lists strong here and there."""
    users = {
        "key": "users",
        "template": True,
        "consistencyConfig": {**STRONG_OWN, "lines": "strong"},
        "children": [
            {"key": "available"},
            {"key": "pending", "consistencyConfig": {"ownBalanceUpdates": "eventual"}},
        ],
    }
    fx = {"key": "fx", "currencyMode": "multi", "consistencyConfig": STRONG_OWN}
    debts = {"key": "debts", "type": "liability", "children": [{**fx}]}
    euros = {"key": "euros", "currencyMode": "single", "currency": {"code": "EUR"}}
    return {
        "key": "reading",
        "name": "Reading",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [
                {"key": "assets", "type": "asset", "children": [{"key": "bank"}]},
                {"key": "liabilities", "type": "liability", "children": [users]},
                {"key": "trade", "type": "asset", "children": [euros, fx]},
                debts,
                {"key": "income", "type": "income", "children": [{"key": "fees"}]},
            ],
        },
        "ledgerEntries": {
            "types": [
                {"type": "correction", "description": "By hand."},
                {"type": "correction", "typeVersion": 2, "description": "By the other hand."},
                {"type": "opening", "description": "At the beginning."},
                {
                    "type": "fund",
                    "description": "Fund {{amount}}.",
                    "lines": [
                        {"key": "in", "account": {"path": "assets/bank"}, "amount": "{{amount}}"},
                        {
                            "key": "out",
                            "account": {"path": "liabilities/users:{{user}}/available"},
                            "amount": "{{amount}}",
                        },
                    ],
                },
            ]
        },
    }


def totals_schema() -> dict[str, Any]:
    """Total balances strong throughout, by default."""
    document = reading_schema()
    users = document["chartOfAccounts"]["accounts"][1]["children"][0]
    del users["consistencyConfig"], users["children"][1]["consistencyConfig"]
    for account in document["chartOfAccounts"]["accounts"]:
        for child in account["children"]:
            if child["key"] == "fx":
                del child["consistencyConfig"]
    strong = {"totalBalanceUpdates": "strong"}
    document["chartOfAccounts"]["defaultConsistencyConfig"] = strong
    return {**document, "key": "reading-totals"}


async def open_ledger(
    client: Any, document: dict[str, Any], offset: str | None = None, name: str = "Reading"
) -> str:
    """The ik of a fresh ledger of a Schema."""
    stored = await client.store_schema(SchemaInput.model_validate(document))
    result = stored.store_schema
    assert result.typename__ == "StoreSchemaResult", getattr(result, "message", result)
    ik = f"ledger-{uuid4().hex[:12]}"
    ledger = CreateLedgerInput(name=name, balanceUTCOffset=offset)
    made = (await client.create_ledger(ik, ledger, document["key"])).create_ledger
    assert made.typename__ == "CreateLedgerResult", getattr(made, "message", made)
    return ik


async def post(
    client: Any,
    ledger: str,
    ik: str,
    at: datetime,
    *lines: tuple[str, int] | tuple[str, int, str],
    books: Books | None = None,
    type_: str = "correction",
    tags: dict[str, str] | None = None,
    groups: dict[str, str] | None = None,
    **more: Any,
) -> Any:
    """Posts an entry of these (path, amount, currency) lines and notes it; gives its result."""
    given = [
        LedgerLineInput(
            account=LedgerAccountMatchInput(path=path),
            amount=str(amount),
            currency=CurrencyMatchInput(code=CurrencyCode(currency[0])) if currency else None,
        )
        for path, amount, *currency in lines
    ]
    pairs = [LedgerEntryTagInput(key=key, value=value) for key, value in (tags or {}).items()]
    joined = [LedgerEntryGroupInput(key=key, value=value) for key, value in (groups or {}).items()]
    answer = await client.add_ledger_entry_runtime(
        ik, type_, ledger, given, posted=iso(at), tags=pairs, groups=joined, **more
    )
    result = answer.add_ledger_entry
    assert result.typename__ == "AddLedgerEntryResult", getattr(result, "message", result)
    if books is not None:
        books.post(at, *[(path, amount, (*rest, "USD")[0]) for path, amount, *rest in lines])
    return result


async def refusal(client: Any, query: str, **variables: Any) -> str:
    """The code of the one error that a query is refused with."""
    answer = (await client.execute(query=query, variables=variables)).json()
    (error,) = answer["errors"]
    code: str = error["extensions"]["code"]
    return code


async def pages(
    read: Callable[..., Any], size: int | None = None, *, backward: bool = False
) -> AsyncIterator[Any]:
    """Every page of a list, by its cursors; `read` takes first, last, after and before."""
    page = await read(**({"last": size} if backward else {"first": size}))
    while True:
        yield page
        info = page["pageInfo"]
        cursor = info["startCursor"] if backward else info["endCursor"]
        if cursor is None:
            return
        page = await read(**({"before": cursor} if backward else {"after": cursor}))
