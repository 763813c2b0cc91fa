"""String scalars: what each refuses, and the rule that it tells."""

import pytest

from shared.ledger.strings import (
    alphanumeric_string_problem,
    parameterized_string_problem,
    safe_string_problem,
    text_problem,
)

LENGTH = "a string of 1 to 128 characters"
CHARACTERS = "a string without / # : and {{…}}"
CONTROL = "free of control characters and lone surrogates"


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "user-1",
        "Łódź 7",
        "日本",
        "a b",
        "{a}",
        "{{",
        "}}",
        "a}}{{b",
        "*",
        "%s",
        "x" * 128,
        "😀",
    ],
)
def test_safe_strings_are_accepted(text: str):
    assert safe_string_problem(text) is None


@pytest.mark.parametrize(
    "text, rule",
    [
        ("", LENGTH),
        ("x" * 129, LENGTH),
        ("a/b", CHARACTERS),
        ("a#b", CHARACTERS),
        ("a:b", CHARACTERS),
        ("{{a}}", CHARACTERS),
        ("x{{}}", CHARACTERS),
        ("a\x00", CONTROL),
        ("a\nb", CONTROL),
        ("\x7f", CONTROL),
        ("\x85", CONTROL),
        ("a\ud800", CONTROL),
        ("\udfff", CONTROL),
    ],
)
def test_unsafe_strings_are_told_why(text: str, rule: str):
    assert safe_string_problem(text) == rule


def test_the_length_bound_is_the_callers():
    assert safe_string_problem("x" * 36, 36) is None
    assert safe_string_problem("x" * 37, 36) == "a string of 1 to 36 characters"


def test_parameterized_strings_may_hold_anything_printable():
    assert parameterized_string_problem("a/{{b}}:c#d", 128) is None
    assert parameterized_string_problem("", 128) == LENGTH
    assert parameterized_string_problem("a\tb", 128) == CONTROL


def test_free_text_may_have_lines():
    assert text_problem("one\r\n\ttwo", 128) is None
    assert text_problem("one\x0btwo", 128) == CONTROL
    assert text_problem("one\ud83d", 128) == CONTROL
    assert text_problem("", 4, 0) is None
    assert text_problem("one two", 4, 0) == "a string of 0 to 4 characters"
    assert text_problem("", 4) == "a string of 1 to 4 characters"


@pytest.mark.parametrize("text", ["", "a b", "é", "a-b", "x" * 129])
def test_alphanumeric_strings_are_ascii_letters_and_digits(text: str):
    assert alphanumeric_string_problem("aB3") is None
    assert alphanumeric_string_problem(text) == "a string of 1 to 128 ASCII letters and digits"
