"""Ledger Entry Groups by the official client: the rules of the guide's M and K.e."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode, ReadBalanceConsistencyMode
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CurrencyFilter,
    CurrencyMatchInput,
    GroupBalanceAccountFilter,
    GroupFilter,
    GroupMatchInput,
    GroupNotFilter,
    Int96Filter,
    LedgerEntriesFilterSet,
    LedgerEntryGroupBalanceFilterSet,
    LedgerEntryGroupInput,
    SchemaInput,
    StringFilter,
    StringMatchFilter,
)

from tests.conformance.asking import ask, deposit, eventually, posted
from tests.conformance.books import Books, hour, iso
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

AT = hour("2024-03-05T07")
BANK = "assets/bank"
FEES = "income/fees"
EVENTUAL = ReadBalanceConsistencyMode.eventual
STRONG = ReadBalanceConsistencyMode.strong
USE_ACCOUNT = ReadBalanceConsistencyMode.use_account
GROUPS_QUERY = """query ListLedgerEntryGroups(
  $ledger: LedgerMatchInput!, $filter: LedgerEntryGroupsFilterSet, $first: Int, $after: String,
  $before: String) {
  ledger(ledger: $ledger) {
    ledgerEntryGroups(filter: $filter, first: $first, after: $after, before: $before) {
      nodes { key value created }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}"""
GROUP_QUERY = """query GetLedgerEntryGroup(
  $ledger: LedgerMatchInput!, $entryGroup: EntryGroupMatchInput!, $filter: LedgerEntriesFilterSet) {
  ledger(ledger: $ledger) {
    ledgerEntryGroup(ledgerEntryGroup: $entryGroup) {
      key value created ledgerId ledger { ik }
      balances { nodes { account { path } ownBalance } }
      ledgerEntries(filter: $filter) { nodes { ik } }
    }
  }
}"""


def available(user: str) -> str:
    return f"liabilities/users:{user}/available"


def pending(user: str) -> str:
    return f"liabilities/users:{user}/pending"


def named(**groups: str) -> list[LedgerEntryGroupInput]:
    return [LedgerEntryGroupInput(key=key, value=value) for key, value in groups.items()]


async def balances(
    client: Any, ledger: str, key: str, value: str, **more: Any
) -> list[tuple[str, str]]:
    """Path and balance of each of the group's balances, by the official operation."""
    found = await client.list_ledger_entry_group_balances(ledger, key, value, **more)
    nodes = found.ledger_entry_group.balances.nodes
    return [(node.account.path, node.own_balance) for node in nodes]


async def settled_withdrawal(client: Any, ledger: str) -> dict[str, str]:
    """Ann's deposit of 500 with a fee of 20 and a hold of 480, all in withdrawal w1."""
    await deposit(client, ledger, Books(), "in", "ann", 500, 20, AT, groups=named(withdrawal="w1"))
    parameters = {"user": "ann", "amount": "480"}
    posted(
        await client.add_ledger_entry(
            "hold", ledger, "hold", parameters, posted=iso(AT), groups=named(withdrawal="w1")
        )
    )
    return {BANK: "500", FEES: "20", available("ann"): "0", pending("ann"): "480"}


@rule("guide M", "A group's entries are tied together by the Schema's groups and by runtime ones")
@rule("guide M.a", "A parameter fills the value of a group of the Schema")
async def test_groups_are_those_of_the_schema_and_of_the_request(client: Any, ledger: str) -> None:
    result = await deposit(
        client, ledger, Books(), "d1", "ann", 500, 20, AT, groups=named(batch="b1")
    )
    variables = {"id": result.entry.id}
    query = "query q($id: ID!) { ledgerEntry(ledgerEntry: {id: $id}) { groups { key value } } }"
    found = await ask(client, query, **variables)
    assert found["ledgerEntry"]["groups"] == [
        {"key": "statement", "value": "ann"},
        {"key": "batch", "value": "b1"},
    ]


@rule("guide M.a", "An entry has at most 10 groups")
@rule("guide M.a", "A group key has one value in an entry")
async def test_too_many_groups_and_two_values_of_a_key_are_refused(
    client: Any, ledger: str
) -> None:
    parameters = {"user": "ann", "amount": "500", "fee": "20"}
    for groups, code in (
        (named(**{f"k{at}": "v" for at in range(10)}), "ledger_entry_too_many_groups"),
        (named(statement="bob"), "group_conflict"),
        ([*named(a="1"), *named(a="2")], "group_conflict"),
        (named(a="v" * 129), "invalid_string"),
    ):
        answer = await client.add_ledger_entry("x", ledger, "deposit", parameters, groups=groups)
        result = answer.add_ledger_entry
        assert (result.typename__, result.code) == ("BadRequestError", code)
    most = named(
        **{f"k{at}": "v" for at in range(9)},
    )
    posted(await client.add_ledger_entry("x", ledger, "deposit", parameters, groups=most))


@rule("guide M.a", "A parameter can't stand in the key of a group")
async def test_a_parameter_in_a_group_key_is_refused(client: Any, schema: dict[str, Any]) -> None:
    schema["key"] = f"keys-{uuid4().hex[:8]}"
    schema["ledgerEntries"]["types"][0]["groups"] = [{"key": "{{user}}", "value": "1"}]
    with pytest.raises(Exception, match="invalid value"):
        await client.store_schema(SchemaInput.model_validate(schema))
    schema["ledgerEntries"]["types"][0]["groups"] = [{"key": "user", "value": "{{user}}"}]
    stored = await client.store_schema(SchemaInput.model_validate(schema))
    assert stored.store_schema.typename__ == "StoreSchemaResult"


@rule("guide M.b", "A group's balances are the net change of each account by all its entries")
@rule("guide M.b", "A balance that came back to zero is listed")
async def test_a_groups_balances_are_the_net_changes(client: Any, ledger: str) -> None:
    await deposit(client, ledger, Books(), "other", "ann", 9_000, 10, AT)
    due = await settled_withdrawal(client, ledger)
    await eventually(lambda: balances(client, ledger, "withdrawal", "w1"), sorted(due.items()))
    assert await balances(client, ledger, "withdrawal", "w1", consistency_mode=EVENTUAL) == sorted(
        due.items()
    )
    assert await balances(client, ledger, "withdrawal", "w2") == []


@rule("guide M.b", "A group's balances are filtered by account, currency and ownBalance")
@rule("guide M.b", "A path filter takes * in place of a template variable")
async def test_a_groups_balances_are_filtered(client: Any, ledger: str) -> None:
    due = await settled_withdrawal(client, ledger)
    await eventually(lambda: balances(client, ledger, "withdrawal", "w1"), sorted(due.items()))
    usd = CurrencyFilter(equalTo=CurrencyMatchInput(code=CurrencyCode.USD))
    euro = CurrencyFilter(equalTo=CurrencyMatchInput(code=CurrencyCode.EUR))
    everything = [BANK, FEES, available("ann"), pending("ann")]

    def path(**test: Any) -> dict[str, Any]:
        return {"account": GroupBalanceAccountFilter(path=StringMatchFilter(**test))}

    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, everything),
        ({"currency": usd}, everything),
        ({"currency": euro}, []),
        (path(equalTo=BANK), [BANK]),
        (path(matches=pending("*")), [pending("ann")]),
        (path(matches="liabilities/users:*"), []),
        (path(matchesAny=[available("*"), BANK]), [BANK, available("ann")]),
        (path(contains="users:ann"), [available("ann"), pending("ann")]),
        ({"ownBalance": Int96Filter(eq="0")}, [available("ann")]),
        ({"ownBalance": Int96Filter(ne="0")}, [BANK, FEES, pending("ann")]),
        ({"ownBalance": Int96Filter(gte="-1000", lte="20")}, [FEES, available("ann")]),
        (
            {**path(matches=available("*")), "ownBalance": Int96Filter(lte="0"), "currency": usd},
            [available("ann")],
        ),
    ]
    for filter_set, paths in cases:
        given = LedgerEntryGroupBalanceFilterSet(**filter_set)
        found = await balances(client, ledger, "withdrawal", "w1", filter_=given)
        assert found == [(each, due[each]) for each in paths], filter_set


