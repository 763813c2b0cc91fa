"""Value -> document, and back: what of an entry, a line, an account or a group can be searched.

    entry    ledger sort_key id ik posted type type_version tags groups accounts flags
    line     ledger account by_account by_ledger id entry posted created currency side key path
             pattern instances ancestors tags tx external_tx flags
    account  ledger sort_key id created type path pattern ancestors patterns instances parent
             external_account by_external earliest latest flags
    group    ledger sort_key id key value created
    tx       link external_account sort_key id external_id posted reconciled flags

Everything else of a value travels in the document's `record`, unsearched, so that a page of hits is
a page of whole values. Dates need no field: a day, in UTC or in the ledger's own time, is a range
of `posted`. Amounts need none either: no filter asks for them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from shared.ledger.accounts import (
    LedgerAccount,
    ancestor_paths,
    consistency_from_record,
    consistency_record,
    line_side,
)
from shared.ledger.chart import pattern_of
from shared.ledger.clearing import ClearingState
from shared.ledger.entries import LedgerEntry, LedgerLine, PlacedLine
from shared.ledger.identifiers import account_id, group_id, line_id
from shared.ledger.links import Tx, tx_from_record, tx_record
from shared.ledger.positions import POSTED_MS_MAX, inverted_ms, position_of
from shared.ledger.records import entry_from_record, entry_record
from shared.limits import ACCOUNT_FIELDS_CACHED_MAX, LINE_RECORD_BYTES_MAX
from shared.search.clauses import pair_term
from shared.search.index import Deletion, Document, Kind

HIDDEN = "hidden"
REVERSAL = "reversal"
REVERSED = "reversed"
CHILD = "child"  # an account that has a parent
LINKED = "linked"  # a Linked Ledger Account
DELETED = "deleted"  # a Tx
PENDING = "pending"  # a clearing account with a balance left
CLEARING_FIELDS = ("earliest", "latest")  # beside the flag: what moves with the postings


# --- Entries and lines ----------------------------------------------------------------------------
def entry_documents(entry: LedgerEntry) -> list[Document]:
    """The entry's document, then one for each line. Their version is the entry's revision."""
    assert entry.lines
    assert entry.revision >= 1
    ledger, revision = entry.ledger_id, entry.revision
    record = orjson.dumps(entry_record(entry))
    position = position_of(entry.posted_ms, entry.id)
    flags = _entry_flags(entry)
    # A line carries its whole entry, so that a page of lines is whole too: 3 kB for 30 plain lines.
    # Not a large one: 30 lines with 100 kB of parameters would write 3 MB. The reader loads it.
    line_record = record if len(record) <= LINE_RECORD_BYTES_MAX else b"null"
    accounts: dict[str, None] = {}
    documents = []
    for line in entry.lines:
        source = _line_source(entry, line, position)
        if flags:
            source["flags"] = flags
        accounts[source["account"]] = None
        if "pattern" in source:
            accounts[source["pattern"]] = None  # no id looks like a pattern
        documents.append(Document(Kind.LINES, source["id"], ledger, revision, source, line_record))
    source = {
        "ledger": ledger,
        "sort_key": f"{ledger}#{position}",
        "id": entry.id,
        "ik": entry.ik,
        "posted": entry.posted_ms,
        "accounts": list(accounts),
    }
    if entry.type is not None:
        source["type"] = entry.type
        source["type_version"] = entry.type_version
    if entry.tags:
        source["tags"] = _pair_terms(entry.tags)
    if entry.groups:
        source["groups"] = _pair_terms(entry.groups)
    if flags:
        source["flags"] = flags
    return [Document(Kind.ENTRIES, entry.id, ledger, revision, source, record), *documents]


def _line_source(entry: LedgerEntry, line: LedgerLine, entry_position: str) -> dict[str, Any]:
    ledger = entry.ledger_id
    position = f"{entry_position}-{line.place}"
    account = _account_fields(ledger, line.account_path)
    source = {
        **account,
        "ledger": ledger,
        "by_account": f"{ledger}#{account['account']}#{position}",
        "by_ledger": f"{ledger}#{position}",
        "id": line_id(entry.id, line.place),
        "entry": entry.id,
        "posted": entry.posted_ms,
        "created": entry.created_ms,
        "currency": line.currency,
        "side": line_side(line.account_type, line.amount),
    }
    if line.key is not None:
        source["key"] = line.key
    if line.tags:
        source["tags"] = _pair_terms(line.tags)
    if line.tx_id is not None:
        source["tx"] = line.tx_id
    if line.tx_external_id is not None:
        source["external_tx"] = line.tx_external_id
    return source


@lru_cache(maxsize=ACCOUNT_FIELDS_CACHED_MAX)
def _account_fields(ledger_id: str, path: str) -> dict[str, Any]:
    """What a line's document says of its account: the same for every line, so it is kept."""
    fields: dict[str, Any] = {"account": account_id(ledger_id, path), "path": path}
    if "/" in path:
        fields["ancestors"] = ancestor_paths(path)
    if ":" in path:
        fields["pattern"] = pattern_of(path)
        fields["instances"] = instance_terms(path)
    return fields


