"""Ledger Entry Groups through the API: found, listed, their entries and balances, and the cost."""

import json
from typing import Any

import pytest

from shared.ledger.identifiers import account_id, group_id
from shared.ledger.ledgers import Ledger
from shared.limits import GROUP_PATH_BYTES_MAX
from shared.store import keys
from tests.builders_schema import edited, multi_currency, quickstart
from tests.read_rig import NOW_MS, OTHER_WORKSPACE, ReadRig

GROUP = """
query group($key: SafeString!, $value: SafeString!, $filter: LedgerEntryGroupBalanceFilterSet,
            $first: Int, $last: Int, $after: String, $before: String,
            $mode: ReadBalanceConsistencyMode) {
  ledger(ledger: {ik: "main"}) {
    ledgerEntryGroup(ledgerEntryGroup: {key: $key, value: $value}) {
      key value
      balances(filter: $filter, first: $first, last: $last, after: $after, before: $before) {
        nodes { account { path } currency { code } ownBalance(consistencyMode: $mode) }
        pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      }
    }
  }
}
"""
GROUPS = """
query groups($filter: LedgerEntryGroupsFilterSet, $first: Int, $last: Int, $after: String,
             $before: String) {
  ledger(ledger: {ik: "main"}) {
    ledgerEntryGroups(filter: $filter, first: $first, last: $last, after: $after, before: $before) {
      nodes { key value created }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}
"""
CASH = "assets/banks/user-cash"
STRONG_ORDERS = [{"key": "order", "ownBalanceUpdates": "strong"}]
STRONG_USERS = "chartOfAccounts.accounts[1].children[0].consistencyConfig.groups"


def user(name: str, leaf: str = "available") -> str:
    return f"liabilities/users:{name}/{leaf}"


def strong_schema() -> dict[str, Any]:
    """The quickstart Schema whose users' accounts are strong within the groups of `order`."""
    return edited(quickstart(), {STRONG_USERS: STRONG_ORDERS})


def balances(answer: Any) -> list[tuple[str, str]]:
    """Path and balance of each node."""
    nodes = answer.data["ledger"]["ledgerEntryGroup"]["balances"]["nodes"]
    return [(node["account"]["path"], node["ownBalance"]) for node in nodes]


def named(answer: Any) -> list[str]:
    nodes = answer.data["ledger"]["ledgerEntryGroups"]["nodes"]
    return [f"{node['key']}={node['value']}" for node in nodes]


async def warm(reader: ReadRig) -> None:
    """The process knows the ledger and its Schema."""
    query = """{ ledgerAccount(ledgerAccount: {path: "assets", ledger: {ik: "main"}}) {
      consistencyConfig { lines } } }"""
    assert (await reader.ask(query)).data["ledgerAccount"] is not None


async def order(reader: ReadRig, number: str, schema: dict[str, Any] | None = None) -> Ledger:
    """A ledger with three entries of one order: ann pays bob by way of `pending`."""
    ledger = await reader.ledger("main", schema or quickstart())
    groups = (("order", number),)
    await reader.post(ledger, "in", 1, (CASH, 500), (user("ann"), 500), groups=groups)
    await reader.post(
        ledger, "hold", 2, (user("ann"), -500), (user("ann", "pending"), 500), groups=groups
    )
    await reader.post(
        ledger, "pay", 3, (user("ann", "pending"), -480), (user("bob"), 480), groups=groups
    )
    await reader.post(ledger, "other", 4, (CASH, 9), (user("ann"), 9))
    await warm(reader)
    return ledger


async def test_a_groups_balances_are_what_its_entries_bring_zeros_too(reader: ReadRig) -> None:
    await order(reader, "1")
    answer = await reader.ask(GROUP, key="order", value="1")
    assert balances(answer) == [
        (CASH, "500"),
        (user("ann"), "0"),
        (user("ann", "pending"), "20"),
        (user("bob"), "480"),
    ]
    pages = answer.data["ledger"]["ledgerEntryGroup"]["balances"]["pageInfo"]
    assert pages == {
        "hasNextPage": False,
        "endCursor": None,
        "hasPreviousPage": False,
        "startCursor": None,
    }
    assert reader.calls == {"Query": 1}
    assert reader.searches == []


