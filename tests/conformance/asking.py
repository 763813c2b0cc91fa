"""What the tests of the official client share: posting while keeping books, custom queries,
waiting.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from loadtests.common.connection import Connection
from tests.conformance.books import Books, iso

CATCH_UP_S = 20.0


def arguments(connection: Connection) -> dict[str, Any]:
    """What both clients are told."""
    return {
        "api_url": connection.api_url,
        "auth_url": connection.auth_url,
        "auth_scope": connection.scope,
        "client_id": connection.client_id,
        "client_secret": connection.client_secret,
    }


async def ask(client: Any, query: str, **variables: Any) -> Any:
    """Data of a query of one's own, through the official client."""
    return client.get_data(await client.execute(query=query, variables=variables))


async def eventually(read: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Reads until it is what is wanted; lists and histories follow the posts a moment behind."""
    deadline = time.monotonic() + CATCH_UP_S
    found = await read()
    while found != wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        found = await read()
    assert found == wanted, found


def posted(answer: Any) -> Any:
    """The result of addLedgerEntry; fails with the refusal's message."""
    result = answer.add_ledger_entry
    assert result.typename__ == "AddLedgerEntryResult", getattr(result, "message", result)
    return result


async def deposit(
    client: Any,
    ledger: str,
    books: Books,
    ik: str,
    user: str,
    amount: int,
    fee: int,
    at: datetime,
    **more: Any,
) -> Any:
    """Posts a deposit and notes it in the books."""
    parameters = {"user": user, "amount": str(amount), "fee": str(fee)}
    answer = await client.add_ledger_entry(
        ik, ledger, "deposit", parameters, posted=iso(at), **more
    )
    result = posted(answer)
    books.post(
        at,
        ("assets/bank", amount, "USD"),
        (f"liabilities/users:{user}/available", amount - fee, "USD"),
        ("income/fees", fee, "USD"),
    )
    return result


async def hold(
    client: Any, ledger: str, books: Books, ik: str, user: str, amount: int, at: datetime
) -> Any:
    """Posts a hold and notes it in the books."""
    parameters = {"user": user, "amount": str(amount)}
    answer = await client.add_ledger_entry(ik, ledger, "hold", parameters, posted=iso(at))
    result = posted(answer)
    books.post(
        at,
        (f"liabilities/users:{user}/available", -amount, "USD"),
        (f"liabilities/users:{user}/pending", amount, "USD"),
    )
    return result


async def total(client: Any, ledger: str, path: str, **more: Any) -> str:
    """`balance` of an account by the official operation."""
    answer = await client.get_ledger_account_balance(path, ledger, **more)
    assert answer.ledger_account is not None
    assert answer.ledger_account.path == path
    balance: str = answer.ledger_account.balance
    return balance
