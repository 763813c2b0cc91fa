"""Keys: every kind is told in the module's table, and no two kinds or things share a key."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.store import keys
from shared.store.table import Key

PART = st.text("ab:/0", min_size=1, max_size=4)  # no part can hold a #
LETTERS = st.characters(exclude_characters="#", exclude_categories=["Cs"])
LONG_PATHS = st.text(LETTERS, max_size=1_024)
MILLISECONDS = st.integers(0, keys.POSTED_MS_MAX)
MAKERS = (
    (keys.entry, (PART,)),
    (keys.account, (PART,)),
    (keys.account_ik, (PART, PART)),
    (keys.custom_currency, (PART, PART)),
    (keys.custom_currency_listed, (PART, MILLISECONDS, PART)),
    (keys.ledger, (PART,)),
    (keys.ledger_ik, (PART, PART)),
    (keys.ledger_listed, (PART, MILLISECONDS, PART)),
    (keys.schema_head, (PART, PART)),
    (keys.schema_version, (PART, PART, st.integers(1, 10**5), st.integers(1, 10**9))),
    (keys.schema_listed, (PART, MILLISECONDS, PART)),
    (keys.schema_ledger_listed, (PART, PART, MILLISECONDS, PART)),
    (keys.link, (PART, PART)),
    (keys.external_account, (PART,)),
    (keys.tx, (PART,)),
    (keys.workspace, (PART,)),
    (keys.client, (PART,)),
    (keys.client_listed, (PART, PART)),
    (keys.strong_own, (PART, PART)),
    (keys.strong_total, (PART, PART)),
    (keys.history_head, (PART, PART)),
    (keys.history_month, (PART, PART, st.integers(101, 999_912))),
    (keys.entry_count, (PART, PART, st.integers(1, 10**9))),
    (keys.group_eventual, (PART, PART, PART, PART)),
    (keys.group_strong, (PART, PART, PART, PART)),
    (keys.strong_entry_listed, (PART, MILLISECONDS, PART)),
    (keys.strong_line_listed, (PART, MILLISECONDS, PART)),
    (keys.ledger_migration, (PART, st.integers(1, 10**9))),
    (keys.schema_work, (PART, PART)),
    (keys.parked_schema_work, (PART, PART)),
    (keys.sweep_work, (MILLISECONDS, PART)),
    (keys.native_link, (PART, PART)),
    (keys.link_secrets, (PART,)),
    (keys.posted_window, (PART,)),
    (keys.clearing_mark, (PART,)),
    (keys.checkpoint, (PART, PART)),
    (keys.quarantined, (PART, PART)),
)
CALLS = st.one_of([st.tuples(st.just(make), st.tuples(*parts)) for make, parts in MAKERS])


def test_every_function_that_makes_a_key_is_known_here():
    makers = {
        name
        for name, made in vars(keys).items()
        if callable(made) and getattr(made, "__annotations__", {}).get("return") is Key
    }
    assert makers == {make.__name__ for make, _ in MAKERS}


def test_every_kind_of_partition_is_in_the_table_of_the_module():
    told = set(re.findall(r"^    ([A-Z]+)#[< ]", keys.__doc__ or "", re.MULTILINE))
    made = {make(*["1" if part is PART else 1 for part in parts]).pk for make, parts in MAKERS}
    assert {keys.kind_of(pk) for pk in made} == told


@given(CALLS, CALLS)
def test_two_things_never_share_a_key(one, other):
    (make_one, parts_one), (make_other, parts_other) = one, other
    same = make_one is make_other and parts_one == parts_other
    assert (make_one(*parts_one) == make_other(*parts_other)) == same


@given(
    PART,
    st.text(st.characters(exclude_characters="#", exclude_categories=["Cs"]), max_size=1_024),
    PART,
    st.booleans(),
)
def test_the_sort_key_of_a_groups_balance_says_what_it_is_and_is_never_too_long(
    group, path, account, is_strong
):
    make = keys.group_strong if is_strong else keys.group_eventual
    custom = "CUSTOM/" + "ü" * 36
    key = make(group, path, account * 8, custom)
    assert keys.parse_group_balance(key.sk) == (account * 8, custom, is_strong)
    assert len(key.sk.encode()) <= 1_024
    assert key.sk.startswith(f"{keys.group_path(path)}#")
    assert path.startswith(keys.group_path(path))


def test_the_clients_of_a_workspace_lie_in_one_partition_by_id():
    assert keys.client_listed("default", "c1") == (keys.LEDGER, "CD#default", "c1")
    assert keys.client_directory("default") == "CD#default"
