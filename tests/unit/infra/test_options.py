"""What `make run` makes of its environment."""

from pathlib import Path

import pytest

from infra.local.failures import PreconditionError
from infra.local.options import PORTS, read_options


def pick_nothing(count: int) -> list[int]:
    assert count == 0, "no free port may be asked for"
    return []


def pick_from_7001(count: int) -> list[int]:
    return list(range(7001, 7001 + count))


def test_without_settings_the_ports_are_the_documented_ones() -> None:
    options = read_options({}, pick_nothing)
    assert options.ports() == PORTS
    assert options.api_url == "http://127.0.0.1:8000/graphql"
    assert options.auth_url == "http://127.0.0.1:8000/oauth2/token"
    assert options.home.name == ".twofold"


def test_free_ports_are_picked_for_those_that_are_not_set() -> None:
    environment = {"TWOFOLD_PORTS": "free", "TWOFOLD_READ_PORT": "9001"}
    assert read_options(environment, pick_from_7001).ports() == {
        "TWOFOLD_WRITE_PORT": 7001,
        "TWOFOLD_READ_PORT": 9001,
        "TWOFOLD_INDEXER_PORT": 7002,
        "TWOFOLD_DYNAMODB_PORT": 7003,
        "TWOFOLD_ELASTICSEARCH_PORT": 7004,
    }


def test_an_engine_that_is_given_needs_no_port() -> None:
    environment = {
        "TWOFOLD_DYNAMODB_ENDPOINT": "http://db:1",
        "TWOFOLD_ELASTICSEARCH_URL": "http://search:2",
    }
    options = read_options(environment, pick_nothing)
    assert list(options.ports()) == [
        "TWOFOLD_WRITE_PORT",
        "TWOFOLD_READ_PORT",
        "TWOFOLD_INDEXER_PORT",
    ]


def test_the_public_url_is_told_to_clients_without_its_last_slash() -> None:
    options = read_options({"TWOFOLD_PUBLIC_URL": "https://ledger.example/"}, pick_nothing)
    assert options.api_url == "https://ledger.example/graphql"
    assert options.auth_url == "https://ledger.example/oauth2/token"


def test_home_is_made_absolute() -> None:
    options = read_options({"TWOFOLD_HOME": "somewhere"}, pick_nothing)
    assert options.home == Path.cwd() / "somewhere"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "8 0", "٣"])
def test_what_is_no_port_is_refused_by_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(PreconditionError, match="TWOFOLD_WRITE_PORT must be a port"):
        read_options({"TWOFOLD_WRITE_PORT": text}, pick_nothing)


def test_one_port_for_two_servers_is_refused() -> None:
    environment = {"TWOFOLD_WRITE_PORT": "8001"}
    with pytest.raises(PreconditionError, match="TWOFOLD_WRITE_PORT and TWOFOLD_READ_PORT"):
        read_options(environment, pick_nothing)


def test_another_way_to_choose_ports_is_refused() -> None:
    with pytest.raises(PreconditionError, match="TWOFOLD_PORTS must be free or unset, not 'any'"):
        read_options({"TWOFOLD_PORTS": "any"}, pick_nothing)