def entry_deletions(entry: LedgerEntry) -> list[Deletion]:
    """Removes the entry's documents; `entry` is the last revision that stood."""
    ledger, version = entry.ledger_id, entry.revision + 1
    deletions = [Deletion(Kind.ENTRIES, entry.id, ledger, version)]
    for line in entry.lines:
        deletions.append(Deletion(Kind.LINES, line_id(entry.id, line.place), ledger, version))
    return deletions


def entry_from_source(source: Mapping[str, Any]) -> LedgerEntry:
    """The entry of a hit in the entries index."""
    return entry_from_record(source["record"])


def entries_of_lines(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids of the entries that hits of the lines index are too large to carry: few, or none."""
    return list(dict.fromkeys([s["entry"] for s in sources if s["record"] is None]))


def placed_line_from_source(
    source: Mapping[str, Any], loaded: Mapping[str, LedgerEntry] | None = None
) -> PlacedLine:
    """The line of a hit in the lines index, with its whole entry.

    `loaded` holds the entries that `entries_of_lines` named, by id.
    """
    record = source["record"]
    if record is not None:
        entry = entry_from_record(record)
    else:
        assert loaded is not None, "entries_of_lines says what to load first"
        entry = loaded[source["entry"]]
    index = int(source["id"].rpartition("-")[2])
    return PlacedLine(entry, entry.lines[index])


def _entry_flags(entry: LedgerEntry) -> list[str]:
    flags = []
    if entry.hidden:
        flags.append(HIDDEN)
    if entry.is_reversal:
        flags.append(REVERSAL)
    if entry.is_reversed:
        flags.append(REVERSED)
    return flags


def _pair_terms(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    """`key NUL value` for each pair, then each key alone."""
    terms = [pair_term(key, value) for key, value in pairs]
    terms.extend(dict.fromkeys([key for key, _ in pairs]))
    return terms


# --- Accounts -------------------------------------------------------------------------------------
def account_documents(
    account: LedgerAccount, clearing: ClearingState | None = None, version: int | None = None
) -> list[Document]:
    """The account's one document. Its version is the account's revision.

    That of a clearing account with lines also shows its state, under a `version` that counts every
    change of anything it shows (indexer/clearing.py).
    """
    assert account.revision >= 1
    assert version is None or version >= account.revision
    ledger, path = account.ledger_id, account.path
    ancestors = ancestor_paths(path)
    source: dict[str, Any] = {
        "ledger": ledger,
        "sort_key": f"{ledger}#{position_of(account.created_ms, account.id)}",
        "id": account.id,
        "created": account.created_ms,
        "type": account.type,
        "path": path,
        "pattern": pattern_of(path),
        "patterns": [pattern_of(each) for each in (*ancestors, path)],
    }
    flags = []
    if ancestors:
        source["ancestors"] = ancestors
    if ":" in path:
        source["instances"] = instance_terms(path)
    if account.parent_id is not None:
        source["parent"] = account.parent_id
        flags.append(CHILD)
    if account.linked is not None:
        flags.append(LINKED)
        external = account.external_account_id
        if external is not None:
            term = linked_term(account.workspace_id, external)
            source["external_account"] = term
            source["by_external"] = f"{term}#{position_of(account.created_ms, account.id)}"
    if clearing is not None:
        source["earliest"], source["latest"] = clearing.window
        if clearing.is_pending:
            flags.append(PENDING)
    if flags:
        source["flags"] = flags
    record = orjson.dumps(_account_record(account))
    version = account.revision if version is None else version
    return [Document(Kind.ACCOUNTS, account.id, ledger, version, source, record)]


def account_deletions(account: LedgerAccount) -> list[Deletion]:
    """Removes the account's document; `account` is the last revision that stood."""
    return [Deletion(Kind.ACCOUNTS, account.id, account.ledger_id, account.revision + 1)]


def account_from_source(source: Mapping[str, Any]) -> LedgerAccount:
    """The account of a hit in the accounts index."""
    record = source["record"]
    linked = record["linked"]
    consistency = consistency_from_record(record.get("consistency"))
    tuples = {"linked": None if linked is None else tuple(linked), "consistency": consistency}
    return LedgerAccount(**{**record, **tuples})


def _account_record(account: LedgerAccount) -> dict[str, Any]:
    record = {name: getattr(account, name) for name in LedgerAccount.__dataclass_fields__}
    config = record.pop("consistency")
    if config is not None:
        record["consistency"] = consistency_record(config)
    return record


def instance_terms(path: str) -> list[str]:
    """One keyword for each template instance on the path, with its level: `1/users:u1`."""
    parts = enumerate(path.split("/"))
    return [f"{level}/{part}" for level, part in parts if ":" in part]


def linked_term(workspace_id: str, external_account_id: str) -> str:
    """Keyword of the accounts that a workspace links to an External Account. Who names the account
    of another workspace isn't among that one's.
    """
    return f"{external_account_id}@{workspace_id}"


# --- Groups ---------------------------------------------------------------------------------------
def group_documents(entry: LedgerEntry) -> list[Document]:
    """One document for each of the entry's groups: key, value, and `created` of the first entry
    in it.

    The earlier an entry was created the higher its documents' version, so of all entries of a
    group the first one's document stays, in whatever order they are indexed.
    """
    ledger, created_ms = entry.ledger_id, entry.created_ms
    version = POSTED_MS_MAX - created_ms + 1
    assert version >= 1
    documents = []
    for key, value in entry.groups:
        identity = group_id(ledger, key, value)
        source = {
            "ledger": ledger,
            "sort_key": f"{ledger}#{pair_term(key, inverted_ms(created_ms))}#{identity}",
            "id": identity,
            "key": key,
            "value": value,
            "created": created_ms,
        }
        record = orjson.dumps({"key": key, "value": value, "created": created_ms})
        documents.append(Document(Kind.GROUPS, identity, ledger, version, source, record))
    return documents


# --- Txs ------------------------------------------------------------------------------------------
def tx_documents(tx: Tx) -> list[Document]:
    """The Tx's one document, deleted or not. Its version is the Tx's revision."""
    assert tx.revision >= 1
    account = tx.account_id
    source: dict[str, Any] = {
        "link": tx.link_id,
        "external_account": account,
        "sort_key": f"{account}#{position_of(tx.posted_ms, tx.id)}",
        "id": tx.id,
        "external_id": tx.external_id,
        "posted": tx.posted_ms,
    }
    if tx.reconciled:
        source["reconciled"] = [account_id for account_id, _ in tx.reconciled]
    if tx.is_deleted:
        source["flags"] = [DELETED]
    record = orjson.dumps(tx_record(tx))
    return [Document(Kind.TXS, tx.id, account, tx.revision, source, record)]


def tx_from_source(source: Mapping[str, Any]) -> Tx:
    """The Tx of a hit in the txs index."""
    return tx_from_record(source["record"])
