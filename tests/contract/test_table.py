"""What every Table does, real or in memory."""

from collections.abc import AsyncIterator

import pytest

from shared.errors import StoreRefused
from shared.limits import TRANSACT_ITEMS_MAX
from shared.store.table import (
    Absent,
    BelowOrAbsent,
    Cancelled,
    Cause,
    Check,
    Delete,
    Guard,
    GuardFailed,
    Is,
    IsOrAbsent,
    Item,
    Key,
    Present,
    Put,
    QueryPage,
    Reason,
    TableName,
    Transacted,
    Update,
    Within,
    Written,
)
from tests.contract.stores import (
    STORES,
    Engine,
    Store,
    balance_key,
    dynamodb_store,
    fresh,
    insert,
    ledger_key,
    memory_store,
    provisioned,
    token,
)

INT96_MAX = 2**95 - 1
INT96_MIN = -(2**95)
DIGITS_38 = 10**38 - 1


@pytest.fixture(scope="module", params=STORES)
def engine(request: pytest.FixtureRequest) -> Engine | None:
    """A DynamoDB with fresh tables; None for the twin."""
    if request.param == "memory":
        return None
    return provisioned(request.getfixturevalue("module_dynamodb_endpoint"), "table-")


@pytest.fixture
async def store(engine: Engine | None) -> AsyncIterator[Store]:
    if engine is None:
        yield memory_store()
        return
    async with dynamodb_store(engine) as store:
        yield store


async def stored(store: Store, key: Key) -> Item | None:
    return await store.table.get(key, consistent=True)


async def given(store: Store, pk: str, **attributes: str | int | bytes) -> Key:
    """Writes one item into `balances`."""
    await store.table.write(Put(TableName.BALANCES, {"pk": pk, "sk": ".", **attributes}))
    return balance_key(pk)


# --- Reading --------------------------------------------------------------------------------------
async def test_every_type_of_value_comes_back_exactly(store: Store) -> None:
    key = ledger_key(fresh())
    item: Item = {
        "pk": key.pk,
        "sk": ".",
        "b": 'quotes " and \\ and \n and ünïcode \U0001f600 and \x00',
        "empty": "",
        "v": INT96_MIN,
        "digits": -DIGITS_38,
        "round": 10**37,
        "zero": 0,
        "bytes": bytes(range(256)),
    }
    await store.table.write(Put(TableName.LEDGER, item))
    assert await store.table.get(key, consistent=True) == item


async def test_get_many_answers_in_the_order_of_the_keys_with_none_for_what_is_absent(
    store: Store,
) -> None:
    pks = [fresh() for _ in range(5)]
    for pk in pks[:4:2]:
        await store.table.write(insert(pk, b=pk))
    await given(store, pks[1], v=1)
    keys = [ledger_key(pk) for pk in pks] + [balance_key(pks[1])]
    items = await store.table.get_many(keys[::-1], consistent=True)
    assert items == [
        {"pk": pks[1], "sk": ".", "v": 1},
        None,
        None,
        {"pk": pks[2], "sk": ".", "b": pks[2]},
        None,
        {"pk": pks[0], "sk": ".", "b": pks[0]},
    ]


async def test_twenty_keys_of_both_tables_are_one_request(store: Store) -> None:
    keys = [balance_key(fresh()) for _ in range(10)] + [ledger_key(fresh()) for _ in range(10)]
    assert await store.table.get_many(keys) == [None] * 20
    assert store.metrics.calls == {"BatchGetItem": 1}
    assert store.metrics.units == {"BatchGetItem": 10}  # twenty halves


@pytest.mark.parametrize("count, requests", [(0, 0), (1, 1), (100, 1), (101, 2), (250, 3)])
async def test_every_hundred_keys_are_one_request(store: Store, count: int, requests: int) -> None:
    pks = [fresh() for _ in range(count)]
    items = await store.table.get_many([balance_key(pk) for pk in pks])
    assert items == [None] * count
    assert store.metrics.calls["BatchGetItem"] == requests


async def test_get_is_one_request(store: Store) -> None:
    assert await store.table.get(ledger_key(fresh()), consistent=True) is None
    assert store.metrics.calls == {"GetItem": 1}
    assert store.metrics.units == {"GetItem": 1}


