"""Ledger Entries: looked up, listed, with everything that hangs on them."""

from typing import Any

from shared.ledger.entries import Bounds, EntryCondition
from shared.ledger.identifiers import entry_id
from shared.ledger.ledgers import Ledger
from tests.builders_schema import edited, quickstart
from tests.read_rig import NOW_MS, OTHER_WORKSPACE, ReadRig

ENTRY = """
query entry($entry: LedgerEntryMatchInput!) {
  ledgerEntry(ledgerEntry: $entry) {
    id ik type typeVersion posted created date description parameters hidden isReversal isReversed
    reversalPosition reversedAt ledgerId workspaceId dashboardUrl
    ledger { ik } tags { key value } groups { key value }
    reverses { id } reversedBy { id } reversalHistory { nodes { reversalPosition } }
    conditions {
      account { path type } currency { code }
      precondition { ownBalance { eq gte lte } totalBalance { eq } }
      postcondition { ownBalance { eq gte lte } totalBalance { gte } }
    }
    lines { nodes { id amount account { path } } pageInfo { hasNextPage endCursor } }
  }
}
"""
ENTRIES = """
query entries(
  $filter: LedgerEntriesFilterSet, $first: Int, $last: Int, $after: String, $before: String
) {
  ledger(ledger: {ik: "main"}) {
    ledgerEntries(filter: $filter, first: $first, last: $last, after: $after, before: $before) {
      nodes { ik type posted tags { key } lines { nodes { amount account { id path type } } } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}
"""
CASH = "assets/banks/user-cash"
AVAILABLE = "liabilities/users:u1/available"
DAY_MS = 86_400_000


def iks(answer: Any) -> list[str]:
    return [node["ik"] for node in answer.data["ledger"]["ledgerEntries"]["nodes"]]


async def post_rich(reader: ReadRig, ledger: Ledger) -> dict[str, Any]:
    """One entry with everything, and what the API should say of it."""
    conditions = (
        EntryCondition(AVAILABLE, "USD", "pre", "own", Bounds(eq=0)),
        EntryCondition(AVAILABLE, "USD", "post", "own", Bounds(gte=0, lte=10**30)),
        EntryCondition("liabilities", "USD", "post", "total", Bounds(gte=-5)),
    )
    entry = await reader.post(
        ledger, "rich", 1_234, (CASH, 10**30), (AVAILABLE, 10**30),
        type="user_funds_account", type_version=1, description="Funding",
        tags=(("flow", "ach"), ("user", "u1")), groups=(("deposit", "d1"),),
        parameters={"user_id": "u1"}, conditions=conditions,
    )  # fmt: skip
    unasked = {"precondition": None, "postcondition": None}
    return {
        "id": entry.id,
        "ik": "rich",
        "type": "user_funds_account",
        "typeVersion": 1,
        "posted": "1970-01-01T00:00:01.234Z",
        "created": "2023-11-14T22:13:20.000Z",
        "date": "1970-01-01",
        "description": "Funding",
        "parameters": {"user_id": "u1"},
        "hidden": False,
        "isReversal": False,
        "isReversed": False,
        "reversalPosition": 1,
        "reversedAt": None,
        "ledgerId": ledger.id,
        "workspaceId": "workspace",
        "dashboardUrl": f"http://127.0.0.1:8000/ledgers/{ledger.id}/entries/{entry.id}",
        "ledger": {"ik": "main"},
        "tags": [{"key": "flow", "value": "ach"}, {"key": "user", "value": "u1"}],
        "groups": [{"key": "deposit", "value": "d1"}],
        "reverses": None,
        "reversedBy": None,
        "reversalHistory": {"nodes": [{"reversalPosition": 1}]},
        "conditions": [
            {
                "account": {"path": AVAILABLE, "type": "liability"},
                "currency": {"code": "USD"},
                "precondition": {
                    "ownBalance": {"eq": "0", "gte": None, "lte": None},
                    "totalBalance": None,
                },
                "postcondition": {
                    "ownBalance": {"eq": None, "gte": "0", "lte": str(10**30)},
                    "totalBalance": None,
                },
            },
            {
                **unasked,
                "account": {"path": "liabilities", "type": "liability"},
                "currency": {"code": "USD"},
                "postcondition": {"ownBalance": None, "totalBalance": {"gte": "-5"}},
            },
        ],
        "lines": {
            "nodes": [
                {"id": f"{entry.id}-0", "amount": str(10**30), "account": {"path": CASH}},
                {"id": f"{entry.id}-1", "amount": str(10**30), "account": {"path": AVAILABLE}},
            ],
            "pageInfo": {"hasNextPage": False, "endCursor": None},
        },
    }


