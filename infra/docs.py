"""Writes what is generated: `python -m infra.docs`. A test holds the files to it.

docs/errors.md is made from the tables of codes, docs/conformance.md from the conformance tests.
"""

from collections.abc import Iterable
from pathlib import Path

from infra.conformance import PAGE, render_conformance
from shared.graphql import codes
from shared.ledger.rejections import CODES, Code

ERRORS = Path(__file__).parent.parent / "docs" / "errors.md"

_HEAD = """# Errors

One table of codes. A mutation answers with `BadRequestError` (or `InternalError` where the last
column says that sending it again may help), a query with `errors[].extensions.code`. A request that
breaks several rules is refused for the one that stands first. `{…}` is filled in for the request.
"""

_TRANSPORT = """
## Before a resolver runs

Refused by HTTP, by limits, or by GraphQL's own rules; told in `errors[].extensions.code`. HTTP 200
unless stated.
"""


def render_errors() -> str:
    """The whole page."""
    page = _HEAD + "\n" + _table(CODES.values(), {})
    return page + _TRANSPORT + "\n" + _table(codes.SHELL_CODES.values(), codes.HTTP_STATUS)


def _table(rows: Iterable[Code], statuses: dict[str, int]) -> str:
    lines = ["| code | message | HTTP | retryable |", "|---|---|---|---|"]
    for row in rows:
        form = row.form.replace("|", "\\|")
        retryable = "yes" if row.retryable else "no"
        lines.append(f"| `{row.name}` | {form} | {statuses.get(row.name, 200)} | {retryable} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    ERRORS.write_text(render_errors())
    PAGE.write_text(render_conformance())
