"""Where a report goes: to stdout or a file, as a table or as CSV."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from cli.context import Context
from cli.files import written_whole
from cli.reports.rows import Column, CsvWriter, TableWriter, Writer


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
