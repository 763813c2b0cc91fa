"""Custom currencies on the in-memory twins: created once, then good wherever a currency goes."""

import asyncio
from typing import Any

import pytest

from tests.read_rig import OTHER_WORKSPACE
from tests.write_api_rig import WriteRig

CREATE = """mutation create($currency: CreateCustomCurrencyInput!) {
  createCustomCurrency(customCurrency: $currency) {
    __typename
    ... on CreateCustomCurrencyResult {
      customCurrency { code customCurrencyId precision name customCode }
    }
    ... on Error { code message retryable }
  }
}"""
LIST = """query list($first: Int, $after: String, $last: Int, $before: String) {
  customCurrencies(first: $first, after: $after, last: $last, before: $before) {
    nodes { code customCurrencyId name precision customCode }
    pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
  }
}"""
BALANCES = """query balances($path: String!, $currency: CurrencyMatchInput) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "gems"}}) {
    currencyMode currency { code customCurrencyId name precision customCode }
    ownBalance(currency: $currency, consistencyMode: strong)
    ownBalances(consistencyMode: strong) {
      nodes { amount currency { code customCurrencyId name customCode } }
    }
  }
}"""
GEMS = {"customCurrencyId": "blue-gems", "precision": 0, "name": "Blue Gems", "customCode": "BLUE"}
SHOWN = {"code": "CUSTOM", **GEMS}


def gems(custom_id: str = "blue-gems") -> dict[str, str]:
    return {"code": "CUSTOM", "customCurrencyId": custom_id}


def schema(custom_id: str = "{{gem}}") -> dict[str, Any]:
    """Accounts of one gem each, an account of all, and one of blue gems."""
    line = {"amount": "{{amount}}", "currency": gems(custom_id)}
    strong = {"ownBalanceUpdates": "strong"}
    return {
        "key": "gems",
        "chartOfAccounts": {
            "defaultCurrencyMode": "multi",
            "defaultConsistencyConfig": strong,
            "accounts": [
                {"key": "bag", "type": "asset"},
                {
                    "key": "issued",
                    "type": "liability",
                    "template": True,
                    "currency": gems("{{gem}}"),
                },
                {"key": "vault", "type": "asset", "currency": {"code": "USD"}},
            ],
        },
        "ledgerEntries": {
            "types": [
                {
                    "type": "issue",
                    "lines": [
                        {"key": "in", "account": {"path": "bag"}, **line},
                        {"key": "out", "account": {"path": "issued:{{gem}}"}, **line},
                    ],
                    "conditions": [
                        {
                            "account": {"path": "bag"},
                            "currency": gems(custom_id),
                            "postcondition": {"ownBalance": {"gte": "0"}},
                        }
                    ],
                },
                {"type": "manual"},
            ]
        },
    }


async def create(writer: WriteRig, **changes: Any) -> dict[str, Any]:
    answer = await writer.ask(CREATE, currency={**GEMS, **changes})
    return dict(answer.data["createCustomCurrency"])


async def open_gems(writer: WriteRig) -> None:
    await writer.store(schema())
    await writer.create("gems", "gems")


async def issue(writer: WriteRig, ik: str, gem: str, amount: str) -> dict[str, Any]:
    parameters = {"gem": gem, "amount": amount}
    return await writer.add(ik, ledger={"ik": "gems"}, type="issue", parameters=parameters)


async def test_a_created_currency_is_told_as_it_was_given(writer: WriteRig):
    created = await create(writer)
    assert created == {"__typename": "CreateCustomCurrencyResult", "customCurrency": SHOWN}
    writer.restart()
    await writer.open()
    listed = (await writer.ask(LIST)).data["customCurrencies"]
    assert listed["nodes"] == [SHOWN]


async def test_an_identical_repeat_returns_it_and_other_data_is_refused(writer: WriteRig):
    first = await create(writer)
    before = writer.stored()
    assert await create(writer) == first
    for change, told in (
        ({"name": "Gems"}, "the name 'Blue Gems'"),
        ({"precision": 2}, "the precision 0"),
        ({"customCode": "GEM"}, "the customCode 'BLUE'"),
    ):
        refused = await create(writer, **change)
        assert refused["code"] == "custom_currency_conflict"
        assert told in refused["message"]
        assert refused["retryable"] is False
    assert writer.stored() == before


