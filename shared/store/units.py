"""Capacity units, computed from what is sent and what comes back.

DynamoDB Local's figures for transactions are wrong, and asking AWS for them costs bytes: so the
units that metrics and budgets count are computed here. Updates and deletes count what is sent:
DynamoDB bills the larger of the item before and after, which for our items (balances, heads) is
the same kilobyte.
"""

from collections.abc import Iterable, Sequence

from shared.store.items import item_bytes
from shared.store.table import Item, Put, Update, Write

WRITE_UNIT_BYTES = 1_024
READ_UNIT_BYTES = 4_096


def write_bytes(write: Write) -> int:
    """Size of what one write sends, as DynamoDB counts it (without expressions)."""
    if isinstance(write, Put):
        return item_bytes(write.item)
    size = 4 + len(write.key.pk) + len(write.key.sk)
    if isinstance(write, Update):
        for attributes in (write.add, write.set, write.set_if_absent):
            if attributes:
                size += item_bytes(dict(attributes))
    return size


def single_write_units(write: Write) -> int:
    """Write units of one PutItem, UpdateItem or DeleteItem: one for each started kilobyte."""
    return -(-write_bytes(write) // WRITE_UNIT_BYTES)


def write_units(writes: Iterable[Write]) -> int:
    """Write units of one TransactWriteItems: two for each started kilobyte of each write."""
    return 2 * sum(single_write_units(write) for write in writes)


def read_units(items: Sequence[Item | None], *, consistent: bool) -> float:
    """Read units of GetItem and BatchGetItem: each item rounded up; half if not consistent."""
    blocks = 0
    for item in items:
        blocks += 1 if item is None else -(-item_bytes(item) // READ_UNIT_BYTES)
    return blocks if consistent else blocks / 2


def page_read_units(items: Iterable[Item], *, consistent: bool) -> float:
    """Read units of Query and Scan: the page's sum rounded up once; half if not consistent."""
    size = sum(item_bytes(item) for item in items)
    blocks = max(1, -(-size // READ_UNIT_BYTES))
    return blocks if consistent else blocks / 2
