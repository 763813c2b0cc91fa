"""A stream record becomes a change, is ignored, or is put aside; it never raises."""

import pytest

from indexer.records import Change, Ignored, Unreadable, change_of
from shared.store.items import account_attributes, entry_item, ledger_item
from shared.store.streams import StreamRecord
from tests.builders import NOW_MS, account, entry, ledger

LEDGER = ledger()
ENTRY = entry(LEDGER, "one", ("assets/bank", 5), ("income/fees", 5), created_ms=NOW_MS + 3)


def record(old=None, new=None, pk=None):
    image = new if new is not None else old
    kind = "insert" if old is None else "remove" if new is None else "modify"
    return StreamRecord("17", kind, NOW_MS, pk or image["pk"], image["sk"], old, new)


def test_an_inserted_entry_is_as_old_as_its_creation():
    change = change_of(record(new=entry_item(ENTRY, "a")))
    assert change == Change("entry", "17", NOW_MS + 3, None, ENTRY, inserted=True)
    assert change.pk == f"E#{ENTRY.id}"


def test_a_modified_entry_carries_both_revisions():
    newer = ENTRY._replace(tags=(("k", "v"),), revision=2)
    change = change_of(record(old=entry_item(ENTRY, "a"), new=entry_item(newer, "b")))
    assert change == Change("entry", "17", NOW_MS, ENTRY, newer, inserted=False)
    assert change.moved


def test_a_moved_chain_head_leaves_the_entry_as_it_was():
    moved = {**entry_item(ENTRY, "a"), "h": 2}
    change = change_of(record(old=entry_item(ENTRY, "a"), new=moved))
    assert not change.moved


def test_accounts_and_ledgers_are_read():
    made = account(LEDGER, "assets/bank")
    item = {"pk": f"A#{made.id}", "sk": ".", **account_attributes(made)}
    assert change_of(record(new=item)) == Change("account", "17", NOW_MS, None, made, inserted=True)
    assert change_of(record(new=ledger_item(LEDGER))).new == LEDGER


@pytest.mark.parametrize("pk", ["LI#w#ik", "LD#w", "S#w#key", "SD#w", "SL#w#k", "W#w", "C#c"])
def test_other_kinds_are_ignored(pk):
    assert change_of(record(new={"pk": pk, "sk": "."})) == Ignored("17", NOW_MS)


@pytest.mark.parametrize(
    "item",
    [
        {"b": "{", "r": 1},
        {"b": "[]", "r": 1},
        {"b": "{}", "r": 1},
        {"r": 1},
        {**entry_item(ENTRY, "a"), "r": 7},
        {**entry_item(ENTRY, "a"), "b": '{"i":"' + ENTRY.id + '","s":[{"p":"a"}]}'},
    ],
)
def test_what_cannot_be_read_says_why(item):
    image = {**item, "pk": f"E#{ENTRY.id}", "sk": "."}
    change = change_of(record(new=image))
    assert isinstance(change, Unreadable)
    assert (change.sequence, change.pk, change.sk) == ("17", f"E#{ENTRY.id}", ".")
    assert change.reason


def test_what_replaces_something_unreadable_is_a_change_and_no_insert():
    broken = {**entry_item(ENTRY, "a"), "b": "{"}
    change = change_of(record(old=broken, new=entry_item(ENTRY, "a")))
    assert change == Change("entry", "17", NOW_MS, None, ENTRY, inserted=False)
    assert change.moved
    change = change_of(record(old=entry_item(ENTRY, "a"), new=broken))
    assert isinstance(change, Unreadable)
    assert not change.inserted
