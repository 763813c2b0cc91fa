"""Laws of the projections: order of shards and repetition don't matter, buckets add up to
balances.
"""

import asyncio
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from indexer.projections.balances import Counted, counted, project_rollups, whole
from indexer.projections.search import project_documents
from indexer.records import Change
from shared.ledger.accounts import ancestor_paths
from shared.ledger.amounts import INT96_MAX
from shared.ledger.audits import Tally, audit_group, audit_history
from shared.ledger.entries import LedgerEntry
from shared.ledger.history import balance_at, change_in, fold, is_torn, latest, month_item_needed
from shared.ledger.identifiers import account_id
from shared.ledger.periods import LastMoment, Period, local_bucket
from shared.search.index import Kind
from shared.store import keys
from shared.testing.memory_index import MemoryIndex
from tests.builders import entry, ledger

OFFSETS = st.sampled_from([0, 60, -330, 840, -720])
PATHS = st.sampled_from(
    ["assets", "assets/a", "assets/a/x", "assets/b", "liabilities/u:1/w", "liabilities/u:2/w"]
)
AMOUNTS = st.integers(-1_000, 1_000) | st.sampled_from(
    [INT96_MAX, -INT96_MAX, 10**30, 10**30 - 1, -(10**30)]
)
# From the year 1 to the year 9999, often near the bounds of hours, months and years.
POSTED = st.integers(-62_135_596_800_000, 253_402_300_799_999) | st.builds(
    lambda hour, ms: 1_704_067_200_000 + hour * 3_600_000 + ms,
    st.integers(-2_000, 2_000),
    st.sampled_from([-1, 0, 1, 1_800_000]),
)
LINES = st.lists(st.tuples(PATHS, AMOUNTS, st.sampled_from(["USD", "EUR"])), min_size=1, max_size=4)
ENTRIES = st.lists(st.tuples(LINES, POSTED), min_size=1, max_size=12)


def entries_of(asked, of=None) -> list[LedgerEntry]:
    of = of or ledger()
    return [
        entry(of, f"ik-{at}", *lines, posted_ms=posted_ms, groups=[("g", str(at % 2)), ("h", "1")])
        for at, (lines, posted_ms) in enumerate(asked)
    ]


def added(updates, items=None):
    """Items after the updates, by key."""
    items = {} if items is None else items
    for update in updates:
        item = items.setdefault(update.key, {"pk": update.key.pk, "sk": update.key.sk})
        for name, amount in update.add.items():
            item[name] = item.get(name, 0) + amount
        for name, value in update.set_if_absent.items():
            item.setdefault(name, value)
    return items


def histories(items):
    """Those of the items that are histories."""
    return {key: item for key, item in items.items() if key.pk.startswith("B#")}


