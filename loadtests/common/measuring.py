"""What processes use and count: CPU from /proc, counters from /metrics. Differences of two
moments.
"""

import os
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TIMEOUT_S = 10

Counters = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def cpu_ms(pid: int) -> float:
    """CPU that a process has used so far with all its threads, in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) * 1000 / TICKS_PER_S


def read_counters(url: str) -> Counters:
    """Every sample that a process tells at /metrics, by name and labels."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        text = answer.read().decode("utf-8")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def by_label(counters: Counters, name: str, label: str) -> dict[str, float]:
    """The samples of one name, summed by one of their labels."""
    found: dict[str, float] = {}
    for (sample, labels), value in counters.items():
        if sample == name:
            key = dict(labels).get(label, "")
            found[key] = found.get(key, 0) + value
    return found


def total(counters: Counters, name: str) -> float:
    """The sum of all samples of one name."""
    return sum(value for (sample, _), value in counters.items() if sample == name)


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was added since, by key; what has not grown is left out."""
    added = {key: value - before.get(key, 0) for key, value in after.items()}
    return {key: value for key, value in added.items() if value > 0}


@dataclass(frozen=True, slots=True)
class Moment:
    """What a system had used and counted at one moment."""

    cpu_ms: dict[str, float]  # by process
    counters: dict[str, Counters]  # by service


def take_moment(pids: Mapping[str, int], metric_urls: Mapping[str, str]) -> Moment:
    """Reads the processes and the services, quickly one after the other."""
    used = {name: cpu_ms(pid) for name, pid in pids.items()}
    return Moment(used, {name: read_counters(url) for name, url in metric_urls.items()})


def cpu_between(before: Moment, after: Moment) -> dict[str, float]:
    """CPU milliseconds by process."""
    return {name: after.cpu_ms[name] - used for name, used in before.cpu_ms.items()}


def counted_between(
    before: Moment, after: Moment, service: str, name: str, label: str
) -> dict[str, float]:
    """What a service counted, by one label."""
    if service not in before.counters:
        return {}
    return grown(
        by_label(before.counters[service], name, label),
        by_label(after.counters[service], name, label),
    )


def sum_between(before: Moment, after: Moment, services: Iterable[str], name: str) -> float:
    """What several services counted together."""
    return sum(
        total(after.counters[service], name) - total(before.counters[service], name)
        for service in services
        if service in before.counters
    )
