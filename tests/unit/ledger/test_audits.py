"""audit_history: what a history has to show beside its sums."""

import pytest

from shared.ledger.audits import Tally, audit_history
from shared.ledger.balances import history_deltas
from shared.ledger.history import head_adds
from tests.builders import entry, ledger

LEDGER = ledger()
ENTRIES = [
    entry(LEDGER, "there", ("assets/bank", 5), ("assets", 7)),
    entry(LEDGER, "back", ("assets/bank", -5), ("assets", -7)),
]


def heads():
    """Each account's id and head, after entries that come to nothing."""
    tally = Tally()
    for each in ENTRIES:
        tally.add(each, 0)
    deltas = history_deltas(ENTRIES, 0)
    by_path = {key.account_path: head_adds(delta) for key, delta in deltas.items()}
    return [
        (account, expected, by_path[expected.path])
        for (account, _), expected in tally.balances.items()
    ]


def test_a_history_of_lines_that_come_to_nothing_is_sound():
    assert [(expected.path, expected.lines()) for _, expected, _ in heads()] == [
        ("assets", (True, True)),
        ("assets/bank", (True, False)),
    ]
    for account, expected, head in heads():
        assert audit_history(account, "USD", expected, head, {}) == []


@pytest.mark.parametrize("lost", ["o", "c"])
def test_a_history_that_hides_its_lines_is_found(lost):
    account, expected, head = heads()[0]
    del head[lost]
    (finding,) = audit_history(account, "USD", expected, head, {})
    assert finding.invariant == "I4/I5"
    assert "(True, True)" in finding.detail


def test_a_history_that_shows_lines_that_are_not_there_is_found():
    account, expected, head = heads()[1]
    (finding,) = audit_history(account, "USD", expected, {**head, "c": 0}, {})
    assert finding.detail.endswith("should be (True, False)")
