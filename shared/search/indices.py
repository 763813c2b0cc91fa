"""The Elasticsearch indices: names, strict mappings, index sort, settings. One index per kind.

    alias  <prefix>entries          what everybody reads and writes
    index  <prefix>entries-v1       made by provisioning; `v1` is the mapping version
           <prefix>entries-v1-2     made by a rebuild: filled beside the live one, then made live

Fields are keywords without doc values (filtered by, never sorted or aggregated), numbers that are
filtered by range, and the sort keys: doc values only, because nobody looks one up. With terms
beside them an index is half again as large, and pages that can't end early cost two to three times
as much. Only base field types are used, no analysis, no scripts. Nothing is mapped by itself:
users' tag and group keys are values here, never field names. `id` is stored, not indexed: a
document's own `_id` answers for it.

An index is sorted by its kind's sort key, so a page is read from its place in the order instead of
being selected from everything that matches. Change a mapping and its version together; provisioning
then asks for a rebuild.
"""

from typing import Any

from shared.search.index import Kind

MAPPING_VERSION = 3

SORT_FIELDS: dict[Kind, str] = {
    Kind.ENTRIES: "sort_key",
    Kind.LINES: "by_account",
    Kind.ACCOUNTS: "sort_key",
    Kind.GROUPS: "sort_key",
    Kind.TXS: "sort_key",
}
REFRESH_INTERVAL = "1s"
NO_REFRESH = "-1"

_Mapping = dict[str, Any]
_WORD: _Mapping = {"type": "keyword", "doc_values": False}
_SORTED: _Mapping = {"type": "keyword", "index": False}
_STORED: _Mapping = {"type": "keyword", "index": False, "doc_values": False}
_NUMBER: _Mapping = {"type": "long"}
_VERSION: _Mapping = {"type": "long", "doc_values": False}
_RECORD: _Mapping = {"type": "object", "enabled": False}

_FIELDS: dict[Kind, dict[str, _Mapping]] = {
    Kind.ENTRIES: {
        "ledger": _WORD,
        "sort_key": _SORTED,
        "id": _STORED,
        "ik": _WORD,
        "posted": _NUMBER,
        "type": _WORD,
        "type_version": _VERSION,
        "tags": _WORD,
        "groups": _WORD,
        "accounts": _WORD,
        "flags": _WORD,
        "record": _RECORD,
    },
    Kind.LINES: {
        "ledger": _WORD,
        "account": _WORD,
        "by_account": _SORTED,
        "by_ledger": _SORTED,
        "id": _STORED,
        "entry": _STORED,
        "posted": _NUMBER,
        "created": _NUMBER,
        "currency": _WORD,
        "side": _WORD,
        "key": _WORD,
        "path": _WORD,
        "pattern": _WORD,
        "instances": _WORD,
        "ancestors": _WORD,
        "tags": _WORD,
        "tx": _WORD,
        "external_tx": _WORD,
        "flags": _WORD,
        "record": _RECORD,
    },
    Kind.ACCOUNTS: {
        "ledger": _WORD,
        "sort_key": _SORTED,
        "id": _STORED,
        "created": _NUMBER,
        "type": _WORD,
        "path": _WORD,
        "pattern": _WORD,
        "ancestors": _WORD,
        "patterns": _WORD,
        "instances": _WORD,
        "parent": _WORD,
        "external_account": _WORD,
        "by_external": _SORTED,  # only of Linked Ledger Accounts: one list over all Ledgers
        "earliest": _NUMBER,
        "latest": _NUMBER,
        "flags": _WORD,
        "record": _RECORD,
    },
    Kind.GROUPS: {
        "ledger": _WORD,
        "sort_key": _SORTED,
        "id": _STORED,
        "key": _WORD,
        "value": _WORD,
        "created": _NUMBER,
        "record": _RECORD,
    },
    Kind.TXS: {
        "link": _WORD,
        "external_account": _WORD,
        "sort_key": _SORTED,
        "id": _STORED,
        "external_id": _WORD,
        "posted": _NUMBER,
        "reconciled": _WORD,  # ids of the Ledger Accounts that have a line with it
        "flags": _WORD,
        "record": _RECORD,
    },
}


def mapping(kind: Kind) -> dict[str, Any]:
    """The strict mapping of a kind's index."""
    return {
        "dynamic": "strict",
        "_routing": {"required": True},
        "_meta": {"mapping_version": MAPPING_VERSION},
        "properties": _FIELDS[kind],
    }


def index_settings(kind: Kind, shards: int, replicas: int) -> dict[str, Any]:
    """Settings of a kind's index when it serves; a load starts without refresh and replicas."""
    return {
        "number_of_shards": shards,
        "number_of_replicas": replicas,
        "refresh_interval": REFRESH_INTERVAL,
        "sort.field": SORT_FIELDS[kind],
        "sort.order": "asc",
    }


def alias_name(prefix: str, kind: Kind) -> str:
    """What a kind is read and written by."""
    return f"{prefix}{kind.value}"


def index_name(prefix: str, kind: Kind, generation: int) -> str:
    """The `generation`-th index (from 1) of the kind with today's mapping."""
    first = f"{prefix}{kind.value}-v{MAPPING_VERSION}"
    return first if generation == 1 else f"{first}-{generation}"


def parse_index_name(prefix: str, name: str) -> tuple[Kind, int, int] | None:
    """Kind, mapping version and generation of one of our indices; None for any other name."""
    if not name.startswith(prefix):
        return None
    kind, separator, rest = name[len(prefix) :].partition("-v")
    version, _, generation = rest.partition("-")
    if not separator or kind not in frozenset(Kind):
        return None
    if not version.isdigit() or not (generation or "1").isdigit():
        return None
    return Kind(kind), int(version), int(generation or "1")
