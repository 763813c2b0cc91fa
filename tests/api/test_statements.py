"""`twofold sync-statement` on the in-memory twins: what a file does to a Link, and doesn't."""

import asyncio
import csv
import os
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from shared.limits import TXS_PER_SYNC_MAX
from shared.store.table import TableName
from shared.testing.memory import MemoryTable
from tests.command_line import TwinCommandLine
from tests.linking import GET_ACCOUNT, LIST_TXS, LinkRig, tx

FILES = Path(__file__).parents[1] / "statements"
TO = ("--link-ik", "bank", "--account", "checking")
CSV = ("--report", "csv")
HEADER = "date,amount,description,id"


@pytest.fixture
async def rig() -> AsyncIterator[LinkRig]:
    rig = LinkRig()
    await rig.open()
    yield rig
    await rig.services.committer.close()
    await rig.close()


@pytest.fixture
def twofold(rig: LinkRig, tmp_path: Path) -> TwinCommandLine:
    return TwinCommandLine(rig, tmp_path)


def write(twofold: TwinCommandLine, *rows: str) -> None:
    (twofold.folder / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n")


async def sync(twofold: TwinCommandLine, *flags: str) -> int:
    return await twofold.run("sync-statement", "a.csv", "--id", "id", *TO, *CSV, *flags)


def rows(twofold: TwinCommandLine) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(twofold.out)))


def told(twofold: TwinCommandLine) -> list[tuple[str, ...]]:
    names = ("row", "status", "where", "external_id", "count", "amount", "reason")
    return [tuple(row[name] for name in names) for row in rows(twofold)]


async def txs(rig: LinkRig, account: str = "checking") -> dict[str, tuple[str, str, str, str]]:
    """The account's Txs by external id."""
    await rig.index_txs()
    link = (await rig.ask("{ links { nodes { id } } }")).data["links"]["nodes"][0]["id"]
    match = {"linkId": link, "externalId": account}
    found = (await rig.ask(LIST_TXS, match=match, first=200)).data["externalAccount"]
    return {
        each["externalId"]: (
            each["posted"],
            each["amount"],
            each["currency"]["code"],
            each["description"],
        )
        for each in found["txs"]["nodes"]
    }


