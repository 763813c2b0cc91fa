"""Provisioning of a real Elasticsearch: repeatable, and honest about what it can't do."""

import asyncio
from collections.abc import AsyncIterator
from secrets import token_hex

import pytest

from shared.errors import ConfigurationError, SearchUnavailable
from shared.search import indices as names
from shared.search.elastic import ElasticIndex
from shared.search.index import Deletion, Document, Kind
from shared.search.provision import Provisioned, provision_indices
from shared.settings import Settings
from tests.contract.search import delete_indices

pytestmark = pytest.mark.engines
LEDGER = "1" * 32


@pytest.fixture
async def index(elasticsearch_url: str) -> AsyncIterator[ElasticIndex]:
    """An Elasticsearch that holds nothing yet under this prefix."""
    prefix = f"provision-{token_hex(4)}-"
    elastic = ElasticIndex(Settings(elasticsearch_url=elasticsearch_url, index_prefix=prefix))
    try:
        yield elastic
    finally:
        await delete_indices(elastic)
        await elastic.close()


async def test_what_is_missing_is_created_and_what_stands_is_left_alone(
    index: ElasticIndex,
) -> None:
    assert await provision_indices(index) == Provisioned(tuple(Kind), ())
    created = await index.indices()
    assert [(info.kind, info.live) for info in created] == [(kind, True) for kind in sorted(Kind)]

    assert await provision_indices(index) == Provisioned((), ())
    assert await index.indices() == created


async def test_provisioning_twice_at_once_creates_each_index_once(index: ElasticIndex) -> None:
    both = await asyncio.gather(provision_indices(index), provision_indices(index))
    assert sorted(kind for done in both for kind in done.created) == sorted(Kind)
    assert len(await index.indices()) == len(Kind)


async def test_before_it_nothing_is_ready_and_no_write_makes_an_index(index: ElasticIndex) -> None:
    assert not await index.ready()
    source = {"ledger": LEDGER, "sort_key": f"{LEDGER}#1"}
    with pytest.raises(SearchUnavailable):
        await index.bulk(
            [
                Document(Kind.ENTRIES, "1", LEDGER, 1, source, b"{}"),
                Deletion(Kind.LINES, "1", LEDGER, 1),
            ]
        )
    with pytest.raises(SearchUnavailable):
        await index.count(Kind.ENTRIES)
    assert await index.indices() == []


async def test_another_mapping_version_is_told_and_left_to_a_rebuild(
    index: ElasticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provision_indices(index)
    monkeypatch.setattr(names, "MAPPING_VERSION", names.MAPPING_VERSION + 1)
    monkeypatch.setattr("shared.search.provision.MAPPING_VERSION", names.MAPPING_VERSION)
    assert await provision_indices(index) == Provisioned((), tuple(sorted(Kind)))

    fresh = {kind: await index.create_index(kind) for kind in Kind}
    await index.swap_aliases(fresh)
    assert all(name.endswith(f"-v{names.MAPPING_VERSION}") for name in fresh.values())
    assert await provision_indices(index) == Provisioned((), ())


async def test_an_index_that_a_rebuild_left_without_alias_is_told(index: ElasticIndex) -> None:
    await index.create_index(Kind.TXS)
    with pytest.raises(ConfigurationError, match="an index of txs stands without its alias"):
        await provision_indices(index)
