"""Operations of the official Node client against the services; node/operations.mjs holds them."""

import json
import re
from pathlib import Path

import pytest

from infra.conformance import node_tests
from loadtests.common.system import System
from tests.conformance import node_client
from tests.conformance.conftest import SCHEMA_FILE

pytestmark = pytest.mark.engines

OPERATIONS = list(node_tests())
SHIPPED_COUNT = 33


@pytest.fixture(scope="module")
def failures(system: System, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Each operation's failure, None for those that passed; all run once, in their order."""
    connection = system.connection
    client = {
        "clientId": connection.client_id,
        "clientSecret": connection.client_secret,
        "scope": connection.scope,
        "authUrl": connection.auth_url,
        "apiUrl": connection.api_url,
    }
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return node_client.run(tmp_path_factory.mktemp("node"), client, schema)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_answers_what_the_books_say(
    failures: dict[str, str | None], name: str
) -> None:
    assert failures[name] is None, failures[name]


def test_every_operation_that_the_client_ships_is_run() -> None:
    modules = node_client.packages(*node_client.programs())
    generated = modules / "@fragment-dev" / "node-client" / "dist" / "esm" / "generated"
    text = Path(generated / "generated.js").read_text(encoding="utf-8")
    shipped = re.findall(r"Document = gql `\s*(?:query|mutation) (\w+)", text)
    assert len(shipped) == SHIPPED_COUNT
    assert set(shipped) == set(OPERATIONS)


def test_the_lock_names_no_registry_and_pins_every_package() -> None:
    lock = json.loads((node_client.FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages["node_modules/@fragment-dev/node-client"]["version"] == "1.4.0"
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert package["integrity"].startswith("sha512-"), name
