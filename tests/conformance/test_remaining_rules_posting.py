"""What is posted: amounts, repeated lines, sides, times and limits; reference 4, 6, 7 and 8."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fragment.sdk.client import Client

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
    posted,
    unposted,
    unstorable,
)
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

BY_HAND = kind("by_hand", description="By hand.")


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


def shown(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["key"], each["amount"]) for each in answer["lines"]]


# --- Amounts --------------------------------------------------------------------------------------
AMOUNTS = {
    "{{a}}": 70,
    "-{{a}}": -70,
    "+{{a}}": 70,
    "{{a}} - {{b}}": 65,
    "-{{a}} + {{b}}": -65,
    "{{ a }}-{{b}}+7": 72,
    "100 - {{a}}": 30,
    "{{a}} + {{a}} - {{b}}": 135,
    "-5": -5,
}


@rule("reference 6", "Amounts are sums and differences of parameters and integers")
async def test_amounts_are_sums_and_differences(client: Any) -> None:
    types = [moves(f"t{at}", text, tags=[{"key": "b", "value": "{{b}}"}, {"key": "a",
             "value": "{{a}}"}]) for at, text in enumerate(AMOUNTS)]  # fmt: skip
    ledger = await opened(client, document(*types))
    for at, (text, amount) in enumerate(AMOUNTS.items()):
        told = {"a": "70", "b": "5"}
        answer = await posted(client, ledger, f"e{at}", type=f"t{at}", parameters=told)
        assert shown(answer) == [("in", str(amount)), ("fee", str(amount))], text
    assert await own(client, ledger, "assets/cash") == sum(AMOUNTS.values())


@rule("reference 6", "What is no sum is refused when the Schema is stored")
async def test_amounts_that_are_no_sums_are_refused(client: Any) -> None:
    wrong = ("{{a}} * 2", "{{a}} {{b}}", "--{{a}}", "1.5", "{{a b}}", "{{a}} +", "a", "{{a")
    types = [moves(f"t{at}", text) for at, text in enumerate(wrong)]
    told = await unstorable(client, document(*types))
    for at, text in enumerate(wrong):
        assert f"types[{at}].lines[0].amount" in told, text


@rule(
    "reference 6", "postLinesAs: raw_lines unless stated, net_amounts sums, skip_zero_lines drops"
)
@rule("reference 6", "If all lines are zero none is dropped")
async def test_lines_are_posted_raw_netted_or_without_zeros(client: Any) -> None:
    lines = (
        line("a", "assets/cash", "{{x}}"),
        line("b", "assets/cash", "{{y}}"),
        line("c", "income/fees", "{{x}} + {{y}}"),
    )
    modes = ("raw_lines", "net_amounts", "skip_zero_lines")
    types = [kind("unstated", *lines), *(kind(mode, *lines, postLinesAs=mode) for mode in modes)]
    ledger = await opened(client, document(*types))
    raw = [("a", "5"), ("b", "-5"), ("c", "0")]
    cases: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("unstated", "5", "-5", raw),
        ("raw_lines", "5", "-5", raw),
        ("net_amounts", "5", "3", [("a", "8"), ("c", "8")]),
        ("net_amounts", "5", "-5", [("a", "0"), ("c", "0")]),
        ("skip_zero_lines", "5", "-5", [("a", "5"), ("b", "-5")]),
        ("skip_zero_lines", "7", "0", [("a", "7"), ("c", "7")]),
        ("skip_zero_lines", "0", "0", [("a", "0"), ("b", "0"), ("c", "0")]),
    ]
    for at, (name, x, y, wanted) in enumerate(cases):
        answer = await posted(client, ledger, f"e{at}", type=name, parameters={"x": x, "y": y})
        assert shown(answer) == wanted, name
    assert await own(client, ledger, "assets/cash") == 0 + 0 + 8 + 0 + 0 + 7 + 0


@rule("reference 6", "A repeated line or condition is copied for each element of its array")
@rule("reference 6", "A line's tags may have parameters")
async def test_repeated_lines_are_copied_for_each_element(client: Any) -> None:
    users = {"key": "users", "template": True, "consistencyConfig": STRONG}
    each = {"repeated": {"key": "parts"}}
    pay = kind(
        "pay",
        line("part", "debts/users:{{parts.user}}", "{{parts.amount}} - {{fee}}", **each,
             description="Of {{parts.user}}", tags=[{"key": "user", "value": "{{parts.user}}"}]),
        line("all", "assets/bank", "{{total}}"),
        conditions=[{"account": {"path": "debts/users:{{parts.user}}"}, **each,
                     "postcondition": {"ownBalance": {"lte": "{{parts.most}}"}}}],
    )  # fmt: skip
    schema = document(pay)
    schema["chartOfAccounts"]["accounts"][1]["children"] = [users]
    ledger = await opened(client, schema)

    def parts(*elements: tuple[str, int, int]) -> dict[str, Any]:
        names = ("user", "amount", "most")
        listed = [dict(zip(names, map(str, each), strict=True)) for each in elements]
        return {"parts": listed, "fee": "1"}

    both = (("ann", 10, 9), ("bob", 20, 19))
    answer = await posted(
        client, ledger, "e1", type="pay", parameters={**parts(*both), "total": "28"}
    )
    assert shown(answer) == [("part", "9"), ("part", "19"), ("all", "28")]
    assert [one["tags"] for one in answer["lines"][:2]] == [
        [{"key": "user", "value": "ann"}], [{"key": "user", "value": "bob"}]
    ]  # fmt: skip
    assert [one["description"] for one in answer["lines"][:2]] == ["Of ann", "Of bob"]
    for elements, total, wanted in (
        ((("ann", 2, 10), ("bob", 2, 19)), "2", "conditional_request_failed"),
        ((("ann", 2, 10),), "2", "invalid_entry_balance"),
        ((), "0", None),
    ):
        entry = {"type": "pay", "parameters": {**parts(*elements), "total": total}}
        if wanted is None:
            assert shown(await posted(client, ledger, "none", **entry)) == [("all", "0")]
        else:
            assert await unposted(client, ledger, **entry) == wanted
    told = {"parts": [{"user": "ann", "amount": "1"}], "fee": "1", "total": "0"}
    assert await unposted(client, ledger, type="pay", parameters=told) == "invalid_parameter"
    assert await own(client, ledger, "debts/users:ann") == 9
    assert await own(client, ledger, "debts/users:bob") == 19


@rule("reference 6", "parameters of a type are fixed: filled in, and not to be given")
@rule("reference 8 Posting", "A parameter is a text; a whole number is taken as its digits")
async def test_fixed_parameters_are_filled_in(client: Any) -> None:
    fee = moves("fee", "{{x}} - {{off}}", parameters={"off": "2"})
    ledger = await opened(client, document(fee))
    answer = await posted(client, ledger, "e", type="fee", parameters={"x": "9"})
    assert shown(answer) == [("in", "7"), ("fee", "7")]
    assert answer["entry"]["parameters"] == {"x": "9", "off": "2"}
    both = {"x": "9", "off": "3"}
    assert await unposted(client, ledger, type="fee", parameters=both) == "unknown_parameter"
    numbers = await posted(client, ledger, "n", type="fee", parameters={"x": 9})
    assert shown(numbers) == [("in", "7"), ("fee", "7")]
    for bad in (9.5, True, None, ["9"], {"a": "9"}, "9.0", ""):
        code = await unposted(client, ledger, type="fee", parameters={"x": bad})
        assert code in ("invalid_parameter", "missing_parameter"), bad


# --- Entries and lines ----------------------------------------------------------------------------
@rule("guide E.b", "created is the service's own; posted is now when it is left out")
@rule("reference 8", "posted defaults to now")
async def test_an_entry_is_posted_now_unless_told_otherwise(client: Any) -> None:
    ledger = await opened(client, document(moves("fee", "1")))
    now = (await posted(client, ledger, "now", type="fee"))["entry"]
    assert now["posted"] == now["created"]
    told = (await posted(client, ledger, "then", type="fee", posted="1969-07-21"))["entry"]
    assert told["posted"] == "1969-07-21T00:00:00.000Z"
    assert told["created"] >= now["created"]


@rule("reference 8", "An entry whose lines are given needs no type")
@rule("reference 8", "An entry's description is its own, or its type's")
async def test_an_entry_of_lines_needs_no_type(client: Any) -> None:
    ledger = await opened(client, document(BY_HAND, moves("fee", "1")))
    lines = given(assets__cash=5, income__fees=5)
    answer = await posted(client, ledger, "e1", lines=lines)
    assert (answer["entry"]["type"], answer["entry"]["typeVersion"]) == (None, None)
    assert answer["entry"]["description"] is None
    typed = await posted(client, ledger, "e2", type="by_hand", lines=lines)
    assert (typed["entry"]["type"], typed["entry"]["typeVersion"]) == ("by_hand", 1)
    assert typed["entry"]["description"] == "By hand."
    named = await posted(client, ledger, "e3", type="by_hand", lines=lines, description="Mine.")
    assert named["entry"]["description"] == "Mine."
    assert await unposted(client, ledger) == "lines_required"
    assert await unposted(client, ledger, lines=lines, typeVersion=1) == "bad_request"
    assert await unposted(client, ledger, lines=lines, parameters={"x": "1"}) == "unknown_parameter"
    assert await own(client, ledger, "assets/cash") == 15


@rule("reference 6", "Line keys are unique in an entry")
@rule("reference 8", "A line that is given has an amount")
async def test_given_lines_have_amounts_and_keys_of_their_own(client: Any) -> None:
    ledger = await opened(client, document(BY_HAND))
    cash, fees = given(assets__cash=5, income__fees=5)
    twins = [{**cash, "key": "k"}, {**fees, "key": "k"}]
    assert await unposted(client, ledger, type="by_hand", lines=twins) == "duplicate_line_key"
    silent = [cash, {"account": fees["account"]}]
    assert await unposted(client, ledger, type="by_hand", lines=silent) == "missing_amount"
    keyed = [{**cash, "key": "k"}, {**fees, "key": "l"}]
    answer = await posted(client, ledger, "e", type="by_hand", lines=keyed)
    assert shown(answer) == [("k", "5"), ("l", "5")]


@rule("reference 7", "A positive amount raises the balance: a debit of assets and expenses")
@rule("reference 7", "amount(absolute: true) leaves the sign out")
@pytest.mark.parametrize("sign", [1, -1])
async def test_lines_have_a_side_and_a_magnitude(client: Any, sign: int) -> None:
    ledger = await opened(client, document(BY_HAND))
    lines = given(assets__cash=sign * 9, costs=sign * 3, income__fees=sign * 12)
    lines.append({"account": {"path": "debts"}, "amount": "0"})
    await posted(client, ledger, "e", type="by_hand", lines=lines)
    query = """query sides($ik: SafeString!) {
      ledgerEntry(ledgerEntry: {ik: "e", ledger: {ik: $ik}}) {
        lines { nodes { type amount magnitude: amount(absolute: true)
          signed: amount(absolute: false)
          account { path } } }
      }
    }"""
    nodes = (await ask(client, query, ik=ledger))["ledgerEntry"]["lines"]["nodes"]
    sides = ["debit", "credit"][::sign]
    assert [(each["account"]["path"], each["type"]) for each in nodes[:3]] == [
        ("assets/cash", sides[0]), ("costs", sides[0]), ("income/fees", sides[1])
    ]  # fmt: skip
    assert [each["amount"] for each in nodes] == [f"{sign * each}" for each in (9, 3, 12, 0)]
    assert [each["signed"] for each in nodes] == [each["amount"] for each in nodes]
    assert [each["magnitude"] for each in nodes] == ["9", "3", "12", "0"]
    assert await own(client, ledger, "assets/cash") == sign * 9
    assert await own(client, ledger, "costs") == sign * 3


@rule("guide E.c", "A Linked Ledger Account is not posted to by addLedgerEntry")
@rule("reference 8 Posting", "A Linked Ledger Account is posted to by reconcileTx alone")
async def test_linked_accounts_are_not_posted_to(client: Any) -> None:
    schema = document(BY_HAND)
    schema["chartOfAccounts"]["accounts"][0]["children"][0]["linkedAccount"] = {
        "linkId": "some-link", "externalId": "some-account"
    }  # fmt: skip
    ledger = await opened(client, schema)
    lines = given(assets__bank=5, income__fees=5)
    code = await unposted(client, ledger, type="by_hand", lines=lines)
    assert code == "linked_account_needs_reconcile_tx"


@rule("reference 8 Conditions", "A condition on totalBalance judges an account with all below it")
async def test_conditions_judge_total_balances(client: Any) -> None:
    schema = document(BY_HAND)
    chart = schema["chartOfAccounts"]
    del chart["accounts"][0]["children"][1]["consistencyConfig"]
    del chart["accounts"][1]["children"][0]["consistencyConfig"]
    chart["accounts"][3].pop("consistencyConfig")
    chart["accounts"][0]["consistencyConfig"] = {"totalBalanceUpdates": "strong"}
    ledger = await opened(client, schema)
    first = given(assets__bank=10, assets__cash=5, income__fees=15)
    await posted(client, ledger, "e1", type="by_hand", lines=first)

    def entry(path: str, when: str, **bounds: str) -> dict[str, Any]:
        asked = {"account": {"path": path}, when: {"totalBalance": bounds}}
        lines = given(assets__bank=-6, costs=6)
        return {"type": "by_hand", "lines": lines, "conditions": [asked]}

    failed = "conditional_request_failed"
    assert await unposted(client, ledger, **entry("assets", "postcondition", gte="10")) == failed
    assert await unposted(client, ledger, **entry("assets", "precondition", eq="10")) == failed
    assert await unposted(client, ledger, **entry("assets/bank", "postcondition", eq="9")) == failed
    elsewhere = entry("assets/cash", "postcondition", eq="5")
    assert await unposted(client, ledger, **elsewhere) == "invalid_condition"
    await posted(client, ledger, "e2", **entry("assets", "precondition", eq="15"))
    await posted(client, ledger, "e3", **entry("assets/bank", "postcondition", eq="-2"))
    query = """query total($ik: SafeString!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets"}) {
        balance(consistencyMode: strong)
      }
    }"""
    assert (await ask(client, query, ik=ledger))["ledgerAccount"] == {"balance": "3"}


# --- Limits of our own ----------------------------------------------------------------------------
@rule("reference 4", "An entry has at most 100 parameters of 1024 characters each")
async def test_parameters_are_bounded(client: Any) -> None:
    texts = {f"p{at}": "v" for at in range(100)}
    words = " ".join(f"{{{{{name}}}}}" for name in texts)
    long = moves("long", "1", tags=[], description="{{text}}")
    many = moves("many", "1", description=words)
    ledger = await opened(client, document(many, long))
    await posted(client, ledger, "e1", type="many", parameters=texts)
    over = {**texts, "p100": "v"}
    assert await unposted(client, ledger, type="many", parameters=over) == "too_many_items"
    await posted(client, ledger, "e2", type="long", parameters={"text": "v" * 1_024})
    over = {"text": "v" * 1_025}
    assert await unposted(client, ledger, type="long", parameters=over) == "invalid_parameter"
    wide = moves("wide", "1", description=f"{words} {{{{more}}}}")
    assert "at most 100" in await unstorable(client, document(wide))


@rule("reference 4", "An entry has at most 30 conditions")
@rule("reference 4", "A line has at most 10 tags, of 128 and 256 characters")
async def test_conditions_and_tags_of_lines_are_bounded(client: Any) -> None:
    ledger = await opened(client, document(BY_HAND))
    lines = given(assets__cash=5, income__fees=5)
    asked = {"account": {"path": "assets/cash"}, "postcondition": {"ownBalance": {"gte": "0"}}}
    entry = {"type": "by_hand", "lines": lines}
    await posted(client, ledger, "e1", **entry, conditions=[asked] * 30)
    assert await unposted(client, ledger, **entry, conditions=[asked] * 31) == "too_many_items"

    def tagged(count: int, key: str = "k", value: str = "v") -> dict[str, Any]:
        tags = [{"key": f"{at}{key}"[: len(key) + (at > 0)], "value": value} for at in range(count)]
        return {"type": "by_hand", "lines": [{**lines[0], "tags": tags}, lines[1]]}

    await posted(client, ledger, "e2", **tagged(10))
    assert await unposted(client, ledger, **tagged(11)) == "too_many_items"
    await posted(client, ledger, "e3", **tagged(1, "k" * 128, "v" * 256))
    for over in (tagged(1, "k" * 129), tagged(1, value="v" * 257)):
        answer = await code_of(client, ledger, over)
        assert answer in ("invalid_string", "bad_user_input")
    assert await own(client, ledger, "assets/cash") == 15


async def code_of(client: Any, ledger: str, entry: dict[str, Any]) -> str:
    """The code of an entry that is refused by its types or by its planning."""
    query = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
      addLedgerEntry(ik: $ik, entry: $entry) { ... on Error { code } }
    }"""
    variables = {"ik": "over", "entry": {"ledger": {"ik": ledger}, **entry}}
    answer = (await client.execute(query=query, variables=variables)).json()
    if "errors" in answer:
        (error,) = answer["errors"]
        return str(error["extensions"]["code"])
    return str(answer["data"]["addLedgerEntry"]["code"])


