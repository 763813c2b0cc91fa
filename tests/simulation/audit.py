"""What must hold after a run: the invariants, read straight from the servers."""

from typing import TYPE_CHECKING

from shared.ledger.audits import Finding
from shared.ledger.entries import LedgerEntry
from shared.store.items import entry_from_item
from shared.testing.invariants import audit, collect

if TYPE_CHECKING:
    from tests.simulation.world import World


def audit_fates(world: "World") -> list[str]:
    """Acknowledged entries stand as they were answered, refused ones don't, batches are whole or
    absent, and nothing stands that nobody was told of."""
    entries = world.entries()
    iks = {entry.ik for entry in entries.values()}
    wrong: list[str] = []
    told = world.told()
    late = world.table.counts["timeout_late"]  # a write that arrives after its refusal was judged
    for answer in told:
        standing = entries.get(answer.id)
        if standing is None or _core(standing) != _core(answer):
            wrong.append(f"{answer.ik} was answered as {answer.id} and stands otherwise")
    for asked in (*world.posts, *world.reconciliations):
        if any(answer.hidden for answer in asked.answers):
            wrong.append(f"{asked} was answered with entries that were taken back")
    for post in world.posts:
        present = [ik in iks for ik in post.iks]
        if len(set(present)) > 1:
            wrong.append(f"of {post.iks} only {present} stand")
    known = {answer.id for answer in told}
    for entry in entries.values():
        if entry.id not in known and not late:
            wrong.append(f"{entry.ik} {entry.position} stands and nobody was told so")
    return wrong


def _core(entry: LedgerEntry) -> tuple[object, ...]:
    """What never changes once an entry stands: all but its labels and who reverses it."""
    lines = [(line.account_path, line.amount, line.currency) for line in entry.lines]
    return (entry.ik, entry.position, entry.posted_ms, entry.created_ms, lines, entry.reverses)


def audit_changes(world: "World") -> list[str]:
    """Each acknowledged change was done, and each update once: every update brought a tag of its
    own, and it counts with the entry, on which nothing else has put tags."""
    entries = world.entries()
    wrong: list[str] = []
    for change in world.changes:
        entry = entries[change.entry_id]
        if change.fate != "acknowledged":
            continue
        if change.kind == "update" and (change.label, "1") not in entry.tags:
            wrong.append(f"the update {change.label} of {entry.ik} is lost")
        if change.kind != "update" and not entry.hidden:
            wrong.append(f"{entry.ik} {entry.position} is not reversed")
    for entry in entries.values():
        if not entry.is_reversal and len(entry.tags) != entry.updates:
            wrong.append(f"{entry.ik} has {len(entry.tags)} tags and {entry.updates} updates")
        if entry.revision != 1 + entry.updates + entry.is_reversed:
            wrong.append(f"{entry.ik} {entry.position} is at revision {entry.revision}")
    return wrong


def _as_posted(entry: LedgerEntry, answer: LedgerEntry) -> LedgerEntry:
    """The entry without the groups that it has joined since."""
    assert entry.groups[: len(answer.groups)] == answer.groups
    return entry._replace(groups=answer.groups, updates=answer.updates, revision=answer.revision)


def audit_conditions(world: "World") -> list[str]:
    """No condition was broken: the wallets, in the order of the commits, never go below 0 by a
    transfer."""
    balances: dict[tuple[str, str], int] = {}
    wrong: list[str] = []
    for record in world.stream.records():
        if not record.pk.startswith("E#") or record.kind != "insert":
            continue
        assert record.new is not None
        entry = entry_from_item(record.new)
        for line in entry.lines:
            key = line.account_path, line.currency
            balances[key] = balances.get(key, 0) + line.amount
        for condition in entry.conditions:
            balance = balances[condition.account_path, condition.currency]
            if condition.when == "post" and not condition.bounds.holds(balance):
                wrong.append(f"{entry.ik} left {condition.account_path} at {balance}")
    return wrong


async def audit_everything(world: "World") -> list[Finding]:
    """I1 to I7: entries, strong balances, histories and documents, recomputed from the entries."""
    return audit(await collect(world.memory, world.index))
