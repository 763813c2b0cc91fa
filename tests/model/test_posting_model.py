"""The write path on the in-memory table against the single-threaded oracle."""

import asyncio
from itertools import count

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.clock import FixedClock
from shared.ledger import identifiers
from shared.ledger.amounts import INT96_MAX
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id, group_id
from shared.limits import UPDATES_PER_ENTRY_MAX
from shared.store import keys
from shared.store.items import entry_from_item, strong_balance
from shared.store.table import TableName
from shared.testing.memory import MemoryTable
from shared.testing.model import LedgerModel, ModelCondition, ModelEntry, ModelLine, agrees
from tests.write_rig import LEDGER_IK, WORKSPACE, open_quickstart, write_services
from write_service.chains import read_entry
from write_service.commands import EntryMatch, LedgerMatch, UpdateLedgerEntry
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

USERS = st.sampled_from(["ann", "bob", "cid"])
AMOUNTS = st.integers(1, 100) | st.sampled_from([INT96_MAX, INT96_MAX - 1])
IKS = st.integers(0, 25).map(str)
GROUPS = st.lists(
    st.tuples(st.sampled_from(["order", "batch"]), st.sampled_from("12")),
    max_size=2,
    unique_by=lambda group: group[0],
).map(tuple)
MOMENTS = st.integers(0, 10**12)
BANK = "assets/banks/user-cash"
CODES = {
    "unbalanced": "invalid_entry_balance",
    "condition": "conditional_request_failed",
    "overflow": "balance_overflow",
}


def wallet(user: str) -> str:
    return f"liabilities/users:{user}/available"


def named(groups: tuple) -> list[dict]:
    return [{"key": key, "value": value} for key, value in groups]


def fund(ik: str, user: str, amount: int, posted_ms: int, groups: tuple) -> tuple[dict, ModelEntry]:
    body = {
        "ledger": {"ik": LEDGER_IK},
        "type": "user_funds_account",
        "posted": posted_ms,
        "parameters": {"user_id": user, "funding_amount": str(amount)},
        "groups": named(groups),
    }
    lines = (ModelLine(BANK, "asset", amount), ModelLine(wallet(user), "liability", amount))
    return body, ModelEntry(ik, posted_ms, lines, (), groups)


def transfer(
    ik: str, source: str, to: str, amount: int, posted_ms: int, groups: tuple
) -> tuple[dict, ModelEntry]:
    body = {
        "ledger": {"ik": LEDGER_IK},
        "type": "p2p_transfer",
        "posted": posted_ms,
        "parameters": {
            "from_user_id": source,
            "to_user_id": to,
            "transfer_amount": str(amount),
        },
        "groups": named(groups),
    }
    lines = (
        ModelLine(wallet(source), "liability", -amount),
        ModelLine(wallet(to), "liability", amount),
    )
    guarded = ModelCondition(wallet(source), pre=False, gte=0)
    return body, ModelEntry(ik, posted_ms, lines, (guarded,), groups)


ENTRIES = st.one_of(
    st.builds(lambda *args: ("fund", args), IKS, USERS, AMOUNTS, MOMENTS, GROUPS),
    st.builds(lambda *args: ("transfer", args), IKS, USERS, USERS, AMOUNTS, MOMENTS, GROUPS),
)


def built(asked):
    kind, args = asked
    return (fund if kind == "fund" else transfer)(*args)