@rule("guide M.b", "A group's balances are listed in pages, both ways")
async def test_a_groups_balances_are_paged(client: Any, ledger: str) -> None:
    due = sorted((await settled_withdrawal(client, ledger)).items())
    await eventually(lambda: balances(client, ledger, "withdrawal", "w1"), due)

    async def page(**more: Any) -> Any:
        found = await client.list_ledger_entry_group_balances(
            ledger, "withdrawal", "w1", first=3, **more
        )
        return found.ledger_entry_group.balances

    one = await page()
    assert [node.account.path for node in one.nodes] == [path for path, _ in due[:3]]
    assert (one.page_info.start_cursor, one.page_info.has_next_page) == (None, True)
    two = await page(after=one.page_info.end_cursor)
    assert [node.account.path for node in two.nodes] == [path for path, _ in due[3:]]
    assert (two.page_info.end_cursor, two.page_info.has_previous_page) == (None, True)
    back = await page(before=two.page_info.start_cursor)
    assert [node.account.path for node in back.nodes] == [path for path, _ in due[:3]]


@rule("guide I.f", "A group is found by key and value, with when it was created and its entries")
@rule("reference 8", "A group that no entry has is empty and has no created")
async def test_a_group_is_looked_up_with_its_entries(client: Any, ledger: str) -> None:
    due = await settled_withdrawal(client, ledger)
    await deposit(client, ledger, Books(), "other", "ann", 9_000, 10, AT + timedelta(days=1))
    group = {"ledger": {"ik": ledger}, "entryGroup": {"key": "withdrawal", "value": "w1"}}

    async def read() -> Any:
        found = await ask(client, GROUP_QUERY, **group)
        found = found["ledger"]["ledgerEntryGroup"]
        entries = len(found["ledgerEntries"]["nodes"])
        return (len(found["balances"]["nodes"]), entries, found["created"])

    await deposit(client, ledger, Books(), "last", "ann", 1, 0, AT, groups=named(withdrawal="w1"))
    first = (await client.get_ledger_entry("in", ledger)).ledger_entry
    await eventually(read, (len(due), 3, first.created))
    only = {"type": {"equalTo": "hold"}}
    found = await ask(client, GROUP_QUERY, **group, filter=only)
    found = found["ledger"]["ledgerEntryGroup"]
    assert found["ledgerEntries"] == {"nodes": [{"ik": "hold"}]}
    assert (found["key"], found["value"], found["ledger"]) == ("withdrawal", "w1", {"ik": ledger})
    assert found["created"] == first.created
    group["entryGroup"] = {"key": "withdrawal", "value": "unknown"}
    found = (await ask(client, GROUP_QUERY, **group))["ledger"]["ledgerEntryGroup"]
    assert found["created"] is None
    assert (found["balances"], found["ledgerEntries"]) == ({"nodes": []}, {"nodes": []})


