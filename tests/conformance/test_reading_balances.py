"""The official client reads balances: guide H, K.b, K.c and L, reference 3 and 7."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fragment.sdk.client import Client

from loadtests.common.system import System
from tests.conformance.asking import arguments, ask, eventually
from tests.conformance.books import Books, hour
from tests.conformance.reading import (
    ACCOUNT,
    STRONG_OWN,
    open_ledger,
    post,
    reading_schema,
    refusal,
    totals_schema,
)
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

BANK = "assets/bank"
ANN = "liabilities/users:ann/available"
BOB = "liabilities/users:bob/available"
NOON = hour("2024-03-10T12")
MS = timedelta(milliseconds=1)
BALANCES = f"""query balances($ik: SafeString!, $path: String!, $at: LastMoment) {{
  {ACCOUNT} {{ ownBalance(at: $at) childBalance(at: $at) balance(at: $at) }} }}"""
CHANGES = f"""query changes($ik: SafeString!, $path: String!, $period: Period!) {{
  {ACCOUNT} {{
    ownBalance: ownBalanceChange(period: $period)
    childBalance: childBalanceChange(period: $period)
    balance: balanceChange(period: $period)
  }} }}"""


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    """The official client; these documents are the tests' own, so one of the two is enough."""
    async with Client(**arguments(system.connection)) as async_client:
        yield async_client


async def three(client: Any, query: str, ik: str, path: str, **more: Any) -> tuple[int, int, int]:
    """Own, child and total."""
    found = (await ask(client, query, ik=ik, path=path, **more))["ledgerAccount"]
    return int(found["ownBalance"]), int(found["childBalance"]), int(found["balance"])


def due(books: Books, path: str, start: Any = None, end: Any = None) -> tuple[int, int, int]:
    """Own, child and total of what was posted from `start` up to but without `end`."""
    own = books.own(path, before=end) - (0 if start is None else books.own(path, before=start))
    child = books.children(path, before=end)
    child -= 0 if start is None else books.children(path, before=start)
    return own, child, own + child


async def settled(client: Any, ik: str, books: Books, *paths: str) -> None:
    """Waits until the histories hold everything that was posted."""
    for path in paths:

        async def read(path: str = path) -> tuple[int, int, int]:
            return await three(client, BALANCES, ik, path)

        await eventually(read, due(books, path))


@rule("guide H.a", "Without `at` a balance is the latest")
@rule("guide H.b", "ownBalance is without children, childBalance of them alone, balance both")
async def test_own_child_and_total_balance(client: Any) -> None:
    ik, books = await open_ledger(client, reading_schema()), Books()
    await post(client, ik, "1", NOON, (BANK, 70), (ANN, 50), (BOB, 20), books=books)
    await post(client, ik, "2", NOON, ("assets", 5), ("liabilities/users:ann", 5), books=books)
    await post(client, ik, "3", NOON + timedelta(days=9_999), (BANK, -7), (ANN, -7), books=books)
    paths = (BANK, "assets", ANN, "liabilities/users:ann", "liabilities", "income/fees")
    await settled(client, ik, books, *paths)
    assert await three(client, BALANCES, ik, "assets") == (5, 63, 68)
    assert await three(client, BALANCES, ik, "liabilities/users:ann") == (5, 43, 48)
    assert await three(client, BALANCES, ik, "liabilities") == (0, 68, 68)


async def post_edges(client: Any, ik: str, offset: timedelta) -> Books:
    """Entries at the first and last ms of hours, days, months, quarters and years, local time."""
    books = Books()
    amount = 1
    edges = ("2023-01-01T00", "2024-01-01T00", "2024-03-01T00", "2024-03-10T00", "2024-04-01T00")
    for text in (*edges, "2024-03-10T07", "2024-03-11T00"):
        for at in (hour(text) - offset - MS, hour(text) - offset):
            await post(client, ik, f"e{amount}", at, (BANK, amount), (ANN, amount), books=books)
            amount *= 3
    return books


