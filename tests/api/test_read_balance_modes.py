"""Strong balances, consistency modes and their misuse; balances and changes over time."""

from datetime import UTC, datetime, timedelta

from tests.builders_schema import edited, quickstart, with_accounts
from tests.naive_balances import (
    AVAILABLE,
    CASH,
    OWN,
    USERS,
    local,
    moment,
    naive,
    post_all,
    random_postings,
)
from tests.read_rig import NOW_MS, ReadRig


# --- Strong balances ------------------------------------------------------------------------------
async def test_a_strong_balance_is_read_where_it_is_kept(reader: ReadRig) -> None:
    ledger = await reader.ledger("main", quickstart())
    await reader.post(ledger, "e", NOW_MS, (CASH, 5), (AVAILABLE, 5), indexed=False)
    cases = {
        (AVAILABLE, "strong"): "5",
        (AVAILABLE, "use_account"): "5",
        (AVAILABLE, "eventual"): "0",
        (AVAILABLE, None): "0",
        (CASH, "use_account"): "0",
    }
    for (path, mode), expected in cases.items():
        answer = await reader.ask(OWN, path=path, mode=mode)
        assert answer.data == {"ledgerAccount": {"ownBalance": expected}}


async def test_a_strong_total_balance_is_read_where_it_is_kept(reader: ReadRig) -> None:
    total = {"chartOfAccounts.defaultConsistencyConfig": {"totalBalanceUpdates": "strong"}}
    document = edited(
        quickstart(),
        {
            **total,
            "chartOfAccounts.accounts[1].children[0].consistencyConfig": ...,
            "ledgerEntries.types[1].conditions": ...,
        },
    )
    ledger = await reader.ledger("main", document)
    await reader.post(ledger, "e", NOW_MS, (CASH, 5), (AVAILABLE, 5), indexed=False)
    query = """query ($path: String!, $mode: ReadBalanceConsistencyMode) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "main"}}) {
        balance(consistencyMode: $mode) balances(consistencyMode: $mode) { nodes { amount } }
        childBalance(consistencyMode: $mode)
        childBalances(consistencyMode: $mode) { nodes { amount } } } }"""
    children = {"liabilities": "5", USERS: "5", AVAILABLE: "0"}
    for path, child in children.items():
        for mode in ("strong", "use_account"):
            answer = await reader.ask(query, path=path, mode=mode)
            assert answer.data["ledgerAccount"] == {
                "balance": "5",
                "balances": {"nodes": [{"amount": "5"}]},
                "childBalance": child,
                "childBalances": {"nodes": [{"amount": child}] if child != "0" else []},
            }, path
    assert (reader.calls, reader.read_keys) == ({"BatchGetItem": 1}, 1)
    answer = await reader.ask(query, path="liabilities")
    assert answer.data["ledgerAccount"] == {
        "balance": "0",
        "balances": {"nodes": []},
        "childBalance": "0",
        "childBalances": {"nodes": []},
    }


async def test_a_strong_child_balance_counts_only_what_lies_below(reader: ReadRig) -> None:
    strong = {"consistencyConfig": {"totalBalanceUpdates": "strong"}}
    document = with_accounts(
        {"key": "multi", "type": "asset", "currencyMode": "multi", **strong,
         "children": [{"key": "a"}, {"key": "b"}]}
    )  # fmt: skip
    ledger = await reader.ledger("main", document)
    huge = 2**120 - 1
    lines = [("multi", 7, "USD"), ("multi/a", huge, "USD"), ("multi/b", huge, "USD")]
    lines += [("multi", -huge, "USD"), ("multi", 3, "EUR"), ("multi/b", -4, "EUR")]
    lines += [("multi/b", -huge, "USD")]
    await reader.post(ledger, "e", NOW_MS, *lines, indexed=False)
    query = """{ ledgerAccount(ledgerAccount: {path: "multi", ledger: {ik: "main"}}) {
      balance(consistencyMode: strong, currency: {code: USD})
      childBalance(consistencyMode: strong, currency: {code: USD})
      childBalances(consistencyMode: strong) { nodes { amount currency { code } } } } }"""
    account = (await reader.ask(query)).data["ledgerAccount"]
    assert (account["balance"], account["childBalance"]) == ("7", str(huge))
    amounts = [(each["currency"]["code"], each["amount"])
               for each in account["childBalances"]["nodes"]]  # fmt: skip
    assert amounts == [("EUR", "-4"), ("USD", str(huge))]


