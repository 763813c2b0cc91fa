"""report: what is asked, where it goes, whether it adds up.

API ─► reading ─► balances | ledger_lines (pure) ─► rows ─► table or CSV ─► stdout or a file
"""

from argparse import ArgumentParser
from typing import Any

from cli.context import Context
from cli.failures import CommandFailure
from cli.parsers import Commands
from cli.reports import documents, linked_commands
from cli.reports.balances import (
    BALANCE_SHEET,
    INCOME_STATEMENT,
    TRIAL_BALANCE_COLUMNS,
    TreeReport,
    prove,
    trial_balance,
)
from cli.reports.ledger_lines import JOURNAL_COLUMNS, STATEMENT_COLUMNS, Journal, Statement
from cli.reports.moments import (
    ending_moment,
    posted_filter,
    read_moment,
    read_period,
    starting_moment,
)
from cli.reports.reading import (
    read_accounts,
    read_ledger,
    read_statement,
    walk_oldest_first,
)
from cli.reports.writing import STILL_POSTING, add_report, report_heading, report_writer
from shared.ledger.periods import format_period
from shared.limits import TRIAL_BALANCE_ATTEMPTS_MAX, TRIAL_BALANCE_PAUSE_MS


def add_commands(commands: Commands) -> None:
    """Adds the reports."""
    report = commands.add_parser("report", help="balance sheet, income statement, and others")
    reports = report.add_subparsers(required=True, metavar="REPORT")
    sheet = add_report(
        reports, "balance-sheet", "what is owned and owed at a moment", balance_sheet
    )
    _add_at(sheet)
    _add_tree_flags(sheet)
    income = add_report(reports, "income-statement", "what was earned and spent", income_statement)
    income.add_argument("--period", required=True, help=_PERIOD_HELP)
    _add_tree_flags(income)
    trial = add_report(reports, "trial-balance", "every own balance; proves the ledger", show_trial)
    _add_at(trial)
    trial.add_argument("--skip-zero", action="store_true", help="leave zero balances out")
    statement = add_report(reports, "account-statement", "an account's lines", account_statement)
    statement.add_argument("--account", required=True, metavar="PATH", help="the account's path")
    statement.add_argument("--period", required=True, help=_PERIOD_HELP)
    journal = add_report(reports, "journal", "all entries with their lines", journal_export)
    journal.add_argument("--period", help=f"{_PERIOD_HELP}; everything when left out")
    linked_commands.add_reports(reports)


_PERIOD_HELP = "a year, quarter, month, day or hour: 2024, 2024-Q3, 2024-07, …"


def _add_at(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--at", help="the end of a year, month, day or hour; after every entry when left out"
    )


def _add_tree_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--depth", type=int, help="how many levels of accounts to show")
    parser.add_argument("--skip-zero", action="store_true", help="leave zero rows out")


def _when(at: str | None) -> str:
    return "after every entry" if at is None else f"at the end of {at}"


# --- Balances ------------------------------------------------------------------------------------
async def balance_sheet(context: Context) -> None:
    """Total balances of assets and liabilities."""
    at = _moment(context)
    variables = {"balanceAtEndOf": at}
    await _tree(context, BALANCE_SHEET, documents.BALANCE_SHEET, variables, "balances", _when(at))


async def income_statement(context: Context) -> None:
    """Changes of income and expenses."""
    period = format_period(read_period(context.arguments.period))
    variables = {"balanceChangeDuring": period}
    document = documents.INCOME_STATEMENT
    await _tree(context, INCOME_STATEMENT, document, variables, None, f"in {period}")


async def _tree(
    context: Context,
    report: TreeReport,
    document: str,
    variables: dict[str, Any],
    field: str | None,
    when: str,
) -> None:
    arguments = context.arguments
    async with context.api() as api:
        ledger = await read_ledger(api, arguments.ledger)
        asked = {
            **variables,
            "ledgerIk": arguments.ledger,
            "accountsFilter": {"type": {"in": [report.plus, report.minus]}},
        }
        accounts = await read_accounts(api, document, asked, field)
    with report_writer(
        context,
        context.arguments.format,
        report.columns,
        report_heading(report.title, ledger, when),
    ) as writer:
        for row in report.rows(accounts, arguments.depth, not arguments.skip_zero):
            writer.add(row)


