"""A Tx's item: what accounts for it stands beside its body, and free claims are none."""

from dataclasses import replace

from shared.ledger.identifiers import external_account_id, tx_id
from shared.ledger.links import Tx, tx_from_record, tx_record
from shared.search.documents import tx_documents, tx_from_source
from shared.store.items import claim_attribute, new_tx_item, tx_attributes, tx_from_item

LINK = "a" * 32
ACCOUNT = external_account_id(LINK, "checking")
TX = Tx(tx_id(ACCOUNT, "t", 1), "w", LINK, ACCOUNT, "checking", "t", 1, 5, "USD", "T", 1, 2)
CLAIMED = replace(TX, reconciled=(("b" * 32, "one"), ("c" * 32, "two")), revision=3)


def test_claims_and_revision_are_read_from_their_attributes():
    item = new_tx_item(TX)
    item |= {"r": 3, "n": 2, claim_attribute("c" * 32): "two", claim_attribute("b" * 32): "one"}
    assert tx_from_item(item) == CLAIMED
    assert tx_from_item({**item, claim_attribute("d" * 32): ""}) == CLAIMED
    assert CLAIMED.entry_of("c" * 32) == "two"
    assert CLAIMED.entry_of("d" * 32) is None


def test_a_write_of_the_body_says_nothing_of_claims():
    assert tx_attributes(CLAIMED) == {"b": new_tx_item(TX)["b"], "r": 3}


def test_record_and_document_carry_the_claims():
    assert tx_from_record(tx_record(CLAIMED)) == CLAIMED
    assert "m" not in tx_record(TX)
    (document,) = tx_documents(CLAIMED)
    assert document.source["reconciled"] == ["b" * 32, "c" * 32]
    assert document.version == 3
    assert tx_from_source({"record": tx_record(CLAIMED)}) == CLAIMED
    assert "reconciled" not in tx_documents(TX)[0].source
