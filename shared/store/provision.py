"""Creates the tables that are missing: `python -m shared.store.provision`.

Running it again changes nothing.
"""

import asyncio
from typing import Any

from botocore.exceptions import ClientError

from shared.errors import ConfigurationError
from shared.limits import TABLE_WAIT_POLL_S, TABLE_WAIT_POLLS_MAX
from shared.settings import Settings, load_settings
from shared.store.access import boto_client
from shared.store.definition import STREAM_VIEW, TABLES, TableDefinition, create_arguments


def check_table(definition: TableDefinition, described: dict[str, Any], prefix: str) -> None:
    """Raises ConfigurationError if a table that exists isn't the one that `definition` means."""
    expected = create_arguments(definition, prefix)
    name = definition.name(prefix)
    if described["KeySchema"] != expected["KeySchema"]:
        raise ConfigurationError(f"table {name} exists with other keys")
    stream = described.get("StreamSpecification") or {}
    if definition.streamed and stream.get("StreamViewType") != STREAM_VIEW:
        raise ConfigurationError(f"table {name} exists without a stream of {STREAM_VIEW}")


async def _provide(client: Any, definition: TableDefinition, prefix: str) -> bool:
    """Makes sure that one table is there and active; True if it was created now."""
    name = definition.name(prefix)
    created = True
    try:
        await client.create_table(**create_arguments(definition, prefix))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        created = False
    waiter = client.get_waiter("table_exists")
    await waiter.wait(
        TableName=name,
        WaiterConfig={"Delay": TABLE_WAIT_POLL_S, "MaxAttempts": TABLE_WAIT_POLLS_MAX},
    )
    described = await client.describe_table(TableName=name)
    check_table(definition, described["Table"], prefix)
    return created


async def provision(settings: Settings) -> list[str]:
    """Makes sure that both tables are there and active; returns the names of those created now.

    Raises ConfigurationError if one exists that isn't ours, botocore's errors for everything else.
    """
    created = []
    async with await boto_client(settings) as client:
        for definition in TABLES:
            if await _provide(client, definition, settings.table_prefix):
                created.append(definition.name(settings.table_prefix))
    return created


def main() -> None:
    """The command: says what was created."""
    settings = load_settings()
    created = asyncio.run(provision(settings))
    for definition in TABLES:
        name = definition.name(settings.table_prefix)
        print(f"{name}: {'created' if name in created else 'already there'}")


if __name__ == "__main__":
    main()