EVERYTHING = """
  clearingStatus consistencyConfig { lines ownBalanceUpdates totalBalanceUpdates } created
  currency { code } currencyMode dashboardUrl id ik ledger { ik } ledgerId linkedAccount { id }
  link { id } name parentLedgerAccount { path type } parentLedgerAccountId path
  postedWindow { earliest } type workspaceId balance ownBalance childBalances { nodes { amount } }
  lines { nodes { id } }
"""
ACCOUNTS = """query accounts {
  ledger(ledger: {ik: "main"}) {
    ledgerEntryGroup(ledgerEntryGroup: {key: "order", value: "1"}) {
      balances { nodes { account { %s } } } } } }"""


async def test_a_balances_account_tells_all_that_the_account_itself_tells(
    reader: ReadRig,
) -> None:
    await order(reader, "1")
    query = """query account($path: String!) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) { %s } }"""
    expected = []
    for path in (CASH, user("ann"), user("ann", "pending"), user("bob")):
        answer = await reader.ask(query.replace("%s", EVERYTHING), path=path)
        expected.append({"account": answer.data["ledgerAccount"]})
    reader.restart()
    for _ in ("a process that has seen nothing", "one that has seen it all"):
        answer = await reader.ask(ACCOUNTS.replace("%s", EVERYTHING))
        group = answer.data["ledger"]["ledgerEntryGroup"]
        assert group["balances"]["nodes"] == expected


async def test_types_of_a_page_of_balances_are_one_read_and_none_once_they_were_seen(
    reader: ReadRig,
) -> None:
    await order(reader, "1")
    reader.restart()
    await warm(reader)
    types = []
    for calls in ({"Query": 1, "BatchGetItem": 1}, {"Query": 1}):
        answer = await reader.ask(ACCOUNTS.replace("%s", "type"))
        nodes = answer.data["ledger"]["ledgerEntryGroup"]["balances"]["nodes"]
        types.append([node["account"]["type"] for node in nodes])
        assert reader.calls == calls
    assert types == [["asset", "liability", "liability", "liability"]] * 2


async def test_an_unknown_group_is_empty_and_was_never_created(reader: ReadRig) -> None:
    await order(reader, "1")
    query = """{ ledger(ledger: {ik: "main"}) {
      ledgerEntryGroup(ledgerEntryGroup: {key: "order", value: "2"}) {
        key value created ledgerId ledger { ik } dashboardUrl
        balances { nodes { ownBalance } } ledgerEntries { nodes { ik } } } } }"""
    found = (await reader.ask(query)).data["ledger"]["ledgerEntryGroup"]
    assert found["created"] is None
    assert (found["key"], found["value"]) == ("order", "2")
    assert found["balances"] == {"nodes": []}
    assert found["ledgerEntries"] == {"nodes": []}
    assert found["ledger"] == {"ik": "main"}
    assert found["dashboardUrl"].endswith(f"/ledgers/{found['ledgerId']}/groups/order/2")


