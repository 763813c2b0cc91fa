"""The read tier on real engines: it answers as on the twins, and runs as a process of its own."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio

from infra.local.processes import free_ports
from shared.clock import SystemClock
from shared.ledger.ledgers import Ledger
from shared.search.elastic import ElasticIndex
from shared.search.provision import provision_indices
from shared.settings import Settings
from shared.store.access import resolve_access
from shared.store.dynamo import DynamoTable
from shared.store.provision import provision
from shared.store.wire import Wire
from shared.testing.counting import CountingMetrics
from tests.builders_schema import edited, quickstart
from tests.read_rig import NOW_MS, WORKSPACE, Engines, ReadRig

pytestmark = pytest.mark.engines
in_module_loop = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
HOUR_MS = 3_600_000
CASH = "assets/banks/user-cash"
PAGE = "pageInfo { hasNextPage endCursor hasPreviousPage startCursor }"
ENTRIES = f"""
query entries(
  $ledger: SafeString!, $filter: LedgerEntriesFilterSet,
  $first: Int, $last: Int, $after: String, $before: String
) {{
  ledger(ledger: {{ik: $ledger}}) {{
    ledgerEntries(filter: $filter, first: $first, last: $last, after: $after, before: $before) {{
      nodes {{ id ik type posted tags {{ key value }} groups {{ key }}
        lines {{ nodes {{ id amount type account {{ id path type }} currency {{ code }} }} }} }}
      {PAGE}
    }}
  }}
}}
"""
LINES = f"""
query lines(
  $ledger: SafeString!, $filter: LedgerLinesFilterSet, $first: Int, $after: String, $before: String
) {{
  ledgerAccount(ledgerAccount: {{path: "{CASH}", ledger: {{ik: $ledger}}}}) {{
    lines(filter: $filter, first: $first, after: $after, before: $before) {{
      nodes {{ id amount posted description }} {PAGE}
    }}
  }}
}}
"""
REST = """
query rest($ledger: SafeString!, $ik: SafeString!, $at: LastMoment, $period: Period!) {
  workspace { id name }
  ledgers { nodes { ik } }
  schema(schema: {key: "quickstart-schema"}) { versions { nodes { version created } } }
  ledgerEntry(ledgerEntry: {ik: $ik, ledger: {ik: $ledger}}) { id posted lines { nodes { id } } }
  ledger(ledger: {ik: $ledger}) {
    id created
    ledgerAccounts(filter: {type: {in: [asset, liability]}}, first: 7) {
      nodes { path name created ownBalance(at: $at) childBalance(at: $at) balance(at: $at)
        balances(at: $at) { nodes { amount currency { code } } }
        balanceChange(period: $period) parentLedgerAccount { path }
        strong: ownBalance(consistencyMode: use_account) }
      pageInfo { hasNextPage endCursor }
    }
    lines(filter: {path: {matches: "liabilities/users:*/available"}}, first: 5) {
      nodes { amount account { path } } }
  }
}
"""
STRONG = {
    "key": "strong",
    "consistencyConfig": {"entries": "strong"},
    "chartOfAccounts.defaultConsistencyConfig": {"lines": "strong"},
}


async def fill(rig: ReadRig, ik: str, document: dict[str, Any]) -> Ledger:
    """Sixty entries over a year, some at one moment, with tags, groups and folded histories."""
    draw = Random(7)
    rig.folded = True
    ledger = await rig.ledger(ik, document, utc_offset_minutes=-330)
    for number in range(60):
        amount = draw.choice([1, 25, -3, 10**30])
        user = f"liabilities/users:u{number % 5}/available"
        posted_ms = NOW_MS + (number // 2) * 290 * HOUR_MS + draw.randrange(2)
        await rig.post(
            ledger, f"{ik}-{number}", posted_ms, (CASH, amount), (user, amount),
            type=draw.choice(["one", "two"]), type_version=1, description=f"Entry {number}",
            tags=(("number", str(number)), ("odd", str(number % 2))),
            groups=(("five", str(number % 5)),),
            **({"reverses": "0" * 32} if number % 11 == 3 else {}),
        )  # fmt: skip
        rig.clock.advance(1)
    return ledger


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    dynamodb_endpoint: str, elasticsearch_url: str
) -> AsyncIterator[tuple[ReadRig, ReadRig]]:
    """The twins and the real engines, holding the same."""
    settings = Settings(
        dynamodb_endpoint=dynamodb_endpoint,
        elasticsearch_url=elasticsearch_url,
        table_prefix="read-",
        index_prefix="read-",
    )
    await provision(settings)
    metrics = CountingMetrics()
    rng = Random(1)
    access = await resolve_access(settings)
    wire = Wire(access, "dynamodb", clock=SystemClock(), rng=rng, metrics=metrics)
    index = ElasticIndex(settings)
    await provision_indices(index)
    real = ReadRig(Engines(DynamoTable(wire, prefix="read-", rng=rng), index, metrics))
    twin = ReadRig()
    for rig in (twin, real):
        await rig.open()
        await fill(rig, "eventual", quickstart())
        await fill(rig, "strong", edited(quickstart(), STRONG))
    await index.refresh()
    yield twin, real
    await twin.close()
    await real.close()
    await index.close()
    await wire.close()


async def ask_both(pair: tuple[ReadRig, ReadRig], query: str, **variables: Any) -> Any:
    """The answer's data, which is the same from both."""
    twin, real = [(await rig.ask(query, **variables)).data for rig in pair]
    assert real == twin
    return real


