"""Names and mappings of the indices."""

from hashlib import sha256

import orjson
import pytest

from shared.search.index import (
    ACCOUNTS_NEWEST,
    ENTRIES_NEWEST,
    GROUPS_BY_KEY,
    LINES_OF_ACCOUNT,
    LINES_OF_LEDGER,
    Kind,
    Order,
)
from shared.search.indices import (
    MAPPING_VERSION,
    SORT_FIELDS,
    alias_name,
    index_name,
    index_settings,
    mapping,
    parse_index_name,
)

# What the mappings of a version are. A change of any mapping or index sort needs a new version, so
# that provisioning can tell that a rebuild is due.
SORT_KEY = {"type": "keyword", "index": False}  # doc values, no terms
DIGESTS = {1: "57e9a0e22bdeddbb", 2: "88f4bacdd7c67628", 3: "72d419fdc894dfa7"}


def test_a_changed_mapping_has_a_changed_version() -> None:
    settled = [[mapping(kind), SORT_FIELDS[kind]] for kind in Kind]
    digest = sha256(orjson.dumps(settled)).hexdigest()[:16]
    assert DIGESTS[MAPPING_VERSION] == digest


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("generation", [1, 2, 17])
def test_a_name_says_what_it_is_of(kind: Kind, generation: int) -> None:
    name = index_name("my-prefix-", kind, generation)
    assert name.startswith(f"{alias_name('my-prefix-', kind)}-v{MAPPING_VERSION}")
    assert parse_index_name("my-prefix-", name) == (kind, MAPPING_VERSION, generation)


@pytest.mark.parametrize(
    "name",
    ["other-entries-v1", "p-entries", "p-entries-v", "p-entries-vx", "p-cats-v1", "p-entries-v1-x"],
)
def test_a_name_of_something_else_is_not_ours(name: str) -> None:
    assert parse_index_name("p-", name) is None


@pytest.mark.parametrize("kind", Kind)
def test_mappings_are_strict_routed_and_of_base_types(kind: Kind) -> None:
    mapped = mapping(kind)
    assert mapped["dynamic"] == "strict"
    assert mapped["_routing"] == {"required": True}
    assert {field["type"] for field in mapped["properties"].values()} <= {
        "keyword",
        "long",
        "object",
    }
    assert mapped["properties"]["record"] == {"type": "object", "enabled": False}


@pytest.mark.parametrize("kind", Kind)
def test_an_index_is_sorted_by_one_keyword_with_doc_values(kind: Kind) -> None:
    settings = index_settings(kind, shards=3, replicas=2)
    assert settings["sort.field"] == SORT_FIELDS[kind]
    assert mapping(kind)["properties"][SORT_FIELDS[kind]] == SORT_KEY
    assert (settings["number_of_shards"], settings["number_of_replicas"]) == (3, 2)
    assert settings["refresh_interval"] == "1s"


@pytest.mark.parametrize(
    "order",
    [ENTRIES_NEWEST, LINES_OF_ACCOUNT, LINES_OF_LEDGER, ACCOUNTS_NEWEST, GROUPS_BY_KEY],
)
def test_an_order_names_mapped_fields(order: Order) -> None:
    fields = mapping(order.kind)["properties"]
    assert fields[order.field] == SORT_KEY
    assert fields[order.scope_field]["type"] == "keyword"
    time_field = order.time_field
    assert time_field is None or fields[time_field] == {"type": "long"}