async def test_an_entry_is_found_by_ik_by_id_and_by_both(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    expected = await post_rich(reader, ledger)
    by_ik = {"ik": "rich", "ledger": {"ik": "main"}}
    for match in (by_ik, {"id": expected["id"]}, {"id": expected["id"], **by_ik}):
        assert (await reader.ask(ENTRY, entry=match)).data == {"ledgerEntry": expected}


async def test_an_entry_by_ik_with_its_lines_costs_one_read(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    await reader.post(ledger, "one", NOW_MS, (CASH, 1), (AVAILABLE, 1))
    query = """query { ledgerEntry(ledgerEntry: {ik: "one", ledger: {ik: "main"}}) {
      id ik posted created description lines { nodes { id amount account { path } } } } }"""
    await reader.ask(query)
    await reader.ask(query)
    assert reader.calls == {"BatchGetItem": 1}


async def test_an_entry_that_is_not_there_is_null(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    other = await reader.ledger("other", quickstart())
    entry = await reader.post(ledger, "one", NOW_MS, (CASH, 1), (AVAILABLE, 1))
    matches: list[dict[str, Any]] = [
        {"ik": "two", "ledger": {"ik": "main"}},
        {"ik": "one", "ledger": {"ik": "other"}},
        {"ik": "one", "ledger": {"ik": "nobody"}},
        {"id": "0" * 32},
        {"id": "x"},
        {"id": f"{entry.id}-0"},
        {"id": entry.id, "ik": "two", "ledger": {"ik": "main"}},
        {"id": entry.id, "ledger": {"id": other.id}},
    ]
    for match in matches:
        assert (await reader.ask(ENTRY, entry=match)).data == {"ledgerEntry": None}
    answer = await reader.ask(ENTRY, as_workspace=OTHER_WORKSPACE, entry={"id": entry.id})
    assert answer.data == {"ledgerEntry": None}
    await reader.ledger("main", quickstart(), state="deleted")
    reader.clock.advance(1_000)
    assert (await reader.ask(ENTRY, entry={"id": entry.id})).data == {"ledgerEntry": None}


async def test_a_match_that_names_nothing_is_refused(reader: ReadRig) -> None:
    rule = "ledgerEntry must name a Ledger Entry by id, or by ik and ledger."
    required = "ledgerEntry.ledger must name the Ledger, by id or ik."
    answer = await reader.ask(ENTRY, entry={})
    assert answer.refusals == [("invalid_match", rule)]
    answer = await reader.ask(ENTRY, entry={"ik": "one"})
    assert answer.refusals == [("ledger_required", required)]


async def test_an_ik_gives_the_newest_entry_of_its_reversal_chain(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    ids = [entry_id(ledger.id, "one", position) for position in (1, 2, 3)]
    first = await reader.post(
        ledger, "one", NOW_MS, (CASH, 1), (AVAILABLE, 1), reversed_by=ids[1], reversed_at_ms=NOW_MS
    )
    await reader.post(ledger, "one", NOW_MS, (CASH, -1), (AVAILABLE, -1), position=2,
                      reverses=ids[0])  # fmt: skip
    await reader.post(ledger, "one", NOW_MS, (CASH, 2), (AVAILABLE, 2), position=3)
    await reader.put_entry(first, head=3)
    answer = await reader.ask(ENTRY, entry={"ik": "one", "ledger": {"ik": "main"}})
    entry = answer.data["ledgerEntry"]
    assert (entry["id"], entry["reversalPosition"]) == (ids[2], 3)
    positions = [node["reversalPosition"] for node in entry["reversalHistory"]["nodes"]]
    assert positions == [3, 2, 1]
    first_answer = (await reader.ask(ENTRY, entry={"id": ids[0]})).data["ledgerEntry"]
    assert first_answer["reversedBy"] == {"id": ids[1]}
    assert first_answer["reversedAt"] == "2023-11-14T22:13:20.000Z"
    assert (first_answer["hidden"], first_answer["isReversed"]) == (True, True)
    second = (await reader.ask(ENTRY, entry={"id": ids[1]})).data["ledgerEntry"]
    assert second["reverses"] == {"id": ids[0]}
    assert (second["hidden"], second["isReversal"]) == (True, True)
    query = """query ($entry: LedgerEntryMatchInput!) {
      ledgerEntryHistory(ledgerEntry: $entry) { nodes { id } pageInfo { hasNextPage } } }"""
    history = (await reader.ask(query, entry={"id": ids[0]})).data["ledgerEntryHistory"]
    assert history["nodes"] == [{"id": each} for each in reversed(ids)]


async def test_the_history_of_an_unknown_entry_is_refused(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    query = """{ ledgerEntryHistory(ledgerEntry: {ik: "x", ledger: {ik: "main"}}) {
        nodes { id } } }"""
    answer = await reader.ask(query)
    message = "There is no Ledger Entry with the ik x."
    assert answer.refusals == [("ledger_entry_not_found", message)]


async def post_days(reader: ReadRig, count: int) -> Ledger:
    """`count` entries, a day apart, the oldest first."""
    ledger = await reader.ledger("main", quickstart())
    for number in range(count):
        await reader.post(
            ledger, f"e{number}", NOW_MS + number * DAY_MS, (CASH, number), (AVAILABLE, number),
            type="even" if number % 2 == 0 else "odd", type_version=1,
            tags=(("number", str(number)),), groups=(("parity", str(number % 2)),),
        )  # fmt: skip
    return ledger


async def test_a_page_of_entries_with_lines_costs_one_search_and_no_read(
    reader: ReadRig,
) -> None:
    await post_days(reader, 5)
    await reader.ask(ENTRIES, first=1)
    answer = await reader.ask(ENTRIES, first=2)
    assert (reader.calls, reader.searches) == ({}, [1])
    assert iks(answer) == ["e4", "e3"]
    lines = answer.data["ledger"]["ledgerEntries"]["nodes"][0]["lines"]["nodes"]
    assert [(line["amount"], line["account"]["path"]) for line in lines] == [
        ("4", CASH),
        ("4", AVAILABLE),
    ]


async def test_several_lists_of_one_query_are_one_round_trip(reader: ReadRig) -> None:
    await post_days(reader, 4)
    query = """{ ledger(ledger: {ik: "main"}) {
      even: ledgerEntries(filter: {type: {equalTo: "even"}}) { nodes { ik } }
      odd: ledgerEntries(filter: {type: {equalTo: "odd"}}) { nodes { ik } }
      ledgerAccounts(first: 1) { nodes { lines(first: 1) { nodes { amount } } } }
    } }"""
    await reader.ask(ENTRIES)
    answer = await reader.ask(query)
    assert reader.searches == [3, 1]
    assert [node["ik"] for node in answer.data["ledger"]["odd"]["nodes"]] == ["e3", "e1"]


async def test_entries_are_walked_both_ways_while_others_are_posted(reader: ReadRig) -> None:
    ledger = await post_days(reader, 7)
    first = (await reader.ask(ENTRIES, first=3)).data["ledger"]["ledgerEntries"]
    await reader.post(ledger, "late", NOW_MS + 30 * DAY_MS, (CASH, 1), (AVAILABLE, 1))
    second_answer = await reader.ask(ENTRIES, after=first["pageInfo"]["endCursor"])
    assert iks(second_answer) == ["e3", "e2", "e1"]
    second = second_answer.data["ledger"]["ledgerEntries"]
    third = await reader.ask(ENTRIES, after=second["pageInfo"]["endCursor"])
    assert iks(third) == ["e0"]
    back = await reader.ask(ENTRIES, before=second["pageInfo"]["startCursor"])
    assert iks(back) == ["e6", "e5", "e4"]
    assert iks(await reader.ask(ENTRIES, last=2)) == ["e1", "e0"]


async def test_entries_are_filtered(reader: ReadRig) -> None:
    ledger = await post_days(reader, 6)
    day_two = "2023-11-16"
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"type": {"equalTo": "even"}}, ["e4", "e2", "e0"]),
        ({"type": {"in": ["odd"]}, "tag": {"equalTo": {"key": "number", "value": "3"}}}, ["e3"]),
        ({"date": {"equalTo": day_two}}, ["e2"]),
        ({"date": {"within": "2023-12"}}, []),
        ({"posted": {"after": "2023-11-16", "before": "2023-11-18"}}, ["e3", "e2"]),
        ({"group": {"equalTo": {"key": "parity", "value": "1"}}}, ["e5", "e3", "e1"]),
        ({"tag": {"keyEqualTo": "number"}, "typeVersion": {"equalTo": "2"}}, []),
        ({"ledgerEntry": {"in": [{"ik": "e1"}, {"id": entry_id(ledger.id, "e4", 1)}]}},
         ["e4", "e1"]),
    ]  # fmt: skip
    for given, expected in cases:
        assert iks(await reader.ask(ENTRIES, filter=given)) == expected, given


async def test_reversed_and_reversing_entries_are_listed_when_asked_for(reader: ReadRig) -> None:
    ledger = await post_days(reader, 1)
    await reader.post(ledger, "back", NOW_MS, (CASH, 1), (AVAILABLE, 1), reverses="0" * 32)
    assert iks(await reader.ask(ENTRIES)) == ["e0"]
    assert set(iks(await reader.ask(ENTRIES, filter={"showHidden": True}))) == {"e0", "back"}
    assert iks(await reader.ask(ENTRIES, filter={"isReversal": True})) == ["back"]


async def test_a_cursor_of_another_list_or_filter_is_refused(reader: ReadRig) -> None:
    await post_days(reader, 4)
    page = (await reader.ask(ENTRIES, first=2)).data["ledger"]["ledgerEntries"]["pageInfo"]
    refused = "after is not a cursor of this list: it belongs to another list or filter, or was "
    for variables in ({"filter": {"type": {"equalTo": "odd"}}}, {}):
        query = ENTRIES if variables else ENTRIES.replace("ledgerEntries(", "ledgerAccounts(")
        if not variables:
            query = """query ($after: String) { ledger(ledger: {ik: "main"}) {
              ledgerAccounts(after: $after) { nodes { id } } } }"""
        answer = await reader.ask(query, after=page["endCursor"], **variables)
        assert answer.refusals == [("invalid_cursor", f"{refused}changed.")]
    for cursor in ("", "x", "é", "A" * 3_000):
        answer = await reader.ask(ENTRIES, after=cursor)
        assert [code for code, _ in answer.refusals] == ["invalid_cursor"]
    for size in (0, -1, 201):
        answer = await reader.ask(ENTRIES, first=size)
        message = f"first must be between 1 and 200, not {size}."
        assert answer.refusals == [("invalid_page_size", message)]


async def test_a_groups_entries_are_listed(reader: ReadRig) -> None:
    await post_days(reader, 4)
    query = """{
      ledgerEntryGroup(ledgerEntryGroup: {key: "parity", value: "1", ledger: {ik: "main"}}) {
        key value ledger { ik } ledgerEntries(filter: {type: {equalTo: "odd"}}) { nodes { ik } } }
      ledger(ledger: {ik: "main"}) {
        ledgerEntryGroup(ledgerEntryGroup: {key: "parity", value: "7"}) {
          ledgerEntries { nodes { ik } } } }
    }"""
    answer = await reader.ask(query)
    assert answer.data == {
        "ledgerEntryGroup": {
            "key": "parity",
            "value": "1",
            "ledger": {"ik": "main"},
            "ledgerEntries": {"nodes": [{"ik": "e3"}, {"ik": "e1"}]},
        },
        "ledger": {"ledgerEntryGroup": {"ledgerEntries": {"nodes": []}}},
    }


STRONG_ENTRIES = {"consistencyConfig": {"entries": "strong"}}


async def test_a_strong_list_shows_entries_that_are_not_indexed(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", edited(quickstart(), STRONG_ENTRIES))
    for number in range(5):
        await reader.post(
            ledger, f"e{number}", NOW_MS + number, (CASH, 1), (AVAILABLE, 1), indexed=False
        )
    await reader.ask(ENTRIES)
    answer = await reader.ask(ENTRIES, first=2)
    assert (reader.calls, reader.searches) == ({"Query": 1, "BatchGetItem": 1}, [])
    assert iks(answer) == ["e4", "e3"]
    after = answer.data["ledger"]["ledgerEntries"]["pageInfo"]["endCursor"]
    second = await reader.ask(ENTRIES, after=after)
    assert iks(second) == ["e2", "e1"]
    before = second.data["ledger"]["ledgerEntries"]["pageInfo"]["startCursor"]
    assert (await reader.ask(ENTRIES, before=before)).data == answer.data
    assert iks(await reader.ask(ENTRIES, last=2)) == ["e1", "e0"]


async def test_strong_and_eventual_lists_agree_on_every_filter_and_cursor(
    reader: ReadRig,
) -> None:
    strong = await reader.ledger("main", edited(quickstart(), STRONG_ENTRIES))
    document = edited(quickstart(), {"key": "eventual"})
    eventual = await reader.ledger("eventual", document)
    for ledger in (strong, eventual):
        for number in range(30):
            hidden = {"reverses": "0" * 32} if number % 7 == 3 else {}
            await reader.post(
                ledger, f"e{number}", NOW_MS + (number // 2) * DAY_MS,
                (CASH, number), (AVAILABLE, number),
                type="even" if number % 2 == 0 else "odd", type_version=1,
                tags=(("number", str(number)),), **hidden,
            )  # fmt: skip
    filters: list[dict[str, Any] | None] = [
        None,
        {"showHidden": True},
        {"type": {"equalTo": "odd"}},
        {"type": {"notEqualTo": "odd"}, "posted": {"after": "2023-11-17"}},
        {"posted": {"after": "2023-11-16", "before": "2023-11-20T12:00:00Z"}},
        {"date": {"in": ["2023-11-17", "2023-11-20"]}},
        {"date": {"within": "2023-11"}},
        {"tag": {"contains": {"key": "number", "value": "2"}}},
        {"date": {"within": "9999"}},
    ]
    other = ENTRIES.replace('"main"', '"eventual"')
    for given in filters:
        walks = []
        for query in (ENTRIES, other):
            pages, after = [], None
            while True:
                answer = await reader.ask(query, filter=given, first=4, after=after)
                pages.append(sorted(iks(answer)) if given is None else iks(answer))
                after = answer.data["ledger"]["ledgerEntries"]["pageInfo"]["endCursor"]
                if after is None:
                    break
            walks.append([ik for page in pages for ik in page])
        assert sorted(walks[0]) == sorted(walks[1]), given
        assert len(set(walks[0])) == len(walks[0])


async def test_a_strong_list_that_would_read_too_much_is_refused(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", edited(quickstart(), STRONG_ENTRIES))
    for number in range(2_001):
        await reader.post(
            ledger, f"e{number}", NOW_MS + number, (CASH, 1), (AVAILABLE, 1), indexed=False
        )
    answer = await reader.ask(ENTRIES, filter={"type": {"equalTo": "never"}})
    detail = "fewer than a page of the next 2000 match; narrow the list by posted"
    assert answer.refusals == [("invalid_filter", f"filter: {detail}.")]
    narrow = {"type": {"equalTo": "never"}, "posted": {"after": "2023-11-15"}}
    assert iks(await reader.ask(ENTRIES, filter=narrow)) == []
    assert reader.calls == {"Query": 1}
