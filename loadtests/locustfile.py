"""Locust users for writing, reading, listing and a mix, against `make run`; `make load` runs them.

    locust -f loadtests/locustfile.py --headless -u 16 -r 16 -t 20s [USER ...]

Users are Writer, BalanceReader, Lister and Customer (the mix); all of them by default.

Each run posts to a fresh ledger. It ends with a report of throughput and p95 by operation, then
with the audit: everything is recomputed from the entries, and every acknowledged ik must be there
once.
"""

import logging
from typing import Any

from locust import events

from loadtests.audit import audit
from loadtests.common.users import begin_run, current_run
from loadtests.scenarios.list_entries import Lister
from loadtests.scenarios.mixed import Customer
from loadtests.scenarios.read_balances import BalanceReader
from loadtests.scenarios.write_entries import Writer

__all__ = ["BalanceReader", "Customer", "Lister", "Writer"]

STOP_TIMEOUT_S = 10


@events.init.add_listener
def prepare(environment: Any, **_: Any) -> None:
    """Users end between two requests: none is cut off with an answer on its way."""
    environment.stop_timeout = STOP_TIMEOUT_S
    # Our report stands for Locust's tables; requests that prepare or audit need no line each.
    for name in ("locust.stats_logger", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Opens the run's ledger before the first user starts."""
    run = begin_run()
    environment.host = run.connection.api_url.removesuffix("/graphql")


@events.quitting.add_listener
def finish(environment: Any, **_: Any) -> None:
    """Reports, audits; the exit code is 1 when the audit found something."""
    run = current_run()
    run.finish()
    print(report(environment.stats))
    findings = audit(run.api, run.ledger_ik, run.acks.files)
    for finding in findings:
        print(f"audit: {finding}")
    print("audit: passed" if not findings else f"audit: {len(findings)} finding(s)")
    if findings:
        environment.process_exit_code = 1


def report(stats: Any) -> str:
    """Throughput and latency by operation, as a table."""
    rows = [f"{'operation':<22}{'requests':>10}{'failed':>8}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}"]
    for entry in [*sorted(stats.entries.values(), key=lambda each: each.name), stats.total]:
        rows.append(
            f"{entry.name:<22}{entry.num_requests:>10}{entry.num_failures:>8}"
            f"{entry.total_rps:>9.1f}{entry.get_response_time_percentile(0.5):>9.0f}"
            f"{entry.get_response_time_percentile(0.95):>9.0f}"
        )
    for error in stats.errors.values():
        rows.append(f"failed {error.occurrences} times: {error.name}: {error.error}")
    return "\n".join(rows)
