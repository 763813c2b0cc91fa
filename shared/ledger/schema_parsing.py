"""A SchemaInput document -> the compiled Schema, or every rule that it breaks.

    chart_parsing        chartOfAccounts      accounts, what they inherit
    entry_type_parsing   ledgerEntries        types, lines, conditions, tags, groups
    payment_parsing      payments, scenes
    schema_reader        one object of the document, member by member

Faults are collected, not raised: a document with ten of them gets ten violations, each with its
path.
"""

from collections.abc import Mapping
from typing import Any

from shared.ledger.chart import ChartOfAccounts
from shared.ledger.chart_parsing import CHART_MEMBERS, CONSISTENCY_MODES, ChartParser, ScopeUses
from shared.ledger.currencies import CUSTOM
from shared.ledger.entry_type_parsing import (
    ENTRY_TYPE_MEMBERS,
    EntryTypeParser,
    ParameterUses,
    read_account,
)
from shared.ledger.payment_parsing import (
    PAYMENTS_MEMBERS,
    SCENE_MEMBERS,
    check_scene,
    parse_payment_types,
)
from shared.ledger.schema_reader import ObjectReader, shown
from shared.ledger.schemas import EntryType, GroupDefinition, Schema, Violation, without_nulls
from shared.ledger.strings import text_problem
from shared.limits import ENTRY_TYPES_MAX, FILTER_LIST_MAX, JSON_DEPTH_MAX, NAME_CHARS_MAX

_SCHEMA_MEMBERS = frozenset(
    [
        "chartOfAccounts",
        "consistencyConfig",
        "groups",
        "key",
        "ledgerEntries",
        "name",
        "payments",
        "scenes",
    ]
)
_CONSISTENCY_MEMBERS = frozenset({"entries"})
_LEDGER_ENTRIES_MEMBERS = frozenset({"types"})
_GROUP_MEMBERS = frozenset({"description", "key", "reconciliation"})
_RECONCILIATION_MEMBERS = frozenset({"clearingAccountPath"})


def parse_schema(json: Mapping[str, Any]) -> Schema | list[Violation]:
    """Compiles a document, or gives all its violations (at least one)."""
    if not isinstance(json, dict):
        return [Violation("", f"must be an object, not {shown(json)}")]
    if _nests_deeper(json, JSON_DEPTH_MAX):
        return [Violation("", f"nests deeper than {JSON_DEPTH_MAX} levels")]
    document: dict[str, Any] = without_nulls(json)
    violations: list[Violation] = []
    reader = ObjectReader(document, "", _SCHEMA_MEMBERS, violations)
    reader.require("key")
    key = reader.safe_string("key")
    name = reader.string("name", lambda text: text_problem(text, NAME_CHARS_MAX))
    config = reader.object("consistencyConfig", _CONSISTENCY_MEMBERS)
    entries_mode = None if config is None else config.choice("entries", CONSISTENCY_MODES)

    scopes = ScopeUses()
    chart = ChartOfAccounts({}, {})
    noted_count = len(violations)
    if reader.require("chartOfAccounts"):
        chart_reader = reader.object("chartOfAccounts", CHART_MEMBERS)
        assert chart_reader is not None
        chart = ChartParser(scopes).parse(chart_reader)
    chart_is_sound = len(violations) == noted_count

    known_chart = chart if chart_is_sound or chart.nodes else None

    entry_types = _entry_types(reader, EntryTypeParser(known_chart, chart_is_sound, scopes))
    groups = _groups(reader, known_chart)
    payments = reader.object("payments", PAYMENTS_MEMBERS)
    payment_types = (
        {} if payments is None else parse_payment_types(payments, known_chart, chart_is_sound)
    )
    for scene in reader.objects("scenes", SCENE_MEMBERS, FILTER_LIST_MAX) or ():
        check_scene(scene, entry_types.keys(), payment_types.keys())
    _check_scopes(scopes, violations)
    if violations:
        return violations
    assert key is not None
    _assert_complete(document, entry_types)
    return Schema(
        key=key,
        name=name or key,
        chart=chart,
        entry_types=entry_types,
        entries_strong=entries_mode == "strong",
        groups=groups,
        payment_types=payment_types,
        scenes=tuple(document.get("scenes", ())),
        custom_currency_ids=frozenset(_custom_currency_ids(document)),
        json=document,
    )


