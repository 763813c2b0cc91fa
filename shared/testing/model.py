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
    tags: tuple[tuple[str, str], ...] = ()
    updates: int = 0


@dataclass(slots=True)
class LedgerModel:
    """One ledger. A chain holds what was posted with one ik, in order: an entry, the one that
    reverses it, the entry posted then, and so on."""

    chains: dict[str, list[ModelEntry]] = field(default_factory=dict)
    strong: frozenset[str] = frozenset()  # paths whose balance must stay within Int96 at any time
    strong_groups: frozenset[str] = frozenset()  # the same within groups of these keys

    @property
    def entries(self) -> dict[str, ModelEntry]:
        """By ik, what stands and isn't reversed."""
        return {ik: chain[-1] for ik, chain in self.chains.items() if len(chain) % 2}

    def _all(self) -> list[ModelEntry]:
        return [entry for chain in self.chains.values() for entry in chain]

    def own(self, path: str, currency: str = "USD", until_ms: int | None = None) -> int:
        """Sum of the lines on `path` posted up to and including `until_ms`."""
        return sum(
            line.amount
            for entry in self._all()
            for line in entry.lines
            if line.path == path
            and line.currency == currency
            and (until_ms is None or entry.posted_ms <= until_ms)
        )

    def child(self, path: str, currency: str = "USD", until_ms: int | None = None) -> int:
        """Sum of the lines on all accounts below `path`."""
        return sum(
            line.amount
            for entry in self._all()
            for line in entry.lines
            if line.path.startswith(f"{path}/")
            and line.currency == currency
            and (until_ms is None or entry.posted_ms <= until_ms)
        )

    def in_group(self, group: tuple[str, str], path: str, currency: str = "USD") -> int:
        """Sum of the lines on `path` of the group's entries."""
        return sum(
            line.amount
            for entry in self._all()
            for line in entry.lines
            if group in entry.groups and line.path == path and line.currency == currency
        )

    def join(self, ik: str, group: tuple[str, str], updates_max: int) -> bool:
        """Whether what stands for `ik` is in the group afterwards: not if it is reversed, was
        updated too often, is in another group of that key, or if a strong balance of the group
        would leave Int96."""
        standing = self.entries.get(ik)
        if standing is None:
            return False
        if group in standing.groups:
            return True
        if any(key == group[0] for key, _ in standing.groups):
            return False
        if standing.updates >= updates_max or self._overflows(standing, [group]):
            return False
        self.chains[ik][-1] = replace(
            standing, groups=(*standing.groups, group), updates=standing.updates + 1
        )
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
        before = {ik: list(chain) for ik, chain in self.chains.items()}
        for entry in asked:
            if entry.ik in self.entries:
                continue
            reasons = self._reasons_against(entry)
            if reasons:
                self.chains = before
                return reasons
            self.chains.setdefault(entry.ik, []).append(entry)
        return frozenset()

    def reverse(self, ik: str, and_post: ModelEntry | None = None) -> frozenset[str]:
        """Takes back what stands for `ik`, and posts `and_post` under it in the same moment.

        Conditions are not asked of a reversal; a reversed ik is a replay and changes nothing.
        """
        standing = self.entries.get(ik)
        if standing is None:
            return frozenset()
        chain = self.chains[ik]
        opposite = tuple([replace(line, amount=-line.amount) for line in standing.lines])
        undone = replace(standing, lines=opposite, conditions=(), updates=0)
        reasons = self._reasons_against(undone)
        if not reasons:
            chain.append(undone)
            if and_post is not None:
                reasons = self._reasons_against(and_post)
                if reasons:
                    chain.pop()
                else:
                    chain.append(and_post)
        return reasons

    def tag(self, ik: str, key: str, value: str, updates_max: int) -> bool:
        """Puts a tag on what stands for `ik`; False when it is reversed or was updated too often.

        What is there already changes nothing and doesn't count.
        """
        standing = self.entries.get(ik)
        if standing is None:
            return False
        tags = {**dict(standing.tags), key: value}
        if tags == dict(standing.tags):
            return True
        if standing.updates >= updates_max:
            return False
        self.chains[ik][-1] = replace(
            standing, tags=tuple(tags.items()), updates=standing.updates + 1
        )
        return True

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


def agrees(model: LedgerModel, stored: Mapping[tuple[str, int], LedgerEntry]) -> list[str]:
    """Differences between the model's entries and the stored ones, by ik and position in the ik's
    chain; none when all is well."""
    asked = {
        (ik, at + 1): entry for ik, chain in model.chains.items() for at, entry in enumerate(chain)
    }
    wrong = [f"{name} was posted and is not stored" for name in asked if name not in stored]
    wrong += [f"{name} is stored and was not posted" for name in stored if name not in asked]
    for name in asked.keys() & stored.keys():
        entry, seen = asked[name], stored[name]
        lines = [(each.account_path, each.amount, each.currency) for each in seen.lines]
        if lines != [(each.path, each.amount, each.currency) for each in entry.lines]:
            wrong.append(f"{name} is stored with other lines")
        if seen.groups != entry.groups:
            wrong.append(f"{name} is stored in other groups")
        if (seen.posted_ms, seen.tags, seen.updates) != (
            entry.posted_ms,
            entry.tags,
            entry.updates,
        ):
            wrong.append(f"{name} is stored with another moment, other tags or updates")
        if seen.is_reversed != ((name[0], name[1] + 1) in asked and name[1] % 2 == 1):
            wrong.append(f"{name} is stored with isReversed {seen.is_reversed}")
        if seen.is_reversal != (name[1] % 2 == 0):
            wrong.append(f"{name} is stored with isReversal {seen.is_reversal}")
    return wrong
