"""JSON with comments, as Schema files are written.

Comments `//` and `/* */` and a comma after the last member or element may stand wherever JSON lets
space stand. `${NAME}` within a string is replaced by the variable NAME; anywhere else it is no
JSON. What a variable brings in is text: it can't change the document's structure.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from shared.limits import JSON_DEPTH_MAX

_COMMENT = re.compile(r'(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<comment>//[^\n]*|/\*.*?\*/)', re.DOTALL)
_COMMA_AT_END = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class JsoncProblem(ValueError):
    """Why a text is no JSON with comments; the line and column are the file's own."""


def parse_jsonc(text: str) -> Any:
    """The value that `text` spells. Raises JsoncProblem; a member given twice is one."""
    without_comments = _COMMENT.sub(_blank_comment, text)
    plain = _COMMA_AT_END.sub(_blank_comma, without_comments)
    try:
        return json.loads(plain, object_pairs_hook=_members, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsoncProblem(f"{where}: {error.msg}") from error
    except JsoncProblem:
        raise
    except ValueError as error:  # Python reads no integer of more than some thousand digits
        raise JsoncProblem("a number is too long") from error
    except RecursionError as error:
        raise JsoncProblem("nests too deep") from error


def _blank_comment(found: re.Match[str]) -> str:
    """Spaces for a comment, so that lines and columns stay the file's; all else as it is."""
    if found.group("comment") is None:
        return found.group()
    return re.sub(r"[^\n]", " ", found.group())


def _blank_comma(found: re.Match[str]) -> str:
    """A space for a comma behind a value; all else as it is."""
    before = found.string[: found.start()].rstrip()[-1:]
    return found.group() if found.group(1) is not None or before in "[{,:" else " "


def _no_number(text: str) -> None:
    raise JsoncProblem(f"{text} is no number of JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise JsoncProblem(f"the member {name[:60]!r} is given twice in one object")
        members[name] = value
    return members


def fill_in_variables(value: Any, variables: Mapping[str, str]) -> tuple[Any, list[str]]:
    """The value with every `${NAME}` in its strings replaced, and the names that are not set.

    Raises JsoncProblem for a value that nests deeper than JSON_DEPTH_MAX.
    """
    unset: dict[str, None] = {}

    def fill(found: re.Match[str]) -> str:
        name = found.group(1)
        if _NAME.fullmatch(name) is None or name not in variables:
            unset[name] = None
            return found.group()
        return variables[name]

    def walk(each: Any, depth: int = 0) -> Any:
        if depth > JSON_DEPTH_MAX:
            raise JsoncProblem(f"nests deeper than {JSON_DEPTH_MAX}")
        if isinstance(each, str):
            return _VARIABLE.sub(fill, each)
        if isinstance(each, dict):
            return {name: walk(item, depth + 1) for name, item in each.items()}
        if isinstance(each, list):
            return [walk(item, depth + 1) for item in each]
        return each

    return walk(value), list(unset)
