"""Docs that are generated are what the code says, and the README keeps its promises."""

import re
from pathlib import Path

from infra.conformance import PAGE, render_conformance, rules
from infra.docs import ERRORS, render_errors
from shared import limits

ROOT = Path(__file__).parent.parent.parent


def test_the_table_of_errors_is_the_code_s():
    assert ERRORS.read_text() == render_errors(), "run python -m infra.docs"


def test_the_page_of_conformance_is_what_the_tests_show():
    assert PAGE.read_text() == render_conformance(), "run python -m infra.docs"


def test_every_rule_names_a_section_of_the_guide_or_of_the_reference():
    section = re.compile(r"guide [A-M](\.[a-z])?|reference \d+( [A-Z].*)?")
    assert [name for name, _ in rules() if not section.fullmatch(name)] == []


def test_the_limits_that_the_api_s_page_tells_are_those_of_the_code():
    page = (ROOT / "docs" / "api.md").read_text()
    told = re.findall(r"^\| .+ \| (\d+) \| `([A-Z_]+)` \|$", page, re.MULTILINE)
    assert len(told) == page.count("_MAX` |")
    assert [name for value, name in told if getattr(limits, name) != int(value)] == []


def test_the_readme_is_short_and_shows_the_commands():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 120
    for command in ("make run", "make demo", "make test"):
        assert command in readme


def test_every_setting_is_in_the_example():
    from shared.settings import PREFIX, Settings

    example = (ROOT / ".env.example").read_text()
    missing = [name for name in Settings.__annotations__ if PREFIX + name.upper() not in example]
    assert missing == []
