"""What of a value can be searched, and that everything of it comes back."""

from dataclasses import replace

import orjson
import pytest

from shared.ledger.accounts import LedgerAccount
from shared.ledger.entries import LedgerEntry, LedgerLine
from shared.ledger.identifiers import account_id, external_account_id, line_id
from shared.ledger.positions import POSTED_MS_MAX
from shared.limits import LINE_RECORD_BYTES_MAX
from shared.search.documents import (
    account_deletions,
    account_documents,
    account_from_source,
    entries_of_lines,
    entry_deletions,
    entry_documents,
    entry_from_source,
    group_documents,
    placed_line_from_source,
)
from shared.search.index import Deletion, Document, Kind
from shared.search.indices import mapping

LEDGER = "0" * 32
ENTRY = LedgerEntry(
    id="e" * 32,
    ledger_id=LEDGER,
    workspace_id="w",
    ik="order-1",
    position=1,
    posted_ms=1_000,
    created_ms=2_000,
    lines=(
        LedgerLine(0, "assets/cash", "asset", -5, "USD"),
        LedgerLine(
            1,
            "liabilities/users:7/held:9",
            "liability",
            -(2**120) + 1,
            "CUSTOM/gems",
            key="user",
            tags=(("k", "v"),),
            tx_id="tx",
            tx_external_id="bank-1",
        ),
        LedgerLine(2, "assets/cash", "asset", 0, "USD"),
    ),
    type="pay",
    type_version=3,
    tags=(("user", "7"), ("user", "8"), ("note", "")),
    groups=(("order", "1"),),
    revision=4,
)
ACCOUNT = LedgerAccount(
    id=account_id(LEDGER, "liabilities/users:7/held"),
    ledger_id=LEDGER,
    workspace_id="w",
    path="liabilities/users:7/held",
    ik="liabilities/users:7/held",
    name="Held",
    type="liability",
    currency_mode="multi",
    currency=None,
    parent_id="p" * 32,
    parent_path="liabilities/users:7",
    created_ms=5_000,
    linked=None,
    revision=2,
)


def sources(documents: list[Document]) -> list[dict[str, object]]:
    """What the index would keep."""
    return [{**each.source, "record": orjson.loads(each.record)} for each in documents]


def test_an_entry_is_searched_by_what_its_lists_filter_by() -> None:
    document = entry_documents(ENTRY)[0]
    assert document[:4] == (Kind.ENTRIES, ENTRY.id, LEDGER, 4)
    assert document.source == {
        "ledger": LEDGER,
        "sort_key": f"{LEDGER}#253402300798999#{ENTRY.id}",
        "id": ENTRY.id,
        "ik": "order-1",
        "posted": 1_000,
        "accounts": [
            account_id(LEDGER, "assets/cash"),
            account_id(LEDGER, "liabilities/users:7/held:9"),
            "liabilities/users:*/held:*",
        ],
        "type": "pay",
        "type_version": 3,
        "tags": ["user\x007", "user\x008", "note\x00", "user", "note"],
        "groups": ["order\x001", "order"],
    }


def test_a_line_is_searched_by_its_account_in_every_form() -> None:
    _, plain, placed, _ = entry_documents(ENTRY)
    account = account_id(LEDGER, "liabilities/users:7/held:9")
    assert placed.source == {
        "ledger": LEDGER,
        "account": account,
        "by_account": f"{LEDGER}#{account}#253402300798999#{ENTRY.id}-1",
        "by_ledger": f"{LEDGER}#253402300798999#{ENTRY.id}-1",
        "id": line_id(ENTRY.id, 1),
        "entry": ENTRY.id,
        "posted": 1_000,
        "created": 2_000,
        "currency": "CUSTOM/gems",
        "side": "debit",
        "key": "user",
        "path": "liabilities/users:7/held:9",
        "pattern": "liabilities/users:*/held:*",
        "instances": ["1/users:7", "2/held:9"],
        "ancestors": ["liabilities", "liabilities/users:7"],
        "tags": ["k\x00v", "k"],
        "tx": "tx",
        "external_tx": "bank-1",
    }
    assert {"pattern", "instances", "tags", "key", "tx"}.isdisjoint(plain.source)


def test_only_entries_of_a_reversal_carry_flags() -> None:
    reversing = ENTRY._replace(reverses="a" * 32)
    reversed_entry = ENTRY._replace(reversed_by="b" * 32, reversed_at_ms=1)
    for document in entry_documents(ENTRY):
        assert "flags" not in document.source
    for document in entry_documents(reversing):
        assert document.source["flags"] == ["hidden", "reversal"]
    for document in entry_documents(reversed_entry):
        assert document.source["flags"] == ["hidden", "reversed"]


