"""Balances: own, child and total, at any moment and over any period; every currency's."""

from datetime import timedelta
from typing import Any

from shared.ledger.ledgers import Ledger
from shared.store import keys
from tests.builders_schema import quickstart, with_accounts
from tests.naive_balances import (
    AVAILABLE,
    BALANCES,
    CASH,
    OWN,
    USERS,
    local,
    moment,
    naive,
    post_all,
    random_postings,
    shown,
)
from tests.read_rig import NOW_MS, ReadRig

CHANGES = """
query changes($path: String!, $period: Period!, $currency: CurrencyMatchInput) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
    ownBalanceChange(period: $period, currency: $currency)
    childBalanceChange(period: $period, currency: $currency)
    balanceChange(period: $period, currency: $currency)
  }
}
"""


async def test_balances_at_any_moment_are_the_sums_of_the_lines_until_then(
    reader: ReadRig,
) -> None:
    postings = random_postings(1, 60)
    await post_all(reader, postings, -480)
    for posted in {posted for posted, _, _ in postings} | {local(1999, 1, 1)}:
        for unit in ("year", "month", "day", "hour"):
            text, _, end = moment(posted, unit)
            for path in ("assets", "assets/banks", CASH, "liabilities", AVAILABLE):
                answer = await reader.ask(BALANCES, path=path, at=text)
                assert shown(answer) == naive(postings, path, None, end), (path, text)
    for path in ("assets", USERS, "income"):
        answer = await reader.ask(BALANCES, path=path)
        assert shown(answer) == naive(postings, path, None, None)


async def test_changes_over_any_period_are_the_sums_of_the_lines_within(
    reader: ReadRig,
) -> None:
    postings = random_postings(2, 60)
    reader.folded = True
    await post_all(reader, postings, 330)
    for posted in {posted for posted, _, _ in postings} | {local(1999, 1, 1)}:
        for unit in ("year", "quarter", "month", "day", "hour"):
            text, first, end = moment(posted, unit)
            for path in ("assets", CASH, "liabilities"):
                answer = await reader.ask(CHANGES, path=path, period=text)
                assert shown(answer, "Change") == naive(postings, path, first, end), (path, text)


async def test_a_balance_at_an_hour_reads_two_items_whatever_the_history(
    reader: ReadRig,
) -> None:
    start = local(2001, 1, 1)
    postings = [(start + timedelta(days=9 * day), CASH, day) for day in range(500)]
    reader.folded = True
    await post_all(reader, postings, 0)
    middle = start + timedelta(days=9 * 250)
    await reader.ask(BALANCES, path=CASH)
    text, _, end = moment(middle, "hour")
    answer = await reader.ask(BALANCES, path=CASH, at=text)
    assert shown(answer) == naive(postings, CASH, None, end)
    assert reader.calls == {"BatchGetItem": 1}
    assert reader.read_keys == 2
    text, first, end = moment(middle, "day")
    answer = await reader.ask(CHANGES, path=CASH, period=text)
    assert shown(answer, "Change") == naive(postings, CASH, first, end)
    assert (reader.calls, reader.read_keys) == ({"BatchGetItem": 1}, 2)
    for moment_text in (None, "2005", "2005-03"):
        await reader.ask(BALANCES, path=CASH, at=moment_text)
        assert (reader.calls, reader.read_keys) == ({"BatchGetItem": 1}, 1)


