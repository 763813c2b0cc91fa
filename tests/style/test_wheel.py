"""The wheel: six packages, the SDL inside, no tests; and nobody else owns our names."""

import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"cli", "connectors", "shared", "write_service", "read_service", "indexer"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_holds_the_six_packages_and_nothing_else(names: list[str]):
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == PACKAGES


def test_the_wheel_holds_what_is_read_at_run_time(names: list[str]):
    assert "shared/graphql/api.graphql" in names
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


def test_no_other_distribution_owns_our_packages():
    owners = packages_distributions()
    foreign = {package: set(owners.get(package, [])) - {"twofold"} for package in PACKAGES}
    assert foreign == {package: set() for package in PACKAGES}
