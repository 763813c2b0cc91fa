"""What one transaction can carry, in a process that knows the accounts and in one that doesn't."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.ledger.rejections import Rejection
from tests.linked_books import open_bank, sync
from tests.simulation.links import ACCOUNTS
from tests.template_books import Books, command, post, posted, typed
from tests.write_rig import WORKSPACE
from write_service.chains import entry_by_id
from write_service.plans import Committed, Rejected
from write_service.posting import WriteServices, post_batch, post_entry
from write_service.reconciling import reconcile
from write_service.revising import Migrated, migrate_entry

USERS = 26  # of an entry: each an instance with another below it, both of strong total balances
LINKED = {"linkIk": "bank", "linkType": "CustomLink", "externalId": ACCOUNTS[0]}
TOTALS = {"totalBalanceUpdates": "strong"}
CHART: list[dict[str, Any]] = [
    {"key": "cash", "type": "asset"},
    {"key": "bank", "type": "asset", "linkedAccount": LINKED},
    {
        "key": "u",
        "type": "liability",
        "template": True,
        "currency": {"code": "{{cur}}"},
        "consistencyConfig": TOTALS,
        "children": [{"key": "av"}],
    },
    {"key": "thin", "type": "liability", "template": True, "currency": {"code": "USD"}},
]
EACH = {
    "key": "u",
    "account": {"path": "u:{{p.i}}/av"},
    "amount": "1",
    "repeated": {"key": "p"},
}
PAY = typed("pay", c=("cash", "{{n}}"))
SPLIT = typed("split", b=("bank", "{{n}}"))
SPLIT["lines"][0]["tx"] = {"externalId": "{{tx}}"}
THIN = typed("thin", c=("cash", "{{n}}"))
for each in (PAY, SPLIT, THIN):
    each["lines"][0]["currency"] = {"code": "{{cur}}"}
    each["lines"].append(EACH)
THIN["lines"][1] = {**EACH, "account": {"path": "thin:{{p.i}}"}}


def pay(users: range, *, type: str = "pay", currency: str = "USD") -> dict[str, Any]:
    elements = [{"i": str(i)} for i in users]
    return {"type": type, "parameters": {"n": str(len(users)), "p": elements, "cur": currency}}


@pytest.fixture
async def books() -> Books:
    """All users' accounts stand."""
    found = Books()
    await found.open(CHART, [PAY, SPLIT, THIN], mode="multi")
    for first in range(0, USERS, 10):
        users = range(first, min(first + 10, USERS))
        posted(await post(found.warm, f"u{first}", **pay(users)))
    await open_bank(found.warm)
    return found


async def _post(books: Books, services: WriteServices) -> bool:
    return isinstance(await post_entry(services, command("x", **pay(range(USERS)))), Committed)


async def _post_batch(books: Books, services: WriteServices) -> bool:
    halves = [range(USERS // 2), range(USERS // 2, USERS)]
    asked = [command(str(at), **pay(users)) for at, users in enumerate(halves)]
    return isinstance(await post_batch(services, asked), Committed)


async def _reconcile(books: Books, services: WriteServices) -> bool:
    (tx,) = await sync(books.warm, 18)
    assert tx.amount == USERS
    asked = pay(range(USERS), type="split")
    asked["parameters"] |= {"tx": tx.external_id}
    return isinstance(await reconcile(services, command(None, **asked)), Committed)


async def _migrate(books: Books, services: WriteServices) -> bool:
    old = posted(await post(books.warm, "old", **pay(range(1))))
    _, standing = await entry_by_id(services.table, services.prefetcher, WORKSPACE, old.id)
    new = command("old", **pay(range(USERS)))
    return isinstance(await migrate_entry(services, standing, new), Migrated)


WAYS = [_post, _post_batch, _reconcile, _migrate]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_warm", [True, False])
async def test_accounts_that_stand_take_no_room(
    books: Books, is_warm: bool, way: Callable[[Books, WriteServices], Awaitable[bool]]
) -> None:
    assert await way(books, books.warm if is_warm else books.cold())


async def test_what_stands_otherwise_is_refused_where_everything_was_too_large(
    books: Books,
) -> None:
    before = books.stored()
    asked = command("x", **pay(range(USERS), currency="EUR"))
    outcome = await post_entry(books.cold(), asked)
    assert isinstance(outcome, Rejected)
    assert [each.code for _, each in outcome.rejections] == ["invalid_currency"]
    outcome = await post_batch(books.cold(), [command("y", **pay(range(1))), asked])
    assert isinstance(outcome, Rejected)
    assert [(at, each.code) for at, each in outcome.rejections] == [(1, "invalid_currency")]
    assert books.stored() == before


async def test_accounts_are_looked_for_until_more_are_missing_than_fit(books: Books) -> None:
    before = books.stored()
    shares = [range(first, first + 29) for first in range(0, 29 * 20, 29)]
    batch = [command(str(at), **pay(each, type="thin")) for at, each in enumerate(shares)]
    services = books.cold()
    books.metrics.calls.clear()
    assert await post_batch(services, batch) == Rejection(
        "ledger_entry_batch_too_large",
        f"The entries write {20 + 20 * 29} items at once; at most 100 fit.",
        False,
    )
    assert books.metrics.calls["BatchGetItem"] == 1, "of 580 accounts 100 are looked for"
    assert books.stored() == before


async def test_what_is_too_large_without_its_accounts_reads_none(books: Books) -> None:
    before = books.stored()
    shares = [range(first, first + 29) for first in range(USERS, USERS + 29 * 4, 29)]
    services = books.cold()
    books.metrics.calls.clear()
    batch = [command(str(at), **pay(each)) for at, each in enumerate(shares)]
    assert await post_batch(services, batch) == Rejection(
        "ledger_entry_batch_too_large",
        f"The entries write {4 + 4 * 29 * 4} items at once; at most 100 fit.",
        False,
    )
    assert "BatchGetItem" not in books.metrics.calls
    assert books.stored() == before
