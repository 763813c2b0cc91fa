"""Variables and arguments: null is absent, defaults hold, what is wrong is named with its place."""

from typing import Any

import pytest

from tests.graphql_rig import run, schema_with

DECLARED = {
    "$user": "$user: String",
    "$parameters": "$parameters: JSON",
}
ENTRY = """
mutation Add($ik: SafeString!, $type: String, $version: Int = 7, $posted: DateTime,
             $tags: [LedgerEntryTagInput!], DECLARED) {
  addLedgerEntry(ik: $ik, entry: {
    ledger: {ik: "ledger"}, type: $type, typeVersion: $version, posted: $posted, description: null,
    tags: $tags, parameters: PARAMETERS
  }) { __typename }
}
"""


def entry_document(parameters: str) -> str:
    """A mutation whose `parameters` are this literal; it declares the variables in it."""
    declared = " ".join(text for name, text in DECLARED.items() if name in parameters)
    return ENTRY.replace("DECLARED", declared).replace("PARAMETERS", parameters)


class Recorder:
    """A resolver that remembers the arguments of its last call."""

    def __init__(self) -> None:
        self.arguments: dict[str, Any] = {}

    def __call__(self, _source: object, _info: object, **arguments: Any) -> dict[str, Any]:
        self.arguments = arguments
        return {"isIkReplay": False}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def added(recorder: Recorder, parameters: str, variables: dict[str, Any]) -> dict[str, Any]:
    schema = schema_with({"Mutation": {"addLedgerEntry": recorder}})
    answer = await run(schema, entry_document(parameters), variables)
    assert answer == {"data": {"addLedgerEntry": {"__typename": "AddLedgerEntryResult"}}}
    entry: dict[str, Any] = recorder.arguments["entry"]
    return entry


async def test_null_variables_and_null_literals_are_absent(recorder: Recorder) -> None:
    nulls = {"ik": "x", "type": None, "posted": None, "user": None, "tags": None}
    entry = await added(recorder, "$parameters", nulls | {"parameters": None, "version": None})
    assert recorder.arguments["ik"] == "x"
    assert entry == {"ledger": {"ik": "ledger"}, "typeVersion": 7}


async def test_null_does_not_override_the_default_of_an_operation(recorder: Recorder) -> None:
    assert (await added(recorder, "null", {"ik": "x", "version": None}))["typeVersion"] == 7
    assert (await added(recorder, "null", {"ik": "x"}))["typeVersion"] == 7
    assert (await added(recorder, "null", {"ik": "x", "version": 2}))["typeVersion"] == 2


async def test_nulls_inside_json_variables_stay(recorder: Recorder) -> None:
    parameters = {"a": None, "b": {"c": None}}
    entry = await added(recorder, "$parameters", {"ik": "x", "parameters": parameters})
    assert entry["parameters"] == parameters


async def test_json_literals_take_variables(recorder: Recorder) -> None:
    given = {"ik": "x", "user": "u1"}
    assert (await added(recorder, '{user_id: $user, a: "1"}', given))["parameters"] == {
        "user_id": "u1",
        "a": "1",
    }
    assert (await added(recorder, "{user_id: $user, b: 2}", {"ik": "x", "user": None}))[
        "parameters"
    ] == {"b": 2}


async def test_scalars_arrive_as_the_ledgers_values(recorder: Recorder) -> None:
    tags = [{"key": "k", "value": "v"}]
    entry = await added(
        recorder, "null", {"ik": "x", "posted": "1970-01-01T00:00:01Z", "tags": tags}
    )
    assert entry["posted"] == 1000
    assert entry["tags"] == tags


async def test_null_members_of_input_objects_are_absent() -> None:
    recorder = Recorder()
    schema = schema_with({"Mutation": {"addLedgerEntry": recorder}})
    await run(
        schema,
        "mutation($entry: LedgerEntryInput!) "
        '{ addLedgerEntry(ik: "x", entry: $entry) { __typename } }',
        {
            "entry": {
                "type": None,
                "tags": None,
                "ledger": {"id": None, "ik": "l"},
                "lines": [{"account": {"path": "a"}, "amount": "5", "tx": None}],
                "parameters": {"kept": None},
            }
        },
    )
    assert recorder.arguments["entry"] == {
        "ledger": {"ik": "l"},
        "lines": [{"account": {"path": "a"}, "amount": 5}],
        "parameters": {"kept": None},
    }


async def test_a_single_value_stands_for_a_list_of_one() -> None:
    recorder = Recorder()
    schema = schema_with({"Mutation": {"deleteCustomTxs": recorder}})
    await run(schema, 'mutation { deleteCustomTxs(txs: "a") { __typename } }')
    assert recorder.arguments == {"txs": ["a"]}
    document = "mutation($txs: [ID!]!) { deleteCustomTxs(txs: $txs) { __typename } }"
    await run(schema, document, {"txs": "b"})
    assert recorder.arguments == {"txs": ["b"]}


