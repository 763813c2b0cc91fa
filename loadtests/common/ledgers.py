"""Ledgers to put load on: the Schema stored, accounts opened with money, entries to list."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from loadtests.common.api import Api
from loadtests.common.documents import document, load_schema

OPENING_LINES = 29  # beside the bank's line: an entry takes at most 30
OPENING_AMOUNT = 1_000_000_000
SALES_BATCH = 100
THREADS = 4
CHANNELS = ("web", "web", "web", "web", "web", "shop")
Progress = Callable[[str], None]


def quiet(_line: str) -> None:
    """Says nothing of the progress."""


def create_ledger(api: Api, ik: str) -> None:
    """Stores the load Schema, if need be, and creates the Ledger `ik`."""
    api.mutate(document("store_schema"), {"schema": load_schema()})
    variables = {"ik": ik, "name": "Load", "schemaKey": "load"}
    api.mutate(document("create_ledger"), variables)


def open_users(api: Api, ledger_ik: str, count: int, progress: Progress = quiet) -> None:
    """Opens the accounts of the users u0, u1, … with money, a few dozen in one entry."""
    _open(api, ledger_ik, "u", count, "assets/bank", "liabilities/users", progress)


def open_shops(api: Api, ledger_ik: str, count: int, progress: Progress = quiet) -> None:
    """Opens the accounts of the shops s0, s1, … with money; none of them is strong."""
    _open(api, ledger_ik, "s", count, "assets/cash", "liabilities/shops", progress)


def _open(
    api: Api,
    ledger_ik: str,
    letter: str,
    count: int,
    source: str,
    template: str,
    progress: Progress,
) -> None:
    def post(first: int) -> None:
        numbers = range(first, min(first + OPENING_LINES, count))
        lines: list[dict[str, Any]] = [
            {
                "account": {"path": f"{template}:{letter}{number}"},
                "amount": str(OPENING_AMOUNT),
                "key": f"{letter}{number}",
            }
            for number in numbers
        ]
        total = str(OPENING_AMOUNT * len(numbers))
        lines.append({"account": {"path": source}, "amount": total, "key": "source"})
        api.mutate(
            document("open_accounts"),
            {"ik": f"open-{letter}{first}", "ledgerIk": ledger_ik, "lines": lines},
        )

    progress(f"opening {count} accounts in {ledger_ik}")
    _in_threads(api, post, range(0, count, OPENING_LINES))


def sell(
    api: Api, ledger_ik: str, count: int, shops: int, rng: Random, progress: Progress = quiet
) -> None:
    """Posts `count` sales with tags, over three years, in atomic batches: what lists are asked
    for."""
    batches = list(_sales(ledger_ik, count, shops, rng))

    def post(entries: list[dict[str, Any]]) -> None:
        api.mutate(document("add_ledger_entries"), {"entries": entries})

    progress(f"posting {count} entries to list in {ledger_ik}")
    _in_threads(api, post, batches)


def _sales(ledger_ik: str, count: int, shops: int, rng: Random) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for number in range(count):
        seller = rng.randrange(shops)
        buyer = (seller + 1 + rng.randrange(shops - 1)) % shops
        year, month, day = 2022 + number % 3, 1 + rng.randrange(12), 1 + rng.randrange(28)
        posted = f"{year}-{month:02d}-{day:02d}T{rng.randrange(24):02d}:00:00.000Z"
        entry = {
            "ledger": {"ik": ledger_ik},
            "type": "sale",
            "posted": posted,
            "parameters": {
                "from": f"s{seller}",
                "to": f"s{buyer}",
                "amount": str(1 + rng.randrange(1000)),
            },
            "tags": [{"key": "channel", "value": CHANNELS[number % len(CHANNELS)]}],
        }
        batch.append({"ik": f"sale-{number}", "entry": entry})
        if len(batch) == SALES_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _in_threads(api: Api, work: Callable[[Any], None], items: Any) -> None:
    """Does `work` for every item, a few at a time; the first failure is raised."""
    api.token()  # once, before the threads all want one
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, items):
            pass
