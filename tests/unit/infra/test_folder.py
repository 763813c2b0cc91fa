"""The folder of a run: its lock, its secrets, its files for others."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.failures import PreconditionError
from infra.local.folder import (
    DISK_FREE_BYTES_MIN,
    MEMORY_FREE_BYTES_MIN,
    RunFolder,
    format_environment,
    parse_environment,
    shortage,
    write_private,
)

NAMES = st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True)
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)


@given(st.dictionaries(NAMES, LINES, max_size=5))
def test_an_environment_is_read_back_as_it_was_written(values: dict[str, str]) -> None:
    assert parse_environment(format_environment(values)) == values


def test_a_shell_sources_what_was_written(tmp_path: Path) -> None:
    write_private(tmp_path / "env", format_environment({"A": "it's $HOME `x`", "B": ""}))
    command = f'. {tmp_path}/env && printf "%s|%s" "$A" "$B"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "it's $HOME `x`|"


def test_a_private_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("older")
    path.chmod(0o644)
    write_private(path, "newer")
    assert path.read_text() == "newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_machine_that_is_large_enough_lacks_nothing() -> None:
    assert shortage(DISK_FREE_BYTES_MIN, MEMORY_FREE_BYTES_MIN, Path("/x")) is None


def test_a_full_disk_and_a_full_memory_are_told_with_figures() -> None:
    assert shortage(DISK_FREE_BYTES_MIN - 10**6, MEMORY_FREE_BYTES_MIN, Path("/x")) == (
        "too little disk: 499 MB free for /x, at least 500 MB are needed"
    )
    assert shortage(DISK_FREE_BYTES_MIN, 0, Path("/x")) == (
        "too little memory: 0 MB available, at least 1000 MB are needed"
    )


def test_a_folder_is_claimed_by_one_run_alone(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    first.claim()
    first.tell_connection({"A": "1"}, {"B": "2"})
    with pytest.raises(PreconditionError, match=f"another run \\(process {os.getpid()}\\) uses"):
        second.claim()
    second.forget_connection()  # what a run that never was does at its end
    assert first.dev_env.read_text() == "A=1\n"
    assert first.run_env.read_text() == "B=2\n"
    first.release()
    assert not first.dev_env.exists()
    second.claim()
    second.release()


def test_claiming_removes_the_addresses_of_a_run_that_was_killed(tmp_path: Path) -> None:
    killed = RunFolder(tmp_path)
    killed.claim()
    killed.tell_connection({"A": "1"}, {"B": "2"})
    (killed.logs / "indexer.log").write_text("its last words")
    os.close(killed.lock_descriptor)
    after = RunFolder(tmp_path)
    after.claim()
    assert not after.dev_env.exists()
    assert not after.run_env.exists()
    assert [path.name for path in after.logs.iterdir()] == ["indexer.log.previous"]
    after.release()


def test_the_token_secret_stays_the_same(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    secret = folder.token_secret()
    assert len(secret) >= 32
    assert RunFolder(tmp_path).token_secret() == secret
