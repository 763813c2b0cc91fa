"""What a list may ask of a document: a closed set of filter clauses, and what each one means.

The same clauses are evaluated three times: by Elasticsearch (`elastic.py` turns them into
queries), by the in-memory index, and by lists that are served from DynamoDB because the Schema
wants them strong. `matches` is their definition; the contract suite holds Elasticsearch to it.

A field of a document is absent, one value, or a list of values; a clause about a value holds when
any of a list's values fits. Text is compared as it stands: no folding, no analysis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Scalar = str | int
Source = Mapping[str, Any]

NUL = "\x00"  # between key and value: stands in neither


@dataclass(frozen=True, slots=True)
class Term:
    """`field` has `value`."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Terms:
    """`field` has at least one of `values`; none of them (an empty tuple) matches nothing."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """gte <= `field` <= lte, both inclusive and optional; an absent field doesn't match."""

    field: str
    gte: int | None = None
    lte: int | None = None


@dataclass(frozen=True, slots=True)
class Contains:
    """`field` has a value that begins with `prefix` and holds `fragment` anywhere after it.

    The one clause without an exact term to look up: Elasticsearch walks the field's terms that
    begin with `prefix`, so its cost grows with their number and not with the documents'.
    """

    field: str
    prefix: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Not:
    """`clause` doesn't match."""

    clause: "Clause"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of `clauses` matches; none of them (an empty tuple) matches nothing."""

    clauses: "tuple[Clause, ...]"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of `clauses` matches."""

    clauses: "tuple[Clause, ...]"


Clause = Term | Terms | Range | Contains | Not | AnyOf | AllOf

NOTHING = AnyOf(())  # matches no document


def pair_term(key: str, value: str) -> str:
    """How a tag or a group stands among a document's keywords; its key alone stands there too."""
    return f"{key}{NUL}{value}"


def matches(clauses: Sequence[Clause], source: Source) -> bool:
    """Whether a document with the fields of `source` satisfies every clause."""
    return all(_holds(clause, source) for clause in clauses)


def _values(source: Source, field: str) -> Sequence[Any]:
    value = source.get(field)
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _holds(clause: Clause, source: Source) -> bool:
    match clause:
        case Term(field, value):
            return value in _values(source, field)
        case Terms(field, values):
            return any(value in values for value in _values(source, field))
        case Range(field, gte, lte):
            return any(
                (gte is None or value >= gte) and (lte is None or value <= lte)
                for value in _values(source, field)
            )
        case Contains(field, prefix, fragment):
            start = len(prefix)
            return any(
                value.startswith(prefix) and fragment in value[start:]
                for value in _values(source, field)
            )
        case Not(inner):
            return not _holds(inner, source)
        case AnyOf(inners):
            return any(_holds(inner, source) for inner in inners)
        case AllOf(inners):
            return all(_holds(inner, source) for inner in inners)
