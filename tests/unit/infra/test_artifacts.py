"""Pins and the cache of jars, against a repository on this machine's loopback address."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.local.artifacts import (
    DYNAMODB_VERSION,
    ELASTICSEARCH_VERSION,
    ArtifactCache,
    Pin,
    difference,
    parse_pins,
    read_pins,
)
from infra.local.failures import ArtifactError

CONTENT = b"a jar"


def pin_of(content: bytes) -> Pin:
    return Pin("org.example", "thing", "1.0", len(content), hashlib.sha256(content).hexdigest())


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on the tests' standard error."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder served as a Maven repository, and its URL."""
    folder = tmp_path / "repository"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def publish(folder: Path, pin: Pin, content: bytes) -> None:
    path = folder / pin.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def cache_of(tmp_path: Path, url: str, told: list[str]) -> ArtifactCache:
    return ArtifactCache(tmp_path / "cache", repository_url=url, progress=told.append)


def files_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_pin_is_read_back_from_its_line() -> None:
    pin = pin_of(CONTENT)
    assert parse_pins(f"# a comment\n\n{pin.line()}  # why\n") == (pin,)


@pytest.mark.parametrize(
    "line",
    ["", "abc 1 g:n:v", f"{'0' * 64} many g:n:v", f"{'0' * 64} 1 g:n", f"{'0' * 64} 1 g:n:v x"],
)
def test_a_line_that_is_no_pin_is_refused(line: str) -> None:
    if not line:
        assert parse_pins(line) == ()
        return
    with pytest.raises(ArtifactError, match="not a pin"):
        parse_pins(line)


def test_the_difference_says_whether_the_file_is_missing_longer_or_other(tmp_path: Path) -> None:
    pin = pin_of(CONTENT)
    path = tmp_path / "thing.jar"
    assert difference(pin, path) == "org.example:thing:1.0: missing"
    path.write_bytes(CONTENT + b"!")
    assert difference(pin, path) == "org.example:thing:1.0: 6 bytes instead of 5"
    path.write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    assert difference(pin, path) == (
        f"org.example:thing:1.0: sha256 {other} instead of {pin.sha256}"
    )
    path.write_bytes(CONTENT)
    assert difference(pin, path) is None


def test_a_missing_jar_is_fetched_once_and_then_found(
    tmp_path: Path, repository: tuple[Path, str]
) -> None:
    folder, url = repository
    pin = pin_of(CONTENT)
    publish(folder, pin, CONTENT)
    told: list[str] = []
    [jar] = cache_of(tmp_path, url, told).jars([pin])
    assert jar.read_bytes() == CONTENT
    assert told == ["fetching 1 jars, 0 MB", "  100 %  1 of 1 jars"]
    (folder / pin.path).unlink()
    assert cache_of(tmp_path, url, told).jars([pin]) == [jar]
    assert len(told) == 2


def test_a_spoilt_jar_in_the_cache_is_fetched_again(
    tmp_path: Path, repository: tuple[Path, str]
) -> None:
    folder, url = repository
    pin = pin_of(CONTENT)
    publish(folder, pin, CONTENT)
    [jar] = cache_of(tmp_path, url, []).jars([pin])
    jar.write_bytes(b"spoil")
    assert cache_of(tmp_path, url, []).jars([pin]) == [jar]
    assert jar.read_bytes() == CONTENT


def test_a_jar_with_another_checksum_is_refused_and_leaves_no_file(
    tmp_path: Path, repository: tuple[Path, str]
) -> None:
    folder, url = repository
    pin = pin_of(CONTENT)
    publish(folder, pin, b"other")
    with pytest.raises(ArtifactError, match="org.example:thing:1.0: sha256 .* instead of"):
        cache_of(tmp_path, url, []).jars([pin])
    assert files_under(tmp_path / "cache") == []


def test_a_jar_that_is_not_there_is_told_by_its_coordinates(
    tmp_path: Path, repository: tuple[Path, str]
) -> None:
    with pytest.raises(ArtifactError, match="can't fetch org.example:thing:1.0"):
        cache_of(tmp_path, repository[1], []).jars([pin_of(CONTENT)])
    assert files_under(tmp_path / "cache") == []


def test_the_committed_pins_are_of_the_pinned_engines() -> None:
    dynamodb = {pin.coordinates for pin in read_pins("dynamodb")}
    elasticsearch = {pin.coordinates for pin in read_pins("elasticsearch")}
    module = {pin.coordinates for pin in read_pins("transport-netty4")}
    assert f"com.amazonaws:DynamoDBLocal:{DYNAMODB_VERSION}" in dynamodb
    assert f"org.elasticsearch:elasticsearch:{ELASTICSEARCH_VERSION}" in elasticsearch
    assert f"org.elasticsearch.plugin:transport-netty4:{ELASTICSEARCH_VERSION}" in module
    assert module.isdisjoint(elasticsearch)  # Java refuses a jar that is on the class path too


@pytest.mark.parametrize("name", ["dynamodb", "elasticsearch", "transport-netty4"])
def test_no_library_is_pinned_twice(name: str) -> None:
    pins = read_pins(name)
    assert len({(pin.group, pin.name) for pin in pins}) == len(pins)
