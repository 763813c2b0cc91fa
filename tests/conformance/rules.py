"""The rules that the conformance tests show, each named by its section.

A test says which rules it shows, one decorator a rule:

    @rule("guide E.b", "A replayed ik answers with the first entry and isIkReplay true")
    async def test_...

Sections are those of the product's guide (`guide A.a` …) or of the API's reference
(`reference 8 Reversal`). docs/conformance.md is made from these decorators.
"""

import pytest


def rule(section: str, claim: str) -> pytest.MarkDecorator:
    """Marks a test as showing `claim`, a rule of `section`; both are constants in the source."""
    return pytest.mark.rule(section, claim)
