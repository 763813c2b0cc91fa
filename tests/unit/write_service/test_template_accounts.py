"""Posting to accounts of templates, below HTTP: what they are, in the process that made them and in
one that knows nothing yet."""

from typing import Any

import pytest

from shared.ledger.entries import EntryCondition
from shared.ledger.rejections import Rejection
from tests.template_books import Books, command, line, post, posted, refusal, typed
from tests.write_rig import WORKSPACE
from write_service.commands import LedgerMatch
from write_service.ledgers import instantiate_account
from write_service.plans import Committed
from write_service.posting import post_batch, post_entry


@pytest.fixture
async def books() -> Books:
    return Books()


# --- Conditions -----------------------------------------------------------------------------------
async def test_a_parameter_of_a_condition_leads_to_no_account_below(books: Books) -> None:
    strong = {"ownBalanceUpdates": "strong"}
    users = {"key": "u", "type": "liability", "template": True, "consistencyConfig": strong}
    bounds = {"ownBalance": {"gte": "0"}}
    condition = {"account": {"path": "u:{{i}}"}, "postcondition": bounds}
    await books.open(
        [{**users, "children": [{"key": "x"}]}], [{"type": "free", "conditions": [condition]}]
    )
    lines = [line("u:1", 5), line("u:1/x", -5)]
    entry = posted(await post(books.warm, "one", type="free", lines=lines, parameters={"i": "1"}))
    assert [type(each) for each in entry.conditions] == [EntryCondition]
    assert entry.conditions[0].account_path == "u:1"
    before = books.stored()
    outcome = await post(books.warm, "two", type="free", lines=lines, parameters={"i": "1/x"})
    code, message = refusal(outcome)
    assert code == "invalid_parameter"
    assert message.startswith("The parameter i must be ")
    assert books.stored() == before


# --- Currencies and links by parameters -----------------------------------------------------------
CURRENCY = {"code": "{{cur}}"}
WALLETS: list[dict[str, Any]] = [
    {"key": "cash", "type": "asset", "template": True, "currency": CURRENCY},
    {
        "key": "w",
        "type": "liability",
        "template": True,
        "currency": CURRENCY,
        "children": [{"key": "in"}, {"key": "out"}],
    },
]
WALLET_TYPES = [
    typed(name, c=("cash:{{c}}", "{{n}}"), w=(path, "{{n}}"))
    for name, path in (("top", "w:{{i}}"), ("in", "w:{{i}}/in"), ("out", "w:{{i}}/out"))
]


def wallet(kind: str, currency: str, cash: str = "1") -> dict[str, Any]:
    return {"type": kind, "parameters": {"i": "1", "c": cash, "n": "500", "cur": currency}}


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize(
    ("kind", "cash", "path"),
    [("in", "1", "cash:1"), ("in", "2", "w:1/in"), ("out", "2", "w:1"), ("top", "2", "w:1")],
    ids=[
        "both stand",
        "the account stands",
        "the one above stands",
        "an account with others below",
    ],
)
async def test_a_standing_account_is_never_posted_to_in_another_currency_than_asked(
    books: Books, is_warm: bool, kind: str, cash: str, path: str
) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    entry = posted(await post(books.warm, "one", **wallet("in", "EUR")))
    assert {each.currency for each in entry.lines} == {"EUR"}
    before = books.stored()
    services = books.warm if is_warm else books.cold()
    for ik in ("two", "three"):
        code, message = refusal(await post(services, ik, **wallet(kind, "USD", cash)))
        assert code == "invalid_currency"
        assert message.endswith(": the account stands already with another currency")
    assert message.startswith(f"{path}:")
    assert books.stored() == before
    again = posted(await post(services, "four", **wallet(kind, "EUR", cash)))
    assert {each.currency for each in again.lines} == {"EUR"}


@pytest.mark.parametrize("is_warm", [True, False])
async def test_lines_without_parameters_take_the_currency_of_what_stands(
    books: Books, is_warm: bool
) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    posted(await post(books.warm, "one", **wallet("in", "EUR")))
    services = books.warm if is_warm else books.cold()
    entry = posted(await post(services, "two", lines=[line("cash:1", 5), line("w:1/in", 5)]))
    assert [each.currency for each in entry.lines] == ["EUR", "EUR"]


@pytest.mark.parametrize("is_warm", [True, False])
async def test_an_account_below_one_with_another_link_is_not_posted_to(
    books: Books, is_warm: bool
) -> None:
    linked = {"linkIk": "bank", "linkType": "CustomLink", "externalId": "{{ext}}"}
    bank = {"key": "b", "type": "asset", "template": True, "linkedAccount": linked}
    owed = {"key": "owed", "type": "liability"}
    lines = {"b": ("b:{{i}}/fee", "1"), "o": ("owed", "1")}
    await books.open([{**bank, "children": [{"key": "fee"}]}, owed], [typed("fee", **lines)])
    fee = {"type": "fee", "parameters": {"i": "1", "ext": "one"}}
    posted(await post(books.warm, "one", **fee))
    before = books.stored()
    services = books.warm if is_warm else books.cold()
    fee["parameters"] = {"i": "1", "ext": "two"}
    for ik in ("two", "three"):
        assert refusal(await post(services, ik, **fee))[0] == "linked_account_conflict"
    assert books.stored() == before


