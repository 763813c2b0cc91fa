"""The official client handles currencies: the guide's section L, and custom currencies."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import CreateLedgerInput, SchemaInput

from tests.conformance.asking import ask, eventually, posted
from tests.conformance.books import Books, hour, iso
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

USD, EUR, GBP = ({"code": code} for code in ("USD", "EUR", "GBP"))
BANK, EXPOSURE = "assets/bank", "income/exposure"
ANN, BOB = "liabilities/users:ann", "liabilities/users:bob"
STORE = """mutation store($schema: SchemaInput!) {
  storeSchema(schema: $schema) { __typename ... on Error { code message } }
}"""
POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) { __typename ... on Error { code message } }
}"""
SINGLE = """query single($ik: SafeString!, $path: String!, $currency: CurrencyMatchInput) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalance(currency: $currency) childBalance(currency: $currency) balance(currency: $currency)
  }
}"""
OWN = """query own($ik: SafeString!, $path: String!, $currency: CurrencyMatchInput) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) { ownBalance(currency: $currency) }
}"""
TOTAL = OWN.replace("ownBalance", "balance")
PLURAL = """query plural($ik: SafeString!, $path: String!, $at: LastMoment) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    own: ownBalances(at: $at) { nodes { amount currency { code customCurrencyId } } }
    below: childBalances(at: $at) { nodes { amount currency { code customCurrencyId } } }
    all: balances(at: $at) { nodes { amount currency { code customCurrencyId } } }
  }
}"""
CHANGES = """query changes($ik: SafeString!, $path: String!, $period: Period!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    one: balanceChange(period: $period, currency: {code: EUR})
    own: ownBalanceChanges(period: $period) { nodes { amount currency { code } } }
    below: childBalanceChanges(period: $period) { nodes { amount currency { code } } }
    all: balanceChanges(period: $period) { nodes { amount currency { code } } }
  }
}"""
STRONG = """query strong($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalance(consistencyMode: strong, currency: {code: EUR})
    ownBalances(consistencyMode: strong) { nodes { amount currency { code } } }
  }
}"""
ACCOUNTS = """query accounts($ik: SafeString!) {
  ledger(ledger: {ik: $ik}) {
    ledgerAccounts(first: 50) { nodes { path currencyMode currency { code customCurrencyId } } }
  }
}"""
CUSTOM = "code customCurrencyId precision name customCode"


def exchange() -> dict[str, Any]:
    """The guide's books of a company whose users pay each other in two currencies."""

    def line(key: str, path: str, amount: str, currency: str) -> dict[str, Any]:
        given = {"code": currency}
        return {"key": key, "account": {"path": path}, "amount": amount, "currency": given}

    return {
        "key": f"exchange-{uuid4().hex[:8]}",
        "chartOfAccounts": {
            "defaultCurrencyMode": "multi",
            "accounts": [
                {
                    "key": "assets",
                    "type": "asset",
                    "children": [
                        {"key": "bank", "consistencyConfig": {"ownBalanceUpdates": "strong"}},
                        {"key": "till", "currencyMode": "single", "currency": USD,
                         "children": [{"key": "drawer"}, {"key": "box", "currencyMode": "multi"}]},
                        {"key": "banks", "template": True, "currencyMode": "single",
                         "currency": {"code": "{{currency}}"}},
                    ],
                },
                {
                    "key": "liabilities",
                    "type": "liability",
                    "children": [
                        {"key": "users", "template": True,
                         "consistencyConfig": {"ownBalanceUpdates": "strong"}}
                    ],
                },
                {"key": "income", "type": "income", "children": [{"key": "exposure"}]},
            ],
        },
        "ledgerEntries": {
            "types": [
                {
                    "type": "fund",
                    "description": "Fund {{amount}} {{currency}}",
                    "lines": [
                        line("in", BANK, "{{amount}}", "{{currency}}"),
                        line("out", "liabilities/users:{{user}}", "{{amount}}", "{{currency}}"),
                    ],
                },
                {
                    "type": "wire",
                    "lines": [
                        line("in", "assets/banks:{{currency}}", "{{amount}}", "{{currency}}"),
                        line("out", "liabilities/users:{{user}}", "{{amount}}", "{{currency}}"),
                    ],
                },
                {
                    "type": "pay",
                    "lines": [
                        line("from", "liabilities/users:{{from}}", "-{{paid}}", "USD"),
                        line("paid", EXPOSURE, "{{paid}}", "USD"),
                        line("got", EXPOSURE, "-{{got}}", "EUR"),
                        line("to", "liabilities/users:{{to}}", "{{got}}", "EUR"),
                    ],
                    "conditions": [
                        {
                            "account": {"path": "liabilities/users:{{from}}"},
                            "currency": USD,
                            "postcondition": {"ownBalance": {"gte": "0"}},
                        }
                    ],
                },
                {"type": "manual"},
            ]
        },
    }  # fmt: skip