class Posting(RuleBasedStateMachine):
    @initialize()
    def open(self):
        self.loop = asyncio.new_event_loop()
        self.clock = FixedClock()
        self.table = MemoryTable(clock=self.clock)
        self.tokens = count(1)
        self.model = LedgerModel(
            strong=frozenset(wallet(user) for user in ("ann", "bob", "cid")),
            strong_groups=frozenset(["order"]),
        )
        self.start()
        self.ledger = self.run(open_quickstart(self.services, strong_groups=("order",)))

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
        body, entry = built(asked)
        stood = self.model.entries.get(entry.ik)
        command = add_ledger_entry(WORKSPACE, entry.ik, LedgerEntryInput.model_validate(body))
        outcome = self.run(post_entry(self.services, command))
        if stood is not None:
            assert isinstance(outcome, Committed)
            posted, is_ik_replay = outcome.entries[0]
            assert is_ik_replay
            assert [line.amount for line in posted.lines] == [line.amount for line in stood.lines]
            return
        self.check(self.model.post([entry]), outcome)

    @rule(asked=st.lists(ENTRIES, min_size=1, max_size=5, unique_by=lambda one: one[1][0]))
    def post_atomically(self, asked):
        pairs = [built(each) for each in asked]
        stood = [entry.ik in self.model.entries for _, entry in pairs]
        commands = [
            add_ledger_entry(WORKSPACE, entry.ik, LedgerEntryInput.model_validate(body))
            for body, entry in pairs
        ]
        outcome = self.run(post_batch(self.services, commands))
        self.check(self.model.post([entry for _, entry in pairs]), outcome)
        if isinstance(outcome, Committed):
            assert [is_ik_replay for _, is_ik_replay in outcome.entries] == stood
            assert [posted.ik for posted, _ in outcome.entries] == [entry.ik for _, entry in pairs]

    @rule(asked=st.lists(ENTRIES, min_size=2, max_size=6, unique_by=lambda one: one[1][0]))
    def post_at_once(self, asked):
        """Concurrent posts of one process are taken in the order in which they came."""
        pairs = [built(each) for each in asked]

        async def together():
            commands = [
                add_ledger_entry(WORKSPACE, entry.ik, LedgerEntryInput.model_validate(body))
                for body, entry in pairs
            ]
            return await asyncio.gather(
                *[post_entry(self.services, command) for command in commands]
            )

        outcomes = self.run(together())
        for (_, entry), outcome in zip(pairs, outcomes, strict=True):
            stood = entry.ik in self.model.entries
            self.check(self.model.post([entry]), outcome)
            if isinstance(outcome, Committed):
                assert outcome.entries[0][1] == stood

    @rule(ik=IKS, group=st.tuples(st.sampled_from(["order", "batch"]), st.sampled_from("12")))
    def join(self, ik, group):
        if ik not in self.model.chains:
            return
        match = EntryMatch(None, ik, LedgerMatch(ik=LEDGER_IK))
        command = UpdateLedgerEntry(WORKSPACE, match, (), (), (group,), ())
        outcome = self.run(update_entry(self.services, command))
        if self.model.join(ik, group, UPDATES_PER_ENTRY_MAX):
            assert isinstance(outcome, LedgerEntry)
            assert group in outcome.groups
        else:
            assert isinstance(outcome, Rejected)

    # --- Changes --------------------------------------------------------------------------------
    @rule(ik=IKS, position=st.integers(1, 4))
    def reverse(self, ik, position):
        stood = self.model.chains.get(ik, ())
        if position > len(stood):
            return
        entry_id = identifiers.entry_id(self.ledger.id, ik, position)
        is_newest = position == len(stood) and position % 2 == 1
        outcome = self.run(reverse_entry(self.services, WORKSPACE, entry_id))
        reasons = self.model.reverse(ik) if is_newest else frozenset()
        if reasons:
            self.check(reasons, outcome)
            return
        assert isinstance(outcome, Reversed)
        assert outcome.is_replay == (not is_newest)
        assert outcome.reversed.reversed_by == outcome.reversing.id
        assert outcome.reversing.reverses == outcome.reversed.id

    @rule(ik=IKS, asked=ENTRIES)
    def migrate(self, ik, asked):
        stood = self.model.chains.get(ik, ())
        if len(stood) % 2 == 0:
            return
        kind, args = asked
        body, entry = built((kind, (ik, *args[1:])))
        entry_id = identifiers.entry_id(self.ledger.id, ik, len(stood))
        services = self.services

        async def migrated():
            standing = await read_entry(services.table, entry_id)
            command = add_ledger_entry(WORKSPACE, ik, LedgerEntryInput.model_validate(body))
            return await migrate_entry(services, standing, command)

        outcome = self.run(migrated())
        reasons = self.model.reverse(ik, entry)
        if reasons:
            self.check(reasons, outcome)
        else:
            assert isinstance(outcome, Migrated)
            assert outcome.new.position == len(self.model.chains[ik])

    @rule(ik=IKS, key=st.sampled_from("abc"), value=st.integers(0, 9).map(str))
    def update(self, ik, key, value):
        if ik not in self.model.chains:
            return
        match = EntryMatch(None, ik, LedgerMatch(ik=LEDGER_IK))
        command = UpdateLedgerEntry(WORKSPACE, match, ((key, value),), (), (), ())
        outcome = self.run(update_entry(self.services, command))
        if self.model.tag(ik, key, value, UPDATES_PER_ENTRY_MAX):
            assert isinstance(outcome, LedgerEntry)
            assert (key, value) in outcome.tags
        else:
            assert isinstance(outcome, Rejected)

    def check(self, reasons, outcome):
        if not reasons:
            assert isinstance(outcome, Committed), outcome
        else:
            assert isinstance(outcome, Rejected), (reasons, outcome)
            told = {rejection.code for _, rejection in outcome.rejections}
            assert not told.isdisjoint({CODES[reason] for reason in reasons})

    @invariant()
    def the_store_agrees_with_the_model(self):
        if not hasattr(self, "ledger"):
            return
        stored = {}
        for item in self.table.dump(TableName.LEDGER):
            if str(item["pk"]).startswith("E#"):
                entry = entry_from_item(item)
                stored[(entry.ik, entry.position)] = entry
        assert agrees(self.model, stored) == []
        balances = {(item["pk"], item["sk"]): item for item in self.table.dump(TableName.BALANCES)}
        for path in self.model.strong:
            key = keys.strong_own(account_id(self.ledger.id, path), "USD")
            assert strong_balance(balances.get((key.pk, key.sk))) == self.model.own(path)
            for value in "12":
                order = group_id(self.ledger.id, "order", value)
                key = keys.group_strong(order, path, account_id(self.ledger.id, path), "USD")
                found = strong_balance(balances.get((key.pk, key.sk)))
                assert found == self.model.in_group(("order", value), path)
        assert not [sk for _, sk in balances if sk.endswith("#S") and BANK in sk]


TestPosting = Posting.TestCase
TestPosting.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # explaining takes minutes
)