PERIODS = [
    ("2022", "2022-01-01T00", "2023-01-01T00"),
    ("2023", "2023-01-01T00", "2024-01-01T00"),
    ("1824", "1824-01-01T00", "1825-01-01T00"),
    ("2024-Q1", "2024-01-01T00", "2024-04-01T00"),
    ("2023-Q4", "2023-10-01T00", "2024-01-01T00"),
    ("2024-02", "2024-02-01T00", "2024-03-01T00"),
    ("2024-03", "2024-03-01T00", "2024-04-01T00"),
    ("2024-03-09", "2024-03-09T00", "2024-03-10T00"),
    ("2024-03-10", "2024-03-10T00", "2024-03-11T00"),
    ("2024-03-10T06", "2024-03-10T06", "2024-03-10T07"),
    ("2024-03-10T07", "2024-03-10T07", "2024-03-10T08"),
    ("2023-12-31T23", "2023-12-31T23", "2024-01-01T00"),
]


@rule("guide H.d", "`at` a year, month, day or hour is the balance at its end, for all balances")
@rule("guide H.e", "A change over a year, quarter, month, day or hour is the sum of its lines")
@rule("guide H.g", "Periods and moments follow the Ledger's balanceUTCOffset")
@rule("guide H.g", "Every day has exactly 24 hours")
@rule("reference 3 UTCOffset", "Half and quarter hours are accepted and printed as given")
@pytest.mark.parametrize("offset", ["+00:00", "-08:00", "+05:30", "-09:30"])
async def test_moments_and_periods_lie_in_the_ledgers_own_time(client: Any, offset: str) -> None:
    ik = await open_ledger(client, reading_schema(), offset)
    printed = "query p($ik: SafeString!) { ledger(ledger: {ik: $ik}) { balanceUTCOffset } }"
    assert (await ask(client, printed, ik=ik))["ledger"]["balanceUTCOffset"] == offset
    sign = -1 if offset[0] == "-" else 1
    shift = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
    books = await post_edges(client, ik, shift)
    await settled(client, ik, books, BANK, "assets", "liabilities")
    for period, first, end in PERIODS:
        start, until = hour(first) - shift, hour(end) - shift
        for path in (BANK, "assets", "liabilities"):
            found = await three(client, CHANGES, ik, path, period=period)
            assert found == due(books, path, start, until), (path, period)
            if "Q" not in period:
                found = await three(client, BALANCES, ik, path, at=period)
                assert found == due(books, path, end=until), (path, period)


