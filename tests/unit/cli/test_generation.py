"""gen-graphql: names, variables in their order, texts, and what can't be generated."""

from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, print_ast, validate

from cli.generation.names import free_name, operation_name, pascal_case
from cli.generation.operations import Operation, schema_operations
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema

ROOT = Path(__file__).parents[3]
SDL = build_schema((ROOT / "shared" / "graphql" / "api.graphql").read_text())
BANK = {"key": "bank", "account": {"path": "bank"}, "amount": "{{amount}}"}
SALES = {"key": "sales", "account": {"path": "sales"}, "amount": "{{amount}}"}


def made(
    *types: dict[str, Any], accounts: list[dict[str, Any]] | None = None, runtime: bool = False
) -> list[Operation] | list[str]:
    document = {
        "key": "tests",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "defaultCurrencyMode": "single",
            "accounts": [
                {"key": "bank", "type": "asset"},
                {"key": "sales", "type": "income"},
                *(accounts or ()),
            ],
        },
        "ledgerEntries": {"types": list(types)},
    }
    schema = parse_schema(document)
    assert isinstance(schema, Schema), schema
    operations = schema_operations(schema, runtime)
    for operation in operations:
        if isinstance(operation, Operation):
            assert validate(SDL, parse(operation.text)) == []
    return operations


def only(*types: dict[str, Any], **options: Any) -> Operation:
    (operation,) = made(*types, **options)
    assert isinstance(operation, Operation)
    return operation


def declared(operation: Operation) -> list[str]:
    """`name: type` of each variable."""
    (node,) = parse(operation.text).definitions
    return [print_ast(each).removeprefix("$") for each in node.variable_definitions]


@pytest.mark.parametrize(
    "entry_type, version, name",
    [
        ("user-funds-account", 1, "PostUserFundsAccount"),
        ("fundingSettlement", 1, "PostFundingSettlement"),
        ("payment_processing", 1, "PostPaymentProcessing"),
        ("user-funds-account", 2, "PostUserFundsAccount_v2"),
        ("USD.refund 2x", 10, "PostUSDRefund2x_v10"),
        ("2fa", 1, "Post2fa"),
        ("überweisung", 1, None),
        ("--", 1, None),
    ],
)
def test_an_operation_is_named_after_its_type(
    entry_type: str, version: int, name: str | None
) -> None:
    assert operation_name("Post", entry_type, version) == name


def test_a_capital_stays_one() -> None:
    assert pascal_case("aBC-def__g") == "ABCDefG"


def test_a_taken_name_gets_underscores() -> None:
    assert free_name("ik", {"posted"}) == "ik"
    assert free_name("ik", {"ik", "ik_"}) == "ik__"


def test_the_whole_text_is_as_documented() -> None:
    operation = only({"type": "user-sale", "description": "Sold.", "lines": [BANK, SALES]})
    assert operation == Operation(
        "PostUserSale",
        """\
mutation PostUserSale($ik: SafeString!, $posted: DateTime, $ledgerIk: SafeString!, $amount: String!) {
  addLedgerEntry(
    ik: $ik
    entry: {ledger: {ik: $ledgerIk}, type: "user-sale", posted: $posted, parameters: {amount: $amount}}
  ) {
    __typename
    ... on AddLedgerEntryResult {
      entry {
        id
        ik
        type
        created
        posted
        description
        ledger {
          ik
        }
        tags {
          key
          value
        }
        groups {
          key
          value
        }
      }
      lines {
        account {
          path
        }
        amount
        currency {
          code
          customCurrencyId
        }
        key
      }
      isIkReplay
    }
    ... on BadRequestError {
      code
      message
      retryable
    }
    ... on InternalError {
      code
      message
      retryable
    }
  }
}""",  # noqa: E501
    )


def test_a_version_is_written_where_the_schema_states_one() -> None:
    lines = [BANK, SALES]
    first, second = made(
        {"type": "sale", "typeVersion": 1, "lines": lines},
        {"type": "sale", "typeVersion": 2, "lines": lines},
    )
    assert isinstance(first, Operation)
    assert isinstance(second, Operation)
    assert first.name == "PostSale"
    assert 'type: "sale", typeVersion: 1, posted' in first.text
    assert second.name == "PostSale_v2"
    assert 'type: "sale", typeVersion: 2, posted' in second.text


def test_a_type_without_lines_gets_no_operation() -> None:
    assert made({"type": "by-hand"}) == []


USERS = {
    "key": "users",
    "type": "liability",
    "template": True,
    "name": "{{user_name}}",
    "currency": {"code": "{{code}}"},
    "consistencyConfig": {"ownBalanceUpdates": "strong"},
    "children": [{"key": "open"}],
}
RICH = {
    "type": "rich",
    "description": "{{why}} {{amount}}",
    "lines": [
        {
            "key": "a",
            "account": {"path": "users:{{from}}/open"},
            "amount": "-{{amount}} - {{fee}} + {{fixed}}",
            "description": "{{note}}",
        },
        {
            "key": "b",
            "account": {"path": "users:{{to}}/open"},
            "amount": "{{amount}} + {{fee}} - {{fixed}}",
            "tags": [{"key": "t", "value": "{{line_tag}}"}],
        },
    ],
    "conditions": [
        {
            "account": {"path": "users:{{to}}/open"},
            "postcondition": {"ownBalance": {"gte": "{{least}}"}},
        }
    ],
    "tags": [{"key": "t", "value": "{{tag}}"}],
    "groups": [{"key": "g", "value": "{{group}}"}],
    "parameters": {"fixed": "0"},
}


