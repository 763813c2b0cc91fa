"""Valid documents: the guide's Schemas compile, and to what."""

import pytest

from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema, canonical_json, element_parameters
from tests.builders_schema import (
    compiled,
    edited,
    guide_types,
    line,
    multi_currency,
    posting_chart,
    quickstart,
    with_types,
)


def guide_type(section: str):
    entry_type = guide_types()[section]
    schema = compiled(with_types(entry_type, chart=posting_chart()))
    return schema.entry_types[entry_type["type"], 1]


# --- The guide's Schemas -------------------------------------------------------------------------


def test_the_quickstart_compiles():
    schema = compiled(quickstart())
    assert (schema.key, schema.name) == ("quickstart-schema", "Quickstart Schema")
    assert set(schema.entry_types) == {("user_funds_account", 1), ("p2p_transfer", 1)}
    assert not schema.entries_strong
    transfer = schema.entry_types["p2p_transfer", 1]
    assert transfer.parameters == {"from_user_id", "to_user_id", "transfer_amount"}
    assert transfer.amount_parameters == {"transfer_amount"}
    assert transfer.status == "active"
    assert transfer.post_lines_as == "raw_lines"
    assert transfer.lines is not None
    given = {"from_user_id": "u1", "to_user_id": "u2", "transfer_amount": "5"}
    assert [line.path.render(given) for line in transfer.lines] == [
        "liabilities/users:u1/available",
        "liabilities/users:u2/available",
    ]
    amounts = [
        line.amount and line.amount.evaluate({"transfer_amount": 5}) for line in transfer.lines
    ]
    assert amounts == [-5, 5]


def test_a_condition_keeps_its_balance_and_bounds():
    (condition,) = compiled(quickstart()).entry_types["p2p_transfer", 1].conditions
    assert (condition.when, condition.scope) == ("post", "own")
    assert condition.node.pattern == "liabilities/users:*/available"
    assert condition.gte is not None
    assert condition.gte.constant == 0
    assert (condition.eq, condition.lte, condition.currency, condition.repeated) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("section", sorted(guide_types()))
def test_the_guides_entry_types_compile(section: str):
    assert guide_type(section).version == 1


def test_the_guides_multi_currency_schema_compiles():
    schema = compiled(multi_currency())
    assert schema.custom_currency_ids == {"blue-gems"}
    assert schema.entry_types["user_funds_account", 1].parameters == {
        "currency",
        "funding_amount",
        "from_user_id",
    }


def test_a_runtime_type_has_no_lines():
    assert guide_type("E.g runtime").lines is None


def test_a_line_without_an_amount_takes_it_from_its_tx_or_balances_the_rest():
    lines = guide_type("F.g one Tx").lines
    assert lines is not None
    assert [(each.amount, each.is_balancing) for each in lines] == [(None, False), (None, True)]


def test_parameters_of_a_linked_template_account_are_the_types_too():
    assert guide_type("F.d linked template").parameters == {
        "customer",
        "amount",
        "bank_transaction_id",
        "BANK_LINK_ID",
        "BANK_ACCOUNT_ID",
    }


def test_tags_and_groups_are_templates():
    tags = guide_type("G tags").tags
    given = {"user_id": "u1", "deposit_flow_id": "d1"}
    assert [(tag.key, tag.value.render(given)) for tag in tags] == [
        ("user", "u1"),
        ("deposit_flow", "d1"),
        ("deposit_flow_type", "ach"),
    ]
    (group,) = guide_type("M groups").groups
    assert (group.key, group.value.text) == ("withdrawal", "{{withdrawal_id}}")


def test_the_entries_list_is_strong_when_the_document_says_so():
    assert compiled(
        edited(quickstart(), {"consistencyConfig": {"entries": "strong"}})
    ).entries_strong


# --- What is ours --------------------------------------------------------------------------------


def test_a_schemas_name_defaults_to_its_key():
    assert compiled(edited(quickstart(), {"name": ...})).name == "quickstart-schema"


def test_explicit_null_means_absent():
    document = edited(
        quickstart(),
        {
            "scenes": None,
            "ledgerEntries.types[0].conditions": None,
            "ledgerEntries.types[0].typeVersion": None,
            "ledgerEntries.types[0].lines[0].currency": None,
            "chartOfAccounts.accounts[0].consistencyConfig": None,
        },
    )
    assert canonical_json(compiled(document).json) == canonical_json(quickstart())


def test_the_canonical_form_orders_members_and_drops_nulls():
    assert canonical_json({"b": [{"d": None, "c": "é"}, None], "a": None}) == (
        '{"b":[{"c":"é"},null]}'.encode()
    )


def test_fixed_parameters_are_not_asked_for():
    entry_type = {
        "type": "fee",
        "parameters": {"fee": 5, "user": "u1"},
        "lines": [
            line("a", "assets/banks/user-cash", "{{fee}}"),
            line("b", "liabilities/users:{{user}}/pending", "{{fee}} - {{rest}}"),
            line("c", "income", "{{rest}}"),
        ],
    }
    compiled_type = compiled(with_types(entry_type)).entry_types["fee", 1]
    assert compiled_type.parameters == {"rest"}
    assert compiled_type.fixed == {"fee": "5", "user": "u1"}
    assert compiled_type.amount_parameters == {"fee", "rest"}


