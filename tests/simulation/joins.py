"""An entry joins a group: one transaction of its new revision and the strong balances it moves."""

from dataclasses import replace

from shared.ledger.amounts import INT96_MAX, INT96_MIN
from shared.ledger.entries import Group
from shared.ledger.ledgers import Ledger
from shared.store import keys
from shared.store.items import entry_from_item, entry_item
from shared.store.table import Is, Transacted, Update, Within, Write
from write_service.packing import balance_write
from write_service.planning.entries import group_deltas
from write_service.posting import WriteServices


async def join_group(services: WriteServices, ledger: Ledger, entry_id: str, group: Group) -> bool:
    """Whether the entry joined the group; it doesn't when it has one of that key, or was changed
    meanwhile."""
    key = keys.entry(entry_id)
    item = await services.table.get(key, consistent=True)
    assert item is not None
    before = entry_from_item(item)
    if any(held == group[0] for held, _ in before.groups):
        return False
    after = replace(
        before,
        groups=(*before.groups, group),
        updates=before.updates + 1,
        revision=before.revision + 1,
    )
    view = await services.prefetcher.view(ledger)
    within = (Within("v", INT96_MIN, INT96_MAX),)
    stood = (Is("r", before.revision),)
    new = {"b": entry_item(after, "")["b"], "r": after.revision}
    writes: list[Write] = [Update(key, set=new, guards=stood)]
    for delta in group_deltas(view, after, [group]):
        writes.append(balance_write(delta.key, delta.amount, within))
    answer = await services.table.transact(writes, services.new_token())
    return isinstance(answer, Transacted)