async def open_exchange(client: Any) -> str:
    schema = exchange()
    stored = await client.store_schema(SchemaInput.model_validate(schema))
    result = stored.store_schema
    assert result.typename__ == "StoreSchemaResult", getattr(result, "message", None)
    ik = f"ledger-{uuid4().hex[:12]}"
    made = await client.create_ledger(ik, CreateLedgerInput(name="Exchange"), schema["key"])
    assert made.create_ledger.typename__ == "CreateLedgerResult"
    return ik


async def fund(
    client: Any, ledger: str, books: Books, user: str, amount: int, currency: str, at: datetime
) -> None:
    parameters = {"user": user, "amount": str(amount), "currency": currency}
    ik = uuid4().hex
    posted(await client.add_ledger_entry(ik, ledger, "fund", parameters, posted=iso(at)))
    books.post(at, (BANK, amount, currency), (f"liabilities/users:{user}", amount, currency))


async def pay(client: Any, ledger: str, books: Books, paid: int, got: int, at: datetime) -> Any:
    parameters = {"from": "ann", "to": "bob", "paid": str(paid), "got": str(got)}
    answer = await client.add_ledger_entry(uuid4().hex, ledger, "pay", parameters, posted=iso(at))
    if answer.add_ledger_entry.typename__ == "AddLedgerEntryResult":
        lines = ((ANN, -paid, "USD"), (EXPOSURE, paid, "USD"), (EXPOSURE, -got, "EUR"))
        books.post(at, *lines, (BOB, got, "EUR"))
    return answer.add_ledger_entry


def line(path: str, amount: int, currency: Any = None) -> dict[str, Any]:
    given: dict[str, Any] = {"account": {"path": path}, "amount": str(amount)}
    return given if currency is None else {**given, "currency": currency}


async def manual(client: Any, ledger: str, *lines: dict[str, Any], **more: Any) -> Any:
    """The answer to an entry whose lines are given at runtime."""
    entry = {"ledger": {"ik": ledger}, "type": "manual", "lines": list(lines), **more}
    return (await ask(client, POST, ik=uuid4().hex, entry=entry))["addLedgerEntry"]


def amounts(connection: Any) -> dict[str, str]:
    return {
        node["currency"].get("customCurrencyId") or node["currency"]["code"]: node["amount"]
        for node in connection["nodes"]
    }


def nonzero(by_currency: dict[str, str]) -> dict[str, str]:
    return {currency: amount for currency, amount in by_currency.items() if amount != "0"}


async def plural(client: Any, ledger: str, path: str, at: str | None = None) -> Any:
    found = (await ask(client, PLURAL, ik=ledger, path=path, at=at))["ledgerAccount"]
    # Sums that came back to zero are left out: this is about what each currency holds.
    return {name: nonzero(amounts(found[name])) for name in ("own", "below", "all")}


async def refusal(client: Any, query: str, **variables: Any) -> str:
    """The refusal's message."""
    with pytest.raises(Exception) as caught:
        await ask(client, query, **variables)
    assert type(caught.value).__name__ == "GraphQLClientGraphQLMultiError"
    return str(caught.value)


