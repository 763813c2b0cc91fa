"""Data migrations of a ledger: what its Schema's versions archived, and when. Pure.

A version of an entry type, or an account, that a Schema version marks `archived` is to be left by
the entries that stand on it. Its migration is active from that Schema version on, and inactive from
the one on that marks it otherwise. It goes on being active when no entry is left: then its list of
entries is empty, which tells that the migration is done.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from shared.errors import RejectionError
from shared.ledger.identifiers import account_id
from shared.ledger.rejections import reject
from shared.ledger.schemas import Schema
from shared.limits import FILTER_LIST_MAX
from shared.search.clauses import AllOf, Clause, Term

Status = Literal["active", "inactive"]
Archived = TypeVar("Archived", str, tuple[str, int])

ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """What a version of the Schema did to a data migration."""

    schema_version: int
    status: Status


def entry_type_steps(
    versions: Sequence[tuple[int, Schema]],
) -> dict[tuple[str, int], list[MigrationStep]]:
    """By entry type and version, oldest step first; `versions` too begin with the oldest."""
    return _steps(
        (number, {at for at, each in schema.entry_types.items() if each.status == ARCHIVED})
        for number, schema in versions
    )


def account_steps(versions: Sequence[tuple[int, Schema]]) -> dict[str, list[MigrationStep]]:
    """By the account's path in the chart, where a template's value is `*`."""
    return _steps(
        (number, {at for at, node in schema.chart.nodes.items() if node.status == ARCHIVED})
        for number, schema in versions
    )


def _steps(
    versions: Iterable[tuple[int, set[Archived]]],
) -> dict[Archived, list[MigrationStep]]:
    found: dict[Archived, list[MigrationStep]] = {}
    before: set[Archived] = set()
    for number, archived in versions:
        for at in archived - before:
            found.setdefault(at, []).append(MigrationStep(number, "active"))
        for at in before - archived:
            found[at].append(MigrationStep(number, "inactive"))
        before = archived
    return found


# --- What is still to be migrated -----------------------------------------------------------------
def of_type(entry_type: str, version: int) -> Clause:
    """Entries of one type and version."""
    return AllOf((Term("type", entry_type), Term("type_version", version)))


def on_account(ledger_id: str, path: str) -> Clause:
    """Entries that have a line on the account, or on any instance of a template."""
    return Term("accounts", path if ":" in path else account_id(ledger_id, path))


# --- Filters of the lists of migrations -----------------------------------------------------------
def is_wanted(filter_set: Mapping[str, Any] | None, values: Mapping[str, str]) -> bool:
    """Whether a migration with these `values`, by the filter's members, is asked for.

    `status` is asked as it is, everything else by a StringFilter. Raises RejectionError.
    """
    for name, asked in (filter_set or {}).items():
        value = values[name]
        if isinstance(asked, str):
            if value != asked:
                return False
        elif asked is not None and not _fits(name, asked, value):
            return False
    return True


def _fits(name: str, string_filter: Mapping[str, Any], value: str) -> bool:
    for operator, operand in string_filter.items():
        if operand is None:
            continue
        texts = [operand] if isinstance(operand, str) else operand
        if len(texts) > FILTER_LIST_MAX:
            where = f"filter.{name}.{operator}"
            raise RejectionError(
                reject("too_many_items", where=where, count=len(texts), max=FILTER_LIST_MAX)
            )
        if (value in texts) == operator.startswith("not"):
            return False
    return True
