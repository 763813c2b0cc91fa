"""What read tests of balances share: postings on a ledger's own clock, summed one by one."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ledger.ledgers import Ledger
from tests.builders_schema import quickstart
from tests.read_rig import ReadRig

BALANCES = """
query balances(
  $path: String!, $at: LastMoment, $mode: ReadBalanceConsistencyMode, $currency: CurrencyMatchInput
) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
    ownBalance(at: $at, consistencyMode: $mode, currency: $currency)
    childBalance(at: $at, consistencyMode: $mode, currency: $currency)
    balance(at: $at, consistencyMode: $mode, currency: $currency)
  }
}
"""
OWN = """
query own($path: String!, $at: LastMoment, $mode: ReadBalanceConsistencyMode) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
    ownBalance(at: $at, consistencyMode: $mode)
  }
}
"""
CASH = "assets/banks/user-cash"
USERS = "liabilities/users:u1"
AVAILABLE = f"{USERS}/available"

Posting = tuple[datetime, str, int]  # in the ledger's own time


def local(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """A time on the ledger's own clock: the zone it carries is not meant."""
    return datetime(year, month, day, hour, tzinfo=UTC)


def at_ms(posted: datetime, offset_minutes: int) -> int:
    """The instant of a ledger-local time."""
    elapsed = posted - timedelta(minutes=offset_minutes) - local(1970, 1, 1)
    return elapsed // timedelta(milliseconds=1)


def naive(
    postings: list[Posting], path: str, first: datetime | None, end: datetime | None
) -> tuple[str, str, str]:
    """Own, child and total of the lines with first <= posted < end, summed one by one."""
    own = child = 0
    for posted, line_path, amount in postings:
        if (first is None or posted >= first) and (end is None or posted < end):
            if line_path == path:
                own += amount
            elif line_path.startswith(f"{path}/"):
                child += amount
    return str(own), str(child), str(own + child)


def shown(answer: Any, suffix: str = "") -> tuple[str, str, str]:
    account = answer.data["ledgerAccount"]
    names = ("ownBalance", "childBalance", "balance")
    own, child, total = (account[f"{name}{suffix}"] for name in names)
    return own, child, total


def moment(text_of: datetime, unit: str) -> tuple[str, datetime, datetime]:
    """A period of this unit that holds `text_of`: as it is written, its first ms, the one after."""
    year, month, day = text_of.year, text_of.month, text_of.day
    match unit:
        case "year":
            return f"{year:04d}", local(year, 1, 1), local(year + 1, 1, 1)
        case "quarter":
            first = local(year, (month - 1) // 3 * 3 + 1, 1)
            end = (first + timedelta(days=95)).replace(day=1)
            return f"{year:04d}-Q{(month + 2) // 3}", first, end
        case "month":
            first = local(year, month, 1)
            end = (first + timedelta(days=32)).replace(day=1)
            return f"{year:04d}-{month:02d}", first, end
        case "day":
            first = local(year, month, day)
            return f"{year:04d}-{month:02d}-{day:02d}", first, first + timedelta(days=1)
    first = local(year, month, day, text_of.hour)
    text = f"{year:04d}-{month:02d}-{day:02d}T{text_of.hour:02d}"
    return text, first, first + timedelta(hours=1)


async def post_all(
    reader: ReadRig, postings: list[Posting], offset_minutes: int, **ledger: Any
) -> Ledger:
    opened = await reader.ledger(
        "main", ledger.get("document") or quickstart(), utc_offset_minutes=offset_minutes
    )
    for number, (posted, path, amount) in enumerate(postings):
        await reader.post(opened, f"e{number}", at_ms(posted, offset_minutes), (path, amount))
    return opened


def random_postings(seed: int, count: int) -> list[Posting]:
    """Postings at bounds of hours, days, months and years, and between them."""
    draw = random.Random(seed)
    around = [local(2019, 12, 31, 23), local(2020, 2, 28, 22), local(2021, 10, 1)]
    jitters = [timedelta(0), timedelta(milliseconds=-1), timedelta(minutes=29), timedelta(hours=5)]
    postings = []
    for _ in range(count):
        posted = draw.choice(around) + draw.choice(jitters) + timedelta(hours=draw.randrange(3))
        path = draw.choice([CASH, "assets/banks", "assets", AVAILABLE, f"{USERS}/pending"])
        postings.append((posted, path, draw.choice([1, -3, 7, 10**35])))
    return postings
