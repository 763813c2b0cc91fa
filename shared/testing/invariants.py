"""The auditors of I1 to I10, over what a test has collected from the twins or the engines.

    I1  each entry balances per currency          I6  history months and hours = lines in them
    I2  one (ledger, ik, position), one entry     I7  the indices hold exactly the entries
    I3  entry and strong deltas come together     I8  no checkpoint passes an unapplied change
    I4  balance = sum of its lines                I9  a page walk is complete, without repeats
    I5  childBalance = sum over descendants       I10 a rejected command left no trace

I1 to I7 are `shared.audit`, which `verify` runs on the engines; the others need what only a test
knows. Each function gives findings, none when all is well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from shared.audit import Auditor
from shared.ledger.audits import Finding, differences
from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import entry_id
from shared.ledger.ledgers import Ledger
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema
from shared.search.index import LEDGER_KINDS, Index, Kind, StoredDocument
from shared.store import keys
from shared.store.items import (
    entry_from_item,
    external_account_from_item,
    ledger_from_item,
    schema_version_from_item,
)
from shared.store.table import Item, TableName
from shared.testing.memory import MemoryTable


@dataclass(slots=True)
class Collected:
    """Everything that stands, at one moment. `documents` are those of the live indices, by
    ledger (those of Txs by External Account).
    """

    ledger_items: list[Item]
    balances_items: list[Item]
    documents: dict[tuple[str, Kind], list[StoredDocument]] | None = None
    counts: dict[Kind, int] = field(default_factory=dict)

    def entries(self) -> list[LedgerEntry]:
        """Every entry that stands."""
        return [entry_from_item(item) for item in self.ledger_items if str(item["pk"])[:2] == "E#"]


async def collect(table: MemoryTable, index: Index | None = None) -> Collected:
    """What stands in the twins; without an index I7 isn't judged."""
    collected = Collected(table.dump(TableName.LEDGER), table.dump(TableName.BALANCES))
    if index is None:
        return collected
    await index.refresh()
    collected.documents = {}
    for ledger_id in _ledgers(collected.ledger_items):
        for kind in LEDGER_KINDS:
            found = [stored async for stored in index.scan(kind, ledger_id)]
            collected.documents[(ledger_id, kind)] = found
    for item in collected.ledger_items:
        if str(item["pk"])[:2] == "X#":
            account_id = external_account_from_item(item).id
            txs = [stored async for stored in index.scan(Kind.TXS, account_id)]
            collected.documents[(account_id, Kind.TXS)] = txs
    for kind in Kind:
        collected.counts[kind] = await index.count(kind)
    return collected


def _ledgers(items: Iterable[Item]) -> dict[str, Ledger]:
    ledgers = [ledger_from_item(item) for item in items if str(item["pk"])[:2] == "L#"]
    return {ledger.id: ledger for ledger in ledgers}


def _schemas(items: Iterable[Item], ledgers: Mapping[str, Ledger]) -> dict[str, Schema]:
    """The Schema that each ledger is on, by the ledger's id."""
    versions = {
        (str(item["pk"]), str(item["sk"])): item
        for item in items
        if str(item["pk"])[:2] == "S#" and str(item["sk"]) != "head"
    }
    schemas = {}
    for ledger in ledgers.values():
        if ledger.schema_key is None or ledger.schema_version is None:
            continue
        key = keys.schema_version(
            ledger.workspace_id, ledger.schema_key, ledger.schema_generation, ledger.schema_version
        )
        parsed = parse_schema(schema_version_from_item(versions[(key.pk, key.sk)]).json)
        assert isinstance(parsed, Schema)
        schemas[ledger.id] = parsed
    return schemas


def audit(collected: Collected) -> list[Finding]:
    """I1 to I7, as they should be once the indexer has caught up."""
    ledgers = _ledgers(collected.ledger_items)
    schemas = _schemas(collected.ledger_items, ledgers)
    auditor = Auditor(ledgers, schemas, detailed=True)
    auditor.take_ledger_items(collected.ledger_items)
    for pk, items in groupby(collected.balances_items, key=lambda item: str(item["pk"])):
        auditor.take_balances_partition(pk, list(items))
    for (ledger_id, kind), documents in (collected.documents or {}).items():
        for stored in documents:
            auditor.take_document(kind, ledger_id, stored)
    for kind, count in collected.counts.items():
        auditor.take_count(kind, count)
    return auditor.close(documents=collected.documents is not None)


def audit_strong(collected: Collected) -> list[Finding]:
    """I1 to I4 without what the indexer brings: as they should be at any moment."""
    marks = ("I1", "I2", "I3")
    return [each for each in audit(_without_index(collected)) if each.invariant.startswith(marks)]


def _without_index(collected: Collected) -> Collected:
    return Collected(collected.ledger_items, collected.balances_items)


def audit_checkpoints(
    positions: Mapping[str, str],
    applied: Mapping[str, Sequence[str]],
    told: Mapping[str, Sequence[str]],
) -> list[Finding]:
    """I8 each shard's checkpoint stands behind nothing unapplied.

    By shard: the checkpoint's sequence, the sequences that were applied, those that the stream
    told.
    """
    findings = []
    for shard, sequence in positions.items():
        place = int(sequence) if sequence else -1
        done = set(applied.get(shard, ()))
        passed = [each for each in told.get(shard, ()) if int(each) <= place and each not in done]
        if passed:
            detail = f"the checkpoint {sequence} has passed {', '.join(passed)}"
            findings.append(Finding("I8", f"shard {shard}", detail))
    return findings


def audit_walk(pages: Iterable[Sequence[str]], due: Iterable[str]) -> list[Finding]:
    """I9 the ids on the pages of one walk are those that are due, in their order, each once."""
    seen = [each for page in pages for each in page]
    wanted = list(due)
    findings = differences("I9", "page walk", seen, wanted)
    if not findings and seen != wanted:
        repeated = sorted({each for each in seen if seen.count(each) > 1})
        detail = f"{', '.join(repeated)} come twice" if repeated else "the order is another one"
        findings.append(Finding("I9", "page walk", detail))
    return findings


def audit_traces(collected: Collected, rejected: Iterable[tuple[str, str]]) -> list[Finding]:
    """I10 nothing stands of the rejected (ledger id, ik)s that were never posted otherwise."""
    names = {entry_id(ledger_id, ik, 1): ik for ledger_id, ik in rejected}
    findings = []
    for item in (*collected.ledger_items, *collected.balances_items):
        for name, ik in names.items():
            if name in str(item["pk"]) or name in str(item["sk"]):
                detail = f"{item['pk']!s} {item['sk']!s} stands"
                findings.append(Finding("I10", f"rejected ik {ik}", detail))
    return findings


def audit_outcomes(
    collected: Collected, answered: Mapping[tuple[str, str], Sequence[LedgerEntry]]
) -> list[Finding]:
    """I2 for each (ledger id, ik): every answer gave the entry that stands (no duplicate, no
    divergence).
    """
    standing = {entry.id: entry for entry in collected.entries()}
    findings = []
    for (ledger_id, ik), answers in answered.items():
        subject = f"ik {ik} of ledger {ledger_id}"
        for answer in answers:
            entry = standing.get(answer.id)
            if entry is None:
                findings.append(Finding("I2", subject, f"{answer.id} was answered and is missing"))
            elif (entry.lines, entry.posted_ms) != (answer.lines, answer.posted_ms):
                findings.append(Finding("I2", subject, f"{answer.id} was answered otherwise"))
        if len({answer.id for answer in answers}) > 1:
            findings.append(Finding("I2", subject, "was answered with several entries"))
    return findings
