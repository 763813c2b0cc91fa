"""Reports read page by page: what was read is given before more is asked."""

from typing import Any

from cli.reports.reading import walk_oldest_first
from shared.limits import PAGE_SIZE_MAX


class Pages:
    """A list of ten pages of one node."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(variables))
        number = int(variables["before"] or 10)
        info = {"hasPreviousPage": number > 1, "startCursor": str(number - 1)}
        return {"root": {"list": {"nodes": [{"number": number}], "pageInfo": info}}}


async def test_a_page_is_asked_for_when_the_one_before_is_used_up() -> None:
    pages = Pages()
    seen = []
    async for node in walk_oldest_first(pages, "document", {"x": 1}, "root", "list"):
        seen.append(node["number"])
        assert len(pages.asked) == len(seen)
    assert seen == list(range(10, 0, -1))
    assert pages.asked[0] == {"x": 1, "last": PAGE_SIZE_MAX, "before": None}
    assert [asked["before"] for asked in pages.asked[1:]] == [str(n) for n in range(9, 0, -1)]
