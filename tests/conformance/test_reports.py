"""The guide's four report documents, word for word, against books that the test keeps itself."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.input_types import (
    AddLedgerEntryInput,
    CreateLedgerInput,
    LedgerEntryInput,
    LedgerMatchInput,
    SchemaInput,
)

from tests.conformance.asking import ask, eventually
from tests.conformance.books import Books, iso
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

SCHEMA_FILE = Path(__file__).with_name("report_schema.json")
CUSTOMER = "liabilities/customer-deposits/customer:123"
OTHER = "liabilities/customer-deposits/customer:456"
YEAR_END = datetime(1970, 1, 1, tzinfo=UTC)

DOCUMENTS = Path(__file__).parent / "guide" / "j"
BALANCE_SHEET = (DOCUMENTS / "a_get_balance_sheet.graphql").read_text(encoding="utf-8")
INCOME_STATEMENT = (DOCUMENTS / "b_get_income_statement.graphql").read_text(encoding="utf-8")
ACCOUNT_STATEMENT = (DOCUMENTS / "c_get_account_statement.graphql").read_text(encoding="utf-8")
JOURNAL = (DOCUMENTS / "d_get_journal_export.graphql").read_text(encoding="utf-8")

Posted = tuple[datetime, str, str, list[tuple[str, int]]]  # when, type, description, lines


def entries() -> list[Posted]:
    """Thirty entries, eleven days and some hours apart, from 1968 into 1970."""
    made: list[Posted] = []
    at = datetime(1968, 12, 24, 23, 59, 59, 999000, tzinfo=UTC)
    for number in range(34):
        customer, path = ("123", CUSTOMER) if number % 2 else ("456", OTHER)
        amount = 10_000 + 37 * number
        if number % 5 == 3:
            lines = [("expense/rent", amount), ("assets/bank", -amount)]
            made.append((at, "rent", "Rent.", lines))
        elif number % 5 == 1:
            lines = [(path, -amount), ("income/fees", amount)]
            made.append((at, "fee", f"Fee of {customer}.", lines))
        else:
            lines = [("assets/bank", amount), (path, amount)]
            made.append((at, "deposit", f"Deposit of {customer}.", lines))
        at += timedelta(days=11, hours=5)
    edge = [("assets/bank", 1), (CUSTOMER, 1)]
    for moment in (
        datetime(1969, 7, 1, tzinfo=UTC),
        datetime(1969, 7, 31, 23, 59, 59, 999000, tzinfo=UTC),
        YEAR_END - timedelta(milliseconds=1),
        YEAR_END,
    ):
        made.append((moment, "deposit", "Deposit of 123.", edge))
    return made


@pytest.fixture
async def books() -> Books:
    kept = Books()
    for at, _, _, lines in entries():
        kept.post(at, *[(path, amount, "USD") for path, amount in lines])
    return kept


@pytest.fixture
async def reported(client: Any) -> str:
    """The ik of a ledger in which all entries are posted, as one batch."""
    schema = SchemaInput.model_validate(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    stored = await client.store_schema(schema)
    assert stored.store_schema.typename__ == "StoreSchemaResult"
    ik = f"reports-{uuid4().hex[:12]}"
    made = await client.create_ledger(ik, CreateLedgerInput(name="Reports"), "reports")
    assert made.create_ledger.typename__ == "CreateLedgerResult"
    batch = []
    for number, (at, kind, description, lines) in enumerate(entries()):
        parameters = {"amount": str(abs(lines[0][1]))}
        if kind != "rent":
            parameters["customer"] = description.rstrip(".").rpartition(" ")[2]
        entry = LedgerEntryInput(
            ledger=LedgerMatchInput(ik=ik), type=kind, posted=iso(at), parameters=parameters
        )
        batch.append(AddLedgerEntryInput(ik=f"e{number}", entry=entry))
    answer = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert answer.typename__ == "AddLedgerEntriesResult", answer
    return ik


@rule("guide J.a", "The balance sheet query gives every asset and liability at a moment's end")
async def test_balance_sheet(client: Any, reported: str, books: Books) -> None:
    async def read() -> list[tuple[str, str, str]]:
        found = await ask(
            client,
            BALANCE_SHEET,
            ledgerIk=reported,
            accountsFilter={"type": {"in": ["asset", "liability"]}},
            balanceAtEndOf="1969",
        )
        nodes = found["ledger"]["ledgerAccounts"]["nodes"]
        return sorted((node["name"], node["type"], node["balance"]) for node in nodes)

    def total(path: str) -> str:
        return str(books.total(path, before=YEAR_END))

    wanted = [
        ("Assets", "asset", total("assets")),
        ("Bank", "asset", total("assets/bank")),
        ("Customer 123", "liability", total(CUSTOMER)),
        ("Customer 456", "liability", total(OTHER)),
        ("Customer deposits", "liability", total("liabilities/customer-deposits")),
        ("Liabilities", "liability", total("liabilities")),
    ]
    assert wanted[0][2] != str(books.total("assets"))
    await eventually(read, wanted)


@rule("guide J.b", "The income statement query gives every income's and expense's change")
@pytest.mark.parametrize(
    "period, start, end",
    [
        ("1969", datetime(1969, 1, 1, tzinfo=UTC), YEAR_END),
        ("1969-Q3", datetime(1969, 7, 1, tzinfo=UTC), datetime(1969, 10, 1, tzinfo=UTC)),
    ],
)
async def test_income_statement(
    client: Any, reported: str, books: Books, period: str, start: datetime, end: datetime
) -> None:
    async def read() -> list[tuple[str, str, str, str]]:
        found = await ask(
            client,
            INCOME_STATEMENT,
            ledgerIk=reported,
            accountsFilter={"type": {"in": ["income", "expense"]}},
            balanceChangeDuring=period,
        )
        nodes = found["ledger"]["ledgerAccounts"]["nodes"]
        return sorted((n["path"], n["name"], n["type"], n["balanceChange"]) for n in nodes)

    await eventually(
        read,
        [
            (path, name, kind, str(books.change(path, start, end)))
            for path, name, kind in (
                ("expense", "Expense", "expense"),
                ("expense/rent", "Rent", "expense"),
                ("income", "Income", "income"),
                ("income/fees", "Fees", "income"),
            )
        ],
    )


@rule("guide J.c", "The account statement query gives both balances and the period's lines")
async def test_account_statement(client: Any, reported: str, books: Books) -> None:
    start, end = datetime(1969, 7, 1, tzinfo=UTC), datetime(1969, 8, 1, tzinfo=UTC)
    ids = {}
    for number in range(len(entries())):
        entry = (await client.get_ledger_entry(f"e{number}", reported)).ledger_entry
        ids[f"e{number}"] = entry.id

    async def read() -> Any:
        found = await ask(
            client,
            ACCOUNT_STATEMENT,
            accountMatch={"ledger": {"ik": reported}, "path": CUSTOMER},
            linesFilter={
                "posted": {
                    "after": "1969-07-01T00:00:00.000Z",
                    "before": "1969-07-31T23:59:59.999Z",
                }
            },
            startingBalanceAtEndOf="1969-06",
            endingBalanceAtEndOf="1969-07",
        )
        account = found["ledgerAccount"]
        for node in account["lines"]["nodes"]:
            assert node.pop("id")
        return account

    lines = [
        {
            "key": "customer",
            "posted": iso(at),
            "description": description,
            "amount": str(amount),
            "ledgerEntryId": ids[f"e{number}"],
        }
        for number, (at, _, description, posted) in enumerate(entries())
        for path, amount in posted
        if path == CUSTOMER and start <= at < end
    ]
    lines.sort(key=lambda line: line["posted"], reverse=True)
    assert len(lines) >= 3
    wanted = {
        "path": CUSTOMER,
        "name": "Customer 123",
        "type": "liability",
        "startingBalance": str(books.total(CUSTOMER, before=start)),
        "endingBalance": str(books.total(CUSTOMER, before=end)),
        "lines": {"nodes": lines},
    }
    await eventually(read, wanted)
    change = int(wanted["endingBalance"]) - int(wanted["startingBalance"])  # type: ignore[call-overload]
    assert sum(int(line["amount"]) for line in lines) == change


@rule("guide J.d", "The journal query pages through every entry of the period, newest first")
async def test_journal(client: Any, reported: str) -> None:
    names = {
        "assets/bank": ("Bank", "asset"),
        CUSTOMER: ("Customer 123", "liability"),
        OTHER: ("Customer 456", "liability"),
        "income/fees": ("Fees", "income"),
        "expense/rent": ("Rent", "expense"),
    }

    async def read() -> list[list[Any]]:
        pages: list[list[Any]] = []
        cursor = None
        while True:
            found = await ask(
                client,
                JOURNAL,
                ledgerIk=reported,
                entriesFilter={
                    "posted": {
                        "after": "1969-01-01T00:00:00.000Z",
                        "before": "1969-12-31T23:59:59.999Z",
                    }
                },
                entriesCursor=cursor,
            )
            page = found["ledger"]["ledgerEntries"]
            pages.append(
                [
                    (
                        node["type"],
                        node["posted"],
                        node["description"],
                        [
                            (line["description"], line["account"], line["amount"])
                            for line in node["lines"]["nodes"]
                        ],
                    )
                    for node in page["nodes"]
                ]
            )
            cursor = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                assert cursor is None
                return pages

    expected = [
        (
            kind,
            iso(at),
            description,
            [
                (
                    description,
                    {"name": names[path][0], "path": path, "type": names[path][1]},
                    str(amount),
                )
                for path, amount in lines
            ],
        )
        for at, kind, description, lines in sorted(entries(), reverse=True)
        if at.year == 1969
    ]
    assert len(expected) > 20
    await eventually(read, [expected[:20], expected[20:]])
