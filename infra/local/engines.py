"""DynamoDB Local and Elasticsearch as child processes.

From Python: `start_engines(folder)` or one `Engine`. From a shell:

    python -m infra.local.engines [--dynamodb-port P] [--elasticsearch-port Q] [--home FOLDER]

starts both (port 0, the default, is any free one), prints one line of JSON with their URLs when
they are ready, and runs until it is told to stop.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.local.artifacts import ArtifactCache, Progress, read_pins
from infra.local.failures import LaunchError
from infra.local.jvm import READY_FILE, EngineArguments
from infra.local.processes import LOOPBACK, Child

READY_TIMEOUT_S = 120.0
HEAP_MB = 512
# What any client sends to an engine that checks no passwords.
LOCAL_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


def default_cache_folder() -> Path:
    """Where jars are kept for all runs of a user; `TWOFOLD_CACHE_DIR` moves it."""
    chosen = os.environ.get("TWOFOLD_CACHE_DIR")
    return Path(chosen) if chosen else Path.home() / ".cache" / "twofold"


def default_cache(progress: Progress = print) -> ArtifactCache:
    """The user's cache of jars."""
    mirror = os.environ.get("TWOFOLD_MAVEN_URL") or None
    return ArtifactCache(default_cache_folder(), repository_url=mirror, progress=progress)


@dataclass(frozen=True, slots=True)
class EngineKind:
    """What differs between the two engines, seen from outside."""

    name: str
    module: str
    jars: str
    modules: str  # pins of jars outside the class path; empty: none
    health_path: str


DYNAMODB = EngineKind("dynamodb", "infra.local.dynamodb", "dynamodb", "", "/")
ELASTICSEARCH = EngineKind(
    "elasticsearch",
    "infra.local.elasticsearch",
    "elasticsearch",
    "transport-netty4",
    # Red until the shards of a restarted node are recovered from disk.
    "/_cluster/health?wait_for_status=yellow&timeout=100ms",
)


class Engine:
    """One engine's process with its folder: data, log, temp.

    The port is settled by the first start and kept, so `kill` and `start` is a crash and a recovery
    that clients see at the same address, with all acknowledged data.
    """

    def __init__(
        self,
        kind: EngineKind,
        folder: Path,
        cache: ArtifactCache,
        *,
        port: int = 0,
        heap_mb: int = HEAP_MB,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Describe the engine; nothing is started. Port 0 is any free one."""
        self.kind = kind
        self.port = port
        self._folder = folder.resolve()
        self._cache = cache
        self._heap_mb = heap_mb
        self._keep_open = tuple(keep_open)
        self._temp = self._folder / "temp" / kind.name
        self._data = self._folder / "data" / kind.name
        self.child = Child(kind.name, [], log_path=self._folder / "logs" / f"{kind.name}.log")

    @property
    def url(self) -> str:
        """The engine's base URL, without a slash at the end."""
        assert self.port > 0, f"{self.kind.name} was never started"
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the process and wait until the engine answers."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start the process; `wait_ready` tells when the engine answers."""
        shutil.rmtree(self._temp, ignore_errors=True)
        self._temp.mkdir(parents=True)
        self._data.mkdir(parents=True, exist_ok=True)
        jars = self._cache.jars(read_pins(self.kind.jars))
        modules = self._cache.jars(read_pins(self.kind.modules)) if self.kind.modules else []
        arguments = EngineArguments(
            self.port, self._data, self._temp, self._heap_mb, tuple(jars), tuple(modules)
        )
        (self._temp / "jars.json").write_text(arguments.jars_json(), encoding="utf-8")
        argv = [sys.executable, "-m", self.kind.module, *arguments.to_argv()]
        self.child = Child(
            self.kind.name, argv, log_path=self.child.log_path, keep_open=self._keep_open
        )
        self.child.start()

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until the engine answers; ChildError when it dies or takes too long."""
        self.child.wait_ready((self._temp / READY_FILE).exists, timeout_s)
        said = json.loads((self._temp / READY_FILE).read_text(encoding="utf-8"))
        self.port = int(said["port"])
        self.child.wait_ready(self._answers, timeout_s)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + self.kind.health_path, timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refusal:
            # DynamoDB refuses an unsigned request, which shows that it is there.
            refusal.close()
            return self.kind is DYNAMODB and refusal.code == 400
        except OSError:
            return False

    def stop(self) -> None:
        """Stop the engine in order; its data stays. May be called when it isn't running."""
        self.child.stop()
        shutil.rmtree(self._temp, ignore_errors=True)

    def kill(self) -> None:
        """End the engine as `kill -9` does."""
        self.child.kill()


@dataclass(frozen=True, slots=True)
class Engines:
    """Both engines of one run."""

    dynamodb: Engine
    elasticsearch: Engine

    def start(self) -> None:
        """Start both at once and wait until both answer; stops them when one fails."""
        try:
            self.elasticsearch.begin()  # the slower one first
            self.dynamodb.begin()
            self.dynamodb.wait_ready()
            self.elasticsearch.wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both in order."""
        self.dynamodb.child.ask_to_stop()
        self.elasticsearch.child.ask_to_stop()
        self.dynamodb.stop()
        self.elasticsearch.stop()


def describe_engines(
    folder: Path,
    cache: ArtifactCache | None = None,
    *,
    dynamodb_port: int = 0,
    elasticsearch_port: int = 0,
) -> Engines:
    """Both engines with their data, logs and temp files under `folder`; nothing is started."""
    jars = cache if cache is not None else default_cache()
    return Engines(
        Engine(DYNAMODB, folder, jars, port=dynamodb_port),
        Engine(ELASTICSEARCH, folder, jars, port=elasticsearch_port),
    )


def serve(folder: Path, dynamodb_port: int, elasticsearch_port: int) -> None:
    """Start both engines, print their URLs as JSON, wait for SIGINT or SIGTERM, stop them."""
    stop = threading.Event()

    def request_stop(_signal: int, _frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGTERM, request_stop)
    cache = default_cache(progress=lambda line: print(line, file=sys.stderr, flush=True))
    engines = describe_engines(
        folder, cache, dynamodb_port=dynamodb_port, elasticsearch_port=elasticsearch_port
    )
    engines.start()
    try:
        urls = {
            "TWOFOLD_DYNAMODB_ENDPOINT": engines.dynamodb.url,
            "TWOFOLD_ELASTICSEARCH_URL": engines.elasticsearch.url,
            **LOCAL_CREDENTIALS,
        }
        print(json.dumps(urls), flush=True)
        children = (engines.dynamodb.child, engines.elasticsearch.child)
        while not stop.wait(0.5):
            for child in children:
                if not child.is_running():
                    raise LaunchError(child.obituary())
    finally:
        engines.stop()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.engines")
    parser.add_argument("--dynamodb-port", type=int, default=0)
    parser.add_argument("--elasticsearch-port", type=int, default=0)
    parser.add_argument("--home", type=Path, help="keeps the data; default: a temporary folder")
    arguments = parser.parse_args()
    try:
        if arguments.home:
            serve(arguments.home, arguments.dynamodb_port, arguments.elasticsearch_port)
            return
        with TemporaryDirectory(prefix="twofold-engines-") as folder:
            serve(Path(folder), arguments.dynamodb_port, arguments.elasticsearch_port)
    except LaunchError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
