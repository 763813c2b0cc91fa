"""PURE: what the stored things must come to, recomputed from the entries, and where they differ.

`verify` and the auditors of the tests feed these with what they have read. Nothing here is shared
with the code that is audited: sums are taken line by line, hours by their own arithmetic, chains by
walking them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

from shared.ledger.accounts import EQUATION_SIGN
from shared.ledger.amounts import in_int96
from shared.ledger.clearing import PostedWindow
from shared.ledger.entries import Group, LedgerEntry
from shared.ledger.entry_counts import CountKey, EntryCount
from shared.ledger.history import (
    Attributes,
    Sums,
    has_lines,
    hours_by_month,
    latest,
    months_of_head,
    sum_of,
)
from shared.ledger.identifiers import account_id, entry_id, group_id
from shared.ledger.periods import local_bucket

At = TypeVar("At")
_MASK = (1 << 128) - 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: the invariant that it breaks, what it is about, and what was expected and
    found.
    """

    invariant: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.detail}"


class Fingerprint:
    """A sum over a multiset of texts, whatever their order: two are equal if the multisets are."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0

    def add(self, *parts: bytes) -> None:
        """Counts one member, made of `parts`."""
        digest = blake2b(b"\x00".join(parts), digest_size=16).digest()
        self.count += 1
        self.total = (self.total + int.from_bytes(digest, "big")) & _MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return (self.count, self.total) == (other.count, other.total)

    __hash__ = None  # type: ignore[assignment]


# --- One entry ------------------------------------------------------------------------------------
def audit_entry(entry: LedgerEntry) -> list[Finding]:
    """I1 it balances per currency; I2 its id is that of its place in its ik's chain; amounts are
    Int96.
    """
    findings = []
    sums: dict[str, int] = {}
    for line in entry.lines:
        sign = EQUATION_SIGN[line.account_type]
        sums[line.currency] = sums.get(line.currency, 0) + sign * line.amount
        if not in_int96(line.amount):
            findings.append(Finding("I1", f"entry {entry.id}", f"{line.amount} is no Int96"))
    for currency, total in sums.items():
        if total:
            findings.append(Finding("I1", f"entry {entry.id}", f"{currency} is off by {total}"))
    expected = entry_id(entry.ledger_id, entry.ik, entry.position)
    if entry.id != expected:
        detail = f"ik {entry.ik}, position {entry.position} should have the id {expected}"
        findings.append(Finding("I2", f"entry {entry.id}", detail))
    return findings


class ChainLink(NamedTuple):
    """What a chain's audit needs of an entry."""

    id: str
    head: int | None  # the chain's newest position, as the entry at position 1 has it
    reverses: str | None
    reversed_by: str | None
    reversed_at_ms: int | None
    created_ms: int
    posted_ms: int
    lines: tuple[tuple[str, str, int], ...]  # path, currency, amount

    def is_undone_by(self, other: "ChainLink") -> bool:
        """Whether `other` is this entry's exact opposite, at the same moment of the books."""
        opposite = tuple([(path, currency, -amount) for path, currency, amount in self.lines])
        moments = (self.posted_ms, self.reversed_at_ms)
        return (opposite, *moments) == (other.lines, other.posted_ms, other.created_ms)


