"""Reads whole tables, page by page: what a rebuild and `verify` go through."""

from collections.abc import AsyncIterator, Callable

from indexer.records import UNREADABLE
from shared.ledger.entries import LedgerEntry
from shared.store.items import entry_from_item
from shared.store.table import Item, Table, TableName

PAGES_MAX = 10_000_000
TELL_EVERY_ENTRIES = 50_000


async def pages(table: Table, name: TableName) -> AsyncIterator[list[Item]]:
    """Every item that stood in the table all the while, in pages; of others some."""
    after: tuple[str, str] | None = None
    for _ in range(PAGES_MAX):
        page = await table.scan(name, after=after)
        if page.items:
            yield page.items
        if page.next_key is None:
            return
        after = page.next_key
    raise AssertionError("a table that never ends")


async def partitions(table: Table, name: TableName) -> AsyncIterator[tuple[str, list[Item]]]:
    """Every partition with all its items; a scan gives the items of one together."""
    pk, held = "", list[Item]()
    async for page in pages(table, name):
        for item in page:
            if item["pk"] != pk:
                if held:
                    yield pk, held
                pk, held = str(item["pk"]), []
            held.append(item)
    if held:
        yield pk, held


async def scanned_entries(
    table: Table, say: Callable[[str], None]
) -> AsyncIterator[list[LedgerEntry]]:
    """Every entry of the table that can be read, in pages."""
    count = 0
    async for page in pages(table, TableName.LEDGER):
        entries = []
        for item in page:
            if str(item["pk"])[:2] == "E#":
                try:
                    entries.append(entry_from_item(item))
                except UNREADABLE:
                    continue  # it was put aside when the stream told it
        if (count + len(entries)) // TELL_EVERY_ENTRIES > count // TELL_EVERY_ENTRIES:
            say(f"{count + len(entries)} entries read")
        count += len(entries)
        yield entries
