"""Accounts of ledgers without a Schema on the in-memory twins: created, posted to, renamed."""

import asyncio
from typing import Any

import pytest

from shared.errors import StoreUnavailable
from shared.search.documents import account_documents
from shared.store import keys
from shared.store.items import account_from_item
from tests.read_rig import OTHER_WORKSPACE
from tests.write_api_rig import ADD_ALL, CREATE, WriteRig
from tests.write_rig import LEDGER_IK

SHOWN = "id path ik name type currencyMode currency { code } parentLedgerAccountId"
CREATE_ONE = """mutation one($ik: SafeString!, $ledger: LedgerMatchInput!,
                             $account: CreateLedgerAccountInput!) {
  createLedgerAccount(ik: $ik, ledger: $ledger, ledgerAccount: $account) {
    __typename
    ... on CreateLedgerAccountResult {
      isIkReplay
      ledgerAccount {
        %s
        parentLedgerAccount { path }
        consistencyConfig { lines ownBalanceUpdates totalBalanceUpdates }
      }
    }
    ... on Error { code message retryable }
  }
}""".replace("%s", SHOWN)
CREATE_ALL = """mutation all($ledger: LedgerMatchInput!, $accounts: [CreateLedgerAccountsInput!]!) {
  createLedgerAccounts(ledger: $ledger, ledgerAccounts: $accounts) {
    __typename
    ... on CreateLedgerAccountsResult {
      ikReplays { ik isIkReplay }
      ledgerAccounts { %s }
    }
    ... on Error { code message retryable }
  }
}""".replace("%s", SHOWN)
UPDATE = """
mutation update($account: LedgerAccountMatchInput!, $update: UpdateLedgerAccountInput!) {
  updateLedgerAccount(ledgerAccount: $account, update: $update) {
    __typename
    ... on UpdateLedgerAccountResult { ledgerAccount { id path name } }
    ... on Error { code message }
  }
}"""
FIND = """query find($account: LedgerAccountMatchInput!) {
  ledgerAccount(ledgerAccount: $account) { id path name ik type }
}"""
STRONG = """query strong($path: String!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "plain"}}) {
    own: ownBalance(consistencyMode: use_account)
    lines { nodes { amount ledgerEntry { ik } } }
  }
}"""
PLAIN = {"ik": "plain"}
TREE = [
    {
        "ik": "assets",
        "name": "Assets",
        "type": "asset",
        "childLedgerAccounts": [
            {"ik": "bank", "name": "Bank"},
            {"ik": "abroad", "name": "Abroad", "currency": {"code": "EUR"}},
        ],
    },
    {
        "ik": "users",
        "name": "Users",
        "type": "liability",
        "consistencyConfig": {"ownBalanceUpdates": "strong", "lines": "strong"},
        "childLedgerAccounts": [{"ik": "ann", "name": "Ann"}, {"ik": "bob", "name": "Bob"}],
    },
]


async def open_plain(writer: WriteRig, ik: str = "plain") -> None:
    made = (await writer.ask(CREATE, ik=ik, ledger={"name": ik})).data["createLedger"]
    assert made["ledger"]["schema"] is None


async def create(writer: WriteRig, accounts: Any = None, **more: Any) -> dict[str, Any]:
    asked = {"ledger": PLAIN, "accounts": TREE if accounts is None else accounts}
    return dict((await writer.ask(CREATE_ALL, **asked, **more)).data["createLedgerAccounts"])


async def create_one(writer: WriteRig, ik: str, **account: Any) -> dict[str, Any]:
    account = {"name": ik, **account}
    answer = await writer.ask(CREATE_ONE, ik=ik, ledger=PLAIN, account=account)
    return dict(answer.data["createLedgerAccount"])


def line(path: str, amount: int, **more: Any) -> dict[str, Any]:
    return {"account": {"path": path}, "amount": str(amount), **more}