class Chains:
    """The reversal chains that are longer than one entry; others are whole by themselves."""

    def __init__(self) -> None:
        self._chains: dict[tuple[str, str], dict[int, ChainLink]] = {}

    def add(self, entry: LedgerEntry, head: int | None) -> None:
        """Takes note of an entry; `head` is what its item says of the chain."""
        if entry.position == 1 and head == 1 and not entry.hidden:
            return
        links = self._chains.setdefault((entry.ledger_id, entry.ik), {})
        links[entry.position] = ChainLink(
            entry.id,
            head,
            entry.reverses,
            entry.reversed_by,
            entry.reversed_at_ms,
            entry.created_ms,
            entry.posted_ms,
            tuple([(line.account_path, line.currency, line.amount) for line in entry.lines]),
        )

    def audit(self) -> list[Finding]:
        """I2 positions run from 1 to the head, and who reverses says so on both sides.

        Every entry but the newest is reversed by the next one, which undoes it exactly, or is that
        one.
        """
        findings = []
        for (ledger_id, ik), links in self._chains.items():
            subject = f"ik {ik} of ledger {ledger_id}"
            first = links.get(1)
            head = None if first is None else first.head
            if head is None or sorted(links) != list(range(1, head + 1)):
                detail = f"the chain's head is {head}, its positions are {sorted(links)}"
                findings.append(Finding("I2", subject, detail))
            findings += _audit_order(subject, links)
            by_id = {link.id: link for link in links.values()}
            for link in links.values():
                for other, back in (
                    (link.reverses, "reversed_by"),
                    (link.reversed_by, "reverses"),
                ):
                    if other is None:
                        continue
                    if other not in by_id or getattr(by_id[other], back) != link.id:
                        detail = f"{link.id} names {other}, which does not name it back"
                        findings.append(Finding("I2", subject, detail))
        return findings


def _audit_order(subject: str, links: Mapping[int, ChainLink]) -> list[Finding]:
    findings = []
    for position, link in links.items():
        following = links.get(position + 1)
        if following is None or link.reverses is not None:
            continue
        if link.reversed_by != following.id or not link.is_undone_by(following):
            detail = f"{following.id} at position {position + 1} does not undo {link.id}"
            findings.append(Finding("I2", subject, detail))
    return findings


# --- Balances -------------------------------------------------------------------------------------
@dataclass(slots=True)
class Expected:
    """What all counted lines come to for one account, in one currency."""

    ledger_id: str
    path: str
    currency: str
    hours: dict[tuple[int, int], Sums] = field(default_factory=dict)  # by month (yyyymm) and hour
    own_lines: int = 0  # lines on the account itself
    child_lines: int = 0  # lines on accounts below

    def lines(self) -> tuple[bool, bool]:
        """Whether there are lines of its own, and below."""
        return self.own_lines > 0, self.child_lines > 0

    def sums(self) -> Sums:
        """All hours together."""
        own = sum(held.own for held in self.hours.values())
        return Sums(own, sum(held.child for held in self.hours.values()))

    def beyond_int96(self) -> bool:
        """Whether a balance has left the range of an amount: an eventual one can't be refused
        that.
        """
        sums = self.sums()
        return not (in_int96(sums.own) and in_int96(sums.child) and in_int96(sums.total))

    def months(self) -> dict[int, Sums]:
        """By month."""
        months: dict[int, Sums] = {}
        for (month, _), held in self.hours.items():
            before = months.get(month, Sums(0, 0))
            months[month] = Sums(before.own + held.own, before.child + held.child)
        return months


@dataclass(slots=True)
class ExpectedGroup:
    """What the lines of a group's entries come to for one account, in one currency."""

    ledger_id: str
    group: Group
    path: str
    own: int = 0
    lines_count: int = 0


