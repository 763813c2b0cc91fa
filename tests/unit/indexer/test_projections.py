"""Changes become documents and sums."""

from indexer.projections.balances import Counted, counted, project_rollups, whole
from indexer.projections.search import project_documents, thing_operations
from indexer.records import Change, Ignored
from shared.ledger.history import sum_of
from shared.ledger.identifiers import account_id, group_id
from shared.search.index import Deletion, Kind
from shared.store import keys
from tests.builders import NOW_MS, account, entry, ledger

LEDGER = ledger()
ENTRY = entry(
    LEDGER,
    "one",
    ("liabilities/users:u1/available", 5),
    ("assets/bank", 5),
    groups=[("batch", "7")],
)


def change(old, new, kind="entry"):
    return Change(kind, "1", NOW_MS, old, new, inserted=old is None)


def names(operations):
    return [(each.kind, each.id, each.version) for each in operations]


def test_an_entry_has_a_document_for_itself_its_lines_and_its_groups():
    found = names(project_documents(change(None, ENTRY)))
    assert [each[0] for each in found] == [Kind.ENTRIES, Kind.LINES, Kind.LINES, Kind.GROUPS]
    assert found[0] == (Kind.ENTRIES, ENTRY.id, 1)


def test_an_update_projects_everything_at_the_new_revision():
    newer = ENTRY._replace(tags=(("k", "v"),), revision=2)
    found = project_documents(change(ENTRY, newer))
    assert [each.version for each in found[:3]] == [2, 2, 2]
    assert names(found) == names(project_documents(change(None, newer)))


def test_a_write_that_leaves_the_revision_projects_nothing():
    assert project_documents(change(ENTRY, ENTRY)) == []


def test_a_removed_entry_and_account_are_deleted_at_a_higher_version():
    found = project_documents(change(ENTRY, None))
    assert all(isinstance(each, Deletion) for each in found)
    assert names(found)[0] == (Kind.ENTRIES, ENTRY.id, 2)
    made = account(LEDGER, "assets/bank")
    assert names(project_documents(change(made, None, "account"))) == [(Kind.ACCOUNTS, made.id, 2)]


def test_a_ledger_has_no_documents():
    assert project_documents(change(None, LEDGER, "ledger")) == []


def test_a_load_brings_the_same_documents_as_the_stream():
    assert thing_operations(ENTRY) == project_documents(change(None, ENTRY))


def test_an_entry_is_counted_when_it_is_inserted_and_not_when_it_is_updated():
    assert counted(change(None, ENTRY)) == Counted(ENTRY, True, ENTRY.groups)
    assert counted(change(ENTRY, ENTRY._replace(revision=2))) is None
    assert counted(change(None, LEDGER, "ledger")) is None
    assert counted(Ignored("1", 0)) is None


def test_each_account_and_ancestor_gets_one_update_in_the_order_of_keys():
    updates = project_rollups([whole(ENTRY)], {LEDGER.id: 0})
    paths = [
        "liabilities",
        "liabilities/users:u1",
        "liabilities/users:u1/available",
        "assets",
        "assets/bank",
    ]
    expected = sorted(keys.history_head(account_id(LEDGER.id, path), "USD") for path in paths)
    assert [each.key for each in updates if each.key.pk.startswith("B#")] == expected
    # NOW_MS is 2023-11-14T22:13:20Z: hour 13 * 24 + 22 of November
    own = {"r": 1, "o": 5, "m202311": 5, "h202311.334": 5}
    child = {"r": 1, "c": 5, "n202311": 5, "j202311.334": 5}
    by_key = {each.key: dict(each.add) for each in updates}
    assert by_key[keys.history_head(account_id(LEDGER.id, "assets/bank"), "USD")] == own
    assert by_key[keys.history_head(account_id(LEDGER.id, "liabilities"), "USD")] == child


def test_each_line_of_an_entry_counts_for_each_of_its_groups():
    one = entry(
        LEDGER,
        "x",
        ("assets/a", 1),
        ("assets/b", 7),
        ("assets/a", 2),
        groups=[("g", "1"), ("h", "1")],
    )
    updates = [u for u in project_rollups([whole(one)], {LEDGER.id: 0}) if u.key.pk[:2] == "G#"]
    expected = {
        keys.group_eventual(
            group_id(LEDGER.id, key, "1"), path, account_id(LEDGER.id, path), "USD"
        ): (
            {"r": 1, "o": amount},
            {"p": path},
        )
        for key in ("g", "h")
        for path, amount in (("assets/a", 3), ("assets/b", 7))
    }
    assert {each.key: (each.add, each.set_if_absent) for each in updates} == expected


def test_a_group_that_is_joined_gets_the_lines_and_the_histories_do_not():
    joined = ENTRY._replace(groups=(*ENTRY.groups, ("order", "1")), revision=2)
    found = counted(change(ENTRY, joined))
    assert found == Counted(joined, False, (("order", "1"),))
    updates = project_rollups([found], {LEDGER.id: 0})
    group = group_id(LEDGER.id, "order", "1")
    assert {each.key.pk for each in updates} == {keys.group_balances(group)}
    assert [each.add for each in updates] == [{"r": 1, "o": 5}, {"r": 1, "o": 5}]


def test_a_sum_of_zero_and_one_beyond_38_digits_are_kept():
    largest = 2**120 - 1
    lines = [("assets/a", 1), ("assets/a", -1), *[("assets/b", largest)] * 30]
    one = entry(LEDGER, "x", *lines, groups=[("g", "1")])
    updates = [u for u in project_rollups([whole(one)], {LEDGER.id: 0}) if u.key.pk[:2] == "G#"]
    assert [sum_of({**each.add}) for each in updates] == [0, 30 * largest]


def test_the_sums_of_many_entries_are_one_update_for_each_account():
    entries = [entry(LEDGER, f"{at}", ("assets/a", at), ("assets/b", -at)) for at in range(50)]
    updates = project_rollups(map(whole, entries), {LEDGER.id: 0})
    assert len(updates) == 3
    totals = {each.key: each.add.get("o") for each in updates}
    assert totals[keys.history_head(account_id(LEDGER.id, "assets/a"), "USD")] == 1225
    assert totals[keys.history_head(account_id(LEDGER.id, "assets"), "USD")] is None


def test_hours_are_the_ledgers_own():
    updates = project_rollups([whole(ENTRY)], {LEDGER.id: 2 * 60})  # 2023-11-15T00:13:20 there
    histories = [each for each in updates if each.key.pk.startswith("B#")]
    assert all("m202311" in each.add or "n202311" in each.add for each in histories)
    assert all("h202311.336" in each.add or "j202311.336" in each.add for each in histories)


def test_currencies_and_ledgers_stay_apart():
    other = ledger("other")
    entries = [
        entry(LEDGER, "x", ("assets/a", 1), ("assets/b", 2, "EUR")),
        entry(other, "x", ("assets/a", 4)),
    ]
    updates = project_rollups(map(whole, entries), {LEDGER.id: 0, other.id: 0})
    by_key = {each.key: each.add for each in updates}
    assert len(by_key) == 6
    assert by_key[keys.history_head(account_id(LEDGER.id, "assets"), "EUR")]["c"] == 2
    assert by_key[keys.history_head(account_id(other.id, "assets"), "USD")]["c"] == 4
