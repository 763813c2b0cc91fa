"""Users who post: on the hot pair, between many accounts, guarded, and in atomic batches."""

from locust import constant, task

from loadtests.common.requests import batch, deposit, transfer
from loadtests.common.users import ACCOUNTS, LedgerUser

BATCH = 10


class Writer(LedgerUser):
    """Posts as fast as it is answered."""

    wait_time = constant(0)
    weight = 4

    @task(4)
    def post_on_hot_pair(self) -> None:
        """Both accounts are strong and everyone's."""
        self.send("post: hot pair", deposit(self.rng, self.load_run.ledger_ik, self.new_ik()))

    @task(4)
    def post_between_users(self) -> None:
        """Two accounts of many."""
        request = transfer(
            self.rng, self.load_run.ledger_ik, self.new_ik(), ACCOUNTS, guarded=False
        )
        self.send("post: random pair", request)

    @task(3)
    def post_guarded(self) -> None:
        """Only if the payer's balance stays at 0 or above."""
        request = transfer(self.rng, self.load_run.ledger_ik, self.new_ik(), ACCOUNTS, guarded=True)
        self.send("post: guarded", request)

    @task(1)
    def post_batch(self) -> None:
        """Ten at once, all or none."""
        iks = [self.new_ik() for _ in range(BATCH)]
        self.send("post: batch of 10", batch(self.rng, self.load_run.ledger_ik, iks, ACCOUNTS))
