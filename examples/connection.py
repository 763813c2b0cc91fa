"""How the examples reach a Twofold: what `make run` has written, or the environment."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(os.environ.get("TWOFOLD_HOME") or ROOT / ".twofold")
CONNECTION_FILE = HOME / "dev.env"
NAMES = ("API_URL", "AUTH_URL", "CLIENT_ID", "CLIENT_SECRET", "SCOPE")


def client_arguments() -> dict[str, str]:
    """What the official clients are told; ends the program when nothing says it."""
    given = dict(os.environ)
    if CONNECTION_FILE.exists():
        lines = CONNECTION_FILE.read_text(encoding="utf-8").splitlines()
        given = dict(line.split("=", 1) for line in lines if "=" in line) | given
    missing = [f"TWOFOLD_{name}" for name in NAMES if f"TWOFOLD_{name}" not in given]
    if missing:
        sys.exit(f"error: {', '.join(missing)} not set: start `make run` first, in another shell")
    url, auth_url, client_id, secret, scope = (given[f"TWOFOLD_{name}"] for name in NAMES)
    return {
        "api_url": url,
        "auth_url": auth_url,
        "client_id": client_id,
        "client_secret": secret,
        "auth_scope": scope,
    }