async def post(writer: WriteRig, ik: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await writer.add(ik, ledger=PLAIN, lines=list(lines), **more)


async def fund(writer: WriteRig, ik: str, user: str, amount: int, **more: Any) -> dict[str, Any]:
    lines = (line("assets/bank", amount), line(f"users/{user}", amount))
    return await post(writer, ik, *lines, **more)


def replays(made: dict[str, Any]) -> dict[str, bool]:
    return {each["ik"]: each["isIkReplay"] for each in made["ikReplays"]}


# --- Creating -------------------------------------------------------------------------------------
async def test_a_tree_is_created_with_everything_inherited(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    found = {each["path"]: each for each in made["ledgerAccounts"]}
    assert list(found) == [
        "assets",
        "assets/bank",
        "assets/abroad",
        "users",
        "users/ann",
        "users/bob",
    ]
    assert [each["ik"] for each in made["ledgerAccounts"]] == [
        "assets", "bank", "abroad", "users", "ann", "bob"
    ]  # fmt: skip
    assert replays(made) == dict.fromkeys(
        ["assets", "bank", "abroad", "users", "ann", "bob"], False
    )
    assert found["assets/bank"]["type"] == "asset"
    assert found["assets/bank"]["currency"] == {"code": "USD"}
    assert found["assets/abroad"]["currency"] == {"code": "EUR"}
    assert found["users/ann"]["parentLedgerAccountId"] == found["users"]["id"]
    assert found["users"]["parentLedgerAccountId"] is None


async def test_a_repeat_answers_with_the_first_accounts_whatever_it_says(writer: WriteRig):
    await open_plain(writer)
    first = await create(writer)
    before = writer.stored()
    renamed = [{**TREE[0], "name": "Other", "childLedgerAccounts": []}]
    again = await create(writer, renamed)
    assert again["ledgerAccounts"] == first["ledgerAccounts"][:1]
    assert replays(again) == {"assets": True}
    assert replays(await create(writer)) == dict.fromkeys(replays(first), True)
    assert writer.stored() == before


async def test_a_call_that_failed_half_way_is_resumed_by_the_same_call(writer: WriteRig):
    await open_plain(writer)
    children = [{"ik": f"c{at}", "name": "C"} for at in range(119)]
    tree = [{"ik": "root", "name": "Root", "type": "asset", "childLedgerAccounts": children}]
    whole = writer.services.table.transact
    calls = 0

    async def failing(writes: Any, token: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreUnavailable("away")
        return await whole(writes, token)

    writer.services.table.transact = failing  # type: ignore[method-assign]
    failed = await create(writer, tree)
    assert (failed["code"], failed["retryable"]) == ("unavailable", True)
    made = await create(writer, tree)
    told = replays(made)
    assert [told[f"c{at}"] for at in range(119)] == [True] * 49 + [False] * 70
    assert told["root"] is True
    assert len({each["id"] for each in made["ledgerAccounts"]}) == 120


async def test_the_same_call_many_times_at_once_creates_each_account_once(writer: WriteRig):
    await open_plain(writer)
    before = writer.stored()
    answers = await asyncio.gather(*[create(writer) for _ in range(6)])
    assert writer.stored() == before + 2 * 6
    assert len({str(answer["ledgerAccounts"]) for answer in answers}) == 1
    for ik in ("assets", "bank", "ann"):
        assert sorted(replays(answer)[ik] for answer in answers) == [False] + [True] * 5


async def test_accounts_are_created_below_one_that_stands(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    users = made["ledgerAccounts"][3]
    by_path = await create_one(writer, "cid", parent={"path": "users"})
    account = by_path["ledgerAccount"]
    assert (account["path"], account["type"], account["name"]) == ("users/cid", "liability", "cid")
    assert account["parentLedgerAccount"] == {"path": "users"}
    assert account["consistencyConfig"] == {
        "lines": "strong", "ownBalanceUpdates": "strong", "totalBalanceUpdates": "eventual"
    }  # fmt: skip
    by_id = await create(writer, [{"ik": "dan", "name": "Dan", "parent": {"id": users["id"]}}])
    assert by_id["ledgerAccounts"][0]["path"] == "users/dan"
    assert (await create_one(writer, "cid", parent={"path": "users"}))["isIkReplay"] is True


async def test_an_ik_makes_one_account_of_its_ledger(writer: WriteRig):
    await open_plain(writer)
    await create(writer)
    before = writer.stored()
    refused = await create_one(writer, "bank", parent={"path": "users"})
    assert refused["code"] == "ik_conflict"
    assert "assets/bank" in refused["message"]
    assert writer.stored() == before


@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ([], "bad_request"),
        ([{"ik": "a", "name": "A"}], "bad_request"),  # no type at the root
        ([{"ik": "a", "name": "", "type": "asset"}], "invalid_string"),
        ([{"ik": "a", "name": "A", "type": "asset"}] * 2, "bad_request"),
        ([{"ik": "a", "name": "A", "type": "asset", "childLedgerAccounts": [
            {"ik": "b", "name": "B", "type": "income"}]}], "bad_request"),
        ([{"ik": "a", "name": "A", "type": "asset", "childLedgerAccounts": [
            {"ik": "b", "name": "B", "parent": {"path": "a"}}]}], "bad_request"),
        ([{"ik": "a", "name": "A", "parent": {"path": "none"}}], "ledger_account_not_found"),
        ([{"ik": "a", "name": "A", "parent": {"id": "1" * 32}}], "ledger_account_not_found"),
        ([{"ik": "a", "name": "A", "parent": {"id": "x"}}], "ledger_account_not_found"),
        ([{"ik": "a", "name": "A", "parent": {}}], "invalid_match"),
        ([{"ik": "a", "name": "A", "parent": {"path": "assets", "ledger": {"ik": LEDGER_IK}}}],
         "ledger_account_not_found"),
        ([{"ik": "a", "name": "A", "type": "asset", "currencyMode": "multi",
           "currency": {"code": "USD"}}], "invalid_currency"),
        ([{"ik": "a", "name": "A", "type": "asset", "currencyMode": "multi",
           "childLedgerAccounts": [{"ik": "b", "name": "B", "currencyMode": "single"}]}],
         "invalid_currency"),
        ([{"ik": "a", "name": "A", "type": "asset", "currency": {"code": "CUSTOM"}}],
         "invalid_currency"),
        ([{"ik": "a", "name": "A", "type": "asset",
           "currency": {"code": "CUSTOM", "customCurrencyId": "gems"}}],
         "custom_currency_not_found"),
        ([{"ik": "a", "name": "A", "type": "asset", "linkedAccount": {"id": "x"}}],
         "external_account_not_found"),
        ([{"ik": "a", "name": "A", "type": "asset", "linkedAccount": {"id": "x"},
           "childLedgerAccounts": [{"ik": "b", "name": "B"}]}], "bad_request"),
        ([{"ik": "a", "name": "A", "type": "asset", "consistencyConfig": {
            "ownBalanceUpdates": "strong", "totalBalanceUpdates": "strong"}}], "bad_request"),
        ([{"ik": "a", "name": "A", "type": "asset", "childLedgerAccounts": [
            {"ik": f"b{at}", "name": "B"} for at in range(200)]}], "too_many_items"),
    ],
)  # fmt: skip
async def test_a_tree_that_breaks_a_rule_creates_nothing(
    writer: WriteRig, accounts: Any, code: str
):
    await open_plain(writer)
    await create(writer)
    before = writer.stored()
    refused = await create(writer, accounts)
    assert (refused["__typename"], refused["code"]) == ("BadRequestError", code)
    assert writer.stored() == before


async def test_two_hundred_accounts_and_ten_levels_are_the_most(writer: WriteRig):
    await open_plain(writer)

    def chain(levels: int, ik: str) -> dict[str, Any]:
        below = [chain(levels - 1, ik)] if levels > 1 else []
        return {"ik": f"{ik}{levels}", "name": "L", "childLedgerAccounts": below}

    many = [{"ik": f"a{at}", "name": "A", "type": "asset"} for at in range(200)]
    assert len((await create(writer, many))["ledgerAccounts"]) == 200
    deep = await create(writer, [{**chain(10, "d"), "type": "asset"}])
    path = deep["ledgerAccounts"][-1]["path"]
    assert path.count("/") == 9
    before = writer.stored()
    refused = await create(writer, [{**chain(11, "e"), "type": "asset"}])
    assert refused["code"] == "bad_request"
    refused = await create_one(writer, "below", parent={"path": path})
    assert refused["code"] == "bad_request"
    assert writer.stored() == before


async def test_a_ledger_with_a_schema_takes_no_created_accounts(writer: WriteRig):
    before = writer.stored()
    answer = await writer.ask(CREATE_ALL, ledger={"ik": LEDGER_IK}, accounts=TREE)
    assert answer.data["createLedgerAccounts"]["code"] == "ledger_has_schema"
    account = {"name": "A", "type": "asset"}
    answer = await writer.ask(CREATE_ONE, ik="a", ledger={"ik": LEDGER_IK}, account=account)
    assert answer.data["createLedgerAccount"]["code"] == "ledger_has_schema"
    assert writer.stored() == before


# --- Posting --------------------------------------------------------------------------------------
async def test_entries_post_by_path_and_by_id_and_move_strong_balances(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    ids = {each["path"]: each["id"] for each in made["ledgerAccounts"]}
    assert (await fund(writer, "one", "ann", 70))["isIkReplay"] is False
    by_id = [
        {"account": {"id": ids["users/ann"]}, "amount": "-20"},
        {"account": {"id": ids["users/bob"]}, "amount": "20"},
    ]
    assert (await post(writer, "two", *by_id))["isIkReplay"] is False
    assert (await post(writer, "two", *by_id))["isIkReplay"] is True
    ann = (await writer.ask(STRONG, path="users/ann")).data["ledgerAccount"]
    assert ann["own"] == "50"
    lines = ann["lines"]["nodes"]
    found = sorted((each["amount"], each["ledgerEntry"]["ik"]) for each in lines)
    assert found == [("-20", "two"), ("70", "one")]


async def test_a_cold_process_reads_the_accounts_once_and_a_warm_post_nothing(writer: WriteRig):
    await open_plain(writer)
    await create(writer)
    writer.restart()
    await writer.open()
    assert (await fund(writer, "one", "ann", 5))["__typename"] == "AddLedgerEntryResult"
    # The ledger's ik and its head; then all accounts on the way of both lines at once.
    assert writer.calls == {"GetItem": 2, "BatchGetItem": 1, "TransactWriteItems": 1}
    assert writer.read_keys == 4
    await fund(writer, "two", "ann", 5)
    assert writer.calls == {"TransactWriteItems": 1}


async def test_a_cold_process_reads_the_accounts_of_a_batch_at_once(writer: WriteRig):
    await open_plain(writer)
    await create(writer)
    writer.restart()
    await writer.open()
    entries = []
    for ik, user in (("one", "ann"), ("two", "bob")):
        lines = [line("assets/bank", 5), line(f"users/{user}", 5)]
        entries.append({"ik": ik, "entry": {"ledger": PLAIN, "lines": lines}})
    answer = (await writer.ask(ADD_ALL, entries=entries)).data["addLedgerEntries"]
    assert [each["isIkReplay"] for each in answer["results"]] == [False, False]
    assert writer.calls == {"GetItem": 2, "BatchGetItem": 1, "TransactWriteItems": 1}
    assert writer.read_keys == 5


async def test_conditions_hold_on_created_accounts(writer: WriteRig):
    await open_plain(writer)
    await create(writer)
    await fund(writer, "one", "ann", 10)
    lines = (line("users/ann", -11), line("users/bob", 11))
    condition = {"account": {"path": "users/ann"}, "postcondition": {"ownBalance": {"gte": "0"}}}
    before = writer.stored()
    refused = await post(writer, "two", *lines, conditions=[condition])
    assert refused["code"] == "conditional_request_failed"
    on_eventual = {**condition, "account": {"path": "assets/bank"}}
    refused = await fund(writer, "three", "ann", 1, conditions=[on_eventual])
    assert refused["code"] == "invalid_condition"
    assert writer.stored() == before


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"lines": [line("users/ann", 1), line("none", 1)]}, "ledger_account_not_found"),
        ({"lines": [line("users/ann", 1), line("users/none", 1)]}, "ledger_account_not_found"),
        ({"lines": [line("users/ann", 1), line("users:ann", 1)]}, "ledger_account_not_found"),
        ({"lines": [line("users/ann", 1), line("a/" * 600, 1)]}, "ledger_account_not_found"),
        ({"lines": [line("users/ann", 1), line("", 1)]}, "ledger_account_not_found"),
        ({"lines": [line("users/ann", 1), line("assets/bank", 2)]}, "invalid_entry_balance"),
        ({"lines": [line("users/ann", 1), line("assets/abroad", 1)]}, "invalid_entry_balance"),
        ({"lines": [line("assets/abroad", 0, currency={"code": "USD"})]}, "invalid_currency"),
        ({"type": "some", "lines": [line("users/ann", 0)]}, "ledger_without_schema"),
        ({"type": "some"}, "ledger_without_schema"),
        ({}, "lines_required"),
        ({"lines": [line("users/ann", 0)], "parameters": {"a": "1"}}, "unknown_parameter"),
    ],
)
async def test_an_entry_that_does_not_fit_the_accounts_is_refused(
    writer: WriteRig, entry: dict[str, Any], code: str
):
    await open_plain(writer)
    await create(writer)
    before = writer.stored()
    refused = await writer.add("bad", ledger=PLAIN, **entry)
    assert refused["code"] == code
    assert writer.stored() == before


