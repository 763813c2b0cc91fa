"""A thin layer over the official client: one ledger, plain names, refusals as exceptions."""

from dataclasses import dataclass
from typing import Any

from fragment.sdk.client import Client

OWN_BALANCE = """
query GetOwnBalance($path: String!, $ledgerIk: SafeString!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ledgerIk}}) {
    ownBalance(consistencyMode: use_account)
  }
}
"""


class Refused(Exception):
    """The service has said no. `is_retryable`: the same call may succeed later."""

    def __init__(self, code: str, message: str, is_retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.is_retryable = is_retryable


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of an account's history."""

    posted: str
    description: str
    cents: int


class WalletLedger:
    """One ledger of the wallet's Schema."""

    def __init__(self, client: Client, ledger_ik: str) -> None:
        self._client = client
        self._ledger_ik = ledger_ik

    async def post_entries(self, entry_type: str, idemp_key: str, **parameters: Any) -> Any:
        """Posts an entry of a type of the Schema; the same key again answers with the first."""
        answer = await self._client.add_ledger_entry(
            idemp_key, self._ledger_ik, entry_type, _texts(parameters)
        )
        return accepted(answer.add_ledger_entry)

    async def reconcile_tx(
        self, external_ref: str, entry_type: str = "ChargeEntry", **parameters: Any
    ) -> Any:
        """Posts the entry that accounts for a Tx of the processor; once, however often called."""
        parameters = {"charge_id": external_ref, **parameters}
        answer = await self._client.reconcile_tx(self._ledger_ik, entry_type, _texts(parameters))
        return accepted(answer.reconcile_tx)

    async def lines(self, path: str) -> list[HistoryLine]:
        """An account's newest lines; none of one that nothing was posted to."""
        answer = await self._client.get_ledger_account_lines(path, self._ledger_ik)
        nodes = answer.ledger_account.lines.nodes if answer.ledger_account else []
        return [
            HistoryLine(line.posted, line.description or "", int(line.amount)) for line in nodes
        ]

    async def balance(self, path: str) -> int:
        """An account's own balance, as up to date as the Schema keeps it."""
        asked = {"path": path, "ledgerIk": self._ledger_ik}
        response = await self._client.execute(query=OWN_BALANCE, variables=asked)
        account = self._client.get_data(response)["ledgerAccount"]
        return int(account["ownBalance"]) if account else 0


def _texts(parameters: dict[str, Any]) -> dict[str, str]:
    """Parameters are strings on the wire, amounts too."""
    return {name: str(value) for name, value in parameters.items()}


def accepted(result: Any) -> Any:
    """The result of a mutation. Raises Refused."""
    if result.typename__ in ("BadRequestError", "InternalError"):
        raise Refused(result.code, result.message, result.retryable)
    return result