@given(ENTRIES, OFFSETS, st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_how_entries_are_cut_into_reads_nor_on_their_order(
    asked, offset, random: Random
):
    entries = entries_of(asked)
    offsets = {entries[0].ledger_id: offset}
    at_once = added(project_rollups(map(whole, entries), offsets))
    shuffled = list(entries)
    random.shuffle(shuffled)
    cut = random.randrange(len(shuffled) + 1)
    pieces = added(project_rollups(map(whole, shuffled[:cut]), offsets))
    pieces = added(project_rollups(map(whole, shuffled[cut:]), offsets), pieces)
    assert {key: latest(item) for key, item in pieces.items()} == {
        key: latest(item) for key, item in at_once.items()
    }
    tally = Tally()
    for one in entries:
        tally.add(one, offset)
        tally.add_groups(one, one.groups)
    for items in (at_once, pieces):
        for (account, currency), expected in tally.balances.items():
            head = items[keys.history_head(account, currency)]
            assert audit_history(account, currency, expected, head, {}) == []
        for key, item in items.items():
            if key not in histories(items):
                account, currency, is_strong = keys.parse_group_balance(key.sk)
                name = (key.pk.removeprefix("G#"), account, currency)
                assert not is_strong
                assert audit_group(name, tally.groups[name], item) == []
        assert len(items) == len(tally.balances) + len(tally.groups)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_a_groups_balances_are_the_same_however_late_entries_join_it(asked, random: Random):
    offsets = {ledger().id: 0}
    entries = entries_of(asked)
    born: list[Counted] = []
    joins: list[Counted] = []
    for one in entries:
        stages = [one._replace(groups=one.groups[:at]) for at in range(len(one.groups) + 1)]
        first = random.randrange(len(stages))
        born.append(whole(stages[first]))
        for old, new in pairwise(stages[first:]):
            found = counted(Change("entry", "1", 0, old, new, inserted=False))
            assert found == Counted(new, False, new.groups[len(old.groups) :])
            joins.append(found)
    later = added(project_rollups(joins, offsets), added(project_rollups(born, offsets)))
    at_once = added(project_rollups(map(whole, entries), offsets))
    sums = [
        {key: (latest(item), item.get("p")) for key, item in items.items()}
        for items in (later, at_once)
    ]
    assert sums[0] == sums[1]


def moments(entry_: LedgerEntry, offset: int):
    """The hour, the day, the month and the year that an entry lies in, where they can be named."""
    bucket = local_bucket(entry_.posted_ms, offset)
    year, month = divmod(bucket.month, 100)
    if not 1 <= year <= 9999:
        return []
    day, hour = divmod(bucket.hour, 24)
    return [
        Period("hour", year, month, day + 1, hour),
        Period("day", year, month, day + 1),
        Period("month", year, month),
        Period("quarter", year, (month - 1) // 3 * 3 + 1),
        Period("year", year),
    ]


def within(entry_: LedgerEntry, period: Period, offset: int) -> bool:
    first_ms, last_ms = period.instants(offset)
    return first_ms <= entry_.posted_ms <= last_ms


@given(ENTRIES, OFFSETS, st.booleans())
def test_a_balance_at_any_moment_and_a_change_over_any_period_are_sums_of_lines(
    asked, offset, folded
):
    entries = entries_of(asked)
    items = added(project_rollups(map(whole, entries), {entries[0].ledger_id: offset}))
    wanted = [(e, period) for e in entries[:3] for period in moments(e, offset)]
    for key, head in histories(items).items():
        months = {}
        if folded and (moved := fold(head, hours_max=0)) is not None:
            head, months = moved.head, moved.month_adds
        for _, period in wanted:
            moment = LastMoment(period)
            own_at, child_at = _sums(entries, key, lambda e, m=moment: (
                e.posted_ms <= m.instant_ms(offset)
            ))  # fmt: skip
            month = month_item_needed(moment)
            item = months.get(month)
            assert month is None or not is_torn(head, item, month)
            assert balance_at(head, item, moment) == (own_at, child_at)
            own_in, child_in = _sums(entries, key, lambda e, p=period: within(e, p, offset))
            assert change_in(head, months.get(month_item_needed(period)), period) == (
                own_in,
                child_in,
            )


def _sums(entries, key, counts):
    own = child = 0
    for one in entries:
        if not counts(one):
            continue
        for line in one.lines:
            if line.currency != key.sk[2:]:
                continue
            if account_id(one.ledger_id, line.account_path) == key.pk[2:]:
                own += line.amount
            ids = [account_id(one.ledger_id, path) for path in ancestor_paths(line.account_path)]
            if key.pk[2:] in ids:
                child += line.amount
    return own, child


def documents_of(index: MemoryIndex, ledger_id: str):
    async def read():
        await index.refresh()
        return {
            (kind, stored.id): (stored.version, stored.source)
            for kind in Kind
            async for stored in index.scan(kind, ledger_id)
        }

    return asyncio.run(read())


@given(ENTRIES, st.data())
def test_documents_do_not_depend_on_order_or_repetition(asked, data):
    """Shards interleave as they like; only changes of one entry keep their order, and even that
    isn't needed.
    """
    entries = entries_of(asked)
    changes = []
    for one in entries:
        changes.append(Change("entry", "1", 0, None, one, inserted=True))
        before = one
        for turn in range(data.draw(st.integers(0, 2))):
            after = before._replace(tags=(("k", str(turn)),), revision=before.revision + 1)
            changes.append(Change("entry", "1", 0, before, after, inserted=False))
            before = after
    indices = []
    for order in (changes, data.draw(st.permutations(changes))):
        index = MemoryIndex()
        for change in order:
            for _ in range(data.draw(st.integers(1, 2))):
                asyncio.run(index.bulk(project_documents(change)))
        indices.append(documents_of(index, entries[0].ledger_id))
    assert indices[0] == indices[1]
    assert len([name for name in indices[0] if name[0] is Kind.ENTRIES]) == len(entries)


@given(ENTRIES, OFFSETS)
def test_an_update_of_an_entry_moves_no_history(asked, offset):
    for one in entries_of(asked):
        newer = one._replace(tags=(("k", "v"),), revision=2)
        assert counted(Change("entry", "1", 0, one, newer, inserted=False)) is None