async def test_a_statement_is_synced_once_however_often(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    assert await twofold.run("create-link", "-i", "bank", "-n", "Bank") == 0
    assert '"isIkReplay": false' in twofold.out
    write(
        twofold, "2024-03-01,12.50,Invoice,b1", "2024-03-01,-3.5,Coffee,", "2024-03-01,-3.5,Coffee,"
    )
    assert await sync(twofold, "--create-account", "Checking", "--currency", "EUR") == 0
    assert await txs(rig) == (first := {
        "b1": ("2024-03-01T00:00:00.000Z", "1250", "EUR", "Invoice"),
        **{
            row["external_id"]: ("2024-03-01T00:00:00.000Z", "-350", "EUR", "Coffee")
            for row in rows(twofold)[1:3]
        },
    })  # fmt: skip
    assert len(first) == 3
    assert told(twofold)[3:] == [("total", "added", "", "", "3", "550", "")]
    assert await sync(twofold) == 0
    assert [row[1] for row in told(twofold)] == ["unchanged"] * 4
    assert "SyncStatementTxs" not in twofold.asked
    assert await txs(rig) == first


async def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    posted = {"posted": "2024-03-01"}
    await rig.synced(
        tx("same", 100, **posted), tx("named", 100, **posted), tx("other", 7, **posted)
    )
    before = await txs(rig)
    lines = ["same,1.00,Tx same", "named,1.00,New name", "other,0.08,Tx other", "new,5,Tx new"]
    cells = [line.split(",") for line in lines]
    write(twofold, *[f"2024-03-01,{amount},{text},{name}" for name, amount, text in cells])
    assert await sync(twofold, "--dry-run") == 1
    assert told(twofold) == [
        ("tx", "unchanged", "line 2", "same", "", "100", ""),
        ("tx", "changed", "line 3", "named", "", "100", "was 'Tx named'"),
        ("tx", "refused", "line 4", "other", "", "8", "it stands with 0.07, which never changes"),
        ("tx", "added", "line 5", "new", "", "500", ""),
        ("total", "added", "", "", "1", "500", ""),
        ("total", "changed", "", "", "1", "100", ""),
        ("total", "unchanged", "", "", "1", "100", ""),
        ("total", "refused", "", "", "1", "8", ""),
    ]
    assert twofold.err == (
        "error: 1 of 4 are refused, so nothing was synced\n"
        "line 4 (other): it stands with 0.07, which never changes"
    )
    assert await txs(rig) == before
    assert await sync(twofold) == 1
    assert await txs(rig) == before
    assert "SyncStatementTxs" not in twofold.asked
    write(twofold, *[f"2024-03-01,{amount},{text},{name}" for name, amount, text in cells[:2]])
    assert await sync(twofold) == 0
    after = await txs(rig)
    assert after["named"][3] == "New name"
    assert {**after, "named": before["named"]} == before


async def test_a_table_counts_what_stays_as_it_is(twofold: TwinCommandLine, rig: LinkRig) -> None:
    await rig.bank()
    await rig.synced(tx("same", 100, posted="2024-03-01"))
    write(twofold, "2024-03-01,1.00,Tx same,same", "2024-03-02,-0.05,Fee,fee")
    flags = ("--id", "id", *TO, "--dry-run")
    assert await twofold.run("sync-statement", "a.csv", *flags) == 0
    assert twofold.out == (
        "a.csv to Account checking (checking) of Link bank: dry run\n"
        "\n"
        "Status     Row     Posted                    External id  Description  Currency  Count  "
        "Amount  Reason\n"
        "--------------------------------------------------------------------------------------"
        "----------------\n"
        "added      line 3  2024-03-02T00:00:00.000Z  fee          Fee          USD               "
        "-0.05\n"
        "--------------------------------------------------------------------------------------"
        "----------------\n"
        "added                                                                  USD           1   "
        "-0.05\n"
        "unchanged                                                              USD           1    "
        "1.00\n"
    )


async def test_a_dry_run_creates_no_account(twofold: TwinCommandLine, rig: LinkRig) -> None:
    link = await rig.link()
    write(twofold, "2024-03-01,1,x,a")
    assert await sync(twofold, "--dry-run") == 1
    assert twofold.err == (
        "error: Link bank has no account checking: --create-account NAME makes it"
    )
    assert await sync(twofold, "--dry-run", "--create-account", "N") == 1
    assert twofold.err == "error: say the new account's currency with --currency"
    assert await sync(twofold, "--dry-run", "--create-account", "N", "--currency", "usd") == 1
    assert await sync(twofold, "--dry-run", "--create-account", "N", "--currency", "USD") == 0
    assert twofold.err == "the account checking would be created\n"
    match = {"linkId": link["id"], "externalId": "checking"}
    assert (await rig.ask(GET_ACCOUNT, match=match)).data["externalAccount"] is None


async def test_an_account_that_is_there_keeps_its_name_and_currency(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    link = await rig.bank()
    write(twofold, "2024-03-01,1,x,a")
    assert await sync(twofold, "--create-account", "Another") == 0
    match = {"linkId": link["id"], "externalId": "checking"}
    found = (await rig.ask(GET_ACCOUNT, match=match)).data["externalAccount"]
    assert (found["name"], found["currency"]["code"]) == ("Account checking", "USD")
    assert await sync(twofold, "--currency", "EUR") == 1
    assert twofold.err == "error: the account is in USD, not in EUR"


async def test_a_long_statement_is_synced_a_hundred_a_call(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    count = 2 * TXS_PER_SYNC_MAX + 1
    write(twofold, *[f"2024-03-01,{place},x,n{place}" for place in range(count)])
    assert await sync(twofold) == 0
    assert twofold.asked.count("SyncStatementTxs") == 3
    assert told(twofold)[-1] == ("total", "added", "", "", "201", str(100 * 200 * 201 // 2), "")


async def test_two_runs_at_once_add_everything_once(twofold: TwinCommandLine, rig: LinkRig) -> None:
    await rig.link()
    count = 2 * TXS_PER_SYNC_MAX + 1
    write(twofold, *[f"2024-03-01,{place},x," for place in range(count)])
    other = TwinCommandLine(rig, twofold.folder)
    new = ("--create-account", "Checking", "--currency", "USD")
    assert await asyncio.gather(sync(twofold, *new), sync(other, *new)) == [0, 0]
    memory = rig.table._table
    assert isinstance(memory, MemoryTable)
    stored = [item for item in memory.dump(TableName.LEDGER) if str(item["pk"])[:2] == "T#"]
    assert len(stored) == count


async def test_a_refusal_in_the_middle_says_the_row_and_what_was_synced(
    twofold: TwinCommandLine, rig: LinkRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.bank()
    write(twofold, *[f"2024-03-01,{place},x,n{place}" for place in range(150)])
    execute = twofold.execute

    async def meanwhile(document: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "SyncStatementTxs" in document and twofold.asked.count("SyncStatementTxs") == 1:
            await rig.synced(tx("n120", 7, posted="2024-03-01"))
        return await execute(document, variables)

    monkeypatch.setattr(twofold, "execute", meanwhile)
    assert await sync(twofold) == 1
    assert twofold.out == ""
    first, *rest = twofold.err.splitlines()
    assert "txs[20] (n120) has the amount 7, which can't become 12000" in first
    assert rest == [
        "txs[20] is line 122",
        "100 of 150 were synced before that; the same command goes on",
    ]
    assert len(await txs(rig)) == 101


CORRECTED = "2024/03/02-1"


def write_correction(twofold: TwinCommandLine, action: str) -> None:
    """The bank's file with a row that takes another one of it back."""
    text = (FILES / "checking.ofx").read_bytes().decode("cp1252")
    row = f"<FITID>c1<CORRECTFITID>{CORRECTED}<CORRECTACTION>{action}<NAME>Anew</STMTTRN>"
    text = text.replace(
        "</BANKTRANLIST>",
        f"<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20240304<TRNAMT>-40.50{row}</BANKTRANLIST>",
    )
    (twofold.folder / "a.ofx").write_bytes(text.encode("cp1252"))


@pytest.mark.parametrize("flags", [(), ("--derive-ids",)], ids=["own", "derived"])
@pytest.mark.parametrize("action, added", [("REPLACE", {"Anew"}), ("DELETE", set())])
async def test_a_correction_is_taken_once_what_it_corrects_is_deleted(
    twofold: TwinCommandLine,
    rig: LinkRig,
    action: str,
    added: set[str],
    flags: tuple[str, ...],
) -> None:
    link = await rig.bank()
    sent = ("sync-statement", str(FILES / "checking.ofx"), *TO, *flags)
    assert await twofold.run(*sent) == 0
    before = await txs(rig)
    write_correction(twofold, action)
    for _ in range(2):
        assert await twofold.run("sync-statement", "a.ofx", *TO, *flags) == 1
        assert "which still stands: reverse the entries that account for it" in twofold.err
        assert await txs(rig) == before
    (name,) = [name for name, each in before.items() if each[3].startswith("Caf")]
    match = {"linkId": link["id"], "externalId": "checking"}
    listed = (await rig.ask(LIST_TXS, match=match, first=200)).data["externalAccount"]["txs"]
    (found,) = [each["id"] for each in listed["nodes"] if each["externalId"] == name]
    await rig.delete(found)
    for _ in range(2):
        assert await twofold.run("sync-statement", "a.ofx", *TO, *flags) == 0
    after = await txs(rig)
    left = {each[3] for each in before.values() if not each[3].startswith("Caf")}
    assert {each[3] for each in after.values()} == left | added
    assert f"takes {CORRECTED} back" in twofold.out or action == "REPLACE"


@pytest.mark.parametrize("action", ["REPLACE", "DELETE"])
async def test_what_never_stood_is_left_out_of_the_file_that_corrects_it(
    twofold: TwinCommandLine, rig: LinkRig, action: str
) -> None:
    await rig.bank()
    write_correction(twofold, action)
    assert await twofold.run("sync-statement", "a.ofx", *TO) == 0
    assert f"transaction 2 ({CORRECTED}) is taken back by transaction 4 (c1)" in twofold.err
    assert len(await txs(rig)) == 2 + (action == "REPLACE")
    assert not [each for each in (await txs(rig)).values() if each[3].startswith("Caf")]


async def test_what_a_bank_has_not_booked_is_skipped_and_told(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.link()
    file = str(FILES / "day.camt.xml")
    flags = ("--create-account", "Giro", "--bank-account", "DE02 1203 0000 0000 2020 51")
    assert await twofold.run("sync-statement", file, *TO, *flags, *CSV) == 0
    assert told(twofold)[3] == ("tx", "skipped", "entry 4 (line 38)", "", "", "", "pending")
    assert [row[1:5:3] for row in told(twofold)[4:]] == [("added", "3"), ("skipped", "1")]
    found = await txs(rig)
    assert len(found) == 3
    assert found["2024-03-05%2F0001"] == (
        "2024-03-05T00:00:00.000Z",
        "25000",
        "EUR",
        "Zoë Müller; Invoice; 17",
    )
    assert found["0002"][:2] == ("2024-03-05T22:30:00.000Z", "-15000")
    assert await twofold.run("sync-statement", file, *TO, *CSV) == 0
    assert [row[1:5:3] for row in told(twofold)[4:]] == [("unchanged", "3"), ("skipped", "1")]


async def test_a_file_that_names_its_account_is_told_with_it_before_anything_is_sent(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    file = str(FILES / "day.camt.xml")
    told_first = f"{file} is of the bank account DE02120300000000202051"
    assert await twofold.run("sync-statement", file, *TO, "--dry-run") == 1  # EUR into USD
    assert twofold.err.splitlines()[0] == told_first
    assert await txs(rig) == {}
    new = ("--account", "giro", "--create-account", "Giro")
    assert await twofold.run("sync-statement", file, "--link-ik", "bank", *new) == 0
    assert twofold.err == f"{told_first}\n"


async def test_an_ofx_statement_s_closing_balance_is_checked_from_a_given_opening_one(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    sent = ("sync-statement", str(FILES / "checking.ofx"), *TO, *CSV)
    assert await twofold.run(*sent, "--opening-balance", "100.01") == 1
    assert "the opening balance 100.01 and the transactions 1208.45 come to" in twofold.err
    assert await txs(rig) == {}
    assert await twofold.run(*sent, "--opening-balance", "100.00") == 0
    assert len(await txs(rig)) == 3
    first, second = twofold.err.splitlines()
    assert first == f"{FILES / 'checking.ofx'} is of the bank account 000123456789"
    assert second.startswith("note: ENCODING: ")


async def test_an_account_s_derived_ids_are_not_booked_again_under_the_bank_s_own(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    write(twofold, "2024-03-01,1,x,a/1", "2024-03-01,1,x,a2", "2024-03-01,1,x,")
    assert await sync(twofold) == 0
    first = await txs(rig)
    assert await sync(twofold, "--derive-ids") == 1
    do = "sync it so again, or delete that Tx first"
    assert [row["reason"] for row in rows(twofold)[:3]] == [
        "",  # what it is in both ways: the third row's
        f"it stands as a2, synced without --derive-ids: {do}",
        "",
    ]
    assert await txs(rig) == first


@pytest.mark.parametrize("flags", [(), ("--derive-ids",)], ids=["own", "derived"])
@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "split"])
async def test_a_batch_is_not_booked_again_where_its_flags_change(
    twofold: TwinCommandLine, rig: LinkRig, flags: tuple[str, ...], is_split: bool
) -> None:
    await rig.link()
    new = ("--create-account", "Giro")
    sent = ("sync-statement", str(FILES / "day.camt.xml"), *TO, *CSV, *new)
    ways = {each: ("--split-batches",) if each else () for each in (False, True)}
    assert await twofold.run(*sent, *flags, *ways[is_split]) == 0
    before = await txs(rig)
    other = ("--derive-ids",) if not flags else ()
    for changed in ((*flags, *ways[not is_split]), (*other, *ways[not is_split])):
        assert await twofold.run(*sent, *changed) == 1
        reasons = [row[6] for row in told(twofold) if row[1] == "refused"]
        how = f"{'with' if is_split else 'without'} --split-batches"
        assert [reason for reason in reasons if how in reason]
        assert "SyncStatementTxs" not in twofold.asked
    assert await twofold.run(*sent, *other, *ways[is_split]) == 1
    assert "SyncStatementTxs" not in twofold.asked
    assert await twofold.run(*sent, *flags, *ways[is_split]) == 0
    assert await txs(rig) == before


def write_entry(
    twofold: TwinCommandLine, statement: str, text: str, day: str = "2024-03-05"
) -> None:
    """A statement whose one entry has a reference within the statement alone."""
    (twofold.folder / "a.xml").write_text(
        "<?xml version='1.0'?><Document><BkToCstmrStmt><Stmt>"
        f"<Id>{statement}</Id><Acct><Id><IBAN>DE1</IBAN></Id><Ccy>USD</Ccy></Acct>"
        "<Ntry><NtryRef>1</NtryRef><Amt Ccy='USD'>50.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
        f"<Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
        f"<AddtlNtryInf>{text}</AddtlNtryInf></Ntry></Stmt></BkToCstmrStmt></Document>"
    )


async def test_two_statements_that_number_their_entries_alike_are_both_booked(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    for _ in range(2):
        for statement, text in (("am", "Alice"), ("pm", "Bob"), ("night", "Bob")):
            write_entry(twofold, statement, text)
            assert await twofold.run("sync-statement", "a.xml", *TO) == 0
    found = await txs(rig)
    assert {name: each[3] for name, each in found.items()} == {
        "am%1F1": "Alice",
        "pm%1F1": "Bob",
        "night%1F1": "Bob",
    }


@pytest.mark.parametrize("flags", [(), ("--derive-ids",)], ids=["own", "derived"])
async def test_an_entry_that_stands_by_its_number_alone_is_not_booked_again(
    twofold: TwinCommandLine, rig: LinkRig, flags: tuple[str, ...]
) -> None:
    await rig.bank()
    await rig.synced(tx("1", 50_00, posted="2024-03-05"))
    before = await txs(rig)
    write_entry(twofold, "am", "Alice")
    assert await twofold.run("sync-statement", "a.xml", *TO, *CSV, *flags) == 1
    assert told(twofold)[0][-1] == (
        "it stands as 1, synced by its NtryRef alone, as earlier versions did: delete that Tx first"
    )
    assert await txs(rig) == before


async def test_a_booking_day_is_the_calendar_s_whatever_its_zone(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    for day in ("2024-01-01+01:00", "2024-01-01-05:00", "2024-01-01Z", "2024-01-01"):
        write_entry(twofold, "am", "Alice", day)
        assert await twofold.run("sync-statement", "a.xml", *TO, "--derive-ids") == 0
    ((posted, *_),) = (await txs(rig)).values()
    assert posted == "2024-01-01T00:00:00.000Z"


async def test_an_entry_that_stands_by_its_zone_s_day_is_not_booked_again(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    write_entry(twofold, "am", "Alice", "2023-12-31T23:00:00Z")
    path = twofold.folder / "a.xml"
    path.write_text(path.read_text().replace("Dt>2", "DtTm>2").replace("Z</Dt>", "Z</DtTm>"))
    assert await twofold.run("sync-statement", "a.xml", *TO, "--derive-ids") == 0
    before = await txs(rig)
    write_entry(twofold, "am", "Alice", "2024-01-01+01:00")
    assert await twofold.run("sync-statement", "a.xml", *TO, *CSV, "--derive-ids") == 1
    reason = "synced by its date's zone, as earlier versions did: delete that Tx first"
    assert told(twofold)[0][-1].endswith(reason)
    assert await txs(rig) == before


async def test_another_entry_s_number_is_no_hindrance(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    await rig.synced(tx("1", 50_00, posted="2024-03-04"))
    write_entry(twofold, "am", "Alice")
    assert await twofold.run("sync-statement", "a.xml", *TO) == 0
    assert list(await txs(rig)) == ["am%1F1", "1"]


async def test_a_file_s_name_need_not_be_utf_8(twofold: TwinCommandLine, rig: LinkRig) -> None:
    await rig.bank()
    name = os.fsdecode(b"ums\xe4tze.csv")
    (twofold.folder / name).write_text("date,amount,description\n2024-01-01,1.00,x\n")
    assert await twofold.run("sync-statement", name, *TO) == 0
    assert twofold.out.startswith("ums\\udce4tze.csv to Account checking")
    assert len(await txs(rig)) == 1


async def test_an_imbalance_is_the_first_note_and_the_others_are_counted(
    twofold: TwinCommandLine, rig: LinkRig
) -> None:
    await rig.bank()
    write(twofold, *[f"2024-03-01,1,x,n{place // 2}" for place in range(24)])
    balances = ("--opening-balance", "0", "--closing-balance", "24", "--ignore-balances")
    assert await sync(twofold, *balances) == 0
    notes = twofold.err.splitlines()
    assert "come to 12.00, the closing balance is 24.00" in notes[0]
    assert notes[1] == "note: line 3 is line 2 again: it is taken once"
    assert (len(notes), notes[-1]) == (11, "and 3 more notes")


@pytest.mark.parametrize(
    "argv, problem",
    [
        (["none.csv"], "error: can't read {folder}/none.csv: No such file or directory"),
        (["a.dat"], "error: a.dat: say with --format what it is: csv, ofx, camt.053"),
        (["a.csv", "--debit", "d"], "error: give --amount, or --debit and --credit together"),
        (
            ["a.csv", "--debit", "d", "--credit", "c", "--direction", "w"],
            "error: --direction goes with --amount",
        ),
        (["a.csv", "--opening-balance", "x"], "error: --opening-balance: 'x' is not an amount"),
        (["a.csv", "--bank-account", "1"], "error: a CSV doesn't say its account"),
        (["a.csv", "--format", "ofx"], "error: a.csv isn't a whole OFX file"),
        (["a.csv", "--format", "camt.053"], "error: a.csv isn't well-formed XML"),
        (["a.csv", "--account", "c/d"], "error: Link bank has no account c/d"),
        (["a.csv", "--link-ik", "none"], "error: "),
    ],
)
async def test_what_can_t_be_done_is_told_and_nothing_written(
    twofold: TwinCommandLine, rig: LinkRig, argv: list[str], problem: str
) -> None:
    await rig.bank()
    write(twofold, "2024-03-01,1,x,a")
    (twofold.folder / "a.dat").write_bytes(b"\x00\x01")
    assert await twofold.run("sync-statement", *TO, *argv) == 1
    assert twofold.err.startswith(problem.format(folder=twofold.folder))
    assert twofold.out == ""
    assert await txs(rig) == {}
