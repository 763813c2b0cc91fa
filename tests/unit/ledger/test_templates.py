"""Templates and amount expressions: what they give, and what is told of malformed ones."""

import pytest

from shared.ledger.templates import (
    AmountExpression,
    Template,
    literal_template,
    parse_amount,
    parse_template,
)
from shared.limits import AMOUNT_EXPRESSION_CHARS_MAX, AMOUNT_TERMS_MAX

RULE = "{{ must be followed by a parameter's name (letters, digits, _ and -) and }}"


def template(text: str) -> Template:
    parsed = parse_template(text)
    assert isinstance(parsed, Template), parsed
    return parsed


def amount(text: str) -> AmountExpression:
    parsed = parse_amount(text)
    assert isinstance(parsed, AmountExpression), parsed
    return parsed


@pytest.mark.parametrize(
    "text, parameters, rendered",
    [
        ("plain", (), "plain"),
        ("100 % of {brace} }} %s", (), "100 % of {brace} }} %s"),
        ("liabilities/users:{{user}}/available", ("user",), "liabilities/users:<user>/available"),
        ("{{a}}{{b}}", ("a", "b"), "<a><b>"),
        ("{{b}} %d {{ a }} {{b}}", ("b", "a"), "<b> %d <a> <b>"),
        ("{{items.user-id}}", ("items.user-id",), "<items.user-id>"),
    ],
)
def test_templates_are_filled_in(text: str, parameters: tuple[str, ...], rendered: str):
    parsed = template(text)
    assert parsed.parameters == parameters
    assert parsed.is_constant is (not parameters)
    assert parsed.render({name: f"<{name}>" for name in parameters}) == rendered


def test_what_is_filled_in_is_not_read_as_a_template():
    assert template("{{a}} {{b}}").render({"a": "{{b}}", "b": "%s"}) == "{{b}} %s"


@pytest.mark.parametrize("text", ["", "gems", "a{{b", "{{x}}", "5%s"])
def test_a_literal_is_no_template_whatever_it_holds(text: str):
    template = literal_template(text)
    assert (template.text, template.parameters) == (text, ())
    assert template.render({"x": "1"}) == text


def test_spaces_within_braces_make_no_difference():
    assert template("x{{ a }}") == template("x{{a}}")


def test_a_missing_parameter_is_our_mistake():
    with pytest.raises(KeyError):
        template("{{a}}").render({})


@pytest.mark.parametrize(
    "text, problem",
    [
        ("{{", f"at character 1: {RULE}"),
        ("ab {{c", f"at character 4: {RULE}"),
        ("{{{a}}}", f"at character 1: {RULE}"),
        ("{{}}", f"at character 1: {RULE}, not ''"),
        ("{{1a}}", f"at character 1: {RULE}, not '1a'"),
        ("{{a b}}", f"at character 1: {RULE}, not 'a b'"),
        ("{{a.b.c}}", f"at character 1: {RULE}, not 'a.b.c'"),
        ("{{a}} {{é}}", f"at character 7: {RULE}, not 'é'"),
        ("{{a\n}}", f"at character 1: {RULE}, not 'a\\n'"),
    ],
)
def test_malformed_templates_are_told_where(text: str, problem: str):
    assert parse_template(text) == problem


@pytest.mark.parametrize(
    "text, terms, constant",
    [
        ("100", (), 100),
        ("-5", (), -5),
        ("+5", (), 5),
        ("{{a}}", (("a", 1),), 0),
        ("-{{a}} + {{b}}", (("a", -1), ("b", 1)), 0),
        ("{{a}} - {{b}}", (("a", 1), ("b", -1)), 0),
        ("{{ a }}+{{a}}-3 + 10", (("a", 2),), 7),
        (" {{a}} ", (("a", 1),), 0),
        ("{{a}} - {{a}}", (), 0),
    ],
)
def test_amounts_are_linear_forms(text: str, terms, constant: int):
    parsed = amount(text)
    assert (parsed.terms, parsed.constant) == (terms, constant)


def test_amounts_are_evaluated():
    assert amount("{{a}} - {{b}} + 100").evaluate({"a": 7, "b": 10**30}) == 107 - 10**30
    assert amount("-{{a}}").evaluate({"a": -3}) == 3


def test_parameters_that_cancel_out_are_still_named():
    assert amount("{{b}} - {{a}} - {{b}}").parameters == ("b", "a")


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "at its end: expected an integer or a {{parameter}}"),
        ("  ", "at its end: expected an integer or a {{parameter}}"),
        ("1 +", "at its end: expected an integer or a {{parameter}}"),
        ("--1", "at character 2: expected an integer or a {{parameter}}, not '-1'"),
        ("{{a}} * 2", "at character 7: expected + or -, not '* 2'"),
        ("{{a}}{{b}}", "at character 6: expected + or -, not '{{b}}'"),
        ("1.5", "at character 2: expected + or -, not '.5'"),
        ("1e5", "at character 2: expected + or -, not 'e5'"),
        ("a", "at character 1: expected an integer or a {{parameter}}, not 'a'"),
        ("({{a}})", "at character 1: expected an integer or a {{parameter}}, not '({{a}})'"),
        ("{{a b}}", f"at character 1: {RULE}, not 'a b'"),
        (
            "1329227995784915872903807060280344576",
            "at character 1: the integer is out of the range ±(2^120 - 1)",
        ),
        (
            "1329227995784915872903807060280344575 + 1",
            "its integers leave the range ±(2^120 - 1)",
        ),
        (
            "1" + "+1" * AMOUNT_TERMS_MAX,
            f"an amount may have at most {AMOUNT_TERMS_MAX} terms",
        ),
        (
            " " * AMOUNT_EXPRESSION_CHARS_MAX + "1",
            f"an amount may take at most {AMOUNT_EXPRESSION_CHARS_MAX} characters",
        ),
    ],
)
def test_malformed_amounts_are_told_where(text: str, problem: str):
    assert parse_amount(text) == problem


def test_as_many_terms_as_allowed_are_evaluated():
    assert amount("{{a}}" + " + {{a}}" * (AMOUNT_TERMS_MAX - 1)).terms == (("a", 32),)
