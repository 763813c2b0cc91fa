"""Balances of groups that are strong: kept by the entries' own transactions, through the API."""

import asyncio
from typing import Any

import pytest

from shared.ledger import history
from shared.ledger.identifiers import account_id, group_id, ledger_id
from shared.store import keys
from shared.store.table import TableName, Update
from shared.testing.memory import MemoryTable
from tests.builders_schema import edited, quickstart
from tests.revision_asking import REVERSE, UPDATE
from tests.write_api_rig import ADD_ALL, WriteRig

CASH = "assets/banks/user-cash"
ANN = "liabilities/users:ann/available"
BOB = "liabilities/users:bob/available"
GROUP = """query group($key: SafeString!, $value: SafeString!, $mode: ReadBalanceConsistencyMode) {
  ledgerEntryGroup(ledgerEntryGroup: {key: $key, value: $value, ledger: {ik: "orders"}}) {
    balances { nodes { account { path } ownBalance(consistencyMode: $mode) } }
  }
}"""
INT96_MAX = 2**120 - 1
LEDGER_ID = ledger_id("workspace", "orders", 1)
ANN_ID = account_id(LEDGER_ID, ANN)


def order_schema() -> dict[str, Any]:
    """The quickstart Schema: users are strong in groups of `order`, which funding is in."""
    strong = [
        {"key": "order", "ownBalanceUpdates": "strong"},
        *[{"key": f"k{at}", "ownBalanceUpdates": "strong"} for at in range(10)],
    ]
    return edited(
        quickstart(),
        {
            "key": "orders",
            "chartOfAccounts.accounts[1].children[0].consistencyConfig.groups": strong,
            "ledgerEntries.types[0].groups": [{"key": "order", "value": "{{order_id}}"}],
        },
    )


@pytest.fixture
async def orders(writer: WriteRig) -> WriteRig:
    """A ledger on that Schema, which the process has posted to before."""
    await writer.store(order_schema())
    await writer.create("orders", "orders")
    assert (await fund(writer, "warm", "0", 1))["__typename"] == "AddLedgerEntryResult"
    return writer


def funding(order: str, amount: int, **more: Any) -> dict[str, Any]:
    parameters = {"user_id": "ann", "funding_amount": str(amount), "order_id": order}
    entry = {"type": "user_funds_account", "parameters": parameters, "ledger": {"ik": "orders"}}
    return {**entry, **more}


async def fund(writer: WriteRig, ik: str, order: str, amount: int, **more: Any) -> dict[str, Any]:
    return await writer.add(ik, **funding(order, amount, **more))


async def balances(writer: WriteRig, value: str, key: str = "order") -> dict[str, str]:
    """Balances of the group that are strong, by path: nothing is indexed here."""
    answer = await writer.ask(GROUP, key=key, value=value, mode="strong")
    nodes = answer.data["ledgerEntryGroup"]["balances"]["nodes"]
    return {node["account"]["path"]: node["ownBalance"] for node in nodes}


def items_of_groups(writer: WriteRig) -> int:
    memory = writer.table._table
    assert isinstance(memory, MemoryTable)
    return sum(str(item["pk"]).startswith("G#") for item in memory.dump(TableName.BALANCES))


async def test_a_strong_balance_of_a_group_stands_with_the_answer(orders: WriteRig) -> None:
    answer = await fund(orders, "one", "1", 200)
    assert answer["entry"]["groups"] == [{"key": "order", "value": "1"}]
    assert orders.calls == {"TransactWriteItems": 1}  # as cheap as a post without groups
    assert await balances(orders, "1") == {ANN: "200"}
    orders.restart()
    assert await balances(orders, "1") == {ANN: "200"}
    await fund(orders, "two", "1", 5)
    assert await balances(orders, "1") == {ANN: "205"}
    assert await balances(orders, "2") == {}
    key = keys.group_strong(group_id(LEDGER_ID, "order", "1"), ANN, ANN_ID, "USD")
    assert (await orders.table.get(key)) == {"pk": key.pk, "sk": key.sk, "v": 205, "p": ANN}


async def test_a_replay_moves_no_group(orders: WriteRig) -> None:
    await fund(orders, "one", "1", 200)
    again = await fund(orders, "one", "1", 200)
    assert again["isIkReplay"] is True
    other = await fund(orders, "one", "2", 7)
    assert other["isIkReplay"] is True
    assert (await balances(orders, "1"), await balances(orders, "2")) == ({ANN: "200"}, {})


