"""sync-statement: a bank's file into a Custom Link.

file ─► read ─► take ─► the account's Txs, looked up ─► compare ─► refused: told, nothing sent
                                                               └─► sent, a hundred a call
"""

import argparse
import re
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.client import GraphQL, mutate
from cli.context import Context
from cli.failures import ApiRefusal, CommandFailure
from cli.parsers import Commands, reaches_the_api
from cli.reports.amounts import Unit, read_unit
from cli.reports.rows import shown_text
from cli.reports.writing import report_writer
from cli.statements import documents
from cli.statements.camt_files import read_camt
from cli.statements.comparing import (
    COLUMNS,
    Compared,
    Standing,
    compare,
    read_standing,
    report_rows,
    still_standing,
    to_send,
)
from cli.statements.csv_files import CsvForm, read_csv
from cli.statements.figures import DecimalMark, Figure, parse_figure
from cli.statements.ofx_files import read_ofx
from cli.statements.statements import Statement, choose_statements
from cli.statements.wanted import Rules, Taken, WantedTx, currency_input, take, unit_of
from shared.ledger.periods import format_datetime
from shared.limits import (
    CLI_ERRORS_SHOWN_MAX,
    STATEMENT_BYTES_MAX,
    STATEMENT_LOOKUPS,
    TXS_PER_SYNC_MAX,
)

FORMATS = ("csv", "ofx", "camt.053")
_LOOKED_AT_BYTES = 4_096
_MARKS: dict[str, DecimalMark] = {"point": ".", "comma": ","}
_REFUSED_TX = re.compile(r"\btxs\[([0-9]+)\]")


def add_commands(commands: Commands) -> None:
    """Adds the command."""
    sync = commands.add_parser(
        "sync-statement", help="sync a bank's statement (CSV, OFX, camt.053) into a Custom Link"
    )
    sync.add_argument("file", metavar="FILE", help="the statement")
    link = sync.add_mutually_exclusive_group(required=True)
    link.add_argument("--link-ik", metavar="IK", help="the Link, by its ik")
    link.add_argument("--link-id", metavar="ID", help="… or by its id")
    sync.add_argument(
        "--account", required=True, metavar="EXTERNAL_ID", help="the External Account's external id"
    )
    sync.add_argument(
        "--create-account", metavar="NAME", help="create the External Account if it isn't there"
    )
    sync.add_argument("--format", choices=FORMATS, help="seen from the file when left out")
    sync.add_argument("--dry-run", action="store_true", help="tell what would be done; do nothing")
    sync.add_argument(
        "--bank-account", metavar="NUMBER", help="the account's number in an OFX or camt.053 file"
    )
    sync.add_argument("--currency", metavar="CODE", help="of rows that don't say theirs")
    sync.add_argument(
        "--derive-ids", action="store_true", help="don't use the bank's ids of transactions"
    )
    sync.add_argument(
        "--split-batches", action="store_true", help="camt.053: a Tx for each part of a batch"
    )
    sync.add_argument("--opening-balance", metavar="AMOUNT", help="before the first transaction")
    sync.add_argument("--closing-balance", metavar="AMOUNT", help="after the last one")
    sync.add_argument(
        "--ignore-balances", action="store_true", help="only tell when balances don't add up"
    )
    sync.add_argument("--report", choices=("table", "csv"), default="table")
    sync.add_argument("--output", metavar="FILE", help="of the report; stdout when left out")
    _add_csv_flags(sync)
    reaches_the_api(sync, sync_statement)


