"""Run a command against what `make run` started.

    python -m infra.local.attach MODULE [ARGUMENT ...]

The module gets the run's settings as environment (`run.env` in the run's folder). With
`TWOFOLD_DYNAMODB_ENDPOINT` or `TWOFOLD_ELASTICSEARCH_URL` set it gets the environment as it is, for
engines that run elsewhere.
"""

import os
import runpy
import sys

from infra.local.folder import RunFolder, parse_environment
from infra.local.options import run_home


def main() -> None:
    """Load the run's settings, then become the module."""
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m infra.local.attach MODULE [ARGUMENT ...]")
    told = "TWOFOLD_DYNAMODB_ENDPOINT" in os.environ or "TWOFOLD_ELASTICSEARCH_URL" in os.environ
    run_env = RunFolder(run_home(os.environ)).run_env
    if not told:
        if not run_env.exists():
            raise SystemExit(
                f"error: no run is up in {run_env.parent}: start one by `make run`, "
                "or set TWOFOLD_DYNAMODB_ENDPOINT and TWOFOLD_ELASTICSEARCH_URL"
            )
        os.environ.update(parse_environment(run_env.read_text(encoding="utf-8")))
    module = sys.argv[1]
    del sys.argv[0]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
