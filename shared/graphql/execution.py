"""Runs a prepared operation: graphql-core's rules, without its costs per field.

graphql-core collects a selection, looks up each field, builds its arguments, its path and its info
for every field of every request. Here all that depends on the document alone is planned once and
kept with the document (`selections.py`), and a field that is only an attribute of its parent costs
an attribute. Errors are located and nulls spread as graphql-core does it: a test runs both.

What differs on purpose:
- all resolvers of a request get one Info, which holds what they share;
- a mutation's root resolver may return a Rejection or raise, and its union's error member answers;
- before each further mutation of a request its context forgets what was read (`forget_reads`, if it
  has one), so that every mutation's selection sees what that mutation wrote;
- a query's resolver may return a Rejection instead of raising it;
- siblings of a field that failed are awaited, never left running;
- attributes and the items of a list are values: only what a resolver returns may be awaitable.
"""

import asyncio
from collections.abc import Awaitable
from functools import lru_cache
from types import CoroutineType, GeneratorType
from typing import Any

from graphql import GraphQLError, GraphQLObjectType, GraphQLSchema, located_error
from graphql.pyutils import is_awaitable

from shared.errors import RejectionError
from shared.graphql.documents import Operation
from shared.graphql.failures import Failures
from shared.graphql.results import MISSING
from shared.graphql.selections import (
    Abstract,
    Field,
    Leaf,
    List,
    Object,
    Output,
    Selection,
    takes_rejection,
)
from shared.ledger.rejections import Rejection

# What most values are, and what can't be awaited: asking `is_awaitable` costs three times as much.
_PLAIN = frozenset({dict, str, int, bool, list, tuple, type(None), Rejection})
_CLASSES_CACHED_MAX = 1024

Completed = Any  # JSON, or a coroutine that gives it
Path = tuple[Any, str | int]  # the path of the parent (None at the root), and a name or a place


def steps_of(path: Path | None) -> list[str | int]:
    """A path from the root on, as errors tell it."""
    steps: list[str | int] = []
    while path is not None:
        path, step = path
        steps.append(step)
    steps.reverse()
    return steps


@lru_cache(maxsize=_CLASSES_CACHED_MAX)
def _is_plain(kind: type) -> bool:
    """Whether no value of the class can be awaited."""
    return kind in _PLAIN or not (kind is GeneratorType or hasattr(kind, "__await__"))


class Info:
    """What all resolvers of a request are given beside their source; `schema` is asked by those of
    introspection.
    """

    __slots__ = ("context", "schema")

    def __init__(self, context: Any, schema: GraphQLSchema) -> None:
        self.context = context
        self.schema = schema


