"""From a document's text to an operation that can run: parsed, measured, validated, planned.

    text ──limits──► parse ──bounds──► validate ──► Operation, kept in a bounded LRU by text

Without the cache one mutation costs several times its CPU. A document that is refused is not kept.
The cache is bounded in documents and in characters, because what is kept of a document grows with
its text; answers that are kept with documents, which don't, are bounded in bytes.
"""

from collections import OrderedDict
from collections.abc import Callable

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NoFragmentCyclesRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    UniqueFragmentNamesRule,
    parse,
    validate,
)

from shared.graphql.bounds import check_bounds, too_deep
from shared.graphql.codes import (
    DOCUMENT_TOO_LONG,
    OPERATION_NOT_FOUND,
    SYNTAX_ERROR,
    TOO_MANY_TOKENS,
    VALIDATION_FAILED,
    refusal,
    with_code,
)
from shared.graphql.inputs import plan_variables
from shared.graphql.selections import Planner, Selection, Variables
from shared.limits import (
    ANSWER_KEPT_BYTES_MAX,
    ANSWERS_KEPT_BYTES_MAX,
    DOCUMENT_CHARS_MAX,
    DOCUMENT_TOKENS_MAX,
    DOCUMENTS_CACHED_CHARS_MAX,
    DOCUMENTS_CACHED_MAX,
    VALIDATION_ERRORS_MAX,
)

_TANGLES = (UniqueFragmentNamesRule, NoFragmentCyclesRule)


class Operation:
    """One operation of a valid document, with its plans.

    `label` is what metrics call it: its root field, `several` or `introspection`; never a name that
    the client chose. `answer` holds what `Documents.keep_answer` was given.
    """

    __slots__ = (
        "_conditional",
        "_planner",
        "_root",
        "answer",
        "fragments",
        "is_constant",
        "is_forwardable",
        "is_mutation",
        "label",
        "node",
        "root_type",
        "schema",
        "variables",
    )

    def __init__(
        self,
        planner: Planner,
        node: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        *,
        conditional: bool,
    ) -> None:
        root_type = planner.schema.get_root_type(node.operation)
        assert root_type is not None, "validation refuses what the schema has no root type for"
        self.schema = planner.schema
        self.node = node
        self.fragments = fragments
        self.root_type: GraphQLObjectType = root_type
        self.is_mutation = node.operation is OperationType.MUTATION
        self.variables = plan_variables(
            planner.schema, planner.coercers, node.variable_definitions or ()
        )
        self._planner = planner
        self._conditional = conditional
        self._root: Selection | None = None
        names = _field_names(node.selection_set, fragments)
        introspects = not self.is_mutation and all(name.startswith("__") for name in names)
        self.is_constant = introspects and not conditional and not self.variables.rows
        self.is_forwardable = not self.is_mutation and not introspects
        self.answer: bytes | None = None
        if introspects:
            self.label = "introspection"
        else:
            self.label = names.pop() if len(names) == 1 else "several"

    def root_selection(self, variables: Variables) -> Selection:
        """What is asked of the root type."""
        if self._root is not None:
            return self._root
        selection = self._planner.root(
            self.root_type, self.node.selection_set, self.fragments, variables
        )
        if not self._conditional:
            self._root = selection
        return selection

    def selection(
        self, type_: GraphQLObjectType, nodes: list[FieldNode], variables: Variables
    ) -> Selection:
        """What `nodes` ask of an object of `type_`; the field that holds them keeps the answer."""
        return self._planner.below(type_, nodes, self.fragments, variables)


