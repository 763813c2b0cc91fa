"""Amounts at the edges: text to integers and back."""

import pytest

from shared.ledger.amounts import (
    INT96_MAX,
    INT96_MIN,
    format_int96,
    in_int96,
    parse_int96,
    sortable_int96,
)


def test_the_range_is_what_the_api_documents():
    assert INT96_MAX == 1329227995784915872903807060280344575
    assert INT96_MIN == -1329227995784915872903807060280344575


@pytest.mark.parametrize(
    "text, number",
    [
        ("0", 0),
        ("250", 250),
        ("-250", -250),
        ("-0", 0),
        ("007", 7),
        ("1329227995784915872903807060280344575", INT96_MAX),
        ("-1329227995784915872903807060280344575", INT96_MIN),
        ("0001329227995784915872903807060280344575", INT96_MAX),
    ],
)
def test_decimal_integers_are_read(text: str, number: int):
    assert parse_int96(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "--1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1_000",
        "1.0",
        "1e3",
        "0x10",
        "NaN",
        "٣",
        "１",
        "²",
        "1329227995784915872903807060280344576",
        "-1329227995784915872903807060280344576",
        "0" * 41,
        "9" * 100_000,
    ],
)
def test_everything_else_is_refused(text: str):
    assert parse_int96(text) is None


def test_the_range_ends_on_both_sides():
    assert in_int96(INT96_MAX)
    assert not in_int96(INT96_MAX + 1)
    assert in_int96(INT96_MIN)
    assert not in_int96(INT96_MIN - 1)


def test_formatting_an_amount_out_of_range_is_our_mistake():
    with pytest.raises(AssertionError):
        format_int96(INT96_MAX + 1)
    with pytest.raises(AssertionError):
        sortable_int96(INT96_MIN - 1)


def test_sortable_text_has_one_width():
    assert {len(sortable_int96(n)) for n in (INT96_MIN, -1, 0, 1, INT96_MAX)} == {37}
