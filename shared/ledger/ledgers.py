"""Ledgers, as stored: the head that says which Schema version a ledger is on."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ledger. `utc_offset_minutes`, fixed at creation, moves the bounds of its hours."""

    id: str
    workspace_id: str
    ik: str
    name: str
    utc_offset_minutes: int
    created_ms: int
    schema_key: str | None
    schema_version: int | None
    state: Literal["live", "deleted"] = "live"
    revision: int = 1


@dataclass(frozen=True, slots=True)
class SchemaHead:
    """A Schema's name and its newest version."""

    workspace_id: str
    key: str
    name: str
    version: int
    created_ms: int
    digest: str  # of the newest version's canonical JSON
    revision: int = 1


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One stored version; `json` is the Schema as it was given, canonical."""

    workspace_id: str
    key: str
    version: int
    created_ms: int
    json: dict[str, object]


@dataclass(frozen=True, slots=True)
class Workspace:
    """What API clients belong to; nothing crosses its bounds."""

    id: str
    name: str
