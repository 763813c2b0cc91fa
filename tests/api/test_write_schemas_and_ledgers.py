"""storeSchema, createLedger, updateLedger and instantiateLedgerAccount, on the in-memory twins."""

import asyncio
import copy
import json
from typing import Any

import pytest

from tests.write_api_rig import CREATE, STORE, WriteRig
from tests.write_rig import LEDGER_IK, QUICKSTART, SCHEMA_KEY

UPDATE = """mutation update($ledger: LedgerMatchInput!, $update: UpdateLedgerInput!) {
  updateLedger(ledger: $ledger, update: $update) {
    __typename
    ... on UpdateLedgerResult { ledger { ik name } }
    ... on Error { code message }
  }
}"""
INSTANTIATE = """
mutation open($ledger: LedgerMatchInput!, $path: String!, $parameters: Parameters) {
  instantiateLedgerAccount(ledger: $ledger, path: $path, parameters: $parameters) {
    __typename
    ... on InstantiateLedgerAccountResult {
      ledgerAccount { id path name type currency { code customCurrencyId } }
    }
    ... on Error { code message }
  }
}"""
ACCOUNT = """query account($path: String!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "quickstart-ledger"}}) { id path name }
}"""


def quickstart() -> dict[str, Any]:
    return dict(json.loads(QUICKSTART.read_text()))


def with_account(schema: dict[str, Any], key: str) -> dict[str, Any]:
    changed = copy.deepcopy(schema)
    changed["chartOfAccounts"]["accounts"][0]["children"].append({"key": key})
    return changed


async def test_an_unchanged_schema_makes_no_version(writer: WriteRig):
    assert (await writer.store(quickstart()))["version"] == {"version": 1}
    reordered = dict(reversed(quickstart().items()))
    assert (await writer.store(reordered))["version"] == {"version": 1}


async def test_what_a_new_version_adds_can_be_posted_to_once_its_ledgers_have_moved(
    writer: WriteRig,
):
    stored = await writer.store(with_account(quickstart(), "reserve"))
    assert stored["version"] == {"version": 2}
    account = (await writer.ask(ACCOUNT, path="assets/reserve")).data["ledgerAccount"]
    assert account["path"] == "assets/reserve"
    answer = await writer.add(
        "one",
        lines=[
            {"account": {"path": "assets/reserve"}, "amount": "5"},
            {"account": {"path": "assets/banks/user-cash"}, "amount": "-5"},
        ],
    )
    assert answer["__typename"] == "AddLedgerEntryResult"


async def test_a_schema_stored_by_many_at_once_has_one_version(writer: WriteRig):
    schema = {**with_account(quickstart(), "x"), "key": "raced"}
    answers = await asyncio.gather(*[writer.ask(STORE, schema=schema) for _ in range(8)])
    results = [answer.data["storeSchema"] for answer in answers]
    assert {result["__typename"] for result in results} == {"StoreSchemaResult"}
    assert {result["schema"]["version"]["version"] for result in results} == {1}


async def test_every_violation_is_named_with_its_path(writer: WriteRig):
    schema = quickstart()
    schema["chartOfAccounts"]["accounts"][0]["type"] = None
    schema["ledgerEntries"]["types"][0]["lines"][0]["amount"] = "{{funding_amount}} +"
    schema["ledgerEntries"]["types"][1]["lines"][1]["account"]["path"] = "liabilities/none"
    before = writer.stored()
    result = (await writer.ask(STORE, schema=schema)).data["storeSchema"]
    assert (result["__typename"], result["code"]) == ("BadRequestError", "invalid_schema")
    for path in (
        "chartOfAccounts.accounts[0].type",
        "ledgerEntries.types[0].lines[0].amount",
        "ledgerEntries.types[1].lines[1].account.path",
    ):
        assert path in result["message"]
    assert writer.stored() == before


async def test_a_breaking_version_is_refused_with_what_breaks(writer: WriteRig):
    schema = quickstart()
    del schema["chartOfAccounts"]["accounts"][3]
    result = (await writer.ask(STORE, schema=schema)).data["storeSchema"]
    assert result["code"] == "schema_not_backwards_compatible"
    assert "chartOfAccounts expense: must stay" in result["message"]


