"""PURE: a balance transaction of Stripe is exactly two Txs, gross and fee, whoever wrote them.

Of each Link only a sum is kept: a digest of what both Txs of a pair must share, added for the gross
one and taken off for the fee. It is zero when every Tx has its other half.
"""

from collections.abc import Iterator
from hashlib import sha256

from shared.ledger.audits import Finding
from shared.ledger.links import STRIPE_FEE, STRIPE_GROSS, Tx


class PairAudit:
    """Takes Txs in any order; judges the Links that are said to be Stripe's."""

    def __init__(self) -> None:
        self._sums: dict[str, int] = {}  # by Link
        self._strays: dict[str, int] = {}

    def add(self, tx: Tx) -> None:
        """Takes a Tx of any Link."""
        for suffix, sign in ((STRIPE_GROSS, 1), (STRIPE_FEE, -1)):
            if tx.external_id.endswith(suffix):
                name = tx.external_id[: -len(suffix)]
                shared = (tx.account_id, name, tx.sequence, tx.posted_ms, tx.currency)
                digest = int.from_bytes(sha256(repr(shared).encode()).digest()[:16])
                self._sums[tx.link_id] = self._sums.get(tx.link_id, 0) + sign * digest
                return
        self._strays[tx.link_id] = self._strays.get(tx.link_id, 0) + 1

    def audit(self, stripe_links: set[str]) -> Iterator[Finding]:
        """What is wrong with the Links of these ids."""
        for link in sorted(stripe_links):
            if self._sums.get(link):
                detail = "a balance transaction lacks its gross or its fee Tx"
                yield Finding("I3", f"Link {link}", detail)
            if self._strays.get(link):
                detail = f"holds {self._strays[link]} Txs that are of no balance transaction"
                yield Finding("I3", f"Link {link}", detail)
