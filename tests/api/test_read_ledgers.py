"""Ledgers: looked up by id and ik, listed, in their workspace alone."""

from tests.builders_schema import quickstart
from tests.read_rig import OTHER_WORKSPACE, ReadRig

LEDGER = """
query ledger($ledger: LedgerMatchInput!) {
  ledger(ledger: $ledger) {
    id ik name type created balanceUTCOffset dashboardUrl workspaceId schema { key }
  }
}
"""
LEDGERS = """
query ledgers($first: Int, $last: Int, $after: String, $before: String, $filter: LedgersFilterSet) {
  ledgers(first: $first, last: $last, after: $after, before: $before, filter: $filter) {
    nodes { ik }
    pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
  }
}
"""


async def test_a_ledger_is_found_by_ik_by_id_and_by_both(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart(), utc_offset_minutes=-480)
    expected = {
        "id": ledger.id,
        "ik": "main",
        "name": "Ledger main",
        "type": "double",
        "created": "2023-11-14T22:13:20.000Z",
        "balanceUTCOffset": "-08:00",
        "dashboardUrl": f"http://127.0.0.1:8000/ledgers/{ledger.id}",
        "workspaceId": "workspace",
        "schema": {"key": "quickstart-schema"},
    }
    for match in ({"ik": "main"}, {"id": ledger.id}, {"ik": "main", "id": ledger.id}):
        answer = await reader.ask(LEDGER, ledger=match)
        assert answer.data == {"ledger": expected}


async def test_a_known_ledger_is_read_at_most_once_a_second(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    await reader.ask(LEDGER, ledger={"ik": "main"})
    assert reader.calls == {"GetItem": 2}
    await reader.ask(LEDGER, ledger={"ik": "main"})
    assert reader.calls == {}
    reader.clock.advance(1_000)
    await reader.ask(LEDGER, ledger={"ik": "main"})
    assert reader.calls == {"BatchGetItem": 1}


async def test_a_ledger_that_is_not_there_is_null(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    await reader.ledger("gone", quickstart(), state="deleted")
    matches = (
        {"ik": "nobody"},
        {"ik": "gone"},
        {"id": "0" * 32},
        {"id": "not-an-id"},
        {"id": ledger.id, "ik": "other"},
    )
    for match in matches:
        assert (await reader.ask(LEDGER, ledger=match)).data == {"ledger": None}


async def test_another_workspace_does_not_see_a_ledger(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    await reader.ask(LEDGER, ledger={"ik": "main"})  # known to the process
    for match in ({"ik": "main"}, {"id": ledger.id}):
        answer = await reader.ask(LEDGER, as_workspace=OTHER_WORKSPACE, ledger=match)
        assert answer.data == {"ledger": None}
    answer = await reader.ask(LEDGERS, as_workspace=OTHER_WORKSPACE)
    assert answer.data["ledgers"]["nodes"] == []


async def test_a_match_that_names_nothing_is_refused(reader: ReadRig) -> None:
    for match in ({}, {"id": None, "ik": None}):
        answer = await reader.ask(LEDGER, ledger=match)
        assert answer.refusals == [("invalid_match", "ledger must name a Ledger by id or ik.")]
        assert answer.body["data"] == {"ledger": None}
    assert reader.calls == {}


async def test_ledgers_are_listed_newest_first_and_walked_both_ways(reader: ReadRig) -> None:
    for number in range(5):
        await reader.ledger(f"ledger-{number}", quickstart())
        reader.clock.advance(10)
    await reader.ledger("gone", quickstart(), state="deleted")
    first = (await reader.ask(LEDGERS, first=2)).data["ledgers"]
    assert first["nodes"] == [{"ik": "ledger-4"}, {"ik": "ledger-3"}]
    assert first["pageInfo"]["startCursor"] is None
    assert first["pageInfo"]["hasPreviousPage"] is False
    second = (await reader.ask(LEDGERS, after=first["pageInfo"]["endCursor"])).data["ledgers"]
    assert second["nodes"] == [{"ik": "ledger-2"}, {"ik": "ledger-1"}]
    assert reader.calls == {"Query": 1, "BatchGetItem": 1}
    third = (await reader.ask(LEDGERS, after=second["pageInfo"]["endCursor"])).data["ledgers"]
    assert third["nodes"] == [{"ik": "ledger-0"}]
    assert third["pageInfo"]["hasNextPage"] is False
    assert third["pageInfo"]["endCursor"] is None
    back = (await reader.ask(LEDGERS, before=third["pageInfo"]["startCursor"])).data["ledgers"]
    assert back == second
    last = (await reader.ask(LEDGERS, last=2)).data["ledgers"]
    assert last["nodes"] == [{"ik": "ledger-1"}, {"ik": "ledger-0"}]


async def test_ledgers_are_filtered_by_schema_and_type(reader: ReadRig) -> None:
    await reader.ledger("with", quickstart())
    reader.clock.advance(10)
    await reader.ledger("without")
    expected = {
        (True, None): ["with"],
        (False, None): ["without"],
        (None, "double"): ["without", "with"],
    }
    for (has_schema, kind), iks in expected.items():
        given = {"hasSchema": has_schema, "type": kind and {"equalTo": kind}}
        nodes = (await reader.ask(LEDGERS, filter=given)).data["ledgers"]["nodes"]
        assert [node["ik"] for node in nodes] == iks
    nodes = (await reader.ask(LEDGERS, filter={"type": {"in": []}})).data["ledgers"]["nodes"]
    assert nodes == []


async def test_a_field_that_is_not_built_says_so(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    query = '{ ledger(ledger: {ik: "main"}) { ik payments { nodes { id } } } }'
    answer = await reader.ask(query)
    assert answer.refusals == [("not_implemented", "Ledger.payments is not implemented.")]


async def test_the_workspace_is_the_clients(reader: ReadRig) -> None:
    answer = await reader.ask("{ workspace { id name } }")
    assert answer.data == {"workspace": {"id": "workspace", "name": "The workspace"}}
    assert reader.calls == {"BatchGetItem": 1}