async def test_a_group_was_created_with_its_first_entry(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    groups = (("order", "1"),)
    await reader.post(ledger, "first", 2, (CASH, 1), (user("ann"), 1), groups=groups)
    reader.clock.advance(5_000)
    await reader.post(ledger, "second", 1, (CASH, 1), (user("ann"), 1), groups=groups)
    query = """{ ledgerEntryGroup(ledgerEntryGroup: {
        key: "order", value: "1", ledger: {ik: "main"}}) { created }
      ledgerEntry(ledgerEntry: {ik: "second", ledger: {ik: "main"}}) {
        groups { key value created } } }"""
    answer = await reader.ask(query)
    created = "2023-11-14T22:13:20.000Z"
    assert answer.data == {
        "ledgerEntryGroup": {"created": created},
        "ledgerEntry": {"groups": [{"key": "order", "value": "1", "created": created}]},
    }
    assert reader.searches == [2] or reader.searches == [1, 1]


async def test_another_workspace_and_another_ledger_see_nothing_of_a_group(reader: ReadRig) -> None:
    await order(reader, "1")
    await reader.ledger("main", quickstart(), workspace_id=OTHER_WORKSPACE)
    await reader.ledger("second", quickstart())
    answer = await reader.ask(GROUP, as_workspace=OTHER_WORKSPACE, key="order", value="1")
    assert balances(answer) == []
    query = """{ ledgerEntryGroup(ledgerEntryGroup: {
      key: "order", value: "1", ledger: {ik: "second"}}) {
        created balances { nodes { ownBalance } } ledgerEntries { nodes { ik } } } }"""
    empty = {"created": None, "balances": {"nodes": []}, "ledgerEntries": {"nodes": []}}
    assert (await reader.ask(query)).data == {"ledgerEntryGroup": empty}


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "cash ann pending bob"),
    ({"account": None, "currency": None, "ownBalance": None}, "cash ann pending bob"),
    ({"account": {"path": {"equalTo": CASH}}}, "cash"),
    ({"account": {"path": {"in": [CASH, user("bob"), "income"]}}}, "cash bob"),
    ({"account": {"path": {"contains": "/users:ann/"}}}, "ann pending"),
    ({"account": {"path": {"matches": user("*")}}}, "ann bob"),
    ({"account": {"path": {"matches": user("ann")}}}, "ann"),
    ({"account": {"path": {"matches": "liabilities/users:*"}}}, ""),
    ({"account": {"path": {"matchesAny": [user("*", "pending"), CASH]}}}, "cash pending"),
    ({"account": {"id": {"equalTo": "cash-id"}}}, "cash"),
    ({"account": {"id": {"in": ["cash-id", "x"]}}}, "cash"),
    ({"account": {"id": {"notEqualTo": "cash-id"}}}, "ann pending bob"),
    ({"account": {"id": {"notIn": ["cash-id"]}}}, "ann pending bob"),
    ({"currency": {"equalTo": {"code": "USD"}}}, "cash ann pending bob"),
    ({"currency": {"in": [{"code": "EUR"}]}}, ""),
    ({"ownBalance": {"eq": "0"}}, "ann"),
    ({"ownBalance": {"ne": "0"}}, "cash pending bob"),
    ({"ownBalance": {"gte": "20"}}, "cash pending bob"),
    ({"ownBalance": {"gte": "20", "lte": "480"}}, "pending bob"),
    ({"ownBalance": {"lte": "0"}}, "ann"),
    ({"ownBalance": {"gte": "-1", "lte": "1"}, "account": {"path": {"matches": user("*")}}}, "ann"),
]


@pytest.mark.parametrize("schema", [quickstart(), strong_schema()], ids=["eventual", "strong"])
async def test_a_groups_balances_are_filtered(reader: ReadRig, schema: dict[str, Any]) -> None:
    ledger = await order(reader, "1", schema)
    cash_id = account_id(ledger.id, CASH)
    names = {
        CASH: "cash",
        user("ann"): "ann",
        user("ann", "pending"): "pending",
        user("bob"): "bob",
    }
    for filter_set, expected in FILTERS:
        given = json.loads(json.dumps(filter_set).replace("cash-id", cash_id))
        answer = await reader.ask(GROUP, key="order", value="1", filter=given)
        assert " ".join(names[path] for path, _ in balances(answer)) == expected, filter_set
        assert reader.calls == {"Query": 1}


REFUSED_FILTERS = [
    {"account": {"path": {"matches": "liabilities/*"}}},
    {"account": {"path": {"matches": "liabilities/users:a*/available"}}},
    {"account": {"path": {"matches": CASH, "matchesAny": [CASH]}}},
    {"currency": {"equalTo": {"code": "CUSTOM"}}},
]


@pytest.mark.parametrize("filter_set", REFUSED_FILTERS, ids=str)
async def test_a_filter_that_means_nothing_is_a_graphql_error(
    reader: ReadRig, filter_set: dict[str, Any]
) -> None:
    await order(reader, "1")
    answer = await reader.ask(GROUP, key="order", value="1", filter=filter_set)
    assert [code for code, _ in answer.refusals] == ["invalid_filter"]
    answer = await reader.ask(GROUPS, filter={"balance": {"account": {}, **filter_set}})
    assert [code for code, _ in answer.refusals] == ["invalid_filter"]


