"""The parameters that posting an entry type takes, in the order in which they are declared.

    conditions   the parameters of their accounts
    lines        one after the other: account path, the template accounts on the way, amount,
                 currency, Tx
    conditions   their currencies and bounds
    the rest     descriptions, line tags, tags, groups

Each stands once, where it comes first. What the Schema itself fixes is left out.
"""

from collections.abc import Iterator

from shared.ledger.chart import AccountNode
from shared.ledger.schemas import ConditionTemplate, EntryType, LineTemplate
from shared.ledger.templates import Template


def ordered_parameters(entry_type: EntryType) -> tuple[str, ...]:
    """Names of the parameters; array parameters (of `repeated`) under the array's own name."""
    names: dict[str, None] = {}
    for name in _named(entry_type):
        plain = name.partition(".")[0]
        if plain not in entry_type.fixed:
            names[plain] = None
    ordered = tuple(names)
    assert set(ordered) == entry_type.parameters | entry_type.repeated.keys()
    return ordered


def _named(entry_type: EntryType) -> Iterator[str]:
    """Every name that a template of the type holds, in order, repeats and dotted ones included."""
    lines = entry_type.lines or ()
    for condition in entry_type.conditions:
        yield from _of_account(condition.path, condition.node)
        yield from _of_array(condition.repeated)
    for line in lines:
        yield from _of_line(line)
    for condition in entry_type.conditions:
        yield from _of_bounds(condition)
    yield from _of_template(entry_type.description)
    for line in lines:
        yield from _of_template(line.description)
        for tag in line.tags:
            yield from _of_template(tag.value)
    for pair in (*entry_type.tags, *entry_type.groups):
        yield from _of_template(pair.value)


def _of_line(line: LineTemplate) -> Iterator[str]:
    yield from _of_account(line.path, line.node)
    yield from _of_array(line.repeated)
    if line.amount is not None:
        yield from line.amount.parameters
    if line.currency is not None:
        yield from line.currency.parameters
    if line.tx is not None:
        yield from _of_template(line.tx.id)
        yield from _of_template(line.tx.external_id)


def _of_bounds(condition: ConditionTemplate) -> Iterator[str]:
    if condition.currency is not None:
        yield from condition.currency.parameters
    for bound in (condition.eq, condition.gte, condition.lte):
        if bound is not None:
            yield from bound.parameters


def _of_account(path: Template, node: AccountNode) -> Iterator[str]:
    """Those of the path, then those that creating the accounts on it takes, root first."""
    yield from path.parameters
    nodes = [node]
    while nodes[-1].parent is not None:
        nodes.append(nodes[-1].parent)
    for each in reversed(nodes):
        yield from _of_template(each.name)
        if each.currency is not None:
            yield from each.currency.parameters
        if each.linked_account is not None:
            yield from each.linked_account.parameters


def _of_array(repeated: str | None) -> Iterator[str]:
    if repeated is not None:
        yield repeated


def _of_template(template: Template | None) -> Iterator[str]:
    if template is not None:
        yield from template.parameters
