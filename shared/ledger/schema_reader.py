"""Reading one object of a Schema document: each member by its kind, every broken rule noted.

A reader never stops at the first fault: what can't be read is noted and given as None (or the
default), and the caller reads on. Members that are null count as absent.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from shared.ledger.schemas import Violation
from shared.ledger.strings import parameterized_string_problem, safe_string_problem, text_problem
from shared.ledger.templates import AmountExpression, Template, parse_amount, parse_template
from shared.limits import AMOUNT_EXPRESSION_CHARS_MAX, DESCRIPTION_CHARS_MAX, SAFE_STRING_CHARS_MAX

Choice = TypeVar("Choice", bound=str)

_SHOWN_CHARS_MAX = 60
_UNSAFE_LITERAL = re.compile("[/#:]")


def shown(value: object) -> str:
    """A value as a message shows it: short."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits has no repr
        text = "a very large number"
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "…"


class ObjectReader:
    """One JSON object at `path` of the document; `members` are the only names it may hold."""

    __slots__ = ("json", "path", "violations")

    def __init__(
        self, json: Any, path: str, members: frozenset[str], violations: list[Violation]
    ) -> None:
        self.path = path
        self.violations = violations
        if not isinstance(json, dict):
            violations.append(Violation(path, f"must be an object, not {shown(json)}"))
            json = {}
            self.violations = []  # what it lacks besides is nobody's business
        self.json = json
        for name in json:
            if name not in members:
                self.violate(
                    shown_name(name), f"is unknown; known are {', '.join(sorted(members))}"
                )

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def violate(self, name: str, message: str) -> None:
        """Notes a broken rule at a member, or at the object itself when `name` is empty."""
        self.violations.append(Violation(self.at(name) if name else self.path, message))

    def has(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self.json.get(name) is not None

    def require(self, name: str) -> bool:
        """Notes the member if it is absent; says whether it is there."""
        if self.json.get(name) is not None:
            return True
        self.violate(name, "is required")
        return False

    # --- Scalars ---

    def string(self, name: str, problem: Callable[[str], str | None]) -> str | None:
        """A string for which `problem` has nothing to say; None when absent or wrong."""
        value = self.json.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.violate(name, f"must be a string, not {shown(value)}")
            return None
        rule = problem(value)
        if rule is not None:
            self.violate(name, f"must be {rule}, not {shown(value)}")
            return None
        return value

    def safe_string(self, name: str, chars_max: int = SAFE_STRING_CHARS_MAX) -> str | None:
        """A SafeString."""
        return self.string(name, lambda text: safe_string_problem(text, chars_max))

    def choice(self, name: str, choices: tuple[Choice, ...]) -> Choice | None:
        """One of an enum's values; None when absent or wrong."""
        value = self.json.get(name)
        if value is None:
            return None
        for choice in choices:
            if value == choice:
                return choice
        self.violate(name, f"must be one of {', '.join(choices)}, not {shown(value)}")
        return None

    def flag(self, name: str) -> bool:
        """A boolean; False when absent or wrong."""
        value = self.json.get(name)
        if value is not None and not isinstance(value, bool):
            self.violate(name, f"must be true or false, not {shown(value)}")
        return value is True

    def version(self, name: str) -> int | None:
        """An integer from 1 on; None when absent or wrong."""
        value = self.json.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
            self.violate(name, f"must be an integer from 1 to 2147483647, not {shown(value)}")
            return None
        return value

    # --- Templates ---

    def template(self, name: str, problem: Callable[[str], str | None]) -> Template | None:
        """A ParameterizedString; None when absent or wrong."""
        text = self.string(name, problem)
        if text is None:
            return None
        template = parse_template(text)
        if isinstance(template, str):
            self.violate(name, f"is malformed: {template}")
            return None
        return template

    def text_template(self, name: str, chars_max: int = DESCRIPTION_CHARS_MAX) -> Template | None:
        """A ParameterizedString that people read: line ends are allowed."""
        return self.template(name, lambda text: text_problem(text, chars_max))

    def safe_template(self, name: str, chars_max: int) -> Template | None:
        """A ParameterizedString whose renderings are SafeStrings of at most `chars_max`."""
        template = self.template(
            name, lambda text: parameterized_string_problem(text, DESCRIPTION_CHARS_MAX)
        )
        if template is None:
            return None
        problem = None
        if template.is_constant:
            problem = safe_string_problem(template.text, chars_max)
        elif any(_UNSAFE_LITERAL.search(literal) for literal in template.literals):
            problem = "without / # : around its parameters"
        elif sum(map(len, template.literals)) > chars_max:
            problem = f"of at most {chars_max} characters"
        if problem is not None:
            self.violate(name, f"must be {problem}, not {shown(template.text)}")
            return None
        return template

    def amount(self, name: str) -> AmountExpression | None:
        """An amount expression; None when absent or wrong."""
        text = self.string(
            name, lambda text: parameterized_string_problem(text, AMOUNT_EXPRESSION_CHARS_MAX)
        )
        if text is None:
            return None
        amount = parse_amount(text)
        if isinstance(amount, str):
            self.violate(name, f"is not a sum of integers and {{{{parameters}}}}: {amount}")
            return None
        return amount

    # --- Objects and lists ---

    def object(self, name: str, members: frozenset[str]) -> "ObjectReader | None":
        """A reader of the object at `name`; None when absent."""
        value = self.json.get(name)
        return (
            None if value is None else ObjectReader(value, self.at(name), members, self.violations)
        )

    def objects(
        self, name: str, members: frozenset[str], count_max: int, count_min: int = 0
    ) -> "list[ObjectReader] | None":
        """A reader for each object of the list at `name`; None when absent or no list.

        Elements beyond `count_max` are not read.
        """
        value = self.json.get(name)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            self.violate(name, f"must be a list, not {shown(value)}")
            return None
        if not count_min <= len(value) <= count_max:
            bound = f"at most {count_max}" if value else f"at least {count_min}"
            self.violate(name, f"must hold {bound} elements, not {len(value)}")
        path = self.at(name)
        return [
            ObjectReader(item, f"{path}[{place}]", members, self.violations)
            for place, item in enumerate(value[:count_max])
        ]


def shown_name(name: str) -> str:
    """A member's name as a path shows it: short, and spelled out when it can't be printed."""
    return name if len(name) <= _SHOWN_CHARS_MAX and name.isprintable() else shown(name)
