"""`make bench`: load on a Twofold of its own, measured from outside and inside, written to
docs/performance.md.

    python -m loadtests.bench [--scenario NAME ...] [--seconds 20] [--concurrency 64]
                              [--engine local|memory] [--warm-up 30] [--no-write]

Each stage starts its engines and services in a folder that is thrown away, opens its accounts,
warms up (a cold JVM costs six times a warm one), then runs its scenarios one by one: CPU of each
process from /proc, DynamoDB requests and units from /metrics, the index lag when the load ends and
the time until it is drained. It ends with a look-up of every acknowledged entry and with the
recomputation of everything by `indexer.verify`.
"""

import argparse
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from loadtests.audit import find_missing
from loadtests.common.ack_log import ack_files
from loadtests.common.api import Api
from loadtests.common.documents import document
from loadtests.common.generator import Generator, LoadPlan, build_generator
from loadtests.common.measuring import (
    Moment,
    by_label,
    counted_between,
    cpu_between,
    cpu_ms,
    take_moment,
)
from loadtests.common.report import Result, write_report
from loadtests.common.requests import PAGE_SIZE
from loadtests.common.stages import SCENARIOS, STAGES, Scenario, deep_cursors, prepare
from loadtests.common.targets import Target, memory_target, system_target

SETTLED_WARM_UP_S = 5.0  # of a stage's later scenarios: the system is warm, the document may be new
LAG = "twofold_index_lag_seconds"


def say(line: str) -> None:
    """Tells the person at the terminal."""
    print(line, flush=True)


