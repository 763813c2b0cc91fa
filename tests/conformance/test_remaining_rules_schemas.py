"""What a Schema may say, and what it is refused for: guide B, E, K and M, reference 6 and 7."""

from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.client import Client
from fragment.sdk.input_types import CreateLedgerInput, SchemaInput

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.remaining import (
    STRONG,
    document,
    given,
    kind,
    line,
    moves,
    opened,
    own,
    post,
    posted,
    store,
    unposted,
    unstorable,
)
from tests.conformance.rules import rule
from tests.migrating import await_migrated

pytestmark = pytest.mark.engines

RUNTIME = kind("by_hand", description="By hand.")
CASH_IS_KEPT = {
    "account": {"path": "assets/cash"},
    "postcondition": {"ownBalance": {"gte": "0"}},
}


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


def accounts(schema: dict[str, Any], root: int) -> list[dict[str, Any]]:
    """The children of the root account at that place."""
    children: list[dict[str, Any]] = schema["chartOfAccounts"]["accounts"][root]["children"]
    return children


@rule("guide B", "A Schema is shared by Ledgers, each of which keeps books of its own")
async def test_ledgers_share_a_schema_and_no_books(client: Any) -> None:
    schema = document(moves("fee", "{{amount}}"))
    one = await opened(client, schema)
    other = f"{one}-other"
    await client.create_ledger(other, CreateLedgerInput(name="Other"), schema["key"])
    await posted(client, one, "e", type="fee", parameters={"amount": "5"})
    await posted(client, other, "e", type="fee", parameters={"amount": "7"})
    assert await own(client, one, "assets/cash") == 5
    assert await own(client, other, "assets/cash") == 7


# --- Entry types ----------------------------------------------------------------------------------
@rule("guide E.a", "A type is unique within its Schema; its versions stand side by side")
@rule("reference 6", "The pair of type and typeVersion is unique; an absent version is 1")
async def test_a_type_is_defined_once_in_each_version(client: Any) -> None:
    told = await unstorable(client, document(moves("fee", "1"), moves("fee", "2", typeVersion=1)))
    assert "ledgerEntries.types[1].type" in told
    ledger = await opened(client, document(moves("fee", "1"), moves("fee", "2", typeVersion=2)))
    await posted(client, ledger, "e1", type="fee")
    await posted(client, ledger, "e2", type="fee", typeVersion=2)
    assert await own(client, ledger, "assets/cash") == 3


@rule("guide E.a", "A type that can't balance is refused when its Schema is stored")
@pytest.mark.parametrize(
    "one, other",
    [("{{a}}", "{{b}}"), ("{{a}}", "-{{a}}"), ("{{a}} + 1", "{{a}}"), ("5", "4")],
)
async def test_a_type_that_can_not_balance_is_refused(client: Any, one: str, other: str) -> None:
    odd = kind("odd", line("a", "assets/cash", one), line("b", "income/fees", other))
    assert "ledgerEntries.types[0].lines: do not balance" in await unstorable(client, document(odd))


@rule("reference 6", "A line's key is unique in its type")
@rule("reference 6", "A line states its amount unless it has a Tx")
async def test_lines_have_keys_of_their_own_and_amounts(client: Any) -> None:
    twins = kind("t", line("a", "assets/cash", "{{x}}"), line("a", "income/fees", "{{x}}"))
    assert "types[0].lines[1].key" in await unstorable(client, document(twins))
    silent = kind("t", line("a", "assets/cash", "{{x}}"), line("b", "income/fees", None))
    assert "types[0].lines[1].amount" in await unstorable(client, document(silent))


@rule("guide M.a", "A type has at most 10 groups")
@rule("guide M.a", "A group's key is unique in its type")
@rule("reference 4", "A type has at most 10 groups and 10 tags")
async def test_groups_and_tags_of_a_type_are_bounded(client: Any) -> None:
    for member in ("groups", "tags"):
        ten = [{"key": f"k{at}", "value": "{{x}}"} for at in range(10)]
        many = [*ten, {"key": "k10", "value": "v"}]
        assert "types[0]" in await unstorable(client, document(moves("t", "1", **{member: many})))
        twice = [{"key": "k", "value": "a"}, {"key": "k", "value": "b"}]
        told = await unstorable(client, document(moves("t", "1", **{member: twice})))
        assert f"types[0].{member}[1].key" in told
        await store(client, document(moves("t", "1", **{member: ten})))


