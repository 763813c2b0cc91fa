"""What every test sees: the engines' fixtures, and no way to real AWS."""

import os

import pytest

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
    """Mark every test that reaches an engine's fixture, so that `-m "not engines"` starts none.

    Where tests run side by side (`-n 2 --dist loadgroup`), those that share the session's engines
    stay together, and those that start a Twofold of their own.
    """
    for item in items:
        if not ENGINE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.engines)
        if item.get_closest_marker("chaos"):
            item.add_marker(pytest.mark.xdist_group("chaos"))
        elif item.get_closest_marker("engines"):
            item.add_marker(pytest.mark.xdist_group("engines"))


class LongestFirst:
    """Puts the groups before the rest, whatever order was drawn: what runs longest starts first."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Keeps the drawn order within the groups and within the rest."""
        items.sort(key=lambda item: item.get_closest_marker("engines") is None)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the ordering, which is to come after every other plugin's."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        config.pluginmanager.register(LongestFirst())
