"""The requests of the scenarios: what the compiled generator, Locust and k6 all send. Pure."""

from dataclasses import dataclass
from random import Random
from typing import Any

AMOUNT_MAX = 100
PAGE_SIZE = 20
# What a list is narrowed to: five sixths of what `ledgers.sell` posts.
LIST_FILTER = {
    "type": {"equalTo": "sale"},
    "tag": {"equalTo": {"key": "channel", "value": "web"}},
}


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """One request: the document's name, its variables, and the iks that it posts."""

    document: str
    variables: dict[str, Any]
    iks: tuple[str, ...] = ()


def _parties(rng: Random, letter: str, accounts: int) -> dict[str, str]:
    payer = rng.randrange(accounts)
    payee = (payer + 1 + rng.randrange(accounts - 1)) % accounts
    return {"from": f"{letter}{payer}", "to": f"{letter}{payee}"}


def _amount(rng: Random) -> str:
    return str(1 + rng.randrange(AMOUNT_MAX))


def deposit(rng: Random, ledger_ik: str, ik: str) -> LoadRequest:
    """An entry on the hot pair of strong accounts."""
    parameters = {"amount": _amount(rng)}
    return _entry(ledger_ik, ik, "deposit", parameters)


def transfer(rng: Random, ledger_ik: str, ik: str, accounts: int, guarded: bool) -> LoadRequest:
    """A transfer between two of the users; `guarded`: only if the money is there."""
    parameters = {**_parties(rng, "u", accounts), "amount": _amount(rng)}
    return _entry(ledger_ik, ik, "guarded_transfer" if guarded else "transfer", parameters)


def _entry(ledger_ik: str, ik: str, kind: str, parameters: dict[str, str]) -> LoadRequest:
    variables = {"ik": ik, "ledgerIk": ledger_ik, "type": kind, "parameters": parameters}
    return LoadRequest("add_ledger_entry", variables, (ik,))


def batch(rng: Random, ledger_ik: str, iks: list[str], accounts: int) -> LoadRequest:
    """Transfers that are posted together or not at all."""
    entries = [
        {
            "ik": ik,
            "entry": {
                "ledger": {"ik": ledger_ik},
                "type": "transfer",
                "parameters": {**_parties(rng, "u", accounts), "amount": _amount(rng)},
            },
        }
        for ik in iks
    ]
    return LoadRequest("add_ledger_entries", {"entries": entries}, tuple(iks))


def balance(rng: Random, ledger_ik: str, accounts: int) -> LoadRequest:
    """The balance of one of the users."""
    path = f"liabilities/users:u{rng.randrange(accounts)}"
    return LoadRequest("account_balance", {"ledgerIk": ledger_ik, "path": path})


def page(ledger_ik: str, after: str | None, filter_set: dict[str, Any]) -> LoadRequest:
    """A page of a filtered list of entries."""
    variables = {"ledgerIk": ledger_ik, "first": PAGE_SIZE, "after": after, "filter": filter_set}
    return LoadRequest("list_entries", variables)