async def test_twenty_balances_cost_one_read(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    for number in range(20):
        user = f"liabilities/users:u{number}/available"
        await reader.post(ledger, f"e{number}", NOW_MS, (CASH, number), (user, number))
    fields = " ".join(
        f'a{number}: ledgerAccount(ledgerAccount: {{path: "liabilities/users:u{number}/available",'
        ' ledger: {ik: "main"}}) { balance }'
        for number in range(20)
    )
    await reader.ask(f"{{ {fields} }}")
    answer = await reader.ask(f"{{ {fields} }}")
    assert answer.data == {f"a{number}": {"balance": str(number)} for number in range(20)}
    assert (reader.calls, reader.read_keys) == ({"BatchGetItem": 1}, 20)


async def test_a_page_of_accounts_with_their_balances_costs_one_search_and_one_read(
    reader: ReadRig,
) -> None:
    ledger = await reader.ledger("main", quickstart())
    for number in range(20):
        user = f"liabilities/users:u{number}/available"
        await reader.post(ledger, f"e{number}", NOW_MS, (CASH, number), (user, number))
    page = "{ nodes { amount currency { code } } }"
    query = f"""{{ ledger(ledger: {{ik: "main"}}) {{ ledgerAccounts(first: 20) {{ nodes {{
        path ownBalance childBalance balance
        ownBalances {page} childBalances {page} balances {page} }} }} }} }}"""
    await reader.ask(query)
    answer = await reader.ask(query)
    assert (reader.calls, reader.searches) == ({"BatchGetItem": 1}, [1])
    for node in answer.data["ledger"]["ledgerAccounts"]["nodes"]:
        total = int(node["ownBalance"]) + int(node["childBalance"])
        assert node["balance"] == str(total)
        for plural in ("ownBalances", "childBalances", "balances"):
            amounts = [each["amount"] for each in node[plural]["nodes"]]
            assert amounts in ([], [node[plural[:-1]]])


async def test_a_pair_of_items_read_from_both_sides_of_a_fold_is_read_again(
    reader: ReadRig,
) -> None:
    start = local(2020, 5, 1)
    postings = [(start + timedelta(hours=hour), CASH, 1) for hour in range(40)]
    ledger = await post_all(reader, postings, 0)
    account = await reader.account(ledger, CASH)
    await reader.ask(BALANCES, path=CASH)
    assert await reader.fold(account.id, "USD")
    reader.stale.add(keys.history_head(account.id, "USD"))
    answer = await reader.ask(BALANCES, path=CASH, at="2020-05-01T19")
    assert shown(answer) == ("20", "0", "20")
    assert reader.calls == {"BatchGetItem": 2}


# --- Currencies -----------------------------------------------------------------------------------
def mixed() -> dict[str, Any]:
    """A multi-currency account, one whose children differ, one whose children agree."""
    euro = {"currency": {"code": "EUR"}}
    gems = {"currency": {"code": "CUSTOM", "customCurrencyId": "gems"}}
    return with_accounts(
        {"key": "multi", "type": "asset", "currencyMode": "multi"},
        {"key": "mixed", "type": "asset",
         "children": [{"key": "usd"}, {"key": "eur", **euro}, {"key": "gems", **gems}]},
        {"key": "same", "type": "liability", "children": [{"key": "one"}, {"key": "two"}]},
        {"key": "open", "type": "liability",
         "children": [{"key": "t", "template": True, "currency": {"code": "{{currency}}"}}]},
    )  # fmt: skip


async def open_mixed(reader: ReadRig) -> Ledger:
    ledger = await reader.ledger("main", mixed())
    posted = NOW_MS
    await reader.post(ledger, "a", posted, ("multi", 1, "USD"), ("multi", 2, "EUR"))
    await reader.post(ledger, "b", posted, ("mixed/usd", 3), ("mixed/eur", 4), ("mixed/gems", 5))
    await reader.post(ledger, "c", posted, ("same/one", 6), ("same", 7), ("mixed", 8))
    await reader.post(ledger, "d", posted, ("open/t:x", 9, "GBP"))
    return ledger


async def test_one_currency_is_read_by_default_only_where_there_is_one(
    reader: ReadRig,
) -> None:
    await open_mixed(reader)
    assert shown(await reader.ask(BALANCES, path="same")) == ("7", "6", "13")
    assert shown(await reader.ask(CHANGES, path="same", period="2023"), "Change") == (
        "7",
        "6",
        "13",
    )
    for path in ("multi", "mixed", "open"):
        query = BALANCES if path == "multi" else BALANCES.replace("ownBalance(", "own: balance(")
        answer = await reader.ask(query, path=path)
        assert {code for code, _ in answer.refusals} == {"missing_currency"}
    message = "multi is multi-currency: a currency must be given."
    assert (await reader.ask(OWN, path="multi")).refusals == [("missing_currency", message)]
    assert (await reader.ask(OWN, path="mixed")).data["ledgerAccount"] == {"ownBalance": "8"}


async def test_a_currency_that_is_asked_for_is_read(reader: ReadRig) -> None:
    await open_mixed(reader)
    gems = {"code": "CUSTOM", "customCurrencyId": "gems"}
    totals = """query ($path: String!, $currency: CurrencyMatchInput) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
        childBalance(currency: $currency) balance(currency: $currency) } }"""
    cases: list[tuple[str, Any, tuple[str, str]]] = [
        ("multi", {"code": "USD"}, ("0", "1")),
        ("multi", {"code": "EUR"}, ("0", "2")),
        ("multi", {"code": "GBP"}, ("0", "0")),
        ("mixed", {"code": "USD"}, ("3", "11")),
        ("mixed", {"code": "EUR"}, ("4", "4")),
        ("mixed", gems, ("5", "5")),
        ("open", {"code": "GBP"}, ("9", "9")),
    ]
    for path, currency, expected in cases:
        answer = await reader.ask(totals, path=path, currency=currency)
        account = answer.data["ledgerAccount"]
        assert (account["childBalance"], account["balance"]) == expected, (path, currency)


async def test_a_currency_that_does_not_fit_is_refused(reader: ReadRig) -> None:
    await open_mixed(reader)
    cases: list[tuple[str, Any, str]] = [
        ("same", {"code": "EUR"}, "currency: same holds USD, not EUR."),
        ("mixed", {"code": "GBP"}, "currency: mixed holds CUSTOM/gems, EUR, USD, not GBP."),
    ]
    query = """query ($path: String!, $currency: CurrencyMatchInput) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
        balance(currency: $currency) } }"""
    for path, currency, message in cases:
        answer = await reader.ask(query, path=path, currency=currency)
        assert answer.refusals == [("invalid_currency", message)]
    for currency in ({"code": "CUSTOM"}, {"code": "USD", "customCurrencyId": "gems"}):
        answer = await reader.ask(query, path="multi", currency=currency)
        assert [code for code, _ in answer.refusals] == ["invalid_currency"]


PLURAL = """
query plural($path: String!, $at: LastMoment, $first: Int, $after: String, $before: String) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
    ownBalances(at: $at) { nodes { amount currency { code customCurrencyId } } }
    childBalances(at: $at) { nodes { amount currency { code customCurrencyId } } }
    balances(at: $at, first: $first, after: $after, before: $before) {
      nodes { amount currency { code customCurrencyId } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
    balanceChanges(period: "2023-11") { nodes { amount currency { code } } }
  }
}
"""


def by_currency(connection: Any) -> dict[str, str]:
    return {
        node["currency"]["customCurrencyId"] or node["currency"]["code"]: node["amount"]
        for node in connection["nodes"]
    }


async def test_plural_balances_list_every_currency_that_was_posted(reader: ReadRig) -> None:
    await open_mixed(reader)
    account = (await reader.ask(PLURAL, path="mixed")).data["ledgerAccount"]
    assert by_currency(account["ownBalances"]) == {"USD": "8"}
    assert by_currency(account["childBalances"]) == {"gems": "5", "EUR": "4", "USD": "3"}
    assert by_currency(account["balances"]) == {"gems": "5", "EUR": "4", "USD": "11"}
    codes = [node["currency"]["code"] for node in account["balances"]["nodes"]]
    assert codes == ["CUSTOM", "EUR", "USD"]
    account = (await reader.ask(PLURAL, path="multi")).data["ledgerAccount"]
    assert by_currency(account["ownBalances"]) == {"EUR": "2", "USD": "1"}
    assert by_currency(account["childBalances"]) == {}
    changes = [(node["currency"]["code"], node["amount"]) for node in
               account["balanceChanges"]["nodes"]]  # fmt: skip
    assert changes == [("EUR", "2"), ("USD", "1")]
    account = (await reader.ask(PLURAL, path="same/two")).data["ledgerAccount"]
    assert account["balances"]["nodes"] == []


async def test_plural_balances_of_an_open_account_cost_one_query(reader: ReadRig) -> None:
    await open_mixed(reader)
    await reader.ask(PLURAL, path="multi")
    await reader.ask(PLURAL, path="multi")
    assert reader.calls == {"Query": 1}
    await reader.ask(PLURAL, path="multi", at="2023-11-14T22")
    assert reader.calls == {"Query": 1, "BatchGetItem": 1}


async def test_plural_balances_at_an_hour_are_the_sums_until_then(reader: ReadRig) -> None:
    ledger = await open_mixed(reader)
    later = NOW_MS + 3_600_000
    await reader.post(ledger, "later", later, ("multi", 100, "USD"), ("multi", 5, "GBP"))
    expected = {
        "2023-11-14T21": {"USD": "0", "EUR": "0", "GBP": "0"},
        "2023-11-14T22": {"USD": "1", "EUR": "2", "GBP": "0"},
        "2023-11-14T23": {"USD": "101", "EUR": "2", "GBP": "5"},
    }
    for at, amounts in expected.items():
        account = (await reader.ask(PLURAL, path="multi", at=at)).data["ledgerAccount"]
        assert by_currency(account["balances"]) == amounts


async def test_plural_balances_are_paged_by_currency(reader: ReadRig) -> None:
    ledger = await open_mixed(reader)
    codes = ["AUD", "BRL", "CAD", "CHF", "EUR", "USD"]
    for code in codes[:4]:
        await reader.post(ledger, code, NOW_MS, ("multi", 1, code))
    seen: list[str] = []
    page: dict[str, Any] = {}
    for _ in range(3):
        cursor = page.get("pageInfo", {}).get("endCursor")
        answer = await reader.ask(PLURAL, path="multi", first=2, after=cursor)
        page = answer.data["ledgerAccount"]["balances"]
        seen += [node["currency"]["code"] for node in page["nodes"]]
    assert seen == codes
    assert page["pageInfo"]["hasNextPage"] is False
    answer = await reader.ask(PLURAL, path="multi", before=page["pageInfo"]["startCursor"])
    page = answer.data["ledgerAccount"]["balances"]
    assert [node["currency"]["code"] for node in page["nodes"]] == ["CAD", "CHF"]


async def test_a_custom_currency_that_was_not_created_says_so(reader: ReadRig) -> None:
    await open_mixed(reader)
    query = """{ ledgerAccount(ledgerAccount: {path: "mixed/gems", ledger: {ik: "main"}}) {
      currency { code customCurrencyId %s } } }"""
    answer = await reader.ask(query.replace("%s", ""))
    currency = {"code": "CUSTOM", "customCurrencyId": "gems"}
    assert answer.data == {"ledgerAccount": {"currency": currency}}
    answer = await reader.ask(query.replace("%s", "name"))
    message = "There is no custom currency gems."
    assert answer.refusals == [("custom_currency_not_found", message)]