async def test_each_currency_of_an_account_is_a_balance_of_its_own(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", multi_currency())
    paths = [
        path
        for path, node in reader.schemas[("workspace", ledger.schema_key or "")].chart.nodes.items()
        if node.currency_mode == "multi" and not node.is_under_template
    ]
    path = paths[0]
    lines = [(path, 3, "USD"), (path, 5, "EUR"), (path, -5, "EUR"), (path, 8, "CUSTOM/gems")]
    await reader.post(ledger, "one", 1, *lines, groups=(("g", "1"),))
    query = GROUP.replace("currency { code }", "currency { code customCurrencyId }")
    answer = await reader.ask(query, key="g", value="1")
    nodes = answer.data["ledger"]["ledgerEntryGroup"]["balances"]["nodes"]
    found = [(each["currency"]["code"], each["ownBalance"]) for each in nodes]
    assert found == [("CUSTOM", "8"), ("EUR", "0"), ("USD", "3")]
    # The test of the value is on the filter's currency alone.
    only = {"currency": {"equalTo": {"code": "EUR"}}, "ownBalance": {"eq": "3"}}
    assert balances(await reader.ask(GROUP, key="g", value="1", filter=only)) == []


@pytest.mark.parametrize("schema", [quickstart(), strong_schema()], ids=["eventual", "strong"])
async def test_a_walk_through_balances_shows_each_once_both_ways(
    reader: ReadRig, schema: dict[str, Any]
) -> None:
    ledger = await reader.ledger("main", schema)
    paths = sorted([CASH, *[user(f"u{at:02d}") for at in range(11)]])
    lines = [(CASH, 11), *[(path, 1) for path in paths[1:]]]
    await reader.post(ledger, "one", 1, *lines, groups=(("order", "1"),))
    await warm(reader)
    group = {"key": "order", "value": "1"}
    forward: list[list[str]] = []
    after = None
    starts = []
    while True:
        page = (await reader.ask(GROUP, **group, first=5, after=after)).data
        assert reader.calls == {"Query": 1}
        found = page["ledger"]["ledgerEntryGroup"]["balances"]
        forward.append([node["account"]["path"] for node in found["nodes"]])
        info = found["pageInfo"]
        starts.append(info["startCursor"])
        assert info["hasPreviousPage"] is (info["startCursor"] is not None)
        after = info["endCursor"]
        if after is None:
            break
    assert [len(page) for page in forward] == [5, 5, 2]
    assert [path for page in forward for path in page] == paths
    before = (await reader.ask(GROUP, **group, before=starts[-1])).data
    found = before["ledger"]["ledgerEntryGroup"]["balances"]
    assert [node["account"]["path"] for node in found["nodes"]] == forward[1]
    last = (await reader.ask(GROUP, **group, last=5)).data
    found = last["ledger"]["ledgerEntryGroup"]["balances"]
    assert [node["account"]["path"] for node in found["nodes"]] == paths[-5:]
    assert found["pageInfo"]["endCursor"] is None
    other = await reader.ask(GROUP, key="order", value="2", after=starts[-1])
    assert [code for code, _ in other.refusals] == ["invalid_cursor"]


# --- Strong ---------------------------------------------------------------------------------------
async def test_a_strong_balance_is_read_before_the_indexer_knows_of_it(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", strong_schema())
    groups = (("order", "1"), ("batch", "1"))
    await reader.post(ledger, "a", 1, (CASH, 5), (user("ann"), 5), groups=groups)
    await reader.post(ledger, "b", 2, (CASH, 7), (user("ann"), 7), groups=groups, indexed=False)
    group = group_id(ledger.id, "order", "1")
    ann = account_id(ledger.id, user("ann"))
    await warm(reader)
    reader.stale.add(keys.group_strong(group, user("ann"), ann, "USD"))
    for mode in ("use_account", "eventual", None):
        answer = await reader.ask(GROUP, key="order", value="1", mode=mode)
        assert balances(answer) == [(CASH, "5"), (user("ann"), "12")]
        assert reader.calls == {"Query": 1}
    only = {"account": {"path": {"equalTo": user("ann")}}}
    answer = await reader.ask(GROUP, key="order", value="1", mode="strong", filter=only)
    assert balances(answer) == [(user("ann"), "12")]
    # The key `batch` is not configured: its balance follows the entries.
    answer = await reader.ask(GROUP, key="batch", value="1", mode="use_account")
    assert balances(answer) == [(CASH, "5"), (user("ann"), "5")]


async def test_a_strong_read_of_an_eventual_balance_is_a_graphql_error(reader: ReadRig) -> None:
    await order(reader, "1", strong_schema())
    answer = await reader.ask(GROUP, key="order", value="1", mode="strong")
    message = (
        f"The Ledger Account {CASH} has no strong balance in this group: its "
        "consistencyConfig.groups doesn't make the group's key strong."
    )
    (refusal,) = answer.refusals
    assert refusal[0] == "invalid_consistency_mode"
    assert message in refusal[1]


# --- Paths that are too long for a sort key -------------------------------------------------------
async def test_accounts_with_paths_of_any_length_stay_apart(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    long = "ü" * 128
    chart = quickstart()["chartOfAccounts"]["accounts"]
    deep: dict[str, Any] = {"key": "z", "template": True}
    for at in range(5):
        deep = {"key": f"d{at}", "template": True, "children": [deep]}
    ledger = await reader.ledger(
        "main", edited(quickstart(), {"key": "deep", "chartOfAccounts.accounts": [
            *chart, {"key": "deep", "type": "asset", "children": [deep]}
        ]})
    )  # fmt: skip
    parent = "deep/" + "/".join(f"d{at}:{long}" for at in reversed(range(5)))
    paths = [f"{parent}/z:{name}" for name in ("a", "b")]
    assert len(parent.encode()) > GROUP_PATH_BYTES_MAX
    lines = [(paths[0], 3), (paths[1], 4)]
    await reader.post(ledger, "one", 1, *lines, groups=(("g", "1"),))
    answer = await reader.ask(GROUP, key="g", value="1")
    assert sorted(balances(answer)) == [(paths[0], "3"), (paths[1], "4")]
    only = {"account": {"path": {"equalTo": paths[1]}}}
    assert balances(await reader.ask(GROUP, key="g", value="1", filter=only)) == [(paths[1], "4")]
    page = await reader.ask(GROUP, key="g", value="1", first=1)
    after = page.data["ledger"]["ledgerEntryGroup"]["balances"]["pageInfo"]["endCursor"]
    rest = await reader.ask(GROUP, key="g", value="1", first=1, after=after)
    assert sorted([*balances(page), *balances(rest)]) == [(paths[0], "3"), (paths[1], "4")]


# --- The list of groups ---------------------------------------------------------------------------
async def some_groups(reader: ReadRig, schema: dict[str, Any] | None = None) -> Ledger:
    """Groups a=1, a=2, b=1, ab=1, created a second apart, in this order."""
    ledger = await reader.ledger("main", schema or quickstart())
    for at, group in enumerate([("a", "1"), ("a", "2"), ("b", "1"), ("ab", "1")]):
        await reader.post(ledger, f"e{at}", at, (CASH, at), (user(f"u{at}"), at), groups=(group,))
        reader.clock.advance(1_000)
    await warm(reader)
    return ledger


async def test_groups_are_listed_by_key_then_newest_first_for_one_search(reader: ReadRig) -> None:
    await some_groups(reader)
    answer = await reader.ask(GROUPS)
    assert named(answer) == ["a=2", "a=1", "ab=1", "b=1"]
    first = answer.data["ledger"]["ledgerEntryGroups"]["nodes"][0]
    assert first["created"] == "2023-11-14T22:13:21.000Z"
    assert reader.searches == [1]
    assert reader.calls == {}


async def test_a_walk_through_groups_shows_each_once_both_ways(reader: ReadRig) -> None:
    await some_groups(reader)
    one = (await reader.ask(GROUPS, first=3)).data["ledger"]["ledgerEntryGroups"]
    assert one["pageInfo"]["startCursor"] is None
    rest = await reader.ask(GROUPS, after=one["pageInfo"]["endCursor"])
    assert named(rest) == ["b=1"]
    info = rest.data["ledger"]["ledgerEntryGroups"]["pageInfo"]
    assert info["endCursor"] is None
    assert named(await reader.ask(GROUPS, before=info["startCursor"])) == ["a=2", "a=1", "ab=1"]
    assert named(await reader.ask(GROUPS, last=2)) == ["ab=1", "b=1"]


GROUP_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"key": {"equalTo": "a"}}, "a=2 a=1"),
    ({"key": {"in": ["b", "ab"]}}, "ab=1 b=1"),
    ({"key": {"notEqualTo": "a"}}, "ab=1 b=1"),
    ({"key": {"notIn": ["a", "b"]}}, "ab=1"),
    ({"value": {"equalTo": "1"}}, "a=1 ab=1 b=1"),
    ({"value": {"notIn": ["1"]}}, "a=2"),
    ({"key": {"equalTo": "a"}, "value": {"equalTo": "1"}}, "a=1"),
    ({"created": {"after": "2023-11-14T22:13:22Z"}}, "ab=1 b=1"),
    ({"created": {"before": "2023-11-14T22:13:21Z"}}, "a=2 a=1"),
    (
        {"created": {"after": "2023-11-14T22:13:21Z", "before": "2023-11-14T22:13:21Z"}},
        "a=2",
    ),
    ({"balance": {"account": {}}}, "a=2 a=1 ab=1 b=1"),
    ({"balance": {"account": {"path": {"equalTo": user("u2")}}}}, "b=1"),
    ({"balance": {"account": {"path": {"matches": user("*")}}, "ownBalance": {"gte": "2"}}},
     "ab=1 b=1"),
    ({"balance": {"account": {"path": {"equalTo": CASH}}, "ownBalance": {"eq": "0"}}}, "a=1"),
    ({"balance": {"account": {}, "currency": {"equalTo": {"code": "EUR"}}}}, ""),
    ({"key": {"equalTo": "a"}, "balance": {"account": {}, "ownBalance": {"ne": "0"}}}, "a=2"),
]  # fmt: skip


