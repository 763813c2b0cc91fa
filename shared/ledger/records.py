"""An entry as plain JSON values: the one form that DynamoDB's item and the search documents carry.

Short member names, absent members left out, amounts as decimal strings (JSON numbers can't hold
Int96).

    entry  i id · l ledger · w workspace · k ik · n position · p posted · c created
           t type · v typeVersion · d description · g tags · u groups · o conditions
           x parameters · r reverses · b reversedBy · a reversedAt · y updates
           e revision · s lines
    line   p path · t account type (first letter) · a amount · c currency · k key
           d description · g tags · x tx id · y tx external id
"""

from typing import Any

from shared.ledger.entries import Bounds, EntryCondition, LedgerEntry, LedgerLine

Record = dict[str, Any]

_TYPE_LETTER = {"asset": "a", "liability": "l", "income": "i", "expense": "e"}
_TYPE_OF_LETTER = {letter: name for name, letter in _TYPE_LETTER.items()}


def line_record(line: LedgerLine) -> Record:
    """One line as JSON values."""
    record: Record = {
        "p": line.account_path,
        "t": _TYPE_LETTER[line.account_type],
        "a": str(line.amount),
        "c": line.currency,
    }
    if line.key is not None:
        record["k"] = line.key
    if line.description is not None:
        record["d"] = line.description
    if line.tags:
        record["g"] = line.tags
    if line.tx_id is not None:
        record["x"] = line.tx_id
        record["y"] = line.tx_external_id
    return record


def entry_record(entry: LedgerEntry) -> Record:
    """The whole entry, with its lines, as JSON values."""
    record: Record = {
        "i": entry.id,
        "l": entry.ledger_id,
        "w": entry.workspace_id,
        "k": entry.ik,
        "p": entry.posted_ms,
        "c": entry.created_ms,
        "s": [line_record(line) for line in entry.lines],
    }
    if entry.position != 1:
        record["n"] = entry.position
    if entry.type is not None:
        record["t"] = entry.type
        record["v"] = entry.type_version
    if entry.description is not None:
        record["d"] = entry.description
    if entry.tags:
        record["g"] = entry.tags
    if entry.groups:
        record["u"] = entry.groups
    if entry.conditions:
        record["o"] = [_condition_record(condition) for condition in entry.conditions]
    if entry.parameters is not None:
        record["x"] = entry.parameters
    if entry.reverses is not None:
        record["r"] = entry.reverses
    if entry.reversed_by is not None:
        record["b"] = entry.reversed_by
        record["a"] = entry.reversed_at_ms
    if entry.updates:
        record["y"] = entry.updates
    if entry.revision != 1:
        record["e"] = entry.revision
    return record


def _condition_record(condition: EntryCondition) -> list[Any]:
    bounds = [condition.bounds.eq, condition.bounds.gte, condition.bounds.lte]
    texts = [None if bound is None else str(bound) for bound in bounds]
    head = [condition.account_path, condition.currency, condition.when, condition.scope]
    return [*head, *texts]


def _condition(record: list[Any]) -> EntryCondition:
    path, currency, when, scope, *texts = record
    eq, gte, lte = (None if text is None else int(text) for text in texts)
    return EntryCondition(path, currency, when, scope, Bounds(eq, gte, lte))


def _pairs(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple([(key, value) for key, value in pairs])


def line_from_record(record: Record, place: int) -> LedgerLine:
    """The line at `place` of an entry."""
    get = record.get
    tags = get("g")
    return LedgerLine(
        place,
        record["p"],
        _TYPE_OF_LETTER[record["t"]],
        int(record["a"]),
        record["c"],
        get("k"),
        get("d"),
        _pairs(tags) if tags else (),
        get("x"),
        get("y"),
    )


def entry_from_record(record: Record) -> LedgerEntry:
    """The entry that `entry_record` was given."""
    get = record.get
    tags, groups, conditions = get("g"), get("u"), get("o")
    return LedgerEntry(
        id=record["i"],
        ledger_id=record["l"],
        workspace_id=record["w"],
        ik=record["k"],
        position=get("n", 1),
        posted_ms=record["p"],
        created_ms=record["c"],
        lines=tuple([line_from_record(line, place) for place, line in enumerate(record["s"])]),
        type=get("t"),
        type_version=get("v"),
        description=get("d"),
        tags=_pairs(tags) if tags else (),
        groups=_pairs(groups) if groups else (),
        conditions=tuple([_condition(item) for item in conditions]) if conditions else (),
        parameters=get("x"),
        reverses=get("r"),
        reversed_by=get("b"),
        reversed_at_ms=get("a"),
        updates=get("y", 0),
        revision=get("e", 1),
    )
