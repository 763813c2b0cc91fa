"""The root Query: each noun's entry points, gathered from the modules of `types`."""

from read_service.types import (
    accounts,
    currencies,
    data_migrations,
    entries,
    groups,
    ledgers,
    lines,
    links,
    schemas,
    workspaces,
)
from read_service.types.fields import Fields, Resolver

MODULES = (
    accounts,
    currencies,
    data_migrations,
    entries,
    groups,
    ledgers,
    lines,
    links,
    schemas,
    workspaces,
)


def root_fields() -> dict[str, Resolver]:
    """Query's fields that are built; the rest answers not_implemented."""
    fields: dict[str, Resolver] = {}
    for module in MODULES:
        for name, resolver in module.FIELDS.get("Query", {}).items():
            assert name not in fields, f"Query.{name} is bound twice"
            fields[name] = resolver
    return fields


def object_fields() -> Fields:
    """The fields of every other object type of the read graph."""
    fields: Fields = {}
    for module in MODULES:
        for type_name, resolvers in module.FIELDS.items():
            if type_name != "Query":
                assert type_name not in fields, f"{type_name} is bound in two modules"
                fields[type_name] = resolvers
    return fields
