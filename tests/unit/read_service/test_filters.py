"""What each filter lets through, judged on the documents of real values."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from read_service.filters import (
    ListFilter,
    account_lines_filter,
    accounts_filter,
    children_of,
    clearing_only,
    entries_filter,
    in_group,
    ledger_lines_filter,
    touching_account,
)
from read_service.group_filters import groups_filter
from shared.ledger.accounts import LedgerAccount
from shared.ledger.clearing import ClearingState, PostedWindow
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import account_id, external_account_id
from shared.ledger.ledgers import Ledger
from shared.ledger.periods import DAY_MS, parse_date, parse_datetime, parse_period_filter
from shared.ledger.rejections import Rejection
from shared.search.clauses import matches
from shared.search.documents import account_documents, entry_documents, group_documents

LEDGER = Ledger(
    id="1" * 32,
    workspace_id="w",
    ik="ledger-ik",
    name="Main",
    utc_offset_minutes=-480,
    created_ms=0,
    schema_key="s",
    schema_version=1,
)
Read = Callable[[Mapping[str, Any] | None, Ledger], ListFilter | Rejection]


def entry(ik: str, **changes: object) -> LedgerEntry:
    made = LedgerEntry(
        id=(ik.encode().hex() * 32)[:32],
        ledger_id=LEDGER.id,
        workspace_id="w",
        ik=ik,
        position=1,
        posted_ms=0,
        created_ms=0,
        lines=(LedgerLine(0, "cash", "asset", 0, "USD"),),
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def ms(text: str) -> int:
    found = parse_datetime(text)
    assert found is not None
    return found


def day(text: str) -> int:
    found = parse_date(text)
    assert found is not None
    return found


ENTRIES = [
    entry(
        "a",
        type="fund",
        type_version=1,
        posted_ms=ms("1969-07-21T02:56:00Z"),
        tags=(("user", "u-1"), ("city", "Oslo")),
        groups=(("order", "7"),),
    ),
    entry(
        "b",
        type="fund",
        type_version=12,
        posted_ms=ms("1969-08-01T07:59:59.999Z"),
        tags=(("user", "u-22"),),
        groups=(("order", "8"), ("batch", "7")),
    ),
    entry("c", type="draw", type_version=2, posted_ms=ms("1969-08-01T08:00:00Z")),
    entry("d", posted_ms=ms("1970-01-01")),
    entry("e", reverses="f" * 32, type="fund", type_version=1),
    entry("f", reversed_by="e" * 32, reversed_at_ms=1, type="fund", type_version=1),
]


def listed(read: Read, filter_set: Mapping[str, Any] | None, kind: str = "entries") -> str:
    """Names of the documents that the filter lets through, in one string."""
    found = read(filter_set, LEDGER)
    assert isinstance(found, ListFilter), found
    return "".join(name for name, source in DOCUMENTS[kind] if matches(found.clauses, source))


def refusal(read: Read, filter_set: Mapping[str, Any] | None) -> tuple[str, str]:
    found = read(filter_set, LEDGER)
    assert isinstance(found, Rejection), found
    return found.code, found.message


# --- Entries --------------------------------------------------------------------------------------
ENTRY_FILTERS: list[tuple[Mapping[str, Any] | None, str]] = [
    (None, "abcd"),
    ({}, "abcd"),
    ({"type": None, "tag": None}, "abcd"),
    ({"type": {}}, "abcd"),
    ({"type": {"equalTo": "fund"}}, "ab"),
    ({"type": {"in": ["fund", "draw"]}}, "abc"),
    ({"type": {"in": []}}, ""),
    ({"type": {"notEqualTo": "fund"}}, "cd"),
    ({"type": {"notIn": ["fund", "draw"]}}, "d"),
    ({"type": {"equalTo": "fund", "notEqualTo": "fund"}}, ""),
    ({"type": {"equalTo": "Fund"}}, ""),
    ({"typeVersion": {"equalTo": "12"}}, "b"),
    ({"typeVersion": {"equalTo": "012"}}, "b"),
    ({"typeVersion": {"in": ["1", "2"]}}, "ac"),
    ({"typeVersion": {"notEqualTo": "1"}}, "bcd"),
    ({"typeVersion": {"notIn": ["1", "12"]}}, "cd"),
    ({"posted": {"after": ms("1969-08-01T08:00:00Z")}}, "cd"),
    ({"posted": {"before": ms("1969-08-01T07:59:59.999Z")}}, "ab"),
    ({"posted": {"after": ms("1969-08-01"), "before": ms("1969-08-02")}}, "bc"),
    ({"posted": {"after": ms("1969-08-02"), "before": ms("1969-08-01")}}, ""),
    ({"posted": {}}, "abcd"),
    ({"date": {"equalTo": day("1969-07-21")}}, "a"),
    ({"date": {"equalTo": day("1969-08-01")}}, "bc"),
    ({"date": {"in": [day("1969-07-21"), day("1970-01-01")]}}, "ad"),
    ({"date": {"in": []}}, ""),
    ({"date": {"within": parse_period_filter("1969")}}, "abc"),
    ({"date": {"within": parse_period_filter("1969-08")}}, "bc"),
    ({"date": {"withinBalanceUTCOffset": parse_period_filter("1969-08")}}, "c"),
    ({"date": {"withinBalanceUTCOffset": parse_period_filter("1969-07")}}, "ab"),
    ({"date": {"withinBalanceUTCOffset": parse_period_filter("1969")}}, "abcd"),
    ({"tag": {"equalTo": {"key": "user", "value": "u-1"}}}, "a"),
    ({"tag": {"equalTo": {"key": "user", "value": "u-"}}}, ""),
    (
        {
            "tag": {
                "in": [{"key": "user", "value": "u-22"}, {"key": "city", "value": "Oslo"}],
            }
        },
        "ab",
    ),
    (
        {
            "tag": {
                "all": [{"key": "user", "value": "u-1"}, {"key": "city", "value": "Oslo"}],
            }
        },
        "a",
    ),
    ({"tag": {"all": []}}, "abcd"),
    ({"tag": {"contains": {"key": "user", "value": "-2"}}}, "b"),
    ({"tag": {"contains": {"key": "user", "value": "user"}}}, ""),
    ({"tag": {"contains": {"key": "use", "value": "u"}}}, ""),
    ({"tag": {"keyEqualTo": "city"}}, "a"),
    ({"tag": {"keyIn": ["city", "user"]}}, "ab"),
    ({"tag": {"notEqualTo": {"key": "user", "value": "u-1"}}}, "bcd"),
    ({"tag": {"notIn": [{"key": "user", "value": "u-1"}]}}, "bcd"),
    ({"tag": {"notKeyEqualTo": "city"}}, "bcd"),
    ({"tag": {"notKeyIn": ["city", "user"]}}, "cd"),
    ({"group": {"equalTo": {"key": "order", "value": "7"}}}, "a"),
    ({"group": {"in": [{"key": "order", "value": "7"}, {"key": "batch", "value": "7"}]}}, "ab"),
    ({"group": {"all": [{"key": "order", "value": "8"}, {"key": "batch", "value": "7"}]}}, "b"),
    ({"group": {"keyEqualTo": "batch"}}, "b"),
    ({"group": {"keyIn": ["batch", "order"]}}, "ab"),
    ({"group": {"not": {"keyIn": ["batch"]}}}, "acd"),
    ({"group": {"not": {}}}, "abcd"),
    ({"group": {"notEqualTo": {"key": "order", "value": "7"}}}, "bcd"),
    ({"group": {"notKeyEqualTo": "order"}}, "cd"),
    ({"group": {"notKeyIn": ["batch"]}}, "acd"),
    ({"ledgerEntry": {"equalTo": {"ik": "a"}}}, "a"),
    ({"ledgerEntry": {"equalTo": {"id": ENTRIES[1].id}}}, "b"),
    ({"ledgerEntry": {"equalTo": {"id": ENTRIES[1].id, "ik": "b"}}}, "b"),
    ({"ledgerEntry": {"equalTo": {"id": ENTRIES[1].id, "ik": "a"}}}, ""),
    ({"ledgerEntry": {"equalTo": {"ik": "a", "ledger": {"ik": "ledger-ik"}}}}, "a"),
    ({"ledgerEntry": {"equalTo": {"ik": "a", "ledger": {"id": LEDGER.id, "ik": None}}}}, "a"),
    ({"ledgerEntry": {"in": [{"ik": "a"}, {"id": ENTRIES[2].id}, {"ik": "z"}]}}, "ac"),
    ({"ledgerEntry": {"in": []}}, ""),
    ({"ledgerEntry": {"equalTo": {"ik": "e"}}}, ""),
    ({"ledgerEntry": {"equalTo": {"ik": "e"}}, "showHidden": True}, "e"),
    ({"showHidden": False}, "abcd"),
    ({"showHidden": True}, "abcdef"),
    ({"isReversal": True}, "e"),
    ({"isReversal": False}, "abcd"),
    ({"isReversal": False, "showHidden": True}, "abcdf"),
    ({"isReversed": True}, "f"),
    ({"isReversed": False}, "abcd"),
    ({"isReversed": True, "isReversal": True}, ""),
    ({"type": {"equalTo": "fund"}, "tag": {"keyEqualTo": "city"}}, "a"),
]


@pytest.mark.parametrize(("filter_set", "expected"), ENTRY_FILTERS)
def test_entries_are_filtered(filter_set: Mapping[str, Any] | None, expected: str) -> None:
    assert listed(entries_filter, filter_set) == expected


# --- Lines ----------------------------------------------------------------------------------------
USER_1 = "liabilities/users:1/available"
USER_2 = "liabilities/users:2/available"
LINES = [
    ("a", LedgerLine(0, "liabilities", "liability", 1, "USD", "k1")),
    ("b", LedgerLine(0, USER_1, "liability", 5, "USD", "k1", tags=(("t", "x"),))),
    ("c", LedgerLine(0, USER_2, "liability", -5, "CUSTOM/gems", "k2")),
    ("d", LedgerLine(0, "liabilities/users:1", "liability", 0, "EUR")),
    ("e", LedgerLine(0, "assets/bank", "asset", 5, "USD", tx_id="t", tx_external_id="bank-9")),
]
ANY = {"path": {"contains": ""}}
LINE_FILTERS: list[tuple[Mapping[str, Any], str]] = [
    (ANY, "abcde"),
    ({"path": {"equalTo": USER_1}}, "b"),
    ({"path": {"in": [USER_1, "assets/bank", "nowhere"]}}, "be"),
    ({"path": {"contains": "users"}}, "bcd"),
    ({"path": {"contains": "s:1/a"}}, "b"),
    ({"path": {"contains": "*"}}, ""),
    ({"path": {"matches": "liabilities/users:*/available"}}, "bc"),
    ({"path": {"matches": "liabilities/users:*"}}, "d"),
    ({"path": {"matches": USER_2}}, "c"),
    ({"path": {"matches": "liabilities"}}, "a"),
    ({"path": {"matches": "liabilities/*"}}, "bcd"),
    ({"path": {"matches": "liabilities/users:1/*"}}, "b"),
    ({"path": {"matches": "assets/bank/*"}}, ""),
    ({"path": {"matchesAny": ["liabilities/users:1/*", "assets/*"]}}, "be"),
    ({"path": {"matchesAny": ["liabilities/users:*", "liabilities/users:*/available"]}}, "bcd"),
    ({"path": {"matchesAny": []}}, ""),
    ({"path": {"contains": "users", "in": [USER_1, "assets/bank"]}}, "b"),
    ({"ledgerAccount": {"equalTo": {"path": USER_1}}}, "b"),
    ({"ledgerAccount": {"equalTo": {"id": account_id(LEDGER.id, USER_2)}}}, "c"),
    (
        {
            "ledgerAccount": {
                "in": [{"path": USER_1}, {"id": account_id(LEDGER.id, USER_2)}, {"path": "no"}]
            }
        },
        "bc",
    ),
    ({"ledgerAccount": {"in": [{"path": USER_1, "id": account_id(LEDGER.id, USER_2)}]}}, ""),
    ({"ledgerAccount": {"equalTo": {"path": USER_1, "ledger": {"ik": "ledger-ik"}}}}, "b"),
    ({**ANY, "key": {"equalTo": "k1"}}, "ab"),
    ({**ANY, "key": {"notEqualTo": "k1"}}, "cde"),
    ({**ANY, "type": {"equalTo": "credit"}}, "abd"),
    ({**ANY, "type": {"in": ["debit"]}}, "ce"),
    ({**ANY, "currency": {"equalTo": {"code": "USD"}}}, "abe"),
    ({**ANY, "currency": {"in": [{"code": "EUR", "customCurrencyId": None}]}}, "d"),
    ({**ANY, "currency": {"equalTo": {"code": "CUSTOM", "customCurrencyId": "gems"}}}, "c"),
    ({**ANY, "tag": {"equalTo": {"key": "t", "value": "x"}}}, "b"),
    ({**ANY, "posted": {"after": 1}}, ""),
    ({**ANY, "created": {"before": 0}}, "abcde"),
    ({**ANY, "created": {"after": 1}}, ""),
    ({**ANY, "date": {"equalTo": 0}}, "abcde"),
    ({**ANY, "isReversal": True}, ""),
]


@pytest.mark.parametrize(("filter_set", "expected"), LINE_FILTERS)
def test_lines_are_filtered(filter_set: Mapping[str, Any], expected: str) -> None:
    assert listed(ledger_lines_filter, filter_set, "lines") == expected


def test_the_lines_of_a_linked_account_are_filtered_by_their_external_tx() -> None:
    filter_set = {"externalTxIds": ["bank-9", "bank-1"]}
    assert listed(account_lines_filter, filter_set, "lines") == "e"
    assert listed(account_lines_filter, {"externalTxIds": []}, "lines") == ""
    assert listed(account_lines_filter, None, "lines") == "abcde"


def test_hidden_lines_are_left_out_with_their_entries() -> None:
    hidden = entry("h", reverses="f" * 32, lines=(LINES[0][1],))
    source = entry_documents(hidden)[1].source
    for filter_set, expected in ((None, False), ({"showHidden": True}, True)):
        found = account_lines_filter(filter_set, LEDGER)
        assert isinstance(found, ListFilter)
        assert matches(found.clauses, source) is expected


@pytest.mark.parametrize(
    ("filter_set", "path"),
    [
        ({"ledgerAccount": {"equalTo": {"path": USER_1}}}, USER_1),
        ({"ledgerAccount": {"equalTo": {"id": account_id(LEDGER.id, USER_1)}}}, USER_1),
        ({"path": {"equalTo": USER_1}, "key": {"equalTo": "k1"}}, USER_1),
        ({"path": {"equalTo": USER_1, "contains": None}}, USER_1),
        ({"ledgerAccount": {"in": [{"path": USER_1}]}}, None),
        ({"path": {"equalTo": USER_1, "contains": "x"}}, None),
        ({"path": {"matches": USER_1}}, None),
    ],
)
def test_lines_of_one_account_can_be_read_as_its_own(
    filter_set: Mapping[str, Any], path: str | None
) -> None:
    found = ledger_lines_filter(filter_set, LEDGER)
    assert isinstance(found, ListFilter)
    assert found.account_id == (None if path is None else account_id(LEDGER.id, path))


# --- Accounts -------------------------------------------------------------------------------------
def account(path: str, **changes: object) -> LedgerAccount:
    head, _, _ = path.rpartition("/")
    made = LedgerAccount(
        id=account_id(LEDGER.id, path),
        ledger_id=LEDGER.id,
        workspace_id="w",
        path=path,
        ik=path,
        name=None,
        type="liability",
        currency_mode="multi",
        currency=None,
        parent_id=account_id(LEDGER.id, head) if head else None,
        parent_path=head or None,
        created_ms=0,
        linked=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


LINK = "1" * 32
EXTERNAL = external_account_id(LINK, "ext")
ACCOUNTS = [
    ("a", account("liabilities")),
    ("b", account("liabilities/users:1")),
    ("c", account(USER_1)),
    ("d", account("liabilities/users:2")),
    ("e", account("liabilities/users:2/cards:1/held")),
    ("f", account("assets/bank", type="asset", linked=(LINK, "ext"))),
    ("g", account("liabilities/usersX:1")),
]
CLEARING = [  # earliest and latest posted, and whether a balance is left
    ("p", ClearingState(PostedWindow(10, 20), is_pending=True)),
    ("q", ClearingState(PostedWindow(20, 20), is_pending=True)),
    ("r", ClearingState(PostedWindow(5, 30), is_pending=False)),
    ("s", None),  # never posted to
]
CLEARING_FILTERS: list[tuple[Mapping[str, Any], str]] = [
    ({"clearingStatus": {"equalTo": "pending"}}, "pq"),
    ({"clearingStatus": {"equalTo": "cleared"}}, "rs"),
    ({"clearingStatus": {}}, "pqrs"),
    ({"clearingStatus": {"equalTo": "pending"}, "earliestPosted": {"after": 11}}, "q"),
    ({"clearingStatus": {"equalTo": "pending"}, "earliestPosted": {"before": 10}}, "p"),
    ({"clearingStatus": {"equalTo": "pending"}, "earliestPostedTimestamp": {"before": 9}}, ""),
    ({"clearingStatus": {"equalTo": "pending"}, "latestPosted": {"after": 20, "before": 20}}, "pq"),
    ({"clearingStatus": {"equalTo": "cleared"}, "latestPostedTimestamp": {"after": 21}}, "r"),
    ({"clearingStatus": {"equalTo": "cleared"}, "latestPosted": {"before": 29}}, ""),
    ({"clearingStatus": {"equalTo": "cleared"}, "earliestPosted": {}}, "rs"),
]
ACCOUNT_FILTERS: list[tuple[Mapping[str, Any] | None, str]] = [
    (None, "abcdefg"),
    ({"type": {"equalTo": "asset"}}, "f"),
    ({"type": {"in": ["asset", "liability"]}}, "abcdefg"),
    ({"hasParentLedgerAccount": False}, "a"),
    ({"hasParentLedgerAccount": True}, "bcdefg"),
    ({"isLinkedAccount": True}, "f"),
    ({"isLinkedAccount": False}, "abcdeg"),
    ({"path": {"equalTo": USER_1}}, "c"),
    ({"path": {"in": ["assets/bank", "liabilities"]}}, "af"),
    ({"path": {"contains": "users:"}}, "bcde"),
    ({"path": {"matches": "liabilities/users:*"}}, "bcde"),
    ({"path": {"matches": "liabilities/users:2"}}, "de"),
    ({"path": {"matches": "liabilities/users:*/available"}}, "c"),
    ({"path": {"matches": "liabilities/users:*/cards:1"}}, "e"),
    ({"path": {"matches": "liabilities/users:2/cards:*"}}, "e"),
    ({"path": {"matches": "liabilities/users:1/cards:*"}}, ""),
    ({"path": {"matches": "liabilities/users:*/cards:*/held"}}, "e"),
    ({"path": {"matches": "liabilities"}}, "abcdeg"),
    ({"path": {"matchesAny": ["assets/bank", "liabilities/users:1"]}}, "bcf"),
    ({"ledgerAccount": {"equalTo": {"path": USER_1}}}, "c"),
    ({"ledgerAccount": {"in": [{"path": USER_1}, {"id": ACCOUNTS[5][1].id}]}}, "cf"),
    ({"parentLedgerAccount": {"equalTo": {"path": "liabilities"}}}, "bdg"),
    ({"parentLedgerAccount": {"in": [{"path": "liabilities/users:1"}]}}, "c"),
    ({"linkedAccount": {"equalTo": {"id": EXTERNAL}}}, "f"),
    ({"linkedAccount": {"equalTo": {"externalId": "ext", "linkId": LINK}}}, "f"),
    ({"linkedAccount": {"equalTo": {"externalId": "ext", "linkId": LINK, "id": EXTERNAL}}}, "f"),
    ({"linkedAccount": {"equalTo": {"linkId": LINK, "id": EXTERNAL}}}, "f"),
    ({"linkedAccount": {"equalTo": {"externalId": "ext", "id": EXTERNAL}}}, "f"),
    ({"linkedAccount": {"equalTo": {"externalId": "other", "id": EXTERNAL}}}, ""),
    ({"linkedAccount": {"equalTo": {"linkId": "other", "id": EXTERNAL}}}, ""),
    ({"linkedAccount": {"equalTo": {"externalId": "ext", "linkId": "x", "id": EXTERNAL}}}, ""),
    ({"linkedAccount": {"equalTo": {"id": "ext"}}}, ""),
    ({"linkedAccount": {"in": [{"externalId": "ext", "linkId": "other"}]}}, ""),
    ({"linkedAccount": {"in": [{"id": "none"}, {"externalId": "ext", "linkId": LINK}]}}, "f"),
    ({"linkedAccount": {"in": []}}, ""),
    ({"type": {"equalTo": "liability"}, "hasParentLedgerAccount": False}, "a"),
]


@pytest.mark.parametrize(("filter_set", "expected"), ACCOUNT_FILTERS)
def test_accounts_are_filtered(filter_set: Mapping[str, Any] | None, expected: str) -> None:
    assert listed(accounts_filter, filter_set, "accounts") == expected


@pytest.mark.parametrize(("filter_set", "expected"), CLEARING_FILTERS)
def test_clearing_accounts_are_filtered(filter_set: Mapping[str, Any], expected: str) -> None:
    assert listed(accounts_filter, filter_set, "clearing") == expected


def test_a_list_by_status_holds_instances_of_clearing_accounts_alone() -> None:
    clause = clearing_only(["liabilities/users:*", "assets/bank"])
    chosen = [name for name, source in DOCUMENTS["accounts"] if matches([clause], source)]
    assert chosen == ["b", "d", "f"]
    assert not any(matches([clearing_only([])], source) for _, source in DOCUMENTS["accounts"])


@pytest.mark.parametrize(
    ("filter_set", "expected"),
    [
        (None, "abc"),
        ({"key": {"equalTo": "order"}}, "ab"),
        ({"value": {"in": ["7"]}}, "ac"),
        ({"created": {"after": 1}}, ""),
    ],
)
def test_groups_are_filtered(filter_set: Mapping[str, Any] | None, expected: str) -> None:
    assert listed(groups_filter, filter_set, "groups") == expected


DOCUMENTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "entries": [(each.ik, entry_documents(each)[0].source) for each in ENTRIES],
    "lines": [
        (name, entry_documents(entry(name, lines=(line,)))[1].source) for name, line in LINES
    ],
    "accounts": [(name, account_documents(each)[0].source) for name, each in ACCOUNTS],
    "clearing": [
        (name, account_documents(account(f"transit/leg:{name}"), state)[0].source)
        for name, state in CLEARING
    ],
    "groups": [
        (name, group_documents(entry(name, groups=(group,)))[0].source)
        for name, group in (("a", ("order", "7")), ("b", ("order", "8")), ("c", ("batch", "7")))
    ],
}


def test_owners_of_lists_have_clauses_of_their_own() -> None:
    entries = DOCUMENTS["entries"]
    assert [name for name, s in entries if matches([in_group("order", "7")], s)] == ["a"]
    cash = account_id(LEDGER.id, "cash")
    assert len([name for name, s in entries if matches([touching_account(cash)], s)]) == 6
    below = children_of(account_id(LEDGER.id, "liabilities"))
    assert [name for name, s in DOCUMENTS["accounts"] if matches([below], s)] == ["b", "d", "g"]


# --- Refusals -------------------------------------------------------------------------------------
TOO_MANY = [str(number) for number in range(101)]
PAIRS = [{"key": "k", "value": text} for text in TOO_MANY]
ELSEWHERE = {"id": "2" * 32}
REFUSED: list[tuple[Read, Mapping[str, Any] | None, str, str]] = [
    (entries_filter, {"type": {"in": TOO_MANY}}, "too_many_items", "filter.type.in holds 101"),
    (entries_filter, {"type": {"notIn": TOO_MANY}}, "too_many_items", "filter.type.notIn"),
    (entries_filter, {"typeVersion": {"in": TOO_MANY}}, "too_many_items", "filter.typeVersion.in"),
    (entries_filter, {"tag": {"in": PAIRS}}, "too_many_items", "filter.tag.in"),
    (entries_filter, {"tag": {"all": PAIRS[:11]}}, "too_many_items", "at most 10"),
    (entries_filter, {"tag": {"keyIn": TOO_MANY}}, "too_many_items", "filter.tag.keyIn"),
    (entries_filter, {"group": {"all": PAIRS[:11]}}, "too_many_items", "filter.group.all"),
    (entries_filter, {"group": {"not": {"keyIn": TOO_MANY}}}, "too_many_items", "not.keyIn"),
    (entries_filter, {"date": {"in": list(range(101))}}, "too_many_items", "filter.date.in"),
    (
        entries_filter,
        {"ledgerEntry": {"in": [{"ik": text} for text in TOO_MANY]}},
        "too_many_items",
        "filter.ledgerEntry.in",
    ),
    (
        account_lines_filter,
        {"externalTxIds": TOO_MANY},
        "too_many_items",
        "filter.externalTxIds holds 101",
    ),
    (entries_filter, {"typeVersion": {"equalTo": "one"}}, "invalid_filter", "'one'"),
    (entries_filter, {"typeVersion": {"equalTo": "-1"}}, "invalid_filter", "'-1'"),
    (entries_filter, {"typeVersion": {"equalTo": "²"}}, "invalid_filter", "not a version"),
    (entries_filter, {"typeVersion": {"equalTo": "9" * 11}}, "invalid_filter", "10 digits"),
    (
        entries_filter,
        {
            "date": {
                "within": parse_period_filter("1969"),
                "withinBalanceUTCOffset": parse_period_filter("1969"),
            }
        },
        "invalid_filter",
        "within or withinBalanceUTCOffset",
    ),
    (entries_filter, {"ledgerEntry": {"equalTo": {}}}, "invalid_filter", "by its id or its ik"),
    (
        entries_filter,
        {"ledgerEntry": {"equalTo": {"ik": "a", "ledger": ELSEWHERE}}},
        "invalid_filter",
        "another Ledger",
    ),
    (entries_filter, {"type": {"equalTo": "a\x00b"}}, "invalid_filter", "filter.type"),
    (entries_filter, {"type": {"equalTo": "\ud800"}}, "invalid_filter", "filter.type"),
    (
        accounts_filter,
        {"ledgerAccount": {"equalTo": {"path": "a/\udfff"}}},
        "invalid_filter",
        "filter.ledgerAccount",
    ),
    (
        accounts_filter,
        {"parentLedgerAccount": {"in": [{"id": "\ud800"}]}},
        "invalid_filter",
        "filter.parentLedgerAccount",
    ),
    (
        entries_filter,
        {"tag": {"equalTo": {"key": "a\x00b", "value": "c"}}},
        "invalid_filter",
        "filter.tag",
    ),
    (ledger_lines_filter, None, "invalid_filter", "ledgerAccount or path"),
    (ledger_lines_filter, {"key": {"equalTo": "k"}}, "invalid_filter", "ledgerAccount or path"),
    (ledger_lines_filter, {"path": {}}, "invalid_filter", "ledgerAccount or path"),
    (ledger_lines_filter, {"ledgerAccount": {"in": None}}, "invalid_filter", "or path"),
    (
        ledger_lines_filter,
        {"path": {"equalTo": "a"}, "ledgerAccount": {"equalTo": {"path": "a"}}},
        "invalid_filter",
        "not both",
    ),
    (
        ledger_lines_filter,
        {**ANY, "externalTxIds": ["x"]},
        "invalid_filter",
        "LedgerAccount.lines only",
    ),
    (account_lines_filter, ANY, "invalid_filter", "filter.path"),
    (
        account_lines_filter,
        {"ledgerAccount": {"equalTo": {"path": "a"}}},
        "invalid_filter",
        "filter.ledgerAccount",
    ),
    (account_lines_filter, {"externalTxIds": TOO_MANY}, "too_many_items", "filter.externalTxIds"),
    (
        ledger_lines_filter,
        {"path": {"matches": "a/b:*", "matchesAny": ["a"]}},
        "invalid_filter",
        "matches or matchesAny",
    ),
    (ledger_lines_filter, {"path": {"matches": "a/*/c"}}, "invalid_filter", "filter.path"),
    (ledger_lines_filter, {"path": {"matches": "a/b*"}}, "invalid_filter", "filter.path"),
    (ledger_lines_filter, {"path": {"matches": "a/b:*/*"}}, "invalid_filter", "filter.path"),
    (ledger_lines_filter, {"path": {"matches": ""}}, "invalid_filter", "filter.path"),
    (
        ledger_lines_filter,
        {"path": {"matchesAny": ["a/*", "a/b:*"]}},
        "invalid_filter",
        "not both",
    ),
    (ledger_lines_filter, {"path": {"matchesAny": TOO_MANY}}, "too_many_items", "matchesAny"),
    (
        ledger_lines_filter,
        {"ledgerAccount": {"equalTo": {"path": "a", "ledger": {"ik": "other"}}}},
        "invalid_filter",
        "another Ledger",
    ),
    (
        ledger_lines_filter,
        {"ledgerAccount": {"equalTo": {"ledger": {"ik": "ledger-ik"}}}},
        "invalid_filter",
        "by its id or its path",
    ),
    (
        account_lines_filter,
        {"currency": {"equalTo": {"code": "CUSTOM"}}},
        "invalid_filter",
        "customCurrencyId",
    ),
    (
        account_lines_filter,
        {"currency": {"equalTo": {"code": "USD", "customCurrencyId": "x"}}},
        "invalid_filter",
        "filter.currency",
    ),
    (accounts_filter, {"path": {"matches": "assets-root/*"}}, "invalid_filter", "filter.path"),
    *[
        (accounts_filter, {"linkedAccount": {"equalTo": given}}, "invalid_filter", "External Acc")
        for given in ({}, {"externalId": "ext"}, {"linkId": LINK})
    ],
    (accounts_filter, {"earliestPosted": {"after": 1}}, "invalid_filter", "earliestPosted"),
    (accounts_filter, {"latestPosted": {}}, "invalid_filter", "clearingStatus"),
    (accounts_filter, {"earliestPostedTimestamp": {}}, "invalid_filter", "clearingStatus"),
    (
        accounts_filter,
        {"latestPostedTimestamp": {"before": 1}, "clearingStatus": {}},
        "invalid_filter",
        "filter.latestPostedTimestamp",
    ),
]


@pytest.mark.parametrize(("read", "filter_set", "code", "part"), REFUSED)
def test_a_filter_that_cannot_be_used_is_refused(
    read: Read, filter_set: Mapping[str, Any] | None, code: str, part: str
) -> None:
    found, message = refusal(read, filter_set)
    assert found == code
    assert part in message


def test_a_list_of_as_many_as_allowed_is_read() -> None:
    assert listed(entries_filter, {"type": {"in": TOO_MANY[:100]}}) == ""
    assert listed(entries_filter, {"tag": {"all": PAIRS[:10]}}) == ""


def test_a_day_has_all_of_its_milliseconds() -> None:
    found = entries_filter({"date": {"equalTo": 3}}, LEDGER)
    assert isinstance(found, ListFilter)
    for posted_ms, expected in (
        (3 * DAY_MS - 1, False),
        (3 * DAY_MS, True),
        (4 * DAY_MS - 1, True),
        (4 * DAY_MS, False),
    ):
        assert matches(found.clauses, {"posted": posted_ms}) is expected