async def test_items_that_exceed_one_answer_all_come_back(store: Store) -> None:
    keys = [await given(store, fresh(), b="x" * 390_000) for _ in range(50)]
    items = await store.table.get_many(keys)
    assert [len(str(item["b"])) for item in items if item is not None] == [390_000] * 50


# --- Query ----------------------------------------------------------------------------------------
SORTS = ("a#1", "a#2", "a#3", "b#1", "b#2", "c")


@pytest.fixture
async def partition(store: Store) -> str:
    """A partition with the sort keys of SORTS, written in another order."""
    pk = fresh()
    for sk in (*SORTS[3:], *SORTS[:3]):
        await store.table.write(Put(TableName.BALANCES, {"pk": pk, "sk": sk, "v": len(sk)}))
    store.metrics.clear()
    return pk


def sorts_of(page: QueryPage) -> list[str]:
    return [str(item["sk"]) for item in page.items]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, SORTS),
        ({"prefix": "a#"}, SORTS[:3]),
        ({"prefix": "b#1"}, SORTS[3:4]),
        ({"prefix": "b!"}, ()),
        ({"low": "a#2"}, SORTS[1:]),
        ({"high": "b#1"}, SORTS[:4]),
        ({"low": "a#2", "high": "b#1"}, SORTS[1:4]),
        ({"low": "a#25", "high": "a#26"}, ()),
        ({"low": "b", "high": "a"}, ()),
    ],
)
async def test_a_query_gives_its_range_in_either_direction(
    store: Store,
    partition: str,
    arguments: dict[str, str],
    expected: tuple[str, ...],
    forward: bool,
) -> None:
    page = await store.table.query(
        TableName.BALANCES, partition, forward=forward, consistent=True, **arguments
    )
    assert sorts_of(page) == list(expected if forward else expected[::-1])
    assert page.next_key is None


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    "arguments", [{}, {"prefix": "a#"}, {"prefix": "b#"}, {"low": "a#2", "high": "b#1"}]
)
@pytest.mark.parametrize("after", ["", "a", "a#1", "a#2", "a#25", "b", "b#1", "b#9", "c", "d"])
async def test_after_is_exclusive_and_may_lie_outside_the_range(
    store: Store, partition: str, arguments: dict[str, str], after: str, forward: bool
) -> None:
    def inside(sk: str) -> bool:
        if not sk.startswith(arguments.get("prefix", "")):
            return False
        return arguments.get("low", "") <= sk <= arguments.get("high", "~")

    expected = [sk for sk in SORTS if inside(sk) and (sk > after if forward else sk < after)]
    page = await store.table.query(
        TableName.BALANCES,
        partition,
        forward=forward,
        after=after or None,
        consistent=True,
        **arguments,
    )
    if not after:
        expected = [sk for sk in SORTS if inside(sk)]
    assert sorts_of(page) == (expected if forward else expected[::-1])


async def test_pages_of_a_query_walk_the_partition_once(store: Store, partition: str) -> None:
    walked: list[str] = []
    after: str | None = None
    for _ in range(4):
        page = await store.table.query(
            TableName.BALANCES, partition, limit=2, after=after, consistent=True
        )
        walked += sorts_of(page)
        if page.next_key is None:
            break
        assert page.next_key[0] == partition
        after = page.next_key[1]
    assert walked == list(SORTS)
    assert store.metrics.calls == {"Query": 4}  # a full last page doesn't know that it is the last


async def test_a_page_of_a_query_ends_after_about_a_megabyte(store: Store) -> None:
    pk = fresh()
    for number in range(5):
        item: Item = {"pk": pk, "sk": str(number), "b": "x" * 390_000}
        await store.table.write(Put(TableName.BALANCES, item))
    page = await store.table.query(TableName.BALANCES, pk)
    assert sorts_of(page) == ["0", "1", "2"]
    assert page.next_key == (pk, "2")