async def test_only_accounts_and_keys_that_are_configured_are_strong(orders: WriteRig) -> None:
    groups = [{"key": "batch", "value": "1"}]
    await fund(orders, "one", "1", 200, groups=groups)
    assert await balances(orders, "1") == {ANN: "200"}  # not assets/banks/user-cash
    assert await balances(orders, "1", key="batch") == {}
    assert items_of_groups(orders) == 2  # of the orders 0 and 1


async def test_a_balance_of_zero_stays(orders: WriteRig) -> None:
    await fund(orders, "one", "1", 200)
    lines = [
        {"account": {"path": ANN}, "amount": "-200"},
        {"account": {"path": CASH}, "amount": "-200"},
    ]
    groups = [{"key": "order", "value": "1"}]
    answer = await orders.add("two", lines=lines, groups=groups, ledger={"ik": "orders"})
    assert answer["__typename"] == "AddLedgerEntryResult"
    assert await balances(orders, "1") == {ANN: "0"}


async def test_lines_on_one_account_are_one_write_of_their_sum(orders: WriteRig) -> None:
    lines = [{"account": {"path": ANN}, "amount": str(at)} for at in range(1, 15)]
    lines.append({"account": {"path": CASH}, "amount": str(sum(range(1, 15)))})
    groups = [{"key": f"k{at}", "value": "1"} for at in range(10)]
    answer = await orders.add("many", lines=lines, groups=groups, ledger={"ik": "orders"})
    assert answer["__typename"] == "AddLedgerEntryResult"
    for at in range(10):
        assert await balances(orders, "1", key=f"k{at}") == {ANN: "105"}


async def test_what_no_transaction_can_carry_is_refused_and_leaves_no_trace(
    orders: WriteRig,
) -> None:
    """29 users in 10 strong groups each: 290 balances; a transaction takes 100 items."""
    lines = [
        {"account": {"path": f"liabilities/users:u{at}/available"}, "amount": "1"}
        for at in range(29)
    ]
    lines.append({"account": {"path": CASH}, "amount": "29"})
    groups = [{"key": f"k{at}", "value": "1"} for at in range(10)]
    before = orders.stored()
    answer = await orders.add("huge", lines=lines, groups=groups, ledger={"ik": "orders"})
    assert (answer["__typename"], answer["code"]) == (
        "BadRequestError",
        "ledger_entry_batch_too_large",
    )
    # an entry, 29 own balances, 290 of groups, 58 accounts (users, and what is below them)
    assert answer["message"] == "The entries write 378 items at once; at most 100 fit."
    assert orders.stored() == before


def crowd(count: int) -> list[dict[str, Any]]:
    """One line for each of `count` users, against the bank."""
    paths = [f"liabilities/users:u{at}/available" for at in range(count)]
    lines = [{"account": {"path": path}, "amount": "1"} for path in paths]
    return [*lines, {"account": {"path": CASH}, "amount": str(count)}]


async def test_what_one_transaction_could_not_reverse_is_not_posted(orders: WriteRig) -> None:
    """An entry that stands can always be taken back: 24 users in 3 strong groups are 97 items to
    post on known accounts, 14 in 6 are 99; a reversal writes two more."""
    for first in (0, 12):
        known = [*crowd(24)[first : first + 12], {"account": {"path": CASH}, "amount": "12"}]
        await orders.add(f"open{first}", lines=known, ledger={"ik": "orders"})
    groups = [{"key": f"k{at}", "value": "1"} for at in range(3)]
    posted = await orders.add("fits", lines=crowd(24), groups=groups, ledger={"ik": "orders"})
    assert posted["__typename"] == "AddLedgerEntryResult"
    reversal = (await orders.ask(REVERSE, id=posted["entry"]["id"])).data["reverseLedgerEntry"]
    assert reversal["__typename"] == "ReverseLedgerEntryResult"
    assert set((await balances(orders, "1", key="k0")).values()) == {"0"}
    groups = [{"key": f"k{at}", "value": "2"} for at in range(6)]
    before = orders.stored()
    refused = await orders.add("over", lines=crowd(14), groups=groups, ledger={"ik": "orders"})
    assert refused["message"] == "The entries write 101 items at once; at most 100 fit."
    assert orders.stored() == before