def _add_csv_flags(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("CSV (a column is named by its header or its number from 1)")
    group.add_argument("--date", metavar="COLUMN", default="date")
    group.add_argument("--date-format", metavar="FORMAT", help="as %%d.%%m.%%Y; ISO 8601 if not")
    group.add_argument("--amount", metavar="COLUMN", help="amount, unless debit and credit")
    group.add_argument("--debit", metavar="COLUMN", help="money going out")
    group.add_argument("--credit", metavar="COLUMN", help="money coming in")
    group.add_argument("--direction", metavar="COLUMN", help="of amounts without a sign: D or C, …")
    group.add_argument("--outgoing", metavar="WORD", help="what else there means money going out")
    group.add_argument("--incoming", metavar="WORD", help="… or coming in")
    group.add_argument(
        "--description", metavar="COLUMN", action="append", help="may be given several times"
    )
    group.add_argument("--id", metavar="COLUMN", help="the bank's id of the transaction")
    group.add_argument("--currency-column", metavar="COLUMN")
    group.add_argument("--decimal", choices=tuple(_MARKS), default="point")
    group.add_argument("--delimiter", type=_delimiter, default=",", help="one character, or tab")
    group.add_argument("--encoding", default="utf-8-sig", help="UTF-8 when left out")
    group.add_argument("--skip-lines", type=_count, default=0, help="before the header")
    group.add_argument("--skip-last", type=_count, default=0, help="rows at the end")


def _delimiter(text: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise argparse.ArgumentTypeError("one character, or tab")
    return delimiter


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(STATEMENT_BYTES_MAX))):
        raise argparse.ArgumentTypeError("a number from 0")
    return int(text)


# --- The file ------------------------------------------------------------------------------------
def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(STATEMENT_BYTES_MAX + 1)
    except OSError as error:
        raise CommandFailure(f"can't read {path}: {error.strerror}") from error
    if len(data) > STATEMENT_BYTES_MAX:
        raise CommandFailure(f"{path} has more than {STATEMENT_BYTES_MAX} bytes: split it")
    return data


def _form_of(file: str, data: bytes) -> str:
    """Which of the formats the file has. Raises CommandFailure if it doesn't show."""
    start = data[:_LOOKED_AT_BYTES].replace(b"\0", b"")  # UTF-16 shows as well
    if b"OFXHEADER" in start or b"<OFX" in start:
        return "ofx"
    if b"<?xml" in start[:100] or b"camt.053" in start:
        return "camt.053"
    if file.lower().endswith((".csv", ".tsv", ".txt")):
        return "csv"
    raise CommandFailure(f"{file}: say with --format what it is: {', '.join(FORMATS)}")


def _read_statements(context: Context) -> tuple[list[Statement], list[str]]:
    """The statements of the one account, and what people should know."""
    arguments = context.arguments
    file = arguments.file
    data = _read_bytes(context.path(file))
    form = arguments.format or _form_of(file, data)
    notes: list[str] = []
    if form == "csv":
        if arguments.bank_account is not None:
            raise CommandFailure("a CSV doesn't say its account: leave --bank-account out")
        return read_csv(file, data, _csv_form(arguments)), notes
    if form == "ofx":
        statements, notes = read_ofx(file, data)
    else:
        statements = read_camt(file, data, arguments.split_batches)
    return choose_statements(file, statements, arguments.bank_account), notes


def _csv_form(arguments: Any) -> CsvForm:
    both = arguments.debit is not None and arguments.credit is not None
    if (arguments.debit is None) != (arguments.credit is None) or (both and arguments.amount):
        raise CommandFailure("give --amount, or --debit and --credit together")
    if both and arguments.direction is not None:
        raise CommandFailure("--direction goes with --amount: debit and credit say it themselves")
    return CsvForm(
        date=arguments.date,
        amount=None if both else arguments.amount or "amount",
        debit=arguments.debit,
        credit=arguments.credit,
        direction=arguments.direction,
        outgoing=arguments.outgoing,
        incoming=arguments.incoming,
        descriptions=tuple(arguments.description or ("description",)),
        id=arguments.id,
        currency=arguments.currency_column,
        date_format=arguments.date_format,
        mark=_MARKS[arguments.decimal],
        delimiter=arguments.delimiter,
        encoding=arguments.encoding,
        skip_lines=arguments.skip_lines,
        skip_last=arguments.skip_last,
    )


def _balance(context: Context, name: str) -> Figure | None:
    text = getattr(context.arguments, name)
    if text is None:
        return None
    figure = parse_figure(text, _MARKS[context.arguments.decimal])
    if isinstance(figure, str):
        raise CommandFailure(f"--{name.replace('_', '-')}: {figure}")
    return figure


