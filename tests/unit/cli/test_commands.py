"""Commands from arguments to exit codes, on an API that answers what it is told."""

import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from cli.app import run
from cli.connection import Connection
from cli.context import World
from shared.limits import TRIAL_BALANCE_ATTEMPTS_MAX

ROOT = Path(__file__).parents[3]
SDL = build_schema((ROOT / "shared" / "graphql" / "api.graphql").read_text())
QUICKSTART = ROOT / "examples" / "quickstart_schema.json"
VARIABLES = {
    "TWOFOLD_API_URL": "api",
    "TWOFOLD_AUTH_URL": "auth",
    "TWOFOLD_CLIENT_ID": "id",
    "TWOFOLD_CLIENT_SECRET": "secret",
    "TWOFOLD_SCOPE": "scope",
}
Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Desk:
    """A folder, an environment, and an API of canned answers by the root field's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = dict(VARIABLES)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.connections: list[Connection] = []
        self.slept: list[int] = []
        self.out = ""
        self.err = ""

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        parsed = parse(document)
        assert validate(SDL, parsed) == []
        (operation,) = parsed.definitions
        name = operation.name.value
        self.asked.append((name, json.loads(json.dumps(variables))))
        return self.answers[name](variables)

    @asynccontextmanager
    async def connect(self, connection: Connection) -> AsyncIterator["Desk"]:
        self.connections.append(connection)
        yield self

    async def pause(self, ms: int) -> None:
        self.slept.append(ms)

    def run(self, *argv: str) -> int:
        out, err = BytesIO(), StringIO()
        world = World(self.variables, self.folder, out, err, self.connect, self.pause, lambda: 0)
        code = run(argv, world)
        self.out, self.err = out.getvalue().decode(), err.getvalue()
        return code

    def write(self, name: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        (self.folder / name).write_text(text)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def stored(variables: dict[str, Any]) -> dict[str, Any]:
    schema = {"key": variables["schema"]["key"], "name": "n", "version": {"version": 1}}
    return {"storeSchema": {"__typename": "StoreSchemaResult", "schema": schema}}


SCHEMA_FILE = """{
  // how an editor checks it
  "$schema": "https://fragment.dev/api/json-schemas/fragment.json/1",
  "key": "${KEY}",
  "chartOfAccounts": {"accounts": []},
}"""


def test_store_schema_sends_the_file_filled_in_and_named(desk: Desk) -> None:
    desk.write("fragment.jsonc", SCHEMA_FILE)
    desk.variables["KEY"] = "books"
    desk.answers["StoreSchema"] = stored
    assert desk.run("store-schema") == 0
    schema = {"key": "books", "name": "books", "chartOfAccounts": {"accounts": []}}
    assert desk.asked == [("StoreSchema", {"schema": schema})]
    assert json.loads(desk.out) == {"key": "books", "name": "n", "version": {"version": 1}}
    assert desk.connections == [Connection("api", "auth", "id", "secret", "scope")]


def test_store_schema_sends_nothing_while_a_variable_is_not_set(desk: Desk) -> None:
    desk.write("my.jsonc", SCHEMA_FILE)
    assert desk.run("store-schema", "--path", "my.jsonc") == 1
    assert desk.err == f"error: {desk.folder}/my.jsonc: no variable is set for ${{KEY}}\n"
    assert desk.asked == []


def test_a_refusal_is_told_member_by_member(desk: Desk) -> None:
    desk.write("fragment.jsonc", {"key": "books"})
    error = {"code": "invalid_schema", "message": "No.", "retryable": False}
    desk.answers["StoreSchema"] = lambda _: {
        "storeSchema": {"__typename": "BadRequestError", **error}
    }
    assert desk.run("store-schema") == 1
    assert desk.err == (
        "typename: BadRequestError\nmessage: No.\ncode: invalid_schema\nretryable: false\n"
    )
    assert desk.out == ""


def test_verbose_tells_requests_but_no_secret(desk: Desk) -> None:
    desk.write("fragment.jsonc", {"key": "books"})
    desk.answers["StoreSchema"] = stored
    assert desk.run("store-schema", "-v") == 0
    assert "mutation StoreSchema(" in desk.err
    assert '{"schema": {"key": "books", "name": "books"}}' in desk.err
    assert "secret" not in desk.err


@pytest.mark.parametrize(
    "written, problem",
    [
        (b"export TWOFOLD_SCOPE='x\n", "No closing quotation"),
        (b"TWOFOLD_SCOPE=\xff\n", "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_connection_file_that_can_t_be_read_is_named(
    desk: Desk, written: bytes, problem: str
) -> None:
    desk.write("fragment.jsonc", {"key": "books"})
    (desk.folder / ".twofold").mkdir()
    (desk.folder / ".twofold" / "dev.env").write_bytes(written)
    assert desk.run("store-schema") == 1
    assert desk.err.startswith(f"error: can't read {desk.folder}/.twofold/dev.env: {problem}")
    assert desk.asked == []


def test_a_schema_file_that_nests_without_end_is_refused(desk: Desk) -> None:
    desk.write("deep.jsonc", '{"key":' + "[" * 900 + "]" * 900 + "}")
    assert desk.run("verify-schema", "-p", "deep.jsonc") == 1
    assert desk.err == f"error: {desk.folder}/deep.jsonc: nests deeper than 50\n"


def test_a_file_s_name_need_not_be_utf_8(desk: Desk) -> None:
    name = os.fsdecode(b"b\xfccher.jsonc")
    desk.write(name, QUICKSTART.read_text())
    assert desk.run("verify-schema", "-p", name) == 0
    assert desk.out == "b\\udcfccher.jsonc: the Schema quickstart-schema is valid\n"


def test_a_file_that_is_there_keeps_its_permissions(desk: Desk) -> None:
    kept, new = desk.folder / "kept.graphql", desk.folder / "new.graphql"
    kept.write_text("old")
    mask = os.umask(0o027)
    try:
        for mode in (0o600, 0o664):
            kept.chmod(mode)
            for path in (kept, new):
                argv = ("gen-graphql", "--path", str(QUICKSTART), "--output", path.name)
                assert desk.run(*argv) == 0
            assert stat.S_IMODE(kept.stat().st_mode) == mode
            assert stat.S_IMODE(new.stat().st_mode) == 0o640
    finally:
        os.umask(mask)
    assert kept.read_text() == new.read_text() != "old"


def test_verify_schema_asks_no_service(desk: Desk) -> None:
    desk.variables = {}
    assert desk.run("verify-schema", "-v", "--path", str(QUICKSTART)) == 0
    assert desk.out == (
        f"{QUICKSTART}: the Schema quickstart-schema is valid\n"
        "9 Ledger Accounts and templates of them\n"
        "2 versions of entry types\n"
    )
    assert desk.connections == []


def test_verify_schema_tells_every_violation_with_its_path(desk: Desk) -> None:
    desk.write("bad.jsonc", '{"key": "a/b", "chartOfAccounts": {"accounts": [{"key": "x"}]}}')
    assert desk.run("verify-schema", "-p", "bad.jsonc") == 1
    told = desk.err.splitlines()
    assert told[0] == f"error: bad.jsonc: {len(told) - 1} violations"
    assert {each.split(" ")[0] for each in told[1:]} >= {
        "key",
        "chartOfAccounts.accounts[0].type",
    }


@pytest.mark.parametrize(
    "text, told",
    [("[]", "a Schema is an object"), ("{", "line 1, column 2: "), ("{} {}", "line 1, column 4: ")],
)
def test_a_file_that_is_no_schema_is_told(desk: Desk, text: str, told: str) -> None:
    desk.write("bad.jsonc", text)
    assert desk.run("verify-schema", "-p", "bad.jsonc") == 1
    assert told in desk.err


def test_a_file_that_is_not_there_is_told(desk: Desk) -> None:
    assert desk.run("verify-schema", "-p", "none.jsonc") == 1
    assert desk.err == f"error: can't read {desk.folder}/none.jsonc: No such file or directory\n"


def found_schema(json_document: dict[str, Any]) -> Answer:
    version = {"version": 3, "json": json_document}
    return lambda asked: {"schema": {"key": asked["key"], "version": version}}


def test_get_schema_writes_the_document(desk: Desk) -> None:
    desk.answers["GetSchema"] = found_schema({"key": "books", "name": "Bücher"})
    assert desk.run("get-schema", "-k", "books", "--version", "3") == 0
    assert desk.asked == [("GetSchema", {"key": "books", "version": 3})]
    assert (desk.folder / "books.jsonc").read_text(encoding="utf-8") == (
        '{\n  "$schema": "https://fragment.dev/api/json-schemas/fragment.json/1",\n'
        '  "key": "books",\n  "name": "Bücher"\n}\n'
    )


def test_get_schema_without_a_key_takes_the_only_one(desk: Desk) -> None:
    keys = ["books"]
    desk.answers["GetSchema"] = found_schema({"key": "books"})
    desk.answers["ListSchemas"] = lambda _: {
        "schemas": {
            "nodes": [{"key": key} for key in keys],
            "pageInfo": {"hasNextPage": False},
        }
    }
    assert desk.run("get-schema", "--output", "mine.jsonc") == 0
    assert (desk.folder / "mine.jsonc").exists()
    keys.append("others")
    assert desk.run("get-schema") == 1
    assert desk.err == "error: say which Schema with --key: books, others\n"
    keys.clear()
    assert desk.run("get-schema") == 1
    assert desk.err == "error: no Schema is stored\n"


def test_get_schema_of_an_unknown_one_writes_no_file(desk: Desk) -> None:
    desk.answers["GetSchema"] = lambda _: {"schema": None}
    assert desk.run("get-schema", "-k", "books") == 1
    assert desk.err == "error: there is no Schema books\n"
    assert list(desk.folder.iterdir()) == []


def test_gen_graphql_writes_one_file(desk: Desk) -> None:
    assert desk.run("gen-graphql", "--path", str(QUICKSTART), "--output", "all.graphql") == 0
    text = (desk.folder / "all.graphql").read_text()
    assert [each.name.value for each in parse(text).definitions] == [
        "PostUserFundsAccount",
        "PostP2pTransfer",
    ]
    assert desk.run("gen-graphql", "--path", str(QUICKSTART), "--output", "again.graphql") == 0
    assert (desk.folder / "again.graphql").read_text() == text
    assert validate(SDL, parse(text)) == []


def test_gen_graphql_of_a_stored_schema_writes_a_file_for_each_operation(desk: Desk) -> None:
    desk.answers["GetSchema"] = found_schema(json.loads(QUICKSTART.read_text()))
    flags = ["--include-standard-queries", "--output-file-per-query", "--include-runtime-args"]
    assert desk.run("gen-graphql", "-k", "quickstart-schema", "-o", "a/b", *flags) == 0
    files = {path.name: path.read_text() for path in (desk.folder / "a" / "b").iterdir()}
    assert len(files) == 48
    for name, text in files.items():
        (operation,) = parse(text).definitions
        assert f"{operation.name.value}.graphql" == name
        assert validate(SDL, parse(text)) == []
    assert "$tags: [LedgerEntryTagInput!]" in files["PostP2pTransfer.graphql"]


def test_gen_graphql_writes_nothing_when_a_name_is_impossible(desk: Desk) -> None:
    document = json.loads(QUICKSTART.read_text().replace("funding_amount", "funding-amount"))
    desk.write("bad.jsonc", document)
    assert desk.run("gen-graphql", "-p", "bad.jsonc", "-o", "all.graphql") == 1
    assert "its parameter funding-amount is no GraphQL name" in desk.err
    assert not (desk.folder / "all.graphql").exists()


def test_create_ledger_takes_the_key_of_the_file(desk: Desk) -> None:
    ledger = {"id": "l", "ik": "mine"}
    desk.answers["CreateLedger"] = lambda _: {
        "createLedger": {
            "__typename": "CreateLedgerResult",
            "isIkReplay": False,
            "ledger": ledger,
        }
    }
    assert desk.run("create-ledger", "-i", "mine", "-n", "My books", "-s", str(QUICKSTART)) == 0
    asked = {"ik": "mine", "ledger": {"name": "My books"}, "schema": {"key": "quickstart-schema"}}
    assert desk.asked == [("CreateLedger", asked)]
    assert json.loads(desk.out) == {"isIkReplay": False, "ledger": ledger}


def test_add_ledger_entry_sends_parameters_as_texts(desk: Desk) -> None:
    desk.answers["AddLedgerEntry"] = lambda _: {
        "addLedgerEntry": {"__typename": "AddLedgerEntryResult", "isIkReplay": True}
    }
    flags = "-i pay-1 -l mine -t pay -n 2 -p amount=100 -p memo=a=b --param none=".split()
    assert desk.run("add-ledger-entry", *flags) == 0
    entry = {
        "ledger": {"ik": "mine"},
        "type": "pay",
        "typeVersion": 2,
        "parameters": {"amount": "100", "memo": "a=b", "none": ""},
    }
    assert desk.asked == [("AddLedgerEntry", {"ik": "pay-1", "entry": entry})]
    assert json.loads(desk.out) == {"isIkReplay": True}


def test_reverse_ledger_entry_takes_the_id(desk: Desk) -> None:
    desk.answers["ReverseLedgerEntry"] = lambda _: {
        "reverseLedgerEntry": {"__typename": "ReverseLedgerEntryResult", "isIkReplay": False}
    }
    assert desk.run("reverse-ledger-entry", "--id", "e1") == 0
    assert desk.asked == [("ReverseLedgerEntry", {"id": "e1"})]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["unknown"],
        ["add-ledger-entry", "--ik", "a"],
        ["add-ledger-entry", "-i", "a", "-l", "b", "-t", "c", "-p", "no-value"],
        ["gen-graphql", "-o", "x"],
        ["gen-graphql", "-o", "x", "-p", "a", "-k", "b"],
        ["report", "journal"],
        ["report", "income-statement", "--ledger", "x"],
    ],
)
def test_arguments_that_cannot_be_understood_give_exit_code_2(
    desk: Desk, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        desk.run(*argv)
    assert caught.value.code == 2
    assert desk.connections == []
    assert "usage: twofold" in capsys.readouterr().err


# --- Reports -------------------------------------------------------------------------------------
USD = {"code": "USD", "customCurrencyId": None, "precision": 2}
LAST = {"hasNextPage": False, "endCursor": None}


def ledger_found(_: dict[str, Any]) -> dict[str, Any]:
    return {"ledger": {"ik": "mine", "name": "Mine", "balanceUTCOffset": "+00:00"}}


def account(path: str, kind: str, amount: int, more: bool = False) -> dict[str, Any]:
    info = {"hasNextPage": True, "endCursor": "c"} if more else LAST
    amounts = {"nodes": [{"amount": str(amount), "currency": USD}], "pageInfo": info}
    known = {"id": f"id-{path}", "path": path, "name": None, "type": kind, "currency": USD}
    return {**known, "amounts": amounts}


def paged(pages: list[list[dict[str, Any]]]) -> Answer:
    """Pages of accounts behind the cursors 1, 2, …"""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        number = int(asked["after"] or 0)
        is_last = number == len(pages) - 1
        info = LAST if is_last else {"hasNextPage": True, "endCursor": str(number + 1)}
        return {"ledger": {"ledgerAccounts": {"nodes": pages[number], "pageInfo": info}}}

    return answer


def test_a_report_walks_all_pages_of_accounts_and_of_currencies(desk: Desk) -> None:
    desk.answers["GetReportLedger"] = ledger_found
    desk.answers["GetBalanceSheet"] = paged(
        [[account("b", "asset", 5, more=True)], [account("a", "liability", 2)]]
    )
    yen = {"amount": "7", "currency": {"code": "JPY", "customCurrencyId": None, "precision": 0}}
    desk.answers["GetMoreBalances"] = lambda _: {
        "ledgerAccount": {"amounts": {"nodes": [yen], "pageInfo": LAST}}
    }
    argv = "report balance-sheet --ledger mine --at 2024-3 --format csv --output r.csv".split()
    assert desk.run(*argv) == 0
    assert (desk.folder / "r.csv").read_bytes().decode().split("\r\n") == [
        "row,type,path,name,currency,precision,balance",
        "account,asset,b,,JPY,0,7",
        "account,asset,b,,USD,2,5",
        "account,liability,a,,USD,2,2",
        "total assets,,,,JPY,0,7",
        "total assets,,,,USD,2,5",
        "total liabilities,,,,JPY,0,0",
        "total liabilities,,,,USD,2,2",
        "net assets,,,,JPY,0,7",
        "net assets,,,,USD,2,3",
        "",
    ]
    assert [name for name, _ in desk.asked] == [
        "GetReportLedger",
        "GetBalanceSheet",
        "GetMoreBalances",
        "GetBalanceSheet",
    ]
    assert desk.asked[1][1] == {
        "ledgerIk": "mine",
        "balanceAtEndOf": "2024-03",
        "accountsFilter": {"type": {"in": ["asset", "liability"]}},
        "first": 100,
        "after": None,
    }
    assert desk.asked[2][1] == {"id": "id-b", "at": "2024-03", "first": 200, "after": "c"}
    assert desk.out == ""


def test_a_trial_balance_that_does_not_balance_is_read_again_then_told(desk: Desk) -> None:
    desk.answers["GetReportLedger"] = ledger_found
    desk.answers["GetTrialBalance"] = paged([[account("a", "asset", 5), account("i", "income", 4)]])
    assert desk.run("report", "trial-balance", "--ledger", "mine") == 1
    assert desk.slept == [1_500] * (TRIAL_BALANCE_ATTEMPTS_MAX - 1)
    proof = "USD: assets 0.05 - liabilities 0.00 = 0.05 ≠ 0.04 = income 0.04 - expenses 0.00"
    assert desk.err == (
        f"error: the trial balance doesn't balance\n{proof}\nentries were being posted or "
        "indexed meanwhile, or the books are wrong: run again\n"
    )
    assert desk.out == (
        "Trial balance of Mine (mine), after every entry, UTC+00:00\n"
        "\n"
        "Type    Account  Name  Currency  Debit  Credit\n"
        "----------------------------------------------\n"
        "asset   a              USD        0.05\n"
        "income  i              USD                0.04\n"
        "----------------------------------------------\n"
        "                       USD        0.05    0.04\n"
        f"{proof}\n"
    )


def test_a_trial_balance_that_balances_the_second_time_is_shown(desk: Desk) -> None:
    desk.answers["GetReportLedger"] = ledger_found
    early = paged([[account("a", "asset", 5), account("i", "income", 4)]])
    late = paged([[account("a", "asset", 5), account("i", "income", 5)]])
    desk.answers["GetTrialBalance"] = lambda asked: (late if desk.slept else early)(asked)
    assert desk.run("report", "trial-balance", "--ledger", "mine", "--format", "csv") == 0
    assert desk.out == (
        "row,type,path,name,currency,precision,debit,credit\r\n"
        "account,asset,a,,USD,2,5,\r\n"
        "account,income,i,,USD,2,,5\r\n"
        "total,,,,USD,2,5,5\r\n"
    )
    assert len(desk.slept) == 1


def test_a_journal_is_walked_from_its_oldest_page(desk: Desk) -> None:
    def entry(ik: str) -> dict[str, Any]:
        def line(path: str, kind: str) -> dict[str, Any]:
            of = {"path": path, "name": None, "type": kind}
            return {"id": "l", "description": None, "account": of, "amount": "1", "currency": USD}

        lines = [line("a", "asset"), line("i", "income")]
        known = {"id": f"id-{ik}", "ik": ik, "type": "t", "posted": ik, "description": None}
        return {**known, "lines": {"nodes": lines}}

    pages = {None: ("c1", ["2", "1"]), "c1": ("c2", ["4", "3"]), "c2": (None, ["5"])}

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        cursor, iks = pages[asked["before"]]
        info = {"hasPreviousPage": cursor is not None, "startCursor": cursor}
        nodes = [entry(ik) for ik in iks]
        return {"ledger": {"ledgerEntries": {"nodes": nodes, "pageInfo": info}}}

    desk.answers["GetReportLedger"] = ledger_found
    desk.answers["GetJournalExport"] = answer
    argv = "report journal --ledger mine --period 2024-Q1 --format csv".split()
    assert desk.run(*argv) == 0
    rows = [row.split(",") for row in desk.out.splitlines()]
    assert [row[3] for row in rows[1:-1:2]] == ["1", "2", "3", "4", "5"]
    assert rows[-1] == ["total", *[""] * 10, "USD", "2", "5", "5"]
    posted = {"after": "2024-01-01T00:00:00.000Z", "before": "2024-03-31T23:59:59.999Z"}
    assert desk.asked[1][1] == {
        "ledgerIk": "mine",
        "entriesFilter": {"posted": posted},
        "last": 200,
        "before": None,
    }


def test_a_list_whose_cursor_stands_still_ends_the_report(desk: Desk) -> None:
    desk.answers["GetReportLedger"] = ledger_found
    info = {"hasPreviousPage": True, "startCursor": "c"}
    desk.answers["GetJournalExport"] = lambda _: {
        "ledger": {"ledgerEntries": {"nodes": [], "pageInfo": info}}
    }
    assert desk.run("report", "journal", "--ledger", "mine", "--output", "j.txt") == 1
    assert desk.err == "error: the list goes on, but its cursor doesn't move\n"
    assert list(desk.folder.iterdir()) == []


def test_a_statement_that_does_not_add_up_is_told(desk: Desk) -> None:
    balance = {"nodes": [{"amount": "5", "currency": USD}], "pageInfo": LAST}
    none = {"nodes": [], "pageInfo": LAST}
    desk.answers["GetReportLedger"] = ledger_found
    known = {"id": "a", "path": "a", "name": None, "type": "asset", "currency": USD}
    desk.answers["GetAccountStatement"] = lambda _: {
        "ledgerAccount": {**known, "starting": none, "ending": balance}
    }
    info = {"hasPreviousPage": False, "startCursor": None}
    desk.answers["GetAccountStatementLines"] = lambda _: {
        "ledgerAccount": {"lines": {"nodes": [], "pageInfo": info}}
    }
    argv = "report account-statement --ledger mine --account a --period 2024".split()
    assert desk.run(*argv) == 1
    assert "USD: the lines lead to 0.00, the balance is 0.05\n" in desk.err
    assert "Starting balance  USD                  0.00\n" in desk.out


@pytest.mark.parametrize("report", ["journal", "trial-balance", "balance-sheet"])
def test_a_report_of_an_unknown_ledger_is_told(desk: Desk, report: str) -> None:
    desk.answers["GetReportLedger"] = lambda _: {"ledger": None}
    assert desk.run("report", report, "--ledger", "none") == 1
    assert desk.err == "error: there is no Ledger none\n"
    assert desk.out == ""


def test_a_file_that_cannot_be_written_is_told(desk: Desk) -> None:
    desk.answers["GetReportLedger"] = ledger_found
    desk.answers["GetTrialBalance"] = paged([[]])
    argv = "report trial-balance --ledger mine --output no/such/folder.txt".split()
    assert desk.run(*argv) == 1
    assert "error: can't write " in desk.err


def test_a_link_is_written_through_and_never_replaced(desk: Desk) -> None:
    (desk.folder / "target").touch()
    (desk.folder / "link").symlink_to("target")
    assert desk.run("gen-graphql", "-p", str(QUICKSTART), "-o", "link") == 0
    assert (desk.folder / "link").is_symlink()
    assert "mutation PostP2pTransfer" in (desk.folder / "target").read_text()
