"""Scalars: what is taken, in which form it is answered, and what is refused."""

from typing import Any
from uuid import uuid4

import pytest
from fragment.sdk.enums import CurrencyCode
from fragment.sdk.input_types import (
    CreateLedgerInput,
    CurrencyMatchInput,
    LedgerAccountMatchInput,
    LedgerLineInput,
)

from tests.conformance.asking import ask, eventually, posted, total
from tests.conformance.rules import rule

pytestmark = pytest.mark.engines

INT96_MAX = 2**120 - 1
CASH = "assets/cash"
EQUITY = "income/fees"
STRONG = """query strong($ik: SafeString!) {
  ledgerAccount(ledgerAccount: {ledger: {ik: $ik}, path: "assets/cash"}) {
    ownBalance(consistencyMode: strong)
  }
}"""
POST_BY_LITERAL = """mutation post($ik: SafeString!, $ledger: SafeString!, $user: String!) {
  addLedgerEntry(ik: $ik, entry: {
    ledger: {ik: $ledger}, type: "deposit", posted: "1969-07-21"
    parameters: {user: $user, amount: "5", fee: "1"}
  }) { ... on AddLedgerEntryResult { lines { amount } entry { parameters } } }
}"""


def lines(amount: str) -> list[LedgerLineInput]:
    return [
        LedgerLineInput(account=LedgerAccountMatchInput(path=path), amount=amount)
        for path in (CASH, EQUITY)
    ]


async def post(client: Any, ledger: str, ik: str, amount: str, **more: Any) -> Any:
    answer = await client.add_ledger_entry_runtime(ik, "correction", ledger, lines(amount), **more)
    return answer.add_ledger_entry


async def strong(client: Any, ledger: str) -> str:
    found = await ask(client, STRONG, ik=ledger)
    balance: str = found["ledgerAccount"]["ownBalance"]
    return balance


@rule("reference 3 Scalars", "SafeString takes no slash, hash, colon, template or empty string")
async def test_iks_that_are_no_safe_strings_are_refused(client: Any, ledger: str) -> None:
    for ik in ("a/b", "a#b", "a:b", "{{a}}", ""):
        with pytest.raises(Exception, match="SafeString"):
            await post(client, ledger, ik, "1")
    for ik in ("a b", "a-b_c.d", "{a}", "é", "💸"):
        assert (await post(client, ledger, ik, "1")).entry.ik == ik
    assert await strong(client, ledger) == "5"


@rule("reference 3 Scalars", "Int96 is a signed whole number as a string, within ±(2^120 - 1)")
async def test_amounts_reach_both_ends_of_their_range_and_no_further(
    client: Any, ledger: str
) -> None:
    assert (await post(client, ledger, "most", str(INT96_MAX))).lines[0].amount == str(INT96_MAX)
    assert await strong(client, ledger) == str(INT96_MAX)
    refused = await post(client, ledger, "over", "1")
    assert refused.typename__ == "BadRequestError"
    assert refused.code == "balance_overflow"
    await post(client, ledger, "back", str(-INT96_MAX))
    await post(client, ledger, "least", str(-INT96_MAX))
    assert await strong(client, ledger) == str(-INT96_MAX)
    assert (await post(client, ledger, "under", "-1")).code == "balance_overflow"
    for number, amount in enumerate((str(INT96_MAX + 1), str(-INT96_MAX - 1), "1.5", "1e3", "x")):
        with pytest.raises(Exception, match="Int96 must be"):
            await post(client, ledger, f"bad-{number}", amount)
        assert (await client.get_ledger_entry(f"bad-{number}", ledger)).ledger_entry is None
    assert await strong(client, ledger) == str(-INT96_MAX)


@rule("reference 3 Scalars", "A sum of one account's lines never leaves Int96")
async def test_sum_of_parameters_that_leaves_the_range_is_refused(client: Any, ledger: str) -> None:
    parameters = {"user": "ann", "amount": str(INT96_MAX), "fee": "-1"}
    refused = (await client.add_ledger_entry("o", ledger, "deposit", parameters)).add_ledger_entry
    assert refused.typename__ == "BadRequestError"
    assert refused.code == "amount_overflow"
    assert (await client.get_ledger_entry("o", ledger)).ledger_entry is None


