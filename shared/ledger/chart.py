"""The chart of accounts: a tree of nodes with everything inherited already resolved.

    path      liabilities/users:u1/available      a template's instance has its value after a colon
    pattern   liabilities/users:*/available       the same for all instances

A Schema version's chart is compiled once; a ledger's accounts are its static nodes and whatever
instances were posted to or instantiated.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from shared.ledger.accounts import AccountType, CurrencyMode
from shared.ledger.accounts import ConsistencyConfig as ConsistencyConfig
from shared.ledger.currencies import Currency, make_currency
from shared.ledger.strings import safe_string_problem
from shared.ledger.templates import Template
from shared.limits import ACCOUNT_PATH_CHARS_MAX

Status = Literal["active", "disabled", "archived"]

_SHOWN_CHARS_MAX = 60
_VALUE = re.compile(":[^/:]*")
_ANY_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


@dataclass(frozen=True, slots=True)
class CurrencyTemplate:
    """A currency that may be parameterized; `constant` is the currency when it isn't."""

    code: Template
    custom_id: Template | None
    constant: Currency | None = field(compare=False)
    parameters: tuple[str, ...] = field(compare=False)

    def render(self, parameters: Mapping[str, str]) -> Currency | str:
        """The currency, or a problem text when the parameters name none."""
        if self.constant is not None:
            return self.constant
        custom_id = None if self.custom_id is None else self.custom_id.render(parameters)
        return make_currency(self.code.render(parameters), custom_id)


@dataclass(frozen=True, slots=True)
class LinkedAccountTemplate:
    """The External Account to link to: `id`, or `external_id` with a link's id or ik."""

    id: Template | None
    external_id: Template | None
    link_id: Template | None
    link_ik: Template | None
    link_type: str | None
    parameters: tuple[str, ...] = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class AccountNode:
    """One account, or one template of accounts. Only the parser fills `children`."""

    key: str
    pattern: str
    depth: int  # 1 at the root
    type: AccountType
    name: Template | None
    is_template: bool
    is_under_template: bool  # itself or an ancestor is a template, so its path holds a value
    currency_mode: CurrencyMode
    currency: CurrencyTemplate | None  # exactly when single
    consistency: ConsistencyConfig
    linked_account: LinkedAccountTemplate | None
    clearing: bool
    payment_enabled: bool
    status: Status  # its own: not inherited
    parameters: frozenset[str]  # those of its name, currency and linked account
    path_parameters: frozenset[str]  # its own and every ancestor's: what creating an instance takes
    parent: "AccountNode | None" = field(repr=False)
    children: "dict[str, AccountNode]" = field(repr=False)


class PathStep(NamedTuple):
    """One account on the way from the root to a resolved one."""

    node: AccountNode
    path: str  # fully instantiated
    value: str | None  # of the template; None for a static key


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """An account of the chart, by its instantiated path; `steps` runs from the root to itself."""

    path: str
    node: AccountNode
    steps: tuple[PathStep, ...]