async def test_misused_consistency_modes_are_refused(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    await reader.account(await reader.ledger("main", quickstart()), AVAILABLE)
    at = "at can't be combined with a strong read: strong balances are the latest only."
    eventual = (
        f"The Ledger Account {CASH} has no strong balance of this kind: its "
        "consistencyConfig.ownBalanceUpdates is eventual."
    )
    cases = [
        ({"path": CASH, "mode": "strong"}, eventual),
        ({"path": CASH, "mode": "strong", "at": "2020"}, at),
        ({"path": AVAILABLE, "mode": "strong", "at": "2020"}, at),
        ({"path": AVAILABLE, "mode": "use_account", "at": "2020"}, at),
    ]
    for variables, message in cases:
        answer = await reader.ask(OWN, **variables)
        assert answer.refusals == [("invalid_consistency_mode", message)], variables
    answer = await reader.ask(OWN, path=CASH, mode="use_account", at="2020")
    assert answer.data == {"ledgerAccount": {"ownBalance": "0"}}


async def test_every_balance_refuses_a_strong_read_that_is_not_kept(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    for field, setting in (
        ("ownBalance", "ownBalanceUpdates"),
        ("childBalance", "totalBalanceUpdates"),
        ("balance", "totalBalanceUpdates"),
    ):
        for name, selection in ((field, ""), (f"{field}s", "{ nodes { amount } }")):
            query = """{ ledgerAccount(ledgerAccount: {path: "assets", ledger: {ik: "main"}}) {
              %s(%s) %s } }"""
            answer = await reader.ask(query % (name, "consistencyMode: strong", selection))
            assert [code for code, _ in answer.refusals] == ["invalid_consistency_mode"], name
            assert setting in answer.refusals[0][1]
            for allowed in (
                "consistencyMode: eventual",
                "consistencyMode: use_account",
                "consistencyMode: null, at: null",
                'consistencyMode: eventual, at: "2020"',
                'consistencyMode: use_account, at: "2020"',
            ):
                answer = await reader.ask(query % (name, allowed, selection))
                zero = {"nodes": []} if selection else "0"
                assert answer.data == {"ledgerAccount": {name: zero}}, (name, allowed)


# --- Over time ------------------------------------------------------------------------------------
async def test_balances_during_read_the_head_and_the_months_once(reader: ReadRig) -> None:
    start = local(2020, 1, 1)
    postings = [(start + timedelta(hours=7 * each), CASH, each) for each in range(1, 1500)]
    reader.folded = True
    await post_all(reader, postings, 0)
    query = """query ($start: FirstMoment!, $duration: Int!, $granularity: Granularity!) {
      ledgerAccount(ledgerAccount: {path: "assets", ledger: {ik: "main"}}) {
        balancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {
          nodes { at amount { amount } } }
        ownBalancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {
          nodes { amount { amount } } }
        childBalanceChangesDuring(
          startTime: $start, duration: $duration, granularity: $granularity
        ) { nodes { amount { amount } } } } }"""
    cases = [
        ("2020-03", 12, "monthly", 1),
        ("2021-01", -744, "monthly", 1),
        ("2020-03-01", 31, "daily", 2),
        ("2020-01-01", 366, "daily", 13),
        ("2020-05-31T20", 8, "hourly", 3),
    ]
    for first, duration, granularity, keys_read in cases:
        variables = {"start": first, "duration": duration, "granularity": granularity}
        await reader.ask(query, **variables)
        answer = await reader.ask(query, **variables)
        assert (reader.calls, reader.read_keys) == ({"BatchGetItem": 1}, keys_read), first
        account = answer.data["ledgerAccount"]
        assert len(account["balancesDuring"]["nodes"]) == abs(duration)
        assert {each["amount"]["amount"] for each in account["ownBalancesDuring"]["nodes"]} == {"0"}
        nodes = account["balancesDuring"]["nodes"]
        text = nodes[-1]["at"]
        ends = {7: "month", 10: "day", 13: "hour"}[len(text)]
        form = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[ends]
        _, _, end = moment(datetime.strptime(text, form).replace(tzinfo=UTC), ends)
        assert nodes[-1]["amount"]["amount"] == naive(postings, "assets", None, end)[2]
        before = int(nodes[0]["amount"]["amount"])
        changes = [
            int(each["amount"]["amount"]) for each in account["childBalanceChangesDuring"]["nodes"]
        ]
        assert before + sum(changes[1:]) == int(nodes[-1]["amount"]["amount"])


async def test_balances_during_are_what_single_balances_are(reader: ReadRig) -> None:
    postings = random_postings(3, 60)
    await post_all(reader, postings, 60)
    query = """query ($start: FirstMoment!, $duration: Int!, $granularity: Granularity!) {
      ledgerAccount(ledgerAccount: {path: "assets", ledger: {ik: "main"}}) {
        balancesDuring(startTime: $start, duration: $duration, granularity: $granularity) {
          startTime endTime granularity nodes { at amount { amount currency { code } } }
          pageInfo { hasNextPage } }
        childBalanceChangesDuring(
          startTime: $start, duration: $duration, granularity: $granularity
        ) { nodes { period amount { amount } } } } }"""
    cases = [
        ("2020-02-28T20", 8, "hourly", "2020-02-28T20", "2020-02-29T03"),
        ("2020-01-02", -4, "daily", "2019-12-29", "2020-01-01"),
        ("2019-11", 6, "monthly", "2019-11", "2020-04"),
    ]
    for start, duration, granularity, first, last in cases:
        answer = await reader.ask(query, start=start, duration=duration, granularity=granularity)
        account = answer.data["ledgerAccount"]
        during = account["balancesDuring"]
        assert (during["startTime"], during["endTime"]) == (first, last)
        assert during["granularity"] == granularity
        assert len(during["nodes"]) == abs(duration)
        unit = {"hourly": "hour", "daily": "day", "monthly": "month"}[granularity]
        form = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[unit]
        changes = account["childBalanceChangesDuring"]["nodes"]
        for balance, change in zip(during["nodes"], changes, strict=True):
            _, begin, end = moment(datetime.strptime(balance["at"], form).replace(tzinfo=UTC), unit)
            assert balance["amount"]["currency"] == {"code": "USD"}
            assert balance["amount"]["amount"] == naive(postings, "assets", None, end)[2]
            assert change["period"] == balance["at"]
            assert change["amount"]["amount"] == naive(postings, "assets", begin, end)[1]


async def test_a_duration_out_of_bounds_is_refused(reader: ReadRig) -> None:
    await reader.ledger("main", quickstart())
    query = """query ($duration: Int!) {
      ledgerAccount(ledgerAccount: {path: "assets", ledger: {ik: "main"}}) {
        balancesDuring(startTime: "2020", duration: $duration, granularity: hourly) {
          nodes { at } } } }"""
    for duration in (0, 745, -745):
        answer = await reader.ask(query, duration=duration)
        message = f"duration must be 1 to 744, or -1 to -744, not {duration}."
        assert answer.refusals == [("bad_request", message)]
