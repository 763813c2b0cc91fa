"""Items of Links, External Accounts and Txs -> the audit of what must hold among them, and between
Txs and the entries that account for them.
"""

from collections.abc import Iterator
from typing import Any

from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id
from shared.ledger.link_audits import LinkAudit
from shared.ledger.links import ExternalAccount, Tx
from shared.store.items import (
    external_account_from_item,
    link_from_item,
    newest_sequence,
    reconciled_count,
    tx_from_item,
)
from shared.store.table import Item


def take_of_links(audit: LinkAudit, item: Item) -> ExternalAccount | Tx | None:
    """Feeds the audit with an item; gives what holds a currency. Other kinds are passed over."""
    pk = str(item["pk"])
    if pk[:3] == "LK#":
        audit.add_link(link_from_item(item))
    elif pk[:2] == "X#":
        account = external_account_from_item(item)
        audit.add_account(account)
        return account
    elif pk[:2] == "T#":
        tx = tx_from_item(item)
        newest = newest_sequence(item) if tx.sequence == 1 else None
        audit.add_tx(tx, newest, reconciled_count(item))
        return tx
    return None


Claim = tuple[str, list[Any]]  # Tx, Ledger Account and entry; what line and Tx agree on


def due_claims(entry: LedgerEntry) -> Iterator[Claim]:
    """What the entry must account for: the Txs of its lines while it stands, as the lines say."""
    for line in () if entry.hidden else entry.lines:
        if line.tx_id is not None:
            account = account_id(entry.ledger_id, line.account_path)
            content = [str(line.amount), line.currency, line.tx_external_id]
            yield f"{line.tx_id} on {account} by {entry.id}", content


def claims_of(tx: Tx) -> Iterator[Claim]:
    """What the Tx says of the entries that account for it."""
    for account, entry in tx.reconciled:
        yield f"{tx.id} on {account} by {entry}", [str(tx.amount), tx.currency, tx.external_id]
