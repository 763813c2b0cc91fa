"""What the tests of the remaining rules share: a Schema of one's own types, stored and opened."""

from typing import Any
from uuid import uuid4

from fragment.sdk.input_types import CreateLedgerInput, SchemaInput

from tests.conformance.asking import ask

STRONG = {"ownBalanceUpdates": "strong"}
POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    __typename
    ... on AddLedgerEntryResult {
      isIkReplay
      entry { id type typeVersion description posted created parameters }
      lines { key amount description type tags { key value } account { path } }
    }
    ... on Error { code message }
  }
}"""
OWN = """query own($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalance(consistencyMode: strong)
  }
}"""


def line(key: str, path: str, amount: str | None, **more: Any) -> dict[str, Any]:
    """A line of an entry type."""
    stated = {} if amount is None else {"amount": amount}
    return {"key": key, "account": {"path": path}, **stated, **more}


def kind(name: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An entry type; without lines they are given with each entry."""
    return {"type": name, **({"lines": list(lines)} if lines else {}), **more}


def moves(name: str, amount: str, **more: Any) -> dict[str, Any]:
    """An entry type that takes `amount` in as a fee, in cash."""
    lines = (line("in", "assets/cash", amount), line("fee", "income/fees", amount))
    return kind(name, *lines, **more)


def document(*types: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Schema under a key of its own: a bank, strong cash and users, fees, and these types."""
    users = {
        "key": "users",
        "template": True,
        "name": "User {{user_name}}",
        "consistencyConfig": STRONG,
    }
    assets = [{"key": "bank"}, {"key": "cash", "consistencyConfig": STRONG}]
    return {
        "key": f"schema-{uuid4().hex[:12]}",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [
                {"key": "assets", "type": "asset", "children": assets},
                {"key": "debts", "type": "liability", "children": [users]},
                {"key": "income", "type": "income", "children": [{"key": "fees"}]},
                {"key": "costs", "type": "expense", "consistencyConfig": STRONG},
            ],
        },
        "ledgerEntries": {"types": list(types)},
        **more,
    }


async def store(client: Any, schema: dict[str, Any]) -> Any:
    """The Schema as it was stored."""
    result = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert result.typename__ == "StoreSchemaResult", getattr(result, "message", result)
    return result.schema_


async def opened(client: Any, schema: dict[str, Any], offset: str | None = None) -> str:
    """Stores the Schema; the ik of a fresh Ledger of it."""
    await store(client, schema)
    ik = f"ledger-{uuid4().hex[:12]}"
    ledger = CreateLedgerInput(name="Own", balanceUTCOffset=offset)
    made = (await client.create_ledger(ik, ledger, schema["key"])).create_ledger
    assert made.typename__ == "CreateLedgerResult", getattr(made, "message", made)
    return ik


async def unstorable(client: Any, schema: dict[str, Any]) -> str:
    """The message with which a Schema is refused; nothing of it is stored."""
    result = (await client.store_schema(SchemaInput.model_validate(schema))).store_schema
    assert (result.typename__, result.code) == ("BadRequestError", "invalid_schema"), result
    assert (await client.get_schema(schema["key"])).schema_ is None
    message: str = result.message
    return message


async def post(client: Any, ledger: str, ik: str, **entry: Any) -> dict[str, Any]:
    """The answer to an entry, given as JSON."""
    variables = {"ik": ik, "entry": {"ledger": {"ik": ledger}, **entry}}
    answer: dict[str, Any] = (await ask(client, POST, **variables))["addLedgerEntry"]
    return answer


async def posted(client: Any, ledger: str, ik: str, **entry: Any) -> dict[str, Any]:
    """The result of an entry that is posted."""
    answer = await post(client, ledger, ik, **entry)
    assert answer["__typename"] == "AddLedgerEntryResult", answer
    return answer


async def unposted(client: Any, ledger: str, **entry: Any) -> str:
    """The code of an entry that is refused, of which nothing is left."""
    ik = f"refused-{uuid4().hex[:8]}"
    answer = await post(client, ledger, ik, **entry)
    assert answer["__typename"] == "BadRequestError", answer
    assert (await client.get_ledger_entry(ik, ledger)).ledger_entry is None
    code: str = answer["code"]
    return code


async def own(client: Any, ledger: str, path: str) -> int:
    """A strong own balance."""
    found = await ask(client, OWN, ik=ledger, path=path)
    return int(found["ledgerAccount"]["ownBalance"])


def given(**amounts: int) -> list[dict[str, Any]]:
    """Lines to be given with an entry; `assets__bank=5` is 5 on assets/bank."""
    return [
        {"account": {"path": name.replace("__", "/")}, "amount": str(amount)}
        for name, amount in amounts.items()
    ]
