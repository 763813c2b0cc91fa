"""The two tables, written down once: what infra/ describes, what `provision` creates, what tests
expect.

    twofold-ledger     pk (S), sk (S)   on demand   stream: new and old images
    twofold-balances   pk (S), sk (S)   on demand   no stream
"""

from dataclasses import dataclass
from typing import Any

from shared.store.table import TableName

PARTITION_KEY = "pk"
SORT_KEY = "sk"
STREAM_VIEW = "NEW_AND_OLD_IMAGES"


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One table. `streamed` tables keep a day of changes for the indexer."""

    table: TableName
    streamed: bool

    def name(self, prefix: str) -> str:
        """The table's name in DynamoDB."""
        return prefix + self.table


LEDGER = TableDefinition(TableName.LEDGER, streamed=True)
BALANCES = TableDefinition(TableName.BALANCES, streamed=False)
TABLES = (LEDGER, BALANCES)

assert {definition.table for definition in TABLES} == set(TableName)


def create_arguments(definition: TableDefinition, prefix: str) -> dict[str, Any]:
    """Arguments of CreateTable. infra/cloudformation.yaml has the same, but for StreamEnabled."""
    arguments: dict[str, Any] = {
        "TableName": definition.name(prefix),
        "AttributeDefinitions": [
            {"AttributeName": PARTITION_KEY, "AttributeType": "S"},
            {"AttributeName": SORT_KEY, "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
            {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if definition.streamed:
        arguments["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": STREAM_VIEW}
    return arguments
