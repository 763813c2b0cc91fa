"""What a reader is told when an engine is away, and what a reader may not do."""

from collections.abc import Sequence

from read_service.connections import _cursor, list_digest
from shared.clock import FixedClock
from shared.errors import SearchUnavailable, StoreUnavailable
from shared.search.index import SearchPage, SearchRequest
from shared.store.table import Item, Key
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex
from tests.builders_schema import quickstart
from tests.read_rig import NOW_MS, Engines, ReadRig


class AwayTable(MemoryTable):
    """The twin; BatchGetItem fails while it is away."""

    is_away = False

    async def get_many(self, keys: Sequence[Key], *, consistent: bool = False) -> list[Item | None]:
        if self.is_away:
            raise StoreUnavailable("connection refused to 10.0.0.7")
        return await super().get_many(keys, consistent=consistent)


class AwayIndex(MemoryIndex):
    """The twin; searches fail while it is away."""

    is_away = False

    async def search(self, requests: Sequence[SearchRequest]) -> list[SearchPage]:
        if self.is_away:
            raise SearchUnavailable("connection refused to 10.0.0.8")
        return await super().search(requests)

    async def ready(self) -> bool:
        return not self.is_away


async def opened() -> tuple[ReadRig, AwayTable, AwayIndex]:
    metrics = CountingMetrics()
    table, index = AwayTable(clock=FixedClock(NOW_MS), metrics=metrics), AwayIndex()
    rig = ReadRig(Engines(table, index, metrics))
    await rig.open()
    await rig.ledger("main", quickstart())
    return rig, table, index


BOTH = """{ ledger(ledger: {ik: "main"}) { ik ledgerAccounts { nodes { path } } }
            workspace { name } }"""


async def test_an_index_that_is_away_fails_lists_alone_and_says_that_it_may_come_back() -> None:
    rig, _, index = await opened()
    index.is_away = True
    answer = await rig.ask('{ ledger(ledger: {ik: "main"}) { ik } workspace { name } }')
    assert answer.data == {"ledger": {"ik": "main"}, "workspace": {"name": "The workspace"}}
    answer = await rig.ask(BOTH)
    assert answer.body["data"] == {"ledger": None, "workspace": {"name": "The workspace"}}
    (error,) = answer.body["errors"]
    assert error["message"] == "The search index can't be reached; try again."
    assert error["path"] == ["ledger", "ledgerAccounts"]
    assert error["extensions"] == {"code": "unavailable", "retryable": True}
    index.is_away = False
    assert (await rig.ask(BOTH)).data["ledger"]["ledgerAccounts"]["nodes"] != []
    await rig.close()


async def test_a_table_that_is_away_fails_what_reads_it_and_gives_nothing_away() -> None:
    rig, table, _ = await opened()
    await rig.ask(BOTH)
    table.is_away = True
    answer = await rig.ask('{ ledgerEntry(ledgerEntry: {id: "%s"}) { ik } }' % ("0" * 32))
    assert answer.refusals == [("unavailable", "The store can't be reached; try again.")]
    assert "10.0.0" not in str(answer.body)
    await rig.close()


async def test_readiness_names_the_engine_that_is_missing() -> None:
    rig, table, index = await opened()
    assert (await rig.get("/readyz")).json()["ready"] is True
    index.is_away = True
    answer = await rig.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == ["elasticsearch"]
    table.is_away = True
    assert (await rig.get("/readyz")).json()["missing"] == ["dynamodb", "elasticsearch"]
    assert (await rig.get("/healthz")).status_code == 200
    await rig.close()


async def test_a_reader_may_not_write() -> None:
    rig, _, _ = await opened()
    mutation = """mutation { updateLedger(ledger: {ik: "main"}, update: {name: "x"}) {
        __typename ... on Error { code message } } }"""
    answer = await rig.ask(mutation)
    message = "The API client has the role reader; updateLedger needs the role admin."
    refused = {"__typename": "BadRequestError", "code": "forbidden", "message": message}
    assert answer.data == {"updateLedger": refused}
    shown = await rig.ask('{ ledger(ledger: {ik: "main"}) { name } }')
    assert shown.data == {"ledger": {"name": "Ledger main"}}
    await rig.close()


async def test_lists_inside_lists_are_refused_before_they_multiply() -> None:
    rig, _, _ = await opened()
    ledger = await rig.ledger("main", quickstart())
    for number in range(4):
        await rig.post(ledger, f"e{number}", NOW_MS, *[("income", 1)] * 30)
    within = "nodes { ledgerEntry { lines { %s } } }"
    query = '{ ledgerEntry(ledgerEntry: {ik: "e1", ledger: {ik: "main"}}) { lines { %s } } }'
    nested = query.replace("%s", within.replace("%s", within.replace("%s", "nodes { id }")))
    answer = await rig.ask(nested)
    message = "A request holds more list nodes; at most 20000 are allowed."
    assert answer.refusals == [("too_many_items", message)]
    wide = """{ ledger(ledger: {ik: "main"}) { ledgerAccounts(first: 200) { nodes {
        lines(first: 200) { nodes { ledger {
          ledgerEntries(first: 200) { nodes { id } } } } } } } } }"""
    answer = await rig.ask(wide)
    assert answer.refusals == [("too_many_items", message)]
    await rig.close()


async def test_a_forged_page_size_makes_no_room_for_more_nodes() -> None:
    rig, _, _ = await opened()
    ledger = await rig.ledger("main", quickstart())
    forged = _cursor(list_digest("Ledger.ledgerEntries", ledger.id), -10_000_000, None, "0")
    many = " ".join(f"l{i}: ledgerEntries(first: 200) {{ nodes {{ id }} }}" for i in range(101))
    query = """query lists($after: String) {
      forged: ledger(ledger: {ik: "main"}) { ledgerEntries(after: $after) { nodes { id } } }
      ledger(ledger: {ik: "main"}) { %s } }"""
    answer = await rig.ask(query.replace("%s", many), after=forged)
    assert [code for code, _ in answer.refusals] == ["invalid_cursor", "too_many_items"]
    assert answer.body["data"] in (None, {"forged": None, "ledger": None})
    await rig.close()
