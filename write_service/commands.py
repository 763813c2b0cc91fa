"""What the write tier is asked to do: validated inputs in the imperative, without I/O."""

from dataclasses import dataclass
from typing import Any

from shared.ledger.entries import EntryCondition, Group, Tag


@dataclass(frozen=True, slots=True)
class LedgerMatch:
    """Names a ledger: by id, by ik, or by both when they agree."""

    id: str | None = None
    ik: str | None = None


@dataclass(frozen=True, slots=True)
class RuntimeLine:
    """One line given at runtime: of an entry without a type, or whose type defines none."""

    account_path: str
    amount: int | None
    currency: str | None  # currency key
    key: str | None
    description: str | None
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class RuntimeCondition:
    """One condition given at runtime; `currency` None means the account's own."""

    account_path: str
    currency: str | None
    conditions: tuple[
        EntryCondition, ...
    ]  # one for each pre/post and own/total; currency is filled in


@dataclass(frozen=True, slots=True)
class AddLedgerEntry:
    """Post one entry. `posted_ms` None means now."""

    workspace_id: str
    ik: str
    ledger: LedgerMatch | None
    type: str | None
    type_version: int | None
    parameters: dict[str, Any]
    posted_ms: int | None
    description: str | None
    lines: tuple[RuntimeLine, ...] | None
    tags: tuple[Tag, ...]
    groups: tuple[Group, ...]
    conditions: tuple[RuntimeCondition, ...]
