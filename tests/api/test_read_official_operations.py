"""The official Python client's own query documents, as the package ships them, answered in full."""

import re
from importlib.resources import files
from typing import Any

import pytest

from tests.builders_schema import quickstart
from tests.read_rig import NOW_MS, ReadRig

CASH = "assets/banks/user-cash"
AVAILABLE = "liabilities/users:u1/available"
POSTED = "2023-11-14T22:13:20.000Z"
LAST_PAGE = {
    "hasNextPage": False,
    "endCursor": None,
    "hasPreviousPage": False,
    "startCursor": None,
}
LISTS_OF_ACCOUNTS = {
    "listLedgerAccounts",
    "listLedgerAccountBalances",
    "listMultiCurrencyLedgerAccountBalances",
}
UNBUILT = {
    "getPayment",
    "listPayments",
    "listPaymentMethods",
    "getPaymentMethod",
    "getPaymentMethodSetup",
}


def official_queries() -> dict[str, str]:
    """Every query of the package, by name."""
    text = files("fragment").joinpath("std_queries/queries.graphql").read_text()
    documents = re.split(r"(?m)^(?=query |mutation )", text)
    named = [re.match(r"query (\w+)", document) for document in documents]
    return {
        match.group(1): document
        for match, document in zip(named, documents, strict=True)
        if match is not None
    }


QUERIES = official_queries()


async def fill(reader: ReadRig) -> dict[str, str]:
    """One ledger with one entry of 7; gives the ids that answers show."""
    ledger = await reader.ledger("main", quickstart())
    entry = await reader.post(
        ledger, "one", NOW_MS, (CASH, 7), (AVAILABLE, 7), type="fund", type_version=1,
        description="Funding", groups=(("deposit", "d1"),),
    )  # fmt: skip
    accounts = {path: await reader.account(ledger, path) for path in (CASH, AVAILABLE)}
    ids = {path: account.id for path, account in accounts.items()}
    return {"ledger": ledger.id, "entry": entry.id, **ids}


def lines(ids: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": f"{ids['entry']}-{index}", "amount": "7", "account": {"path": path}}
        for index, path in enumerate((CASH, AVAILABLE))
    ]


def expected_answers(ids: dict[str, str]) -> dict[str, tuple[dict[str, Any], Any]]:
    """Variables as the client sends them, unset ones null, and the data that comes back."""
    paging = {"after": None, "first": None, "before": None}
    ledger = {"id": ids["ledger"], "ik": "main", "name": "Ledger main", "created": POSTED}
    line = {"posted": POSTED, "created": POSTED, "amount": "7", "description": "Funding"}
    json = quickstart()
    version = {"created": POSTED, "version": 1, "json": json}
    entry = {
        "id": ids["entry"],
        "ik": "one",
        "posted": POSTED,
        "created": POSTED,
        "description": "Funding",
        "lines": {"nodes": lines(ids)},
    }
    shown = [{"amount": "7", "account": {"path": path}} for path in (CASH, AVAILABLE)]
    shown = [{"amount": "7", "account": {"path": path}} for path in (CASH, AVAILABLE)]
    listed = {"ik": "one", "type": "fund", "posted": POSTED, "lines": {"nodes": shown}}
    unset = {"balanceCurrency": None, "balanceAt": None, "balanceConsistencyMode": None}
    return {
        "getWorkspace": ({}, {"workspace": {"id": "workspace", "name": "The workspace"}}),
        "getLedger": ({"ik": "main"}, {"ledger": {**ledger, "balanceUTCOffset": "+00:00"}}),
        "getLedgerEntry": ({"ik": "one", "ledgerIk": "main"}, {"ledgerEntry": entry}),
        "getSchema": (
            {"key": "quickstart-schema", "version": None},
            {"schema": {"key": json["key"], "name": json["name"], "version": version}},
        ),
        "getLedgerAccountLines": (
            {"path": CASH, "ledgerIk": "main", "filter": None, **paging},
            {
                "ledgerAccount": {
                    "id": ids[CASH],
                    "path": CASH,
                    "lines": {
                        "nodes": [{"id": f"{ids['entry']}-0", **line}],
                        "pageInfo": LAST_PAGE,
                    },
                }
            },
        ),
        "getLedgerAccountBalance": (
            {"path": AVAILABLE, "ledgerIk": "main", **unset},
            {"ledgerAccount": {"id": ids[AVAILABLE], "path": AVAILABLE, "balance": "7"}},
        ),
        "listLedgerEntries": (
            {"ledgerIk": "main", "filter": None, **paging},
            {"ledger": {"ledgerEntries": {"nodes": [listed], "pageInfo": LAST_PAGE}}},
        ),
        "listLedgerEntryGroupBalances": (
            {
                "ledgerIk": "main",
                "groupKey": "deposit",
                "groupValue": "d1",
                "consistencyMode": None,
                "filter": None,
                "last": None,
                **paging,
            },
            {
                "ledgerEntryGroup": {
                    "key": "deposit",
                    "value": "d1",
                    "created": POSTED,
                    "balances": {
                        "nodes": [
                            {
                                "account": {"path": path},
                                "currency": {"code": "USD", "customCurrencyId": None},
                                "ownBalance": "7",
                            }
                            for path in (CASH, AVAILABLE)
                        ],
                        "pageInfo": LAST_PAGE,
                    },
                }
            },
        ),
        "getEntryDataMigrations": (
            {"ledgerIk": "main", "filter": None, **paging},
            {"ledger": {"ledgerEntryDataMigrations": {"nodes": [], "pageInfo": LAST_PAGE}}},
        ),
        "getEntriesToMigrateForLedgerEntryDataMigration": (
            {"ledgerIk": "main", "entryType": "fund", "typeVersion": "1", **paging},
            {"ledger": {"ledgerEntryDataMigrations": {"nodes": []}}},
        ),
        "getAccountDataMigrations": (
            {"ledgerIk": "main", "filter": None, **paging},
            {"ledger": {"ledgerAccountDataMigrations": {"nodes": [], "pageInfo": LAST_PAGE}}},
        ),
        "getEntriesToMigrateForLedgerAccountDataMigration": (
            {"ledgerIk": "main", "accountPath": CASH, **paging},
            {"ledger": {"ledgerAccountDataMigrations": {"nodes": []}}},
        ),
    }