async def show_trial(context: Context) -> None:
    """Own balances of all accounts. Raises CommandFailure when they don't balance.

    Accounts and balances are indexed one after the other: what doesn't balance is read again.
    """
    arguments = context.arguments
    at = _moment(context)
    async with context.api() as api:
        ledger = await read_ledger(api, arguments.ledger)
        asked = {"ledgerIk": arguments.ledger, "balanceAtEndOf": at, "accountsFilter": None}
        for attempt in range(TRIAL_BALANCE_ATTEMPTS_MAX):
            if attempt:
                await context.world.pause(TRIAL_BALANCE_PAUSE_MS)
            accounts = await read_accounts(api, documents.TRIAL_BALANCE, asked, "ownBalances")
            proofs = prove(accounts)
            if all(proof.holds for proof in proofs):
                break
    heading = report_heading("Trial balance", ledger, _when(at))
    with report_writer(context, context.arguments.format, TRIAL_BALANCE_COLUMNS, heading) as writer:
        for row in trial_balance(accounts, not arguments.skip_zero):
            writer.add(row)
        for proof in proofs:
            writer.note(str(proof))
    problems = [str(proof) for proof in proofs if not proof.holds]
    if problems:
        raise CommandFailure(
            "\n".join(["the trial balance doesn't balance", *problems, STILL_POSTING])
        )


def _moment(context: Context) -> str | None:
    at = context.arguments.at
    return None if at is None else read_moment(at)


# --- Lines ---------------------------------------------------------------------------------------
async def account_statement(context: Context) -> None:
    """One account's own lines. Raises CommandFailure when they don't lead to its balance."""
    arguments = context.arguments
    period = read_period(arguments.period)
    match = {"ledger": {"ik": arguments.ledger}, "path": arguments.account}
    async with context.api() as api:
        ledger = await read_ledger(api, arguments.ledger)
        account, starting, ending = await read_statement(
            api, match, starting_moment(period), ending_moment(period)
        )
        statement = Statement(starting)
        title = f"Statement of {account['path']}"
        heading = report_heading(title, ledger, f"in {format_period(period)}")
        with report_writer(context, context.arguments.format, STATEMENT_COLUMNS, heading) as writer:
            for row in statement.starting_rows():
                writer.add(row)
            posted = posted_filter(period, ledger.offset_minutes)
            asked = {"accountMatch": match, "linesFilter": {"posted": posted}}
            async for line in walk_oldest_first(
                api, documents.STATEMENT_LINES, asked, "ledgerAccount", "lines"
            ):
                writer.add(statement.line_row(line))
            for row in statement.ending_rows():
                writer.add(row)
    problems = statement.problems(ending)
    if problems:
        raise CommandFailure("\n".join(["the statement doesn't add up", *problems, STILL_POSTING]))


async def journal_export(context: Context) -> None:
    """All entries. Raises CommandFailure when debits and credits differ."""
    arguments = context.arguments
    period = None if arguments.period is None else read_period(arguments.period)
    async with context.api() as api:
        ledger = await read_ledger(api, arguments.ledger)
        filters = {}
        if period is not None:
            filters["posted"] = posted_filter(period, ledger.offset_minutes)
        when = "all entries" if period is None else f"in {format_period(period)}"
        journal = Journal()
        with report_writer(
            context,
            context.arguments.format,
            JOURNAL_COLUMNS,
            report_heading("Journal", ledger, when),
        ) as writer:
            asked = {"ledgerIk": arguments.ledger, "entriesFilter": filters}
            async for entry in walk_oldest_first(
                api, documents.JOURNAL, asked, "ledger", "ledgerEntries"
            ):
                for row in journal.entry_rows(entry):
                    writer.add(row)
            for row in journal.total_rows():
                writer.add(row)
    problems = journal.problems()
    if problems:
        raise CommandFailure("\n".join(["the journal doesn't balance", *problems]))
