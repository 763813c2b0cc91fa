"""`payments` and `scenes` of a Schema document: validated, and kept as the document states them.

A payment type says which entries its events post. Its `system` lines go to Payment Accounts and get
their amounts from the service, so only an entry without them can be told to be unbalanced. A scene
simulates events: it names entry types, payments and their events, and has no effect on a Ledger.
"""

from collections.abc import Collection, Mapping
from typing import Any

from shared.ledger.chart import ChartOfAccounts
from shared.ledger.entry_type_balance import BalanceLine, balance_problems
from shared.ledger.entry_type_parsing import ParameterUses, read_account, read_currency
from shared.ledger.schema_reader import ObjectReader, shown, shown_name
from shared.ledger.strings import text_problem
from shared.limits import (
    ENTRY_TYPES_MAX,
    FILTER_LIST_MAX,
    LINES_PER_ENTRY_MAX,
    NAME_CHARS_MAX,
    PARAMETER_CHARS_MAX,
)

PAYMENTS_MEMBERS = frozenset({"types"})
SCENE_MEMBERS = frozenset({"events", "name", "payments"})
_PAYMENT_TYPE_MEMBERS = frozenset({"accounting", "payment", "status", "type", "typeVersion"})
_DETAILS_MEMBERS = frozenset({"amount", "direction"})
_EVENTS = ("initiated", "settled", "refund_initiated", "refund_failed")
_ENTRY_MEMBERS = frozenset({"description", "lines"})
_LINE_MEMBERS = frozenset(["account", "amount", "currency", "description", "key", "system"])
_SYSTEM_LINES = (
    "payment_fee_line",
    "payment_settlement_line",
    "payment_refund_line",
    "payment_refund_reversal_line",
)
_SCENE_PAYMENT_MEMBERS = frozenset({"ik", "parameters", "type", "typeVersion"})
_SCENE_EVENT_MEMBERS = frozenset({"entry", "eventType", "payment"})
_SCENE_ENTRY_MEMBERS = frozenset({"parameters", "type", "typeVersion"})
_SCENE_PAYMENT_EVENT_MEMBERS = frozenset({"event", "ik"})

TypeKey = tuple[str, int]


def parse_payment_types(
    reader: ObjectReader, chart: ChartOfAccounts | None, chart_is_sound: bool
) -> dict[TypeKey, Mapping[str, Any]]:
    """The payment types by type and version, as stated."""
    types: dict[TypeKey, Mapping[str, Any]] = {}
    reader.require("types")
    for member in reader.objects("types", _PAYMENT_TYPE_MEMBERS, ENTRY_TYPES_MAX) or ():
        for name in ("type", "typeVersion", "status", "payment", "accounting"):
            member.require(name)
        key = (member.safe_string("type"), member.version("typeVersion"))
        member.choice("status", ("active",))
        details = member.object("payment", _DETAILS_MEMBERS)
        if details is not None:
            details.require("amount")
            details.require("direction")
            details.amount("amount")
            details.choice("direction", ("payin", "payout"))
        accounting = member.object("accounting", frozenset(_EVENTS))
        if accounting is not None:
            accounting.require("settled")
            for event in _EVENTS:
                entry = accounting.object(event, _ENTRY_MEMBERS)
                if entry is not None:
                    _check_payment_entry(entry, chart, chart_is_sound)
        if key[0] is None or key[1] is None:
            continue
        if key in types:
            member.violate("type", f"{key[0]}, version {key[1]}, is defined twice")
        types[key[0], key[1]] = member.json
    return types


