"""How to reach a running Twofold: the five values that `make run` prints and writes."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "TWOFOLD_"


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client is told. Field `x_y` comes from `TWOFOLD_X_Y`."""

    api_url: str
    auth_url: str
    client_id: str
    client_secret: str
    scope: str


def connection_from(values: Mapping[str, str]) -> Connection:
    """The connection that `values` describe; SystemExit that names what is missing."""
    names = [PREFIX + name.upper() for name in Connection.__annotations__]
    missing = [name for name in names if not values.get(name)]
    if missing:
        raise SystemExit(f"error: {', '.join(missing)} not set: start `make run` first")
    return Connection(*(values[name] for name in names))


def run_home() -> Path:
    """The folder of `make run`."""
    return Path(os.environ.get("TWOFOLD_HOME") or ROOT / ".twofold")


def load_folder() -> Path:
    """Where loads note what was acknowledged."""
    return run_home() / "load"


def read_connection() -> Connection:
    """The connection of the environment, completed by what a run has written to its folder."""
    written: dict[str, str] = {}
    dev_env = run_home() / "dev.env"
    if dev_env.exists():
        for word in shlex.split(dev_env.read_text(encoding="utf-8")):
            name, _, value = word.partition("=")
            written[name] = value
    return connection_from({**written, **os.environ})
