"""Waiting for migrations: in this process by doing the work, through the API by asking."""

import asyncio
import time
from itertools import count
from typing import Any

from write_service.posting import WriteServices
from write_service.work import Worker

MIGRATED_S_MAX = 30.0
STATUSES = """query statuses($key: SafeString!) {
  schema(schema: {key: $key}) { version { migrations { nodes { status ledger { ik } } } } }
}"""
_WORKERS = count(1)


async def migrate(services: WriteServices) -> None:
    """Does all work that is due, as the worker of a write process of its own would."""
    await Worker(services, f"test-worker-{next(_WORKERS)}").drain()


async def await_migrated(client: Any, schema_key: str) -> dict[str, str]:
    """Asks through the official client until every ledger's migration to the newest version of the
    Schema has ended; gives the statuses by the ledgers' iks.
    """
    deadline = time.monotonic() + MIGRATED_S_MAX
    while True:
        answer = await client.execute(query=STATUSES, variables={"key": schema_key})
        nodes = client.get_data(answer)["schema"]["version"]["migrations"]["nodes"]
        statuses = {node["ledger"]["ik"]: node["status"] for node in nodes}
        if not {"queued", "started"} & set(statuses.values()):
            return statuses
        assert time.monotonic() < deadline, f"migrations go on for {MIGRATED_S_MAX} s: {statuses}"
        await asyncio.sleep(0.05)
