"""Walks through a partition: complete, without repeats, the same in both directions."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from read_service.connections import PageArguments
from read_service.lists import page_of_all
from read_service.walks import Partition, Walked, walk
from shared.clock import FixedClock
from shared.errors import RejectionError
from shared.limits import LIST_WALK_ITEMS_MAX, SORT_KEY_BYTES_MAX
from shared.store.table import Item, Put, TableName
from shared.testing.memory import MemoryTable

DIGEST = b"list of a test"


async def filled(names: Sequence[str]) -> MemoryTable:
    table = MemoryTable(clock=FixedClock())
    for name in names:
        await table.write(Put(TableName.BALANCES, {"pk": "p", "sk": name}))
    return table


async def page_of(
    table: MemoryTable, page: PageArguments, *, descending: bool = False, leave_out: str = ""
) -> Walked[str]:
    async def hydrate(items: Sequence[Item]) -> list[str | None]:
        names = [str(item["sk"]) for item in items]
        return [None if name[-1] in leave_out else name for name in names]

    partition = Partition(TableName.BALANCES, "p", descending=descending)
    return await walk(table, partition, page, hydrate, filtered=bool(leave_out))


@given(
    names=st.lists(st.integers(0, 999).map("{:03d}".format), unique=True, max_size=40),
    size=st.integers(1, 9),
    descending=st.booleans(),
    leave_out=st.sampled_from(["", "5", "02468"]),
)
async def test_a_walk_visits_each_node_once_in_both_directions(
    names: list[str], size: int, descending: bool, leave_out: str
) -> None:
    table = await filled(names)
    expected = sorted([name for name in names if name[-1] not in leave_out], reverse=descending)
    options = {"descending": descending, "leave_out": leave_out}
    forward: list[str] = []
    page = PageArguments(size)
    while True:
        walked = await page_of(table, page, **options)  # type: ignore[arg-type]
        forward += walked.nodes
        assert walked.positions == walked.nodes
        if not walked.more:
            break
        page = PageArguments(size, after=walked.last)
    assert forward == expected
    backward: list[str] = []
    page = PageArguments(size, from_end=True)
    while True:
        walked = await page_of(table, page, **options)  # type: ignore[arg-type]
        backward = [*walked.nodes, *backward]
        if not walked.more:
            break
        page = PageArguments(size, before=walked.first)
    assert backward == expected


@given(
    names=st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=20),
    size=st.integers(1, 7),
)
async def test_a_short_list_is_paged_as_a_long_one_is(names: list[str], size: int) -> None:
    table = await filled(names)
    placed = [(name, name) for name in sorted(names)]
    for page in (
        PageArguments(size),
        PageArguments(size, after="ab"),
        PageArguments(size, before="ab"),
        PageArguments(size, from_end=True),
    ):
        walked = await page_of(table, page)
        short = page_of_all(DIGEST, page, placed)
        assert list(short.nodes) == walked.nodes
        more = short.page_info.has_previous_page if page.backward else short.page_info.has_next_page
        assert more == walked.more


async def test_a_page_that_would_take_too_many_items_is_refused() -> None:
    table = await filled([f"{number:04d}1" for number in range(LIST_WALK_ITEMS_MAX + 1)])
    with pytest.raises(RejectionError) as refused:
        await page_of(table, PageArguments(5), leave_out="1")
    assert refused.value.rejection.code == "invalid_filter"


async def test_a_position_beyond_the_range_gives_an_empty_page_or_the_whole_range() -> None:
    table = await filled(["a", "b", "c"])

    async def hydrate(items: Sequence[Item]) -> list[str]:
        return [str(item["sk"]) for item in items]

    partition = Partition(TableName.BALANCES, "p", low="b", high="c")
    cases = {
        PageArguments(5, after="z"): [],
        PageArguments(5, after="a"): ["b", "c"],
        PageArguments(5, before="z"): ["b", "c"],
        PageArguments(5, before="a"): [],
    }
    for page, expected in cases.items():
        walked = await walk(table, partition, page, hydrate, filtered=False)
        assert (walked.nodes, walked.more) == (expected, False)


async def test_a_position_that_no_sort_key_can_have_is_refused() -> None:
    table = await filled(["a", "b"])
    longest = "ä" * (SORT_KEY_BYTES_MAX // 2)
    assert (await page_of(table, PageArguments(2, after=longest))).nodes == []
    for page in (PageArguments(2, after=longest + "a"), PageArguments(2, before=longest + "a")):
        with pytest.raises(RejectionError) as refused:
            await page_of(table, page)
        assert refused.value.rejection.code == "invalid_cursor"
