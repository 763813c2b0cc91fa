"""Fixtures that give tests a real DynamoDB and a real Elasticsearch.

Where the engines come from, first match:
1. `TWOFOLD_DYNAMODB_ENDPOINT`, `TWOFOLD_ELASTICSEARCH_URL`: engines that already run;
2. `TWOFOLD_TEST_ENGINES=docker`: containers of the official images, by testcontainers;
3. otherwise processes of `infra.local`, which need no Docker and no Java.

An engine starts when the first test asks for it and ends with the session. Tests that share one
keep apart by prefixes of their own for tables and indices.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infra.local.artifacts import DYNAMODB_VERSION, ELASTICSEARCH_VERSION
from infra.local.engines import (
    DYNAMODB,
    ELASTICSEARCH,
    HEAP_MB,
    Engine,
    EngineKind,
    default_cache,
)


@contextmanager
def local_engine(kind: EngineKind, folder: Path) -> Iterator[str]:
    """URL of an engine that runs as a child process for the length of the block."""
    engine = Engine(kind, folder, default_cache())
    engine.start()
    try:
        yield engine.url
    finally:
        engine.stop()


@contextmanager
def dynamodb_container() -> Iterator[str]:
    """URL of DynamoDB Local in a container."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import PortWaitStrategy

    image = f"amazon/dynamodb-local:{DYNAMODB_VERSION}"
    command = "-jar DynamoDBLocal.jar -inMemory -sharedDb -disableTelemetry"
    container = DockerContainer(image).with_command(command).with_exposed_ports(8000)
    with container.waiting_for(PortWaitStrategy(8000)):
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8000)}"


@contextmanager
def elasticsearch_container() -> Iterator[str]:
    """URL of Elasticsearch in a container."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import HttpWaitStrategy

    settings = {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "action.auto_create_index": "false",
        "ES_JAVA_OPTS": f"-Xms{HEAP_MB}m -Xmx{HEAP_MB}m",
    }
    container = DockerContainer(f"elasticsearch:{ELASTICSEARCH_VERSION}").with_exposed_ports(9200)
    for name, value in settings.items():
        container = container.with_env(name, value)
    with container.waiting_for(HttpWaitStrategy(9200, "/_cluster/health")):
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(9200)}"


@contextmanager
def dynamodb(folder: Path) -> Iterator[str]:
    """URL of a DynamoDB: the given one, or a new one that lives as long as the block."""
    if given := os.environ.get("TWOFOLD_DYNAMODB_ENDPOINT"):
        yield given
        return
    in_docker = os.environ.get("TWOFOLD_TEST_ENGINES") == "docker"
    with dynamodb_container() if in_docker else local_engine(DYNAMODB, folder) as url:
        yield url


@contextmanager
def elasticsearch(folder: Path) -> Iterator[str]:
    """URL of an Elasticsearch: the given one, or a new one that lives as long as the block."""
    if given := os.environ.get("TWOFOLD_ELASTICSEARCH_URL"):
        yield given
        return
    in_docker = os.environ.get("TWOFOLD_TEST_ENGINES") == "docker"
    with elasticsearch_container() if in_docker else local_engine(ELASTICSEARCH, folder) as url:
        yield url


@pytest.fixture(scope="session")
def elasticsearch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's Elasticsearch."""
    with elasticsearch(tmp_path_factory.mktemp("elasticsearch")) as url:
        yield url


@pytest.fixture(scope="session")
def dynamodb_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's DynamoDB, for tests that write little. Without streamed tables, please."""
    with dynamodb(tmp_path_factory.mktemp("dynamodb")) as url:
        yield url


@pytest.fixture(scope="module")
def module_dynamodb_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A DynamoDB of the test module's own.

    DynamoDB Local slows down with every streamed table and record that it holds, so a suite that
    follows a stream takes a process of its own. It starts in about a second.
    """
    with dynamodb(tmp_path_factory.mktemp("dynamodb")) as url:
        yield url


@pytest.fixture
def new_dynamodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Starts a further DynamoDB at each call; all of them end with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(dynamodb(tmp_path_factory.mktemp("dynamodb")))
