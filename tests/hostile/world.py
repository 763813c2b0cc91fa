"""Two workspaces, each with a ledger, entries and an account; tokens good and forged."""

import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt

from loadtests.common.api import Api
from loadtests.common.connection import Connection
from loadtests.common.system import System
from tests.hostile.cases import World

SCHEMA_FILE = Path(__file__).with_name("schema.json")
CATCH_UP_S = 30.0
IKS = ("one", "two", "three", "four", "five")
ANN = "liabilities/users:ann/available"

STORE = """mutation store($schema: SchemaInput!) {
  storeSchema(schema: $schema) { __typename ... on Error { code message } }
}"""
CREATE = """mutation create($ik: SafeString!, $key: SafeString!) {
  createLedger(ik: $ik, ledger: {name: "Hostile"}, schema: {key: $key}) {
    __typename
    ... on CreateLedgerResult { ledger { id } }
    ... on Error { code message }
  }
}"""
CREATE_PLAIN = """mutation plain($ik: SafeString!) {
  createLedger(ik: $ik, ledger: {name: "Plain"}) { __typename ... on Error { code message } }
}"""
ACCOUNTS = """mutation accounts($ik: SafeString!) {
  createLedgerAccounts(ledger: {ik: $ik}, ledgerAccounts: [
    {ik: "vault", name: "Vault", type: asset, currencyMode: multi}
    {ik: "wallet", name: "Wallet", type: liability, consistencyConfig: {ownBalanceUpdates: strong}}
  ]) { __typename ... on Error { code message } }
}"""
POST = """mutation post($ik: SafeString!, $ledger: SafeString!, $type: String!, $parameters: JSON) {
  addLedgerEntry(ik: $ik, entry: {ledger: {ik: $ledger}, type: $type, parameters: $parameters}) {
    __typename
    ... on AddLedgerEntryResult { entry { id } lines { id accountId } }
    ... on Error { code message }
  }
}"""
LIST = """query list($ledger: SafeString!, $filter: LedgerEntriesFilterSet, $account: ID!) {
  ledger(ledger: {ik: $ledger}) {
    all: ledgerEntries(first: 2) { nodes { ik } pageInfo { endCursor } }
    some: ledgerEntries(first: 2, filter: $filter) { nodes { ik } pageInfo { endCursor } }
    whole: ledgerEntries { nodes { ik } }
    ledgerAccounts { nodes { path } }
  }
  ledgerAccount(ledgerAccount: {id: $account}) {
    ownBalance
    lines(first: 2) { nodes { id } pageInfo { endCursor } }
  }
}"""


@dataclass(frozen=True, slots=True)
class Side:
    """One workspace's part of the world."""

    token: str
    client_id: str
    client_secret: str
    ledger_ik: str
    plain_ik: str
    ledger_id: str
    account_id: str
    entry_id: str
    line_id: str
    cursor: str
    line_cursor: str
    filtered_cursor: str


def new_client(system: System, workspace: str, role: str) -> Connection:
    """An API client of a workspace, which is made with it if need be."""
    said = system.run_module(
        "write_service.clients", "create", "--workspace", workspace, "--role", role, "--json"
    )
    made = json.loads(said)
    known = system.connection
    return Connection(
        known.api_url, known.auth_url, made["client_id"], made["client_secret"], known.scope
    )


