"""Schema files are JSON with comments; variables come in as text."""

import pytest

from cli.jsonc import JsoncProblem, fill_in_variables, parse_jsonc
from shared.limits import JSON_DEPTH_MAX


def test_comments_and_last_commas_are_left_out() -> None:
    text = """// a Schema
    {
      "a": "/* kept */ // kept \\" ,}", /* gone
      over lines */
      "b": [1, 2, /* and */ ], // end
      "c": {"d": null,},
    }
    """
    assert parse_jsonc(text) == {
        "a": '/* kept */ // kept " ,}',
        "b": [1, 2],
        "c": {"d": None},
    }


@pytest.mark.parametrize(
    "text, problem",
    [
        ('{"a": 1,\n /* x\n y */ "b" 2}', "line 3, column 11: "),
        ('{"a": 1, "a": 2}', "the member 'a' is given twice in one object"),
        ('{"a": ${X}}', "line 1, column 7: "),
        ("{/* open", "line 1, column 2: "),
        ("[,]", "line 1, column 2: "),
        ("", "line 1, column 1: "),
        ("[NaN]", "NaN is no number of JSON"),
        ("[-Infinity]", "-Infinity is no number of JSON"),
        ("[" + "1" * 10_000 + "]", "a number is too long"),
    ],
)
def test_a_fault_is_told_where_it_stands_in_the_file(text: str, problem: str) -> None:
    with pytest.raises(JsoncProblem) as caught:
        parse_jsonc(text)
    assert str(caught.value).startswith(problem)


def test_a_file_without_end_of_nesting_is_refused() -> None:
    with pytest.raises(JsoncProblem):
        parse_jsonc("[" * 100_000)


def test_what_nests_deeper_than_the_api_takes_it_is_refused() -> None:
    deepest = JSON_DEPTH_MAX * "[" + "1" + JSON_DEPTH_MAX * "]"
    assert fill_in_variables(parse_jsonc(deepest), {})[1] == []
    for text in (f"[{deepest}]", "[" * 900 + "]" * 900, '{"a":' * 400 + "1" + "}" * 400):
        with pytest.raises(JsoncProblem, match=f"nests deeper than {JSON_DEPTH_MAX}"):
            fill_in_variables(parse_jsonc(text), {})


def test_variables_fill_strings_and_never_change_the_structure() -> None:
    value = {"key": "${NAME}-x", "${NAME}": ["{{amount}}", "$NAME", 5, "${A}${B}"]}
    filled, unset = fill_in_variables(value, {"NAME": 'a", "b": "', "A": "1", "B": ""})
    assert filled == {"key": 'a", "b": "-x', "${NAME}": ["{{amount}}", "$NAME", 5, "1"]}
    assert unset == []


def test_what_a_variable_holds_is_not_filled_in_again() -> None:
    assert fill_in_variables("${A}", {"A": "${B}", "B": "b"}) == ("${B}", [])


def test_every_variable_that_is_not_set_is_named_once() -> None:
    value = ["${ONE} ${TWO}", {"x": "${ONE}"}, "${not a name}"]
    assert fill_in_variables(value, {})[1] == ["ONE", "TWO", "not a name"]
