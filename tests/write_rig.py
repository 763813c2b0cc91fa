"""The write tier's services on any table, with the guide's quickstart ledger: for tests below
HTTP."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shared.clock import Clock
from shared.errors import StoreError
from shared.ledger.ledgers import Ledger, SchemaHead
from shared.store.catalog import Catalog
from shared.store.table import Table
from write_service.committer import Committer
from write_service.ledgers import CreateLedger, create_ledger
from write_service.plans import Outcome
from write_service.posting import WriteServices
from write_service.prefetch import Prefetcher
from write_service.schemas import store_schema

WORKSPACE = "workspace"
LEDGER_IK = "quickstart-ledger"
SCHEMA_KEY = "quickstart-schema"
QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart_schema.json"


class SilentRecorder:
    """Records nothing."""

    def batch_committed(self, members: int, items: int, ms: float) -> None: ...

    def batch_retried(self, contended: bool) -> None: ...

    def queue_depth(self, members: int) -> None: ...

    def member_ended(self, outcome: Outcome | StoreError) -> None: ...


def write_services(
    table: Table,
    clock: Clock,
    tokens: Iterator[int],
    *,
    jitter: Callable[[], float] = lambda: 0.5,
    process: str = "p",
) -> WriteServices:
    """What a write process holds; make it inside the running loop."""
    catalog = Catalog(table, clock)

    def new_token() -> str:
        return f"{process}-{next(tokens)}"

    committer = Committer(
        table,
        catalog,
        clock,
        SilentRecorder(),
        new_token=new_token,
        jitter=jitter,
        in_flight_max=2,
    )
    prefetcher = Prefetcher(table, catalog)
    return WriteServices(table, catalog, clock, prefetcher, committer, new_token)


async def open_quickstart(
    services: WriteServices,
    *,
    ik: str = LEDGER_IK,
    utc_offset_minutes: int = 0,
    strong_groups: tuple[str, ...] = (),
    document: dict[str, Any] | None = None,
) -> Ledger:
    """Stores the quickstart Schema, or one with its key and its users, and creates a ledger on it;
    users' accounts are strong within the groups of these keys."""
    document = document or json.loads(QUICKSTART.read_text())
    users = document["chartOfAccounts"]["accounts"][1]["children"][0]
    users["consistencyConfig"]["groups"] = [
        {"key": key, "ownBalanceUpdates": "strong"} for key in strong_groups
    ]
    head = await store_schema(services, WORKSPACE, document)
    assert isinstance(head, SchemaHead), head
    command = CreateLedger(WORKSPACE, ik, "Quickstart", utc_offset_minutes, SCHEMA_KEY, None)
    created = await create_ledger(services, command)
    assert isinstance(created, tuple), created
    return created[0]