# --- Scan -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("segments", [1, 3])
async def test_the_segments_of_a_scan_give_every_item_once(store: Store, segments: int) -> None:
    pks = {fresh("scan") for _ in range(30)}
    for pk in pks:
        for sk in ("a", "b"):
            await store.table.write(Put(TableName.BALANCES, {"pk": pk, "sk": sk}))
    seen: list[tuple[str, str]] = []
    for segment in range(segments):
        after = None
        for _ in range(1_000):
            page = await store.table.scan(
                TableName.BALANCES, segment=segment, segments=segments, after=after, limit=7
            )
            assert len(page.items) <= 7
            seen += [(str(item["pk"]), str(item["sk"])) for item in page.items]
            after = page.next_key
            if after is None:
                break
    ours = sorted(address for address in seen if address[0] in pks)
    assert ours == sorted((pk, sk) for pk in pks for sk in ("a", "b"))


# --- Guards ---------------------------------------------------------------------------------------
GUARDS: list[tuple[Guard, dict[str, str | int] | None, bool]] = [
    (Absent(), None, True),
    (Absent(), {}, False),
    (Present(), None, False),
    (Present(), {}, True),
    (Is("s", "x"), {"s": "x"}, True),
    (Is("s", "x"), {"s": "y"}, False),
    (Is("s", "x"), {}, False),
    (Is("s", "x"), None, False),
    (Is("s", "1"), {"s": 1}, False),
    (Is("long_name", 7), {"long_name": 7}, True),
    (IsOrAbsent("s", "x"), {"s": "x"}, True),
    (IsOrAbsent("s", "x"), {"s": "y"}, False),
    (IsOrAbsent("s", "x"), {}, True),
    (IsOrAbsent("s", "x"), None, True),
    (Within("v", 0, 10), {"v": 10}, True),
    (Within("v", 0, 10), {"v": 0}, True),
    (Within("v", 0, 10), {"v": 11}, False),
    (Within("v", 0, 10), {"v": -1}, False),
    (Within("v", 0, 10), {}, True),
    (Within("v", 0, 10), None, True),
    (Within("v", 1, 10), None, False),
    (Within("v", 1, 10), {}, False),
    (Within("v", -10, -1), None, False),
    (Within("v", INT96_MIN, INT96_MAX), {"v": INT96_MAX}, True),
    (Within("v", INT96_MIN, INT96_MAX - 1), {"v": INT96_MAX}, False),
    (Within("v", 9, 100), {"v": 10}, True),  # numbers, not text
    (BelowOrAbsent("r", 5), {"r": 4}, True),
    (BelowOrAbsent("r", 5), {"r": 5}, False),
    (BelowOrAbsent("r", 5), {}, True),
    (BelowOrAbsent("r", -5), None, True),
]


@pytest.mark.parametrize("guard, attributes, holds", GUARDS)
async def test_a_guard_judges_the_old_item(
    store: Store, guard: Guard, attributes: dict[str, str | int] | None, holds: bool
) -> None:
    pk = fresh()
    key = balance_key(pk)
    old: Item | None = None
    if attributes is not None:
        await given(store, pk, **attributes)
        old = {"pk": pk, "sk": ".", **attributes}
    answer = await store.table.transact([Check(key, (guard,))], token())
    assert answer == (Transacted() if holds else Cancelled((Reason(Cause.GUARD, old),)))
    written = await store.table.write(Put(key.table, {"pk": pk, "sk": ".", "n": 1}, (guard,)))
    assert written == (Written() if holds else GuardFailed(old))
    assert await stored(store, key) == ({"pk": pk, "sk": ".", "n": 1} if holds else old)


async def test_guards_of_one_write_are_all_needed(store: Store) -> None:
    key = await given(store, fresh(), v=5, s="x")
    both = (Within("v", 0, 5), Is("s", "x"))
    assert await store.table.write(Update(key, set={"n": 1}, guards=both)) == Written()
    answer = await store.table.write(Update(key, set={"n": 2}, guards=(*both, Is("n", 2))))
    assert answer == GuardFailed({"pk": key.pk, "sk": ".", "v": 5, "s": "x", "n": 1})


