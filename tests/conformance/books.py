"""Books kept by the tests themselves: what the service says is compared with these sums.

Nothing of the project is imported here. An entry is a list of (path, amount, currency) and the
moment at which it is posted; a balance is a sum over them.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

Line = tuple[str, int, str]


@dataclass
class Books:
    """Every line that was posted, and the sums of them."""

    lines: list[tuple[datetime, str, int, str]] = field(default_factory=list)

    def post(self, posted: datetime, *lines: Line) -> None:
        """Notes an entry. `posted` is UTC."""
        for path, amount, currency in lines:
            self.lines.append((posted, path, amount, currency))

    def own(self, path: str, currency: str = "USD", before: datetime | None = None) -> int:
        """Sum of the account's own lines, those posted before a moment if one is given."""
        return sum(
            amount
            for posted, at, amount, of in self.lines
            if at == path and of == currency and (before is None or posted < before)
        )

    def children(self, path: str, currency: str = "USD", before: datetime | None = None) -> int:
        """Sum of the lines of all accounts below."""
        return sum(
            amount
            for posted, at, amount, of in self.lines
            if at.startswith(f"{path}/") and of == currency and (before is None or posted < before)
        )

    def total(self, path: str, currency: str = "USD", before: datetime | None = None) -> int:
        """Own and below."""
        return self.own(path, currency, before) + self.children(path, currency, before)

    def change(self, path: str, start: datetime, end: datetime, currency: str = "USD") -> int:
        """What changed the total from `start` up to but not including `end`."""
        return self.total(path, currency, end) - self.total(path, currency, start)

    def by_currency(self, path: str) -> dict[str, int]:
        """The own balance in every currency that was ever posted."""
        sums: dict[str, int] = defaultdict(int)
        for _, at, amount, currency in self.lines:
            if at == path:
                sums[currency] += amount
        return dict(sums)


def hour(text: str) -> datetime:
    """The start of an hour, as 2024-03-05T07."""
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)


def after_hour(text: str) -> datetime:
    """The end of an hour: what `at` means."""
    return hour(text) + timedelta(hours=1)


def iso(moment: datetime) -> str:
    """The moment as the API takes and gives it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
