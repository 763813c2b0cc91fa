"""The tree of accounts: keys, types and what an account has from the one above it."""

from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import CreateLedgerInput, SchemaInput

from tests.conformance.asking import ask
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

ACCOUNT = """query account($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    type currencyMode currency { code }
    consistencyConfig { ownBalanceUpdates lines }
  }
}"""
Account = dict[str, Any]


async def store(client: Any, accounts: list[Account], **chart: Any) -> tuple[str, Any]:
    """The key, and the answer to storing a chart of these accounts, without entry types."""
    key = f"schema-{uuid4().hex[:12]}"
    usd = {"defaultCurrencyMode": "single", "defaultCurrency": {"code": "USD"}}
    document = {"key": key, "chartOfAccounts": {**usd, **chart, "accounts": accounts}}
    answer = await client.store_schema(SchemaInput.model_validate(document))
    return key, answer.store_schema


async def refused(client: Any, accounts: list[Account], **chart: Any) -> str:
    """The message with which a chart is refused; nothing of it is stored."""
    key, answer = await store(client, accounts, **chart)
    assert (answer.typename__, answer.code) == ("BadRequestError", "invalid_schema")
    assert (await client.get_schema(key)).schema_ is None
    message: str = answer.message
    return message


@rule("guide B.a", "Accounts below one parent have keys of their own; others may share a key")
async def test_keys_are_unique_among_siblings(client: Any) -> None:
    twins = [{"key": "a", "type": "asset"}, {"key": "a", "type": "liability"}]
    assert "chartOfAccounts.accounts[1]" in await refused(client, twins)
    cousins = [
        {"key": "a", "type": "asset", "children": [{"key": "a", "children": [{"key": "a"}]}]},
        {"key": "b", "type": "liability", "children": [{"key": "a"}]},
    ]
    _, stored = await store(client, cousins)
    assert stored.typename__ == "StoreSchemaResult"


@rule("guide B.a", "A root account has one of four types, and those below have its type")
async def test_types_are_given_at_the_root(client: Any) -> None:
    kinds = ("asset", "liability", "income", "expense")
    roots = [{"key": kind, "type": kind, "children": [{"key": "child"}]} for kind in kinds]
    key, stored = await store(client, roots)
    assert stored.typename__ == "StoreSchemaResult"
    ik = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ik, CreateLedgerInput(name="Types"), key)
    for kind in kinds:
        for path in (kind, f"{kind}/child"):
            found = (await ask(client, ACCOUNT, ik=ik, path=path))["ledgerAccount"]
            assert found["type"] == kind
    assert "chartOfAccounts.accounts[0]" in await refused(client, [{"key": "untyped"}])


@rule("guide L.b", "Currency, its mode and consistency are those of the account above, or its own")
@rule("guide K.b", "A child has its parent's consistencyConfig unless it has its own")
async def test_children_inherit_what_they_do_not_say(client: Any) -> None:
    strong = {"ownBalanceUpdates": "strong", "lines": "strong"}
    eventual = {"ownBalanceUpdates": "eventual", "lines": "eventual"}
    euro = {"currencyMode": "single", "currency": {"code": "EUR"}}
    accounts = [
        {
            "key": "a",
            "type": "asset",
            **euro,
            "consistencyConfig": strong,
            "children": [
                {"key": "same", "children": [{"key": "below"}]},
                {"key": "own", "currencyMode": "multi", "consistencyConfig": eventual},
            ],
        },
        {"key": "b", "type": "liability"},
    ]
    key, stored = await store(client, accounts)
    assert stored.typename__ == "StoreSchemaResult", stored
    ik = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ik, CreateLedgerInput(name="Inheriting"), key)

    async def read(path: str) -> tuple[Any, ...]:
        found = (await ask(client, ACCOUNT, ik=ik, path=path))["ledgerAccount"]
        code = None if found["currency"] is None else found["currency"]["code"]
        return found["currencyMode"], code, found["consistencyConfig"]

    assert await read("a") == ("single", "EUR", strong)
    assert await read("a/same") == ("single", "EUR", strong)
    assert await read("a/same/below") == ("single", "EUR", strong)
    assert await read("a/own") == ("multi", None, eventual)
    assert await read("b") == ("single", "USD", eventual)


@rule("guide L.b", "defaultCurrency goes with the mode single, and is left out with multi")
async def test_default_currency_fits_its_mode(client: Any) -> None:
    accounts: list[Account] = [{"key": "a", "type": "asset"}]
    none = {"defaultCurrency": None}
    assert "defaultCurrency" in await refused(client, accounts, **none)
    assert "defaultCurrency" in await refused(client, accounts, defaultCurrencyMode="multi")
    multi = {**none, "defaultCurrencyMode": "multi"}
    _, stored = await store(client, accounts, **multi)
    assert stored.typename__ == "StoreSchemaResult"