@dataclass(frozen=True, slots=True)
class ChartOfAccounts:
    """The tree by the keys of its roots, and all its nodes by pattern, parents first."""

    roots: dict[str, AccountNode]
    nodes: dict[str, AccountNode]

    def resolve(self, path: str) -> ResolvedPath | str:
        """The account at an instantiated `path`, or a problem text."""
        if len(path) > ACCOUNT_PATH_CHARS_MAX:
            return f"a path takes at most {ACCOUNT_PATH_CHARS_MAX} characters"
        steps: list[PathStep] = []
        children = self.roots
        end = -1
        for segment in path.split("/"):
            end += 1 + len(segment)
            key, colon, value = segment.partition(":")
            node = children.get(key)
            if node is None:
                return _unknown_key_problem(path, end - len(segment), segment)
            problem = _value_problem(node, colon, value)
            if problem is not None:
                return problem
            steps.append(PathStep(node, path[:end], value if colon else None))
            children = node.children
        return ResolvedPath(path, steps[-1].node, tuple(steps))

    def resolve_template(self, path: Template) -> AccountNode | str:
        """The node that every rendering of `path` leads to, or a problem text.

        A parameter may stand only in the value of a template account.
        """
        children = self.roots
        node: AccountNode | None = None
        at = 0
        for segment in path.text.split("/"):
            key, colon, value = segment.partition(":")
            if "{{" in key:
                return (
                    "a parameter may stand only for a template account's value, as in users:{{id}}"
                )
            node = children.get(key)
            if node is None:
                return _unknown_key_problem(path.text, at, segment)
            fixed = _ANY_PLACEHOLDER.sub("", value)
            # What a parameter brings in is checked when the path is rendered and resolved.
            checked = value if fixed == value else fixed or "_"
            problem = _value_problem(node, colon, checked)
            if problem is not None:
                return problem
            at += len(segment) + 1
            children = node.children
        assert node is not None, "split gives at least one segment"
        return node

    def clearing_patterns(self) -> tuple[str, ...]:
        """Patterns of all clearing accounts."""
        return tuple([pattern for pattern, node in self.nodes.items() if node.clearing])

    def static_accounts(self) -> Iterator[tuple[str, AccountNode]]:
        """Path and node of each account that exists without being instantiated, parents first."""
        for pattern, node in self.nodes.items():
            if not node.is_under_template:
                yield pattern, node


def _unknown_key_problem(path: str, at: int, segment: str) -> str:
    shown = segment[:_SHOWN_CHARS_MAX]
    if at == 0:
        return f"the chart of accounts has no root account {shown!r}"
    return f"{path[: at - 1][:_SHOWN_CHARS_MAX]} has no account {shown!r}"


def _value_problem(node: AccountNode, colon: str, value: str) -> str | None:
    """Whether a segment has a value exactly when its node is a template, and a safe one."""
    if not node.is_template:
        return f"{node.key} is not a template: it takes no value after a colon" if colon else None
    if not value:
        return f"{node.key} is a template: it takes a value, as in {node.key}:value"
    problem = safe_string_problem(value)
    return f"the value of {node.key} must be {problem}" if problem else None


# --- Patterns of paths ---------------------------------------------------------------------------


def pattern_of(path: str) -> str:
    """The pattern of an instantiated path: every template's value becomes `*`."""
    return _VALUE.sub(":*", path) if ":" in path else path


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A compiled `path.matches`.

    `a/merchant:*` matches every instance and everything below one; `a/b/*` everything below `a/b`,
    which is not itself matched.
    """

    text: str
    prefix: str  # what every matching path starts with
    _expression: re.Pattern[str] = field(repr=False, compare=False)

    def matches(self, path: str) -> bool:
        """Whether the account at an instantiated `path` is meant."""
        return self._expression.fullmatch(path) is not None


def parse_path_pattern(text: str, descendants_allowed: bool = False) -> PathPattern | str:
    """The pattern, or a problem text.

    `*` stands for one whole template value; with `descendants_allowed` it may instead end the
    pattern as `/*`. The two are never mixed.
    """
    if not 0 < len(text) <= ACCOUNT_PATH_CHARS_MAX:
        return f"a pattern takes 1 to {ACCOUNT_PATH_CHARS_MAX} characters"
    segments = text.split("/")
    is_descendants = descendants_allowed and len(segments) > 1 and segments[-1] == "*"
    if is_descendants:
        segments.pop()
    expressions: list[str] = []
    wildcard_count = 0
    for segment in segments:
        key, colon, value = segment.partition(":")
        if not key or (colon and not value) or ":" in value:
            return (
                "a pattern is keys joined by /, template accounts with a value or * after a colon"
            )
        if "*" in key or ("*" in value and value != "*"):
            return "* may stand only for the whole value of a template account, as in users:*"
        wildcard_count += value == "*"
        expressions.append(f"{re.escape(key)}:[^/:]+" if value == "*" else re.escape(segment))
    if is_descendants and wildcard_count:
        return "a pattern has * either for template values or as its end /*, not both"
    tail = "/.+" if is_descendants else "(?:/.+)?"
    prefix = text.partition("*")[0]
    return PathPattern(text, prefix, re.compile("/".join(expressions) + tail, re.DOTALL))
