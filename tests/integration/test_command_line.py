"""The command line as a process, against the services as processes and the engines."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.connection import NAMES, variable_of
from loadtests.common.api import Api
from tests.conformance.books import Books, iso

ROOT = Path(__file__).parents[2]
CATCH_UP_S = 20.0
KEY = "command-line"
SCHEMA = """{
  "$schema": "https://fragment.dev/api/json-schemas/fragment.json/1",
  "key": "${SCHEMA_KEY}", // from the environment
  "chartOfAccounts": {
    "defaultCurrency": {"code": "USD"},
    "defaultCurrencyMode": "single",
    "accounts": [
      {"key": "assets", "type": "asset", "children": [
        {"key": "bank"},
        {"key": "fx", "currencyMode": "multi"},
      ]},
      {"key": "debts", "type": "liability", "children": [
        {"key": "user", "template": true, "name": "=User {{user}}", "children": [{"key": "open"}]},
        {"key": "fx", "currencyMode": "multi"},
      ]},
      {"key": "fees", "type": "income"},
      {"key": "costs", "type": "expense"},
    ]
  },
  "ledgerEntries": {"types": [
    {
      "type": "deposit",
      "description": "From {{user}}, less {{fee}}",
      "lines": [
        {"key": "bank", "account": {"path": "assets/bank"}, "amount": "{{amount}}"},
        {"key": "user", "account": {"path": "debts/user:{{user}}/open"},
         "amount": "{{amount}} - {{fee}}"},
        {"key": "fee", "account": {"path": "fees"}, "amount": "{{fee}}"},
      ]
    },
    {"type": "by-hand"},
  ]},
}
"""
OPEN = "debts/user:ann/open"
START = datetime(2024, 1, 31, 20, tzinfo=UTC)


class CommandLine:
    """`twofold` in a folder of its own."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCHEMA_KEY": KEY}
        for name in NAMES:
            self.environment[variable_of(name)] = getattr(api.connection, name)

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", *argv]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip

    def done(self, *argv: str) -> str:
        finished = self.run(*argv)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def rows(self, *argv: str) -> list[dict[str, str]]:
        """A report's CSV, waiting for the index to follow."""
        return list(csv.DictReader(StringIO(self.done("report", *argv, "--format", "csv"))))


@pytest.fixture
def twofold(tmp_path: Path, api: Api) -> CommandLine:
    return CommandLine(tmp_path, api)


ADD_ALL = """mutation addAll($entries: [AddLedgerEntryInput!]!) {
  addLedgerEntries(entries: $entries) {
    ... on AddLedgerEntriesResult { results { isIkReplay } }
    ... on Error { code message }
    ... on AddLedgerEntriesError { errors { ik message } }
  }
}"""


def post_many(api: Api, ledger: str, books: Books) -> None:
    """Four hundred deposits, half an hour apart, and two exchanges; more than two pages."""
    entries: list[dict[str, Any]] = []
    at = START
    for number in range(400):
        user, amount, fee = ("ann", "bob")[number % 2], 2**90 + 1_000 * number, number % 7
        parameters = {"user": user, "amount": str(amount), "fee": str(fee)}
        entries.append({"type": "deposit", "parameters": parameters, "posted": iso(at)})
        books.post(
            at,
            ("assets/bank", amount, "USD"),
            (f"debts/user:{user}/open", amount - fee, "USD"),
            ("fees", fee, "USD"),
        )
        at += timedelta(minutes=30)
    for code, amount in (("JPY", -5), ("EUR", 7)):
        lines = [
            {"account": {"path": path}, "amount": str(amount), "currency": {"code": code}}
            for path in ("assets/fx", "debts/fx")
        ]
        entries.append({"type": "by-hand", "lines": lines, "posted": iso(START)})
        books.post(START, ("assets/fx", amount, code), ("debts/fx", amount, code))
    for first in range(0, len(entries), 40):
        batch = [
            {"ik": f"e{first + place}", "entry": {"ledger": {"ik": ledger}, **entry}}
            for place, entry in enumerate(entries[first : first + 40])
        ]
        api.mutate(ADD_ALL, {"entries": batch})


