"""Bad input about Linked Ledger Accounts: what they are linked to isn't there, and isn't anybody
else's either.
"""

from typing import Any

from tests.hostile.cases import BAD_INPUT, LEDGER, Case, graphql_case
from tests.hostile.reading_cases import CURSOR, accounts_case

UNRECONCILED = """query q(
  $m: LedgerAccountMatchInput!, $first: Int, $last: Int, $after: String, $before: String
  $filter: LedgerAccountUnreconciledTxsFilterSet
) {
  ledgerAccount(ledgerAccount: $m) {
    unreconciledTxs(
      first: $first, last: $last, after: $after, before: $before, filter: $filter
    ) { nodes { id } }
  }
}"""
LINKED = """query q($m: LedgerAccountMatchInput!) {
  ledgerAccount(ledgerAccount: $m) { linkedAccount { id txs { nodes { id } } } link { id } }
}"""
ACCOUNT = {"path": "assets/linked", "ledger": LEDGER}
DAY = "2024-03-05"


def txs_case(name: str, code: str, **arguments: Any) -> Case:
    return graphql_case(f"unreconciled Txs {name}", UNRECONCILED, {"m": ACCOUNT, **arguments}, code)


LINKED_CASES = [
    txs_case("0 a page", "invalid_page_size", first=0),
    txs_case("201 a page", "invalid_page_size", first=201),
    txs_case("first and last", "bad_request", first=1, last=1),
    txs_case("after a word", CURSOR, after="first"),
    txs_case("before a day", CURSOR, before=DAY),
    txs_case("after a cursor of entries", CURSOR, after="{{cursor}}"),
    txs_case("after another workspace's cursor", CURSOR, after="{{foreign_cursor}}"),
    txs_case(
        "of no time at all", "invalid_filter", filter={"posted": {"after": DAY, "before": DAY}}
    ),
    txs_case(
        "that end before they begin",
        "invalid_filter",
        filter={"posted": {"after": DAY, "before": "0001-01-01"}},
    ),
    txs_case("posted some day", BAD_INPUT, filter={"posted": {"after": "some day"}}),
    txs_case("by amount", BAD_INPUT, filter={"amount": "1"}),
    graphql_case(
        "unreconciled Txs of an account that isn't linked",
        UNRECONCILED,
        {"m": {"id": "{{account_id}}"}},
        "ledger_account_not_linked",
    ),
    graphql_case(
        "unreconciled Txs of another workspace's account",
        UNRECONCILED,
        {"m": {"id": "{{foreign_account_id}}"}},
        data={"ledgerAccount": None},
    ),
    graphql_case(
        "unreconciled Txs of what isn't synced",
        UNRECONCILED,
        {"m": ACCOUNT},
        data={"ledgerAccount": {"unreconciledTxs": {"nodes": []}}},
    ),
    graphql_case(
        "what an account is linked to that isn't synced",
        LINKED,
        {"m": ACCOUNT},
        data={"ledgerAccount": {"linkedAccount": None, "link": None}},
    ),
    accounts_case("a link to nothing", "invalid_filter", linkedAccount={"equalTo": {}}),
    accounts_case(
        "an external id alone", "invalid_filter", linkedAccount={"equalTo": {"externalId": "a"}}
    ),
    accounts_case(
        "a NUL for a Link",
        "invalid_filter",
        linkedAccount={"in": [{"linkId": "\x00", "externalId": "a"}]},
    ),
    accounts_case("101 links", "too_many_items", linkedAccount={"in": [{"id": "a"}] * 101}),
    accounts_case("a link by ik", BAD_INPUT, linkedAccount={"equalTo": {"linkIk": "a"}}),
]
