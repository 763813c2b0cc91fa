"""Txs of a Stripe Link that lack their other half are found, those of other Links are free."""

from dataclasses import replace

import pytest

from shared.ledger.identifiers import external_account_id, link_id, tx_id
from shared.ledger.link_audits import LinkAudit
from shared.ledger.links import CUSTOM_LINK, STRIPE_LINK, ExternalAccount, Link, Tx

LINK = Link(link_id("w", "s"), "w", STRIPE_LINK, "s", "Stripe", 1, "testmode")
ACCOUNT = ExternalAccount(
    id=external_account_id(LINK.id, "acct_1_usd"),
    workspace_id="w",
    link_id=LINK.id,
    external_id="acct_1_usd",
    name="Stripe USD",
    currency_mode="single",
    currency="USD",
    created_ms=1,
)


def tx(external_id: str) -> Tx:
    return Tx(
        id=tx_id(ACCOUNT.id, external_id, 1),
        workspace_id="w",
        link_id=LINK.id,
        account_id=ACCOUNT.id,
        account_external_id=ACCOUNT.external_id,
        external_id=external_id,
        sequence=1,
        amount=5,
        currency="USD",
        description="",
        posted_ms=7,
        created_ms=8,
    )


def found(link: Link, *txs: Tx) -> list[str]:
    audit = LinkAudit()
    for each in txs:
        audit.add_tx(each, 1, 0)
    audit.add_account(ACCOUNT)
    audit.add_link(link)
    return [finding.detail for finding in audit.audit(())]


PAIR = (tx("t1_gross"), tx("t1_fee"))
LACKS = "a balance transaction lacks its gross or its fee Tx"


def test_pairs_are_whole_in_any_order() -> None:
    assert found(LINK, *PAIR, tx("t2_fee"), tx("t2_gross")) == []


@pytest.mark.parametrize(
    "txs, expected",
    [
        ((PAIR[0],), [LACKS]),
        ((PAIR[1],), [LACKS]),
        ((*PAIR, tx("t2_fee")), [LACKS]),
        ((PAIR[0], tx("t2_fee")), [LACKS]),
        ((PAIR[0], replace(PAIR[1], posted_ms=8)), [LACKS]),
        ((*PAIR, tx("t3")), ["holds 1 Txs that are of no balance transaction"]),
    ],
)
def test_halves_and_strays_are_found(txs: tuple[Tx, ...], expected: list[str]) -> None:
    assert found(LINK, *txs) == expected


def test_custom_links_hold_what_they_like() -> None:
    assert found(replace(LINK, type=CUSTOM_LINK), PAIR[0], tx("t3")) == []
