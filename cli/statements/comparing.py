"""What syncing a statement changes: wanted Txs beside those that stand -> a row each, and sums."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.reports.amounts import Money, Unit, read_unit
from cli.reports.rows import Column, Row
from cli.statements.other_ids import OtherId
from cli.statements.statements import SkippedRow
from cli.statements.wanted import WantedTx
from shared.ledger.periods import format_datetime, parse_datetime

Status = Literal["added", "changed", "unchanged", "refused"]
STATUSES: tuple[Status, ...] = ("added", "changed", "unchanged", "refused")
SKIPPED = "skipped"

COLUMNS = (
    Column("row", None),
    Column("status", "Status"),
    Column("where", "Row"),
    Column("posted", "Posted"),
    Column("external_id", "External id"),
    Column("description", "Description"),
    Column("currency", "Currency"),
    Column("precision", None),
    Column("count", "Count", True),
    Column("amount", "Amount", True),
    Column("reason", "Reason"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A Tx as the API has it."""

    posted_ms: int
    amount: int
    unit: Unit
    description: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A wanted Tx and what becomes of it. `reason`: what changes, or why nothing may."""

    tx: WantedTx
    status: Status
    reason: str | None = None


def read_standing(node: Mapping[str, Any]) -> Standing:
    """A Tx `{ posted amount description currency { code customCurrencyId precision } }`."""
    posted_ms = parse_datetime(node["posted"])
    assert posted_ms is not None, "the API writes moments"
    return Standing(
        posted_ms, int(node["amount"]), read_unit(node["currency"]), node["description"]
    )


def compare(wanted: Iterable[WantedTx], standing: Mapping[str, Standing]) -> list[Compared]:
    """What becomes of each Tx; `standing` by external id."""
    return [_compared(tx, standing) for tx in wanted]


def still_standing(
    corrected: Iterable[WantedTx], standing: Mapping[str, Standing]
) -> list[Compared]:
    """What the bank has taken back and still stands: a Tx goes only by being deleted."""
    do = "reverse the entries that account for it, delete it (deleteCustomTxs), then sync again"
    told = f"the bank takes back the Tx {{}}, which still stands: {do}"
    return [
        Compared(tx, "refused", told.format(tx.external_id))
        for tx in corrected
        if tx.external_id in standing
    ]


def _compared(tx: WantedTx, standing: Mapping[str, Standing]) -> Compared:
    stands = standing.get(tx.external_id)
    if stands is None:
        other = next((each for each in tx.others if _stands(each, standing)), None)
        if other is None:
            return Compared(tx, "added")
        return Compared(tx, "refused", f"it stands as {other.external_id}, {other.told}")
    differs = []
    if stands.unit.key != tx.unit.key:
        differs.append(f"it stands in {stands.unit.key}")
    elif stands.amount != tx.amount:
        differs.append(f"it stands with {Money(stands.amount, stands.unit.precision)}")
    if stands.posted_ms != tx.posted_ms:
        differs.append(f"it stands as posted {format_datetime(stands.posted_ms)}")
    if differs:
        return Compared(tx, "refused", f"{', '.join(differs)}, which never changes")
    if stands.description != tx.description:
        return Compared(tx, "changed", f"was {stands.description!r}")
    return Compared(tx, "unchanged")


def _stands(other: OtherId, standing: Mapping[str, Standing]) -> bool:
    found = standing.get(other.external_id)
    return found is not None and other.is_meant(found.posted_ms, found.amount, found.unit.key)


def to_send(compared: Iterable[Compared]) -> list[WantedTx]:
    """The Txs that a sync has to tell."""
    return [each.tx for each in compared if each.status in ("added", "changed")]


def report_rows(
    compared: Sequence[Compared], skipped: Sequence[SkippedRow], with_unchanged: bool
) -> Iterator[Row]:
    """A row for each Tx and each skipped row, then how many of each there are, and their sums."""
    counts: Counter[tuple[Status, Unit]] = Counter()
    sums: Counter[tuple[Status, Unit]] = Counter()
    for each in compared:
        tx = each.tx
        counts[each.status, tx.unit] += 1
        sums[each.status, tx.unit] += tx.amount
        if with_unchanged or each.status != "unchanged":
            named = (format_datetime(tx.posted_ms), tx.external_id, tx.description)
            money = Money(tx.amount, tx.unit.precision)
            unit = (tx.unit.key, tx.unit.precision)
            yield Row(("tx", each.status, tx.where, *named, *unit, None, money, each.reason))
    for left in skipped:
        unknown = (None, None, left.description, None, None, None, None)
        yield Row(("tx", SKIPPED, left.where, *unknown, left.reason))
    nothing = (None, None, None, None)
    for status in STATUSES:
        for unit_of_sum in sorted({unit for _, unit in counts}, key=lambda unit: unit.key):
            key = (status, unit_of_sum)
            if counts[key]:
                money = Money(sums[key], unit_of_sum.precision)
                shown = (unit_of_sum.key, unit_of_sum.precision, counts[key], money)
                yield Row(("total", status, *nothing, *shown, None), is_total=True)
    if skipped:
        empty = (None, None, len(skipped), None, None)
        yield Row(("total", SKIPPED, *nothing, *empty), is_total=True)