async def walk_both(
    pair: tuple[ReadRig, ReadRig], query: str, place: tuple[str, str], **variables: Any
) -> list[str]:
    """Walks to the end, and each page back again; gives the ids of all nodes in order."""
    ids: list[str] = []
    after = None
    before_pages: list[tuple[str, list[str]]] = []
    page_ids: list[str] = []
    while True:
        data = await ask_both(pair, query, after=after, **variables)
        connection = data[place[0]][place[1]]
        start = connection["pageInfo"]["startCursor"]
        if start is not None:
            before_pages.append((start, page_ids))
        page_ids = [node["id"] for node in connection["nodes"]]
        ids += page_ids
        after = connection["pageInfo"]["endCursor"]
        if after is None:
            break
    for before, expected in before_pages:
        data = await ask_both(pair, query, before=before, **variables)
        assert [node["id"] for node in data[place[0]][place[1]]["nodes"]] == expected
    return ids


@in_module_loop
async def test_real_engines_answer_as_the_twins_do(pair: tuple[ReadRig, ReadRig]) -> None:
    filters: list[dict[str, Any] | None] = [
        None,
        {"showHidden": True},
        {"type": {"equalTo": "one"}, "tag": {"equalTo": {"key": "odd", "value": "1"}}},
        {"posted": {"after": "2023-12-01", "before": "2024-03-01"}},
        {"date": {"withinBalanceUTCOffset": "2024-01"}},
        {"tag": {"contains": {"key": "number", "value": "7"}}},
        {"group": {"in": [{"key": "five", "value": "2"}, {"key": "five", "value": "3"}]}},
    ]
    for ledger in ("eventual", "strong"):
        for given in filters:
            variables = {"ledger": ledger, "filter": given}
            ids = await walk_both(pair, ENTRIES, ("ledger", "ledgerEntries"), first=9, **variables)
            assert len(ids) == len(set(ids))
            await ask_both(pair, ENTRIES, last=5, **variables)
        for line_filter in (None, {"type": {"equalTo": "credit"}}):
            ids = await walk_both(
                pair, LINES, ("ledgerAccount", "lines"), first=20, ledger=ledger,
                filter=line_filter,
            )  # fmt: skip
            assert len(ids) == len(set(ids))
        for at in (None, "2023", "2024-02", "2024-01-15", "2023-12-24T18"):
            period = at or "2024-Q1"
            ik = f"{ledger}-42"
            await ask_both(pair, REST, ledger=ledger, ik=ik, at=at, period=period)


@in_module_loop
async def test_costs_on_real_engines_are_those_of_the_twins(
    pair: tuple[ReadRig, ReadRig],
) -> None:
    twin, real = pair
    asked: list[tuple[str, dict[str, Any]]] = [
        (ENTRIES, {"ledger": "eventual", "first": 20}),
        (ENTRIES, {"ledger": "strong", "first": 20}),
        (LINES, {"ledger": "eventual"}),
    ]
    for query, variables in asked:
        for rig in pair:
            await rig.ask(query, **variables)
            await rig.ask(query, **variables)
        assert real.calls == twin.calls
        assert real.searches == twin.searches
        assert real.metrics.units == twin.metrics.units
    await real.ask(ENTRIES, ledger="eventual", first=20)
    assert (real.calls, real.searches) == ({}, [1])


async def wait_ready(url: str, process: asyncio.subprocess.Process) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        for _ in range(300):
            assert process.returncode is None, "the read service ended"
            try:
                return await http.get(f"{url}/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise AssertionError("the read service did not begin to answer")


@in_module_loop
async def test_the_process_serves_until_it_is_told_to_end(
    pair: tuple[ReadRig, ReadRig], dynamodb_endpoint: str, elasticsearch_url: str
) -> None:
    real = pair[1]
    port = free_ports(1)[0]
    environment = {
        **os.environ,
        "TWOFOLD_DYNAMODB_ENDPOINT": dynamodb_endpoint,
        "TWOFOLD_ELASTICSEARCH_URL": elasticsearch_url,
        "TWOFOLD_TABLE_PREFIX": "read-",
        "TWOFOLD_INDEX_PREFIX": "read-",
        "TWOFOLD_READ_PORT": str(port),
        "TWOFOLD_TOKEN_SECRET": real.settings.token_secret,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "read_service", cwd=ROOT, env=environment
    )
    url = f"http://127.0.0.1:{port}"
    try:
        ready = await wait_ready(url, process)
        assert ready.json() == {
            "ready": True,
            "missing": [],
            "checks": {"dynamodb": "ok", "elasticsearch": "ok"},
        }
        async with httpx.AsyncClient(base_url=url) as http:
            body = {"query": ENTRIES, "variables": {"ledger": "eventual", "first": 2}}
            headers = {"Authorization": f"Bearer {real.fresh_token(WORKSPACE)}"}
            answer = await http.post("/graphql", json=body, headers=headers)
            assert answer.status_code == 200
            expected = await real.ask(ENTRIES, ledger="eventual", first=2)
            assert answer.json()["data"] == expected.data
            metrics = (await http.get("/metrics")).text
            assert 'twofold_requests_total{operation="ledger",outcome="ok"} 1.0' in metrics
            assert 'twofold_store_requests_total{call="GetItem",outcome="ok"}' in metrics
            assert 'twofold_search_requests_total{call="search",outcome="ok"} 1.0' in metrics
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_settings_that_cannot_work_are_told_in_one_line() -> None:
    environment = {**os.environ, "TWOFOLD_TOKEN_SECRET": "short", "TWOFOLD_READ_PORT": "0"}
    command = [sys.executable, "-m", "read_service"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1] == (
        "twofold: TWOFOLD_TOKEN_SECRET must have at least 32 bytes"
    )