# --- The account ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Account:
    """The External Account. `id` None: it isn't there yet. `unit` None: it is multi-currency."""

    id: str | None
    name: str
    unit: Unit | None


def _account(node: dict[str, Any]) -> Account:
    unit = None if node["currencyMode"] == "multi" else read_unit(node["currency"])
    return Account(node["id"], node["name"], unit)


def _link_match(context: Context) -> dict[str, str]:
    arguments = context.arguments
    return {"ik": arguments.link_ik} if arguments.link_ik else {"id": arguments.link_id}


async def _find_account(
    context: Context, api: GraphQL, statements: Sequence[Statement]
) -> tuple[dict[str, Any], Account]:
    """The Link and the account, which may still have to be created. Raises CommandFailure."""
    arguments = context.arguments
    link = (await api.execute(documents.LINK, {"link": _link_match(context)}))["link"]
    if link["__typename"] != "CustomLink":
        raise CommandFailure(f"{link['name']} is a {link['__typename']}, which syncs by itself")
    match = {"linkId": link["id"], "externalId": arguments.account}
    found = (await api.execute(documents.ACCOUNT, {"account": match}))["externalAccount"]
    if found is not None:
        return link, _account(found)
    if arguments.create_account is None:
        raise CommandFailure(
            f"{link['name']} has no account {arguments.account}: "
            "--create-account NAME makes it"
        )  # fmt: skip
    stated = {each.currency for each in statements if each.currency is not None}
    if arguments.currency is None and len(stated) != 1:
        raise CommandFailure("say the new account's currency with --currency")
    unit = unit_of(arguments.currency or stated.pop())
    if isinstance(unit, str):
        raise CommandFailure(unit)
    return link, Account(None, arguments.create_account, unit)


async def _create_account(context: Context, api: GraphQL, account: Account) -> None:
    assert account.unit is not None
    wanted = {
        "externalId": context.arguments.account,
        "name": account.name,
        "currency": currency_input(account.unit),
    }
    asked = {"link": _link_match(context), "accounts": [wanted]}
    await mutate(api, documents.CREATE_ACCOUNT, asked)


# --- The Txs -------------------------------------------------------------------------------------
async def _find_standing(
    api: GraphQL, account: Account, txs: Sequence[WantedTx]
) -> dict[str, Standing]:
    """Those of the Txs that are there, by external id; of the others what stands in their place."""
    if account.id is None:
        return {}
    standing = await _look_up(api, account.id, [tx.external_id for tx in txs])
    missing = [tx for tx in txs if tx.external_id not in standing]
    others = {each.external_id: None for tx in missing for each in tx.others}
    return standing | await _look_up(api, account.id, list(others))


async def _look_up(
    api: GraphQL, account_id: str, external_ids: Sequence[str]
) -> dict[str, Standing]:
    standing: dict[str, Standing] = {}
    for first in range(0, len(external_ids), STATEMENT_LOOKUPS):
        some = external_ids[first : first + STATEMENT_LOOKUPS]
        asked = {
            f"t{place}": {"accountId": account_id, "externalId": external_id}
            for place, external_id in enumerate(some)
        }
        found = await api.execute(documents.find_txs(len(some)), asked)
        for node in found.values():
            if node is not None:
                standing[node["externalId"]] = read_standing(node)
    return standing


async def _send(context: Context, api: GraphQL, txs: Sequence[WantedTx]) -> None:
    """Syncs all. Raises CommandFailure that names the rows which were refused meanwhile."""
    for first in range(0, len(txs), TXS_PER_SYNC_MAX):
        some = txs[first : first + TXS_PER_SYNC_MAX]
        given = [_tx_input(context.arguments.account, tx) for tx in some]
        try:
            await mutate(api, documents.SYNC, {"link": _link_match(context), "txs": given})
        except CommandFailure as failure:
            rows = []
            if isinstance(failure, ApiRefusal):
                places = map(int, _REFUSED_TX.findall(str(failure)))
                rows = [f"txs[{place}] is {some[place].where}" for place in places]
            told = f"{first} of {len(txs)} were synced before that; the same command goes on"
            raise CommandFailure("\n".join([str(failure), *rows, told])) from failure


