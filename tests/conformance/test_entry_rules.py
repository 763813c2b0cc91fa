"""Which entries are posted: parameters, lines, times, versions, tags, conditions."""

from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode
from fragment.sdk.input_types import (
    AddLedgerEntryInput,
    CreateLedgerInput,
    CurrencyMatchInput,
    Int96ConditionInput,
    LedgerAccountConditionInput,
    LedgerAccountMatchInput,
    LedgerEntryConditionInput,
    LedgerEntryInput,
    LedgerEntryTagInput,
    LedgerLineInput,
    LedgerMatchInput,
    SchemaInput,
)

from tests.conformance.asking import ask, deposit, eventually, hold, posted, total
from tests.conformance.books import Books, hour
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

CASH = "assets/cash"
FEES = "income/fees"
ANN = "liabilities/users:ann/available"
AT = hour("2024-03-05T07")
POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    __typename
    ... on AddLedgerEntryResult {
      isIkReplay
      entry { type typeVersion description }
      lines { amount description account { path } }
    }
    ... on Error { code message }
  }
}"""
OWN = """query own($ik: SafeString!, $path: String!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: $path}) {
    ownBalance(consistencyMode: strong)
  }
}"""


def line(path: str, amount: int, **more: Any) -> LedgerLineInput:
    account = LedgerAccountMatchInput(path=path)
    return LedgerLineInput(account=account, amount=str(amount), **more)


def condition(path: str, when: str, of: CurrencyCode | None = None, **bounds: str) -> Any:
    judged = LedgerAccountConditionInput(ownBalance=Int96ConditionInput(**bounds))
    currency = None if of is None else CurrencyMatchInput(code=of)
    account = LedgerAccountMatchInput(path=path)
    return LedgerEntryConditionInput(account=account, currency=currency, **{when: judged})


async def post(client: Any, ledger: str, ik: str, **entry: Any) -> Any:
    """The answer to an entry that is given whole; unset fields are left out."""
    given = LedgerEntryInput(ledger=LedgerMatchInput(ik=ledger), **entry)
    variables = given.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return (await ask(client, POST, ik=ik, entry=variables))["addLedgerEntry"]


async def refusal(client: Any, ledger: str, **entry: Any) -> str:
    """The code of a refused entry, of which nothing is left."""
    ik = f"refused-{uuid4().hex[:8]}"
    answer = await post(client, ledger, ik, **entry)
    assert answer["__typename"] == "BadRequestError", answer
    assert (await client.get_ledger_entry(ik, ledger)).ledger_entry is None
    code: str = answer["code"]
    return code


async def own(client: Any, ledger: str, path: str) -> str:
    found = await ask(client, OWN, ik=ledger, path=path)
    balance: str = found["ledgerAccount"]["ownBalance"]
    return balance


def cash(amount: int) -> list[LedgerLineInput]:
    return [line(CASH, amount), line(FEES, amount)]


@rule("reference 8 Posting", "Parameters must be known to the type, and none may be missing")
@rule("reference 8 Posting", "A type must be known, in that version")
async def test_type_and_parameters_must_fit(client: Any, ledger: str) -> None:
    good = {"user": "ann", "amount": "5", "fee": "0"}
    more, less = {**good, "other": "1"}, {"user": "ann", "amount": "5"}
    assert await refusal(client, ledger, type="deposit", parameters=more) == "unknown_parameter"
    assert await refusal(client, ledger, type="deposit", parameters=less) == "missing_parameter"
    words = {**good, "amount": "five"}
    assert await refusal(client, ledger, type="deposit", parameters=words) == "invalid_parameter"
    unknown = "ledger_entry_type_not_found"
    assert await refusal(client, ledger, type="nothing", parameters=good) == unknown
    assert await refusal(client, ledger, type="deposit", typeVersion=3, parameters=good) == unknown


@rule("reference 8 Posting", "An absent typeVersion is 1, never the newest")
async def test_absent_version_is_the_first(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": "5", "fee": "0"}
    answer = await post(client, ledger, "v1", type="deposit", parameters=parameters)
    assert answer["entry"]["typeVersion"] == 1
    assert len(answer["lines"]) == 3


@rule("reference 8 Posting", "Lines are given exactly for types that have none")
@rule("guide E.g", "Lines may be given only where the type leaves them out")
async def test_lines_belong_to_the_type_or_to_the_entry(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": "5", "fee": "0"}
    both = await refusal(client, ledger, type="deposit", parameters=parameters, lines=cash(5))
    assert both == "lines_not_allowed"
    assert await refusal(client, ledger, type="correction") == "lines_required"
    assert await refusal(client, ledger, type="correction", lines=[]) == "lines_required"


@rule("reference 8 Posting", "The entry's description also serves lines that have none")
async def test_description_serves_the_lines(client: Any, ledger: str) -> None:
    given = [line(CASH, 5, description="Its own."), line(FEES, 5)]
    answer = await post(
        client, ledger, "d", type="correction", description="The entry's.", lines=given
    )
    assert answer["entry"]["description"] == "The entry's."
    assert [one["description"] for one in answer["lines"]] == ["Its own.", "The entry's."]


@rule("guide B.b", "Assets less liabilities are income less expenses, or nothing is posted")
@pytest.mark.parametrize(
    "amounts, is_balanced",
    [
        ({"assets/bank": 5, "liabilities/fx": 5}, True),
        ({"assets/bank": 5, "assets/cash": -5}, True),
        ({"assets/bank": 5, "income/fees": 5}, True),
        ({"assets/bank": -5, "expense": 5}, True),
        ({"income/fees": 5, "expense": 5}, True),
        ({"liabilities/fx": -5, "income/fees": 5}, True),
        ({"assets/bank": 5, "liabilities/fx": -5}, False),
        ({"assets/bank": 5, "expense": 5}, False),
        ({"assets/bank": 5, "income/fees": 4}, False),
        ({"assets/bank": 5}, False),
    ],
)
async def test_entry_balances_or_is_refused(
    client: Any, ledger: str, amounts: dict[str, int], is_balanced: bool
) -> None:
    usd = CurrencyMatchInput(code=CurrencyCode.USD)
    given = [line(path, amount, currency=usd) for path, amount in amounts.items()]
    if is_balanced:
        answer = await post(client, ledger, "e", type="correction", lines=given)
        assert answer["__typename"] == "AddLedgerEntryResult"
        found = {one["account"]["path"]: int(one["amount"]) for one in answer["lines"]}
        assert found == amounts
    else:
        code = await refusal(client, ledger, type="correction", lines=given)
        assert code == "invalid_entry_balance"


@rule("guide E.b", "An entry posted in the past or the future moves every balance from then on")
async def test_entries_move_balances_from_their_moment(client: Any, ledger: str) -> None:
    for ik, amount, moment in (
        ("now", 1, "2024-03-05"),
        ("past", 20, "1850-01-01"),
        ("future", 300, "2999-01-01"),
    ):
        await client.add_ledger_entry_runtime(ik, "correction", ledger, cash(amount), posted=moment)

    async def read() -> list[str]:
        moments = ("1849", "1850", "2024-03-04", "2024-03-05", "2998", "2999")
        return [await total(client, ledger, CASH, balance_at=at) for at in moments]

    await eventually(read, ["0", "20", "20", "21", "21", "321"])
    assert await total(client, ledger, CASH) == "321"


@rule("reference 6 Statuses", "A disabled type takes no new entries")
async def test_disabled_type_posts_nothing(client: Any, schema: dict[str, Any]) -> None:
    schema["key"] = f"schema-{uuid4().hex[:12]}"
    (correction,) = [one for one in schema["ledgerEntries"]["types"] if one["type"] == "correction"]
    correction["status"] = "disabled"
    await client.store_schema(SchemaInput.model_validate(schema))
    ik = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ik, CreateLedgerInput(name="Own"), schema["key"])
    assert await refusal(client, ik, type="correction", lines=cash(5)) == "entry_type_disabled"
    assert await own(client, ik, CASH) == "0"


@rule("guide G.b", "The same tag in type and entry is one tag; another value is refused")
async def test_tag_may_be_repeated_with_its_value_alone(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": "5", "fee": "0"}
    other = [LedgerEntryTagInput(key="user", value="bob")]
    same = [LedgerEntryTagInput(key="user", value="ann")]
    deposit_of = {"type": "deposit", "parameters": parameters}
    assert await refusal(client, ledger, **deposit_of, tags=other) == "tag_conflict"
    await post(client, ledger, "same", **deposit_of, tags=same)
    query = """query tags($ik: SafeString!) {
      ledgerEntry(ledgerEntry: {ik: "same", ledger: {ik: $ik}}) { tags { key value } }
    }"""
    found = (await ask(client, query, ik=ledger))["ledgerEntry"]
    assert found == {"tags": [{"key": "user", "value": "ann"}]}


@rule("guide K.d", "A condition holds for eq, gte and lte, before the entry or after it")
@pytest.mark.parametrize(
    "when, bounds, holds",
    [
        ("precondition", {"eq": "100"}, True),
        ("precondition", {"eq": "107"}, False),
        ("precondition", {"gte": "100", "lte": "100"}, True),
        ("precondition", {"gte": "101"}, False),
        ("precondition", {"lte": "99"}, False),
        ("postcondition", {"eq": "107"}, True),
        ("postcondition", {"eq": "100"}, False),
        ("postcondition", {"gte": "107", "lte": "107"}, True),
        ("postcondition", {"gte": "108"}, False),
        ("postcondition", {"lte": "106"}, False),
    ],
)
async def test_condition_is_judged(
    client: Any, ledger: str, when: str, bounds: dict[str, str], holds: bool
) -> None:
    await post(client, ledger, "before", type="correction", lines=cash(100))
    entry = {
        "type": "correction",
        "lines": cash(7),
        "conditions": [condition(CASH, when, **bounds)],
    }
    if holds:
        answer = await post(client, ledger, "conditioned", **entry)
        assert answer["__typename"] == "AddLedgerEntryResult", answer
    else:
        assert await refusal(client, ledger, **entry) == "conditional_request_failed"
    assert await own(client, ledger, CASH) == ("107" if holds else "100")


@rule("guide K.d", "A condition is judged on the latest balance, whenever the entry is posted")
async def test_condition_looks_at_the_latest_balance(client: Any, ledger: str) -> None:
    late = {"type": "correction", "posted": "2999-01-01"}
    await post(client, ledger, "late", **late, lines=cash(100))
    entry = {"type": "correction", "posted": "1850-01-01", "lines": cash(7)}
    empty = [condition(CASH, "precondition", eq="0")]
    full = [condition(CASH, "precondition", eq="100")]
    assert await refusal(client, ledger, **entry, conditions=empty) == "conditional_request_failed"
    answer = await post(client, ledger, "early", **entry, conditions=full)
    assert answer["__typename"] == "AddLedgerEntryResult"


@rule("guide K.d", "Conditions are for strong accounts that the entry posts to")
@rule("reference 8 Conditions", "A condition has a bound before or after; eq excludes gte and lte")
@pytest.mark.parametrize(
    "judged",
    [
        pytest.param(condition("assets/bank", "precondition", eq="0"), id="eventual"),
        pytest.param(condition(ANN, "precondition", eq="0"), id="without a line"),
        pytest.param(condition(CASH, "precondition", eq="0", gte="0"), id="eq and gte"),
        pytest.param(condition(CASH, "postcondition", eq="0", lte="0"), id="eq and lte"),
        pytest.param(condition(CASH, "precondition"), id="no bound"),
        pytest.param(
            LedgerEntryConditionInput(account=LedgerAccountMatchInput(path=CASH)), id="neither"
        ),
    ],
)
async def test_condition_that_can_not_be_is_refused(
    client: Any, ledger: str, judged: LedgerEntryConditionInput
) -> None:
    given = [line(CASH, 5), line("assets/bank", -5)]
    code = await refusal(client, ledger, type="correction", lines=given, conditions=[judged])
    assert code == "invalid_condition"


@rule("guide L.c", "A condition on a multi-currency account must name its currency")
async def test_condition_names_its_currency(client: Any, schema: dict[str, Any]) -> None:
    schema["key"] = f"schema-{uuid4().hex[:12]}"
    fx = schema["chartOfAccounts"]["accounts"][0]["children"][2]
    fx["consistencyConfig"] = {"ownBalanceUpdates": "strong"}
    await client.store_schema(SchemaInput.model_validate(schema))
    ik = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(ik, CreateLedgerInput(name="Own"), schema["key"])
    given = [
        line(path, amount, currency=CurrencyMatchInput(code=CurrencyCode(code)))
        for code, amount in (("EUR", 5), ("USD", 7))
        for path in ("assets/fx", "liabilities/fx")
    ]
    entry = {"type": "correction", "lines": given}
    without = [condition("assets/fx", "postcondition", gte="5")]
    assert await refusal(client, ik, **entry, conditions=without) == "missing_currency"
    euros = [condition("assets/fx", "postcondition", CurrencyCode.EUR, gte="6")]
    assert await refusal(client, ik, **entry, conditions=euros) == "conditional_request_failed"
    both = [
        condition("assets/fx", "postcondition", CurrencyCode.EUR, eq="5"),
        condition("assets/fx", "postcondition", CurrencyCode.USD, eq="7"),
    ]
    answer = await post(client, ik, "both", **entry, conditions=both)
    assert answer["__typename"] == "AddLedgerEntryResult"


@rule("reference 8 Batches", "Conditions of later entries of a batch see the earlier ones")
@rule("reference 8 Batches", "A batch is posted whole or not at all, and names who failed")
async def test_batch_is_judged_in_order(client: Any, ledger: str) -> None:
    def typed(ik: str, kind: str, **parameters: str) -> AddLedgerEntryInput:
        entry = LedgerEntryInput(
            ledger=LedgerMatchInput(ik=ledger), type=kind, parameters=parameters
        )
        return AddLedgerEntryInput(ik=ik, entry=entry)

    fund = typed("b1", "deposit", user="ann", amount="100", fee="0")
    take = typed("b2", "hold", user="ann", amount="100")
    refused = (await client.add_ledger_entries([take, fund])).add_ledger_entries
    assert refused.typename__ == "AddLedgerEntriesError"
    assert [(one.ik, one.code) for one in refused.errors] == [("b2", "conditional_request_failed")]
    result = (await client.add_ledger_entries([fund, take])).add_ledger_entries
    assert [one.is_ik_replay for one in result.results] == [False, False]
    assert await own(client, ledger, ANN) == "0"


@rule("reference 8 Batches", "A batch may span Ledgers, and an ik is given once for a Ledger")
async def test_batch_spans_ledgers(client: Any, ledger: str, schema: dict[str, Any]) -> None:
    other = f"ledger-{uuid4().hex[:12]}"
    await client.create_ledger(other, CreateLedgerInput(name="Other"), schema["key"])
    batch = [
        AddLedgerEntryInput(
            ik="same",
            entry=LedgerEntryInput(
                ledger=LedgerMatchInput(ik=ik), type="correction", lines=cash(amount)
            ),
        )
        for ik, amount in ((ledger, 3), (other, 4))
    ]
    result = (await client.add_ledger_entries(batch)).add_ledger_entries
    assert result.typename__ == "AddLedgerEntriesResult"
    assert await own(client, ledger, CASH) == "3"
    assert await own(client, other, CASH) == "4"
    twice = [batch[0].model_copy(update={"ik": "twice"})] * 2
    refused = (await client.add_ledger_entries(twice)).add_ledger_entries
    assert refused.code == "ledger_entry_batch_operation_failed" or (
        refused.code == "ledger_entry_batch_duplicate_ik"
    )
    assert await own(client, ledger, CASH) == "3"


@rule("reference 8 Posting", "A template's instance comes into being with its first entry")
async def test_first_entry_makes_the_account(client: Any, ledger: str) -> None:
    new = "liabilities/users:zoe/available"
    assert (await client.get_ledger_account_balance(new, ledger)).ledger_account is None
    await deposit(client, ledger, Books(), "d1", "zoe", 5, 0, AT)
    assert await own(client, ledger, new) == "5"
    await hold(client, ledger, Books(), "h1", "zoe", 5, AT)
    assert await own(client, ledger, new) == "0"


@rule("reference 8 Posting", "A line's path must be an account's, its template values given")
async def test_line_needs_an_account(client: Any, ledger: str) -> None:
    for path in ("assets/nowhere", "liabilities/users/available", "assets/bank:1", "nothing"):
        given = [line(path, 5), line(FEES, 5)]
        code = await refusal(client, ledger, type="correction", lines=given)
        assert code in ("ledger_account_not_found", "invalid_account_path")
    answer = posted(await client.add_ledger_entry_runtime("good", "correction", ledger, cash(5)))
    assert answer.is_ik_replay is False