def sums(books: Books, path: str, before: datetime | None = None) -> dict[str, dict[str, str]]:
    """What the books say of an account: its balances that aren't zero."""
    codes = ("USD", "EUR")
    return {
        "own": nonzero({code: str(books.own(path, code, before)) for code in codes}),
        "below": nonzero({code: str(books.children(path, code, before)) for code in codes}),
        "all": nonzero({code: str(books.total(path, code, before)) for code in codes}),
    }


async def post_exchange(client: Any, ledger: str) -> Books:
    """The guide's example: ann pays bob 90 euros for 100 dollars; the bank changes them for 95."""
    books = Books()
    await fund(client, ledger, books, "ann", 100, "USD", hour("2024-01-05T10"))
    assert (await pay(client, ledger, books, 100, 90, hour("2024-02-06T11"))).typename__
    at = hour("2024-03-07T12")
    lines = ((BANK, -100, "USD"), (EXPOSURE, -100, "USD"), (EXPOSURE, 95, "EUR"), (BANK, 95, "EUR"))
    answer = await manual(
        client,
        ledger,
        *[line(path, amount, {"code": code}) for path, amount, code in lines],
        posted=iso(at),
    )
    assert answer["__typename"] == "AddLedgerEntryResult", answer
    books.post(at, *lines)
    return books


@rule("guide L.a", "A Change account with a balance in each currency tells the exposure")
@rule("guide L.d", "ownBalances, childBalances and balances list each currency's latest sum")
async def test_exposure_is_what_the_exchange_rates_left(client: Any) -> None:
    ledger = await open_exchange(client)
    books = await post_exchange(client, ledger)
    wanted = {"own": {"EUR": "5"}, "below": {}, "all": {"EUR": "5"}}
    assert sums(books, EXPOSURE) == wanted
    await eventually(lambda: plural(client, ledger, EXPOSURE), wanted)
    for path in (BANK, "assets", "liabilities", ANN, BOB, "income"):
        await eventually(lambda at=path: plural(client, ledger, at), sums(books, path))


@rule("guide L.d", "Historical lists stop at the end of `at`")
@rule("guide L.d", "The Changes fields list how much each currency's balance changed in a period")
async def test_history_and_changes_are_told_in_every_currency(client: Any) -> None:
    ledger = await open_exchange(client)
    books = await post_exchange(client, ledger)
    await eventually(lambda: plural(client, ledger, "income"), sums(books, "income"))
    for at, end in (
        ("2023", "2024-01-01T00"),
        ("2024-01", "2024-02-01T00"),
        ("2024-02-06", "2024-02-07T00"),
        ("2024-03-07T12", "2024-03-07T13"),
    ):
        for path in (BANK, "assets", EXPOSURE):
            assert await plural(client, ledger, path, at) == sums(books, path, hour(end)), (
                path,
                at,
            )
    for period, start, end in (("2024", "2024-01-01T00", "2025-01-01T00"),
                               ("2024-Q1", "2024-01-01T00", "2024-04-01T00"),
                               ("2024-03", "2024-03-01T00", "2024-04-01T00"),
                               ("2024-02-06T11", "2024-02-06T11", "2024-02-06T12")):  # fmt: skip
        found = await ask(client, CHANGES, ik=ledger, path="income", period=period)
        account = found["ledgerAccount"]
        eur = books.change("income", hour(start), hour(end), "EUR")
        usd = books.change("income", hour(start), hour(end), "USD")
        assert account["one"] == str(eur)
        changed = nonzero({"USD": str(usd), "EUR": str(eur)})
        assert nonzero(amounts(account["all"])) == changed
        assert nonzero(amounts(account["below"])) == changed
        assert amounts(account["own"]) == {}


@rule("guide L.d", "consistencyMode strong reads one currency, or all of them, as they are now")
async def test_strong_balances_are_kept_in_each_currency(client: Any) -> None:
    ledger = await open_exchange(client)
    books = Books()
    for amount, currency in ((7, "USD"), (11, "EUR"), (13, "EUR")):
        await fund(client, ledger, books, "ann", amount, currency, hour("2024-01-01T00"))
        found = (await ask(client, STRONG, ik=ledger, path=ANN))["ledgerAccount"]
        own = {code: str(amount) for code, amount in books.by_currency(ANN).items()}
        assert amounts(found["ownBalances"]) == own
        assert found["ownBalance"] == own.get("EUR", "0")


