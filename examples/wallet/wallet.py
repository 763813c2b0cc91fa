"""The wallet: what an app does with its users' money, in a few lines each."""

from typing import Any

from examples.wallet.ledger import HistoryLine, WalletLedger

WALLET = "liability/wallets/wallet"


class WalletService:
    """Each method may be called again after a failure: nothing is ever done twice."""

    def __init__(self, ledger: WalletLedger) -> None:
        self.ledger = ledger

    async def deposit(self, user_id: str, cents: int, tx_id: str) -> Any:
        """Adds money to a wallet."""
        check_positive(cents)
        return await self.ledger.post_entries(
            "DepositEntry", idemp_key=f"deposit-{tx_id}", user_id=user_id, cents=cents
        )

    async def transfer(self, from_id: str, to_id: str, cents: int, tx_id: str) -> Any:
        """Moves money between two wallets. Raises Refused if the sender hasn't got it."""
        check_positive(cents)
        ik = f"transfer-{tx_id}"
        return await self.ledger.post_entries(
            "TransferEntry", idemp_key=ik, from_id=from_id, to_id=to_id, cents=cents
        )

    async def reconcile_charge(self, charge_id: str, user_id: str) -> Any:
        """Matches a charge that the processor has told with the cash of the user's deposit."""
        return await self.ledger.reconcile_tx(external_ref=charge_id, user_id=user_id)

    async def history(self, user_id: str) -> list[HistoryLine]:
        """What moved a wallet, the newest first."""
        return await self.ledger.lines(f"{WALLET}:{user_id}")

    async def balance(self, user_id: str) -> int:
        """What is in a wallet now, in cents."""
        return await self.ledger.balance(f"{WALLET}:{user_id}")


def check_positive(cents: int) -> None:
    """Raises ValueError: a transfer of less than nothing would take from whom it is sent to."""
    if cents <= 0:
        raise ValueError(f"an amount is 1 or more cents, not {cents}")
