"""Ledgers and Schemas, as stored: the head that says which Schema version a ledger is on, and how
far its migrations have come.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ledger. `utc_offset_minutes`, fixed at creation, moves the bounds of its hours.

    `schema_since` is the newest version when it was created: later ones are migrations of it.
    """

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
    schema_generation: int = 1
    schema_since: int | None = None

    @property
    def migrated_from(self) -> int:
        """Versions above this one reach the ledger by a migration."""
        return self.schema_since or self.schema_version or 0


@dataclass(frozen=True, slots=True)
class SchemaHead:
    """A Schema's name and its newest version.

    `generation` counts the Schemas that were stored with the key: one more after each deletion.
    `deleting` is as good as `live`: somebody looks whether a ledger uses the Schema.
    """

    workspace_id: str
    key: str
    name: str
    version: int
    created_ms: int
    digest: str  # of the newest version's canonical JSON
    revision: int = 1
    generation: int = 1
    state: Literal["live", "deleting", "deleted"] = "live"


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One stored version; `json` is the Schema as it was given, canonical."""

    workspace_id: str
    key: str
    version: int
    created_ms: int
    json: dict[str, object]
    generation: int = 1


MigrationStatus = Literal["queued", "started", "completed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """How far one ledger's migration to one version has come; `reason` says why it failed."""

    ledger_id: str
    version: int
    status: MigrationStatus
    revision: int = 1
    reason: str = ""


def migration_status(
    ledger: Ledger, version: int, record: MigrationRecord | None
) -> MigrationStatus:
    """The status of the ledger's migration to `version`; one that is not begun has no record."""
    if record is not None:
        return record.status
    reached = ledger.schema_version or 0
    if reached < version:
        return "queued"
    return "completed" if reached == version else "skipped"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What API clients belong to; nothing crosses its bounds."""

    id: str
    name: str
