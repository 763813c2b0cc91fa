"""What the commands' argument parsers share."""

from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from cli.connection import NAMES, variable_of
from cli.context import Context

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
Run = Callable[[Context], Awaitable[None]]


def reaches_the_api(parser: ArgumentParser, run: Run) -> None:
    """Adds what every command that asks a service takes, and what it runs."""
    group = parser.add_argument_group("connection (a secret is better kept in its variable)")
    for name in NAMES:
        group.add_argument(f"--{name.replace('_', '-')}", dest=name, help=f"or {variable_of(name)}")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell every request")
    parser.set_defaults(run=run)
