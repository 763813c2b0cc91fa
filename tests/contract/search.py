"""Fresh indices for the suites that run on a real Elasticsearch, and none left behind."""

from collections.abc import Awaitable, Callable

from elasticsearch import AsyncElasticsearch

from shared.search.elastic import ElasticIndex
from shared.settings import Settings


async def with_index(settings: Settings, act: Callable[[ElasticIndex], Awaitable[object]]) -> None:
    """Does something with an index of one's own event loop."""
    index = ElasticIndex(settings)
    try:
        await act(index)
    finally:
        await index.close()


async def delete_indices(index: ElasticIndex) -> None:
    """Removes every index of the prefix, live or not."""
    async with AsyncElasticsearch(index.url) as client:
        for info in await index.indices():
            await client.indices.delete(index=info.name)
