"""The bench's scenarios, in stages: scenarios of one stage share a system and its ledger."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from loadtests.common.api import Api
from loadtests.common.documents import document
from loadtests.common.ledgers import create_ledger, open_shops, open_users, sell
from loadtests.common.requests import LIST_FILTER, PAGE_SIZE

USERS = 10_000
SHOPS = 200
SALES = 12_600  # five sixths of them are listed: a little more than DEEP_PAGE pages
DEEP_PAGE = 500
DEEP_CURSORS = 5
SEED = 7

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load. `marker` stands `marker_count` times in a good answer."""

    name: str
    title: str
    stage: str
    document: str
    marker: str
    marker_count: int = 1
    concurrency_max: int = 64
    batch: int = 0
    accounts: int = USERS
    deep: bool = False

    @property
    def writes(self) -> bool:
        """Whether it posts entries."""
        return self.document.startswith("add_")


_POST = Scenario("", "", "users", "add_ledger_entry", '"AddLedgerEntryResult"')
_BATCH = Scenario("", "", "users", "add_ledger_entries", '"AddLedgerEntriesResult"')
_LIST = Scenario("", "", "shops", "list_entries", '"ik":', marker_count=PAGE_SIZE)

SCENARIOS = (
    replace(_POST, name="hot_pair", title="hot pair of strong accounts", stage="hot"),
    replace(_POST, name="random_pairs", title="random pairs among 10,000 strong accounts"),
    replace(_POST, name="guarded", title="guarded transfers (own balance gte 0)"),
    replace(
        _BATCH, name="batch_10", title="atomic batches of 10, the same accounts", batch=10,
        concurrency_max=16,
    ),
    Scenario(
        "balance_reads", "balance reads among 10,000 accounts", "users", "account_balance",
        '"ownBalance":"',
    ),
    replace(_LIST, name="list_first", title="filtered list, first page of 20"),
    replace(_LIST, name="list_deep", title=f"filtered list, page {DEEP_PAGE} of 20", deep=True),
    replace(
        _BATCH, name="batch_100", title="atomic batches of 100, eventual accounts", stage="shops",
        batch=100, concurrency_max=4, accounts=SHOPS,
    ),
)  # fmt: skip
STAGES = ("hot", "users", "shops")


def prepare(api: Api, stage: str, ledger_ik: str, *, lists: bool, progress: Progress) -> None:
    """The ledger of a stage: accounts opened, and entries to list if `lists`."""
    create_ledger(api, ledger_ik)
    if stage == "users":
        open_users(api, ledger_ik, USERS, progress)
    elif stage == "shops":
        open_shops(api, ledger_ik, SHOPS, progress)
        if lists:
            sell(api, ledger_ik, SALES, SHOPS, Random(SEED), progress)


def deep_cursors(api: Api, ledger_ik: str) -> list[str]:
    """Cursors that lead to page DEEP_PAGE and some pages before it."""
    cursors: list[str] = []
    after: str | None = None
    for _ in range(DEEP_PAGE - 1):
        variables = {
            "ledgerIk": ledger_ik,
            "first": PAGE_SIZE,
            "after": after,
            "filter": LIST_FILTER,
        }
        found = api.execute(document("list_entries"), variables)["ledger"]["ledgerEntries"]
        after = found["pageInfo"]["endCursor"]
        assert after is not None, "there are enough entries to list"
        cursors.append(after)
    return cursors[-DEEP_CURSORS:]
