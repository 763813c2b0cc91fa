"""The project's commands and the official code generator, run as their users would."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from cli.connection import variable_of
from loadtests.common.connection import Connection
from tests.conformance.asking import arguments

ROOT = Path(__file__).parents[2]
CODEGEN = Path(sys.executable).with_name("fragment-python-client-codegen")
TIMEOUT_S = 120


def ran(*command: str | Path, connection: Connection | None = None, **variables: str) -> str:
    """What a command prints; it must succeed. `variables` are added to its environment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    if connection is not None:
        told = arguments(connection)
        told["scope"] = told.pop("auth_scope")
        environment |= {variable_of(name): value for name, value in told.items()}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def twofold(connection: Connection, *arguments: str | Path, **variables: str) -> str:
    """What a command of the project's own command line prints."""
    command = (sys.executable, "-m", "cli", *arguments)
    return ran(*command, connection=connection, **variables)


def generated_client(
    connection: Connection,
    queries: Path,
    folder: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_sync: bool,
) -> ModuleType:
    """The package that the official code generator makes in `folder`, of the operations in the
    folder `queries` and the SDL that is served.
    """
    sdl = folder / "schema.graphql"
    base = connection.api_url.removesuffix("/graphql")
    sdl.write_text(httpx.get(f"{base}/schema.graphql").raise_for_status().text)
    flags = ["--sync"] if is_sync else []
    ran(CODEGEN, "-i", queries, "-n", name, "-o", folder, "-s", sdl, *flags)
    monkeypatch.syspath_prepend(folder)
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    return importlib.import_module(name)
