"""A ledger on a Schema that a test gives, below HTTP; in a process that made all of it and in those
that know nothing yet."""

from itertools import count
from typing import Any

from shared.clock import FixedClock
from shared.ledger.entries import LedgerEntry
from shared.ledger.ledgers import SchemaHead
from shared.store.items import account_from_item
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

    def names(self) -> dict[str, str | None]:
        """What each account is named, by path."""
        items = self.table.dump(TableName.LEDGER)
        found = [account_from_item(item) for item in items if str(item["pk"]).startswith("A#")]
        return {account.path: account.name for account in found}


def command(ik: str | None, **entry: Any) -> AddLedgerEntry:
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