async def test_a_ledger_is_created_once_for_its_ik(writer: WriteRig):
    asked = {"ik": "new", "ledger": {"name": "New"}, "schema": {"key": SCHEMA_KEY}}
    answers = await asyncio.gather(*[writer.ask(CREATE, **asked) for _ in range(6)])
    results = [answer.data["createLedger"] for answer in answers]
    assert {result["__typename"] for result in results} == {"CreateLedgerResult"}
    assert len({result["ledger"]["id"] for result in results}) == 1
    assert sorted(result["isIkReplay"] for result in results) == [False] + [True] * 5


async def test_the_first_ledger_is_answered_again_whatever_the_body_says(writer: WriteRig):
    asked = {"ik": LEDGER_IK, "ledger": {"name": "Other", "balanceUTCOffset": "-08:00"}}
    result = (await writer.ask(CREATE, **asked)).data["createLedger"]
    assert result["isIkReplay"] is True
    assert result["ledger"]["name"] == LEDGER_IK
    assert result["ledger"]["balanceUTCOffset"] == "+00:00"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schema": {"key": "none"}}, "schema_not_found"),
        ({"schema": {"key": SCHEMA_KEY, "version": 2}}, "schema_version_not_found"),
        ({"schema": {"key": SCHEMA_KEY, "version": -1}}, "bad_request"),
        ({"ledger": {"name": ""}}, "invalid_string"),
        ({"ledger": {"name": "x" * 257}}, "invalid_string"),
    ],
)
async def test_a_bad_ledger_is_refused_and_leaves_no_trace(
    writer: WriteRig, change: dict[str, Any], code: str
):
    asked = {"ik": "new", "ledger": {"name": "New"}, "schema": {"key": SCHEMA_KEY}, **change}
    before = writer.stored()
    result = (await writer.ask(CREATE, **asked)).data["createLedger"]
    assert (result["__typename"], result["code"]) == ("BadRequestError", code)
    assert writer.stored() == before


async def test_a_chart_of_more_accounts_than_one_transaction_is_whole(writer: WriteRig):
    schema = quickstart()
    schema["key"] = "large"
    children = [{"key": f"account-{at}"} for at in range(250)]
    schema["chartOfAccounts"]["accounts"][3]["children"] = children
    await writer.store(schema)
    await writer.create("large", "large")
    path = "expense/account-249"
    match = f'{{path: "{path}", ledger: {{ik: "large"}}}}'
    query = f"{{ ledgerAccount(ledgerAccount: {match}) {{ path }} }}"
    assert (await writer.ask(query)).data["ledgerAccount"] == {"path": path}


async def test_a_ledger_s_name_can_be_changed_and_nothing_else(writer: WriteRig):
    asked = {"ledger": {"ik": LEDGER_IK}, "update": {"name": "Renamed"}}
    result = (await writer.ask(UPDATE, **asked)).data["updateLedger"]
    assert result["ledger"] == {"ik": LEDGER_IK, "name": "Renamed"}
    missing = {"ledger": {"ik": "none"}, "update": {"name": "Renamed"}}
    assert (await writer.ask(UPDATE, **missing)).data["updateLedger"]["code"] == "ledger_not_found"


# --- Template instances ---------------------------------------------------------------------------
CURRENCIES = {
    "key": "currencies",
    "chartOfAccounts": {
        "defaultCurrencyMode": "multi",
        "accounts": [
            {
                "key": "banks",
                "type": "asset",
                "template": True,
                "name": "Bank {{bank_name}}",
                "currencyMode": "single",
                "currency": {"code": "{{currency}}"},
                "children": [{"key": "cash"}],
            },
            {
                "key": "users",
                "type": "liability",
                "consistencyConfig": {"ownBalanceUpdates": "strong"},
            },
        ],
    },
    "ledgerEntries": {
        "types": [
            {
                "type": "fund",
                "lines": [
                    {
                        "key": "bank",
                        "account": {"path": "banks:{{bank}}/cash"},
                        "amount": "{{amount}}",
                        "currency": {"code": "{{currency}}"},
                    },
                    {
                        "key": "user",
                        "account": {"path": "users"},
                        "amount": "{{amount}}",
                        "currency": {"code": "{{currency}}"},
                    },
                ],
            }
        ]
    },
}