@rule("reference 3 LastMoment", "Only a year, month, day or hour is a moment; a quarter a period")
@rule("reference 3 DateTime", "A time without a zone is UTC, a plain date its first millisecond")
async def test_forms_of_time(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    for number, text in enumerate(("1234-01-01T01:01:01", "1234-01-01")):
        answer = await client.add_ledger_entry(
            f"e{number}", ik, "fund", {"amount": "1", "user": "ann"}, posted=text
        )
        shown = {0: "1234-01-01T01:01:01.000Z", 1: "1234-01-01T00:00:00.000Z"}[number]
        assert answer.add_ledger_entry.entry.posted == shown
    for query, name, wrong in (
        (BALANCES, "at", ("2024-Q1", "2024-01-01T00:00", "2024-13", "24", "2024-02-30")),
        (CHANGES, "period", ("2024-Q5", "2024-W01", "", "2024-01-01T24")),
    ):
        for text in wrong:
            code = await refusal(client, query, ik=ik, path=BANK, **{name: text})
            assert code == "bad_user_input", text


# --- Consistency ----------------------------------------------------------------------------------
def strong_query(field: str) -> str:
    return f"""query s($ik: SafeString!, $path: String!, $at: LastMoment,
      $mode: ReadBalanceConsistencyMode) {{ {ACCOUNT} {{
        {field}(at: $at, consistencyMode: $mode)
        {field}s(at: $at, consistencyMode: $mode) {{ nodes {{ amount }} }} }} }}"""


async def strongly(client: Any, field: str, ik: str, path: str, mode: str) -> str:
    """A balance by its single and its plural form, which agree."""
    found = (await ask(client, strong_query(field), ik=ik, path=path, mode=mode))["ledgerAccount"]
    nodes = found[f"{field}s"]["nodes"]
    amount: str = found[field]
    assert [node["amount"] for node in nodes] in ([amount], [] if amount == "0" else None)
    return amount


@rule("guide H.c", "A strong ownBalance shows a post at once; use_account follows the Schema")
@rule("guide K.c", "ownBalance and ownBalances take consistencyMode strong")
@rule("guide K.b", "Ledger Accounts are eventual by default; children inherit the parent's config")
async def test_a_strong_own_balance_shows_a_post_at_once(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    pending = "liabilities/users:ann/pending"
    for number in range(1, 4):
        lines = [(BANK, 12), (ANN, 5), ("liabilities/users:ann", 3), (pending, 4)]
        await post(client, ik, str(number), NOON, *lines)
        for mode in ("strong", "use_account"):
            assert await strongly(client, "ownBalance", ik, ANN, mode) == str(5 * number)
            users = "liabilities/users:ann"
            assert await strongly(client, "ownBalance", ik, users, mode) == str(3 * number)
        for path in (BANK, pending):  # eventual: behind the post, or not any more
            assert int(await strongly(client, "ownBalance", ik, path, "use_account")) % 4 == 0
    config = f"""query c($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      consistencyConfig {{ lines ownBalanceUpdates totalBalanceUpdates }} }} }}"""
    for path, lines, own in (
        (ANN, "strong", "strong"), (pending, "strong", "eventual"), (BANK, "eventual", "eventual")
    ):  # fmt: skip
        found = (await ask(client, config, ik=ik, path=path))["ledgerAccount"]
        expected = {"lines": lines, "ownBalanceUpdates": own, "totalBalanceUpdates": "eventual"}
        assert found["consistencyConfig"] == expected


@rule("guide K.c", "A strong balance of an eventual account is a GraphQL error")
@rule("guide K.c", "`at` can't be combined with a strong read")
@rule("reference 7 Balances", "A null of `at` or `consistencyMode` counts as absent")
async def test_misused_consistency_modes_are_refused(client: Any) -> None:
    ik = await open_ledger(client, reading_schema())
    await post(client, ik, "1", NOON, (BANK, 5), (ANN, 5))
    for field, path in (
        ("ownBalance", BANK), ("ownBalance", "liabilities"), ("childBalance", "liabilities"),
        ("balance", "liabilities"), ("balance", ANN),
    ):  # fmt: skip
        for name, selection in ((field, ""), (f"{field}s", "{ nodes { amount } }")):
            query = f"""query q($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
              {name}(consistencyMode: strong) {selection} }} }}"""
            assert await refusal(client, query, ik=ik, path=path) == "invalid_consistency_mode"
    for mode in ("strong", "use_account"):
        query = f"""query q($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
          ownBalance(consistencyMode: {mode}, at: "2024") }} }}"""
        assert await refusal(client, query, ik=ik, path=ANN) == "invalid_consistency_mode"
    query = strong_query("ownBalance")
    await ask(client, query, ik=ik, path=ANN, at="2024", mode=None)
    await ask(client, query, ik=ik, path=ANN, at="2024", mode="eventual")
    assert await strongly(client, "ownBalance", ik, ANN, "strong") == "5"


@rule("reference 7 Balances", "balance and childBalance are strong where totalBalanceUpdates is")
@rule("guide K.b", "defaultConsistencyConfig sets every Ledger Account")
async def test_strong_totals_and_children_show_a_post_at_once(client: Any) -> None:
    ik, books = await open_ledger(client, totals_schema()), Books()
    for number in range(1, 4):
        lines = [(BANK, 9), ("assets", 1), (ANN, 6), ("liabilities/users:ann", 4)]
        await post(client, ik, str(number), NOON, *lines, books=books)
        for path in ("assets", "liabilities", "liabilities/users:ann", BANK):
            for mode in ("strong", "use_account"):
                _, child, total = due(books, path)
                assert await strongly(client, "balance", ik, path, mode) == str(total)
                assert await strongly(client, "childBalance", ik, path, mode) == str(child)
        found = await strongly(client, "ownBalance", ik, "assets", "use_account")
        assert int(found) <= number  # own balances are eventual here


# --- Currencies -----------------------------------------------------------------------------------
FX, FX_OWED = "trade/fx", "debts/fx"


def by_code(connection: Any) -> dict[str, int]:
    return {each["currency"]["code"]: int(each["amount"]) for each in connection["nodes"]}


@rule("guide H.f", "`currency` chooses the balance of a multi-currency Ledger Account")
@rule("guide L.a", "A change account keeps one balance for each currency")
@rule(
    "guide L.d",
    "The plural forms list the balances in all currencies, also strong, `at` and over a period",
)
@rule("guide L.d", "An account with descendants of several currencies has childBalances, balances")
@rule("reference 7 Balances", "A singular form without `currency` is refused where there are many")
async def test_every_currency_has_its_own_balance(client: Any) -> None:
    ik, books = await open_ledger(client, reading_schema()), Books()
    euros = "trade/euros"
    first, later = hour("1968-12-25T10"), hour("1969-07-21T02")
    await post(client, ik, "1", first, (FX, 100, "USD"), (FX_OWED, 100, "USD"), books=books)
    await post(client, ik, "2", later, (FX, -90, "EUR"), (FX_OWED, -90, "EUR"), books=books)
    await post(client, ik, "3", later, (euros, 95, "EUR"), (FX_OWED, 95, "EUR"), (FX, -100, "USD"),
               (FX_OWED, -100, "USD"), books=books)  # fmt: skip
    plural = f"""query p($ik: SafeString!, $path: String!, $at: LastMoment, $period: Period!,
      $mode: ReadBalanceConsistencyMode) {{ {ACCOUNT} {{
        own: ownBalances(at: $at, consistencyMode: $mode) {{
          nodes {{ amount currency {{ code }} }} }}
        child: childBalances(at: $at) {{ nodes {{ amount currency {{ code }} }} }}
        all: balances(at: $at) {{ nodes {{ amount currency {{ code }} }} }}
        ownChanges: ownBalanceChanges(period: $period) {{ nodes {{ amount currency {{ code }} }} }}
        childChanges: childBalanceChanges(period: $period) {{
          nodes {{ amount currency {{ code }} }} }}
        changes: balanceChanges(period: $period) {{ nodes {{ amount currency {{ code }} }} }}
      }} }}"""

    async def read(path: str, at: str | None = None, **more: Any) -> dict[str, dict[str, int]]:
        found = await ask(client, plural, ik=ik, path=path, at=at, period="1969-07-21", **more)
        return {name: by_code(each) for name, each in found["ledgerAccount"].items()}

    strong = await read(FX, mode="strong")
    assert strong["own"] == {"EUR": -90, "USD": 0}
    await eventually(lambda: read("trade"), {
        "own": {}, "child": {"EUR": 5, "USD": 0}, "all": {"EUR": 5, "USD": 0},
        "ownChanges": {}, "childChanges": {"EUR": 5, "USD": -100},
        "changes": {"EUR": 5, "USD": -100},
    })  # fmt: skip
    before = await read(FX, at="1968")
    assert before["own"] == before["all"] == {"EUR": 0, "USD": 100}
    assert (await read(FX_OWED, at="1969-07-21T01"))["own"] == {"EUR": 0, "USD": 100}
    one = f"""query one($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      usd: balance(currency: {{code: USD}}) eur: balance(currency: {{code: EUR}})
      was: balance(currency: {{code: USD}}, at: "1968")
      change: balanceChange(period: "1969", currency: {{code: USD}}) }} }}"""
    found = (await ask(client, one, ik=ik, path="trade"))["ledgerAccount"]
    assert found == {"usd": "0", "eur": "5", "was": "100", "change": "-100"}
    for field in ("balance", "childBalance", "ownBalance", 'balanceChange(period: "1969")'):
        query = f"query q($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{ {field} }} }}"
        path = FX if field == "ownBalance" else "trade"
        assert await refusal(client, query, ik=ik, path=path) == "missing_currency", field
    wrong = f"""query q($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      ownBalance(currency: {{code: EUR}}) }} }}"""
    assert await refusal(client, wrong, ik=ik, path=BANK) == "invalid_currency"


# --- Over time ------------------------------------------------------------------------------------
DURING = f"""query during($ik: SafeString!, $path: String!, $start: FirstMoment!, $duration: Int!,
  $granularity: Granularity!) {{ {ACCOUNT} {{
    balancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {{
      startTime endTime granularity nodes {{ at amount {{ amount currency {{ code }} }} }} }}
    ownBalancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {{
      nodes {{ amount {{ amount }} }} }}
    childBalancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {{
      nodes {{ amount {{ amount }} }} }}
    balanceChangesDuring(startTime: $start, duration: $duration, granularity: $granularity) {{
      startTime endTime granularity nodes {{ period amount {{ amount }} }} }}
    ownBalanceChangesDuring(startTime: $start, duration: $duration, granularity: $granularity) {{
      nodes {{ amount {{ amount }} }} }}
    childBalanceChangesDuring(startTime: $start, duration: $duration, granularity: $granularity) {{
      nodes {{ amount {{ amount }} }} }}
  }} }}"""


@rule("reference 7 Balances", "A …During list has a node a granule, its balance at the end of it")
@rule("reference 7 Balances", "A …ChangesDuring list has what each granule changed")
@rule("reference 7 Balances", "A negative duration lists what ends where startTime begins")
async def test_balances_over_time(client: Any) -> None:
    shift = timedelta(hours=5, minutes=30)
    ik = await open_ledger(client, reading_schema(), "+05:30")
    books = await post_edges(client, ik, shift)
    await post(client, ik, "own", NOON, ("assets", 1_000), ("liabilities", 1_000), books=books)
    await settled(client, ik, books, "assets")
    cases = [
        ("2024-3-10T6", 3, "hourly", "2024-03-10T06", "2024-03-10T08", timedelta(hours=1)),
        ("2024-03-10T08", -3, "hourly", "2024-03-10T05", "2024-03-10T07", timedelta(hours=1)),
        ("2024-02-28", 14, "daily", "2024-02-28", "2024-03-12", timedelta(days=1)),
        ("2024-03", -4, "daily", "2024-02-26", "2024-02-29", timedelta(days=1)),
        ("2022-11", 18, "monthly", "2022-11", "2024-04", None),
    ]
    for start, duration, granularity, first, last, step in cases:
        found = (await ask(client, DURING, ik=ik, path="assets", start=start, duration=duration,
                           granularity=granularity))["ledgerAccount"]  # fmt: skip
        for name in ("balancesDuring", "balanceChangesDuring"):
            shown = [found[name][each] for each in ("startTime", "endTime", "granularity")]
            assert shown == [first, last, granularity]
        times = [node["at"] for node in found["balancesDuring"]["nodes"]]
        assert times == [node["period"] for node in found["balanceChangesDuring"]["nodes"]]
        assert (len(times), times[0], times[-1]) == (abs(duration), first, last)
        for at, text in enumerate(times):
            begin = hour((text + "-01" * (len(text) == 7)).ljust(10) + "T00" * (len(text) < 13))
            end = (begin + timedelta(days=32)).replace(day=1) if step is None else begin + step
            balances = due(books, "assets", end=end - shift)
            changes = due(books, "assets", begin - shift, end - shift)
            for place, name in enumerate(("ownBalance", "childBalance", "balance")):
                seen = found[f"{name}sDuring"]["nodes"][at]["amount"]["amount"]
                assert seen == str(balances[place]), (name, text)
                seen = found[f"{name}ChangesDuring"]["nodes"][at]["amount"]["amount"]
                assert seen == str(changes[place]), (name, text)
    for start, duration, granularity in (
        ("2024", 0, "daily"), ("2024", 745, "hourly"), ("2024", -745, "monthly"),
        ("2024-01-02", 1, "monthly"), ("2024-01-01T01", 1, "daily"),
    ):  # fmt: skip
        code = await refusal(client, DURING, ik=ik, path="assets", start=start, duration=duration,
                             granularity=granularity)  # fmt: skip
        assert code == "bad_request", (start, duration)


@rule("guide K.b", "A Schema may set everything strong by default; reads of use_account follow it")
async def test_everything_strong_by_default(client: Any) -> None:
    document = {**reading_schema(), "key": "reading-strong"}
    strong = {**STRONG_OWN, "lines": "strong"}
    document["chartOfAccounts"]["defaultConsistencyConfig"] = strong
    ik = await open_ledger(client, document)
    await post(client, ik, "1", NOON, (BANK, 5), (ANN, 5))
    assert await strongly(client, "ownBalance", ik, BANK, "use_account") == "5"
    query = f"""query l($ik: SafeString!, $path: String!) {{ {ACCOUNT} {{
      lines {{ nodes {{ amount }} }} }} }}"""
    found = (await ask(client, query, ik=ik, path=BANK))["ledgerAccount"]
    assert found["lines"]["nodes"] == [{"amount": "5"}]