@rule("reference 4", "Names have at most 256 characters")
async def test_names_are_bounded(client: Any) -> None:
    def named(count: int) -> dict[str, Any]:
        schema = document(BY_HAND, name="n" * count)
        schema["chartOfAccounts"]["accounts"][0]["name"] = "n" * count
        return schema

    ledger = await opened(client, named(256))
    told = await unstorable(client, named(257))
    assert "name" in told
    assert "chartOfAccounts.accounts[0].name" in told
    query = """mutation name($ik: SafeString!, $name: String!) {
      updateLedger(ledger: {ik: $ik}, update: {name: $name}) {
        ... on UpdateLedgerResult { ledger { name } } ... on Error { code }
      }
    }"""
    most = await ask(client, query, ik=ledger, name="n" * 256)
    assert most["updateLedger"] == {"ledger": {"name": "n" * 256}}
    over = await ask(client, query, ik=ledger, name="n" * 257)
    assert over["updateLedger"] == {"code": "invalid_string"}


# --- Batches --------------------------------------------------------------------------------------
async def add_all(client: Any, ledger: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """The answer to a batch; each entry is given as JSON, with its ik among the members."""
    query = """mutation all($entries: [AddLedgerEntryInput!]!) {
      addLedgerEntries(entries: $entries) {
        __typename
        ... on AddLedgerEntriesResult { results { isIkReplay entry { ik type } } }
        ... on AddLedgerEntriesError { code errors { ik code } }
        ... on BadRequestError { code }
      }
    }"""
    named = [
        {"ik": entry.pop("ik"), "entry": {"ledger": {"ik": ledger}, **entry}}
        for entry in map(dict, entries)
    ]
    answer: dict[str, Any] = (await ask(client, query, entries=named))["addLedgerEntries"]
    return answer


@rule("reference 8 Batches", "A batch is bounded by what one transaction can carry")
async def test_a_batch_that_no_transaction_carries_is_refused_whole(client: Any) -> None:
    fund = kind("fund", line("a", "assets/bank", "1"), line("b", "debts/users:{{user}}", "1"))
    schema = document(fund, moves("fee", "1"))
    schema["chartOfAccounts"]["accounts"][1]["children"][0].pop("name")
    ledger = await opened(client, schema)
    wide = [{"ik": f"w{at}", "type": "fund", "parameters": {"user": f"u{at}"}} for at in range(40)]
    refused = await add_all(client, ledger, *wide)
    assert refused["code"] == "ledger_entry_batch_too_large"
    assert (await client.get_ledger_entry("w0", ledger)).ledger_entry is None
    narrow = [{"ik": f"n{at}", "type": "fee"} for at in range(95)]
    answer = await add_all(client, ledger, *narrow)
    assert [each["entry"]["ik"] for each in answer["results"]] == [f"n{at}" for at in range(95)]
    assert await own(client, ledger, "assets/cash") == 95


@rule("reference 8 Batches", "Every failing entry of a batch is listed, and no good one")
@rule("reference 8 Batches", "An ik that is given twice for a Ledger refuses the batch")
async def test_a_batch_names_all_that_fail(client: Any) -> None:
    ledger = await opened(client, document(BY_HAND, moves("fee", "{{x}}")))
    batch = [
        {"ik": "good", "type": "fee", "parameters": {"x": "5"}},
        {"ik": "unknown", "type": "other"},
        {"ik": "untold", "type": "fee"},
        {"ik": "odd", "lines": given(assets__cash=5, income__fees=4)},
        {"ik": "fine", "type": "by_hand", "lines": given(assets__cash=5, income__fees=5)},
    ]
    refused = await add_all(client, ledger, *batch)
    assert refused["__typename"] == "AddLedgerEntriesError"
    assert refused["errors"] == [
        {"ik": "unknown", "code": "ledger_entry_type_not_found"},
        {"ik": "untold", "code": "missing_parameter"},
        {"ik": "odd", "code": "invalid_entry_balance"},
    ]
    twice = await add_all(client, ledger, batch[0], {**batch[4], "ik": "good"})
    assert twice["__typename"] == "AddLedgerEntriesError"
    assert {each["code"] for each in twice["errors"]} == {"ledger_entry_batch_duplicate_ik"}
    empty = await add_all(client, ledger)
    assert empty["__typename"] in ("BadRequestError", "AddLedgerEntriesResult")
    assert await own(client, ledger, "assets/cash") == 0


@rule("reference 8 Migration of entries", "entryStats counts entries that have a type")
async def test_entries_without_a_type_are_not_counted(client: Any) -> None:
    ledger = await opened(client, document(BY_HAND, moves("fee", "1")))
    lines = given(assets__cash=5, income__fees=5)
    await posted(client, ledger, "e1", lines=lines)
    await posted(client, ledger, "e2", type="by_hand", lines=lines)
    await posted(client, ledger, "e3", type="fee")
    await posted(client, ledger, "e4", type="fee")
    query = """query stats($ik: SafeString!) { ledger(ledger: {ik: $ik}) {
      entryStats { nodes { type typeVersion count netCount } }
    } }"""

    async def read() -> list[dict[str, Any]]:
        return list((await ask(client, query, ik=ledger))["ledger"]["entryStats"]["nodes"])

    await eventually(
        read,
        [
            {"type": "by_hand", "typeVersion": 1, "count": "1", "netCount": "1"},
            {"type": "fee", "typeVersion": 1, "count": "2", "netCount": "2"},
        ],
    )