class Execution:
    """One run of one operation. `refused` names the error members that mutations answered with."""

    __slots__ = (
        "_info",
        "_refusal",
        "errors",
        "failures",
        "operation",
        "refused",
        "variables",
    )

    def __init__(
        self,
        operation: Operation,
        variables: dict[str, Any],
        context: object,
        failures: Failures,
        refusal: Rejection | None = None,
    ) -> None:
        self.operation = operation
        self.variables = variables
        self.failures = failures
        self.errors: list[GraphQLError] = []
        self.refused: list[str] = []
        self._refusal = refusal  # answers every root field of a mutation that may not run
        self._info = Info(context, operation.schema)

    async def run(self) -> dict[str, Any] | None:
        """The answer's `data`; `errors` holds what went wrong on the way."""
        selection = self.operation.root_selection(self.variables)
        try:
            if self.operation.is_mutation:
                return await self._mutate(selection)
            data = self.fields(selection, None, None)
            if data.__class__ is CoroutineType:
                data = await data
        except GraphQLError as error:
            self.errors.append(error)
            return None
        assert isinstance(data, dict)
        return data

    # --- Mutations: one root field after the other ------------------------------------------------
    async def _mutate(self, selection: Selection) -> dict[str, Any]:
        results = {}
        is_later = False
        for field in selection:
            if field.typename is not None:
                results[field.response_name] = field.typename
                continue
            if is_later:
                forget_reads = getattr(self._info.context, "forget_reads", None)
                if forget_reads is not None:
                    forget_reads()
            is_later = True
            results[field.response_name] = await self._mutate_field(field)
        return results

    async def _mutate_field(self, field: Field) -> Completed:
        path = (None, field.response_name)
        try:
            value = self._refusal
            if value is None:
                try:
                    value = self._call(field, None)
                    if not _is_plain(value.__class__) and is_awaitable(value):
                        value = await value
                except Exception as raw:
                    value = self._mutation_rejection(field, raw)
            completed = self._complete(field, path, value)
            if completed.__class__ is CoroutineType:
                completed = await completed
            return completed
        except Exception as raw:
            self._failed(field, path, raw)
            return None

    def _mutation_rejection(self, field: Field, raw: Exception) -> Rejection:
        """What a mutation's union answers for an exception; raises it again if no union can."""
        if isinstance(raw, GraphQLError) or not takes_rejection(field.output):
            raise raw
        rejection = self.failures.rejection(raw)
        if rejection.code == "not_implemented":
            raise raw
        return rejection

    # --- Selections and fields --------------------------------------------------------------------
    def fields(self, selection: Selection, source: Any, path: Path | None) -> Completed:
        """Every field of one object: a dict, or a coroutine that gives it."""
        results: dict[str, Any] = {}
        waiting: list[str] | None = None
        is_dict = source.__class__ is dict
        for field in selection:
            name = field.response_name
            if field.typename is not None:
                results[name] = field.typename
                continue
            serialize = field.serialize
            try:
                if field.source is None:
                    value = self._call(field, source)
                    kind = value.__class__
                    if kind not in _PLAIN and not _is_plain(kind) and is_awaitable(value):
                        results[name] = self._awaited(field, (path, name), value)
                        if waiting is None:
                            waiting = []
                        waiting.append(name)
                        continue
                    if kind is Rejection:
                        serialize = None  # refused, not served
                else:
                    if is_dict:
                        value = source.get(field.name, MISSING)
                    else:
                        value = getattr(source, field.attribute, MISSING)
                    if value is MISSING:
                        value = field.source(source, None)
                if serialize is not None and value is not None:
                    results[name] = serialize(value)
                    continue
                here = (path, name)
                completed = self._complete(field, here, value)
                if completed.__class__ is CoroutineType:
                    completed = self._finished(field, here, completed)
                    if waiting is None:
                        waiting = []
                    waiting.append(name)
                results[name] = completed
            except Exception as raw:
                try:
                    self._failed(field, (path, name), raw)
                except GraphQLError as error:
                    if waiting is None:
                        raise
                    return _settled([results[each] for each in waiting], error)
                results[name] = None
        return results if waiting is None else _gathered(results, waiting)

    def _call(self, field: Field, source: Any) -> Any:
        if field.arguments is None:
            return field.resolve(source, self._info)
        arguments = field.arguments.build(self.variables, field.nodes[0])
        return field.resolve(source, self._info, **arguments)

    async def _awaited(self, field: Field, path: Path, value: Awaitable[Any]) -> Completed:
        try:
            completed = self._complete(field, path, await value)
            if completed.__class__ is CoroutineType:
                completed = await completed
            return completed
        except Exception as raw:
            self._failed(field, path, raw)
            return None

    async def _finished(self, field: Field, path: Path, completed: Awaitable[Any]) -> Completed:
        try:
            return await completed
        except Exception as raw:
            self._failed(field, path, raw)
            return None

    def _failed(self, field: Field, path: Path, raw: Exception) -> None:
        """Notes the error of a field that may be null; else raises it, so that it goes up."""
        error = located_error(raw, field.nodes, steps_of(path))
        if field.is_required:
            raise error
        self.errors.append(error)

    # --- Values -----------------------------------------------------------------------------------
    def _complete(self, field: Field, path: Path, value: Any) -> Completed:
        if value is None:
            if field.is_required:
                raise TypeError(f"{field.parent.name}.{field.name} may not be null")
            return None
        output = field.output
        if value.__class__ is Rejection and not takes_rejection(output):
            raise RejectionError(value)
        if output.__class__ is Object:
            return self._object(output.type, field, path, value)
        return self._output(output, field, path, value)

    def _output(self, output: Output, field: Field, path: Path, value: Any) -> Completed:
        kind = output.__class__
        if kind is Object:
            return self._object(output.type, field, path, value)  # type: ignore[union-attr,arg-type]
        if kind is List:
            return self._list(output, field, path, value)  # type: ignore[arg-type]
        if kind is Leaf:
            return output.serialize(value)  # type: ignore[union-attr]
        assert isinstance(output, Abstract)
        name = output.type.resolve_type(value, None, output.type)  # type: ignore[misc,arg-type]
        type_ = output.possible.get(name)  # type: ignore[arg-type]
        if type_ is None:
            raise TypeError(f"{type(value).__name__} is no member of {output.type.name}")
        if output.takes_rejection and name.endswith("Error"):  # type: ignore[union-attr]
            self.refused.append(type_.name)
        return self._object(type_, field, path, value)

    def _object(self, type_: GraphQLObjectType, field: Field, path: Path, value: Any) -> Completed:
        selection = field.selections.get(type_.name)
        if selection is None:
            selection = self.operation.selection(type_, field.nodes, self.variables)
            field.selections[type_.name] = selection
        return self.fields(selection, value, path)

    def _list(self, output: List, field: Field, path: Path, value: Any) -> Completed:
        if isinstance(value, str | bytes | dict):
            raise TypeError(f"{field.parent.name}.{field.name} needs a list")
        results: list[Any] = []
        waiting: list[int] | None = None
        of_item = output.item
        is_object = of_item.__class__ is Object
        for index, item in enumerate(value):
            here = (path, index)
            try:
                if item is None:
                    if output.is_required:
                        raise TypeError(f"{field.parent.name}.{field.name} may not hold null")
                    completed = None
                elif is_object:
                    completed = self._object(of_item.type, field, here, item)  # type: ignore[union-attr,arg-type]
                else:
                    completed = self._output(of_item, field, here, item)
            except Exception as raw:
                error = located_error(raw, field.nodes, steps_of(here))
                if not output.is_required:
                    self.errors.append(error)
                    completed = None
                elif waiting is None:
                    raise error from raw
                else:
                    return _settled([results[place] for place in waiting], error)
            if completed.__class__ is CoroutineType:
                if waiting is None:
                    waiting = []
                waiting.append(index)
                completed = self._item(output, field, here, completed)
            results.append(completed)
        return results if waiting is None else _gathered(results, waiting)

    async def _item(
        self, output: List, field: Field, path: Path, completed: Awaitable[Any]
    ) -> Completed:
        try:
            return await completed
        except Exception as raw:
            error = located_error(raw, field.nodes, steps_of(path))
            if output.is_required:
                raise error from raw
            self.errors.append(error)
            return None


async def _gathered(results: Any, waiting: list[Any]) -> Any:
    """`results` (a dict or a list) with what stands at the places `waiting` awaited."""
    if len(waiting) == 1:
        results[waiting[0]] = await results[waiting[0]]
        return results
    values = await asyncio.gather(*[results[place] for place in waiting], return_exceptions=True)
    for place, value in zip(waiting, values, strict=True):
        if isinstance(value, BaseException):
            raise value
        results[place] = value
    return results


async def _settled(waiting: list[Awaitable[Any]], error: GraphQLError) -> Any:
    """Raises `error` once what was begun before it has ended."""
    await asyncio.gather(*waiting, return_exceptions=True)
    raise error
