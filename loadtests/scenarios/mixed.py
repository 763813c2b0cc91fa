"""Users who do what an application does for its own: read, pay, look at the list."""

from locust import between, task

from loadtests.common.requests import balance, page, transfer
from loadtests.common.users import ACCOUNTS, LedgerUser

FILTER = {"type": {"equalTo": "guarded_transfer"}}


class Customer(LedgerUser):
    """Looks at a balance, pays, and looks at the newest payments; thinks a moment in between."""

    wait_time = between(0.05, 0.2)
    weight = 2

    @task
    def pay(self) -> None:
        """One round."""
        ledger_ik = self.load_run.ledger_ik
        self.send("read: balance", balance(self.rng, ledger_ik, ACCOUNTS))
        request = transfer(self.rng, ledger_ik, self.new_ik(), ACCOUNTS, guarded=True)
        self.send("post: guarded", request)
        self.send("list: first page", page(ledger_ik, None, FILTER))
