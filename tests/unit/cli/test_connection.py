"""Where the connection comes from: flags, else variables, else the file of `make run`."""

import pytest

from cli.connection import Connection, choose_connection, parse_written
from cli.failures import CommandFailure

WRITTEN = """# made by make run
export TWOFOLD_API_URL='http://written/graphql'
TWOFOLD_AUTH_URL=http://written/oauth2/token
TWOFOLD_CLIENT_ID=written
TWOFOLD_CLIENT_SECRET='a secret'
TWOFOLD_SCOPE=
"""


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file() -> None:
    variables = {"TWOFOLD_CLIENT_ID": "variable", "TWOFOLD_SCOPE": "variable"}
    flags = {"scope": "flag", "client_id": None}
    assert choose_connection(flags, variables, parse_written(WRITTEN)) == Connection(
        api_url="http://written/graphql",
        auth_url="http://written/oauth2/token",
        client_id="variable",
        client_secret="a secret",
        scope="flag",
    )


def test_all_that_nothing_says_is_named() -> None:
    with pytest.raises(CommandFailure) as caught:
        choose_connection({}, {"TWOFOLD_API_URL": ""}, parse_written(WRITTEN))
    assert str(caught.value).startswith("nothing says --scope (TWOFOLD_SCOPE): ")
    with pytest.raises(CommandFailure, match=r"--api-url .*--client-secret"):
        choose_connection({}, {}, {})
