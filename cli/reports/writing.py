"""What all reports take, and where they go: to stdout or a file, as a table or as CSV."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from cli.context import Context
from cli.files import written_whole
from cli.parsers import Commands, Run, reaches_the_api
from cli.reports.reading import ReportLedger
from cli.reports.rows import Column, CsvWriter, TableWriter, Writer

STILL_POSTING = "entries were being posted or indexed meanwhile, or the books are wrong: run again"


def add_report(reports: Commands, name: str, told: str, run: Run) -> ArgumentParser:
    """A report's parser, with the flags that all of them take."""
    parser = reports.add_parser(name, help=told, description=told)
    parser.add_argument("--ledger", required=True, metavar="IK", help="the Ledger's ik")
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.add_argument("--output", metavar="FILE", help="stdout when left out")
    reaches_the_api(parser, run)
    return parser


def report_heading(report: str, ledger: ReportLedger, when: str) -> str:
    """The line above a table."""
    return f"{report} of {ledger.name} ({ledger.ik}), {when}, UTC{ledger.offset}"


@contextmanager
def report_writer(
    context: Context, form: str, columns: Sequence[Column], heading: str
) -> Iterator[Writer]:
    """The writer of the form `table` or `csv`, to the place that `--output` names; a file is there
    when the block ends.
    """

    def made(stream: BinaryIO) -> Writer:
        if form == "csv":
            return CsvWriter(stream, columns)
        return TableWriter(stream, columns, heading)

    if context.arguments.output is None:
        writer = made(context.world.out)
        yield writer
        writer.finish()
        return
    with written_whole(context.path(context.arguments.output)) as stream:
        writer = made(stream)
        yield writer
        writer.finish()
