"""What a load has left: is every acknowledged entry there once, and does everything add up?

    python -m loadtests.audit --ledger IK --acknowledged FILE [--unknown FILE]

Looks every acknowledged ik up, walks the ledger's whole list of entries, and runs
`indexer.verify`, which recomputes every balance, bucket and document from the entries. Prints what
is wrong; the exit code is 1 then.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from loadtests.common.ack_log import AckFiles, read_iks
from loadtests.common.api import Api
from loadtests.common.connection import ROOT, read_connection

LOOKUPS_PER_QUERY = 50
PAGE_SIZE = 200
PAGES_MAX = 100_000
CATCH_UP_S = 120.0
SHOWN_MAX = 10
VERIFY = (sys.executable, "-m", "infra.local.attach", "indexer.verify")

LIST_IKS = """query listIks($ledgerIk: SafeString!, $first: Int!, $after: String) {
  ledger(ledger: {ik: $ledgerIk}) {
    ledgerEntries(first: $first, after: $after, filter: {showHidden: true}) {
      nodes { ik }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""


def find_missing(api: Api, ledger_ik: str, iks: Sequence[str]) -> list[str]:
    """Those of `iks` that no entry of the ledger has."""
    missing: list[str] = []
    for first in range(0, len(iks), LOOKUPS_PER_QUERY):
        part = iks[first : first + LOOKUPS_PER_QUERY]
        fields = [
            f"e{place}: ledgerEntry(ledgerEntry: {{ik: $i{place}, ledger: {{ik: $l}}}}) {{ ik }}"
            for place in range(len(part))
        ]
        declared = " ".join(f"$i{place}: SafeString!" for place in range(len(part)))
        query = f"query lookUp($l: SafeString!, {declared}) {{ {' '.join(fields)} }}"
        variables = {"l": ledger_ik, **{f"i{place}": ik for place, ik in enumerate(part)}}
        data = api.execute(query, variables)
        missing += [ik for place, ik in enumerate(part) if data[f"e{place}"] is None]
    return missing


def list_iks(api: Api, ledger_ik: str) -> Counter[str]:
    """How often each ik stands in the ledger's list of entries."""
    listed: Counter[str] = Counter()
    after: str | None = None
    for _ in range(PAGES_MAX):
        variables = {"ledgerIk": ledger_ik, "first": PAGE_SIZE, "after": after}
        found = api.execute(LIST_IKS, variables)["ledger"]["ledgerEntries"]
        listed.update(node["ik"] for node in found["nodes"])
        if not found["pageInfo"]["hasNextPage"]:
            return listed
        after = found["pageInfo"]["endCursor"]
    raise RuntimeError(f"the list of {ledger_ik} has no end")


def list_caught_up(api: Api, ledger_ik: str, wanted: set[str]) -> Counter[str]:
    """The list once all of `wanted` are in it, or as it is after CATCH_UP_S."""
    deadline = time.monotonic() + CATCH_UP_S
    while True:
        listed = list_iks(api, ledger_ik)
        if wanted <= listed.keys() or time.monotonic() > deadline:
            return listed
        time.sleep(1)


def shown(iks: Iterable[str]) -> str:
    """Some of the iks, and how many more there are."""
    found = sorted(iks)
    more = f" and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    return ", ".join(found[:SHOWN_MAX]) + more


def run_verify(command: Sequence[str] = VERIFY) -> str | None:
    """None when everything adds up, else the last of what `indexer.verify` said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).strip().splitlines()
    return f"verify: exit code {done.returncode}: " + " | ".join(said[-SHOWN_MAX:])


def audit(
    api: Api, ledger_ik: str, files: AckFiles, verify: Sequence[str] | None = VERIFY
) -> list[str]:
    """What is wrong with the ledger after a load; nothing, one hopes."""
    findings: list[str] = []
    acknowledged = Counter(files.read_acknowledged())
    twice = [ik for ik, times in acknowledged.items() if times > 1]
    if twice:
        findings.append(f"acknowledged more than once by the load itself: {shown(twice)}")
    missing = find_missing(api, ledger_ik, list(acknowledged))
    if missing:
        findings.append(f"acknowledged, but not there: {shown(missing)}")
    listed = list_caught_up(api, ledger_ik, set(acknowledged))
    unlisted = acknowledged.keys() - listed.keys()
    if unlisted:
        findings.append(f"acknowledged, but not in the list: {shown(unlisted)}")
    doubled = [ik for ik, times in listed.items() if times > 1]
    if doubled:
        findings.append(f"in the list more than once: {shown(doubled)}")
    posted = [ik for ik in files.read_unknown() if ik in listed]
    print(
        f"audit: {len(acknowledged)} entries acknowledged, {len(listed)} listed, "
        f"{len(files.read_unknown())} with an unknown fate, {len(posted)} of them posted"
    )
    if verify is not None:
        said = run_verify(verify)
        if said is not None:
            findings.append(said)
    return findings


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.audit")
    parser.add_argument("--ledger", required=True, help="the ledger's ik")
    parser.add_argument("--acknowledged", type=Path, required=True, help="a file of iks")
    parser.add_argument("--unknown", type=Path, help="a file of iks")
    arguments = parser.parse_args()
    for path in (arguments.acknowledged, arguments.unknown):
        if path is not None and not path.exists():
            raise SystemExit(f"error: {path} isn't there")
    nothing = arguments.acknowledged.with_suffix(".none")
    files = AckFiles(arguments.acknowledged, arguments.unknown or nothing)
    with Api(read_connection()) as api:
        findings = audit(api, arguments.ledger, files)
    for finding in findings:
        print(f"audit: {finding}")
    if findings:
        raise SystemExit(1)
    print(f"audit: passed, {len(read_iks(arguments.acknowledged))} iks")


if __name__ == "__main__":
    main()
