"""The official client reads balances: compared with books that the tests keep by themselves."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode, ReadBalanceConsistencyMode
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CurrencyMatchInput,
    LedgerAccountMatchInput,
    LedgerLineInput,
)

from tests.conformance.asking import ask, deposit, eventually, hold, total
from tests.conformance.books import Books, after_hour, hour, iso
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

STATIC_PATHS = 9  # accounts that exist from the beginning
PATHS = [
    "assets",
    "assets/bank",
    "liabilities",
    "liabilities/users:ann",
    "liabilities/users:ann/available",
    "liabilities/users:ann/pending",
    "liabilities/users:bob/available",
    "income",
    "income/fees",
]
USERS = ("ann", "bob")
USD = CurrencyMatchInput(code=CurrencyCode.USD)
CHANGES = """query changes($ik: SafeString!, $path: String!, $period: Period!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalanceChange(period: $period, currency: {code: USD})
    childBalanceChange(period: $period, currency: {code: USD})
    balanceChange(period: $period, currency: {code: USD})
    balanceChanges(period: $period) { nodes { amount currency { code } } }
  }
}"""


async def post_history(client: Any, ledger: str, seed: int) -> Books:
    """Forty entries over two years, in no order of time."""
    rng = Random(seed)
    books = Books()
    for number in range(20):
        at = hour("2023-01-01T00") + timedelta(minutes=rng.randrange(2 * 365 * 24 * 60))
        user = USERS[number % 2]
        await deposit(
            client,
            ledger,
            books,
            f"d{number}",
            user,
            1_000 + rng.randrange(9_000),
            rng.randrange(99),
            at,
        )
    for number in range(20):
        at = hour("2023-01-01T00") + timedelta(minutes=rng.randrange(2 * 365 * 24 * 60))
        await hold(
            client, ledger, books, f"h{number}", USERS[number % 2], 1 + rng.randrange(300), at
        )
    return books


async def balances_by_path(
    client: Any, ledger: str, **more: Any
) -> dict[str, tuple[str, str, str]]:
    """Path -> own, child and total balance, by the official list of balances."""
    query = await client.list_ledger_account_balances(
        ledger, balance_currency=USD, first=50, **more
    )
    return {
        node.path: (node.own_balance, node.child_balance, node.balance)
        for node in query.ledger.ledger_accounts.nodes
        if node.path in PATHS
    }


def expected(books: Books, before: datetime | None = None) -> dict[str, tuple[str, str, str]]:
    return {
        path: (
            str(books.own(path, before=before)),
            str(books.children(path, before=before)),
            str(books.total(path, before=before)),
        )
        for path in PATHS
    }


@rule(
    "guide H.b", "Own, child and total balance are the sums of the lines at, below, and at or below"
)
async def test_balances_are_the_sums_of_the_lines(client: Any, ledger: str) -> None:
    books = await post_history(client, ledger, seed=1)
    await eventually(lambda: balances_by_path(client, ledger), expected(books))
    for path in PATHS:
        found = await total(client, ledger, path, balance_currency=USD)
        assert found == str(books.total(path))


@rule("guide H.d", "A balance at a moment is the sum of the lines posted until its end")
async def test_balances_at_a_moment_are_the_sums_until_its_end(client: Any, ledger: str) -> None:
    books = await post_history(client, ledger, seed=2)
    await eventually(lambda: balances_by_path(client, ledger), expected(books))
    moments = [
        ("2022", hour("2023-01-01T00")),
        ("2023", hour("2024-01-01T00")),
        ("2023-06", hour("2023-07-01T00")),
        ("2023-12-31", hour("2024-01-01T00")),
        ("2024-02-29", hour("2024-03-01T00")),
        ("2024-02-29T13", after_hour("2024-02-29T13")),
        ("2030", hour("2031-01-01T00")),
    ]
    moments += [
        (at.strftime("%Y-%m-%dT%H"), after_hour(at.strftime("%Y-%m-%dT%H")))
        for at, *_ in books.lines[::17]
    ]
    for text, end in moments:
        assert await balances_by_path(client, ledger, balance_at=text) == expected(books, end), text


@rule("guide H.g", "Moments and periods are those of the Ledger's balanceUTCOffset")
async def test_balances_follow_the_hours_of_the_ledger(client: Any, ledger: str) -> None:
    ik = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(
        ik, CreateLedgerInput(name="Pacific", balanceUTCOffset="-08:00"), "conformance"
    )
    books = Books()
    late, early = hour("2024-07-01T07"), hour("2024-07-01T08")  # 23:00 and 0:00 over there
    await deposit(client, ik, books, "late", "ann", 100, 0, late)
    await deposit(client, ik, books, "early", "ann", 1_000, 0, early)

    async def june_and_july() -> tuple[str, str]:
        june = await total(client, ik, "assets/bank", balance_at="2024-06")
        return june, await total(client, ik, "assets/bank", balance_at="2024-07-01T00")

    await eventually(june_and_july, ("100", "1100"))


@rule("guide H.e", "Own, child and total change over a period are the sums of its lines")
async def test_changes_over_a_period_are_the_sums_of_its_lines(client: Any, ledger: str) -> None:
    books = await post_history(client, ledger, seed=3)
    await eventually(lambda: balances_by_path(client, ledger), expected(books))
    busiest = books.lines[0][0]
    day, clock = busiest.strftime("%Y-%m-%d"), busiest.strftime("%Y-%m-%dT%H")
    periods = [
        ("2023", hour("2023-01-01T00"), hour("2024-01-01T00")),
        ("2024", hour("2024-01-01T00"), hour("2025-01-01T00")),
        ("2023-Q3", hour("2023-07-01T00"), hour("2023-10-01T00")),
        ("2024-02", hour("2024-02-01T00"), hour("2024-03-01T00")),
        (day, hour(f"{day}T00"), hour(f"{day}T00") + timedelta(days=1)),
        (clock, hour(clock), after_hour(clock)),
        ("2019-05-05T05", hour("2019-05-05T05"), hour("2019-05-05T06")),
    ]
    for path in ("assets/bank", "liabilities", "liabilities/users:ann", "income/fees"):
        for period, start, end in periods:
            found = (await ask(client, CHANGES, ik=ledger, path=path, period=period))[
                "ledgerAccount"
            ]
            change = books.change(path, start, end)
            own = books.own(path, before=end) - books.own(path, before=start)
            assert found["balanceChange"] == str(change), (path, period)
            assert found["ownBalanceChange"] == str(own), (path, period)
            assert found["childBalanceChange"] == str(change - own), (path, period)
            nonzero = {
                node["currency"]["code"]: node["amount"]
                for node in found["balanceChanges"]["nodes"]
                if node["amount"] != "0"
            }
            assert nonzero == ({"USD": str(change)} if change else {}), (path, period)


@rule("guide L.d", "Each currency of an account has a balance of its own")
async def test_every_currency_has_its_own_balance(client: Any, ledger: str) -> None:
    books = Books()
    rng = Random(4)
    for number in range(9):
        currency = ("EUR", "JPY", "BTC")[number % 3]
        amount = rng.randrange(10**12) * (-1 if number == 8 else 1)
        at = hour("2024-05-01T00") + timedelta(days=number)
        paths = ("assets/fx", "liabilities/fx")
        lines = [
            LedgerLineInput(
                account=LedgerAccountMatchInput(path=path),
                amount=str(amount),
                currency=CurrencyMatchInput(code=CurrencyCode(currency)),
            )
            for path in paths
        ]
        answer = await client.add_ledger_entry_runtime(
            f"c{number}", "correction", ledger, lines, posted=iso(at)
        )
        assert answer.add_ledger_entry.typename__ == "AddLedgerEntryResult"
        books.post(at, *((path, amount, currency) for path in paths))

    def amounts(connection: Any) -> dict[str, str]:
        return {node.currency.code.value: node.amount for node in connection.nodes}

    async def read(at: str | None = None) -> dict[str, Any]:
        found = await client.list_multi_currency_ledger_account_balances(
            ledger, first=50, balance_at=at
        )
        nodes = {node.path: node for node in found.ledger.ledger_accounts.nodes}
        if len(nodes) < STATIC_PATHS:
            return {}
        own = amounts(nodes["assets/fx"].own_balances)
        below = amounts(nodes["assets"].child_balances)
        return {"own": own, "below": below, "all": amounts(nodes["liabilities/fx"].balances)}

    sums = {code: str(amount) for code, amount in books.by_currency("assets/fx").items()}
    await eventually(read, {"own": sums, "below": sums, "all": sums})
    until = {
        code: str(books.own("assets/fx", code, hour("2024-05-05T00")))
        for code in ("EUR", "JPY", "BTC")
    }
    assert await read("2024-05-04") == {"own": until, "below": until, "all": until}
    euros = await total(
        client, ledger, "assets", balance_currency=CurrencyMatchInput(code=CurrencyCode.EUR)
    )
    assert euros == sums["EUR"]


@rule("guide H.c", "A strong read sees every entry that is answered")
async def test_strong_balance_shows_a_post_at_once(client: Any, ledger: str) -> None:
    query = """query strong($ik: SafeString!, $path: String!) {
      ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
        own: ownBalance(consistencyMode: strong)
        asIs: ownBalance(consistencyMode: use_account)
      }
    }"""
    books = Books()
    path = "liabilities/users:ann/available"
    for number in range(5):
        await deposit(
            client, ledger, books, f"d{number}", "ann", 7 + number, 1, hour("2024-01-01T00")
        )
        found = await ask(client, query, ik=ledger, path=path)
        sum_now = str(books.own(path))
        assert found["ledgerAccount"] == {"own": sum_now, "asIs": sum_now}


@rule("guide K.c", "An eventual account has no strong read")
async def test_strong_balance_of_an_eventual_account_is_refused(client: Any, ledger: str) -> None:
    with pytest.raises(Exception, match="strong") as caught:
        await client.get_ledger_account_balance(
            "assets/bank", ledger, balance_consistency_mode=ReadBalanceConsistencyMode.strong
        )
    assert type(caught.value).__name__ == "GraphQLClientGraphQLMultiError"


@rule("guide E.b", "Numbers are whole, in the smallest unit, as strings")
async def test_amounts_are_whole_to_the_last_digit(client: Any, ledger: str) -> None:
    largest = 2**120 - 1
    books = Books()
    at = hour("2024-01-01T00")
    await deposit(client, ledger, books, "d1", "ann", largest, largest - 1, at)

    async def read() -> tuple[str, str]:
        fees = await total(client, ledger, "income/fees")
        return await total(client, ledger, "assets/bank"), fees

    await eventually(read, (str(largest), str(largest - 1)))
