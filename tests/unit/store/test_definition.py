"""Two tables, on demand; only what is true is streamed."""

import pytest

from shared.errors import ConfigurationError
from shared.store.definition import BALANCES, LEDGER, TABLES, TableDefinition, create_arguments
from shared.store.provision import check_table

KEYS = [
    {"AttributeName": "pk", "KeyType": "HASH"},
    {"AttributeName": "sk", "KeyType": "RANGE"},
]


def test_only_the_ledger_table_has_a_stream_of_both_images() -> None:
    ledger, balances = (create_arguments(each, "x-") for each in TABLES)
    assert ledger["TableName"] == "x-ledger"
    assert ledger["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    assert balances["TableName"] == "x-balances"
    assert "StreamSpecification" not in balances


@pytest.mark.parametrize("definition", TABLES)
def test_both_tables_have_text_keys_and_are_on_demand(definition: TableDefinition) -> None:
    arguments = create_arguments(definition, "x-")
    assert arguments["KeySchema"] == KEYS
    assert {each["AttributeType"] for each in arguments["AttributeDefinitions"]} == {"S"}
    assert arguments["BillingMode"] == "PAY_PER_REQUEST"


def test_a_foreign_table_of_the_same_name_is_told() -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    check_table(LEDGER, {"KeySchema": KEYS, "StreamSpecification": stream}, "x-")
    check_table(BALANCES, {"KeySchema": KEYS}, "x-")
    with pytest.raises(ConfigurationError, match="x-ledger exists with other keys"):
        check_table(LEDGER, {"KeySchema": KEYS[:1], "StreamSpecification": stream}, "x-")
    with pytest.raises(ConfigurationError, match="without a stream"):
        check_table(LEDGER, {"KeySchema": KEYS}, "x-")
