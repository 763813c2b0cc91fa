"""The executor answers as graphql-core's does, whatever is asked and whatever is missing."""

import asyncio
import json
from typing import Any

from ariadne import ObjectType, make_executable_schema
from graphql import ExecutionResult, GraphQLSchema, execute, parse
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.graphql.documents import Documents, Operation
from shared.graphql.execution import Execution
from shared.graphql.failures import Failures
from shared.graphql.inputs import coerce_variables
from shared.graphql.results import UnboundFields
from shared.observe import EventLog

SDL = """
type Query { item(n: Int): Item  must: Item!  items: [Item]  every: [Item!]!  any: Any }
type Item {
  id: ID!  name: String  child: Item  others: [Item!]  any: Any!  numbers: [Int]  kind: Kind
  echo(text: String, list: [Int!], object: In): String
}
type Leaf { id: ID!  size: Int }
union Any = Item | Leaf
enum Kind { one two }
input In { a: Int!  b: [String!] }
"""


def make(later: bool) -> GraphQLSchema:
    """The schema; `later`: every resolver is asynchronous."""

    def echo(_source: object, _info: object, **arguments: Any) -> str:
        return json.dumps(arguments, sort_keys=True)

    def member(name: str) -> Any:
        def resolve(source: Any, _info: object, **_arguments: Any) -> Any:
            value = source[name]
            if value == "raise":
                raise ValueError("refused")
            return value

        return resolve

    def delayed(resolver: Any) -> Any:
        async def resolve(*arguments: Any, **named: Any) -> Any:
            await asyncio.sleep(0)
            return resolver(*arguments, **named)

        return resolve

    query, item = ObjectType("Query"), ObjectType("Item")
    wrap = delayed if later else lambda resolver: resolver
    for name in ("item", "must", "items", "every", "any"):
        query.set_field(name, wrap(member(name)))
    item.set_field("child", wrap(member("child")))
    item.set_field("echo", wrap(echo))
    return make_executable_schema(SDL, query, item, UnboundFields())


SCHEMAS = {later: make(later) for later in (False, True)}
DOCUMENTS = {later: Documents(schema) for later, schema in SCHEMAS.items()}


