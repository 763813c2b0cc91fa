"""Write the lock files of the Python packages: `python -m infra.local.lock`. For maintainers only.

`requirements.lock` holds everything that `make setup` installs, `infra/runtime.lock` what the
services' image needs: exact versions with the hashes of every platform's files. Versions that are
already locked stay unless `--upgrade` is given. Needs the `uv` package.
"""

import subprocess
import sys
from pathlib import Path

from infra.local.processes import ROOT

EVERYTHING = ROOT / "requirements.lock"
RUNTIME = ROOT / "infra" / "runtime.lock"
HEADER = (
    "# Written by `python -m infra.local.lock`: exact versions, hashes of all platforms' files.\n"
)


def compile_lock(target: Path, *options: str) -> None:
    """Resolve pyproject.toml's requirements into one lock file."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version=3.11"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--quiet", *options]
    command += ["--output-file", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)
    target.write_text(HEADER + target.read_text(encoding="utf-8"), encoding="utf-8")


def main() -> None:
    """Write both; the runtime's versions are those of the whole."""
    compile_lock(EVERYTHING, "--extra=local", "--extra=dev", *sys.argv[1:])
    compile_lock(RUNTIME, f"--constraint={EVERYTHING}")


if __name__ == "__main__":
    main()
