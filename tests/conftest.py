"""What every test sees: the engines' fixtures, and no way to real AWS."""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.engines import (
    dynamodb_endpoint,
    elasticsearch_url,
    module_dynamodb_endpoint,
    new_dynamodb,
)
from tests.system import api, system

__all__ = [
    "api",
    "dynamodb_endpoint",
    "elasticsearch_url",
    "module_dynamodb_endpoint",
    "new_dynamodb",
    "system",
]

ENGINE_FIXTURES = frozenset(
    {"dynamodb_endpoint", "elasticsearch_url", "module_dynamodb_endpoint", "new_dynamodb"}
)

SHARED_ENGINES = ("tests/conformance/", "tests/contract/", "tests/hostile/", "tests/integration/")

# A local engine takes any credentials; without these, botocore would look for real ones, on the
# network too.
for name, value in {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}.items():
    os.environ.setdefault(name, value)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark every test that reaches an engine's fixture, so that `-m "not engines"` starts none."""
    for item in items:
        if not ENGINE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.engines)


# --- Side by side: `make test` ----------------------------------------------------------------
class Lanes(LoadScopeScheduling):
    """Tests that share the session's engines run in one worker; of the rest, each module does."""

    def _split_scope(self, nodeid: str) -> str:
        return "engines" if nodeid.startswith(SHARED_ENGINES) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    """How tests are given to the workers."""
    return Lanes(config, log)


class LongestFirst:
    """Puts what uses engines before the rest, whatever order was drawn: it takes longest."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Keeps the drawn order otherwise."""
        items.sort(key=lambda item: item.get_closest_marker("engines") is None)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the ordering, which is to come after every other plugin's."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        config.pluginmanager.register(LongestFirst())
