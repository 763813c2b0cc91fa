"""Creates what is missing in Elasticsearch: `python -m shared.search.provision`.

Every kind gets its index and its alias; what stands is left alone. An index that was made with
another mapping version is never touched: it has to be rebuilt (`python -m indexer.rebuild`), and
until then this command says so and exits with OUTDATED_EXIT.
"""

import asyncio
import sys
from dataclasses import dataclass

from shared.errors import ConfigurationError, TwofoldError
from shared.search.elastic import ElasticIndex
from shared.search.index import Kind
from shared.search.indices import MAPPING_VERSION
from shared.settings import load_settings

OUTDATED_EXIT = 3


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What provisioning found and did, kind by kind."""

    created: tuple[Kind, ...]
    outdated: tuple[Kind, ...]  # live on another mapping version: rebuild


async def provision_indices(index: ElasticIndex) -> Provisioned:
    """Creates missing indices with their aliases; harmless when run again, or twice at once."""
    live = {info.kind: info for info in await index.indices() if info.live}
    created = [kind for kind in Kind if kind not in live and await index.create_live_index(kind)]
    if len(live) + len(created) < len(Kind):
        # Another process was faster, or a rebuild was cut off before its alias was set.
        standing = {info.kind for info in await index.indices() if info.live}
        for kind in Kind:
            if kind not in standing:
                raise ConfigurationError(
                    f"an index of {kind.value} stands without its alias: run the rebuild command"
                )
    outdated = [kind for kind, info in live.items() if info.mapping_version != MAPPING_VERSION]
    return Provisioned(tuple(created), tuple(outdated))


async def _provision() -> int:
    index = ElasticIndex(load_settings())
    try:
        done = await provision_indices(index)
    finally:
        await index.close()
    for kind in done.created:
        print(f"created the index of {kind.value}")
    for kind in done.outdated:
        print(
            f"the index of {kind.value} has another mapping than version {MAPPING_VERSION}:"
            " run the rebuild command",
            file=sys.stderr,
        )
    return OUTDATED_EXIT if done.outdated else 0


def main() -> None:
    """The command line's entrance."""
    try:
        sys.exit(asyncio.run(_provision()))
    except TwofoldError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
