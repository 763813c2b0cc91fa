"""Fixtures that give tests the whole of Twofold as processes, seen from outside only.

It is started once for a session, on free ports. Its Elasticsearch is the session's; its DynamoDB is
its own, because DynamoDB Local slows with every record of a streamed table.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from loadtests.common.api import Api
from loadtests.common.system import System, running_system
from tests.engines import dynamodb


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, elasticsearch_url: str) -> Iterator[System]:
    """The session's Twofold."""
    folder = tmp_path_factory.mktemp("system")
    with dynamodb(folder) as endpoint:
        settings = {
            "TWOFOLD_DYNAMODB_ENDPOINT": endpoint,
            "TWOFOLD_ELASTICSEARCH_URL": elasticsearch_url,
            "TWOFOLD_TABLE_PREFIX": f"system-{uuid4().hex[:8]}-",
            "TWOFOLD_INDEX_PREFIX": f"system-{uuid4().hex[:8]}-",
        }
        with running_system(Path(folder) / "run", settings) as running:
            yield running


@pytest.fixture
def api(system: System) -> Iterator[Api]:
    """A plain client of the session's Twofold."""
    with Api(system.connection) as client:
        yield client
