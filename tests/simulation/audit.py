"""What must hold after a run: the invariants, read straight from the servers."""

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.ledger.audits import Finding
from shared.ledger.entries import LedgerEntry
from shared.store.items import entry_from_item
from shared.testing.invariants import audit, collect

if TYPE_CHECKING:
    from tests.simulation.world import World


def audit_fates(world: "World") -> list[str]:
    """Acknowledged entries stand as they were answered, refused ones don't, batches are whole or
    absent."""
    entries = world.entries()
    wrong: list[str] = []
    acknowledged = {ik for post in world.posts if post.fate == "acknowledged" for ik in post.iks}
    late = world.table.counts["timeout_late"]  # a write that arrives after its refusal was judged
    for post in world.posts:
        if post.fate == "acknowledged":
            for ik, answer in zip(post.iks, post.answers, strict=True):
                standing = entries.get(ik)
                if standing is None or _as_posted(standing, answer) != answer:
                    wrong.append(f"{ik} was answered as {answer.id} and stands otherwise")
        stand = [ik in entries for ik in post.iks]
        if len(set(stand)) > 1:
            wrong.append(f"of {post.iks} only {stand} stand")
    for ik in entries:
        if ik not in acknowledged and not late:
            wrong.append(f"{ik} stands and nobody was told so")
    return wrong


def _as_posted(entry: LedgerEntry, answer: LedgerEntry) -> LedgerEntry:
    """The entry without the groups that it has joined since."""
    assert entry.groups[: len(answer.groups)] == answer.groups
    return replace(entry, groups=answer.groups, updates=answer.updates, revision=answer.revision)


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