def make_side(connection: Connection, schema_key: str) -> Side:
    """Fills a workspace and waits until all of it is indexed."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) | {"key": schema_key}
    ledger_ik = f"hostile-{uuid4().hex[:8]}"
    with Api(connection) as api:
        api.mutate(STORE, {"schema": schema})
        created = api.mutate(CREATE, {"ik": ledger_ik, "key": schema_key})
        api.mutate(CREATE_PLAIN, {"ik": f"plain-{ledger_ik}"})
        api.mutate(ACCOUNTS, {"ik": f"plain-{ledger_ik}"})
        posted: list[dict[str, Any]] = []
        for ik in IKS:
            parameters = {"user": "ann", "amount": "1000"}
            variables = {"ik": ik, "ledger": ledger_ik, "type": "deposit", "parameters": parameters}
            posted.append(api.mutate(POST, variables))
        line = posted[0]["lines"][1]
        found = _indexed(api, ledger_ik, line["accountId"])
        return Side(
            token=api.token(),
            client_id=connection.client_id,
            client_secret=connection.client_secret,
            ledger_ik=ledger_ik,
            plain_ik=f"plain-{ledger_ik}",
            ledger_id=created["ledger"]["id"],
            account_id=line["accountId"],
            entry_id=posted[0]["entry"]["id"],
            line_id=line["id"],
            cursor=found["ledger"]["all"]["pageInfo"]["endCursor"],
            line_cursor=found["ledgerAccount"]["lines"]["pageInfo"]["endCursor"],
            filtered_cursor=found["ledger"]["some"]["pageInfo"]["endCursor"],
        )


def _indexed(api: Api, ledger_ik: str, account_id: str) -> dict[str, Any]:
    """What the lists say once they say all of it, and the balance too."""
    deadline = time.monotonic() + CATCH_UP_S
    variables = {
        "ledger": ledger_ik,
        "account": account_id,
        "filter": {"type": {"equalTo": "deposit"}},
    }
    while True:
        found = api.execute(LIST, variables)
        whole = found["ledger"]["whole"]["nodes"]
        account = found["ledgerAccount"]
        is_summed = account["ownBalance"] == "5000"
        paged = (account["lines"], found["ledger"]["all"], found["ledger"]["some"])
        has_more = all(each["pageInfo"]["endCursor"] for each in paged)  # each searched by itself
        if len(whole) == len(IKS) and is_summed and has_more:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def make_world(system: System) -> World:
    """Everything that hostile requests refer to."""
    suffix = uuid4().hex[:8]
    admin = new_client(system, f"one-{suffix}", "admin")
    reader = new_client(system, f"one-{suffix}", "reader")
    stranger = new_client(system, f"two-{suffix}", "admin")
    own = make_side(admin, "hostile")
    foreign = make_side(stranger, f"foreign-{suffix}")
    with Api(reader) as api:
        reader_token = api.token()
        api.execute("{ workspace { id } }", {})  # it may read
    secret = system.environment["TWOFOLD_TOKEN_SECRET"]
    return World(
        token=own.token,
        reader_token=reader_token,
        foreign_token=foreign.token,
        client_id=own.client_id,
        client_secret=own.client_secret,
        scope=admin.scope,
        token_secret=secret,
        ledger_ik=own.ledger_ik,
        plain_ik=own.plain_ik,
        ledger_id=own.ledger_id,
        account_id=own.account_id,
        entry_id=own.entry_id,
        line_id=own.line_id,
        cursor=own.cursor,
        line_cursor=own.line_cursor,
        filtered_cursor=own.filtered_cursor,
        foreign_ledger_ik=foreign.ledger_ik,
        foreign_ledger_id=foreign.ledger_id,
        foreign_account_id=foreign.account_id,
        foreign_entry_id=foreign.entry_id,
        foreign_line_id=foreign.line_id,
        foreign_cursor=foreign.cursor,
        foreign_schema_key=f"foreign-{suffix}",
        forged=forge(own.token, foreign.token, secret),
    )


# --- Tokens ---------------------------------------------------------------------------------------
def _part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def forge(token: str, foreign_token: str, secret: str) -> dict[str, str]:
    """Tokens that are wrong in one way each; some of them signed with the real secret."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    foreign: dict[str, Any] = jwt.decode(foreign_token, options={"verify_signature": False})
    _, payload, signature = token.split(".")
    head = token.split(".", maxsplit=1)[0]

    def signed(changes: dict[str, Any], key: str = secret, algorithm: str = "HS256") -> str:
        return jwt.encode({**claims, **changes}, key, algorithm=algorithm)

    def swapped(changes: dict[str, Any]) -> str:
        return f"{head}.{_part({**claims, **changes})}.{signature}"

    none_head = _part({"alg": "none", "typ": "JWT"})
    loud_head = _part({"alg": "NONE", "typ": "JWT"})
    list_input = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part([1, 2])}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    list_signature = algorithm.sign(list_input.encode(), algorithm.prepare_key(secret))
    return {
        "cut": token[:-5],
        "unsigned": f"{head}.{payload}.",
        "alg_none": f"{none_head}.{payload}.",
        "alg_none_signed": f"{loud_head}.{payload}.{signature}",
        "wrong_key": signed({}, "k" * 64),
        "empty_key": f"{head}.{payload}.{_part('')}",
        "hs512": signed({}, algorithm="HS512") if len(secret) >= 64 else swapped({"exp": 1}),
        "changed_workspace": swapped({"workspace": foreign["workspace"]}),
        "changed_role": swapped({"role": "root"}),
        "expired": signed({"exp": claims["iat"] - 7_200, "iat": claims["iat"] - 10_800}),
        "other_issuer": signed({"iss": "somebody"}),
        "no_client": signed({"sub": "nobody"}),
        "moved_client": signed({"workspace": foreign["workspace"]}),
        "few_claims": jwt.encode({"iss": claims["iss"], "exp": claims["exp"]}, secret, "HS256"),
        "odd_claims": signed({"generation": "first", "exp": "later"}),
        "list_claims": f"{list_input}.{urlsafe_b64encode(list_signature).decode().rstrip('=')}",
    }