async def test_many_at_once_create_one_currency(writer: WriteRig):
    answers = await asyncio.gather(*[create(writer) for _ in range(8)])
    assert all(answer["customCurrency"] == SHOWN for answer in answers)
    other = await asyncio.gather(
        *[create(writer, name=f"N{n}", customCurrencyId="x") for n in range(8)]
    )
    kinds = sorted(answer["__typename"] for answer in other)
    assert kinds == ["BadRequestError"] * 7 + ["CreateCustomCurrencyResult"]
    assert len((await writer.ask(LIST)).data["customCurrencies"]["nodes"]) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"customCurrencyId": "i" * 37}, "customCurrency.customCurrencyId"),
        ({"customCode": "C" * 37}, "customCurrency.customCode"),
        ({"customCode": ""}, "customCurrency.customCode"),
        ({"name": ""}, "customCurrency.name"),
        ({"precision": -1}, "precision"),
        ({"precision": 37}, "precision"),
    ],
)
async def test_bounds_are_told_by_name(writer: WriteRig, changes: dict[str, Any], told: str):
    before = writer.stored()
    refused = await create(writer, **changes)
    assert refused["__typename"] == "BadRequestError"
    assert told in refused["message"]
    assert writer.stored() == before


async def test_the_list_runs_newest_first_in_pages_both_ways(writer: WriteRig):
    for number in range(5):
        writer.clock.advance(1)
        await create(writer, customCurrencyId=f"c{number}")

    def ids(page: dict[str, Any]) -> list[str]:
        return [node["customCurrencyId"] for node in page["nodes"]]

    first = (await writer.ask(LIST, first=2)).data["customCurrencies"]
    assert ids(first) == ["c4", "c3"]
    assert first["pageInfo"]["startCursor"] is None
    second = (await writer.ask(LIST, after=first["pageInfo"]["endCursor"])).data["customCurrencies"]
    assert ids(second) == ["c2", "c1"]
    third = (await writer.ask(LIST, after=second["pageInfo"]["endCursor"])).data["customCurrencies"]
    assert (ids(third), third["pageInfo"]["endCursor"]) == (["c0"], None)
    back = (await writer.ask(LIST, before=third["pageInfo"]["startCursor"])).data[
        "customCurrencies"
    ]
    assert ids(back) == ["c2", "c1"]
    assert ids((await writer.ask(LIST, last=1)).data["customCurrencies"]) == ["c0"]


async def test_another_workspace_sees_and_uses_none_of_them(writer: WriteRig):
    await create(writer)
    theirs = await writer.ask(LIST, as_workspace=OTHER_WORKSPACE)
    assert theirs.data["customCurrencies"]["nodes"] == []
    answer = await writer.ask(CREATE, as_workspace=OTHER_WORKSPACE, currency={**GEMS, "name": "T"})
    assert answer.data["createCustomCurrency"]["customCurrency"]["name"] == "T"
    mine = (await writer.ask(LIST)).data["customCurrencies"]["nodes"]
    assert mine == [SHOWN]


async def test_a_schema_that_names_a_currency_not_yet_created_is_refused(writer: WriteRig):
    before = writer.stored()
    document = schema("green-gems")
    store = """mutation store($schema: SchemaInput!) {
      storeSchema(schema: $schema) { __typename ... on Error { code message } }
    }"""
    refused = (await writer.ask(store, schema=document)).data["storeSchema"]
    assert refused["code"] == "custom_currency_not_found"
    assert "green-gems" in refused["message"]
    assert writer.stored() == before
    await create(writer, customCurrencyId="green-gems")
    await writer.store(document)


async def test_a_currency_from_parameters_posts_once_it_is_created(writer: WriteRig):
    await open_gems(writer)
    before = writer.stored()
    refused = await issue(writer, "one", "blue-gems", "5")
    assert refused["code"] == "custom_currency_not_found"
    assert writer.stored() == before
    await create(writer)
    posted = await issue(writer, "one", "blue-gems", "5")
    assert posted["isIkReplay"] is False
    assert (await issue(writer, "one", "red-gems", "5"))["isIkReplay"] is True


