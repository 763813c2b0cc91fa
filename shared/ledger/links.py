"""Links to banks and processors, their External Accounts, and the Txs that were synced.

    Link ──► ExternalAccount ──► Tx, by external id; one that was deleted may be synced again, and
                                 is another Tx then: the next of its sequence

A record is a Tx as plain JSON values: what the search document carries. DynamoDB's item has the
same body, but its revision and what accounts for it stand in attributes of their own
(`shared/store/items.py`): they change without the body being read.

    tx  i id · w workspace · l link · a External Account · e account's external id · x external id
        n sequence · v amount · c currency · d description · p posted · t created · z deleted
        r revision · m reconciled: Ledger Account id -> entry id
"""

from dataclasses import dataclass
from typing import Any

from shared.ledger.accounts import CurrencyMode
from shared.ledger.identifiers import external_account_id, tx_id

CUSTOM_LINK = "CustomLink"
STRIPE_LINK = "StripeLink"
INCREASE_LINK = "IncreaseLink"
UNIT_LINK = "UnitLink"

# What the external ids of the two Txs end with that a balance transaction of Stripe becomes.
STRIPE_GROSS = "_gross"
STRIPE_FEE = "_fee"


@dataclass(frozen=True, slots=True)
class Link:
    """One connection to an outside system. `type` is the name of its GraphQL type; `env` is which
    side of a native Link's system it is: `livemode` or `testmode` at Stripe.
    """

    id: str
    workspace_id: str
    type: str
    ik: str
    name: str
    created_ms: int
    env: str | None = None


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """An account at a bank or processor. Only its name ever changes."""

    id: str
    workspace_id: str
    link_id: str
    external_id: str
    name: str
    currency_mode: CurrencyMode
    currency: str | None  # a currency key; None when multi
    created_ms: int
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Tx:
    """A transaction at a bank or processor. Its description may change, and it may be deleted."""

    id: str
    workspace_id: str
    link_id: str
    account_id: str  # of the External Account
    account_external_id: str
    external_id: str
    sequence: int  # among the Txs that had its external id, from 1
    amount: int  # positive is money coming in
    currency: str
    description: str
    posted_ms: int
    created_ms: int
    deleted_at_ms: int | None = None
    reconciled: tuple[tuple[str, str], ...] = ()  # Ledger Account id, entry id; by account
    revision: int = 1

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at_ms is not None

    def entry_of(self, ledger_account_id: str) -> str | None:
        """Id of the standing entry that accounts for the Tx in the Ledger Account."""
        return dict(self.reconciled).get(ledger_account_id)


Record = dict[str, Any]


def tx_record(tx: Tx) -> Record:
    """The Tx as JSON values; amounts are strings, as JSON numbers can't hold Int96."""
    record: Record = {
        "i": tx.id,
        "w": tx.workspace_id,
        "l": tx.link_id,
        "a": tx.account_id,
        "e": tx.account_external_id,
        "x": tx.external_id,
        "n": tx.sequence,
        "v": str(tx.amount),
        "c": tx.currency,
        "d": tx.description,
        "p": tx.posted_ms,
        "t": tx.created_ms,
        "r": tx.revision,
    }
    if tx.deleted_at_ms is not None:
        record["z"] = tx.deleted_at_ms
    if tx.reconciled:
        record["m"] = dict(tx.reconciled)
    return record


def tx_from_record(record: Record) -> Tx:
    """The Tx that `tx_record` was given."""
    return Tx(
        id=record["i"],
        workspace_id=record["w"],
        link_id=record["l"],
        account_id=record["a"],
        account_external_id=record["e"],
        external_id=record["x"],
        sequence=record["n"],
        amount=int(record["v"]),
        currency=record["c"],
        description=record["d"],
        posted_ms=record["p"],
        created_ms=record["t"],
        deleted_at_ms=record.get("z"),
        reconciled=tuple(sorted(record.get("m", {}).items())),
        revision=record["r"],
    )


def derived_tx_id(tx: Tx) -> str:
    """The id that follows from what the Tx is."""
    account = external_account_id(tx.link_id, tx.account_external_id)
    return tx_id(account, tx.external_id, tx.sequence)
