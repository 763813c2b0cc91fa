"""What the connectors count, in the process's registry."""

from prometheus_client import Counter

from shared.observe import Metrics


class LinkMeters:
    """Rounds, transactions, webhooks. Make one for each process."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.rounds = Counter(
            "twofold_link_rounds",
            "Rounds of native Links, by how they ended",
            ("type", "outcome"),
            registry=registry,
        )
        self.transactions = Counter(
            "twofold_link_transactions",
            "Transactions of native Links that became Txs",
            ("type",),
            registry=registry,
        )
        self.webhooks = Counter(
            "twofold_webhooks", "Webhooks of native Links", ("outcome",), registry=registry
        )