# --- Single writes --------------------------------------------------------------------------------
async def test_an_update_adds_sets_and_keeps_what_stands(store: Store) -> None:
    key = balance_key(fresh())
    update = Update(key, add={"v": 3, "count": 1}, set={"s": "new"}, set_if_absent={"born": 1})
    assert await store.table.write(update) == Written()
    assert await stored(store, key) == {
        "pk": key.pk, "sk": ".", "v": 3, "count": 1, "s": "new", "born": 1,
    }  # fmt: skip
    again = Update(key, add={"v": -INT96_MAX}, set={"s": "newer"}, set_if_absent={"born": 2})
    assert await store.table.write(again) == Written()
    assert await stored(store, key) == {
        "pk": key.pk, "sk": ".", "v": 3 - INT96_MAX, "count": 1, "s": "newer", "born": 1,
    }  # fmt: skip


async def test_a_delete_removes_and_needs_nothing_to_be_there(store: Store) -> None:
    key = await given(store, fresh(), v=1)
    assert await store.table.write(Delete(key, (Is("v", 2),))) == GuardFailed(
        {"pk": key.pk, "sk": ".", "v": 1}
    )
    assert await store.table.write(Delete(key, (Is("v", 1),))) == Written()
    assert await stored(store, key) is None
    assert await store.table.write(Delete(key)) == Written()


async def test_single_writes_are_one_request_each_and_cost_a_unit_a_kilobyte(store: Store) -> None:
    key = balance_key(fresh())
    await store.table.write(
        Put(key.table, {"pk": key.pk, "sk": ".", "b": "x" * 1_500}, (Absent(),))
    )
    await store.table.write(Update(key, add={"v": 1}))
    await store.table.write(Delete(key))
    assert store.metrics.calls == {"PutItem": 1, "UpdateItem": 1, "DeleteItem": 1}
    assert store.metrics.units == {"PutItem": 2, "UpdateItem": 1, "DeleteItem": 1}


# --- Batches --------------------------------------------------------------------------------------
async def test_a_batch_writes_everything_in_one_request(store: Store) -> None:
    entry, checked, deleted, balance = fresh(), fresh(), fresh(), fresh()
    await given(store, checked, s="x")
    await given(store, deleted)
    store.metrics.clear()
    answer = await store.table.transact(
        [
            insert(entry, b="entry"),
            Check(balance_key(checked), (Is("s", "x"),)),
            Delete(balance_key(deleted), (Present(),)),
            Update(
                balance_key(balance), add={"v": 7}, guards=(Within("v", INT96_MIN, INT96_MAX - 7),)
            ),
        ],
        token(),
    )
    assert answer == Transacted()
    assert store.metrics.calls == {"TransactWriteItems": 1}
    assert store.metrics.units == {"TransactWriteItems": 8}
    assert await stored(store, ledger_key(entry)) == {"pk": entry, "sk": ".", "b": "entry"}
    assert await stored(store, balance_key(checked)) == {"pk": checked, "sk": ".", "s": "x"}
    assert await stored(store, balance_key(deleted)) is None
    assert await stored(store, balance_key(balance)) == {"pk": balance, "sk": ".", "v": 7}


async def test_a_failed_guard_cancels_everything_and_shows_the_old_items(store: Store) -> None:
    taken, free, low = fresh(), fresh(), fresh()
    await store.table.write(insert(taken, b="first", a="attempt"))
    await given(store, low, v=-3)
    writes = [
        insert(free, b="fine"),
        insert(taken, b="second"),
        Update(balance_key(low), add={"v": 1}, guards=(Within("v", 0, 10),)),
        Update(balance_key(free), add={"v": 1}),
    ]
    expected = Cancelled(
        (
            Reason(Cause.NONE),
            Reason(Cause.GUARD, {"pk": taken, "sk": ".", "b": "first", "a": "attempt"}),
            Reason(Cause.GUARD, {"pk": low, "sk": ".", "v": -3}),
            Reason(Cause.NONE),
        )
    )
    once = token()
    assert await store.table.transact(writes, once) == expected
    assert await stored(store, ledger_key(free)) is None
    assert await stored(store, balance_key(free)) is None
    assert await stored(store, balance_key(low)) == {"pk": low, "sk": ".", "v": -3}
    assert await store.table.transact(writes, once) == expected  # the token keeps no refusal


