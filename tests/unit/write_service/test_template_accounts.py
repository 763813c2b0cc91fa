"""Posting to accounts of templates, below HTTP: what they are, in the process that made them and in
one that knows nothing yet."""

from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.entries import EntryCondition, LedgerEntry
from shared.ledger.ledgers import SchemaHead
from shared.store.table import Item, TableName
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from tests.write_rig import WORKSPACE, write_services
from write_service.commands import AddLedgerEntry
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.ledgers import CreateLedger, create_ledger
from write_service.plans import Committed, Outcome, Rejected
from write_service.posting import WriteServices, post_entry
from write_service.schemas import store_schema


class Books:
    """A ledger `books` on the Schema that is given; `warm` has made everything in it."""

    def __init__(self) -> None:
        self._clock, self.metrics, self._tokens = FixedClock(), CountingMetrics(), count(1)
        self.table = MemoryTable(clock=self._clock, metrics=self.metrics)
        self.warm = self._process("warm")

    def _process(self, name: str) -> WriteServices:
        return write_services(self.table, self._clock, self._tokens, process=name)

    def cold(self) -> WriteServices:
        """A process that knows nothing yet."""
        return self._process(f"cold{next(self._tokens)}")

    async def open(
        self, accounts: list[dict[str, Any]], types: list[dict[str, Any]], mode: str = "single"
    ) -> None:
        chart: dict[str, Any] = {"defaultCurrencyMode": mode, "accounts": accounts}
        if mode == "single":
            chart["defaultCurrency"] = {"code": "USD"}
        document = {"key": "s", "chartOfAccounts": chart, "ledgerEntries": {"types": types}}
        head = await store_schema(self.warm, WORKSPACE, document)
        assert isinstance(head, SchemaHead), head
        made = await create_ledger(
            self.warm, CreateLedger(WORKSPACE, "books", "Books", 0, "s", None)
        )
        assert isinstance(made, tuple), made

    def stored(self) -> list[list[Item]]:
        return [self.table.dump(name) for name in TableName]


@pytest.fixture
async def books() -> Books:
    return Books()


def command(ik: str, **entry: Any) -> AddLedgerEntry:
    body = {"ledger": {"ik": "books"}, **entry}
    return add_ledger_entry(WORKSPACE, ik, LedgerEntryInput.model_validate(body))


async def post(services: WriteServices, ik: str, **entry: Any) -> Outcome:
    return await post_entry(services, command(ik, **entry))


def posted(outcome: Outcome) -> LedgerEntry:
    assert isinstance(outcome, Committed), outcome
    return outcome.entries[0][0]


def refusal(outcome: Outcome) -> tuple[str, str]:
    assert isinstance(outcome, Rejected), outcome
    ((_, rejection),) = outcome.rejections
    return rejection.code, rejection.message


def line(path: str, amount: int) -> dict[str, Any]:
    return {"account": {"path": path}, "amount": str(amount)}


def typed(name: str, **lines: tuple[str, str]) -> dict[str, Any]:
    """An entry type with a line for each key: its path and its amount."""
    return {
        "type": name,
        "lines": [
            {"key": key, "account": {"path": path}, "amount": amount}
            for key, (path, amount) in lines.items()
        ],
    }


# --- Conditions -----------------------------------------------------------------------------------
async def test_a_parameter_of_a_condition_leads_to_no_account_below(books: Books) -> None:
    strong = {"ownBalanceUpdates": "strong"}
    users = {"key": "u", "type": "liability", "template": True, "consistencyConfig": strong}
    bounds = {"ownBalance": {"gte": "0"}}
    condition = {"account": {"path": "u:{{i}}"}, "postcondition": bounds}
    await books.open(
        [{**users, "children": [{"key": "x"}]}], [{"type": "free", "conditions": [condition]}]
    )
    lines = [line("u:1", 5), line("u:1/x", -5)]
    entry = posted(await post(books.warm, "one", type="free", lines=lines, parameters={"i": "1"}))
    assert [type(each) for each in entry.conditions] == [EntryCondition]
    assert entry.conditions[0].account_path == "u:1"
    before = books.stored()
    outcome = await post(books.warm, "two", type="free", lines=lines, parameters={"i": "1/x"})
    code, message = refusal(outcome)
    assert code == "invalid_parameter"
    assert message.startswith("The parameter i must be ")
    assert books.stored() == before