@rule("guide L.b", "defaultCurrencyMode multi makes every account multi-currency that says nothing")
@rule("guide L.b", "currencyMode and currency set on an account hold for its children too")
async def test_currency_mode_is_inherited_unless_overridden(client: Any) -> None:
    ledger = await open_exchange(client)

    async def read() -> dict[str, tuple[str, str | None]]:
        nodes = (await ask(client, ACCOUNTS, ik=ledger))["ledger"]["ledgerAccounts"]["nodes"]
        return {
            node["path"]: (node["currencyMode"], node["currency"] and node["currency"]["code"])
            for node in nodes
        }

    multi = ("multi", None)
    await eventually(
        read,
        {
            "assets": multi,
            BANK: multi,
            "assets/till": ("single", "USD"),
            "assets/till/drawer": ("single", "USD"),
            "assets/till/box": multi,
            "liabilities": multi,
            "income": multi,
            EXPOSURE: multi,
        },
    )


@rule("guide L.b", "A chart whose mode is multi has no defaultCurrency")
@rule("guide L.c", "A line on a multi-currency account states its currency")
@rule("guide L.c", "A condition on a multi-currency account states its currency")
async def test_what_a_multi_currency_schema_leaves_open_is_refused(client: Any) -> None:
    async def stored(schema: dict[str, Any]) -> str:
        result = (await ask(client, STORE, schema=schema))["storeSchema"]
        assert result["code"] == "invalid_schema", result
        message: str = result["message"]
        return message

    schema = exchange()
    schema["chartOfAccounts"]["defaultCurrency"] = USD
    assert "chartOfAccounts.defaultCurrency" in await stored(schema)
    schema = exchange()
    del schema["ledgerEntries"]["types"][0]["lines"][0]["currency"]
    assert "ledgerEntries.types[0].lines[0].currency" in await stored(schema)
    schema = exchange()
    del schema["ledgerEntries"]["types"][2]["conditions"][0]["currency"]
    assert "ledgerEntries.types[2].conditions[0].currency" in await stored(schema)
    ledger = await open_exchange(client)
    refused = await manual(client, ledger, line(BANK, 1), line(ANN, 1))
    assert refused["code"] == "missing_currency"
    pair = (line(BANK, 1, EUR), line(ANN, 1, EUR))
    condition = {"account": {"path": ANN}, "postcondition": {"ownBalance": {"gte": "0"}}}
    refused = await manual(client, ledger, *pair, conditions=[condition])
    assert refused["code"] == "missing_currency"
    kept = await manual(client, ledger, *pair, conditions=[{**condition, "currency": EUR}])
    assert kept["__typename"] == "AddLedgerEntryResult"


@rule("guide L.c", "A condition judges the balance of its own currency")
async def test_a_condition_judges_its_currency_alone(client: Any) -> None:
    ledger = await open_exchange(client)
    books = Books()
    await fund(client, ledger, books, "ann", 1_000, "EUR", hour("2024-01-01T00"))
    await fund(client, ledger, books, "ann", 50, "USD", hour("2024-01-01T00"))
    refused = await pay(client, ledger, books, 51, 40, hour("2024-01-02T00"))
    assert refused.code == "conditional_request_failed"
    assert (await pay(client, ledger, books, 50, 40, hour("2024-01-02T00"))).typename__ == (
        "AddLedgerEntryResult"
    )
    found = (await ask(client, STRONG, ik=ledger, path=ANN))["ledgerAccount"]
    assert amounts(found["ownBalances"]) == {"EUR": "1000", "USD": "0"}


