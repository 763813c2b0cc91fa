"""PURE: what must hold among Links, External Accounts and Txs, whoever wrote them."""

from collections.abc import Collection, Iterator

from shared.ledger.accounts import LedgerAccount
from shared.ledger.amounts import in_int96
from shared.ledger.audits import Finding
from shared.ledger.identifiers import external_account_id, link_id
from shared.ledger.links import STRIPE_LINK, ExternalAccount, Link, Tx, derived_tx_id
from shared.ledger.pair_audits import PairAudit


class LinkAudit:
    """Takes every Link, External Account and Tx in any order, then judges them together."""

    def __init__(self) -> None:
        self._links: set[str] = set()
        self._stripe_links: set[str] = set()
        self._pairs = PairAudit()
        self._accounts: dict[str, ExternalAccount] = {}
        self._heads: dict[tuple[str, str], int | None] = {}  # by account and external id
        self._sequences: dict[tuple[str, str], dict[int, bool]] = {}  # place -> is deleted
        self._currencies: dict[str, set[str]] = {}  # of an account's Txs
        self._claimed: dict[str, str] = {}  # entry -> the deleted Tx that it accounts for
        self._linked_to: dict[str, str | None] = {}  # Ledger Account -> External Account
        self._accounted: set[tuple[str, str]] = set()  # Ledger Account, its Txs' External Account
        self._findings: list[Finding] = []

    @property
    def accounts(self) -> list[str]:
        """Ids of the External Accounts, and of those that only Txs name."""
        return sorted(self._accounts.keys() | self._currencies.keys())

    def add_link(self, link: Link) -> None:
        """Takes a Link."""
        if link.id != link_id(link.workspace_id, link.ik):
            self._tell("I2", f"Link {link.id}", f"is not the id of the ik {link.ik}")
        self._links.add(link.id)
        if link.type == STRIPE_LINK:
            self._stripe_links.add(link.id)

    def add_account(self, account: ExternalAccount) -> None:
        """Takes an External Account."""
        if account.id != external_account_id(account.link_id, account.external_id):
            detail = f"is not the id of {account.external_id} in the Link {account.link_id}"
            self._tell("I2", f"External Account {account.id}", detail)
        self._accounts[account.id] = account

    def add_linked(self, account: LedgerAccount) -> None:
        """Takes a Linked Ledger Account."""
        self._linked_to[account.id] = account.external_account_id

    def add_tx(self, tx: Tx, newest: int | None, reconciled_count: int) -> None:
        """Takes a Tx; `newest` is what its item says of the sequence, at place 1."""
        subject = f"Tx {tx.id}"
        self._pairs.add(tx)
        if tx.id != derived_tx_id(tx):
            detail = f"is not the id of {tx.external_id}, {tx.sequence}, in {tx.account_id}"
            self._tell("I2", subject, detail)
        if not in_int96(tx.amount):
            self._tell("I1", subject, f"the amount {tx.amount} is beyond Int96")
        if reconciled_count != len(tx.reconciled):
            detail = f"counts {reconciled_count} entries, {len(tx.reconciled)} account for it"
            self._tell("I3", subject, detail)
        if tx.is_deleted:
            self._claimed.update({entry: subject for _, entry in tx.reconciled})
        self._accounted.update([(account, tx.account_id) for account, _ in tx.reconciled])
        self._currencies.setdefault(tx.account_id, set()).add(tx.currency)
        if tx.sequence == newest == 1:
            return  # whole by itself, like nearly all: not kept
        name = (tx.account_id, tx.external_id)
        self._sequences.setdefault(name, {})[tx.sequence] = tx.is_deleted
        if tx.sequence == 1:
            self._heads[name] = newest

    def audit(self, out_of_reach: Collection[str] = ()) -> list[Finding]:
        """All findings: ids, sequences, and that what each thing hangs on is there. A deleted Tx
        may be accounted for by entries that are `out_of_reach`, those of deleted ledgers, alone.
        """
        for entry, subject in self._claimed.items():
            if entry not in out_of_reach:
                self._tell("I3", subject, f"is deleted and reconciled by the entry {entry}")
        for ledger_account, accounted in sorted(self._accounted):
            linked_to = self._linked_to.get(ledger_account, accounted)
            if linked_to != accounted:
                detail = f"accounts for Txs of {accounted}, and is linked to {linked_to}"
                self._tell("I3", f"account {ledger_account}", detail)
        for account in self._accounts.values():
            if account.link_id not in self._links:
                detail = f"its Link {account.link_id} is not there"
                self._tell("I3", f"External Account {account.id}", detail)
        for account_id, currencies in self._currencies.items():
            found = self._accounts.get(account_id)
            if found is None:
                detail = "has Txs and is not there"
                self._tell("I3", f"External Account {account_id}", detail)
            elif found.currency is not None and currencies != {found.currency}:
                others = ", ".join(sorted(currencies - {found.currency}))
                detail = f"holds {found.currency}, and has Txs in {others}"
                self._tell("I1", f"External Account {account_id}", detail)
        self._findings += self._audit_sequences()
        self._findings += self._pairs.audit(self._stripe_links)
        return self._findings

    def _audit_sequences(self) -> Iterator[Finding]:
        """Places run from 1 to the newest, and each but the newest is deleted."""
        for (account_id, external_id), places in self._sequences.items():
            subject = f"Txs {external_id} of {account_id}"
            newest = self._heads.get((account_id, external_id))
            if newest is None or sorted(places) != list(range(1, newest + 1)):
                detail = f"the newest place is {newest}, there are {sorted(places)}"
                yield Finding("I2", subject, detail)
            live = [place for place, is_deleted in sorted(places.items()) if not is_deleted]
            if any(place != max(places) for place in live):
                yield Finding("I2", subject, f"the places {live} are not deleted")

    def _tell(self, invariant: str, subject: str, detail: str) -> None:
        self._findings.append(Finding(invariant, subject, detail))
