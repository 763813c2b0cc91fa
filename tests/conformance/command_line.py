"""The project's commands and the official code generator, run as their users would."""

import os
import subprocess
import sys
from pathlib import Path

from cli.connection import variable_of
from loadtests.common.connection import Connection
from tests.conformance.asking import arguments

ROOT = Path(__file__).parents[2]
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