@rule("guide I.f", "Groups are listed by key, then newest first, and filtered by key and value")
@rule("guide I.f", "Groups are filtered by when they were created")
@rule("reference 10", "Groups are filtered by a balance that they have")
async def test_groups_are_listed_and_filtered(client: Any, ledger: str) -> None:
    for at, group in enumerate([("a", "1"), ("a", "2"), ("b", "1")]):
        parameters = {"user": "ann", "amount": str(at)}
        groups = named(**{group[0]: group[1]})
        posted(
            await client.add_ledger_entry(f"h{at}", ledger, "hold", parameters, groups=groups)
            if at == 0
            else await client.add_ledger_entry(
                f"d{at}",
                ledger,
                "deposit",
                {"user": f"u{at}", "amount": str(at), "fee": "0"},
                groups=groups,
            )
        )
        await asyncio.sleep(0.01)

    async def listed(filter_set: Any = None, **more: Any) -> list[str]:
        variables = {"ledger": {"ik": ledger}, "filter": filter_set, **more}
        found = await ask(client, GROUPS_QUERY, **variables)
        nodes = found["ledger"]["ledgerEntryGroups"]["nodes"]
        return [f"{node['key']}={node['value']}" for node in nodes]

    everything = ["a=2", "a=1", "b=1", "statement=u2", "statement=u1"]
    await eventually(listed, everything)
    variables = {"ledger": {"ik": ledger}}
    nodes = (await ask(client, GROUPS_QUERY, **variables))["ledger"]["ledgerEntryGroups"]
    second = {(n["key"], n["value"]): n["created"] for n in nodes["nodes"]}[("a", "2")]
    for filter_set, due in (
        ({"key": {"equalTo": "a"}}, ["a=2", "a=1"]),
        ({"key": {"in": ["b", "c"]}}, ["b=1"]),
        ({"value": {"equalTo": "1"}}, ["a=1", "b=1"]),
        ({"key": {"notEqualTo": "statement"}, "value": {"notIn": ["1"]}}, ["a=2"]),
        ({"key": {"notIn": ["statement", "b"]}, "created": {"before": second}}, ["a=2", "a=1"]),
        ({"key": {"notIn": ["statement"]}, "created": {"after": second}}, ["a=2", "b=1"]),
    ):
        assert await listed(filter_set) == due, filter_set
    bank = {"account": {"path": {"equalTo": BANK}}, "ownBalance": {"gte": "2"}}
    await eventually(lambda: listed({"balance": bank}), ["b=1", "statement=u2"])
    zero = {"account": {"path": {"matches": pending("*")}}, "ownBalance": {"eq": "0"}}
    assert await listed({"balance": zero}) == ["a=1"]
    one = await ask(client, GROUPS_QUERY, **variables, first=3)
    info = one["ledger"]["ledgerEntryGroups"]["pageInfo"]
    assert info["startCursor"] is None
    assert await listed(after=info["endCursor"]) == everything[3:]


