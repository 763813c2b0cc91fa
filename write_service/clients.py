"""API clients from the command line: python -m write_service.clients COMMAND.

    create     a new client; its secret is printed once and kept nowhere
    list       clients of a workspace
    rotate     a new secret: the old one and the tokens that it got stop working within a minute
    revoke     the client and its tokens stop working within a minute
    bootstrap  one client for development, made once; --state names the file that keeps its secret

To change a secret without a gap, create a second client, move over to it, revoke the first.
"""

import argparse
import asyncio
import os
import re
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from shared.auth import ROLES, ApiClient, Role, secret_digest, secret_fits
from shared.clock import Clock, SystemClock
from shared.errors import RejectionError, TwofoldError
from shared.ledger.ledgers import Workspace
from shared.ledger.rejections import reject
from shared.limits import CLIENT_CHANGES_TRIED_MAX
from shared.settings import load_settings
from shared.store.clients import StoredClients
from shared.store.dynamo import open_table

DEFAULT_WORKSPACE = "default"

_WORKSPACE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Issued:
    """A client with its secret, which is known only now."""

    client: ApiClient
    secret: str


def _fail(detail: str) -> RejectionError:
    """What was asked for can't be done: raise it."""
    return RejectionError(reject("bad_request", detail=detail))


class ClientAdmin:
    """What the commands do."""

    def __init__(self, clients: StoredClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def create(self, workspace_id: str, role: Role, name: str = "") -> Issued:
        """A new client, in a workspace that is made if there is none of that name."""
        await self._clients.add_workspace(Workspace(workspace_id, workspace_id))
        secret = _new_secret()
        client = ApiClient(
            id=secrets.token_hex(16),
            workspace_id=workspace_id,
            name=name,
            role=role,
            secret_digest=secret_digest(secret),
            created_ms=self._clock.now_ms(),
        )
        await self._clients.add(client, token=secrets.token_hex(16))
        return Issued(client, secret)

    async def list(self, workspace_id: str) -> list[ApiClient]:
        """Every client of the workspace."""
        return await self._clients.of_workspace(workspace_id)

    async def rotate(self, client_id: str) -> Issued:
        """The client with a new secret."""
        secret = _new_secret()
        client = await self._change(
            client_id,
            lambda held: replace(
                held, secret_digest=secret_digest(secret), generation=held.generation + 1
            ),
        )
        return Issued(client, secret)

    async def revoke(self, client_id: str) -> ApiClient:
        """The client, revoked now or before."""
        now_ms = self._clock.now_ms()
        return await self._change(
            client_id, lambda held: replace(held, revoked_ms=held.revoked_ms or now_ms)
        )

    async def bootstrap(self, state: Path, workspace_id: str, role: Role) -> Issued:
        """The client that `state` names; made, and written there, if the store doesn't know it."""
        kept = _read_state(state)
        if kept is not None:
            client = await self._clients.find(kept["client_id"])
            is_live = client is not None and client.revoked_ms is None
            if is_live and secret_fits(client, kept["client_secret"]):
                assert client is not None
                return Issued(client, kept["client_secret"])
        issued = await self.create(workspace_id, role, "development")
        _write_state(state, issued)
        return issued

    async def _change(self, client_id: str, change: Any) -> ApiClient:
        for _ in range(CLIENT_CHANGES_TRIED_MAX):
            held = await self._clients.find(client_id)
            if held is None:
                raise _fail(f"There is no API client {client_id!r}.")
            changed: ApiClient = change(held)
            if await self._clients.change(changed):
                return changed
        raise _fail(f"The API client {client_id} is being changed by somebody else.")


def _new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


# --- The state file of bootstrap ------------------------------------------------------------------
def _read_state(state: Path) -> dict[str, str] | None:
    try:
        kept = orjson.loads(state.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise _fail(f"{state} is not a state file: {error}.") from error
    if not isinstance(kept, dict) or not {"client_id", "client_secret"} <= kept.keys():
        raise _fail(f"{state} is not a state file.")
    return kept


def _write_state(state: Path, issued: Issued) -> None:
    """Only its owner may read it; it replaces what stood there in one step."""
    state.parent.mkdir(parents=True, exist_ok=True)
    draft = state.with_name(f"{state.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(_issued_json(issued), option=orjson.OPT_INDENT_2))
    draft.replace(state)


# --- What is printed ------------------------------------------------------------------------------
def _client_json(client: ApiClient) -> dict[str, Any]:
    return {
        "client_id": client.id,
        "workspace": client.workspace_id,
        "name": client.name,
        "role": client.role,
        "revoked": client.revoked_ms is not None,
        "generation": client.generation,
    }


def _issued_json(issued: Issued) -> dict[str, Any]:
    return _client_json(issued.client) | {"client_secret": issued.secret}


def _printed(values: dict[str, Any]) -> str:
    width = max(len(name) for name in values)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in values.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m write_service.clients", description="Manage API clients."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--json", action="store_true", help="print JSON")
        return made

    def in_workspace(made: argparse.ArgumentParser) -> None:
        made.add_argument("--workspace", default=DEFAULT_WORKSPACE, metavar="NAME")

    create = command("create", "Create an API client and print its secret, once.")
    in_workspace(create)
    create.add_argument("--role", choices=ROLES, default="admin")
    create.add_argument("--name", default="", help="what people call it")
    in_workspace(command("list", "List the API clients of a workspace."))
    for name, text in (
        ("rotate", "Give a client a new secret; the old one stops working."),
        ("revoke", "Revoke a client; its tokens stop working within a minute."),
    ):
        command(name, text).add_argument("client_id")
    bootstrap = command("bootstrap", "Create a client for development once, then print it again.")
    in_workspace(bootstrap)
    bootstrap.add_argument("--role", choices=ROLES, default="admin")
    bootstrap.add_argument("--state", type=Path, required=True, help="file that keeps the secret")
    return parser


async def run(arguments: argparse.Namespace, admin: ClientAdmin) -> str:
    """Carries out one command; the text to print."""
    workspace = getattr(arguments, "workspace", DEFAULT_WORKSPACE)
    if not _WORKSPACE.fullmatch(workspace):
        raise _fail("A workspace's name has 1 to 64 letters, digits, - and _.")
    values: dict[str, Any] | list[dict[str, Any]]
    match arguments.command:
        case "create":
            issued = await admin.create(workspace, arguments.role, arguments.name)
            values = _issued_json(issued)
        case "list":
            values = [_client_json(client) for client in await admin.list(workspace)]
        case "rotate":
            values = _issued_json(await admin.rotate(arguments.client_id))
        case "revoke":
            values = _client_json(await admin.revoke(arguments.client_id))
        case _:
            issued = await admin.bootstrap(arguments.state, workspace, arguments.role)
            values = _issued_json(issued)
    if arguments.json:
        return orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()
    if isinstance(values, list):
        return "\n\n".join(map(_printed, values)) or f"No API client in {workspace}."
    return _printed(values)


async def main_async(argv: Sequence[str]) -> int:
    """The exit status of one command against the table that the settings name."""
    arguments = _parser().parse_args(argv)
    clock = SystemClock()
    try:
        async with open_table(load_settings(), clock=clock) as table:
            print(await run(arguments, ClientAdmin(StoredClients(table), clock)))
    except TwofoldError as error:
        print(f"clients: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """Entry point."""
    sys.exit(asyncio.run(main_async(sys.argv[1:])))


if __name__ == "__main__":
    main()
