"""The command line inside a test: its commands, asking a service on the in-memory twins."""

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from cli.app import build_parser
from cli.connection import NAMES, Connection, variable_of
from cli.context import Context, World
from cli.failures import CommandFailure
from tests.read_rig import ReadRig


class TwinCommandLine:
    """`twofold` in a folder of its own; `out` and `err` are the last command's."""

    def __init__(self, rig: ReadRig, folder: Path, now_ms: int = 0) -> None:
        self.rig = rig
        self.folder = folder
        self.now_ms = now_ms
        self.asked: list[str] = []
        self.out = ""
        self.err = ""

    @asynccontextmanager
    async def connect(self, _connection: Connection) -> AsyncIterator["TwinCommandLine"]:
        yield self

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """As the HTTP client does, without the network."""
        self.asked.append(document.split("(")[0].split()[-1])
        answer = await self.rig.ask(document, **variables)
        if answer.body.get("errors"):
            messages = [error["message"] for error in answer.body["errors"]]
            raise CommandFailure("\n".join(messages))
        return dict(answer.data)

    async def pause(self, _ms: int) -> None:
        """Time stands still, but what is to be indexed is."""

    async def run(self, *argv: str) -> int:
        """The exit code."""
        out, err = BytesIO(), StringIO()
        variables = {variable_of(name): name for name in NAMES}
        told = (variables, self.folder, out, err, self.connect, self.pause, lambda: self.now_ms)
        world = World(*told)
        arguments: Namespace = build_parser().parse_args(argv)
        self.asked.clear()
        code = 0
        try:
            await arguments.run(Context(arguments, world))
        except CommandFailure as failure:
            err.write("\n".join(failure.lines()))
            code = 1
        self.out, self.err = out.getvalue().decode(), err.getvalue()
        return code