def test_parameters_are_declared_once_in_the_order_of_their_first_use() -> None:
    operation = only(RICH, accounts=[USERS])
    names = (
        "to user_name code from amount fee least why note line_tag tag group"  # `fixed` is fixed
    ).split()
    assert declared(operation) == [
        "ik: SafeString!",
        "posted: DateTime",
        "ledgerIk: SafeString!",
        *[f"{name}: String!" for name in names],
    ]
    bound = ", ".join(f"{name}: ${name}" for name in names)
    assert f"parameters: {{{bound}}}}}" in operation.text


def test_runtime_arguments_come_after_posted_and_conditions_only_without_own_ones() -> None:
    sale = {"type": "sale", "lines": [BANK, SALES]}
    assert declared(only(sale, runtime=True))[1:-1] == [
        "posted: DateTime",
        "tags: [LedgerEntryTagInput!]",
        "groups: [LedgerEntryGroupInput!]",
        "conditions: [LedgerEntryConditionInput!]",
        "ledgerIk: SafeString!",
    ]
    operation = only(RICH, accounts=[USERS], runtime=True)
    assert declared(operation)[:5] == [
        "ik: SafeString!",
        "posted: DateTime",
        "tags: [LedgerEntryTagInput!]",
        "groups: [LedgerEntryGroupInput!]",
        "ledgerIk: SafeString!",
    ]
    assert "posted: $posted, tags: $tags, groups: $groups, parameters" in operation.text


def test_an_array_parameter_is_one_variable_of_objects() -> None:
    lines = [
        {
            "key": line["key"],
            "account": line["account"],
            "amount": "{{items.amount}}",
            "repeated": {"key": "items"},
            "description": "{{items.name}} {{who}}",
        }
        for line in (BANK, SALES)
    ]
    operation = only({"type": "sale", "lines": lines})
    assert declared(operation)[3:] == ["items: [JSON!]!", "who: String!"]
    assert "parameters: {items: $items, who: $who}" in operation.text


def test_a_type_with_txs_is_reconciled() -> None:
    linked = {
        "key": "linked",
        "type": "asset",
        "linkedAccount": {"externalId": "e", "linkId": "l"},
    }
    lines = [
        {"key": "tx", "account": {"path": "linked"}, "tx": {"externalId": "{{tx_id}}"}},
        {"key": "sales", "account": {"path": "sales"}},
    ]
    operation = only({"type": "arrives", "lines": lines}, accounts=[linked], runtime=True)
    assert operation.name == "ReconcileArrives"
    assert declared(operation) == [
        "tags: [LedgerEntryTagInput!]",
        "groups: [LedgerEntryGroupInput!]",
        "conditions: [LedgerEntryConditionInput!]",
        "ledgerIk: SafeString!",
        "tx_id: String!",
    ]
    assert "reconcileTx(" in operation.text
    assert "... on ReconcileTxResult" in operation.text
    assert "posted: " not in operation.text


def with_parameter(name: str, entry_type: str = "sale") -> dict[str, Any]:
    lines = [{**line, "amount": f"{{{{{name}}}}}"} for line in (BANK, SALES)]
    return {"type": entry_type, "lines": lines}


def test_a_parameter_that_is_named_like_a_variable_keeps_its_name_on_the_wire() -> None:
    operation = only(with_parameter("posted"))
    assert declared(operation)[3:] == ["posted_: String!"]
    assert "parameters: {posted: $posted_}" in operation.text
    assert declared(only(with_parameter("tags"), runtime=True))[-1] == "tags_: String!"
    assert declared(only(with_parameter("tags")))[-1] == "tags: String!"


def test_every_name_that_graphql_does_not_take_is_told() -> None:
    assert made(
        with_parameter("an-amount"),
        with_parameter("__amount", "other"),
        with_parameter("amount", "доход"),
        with_parameter("amount", "fine"),
    ) == [
        "the entry type sale, version 1: its parameter an-amount is no GraphQL name: "
        "letters, digits and _ only",
        "the entry type other, version 1: its parameter __amount is no GraphQL name: "
        "letters, digits and _ only",
        "the entry type доход, version 1: its type gives no GraphQL name: "
        "it needs ASCII letters or digits",
    ]


def test_two_types_of_one_name_are_told() -> None:
    assert made(with_parameter("amount", "a-sale"), with_parameter("amount", "a_sale")) == [
        "the entry types a-sale, version 1 and a_sale, version 1: both are named PostASale"
    ]
