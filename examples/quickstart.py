"""The quickstart, through the official client: `make demo` runs it against `make run`.

Stores a Schema, makes a Ledger, funds two users, moves money between them, tries what must be
refused and what must not count twice, then reads the books.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from fragment.sync_sdk.client import Client
from fragment.sync_sdk.input_types import CreateLedgerInput, SchemaInput

from examples.connection import client_arguments

SCHEMA_FILE = Path(__file__).with_name("quickstart_schema.json")
CATCH_UP_S = 15.0

BANK = "assets/banks/user-cash"
ADA = "liabilities/users:ada/available"
BEN = "liabilities/users:ben/available"


def connect() -> Client:
    """The official client, told the five values that `make run` prints."""
    return Client(**client_arguments())


def money(amount: str) -> str:
    """Minor units as dollars: "12345" is 123.45."""
    sign = "-" if amount.startswith("-") else ""
    dollars, cents = divmod(abs(int(amount)), 100)
    return f"{sign}{dollars}.{cents:02d}"


def step(title: str, outcome: str) -> None:
    print(f"{title:<34}{outcome}")


def accepted(answer: Any, wanted: str) -> Any:
    """The answer if it is the result `wanted`; a refusal ends the demo with its message."""
    if answer.typename__ != wanted:
        sys.exit(f"error: {answer.code}: {answer.message}")
    return answer


def fund(client: Client, ledger: str, user: str, cents: str) -> None:
    parameters = {"user_id": user, "funding_amount": cents}
    answer = client.add_ledger_entry(f"fund-{user}", ledger, "user_funds_account", parameters)
    accepted(answer.add_ledger_entry, "AddLedgerEntryResult")
    step(f"Fund {user} with {money(cents)}", f"posted as fund-{user}")


def transfer(client: Client, ledger: str, ik: str, payer: str, payee: str, cents: str) -> Any:
    parameters = {"from_user_id": payer, "to_user_id": payee, "transfer_amount": cents}
    return client.add_ledger_entry(ik, ledger, "p2p_transfer", parameters).add_ledger_entry


def caught_up(read: Callable[[], Any], is_complete: Callable[[Any], bool]) -> Any:
    """What `read` gives once the index has caught up: lists follow a moment behind."""
    deadline = time.monotonic() + CATCH_UP_S
    while not is_complete(found := read()):
        if time.monotonic() > deadline:
            sys.exit(f"error: the index hasn't caught up within {CATCH_UP_S:.0f} s: {found}")
        time.sleep(0.1)
    return found


def main() -> None:
    with connect() as client:
        step("Workspace", client.get_workspace().workspace.name)

        schema = SchemaInput.model_validate(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
        stored = accepted(client.store_schema(schema).store_schema, "StoreSchemaResult").schema_
        step("Store the Schema", f"{stored.key}, version {stored.version.version}")

        ledger = f"quickstart-{uuid4().hex[:8]}"
        created = client.create_ledger(ledger, CreateLedgerInput(name="Quickstart"), stored.key)
        accepted(created.create_ledger, "CreateLedgerResult")
        step("Create a Ledger", ledger)

        fund(client, ledger, "ada", "10000")
        fund(client, ledger, "ben", "5000")

        first = transfer(client, ledger, "rent", "ada", "ben", "2500")
        accepted(first, "AddLedgerEntryResult")
        step("Ada pays Ben 25.00", f"posted as {first.entry.ik}")

        refused = transfer(client, ledger, "yacht", "ben", "ada", "100000")
        if refused.typename__ != "BadRequestError":
            sys.exit("error: an overdraft was posted")
        step("Ben pays Ada 1000.00", f"refused: {refused.code}")

        again = transfer(client, ledger, "rent", "ada", "ben", "2500")
        same = "the same entry" if again.entry.id == first.entry.id else "ANOTHER ENTRY"
        step("Ada's payment is sent again", f"isIkReplay {str(again.is_ik_replay).lower()}, {same}")

        show_books(client, ledger)


def show_books(client: Client, ledger: str) -> None:
    """Prints the balances and the entries, once both have followed the posts."""

    def read_balances() -> dict[str, str]:
        found = {}
        for path in (BANK, ADA, BEN):
            account = client.get_ledger_account_balance(path, ledger).ledger_account
            found[path] = account.balance if account else "0"
        return found

    print("\nBalances")
    expected = {BANK: "15000", ADA: "7500", BEN: "7500"}
    balances = caught_up(read_balances, lambda found: found == expected)
    for path, balance in balances.items():
        print(f"  {path:<32}{money(balance):>10}")

    def read_entries() -> list[Any]:
        listed = client.list_ledger_entries(ledger).ledger
        return list(listed.ledger_entries.nodes) if listed else []

    print("\nEntries, newest first")
    for entry in caught_up(read_entries, lambda found: len(found) == 3):
        print(f"  {entry.ik:<10}{entry.type_}")
        for line in entry.lines.nodes:
            print(f"    {line.account.path:<32}{money(line.amount):>8}")


if __name__ == "__main__":
    main()