@rule("guide L", "The accounting equation holds for each currency by itself")
async def test_an_entry_balances_in_every_currency(client: Any) -> None:
    ledger = await open_exchange(client)
    crossed = (line(BANK, 5, USD), line(ANN, 5, EUR))
    assert (await manual(client, ledger, *crossed))["code"] == "invalid_entry_balance"
    lines = (line(BANK, 5, USD), line(ANN, 5, USD), line(BANK, -3, EUR), line(BOB, -3, EUR))
    assert (await manual(client, ledger, *lines))["__typename"] == "AddLedgerEntryResult"
    off = (*lines[:3], line(BOB, -2, EUR))
    assert (await manual(client, ledger, *off))["code"] == "invalid_entry_balance"


@rule("guide L.c", "A template's currency parameter makes single-currency instances")
async def test_a_templates_currency_is_a_parameter(client: Any) -> None:
    ledger = await open_exchange(client)
    for currency, amount in (("GBP", "30"), ("EUR", "40")):
        parameters = {"user": "ann", "amount": amount, "currency": currency}
        posted(await client.add_ledger_entry(uuid4().hex, ledger, "wire", parameters))

    async def read(path: str) -> Any:
        return (await ask(client, SINGLE, ik=ledger, path=path))["ledgerAccount"]

    for currency, amount in (("GBP", "30"), ("EUR", "40")):
        wanted = {"ownBalance": amount, "childBalance": "0", "balance": amount}
        await eventually(lambda at=f"assets/banks:{currency}": read(at), wanted)
    refused = await manual(client, ledger, line("assets/banks:GBP", 1, EUR), line(ANN, 1, EUR))
    assert refused["code"] == "invalid_currency"


@rule("guide H.f", "The currency argument reads one currency of a multi-currency account")
@rule("guide L.d", "An account with descendants of several currencies is read in one, or in all")
async def test_single_balances_need_a_currency_where_there_may_be_several(client: Any) -> None:
    ledger = await open_exchange(client)
    for lines in (
        (line("assets/till", 7), line(ANN, 7, USD)),
        (line("assets/till/drawer", 2), line(ANN, 2, USD)),
        (line("assets/till/box", 3, EUR), line(ANN, 3, EUR)),
        (line("assets/till/box", 1, USD), line(ANN, 1, USD)),
    ):
        assert (await manual(client, ledger, *lines))["__typename"] == "AddLedgerEntryResult"
    told = {
        "own": {"USD": "7"},
        "below": {"USD": "3", "EUR": "3"},
        "all": {"USD": "10", "EUR": "3"},
    }
    await eventually(lambda: plural(client, ledger, "assets/till"), told)

    async def single(query: str, currency: Any = None) -> Any:
        given = {"ik": ledger, "path": "assets/till", "currency": currency}
        return (await ask(client, query, **given))["ledgerAccount"]

    assert await single(OWN) == {"ownBalance": "7"}
    assert await single(TOTAL, USD) == {"balance": "10"}
    assert await single(TOTAL, EUR) == {"balance": "3"}
    assert await single(TOTAL, GBP) == {"balance": "0"}
    for query, path in ((TOTAL, "assets/till"), (OWN, BANK), (TOTAL, "assets")):
        assert "currency must be given" in await refusal(client, query, ik=ledger, path=path)
    given = {"ik": ledger, "path": "assets/till", "currency": EUR}
    assert "holds USD, not EUR" in await refusal(client, OWN, **given)


# --- Custom currencies ----------------------------------------------------------------------------
async def create_gems(client: Any, precision: int = 0) -> str:
    custom_id = f"gems-{uuid4().hex[:8]}"
    answer = await client.create_custom_currency(custom_id, "Blue Gems", precision, "BLUE")
    created = answer.create_custom_currency
    assert created.typename__ == "CreateCustomCurrencyResult", created
    assert created.custom_currency.code.value == "CUSTOM"
    assert created.custom_currency.custom_currency_id == custom_id
    return custom_id


