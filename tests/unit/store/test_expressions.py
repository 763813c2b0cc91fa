"""Writes become DynamoDB's JSON: exact texts, each shape built once."""

import pytest

from shared.store.expressions import (
    decode_item,
    delete_body,
    encode_item,
    encode_value,
    expressions_of,
    put_body,
    transact_item,
    update_body,
)
from shared.store.table import (
    Absent,
    BelowOrAbsent,
    Check,
    Delete,
    Guard,
    Is,
    IsOrAbsent,
    Item,
    Key,
    Present,
    Put,
    TableName,
    Update,
    Within,
)

KEY = Key(TableName.BALANCES, "B#1", "S#USD")
TYPED_KEY = {"pk": {"S": "B#1"}, "sk": {"S": "S#USD"}}
NAMES = {TableName.LEDGER: "t-ledger", TableName.BALANCES: "t-balances"}


def test_an_item_survives_the_way_to_dynamodb_and_back() -> None:
    item: Item = {"pk": "E#1", "sk": ".", "v": -(10**38 - 1), "zero": 0, "b": b"\x00\xff", "e": ""}
    typed = encode_item(item)
    assert typed == {
        "pk": {"S": "E#1"},
        "sk": {"S": "."},
        "v": {"N": "-" + "9" * 38},
        "zero": {"N": "0"},
        "b": {"B": "AP8="},
        "e": {"S": ""},
    }
    assert decode_item(typed) == item


def test_a_number_of_39_digits_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        encode_value(10**38)


def test_an_entry_is_put_if_absent_and_asks_for_the_old_item() -> None:
    put = Put(TableName.LEDGER, {"pk": "E#1", "sk": "."}, (Absent(),))
    assert transact_item(put, NAMES) == {
        "Put": {
            "TableName": "t-ledger",
            "Item": {"pk": {"S": "E#1"}, "sk": {"S": "."}},
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def test_a_put_without_guards_has_no_condition() -> None:
    assert put_body(Put(TableName.LEDGER, {"pk": "E#1", "sk": "."}), "t") == {
        "TableName": "t",
        "Item": {"pk": {"S": "E#1"}, "sk": {"S": "."}},
    }


def test_a_balance_is_added_to_within_bounds() -> None:
    update = Update(KEY, add={"v": 7}, guards=(Within("v", -5, 5),))
    assert transact_item(update, NAMES) == {
        "Update": {
            "TableName": "t-balances",
            "Key": TYPED_KEY,
            "UpdateExpression": "ADD v :0",
            "ConditionExpression": "(attribute_not_exists(v) OR v BETWEEN :1 AND :2)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ExpressionAttributeValues": {":0": {"N": "7"}, ":1": {"N": "-5"}, ":2": {"N": "5"}},
        }
    }


def test_an_update_sets_adds_and_keeps_with_names_for_long_attributes() -> None:
    update = Update(
        KEY, add={"v": 1, "m202401": 2}, set={"b": "x"}, set_if_absent={"m202401x": "y", "r": 3}
    )
    assert update_body(update, "t") == {
        "TableName": "t",
        "Key": TYPED_KEY,
        "UpdateExpression": (
            "SET b = :2, #1 = if_not_exists(#1, :3), r = if_not_exists(r, :4) ADD v :0, #0 :1"
        ),
        "ExpressionAttributeNames": {"#0": "m202401", "#1": "m202401x"},
        "ExpressionAttributeValues": {
            ":0": {"N": "1"},
            ":1": {"N": "2"},
            ":2": {"S": "x"},
            ":3": {"S": "y"},
            ":4": {"N": "3"},
        },
    }


@pytest.mark.parametrize(
    "guard, text, values",
    [
        (Absent(), "attribute_not_exists(pk)", ()),
        (Present(), "attribute_exists(pk)", ()),
        (Is("a", "x"), "a = :0", ("x",)),
        (IsOrAbsent("a", "x"), "(attribute_not_exists(a) OR a = :0)", ("x",)),
        (BelowOrAbsent("r", 3), "(attribute_not_exists(r) OR r < :0)", (3,)),
        (Within("v", 0, 9), "(attribute_not_exists(v) OR v BETWEEN :0 AND :1)", (0, 9)),
        (Within("v", -9, 0), "(attribute_not_exists(v) OR v BETWEEN :0 AND :1)", (-9, 0)),
        (Within("v", 1, 9), "v BETWEEN :0 AND :1", (1, 9)),
        (Within("v", -9, -1), "v BETWEEN :0 AND :1", (-9, -1)),
    ],
)
def test_a_guard_has_one_text(guard: Guard, text: str, values: tuple[str | int, ...]) -> None:
    body = delete_body(Check(KEY, (guard,)), "t")
    assert body["ConditionExpression"] == text
    assert body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    typed = {f":{at}": encode_value(value) for at, value in enumerate(values)}
    assert body.get("ExpressionAttributeValues", {}) == typed


def test_guards_are_joined_and_share_a_long_name() -> None:
    delete = Delete(KEY, (Present(), Is("owner", "we"), BelowOrAbsent("owner", 3)))
    assert transact_item(delete, NAMES) == {
        "Delete": {
            "TableName": "t-balances",
            "Key": TYPED_KEY,
            "ConditionExpression": (
                "attribute_exists(pk) AND #0 = :0 AND (attribute_not_exists(#0) OR #0 < :1)"
            ),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ExpressionAttributeNames": {"#0": "owner"},
            "ExpressionAttributeValues": {":0": {"S": "we"}, ":1": {"N": "3"}},
        }
    }


def test_a_check_is_a_condition_check() -> None:
    assert list(transact_item(Check(KEY, (Present(),)), NAMES)) == ["ConditionCheck"]


def test_a_shape_is_built_once_whatever_its_values() -> None:
    expressions_of.cache_clear()
    for amount in range(50):
        update_body(Update(KEY, add={"v": amount}, guards=(Within("v", -amount, amount),)), "t")
    assert expressions_of.cache_info().misses == 1
