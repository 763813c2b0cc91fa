"""Two write processes and a Schema version that only one of them has seen."""

import json
from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.entries import LedgerEntry
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from tests.migrating import migrate
from tests.write_rig import LEDGER_IK, QUICKSTART, WORKSPACE, open_quickstart, write_services
from write_service.commands import EntryMatch, UpdateLedgerEntry
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.plans import Committed, Outcome, Rejected
from write_service.posting import WriteServices, post_batch, post_entry
from write_service.revising import Reversed, reverse_entry, update_entry
from write_service.schemas import store_schema

OLD_LINES = [
    {"account": {"path": "assets/banks/user-cash"}, "amount": "5"},
    {"account": {"path": "liabilities/users:ann/available"}, "amount": "5"},
]
LINES = [
    {"account": {"path": "assets/reserve"}, "amount": "5"},
    {"account": {"path": "assets/banks/user-cash"}, "amount": "-5"},
]


class Processes:
    """`ahead` has moved the ledger to a version with one account more; `behind` has its head of
    the version before, which is fresh."""

    def __init__(self) -> None:
        self.clock, self.metrics = FixedClock(), CountingMetrics()
        table = MemoryTable(clock=self.clock, metrics=self.metrics)
        self.ahead, self.behind = [
            write_services(table, self.clock, count(1), process=name) for name in ("a", "b")
        ]

    async def open(self) -> None:
        await open_quickstart(self.ahead)
        assert isinstance(await post(self.behind, "warm", OLD_LINES), Committed)
        document = json.loads(QUICKSTART.read_text())
        document["chartOfAccounts"]["accounts"][0]["children"].append({"key": "reserve"})
        await store_schema(self.ahead, WORKSPACE, document)
        await migrate(self.ahead)
        self.clock.advance(1)
        self.metrics.calls.clear()


@pytest.fixture
async def processes() -> Processes:
    found = Processes()
    await found.open()
    return found


def command(ik: str, lines: list[dict[str, Any]]) -> Any:
    body = {"ledger": {"ik": LEDGER_IK}, "lines": lines}
    return add_ledger_entry(WORKSPACE, ik, LedgerEntryInput.model_validate(body))


async def post(services: WriteServices, ik: str, lines: list[dict[str, Any]]) -> Outcome:
    return await post_entry(services, command(ik, lines))


async def test_a_process_behind_posts_on_a_version_that_others_have_brought(
    processes: Processes,
) -> None:
    assert isinstance(await post(processes.behind, "one", LINES), Committed)


async def test_a_process_whose_wall_clock_was_set_back_sees_the_newest_version(
    processes: Processes,
) -> None:
    processes.clock.set_back(60_000)
    assert isinstance(await post(processes.behind, "one", LINES), Committed)
    processes.clock.advance(1)
    batch = await post_batch(processes.behind, [command("two", LINES)])
    assert isinstance(batch, Committed)


async def test_a_batch_is_refused_by_the_newest_version_and_reads_the_head_once(
    processes: Processes,
) -> None:
    commands = [command(str(at), LINES) for at in range(3)]
    assert isinstance(await post_batch(processes.behind, commands), Committed)
    missing = [{"account": {"path": "assets/none"}, "amount": "0"}]
    processes.clock.advance(1)
    processes.metrics.calls.clear()
    refused = await post_batch(processes.behind, [command(f"x{at}", missing) for at in range(3)])
    assert isinstance(refused, Rejected)
    assert [rejection.code for _, rejection in refused.rejections] == ["invalid_account_path"] * 3
    assert processes.metrics.calls == {"GetItem": 1 + 3}  # the head, and each ik's entry


async def test_a_process_behind_changes_what_was_posted_on_it(processes: Processes) -> None:
    posted = await post(processes.ahead, "one", LINES)
    assert isinstance(posted, Committed)
    entry_id = posted.entries[0][0].id
    match = EntryMatch(entry_id, None, None)
    update = UpdateLedgerEntry(WORKSPACE, match, (), (), (("order", "1"),), ())
    assert isinstance(await update_entry(processes.behind, update), LedgerEntry)
    assert isinstance(await reverse_entry(processes.behind, WORKSPACE, entry_id), Reversed)