def wait_until(read: Any, is_there: Any) -> Any:
    deadline = time.monotonic() + CATCH_UP_S
    while not is_there(found := read()):
        assert time.monotonic() < deadline, "the index hasn't followed"
        time.sleep(0.2)
    return found


def kept(rows: Sequence[dict[str, str]], *names: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.timeout(300)
def test_books_are_made_posted_and_reported_from_the_command_line(
    twofold: CommandLine, api: Api
) -> None:
    (twofold.folder / "fragment.jsonc").write_text(SCHEMA)
    assert twofold.done("verify-schema") == "fragment.jsonc: the Schema command-line is valid\n"
    assert '"version": 1' in twofold.done("store-schema")
    ik = f"books-{uuid4().hex[:8]}"
    assert f'"ik": "{ik}"' in twofold.done("create-ledger", "-i", ik, "-n", "Books")
    twofold.done("get-schema", "-k", KEY, "-o", "again.jsonc")
    assert twofold.done("verify-schema", "-p", "again.jsonc").endswith("is valid\n")

    books = Books()
    post_many(api, ik, books)
    params = "-p user=ann -p amount=500 -p fee=20".split()
    added = twofold.done("add-ledger-entry", "-i", "last", "-l", ik, "-t", "deposit", *params)
    assert '"isIkReplay": false' in added
    again = twofold.done("add-ledger-entry", "-i", "last", "-l", ik, "-t", "deposit", *params)
    assert '"isIkReplay": true' in again
    now = datetime(2026, 1, 1, tzinfo=UTC)  # later than every other entry, as the real moment is
    books.post(now, ("assets/bank", 500, "USD"), (OPEN, 480, "USD"), ("fees", 20, "USD"))
    refused = twofold.run("add-ledger-entry", "-i", "no", "-l", "none", "-t", "deposit", *params)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == "typename: BadRequestError"
    assert "code: ledger_not_found" in refused.stderr.splitlines()

    def journal() -> list[dict[str, str]]:
        return twofold.rows("journal", "--ledger", ik)

    rows = wait_until(journal, lambda found: len(found) == 3 * 401 + 2 * 2 + 3)
    check_journal(rows, books)
    check_trial_balance(twofold, ik, books)
    check_balance_sheet(twofold, ik, books)
    check_income_statement(twofold, ik, books)
    for path in (OPEN, "assets/bank"):
        check_statement(twofold, ik, books, path)


def check_journal(rows: list[dict[str, str]], books: Books) -> None:
    lines = [row for row in rows if row["row"] == "line"]
    posted = [row["posted"] for row in lines]
    assert posted == sorted(posted)
    sign = {"asset": 1, "expense": 1, "liability": -1, "income": -1}
    for path in {line["account_path"] for line in lines}:
        for code in ("USD", "JPY", "EUR"):
            told = sum(
                sign[line["account_type"]] * (int(line["debit"] or 0) - int(line["credit"] or 0))
                for line in lines
                if (line["account_path"], line["currency"]) == (path, code)
            )
            assert told == books.own(path, code)
    assert {line["description"] for line in lines} >= {"From ann, less 0", "From bob, less 1"}
    for row in rows[len(lines) :]:
        debits = sum(
            int(line["debit"] or 0) for line in lines if line["currency"] == row["currency"]
        )
        assert (row["row"], int(row["debit"]), int(row["credit"])) == ("total", debits, debits)
    assert [row["currency"] for row in rows[len(lines) :]] == ["EUR", "JPY", "USD"]


def check_trial_balance(twofold: CommandLine, ik: str, books: Books) -> None:
    at = datetime(2024, 2, 2, tzinfo=UTC)
    rows = twofold.rows("trial-balance", "--ledger", ik, "--at", "2024-02-01", "--skip-zero")

    def own(path: str, code: str = "USD") -> str:
        return str(abs(books.own(path, code, at)))

    bank, ann, bob = own("assets/bank"), own(OPEN), own("debts/user:bob/open")
    fees = own("fees")
    assert kept(rows, "row", "path", "name", "currency", "precision", "debit", "credit") == [
        ("account", "assets/bank", "bank", "USD", "2", bank, ""),
        ("account", "assets/fx", "fx", "EUR", "2", "7", ""),
        ("account", "assets/fx", "fx", "JPY", "0", "", "5"),
        ("account", "debts/fx", "fx", "EUR", "2", "", "7"),
        ("account", "debts/fx", "fx", "JPY", "0", "5", ""),
        ("account", OPEN, "open", "USD", "2", "", ann),
        ("account", "debts/user:bob/open", "open", "USD", "2", "", bob),
        ("account", "fees", "fees", "USD", "2", "", fees),
        ("total", "", "", "EUR", "2", "7", "7"),
        ("total", "", "", "JPY", "0", "5", "5"),
        ("total", "", "", "USD", "2", bank, bank),
    ]
    table = twofold.done("report", "trial-balance", "--ledger", ik, "--output", "trial.txt")
    assert table == ""
    table = (twofold.folder / "trial.txt").read_text()
    assert table.startswith(f"Trial balance of Books ({ik}), after every entry, UTC+00:00\n")
    bank = books.own("assets/bank")
    assert f"{bank // 100}.{bank % 100:02d}" in table
    assert "\nUSD: assets " in table
    assert "≠" not in table


def check_balance_sheet(twofold: CommandLine, ik: str, books: Books) -> None:
    at = datetime(2024, 2, 1, tzinfo=UTC)
    rows = twofold.rows(
        "balance-sheet", "--ledger", ik, "--at", "2024-01", "--depth", "2", "--skip-zero"
    )

    def total(path: str, code: str = "USD") -> str:
        return str(books.total(path, code, at))

    assert kept(rows, "row", "path", "name", "currency", "balance") == [
        ("account", "assets", "assets", "EUR", "7"),
        ("account", "assets", "assets", "JPY", "-5"),
        ("account", "assets", "assets", "USD", total("assets")),
        ("account", "assets/bank", "bank", "USD", total("assets/bank")),
        ("account", "assets/fx", "fx", "EUR", "7"),
        ("account", "assets/fx", "fx", "JPY", "-5"),
        ("account", "debts", "debts", "EUR", "7"),
        ("account", "debts", "debts", "JPY", "-5"),
        ("account", "debts", "debts", "USD", total("debts")),
        ("account", "debts/fx", "fx", "EUR", "7"),
        ("account", "debts/fx", "fx", "JPY", "-5"),
        ("account", "debts/user:ann", "'=User ann", "USD", total("debts/user:ann")),
        ("account", "debts/user:bob", "'=User bob", "USD", total("debts/user:bob")),
        ("total assets", "", "", "EUR", "7"),
        ("total assets", "", "", "JPY", "-5"),
        ("total assets", "", "", "USD", total("assets")),
        ("total liabilities", "", "", "EUR", "7"),
        ("total liabilities", "", "", "JPY", "-5"),
        ("total liabilities", "", "", "USD", total("debts")),
        ("net assets", "", "", "EUR", "0"),
        ("net assets", "", "", "JPY", "0"),
        ("net assets", "", "", "USD", total("fees")),
    ]


def check_income_statement(twofold: CommandLine, ik: str, books: Books) -> None:
    start, end = datetime(2024, 2, 3, tzinfo=UTC), datetime(2024, 2, 4, tzinfo=UTC)
    rows = twofold.rows("income-statement", "--ledger", ik, "--period", "2024-02-03")
    change = str(books.change("fees", start, end))
    assert kept(rows, "row", "path", "currency", "change") == [
        ("account", "fees", "USD", change),
        ("account", "costs", "USD", "0"),
        ("total income", "", "USD", change),
        ("total expenses", "", "USD", "0"),
        ("net income", "", "USD", change),
    ]


def check_statement(twofold: CommandLine, ik: str, books: Books, account: str) -> None:
    start, end = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    flags = ["--ledger", ik, "--account", account, "--period", "2024-02"]
    first, *lines, last = twofold.rows("account-statement", *flags)
    running = books.own(account, before=start)
    assert (first["row"], first["balance"]) == ("starting balance", str(running))
    expected = []
    for at, path, amount, _ in books.lines:
        if path == account and start <= at < end:
            running += amount
            expected.append((iso(at), str(amount), str(running)))
    assert kept(lines, "posted", "amount", "balance") == expected
    assert len(lines) == (392 if account == "assets/bank" else 196)
    assert (last["row"], last["balance"]) == ("ending balance", str(running))