def _check_payment_entry(
    reader: ObjectReader, chart: ChartOfAccounts | None, chart_is_sound: bool
) -> None:
    """One event's entry: lines on known accounts, balanced where that can be told."""
    uses = ParameterUses()
    reader.text_template("description")
    reader.require("lines")
    keys: set[str] = set()
    balance_lines: list[BalanceLine] = []
    can_tell = chart_is_sound
    for line in reader.objects("lines", _LINE_MEMBERS, LINES_PER_ENTRY_MAX, count_min=1) or ():
        line.require("key")
        line.require("amount")
        key = line.safe_string("key")
        if key is not None and key in keys:
            line.violate("key", f"{key} is used twice in the entry")
        keys.add(key or "")
        line.text_template("description")
        amount = line.amount("amount")
        if amount is not None:
            uses.add(line, "amount", amount.parameters, "amount", None)
        system = line.choice("system", _SYSTEM_LINES)
        account = read_account(line, "account", chart, uses)
        node = None if account is None else account[1]
        currency = read_currency(line, node if chart_is_sound else None, uses)
        if node is None or amount is None or system is not None:
            can_tell = False
        if node is None:
            continue
        if node.linked_account is not None:
            rule = f"is a Linked Ledger Account, which a payment can't post to: {node.pattern}"
            line.violate("account.path", rule)
        if system is not None and not node.payment_enabled:
            rule = f"must be a Payment Account (payment.enabled) for {system}: {node.pattern}"
            line.violate("account.path", rule)
        balance_lines.append(BalanceLine(node.type, amount, node.currency or currency, None))
    for problem in balance_problems(balance_lines, {}) if can_tell else ():
        reader.violate("lines", problem)


# --- Scenes --------------------------------------------------------------------------------------


def check_scene(
    reader: ObjectReader, entry_types: Collection[TypeKey], payment_types: Collection[TypeKey]
) -> None:
    """One scene: what it names must be defined by the Schema or by the scene itself."""
    reader.require("name")
    reader.require("events")
    reader.string("name", lambda text: text_problem(text, NAME_CHARS_MAX))
    iks: set[str] = set()
    for payment in reader.objects("payments", _SCENE_PAYMENT_MEMBERS, FILTER_LIST_MAX) or ():
        payment.require("ik")
        ik = payment.safe_string("ik")
        if ik is not None and ik in iks:
            payment.violate("ik", f"{ik} is used twice in the scene")
        iks.add(ik or "")
        _check_scene_type(payment, payment_types, "payment type")
    for event in reader.objects("events", _SCENE_EVENT_MEMBERS, FILTER_LIST_MAX) or ():
        event.require("eventType")
        kind = event.choice("eventType", ("entry", "payment"))
        entry = event.object("entry", _SCENE_ENTRY_MEMBERS)
        payment_event = event.object("payment", _SCENE_PAYMENT_EVENT_MEMBERS)
        if kind is not None:
            event.require(kind)
            other = "payment" if kind == "entry" else "entry"
            if event.has(other):
                event.violate(other, f"must be left out of an event of type {kind}")
        if entry is not None:
            _check_scene_type(entry, entry_types, "entry type")
        if payment_event is not None:
            payment_event.require("event")
            payment_event.require("ik")
            payment_event.choice("event", _EVENTS)
            ik = payment_event.safe_string("ik")
            if ik is not None and ik not in iks:
                payment_event.violate("ik", f"{ik} is no payment of the scene")


def _check_scene_type(reader: ObjectReader, types: Collection[TypeKey], what: str) -> None:
    """The type (version 1 unless stated) must be defined; parameters are an object of texts."""
    reader.require("type")
    name = reader.safe_string("type")
    version = reader.version("typeVersion") if reader.has("typeVersion") else 1
    if name is not None and version is not None and (name, version) not in types:
        reader.violate("type", f"{name}, version {version}, is no {what} of the Schema")
    parameters = reader.json.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        reader.violate("parameters", f"must be an object, not {shown(parameters)}")
        return
    for key, value in parameters.items():
        if not _is_parameter_value(value):
            member = f"parameters.{shown_name(key)}"
            rule = "must be a string, an integer or a list of objects of those"
            reader.violate(member, f"{rule}, not {shown(value)}")


def _is_parameter_value(value: Any) -> bool:
    if isinstance(value, list):
        return all(
            isinstance(element, dict) and all(_is_scalar(item) for item in element.values())
            for element in value
        )
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return value == "" or text_problem(value, PARAMETER_CHARS_MAX) is None
    return isinstance(value, int) and not isinstance(value, bool)
