"""What a page costs: the same at any depth, and nothing but its search."""

from typing import Any

from shared.search.queries import search_body
from tests.builders_schema import quickstart
from tests.naive_balances import CASH
from tests.read_rig import NOW_MS, ReadRig

DEPTH = 100
INFO = "pageInfo { endCursor startCursor }"
ENTRY = "ik posted tags { key value } lines { nodes { amount account { path type } tags { key } } }"
LISTS = {
    "ledgerEntries": f"""query ($first: Int, $after: String) {{ ledger(ledger: {{ik: "main"}}) {{
      list: ledgerEntries(first: $first, after: $after) {{ nodes {{ {ENTRY} }} {INFO} }} }} }}""",
    "lines": f"""query ($first: Int, $after: String) {{
      ledger: ledgerAccount(ledgerAccount: {{path: "{CASH}", ledger: {{ik: "main"}}}}) {{
      list: lines(first: $first, after: $after) {{
        nodes {{ amount posted ledgerEntry {{ {ENTRY} }} }} {INFO} }} }} }}""",
    "ledgerAccounts": f"""query ($first: Int, $after: String) {{ ledger(ledger: {{ik: "main"}}) {{
      list: ledgerAccounts(first: $first, after: $after) {{
        nodes {{ path name type parentLedgerAccountId }} {INFO} }} }} }}""",
}


def shape(request: Any) -> tuple[int, int, int]:
    """Hits asked for, clauses, and clauses that bound a time."""
    body = search_body(request)
    filters = body["query"]["bool"]["filter"]
    return body["size"], len(filters), len([each for each in filters if "range" in each])


async def test_a_deep_page_costs_what_the_second_costs(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    for number in range(DEPTH + 1):
        user = f"liabilities/users:u{number}/available"
        tags = (("number", str(number)),)
        reader.clock.advance(1)
        await reader.post(ledger, f"e{number}", NOW_MS + number, (CASH, 1), (user, 1), tags=tags)
    for query in LISTS.values():
        await reader.ask(query, first=1)
        seen = []
        after = None
        for _ in range(DEPTH):
            page = (await reader.ask(query, first=1, after=after)).data["ledger"]["list"]
            assert (reader.calls, reader.searches) == ({}, [1])
            ((request,),) = reader.index.calls
            seen.append(shape(request))
            after = page["pageInfo"]["endCursor"]
        size, clauses, _ = seen[0]
        assert set(seen[1:]) == {(size, clauses + 1, 1)}