@pytest.mark.parametrize(
    "variables, place, rule",
    [
        ({}, "$ik", "was not provided"),
        ({"ik": None}, "$ik", "must not be null"),
        ({"ik": "a/b"}, "$ik", "SafeString must be a string without / # : and {{…}}"),
        ({"ik": "x", "version": "1"}, "$version", "Int cannot represent non-integer value"),
        ({"ik": "x", "posted": "soon"}, "$posted", "DateTime must be a moment as"),
        ({"ik": "x", "tags": [{"key": "a"}]}, "tags[0]", "Field 'value' of required type"),
        ({"ik": "x", "tags": [{"key": "a", "value": None}]}, "tags[0].value", "not to be None"),
        ({"ik": "x", "tags": [{"key": "#", "value": "v"}]}, "tags[0].key", "SafeString must be"),
        ({"ik": "x", "tags": [None]}, "tags[0]", "not to be None"),
        ({"ik": "x", "tags": [{"key": "k", "value": "v", "o": 1}]}, "tags[0]", "not defined"),
        ({"ik": "x", "tags": "text"}, "$tags", "to be a mapping"),
    ],
)
async def test_what_does_not_fit_is_named_with_its_place(
    variables: dict[str, Any], place: str, rule: str
) -> None:
    schema = schema_with({"Mutation": {"addLedgerEntry": Recorder()}})
    answer = await run(schema, entry_document("{a: $user, b: $parameters}"), variables)
    assert "data" not in answer
    [error] = answer["errors"]
    assert place in error["message"]
    assert rule in error["message"]
    assert error["extensions"] == {"code": "bad_user_input", "retryable": False}
    assert error["locations"]


async def test_an_unknown_enum_value_is_refused() -> None:
    schema = schema_with()
    document = 'query($m: ReadBalanceConsistencyMode) { ledgerAccount(ledgerAccount: {id: "a"}) '
    document += "{ ownBalance(consistencyMode: $m) } }"
    for value in ("STRONG", 1, ["strong"], {}):
        answer = await run(schema, document, {"m": value})
        assert answer["errors"][0]["extensions"]["code"] == "bad_user_input"


@pytest.mark.parametrize(
    "line, place, rule",
    [
        ({"amount": str(2**120)}, "entry.lines[0].amount", "Int96 must be"),
        ({"tx": {"id": 1.5}}, "entry.lines[0].tx.id", "ID cannot represent"),
        ({"tags": [{"key": "#", "value": "v"}]}, "lines[0].tags[0].key", "SafeString must be"),
        ({"currency": {"code": "USB"}}, "currency.code", "does not exist in 'CurrencyCode' enum"),
        ({"currency": {"code": 1}}, "currency.code", "'CurrencyCode' cannot represent non-string"),
    ],
)
async def test_what_does_not_fit_beside_an_enum_is_named_alone(
    line: dict[str, Any], place: str, rule: str
) -> None:
    document = "mutation($entry: LedgerEntryInput!) "
    document += '{ addLedgerEntry(ik: "x", entry: $entry) { __typename } }'
    fitting = {"account": {"path": "a"}, "amount": "5", "currency": {"code": "USD"}}
    schema = schema_with({"Mutation": {"addLedgerEntry": Recorder()}})
    answer = await run(schema, document, {"entry": {"lines": [fitting | line]}})
    [error] = answer["errors"]
    assert place in error["message"]
    assert rule in error["message"]
    assert error["extensions"] == {"code": "bad_user_input", "retryable": False}


async def test_a_required_member_whose_variable_is_null_is_refused() -> None:
    recorder = Recorder()
    schema = schema_with({"Mutation": {"createCustomCurrency": recorder}})
    document = """mutation($id: SafeString!, $name: String! = "n") {
      createCustomCurrency(customCurrency: {
        customCode: "c", customCurrencyId: $id, name: $name, precision: 1
      }) { __typename }
    }"""
    await run(schema, document, {"id": "i", "name": None})
    assert recorder.arguments["customCurrency"]["name"] == "n"
    answer = await run(schema, document, {"id": None})
    assert "must not be null" in answer["errors"][0]["message"]


async def test_at_most_ten_errors_are_told() -> None:
    schema = schema_with()
    document = "mutation($txs: [ID!]!) { deleteCustomTxs(txs: $txs) { __typename } }"
    answer = await run(schema, document, {"txs": [None] * 1000})
    assert len(answer["errors"]) == 11
    assert "Too many errors" in answer["errors"][10]["message"]