def _field_names(
    selection_set: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> set[str]:
    """Names of the fields that a selection may ask for, whatever its directives say."""
    names: set[str] = set()
    rest = [selection_set]
    while rest:
        for node in rest.pop().selections:
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                rest.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                rest.append(fragments[node.name.value].selection_set)
    return names


class Prepared:
    """A valid document: its operations by name, prepared when first asked for."""

    __slots__ = (
        "_conditional",
        "_fragments",
        "_is_dropped",
        "_nodes",
        "_operations",
        "_planner",
        "chars",
    )

    def __init__(self, planner: Planner, document: DocumentNode, text: str) -> None:
        self._planner = planner
        self._nodes: dict[str, OperationDefinitionNode] = {}
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._nodes[definition.name.value if definition.name else ""] = definition
            elif isinstance(definition, FragmentDefinitionNode):
                self._fragments[definition.name.value] = definition
        self._operations: dict[str | None, Operation] = {}
        self._conditional = "@" in text  # a directive may make a selection depend on variables
        self._is_dropped = False
        self.chars = len(text)

    def drop(self) -> list[Operation]:
        """The operations, of which no answer is kept from now on."""
        self._is_dropped = True
        for operation in self._operations.values():
            operation.is_constant = False
        return list(self._operations.values())

    def operation(self, name: str | None) -> Operation | list[GraphQLError]:
        """The operation `name`, or the only one; errors when there is none such."""
        operation = self._operations.get(name)
        if operation is None:
            node = self._find(name)
            if isinstance(node, str):
                return [refusal(OPERATION_NOT_FOUND, detail=node)]
            operation = Operation(
                self._planner, node, self._fragments, conditional=self._conditional
            )
            operation.is_constant = operation.is_constant and not self._is_dropped
            self._operations[name] = operation
        return operation

    def _find(self, name: str | None) -> OperationDefinitionNode | str:
        if name is not None:
            named = self._nodes.get(name) if name else None
            return named or f"The document holds no operation named {name[:60]!r}."
        if len(self._nodes) == 1:
            return next(iter(self._nodes.values()))
        if not self._nodes:
            return "The document holds no operation."
        return "The document holds several operations: operationName must name one."


class Documents:
    """The cache of prepared documents of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        cached_max: int = DOCUMENTS_CACHED_MAX,
        cached_chars_max: int = DOCUMENTS_CACHED_CHARS_MAX,
        answers_bytes_max: int = ANSWERS_KEPT_BYTES_MAX,
        count: Callable[[str], None] | None = None,
    ) -> None:
        """`count` is told `prepared` or `refused` for every document that was not in the cache."""
        self._planner = Planner(schema)
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()
        self._chars = 0
        self._cached_max = cached_max
        self._cached_chars_max = cached_chars_max
        self._answered: dict[Operation, int] = {}  # bytes kept, the oldest answer first
        self._answers_bytes = 0
        self._answers_bytes_max = answers_bytes_max
        self._count = count

    def __len__(self) -> int:
        return len(self._prepared)

    def operation(self, text: str, name: str | None) -> Operation | list[GraphQLError]:
        """The operation `name` of the document `text`, or why it can't be run."""
        prepared = self._prepared.get(text)
        if prepared is not None:
            self._prepared.move_to_end(text)
            return prepared.operation(name)
        made = self._prepare(text)
        return made if isinstance(made, list) else made.operation(name)

    def _prepare(self, text: str) -> Prepared | list[GraphQLError]:
        document, errors = prepare_document(self._planner.schema, text)
        if document is None:
            self._told("refused")
            return errors
        self._told("prepared")
        prepared = Prepared(self._planner, document, text)
        self._prepared[text] = prepared
        self._chars += prepared.chars
        while len(self._prepared) > self._cached_max or self._chars > self._cached_chars_max:
            _, dropped = self._prepared.popitem(last=False)
            self._chars -= dropped.chars
            for operation in dropped.drop():
                self._forget_answer(operation)
        return prepared

    # --- Answers that can't change ----------------------------------------------------------------
    @property
    def answers_bytes(self) -> int:
        """Bytes of all answers that are kept."""
        return self._answers_bytes

    def keep_answer(self, operation: Operation, answer: bytes) -> None:
        """Keeps a constant operation's answer unless it is too large; the oldest make room."""
        if len(answer) > ANSWER_KEPT_BYTES_MAX or not operation.is_constant:
            return
        self._forget_answer(operation)
        operation.answer = answer
        self._answered[operation] = len(answer)
        self._answers_bytes += len(answer)
        while self._answers_bytes > self._answers_bytes_max:
            self._forget_answer(next(iter(self._answered)))

    def _forget_answer(self, operation: Operation) -> None:
        self._answers_bytes -= self._answered.pop(operation, 0)
        operation.answer = None

    def _told(self, result: str) -> None:
        if self._count is not None:
            self._count(result)


def prepare_document(
    schema: GraphQLSchema, text: str
) -> tuple[DocumentNode | None, list[GraphQLError]]:
    """The parsed, measured and validated document, or why there is none."""
    if len(text) > DOCUMENT_CHARS_MAX:
        return None, [refusal(DOCUMENT_TOO_LONG, count=len(text), max=DOCUMENT_CHARS_MAX)]
    try:
        document = parse(text, max_lexical_tokens=DOCUMENT_TOKENS_MAX)
    except GraphQLError as error:
        return None, [_unparsed(error)]
    error_found, is_tangled = check_bounds(document)
    if error_found is not None:
        return None, [error_found]
    if is_tangled:
        errors = validate(schema, document, _TANGLES, max_errors=VALIDATION_ERRORS_MAX)
        errors = errors or [
            GraphQLError("The document's fragments are in a cycle or share a name.")
        ]
    else:
        errors = validate(schema, document, max_errors=VALIDATION_ERRORS_MAX)
        errors = errors or _rootless(schema, document)
    if errors:
        return None, [with_code(error, VALIDATION_FAILED) for error in errors]
    return document, []


def _unparsed(error: GraphQLError) -> GraphQLError:
    """The parser's refusal, with a code by what it says: its limits have no types of their own."""
    if "tokens. Parsing aborted" in error.message:
        return refusal(TOO_MANY_TOKENS, max=DOCUMENT_TOKENS_MAX)
    if "nested too deeply" in error.message:
        return too_deep()
    return with_code(error, SYNTAX_ERROR)


def _rootless(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """Operations of a kind that the schema doesn't offer: graphql-core finds out when executing."""
    return [
        GraphQLError(f"This API has no {definition.operation.value}s.", definition)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        and schema.get_root_type(definition.operation) is None
    ]
