"""The examples as a user runs them, to their last line."""

import os
import subprocess
import sys
from pathlib import Path

from cli.connection import NAMES, variable_of
from loadtests.common.system import System

ROOT = Path(__file__).parents[2]


def run(system: System, name: str) -> list[str]:
    """The lines that the example prints."""
    environment = {variable_of(name): getattr(system.connection, name) for name in NAMES}
    done = subprocess.run(
        [sys.executable, "-m", name],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_wallet_is_safe_against_everything_it_tries(system: System) -> None:
    told = run(system, "examples.wallet")
    assert told[0] == "Bob deposits $10.00, twice by mistake: the same entry"
    assert told[1].endswith("one is refused, conditional_request_failed")
    assert told[2].endswith("twice by mistake: one entry")
    assert [line.split()[-1] for line in told[5:]] == ["-$7.00", "$10.00", "$3.00"]


def test_the_quickstart_reads_back_what_it_posted(system: System) -> None:
    told = run(system, "examples.quickstart")
    assert told[7].split("  ")[-1].strip() == "isIkReplay true, the same entry"
    assert [line.split()[-1] for line in told[10:13]] == ["150.00", "75.00", "75.00"]
