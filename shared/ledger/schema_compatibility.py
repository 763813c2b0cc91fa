"""Which changes of a Schema a new version may not make.

A new version may add accounts, entry types and versions of them, and change names, descriptions,
statuses and payment settings, relax consistency, and end that an account is a clearing account.
It may not remove an account or change its type, template flag, currency or External Account, nor
edit or remove a version of an entry or payment type, its status aside: entries already posted
refer to them. What callers must give for an active entry type stays too, though another name of a
template account it posts to would bring other parameters.

Nor may it make something strong that was eventual, or an account a clearing account that was none.
A strong balance or list is kept in the transactions of the entries themselves, a posted window by
the indexer as they come, so one that starts late would lack what was posted before.
"""

from collections.abc import Mapping
from typing import Any

from shared.ledger.chart import AccountNode, ChartOfAccounts, ConsistencyConfig
from shared.ledger.schemas import EntryType, Schema, Violation, canonical_json

# What an absent member of an entry type means: stating it is no edit.
_TYPE_DEFAULTS = {"postLinesAs": "raw_lines", "typeVersion": 1}
_STAYS_EVENTUAL = "must stay eventual: it can't be made strong once deployed"
_STAYS_ORDINARY = "must stay as it is: an account can't be made a clearing account once deployed"
_EMPTY_MEANS_ABSENT = ("conditions", "groups", "parameters", "tags")


def breaking_changes(old: Schema, new: Schema) -> list[Violation]:
    """What `new` changes or leaves out of `old` and may not; empty when it may follow.

    The paths are those of the old document's things, by name: `chartOfAccounts assets/bank`.
    """
    violations = _account_changes(old.chart, new.chart)
    if new.entries_strong and not old.entries_strong:
        violations.append(Violation("consistencyConfig.entries", _STAYS_EVENTUAL))
    old_types = {identity: each.json for identity, each in old.entry_types.items()}
    new_types = {identity: each.json for identity, each in new.entry_types.items()}
    violations.extend(_type_changes("ledgerEntries", old_types, new_types))
    violations.extend(_parameter_changes(old.entry_types, new.entry_types))
    violations.extend(_type_changes("payments", old.payment_types, new.payment_types))
    return violations


def _account_changes(old: ChartOfAccounts, new: ChartOfAccounts) -> list[Violation]:
    violations: list[Violation] = []
    removed: set[str] = set()
    new_by_keys = {_keys(node): node for node in new.nodes.values()}
    for pattern, node in old.nodes.items():
        path = f"chartOfAccounts {pattern}"
        successor = new_by_keys.get(_keys(node))
        if successor is None:
            removed.add(pattern)
            if node.parent is None or node.parent.pattern not in removed:
                violations.append(Violation(path, "must stay: an account can't be removed"))
            continue
        changes = (
            ("type", node.type, successor.type),
            ("template", node.is_template, successor.is_template),
            ("currencyMode", node.currency_mode, successor.currency_mode),
            ("currency", node.currency, successor.currency),
            ("linkedAccount", node.linked_account, successor.linked_account),
        )
        for member, before, after in changes:
            if before != after:
                violations.append(Violation(path, f"must keep its {member}"))
        if successor.clearing and not node.clearing:
            violations.append(Violation(f"{path} clearing", _STAYS_ORDINARY))
        for member in _made_strong(node.consistency, successor.consistency):
            violations.append(Violation(f"{path} consistencyConfig.{member}", _STAYS_EVENTUAL))
    return violations


def _made_strong(old: ConsistencyConfig, new: ConsistencyConfig) -> list[str]:
    """Members of `consistencyConfig` that were eventual and are strong now."""
    switched = (
        ("lines", old.lines, new.lines),
        ("ownBalanceUpdates", old.own_balance, new.own_balance),
        ("totalBalanceUpdates", old.total_balance, new.total_balance),
    )
    made = [member for member, before, after in switched if after and not before]
    return made + [f"groups {key}" for key in sorted(new.groups - old.groups)]


def _keys(node: AccountNode) -> str:
    """The path of keys alone, which stays the same when the template flag changes."""
    return node.key if node.parent is None else f"{_keys(node.parent)}/{node.key}"


def _type_changes(
    part: str,
    old: Mapping[tuple[str, int], Mapping[str, Any]],
    new: Mapping[tuple[str, int], Mapping[str, Any]],
) -> list[Violation]:
    violations: list[Violation] = []
    for identity, definition in old.items():
        path = f"{part} {identity[0]}, version {identity[1]}"
        successor = new.get(identity)
        if successor is None:
            rule = "must stay: set its status to disabled or archived instead of removing it"
            violations.append(Violation(path, rule))
        elif _definition(definition) != _definition(successor):
            rule = "must stay as it is: a change takes a new typeVersion"
            violations.append(Violation(path, rule))
    return violations


def _parameter_changes(
    old: Mapping[tuple[str, int], EntryType], new: Mapping[tuple[str, int], EntryType]
) -> list[Violation]:
    """Types that are active and stay word for word, but would be posted with other parameters: the
    names of the template accounts that they post to bring some."""
    violations: list[Violation] = []
    for identity, before in old.items():
        after = new.get(identity)
        if after is None or after.status != "active":
            continue
        changed = sorted(before.parameters ^ after.parameters)
        if changed and _definition(before.json) == _definition(after.json):
            path = f"ledgerEntries {identity[0]}, version {identity[1]}"
            rule = (
                f"must keep its parameters, and {{{{{changed[0]}}}}} in the name of a template"
                " account changes them: set its status to disabled or archived and add a new"
                " typeVersion"
            )
            violations.append(Violation(path, rule))
    return violations


def _definition(json: Mapping[str, Any]) -> bytes:
    """What of a type's definition is fixed once deployed."""
    stated = {
        name: value
        for name, value in json.items()
        if name != "status" and not (name in _EMPTY_MEANS_ABSENT and not value)
    }
    return canonical_json({**_TYPE_DEFAULTS, **stated})
