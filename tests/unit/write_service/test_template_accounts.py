"""Posting to accounts of templates, below HTTP: what they are, in the process that made them and in
one that knows nothing yet."""

from itertools import count
from typing import Any

import pytest

from shared.clock import FixedClock
from shared.ledger.entries import EntryCondition, LedgerEntry
from shared.ledger.ledgers import SchemaHead
from shared.ledger.rejections import Rejection
from shared.store.items import account_from_item
from shared.store.table import Item, TableName
from shared.testing.counting import CountingMetrics
from shared.testing.memory import MemoryTable
from tests.write_rig import WORKSPACE, write_services
from write_service.commands import AddLedgerEntry, LedgerMatch
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.ledgers import CreateLedger, create_ledger, instantiate_account
from write_service.plans import Committed, Outcome, Rejected
from write_service.posting import WriteServices, post_batch, post_entry
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


# --- Currencies and links by parameters -----------------------------------------------------------
CURRENCY = {"code": "{{cur}}"}
WALLETS: list[dict[str, Any]] = [
    {"key": "cash", "type": "asset", "template": True, "currency": CURRENCY},
    {
        "key": "w",
        "type": "liability",
        "template": True,
        "currency": CURRENCY,
        "children": [{"key": "in"}, {"key": "out"}],
    },
]
WALLET_TYPES = [
    typed(name, c=("cash:{{c}}", "{{n}}"), w=(path, "{{n}}"))
    for name, path in (("top", "w:{{i}}"), ("in", "w:{{i}}/in"), ("out", "w:{{i}}/out"))
]


def wallet(kind: str, currency: str, cash: str = "1") -> dict[str, Any]:
    return {"type": kind, "parameters": {"i": "1", "c": cash, "n": "500", "cur": currency}}


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize(
    ("kind", "cash", "path"),
    [("in", "1", "cash:1"), ("in", "2", "w:1/in"), ("out", "2", "w:1"), ("top", "2", "w:1")],
    ids=[
        "both stand",
        "the account stands",
        "the one above stands",
        "an account with others below",
    ],
)
async def test_a_standing_account_is_never_posted_to_in_another_currency_than_asked(
    books: Books, is_warm: bool, kind: str, cash: str, path: str
) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    entry = posted(await post(books.warm, "one", **wallet("in", "EUR")))
    assert {each.currency for each in entry.lines} == {"EUR"}
    before = books.stored()
    services = books.warm if is_warm else books.cold()
    for ik in ("two", "three"):
        code, message = refusal(await post(services, ik, **wallet(kind, "USD", cash)))
        assert code == "invalid_currency"
        assert message.endswith(": the account stands already with another currency")
    assert message.startswith(f"{path}:")
    assert books.stored() == before
    again = posted(await post(services, "four", **wallet(kind, "EUR", cash)))
    assert {each.currency for each in again.lines} == {"EUR"}


@pytest.mark.parametrize("is_warm", [True, False])
async def test_lines_without_parameters_take_the_currency_of_what_stands(
    books: Books, is_warm: bool
) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    posted(await post(books.warm, "one", **wallet("in", "EUR")))
    services = books.warm if is_warm else books.cold()
    entry = posted(await post(services, "two", lines=[line("cash:1", 5), line("w:1/in", 5)]))
    assert [each.currency for each in entry.lines] == ["EUR", "EUR"]


@pytest.mark.parametrize("is_warm", [True, False])
async def test_an_account_below_one_with_another_link_is_not_posted_to(
    books: Books, is_warm: bool
) -> None:
    linked = {"linkIk": "bank", "linkType": "CustomLink", "externalId": "{{ext}}"}
    bank = {"key": "b", "type": "asset", "template": True, "linkedAccount": linked}
    owed = {"key": "owed", "type": "liability"}
    lines = {"b": ("b:{{i}}/fee", "1"), "o": ("owed", "1")}
    await books.open([{**bank, "children": [{"key": "fee"}]}, owed], [typed("fee", **lines)])
    fee = {"type": "fee", "parameters": {"i": "1", "ext": "one"}}
    posted(await post(books.warm, "one", **fee))
    before = books.stored()
    services = books.warm if is_warm else books.cold()
    fee["parameters"] = {"i": "1", "ext": "two"}
    for ik in ("two", "three"):
        assert refusal(await post(services, ik, **fee))[0] == "linked_account_conflict"
    assert books.stored() == before


async def test_an_instance_is_not_made_below_one_of_another_currency(books: Books) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    posted(await post(books.warm, "one", **wallet("top", "EUR")))
    before = books.stored()
    for services in (books.warm, books.cold()):
        made = await instantiate_account(
            services, WORKSPACE, LedgerMatch(ik="books"), "w:1/in", {"cur": "USD"}
        )
        assert isinstance(made, Rejection)
        assert made.code == "invalid_currency"
    assert books.stored() == before


async def test_a_warm_post_to_accounts_of_templates_reads_nothing(books: Books) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    posted(await post(books.warm, "one", **wallet("in", "EUR")))
    books.metrics.calls.clear()
    posted(await post(books.warm, "two", **wallet("in", "EUR")))
    assert books.metrics.calls == {"TransactWriteItems": 1}


# --- Names by parameters --------------------------------------------------------------------------
USERS: list[dict[str, Any]] = [
    {"key": "a", "type": "asset"},
    {
        "key": "u",
        "type": "liability",
        "template": True,
        "name": "User {{nick}}",
        "children": [{"key": "av"}, {"key": "pe"}],
    },
]
PAY = typed("pay", u=("u:{{i}}/av", "5"), a=("a", "5"))


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize("is_batch", [True, False])
async def test_a_line_without_parameters_makes_what_is_missing_below_a_standing_account(
    books: Books, is_warm: bool, is_batch: bool
) -> None:
    await books.open(USERS, [PAY])
    posted(await post(books.warm, "one", type="pay", parameters={"i": "1", "nick": "Ann"}))
    services = books.warm if is_warm else books.cold()
    asked = command("two", lines=[line("u:1/av", -1), line("u:1/pe", 1)])
    outcome = await (post_batch(services, [asked]) if is_batch else post_entry(services, asked))
    assert isinstance(outcome, Committed)
    names = {path: name for path, name in books.names().items() if path.startswith("u:")}
    assert names == {"u:1": "User Ann", "u:1/av": "av", "u:1/pe": "pe"}


async def test_a_line_without_parameters_makes_no_account_whose_name_needs_one(
    books: Books,
) -> None:
    await books.open(USERS, [PAY])
    posted(await post(books.warm, "one", type="pay", parameters={"i": "1", "nick": "Ann"}))
    before = books.stored()
    for services in (books.warm, books.cold()):
        lines = [line("u:1/av", -1), line("u:2/pe", 1)]
        assert refusal(await post(services, "two", lines=lines)) == (
            "missing_parameter",
            "The parameter nick is missing; the name of u:2 needs it.",
        )
    assert books.stored() == before