@rule("reference 3 Scalars", "DateTime is ISO 8601: a date alone is its midnight, no zone is UTC")
@rule("reference 3 Scalars", "DateTime is answered in UTC with milliseconds and Z, Date as a day")
@pytest.mark.parametrize(
    "given, told",
    [
        ("1969-07-21", "1969-07-21T00:00:00.000Z"),
        ("1969-07-16T13:32:00.000Z", "1969-07-16T13:32:00.000Z"),
        ("1969-07-16T13:32:00Z", "1969-07-16T13:32:00.000Z"),
        ("1969-07-16T13:32:00", "1969-07-16T13:32:00.000Z"),
        ("1969-07-16T01:32:00.250+02:00", "1969-07-15T23:32:00.250Z"),
        ("0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
async def test_moments_are_read_and_told(client: Any, ledger: str, given: str, told: str) -> None:
    result = await post(client, ledger, "at", "1", posted=given)
    assert result.entry.posted == told
    query = """query day($ik: SafeString!) {
      ledgerEntry(ledgerEntry: {ik: "at", ledger: {ik: $ik}}) {
        posted date lines { nodes { posted date } }
      }
    }"""
    moment = {"posted": told, "date": told[:10]}
    found = await ask(client, query, ik=ledger)
    assert found["ledgerEntry"] == {**moment, "lines": {"nodes": [moment, moment]}}


@rule("reference 3 Scalars", "LastMoment is the end of a year, month, day or hour")
@rule("reference 3 Scalars", "A moment or period that is none is refused")
async def test_last_moments_are_ends(client: Any, ledger: str) -> None:
    await post(client, ledger, "last", "1", posted="1969-12-31T23:59:59.999Z")
    await post(client, ledger, "next", "10", posted="1970-01-01T00:00:00.000Z")

    async def read() -> list[str]:
        moments = (
            "1969",
            "1969-12",
            "1969-12-31",
            "1969-12-31T23",
            "1969-12-31T22",
            "1970-01-01T00",
        )
        return [await total(client, ledger, CASH, balance_at=one) for one in moments]

    await eventually(read, ["1", "1", "1", "1", "0", "11"])
    for bad in ("1969-13", "1969-02-30", "1969-12-31T24", "now", "69"):
        with pytest.raises(Exception, match="LastMoment"):
            await total(client, ledger, CASH, balance_at=bad)


@rule("reference 3 Scalars", "UTCOffset is hours from UTC, printed with its sign; half hours too")
async def test_offsets_are_kept_as_printed(
    client: Any, schema: dict[str, Any], ledger: str
) -> None:
    for offset in ("-11:00", "-08:00", "+00:00", "+05:30", "+12:00"):
        ik = f"ledger-{uuid4().hex[:12]}"
        wanted = CreateLedgerInput(name="Offset", balanceUTCOffset=offset)
        await client.create_ledger(ik, wanted, schema["key"])
        assert (await client.get_ledger(ik)).ledger.balance_utc_offset == offset
    for offset in ("-25:00", "8", "PST", "+05:7"):
        wanted = CreateLedgerInput(name="Offset", balanceUTCOffset=offset)
        with pytest.raises(Exception, match="UTCOffset"):
            await client.create_ledger(f"ledger-{uuid4().hex[:12]}", wanted, schema["key"])


@rule("reference 3 Scalars", "JSON in a document is a literal with variables inside")
async def test_parameters_are_written_in_the_document(client: Any, ledger: str) -> None:
    found = await ask(client, POST_BY_LITERAL, ik="literal", ledger=ledger, user="ann")
    assert found["addLedgerEntry"] == {
        "lines": [{"amount": "5"}, {"amount": "4"}, {"amount": "1"}],
        "entry": {"parameters": {"user": "ann", "amount": "5", "fee": "1"}},
    }


@rule("reference 3 Scalars", "An id is opaque, safe in a URL, and the same at every reading")
async def test_ids_are_stable_and_safe(client: Any, ledger: str) -> None:
    first = await post(client, ledger, "id", "1")
    again = await post(client, ledger, "id", "1")
    ids = [first.entry.id, *(line.id for line in first.lines)]
    assert [again.entry.id, *(line.id for line in again.lines)] == ids
    assert len(set(ids)) == 3
    assert all(one.replace("-", "").replace("_", "").isalnum() for one in ids)


@rule("reference 1 Transport", "An explicit null is an argument that is absent")
async def test_null_is_absent(client: Any, ledger: str) -> None:
    usd = CurrencyMatchInput(code=CurrencyCode.USD, customCurrencyId=None)
    given = [
        LedgerLineInput(
            account=LedgerAccountMatchInput(path=path, id=None, ledger=None),
            amount="3",
            currency=usd,
            description=None,
            key=None,
            tx=None,
            tags=None,
        )
        for path in (CASH, EQUITY)
    ]
    answer = await client.add_ledger_entry_runtime(
        "null", "correction", ledger, given, posted=None, tags=None, groups=None, type_version=None
    )
    assert [line.amount for line in posted(answer).lines] == ["3", "3"]