# --- What is asked --------------------------------------------------------------------------------
# Aliases and arguments go together, so that most documents are valid: no name means two things.
def aliased(names: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([text for name in names for text in (name, f"{name}2: {name}")])


CONDITIONS = st.sampled_from(
    ["", "", "", "", " @skip(if: $yes)", " @include(if: $yes)", " @include(if: $no)"]
)
ECHOES = st.sampled_from(
    [
        "echo",
        'e1: echo(text: "x")',
        "e2: echo(text: $text)",
        "e3: echo(list: [1, $n])",
        'e4: echo(object: {a: $n, b: ["x", $text]})',
    ]
)


def selections(type_name: str, depth: int) -> st.SearchStrategy[str]:
    """Selection sets of a type."""
    leaves = {
        "Query": ["__typename"],
        "Item": ["id", "name", "numbers", "kind", "__typename"],
        "Leaf": ["id", "size", "__typename"],
        "Any": ["__typename"],
    }[type_name]
    below = {
        "Query": {"item": "Item", "must": "Item", "items": "Item", "every": "Item", "any": "Any"},
        "Item": {"child": "Item", "others": "Item", "any": "Any"},
        "Leaf": {},
        "Any": {"... on Item": "Item", "... on Leaf": "Leaf"},
    }[type_name]
    choices: list[st.SearchStrategy[str]] = [st.tuples(aliased(leaves), CONDITIONS).map("".join)]
    if type_name == "Item":
        choices.append(st.tuples(ECHOES, CONDITIONS).map("".join))
        choices.append(st.sampled_from(["...Few", "...Few @include(if: $no)"]))
    if depth > 0:
        for name, of in below.items():
            field = st.just(name) if name.startswith("...") else aliased([name])
            inner = st.deferred(lambda of=of: selections(of, depth - 1))
            choices.append(st.tuples(field, CONDITIONS, inner).map("".join))
    return st.lists(st.one_of(choices), min_size=1, max_size=5).map(
        lambda fields: " { " + " ".join(fields) + " }"
    )


# --- What there is --------------------------------------------------------------------------------
def values(depth: int) -> st.SearchStrategy[Any]:
    """Items and what stands where an item should."""
    scalars = {
        "__typename": st.just("Item"),
        "id": st.sampled_from(["1", "2", None]),
        "name": st.sampled_from(["x", None]),
        "numbers": st.lists(st.sampled_from([1, None]), max_size=3) | st.none(),
        "kind": st.sampled_from(["one", None, "three"]),
    }
    leaf = st.fixed_dictionaries(
        {"__typename": st.just("Leaf"), "id": st.just("l")}, optional={"size": st.just(1)}
    )
    if depth == 0:
        ends = {"child": st.none(), "others": st.none(), "any": leaf | st.none()}
        return st.fixed_dictionaries(scalars | ends)
    item = st.deferred(lambda: values(depth - 1))
    return st.fixed_dictionaries(
        scalars
        | {
            "child": item | st.none() | st.just("raise"),
            "others": st.lists(item | st.none(), max_size=2) | st.none(),
            "any": item | leaf | st.none(),
        }
    )


ROOTS = st.fixed_dictionaries(
    {
        "item": values(2) | st.none() | st.just("raise"),
        "must": values(1) | st.none(),
        "items": st.lists(values(1) | st.none(), max_size=3),
        "every": st.lists(values(1) | st.none(), max_size=3),
        "any": values(1) | st.none(),
    }
)


class _Rooted(Execution):
    """The executor with a root value, which no tier has."""

    root: Any = None

    def fields(self, selection: Any, source: Any, path: Any) -> Any:
        return super().fields(selection, self.root if path is None else source, path)


def theirs(document: str, variables: dict[str, Any], root: Any) -> Any:
    """Always synchronous: graphql-core leaves the siblings of an asynchronous failure running."""
    result = execute(SCHEMAS[False], parse(document), root_value=root, variable_values=variables)
    assert isinstance(result, ExecutionResult)
    return result.data, [error.path for error in result.errors or []]


async def ours(operation: Operation, variables: dict[str, Any], root: Any) -> Any:
    coerced = coerce_variables(operation.variables, variables)
    assert isinstance(coerced, dict)
    execution = _Rooted(operation, coerced, None, Failures(EventLog("test"), "id"))
    execution.root = root
    return await execution.run(), [error.path for error in execution.errors]


@given(
    selections("Query", 3),
    ROOTS,
    st.booleans(),
    st.booleans(),
    st.sampled_from([{}, {"text": "t"}]),
)
async def test_answers_are_graphql_cores(
    selection: str, root: Any, later: bool, yes: bool, text: dict[str, str]
) -> None:
    used = [
        definition
        for name, definition in {
            "$yes": "$yes: Boolean!",
            "$no": "$no: Boolean! = false",
            "$n": "$n: Int! = 4",
            "$text": '$text: String! = "d"',
        }.items()
        if name in selection or (name == "$yes" and "...Few" in selection)
    ]
    head = f"query({', '.join(used)})" if used else ""
    fragment = "fragment Few on Item { id name child @skip(if: $yes) { id kind } }"
    document = f"{head}{selection} {fragment if '...Few' in selection else ''}"
    operation = DOCUMENTS[later].operation(document, None)
    assume(isinstance(operation, Operation))
    assert isinstance(operation, Operation)
    variables: dict[str, Any] = {"yes": yes} | text
    their_data, their_paths = theirs(document, variables, root)
    our_data, our_paths = await ours(operation, variables, root)
    assert our_data == their_data
    if their_data is not None:
        assert list(our_data) == list(their_data)
    # Both name why a null spread; where several siblings failed, either may be named.
    assert bool(our_paths) == bool(their_paths)
    if not later:
        assert sorted(map(str, our_paths)) == sorted(map(str, their_paths))
