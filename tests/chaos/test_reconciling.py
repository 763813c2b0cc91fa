"""A bank's statement of 10,000 transactions, synced twice and reconciled by eight clients at once,
while the write tier is killed: each Tx is reconciled exactly once and the ledger says what the
statement says.
"""

import asyncio
import csv
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from cli.connection import NAMES, variable_of
from loadtests.common.api import Api
from loadtests.common.documents import document
from loadtests.common.system import System
from tests.chaos.reconcilers import Reconcilers

pytestmark = [pytest.mark.engines, pytest.mark.chaos, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
TXS = 10_000
CLIENTS = 8
SHARED = 1_000  # Txs that every other client reconciles too
ACCOUNT = "checking"
KILLED_AT = TXS // 3  # acknowledged Txs
SYNCED_WITHIN_S = 120.0
CAUGHT_UP_WITHIN_S = 60.0
SEED = 21
CREATE_LINK = """mutation link($ik: SafeString!) {
  createCustomLink(ik: $ik, name: "Bank") {
    ... on CreateCustomLinkResult { link { id } }
    ... on Error { code message retryable }
  }
}"""
STANDING = """query standing($ik: SafeString!) {
  bank: ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/bank"}) {
    ownBalance ownBalanceStrong: ownBalance(consistencyMode: strong)
    unreconciledTxs(first: 20) { nodes { externalId } }
    linkedAccount { externalId }
  }
  other: ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "liabilities/received"}) {
    ownBalance
  }
}"""


def write_statement(path: Path, rng: Random) -> dict[str, int]:
    """A CSV file of a bank; the amounts in cents by the bank's id."""
    amounts = {f"tx-{number:05}": rng.randrange(-50_000, 100_000) for number in range(TXS)}
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["date", "amount", "description", "id"])
        for place, (name, cents) in enumerate(amounts.items()):
            posted = begin + timedelta(minutes=place)
            figure = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"
            writer.writerow([posted.strftime("%Y-%m-%dT%H:%M:%SZ"), figure, f"No {place}", name])
    return amounts


def schema(key: str, link_id: str) -> dict[str, Any]:
    """A bank account that is linked, and what was received on the other side."""
    return {
        "key": key,
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "accounts": [
                {
                    "key": "assets",
                    "type": "asset",
                    "children": [
                        {
                            "key": "bank",
                            "linkedAccount": {"linkId": link_id, "externalId": ACCOUNT},
                            "consistencyConfig": {"ownBalanceUpdates": "strong"},
                        }
                    ],
                },
                {"key": "liabilities", "type": "liability", "children": [{"key": "received"}]},
            ],
        },
        "ledgerEntries": {
            "types": [
                {
                    "type": "settle",
                    "lines": [
                        {
                            "key": "arrives",
                            "account": {"path": "assets/bank"},
                            "tx": {"externalId": "{{tx}}"},
                        },
                        {"key": "owed", "account": {"path": "liabilities/received"}},
                    ],
                }
            ]
        },
    }


def sync(system: System, link_ik: str, statement: Path) -> None:
    """Runs `twofold sync-statement`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in NAMES:
        environment[variable_of(name)] = getattr(system.connection, name)
    command = [sys.executable, "-m", "cli", "sync-statement", str(statement)]
    command += [
        "--link-ik",
        link_ik,
        "--account",
        ACCOUNT,
        "--create-account",
        "Checking",
        "--currency",
        "USD",
    ]
    command += ["--amount", "amount", "--description", "description", "--id", "id"]
    done = subprocess.run(
        [*command, "--output", str(statement.with_suffix(".txt"))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SYNCED_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def kill_midway(system: System, reconcilers: Reconcilers) -> None:
    """Ends the write tier as kill -9 does when a third is done, and starts it again."""
    await reconcilers.reach(KILLED_AT)
    service = system.service("write_service")
    service.kill()
    await asyncio.sleep(0.5)
    service.start()
    await asyncio.to_thread(system.wait_ready, "write_service")


async def test_each_tx_of_a_statement_is_reconciled_exactly_once_by_clients_that_race(
    broken_system: System, tmp_path: Path
) -> None:
    rng = Random(SEED)
    amounts = write_statement(tmp_path / "statement.csv", rng)
    name = f"reconciled-{uuid4().hex[:8]}"
    with Api(broken_system.connection) as api:
        link = api.mutate(CREATE_LINK, {"ik": name})["link"]
        for _ in range(2):
            await asyncio.to_thread(sync, broken_system, name, tmp_path / "statement.csv")
        api.mutate(document("store_schema"), {"schema": schema(name, link["id"])})
        api.mutate(document("create_ledger"), {"ik": name, "name": "Bank", "schemaKey": name})
        names = list(amounts)
        rng.shuffle(names)
        shared, own = names[:SHARED], names[SHARED:]
        shares = [[*own[place::CLIENTS], *shared[place % 2 :: 2]] for place in range(CLIENTS)]
        reconcilers = Reconcilers(api.connection.api_url, api.token(), name)
        await asyncio.gather(reconcilers.run(shares, SEED), kill_midway(broken_system, reconcilers))
        assert reconcilers.refused == []
        assert reconcilers.unknown > 0
        assert {each: len(ids) for each, ids in reconcilers.entries.items()} == dict.fromkeys(
            amounts, 1
        )
        assert len(set.union(*reconcilers.entries.values())) == TXS
        assert max(reconcilers.first_answers.values()) == 1
        assert {each: {str(cents)} for each, cents in amounts.items()} == reconcilers.amounts
        await asyncio.to_thread(assert_ledger_says_what_the_statement_says, api, name, amounts)
    said = await asyncio.to_thread(broken_system.run_module, "indexer.verify", "--wait", "60")
    assert said.strip().splitlines()[-1].endswith(" 0 differences"), said


def assert_ledger_says_what_the_statement_says(
    api: Api, ledger_ik: str, amounts: dict[str, int]
) -> None:
    """The balances are the sum of the statement and nothing is left to reconcile."""
    total = str(sum(amounts.values()))
    deadline = time.monotonic() + CAUGHT_UP_WITHIN_S
    while True:
        found = api.execute(STANDING, {"ik": ledger_ik})
        bank = found["bank"]
        if bank["ownBalance"] == total and not bank["unreconciledTxs"]["nodes"]:
            break
        assert time.monotonic() < deadline, bank
        time.sleep(0.5)
    assert bank["ownBalanceStrong"] == total
    assert found["other"]["ownBalance"] == total
    assert bank["linkedAccount"]["externalId"] == ACCOUNT