async def test_joining_groups_that_no_transaction_can_carry_is_refused(orders: WriteRig) -> None:
    posted = await orders.add("many", lines=crowd(20), ledger={"ik": "orders"})
    entry = {"id": posted["entry"]["id"]}

    async def join(keys_: range) -> dict[str, Any]:
        groups = [{"key": f"k{at}", "value": "1"} for at in keys_]
        answer = await orders.ask(UPDATE, entry=entry, update={"groups": groups})
        return dict(answer.data["updateLedgerEntry"])

    before = orders.stored()
    for keys_ in (range(10), range(4)):  # 201 items, and 81, whose reversal takes 103
        refused = await join(keys_)
        assert refused["code"] == "ledger_entry_batch_too_large"
    assert orders.stored() == before
    assert (await join(range(3)))["__typename"] == "UpdateLedgerEntryResult"
    assert (await join(range(3, 4)))["code"] == "ledger_entry_batch_too_large"
    reversal = (await orders.ask(REVERSE, id=entry["id"])).data["reverseLedgerEntry"]
    assert reversal["__typename"] == "ReverseLedgerEntryResult"


async def test_an_overflow_of_a_group_is_refused_and_leaves_no_trace(orders: WriteRig) -> None:
    """The own balance has room again, the group's has none."""
    await fund(orders, "one", "1", INT96_MAX - 1)
    back = [
        {"account": {"path": ANN}, "amount": str(-INT96_MAX)},
        {"account": {"path": CASH}, "amount": str(-INT96_MAX)},
    ]
    assert (await orders.add("back", lines=back, ledger={"ik": "orders"}))["entry"]
    before = orders.stored()
    answer = await fund(orders, "two", "1", 2)
    assert (answer["__typename"], answer["code"]) == ("BadRequestError", "balance_overflow")
    assert orders.stored() == before
    assert await balances(orders, "1") == {ANN: str(INT96_MAX - 1)}
    assert (await fund(orders, "three", "2", 2))["__typename"] == "AddLedgerEntryResult"


async def test_a_batch_sums_its_entries_in_one_transaction(orders: WriteRig) -> None:
    entries = [{"ik": f"b{at}", "entry": funding(str(at % 2 + 1), at + 1)} for at in range(10)]
    answer = (await orders.ask(ADD_ALL, entries=entries)).data["addLedgerEntries"]
    assert answer["__typename"] == "AddLedgerEntriesResult"
    assert orders.calls == {"TransactWriteItems": 1}
    assert await balances(orders, "1") == {ANN: "25"}
    assert await balances(orders, "2") == {ANN: "30"}


async def test_a_refused_batch_moves_no_group(orders: WriteRig) -> None:
    pay = {"from_user_id": "bob", "to_user_id": "ann", "transfer_amount": "1"}
    broke = {"type": "p2p_transfer", "parameters": pay, "ledger": {"ik": "orders"}}
    entries = [{"ik": "b0", "entry": funding("1", 5)}, {"ik": "b1", "entry": broke}]
    before = orders.stored()
    answer = (await orders.ask(ADD_ALL, entries=entries)).data["addLedgerEntries"]
    assert answer["code"] == "ledger_entry_batch_operation_failed"
    assert orders.stored() == before
    assert await balances(orders, "1") == {}


async def test_many_at_once_on_one_group_are_all_counted(orders: WriteRig) -> None:
    await asyncio.gather(*[fund(orders, f"c{at}", "1", at) for at in range(1, 61)])
    assert await balances(orders, "1") == {ANN: str(sum(range(1, 61)))}
    assert await orders.strong(ANN, "orders") == sum(range(1, 61)) + 1


async def test_a_condition_on_a_group_can_not_be_asked_for(orders: WriteRig) -> None:
    """Bob has money of his own and none in the group: the condition sees the account alone."""
    groups = [{"key": "order", "value": "1"}]
    await orders.add(
        "bobs",
        type="user_funds_account",
        parameters={"user_id": "bob", "funding_amount": "10", "order_id": "9"},
        ledger={"ik": "orders"},
    )
    pay = {"from_user_id": "bob", "to_user_id": "ann", "transfer_amount": "4"}
    answer = await orders.add(
        "pay", type="p2p_transfer", parameters=pay, groups=groups, ledger={"ik": "orders"}
    )
    assert answer["__typename"] == "AddLedgerEntryResult"
    assert await balances(orders, "1") == {ANN: "4", BOB: "-4"}