@dataclass
class Bench:
    """What all scenarios of one bench share."""

    generator: Path
    folder: Path
    seconds: float
    concurrency: int
    warm_up_s: float
    engine: str
    results: list[Result] = field(default_factory=list)

    def open_target(self, stage: str) -> AbstractContextManager[Target]:
        """The Twofold of a stage."""
        if self.engine == "local":
            return system_target(self.folder / stage)
        return memory_target(with_indexer=self.engine == "memory")

    def run_stage(self, stage: str, scenarios: list[Scenario]) -> None:
        """Runs scenarios of one stage on a system of their own."""
        say(f"\nstage {stage}: starting")
        with self.open_target(stage) as target, Api(target.connection) as api:
            ledger_ik = f"{stage}-{uuid4().hex[:8]}"
            lists = any(scenario.document == "list_entries" for scenario in scenarios)
            prepare(api, stage, ledger_ik, lists=lists, progress=say)
            target.drain()
            warm_up_s = self.warm_up_s
            done = []
            for scenario in scenarios:
                done.append(self.run_scenario(target, api, ledger_ik, scenario, warm_up_s))
                warm_up_s = min(warm_up_s, SETTLED_WARM_UP_S)
            self._check(target, api, ledger_ik, done)

    def _plan(self, api: Api, ledger_ik: str, scenario: Scenario, warm_up_s: float) -> LoadPlan:
        acks = ack_files(self.folder / "acks", f"{self.engine}-{scenario.name}")
        return LoadPlan(
            url=api.connection.api_url,
            token=api.token(),
            document=document(scenario.document),
            scenario=scenario.name,
            concurrency=min(self.concurrency, scenario.concurrency_max),
            warm_up_s=warm_up_s,
            measured_s=self.seconds,
            ledger=ledger_ik,
            ik_prefix=f"{scenario.name}-{uuid4().hex[:6]}",
            accounts=scenario.accounts,
            batch=scenario.batch,
            page_size=PAGE_SIZE,
            cursors=deep_cursors(api, ledger_ik) if scenario.deep else [],
            marker=scenario.marker,
            marker_count=scenario.marker_count,
            acknowledged_path=str(acks.acknowledged),
            unknown_path=str(acks.unknown),
            seed=len(self.results) + 1,
        )

    def run_scenario(
        self, target: Target, api: Api, ledger_ik: str, scenario: Scenario, warm_up_s: float
    ) -> Result:
        """Load of one kind, measured."""
        plan = self._plan(api, ledger_ik, scenario, warm_up_s)
        say(f"{scenario.name}: {warm_up_s:.0f} s of warm-up, then {self.seconds:.0f} s")
        moments: list[Moment] = []
        generator_ms: list[float] = []
        generator = Generator(self.generator, plan)

        def on_event(_name: str) -> None:
            moments.append(take_moment(target.pids(), target.metric_urls()))
            generator_ms.append(cpu_ms(generator.pid))

        try:
            report = generator.run(on_event)
        finally:
            generator.stop()
        drained_s = target.drain() if scenario.writes else 0.0
        result = self._result(scenario, plan, report, moments, generator_ms, drained_s)
        self.results.append(result)
        say("  " + result.line())
        for kind, count in result.errors.items():
            say(f"  {count} x {kind}")
        return result

    def _result(
        self,
        scenario: Scenario,
        plan: LoadPlan,
        report: dict[str, Any],
        moments: list[Moment],
        generator_ms: list[float],
        drained_s: float,
    ) -> Result:
        before, after = moments
        used = cpu_between(before, after)
        used["generator"] = generator_ms[1] - generator_ms[0]
        requests: dict[str, float] = {}
        units: dict[str, float] = {}
        for service in before.counters:
            for name, found in (("requests", requests), ("write_units", units)):
                sample = f"twofold_store_{name}_total"
                for call, count in counted_between(before, after, service, sample, "call").items():
                    found[f"{service} {call}"] = count
        lag = 0.0
        for counters in after.counters.values():
            lag = max([lag, *by_label(counters, LAG, "projector").values()])
        return Result(
            scenario=scenario.name,
            title=scenario.title,
            engine=self.engine,
            writes=scenario.writes,
            concurrency=plan.concurrency,
            seconds=report["seconds"],
            requests=report["requests"],
            entries=report["entries"] if scenario.writes else 0,
            p50_ms=report["p50_ms"],
            p95_ms=report["p95_ms"],
            p99_ms=report["p99_ms"],
            errors=report["errors"],
            cpu_ms=used,
            store_requests=requests,
            write_units=units,
            lag_s=lag,
            drained_s=drained_s,
            acks=plan.acks,
        )

    def _check(self, target: Target, api: Api, ledger_ik: str, done: list[Result]) -> None:
        """Looks every acknowledged entry up, then has everything recomputed."""
        started = time.monotonic()
        iks = [ik for result in done for ik in result.acks.read_acknowledged()]
        missing = find_missing(api, ledger_ik, iks)
        verdict = f"{len(iks)} acknowledged entries, {len(missing)} missing; {target.verify()}"
        say(f"check: {verdict} ({time.monotonic() - started:.0f} s)")
        for result in done:
            result.verdict = verdict


def main() -> None:
    """The command."""
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench")
    parser.add_argument("--scenario", action="append", choices=names, help="default: all")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--warm-up", type=int, default=30, help="seconds, of a stage's first load")
    parser.add_argument(
        "--engine",
        choices=["local", "memory", "memory-write"],
        default="local",
        help="memory: in-memory twins; memory-write: without the indexer",
    )
    parser.add_argument(
        "--no-write", action="store_true", help="leave docs/performance.md as it is"
    )
    arguments = parser.parse_args()
    chosen = [
        each for each in SCENARIOS if not arguments.scenario or each.name in arguments.scenario
    ]
    if arguments.engine != "local":  # a twin's search is no index: its pages would measure the twin
        chosen = [each for each in chosen if each.document != "list_entries"]
    with tempfile.TemporaryDirectory(prefix="twofold-bench-") as folder:
        bench = Bench(
            generator=build_generator(Path(folder)),
            folder=Path(folder),
            seconds=arguments.seconds,
            concurrency=arguments.concurrency,
            warm_up_s=arguments.warm_up,
            engine=arguments.engine,
        )
        for stage in STAGES:
            of_stage = [scenario for scenario in chosen if scenario.stage == stage]
            if of_stage:
                bench.run_stage(stage, of_stage)
    say("\n" + write_report(bench.results, arguments, keep=arguments.no_write))


if __name__ == "__main__":
    main()
