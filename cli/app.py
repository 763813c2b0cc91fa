"""The composition root: arguments, environment and streams in; an exit code out.

0  done
1  refused, not found, not reachable; a report that doesn't add up
2  arguments that can't be understood
"""

import asyncio
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from cli import entries, ledgers, links, operations, schemas
from cli.client import HttpClient
from cli.context import Context, World
from cli.failures import CommandFailure
from cli.reports import commands as reports
from cli.statements import commands as statements

FAILED = 1
INTERRUPTED = 130


def build_parser() -> ArgumentParser:
    """All commands. Each parsed namespace holds `run`, the command's coroutine function."""
    parser = ArgumentParser(
        prog="twofold", description="A client of Twofold: Schemas, Ledgers, entries, reports."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (schemas, operations, ledgers, entries, links, statements, reports):
        module.add_commands(commands)
    return parser


def run(argv: Sequence[str], world: World) -> int:
    """Runs one command; its exit code. Raises SystemExit(2) for arguments that can't be parsed."""
    context = Context(build_parser().parse_args(argv), world)
    try:
        asyncio.run(context.arguments.run(context))
        world.out.flush()
    except CommandFailure as failure:
        for line in failure.lines():
            print(line, file=world.err)
        return FAILED
    except BrokenPipeError:  # whoever read the output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), world.out.fileno())
        return FAILED
    return 0


async def pause(ms: int) -> None:
    """Waits."""
    await asyncio.sleep(ms / 1000)


def now_ms() -> int:
    """The time of this machine, in ms since 1970."""
    return time.time_ns() // 1_000_000


def main() -> int:
    """`twofold`."""
    world = World(os.environ, Path.cwd(), sys.stdout.buffer, sys.stderr, HttpClient, pause, now_ms)
    try:
        return run(sys.argv[1:], world)
    except KeyboardInterrupt:
        return INTERRUPTED
