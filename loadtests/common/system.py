"""A whole Twofold of one's own: engines, tables, services, in a folder of its own on free ports.

What `make run` starts, for programs that measure it, break it, or only need it for a while.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from infra.local.engines import Engine
from infra.local.options import read_options
from infra.local.processes import Child
from infra.local.run import SERVICE_READY_TIMEOUT_S, SERVICES, Run, is_ready
from loadtests.common.connection import Connection, connection_from

# What this process was told about another Twofold must not reach this one.
FOREIGN_PREFIX = "TWOFOLD_"
KEPT = ("TWOFOLD_CACHE_DIR", "TWOFOLD_MAVEN_URL")


class System(Run):
    """A run whose processes can be measured, killed and started again one by one."""

    connection: Connection

    def begin(self) -> "System":
        """Starts everything and remembers how to connect."""
        self.connection = connection_from(self.start())
        return self

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the services, for a module that is to work on the same stores."""
        return dict(self._environment)

    def service(self, name: str) -> Child:
        """`write_service`, `read_service` or `indexer`."""
        return next(service for service in self._services if service.name == name)

    def engine(self, name: str) -> Engine:
        """`dynamodb` or `elasticsearch`, if this system has started it."""
        return self._engine(name)

    def port(self, service: str) -> int:
        """Where a service listens."""
        return self.options.ports()[SERVICES[service]]

    def processes(self) -> dict[str, int]:
        """Name -> process id of everything that this system has started."""
        ids = {engine.kind.name: engine.child.pid for engine in self._engines}
        return ids | {service.name: service.pid for service in self._services}

    def wait_ready(self, name: str) -> None:
        """Waits until a service answers that it is ready."""
        self.service(name).wait_ready(partial(is_ready, self.port(name)), SERVICE_READY_TIMEOUT_S)

    def run_module(self, module: str, *arguments: str) -> str:
        """What a module of the project prints, run on this system's stores; ChildError if it
        fails."""
        return self._run_module(module, *arguments)


def system_environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without its own Twofold, with free ports and `settings`."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN_PREFIX) or name in KEPT
    }
    environment |= {"TWOFOLD_HOME": str(home), "TWOFOLD_PORTS": "free"}
    return environment | dict(settings)


@contextmanager
def running_system(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[System]:
    """A system that runs as long as the block; `settings` are further `TWOFOLD_*` variables."""
    environment = system_environment(home, settings or {})
    system = System(read_options(environment), environment)
    try:
        yield system.begin()
    finally:
        system.stop()
