"""What a command is given: its arguments and all that it may touch of the world."""

import json
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from cli.client import GraphQL
from cli.connection import (
    HOME_DEFAULT,
    HOME_VARIABLE,
    NAMES,
    WRITTEN_FILE,
    Connection,
    choose_connection,
    parse_written,
)
from cli.failures import CommandFailure

Connect = Callable[[Connection], AbstractAsyncContextManager[GraphQL]]


@dataclass(frozen=True, slots=True)
class World:
    """The process that a command runs in."""

    variables: Mapping[str, str]  # the environment
    folder: Path  # relative paths start here
    out: BinaryIO
    err: TextIO
    connect: Connect
    pause: Callable[[int], Awaitable[None]]  # so many ms
    now_ms: Callable[[], int]


class Telling:
    """An API whose requests are told on a stream before they are sent: `--verbose`."""

    def __init__(self, api: GraphQL, stream: TextIO) -> None:
        """Both belong to the caller."""
        self._api = api
        self._stream = stream

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """As the API does."""
        print(document.strip(), json.dumps(variables), sep="\n", file=self._stream)
        return await self._api.execute(document, variables)


@dataclass(frozen=True, slots=True)
class Context:
    """One run of one command."""

    arguments: Namespace
    world: World

    def path(self, text: str) -> Path:
        """A path that the user has given."""
        return self.world.folder / text

    def say(self, text: str) -> None:
        """A line on stdout."""
        self.world.out.write(f"{text}\n".encode(errors="backslashreplace"))

    def tell(self, text: str) -> None:
        """A line on stderr, so that stdout may be where the output goes."""
        print(text, file=self.world.err)

    def say_json(self, value: Any) -> None:
        """A value on stdout, for people and programs."""
        self.say(json.dumps(value, indent=2, ensure_ascii=False))

    @asynccontextmanager
    async def api(self) -> AsyncIterator[GraphQL]:
        """The API that flags, environment or `dev.env` name. Raises CommandFailure."""
        flags = {name: getattr(self.arguments, name, None) for name in NAMES}
        home = self.path(self.world.variables.get(HOME_VARIABLE) or HOME_DEFAULT)
        try:
            written = parse_written((home / WRITTEN_FILE).read_text(encoding="utf-8"))
        except OSError:
            written = {}
        except ValueError as error:  # no UTF-8, or a quote that isn't closed
            raise CommandFailure(f"can't read {home / WRITTEN_FILE}: {error}") from error
        connection = choose_connection(flags, self.world.variables, written)
        async with self.world.connect(connection) as api:
            yield Telling(api, self.world.err) if self.arguments.verbose else api
