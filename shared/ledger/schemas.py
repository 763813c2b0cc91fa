"""A Schema version, compiled once: what planning interprets.

`repeated: {key: items}` on a line or condition names an array parameter of objects. Each element
makes one copy, in order. Within it `{{items.amount}}` is the element's field `amount` and
`{{name}}` still the entry's own parameter (also in the name, currency and linked account of the
template account it goes to); fields are texts. Copies of a line share its key. To fill in a copy,
add `element_parameters` to the entry's own.
"""

import json as json_module
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from shared.ledger.chart import AccountNode, ChartOfAccounts, CurrencyTemplate, Status
from shared.ledger.templates import AmountExpression, Template

PostLinesAs = Literal["raw_lines", "net_amounts", "skip_zero_lines"]

POST_LINES_AS: tuple[PostLinesAs, ...] = ("raw_lines", "net_amounts", "skip_zero_lines")


class Violation(NamedTuple):
    """A broken rule of a Schema: where in the document, and what would be right.

    The message reads on from the path: `ledgerEntries.types[2].lines[0].amount` `is required`.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}" if self.path else f"The document {self.message}"


class PairTemplate(NamedTuple):
    """A tag or a group: a fixed key and a parameterized value."""

    key: str
    value: Template


@dataclass(frozen=True, slots=True)
class TxTemplate:
    """The Tx that a line on a Linked Ledger Account reconciles: one of the two."""

    id: Template | None
    external_id: Template | None


@dataclass(frozen=True, slots=True)
class LineTemplate:
    """One line of an entry type, or (repeated) one for each element of an array parameter.

    Without `amount` a line takes that of its Tx. One line of a type may have neither amount nor tx
    (`is_balancing`) when others take theirs from a Tx: it gets what balances the entry.
    """

    key: str
    path: Template
    node: AccountNode
    amount: AmountExpression | None
    currency: CurrencyTemplate | None  # as stated: a single-currency account's is its own
    description: Template | None
    tags: tuple[PairTemplate, ...]
    tx: TxTemplate | None
    repeated: str | None  # the array parameter

    @property
    def is_balancing(self) -> bool:
        """Whether its amount is what the other lines leave."""
        return self.amount is None and self.tx is None


@dataclass(frozen=True, slots=True)
class ConditionTemplate:
    """Bounds on one balance; a condition of the document may become several."""

    path: Template
    node: AccountNode
    currency: CurrencyTemplate | None
    when: Literal["pre", "post"]
    scope: Literal["own", "total"]
    eq: AmountExpression | None
    gte: AmountExpression | None
    lte: AmountExpression | None
    repeated: str | None


@dataclass(frozen=True, slots=True)
class EntryType:
    """One version of an entry type.

    What a caller must give is `parameters` (texts) and the keys of `repeated` (arrays of objects
    with exactly those fields). `fixed` ones are filled in by the Schema. `amount_parameters` are
    the names, fixed and dotted ones included, whose values must be Int96. A runtime type (`lines`
    None) may be given further ones: those of the template accounts that its lines go to.
    """

    type: str
    version: int
    description: Template | None
    status: Status
    lines: tuple[LineTemplate, ...] | None  # None: given when posting
    conditions: tuple[ConditionTemplate, ...]
    tags: tuple[PairTemplate, ...]
    groups: tuple[PairTemplate, ...]
    fixed: Mapping[str, str]
    post_lines_as: PostLinesAs
    parameters: frozenset[str]
    amount_parameters: frozenset[str]
    repeated: Mapping[str, frozenset[str]]
    json: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """What the Schema says of a group key."""

    key: str
    description: Template | None
    clearing_account_path: Template | None


@dataclass(frozen=True, slots=True)
class Schema:
    """One compiled version. Payments and scenes are kept as the document states them, validated."""

    key: str
    name: str
    chart: ChartOfAccounts
    entry_types: dict[tuple[str, int], EntryType]
    entries_strong: bool  # the entries list is served strongly consistent
    groups: tuple[GroupDefinition, ...]
    payment_types: dict[tuple[str, int], Mapping[str, Any]]
    scenes: tuple[Mapping[str, Any], ...]
    custom_currency_ids: frozenset[str]  # those that the document names outright
    json: dict[str, Any] = field(repr=False, compare=False)  # the document without its nulls


def element_parameters(key: str, element: Mapping[str, str]) -> dict[str, str]:
    """The fields of one element of the array parameter `key`, under their dotted names."""
    return {f"{key}.{name}": value for name, value in element.items()}


def without_nulls(value: Any) -> Any:
    """A copy of a JSON value without the members that are null: explicit null means absent."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item) for item in value]
    return value


def canonical_json(json: Mapping[str, Any]) -> bytes:
    """The one spelling of a document: nulls dropped, members ordered, no spaces, UTF-8."""
    text = json_module.dumps(
        without_nulls(json), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return text.encode("utf-8", "surrogatepass")
