"""What must hold after a run: the invariants, read straight from the servers."""

from typing import TYPE_CHECKING

from shared.ledger.audits import Chains, Finding, Tally, audit_entry, audit_history, audit_strong
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import account_id
from shared.search.documents import entry_documents
from shared.search.index import Kind
from shared.store.items import chain_head, entry_from_item, strong_balance
from shared.store.table import TableName

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
                if entries.get(ik) != answer:
                    wrong.append(f"{ik} was answered as {answer.id} and stands otherwise")
        standing = [ik in entries for ik in post.iks]
        if len(set(standing)) > 1:
            wrong.append(f"of {post.iks} only {standing} stand")
    for ik in entries:
        if ik not in acknowledged and not late:
            wrong.append(f"{ik} stands and nobody was told so")
    return wrong


def audit_conditions(world: "World") -> list[str]:
    """No condition was broken: the wallets, in the order of the commits, never go below 0 by a
    transfer."""
    balances: dict[str, int] = {}
    wrong: list[str] = []
    for record in world.stream.records():
        if not record.pk.startswith("E#") or record.kind != "insert":
            continue
        assert record.new is not None
        entry = entry_from_item(record.new)
        for line in entry.lines:
            path = line.account_path
            balances[path] = balances.get(path, 0) + line.amount
        for condition in entry.conditions:
            balance = balances[condition.account_path]
            if condition.when == "post" and not condition.bounds.holds(balance):
                wrong.append(f"{entry.ik} left {condition.account_path} at {balance}")
    return wrong


def audit_store(world: "World") -> list[Finding]:
    """Entries balance, ids and chains are right, strong balances are the sums of their lines."""
    findings: list[Finding] = []
    chains = Chains()
    tally = Tally()
    for item in world.memory.dump(TableName.LEDGER):
        if str(item["pk"]).startswith("E#"):
            entry = entry_from_item(item)
            findings += audit_entry(entry)
            chains.add(entry, chain_head(item) if "h" in item else None)
            tally.add(entry, 0)
    findings += chains.audit()
    for item in world.memory.dump(TableName.BALANCES):
        pk, sk = str(item["pk"]), str(item["sk"])
        if pk.startswith("B#") and sk[:2] in ("S#", "T#"):
            scope = "own" if sk[0] == "S" else "total"
            findings += audit_strong(pk[2:], sk[2:], scope, strong_balance(item), tally)
    return findings


async def audit_projections(world: "World") -> list[Finding]:
    """Histories and documents are exactly those of the entries."""
    entries = list(world.entries().values())
    return _audit_histories(world, entries) + await _audit_documents(world, entries)


def _audit_histories(world: "World", entries: list[LedgerEntry]) -> list[Finding]:
    tally = Tally()
    for entry in entries:
        tally.add(entry, world.ledger.utc_offset_minutes)
    heads: dict[tuple[str, str], dict[str, object]] = {}
    months: dict[tuple[str, str], dict[int, dict[str, object]]] = {}
    for item in world.memory.dump(TableName.BALANCES):
        pk, sk = str(item["pk"]), str(item["sk"])
        if not pk.startswith("B#"):
            continue
        if sk.startswith("H#"):
            heads[(pk[2:], sk[2:])] = item
        elif sk.startswith("M#"):
            currency, _, month = sk[2:].rpartition("#")
            months.setdefault((pk[2:], currency), {})[int(month)] = item
    findings: list[Finding] = []
    for key in {*tally.balances, *heads, *months}:
        account, currency = key
        expected = tally.balances.get(key)
        findings += audit_history(
            account,
            currency,
            expected,
            heads.get(key),
            months.get(key, {}),  # type: ignore[arg-type]
        )
    return findings


async def _audit_documents(world: "World", entries: list[LedgerEntry]) -> list[Finding]:
    wanted = {
        (document.kind, document.id): (document.version, document.source)
        for entry in entries
        for document in entry_documents(entry)
        if document.kind in (Kind.ENTRIES, Kind.LINES)
    }
    await world.index.refresh()
    found = {}
    for kind in (Kind.ENTRIES, Kind.LINES):
        async for stored in world.index.scan(kind, world.ledger.id):
            found[(kind, stored.id)] = (stored.version, stored.source)
    findings = [
        Finding("I7", f"{kind} {name}", "is missing or old")
        for (kind, name), document in wanted.items()
        if found.get((kind, name), (0, None))[0] != document[0]
    ]
    findings += [
        Finding("I7", f"{kind} {name}", "is of no entry")
        for kind, name in found
        if (kind, name) not in wanted
    ]
    accounts = {
        account_id(entry.ledger_id, line.account_path) for entry in entries for line in entry.lines
    }
    indexed = set()
    async for stored in world.index.scan(Kind.ACCOUNTS, world.ledger.id):
        indexed.add(stored.id)
    findings += [
        Finding("I7", f"account {account}", "is missing") for account in accounts - indexed
    ]
    return findings
