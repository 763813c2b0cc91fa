"""Children: their life, their leash, and what is said when they die."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.failures import ChildError, PreconditionError
from infra.local.processes import (
    ROOT,
    Child,
    free_ports,
    last_words,
    port_is_free,
    require_free_port,
    run_once,
    service_argv,
    wait_until,
)

WAIT_S = 20.0


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "child.log"


def python_child(log_path: Path, code: str) -> Child:
    return Child("worker", [sys.executable, "-c", code], log_path=log_path)


@pytest.fixture
def sleeper(log_path: Path) -> Iterator[Child]:
    """A child that has started and waits for its end."""
    child = python_child(log_path, "print('up', flush=True); input()")
    child.start()
    child.wait_ready(lambda: "up" in log_path.read_text(), WAIT_S)
    yield child
    child.stop()


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not port_is_free(port)
        with pytest.raises(PreconditionError, match=f"port {port} is in use.* set TWOFOLD_X "):
            require_free_port(port, "TWOFOLD_X")
    assert port_is_free(port)


def test_free_ports_are_all_different() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port_is_free(port) for port in ports)


def test_waiting_ends_when_the_time_is_over() -> None:
    assert not wait_until(lambda: False, 0)
    assert wait_until(lambda: True, 0)


def test_last_words_skip_blank_lines_and_stack_frames(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == ""
    log.write_text("first\nOSError: no space left\n    at deep.inside\n\n")
    assert last_words(log) == "OSError: no space left"


def test_a_child_is_stopped_and_started_again(sleeper: Child) -> None:
    first = sleeper.pid
    sleeper.stop()
    assert not sleeper.is_running()
    assert sleeper.exit_code == -signal.SIGTERM
    sleeper.start()
    assert sleeper.is_running()
    assert sleeper.pid != first


def test_a_child_that_ignores_the_request_is_ended_by_force(log_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); "
    child = python_child(log_path, code + "time.sleep(60)")
    child.start()
    child.wait_ready(lambda: "up" in log_path.read_text(), WAIT_S)
    child.stop(grace_s=0.1)
    assert child.exit_code == -signal.SIGKILL


def test_a_child_that_fails_is_told_with_its_last_words_and_its_log(log_path: Path) -> None:
    child = python_child(log_path, "raise SystemExit('the disk is on fire')")
    child.start()
    with pytest.raises(ChildError) as failure:
        child.wait_ready(lambda: False, WAIT_S)
    assert str(failure.value) == (f"worker died (exit code 1: the disk is on fire), see {log_path}")
    child.stop()


def test_a_killed_child_is_told_by_its_signal_alone(sleeper: Child, log_path: Path) -> None:
    sleeper.kill()
    assert sleeper.obituary() == f"worker died (signal SIGKILL), see {log_path}"


def test_a_child_that_never_becomes_ready_is_told(sleeper: Child, log_path: Path) -> None:
    with pytest.raises(ChildError, match="worker isn't ready after 0 s, see"):
        sleeper.wait_ready(lambda: False, 0)


def test_a_command_gives_its_output_or_the_last_line_of_its_error() -> None:
    said = run_once("hello", [sys.executable, "-c", "print('hi')"], {})
    assert said == "hi\n"
    failing = "import sys; sys.exit('first line\\nno table')"
    with pytest.raises(ChildError, match=r"^setup failed \(exit code 1\): no table$"):
        run_once("setup", [sys.executable, "-c", failing], {})


def test_a_module_on_the_leash_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    module = tmp_path / "waits_for_ever.py"
    module.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n")
    parent_code = (
        "import os, subprocess, sys, time\n"
        "argv = [sys.executable, '-m', 'infra.local.leash', 'waits_for_ever']\n"
        f"environment = {{**os.environ, 'PYTHONPATH': {str(tmp_path)!r}}}\n"
        "subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment)\n"
        "time.sleep(600)\n"
    )
    argv = [sys.executable, "-c", parent_code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        assert psutil.pid_exists(child_pid)
        parent.kill()
    assert wait_until(lambda: not psutil.pid_exists(child_pid), WAIT_S)


def test_a_module_on_the_leash_sees_its_own_arguments(tmp_path: Path, log_path: Path) -> None:
    (tmp_path / "says_arguments.py").write_text(
        "import sys\nprint(__name__, sys.argv[1:], sys.argv[0].endswith('says_arguments.py'))\n"
    )
    argv = service_argv("says_arguments", "-x", "y")
    child = Child("leash", argv, log_path=log_path, environment={"PYTHONPATH": str(tmp_path)})
    child.start()
    assert wait_until(lambda: not child.is_running(), WAIT_S)
    child.stop()
    assert child.exit_code == 0
    assert log_path.read_text() == "__main__ ['-x', 'y'] True\n"
