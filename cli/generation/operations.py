"""A compiled Schema -> one mutation for each version of an entry type that defines lines.

A type whose lines carry a Tx is posted by reconcileTx, which takes neither an ik nor a posting
date; all others by addLedgerEntry.
"""

import json
from dataclasses import dataclass

from graphql import parse, print_ast

from cli.generation.names import free_name, is_graphql_name, operation_name
from cli.generation.parameters import ordered_parameters
from shared.ledger.schemas import EntryType, Schema

_ENTRY_SELECTION = """
  entry {
    id ik type created posted description
    ledger { ik } tags { key value } groups { key value }
  }
  lines { account { path } amount currency { code customCurrencyId } key }
  isIkReplay
"""
_RUNTIME_ARGUMENTS = {
    "tags": "[LedgerEntryTagInput!]",
    "groups": "[LedgerEntryGroupInput!]",
    "conditions": "[LedgerEntryConditionInput!]",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name, and its text as GraphQL prints it."""

    name: str
    text: str


def make_operation(name: str, text: str) -> Operation:
    """The operation in the one layout that all are written in."""
    return Operation(name, print_ast(parse(text)))


def schema_operations(schema: Schema, with_runtime_arguments: bool) -> list[Operation] | list[str]:
    """The operations in the order of the document, or every reason why there are none."""
    operations: dict[str, Operation] = {}
    owners: dict[str, str] = {}
    problems: list[str] = []
    for entry_type in schema.entry_types.values():
        if entry_type.lines is None:
            continue
        shown = f"{entry_type.type}, version {entry_type.version}"
        made = _operation(entry_type, with_runtime_arguments)
        if isinstance(made, list):
            problems += [f"the entry type {shown}: {problem}" for problem in made]
        elif made.name in operations:
            problems.append(
                f"the entry types {owners[made.name]} and {shown}: both are named {made.name}"
            )
        else:
            operations[made.name] = made
            owners[made.name] = shown
    return problems or list(operations.values())


def _operation(entry_type: EntryType, with_runtime_arguments: bool) -> Operation | list[str]:
    reconciles = any(line.tx is not None for line in entry_type.lines or ())
    name = operation_name(
        "Reconcile" if reconciles else "Post", entry_type.type, entry_type.version
    )
    parameters = ordered_parameters(entry_type)
    problems = [
        f"its parameter {each} is no GraphQL name: letters, digits and _ only"
        for each in parameters
        if not is_graphql_name(each)
    ]
    if name is None:
        problems.insert(0, "its type gives no GraphQL name: it needs ASCII letters or digits")
    if name is None or problems:
        return problems
    variables = _own_variables(entry_type, reconciles, with_runtime_arguments)
    entry = ["ledger: {ik: $ledgerIk}", f"type: {json.dumps(entry_type.type)}"]
    if "typeVersion" in entry_type.json:
        entry.append(f"typeVersion: {entry_type.version}")
    entry += [f"{each}: ${each}" for each in variables if each not in ("ik", "ledgerIk")]
    bound = []
    for parameter in parameters:
        variable = free_name(parameter, {*variables, *(set(parameters) - {parameter})})
        variables[variable] = "[JSON!]!" if parameter in entry_type.repeated else "String!"
        bound.append(f"{parameter}: ${variable}")
    entry.append(f"parameters: {{{', '.join(bound)}}}")
    return make_operation(name, _text(name, variables, entry, reconciles))


def _own_variables(
    entry_type: EntryType, reconciles: bool, with_runtime_arguments: bool
) -> dict[str, str]:
    """The variables before the parameters', in order, with their types."""
    variables = {} if reconciles else {"ik": "SafeString!", "posted": "DateTime"}
    if with_runtime_arguments:
        variables |= _RUNTIME_ARGUMENTS
        if entry_type.conditions:
            del variables["conditions"]
    return {**variables, "ledgerIk": "SafeString!"}


def _text(name: str, variables: dict[str, str], entry: list[str], reconciles: bool) -> str:
    declared = ", ".join([f"${each}: {kind}" for each, kind in variables.items()])
    argument = f"entry: {{{', '.join(entry)}}}"
    root = f"reconcileTx({argument})" if reconciles else f"addLedgerEntry(ik: $ik, {argument})"
    result = "ReconcileTxResult" if reconciles else "AddLedgerEntryResult"
    return f"""mutation {name}({declared}) {{
      {root} {{
        __typename
        ... on {result} {{ {_ENTRY_SELECTION} }}
        ... on BadRequestError {{ code message retryable }}
        ... on InternalError {{ code message retryable }}
      }}
    }}"""
