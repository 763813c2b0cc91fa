"""Items that the first version wrote are read as what they were then."""

from dataclasses import replace

import orjson

from shared.ledger.identifiers import external_account_id, tx_id
from shared.ledger.ledgers import Ledger, SchemaHead, SchemaVersion
from shared.ledger.links import Tx, tx_record
from shared.store import items, keys
from shared.store.table import Item

LEDGER = Ledger("l", "w", "main", "Main", 0, 1, "s", 2)
HEAD = SchemaHead("w", "s", "S", 2, 1, "digest")
VERSION = SchemaVersion("w", "s", 2, 1, {"key": "s"})


def without(item: Item, *names: str) -> Item:
    """The item as it was before its body had these members."""
    body = orjson.loads(bytes(item["b"]) if isinstance(item["b"], bytes) else str(item["b"]))
    kept = {name: value for name, value in body.items() if name not in names}
    text = orjson.dumps(kept)
    return {**item, "b": text if isinstance(item["b"], bytes) else text.decode()}


def test_a_ledger_is_on_the_first_schema_of_its_key():
    assert items.ledger_from_item(without(items.ledger_item(LEDGER), "g", "f")) == LEDGER


def test_a_schema_is_live_and_the_first_of_its_key():
    assert items.schema_head_from_item(without(items.schema_head_item(HEAD), "g", "t")) == HEAD
    item = items.schema_version_item(VERSION)
    assert items.schema_version_from_item(without(item, "g")) == VERSION


def test_versions_of_a_keys_schemas_stand_apart_and_in_order():
    sorts = [keys.schema_version("w", "s", *at).sk for at in ((1, 9), (1, 10), (2, 1), (2, 2))]
    assert sorts[0] == "v0000000009"
    assert sorts == sorted(sorts)
    assert [sort.startswith(keys.schema_versions(1)) for sort in sorts] == [True] * 2 + [False] * 2
    later = items.schema_version_item(replace(VERSION, generation=2))
    assert items.schema_version_from_item(later).generation == 2


def test_a_tx_has_its_revision_from_its_attribute():
    account = external_account_id("a" * 32, "checking")
    tx = Tx(tx_id(account, "t", 1), "w", "a" * 32, account, "checking", "t", 1, 5, "USD", "T", 1, 2)
    item = items.new_tx_item(tx)
    old = {**item, "b": orjson.dumps(tx_record(tx)).decode()}
    assert items.tx_from_item(old) == items.tx_from_item(item) == tx
    assert items.tx_from_item({**old, "r": 2}) == replace(tx, revision=2)