@rule(
    "guide L.e", "createCustomCurrency creates a currency with an id, a code, a name, a precision"
)
@rule("reference 5", "createCustomCurrency answers an identical repeat, and refuses other data")
@rule("reference 4", "customCurrencyId and customCode take at most 36 characters")
async def test_a_custom_currency_is_created_once_and_for_ever(client: Any) -> None:
    custom_id = await create_gems(client, 3)
    again = await client.create_custom_currency(custom_id, "Blue Gems", 3, "BLUE")
    assert again.create_custom_currency.custom_currency.precision == 3
    other = await client.create_custom_currency(custom_id, "Blue Gems", 2, "BLUE")
    assert other.create_custom_currency.code == "custom_currency_conflict"
    for bad in ((f"{custom_id}{'x' * 36}", "BLUE"), (custom_id, "B" * 37)):
        refused = await client.create_custom_currency(bad[0], "Blue Gems", 3, bad[1])
        assert refused.create_custom_currency.code == "invalid_string"
    query = "{ customCurrencies(first: 200) { nodes { %s } pageInfo { hasNextPage } } }"
    found = (await ask(client, query.replace("%s", CUSTOM)))["customCurrencies"]
    mine = [each for each in found["nodes"] if each["customCurrencyId"] == custom_id]
    assert mine == [
        {"code": "CUSTOM", "customCurrencyId": custom_id, "precision": 3,
         "name": "Blue Gems", "customCode": "BLUE"}
    ]  # fmt: skip


@rule(
    "guide L.e", "A custom currency stands on an account and on a line, and is balanced by itself"
)
async def test_custom_currencies_are_posted_and_read_like_others(client: Any) -> None:
    custom_id = await create_gems(client)
    gems = {"code": "CUSTOM", "customCurrencyId": custom_id}
    schema = exchange()
    issued = {"key": "gems-issued", "type": "liability", "currencyMode": "single", "currency": gems}
    schema["chartOfAccounts"]["accounts"].append(issued)
    stored = await client.store_schema(SchemaInput.model_validate(schema))
    assert stored.store_schema.typename__ == "StoreSchemaResult"
    ledger = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ledger, CreateLedgerInput(name="Gems"), schema["key"])
    lines = (line(BANK, 5, gems), line("gems-issued", 5), line(BANK, 9, USD), line(ANN, 9, USD))
    assert (await manual(client, ledger, *lines))["__typename"] == "AddLedgerEntryResult"
    told = {custom_id: "5", "USD": "9"}
    await eventually(lambda: plural(client, ledger, BANK), {"own": told, "below": {}, "all": told})
    given = {"ik": ledger, "path": "assets", "currency": gems}
    assert (await ask(client, TOTAL, **given))["ledgerAccount"] == {"balance": "5"}
    query = """query account($ik: SafeString!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "gems-issued"}) {
        currency { code customCurrencyId precision name customCode }
        lines { nodes { amount currency { name } } }
      }
    }"""
    wanted = {
        "currency": {"code": "CUSTOM", "customCurrencyId": custom_id, "precision": 0,
                     "name": "Blue Gems", "customCode": "BLUE"},
        "lines": {"nodes": [{"amount": "5", "currency": {"name": "Blue Gems"}}]},
    }  # fmt: skip

    async def account() -> Any:
        return (await ask(client, query, ik=ledger))["ledgerAccount"]

    await eventually(account, wanted)


@rule(
    "guide L.e", "A custom currency that was not created is refused where it is stored and posted"
)
async def test_a_custom_currency_has_to_be_created_first(client: Any) -> None:
    gems = {"code": "CUSTOM", "customCurrencyId": f"none-{uuid4().hex[:8]}"}
    schema = exchange()
    schema["chartOfAccounts"]["accounts"].append({**issued_of(gems), "type": "liability"})
    refused = (await ask(client, STORE, schema=schema))["storeSchema"]
    assert refused["code"] == "custom_currency_not_found"
    ledger = await open_exchange(client)
    refused = await manual(client, ledger, line(BANK, 5, gems), line(ANN, 5, gems))
    assert refused["code"] == "custom_currency_not_found"
    message = await refusal(client, OWN, ik=ledger, path=BANK, currency=gems)
    assert "There is no custom currency" in message


def issued_of(currency: dict[str, str]) -> dict[str, Any]:
    return {"key": "issued", "currencyMode": "single", "currency": currency}
