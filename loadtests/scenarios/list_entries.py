"""Users who page through a filtered list of entries."""

from locust import constant, task

from loadtests.common.requests import page
from loadtests.common.users import LedgerUser

FILTER = {"type": {"in": ["transfer", "guarded_transfer"]}}
PAGES_MAX = 20


class Lister(LedgerUser):
    """Walks a list from its newest entry, some pages deep, then begins anew."""

    wait_time = constant(0)
    weight = 2

    @task
    def walk(self) -> None:
        """The first page, then those after it."""
        after: str | None = None
        for _ in range(PAGES_MAX):
            name = "list: first page" if after is None else "list: next page"
            data = self.send(name, page(self.load_run.ledger_ik, after, FILTER))
            if data is None:
                return
            page_info = data["ledger"]["ledgerEntries"]["pageInfo"]
            if not page_info["hasNextPage"]:
                return
            after = page_info["endCursor"]
