"""The audit of reversal chains finds what no sound chain can hold."""

import pytest

from shared.ledger.audits import Chains
from shared.ledger.identifiers import entry_id
from tests.builders import entry, ledger

LEDGER = ledger()
FIRST = entry(LEDGER, "a", ("assets/x", 5), ("income/y", 5))
BACK = FIRST._replace(
    id=entry_id(LEDGER.id, "a", 2),
    position=2,
    lines=tuple([line._replace(amount=-line.amount) for line in FIRST.lines]),
    created_ms=FIRST.created_ms + 9,
    reverses=FIRST.id,
)
UNDONE = FIRST._replace(reversed_by=BACK.id, reversed_at_ms=BACK.created_ms, revision=2)
AGAIN = FIRST._replace(id=entry_id(LEDGER.id, "a", 3), position=3)


def told(*entries, head: int = 3) -> list[str]:
    chains = Chains()
    for each in entries:
        chains.add(each, head if each.position == 1 else None)
    return [finding.detail for finding in chains.audit()]


def test_a_sound_chain_of_any_length_is_fine():
    assert told(FIRST, head=1) == []
    assert told(UNDONE, BACK, head=2) == []
    assert told(AGAIN, BACK, UNDONE) == []


@pytest.mark.parametrize(
    ("entries", "head"),
    [
        ((UNDONE, AGAIN), 3),  # a gap
        ((UNDONE, BACK), 3),  # the head is ahead
        ((UNDONE, BACK, AGAIN), 2),  # … or behind
        ((BACK, AGAIN), 3),  # no first entry
        ((FIRST, BACK), 2),  # only one side says so
        ((UNDONE, BACK._replace(reverses=None)), 2),
        ((UNDONE, BACK._replace(lines=FIRST.lines)), 2),  # it undoes nothing
        ((UNDONE, BACK._replace(posted_ms=1)), 2),
        ((UNDONE, BACK._replace(created_ms=1)), 2),
        ((FIRST, AGAIN), 3),  # posted again without a reversal
        ((UNDONE, BACK, AGAIN._replace(reverses=UNDONE.id)), 3),
    ],
)
def test_a_broken_chain_is_told(entries, head):
    assert told(*entries, head=head) != []
