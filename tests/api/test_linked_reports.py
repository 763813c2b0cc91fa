"""`twofold report unreconciled` and `report reconciliation` on the in-memory twins."""

import csv
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from shared.ledger.ledgers import Ledger
from shared.ledger.periods import parse_datetime
from shared.limits import TRIAL_BALANCE_ATTEMPTS_MAX
from tests.api.test_read_reconciliation import BANK, CASH, SAVINGS, chart, reconcile
from tests.command_line import TwinCommandLine
from tests.linking import LinkRig, tx

CSV = ("--ledger", "main", "--format", "csv")
NOW_MS = parse_datetime("2024-04-01T12:00:00Z") or 0


@pytest.fixture
async def rig() -> AsyncIterator[LinkRig]:
    rig = LinkRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


@pytest.fixture
def twofold(rig: LinkRig, tmp_path: Path) -> TwinCommandLine:
    return TwinCommandLine(rig, tmp_path, NOW_MS)


def rows(twofold: TwinCommandLine, *names: str) -> list[tuple[str, ...]]:
    read = csv.DictReader(StringIO(twofold.out))
    return [tuple(row[name] for name in names) for row in read]


async def synced(rig: LinkRig, name: str, amount: int, day: str, **more: Any) -> dict[str, Any]:
    (found,) = await rig.synced(tx(name, amount, posted=day, **more))
    return dict(found)


async def accounted(rig: LinkRig, ledger: Ledger, found: dict[str, Any], path: str = BANK) -> None:
    """The Tx is reconciled, and the balances have followed."""
    await rig.put_histories(ledger, await reconcile(rig, ledger, found, path))


