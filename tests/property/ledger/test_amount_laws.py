"""Amounts and amount expressions: exact, ordered, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.amounts import (
    INT96_MAX,
    INT96_MIN,
    format_int96,
    in_int96,
    parse_int96,
    sortable_int96,
)
from shared.ledger.templates import AmountExpression, Template, parse_amount, parse_template

int96 = st.one_of(
    st.integers(INT96_MIN, INT96_MAX),
    st.sampled_from([INT96_MIN, INT96_MIN + 1, -1, 0, 1, INT96_MAX - 1, INT96_MAX]),
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)


@given(int96)
def test_an_amount_survives_its_text(n: int):
    assert parse_int96(format_int96(n)) == n


@given(int96, int96)
def test_sortable_text_sorts_as_the_numbers_do(a: int, b: int):
    assert (sortable_int96(a) < sortable_int96(b)) is (a < b)
    assert len(sortable_int96(a)) == len(sortable_int96(b))


@given(st.text())
def test_text_is_refused_or_read_as_the_integer_it_spells(text: str):
    number = parse_int96(text)
    if number is not None:
        assert in_int96(number)
        assert int(text) == number
        assert set(text) <= set("-0123456789")


terms = st.lists(
    st.tuples(st.sampled_from("+-"), st.one_of(st.integers(0, INT96_MAX), names)),
    min_size=1,
    max_size=8,
)


@given(terms, st.data())
def test_an_expression_evaluates_to_its_signed_sum(parts, data):
    spaces = st.sampled_from(["", " ", "  "])
    text = ""
    expected = 0
    constant = 0
    values = {part: data.draw(int96) for _, part in parts if isinstance(part, str)}
    for place, (sign, part) in enumerate(parts):
        shown_sign = "" if place == 0 and sign == "+" and data.draw(st.booleans()) else sign
        operand = f"{{{{{data.draw(spaces)}{part}}}}}" if isinstance(part, str) else str(part)
        text += data.draw(spaces) + shown_sign + data.draw(spaces) + operand
        amount = values[part] if isinstance(part, str) else part
        expected += amount if sign == "+" else -amount
        if isinstance(part, int):
            constant += part if sign == "+" else -part
    expression = parse_amount(text)
    if not in_int96(constant):
        assert expression == "its integers leave the range ±(2^120 - 1)"
        return
    assert isinstance(expression, AmountExpression)
    assert expression.evaluate(values) == expected
    assert set(expression.parameters) == set(values)


@given(st.text(alphabet="{}+- 019azé.\n"))
def test_any_text_is_an_expression_or_is_told_why_not(text: str):
    parsed = parse_amount(text)
    assert isinstance(parsed, AmountExpression) or parsed


@given(st.lists(st.one_of(st.text(alphabet="ab% }/:é"), names.map(lambda name: [name]))), st.data())
def test_a_template_renders_to_its_parts(parts, data):
    values: dict[str, str] = {}
    text = ""
    expected = ""
    for part in parts:
        if isinstance(part, list):
            (name,) = part
            value = values.setdefault(name, data.draw(st.text()))
            text += f"{{{{{name}}}}}"
            expected += value
        else:
            text += part
            expected += part
    template = parse_template(text)
    assert isinstance(template, Template)
    assert template.render(values) == expected
    assert list(template.parameters) == list(values)
    assert template.text == text


@given(st.text(alphabet="{} .a1-é"))
def test_any_text_is_a_template_or_is_told_why_not(text: str):
    parsed = parse_template(text)
    assert isinstance(parsed, Template) or parsed.startswith("at character ")
