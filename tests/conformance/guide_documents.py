"""The documents that the product's guide prints, and how a test runs them.

`guide/<section>/` holds each operation of that section as `<sub-section>_<operation>.graphql`,
beside it the variables by a name each, and `schema.json`: the section's example Schemas in one. The
iks and keys that the guide uses belong to every reader of it, so a section's test runs with iks and
keys of its own: they are put in before the question and taken out of the answer.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from loadtests.common.api import Api
from loadtests.common.connection import Connection

FOLDER = Path(__file__).with_name("guide")
LEDGERS = frozenset(
    {"quickstart-ledger", "ledger-ik", "ik-used-to-create-ledger", "multi-currency-ledger"}
)
NAMES = LEDGERS | {"quickstart-schema", "schema-key", "linked-ledger-account-schema", "blue-gems"}
CATCH_UP_S = 20.0

STORE = """mutation store($schema: SchemaInput!) {
  storeSchema(schema: $schema) {
    ... on StoreSchemaResult { schema { key } } ... on Error { code message }
  }
}"""
CREATE = """mutation make($ik: SafeString!, $ledger: CreateLedgerInput!, $key: SafeString!) {
  createLedger(ik: $ik, ledger: $ledger, schema: {key: $key}) {
    ... on CreateLedgerResult { ledger { id } } ... on Error { code message }
  }
}"""
POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    ... on AddLedgerEntryResult { entry { id ik created posted } lines { id } }
    ... on Error { code message }
  }
}"""


class Guide:
    """One section of the guide, with names of its own in the tests' workspace."""

    def __init__(self, connection: Connection, section: str) -> None:
        self.api = Api(connection)
        self.folder = FOLDER / section
        ending = uuid4().hex[:10]
        self._own = {name: f"{name}-{ending}" for name in NAMES}
        self._printed = {own: name for name, own in self._own.items()}

    def call(self, printed: str, own: str) -> None:
        """Puts an id that the service gave for one that the guide prints, and back."""
        self._own[printed] = own
        self._printed[own] = printed

    def own(self, value: Any) -> Any:
        """`value` with the test's own names for the guide's."""
        return _mapped(value, self._own)

    def variables(self, name: str, named: str, **filled: Any) -> dict[str, Any]:
        """A document's variables; `filled` adds what the guide leaves open or gives it anew."""
        sets = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        variables: dict[str, Any] = {**sets[named], **filled}
        return variables

    def body(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer's whole body: `data`, `errors` or both."""
        document = (self.folder / f"{name}.graphql").read_text(encoding="utf-8")
        answer = httpx.post(
            self.api.connection.api_url,
            json={"query": document, "variables": self.own(variables)},
            headers={"Authorization": f"Bearer {self.api.token()}"},
            timeout=60.0,
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        body: dict[str, Any] = _mapped(answer.json(), self._printed)
        return body

    def run(self, name: str, named: str, **filled: Any) -> dict[str, Any]:
        """`data` of a document that answers without an error."""
        body = self.body(name, self.variables(name, named, **filled))
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def refusal(self, name: str, named: str, **filled: Any) -> str:
        """The code that all of a document's GraphQL errors have."""
        body = self.body(name, self.variables(name, named, **filled))
        codes: set[str] = {error["extensions"]["code"] for error in body["errors"]}
        assert len(codes) == 1, body["errors"]
        return codes.pop()

    def schema(self, name: str = "schema") -> dict[str, Any]:
        """A Schema document of the section."""
        found: dict[str, Any] = json.loads(
            (self.folder / f"{name}.json").read_text(encoding="utf-8")
        )
        return found

    def make_ledger(self, ik: str, schema: str = "schema", **more: Any) -> None:
        """A ledger of one of the section's Schemas; each Schema gets a key of its own."""
        document = self.own(self.schema(schema))
        if schema != "schema":
            document["key"] += f"-{schema}"
        self.api.mutate(STORE, {"schema": document})
        ledger = {"name": "Guide", **more}
        self.api.mutate(CREATE, {"ik": self.own(ik), "ledger": ledger, "key": document["key"]})

    def post(
        self,
        ledger: str,
        ik: str,
        kind: str,
        posted: str,
        parameters: dict[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """Posts an entry of a type; gives its id, ik, times, and its lines' ids."""
        entry = {"ledger": {"ik": ledger}, "type": kind, "posted": posted, **more}
        if parameters is not None:
            entry["parameters"] = parameters
        result = self.api.mutate(POST, self.own({"ik": ik, "entry": entry}))
        return {**result["entry"], "lines": [line["id"] for line in result["lines"]]}


def _mapped(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def eventually(read: Callable[[], Any], wanted: Any) -> None:
    """Reads until it is what is wanted; lists and balances follow the posts a moment behind."""
    deadline = time.monotonic() + CATCH_UP_S
    found = read()
    while found != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
        found = read()
    assert found == wanted