async def test_custom_balances_stand_beside_others_with_their_own_words(writer: WriteRig):
    await open_gems(writer)
    await create(writer)
    await create(writer, customCurrencyId="red", name="Red", customCode="RED", precision=3)
    await issue(writer, "one", "blue-gems", "5")
    await issue(writer, "two", "red", "700")
    bag = (await writer.ask(BALANCES, path="bag", currency=gems("red"))).data["ledgerAccount"]
    assert (bag["ownBalance"], bag["currency"], bag["currencyMode"]) == ("700", None, "multi")
    nodes = {node["currency"]["customCurrencyId"]: node for node in bag["ownBalances"]["nodes"]}
    assert {name: node["amount"] for name, node in nodes.items()} == {
        "blue-gems": "5",
        "red": "700",
    }
    assert nodes["red"]["currency"] == {
        "code": "CUSTOM", "customCurrencyId": "red", "name": "Red", "customCode": "RED"
    }  # fmt: skip
    issued = (await writer.ask(BALANCES, path="issued:red")).data["ledgerAccount"]
    assert issued["currency"] == {**SHOWN, "customCurrencyId": "red", "name": "Red",
                                  "customCode": "RED", "precision": 3}  # fmt: skip
    assert issued["ownBalance"] == "700"


async def test_runtime_lines_and_conditions_take_custom_currencies(writer: WriteRig):
    await open_gems(writer)
    await create(writer)

    async def post(ik: str, gem: str, amount: int, at_least: int) -> dict[str, Any]:
        currency = gems(gem)
        lines = [
            {"account": {"path": "bag"}, "amount": str(amount), "currency": currency},
            {"account": {"path": "bag"}, "amount": str(-amount), "currency": {"code": "EUR"}},
            {"account": {"path": "issued:blue-gems"}, "amount": str(amount), "currency": currency},
            {"account": {"path": "vault"}, "amount": "0"},
            {"account": {"path": "bag"}, "amount": str(amount), "currency": {"code": "EUR"}},
        ]
        condition = {
            "account": {"path": "bag"},
            "currency": currency,
            "postcondition": {"ownBalance": {"gte": str(at_least)}},
        }
        entry = {"ledger": {"ik": "gems"}, "type": "manual", "lines": lines}
        return await writer.add(ik, **entry, conditions=[condition])

    await issue(writer, "opened", "blue-gems", "1")
    assert (await post("one", "blue-gems", 5, 6))["isIkReplay"] is False
    assert (await post("two", "blue-gems", 5, 12))["code"] == "conditional_request_failed"
    assert (await post("three", "none", 5, 5))["code"] == "invalid_currency"


async def test_a_warm_post_in_a_custom_currency_reads_nothing(writer: WriteRig):
    await open_gems(writer)
    await create(writer)
    await issue(writer, "one", "blue-gems", "1")
    posted = await issue(writer, "two", "blue-gems", "1")
    assert posted["__typename"] == "AddLedgerEntryResult"
    assert writer.calls == {"TransactWriteItems": 1}


async def test_a_balance_in_a_misspelled_currency_is_refused(writer: WriteRig):
    await open_gems(writer)
    await create(writer)
    answer = await writer.ask(BALANCES, path="bag", currency=gems("blue-gem"))
    assert answer.refusals == [
        ("custom_currency_not_found", "There is no custom currency blue-gem.")
    ]


async def test_an_instance_of_an_unknown_currency_is_not_made(writer: WriteRig):
    await open_gems(writer)
    make = """mutation make($gem: String!) {
      instantiateLedgerAccount(
        ledger: {ik: "gems"}, path: "issued:x", parameters: {gem: $gem}
      ) {
        __typename
        ... on InstantiateLedgerAccountResult { ledgerAccount { currency { customCode } } }
        ... on Error { code }
      }
    }"""
    before = writer.stored()
    refused = (await writer.ask(make, gem="blue-gems")).data["instantiateLedgerAccount"]
    assert refused["code"] == "custom_currency_not_found"
    assert writer.stored() == before
    await create(writer)
    made = (await writer.ask(make, gem="blue-gems")).data["instantiateLedgerAccount"]
    assert made["ledgerAccount"] == {"currency": {"customCode": "BLUE"}}
