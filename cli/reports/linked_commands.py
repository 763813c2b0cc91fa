"""report unreconciled, report reconciliation: what a bank has and the books don't."""

import argparse
from collections.abc import AsyncIterator
from typing import Any

from cli.client import GraphQL
from cli.context import Context
from cli.failures import CommandFailure
from cli.parsers import Commands
from cli.reports import documents
from cli.reports.amounts import Amounts, add_amount
from cli.reports.linked_accounts import (
    AGES_DEFAULT,
    RECONCILIATION_COLUMNS,
    UNRECONCILED_COLUMNS,
    LinkedAccount,
    ReportTx,
    Standing,
    Unreconciled,
    read_tx,
)
from cli.reports.moments import read_moment
from cli.reports.reading import (
    ReportLedger,
    read_ledger,
    read_linked_accounts,
    walk_oldest_first,
)
from cli.reports.writing import STILL_POSTING, add_report, report_heading, report_writer
from shared.ledger.periods import (
    INSTANT_MAX_MS,
    INSTANT_MIN_MS,
    format_datetime,
    parse_last_moment,
)
from shared.limits import (
    AGES_MAX,
    TRIAL_BALANCE_ATTEMPTS_MAX,
    TRIAL_BALANCE_PAUSE_MS,
)

_DAYS_CHARS_MAX = 5


def add_reports(reports: Commands) -> None:
    """Adds both reports."""
    told = "Txs that no entry accounts for, by account and age"
    unreconciled = add_report(reports, "unreconciled", told, show_unreconciled)
    _add_account(unreconciled)
    unreconciled.add_argument(
        "--ages",
        type=_ages,
        default=AGES_DEFAULT,
        metavar="DAYS",
        help="the last day of each age: 7,30,90 when left out",
    )
    unreconciled.add_argument(
        "--at", help="the end of a year, month, day or hour, of which ages count; now if left out"
    )
    unreconciled.add_argument("--sums", action="store_true", help="leave the single Txs out")
    told = "linked accounts whose balance isn't the sum of their Txs, and why"
    reconciliation = add_report(reports, "reconciliation", told, show_reconciliation)
    _add_account(reconciliation)
    reconciliation.add_argument("--all", action="store_true", help="show equal accounts as well")


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", metavar="PATH", help="one linked account alone")


def _ages(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if all(each.isascii() and each.isdigit() and len(each) <= _DAYS_CHARS_MAX for each in parts):
        days = tuple(map(int, parts))
        if len(days) <= AGES_MAX and list(days) == sorted(set(days)):
            return days
    raise argparse.ArgumentTypeError(f"rising numbers of days like 7,30,90, {AGES_MAX} at most")


async def show_unreconciled(context: Context) -> None:
    """Every Tx that isn't reconciled, oldest first; counts and sums by account and age."""
    arguments = context.arguments
    at = None if arguments.at is None else read_moment(arguments.at)
    async with context.api() as api:
        ledger = await read_ledger(api, arguments.ledger)
        accounts = await _accounts(api, context)
        now_ms = context.world.now_ms() if at is None else _end_ms(at, ledger)
        when = "now" if at is None else f"at the end of {at}"
        heading = report_heading("Unreconciled Txs", ledger, when)
        report = Unreconciled(now_ms, arguments.ages)
        filters = {} if at is None else {"posted": {"before": format_datetime(now_ms)}}
        form = arguments.format
        with report_writer(context, form, UNRECONCILED_COLUMNS, heading) as writer:
            count = 0
            for account in accounts:
                async for tx in _unreconciled(api, account, filters):
                    row = report.tx_row(account, tx)
                    count += 1
                    if not arguments.sums:
                        writer.add(row)
            for row in report.sum_rows():
                writer.add(row)
            if not count:
                writer.note("every Tx is reconciled")


async def show_reconciliation(context: Context) -> None:
    """Own balances beside Txs. Raises CommandFailure where unreconciled Txs don't explain how they
    differ.

    Balances and lists follow one after the other: what isn't explained is read again.
    """
    arguments = context.arguments
    async with context.api() as api:
        ledger = await read_ledger(api, arguments.ledger)
        for attempt in range(TRIAL_BALANCE_ATTEMPTS_MAX):
            if attempt:
                await context.world.pause(TRIAL_BALANCE_PAUSE_MS)
            standings = [await _standing(api, account) for account in await _accounts(api, context)]
            problems = [text for each in standings for text in each.problems()]
            if not problems:
                break
    heading = report_heading("Reconciliation", ledger, "after every entry")
    with report_writer(context, arguments.format, RECONCILIATION_COLUMNS, heading) as writer:
        differing = 0
        for each in standings:
            rows = list(each.rows(arguments.all))
            differing += bool(list(each.rows(with_equal=False)))
            for row in rows:
                writer.add(row)
        writer.note(f"{len(standings)} linked accounts, {differing} with something to reconcile")
    if problems:
        told = "the unreconciled Txs don't explain how balances and Txs differ"
        raise CommandFailure("\n".join([told, *problems, STILL_POSTING]))


async def _accounts(api: GraphQL, context: Context) -> list[LinkedAccount]:
    """The linked accounts that the report is about. Raises CommandFailure."""
    accounts = await read_linked_accounts(api, context.arguments.ledger)
    wanted = context.arguments.account
    if wanted is None:
        return accounts
    found = [each for each in accounts if each.path == wanted]
    if not found:
        raise CommandFailure(f"the Ledger has no linked account {wanted}")
    return found


def _end_ms(at: str, ledger: ReportLedger) -> int:
    """The last ms of a moment in the ledger's time."""
    moment = parse_last_moment(at)
    assert moment is not None, "it was read before"
    last_ms = moment.period.instants(ledger.offset_minutes)[1]
    return min(max(last_ms, INSTANT_MIN_MS), INSTANT_MAX_MS)


async def _unreconciled(
    api: GraphQL, account: LinkedAccount, filters: dict[str, Any]
) -> AsyncIterator[ReportTx]:
    """An account's unreconciled Txs, oldest first."""
    asked = {"accountMatch": {"id": account.id}, "txsFilter": filters}
    document = documents.UNRECONCILED_TXS
    async for node in walk_oldest_first(api, document, asked, "ledgerAccount", "unreconciledTxs"):
        yield read_tx(node)


async def _standing(api: GraphQL, account: LinkedAccount) -> Standing:
    """One account beside all Txs of its External Account, of which only the sums are kept."""
    sums: Amounts = {}
    if account.external_account_id is not None:
        asked = {"externalAccount": {"id": account.external_account_id}}
        document = documents.EXTERNAL_ACCOUNT_TXS
        async for node in walk_oldest_first(api, document, asked, "externalAccount", "txs"):
            tx = read_tx(node)
            add_amount(sums, tx.unit, tx.amount)
    unreconciled = [tx async for tx in _unreconciled(api, account, {})]
    return Standing(account, sums, unreconciled)
