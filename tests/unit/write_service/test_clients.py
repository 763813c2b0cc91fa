"""API clients: created, listed, rotated, revoked; a secret is printed once and never stored."""

import stat
from pathlib import Path

import orjson
import pytest

from shared.auth import secret_fits
from shared.clock import FixedClock
from shared.errors import RejectionError
from shared.store.clients import StoredClients, client_from_item, client_item
from shared.store.table import TableName
from shared.testing.memory import MemoryTable
from write_service.clients import ClientAdmin, _parser, run


class Rig:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.table = MemoryTable(clock=self.clock)
        self.clients = StoredClients(self.table)
        self.admin = ClientAdmin(self.clients, self.clock)

    async def command(self, *words: str) -> str:
        return await run(_parser().parse_args(list(words)), self.admin)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_new_client_is_found_with_its_workspace(rig: Rig) -> None:
    issued = await rig.admin.create("acme", "reader", "reports")
    found = await rig.clients.find(issued.client.id)
    assert found == issued.client
    assert (found.workspace_id, found.role, found.name) == ("acme", "reader", "reports")
    assert secret_fits(found, issued.secret)
    workspace = await rig.clients.workspace("acme")
    assert workspace is not None
    assert workspace.name == "acme"


async def test_a_secret_is_never_stored(rig: Rig) -> None:
    issued = await rig.admin.create("acme", "admin")
    rotated = await rig.admin.rotate(issued.client.id)
    stored = str(rig.table.dump(TableName.LEDGER))
    assert issued.client.id in stored
    assert issued.secret not in stored
    assert rotated.secret not in stored


async def test_ids_and_secrets_are_random_and_plain(rig: Rig) -> None:
    issued = [await rig.admin.create("acme", "admin") for _ in range(20)]
    assert len({each.client.id for each in issued}) == 20
    assert len({each.secret for each in issued}) == 20
    assert all(len(each.secret) == 43 for each in issued)
    assert not any(set("/#:%+ ") & set(each.client.id + each.secret) for each in issued)


async def test_a_workspaces_clients_are_listed_and_no_others(rig: Rig) -> None:
    ours = {(await rig.admin.create("acme", "admin")).client.id for _ in range(3)}
    await rig.admin.create("other", "admin")
    assert {client.id for client in await rig.admin.list("acme")} == ours
    assert await rig.admin.list("nobody") == []


async def test_lists_go_over_pages(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.store.clients.CLIENTS_PER_PAGE", 2)
    ids = sorted([(await rig.admin.create("acme", "admin")).client.id for _ in range(5)])
    assert [client.id for client in await rig.admin.list("acme")] == ids


async def test_a_rotated_client_has_a_new_secret_of_the_next_generation(rig: Rig) -> None:
    issued = await rig.admin.create("acme", "admin")
    rotated = await rig.admin.rotate(issued.client.id)
    found = await rig.clients.find(issued.client.id)
    assert found is not None
    assert (found.generation, found.revision) == (2, 2)
    assert secret_fits(found, rotated.secret)
    assert not secret_fits(found, issued.secret)


async def test_a_client_is_revoked_once(rig: Rig) -> None:
    issued = await rig.admin.create("acme", "admin")
    first = await rig.admin.revoke(issued.client.id)
    rig.clock.advance(1000)
    second = await rig.admin.revoke(issued.client.id)
    assert first.revoked_ms == second.revoked_ms is not None


async def test_a_change_over_a_newer_one_is_refused(rig: Rig) -> None:
    issued = await rig.admin.create("acme", "admin")
    assert await rig.clients.change(issued.client)
    assert not await rig.clients.change(issued.client)


async def test_a_client_that_does_not_exist_is_told(rig: Rig) -> None:
    for command in ("rotate", "revoke"):
        with pytest.raises(RejectionError, match="There is no API client 'nobody'"):
            await rig.command(command, "nobody")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a#b", "x" * 65])
async def test_a_workspaces_name_is_plain(rig: Rig, name: str) -> None:
    with pytest.raises(RejectionError, match="A workspace's name"):
        await rig.command("create", "--workspace", name)


@pytest.mark.parametrize("client_id", ["", "x" * 129, "é"])
async def test_an_id_that_none_can_have_is_not_looked_up(rig: Rig, client_id: str) -> None:
    assert await rig.clients.find(client_id) is None


async def test_items_of_clients_make_the_round_trip(rig: Rig) -> None:
    issued = await rig.admin.create("acme", "admin", "a name")
    assert client_from_item(client_item(issued.client)) == issued.client


# --- The command line -----------------------------------------------------------------------------
async def test_create_prints_the_secret_and_list_does_not(rig: Rig) -> None:
    created = orjson.loads(await rig.command("create", "--role", "reader", "--json"))
    assert set(created) == {
        "client_id",
        "client_secret",
        "workspace",
        "name",
        "role",
        "revoked",
        "generation",
    }
    assert (created["workspace"], created["role"]) == ("default", "reader")
    listed = await rig.command("list", "--json")
    assert created["client_secret"] not in listed
    assert [each["client_id"] for each in orjson.loads(listed)] == [created["client_id"]]


async def test_without_json_people_can_read_it(rig: Rig) -> None:
    assert await rig.command("list") == "No API client in default."
    printed = await rig.command("create")
    assert "client_secret  " in printed
    assert printed.count("\n") == 6


async def test_bootstrap_makes_one_client_and_keeps_printing_it(rig: Rig, tmp_path: Path) -> None:
    state = tmp_path / "run" / "client.json"
    words = ("bootstrap", "--state", str(state), "--json")
    first = orjson.loads(await rig.command(*words))
    assert orjson.loads(await rig.command(*words)) == first
    assert len(await rig.admin.list("default")) == 1
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    found = await rig.clients.find(first["client_id"])
    assert secret_fits(found, first["client_secret"])


async def test_bootstrap_makes_a_new_client_when_the_store_does_not_know_the_old(
    rig: Rig, tmp_path: Path
) -> None:
    state = tmp_path / "client.json"
    words = ("bootstrap", "--state", str(state), "--json")
    first = orjson.loads(await rig.command(*words))
    elsewhere = orjson.loads(await Rig().command(*words))
    assert elsewhere["client_id"] != first["client_id"]
    assert orjson.loads(state.read_bytes()) == elsewhere


async def test_bootstrap_makes_a_new_client_when_the_old_one_was_revoked(
    rig: Rig, tmp_path: Path
) -> None:
    words = ("bootstrap", "--state", str(tmp_path / "client.json"), "--json")
    first = orjson.loads(await rig.command(*words))
    await rig.command("revoke", first["client_id"])
    assert orjson.loads(await rig.command(*words))["client_id"] != first["client_id"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"client_id": "a"}'])
async def test_bootstrap_leaves_a_file_alone_that_is_not_its_own(
    rig: Rig, tmp_path: Path, text: str
) -> None:
    state = tmp_path / "client.json"
    state.write_text(text)
    with pytest.raises(RejectionError, match="is not a state file"):
        await rig.command("bootstrap", "--state", str(state))
    assert state.read_text() == text
    assert await rig.admin.list("default") == []
