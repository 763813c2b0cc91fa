"""What a bank's statements hold and what was reconciled with them, kept by the tests themselves.

Nothing of the project is imported here: what the service says is compared with these lists and
sums.
"""

from dataclasses import dataclass, field
from datetime import datetime

Place = tuple[str, str]  # a Ledger's ik, a Ledger Account's path
Named = tuple[str, str]  # an External Account's external id, a Tx's


@dataclass
class Statements:
    """The Txs of a bank's accounts, and the ones that each Linked Ledger Account accounts for."""

    txs: dict[Named, tuple[int, datetime]] = field(default_factory=dict)
    linked: dict[Place, str] = field(default_factory=dict)
    reconciled: set[tuple[Place, Named]] = field(default_factory=set)

    def unreconciled(self, place: Place) -> list[str]:
        """External ids that the account lacks, newest posted first. Moments are all different."""
        account = self.linked[place]
        open_ = [
            (posted, named[1])
            for named, (_, posted) in self.txs.items()
            if named[0] == account and (place, named) not in self.reconciled
        ]
        return [external_id for _, external_id in sorted(open_, reverse=True)]

    def balance(self, place: Place) -> int:
        """The sum of the Txs that the account accounts for."""
        return sum(self.txs[named][0] for at, named in self.reconciled if at == place)

    def places(self, named: Named) -> list[Place]:
        """The accounts that account for a Tx."""
        return sorted(place for place, each in self.reconciled if each == named)