def test_a_repeated_line_uses_the_fields_of_its_element():
    entry_type = {
        "type": "payroll",
        "lines": [
            line("bank", "assets/banks/user-cash", "-{{total}}"),
            line(
                "employee",
                "liabilities/users:{{employees.id}}/pending",
                "-{{employees.amount}}",
                description="{{month}} for {{employees.id}}",
                repeated={"key": "employees"},
            ),
        ],
    }
    compiled_type = compiled(with_types(entry_type)).entry_types["payroll", 1]
    assert compiled_type.parameters == {"total", "month"}
    assert compiled_type.repeated == {"employees": {"id", "amount"}}
    assert compiled_type.amount_parameters == {"total", "employees.amount"}
    assert compiled_type.lines is not None
    template = compiled_type.lines[1]
    filled = {"month": "May"} | element_parameters("employees", {"id": "e1", "amount": "3"})
    assert template.repeated == "employees"
    assert template.path.render(filled) == "liabilities/users:e1/pending"
    assert template.description is not None
    assert template.description.render(filled) == "May for e1"


def test_a_condition_may_bound_several_balances():
    account = {"path": "liabilities/users:{{u}}/available"}
    entry_type = {
        "type": "t",
        "lines": [
            line("a", account["path"], "{{m}}"),
            line("b", "assets/banks/user-cash", "{{m}}"),
        ],
        "conditions": [
            {
                "account": account,
                "precondition": {"ownBalance": {"eq": "{{seen}} - {{m}}"}},
                "postcondition": {"ownBalance": {"gte": "0", "lte": "{{limit}}"}},
            }
        ],
    }
    before, after = compiled(with_types(entry_type)).entry_types["t", 1].conditions
    assert (before.when, after.when) == ("pre", "post")
    assert before.eq is not None
    assert before.eq.evaluate({"seen": 9, "m": 2}) == 7
    assert after.lte is not None
    assert after.lte.parameters == ("limit",)


def test_a_total_balance_condition_is_moved_by_lines_below():
    account = {"path": "liabilities/users:{{u}}"}
    entry_type = {
        "type": "t",
        "lines": [
            line("a", "liabilities/users:{{u}}/available", "{{m}}"),
            line("b", "assets/banks/user-cash", "{{m}}"),
        ],
        "conditions": [{"account": account, "postcondition": {"totalBalance": {"gte": "0"}}}],
    }
    document = edited(
        with_types(entry_type),
        {
            "chartOfAccounts.accounts[1].children[0].consistencyConfig": {
                "totalBalanceUpdates": "strong"
            }
        },
    )
    (condition,) = compiled(document).entry_types["t", 1].conditions
    assert (condition.scope, condition.node.pattern) == ("total", "liabilities/users:*")


def test_versions_of_a_type_stand_beside_each_other():
    first = quickstart()["ledgerEntries"]["types"][0]
    second = {**first, "typeVersion": 2, "status": "archived"}
    schema = compiled(with_types(first, second))
    assert schema.entry_types["user_funds_account", 1].status == "active"
    assert schema.entry_types["user_funds_account", 2].status == "archived"


def test_payments_and_scenes_are_kept_as_stated():
    fee = {
        "key": "fee",
        "account": {"path": "expense"},
        "amount": "{{amount}}",
        "system": "payment_fee_line",
    }
    payment_type = {
        "type": "charge",
        "typeVersion": 1,
        "status": "active",
        "payment": {"amount": "{{amount}}", "direction": "payin"},
        "accounting": {
            "initiated": {
                "lines": [
                    line("in", "assets/banks/user-cash", "{{amount}}"),
                    line("owed", "liabilities/users:{{user}}/pending", "{{amount}}"),
                ]
            },
            "settled": {"description": "{{user}} paid", "lines": [fee]},
        },
    }
    scene = {
        "name": "A charge",
        "payments": [{"ik": "p1", "type": "charge", "parameters": {"amount": "5", "user": "u"}}],
        "events": [
            {"eventType": "payment", "payment": {"ik": "p1", "event": "settled"}},
            {
                "eventType": "entry",
                "entry": {"type": "user_funds_account", "parameters": {"funding_amount": "5"}},
            },
        ],
    }
    document = edited(
        quickstart(),
        {
            "payments": {"types": [payment_type]},
            "scenes": [scene],
            "chartOfAccounts.accounts[3].payment": {"enabled": True},
        },
    )
    schema = compiled(document)
    assert schema.payment_types == {("charge", 1): payment_type}
    assert schema.scenes == (scene,)


def test_group_definitions_name_their_clearing_account():
    groups = [
        {
            "key": "withdrawal",
            "description": "From {{value}}",
            "reconciliation": {
                "clearingAccountPath": {"path": "liabilities/users:{{user}}/pending"}
            },
        }
    ]
    (group,) = compiled(edited(quickstart(), {"groups": groups})).groups
    assert group.key == "withdrawal"
    assert group.clearing_account_path is not None
    assert group.clearing_account_path.parameters == ("user",)


def test_a_compiled_schema_compiles_from_its_own_json():
    schema = compiled(multi_currency())
    again = parse_schema(schema.json)
    assert isinstance(again, Schema)
    assert set(again.entry_types) == set(schema.entry_types)
    assert canonical_json(again.json) == canonical_json(schema.json)
