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
    """Mark every test that reaches an engine's fixture, so that `-m "not engines"` starts none."""
    for item in items:
        if not ENGINE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.engines)
