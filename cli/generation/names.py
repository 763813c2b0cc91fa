"""Names of what is generated: GraphQL allows letters, digits and `_`, not starting with a digit.

user-funds-account, version 2   PostUserFundsAccount_v2
"""

import re

_GRAPHQL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Za-z0-9]+")


def is_graphql_name(text: str) -> bool:
    """Whether GraphQL takes it as a name; those that begin with `__` are GraphQL's own."""
    return _GRAPHQL_NAME.fullmatch(text) is not None and not text.startswith("__")


def pascal_case(text: str) -> str:
    """Each run of letters and digits with a capital first letter, without what stands between."""
    return "".join([word[0].upper() + word[1:] for word in _WORD.findall(text)])


def operation_name(verb: str, entry_type: str, version: int) -> str | None:
    """The operation of an entry type, or None when its type gives no name."""
    pascal = pascal_case(entry_type)
    if not pascal or not entry_type.isascii():
        return None
    return f"{verb}{pascal}" if version == 1 else f"{verb}{pascal}_v{version}"


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, with as many `_` behind it as it takes to be free."""
    while wanted in taken:
        wanted += "_"
    return wanted
