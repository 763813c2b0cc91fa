"""createLedger on Schemas with more accounts than one transaction takes: given up half way, again,
and many at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.identifiers import account_id, ledger_id
from shared.ledger.ledgers import Ledger, SchemaHead
from shared.store import keys
from shared.store.items import account_from_item
from shared.store.table import Cancelled, Transacted, Write
from shared.testing.counting import CountingMetrics
from shared.testing.invariants import audit_strong, collect
from shared.testing.memory import MemoryTable
from tests.write_rig import WORKSPACE, write_services
from write_service import ledgers
from write_service.commands import LedgerMatch
from write_service.ledgers import CreateLedger, create_ledger, delete_ledger
from write_service.posting import WriteServices
from write_service.schemas import store_schema

IK = "the-ledger"
MANY = 150  # accounts: more than go with a ledger's head


def schema(key: str, type: str, currency: str, name: str, more: int) -> dict[str, Any]:
    """The account `bank`, as told, and `more` others."""
    others = [{"key": f"x{number}", "type": "asset"} for number in range(more)]
    return {
        "key": key,
        "chartOfAccounts": {
            "defaultCurrencyMode": "single",
            "defaultCurrency": {"code": currency},
            "accounts": [{"key": "bank", "type": type, "name": name}, *others],
        },
    }


SMALL = schema("small", "liability", "USD", "small bank", 0)
BIG = schema("big", "asset", "EUR", "big bank", MANY)
BIG_TOO = schema("big_too", "income", "USD", "other bank", MANY)


class Died(Exception):
    """The process is no more."""


class Dying:
    """The table of a process that dies before it writes the head of a ledger."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def transact(self, writes: Sequence[Write], token: str) -> Transacted | Cancelled:
        if any(write.key.pk.startswith("L#") for write in writes):
            raise Died
        answer: Transacted | Cancelled = await self.inner.transact(writes, token)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Rig:
    """Processes on one table."""

    def __init__(self) -> None:
        self.clock, self.metrics, self.tokens = FixedClock(), CountingMetrics(), count()
        self.table = MemoryTable(clock=self.clock, metrics=self.metrics)

    def process(self) -> WriteServices:
        return write_services(self.table, self.clock, self.tokens)

    async def store(self, *documents: dict[str, Any]) -> None:
        for document in documents:
            assert isinstance(await store_schema(self.process(), WORKSPACE, document), SchemaHead)

    async def create(self, key: str | None) -> tuple[Ledger, bool]:
        made = await create_ledger(self.process(), asked(key))
        assert isinstance(made, tuple), made
        return made

    async def give_up(self, key: str) -> None:
        """A creation that ends once the first of its accounts are written."""
        dying = replace(self.process(), table=Dying(self.table))  # type: ignore[arg-type]
        with pytest.raises(Died):
            await create_ledger(dying, asked(key))

    async def bank(self, ledger: Ledger) -> tuple[str, str | None, str]:
        item = await self.table.get(keys.account(account_id(ledger.id, "bank")))
        assert item is not None
        account = account_from_item(item)
        return account.type, account.currency, account.name

    async def has_account(self, of_ledger: str, path: str) -> bool:
        return await self.table.get(keys.account(account_id(of_ledger, path))) is not None


def asked(key: str | None) -> CreateLedger:
    return CreateLedger(WORKSPACE, IK, "The Ledger", 0, key, None)


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(ledgers, "LEDGER_IK_REST_MS", 0)
    return Rig()


@pytest.mark.parametrize(
    "next_schema, bank",
    [
        (SMALL, ("liability", "USD", "small bank")),
        (schema("small", "liability", "EUR", "small bank", 0), ("liability", "EUR", "small bank")),
        (BIG_TOO, ("income", "USD", "other bank")),
    ],
    ids=["other currency", "same currency", "as big"],
)
async def test_a_ledger_has_no_accounts_of_a_creation_that_was_given_up(
    rig: Rig, next_schema: dict[str, Any], bank: tuple[str, str, str]
) -> None:
    await rig.store(BIG, next_schema)
    await rig.give_up("big")
    ledger, stood = await rig.create(next_schema["key"])
    assert (ledger.schema_key, stood) == (next_schema["key"], False)
    assert await rig.bank(ledger) == bank
    assert await rig.create("big") == (ledger, True)
    assert audit_strong(await collect(rig.table)) == []


async def test_a_ledger_without_a_schema_has_no_accounts_of_a_creation_that_was_given_up(
    rig: Rig,
) -> None:
    await rig.store(BIG)
    await rig.give_up("big")
    ledger, stood = await rig.create(None)
    assert not stood
    assert not await rig.has_account(ledger.id, "bank")


async def test_a_creation_that_was_given_up_goes_on_when_it_is_sent_again(rig: Rig) -> None:
    await rig.store(BIG)
    await rig.give_up("big")
    assert await rig.has_account(ledger_id(WORKSPACE, IK, 1), "bank")
    ledger, stood = await rig.create("big")
    assert (ledger.id, stood) == (ledger_id(WORKSPACE, IK, 1), False)
    assert await rig.has_account(ledger.id, f"x{MANY - 1}")
    assert audit_strong(await collect(rig.table)) == []


async def test_accounts_of_a_version_that_was_stored_meanwhile_have_its_names(rig: Rig) -> None:
    await rig.store(BIG)
    await rig.give_up("big")
    await rig.store(schema("big", "asset", "EUR", "new name", MANY))
    ledger, _ = await rig.create("big")
    assert ledger.schema_version == 2
    assert await rig.bank(ledger) == ("asset", "EUR", "new name")


@pytest.mark.parametrize("schemas", [["big"], ["big", "big_too", "small"]], ids=["one", "several"])
async def test_creations_at_once_are_one_ledger_and_replays(rig: Rig, schemas: list[str]) -> None:
    await rig.store(BIG, BIG_TOO, SMALL)
    made = await asyncio.gather(*[rig.create(key) for key in schemas * 3])
    assert len({ledger.id for ledger, _ in made}) == 1
    assert [stood for _, stood in made].count(False) == 1
    ledger = made[0][0]
    names = {"big": "big bank", "big_too": "other bank", "small": "small bank"}
    assert (await rig.bank(ledger))[2] == names[str(ledger.schema_key)]
    assert await rig.create("big") == (ledger, True)
    assert audit_strong(await collect(rig.table)) == []


async def test_a_ledger_with_few_accounts_is_one_transaction(rig: Rig) -> None:
    await rig.store(SMALL)
    rig.metrics.clear()
    await rig.create(None)
    assert rig.metrics.calls == {"GetItem": 1, "TransactWriteItems": 1}


async def test_a_ledger_with_many_accounts_is_deleted_and_created_again(rig: Rig) -> None:
    await rig.store(BIG)
    first, _ = await rig.create("big")
    match = LedgerMatch(ik=IK)
    assert isinstance(await delete_ledger(rig.process(), WORKSPACE, match), Ledger)
    second, stood = await rig.create("big")
    assert (second.id, stood) == (ledger_id(WORKSPACE, IK, 2), False)
    assert second.id != first.id
    assert await rig.has_account(second.id, f"x{MANY - 1}")