@rule("guide I.b", "Entries are filtered by their groups")
@rule("reference 10", "A group filter takes equalTo, in, all, keys, and their opposites")
async def test_entries_are_filtered_by_groups(client: Any, ledger: str) -> None:
    users = {"e0": None, "e1": {"a": "1"}, "e2": {"a": "2"}, "e3": {"a": "1", "b": "1"}}
    for at, (ik, groups) in enumerate(users.items()):
        moment: datetime = AT + timedelta(hours=at)
        parameters = {"user": "ann", "amount": "0"}
        given = named(**groups) if groups else None
        posted(
            await client.add_ledger_entry(
                ik, ledger, "hold", parameters, posted=iso(moment), groups=given
            )
        )

    async def listed(group: GroupFilter | None = None) -> list[str]:
        filter_set = LedgerEntriesFilterSet(group=group, type=StringFilter(equalTo="hold"))
        found = await client.list_ledger_entries(ledger, filter_=filter_set)
        return [node.ik for node in found.ledger.ledger_entries.nodes]

    await eventually(listed, ["e3", "e2", "e1", "e0"])
    a1, a2, b1 = (
        GroupMatchInput(key=key, value=value) for key, value in (("a", "1"), ("a", "2"), ("b", "1"))
    )
    for group, due in (
        (GroupFilter(equalTo=a1), ["e3", "e1"]),
        (GroupFilter(**{"in": [a2, b1]}), ["e3", "e2"]),
        (GroupFilter(all=[a1, b1]), ["e3"]),
        (GroupFilter(keyEqualTo="b"), ["e3"]),
        (GroupFilter(keyIn=["a", "c"]), ["e3", "e2", "e1"]),
        (GroupFilter(notEqualTo=a1), ["e2", "e0"]),
        (GroupFilter(notIn=[a1, a2]), ["e0"]),
        (GroupFilter(notKeyEqualTo="a"), ["e0"]),
        (GroupFilter(notKeyIn=["b"]), ["e2", "e1", "e0"]),
        (GroupFilter(**{"not": GroupNotFilter(keyIn=["a"])}), ["e0"]),
        (GroupFilter(keyEqualTo="a", notEqualTo=a1), ["e2"]),
    ):
        assert await listed(group) == due, group


