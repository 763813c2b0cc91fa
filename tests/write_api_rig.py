"""The write service in this process on the in-memory twins, asked over ASGI as a client would."""

import json
from itertools import count
from random import Random
from typing import Any, cast

import httpx

from shared.auth import Role
from shared.observe import Metrics
from shared.search.index import Index
from shared.store.table import Table, TableName
from shared.testing.memory import MemoryTable
from tests.migrating import migrate
from tests.read_rig import Answer, ReadRig
from tests.write_rig import LEDGER_IK, QUICKSTART, SCHEMA_KEY
from write_service.app import compose, make_write_services

ADD = """mutation add($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    __typename
    ... on AddLedgerEntryResult {
      isIkReplay
      entry {
        id ik type typeVersion posted created description parameters
        tags { key value } groups { key value }
        conditions { account { path } postcondition { ownBalance { gte } } }
      }
      lines { id key amount type description currency { code } account { path } tags { key value } }
    }
    ... on Error { code message retryable }
  }
}"""
ADD_ALL = """mutation addAll($entries: [AddLedgerEntryInput!]!) {
  addLedgerEntries(entries: $entries) {
    __typename
    ... on AddLedgerEntriesResult { results { isIkReplay entry { id ik } lines { amount } } }
    ... on AddLedgerEntriesError { code message retryable errors { ik code message retryable } }
    ... on BadRequestError { code message retryable }
  }
}"""
STORE = """mutation store($schema: SchemaInput!) {
  storeSchema(schema: $schema) {
    __typename
    ... on StoreSchemaResult { schema { key name version { version } } }
    ... on Error { code message retryable }
  }
}"""
CREATE = """
mutation create($ik: SafeString!, $ledger: CreateLedgerInput!, $schema: SchemaMatchInput) {
  createLedger(ik: $ik, ledger: $ledger, schema: $schema) {
    __typename
    ... on CreateLedgerResult { isIkReplay ledger { id ik name balanceUTCOffset schema { key } } }
    ... on Error { code message retryable }
  }
}"""
BALANCE = """query balance($path: String!, $ik: SafeString!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ik}}) {
    ownBalance(consistencyMode: strong)
  }
}"""


class WriteRig(ReadRig):
    """Restarts forget everything but the table."""

    role: Role = "admin"
    processes = count(1)  # a process's tokens are its own, also after a restart

    def restart(self) -> None:
        metrics = Metrics()
        self.services = make_write_services(
            self.settings,
            clock=self.clock,
            table=cast(Table, self.table),
            metrics=metrics,
            process_id=f"test-{next(self.processes)}",
            rng=Random(1),
        )
        self.service = compose(
            self.settings,
            services=self.services,
            index=cast(Index, self.index),
            metrics=metrics,
            request_id_prefix="test",
        )
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service), base_url="http://test"
        )

    async def quickstart(self) -> None:
        """The guide's Schema and a ledger on it."""
        await self.store(json.loads(QUICKSTART.read_text()))
        await self.create(LEDGER_IK, SCHEMA_KEY)

    async def store(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Stores a Schema, which must be accepted, and moves its ledgers to it."""
        result = (await self.ask(STORE, schema=schema)).data["storeSchema"]
        assert result["__typename"] == "StoreSchemaResult", result
        await migrate(self.services)
        return dict(result["schema"])

    async def create(self, ik: str, schema_key: str, offset_minutes: int = 0) -> dict[str, Any]:
        """Creates a ledger, which must be accepted."""
        hours, minutes = divmod(abs(offset_minutes), 60)
        offset = f"{'-' if offset_minutes < 0 else '+'}{hours:02d}:{minutes:02d}"
        ledger = {"name": ik, "balanceUTCOffset": offset}
        asked = {"ik": ik, "ledger": ledger, "schema": {"key": schema_key}}
        result = (await self.ask(CREATE, **asked)).data["createLedger"]
        assert result["__typename"] == "CreateLedgerResult", result
        return dict(result["ledger"])

    async def add(self, ik: str, **entry: Any) -> dict[str, Any]:
        """The answer to one addLedgerEntry on the quickstart ledger (unless `ledger` is given)."""
        body = {"ledger": {"ik": LEDGER_IK}, **entry}
        return dict((await self.ask(ADD, ik=ik, entry=body)).data["addLedgerEntry"])

    async def fund(self, ik: str, user: str, amount: str, **more: Any) -> dict[str, Any]:
        """`add` of the type user_funds_account."""
        parameters = {"user_id": user, "funding_amount": amount}
        return await self.add(ik, type="user_funds_account", parameters=parameters, **more)

    async def pay(self, ik: str, source: str, to: str, amount: str, **more: Any) -> dict[str, Any]:
        """`add` of the type p2p_transfer."""
        parameters = {"from_user_id": source, "to_user_id": to, "transfer_amount": amount}
        return await self.add(ik, type="p2p_transfer", parameters=parameters, **more)

    async def strong(self, path: str, ik: str = LEDGER_IK) -> int:
        """The strong own balance."""
        answer: Answer = await self.ask(BALANCE, path=path, ik=ik)
        return int(answer.data["ledgerAccount"]["ownBalance"])

    def stored(self) -> int:
        """How many items both tables hold."""
        memory = self.table._table
        assert isinstance(memory, MemoryTable)
        return sum(len(memory.dump(name)) for name in TableName)
