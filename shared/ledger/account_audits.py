"""PURE: what must hold among Ledger Accounts and the lines on them."""

from collections.abc import Callable, Mapping

from shared.ledger.accounts import LedgerAccount
from shared.ledger.audits import Expected, Finding
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id


class AccountAudit:
    """Takes every Ledger Account and every entry in any order, then judges them together."""

    def __init__(self) -> None:
        self._accounts: dict[str, tuple[str, str | None]] = {}  # by id: type, only currency
        self._line_types: dict[tuple[str, str], str] = {}  # by ledger and path
        self._parents: dict[str, str] = {}  # ids that accounts name, and the path of one that does
        self._findings: list[Finding] = []

    def __contains__(self, account: str) -> bool:
        """Whether the account with this id was taken."""
        return account in self._accounts

    def add(self, account: LedgerAccount) -> None:
        """Takes an account."""
        if account.id != account_id(account.ledger_id, account.path):
            self._tell("I2", account.id, f"is not the id of {account.path}")
        self._accounts[account.id] = (account.type, account.currency)
        if account.parent_id is not None:
            self._parents[account.parent_id] = account.path

    def add_entry(self, entry: LedgerEntry) -> None:
        """Takes an entry."""
        for line in entry.lines:
            place = (entry.ledger_id, line.account_path)
            known = self._line_types.setdefault(place, line.account_type)
            if known != line.account_type:
                detail = f"{line.account_path} is {line.account_type} here and {known} elsewhere"
                self._findings.append(Finding("I1", f"entry {entry.id}", detail))

    def audit(
        self, balances: Mapping[tuple[str, str], Expected], has_accounts: Callable[[str], bool]
    ) -> list[Finding]:
        """I2 ids; I3 an account that has lines or children is there; I1 its lines are of its type
        and currency. `balances` is what the lines come to, by account id and currency;
        `has_accounts` says whether a ledger's accounts can be expected to be there.
        """
        for parent, path in self._parents.items():
            if parent not in self._accounts:
                self._tell("I3", parent, f"{path} lies below it and it is not there")
        missing: set[str] = set()
        for (account, currency), expected in balances.items():
            if account in self._accounts:
                self._judge_lines(account, currency, expected)
            elif account not in missing and has_accounts(expected.ledger_id):
                self._tell("I3", account, f"{expected.path} has lines and is not there")
                missing.add(account)
        return self._findings

    def _judge_lines(self, account: str, currency: str, expected: Expected) -> None:
        account_type, only_currency = self._accounts[account]
        if expected.own_lines and only_currency not in (None, currency):
            detail = f"{expected.path} holds {only_currency} and has lines in {currency}"
            self._tell("I1", account, detail)
        of_lines = self._line_types.get((expected.ledger_id, expected.path), account_type)
        if of_lines != account_type:
            self._tell("I1", account, f"{expected.path} is {account_type} and its lines {of_lines}")

    def _tell(self, invariant: str, account: str, detail: str) -> None:
        self._findings.append(Finding(invariant, f"account {account}", detail))
