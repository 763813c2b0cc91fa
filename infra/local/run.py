"""`make run`: the engines, the tables and indices, and the three services on this machine.

    options ─► folder.claim ─► engines ─► provision ─► dev client ─► services ─► /readyz ─► dev.env
                                                                         │
                          Ctrl-C, SIGTERM, a dead child ─► services stop ─► engines stop

DynamoDB Local is ready seconds before Elasticsearch: its tables and the client are made meanwhile.
Anything that goes wrong is told in one line on standard error, and the exit code is 1.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from infra.local.engines import (
    DYNAMODB,
    ELASTICSEARCH,
    LOCAL_CREDENTIALS,
    Engine,
    default_cache,
)
from infra.local.failures import ChildError, LaunchError, PreconditionError
from infra.local.folder import RunFolder
from infra.local.options import RunOptions, read_options
from infra.local.processes import (
    LOOPBACK,
    ROOT,
    Child,
    port_is_free,
    require_free_port,
    run_once,
    service_argv,
    wait_until,
)
from shared.errors import ConfigurationError
from shared.search.provision import OUTDATED_EXIT
from shared.settings import load_settings

SERVICE_READY_TIMEOUT_S = 60.0
WATCH_PAUSE_S = 0.2
WINDING_DOWN_S = 1.0
PROBE_TIMEOUT_S = 5.0
SERVICES = {
    "write_service": "TWOFOLD_WRITE_PORT",
    "read_service": "TWOFOLD_READ_PORT",
    "indexer": "TWOFOLD_INDEXER_PORT",
}
# What a client needs to connect, in `dev.env`.
CONNECTION = (
    "TWOFOLD_API_URL",
    "TWOFOLD_AUTH_URL",
    "TWOFOLD_CLIENT_ID",
    "TWOFOLD_CLIENT_SECRET",
    "TWOFOLD_SCOPE",
)


class StopRequested(Exception):
    """Ctrl-C or SIGTERM."""


def service_environment(
    options: RunOptions, token_secret: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of a service: what is inherited, with this run's addresses."""
    environment = dict(inherited)
    if not options.dynamodb_endpoint:
        # An engine of ours takes any credentials, and must not be shown real ones.
        environment.pop("AWS_PROFILE", None)
        environment.pop("AWS_SESSION_TOKEN", None)
        environment |= LOCAL_CREDENTIALS
        environment["TWOFOLD_DYNAMODB_ENDPOINT"] = f"http://{LOOPBACK}:{options.dynamodb_port}"
    if not options.elasticsearch_url:
        url = f"http://{LOOPBACK}:{options.elasticsearch_port}"
        environment["TWOFOLD_ELASTICSEARCH_URL"] = url
    environment |= {
        "TWOFOLD_WRITE_PORT": str(options.write_port),
        "TWOFOLD_READ_PORT": str(options.read_port),
        "TWOFOLD_INDEXER_PORT": str(options.indexer_port),
        "TWOFOLD_PUBLIC_URL": options.public_url,
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("TWOFOLD_READ_URL", f"http://{LOOPBACK}:{options.read_port}")
    environment.setdefault("TWOFOLD_TOKEN_SECRET", token_secret)
    return environment


def is_ready(port: int) -> bool:
    """Whether a service says that it is ready."""
    try:
        url = f"http://{LOOPBACK}:{port}/readyz"
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except OSError:
        return False


def snippet(dev: Mapping[str, str]) -> str:
    """Five lines of Python that connect, through the official client."""
    api_url, auth_url, client_id, client_secret, scope = (dev[name] for name in CONNECTION)
    return (
        "from fragment.sync_sdk.client import Client\n"
        f'client = Client(api_url="{api_url}", auth_scope="{scope}",\n'
        f'    auth_url="{auth_url}", client_id="{client_id}",\n'
        f'    client_secret="{client_secret}")\n'
        "print(client.get_workspace().workspace)\n"
    )


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def say(line: str) -> None:
    """Tell the person at the terminal."""
    print(line, flush=True)


class Run:
    """One run from start to stop."""

    def __init__(self, options: RunOptions, inherited: Mapping[str, str]) -> None:
        """Describe the run; nothing is started."""
        self.options = options
        self.folder = RunFolder(options.home)
        self._inherited = inherited
        self._environment: dict[str, str] = {}
        self._scope = ""
        self._engines: list[Engine] = []
        self._services: list[Child] = []

    def start(self) -> dict[str, str]:
        """Start everything; returns how to connect, once the API is ready."""
        self.folder.claim()
        self.folder.check_machine()
        for variable, port in self.options.ports().items():
            # A run that was killed a moment ago may still be winding down.
            wait_until(partial(port_is_free, port), WINDING_DOWN_S)
            require_free_port(port, variable)
        secret = self.folder.token_secret()
        self._environment = service_environment(self.options, secret, self._inherited)
        try:
            self._scope = load_settings(self._environment).scope
        except ConfigurationError as error:
            raise PreconditionError(str(error)) from error
        self._start_engines()
        say("making tables and the development client")
        # DynamoDB's part runs while Elasticsearch is still on its way up.
        if not self.options.dynamodb_endpoint:
            self._engine("dynamodb").wait_ready()
        self._run_module("shared.store.provision")
        dev = self._bootstrap_client()
        if not self.options.elasticsearch_url:
            self._engine("elasticsearch").wait_ready()
        self._provision_search()
        say("starting the services")
        self._start_services()
        ours = {name: v for name, v in self._environment.items() if name.startswith("TWOFOLD_")}
        credentials = {} if self.options.dynamodb_endpoint else LOCAL_CREDENTIALS
        self.folder.tell_connection(dev, ours | credentials)
        return dev

    def watch(self) -> None:
        """Return never; raises ChildError when a child dies, StopRequested at a signal."""
        children = [*(engine.child for engine in self._engines), *self._services]
        while True:
            for child in children:
                if not child.is_running():
                    raise ChildError(child.obituary())
            time.sleep(WATCH_PAUSE_S)

    def stop(self) -> None:
        """Stop what runs: first who writes, then the engines. May be called at any point."""
        self.folder.forget_connection()
        for service in self._services:
            service.ask_to_stop()
        for service in self._services:
            service.stop()
        for engine in self._engines:
            engine.child.ask_to_stop()
        for engine in self._engines:
            engine.stop()
        self.folder.release()

    def _engine(self, name: str) -> Engine:
        return next(engine for engine in self._engines if engine.kind.name == name)

    def _start_engines(self) -> None:
        cache = default_cache(progress=say)
        keep_open = [self.folder.lock_descriptor]
        # Elasticsearch first: it takes longest.
        wanted = (
            (ELASTICSEARCH, self.options.elasticsearch_port, self.options.elasticsearch_url),
            (DYNAMODB, self.options.dynamodb_port, self.options.dynamodb_endpoint),
        )
        for kind, port, given_url in wanted:
            if given_url:
                say(f"using {kind.name} at {given_url}")
                continue
            say(f"starting {kind.name}")
            engine = Engine(kind, self.options.home, cache, port=port, keep_open=keep_open)
            self._engines.append(engine)  # before it runs: a signal may come at any line
            engine.begin()

    def _provision_search(self) -> None:
        """Makes the indices; what an older version of the services derived is made anew."""
        try:
            self._run_module("shared.search.provision")
            return
        except ChildError as error:
            if error.exit_code != OUTDATED_EXIT:
                raise
        say("rebuilding indices and balances for this version; it takes a while for many entries")
        argv = [sys.executable, "-m", "indexer.rebuild"]
        done = subprocess.run(argv, env=self._environment, cwd=ROOT, check=False)
        if done.returncode:
            raise ChildError(f"indexer.rebuild failed (exit code {done.returncode})")

    def _run_module(self, module: str, *arguments: str) -> str:
        return run_once(module, [sys.executable, "-m", module, *arguments], self._environment)

    def _bootstrap_client(self) -> dict[str, str]:
        state = f"--state={self.folder.dev_client}"
        said = self._run_module("write_service.clients", "bootstrap", "--json", state)
        client: dict[str, str] = json.loads(said)
        values = (
            self.options.api_url,
            self.options.auth_url,
            client["client_id"],
            client["client_secret"],
            self._scope,
        )
        return dict(zip(CONNECTION, values, strict=True))

    def _start_services(self) -> None:
        ports = self.options.ports()
        for module in SERVICES:
            service = Child(
                module,
                service_argv(module),
                log_path=self.folder.logs / f"{module}.log",
                environment=self._environment,
                keep_open=[self.folder.lock_descriptor],
            )
            self._services.append(service)
            service.start()
        for service in self._services:
            port = ports[SERVICES[service.name]]
            service.wait_ready(partial(is_ready, port), SERVICE_READY_TIMEOUT_S)


def announce(dev: Mapping[str, str], folder: RunFolder, seconds: float) -> None:
    """Print how to connect."""
    lines = "".join(f"  {line}\n" for line in snippet(dev).splitlines())
    say(
        f"\nTwofold is ready after {seconds:.1f} s.\n\n"
        f"  API URL        {dev['TWOFOLD_API_URL']}\n"
        f"  token URL      {dev['TWOFOLD_AUTH_URL']}\n"
        f"  client id      {dev['TWOFOLD_CLIENT_ID']}\n"
        f"  client secret  {dev['TWOFOLD_CLIENT_SECRET']}\n"
        f"  scope          {dev['TWOFOLD_SCOPE']}\n\n"
        f"Paste into {shown(Path(sys.executable))}:\n\n{lines}\n"
        f"The five values are in {shown(folder.dev_env)}, logs in {shown(folder.logs)}. "
        "Ctrl-C stops everything."
    )


def serve(environment: Mapping[str, str]) -> None:
    """Start, announce, watch, stop. Returns at a requested stop, raises LaunchError otherwise."""
    began = time.monotonic()
    stopping = False

    def request_stop(_signal: int, _frame: Any) -> None:
        nonlocal stopping
        if not stopping:  # a second Ctrl-C must not break the orderly stop
            stopping = True
            raise StopRequested

    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGHUP, request_stop)
    run = Run(read_options(environment), environment)
    try:
        dev = run.start()
        announce(dev, run.folder, time.monotonic() - began)
        run.watch()
    except StopRequested:
        say("\nstopping")
    finally:
        stopping = True
        run.stop()


def main() -> None:
    """The command."""
    try:
        serve(os.environ)
    except LaunchError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
