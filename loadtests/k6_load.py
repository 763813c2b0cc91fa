"""k6 users for a while against `make run`, then their report and the audit.

    python -m loadtests.k6_load [--users 4] [--seconds 20]

The same scenarios as loadtests/locustfile.py, from loadtests/k6/ledger.js. k6 has to be on PATH.
"""

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path

from loadtests.audit import audit
from loadtests.common.ack_log import AckFiles
from loadtests.common.api import Api
from loadtests.common.connection import PREFIX, Connection, load_folder, read_connection

SCRIPT = Path(__file__).resolve().parent / "k6" / "ledger.js"


def script_environment(connection: Connection) -> dict[str, str]:
    """The environment that the script reads."""
    told = {PREFIX + name.upper(): getattr(connection, name) for name in Connection.__annotations__}
    return {**os.environ, **told}


def run_k6(connection: Connection, users: int, seconds: int, acknowledged: Path) -> str:
    """The ik of the ledger that k6 posted to; SystemExit when it did not run to its end."""
    k6 = shutil.which("k6")
    if k6 is None:
        raise SystemExit("error: k6 is not on PATH; `make load` does the same with Locust")
    acknowledged.parent.mkdir(parents=True, exist_ok=True)
    acknowledged.unlink(missing_ok=True)
    command = [k6, "run", "--quiet", "--log-format", "raw", "--console-output", str(acknowledged)]
    command += ["-e", f"SECONDS={seconds}", "-e", f"USERS={users}", str(SCRIPT)]
    done = subprocess.run(
        command, env=script_environment(connection), stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout)
    named = re.search(r"--ledger (\S+)", done.stdout)
    if done.returncode != 0 or named is None:
        raise SystemExit(f"error: k6 ended with code {done.returncode}")
    return named[1]


def main() -> None:
    """The command; the exit code is 1 when the audit found something."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.k6_load")
    parser.add_argument("--users", type=int, default=4, help="of each kind; twice as many write")
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    connection = read_connection()
    acknowledged = load_folder() / "k6.acknowledged"
    ledger_ik = run_k6(connection, arguments.users, arguments.seconds, acknowledged)
    with Api(connection) as api:
        findings = audit(api, ledger_ik, AckFiles(acknowledged, load_folder() / "k6.unknown"))
    for finding in findings:
        print(f"audit: {finding}")
    print("audit: passed" if not findings else f"audit: {len(findings)} finding(s)")
    raise SystemExit(1 if findings else 0)


if __name__ == "__main__":
    main()
