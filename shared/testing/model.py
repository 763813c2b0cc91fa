"""LedgerModel: the single-threaded oracle. It keeps a list of entries and answers everything by
adding up.

It shares no code with planning, packing or the projections: only the values that come in and out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from shared.ledger.entries import LedgerEntry

INT96 = 2**120 - 1
SIDES = {"asset": 1, "expense": 1, "liability": -1, "income": -1}


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One line: `type` is its account's."""

    path: str
    type: str
    amount: int
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class ModelCondition:
    """A bound on the own balance of `path` before (`pre`) or after the entry."""

    path: str
    pre: bool
    eq: int | None = None
    gte: int | None = None
    lte: int | None = None
    currency: str = "USD"

    def holds(self, balance: int) -> bool:
        return (
            (self.eq is None or balance == self.eq)
            and (self.gte is None or balance >= self.gte)
            and (self.lte is None or balance <= self.lte)
        )


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One entry as it is asked for."""

    ik: str
    posted_ms: int
    lines: tuple[ModelLine, ...]
    conditions: tuple[ModelCondition, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class LedgerModel:
    """One ledger. `entries` holds what was posted, in order."""

    entries: dict[str, ModelEntry] = field(default_factory=dict)
    strong: frozenset[str] = frozenset()  # paths whose balance must stay within Int96 at any time
    strong_groups: frozenset[str] = frozenset()  # the same within groups of these keys

    def own(self, path: str, currency: str = "USD", until_ms: int | None = None) -> int:
        """Sum of the lines on `path` posted up to and including `until_ms`."""
        return sum(
            line.amount
            for entry in self.entries.values()
            for line in entry.lines
            if line.path == path
            and line.currency == currency
            and (until_ms is None or entry.posted_ms <= until_ms)
        )

    def child(self, path: str, currency: str = "USD", until_ms: int | None = None) -> int:
        """Sum of the lines on all accounts below `path`."""
        return sum(
            line.amount
            for entry in self.entries.values()
            for line in entry.lines
            if line.path.startswith(f"{path}/")
            and line.currency == currency
            and (until_ms is None or entry.posted_ms <= until_ms)
        )

    def in_group(self, group: tuple[str, str], path: str, currency: str = "USD") -> int:
        """Sum of the lines on `path` of the group's entries."""
        return sum(
            line.amount
            for entry in self.entries.values()
            for line in entry.lines
            if group in entry.groups and line.path == path and line.currency == currency
        )

    def join(self, ik: str, group: tuple[str, str]) -> bool:
        """Whether a posted entry joins a group: not if it is in one of that key, or if a strong
        balance of the group would leave Int96."""
        entry = self.entries[ik]
        if any(key == group[0] for key, _ in entry.groups):
            return False
        if self._overflows(entry, [group]):
            return False
        self.entries[ik] = replace(entry, groups=(*entry.groups, group))
        return True

    def _overflows(self, entry: ModelEntry, groups: Iterable[tuple[str, str]]) -> bool:
        places = {(line.path, line.currency) for line in entry.lines if line.path in self.strong}
        return any(
            abs(
                self.in_group(group, path, currency)
                + sum(e.amount for e in entry.lines if (e.path, e.currency) == (path, currency))
            )
            > INT96
            for group in groups
            if group[0] in self.strong_groups
            for path, currency in places
        )

    def post(self, asked: Iterable[ModelEntry]) -> frozenset[str]:
        """All entries or none: the reasons against the first that is refused, none when all are
        posted.

        Reasons are `unbalanced`, `condition` and `overflow`. Replays count as posted.
        """
        before = dict(self.entries)
        for entry in asked:
            if entry.ik in self.entries:
                continue
            reasons = self._reasons_against(entry)
            if reasons:
                self.entries = before
                return reasons
            self.entries[entry.ik] = entry
        return frozenset()

    def _reasons_against(self, entry: ModelEntry) -> frozenset[str]:
        sums: dict[str, int] = {}
        for line in entry.lines:
            sums[line.currency] = sums.get(line.currency, 0) + SIDES[line.type] * line.amount
        if any(sums.values()):
            return frozenset(["unbalanced"])
        moved: dict[tuple[str, str], int] = {}
        for line in entry.lines:
            key = (line.path, line.currency)
            moved[key] = moved.get(key, 0) + line.amount
        reasons: set[str] = set()
        for condition in entry.conditions:
            balance = self.own(condition.path, condition.currency)
            if not condition.pre:
                balance += moved[(condition.path, condition.currency)]
            if not condition.holds(balance):
                reasons.add("condition")
        for (path, currency), amount in moved.items():
            if path in self.strong and abs(self.own(path, currency) + amount) > INT96:
                reasons.add("overflow")
        if self._overflows(entry, entry.groups):
            reasons.add("overflow")
        return frozenset(reasons)


def agrees(model: LedgerModel, stored: Mapping[str, LedgerEntry]) -> list[str]:
    """Differences between the model's entries and the stored ones, by ik; none when all is well."""
    wrong = [f"{ik} was posted and is not stored" for ik in model.entries if ik not in stored]
    wrong += [f"{ik} is stored and was not posted" for ik in stored if ik not in model.entries]
    for ik, entry in model.entries.items():
        if ik in stored:
            seen = [(each.account_path, each.amount, each.currency) for each in stored[ik].lines]
            asked = [(each.path, each.amount, each.currency) for each in entry.lines]
            if seen != asked or stored[ik].posted_ms != entry.posted_ms:
                wrong.append(f"{ik} is stored with other lines or another moment")
            if stored[ik].groups != entry.groups:
                wrong.append(f"{ik} is stored in other groups")
    return wrong
