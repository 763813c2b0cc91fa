"""Mutation as ariadne wants it, and beside it the read graph that its answers select from."""

from ariadne import MutationType, SchemaBindable

from read_service.bindings import bind_read_types
from write_service.mutations import (
    accounts,
    currencies,
    entries,
    ledgers,
    links,
    revisions,
    schemas,
)
from write_service.posting import WriteServices


def bind_write_types(services: WriteServices) -> list[SchemaBindable]:
    """Everything that the write tier's schema needs."""
    mutation = MutationType()
    for noun in (accounts, currencies, entries, ledgers, links, revisions, schemas):
        for name, resolver in noun.bind(services).items():
            mutation.set_field(name, resolver)
    return [mutation, *bind_read_types()]