def _tx_input(account: str, tx: WantedTx) -> dict[str, Any]:
    return {
        "account": {"externalId": account},
        "externalId": tx.external_id,
        "amount": str(tx.amount),
        "currency": currency_input(tx.unit),
        "description": tx.description,
        "posted": format_datetime(tx.posted_ms),
    }


# --- The command ---------------------------------------------------------------------------------
async def sync_statement(context: Context) -> None:
    """Syncs a file, or tells what syncing it would do."""
    arguments = context.arguments
    statements, notes = _read_statements(context)
    numbers = dict.fromkeys([each.bank_account for each in statements if each.bank_account])
    if numbers:
        told = shown_text(", ".join(numbers))
        context.tell(f"{arguments.file} is of the bank account {told}")
    async with context.api() as api:
        link, account = await _find_account(context, api, statements)
        taken = _take(context, statements, account)
        _tell_notes(context, [*taken.notes, *notes])
        standing = await _find_standing(api, account, [*taken.corrected, *taken.txs])
        compared = still_standing(taken.corrected, standing) + compare(taken.txs, standing)
        refused = [each for each in compared if each.status == "refused"]
        is_sent = not arguments.dry_run and not refused
        if is_sent:
            if account.id is None:
                await _create_account(context, api, account)
            await _send(context, api, to_send(compared))
    mode = "synced" if is_sent else "dry run" if arguments.dry_run else "nothing was synced"
    place = f"{account.name} ({arguments.account}) of {link['name']}"
    _report(context, statements, compared, f"{arguments.file} to {place}: {mode}")
    if account.id is None and not is_sent:
        context.tell(f"the account {arguments.account} would be created")
    if refused:
        raise CommandFailure(_refusal(refused, len(compared)))


def _tell_notes(context: Context, notes: Sequence[str]) -> None:
    """The first ones, and how many more there are."""
    for note in notes[:CLI_ERRORS_SHOWN_MAX]:
        context.tell(f"note: {note}")
    more = len(notes) - CLI_ERRORS_SHOWN_MAX
    if more > 0:
        context.tell(f"and {more} more note{'s' if more > 1 else ''}")


def _take(context: Context, statements: Sequence[Statement], account: Account) -> Taken:
    arguments = context.arguments
    currency = None if arguments.currency is None else arguments.currency.upper()
    if currency is not None and account.unit is not None and currency != account.unit.key:
        raise CommandFailure(f"the account is in {account.unit.key}, not in {currency}")
    opening, closing = _balance(context, "opening_balance"), _balance(context, "closing_balance")
    if (opening or closing) and len(statements) > 1:
        raise CommandFailure("the file has several statements, each with balances of its own")
    rules = Rules(
        account.unit, currency, arguments.derive_ids, opening, closing, arguments.ignore_balances
    )
    return take(arguments.file, statements, rules)


def _report(
    context: Context, statements: Sequence[Statement], compared: Sequence[Compared], heading: str
) -> None:
    """Every row in a CSV; in a table those that don't change only count."""
    skipped = [row for statement in statements for row in statement.skipped]
    arguments = context.arguments
    with report_writer(context, arguments.report, COLUMNS, heading) as writer:
        for row in report_rows(compared, skipped, with_unchanged=arguments.report == "csv"):
            writer.add(row)
        if not compared and not skipped:
            writer.note("the statement has no transactions")


def _refusal(refused: Sequence[Compared], count: int) -> str:
    shown = [
        f"{each.tx.where} ({each.tx.external_id}): {each.reason}"
        for each in refused[:CLI_ERRORS_SHOWN_MAX]
    ]
    more = len(refused) - len(shown)
    tail = [f"and {more} more"] if more else []
    return "\n".join(
        [f"{len(refused)} of {count} are refused, so nothing was synced", *shown, *tail]
    )
