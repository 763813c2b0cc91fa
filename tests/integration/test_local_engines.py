"""The engines that `make run` and these tests start: durable, local, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest
from elasticsearch import AsyncElasticsearch

from infra.local.engines import DYNAMODB, Engine, Engines, default_cache, describe_engines
from infra.local.failures import ChildError
from infra.local.processes import ROOT, free_ports, wait_until

pytestmark = pytest.mark.engines
WAIT_S = 60.0
TABLE = "kept"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Both engines, of this module's own: its tests kill them."""
    pair = describe_engines(tmp_path_factory.mktemp("engines"))
    pair.start()
    yield pair
    pair.stop()
    assert not pair.dynamodb.child.is_running()
    assert not pair.elasticsearch.child.is_running()


def test_acknowledged_items_survive_a_kill_of_dynamodb(engines: Engines) -> None:
    engine = engines.dynamodb
    client = boto3.client("dynamodb", endpoint_url=engine.url)
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    largest = str(2**95 - 1)
    client.put_item(TableName=TABLE, Item={"pk": {"S": "a"}, "amount": {"N": largest}})
    url = engine.url
    engine.kill()
    engine.start()
    assert engine.url == url
    found = client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}})["Item"]
    client.close()
    assert found == {"pk": {"S": "a"}, "amount": {"N": largest}}


async def test_acknowledged_documents_survive_a_kill_of_elasticsearch(engines: Engines) -> None:
    engine = engines.elasticsearch
    async with AsyncElasticsearch(engine.url) as client:
        mappings = {"dynamic": "strict", "properties": {"key": {"type": "keyword"}}}
        await client.indices.create(index="kept", mappings=mappings)
        await client.index(index="kept", id="1", document={"key": "k"})
        engine.kill()
        engine.start()
        found = await client.get(index="kept", id="1")
        assert found["_source"] == {"key": "k"}


def test_an_index_is_never_made_by_a_stray_write(engines: Engines) -> None:
    request = urllib.request.Request(
        f"{engines.elasticsearch.url}/stray/_doc",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError, match="404") as refusal:
        urllib.request.urlopen(request)
    refusal.value.close()


def test_both_listen_on_the_loopback_address_alone(engines: Engines) -> None:
    for engine in (engines.dynamodb, engines.elasticsearch):
        connections = psutil.Process(engine.child.pid).net_connections()
        listening = {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
        assert listening


def test_an_engine_that_cannot_listen_says_so(engines: Engines, tmp_path: Path) -> None:
    second = Engine(DYNAMODB, tmp_path, default_cache(), port=engines.dynamodb.port)
    with pytest.raises(ChildError, match="dynamodb died .*(in use|bind)"):
        second.start()
    second.stop()


def test_engines_end_when_their_launcher_is_killed(tmp_path: Path) -> None:
    ports = free_ports(2)
    argv = [sys.executable, "-m", "infra.local.engines", f"--home={tmp_path}"]
    argv += [f"--dynamodb-port={ports[0]}", f"--elasticsearch-port={ports[1]}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT, text=True) as launcher:
        assert launcher.stdout is not None
        said = json.loads(launcher.stdout.readline())
        children = psutil.Process(launcher.pid).children()
        os.kill(launcher.pid, signal.SIGKILL)
    assert said["TWOFOLD_DYNAMODB_ENDPOINT"] == f"http://127.0.0.1:{ports[0]}"
    assert said["TWOFOLD_ELASTICSEARCH_URL"] == f"http://127.0.0.1:{ports[1]}"
    assert len(children) == 2
    assert wait_until(lambda: not any(child.is_running() for child in children), WAIT_S)
