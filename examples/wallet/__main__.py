"""The wallet at work: `python -m examples.wallet`, against `make run`."""

import asyncio
import sys
from uuid import uuid4

from fragment.sdk.client import Client

from examples.connection import client_arguments
from examples.wallet.ledger import Refused
from examples.wallet.setup import open_wallet, sync_charge
from examples.wallet.wallet import WalletService


def dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100}.{abs(cents) % 100:02d}"


async def main() -> None:
    async with Client(**client_arguments()) as client:
        run = uuid4().hex[:8]
        wallet = WalletService(await open_wallet(client, f"wallet-{run}"))

        first = await wallet.deposit("bob", 10_00, "deposit-1")
        again = await wallet.deposit("bob", 10_00, "deposit-1")
        same = "the same entry" if again.entry.id == first.entry.id else "ANOTHER ENTRY"
        print(f"Bob deposits $10.00, twice by mistake: {same}")

        transfers = [wallet.transfer("bob", to, 7_00, f"to-{to}") for to in ("alice", "carol")]
        outcomes = await asyncio.gather(*transfers, return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, Refused)]
        if len(refused) != 1:
            sys.exit(f"error: of two transfers of $7.00 at once, {len(refused)} were refused")
        print(f"Bob sends $7.00 to two friends at once: one is refused, {refused[0].code}")

        charge = f"ch_{run}"
        await sync_charge(client, charge, 10_00, "2024-06-01T10:00:00Z")
        entry = (await wallet.reconcile_charge(charge, "bob")).entry
        again = (await wallet.reconcile_charge(charge, "bob")).entry
        same = "one entry" if entry.id == again.id else "TWO ENTRIES"
        print(f"The charge {charge} comes in and is reconciled, twice by mistake: {same}")

        print("\nBob's history")
        for line in await wallet.history("bob"):
            print(f"  {line.posted}  {line.description:<20}{dollars(line.cents):>9}")
        print(f"  {'balance':<46}{dollars(await wallet.balance('bob')):>9}")


if __name__ == "__main__":
    asyncio.run(main())