async def test_groups_are_filtered(reader: ReadRig) -> None:
    await some_groups(reader)
    for filter_set, expected in GROUP_FILTERS:
        answer = await reader.ask(GROUPS, filter=filter_set)
        assert " ".join(named(answer)) == expected, filter_set


async def test_groups_filtered_by_balance_are_paged_both_ways(reader: ReadRig) -> None:
    await some_groups(reader)
    filter_set = {"balance": {"account": {}, "ownBalance": {"gte": "1"}}}
    one = await reader.ask(GROUPS, filter=filter_set, first=2)
    assert named(one) == ["a=2", "ab=1"]
    info = one.data["ledger"]["ledgerEntryGroups"]["pageInfo"]
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (False, True)
    rest = await reader.ask(GROUPS, filter=filter_set, after=info["endCursor"])
    assert named(rest) == ["b=1"]
    info = rest.data["ledger"]["ledgerEntryGroups"]["pageInfo"]
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (True, False)
    back = await reader.ask(GROUPS, filter=filter_set, before=info["startCursor"])
    assert named(back) == ["a=2", "ab=1"]
    assert named(await reader.ask(GROUPS, filter=filter_set, last=2)) == ["ab=1", "b=1"]


async def test_a_groups_entries_are_listed_with_filters(reader: ReadRig) -> None:
    await order(reader, "1")
    query = """query of($filter: LedgerEntriesFilterSet) { ledger(ledger: {ik: "main"}) {
      ledgerEntryGroup(ledgerEntryGroup: {key: "order", value: "1"}) {
        ledgerEntries(filter: $filter) { nodes { ik } pageInfo { endCursor } } } } }"""
    for filter_set, expected in (
        (None, ["pay", "hold", "in"]),
        ({"posted": {"before": "1970-01-01T00:00:00.002Z"}}, ["hold", "in"]),
        ({"ledgerEntry": {"equalTo": {"ik": "pay"}}}, ["pay"]),
        ({"ledgerEntry": {"equalTo": {"ik": "other"}}}, []),
    ):
        answer = await reader.ask(query, filter=filter_set)
        found = answer.data["ledger"]["ledgerEntryGroup"]["ledgerEntries"]
        assert [node["ik"] for node in found["nodes"]] == expected
        assert reader.searches == [1]


async def test_a_group_that_was_read_nothing_but_its_names_costs_nothing(reader: ReadRig) -> None:
    await order(reader, "1")
    query = """{ ledgerEntryGroup(ledgerEntryGroup: {
      key: "order", value: "1", ledger: {ik: "main"}}) { key value } }"""
    assert (await reader.ask(query)).data == {"ledgerEntryGroup": {"key": "order", "value": "1"}}
    assert (reader.calls, reader.searches) == ({}, [])
    assert reader.clock.now_ms() == NOW_MS