async def test_the_same_token_writes_once(store: Store) -> None:
    pk, balance = fresh(), balance_key(fresh())
    writes = [insert(pk), Update(balance, add={"v": 5})]
    once = token()
    for _ in range(3):
        assert await store.table.transact(writes, once) == Transacted()
    assert await stored(store, balance) == {"pk": balance.pk, "sk": ".", "v": 5}


async def test_the_same_token_with_another_batch_is_refused(store: Store) -> None:
    once = token()
    balance = balance_key(fresh())
    assert await store.table.transact([Update(balance, add={"v": 5})], once) == Transacted()
    with pytest.raises(StoreRefused):
        await store.table.transact([Update(balance, add={"v": 6})], once)
    assert await stored(store, balance) == {"pk": balance.pk, "sk": ".", "v": 5}


async def test_a_number_that_outgrows_38_digits_cancels_the_batch(store: Store) -> None:
    key = await given(store, fresh(), v=DIGITS_38)
    other = balance_key(fresh())
    answer = await store.table.transact(
        [Put(other.table, {"pk": other.pk, "sk": "."}), Update(key, add={"v": DIGITS_38})],
        token(),
    )
    assert answer == Cancelled((Reason(Cause.NONE), Reason(Cause.OVERFLOW)))
    assert await stored(store, other) is None
    assert await stored(store, key) == {"pk": key.pk, "sk": ".", "v": DIGITS_38}


async def test_an_item_that_outgrows_400_kb_cancels_the_batch(store: Store) -> None:
    key = await given(store, fresh(), b="x" * 390_000)
    other = balance_key(fresh())
    answer = await store.table.transact(
        [Put(other.table, {"pk": other.pk, "sk": "."}), Update(key, set={"c": "x" * 30_000})],
        token(),
    )
    assert answer == Cancelled((Reason(Cause.NONE), Reason(Cause.OVERFLOW)))
    assert await stored(store, other) is None


async def test_a_batch_of_a_hundred_writes_and_three_megabytes_is_written(store: Store) -> None:
    pks = [fresh() for _ in range(TRANSACT_ITEMS_MAX)]
    answer = await store.table.transact([insert(pk, b="x" * 30_000) for pk in pks], token())
    assert answer == Transacted()
    items = await store.table.get_many([ledger_key(pk) for pk in pks], consistent=True)
    assert all(item is not None and len(str(item["b"])) == 30_000 for item in items)


async def test_a_batch_over_four_megabytes_is_refused(store: Store) -> None:
    pks = [fresh() for _ in range(11)]
    with pytest.raises(StoreRefused):
        await store.table.transact([insert(pk, b="x" * 390_000) for pk in pks], token())
    assert await store.table.get_many([ledger_key(pk) for pk in pks]) == [None] * 11


async def test_two_writes_of_one_item_are_refused(store: Store) -> None:
    key = balance_key(fresh())
    with pytest.raises(StoreRefused):
        await store.table.transact([Update(key, add={"v": 1}), Update(key, add={"v": 2})], token())
    assert await stored(store, key) is None


@pytest.mark.parametrize("pk, sk", [("", "."), ("x", "")])
async def test_an_empty_key_is_refused(store: Store, pk: str, sk: str) -> None:
    put = Put(TableName.LEDGER, {"pk": pk, "sk": sk})
    with pytest.raises(StoreRefused):
        await store.table.transact([put], token())
    with pytest.raises(StoreRefused):
        await store.table.write(put)


async def test_an_item_over_400_kb_is_refused(store: Store) -> None:
    put = insert(fresh(), b="x" * 410_000)
    with pytest.raises(StoreRefused):
        await store.table.write(put)
    assert await stored(store, put.key) is None


async def test_adding_to_text_is_refused(store: Store) -> None:
    key = await given(store, fresh(), v="text")
    with pytest.raises(StoreRefused):
        await store.table.write(Update(key, add={"v": 1}))
    with pytest.raises(StoreRefused):
        await store.table.transact([Update(key, add={"v": 1})], token())
    assert await stored(store, key) == {"pk": key.pk, "sk": ".", "v": "text"}
