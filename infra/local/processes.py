"""Child processes of a local run: start, wait until ready, stop, kill, start again.

Every child runs in a session of its own, so that Ctrl-C reaches the parent alone, which then stops
its children in order. Every child is on a leash (see `infra.local.leash`), so that none is left
when the parent dies without stopping them.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.local.failures import ChildError, PreconditionError

LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]
POLL_PAUSE_S = 0.02
STOP_GRACE_S = 15.0
RUN_ONCE_TIMEOUT_S = 60.0
LOG_TAIL_BYTES = 8192
LOG_LINE_MAX = 200


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def require_free_port(port: int, variable: str) -> None:
    """PreconditionError, naming the variable that moves it, when the port is taken."""
    if not port_is_free(port):
        raise PreconditionError(
            f"port {port} is in use: stop what listens there, or set {variable} to another port"
        )


def wait_until(check: Callable[[], bool], timeout_s: float) -> bool:
    """Poll `check` until it is true; False when that took longer than `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_PAUSE_S)
    return True


def last_words(log_path: Path) -> str:
    """The last line in a child's log that isn't a stack frame, cut to a line's length."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, log_path.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    spoken = [line.strip() for line in lines if line.strip() and not line[0].isspace()]
    return spoken[-1][:LOG_LINE_MAX] if spoken else ""


class Child:
    """One child process: what it runs, where it writes, whether it lives.

    `start` may be called again after the process has ended, with the same command and log.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Describe the child; nothing is started.

        `environment` is the child's whole one (default: this process's own); `keep_open` are file
        descriptors that it inherits.
        """
        self.name = name
        self.log_path = log_path
        self._argv = list(argv)
        self._environment = dict(os.environ if environment is None else environment)
        self._keep_open = tuple(keep_open)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; the child must have been started."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the child runs; negative: the signal that ended it."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.poll()

    def is_running(self) -> bool:
        """Whether the process was started and hasn't ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process, its output appended to its log."""
        assert not self.is_running(), f"{self.name} already runs"
        self._close_leash()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,  # the leash
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=ROOT,
                start_new_session=True,
                pass_fds=self._keep_open,
            )

    def wait_ready(self, check: Callable[[], bool], timeout_s: float) -> None:
        """Wait until `check` is true; ChildError when the child dies or takes too long."""
        if not wait_until(lambda: not self.is_running() or check(), timeout_s):
            raise ChildError(
                f"{self.name} isn't ready after {timeout_s:.0f} s, see {self.log_path}"
            )
        if not self.is_running():
            raise ChildError(self.obituary())

    def obituary(self) -> str:
        """One line that says how the child ended, its last words, and where its log is."""
        code = self.exit_code
        assert code is not None, f"{self.name} still runs"
        if code < 0:  # what it wrote before has nothing to do with it
            how = f"signal {signal.Signals(-code).name}"
        else:
            how = f"exit code {code}: {last_words(self.log_path) or 'no message'}"
        return f"{self.name} died ({how}), see {self.log_path}"

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        if self.is_running():
            self.signal(signal.SIGTERM)

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """End the process in order; by force when that takes longer than `grace_s` seconds.

        Does nothing when the child was never started or has ended by itself.
        """
        self.ask_to_stop()
        if not wait_until(lambda: not self.is_running(), grace_s):
            self.kill()
        self._close_leash()

    def kill(self) -> None:
        """End the process as `kill -9` does, and wait until it is gone."""
        assert self._process is not None, f"{self.name} was never started"
        self._process.kill()
        self._process.wait()
        self._close_leash()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, SIGSTOP and SIGCONT too."""
        assert self._process is not None, f"{self.name} was never started"
        self._process.send_signal(number)

    def _close_leash(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def run_once(name: str, argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command to its end and return its output; ChildError says why it failed."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environment),
            cwd=ROOT,
            timeout=RUN_ONCE_TIMEOUT_S,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"{name} isn't done after {RUN_ONCE_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1][:LOG_LINE_MAX] if lines else "no message"
        message = f"{name} failed (exit code {done.returncode}): {reason}"
        raise ChildError(message, done.returncode)
    return done.stdout


def service_argv(module: str, *arguments: str) -> list[str]:
    """The command of a Python module that is to run on the leash."""
    return [sys.executable, "-m", "infra.local.leash", module, *arguments]