# --- Without a Schema -----------------------------------------------------------------------------
PLAIN = {"ik": "plain"}
PLAIN_TREE = [
    {"ik": "bank", "name": "Bank", "type": "asset"},
    {
        "ik": "users",
        "name": "Users",
        "type": "liability",
        "consistencyConfig": {"groups": [{"key": "order", "ownBalanceUpdates": "strong"}]},
    },
]
CREATE_PLAIN = """mutation plain($accounts: [CreateLedgerAccountsInput!]!) {
  createLedger(ik: "plain", ledger: {name: "plain"}) { __typename }
  createLedgerAccounts(ledger: {ik: "plain"}, ledgerAccounts: $accounts) { __typename }
}"""
PLAIN_GROUP = """query group($mode: ReadBalanceConsistencyMode, $key: SafeString!, $after: String,
    $before: String, $first: Int, $filter: LedgerEntryGroupBalanceFilterSet) {
  ledgerEntryGroup(ledgerEntryGroup: {key: $key, value: "1", ledger: {ik: "plain"}}) {
    balances(first: $first, after: $after, before: $before, filter: $filter) {
      nodes { account { path } ownBalance(consistencyMode: $mode) }
      pageInfo { startCursor endCursor } } } }"""


async def plain_page(writer: WriteRig, key: str = "order", **asked: Any) -> tuple[list[Any], Any]:
    answer = await writer.ask(PLAIN_GROUP, key=key, **asked)
    found = answer.data["ledgerEntryGroup"]["balances"]
    shown = [(node["account"]["path"], node["ownBalance"]) for node in found["nodes"]]
    return shown, found["pageInfo"]


async def test_strong_balances_of_a_ledger_without_a_schema_are_what_the_posts_left(
    writer: WriteRig,
) -> None:
    made = (await writer.ask(CREATE_PLAIN, accounts=PLAIN_TREE)).data
    assert made["createLedgerAccounts"] == {"__typename": "CreateLedgerAccountsResult"}
    ledger = ledger_id("workspace", "plain", 1)
    groups = [{"key": key, "value": "1"} for key in ("order", "other")]
    for ik in ("one", "two"):
        lines = [{"account": {"path": path}, "amount": "5"} for path in ("bank", "users")]
        posted = await writer.add(ik, ledger=PLAIN, groups=groups, lines=lines)
        assert posted["__typename"] == "AddLedgerEntryResult"
        if ik == "one":  # the indexer comes so far
            for key in ("order", "other"):
                for path in ("bank", "users"):
                    group, account = group_id(ledger, key, "1"), account_id(ledger, path)
                    at = keys.group_eventual(group, path, account, "USD")
                    adds = history.sum_adds(5)
                    await writer.table.write(Update(at, add=adds, set_if_absent={"p": path}))
    writer.restart()
    for calls in ({"Query": 1, "BatchGetItem": 1}, {"Query": 1}):
        await writer.ask('{ ledger(ledger: {ik: "plain"}) { name } }')
        shown, _ = await plain_page(writer, mode="use_account")
        assert shown == [("bank", "5"), ("users", "10")]
        assert writer.calls == calls
    only = {"account": {"path": {"equalTo": "users"}}}
    assert (await plain_page(writer, mode="strong", filter=only))[0] == [("users", "10")]
    amount = {"ownBalance": {"gte": "6"}}
    assert (await plain_page(writer, filter=amount))[0] == [("users", "10")]
    assert (await plain_page(writer, key="other"))[0] == [("bank", "5"), ("users", "5")]
    first, info = await plain_page(writer, first=1)
    second, back = await plain_page(writer, after=info["endCursor"])
    assert (first, second) == ([("bank", "5")], [("users", "10")])
    assert (await plain_page(writer, before=back["startCursor"]))[0] == first
    answer = await writer.ask(PLAIN_GROUP, key="order", mode="strong")
    assert [code for code, _ in answer.refusals] == ["invalid_consistency_mode"]
    assert "account bank has" in answer.refusals[0][1].lower()
