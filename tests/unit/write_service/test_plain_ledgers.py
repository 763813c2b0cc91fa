"""Posting to a ledger without a Schema, below HTTP."""

import tracemalloc
from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.currencies import CustomCurrency
from shared.ledger.rejections import Rejection
from shared.limits import ACCOUNT_PATH_CHARS_MAX
from shared.store.table import Item, TableName
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from tests.write_rig import WORKSPACE, write_services
from write_service.account_inputs import NewAccountInput, new_account
from write_service.accounts import create_accounts
from write_service.commands import CreateLedgerAccounts, LedgerMatch
from write_service.currencies import create_custom_currency
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.ledgers import CreateLedger, create_ledger
from write_service.plans import Committed, Rejected
from write_service.posting import WriteServices, post_entry

PLAIN = {"ik": "plain"}


class Plain:
    """A process and the ledger `plain` without a Schema."""

    def __init__(self) -> None:
        self.metrics = CountingMetrics()
        clock = FixedClock()
        self.table = MemoryTable(clock=clock, metrics=self.metrics)
        self.services: WriteServices = write_services(self.table, clock, count(1))

    async def open(self) -> None:
        made = await create_ledger(
            self.services, CreateLedger(WORKSPACE, "plain", "Plain", 0, None, None)
        )
        assert isinstance(made, tuple)

    def stored(self) -> list[list[Item]]:
        return [self.table.dump(name) for name in TableName]


@pytest.fixture
async def plain() -> Plain:
    found = Plain()
    await found.open()
    return found


def command(ik: str, *lines: dict[str, Any]) -> Any:
    body = {"ledger": PLAIN, "lines": list(lines)}
    return add_ledger_entry(WORKSPACE, ik, LedgerEntryInput.model_validate(body))


def line(path: str, amount: int) -> dict[str, Any]:
    return {"account": {"path": path}, "amount": str(amount)}


@pytest.mark.parametrize(
    "path",
    ["/" * 20_000, "a/" * 10_000, "a" * (ACCOUNT_PATH_CHARS_MAX + 1), "/" * ACCOUNT_PATH_CHARS_MAX],
    ids=["slashes", "levels", "characters", "slashes within a path's length"],
)
async def test_a_path_that_no_account_can_have_is_refused_before_anything_is_made_of_it(
    plain: Plain, path: str
) -> None:
    asked = command("one", line(path, 5))
    before = plain.stored()
    plain.metrics.calls.clear()
    tracemalloc.start()
    outcome = await post_entry(plain.services, asked)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(outcome, Rejected)
    assert [each.code for _, each in outcome.rejections] == ["ledger_account_not_found"]
    assert plain.metrics.calls.keys() == {"GetItem"}, "no account is looked for"
    assert peak < 1_000_000
    assert plain.stored() == before


async def test_a_custom_currency_whose_id_opens_braces_is_posted_in(plain: Plain) -> None:
    services = plain.services
    gems = CustomCurrency(WORKSPACE, "a{{b", "GEM", "Gems", 0, 1)
    assert await create_custom_currency(services, gems) == gems
    currency = {"code": "CUSTOM", "customCurrencyId": "a{{b"}
    accounts = [
        {"ik": "cash", "name": "Cash", "type": "asset", "currency": currency},
        {"ik": "owed", "name": "Owed", "type": "liability", "currency": currency},
    ]
    made = await create_accounts(
        services,
        CreateLedgerAccounts(
            WORKSPACE,
            LedgerMatch(ik="plain"),
            tuple([new_account("a", NewAccountInput.model_validate(each)) for each in accounts]),
        ),
    )
    assert not isinstance(made, Rejection)
    outcome = await post_entry(services, command("one", line("cash", 5), line("owed", 5)))
    assert isinstance(outcome, Committed)
    entry = outcome.entries[0][0]
    assert [each.currency for each in entry.lines] == ["CUSTOM/a{{b"] * 2
