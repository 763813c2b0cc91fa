"""Whatever is sent: no HTTP 5xx, nothing of our inside in the answer, the documented code, no
trace.

The cases are sent to a running system, each as the bytes that it stands for. After every few of
them every item of both tables is what it was before, but for the leases and checkpoints of the
indexer, which tick by themselves.
"""

import asyncio
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from loadtests.common.system import System
from shared.clock import SystemClock
from shared.ledger.rejections import CODES
from shared.settings import load_settings
from shared.store.definition import TABLES
from shared.store.dynamo import open_table
from shared.store.table import Table
from tests.hostile.account_cases import ACCOUNT_CASES
from tests.hostile.cases import Case, Request, World
from tests.hostile.document_cases import DOCUMENT_CASES
from tests.hostile.group_cases import GROUP_CASES
from tests.hostile.ledger_cases import LEDGER_MUTATION_CASES
from tests.hostile.link_cases import LINK_CASES
from tests.hostile.linked_cases import LINKED_CASES
from tests.hostile.posting_cases import POSTING_CASES
from tests.hostile.reading_cases import READING_CASES
from tests.hostile.reconciling_cases import RECONCILING_CASES
from tests.hostile.revision_cases import REVISION_CASES
from tests.hostile.schema_cases import SCHEMA_CASES
from tests.hostile.transport_cases import TRANSPORT_CASES
from tests.hostile.world import make_world

pytestmark = pytest.mark.engines

ALL_CASES = [
    *TRANSPORT_CASES,
    *DOCUMENT_CASES,
    *POSTING_CASES,
    *REVISION_CASES,
    *LEDGER_MUTATION_CASES,
    *SCHEMA_CASES,
    *READING_CASES,
    *GROUP_CASES,
    *ACCOUNT_CASES,
    *LINK_CASES,
    *LINKED_CASES,
    *RECONCILING_CASES,
]
CASES_MIN = 200
CASES_PER_LOOK = 25  # a look reads both tables whole
TIMEOUT_S = 30
TICKING = ("K#",)  # leases and checkpoints
INSIDE = re.compile(
    rb'Traceback|File "|\.py\b|site-packages|/home/|/work/|/usr/|<[a-z_.]+ object at 0x'
    rb"|botocore|ValidationException|graphql\.execution|KeyError|TypeError|AssertionError"
    rb"|RecursionError|<locals>|positional argument"
)


def send(system: System, request: Request) -> tuple[int, bytes]:
    """Status and body of the answer to exactly these bytes."""
    target = urlsplit(system.connection.api_url)
    connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=TIMEOUT_S)
    try:
        connection.putrequest(request.method, request.path, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value.encode("utf-8"))
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders()
        # It may be answered before the whole body was sent.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.send(request.body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def codes_in(value: Any) -> set[str]:
    """Every `code` anywhere in an answer."""
    found: set[str] = set()
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "code" and isinstance(member, str):
                found.add(member)
            else:
                found |= codes_in(member)
    elif isinstance(value, list):
        for member in value:
            found |= codes_in(member)
    return found


async def read_tables(table: Table) -> dict[tuple[str, str, str], int]:
    """What stands for every item of both tables that doesn't tick by itself."""
    found: dict[tuple[str, str, str], int] = {}
    for definition in TABLES:
        after = None
        while True:
            page = await table.scan(definition.table, after=after)
            for item in page.items:
                pk, sk = str(item["pk"]), str(item["sk"])
                if not pk.startswith(TICKING):
                    found[definition.table.value, pk, sk] = hash(repr(item))
            after = page.next_key
            if after is None:
                break
    return found


class Store:
    """What the tables hold, as last seen, and which cases were sent since."""

    def __init__(self, runner: asyncio.Runner, table: Table) -> None:
        self._runner = runner
        self._table = table
        self._sent: list[str] = []
        self._seen = self._read()
        # What other tests have deleted is still being cleared away.
        sweeps = [sk for _, pk, sk in self._seen if pk == "WQ#" and sk.startswith("S#")]
        self._swept = {sk.rpartition("#")[2] for sk in sweeps}

    def _read(self) -> dict[tuple[str, str, str], int]:
        return self._runner.run(read_tables(self._table))

    def sent(self, name: str) -> None:
        """Notes a case; looks at the tables when enough of them are together."""
        self._sent.append(name)
        if len(self._sent) >= CASES_PER_LOOK:
            self.look()

    def look(self) -> None:
        """Fails with the keys of what was added, removed or changed since the last look."""
        now = self._read()
        before, self._seen = self._seen, now
        names, self._sent = self._sent, []
        changes = sorted(
            f"{table} {pk} {sk}"
            for table, pk, sk in before.keys() | now.keys()
            if before.get((table, pk, sk)) != now.get((table, pk, sk))
            and not any(swept in pk or swept in sk for swept in self._swept)
        )
        assert changes == [], f"one of these left a trace: {', '.join(names)}"


@pytest.fixture(scope="module")
def world(system: System) -> World:
    """Two workspaces with things in them, all of it indexed."""
    return make_world(system)


@pytest.fixture(scope="module")
def store(system: System, world: World) -> Iterator[Store]:
    """The tables, with all of the world in them."""
    with asyncio.Runner() as runner:
        opened = open_table(load_settings(system.environment), clock=SystemClock())
        table = runner.run(opened.__aenter__())
        try:
            store = Store(runner, table)
            yield store
            store.look()
        finally:
            runner.run(opened.__aexit__(None, None, None))


def test_there_are_enough_cases_and_none_is_twice() -> None:
    names = [case.name for case in ALL_CASES]
    assert len(names) >= CASES_MIN
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_hostile_input_is_refused_and_leaves_no_trace(
    system: System, world: World, store: Store, case: Case
) -> None:
    status, body = send(system, case.build(world))
    store.sent(case.name)
    told = f"{case.name}: {case.code or case.data}, not {status} {body[:400]!r}"
    assert status == case.status, told
    assert not INSIDE.search(body), told
    assert case.raw in body, told
    if case.code or case.data is not None:
        answer = json.loads(body)
        if case.data is not None:
            assert answer == {"data": case.data}, told
        else:
            assert case.code in codes_in(answer), told
            assert_documented(answer)


def assert_documented(answer: Any) -> None:
    """Every code of a union member is in the API's table."""
    data = answer.get("data") or {}
    for code in codes_in(data):
        assert code in CODES, code


def test_system_still_works_after_all_of_it(system: System, world: World) -> None:
    request = Request(
        headers=(("Content-Type", "application/json"), ("Authorization", f"Bearer {world.token}")),
        body=b'{"query": "{ workspace { id name } }"}',
    )
    status, body = send(system, request)
    assert status == 200
    assert json.loads(body)["data"]["workspace"]["id"]