async def test_an_instance_is_not_made_below_one_of_another_currency(books: Books) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    posted(await post(books.warm, "one", **wallet("top", "EUR")))
    before = books.stored()
    for services in (books.warm, books.cold()):
        made = await instantiate_account(
            services, WORKSPACE, LedgerMatch(ik="books"), "w:1/in", {"cur": "USD"}
        )
        assert isinstance(made, Rejection)
        assert made.code == "invalid_currency"
    assert books.stored() == before


async def test_a_warm_post_to_accounts_of_templates_reads_nothing(books: Books) -> None:
    await books.open(WALLETS, WALLET_TYPES, mode="multi")
    posted(await post(books.warm, "one", **wallet("in", "EUR")))
    books.metrics.calls.clear()
    posted(await post(books.warm, "two", **wallet("in", "EUR")))
    assert books.metrics.calls == {"TransactWriteItems": 1}


# --- Names by parameters --------------------------------------------------------------------------
USERS: list[dict[str, Any]] = [
    {"key": "a", "type": "asset"},
    {
        "key": "u",
        "type": "liability",
        "template": True,
        "name": "User {{nick}}",
        "children": [{"key": "av"}, {"key": "pe"}],
    },
]
PAY = typed("pay", u=("u:{{i}}/av", "5"), a=("a", "5"))


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize("is_batch", [True, False])
async def test_a_line_without_parameters_makes_what_is_missing_below_a_standing_account(
    books: Books, is_warm: bool, is_batch: bool
) -> None:
    await books.open(USERS, [PAY])
    posted(await post(books.warm, "one", type="pay", parameters={"i": "1", "nick": "Ann"}))
    services = books.warm if is_warm else books.cold()
    asked = command("two", lines=[line("u:1/av", -1), line("u:1/pe", 1)])
    outcome = await (post_batch(services, [asked]) if is_batch else post_entry(services, asked))
    assert isinstance(outcome, Committed)
    names = {path: name for path, name in books.names().items() if path.startswith("u:")}
    assert names == {"u:1": "User Ann", "u:1/av": "av", "u:1/pe": "pe"}


async def test_a_line_without_parameters_makes_no_account_whose_name_needs_one(
    books: Books,
) -> None:
    await books.open(USERS, [PAY])
    posted(await post(books.warm, "one", type="pay", parameters={"i": "1", "nick": "Ann"}))
    before = books.stored()
    for services in (books.warm, books.cold()):
        lines = [line("u:1/av", -1), line("u:2/pe", 1)]
        assert refusal(await post(services, "two", lines=lines)) == (
            "missing_parameter",
            "The parameter nick is missing; the name of u:2 needs it.",
        )
    assert books.stored() == before


# --- How long a text becomes ----------------------------------------------------------------------
WORDY: list[dict[str, Any]] = [
    {"key": "a", "type": "asset"},
    {"key": "u", "type": "liability", "template": True, "name": "{{x}}{{x}}"},
]
TALK = {**typed("talk", u=("u:{{i}}", "5"), a=("a", "5")), "description": "{{y}}{{y}}"}
TELL = typed("tell", u=("u:{{i}}", "5"), a=("a", "5"))
TELL["lines"][1]["description"] = "{{y}}{{y}}"


@pytest.mark.parametrize(
    ("kind", "parameters", "where", "chars_max"),
    [
        ("talk", {"x": "😀" * 129, "y": "y"}, "name of u:1", 256),
        ("talk", {"x": "x", "y": "😀" * 513}, "description of the entry", 1024),
        ("tell", {"x": "x", "y": "😀" * 513}, "description of the line a", 1024),
    ],
)
async def test_a_text_that_becomes_too_long_is_refused(
    books: Books, kind: str, parameters: dict[str, str], where: str, chars_max: int
) -> None:
    await books.open(WORDY, [TALK, TELL])
    before = books.stored()
    parameters = {"i": "1", **parameters}
    assert refusal(await post(books.warm, "one", type=kind, parameters=parameters)) == (
        "invalid_string",
        f"the {where} must be at most {chars_max} characters, not {chars_max + 2} characters.",
    )
    assert books.stored() == before


async def test_texts_may_become_as_long_as_given_ones(books: Books) -> None:
    await books.open(WORDY, [TALK, TELL])
    parameters = {"i": "1", "x": "x" * 128, "y": "y" * 512}
    assert posted(await post(books.warm, "one", type="talk", parameters=parameters)).description
    entry = posted(await post(books.warm, "two", type="tell", parameters=parameters))
    assert entry.lines[1].description == "y" * 1024
    assert books.names()["u:1"] == "x" * 256


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("x" * 129, "invalid_string"),
        ("x" * 1025, "invalid_parameter"),
        ("x" * 100_000, "invalid_parameter"),
        ("\x07bell", "invalid_parameter"),
        ("\x00", "invalid_parameter"),
        ("", "invalid_parameter"),
        (1, "invalid_parameter"),
        (None, "invalid_parameter"),
    ],
)
async def test_an_instance_is_named_by_no_odd_parameter(
    books: Books, value: object, code: str
) -> None:
    await books.open(WORDY, [TALK])
    before = books.stored()
    made = await instantiate_account(
        books.warm, WORKSPACE, LedgerMatch(ik="books"), "u:1", {"x": value}
    )
    assert isinstance(made, Rejection)
    assert made.code == code
    assert len(made.message) < 300
    assert books.stored() == before
