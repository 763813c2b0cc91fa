"""A system of one's own to break: every process of it can be killed and started again."""

from collections.abc import Iterator

import pytest

from loadtests.common.system import System, running_system


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often each process is broken in a test; more make a longer run."""
    parser.addoption("--chaos-rounds", type=int, default=1)


@pytest.fixture
def chaos_rounds(request: pytest.FixtureRequest) -> int:
    """How often each process is broken."""
    # Known only when this folder was named on the command line.
    rounds: int = request.config.getoption("--chaos-rounds", default=1)
    return rounds


@pytest.fixture(scope="module")
def broken_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Engines and services that nobody else uses."""
    with running_system(tmp_path_factory.mktemp("chaos")) as system:
        yield system
