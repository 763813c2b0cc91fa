"""The write path on the in-memory table against the oracle: what is stored after every step.

Below GraphQL and on asyncio's own loop: here concurrent posts have an order.
"""

import asyncio
from itertools import count
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from shared.clock import FixedClock
from shared.ledger import identifiers
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id, group_id
from shared.store import keys
from shared.store.items import entry_from_item, strong_balance
from shared.store.table import TableName
from shared.testing.memory import MemoryTable
from tests.model import ledger_schema as book
from tests.model.drawing import (
    CODES,
    FUNDS,
    GROUPS,
    ORDER_NAMES,
    PAYMENTS,
    SWAPS,
    TAGS,
    USER_NAMES,
)
from tests.model.oracle import UPDATES_MAX, Entry, Oracle
from tests.write_rig import LEDGER_IK, SCHEMA_KEY, WORKSPACE, open_quickstart, write_services
from write_service.chains import read_entry
from write_service.commands import AddLedgerEntry, EntryMatch, LedgerMatch, UpdateLedgerEntry
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.plans import Committed, Rejected
from write_service.posting import post_batch, post_entry
from write_service.revising import (
    Migrated,
    Reversed,
    migrate_entry,
    reverse_entry,
    update_entry,
)

ENTRIES = st.one_of(FUNDS, FUNDS, PAYMENTS, PAYMENTS, SWAPS)


def built(asked: Any) -> tuple[AddLedgerEntry, Entry]:
    kind, args = asked
    body, entry = getattr(book, kind)(*args)
    given = body | {"ledger": {"ik": LEDGER_IK}, "posted": entry.posted_ms}
    return add_ledger_entry(WORKSPACE, entry.ik, LedgerEntryInput.model_validate(given)), entry


def posted_lines(entry: Any) -> list[tuple[str, int, str]]:
    """Of a stored entry."""
    return [(each.account_path, each.amount, each.currency) for each in entry.lines]


def asked_lines(entry: Entry) -> list[tuple[str, int, str]]:
    """Of the oracle's entry."""
    return [(each.path, each.amount, each.currency) for each in entry.lines]


