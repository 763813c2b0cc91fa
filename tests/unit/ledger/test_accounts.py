"""Ledger Accounts: which External Account one names."""

from dataclasses import replace

import pytest

from shared.ledger.accounts import LedgerAccount
from shared.ledger.identifiers import external_account_id, link_id

LINK = "1" * 32
OWN_LINK = link_id("w", "bank")
ACCOUNT = LedgerAccount(
    id="a" * 32,
    ledger_id="l" * 32,
    workspace_id="w",
    path="bank",
    ik="bank",
    name=None,
    type="asset",
    currency_mode="single",
    currency="USD",
    parent_id=None,
    parent_path=None,
    created_ms=0,
    linked=None,
)


@pytest.mark.parametrize(
    ("linked", "expected"),
    [
        (None, None),
        ((LINK, "one"), external_account_id(LINK, "one")),
        (("bank", "one"), external_account_id(OWN_LINK, "one")),
        ((None, external_account_id(LINK, "one")), external_account_id(LINK, "one")),
        ((None, "one"), None),
        ((LINK, "o/ne"), None),
        ((LINK, ""), None),
        ((LINK, None), None),
        (("bank", "\ud800"), None),
    ],
)
def test_the_external_account_follows_from_the_link_and_its_external_id(
    linked: tuple[str | None, str | None] | None, expected: str | None
) -> None:
    assert replace(ACCOUNT, linked=linked).external_account_id == expected
