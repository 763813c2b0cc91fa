"""plan_update: an entry and what to change of its labels -> its next revision. Pure.

Tags are taken off first, then added or overwritten by key; taking off one that isn't there does
nothing. Groups are only added. An update that changes nothing writes nothing and doesn't count, so
sending one again is harmless.
"""

from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.entries import Group, LedgerEntry, LedgerLine, Tag
from shared.ledger.rejections import Rejection
from shared.limits import (
    ENTRY_BYTES_MAX,
    GROUPS_PER_ENTRY_MAX,
    TAGS_PER_ENTRY_MAX,
    TAGS_PER_LINE_MAX,
    UPDATES_PER_ENTRY_MAX,
)
from shared.store.items import item_bytes, revised_item
from shared.store.table import Item
from write_service.commands import UpdateLedgerEntry
from write_service.planning.entries import ATTEMPT_BYTES, group_deltas
from write_service.planning.lines import refused
from write_service.planning.parameters import shown
from write_service.planning.view import LedgerView
from write_service.plans import EntryPlan


def plan_update(
    command: UpdateLedgerEntry, entry: LedgerEntry, standing: Item, view: LedgerView
) -> EntryPlan | Rejection | None:
    """What updating `entry`, whose item is `standing`, would write; None when nothing changes."""
    try:
        return _plan(command, entry, standing, view)
    except RejectionError as error:
        return error.rejection


def refuse_hidden(entry: LedgerEntry, change: str) -> None:
    """Reversed and reversing entries stay as they are. Raises RejectionError."""
    if entry.is_reversed:
        raise refused("ledger_entry_reversed", id=entry.id, what="is reversed", change=change)
    if entry.is_reversal:
        what = "reverses another one"
        raise refused("ledger_entry_reversed", id=entry.id, what=what, change=change)


def _plan(
    command: UpdateLedgerEntry, entry: LedgerEntry, standing: Item, view: LedgerView
) -> EntryPlan | None:
    lines = _lines(command, entry)
    tags = _tags(entry.tags, command.tags_to_remove, command.tags)
    if len(tags) > TAGS_PER_ENTRY_MAX:
        raise refused("ledger_entry_too_many_tags", count=len(tags), max=TAGS_PER_ENTRY_MAX)
    groups = _groups(entry.groups, command.groups)
    refuse_hidden(entry, "updated")
    updated = entry._replace(
        lines=lines,
        tags=tags,
        groups=groups,
        updates=entry.updates + 1,
        revision=entry.revision + 1,
    )
    if (lines, tags, groups) == (entry.lines, entry.tags, entry.groups):
        return None
    if entry.updates >= UPDATES_PER_ENTRY_MAX:
        raise refused("ledger_entry_too_many_updates", id=entry.id, max=UPDATES_PER_ENTRY_MAX)
    joined = [group for group in groups if group not in entry.groups]
    item = revised_item(updated, standing)
    size = item_bytes(item) + ATTEMPT_BYTES
    if size > ENTRY_BYTES_MAX:
        raise refused("entry_too_large", bytes=size, max=ENTRY_BYTES_MAX)
    return EntryPlan(
        entry=updated,
        item=item,
        item_bytes=size,
        deltas=group_deltas(view, updated, joined) if joined else (),
        conditions=(),
        accounts=(),
        listed=(),
        replaces=entry,
    )


def _tags(
    standing: tuple[Tag, ...], to_remove: tuple[Tag, ...], given: tuple[Tag, ...]
) -> tuple[Tag, ...]:
    """The tags afterwards: an overwritten one keeps its place."""
    held = {tag[0]: tag[1] for tag in standing if tag not in to_remove}
    added: dict[str, str] = {}
    for key, value in given:
        if added.setdefault(key, value) != value:
            raise refused("duplicate_tag", key=key, one=added[key], other=value)
    held.update(added)
    return tuple(held.items())


def _groups(standing: tuple[Group, ...], given: tuple[Group, ...]) -> tuple[Group, ...]:
    held = dict(standing)
    for key, value in given:
        if held.setdefault(key, value) != value:
            raise refused("group_conflict", key=key, one=held[key], other=value)
    if len(held) > GROUPS_PER_ENTRY_MAX:
        raise refused("ledger_entry_too_many_groups", count=len(held), max=GROUPS_PER_ENTRY_MAX)
    return tuple(held.items())


def _lines(command: UpdateLedgerEntry, entry: LedgerEntry) -> tuple[LedgerLine, ...]:
    lines = list(entry.lines)
    seen: set[int] = set()
    for place, update in enumerate(command.lines):
        where = f"update.ledgerLines[{place}]"
        parsed = identifiers.parse_line_id(update.line_id)
        index = len(lines) if parsed is None or parsed[0] != entry.id else parsed[1]
        if index >= len(lines) or identifiers.line_id(entry.id, index) != update.line_id:
            named = shown(update.line_id)
            raise refused("ledger_line_not_in_entry", entry=entry.id, line=named)
        if index in seen:
            raise refused("bad_request", detail=f"{where} names a line that was named before.")
        seen.add(index)
        line = lines[index]
        tags = _tags(line.tags, update.tags_to_remove, update.tags)
        if len(tags) > TAGS_PER_LINE_MAX:
            raise refused(
                "too_many_items", where=f"{where}.tags", count=len(tags), max=TAGS_PER_LINE_MAX
            )
        lines[index] = line._replace(tags=tags)
    return tuple(lines)
