"""Environment -> one frozen Settings. The only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ConfigurationError
from shared.limits import LINK_POLL_S_MAX


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a process is told from outside. Field `x_y` comes from `TWOFOLD_X_Y`."""

    dynamodb_endpoint: str = ""  # empty: AWS's own endpoint of the region
    aws_region: str = "us-east-1"
    table_prefix: str = "twofold-"
    elasticsearch_url: str = "http://127.0.0.1:9200"
    elasticsearch_api_key: str = ""
    elasticsearch_username: str = ""
    elasticsearch_password: str = ""
    index_prefix: str = "twofold-"
    index_shards: int = 1
    index_replicas: int = 0
    write_host: str = "127.0.0.1"
    write_port: int = 8000
    read_host: str = "127.0.0.1"
    read_port: int = 8001
    indexer_host: str = "127.0.0.1"
    indexer_port: int = 8002
    connect_host: str = "127.0.0.1"
    connect_port: int = 8004
    link_secret: str = ""  # seals the keys of native Links; several, by commas: the first seals
    link_poll_s: int = 60  # between two looks at what is new at a native Link's system
    stripe_url: str = ""  # where Stripe's API is; empty: Stripe's own address
    read_url: str = ""  # where the write tier forwards queries; empty: it answers them itself
    public_url: str = "http://127.0.0.1:8000"
    dashboard_url: str = ""  # prefix of every `dashboardUrl`; empty: public_url
    token_secret: str = ""
    scope: str = "twofold"
    log_level: str = "info"
    access_log: bool = False
    commits_in_flight: int = 2
    commit_wait_ms: int = 0

    def __post_init__(self) -> None:
        if self.commits_in_flight < 1:
            raise ConfigurationError("TWOFOLD_COMMITS_IN_FLIGHT must be at least 1")
        if not 1 <= self.link_poll_s <= LINK_POLL_S_MAX:
            raise ConfigurationError(f"TWOFOLD_LINK_POLL_S must be 1 to {LINK_POLL_S_MAX}")


PREFIX = "TWOFOLD_"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Reads `TWOFOLD_*` from `environment` (the process's by default).

    Raises ConfigurationError that names the variable and what it should be.
    """
    source = os.environ if environment is None else environment
    values: dict[str, object] = {}
    for name, kind in Settings.__annotations__.items():
        variable = PREFIX + name.upper()
        text = source.get(variable)
        if text is None:
            continue
        if kind is int:
            if not text.isascii() or not text.isdigit():
                raise ConfigurationError(f"{variable} must be a whole number, not {text!r}")
            values[name] = int(text)
        elif kind is bool:
            if text not in ("0", "1"):
                raise ConfigurationError(f"{variable} must be 0 or 1, not {text!r}")
            values[name] = text == "1"
        else:
            values[name] = text
    return Settings(**values)  # type: ignore[arg-type]


def value_of(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """What the environment variable of this name holds. Raises ConfigurationError if that is
    nothing.
    """
    text = (os.environ if environment is None else environment).get(variable, "")
    if not text:
        raise ConfigurationError(f"the environment variable {variable} is empty")
    return text
