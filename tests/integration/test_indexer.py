"""The indexer as processes on a real DynamoDB and Elasticsearch: follows, dies, is rebuilt, is
verified.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from shared.clock import SystemClock
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id
from shared.ledger.ledgers import Ledger
from shared.search.elastic import ElasticIndex
from shared.search.index import Deletion, Kind
from shared.search.provision import provision_indices
from shared.settings import load_settings
from shared.store import keys
from shared.store.dynamo import DynamoTable, open_table
from shared.store.items import strong_balance
from shared.store.provision import provision
from shared.store.table import Update
from tests.builders import ledger, stand
from tests.indexer_rig import some_entries

pytestmark = pytest.mark.engines
ROOT = Path(__file__).parents[2]
START_S_MAX = 30
STOP_S_MAX = 5


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@dataclass
class Process:
    """`python -m indexer`."""

    child: subprocess.Popen[bytes]
    port: int

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def wait_ready(self) -> None:
        until_s = time.monotonic() + START_S_MAX
        while time.monotonic() < until_s:
            assert self.child.poll() is None, "the indexer died"
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the indexer is not ready")

    def stop(self) -> float:
        """SIGTERM; gives the seconds it took."""
        began_s = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(STOP_S_MAX) in (0, -signal.SIGTERM)  # uvicorn ends by the signal
        return time.monotonic() - began_s

    def kill(self) -> None:
        self.child.kill()
        self.child.wait(STOP_S_MAX)


@dataclass
class Setting:
    """Provisioned engines, and how to run the commands on them."""

    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def setting(new_dynamodb: Callable[[], str], elasticsearch_url: str) -> Setting:
    name = f"indexer-{uuid4().hex[:8]}-"
    environment = {
        "TWOFOLD_DYNAMODB_ENDPOINT": new_dynamodb(),
        "TWOFOLD_ELASTICSEARCH_URL": elasticsearch_url,
        "TWOFOLD_TABLE_PREFIX": name,
        "TWOFOLD_INDEX_PREFIX": name,
    }
    settings = load_settings(environment)

    async def prepare() -> None:
        await provision(settings)
        index = ElasticIndex(settings)
        try:
            await provision_indices(index)
        finally:
            await index.close()

    asyncio.run(prepare())
    return Setting(environment)


@pytest.fixture
def start(setting: Setting) -> Iterator[Callable[[], Process]]:
    """Starts an indexer; all are killed at the end."""
    children: list[subprocess.Popen[bytes]] = []

    def run(port: int = 0) -> Process:
        port = port or free_port()
        environment = {**os.environ, **setting.environment, "TWOFOLD_INDEXER_PORT": str(port)}
        child = subprocess.Popen([sys.executable, "-m", "indexer"], cwd=ROOT, env=environment)
        children.append(child)
        process = Process(child, port)
        process.wait_ready()
        return process

    yield run
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()


@pytest.fixture
async def table(setting: Setting) -> AsyncIterator[DynamoTable]:
    async with open_table(load_settings(setting.environment), clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
async def index(setting: Setting) -> AsyncIterator[ElasticIndex]:
    opened = ElasticIndex(load_settings(setting.environment))
    yield opened
    await opened.close()


def entries_now(of: Ledger, count: int, **options: int) -> list[LedgerEntry]:
    """Entries created now, as those of the write tier are."""
    return some_entries(of, count, created_ms=SystemClock().now_ms(), **options)


def assert_sound(setting: Setting, count: int) -> None:
    done = setting.run("indexer.verify", "--wait", "90")
    assert done.stdout.splitlines()[-1] == f"{count} entries verified, 0 differences", done.stdout
    assert done.returncode == 0


async def test_entries_are_indexed_counted_and_verified(setting, start, table, index):
    process = start()
    of = ledger()
    entries = entries_now(of, 300, users=40)
    await stand(table, of, *entries)
    assert_sound(setting, 300)
    await index.refresh()
    assert await index.count(Kind.ENTRIES, of.id) == 300
    assert await index.count(Kind.LINES, of.id) == 600
    head = await table.get(keys.history_head(account_id(of.id, "liabilities"), "USD"))
    assert head is not None
    total = sum(
        line.amount for one in entries for line in one.lines if "users" in line.account_path
    )
    assert head["c"] + 10**30 * head.get("C", 0) == total
    status, metrics = process.get("/metrics")
    assert status == 200
    assert 'twofold_records_applied_total{projector="search"} 301.0' in metrics
    assert 'twofold_index_lag_seconds{projector="balances"} 0.0' in metrics
    assert process.get("/healthz")[0] == 200
    assert process.stop() < 3


async def test_kill_9_loses_nothing_and_doubles_nothing(setting, start, table):
    of = ledger()
    await stand(table, of)
    port, at = free_port(), 0
    for _ in range(3):
        process = start(port)
        for _ in range(4):
            await stand(table, *entries_now(of, 60, seed=at, users=40, first=at))
            at += 60
            await asyncio.sleep(0.1)
        process.kill()
    start(port)
    assert_sound(setting, at)


async def test_what_is_damaged_is_told_and_rebuilt_under_load(setting, start, table, index):
    process = start()
    of = ledger()
    entries = entries_now(of, 200)
    await stand(table, of, *entries)
    assert_sound(setting, 200)
    head = keys.history_head(account_id(of.id, "assets"), "USD")
    await table.write(Update(head, add={"c": 5, "n202311": 5, "r": 1}))
    await index.bulk([Deletion(Kind.ENTRIES, entries[7].id, of.id, 9)])
    told = setting.run("indexer.verify")
    assert told.returncode == 1
    assert f"entries of {of.id}: {entries[7].id} is missing" in told.stdout
    assert f"history of assets ({head.pk[2:]}) in USD" in told.stdout

    async def load() -> int:
        at = 1_000
        while not rebuilt.done():
            await stand(table, *entries_now(of, 5, seed=at, first=at))
            at += 5
            await asyncio.sleep(0.05)
        return at - 1_000

    rebuilt = asyncio.get_running_loop().run_in_executor(None, setting.run, "indexer.rebuild")
    posted = await load()
    done = await rebuilt
    assert done.returncode == 0, done.stderr
    assert "the fresh indices are live" in done.stderr
    assert posted > 20
    assert_sound(setting, 200 + posted)
    live = await index.indices()
    assert len(live) == len(Kind)
    assert all(info.live for info in live)
    process.stop()


async def test_the_quarantine_is_listed_and_retried(setting, start, table):
    start()
    of = ledger()
    orphan = ledger("orphan")
    await stand(table, of, *entries_now(orphan, 1))
    for _ in range(100):
        listed = setting.run("indexer.quarantine", "list")
        if listed.returncode == 1:
            break
    assert "balances" in listed.stdout
    assert "is not there" in listed.stdout
    assert listed.stdout.splitlines()[-1] == "1 put aside"
    await stand(table, orphan)
    retried = setting.run("indexer.quarantine", "retry")
    assert retried.returncode == 0
    assert retried.stdout.splitlines()[-1] == "0 put aside"
    assert_sound(setting, 1)


async def test_strong_balances_are_held_against_the_lines(setting, start, table):
    start()
    of = ledger()
    entries = entries_now(of, 20)
    await stand(table, of, *entries)
    path = entries[0].lines[0].account_path
    due = sum(line.amount for one in entries for line in one.lines if line.account_path == path)
    key = keys.strong_own(account_id(of.id, path), "USD")
    await table.write(Update(key, add={"v": due}))
    assert strong_balance(await table.get(key)) == due
    assert_sound(setting, 20)
    await table.write(Update(key, add={"v": 1}))
    told = setting.run("indexer.verify")
    assert f"strong own balance is {due + 1}; should be {due}" in told.stdout
    assert told.returncode == 1