async def test_an_instance_is_created_with_its_ancestors_and_found_again(writer: WriteRig):
    asked = {"ledger": {"ik": LEDGER_IK}, "path": "liabilities/users:ann/available"}
    first = (await writer.ask(INSTANTIATE, **asked)).data["instantiateLedgerAccount"]
    again = (await writer.ask(INSTANTIATE, **asked)).data["instantiateLedgerAccount"]
    assert first["ledgerAccount"]["path"] == "liabilities/users:ann/available"
    assert first == again
    parent = (await writer.ask(ACCOUNT, path="liabilities/users:ann")).data["ledgerAccount"]
    assert parent["path"] == "liabilities/users:ann"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("assets", "invalid_account_path"),
        ("liabilities/users", "invalid_account_path"),
        ("liabilities/users:a:b", "invalid_account_path"),
        ("liabilities/users:/available", "invalid_account_path"),
        ("", "invalid_string"),
    ],
)
async def test_only_a_whole_path_of_a_template_can_be_instantiated(
    writer: WriteRig, path: str, code: str
):
    before = writer.stored()
    result = (await writer.ask(INSTANTIATE, ledger={"ik": LEDGER_IK}, path=path)).data
    assert result["instantiateLedgerAccount"]["code"] == code
    assert writer.stored() == before


async def test_an_instance_takes_exactly_the_parameters_of_its_template(writer: WriteRig):
    await writer.store(CURRENCIES)
    await writer.create("fx", "currencies")
    ledger = {"ik": "fx"}

    async def open_bank(parameters: dict[str, str]) -> dict[str, Any]:
        asked = {"ledger": ledger, "path": "banks:b1", "parameters": parameters}
        return dict((await writer.ask(INSTANTIATE, **asked)).data["instantiateLedgerAccount"])

    assert (await open_bank({"bank_name": "One"}))["code"] == "missing_parameter"
    full = {"bank_name": "One", "currency": "EUR"}
    assert (await open_bank({**full, "more": "x"}))["code"] == "bad_request"
    account = (await open_bank(full))["ledgerAccount"]
    assert account["name"] == "Bank One"
    assert account["currency"] == {"code": "EUR", "customCurrencyId": None}


async def test_an_instance_keeps_the_currency_it_was_created_with(writer: WriteRig):
    await writer.store(CURRENCIES)
    await writer.create("fx", "currencies")

    async def fund(ik: str, currency: str) -> dict[str, Any]:
        parameters = {"bank": "b1", "bank_name": "One", "amount": "10", "currency": currency}
        return await writer.add(ik, ledger={"ik": "fx"}, type="fund", parameters=parameters)

    first = await fund("one", "EUR")
    assert [line["currency"]["code"] for line in first["lines"]] == ["EUR", "EUR"]
    assert (await fund("two", "USD"))["code"] == "invalid_currency"
    writer.restart()
    assert (await fund("three", "USD"))["code"] == "invalid_currency"
    assert (await fund("four", "EUR"))["__typename"] == "AddLedgerEntryResult"


async def test_two_processes_that_create_an_instance_at_once_agree_on_its_currency(
    writer: WriteRig,
):
    await writer.store(CURRENCIES)
    await writer.create("fx", "currencies")
    other = WriteRig(None)
    other.table, other._tokens = writer.table, writer._tokens
    other.restart()

    async def fund(rig: WriteRig, currency: str) -> dict[str, Any]:
        parameters = {"bank": "b1", "bank_name": "One", "amount": "10", "currency": currency}
        return await rig.add(currency, ledger={"ik": "fx"}, type="fund", parameters=parameters)

    answers = await asyncio.gather(fund(writer, "EUR"), fund(other, "USD"))
    assert sorted(answer["__typename"] for answer in answers) == [
        "AddLedgerEntryResult",
        "BadRequestError",
    ]
    await other.services.committer.close()
    await other.close()