@rule("guide K.d", "A type's condition is on a strong account that one of its lines goes to")
@rule("guide K.d", "Linked Ledger Accounts do not support conditions")
async def test_conditions_that_can_not_be_judged_are_refused(client: Any) -> None:
    async def told(path: str, **bounds: Any) -> str:
        asked = {"account": {"path": path}, "postcondition": {"ownBalance": bounds}}
        lines = (line("a", "assets/bank", "{{x}}"), line("b", "costs", "-{{x}}"))
        return await unstorable(client, document(kind("t", *lines, conditions=[asked])))

    at = "types[0].conditions[0]"
    assert at in await told("assets/bank", gte="0")  # eventual
    assert at in await told("assets/cash", gte="0")  # no line goes there
    assert at in await told("costs")  # no bound
    assert at in await told("costs", eq="0", gte="0")
    linked = document(moves("t", "{{x}}", conditions=[CASH_IS_KEPT]))
    accounts(linked, 0)[1]["linkedAccount"] = {"linkId": "l", "externalId": "e"}
    assert f"{at}.account.path" in await unstorable(client, linked)


@rule("reference 6", "A Schema uses own balances or total balances strongly, not both")
async def test_a_schema_keeps_one_kind_of_balance_strong(client: Any) -> None:
    both = document(RUNTIME)
    accounts(both, 0)[0]["consistencyConfig"] = {"totalBalanceUpdates": "strong"}
    assert "use own balances or total balances, not both" in await unstorable(client, both)
    total = {"account": {"path": "assets/cash"}, "postcondition": {"totalBalance": {"gte": "0"}}}
    mixed = document(moves("t", "{{x}}", conditions=[CASH_IS_KEPT, total]))
    assert "not both" in await unstorable(client, mixed)


# --- Names, links, scenes -------------------------------------------------------------------------
@rule("reference 6", "A Schema's name is its key unless one is given")
@rule("reference 6", "Version 0 of a Schema is its newest one")
@rule("reference 6", "The first version of a Schema is 1")
async def test_a_schema_has_a_name_and_a_newest_version(client: Any) -> None:
    schema = document(RUNTIME)
    stored = await store(client, schema)
    assert (stored.name, stored.version.version) == (schema["key"], 1)
    renamed = {**schema, "name": "Renamed"}
    stored = await store(client, renamed)
    assert (stored.name, stored.version.version) == ("Renamed", 2)
    for version in (0, None, 2):
        found = (await client.get_schema(schema["key"], version)).schema_
        assert (found.version.version, found.version.json_) == (2, renamed)
    assert (await client.get_schema(schema["key"], 1)).schema_.version.json_ == schema


@rule("reference 6", "An account's name may have parameters; its instances are filled in")
async def test_an_instance_is_named_by_its_parameters(client: Any) -> None:
    fund = kind("fund", line("a", "assets/bank", "5"), line("b", "debts/users:{{user}}", "5"))
    schema = document(fund)
    ledger = await opened(client, schema)
    lacking = await unposted(client, ledger, type="fund", parameters={"user": "u1"})
    assert lacking == "missing_parameter"
    told = {"user": "u1", "user_name": "Ann"}
    await posted(client, ledger, "e", type="fund", parameters=told)
    query = """query name($ik: SafeString!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "debts/users:u1"}) { name }
    }"""
    assert (await ask(client, query, ik=ledger))["ledgerAccount"] == {"name": "User Ann"}
    static = document(RUNTIME)
    accounts(static, 0)[0]["name"] = "Bank of {{user}}"
    assert "accounts[0].children[0].name" in await unstorable(client, static)


@rule("reference 6", "linkIk goes with linkType CustomLink")
async def test_a_link_is_named_in_one_of_its_ways(client: Any) -> None:
    for linked in (
        {"linkIk": "l", "externalId": "e"},
        {"linkIk": "l", "linkType": "UnitLink", "externalId": "e"},
        {"externalId": "e"},
        {"linkId": "l"},
    ):
        schema = document(RUNTIME)
        accounts(schema, 0)[0]["linkedAccount"] = linked
        assert "children[0].linkedAccount" in await unstorable(client, schema)


@rule("reference 6", "Groups and scenes are checked and kept with the Schema")
async def test_scenes_and_groups_are_kept(client: Any) -> None:
    def scene(name: str) -> dict[str, Any]:
        entry = {"type": name, "parameters": {"amount": "5"}}
        return {"name": "A fee is paid", "events": [{"eventType": "entry", "entry": entry}]}

    groups = [{"key": "invoice", "description": "What {{user}} was sent."}]
    schema = document(moves("fee", "{{amount}}"), groups=groups, scenes=[scene("fee")])
    await store(client, schema)
    kept = (await client.get_schema(schema["key"])).schema_.version.json_
    assert (kept["groups"], kept["scenes"]) == (groups, [scene("fee")])
    ledger = await opened(client, schema)
    assert await own(client, ledger, "assets/cash") == 0  # a scene posts nothing
    unknown = document(moves("fee", "{{amount}}"), scenes=[scene("other")])
    assert "scenes[0].events[0].entry" in await unstorable(client, unknown)
    twice = document(RUNTIME, groups=[*groups, *groups])
    assert "groups[1].key" in await unstorable(client, twice)


