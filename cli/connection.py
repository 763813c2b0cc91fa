"""How to reach a Twofold: from flags, else the environment, else what `make run` has written.

--api-url        TWOFOLD_API_URL        the GraphQL endpoint
--auth-url       TWOFOLD_AUTH_URL       the token endpoint
--client-id      TWOFOLD_CLIENT_ID
--client-secret  TWOFOLD_CLIENT_SECRET
--scope          TWOFOLD_SCOPE
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields

from cli.failures import CommandFailure

PREFIX = "TWOFOLD_"
HOME_VARIABLE = "TWOFOLD_HOME"
HOME_DEFAULT = ".twofold"
WRITTEN_FILE = "dev.env"


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client must be told. Field `x_y` is `--x-y` and `TWOFOLD_X_Y`."""

    api_url: str
    auth_url: str
    client_id: str
    client_secret: str
    scope: str


NAMES = tuple([field.name for field in fields(Connection)])


def variable_of(name: str) -> str:
    """The variable of a field."""
    return PREFIX + name.upper()


def parse_written(text: str) -> dict[str, str]:
    """The variables of a `dev.env`: lines that a shell can source."""
    values = {}
    for line in text.splitlines():
        name, equals, quoted = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            values[name] = "".join(shlex.split(quoted))
    return values


def choose_connection(
    flags: Mapping[str, str | None], variables: Mapping[str, str], written: Mapping[str, str]
) -> Connection:
    """The connection; CommandFailure that names what nothing says. An empty value says nothing."""
    found = {}
    missing = []
    for name in NAMES:
        variable = variable_of(name)
        value = flags.get(name) or variables.get(variable) or written.get(variable)
        if value:
            found[name] = value
        else:
            missing.append(f"--{name.replace('_', '-')} ({variable})")
    if missing:
        place = f"{HOME_DEFAULT}/{WRITTEN_FILE}"
        raise CommandFailure(
            f"nothing says {', '.join(missing)}: give the flag, set the variable, "
            f"or run where `make run` has written {place}"
        )
    return Connection(**found)
