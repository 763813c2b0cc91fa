"""Items of Links, External Accounts and Txs -> the audit of what must hold among them."""

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
