"""A list of a hundred thousand entries, walked both ways through the API while others are posted.

Posting so many through the API takes too long, so most of them are documents alone: made as the
indexer makes them, in the live index of a running system, of a ledger of their own. Those that are
posted during the walk go all the way, and land between them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest

from loadtests.common.api import Api
from loadtests.common.system import System
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import entry_id
from shared.ledger.periods import format_datetime
from shared.ledger.positions import position_of
from shared.limits import PAGE_SIZE_MAX
from shared.search.documents import entry_deletions, entry_documents
from shared.search.elastic import ElasticIndex
from shared.search.index import ENTRIES_NEWEST, Kind, Operation, SearchRequest
from shared.search.indices import alias_name
from shared.search.queries import search_body
from shared.settings import Settings, load_settings
from tests.write_api_rig import ADD, CREATE, STORE

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

LOADED = 100_000
BULK_DOCUMENTS = 1_000
POSTED_MIN = 20  # what must have been posted while the walks went on
START_MS = 1_600_000_000_000
STEP_MS = 60_000
SCHEMA = Path(__file__).parents[1] / "conformance" / "schema.json"
PAGE = """query page($ledger: ID!, $first: Int, $last: Int, $after: String, $before: String) {
  ledger(ledger: {id: $ledger}) {
    ledgerEntries(first: $first, last: $last, after: $after, before: $before) {
      nodes { ik }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}"""


def loaded_entry(ledger: str, workspace: str, number: int) -> LedgerEntry:
    """The newer the higher the number; three share each moment."""
    ik = f"loaded-{number:06d}"
    posted_ms = START_MS + number // 3 * STEP_MS
    lines = (
        LedgerLine(0, "assets/bank", "asset", number, "USD"),
        LedgerLine(1, "income/fees", "income", number, "USD"),
    )
    entry = entry_id(ledger, ik, 1)
    return LedgerEntry(entry, ledger, workspace, ik, 1, posted_ms, posted_ms, lines, type="loaded")


@dataclass
class Walked:
    """A ledger with its documents, and how to ask for its pages."""

    ledger: str
    ik: str
    due: list[str]  # iks of what was loaded, in the list's order
    url: str
    search_url: str  # Elasticsearch's, for this ledger's entries
    headers: dict[str, str]
    http: httpx.AsyncClient

    async def page(self, **variables: Any) -> Any:
        body = {"query": PAGE, "variables": {"ledger": self.ledger, **variables}}
        answer = (await self.http.post(self.url, json=body, headers=self.headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]["ledger"]["ledgerEntries"]

    async def examined(self, after: str | None) -> int:
        """How many documents Elasticsearch looks at for the page after a position."""
        scope = (self.ledger,)
        request = SearchRequest(ENTRIES_NEWEST, scope, (), PAGE_SIZE_MAX, after=after)
        body = {**search_body(request), "profile": True}
        answer = (await self.http.post(self.search_url, json=body)).json()
        (shard,) = [each for each in answer["profile"]["shards"] if each["searches"]]
        (query,) = shard["searches"][0]["query"]
        counts = query["breakdown"]
        found: int = counts["next_doc_count"] + counts["advance_count"]
        return found

    async def post(self, number: int, posted_ms: int) -> None:
        entry = {
            "ledger": {"ik": self.ik},
            "type": "deposit",
            "parameters": {"user": "ann", "amount": "10", "fee": "1"},
            "posted": format_datetime(posted_ms),
        }
        body = {"query": ADD, "variables": {"ik": f"posted-{number}", "entry": entry}}
        answer = (await self.http.post(self.url, json=body, headers=self.headers)).json()
        assert answer["data"]["addLedgerEntry"]["__typename"] == "AddLedgerEntryResult", answer


async def write(index: ElasticIndex, operations: Iterable[Operation]) -> None:
    """The operations, a bulk at a time, made as they are needed; then a refresh."""
    waiting = iter(operations)
    while bulk := list(islice(waiting, BULK_DOCUMENTS)):
        results = await index.bulk(bulk)
        assert {result.status.value for result in results} == {"applied"}
    await index.refresh([Kind.ENTRIES])


@pytest.fixture
async def walked(system: System, api: Api) -> AsyncIterator[Walked]:
    """A fresh ledger of the running system with its hundred thousand, removed at the end."""
    settings = load_settings(system.environment)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    ik = f"walked-{uuid4().hex[:8]}"
    api.mutate(STORE, {"schema": schema})
    created = api.mutate(
        CREATE, {"ik": ik, "ledger": {"name": ik}, "schema": {"key": schema["key"]}}
    )
    ledger = created["ledger"]["id"]
    workspace = api.execute("{ workspace { id } }", {})["workspace"]["id"]
    entries = [loaded_entry(ledger, workspace, number) for number in range(LOADED)]
    in_order = sorted(entries, key=lambda each: position_of(each.posted_ms, each.id))
    index = ElasticIndex(settings)
    headers = {"Authorization": f"Bearer {api.token()}"}
    url = system.connection.api_url
    async with httpx.AsyncClient(timeout=60) as http:
        try:
            await write(index, (entry_documents(each)[0] for each in entries))
            due = [each.ik for each in in_order]
            yield Walked(ledger, ik, due, url, search_url(settings, ledger), headers, http)
        finally:
            try:  # no entry stands behind them
                await write(index, (entry_deletions(each)[0] for each in entries))
            finally:
                await index.close()


def search_url(settings: Settings, ledger: str) -> str:
    alias = alias_name(settings.index_prefix, Kind.ENTRIES)
    return f"{settings.elasticsearch_url}/{alias}/_search?routing={ledger}"


async def iks_forward(walked: Walked) -> list[str]:
    iks: list[str] = []
    after = None
    while True:
        page = await walked.page(first=PAGE_SIZE_MAX, after=after)
        iks += [node["ik"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if after is None:
            return iks


async def iks_backward(walked: Walked) -> list[str]:
    iks: list[str] = []
    page = await walked.page(last=PAGE_SIZE_MAX)
    while True:
        iks = [node["ik"] for node in page["nodes"]] + iks
        before = page["pageInfo"]["startCursor"]
        if before is None:
            return iks
        page = await walked.page(last=PAGE_SIZE_MAX, before=before)


async def test_a_walk_neither_repeats_nor_drops_what_was_there_throughout(
    walked: Walked,
) -> None:
    over = asyncio.Event()
    posted: list[str] = []

    async def keep_posting() -> None:
        rng = Random(1)
        while not over.is_set():
            number = len(posted)
            await walked.post(number, START_MS + rng.randrange(-1, LOADED // 3 + 1) * STEP_MS)
            posted.append(f"posted-{number}")
            await asyncio.sleep(0.05)

    posting = asyncio.create_task(keep_posting())
    try:
        there, back = await asyncio.gather(iks_forward(walked), iks_backward(walked))
    finally:
        over.set()
        await posting
    for iks in (there, back):
        assert len(iks) == len(set(iks))
        assert [ik for ik in iks if ik.startswith("loaded-")] == walked.due
        assert {ik for ik in iks if not ik.startswith("loaded-")} <= set(posted)
    assert len(posted) >= POSTED_MIN
    await a_deep_page_looks_at_as_little_as_the_first(walked)


async def a_deep_page_looks_at_as_little_as_the_first(walked: Walked) -> None:
    """Documents that Elasticsearch examines for the first page, one in the middle, the last."""
    page = await walked.page(first=PAGE_SIZE_MAX)
    examined = [await walked.examined(None)]
    for at in (250, 499):
        ik = walked.due[at * PAGE_SIZE_MAX]
        number = int(ik.removeprefix("loaded-"))
        entry = loaded_entry(walked.ledger, "", number)
        examined.append(await walked.examined(position_of(entry.posted_ms, entry.id)))
    assert page["pageInfo"]["hasNextPage"]
    assert max(examined) <= 2 * examined[0], examined