# --- Consistent groups ----------------------------------------------------------------------------
@pytest.fixture
async def strong_ledger(client: Any, schema: dict[str, Any]) -> str:
    """A ledger whose users are strong within the groups of `withdrawal`; ann's is inherited."""
    schema["key"] = "conformance-groups"
    users = schema["chartOfAccounts"]["accounts"][1]["children"][0]
    users.setdefault("consistencyConfig", {})["groups"] = [
        {"key": "withdrawal", "ownBalanceUpdates": "strong"}
    ]
    stored = await client.store_schema(SchemaInput.model_validate(json.loads(json.dumps(schema))))
    assert stored.store_schema.typename__ == "StoreSchemaResult", stored.store_schema
    ik = f"ledger-{uuid4().hex[:12]}"
    made = await client.create_ledger(ik, CreateLedgerInput(name="Groups"), schema["key"])
    assert made.create_ledger.typename__ == "CreateLedgerResult"
    return ik


@rule("guide K.e", "consistencyConfig.groups makes an account's group balances strong for a key")
@rule("guide K.f", "A strong or use_account read sees every entry that was answered")
@rule("reference 6", "consistencyConfig.groups is inherited by the accounts below")
async def test_a_strong_group_balance_is_right_the_moment_its_entry_is_answered(
    client: Any, strong_ledger: str
) -> None:
    user = LedgerEntryGroupBalanceFilterSet(
        account=GroupBalanceAccountFilter(path=StringMatchFilter(matches=available("*")))
    )
    expected = 0
    for at in range(6):
        groups = named(withdrawal="w1")
        await deposit(
            client, strong_ledger, Books(), f"d{at}", "ann", 100 + at, at, AT, groups=groups
        )
        expected += 100
        for mode in (STRONG, USE_ACCOUNT):
            found = await balances(
                client, strong_ledger, "withdrawal", "w1", filter_=user, consistency_mode=mode
            )
            assert found == [(available("ann"), str(expected))]


@rule("guide K.f", "A strong read without strong configuration is a GraphQL error")
@rule("guide K.f", "use_account reads what is not configured eventually")
async def test_a_strong_read_without_configuration_is_an_error(
    client: Any, strong_ledger: str
) -> None:
    groups = named(withdrawal="w1")
    await deposit(client, strong_ledger, Books(), "d", "ann", 100, 1, AT, groups=groups)
    due = [(BANK, "100"), (FEES, "1"), (available("ann"), "99")]
    await eventually(
        lambda: balances(client, strong_ledger, "withdrawal", "w1", consistency_mode=USE_ACCOUNT),
        due,
    )
    with pytest.raises(Exception, match="has no strong balance in this group"):
        await balances(client, strong_ledger, "withdrawal", "w1", consistency_mode=STRONG)
    with pytest.raises(Exception, match="has no strong balance in this group"):
        await balances(client, strong_ledger, "statement", "ann", consistency_mode=STRONG)
    found = await balances(client, strong_ledger, "statement", "ann", consistency_mode=USE_ACCOUNT)
    assert found == due


@rule("guide K.e", "Entries at once on one strong group are all counted")
async def test_entries_at_once_are_all_counted(client: Any, strong_ledger: str) -> None:
    groups = named(withdrawal="w1")
    await asyncio.gather(
        *[
            deposit(client, strong_ledger, Books(), f"d{at}", "ann", 10 + at, at, AT, groups=groups)
            for at in range(12)
        ]
    )
    only = LedgerEntryGroupBalanceFilterSet(
        account=GroupBalanceAccountFilter(path=StringMatchFilter(equalTo=available("ann")))
    )
    found = await balances(
        client, strong_ledger, "withdrawal", "w1", consistency_mode=STRONG, filter_=only
    )
    assert found == [(available("ann"), "120")]