class Tally:
    """Sums of lines, by (account id, currency) and by (group id, account id, currency), of the
    `part`-th of `of_parts` parts of all accounts.
    """

    def __init__(self, part: int = 0, of_parts: int = 1) -> None:
        assert 0 <= part < of_parts
        self._part = part
        self._of_parts = of_parts
        self.balances: dict[tuple[str, str], Expected] = {}
        self.groups: dict[tuple[str, str, str], ExpectedGroup] = {}
        self.counts: dict[CountKey, EntryCount] = {}
        self._ids: dict[tuple[str, str], str] = {}

    def is_mine(self, account: str) -> bool:
        """Whether the account, or the ledger whose entries are counted, belongs to this part."""
        return self._of_parts == 1 or int(account[:8], 16) % self._of_parts == self._part

    def add(self, entry: LedgerEntry, utc_offset_minutes: int, times: int = 1) -> None:
        """Counts `entry` and its lines; `times` = -1 takes them back."""
        if entry.type is not None and self.is_mine(entry.ledger_id):
            key = CountKey(entry.ledger_id, entry.type, entry.type_version or 1)
            posted, reversing = self.counts.get(key, EntryCount(0, 0))
            more = (0, times) if entry.reverses else (times, 0)
            self.counts[key] = EntryCount(posted + more[0], reversing + more[1])
        bucket = local_bucket(entry.posted_ms, utc_offset_minutes)
        at = (bucket.month, bucket.hour)
        for line in entry.lines:
            amount = line.amount * times
            parts = line.account_path.split("/")
            for depth in range(1, len(parts) + 1):
                expected = self._of(entry.ledger_id, "/".join(parts[:depth]), line.currency)
                if expected is None:
                    continue
                held = expected.hours.get(at, Sums(0, 0))
                if depth == len(parts):
                    expected.own_lines += times
                    expected.hours[at] = Sums(held.own + amount, held.child)
                else:
                    expected.child_lines += times
                    expected.hours[at] = Sums(held.own, held.child + amount)

    def add_groups(self, entry: LedgerEntry, groups: Iterable[Group], times: int = 1) -> None:
        """Counts the lines of `entry` for `groups`; `times` = -1 takes them back."""
        for group in groups:
            identity = group_id(entry.ledger_id, *group)
            for line in entry.lines:
                account = self._id(entry.ledger_id, line.account_path)
                if not self.is_mine(account):
                    continue
                name = (identity, account, line.currency)
                expected = self.groups.get(name)
                if expected is None:
                    expected = ExpectedGroup(entry.ledger_id, group, line.account_path)
                    self.groups[name] = expected
                expected.own += times * line.amount
                expected.lines_count += times
                if not expected.lines_count:
                    del self.groups[name]

    def _id(self, ledger_id: str, path: str) -> str:
        account = self._ids.get((ledger_id, path))
        if account is None:
            account = self._ids[(ledger_id, path)] = account_id(ledger_id, path)
        return account

    def _of(self, ledger_id: str, path: str, currency: str) -> Expected | None:
        account = self._id(ledger_id, path)
        if not self.is_mine(account):
            return None
        expected = self.balances.get((account, currency))
        if expected is None:
            expected = self.balances[(account, currency)] = Expected(ledger_id, path, currency)
        return expected


class WindowTally:
    """Posted windows of clearing accounts, by account id, of the `part`-th of `of_parts` parts."""

    def __init__(self, part: int = 0, of_parts: int = 1) -> None:
        self._accounts = Tally(part, of_parts)
        self.windows: dict[str, PostedWindow] = {}

    def add(self, entry: LedgerEntry, clearing: Collection[str]) -> None:
        """Counts the lines of `entry`; `clearing` holds the paths of clearing accounts."""
        for line in entry.lines:
            parts = line.account_path.split("/")
            for depth in range(1, len(parts) + 1):
                path = "/".join(parts[:depth])
                if path not in clearing:
                    continue
                account = account_id(entry.ledger_id, path)
                if self._accounts.is_mine(account):
                    held = self.windows.get(account)
                    earliest_ms = entry.posted_ms if held is None else held.earliest_ms
                    latest_ms = entry.posted_ms if held is None else held.latest_ms
                    self.windows[account] = PostedWindow(
                        min(earliest_ms, entry.posted_ms), max(latest_ms, entry.posted_ms)
                    )


def audit_window(
    account: str, expected: PostedWindow | None, stored: PostedWindow | None
) -> list[Finding]:
    """I6 the posted window of a clearing account."""
    if stored == expected:
        return []
    shown, due = _shown(stored), _shown(expected)
    return [Finding("I6", f"posted window of account {account}", f"{shown}; should be {due}")]


def _shown(window: PostedWindow | None) -> str:
    return "none" if window is None else f"{window.earliest_ms} to {window.latest_ms}"


