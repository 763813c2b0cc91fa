"""The whole ledger's oracle: a list of entries, and answers by adding up. Nothing of the project is
imported here.

    chains   ik -> entries by position: original, reversal, repost, its reversal, ...

What is asked for comes in as plain values; what is refused is told by a word for each reason there
is, in order of precedence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

INT96 = 2**120 - 1
SIDES = {"asset": 1, "expense": 1, "liability": -1, "income": -1}
UPDATES_MAX = 10
TAGS_MAX = 10
GROUPS_MAX = 10

Key = tuple[str, str]  # path, currency
Reasons = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One line; `type` is its account's."""

    path: str
    type: str
    amount: int
    currency: str = "USD"


@dataclass(frozen=True)
class Condition:
    """Bounds on the own balance of an account before the entry, or after it."""

    path: str
    is_pre: bool = False
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


@dataclass
class Entry:
    """One entry as it stands."""

    ik: str
    posted_ms: int
    lines: tuple[Line, ...]
    type: str | None = None
    version: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    position: int = 1
    updates: int = 0
    reverses: int | None = None  # a position in the same chain
    reversed_by: int | None = None

    @property
    def hidden(self) -> bool:
        return self.reverses is not None or self.reversed_by is not None


@dataclass
class Oracle:
    """One ledger. `strong` tells the accounts whose balance must never leave Int96, nor their
    balance within a group of one of the keys `strong_groups`."""

    strong: Callable[[str], bool]
    strong_groups: frozenset[str] = frozenset()
    chains: dict[str, list[Entry]] = field(default_factory=dict)

    def entries(self) -> Iterator[Entry]:
        """Every entry that stands, hidden ones too."""
        for chain in self.chains.values():
            yield from chain

    def newest(self, ik: str) -> Entry | None:
        chain = self.chains.get(ik)
        return chain[-1] if chain else None

    # --- What is asked ----------------------------------------------------------------------------
    def post(self, asked: list[Entry]) -> list[bool | Reasons]:
        """All or none. For each entry whether it was a replay, or why it is refused; of a refused
        batch at least one is."""
        before = {ik: list(chain) for ik, chain in self.chains.items()}
        told: list[bool | Reasons] = []
        for entry in asked:
            standing = self.newest(entry.ik)
            if standing is not None and standing.reverses is None:
                told.append(True)
                continue
            reasons = self._reasons_against(entry)
            if reasons:
                told.append(reasons)
                continue
            entry.position = 1 if standing is None else standing.position + 1
            self.chains.setdefault(entry.ik, []).append(entry)
            told.append(False)
        if any(isinstance(each, tuple) for each in told):
            self.chains = before
        return told

    def _reasons_against(self, entry: Entry) -> Reasons:
        sums: dict[str, int] = {}
        moved: dict[Key, int] = {}
        for line in entry.lines:
            sums[line.currency] = sums.get(line.currency, 0) + SIDES[line.type] * line.amount
            key = (line.path, line.currency)
            moved[key] = moved.get(key, 0) + line.amount
        if any(sums.values()):
            return ("unbalanced",)
        broken = False
        for condition in entry.conditions:
            key = (condition.path, condition.currency)
            balance = self.own(*key)
            broken |= not condition.holds(balance if condition.is_pre else balance + moved[key])
        overflows = self._overflows_groups(entry, entry.groups) or any(
            self.strong(path) and abs(self.own(path, currency) + amount) > INT96
            for (path, currency), amount in moved.items()
        )
        return ("condition",) * broken + ("overflow",) * overflows

    def _overflows_groups(self, entry: Entry, joined: dict[str, str]) -> bool:
        """Whether the entry's lines would carry a strong balance of a group out of Int96."""
        for group in joined.items():
            if group[0] not in self.strong_groups:
                continue
            sums = self.group_balances(*group)
            for line in entry.lines:
                at = (line.path, line.currency)
                sums[at] = sums.get(at, 0) + line.amount
            if any(self.strong(path) and abs(each) > INT96 for (path, _), each in sums.items()):
                return True
        return False

    def reverse(self, ik: str, position: int) -> bool | Reasons:
        """Whether it was a replay, or why it is refused. Conditions are not asked of a reversal."""
        chain = self.chains[ik]
        entry = chain[position - 1]
        if entry.hidden:
            return True
        lines = tuple(Line(at.path, at.type, -at.amount, at.currency) for at in entry.lines)
        reversing = Entry(
            ik,
            entry.posted_ms,
            lines,
            entry.type,
            entry.version,
            dict(entry.tags),
            dict(entry.groups),
            position=position + 1,
            reverses=position,
        )
        reasons = self._reasons_against(reversing)
        if reasons:
            return reasons
        entry.reversed_by = position + 1
        chain.append(reversing)
        return False

    def migrate(self, ik: str, position: int, new: Entry) -> bool | Reasons:
        """Reverses and posts anew, both or none. Whether it was a replay, or why it is refused."""
        if self.chains[ik][position - 1].hidden:
            return True
        before = list(self.chains[ik])
        told = self.reverse(ik, position)
        if told is False:
            first = self.post([new])[0]
            if isinstance(first, bool):
                return first
            told = first
        elif "unbalanced" in self._reasons_against(new):  # seen before any balance is asked
            told = ("unbalanced",)
        self.chains[ik] = before
        before[position - 1].reversed_by = None
        return told

    def update(
        self, ik: str, tags: dict[str, str], remove: dict[str, str], groups: dict[str, str]
    ) -> str | None:
        """Changes the newest entry of the chain, or tells why it doesn't; what is there already
        counts as no update."""
        entry = self.newest(ik)
        assert entry is not None
        if any(entry.groups.get(key, value) != value for key, value in groups.items()):
            return "group"
        if entry.hidden:
            return "hidden"
        left = {key: value for key, value in entry.tags.items() if key not in remove} | tags
        joined = entry.groups | groups
        if left == entry.tags and joined == entry.groups:
            return None
        if len(left) > TAGS_MAX or len(joined) > GROUPS_MAX or entry.updates >= UPDATES_MAX:
            return "limit"
        added = {key: value for key, value in groups.items() if key not in entry.groups}
        if self._overflows_groups(entry, added):
            return "overflow"
        entry.tags, entry.groups = left, joined
        entry.updates += 1
        return None

    # --- What is read -----------------------------------------------------------------------------
    def _sum(self, of: Callable[[Entry, Line], bool]) -> int:
        return sum(line.amount for each in self.entries() for line in each.lines if of(each, line))

    def own(
        self, path: str, currency: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> int:
        """Sum of the lines of the account posted in [start, end)."""
        return self._sum(
            lambda entry, line: (
                line.path == path
                and line.currency == currency
                and (start_ms is None or start_ms <= entry.posted_ms)
                and (end_ms is None or entry.posted_ms < end_ms)
            )
        )

    def child(
        self, path: str, currency: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> int:
        """Sum of the lines of all accounts below, posted in [start, end)."""
        return self._sum(
            lambda entry, line: (
                line.path.startswith(f"{path}/")
                and line.currency == currency
                and (start_ms is None or start_ms <= entry.posted_ms)
                and (end_ms is None or entry.posted_ms < end_ms)
            )
        )

    def currencies(self, path: str, *, below: bool) -> set[str]:
        """Currencies in which the account (or the accounts below it) were ever posted to."""
        return {
            line.currency
            for entry in self.entries()
            for line in entry.lines
            if (line.path.startswith(f"{path}/") if below else line.path == path)
        }

    def group_balances(self, key: str, value: str) -> dict[Key, int]:
        """Own balances of a group, by path and currency."""
        sums: dict[Key, int] = {}
        for entry in self.entries():
            if entry.groups.get(key) == value:
                for line in entry.lines:
                    at = (line.path, line.currency)
                    sums[at] = sums.get(at, 0) + line.amount
        return sums

    def listed(
        self, wanted: Callable[[Entry], bool] = lambda _: True, *, hidden: bool = False
    ) -> list[Entry]:
        """Entries newest posted first; those posted at once in no order."""
        found = [
            entry for entry in self.entries() if wanted(entry) and (hidden or not entry.hidden)
        ]
        return sorted(found, key=lambda entry: -entry.posted_ms)

    def stats(self) -> dict[tuple[str, int], tuple[int, int]]:
        """By type and version: entries that aren't reversals, and reversals."""
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for entry in self.entries():
            if entry.type is None or entry.version is None:
                continue
            count, reversals = found.get((entry.type, entry.version), (0, 0))
            if entry.reverses is None:
                count += 1
            else:
                reversals += 1
            found[(entry.type, entry.version)] = (count, reversals)
        return found
