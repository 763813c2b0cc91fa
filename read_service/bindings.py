"""The read graph as ariadne wants it. Both tiers bind it: a mutation's answer selects from it."""

from ariadne import InterfaceType, ObjectType, QueryType, SchemaBindable

from read_service.queries import object_fields, root_fields
from read_service.types.links import link_type_name


def bind_read_types() -> list[SchemaBindable]:
    """Query and every object type that it leads to. The context value is a RequestContext.

    What a source has as an attribute isn't bound: the schema's default takes it, and answers
    not_implemented for what nobody has built.
    """
    query = QueryType()
    for name, resolver in root_fields().items():
        query.set_field(name, resolver)
    bindables: list[SchemaBindable] = [query, InterfaceType("Link", link_type_name)]
    for type_name, fields in object_fields().items():
        object_type = ObjectType(type_name)
        for name, resolver in fields.items():
            object_type.set_field(name, resolver)
        bindables.append(object_type)
    return bindables
