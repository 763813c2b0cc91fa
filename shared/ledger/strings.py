"""The API's string scalars as pure checks: None when the text is fine, else the broken rule.

A rule text reads on from "must be": `a string of 1 to 128 characters`. Control characters and lone
surrogates are refused everywhere: they can't be stored, indexed and shown alike.
"""

import re

from shared.limits import SAFE_STRING_CHARS_MAX

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNPRINTABLE_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSAFE = re.compile(r"[/#:\x00-\x1f\x7f-\x9f\ud800-\udfff]|\{\{.*?\}\}")

_CONTROL_RULE = "free of control characters and lone surrogates"


def safe_string_problem(text: str, chars_max: int = SAFE_STRING_CHARS_MAX) -> str | None:
    """SafeString: 1 to `chars_max` characters without `/`, `#`, `:` and `{{…}}`."""
    if not 0 < len(text) <= chars_max:
        return f"a string of 1 to {chars_max} characters"
    found = _UNSAFE.search(text)
    if found is None:
        return None
    if found.group() in "/#:" or found.group().startswith("{{"):
        return "a string without / # : and {{…}}"
    return _CONTROL_RULE


def parameterized_string_problem(text: str, chars_max: int) -> str | None:
    """ParameterizedString: 1 to `chars_max` characters; its `{{…}}` are for templates to judge."""
    if not 0 < len(text) <= chars_max:
        return f"a string of 1 to {chars_max} characters"
    return _CONTROL_RULE if _UNPRINTABLE.search(text) else None


def alphanumeric_string_problem(text: str, chars_max: int = SAFE_STRING_CHARS_MAX) -> str | None:
    """AlphaNumericString: 1 to `chars_max` ASCII letters and digits."""
    if 0 < len(text) <= chars_max and text.isascii() and text.isalnum():
        return None
    return f"a string of 1 to {chars_max} ASCII letters and digits"


def text_problem(text: str, chars_max: int, chars_min: int = 1) -> str | None:
    """Free text, like names and descriptions, of so many characters; line ends are fine."""
    if not chars_min <= len(text) <= chars_max:
        return f"a string of {chars_min} to {chars_max} characters"
    return _CONTROL_RULE if _UNPRINTABLE_IN_TEXT.search(text) else None
