"""What a bench is run against: a whole system on real engines, or the tiers on in-memory twins."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from indexer.rebuild import open_engines
from indexer.verify import is_caught_up
from infra.local.failures import ChildError
from infra.local.processes import free_ports
from loadtests.common.connection import ROOT, Connection, connection_from
from loadtests.common.measuring import read_counters, total
from loadtests.common.system import System, running_system
from shared.settings import load_settings

DRAIN_S_MAX = 180.0
DRAIN_POLL_S = 0.05
VERIFY_WAIT_S = 60
STOP_S_MAX = 300


class Target(Protocol):
    """One running Twofold, as the bench sees it."""

    connection: Connection

    def pids(self) -> dict[str, int]:
        """Process ids by what the table calls them."""
        ...

    def metric_urls(self) -> dict[str, str]:
        """Where each service tells its metrics."""
        ...

    def drain(self) -> float:
        """Waits until the indexer has applied everything; seconds that took."""
        ...

    def verify(self) -> str:
        """The verdict of the recomputation, in a line."""
        ...


class SystemTarget:
    """Write tier, read tier, indexer, DynamoDB Local, Elasticsearch: a process each."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.connection = system.connection

    def pids(self) -> dict[str, int]:
        """See Target."""
        return self.system.processes()

    def metric_urls(self) -> dict[str, str]:
        """See Target."""
        return {
            name: f"http://127.0.0.1:{self.system.port(name)}/metrics"
            for name in ("write_service", "read_service", "indexer")
        }

    def drain(self) -> float:
        """See Target."""
        return asyncio.run(_caught_up(self.system))

    def verify(self) -> str:
        """See Target."""
        try:
            said = self.system.run_module("indexer.verify", "--wait", str(VERIFY_WAIT_S))
        except ChildError as error:
            return f"FAILED: {error}"
        return said.strip().splitlines()[-1]


async def _caught_up(system: System) -> float:
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        engines = await open_engines(stack, load_settings(system.environment))
        while not await is_caught_up(engines):
            if time.monotonic() - started > DRAIN_S_MAX:
                raise SystemExit(f"error: the indexer is not done after {DRAIN_S_MAX:.0f} s")
            await asyncio.sleep(DRAIN_POLL_S)
    return time.monotonic() - started


class MemoryTarget:
    """The tiers on twins, all in one process."""

    def __init__(self, port: int, with_indexer: bool) -> None:
        arguments = ["--port", str(port)] + ([] if with_indexer else ["--without-indexer"])
        self._port = port
        self._with_indexer = with_indexer
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.memory_tier", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("error: the memory tier did not start")
        self.connection = connection_from(json.loads(line))

    def pids(self) -> dict[str, int]:
        """See Target."""
        return {"write_service": self._process.pid}

    def metric_urls(self) -> dict[str, str]:
        """See Target."""
        return {"write_service": f"http://127.0.0.1:{self._port}/metrics"}

    def drain(self) -> float:
        """See Target. What is applied stops growing once all of it is."""
        if not self._with_indexer:
            return 0.0
        started = time.monotonic()
        applied = -1.0
        while time.monotonic() - started < DRAIN_S_MAX:
            now = total(read_counters(self.metric_urls()["write_service"]), APPLIED)
            if now == applied:
                return max(0.0, time.monotonic() - started - 2 * QUIET_S)
            applied = now
            time.sleep(QUIET_S)
        raise SystemExit(f"error: the indexer is not done after {DRAIN_S_MAX:.0f} s")

    def verify(self) -> str:
        """See Target. Ends the process."""
        said, _ = self.stop()
        if not self._with_indexer:
            return "not run: there is no indexer"
        verdict = json.loads(said.strip().splitlines()[-1])
        text = f"{verdict['verified']} entries verified, {len(verdict['findings'])} differences"
        return text + "".join(f"; {finding}" for finding in verdict["findings"])

    def stop(self) -> tuple[str, int]:
        """Ends the process in order; what it printed, and its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        said, _ = self._process.communicate(timeout=STOP_S_MAX)
        return said or "", self._process.returncode


APPLIED = "twofold_records_applied_total"
QUIET_S = 0.5


@contextmanager
def system_target(home: Path) -> Iterator[Target]:
    """A system of its own, on engines of its own, as long as the block."""
    with running_system(home) as system:
        yield SystemTarget(system)


@contextmanager
def memory_target(with_indexer: bool) -> Iterator[Target]:
    """The tiers on twins, as long as the block."""
    target = MemoryTarget(free_ports(1)[0], with_indexer)
    try:
        yield target
    finally:
        target.stop()
