"""What `make run` is told: environment -> one frozen RunOptions.

The services read their own settings (`shared.settings`); these are the launcher's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.failures import PreconditionError
from infra.local.processes import LOOPBACK, ROOT, free_ports

# Name of the variable -> the port when nothing is said.
PORTS = {
    "TWOFOLD_WRITE_PORT": 8000,
    "TWOFOLD_READ_PORT": 8001,
    "TWOFOLD_INDEXER_PORT": 8002,
    "TWOFOLD_DYNAMODB_PORT": 8003,
    "TWOFOLD_ELASTICSEARCH_PORT": 9200,
}
PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Where a run keeps its state, its ports, and which engines it need not start."""

    home: Path
    write_port: int
    read_port: int
    indexer_port: int
    dynamodb_port: int
    elasticsearch_port: int
    dynamodb_endpoint: str  # empty: DynamoDB Local is started
    elasticsearch_url: str  # empty: Elasticsearch is started
    public_url: str

    @property
    def api_url(self) -> str:
        """Where clients send GraphQL."""
        return f"{self.public_url}/graphql"

    @property
    def auth_url(self) -> str:
        """Where clients get their token."""
        return f"{self.public_url}/oauth2/token"

    def ports(self) -> dict[str, int]:
        """Variable -> port, for everything that this run starts."""
        ports = {
            "TWOFOLD_WRITE_PORT": self.write_port,
            "TWOFOLD_READ_PORT": self.read_port,
            "TWOFOLD_INDEXER_PORT": self.indexer_port,
        }
        if not self.dynamodb_endpoint:
            ports["TWOFOLD_DYNAMODB_PORT"] = self.dynamodb_port
        if not self.elasticsearch_url:
            ports["TWOFOLD_ELASTICSEARCH_PORT"] = self.elasticsearch_port
        return ports


def parse_port(variable: str, text: str) -> int:
    """A port from 1 to 65535, or a PreconditionError that names the variable."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= PORT_MAX:
        raise PreconditionError(f"{variable} must be a port from 1 to {PORT_MAX}, not {text!r}")
    return int(text)


def choose_ports(
    environment: Mapping[str, str], pick_free: Callable[[int], list[int]]
) -> dict[str, int]:
    """Every port: the one that is set, else a free one (`TWOFOLD_PORTS=free`), else the default."""
    way = environment.get("TWOFOLD_PORTS", "")
    if way not in ("", "free"):
        raise PreconditionError(f"TWOFOLD_PORTS must be free or unset, not {way!r}")
    chosen = {name: parse_port(name, environment[name]) for name in PORTS if environment.get(name)}
    open_names = [name for name in PORTS if name not in chosen]
    if way == "free":
        chosen |= dict(zip(open_names, pick_free(len(open_names)), strict=True))
    else:
        chosen |= {name: PORTS[name] for name in open_names}
    names_by_port: dict[int, str] = {}
    for name in PORTS:
        port = chosen[name]
        if port in names_by_port:
            raise PreconditionError(f"{names_by_port[port]} and {name} are both {port}")
        names_by_port[port] = name
    return chosen


def run_home(environment: Mapping[str, str]) -> Path:
    """The folder that holds a run's state."""
    home = environment.get("TWOFOLD_HOME")
    return Path(home).expanduser().resolve() if home else ROOT / ".twofold"


def read_options(
    environment: Mapping[str, str], pick_free: Callable[[int], list[int]] = free_ports
) -> RunOptions:
    """The options of a run; PreconditionError names a variable that makes no sense."""
    ports = choose_ports(environment, pick_free)
    own_url = f"http://{LOOPBACK}:{ports['TWOFOLD_WRITE_PORT']}"
    return RunOptions(
        home=run_home(environment),
        write_port=ports["TWOFOLD_WRITE_PORT"],
        read_port=ports["TWOFOLD_READ_PORT"],
        indexer_port=ports["TWOFOLD_INDEXER_PORT"],
        dynamodb_port=ports["TWOFOLD_DYNAMODB_PORT"],
        elasticsearch_port=ports["TWOFOLD_ELASTICSEARCH_PORT"],
        dynamodb_endpoint=environment.get("TWOFOLD_DYNAMODB_ENDPOINT", ""),
        elasticsearch_url=environment.get("TWOFOLD_ELASTICSEARCH_URL", ""),
        public_url=(environment.get("TWOFOLD_PUBLIC_URL") or own_url).rstrip("/"),
    )