class Posting(RuleBasedStateMachine):
    @initialize()
    def open(self):
        self.loop = asyncio.new_event_loop()
        self.clock = FixedClock()
        self.table = MemoryTable(clock=self.clock)
        self.tokens = count(1)
        self.oracle = Oracle(book.is_strong, frozenset([book.STRONG_GROUP]))
        self.start()
        document = book.schema(0) | {"key": SCHEMA_KEY}
        opening = open_quickstart(
            self.services, document=document, strong_groups=(book.STRONG_GROUP,)
        )
        self.ledger = self.run(opening)

    def run(self, main):
        return self.loop.run_until_complete(main)

    def start(self):
        async def made():
            return write_services(self.table, self.clock, self.tokens)

        self.services = self.run(made())

    def teardown(self):
        if hasattr(self, "loop"):
            self.loop.close()

    @rule()
    def restart(self):
        """A new process knows nothing but the table."""
        self.start()

    @rule(ms=st.integers(1, 5_000))
    def time_passes(self, ms):
        self.clock.advance(ms)

    @rule(asked=ENTRIES)
    def post(self, asked):
        command, entry = built(asked)
        self.check([entry], self.run(post_entry(self.services, command)))

    @rule(asked=st.lists(ENTRIES, min_size=1, max_size=5, unique_by=lambda one: one[1][0]))
    def post_atomically(self, asked):
        pairs = [built(each) for each in asked]
        outcome = self.run(post_batch(self.services, [command for command, _ in pairs]))
        self.check([entry for _, entry in pairs], outcome)

    @rule(asked=st.lists(ENTRIES, min_size=2, max_size=6, unique_by=lambda one: one[1][0]))
    def post_at_once(self, asked):
        """Concurrent posts of one process are taken in the order in which they came; a post under
        an ik that was reversed is looked up first, and may come later."""
        pairs = [built(each) for each in asked if self.is_new_or_stands(each[1][0])]

        async def together():
            return await asyncio.gather(
                *[post_entry(self.services, command) for command, _ in pairs]
            )

        for (_, entry), outcome in zip(pairs, self.run(together()), strict=True):
            self.check([entry], outcome)

    def is_new_or_stands(self, ik):
        newest = self.oracle.newest(ik)
        return newest is None or not newest.hidden

    # --- Changes --------------------------------------------------------------------------------
    @precondition(lambda self: self.oracle.chains)
    @rule(data=st.data())
    def reverse(self, data):
        ik = self.drawn_ik(data)
        position = data.draw(st.integers(1, len(self.oracle.chains[ik])))
        entry_id = identifiers.entry_id(self.ledger.id, ik, position)
        outcome = self.run(reverse_entry(self.services, WORKSPACE, entry_id))
        told = self.oracle.reverse(ik, position)
        if isinstance(told, tuple):
            self.refused(told, outcome)
            return
        assert isinstance(outcome, Reversed)
        assert outcome.is_replay == told
        assert outcome.reversed.reversed_by == outcome.reversing.id
        assert outcome.reversing.reverses == outcome.reversed.id

    @precondition(lambda self: self.oracle.chains)
    @rule(data=st.data(), asked=ENTRIES)
    def migrate(self, data, asked):
        ik = self.drawn_ik(data)
        standing = self.oracle.newest(ik)
        if standing.hidden:
            return
        kind, args = asked
        command, entry = built((kind, (ik, *args[1:])))

        async def migrated():
            entry_id = identifiers.entry_id(self.ledger.id, ik, standing.position)
            found = await read_entry(self.services.table, entry_id)
            return await migrate_entry(self.services, found, command)

        outcome = self.run(migrated())
        told = self.oracle.migrate(ik, standing.position, entry)
        if isinstance(told, tuple):
            self.refused(told, outcome)
            return
        assert isinstance(outcome, Migrated)
        assert outcome.new.position == standing.position + 2

    @precondition(lambda self: self.oracle.chains)
    @rule(data=st.data(), tags=TAGS, remove=TAGS, groups=GROUPS)
    def update(self, data, tags, remove, groups):
        ik = self.drawn_ik(data)
        self.update_one(ik, tags, {} if tags.keys() & remove.keys() else remove, groups)

    @precondition(lambda self: self.oracle.chains)
    @rule(data=st.data())
    def update_too_often(self, data):
        ik = self.drawn_ik(data)
        for at in range(UPDATES_MAX + 1):
            self.update_one(ik, {"memo": str(at)}, {}, {})

    def update_one(self, ik, tags, remove, groups):
        match = EntryMatch(None, ik, LedgerMatch(ik=LEDGER_IK))
        held = self.oracle.newest(ik).tags
        gone = {key: held[key] for key in remove if key in held}
        command = UpdateLedgerEntry(
            WORKSPACE, match, tuple(tags.items()), tuple(gone.items()), tuple(groups.items()), ()
        )
        outcome = self.run(update_entry(self.services, command))
        told = self.oracle.update(ik, tags, gone, groups)
        if told is not None:
            self.refused((told,), outcome)
            return
        assert isinstance(outcome, LedgerEntry)
        assert dict(outcome.tags) == self.oracle.newest(ik).tags
        assert dict(outcome.groups) == self.oracle.newest(ik).groups

    def drawn_ik(self, data):
        return data.draw(st.sampled_from(sorted(self.oracle.chains)))

    # --- Comparing ------------------------------------------------------------------------------
    def check(self, entries, outcome):
        """Posts the entries to the oracle, whose answer the outcome must be."""
        told = self.oracle.post(entries)
        refused = [each for each in told if isinstance(each, tuple)]
        if refused:  # what doesn't balance is seen before anything is asked of the table
            self.refused(min(refused, key=lambda each: each != ("unbalanced",)), outcome)
            return
        assert isinstance(outcome, Committed), outcome
        assert [is_replay for _, is_replay in outcome.entries] == told
        for (posted, _), asked in zip(outcome.entries, entries, strict=True):
            standing = self.oracle.newest(asked.ik)
            assert (posted.ik, posted.position) == (asked.ik, standing.position)
            assert posted_lines(posted) == asked_lines(standing)

    def refused(self, reasons, outcome):
        """Which of several reasons is told depends on what else was committed at once."""
        assert isinstance(outcome, Rejected), (reasons, outcome)
        codes = {rejection.code for _, rejection in outcome.rejections}
        assert not codes.isdisjoint({CODES[word] for word in reasons}), (reasons, codes)

    @invariant()
    def the_store_agrees_with_the_oracle(self):
        if not hasattr(self, "ledger"):
            return
        stored = {}
        for item in self.table.dump(TableName.LEDGER):
            if str(item["pk"]).startswith("E#"):
                entry = entry_from_item(item)
                stored[(entry.ik, entry.position)] = entry
        assert stored.keys() == {(each.ik, each.position) for each in self.oracle.entries()}
        for due in self.oracle.entries():
            seen = stored[(due.ik, due.position)]
            assert posted_lines(seen) == asked_lines(due)
            assert (seen.posted_ms, seen.updates) == (due.posted_ms, due.updates)
            assert (dict(seen.tags), dict(seen.groups)) == (due.tags, due.groups)
            assert seen.is_reversed == (due.reversed_by is not None)
            assert seen.is_reversal == (due.reverses is not None)
        self.strong_balances_agree()

    def strong_balances_agree(self):
        balances = {(item["pk"], item["sk"]): item for item in self.table.dump(TableName.BALANCES)}
        groups = {
            value: self.oracle.group_balances(book.STRONG_GROUP, value) for value in ORDER_NAMES
        }
        for path in map(book.wallet, USER_NAMES):
            account = account_id(self.ledger.id, path)
            key = keys.strong_own(account, "USD")
            assert strong_balance(balances.get((key.pk, key.sk))) == self.oracle.own(path, "USD")
            for value, due in groups.items():
                order = group_id(self.ledger.id, book.STRONG_GROUP, value)
                key = keys.group_strong(order, path, account, "USD")
                found = strong_balance(balances.get((key.pk, key.sk)))
                assert found == due.get((path, "USD"), 0)
        assert not [sk for _, sk in balances if sk.endswith("#S") and book.BANK in sk]


TestPosting = Posting.TestCase
TestPosting.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # explaining takes minutes
)