def test_every_field_of_a_document_is_mapped() -> None:
    linked = replace(ACCOUNT, linked=("link", "external"))
    documents = [
        *entry_documents(ENTRY._replace(reverses="a" * 32)),
        *account_documents(linked),
        *group_documents(ENTRY),
    ]
    for document in documents:
        mapped = mapping(document.kind)["properties"].keys()
        assert {*document.source, "record"} <= mapped, document.kind


def test_values_come_back_whole() -> None:
    entry, *lines = sources(entry_documents(ENTRY))
    assert entry_from_source(entry) == ENTRY
    placed = [placed_line_from_source(line) for line in lines]
    assert [each.line for each in placed] == list(ENTRY.lines)
    assert {each.entry.id for each in placed} == {ENTRY.id}
    assert entries_of_lines(lines) == []

    linked = replace(ACCOUNT, linked=("link", "external"))
    for account in (ACCOUNT, linked):
        (source,) = sources(account_documents(account))
        assert account_from_source(source) == account


@pytest.mark.parametrize(("excess", "carried"), [(0, True), (1, False)])
def test_lines_of_a_large_entry_leave_it_to_be_loaded(excess: int, carried: bool) -> None:
    size = len(entry_documents(ENTRY._replace(description=""))[0].record)
    filler = "x" * (LINE_RECORD_BYTES_MAX - size + excess)
    large = ENTRY._replace(description=filler)
    entry, *lines = sources(entry_documents(large))

    assert entry_from_source(entry) == large
    assert entries_of_lines(lines) == ([] if carried else [ENTRY.id])
    loaded = None if carried else {ENTRY.id: large}
    assert [placed_line_from_source(line, loaded).entry for line in lines] == [large] * 3


def test_an_account_is_searched_by_what_stands_above_it() -> None:
    (document,) = account_documents(ACCOUNT)
    assert document[:4] == (Kind.ACCOUNTS, ACCOUNT.id, LEDGER, 2)
    assert document.source == {
        "ledger": LEDGER,
        "sort_key": f"{LEDGER}#253402300794999#{ACCOUNT.id}",
        "id": ACCOUNT.id,
        "created": 5_000,
        "type": "liability",
        "path": "liabilities/users:7/held",
        "pattern": "liabilities/users:*/held",
        "patterns": ["liabilities", "liabilities/users:*", "liabilities/users:*/held"],
        "ancestors": ["liabilities", "liabilities/users:7"],
        "instances": ["1/users:7"],
        "parent": "p" * 32,
        "flags": ["child"],
    }


def test_a_linked_account_is_searched_by_its_external_account() -> None:
    root = replace(ACCOUNT, path="bank", parent_id=None, linked=("1" * 32, "external"))
    (document,) = account_documents(root)
    term = f"{external_account_id('1' * 32, 'external')}@{root.workspace_id}"
    assert document.source["external_account"] == term
    assert document.source["by_external"] == f"{term}#253402300794999#{root.id}"
    assert document.source["flags"] == ["linked"]
    assert document.source["patterns"] == ["bank"]


def test_a_link_to_what_can_t_exist_is_no_keyword() -> None:
    (document,) = account_documents(replace(ACCOUNT, linked=(None, "external")))
    assert "external_account" not in document.source
    assert "by_external" not in document.source
    assert document.source["flags"] == ["child", "linked"]


def test_the_earlier_entry_of_a_group_has_the_higher_version() -> None:
    (first,) = group_documents(ENTRY)
    (second,) = group_documents(ENTRY._replace(created_ms=2_001))
    (other,) = group_documents(ENTRY._replace(groups=(("order", "2"),)))
    assert first.id == second.id != other.id
    assert first.version == second.version + 1
    assert first.source["created"] == 2_000
    assert group_documents(ENTRY._replace(created_ms=POSTED_MS_MAX))[0].version == 1
    assert group_documents(ENTRY._replace(groups=())) == []


def test_a_deletion_is_newer_than_what_it_removes() -> None:
    ids = [ENTRY.id, *ENTRY.line_ids()]
    kinds = [Kind.ENTRIES, Kind.LINES, Kind.LINES, Kind.LINES]
    assert entry_deletions(ENTRY) == [
        Deletion(kind, each, LEDGER, 5) for kind, each in zip(kinds, ids, strict=True)
    ]
    assert account_deletions(ACCOUNT) == [Deletion(Kind.ACCOUNTS, ACCOUNT.id, LEDGER, 3)]
