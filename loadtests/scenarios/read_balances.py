"""Users who read balances."""

from locust import constant, task

from loadtests.common.requests import balance
from loadtests.common.users import ACCOUNTS, LedgerUser


class BalanceReader(LedgerUser):
    """Reads one account's balance after the other."""

    wait_time = constant(0)
    weight = 2

    @task
    def read_balance(self) -> None:
        """The own balance, as consistent as the account is."""
        self.send("read: balance", balance(self.rng, self.load_run.ledger_ik, ACCOUNTS))