async def test_unreconciled_txs_are_told_oldest_first_and_summed_by_age(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank("checking", "savings")
    ledger = await rig.ledger("main", chart())
    done = await synced(rig, "done", 1_000, "2024-03-01")
    await synced(rig, "old", -5, "2023-12-31T12:00:00.001Z")
    await synced(rig, "older", 7, "2023-12-31T11:59:59.999Z")
    await synced(rig, "new", 100, "2024-03-25T12:00:00Z")
    await synced(rig, "newer", 30, "2024-03-25T12:00:00.001Z")
    await synced(rig, "coming", 1, "2024-04-02")
    await synced(rig, "saved", 2_000, "2024-03-20", account="savings")
    await accounted(rig, ledger, done)
    assert await twofold.run("report", "unreconciled", *CSV) == 0
    names = ("row", "path", "external_account_id", "age", "days", "external_id", "count", "amount")
    own = (BANK, "checking")
    assert rows(twofold, *names) == [
        ("tx", *own, "over 90 days", "92", "older", "", "7"),
        ("tx", *own, "over 90 days", "91", "old", "", "-5"),
        ("tx", *own, "0 to 7 days", "7", "new", "", "100"),
        ("tx", *own, "0 to 7 days", "6", "newer", "", "30"),
        ("tx", *own, "0 to 7 days", "0", "coming", "", "1"),
        ("tx", SAVINGS, "savings", "8 to 30 days", "12", "saved", "", "2000"),
        ("age", *own, "over 90 days", "", "", "2", "2"),
        ("age", *own, "0 to 7 days", "", "", "3", "131"),
        ("age", SAVINGS, "savings", "8 to 30 days", "", "", "1", "2000"),
        ("total", "Total", "", "", "", "", "6", "2133"),
    ]
    assert await twofold.run("report", "unreconciled", *CSV, "--sums", "--ages", "6,92") == 0
    assert rows(twofold, "path", "age", "count", "amount") == [
        (BANK, "7 to 92 days", "3", "102"),
        (BANK, "0 to 6 days", "2", "31"),
        (SAVINGS, "7 to 92 days", "1", "2000"),
        ("Total", "", "6", "2133"),
    ]
    flags = ("--sums", "--at", "2024-03-21", "--account", BANK)
    assert await twofold.run("report", "unreconciled", *CSV, *flags) == 0
    assert rows(twofold, "path", "age", "count") == [
        (BANK, "31 to 90 days", "2"),
        ("Total", "", "2"),
    ]


async def test_a_table_says_when_nothing_is_left(twofold: TwinCommandLine, rig: LinkRig) -> None:
    await rig.bank("checking", "savings")
    ledger = await rig.ledger("main", chart())
    assert await twofold.run("report", "unreconciled", "--ledger", "main") == 0
    heading, *_, last = twofold.out.splitlines()
    assert heading == "Unreconciled Txs of Ledger main (main), now, UTC+00:00"
    assert last == "every Tx is reconciled"
    done = await synced(rig, "done", 1_000, "2024-03-01")
    await synced(rig, "left", -150, "2024-03-01")
    await accounted(rig, ledger, done)
    assert await twofold.run("report", "unreconciled", "--ledger", "main") == 0
    assert [line.split("  ")[0] for line in twofold.out.splitlines()[4:]] == [
        BANK,
        twofold.out.splitlines()[3],
        BANK,
        "Total",
    ]
    assert twofold.out.splitlines()[-1].endswith("USD           1   -1.50")


async def test_an_account_that_differs_from_its_txs_shows_what_explains_it(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank("checking", "savings")
    ledger = await rig.ledger("main", chart())
    done = await synced(rig, "done", 1_000, "2024-03-01")
    await synced(rig, "late", -150, "2024-03-02")
    await synced(rig, "early", 20, "2024-02-28")
    saved = await synced(rig, "saved", 2_000, "2024-03-20", account="savings")
    await accounted(rig, ledger, done)
    await accounted(rig, ledger, saved, SAVINGS)
    assert await twofold.run("report", "reconciliation", *CSV) == 0
    amounts = ("ledger_balance", "txs_sum", "difference", "unreconciled_sum", "unexplained")
    names = ("row", "path", *amounts, "external_id", "amount")
    txs = [
        ("tx", BANK, "", "", "", "", "", "early", "20"),
        ("tx", BANK, "", "", "", "", "", "late", "-150"),
    ]
    differing = ("account", BANK, "1000", "870", "-130", "-130", "0", "", "")
    assert rows(twofold, *names) == [differing, *txs]
    assert await twofold.run("report", "reconciliation", *CSV, "--all") == 0
    equal = ("account", SAVINGS, "2000", "2000", "0", "0", "0", "", "")
    assert rows(twofold, *names) == [differing, *txs, equal]
    assert await twofold.run("report", "reconciliation", "--ledger", "main") == 0
    assert twofold.out.splitlines()[-1] == "2 linked accounts, 1 with something to reconcile"
    assert await twofold.run("report", "reconciliation", *CSV, "--account", SAVINGS) == 0
    assert rows(twofold, *names) == []
    assert await twofold.run("report", "reconciliation", *CSV, "--account", CASH) == 1
    assert twofold.err == f"error: the Ledger has no linked account {CASH}"


async def test_txs_that_come_to_nothing_are_left_to_reconcile_all_the_same(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank("checking", "savings")
    await rig.ledger("main", chart())
    for name, amount, day in (("in", 5, "2024-03-01"), ("out", -5, "2024-03-02")):
        await synced(rig, name, amount, day)
    await rig.index_txs()
    assert await twofold.run("report", "reconciliation", *CSV) == 0
    assert rows(twofold, "row", "difference", "amount") == [
        ("account", "0", ""),
        ("tx", "", "5"),
        ("tx", "", "-5"),
    ]


async def test_a_difference_that_no_tx_explains_is_read_again_and_then_told(
    twofold: TwinCommandLine, rig: LinkRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.bank("checking", "savings")
    ledger = await rig.ledger("main", chart())
    done = await synced(rig, "done", 1_000, "2024-03-01")
    await accounted(rig, ledger, done)
    paused: list[int] = []
    execute, lost = twofold.execute, 10**6

    async def behind(document: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = await execute(document, variables)
        if "GetExternalAccountTxs" in document and len(paused) < lost:
            answer["externalAccount"]["txs"]["nodes"].clear()
        return answer

    async def pause(ms: int) -> None:
        paused.append(ms)

    monkeypatch.setattr(twofold, "execute", behind)
    monkeypatch.setattr(twofold, "pause", pause)
    assert await twofold.run("report", "reconciliation", *CSV) == 1
    assert len(paused) == TRIAL_BALANCE_ATTEMPTS_MAX - 1
    assert twofold.err.splitlines()[:2] == [
        "error: the unreconciled Txs don't explain how balances and Txs differ",
        f"{BANK}, USD: the balance is 10.00, the Txs come to 0.00, 0.00 of it unreconciled",
    ]
    lost = len(paused) + 1
    assert await twofold.run("report", "reconciliation", *CSV) == 0
    assert len(paused) == lost


async def test_a_linked_account_without_an_external_account_has_no_txs(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.ledger("main", chart())
    assert await twofold.run("report", "unreconciled", *CSV) == 0
    assert rows(twofold, "row") == []
    assert await twofold.run("report", "reconciliation", *CSV, "--all") == 0
    assert rows(twofold, "path", "external_account_id", "ledger_balance", "txs_sum") == [
        (BANK, "", "0", "0"),
        (SAVINGS, "", "0", "0"),
    ]


async def test_long_lists_of_txs_are_walked_to_their_end(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank("checking", "savings")
    await rig.ledger("main", chart())
    for first in range(0, 500, 100):
        days = range(first, first + 100)
        await rig.synced(*[tx(f"n{day}", day, posted="2024-03-01") for day in days])
    await rig.index_txs()
    assert await twofold.run("report", "unreconciled", *CSV) == 0
    found = rows(twofold, "row", "external_id", "count", "amount")
    assert {row[1] for row in found if row[0] == "tx"} == {f"n{day}" for day in range(500)}
    assert found[-1] == ("total", "", "500", str(sum(range(500))))
    assert await twofold.run("report", "reconciliation", *CSV) == 0
    assert rows(twofold, "row", "difference")[0] == ("account", str(sum(range(500))))


@pytest.mark.parametrize("ages", ["", "7,7", "30,7", "-1", "1.5", "7,", "a", "123456"])
async def test_ages_are_rising_numbers_of_days(twofold: TwinCommandLine, ages: str) -> None:
    with pytest.raises(SystemExit) as ended:
        await twofold.run("report", "unreconciled", *CSV, f"--ages={ages}")
    assert ended.value.code == 2