async def test_queries_about_one_thing_answer_in_full(reader: ReadRig) -> None:
    ids = await fill(reader)
    for name, (variables, data) in expected_answers(ids).items():
        assert (await reader.ask(QUERIES[name], **variables)).data == data, name


async def test_lists_of_accounts_answer_with_every_balance(reader: ReadRig) -> None:
    ids = await fill(reader)
    variables = {"ledgerIk": "main", "after": None, "first": None, "before": None}
    for name in LISTS_OF_ACCOUNTS:
        modes = re.findall(r"\$(balance\w+|\w+Mode):", QUERIES[name])
        answer = await reader.ask(QUERIES[name], **variables, **dict.fromkeys(modes))
        page = answer.data["ledger"]["ledgerAccounts"]
        assert page["pageInfo"] == LAST_PAGE
        nodes = {node["path"]: node for node in page["nodes"]}
        assert len(nodes) == 8
        account = nodes[CASH]
        basic = {
            "id": ids[CASH],
            "path": CASH,
            "name": f"Account {CASH}",
            "type": "asset",
            "created": POSTED,
        }
        assert {field: account[field] for field in basic} == basic
        if name == "listLedgerAccountBalances":
            sums = {"assets": ("0", "7", "7"), CASH: ("7", "0", "7"), "income": ("0", "0", "0")}
            for path, (own, child, total) in sums.items():
                node = nodes[path]
                found = (node["ownBalance"], node["childBalance"], node["balance"])
                assert found == (own, child, total)
        if name == "listMultiCurrencyLedgerAccountBalances":
            amount = {"currency": {"code": "USD", "customCurrencyId": None}, "amount": "7"}
            assert nodes[CASH]["ownBalances"] == {"nodes": [amount]}
            assert nodes[CASH]["childBalances"] == {"nodes": []}
            assert nodes["assets"]["balances"] == {"nodes": [amount]}


@pytest.mark.parametrize("name", sorted(UNBUILT))
async def test_a_query_of_a_later_part_says_that_it_is_not_implemented(
    reader: ReadRig, name: str
) -> None:
    await fill(reader)
    given = {"ledgerIk": "main", "first": 5, "after": None, "before": None, "last": None}
    asked = re.findall(r"\$(\w+): (\w+)!", QUERIES[name])
    variables = {**{each: "main" for each, _ in asked}, **given}
    declared = set(re.findall(r"\$(\w+):", QUERIES[name]))
    answer = await reader.ask(
        QUERIES[name], **{each: value for each, value in variables.items() if each in declared}
    )
    assert {code for code, _ in answer.refusals} == {"not_implemented"}


def test_every_query_of_the_package_is_either_answered_or_told_to_be_missing() -> None:
    answered = set(expected_answers(dict.fromkeys(("ledger", "entry", CASH, AVAILABLE), "")))
    assert answered | LISTS_OF_ACCOUNTS | UNBUILT == set(QUERIES)
