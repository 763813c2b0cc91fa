"""Txs in every Index, real or in memory: listed, scanned and counted by their External Account; and
the Ledger Accounts of all ledgers that are linked to one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from secrets import token_hex

import pytest

from shared.ledger.accounts import LedgerAccount
from shared.ledger.identifiers import account_id, external_account_id, tx_id
from shared.ledger.links import Tx
from shared.search.clauses import Not, Term
from shared.search.documents import (
    DELETED,
    account_documents,
    account_from_source,
    linked_term,
    tx_documents,
    tx_from_source,
)
from shared.search.elastic import ElasticIndex
from shared.search.index import (
    ACCOUNTS_OF_EXTERNAL,
    TXS_NEWEST,
    Index,
    ItemStatus,
    Kind,
    SearchRequest,
)
from shared.search.provision import provision_indices
from shared.settings import Settings
from shared.testing.memory_index import MemoryIndex
from tests.contract.search import delete_indices, with_index

INDICES = ("memory", pytest.param("elasticsearch", marks=pytest.mark.engines))
LINK = "a" * 32
ONE, TWO = (external_account_id(LINK, name) for name in ("one", "two"))


@pytest.fixture(params=INDICES)
def settings(request: pytest.FixtureRequest) -> Iterator[Settings | None]:
    """Of an Elasticsearch with fresh indices; None for the twin."""
    if request.param == "memory":
        yield None
        return
    url, prefix = request.getfixturevalue("elasticsearch_url"), f"contract-{token_hex(4)}-"
    made = Settings(elasticsearch_url=url, index_prefix=prefix)
    asyncio.run(with_index(made, provision_indices))
    yield made
    asyncio.run(with_index(made, delete_indices))


@pytest.fixture
async def index(settings: Settings | None) -> AsyncIterator[Index]:
    made = MemoryIndex(auto_refresh=False) if settings is None else ElasticIndex(settings)
    yield made
    await made.close()


def tx(account: str, number: int) -> Tx:
    external_id = f"t{number}"
    return Tx(
        id=tx_id(account, external_id, 1),
        workspace_id="w",
        link_id=LINK,
        account_id=account,
        account_external_id="one",
        external_id=external_id,
        sequence=1,
        amount=10**30 + number,
        currency="USD",
        description=f"Tx {number}",
        posted_ms=1_000 * number,
        created_ms=5,
    )


async def test_txs_are_listed_scanned_and_counted_by_their_account(index: Index) -> None:
    mine = [tx(ONE, number) for number in range(1, 8)]
    gone = replace(mine[3], deleted_at_ms=9, revision=2)
    documents = [each for one in (*mine, gone, tx(TWO, 1)) for each in tx_documents(one)]
    results = await index.bulk([*documents[7:], *documents[:7]])
    statuses = [result.status for result in results]
    assert statuses.count(ItemStatus.STALE) == 1  # the revision before the deletion came late
    assert statuses.count(ItemStatus.APPLIED) == 8
    await index.refresh()
    request = SearchRequest(TXS_NEWEST, (ONE,), (Not(Term("flags", DELETED)),), 4)
    (first,) = await index.search([request])
    (second,) = await index.search([replace(request, after=first.hits[-1].position)])
    found = [tx_from_source(hit.source) for page in (first, second) for hit in page.hits]
    assert found == [one for one in reversed(mine) if one.id != gone.id]
    (back,) = await index.search([replace(request, before=second.hits[0].position, span_ms=1_000)])
    assert back.hits == first.hits
    scanned = [tx_from_source(each.source) async for each in index.scan(Kind.TXS, ONE)]
    assert scanned == [gone if one.id == gone.id else one for one in reversed(mine)]
    assert await index.count(Kind.TXS) == 8
    assert await index.count(Kind.TXS, ONE) == 7
    assert await index.count(Kind.TXS, TWO, (Term("external_id", "t1"),)) == 1


def linked(number: int, external_id: str | None, workspace_id: str = "w") -> LedgerAccount:
    """The bank of the `number`-th ledger, created at that second."""
    ledger_id = f"{number:032x}"
    return LedgerAccount(
        id=account_id(ledger_id, "bank"),
        ledger_id=ledger_id,
        workspace_id=workspace_id,
        path="bank",
        ik="bank",
        name=None,
        type="asset",
        currency_mode="single",
        currency="USD",
        parent_id=None,
        parent_path=None,
        created_ms=1_000 * number,
        linked=None if external_id is None else (LINK, external_id),
    )


async def test_linked_accounts_are_listed_over_all_ledgers(index: Index) -> None:
    mine = [linked(number, "one") for number in range(1, 31)]
    others = [linked(40, "two"), linked(41, None), linked(42, "one", "another-workspace")]
    documents = [each for one in (*mine, *others) for each in account_documents(one)]
    assert {each.status for each in await index.bulk(documents)} == {ItemStatus.APPLIED}
    await index.refresh()
    request = SearchRequest(ACCOUNTS_OF_EXTERNAL, (linked_term("w", ONE),), (), 20)
    (first,) = await index.search([request])
    after = replace(request, after=first.hits[-1].position)
    second, txs = await index.search([after, SearchRequest(TXS_NEWEST, (ONE,), (), 1)])
    found = [account_from_source(hit.source) for page in (first, second) for hit in page.hits]
    assert found == mine[::-1]
    assert (first.more, second.more, txs.hits) == (True, False, ())
    (back,) = await index.search([replace(request, before=second.hits[0].position, span_ms=1_000)])
    assert back.hits == first.hits
