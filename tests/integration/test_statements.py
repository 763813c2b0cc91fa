"""A bank's statement on its way, from the command line and on the engines: file, Link, Txs,
reconciled entries, reports.
"""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.reports.amounts import Money
from loadtests.common.api import Api
from tests.integration.test_command_line import CommandLine, kept, wait_until

FILES = Path(__file__).parents[1] / "statements"
ROWS = 310
RECONCILED = 10
SCHEMA = """{
  "key": "statements",
  "chartOfAccounts": {
    "defaultCurrency": {"code": "EUR"}, "defaultCurrencyMode": "single",
    "accounts": [
      {"key": "assets", "type": "asset", "children": [
        {
          "key": "bank",
          "linkedAccount": {"linkId": "${BANK_LINK}", "externalId": "${BANK_ACCOUNT}"}
        },
      ]},
      {"key": "users", "type": "liability"},
    ]
  },
  "ledgerEntries": {"types": [
    {
      "type": "paid",
      "lines": [
        {"key": "bank", "account": {"path": "assets/bank"}, "tx": {"externalId": "{{tx}}"}},
        {"key": "user", "account": {"path": "users"}},
      ]
    },
  ]},
}
"""
RECONCILE = """mutation reconcile($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) {
    ... on ReconcileTxResult { entry { id ik } }
    ... on Error { code message }
  }
}"""


@pytest.fixture
def twofold(tmp_path: Path, api: Api) -> CommandLine:
    return CommandLine(tmp_path, api)


def synced(twofold: CommandLine, *argv: str) -> list[dict[str, str]]:
    """The sums of a statement's report, by status."""
    told = twofold.done("sync-statement", *argv, "--report", "csv")
    return [row for row in csv.DictReader(StringIO(told)) if row["row"] == "total"]


@pytest.mark.timeout(300)
def test_a_statement_is_synced_reconciled_and_reported(twofold: CommandLine, api: Api) -> None:
    name = uuid4().hex[:8]
    link = json.loads(twofold.done("create-link", "-i", f"bank-{name}", "-n", "Bank"))["link"]
    twofold.environment |= {"BANK_LINK": link["id"], "BANK_ACCOUNT": "giro"}
    (twofold.folder / "fragment.jsonc").write_text(SCHEMA)
    twofold.done("store-schema")
    twofold.done("create-ledger", "-i", f"books-{name}", "-n", "Books")

    amounts = [(-1) ** place * (place * 37 % 10_000) for place in range(ROWS)]
    lines = [
        f"2024-03-{31 - age_of(place):02d},{Money(amount, 2)},Payment {place},p{place}"
        for place, amount in enumerate(amounts)
    ]
    header = "date,amount,description,id"
    (twofold.folder / "march.csv").write_text("\n".join([header, *lines]) + "\n")
    to = ("--link-ik", f"bank-{name}", "--account", "giro", "--id", "id")
    new = ("--create-account", "Giro", "--currency", "EUR")

    def sums(*argv: str) -> list[tuple[str, ...]]:
        return kept(synced(twofold, "march.csv", *to, *argv), "status", "count", "amount")

    everything = (str(ROWS), str(sum(amounts)))
    assert sums(*new, "--dry-run") == [("added", *everything)]
    assert sums(*new) == [("added", *everything)]
    assert sums() == [("unchanged", *everything)]
    (twofold.folder / "march.csv").write_text(
        "\n".join([header, "2024-03-01,0.01,Payment 0,p0", *lines[1:]])
    )
    refused = twofold.run("sync-statement", "march.csv", *to)
    assert refused.returncode == 1
    assert "line 2 (p0): it stands with 0.00, which never changes" in refused.stderr

    for place in range(RECONCILED):
        ledger = {"ik": f"books-{name}"}
        entry = {"ledger": ledger, "type": "paid", "parameters": {"tx": f"p{place}"}}
        api.mutate(RECONCILE, {"entry": entry})
    check_reports(twofold, f"books-{name}", amounts)


def check_reports(twofold: CommandLine, ledger: str, amounts: list[int]) -> None:
    """Once the index has followed."""
    left = sum(amounts[RECONCILED:])

    def unreconciled() -> list[dict[str, str]]:
        return twofold.rows("unreconciled", "--ledger", ledger, "--at", "2024-03-31")

    rows = wait_until(unreconciled, lambda found: len(found) == ROWS - RECONCILED + 3)
    assert kept(rows[-3:], "row", "age", "count") == [
        ("age", "8 to 30 days", str(sum(age_of(place) > 7 for place in range(RECONCILED, ROWS)))),
        ("age", "0 to 7 days", str(sum(age_of(place) <= 7 for place in range(RECONCILED, ROWS)))),
        ("total", "", str(ROWS - RECONCILED)),
    ]
    assert rows[-1]["amount"] == str(left)
    days = [int(row["days"]) for row in rows[:-3]]
    assert days == sorted(days, reverse=True)
    first, *txs = twofold.rows("reconciliation", "--ledger", ledger)
    assert kept([first], "ledger_balance", "txs_sum", "difference", "unexplained") == [
        (str(sum(amounts[:RECONCILED])), str(sum(amounts)), str(left), "0")
    ]
    assert len(txs) == ROWS - RECONCILED


def age_of(place: int) -> int:
    """Whole days from a row's day to the end of March."""
    return 31 - (1 + place * 31 // ROWS)


@pytest.mark.timeout(300)
def test_files_of_each_form_are_synced_into_accounts_of_one_link(
    twofold: CommandLine, api: Api
) -> None:
    ik = f"bank-{uuid4().hex[:8]}"
    twofold.done("create-link", "-i", ik, "-n", "Bank")

    def both(file: str, account: str, *flags: str) -> list[list[tuple[str, ...]]]:
        to = ("--link-ik", ik, "--account", account, *flags)
        runs = [synced(twofold, str(FILES / file), *to) for _ in range(2)]
        return [kept(each, "status", "currency", "count", "amount") for each in runs]

    def once(currency: str, count: str, amount: str, *skipped: Any) -> list[Any]:
        told = (currency, count, amount)
        return [[(status, *told), *skipped] for status in ("added", "unchanged")]

    pending = ("skipped", "", "1", "")
    new = ("--create-account", "New")
    assert both("checking.ofx", "usd", *new) == once("USD", "3", "120845")
    assert both("accounts.ofx", "card", "--bank-account", "4111", *new) == once(
        "EUR", "2", "1275", pending
    )
    assert both("day.camt.xml", "giro", *new) == once("EUR", "3", "10450", pending)
