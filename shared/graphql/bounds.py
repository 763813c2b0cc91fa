"""How much a document asks for, measured first: validation itself can be made expensive.

Everything is counted with fragments expanded, in time that grows with the document and with
QUERY_FIELDS_MAX, not with what the fragments multiply to. `compared` bounds the pairs of fields
that the rule "overlapping fields can be merged" compares, which is quadratic.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)
from graphql.language import FragmentSpreadNode, ListValueNode, Node, ObjectValueNode

from shared.graphql.codes import (
    JSON_TOO_DEEP,
    QUERY_TOO_DEEP,
    TOO_MANY_ALIASES,
    TOO_MANY_DEFINITIONS,
    TOO_MANY_FIELDS,
    TOO_MANY_REPEATED_FIELDS,
    TOO_MANY_ROOT_FIELDS,
    refusal,
)
from shared.limits import (
    DOCUMENT_DEFINITIONS_MAX,
    FIELDS_COMPARED_MAX,
    JSON_DEPTH_MAX,
    QUERY_ALIASES_MAX,
    QUERY_DEPTH_MAX,
    QUERY_FIELDS_MAX,
    QUERY_NESTING_MAX,
    QUERY_ROOT_FIELDS_MAX,
)


@dataclass(frozen=True, slots=True)
class Size:
    """What a selection set amounts to, fragments expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    root_fields: int = 0

    def beside(self, other: "Size") -> "Size":
        """Both in one selection set."""
        return Size(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.root_fields + other.root_fields,
        )


class _TooDeep(Exception):
    """Braces nested beyond QUERY_NESTING_MAX."""


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        fragments = [
            definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        ]
        self.fragments = {fragment.name.value: fragment for fragment in fragments}
        # A name that two share, or a cycle: what is counted then isn't all that may be spread.
        self.is_tangled = len(self.fragments) < len(fragments)
        self._sizes: dict[str, Size] = {}
        self._open: set[str] = set()

    def size(self, selection_set: SelectionSetNode, nesting: int = 0) -> Size:
        if nesting > QUERY_NESTING_MAX:
            raise _TooDeep
        total = Size()
        for node in selection_set.selections:
            total = total.beside(self._selected(node, nesting))
        return total

    def _selected(self, node: SelectionNode, nesting: int) -> Size:
        if isinstance(node, FieldNode):
            below = Size()
            if node.selection_set is not None:
                below = self.size(node.selection_set, nesting + 1)
            aliases = below.aliases + (node.alias is not None)
            return Size(below.depth + 1, below.fields + 1, aliases, 1)
        if isinstance(node, InlineFragmentNode):
            return self.size(node.selection_set, nesting + 1)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value)

    def _fragment(self, name: str) -> Size:
        size = self._sizes.get(name)
        if size is not None:
            return size
        fragment = self.fragments.get(name)
        if fragment is None:
            return Size()  # validation says that it is unknown
        if name in self._open:
            self.is_tangled = True
            return Size()
        self._open.add(name)
        size = self.size(fragment.selection_set)
        self._open.discard(name)
        self._sizes[name] = size
        return size

    def compared(self, selection_sets: list[SelectionSetNode]) -> int:
        """Pairs of fields that merge, in these selections of one object and everything below."""
        groups: dict[str, list[FieldNode]] = {}
        for node in self._level(selection_sets):
            name = node.alias.value if node.alias is not None else node.name.value
            groups.setdefault(name, []).append(node)
        pairs = 0
        for nodes in groups.values():
            pairs += len(nodes) * (len(nodes) - 1) // 2
            below = [node.selection_set for node in nodes if node.selection_set is not None]
            if below:
                pairs += self.compared(below)
        return pairs

    def _level(self, selection_sets: list[SelectionSetNode]) -> Iterator[FieldNode]:
        seen: set[str] = set()
        rest = list(selection_sets)
        while rest:
            for node in rest.pop().selections:
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    rest.append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                    seen.add(node.name.value)
                    fragment = self.fragments.get(node.name.value)
                    if fragment is not None:
                        rest.append(fragment.selection_set)


def check_bounds(document: DocumentNode) -> tuple[GraphQLError | None, bool]:
    """The first limit that the document breaks, if any; and whether its fragments are tangled: in a
    cycle, or two of one name. Such a document must be refused, and not validated by all rules.
    """
    count = len(document.definitions)
    if count > DOCUMENT_DEFINITIONS_MAX:
        return refusal(TOO_MANY_DEFINITIONS, count=count, max=DOCUMENT_DEFINITIONS_MAX), False
    measure = _Measure(document)
    try:
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
                error = _check_definition(measure, definition)
                if error is not None:
                    return error, measure.is_tangled
        if not measure.is_tangled:
            return _check_compared(measure, document), False
    except (_TooDeep, RecursionError):
        return too_deep(), False
    return None, measure.is_tangled


def too_deep() -> GraphQLError:
    """The refusal of a document whose braces nest so deep that nobody counts them."""
    return refusal(QUERY_TOO_DEEP, where="The document", count="too many", max=QUERY_DEPTH_MAX)


def _check_definition(
    measure: _Measure, definition: OperationDefinitionNode | FragmentDefinitionNode
) -> GraphQLError | None:
    size = measure.size(definition.selection_set)
    name = definition.name.value if definition.name is not None else ""
    if isinstance(definition, OperationDefinitionNode):
        where = f"The operation {name}".strip()
        root_fields = size.root_fields
    else:
        where = f"The fragment {name}"
        root_fields = 0
    rows = (
        (QUERY_TOO_DEEP, size.depth, QUERY_DEPTH_MAX),
        (TOO_MANY_FIELDS, size.fields, QUERY_FIELDS_MAX),
        (TOO_MANY_ALIASES, size.aliases, QUERY_ALIASES_MAX),
        (TOO_MANY_ROOT_FIELDS, root_fields, QUERY_ROOT_FIELDS_MAX),
    )
    for code, count, limit in rows:
        if count > limit:
            return refusal(code, where=where, count=count, max=limit)
    if literals_deeper_than(definition, JSON_DEPTH_MAX):
        return refusal(JSON_TOO_DEEP, where=f"{where}: a value", max=JSON_DEPTH_MAX)
    return None


def _check_compared(measure: _Measure, document: DocumentNode) -> GraphQLError | None:
    compared = 0
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            compared += measure.compared([definition.selection_set])
    if compared > FIELDS_COMPARED_MAX:
        return refusal(TOO_MANY_REPEATED_FIELDS, where="The document", max=FIELDS_COMPARED_MAX)
    return None


def literals_deeper_than(root: Node, limit: int) -> bool:
    """Whether a literal anywhere below `root` nests lists and objects more than `limit` deep."""
    rest: list[tuple[Node, int]] = [(root, 0)]
    while rest:
        node, depth = rest.pop()
        if isinstance(node, ListValueNode | ObjectValueNode):
            depth += 1
            if depth > limit:
                return True
        for key in node.keys:
            value = getattr(node, key)
            if isinstance(value, Node):
                rest.append((value, depth))
            elif isinstance(value, list | tuple):
                rest.extend((item, depth) for item in value if isinstance(item, Node))
    return False


def json_deeper_than(value: object, limit: int) -> bool:
    """Whether `value` nests arrays and objects more than `limit` deep."""
    level = [value]
    for _ in range(limit + 1):
        nested = [item for item in level if isinstance(item, dict | list)]
        if not nested:
            return False
        level = []
        for item in nested:
            level.extend(item.values() if isinstance(item, dict) else item)
    return True