def audit_history(
    account: str,
    currency: str,
    expected: Expected | None,
    head: Attributes | None,
    months: Mapping[int, Attributes],
) -> list[Finding]:
    """I4, I5 the latest sums; I6 months and hours. `months` are the items of months, by yyyymm."""
    subject = f"history of account {account} in {currency}"
    if expected is not None:
        subject = f"history of {expected.path} ({account}) in {currency}"
    wanted = Sums(0, 0) if expected is None else expected.sums()
    findings = _compare("I4/I5", subject, {"latest": latest(head)}, {"latest": wanted})
    seen, due = has_lines(head), (False, False) if expected is None else expected.lines()
    if seen != due:
        detail = f"shows lines of its own, and below: {seen}; should be {due}"
        findings.append(Finding("I4/I5", subject, detail))
    by_month = {} if expected is None else expected.months()
    by_hour = {} if expected is None else expected.hours
    findings += _compare("I6", f"{subject}, month", months_of_head(head), _present(by_month))
    findings += _compare("I6", f"{subject}, hour", hours_by_month(head, months), _present(by_hour))
    return findings


def audit_group(
    name: tuple[str, str, str], expected: ExpectedGroup | None, item: Attributes | None
) -> list[Finding]:
    """I4 a group's balance, by (group id, account id, currency), is the sum of its lines."""
    identity, account, currency = name
    subject = f"balance of group {identity} on account {account} in {currency}"
    if expected is not None:
        key, value = expected.group
        subject = f"balance of group {key}: {value} on {expected.path} ({account}) in {currency}"
    found = "missing" if item is None else str(sum_of(item))
    due = "missing" if expected is None else str(expected.own)
    if found != due:
        return [Finding("I4/I5", subject, f"is {found}; should be {due}")]
    if item is not None and expected is not None and item.get("p") != expected.path:
        return [Finding("I4/I5", subject, f"stands under the path {item.get('p')!r}")]
    return []


def audit_count(
    key: CountKey, expected: EntryCount | None, found: EntryCount | None
) -> list[Finding]:
    """I6 how many entries of a type there are."""
    nothing = EntryCount(0, 0)
    due, seen = expected or nothing, found or nothing
    if seen == due:
        return []
    subject = f"count of {key.type}, version {key.version}, of ledger {key.ledger_id}"
    detail = f"posted {seen.posted}, reversing {seen.reversing}; "
    return [Finding("I6", subject, f"{detail}should be {due.posted}, {due.reversing}")]


def _present(sums: Mapping[At, Sums]) -> dict[At, Sums]:
    return {at: held for at, held in sums.items() if held != (0, 0)}


def _compare(
    invariant: str, subject: str, found: Mapping[Any, Sums], wanted: Mapping[Any, Sums]
) -> list[Finding]:
    if found == wanted:
        return []
    findings = []
    for at in sorted({*found, *wanted}):
        seen, due = found.get(at, Sums(0, 0)), wanted.get(at, Sums(0, 0))
        if seen != due:
            detail = f"own {seen.own}, child {seen.child}; should be {due.own}, {due.child}"
            findings.append(Finding(invariant, f"{subject} {at}", detail))
    return findings


def differences(
    invariant: str, subject: str, found: Iterable[str], wanted: Iterable[str]
) -> list[Finding]:
    """What is missing from a set of names, and what is too much."""
    seen, due = set(found), set(wanted)
    missing = [Finding(invariant, subject, f"{name} is missing") for name in sorted(due - seen)]
    surplus = [
        Finding(invariant, subject, f"{name} should not be there") for name in sorted(seen - due)
    ]
    return missing + surplus


def content_differences(
    invariant: str, subject: str, found: Mapping[str, bytes], wanted: Mapping[str, bytes]
) -> list[Finding]:
    """What is missing, too much, or has other contents, by name."""
    findings = differences(invariant, subject, found, wanted)
    for name in sorted(found.keys() & wanted.keys()):
        if found[name] != wanted[name]:
            findings.append(Finding(invariant, subject, f"{name} has other contents"))
    return findings
