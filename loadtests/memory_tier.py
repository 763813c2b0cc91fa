"""The tiers on in-memory twins, in one process: what they can do when no engine holds them back.

    python -m loadtests.memory_tier --port P [--without-indexer]

The write tier (which answers queries too) and, unless told otherwise, both projectors run in one
loop over MemoryTable, MemoryStream and MemoryIndex. Prints one line of JSON, the client to connect
with, when it is ready. At SIGTERM it lets the indexer catch up, verifies everything, prints the
verdict as JSON, and ends.
"""

import argparse
import asyncio
import json
import secrets
import signal
import sys
from random import Random

import uvicorn
import uvloop

from indexer.projectors import Engines, Projectors
from indexer.verify import verify
from shared.clock import SystemClock
from shared.observe import Metrics, configure_logging
from shared.settings import Settings
from shared.store.clients import StoredClients
from shared.store.metering import StoreMeter
from shared.testing.memory import MemoryTable
from shared.testing.memory_index import MemoryIndex
from write_service.app import compose, make_write_services
from write_service.clients import ClientAdmin
from write_service.work import Worker

WORKSPACE = "default"
VERIFY_WAIT_S = 120


def tell(value: object) -> None:
    """One line of JSON for the parent."""
    print(json.dumps(value), flush=True)


class Server(uvicorn.Server):
    """Says how to connect once it listens."""

    connection: dict[str, str]

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets)  # type: ignore[arg-type]
        tell(self.connection)


async def serve(port: int, with_indexer: bool) -> None:
    """Serves until told to stop, then verifies."""
    clock, metrics = SystemClock(), Metrics()
    table = MemoryTable(clock=clock, metrics=StoreMeter(metrics))
    index = MemoryIndex()
    settings = Settings(token_secret=secrets.token_urlsafe(32), write_port=port)
    client = await ClientAdmin(StoredClients(table), clock).create(WORKSPACE, "admin")
    services = make_write_services(
        settings,
        clock=clock,
        table=table,
        metrics=metrics,
        process_id=secrets.token_hex(8),
        rng=Random(secrets.randbits(64)),
    )
    service = compose(
        settings, services=services, index=index, metrics=metrics, request_id_prefix="memory"
    )
    engines = Engines(table, table.stream, index, clock)
    projectors = Projectors(engines, metrics, "memory")
    following = asyncio.create_task(projectors.run()) if with_indexer else None
    url = f"http://127.0.0.1:{port}"
    server = Server(
        uvicorn.Config(service, port=port, log_config=None, access_log=False, ws="none")
    )
    server.connection = {
        "TWOFOLD_API_URL": f"{url}/graphql",
        "TWOFOLD_AUTH_URL": f"{url}/oauth2/token",
        "TWOFOLD_CLIENT_ID": client.client.id,
        "TWOFOLD_CLIENT_SECRET": client.secret,
        "TWOFOLD_SCOPE": settings.scope,
    }
    worker = Worker(services, "memory")
    working = asyncio.create_task(worker.run())
    await server.serve()
    worker.stop()
    await working
    await services.committer.close()
    if following is None:
        return
    entries, findings = await verify(
        engines, wait_s=VERIFY_WAIT_S, tell=lambda line: print(line, file=sys.stderr)
    )
    tell({"verified": entries, "findings": [str(finding) for finding in findings[:20]]})
    projectors.stop()
    await following


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.memory_tier")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--without-indexer", action="store_true")
    arguments = parser.parse_args()
    configure_logging("warning")
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends on a signal by itself and raises it again afterwards, when we verify.
        signal.signal(number, lambda _number, _frame: None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(arguments.port, not arguments.without_indexer))


if __name__ == "__main__":
    main()