def _entry_types(reader: ObjectReader, parser: EntryTypeParser) -> dict[tuple[str, int], EntryType]:
    """Every entry type by its name and version."""
    types: dict[tuple[str, int], EntryType] = {}
    ledger_entries = reader.object("ledgerEntries", _LEDGER_ENTRIES_MEMBERS)
    if ledger_entries is None:
        return types
    ledger_entries.require("types")
    for member in ledger_entries.objects("types", ENTRY_TYPE_MEMBERS, ENTRY_TYPES_MAX) or ():
        entry_type = parser.parse(member)
        if entry_type is None:
            continue
        identity = (entry_type.type, entry_type.version)
        if identity in types:
            member.violate("type", f"{identity[0]}, version {identity[1]}, is defined twice")
        types[identity] = entry_type
    return types


def _assert_complete(
    document: Mapping[str, Any], entry_types: Mapping[tuple[str, int], EntryType]
) -> None:
    """Whatever could not be read was noted: nothing of a valid document was dropped in silence."""
    assert len(entry_types) == len(document.get("ledgerEntries", {}).get("types", ()))
    for entry_type in entry_types.values():
        assert (entry_type.lines is None) is ("lines" not in entry_type.json)
        assert len(entry_type.lines or ()) == len(entry_type.json.get("lines", ()))
        assert len(entry_type.tags) == len(entry_type.json.get("tags", ()))
        assert len(entry_type.groups) == len(entry_type.json.get("groups", ()))
        assert len(entry_type.conditions) >= len(entry_type.json.get("conditions", ()))


def _groups(reader: ObjectReader, chart: ChartOfAccounts | None) -> tuple[GroupDefinition, ...]:
    """What the document says of group keys."""
    definitions: dict[str, GroupDefinition] = {}
    for member in reader.objects("groups", _GROUP_MEMBERS, FILTER_LIST_MAX) or ():
        member.require("key")
        key = member.safe_string("key")
        if key is not None and key in definitions:
            member.violate("key", f"{key} is defined twice")
        description = member.text_template("description")
        clearing = None
        reconciliation = member.object("reconciliation", _RECONCILIATION_MEMBERS)
        if reconciliation is not None:
            account = read_account(reconciliation, "clearingAccountPath", chart, ParameterUses())
            clearing = None if account is None else account[0]
        if key is not None:
            definitions[key] = GroupDefinition(key, description, clearing)
    return tuple(definitions.values())


def _check_scopes(scopes: ScopeUses, violations: list[Violation]) -> None:
    """A Schema asks for strong own balances or for strong total balances, never for both."""
    if not scopes.own or not scopes.total:
        return
    own = scopes.own[0]
    rule = (
        f"can't be combined with {own.what} at {own.path}:"
        " use own balances or total balances, not both"
    )
    violations.extend(Violation(use.path, rule) for use in scopes.total)


def _nests_deeper(value: Any, depth_max: int) -> bool:
    """Whether objects and lists nest more than `depth_max` deep; looks no deeper than that."""
    if isinstance(value, dict):
        items = list(value.values())
    elif isinstance(value, list | tuple):
        items = list(value)
    else:
        return False
    return depth_max == 0 or any(_nests_deeper(item, depth_max - 1) for item in items)


def _custom_currency_ids(document: Mapping[str, Any]) -> set[str]:
    """Ids of the custom currencies that a valid document names without parameters."""
    found: set[str] = set()
    pending: list[Any] = [
        document.get(part) for part in ("chartOfAccounts", "ledgerEntries", "payments")
    ]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
            custom_id = value.get("customCurrencyId")
            if value.get("code") == CUSTOM and isinstance(custom_id, str) and "{{" not in custom_id:
                found.add(custom_id)
        elif isinstance(value, list):
            pending.extend(value)
    return found
