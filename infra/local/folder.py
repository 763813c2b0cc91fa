"""The folder of a run, `.twofold/` unless `TWOFOLD_HOME` moves it.

    data/          the engines' data: what a second run finds again
    logs/          one log a process; the one before as *.log.previous
    temp/          emptied at every start
    lock           held by the launcher and every child of it
    token_secret   signs the tokens, made by the first run
    dev_client.json  the development client, made by the first run
    dev.env        how to connect; there while the API is ready
    run.env        the services' settings; there while the run is up, for `infra.local.attach`

Secrets are readable by the owner alone.
"""

import fcntl
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

import psutil

from infra.local.failures import PreconditionError
from infra.local.processes import wait_until

LEFTOVER_GRACE_S = 20.0
DISK_FREE_BYTES_MIN = 500 * 1000 * 1000
MEMORY_FREE_BYTES_MIN = 1000 * 1000 * 1000
TOKEN_SECRET_BYTES = 32


def write_private(path: Path, text: str) -> None:
    """Write a file at once, whole or not at all, readable by the owner alone."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def format_environment(values: Mapping[str, str]) -> str:
    """Lines that a shell can source."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def parse_environment(text: str) -> dict[str, str]:
    """Read what `format_environment` wrote."""
    values = {}
    for line in text.splitlines():
        name, _, quoted = line.partition("=")
        parts = shlex.split(quoted)
        values[name] = parts[0] if parts else ""
    return values


def shortage(disk_free_bytes: int, memory_free_bytes: int, home: Path) -> str | None:
    """What the machine has too little of, or None."""
    if disk_free_bytes < DISK_FREE_BYTES_MIN:
        return (
            f"too little disk: {disk_free_bytes // 10**6} MB free for {home}, "
            f"at least {DISK_FREE_BYTES_MIN // 10**6} MB are needed"
        )
    if memory_free_bytes < MEMORY_FREE_BYTES_MIN:
        return (
            f"too little memory: {memory_free_bytes // 10**6} MB available, "
            f"at least {MEMORY_FREE_BYTES_MIN // 10**6} MB are needed"
        )
    return None


class RunFolder:
    """One run's folder, used by one run at a time."""

    def __init__(self, home: Path) -> None:
        """Describe the folder; nothing is made."""
        self.home = home
        self.logs = home / "logs"
        self.dev_env = home / "dev.env"
        self.run_env = home / "run.env"
        self.dev_client = home / "dev_client.json"
        self._lock_path = home / "lock"
        self._lock_descriptor = -1

    @property
    def lock_descriptor(self) -> int:
        """To be inherited by every child: the folder is in use until the last of them has ended."""
        assert self._lock_descriptor >= 0, "the folder isn't claimed"
        return self._lock_descriptor

    def claim(self) -> None:
        """Take the folder for this process; PreconditionError when that can't be.

        Children of a launcher that was killed end by themselves within seconds: they are waited
        for. A launcher that lives isn't.
        """
        self._make()
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        if not self._try_lock(descriptor):
            owner = os.pread(descriptor, 32, 0).decode().strip()
            if owner.isdigit() and psutil.pid_exists(int(owner)):
                os.close(descriptor)
                raise PreconditionError(
                    f"another run (process {owner}) uses {self.home}: stop it, "
                    "or set TWOFOLD_HOME to another folder"
                )
            if not wait_until(lambda: self._try_lock(descriptor), LEFTOVER_GRACE_S):
                os.close(descriptor)
                raise PreconditionError(f"processes of an earlier run still use {self.home}")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._lock_descriptor = descriptor
        self.forget_connection()
        self._set_logs_aside()

    def release(self) -> None:
        """Give the folder up: another run may claim it once the last child has ended."""
        self.forget_connection()
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1

    def check_machine(self) -> None:
        """PreconditionError when disk or memory is too small for a run."""
        disk_free_bytes = psutil.disk_usage(str(self.home)).free
        memory_free_bytes = psutil.virtual_memory().available
        missing = shortage(disk_free_bytes, memory_free_bytes, self.home)
        if missing:
            raise PreconditionError(missing)

    def token_secret(self) -> str:
        """The secret that signs tokens, the same at every run."""
        path = self.home / "token_secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(TOKEN_SECRET_BYTES))
        return path.read_text(encoding="utf-8")

    def tell_connection(self, dev: Mapping[str, str], run: Mapping[str, str]) -> None:
        """Write `dev.env` and `run.env`."""
        write_private(self.run_env, format_environment(run))
        write_private(self.dev_env, format_environment(dev))

    def forget_connection(self) -> None:
        """Remove `dev.env` and `run.env`, unless they are another run's."""
        if self._lock_descriptor < 0:
            return
        self.dev_env.unlink(missing_ok=True)
        self.run_env.unlink(missing_ok=True)

    def _make(self) -> None:
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PreconditionError(f"can't make {self.home}: {error.strerror}") from error

    def _set_logs_aside(self) -> None:
        for log in self.logs.glob("*.log"):
            log.replace(log.with_name(f"{log.name}.previous"))

    @staticmethod
    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