# --- The next version -----------------------------------------------------------------------------
@rule("reference 6", "A new version may add, rename, disable and relax")
@rule("reference 6", "A deployed version of an entry type is immutable, but for its status")
async def test_what_a_new_version_may_change(client: Any) -> None:
    groups = [{"key": "g", "description": "One."}]
    schema = document(moves("fee", "1"), RUNTIME, name="One", groups=groups)
    ledger = await opened(client, schema)
    await posted(client, ledger, "e1", type="fee")
    new = deepcopy(schema)
    new["name"], new["groups"][0]["description"] = "Two", "Two."
    accounts(new, 0)[0]["name"] = "The bank"
    accounts(new, 0)[0]["status"] = "disabled"
    accounts(new, 0).append({"key": "safe", "consistencyConfig": STRONG})
    new["chartOfAccounts"]["accounts"][3]["consistencyConfig"] = {"ownBalanceUpdates": "eventual"}
    types = new["ledgerEntries"]["types"]
    types[0]["status"] = "archived"
    types.append(moves("fee", "2", typeVersion=2))
    assert (await store(client, new)).version.version == 2
    assert await await_migrated(client, schema["key"]) == {ledger: "completed"}
    query = """query name($ik: SafeString!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/bank"}) { name }
    }"""
    assert (await ask(client, query, ik=ledger))["ledgerAccount"] == {"name": "The bank"}

    async def refused_types() -> list[Any]:
        answers = [
            await post(client, ledger, f"e-{uuid4().hex[:8]}", type="fee", typeVersion=version)
            for version in (1, 2)
        ]
        return [answer.get("code") for answer in answers]

    await eventually(refused_types, ["entry_type_disabled", None])
    lines = given(assets__safe=4, income__fees=4)
    await posted(client, ledger, "e4", type="by_hand", lines=lines)
    assert await own(client, ledger, "assets/safe") == 4
    for change in ({"description": "Other."}, {"tags": [{"key": "k", "value": "v"}]},
                   {"lines": moves("fee", "3")["lines"]}):  # fmt: skip
        edited = deepcopy(new)
        edited["ledgerEntries"]["types"][0].update(change)
        answer = (await client.store_schema(SchemaInput.model_validate(edited))).store_schema
        assert answer.code == "schema_not_backwards_compatible", change
    assert (await client.get_schema(schema["key"])).schema_.version.version == 2


@rule("reference 6 Statuses", "A disabled or archived account takes no new lines")
@rule("reference 6 Statuses", "An account's status is its own: those below keep theirs")
async def test_an_account_that_is_not_active_takes_no_lines(client: Any) -> None:
    schema = document(RUNTIME, moves("fee", "{{x}}"))
    root = schema["chartOfAccounts"]["accounts"][0]
    root["status"], root["children"][0]["status"] = "disabled", "archived"
    ledger = await opened(client, schema)
    for lines in (given(assets=5, income__fees=5), given(assets__bank=5, income__fees=5)):
        code = await unposted(client, ledger, type="by_hand", lines=lines)
        assert code == "ledger_account_disabled"
    await posted(client, ledger, "e", type="fee", parameters={"x": "5"})
    assert await own(client, ledger, "assets/cash") == 5


# --- Ledgers and accounts -------------------------------------------------------------------------
@rule("reference 7", "Accounts that are no templates exist as soon as the Schema is applied")
@rule("reference 7", "The ik of an account that a Schema made is its path")
async def test_a_ledger_begins_with_the_accounts_of_its_schema(client: Any) -> None:
    ledger = await opened(client, document(RUNTIME))
    query = """query all($ik: SafeString!) { ledger(ledger: {ik: $ik}) {
      type ledgerAccounts { nodes { path ik name type } }
    } }"""

    async def read() -> dict[str, tuple[str, str, str]]:
        found = (await ask(client, query, ik=ledger))["ledger"]
        assert found["type"] == "double"
        nodes = found["ledgerAccounts"]["nodes"]
        return {each["path"]: (each["ik"], each["name"], each["type"]) for each in nodes}

    paths = {
        "assets": "asset", "assets/bank": "asset", "assets/cash": "asset", "debts": "liability",
        "income": "income", "income/fees": "income", "costs": "expense",
    }  # fmt: skip
    wanted = {path: (path, path.split("/")[-1], of) for path, of in paths.items()}
    await eventually(read, wanted)
    one = """query one($ik: SafeString!, $path: String!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) { id path }
    }"""
    for path in ("debts/users:u1", "debts/users", "assets/none"):
        assert (await ask(client, one, ik=ledger, path=path))["ledgerAccount"] is None