async def test_an_account_created_by_another_process_is_posted_to_at_once(writer: WriteRig):
    await open_plain(writer)
    refused = await fund(writer, "one", "ann", 5)
    assert refused["code"] == "ledger_account_not_found"
    await create(writer)
    other = WriteRig.__new__(WriteRig)
    other.__dict__.update(writer.__dict__)
    other.restart()
    assert (await fund(other, "one", "ann", 5))["isIkReplay"] is False
    await other.close()


async def test_multi_currency_accounts_need_a_currency_for_each_line(writer: WriteRig):
    await open_plain(writer)
    roots = [{"ik": "fx", "name": "FX", "type": "asset", "currencyMode": "multi",
              "childLedgerAccounts": [{"ik": "below", "name": "Below"}]}]  # fmt: skip
    made = await create(writer, roots)
    assert [each["currencyMode"] for each in made["ledgerAccounts"]] == ["multi", "multi"]
    refused = await post(writer, "one", line("fx/below", 1), line("fx", -1))
    assert refused["code"] == "missing_currency"
    eur = {"currency": {"code": "EUR"}}
    posted = await post(writer, "one", line("fx/below", 1, **eur), line("fx", -1, **eur))
    assert posted["isIkReplay"] is False


async def test_another_workspace_finds_none_of_it(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    account_id = made["ledgerAccounts"][0]["id"]
    theirs = {"as_workspace": OTHER_WORKSPACE}
    found = await writer.ask(FIND, account={"id": account_id}, **theirs)
    assert found.data == {"ledgerAccount": None}
    answer = await writer.ask(CREATE_ALL, ledger=PLAIN, accounts=TREE, **theirs)
    assert answer.data["createLedgerAccounts"]["code"] == "ledger_not_found"
    answer = await writer.ask(UPDATE, account={"id": account_id}, update={"name": "X"}, **theirs)
    assert answer.data["updateLedgerAccount"]["code"] == "ledger_account_not_found"


# --- Renaming -------------------------------------------------------------------------------------
async def rename(writer: WriteRig, account: dict[str, Any], **update: Any) -> dict[str, Any]:
    answer = await writer.ask(UPDATE, account=account, update=update)
    return dict(answer.data["updateLedgerAccount"])


async def test_a_new_name_is_seen_at_once_and_counted_as_a_revision(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    bank = made["ledgerAccounts"][1]
    match = {"path": "assets/bank", "ledger": PLAIN}
    renamed = await rename(writer, match, name="Cash at bank")
    assert renamed["ledgerAccount"] == {
        "id": bank["id"], "path": "assets/bank", "name": "Cash at bank"
    }  # fmt: skip
    found = (await writer.ask(FIND, account={"id": bank["id"]})).data["ledgerAccount"]
    assert found["name"] == "Cash at bank"
    item = await writer.table.get(keys.account(bank["id"]), consistent=True)
    assert item is not None
    account = account_from_item(item)
    assert account.revision == 2
    assert account_documents(account)[0].version == 2
    assert replays(await create(writer))["bank"] is True


async def test_a_rename_changes_the_name_alone(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    ann = made["ledgerAccounts"][4]
    item = await writer.table.get(keys.account(ann["id"]), consistent=True)
    config = {"ownBalanceUpdates": "eventual"}
    assert (await rename(writer, {"id": ann["id"]}, consistencyConfig=config))["ledgerAccount"]
    assert (await rename(writer, {"id": ann["id"]}, name="Ann"))["ledgerAccount"]["name"] == "Ann"
    assert await writer.table.get(keys.account(ann["id"]), consistent=True) == item


async def test_many_renames_at_once_all_count(writer: WriteRig):
    await open_plain(writer)
    made = await create(writer)
    account_id = made["ledgerAccounts"][0]["id"]
    answers = await asyncio.gather(
        *[rename(writer, {"id": account_id}, name=f"n{at}") for at in range(5)]
    )
    assert [each["__typename"] for each in answers] == ["UpdateLedgerAccountResult"] * 5
    item = await writer.table.get(keys.account(account_id), consistent=True)
    assert item is not None
    assert item["r"] == 6


async def test_accounts_of_a_schema_are_renamed_too_and_keep_their_names(writer: WriteRig):
    match = {"path": "assets/banks/user-cash", "ledger": {"ik": LEDGER_IK}}
    renamed = await rename(writer, match, name="Till")
    assert renamed["ledgerAccount"]["name"] == "Till"
    await writer.fund("one", "u1", "5")
    instance = {"path": "liabilities/users:u1", "ledger": {"ik": LEDGER_IK}}
    assert (await rename(writer, instance, name="U one"))["ledgerAccount"]["name"] == "U one"
    await writer.fund("two", "u1", "5")
    writer.restart()
    await writer.open()
    for account, name in ((match, "Till"), (instance, "U one")):
        found = (await writer.ask(FIND, account=account)).data["ledgerAccount"]
        assert found["name"] == name


@pytest.mark.parametrize(
    ("account", "update", "code"),
    [
        ({}, {"name": "A"}, "invalid_match"),
        ({"path": "assets"}, {"name": "A"}, "ledger_required"),
        ({"path": "none", "ledger": PLAIN}, {"name": "A"}, "ledger_account_not_found"),
        ({"path": "assets", "ledger": {"ik": "none"}}, {"name": "A"}, "ledger_not_found"),
        ({"id": "1" * 32}, {"name": "A"}, "ledger_account_not_found"),
        ({"id": "x"}, {"name": "A"}, "ledger_account_not_found"),
        ({"path": "assets", "ledger": PLAIN}, {"name": ""}, "invalid_string"),
        ({"path": "assets", "ledger": PLAIN}, {"name": "n" * 257}, "invalid_string"),
    ],
)
async def test_a_rename_that_breaks_a_rule_changes_nothing(
    writer: WriteRig, account: dict[str, Any], update: dict[str, Any], code: str
):
    await open_plain(writer)
    await create(writer)
    assert (await rename(writer, account, **update))["code"] == code
